//! IAM's own answers.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::list::List;
use super::{Tag, Text, Time, or_default};

/// One page of `GetAccountAuthorizationDetails`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AuthorizationDetails<'a> {
    /// Users.
    #[serde(borrow, deserialize_with = "or_default")]
    pub user_detail_list: Vec<Detail<'a>>,
    /// Groups.
    #[serde(borrow, deserialize_with = "or_default")]
    pub group_detail_list: Vec<Detail<'a>>,
    /// Roles.
    #[serde(borrow, deserialize_with = "or_default")]
    pub role_detail_list: Vec<Detail<'a>>,
    /// Managed policies with their versions.
    #[serde(borrow, deserialize_with = "or_default")]
    pub policies: Vec<ManagedPolicy<'a>>,
    /// More pages follow.
    #[serde(deserialize_with = "or_default")]
    pub is_truncated: bool,
}

impl AuthorizationDetails<'_> {
    /// Whether it tells nothing of anybody.
    pub fn is_empty(&self) -> bool {
        self.user_detail_list.is_empty()
            && self.group_detail_list.is_empty()
            && self.role_detail_list.is_empty()
            && self.policies.is_empty()
    }
}

/// A user, group or role: one shape, of which each has what belongs to it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", expecting = "a user, group or role")]
pub struct Detail<'a> {
    /// Name.
    #[serde(
        borrow,
        rename = "UserName, GroupName or RoleName",
        alias = "UserName",
        alias = "GroupName",
        alias = "RoleName"
    )]
    pub name: Text<'a>,
    /// Immutable id: `AIDA…`, `AGPA…` or `AROA…`.
    #[serde(
        borrow,
        default,
        rename = "UserId",
        alias = "GroupId",
        alias = "RoleId"
    )]
    pub id: Text<'a>,
    /// ARN.
    #[serde(borrow)]
    pub arn: Text<'a>,
    /// IAM path.
    #[serde(borrow, default)]
    pub path: Text<'a>,
    /// When it was made.
    #[serde(default)]
    pub create_date: Time,
    /// Policies inside it.
    #[serde(
        borrow,
        default,
        deserialize_with = "or_default",
        rename = "UserPolicyList",
        alias = "GroupPolicyList",
        alias = "RolePolicyList"
    )]
    pub policy_list: Vec<InlinePolicy<'a>>,
    /// Attached policies.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub attached_managed_policies: Vec<Attached<'a>>,
    /// User or role: boundary.
    #[serde(borrow, default)]
    pub permissions_boundary: Option<Boundary<'a>>,
    /// User or role: tags.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub tags: Vec<Tag<'a>>,
    /// User: names of its groups.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub group_list: Vec<Text<'a>>,
    /// Role: who may assume it.
    #[serde(borrow, default)]
    pub assume_role_policy_document: Option<&'a RawValue>,
    /// Role: instance profiles that carry it.
    #[serde(default, deserialize_with = "or_default")]
    pub instance_profile_list: Vec<IgnoredAny>,
    /// Role: when it was last assumed.
    #[serde(default)]
    pub role_last_used: Option<RoleLastUsed>,
    /// Role: longest session in seconds; only `ListRoles` and `GetRole` tell.
    #[serde(default)]
    pub max_session_duration: Option<i64>,
}

/// When a role was last assumed. Without a date: not within the tracking period.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RoleLastUsed {
    /// When.
    pub last_used_date: Time,
}

/// A policy inside an identity.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InlinePolicy<'a> {
    /// Name.
    #[serde(borrow)]
    pub policy_name: Text<'a>,
    /// Document: encoded text, text or object.
    #[serde(borrow)]
    pub policy_document: &'a RawValue,
}

/// An attachment.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attached<'a> {
    /// Name.
    #[serde(borrow, default)]
    pub policy_name: Text<'a>,
    /// ARN.
    #[serde(borrow)]
    pub policy_arn: Text<'a>,
}

/// A boundary.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Boundary<'a> {
    /// ARN.
    #[serde(borrow)]
    pub permissions_boundary_arn: Text<'a>,
}

/// A managed policy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ManagedPolicy<'a> {
    /// Name.
    #[serde(borrow, default)]
    pub policy_name: Text<'a>,
    /// ARN.
    #[serde(borrow)]
    pub arn: Text<'a>,
    /// Which version applies.
    #[serde(borrow, default)]
    pub default_version_id: Text<'a>,
    /// The versions.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub policy_version_list: Vec<PolicyVersion<'a>>,
}

/// A version of a managed policy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyVersion<'a> {
    /// `v1`.
    #[serde(borrow, default)]
    pub version_id: Text<'a>,
    /// It applies.
    #[serde(default)]
    pub is_default_version: bool,
    /// Document.
    #[serde(borrow, default)]
    pub document: Option<&'a RawValue>,
}

/// `GetPolicy` and `GetPolicyVersion` together.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FetchedPolicy<'a> {
    /// The policy.
    #[serde(borrow)]
    pub policy: ManagedPolicy<'a>,
    /// Its version.
    #[serde(borrow)]
    pub policy_version: PolicyVersion<'a>,
}

/// One page of `ListRoles`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Roles<'a> {
    /// Roles.
    #[serde(borrow)]
    pub roles: List<'a, ListedRole<'a>>,
}

/// What `ListRoles` tells beyond authorization details.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListedRole<'a> {
    /// ARN.
    #[serde(borrow)]
    pub arn: Text<'a>,
    /// Longest session in seconds.
    #[serde(default)]
    pub max_session_duration: Option<i64>,
}

/// `GetAccountSummary`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountSummary {
    /// Counts and switches (0 or 1).
    pub summary_map: std::collections::BTreeMap<String, i64>,
}

/// `ListAccountAliases`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountAliases {
    /// At most one.
    pub account_aliases: Vec<String>,
}

/// `GetAccountPasswordPolicy`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountPasswordPolicy {
    /// None: the account has no policy of its own.
    pub password_policy: Option<PasswordPolicy>,
}

/// The rules passwords obey.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PasswordPolicy {
    /// Shortest length.
    pub minimum_password_length: Option<i64>,
    /// Days after which a password expires.
    pub max_password_age: Option<i64>,
    /// Old passwords remembered.
    pub password_reuse_prevention: Option<i64>,
}

/// `ListSAMLProviders`.
#[derive(Debug, Deserialize)]
pub struct SamlProviders<'a> {
    /// Providers.
    #[serde(borrow, rename = "SAMLProviderList")]
    pub list: List<'a, Provider>,
}

/// `ListOpenIDConnectProviders`, or one `GetOpenIDConnectProvider` with its ARN.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OidcProviders<'a> {
    /// Providers.
    #[serde(borrow, rename = "OpenIDConnectProviderList")]
    pub list: List<'a, Provider>,
    /// The one described.
    #[serde(rename = "Arn")]
    pub arn: Option<String>,
}

/// A provider.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Provider {
    /// ARN.
    pub arn: String,
}

/// `ListServiceSpecificCredentials`, `ListSSHPublicKeys`, `ListSigningCertificates`
/// and `List(Virtual)MFADevices`: lists of what users own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Owned<'a> {
    /// Service-specific credentials.
    #[serde(borrow)]
    pub service_specific_credentials: List<'a, OwnedCredential>,
    /// SSH keys.
    #[serde(borrow, rename = "SSHPublicKeys")]
    pub ssh_public_keys: List<'a, OwnedCredential>,
    /// Signing certificates.
    #[serde(borrow)]
    pub certificates: List<'a, OwnedCredential>,
}

/// Something a user owns. Its secret is never read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct OwnedCredential {
    /// The user.
    pub user_name: String,
    /// The service.
    pub service_name: Option<String>,
    /// Id of a service-specific credential.
    pub service_specific_credential_id: Option<String>,
    /// Id of an SSH key.
    #[serde(rename = "SSHPublicKeyId")]
    pub ssh_public_key_id: Option<String>,
    /// Id of a certificate.
    pub certificate_id: Option<String>,
    /// `Active` or not.
    pub status: String,
    /// When it was made.
    pub create_date: Time,
    /// When it was uploaded.
    pub upload_date: Time,
    /// When it ends.
    pub expiration_date: Time,
}

/// `GetServiceLastAccessedDetails` with the ARN it is about.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LastAccessed {
    /// About whom.
    #[serde(default)]
    pub arn: Option<String>,
    /// `COMPLETED` or not.
    #[serde(default)]
    pub job_status: String,
    /// The services its policies allow.
    #[serde(default)]
    pub services_last_accessed: Vec<ServiceLastAccessed>,
}

/// A service and when it was used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceLastAccessed {
    /// `iam`.
    pub service_namespace: String,
    /// When it was last used; absent when not within the tracking period.
    #[serde(default)]
    pub last_authenticated: Option<Time>,
}

/// One page of Secrets Manager's `ListSecrets`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Secrets<'a> {
    /// Metadata of secrets.
    #[serde(borrow)]
    pub secret_list: List<'a, Secret<'a>>,
}

/// Metadata of a secret. Never its value.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Secret<'a> {
    /// ARN.
    #[serde(borrow, rename = "ARN")]
    pub arn: Text<'a>,
    /// Name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// Rotates by itself. Absent when it never did.
    #[serde(default)]
    pub rotation_enabled: Option<bool>,
    /// How often.
    #[serde(default)]
    pub rotation_rules: Option<RotationRules>,
    /// When it last rotated.
    #[serde(default)]
    pub last_rotated_date: Time,
    /// When value or settings last changed.
    #[serde(default)]
    pub last_changed_date: Time,
    /// Day on which it was last read.
    #[serde(default)]
    pub last_accessed_date: Time,
    /// When it was made.
    #[serde(default)]
    pub created_date: Time,
    /// When it was marked for deletion.
    #[serde(default)]
    pub deleted_date: Time,
    /// The AWS service that owns it.
    #[serde(borrow, default)]
    pub owning_service: Option<Text<'a>>,
    /// Tags.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub tags: Vec<Tag<'a>>,
}

/// When a secret rotates.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RotationRules {
    /// Every so many days.
    pub automatically_after_days: Option<i64>,
    /// `rate(10 days)` or a cron expression.
    pub schedule_expression: Option<String>,
}
