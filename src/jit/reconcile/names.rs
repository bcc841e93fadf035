//! The words reconciliation answers with.

use std::fmt;

use crate::model::Sym;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $text:literal)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The name used in rules and reports.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                }
            }

            /// The same, interned.
            pub fn sym(self) -> Sym {
                Sym::new(self.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// What a live entitlement is. Exactly one holds; the first that matches wins, in
    /// this order.
    State {
        /// It must be activated before it gives anything.
        EligibleOnly "ELIGIBLE_ONLY"
        /// An active, approved grant covers it.
        Covered "COVERED"
        /// An active emergency grant covers it.
        BreakGlass "BREAK_GLASS"
        /// An active grant covers it that nobody validly approved; or it came with a
        /// request that was refused or is not decided.
        Unapproved "UNAPPROVED"
        /// A valid exception declares it.
        DeclaredException "DECLARED_EXCEPTION"
        /// An active grant allows part of it.
        BroaderThanApproved "BROADER_THAN_APPROVED"
        /// Its grant was ended before its time, and it is still there.
        RevokedButLive "REVOKED_BUT_LIVE"
        /// Its grant ran out, and it is still there.
        ExpiredButLive "EXPIRED_BUT_LIVE"
        /// Its exception ran out or lacks an owner or a reason.
        ExceptionExpired "EXCEPTION_EXPIRED"
        /// The evidence to decide with was not seen.
        NotEvaluable "NOT_EVALUABLE"
        /// The ledger is complete and says nothing of it.
        StandingNoEvidence "STANDING_NO_EVIDENCE"
    }
}

words! {
    /// What a grant is. Exactly one holds.
    GrantState {
        /// The right to ask, not a grant.
        Eligible "ELIGIBLE"
        /// Asked for, not decided.
        Pending "PENDING"
        /// Denied, withdrawn or never approved.
        Refused "REFUSED"
        /// Approved for later.
        Scheduled "SCHEDULED"
        /// Over, and nothing of it is live.
        Ended "ENDED"
        /// Running; what it gives is live or cannot be listed.
        Active "ACTIVE"
        /// Running, and nothing it gives is live although all live access was seen.
        OrphanEvidence "ORPHAN_EVIDENCE"
        /// Running, and what is live in its target was not seen.
        NotEvaluable "NOT_EVALUABLE"
        /// It accounts for live access ([`State::Covered`]).
        Covered "COVERED"
        /// It accounts for live emergency access ([`State::BreakGlass`]).
        BreakGlass "BREAK_GLASS"
        /// Live access is more than it allows ([`State::BroaderThanApproved`]).
        BroaderThanApproved "BROADER_THAN_APPROVED"
        /// Live access that nobody validly approved ([`State::Unapproved`]).
        Unapproved "UNAPPROVED"
        /// Live access after its end ([`State::ExpiredButLive`]).
        ExpiredButLive "EXPIRED_BUT_LIVE"
        /// Live access after its revocation ([`State::RevokedButLive`]).
        RevokedButLive "REVOKED_BUT_LIVE"
    }
}

words! {
    /// A further mark on an entitlement or a grant. Any number holds.
    Flag {
        /// Somebody approved their own request.
        SelfApproved "SELF_APPROVED"
        /// The approver may be the requester under another name.
        SelfApprovedSuspected "SELF_APPROVED_SUSPECTED"
        /// Fewer people approved than must.
        InsufficientApprovals "INSUFFICIENT_APPROVALS"
        /// Approved after access was given.
        ApprovalAfterIssue "APPROVAL_AFTER_ISSUE"
        /// An approval carries no time, in a source that keeps it.
        ApprovalTimeMissing "APPROVAL_TIME_MISSING"
        /// An approval stayed in a chat, a mail or somebody's memory.
        ApprovalUnretained "APPROVAL_UNRETAINED"
        /// A policy approved what no policy may.
        AutoApprovedHighTier "AUTO_APPROVED_HIGH_TIER"
        /// No work item, for access that needs one.
        NoTicket "NO_TICKET"
        /// No reason given, in a source that keeps it.
        NoPurpose "NO_PURPOSE"
        /// The work item does not exist.
        TicketNotFound "TICKET_NOT_FOUND"
        /// The work item was resolved before access was given.
        TicketClosedBeforeIssue "TICKET_CLOSED_BEFORE_ISSUE"
        /// One work item for too many grants, people or days; on its first grant.
        TicketReused "TICKET_REUSED"
        /// The work item is done and access is still there.
        TaskDoneStillLive "TASK_DONE_STILL_LIVE"
        /// The grant never ends.
        NoExpiry "NO_EXPIRY"
        /// The source cannot tell when the grant ends.
        ExpiryUnknown "EXPIRY_UNKNOWN"
        /// Granted for longer than its tier allows.
        TtlTooLong "TTL_TOO_LONG"
        /// It has an end, and when it began is not known well enough to tell whether it
        /// is longer than its tier allows.
        TtlUnknown "TTL_UNKNOWN"
        /// Grants in a row amount to standing access.
        EffectivelyPersistent "EFFECTIVELY_PERSISTENT"
        /// Extended without a new approval.
        RenewedWithoutApproval "RENEWED_WITHOUT_APPROVAL"
        /// A session opened now can live longer than the grant.
        SessionCanOutliveGrant "SESSION_CAN_OUTLIVE_GRANT"
        /// A session lives on after the grant ended.
        ResidualSession "RESIDUAL_SESSION"
        /// Used when no grant was active.
        UsedOutsideWindow "USED_OUTSIDE_WINDOW"
        /// Something made under the grant outlives it.
        MintedAccessInWindow "MINTED_ACCESS_IN_WINDOW"
        /// What the privilege allows changed after it was approved.
        EntitlementDrifted "ENTITLEMENT_DRIFTED"
        /// Somebody other than the just-in-time tool made the access.
        IssuerNotJitTool "ISSUER_NOT_JIT_TOOL"
        /// The tool itself reports that something else changed the access.
        ExternallyModified "EXTERNALLY_MODIFIED"
        /// The tool reports that removing failed.
        RevokeFailed "REVOKE_FAILED"
        /// Nobody saw the access gone.
        RevokeUnverified "REVOKE_UNVERIFIED"
        /// The access was seen after its end.
        RevokeLate "REVOKE_LATE"
        /// Not used for long.
        Dormant "DORMANT"
        /// Nobody answers for it.
        Ownerless "OWNERLESS"
        /// Who answers for it is switched off.
        OwnerInactive "OWNER_INACTIVE"
        /// Emergency access waits for its review.
        ReviewDue "REVIEW_DUE"
        /// Emergency access was not reviewed in time.
        ReviewOverdue "REVIEW_OVERDUE"
        /// Who used emergency access reviewed it.
        SelfReviewed "SELF_REVIEWED"
        /// The grant does not say on what, in full.
        ScopeUnresolved "SCOPE_UNRESOLVED"
        /// The grant is for everything of its kind.
        ScopeWildcard "SCOPE_WILDCARD"
        /// The verdict rests on a claim or on what somebody typed.
        EvidenceClassLow "EVIDENCE_CLASS_LOW"
        /// Its holder has as much by a way that no grant and no other gate stands in.
        WayRound "WAY_ROUND"
        /// Its holder could ask for the same access instead.
        EligibleTwin "ELIGIBLE_TWIN"
        /// A permanent membership of a group that others join by grants.
        PermanentInJitGroup "PERMANENT_IN_JIT_GROUP"
        /// Standing, where others get the same by grants.
        StandingBesideJit "STANDING_BESIDE_JIT"
        /// To be activated, and nobody did for long.
        NeverActivated "NEVER_ACTIVATED"
        /// One workload was let into several systems within minutes.
        ChainedAcrossSystems "CHAINED_ACROSS_SYSTEMS"
        /// Asked for again and again within minutes.
        RetryStorm "RETRY_STORM"
        /// Nobody scanned knows the subject.
        SubjectUnknown "SUBJECT_UNKNOWN"
        /// A date of the grant lies in the future, or its end before its start.
        ClockSkew "CLOCK_SKEW"
    }
}

words! {
    /// How far one part of a proof came.
    Proved {
        /// Evidence shows it.
        Proved "proved"
        /// Evidence shows the contrary.
        Refuted "refuted"
        /// Evidence is lacking.
        Unproved "unproved"
        /// Somebody answerable says so.
        Asserted "asserted"
        /// There is nothing to prove.
        NotApplicable "n/a"
    }
}

/// Whether an entitlement is temporary, necessary, owned and revocable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// It ends by itself, soon, and is not renewed into permanence.
    pub temporary: Proved,
    /// A work item and an independent approval stand behind it.
    pub necessary: Proved,
    /// Somebody active answers for it.
    pub owned: Proved,
    /// Grants like it were seen to end in time.
    pub revocable: Proved,
}

impl Proof {
    /// The four parts with their names.
    pub fn parts(&self) -> [(&'static str, Proved); 4] {
        [
            ("temporary", self.temporary),
            ("necessary", self.necessary),
            ("owned", self.owned),
            ("revocable", self.revocable),
        ]
    }

    /// Whether all four parts are proved.
    pub fn is_whole(&self) -> bool {
        self.parts().iter().all(|(_, part)| *part == Proved::Proved)
    }
}
