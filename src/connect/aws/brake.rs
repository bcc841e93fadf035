//! Telling the user that AWS asks to slow down. The SDK waits and tries again by itself;
//! without this nobody would know why nothing happens.

use std::error::Error;
use std::time::Duration;

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::connection::Pace;
use crate::connect::Progress;

/// Error codes by which AWS asks to slow down, or parts of them.
const CODES: &[&str] = &[
    "Throttl",
    "TooManyRequests",
    "RequestLimitExceeded",
    "SlowDown",
    "PriorRequestNotComplete",
];
/// Bytes of an error answer that are looked at for its code.
const LOOKED_AT: usize = 2_048;

/// Hears of every answer AWS gives. Without a listener it does nothing.
#[derive(Clone, Debug)]
pub(super) struct Brake {
    first: Duration,
    longest: Duration,
    attempts: u32,
    listener: Option<UnboundedSender<Duration>>,
}

/// What a [`Brake`] heard.
#[derive(Debug)]
pub(super) struct Waits(UnboundedReceiver<Duration>);

impl Brake {
    pub(super) fn new(pace: &Pace) -> Self {
        Brake {
            first: pace.backoff,
            longest: pace.longest_backoff,
            attempts: pace.attempts,
            listener: None,
        }
    }

    /// The same with a listener.
    pub(super) fn heard(&self) -> (Brake, Waits) {
        let (listener, waits) = unbounded_channel();
        let brake = Brake {
            listener: Some(listener),
            ..self.clone()
        };
        (brake, Waits(waits))
    }

    /// The longest that the SDK waits after this attempt, counted from 1: its waits
    /// double, with jitter below that.
    fn wait_after(&self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

impl Intercept for Brake {
    fn name(&self) -> &'static str {
        "tenure-brake"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Some(listener) = &self.listener else {
            return Ok(());
        };
        if !context.response().is_some_and(asks_to_slow_down) {
            return Ok(());
        }
        let attempt = context
            .request()
            .and_then(|request| request.headers().get("amz-sdk-request"))
            .and_then(attempt_of)
            .unwrap_or(1);
        if attempt < self.attempts {
            // Nobody listens any more when the collection is over.
            let _ = listener.send(self.wait_after(attempt));
        }
        Ok(())
    }
}

/// `attempt=2; max=8`.
fn attempt_of(header: &str) -> Option<u32> {
    let part = header
        .split(';')
        .find_map(|part| part.trim().strip_prefix("attempt="))?;
    part.parse().ok()
}

fn asks_to_slow_down(response: &HttpResponse) -> bool {
    let status = response.status().as_u16();
    if status < 400 {
        return false;
    }
    let coded = |text: &str| CODES.iter().any(|code| text.contains(code));
    let body = response.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]);
    status == 429
        || response
            .headers()
            .get("x-amzn-errortype")
            .is_some_and(coded)
        || coded(&body)
}

impl Waits {
    /// Tells of waits for as long as it is polled. Many calls wait at once: a wait that
    /// ends no later than one that was told is not told again.
    pub(super) async fn tell(mut self, progress: &dyn Progress) {
        let mut until = Instant::now();
        while let Some(wait) = self.0.recv().await {
            let end = Instant::now() + wait;
            if end > until {
                until = end;
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                progress.wait("aws", seconds, "AWS asks to slow down");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let brake = Brake::new(&Pace::default());
        let seconds: Vec<u64> = (1..8).map(|at| brake.wait_after(at).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 20, 20]);
        assert_eq!(brake.wait_after(u32::MAX), Duration::from_secs(20));
        assert_eq!(attempt_of("attempt=3; max=8"), Some(3));
        assert_eq!(attempt_of("max=8"), None);
    }
}
