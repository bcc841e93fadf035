//! Which findings make a scan fail, given a baseline and exceptions.

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use super::baseline::Baseline;
use super::diff::{Change, ChangeKind, Weight};
use super::exception::today;
use crate::model::{FactKey, Finding, Suppression, Sym};

/// Which changes fail a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailOn {
    /// Access that was not there.
    pub new: bool,
    /// Access that was there and allows, stands or lasts more now.
    pub widened: bool,
    /// Every open finding, whatever the baseline says.
    pub any: bool,
}

impl FailOn {
    /// Every open finding.
    pub const ANY: FailOn = FailOn {
        new: true,
        widened: true,
        any: true,
    };
    /// New and widened access.
    pub const DRIFT: FailOn = FailOn {
        new: true,
        widened: true,
        any: false,
    };
    /// Nothing.
    pub const NONE: FailOn = FailOn {
        new: false,
        widened: false,
        any: false,
    };

    fn gates(self, kind: ChangeKind) -> bool {
        match kind.weight() {
            Weight::Gate if kind == ChangeKind::Added => self.new,
            Weight::Gate => self.widened,
            Weight::Warn | Weight::Info => false,
        }
    }
}

/// Marks each finding with what changed about its fact, and holds back what the
/// baseline accepts by name. Gives full sentences about acceptances that have run out.
pub fn mark(
    findings: &mut [Finding],
    baseline: &Baseline,
    changes: &[Change],
    now: Timestamp,
) -> Vec<String> {
    let today = today(now);
    let changed: FxHashMap<FactKey, ChangeKind> = changes
        .iter()
        .map(|change| (change.key, change.kind))
        .collect();
    let mut notices = Vec::new();
    for finding in findings {
        let kind = changed.get(&finding.fact).copied();
        finding.drift = Some(Sym::new(kind.map_or("unchanged", ChangeKind::as_str)));
        if kind.is_some_and(|kind| kind.weight() == Weight::Gate) {
            continue;
        }
        let Some(accepted) = baseline.accepted.get(&finding.fact) else {
            continue;
        };
        if accepted.expires < today {
            finding.drift = Some(Sym::new("acceptance-expired"));
            notices.push(format!(
                "the acceptance of {} by {} ended on {}: its finding is back",
                finding.fact, accepted.owner, accepted.expires
            ));
            continue;
        }
        finding.suppressed = Some(Suppression {
            exception: Sym::new("baseline"),
            owner: accepted.owner,
            reason: accepted.reason.clone(),
            expires: Some(accepted.expires),
        });
    }
    notices.sort();
    notices.dedup();
    notices
}

/// Ids of the findings that make the scan fail, sorted.
pub fn gated(findings: &[Finding], changes: &[Change], fail_on: FailOn) -> Vec<Sym> {
    let changed: FxHashMap<FactKey, ChangeKind> = changes
        .iter()
        .map(|change| (change.key, change.kind))
        .collect();
    let mut ids: Vec<Sym> = findings
        .iter()
        .filter(|finding| finding.suppressed.is_none())
        .filter(|finding| {
            let kind = changed.get(&finding.fact).copied();
            let lapsed = finding
                .drift
                .is_some_and(|drift| drift == "acceptance-expired");
            fail_on.any || (lapsed && fail_on.new) || kind.is_some_and(|kind| fail_on.gates(kind))
        })
        .map(|finding| finding.id)
        .collect();
    ids.sort();
    ids.dedup();
    ids
}
