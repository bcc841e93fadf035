//! Requests to an API server: pages, patience, and answers told apart.

use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use kube::client::Body;
use serde::Deserialize;

use super::super::Progress;

/// Most objects in one answer.
const PAGE: u32 = 500;
/// Tries of one request before it counts as failed.
const TRIES: u32 = 6;
/// Times a list is started afresh because it went stale while being read.
const RESTARTS: u32 = 3;
/// Longest wait that is honoured, in seconds.
const LONGEST: u64 = 60;
/// Larger answers are not kept.
const MAX_ANSWER: usize = 1 << 30;

/// Metadata only, in the words of the API server.
const METADATA: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Why a call gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Forbidden: what it would have said is unknown.
    Denied(String),
    /// There is no such thing in this cluster.
    Absent,
    /// Anything else.
    Failed(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Denied(message) | Refusal::Failed(message) => f.write_str(message),
            Refusal::Absent => f.write_str("not found"),
        }
    }
}

/// A client with patience.
pub(super) struct Api<'a> {
    pub client: kube::Client,
    pub source: &'a str,
    pub progress: &'a dyn Progress,
    /// How long a second of waiting takes; only tests make it shorter.
    pub second: Duration,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMeta,
}

#[derive(Default, Deserialize)]
struct PageMeta {
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct StatusMessage {
    message: Option<String>,
}

impl Api<'_> {
    /// One answer.
    pub async fn get(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        self.ask(
            Method::GET,
            path,
            "application/json, text/plain, */*",
            Vec::new(),
        )
        .await
        .map_err(Stale::into_refusal)
    }

    /// The answer to a question that changes nothing but has to be posted.
    pub async fn review(&self, path: &str, body: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        self.ask(Method::POST, path, "application/json", body)
            .await
            .map_err(Stale::into_refusal)
    }

    /// All pages of a list. One that went stale (410) is read again from its start.
    pub async fn list(
        &self,
        path: &str,
        selector: &str,
        metadata_only: bool,
        limit: Option<u32>,
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let mut restarts = 0;
        'list: loop {
            let mut pages = Vec::new();
            let mut next: Option<String> = None;
            loop {
                let address = address(path, selector, limit.unwrap_or(PAGE), next.as_deref());
                let accept = if metadata_only {
                    METADATA
                } else {
                    "application/json"
                };
                match self.ask(Method::GET, &address, accept, Vec::new()).await {
                    Ok(page) => {
                        next = serde_json::from_slice::<Page>(&page)
                            .map_err(|error| Refusal::Failed(format!("not a list: {error}")))?
                            .metadata
                            .next
                            .filter(|token| !token.is_empty());
                        pages.push(page);
                    }
                    Err(Stale::Gone) if restarts < RESTARTS => {
                        restarts += 1;
                        continue 'list;
                    }
                    Err(error) => return Err(error.into_refusal()),
                }
                if next.is_none() || limit.is_some() {
                    return Ok(pages);
                }
                self.progress
                    .count(self.source, pages.len() as u64 * u64::from(PAGE), 0);
            }
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Stale> {
        let mut last = String::new();
        for attempt in 0..TRIES {
            let request = Request::builder()
                .method(method.clone())
                .uri(path)
                .header(header::ACCEPT, accept)
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.clone()))
                .map_err(|error| Stale::Refused(Refusal::Failed(error.to_string())))?;
            let mut wait = 1 << attempt.min(4);
            match self.client.send(request).await {
                Ok(response) => {
                    let status = response.status();
                    let asked = response
                        .headers()
                        .get(header::RETRY_AFTER)
                        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
                    match response.into_body().collect_bytes().await {
                        Ok(text) if status.is_success() && text.len() <= MAX_ANSWER => {
                            return Ok(text.to_vec());
                        }
                        Ok(text) => {
                            let message = said(status, &text);
                            match status {
                                StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
                                    return Err(Stale::Refused(Refusal::Denied(message)));
                                }
                                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                                    return Err(Stale::Refused(Refusal::Absent));
                                }
                                StatusCode::GONE => return Err(Stale::Gone),
                                StatusCode::TOO_MANY_REQUESTS => last = message,
                                status if status.is_server_error() => last = message,
                                _ => return Err(Stale::Refused(Refusal::Failed(message))),
                            }
                            wait = asked.unwrap_or(wait);
                        }
                        Err(error) => last = error.to_string(),
                    }
                }
                Err(error) => last = error.to_string(),
            }
            if attempt + 1 < TRIES {
                let wait = wait.min(LONGEST);
                self.progress.wait(self.source, wait, &last);
                let length = self
                    .second
                    .saturating_mul(u32::try_from(wait).unwrap_or(60));
                tokio::time::sleep(length).await;
            }
        }
        Err(Stale::Refused(Refusal::Failed(format!(
            "gave up after {TRIES} tries: {last}"
        ))))
    }
}

/// Why a page could not be had.
enum Stale {
    /// The list changed too much while it was read.
    Gone,
    Refused(Refusal),
}

impl Stale {
    fn into_refusal(self) -> Refusal {
        match self {
            Stale::Gone => Refusal::Failed(
                "the list kept changing faster than it could be read (410)".to_owned(),
            ),
            Stale::Refused(refusal) => refusal,
        }
    }
}

fn address(path: &str, selector: &str, limit: u32, next: Option<&str>) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    let mut address = format!("{path}?limit={limit}");
    for (name, value) in [("fieldSelector", Some(selector)), ("continue", next)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            address.push_str(&format!(
                "&{name}={}",
                utf8_percent_encode(value, NON_ALPHANUMERIC)
            ));
        }
    }
    address
}

/// The server's own words, shortened.
fn said(status: StatusCode, text: &[u8]) -> String {
    let message = serde_json::from_slice::<StatusMessage>(text)
        .ok()
        .and_then(|status| status.message)
        .unwrap_or_else(|| String::from_utf8_lossy(text).into_owned());
    let short: String = message.trim().chars().take(300).collect();
    format!("{} {short}", status.as_u16())
}
