//! Live access against grants: exactly one state for each live entitlement and each
//! grant, flags, and a proof in four parts.
//!
//! A pure function of what is live, the grants, who is who, the exceptions, what was
//! seen, the policy and the moment. The order of the tables changes nothing, and a
//! grant changes nothing for people and systems it does not name.
//!
//! What a source cannot store never counts against a grant; it leaves a part of the
//! proof unproved, and where a verdict needs it, the verdict is
//! [`State::NotEvaluable`].

mod flags;
mod names;
mod order;
mod phase;
mod policy;
mod proof;
mod side;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

pub use flags::listable;
pub use names::{Flag, GrantState, Proof, Proved, State};
pub use order::{Implies, holds_as_much};
pub use phase::Persistence;
pub use policy::Policy;

use super::alias::{Aliases, Person};
use crate::model::{Actor, EvidenceClass, Grant, LedgerCoverage, Moment, Seen, Sym, System, Tier};
use order::Within;
use phase::{Phase, add, sub};

/// One live entitlement: one subject, one privilege, one scope.
#[derive(Clone, Debug)]
pub struct Live {
    /// The system.
    pub system: System,
    /// The part of the system a ledger may cover by itself: `aws-idc`, `aws-iam`.
    pub realm: Sym,
    /// Account, organisation, cluster or vault.
    pub tenant: Sym,
    /// Who holds it.
    pub subject: Actor,
    /// What is held, by every name the system has for it.
    pub privileges: Vec<Sym>,
    /// On what; sorted by key.
    pub scope: Vec<(Sym, Sym)>,
    /// What it is worth.
    pub tier: Tier,
    /// Who answers for it.
    pub owner: Option<Sym>,
    /// Whether the owner is active, where that is known.
    pub owner_active: Option<bool>,
    /// When it was made.
    pub since: Option<Timestamp>,
    /// When it ends by itself.
    pub expires: Moment,
    /// Who made it, where a log says so.
    pub created_by: Option<Sym>,
    /// Digest of what the privilege allows now.
    pub revision: Option<Sym>,
    /// Times of use, sorted. `None` where use is not seen.
    pub used: Option<Vec<Timestamp>>,
    /// When sessions opened under it end.
    pub sessions: Vec<Timestamp>,
    /// The longest session it can open.
    pub max_session: Option<SignedDuration>,
    /// It must be activated before it gives anything.
    pub eligible: bool,
}

/// A declared exception for live access.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Its name.
    pub id: Sym,
    /// The system.
    pub system: System,
    /// Whose access.
    pub subject: Actor,
    /// What; patterns with `*` allowed.
    pub privileges: Vec<Sym>,
    /// On what.
    pub scope: Vec<(Sym, Sym)>,
    /// Who answers for it.
    pub owner: Option<Sym>,
    /// Why.
    pub reason: Option<Sym>,
    /// Until when.
    pub expires: Option<Timestamp>,
}

impl Exception {
    /// Whether it is in force: owned, reasoned and not over.
    fn valid(&self, now: Timestamp) -> bool {
        let said = |text: Option<Sym>| text.is_some_and(|text| !text.trim().is_empty());
        said(self.owner) && said(self.reason) && self.expires.is_some_and(|end| end >= now)
    }
}

/// What of the live side was seen: the worst statement about each tenant.
pub type LiveCoverage = FxHashMap<(System, Sym), Seen>;

/// Everything there is to reconcile.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Live entitlements.
    pub live: &'a [Live],
    /// Grants.
    pub grants: &'a [Grant],
    /// Who is who.
    pub aliases: &'a Aliases,
    /// Declared exceptions.
    pub exceptions: &'a [Exception],
    /// For which time the ledger holds all grants.
    pub ledger: &'a [LedgerCoverage],
    /// Where all live access was seen.
    pub seen: &'a LiveCoverage,
    /// Limits.
    pub policy: &'a Policy,
    /// The moment.
    pub now: Timestamp,
}

/// What is found about one live entitlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its one state.
    pub state: State,
    /// Its flags.
    pub flags: BTreeSet<Flag>,
    /// Whether it is temporary, necessary, owned, revocable.
    pub proof: Proof,
    /// The grant the state rests on, by its place.
    pub grant: Option<usize>,
    /// The exception the state rests on, by its place.
    pub exception: Option<usize>,
    /// The weakest evidence the state rests on; `None` where it rests on no grant.
    pub evidence: Option<EvidenceClass>,
    /// When access can end at the latest, sessions included.
    pub latest_end: Option<Timestamp>,
    /// How much of the last days grants covered.
    pub persistence: Persistence,
    /// What else a reader should know, in phrases.
    pub why: Vec<String>,
}

/// What is found about one grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedGrant {
    /// Its one state.
    pub state: GrantState,
    /// Its flags.
    pub flags: BTreeSet<Flag>,
    /// The live entitlements it was matched with, by their places.
    pub live: Vec<usize>,
    /// The highest tier of them.
    pub tier: Tier,
    /// By how much removal was late: at least, at most. `None` while it is not over
    /// or was never seen gone.
    pub lateness: Option<(SignedDuration, SignedDuration)>,
    /// How many grants name its work item, itself included.
    pub ticket_grants: usize,
    /// How much of the last days grants like it covered.
    pub persistence: Persistence,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// By the place of the live entitlement.
    pub live: Vec<Judged>,
    /// By the place of the grant.
    pub grants: Vec<JudgedGrant>,
}

impl Answer {
    /// Proves or refutes that what grants give can be revoked, by realms whose last
    /// grants ended as they should (`true`) or did not.
    pub fn prove_revocable(&mut self, live: &[Live], ended: &FxHashMap<Sym, bool>) {
        for (judged, live) in self.live.iter_mut().zip(live) {
            proof::revoked_before(judged, ended.get(&live.realm).copied());
        }
    }
}

/// How a grant relates to a live entitlement of the same person and system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    /// Privilege and scope contain the entitlement's.
    Covers,
    /// They would, if the scope keys the grant does not mention fit.
    Unresolved,
    /// They contain it only in part.
    Overlaps,
    /// They have nothing to do with it.
    Apart,
}

/// The tables with what is derived from them once.
struct Court<'a> {
    case: &'a Case<'a>,
    phases: Vec<Phase>,
    /// Grants by system and person, each list in the order of grant ids.
    held: FxHashMap<(System, Person), Vec<usize>>,
    excepted: FxHashMap<(System, Person), Vec<usize>>,
    spoken: Spoken,
}

/// For which times the ledger is complete, by realm and tenant.
type Spoken = FxHashMap<(Sym, Option<Sym>), Vec<(Timestamp, Timestamp)>>;

/// Joins statements of complete coverage that follow each other: a ledger is
/// harvested piece by piece.
fn spoken(ledger: &[LedgerCoverage], skew: SignedDuration) -> Spoken {
    let mut all: Spoken = FxHashMap::default();
    for said in ledger.iter().filter(|said| said.seen == Seen::Complete) {
        let key = (canonical_realm(said.realm), said.tenant);
        let from = said.from.unwrap_or(Timestamp::MIN);
        all.entry(key).or_default().push((from, said.to));
    }
    for spans in all.values_mut() {
        spans.sort();
        let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
        for &(from, to) in spans.iter() {
            match joined.last_mut() {
                Some((_, until)) if from <= add(*until, skew) => *until = to.max(*until),
                _ => joined.push((from, to)),
            }
        }
        *spans = joined;
    }
    all
}

/// One spelling of a realm that is a whole system: `k8s` and `kubernetes`.
fn canonical_realm(realm: Sym) -> Sym {
    match Grant::system_of(&realm) {
        System::Jit => realm,
        _ if realm.contains('-') => realm,
        system => Sym::new(system.as_str()),
    }
}

/// Reconciles.
pub fn reconcile(case: &Case<'_>) -> Answer {
    let court = Court::new(case);
    let live: Vec<Judged> = case.live.par_iter().map(|live| court.judge(live)).collect();
    let grants = side::judge(&court, &live);
    Answer { live, grants }
}

/// Whether what each grant gives was there when this case's live side was read:
/// `None` where that cannot be told. Access made after a grant ended is not its.
pub fn sightings(case: &Case<'_>) -> Vec<Option<bool>> {
    side::sightings(&Court::new(case))
}

impl<'a> Court<'a> {
    fn new(case: &'a Case<'a>) -> Self {
        let mut order: Vec<usize> = (0..case.grants.len()).collect();
        order.sort_by_key(|&at| (case.grants[at].id, case.grants[at].source, at));
        let mut held: FxHashMap<_, Vec<usize>> = FxHashMap::default();
        for at in order {
            let grant = &case.grants[at];
            if let Some(subject) = grant.subject {
                let key = (grant.system, case.aliases.person(subject));
                held.entry(key).or_default().push(at);
            }
        }
        let mut excepted: FxHashMap<_, Vec<usize>> = FxHashMap::default();
        for (at, exception) in case.exceptions.iter().enumerate() {
            let key = (exception.system, case.aliases.person(exception.subject));
            excepted.entry(key).or_default().push(at);
        }
        Court {
            case,
            phases: case
                .grants
                .iter()
                .map(|grant| phase::of(grant, case.policy, case.now))
                .collect(),
            held,
            excepted,
            spoken: spoken(case.ledger, case.policy.skew),
        }
    }

    /// Whether one of the names of a privilege lies in one of `larger`.
    fn allows(&self, larger: &[Sym], names: &[Sym]) -> bool {
        let implies = &self.case.policy.implies;
        larger
            .iter()
            .any(|large| names.iter().any(|name| implies.contains(*large, *name)))
    }

    fn relation(&self, grant: &Grant, live: &Live) -> Match {
        let larger = self.allows(&grant.privileges, &live.privileges);
        let smaller = || self.allows(&live.privileges, &grant.privileges);
        if !larger && !smaller() {
            return Match::Apart;
        }
        match (larger, order::within(&live.scope, &grant.scope)) {
            (true, Within::Yes) => Match::Covers,
            (true, Within::Unresolved) => Match::Unresolved,
            (false, Within::Yes | Within::Unresolved) => Match::Overlaps,
            (_, Within::No) => match order::within(&grant.scope, &live.scope) {
                Within::No => Match::Apart,
                Within::Yes | Within::Unresolved => Match::Overlaps,
            },
        }
    }

    /// Whether access since `live.since` can be what the grant gave: access made
    /// anew after a grant ended is not left over from it.
    fn continuous(&self, live: &Live, grant: &Grant) -> bool {
        match (live.since, grant.end()) {
            (Some(since), Some(end)) => since <= add(end, self.case.policy.skew),
            _ => true,
        }
    }

    /// Whether the ledger holds every grant that could account for this access.
    fn ledger_speaks(&self, live: &Live) -> bool {
        let (policy, now) = (self.case.policy, self.case.now);
        let whole = Sym::new(live.system.as_str());
        [live.realm, whole].into_iter().any(|realm| {
            [Some(live.tenant), None].into_iter().any(|tenant| {
                let spans = self.spoken.get(&(realm, tenant));
                spans.is_some_and(|spans| {
                    spans.iter().any(|&(from, to)| {
                        let fresh = add(to, policy.ledger_age) >= now;
                        // By now a grant from before the ledger would be too long.
                        let deep = add(from, policy.ttl(live.tier)) <= now;
                        match live.since {
                            Some(since) if since > add(to, policy.skew) => fresh,
                            Some(since) => from <= since || deep,
                            None => fresh && deep,
                        }
                    })
                })
            })
        })
    }

    fn judge(&self, live: &Live) -> Judged {
        let case = self.case;
        let key = (live.system, case.aliases.person(live.subject));
        let held = self.held.get(&key).map_or(&[][..], Vec::as_slice);
        let related: Vec<(usize, Match)> = held
            .iter()
            .map(|&at| (at, self.relation(&case.grants[at], live)))
            .filter(|(_, relation)| *relation != Match::Apart)
            .collect();
        let exception = self.excepted.get(&key).and_then(|list| {
            let covering = list.iter().copied().filter(|&at| {
                let declared = &case.exceptions[at];
                self.allows(&declared.privileges, &live.privileges)
                    && order::within(&live.scope, &declared.scope) == Within::Yes
            });
            // A valid one before a lapsed one, then the first declared.
            covering.min_by_key(|&at| (!case.exceptions[at].valid(case.now), at))
        });
        let mut why = Vec::new();
        let (state, grant) = self.state(live, &related, exception, &mut why);
        let persistence = flags::persistence(self, &related);
        let flags = flags::of_live(self, live, &related, state, grant, persistence);
        let grant_of = grant.map(|at| &case.grants[at]);
        let proof = proof::of(live, state, grant_of, &flags);
        Judged {
            state,
            proof,
            grant,
            exception: exception
                .filter(|_| matches!(state, State::DeclaredException | State::ExceptionExpired)),
            evidence: grant_of.map(|grant| grant.evidence),
            latest_end: grant_of.and_then(|grant| phase::latest_end(grant, live.max_session)),
            persistence,
            flags,
            why,
        }
    }

    /// The first state that matches, with the grant it rests on.
    fn state(
        &self,
        live: &Live,
        related: &[(usize, Match)],
        exception: Option<usize>,
        why: &mut Vec<String>,
    ) -> (State, Option<usize>) {
        let (grants, now) = (self.case.grants, self.case.now);
        if live.eligible {
            return (State::EligibleOnly, None);
        }
        let of = |phase: Phase, relation: Match| {
            related
                .iter()
                .filter(move |(at, how)| self.phases[*at] == phase && *how == relation)
                .map(|(at, _)| *at)
        };
        // Access lasts as long as the grant that ends last: that one decides. An
        // unknown end is later than any other.
        let last = |of: &mut dyn Iterator<Item = usize>| {
            of.max_by_key(|&at| {
                let end = grants[at].end().unwrap_or(Timestamp::MAX);
                (end, std::cmp::Reverse((grants[at].id, at)))
            })
        };
        let approved = |at: &usize, wanted: flags::Approved| {
            flags::approved(self.case.aliases, &grants[*at]) == wanted
        };

        let covering = || of(Phase::Active, Match::Covers);
        let ordinary = || covering().filter(|at| !grants[*at].break_glass);
        if let Some(at) = last(&mut ordinary().filter(|at| approved(at, flags::Approved::Yes))) {
            return (State::Covered, Some(at));
        }
        if let Some(at) = last(&mut covering().filter(|at| grants[*at].break_glass)) {
            return (State::BreakGlass, Some(at));
        }
        if let Some(at) = last(&mut ordinary().filter(|at| approved(at, flags::Approved::No))) {
            return (State::Unapproved, Some(at));
        }
        if exception.is_some_and(|at| self.case.exceptions[at].valid(now)) {
            return (State::DeclaredException, None);
        }
        if let Some(at) = last(&mut ordinary()) {
            why.push(format!(
                "{} keeps no approvals or asks for none, so {} cannot be told to be approved",
                grants[at].source, grants[at].id
            ));
            return (State::NotEvaluable, Some(at));
        }
        if let Some(at) = last(&mut of(Phase::Active, Match::Unresolved)) {
            why.push(format!("{} does not say on what, in full", grants[at].id));
            return (State::NotEvaluable, Some(at));
        }
        if let Some(at) = last(&mut of(Phase::Active, Match::Overlaps)) {
            return (State::BroaderThanApproved, Some(at));
        }
        let left_over =
            |phase| of(phase, Match::Covers).filter(|at| self.continuous(live, &grants[*at]));
        if let Some(at) = last(&mut left_over(Phase::Revoked)) {
            return (State::RevokedButLive, Some(at));
        }
        if let Some(at) = last(&mut left_over(Phase::Expired)) {
            return (State::ExpiredButLive, Some(at));
        }
        if let Some(at) = self.jumped(live, related) {
            return (State::Unapproved, Some(at));
        }
        if exception.is_some() {
            return (State::ExceptionExpired, None);
        }
        if let Some(at) = last(
            &mut related
                .iter()
                .map(|(at, _)| *at)
                .filter(|at| matches!(self.phases[*at], Phase::Expired | Phase::Revoked)),
        ) {
            why.push(format!("made anew after {} ended", grants[at].id));
        }
        if !self.ledger_speaks(live) {
            why.push(format!("no complete ledger speaks for {}", live.realm));
            return (State::NotEvaluable, None);
        }
        (State::StandingNoEvidence, None)
    }

    /// A request that was refused, is not decided or begins later, and after which
    /// the access appeared all the same. A request of long ago relabels nothing.
    fn jumped(&self, live: &Live, related: &[(usize, Match)]) -> Option<usize> {
        let since = live.since?;
        let policy = self.case.policy;
        let recent = |at: &usize| {
            self.case.grants[*at].requested.is_some_and(|asked| {
                sub(asked, policy.skew) <= since && since <= add(asked, policy.request_memory)
            })
        };
        let open = |at: &usize| {
            matches!(
                self.phases[*at],
                Phase::Refused | Phase::Pending | Phase::Scheduled
            )
        };
        related
            .iter()
            .map(|(at, _)| *at)
            .filter(|at| open(at) && recent(at))
            .max_by_key(|&at| {
                let grant = &self.case.grants[at];
                (grant.requested, std::cmp::Reverse((grant.id, at)))
            })
    }
}
