//! The sources of grants, as tenants that rules can be about.
//!
//! What a source cannot store is one fact about the source, never one about each of
//! its grants.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::model::{
    Attrs, Channel, EndCause, EndResult, Grant, GrantField, GrantKind, Inventory, LedgerCoverage,
    Progress, Sym, System, Tenant,
};

/// Adds a tenant for each source of grants.
pub(super) fn describe(
    inventory: &mut Inventory,
    grants: &[Grant],
    coverage: &[LedgerCoverage],
    now: Timestamp,
) {
    let mut sources: BTreeMap<Sym, Vec<&Grant>> = BTreeMap::new();
    for grant in grants {
        sources.entry(grant.source).or_default().push(grant);
    }
    for said in coverage {
        sources.entry(said.source).or_default();
    }
    for (source, grants) in sources {
        let mut attrs = facts(&grants, now);
        let until = coverage
            .iter()
            .filter(|said| said.source == source)
            .map(|said| said.to)
            .max();
        attrs.set_some("harvested", until);
        inventory.tenants.push(Tenant {
            system: System::Jit,
            id: source,
            name: source,
            attrs,
            location: None,
        });
    }
}

fn facts(grants: &[&Grant], now: Timestamp) -> Attrs {
    let mut attrs = Attrs::new();
    attrs.set("grants", grants.len());
    let issued = || {
        grants
            .iter()
            .filter(|grant| grant.progress == Progress::Issued)
            .filter(|grant| grant.kind != GrantKind::Eligibility)
    };
    // What no issued grant of the source keeps, the source cannot keep.
    let cannot: BTreeSet<GrantField> = GrantField::ALL
        .iter()
        .copied()
        .filter(|field| issued().count() > 0 && issued().all(|grant| !grant.keeps(*field)))
        .collect();
    if !cannot.is_empty() {
        let names: Vec<Sym> = cannot
            .iter()
            .map(|field| Sym::new(field.as_str()))
            .collect();
        attrs.set("cannot_store", names);
    }
    let failures = issued().filter(|grant| grant.end_result == EndResult::Failed);
    attrs.set("revoke_failures", failures.count());
    let recent = now
        .checked_sub(SignedDuration::from_hours(90 * 24))
        .unwrap_or(Timestamp::MIN);
    let emergencies = issued().filter(|grant| {
        let start = grant.issued.or(grant.requested);
        grant.break_glass && !grant.drill && start.is_some_and(|start| start >= recent)
    });
    attrs.set("emergencies", emergencies.count());
    approvals(grants, &mut attrs);

    let ended: Vec<&&Grant> = issued()
        .filter(|grant| grant.ended.is_some())
        .filter(|grant| {
            !matches!(
                grant.end_cause,
                Some(EndCause::HandedBack | EndCause::TaskComplete)
            )
        })
        .filter(|grant| grant.keeps(GrantField::EndCause))
        .collect();
    if !ended.is_empty() {
        let by_hand = ended.iter().filter(|grant| {
            matches!(
                grant.end_cause,
                Some(EndCause::Revoked | EndCause::External)
            )
        });
        attrs.set(
            "manual_removals_percent",
            by_hand.count() * 100 / ended.len(),
        );
    }
    attrs
}

fn approvals(grants: &[&Grant], attrs: &mut Attrs) {
    let mut latencies: Vec<SignedDuration> = Vec::new();
    let mut by: BTreeMap<Sym, usize> = BTreeMap::new();
    let mut count = 0usize;
    for grant in grants {
        for approval in &grant.approvals {
            if approval.channel == Channel::AutoPolicy {
                continue;
            }
            count += 1;
            if let Some(who) = approval.by {
                *by.entry(Sym::new(&who.to_string())).or_default() += 1;
            }
            if let (Some(asked), Some(at)) = (grant.requested, approval.at) {
                latencies.push(at.duration_since(asked));
            }
        }
    }
    attrs.set("approvals", count);
    latencies.sort();
    attrs.set_some(
        "approval_latency",
        latencies.get(latencies.len() / 2).copied(),
    );
    if let Some((who, most)) = by
        .into_iter()
        .max_by_key(|(who, n)| (*n, std::cmp::Reverse(*who)))
    {
        attrs.set("top_approver", who);
        attrs.set("top_approver_percent", most * 100 / count.max(1));
    }
    let refused = grants
        .iter()
        .filter(|grant| grant.progress == Progress::Refused)
        .count();
    let decided = refused
        + grants
            .iter()
            .filter(|grant| grant.progress == Progress::Issued)
            .count();
    if let Some(percent) = (refused * 100).checked_div(decided) {
        attrs.set("refused_percent", percent);
    }
}
