//! Where a grant stands in time.

use jiff::{SignedDuration, Timestamp};

use super::Policy;
use crate::model::{EndCause, Grant, GrantKind, Moment, Progress};

/// Where a grant stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It gives nothing by itself.
    Eligible,
    /// Denied, withdrawn, cancelled.
    Refused,
    /// Not decided, or not issued.
    Pending,
    /// Issued for later.
    Scheduled,
    /// Ended before its time.
    Revoked,
    /// Ran out.
    Expired,
    /// Running.
    Active,
}

/// The phase of `grant` at `now`. An end counts only after the time its system
/// needs to carry it out; a start counts a clock's skew early.
pub(super) fn of(grant: &Grant, policy: &Policy, now: Timestamp) -> Phase {
    if grant.kind == GrantKind::Eligibility {
        return Phase::Eligible;
    }
    match grant.progress {
        Progress::Refused => return Phase::Refused,
        Progress::Pending => return Phase::Pending,
        // A tool that failed to issue did not keep anybody from having access
        // already: its window is judged like any other.
        Progress::Issued | Progress::Failed => {}
    }
    if start(grant).is_some_and(|start| start > add(now, policy.skew)) {
        return Phase::Scheduled;
    }
    let past = |end: Timestamp| add(end, policy.delay) < now;
    if let Some(ended) = grant.ended
        && past(ended)
    {
        return match grant.end_cause {
            Some(EndCause::Expiry) => Phase::Expired,
            _ if grant.expires.at().is_some_and(|expires| ended >= expires) => Phase::Expired,
            _ => Phase::Revoked,
        };
    }
    if grant.expires.at().is_some_and(past) {
        return Phase::Expired;
    }
    Phase::Active
}

/// When access began, as far as the source can say.
pub(super) fn start(grant: &Grant) -> Option<Timestamp> {
    grant.issued.or(grant.not_before).or(grant.requested)
}

/// How long access was granted for, as far as the source can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// Start and end are known.
    Is(SignedDuration),
    /// Only the request is: waiting for approval is no access, so it was at most this.
    AtMost(SignedDuration),
    /// It has an end, and nothing says when it began.
    Unknown,
    /// It has no end, or none that is known.
    Endless,
}

impl Length {
    /// Whether it is more than `most`; `None` where that is not known.
    pub fn exceeds(self, most: SignedDuration) -> Option<bool> {
        match self {
            Length::Is(length) => Some(length > most),
            Length::AtMost(length) => (length <= most).then_some(false),
            Length::Unknown => None,
            // What has no end is told apart from what lasts too long.
            Length::Endless => Some(false),
        }
    }

    /// Whether it ends before it begins.
    pub fn is_negative(self) -> bool {
        matches!(self, Length::Is(length) | Length::AtMost(length) if length.is_negative())
    }
}

/// See [`Length`].
pub(super) fn length(grant: &Grant) -> Length {
    let Some(end) = grant.expires.at() else {
        return Length::Endless;
    };
    match (grant.issued.or(grant.not_before), grant.requested) {
        (Some(start), _) => Length::Is(end.duration_since(start)),
        (None, Some(asked)) => Length::AtMost(end.duration_since(asked)),
        (None, None) => Length::Unknown,
    }
}

/// When a session opened under the grant can end at the latest.
pub(super) fn latest_end(grant: &Grant, session: Option<SignedDuration>) -> Option<Timestamp> {
    let end = grant.end()?;
    let longest = session.max(grant.max_session).unwrap_or_default();
    Some(add(end, longest))
}

/// The time a grant was active in, within the last `span` before `now`.
pub(super) fn window(
    grant: &Grant,
    span: SignedDuration,
    now: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let start = start(grant)?.max(sub(now, span));
    let end = match (grant.end(), grant.expires) {
        (Some(end), _) => end.min(now),
        (None, Moment::Never | Moment::Unknown | Moment::At(_)) => now,
    };
    (start < end).then_some((start, end))
}

/// How much of a span was covered, and by how many windows in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Persistence {
    /// Share of the span, in hundredths.
    pub percent: u8,
    /// The longest run of windows that follow each other without a real gap.
    pub chain: u32,
}

/// Two windows closer than this follow each other.
const GAP: SignedDuration = SignedDuration::from_mins(15);

/// The union of `windows` as a share of `span`.
pub(super) fn persistence(
    mut windows: Vec<(Timestamp, Timestamp)>,
    span: SignedDuration,
) -> Persistence {
    windows.sort();
    let mut covered = SignedDuration::ZERO;
    let mut reached: Option<Timestamp> = None;
    let (mut chain, mut longest) = (0u32, 0u32);
    for (start, end) in windows {
        match reached {
            Some(until) if start <= add(until, GAP) => {
                // Windows that lie in each other are one stretch, not a renewal.
                if end > until {
                    chain += 1;
                    covered += end.duration_since(start.max(until));
                    reached = Some(end);
                }
            }
            _ => {
                chain = 1;
                covered += end.duration_since(start);
                reached = Some(end);
            }
        }
        longest = longest.max(chain);
    }
    let share = covered.as_secs().saturating_mul(100) / span.as_secs().max(1);
    Persistence {
        percent: u8::try_from(share.clamp(0, 100)).unwrap_or(100),
        chain: longest,
    }
}

/// `at + by`, held within the representable.
pub(super) fn add(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// `at - by`, held within the representable.
pub(super) fn sub(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(if by.is_negative() {
        Timestamp::MAX
    } else {
        Timestamp::MIN
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour)
    }

    #[test]
    fn overlaps_count_once_and_gaps_break_a_chain() {
        let day = SignedDuration::from_hours(24);
        let of = |windows: &[(i64, i64)]| {
            persistence(windows.iter().map(|(a, b)| (at(*a), at(*b))).collect(), day)
        };
        assert_eq!(
            of(&[(0, 6), (3, 9)]),
            Persistence {
                percent: 37,
                chain: 2
            }
        );
        assert_eq!(
            of(&[(0, 6), (1, 2)]),
            Persistence {
                percent: 25,
                chain: 1
            }
        );
        assert_eq!(of(&[(0, 6), (8, 10), (10, 12)]).chain, 2);
        assert_eq!(of(&[]), Persistence::default());
    }

    #[test]
    fn waiting_for_approval_is_no_access() {
        let length_of = |asked: Option<i64>, issued: Option<i64>, end: Option<i64>| {
            let mut grant = Grant::new("g", "s", "aws");
            grant.requested = asked.map(at);
            grant.issued = issued.map(at);
            grant.expires = Moment::or_unknown(end.map(at));
            length(&grant).exceeds(SignedDuration::from_hours(4))
        };
        assert_eq!(length_of(Some(0), Some(5), Some(8)), Some(false));
        assert_eq!(length_of(Some(0), Some(3), Some(8)), Some(true));
        // Asked for eight hours before its end, and nobody knows when it began.
        assert_eq!(length_of(Some(0), None, Some(8)), None);
        assert_eq!(length_of(None, None, Some(8)), None);
        // Even from the request on it is not too long.
        assert_eq!(length_of(Some(5), None, Some(8)), Some(false));
        assert_eq!(
            length_of(Some(0), None, None),
            Some(false),
            "another flag's"
        );
    }

    #[test]
    fn dates_at_the_edge_of_time_do_not_overflow() {
        assert_eq!(add(Timestamp::MAX, GAP), Timestamp::MAX);
        assert_eq!(sub(Timestamp::MIN, GAP), Timestamp::MIN);
        assert_eq!(sub(at(0), SignedDuration::MIN), Timestamp::MAX);
        assert_eq!(add(at(0), SignedDuration::MIN), Timestamp::MIN);
    }
}
