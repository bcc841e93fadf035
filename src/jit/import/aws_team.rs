//! AWS TEAM (Temporary Elevated Access Management for IAM Identity Center).
//!
//! Reads the `requests` table as a DynamoDB scan (`{"Items": …}`), as an export to S3
//! (one `{"Item": …}` a line), as plain records (AppSync), or as the auditor's
//! `approvals.csv`. What TEAM does not keep:
//!
//! * no time of approval: `updatedAt` is written over by every later step
//! * `startTime` is the planned start until access begins, then the real one
//! * `endTime` is written only after a removal that worked; a status `error` without
//!   it means that giving *or* removing failed, and does not say which
//! * `approvals.csv` writes `approved` for every status from `approved` to `revoked`
//! * whoever asks is whoever is let in; `ticketNo` is free text

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::record::{self, label, string, time};
use super::{Book, INFERRED, ImportError, Input, Kind, RECORDED, csv};
use crate::jit::ledger::event::Mechanism;
use crate::jit::ledger::event::{ApprovalPolicy, Data, EventKind, Party, Purpose, Ticket};
use crate::model::{Channel, EndCause, EndResult, GrantField, GrantKind, Quality, Sym};

const QUALITY: &[(GrantField, Quality)] = &[
    (GrantField::ApprovedAt, Quality::Absent),
    (GrantField::ExpiresAt, Quality::Inferred),
    (GrantField::EndCause, Quality::Inferred),
    (GrantField::Usage, Quality::Absent),
    (GrantField::BreakGlass, Quality::Absent),
    (GrantField::Review, Quality::Absent),
];

/// Columns without which a CSV file is not TEAM's.
const COLUMNS: [&str; 4] = ["id", "email", "accountId", "status"];

pub(super) fn read(inputs: &[Input], book: &mut Book<'_>) -> Result<(), ImportError> {
    for input in inputs {
        let text = record::text(input)?;
        if text.trim_start().starts_with(['{', '[']) {
            let records = record::records(input)?;
            let missing = records.cut.map(
                |_| "the scan was cut off (`LastEvaluatedKey`): export all pages of the table",
            );
            let mut known = 0;
            for (at, value) in records.list.iter().enumerate() {
                let value = plain(value.get("Item").unwrap_or(value));
                if at_least(&value) {
                    known += 1;
                    request(book, input, &value, false, missing);
                } else {
                    book.problem(
                        format!("{}: record {}", input.file, at + 1),
                        "no TEAM request: it needs `id`, `email`, `accountId` and `status`",
                    );
                }
            }
            if known == 0 && !records.list.is_empty() {
                return Err(record::wrong_kind(input, Kind::AwsTeam, "other records"));
            }
            continue;
        }
        let table = csv::Table::read(input)?;
        if let Some(column) = COLUMNS.iter().find(|name| table.column(name).is_none()) {
            return Err(record::wrong_kind(
                input,
                Kind::AwsTeam,
                format!("a table without the column `{column}`"),
            ));
        }
        book.note(
            "approvals.csv tells an approved request from one that ended only by its `endTime`; a \
             DynamoDB export tells more",
        );
        for row in table.rows() {
            let mut value = Map::new();
            for (name, cell) in row.cells() {
                if !cell.is_empty() {
                    value.insert(name.to_owned(), Value::String(cell.to_owned()));
                }
            }
            let value = Value::Object(value);
            if at_least(&value) {
                let missing = "the auditor's CSV file does not say what was filtered out";
                request(book, input, &value, true, Some(missing));
            } else {
                book.problem(
                    format!("{}:{}", input.file, row.line),
                    "`id`, `email`, `accountId` and `status` must not be empty",
                );
            }
        }
    }
    Ok(())
}

fn at_least(value: &Value) -> bool {
    COLUMNS.iter().all(|name| label(value, &[name]).is_some())
}

/// DynamoDB's typed JSON as plain JSON; plain JSON stays as it is.
fn plain(value: &Value) -> Value {
    let Value::Object(members) = value else {
        return value.clone();
    };
    let mut only = members.iter();
    if let (Some((ty, inner)), None) = (only.next(), only.next()) {
        match (ty.as_str(), inner) {
            ("S" | "N", Value::String(_)) | ("BOOL", Value::Bool(_)) | ("SS", Value::Array(_)) => {
                return inner.clone();
            }
            ("NULL", Value::Bool(_)) => return Value::Null,
            ("L", Value::Array(items)) => return items.iter().map(plain).collect(),
            ("M", Value::Object(_)) => return plain(inner),
            _ => {}
        }
    }
    Value::Object(
        members
            .iter()
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect(),
    )
}

fn request(
    book: &mut Book<'_>,
    input: &Input,
    value: &Value,
    from_csv: bool,
    missing: Option<&str>,
) {
    let text = |name: &str| string(value, &[name]);
    let when = |name: &str| time(value, &[name]);
    let id = label(value, &["id"]).unwrap_or_default();
    let instance = book.instance(input);
    let origin = book.origin("aws-team", instance, &id, input);
    let status = text("status").unwrap_or_default().trim().to_lowercase();
    let user = text("username").map(|name| name.strip_prefix("idc_").unwrap_or(name));
    let asker = Party::mail(text("email").unwrap_or_default()).named(user);
    let start = when("startTime");
    let ended = when("endTime");
    // The text is a number of hours; the CSV file may say `2 hours`.
    let hours = label(value, &["duration"]).and_then(|text| {
        let number: f64 = text.split_whitespace().next()?.parse().ok()?;
        (number > 0.0 && number < 100_000.0)
            .then(|| SignedDuration::from_secs_f64(number * 3_600.0))
    });
    let expires = start.and_then(|start| start.checked_add(hours?).ok());
    let approver = text("approver").filter(|name| *name != "-");
    let refused = matches!(
        status.as_str(),
        "pending" | "rejected" | "cancelled" | "expired"
    );
    let ran = matches!(
        status.as_str(),
        "in progress" | "ended" | "revoked" | "error"
    ) || (from_csv && status == "approved" && ended.or(start) <= Some(book.options.now));

    let mut quality: std::collections::BTreeMap<_, _> = QUALITY.iter().copied().collect();
    if from_csv {
        quality.insert(GrantField::EndCause, Quality::Absent);
    }
    let ticket = label(value, &["ticketNo"]).map(|key| Ticket {
        key: Sym::new(key.trim()),
        ..Ticket::default()
    });
    let set = text("roleId").or(text("role"));
    let account = label(value, &["accountId"]).unwrap_or_default();
    let mut event = book.event(&origin, EventKind::Requested);
    event.data = Data {
        kind: Some(GrantKind::Assignment),
        subject: Some(asker),
        system: Some("aws-idc".into()),
        privs: set.map(Sym::new).into_iter().collect(),
        scope: [("account".into(), Sym::new(&account))].into(),
        purpose: Some(Purpose {
            text: text("justification").map(Into::into),
            ticket,
        }),
        approval_policy: (!refused && approver.is_none()).then(|| ApprovalPolicy {
            required: Some(0),
            auto_allowed: Some(true),
            ..ApprovalPolicy::default()
        }),
        not_before: start.filter(|_| !ran),
        expires_at: expires,
        max_session: text("session_duration").and_then(record::span),
        quality,
        ..Data::default()
    };
    book.push(event.at(when("createdAt"), RECORDED).by(Some(asker)));

    let mut times = vec![when("createdAt"), start, ended, when("updatedAt")];
    if !refused {
        let mut event = book.event(&origin, EventKind::Approved);
        event.data.artefact = Some(Sym::new(&format!("requests/{id}")));
        event.data.comment = text("comment").map(Into::into);
        match approver {
            Some(approver) => {
                event.data.channel = Some(Channel::Tool);
                book.push(event.by(Some(Party::mail(approver))));
            }
            None => {
                // Nobody is named where an eligibility asked for no approval.
                event.data.channel = Some(Channel::AutoPolicy);
                event.data.policy_id = Some("approval-not-required".into());
                book.push(event);
            }
        }
    }
    match status.as_str() {
        "rejected" => {
            let mut event = book.event(&origin, EventKind::Denied);
            event.data.channel = Some(Channel::Tool);
            event.data.comment = text("comment").map(Into::into);
            book.push(event.by(approver.map(Party::mail)));
        }
        "cancelled" | "expired" => {
            let event = book.event(&origin, EventKind::Withdrawn);
            book.push(event.at(when("updatedAt"), INFERRED));
        }
        "scheduled" | "approved" if !ran => {
            let mut event = book.event(&origin, EventKind::Scheduled);
            event.data.not_before = start;
            book.push(event);
        }
        _ if ran => given(book, &origin, value, &status, from_csv, expires),
        "pending" => {}
        other => {
            let shown: String = other.chars().take(40).collect();
            book.problem(
                format!("{}: request `{id}`", input.file),
                format!(
                    "unknown status `{}`; only the request was taken down",
                    shown.escape_debug()
                ),
            );
        }
    }
    times.retain(Option::is_some);
    book.used();
    book.covers(&origin, "aws-idc", None, QUALITY, missing, &times);
}

/// Access that was given, and how it ended.
fn given(
    book: &mut Book<'_>,
    origin: &super::Origin,
    value: &Value,
    status: &str,
    from_csv: bool,
    expires: Option<Timestamp>,
) {
    let when = |name: &str| time(value, &[name]);
    let ended = when("endTime");
    let failed = status == "error";
    let mut event = book.event(origin, EventKind::Issued);
    event.data.expires_at = expires;
    // After an error the start may still be the planned one.
    let quality = if failed || from_csv {
        INFERRED
    } else {
        RECORDED
    };
    book.push(event.at(when("startTime"), quality));

    if failed && ended.is_none() {
        let mut event = book.event(origin, EventKind::RevokeFailed);
        event.data.reason = Some(
            "status `error`: giving or removing access failed, TEAM does not say which".into(),
        );
        book.push(event.at(when("updatedAt"), INFERRED));
        return;
    }
    let Some(ended) = ended else { return };
    let revoker = string(value, &["revoker"]).filter(|name| *name != "-");
    let revoked = status == "revoked" || (from_csv && revoker.is_some());
    let mut event = book.event(origin, EventKind::Ended);
    event.data = Data {
        cause: Some(if revoked {
            EndCause::Revoked
        } else {
            EndCause::Expiry
        }),
        mechanism: Some(Mechanism::JitTool),
        result: Some(EndResult::Unconfirmed),
        comment: string(value, &["revokeComment"]).map(Into::into),
        ..Data::default()
    };
    let by = revoker.filter(|_| revoked).map(Party::mail);
    book.push(event.at(Some(ended), RECORDED).by(by));
}
