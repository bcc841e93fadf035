//! Generic CSV and JSON: a map says what columns or members mean.
//!
//! ```yaml
//! source: access-tracker         # what the grants are called by; default `csv`, `json`
//! namespace: aws-idc/d-99670a    # of people; without it, whatever has an `@` is a mail address
//! utc_offset: "+01:00"           # of times without an offset; default UTC
//! time_format: "%d.%m.%Y %H:%M"  # of times that are not RFC 3339
//! columns:                       # our name: theirs (for JSON a path like `user.mail`)
//!   id: Request
//!   requester: Requested by
//!   scope.account: Account
//! constants:                     # our name: the same for every record
//!   system: aws-idc
//! ```
//!
//! A field neither list names is one the source cannot tell; a name that is no field
//! is an error. Without a map, columns must have our names.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::map::Map;
use super::record;
use super::{Book, INFERRED, ImportError, Input, RECORDED, csv};
use crate::jit::ledger::event::{
    ApprovalPolicy, Data, EventKind, Party, PartyKind, Purpose, Ticket,
};
use crate::model::{
    Channel, EndCause, EndResult, EvidenceClass, GrantField, GrantKind, Quality, Sym,
};

pub(super) fn csv(inputs: &[Input], book: &mut Book<'_>) -> Result<(), ImportError> {
    for input in inputs {
        let table = csv::Table::read(input)?;
        let map = match book.options.map.clone() {
            Some(map) => map,
            None => Map::of_our_names(table.columns()),
        };
        let missing = map
            .columns
            .values()
            .find(|name| table.column(name).is_none());
        let no_id = (!map.columns.contains_key("id")).then(|| "id".to_owned());
        if let Some(column) = missing.cloned().or(no_id) {
            return Err(ImportError::Column {
                file: table.input().file,
                column,
            });
        }
        for row in table.rows() {
            let place = format!("{}:{}", input.file, row.line);
            let get = |column: &str| row.get(column).map(str::to_owned);
            grant(book, input, &map, "csv", &place, get);
        }
    }
    Ok(())
}

pub(super) fn json(inputs: &[Input], book: &mut Book<'_>) -> Result<(), ImportError> {
    for input in inputs {
        let records = record::records(input)?;
        let map = match book.options.map.clone() {
            Some(map) => map,
            None => {
                let names: Vec<String> = records
                    .list
                    .iter()
                    .filter_map(Value::as_object)
                    .flat_map(|members| members.keys().cloned())
                    .collect();
                Map::of_our_names(&names)
            }
        };
        let column = map.columns.get("id");
        let found = column.is_some_and(|column| {
            records.list.is_empty()
                || records
                    .list
                    .iter()
                    .any(|value| member(value, column).is_some())
        });
        if !found {
            return Err(ImportError::Column {
                file: input.file,
                column: column.cloned().unwrap_or_else(|| "id".to_owned()),
            });
        }
        for (place, value) in records.list.iter().enumerate() {
            let place = format!("{}: record {}", input.file, place + 1);
            grant(book, input, &map, "json", &place, |path| {
                member(value, path)
            });
        }
    }
    Ok(())
}

/// The member at a path of names with dots, as text.
fn member(value: &Value, path: &str) -> Option<String> {
    // A name may itself hold dots.
    let found = match value.get(path) {
        Some(found) => found,
        None => path
            .split('.')
            .try_fold(value, |value, name| match name.parse::<usize>() {
                Ok(at) if value.is_array() => value.get(at),
                _ => value.get(name),
            })?,
    };
    match found {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(items) => {
            let texts: Vec<String> = items
                .iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect();
            (!texts.is_empty()).then(|| texts.join(";"))
        }
        Value::Null | Value::Object(_) => None,
    }
}

/// One record, by the map.
struct Row<'m, G> {
    map: &'m Map,
    get: G,
}

impl<G: Fn(&str) -> Option<String>> Row<'_, G> {
    fn text(&self, field: &str) -> Option<String> {
        self.map
            .columns
            .get(field)
            .and_then(|column| (self.get)(column))
            .or_else(|| self.map.constants.get(field).cloned())
            .filter(|text| !text.is_empty())
    }

    fn time(&self, field: &str) -> Result<Option<Timestamp>, String> {
        let Some(text) = self.text(field) else {
            return Ok(None);
        };
        self.map.time(&text).map(Some).ok_or_else(|| {
            format!(
                "`{field}`: `{}` is no time; write RFC 3339, or give `time_format` in the map",
                shown(&text)
            )
        })
    }

    fn one_of<T: Copy>(
        &self,
        field: &str,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, String> {
        let Some(text) = self.text(field) else {
            return Ok(None);
        };
        let folded = text.to_lowercase();
        let found = all.iter().copied().find(|value| name(*value) == folded);
        found.map(Some).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|value| name(*value)).collect();
            format!(
                "`{field}`: `{}` is none of {}",
                shown(&text),
                names.join(", ")
            )
        })
    }

    fn flag(&self, field: &str) -> Result<Option<bool>, String> {
        match self.text(field).map(|text| text.to_lowercase()).as_deref() {
            None => Ok(None),
            Some("true" | "yes" | "y" | "1") => Ok(Some(true)),
            Some("false" | "no" | "n" | "0") => Ok(Some(false)),
            Some(other) => Err(format!(
                "`{field}`: `{}` is neither true nor false",
                shown(other)
            )),
        }
    }

    fn party(&self, field: &str) -> Option<Party> {
        self.text(field).map(|text| self.map.party(&text))
    }
}

fn shown(text: &str) -> String {
    text.chars()
        .take(60)
        .collect::<String>()
        .escape_debug()
        .to_string()
}

/// Fields whose absence from the map means that the source cannot tell.
const TOLD: &[(GrantField, &[&str])] = &[
    (GrantField::Requester, &["requester"]),
    (GrantField::Purpose, &["purpose"]),
    (GrantField::Ticket, &["ticket"]),
    (GrantField::Approver, &["approver"]),
    (GrantField::ApprovedAt, &["approved_at"]),
    (GrantField::IssuedAt, &["issued_at"]),
    (GrantField::ExpiresAt, &["expires_at", "duration"]),
    (GrantField::EndedAt, &["ended_at"]),
    (GrantField::EndCause, &["end_cause", "status"]),
    (GrantField::Usage, &["used_at"]),
    (GrantField::BreakGlass, &["break_glass"]),
    (GrantField::Review, &["reviewed_at", "reviewer"]),
];

fn grant(
    book: &mut Book<'_>,
    input: &Input,
    map: &Map,
    default_source: &str,
    place: &str,
    get: impl Fn(&str) -> Option<String>,
) {
    let row = Row { map, get };
    if let Err(message) = events(book, input, &row, default_source) {
        book.problem(place, message);
    }
}

fn events<G: Fn(&str) -> Option<String>>(
    book: &mut Book<'_>,
    input: &Input,
    row: &Row<'_, G>,
    default_source: &str,
) -> Result<(), String> {
    let id = row.text("id").ok_or("`id` is empty")?;
    let other = row.text("grant");
    let system = match (row.text("system"), &other) {
        (Some(system), _) => Some(system),
        (None, Some(_)) => None,
        (None, None) => {
            return Err("`system` is empty; name it under `constants` in the map".to_owned());
        }
    };
    let subject_kind = row.one_of(
        "subject_kind",
        &[
            PartyKind::Human,
            PartyKind::Workload,
            PartyKind::Agent,
            PartyKind::Service,
        ],
        |kind| match kind {
            PartyKind::Human => "human",
            PartyKind::Workload => "workload",
            PartyKind::Agent => "agent",
            PartyKind::Service => "service",
        },
    )?;
    let requester = row.party("requester");
    let subject = row.party("subject").or(requester).map(|party| Party {
        kind: subject_kind.or(party.kind),
        ..party
    });
    let requested = row.time("requested_at")?;
    let approved = row.time("approved_at")?;
    let issued = row.time("issued_at")?;
    let ended = row.time("ended_at")?;
    let used = row.time("used_at")?;
    let reviewed = row.time("reviewed_at")?;
    let not_before = row.time("not_before")?;
    let never = row
        .text("expires_at")
        .is_some_and(|text| text.eq_ignore_ascii_case("never"));
    let planned = if never { None } else { row.time("expires_at")? };
    let length = match row.text("duration") {
        None => None,
        Some(text) => {
            let minutes = text
                .parse::<i64>()
                .ok()
                .filter(|minutes| (1..=10_000_000).contains(minutes));
            let length = minutes
                .map(SignedDuration::from_mins)
                .or_else(|| record::span(&text));
            Some(length.ok_or_else(|| {
                format!(
                    "`duration`: `{}` is no length of time; write 4h or PT4H",
                    shown(&text)
                )
            })?)
        }
    };
    let begun = issued.or(not_before);
    let derived = planned.is_none() && !never;
    let expires = planned.or_else(|| begun?.checked_add(length?).ok());
    let cause = row.one_of("end_cause", EndCause::ALL, EndCause::as_str)?;
    let channel = row.one_of("approval_channel", Channel::ALL, Channel::as_str)?;
    let kind = row.one_of("kind", GrantKind::ALL, GrantKind::as_str)?;
    let break_glass = row.flag("break_glass")?;
    let status = row.text("status").map(|text| text.to_lowercase());
    let required = row
        .text("approvals_required")
        .and_then(|text| text.parse().ok());

    let mut quality: BTreeMap<GrantField, Quality> = TOLD
        .iter()
        .filter(|(_, names)| !names.iter().any(|name| row.map.tells(name)))
        .map(|(field, _)| (*field, Quality::Absent))
        .collect();
    if derived && expires.is_some() {
        quality.insert(GrantField::ExpiresAt, Quality::Inferred);
    }
    let source = row
        .map
        .source
        .clone()
        .unwrap_or_else(|| default_source.to_owned());
    let instance = book.instance(input);
    let mut origin = book.origin(&source, instance, &id, input);
    origin.class = EvidenceClass::Manual;
    if let Some(other) = other {
        origin.grant = Sym::new(&other);
    }
    let scope: BTreeMap<Sym, Sym> = row
        .map
        .columns
        .keys()
        .chain(row.map.constants.keys())
        .filter_map(|name| {
            let part = name.strip_prefix("scope.")?;
            Some((Sym::new(part), Sym::new(&row.text(name)?)))
        })
        .collect();
    let renews = row
        .text("renews")
        .map(|other| book.origin(&source, instance, &other, input).grant);

    let mut event = book.event(&origin, EventKind::Requested);
    event.data = Data {
        kind,
        subject,
        system: system.as_deref().map(Sym::new),
        privs: row
            .text("privilege")
            .iter()
            .flat_map(|text| text.split(';'))
            .map(|text| Sym::new(text.trim()))
            .filter(|text| !text.is_empty())
            .collect(),
        scope,
        purpose: Some(Purpose {
            text: row.text("purpose").map(Into::into),
            ticket: row.text("ticket").map(|key| Ticket {
                key: Sym::new(&key),
                url: row.text("ticket_url").map(Into::into),
                ..Ticket::default()
            }),
        }),
        approval_policy: required.map(|required| ApprovalPolicy {
            required: Some(required),
            ..ApprovalPolicy::default()
        }),
        not_before,
        expires_at: expires,
        never_expires: never.then_some(true),
        break_glass,
        incident: row.text("incident").map(Sym::from),
        renews,
        quality,
        ..Data::default()
    };
    book.push(event.at(requested, RECORDED).by(requester));

    let refused = matches!(status.as_deref(), Some("denied" | "withdrawn" | "pending"));
    let approvers = row.text("approver");
    for approver in approvers
        .iter()
        .flat_map(|text| text.split(';'))
        .map(str::trim)
    {
        if approver.is_empty() || refused {
            continue;
        }
        let mut event = book.event(&origin, EventKind::Approved);
        event.data.channel = Some(channel.unwrap_or(Channel::Other));
        book.push(
            event
                .at(approved, RECORDED)
                .by(Some(row.map.party(approver))),
        );
    }
    match status.as_deref() {
        Some("denied") => {
            let by = approvers.as_deref().map(|text| row.map.party(text));
            let event = book.event(&origin, EventKind::Denied);
            book.push(event.at(approved, RECORDED).by(by));
        }
        Some("withdrawn") => {
            let event = book.event(&origin, EventKind::Withdrawn);
            book.push(event.at(ended, RECORDED));
        }
        Some("revoke-failed") => {
            let event = book.event(&origin, EventKind::RevokeFailed);
            book.push(event.at(ended, RECORDED));
        }
        None | Some("pending" | "issued" | "ended" | "revoked") => {}
        Some(other) => {
            return Err(format!(
                "`status`: `{}` is none of pending, denied, withdrawn, issued, ended, revoked, \
                 revoke-failed",
                shown(other)
            ));
        }
    }
    let given = matches!(
        status.as_deref(),
        Some("issued" | "ended" | "revoked" | "revoke-failed")
    );
    if issued.is_some() || given {
        let mut event = book.event(&origin, EventKind::Issued);
        event.data.expires_at = expires;
        event.data.never_expires = never.then_some(true);
        let quality = if issued.is_some() { RECORDED } else { INFERRED };
        book.push(event.at(issued.or(not_before), quality));
    }
    if used.is_some() {
        let event = book.event(&origin, EventKind::Used);
        book.push(event.at(used, RECORDED));
    }
    let over = matches!(status.as_deref(), Some("ended" | "revoked"));
    if (ended.is_some() && !refused && status.as_deref() != Some("revoke-failed")) || over {
        let mut event = book.event(&origin, EventKind::Ended);
        let revoked = (status.as_deref() == Some("revoked")).then_some(EndCause::Revoked);
        event.data.cause = cause.or(revoked);
        event.data.result = Some(EndResult::Unconfirmed);
        book.push(event.at(ended, RECORDED).by(row.party("ended_by")));
    }
    if reviewed.is_some() {
        let mut event = book.event(&origin, EventKind::Reviewed);
        event.data.outcome = row.text("review_outcome").map(Sym::from);
        book.push(event.at(reviewed, RECORDED).by(row.party("reviewer")));
    }
    book.used();
    let missing =
        "a file that was written by hand or exported with a filter does not say what it leaves out";
    if let Some(system) = system {
        let times = [requested, approved, issued, ended];
        book.covers(&origin, &system, None, &[], Some(missing), &times);
    }
    Ok(())
}
