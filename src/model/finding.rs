//! A rule that holds for a fact.

use std::fmt::Write as _;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Activation, EntitlementId, Evidence, FactKey, Location, Step, Sym, System, Tier};

/// How bad. Ordered from least to worst.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    #[default]
    Info,
    /// Mend when convenient.
    Low,
    /// Mend soon.
    Medium,
    /// Mend now.
    High,
    /// Drop everything.
    Critical,
}

impl Severity {
    /// Every severity, worst first.
    pub const WORST_FIRST: [Severity; 5] = [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
        Severity::Info,
    ];

    /// The name used in rules and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Severity::WORST_FIRST
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .ok_or_else(|| {
                format!("`{text}` is not a severity; expected info, low, medium, high or critical")
            })
    }
}

/// Whom or what a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The system's own id: ARN, `kind/namespace/name`, login or node id, path.
    pub id: Sym,
    /// `human`, `workload`, `access-key`, `token`, `tenant` and the like.
    pub kind: Sym,
    /// Name for people. Untrusted text.
    pub name: Sym,
}

/// Why a finding does not gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// Id of the exception, or `baseline`.
    pub exception: Sym,
    /// Who answers for it.
    pub owner: Sym,
    /// Why it is accepted.
    pub reason: Box<str>,
    /// Last day (UTC) on which it holds.
    pub expires: Option<Date>,
}

/// A rule that holds for a fact, ready to report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable across scans: hash of rule and fact, independent of everything else.
    pub id: Sym,
    /// Rule id: `AWS101`.
    pub rule: Sym,
    /// Rule name: `standing-admin-role`.
    pub name: Sym,
    /// How bad.
    pub severity: Severity,
    /// Families: `escalation`, `admin`, `trust`, `credential`, `standing`, `jit`,
    /// `path`, `coverage`.
    pub tags: Vec<Sym>,
    /// The system.
    pub system: System,
    /// Account, organisation, cluster or vault.
    pub tenant: Sym,
    /// Whom or what it is about.
    pub subject: Subject,
    /// The tier at stake.
    pub tier: Tier,
    /// Whether the privilege stands, where the fact is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// What is wrong, in one sentence about this very fact.
    pub message: Box<str>,
    /// What shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The way, where the fact is a path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Where it stands in the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What to do, exactly.
    pub fix: Box<str>,
    /// The fact it is about: the same in every scan, whichever rule speaks of it.
    pub fact: FactKey,
    /// The entitlement it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entitlement: Option<EntitlementId>,
    /// What changed since the baseline, where there is one: `added`, `widened`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Sym>,
    /// Why it does not gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
}

impl Finding {
    /// The id of what `rule` says about a fact: a hash over the rule and the key of the
    /// fact, stable as long as both are.
    pub fn id_of(rule: Sym, key: FactKey) -> Sym {
        let mut hash = Sha256::new();
        hash.update(b"tenure-finding-1\0");
        hash.update(rule.as_bytes());
        hash.update(b"\0");
        hash.update(key.to_string());
        let mut text = String::with_capacity(32);
        for byte in &hash.finalize()[..16] {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Sym::new(&text)
    }
}
