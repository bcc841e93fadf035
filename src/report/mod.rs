//! Rendering: terminal table, SARIF, HTML, JSON, Markdown. Judges nothing.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{Coverage, Finding, Inventory, RuleCard};

/// The result of a scan, ready to render.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The moment of judgement.
    pub now: Timestamp,
    /// What was scanned, as the user named it.
    pub targets: Vec<String>,
    /// Findings, worst first; within a severity by rule, tenant and subject.
    pub findings: Vec<Finding>,
    /// What was and was not seen, rules that were not evaluable included.
    pub coverage: Vec<Coverage>,
    /// The facts behind the findings.
    #[serde(skip)]
    pub inventory: Inventory,
    /// The rules that judged, for their texts.
    #[serde(skip)]
    pub rules: Vec<RuleCard>,
    /// Ids of the findings that make the scan fail.
    pub gated: usize,
    /// The exit code this outcome has.
    pub exit: u8,
}
