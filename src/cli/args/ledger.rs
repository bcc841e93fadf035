//! The ledger of just-in-time grants.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::jit::import::{Kind, Window};
use crate::jit::ledger::Digest;

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
