//! `tenure baseline` and `tenure diff`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use jiff::tz::TimeZone;
use rustc_hash::FxHashSet;
use serde_json::json;

use super::args::{BaselineAction, BaselineArgs, DiffArgs, Global, Sources};
use super::{Exit, check, collect, print, settings, tell};
use crate::drift::{self, Accepted, Baseline, Change, ChangeKind};
use crate::model::{Coverage, FactKey, Inventory, Sym};
use crate::report;
use crate::report::text::visible;
use crate::scan::{self, Judge};
use crate::snapshot;

pub(super) fn run(global: &Global, args: BaselineArgs) -> Result<Exit> {
    match args.action {
        BaselineAction::Create { sources, force } => create(global, &args.file, &sources, force),
        BaselineAction::Accept {
            ids,
            owner,
            reason,
            expires,
            ticket,
            targets,
        } => {
            let accepted = Accepted {
                owner: Sym::new(owner.trim()),
                reason: reason.trim().into(),
                expires,
                ticket: ticket.map(Into::into),
            };
            accept(global, &args.file, &ids, &accepted, &targets)
        }
        BaselineAction::Prune { sources } => prune(global, &args.file, &sources),
    }
}

/// Reads a baseline file.
pub(super) fn read(path: &Path) -> Result<Baseline> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the baseline `{}`", path.display()))?;
    Ok(Baseline::parse(&path.display().to_string(), &text)?)
}

fn write(path: &Path, baseline: &Baseline) -> Result<()> {
    report::write_atomically(path, &baseline.to_text())?;
    Ok(())
}

fn facts(global: &Global, sources: &Sources) -> Result<Inventory> {
    let config = settings::config(global)?;
    let now = settings::now(global);
    let store = collect::store(None, now);
    let (_, snapshot) = collect::read(sources, &config, store, global)?;
    Ok(scan::facts(&snapshot, &config, now))
}

fn create(global: &Global, path: &Path, sources: &Sources, force: bool) -> Result<Exit> {
    if path.exists() && !force {
        bail!(
            "`{}` exists; accept single findings with `tenure baseline accept`, or write over it \
             with --force",
            path.display()
        );
    }
    let inventory = facts(global, sources)?;
    let baseline = Baseline::of(&inventory);
    write(path, &baseline)?;
    tell(
        global,
        &format!(
            "{} facts accepted in {}; review and commit it",
            baseline.records.len(),
            path.display()
        ),
    );
    Ok(incomplete(&inventory.coverage))
}

fn accept(
    global: &Global,
    path: &Path,
    ids: &[String],
    accepted: &Accepted,
    targets: &[String],
) -> Result<Exit> {
    if accepted.owner.is_empty() || accepted.reason.is_empty() {
        bail!("--owner and --reason must not be empty: nothing unowned is accepted");
    }
    let today = settings::now(global).to_zoned(TimeZone::UTC).date();
    if accepted.expires < today {
        bail!(
            "--expires {} is past; today is {today} (UTC)",
            accepted.expires
        );
    }
    let config = settings::config(global)?;
    let rules = settings::rules(&config, &[])?;
    let mut baseline = if path.exists() {
        read(path)?
    } else {
        Baseline::default()
    };
    let sources = Sources {
        targets: targets.to_vec(),
        offline: false,
        organization: false,
        rules: Vec::new(),
    };
    let inventory = facts(global, &sources)?;
    let scanned = Baseline::of(&inventory);
    let outcome = Judge::new(&config, &rules, settings::now(global)).judge(inventory, Vec::new());
    for id in ids {
        let key = match id.parse::<FactKey>() {
            Ok(key) => key,
            Err(_) => {
                let mut keys: Vec<FactKey> = outcome
                    .findings
                    .iter()
                    .filter(|finding| finding.id.starts_with(id.as_str()))
                    .map(|finding| finding.fact)
                    .chain(drift::facts_of(id, &scanned))
                    .collect();
                keys.sort();
                keys.dedup();
                match keys.as_slice() {
                    [key] => *key,
                    [] => bail!("no finding of this scan has the id `{id}`"),
                    several => bail!(
                        "`{id}` begins the ids of findings about {} different facts; give more of it",
                        several.len()
                    ),
                }
            }
        };
        if !scanned.records.iter().any(|record| record.key == key) {
            bail!("nothing in this scan has the key `{key}`");
        }
        baseline.accept(&scanned, key, Some(accepted.clone()));
    }
    write(path, &baseline)?;
    tell(
        global,
        &format!(
            "accepted until {} in {}; commit it",
            accepted.expires,
            path.display()
        ),
    );
    Ok(Exit::Clean)
}

fn prune(global: &Global, path: &Path, sources: &Sources) -> Result<Exit> {
    let mut baseline = read(path)?;
    let inventory = facts(global, sources)?;
    let scanned = Baseline::of(&inventory);
    // What a blind scan did not see stays: it may well be there.
    let kept: FxHashSet<FactKey> = drift::diff(&baseline, &scanned, &inventory.coverage)
        .iter()
        .filter(|change| change.kind == ChangeKind::Incomparable)
        .map(|change| change.key)
        .chain(scanned.records.iter().map(|record| record.key))
        .collect();
    let gone = baseline.retain(&kept);
    write(path, &baseline)?;
    tell(
        global,
        &format!(
            "{gone} facts that are no longer there dropped from {}",
            path.display()
        ),
    );
    Ok(incomplete(&inventory.coverage))
}

fn incomplete(coverage: &[Coverage]) -> Exit {
    if coverage.iter().any(Coverage::is_gap) {
        Exit::Incomplete
    } else {
        Exit::Clean
    }
}

pub(super) fn diff(global: &Global, args: DiffArgs) -> Result<Exit> {
    if let Some(range) = &args.git {
        return check::run_git(global, &args, range);
    }
    if let Some(plan) = &args.plan {
        return check::run_plan(global, &args, plan);
    }
    let (old, new) = check::two(&args)?;
    let (old, _) = side(global, old)?;
    let (new, coverage) = side(global, new)?;
    let changes = drift::diff(&old, &new, &coverage);
    if args.json {
        let all: Vec<_> = changes
            .iter()
            .map(|change| {
                json!({
                    "kind": change.kind.as_str(),
                    "gates": drift::is_more_access(change, &new),
                    "key": change.key,
                    "before": change.before,
                    "after": change.after,
                    "details": change.details,
                })
            })
            .collect();
        print(format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    } else {
        print(text(&changes, &new))?;
    }
    Ok(
        if changes
            .iter()
            .any(|change| drift::is_more_access(change, &new))
        {
            Exit::Findings
        } else if changes
            .iter()
            .any(|change| change.kind == ChangeKind::Incomparable)
        {
            Exit::Incomplete
        } else {
            Exit::Clean
        },
    )
}

/// One side of a comparison, and what could not be seen of it.
fn side(global: &Global, path: &Path) -> Result<(Baseline, Vec<Coverage>)> {
    if path.is_file()
        && std::fs::read(path)
            .with_context(|| format!("cannot read `{}`", path.display()))?
            .starts_with(b"{\"tenure_baseline\"")
    {
        return Ok((read(path)?, Vec::new()));
    }
    let config = settings::config(global)?;
    let snapshot = snapshot::load(path)?;
    let inventory = scan::facts(&snapshot, &config, settings::now(global));
    Ok((Baseline::of(&inventory), inventory.coverage))
}

fn text(changes: &[Change], new: &Baseline) -> String {
    let mut text = String::new();
    for change in changes {
        let Some(record) = change.after.as_ref().or(change.before.as_ref()) else {
            continue;
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "{:<17} {}  {}",
            change.kind.as_str(),
            visible(&record.who),
            visible(&record.what)
        );
        for detail in &change.details {
            let _ = writeln!(text, "{:<17} {}", "", visible(detail));
        }
    }
    let gates = changes
        .iter()
        .filter(|change| drift::is_more_access(change, new))
        .count();
    let _ = writeln!(
        text,
        "{} changes, {gates} of them more standing access",
        changes.len()
    );
    text
}
