//! Each grant's story, for reports: what happened, and what is missing.

use crate::model::{Grant, GrantField, GrantKind, Inventory, Progress, Quality, Subject, Sym};
use crate::report::{Timeline, TimelineEvent};

/// The stories of all grants that gave access, or were to.
pub(super) fn of(inventory: &Inventory) -> Vec<Timeline> {
    inventory
        .grants
        .iter()
        .filter(|grant| grant.kind != GrantKind::Eligibility)
        .map(|grant| story(inventory, grant))
        .collect()
}

fn story(inventory: &Inventory, grant: &Grant) -> Timeline {
    let subject = match (grant.identity, grant.subject) {
        (Some(at), _) => {
            let identity = inventory.identity(at);
            Subject {
                id: identity.id,
                kind: Sym::new(identity.kind.as_str()),
                name: identity.name,
            }
        }
        (None, who) => {
            let id = who.map_or(grant.id, |who| Sym::new(&who.to_string()));
            Subject {
                id,
                kind: Sym::new("unknown"),
                name: id,
            }
        }
    };
    let mut events: Vec<TimelineEvent> = grant
        .events
        .iter()
        .map(|event| TimelineEvent {
            at: event.at,
            what: event.what,
            by: event.by.map(|who| Sym::new(&who.to_string())),
            quality: Sym::new(match event.quality {
                Quality::Recorded => "exact",
                Quality::Inferred => "inferred",
                Quality::Absent => "declared",
            }),
            evidence_class: Sym::new(event.class.as_str()),
            note: event.note.clone(),
        })
        .collect();
    // What earlier scans saw is evidence of the target itself.
    let known = |at| grant.events.iter().any(|event| event.at == Some(at));
    events.extend(
        grant
            .observed
            .iter()
            .filter(|seen| !known(seen.at))
            .map(|seen| TimelineEvent {
                at: Some(seen.at),
                what: Sym::new(if seen.present { "seen" } else { "seen gone" }),
                by: None,
                quality: Sym::new("exact"),
                evidence_class: Sym::new("E3"),
                note: Some("an earlier snapshot".into()),
            }),
    );
    if let Some(end) = grant.expires.at() {
        events.push(TimelineEvent {
            at: Some(end),
            what: Sym::new("expires"),
            by: None,
            quality: Sym::new(match grant.quality(GrantField::ExpiresAt) {
                Quality::Recorded => "exact",
                Quality::Inferred | Quality::Absent => "inferred",
            }),
            evidence_class: Sym::new(grant.evidence.as_str()),
            note: None,
        });
    }
    // Stable: what has no time stays where its source put it, before the first.
    events.sort_by_key(|event| event.at);
    Timeline {
        grant: grant.id,
        subject,
        system: grant.system,
        tenant: grant.tenant,
        what: grant.what().into(),
        privileges: grant.privileges.clone(),
        state: grant.state.unwrap_or_default(),
        flags: grant.flags.clone(),
        events,
        gaps: gaps(grant),
    }
}

/// Links of the chain request → approval → issue → use → revocation that are missing,
/// each with the reason: nothing happened, or the source cannot tell.
fn gaps(grant: &Grant) -> Vec<Box<str>> {
    let mut all = Vec::new();
    let mut gap = |missing: bool, what: &str, field: GrantField| {
        if missing {
            let why = match grant.keeps(field) {
                true => "no",
                false => "its source cannot store",
            };
            all.push(format!("{why} {what}").into_boxed_str());
        }
    };
    gap(
        grant.requester.is_none(),
        "requester",
        GrantField::Requester,
    );
    gap(grant.purpose.is_none(), "purpose", GrantField::Purpose);
    gap(grant.ticket.is_none(), "work item", GrantField::Ticket);
    if grant.progress != Progress::Issued {
        return all;
    }
    if !grant.break_glass {
        gap(grant.approvals.is_empty(), "approval", GrantField::Approver);
        gap(
            grant.approvals.iter().any(|approval| approval.at.is_none()),
            "time of approval",
            GrantField::ApprovedAt,
        );
    }
    gap(
        grant.issued.is_none(),
        "time of issue",
        GrantField::IssuedAt,
    );
    gap(!grant.expires.is_known(), "end", GrantField::ExpiresAt);
    let used = !grant.used.is_empty() || grant.uses.is_some() || !grant.sessions.is_empty();
    gap(!used, "record of use", GrantField::Usage);
    let over = grant.state.is_some_and(|state| state == "ENDED");
    gap(
        over && grant.ended.is_none(),
        "record of its end",
        GrantField::EndedAt,
    );
    if over && grant.late_at_most.is_none() {
        all.push("nobody saw the access gone".into());
    }
    if grant.break_glass && !grant.drill {
        let reviewed = grant.reviewed.is_some() || grant.reviewed_by.is_some();
        let mut gap = |missing: bool| {
            if missing {
                all.push(match grant.keeps(GrantField::Review) {
                    true => "no review".into(),
                    false => "its source cannot store review".into(),
                });
            }
        };
        gap(!reviewed);
    }
    all
}
