//! What is scanned, what of it is accepted, and how it is told.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::value::severity;
use crate::model::Severity;

/// What is scanned, for commands that scan.
#[derive(Clone, Debug, Args)]
pub struct Sources {
    /// What to scan: `aws[:PROFILE]`, `kubernetes[:CONTEXT]`, `github:ORG`,
    /// `vault[:ADDRESS]`, or files and directories, recognised by their content.
    /// None given: the sources of `tenure.yaml`.
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Touch no network: live targets are an error.
    #[arg(long)]
    pub offline: bool,
    /// Scan every account of the AWS organisation, not only the caller's.
    #[arg(long)]
    pub organization: bool,
    /// Further directory of rules; repeatable.
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,
}

/// What is reported and what fails, for commands that judge.
#[derive(Clone, Debug, Args)]
pub struct Reporting {
    /// Write a report: `FORMAT[:PROFILE]=PATH` or `FORMAT` for stdout; repeatable.
    /// Formats: table, json, sarif, sarif:github, sarif:gitlab, sarif:defectdojo,
    /// html, markdown, markdown:comment, github (annotations), github:outputs, csv,
    /// ocsf. Without it: the table on stdout.
    #[arg(short, long = "output", value_name = "FORMAT[=PATH]")]
    pub output: Vec<String>,
    /// Also write SARIF, HTML and JSON into this directory (`reports` when none is named).
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "reports"
    )]
    pub reports: Option<PathBuf>,
    /// Which findings fail: any, none, or, where there is a baseline or an earlier state
    /// to compare with, new and widened (the default then).
    #[arg(long, value_enum, value_name = "WHICH", value_delimiter = ',')]
    pub fail_on: Vec<FailOn>,
    /// Findings below this severity neither gate nor appear.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub min_severity: Option<Severity>,
    /// Replace names by stable pseudonyms in every report. They are hashes without a
    /// key: whoever guesses a name can check the guess.
    #[arg(long)]
    pub redact: bool,
    /// List every finding, also where a terminal would get the first 50.
    #[arg(long)]
    pub all: bool,
}

/// `tenure scan`
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// What to scan.
    #[command(flatten)]
    pub sources: Sources,
    /// What is reported and what fails.
    #[command(flatten)]
    pub reporting: Reporting,
    /// Accepted access, written by `tenure baseline create`: only what is new or
    /// wider makes the scan fail.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Earlier snapshot, beside those of `jit.earlier`: since when access is there, and
    /// whether it went when its grant ended. Needs a ledger (`jit.ledger`); repeatable.
    #[arg(long, value_name = "SNAPSHOT")]
    pub earlier: Vec<PathBuf>,
    /// Fail (exit 3) if less than this share of what rules need could be seen, in percent.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub fail_coverage_below: Option<u8>,
    /// Keep what was collected in this directory.
    #[arg(long, value_name = "DIR")]
    pub snapshot: Option<PathBuf>,
}

/// Which findings make a scan fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Every finding.
    Any,
    /// Access the baseline does not know.
    New,
    /// Access that allows, stands or lasts more than the baseline says.
    Widened,
    /// None: report only.
    None,
}

/// `tenure collect`
#[derive(Debug, Args)]
pub struct CollectArgs {
    /// Live sources: `aws[:PROFILE]`, `kubernetes[:CONTEXT]`, `github:ORG`, `vault[:ADDRESS]`.
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Where to write the snapshot. What is already there is kept and not asked for again.
    #[arg(short, long, value_name = "DIR", default_value = "tenure-snapshot")]
    pub directory: PathBuf,
    /// Read every account of the AWS organisation, not only the caller's.
    #[arg(long)]
    pub organization: bool,
}

/// `tenure diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// What was and what is: snapshots, files, or baselines. With `--git`: the paths to
    /// compare, all when none is named.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Compare two states of the repository without a checkout: BASE..HEAD, BASE...HEAD
    /// (from their common ancestor), or BASE for the work tree.
    #[arg(long, value_name = "RANGE")]
    pub git: Option<String>,
    /// Compare what a Terraform plan (`terraform show -json`; `-` for stdin) would
    /// change; paths then name directories of its sources, those beside it by default.
    #[arg(long, value_name = "FILE", conflicts_with = "git")]
    pub plan: Option<PathBuf>,
    /// Print JSON instead of text; for two files or baselines.
    #[arg(long, conflicts_with_all = ["git", "plan"])]
    pub json: bool,
    /// What is reported and what fails.
    #[command(flatten)]
    pub reporting: Reporting,
    /// Access accepted by name (`tenure baseline accept`) does not fail the check until
    /// its last day.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Further directory of rules; repeatable.
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,
}

/// `tenure baseline`
#[derive(Debug, Args)]
pub struct BaselineArgs {
    /// What to do with the baseline.
    #[command(subcommand)]
    pub action: BaselineAction,
    /// The baseline file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "tenure.baseline.jsonl"
    )]
    pub file: PathBuf,
}

/// What to do with the baseline.
#[derive(Debug, Subcommand)]
pub enum BaselineAction {
    /// Accept everything that is there now.
    Create {
        /// What to scan.
        #[command(flatten)]
        sources: Sources,
        /// Write over an existing baseline.
        #[arg(long)]
        force: bool,
    },
    /// Accept single findings by name, with an owner and a last day.
    Accept {
        /// Ids of findings, or keys of facts (`entitlement:…`).
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Who answers for it.
        #[arg(long)]
        owner: String,
        /// Why it is accepted.
        #[arg(long)]
        reason: String,
        /// The last day (UTC) on which it holds: 2026-12-31.
        #[arg(long, value_name = "DATE")]
        expires: jiff::civil::Date,
        /// Where it was decided.
        #[arg(long)]
        ticket: Option<String>,
        /// What to scan; repeatable.
        #[arg(long = "in", value_name = "TARGET")]
        targets: Vec<String>,
    },
    /// Drop what is no longer there.
    Prune {
        /// What to scan.
        #[command(flatten)]
        sources: Sources,
    },
}
