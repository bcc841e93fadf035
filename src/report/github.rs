//! What a step of GitHub Actions prints: annotations on the lines of a change, and the
//! step's outputs.
//!
//! Annotations are workflow commands (GitHub's documentation, "Workflow commands for
//! GitHub Actions"): `::error file=…,line=…::text`. GitHub keeps ten errors, ten
//! warnings and ten notices of a step and fifty annotations of a job, and drops the
//! others without a word, so what does not fit is counted here.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::text::{count, shorten, visible};
use super::{Outcome, RenderOptions, Summary, Weight};
use crate::model::{Finding, Location, Severity, Sym};

/// Annotations of one level GitHub keeps of a step.
const KEPT: usize = 10;
/// Longest text of an annotation. GitHub names no limit; this is what a reader reads.
const TEXT: usize = 1_000;
/// Longest title.
const TITLE: usize = 200;

/// Annotations: first of all what gates, worst first. The last warning and the last
/// notice are kept for what could not be seen and for what does not fit.
pub fn annotations(outcome: &Outcome, options: &RenderOptions) -> String {
    let mut out = String::new();
    let (mut errors, mut warnings, mut notices) = (0, 0, 0);
    let mut left = 0;
    let gating = outcome.open().filter(|found| outcome.is_gated(found));
    for finding in gating {
        // Past ten errors the next worst are shown as warnings rather than not at all.
        let grave = finding.severity >= Severity::High;
        let level = if grave && errors < KEPT {
            errors += 1;
            "error"
        } else if warnings < KEPT - 1 {
            warnings += 1;
            "warning"
        } else {
            left += 1;
            continue;
        };
        command(&mut out, level, finding, options);
    }
    // Without a baseline, what does not gate is still news on the lines it stands on.
    let placed = outcome.open().filter(|found| {
        !outcome.is_gated(found) && found.location.is_some() && outcome.changes.is_none()
    });
    for finding in placed {
        if notices < KEPT - 1 {
            notices += 1;
            command(&mut out, "notice", finding, options);
        } else {
            left += 1;
        }
    }
    let summary = Summary::of(outcome);
    if summary.gaps > 0 {
        let what = if summary.gaps == 1 {
            "1 kind of fact"
        } else {
            &format!("{} kinds of fact", summary.gaps)
        };
        // Writing to a string cannot fail; results are dropped throughout.
        let _ = writeln!(
            out,
            "::warning title=Tenure could not see everything::{what} that verdicts depend on \
             could not be seen, and what was not seen was not judged. The job summary names them."
        );
    }
    if left > 0 {
        let _ = writeln!(
            out,
            "::notice title=More findings::{} beyond those annotated; the job summary lists them.",
            count(left, "finding")
        );
    }
    out
}

fn command(out: &mut String, level: &str, finding: &Finding, options: &RenderOptions) {
    let mut properties = Vec::new();
    if let Some(place) = &finding.location
        && let Some(file) = relative(&place.file, options.base_dir.as_deref())
    {
        properties.push(format!("file={}", property(file)));
        properties.extend(span(place));
    }
    let title = format!(
        "{} {} ({})",
        finding.rule,
        finding.name.replace('-', " "),
        finding.severity
    );
    properties.push(format!("title={}", property(&shorten(&title, TITLE))));
    let mut text = finding.message.trim().to_owned();
    let fix = finding.fix.trim();
    if !fix.is_empty() {
        text = format!("{text}\n\nFix: {fix}");
    }
    let _ = writeln!(out, "::{level} {}::{}", properties.join(","), data(&text));
}

/// Lines, and columns where the span is of one line: GitHub ignores them otherwise.
fn span(place: &Location) -> Vec<String> {
    let line = place.line.max(1);
    let end = place.end_line.max(line);
    let mut all = vec![format!("line={line}"), format!("endLine={end}")];
    if end == line {
        let column = place.column.max(1);
        // The last character, not the one after it.
        let last = place.end_column.saturating_sub(1).max(column);
        all.push(format!("col={column}"));
        all.push(format!("endColumn={last}"));
    }
    all
}

/// The file from the root of the repository, where it lies in it.
fn relative<'a>(file: &'a str, base: Option<&str>) -> Option<&'a str> {
    let inside = base
        .and_then(|base| file.strip_prefix(base))
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(file);
    let inside = inside.trim_start_matches("./");
    let outside = inside.is_empty()
        || inside.starts_with('/')
        || inside.get(1..3) == Some(":/")
        || inside.split('/').any(|part| part == "..");
    (!outside).then_some(inside)
}

/// The text of a command. Its own line feeds are kept as escapes; every other
/// character that acts on a display is made visible.
fn data(text: &str) -> String {
    let lines: Vec<String> = shorten(text, TEXT)
        .lines()
        .map(|line| visible(line).replace('%', "%25"))
        .collect();
    lines.join("%0A")
}

/// The value of a property, which ends at a comma or two colons.
fn property(text: &str) -> String {
    visible(text)
        .replace('%', "%25")
        .replace(':', "%3A")
        .replace(',', "%2C")
}

/// Outputs of the step, one `name=value` a line, numbers all of them.
pub fn outputs(outcome: &Outcome) -> String {
    let summary = Summary::of(outcome);
    format!(
        "exit={}\nfindings={}\ngated={}\nnew={}\ngaps={}\n",
        summary.exit,
        summary.open,
        summary.gated,
        unknown(outcome),
        summary.gaps
    )
}

/// Open findings about access the baseline does not hold, or not so wide; all open
/// ones where there is no baseline.
fn unknown(outcome: &Outcome) -> usize {
    let Some(changes) = &outcome.changes else {
        return outcome.open().count();
    };
    let mut kinds: BTreeSet<Sym> = changes
        .items
        .iter()
        .filter(|change| change.weight == Weight::Gate)
        .map(|change| change.kind)
        .collect();
    kinds.insert(Sym::new("acceptance-expired"));
    outcome
        .open()
        .filter(|finding| finding.drift.is_some_and(|drift| kinds.contains(&drift)))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_end_a_command() {
        assert_eq!(data("50 %\n::error::x\r"), "50 %25%0A::error::x\\r");
        assert_eq!(property("a,b::c\n%"), "a%2Cb%3A%3Ac\\n%25");
    }

    #[test]
    fn only_files_of_the_repository_are_named() {
        assert_eq!(relative("./iam/a.json", None), Some("iam/a.json"));
        assert_eq!(relative("/w/r/a.json", Some("/w/r")), Some("a.json"));
        assert_eq!(relative("/w/rx/a.json", Some("/w/r")), None);
        assert_eq!(relative("../a.json", None), None);
    }
}
