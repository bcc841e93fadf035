//! Further marks on grants and on live entitlements.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::phase::{self, Persistence, Phase, add, sub};
use super::{Court, Flag, Live, Match, Policy, State};
use crate::jit::alias::{Aliases, Person};
use crate::model::{
    Channel, EndResult, EvidenceClass, Grant, GrantField, GrantKind, Moment, Tier, glob,
};

/// Whether a grant was validly approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Approved {
    /// By enough other people, or by a policy that may.
    Yes,
    /// It was not.
    No,
    /// Its source keeps no approvals, or asks for none.
    Unknown,
}

/// Who approved, as people: different ones, and the subject or requester among them.
struct Approvers {
    independent: BTreeSet<Person>,
    own: bool,
    policy: bool,
    wrong_policy: bool,
}

fn approvers(aliases: &Aliases, grant: &Grant) -> Approvers {
    let own: Vec<Person> = [grant.subject, grant.requester]
        .into_iter()
        .flatten()
        .map(|actor| aliases.person(actor))
        .collect();
    let mut found = Approvers {
        independent: BTreeSet::new(),
        own: false,
        policy: false,
        wrong_policy: false,
    };
    for approval in &grant.approvals {
        if approval.channel == Channel::AutoPolicy {
            let declared = approval.policy.is_some() && grant.auto_allowed;
            found.policy |= declared;
            found.wrong_policy |= !declared;
        } else if let Some(by) = approval.by {
            let person = aliases.person(by);
            if own.contains(&person) {
                found.own = true;
            } else {
                found.independent.insert(person);
            }
        }
    }
    found
}

/// How many people must approve.
fn required(grant: &Grant) -> usize {
    grant.approvals_required.map_or(1, |n| n as usize)
}

/// Whether `grant` was validly approved.
pub(super) fn approved(aliases: &Aliases, grant: &Grant) -> Approved {
    let found = approvers(aliases, grant);
    let needed = required(grant);
    let enough = !found.independent.is_empty() && found.independent.len() >= needed;
    // That nobody had to agree approves nothing: a policy that may do without is declared.
    let wanted = needed > 0 || found.wrong_policy;
    if found.policy || enough {
        Approved::Yes
    } else if found.own || (wanted && grant.keeps(GrantField::Approver)) {
        Approved::No
    } else {
        Approved::Unknown
    }
}

/// What is wrong with a grant by itself, live or not. `tier` is that of what it
/// gives, as far as known.
pub(super) fn of_grant(court: &Court<'_>, at: usize, tier: Tier) -> BTreeSet<Flag> {
    let case = court.case;
    let (grant, policy, now) = (&case.grants[at], case.policy, case.now);
    let mut flags = BTreeSet::new();
    let mut set = |flag: Flag, holds: bool| {
        if holds {
            flags.insert(flag);
        }
    };
    match court.phases[at] {
        Phase::Eligible | Phase::Refused | Phase::Pending => return flags,
        Phase::Scheduled | Phase::Revoked | Phase::Expired | Phase::Active => {}
    }
    approval(case.aliases, policy, grant, &mut set);
    purpose(grant, tier, &mut set);

    let length = phase::length(grant);
    set(Flag::NoExpiry, grant.expires == Moment::Never);
    set(
        Flag::ExpiryUnknown,
        grant.expires == Moment::Unknown && grant.ended.is_none(),
    );
    let too_long = length.exceeds(policy.ttl(tier));
    set(Flag::TtlTooLong, too_long == Some(true));
    set(Flag::TtlUnknown, too_long.is_none());
    let renewals = u32::from(grant.renews.is_some()).max(grant.extensions);
    let renewed = grant.approvals.iter().filter(|approval| {
        grant.renews.is_some()
            || match (approval.at, grant.issued) {
                (Some(at), Some(issued)) => at > issued,
                _ => false,
            }
    });
    set(
        Flag::RenewedWithoutApproval,
        // Without the times an approval of the extension cannot be told from the first.
        grant.keeps(GrantField::Approver)
            && (grant.renews.is_some()
                || (grant.keeps(GrantField::ApprovedAt) && grant.issued.is_some()))
            && !grant.break_glass
            && (renewed.count() as u64) < u64::from(renewals),
    );
    set(Flag::ExternallyModified, grant.externally_modified);
    set(Flag::RevokeFailed, grant.end_result == EndResult::Failed);
    set(
        Flag::EvidenceClassLow,
        grant.evidence <= EvidenceClass::Manual,
    );
    set(
        Flag::ScopeWildcard,
        grant.privileges.iter().any(|privilege| *privilege == "*")
            || grant.scope.iter().any(|(_, value)| *value == "*"),
    );
    set(
        Flag::ScopeUnresolved,
        grant.privileges.is_empty() || grant.scope.is_empty(),
    );
    let soon = add(now, policy.skew);
    set(
        Flag::ClockSkew,
        grant.ended.is_some_and(|ended| ended > soon)
            || grant
                .approvals
                .iter()
                .any(|a| a.at.is_some_and(|at| at > soon))
            || length.is_negative(),
    );
    if grant.break_glass && !grant.drill && grant.keeps(GrantField::Review) {
        review(case.aliases, policy, grant, now, &mut set);
    }
    flags
}

fn approval(aliases: &Aliases, policy: &Policy, grant: &Grant, set: &mut impl FnMut(Flag, bool)) {
    if grant.break_glass {
        return;
    }
    let found = approvers(aliases, grant);
    let people = found.independent.len() + usize::from(found.own);
    set(Flag::SelfApproved, found.own);
    set(
        Flag::InsufficientApprovals,
        grant.keeps(GrantField::Approver) && !found.policy && people < required(grant),
    );
    set(Flag::AutoApprovedHighTier, found.wrong_policy);
    let own = [grant.subject, grant.requester];
    set(
        Flag::SelfApprovedSuspected,
        grant.approvals.iter().filter_map(|a| a.by).any(|by| {
            own.into_iter()
                .flatten()
                .any(|one| aliases.suspected(one, by))
        }),
    );
    let people = || {
        grant
            .approvals
            .iter()
            .filter(|a| a.channel != Channel::AutoPolicy)
    };
    let first = grant.approvals.iter().filter_map(|a| a.at).min();
    if let (Some(first), Some(issued)) = (first, grant.issued) {
        set(Flag::ApprovalAfterIssue, first > add(issued, policy.skew));
    }
    set(
        Flag::ApprovalTimeMissing,
        grant.keeps(GrantField::ApprovedAt) && people().any(|a| a.at.is_none()),
    );
    set(
        Flag::ApprovalUnretained,
        people().any(|a| !a.channel.retains()),
    );
}

fn purpose(grant: &Grant, tier: Tier, set: &mut impl FnMut(Flag, bool)) {
    let said = grant
        .purpose
        .as_deref()
        .is_some_and(|text| !text.trim().is_empty());
    set(
        Flag::NoPurpose,
        !said && grant.ticket.is_none() && grant.keeps(GrantField::Purpose),
    );
    // Emergencies have a review instead of a work item.
    set(
        Flag::NoTicket,
        tier >= Tier::Write
            && grant.ticket.is_none()
            && !grant.break_glass
            && grant.keeps(GrantField::Ticket),
    );
    set(Flag::TicketNotFound, grant.ticket_found == Some(false));
    set(
        Flag::TicketClosedBeforeIssue,
        match (grant.ticket_resolved, phase::start(grant)) {
            (Some(resolved), Some(start)) => resolved < start,
            _ => false,
        },
    );
}

fn review(
    aliases: &Aliases,
    policy: &Policy,
    grant: &Grant,
    now: Timestamp,
    set: &mut impl FnMut(Flag, bool),
) {
    let due = grant
        .end()
        .or(phase::start(grant))
        .map(|end| add(end, policy.review));
    if grant.reviewed.is_some() || grant.reviewed_by.is_some() {
        let own = [grant.subject, grant.requester];
        set(
            Flag::SelfReviewed,
            grant
                .reviewed_by
                .is_some_and(|by| own.into_iter().flatten().any(|one| aliases.same(one, by))),
        );
    } else {
        let late = due.is_some_and(|due| due < now);
        set(Flag::ReviewOverdue, late);
        set(Flag::ReviewDue, !late);
    }
}

/// How much of the last days the grants that cover an entitlement were active.
pub(super) fn persistence(court: &Court<'_>, related: &[(usize, Match)]) -> Persistence {
    let case = court.case;
    let windows = related
        .iter()
        .filter(|(_, relation)| *relation == Match::Covers)
        .filter_map(|(at, _)| court.window(*at))
        .collect();
    phase::persistence(windows, case.policy.span)
}

/// What is wrong with a live entitlement, what is wrong with its grant included.
pub(super) fn of_live(
    court: &Court<'_>,
    live: &Live,
    related: &[(usize, Match)],
    state: State,
    decisive: Option<usize>,
    persistence: Persistence,
) -> BTreeSet<Flag> {
    let case = court.case;
    let (policy, now) = (case.policy, case.now);
    let mut flags = BTreeSet::new();
    if state == State::EligibleOnly {
        return flags;
    }
    if let Some(at) = decisive {
        flags = of_grant(court, at, live.tier);
        of_pair(court, live, at, related, &mut flags);
    }
    let mut set = |flag: Flag, holds: bool| {
        if holds {
            flags.insert(flag);
        }
    };
    set(
        Flag::EffectivelyPersistent,
        policy.is_persistent(live.tier, persistence),
    );
    set(
        Flag::ScopeUnresolved,
        state == State::NotEvaluable
            && related
                .iter()
                .any(|(_, relation)| *relation == Match::Unresolved),
    );
    let unused = |used: &Vec<Timestamp>| match used.last().copied().or(live.since) {
        Some(last) => add(last, policy.dormant) < now,
        None => false,
    };
    set(Flag::Dormant, live.used.as_ref().is_some_and(unused));
    set(Flag::Ownerless, live.owner.is_none());
    set(Flag::OwnerInactive, live.owner_active == Some(false));
    flags
}

/// What a live entitlement and the grant its state rests on say together.
fn of_pair(
    court: &Court<'_>,
    live: &Live,
    at: usize,
    related: &[(usize, Match)],
    flags: &mut BTreeSet<Flag>,
) {
    let case = court.case;
    let (grant, policy, now) = (&case.grants[at], case.policy, case.now);
    let phase = court.phases[at];
    let mut set = |flag: Flag, holds: bool| {
        if holds {
            flags.insert(flag);
        }
    };
    if matches!(phase, Phase::Refused | Phase::Pending | Phase::Scheduled) {
        return;
    }
    set(
        Flag::TaskDoneStillLive,
        grant.ticket_resolved.is_some_and(|resolved| {
            let before = phase::start(grant).is_some_and(|start| resolved < start);
            !before && add(resolved, policy.task_grace) < now
        }),
    );
    if let Some(end) = grant.end() {
        let sessions = || {
            let own = grant.sessions.iter().filter_map(|session| session.end);
            live.sessions.iter().copied().chain(own)
        };
        if phase == Phase::Active {
            let opened_now = live
                .max_session
                .max(grant.max_session)
                .is_some_and(|longest| add(now, longest) > end);
            set(
                Flag::SessionCanOutliveGrant,
                opened_now || sessions().any(|until| until > end),
            );
        } else {
            set(
                Flag::ResidualSession,
                sessions().any(|until| until > end && until > now),
            );
        }
    }
    set(Flag::UsedOutsideWindow, used_outside(court, live, related));
    set(
        Flag::EntitlementDrifted,
        match (grant.revision, live.revision) {
            (Some(then), Some(today)) => then != today,
            _ => false,
        },
    );
    if let (Some((_, allowed)), Some(by)) = (
        policy.issuers.iter().find(|(realm, _)| {
            *realm == live.realm || *realm == grant.realm || *realm == live.system.as_str()
        }),
        live.created_by,
    ) {
        set(
            Flag::IssuerNotJitTool,
            !allowed.iter().any(|pattern| glob(pattern, &by)),
        );
    }
}

/// Whether the entitlement was used when none of its grants was active. Only use
/// since the first of these grants counts: before it nobody claimed a window.
fn used_outside(court: &Court<'_>, live: &Live, related: &[(usize, Match)]) -> bool {
    let Some(used) = live.used.as_deref() else {
        return false;
    };
    let skew = court.case.policy.skew;
    let windows: Vec<(Timestamp, Timestamp)> = related
        .iter()
        .filter(|(at, _)| {
            matches!(
                court.phases[*at],
                Phase::Active | Phase::Expired | Phase::Revoked
            )
        })
        .filter_map(|(at, _)| {
            let grant = &court.case.grants[*at];
            let end = grant.end().unwrap_or(Timestamp::MAX);
            Some((sub(phase::start(grant)?, skew), add(end, skew)))
        })
        .collect();
    let Some(first) = windows.iter().map(|(start, _)| *start).min() else {
        return false;
    };
    used.iter()
        .any(|at| *at >= first && !windows.iter().any(|(start, end)| start <= at && at <= end))
}

/// Whether systems let anybody list what grants of this kind give.
pub fn listable(kind: GrantKind) -> bool {
    match kind {
        GrantKind::Session | GrantKind::Lease | GrantKind::Credential => false,
        GrantKind::Assignment
        | GrantKind::Activation
        | GrantKind::Membership
        | GrantKind::Binding
        | GrantKind::Eligibility => true,
    }
}
