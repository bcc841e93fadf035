//! Who holds which policies, and what that is worth.

use std::collections::BTreeMap;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::book::Book;
use super::judge::{Court, Hit, Judged, Prepared};
use super::template::Values;
use crate::model::{
    Activation, Builder, CredentialRef, Entitlement, Gate, IdentityRef, Inventory, Location,
    Moment, Path, PermissionSetRef, Step, Sym, System, Verdict,
};

/// One attachment of a policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) policy: Sym,
    /// `token-policy`, `entity-policy`, `group-policy`, `role-policy`, `policy`.
    pub(super) mechanism: &'static str,
    /// The group it comes through.
    pub(super) via: Option<Sym>,
    pub(super) expires: Moment,
    pub(super) since: Option<jiff::Timestamp>,
    pub(super) location: Option<Location>,
}

impl Grant {
    pub(super) fn new(policy: &str, mechanism: &'static str) -> Self {
        Grant {
            policy: Sym::new(policy),
            mechanism,
            via: None,
            expires: Moment::Never,
            since: None,
            location: None,
        }
    }
}

/// Somebody with policies: an identity, or one of its credentials.
#[derive(Debug)]
pub(super) struct Principal {
    pub(super) who: IdentityRef,
    pub(super) grants: Vec<Grant>,
    /// Policies that count beside the grants but are granted elsewhere.
    pub(super) beside: Vec<Sym>,
    /// The credential these policies belong to.
    pub(super) credential: Option<CredentialRef>,
    /// The entity whose values templates take, where there is one.
    pub(super) entity: Option<Sym>,
}

/// The policies of each principal, by their place in the book: templates filled in
/// where it is known for whom.
pub(super) fn sets(
    book: &mut Book,
    court: &Court<'_>,
    principals: &[Principal],
    values: &BTreeMap<Sym, Values>,
) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = principals
        .par_iter()
        .map(|principal| {
            let names = principal.grants.iter().map(|grant| grant.policy);
            let mut set: Vec<usize> = names
                .chain(principal.beside.iter().copied())
                .filter_map(|name| book.find(name))
                .collect();
            set.sort_unstable();
            set.dedup();
            set
        })
        .collect();
    if book.has_templates() {
        let mut known: FxHashMap<Sym, FxHashMap<usize, usize>> = FxHashMap::default();
        for (principal, set) in principals.iter().zip(&mut sets) {
            if let Some(entity) = principal.entity
                && let Some(values) = values.get(&entity)
            {
                book.vary(set, values, court, known.entry(entity).or_default());
            }
        }
    }
    sets
}

/// What was found out about one principal.
#[derive(Debug)]
pub(super) struct Outcome<'a> {
    pub(super) who: IdentityRef,
    pub(super) judged: &'a Judged,
    /// Indices into the book, in the order of `judged.shares`.
    pub(super) set: &'a [usize],
}

/// Judges every distinct set once and emits entitlements and paths.
pub(super) fn settle(
    build: &mut Builder,
    mut desk: Desk<'_>,
    principals: &[Principal],
    sets: &[Vec<usize>],
    mut each: impl FnMut(&Outcome<'_>),
) {
    let mut distinct: Vec<&[usize]> = Vec::new();
    let mut number: FxHashMap<&[usize], usize> = FxHashMap::default();
    for set in sets {
        number.entry(set).or_insert_with(|| {
            distinct.push(set);
            distinct.len() - 1
        });
    }
    let judged: Vec<Judged> = distinct
        .par_iter()
        .map(|set| {
            let set: Vec<&Prepared> = set.iter().map(|&at| desk.book.one(at)).collect();
            desk.court.judge(&set)
        })
        .collect();

    // First what is said and in which order, then the saying, in parallel.
    let mut granted: FxHashSet<(IdentityRef, Sym, &'static str, Option<Sym>)> =
        FxHashSet::default();
    let mut grants: Vec<(IdentityRef, &Grant, &[usize], &Judged)> = Vec::new();
    // The best hit of each walker and technique.
    let mut walked: FxHashMap<(IdentityRef, usize), (&Hit, &[usize])> = FxHashMap::default();
    for (principal, set) in principals.iter().zip(sets) {
        let set = set.as_slice();
        let judged = &judged[number[set]];
        let who = principal.who;
        if let Some(at) = principal.credential
            && let Some(credential) = build.facts_mut().credentials.get_mut(at.0 as usize)
        {
            credential.tier = judged.tier;
        }
        build.raise(who, judged.tier);
        for grant in &principal.grants {
            if granted.insert((who, grant.policy, grant.mechanism, grant.via)) {
                desk.permit(build, grant.policy);
                grants.push((who, grant, set, judged));
            }
        }
        for hit in &judged.hits {
            let best = walked.entry((who, hit.technique)).or_insert((hit, set));
            if best.0.verdict < hit.verdict {
                *best = (hit, set);
            }
        }
        each(&Outcome { who, judged, set });
    }
    let entitlements: Vec<Entitlement> = grants
        .par_iter()
        .map(|&(who, grant, set, judged)| desk.entitlement(who, grant, set, judged))
        .collect();
    for entitlement in entitlements {
        build.entitlement(entitlement);
    }
    let mut walked: Vec<_> = walked.into_iter().collect();
    walked.sort_unstable_by_key(|(key, _)| *key);
    let facts = build.facts();
    let paths: Vec<Path> = walked
        .par_iter()
        .map(|&((who, _), (hit, set))| desk.path(facts, who, hit, set))
        .collect();
    for path in paths {
        build.path(path);
    }
}

/// Writes down what was judged.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    tenant: Sym,
    scope: Sym,
    book: &'a Book,
    court: &'a Court<'a>,
    /// What the policies allow, by their place in the book.
    sets: FxHashMap<usize, PermissionSetRef>,
}

impl<'a> Desk<'a> {
    /// For the principals of one namespace.
    pub(super) fn new(tenant: Sym, scope: Sym, book: &'a Book, court: &'a Court<'a>) -> Self {
        Desk {
            tenant,
            scope,
            book,
            court,
            sets: FxHashMap::default(),
        }
    }

    /// Stores what a policy allows.
    fn permit(&mut self, build: &mut Builder, policy: Sym) {
        if let Some(at) = self.book.find(policy) {
            self.sets
                .entry(at)
                .or_insert_with(|| build.permission_set(self.book.permissions(at)));
        }
    }

    fn entitlement(
        &self,
        who: IdentityRef,
        grant: &Grant,
        set: &[usize],
        judged: &Judged,
    ) -> Entitlement {
        let mut fact = Entitlement::new(
            System::Vault,
            self.tenant,
            who,
            grant.mechanism,
            grant.policy,
            self.scope,
        );
        fact.via = grant.via;
        fact.expires = grant.expires;
        fact.since = grant.since;
        fact.location = grant.location;
        let Some(at) = self.book.find(grant.policy) else {
            fact.verdict = Verdict::No;
            if let Some((message, place)) = self.book.unparsed.get(&grant.policy) {
                fact.verdict = Verdict::Conditional;
                fact.residual = Some(Sym::new(&format!("the policy does not parse: {message}")));
                fact.activation = Activation::Unknown;
                fact.location = Some(*place);
            } else if !self.book.is_undefined(grant.policy) {
                fact.verdict = Verdict::Conditional;
                fact.residual = Some(Sym::new("the policy was not read"));
                fact.activation = Activation::Unknown;
            }
            return fact;
        };
        fact.permissions = self.sets.get(&at).copied();
        fact.location = self.book.first_rule(at).or(fact.location);
        let Some(share) = set
            .iter()
            .position(|&one| self.book.base(one) == at)
            .and_then(|place| judged.shares.get(place))
        else {
            return fact;
        };
        fact.tier = share.tier;
        fact.verdict = share.verdict;
        fact.residual = share.residual.as_deref().map(Sym::new);
        if share.approval {
            // The policy only asks for approval; whether anybody gave one is told
            // by the ledger.
            fact.activation = Activation::Eligible;
        }
        let attrs = &mut fact.attrs;
        for (name, list) in [
            ("bypasses_approval", &share.bypasses_approval),
            ("drops_wrapping", &share.drops_wrapping),
            ("undoes_deny", &share.undoes_deny),
            ("legacy_path_open", &share.legacy_path_open),
        ] {
            if !list.is_empty() {
                attrs.set(
                    name,
                    list.iter().map(|text| Sym::new(text)).collect::<Vec<_>>(),
                );
            }
        }
        fact
    }

    fn path(&self, facts: &Inventory, who: IdentityRef, hit: &Hit, set: &[usize]) -> Path {
        let technique = &self.court.catalogue.techniques[hit.technique];
        let from = facts.identity(who).id;
        let gate = if hit.approval {
            Gate::Unproved
        } else {
            Gate::None
        };
        let steps = hit
            .requests
            .iter()
            .enumerate()
            .map(|(number, (operation, path))| {
                let word = format!("{operation:?}").to_lowercase();
                let given = hit
                    .given_by
                    .iter()
                    .skip(if technique.all { number } else { 0 });
                Step {
                    from,
                    action: Sym::new(&format!("{word} {path}")),
                    to: Sym::new(path),
                    gate,
                    evidence: given
                        .take(if technique.all { 1 } else { usize::MAX })
                        .map(|(policy, span)| {
                            self.book.evidence(
                                set[*policy],
                                span.clone(),
                                format!("allows {word} at {path}"),
                            )
                        })
                        .collect(),
                }
            })
            .collect();
        let first = hit.given_by.first();
        let mut path = Path {
            system: System::Vault,
            tenant: self.tenant,
            from: who,
            to: None,
            tier: technique.tier,
            technique: Sym::new(&technique.id),
            name: Sym::new(&technique.name),
            verdict: hit.verdict,
            residual: hit.residual.as_deref().map(Sym::new),
            gate,
            steps,
            attrs: Default::default(),
            location: first.and_then(|(policy, span)| self.book.locate(set[*policy], span.clone())),
        };
        let (operation, witness) = &hit.requests[0];
        let request = format!("{operation:?} {witness}").to_lowercase();
        path.attrs.set("request", Sym::new(&request));
        path.attrs.set("why", Sym::new(&technique.why));
        let mut policies: Vec<Sym> = hit
            .given_by
            .iter()
            .map(|(policy, _)| Sym::new(&self.book.one(set[*policy]).policy.name))
            .collect();
        policies.sort();
        policies.dedup();
        path.attrs.set("policies", policies);
        path
    }
}
