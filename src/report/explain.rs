//! One finding as a page: why, the way, the evidence's own lines, the fix.

use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

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
    let mut evidence: Vec<&Evidence> = Vec::new();
    for shown in finding.evidence.iter().chain(steps) {
        // What shows a finding often shows its first step too.
        if !evidence.contains(&shown) {
            evidence.push(shown);
        }
    }
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
        let lines: Vec<String> = text
            .iter()
            .flat_map(|text| text.lines())
            .skip(first - 1)
            .take(quoted(last - first + 1))
            .map(|line| line.chars().take(WIDEST).collect())
            .collect();
        if lines.is_empty() {
            self.text("", what);
            return;
        }
        let _ = writeln!(self.out, "  {:digits$} |", "");
        let margin = Margin {
            digits,
            room: self.width.saturating_sub(digits + 5).max(20),
        };
        match lines.as_slice() {
            [line] if first == last => self.quote_line(&margin, place, line, what),
            lines => self.quote_lines(&margin, place, lines, what),
        }
    }

    /// One line, what is meant in it over carets.
    fn quote_line(&mut self, margin: &Margin, place: &Location, line: &str, what: &str) {
        let Margin { digits, room } = *margin;
        let chars: Vec<char> = line.chars().collect();
        let from = (place.column.max(1) as usize - 1).min(chars.len());
        let to = (place.end_column.max(1) as usize - 1).clamp(from, chars.len());
        let [before, meant, tail] = [&chars[..from], &chars[from..to], &chars[to..]].map(shown);
        // Lines of data are long: the middle of one is shown around what is meant.
        let before = if before.width() > room / 2 {
            let kept: Vec<char> = before.chars().rev().take(room / 4).collect();
            format!("…{}", kept.into_iter().rev().collect::<String>())
        } else {
            before
        };
        let indent = before.width();
        let meant = cut(&meant, room.saturating_sub(indent));
        let tail = cut(&tail, room.saturating_sub(indent + meant.width()));
        let number = place.line.max(1);
        let _ = writeln!(self.out, "  {number:digits$} | {before}{meant}{tail}");
        let carets = "^".repeat(meant.width().max(1));
        self.label(margin, indent, &carets, what);
    }

    /// Several lines, tied together by a bar that ends where what is meant ends.
    fn quote_lines(&mut self, margin: &Margin, place: &Location, lines: &[String], what: &str) {
        let Margin { digits, room } = *margin;
        let first = place.line.max(1) as usize;
        let all = (place.end_line as usize).max(first) - first + 1;
        for (at, line) in lines.iter().enumerate() {
            let bar = if at == 0 { '/' } else { '|' };
            let chars: Vec<char> = line.chars().collect();
            let line = cut(&shown(&chars), room.saturating_sub(2));
            let _ = writeln!(self.out, "  {:digits$} | {bar} {line}", first + at);
        }
        let left = all - lines.len();
        if left > 0 {
            let _ = writeln!(self.out, "  {:digits$} | | … {left} more", "");
        }
        let end = match lines.last() {
            Some(line) if left == 0 => {
                let before = (place.end_column as usize).saturating_sub(2);
                shown(&line.chars().take(before).collect::<Vec<_>>()).width()
            }
            _ => 1,
        };
        let bar = format!("|{}^", "_".repeat((end + 1).min(room / 2)));
        self.label(margin, 0, &bar, what);
    }

    /// Carets with what they say, beside them where there is room, else under them.
    fn label(&mut self, margin: &Margin, indent: usize, carets: &str, what: &str) {
        let Margin { digits, room } = *margin;
        let what = visible(what);
        let beside = indent + carets.width() + 1 + what.width() <= room;
        let _ = write!(self.out, "  {:digits$} | {:indent$}", "", "");
        if beside {
            self.line(&format!("{carets} {what}"), "1;31");
            return;
        }
        self.line(carets, "1;31");
        let indent = if indent > room / 2 { 0 } else { indent };
        for line in wrap(&what, room.saturating_sub(indent)) {
            let _ = write!(self.out, "  {:digits$} | {:indent$}", "", "");
            self.line(&line, "1;31");
        }
    }
}

/// How many of so many lines are quoted. One left out would be shorter than the line
/// that says so.
fn quoted(all: usize) -> usize {
    if all <= LINES + 1 { all } else { LINES }
}

/// The margin quoted lines stand behind.
struct Margin {
    /// Of the largest line number.
    digits: usize,
    /// Columns left for the line.
    room: usize,
}

/// Characters of a document on a terminal. Tabs would move the carets.
fn shown(chars: &[char]) -> String {
    let text: String = chars.iter().collect();
    visible(&text.replace('\t', "    ")).into_owned()
}

/// As much of `text` as fits `columns`.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}
