//! Recognising the documents of Vault and OpenBao; `docs/snapshot-vault.md` is the
//! layout for people.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// An ACL policy, as HCL or JSON.
pub const POLICY: &str = "policy";
/// One API answer.
pub const ANSWER: &str = "answer";
/// API answers of one kind, one a line.
pub const ANSWERS: &str = "answers";
/// An audit log, one entry a line.
pub const AUDIT: &str = "audit-log";

/// Which document of Vault a file is, by its place and content; `None` if it is none.
pub(super) fn recognise(path: &str, text: &[u8]) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let dot = name.rfind('.').map_or("", |at| &name[at..]);
    match dot {
        ".hcl" | ".policy" => is_policy(text).then_some(POLICY),
        ".json" => {
            let trimmed = text.trim_ascii_start();
            if !trimmed.starts_with(b"{") {
                return None;
            }
            if is_audit_line(first_line(trimmed)) {
                return Some(AUDIT);
            }
            is_answer(path, trimmed)
                .then_some(ANSWER)
                .or_else(|| is_json_policy(trimmed).then_some(POLICY))
        }
        ".jsonl" | ".ndjson" | ".log" => {
            let first = first_line(text.trim_ascii_start());
            if is_audit_line(first) {
                return Some(AUDIT);
            }
            is_answer(path, first).then_some(ANSWERS)
        }
        _ => None,
    }
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == b'\n').next().unwrap_or_default()
}

/// Whether a policy stanza starts somewhere: `path "…"` or `path {` at the start of
/// a line. Terraform and Packer files have blocks of other names beside it.
fn is_policy(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    if text.trim_start().starts_with('{') {
        return is_json_policy(text.as_bytes());
    }
    let mut stanza = false;
    for line in text.lines() {
        let line = line.trim_start();
        let after = |word: &str| {
            line.strip_prefix(word)
                .map(str::trim_start)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['"', '{', '=']))
        };
        if [
            "resource",
            "variable",
            "module",
            "provider",
            "terraform",
            "locals",
            "source",
            "listener",
            "storage",
        ]
        .into_iter()
        .any(after)
        {
            return false;
        }
        stanza |= after("path");
    }
    stanza
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonPolicy {
    #[serde(rename = "name")]
    _name: Option<IgnoredAny>,
    path: Option<IgnoredAny>,
}

fn is_json_policy(text: &[u8]) -> bool {
    serde_json::from_slice::<JsonPolicy>(text).is_ok_and(|policy| policy.path.is_some())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    data: Option<IgnoredAny>,
    errors: Option<IgnoredAny>,
    request_id: Option<IgnoredAny>,
    lease_duration: Option<IgnoredAny>,
    wrap_info: Option<IgnoredAny>,
    initialized: Option<IgnoredAny>,
    sealed: Option<IgnoredAny>,
}

/// The envelope of every API answer; where it was cut away (`vault read -field`),
/// the place below `sys/`, `auth/` or `identity/` must tell.
fn is_answer(path: &str, text: &[u8]) -> bool {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(text) else {
        return false;
    };
    if envelope.initialized.is_some() && envelope.sealed.is_some() {
        return true;
    }
    let placed = path
        .split('/')
        .any(|part| matches!(part, "sys" | "auth" | "identity"));
    match (envelope.data.is_some(), envelope.errors.is_some()) {
        (true, _) => {
            placed
                || envelope.request_id.is_some()
                || envelope.lease_duration.is_some()
                || envelope.wrap_info.is_some()
        }
        (false, true) => placed,
        (false, false) => false,
    }
}

#[derive(Deserialize)]
struct AuditLine<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(rename = "time")]
    _time: IgnoredAny,
    #[serde(rename = "request")]
    _request: IgnoredAny,
}

fn is_audit_line(line: &[u8]) -> bool {
    serde_json::from_slice::<AuditLine<'_>>(line)
        .is_ok_and(|line| matches!(line.kind.as_ref(), "request" | "response"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: &str, text: &str) -> Option<&'static str> {
        recognise(path, text.as_bytes())
    }

    #[test]
    fn policies() {
        assert_eq!(
            kind("p/admin.hcl", "# x\npath \"sys/*\"\n{\n}"),
            Some(POLICY)
        );
        assert_eq!(kind("admin.json", "{\"path\":{\"a\":{}}}"), Some(POLICY));
        assert_eq!(kind("broken.hcl", "path \"sys/*\" {"), Some(POLICY));
        assert_eq!(
            kind("vault.hcl", "storage \"raft\" {\n path = \"x\"\n}"),
            None
        );
        assert_eq!(kind("main.hcl", "resource \"a\" \"b\" {}"), None);
        assert_eq!(kind("x.json", "{\"path\":1,\"other\":2}"), None);
    }

    #[test]
    fn answers() {
        assert_eq!(
            kind("db/roles/x.json", "{\"request_id\":\"1\",\"data\":{}}"),
            Some(ANSWER)
        );
        assert_eq!(kind("db/roles/x.json", "{\"data\":{}}"), None);
        assert_eq!(kind("sys/auth.json", "{\"data\":{}}"), Some(ANSWER));
        assert_eq!(
            kind("sys/audit.json", "{\"errors\":[\"permission denied\"]}"),
            Some(ANSWER)
        );
        assert_eq!(
            kind("health.json", "{\"initialized\":true,\"sealed\":false}"),
            Some(ANSWER)
        );
        assert_eq!(
            kind(
                "auth/token/lookup-accessor.jsonl",
                "{\"data\":{\"accessor\":\"a\"}}\n"
            ),
            Some(ANSWERS)
        );
    }

    #[test]
    fn audit_logs() {
        let line = "{\"time\":\"2026-01-01T00:00:00Z\",\"type\":\"request\",\"request\":{}}\n";
        assert_eq!(kind("audit.log", line), Some(AUDIT));
        assert_eq!(kind("audit.json", line), Some(AUDIT));
        assert_eq!(kind("app.log", "hello"), None);
    }
}
