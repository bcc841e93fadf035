//! The JSON report. Its schema is published in `docs/report-schema.json`.

use jiff::Timestamp;
use serde::Serialize;

use super::outcome::days_left;
use super::{Changes, ExceptionNote, Outcome, Summary, TOOL, Timeline, VERSION, safe_json};
use crate::model::{
    Activation, Coverage, EntitlementId, Evidence, FactKey, Finding, Location, Reference, RuleCard,
    Severity, Step, Subject, Suppression, Sym, System, Tier,
};

/// Names the version of the layout. A reader that knows it may rely on every key the
/// schema requires; new keys may be added without a new version.
pub const SCHEMA: &str = "urn:tenure:report:1";

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    tool: Tool,
    generated: Timestamp,
    targets: &'a [String],
    exit: u8,
    coverage: Vec<Seen<'a>>,
    summary: Summary,
    findings: Vec<Found<'a>>,
    changes: Option<&'a Changes>,
    exceptions: Vec<Excepted<'a>>,
    timelines: &'a [Timeline],
    notices: &'a [String],
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Seen<'a> {
    #[serde(flatten)]
    coverage: &'a Coverage,
    gap: bool,
}

/// A finding with every key present, so that a reader need not tell absent from null.
#[derive(Serialize)]
struct Found<'a> {
    id: Sym,
    rule: Sym,
    name: Sym,
    severity: Severity,
    tags: &'a [Sym],
    system: System,
    tenant: Sym,
    subject: &'a Subject,
    tier: Tier,
    activation: Option<Activation>,
    message: &'a str,
    evidence: &'a [Evidence],
    steps: &'a [Step],
    location: Option<&'a Location>,
    fact: FactKey,
    entitlement: Option<EntitlementId>,
    drift: Option<Sym>,
    fix: &'a str,
    gates: bool,
    suppressed: Option<&'a Suppression>,
}

#[derive(Serialize)]
struct Excepted<'a> {
    #[serde(flatten)]
    note: &'a ExceptionNote,
    days_left: Option<i32>,
}

#[derive(Serialize)]
struct Rule<'a> {
    id: &'a str,
    name: &'a str,
    severity: Severity,
    summary: &'a str,
    why: &'a str,
    fix: &'a str,
    tags: &'a [String],
    references: &'a [Reference],
}

impl<'a> Found<'a> {
    fn of(finding: &'a Finding, gates: bool) -> Self {
        Found {
            id: finding.id,
            rule: finding.rule,
            name: finding.name,
            severity: finding.severity,
            tags: &finding.tags,
            system: finding.system,
            tenant: finding.tenant,
            subject: &finding.subject,
            tier: finding.tier,
            activation: finding.activation,
            message: &finding.message,
            evidence: &finding.evidence,
            steps: &finding.steps,
            location: finding.location.as_ref(),
            fact: finding.fact,
            entitlement: finding.entitlement,
            drift: finding.drift,
            fix: &finding.fix,
            gates,
            suppressed: finding.suppressed.as_ref(),
        }
    }
}

impl<'a> From<&'a RuleCard> for Rule<'a> {
    fn from(card: &'a RuleCard) -> Self {
        Rule {
            id: &card.id,
            name: &card.name,
            severity: card.severity,
            summary: &card.summary,
            why: &card.why,
            fix: &card.fix,
            tags: &card.tags,
            references: &card.references,
        }
    }
}

/// Renders the JSON report.
pub fn render(outcome: &Outcome) -> serde_json::Result<Vec<u8>> {
    safe_json::pretty(&Report {
        schema: SCHEMA,
        tool: Tool {
            name: TOOL,
            version: VERSION,
        },
        generated: outcome.now,
        targets: &outcome.targets,
        exit: outcome.exit,
        coverage: outcome
            .coverage
            .iter()
            .map(|coverage| Seen {
                coverage,
                gap: coverage.is_gap(),
            })
            .collect(),
        summary: Summary::of(outcome),
        findings: outcome
            .findings
            .iter()
            .map(|finding| Found::of(finding, outcome.is_gated(finding)))
            .collect(),
        changes: outcome.changes.as_ref(),
        exceptions: outcome
            .exceptions
            .iter()
            .map(|note| Excepted {
                note,
                days_left: note.expires.and_then(|last| days_left(last, outcome.now)),
            })
            .collect(),
        timelines: &outcome.timelines,
        notices: &outcome.notices,
        rules: outcome.rules.iter().map(Rule::from).collect(),
    })
}
