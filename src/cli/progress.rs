//! What the user sees on stderr while a scan runs: bars on a terminal, plain lines
//! in a log, nothing when quiet.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::args::Global;
use crate::connect::Progress;

/// Sends the program's own log to stderr at the level asked for.
pub(super) fn log_to_stderr(global: &Global) {
    // What libraries warn of on the way (no region found at this place, looking at the
    // next) is no news to a user: what comes of it is said by the program.
    let (level, libraries) = match (global.quiet, global.verbose) {
        (true, _) => (LevelFilter::ERROR, LevelFilter::ERROR),
        (false, 0) => (LevelFilter::WARN, LevelFilter::ERROR),
        (false, 1) => (LevelFilter::INFO, LevelFilter::INFO),
        (false, _) => (LevelFilter::DEBUG, LevelFilter::DEBUG),
    };
    let filter = match std::env::var("TENURE_LOG") {
        Ok(wanted) if !wanted.is_empty() => EnvFilter::builder()
            .with_default_directive(level.into())
            .parse_lossy(wanted),
        _ => EnvFilter::new(format!("{libraries},tenure={level}")),
    };
    // A second call in one process (tests) keeps the first subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(global.color.on_stderr())
        .with_target(false)
        .without_time()
        .try_init();
}

/// Progress on stderr.
#[derive(Debug)]
pub(super) struct Terminal {
    bars: Option<MultiProgress>,
    /// One line per source; in a log, the last thing said about it.
    sources: Mutex<BTreeMap<String, ProgressBar>>,
    quiet: bool,
}

impl Terminal {
    pub(super) fn new(global: &Global) -> Self {
        let show = !global.quiet && std::io::stderr().is_terminal();
        Terminal {
            bars: show.then(MultiProgress::new),
            sources: Mutex::default(),
            quiet: global.quiet,
        }
    }

    /// Takes the bars away, before other output.
    pub(super) fn clear(&self) {
        if let Some(bars) = &self.bars {
            let _ = bars.clear();
        }
    }

    fn with_bar(&self, source: &str, change: impl FnOnce(&ProgressBar)) {
        let Some(bars) = &self.bars else { return };
        let mut sources = self
            .sources
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let bar = sources.entry(source.to_owned()).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:.bold} {msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(source.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        change(bar);
    }
}

impl Progress for Terminal {
    fn say(&self, source: &str, message: &str) {
        if self.bars.is_some() {
            self.with_bar(source, |bar| bar.set_message(message.to_owned()));
        } else if !self.quiet {
            tracing::info!("{source}: {message}");
        }
    }

    fn count(&self, source: &str, done: u64, total: u64) {
        self.with_bar(source, |bar| {
            bar.set_message(if total == 0 {
                format!("{done}")
            } else {
                format!("{done} of {total}")
            });
        });
    }

    fn wait(&self, source: &str, seconds: u64, why: &str) {
        if self.bars.is_some() {
            self.with_bar(source, |bar| {
                bar.set_message(format!("waiting {seconds} s: {why}"));
            });
        } else if !self.quiet {
            tracing::warn!("{source}: waiting {seconds} s: {why}");
        }
    }
}
