//! Signing in: the standard credential chain, and roles in other accounts.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use tokio::time::Instant;

use super::brake::Brake;
use super::call::{Failure, Reason, call};
use super::operation::{ASSUME_ROLE, GET_CALLER_IDENTITY};
use crate::config;
use crate::connect::ConnectError;
use crate::model::{Sym, System};

/// IAM, STS and Organizations have one endpoint for the whole partition, but the SDK
/// wants a region to know the partition.
const FALLBACK_REGION: &str = "us-east-1";
/// A session in a member account: the shortest AWS grants is 15 minutes, the longest
/// for a role entered from a role is an hour.
const SESSION_SECONDS: i32 = 3_600;

/// Which credentials to start from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Profile of the shared configuration files; the chain's own choice if none.
    pub profile: Option<String>,
}

/// How patient the connector is.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Attempts per call, the first included.
    pub attempts: u32,
    /// First wait between attempts; doubles, with jitter.
    pub backoff: Duration,
    /// Longest wait between attempts.
    pub longest_backoff: Duration,
    /// Time for one attempt.
    pub attempt: Duration,
    /// Wait between looks at a report IAM is writing.
    pub poll: Duration,
    /// Time for IAM to write a report.
    pub report: Duration,
    /// Time for one account, all calls together. Shorter than the session in it.
    pub account: Duration,
    /// Least time between calls to Identity Center, which allows 20 a second for all
    /// callers together (its quota page).
    pub identity_center: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            attempts: 8,
            backoff: Duration::from_secs(1),
            longest_backoff: Duration::from_secs(20),
            attempt: Duration::from_secs(60),
            poll: Duration::from_secs(2),
            report: Duration::from_secs(180),
            account: Duration::from_secs(50 * 60),
            identity_center: Duration::from_millis(60),
        }
    }
}

impl Pace {
    /// The SDK's settings for calls at this pace.
    pub fn retry(&self) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(self.attempts)
            .with_initial_backoff(self.backoff)
            .with_max_backoff(self.longest_backoff)
    }

    /// The SDK's time limits for calls at this pace.
    pub fn timeouts(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(10))
            .operation_attempt_timeout(self.attempt)
            .build()
    }
}

/// AWS with credentials.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) sdk: SdkConfig,
    pub(super) pace: Pace,
    /// Goes into every client: see [`client`].
    pub(super) brake: Brake,
}

/// A client of one service that tells when AWS asks to slow down.
macro_rules! client {
    ($service:ident, $connection:expr) => {
        client!($service, $connection, &$connection.sdk)
    };
    ($service:ident, $connection:expr, $sdk:expr) => {
        $service::Client::from_conf(
            $service::config::Builder::from($sdk)
                .interceptor($connection.brake.clone())
                .build(),
        )
    };
}
pub(super) use client;

/// Who the credentials belong to.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) account: Sym,
    pub(super) partition: String,
}

impl Connection {
    /// Finds credentials, region and endpoint the way every AWS tool does:
    /// environment, profile, SSO, web identity, container, instance.
    ///
    /// # Errors
    /// If an environment variable holds what AWS's tools would not accept.
    pub async fn open(target: &Target, settings: &config::Aws) -> Result<Self, ConnectError> {
        let pace = pace_from(
            std::env::var("AWS_MAX_ATTEMPTS").ok().as_deref(),
            std::env::var("AWS_RETRY_MODE").ok().as_deref(),
        )?;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(pace.retry())
            .timeout_config(pace.timeouts());
        if let Some(profile) = &target.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = settings.regions.first() {
            loader = loader.region(Region::new(region.clone()));
        }
        Ok(Connection::with(loader.load().await, pace))
    }

    /// Uses a configuration of the SDK as it is, for programs that embed the scanner.
    /// Retries and time limits are the configuration's own.
    pub fn with(sdk: SdkConfig, pace: Pace) -> Self {
        let sdk = match sdk.region() {
            Some(_) => sdk,
            None => sdk
                .into_builder()
                .region(Region::new(FALLBACK_REGION))
                .build(),
        };
        let brake = Brake::new(&pace);
        Connection { sdk, pace, brake }
    }

    /// The region regional services are asked in when the settings name none.
    pub(super) fn region(&self) -> &str {
        self.sdk.region().map_or(FALLBACK_REGION, Region::as_ref)
    }

    /// The same credentials in another region.
    pub(super) fn in_region(&self, region: &str) -> SdkConfig {
        self.sdk
            .clone()
            .into_builder()
            .region(Region::new(region.to_owned()))
            .build()
    }

    /// When an account begun now must be finished.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.pace.account
    }

    /// Asks AWS whose credentials these are.
    ///
    /// # Errors
    /// If there are none, AWS refuses them, or AWS cannot be reached: nothing else
    /// can work then.
    pub(super) async fn caller(&self) -> Result<Caller, ConnectError> {
        let sts = client!(aws_sdk_sts, self);
        let answer = call(
            &GET_CALLER_IDENTITY,
            self.deadline(),
            sts.get_caller_identity().send(),
        )
        .await
        .map_err(|failure| refused(&failure))?;
        let arn = answer.arn().unwrap_or_default();
        match answer.account() {
            Some(account) if is_account(account) => Ok(Caller {
                account: Sym::new(account),
                partition: arn.split(':').nth(1).unwrap_or("aws").to_owned(),
            }),
            other => Err(ConnectError::Unreachable {
                system: System::Aws,
                message: format!(
                    "`sts:GetCallerIdentity` answered with the account `{}`",
                    other.unwrap_or_default()
                )
                .into(),
                help: "check AWS_ENDPOINT_URL: what answers there is not AWS".into(),
            }),
        }
    }

    /// The same connection with the role of the settings in `account`.
    pub(super) async fn enter(
        &self,
        account: &str,
        partition: &str,
        settings: &config::Aws,
    ) -> Result<Connection, Failure> {
        let sts = client!(aws_sdk_sts, self);
        let role = format!("arn:{partition}:iam::{account}:role/{}", settings.role_name);
        let answer = call(
            &ASSUME_ROLE,
            self.deadline(),
            sts.assume_role()
                .role_arn(role)
                .role_session_name(&settings.session_name)
                .set_external_id(settings.external_id.clone())
                .duration_seconds(SESSION_SECONDS)
                .send(),
        )
        .await?;
        let issued = answer
            .credentials()
            .ok_or_else(|| Failure::own(&ASSUME_ROLE, "AWS answered without credentials"))?;
        let credentials = Credentials::new(
            issued.access_key_id(),
            issued.secret_access_key(),
            Some(issued.session_token().to_owned()),
            None,
            "tenure",
        );
        let sdk = self
            .sdk
            .clone()
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Ok(Connection {
            sdk,
            pace: self.pace.clone(),
            brake: self.brake.clone(),
        })
    }
}

/// Whether `text` is an account number: twelve digits. Account numbers become
/// directory names, so nothing else is let through.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn refused(failure: &Failure) -> ConnectError {
    let message = failure.message.clone();
    match failure.reason {
        Reason::Unreachable | Reason::OutOfTime | Reason::Throttled | Reason::Other => {
            ConnectError::Unreachable {
                system: System::Aws,
                message,
                help: "check the network, HTTPS_PROXY and AWS_ENDPOINT_URL".into(),
            }
        }
        Reason::Credentials | Reason::Denied | Reason::Absent => ConnectError::Credentials {
            system: System::Aws,
            message,
            help:
                "name a profile (`tenure scan aws:PROFILE`), sign in with `aws sso login`, or set \
                   AWS_PROFILE; `aws sts get-caller-identity` must succeed"
                    .into(),
        },
    }
}

/// The pace, with what the user's environment says of retries.
///
/// The SDK would read the same variables, and panic on values it does not accept.
fn pace_from(attempts: Option<&str>, mode: Option<&str>) -> Result<Pace, ConnectError> {
    let bad = |variable: &str, value: &str, help: &str| ConnectError::Settings {
        system: System::Aws,
        message: format!("the environment variable {variable} is `{value}`").into(),
        help: help.into(),
    };
    let mut pace = Pace::default();
    if let Some(text) = attempts {
        pace.attempts = match text.trim().parse() {
            Ok(number) if (1..=100).contains(&number) => number,
            _ => {
                return Err(bad(
                    "AWS_MAX_ATTEMPTS",
                    text,
                    "a number from 1 to 100; unset it for the default",
                ));
            }
        };
    }
    match mode.map(str::trim) {
        None | Some("standard" | "adaptive" | "legacy") => Ok(pace),
        Some(other) => Err(bad(
            "AWS_RETRY_MODE",
            other,
            "`standard`, `adaptive` or `legacy`; unset it for the default",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_settings_of_the_environment_never_panic() {
        assert_eq!(pace_from(Some("3"), None).unwrap().attempts, 3);
        assert_eq!(pace_from(None, Some("adaptive")).unwrap().attempts, 8);
        for attempts in ["0", "-1", "many", "", "4294967296"] {
            let error = pace_from(Some(attempts), None).unwrap_err().to_string();
            assert!(error.contains("AWS_MAX_ATTEMPTS"), "{error}");
        }
        let error = pace_from(None, Some("eager")).unwrap_err().to_string();
        assert!(
            error.contains("AWS_RETRY_MODE") && error.contains("eager"),
            "{error}"
        );
    }

    #[test]
    fn only_twelve_digits_are_an_account() {
        assert!(is_account("111122223333"));
        for other in [
            "",
            "11112222333",
            "11112222333a",
            "../../../../ab",
            "１１１１",
        ] {
            assert!(!is_account(other), "{other}");
        }
    }
}
