//! JSON records: finding them in a file, and their members.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{ImportError, Input, Kind};
use crate::config::parse_duration;

/// Members under which systems list records.
const LISTS: [&str; 7] = [
    "Items", "items", "value", "grants", "requests", "records", "results",
];

/// The records of a file and what surrounds them.
pub(super) struct Records {
    /// The records.
    pub list: Vec<Value>,
    /// The list was cut: there is a mark of a next page.
    pub cut: Option<&'static str>,
}

/// Reads the JSON records of a file: a list, a list under a well-known member, one
/// record, or one record a line.
pub(super) fn records(input: &Input) -> Result<Records, ImportError> {
    let text = text(input)?;
    let mut list = Vec::new();
    let mut cut = None;
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    loop {
        match values.next() {
            Some(Ok(value)) => flatten(value, &mut list, &mut cut),
            Some(Err(error)) => return Err(syntax(input, &error)),
            None => break,
        }
    }
    Ok(Records { list, cut })
}

/// The text of a file.
pub(super) fn text(input: &Input) -> Result<&str, ImportError> {
    let text = std::str::from_utf8(&input.text).map_err(|error| {
        let before = &input.text[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        ImportError::Syntax {
            at: format!("{}:{line}", input.file),
            message: "not UTF-8 text; save it as UTF-8".to_owned(),
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn syntax(input: &Input, error: &serde_json::Error) -> ImportError {
    // The message repeats the place.
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    ImportError::Syntax {
        at: format!("{}:{}:{}", input.file, error.line(), error.column()),
        message: format!("not JSON: {message}"),
    }
}

fn flatten(value: Value, list: &mut Vec<Value>, cut: &mut Option<&'static str>) {
    match value {
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::Array(_) => flatten(item, list, cut),
                    other => list.push(other),
                }
            }
        }
        Value::Object(mut members) => {
            for mark in [
                "LastEvaluatedKey",
                "@odata.nextLink",
                "nextPageToken",
                "nextToken",
            ] {
                let more = members.get(mark).is_some_and(|mark| {
                    !mark.is_null() && mark.as_str().is_none_or(|text| !text.is_empty())
                });
                if more {
                    *cut = Some(mark);
                }
            }
            let name = LISTS
                .iter()
                .find(|name| members.get(**name).is_some_and(Value::is_array));
            match name.and_then(|name| members.remove(*name)) {
                Some(items) => flatten(items, list, cut),
                None => list.push(Value::Object(members)),
            }
        }
        other => list.push(other),
    }
}

/// The member at the end of `path`.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter()
        .try_fold(value, |value, name| value.get(name))
        .filter(|value| !value.is_null())
}

/// The text at `path`; nothing if it is empty.
pub(super) fn string<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    at(value, path)?
        .as_str()
        .filter(|text| !text.trim().is_empty())
}

/// The text or number at `path`, as text.
pub(super) fn label(value: &Value, path: &[&str]) -> Option<String> {
    match at(value, path)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The time at `path`: RFC 3339 text, or milliseconds since 1970. The zero of Go and
/// of .NET is no time.
pub(super) fn time(value: &Value, path: &[&str]) -> Option<Timestamp> {
    match at(value, path)? {
        Value::String(text) => instant(text),
        Value::Number(number) => Timestamp::from_millisecond(number.as_i64()?).ok(),
        _ => None,
    }
}

/// Reads RFC 3339.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let zero = text.starts_with("0001-01-01");
    text.trim().parse().ok().filter(|_| !zero)
}

/// The length of time at `path`: `3600s`, `1h`, ISO 8601, or a number of seconds.
pub(super) fn length(value: &Value, path: &[&str]) -> Option<SignedDuration> {
    match at(value, path)? {
        Value::String(text) => span(text),
        Value::Number(number) => Some(SignedDuration::from_secs(number.as_i64()?)),
        _ => None,
    }
}

/// Reads a length of time: `3600s`, `1h30m`, `PT1H`, `1h0m0s`.
pub(super) fn span(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    parse_duration(text)
        .ok()
        .or_else(|| text.parse::<SignedDuration>().ok())
        .filter(|length| !length.is_negative())
}

/// The texts in the list at `path`.
pub(super) fn list<'v>(value: &'v Value, path: &[&str]) -> Vec<&'v str> {
    items(value, path)
        .iter()
        .filter_map(Value::as_str)
        .filter(|text| !text.is_empty())
        .collect()
}

/// The members of the list at `path`.
pub(super) fn items<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    at(value, path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// What a file seems to be, by one of its records or its start.
pub(super) fn looks_like(input: &Input) -> Option<Kind> {
    let head = &input.text[..input.text.len().min(1 << 16)];
    let head = String::from_utf8_lossy(head);
    let has = |names: &[&str]| {
        names
            .iter()
            .all(|name| head.contains(&format!("\"{name}\"")))
    };
    let header = head.lines().next().unwrap_or_default();
    let column = |name: &str| {
        header
            .split(',')
            .any(|column| column.trim_matches('"') == name)
    };
    if has(&["request"]) && has(&["type", "time"]) && has(&["operation"]) {
        return Some(Kind::VaultAudit);
    }
    let table: &[(&[&str], Kind)] = &[
        (&["issue_time", "expire_time"], Kind::VaultLeases),
        (&["privilegedAccess", "timeline"], Kind::GcpPam),
        (&["requestedDuration", "requester"], Kind::GcpPam),
        (&["roleDefinitionId", "principalId"], Kind::EntraPim),
        (&["reviewedDateTime", "reviewResult"], Kind::EntraPim),
        (&["accountId", "roleId", "justification"], Kind::AwsTeam),
        (&["approvals", "run"], Kind::GithubEnvironments),
        (&["@timestamp", "action", "actor"], Kind::GithubEnvironments),
    ];
    if let Some((_, kind)) = table.iter().find(|(names, _)| has(names)) {
        return Some(*kind);
    }
    if has(&["kind", "spec"]) && head.contains("access_request") {
        return Some(Kind::Teleport);
    }
    let object = |group: &str| head.contains("apiVersion") && head.contains(group);
    if crate::snapshot::kubernetes::JIT_KINDS
        .iter()
        .any(|(group, _)| object(group))
    {
        return Some(Kind::Kubernetes);
    }
    if column("accountId") && column("role") && column("justification") {
        return Some(Kind::AwsTeam);
    }
    None
}

/// The error for a file that is not of `kind`.
pub(super) fn wrong_kind(input: &Input, kind: Kind, found: impl Into<String>) -> ImportError {
    ImportError::WrongKind {
        file: input.file,
        kind,
        other: looks_like(input).filter(|other| *other != kind),
        found: found.into(),
    }
}
