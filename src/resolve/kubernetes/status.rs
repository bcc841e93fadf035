//! What the API server says of itself: `/version`, `/flagz` and `/metrics`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::document;
use crate::config::parse_duration;

/// Settings and counters of an API server, where they were readable.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// The input is a cluster, not manifests meant for one.
    pub whole_cluster: bool,
    /// A collector wrote it and says itself what it did not see.
    pub collected: bool,
    pub version: Option<String>,
    /// `None` if the flags were not readable.
    pub flags: Option<BTreeMap<String, String>>,
    pub webhook_authorizer: Option<bool>,
    pub legacy_token_uses: Option<i64>,
    pub stale_token_uses: Option<i64>,
    /// Types of authorizers besides RBAC and Node that allowed something.
    pub other_authorizers: BTreeSet<String>,
}

impl Status {
    /// Takes in the answer of `/version`.
    pub fn read_version(&mut self, text: &str) {
        let (documents, _) = document::parse(text);
        self.version = documents
            .first()
            .and_then(|version| version.text_of("gitVersion"))
            .map(str::to_owned);
    }

    /// Takes in the answer of `/flagz`: a line for each flag, name and value kept
    /// apart by `=`, `:` or a space (the server varies it so that nobody relies on it).
    pub fn read_flags(&mut self, text: &str) {
        let mut flags = BTreeMap::new();
        for line in text.lines().map(str::trim) {
            let Some(at) = line.find(['=', ':', ' ']) else {
                continue;
            };
            let (name, value) = line.split_at(at);
            let is_name = name.contains(|c: char| c.is_ascii_lowercase())
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if is_name {
                let value = value.trim_start_matches(['=', ':', ' ']);
                flags.insert(name.to_owned(), value.trim().to_owned());
            }
        }
        // A page without one flag is some other page.
        if !flags.contains_key("authorization-mode") && !flags.contains_key("anonymous-auth") {
            return;
        }
        let modes = flags.get("authorization-mode").cloned().unwrap_or_default();
        let set = |name: &str| flags.get(name).is_some_and(|value| !value.is_empty());
        let configured = set("authorization-config");
        // A configuration file may name a webhook too; the flags do not tell.
        self.webhook_authorizer = match list(&modes).any(|mode| mode == "Webhook") {
            true => Some(true),
            false if configured => None,
            false => Some(set("authorization-webhook-config-file")),
        };
        self.flags = Some(flags);
    }

    /// Takes in the answer of `/metrics` (Prometheus text format).
    pub fn read_metrics(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let Ok(value) = value.parse::<f64>() else {
                continue;
            };
            // Counters are whole numbers well below 2⁵³.
            let count = value as i64;
            match name {
                "serviceaccount_legacy_manual_token_uses_total"
                | "serviceaccount_legacy_auto_token_uses_total"
                | "serviceaccount_legacy_tokens_total" => {
                    let sum = self.legacy_token_uses.unwrap_or(0).saturating_add(count);
                    self.legacy_token_uses = Some(sum);
                }
                "serviceaccount_stale_tokens_total" => self.stale_token_uses = Some(count),
                _ => {
                    let decisions = name.strip_prefix("apiserver_authorization_decisions_total{");
                    if let Some(labels) = decisions
                        && count > 0
                        && labels.contains("decision=\"allowed\"")
                        && let Some(ty) = label(labels, "type")
                        && !matches!(ty, "RBAC" | "Node")
                    {
                        self.other_authorizers.insert(ty.to_owned());
                    }
                }
            }
        }
    }

    /// The value of a flag that was set to something.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags
            .as_ref()?
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A flag that is on or off.
    pub fn switch(&self, name: &str) -> Option<bool> {
        match self.flag(name)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A flag that is a length of time, as Go writes it (`1h0m0s`).
    pub fn duration(&self, name: &str) -> Option<SignedDuration> {
        parse_duration(self.flag(name)?).ok()
    }

    /// The entries of a flag that is a list.
    pub fn list(&self, name: &str) -> Option<Vec<&str>> {
        self.flag(name).map(|value| list(value).collect())
    }
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .trim_start_matches('[')
        .trim_end_matches(']')
        .split([',', ' '])
        .filter(|entry| !entry.is_empty())
}

fn label<'t>(labels: &'t str, name: &str) -> Option<&'t str> {
    let at = labels.find(&format!("{name}=\""))? + name.len() + 2;
    labels.get(at..)?.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_whatever_separates_them() {
        for separator in ["=", ": ", " ", ":"] {
            let text = format!(
                "kube-apiserver flagz\nWarning: for people only\n\nanonymous-auth{0}true\nauthorization-mode{0}[Node,RBAC,Webhook]\nservice-account-max-token-expiration{0}24h0m0s\noidc-issuer-url{0}\n",
                separator
            );
            let mut status = Status::default();
            status.read_flags(&text);
            assert_eq!(status.switch("anonymous-auth"), Some(true), "{separator:?}");
            assert_eq!(
                status.list("authorization-mode"),
                Some(vec!["Node", "RBAC", "Webhook"])
            );
            assert_eq!(status.webhook_authorizer, Some(true));
            assert_eq!(
                status
                    .duration("service-account-max-token-expiration")
                    .map(|length| length.as_hours()),
                Some(24)
            );
            assert_eq!(status.flag("oidc-issuer-url"), None);
        }
        let mut other = Status::default();
        other.read_flags("404 page not found\n");
        assert!(other.flags.is_none());
    }

    #[test]
    fn metrics_tell_who_allows() {
        let mut status = Status::default();
        status.read_metrics(
            "# HELP x\nserviceaccount_legacy_manual_token_uses_total 3\nserviceaccount_stale_tokens_total 1\napiserver_authorization_decisions_total{decision=\"allowed\",name=\"eks\",type=\"Webhook\"} 7\napiserver_authorization_decisions_total{decision=\"allowed\",name=\"\",type=\"RBAC\"} 9\n",
        );
        assert_eq!(status.legacy_token_uses, Some(3));
        assert_eq!(status.stale_token_uses, Some(1));
        assert_eq!(
            status.other_authorizers.iter().collect::<Vec<_>>(),
            ["Webhook"]
        );
    }
}
