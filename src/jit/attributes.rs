//! What reconciliation says about the facts of other stages.

use crate::model::FactKind::{Entitlement, Source};
use crate::model::Type::{Duration, Int, List, String, Timestamp};
use crate::model::{AttributeDecl, System, declare as on};

/// On entitlements of every system, where a ledger is configured.
const OF_ENTITLEMENTS: &[AttributeDecl] = &[
    on(
        Entitlement,
        "jit_state",
        String,
        "the one state of reconciliation with the ledger: `COVERED`, `EXPIRED_BUT_LIVE`, `STANDING_NO_EVIDENCE`, …",
    ),
    on(
        Entitlement,
        "jit_flags",
        List,
        "further marks of reconciliation: `DORMANT`, `SESSION_CAN_OUTLIVE_GRANT`, …",
    ),
    on(
        Entitlement,
        "jit_grant",
        String,
        "the grant the state rests on",
    ),
    on(
        Entitlement,
        "jit_exception",
        String,
        "the declared exception the state rests on",
    ),
    on(
        Entitlement,
        "jit_evidence",
        String,
        "class of the evidence the state rests on, `E0` to `E4`",
    ),
    on(
        Entitlement,
        "jit_temporary",
        String,
        "whether it is proved to be temporary: `proved`, `refuted`, `unproved`, `asserted`, `n/a`",
    ),
    on(
        Entitlement,
        "jit_necessary",
        String,
        "whether it is proved to be necessary",
    ),
    on(
        Entitlement,
        "jit_owned",
        String,
        "whether it is proved to be owned",
    ),
    on(
        Entitlement,
        "jit_revocable",
        String,
        "whether it is proved to be revocable",
    ),
    on(
        Entitlement,
        "jit_missing",
        List,
        "parts of the proof that are not proved",
    ),
    on(
        Entitlement,
        "jit_latest_end",
        Timestamp,
        "when access under its grant can end at the latest, sessions included",
    ),
    on(
        Entitlement,
        "jit_persistence",
        Int,
        "share of the last days its grants covered, in percent",
    ),
    on(
        Entitlement,
        "jit_presence",
        Int,
        "share of the earlier snapshots it was present in, in percent",
    ),
    on(Entitlement, "jit_why", String, "what else led to the state"),
    on(
        Entitlement,
        "jit_round",
        String,
        "a way to as much that neither a grant nor another gate stands in",
    ),
];

/// On the sources of grants.
const OF_SOURCES: &[AttributeDecl] = &[
    on(Source, "grants", Int, "grants of this source in the ledger"),
    on(
        Source,
        "cannot_store",
        List,
        "fields this source cannot store: `approved_at`, `ticket`, …",
    ),
    on(
        Source,
        "revoke_failures",
        Int,
        "grants whose removal failed by the source's own word",
    ),
    on(
        Source,
        "emergencies",
        Int,
        "emergency grants of the last 90 days, drills left out",
    ),
    on(Source, "approvals", Int, "approvals by people"),
    on(
        Source,
        "approval_latency",
        Duration,
        "median time from request to approval",
    ),
    on(
        Source,
        "refused_percent",
        Int,
        "share of decided requests that were refused",
    ),
    on(
        Source,
        "top_approver_percent",
        Int,
        "share of approvals the busiest approver gave",
    ),
    on(Source, "top_approver", String, "the busiest approver"),
    on(
        Source,
        "harvested",
        Timestamp,
        "until when the ledger holds this source's grants",
    ),
    on(
        Source,
        "manual_removals_percent",
        Int,
        "share of ended grants that somebody ended by hand, given back ones left out",
    ),
];

/// Everything this stage sets.
pub fn attributes() -> impl Iterator<Item = (System, &'static AttributeDecl)> {
    let systems = System::ALL.into_iter().filter(|one| *one != System::Jit);
    systems
        .flat_map(|system| OF_ENTITLEMENTS.iter().map(move |decl| (system, decl)))
        .chain(OF_SOURCES.iter().map(|decl| (System::Jit, decl)))
}
