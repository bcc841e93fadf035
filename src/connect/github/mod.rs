//! Reads GitHub through its API.
//!
//! GraphQL where it is cheaper (teams, repositories, direct collaborators, rulesets,
//! protection rules), REST for what only REST has. An organisation of 1,000
//! repositories and 500 people costs fewer than 6,000 REST calls and 100 GraphQL
//! points ([`Shape::calls`]); a second collection with a cache is answered mostly by
//! 304, which the rate limit does not count.
//!
//! Only `GET` requests, and `POST` to the GraphQL endpoint with queries.

mod auth;
mod cache;
mod client;
mod collect;
mod doctor;
mod graph;
mod permissions;
mod plan;
pub mod queries;
mod throttle;

use std::time::Duration;

pub use auth::Credential;
pub use client::{Client, Count, Reply};
pub use doctor::{Report, doctor, examine};
pub use permissions::permissions;
pub use plan::{Estimate, Shape};
pub use throttle::TooLong;

use collect::{Collector, Stop, folder};

use super::{ConnectError, Session};

/// Marks a directory whose collection has not ended.
const MARK: &str = ".collecting";

/// Reads the organisation `org` into the session's store, as whoever the settings and
/// the environment name.
///
/// A collection that a rate limit ended leaves its documents and a mark; the next one
/// into the same directory goes on from there.
///
/// # Errors
/// If there is no usable credential, GitHub does not answer or does not know the
/// organisation, or the store cannot be written. Everything else is coverage.
pub async fn collect(org: &str, session: Session<'_>) -> Result<Count, ConnectError> {
    let credential = Credential::find(&session.config.github, |name| std::env::var(name).ok())?;
    collect_as(&credential, org, session, Duration::from_secs(1)).await
}

/// [`collect`] with this credential. `second` is how long a second of waiting takes,
/// which only tests make shorter.
///
/// # Errors
/// As [`collect`].
pub async fn collect_as(
    credential: &Credential,
    org: &str,
    session: Session<'_>,
    second: Duration,
) -> Result<Count, ConnectError> {
    let client = Client::new(
        &session.config.github,
        credential,
        org,
        session.progress,
        second,
    )
    .await?;
    let mark = session
        .store
        .root()
        .map(|root| root.join(folder(org)).join(MARK));
    let interrupted = mark.as_ref().is_some_and(|mark| mark.is_file());
    if let Some(mark) = &mark {
        // Without the mark the next run starts afresh, which costs calls only.
        let made = mark
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(mark, b""));
        if let Err(error) = made {
            tracing::warn!("cannot write `{}`: {error}", mark.display());
        }
    }
    let mut collector = Collector {
        client: &client,
        session,
        org,
        app: credential.is_app(),
        server: session
            .config
            .github
            .base_url
            .trim_end_matches('/')
            .ends_with("/api/v3"),
        plan: None,
        earlier: session.store.root().filter(|_| interrupted).map(Into::into),
    };
    let result = collector.run().await;
    let count = client.count();
    match result {
        Ok(()) => {
            collector.declare(None);
            if let Some(mark) = &mark {
                let _ = std::fs::remove_file(mark);
            }
            Ok(count)
        }
        Err(Stop::Limit(limit)) => {
            collector.declare(Some(&limit));
            Ok(count)
        }
        Err(Stop::Refused(error)) => {
            collector.declare(None);
            if let Some(mark) = &mark {
                let _ = std::fs::remove_file(mark);
            }
            Err(error)
        }
        Err(Stop::Store(error)) => Err(error.into()),
    }
}
