//! The terminal report.
//!
//! Findings grouped by whom they are about, worst first, each with what, why, fix
//! and place; then what changed, what was accepted, what could not be seen, and what
//! the exit code means. Colour only repeats what a word says.

use std::fmt::Write;

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width};
use rustc_hash::{FxHashMap, FxHashSet};

use super::outcome::coverage_word;
use super::text::{count, shorten, shorten_middle, thousands, visible, wrap};
use super::{ExceptionState, Outcome, RenderOptions, Summary, VERSION, Weight};
use crate::model::{Coverage, Finding, Gate, Identity, Severity, Sym, System};

/// From this width on, what to do stands beside what is wrong.
const WIDE: usize = 110;
/// Narrower terminals get this width and break lines themselves.
const NARROWEST: usize = 40;
/// Columns for severity and rule.
const LABEL: usize = 11;
/// A name longer than this is cut in its middle; the JSON report has all of it.
const LONGEST_NAME: usize = 240;
/// A text longer than this is cut.
const LONGEST_TEXT: usize = 2_000;

/// Renders the table.
pub fn render(outcome: &Outcome, options: &RenderOptions) -> String {
    let page = Page {
        outcome,
        width: options.width.max(NARROWEST),
        color: options.color,
        identities: outcome
            .inventory
            .identities
            .iter()
            .map(|who| ((who.system, who.tenant, who.id), who))
            .collect(),
        why: outcome
            .rules
            .iter()
            .map(|card| (Sym::new(&card.id), card.why.as_str()))
            .collect(),
    };
    let mut out = String::new();
    page.head(&mut out);
    page.findings(&mut out, options.limit.unwrap_or(usize::MAX));
    page.tail(&mut out);
    out
}

struct Page<'a> {
    outcome: &'a Outcome,
    width: usize,
    color: bool,
    identities: FxHashMap<(System, Sym, Sym), &'a Identity>,
    why: FxHashMap<Sym, &'a str>,
}

impl Page<'_> {
    fn head(&self, out: &mut String) {
        let targets = if self.outcome.targets.is_empty() {
            "no target".to_owned()
        } else {
            visible(&self.outcome.targets.join(", ")).into_owned()
        };
        let line = format!("Tenure {VERSION} · {targets} · {:.0}", self.outcome.now);
        self.paragraph(out, &line, 0, Paint::Bold);
        for notice in &self.outcome.notices {
            self.paragraph(out, &format!("! {}", visible(notice)), 0, Paint::Warn);
        }
        out.push('\n');
    }

    fn findings(&self, out: &mut String, limit: usize) {
        let mut groups: Vec<Vec<&Finding>> = Vec::new();
        let mut places: FxHashMap<(System, Sym, Sym), usize> = FxHashMap::default();
        let listed = self.listed(limit);
        for finding in self.outcome.open().filter(|it| listed.contains(&it.id)) {
            let key = (finding.system, finding.tenant, finding.subject.id);
            let at = *places.entry(key).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[at].push(finding);
        }
        for group in &groups {
            self.group(out, group);
        }
        let left: Vec<&Finding> = self
            .outcome
            .open()
            .filter(|finding| !listed.contains(&finding.id))
            .collect();
        if left.is_empty() {
            return;
        }
        let gating = left.iter().filter(|it| self.outcome.is_gated(it)).count();
        let (gates, paint) = match gating {
            0 => ("none of them gates".to_owned(), Paint::Plain),
            1 => ("1 of them gates".to_owned(), Paint::Warn),
            n => (format!("{} of them gate", thousands(n)), Paint::Warn),
        };
        let line = format!(
            "… and {}; {gates}. `--all` lists them here; `-o html=FILE` and `-o json=FILE` \
             hold all of them.",
            count(left.len(), "more finding")
        );
        self.paragraph(out, &line, 0, paint);
        out.push('\n');
    }

    /// The ids of the findings to list: what gates before what does not, each worst
    /// first.
    fn listed(&self, limit: usize) -> FxHashSet<Sym> {
        let gating = self.outcome.open().filter(|it| self.outcome.is_gated(it));
        let other = self.outcome.open().filter(|it| !self.outcome.is_gated(it));
        gating
            .chain(other)
            .take(limit)
            .map(|finding| finding.id)
            .collect()
    }

    /// One identity and what was found about it.
    fn group(&self, out: &mut String, findings: &[&Finding]) {
        let Some(first) = findings.first() else {
            return;
        };
        let subject = &first.subject;
        let name = |text: &str| shorten_middle(&visible(text), LONGEST_NAME).into_owned();
        let mut line = format!(
            "{} · {} · {} {}",
            name(&subject.name),
            visible(&subject.kind),
            first.system,
            name(&first.tenant)
        );
        let who = self
            .identities
            .get(&(first.system, first.tenant, subject.id));
        if let Some(who) = who {
            match who.owner {
                Some(owner) => {
                    let _ = write!(line, " · owner {}", name(&owner));
                }
                None => line.push_str(" · no owner"),
            }
        }
        self.paragraph(out, &line, 0, Paint::Bold);
        if subject.id != subject.name {
            self.paragraph(out, &name(&subject.id), 0, Paint::Dim);
        }
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(self.width).unwrap_or(u16::MAX));
        if self.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        for (at, finding) in findings.iter().enumerate() {
            if at > 0 {
                table.add_row([""]);
            }
            table.add_row(self.row(finding));
        }
        let fixed = |columns: usize| {
            ColumnConstraint::Absolute(Width::Fixed(u16::try_from(columns).unwrap_or(u16::MAX)))
        };
        let (what, todo) = self.columns();
        if todo > 0 {
            table.set_constraints([fixed(LABEL), fixed(what), fixed(todo)]);
        } else {
            table.set_constraints([fixed(LABEL), fixed(what)]);
        }
        for line in table.lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push('\n');
    }

    /// Widths of the columns beside the label, padding included: what is wrong, and
    /// what to do where that has a column of its own.
    fn columns(&self) -> (usize, usize) {
        let rest = self.width - LABEL;
        if self.width >= WIDE {
            (rest - rest / 2, rest / 2)
        } else {
            (rest, 0)
        }
    }

    fn row(&self, finding: &Finding) -> Vec<Cell> {
        let word = finding.severity.as_str().to_uppercase();
        let mut label = Cell::new(format!("{word}\n{}", visible(&finding.rule)));
        if self.color {
            label = label
                .fg(color_of(finding.severity))
                .add_attribute(Attribute::Bold);
        }
        let (what, todo) = self.columns();
        let mut left = Lines::new(what);
        left.add("", &finding.message);
        if let Some(drift) = finding.drift {
            let gates = if self.outcome.is_gated(finding) {
                ", gates"
            } else {
                ""
            };
            left.add("now", &format!("{}{gates}", drift.replace('-', " ")));
        }
        if let Some(why) = self.why.get(&finding.rule) {
            left.add("why", why);
        }
        for (at, step) in finding.steps.iter().enumerate() {
            let gate = match step.gate {
                Gate::None => "",
                Gate::Proved => " (gated)",
                Gate::Unproved => " (gate unproved)",
                Gate::Unknown => " (gate not seen)",
            };
            left.add(
                &format!("{:>3}", at + 1),
                &format!("{} → {} → {}{gate}", step.from, step.action, step.to),
            );
        }
        let mut right = if todo > 0 {
            Lines::new(todo)
        } else {
            Lines::new(what)
        };
        right.add("fix", &finding.fix);
        if let Some(place) = &finding.location {
            right.add(
                "at",
                &format!("{}:{}:{}", place.file, place.line, place.column),
            );
        }
        if todo > 0 {
            vec![label, Cell::new(left.text()), Cell::new(right.text())]
        } else {
            left.lines.append(&mut right.lines);
            vec![label, Cell::new(left.text())]
        }
    }

    fn tail(&self, out: &mut String) {
        let summary = Summary::of(self.outcome);
        let mut line = if summary.open == 0 {
            "No open finding".to_owned()
        } else {
            format!(
                "{}: {}",
                count(summary.open, "finding"),
                summary.severities()
            )
        };
        if summary.suppressed > 0 {
            let _ = write!(line, " · {} accepted", summary.suppressed);
        }
        self.paragraph(out, &line, 0, Paint::Bold);
        self.changes(out);
        self.exceptions(out);
        let gaps: Vec<&Coverage> = self.outcome.gaps().collect();
        if !gaps.is_empty() {
            let line = format!("Not seen, so not judged ({}):", gaps.len());
            self.paragraph(out, &line, 0, Paint::Warn);
            let (rules, kinds): (Vec<&Coverage>, Vec<&Coverage>) =
                gaps.into_iter().partition(|gap| rule_of(gap).is_some());
            for gap in kinds {
                let line = format!(
                    "{} {} · {} · {}: {}",
                    gap.system,
                    visible(&gap.tenant),
                    visible(&gap.kind),
                    coverage_word(gap),
                    visible(&gap.reason)
                );
                self.paragraph(out, &line, 2, Paint::Plain);
                if let Some(remedy) = &gap.remedy {
                    self.paragraph(out, &format!("→ {}", visible(remedy)), 4, Paint::Plain);
                }
            }
            self.unjudged(out, &rules);
        }
        let line = format!("Exit {}: {}", summary.exit, summary.verdict());
        let paint = match summary.exit {
            0 => Paint::Good,
            3 => Paint::Warn,
            _ => Paint::Bad,
        };
        self.paragraph(out, &line, 0, paint);
    }

    /// Rules that could not be judged, those with one cause on one line.
    fn unjudged(&self, out: &mut String, gaps: &[&Coverage]) {
        let mut causes: Vec<(System, Sym, &str, Vec<&str>)> = Vec::new();
        for gap in gaps {
            let Some(rule) = rule_of(gap) else { continue };
            let cause = gap
                .reason
                .split_once("; ")
                .map_or(&*gap.reason, |(_, cause)| cause);
            match causes.iter_mut().find(|(system, tenant, known, _)| {
                (*system, *tenant, *known) == (gap.system, gap.tenant, cause)
            }) {
                Some((.., rules)) => rules.push(rule),
                None => causes.push((gap.system, gap.tenant, cause, vec![rule])),
            }
        }
        for (system, tenant, cause, rules) in causes {
            let line = format!(
                "{system} {} · {} not judged ({}): {}",
                visible(&tenant),
                count(rules.len(), "rule"),
                rules.join(", "),
                visible(cause)
            );
            self.paragraph(out, &line, 2, Paint::Plain);
        }
    }

    /// One line: how many changes of each kind, gating ones first.
    fn changes(&self, out: &mut String) {
        let Some(changes) = &self.outcome.changes else {
            return;
        };
        let mut kinds: Vec<(Weight, Sym, usize)> = Vec::new();
        for change in &changes.items {
            match kinds.iter_mut().find(|(_, kind, _)| *kind == change.kind) {
                Some((weight, _, n)) => {
                    *n += 1;
                    *weight = (*weight).max(change.weight);
                }
                None => kinds.push((change.weight, change.kind, 1)),
            }
        }
        kinds.sort_by_key(|&(weight, kind, _)| (std::cmp::Reverse(weight), kind));
        let words: Vec<String> = kinds
            .iter()
            .map(|(_, kind, n)| format!("{n} {}", visible(&kind.replace('-', " "))))
            .collect();
        let what = if words.is_empty() {
            "nothing changed".to_owned()
        } else {
            words.join(", ")
        };
        let line = format!("Since {}: {what}", visible(&changes.baseline));
        self.paragraph(out, &line, 0, Paint::Plain);
    }

    /// Exceptions somebody must look after.
    fn exceptions(&self, out: &mut String) {
        for note in &self.outcome.exceptions {
            let what = match note.state {
                ExceptionState::Used => match note.days_left(self.outcome.now) {
                    Some(left @ 0..=14) => format!("ends in {left} d"),
                    _ => continue,
                },
                ExceptionState::Unused => "matches nothing".to_owned(),
                ExceptionState::Expired => "has run out; its findings are back".to_owned(),
                ExceptionState::Void => "no longer applies: the access has widened".to_owned(),
            };
            let line = format!(
                "! exception {} (owner {}) {what}",
                visible(&note.id),
                visible(&note.owner)
            );
            self.paragraph(out, &line, 0, Paint::Warn);
        }
    }

    /// Writes `text` broken into lines, each behind `indent` spaces.
    fn paragraph(&self, out: &mut String, text: &str, indent: usize, paint: Paint) {
        let code = if self.color { paint.code() } else { "" };
        for (at, line) in wrap(text, self.width.saturating_sub(indent + 2))
            .into_iter()
            .enumerate()
        {
            let indent = if at == 0 { indent } else { indent + 2 };
            let _ = write!(out, "{:indent$}", "");
            if code.is_empty() {
                out.push_str(&line);
            } else {
                let _ = write!(out, "\x1b[{code}m{line}\x1b[0m");
            }
            out.push('\n');
        }
    }
}

/// How a line of text outside the table is shown.
#[derive(Clone, Copy)]
enum Paint {
    Plain,
    Bold,
    Dim,
    Good,
    Warn,
    Bad,
}

impl Paint {
    /// Parameters of the SGR sequence (ECMA-48, 8.3.117).
    fn code(self) -> &'static str {
        match self {
            Paint::Plain => "",
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Good => "1;32",
            Paint::Warn => "1;33",
            Paint::Bad => "1;31",
        }
    }
}

fn color_of(severity: Severity) -> Color {
    match severity {
        Severity::Critical => Color::Magenta,
        Severity::High => Color::Red,
        Severity::Medium => Color::Yellow,
        Severity::Low => Color::Blue,
        Severity::Info => Color::Grey,
    }
}

/// The lines of a cell, broken by us so that what continues a part stands under it.
struct Lines {
    width: usize,
    lines: Vec<String>,
}

impl Lines {
    /// For a column of `width`, padding included.
    fn new(width: usize) -> Self {
        Lines {
            width: width.saturating_sub(2),
            lines: Vec::new(),
        }
    }

    /// Adds `text` behind a label. Lines of its own stay lines; each is made safe.
    fn add(&mut self, label: &str, text: &str) {
        let indent = if label.is_empty() { 0 } else { 5 };
        let text = shorten(text.trim(), LONGEST_TEXT);
        for (at, line) in text.lines().enumerate() {
            for (part, line) in wrap(&visible(line), self.width.saturating_sub(indent))
                .into_iter()
                .enumerate()
            {
                let label = if (at, part) == (0, 0) { label } else { "" };
                self.lines.push(format!("{label:indent$}{line}"));
            }
        }
    }

    fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// The rule a gap speaks of, where it is a rule that could not be judged.
fn rule_of(gap: &Coverage) -> Option<&'static str> {
    gap.kind.as_str().strip_prefix("rule:")
}
