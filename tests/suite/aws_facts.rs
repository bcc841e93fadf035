//! AWS facts from documents nobody here wrote, and from damaged ones.

use std::sync::Arc;

use tenure::config::Config;
use tenure::model::{Inventory, Sym, System};
use tenure::resolve::{Context, resolve};
use tenure::snapshot::{Document, Snapshot, recognise};

/// Resolves files given as (name, text), recognised as a scan would.
pub fn resolve_files(files: &[(&str, &str)], config: &Config) -> Inventory {
    let mut snapshot = Snapshot::default();
    for (name, text) in files {
        let (system, kind) = recognise(name, text.as_bytes()).expect("a known document");
        snapshot.documents.push(Document {
            system,
            kind,
            tenant: None,
            path: Sym::new(name),
            file: Sym::new(name),
            text: Arc::from(text.as_bytes()),
        });
    }
    let now = "2026-11-22T12:00:00Z".parse().expect("a time");
    resolve(&snapshot, &Context { config, now })
}

/// Third-party data that is not part of the repository.
fn shared(path: &str) -> Option<String> {
    let root = std::env::var("TENURE_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    let found = std::fs::read_to_string(format!("{root}/{path}")).ok();
    if found.is_none() {
        println!("skipped: `{path}` is not here");
    }
    found
}

#[test]
fn a_real_account_resolves() {
    let Some(text) = shared("data/aws/cloudsplaining-example.json") else {
        return;
    };
    let facts = resolve_files(&[("x.json", &text)], &Config::default());
    let count = |tier: &str| {
        facts
            .identities
            .iter()
            .filter(|identity| identity.tier.as_str() == tier)
            .count()
    };
    assert_eq!(facts.identities.len(), 44 + 5 + 78);
    assert!(!facts.entitlements.is_empty());
    // The account is built to be broken: its authors planted these.
    let found = |who: &str, technique: &str| {
        facts.paths.iter().any(|path| {
            facts.identity(path.from).name == who
                && path.technique == format!("AWS-PE-{technique}").as_str()
        })
    };
    for (who, technique) in [
        ("fn1-privesc3-partial-user", "ec2-001"),
        ("fn2-exploitableResourceConstraint-user", "iam-001"),
        ("fn3-exploitableConditionConstraint-user", "iam-001"),
        ("fn4-exploitableNotAction-user", "iam-007"),
    ] {
        assert!(found(who, technique), "{who} {technique}");
    }
    for path in &facts.paths {
        let who = facts.identity(path.from).name;
        let safe = who.starts_with("fp1-") || who.starts_with("fp2-") || who.starts_with("fp5-");
        assert!(!safe, "{who} {}", path.technique);
        assert!(path.location.is_some(), "{who} {}", path.technique);
    }
    assert!(count("admin") > 40);
    assert_eq!(System::Aws, facts.tenants[0].system);
}
