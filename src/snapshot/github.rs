//! The documents of a GitHub organisation: which endpoint is saved under which name.
//!
//! One table, [`DOCUMENTS`], is read by all sides: the connector takes from it what to
//! ask, the loader recognises files by it, and the resolver takes from it what each
//! file is and which permission would have shown a missing one. The files hold what
//! `gh api` prints; `docs/snapshot-github.md` describes the directory for people.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Where GitHub offers an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// Every plan and every supported server version.
    Everywhere,
    /// GitHub Enterprise Cloud and Enterprise Server.
    Enterprise,
    /// GitHub Enterprise Cloud only.
    EnterpriseCloud,
    /// github.com, whatever the plan, but no Enterprise Server.
    Cloud,
}

/// Which credentials may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Tokens and Apps.
    Any,
    /// Apps only: GitHub answers 403 to every token of a person.
    App,
    /// Tokens only: GitHub offers the endpoint to no App.
    Token,
}

/// One kind of document: one endpoint and the file its answer is saved in.
#[derive(Clone, Copy, Debug)]
pub struct DocumentKind {
    /// Its name: [`super::Document::kind`].
    pub name: &'static str,
    /// Path below the organisation's directory; `*` stands for one
    /// percent-encoded name.
    pub file: &'static str,
    /// What is asked, with one `{}` for the organisation and one for each `*`.
    pub endpoint: &'static str,
    /// The member that holds the list, where the answer wraps one.
    pub list: Option<&'static str>,
    /// The kind of fact it gives, for coverage.
    pub facts: &'static str,
    /// The permission that shows it.
    pub permission: &'static str,
    /// Where it is offered.
    pub offered: Offered,
    /// Who may ask.
    pub asker: Asker,
    /// Whether verdicts depend on it.
    pub required: bool,
    /// Words of which one stands in every answer that is not empty.
    marks: &'static [&'static str],
}

const ORG_ADMIN: &str = "organization Administration: read (classic token: admin:org)";
const MEMBERS: &str = "organization Members: read (classic token: read:org)";
const REPO_ADMIN: &str = "repository Administration: read (classic token: repo)";

const BASE: DocumentKind = DocumentKind {
    name: "",
    file: "",
    endpoint: "",
    list: None,
    facts: "",
    permission: ORG_ADMIN,
    offered: Offered::Everywhere,
    asker: Asker::Any,
    required: true,
    marks: &[],
};

macro_rules! documents {
    ($($name:literal $file:literal $endpoint:literal $facts:literal $marks:tt $({$($field:ident: $value:expr),* $(,)?})?;)*) => {
        /// Every document of an organisation.
        #[allow(clippy::needless_update, reason = "a row may set every field")]
        pub const DOCUMENTS: &[DocumentKind] = &[$(DocumentKind {
            name: $name,
            file: $file,
            endpoint: $endpoint,
            facts: $facts,
            marks: &$marks,
            $($($field: $value,)*)?
            ..BASE
        }),*];
    };
}

documents! {
    "organization" "org.json" "/orgs/{}" "github.organization" ["\"two_factor_requirement_enabled\"", "\"public_repos\""];
    "members" "members.json" "/orgs/{}/members" "github.members" ["\"login\""] {permission: MEMBERS};
    "owners" "owners.json" "/orgs/{}/members?role=admin" "github.owners" ["\"login\""] {permission: MEMBERS};
    "members-without-two-factor" "members-2fa-disabled.json" "/orgs/{}/members?filter=2fa_disabled" "github.two-factor" ["\"login\""] {permission: "an owner's token with read:org, or an App with organization Members: read"};
    "outside-collaborators" "outside-collaborators.json" "/orgs/{}/outside_collaborators" "github.outside-collaborators" ["\"login\""] {permission: MEMBERS};
    "outside-without-two-factor" "outside-collaborators-2fa-disabled.json" "/orgs/{}/outside_collaborators?filter=2fa_disabled" "github.two-factor" ["\"login\""] {permission: "an owner's token with read:org, or an App with organization Members: read"};
    "invitations" "invitations.json" "/orgs/{}/invitations" "github.invitations" ["\"inviter\"", "\"invitation_source\""] {offered: Offered::Cloud, permission: MEMBERS};
    "failed-invitations" "failed-invitations.json" "/orgs/{}/failed_invitations" "github.invitations" ["\"inviter\"", "\"invitation_source\""] {offered: Offered::Cloud, permission: MEMBERS, required: false};
    "teams" "teams.json" "/orgs/{}/teams" "github.teams" ["\"slug\""] {permission: MEMBERS};
    "team-members" "teams/*/members.json" "/orgs/{}/teams/{}/members" "github.teams" ["\"login\""] {permission: MEMBERS};
    "team-repositories" "teams/*/repos.json" "/orgs/{}/teams/{}/repos" "github.teams" ["\"full_name\""] {permission: MEMBERS};
    "team-mappings" "teams/*/group-mappings.json" "/orgs/{}/teams/{}/team-sync/group-mappings" "github.team-links" ["\"group_id\"", "\"groups\""] {list: Some("groups"), permission: MEMBERS, offered: Offered::EnterpriseCloud, asker: Asker::Token, required: false};
    "team-external-groups" "teams/*/external-groups.json" "/orgs/{}/teams/{}/external-groups" "github.team-links" ["\"group_id\"", "\"groups\""] {list: Some("groups"), permission: MEMBERS, offered: Offered::Enterprise, required: false};
    "external-groups" "external-groups.json" "/orgs/{}/external-groups" "github.team-links" ["\"group_id\"", "\"groups\""] {list: Some("groups"), permission: MEMBERS, offered: Offered::Enterprise, required: false};
    "external-group" "external-groups/*.json" "/orgs/{}/external-group/{}" "github.team-links" ["\"group_id\""] {permission: MEMBERS, offered: Offered::Enterprise, required: false};
    "organization-roles" "organization-roles.json" "/orgs/{}/organization-roles" "github.organization-roles" ["\"permissions\"", "\"roles\""] {list: Some("roles"), permission: "organization Custom organization roles: read (classic token: admin:org)"};
    "organization-role-users" "organization-roles/*/users.json" "/orgs/{}/organization-roles/{}/users" "github.organization-roles" ["\"login\""] {permission: "organization Custom organization roles: read (classic token: admin:org)"};
    "organization-role-teams" "organization-roles/*/teams.json" "/orgs/{}/organization-roles/{}/teams" "github.organization-roles" ["\"slug\""] {permission: "organization Custom organization roles: read (classic token: admin:org)"};
    "repository-roles" "custom-repository-roles.json" "/orgs/{}/custom-repository-roles" "github.repository-roles" ["\"base_role\"", "\"custom_roles\""] {list: Some("custom_roles"), offered: Offered::Enterprise, permission: "organization Custom repository roles: read (classic token: admin:org)"};
    "installations" "installations.json" "/orgs/{}/installations" "github.installations" ["\"app_id\"", "\"installations\""] {list: Some("installations")};
    "tokens" "personal-access-tokens.json" "/orgs/{}/personal-access-tokens" "github.tokens" ["\"token_id\"", "\"access_granted_at\""] {offered: Offered::Everywhere, asker: Asker::App, permission: "a GitHub App with organization Personal access tokens: read"};
    "token-requests" "personal-access-token-requests.json" "/orgs/{}/personal-access-token-requests" "github.token-requests" ["\"token_id\"", "\"reason\""] {asker: Asker::App, required: false, permission: "a GitHub App with organization Personal access token requests: read"};
    "credential-authorizations" "credential-authorizations.json" "/orgs/{}/credential-authorizations" "github.credential-authorizations" ["\"credential_id\""] {offered: Offered::EnterpriseCloud, required: false};
    "hooks" "hooks.json" "/orgs/{}/hooks" "github.hooks" ["\"config\""] {permission: "organization Webhooks: read (classic token: admin:org_hook)"};
    "rulesets" "rulesets.json" "/orgs/{}/rulesets" "github.rulesets" ["\"enforcement\""] {offered: Offered::Everywhere, permission: "organization Administration: write (GitHub shows bypass actors to nobody else over REST)", required: false};
    "ruleset" "rulesets/*.json" "/orgs/{}/rulesets/{}" "github.rulesets" ["\"enforcement\""] {permission: "organization Administration: write (GitHub shows bypass actors to nobody else over REST)", required: false};
    "actions-secrets" "actions/secrets.json" "/orgs/{}/actions/secrets" "github.actions-secrets" ["\"secrets\"", "\"visibility\""] {list: Some("secrets"), permission: "organization Secrets: read (classic token: admin:org)"};
    "actions-secret-repositories" "actions/secrets/*.repositories.json" "/orgs/{}/actions/secrets/{}/repositories" "github.actions-secrets" ["\"full_name\"", "\"repositories\""] {list: Some("repositories"), permission: "organization Secrets: read (classic token: admin:org)"};
    "dependabot-secrets" "dependabot/secrets.json" "/orgs/{}/dependabot/secrets" "github.dependabot-secrets" ["\"secrets\"", "\"visibility\""] {list: Some("secrets"), permission: "organization Dependabot secrets: read (classic token: admin:org)"};
    "dependabot-secret-repositories" "dependabot/secrets/*.repositories.json" "/orgs/{}/dependabot/secrets/{}/repositories" "github.dependabot-secrets" ["\"full_name\"", "\"repositories\""] {list: Some("repositories"), permission: "organization Dependabot secrets: read (classic token: admin:org)"};
    "codespaces-secrets" "codespaces/secrets.json" "/orgs/{}/codespaces/secrets" "github.codespaces-secrets" ["\"secrets\"", "\"visibility\""] {list: Some("secrets"), asker: Asker::Token, offered: Offered::Cloud, required: false, permission: "a token with admin:org"};
    "agent-secrets" "agents/secrets.json" "/orgs/{}/agents/secrets" "github.agent-secrets" ["\"secrets\"", "\"visibility\""] {list: Some("secrets"), offered: Offered::Cloud, required: false, permission: "organization Secrets: read (classic token: admin:org)"};
    "agent-secret-repositories" "agents/secrets/*.repositories.json" "/orgs/{}/agents/secrets/{}/repositories" "github.agent-secrets" ["\"full_name\"", "\"repositories\""] {list: Some("repositories"), offered: Offered::Cloud, required: false, permission: "organization Secrets: read (classic token: admin:org)"};
    "actions-permissions" "actions/permissions.json" "/orgs/{}/actions/permissions" "github.actions-policy" ["\"enabled_repositories\""];
    "actions-workflow" "actions/workflow.json" "/orgs/{}/actions/permissions/workflow" "github.workflow-permissions" ["\"default_workflow_permissions\""];
    "actions-selected" "actions/selected-actions.json" "/orgs/{}/actions/permissions/selected-actions" "github.actions-policy" ["\"github_owned_allowed\""];
    "actions-self-hosted" "actions/self-hosted-runners.json" "/orgs/{}/actions/permissions/self-hosted-runners" "github.actions-policy" ["\"enabled_repositories\""] {offered: Offered::Cloud, required: false};
    "actions-fork-approval" "actions/fork-pr-contributor-approval.json" "/orgs/{}/actions/permissions/fork-pr-contributor-approval" "github.actions-policy" ["\"approval_policy\""] {offered: Offered::Cloud, required: false};
    "actions-fork-private" "actions/fork-pr-workflows-private-repos.json" "/orgs/{}/actions/permissions/fork-pr-workflows-private-repos" "github.actions-policy" ["\"run_workflows_from_fork_pull_requests\""] {offered: Offered::Cloud, required: false};
    "runners" "actions/runners.json" "/orgs/{}/actions/runners" "github.runners" ["\"runners\"", "\"labels\""] {list: Some("runners"), permission: "organization Self-hosted runners: read (classic token: admin:org)"};
    "runner-groups" "actions/runner-groups.json" "/orgs/{}/actions/runner-groups" "github.runners" ["\"runner_groups\"", "\"allows_public_repositories\""] {list: Some("runner_groups"), permission: "organization Self-hosted runners: read (classic token: admin:org)"};
    "runner-group-repositories" "actions/runner-groups/*.repositories.json" "/orgs/{}/actions/runner-groups/{}/repositories" "github.runners" ["\"full_name\"", "\"repositories\""] {list: Some("repositories"), permission: "organization Self-hosted runners: read (classic token: admin:org)"};
    "oidc" "actions/oidc-sub.json" "/orgs/{}/actions/oidc/customization/sub" "github.oidc" ["\"include_claim_keys\"", "\"use_immutable_subject\""];
    "oidc-properties" "actions/oidc-properties.json" "/orgs/{}/actions/oidc/customization/properties/repo" "github.oidc" ["\"property_name\""] {offered: Offered::Cloud, required: false};
    "bypass-requests" "bypass-requests/push-rules.json" "/orgs/{}/bypass-requests/push-rules" "github.bypass-requests" ["\"request_type\""] {offered: Offered::Enterprise, required: false, permission: "organization Administration: write (GitHub offers no read-only way)"};
    "scanning-bypass-requests" "bypass-requests/secret-scanning.json" "/orgs/{}/bypass-requests/secret-scanning" "github.bypass-requests" ["\"request_type\""] {offered: Offered::Enterprise, required: false, permission: "organization secret scanning bypass requests: read"};
    "audit-log" "audit-log.json" "/orgs/{}/audit-log?include=web" "github.audit-log" ["\"action\"", "\"_document_id\""] {offered: Offered::Enterprise, required: false, permission: "organization Administration: read (classic token: read:audit_log)"};
    "repositories" "repos.json" "/orgs/{}/repos" "github.repositories" ["\"full_name\""] {permission: "repository Metadata: read"};
    "repository" "repos/*/repo.json" "/repos/{}/{}" "github.repositories" ["\"full_name\""] {permission: "repository Metadata: read", required: false};
    "collaborators" "repos/*/collaborators.json" "/repos/{}/{}/collaborators?affiliation=direct" "github.collaborators" ["\"role_name\"", "\"login\""] {permission: "repository Metadata: read with push access (classic token: repo)"};
    "repository-teams" "repos/*/teams.json" "/repos/{}/{}/teams" "github.teams" ["\"slug\""] {permission: REPO_ADMIN, required: false};
    "deploy-keys" "repos/*/keys.json" "/repos/{}/{}/keys" "github.deploy-keys" ["\"read_only\""] {permission: REPO_ADMIN};
    "repository-hooks" "repos/*/hooks.json" "/repos/{}/{}/hooks" "github.repository-hooks" ["\"config\""] {permission: "repository Webhooks: read (classic token: read:repo_hook)"};
    "branch-protection" "repos/*/protection.json" "/repos/{}/{}/branches/{}/protection" "github.branch-protection" ["\"enforce_admins\"", "\"required_pull_request_reviews\"", "\"required_status_checks\""] {permission: REPO_ADMIN, required: false};
    "repository-rulesets" "repos/*/rulesets.json" "/repos/{}/{}/rulesets?includes_parents=false" "github.rulesets" ["\"enforcement\""] {permission: "repository Metadata: read", required: false};
    "repository-ruleset" "repos/*/rulesets/*.json" "/repos/{}/{}/rulesets/{}" "github.rulesets" ["\"enforcement\""] {permission: "repository Administration: write (GitHub shows bypass actors to nobody else over REST)", required: false};
    "environments" "repos/*/environments.json" "/repos/{}/{}/environments" "github.environments" ["\"environments\"", "\"protection_rules\""] {list: Some("environments"), permission: "repository Actions: read (classic token: repo)"};
    "environment-secrets" "repos/*/environments/*/secrets.json" "/repos/{}/{}/environments/{}/secrets" "github.environment-secrets" ["\"secrets\"", "\"updated_at\""] {list: Some("secrets"), permission: "repository Environments: read (classic token: repo)"};
    "environment-branches" "repos/*/environments/*/branch-policies.json" "/repos/{}/{}/environments/{}/deployment-branch-policies" "github.environments" ["\"branch_policies\""] {list: Some("branch_policies"), permission: "repository Actions: read (classic token: repo)", required: false};
    "repository-actions-secrets" "repos/*/actions/secrets.json" "/repos/{}/{}/actions/secrets" "github.repository-secrets" ["\"secrets\"", "\"updated_at\""] {list: Some("secrets"), permission: "repository Secrets: read (classic token: repo)"};
    "repository-dependabot-secrets" "repos/*/dependabot/secrets.json" "/repos/{}/{}/dependabot/secrets" "github.repository-secrets" ["\"secrets\"", "\"updated_at\""] {list: Some("secrets"), permission: "repository Dependabot secrets: read (classic token: repo)"};
    "repository-codespaces-secrets" "repos/*/codespaces/secrets.json" "/repos/{}/{}/codespaces/secrets" "github.repository-codespaces-secrets" ["\"secrets\"", "\"updated_at\""] {list: Some("secrets"), offered: Offered::Cloud, required: false, permission: "repository Codespaces secrets: read (classic token: repo)"};
    "repository-workflow" "repos/*/actions/workflow.json" "/repos/{}/{}/actions/permissions/workflow" "github.workflow-permissions" ["\"default_workflow_permissions\""] {permission: REPO_ADMIN};
    "repository-oidc" "repos/*/actions/oidc-sub.json" "/repos/{}/{}/actions/oidc/customization/sub" "github.oidc" ["\"use_default\""] {permission: "repository Actions: read (classic token: repo)"};
    "repository-runners" "repos/*/actions/runners.json" "/repos/{}/{}/actions/runners" "github.runners" ["\"runners\"", "\"labels\""] {list: Some("runners"), permission: REPO_ADMIN, required: false};
    "graph-enterprise" "graphql/enterprise.json" "graphql" "github.enterprise-owners" ["\"enterpriseOwners\"", "\"samlIdentityProvider\"", "\"errors\""] {required: false, permission: "an owner's token with read:org"};
    "graph-teams" "graphql/teams.json" "graphql" "github.teams" ["\"teams\"", "\"errors\""] {permission: MEMBERS};
    "graph-repositories" "graphql/repositories.json" "graphql" "github.repositories" ["\"repositories\"", "\"errors\""] {permission: "repository Administration and Metadata: read (classic token: repo, read:org)"};
    "graph-rulesets" "graphql/rulesets.json" "graphql" "github.rulesets" ["\"rulesets\"", "\"errors\""] {permission: "organization Administration: read (classic token: admin:org)"};
    "graph-ruleset-details" "graphql/ruleset-details.json" "graphql" "github.rulesets" ["\"bypassActors\"", "\"nodes\"", "\"errors\""] {permission: REPO_ADMIN};
    "graph-protection-details" "graphql/branch-protection-details.json" "graphql" "github.branch-protection" ["\"nodes\"", "\"errors\""] {permission: REPO_ADMIN};
}

/// Characters that stand for themselves in a file name or address.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A name as one component of a file name. A leading dot is encoded too: no name
/// climbs, and no directory is hidden.
pub fn encode(name: &str) -> String {
    match name.strip_prefix('.') {
        Some(rest) => format!("%2E{}", utf8_percent_encode(rest, PLAIN)),
        None => utf8_percent_encode(name, PLAIN).to_string(),
    }
}

/// A name as one segment of an address.
fn segment(name: &str) -> String {
    if name.chars().all(|c| c == '.') {
        return name.replace('.', "%2E");
    }
    utf8_percent_encode(name, PLAIN).to_string()
}

/// The document kind called `name`.
pub fn kind(name: &str) -> Option<&'static DocumentKind> {
    DOCUMENTS.iter().find(|kind| kind.name == name)
}

impl DocumentKind {
    /// The file for `names`, one for each `*`, below the organisation's directory.
    pub fn path(&self, names: &[&str]) -> String {
        let mut names = names.iter();
        let mut path = String::with_capacity(self.file.len() + 16);
        for part in self.file.split_inclusive('*') {
            match part.strip_suffix('*') {
                Some(text) => {
                    path.push_str(text);
                    path.push_str(&encode(names.next().copied().unwrap_or_default()));
                }
                None => path.push_str(part),
            }
        }
        path
    }

    /// The address for `names`: the organisation, then one for each `*`.
    pub fn address(&self, names: &[&str]) -> String {
        let mut names = names.iter();
        let mut address = String::with_capacity(self.endpoint.len() + 32);
        for (at, part) in self.endpoint.split("{}").enumerate() {
            if at > 0 {
                address.push_str(&segment(names.next().copied().unwrap_or_default()));
            }
            address.push_str(part);
        }
        address
    }
}

/// A file of an organisation's directory, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into [`DOCUMENTS`].
    pub kind: usize,
    /// What stands before the organisation's own part: empty, or ends in no `/`.
    pub root: String,
    /// The names the `*` stand for, decoded.
    pub names: Vec<String>,
}

/// Which document a path is, and whose. The longest pattern wins, so
/// `repos/a/actions/secrets.json` is the repository's file, not the organisation's
/// below a directory `repos/a`.
pub fn place(path: &str) -> Option<Place> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut best: Option<(usize, Place)> = None;
    for (at, document) in DOCUMENTS.iter().enumerate() {
        let pattern: Vec<&str> = document.file.split('/').collect();
        let Some(start) = parts.len().checked_sub(pattern.len()) else {
            continue;
        };
        if best.as_ref().is_some_and(|(len, _)| *len >= pattern.len()) {
            continue;
        }
        if let Some(names) = matched(&pattern, &parts[start..]) {
            let root = parts[..start].join("/");
            best = Some((
                pattern.len(),
                Place {
                    kind: at,
                    root,
                    names,
                },
            ));
        }
    }
    best.map(|(_, place)| place)
}

fn matched(pattern: &[&str], parts: &[&str]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for (pattern, part) in pattern.iter().zip(parts) {
        match pattern.split_once('*') {
            None if pattern == part => {}
            None => return None,
            Some((before, after)) => {
                let name = part.strip_prefix(before)?.strip_suffix(after)?;
                // `rulesets/12.json` is a ruleset; `secrets/A.repositories.json` is a
                // list, not something called `A.repositories`.
                if name.is_empty() || (after == ".json" && name.ends_with(".repositories")) {
                    return None;
                }
                names.push(percent_decode_str(name).decode_utf8_lossy().into_owned());
            }
        }
    }
    Some(names)
}

/// How much of a file is looked at to recognise it.
const HEAD: usize = 64 * 1024;

/// Which document of GitHub a file is, by its place and content; `None` if it is none.
pub(super) fn recognise(path: &str, text: &[u8]) -> Option<&'static str> {
    if !path.ends_with(".json") {
        return None;
    }
    let document = DOCUMENTS.get(place(path)?.kind)?;
    let head = text.get(..HEAD).unwrap_or(text);
    let head = String::from_utf8_lossy(head);
    let head = head.trim_start_matches('\u{feff}').trim();
    // HTML instead of JSON is still this endpoint's answer: it is a gap, not nothing.
    let refused = head.contains("\"documentation_url\"") || head.starts_with("<!DOCTYPE html");
    let empty = head == "[]" || head.starts_with("[[]]") || head.contains("\"total_count\"");
    let known = empty || refused || document.marks.iter().any(|mark| head.contains(mark));
    known.then_some(document.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> Option<(&'static str, String, Vec<String>)> {
        let place = place(path)?;
        Some((DOCUMENTS[place.kind].name, place.root, place.names))
    }

    #[test]
    fn names_are_unique_and_every_pattern_finds_itself() {
        for (at, document) in DOCUMENTS.iter().enumerate() {
            assert!(
                DOCUMENTS[at + 1..]
                    .iter()
                    .all(|other| other.name != document.name && other.file != document.file),
                "{}",
                document.name
            );
            let holes = document.file.matches('*').count();
            if document.endpoint != "graphql" && document.name != "branch-protection" {
                assert_eq!(
                    document.endpoint.matches("{}").count(),
                    holes + 1,
                    "{}",
                    document.name
                );
            }
            let names: Vec<&str> = ["we ird/näme", "42", "x"][..holes].to_vec();
            let path = format!("acme/{}", document.path(&names));
            let found = place(&path).unwrap_or_else(|| panic!("{path} is not found"));
            assert_eq!(DOCUMENTS[found.kind].name, document.name, "{path}");
            assert_eq!(found.root, "acme");
            assert_eq!(found.names, names);
        }
    }

    #[test]
    fn the_documentation_names_every_file() {
        let text = include_str!("../../docs/snapshot-github.md");
        for document in DOCUMENTS {
            let row = format!("| `{}` |", document.file);
            assert!(text.contains(&row), "{row}");
        }
    }

    #[test]
    fn the_longest_pattern_wins() {
        assert_eq!(
            named("github/acme/repos/web/actions/secrets.json"),
            Some((
                "repository-actions-secrets",
                "github/acme".into(),
                vec!["web".into()]
            ))
        );
        assert_eq!(
            named("acme/actions/secrets/TOKEN.repositories.json").map(|found| found.0),
            Some("actions-secret-repositories")
        );
        assert_eq!(named("acme/whatever.json"), None);
    }

    #[test]
    fn no_name_climbs() {
        let kind = kind("environment-secrets").unwrap();
        assert_eq!(
            kind.path(&["..", "../../etc"]),
            "repos/%2E./environments/%2E.%2F..%2Fetc/secrets.json"
        );
        assert_eq!(
            super::kind("repository").unwrap().path(&[".github"]),
            "repos/%2Egithub/repo.json"
        );
        assert_eq!(
            kind.address(&["acme", "a b", "x/y"]),
            "/repos/acme/a%20b/environments/x%2Fy/secrets"
        );
    }

    #[test]
    fn content_decides_too() {
        assert_eq!(
            recognise("a/members.json", br#"[{"login":"x"}]"#),
            Some("members")
        );
        assert_eq!(recognise("a/members.json", b"[]"), Some("members"));
        assert_eq!(recognise("a/members.json", br#"{"kind":"List"}"#), None);
        assert_eq!(
            recognise(
                "a/hooks.json",
                br#"{"message":"Not Found","documentation_url":"https://docs.github.com","status":"404"}"#
            ),
            Some("hooks")
        );
    }
}
