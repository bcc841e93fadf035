//! OCSF events of class 2008, IAM Analysis Finding, one JSON object a line.
//!
//! After the Open Cybersecurity Schema Framework: category 2 (Findings), class 2008,
//! whose attributes are those of `events/findings/iam_analysis_finding.json`.

use serde_json::{Map, Value, json};

use super::text::visible;
use super::{Outcome, TOOL, VERSION, safe_json};
use crate::model::{Finding, RuleCard, Severity, Tier};

/// The version of the schema the events are written to.
const SCHEMA: &str = "1.7.0";
const CATEGORY: u32 = 2;
const CLASS: u32 = 2008;
/// A finding is created by each scan; OCSF's readers fold them by `finding_info.uid`.
const CREATE: u32 = 1;

/// Renders one event per finding.
pub fn render(outcome: &Outcome) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    for finding in &outcome.findings {
        out.append(&mut safe_json::line(&event(outcome, finding))?);
        out.push(b'\n');
    }
    Ok(out)
}

fn event(outcome: &Outcome, finding: &Finding) -> Value {
    let time = outcome.now.as_millisecond();
    let (severity_id, severity) = match finding.severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    };
    let (status_id, status) = if finding.suppressed.is_some() {
        (3, "Suppressed")
    } else {
        (1, "New")
    };
    let card = outcome.rule(finding.rule);
    json!({
        "activity_id": CREATE,
        "activity_name": "Create",
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "IAM Analysis Finding",
        "type_uid": CLASS * 100 + CREATE,
        "type_name": "IAM Analysis Finding: Create",
        "time": time,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "message": visible(&finding.message),
        "metadata": {
            "version": SCHEMA,
            "uid": format!("{}-{time}", finding.id),
            "log_name": TOOL,
            "product": {"name": "Tenure", "vendor_name": "Tenure", "version": VERSION},
        },
        "finding_info": info(finding, card, time),
        "user": user(finding),
        "permission_analysis_results": permissions(finding),
        "resources": [{
            "uid": finding.tenant,
            "type": format!("{} tenant", finding.system),
        }],
        "remediation": {"desc": visible(&finding.fix)},
        "comment": finding.suppressed.as_ref().map(|note| {
            format!("accepted by {}: {}", visible(&note.owner), visible(&note.reason))
        }),
        "unmapped": {
            "tier": finding.tier,
            "activation": finding.activation,
            "drift": finding.drift,
            "tenant": finding.tenant,
            "gates": outcome.is_gated(finding),
            "fact": finding.fact,
        },
    })
    .without_nulls()
}

fn info(finding: &Finding, card: Option<&RuleCard>, time: i64) -> Value {
    json!({
        "uid": finding.id,
        "title": card.map_or(finding.name.as_str(), |card| card.summary.as_str()),
        "desc": visible(&finding.message),
        "types": finding.tags,
        "last_seen_time": time,
        "analytic": {
            "uid": finding.rule,
            "name": finding.name,
            "type_id": 1,
            "type": "Rule",
            "desc": card.map(|card| card.why.as_str()),
        },
    })
}

fn user(finding: &Finding) -> Value {
    let (type_id, kind) = match (&*finding.subject.kind, finding.tier) {
        ("human" | "external", Tier::Admin) => (2, "Admin"),
        ("human" | "external", _) => (1, "User"),
        ("workload" | "agent", _) => (4, "Service"),
        (other, _) => (99, other),
    };
    json!({
        "uid": finding.subject.id,
        "name": visible(&finding.subject.name),
        "type_id": type_id,
        "type": kind,
        "is_privileged": finding.tier >= Tier::Write,
        "account": {"uid": finding.tenant},
    })
}

/// What shows it, by document. The class wants at least one analysis.
fn permissions(finding: &Finding) -> Vec<Value> {
    let shown: Vec<Value> = finding
        .evidence
        .iter()
        .map(|evidence| {
            json!({
                "policy": {
                    "uid": evidence.source,
                    "name": visible(&evidence.source),
                    "desc": visible(&evidence.what),
                },
            })
        })
        .collect();
    if shown.is_empty() {
        vec![json!({"policy": {"uid": finding.rule, "name": finding.name}})]
    } else {
        shown
    }
}

/// JSON without members that are null: OCSF knows absent, not null.
trait WithoutNulls {
    fn without_nulls(self) -> Value;
}

impl WithoutNulls for Value {
    fn without_nulls(self) -> Value {
        match self {
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, value)| (key, value.without_nulls()))
                    .collect::<Map<_, _>>(),
            ),
            Value::Array(items) => {
                Value::Array(items.into_iter().map(Self::without_nulls).collect())
            }
            other => other,
        }
    }
}
