//! The side of the evidence: what each grant is, given what was found about the live
//! entitlements.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;

use super::phase::{self, Phase, add};
use super::{Case, Court, Flag, GrantState, Judged, JudgedGrant, Match, Persistence, State, flags};
use crate::jit::alias::Person;
use crate::model::{EndResult, Grant, Progress, Seen, Sym, System};

/// Judges every grant.
pub(super) fn judge(court: &Court<'_>, live: &[Judged]) -> Vec<JudgedGrant> {
    let case = court.case;
    let mut matched: Vec<Vec<(usize, Match)>> = vec![Vec::new(); case.grants.len()];
    for (at, entitlement) in case.live.iter().enumerate() {
        let key = (entitlement.system, case.aliases.person(entitlement.subject));
        for &grant in court.held.get(&key).map_or(&[][..], Vec::as_slice) {
            let relation = court.relation(&case.grants[grant], entitlement);
            if relation != Match::Apart {
                matched[grant].push((at, relation));
            }
        }
    }
    let tickets = tickets(case);
    let groups = groups(court);
    let absent = absences(case);

    (0..case.grants.len())
        .map(|at| {
            let grant = &case.grants[at];
            // Access that has to be activated is no sign that a grant is live.
            let standing: Vec<(usize, Match)> = matched[at]
                .iter()
                .copied()
                .filter(|(live, _)| !case.live[*live].eligible)
                .collect();
            let tier = standing
                .iter()
                .filter(|(_, relation)| *relation != Match::Overlaps)
                .map(|(live, _)| case.live[*live].tier)
                .max()
                .unwrap_or_default()
                .max(grant.tier);
            let state = state(court, at, &standing, live, &absent);
            let mut flags = flags::of_grant(court, at, tier);
            for &(index, _) in &standing {
                if live[index].grant == Some(at) {
                    flags.extend(live[index].flags.iter().copied());
                }
            }
            flags.retain(|flag| !of_live_alone(*flag));
            let group = groups.of.get(&at).copied().unwrap_or_default();
            if groups.last.contains(&at) && case.policy.is_persistent(tier, group) {
                flags.insert(Flag::EffectivelyPersistent);
            } else {
                flags.remove(&Flag::EffectivelyPersistent);
            }
            let ticket = grant.ticket.and_then(|key| tickets.get(&key));
            if ticket.is_some_and(|use_| use_.first == at && use_.too_much(case)) {
                flags.insert(Flag::TicketReused);
            }
            let lateness = removal(court, at, &standing, &absent, &mut flags);
            JudgedGrant {
                state,
                flags,
                live: standing.iter().map(|(live, _)| *live).collect(),
                tier,
                lateness,
                ticket_grants: ticket.map_or(0, |use_| use_.grants),
                persistence: group,
            }
        })
        .collect()
}

/// Whether what each grant gives is live.
pub(super) fn sightings(court: &Court<'_>) -> Vec<Option<bool>> {
    let case = court.case;
    let mut found = vec![None; case.grants.len()];
    let absent = absences(case);
    for (at, grant) in case.grants.iter().enumerate() {
        if absent.tells(grant) {
            found[at] = Some(false);
        }
    }
    for live in case.live.iter().filter(|live| !live.eligible) {
        let key = (live.system, case.aliases.person(live.subject));
        for &at in court.held.get(&key).map_or(&[][..], Vec::as_slice) {
            let grant = &case.grants[at];
            if court.relation(grant, live) == Match::Covers && court.continuous(live, grant) {
                found[at] = Some(true);
            }
        }
    }
    found
}

/// Marks that say something of the entitlement and nothing of the grant.
fn of_live_alone(flag: Flag) -> bool {
    matches!(flag, Flag::Dormant | Flag::Ownerless | Flag::OwnerInactive)
}

/// Tenants whose live access was seen completely; elsewhere absence says nothing.
struct Absences<'a> {
    case: &'a Case<'a>,
    /// Whether all tenants of a system were seen completely.
    whole: BTreeMap<System, bool>,
}

fn absences<'a>(case: &'a Case<'a>) -> Absences<'a> {
    let mut whole = BTreeMap::new();
    for ((system, _), seen) in case.seen {
        let all = whole.entry(*system).or_insert(true);
        *all &= *seen == Seen::Complete;
    }
    Absences { case, whole }
}

impl Absences<'_> {
    /// Whether absence of what `grant` gives means that it is not there.
    fn tells(&self, grant: &Grant) -> bool {
        if !flags::listable(grant.kind) || grant.subject.is_none() {
            return false;
        }
        match self.case.seen.get(&(grant.system, grant.tenant)) {
            Some(seen) => *seen == Seen::Complete,
            // A grant for several tenants, or for one not named as the scan names it.
            None => grant.tenant == grant.realm && self.whole.get(&grant.system) == Some(&true),
        }
    }
}

fn state(
    court: &Court<'_>,
    at: usize,
    standing: &[(usize, Match)],
    live: &[Judged],
    absent: &Absences<'_>,
) -> GrantState {
    let case = court.case;
    let grant = &case.grants[at];
    // What a live entitlement rests on this grant for, worst first.
    let decided = standing
        .iter()
        .filter(|(index, _)| live[*index].grant == Some(at))
        .filter_map(|(index, _)| match live[*index].state {
            State::RevokedButLive => Some(GrantState::RevokedButLive),
            State::ExpiredButLive => Some(GrantState::ExpiredButLive),
            State::Unapproved => Some(GrantState::Unapproved),
            State::BroaderThanApproved => Some(GrantState::BroaderThanApproved),
            State::BreakGlass => Some(GrantState::BreakGlass),
            State::Covered => Some(GrantState::Covered),
            State::NotEvaluable => Some(GrantState::NotEvaluable),
            State::EligibleOnly
            | State::DeclaredException
            | State::ExceptionExpired
            | State::StandingNoEvidence => None,
        })
        .max();
    if let Some(decided) = decided {
        return decided;
    }
    match court.phases[at] {
        Phase::Eligible => GrantState::Eligible,
        Phase::Refused => GrantState::Refused,
        Phase::Pending => GrantState::Pending,
        Phase::Scheduled => GrantState::Scheduled,
        Phase::Revoked | Phase::Expired => GrantState::Ended,
        Phase::Active if !standing.is_empty() || !flags::listable(grant.kind) => GrantState::Active,
        Phase::Active => {
            let young =
                phase::start(grant).is_none_or(|start| add(start, case.policy.delay) >= case.now);
            let failed = grant.progress == Progress::Failed;
            match absent.tells(grant) {
                _ if young || failed => GrantState::Active,
                true => GrantState::OrphanEvidence,
                false => GrantState::NotEvaluable,
            }
        }
    }
}

/// What is known about the removal of a grant that is over: by how much it was late,
/// with the flags that follow. This scan is the last observation where it saw all.
fn removal(
    court: &Court<'_>,
    at: usize,
    standing: &[(usize, Match)],
    absent: &Absences<'_>,
    flags: &mut BTreeSet<Flag>,
) -> Option<(SignedDuration, SignedDuration)> {
    let case = court.case;
    let grant = &case.grants[at];
    if !matches!(court.phases[at], Phase::Revoked | Phase::Expired) {
        return None;
    }
    let end = grant.end()?;
    let covering = standing.iter().any(|(index, relation)| {
        *relation == Match::Covers && court.continuous(&case.live[*index], grant)
    });
    let mut seen: Vec<(Timestamp, bool)> = grant
        .observed
        .iter()
        .map(|one| (one.at, one.present))
        .collect();
    if covering {
        seen.push((case.now, true));
    } else if absent.tells(grant) {
        seen.push((case.now, false));
    }
    seen.sort();
    let gone = seen.iter().find(|(at, present)| !present && *at >= end);
    let Some(&(gone, _)) = gone else {
        let listable = flags::listable(grant.kind);
        if !covering && listable && grant.end_result != EndResult::Confirmed {
            flags.insert(Flag::RevokeUnverified);
        }
        return None;
    };
    let last = seen
        .iter()
        .filter(|(at, present)| *present && *at < gone)
        .map(|(at, _)| *at)
        .max();
    let least = last.map_or(SignedDuration::ZERO, |last| {
        last.duration_since(end).max(SignedDuration::ZERO)
    });
    if least > case.policy.delay {
        flags.insert(Flag::RevokeLate);
    }
    Some((least, gone.duration_since(end)))
}

/// How one work item is used.
struct TicketUse {
    grants: usize,
    subjects: BTreeSet<Person>,
    first: usize,
    span: (Timestamp, Timestamp),
}

impl TicketUse {
    fn too_much(&self, case: &Case<'_>) -> bool {
        let most = case.policy.ticket;
        let days = self.span.1.duration_since(self.span.0).as_hours() / 24;
        self.grants > most.grants || self.subjects.len() > most.subjects || days > most.days
    }
}

/// The work items of issued grants that are no emergencies: an incident has as many
/// responders as it needs.
fn tickets(case: &Case<'_>) -> FxHashMap<Sym, TicketUse> {
    let mut all: FxHashMap<Sym, TicketUse> = FxHashMap::default();
    for (at, grant) in case.grants.iter().enumerate() {
        let (Some(ticket), Some(start)) = (grant.ticket, phase::start(grant)) else {
            continue;
        };
        if grant.progress != Progress::Issued || grant.break_glass {
            continue;
        }
        let used = all.entry(ticket).or_insert_with(|| TicketUse {
            grants: 0,
            subjects: BTreeSet::new(),
            first: at,
            span: (start, start),
        });
        used.grants += 1;
        used.subjects
            .extend(grant.subject.map(|subject| case.aliases.person(subject)));
        let order = |at: usize, start: Timestamp| (start, case.grants[at].id);
        if order(at, start) < order(used.first, used.span.0) {
            used.first = at;
        }
        used.span = (used.span.0.min(start), used.span.1.max(start));
    }
    all
}

/// Grants of one person for one thing, and how much of the last days they cover.
#[derive(Default)]
struct Groups {
    of: FxHashMap<usize, Persistence>,
    /// The latest grant of each group: it carries the mark for all.
    last: BTreeSet<usize>,
}

fn groups(court: &Court<'_>) -> Groups {
    let case = court.case;
    let mut lists: FxHashMap<_, Vec<usize>> = FxHashMap::default();
    for (at, grant) in case.grants.iter().enumerate() {
        let Some(subject) = grant.subject else {
            continue;
        };
        if court.window(at).is_none() {
            continue;
        }
        let key = (
            grant.system,
            case.aliases.person(subject),
            grant.privileges.as_slice(),
            grant.scope.as_slice(),
        );
        lists.entry(key).or_default().push(at);
    }
    let mut groups = Groups::default();
    for list in lists.values() {
        let windows = list.iter().filter_map(|&at| court.window(at)).collect();
        let seen = phase::persistence(windows, case.policy.span);
        let last = list
            .iter()
            .copied()
            .max_by_key(|&at| (phase::start(&case.grants[at]), case.grants[at].id));
        groups.last.extend(last);
        groups.of.extend(list.iter().map(|&at| (at, seen)));
    }
    groups
}

impl Court<'_> {
    /// When a grant gave access within the last days; `None` for one that never did.
    pub(super) fn window(&self, at: usize) -> Option<(Timestamp, Timestamp)> {
        let given = matches!(
            self.phases[at],
            Phase::Active | Phase::Expired | Phase::Revoked
        );
        let (policy, now) = (self.case.policy, self.case.now);
        given
            .then(|| phase::window(&self.case.grants[at], policy.span, now))
            .flatten()
    }
}
