//! The audit log: what was requested, approved, issued, used, renewed and revoked.
//!
//! One JSON entry a line. Tokens, accessors and the values of bodies are hashed with
//! a salt per device (HMAC-SHA256), so two entries of one device join by equal
//! hashes; times, paths, entities, policies and lease ids of answers are in the
//! clear. A lease that simply runs out leaves no entry: its end is inferred from its
//! length, never read here.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::model::Sym;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// Somebody logged in or a token was made.
    Login,
    /// A control group held a request back until somebody approves.
    Requested,
    /// Somebody approved it.
    Approved,
    /// What was held back or wrapped was taken out.
    Unwrapped,
    /// A lease was given out.
    Issued,
    /// A lease or token was prolonged.
    Renewed,
    /// A lease or token was ended before its time.
    Revoked,
    /// Anything else that was allowed.
    Used,
}

/// One completed and allowed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was answered.
    pub time: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// `read`, `update` and the like.
    pub operation: Sym,
    /// API path, without namespace.
    pub path: Sym,
    /// `""` or a path that ends in `/`.
    pub namespace: Sym,
    /// Joins the entries of one request.
    pub request: Sym,
    /// The entity that asked; in the clear.
    pub entity: Option<Sym>,
    /// Name of the token that asked, for people.
    pub display_name: Option<Sym>,
    /// Accessor of the token that asked, hashed by the device unless it says otherwise.
    pub accessor: Option<Sym>,
    /// Accessor of the token that was made or of the answer that was wrapped, hashed
    /// likewise: equal to [`Event::accessor`] of its later uses.
    pub issued_accessor: Option<Sym>,
    /// Accessor that an approval names: equal to [`Event::issued_accessor`] of the
    /// request that was held back.
    pub named_accessor: Option<Sym>,
    /// The role of the auth method that was logged in by.
    pub role: Option<Sym>,
    /// Lease id, in the clear, or hashed where a revocation named it in its body.
    pub lease: Option<Sym>,
    /// For how long a lease, token or approval was given.
    pub length: Option<SignedDuration>,
    /// The policies that allowed it.
    pub granting: Vec<Sym>,
    /// All policies of the token.
    pub policies: Vec<Sym>,
}

/// An audit log, read.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Events in the order of the log.
    pub events: Vec<Event>,
    /// Lines that are no audit entries (cut off, rotated in the middle).
    pub unreadable: usize,
}

#[derive(Deserialize)]
struct Line<'a> {
    time: Timestamp,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    error: Option<Cow<'a, str>>,
    #[serde(default)]
    auth: Option<Auth>,
    request: Request,
    #[serde(default)]
    response: Option<Response>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    accessor: Option<String>,
    display_name: Option<String>,
    entity_id: Option<String>,
    policies: Option<Vec<String>>,
    metadata: Option<Json>,
    policy_results: Option<PolicyResults>,
    token_ttl: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PolicyResults {
    allowed: bool,
    granting_policies: Option<Vec<Granting>>,
}

#[derive(Deserialize)]
struct Granting {
    name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Request {
    id: Option<String>,
    operation: Option<String>,
    path: Option<String>,
    namespace: Option<Namespace>,
    data: Option<Json>,
    wrap_ttl: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Namespace {
    path: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response {
    auth: Option<Auth>,
    secret: Option<Secret>,
    wrap_info: Option<Wrap>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Secret {
    lease_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wrap {
    accessor: Option<String>,
    ttl: Option<i64>,
}

/// Reads a log. Only answers count (a request without answer proves nothing), and
/// only those without error.
pub fn read(text: &[u8]) -> Log {
    let mut log = Log::default();
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice::<Line<'_>>(line) {
            Ok(line) if line.kind == "response" => log.events.extend(event(line)),
            Ok(_) => {}
            Err(_) => log.unreadable += 1,
        }
    }
    log
}

fn event(line: Line<'_>) -> Option<Event> {
    if line.error.is_some_and(|error| !error.is_empty()) {
        return None;
    }
    let auth = line.auth.unwrap_or_default();
    if auth
        .policy_results
        .as_ref()
        .is_some_and(|results| !results.allowed)
    {
        return None;
    }
    let request = line.request;
    let response = line.response.unwrap_or_default();
    let sym = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Sym::from);
    let path = request.path.unwrap_or_default();
    let lease = sym(response.secret.and_then(|secret| secret.lease_id));
    let named_lease = || {
        let in_path = [
            "sys/leases/revoke/",
            "sys/revoke/",
            "sys/leases/renew/",
            "sys/renew/",
        ]
        .into_iter()
        .find_map(|place| path.strip_prefix(place))
        .map(Sym::new);
        in_path.or_else(|| {
            let data = request.data.as_ref()?;
            data.get("lease_id")?.as_str().map(Sym::new)
        })
    };
    let held = response.wrap_info.is_some() && request.wrap_ttl.unwrap_or(0) == 0;
    let seconds = |seconds: i64| SignedDuration::from_secs(seconds);
    let made = response.auth.as_ref();
    let (kind, lease, length) = if path == "sys/control-group/authorize" {
        (EventKind::Approved, None, None)
    } else if path == "sys/wrapping/unwrap" {
        (EventKind::Unwrapped, lease, None)
    } else if path.starts_with("sys/leases/revoke")
        || path.starts_with("sys/revoke")
        || path.starts_with("auth/token/revoke")
    {
        (EventKind::Revoked, named_lease(), None)
    } else if path.starts_with("sys/leases/renew")
        || path.starts_with("sys/renew")
        || path.starts_with("auth/token/renew")
    {
        (EventKind::Renewed, lease.or_else(named_lease), None)
    } else if let Some(made) = made {
        (EventKind::Login, lease, made.token_ttl.map(seconds))
    } else if lease.is_some() {
        (EventKind::Issued, lease, None)
    } else if held {
        let ttl = response.wrap_info.as_ref().and_then(|wrap| wrap.ttl);
        (EventKind::Requested, None, ttl.map(seconds))
    } else {
        (EventKind::Used, None, None)
    };
    let role = |auth: &Auth| {
        let data = auth.metadata.as_ref()?;
        let name = data.get("role_name").or_else(|| data.get("role"))?;
        name.as_str().map(Sym::new)
    };
    let issued_accessor = made.and_then(|made| made.accessor.clone()).or_else(|| {
        response
            .wrap_info
            .as_ref()
            .and_then(|wrap| wrap.accessor.clone())
    });
    let granting = auth
        .policy_results
        .and_then(|results| results.granting_policies)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|policy| sym(policy.name))
        .collect();
    let entity = match made {
        Some(made) if auth.entity_id.as_deref().unwrap_or_default().is_empty() => {
            made.entity_id.clone()
        }
        _ => auth.entity_id.clone(),
    };
    let named_accessor = request
        .data
        .as_ref()
        .filter(|_| kind == EventKind::Approved)
        .and_then(|data| data.get("accessor")?.as_str())
        .map(Sym::new);
    Some(Event {
        time: line.time,
        kind,
        operation: Sym::new(&request.operation.unwrap_or_default()),
        namespace: Sym::new(
            &request
                .namespace
                .unwrap_or_default()
                .path
                .unwrap_or_default(),
        ),
        request: Sym::new(&request.id.unwrap_or_default()),
        entity: sym(entity),
        display_name: sym(auth.display_name.clone()),
        role: made.and_then(role),
        accessor: sym(auth.accessor),
        issued_accessor: sym(issued_accessor),
        named_accessor,
        lease,
        length,
        granting,
        policies: auth
            .policies
            .unwrap_or_default()
            .into_iter()
            .map(Sym::from)
            .collect(),
        path: Sym::new(&path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(lines: &[&str]) -> Vec<EventKind> {
        read(lines.join("\n").as_bytes())
            .events
            .into_iter()
            .map(|event| event.kind)
            .collect()
    }

    #[test]
    fn the_steps_of_a_grant() {
        let at = r#""time":"2026-11-20T10:00:00Z","type":"response""#;
        let lines = [
            format!(
                r#"{{{at},"auth":{{"entity_id":"e1","accessor":"hmac:a"}},"request":{{"path":"database/creds/prod","operation":"read"}},"response":{{"wrap_info":{{"accessor":"hmac:w","ttl":3600}}}}}}"#
            ),
            format!(
                r#"{{{at},"auth":{{"entity_id":"e2"}},"request":{{"path":"sys/control-group/authorize","operation":"update"}}}}"#
            ),
            format!(
                r#"{{{at},"auth":{{"entity_id":"e1"}},"request":{{"path":"sys/wrapping/unwrap"}},"response":{{"secret":{{"lease_id":"database/creds/prod/x"}}}}}}"#
            ),
            format!(
                r#"{{{at},"auth":{{"entity_id":"e1"}},"request":{{"path":"sys/leases/revoke/database/creds/prod/x"}}}}"#
            ),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(
            kinds(&lines),
            [
                EventKind::Requested,
                EventKind::Approved,
                EventKind::Unwrapped,
                EventKind::Revoked
            ]
        );
        let log = read(lines.join("\n").as_bytes());
        assert_eq!(
            log.events[0].issued_accessor.map(|a| a.as_str()),
            Some("hmac:w")
        );
        assert_eq!(log.events[0].length, Some(SignedDuration::from_hours(1)));
        assert_eq!(log.events[3].lease, log.events[2].lease);
    }

    #[test]
    fn what_was_refused_or_not_answered_is_no_event() {
        let lines = [
            r#"{"time":"2026-11-20T10:00:00Z","type":"request","request":{"path":"a"}}"#,
            r#"{"time":"2026-11-20T10:00:00Z","type":"response","error":"permission denied","request":{"path":"a"}}"#,
            r#"{"time":"2026-11-20T10:00:00Z","type":"response","auth":{"policy_results":{"allowed":false}},"request":{"path":"a"}}"#,
            r#"{"time":"2026-11-20T10:0"#,
            r#"{"time":"2026-11-20T10:00:00Z","type":"response","request":{"path":"secret/data/a","wrap_ttl":60},"response":{"wrap_info":{"ttl":60}}}"#,
        ];
        assert_eq!(kinds(&lines), [EventKind::Used]);
        assert_eq!(read(lines.join("\n").as_bytes()).unreadable, 1);
    }
}
