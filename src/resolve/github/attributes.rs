//! The attributes facts of GitHub carry besides the model's own fields.
//!
//! Every one is optional in rules: it is set where the documents say so, and absent
//! where they do not.

use crate::model::FactKind::{Credential, Entitlement, Identity, Source, Trust};
use crate::model::Type::{Bool, Int, List, String};
use crate::model::{AttributeDecl, Attrs, FactKind, Inventory, declare as on};

/// The attributes this resolver sets.
#[rustfmt::skip]
pub const ATTRIBUTES: &[AttributeDecl] = &[
    // An organisation.
    on(Source, "plan", String, "the organisation's plan"),
    on(Source, "base_permission", String, "what every member may do on every repository: `none`, `read`, `write`, `admin`"),
    on(Source, "two_factor_required", Bool, "members must have a second factor"),
    on(Source, "members_create_repositories", Bool, "members may create repositories"),
    on(Source, "members_create_public_repositories", Bool, "members may create public repositories"),
    on(Source, "members_fork_private_repositories", Bool, "members may fork private repositories"),
    on(Source, "members_delete_repositories", Bool, "repository administrators may delete or transfer repositories"),
    on(Source, "members_change_visibility", Bool, "repository administrators may make a repository public"),
    on(Source, "members_invite_outside", Bool, "repository administrators may invite outside collaborators"),
    on(Source, "deploy_keys_enabled", Bool, "repositories may have deploy keys"),
    on(Source, "domain_verified", Bool, "the organisation's domain is verified"),
    on(Source, "members", Int, "members, owners included"),
    on(Source, "owners", Int, "owners"),
    on(Source, "owners_standing", Int, "owners that are not registered as break-glass"),
    on(Source, "outside_collaborators", Int, "people with access who are no members"),
    on(Source, "people_without_two_factor", Int, "members and outside collaborators without a second factor"),
    on(Source, "repositories", Int, "repositories"),
    on(Source, "enterprise_owners", Int, "owners of the enterprise, who may make themselves owners of the organisation"),
    on(Source, "single_sign_on", Bool, "a SAML identity provider is set up for the organisation"),
    on(Source, "ip_allow_list", Bool, "an IP allow list is enforced"),
    on(Source, "actions_enabled", String, "repositories that may run Actions: `all`, `selected`, `none`"),
    on(Source, "allowed_actions", String, "Actions that may be used: `all`, `local_only`, `selected`"),
    on(Source, "allowed_action_patterns", List, "patterns of Actions that may be used where a selection is made"),
    on(Source, "verified_actions_allowed", Bool, "Actions of verified creators may be used"),
    on(Source, "actions_pinned", Bool, "Actions must be pinned to a commit"),
    on(Source, "workflow_default", String, "what a workflow's token may do by default: `read`, `write`"),
    on(Source, "workflows_approve", Bool, "workflows may approve pull requests"),
    on(Source, "repository_runners", String, "repositories that may have runners of their own: `all`, `selected`, `none`"),
    on(Source, "fork_approval", String, "whose pull requests from forks wait for approval before workflows run"),
    on(Source, "fork_workflows", Bool, "pull requests from private forks run workflows"),
    on(Source, "fork_write_tokens", Bool, "workflows of private forks get a writing token"),
    on(Source, "fork_secrets", Bool, "workflows of private forks get secrets"),
    on(Source, "fork_workflow_approval", Bool, "workflows of private forks wait for approval"),
    on(Source, "oidc_template", List, "claims of the organisation's subject template; empty for the default"),
    on(Source, "oidc_names_repository", Bool, "the template says which repository a token is for"),
    on(Source, "oidc_immutable", Bool, "subjects carry the numbers of organisation and repository"),
    on(Source, "oidc_properties", List, "custom properties put into OIDC tokens"),

    // People and teams.
    on(Identity, "org_role", String, "`owner`, `member`, `outside`, `invited`, `enterprise-owner`, `unlisted`"),
    on(Identity, "two_factor", Bool, "has a second factor"),
    on(Identity, "saml_linked", Bool, "linked to the identity provider"),
    on(Identity, "saml_name", String, "the name the identity provider has for it, often its mail address"),
    on(Identity, "team_privacy", String, "`closed` or `secret`"),
    on(Identity, "team_parent", String, "slug of the team above"),
    on(Identity, "team_members", Int, "own members"),
    on(Identity, "idp_linked", Bool, "an identity provider's group fills the team"),
    on(Identity, "idp_group", String, "the group's name"),
    // Apps.
    on(Identity, "app_permissions", List, "`name:access` of an App"),
    on(Identity, "app_all_repositories", Bool, "the App is installed on all repositories"),
    // Workflows and the subjects they can have minted.
    on(Identity, "repository", String, "`organisation/name` it belongs to"),
    on(Identity, "repository_id", String, "the repository's number, which no other gets"),
    on(Identity, "repository_visibility", String, "`public`, `internal`, `private`"),
    on(Identity, "default_branch", String, "the default branch"),
    on(Identity, "default_branch_reviewed", Bool, "changes of the default branch need an approved pull request"),
    on(Identity, "default_branch_holds_admins", Bool, "the protection holds administrators too"),
    on(Identity, "writers", Int, "people who may write to the repository and so control its workflows"),
    on(Identity, "environments", Int, "environments of the repository"),
    on(Identity, "environments_open", Int, "environments nobody else has to approve"),
    on(Identity, "secrets_reachable", Int, "Actions secrets any writer can read through a workflow: the repository's, the organisation's visible to it, those of open environments"),
    on(Identity, "subject", String, "the `sub` of the token; `*` where a writer chooses freely"),
    on(Identity, "subject_other", String, "the same in the other form (with numbers, or without)"),
    on(Identity, "subject_open", Bool, "a writer picks part of the subject"),
    on(Identity, "subject_certain", Bool, "the repository's own subject settings were seen"),
    on(Identity, "subject_immutable", Bool, "the subject carries the numbers of organisation and repository"),
    on(Identity, "subject_names_repository", Bool, "the subject says which repository it is for"),
    on(Identity, "issuer", String, "the issuer of the token"),
    on(Identity, "token_claims", List, "`claim=value` its token shows besides the subject"),
    on(Identity, "token_choices", List, "`claim=pattern`: what of its token whoever writes the workflow chooses, `*` for any text"),
    on(Identity, "token_lacks", List, "claims that are not in its token"),
    on(Identity, "context", String, "`environment`, `branch`, `tag`, `pull-request`"),
    on(Identity, "environment", String, "the environment a job must name"),
    on(Identity, "protected", Bool, "somebody besides the author of a workflow must agree before a token with this subject exists"),
    on(Identity, "gate", String, "`reviewers`, `app`, `branches`, `wait`, `review`, `none`"),
    on(Identity, "reviewers", Int, "people and teams who may approve a deployment"),
    on(Identity, "prevent_self_review", Bool, "whoever starts a deployment may not approve it"),
    on(Identity, "admins_bypass", Bool, "administrators may skip the environment's rules"),
    on(Identity, "branch_policy", String, "branches that deploy: `none` (any), `protected`, `selected`"),
    on(Identity, "wait_minutes", Int, "minutes a deployment waits"),
    on(Identity, "environment_secrets", Int, "secrets kept in the environment"),
    // Runners.
    on(Identity, "runner_visibility", String, "repositories a runner group serves: `all`, `selected`, `private`"),
    on(Identity, "runner_public_repositories", Bool, "public repositories may use the runner group"),
    on(Identity, "runner_restricted_to_workflows", Bool, "only named workflows may use the runner group"),
    on(Identity, "runner_workflows", List, "the workflows it is restricted to"),
    on(Identity, "runners", Int, "runners in the group"),
    on(Identity, "runners_kept", Int, "of these, runners that stay for the next job"),

    // What somebody may do.
    on(Entitlement, "role", String, "built-in role it amounts to: `none`, `read`, `triage`, `write`, `maintain`, `admin`"),
    on(Entitlement, "writes_workflows", Bool, "its holder can push what workflows run; absent otherwise"),
    on(Entitlement, "edits_gates", Bool, "its holder administers the repository, so edits its environments and branch rules; absent otherwise"),
    on(Entitlement, "effective", Bool, "it decides what its holder may do: no other path gives as much"),
    on(Entitlement, "custom_role", Bool, "the role is a custom one"),
    on(Entitlement, "role_permissions", List, "permissions of an organisation role"),
    on(Entitlement, "outside", Bool, "the holder is no member"),
    on(Entitlement, "idp_linked", Bool, "it comes through a team an identity provider fills"),
    on(Entitlement, "linked_team", String, "a team filled by an identity provider gives the same repository"),
    on(Entitlement, "team_members", Int, "members of the team and of the teams below it"),
    on(Entitlement, "granted_by", String, "who granted it, by the audit log or the invitation"),
    on(Entitlement, "repository_visibility", String, "`public`, `internal`, `private`"),
    on(Entitlement, "can_approve", Bool, "the workflow may approve pull requests"),
    on(Entitlement, "app_permissions", List, "`name:access` of an App or broker policy"),
    on(Entitlement, "app_all_repositories", Bool, "it holds for all repositories"),
    on(Entitlement, "suspended", Bool, "the installation is suspended"),
    on(Entitlement, "ruleset", String, "name of the ruleset, or pattern of the branch rule"),
    on(Entitlement, "ruleset_target", String, "`branch`, `tag`, `push`, `repository`"),
    on(Entitlement, "enforcement", String, "`active`, `evaluate`, `disabled`"),
    on(Entitlement, "bypass_mode", String, "`always`, `pull_request`, `exempt`"),
    on(Entitlement, "request_status", String, "state of a request to be let past a rule"),
    on(Entitlement, "self_approved", Bool, "nobody but the requester approved it"),

    // What proves somebody, and secrets.
    on(Credential, "token_type", String, "`fine-grained`, `classic`, `oauth`, `app-user`, `ssh-key`"),
    on(Credential, "token_permissions", List, "`name:access` of a fine-grained token"),
    on(Credential, "all_repositories", Bool, "the token is good for all repositories"),
    on(Credential, "scopes", List, "scopes of a classic token"),
    on(Credential, "repository", String, "`organisation/name` it belongs to"),
    on(Credential, "read_only", Bool, "the deploy key cannot push"),
    on(Credential, "verified", Bool, "the deploy key is verified"),
    on(Credential, "archived", Bool, "its repository is archived"),
    on(Credential, "added_by", String, "who added the deploy key"),
    on(Credential, "added_by_member", Bool, "that person is still a member"),
    on(Credential, "secret_store", String, "`actions`, `dependabot`, `codespaces`, `agents`"),
    on(Credential, "secret_level", String, "`organization`, `repository`, `environment`"),
    on(Credential, "secret_visibility", String, "repositories that get an organisation's secret: `all`, `private`, `selected`"),
    on(Credential, "environment", String, "environment the secret is kept in"),
    on(Credential, "environment_protected", Bool, "somebody else must agree before a job gets it"),
    on(Credential, "readers", Int, "repositories that get it"),
    on(Credential, "repositories", List, "the repositories that get an organisation's secret, where they were selected"),
    on(Credential, "public_readers", Int, "of these, public ones"),
    on(Credential, "writers", Int, "people who can read it out by pushing a workflow"),
    on(Credential, "hook_secret", Bool, "deliveries are signed"),
    on(Credential, "hook_https", Bool, "deliveries are encrypted"),
    on(Credential, "hook_verifies_tls", Bool, "the receiver's certificate is checked"),
    on(Credential, "hook_host", String, "host that receives deliveries"),
    on(Credential, "hook_events", List, "events delivered"),
    on(Credential, "hook_level", String, "`organization` or `repository`"),

    // Who may become whom. The first three are set on trusts of other systems.
    on(Trust, "repositories", List, "repositories its claims fix, as `organisation/name`; absent where they fix none"),
    on(Trust, "repositories_exist", Bool, "one of those repositories exists; absent where their organisation was not read"),
    on(Trust, "repositories_by_number", Bool, "its claims fix the number of a repository, which cannot be made again"),
    on(Trust, "subject", String, "the `sub` of the token; `*` where a writer chooses freely"),
    on(Trust, "context", String, "`environment`, `branch`, `tag`, `pull-request`"),
    on(Trust, "protected", Bool, "somebody besides the author of a workflow must agree"),
    on(Trust, "gate", String, "`reviewers`, `app`, `branches`, `wait`, `review`, `none`"),
    on(Trust, "broker", Bool, "a broker's trust policy"),
    on(Trust, "broker_everywhere", Bool, "the policy holds for all repositories"),
    on(Trust, "broker_permissions", List, "`name:access` the broker hands out"),
    on(Trust, "broker_claims", List, "further claims the policy checks"),
    on(Trust, "subject_pattern", String, "regular expression over subjects"),
    on(Trust, "subject_unbounded", Bool, "the pattern does not fix one repository"),
    on(Trust, "issuer_pattern", Bool, "the issuer is a pattern"),
    on(Trust, "audience_pattern", Bool, "the audience is a pattern"),
];

/// In debug builds: every attribute that was set is declared, with this type.
pub fn check(inventory: &Inventory) {
    let declared = |on: FactKind, attrs: &Attrs| {
        for (name, value) in attrs.iter() {
            let decl = ATTRIBUTES
                .iter()
                .find(|decl| decl.on == on && name == decl.name);
            debug_assert!(
                decl.is_some_and(|decl| decl.ty == value.type_of()),
                "attribute `{name}` of {on:?} is not declared as {:?}",
                value.type_of()
            );
        }
    };
    inventory
        .tenants
        .iter()
        .for_each(|fact| declared(Source, &fact.attrs));
    inventory
        .identities
        .iter()
        .for_each(|fact| declared(Identity, &fact.attrs));
    inventory
        .entitlements
        .iter()
        .for_each(|fact| declared(Entitlement, &fact.attrs));
    inventory
        .credentials
        .iter()
        .for_each(|fact| declared(Credential, &fact.attrs));
    inventory
        .trusts
        .iter()
        .for_each(|fact| declared(Trust, &fact.attrs));
}
