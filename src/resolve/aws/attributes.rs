//! The attributes facts of AWS carry besides the model's own fields.
//!
//! Every one is optional in rules: it is set where the documents say so, and absent
//! where they do not. `false` is set only where absence of the thing was seen.

use crate::model::FactKind::{Credential, Entitlement, Identity, Path, Source, Trust};
use crate::model::Type::{Bool, Duration, Int, List, String, Timestamp};
use crate::model::{AttributeDecl, declare as on};

/// The attributes this resolver sets.
#[rustfmt::skip]
pub const ATTRIBUTES: &[AttributeDecl] = &[
    // An account.
    on(Source, "alias", String, "account alias"),
    on(Source, "management", Bool, "it is the organisation's management account"),
    on(Source, "organization", String, "id of the organisation it belongs to (`o-…`)"),
    on(Source, "guardrails", Bool, "service control policies other than full access apply to it"),
    on(Source, "users", Int, "IAM users"),
    on(Source, "roles", Int, "IAM roles, those of the platform included"),
    on(Source, "groups", Int, "IAM groups"),
    on(Source, "policies", Int, "customer managed policies"),
    on(Source, "admins", Int, "identities of the admin tier that are no group and not of the platform"),
    on(Source, "human_admins", Int, "people who hold the admin tier without activation, break-glass left out"),
    on(Source, "root_mfa", Bool, "the root user has a second factor"),
    on(Source, "root_access_keys", Int, "active access keys of the root user"),
    on(Source, "root_password", Bool, "the root user has a password (absent where the report does not say)"),
    on(Source, "root_last_used", Timestamp, "when the root user last signed in or used a key"),
    on(Source, "root_centralized", Bool, "root credentials are managed by the organisation"),
    on(Source, "report_time", Timestamp, "when AWS made the credential report"),
    on(Source, "password_policy", Bool, "the account has a password policy of its own"),
    on(Source, "password_min_length", Int, "shortest password allowed"),
    on(Source, "password_max_age", Duration, "age at which passwords expire; absent when they never do"),
    on(Source, "password_reuse", Int, "number of old passwords that may not be used again"),
    on(Source, "oidc_providers", Int, "OpenID Connect providers"),
    on(Source, "saml_providers", Int, "SAML providers"),
    on(Source, "identity_center", Bool, "Identity Center assigns access in it"),

    // An identity.
    on(Identity, "type", String, "`user`, `role`, `group`, `root`, `identity-center-user`, `identity-center-group`, `eks-access-entry`"),
    on(Identity, "path", String, "IAM path"),
    on(Identity, "console", Bool, "user: has a console password (of root: may sign in)"),
    on(Identity, "mfa", Bool, "user: has a second factor"),
    on(Identity, "access_keys", Int, "user: active access keys"),
    on(Identity, "boundary", String, "ARN of the permissions boundary"),
    on(Identity, "boundary_missing", Bool, "the boundary's document is not in the data, so what it leaves is not evaluable"),
    on(Identity, "max_session", Duration, "role: longest session; permission set's role: its session length"),
    on(Identity, "service_linked", Bool, "role made and used by an AWS service"),
    on(Identity, "reserved_sso", Bool, "role kept by Identity Center for a permission set"),
    on(Identity, "permission_set", String, "such a role: name of the permission set"),
    on(Identity, "emails", List, "Identity Center user: mail addresses"),
    on(Identity, "external_ids", List, "Identity Center user: `issuer:id` in the directory it is provisioned from"),
    on(Identity, "direct_policies", Int, "policies attached to or inlined in the user itself"),
    on(Identity, "groups", List, "names of the groups the user is in; access entry: groups of the cluster"),
    on(Identity, "eks_cluster", String, "access entry: the cluster it lets into"),
    on(Identity, "access_policies", List, "access entry: policies of EKS, with their scope"),
    on(Identity, "admin_policy", Bool, "access entry: a policy of EKS administers the cluster or reads all its secrets"),
    on(Identity, "members", Int, "group: members"),
    on(Identity, "admin_reasons", List, "why it is of the admin tier by its own policies: `full-access`, `identity-write`, `secrets-read-all`, `organization-admin`, …"),
    on(Identity, "full_access", Bool, "everything on everything is allowed in effect"),
    on(Identity, "not_evaluable", Bool, "a policy or boundary it uses is absent from the data"),
    on(Identity, "whoever", Bool, "it stands for whoever gets the policy, which is a file of its own"),
    on(Identity, "takers", List, "role: ARNs of people and users of the scanned accounts who can assume it directly, both sides agreeing"),
    on(Identity, "people_can_take", Bool, "role: at least one person can assume it directly, or a SAML provider brings people to it"),
    on(Identity, "lets_in", Int, "privileged role whose trust policy admits everybody: identities of the scanned accounts that come in by that alone"),
    on(Identity, "services", List, "role: services it trusts"),
    on(Identity, "instance_profiles", Int, "role: instance profiles that carry it"),
    on(Identity, "services_granted", Int, "services its policies allow, where last-accessed data was read"),
    on(Identity, "services_used", Int, "services used within AWS's tracking period, where last-accessed data was read"),
    on(Identity, "services_unused", List, "services allowed and never used within AWS's tracking period"),
    on(Identity, "mfa_everywhere", Bool, "all it may do needs a second factor (a deny without MFA)"),

    // An entitlement.
    on(Entitlement, "policy_name", String, "name of the policy, inline or managed"),
    on(Entitlement, "policy_arn", String, "ARN of the managed policy"),
    on(Entitlement, "aws_managed", Bool, "the policy is managed by AWS"),
    on(Entitlement, "direct", Bool, "attached to or inlined in a user itself, not through a group"),
    on(Entitlement, "admin_reasons", List, "why this grant is of the admin tier, as for identities"),
    on(Entitlement, "full_access", Bool, "this grant allows everything on everything in effect"),
    on(Entitlement, "wildcard_actions", Bool, "its text allows `*` or `*:*` on every resource, whatever blocks it"),
    on(Entitlement, "not_action", Bool, "its text allows by exclusion: `NotAction` on every resource"),
    on(Entitlement, "pass_any_role", Bool, "allows iam:PassRole on every role, to any service, in effect"),
    on(Entitlement, "assume_any_role", Bool, "allows sts:AssumeRole on every role in effect"),
    on(Entitlement, "reads_all_secrets", Bool, "allows secretsmanager:GetSecretValue or ssm:GetParameter on everything in effect"),
    on(Entitlement, "blocked_by", List, "what takes part of it away: `boundary`, `scp`, `deny`"),
    on(Entitlement, "policy_missing", Bool, "the policy's document is not in the data"),
    on(Entitlement, "account", String, "assignment: account number it gives access to"),
    on(Entitlement, "permission_set", String, "assignment: name of the permission set"),
    on(Entitlement, "permission_set_arn", String, "assignment: ARN of the permission set"),
    on(Entitlement, "session", Duration, "assignment: length of a session of the permission set; role: its longest session"),
    on(Entitlement, "management_account", Bool, "assignment: it is to the organisation's management account"),
    on(Entitlement, "to_group", Bool, "assignment: it is given to a group"),
    on(Entitlement, "statements", Int, "statements of the document"),

    // A credential.
    on(Credential, "root", Bool, "it proves the root user"),
    on(Credential, "user", String, "name of the user"),
    on(Credential, "slot", Int, "access key or certificate: 1 or 2, as the credential report counts them"),
    on(Credential, "active_keys", Int, "access key: how many of the user's keys are active"),
    on(Credential, "mfa", Bool, "password: the user has a second factor"),
    on(Credential, "last_used_service", String, "access key: service last called with it"),
    on(Credential, "last_used_region", String, "access key: region last called with it"),
    on(Credential, "service", String, "service-specific credential: the service"),
    on(Credential, "report_time", Timestamp, "when AWS made the credential report this is from"),
    on(Credential, "rotation", Bool, "secret: rotates by itself"),
    on(Credential, "rotation_interval", Duration, "secret: how often it is to rotate by itself"),
    on(Credential, "rotation_overdue", Bool, "secret: rotation is on, and later than its own interval"),
    on(Credential, "changed", Timestamp, "secret: when its value or settings last changed"),
    on(Credential, "region", String, "secret: region"),
    on(Credential, "managed_by", String, "secret: AWS service that owns and rotates it"),
    on(Credential, "future", Bool, "a date of it lies after the scan: a clock is wrong"),

    // A trust (one statement of a role's trust policy × one principal).
    on(Trust, "actions", List, "sts actions it allows"),
    on(Trust, "brings", List, "what who comes in may bring along for policies to ask for: `session tags` (aws:PrincipalTag), `source identity` (aws:SourceIdentity), with their own conditions"),
    on(Trust, "account_root", Bool, "it trusts a whole account, whoever that account lets"),
    on(Trust, "external_id", Bool, "an external id must be presented"),
    on(Trust, "organization", List, "organisation ids or paths it is limited to (aws:PrincipalOrgID, aws:PrincipalOrgPaths)"),
    on(Trust, "mfa_required", Bool, "a second factor is required"),
    on(Trust, "source_guard", Bool, "service: aws:SourceArn, aws:SourceAccount or aws:SourceOrgID limits on whose behalf it acts"),
    on(Trust, "deputy_risk", Bool, "service: it acts for resources of any customer, so the guard matters"),
    on(Trust, "service", String, "service: its principal (`lambda.amazonaws.com`)"),
    on(Trust, "source_ip", List, "address ranges it is limited to"),
    on(Trust, "source_identity", Bool, "sts:SourceIdentity must be set"),
    on(Trust, "not_principal", Bool, "it trusts everybody but those it names"),
    on(Trust, "kept_out", List, "principals among those trusted that a deny or `NotPrincipal` keeps out"),
    on(Trust, "provider_missing", Bool, "the provider it names is not in the account: it admits nobody now"),
    on(Trust, "github", Bool, "the issuer is GitHub Actions"),
    on(Trust, "shared_issuer", Bool, "the issuer gives tokens to everybody, so `sub` alone tells whose they are"),
    on(Trust, "audience", Bool, "the token's audience is checked"),
    on(Trust, "subject", Bool, "the token's subject is checked by a test that holds for no missing claim"),
    on(Trust, "subjects", List, "subject patterns admitted"),
    on(Trust, "issues", List, "what is too wide: `no-subject`, `any-subject`, `any-repository`, `no-separator`, `repository-prefix`, `any-context`, `pull-request`, `any-environment`, `ref-prefix`, `any-ref`, `holds-when-absent`, `forgeable-claims`, `id-unpinned`, `dead`"),
    on(Trust, "max_session", Duration, "longest session of the role"),
    on(Trust, "eks_cluster", String, "access entry or pod identity: the cluster"),
    on(Trust, "through_service", String, "pod identity: service that assumes the role for the pod"),
    on(Trust, "through_role", String, "pod identity with a target role: ARN of the role that assumes the target"),
    on(Trust, "cluster_issuer", Bool, "the issuer signs tokens of an EKS cluster; absent otherwise"),
    on(Trust, "role_services", List, "further services the same role trusts"),

    // A path.
    on(Path, "category", String, "`self-escalation`, `principal-access`, `new-passrole`, `existing-passrole`, `identity-center`, `boundary-removal`, `assume-chain`"),
    on(Path, "catalogue", String, "public id of the technique, where it has one: `iam-001`"),
    on(Path, "actions", List, "actions the technique needs"),
    on(Path, "services", List, "services it goes through"),
    on(Path, "target", String, "ARN of one privileged identity it reaches"),
    on(Path, "targets", Int, "how many privileged identities it reaches"),
    on(Path, "hops", Int, "identities walked through after the first"),
    on(Path, "own_admin", Bool, "its walker is of the admin tier already by its own policies"),
    on(Path, "unseen_target", Bool, "it needs a resource that the data does not list (an instance, a function), so it is conditional"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_declared_once_per_fact() {
        let mut names: Vec<_> = ATTRIBUTES.iter().map(|decl| (decl.on, decl.name)).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
