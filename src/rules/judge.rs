//! Judging: every rule over every fact it can be about.
//!
//! Rules are indexed by kind of fact and system, so a fact only meets rules that can
//! hold for it. Facts are judged in parallel; findings are put in order afterwards,
//! so the result does not depend on how the work was shared out.

use jiff::Timestamp;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::finding::{self, Holdings};
use super::registry::RuleSet;
use super::rule::Rule;
use super::value::{Object, Scope};
use crate::config::{Config, Limits};
use crate::model::{Attrs, Coverage, FactKind, Finding, Inventory, Seen, Sym, System, Tenant};

/// What the rules say about an inventory.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// What holds, worst first; within a severity by rule, tenant and subject.
    pub findings: Vec<Finding>,
    /// The rules that could not be evaluated, one entry (`rule:<id>`) per tenant.
    pub coverage: Vec<Coverage>,
}

/// The rules that can hold for a fact of one kind and system, by both.
#[derive(Debug, Default)]
pub(super) struct Index(FxHashMap<(FactKind, System), Vec<usize>>);

impl Index {
    pub fn new(rules: &[Rule]) -> Self {
        let mut index: FxHashMap<_, Vec<usize>> = FxHashMap::default();
        for (at, rule) in rules.iter().enumerate() {
            for system in &rule.systems {
                index
                    .entry((rule.subject.kind, *system))
                    .or_default()
                    .push(at);
            }
        }
        Index(index)
    }

    fn of(&self, kind: FactKind, system: System) -> &[usize] {
        self.0.get(&(kind, system)).map_or(&[], Vec::as_slice)
    }
}

/// An inventory, ready to be looked at by rules.
pub(super) struct Court<'f> {
    pub inventory: &'f Inventory,
    limits: &'f Limits,
    now: Timestamp,
    tenants: FxHashMap<(System, Sym), &'f Tenant>,
}

impl<'f> Court<'f> {
    /// `tenants` are those of the inventory and of all its facts ([`tenants_of`]).
    pub fn new(
        inventory: &'f Inventory,
        tenants: &'f [Tenant],
        limits: &'f Limits,
        now: Timestamp,
    ) -> Self {
        Court {
            inventory,
            limits,
            now,
            tenants: tenants
                .iter()
                .map(|tenant| ((tenant.system, tenant.id), tenant))
                .collect(),
        }
    }

    /// All a rule may look at when it is about `fact`.
    pub fn scope(&self, fact: Object<'f>) -> Scope<'f> {
        let identity = |at| Object::Identity(self.inventory.identity(at));
        let or_absent = |object: Option<Object<'f>>| object.unwrap_or_default();
        let (holder, other) = match fact {
            Object::Entitlement(fact) => (identity(fact.identity), Object::Absent),
            Object::Credential(fact) => (or_absent(fact.identity.map(identity)), Object::Absent),
            Object::Trust(fact) => (identity(fact.target), or_absent(fact.source.map(identity))),
            Object::Path(fact) => (identity(fact.from), or_absent(fact.to.map(identity))),
            Object::Grant(fact) => (or_absent(fact.identity.map(identity)), Object::Absent),
            _ => (Object::Absent, Object::Absent),
        };
        let tenant = place(fact).and_then(|key| self.tenants.get(&key));
        Scope {
            objects: [
                fact,
                holder,
                other,
                tenant.map_or(Object::Absent, |tenant| Object::Tenant(tenant)),
                Object::Limits(self.limits),
            ],
            now: self.now,
        }
    }
}

/// System and tenant of a fact.
fn place(fact: Object<'_>) -> Option<(System, Sym)> {
    match fact {
        Object::Entitlement(fact) => Some((fact.system, fact.tenant)),
        Object::Credential(fact) => Some((fact.system, fact.tenant)),
        Object::Identity(fact) => Some((fact.system, fact.tenant)),
        Object::Trust(fact) => Some((fact.system, fact.tenant)),
        Object::Path(fact) => Some((fact.system, fact.tenant)),
        Object::Grant(fact) => Some((fact.system, fact.tenant)),
        Object::Tenant(fact) => Some((fact.system, fact.id)),
        Object::Absent
        | Object::Limits(_)
        | Object::Claim(_)
        | Object::Step(_)
        | Object::Approval(_) => None,
    }
}

/// The tenants of an inventory, and one without settings for each that facts or
/// coverage name but no resolver described.
pub(super) fn tenants_of(inventory: &Inventory) -> Vec<Tenant> {
    let mut all = inventory.tenants.clone();
    let mut known: FxHashSet<(System, Sym)> = all
        .iter()
        .map(|tenant| (tenant.system, tenant.id))
        .collect();
    let named = facts(inventory).filter_map(place).chain(
        inventory
            .coverage
            .iter()
            .map(|seen| (seen.system, seen.tenant)),
    );
    for (system, id) in named {
        if known.insert((system, id)) {
            all.push(Tenant {
                system,
                id,
                name: id,
                attrs: Attrs::new(),
                location: None,
            });
        }
    }
    all
}

fn facts(inventory: &Inventory) -> impl Iterator<Item = Object<'_>> {
    let tenants = inventory.tenants.iter().map(Object::Tenant);
    let identities = inventory.identities.iter().map(Object::Identity);
    let entitlements = inventory.entitlements.iter().map(Object::Entitlement);
    let credentials = inventory.credentials.iter().map(Object::Credential);
    let trusts = inventory.trusts.iter().map(Object::Trust);
    let paths = inventory.paths.iter().map(Object::Path);
    tenants
        .chain(identities)
        .chain(entitlements)
        .chain(credentials)
        .chain(trusts)
        .chain(paths)
        .chain(inventory.grants.iter().map(Object::Grant))
}

/// Judges everything.
pub(super) fn judge(
    rules: &RuleSet,
    inventory: &Inventory,
    config: &Config,
    now: Timestamp,
) -> Judgement {
    let tenants = tenants_of(inventory);
    let court = Court::new(inventory, &tenants, &config.limits, now);
    let holdings = Holdings::new(inventory);

    let table = |kind: FactKind| -> Vec<Finding> {
        let count = match kind {
            FactKind::Entitlement => inventory.entitlements.len(),
            FactKind::Credential => inventory.credentials.len(),
            FactKind::Identity => inventory.identities.len(),
            FactKind::Trust => inventory.trusts.len(),
            FactKind::Path => inventory.paths.len(),
            FactKind::Source => inventory.tenants.len(),
            FactKind::Grant => inventory.grants.len(),
        };
        (0..count)
            .into_par_iter()
            .with_min_len(256)
            .flat_map_iter(|at| {
                let fact = match kind {
                    FactKind::Entitlement => Object::Entitlement(&inventory.entitlements[at]),
                    FactKind::Credential => Object::Credential(&inventory.credentials[at]),
                    FactKind::Identity => Object::Identity(&inventory.identities[at]),
                    FactKind::Trust => Object::Trust(&inventory.trusts[at]),
                    FactKind::Path => Object::Path(&inventory.paths[at]),
                    FactKind::Grant => Object::Grant(&inventory.grants[at]),
                    FactKind::Source => Object::Tenant(&inventory.tenants[at]),
                };
                let system = place(fact).map(|(system, _)| system);
                let candidates = system.map_or(&[][..], |system| rules.index.of(kind, system));
                // A fact no rule is about costs no look-up.
                let scope = (!candidates.is_empty()).then(|| court.scope(fact));
                let holdings = &holdings;
                let court = &court;
                candidates.iter().filter_map(move |&rule| {
                    let rule = &rules.rules[rule];
                    let scope = scope.as_ref()?;
                    rule.condition
                        .holds(scope)
                        .then(|| finding::of(rule, fact, at, scope, court, holdings))?
                })
            })
            .collect()
    };

    let mut findings: Vec<Finding> = super::schema::SUBJECTS
        .iter()
        .flat_map(|subject| table(subject.kind))
        .collect();
    sort(&mut findings);
    let coverage = not_evaluable(rules, inventory, &tenants);
    Judgement { findings, coverage }
}

/// Worst first, then by rule, tenant and subject; one finding per id.
fn sort(findings: &mut Vec<Finding>) {
    findings.par_sort_unstable_by(|a, b| {
        (b.severity, a.rule, a.tenant, &a.subject, a.id)
            .cmp(&(a.severity, b.rule, b.tenant, &b.subject, b.id))
            .then_with(|| a.message.cmp(&b.message))
    });
    let mut seen = FxHashSet::default();
    findings.retain(|finding| seen.insert(finding.id));
}

/// For each rule the tenants where something it needs was not completely seen.
fn not_evaluable(rules: &RuleSet, inventory: &Inventory, tenants: &[Tenant]) -> Vec<Coverage> {
    // The worst statement about each kind in each tenant counts.
    let mut said: FxHashMap<(System, Sym, Sym), &Coverage> = FxHashMap::default();
    for coverage in &inventory.coverage {
        let key = (coverage.system, coverage.tenant, coverage.kind);
        let worst = said.entry(key).or_insert(coverage);
        if coverage.seen < worst.seen {
            *worst = coverage;
        }
    }
    let mut all = Vec::new();
    for rule in &rules.rules {
        for tenant in tenants
            .iter()
            .filter(|tenant| rule.systems.contains(&tenant.system))
        {
            let own = |kind: &&Sym| {
                let system = kind.split_once('.').map(|(system, _)| system);
                system == Some(tenant.system.as_str())
            };
            let mut lacking: Vec<(Sym, Option<&Coverage>)> = Vec::new();
            for &kind in rule.needs.iter().filter(own) {
                let of = |kind| said.get(&(tenant.system, tenant.id, kind));
                // `aws.*` speaks of every kind that is not named.
                let every = || of(Sym::new(&format!("{}.*", tenant.system)));
                match of(kind).or_else(every) {
                    Some(coverage) if coverage.seen == Seen::Complete => {}
                    other => lacking.push((kind, other.copied())),
                }
            }
            let seen = |(_, said): &(Sym, Option<&Coverage>)| said.map_or(Seen::None, |c| c.seen);
            let Some(worst) = lacking.iter().map(seen).min() else {
                continue;
            };
            let reasons: Vec<String> = lacking
                .iter()
                .map(|(kind, said)| {
                    let reason = said.map_or("it was not read", |coverage| &*coverage.reason);
                    format!("{kind}: {reason}")
                })
                .collect();
            let mut entry = Coverage::lacking(
                tenant.system,
                tenant.id,
                &format!("rule:{}", rule.id),
                worst,
                format!(
                    "`{}` could not be judged; {}",
                    rule.name,
                    reasons.join("; ")
                ),
            );
            // Where the source calls all that is lacking optional, the rule is listed as
            // not evaluable, and the scan is not incomplete because of it.
            entry.required = lacking
                .iter()
                .any(|(_, said)| said.is_none_or(|coverage| coverage.required));
            entry.remedy = lacking
                .iter()
                .find_map(|(_, said)| said.and_then(|coverage| coverage.remedy.clone()));
            all.push(entry);
        }
    }
    all.sort_by_key(|entry| (entry.system, entry.tenant, entry.kind));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Builder, Credential, Entitlement, Identity, IdentityKind, Moment, Severity, Tier,
    };

    const RULES: &str = r#"
family: test
rules:
  - id: T1
    name: old-key
    on: credential
    severity: [{when: credential.tier == "admin", is: high}, {is: low}]
    tags: [credential]
    needs: [aws.credential-report]
    when: credential.system == "aws" && has(credential.rotated) && age(credential.rotated) > limits.key_age
    message: "`{credential.name}` of {identity.name}: {age(credential.rotated)}"
    why: because
    fix: "rotate {credential.id}"
    references: [CWE:262]
    tests:
      - match: {credential: {rotated: 2020-01-01T00:00:00Z}}
      - no-match: {credential: {rotated: never}}
  - id: T2
    name: admin
    on: identity
    severity: critical
    tags: [admin]
    when: identity.tier == "admin"
    message: "{identity.name} is admin in {tenant.name}"
    why: because
    fix: stop
    references: [CWE:266]
    tests:
      - match: {identity: {tier: admin}}
      - no-match: {identity: {tier: write}}
"#;

    fn now() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn key(name: &str, whom: Option<crate::model::IdentityRef>, tier: Tier) -> Credential {
        let mut key = Credential::new(System::Aws, "1", whom, "access-key", name, name);
        key.rotated = Moment::At("2026-01-01T00:00:00Z".parse().unwrap());
        key.tier = tier;
        key
    }

    fn inventory() -> Inventory {
        let mut build = Builder::new();
        let bob = build.identity(Identity::new(
            System::Aws,
            "1",
            "arn:bob",
            IdentityKind::Human,
            "bob",
        ));
        let mut grant = Entitlement::new(System::Aws, "1", bob, "managed-policy", "arn:admin", "*");
        grant.tier = Tier::Admin;
        build.entitlement(grant);
        build.credential(key("K2", Some(bob), Tier::Write));
        build.credential(key("K1", None, Tier::Admin));
        build.finish()
    }

    fn judged(inventory: &Inventory) -> Judgement {
        let rules = RuleSet::parse("t.yaml", RULES).unwrap_or_else(|e| panic!("\n{e}"));
        rules.judge(inventory, &Config::default(), now())
    }

    #[test]
    fn findings_are_complete_and_in_order() {
        let found = judged(&inventory()).findings;
        let shown: Vec<String> = found
            .iter()
            .map(|f| format!("{} {} {} {}", f.severity, f.rule, f.subject.id, f.message))
            .collect();
        assert_eq!(
            shown,
            [
                "critical T2 arn:bob bob is admin in 1",
                "high T1 K1 `K1` of unknown: 325 days",
                "low T1 K2 `K2` of bob: 325 days",
            ]
        );
        assert_eq!(&*found[0].evidence[0].what, "managed-policy on *");
        assert_eq!(found[0].evidence[0].source, "arn:admin");
        assert_eq!(&*found[1].fix, "rotate K1");
        assert_eq!(
            &*found[1].evidence[0].what,
            "rotated 2026-01-01 (325 days ago)"
        );
    }

    #[test]
    fn ids_do_not_depend_on_anything_else() {
        let ids = |inventory: &Inventory| -> Vec<(Sym, Sym)> {
            let mut ids: Vec<_> = judged(inventory)
                .findings
                .iter()
                .map(|finding| (finding.subject.id, finding.id))
                .collect();
            ids.sort();
            ids
        };
        let one = inventory();
        let mut two = inventory();
        two.credentials.reverse();
        two.credentials[0].tier = Tier::Read;
        two.identities[0].name = Sym::new("robert");
        two.coverage.push(Coverage::complete(
            System::Aws,
            Sym::new("1"),
            "aws.credential-report",
            1,
        ));
        assert_eq!(ids(&one), ids(&two));
    }

    #[test]
    fn a_lacking_need_is_not_evaluable_and_hides_no_finding() {
        let mut facts = inventory();
        let entries = |facts: &Inventory| judged(facts).coverage;
        let unread = entries(&facts);
        assert_eq!(unread.len(), 1);
        assert_eq!(unread[0].kind, "rule:T1");
        assert!(unread[0].is_gap());

        let tenant = Sym::new("1");
        let kind = "aws.credential-report";
        let report = Coverage::complete(System::Aws, tenant, kind, 2);
        facts.coverage.push(report);
        assert_eq!(entries(&facts), []);

        let half = Coverage::lacking(System::Aws, tenant, kind, Seen::Partial, "no root row")
            .remedy("give it");
        facts.coverage.push(half);
        let partly = entries(&facts);
        assert_eq!(partly[0].seen, Seen::Partial);
        assert_eq!(
            &*partly[0].reason,
            "`old-key` could not be judged; aws.credential-report: no root row"
        );
        assert_eq!(partly[0].remedy.as_deref(), Some("give it"));
        assert_eq!(judged(&facts).findings.len(), 3);

        facts.coverage[1].required = false;
        assert!(!entries(&facts)[0].is_gap());
    }

    #[test]
    fn facts_of_other_systems_do_not_meet_the_rule() {
        let mut facts = inventory();
        for credential in &mut facts.credentials {
            credential.system = System::Vault;
        }
        assert!(
            judged(&facts)
                .findings
                .iter()
                .all(|f| f.severity == Severity::Critical)
        );
    }
}
