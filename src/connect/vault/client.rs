//! Requests: address, token, namespace, retries.

use std::time::Duration;

use reqwest::{Certificate, Method, StatusCode, Url};
use serde_json::Value as Json;

use super::target::{Login, Target};
use crate::connect::{ConnectError, Progress, Secret};
use crate::model::System;

/// Times a request is tried.
const TRIES: u32 = 6;
/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Longest wait a server may ask for (`Retry-After`).
const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// What came back.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// An answer, as the server wrote it.
    Text(Vec<u8>),
    /// Nothing of that name, or an empty list.
    Absent,
    /// The server does not offer the path.
    Unoffered,
    /// It was refused or failed; in the server's words.
    Failed(String),
}

/// Talks to one server.
#[derive(Debug)]
pub(super) struct Client<'p> {
    http: reqwest::Client,
    address: Url,
    token: Secret,
    progress: &'p dyn Progress,
}

fn unreachable(message: impl Into<Box<str>>, help: &str) -> ConnectError {
    ConnectError::Unreachable {
        system: System::Vault,
        message: message.into(),
        help: help.into(),
    }
}

fn credentials(message: impl Into<Box<str>>, help: &str) -> ConnectError {
    ConnectError::Credentials {
        system: System::Vault,
        message: message.into(),
        help: help.into(),
    }
}

fn settings(message: impl Into<Box<str>>, help: &str) -> ConnectError {
    ConnectError::Settings {
        system: System::Vault,
        message: message.into(),
        help: help.into(),
    }
}

impl<'p> Client<'p> {
    /// Connects: health first, then the login, then who that is.
    pub(super) async fn connect(
        target: &Target,
        progress: &'p dyn Progress,
    ) -> Result<(Self, Json), ConnectError> {
        let address: Url = target.address.parse().map_err(|error| {
            settings(
                format!("`{}` is not an address: {error}", target.address),
                "set VAULT_ADDR to https://HOST:8200",
            )
        })?;
        let mut builder = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::custom(|attempt| {
                // Standby nodes redirect to the active one; a token goes nowhere else
                // than over the same scheme, and never round in circles.
                let same = attempt.previous().first().is_some_and(|first| {
                    first.scheme() == attempt.url().scheme() && first.host() == attempt.url().host()
                });
                if same && attempt.previous().len() < 4 {
                    attempt.follow()
                } else {
                    attempt.stop()
                }
            }));
        if let Some(path) = &target.ca {
            let pem = std::fs::read(path).map_err(|error| {
                settings(
                    format!("cannot read `{}`: {error}", path.display()),
                    "VAULT_CACERT names a PEM file",
                )
            })?;
            let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| {
                settings(
                    format!("`{}` holds no certificate: {error}", path.display()),
                    "VAULT_CACERT names a PEM file",
                )
            })?;
            builder = builder.tls_certs_merge(authorities);
        }
        let http = builder
            .build()
            .map_err(|error| settings(error.to_string(), "check VAULT_CACERT"))?;
        let mut client = Client {
            http,
            address,
            token: Secret::new(""),
            progress,
        };
        let health = client.health().await?;
        client.token = client.log_in(target).await?;
        client.check_self(target).await?;
        Ok((client, health))
    }

    async fn health(&self) -> Result<Json, ConnectError> {
        let query = "sys/health?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200&drsecondarycode=200";
        let (_, text) = self
            .send(Method::GET, query, "", None)
            .await
            .map_err(|error| self.explain(&error))?;
        let health: Json = serde_json::from_slice(&text).map_err(|_| {
            unreachable(
                format!("`{}` does not answer like a Vault", self.address),
                "check VAULT_ADDR; a proxy may stand in between",
            )
        })?;
        if health["initialized"] == false {
            return Err(unreachable(
                "the server is not initialised",
                "nothing is in it yet",
            ));
        }
        if health["sealed"] == true {
            return Err(unreachable(
                "the server is sealed",
                "unseal it, or name another node in VAULT_ADDR",
            ));
        }
        Ok(health)
    }

    /// What went wrong on the way, in words somebody can act on.
    fn explain(&self, error: &reqwest::Error) -> ConnectError {
        let mut words = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            words = format!("{words}: {inner}");
            cause = inner.source();
        }
        let lower = words.to_ascii_lowercase();
        if lower.contains("certificate") || lower.contains("unknownissuer") {
            return unreachable(
                format!(
                    "the certificate of `{}` is not trusted: {words}",
                    self.address
                ),
                "set VAULT_CACERT to the authority's certificate",
            );
        }
        unreachable(words, "check VAULT_ADDR and the network")
    }

    async fn log_in(&self, target: &Target) -> Result<Secret, ConnectError> {
        let (path, body) = match &target.login {
            Login::Token(token) => return Ok(token.clone()),
            Login::Jwt { mount, role, jwt } => (
                format!("auth/{mount}/login"),
                serde_json::json!({"role": role, "jwt": jwt.expose()}),
            ),
            Login::AppRole {
                mount,
                role_id,
                secret_id,
            } => (
                format!("auth/{mount}/login"),
                serde_json::json!({"role_id": role_id, "secret_id": secret_id.expose()}),
            ),
        };
        let (status, text) = self
            .send(Method::POST, &path, &target.namespace, Some(&body))
            .await
            .map_err(|error| self.explain(&error))?;
        serde_json::from_slice::<Json>(&text)
            .ok()
            .and_then(|answer| answer["auth"]["client_token"].as_str().map(Secret::new))
            .ok_or_else(|| {
                credentials(
                    format!("the login at `{path}` failed ({status}): {}", words(&text)),
                    "check the role and that its claims fit",
                )
            })
    }

    async fn check_self(&self, target: &Target) -> Result<(), ConnectError> {
        let (status, text) = self
            .send(
                Method::GET,
                "auth/token/lookup-self",
                &target.namespace,
                None,
            )
            .await
            .map_err(|error| self.explain(&error))?;
        let said = words(&text);
        if !status.is_success() {
            let lower = said.to_ascii_lowercase();
            if !target.namespace.is_empty()
                && (lower.contains("namespace") || status == StatusCode::NOT_FOUND)
            {
                return Err(settings(
                    format!(
                        "namespace `{}` does not exist, or the token is not good there ({status}): {said}",
                        target.namespace
                    ),
                    "check VAULT_NAMESPACE",
                ));
            }
            return Err(credentials(
                format!("the token is not accepted ({status}): {said}"),
                "it may have expired; log in again and set VAULT_TOKEN",
            ));
        }
        let answer: Json = serde_json::from_slice(&text).unwrap_or_default();
        let root = answer["data"]["policies"]
            .as_array()
            .is_some_and(|policies| policies.iter().any(|policy| policy == "root"));
        if root && !target.allow_root {
            return Err(credentials(
                "VAULT_TOKEN is a root token",
                "make a token with the policy of `tenure permissions vault`, or set TENURE_VAULT_ALLOW_ROOT=1",
            ));
        }
        Ok(())
    }

    /// One request of the scan, tried again where the server asks for patience.
    pub(super) async fn request(
        &self,
        method: Method,
        path: &str,
        namespace: &str,
        body: Option<&Json>,
    ) -> Reply {
        let mut last = String::new();
        for attempt in 0..TRIES {
            let mut asked = None;
            match self.exchange(method.clone(), path, namespace, body).await {
                Ok((status, _, text)) if status.is_success() => return Reply::Text(text),
                Ok((status, after, text)) => {
                    asked = after;
                    let said = words(&text);
                    match status.as_u16() {
                        404 if said.is_empty() => return Reply::Absent,
                        404 | 405 => {
                            let lower = said.to_ascii_lowercase();
                            if [
                                "no handler",
                                "unsupported",
                                "no value",
                                "not found",
                                "invalid accessor",
                            ]
                            .iter()
                            .any(|word| lower.contains(word))
                            {
                                return Reply::Unoffered;
                            }
                            return Reply::Failed(format!("{status}: {said}"));
                        }
                        // Rate limit, replication lag, standby, overload.
                        412 | 429 | 472 | 473 | 502..=504 => last = format!("{status}: {said}"),
                        _ => return Reply::Failed(format!("{status}: {said}")),
                    }
                }
                Err(error) => last = error.without_url().to_string(),
            }
            if attempt + 1 < TRIES {
                let own = Duration::from_millis(200 << attempt).min(LONGEST_WAIT);
                let wait = asked.map_or(own, |asked| asked.min(LONGEST_ASKED));
                if wait.as_secs() > 0 {
                    self.progress.wait("vault", wait.as_secs(), &last);
                }
                tokio::time::sleep(wait).await;
            }
        }
        Reply::Failed(last)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        namespace: &str,
        body: Option<&Json>,
    ) -> Result<(StatusCode, Vec<u8>), reqwest::Error> {
        let (status, _, text) = self.exchange(method, path, namespace, body).await?;
        Ok((status, text))
    }

    /// One request and its answer, with how long the server asks to wait.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        namespace: &str,
        body: Option<&Json>,
    ) -> Result<(StatusCode, Option<Duration>, Vec<u8>), reqwest::Error> {
        let base = self.address.as_str().trim_end_matches('/');
        let mut request = self
            .http
            .request(method, format!("{base}/v1/{path}"))
            .header("X-Vault-Request", "true");
        if !self.token.is_empty() {
            request = request.header("X-Vault-Token", self.token.expose());
        }
        if !namespace.is_empty() {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let after = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        Ok((status, after, response.bytes().await?.to_vec()))
    }
}

/// The errors of an answer.
fn words(text: &[u8]) -> String {
    let answer: Json = serde_json::from_slice(text).unwrap_or_default();
    let errors: Vec<&str> = answer["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::trim)
        .collect();
    errors.join("; ")
}
