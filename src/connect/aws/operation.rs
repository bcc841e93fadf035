//! Every call the connector may make, in one table.
//!
//! The table is what the calls are made with, what `tenure permissions aws` prints
//! and what `tenure doctor aws` tries, so none of the three can drift from the
//! others. All of it only reads: `Get…`, `List…`, `Describe…`, the two `Generate…`
//! calls that make IAM write a report about itself, and `AssumeRole`.

use serde_json::{Value, json};

use crate::config;

/// Where a call's permission is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Nowhere: AWS answers anybody who is signed in.
    Anybody,
    /// In every account that is read.
    Account,
    /// In the management account or a delegated administrator account.
    Organization,
    /// In the account the scanner starts from, to enter the others.
    Caller,
}

/// One call of the AWS API.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// Prefix of the service in IAM policies: `iam`, `sso`.
    pub service: &'static str,
    /// The operation's name, spelled as in AWS's reference.
    pub name: &'static str,
    /// Where the permission is needed.
    pub scope: Scope,
    /// The coverage kind that suffers without it.
    pub kind: &'static str,
}

impl Operation {
    /// The IAM action that allows it: `iam:GetPolicy`.
    pub fn action(&self) -> String {
        format!("{}:{}", self.service, self.name)
    }
}

macro_rules! operations {
    ($($constant:ident = $service:literal $name:literal $scope:ident $kind:literal;)*) => {
        $(pub(super) static $constant: Operation = Operation {
            service: $service,
            name: $name,
            scope: Scope::$scope,
            kind: $kind,
        };)*

        /// All calls.
        pub static ALL: &[&Operation] = &[$(&$constant),*];
    };
}

operations! {
    GET_CALLER_IDENTITY = "sts" "GetCallerIdentity" Anybody "aws.authorization-details";
    ASSUME_ROLE = "sts" "AssumeRole" Caller "aws.authorization-details";

    GET_ACCOUNT_AUTHORIZATION_DETAILS =
        "iam" "GetAccountAuthorizationDetails" Account "aws.authorization-details";
    GET_POLICY = "iam" "GetPolicy" Account "aws.policies";
    GET_POLICY_VERSION = "iam" "GetPolicyVersion" Account "aws.policies";
    LIST_ROLES = "iam" "ListRoles" Account "aws.roles";
    GENERATE_CREDENTIAL_REPORT = "iam" "GenerateCredentialReport" Account "aws.credential-report";
    GET_CREDENTIAL_REPORT = "iam" "GetCredentialReport" Account "aws.credential-report";
    GET_ACCOUNT_SUMMARY = "iam" "GetAccountSummary" Account "aws.account-summary";
    LIST_ACCOUNT_ALIASES = "iam" "ListAccountAliases" Account "aws.account-aliases";
    GET_ACCOUNT_PASSWORD_POLICY =
        "iam" "GetAccountPasswordPolicy" Account "aws.password-policy";
    LIST_SAML_PROVIDERS = "iam" "ListSAMLProviders" Account "aws.saml-providers";
    LIST_OPEN_ID_CONNECT_PROVIDERS =
        "iam" "ListOpenIDConnectProviders" Account "aws.oidc-providers";
    GET_OPEN_ID_CONNECT_PROVIDER = "iam" "GetOpenIDConnectProvider" Account "aws.oidc-providers";
    LIST_SERVICE_SPECIFIC_CREDENTIALS =
        "iam" "ListServiceSpecificCredentials" Account "aws.service-specific-credentials";
    LIST_SSH_PUBLIC_KEYS = "iam" "ListSSHPublicKeys" Account "aws.ssh-public-keys";
    LIST_VIRTUAL_MFA_DEVICES = "iam" "ListVirtualMFADevices" Account "aws.mfa-devices";
    GENERATE_SERVICE_LAST_ACCESSED_DETAILS =
        "iam" "GenerateServiceLastAccessedDetails" Account "aws.last-accessed";
    GET_SERVICE_LAST_ACCESSED_DETAILS =
        "iam" "GetServiceLastAccessedDetails" Account "aws.last-accessed";
    LIST_SECRETS = "secretsmanager" "ListSecrets" Account "aws.secrets";

    DESCRIBE_ORGANIZATION = "organizations" "DescribeOrganization" Account "aws.organization";
    LIST_ACCOUNTS = "organizations" "ListAccounts" Organization "aws.organization";
    LIST_ROOTS = "organizations" "ListRoots" Organization "aws.organization";
    LIST_ORGANIZATIONAL_UNITS =
        "organizations" "ListOrganizationalUnitsForParent" Organization "aws.organization";
    LIST_CHILDREN = "organizations" "ListChildren" Organization "aws.organization";
    LIST_ORGANIZATION_POLICIES = "organizations" "ListPolicies" Organization "aws.scps";
    DESCRIBE_ORGANIZATION_POLICY = "organizations" "DescribePolicy" Organization "aws.scps";
    LIST_TARGETS_FOR_POLICY = "organizations" "ListTargetsForPolicy" Organization "aws.scps";
    LIST_ORGANIZATIONS_FEATURES =
        "iam" "ListOrganizationsFeatures" Organization "aws.organization-features";

    LIST_INSTANCES = "sso" "ListInstances" Organization "aws.identity-center";
    LIST_PERMISSION_SETS = "sso" "ListPermissionSets" Organization "aws.identity-center";
    DESCRIBE_PERMISSION_SET = "sso" "DescribePermissionSet" Organization "aws.identity-center";
    GET_INLINE_POLICY =
        "sso" "GetInlinePolicyForPermissionSet" Organization "aws.identity-center";
    LIST_MANAGED_POLICIES =
        "sso" "ListManagedPoliciesInPermissionSet" Organization "aws.identity-center";
    LIST_CUSTOMER_MANAGED_POLICIES =
        "sso" "ListCustomerManagedPolicyReferencesInPermissionSet" Organization
        "aws.identity-center";
    GET_PERMISSIONS_BOUNDARY =
        "sso" "GetPermissionsBoundaryForPermissionSet" Organization "aws.identity-center";
    LIST_TAGS_FOR_RESOURCE = "sso" "ListTagsForResource" Organization "aws.identity-center";
    LIST_PROVISIONED_ACCOUNTS =
        "sso" "ListAccountsForProvisionedPermissionSet" Organization "aws.identity-center";
    LIST_ACCOUNT_ASSIGNMENTS = "sso" "ListAccountAssignments" Organization "aws.identity-center";
    LIST_USERS = "identitystore" "ListUsers" Organization "aws.identity-store";
    LIST_GROUPS = "identitystore" "ListGroups" Organization "aws.identity-store";
    LIST_GROUP_MEMBERSHIPS =
        "identitystore" "ListGroupMemberships" Organization "aws.identity-store";
}

/// Whether a scan without this kind of fact is incomplete.
///
/// The organisation's kinds are required when the organisation was asked for;
/// what is said here holds for an account.
pub(super) fn required(kind: &str) -> bool {
    matches!(
        kind,
        "aws.authorization-details"
            | "aws.policies"
            | "aws.credential-report"
            | "aws.account-summary"
    )
}

/// The kinds of fact of one account, each once, in the table's order.
pub(super) fn account_kinds() -> Vec<&'static str> {
    let mut kinds: Vec<&'static str> = Vec::new();
    for operation in ALL {
        let asked_later = operation.kind == "aws.last-accessed";
        if operation.scope == Scope::Account
            && operation.service != "organizations"
            && !asked_later
            && !kinds.contains(&operation.kind)
        {
            kinds.push(operation.kind);
        }
    }
    kinds
}

/// The least permissions a scan needs, as an IAM policy, for settings left alone.
pub fn permissions() -> String {
    permissions_for(&config::Aws::default())
}

/// The least permissions a scan with these settings needs, as an IAM policy.
///
/// The first statement is for every account that is read. The other two are for the
/// account the scanner starts from when it reads a whole organisation.
pub fn permissions_for(settings: &config::Aws) -> String {
    let actions = |scope: Scope| {
        let mut actions: Vec<String> = ALL
            .iter()
            .filter(|operation| operation.scope == scope)
            .map(|operation| operation.action())
            .collect();
        actions.sort();
        actions
    };
    let statement = |sid: &str, scope: Scope, resource: Value| {
        json!({
            "Sid": sid,
            "Effect": "Allow",
            "Action": actions(scope),
            "Resource": resource,
        })
    };
    let role = format!(
        "arn:{}:iam::*:role/{}",
        partition(&settings.regions),
        settings.role_name
    );
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [
            statement("TenureEveryAccount", Scope::Account, json!("*")),
            statement("TenureOrganization", Scope::Organization, json!("*")),
            statement("TenureEnterMemberAccounts", Scope::Caller, json!(role)),
        ],
    });
    let mut text = serde_json::to_string_pretty(&policy).unwrap_or_default();
    text.push('\n');
    text
}

/// The partition the regions lie in; ARNs in policies must name it.
fn partition(regions: &[String]) -> &'static str {
    match regions.first() {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_only_reads() {
        for operation in ALL {
            let reads = ["Get", "List", "Describe"]
                .iter()
                .any(|verb| operation.name.starts_with(verb));
            let reports = matches!(
                operation.name,
                "GenerateCredentialReport" | "GenerateServiceLastAccessedDetails"
            );
            let enters = operation.name == "AssumeRole";
            assert!(reads || reports || enters, "{}", operation.action());
            assert!(
                !operation.name.contains("SecretValue"),
                "{}",
                operation.action()
            );
        }
    }

    #[test]
    fn no_call_is_listed_twice() {
        let mut actions: Vec<String> = ALL.iter().map(|operation| operation.action()).collect();
        let before = actions.len();
        actions.sort();
        actions.dedup();
        assert_eq!(actions.len(), before);
    }

    #[test]
    fn the_policy_holds_every_call_once_and_the_role_of_the_settings() {
        let settings = config::Aws {
            role_name: "audit/Reader".to_owned(),
            regions: vec!["us-gov-west-1".to_owned()],
            ..config::Aws::default()
        };
        let policy: Value = serde_json::from_str(&permissions_for(&settings)).unwrap();
        let mut printed: Vec<String> = Vec::new();
        for statement in policy["Statement"].as_array().unwrap() {
            for action in statement["Action"].as_array().unwrap() {
                printed.push(action.as_str().unwrap().to_owned());
            }
        }
        printed.sort();
        let mut expected: Vec<String> = ALL
            .iter()
            .filter(|operation| operation.scope != Scope::Anybody)
            .map(|operation| operation.action())
            .collect();
        expected.sort();
        assert_eq!(printed, expected);
        assert_eq!(
            policy["Statement"][2]["Resource"],
            "arn:aws-us-gov:iam::*:role/audit/Reader"
        );
    }
}
