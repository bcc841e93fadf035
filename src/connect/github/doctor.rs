//! What a scan of an organisation would and would not see, and what it would cost.

use std::time::Duration;

use serde_json::{Value, json};

use super::auth::Credential;
use super::client::{Client, Reply};
use super::plan::{Estimate, Shape};
use super::queries;
use crate::config::Config;
use crate::connect::{Answer, Check, ConnectError, Silent};
use crate::model::{Sym, System};
use crate::snapshot::github::{Asker, DOCUMENTS, DocumentKind, Offered};

/// What [`examine`] found.
#[derive(Clone, Debug)]
pub struct Report {
    /// One check for each kind of document of the organisation.
    pub checks: Vec<Check>,
    /// The size, from GitHub's own counts.
    pub shape: Shape,
    /// What a collection costs.
    pub estimate: Estimate,
    /// REST requests left this hour, and GraphQL points, where told.
    pub left: (Option<u64>, Option<u64>),
}

/// Tries each endpoint of the organisation once, and says what a scan would lack and
/// what it would cost.
///
/// # Errors
/// As [`super::collect`].
pub async fn doctor(org: &str, config: &Config) -> Result<Vec<Check>, ConnectError> {
    let credential = Credential::find(&config.github, |name| std::env::var(name).ok())?;
    let report = examine(&credential, org, config, Duration::from_secs(1)).await?;
    let mut checks = report.checks;
    let Estimate { rest, points } = report.estimate;
    let tenant = Sym::new(org);
    let left = match report.left {
        (Some(rest), Some(points)) => {
            format!("; {rest} calls and {points} points are left this hour")
        }
        _ => String::new(),
    };
    checks.push(Check {
        system: System::Github,
        tenant,
        kind: Sym::new("github.collection"),
        call: Sym::new(&format!(
            "a scan costs about {rest} REST calls and {points} GraphQL points{left}"
        )),
        answer: match report.left {
            (Some(left), _) if left < rest as u64 => {
                Answer::Failed("fewer calls are left this hour than a scan needs; it will wait, or stop and resume".into())
            }
            _ => Answer::Works,
        },
        remedy: "".into(),
    });
    Ok(checks)
}

/// [`doctor`] as this credential.
///
/// # Errors
/// As [`super::collect`].
pub async fn examine(
    credential: &Credential,
    org: &str,
    config: &Config,
    second: Duration,
) -> Result<Report, ConnectError> {
    let silent = Silent;
    let client = Client::new(&config.github, credential, org, &silent, second).await?;
    let mut checks = Vec::new();
    for kind in DOCUMENTS {
        if kind.file.contains('*') || kind.endpoint == "graphql" {
            continue;
        }
        let not_ours = match kind.asker {
            Asker::Any => false,
            Asker::App => !credential.is_app(),
            Asker::Token => credential.is_app(),
        };
        if not_ours {
            let who = if kind.asker == Asker::App {
                "only Apps"
            } else {
                "no App"
            };
            checks.push(check(
                org,
                kind,
                Answer::Untried(format!("GitHub answers {who} here").into()),
            ));
            continue;
        }
        let mut address = kind.address(&[org]);
        address.push_str(if address.contains('?') {
            "&per_page=1"
        } else {
            "?per_page=1"
        });
        let answer = match client.get(&address).await {
            Ok(reply) => {
                if kind.name == "organization" && !reply.ok() {
                    let value = serde_json::from_str(&reply.body).unwrap_or_default();
                    return Err(super::collect::refused(org, &value));
                }
                judged(kind, &reply)
            }
            Err(limit) => Answer::Failed(
                format!("a {} asks to wait {} seconds", limit.why, limit.seconds).into(),
            ),
        };
        checks.push(check(org, kind, answer));
    }
    let mut shape = Shape::default();
    let sizes = client.graph(queries::SIZES, &json!({"org": org})).await;
    let sizes: Option<Value> = sizes
        .ok()
        .and_then(|reply| serde_json::from_str(&reply.body).ok());
    if let Some(sizes) = &sizes {
        let of = |name: &str| {
            let count = sizes["data"]["organization"][name]["totalCount"].as_u64();
            usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX)
        };
        shape = Shape {
            teams: of("teams"),
            app: credential.is_app(),
            codespaces: config.github.codespaces,
            ..Shape::typical(of("membersWithRole"), of("repositories"))
        };
    }
    let rate: Value = match client.get("/rate_limit").await {
        Ok(reply) if reply.ok() => serde_json::from_str(&reply.body).unwrap_or_default(),
        _ => Value::Null,
    };
    let left = |name: &str| rate["resources"][name]["remaining"].as_u64();
    Ok(Report {
        checks,
        shape,
        estimate: shape.calls(),
        left: (left("core"), left("graphql")),
    })
}

fn judged(kind: &DocumentKind, reply: &Reply) -> Answer {
    if reply.ok() {
        return Answer::Works;
    }
    let message = reply.message();
    match reply.status {
        404 if kind.offered != Offered::Everywhere => Answer::Absent(
            format!("404 {message}: not on this plan or version, or hidden from this credential")
                .into(),
        ),
        401 | 403 | 404 => Answer::Denied(format!("{} {message}", reply.status).into()),
        status => Answer::Failed(format!("{status} {message}").into()),
    }
}

fn check(org: &str, kind: &DocumentKind, answer: Answer) -> Check {
    let remedy = match answer {
        Answer::Works => String::new(),
        _ => format!("needs {}", kind.permission),
    };
    Check {
        system: System::Github,
        tenant: Sym::new(org),
        kind: Sym::new(kind.facts),
        call: Sym::new(&format!("GET {}", kind.endpoint.replacen("{}", org, 1))),
        answer,
        remedy: remedy.into(),
    }
}
