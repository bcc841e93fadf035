//! `tenure diff --git` and `tenure diff --plan`: what a change would give.
//!
//! Both sides are judged by today's rules; what stood before is the baseline of what
//! would stand after. Findings about what did not change are left out: the question is
//! what this change does.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rustc_hash::{FxHashMap, FxHashSet};

use super::args::{DiffArgs, Global};
use super::{Exit, baseline, scan as report, settings, tell};
use crate::drift::Baseline;
use crate::model::{Coverage, FactKey, Finding, Inventory, Location, Seen, Sym, System};
use crate::report::Outcome;
use crate::report::text::visible_lines;
use crate::scan::{self, Judge};
use crate::snapshot::{self, Snapshot, git};

/// Compares two states of a repository.
pub(super) fn run_git(global: &Global, args: &DiffArgs, range: &str) -> Result<Exit> {
    let here = std::env::current_dir().context("the working directory cannot be read")?;
    let compared = git::compare(&here, range, &args.paths)?;
    let sides = Sides {
        old: &compared.old,
        new: &compared.new,
        changed: &compared.changed,
        what: range,
    };
    sides.judge(global, args)
}

/// Judges what a Terraform plan would change.
pub(super) fn run_plan(global: &Global, args: &DiffArgs, plan: &Path) -> Result<Exit> {
    let (old, new) = snapshot::plan(plan, &args.paths)?;
    let sides = Sides {
        old: &old,
        new: &new,
        changed: &BTreeMap::new(),
        what: &plan.display().to_string(),
    };
    sides.judge(global, args)
}

/// What stood and what would stand.
struct Sides<'a> {
    old: &'a Snapshot,
    new: &'a Snapshot,
    /// Changed lines by file.
    changed: &'a BTreeMap<Sym, Vec<(u32, u32)>>,
    what: &'a str,
}

impl Sides<'_> {
    fn judge(&self, global: &Global, args: &DiffArgs) -> Result<Exit> {
        let config = settings::config(global)?;
        let now = settings::now(global);
        let rules = settings::rules(&config, &args.rules)?;
        let reporting = &args.reporting;
        let outputs = report::outputs(reporting)?;
        let accepted = match &args.baseline {
            Some(path) => Some(baseline::read(path)?),
            None => None,
        };
        for problem in &self.new.problems {
            tell(global, &visible_lines(&problem.to_string()));
        }
        let was = scan::facts(self.old, &config, now);
        let mut is = scan::facts(self.new, &config, now);
        self.settle(&was, &mut is);

        let mut before = Baseline::of(&was);
        if let Some(accepted) = &accepted {
            accept(&mut before, accepted, &Baseline::of(&is));
        }
        let mut judge = Judge::new(&config, &rules, now);
        judge.min_severity = reporting.min_severity.unwrap_or_default();
        judge.fail_on = report::fail_on(reporting, true)?;
        judge.baseline = Some((self.what.to_owned(), before));
        let mut outcome = judge.judge(is, vec![self.what.to_owned()]);
        let gated: FxHashSet<Sym> = outcome.gated.iter().copied().collect();
        outcome.findings.retain(|finding| {
            gated.contains(&finding.id) || finding.drift.is_none_or(|drift| drift != "unchanged")
        });
        self.place(&mut outcome);
        outcome.sort();
        report::deliver(&outcome, &outputs, global, reporting, true)?;
        Ok(match outcome.exit {
            0 => Exit::Clean,
            1 => Exit::Findings,
            _ => Exit::Incomplete,
        })
    }

    /// What could not be seen before either is no news, unless it is about a file that
    /// changed; and every tenant of the old side was looked for on the new one.
    fn settle(&self, was: &Inventory, is: &mut Inventory) {
        let known: FxHashSet<&Coverage> = was.coverage.iter().collect();
        for gap in &mut is.coverage {
            let about_change = self
                .changed
                .keys()
                .any(|file| gap.tenant == *file || gap.reason.starts_with(file.as_str()));
            if gap.is_gap() && known.contains(gap) && !about_change {
                gap.required = false;
            }
        }
        let mut tenants: Vec<(System, Sym)> = was
            .tenants
            .iter()
            .map(|tenant| (tenant.system, tenant.id))
            .chain(was.identities.iter().map(|who| (who.system, who.tenant)))
            .collect();
        tenants.sort();
        tenants.dedup();
        let seen: FxHashSet<(System, Sym)> = is
            .coverage
            .iter()
            .map(|one| (one.system, one.tenant))
            .collect();
        // Of what files never tell, the other side does not tell either.
        let mut here: Vec<(System, Sym)> = tenants
            .iter()
            .copied()
            .chain(is.tenants.iter().map(|tenant| (tenant.system, tenant.id)))
            .chain(is.identities.iter().map(|who| (who.system, who.tenant)))
            .collect();
        here.sort();
        here.dedup();
        for (system, tenant) in here {
            let kind = Sym::new(&format!("{system}.*"));
            let told =
                |one: &Coverage| (one.system, one.tenant, one.kind) == (system, tenant, kind);
            if !is.coverage.iter().any(told) {
                let reason = "files do not tell all that a live system does";
                let gap = Coverage::lacking(system, tenant, &kind, Seen::None, reason);
                is.coverage.push(gap.optional());
            }
        }
        for (system, tenant) in tenants {
            if !seen.contains(&(system, tenant)) {
                let kind = format!("{system}.files");
                is.coverage
                    .push(Coverage::complete(system, tenant, &kind, 0));
            }
        }
    }

    /// Moves each finding onto a line that changed, where what it is about has one:
    /// only there does a review show it.
    fn place(&self, outcome: &mut Outcome) {
        if self.changed.is_empty() {
            return;
        }
        let mut files: FxHashMap<Sym, Lines> = FxHashMap::default();
        for document in &self.new.documents {
            if self.changed.contains_key(&document.file) {
                let text = String::from_utf8_lossy(&document.text);
                files.insert(document.file, Lines::of(&document.file, &text));
            }
        }
        let privileges: FxHashMap<FactKey, Sym> = outcome
            .inventory
            .entitlements
            .iter()
            .map(|fact| (outcome.inventory.entitlement_key(fact), fact.privilege))
            .collect();
        for finding in &mut outcome.findings {
            if finding.drift.is_none_or(|drift| drift == "unchanged") {
                continue;
            }
            let elsewhere = || {
                let privilege = privileges.get(&finding.fact)?;
                let name = privilege.rsplit(['/', ':']).next()?;
                self.declared_place(name, &files)
            };
            if let Some(place) = self.changed_place(finding, &files).or_else(elsewhere) {
                finding.location = Some(place);
            }
        }
    }

    /// The changed line of the document that is called `name`: of the role behind a
    /// binding that itself stayed as it was.
    fn declared_place(&self, name: &str, files: &FxHashMap<Sym, Lines>) -> Option<Location> {
        let mut places: Vec<Location> = Vec::new();
        for (file, lines) in files {
            let changed = self.changed.get(file)?;
            for line in lines.called.get(name).into_iter().flatten() {
                let place = Location {
                    line: *line,
                    end_line: *line,
                    ..Location::start_of(*file)
                };
                places.extend(lines.place(&place, changed, lines.document_of(*line)));
            }
        }
        places.into_iter().min()
    }

    fn changed_place(&self, finding: &Finding, files: &FxHashMap<Sym, Lines>) -> Option<Location> {
        let own = finding.location.into_iter();
        let shown = finding.evidence.iter().filter_map(|shown| shown.location);
        let steps = finding.steps.iter().flat_map(|step| &step.evidence);
        let places: Vec<Location> = own
            .chain(shown)
            .chain(steps.filter_map(|shown| shown.location))
            .collect();
        // On the thing itself, else on the document it is part of.
        let direct = places.iter().find_map(|place| {
            let lines = files.get(&place.file)?;
            let changed = self.changed.get(&place.file)?;
            lines.place(place, changed, (place.line, place.end_line))
        });
        direct.or_else(|| {
            places.iter().find_map(|place| {
                let lines = files.get(&place.file)?;
                let changed = self.changed.get(&place.file)?;
                lines.place(place, changed, lines.document_of(place.line))
            })
        })
    }
}

/// Takes what was accepted by name over into what stood before, where it is there now.
fn accept(before: &mut Baseline, accepted: &Baseline, now: &Baseline) {
    let there: FxHashSet<_> = now.records.iter().map(|record| record.key).collect();
    let mut names: Vec<_> = accepted.accepted.iter().collect();
    names.sort_by_key(|(key, _)| **key);
    for (key, by) in names {
        if there.contains(key) {
            before.accept(accepted, *key, Some(by.clone()));
        }
    }
}

/// The lines of a file.
struct Lines {
    /// Column of the first and after the last character that is no space.
    spans: Vec<(u32, u32)>,
    /// First lines of its documents.
    starts: Vec<u32>,
    /// Lines that give something a name, by the name.
    called: FxHashMap<String, Vec<u32>>,
}

impl Lines {
    fn of(file: &str, text: &str) -> Self {
        let yaml = file.ends_with(".yaml") || file.ends_with(".yml");
        let mut starts = vec![1];
        let mut spans = Vec::new();
        let mut called: FxHashMap<String, Vec<u32>> = FxHashMap::default();
        for (at, line) in text.lines().enumerate() {
            if yaml && line.starts_with("---") {
                starts.push(u32::try_from(at).unwrap_or(u32::MAX).saturating_add(2));
            }
            let name = line.trim().trim_end_matches(',').replace('"', "");
            if let Some(name) = name.strip_prefix("name:") {
                let line = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
                called.entry(name.trim().to_owned()).or_default().push(line);
            }
            let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            let end = count(line.trim_end());
            let start = count(line) - count(line.trim_start());
            spans.push((start.min(end) + 1, end.max(start.min(end) + 1) + 1));
        }
        Lines {
            spans,
            starts,
            called,
        }
    }

    /// First and last line of the document around a line.
    fn document_of(&self, line: u32) -> (u32, u32) {
        let after = self.starts.partition_point(|start| *start <= line);
        let start = self.starts[..after].last().copied().unwrap_or(1);
        let end = self.starts.get(after).map_or(u32::MAX, |next| next - 1);
        (start, end)
    }

    /// The place itself if it changed, else the first changed line of `within`.
    fn place(
        &self,
        place: &Location,
        changed: &[(u32, u32)],
        within: (u32, u32),
    ) -> Option<Location> {
        let inside = |line: u32| {
            changed
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&line))
        };
        if place.line == place.end_line && inside(place.line) {
            return Some(*place);
        }
        let (from, to) = changed
            .iter()
            .filter(|(from, to)| *from <= within.1 && *to >= within.0)
            .map(|(from, to)| ((*from).max(within.0), (*to).min(within.1)))
            .min()?;
        let blank = |line: &u32| {
            let span = self.spans.get(*line as usize - 1);
            span.is_none_or(|(start, end)| end - start <= 1)
        };
        let last = to
            .min(u32::try_from(self.spans.len()).unwrap_or(u32::MAX))
            .max(from);
        let line = (from..=last).find(|line| !blank(line)).unwrap_or(from);
        let (column, end_column) = self.spans.get(line as usize - 1).copied().unwrap_or((1, 2));
        Some(Location {
            file: place.file,
            line,
            column,
            end_line: line,
            end_column,
        })
    }
}

/// Says what is wrong with the arguments of a comparison of two files.
pub(super) fn two(args: &DiffArgs) -> Result<(&Path, &Path)> {
    match args.paths.as_slice() {
        [old, new] => Ok((old, new)),
        _ => bail!(
            "name what was and what is: `tenure diff OLD NEW`; or compare revisions with \
             `tenure diff --git BASE..HEAD [PATH…]`, or a plan with `tenure diff --plan FILE`"
        ),
    }
}
