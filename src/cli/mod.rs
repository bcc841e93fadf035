//! The command line: what the user may say, and which exit code answers.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | nothing gated |
//! | 1 | gated findings |
//! | 2 | usage, configuration or input error |
//! | 3 | nothing gated was found, but something could not be seen |

mod args;
mod baseline;
mod check;
mod collect;
mod explain;
mod extras;
mod ledger;
mod progress;
mod query;
mod rules;
mod scan;
mod settings;
mod simulate;
mod sources;
mod target;

pub use args::Cli;
pub use target::{Target, TargetError};

use std::io::{self, Write};

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::report::text::visible_lines;
use args::Command;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Nothing gated.
    Clean,
    /// Gated findings.
    Findings,
    /// Usage, configuration or input error.
    Error,
    /// Something could not be seen.
    Incomplete,
}

impl Exit {
    /// The process exit code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Clean => 0,
            Exit::Findings => 1,
            Exit::Error => 2,
            Exit::Incomplete => 3,
        }
    }
}

/// Runs the program on the process's arguments.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` arrive as errors that go to stdout.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Error
            } else {
                Exit::Clean
            };
        }
    };
    let color = cli.global.color;
    match run(cli) {
        Ok(exit) => exit,
        Err(error) if is_closed_pipe(&error) => Exit::Clean,
        Err(error) => {
            let mut stderr = io::stderr().lock();
            let word = if color.on_stderr() {
                "\u{1b}[1;31merror\u{1b}[0m"
            } else {
                "error"
            };
            let text = visible_lines(&chain(&error));
            // What is wrong with rules is shown as compilers show it, word and all.
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let _ = writeln!(stderr, "{word}: {text}");
            Exit::Error
        }
    }
}

fn run(cli: Cli) -> Result<Exit> {
    progress::log_to_stderr(&cli.global);
    match cli.command {
        Command::Scan(args) => scan::run(&cli.global, args),
        Command::Collect(args) => collect::run(&cli.global, args),
        Command::Diff(args) => baseline::diff(&cli.global, args),
        Command::Baseline(args) => baseline::run(&cli.global, args),
        Command::Explain(args) => explain::run(&cli.global, args),
        Command::Can(args) => query::can(&cli.global, args),
        Command::WhoCan(args) => query::who_can(&cli.global, args),
        Command::Paths(args) => query::paths(&cli.global, args),
        Command::Simulate(args) => simulate::run(&cli.global, args),
        Command::Rules(args) => rules::run(&cli.global, args),
        Command::Ledger(args) => ledger::run(&cli.global, args),
        Command::Permissions(args) => extras::permissions(&cli.global, args),
        Command::Doctor(args) => extras::doctor(&cli.global, args),
        Command::Init(args) => extras::init(&cli.global, args),
        Command::Completions(args) => extras::completions(args),
        Command::Man(args) => extras::man(args),
    }
}

/// An error and its causes on one line, without saying the same twice.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let part = cause.to_string();
        if text.contains(&part) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&part);
    }
    text
}

/// The reader of answers went away (`tenure simulate aws | head`): no error of ours.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Tells a person what was done, on stderr.
fn tell(global: &args::Global, text: &str) {
    if !global.quiet {
        // Nobody is left to tell that stderr is gone.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// Writes data to stdout. A reader that went away (`tenure scan | head`) is no error,
/// and changes nothing of what the exit code says.
fn print(text: impl AsRef<[u8]>) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_ref());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to stdout")
        }
        _ => Ok(()),
    }
}
