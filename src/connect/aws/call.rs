//! Making one call, and saying in the user's words why it failed.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use tokio::time::Instant;

use super::operation::Operation;

/// More pages of one list are not read; no AWS quota allows as many.
const MAX_PAGES: usize = 20_000;
/// Longer messages of AWS are cut.
const MAX_MESSAGE: usize = 400;

/// How a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The caller may not.
    Denied,
    /// What is asked for does not exist, or the feature is not in use.
    Absent,
    /// Still asked to slow down after all attempts.
    Throttled,
    /// No credentials, or AWS does not accept them.
    Credentials,
    /// No answer, or no connection.
    Unreachable,
    /// The time set aside for the account is over.
    OutOfTime,
    /// Anything else.
    Other,
}

/// A call that failed after all attempts.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// The call.
    pub(super) operation: &'static Operation,
    /// What kind of failure.
    pub(super) reason: Reason,
    /// AWS's own code, where it answered.
    pub(super) code: Option<Box<str>>,
    /// What happened, in one sentence with AWS's words.
    pub(super) message: Box<str>,
}

impl Failure {
    /// Why something was not seen, in one sentence.
    pub(super) fn sentence(&self) -> String {
        let action = self.operation.action();
        match self.reason {
            Reason::Denied => format!("`{action}` is denied: {}", self.message),
            Reason::Absent => format!("`{action}` found nothing: {}", self.message),
            Reason::Throttled => format!(
                "`{action}` was still throttled after several attempts: {}",
                self.message
            ),
            Reason::Credentials => {
                format!(
                    "`{action}` was refused for its credentials: {}",
                    self.message
                )
            }
            Reason::Unreachable => format!("`{action}` got no answer: {}", self.message),
            Reason::OutOfTime => format!("there was no time left for `{action}`"),
            Reason::Other => format!("`{action}` failed: {}", self.message),
        }
    }

    /// What would make the call succeed.
    pub(super) fn remedy(&self) -> String {
        let action = self.operation.action();
        match self.reason {
            // AWS names the policy type that denies; an allow elsewhere cannot lift it.
            Reason::Denied if self.message.contains("explicit deny") => format!(
                "lift the explicit deny of `{action}` for the scanner's role; allowing it elsewhere does not help"
            ),
            Reason::Denied => format!(
                "allow `{action}` to the scanner's role; `tenure permissions aws` prints the whole policy"
            ),
            Reason::Absent => format!("check that what `{action}` asks for exists"),
            Reason::Throttled => {
                "run again later, or lower `aws.concurrency` in tenure.yaml; finished accounts are kept"
                    .to_owned()
            }
            Reason::Credentials => {
                "sign in again (`aws sso login`), then run again; finished accounts are kept".to_owned()
            }
            Reason::Unreachable => {
                "check the network, proxy and endpoint, then run again; finished accounts are kept"
                    .to_owned()
            }
            Reason::OutOfTime => "run again; finished accounts are kept".to_owned(),
            Reason::Other => format!("`tenure doctor aws` tries `{action}` on its own"),
        }
    }

    /// A failure nobody but this connector saw.
    pub(super) fn own(operation: &'static Operation, message: &str) -> Self {
        Failure {
            operation,
            reason: Reason::Other,
            code: None,
            message: message.into(),
        }
    }
}

/// Awaits one call of the SDK, at the latest until `deadline`.
pub(super) async fn call<T, E, R, F>(
    operation: &'static Operation,
    deadline: Instant,
    send: F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, SdkError<E, R>>>,
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug + 'static,
{
    match tokio::time::timeout_at(deadline, send).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(explain(operation, &error)),
        Err(_) => Err(Failure {
            operation,
            reason: Reason::OutOfTime,
            code: None,
            message: "the time set aside for this account is over".into(),
        }),
    }
}

fn explain<E, R>(operation: &'static Operation, error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug + 'static,
{
    let code: Option<Box<str>> = error.code().map(Box::from);
    let chain = || DisplayErrorContext(error).to_string();
    let (reason, message) = match error {
        SdkError::ServiceError(_) => {
            let message = match (error.message(), &code) {
                (Some(message), _) if !message.is_empty() => message.to_owned(),
                (_, Some(code)) => code.to_string(),
                _ => chain(),
            };
            (classify(code.as_deref().unwrap_or_default()), message)
        }
        SdkError::TimeoutError(_) => (Reason::Unreachable, "no answer in time".to_owned()),
        // Failing to get credentials is reported as a failure to dispatch.
        SdkError::DispatchFailure(failure) if !failure.is_io() && !failure.is_timeout() => {
            let message = chain();
            let signing = message.contains("credential") || message.contains("identity");
            let reason = if signing {
                Reason::Credentials
            } else {
                Reason::Unreachable
            };
            // The SDK lists at length what it tried.
            let message = match message.contains("no credentials found in chain") {
                true => "there are no credentials in the environment, the profiles or this machine's role".to_owned(),
                false => message,
            };
            (reason, message)
        }
        SdkError::DispatchFailure(_) => (Reason::Unreachable, chain()),
        SdkError::ResponseError(_) => (Reason::Other, chain()),
        _ => (Reason::Other, chain()),
    };
    Failure {
        operation,
        reason,
        code,
        message: shorten(&message),
    }
}

/// Sorts AWS's error codes. IAM, STS, Organizations, Identity Center and Secrets
/// Manager spell the same thing differently (their API references, "Common errors").
fn classify(code: &str) -> Reason {
    match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthorizationError"
        | "NotAuthorized"
        | "UnauthorizedOperation" => Reason::Denied,
        "NoSuchEntity"
        | "NoSuchEntityException"
        | "ResourceNotFoundException"
        | "AWSOrganizationsNotInUseException"
        | "OrganizationNotFoundException"
        | "OrganizationNotInAllFeaturesModeException"
        | "ServiceAccessNotEnabledException" => Reason::Absent,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "LimitExceeded" => Reason::Throttled,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "InvalidSignatureException"
        | "RequestExpired" => Reason::Credentials,
        _ => Reason::Other,
    }
}

/// One line, of bounded length.
fn shorten(message: &str) -> Box<str> {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MAX_MESSAGE {
        return line.into();
    }
    let mut cut: String = line.chars().take(MAX_MESSAGE).collect();
    cut.push('…');
    cut.into()
}

/// A list as far as it could be read.
#[derive(Debug)]
pub(super) struct Pages<T> {
    /// What was read, in AWS's order.
    pub(super) items: Vec<T>,
    /// Why the rest was not.
    pub(super) failure: Option<Failure>,
}

impl<T> Pages<T> {
    /// Everything, or why not.
    pub(super) fn whole(self) -> Result<Vec<T>, Failure> {
        match self.failure {
            None => Ok(self.items),
            Some(failure) => Err(failure),
        }
    }
}

/// Reads a list page by page. `fetch` gets the marker of the page (none for the
/// first) and gives the page with the marker of the next one.
pub(super) async fn pages<T, F>(operation: &'static Operation, mut fetch: F) -> Pages<T>
where
    F: AsyncFnMut(Option<String>) -> Result<(Vec<T>, Option<String>), Failure>,
{
    let mut items = Vec::new();
    let mut marker: Option<String> = None;
    for _ in 0..MAX_PAGES {
        match fetch(marker.clone()).await {
            Err(failure) => {
                return Pages {
                    items,
                    failure: Some(failure),
                };
            }
            Ok((page, next)) => {
                items.extend(page);
                let next = next.filter(|next| !next.is_empty());
                if next.is_none() {
                    return Pages {
                        items,
                        failure: None,
                    };
                }
                if next == marker {
                    return Pages {
                        items,
                        failure: Some(Failure::own(
                            operation,
                            "a page names itself as the next one",
                        )),
                    };
                }
                marker = next;
            }
        }
    }
    Pages {
        items,
        failure: Some(Failure::own(
            operation,
            &format!("more than {MAX_PAGES} pages"),
        )),
    }
}

/// Keeps calls at least `gap` apart, for services whose rate is known: waiting our
/// turn costs less than being throttled.
#[derive(Debug)]
pub(super) struct Turns {
    gap: Duration,
    next: tokio::sync::Mutex<Instant>,
}

impl Turns {
    pub(super) fn every(gap: Duration) -> Self {
        Turns {
            gap,
            next: tokio::sync::Mutex::new(Instant::now()),
        }
    }

    /// Waits until it is this caller's turn.
    pub(super) async fn wait(&self) {
        let turn = {
            let mut next = self.next.lock().await;
            let turn = (*next).max(Instant::now());
            *next = turn + self.gap;
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::aws::operation::LIST_ROLES;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn pages_are_joined_in_order() {
        let all = run(pages(&LIST_ROLES, async |marker: Option<String>| {
            Ok(match marker.as_deref() {
                None => (vec![1, 2], Some("a".to_owned())),
                Some("a") => (vec![3], Some("b".to_owned())),
                _ => (vec![4], Some(String::new())),
            })
        }));
        assert_eq!(all.items, [1, 2, 3, 4]);
        assert!(all.failure.is_none());
    }

    #[test]
    fn what_was_read_before_a_failure_is_kept() {
        let some = run(pages(
            &LIST_ROLES,
            async |marker: Option<String>| match marker {
                None => Ok((vec![1], Some("a".to_owned()))),
                Some(_) => Err(Failure::own(&LIST_ROLES, "no")),
            },
        ));
        assert_eq!(some.items, [1]);
        assert!(some.whole().is_err());
    }

    #[test]
    fn a_marker_that_leads_to_itself_ends_the_list() {
        let some = run(pages(&LIST_ROLES, async |_: Option<String>| {
            Ok((vec![1], Some("again".to_owned())))
        }));
        assert_eq!(some.items, [1, 1]);
        assert!(some.failure.is_some());
    }

    #[test]
    fn long_and_broken_messages_become_one_short_line() {
        assert_eq!(&*shorten("a\n\t b"), "a b");
        assert_eq!(shorten(&"ü".repeat(1_000)).chars().count(), MAX_MESSAGE + 1);
    }

    #[test]
    fn an_explicit_deny_is_not_answered_with_allow() {
        let mut failure = Failure {
            operation: &LIST_ROLES,
            reason: Reason::Denied,
            code: Some("AccessDenied".into()),
            message: "no identity-based policy allows it".into(),
        };
        assert!(failure.remedy().starts_with("allow `iam:ListRoles`"));
        failure.message = "with an explicit deny in a service control policy".into();
        assert!(failure.remedy().starts_with("lift the explicit deny"));
    }
}
