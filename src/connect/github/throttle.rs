//! When to ask again.
//!
//! GitHub has a primary limit (requests an hour: `x-ratelimit-remaining`, `-reset`) and
//! secondary ones (`retry-after`, or nothing but the message). Whoever goes on asking
//! during either is blocked for longer (GitHub, "Best practices for using the REST
//! API"), so one pause holds all requests.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};

/// A pause where GitHub names none: at least a minute, doubled each time.
const UNNAMED: u64 = 60;

/// One pause for all requests.
#[derive(Debug)]
pub struct Throttle {
    until: Mutex<Option<Instant>>,
    /// How long a second is. Tests make it shorter.
    second: Duration,
    /// No pause is longer.
    longest: Duration,
}

/// A pause longer than allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Seconds GitHub asks for.
    pub seconds: u64,
    /// Which limit.
    pub why: String,
}

impl Throttle {
    /// Pauses of at most `longest`.
    pub fn new(longest: Duration, second: Duration) -> Self {
        Throttle {
            until: Mutex::new(None),
            second,
            longest,
        }
    }

    /// Waits until the pause is over, if there is one.
    pub async fn ready(&self) {
        loop {
            let until = *self
                .until
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }

    /// Holds all requests for `seconds` and a little more, so that they do not all
    /// start in the same moment.
    ///
    /// # Errors
    /// If that is longer than allowed; then nothing is held.
    pub fn pause(&self, seconds: u64, why: &str, salt: u64) -> Result<(), TooLong> {
        if Duration::from_secs(seconds) > self.longest {
            return Err(TooLong {
                seconds,
                why: why.to_owned(),
            });
        }
        // Up to a tenth more, spread by what differs between processes.
        let jitter = u64::from(std::process::id())
            .wrapping_add(salt)
            .wrapping_mul(2_654_435_761)
            % 100;
        let wait = self
            .second
            .mul_f64(seconds as f64 * (1.0 + jitter as f64 / 1_000.0));
        let end = Instant::now() + wait;
        let mut until = self
            .until
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        *until = Some(until.map_or(end, |known| known.max(end)));
        Ok(())
    }
}

/// How long GitHub asks to wait, if an answer is about a rate limit.
///
/// `attempt` counts from 0; `now` is in seconds since 1970.
pub fn limited(
    status: StatusCode,
    headers: &HeaderMap,
    body: &str,
    attempt: u32,
    now: i64,
) -> Option<(u64, &'static str)> {
    if status != StatusCode::FORBIDDEN && status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    if let Some(after) = headers.get("retry-after") {
        let text = after.to_str().unwrap_or_default();
        let seconds = text
            .trim()
            .parse::<u64>()
            .ok()
            .unwrap_or_else(|| http_date(text, now));
        return Some((seconds.max(1), "secondary rate limit"));
    }
    if number("x-ratelimit-remaining") == Some(0) {
        let reset = number("x-ratelimit-reset").unwrap_or(now + UNNAMED as i64);
        let seconds = u64::try_from(reset.saturating_sub(now)).unwrap_or(0).max(1);
        return Some((seconds, "primary rate limit"));
    }
    let lower = body.to_lowercase();
    let named = lower.contains("secondary rate limit")
        || lower.contains("abuse detection")
        || lower.contains("rate limit exceeded");
    (named || status == StatusCode::TOO_MANY_REQUESTS)
        .then(|| (UNNAMED << attempt.min(5), "secondary rate limit"))
}

/// Seconds until an HTTP date (`Sun, 22 Nov 2026 08:49:37 GMT`); a minute if unreadable.
fn http_date(text: &str, now: i64) -> u64 {
    jiff::fmt::rfc2822::parse(text)
        .ok()
        .and_then(|date| u64::try_from(date.timestamp().as_second().saturating_sub(now)).ok())
        .unwrap_or(UNNAMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter()
            .filter_map(|(name, value)| {
                Some((http::HeaderName::from_static(name), value.parse().ok()?))
            })
            .collect()
    }

    #[test]
    fn waits_are_what_github_asks_for() {
        let forbidden = StatusCode::FORBIDDEN;
        let at = |list: &[(&'static str, &str)], body| {
            limited(forbidden, &headers(list), body, 0, 1_000)
        };
        assert_eq!(at(&[], "Resource not accessible by integration"), None);
        assert_eq!(
            at(&[("retry-after", "30")], ""),
            Some((30, "secondary rate limit"))
        );
        assert_eq!(
            at(
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1060")
                ],
                ""
            ),
            Some((60, "primary rate limit"))
        );
        // A reset in the past still is a moment's wait.
        assert_eq!(
            at(
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "5")],
                ""
            ),
            Some((1, "primary rate limit"))
        );
        let senseless = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "-9223372036854775808"),
        ];
        assert_eq!(at(&senseless, ""), Some((1, "primary rate limit")));
        assert_eq!(at(&[("x-ratelimit-remaining", "12")], "Not Found"), None);
        let body = "You have exceeded a secondary rate limit.";
        assert_eq!(at(&[], body), Some((60, "secondary rate limit")));
        assert_eq!(
            limited(forbidden, &headers(&[]), body, 2, 0),
            Some((240, "secondary rate limit"))
        );
        assert_eq!(
            limited(StatusCode::TOO_MANY_REQUESTS, &headers(&[]), "", 0, 0),
            Some((60, "secondary rate limit"))
        );
        assert_eq!(
            limited(StatusCode::OK, &headers(&[("retry-after", "9")]), "", 0, 0),
            None
        );
        let date = [("retry-after", "Thu, 01 Jan 1970 00:17:10 GMT")];
        assert_eq!(at(&date, ""), Some((30, "secondary rate limit")));
    }

    #[test]
    fn a_pause_over_the_limit_is_refused() {
        let throttle = Throttle::new(Duration::from_secs(10), Duration::from_millis(1));
        assert!(throttle.pause(5, "x", 0).is_ok());
        assert_eq!(throttle.pause(11, "x", 0).unwrap_err().seconds, 11);
    }
}
