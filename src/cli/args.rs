//! What the user may say. The comments here are the `--help` texts.

mod ask;
mod ledger;
mod scan;
mod value;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::model::System;
pub use ask::{CanArgs, ExplainArgs, PathsArgs, SimulateArgs, WhoCanArgs};
pub use ledger::{LedgerAction, LedgerArgs};
pub use scan::{
    BaselineAction, BaselineArgs, CollectArgs, DiffArgs, FailOn, Reporting, ScanArgs, Sources,
};
use value::{moment, system};

/// Finds access that stands there day and night, credentials that never end, and
/// grants that outlived their just-in-time window; says what changed since the
/// accepted baseline.
///
/// Reads AWS, GitHub, Kubernetes and Vault with read-only credentials, or files you
/// already have. Reads no secret values and changes nothing.
#[derive(Debug, Parser)]
#[command(
    name = "tenure",
    version,
    max_term_width = 100,
    after_help = "Examples:
  tenure scan aws                              the account of the current credentials
  tenure scan gaad.json report.csv             files you already have
  tenure scan aws github:acme kubernetes vault -o sarif=tenure.sarif -o html=tenure.html
  tenure scan --baseline tenure.baseline.jsonl  fail only on what is new or wider
  tenure explain AWS301                        what a rule finds, why, and how to fix it

Exit codes: 0 nothing gated, 1 gated findings, 2 usage or input error, 3 incomplete."
)]
pub struct Cli {
    /// Options every command knows.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options every command knows.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Settings file; by default `tenure.yaml`, looked for upward from here.
    #[arg(long, global = true, value_name = "FILE", env = "TENURE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Judge as if it were this moment (RFC 3339, UTC when without offset).
    #[arg(long, global = true, value_name = "TIME", value_parser = moment)]
    pub now: Option<Timestamp>,
    /// Say less: no progress, no summary on stderr.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more on stderr; twice for every request.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether stdout gets colour.
    pub fn on_stdout(self) -> bool {
        self.decide(std::io::stdout().is_terminal())
    }

    /// Whether stderr gets colour.
    pub fn on_stderr(self) -> bool {
        self.decide(std::io::stderr().is_terminal())
    }

    fn decide(self, terminal: bool) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Collect or read, judge, report. The main job.
    Scan(ScanArgs),
    /// Collect live sources into a snapshot directory, judging nothing.
    Collect(CollectArgs),
    /// What changed between two snapshots, file trees or baselines.
    Diff(DiffArgs),
    /// Create, extend and tidy the baseline of accepted access.
    Baseline(BaselineArgs),
    /// Explain a rule or a finding.
    Explain(ExplainArgs),
    /// May IDENTITY do ACTION on RESOURCE? yes (exit 0), no (1) or conditional (3), and
    /// because of what. For AWS.
    Can(CanArgs),
    /// Who may do ACTION on RESOURCE? For AWS.
    WhoCan(WhoCanArgs),
    /// Ways from identities to privilege.
    Paths(PathsArgs),
    /// Policy simulator: one self-contained JSON case a line on stdin, one answer a line on stdout.
    Simulate(SimulateArgs),
    /// List, check and test rules.
    Rules(RulesArgs),
    /// Keep the evidence of just-in-time systems: import, verify, show, list.
    Ledger(LedgerArgs),
    /// Print the least read-only permissions a scan needs.
    Permissions(PermissionsArgs),
    /// Say what each source can and cannot see, before a scan.
    Doctor(DoctorArgs),
    /// Write a commented `tenure.yaml` to start from.
    Init(InitArgs),
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
    /// Print the manual page (roff).
    Man(ManArgs),
}

/// `tenure rules`
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// What to do with rules.
    #[command(subcommand)]
    pub action: RulesAction,
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum RulesAction {
    /// List every rule.
    List {
        /// Further directory of rules; repeatable.
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Load rules and report everything wrong with them.
    Check {
        /// Directory of rules to check besides the built-in ones.
        #[arg(value_name = "DIR")]
        rules: Vec<PathBuf>,
    },
    /// Run the tests inside the rules.
    Test {
        /// Directory of rules to test besides the built-in ones.
        #[arg(value_name = "DIR")]
        rules: Vec<PathBuf>,
    },
}

/// `tenure permissions`
#[derive(Debug, Args)]
pub struct PermissionsArgs {
    /// The system.
    #[arg(value_name = "SYSTEM", value_parser = system)]
    pub system: System,
}

/// `tenure doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Sources to ask; those of `tenure.yaml` when none is given.
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
}

/// `tenure init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write it.
    #[arg(value_name = "FILE", default_value = crate::config::FILE)]
    pub file: PathBuf,
}

/// `tenure completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `tenure man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The subcommand whose page to print; the main page when left out.
    pub command: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
