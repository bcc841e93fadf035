//! Findings and changes as the page's template shows them.

use rustc_hash::FxHashMap;
use serde::Serialize;
use serde_json::json;

use super::island::clean;
use super::place_of;
use crate::model::{Activation, Finding, Gate, RuleCard, Sym, Tier};
use crate::report::text::visible;
use crate::report::{Change, Outcome, Weight};

/// A change as the template shows it.
#[derive(Serialize)]
pub struct ChangeRow {
    kind: String,
    class: &'static str,
    name: String,
    system: &'static str,
    tenant: String,
    what: String,
    before: Option<String>,
    after: Option<String>,
    by: Option<String>,
    tier: Tier,
}

impl ChangeRow {
    /// The row of a change.
    pub fn of(change: &Change) -> Self {
        ChangeRow {
            kind: clean(&change.kind.replace('-', " ")),
            class: match change.weight {
                Weight::Gate => "gate",
                Weight::Warn => "warn",
                Weight::Info => "",
            },
            name: clean(&change.subject.name),
            system: change.system.as_str(),
            tenant: clean(&change.tenant),
            what: clean(&change.what),
            before: change.before.as_deref().map(clean),
            after: change.after.as_deref().map(clean),
            by: change.by.as_deref().map(clean),
            tier: change.tier,
        }
    }
}

/// A finding as the template shows it; the script builds the same from the island.
#[derive(Serialize)]
pub struct Row {
    id: String,
    severity: &'static str,
    rule: String,
    message: String,
    subject: SubjectRow,
    system: &'static str,
    tenant: String,
    tier: &'static str,
    activation: Option<&'static str>,
    drift: Option<String>,
    gates: bool,
    why: String,
    steps: Vec<serde_json::Value>,
    evidence: Vec<serde_json::Value>,
    fix: String,
    accepted: Option<serde_json::Value>,
    place: Option<String>,
}

#[derive(Serialize)]
struct SubjectRow {
    name: String,
    kind: String,
    id: String,
}

impl Row {
    /// The row of a finding, with its rule's card among `cards`.
    pub fn of(finding: &Finding, outcome: &Outcome, cards: &FxHashMap<Sym, &RuleCard>) -> Self {
        let fix: Vec<String> = finding
            .fix
            .trim()
            .lines()
            .map(|line| visible(line).into_owned())
            .collect();
        Row {
            id: clean(&finding.id),
            severity: finding.severity.as_str(),
            rule: clean(&finding.rule),
            message: clean(&finding.message),
            subject: SubjectRow {
                name: clean(&finding.subject.name),
                kind: clean(&finding.subject.kind),
                id: clean(&finding.subject.id),
            },
            system: finding.system.as_str(),
            tenant: clean(&finding.tenant),
            tier: finding.tier.as_str(),
            activation: finding.activation.map(Activation::as_str),
            drift: finding.drift.map(|kind| clean(&kind.replace('-', " "))),
            gates: outcome.is_gated(finding),
            why: cards
                .get(&finding.rule)
                .map_or(String::new(), |card| clean(&card.why)),
            steps: finding
                .steps
                .iter()
                .map(|step| {
                    json!({
                        "from": clean(&step.from),
                        "action": clean(&step.action),
                        "to": clean(&step.to),
                        "gate": match step.gate {
                            Gate::None => "",
                            Gate::Unproved => "gate unproved",
                            Gate::Proved => "gate proved",
                            Gate::Unknown => "gate not seen",
                        },
                    })
                })
                .collect(),
            evidence: finding
                .evidence
                .iter()
                .map(|shown| {
                    json!({
                        "what": clean(&shown.what),
                        "source": clean(&shown.source),
                        "place": shown.location.as_ref().map(place_of),
                        "excerpt": shown.excerpt.as_deref().map(clean),
                    })
                })
                .collect(),
            fix: fix.join("\n"),
            accepted: finding.suppressed.as_ref().map(|note| {
                json!({
                    "exception": clean(&note.exception),
                    "owner": clean(&note.owner),
                    "reason": clean(&note.reason),
                    "expires": note.expires.map(|day| day.to_string()),
                })
            }),
            place: finding.location.as_ref().map(place_of),
        }
    }
}
