//! Declared exceptions: accepted findings with an owner, a reason and a last day.
//!
//! They stand under `exceptions:` in `tenure.yaml`, where a review sees them. One
//! that is malformed is a configuration error; one that has run out gives its
//! finding back; one that matches nothing is pointed out.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::config::Exception;
use crate::model::{Finding, Suppression, Sym, Tier, glob};

/// How an exception fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It holds back at least one finding.
    Used,
    /// Nothing matches it.
    Unused,
    /// Its last day is past; what it held back is back.
    Expired,
    /// What it covers has widened since it was accepted.
    Void,
}

/// An exception after a scan.
#[derive(Clone, Debug)]
pub struct Fared<'a> {
    /// The exception.
    pub exception: &'a Exception,
    /// How it fared.
    pub fate: Fate,
    /// How many findings match it.
    pub findings: usize,
}

/// The day of `now` in UTC: exceptions hold to the end of their last day there.
pub(super) fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// Suppresses what valid exceptions cover. `widened` tells whether the access behind
/// a finding has grown since it was accepted; such a finding is never held back.
pub fn apply<'a>(
    findings: &mut [Finding],
    exceptions: &'a [Exception],
    widened: &dyn Fn(&Finding) -> bool,
    now: Timestamp,
) -> Vec<Fared<'a>> {
    let today = today(now);
    exceptions
        .iter()
        .map(|exception| {
            let expired = exception.expires < today;
            let mut matched = 0;
            let mut held = 0;
            for finding in findings.iter_mut() {
                if !covers(exception, finding) {
                    continue;
                }
                matched += 1;
                if expired || widened(finding) || finding.suppressed.is_some() {
                    continue;
                }
                held += 1;
                finding.suppressed = Some(Suppression {
                    exception: Sym::new(&exception.id),
                    owner: Sym::new(&exception.owner),
                    reason: exception.reason.as_str().into(),
                    expires: Some(exception.expires),
                });
            }
            let fate = match (matched, expired, held) {
                (0, _, _) => Fate::Unused,
                (_, true, _) => Fate::Expired,
                (_, false, 0) => Fate::Void,
                (_, false, _) => Fate::Used,
            };
            Fared {
                exception,
                fate,
                findings: matched,
            }
        })
        .collect()
}

/// Whether an exception speaks of this finding: every selector it has must match.
fn covers(exception: &Exception, finding: &Finding) -> bool {
    let one = |wanted: &Option<String>, texts: &[&str]| {
        wanted
            .as_deref()
            .is_none_or(|pattern| texts.iter().any(|text| glob(pattern, text)))
    };
    let tier = exception
        .max_tier
        .as_deref()
        .and_then(|name| {
            [Tier::None, Tier::Read, Tier::Write, Tier::Admin]
                .into_iter()
                .find(|tier| tier.as_str() == name)
        })
        .is_none_or(|most| finding.tier <= most);
    one(&exception.rule, &[&finding.rule, &finding.name])
        && one(
            &exception.finding,
            &[&finding.id, &finding.fact.to_string()],
        )
        && one(
            &exception.subject,
            &[&finding.subject.id, &finding.subject.name],
        )
        && one(&exception.tenant, &[&finding.tenant])
        && exception
            .system
            .as_deref()
            .is_none_or(|system| system == finding.system.as_str())
        && tier
}
