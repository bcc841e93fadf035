//! Reading HashiCorp Vault and OpenBao, with reads and look-ups only.
//!
//! One table ([`calls`]) is behind the requests and the policy `tenure permissions
//! vault` prints. No call reaches `data/`, `creds/` or anything else that gives out a
//! secret; members of answers that could hold one are emptied before they are kept.
//! What the server refuses is coverage.

mod calls;
mod client;
mod collect;
mod target;

pub use target::{Login, Target};

use reqwest::Method;

use self::client::{Client, Reply};
use self::collect::Walk;
use super::{Answer, Check, ConnectError, Session, Silent};
use crate::model::{Sym, System};

/// Reads `target` and the namespaces below it into the session's store.
///
/// # Errors
/// If the server cannot be reached, is sealed, or does not accept the login.
pub async fn collect(target: &Target, session: Session<'_>) -> Result<(), ConnectError> {
    let (client, health) = Client::connect(target, session.progress).await?;
    let vault = name(target, &health);
    let walk = Walk {
        client: &client,
        // Only OpenBao pages its lists, and only Vault says what edition it is.
        pages: health.get("enterprise").is_none(),
        session,
        directory: format!("vault/{}", vault.replace(['/', ':', '\\'], "-")),
        vault,
    };
    walk.run(&target.namespace, &health).await
}

/// The name of the vault: its cluster, or its host.
fn name(target: &Target, health: &serde_json::Value) -> Sym {
    health["cluster_name"]
        .as_str()
        .filter(|name| !name.is_empty())
        .map_or_else(
            || {
                let host = target
                    .address
                    .split("://")
                    .last()
                    .unwrap_or(&target.address);
                Sym::new(host.trim_end_matches('/'))
            },
            Sym::new,
        )
}

/// The policy a token needs for a whole scan.
pub fn permissions() -> String {
    calls::policy()
}

/// Tries what a scan would read, without reading it all.
///
/// # Errors
/// If the server cannot be reached, is sealed, or does not accept the login.
pub async fn doctor(target: &Target) -> Result<Vec<Check>, ConnectError> {
    let (client, health) = Client::connect(target, &Silent).await?;
    let tenant = name(target, &health);
    let mut checks = Vec::new();
    for call in calls::all() {
        let fixed = !call.path.contains(['{', '*']) && call.verb != calls::Verb::LookUp;
        let answer = if fixed {
            let query = match call.verb {
                calls::Verb::List => "?list=true",
                _ if call.path == calls::IRREVOCABLE.path => "?type=irrevocable",
                _ => "",
            };
            let path = format!("{}{query}", call.path);
            match client
                .request(Method::GET, &path, &target.namespace, None)
                .await
            {
                Reply::Text(_) | Reply::Absent => Answer::Works,
                Reply::Unoffered => Answer::Absent("the server does not offer it".into()),
                Reply::Failed(why) if why.starts_with("403") => Answer::Denied(why.into()),
                Reply::Failed(why) => Answer::Failed(why.into()),
            }
        } else {
            Answer::Untried("it needs a name from another call".into())
        };
        let remedy = match answer {
            Answer::Denied(_) => "give the token the policy of `tenure permissions vault`",
            _ => "",
        };
        checks.push(Check {
            system: System::Vault,
            tenant,
            kind: Sym::new(call.kind),
            call: Sym::new(call.path),
            answer,
            remedy: remedy.into(),
        });
    }
    Ok(checks)
}
