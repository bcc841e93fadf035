//! The least a read-only scanner needs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::snapshot::github::DOCUMENTS;

/// Permissions of a GitHub App, in the form of an App manifest's `default_permissions`
/// (GitHub, "Permissions required for GitHub Apps"). All are `read`.
const APP: &[(&str, &str)] = &[
    ("actions", "environments, OIDC subjects"),
    (
        "administration",
        "deploy keys, branch protection, workflow permissions",
    ),
    ("codespaces_metadata", "Codespaces secrets, if asked for"),
    (
        "contents",
        "trust policies of token brokers on the default branch",
    ),
    ("dependabot_secrets", "names and ages of Dependabot secrets"),
    ("environments", "names and ages of environment secrets"),
    (
        "members",
        "members, teams, outside collaborators, invitations",
    ),
    ("metadata", "repositories"),
    (
        "organization_administration",
        "settings, installed Apps, audit log, OIDC template",
    ),
    (
        "organization_custom_org_roles",
        "organisation roles and who holds them",
    ),
    ("organization_custom_roles", "custom repository roles"),
    (
        "organization_dependabot_secrets",
        "the same for the organisation",
    ),
    ("organization_hooks", "webhooks of the organisation"),
    (
        "organization_personal_access_token_requests",
        "requests for fine-grained tokens",
    ),
    (
        "organization_personal_access_tokens",
        "fine-grained tokens: only Apps can see them",
    ),
    (
        "organization_secrets",
        "names, ages and visibility of the organisation's secrets",
    ),
    (
        "organization_self_hosted_runners",
        "runners and runner groups",
    ),
    ("repository_hooks", "webhooks of repositories"),
    ("secrets", "names and ages of repositories' secrets"),
];

/// What the scanner needs: a GitHub App's permissions as JSON, with the scopes of a
/// classic token and what only one of them can see as comments.
pub fn permissions() -> String {
    let mut text = String::from(
        "// A GitHub App with these permissions sees the most; it changes nothing.\n{\n  \"default_permissions\": {\n",
    );
    for (at, (name, what)) in APP.iter().enumerate() {
        let comma = if at + 1 < APP.len() { "," } else { "" };
        let _ = writeln!(text, "    \"{name}\": \"read\"{comma} // {what}");
    }
    text.push_str("  }\n}\n");
    text.push_str(
        "// A classic token of an owner instead: admin:org, repo, read:audit_log (GitHub has no narrower\n\
         // scopes that show these). It cannot see fine-grained tokens; an App cannot see team\n\
         // synchronisation and the organisation's Codespaces secrets.\n\
         // Bypass actors over REST and bypass requests need write access; rulesets are read over GraphQL instead.\n",
    );
    let only: BTreeSet<&str> = DOCUMENTS
        .iter()
        .filter(|kind| kind.asker == crate::snapshot::github::Asker::App)
        .map(|kind| kind.endpoint)
        .collect();
    let only: Vec<&str> = only.into_iter().collect();
    let _ = writeln!(text, "// Apps only: {}", only.join(", "));
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_but_reading() {
        let text = super::permissions();
        assert!(
            !text.contains("\"write\"") && !text.contains("\"admin\""),
            "{text}"
        );
        let json: String = text
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default())
            .collect();
        assert!(
            serde_json::from_str::<serde_json::Value>(&json).is_ok(),
            "{json}"
        );
    }
}
