//! Teleport: access requests, as `tctl get access_requests` prints them.
//!
//! Four clocks: `max_duration` ends the access, `session_ttl` a certificate, `expires`
//! the longest login session, and `expiry` deletes the record itself, so harvest more
//! often than that. A request that was `PROMOTED` became the membership of an access
//! list: just-in-time access turned into standing access, without an end here.

use serde_json::Value;

use super::record::{self, at, items, list, string, time};
use super::{Book, INFERRED, ImportError, Input, Kind, RECORDED};
use crate::jit::ledger::event::{ApprovalPolicy, Data, EventKind, Party, Purpose};
use crate::model::{Channel, GrantField, GrantKind, Quality, Sym};

const QUALITY: &[(GrantField, Quality)] = &[
    (GrantField::Ticket, Quality::Absent),
    (GrantField::IssuedAt, Quality::Inferred),
    (GrantField::EndedAt, Quality::Absent),
    (GrantField::EndCause, Quality::Absent),
    (GrantField::Usage, Quality::Absent),
    (GrantField::BreakGlass, Quality::Absent),
    (GrantField::Review, Quality::Absent),
];
const SYSTEM: &str = "teleport";

pub(super) fn read(inputs: &[Input], book: &mut Book<'_>) -> Result<(), ImportError> {
    for input in inputs {
        let records = record::records(input)?;
        let mut known = 0;
        for (place, value) in records.list.iter().enumerate() {
            let id = string(value, &["metadata", "name"]);
            let is_request = string(value, &["kind"]) == Some("access_request");
            match id.filter(|_| is_request && value.get("spec").is_some()) {
                Some(id) => {
                    known += 1;
                    request(book, input, id, value);
                }
                None => book.problem(
                    format!("{}: record {}", input.file, place + 1),
                    "no access request: it needs `kind: access_request`, a name and a spec",
                ),
            }
        }
        if known == 0 && !records.list.is_empty() {
            return Err(record::wrong_kind(input, Kind::Teleport, "other records"));
        }
    }
    Ok(())
}

/// The state of a request or review: a name, or the number of the protocol.
fn state(value: Option<&Value>) -> &str {
    match value {
        Some(Value::String(text)) => text.as_str(),
        Some(Value::Number(number)) => match number.as_u64() {
            Some(1) => "PENDING",
            Some(2) => "APPROVED",
            Some(3) => "DENIED",
            Some(4) => "PROMOTED",
            _ => "",
        },
        _ => "",
    }
}

fn request(book: &mut Book<'_>, input: &Input, id: &str, value: &Value) {
    let instance = book.instance(input);
    let origin = book.origin(SYSTEM, instance, id, input);
    let Some(spec) = value.get("spec") else {
        return;
    };
    let ns = match instance.is_empty() {
        true => SYSTEM.to_owned(),
        false => format!("{SYSTEM}/{instance}"),
    };
    let party = |name: &str| Party::human(ns.as_str(), name);
    let asker = string(spec, &["user"]).map(party);
    let created = time(spec, &["created"]);
    let begin = time(spec, &["assume_start_time"]);
    let access_end = time(spec, &["max_duration"]).or(time(spec, &["expires"]));
    let state_now = state(at(spec, &["state"]));
    let promoted = state_now == "PROMOTED";
    let mut scope: std::collections::BTreeMap<Sym, Sym> = std::collections::BTreeMap::new();
    if !instance.is_empty() {
        scope.insert("cluster".into(), instance);
    }
    // One resource can be named; of several only the kind of thing they are is one scope.
    if let [only] = items(spec, &["resource_ids"]) {
        for (key, name) in [("kind", "resource_kind"), ("name", "resource")] {
            if let Some(text) = string(only, &[key]) {
                scope.insert(name.into(), Sym::new(text));
            }
        }
    }
    let mut event = book.event(&origin, EventKind::Requested);
    event.data = Data {
        kind: Some(if promoted {
            GrantKind::Membership
        } else {
            GrantKind::Session
        }),
        subject: asker,
        system: Some(SYSTEM.into()),
        privs: list(spec, &["roles"]).into_iter().map(Sym::new).collect(),
        scope,
        purpose: Some(Purpose {
            text: string(spec, &["request_reason"]).map(Into::into),
            ticket: None,
        }),
        approval_policy: items(spec, &["thresholds"])
            .iter()
            .filter_map(|threshold| threshold.get("approve")?.as_u64())
            .max()
            .map(|required| ApprovalPolicy {
                required: u32::try_from(required).ok(),
                ..ApprovalPolicy::default()
            }),
        not_before: begin,
        expires_at: access_end.filter(|_| !promoted),
        never_expires: promoted.then_some(true),
        quality: QUALITY.iter().copied().collect(),
        ..Data::default()
    };
    book.push(event.at(created, RECORDED).by(asker));

    let mut last_approval = None;
    let mut last = created;
    for review in items(spec, &["reviews"]) {
        let when = time(review, &["created"]);
        last = last.max(when);
        let kind = match state(at(review, &["proposed_state"])) {
            "APPROVED" | "PROMOTED" => EventKind::Approved,
            "DENIED" => EventKind::Denied,
            _ => continue,
        };
        if kind == EventKind::Denied && state_now != "DENIED" {
            // One reviewer's no that did not decide the request.
            continue;
        }
        if kind == EventKind::Approved {
            last_approval = last_approval.max(when);
        }
        let mut event = book.event(&origin, kind);
        event.data.channel = Some(Channel::Tool);
        event.data.comment = string(review, &["reason"]).map(Into::into);
        book.push(
            event
                .at(when, RECORDED)
                .by(string(review, &["author"]).map(party)),
        );
    }
    match state_now {
        "APPROVED" | "PROMOTED" => {
            if last_approval.is_none() {
                // Approved by a plugin or an administrator who left no review.
                let mut event = book.event(&origin, EventKind::Approved);
                event.data.comment = string(spec, &["resolve_reason"]).map(Into::into);
                event.data.channel = Some(Channel::Tool);
                event.data.artefact = Some(Sym::new(id));
                book.push(event);
            }
            let mut event = book.event(&origin, EventKind::Issued);
            event.data.expires_at = access_end.filter(|_| !promoted);
            event.data.never_expires = promoted.then_some(true);
            event.data.reason = promoted.then(|| {
                let to = string(spec, &["access_list"]).unwrap_or("an access list");
                format!("promoted to membership of {to}").into()
            });
            book.push(event.at(begin.max(last_approval), INFERRED));
        }
        "DENIED" if items(spec, &["reviews"]).is_empty() => {
            let event = book.event(&origin, EventKind::Denied);
            book.push(event);
        }
        _ => {}
    }
    book.used();
    let missing = "requests are deleted at their `expiry`; those deleted before are not here";
    let tenant = Some(("cluster", instance)).filter(|_| !instance.is_empty());
    book.covers(
        &origin,
        SYSTEM,
        tenant,
        QUALITY,
        Some(missing),
        &[created, last],
    );
}
