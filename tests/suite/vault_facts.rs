//! Facts from directories of answers and from policy files.

use std::path::Path;

use tenure::config::Config;
use tenure::model::{Inventory, Seen, Sym, Tier, Verdict};
use tenure::resolve::{Context, vault};
use tenure::rules::RuleSet;
use tenure::snapshot::load;

/// Writes `files` and resolves the directory.
fn facts(files: &[(&str, &str)]) -> Inventory {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let place = folder.path().join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    }
    read(folder.path())
}

fn read(folder: &Path) -> Inventory {
    let config = Config::default();
    let context = Context {
        config: &config,
        now: "2026-11-22T09:00:00Z".parse().unwrap(),
    };
    let snapshot = load(folder).unwrap();
    vault::resolve(&snapshot.of(tenure::model::System::Vault), &context)
}

fn holds<'f>(facts: &'f Inventory, who: &str, policy: &str) -> &'f tenure::model::Entitlement {
    facts
        .entitlements
        .iter()
        .find(|fact| facts.identity(fact.identity).name == who && fact.privilege == policy)
        .unwrap_or_else(|| panic!("{who} does not hold {policy}"))
}

fn techniques(facts: &Inventory, who: &str) -> Vec<(String, Verdict)> {
    facts
        .paths
        .iter()
        .filter(|path| facts.identity(path.from).name == who)
        .map(|path| (path.technique.to_string(), path.verdict))
        .collect()
}

const AUTH: &str = r#"{"data": {"userpass/": {"type": "userpass", "accessor": "up1"}}}"#;

#[test]
fn templates_are_filled_in_where_it_is_known_for_whom() {
    let own = r#"
        path "sys/policies/acl/{{identity.entity.metadata.team}}" { capabilities = ["update"] }
        path "secret/data/{{identity.entity.name}}/*" { capabilities = ["read"] }"#;
    let facts = facts(&[
        ("sys/auth.json", AUTH),
        ("sys/policies/acl/own.hcl", own),
        (
            "identity/entity/id.jsonl",
            r#"{"data": {"id": "e1", "name": "ana", "metadata": {"team": "ledger"}, "policies": ["own"]}}
               {"data": {"id": "e2", "name": "ben", "policies": ["own"]}}"#,
        ),
        (
            "auth/userpass/users/carl.json",
            r#"{"data": {"token_policies": ["own"]}}"#,
        ),
    ]);
    // Her team's policy is one she may write; that is no condition.
    assert_eq!(
        techniques(&facts, "ana"),
        [("VLT-PE-002".to_owned(), Verdict::Yes)]
    );
    assert_eq!(holds(&facts, "ana", "own").verdict, Verdict::Yes);
    // He has no team, so that stanza is not there for him.
    assert_eq!(techniques(&facts, "ben"), []);
    assert_eq!(holds(&facts, "ben", "own").tier, Tier::Read);
    // Whoever logs in as that user has values nobody here knows.
    assert_eq!(
        techniques(&facts, "carl"),
        [("VLT-PE-002".to_owned(), Verdict::Conditional)]
    );
    let path = facts
        .paths
        .iter()
        .find(|path| facts.identity(path.from).name == "carl")
        .unwrap();
    assert!(
        path.residual
            .unwrap()
            .contains("{{identity.entity.metadata.team}}")
    );
    let request = format!("{:?}", path.attrs.get(Sym::new("request")));
    assert!(
        request.contains("update sys/policies/acl/tenure-probe"),
        "{request}"
    );
}

#[test]
fn requesters_among_their_approvers_are_told() {
    let guarded = r#"path "kv/data/prod/*" { capabilities = ["read"]
        control_group = { ttl = "4h" factor "f" { identity { group_names = ["approvers"] approvals = 1 } } } }"#;
    let groups = r#"path "identity/group/id/*" { capabilities = ["update"] }"#;
    let facts = facts(&[
        ("sys/auth.json", AUTH),
        ("sys/policies/acl/prod.hcl", guarded),
        ("sys/policies/acl/groups.hcl", groups),
        (
            "identity/entity/id.jsonl",
            r#"{"data": {"id": "e1", "name": "ana", "policies": ["prod"]}}
               {"data": {"id": "e2", "name": "ben", "policies": ["prod"]}}
               {"data": {"id": "e3", "name": "eve", "policies": ["prod", "groups"]}}"#,
        ),
        (
            "identity/group/id.jsonl",
            r#"{"data": {"id": "g1", "name": "approvers", "type": "internal", "member_entity_ids": ["e1"]}}"#,
        ),
    ]);
    let attr = |who: &str, name: &str| {
        let value = holds(&facts, who, "prod")
            .attrs
            .get(Sym::new(name))
            .cloned();
        value.map(|value| format!("{value:?}")).unwrap_or_default()
    };
    assert!(attr("ana", "approves_itself").contains("kv/data/prod/*"));
    assert_eq!(attr("ben", "approves_itself"), "");
    assert_eq!(attr("eve", "approves_itself"), "");
    assert!(attr("eve", "may_join_approvers").contains("true"));
    assert_eq!(attr("ana", "may_join_approvers"), "");
}

#[test]
fn policy_files_alone_are_whole() {
    let alone = facts(&[(
        "admin.hcl",
        "path \"sys/*\" { capabilities = [\"update\"] }",
    )]);
    let gaps: Vec<_> = alone.coverage.iter().filter(|one| one.is_gap()).collect();
    assert!(gaps.is_empty(), "{gaps:#?}");
    let unasked = alone
        .coverage
        .iter()
        .find(|one| one.kind == "vault.token")
        .unwrap();
    assert_eq!(unasked.seen, Seen::None);
    let rules = RuleSet::embedded().unwrap();
    let judged = rules.judge(
        &alone,
        &Config::default(),
        "2026-11-22T09:00:00Z".parse().unwrap(),
    );
    assert!(
        judged
            .findings
            .iter()
            .any(|finding| finding.rule == "VLT102")
    );
    let gaps: Vec<_> = judged.coverage.iter().filter(|one| one.is_gap()).collect();
    assert!(gaps.is_empty(), "{gaps:#?}");
    // A policy that does not parse is a gap all the same.
    let broken = facts(&[("broken.hcl", "path \"sys/*\" {")]);
    assert!(broken.coverage.iter().any(|one| one.is_gap()));
}

#[test]
fn the_audit_of_a_child_namespace_is_the_root_s() {
    let health = r#"{"initialized": true, "sealed": false, "cluster_name": "prod"}"#;
    let device = r#"{"data": {"file/": {"type": "file", "options": {}}}}"#;
    let above = |root: &str| {
        let found = facts(&[
            ("sys/health.json", health),
            ("sys/audit.json", root),
            ("namespaces/team/sys/audit.json", r#"{"data": {}}"#),
        ]);
        let rules = RuleSet::embedded().unwrap();
        let now = "2026-11-22T09:00:00Z".parse().unwrap();
        let findings = rules.judge(&found, &Config::default(), now).findings;
        let mut tenants: Vec<&str> = findings
            .iter()
            .filter(|finding| finding.rule == "VLT601")
            .map(|finding| finding.tenant.as_str())
            .collect();
        tenants.sort_unstable();
        tenants.join(" ")
    };
    assert_eq!(above(device), "");
    assert_eq!(above(r#"{"data": {}}"#), "prod prod/team");
}

#[test]
fn requests_that_wait_for_approval_are_told_as_such() {
    let group = |capabilities: &str| {
        format!(
            "control_group = {{ ttl = \"4h\" factor \"f\" {{ {capabilities} identity {{ \
             group_names = [\"approvers\"] approvals = 1 }} }} }}"
        )
    };
    let policy = |capabilities: &str, group: &str| {
        format!("path \"aws/creds/deploy\" {{ capabilities = [{capabilities}] {group} }}")
    };
    let held = policy("\"read\"", &group(""));
    let partly = policy(
        "\"read\", \"update\"",
        &group("controlled_capabilities = [\"read\"]"),
    );
    let void = policy("\"read\"", "control_group = { ttl = \"4h\" }");
    let groups = r#"path "identity/group/id/*" { capabilities = ["update"] }"#;
    let facts = facts(&[
        ("sys/auth.json", AUTH),
        ("sys/mounts.json", r#"{"data": {"aws/": {"type": "aws"}}}"#),
        (
            "aws/roles.json",
            r#"{"request_id": "1", "data": {"keys": ["deploy", "guest"]}}"#,
        ),
        (
            "aws/roles/deploy.json",
            r#"{"request_id": "1", "data": {"role_arns": ["arn:aws:iam::111122223333:role/deploy"]}}"#,
        ),
        (
            "aws/roles/guest.json",
            r#"{"request_id": "1", "data": {"iam_groups": ["guests"]}}"#,
        ),
        ("sys/policies/acl/held.hcl", &held),
        ("sys/policies/acl/partly.hcl", &partly),
        ("sys/policies/acl/void.hcl", &void),
        ("sys/policies/acl/groups.hcl", groups),
        (
            "identity/entity/id.jsonl",
            r#"{"data": {"id": "e1", "name": "ana", "policies": ["held"]}}
               {"data": {"id": "e2", "name": "ben", "policies": ["partly"]}}
               {"data": {"id": "e3", "name": "eve", "policies": ["held", "groups"]}}
               {"data": {"id": "e4", "name": "joe", "policies": ["void"]}}"#,
        ),
        (
            "identity/group/id.jsonl",
            r#"{"data": {"id": "g1", "name": "approvers", "type": "internal", "member_entity_ids": []}}"#,
        ),
    ]);
    let drawn = |who: &str| {
        let trust = facts.trusts.iter().find(|trust| {
            trust.attrs.get(Sym::new("draws")).is_some()
                && trust
                    .source
                    .is_some_and(|source| facts.identity(source).name == who)
        });
        let trust = trust.unwrap_or_else(|| panic!("{who} draws nothing"));
        let is = |name: &str| trust.attrs.get(Sym::new(name)) == Some(&true.into());
        (
            trust.verdict,
            is("needs_approval"),
            is("approval_controlled"),
        )
    };
    assert_eq!(drawn("ana"), (Verdict::Conditional, true, false));
    assert_eq!(
        drawn("ben"),
        (Verdict::Yes, false, false),
        "updates are free"
    );
    assert_eq!(drawn("eve"), (Verdict::Conditional, true, true));
    assert_eq!(
        drawn("joe"),
        (Verdict::Yes, false, false),
        "nobody is asked"
    );
    // The engine has one connection: what one role names tells the account of all.
    let guest = facts
        .identities
        .iter()
        .find(|one| one.name == "guest")
        .unwrap();
    let draws_as = vec![Sym::new("arn:aws:iam::111122223333:group/guests")];
    assert_eq!(
        guest.attrs.get(Sym::new("draws_as")),
        Some(&draws_as.into())
    );
}

#[test]
fn names_are_verified_where_every_login_verifies_them() {
    let facts = facts(&[
        (
            "sys/auth.json",
            r#"{"data": {"oidc/": {"type": "oidc", "accessor": "o1"}, "userpass/": {"type": "userpass", "accessor": "u1"}}}"#,
        ),
        (
            "identity/entity/id.jsonl",
            r#"{"data": {"id": "e1", "name": "ana", "aliases": [{"name": "ana@x.io", "mount_accessor": "o1", "mount_type": "oidc"}]}}
               {"data": {"id": "e2", "name": "ben", "aliases": [{"name": "ben@x.io", "mount_accessor": "o1", "mount_type": "oidc"}, {"name": "ben", "mount_accessor": "u1", "mount_type": "userpass"}]}}"#,
        ),
    ]);
    let verified = |who: &str| {
        let one = facts.identities.iter().find(|one| one.name == who).unwrap();
        one.attrs.get(Sym::new("verified_names")).cloned()
    };
    assert_eq!(verified("ana"), Some(vec![Sym::new("ana@x.io")].into()));
    assert_eq!(verified("ben"), None);
}

#[test]
fn a_lease_longer_than_time_itself_ends_no_scan() {
    let facts = facts(&[
        (
            "sys/mounts.json",
            r#"{"data": {"database/": {"type": "database", "config": {"max_lease_ttl": 9223372036854775807}}}}"#,
        ),
        (
            "database/roles.json",
            r#"{"request_id": "1", "data": {"keys": ["ro"]}}"#,
        ),
        (
            "database/roles/ro.json",
            r#"{"request_id": "1", "data": {"max_ttl": 9223372036854775807}}"#,
        ),
        (
            "sys/leases/lookup.jsonl",
            r#"{"data": {"id": "database/creds/ro/1", "path": "database/creds/ro", "issue_time": "2026-11-22T08:00:00Z", "expire_time": "2026-11-23T08:00:00Z"}}"#,
        ),
    ]);
    let lease = facts
        .credentials
        .iter()
        .find(|fact| fact.kind == "lease")
        .unwrap();
    assert_eq!(
        lease.attrs.get(Sym::new("beyond_role")),
        Some(&false.into())
    );
}

#[test]
fn a_lease_whose_role_is_gone_is_told() {
    let facts = facts(&[
        (
            "sys/mounts.json",
            r#"{"data": {"database/": {"type": "database"}}}"#,
        ),
        (
            "database/roles.json",
            r#"{"request_id": "1", "data": {"keys": ["ro"]}}"#,
        ),
        (
            "database/roles/ro.json",
            r#"{"request_id": "1", "data": {"db_name": "x"}}"#,
        ),
        (
            "sys/leases/lookup.jsonl",
            r#"{"data": {"id": "database/creds/ro/1", "path": "database/creds/ro"}}
               {"data": {"id": "database/creds/old/2", "path": "database/creds/old"}}"#,
        ),
    ]);
    let gone: Vec<(&str, bool)> = facts
        .credentials
        .iter()
        .filter(|fact| fact.kind == "lease")
        .map(|fact| {
            let value = fact.attrs.get(Sym::new("role_gone"));
            (fact.id.as_str(), value == Some(&true.into()))
        })
        .collect();
    assert_eq!(
        gone,
        [
            ("database/creds/ro/1", false),
            ("database/creds/old/2", true)
        ]
    );
}

#[test]
fn the_account_of_a_directory_engine_is_a_root_credential() {
    let facts = facts(&[
        (
            "sys/mounts.json",
            r#"{"data": {"ad/": {"type": "ldap"}, "own/": {"type": "azure"}}}"#,
        ),
        (
            "ad/config.json",
            r#"{"request_id": "1", "data": {"binddn": "cn=vault", "bindpass": ""}}"#,
        ),
        (
            "own/config.json",
            r#"{"request_id": "1", "data": {"client_id": ""}}"#,
        ),
        (
            "audit/audit.jsonl",
            r#"{"time": "2026-10-01T00:00:00Z", "type": "response", "auth": {}, "request": {"id": "r", "operation": "update", "path": "ad/rotate-root"}, "response": {}}"#,
        ),
    ]);
    let roots: Vec<(&str, String)> = facts
        .credentials
        .iter()
        .filter(|fact| fact.kind == "engine-root")
        .map(|fact| {
            let rotated = fact.rotated.at().map(|time| time.to_string());
            (fact.id.as_str(), rotated.unwrap_or_default())
        })
        .collect();
    assert_eq!(roots, [("ad/config", "2026-10-01T00:00:00Z".to_owned())]);
}
