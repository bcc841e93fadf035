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
        Object::Tenant(fact) => Some((fact.system, fact.id)),
        Object::Absent | Object::Limits(_) | Object::Claim(_) | Object::Step(_) => None,
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
            FactKind::Grant => 0,
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
                    FactKind::Source | FactKind::Grant => Object::Tenant(&inventory.tenants[at]),
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
            let mut lacking = Vec::new();
            for &kind in rule.needs.iter().filter(own) {
                match said.get(&(tenant.system, tenant.id, kind)) {
                    Some(coverage) if coverage.seen == Seen::Complete => {}
                    Some(coverage) => lacking.push((
                        kind,
                        coverage.seen,
                        coverage.reason.to_string(),
                        coverage.remedy.clone(),
                    )),
                    None => lacking.push((kind, Seen::None, "it was not read".to_owned(), None)),
                }
            }
            let Some(worst) = lacking.iter().map(|(_, seen, ..)| *seen).min() else {
                continue;
            };
            let reasons: Vec<String> = lacking
                .iter()
                .map(|(kind, _, reason, _)| format!("{kind}: {reason}"))
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
            entry.remedy = lacking.into_iter().find_map(|(.., remedy)| remedy);
            all.push(entry);
        }
    }
    all.sort_by_key(|entry| (entry.system, entry.tenant, entry.kind));
    all
}
