//! How long the difference of two inventories of 100,000 entitlements takes.
//!
//! `cargo bench --no-default-features --bench drift`. The two differ as inventories of
//! two days do: a few grants new, a few gone, some documents changed. Printed are the
//! time for the records of one side and for the difference itself, each the best of
//! several runs; the design asks for the difference in under a second.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tenure::drift::{Baseline, diff};
use tenure::model::{
    Builder, Effect, Entitlement, Identity, IdentityKind, Inventory, Moment, Permission,
    PermissionSet, Sym, System, Tier,
};

const ENTITLEMENTS: usize = 100_000;
/// Grants of one identity.
const EACH: usize = 10;
/// Distinct documents.
const DOCUMENTS: usize = 2_000;
const RUNS: usize = 5;

fn document(number: usize, day: usize) -> PermissionSet {
    // One in twenty documents is another the next day.
    let grown = day > 0 && number.is_multiple_of(20);
    let statement = |effect, actions: Vec<String>, resource: String| Permission {
        effect,
        actions: actions.iter().map(|action| Sym::new(action)).collect(),
        not_actions: false,
        resources: [Sym::new(&resource)].into(),
        not_resources: false,
        condition: None,
    };
    let mut actions = vec![
        format!("s3:Get{}*", number % 7),
        format!("sqs:Send{}*", number % 11),
        "dynamodb:Query".to_owned(),
    ];
    if grown {
        actions.push("dynamodb:PutItem".to_owned());
    }
    PermissionSet::new(vec![
        statement(
            Effect::Allow,
            actions,
            format!("arn:aws:s3:::bucket-{number}/*"),
        ),
        statement(Effect::Deny, vec!["s3:Delete*".to_owned()], "*".to_owned()),
    ])
}

fn inventory(day: usize) -> Inventory {
    let mut build = Builder::new();
    let sets: Vec<_> = (0..DOCUMENTS)
        .map(|number| build.permission_set(document(number, day)))
        .collect();
    for who in 0..ENTITLEMENTS / EACH {
        let arn = format!(
            "arn:aws:iam::111122223333:role/team-{}/role-{who}",
            who % 50
        );
        let mut identity = Identity::new(
            System::Aws,
            "111122223333",
            arn.as_str(),
            IdentityKind::Workload,
            arn.as_str(),
        );
        identity.uid = Sym::new(&format!("AROA{who:012}"));
        let at = build.identity(identity);
        for grant in 0..EACH {
            // One grant in a thousand is there on one day only.
            let number = who * EACH + grant;
            if number % 1_000 == day * 500 {
                continue;
            }
            let policy = format!("arn:aws:iam::111122223333:policy/p-{grant}");
            let mut fact = Entitlement::new(
                System::Aws,
                "111122223333",
                at,
                "managed-policy",
                policy.as_str(),
                "*",
            );
            fact.tier = Tier::Write;
            fact.expires = Moment::Never;
            fact.permissions = Some(sets[number % DOCUMENTS]);
            build.entitlement(fact);
        }
    }
    build.finish()
}

fn best<T>(mut work: impl FnMut() -> T) -> Duration {
    (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

#[allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    let (old, new) = (inventory(0), inventory(1));
    let records = best(|| Baseline::of(&new));
    let (was, is) = (Baseline::of(&old), Baseline::of(&new));
    let changes = diff(&was, &is, &new.coverage).len();
    let difference = best(|| diff(&was, &is, &new.coverage));
    println!(
        "{} and {} entitlements, {changes} changes",
        old.entitlements.len(),
        new.entitlements.len()
    );
    println!(
        "records of one side  {:>8.1} ms",
        records.as_secs_f64() * 1e3
    );
    println!(
        "difference           {:>8.1} ms",
        difference.as_secs_f64() * 1e3
    );
}
