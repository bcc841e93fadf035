//! The proof in four parts: temporary, necessary, owned, revocable.

use std::collections::BTreeSet;

use super::{Flag, Live, Policy, Proof, Proved, State};
use crate::model::{Grant, GrantField, Moment};

/// What of an entitlement in `state`, resting on `grant`, is proved.
pub(super) fn of(
    policy: &Policy,
    live: &Live,
    state: State,
    grant: Option<&Grant>,
    flags: &BTreeSet<Flag>,
) -> Proof {
    let any = |list: &[Flag]| list.iter().any(|flag| flags.contains(flag));
    let owned = match (live.owner, live.owner_active) {
        (None, _) | (_, Some(false)) => Proved::Refuted,
        // Who alone uses it cannot be the one to answer for it.
        (Some(owner), _) if owner == live.subject.id => Proved::Unproved,
        (Some(_), _) => Proved::Proved,
    };
    let (temporary, necessary, revocable) = match state {
        State::EligibleOnly => (
            Proved::NotApplicable,
            Proved::NotApplicable,
            Proved::NotApplicable,
        ),
        State::Covered | State::BreakGlass => (
            temporary(grant, &any),
            necessary(state, grant, &any),
            revocable(policy, live, &any),
        ),
        State::DeclaredException => (Proved::Refuted, Proved::Asserted, Proved::Unproved),
        State::RevokedButLive | State::ExpiredButLive => {
            (Proved::Refuted, Proved::Refuted, Proved::Refuted)
        }
        State::Unapproved => (
            temporary(grant, &any),
            Proved::Refuted,
            revocable(policy, live, &any),
        ),
        State::BroaderThanApproved => (Proved::Refuted, Proved::Refuted, Proved::Unproved),
        State::ExceptionExpired | State::StandingNoEvidence => {
            (Proved::Refuted, Proved::Unproved, Proved::Unproved)
        }
        State::NotEvaluable => (Proved::Unproved, Proved::Unproved, Proved::Unproved),
    };
    Proof {
        temporary,
        necessary,
        owned,
        revocable,
    }
}

fn temporary(grant: Option<&Grant>, any: &impl Fn(&[Flag]) -> bool) -> Proved {
    if any(&[
        Flag::NoExpiry,
        Flag::TtlTooLong,
        Flag::EffectivelyPersistent,
        Flag::MintedAccessInWindow,
    ]) {
        return Proved::Refuted;
    }
    match grant.map(|grant| grant.expires) {
        Some(Moment::At(_)) if !any(&[Flag::ClockSkew, Flag::TtlUnknown]) => Proved::Proved,
        _ => Proved::Unproved,
    }
}

fn necessary(state: State, grant: Option<&Grant>, any: &impl Fn(&[Flag]) -> bool) -> Proved {
    let Some(grant) = grant else {
        return Proved::Unproved;
    };
    if any(&[
        Flag::TicketClosedBeforeIssue,
        Flag::TicketNotFound,
        Flag::TaskDoneStillLive,
        Flag::ApprovalAfterIssue,
        Flag::SelfApproved,
        Flag::SelfReviewed,
        Flag::InsufficientApprovals,
        Flag::EntitlementDrifted,
        Flag::IssuerNotJitTool,
        Flag::ExternallyModified,
        Flag::UsedOutsideWindow,
        Flag::Dormant,
        Flag::ReviewOverdue,
    ]) {
        return Proved::Refuted;
    }
    let evidence = if state == State::BreakGlass {
        grant.reviewed.is_some() && grant.reviewed_by.is_some()
    } else {
        grant.ticket.is_some()
            && grant.keeps(GrantField::ApprovedAt)
            && !any(&[
                Flag::ApprovalTimeMissing,
                Flag::ApprovalUnretained,
                Flag::SelfApprovedSuspected,
                Flag::RenewedWithoutApproval,
            ])
    };
    match evidence && !any(&[Flag::EvidenceClassLow]) {
        true => Proved::Proved,
        false => Proved::Unproved,
    }
}

fn revocable(policy: &Policy, live: &Live, any: &impl Fn(&[Flag]) -> bool) -> Proved {
    if any(&[Flag::RevokeFailed, Flag::ResidualSession]) {
        return Proved::Refuted;
    }
    match policy.revocation.get(&live.realm) {
        Some(false) => Proved::Refuted,
        Some(true) if !any(&[Flag::SessionCanOutliveGrant, Flag::NoExpiry]) => Proved::Proved,
        _ => Proved::Unproved,
    }
}
