//! `tenure collect`, and reading targets for every other command.

use anyhow::{Result, bail};
use jiff::Timestamp;

use super::args::{CollectArgs, Global, Sources};
use super::progress::Terminal;
use super::{Exit, Target, settings, sources, tell};
use crate::config::Config;
use crate::connect::{Progress, Session};
use crate::model::{Coverage, Seen, Sym};
use crate::snapshot::{self, Snapshot, Source, Store};

pub(super) fn run(global: &Global, args: CollectArgs) -> Result<Exit> {
    let mut config = settings::config(global)?;
    config.aws.organization |= args.organization;
    let targets = parse(&args.targets, &config)?;
    if let Some(path) = targets
        .iter()
        .find(|target| matches!(target, Target::Path(_)))
    {
        bail!(
            "`{path}` is a file; `tenure collect` reads live sources. Scan files with `tenure scan {path}`"
        );
    }
    let store = Store::in_directory(&args.directory, settings::now(global));
    let progress = Terminal::new(global);
    live(&targets, &config, &store, &progress)?;
    progress.clear();
    let snapshot = store.finish()?;
    let gaps = snapshot
        .coverage
        .iter()
        .filter(|coverage| coverage.is_gap())
        .count();
    tell(
        global,
        &format!(
            "{} documents in {}; {gaps} kinds of fact not completely seen",
            snapshot.documents.len(),
            args.directory.display()
        ),
    );
    Ok(if gaps > 0 {
        Exit::Incomplete
    } else {
        Exit::Clean
    })
}

/// The targets the user named, or those of the configuration.
pub(super) fn parse(named: &[String], config: &Config) -> Result<Vec<Target>> {
    let texts = if named.is_empty() {
        &config.sources
    } else {
        named
    };
    if texts.is_empty() {
        bail!(
            "nothing to scan: name a source (aws, kubernetes, github:ORG, vault) or a path, \
             or list `sources:` in {}",
            crate::config::FILE
        );
    }
    texts
        .iter()
        .map(|text| text.parse().map_err(anyhow::Error::from))
        .collect()
}

/// Reads everything the user named, live sources and files alike.
pub(super) fn read(
    sources: &Sources,
    config: &Config,
    store: Store,
    global: &Global,
) -> Result<(Vec<Target>, Snapshot)> {
    let targets = parse(&sources.targets, config)?;
    let (live_ones, paths): (Vec<Target>, Vec<Target>) = targets
        .iter()
        .cloned()
        .partition(|target| matches!(target, Target::Live(..)));
    if sources.offline
        && let Some(target) = live_ones.first()
    {
        bail!("`{target}` is a live source, and --offline was given");
    }
    let mut all = Snapshot::default();
    if live_ones.is_empty() && store.root().is_some() {
        let none = "`--snapshot` keeps what is collected, and no live source was named: nothing was written";
        tell(global, none);
    }
    if !live_ones.is_empty() {
        let progress = Terminal::new(global);
        live(&live_ones, config, &store, &progress)?;
        progress.clear();
        all.append(store.finish()?);
    }
    for target in &paths {
        if let Target::Path(path) = target {
            all.append(snapshot::load(path)?);
        }
    }
    // Files of one tenant may come from several targets; the order in which the
    // user named them must not matter.
    all.documents
        .sort_by_key(|document| (document.system, document.tenant, document.file));
    Ok((targets, all))
}

/// Reads live sources, all at the same time.
fn live(targets: &[Target], config: &Config, store: &Store, progress: &dyn Progress) -> Result<()> {
    let runtime = sources::runtime()?;
    let session = Session {
        config,
        store,
        progress,
    };
    let results = runtime.block_on(async {
        let work = targets
            .iter()
            .map(|target| sources::collect(target, session));
        futures_util::future::join_all(work).await
    });
    let asked = results.len();
    let mut failed = Vec::new();
    for (target, result) in targets.iter().zip(results) {
        if let Err(error) = result {
            failed.push((target, error));
        }
    }
    // One source that fails does not spoil the others, but it is not silent either:
    // what it would have told is a gap. When all fail there is nothing to judge.
    if failed.len() == asked
        && let Some((target, error)) = failed.pop()
    {
        return Err(error.context(format!("`{target}` could not be read")));
    }
    for (target, error) in failed {
        if let Target::Live(system, _) = target {
            let name = Sym::new(&target.to_string());
            let reason = format!("the source could not be read: {error:#}");
            tracing::error!("{target}: {error:#}");
            store.source(Source {
                system: *system,
                tenant: name,
                directory: format!("failed/{system}"),
                coverage: vec![Coverage::lacking(
                    *system,
                    name,
                    "source",
                    Seen::None,
                    reason,
                )],
            });
        }
    }
    Ok(())
}

/// Where collected documents go: the directory the user named, or memory.
pub(super) fn store(directory: Option<&std::path::Path>, now: Timestamp) -> Store {
    match directory {
        Some(directory) => Store::in_directory(directory, now),
        None => Store::in_memory(now),
    }
}
