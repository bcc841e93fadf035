//! Counts every report shows.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Outcome;
use super::text::{count, thousands};
use crate::model::{Activation, Severity, System, Tier, Verdict};

/// What a scan comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Findings in all.
    pub findings: usize,
    /// Findings nobody has accepted.
    pub open: usize,
    /// Findings an exception or the baseline holds back.
    pub suppressed: usize,
    /// Findings that make the scan fail.
    pub gated: usize,
    /// Facts a verdict depends on that could not be seen.
    pub gaps: usize,
    /// The exit code.
    pub exit: u8,
    /// Open findings by severity, all five named.
    pub by_severity: BTreeMap<&'static str, usize>,
    /// Open findings by system.
    pub by_system: BTreeMap<&'static str, usize>,
    /// Open findings by the tier at stake.
    pub by_tier: BTreeMap<&'static str, usize>,
    /// Open findings by activation, where they have one.
    pub by_activation: BTreeMap<&'static str, usize>,
    /// Open findings by rule.
    pub by_rule: BTreeMap<&'static str, usize>,
    /// Changes since the baseline by kind.
    pub by_change: BTreeMap<&'static str, usize>,
    /// Identities seen.
    pub identities: usize,
    /// Entitlements seen that let their holder act.
    pub entitlements: usize,
    /// Credentials seen.
    pub credentials: usize,
    /// How the entitlements stand.
    pub posture: Vec<Posture>,
}

/// Entitlements of one system and tier by activation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Posture {
    /// The system.
    pub system: System,
    /// The tier.
    pub tier: Tier,
    /// There day and night.
    pub standing: usize,
    /// Must be activated.
    pub eligible: usize,
    /// Active and proved just-in-time grants.
    pub jit: usize,
    /// Registered emergency access.
    pub break_glass: usize,
    /// Declared exceptions.
    pub exception: usize,
    /// Cannot be told.
    pub unknown: usize,
}

impl Posture {
    /// All of them.
    pub fn total(&self) -> usize {
        self.parts().iter().map(|(_, n)| n).sum()
    }

    /// The counts by activation, in report order.
    pub fn parts(&self) -> [(Activation, usize); 6] {
        [
            (Activation::Standing, self.standing),
            (Activation::Unknown, self.unknown),
            (Activation::Exception, self.exception),
            (Activation::BreakGlass, self.break_glass),
            (Activation::Eligible, self.eligible),
            (Activation::Jit, self.jit),
        ]
    }

    fn add(&mut self, activation: Activation) {
        let place = match activation {
            Activation::Standing => &mut self.standing,
            Activation::Eligible => &mut self.eligible,
            Activation::Jit => &mut self.jit,
            Activation::BreakGlass => &mut self.break_glass,
            Activation::Exception => &mut self.exception,
            Activation::Unknown => &mut self.unknown,
        };
        *place += 1;
    }
}

impl Summary {
    /// Counts.
    pub fn of(outcome: &Outcome) -> Self {
        let mut summary = Summary {
            findings: outcome.findings.len(),
            gated: outcome.gated.len(),
            gaps: outcome.gaps().count(),
            exit: outcome.exit,
            identities: outcome.inventory.identities.len(),
            credentials: outcome.inventory.credentials.len(),
            by_severity: Severity::WORST_FIRST
                .into_iter()
                .map(|severity| (severity.as_str(), 0))
                .collect(),
            ..Summary::default()
        };
        for finding in outcome.open() {
            summary.open += 1;
            let mut add = |map: fn(&mut Summary) -> &mut BTreeMap<&'static str, usize>, key| {
                *map(&mut summary).entry(key).or_default() += 1;
            };
            add(|s| &mut s.by_severity, finding.severity.as_str());
            add(|s| &mut s.by_system, finding.system.as_str());
            add(|s| &mut s.by_tier, finding.tier.as_str());
            add(|s| &mut s.by_rule, finding.rule.as_str());
            if let Some(activation) = finding.activation {
                add(|s| &mut s.by_activation, activation.as_str());
            }
        }
        summary.suppressed = summary.findings - summary.open;
        for change in outcome.changes.iter().flat_map(|changes| &changes.items) {
            *summary.by_change.entry(change.kind.as_str()).or_default() += 1;
        }
        let mut posture: BTreeMap<(System, std::cmp::Reverse<Tier>), Posture> = BTreeMap::new();
        for fact in &outcome.inventory.entitlements {
            if fact.verdict == Verdict::No {
                continue;
            }
            summary.entitlements += 1;
            posture
                .entry((fact.system, std::cmp::Reverse(fact.tier)))
                .or_insert(Posture {
                    system: fact.system,
                    tier: fact.tier,
                    standing: 0,
                    eligible: 0,
                    jit: 0,
                    break_glass: 0,
                    exception: 0,
                    unknown: 0,
                })
                .add(fact.activation);
        }
        summary.posture = posture.into_values().collect();
        summary
    }

    /// `2 critical, 4 high`: severities that occur, worst first.
    pub fn severities(&self) -> String {
        let words: Vec<String> = Severity::WORST_FIRST
            .into_iter()
            .filter_map(|severity| {
                let n = *self.by_severity.get(severity.as_str())?;
                (n > 0).then(|| format!("{} {severity}", thousands(n)))
            })
            .collect();
        words.join(", ")
    }

    fn gating(&self) -> String {
        let verb = if self.gated == 1 { "gates" } else { "gate" };
        format!("{} {verb}", count(self.gated, "finding"))
    }

    fn unseen(&self) -> String {
        match self.gaps {
            1 => "1 kind of fact".to_owned(),
            n => format!("{} kinds of fact", thousands(n)),
        }
    }

    /// One sentence: what the exit code means for this scan.
    pub fn verdict(&self) -> String {
        match self.exit {
            0 => "Nothing gates, and everything a verdict needs was seen.".to_owned(),
            1 if self.gaps > 0 => format!(
                "{}, and {} could not be seen.",
                self.gating(),
                self.unseen()
            ),
            1 => format!("{}.", self.gating()),
            3 => format!(
                "Incomplete: nothing gates, but {} could not be seen.",
                self.unseen()
            ),
            code => format!("The scan ended with exit code {code}."),
        }
    }
}
