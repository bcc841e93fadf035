//! Comma-separated values (RFC 4180) for spreadsheets.

use super::Outcome;
use super::text::visible;

const HEADER: [&str; 19] = [
    "id",
    "severity",
    "rule",
    "name",
    "system",
    "tenant",
    "subject_kind",
    "subject_name",
    "subject_id",
    "tier",
    "activation",
    "drift",
    "gates",
    "message",
    "fix",
    "location",
    "exception",
    "exception_owner",
    "exception_expires",
];

/// Renders one row per finding.
pub fn render(outcome: &Outcome) -> String {
    let mut out = String::new();
    row(&mut out, HEADER.map(str::to_owned));
    for finding in &outcome.findings {
        let accepted = finding.suppressed.as_ref();
        let place = finding
            .location
            .as_ref()
            .map(|at| format!("{}:{}:{}", at.file, at.line, at.column));
        row(
            &mut out,
            [
                finding.id.to_string(),
                finding.severity.to_string(),
                finding.rule.to_string(),
                finding.name.to_string(),
                finding.system.to_string(),
                finding.tenant.to_string(),
                finding.subject.kind.to_string(),
                finding.subject.name.to_string(),
                finding.subject.id.to_string(),
                finding.tier.as_str().to_owned(),
                finding
                    .activation
                    .map_or(String::new(), |it| it.as_str().to_owned()),
                finding.drift.map_or(String::new(), |it| it.to_string()),
                outcome.is_gated(finding).to_string(),
                finding.message.to_string(),
                finding.fix.trim().to_owned(),
                place.unwrap_or_default(),
                accepted.map_or(String::new(), |note| note.exception.to_string()),
                accepted.map_or(String::new(), |note| note.owner.to_string()),
                accepted
                    .and_then(|note| note.expires)
                    .map_or(String::new(), |day| day.to_string()),
            ],
        );
    }
    out
}

fn row(out: &mut String, cells: [String; HEADER.len()]) {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push('"');
        out.push_str(&guarded(cell));
        out.push('"');
    }
    out.push_str("\r\n");
}

/// A cell no spreadsheet takes for a formula: one that starts like one gets an
/// apostrophe before it (OWASP, "CSV Injection").
fn guarded(cell: &str) -> String {
    let cell = visible(cell).replace('"', "\"\"");
    let first = cell.trim_start().chars().next();
    let formula = matches!(
        first,
        Some('=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}')
    );
    if formula { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text() {
        assert_eq!(guarded("=1+1"), "'=1+1");
        assert_eq!(guarded(" @SUM(A1)"), "' @SUM(A1)");
        assert_eq!(guarded("a \"b\""), "a \"\"b\"\"");
        assert_eq!(guarded("a\r\nb"), r"a\r\nb");
    }
}
