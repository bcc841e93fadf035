//! Values of arguments, read from text.

use jiff::Timestamp;

use crate::model::{Severity, System};

pub(super) fn severity(text: &str) -> Result<Severity, String> {
    text.parse()
}

pub(super) fn system(text: &str) -> Result<System, String> {
    match text {
        "k8s" => Ok(System::Kubernetes),
        "jit" => Err("it is read from a ledger; it is no system to connect to".into()),
        _ => text
            .parse()
            .map_err(|_| "expected aws, github, kubernetes or vault".into()),
    }
}

/// A moment: RFC 3339, or a date or date-time without offset taken as UTC.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    text.parse::<jiff::civil::DateTime>()
        .ok()
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|time| time.timestamp())
        .ok_or_else(|| {
            format!("`{text}` is not a time; write it like 2026-11-22T08:00:00Z or 2026-11-22")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_without_offset_are_utc() {
        let full: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        assert_eq!(moment("2026-11-22"), Ok(full));
        assert_eq!(moment("2026-11-22T00:00:00Z"), Ok(full));
        assert!(moment("yesterday").is_err());
    }
}
