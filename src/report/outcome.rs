//! What a scan hands to the renderers.

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::drift::Weight;
use crate::model::{
    Coverage, EntitlementId, Finding, Inventory, RuleCard, Seen, Subject, Sym, System, Tier,
};

/// The result of a scan, ready to render.
///
/// Everything a report shows is in here; a renderer looks up nothing elsewhere and
/// judges nothing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// The moment of judgement.
    pub now: Timestamp,
    /// What was scanned, as the user named it.
    pub targets: Vec<String>,
    /// Findings, worst first; within a severity by rule, tenant and subject.
    /// [`Outcome::sort`] puts them in that order.
    pub findings: Vec<Finding>,
    /// What was and was not seen, rules that were not evaluable included.
    pub coverage: Vec<Coverage>,
    /// The facts behind the findings.
    #[serde(skip)]
    pub inventory: Inventory,
    /// The rules that judged, for their texts.
    #[serde(skip)]
    pub rules: Vec<RuleCard>,
    /// Ids of the findings that make the scan fail, sorted.
    pub gated: Vec<Sym>,
    /// What changed since the baseline, where there is one.
    pub changes: Option<Changes>,
    /// Every declared exception and how it fared, used or not.
    pub exceptions: Vec<ExceptionNote>,
    /// What just-in-time systems left behind, one entry per grant.
    pub timelines: Vec<Timeline>,
    /// Anything else a reader must know, in full sentences: an expired exception, a
    /// baseline written by other rules.
    pub notices: Vec<String>,
    /// The exit code this outcome has.
    pub exit: u8,
}

/// What changed between the accepted baseline and this scan.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Changes {
    /// The baseline, as the user named it.
    pub baseline: String,
    /// A UUID of what it holds: the same for the same accepted access, in whatever
    /// file.
    #[serde(skip)]
    pub guid: String,
    /// The changes; [`Outcome::sort`] puts gating ones first.
    pub items: Vec<Change>,
}

/// One entitlement or credential that is not what the baseline says.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// `added`, `became-standing`, `widened`, `extended`, `recreated`, `re-owned`,
    /// `removed`, `narrowed`, `shortened`, `became-eligible`, `expired`,
    /// `reclassified`, `incomparable`.
    pub kind: Sym,
    /// How much it matters.
    pub weight: Weight,
    /// The system.
    pub system: System,
    /// Account, organisation, cluster or vault.
    pub tenant: Sym,
    /// Whose access changed.
    pub subject: Subject,
    /// The tier now, or what it was where the access is gone.
    pub tier: Tier,
    /// What happened, in one sentence.
    pub what: Box<str>,
    /// What it was, in the system's words.
    pub before: Option<Box<str>>,
    /// What it is.
    pub after: Option<Box<str>>,
    /// Who did it and how that is known ("alice (recorded by its system)"), where it is.
    pub by: Option<Box<str>>,
    /// The entitlement.
    pub entitlement: Option<EntitlementId>,
}

/// A declared exception and how it fared.
#[derive(Clone, Debug, Serialize)]
pub struct ExceptionNote {
    /// Its id.
    pub id: Sym,
    /// What it covers, as declared: a rule and a selector.
    pub covers: Box<str>,
    /// Who answers for it.
    pub owner: Sym,
    /// Why it is accepted.
    pub reason: Box<str>,
    /// The ticket, where one is named.
    pub ticket: Option<Box<str>>,
    /// Last day (UTC) on which it holds.
    pub expires: Option<Date>,
    /// How it fared.
    pub state: ExceptionState,
    /// How many findings it holds back.
    pub findings: usize,
}

impl ExceptionNote {
    /// Whole days left after today; negative when it has run out, `None` when it
    /// names no last day.
    pub fn days_left(&self, now: Timestamp) -> Option<i32> {
        days_left(self.expires?, now)
    }
}

/// Whole days from the day of `now` (UTC) to `last`.
pub fn days_left(last: Date, now: Timestamp) -> Option<i32> {
    let today = now.to_zoned(TimeZone::UTC).date();
    today.until(last).ok().map(|span| span.get_days())
}

/// How an exception fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionState {
    /// It holds back at least one finding.
    Used,
    /// Nothing matches it.
    Unused,
    /// Its last day is past; what it held back is back.
    Expired,
    /// What it covers has widened since it was accepted; it no longer applies.
    Void,
}

impl ExceptionState {
    /// The name used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            ExceptionState::Used => "used",
            ExceptionState::Unused => "unused",
            ExceptionState::Expired => "expired",
            ExceptionState::Void => "void",
        }
    }
}

/// The evidence a just-in-time system and its targets left about one grant.
#[derive(Clone, Debug, Serialize)]
pub struct Timeline {
    /// The grant's id in its own system.
    pub grant: Sym,
    /// Who was let in.
    pub subject: Subject,
    /// The system let into.
    pub system: System,
    /// The tenant let into.
    pub tenant: Sym,
    /// What was granted, in a few words.
    pub what: Box<str>,
    /// What was granted, by the target's own ids.
    pub privileges: Vec<Sym>,
    /// The verdict of reconciliation: `COVERED`, `EXPIRED_BUT_LIVE`, ….
    pub state: Sym,
    /// Further marks: `SELF_APPROVED`, `TTL_TOO_LONG`, ….
    pub flags: Vec<Sym>,
    /// What happened, oldest first.
    pub events: Vec<TimelineEvent>,
    /// What should be in the chain and is not, each in one phrase ("no approval seen").
    pub gaps: Vec<Box<str>>,
}

/// One event in the life of a grant.
#[derive(Clone, Debug, Serialize)]
pub struct TimelineEvent {
    /// When, where it is known.
    pub at: Option<Timestamp>,
    /// What: `requested`, `approved`, `issued`, `expires`, `ended` and the like.
    pub what: Sym,
    /// Who did it.
    pub by: Option<Sym>,
    /// How good the statement is: `exact`, `derived`, `inferred`, `declared`.
    pub quality: Sym,
    /// Evidence class `E0` (declared only) to `E4`.
    pub evidence_class: Sym,
    /// A reason, a ticket, a record number.
    pub note: Option<Box<str>>,
}

impl Outcome {
    /// Puts everything in the order reports keep: findings worst first, then by rule,
    /// tenant, subject and id; changes by weight; coverage, exceptions and timelines
    /// by name.
    pub fn sort(&mut self) {
        self.findings.sort_by(|a, b| {
            let rank = |f: &Finding| (std::cmp::Reverse(f.severity), f.rule, f.system, f.tenant);
            rank(a)
                .cmp(&rank(b))
                .then_with(|| a.subject.cmp(&b.subject))
                .then_with(|| a.id.cmp(&b.id))
        });
        self.coverage
            .sort_by_key(|gap| (gap.system, gap.tenant, gap.kind));
        self.gated.sort();
        self.gated.dedup();
        if let Some(changes) = &mut self.changes {
            changes.items.sort_by(|a, b| {
                let rank = |c: &Change| {
                    let worst = std::cmp::Reverse((c.weight, c.tier));
                    (worst, c.kind, c.system, c.tenant, c.entitlement)
                };
                rank(a)
                    .cmp(&rank(b))
                    .then_with(|| a.subject.cmp(&b.subject))
                    .then_with(|| a.what.cmp(&b.what))
            });
        }
        self.exceptions.sort_by_key(|note| note.id);
        self.timelines
            .sort_by_key(|line| (line.system, line.tenant, line.grant));
    }

    /// What could not be seen although a verdict depends on it.
    pub fn gaps(&self) -> impl Iterator<Item = &Coverage> {
        self.coverage.iter().filter(|part| part.is_gap())
    }

    /// Findings nobody has accepted.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.suppressed.is_none())
    }

    /// Whether this finding makes the scan fail. Needs [`Outcome::gated`] sorted.
    pub fn is_gated(&self, finding: &Finding) -> bool {
        self.gated.binary_search(&finding.id).is_ok()
    }

    /// The card of a rule.
    pub fn rule(&self, id: Sym) -> Option<&RuleCard> {
        self.rules.iter().find(|card| id == card.id.as_str())
    }
}

/// How coverage reads: a gap that matters, a gap that does not, or none.
pub(crate) fn coverage_word(part: &Coverage) -> &'static str {
    match (part.seen, part.required) {
        (Seen::Complete, _) => "complete",
        (Seen::Partial, true) => "partial",
        (Seen::None, true) => "not seen",
        (Seen::Partial, false) => "partial, not needed",
        (Seen::None, false) => "not asked for",
    }
}
