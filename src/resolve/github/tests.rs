use std::sync::Arc;

use super::*;
use crate::config::Config;
use crate::model::{Seen, System, Value, Verdict};
use crate::snapshot::recognise;

fn document(path: &str, text: &str) -> Document {
    let kind = recognise(path, text.as_bytes())
        .map_or_else(|| panic!("{path} is not recognised"), |found| found.1);
    Document {
        system: System::Github,
        kind,
        tenant: None,
        path: Sym::new(path),
        file: Sym::new(path),
        text: Arc::from(text.as_bytes()),
    }
}

fn resolved(files: &[(&str, &str)]) -> Inventory {
    let documents: Vec<Document> = files
        .iter()
        .map(|(path, text)| document(path, text))
        .collect();
    let documents: Vec<&Document> = documents.iter().collect();
    let config = Config::default();
    let context = Context {
        config: &config,
        now: "2026-11-22T00:00:00Z".parse().unwrap(),
    };
    resolve(&documents, &context)
}

fn attr(attrs: &crate::model::Attrs, name: &str) -> Option<Value> {
    attrs.get(Sym::new(name)).cloned()
}

const ORG: (&str, &str) = (
    "acme/org.json",
    r#"{"login":"acme","id":9,"two_factor_requirement_enabled":true,"default_repository_permission":"read","plan":{"name":"enterprise"}}"#,
);

fn company() -> Vec<(&'static str, &'static str)> {
    vec![
        ORG,
        (
            "acme/members.json",
            r#"[{"login":"ann","id":1},{"login":"bob","id":2},{"login":"cy","id":3}]"#,
        ),
        ("acme/owners.json", r#"[{"login":"ann","id":1}]"#),
        (
            "acme/outside-collaborators.json",
            r#"[{"login":"ext","id":8}]"#,
        ),
        (
            "acme/teams.json",
            r#"[{"id":5,"slug":"core","name":"Core","parent":null},{"id":6,"slug":"child","name":"Child","parent":{"id":5,"slug":"core"}}]"#,
        ),
        (
            "acme/teams/core/members.json",
            r#"[{"login":"bob","id":2}]"#,
        ),
        (
            "acme/teams/core/repos.json",
            r#"[{"name":"app","full_name":"acme/app","role_name":"write"}]"#,
        ),
        (
            "acme/teams/child/members.json",
            r#"[{"login":"cy","id":3}]"#,
        ),
        ("acme/teams/child/repos.json", "[]"),
        (
            "acme/repos.json",
            r#"[{"id":77,"name":"app","full_name":"acme/app","visibility":"private","default_branch":"main","created_at":"2024-01-01T00:00:00Z"}]"#,
        ),
        (
            "acme/repos/app/collaborators.json",
            r#"[{"login":"ext","id":8,"role_name":"admin"},{"login":"ann","id":1,"role_name":"admin"}]"#,
        ),
        (
            "acme/repos/app/environments.json",
            r#"{"total_count":2,"environments":[
            {"id":1,"name":"production","can_admins_bypass":false,"protection_rules":[{"type":"required_reviewers","prevent_self_review":true,"reviewers":[{"type":"Team","reviewer":{"slug":"core","id":5}}]}]},
            {"id":2,"name":"staging","protection_rules":[]}]}"#,
        ),
        (
            "acme/repos/app/environments/staging/secrets.json",
            r#"{"total_count":1,"secrets":[{"name":"DB","created_at":"2025-01-01T00:00:00Z","updated_at":"2025-01-01T00:00:00Z"}]}"#,
        ),
        (
            "acme/repos/app/environments/production/secrets.json",
            r#"{"total_count":0,"secrets":[]}"#,
        ),
    ]
}

fn ways(inventory: &Inventory, login: &str) -> Vec<String> {
    inventory
        .entitlements
        .iter()
        .filter(|fact| inventory.identity(fact.identity).id == login)
        .map(|fact| {
            format!(
                "{} {} {}{}",
                fact.mechanism,
                fact.privilege,
                fact.scope,
                if attr(&fact.attrs, "effective") == Some(Value::Bool(true)) {
                    " *"
                } else {
                    ""
                }
            )
        })
        .collect()
}

#[test]
fn the_highest_path_decides_and_child_teams_inherit() {
    let facts = resolved(&company());
    assert_eq!(
        ways(&facts, "bob"),
        [
            "base-permission read * *",
            "membership member *",
            "team write acme/app *"
        ]
    );
    // The child team has no repository of its own; the one above it gives it.
    assert_eq!(
        ways(&facts, "cy"),
        [
            "base-permission read * *",
            "membership member *",
            "team write acme/app *"
        ]
    );
    // An owner has everything, so his direct grant decides nothing.
    assert_eq!(
        ways(&facts, "ann"),
        [
            "base-permission read *",
            "direct admin acme/app",
            "membership owner * *"
        ]
    );
    assert_eq!(ways(&facts, "ext"), ["direct admin acme/app *"]);
}

#[test]
fn subjects_say_what_stands_before_them() {
    let facts = resolved(&company());
    let of = |id: &str| {
        let who = facts.identities.iter().find(|one| one.id == id).unwrap();
        let trust = facts
            .trusts
            .iter()
            .find(|trust| facts.identity(trust.target).id == id)
            .unwrap();
        (
            attr(&who.attrs, "subject"),
            attr(&who.attrs, "protected"),
            trust.verdict,
        )
    };
    assert_eq!(
        of("oidc/acme/app/environment:production"),
        (
            Some(Value::from("repo:acme/app:environment:production")),
            Some(Value::Bool(true)),
            Verdict::Conditional
        )
    );
    assert_eq!(
        of("oidc/acme/app/environment:staging"),
        (
            Some(Value::from("repo:acme/app:environment:staging")),
            Some(Value::Bool(false)),
            Verdict::Yes
        )
    );
    let workflows = facts
        .identities
        .iter()
        .find(|one| one.id == "workflows/acme/app")
        .unwrap();
    assert_eq!(
        attr(&workflows.attrs, "secrets_reachable"),
        Some(Value::Int(1))
    );
    assert_eq!(
        attr(&workflows.attrs, "environments_open"),
        Some(Value::Int(1))
    );
    assert_eq!(attr(&workflows.attrs, "writers"), Some(Value::Int(4)));
}

fn coverage(facts: &Inventory, kind: &str) -> (Seen, bool, String) {
    let found = facts
        .coverage
        .iter()
        .find(|coverage| coverage.kind == kind)
        .unwrap_or_else(|| panic!("{kind} has no coverage: {:?}", facts.coverage));
    (found.seen, found.required, found.reason.to_string())
}

#[test]
fn nothing_unseen_passes() {
    let facts = resolved(&[
        ORG,
        (
            "acme/members.json",
            r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}"#,
        ),
        (
            "acme/owners.json",
            r#"{"message":"Resource protected by organization SAML enforcement.","documentation_url":"https://docs.github.com","status":"403"}"#,
        ),
        (
            "acme/custom-repository-roles.json",
            r#"{"message":"Not Found","documentation_url":"https://docs.github.com","status":"404"}"#,
        ),
        ("acme/hooks.json", "<!DOCTYPE html><html>sign in</html>"),
        (
            "acme/actions/secrets.json",
            r#"{"total_count":45,"secrets":[{"name":"A"}]}"#,
        ),
        (
            "acme/installations.json",
            r#"{"total_count":1,"installations":[{"id":1,"app_id":2,"app_slug":"x"}]} {"total"#,
        ),
    ]);
    assert_eq!(
        coverage(&facts, "github.members"),
        (
            Seen::None,
            true,
            "the credential was refused (401 Bad credentials)".into()
        )
    );
    assert!(
        coverage(&facts, "github.owners")
            .2
            .contains("single sign-on")
    );
    let roles = coverage(&facts, "github.repository-roles");
    assert_eq!((roles.0, roles.1), (Seen::None, false));
    assert!(roles.2.contains("not on this plan"), "{}", roles.2);
    assert!(
        coverage(&facts, "github.hooks")
            .2
            .contains("HTML instead of JSON")
    );
    let secrets = coverage(&facts, "github.actions-secrets");
    assert_eq!((secrets.0, secrets.1), (Seen::Partial, true));
    assert!(
        secrets.2.contains("45 announced, 1 present"),
        "{}",
        secrets.2
    );
    assert_eq!(coverage(&facts, "github.installations").0, Seen::Partial);
    // Never asked is not empty.
    assert_eq!(coverage(&facts, "github.repositories").0, Seen::None);
    assert!(coverage(&facts, "github.tokens").1);
    assert_eq!(
        facts
            .identities
            .iter()
            .filter(|who| who.id == "app/x")
            .count(),
        1
    );
}

#[test]
fn pages_of_every_shape_are_one_list() {
    for members in [
        r#"[{"login":"a"},{"login":"b"}]"#,
        r#"[{"login":"a"}][{"login":"b"}]"#,
        r#"[[{"login":"a"}],[{"login":"b"}]]"#,
    ] {
        let facts = resolved(&[ORG, ("acme/members.json", members)]);
        let people = facts
            .identities
            .iter()
            .filter(|who| who.kind == crate::model::IdentityKind::Human);
        assert_eq!(people.count(), 2, "{members}");
    }
    for secrets in [
        r#"{"total_count":2,"secrets":[{"name":"A"}]}{"total_count":2,"secrets":[{"name":"B"}]}"#,
        r#"[{"total_count":2,"secrets":[{"name":"A"}]},{"total_count":2,"secrets":[{"name":"B"}]}]"#,
    ] {
        let facts = resolved(&[ORG, ("acme/actions/secrets.json", secrets)]);
        assert_eq!(facts.credentials.len(), 2, "{secrets}");
    }
}

#[test]
fn what_graphql_shows_in_part_is_a_gap() {
    let enterprise = |next: bool| {
        let linked = r#"{"edges":[{"node":{"user":{"login":"ann","databaseId":1}}}],"pageInfo":{"hasNextPage":NEXT,"endCursor":"x"}}"#;
        let linked = linked.replace("NEXT", &next.to_string());
        format!(
            r#"[{{"data":{{"organization":{{"samlIdentityProvider":{{"externalIdentities":{linked}}}}}}}}}]"#
        )
    };
    for (next, seen) in [(true, Seen::Partial), (false, Seen::Complete)] {
        let facts = resolved(&[ORG, ("acme/graphql/enterprise.json", &enterprise(next))]);
        let found = coverage(&facts, "github.enterprise-owners");
        assert_eq!(found.0, seen, "{}", found.2);
        assert_eq!(found.2.contains("linked identities"), next, "{}", found.2);
    }
    let policy = |cut: bool| {
        let text = "issuer: https://token.actions.githubusercontent.com\\nsubject: repo:acme/app:ref:refs/heads/main\\npermissions:\\n  contents: write\\n";
        format!(
            r#"[{{"data":{{"organization":{{"repositories":{{"totalCount":1,"nodes":[{{"id":"R","databaseId":7,"nameWithOwner":"acme/app",
            "collaborators":{{"totalCount":0,"edges":[]}},
            "trustPolicies":{{"entries":[{{"name":"ci.sts.yaml","object":{{"text":"{text}","isTruncated":{cut}}}}}]}}}}]}}}}}}}}]"#
        )
    };
    let [part, whole] = [true, false].map(|cut| {
        let facts = resolved(&[ORG, ("acme/graphql/repositories.json", &policy(cut))]);
        let found = coverage(&facts, "github.repositories");
        assert_eq!(found.2.contains("`ci.sts.yaml`"), cut, "{}", found.2);
        facts.trusts.len()
    });
    // Half a policy is not judged as if it were all of it.
    assert_eq!(part + 1, whole);
}

#[test]
fn every_ruleset_is_judged() {
    let facts = resolved(&[
        ORG,
        (
            "acme/graphql/rulesets.json",
            r#"{"data":{"organization":{"rulesets":{"nodes":[
            {"id":"R1","databaseId":1,"name":"good","enforcement":"ACTIVE","bypassActors":{"nodes":[]}},
            {"id":"R2","databaseId":2,"name":"bad","enforcement":"ACTIVE","bypassActors":{"nodes":[{"bypassMode":"ALWAYS","deployKey":false,"organizationAdmin":true,"enterpriseOwner":false}]}}
        ]}}},"errors":[{"type":"FORBIDDEN","path":["organization","rulesets"],"message":"one is hidden"}]}"#,
        ),
    ]);
    let bypass: Vec<_> = facts
        .entitlements
        .iter()
        .filter(|fact| fact.mechanism == "ruleset-bypass")
        .collect();
    assert_eq!(bypass.len(), 1);
    assert_eq!(attr(&bypass[0].attrs, "ruleset"), Some(Value::from("bad")));
    // Partial data is used and the error is still a gap.
    assert_eq!(coverage(&facts, "github.rulesets").0, Seen::Partial);
}

#[test]
fn hostile_input_does_not_stop_the_rest() {
    let deep = "[".repeat(5_000);
    let facts = resolved(&[
        ORG,
        (
            "acme/members.json",
            r#"[{"login":"ok"},{"login":5},"x",null,{"login":"also"}]"#,
        ),
        (
            "acme/teams.json",
            r#"[{"slug":"a","parent":{"slug":"b"}},{"slug":"b","parent":{"slug":"a"}}]"#,
        ),
        ("acme/teams/a/members.json", r#"[{"login":"ok"}]"#),
        ("acme/teams/b/members.json", "[]"),
        ("acme/teams/a/repos.json", "[]"),
        (
            "acme/teams/b/repos.json",
            r#"[{"full_name":"acme/app","role_name":"write"}]"#,
        ),
        ("acme/hooks.json", &format!("\"config\" {deep}")),
    ]);
    assert!(facts.identities.iter().any(|who| who.id == "also"));
    assert_eq!(coverage(&facts, "github.members").0, Seen::Partial);
    assert_eq!(coverage(&facts, "github.hooks").0, Seen::None);
}
