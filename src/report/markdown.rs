//! Markdown for a CI job summary or a comment on a pull request.
//!
//! Names are untrusted twice here: Markdown would format them, and GitHub would
//! notify whomever they `@mention` and link whatever looks like an address.

use std::fmt::Write;

use super::outcome::coverage_word;
use super::text::{count, shorten, thousands, visible};
use super::{ExceptionState, Outcome, Place, RenderOptions, Summary, Weight};
use crate::model::{Finding, Location, Severity};

/// A step's summary may have 1 MiB; a longer one is dropped whole.
const SUMMARY: usize = 1_000_000;
/// A comment may have 65,536 characters.
const COMMENT: usize = 64_000;
/// Kept free for what must be said at the end.
const RESERVE: usize = 1_500;
/// Longest text of one finding.
const TEXT: usize = 400;
/// Changes and gaps listed.
const LISTED: usize = 30;

/// Renders Markdown for `place`.
pub fn render(outcome: &Outcome, place: Place, options: &RenderOptions) -> String {
    let limit = match place {
        Place::Summary => SUMMARY,
        Place::Comment => COMMENT,
    };
    let summary = Summary::of(outcome);
    let mut out = String::new();
    // Writing to a string cannot fail; results are dropped throughout.
    let sign = match summary.exit {
        0 => "✅",
        3 => "⚠️",
        _ => "❌",
    };
    if place == Place::Comment {
        // By this line whoever keeps one comment up to date finds it again.
        out.push_str("<!-- tenure -->\n");
    }
    let _ = writeln!(out, "## {sign} Tenure: {}\n", text(&summary.verdict()));
    let found = if summary.open == 0 {
        "No open finding".to_owned()
    } else {
        format!(
            "{}: {}",
            count(summary.open, "open finding"),
            summary.severities()
        )
    };
    let _ = write!(out, "{found}");
    if summary.suppressed > 0 {
        let _ = write!(out, " · {} accepted", thousands(summary.suppressed));
    }
    let _ = writeln!(
        out,
        " · {} · {}\n",
        text(&outcome.targets.join(", ")),
        outcome.now
    );
    for notice in outcome.notices.iter().take(LISTED) {
        let _ = writeln!(out, "> {}\n", text(notice));
    }
    gaps(&mut out, outcome);
    changes(&mut out, outcome);
    findings(&mut out, outcome, limit - RESERVE);
    exceptions(&mut out, outcome);
    if options.redact {
        out.push_str("\nNames are replaced by pseudonyms.\n");
    }
    // The parts above are bounded; this holds for endless ones too.
    if out.len() > limit {
        let mut end = limit - RESERVE;
        while !out.is_char_boundary(end) {
            end -= 1;
        }
        out.truncate(end);
        out.push_str("\n\n… cut here; the JSON and HTML reports hold all of it.\n");
    }
    out
}

fn gaps(out: &mut String, outcome: &Outcome) {
    let gaps: Vec<_> = outcome.gaps().collect();
    if gaps.is_empty() {
        return;
    }
    out.push_str("> [!WARNING]\n> **Incomplete.** What could not be seen was not judged:\n>\n");
    for gap in gaps.iter().take(LISTED) {
        let _ = write!(
            out,
            "> * **{}** in {} {}: {}. {}",
            text(&gap.kind),
            gap.system,
            text(&gap.tenant),
            coverage_word(gap),
            text(&gap.reason)
        );
        if let Some(remedy) = &gap.remedy {
            let _ = write!(out, " → {}", text(remedy));
        }
        out.push('\n');
    }
    if gaps.len() > LISTED {
        let _ = writeln!(out, "> * and {} more", gaps.len() - LISTED);
    }
    out.push('\n');
}

fn changes(out: &mut String, outcome: &Outcome) {
    let Some(changes) = &outcome.changes else {
        return;
    };
    let _ = writeln!(out, "### What changed since {}\n", text(&changes.baseline));
    if changes.items.is_empty() {
        out.push_str("Nothing.\n\n");
        return;
    }
    out.push_str("| Change | Who | What |\n| --- | --- | --- |\n");
    for change in changes.items.iter().take(LISTED) {
        let bold = if change.weight == Weight::Gate {
            "**"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "| {bold}{}{bold} | {} | {} |",
            text(&change.kind.replace('-', " ")),
            text(&change.subject.name),
            text(&change.what)
        );
    }
    if changes.items.len() > LISTED {
        let _ = writeln!(out, "\nand {} more", changes.items.len() - LISTED);
    }
    out.push('\n');
}

fn findings(out: &mut String, outcome: &Outcome, limit: usize) {
    // What gates comes first: it is what the reader must act on.
    let gating = outcome.open().filter(|found| outcome.is_gated(found));
    let other = outcome.open().filter(|found| !outcome.is_gated(found));
    let total = outcome.open().count();
    if total == 0 {
        return;
    }
    out.push_str("### Findings\n\n");
    for (shown, finding) in gating.chain(other).enumerate() {
        let row = row(outcome, finding);
        if out.len() + row.len() > limit {
            let _ = writeln!(
                out,
                "\n… and {} that do not fit here; the JSON and HTML reports hold all of them.",
                count(total - shown, "more finding")
            );
            return;
        }
        out.push_str(&row);
    }
}

fn row(outcome: &Outcome, finding: &Finding) -> String {
    let mut row = String::new();
    let mark = match finding.severity {
        Severity::Critical => "🟣",
        Severity::High => "🔴",
        Severity::Medium => "🟡",
        Severity::Low => "🔵",
        Severity::Info => "⚪",
    };
    let _ = write!(
        row,
        "<details><summary>{mark} <b>{}</b> {} · {}",
        finding.severity,
        text(&finding.rule),
        text(&finding.message)
    );
    if let Some(drift) = finding.drift {
        let _ = write!(row, " · <i>{}</i>", text(&drift.replace('-', " ")));
    }
    if outcome.is_gated(finding) {
        row.push_str(" · <b>gates</b>");
    }
    row.push_str("</summary>\n\n");
    let _ = writeln!(
        row,
        "{} · {} {}",
        text(&finding.subject.id),
        finding.system,
        text(&finding.tenant)
    );
    if let Some(place) = &finding.location {
        let _ = writeln!(row, "\nAt {}", text(&place_of(place)));
    }
    for (at, step) in finding.steps.iter().enumerate() {
        let _ = write!(
            row,
            "\n{}. {} → {} → {}",
            at + 1,
            text(&step.from),
            text(&step.action),
            text(&step.to)
        );
    }
    let fix = finding.fix.trim();
    if !fix.is_empty() {
        let fix = shorten(fix, 4 * TEXT);
        let lines: Vec<_> = fix.lines().map(visible).collect();
        let longest = fix.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let _ = write!(row, "\n{fence}sh\n{}\n{fence}\n", lines.join("\n"));
    }
    row.push_str("\n</details>\n");
    row
}

fn exceptions(out: &mut String, outcome: &Outcome) {
    let wanting: Vec<_> = outcome
        .exceptions
        .iter()
        .filter(|note| note.state != ExceptionState::Used)
        .collect();
    if wanting.is_empty() {
        return;
    }
    out.push_str("\n### Exceptions to look after\n\n");
    for note in wanting.iter().take(LISTED) {
        let _ = writeln!(
            out,
            "* {} (owner {}): {}",
            text(&note.id),
            text(&note.owner),
            note.state.as_str()
        );
    }
}

fn place_of(place: &Location) -> String {
    format!("{}:{}:{}", place.file, place.line, place.column)
}

/// Untrusted text as Markdown that shows it and does nothing else.
fn text(text: &str) -> String {
    let text = visible(&shorten(text.trim(), TEXT)).into_owned();
    let text = text.replace("www.", "www\u{0}.");
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            // Put there above: `visible` leaves none.
            '\0' => out.push_str("<!-- -->"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // GitHub looks for mentions, references and addresses in what was
            // rendered; a comment inside keeps it from finding them.
            '@' => out.push_str("@<!-- -->"),
            '#' => out.push_str("#<!-- -->"),
            ':' => out.push_str(":<!-- -->"),
            ',' | '/' | '-' | '.' | '\'' | '"' | '(' | ')' => out.push(c),
            c if c.is_ascii_punctuation() => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_show_and_do_nothing() {
        assert_eq!(text("a|b `c` *d*"), r"a\|b \`c\` \*d\*");
        assert_eq!(text("@octocat #1"), "@<!-- -->octocat #<!-- -->1");
        assert!(!text("https://evil.example").contains("https://"));
        assert!(!text("www.evil.example").contains("www."));
        assert_eq!(text("<b>"), "&lt;b&gt;");
    }
}
