//! GitHub's answers, as far as verdicts depend on them.
//!
//! Own types, because the client library's lose fields rules read (token expiry,
//! installation permissions, `role_name`, immutable subjects). Everything is optional
//! unless the answer is useless without it: GitHub leaves fields out by plan, version
//! and permission, and a field that was not sent is *not seen*, never a default.
//! Field names follow GitHub's REST description (OpenAPI, API version 2022-11-28).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Moment;

/// Reads and writes points in time that may be missing, `null` or unreadable.
pub mod time {
    use super::{Deserialize, Deserializer, Moment, Serializer, Timestamp};

    /// Missing is unknown, `null` is never, and a text that is no time is unknown: a
    /// broken expiry date must not look like "never expires".
    ///
    /// # Errors
    /// Never on well-formed JSON.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Moment, D::Error> {
        Ok(match Option::<serde_json::Value>::deserialize(from)? {
            None => Moment::Never,
            Some(serde_json::Value::String(text)) => text
                .parse::<Timestamp>()
                .map_or(Moment::Unknown, Moment::At),
            Some(serde_json::Value::Number(number)) => number
                .as_i64()
                .and_then(|n| {
                    // The audit log counts milliseconds, a few older answers seconds.
                    if n > 100_000_000_000 {
                        Timestamp::from_millisecond(n).ok()
                    } else {
                        Timestamp::from_second(n).ok()
                    }
                })
                .map_or(Moment::Unknown, Moment::At),
            Some(_) => Moment::Unknown,
        })
    }

    /// The time as RFC 3339 text, or `null`.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn serialize<S: Serializer>(moment: &Moment, to: S) -> Result<S::Ok, S::Error> {
        match moment.at() {
            Some(time) => to.collect_str(&time),
            None => to.serialize_none(),
        }
    }
}

/// Reads a text or a number as text: GitHub sends some ids as either.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<serde_json::Value>::deserialize(from)? {
        Some(serde_json::Value::String(text)) => Some(text),
        Some(serde_json::Value::Number(number)) => Some(number.to_string()),
        _ => None,
    })
}

/// Reads `true` or `false`; anything else was not seen. (One of GitHub's own examples
/// has the text "trues" here.)
fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(Option::<serde_json::Value>::deserialize(from)?.and_then(|value| value.as_bool()))
}

/// Reads a `null` as the default.
fn nullable<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

macro_rules! answers {
    ($($(#[$meta:meta])* $name:ident { $($body:tt)* })*) => {
        $($(#[$meta])*
        #[derive(Clone, Debug, Default, Deserialize, Serialize)]
        #[serde(default)]
        #[allow(missing_docs, reason = "the fields are GitHub's own; its REST description documents them")]
        pub struct $name { $($body)* })*
    };
}

answers! {
    /// `GET /orgs/{org}`.
    Organization {
        pub login: String,
        pub id: u64,
        pub name: Option<String>,
        pub is_verified: Option<bool>,
        pub plan: Option<Plan>,
        pub default_repository_permission: Option<String>,
        pub two_factor_requirement_enabled: Option<bool>,
        pub members_can_create_repositories: Option<bool>,
        pub members_can_create_public_repositories: Option<bool>,
        pub members_can_fork_private_repositories: Option<bool>,
        pub members_can_delete_repositories: Option<bool>,
        pub members_can_change_repo_visibility: Option<bool>,
        pub members_can_invite_outside_collaborators: Option<bool>,
        pub members_can_create_teams: Option<bool>,
        pub deploy_keys_enabled_for_repositories: Option<bool>,
    }
    /// The plan of an organisation.
    Plan { pub name: String, }
    /// A person, bot or organisation, in any list of people.
    Account {
        pub login: String,
        pub id: u64,
        #[serde(rename = "type")]
        pub kind: Option<String>,
        pub site_admin: Option<bool>,
        /// In lists of team members.
        pub role: Option<String>,
        /// In lists of collaborators.
        pub role_name: Option<String>,
        /// In lists of collaborators.
        pub permissions: Option<RepositoryRights>,
        /// In lists of an organisation role's holders: `direct`, `indirect`, `mixed`.
        pub assignment: Option<String>,
        /// The teams an indirect assignment comes through.
        #[serde(deserialize_with = "nullable")]
        pub inherited_from: Vec<Team>,
    }
    /// The five rights on a repository.
    RepositoryRights {
        pub admin: Option<bool>,
        pub maintain: Option<bool>,
        pub push: Option<bool>,
        pub triage: Option<bool>,
        pub pull: Option<bool>,
    }
    /// An invitation to the organisation.
    Invitation {
        pub id: u64,
        pub login: Option<String>,
        pub role: Option<String>,
        #[serde(with = "time")]
        pub created_at: Moment,
        pub inviter: Option<Box<Account>>,
    }
    /// A team.
    Team {
        pub id: u64,
        pub slug: String,
        pub name: String,
        pub privacy: Option<String>,
        pub permission: Option<String>,
        pub permissions: Option<RepositoryRights>,
        pub parent: Option<Box<Team>>,
        /// `enterprise` teams come from above the organisation.
        #[serde(rename = "type")]
        pub kind: Option<String>,
        pub assignment: Option<String>,
    }
    /// An identity provider's group, and the teams it fills.
    ExternalGroup {
        #[serde(deserialize_with = "text")]
        pub group_id: Option<String>,
        pub group_name: Option<String>,
        pub teams: Vec<ExternalTeam>,
    }
    /// A team an identity provider's group fills.
    ExternalTeam {
        pub team_id: u64,
        pub team_name: String,
    }
    /// A predefined or custom organisation role.
    OrganizationRole {
        pub id: u64,
        pub name: String,
        #[serde(deserialize_with = "nullable")]
        pub permissions: Vec<String>,
        /// `read`, `triage`, `write`, `maintain` or `admin` on every repository.
        pub base_role: Option<String>,
        pub source: Option<String>,
    }
    /// A custom repository role.
    RepositoryRole {
        pub id: u64,
        pub name: String,
        pub base_role: Option<String>,
        #[serde(deserialize_with = "nullable")]
        pub permissions: Vec<String>,
    }
    /// An installed GitHub App.
    Installation {
        pub id: u64,
        pub app_id: u64,
        pub app_slug: String,
        pub repository_selection: Option<String>,
        #[serde(deserialize_with = "nullable")]
        pub permissions: BTreeMap<String, String>,
        #[serde(deserialize_with = "nullable")]
        pub events: Vec<String>,
        #[serde(with = "time")]
        pub created_at: Moment,
        #[serde(with = "time")]
        pub updated_at: Moment,
        #[serde(with = "time")]
        pub suspended_at: Moment,
    }
    /// A fine-grained personal access token with access to the organisation.
    Token {
        pub id: u64,
        pub owner: Account,
        pub repository_selection: Option<String>,
        pub permissions: TokenPermissions,
        #[serde(with = "time")]
        pub access_granted_at: Moment,
        #[serde(deserialize_with = "text")]
        pub token_id: Option<String>,
        pub token_name: Option<String>,
        pub token_expired: Option<bool>,
        #[serde(with = "time")]
        pub token_expires_at: Moment,
        #[serde(with = "time")]
        pub token_last_used_at: Moment,
    }
    /// What a fine-grained token may do.
    TokenPermissions {
        #[serde(deserialize_with = "nullable")]
        pub organization: BTreeMap<String, String>,
        #[serde(deserialize_with = "nullable")]
        pub repository: BTreeMap<String, String>,
        #[serde(deserialize_with = "nullable")]
        pub other: BTreeMap<String, String>,
    }
    /// A request to let a fine-grained token in.
    TokenRequest {
        pub id: u64,
        pub owner: Account,
        pub token_name: Option<String>,
        #[serde(with = "time")]
        pub created_at: Moment,
        #[serde(with = "time")]
        pub token_expires_at: Moment,
    }
    /// A credential a person authorised for single sign-on.
    Authorization {
        pub login: String,
        pub credential_id: u64,
        pub credential_type: String,
        #[serde(with = "time")]
        pub credential_authorized_at: Moment,
        #[serde(with = "time")]
        pub credential_accessed_at: Moment,
        pub authorized_credential_id: Option<u64>,
        pub authorized_credential_title: Option<String>,
        pub authorized_credential_note: Option<String>,
        #[serde(with = "time")]
        pub authorized_credential_expires_at: Moment,
        #[serde(deserialize_with = "nullable")]
        pub scopes: Vec<String>,
    }
    /// A deploy key. Its public key is not kept.
    DeployKey {
        pub id: u64,
        pub title: String,
        pub read_only: Option<bool>,
        pub verified: Option<bool>,
        pub enabled: Option<bool>,
        pub added_by: Option<String>,
        #[serde(with = "time")]
        pub created_at: Moment,
        #[serde(with = "time")]
        pub last_used: Moment,
    }
    /// A secret, by name. GitHub never sends values.
    Secret {
        pub name: String,
        #[serde(with = "time")]
        pub created_at: Moment,
        #[serde(with = "time")]
        pub updated_at: Moment,
        pub visibility: Option<String>,
    }
    /// A repository.
    Repository {
        pub id: u64,
        pub name: String,
        pub full_name: String,
        pub private: Option<bool>,
        pub visibility: Option<String>,
        pub archived: Option<bool>,
        pub disabled: Option<bool>,
        pub fork: Option<bool>,
        pub default_branch: Option<String>,
        #[serde(with = "time")]
        pub created_at: Moment,
        #[serde(with = "time")]
        pub pushed_at: Moment,
        pub permissions: Option<RepositoryRights>,
        /// In lists of a team's repositories.
        pub role_name: Option<String>,
    }
    /// A webhook.
    Hook {
        pub id: u64,
        pub name: Option<String>,
        pub active: Option<bool>,
        #[serde(deserialize_with = "nullable")]
        pub events: Vec<String>,
        pub config: HookConfig,
        #[serde(with = "time")]
        pub created_at: Moment,
        #[serde(with = "time")]
        pub updated_at: Moment,
    }
    /// How a webhook is sent.
    HookConfig {
        pub url: Option<String>,
        pub content_type: Option<String>,
        #[serde(deserialize_with = "text")]
        pub insecure_ssl: Option<String>,
        /// A mask where a secret is set. Never the secret.
        #[serde(deserialize_with = "masked", skip_serializing)]
        pub secret: bool,
    }
    /// Which Actions may run.
    ActionsPermissions {
        pub enabled_repositories: Option<String>,
        pub allowed_actions: Option<String>,
        pub sha_pinning_required: Option<bool>,
    }
    /// What the token of a workflow may do by default.
    WorkflowPermissions {
        pub default_workflow_permissions: Option<String>,
        pub can_approve_pull_request_reviews: Option<bool>,
    }
    /// Which Actions may run where a selection is made.
    SelectedActions {
        pub github_owned_allowed: Option<bool>,
        pub verified_allowed: Option<bool>,
        #[serde(deserialize_with = "nullable")]
        pub patterns_allowed: Vec<String>,
    }
    /// Which repositories may have their own runners.
    SelfHosted { pub enabled_repositories: Option<String>, }
    /// Whose pull requests from forks need approval before workflows run.
    ForkApproval { pub approval_policy: Option<String>, }
    /// What workflows of private forks get.
    ForkWorkflows {
        pub run_workflows_from_fork_pull_requests: Option<bool>,
        pub send_write_tokens_to_workflows: Option<bool>,
        pub send_secrets_and_variables: Option<bool>,
        pub require_approval_for_fork_pr_workflows: Option<bool>,
    }
    /// A self-hosted runner.
    Runner {
        pub id: u64,
        pub name: String,
        pub os: Option<String>,
        pub status: Option<String>,
        pub ephemeral: Option<bool>,
        pub runner_group_id: Option<u64>,
    }
    /// A group of self-hosted runners.
    RunnerGroup {
        pub id: u64,
        pub name: String,
        pub visibility: Option<String>,
        pub default: Option<bool>,
        pub inherited: Option<bool>,
        pub allows_public_repositories: Option<bool>,
        pub restricted_to_workflows: Option<bool>,
        #[serde(deserialize_with = "nullable")]
        pub selected_workflows: Vec<String>,
    }
    /// How the subject of a workflow's OIDC token is made.
    OidcTemplate {
        pub use_default: Option<bool>,
        #[serde(deserialize_with = "nullable")]
        pub include_claim_keys: Vec<String>,
        pub use_immutable_subject: Option<bool>,
        pub sub_claim_prefix: Option<String>,
    }
    /// A custom property put into OIDC tokens.
    OidcProperty { pub property_name: String, }
    /// A deployment environment.
    Environment {
        pub id: u64,
        pub name: String,
        #[serde(with = "time")]
        pub created_at: Moment,
        #[serde(deserialize_with = "nullable")]
        pub protection_rules: Vec<ProtectionRule>,
        pub deployment_branch_policy: Option<BranchPolicy>,
        pub can_admins_bypass: Option<bool>,
    }
    /// One rule of an environment.
    ProtectionRule {
        #[serde(rename = "type")]
        pub kind: String,
        pub wait_timer: Option<i64>,
        pub prevent_self_review: Option<bool>,
        #[serde(deserialize_with = "nullable")]
        pub reviewers: Vec<Reviewer>,
    }
    /// Who may approve a deployment.
    Reviewer {
        #[serde(rename = "type")]
        pub kind: String,
        pub reviewer: ReviewerAccount,
    }
    /// The person or team of a reviewer.
    ReviewerAccount {
        pub login: Option<String>,
        pub slug: Option<String>,
        pub id: u64,
    }
    /// From which branches an environment is deployed.
    BranchPolicy {
        #[serde(deserialize_with = "flag")]
        pub protected_branches: Option<bool>,
        #[serde(deserialize_with = "flag")]
        pub custom_branch_policies: Option<bool>,
    }
    /// One branch pattern of an environment.
    BranchPattern {
        pub name: String,
        #[serde(rename = "type")]
        pub kind: Option<String>,
    }
    /// Protection of one branch.
    Protection {
        pub enforce_admins: Option<Switch>,
        pub required_pull_request_reviews: Option<PullRequestReviews>,
        pub allow_force_pushes: Option<Switch>,
    }
    /// Something that is on or off.
    Switch { pub enabled: bool, }
    /// Reviews a protected branch asks for.
    PullRequestReviews {
        pub required_approving_review_count: Option<i64>,
        pub require_code_owner_reviews: Option<bool>,
        pub require_last_push_approval: Option<bool>,
        pub bypass_pull_request_allowances: Option<Allowances>,
    }
    /// Who is excepted.
    Allowances {
        #[serde(deserialize_with = "nullable")]
        pub users: Vec<Account>,
        #[serde(deserialize_with = "nullable")]
        pub teams: Vec<Team>,
        #[serde(deserialize_with = "nullable")]
        pub apps: Vec<AppName>,
    }
    /// An App, by name.
    AppName { pub slug: String, }
    /// A ruleset.
    Ruleset {
        pub id: u64,
        pub name: String,
        pub target: Option<String>,
        pub source_type: Option<String>,
        pub source: Option<String>,
        pub enforcement: String,
        /// Missing for callers who may not change the ruleset.
        pub bypass_actors: Option<Vec<BypassActor>>,
        pub conditions: Option<RulesetConditions>,
        #[serde(deserialize_with = "nullable")]
        pub rules: Vec<RulesetRule>,
    }
    /// Who a ruleset does not hold.
    BypassActor {
        pub actor_id: Option<i64>,
        pub actor_type: String,
        pub bypass_mode: Option<String>,
    }
    /// To what a ruleset applies.
    RulesetConditions {
        pub ref_name: Option<Patterns>,
        pub repository_name: Option<Patterns>,
    }
    /// Names in and out.
    Patterns {
        #[serde(deserialize_with = "nullable")]
        pub include: Vec<String>,
        #[serde(deserialize_with = "nullable")]
        pub exclude: Vec<String>,
    }
    /// One rule of a ruleset.
    RulesetRule {
        #[serde(rename = "type")]
        pub kind: String,
        pub parameters: Option<RuleParameters>,
    }
    /// What a pull-request rule asks for.
    RuleParameters { pub required_approving_review_count: Option<i64>, }
    /// A request to be let past a rule.
    BypassRequest {
        pub id: u64,
        pub repository: RepositoryName,
        pub requester: Actor,
        pub request_type: String,
        pub status: String,
        #[serde(with = "time")]
        pub expires_at: Moment,
        #[serde(with = "time")]
        pub created_at: Moment,
        #[serde(deserialize_with = "nullable")]
        pub responses: Vec<BypassResponse>,
    }
    /// A repository, by name.
    RepositoryName {
        pub id: u64,
        pub name: String,
        pub full_name: String,
    }
    /// Who acted.
    Actor {
        pub actor_id: u64,
        pub actor_name: String,
    }
    /// An answer to a request to be let past a rule.
    BypassResponse {
        pub reviewer: Actor,
        pub status: String,
        #[serde(with = "time")]
        pub created_at: Moment,
    }
    /// An entry of the audit log.
    AuditEntry {
        pub action: String,
        pub actor: Option<String>,
        #[serde(with = "time")]
        pub created_at: Moment,
        pub user: Option<String>,
        pub team: Option<String>,
        pub repo: Option<String>,
        pub permission: Option<String>,
        pub old_permission: Option<String>,
    }
}

/// Whether a text is there. The text itself is dropped.
fn masked<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(match Option::<serde_json::Value>::deserialize(from)? {
        Some(serde_json::Value::String(text)) => !text.is_empty(),
        _ => false,
    })
}

impl RepositoryRights {
    /// The name of the highest right.
    pub fn highest(&self) -> Option<&'static str> {
        let on = |right: Option<bool>| right == Some(true);
        [
            (self.admin, "admin"),
            (self.maintain, "maintain"),
            (self.push, "write"),
            (self.triage, "triage"),
            (self.pull, "read"),
        ]
        .into_iter()
        .find(|(right, _)| on(*right))
        .map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_expiry_is_not_never() {
        let expiry = |text: &str| {
            serde_json::from_str::<Token>(text)
                .unwrap()
                .token_expires_at
        };
        assert_eq!(expiry("{}"), Moment::Unknown);
        assert_eq!(expiry(r#"{"token_expires_at":null}"#), Moment::Never);
        assert_eq!(expiry(r#"{"token_expires_at":"soon"}"#), Moment::Unknown);
        assert!(
            expiry(r#"{"token_expires_at":"2023-11-16T08:47:09.000-07:00"}"#)
                .at()
                .is_some()
        );
    }

    #[test]
    fn a_hook_secret_is_seen_but_not_kept() {
        let hook: Hook =
            serde_json::from_str(r#"{"config":{"secret":"********","insecure_ssl":1}}"#).unwrap();
        assert!(hook.config.secret);
        assert_eq!(hook.config.insecure_ssl.as_deref(), Some("1"));
        assert!(!serde_json::to_string(&hook).unwrap().contains("***"));
    }
}
