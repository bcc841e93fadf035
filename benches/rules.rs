//! How long judging takes: `cargo bench --bench rules`.
//!
//! Two figures per run, in nanoseconds per evaluation (one rule over one fact), with
//! the number of threads rayon was given (`RAYON_NUM_THREADS=1` for one): a single
//! typical rule of which 7 % of the facts are hits, and all rules of the program.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tenure::config::Config;
use tenure::model::{
    Builder, Credential, Entitlement, Identity, IdentityKind, Inventory, Moment, System, Tier,
};
use tenure::rules::RuleSet;

const FACTS: usize = 200_000;

const ONE: &str = r#"
family: bench
rules:
  - id: B1
    name: bench
    on: credential
    severity: low
    tags: [credential]
    when: >-
      credential.system == "aws" && credential.kind == "access-key" && credential.active
      && has(identity) && identity.kind == "human" && !identity.break_glass
      && identity.name.glob("*person*") && has(credential.rotated)
      && now - credential.rotated > limits.key_age
    message: "{credential.name}"
    why: measure
    fix: none
    references: [CWE:262]
    tests:
      - match: {credential: {kind: access-key, rotated: 2020-01-01T00:00:00Z}, identity: {kind: human, name: person}}
      - no-match: {credential: {kind: access-key, rotated: never}, identity: {kind: human}}
"#;

fn inventory(now: Timestamp) -> Inventory {
    let mut build = Builder::new();
    for at in 0..FACTS {
        let human = at % 5 != 0;
        let name = format!("{}-{at}", if human { "person" } else { "robot" });
        let kind = if human {
            IdentityKind::Human
        } else {
            IdentityKind::Workload
        };
        let id = format!("arn:aws:iam::1:user/{name}");
        let mut identity = Identity::new(System::Aws, "1", id.as_str(), kind, name.as_str());
        identity.attrs.set("type", "user");
        identity.attrs.set("mfa", at % 3 != 0);
        identity.attrs.set("console", human);
        let holder = build.identity(identity);

        let key = format!("AKIA{at}");
        let mut credential = Credential::new(
            System::Aws,
            "1",
            Some(holder),
            "access-key",
            key.as_str(),
            name.as_str(),
        );
        // Every eleventh is older than the limit of 90 days.
        let days = if at % 11 == 0 { 200 } else { 20 };
        let rotated = now
            .checked_sub(SignedDuration::from_hours(24 * days))
            .unwrap_or(now);
        credential.rotated = Moment::At(rotated);
        credential.last_used = Moment::At(now);
        build.credential(credential);

        let mut grant = Entitlement::new(System::Aws, "1", holder, "group-policy", "p", "*");
        grant.tier = Tier::Write;
        grant.attrs.set("policy_name", "p");
        build.entitlement(grant);
    }
    build.finish()
}

/// The best of five runs, and how many findings it gave.
fn measure(rules: &RuleSet, facts: &Inventory, now: Timestamp) -> (Duration, usize) {
    let config = Config::default();
    let runs = (0..5).map(|_| {
        let start = Instant::now();
        let judged = black_box(rules.judge(black_box(facts), &config, now));
        (start.elapsed(), judged.findings.len())
    });
    runs.min().unwrap_or_default()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now: Timestamp = "2026-11-22T00:00:00Z".parse()?;
    let facts = inventory(now);
    let table = |on: &str| match on {
        "credential" => facts.credentials.len(),
        "identity" => facts.identities.len(),
        "entitlement" => facts.entitlements.len(),
        _ => 0,
    };
    let start = Instant::now();
    let all = RuleSet::embedded()?;
    println!("{} rules loaded in {:?}", all.list().len(), start.elapsed());
    for (name, rules) in [
        ("one rule", RuleSet::parse("bench", ONE)?),
        ("all rules", all),
    ] {
        let meets = rules
            .list()
            .iter()
            .filter(|rule| rule.systems.contains(&System::Aws));
        let evaluations: usize = meets.map(|rule| table(rule.on())).sum();
        let (took, findings) = measure(&rules, &facts, now);
        println!(
            "{name}: {:.1} ns/evaluation, {evaluations} evaluations and {findings} findings in \
             {took:?} on {} threads",
            took.as_nanos() as f64 / evaluations.max(1) as f64,
            rayon::current_num_threads(),
        );
    }
    Ok(())
}
