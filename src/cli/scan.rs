//! `tenure scan`: collect or read, judge, report.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::args::{FailOn, Global, Reporting, ScanArgs};
#[cfg(feature = "aws")]
use super::progress::Terminal;
#[cfg(feature = "aws")]
use super::sources;
use super::{Exit, Target, baseline, collect, print, settings, tell};
use crate::config::Config;
#[cfg(feature = "aws")]
use crate::connect::Session;
#[cfg(feature = "aws")]
use crate::connect::aws::Principal;
use crate::drift::{self, Baseline};
use crate::model::Inventory;
#[cfg(feature = "aws")]
use crate::model::System;
use crate::report::text::visible_lines;
use crate::report::{self, Format, Outcome, RenderOptions, Repository};
use crate::scan::{self, Judge};
use crate::snapshot::Snapshot;
#[cfg(feature = "aws")]
use crate::snapshot::Store;

pub(super) fn run(global: &Global, args: ScanArgs) -> Result<Exit> {
    let mut config = settings::config(global)?;
    config.aws.organization |= args.sources.organization;
    config.jit.earlier.extend(args.earlier.iter().cloned());
    if !args.earlier.is_empty() && !config.jit.is_configured() {
        bail!(
            "`--earlier` says when grants ended, and there are none: name a ledger under `jit.ledger` in tenure.yaml"
        );
    }
    let now = settings::now(global);
    // Rules and outputs are checked before anything slow begins.
    let rules = settings::rules(&config, &args.sources.rules)?;
    let outputs = outputs(&args.reporting)?;
    let accepted = match &args.baseline {
        Some(path) => Some((path.display().to_string(), baseline::read(path)?)),
        None => None,
    };

    let store = collect::store(args.snapshot.as_deref(), now);
    let (targets, mut snapshot) = collect::read(&args.sources, &config, store, global)?;
    for problem in &snapshot.problems {
        tell(global, &visible_lines(&problem.to_string()));
    }
    if snapshot.documents.is_empty() && snapshot.coverage.is_empty() {
        bail!("none of the files could be used; what is wrong with each is said above");
    }
    let inventory = scan::facts(&snapshot, &config, now);
    let mut judge = Judge::new(&config, &rules, now);
    judge.min_severity = args.reporting.min_severity.unwrap_or_default();
    judge.min_coverage = args.fail_coverage_below;
    judge.fail_on = fail_on(&args.reporting, args.baseline.is_some())?;
    judge.baseline = accepted;
    if let Some((file, accepted)) = &judge.baseline {
        same_world(file, accepted, &inventory)?;
    }
    let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
    let mut outcome = judge.judge(inventory, names.clone());
    if let Some(more) = last_use(&outcome, &targets, &config, global)? {
        snapshot.append(more);
        outcome = judge.judge(scan::facts(&snapshot, &config, now), names);
    }
    let files = targets
        .iter()
        .any(|target| matches!(target, Target::Path(_)));
    deliver(&outcome, &outputs, global, &args.reporting, files)?;
    Ok(match outcome.exit {
        0 => Exit::Clean,
        1 => Exit::Findings,
        _ => Exit::Incomplete,
    })
}

/// Writes every report that was asked for; `files` says whether what was judged are
/// files, which then belong to the revision that was checked out.
pub(super) fn deliver(
    outcome: &Outcome,
    outputs: &[Output],
    global: &Global,
    reporting: &Reporting,
    files: bool,
) -> Result<()> {
    let repository = files.then(repository).flatten();
    for output in outputs {
        write(outcome, output, global, reporting, repository.clone())?;
    }
    for path in outputs.iter().filter_map(|output| output.path.as_ref()) {
        tell(global, &format!("wrote {}", path.display()));
    }
    Ok(())
}

/// Most identities whose use is asked for: each costs several calls.
#[cfg(feature = "aws")]
const MOST_ASKED: usize = 200;

/// When the identities that findings are about last used what they may do, for live
/// AWS sources.
#[cfg(feature = "aws")]
fn last_use(
    outcome: &Outcome,
    targets: &[Target],
    config: &Config,
    global: &Global,
) -> Result<Option<Snapshot>> {
    let live = |target: &Target| matches!(target, Target::Live(System::Aws, _));
    if !targets.iter().any(live) {
        return Ok(None);
    }
    let mut asked: Vec<Principal> = Vec::new();
    for finding in &outcome.findings {
        let identity = outcome
            .inventory
            .identities
            .iter()
            .find(|one| one.system == System::Aws && one.id == finding.subject.id);
        if let Some(identity) = identity
            && identity.uid != identity.id
            && !asked.iter().any(|one| one.arn == identity.id.as_str())
            && asked.len() < MOST_ASKED
        {
            asked.push(Principal {
                arn: identity.id.to_string(),
                id: identity.uid.to_string(),
            });
        }
    }
    if asked.is_empty() {
        return Ok(None);
    }
    // In memory also where the snapshot is kept: what is asked for depends on the
    // rules, and a snapshot holds what does not.
    let store = Store::in_memory(outcome.now);
    let progress = Terminal::new(global);
    let session = Session {
        config,
        store: &store,
        progress: &progress,
    };
    sources::last_use(targets, session, &asked)?;
    progress.clear();
    Ok(Some(store.finish()?))
}

#[cfg(not(feature = "aws"))]
fn last_use(_: &Outcome, _: &[Target], _: &Config, _: &Global) -> Result<Option<Snapshot>> {
    Ok(None)
}

/// Which findings gate, as the user said it; `compared` with an earlier state or not.
pub(super) fn fail_on(reporting: &Reporting, compared: bool) -> Result<Option<drift::FailOn>> {
    let said = |one| reporting.fail_on.contains(&one);
    let drift_only = said(FailOn::New) || said(FailOn::Widened);
    if drift_only && !compared {
        bail!("--fail-on new and widened compare with a baseline; name it with --baseline FILE");
    }
    if said(FailOn::None) && reporting.fail_on.len() > 1 {
        bail!("--fail-on none goes with nothing else");
    }
    Ok(if reporting.fail_on.is_empty() {
        None
    } else {
        Some(drift::FailOn {
            new: said(FailOn::New),
            widened: said(FailOn::Widened),
            any: said(FailOn::Any),
        })
    })
}

/// A baseline of other tenants would make everything new and everything gone.
fn same_world(file: &str, accepted: &Baseline, inventory: &Inventory) -> Result<()> {
    let known = |system, tenant| {
        accepted
            .records
            .iter()
            .any(|record| record.system == system && record.tenant == tenant)
    };
    let scanned = &inventory.tenants;
    if accepted.records.is_empty()
        || scanned.is_empty()
        || scanned.iter().any(|tenant| known(tenant.system, tenant.id))
    {
        return Ok(());
    }
    let names: Vec<String> = scanned
        .iter()
        .map(|tenant| format!("{} {}", tenant.system, tenant.id))
        .collect();
    bail!(
        "the baseline `{file}` knows none of what was scanned ({}); is it another organisation's?",
        names.join(", ")
    )
}

/// One report to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Output {
    format: Format,
    /// Stdout when absent.
    path: Option<PathBuf>,
}

/// Everything to be written, stdout at most once.
pub(super) fn outputs(reporting: &Reporting) -> Result<Vec<Output>> {
    let mut all = reporting
        .output
        .iter()
        .map(|text| output(text))
        .collect::<Result<Vec<_>>>()?;
    if let Some(folder) = &reporting.reports {
        for (format, name) in [
            ("sarif", "tenure.sarif"),
            ("html", "tenure.html"),
            ("json", "tenure.json"),
        ] {
            all.push(Output {
                format: format.parse().map_err(anyhow::Error::msg)?,
                path: Some(folder.join(name)),
            });
        }
    }
    // The table is what a person gets; it is left out only when something else
    // was asked for on stdout.
    if all.iter().all(|output| output.path.is_some()) && reporting.output.is_empty() {
        all.insert(
            0,
            Output {
                format: Format::Table,
                path: None,
            },
        );
    }
    if all.iter().filter(|output| output.path.is_none()).count() > 1 {
        bail!("only one report can go to stdout; give the others a path: `-o sarif=tenure.sarif`");
    }
    let mut paths: Vec<&PathBuf> = all.iter().filter_map(|one| one.path.as_ref()).collect();
    paths.sort();
    if let Some(pair) = paths.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!(
            "two reports would be written to `{}`; give each a path of its own",
            pair[0].display()
        );
    }
    Ok(all)
}

fn output(text: &str) -> Result<Output> {
    let (format, path) = match text.split_once('=') {
        Some((_, "")) => bail!("`{text}` names no path; write `-o FORMAT=PATH`"),
        Some((format, "-")) => (format, None),
        Some((format, path)) => (format, Some(PathBuf::from(path))),
        None => (text, None),
    };
    Ok(Output {
        format: format.parse().map_err(anyhow::Error::msg)?,
        path,
    })
}

/// Findings listed on a terminal; more scroll away what matters.
const ON_TERMINAL: usize = 50;

fn write(
    outcome: &Outcome,
    output: &Output,
    global: &Global,
    reporting: &Reporting,
    repository: Option<Repository>,
) -> Result<()> {
    let to_stdout = output.path.is_none();
    let terminal = to_stdout && std::io::stdout().is_terminal();
    let options = RenderOptions {
        width: width(),
        color: to_stdout && global.color.on_stdout(),
        redact: reporting.redact,
        limit: (terminal && !reporting.all).then_some(ON_TERMINAL),
        base_dir: std::env::current_dir()
            .ok()
            .and_then(|here| Some(here.to_str()?.replace('\\', "/"))),
        command_line: None,
        repository,
    };
    let text = report::render(outcome, output.format, &options)?;
    match &output.path {
        Some(path) => write_file(path, &text),
        None => print(text),
    }
}

fn write_file(path: &Path, text: &[u8]) -> Result<()> {
    Ok(report::write_atomically(path, text)?)
}

/// The revision a CI system checked out: the variables GitHub Actions and GitLab CI
/// set for every job.
fn repository() -> Option<Repository> {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let github = || {
        let server = var("GITHUB_SERVER_URL")?;
        Some(Repository {
            uri: format!("{server}/{}", var("GITHUB_REPOSITORY")?),
            revision: var("GITHUB_SHA")?,
            branch: var("GITHUB_REF_NAME"),
        })
    };
    let gitlab = || {
        Some(Repository {
            uri: var("CI_PROJECT_URL")?,
            revision: var("CI_COMMIT_SHA")?,
            branch: var("CI_COMMIT_REF_NAME"),
        })
    };
    github()
        .or_else(gitlab)
        .filter(|found| found.uri.starts_with("https://") && !found.uri.contains([' ', '@']))
}

/// Columns of the terminal; 100 when stdout is none.
pub(super) fn width() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .or_else(|| comfy_table::Table::new().width().map(usize::from))
        .unwrap_or(100)
}
