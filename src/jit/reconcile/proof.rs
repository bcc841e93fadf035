//! The proof in four parts: temporary, necessary, owned, revocable.

use std::collections::BTreeSet;

use super::{Flag, Judged, Live, Proof, Proved, State};
use crate::model::{Grant, GrantField, Moment};

/// What of an entitlement in `state`, resting on `grant`, is proved.
pub(super) fn of(
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
            revocable(&any),
        ),
        State::DeclaredException => (Proved::Refuted, Proved::Asserted, Proved::Unproved),
        State::RevokedButLive | State::ExpiredButLive => {
            (Proved::Refuted, Proved::Refuted, Proved::Refuted)
        }
        State::Unapproved => (temporary(grant, &any), Proved::Refuted, revocable(&any)),
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

fn revocable(any: &impl Fn(&[Flag]) -> bool) -> Proved {
    match any(&[Flag::RevokeFailed, Flag::ResidualSession]) {
        true => Proved::Refuted,
        false => Proved::Unproved,
    }
}

/// Whether what rests on a grant can be relied on to be revoked, given whether the last
/// grants of its realm ended as they should.
pub(super) fn revoked_before(judged: &mut Judged, ended: Option<bool>) {
    let given = matches!(
        judged.state,
        State::Covered | State::BreakGlass | State::Unapproved
    );
    if !given || judged.proof.revocable != Proved::Unproved {
        return;
    }
    let endless = [Flag::SessionCanOutliveGrant, Flag::NoExpiry];
    judged.proof.revocable = match ended {
        Some(false) => Proved::Refuted,
        Some(true) if endless.iter().all(|flag| !judged.flags.contains(flag)) => Proved::Proved,
        _ => Proved::Unproved,
    };
}
