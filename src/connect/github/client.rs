//! Requests: one at a time, list by list, and over GraphQL.
//!
//! The client library carries requests and signs them; everything that decides what an
//! audit sees is here: following `Link` to the same host only, waiting for rate limits,
//! validated caching, and keeping partial GraphQL answers with their errors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use octocrab::Octocrab;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Credential;
use super::cache::{Cache, Kept};
use super::throttle::{Throttle, TooLong, limited};
use crate::config::Github;
use crate::connect::{ConnectError, Progress};

/// Items on one page, the most GitHub gives.
pub const PAGE: usize = 100;
/// A longer list than this many pages is cut, which is then a gap.
const PAGES: usize = 2_000;
/// A longer answer is not read.
const BODY: usize = 64 << 20;
/// Tries of one request for other reasons than a rate limit.
const TRIES: u32 = 3;
/// Pauses for rate limits one request may cause.
const PAUSES: u32 = 6;

/// Requests made so far.
#[derive(Debug, Default)]
pub struct Calls {
    rest: AtomicU64,
    unchanged: AtomicU64,
    graph: AtomicU64,
    points: AtomicU64,
}

/// [`Calls`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// REST requests, those answered by 304 included.
    pub rest: u64,
    /// Of these, answered by 304, which the rate limit does not count.
    pub unchanged: u64,
    /// GraphQL requests.
    pub graph: u64,
    /// What GitHub counts for them.
    pub points: u64,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status; 0 if nothing came back.
    pub status: u16,
    /// The body as text; JSON if the status is 200.
    pub body: String,
    /// Where the list goes on: path and query below the base address.
    pub next: Option<String>,
    /// `Link` named another host, which is not followed.
    pub strayed: bool,
}

impl Reply {
    /// An answer of ours where GitHub gave none.
    pub fn refusal(status: u16, message: &str) -> Self {
        Reply {
            status,
            body: json!({
                "message": message,
                "documentation_url": "https://docs.github.com/rest",
                "status": status.to_string(),
            })
            .to_string(),
            next: None,
            strayed: false,
        }
    }

    /// Whether it is an answer.
    pub fn ok(&self) -> bool {
        self.status == 200
    }

    /// GitHub's own words, of an answer that says no.
    pub fn message(&self) -> String {
        #[derive(Deserialize)]
        struct Refusal {
            message: String,
        }
        serde_json::from_str::<Refusal>(&self.body)
            .map_or_else(|_| String::new(), |found| found.message)
    }
}

/// Asks one GitHub.
#[derive(Debug)]
pub struct Client<'a> {
    crab: Octocrab,
    /// For an Enterprise Server, whose GraphQL address is no part of its REST one.
    graph: Option<Octocrab>,
    credential: &'a Credential,
    base: http::Uri,
    cache: Cache,
    throttle: Throttle,
    second: Duration,
    calls: Calls,
    progress: &'a dyn Progress,
    source: String,
}

impl<'a> Client<'a> {
    /// A client for the organisation `org`.
    ///
    /// # Errors
    /// If the settings or the credential cannot be used.
    pub async fn new(
        config: &Github,
        credential: &'a Credential,
        org: &str,
        progress: &'a dyn Progress,
        second: Duration,
    ) -> Result<Self, ConnectError> {
        let base = config.base_url.trim_end_matches('/');
        let crab = credential.client(base, org).await?;
        let graph = match base.strip_suffix("/v3") {
            Some(above) => Some(super::auth::bare(above)?),
            None => None,
        };
        let base = base.parse().map_err(|_| super::auth::no_address(base))?;
        Ok(Client {
            crab,
            graph,
            credential,
            base,
            cache: Cache::new(config.cache.as_deref(), &credential.key()),
            throttle: Throttle::new(
                Duration::try_from(config.max_wait).unwrap_or_default(),
                second,
            ),
            second,
            calls: Calls::default(),
            progress,
            source: format!("github:{org}"),
        })
    }

    /// Requests made so far.
    pub fn count(&self) -> Count {
        let of = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Count {
            rest: of(&self.calls.rest),
            unchanged: of(&self.calls.unchanged),
            graph: of(&self.calls.graph),
            points: of(&self.calls.points),
        }
    }

    /// Asks for `address` (path and query).
    ///
    /// # Errors
    /// If a rate limit asks for a longer wait than allowed. All other failures are
    /// replies.
    pub async fn get(&self, address: &str) -> Result<Reply, TooLong> {
        let mut kept = self.cache.get(address);
        let (mut tries, mut pauses) = (0, 0);
        loop {
            self.throttle.ready().await;
            let mut headers = HeaderMap::new();
            headers.insert(
                http::header::ACCEPT,
                HeaderValue::from_static("application/vnd.github+json"),
            );
            if let Some(etag) = kept.as_ref().and_then(|kept| kept.etag.parse().ok()) {
                headers.insert(http::header::IF_NONE_MATCH, etag);
            }
            self.calls.rest.fetch_add(1, Ordering::Relaxed);
            let sent = self.crab._get_with_headers(address, Some(headers)).await;
            let (status, headers, body) = match sent {
                Ok(response) => match read(response).await {
                    Ok(whole) => whole,
                    Err(message) => {
                        if self.again(&mut tries).await {
                            continue;
                        }
                        return Ok(Reply::refusal(0, &message));
                    }
                },
                Err(error) => {
                    if self.again(&mut tries).await {
                        continue;
                    }
                    return Ok(Reply::refusal(0, &explain(&error)));
                }
            };
            if status == StatusCode::NOT_MODIFIED {
                self.calls.unchanged.fetch_add(1, Ordering::Relaxed);
                if let Some(kept) = kept.take() {
                    return Ok(Reply {
                        status: 200,
                        body: kept.body,
                        next: kept.next,
                        strayed: false,
                    });
                }
                // Nothing was kept and nothing asked for: the answer is of no use.
                if self.again(&mut tries).await {
                    continue;
                }
                return Ok(Reply::refusal(
                    304,
                    "GitHub answered 304 to a request without an ETag",
                ));
            }
            if let Some((seconds, why)) = limited(status, &headers, &body, pauses, now()) {
                if pauses >= PAUSES {
                    return Err(TooLong {
                        seconds,
                        why: why.to_owned(),
                    });
                }
                pauses += 1;
                self.hold(seconds, why)?;
                continue;
            }
            if status.is_server_error() && self.again(&mut tries).await {
                continue;
            }
            if status != StatusCode::OK {
                return Ok(refused(status, body));
            }
            if serde_json::from_str::<serde::de::IgnoredAny>(&body).is_err() {
                if body.trim_start().starts_with('<') {
                    return Ok(Reply::refusal(
                        200,
                        "HTML instead of JSON: a proxy, a sign-in page or an outage",
                    ));
                }
                if self.again(&mut tries).await {
                    continue;
                }
                return Ok(Reply::refusal(200, "the answer is cut short or no JSON"));
            }
            let (next, strayed) = self.next(&headers);
            if let Some(etag) = headers
                .get(http::header::ETAG)
                .and_then(|etag| etag.to_str().ok())
            {
                self.cache.put(
                    address,
                    &Kept {
                        etag: etag.to_owned(),
                        next: next.clone(),
                        body: body.clone(),
                    },
                );
            }
            return Ok(Reply {
                status: 200,
                body,
                next,
                strayed,
            });
        }
    }

    /// Asks GraphQL. Rate limits inside an answer are waited for like the others.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn graph(&self, query: &str, variables: &Value) -> Result<Reply, TooLong> {
        let (mut tries, mut pauses) = (0, 0);
        let body = json!({"query": query, "variables": variables});
        loop {
            self.throttle.ready().await;
            self.calls.graph.fetch_add(1, Ordering::Relaxed);
            let sent = match &self.graph {
                None => self.crab._post("/graphql", Some(&body)).await,
                Some(server) => match self.token().await {
                    Ok(token) => match server.user_access_token(token) {
                        Ok(signed) => signed._post("/graphql", Some(&body)).await,
                        Err(error) => Err(error),
                    },
                    Err(error) => Err(error),
                },
            };
            let whole = match sent {
                Ok(response) => read(response).await,
                Err(error) => Err(explain(&error)),
            };
            let (status, headers, text) = match whole {
                Ok(whole) => whole,
                Err(message) => {
                    if self.again(&mut tries).await {
                        continue;
                    }
                    return Ok(Reply::refusal(0, &message));
                }
            };
            let answer: Option<Value> = serde_json::from_str(&text).ok();
            let within = answer.as_ref().is_some_and(|answer| {
                answer["errors"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|error| error["type"] == "RATE_LIMITED")
            });
            let limit = match within {
                true => limited(StatusCode::TOO_MANY_REQUESTS, &headers, "", pauses, now()),
                false => limited(status, &headers, &text, pauses, now()),
            };
            if let Some((seconds, why)) = limit {
                if pauses >= PAUSES {
                    return Err(TooLong {
                        seconds,
                        why: why.to_owned(),
                    });
                }
                pauses += 1;
                self.hold(seconds, why)?;
                continue;
            }
            if status.is_server_error() && self.again(&mut tries).await {
                continue;
            }
            let Some(answer) = answer.filter(|_| status == StatusCode::OK) else {
                if status == StatusCode::OK {
                    return Ok(Reply::refusal(
                        200,
                        "HTML instead of JSON: a proxy, a sign-in page or an outage",
                    ));
                }
                return Ok(refused(status, text));
            };
            let cost = answer["data"]["rateLimit"]["cost"].as_u64().unwrap_or(1);
            self.calls.points.fetch_add(cost, Ordering::Relaxed);
            return Ok(Reply {
                status: 200,
                body: text,
                next: None,
                strayed: false,
            });
        }
    }

    async fn token(&self) -> Result<secrecy::SecretString, octocrab::Error> {
        match self.credential {
            Credential::Token(token) => Ok(token.expose().to_owned().into()),
            Credential::App { .. } => self.crab.installation_token().await,
        }
    }

    /// Waits a little and allows another try, a few times.
    async fn again(&self, tries: &mut u32) -> bool {
        *tries += 1;
        if *tries >= TRIES {
            return false;
        }
        tokio::time::sleep(self.second * 2u32.pow(*tries)).await;
        true
    }

    fn hold(&self, seconds: u64, why: &str) -> Result<(), TooLong> {
        let salt = self.calls.rest.load(Ordering::Relaxed);
        self.throttle.pause(seconds, why, salt)?;
        self.progress.wait(&self.source, seconds, why);
        Ok(())
    }

    /// The address of the next page, below the base address; and whether `Link` names
    /// a place elsewhere.
    fn next(&self, headers: &HeaderMap) -> (Option<String>, bool) {
        let Some(link) = headers
            .get_all(http::header::LINK)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(next_link)
        else {
            return (None, false);
        };
        match same_host(&self.base, &link) {
            Some(address) => (Some(address), false),
            None => (None, true),
        }
    }

    /// How many pages a list may have.
    pub const fn most_pages() -> usize {
        PAGES
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// An answer that says no, as `gh api` prints it: with the status in the body.
fn refused(status: StatusCode, body: String) -> Reply {
    let parsed: Option<Value> = serde_json::from_str(&body).ok();
    let body = match parsed {
        Some(Value::Object(mut map)) => {
            map.insert("status".to_owned(), json!(status.as_u16().to_string()));
            map.entry("message")
                .or_insert_with(|| json!(status.to_string()));
            Value::Object(map).to_string()
        }
        _ => return Reply::refusal(status.as_u16(), &status.to_string()),
    };
    Reply {
        status: status.as_u16(),
        body,
        next: None,
        strayed: false,
    }
}

async fn read<B>(response: http::Response<B>) -> Result<(StatusCode, HeaderMap, String), String>
where
    B: BodyExt,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = response.into_parts();
    let whole = Limited::new(body, BODY)
        .collect()
        .await
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => format!("the answer has more than {} MiB", BODY >> 20),
            None => format!("the connection broke: {error}"),
        })?;
    let text = String::from_utf8_lossy(&whole.to_bytes()).into_owned();
    Ok((parts.status, parts.headers, text))
}

/// The cause at the bottom of an error, which is the one that helps.
fn explain(error: &octocrab::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

/// The `rel="next"` address of a `Link` header (RFC 8288).
fn next_link(header: &str) -> Option<String> {
    header.split(',').find_map(|part| {
        let (address, parameters) = part.trim().split_once('>')?;
        let next = parameters
            .split(';')
            .any(|one| one.trim().eq_ignore_ascii_case("rel=\"next\"") || one.trim() == "rel=next");
        next.then(|| address.trim_start_matches('<').to_owned())
    })
}

/// Path and query of `link` below `base`, if it is on the same scheme, host and port.
fn same_host(base: &http::Uri, link: &str) -> Option<String> {
    let link: http::Uri = link.parse().ok()?;
    let same = match (link.scheme(), link.authority()) {
        (None, None) => true,
        (scheme, authority) => {
            scheme == base.scheme()
                && authority?
                    .as_str()
                    .eq_ignore_ascii_case(base.authority()?.as_str())
        }
    };
    let path = link.path_and_query()?.as_str();
    let prefix = base.path().trim_end_matches('/');
    let path = path
        .strip_prefix(prefix)
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    // `//host/…` names another host to whoever resolves it as RFC 3986 says.
    (same && !path.starts_with("//")).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_on_the_same_host_only() {
        let header = "<https://api.github.com/organizations/9/members?page=2>; rel=\"next\", <https://api.github.com/x?page=9>; rel=\"last\"";
        let next = next_link(header).unwrap();
        let base = "https://api.github.com".parse().unwrap();
        assert_eq!(
            same_host(&base, &next),
            Some("/organizations/9/members?page=2".into())
        );
        assert_eq!(next_link("<https://x>; rel=\"prev\""), None);
        for foreign in [
            "https://api.github.com.evil.example/x",
            "http://api.github.com/x",
            "https://api.github.com:444/x",
            "https://api.github.com@evil.example/x",
            "//evil.example/x",
        ] {
            assert_eq!(same_host(&base, foreign), None, "{foreign}");
        }
        let server = "https://ghe.example/api/v3".parse().unwrap();
        assert_eq!(
            same_host(&server, "https://ghe.example/api/v3/orgs/a/members?page=2"),
            Some("/orgs/a/members?page=2".into())
        );
    }
}
