//! The Kubernetes rules, their own tests, and what they find in the fixture company.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tenure::config::Config;
use tenure::model::{Activation, Finding, Inventory, Sym, System};
use tenure::resolve::{Context, resolve};
use tenure::rules::RuleSet;
use tenure::snapshot::{Document, Snapshot, recognise};

const NOW: &str = "2026-11-22T12:00:00Z";

fn rules() -> RuleSet {
    match RuleSet::embedded() {
        Ok(rules) => rules,
        Err(errors) => panic!("{errors}"),
    }
}

/// The documents of one cluster of the fixture company, as a snapshot holds them.
pub(crate) fn cluster(name: &str) -> Snapshot {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/company/kubernetes")
        .join(name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let documents = files
        .iter()
        .map(|file| {
            let path = file.file_name().unwrap().to_str().unwrap();
            let text: Arc<[u8]> = std::fs::read(file).unwrap().into();
            let (system, kind) = recognise(path, &text)
                .unwrap_or_else(|| panic!("{} is not recognised", file.display()));
            assert_eq!(system, System::Kubernetes);
            Document {
                system,
                kind,
                tenant: Some(Sym::new(name)),
                path: Sym::new(path),
                file: Sym::new(&format!("fixtures/company/kubernetes/{name}/{path}")),
                text,
            }
        })
        .collect();
    Snapshot {
        documents,
        ..Snapshot::default()
    }
}

fn judged(name: &str) -> (Inventory, Vec<Finding>) {
    let config = Config::default();
    let now = NOW.parse().unwrap();
    let context = Context {
        config: &config,
        now,
    };
    let inventory = resolve(&cluster(name), &context);
    let findings = rules().judge(&inventory, &config, now).findings;
    (inventory, findings)
}

fn subjects(findings: &[Finding], rule: &str) -> BTreeSet<String> {
    findings
        .iter()
        .filter(|finding| finding.name == rule)
        .map(|finding| finding.subject.id.to_string())
        .collect()
}

#[test]
fn the_rules_pass_their_own_tests() {
    let rules = rules();
    let ours: Vec<_> = rules
        .list()
        .iter()
        .filter(|rule| rule.id.starts_with("K8S"))
        .collect();
    assert!(ours.len() >= 55, "{}", ours.len());
    let failures: Vec<String> = rules
        .self_test()
        .failures
        .iter()
        .filter(|failure| failure.file.contains("kubernetes"))
        .map(|failure| {
            format!(
                "{}:{} {}: {}",
                failure.file, failure.line, failure.rule, failure.message
            )
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_company_s_production_cluster_is_judged() {
    let (inventory, findings) = judged("prod-eu");
    let user = |name: &str| format!("User/{name}@northwind-ledger.example");
    let admins = subjects(&findings, "standing-cluster-admin");
    for expected in [
        user("daniel-osei"),
        user("leo-marchand"),
        "Group/oidc:platform-admins".to_owned(),
        "ServiceAccount/argocd/argocd-application-controller".to_owned(),
    ] {
        assert!(admins.contains(&expected), "{expected}: {admins:?}");
    }
    let only = |name: &str| BTreeSet::from([user(name)]);
    assert_eq!(
        subjects(&findings, "standing-beside-jit"),
        only("clara-novak")
    );
    assert_eq!(
        subjects(&findings, "grant-overdue"),
        only("jonas-lindqvist")
    );
    assert_eq!(subjects(&findings, "jit-unproved"), only("leo-marchand"));
    assert_eq!(subjects(&findings, "grant-too-long"), only("henrik-dahl"));
    assert_eq!(
        subjects(&findings, "grant-self-approved"),
        only("henrik-dahl")
    );
    assert!(!subjects(&findings, "minted-in-grant").is_empty());
    assert!(!subjects(&findings, "aws-principal-is-master").is_empty());
    assert!(!subjects(&findings, "other-authorizer").is_empty());
    assert!(!subjects(&findings, "jit-engine-standing").is_empty());
    assert!(!subjects(&findings, "account-missing").is_empty());
    assert!(!subjects(&findings, "pod-escapes-to-node").is_empty());
    let live: BTreeSet<_> = inventory
        .entitlements
        .iter()
        .filter(|fact| fact.activation == Activation::Jit)
        .map(|fact| inventory.identity(fact.identity).id.to_string())
        .collect();
    assert_eq!(
        live,
        BTreeSet::from([user("ben-achterberg"), user("henrik-dahl")])
    );
    let quiet = subjects(&findings, "standing-human-write");
    assert!(!quiet.contains(&user("ben-achterberg")), "{quiet:?}");
    assert!(
        findings
            .iter()
            .all(|finding| !finding.message.contains("unknown through"))
    );
}

#[test]
fn the_company_s_staging_cluster_is_judged() {
    let (_, findings) = judged("staging-eu");
    let admins = subjects(&findings, "standing-cluster-admin");
    assert!(admins.contains("ServiceAccount/ci/runner"), "{admins:?}");
    assert!(!subjects(&findings, "bootstrap-token-without-end").is_empty());
    assert!(!subjects(&findings, "anonymous-auth").is_empty());
    assert!(!subjects(&findings, "default-account-has-rights").is_empty());
    assert!(subjects(&findings, "other-authorizer").is_empty());
}

#[test]
fn facts_do_not_depend_on_the_order_of_documents() {
    let (inventory, _) = judged("prod-eu");
    let config = Config::default();
    let context = Context {
        config: &config,
        now: NOW.parse().unwrap(),
    };
    let mut snapshot = cluster("prod-eu");
    snapshot.documents.reverse();
    let reversed = resolve(&snapshot, &context);
    assert_eq!(inventory, reversed);
}
