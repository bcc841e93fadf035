//! What the user may say. The comments here are the `--help` texts.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::jit::import::{Kind, Window};
use crate::jit::ledger::Digest;
use crate::model::{Severity, System};

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

/// `tenure explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A rule id or name (`AWS301`, `access-key-not-rotated`), or the id of a finding.
    #[arg(value_name = "RULE|FINDING")]
    pub what: String,
    /// Where the finding was made.
    #[command(flatten)]
    pub sources: Sources,
}

/// `tenure can`
#[derive(Debug, Args)]
pub struct CanArgs {
    /// ARN, name or id of the identity.
    pub identity: String,
    /// The action: `s3:GetObject`.
    pub action: String,
    /// On what; anything, when left out.
    pub resource: Option<String>,
    /// Files or sources that hold the policies; repeatable.
    #[arg(short, long = "in", value_name = "TARGET")]
    pub targets: Vec<String>,
}

/// `tenure who-can`
#[derive(Debug, Args)]
pub struct WhoCanArgs {
    /// The action.
    pub action: String,
    /// On what; anything, when left out.
    pub resource: Option<String>,
    /// Files or sources that hold the policies; repeatable.
    #[arg(short, long = "in", value_name = "TARGET")]
    pub targets: Vec<String>,
}

/// `tenure paths`
#[derive(Debug, Args)]
pub struct PathsArgs {
    /// What to scan.
    #[command(flatten)]
    pub sources: Sources,
    /// Only ways that start at an identity whose id or name matches this pattern.
    #[arg(long, value_name = "PATTERN")]
    pub from: Option<String>,
    /// Only ways that end at this tier or at an identity that matches this pattern.
    #[arg(long, value_name = "TIER|PATTERN")]
    pub to: Option<String>,
    /// Only ways that end in this system.
    #[arg(long, value_name = "SYSTEM", value_parser = system)]
    pub system: Option<System>,
    /// Only ways that cross from one system to another.
    #[arg(long)]
    pub across: bool,
    /// Print what shows each step.
    #[arg(long)]
    pub evidence: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// `tenure simulate`
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The system whose authorization is simulated.
    #[arg(value_name = "SYSTEM", value_parser = system)]
    pub system: System,
    /// Kubernetes: the RBAC objects for all cases that name none of their own.
    #[arg(long, value_name = "FILE")]
    pub objects: Option<PathBuf>,
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

/// `tenure ledger`
#[derive(Debug, Args)]
#[command(
    after_help = "Just-in-time systems forget: they delete requests, overwrite times, keep no proof.
A ledger keeps what they said: one event a line of JSON, each line with the digest of
itself and of the line before, so that nothing can be changed unseen. Harvest at least
twice in the shortest time a source keeps its records.

Examples:
  tenure ledger import aws-team requests.json --covers 2026-01-01..2026-11-22
  tenure ledger import csv access.csv --map columns.yaml
  tenure ledger verify --head sha256:…          nothing was changed since that head
  tenure ledger list
  tenure ledger show aws-team:7f3c              request, approval, issue, use, end

Exit codes: 0 done, 1 the ledger is not as it was written, 2 error, 3 records could not be used."
)]
pub struct LedgerArgs {
    /// What to do with the ledger.
    #[command(subcommand)]
    pub action: LedgerAction,
    /// The ledger.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "tenure.ledger.jsonl"
    )]
    pub ledger: PathBuf,
}

/// What to do with the ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerAction {
    /// Add what a just-in-time system exported. What is there already is not repeated.
    #[command(after_long_help = import_help())]
    Import {
        /// What the files are: aws-team, csv, entra-pim, gcp-pam, github-environments,
        /// json, kubernetes, teleport, vault-audit or vault-leases.
        #[arg(value_name = "KIND")]
        kind: Kind,
        /// Files, or directories of them; a snapshot directory for `kubernetes`.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// What the columns of a CSV file or the members of JSON records mean (YAML).
        #[arg(long, value_name = "FILE")]
        map: Option<PathBuf>,
        /// Which of several systems of this kind: a cluster, directory or vault by the
        /// name scans use for it.
        #[arg(long, value_name = "NAME")]
        instance: Option<String>,
        /// For which time the files hold every grant: `FROM..TO`. Without it coverage
        /// is what the files themselves prove, mostly partial.
        #[arg(long, value_name = "FROM..TO")]
        covers: Option<Window>,
        /// Name of the chain; by default the one the ledger ends with.
        #[arg(long, value_name = "NAME")]
        chain: Option<String>,
        /// Read and say what would be added, and add nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Name every line that was altered, dropped or moved.
    Verify {
        /// Segments in their order, instead of the ledger.
        #[arg(value_name = "FILE")]
        segments: Vec<PathBuf>,
        /// A head printed earlier: the ledger must still hold everything up to it.
        #[arg(long, value_name = "sha256:…")]
        head: Option<Digest>,
    },
    /// Show the life of one grant, with its gaps.
    Show {
        /// Its id, or the end of it.
        #[arg(value_name = "GRANT")]
        grant: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List grants and what the ledger covers.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

fn import_help() -> String {
    let mut text = "Kinds:\n".to_owned();
    for kind in Kind::ALL {
        text.push_str(&format!("  {:<20} {}\n", kind.as_str(), kind.reads()));
    }
    text.push_str("\nFields a map may name (and `scope.…`):\n");
    text.push_str(&crate::jit::import::fields());
    text.push_str("\ndocs/ledger.md has a recipe for the export of each system.");
    text
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

fn severity(text: &str) -> Result<Severity, String> {
    text.parse()
}

fn system(text: &str) -> Result<System, String> {
    match text {
        "k8s" => Ok(System::Kubernetes),
        _ => match text.parse()? {
            System::Jit => Err("`jit` is read from a ledger; it is no system to connect to".into()),
            system => Ok(system),
        },
    }
}

/// A moment: RFC 3339, or a date or date-time without offset taken as UTC.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    text.parse::<jiff::civil::DateTime>()
        .ok()
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|time| time.timestamp())
        .ok_or_else(|| {
            format!("`{text}` is not a time; write it like 2026-11-22T08:00:00Z or 2026-11-22")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn moments_without_offset_are_utc() {
        let full: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        assert_eq!(moment("2026-11-22"), Ok(full));
        assert_eq!(moment("2026-11-22T00:00:00Z"), Ok(full));
        assert!(moment("yesterday").is_err());
    }
}
