//! Google Cloud Privileged Access Manager: grants, as `gcloud pam grants list` prints
//! them. The best record of all: who, why, who approved and when, when access was
//! really given and taken. It has no field for a ticket, and forgets a grant 30 days
//! after its end.

use serde_json::Value;

use super::record::{self, at, items, length, string, time};
use super::{Book, INFERRED, ImportError, Input, Kind, RECORDED};
use crate::jit::ledger::event::{Data, EventKind, Mechanism, Party, PartyKind, Purpose};
use crate::model::{Channel, EndCause, EndResult, GrantField, GrantKind, Quality, Sym};

const QUALITY: &[(GrantField, Quality)] = &[
    (GrantField::Ticket, Quality::Absent),
    (GrantField::ExpiresAt, Quality::Inferred),
    (GrantField::Usage, Quality::Absent),
    (GrantField::BreakGlass, Quality::Absent),
    (GrantField::Review, Quality::Absent),
];
const SYSTEM: &str = "gcp-pam";

pub(super) fn read(inputs: &[Input], book: &mut Book<'_>) -> Result<(), ImportError> {
    for input in inputs {
        let records = record::records(input)?;
        let missing = match records.cut {
            Some(_) => "the list was cut off (`nextPageToken`)",
            None => "a list of one entitlement's grants does not hold those of others",
        };
        let mut known = 0;
        for (place, value) in records.list.iter().enumerate() {
            let place = format!("{}: record {}", input.file, place + 1);
            match string(value, &["name"]).filter(|name| name.contains("/grants/")) {
                Some(name) => {
                    known += 1;
                    grant(book, input, name, value, missing);
                }
                None => book.problem(place, "no grant: its `name` is no `…/grants/…`"),
            }
        }
        if known == 0 && !records.list.is_empty() {
            return Err(record::wrong_kind(input, Kind::GcpPam, "other records"));
        }
    }
    Ok(())
}

/// A principal: `user:`, `serviceAccount:`, or a bare mail address.
fn party(text: &str) -> Party {
    let (kind, id) = text.split_once(':').unwrap_or(("user", text));
    match kind {
        "serviceAccount" => Party::new("gcp", id).of_kind(PartyKind::Workload),
        _ => Party::mail(id),
    }
}

fn grant(book: &mut Book<'_>, input: &Input, name: &str, value: &Value, missing: &str) {
    let instance = book.instance(input);
    let origin = book.origin(SYSTEM, instance, name, input);
    let access = at(value, &["privilegedAccess", "gcpIamAccess"]);
    let resource = access.and_then(|access| string(access, &["resource"]));
    // `//cloudresourcemanager.googleapis.com/projects/p` and the grant's own name both
    // say on what.
    let path = resource.unwrap_or(name);
    let part = |kind: &str| {
        let mut parts = path.split('/');
        parts.find(|part| *part == kind)?;
        parts.next()
    };
    let target = [
        ("project", "projects"),
        ("folder", "folders"),
        ("organization", "organizations"),
    ]
    .into_iter()
    .find_map(|(key, kind)| Some((key, Sym::new(part(kind)?))));
    let asker = string(value, &["requester"]).map(party);
    let granted = time(value, &["auditTrail", "accessGrantTime"]);
    let removed = time(value, &["auditTrail", "accessRemoveTime"]);
    let requested = time(value, &["createTime"]);
    let expires =
        granted.and_then(|at| at.checked_add(length(value, &["requestedDuration"])?).ok());
    let modified = at(value, &["externallyModified"]) == Some(&Value::Bool(true));
    let mut event = book.event(&origin, EventKind::Requested);
    event.data = Data {
        kind: Some(GrantKind::Binding),
        subject: asker,
        system: Some("gcp".into()),
        privs: access
            .map_or(&[][..], |access| items(access, &["roleBindings"]))
            .iter()
            .filter_map(|binding| string(binding, &["role"]).map(Sym::new))
            .collect(),
        scope: target
            .map(|(key, id)| (Sym::new(key), id))
            .into_iter()
            .collect(),
        purpose: Some(Purpose {
            text: string(value, &["justification", "unstructuredJustification"]).map(Into::into),
            ticket: None,
        }),
        externally_modified: modified.then_some(true),
        expires_at: expires,
        quality: QUALITY.iter().copied().collect(),
        ..Data::default()
    };
    book.push(event.at(requested, RECORDED).by(asker));

    let mut approved = false;
    let mut taken_by = None;
    let mut last = granted.max(removed).max(requested);
    for step in items(value, &["timeline", "events"]) {
        let when = time(step, &["eventTime"]);
        last = last.max(when);
        let by = |what: &str| string(step, &[what, "actor"]).map(party);
        let reason = |what: &str| string(step, &[what, "reason"]).map(Into::into);
        if at(step, &["approved"]).is_some() {
            approved = true;
            let mut event = book.event(&origin, EventKind::Approved);
            event.data.channel = Some(Channel::Tool);
            event.data.comment = reason("approved");
            book.push(event.at(when, RECORDED).by(by("approved")));
        } else if at(step, &["denied"]).is_some() {
            let mut event = book.event(&origin, EventKind::Denied);
            event.data.channel = Some(Channel::Tool);
            event.data.comment = reason("denied");
            book.push(event.at(when, RECORDED).by(by("denied")));
        } else if step.get("expired").is_some() || step.get("withdrawn").is_some() {
            let event = book.event(&origin, EventKind::Withdrawn);
            book.push(event.at(when, RECORDED));
        } else if let Some(scheduled) = at(step, &["scheduled"]) {
            let mut event = book.event(&origin, EventKind::Scheduled);
            event.data.not_before = time(scheduled, &["scheduledActivationTime"]);
            book.push(event.at(when, RECORDED));
        } else if at(step, &["activationFailed"]).is_some() {
            let mut event = book.event(&origin, EventKind::Ended);
            event.data.cause = Some(EndCause::Failed);
            book.push(event.at(when, RECORDED));
        } else if at(step, &["revoked"]).is_some() {
            taken_by = Some((by("revoked"), reason("revoked"), when));
        }
    }
    if let Some(granted) = granted {
        if !approved {
            // Without an approval in its history the entitlement asked for none.
            let mut event = book.event(&origin, EventKind::Approved);
            event.data.channel = Some(Channel::AutoPolicy);
            let entitlement = name.split("/grants/").next().unwrap_or(name);
            event.data.policy_id = Some(Sym::new(entitlement));
            book.push(event.at(Some(granted), INFERRED));
        }
        let mut event = book.event(&origin, EventKind::Issued);
        event.data.expires_at = expires;
        book.push(event.at(Some(granted), RECORDED));
    }
    if let Some(removed) = removed.or(taken_by.as_ref().and_then(|(_, _, when)| *when)) {
        let mut event = book.event(&origin, EventKind::Ended);
        let (by, comment, _) = taken_by.clone().unwrap_or_default();
        event.data = Data {
            cause: Some(if taken_by.is_some() {
                EndCause::Revoked
            } else {
                EndCause::Expiry
            }),
            mechanism: Some(Mechanism::JitTool),
            result: Some(EndResult::Unconfirmed),
            comment,
            ..Data::default()
        };
        book.push(event.at(Some(removed), RECORDED).by(by));
    }
    book.used();
    let tenant = target.filter(|(key, _)| *key == "project");
    book.covers(
        &origin,
        "gcp",
        tenant,
        QUALITY,
        Some(missing),
        &[requested, last],
    );
}
