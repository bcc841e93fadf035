//! Applies reconciliation to an inventory.
//!
//! What the ledger proves changes what rules see: an entitlement under an active,
//! approved grant is `jit`, a declared exception is `exception`. What it cannot prove
//! changes nothing: without a ledger that speaks for a system, what stands there
//! still stands, and its state says `NOT_EVALUABLE`.

mod earlier;
mod live;
mod minted;
mod people;
pub mod round;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

pub use earlier::Earlier;

use super::alias::{Aliases, Person};
use super::reconcile::{
    Answer, Case, Exception, Flag, GrantState, Judged, Live, Policy, Proved, State, listable,
    reconcile,
};
use crate::config::Config;
use crate::model::{
    Activation, Actor, Coverage, EvidenceClass, Grant, GrantKind, IdentityRef, Inventory,
    LedgerCoverage, Progress, Seen, Sym, System,
};
use live::Row;

/// What the ledger and earlier scans say.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Grants.
    pub grants: Vec<Grant>,
    /// For which times the ledger holds all grants.
    pub coverage: Vec<LedgerCoverage>,
    /// References that are one person, by proof (`true`) or by suspicion.
    pub links: Vec<(Actor, Actor, bool)>,
    /// What was there before, oldest first.
    pub earlier: Vec<Earlier>,
}

/// Reconciles `inventory` with `evidence`: takes in the grants with their states, says
/// of every entitlement what it is, and adds the sources of grants as tenants. Gives
/// back the earlier snapshots, for [`outlived`].
pub fn run(
    inventory: &mut Inventory,
    evidence: Evidence,
    config: &Config,
    now: Timestamp,
) -> Vec<Earlier> {
    let Evidence {
        mut grants,
        coverage,
        links,
        earlier,
    } = evidence;
    grants.sort_by_key(|grant| (grant.id, grant.source));
    source::describe(inventory, &grants, &coverage, now);
    let coverage = speaking(coverage, &grants);
    let aliases = people::aliases(inventory, config, &links, &grants);
    let seen = live::seen(inventory);
    live::settle(inventory, &mut grants);
    let known = std::iter::once(&*inventory).chain(earlier.iter().rev().map(|then| &then.facts));
    live::name(known, &mut grants);

    let policy = Policy::of(&config.jit, &config.limits);
    let (mut rows, mut lives) = live::rows(inventory);
    earlier::look_back(
        &earlier,
        inventory,
        &mut rows,
        &mut lives,
        &mut grants,
        &aliases,
        &policy,
    );
    let exceptions = exceptions(config);
    let mut answer = reconcile(&Case {
        live: &lives,
        grants: &grants,
        aliases: &aliases,
        exceptions: &exceptions,
        ledger: &coverage,
        seen: &seen,
        policy: &policy,
        now,
    });
    // How grants ended tells whether those that run can be relied on to end.
    let ended = revocation(&grants, &answer);
    answer.prove_revocable(&lives, &ended);
    let known = people::known(inventory, &aliases);
    let beside = Beside::of(&grants, &lives, &aliases, &coverage, now);
    for ((row, live), judged) in rows.iter().zip(&lives).zip(&answer.live) {
        let extra = beside.flags(live, judged, &aliases);
        mark(inventory, row, judged, &extra, &grants, &exceptions);
    }
    round::beside(inventory, &rows, &lives, &aliases, &policy.implies);
    grant_verdicts(&mut grants, &rows, &answer, &known, &aliases);
    bursts(&mut grants, &aliases);
    gaps(inventory, &coverage, config, now);
    inventory.grants = grants;
    earlier
}

/// Ties what was made under grants and outlives them to those grants. What identities
/// are worth must be known in full: the ways that cross systems included.
pub fn outlived(inventory: &mut Inventory, earlier: &[Earlier], now: Timestamp) {
    let mut grants = std::mem::take(&mut inventory.grants);
    minted::find(inventory, &mut grants, earlier, now);
    inventory.grants = grants;
}

/// Statements of coverage that speak for entitlements. A source that only gives
/// sessions, leases or credentials knows nothing of who is assigned what.
fn speaking(coverage: Vec<LedgerCoverage>, grants: &[Grant]) -> Vec<LedgerCoverage> {
    let mut lists: FxHashMap<Sym, bool> = FxHashMap::default();
    for grant in grants {
        *lists.entry(grant.source).or_default() |= listable(grant.kind);
    }
    coverage
        .into_iter()
        .filter(|said| lists.get(&said.source) != Some(&false))
        .collect()
}

fn exceptions(config: &Config) -> Vec<Exception> {
    config
        .jit
        .exceptions
        .iter()
        .filter_map(|declared| {
            Some(Exception {
                id: Sym::new(&declared.id),
                // The settings are read with this checked.
                system: declared.system.parse().ok()?,
                subject: Actor::parse(&declared.subject),
                privileges: declared.privileges.iter().map(Sym::from).collect(),
                scope: declared
                    .scope
                    .iter()
                    .map(|(key, value)| (Sym::new(key), Sym::new(value)))
                    .collect(),
                owner: Some(Sym::new(&declared.owner)),
                reason: Some(Sym::new(&declared.reason)),
                expires: Some(declared.expires),
            })
        })
        .collect()
}

/// How many of the last ended grants of a realm must have been seen gone in time.
const LAST_ENDED: usize = 5;

/// When a grant ended, and whether its access went in time, where that is known.
type Ending = (Option<Timestamp>, Option<bool>);

/// Realms whose last grants ended as they should (`true`) or did not.
fn revocation(grants: &[Grant], answer: &Answer) -> FxHashMap<Sym, bool> {
    let mut ended: FxHashMap<Sym, Vec<Ending>> = FxHashMap::default();
    for (grant, judged) in grants.iter().zip(&answer.grants) {
        let in_time = match judged.state {
            GrantState::ExpiredButLive | GrantState::RevokedButLive => Some(false),
            GrantState::Ended if judged.flags.contains(&Flag::RevokeFailed) => Some(false),
            GrantState::Ended if judged.flags.contains(&Flag::RevokeLate) => Some(false),
            GrantState::Ended => judged.lateness.map(|_| true),
            _ => continue,
        };
        let list = ended.entry(grant.realm).or_default();
        list.push((grant.end(), in_time));
    }
    ended
        .into_iter()
        .filter_map(|(realm, mut list)| {
            list.sort();
            let last: Vec<Option<bool>> = list
                .iter()
                .rev()
                .take(LAST_ENDED)
                .map(|(_, ok)| *ok)
                .collect();
            if last.contains(&Some(false)) {
                return Some((realm, false));
            }
            last.iter()
                .all(|ok| *ok == Some(true))
                .then_some((realm, true))
        })
        .collect()
}

/// Writes what was found about an entitlement into the inventory.
fn mark(
    inventory: &mut Inventory,
    row: &Row,
    judged: &Judged,
    extra: &[Flag],
    grants: &[Grant],
    exceptions: &[Exception],
) {
    let Some(fact) = inventory.entitlements.get_mut(row.at.0 as usize) else {
        return;
    };
    let (mut state, mut why) = (judged.state, judged.why.clone());
    let proved_here = fact.activation == Activation::Jit;
    if proved_here && matches!(state, State::StandingNoEvidence) {
        state = State::NotEvaluable;
        why.push("an object of its operator vouches for it, and the ledger lacks it".to_owned());
    }
    let weak = judged
        .evidence
        .is_none_or(|class| class <= EvidenceClass::Claimed);
    fact.activation = match state {
        State::EligibleOnly => Activation::Eligible,
        State::Covered if !weak => Activation::Jit,
        State::BreakGlass if !weak => Activation::BreakGlass,
        State::DeclaredException => Activation::Exception,
        State::ExpiredButLive
        | State::RevokedButLive
        | State::Unapproved
        | State::BroaderThanApproved => Activation::Standing,
        State::Covered
        | State::BreakGlass
        | State::ExceptionExpired
        | State::NotEvaluable
        | State::StandingNoEvidence => fact.activation,
    };
    let attrs = &mut fact.attrs;
    attrs.set("jit_state", state.as_str());
    let flags: BTreeSet<Flag> = judged.flags.iter().chain(extra).copied().collect();
    attrs.set("jit_flags", names(&flags));
    attrs.set_some("jit_grant", judged.grant.map(|at| grants[at].id));
    attrs.set_some(
        "jit_exception",
        judged.exception.map(|at| exceptions[at].id),
    );
    attrs.set_some("jit_evidence", judged.evidence.map(EvidenceClass::as_str));
    let mut missing = Vec::new();
    const PARTS: [&str; 4] = [
        "jit_temporary",
        "jit_necessary",
        "jit_owned",
        "jit_revocable",
    ];
    for (attribute, (name, part)) in PARTS.into_iter().zip(judged.proof.parts()) {
        attrs.set(attribute, part.as_str());
        if !matches!(part, Proved::Proved | Proved::NotApplicable) {
            missing.push(Sym::new(name));
        }
    }
    attrs.set("jit_missing", missing);
    attrs.set_some("jit_latest_end", judged.latest_end);
    attrs.set("jit_persistence", i64::from(judged.persistence.percent));
    attrs.set_some("jit_presence", row.presence.map(i64::from));
    if !why.is_empty() {
        attrs.set("jit_why", why.join("; ").as_str());
    }
}

/// Flags by name, in the order of the names.
fn names(flags: &BTreeSet<Flag>) -> Vec<Sym> {
    let mut names: Vec<Sym> = flags.iter().map(|flag| flag.sym()).collect();
    names.sort();
    names
}

/// Access that others get by grants, or its holder could ask for.
struct Beside {
    eligible: FxHashSet<(System, Person, Sym)>,
    managed: FxHashMap<(System, Sym), bool>,
    activated: FxHashSet<(System, Person, Sym)>,
    /// Systems whose ledger reaches back far enough to say that nobody asked.
    told: FxHashSet<System>,
}

impl Beside {
    fn of(
        grants: &[Grant],
        lives: &[Live],
        aliases: &Aliases,
        ledger: &[LedgerCoverage],
        now: Timestamp,
    ) -> Self {
        let recent = now
            .checked_sub(jiff::SignedDuration::from_hours(90 * 24))
            .unwrap_or(Timestamp::MIN);
        let told = ledger
            .iter()
            .filter(|said| said.seen == Seen::Complete && said.to > recent)
            .filter(|said| said.from.is_none_or(|from| from <= recent))
            .map(|said| Grant::system_of(&said.realm))
            .collect();
        let mut activated = FxHashSet::default();
        let mut eligible = FxHashSet::default();
        let mut managed: FxHashMap<_, bool> = FxHashMap::default();
        for grant in grants {
            if grant.kind == GrantKind::Eligibility {
                let of = grant.subject.map(|subject| aliases.person(subject));
                let over = grant.end().is_some_and(|end| end < now);
                if let (Some(person), false) = (of, over) {
                    let list = grant.privileges.iter();
                    eligible.extend(list.map(|privilege| (grant.system, person, *privilege)));
                }
            } else if grant.progress == Progress::Issued
                && grant
                    .issued
                    .or(grant.requested)
                    .is_some_and(|at| at >= recent)
            {
                for privilege in &grant.privileges {
                    if let Some(subject) = grant.subject {
                        activated.insert((grant.system, aliases.person(subject), *privilege));
                    }
                    let group = managed.entry((grant.system, *privilege)).or_default();
                    *group |= grant.kind == GrantKind::Membership;
                }
            }
        }
        for live in lives.iter().filter(|live| live.eligible) {
            let person = aliases.person(live.subject);
            let list = live.privileges.iter();
            eligible.extend(list.map(|privilege| (live.system, person, *privilege)));
        }
        Beside {
            eligible,
            managed,
            activated,
            told,
        }
    }

    fn flags(&self, live: &Live, judged: &Judged, aliases: &Aliases) -> Vec<Flag> {
        let person = aliases.person(live.subject);
        if judged.state == State::EligibleOnly {
            let asked = live
                .privileges
                .iter()
                .any(|name| self.activated.contains(&(live.system, person, *name)));
            let silent = !asked && self.told.contains(&live.system);
            return silent.then_some(Flag::NeverActivated).into_iter().collect();
        }
        if !matches!(
            judged.state,
            State::StandingNoEvidence | State::NotEvaluable | State::ExceptionExpired
        ) || judged.grant.is_some()
        {
            return Vec::new();
        }
        let mut flags = Vec::new();
        if live
            .privileges
            .iter()
            .any(|name| self.eligible.contains(&(live.system, person, *name)))
        {
            flags.push(Flag::EligibleTwin);
        }
        let managed: Vec<bool> = live
            .privileges
            .iter()
            .filter_map(|name| self.managed.get(&(live.system, *name)).copied())
            .collect();
        if managed.contains(&true) {
            flags.push(Flag::PermanentInJitGroup);
        } else if !managed.is_empty() {
            flags.push(Flag::StandingBesideJit);
        }
        flags
    }
}

/// Writes what was found about grants into them.
fn grant_verdicts(
    grants: &mut [Grant],
    rows: &[Row],
    answer: &Answer,
    known: &FxHashMap<Person, IdentityRef>,
    aliases: &Aliases,
) {
    for (grant, judged) in grants.iter_mut().zip(&answer.grants) {
        let person = grant.subject.map(|subject| aliases.person(subject));
        grant.identity = person.and_then(|person| known.get(&person).copied());
        let mut flags = judged.flags.clone();
        let mut state = judged.state;
        let scanned = !known.is_empty() && grant.system != System::Jit;
        if scanned && person.is_some() && grant.identity.is_none() && judged.live.is_empty() {
            flags.insert(Flag::SubjectUnknown);
            // Who is not known here may hold the access under a name we cannot link.
            if state == GrantState::OrphanEvidence {
                state = GrantState::NotEvaluable;
            }
        }
        grant.state = Some(Sym::new(state.as_str()));
        grant.flags = names(&flags);
        grant.tier = judged.tier;
        grant.entitlements = judged.live.iter().map(|at| rows[*at].at).collect();
        grant.ticket_grants = u32::try_from(judged.ticket_grants).unwrap_or(u32::MAX);
        grant.persistence = judged.persistence.percent;
        grant.late_at_least = judged.lateness.map(|(least, _)| least);
        grant.late_at_most = judged.lateness.map(|(_, most)| most);
    }
}

/// Adds a flag to a grant.
fn flag(grant: &mut Grant, flag: Flag) {
    let name = flag.sym();
    if let Err(at) = grant.flags.binary_search(&name) {
        grant.flags.insert(at, name);
    }
}

/// Requests that follow each other so fast that no person makes them: one subject let
/// into several systems within minutes, or asking for one thing again and again.
fn bursts(grants: &mut [Grant], aliases: &Aliases) {
    const SYSTEMS: usize = 3;
    const RETRIES: usize = 5;
    let near = jiff::SignedDuration::from_mins(10);
    let mut by_person: FxHashMap<Person, Vec<(Timestamp, usize)>> = FxHashMap::default();
    for (at, grant) in grants.iter().enumerate() {
        if let (Some(subject), Some(asked)) = (grant.subject, grant.requested.or(grant.issued)) {
            let list = by_person.entry(aliases.person(subject)).or_default();
            list.push((asked, at));
        }
    }
    let mut marked: Vec<(usize, Flag)> = Vec::new();
    for list in by_person.values_mut() {
        list.sort_by_key(|&(asked, at)| (asked, grants[at].id));
        // What lies in the window, counted once as its two ends move on: a loop that
        // asks without end must not make this one slow.
        let mut realms: FxHashMap<Sym, usize> = FxHashMap::default();
        let mut things: FxHashMap<&[Sym], usize> = FxHashMap::default();
        let mut end = 0;
        for &(asked, at) in list.iter() {
            while let Some((later, next)) = list.get(end)
                && later.duration_since(asked) <= near
            {
                *realms.entry(grants[*next].realm).or_default() += 1;
                *things.entry(&grants[*next].privileges).or_default() += 1;
                end += 1;
            }
            if realms.len() >= SYSTEMS {
                marked.push((at, Flag::ChainedAcrossSystems));
            }
            let own = things.entry(&grants[at].privileges).or_default();
            if *own >= RETRIES {
                marked.push((at, Flag::RetryStorm));
            }
            *own = own.saturating_sub(1);
            let realm = grants[at].realm;
            if let Some(count) = realms.get_mut(&realm) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    realms.remove(&realm);
                }
            }
        }
    }
    for (at, mark) in marked {
        flag(&mut grants[at], mark);
    }
}

/// Says for each scanned tenant whether a ledger speaks for it. Optional: a scan is
/// not incomplete because no ledger was given for a system.
fn gaps(inventory: &mut Inventory, ledger: &[LedgerCoverage], config: &Config, now: Timestamp) {
    let mut all = Vec::new();
    for tenant in &inventory.tenants {
        if tenant.system == System::Jit {
            continue;
        }
        let speaks = ledger.iter().filter(|said| {
            Grant::system_of(&said.realm) == tenant.system
                && said.tenant.is_none_or(|of| of == tenant.id)
        });
        // `aws-idc` is part of a system: it says nothing about the rest.
        let part = |said: &LedgerCoverage| said.realm.contains('-');
        let last = speaks
            .clone()
            .max_by_key(|said| (said.seen, !part(said), said.to));
        let entry = match last {
            None => Coverage::lacking(
                tenant.system,
                tenant.id,
                "jit.ledger",
                Seen::None,
                "no ledger holds the grants of what is assigned in it",
            )
            .remedy("import them: `tenure ledger import`"),
            Some(said) if said.seen != Seen::Complete => Coverage::lacking(
                tenant.system,
                tenant.id,
                "jit.ledger",
                said.seen,
                said.reason.clone(),
            ),
            Some(said) if now.duration_since(said.to) > config.jit.ledger_age => Coverage::lacking(
                tenant.system,
                tenant.id,
                "jit.ledger",
                Seen::Partial,
                format!("the ledger ends on {}", said.to),
            )
            .remedy("harvest it again"),
            Some(said) if part(said) => Coverage::lacking(
                tenant.system,
                tenant.id,
                "jit.ledger",
                Seen::Partial,
                format!("the ledger speaks for {} only", said.realm),
            ),
            Some(_) => Coverage::complete(tenant.system, tenant.id, "jit.ledger", speaks.count()),
        };
        all.push(entry.optional());
    }
    inventory.coverage.extend(all);
}
