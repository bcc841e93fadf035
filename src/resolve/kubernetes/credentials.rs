//! What proves somebody to the API server: stored tokens, bootstrap tokens and
//! certificates. Values are never read; of a secret's data only the fields of a
//! bootstrap token that are no secret are.

use jiff::Timestamp;

use super::document::{Node, Source};
use super::rbac::{Meta, time_of};
use crate::model::Sym;

/// Type of secrets that hold a service account's token for ever.
pub(crate) const LEGACY_TOKEN: &str = "kubernetes.io/service-account-token";
/// Type of secrets that let nodes join.
pub(crate) const BOOTSTRAP_TOKEN: &str = "bootstrap.kubernetes.io/token";

/// A secret, without its contents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secret {
    pub meta: Meta,
    pub ty: Sym,
    /// When a bootstrap token ends. `None`: it does not say.
    pub expiration: Option<Timestamp>,
    /// Whether the fields of a bootstrap token could be seen at all.
    pub fields_seen: bool,
    /// What a bootstrap token may be used for: `authentication`, `signing`.
    pub usages: Vec<Sym>,
    /// Groups a bootstrap token adds.
    pub groups: Vec<Sym>,
}

impl Secret {
    /// Reads a secret. `listed_as` is the type by which metadata alone was listed,
    /// with `_` for `/`.
    pub fn read(node: &Node<'_>, source: &Source<'_>, listed_as: Option<&str>) -> Self {
        let ty = match (node.text_of("type"), listed_as) {
            (Some(ty), _) => Sym::new(ty),
            (None, Some(name)) if name.starts_with("service-account-token") => {
                Sym::new(LEGACY_TOKEN)
            }
            (None, Some(name)) if name.starts_with("bootstrap-token") => Sym::new(BOOTSTRAP_TOKEN),
            (None, _) => Sym::new("Opaque"),
        };
        let mut meta = Meta::read(node, source);
        if meta.namespace.is_empty() {
            meta.namespace = Sym::new("default");
        }
        let mut secret = Secret {
            meta,
            ty,
            ..Secret::default()
        };
        if ty == BOOTSTRAP_TOKEN {
            secret.read_bootstrap(node);
        }
        secret
    }

    /// The service account whose token this holds.
    pub fn account(&self) -> Option<Sym> {
        let name = self.meta.annotation("kubernetes.io/service-account.name")?;
        (self.ty == LEGACY_TOKEN).then_some(name)
    }

    fn read_bootstrap(&mut self, node: &Node<'_>) {
        let field = |name: &str| -> Option<String> {
            if let Some(text) = node.at(&["stringData", name]).and_then(Node::text) {
                return Some(text.to_owned());
            }
            let encoded = node.at(&["data", name]).and_then(Node::text)?;
            String::from_utf8(decode_base64(encoded)?).ok()
        };
        // An export may keep the keys and drop the values; then nothing is known
        // about the expiry of a token that has the key, and all about one that has not.
        let has = |name: &str| {
            ["stringData", "data"].iter().any(|part| {
                node.pairs_of(part)
                    .iter()
                    .any(|(key, _)| key.as_ref() == name)
            })
        };
        self.expiration = field("expiration").and_then(|text| text.parse().ok());
        self.fields_seen = has("token-id") && (!has("expiration") || self.expiration.is_some());
        for usage in ["authentication", "signing"] {
            let name = format!("usage-bootstrap-{usage}");
            if field(&name).as_deref() == Some("true") {
                self.usages.push(Sym::new(usage));
            }
        }
        if let Some(groups) = field("auth-extra-groups") {
            self.groups = groups
                .split(',')
                .map(|group| Sym::new(group.trim()))
                .collect();
        }
    }
}

/// Standard base64 (RFC 4648 §4), for the non-secret fields of bootstrap tokens.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0u8);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'\n' | b'\r' | b' ' => continue,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xFF) as u8);
        }
    }
    Some(out)
}

/// A certificate signing request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Csr {
    pub meta: Meta,
    pub signer: Sym,
    /// Who asked.
    pub requester: Sym,
    pub approved: bool,
    pub denied: bool,
    /// A certificate was put into its status.
    pub issued: bool,
    /// Life asked for, in seconds.
    pub expiration_seconds: Option<i64>,
    pub approved_at: Option<Timestamp>,
}

impl Csr {
    /// Reads a request; the certificate itself is only looked for, not at.
    pub fn read(node: &Node<'_>, source: &Source<'_>) -> Self {
        let spec = node.get("spec");
        let status = node.get("status");
        let condition = |name: &str| {
            status
                .map_or(&[][..], |status| status.items_of("conditions"))
                .iter()
                .find(|condition| {
                    condition.text_of("type") == Some(name)
                        && condition.text_of("status") != Some("False")
                })
        };
        let approval = condition("Approved");
        Csr {
            meta: Meta::read(node, source),
            signer: spec
                .map(|spec| spec.sym_of("signerName"))
                .unwrap_or_default(),
            requester: spec.map(|spec| spec.sym_of("username")).unwrap_or_default(),
            approved: approval.is_some(),
            denied: condition("Denied").is_some() || condition("Failed").is_some(),
            issued: status.is_some_and(|status| status.get("certificate").is_some()),
            expiration_seconds: spec.and_then(|spec| spec.int_of("expirationSeconds")),
            approved_at: approval.and_then(|approval| {
                time_of(approval, "lastUpdateTime")
                    .or_else(|| time_of(approval, "lastTransitionTime"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects::Objects;
    use super::*;

    #[test]
    fn base64() {
        assert_eq!(decode_base64("dHJ1ZQ==").as_deref(), Some(&b"true"[..]));
        assert_eq!(decode_base64("").as_deref(), Some(&b""[..]));
        assert_eq!(decode_base64("?"), None);
    }

    #[test]
    fn bootstrap_tokens_tell_absent_from_unseen() {
        let objects = Objects::parse(
            br#"
kind: Secret
metadata: {name: a, namespace: kube-system}
type: bootstrap.kubernetes.io/token
stringData: {token-id: x, usage-bootstrap-authentication: "true"}
---
kind: Secret
metadata: {name: b, namespace: kube-system}
type: bootstrap.kubernetes.io/token
data: {token-id: null, expiration: null}
---
kind: Secret
metadata: {name: c, namespace: kube-system}
type: bootstrap.kubernetes.io/token
data: {token-id: eA==, expiration: MjAyNy0wMS0wMVQwMDowMDowMFo=}
"#,
        )
        .unwrap();
        let seen: Vec<_> = objects
            .secrets
            .iter()
            .map(|secret| (secret.fields_seen, secret.expiration.map(|t| t.to_string())))
            .collect();
        assert_eq!(
            seen,
            [
                (true, None),
                (false, None),
                (true, Some("2027-01-01T00:00:00Z".to_owned()))
            ]
        );
        assert_eq!(objects.secrets[0].usages, [Sym::new("authentication")]);
    }
}
