//! AWS's answers as documents: what the `aws` command prints.
//!
//! The SDK's types cannot be serialised, so every document is written here, in one
//! place, member by member in the order of AWS's reference. A member AWS left out is
//! left out. Policy documents come URL-encoded (RFC 3986) and are stored decoded, as
//! the `aws` command shows them. What no judgement needs and people would not want
//! copied (postal addresses, telephone numbers, certificate bodies) is not stored.

use aws_sdk_iam::types as iam;
use aws_sdk_identitystore::types as store;
use aws_sdk_organizations::types as org;
use aws_sdk_secretsmanager::types as secrets;
use aws_sdk_ssoadmin::types as sso;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value;

/// Something that may become a member of a JSON object.
pub(super) trait Member {
    fn member(self) -> Option<Value>;
}

impl Member for Value {
    fn member(self) -> Option<Value> {
        Some(self)
    }
}

impl Member for &str {
    fn member(self) -> Option<Value> {
        Some(Value::from(self))
    }
}

impl Member for &String {
    fn member(self) -> Option<Value> {
        Some(Value::from(self.as_str()))
    }
}

impl Member for bool {
    fn member(self) -> Option<Value> {
        Some(Value::from(self))
    }
}

impl Member for i32 {
    fn member(self) -> Option<Value> {
        Some(Value::from(self))
    }
}

impl Member for i64 {
    fn member(self) -> Option<Value> {
        Some(Value::from(self))
    }
}

impl Member for &DateTime {
    /// To the millisecond, which is all AWS keeps: times that come as fractions of a
    /// second since 1970 would show the rounding of binary fractions otherwise.
    fn member(self) -> Option<Value> {
        let millis = self.secs().checked_mul(1_000)?;
        let rest = i64::from(self.subsec_nanos().saturating_add(500_000) / 1_000_000);
        let rounded = DateTime::from_millis(millis.checked_add(rest)?);
        rounded.fmt(Format::DateTime).ok().map(Value::from)
    }
}

impl Member for &[String] {
    fn member(self) -> Option<Value> {
        Some(Value::from(self))
    }
}

impl Member for Vec<Value> {
    fn member(self) -> Option<Value> {
        Some(Value::Array(self))
    }
}

impl<M: Member> Member for Option<M> {
    fn member(self) -> Option<Value> {
        self.and_then(M::member)
    }
}

/// An object of the members that are there.
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {{
        let mut map = ::serde_json::Map::new();
        $(if let Some(value) = $crate::connect::aws::document::Member::member($value) {
            map.insert($name.to_owned(), value);
        })*
        ::serde_json::Value::Object(map)
    }};
}
pub(super) use object;

/// Each item of a list as a document.
pub(super) fn list<T>(items: &[T], document: impl Fn(&T) -> Value) -> Vec<Value> {
    items.iter().map(document).collect()
}

/// A list that AWS may have left out.
fn maybe<T>(items: Option<&Vec<T>>, document: impl Fn(&T) -> Value) -> Option<Vec<Value>> {
    items.map(|items| list(items, document))
}

/// A policy document as the object it is; as text when it is none.
///
/// Real IAM URL-encodes documents, some stand-ins for it do not.
pub(super) fn policy_document(text: &str) -> Value {
    let plain = text.trim_start();
    let decoded = if plain.starts_with('{') {
        plain.into()
    } else {
        percent_encoding::percent_decode_str(text).decode_utf8_lossy()
    };
    match serde_json::from_str::<Value>(&decoded) {
        Ok(value @ Value::Object(_)) => value,
        _ => Value::from(text),
    }
}

fn tag(tag: &iam::Tag) -> Value {
    object! { "Key": &tag.key, "Value": &tag.value }
}

fn attached(policy: &iam::AttachedPolicy) -> Value {
    object! { "PolicyName": policy.policy_name(), "PolicyArn": policy.policy_arn() }
}

fn inline(policy: &iam::PolicyDetail) -> Value {
    object! {
        "PolicyName": policy.policy_name(),
        "PolicyDocument": policy.policy_document().map(policy_document),
    }
}

fn boundary(boundary: &iam::AttachedPermissionsBoundary) -> Value {
    object! {
        "PermissionsBoundaryType": boundary
            .permissions_boundary_type()
            .map(iam::PermissionsBoundaryAttachmentType::as_str),
        "PermissionsBoundaryArn": boundary.permissions_boundary_arn(),
    }
}

fn last_used(used: &iam::RoleLastUsed) -> Value {
    object! { "LastUsedDate": used.last_used_date(), "Region": used.region() }
}

/// A user of GetAccountAuthorizationDetails.
pub(super) fn user_detail(user: &iam::UserDetail) -> Value {
    object! {
        "Path": user.path(),
        "UserName": user.user_name(),
        "UserId": user.user_id(),
        "Arn": user.arn(),
        "CreateDate": user.create_date(),
        "UserPolicyList": maybe(user.user_policy_list.as_ref(), inline),
        "GroupList": user.group_list(),
        "AttachedManagedPolicies": list(user.attached_managed_policies(), attached),
        "PermissionsBoundary": user.permissions_boundary().map(boundary),
        "Tags": list(user.tags(), tag),
    }
}

/// A group of GetAccountAuthorizationDetails.
pub(super) fn group_detail(group: &iam::GroupDetail) -> Value {
    object! {
        "Path": group.path(),
        "GroupName": group.group_name(),
        "GroupId": group.group_id(),
        "Arn": group.arn(),
        "CreateDate": group.create_date(),
        "GroupPolicyList": list(group.group_policy_list(), inline),
        "AttachedManagedPolicies": list(group.attached_managed_policies(), attached),
    }
}

/// A role of GetAccountAuthorizationDetails.
pub(super) fn role_detail(role: &iam::RoleDetail) -> Value {
    object! {
        "Path": role.path(),
        "RoleName": role.role_name(),
        "RoleId": role.role_id(),
        "Arn": role.arn(),
        "CreateDate": role.create_date(),
        "AssumeRolePolicyDocument": role.assume_role_policy_document().map(policy_document),
        "InstanceProfileList": list(role.instance_profile_list(), instance_profile),
        "RolePolicyList": list(role.role_policy_list(), inline),
        "AttachedManagedPolicies": list(role.attached_managed_policies(), attached),
        "PermissionsBoundary": role.permissions_boundary().map(boundary),
        "Tags": list(role.tags(), tag),
        "RoleLastUsed": role.role_last_used().map(last_used),
    }
}

fn instance_profile(profile: &iam::InstanceProfile) -> Value {
    object! {
        "Path": profile.path(),
        "InstanceProfileName": profile.instance_profile_name(),
        "InstanceProfileId": profile.instance_profile_id(),
        "Arn": profile.arn(),
        "CreateDate": profile.create_date(),
        "Roles": list(profile.roles(), role),
        "Tags": maybe(profile.tags.as_ref(), tag),
    }
}

/// A role of ListRoles.
pub(super) fn role(role: &iam::Role) -> Value {
    object! {
        "Path": role.path(),
        "RoleName": role.role_name(),
        "RoleId": role.role_id(),
        "Arn": role.arn(),
        "CreateDate": role.create_date(),
        "AssumeRolePolicyDocument": role.assume_role_policy_document().map(policy_document),
        "Description": role.description(),
        "MaxSessionDuration": role.max_session_duration(),
        "PermissionsBoundary": role.permissions_boundary().map(boundary),
        "Tags": maybe(role.tags.as_ref(), tag),
        "RoleLastUsed": role.role_last_used().map(last_used),
    }
}

/// What ListRoles adds to the authorization details: they do not tell how long a
/// session of a role may last.
pub(super) fn role_settings(role: &iam::Role) -> Value {
    object! {
        "Path": role.path(),
        "RoleName": role.role_name(),
        "RoleId": role.role_id(),
        "Arn": role.arn(),
        "CreateDate": role.create_date(),
        "Description": role.description(),
        "MaxSessionDuration": role.max_session_duration(),
    }
}

/// A managed policy of GetAccountAuthorizationDetails.
pub(super) fn managed_policy(policy: &iam::ManagedPolicyDetail) -> Value {
    object! {
        "PolicyName": policy.policy_name(),
        "PolicyId": policy.policy_id(),
        "Arn": policy.arn(),
        "Path": policy.path(),
        "DefaultVersionId": policy.default_version_id(),
        "AttachmentCount": policy.attachment_count(),
        "PermissionsBoundaryUsageCount": policy.permissions_boundary_usage_count(),
        "IsAttachable": policy.is_attachable(),
        "Description": policy.description(),
        "CreateDate": policy.create_date(),
        "UpdateDate": policy.update_date(),
        "PolicyVersionList": list(policy.policy_version_list(), policy_version),
    }
}

/// A policy version, with its document.
pub(super) fn policy_version(version: &iam::PolicyVersion) -> Value {
    object! {
        "Document": version.document().map(policy_document),
        "VersionId": version.version_id(),
        "IsDefaultVersion": version.is_default_version(),
        "CreateDate": version.create_date(),
    }
}

/// A policy of GetPolicy.
pub(super) fn policy(policy: &iam::Policy) -> Value {
    object! {
        "PolicyName": policy.policy_name(),
        "PolicyId": policy.policy_id(),
        "Arn": policy.arn(),
        "Path": policy.path(),
        "DefaultVersionId": policy.default_version_id(),
        "AttachmentCount": policy.attachment_count(),
        "PermissionsBoundaryUsageCount": policy.permissions_boundary_usage_count(),
        "IsAttachable": policy.is_attachable(),
        "Description": policy.description(),
        "CreateDate": policy.create_date(),
        "UpdateDate": policy.update_date(),
        "Tags": maybe(policy.tags.as_ref(), tag),
    }
}

/// The console's password policy.
pub(super) fn password_policy(policy: &iam::PasswordPolicy) -> Value {
    object! {
        "MinimumPasswordLength": policy.minimum_password_length(),
        "RequireSymbols": policy.require_symbols(),
        "RequireNumbers": policy.require_numbers(),
        "RequireUppercaseCharacters": policy.require_uppercase_characters(),
        "RequireLowercaseCharacters": policy.require_lowercase_characters(),
        "AllowUsersToChangePassword": policy.allow_users_to_change_password(),
        "ExpirePasswords": policy.expire_passwords(),
        "MaxPasswordAge": policy.max_password_age(),
        "PasswordReusePrevention": policy.password_reuse_prevention(),
        "HardExpiry": policy.hard_expiry(),
    }
}

/// A SAML provider of the list.
pub(super) fn saml_provider(provider: &iam::SamlProviderListEntry) -> Value {
    object! {
        "Arn": provider.arn(),
        "ValidUntil": provider.valid_until(),
        "CreateDate": provider.create_date(),
    }
}

/// An OIDC provider, with its ARN added.
pub(super) fn oidc_provider(
    arn: &str,
    provider: &aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput,
) -> Value {
    object! {
        "Arn": arn,
        "Url": provider.url(),
        "ClientIDList": provider.client_id_list(),
        "ThumbprintList": provider.thumbprint_list(),
        "CreateDate": provider.create_date(),
        "Tags": list(provider.tags(), tag),
    }
}

/// A service-specific credential, without its password, which AWS shows only once.
pub(super) fn service_credential(credential: &iam::ServiceSpecificCredentialMetadata) -> Value {
    object! {
        "UserName": credential.user_name(),
        "Status": credential.status().as_str(),
        "ServiceUserName": credential.service_user_name(),
        "ServiceCredentialAlias": credential.service_credential_alias(),
        "CreateDate": credential.create_date(),
        "ExpirationDate": credential.expiration_date(),
        "ServiceSpecificCredentialId": credential.service_specific_credential_id(),
        "ServiceName": credential.service_name(),
    }
}

/// An SSH key's metadata.
pub(super) fn ssh_key(key: &iam::SshPublicKeyMetadata) -> Value {
    object! {
        "UserName": key.user_name(),
        "SSHPublicKeyId": key.ssh_public_key_id(),
        "Status": key.status().as_str(),
        "UploadDate": key.upload_date(),
    }
}

/// A virtual MFA device, without its seed.
pub(super) fn mfa_device(device: &iam::VirtualMfaDevice) -> Value {
    let user = |user: &iam::User| {
        object! {
            "Path": user.path(),
            "UserName": user.user_name(),
            "UserId": user.user_id(),
            "Arn": user.arn(),
            "CreateDate": user.create_date(),
            "PasswordLastUsed": user.password_last_used(),
        }
    };
    object! {
        "SerialNumber": device.serial_number(),
        "User": device.user().map(user),
        "EnableDate": device.enable_date(),
    }
}

/// When a principal last used each service, with its ARN added.
pub(super) fn last_accessed(
    arn: &str,
    details: &aws_sdk_iam::operation::get_service_last_accessed_details::GetServiceLastAccessedDetailsOutput,
    services: &[iam::ServiceLastAccessed],
) -> Value {
    let action = |action: &iam::TrackedActionLastAccessed| {
        object! {
            "ActionName": action.action_name(),
            "LastAccessedEntity": action.last_accessed_entity(),
            "LastAccessedTime": action.last_accessed_time(),
            "LastAccessedRegion": action.last_accessed_region(),
        }
    };
    let service = |service: &iam::ServiceLastAccessed| {
        object! {
            "ServiceName": service.service_name(),
            "LastAuthenticated": service.last_authenticated(),
            "ServiceNamespace": service.service_namespace(),
            "LastAuthenticatedEntity": service.last_authenticated_entity(),
            "LastAuthenticatedRegion": service.last_authenticated_region(),
            "TotalAuthenticatedEntities": service.total_authenticated_entities(),
            "TrackedActionsLastAccessed":
                maybe(service.tracked_actions_last_accessed.as_ref(), action),
        }
    };
    object! {
        "Arn": arn,
        "JobStatus": details.job_status().as_str(),
        "JobType": details.job_type().map(iam::AccessAdvisorUsageGranularityType::as_str),
        "JobCreationDate": details.job_creation_date(),
        "ServicesLastAccessed": list(services, service),
        "JobCompletionDate": details.job_completion_date(),
    }
}

/// The organisation itself.
pub(super) fn organization(organization: &org::Organization) -> Value {
    object! {
        "Id": organization.id(),
        "Arn": organization.arn(),
        "FeatureSet": organization.feature_set().map(org::OrganizationFeatureSet::as_str),
        "MasterAccountArn": organization.master_account_arn(),
        "MasterAccountId": organization.master_account_id(),
        "MasterAccountEmail": organization.master_account_email(),
    }
}

/// An account of the organisation.
pub(super) fn account(account: &org::Account) -> Value {
    object! {
        "Id": account.id(),
        "Arn": account.arn(),
        "Email": account.email(),
        "Name": account.name(),
        "Status": account.status.as_ref().map(org::AccountStatus::as_str),
        "State": account.state().map(org::AccountState::as_str),
        "JoinedMethod": account.joined_method().map(org::AccountJoinedMethod::as_str),
        "JoinedTimestamp": account.joined_timestamp(),
    }
}

/// A root, with the policy types switched on in it.
pub(super) fn root(root: &org::Root) -> Value {
    let policy_type = |summary: &org::PolicyTypeSummary| {
        object! {
            "Type": summary.r#type().map(org::PolicyType::as_str),
            "Status": summary.status().map(org::PolicyTypeStatus::as_str),
        }
    };
    object! {
        "Id": root.id(),
        "Arn": root.arn(),
        "Name": root.name(),
        "PolicyTypes": list(root.policy_types(), policy_type),
    }
}

/// An organisational unit.
pub(super) fn unit(unit: &org::OrganizationalUnit) -> Value {
    object! { "Id": unit.id(), "Arn": unit.arn(), "Name": unit.name() }
}

/// A child of a root or unit.
pub(super) fn child(child: &org::Child) -> Value {
    object! { "Id": child.id(), "Type": child.r#type().map(org::ChildType::as_str) }
}

/// A service or resource control policy, with its content.
pub(super) fn organization_policy(policy: &org::Policy) -> Value {
    let summary = |summary: &org::PolicySummary| {
        object! {
            "Id": summary.id(),
            "Arn": summary.arn(),
            "Name": summary.name(),
            "Description": summary.description(),
            "Type": summary.r#type().map(org::PolicyType::as_str),
            "AwsManaged": summary.aws_managed(),
        }
    };
    object! {
        "PolicySummary": policy.policy_summary().map(summary),
        "Content": policy.content(),
    }
}

/// What a control policy is attached to.
pub(super) fn target(target: &org::PolicyTargetSummary) -> Value {
    object! {
        "TargetId": target.target_id(),
        "Arn": target.arn(),
        "Name": target.name(),
        "Type": target.r#type().map(org::TargetType::as_str),
    }
}

/// An Identity Center instance.
pub(super) fn instance(instance: &sso::InstanceMetadata) -> Value {
    object! {
        "InstanceArn": instance.instance_arn(),
        "IdentityStoreId": instance.identity_store_id(),
        "OwnerAccountId": instance.owner_account_id(),
        "Name": instance.name(),
        "CreatedDate": instance.created_date(),
        "Status": instance.status().map(sso::InstanceStatus::as_str),
        "PrimaryRegion": instance.primary_region(),
    }
}

/// A permission set's own settings.
pub(super) fn permission_set(set: &sso::PermissionSet) -> Value {
    object! {
        "Name": set.name(),
        "PermissionSetArn": set.permission_set_arn(),
        "Description": set.description(),
        "CreatedDate": set.created_date(),
        "SessionDuration": set.session_duration(),
        "RelayState": set.relay_state(),
    }
}

/// A managed policy of a permission set.
pub(super) fn set_policy(policy: &sso::AttachedManagedPolicy) -> Value {
    object! { "Name": policy.name(), "Arn": policy.arn() }
}

/// A customer-managed policy of a permission set: by name, in each account its own.
pub(super) fn customer_policy(policy: &sso::CustomerManagedPolicyReference) -> Value {
    object! { "Name": policy.name(), "Path": policy.path() }
}

/// A permission set's boundary.
pub(super) fn set_boundary(boundary: &sso::PermissionsBoundary) -> Value {
    object! {
        "CustomerManagedPolicyReference":
            boundary.customer_managed_policy_reference().map(customer_policy),
        "ManagedPolicyArn": boundary.managed_policy_arn(),
    }
}

/// A permission set's tag.
pub(super) fn set_tag(tag: &sso::Tag) -> Value {
    object! { "Key": tag.key(), "Value": tag.value() }
}

/// Who has which permission set in which account.
pub(super) fn assignment(assignment: &sso::AccountAssignment) -> Value {
    object! {
        "AccountId": assignment.account_id(),
        "PermissionSetArn": assignment.permission_set_arn(),
        "PrincipalType": assignment.principal_type().map(sso::PrincipalType::as_str),
        "PrincipalId": assignment.principal_id(),
    }
}

fn external_id(id: &store::ExternalId) -> Value {
    object! { "Issuer": id.issuer(), "Id": id.id() }
}

/// A person of the identity store: what tells who it is, and whether active.
pub(super) fn store_user(user: &store::User) -> Value {
    let email = |email: &store::Email| {
        object! { "Value": email.value(), "Type": email.r#type(), "Primary": email.primary() }
    };
    object! {
        "UserName": user.user_name(),
        "UserId": user.user_id(),
        "ExternalIds": maybe(user.external_ids.as_ref(), external_id),
        "DisplayName": user.display_name(),
        "Emails": maybe(user.emails.as_ref(), email),
        "UserType": user.user_type(),
        "Title": user.title(),
        "UserStatus": user.user_status().map(store::UserStatus::as_str),
        "IdentityStoreId": user.identity_store_id(),
        "CreatedAt": user.created_at(),
        "UpdatedAt": user.updated_at(),
    }
}

/// A group of the identity store.
pub(super) fn store_group(group: &store::Group) -> Value {
    object! {
        "GroupId": group.group_id(),
        "DisplayName": group.display_name(),
        "ExternalIds": maybe(group.external_ids.as_ref(), external_id),
        "Description": group.description(),
        "IdentityStoreId": group.identity_store_id(),
        "CreatedAt": group.created_at(),
        "UpdatedAt": group.updated_at(),
    }
}

/// A membership of the identity store.
pub(super) fn membership(membership: &store::GroupMembership) -> Value {
    let member = |member: &store::MemberId| {
        let user = member.as_user_id().ok();
        object! { "UserId": user }
    };
    object! {
        "IdentityStoreId": membership.identity_store_id(),
        "MembershipId": membership.membership_id(),
        "GroupId": membership.group_id(),
        "MemberId": membership.member_id().map(member),
    }
}

/// A secret's metadata. Its value is never asked for.
pub(super) fn secret(secret: &secrets::SecretListEntry) -> Value {
    let rules = |rules: &secrets::RotationRulesType| {
        object! {
            "AutomaticallyAfterDays": rules.automatically_after_days(),
            "Duration": rules.duration(),
            "ScheduleExpression": rules.schedule_expression(),
        }
    };
    let tag = |tag: &secrets::Tag| object! { "Key": tag.key(), "Value": tag.value() };
    object! {
        "ARN": secret.arn(),
        "Name": secret.name(),
        "Type": secret.r#type(),
        "Description": secret.description(),
        "KmsKeyId": secret.kms_key_id(),
        "RotationEnabled": secret.rotation_enabled(),
        "RotationLambdaARN": secret.rotation_lambda_arn(),
        "RotationRules": secret.rotation_rules().map(rules),
        "ExternalSecretRotationRoleArn": secret.external_secret_rotation_role_arn(),
        "LastRotatedDate": secret.last_rotated_date(),
        "LastChangedDate": secret.last_changed_date(),
        "LastAccessedDate": secret.last_accessed_date(),
        "DeletedDate": secret.deleted_date(),
        "NextRotationDate": secret.next_rotation_date(),
        "Tags": maybe(secret.tags.as_ref(), tag),
        "OwningService": secret.owning_service(),
        "CreatedDate": secret.created_date(),
        "PrimaryRegion": secret.primary_region(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn policy_documents_are_decoded_once_and_only_when_they_are_encoded() {
        let expected = json!({"Statement": [{"Resource": "arn:aws:s3:::a%2Fb+c"}]});
        assert_eq!(policy_document(&expected.to_string()), expected);
        let encoded = percent_encoding::utf8_percent_encode(
            &expected.to_string(),
            percent_encoding::NON_ALPHANUMERIC,
        )
        .to_string();
        assert_eq!(policy_document(&encoded), expected);
        for broken in ["", "{", "%7B", "%ff", "[1]", "plain"] {
            assert_eq!(policy_document(broken), json!(broken));
        }
    }

    #[test]
    fn members_aws_left_out_are_left_out() {
        let role = iam::RoleDetail::builder()
            .role_name("r")
            .role_last_used(iam::RoleLastUsed::builder().build())
            .create_date(DateTime::from_secs(1_700_000_000))
            .build();
        assert_eq!(
            role_detail(&role),
            json!({
                "RoleName": "r",
                "CreateDate": "2023-11-14T22:13:20Z",
                "InstanceProfileList": [],
                "RolePolicyList": [],
                "AttachedManagedPolicies": [],
                "Tags": [],
                "RoleLastUsed": {},
            })
        );
    }
}
