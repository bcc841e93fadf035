//! One finding as a page: why, the way, the evidence's own lines, the fix.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::text::{visible, wrap};
use super::{Outcome, RenderOptions};
use crate::model::{Evidence, Finding, Gate, Location, Severity};

/// Lines of a long span that are quoted; the rest is counted.
const LINES: usize = 8;
/// Widest line quoted.
const WIDEST: usize = 400;

/// Renders the page of a finding. `read` gives the text of a file by the name the
/// scan knows it by, where it can still be read; without it the evidence is named but
/// not quoted.
pub fn explain(
    outcome: &Outcome,
    finding: &Finding,
    options: &RenderOptions,
    read: &dyn Fn(&str) -> Option<String>,
) -> String {
    let mut page = Page {
        out: String::new(),
        width: options.width.max(40),
        color: options.color,
    };
    let card = outcome.rule(finding.rule);
    let head = format!(
        "{} {} {}",
        finding.severity.as_str().to_uppercase(),
        visible(&finding.rule),
        visible(&finding.name)
    );
    page.line(&head, tone(finding.severity));
    page.text("", &finding.message);
    page.blank();
    page.text(
        "who",
        &format!("{} ({})", finding.subject.name, finding.subject.kind),
    );
    if finding.subject.id != finding.subject.name {
        page.text("id", &finding.subject.id);
    }
    page.text("in", &format!("{} {}", finding.system, finding.tenant));
    page.text("tier", finding.tier.as_str());
    if let Some(activation) = finding.activation {
        page.text("is", activation.as_str());
    }
    if let Some(drift) = finding.drift {
        page.text("now", &drift.replace('-', " "));
    }
    page.text("finding", &finding.id);
    if let Some(card) = card.filter(|card| !card.why.is_empty()) {
        page.title("Why it matters");
        page.text("", &card.why);
    }
    if !finding.steps.is_empty() {
        page.title("The way");
        for (at, step) in finding.steps.iter().enumerate() {
            let gate = match step.gate {
                Gate::None => "",
                Gate::Proved => " (behind a proved gate)",
                Gate::Unproved => " (behind a gate nothing proves)",
                Gate::Unknown => " (behind what could not be seen)",
            };
            page.text(
                &format!("{}.", at + 1),
                &format!("{} → {} → {}{gate}", step.from, step.action, step.to),
            );
        }
    }
    let steps = finding.steps.iter().flat_map(|step| &step.evidence);
    let evidence: Vec<&Evidence> = finding.evidence.iter().chain(steps).collect();
    if !evidence.is_empty() || finding.location.is_some() {
        page.title("Evidence");
    }
    if let Some(place) = &finding.location
        && evidence
            .iter()
            .all(|it| it.location.as_ref() != Some(place))
    {
        page.quote(place, "this is what it is about", read);
    }
    for shown in evidence {
        page.evidence(shown, read);
    }
    if !finding.fix.trim().is_empty() {
        page.title("Fix");
        for line in finding.fix.trim().lines() {
            page.line(&format!("  {}", visible(line)), "");
        }
    }
    if let Some(note) = &finding.suppressed {
        page.title("Accepted");
        page.text("", &note.reason);
        page.text("by", &format!("{} ({})", note.owner, note.exception));
        if let Some(day) = note.expires {
            page.text("until", &day.to_string());
        }
    }
    if let Some(card) = card.filter(|card| !card.references.is_empty()) {
        page.title("References");
        for reference in &card.references {
            page.text(
                "",
                &format!(
                    "{} {} {}: {}",
                    reference.standard, reference.version, reference.id, reference.name
                ),
            );
            // Whole, so that a terminal can open it.
            if let Some(url) = &reference.url {
                page.line(&format!("    {}", visible(url)), "");
            }
        }
    }
    page.out
}

fn tone(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "1;35",
        Severity::High => "1;31",
        Severity::Medium => "1;33",
        Severity::Low => "1;34",
        Severity::Info => "1",
    }
}

struct Page {
    out: String,
    width: usize,
    color: bool,
}

impl Page {
    fn blank(&mut self) {
        self.out.push('\n');
    }

    fn line(&mut self, text: &str, tone: &str) {
        if self.color && !tone.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(self.out, "\x1b[{tone}m{text}\x1b[0m");
        } else {
            let _ = writeln!(self.out, "{text}");
        }
    }

    fn title(&mut self, text: &str) {
        self.blank();
        self.line(text, "1");
    }

    /// A text behind a label, broken into lines under each other.
    fn text(&mut self, label: &str, text: &str) {
        let indent = if label.is_empty() { 2 } else { 10 };
        let lines = wrap(&visible(text), self.width.saturating_sub(indent));
        for (at, line) in lines.iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            let labelled = format!("  {label}");
            let _ = writeln!(self.out, "{labelled:indent$}{line}");
        }
    }

    fn evidence(&mut self, shown: &Evidence, read: &dyn Fn(&str) -> Option<String>) {
        let what = if shown.source.is_empty() {
            shown.what.to_string()
        } else {
            format!("{} ({})", shown.what, shown.source)
        };
        match &shown.location {
            Some(place) => self.quote(place, &what, read),
            None => {
                self.text("", &what);
                if let Some(excerpt) = &shown.excerpt {
                    self.text("|", excerpt);
                }
            }
        }
    }

    /// The lines of a place with a caret under what is meant.
    fn quote(&mut self, place: &Location, what: &str, read: &dyn Fn(&str) -> Option<String>) {
        let first = place.line.max(1) as usize;
        let last = (place.end_line as usize).max(first);
        let digits = last.to_string().len();
        let at = format!("{}:{}:{}", visible(&place.file), place.line, place.column);
        let _ = writeln!(self.out, "  {:digits$}--> {at}", "");
        let text = read(&place.file);
        let lines: Vec<&str> = text
            .iter()
            .flat_map(|text| text.lines())
            .skip(first - 1)
            .take((last - first + 1).min(LINES))
            .collect();
        if lines.is_empty() {
            self.text("", what);
            return;
        }
        let _ = writeln!(self.out, "  {:digits$} |", "");
        for (number, line) in (first..).zip(&lines) {
            let chars: Vec<char> = line.chars().take(WIDEST).collect();
            let (before, meant) = split(&chars, place, number, last);
            let tail: String = chars[before.len() + meant.len()..].iter().collect();
            let (before, meant): (String, String) =
                (before.iter().collect(), meant.iter().collect());
            // Tabs would move the caret.
            let [before, meant, tail] =
                [before, meant, tail].map(|part| visible(&part.replace('\t', "    ")).into_owned());
            let _ = writeln!(self.out, "  {number:digits$} | {before}{meant}{tail}");
            let carets = "^".repeat(meant.width().max(1));
            let _ = write!(
                self.out,
                "  {:digits$} | {:indent$}",
                "",
                "",
                indent = before.width()
            );
            let label = if number == first + lines.len() - 1 {
                format!("{carets} {}", visible(what))
            } else {
                carets
            };
            self.line(&label, "1;31");
        }
        let left = (last - first + 1).saturating_sub(lines.len());
        if left > 0 {
            let _ = writeln!(self.out, "  {:digits$} | … {left} more", "");
        }
    }
}

/// What of a line stands before a place and what is in it.
fn split<'a>(
    line: &'a [char],
    place: &Location,
    number: usize,
    last: usize,
) -> (&'a [char], &'a [char]) {
    let indent = line.iter().take_while(|c| c.is_whitespace()).count();
    let from = if number == place.line.max(1) as usize {
        (place.column.max(1) as usize - 1).min(line.len())
    } else {
        indent
    };
    let to = if number == last {
        (place.end_column.max(1) as usize - 1).clamp(from, line.len())
    } else {
        line.len()
    };
    (&line[..from], &line[from..to])
}
