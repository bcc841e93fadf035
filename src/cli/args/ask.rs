//! Questions to what was scanned, and to the evaluators.

use std::path::PathBuf;

use clap::Args;

use super::scan::Sources;
use super::value::system;
use crate::model::System;

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
