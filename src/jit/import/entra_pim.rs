//! Microsoft Entra Privileged Identity Management, as Microsoft Graph answers
//! (`roleManagement/directory/…`): role assignment schedule instances, their requests,
//! role eligibility schedule instances, and the approvals of requests. Which list a
//! record is from is told by its members.
//!
//! An instance that is `Activated` is a grant; one that is `Assigned` without an end is
//! standing access and is taken down as a grant that never ends. An eligibility lets
//! nobody in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::record::{self, at, items, label, string, time};
use super::{Book, INFERRED, ImportError, Input, Kind, Origin, RECORDED};
use crate::jit::ledger::event::{Data, EventKind, Mechanism, Party, Purpose, Ticket};
use crate::model::{Channel, EndCause, EndResult, GrantField, GrantKind, Quality, Sym};

const SYSTEM: &str = "entra-pim";
const QUALITY: &[(GrantField, Quality)] = &[
    (GrantField::EndedAt, Quality::Inferred),
    (GrantField::EndCause, Quality::Inferred),
    (GrantField::Usage, Quality::Absent),
    (GrantField::BreakGlass, Quality::Absent),
    (GrantField::Review, Quality::Absent),
];
const MISSING: &str = "schedule instances are only those in force, and old requests are deleted";

/// Which list a record is from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Assignment,
    Eligibility,
    Request,
    Approval,
}

fn list_of(value: &Value) -> Option<List> {
    let has = |name: &str| value.get(name).is_some();
    if has("stages") || has("steps") {
        return Some(List::Approval);
    }
    if !has("principalId") || !has("roleDefinitionId") {
        return None;
    }
    if has("action") {
        return Some(List::Request);
    }
    if has("roleEligibilityScheduleId") {
        return Some(List::Eligibility);
    }
    (has("assignmentType") || has("roleAssignmentScheduleId")).then_some(List::Assignment)
}

pub(super) fn read(inputs: &[Input], book: &mut Book<'_>) -> Result<(), ImportError> {
    let mut all: Vec<(&Input, List, Value)> = Vec::new();
    for input in inputs {
        let records = record::records(input)?;
        let total = records.list.len();
        let before = all.len();
        for (place, value) in records.list.into_iter().enumerate() {
            match list_of(&value).filter(|_| label(&value, &["id"]).is_some()) {
                Some(list) => all.push((input, list, value)),
                None => book.problem(
                    format!("{}: record {}", input.file, place + 1),
                    "no schedule instance, request, eligibility or approval",
                ),
            }
        }
        if all.len() == before && total > 0 {
            return Err(record::wrong_kind(input, Kind::EntraPim, "other records"));
        }
        if records.cut.is_some() {
            book.note(format!("{} was cut off (`@odata.nextLink`)", input.file));
        }
    }
    // An approval names nothing but its own id; the request names the approval.
    let mut approved: BTreeMap<String, Origin> = BTreeMap::new();
    for (input, list, value) in &all {
        if *list == List::Request {
            let origin = origin(book, input, value, *list);
            if let Some(id) = label(value, &["approvalId"]) {
                approved.insert(id, origin);
            }
        }
    }
    let mut unmatched = 0u64;
    for (input, list, value) in &all {
        match list {
            List::Request => request(book, input, value),
            List::Assignment | List::Eligibility => instance(book, input, value, *list),
            List::Approval => {
                let id = label(value, &["id"]).unwrap_or_default();
                match approved.get(&id) {
                    Some(origin) => approval(book, input, value, *origin),
                    None => unmatched += 1,
                }
            }
        }
    }
    if unmatched > 0 {
        book.note(format!(
            "{unmatched} approvals belong to requests that are not in the files"
        ));
    }
    Ok(())
}

/// The grant of a record: the schedule it makes, or itself.
fn origin(book: &Book<'_>, input: &Input, value: &Value, list: List) -> Origin {
    let names: &[&str] = match list {
        List::Assignment => &["roleAssignmentScheduleId", "id"],
        List::Eligibility => &["roleEligibilityScheduleId", "id"],
        List::Request | List::Approval => &["targetScheduleId", "id"],
    };
    let id = names.iter().find_map(|name| label(value, &[name]));
    let id = match list {
        List::Eligibility => format!("eligibility/{}", id.unwrap_or_default()),
        _ => id.unwrap_or_default(),
    };
    book.origin(SYSTEM, book.instance(input), &id, input)
}

fn party(book: &Book<'_>, input: &Input, id: &str) -> Party {
    let instance = book.instance(input);
    let ns = match instance.is_empty() {
        true => "entra".to_owned(),
        false => format!("entra/{instance}"),
    };
    Party::new(ns, id)
}

/// What every record says about what is granted, to whom.
fn described(book: &Book<'_>, input: &Input, value: &Value) -> Data {
    let instance = book.instance(input);
    let mut scope = BTreeMap::new();
    if !instance.is_empty() {
        scope.insert("directory".into(), instance);
    }
    for (key, name) in [("path", "directoryScopeId"), ("app", "appScopeId")] {
        if let Some(text) = string(value, &[name]) {
            scope.insert(key.into(), Sym::new(text));
        }
    }
    Data {
        subject: string(value, &["principalId"]).map(|id| party(book, input, id)),
        system: Some("entra".into()),
        privs: string(value, &["roleDefinitionId"])
            .map(Sym::new)
            .into_iter()
            .collect(),
        scope,
        quality: QUALITY.iter().copied().collect(),
        ..Data::default()
    }
}

fn close(book: &mut Book<'_>, input: &Input, origin: &Origin, times: &[Option<Timestamp>]) {
    book.used();
    let directory = book.instance(input);
    let tenant = Some(("directory", directory)).filter(|_| !directory.is_empty());
    book.covers(origin, "entra", tenant, QUALITY, Some(MISSING), times);
}

fn instance(book: &mut Book<'_>, input: &Input, value: &Value, list: List) {
    let origin = origin(book, input, value, list);
    let begin = time(value, &["startDateTime"]);
    let end = time(value, &["endDateTime"]);
    let activated = string(value, &["assignmentType"]) == Some("Activated");
    let mut event = book.event(&origin, EventKind::Issued);
    event.data = Data {
        kind: Some(match list {
            List::Eligibility => GrantKind::Eligibility,
            _ if activated => GrantKind::Activation,
            _ => GrantKind::Assignment,
        }),
        expires_at: end,
        never_expires: end.is_none().then_some(true),
        ..described(book, input, value)
    };
    book.push(event.at(begin, RECORDED));
    close(book, input, &origin, &[begin]);
}

fn request(book: &mut Book<'_>, input: &Input, value: &Value) {
    let origin = origin(book, input, value, List::Request);
    let action = string(value, &["action"]).unwrap_or_default();
    let status = string(value, &["status"]).unwrap_or_default();
    let created = time(value, &["createdDateTime"]);
    let completed = time(value, &["completedDateTime"]);
    let by = string(value, &["createdBy", "user", "id"]).map(|id| party(book, input, id));
    let begin = time(value, &["scheduleInfo", "startDateTime"]);
    let end = time(value, &["scheduleInfo", "expiration", "endDateTime"]).or_else(|| {
        let length = string(value, &["scheduleInfo", "expiration", "duration"])?;
        begin.or(completed)?.checked_add(record::span(length)?).ok()
    });
    let endless = string(value, &["scheduleInfo", "expiration", "type"]) == Some("noExpiration");
    let comment: Option<Box<str>> = string(value, &["justification"]).map(Into::into);
    let done = matches!(status, "Provisioned" | "Granted");
    match action {
        "selfActivate" | "adminAssign" => {
            let ticket = string(value, &["ticketInfo", "ticketNumber"]).map(|key| Ticket {
                system: string(value, &["ticketInfo", "ticketSystem"]).map(Sym::new),
                key: Sym::new(key),
                ..Ticket::default()
            });
            let mut event = book.event(&origin, EventKind::Requested);
            event.data = Data {
                kind: Some(match action {
                    "selfActivate" => GrantKind::Activation,
                    _ => GrantKind::Assignment,
                }),
                purpose: Some(Purpose {
                    text: comment,
                    ticket,
                }),
                not_before: begin,
                expires_at: end,
                never_expires: endless.then_some(true),
                ..described(book, input, value)
            };
            book.push(event.at(created, RECORDED).by(by));
            if done {
                if label(value, &["approvalId"]).is_none() {
                    // Without an approval the role's policy asked for none.
                    let mut event = book.event(&origin, EventKind::Approved);
                    event.data.channel = Some(Channel::AutoPolicy);
                    event.data.policy_id = Some("role-setting:no-approval".into());
                    book.push(event.at(completed, INFERRED));
                }
                let mut event = book.event(&origin, EventKind::Issued);
                event.data.expires_at = end;
                event.data.never_expires = endless.then_some(true);
                let quality = if completed.is_some() {
                    RECORDED
                } else {
                    INFERRED
                };
                book.push(event.at(completed.max(begin), quality));
            } else if let "Denied" | "AdminDenied" = status {
                let event = book.event(&origin, EventKind::Denied);
                book.push(event.at(completed, INFERRED));
            } else if let "Canceled" | "TimedOut" | "Revoked" | "Failed" = status {
                let event = book.event(&origin, EventKind::Withdrawn);
                book.push(event.at(completed, INFERRED));
            }
        }
        "selfDeactivate" | "adminRemove" if done => {
            let mut event = book.event(&origin, EventKind::Ended);
            event.data = Data {
                cause: Some(match action {
                    "selfDeactivate" => EndCause::HandedBack,
                    _ => EndCause::Revoked,
                }),
                mechanism: Some(Mechanism::JitTool),
                result: Some(EndResult::Unconfirmed),
                comment,
                ..Data::default()
            };
            book.push(event.at(completed.or(created), RECORDED).by(by));
        }
        "selfExtend" | "adminExtend" | "selfRenew" | "adminRenew" | "adminUpdate" if done => {
            let mut event = book.event(&origin, EventKind::Extended);
            event.data.expires_at = end;
            event.data.comment = comment;
            book.push(event.at(completed.or(created), RECORDED).by(by));
        }
        "selfDeactivate" | "adminRemove" | "selfExtend" | "adminExtend" | "selfRenew"
        | "adminRenew" | "adminUpdate" => {}
        other => {
            let shown: String = other.chars().take(40).collect();
            return book.problem(
                format!("{}: request `{}`", input.file, origin.object),
                format!("unknown action `{}`", shown.escape_debug()),
            );
        }
    }
    close(book, input, &origin, &[created, completed]);
}

fn approval(book: &mut Book<'_>, input: &Input, value: &Value, origin: Origin) {
    let origin = Origin {
        file: input.file,
        ..origin
    };
    let steps = items(value, &["stages"])
        .iter()
        .chain(items(value, &["steps"]));
    for step in steps {
        let kind = match string(step, &["reviewResult"]) {
            Some("Approve" | "Approved") => EventKind::Approved,
            Some("Deny" | "Denied") => EventKind::Denied,
            _ => continue,
        };
        let by = string(step, &["reviewedBy", "id"])
            .or(string(step, &["reviewedBy", "user", "id"]))
            .map(|id| party(book, input, id));
        let mut event = book.event(&origin, kind);
        event.data.channel = Some(Channel::Tool);
        event.data.comment = string(step, &["justification"]).map(Into::into);
        event.data.artefact = at(step, &["id"]).and_then(Value::as_str).map(Sym::new);
        book.push(event.at(time(step, &["reviewedDateTime"]), RECORDED).by(by));
    }
    book.used();
}
