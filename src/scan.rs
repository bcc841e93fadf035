//! Runs the stages: from what was read to an [`Outcome`].

use jiff::Timestamp;
use rustc_hash::FxHashSet;

mod author;
mod evidence;
mod timeline;

use crate::config::Config;
use crate::drift::{self, Baseline, Change, FailOn, Fate, Weight};
use crate::jit::stage::{self, round};
use crate::model::{
    Coverage, FactKey, Finding, Inventory, RuleCard, Seen, Severity, Subject, Sym, System,
};
use crate::reach;
use crate::report::{self, Changes, ExceptionNote, ExceptionState, Outcome};
use crate::resolve::{self, Context};
use crate::rules::RuleSet;
use crate::snapshot::Snapshot;

/// Resolves a snapshot to facts, and joins its systems.
///
/// Documents of which nothing came out are a gap: silence of an evaluator must not
/// look like a clean bill.
pub fn facts(snapshot: &Snapshot, config: &Config, now: Timestamp) -> Inventory {
    let mut inventory = resolve::resolve(snapshot, &Context { config, now });
    for system in System::ALL {
        let documents = snapshot.of(system).len();
        let silent = inventory.identities.iter().all(|one| one.system != system)
            && inventory.tenants.iter().all(|one| one.system != system)
            && inventory.coverage.iter().all(|one| one.system != system);
        if documents > 0 && silent {
            inventory.coverage.push(Coverage::lacking(
                system,
                Sym::new(system.as_str()),
                "input",
                Seen::None,
                format!("{documents} documents were read, and nothing could be made of them"),
            ));
        }
    }
    // Grants are gates, so they are known before the ways are looked for.
    let earlier = evidence::reconcile(&mut inventory, config, now);
    reach::run(&mut inventory);
    if let Some(earlier) = earlier {
        round::across(&mut inventory);
        stage::outlived(&mut inventory, &earlier, now);
    }
    inventory
}

/// How facts are judged.
#[derive(Clone, Debug)]
pub struct Judge<'a> {
    config: &'a Config,
    rules: &'a RuleSet,
    now: Timestamp,
    /// Findings below this neither gate nor appear.
    pub min_severity: Severity,
    /// Least share of what rules need that must have been seen, in percent.
    pub min_coverage: Option<u8>,
    /// Which findings make the scan fail; by default every one, or with a baseline
    /// what is new or wider.
    pub fail_on: Option<FailOn>,
    /// What was accepted, and the file that says so.
    pub baseline: Option<(String, Baseline)>,
}

impl<'a> Judge<'a> {
    /// Every finding counts, nothing is accepted.
    pub fn new(config: &'a Config, rules: &'a RuleSet, now: Timestamp) -> Self {
        Judge {
            config,
            rules,
            now,
            min_severity: Severity::Info,
            min_coverage: None,
            fail_on: None,
            baseline: None,
        }
    }

    /// Judges facts; `targets` are named in the reports.
    pub fn judge(&self, inventory: Inventory, targets: Vec<String>) -> Outcome {
        let judged = self.rules.judge(&inventory, self.config, self.now);
        let mut findings: Vec<Finding> = judged
            .findings
            .into_iter()
            .filter(|finding| finding.severity >= self.min_severity)
            .collect();
        let mut coverage = inventory.coverage.clone();
        coverage.extend(judged.coverage);
        coverage.sort_by(|a, b| {
            (a.system, a.tenant, a.kind, a.seen, &a.reason)
                .cmp(&(b.system, b.tenant, b.kind, b.seen, &b.reason))
        });
        coverage.dedup();

        let mut notices = Vec::new();
        let mut changed = Vec::new();
        if let Some((_, accepted)) = &self.baseline {
            let is = Baseline::of(&inventory);
            changed = drift::diff(accepted, &is, &inventory.coverage);
            let news = drift::findings(&changed, accepted, &is, &inventory, &findings, self.now);
            findings.extend(
                news.into_iter()
                    .filter(|finding| finding.severity >= self.min_severity),
            );
            notices = drift::mark(&mut findings, accepted, &changed, self.now);
        }
        let exceptions = self.except(&mut findings, &changed, &mut notices);
        let fail_on = self.fail_on.unwrap_or(match &self.baseline {
            Some(_) => FailOn::DRIFT,
            None => FailOn::ANY,
        });
        let gated = drift::gated(&findings, &changed, fail_on);
        let exit = exit_code(!gated.is_empty(), &coverage, self.min_coverage);
        let mut outcome = Outcome {
            now: self.now,
            targets,
            findings,
            coverage,
            rules: self.cards(),
            gated,
            changes: self.baseline.as_ref().map(|(file, accepted)| Changes {
                baseline: file.clone(),
                guid: accepted.guid(),
                items: shown_all(&changed, &inventory),
            }),
            exceptions,
            timelines: timeline::of(&inventory),
            notices,
            exit,
            inventory,
        };
        outcome.sort();
        outcome
    }

    /// The rules, and with a baseline what is said of changes.
    fn cards(&self) -> Vec<RuleCard> {
        let mut cards = self.rules.cards();
        if self.baseline.is_some() {
            cards.extend(drift::cards());
        }
        cards
    }

    /// Applies the declared exceptions and says how each fared.
    fn except(
        &self,
        findings: &mut [Finding],
        changed: &[Change],
        notices: &mut Vec<String>,
    ) -> Vec<ExceptionNote> {
        let wider: FxHashSet<FactKey> = changed
            .iter()
            .filter(|change| change.before.is_some() && change.kind.weight() == Weight::Gate)
            .map(|change| change.key)
            .collect();
        drift::apply_exceptions(
            findings,
            &self.config.exceptions,
            &|finding| wider.contains(&finding.fact),
            self.now,
        )
        .into_iter()
        .map(|fared| {
            let declared = fared.exception;
            let id = &declared.id;
            match fared.fate {
                Fate::Used => {}
                Fate::Unused => notices.push(format!("exception {id} matches nothing; remove it")),
                Fate::Expired => notices.push(format!(
                    "exception {id} of {} ended on {}: {} of its findings are back",
                    declared.owner, declared.expires, fared.findings
                )),
                Fate::Void => notices.push(format!(
                    "exception {id} no longer applies: the access it covers has widened"
                )),
            }
            ExceptionNote {
                id: Sym::new(id),
                covers: covers(declared).into(),
                owner: Sym::new(&declared.owner),
                reason: declared.reason.as_str().into(),
                ticket: declared.ticket.as_deref().map(Into::into),
                expires: Some(declared.expires),
                state: match fared.fate {
                    Fate::Used => ExceptionState::Used,
                    Fate::Unused => ExceptionState::Unused,
                    Fate::Expired => ExceptionState::Expired,
                    Fate::Void => ExceptionState::Void,
                },
                findings: fared.findings,
            }
        })
        .collect()
    }
}

/// An exception's selectors, as declared.
fn covers(exception: &crate::config::Exception) -> String {
    [
        ("rule", &exception.rule),
        ("finding", &exception.finding),
        ("subject", &exception.subject),
        ("system", &exception.system),
        ("tenant", &exception.tenant),
        ("at most", &exception.max_tier),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name} {}", value.as_deref()?)))
    .collect::<Vec<_>>()
    .join(", ")
}

/// The changes as reports show them.
fn shown_all(changed: &[Change], inventory: &Inventory) -> Vec<report::Change> {
    let authors = author::of(inventory);
    let shown = |change| shown(change, authors.get(&change.key).cloned());
    changed.iter().filter_map(shown).collect()
}

/// A change as reports show it; `by` is who gave the access there is now.
fn shown(change: &Change, by: Option<Box<str>>) -> Option<report::Change> {
    let record = change.after.as_ref().or(change.before.as_ref())?;
    let state = |record: &drift::Record| {
        let mut text = format!("{} ({})", record.what, record.tier.as_str());
        if let Some(condition) = record.condition {
            text.push_str(&format!(" if {condition}"));
        }
        text.into_boxed_str()
    };
    let what = match change.details.as_slice() {
        [] => format!("{} {}", record.what, change.kind.as_str().replace('-', " ")),
        details => format!("{}: {}", record.what, details.join("; ")),
    };
    Some(report::Change {
        kind: Sym::new(change.kind.as_str()),
        weight: change.kind.weight(),
        system: record.system,
        tenant: record.tenant,
        subject: Subject {
            id: record.who,
            kind: Sym::new(record.key.kind.as_str()),
            name: record.who,
        },
        tier: record.tier,
        what: what.into(),
        before: change.before.as_ref().map(state),
        after: change.after.as_ref().map(state),
        // Whoever gave it need not be whoever took it away.
        by: by.filter(|_| change.after.is_some()),
        entitlement: None,
    })
}

/// 1 when something gates, else 3 when something could not be seen, else 0.
fn exit_code(gates: bool, coverage: &[Coverage], least: Option<u8>) -> u8 {
    let short = least.is_some_and(|least| seen_percent(coverage) < least);
    if gates {
        1
    } else if short || coverage.iter().any(Coverage::is_gap) {
        3
    } else {
        0
    }
}

/// The share of required kinds of fact that were completely seen, in percent,
/// rounded down. 100 when nothing was required.
pub fn seen_percent(coverage: &[Coverage]) -> u8 {
    let required = coverage.iter().filter(|one| one.required);
    let (mut all, mut complete) = (0usize, 0usize);
    for one in required {
        all += 1;
        complete += usize::from(one.seen == Seen::Complete);
    }
    if all == 0 {
        return 100;
    }
    u8::try_from(complete * 100 / all).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap() -> Coverage {
        Coverage::lacking(System::Aws, Sym::new("1"), "aws.x", Seen::None, "denied")
    }

    fn seen() -> Coverage {
        Coverage::complete(System::Aws, Sym::new("1"), "aws.y", 1)
    }

    #[test]
    fn findings_outrank_gaps_and_gaps_outrank_nothing() {
        assert_eq!(exit_code(false, &[], None), 0);
        assert_eq!(exit_code(false, &[gap()], None), 3);
        assert_eq!(exit_code(true, &[gap()], None), 1);
        assert_eq!(exit_code(false, &[gap().optional()], None), 0);
        assert_eq!(exit_code(false, &[seen()], Some(100)), 0);
    }

    #[test]
    fn coverage_share_counts_what_is_required() {
        assert_eq!(seen_percent(&[]), 100);
        assert_eq!(seen_percent(&[gap(), seen()]), 50);
        assert_eq!(seen_percent(&[gap().optional(), seen()]), 100);
    }
}
