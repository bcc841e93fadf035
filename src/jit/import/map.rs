//! What the columns of a table, or the members of records, mean.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::Deserialize;
use thiserror::Error;

use super::record::instant;
use crate::jit::ledger::event::Party;

/// The fields a map may name, with what they mean.
const FIELDS: &[(&str, &str)] = &[
    ("id", "the request's own id"),
    (
        "grant",
        "the id of a grant that another source told about, to add to it",
    ),
    (
        "kind",
        "assignment, activation, membership, binding, session, lease or credential",
    ),
    (
        "system",
        "the system let into: aws-idc, kubernetes, github, vault, …",
    ),
    ("requester", "who asked"),
    ("subject", "who is let in; the requester when left out"),
    ("subject_kind", "human, workload, agent or service"),
    (
        "privilege",
        "what, by the target's own ids; several with `;`",
    ),
    ("purpose", "why, in words"),
    ("ticket", "the work item's key"),
    ("ticket_url", "where to read it"),
    ("approver", "who approved; several with `;`"),
    ("approved_at", "when"),
    (
        "approval_channel",
        "jit-tool, itsm, chat, email, verbal, auto-policy, …",
    ),
    ("approvals_required", "how many people must approve"),
    ("requested_at", "when it was asked for"),
    ("not_before", "the planned start"),
    ("issued_at", "when access was given"),
    ("expires_at", "when it is to end; `never` for no end"),
    (
        "duration",
        "how long: 4h, PT4H, or minutes as a bare number",
    ),
    ("ended_at", "when it ended"),
    ("ended_by", "who ended it"),
    (
        "end_cause",
        "expiry, handed_back, task_complete, revoked, external or failed",
    ),
    (
        "status",
        "pending, denied, withdrawn, issued, ended, revoked or revoke-failed",
    ),
    ("used_at", "when it was used"),
    ("break_glass", "true or false"),
    ("incident", "the incident it belongs to"),
    ("reviewer", "who reviewed it afterwards"),
    ("reviewed_at", "when"),
    ("review_outcome", "what the review came to"),
    ("renews", "the id of the request it renews"),
];

/// What columns or members mean.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Map {
    pub(super) source: Option<String>,
    namespace: Option<String>,
    utc_offset: Option<String>,
    time_format: Option<String>,
    pub(super) columns: BTreeMap<String, String>,
    pub(super) constants: BTreeMap<String, String>,
    #[serde(skip)]
    offset: Option<Offset>,
}

/// A map that cannot be used.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct MapError(String);

impl Map {
    /// Reads a map.
    ///
    /// # Errors
    /// What is wrong, with its place.
    pub fn parse(text: &str) -> Result<Self, MapError> {
        let mut map: Map =
            serde_saphyr::from_str(text).map_err(|error| MapError(error.to_string()))?;
        for name in map.columns.keys().chain(map.constants.keys()) {
            if !FIELDS.iter().any(|(field, _)| field == name) && !name.starts_with("scope.") {
                let all: Vec<&str> = FIELDS.iter().map(|(field, _)| *field).collect();
                return Err(MapError(format!(
                    "`{name}` is no field; expected `scope.…` or one of {}",
                    all.join(", ")
                )));
            }
        }
        if !map.columns.contains_key("id") {
            return Err(MapError(
                "`columns` must say which one is the `id` of a request".to_owned(),
            ));
        }
        if let Some(text) = &map.utc_offset {
            let offset = offset(text).ok_or_else(|| {
                MapError(format!(
                    "`utc_offset: {text}` is no offset; write it like \"+01:00\""
                ))
            })?;
            map.offset = Some(offset);
        }
        Ok(map)
    }

    /// Columns that have our names.
    pub(super) fn of_our_names(columns: &[String]) -> Self {
        let ours = |name: &&String| {
            name.starts_with("scope.") || FIELDS.iter().any(|(field, _)| *field == name.as_str())
        };
        Map {
            columns: columns
                .iter()
                .filter(ours)
                .map(|name| (name.clone(), name.clone()))
                .collect(),
            ..Map::default()
        }
    }

    pub(super) fn tells(&self, field: &str) -> bool {
        self.columns.contains_key(field) || self.constants.contains_key(field)
    }

    pub(super) fn time(&self, text: &str) -> Option<Timestamp> {
        if let Some(time) = instant(text) {
            return Some(time);
        }
        let local = match &self.time_format {
            Some(format) => jiff::civil::DateTime::strptime(format, text).ok(),
            None => text.trim().parse().ok(),
        };
        self.offset.unwrap_or(Offset::UTC).to_timestamp(local?).ok()
    }

    pub(super) fn party(&self, text: &str) -> Party {
        let text = text.trim();
        if let Some((ns, id)) = text.split_once(':').filter(|(ns, _)| !ns.contains('@'))
            && self.namespace.is_none()
            && !ns.is_empty()
        {
            return Party::new(ns, id);
        }
        match &self.namespace {
            _ if text.contains('@') => Party::mail(text),
            Some(namespace) => Party::new(namespace.as_str(), text),
            None => Party::new("", text),
        }
    }
}

/// Reads `+01:00`, `-05:30` or `Z`.
fn offset(text: &str) -> Option<Offset> {
    let text = text.trim();
    if matches!(text, "Z" | "UTC") {
        return Some(Offset::UTC);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let valid = (0..=14).contains(&hours) && (0..60).contains(&minutes);
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60))
        .ok()
        .filter(|_| valid)
}

/// The fields a map may name and what they mean, one a line.
pub fn fields() -> String {
    FIELDS
        .iter()
        .map(|(name, meaning)| format!("  {name:<20} {meaning}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_checked_when_it_is_read() {
        let table = [
            ("columns: {id: A, requestor: B}", "`requestor` is no field"),
            ("columns: {requester: B}", "must say which one is the `id`"),
            ("columns: {id: A}\nutc_offset: Mars/Base", "no offset"),
            ("colums: {id: A}", "colums"),
        ];
        for (text, expected) in table {
            let error = Map::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn times_without_an_offset_are_local() {
        let map = Map::parse("columns: {id: A}\ntime_format: '%d.%m.%Y %H:%M'").unwrap();
        let time = map.time("22.11.2026 08:30").unwrap();
        assert_eq!(time.to_string(), "2026-11-22T08:30:00Z");
        assert_eq!(
            map.time("2026-11-22T08:30:00+01:00").unwrap().to_string(),
            "2026-11-22T07:30:00Z"
        );
        assert_eq!(map.time("yesterday"), None);
        let map = Map::parse("columns: {id: A}\nutc_offset: \"+01:30\"").unwrap();
        assert_eq!(
            map.time("2026-11-22T08:30").unwrap().to_string(),
            "2026-11-22T07:00:00Z"
        );
    }
}
