//! `jit:` in `tenure.yaml`: where evidence of just-in-time access lies, who is who,
//! and when access given for a while amounts to standing access.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::duration;

/// Settings of the just-in-time stage. How long a grant may last is set by
/// `limits.ttl_admin`, `ttl_write` and `ttl_read`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jit {
    /// Files of the ledger, oldest first, relative to the settings. Without any,
    /// nothing is reconciled.
    pub ledger: Vec<PathBuf>,
    /// Earlier snapshots, relative to the settings: evidence of what was there, and
    /// what was not.
    pub earlier: Vec<PathBuf>,
    /// Share of `span` in percent above which grants in a row amount to standing
    /// access.
    pub persistence: u8,
    /// The same for administrators.
    pub persistence_admin: u8,
    /// This many grants without a gap amount to standing access.
    pub chain: u32,
    /// How far back persistence looks.
    #[serde(deserialize_with = "duration")]
    pub span: SignedDuration,
    /// Time for the review of emergency access.
    #[serde(deserialize_with = "duration")]
    pub review: SignedDuration,
    /// Time after which unused access is dormant.
    #[serde(deserialize_with = "duration")]
    pub dormant: SignedDuration,
    /// Time after a work item is resolved within which access should be gone.
    #[serde(deserialize_with = "duration")]
    pub task_grace: SignedDuration,
    /// How old the end of the ledger may be to speak for the present.
    #[serde(deserialize_with = "duration")]
    pub ledger_age: SignedDuration,
    /// Time systems need to carry out a change.
    #[serde(deserialize_with = "duration")]
    pub delay: SignedDuration,
    /// Most grants, people and days for one work item.
    pub ticket: Ticket,
    /// Who makes access for a just-in-time tool, by realm (`aws-idc`, `github`):
    /// patterns over the maker's name in the target's log.
    pub issuers: BTreeMap<String, Vec<String>>,
    /// References that are one person: `namespace:id`, each list one person.
    pub aliases: Vec<Vec<String>>,
    /// What stands before the mail address in Kubernetes user names that an OpenID
    /// Connect issuer of ours vouches for (`oidc:`).
    pub kubernetes_user_prefix: Option<String>,
    /// Privileges that contain others, by the target's own names.
    pub implies: BTreeMap<String, Vec<String>>,
    /// Live access that is declared to stand for a while.
    pub exceptions: Vec<JitException>,
}

impl Default for Jit {
    fn default() -> Self {
        let hours = SignedDuration::from_hours;
        Jit {
            ledger: Vec::new(),
            earlier: Vec::new(),
            persistence: 50,
            persistence_admin: 25,
            chain: 3,
            span: hours(30 * 24),
            review: hours(72),
            dormant: hours(30 * 24),
            task_grace: hours(1),
            ledger_age: hours(24),
            delay: SignedDuration::from_mins(15),
            ticket: Ticket::default(),
            issuers: BTreeMap::new(),
            aliases: Vec::new(),
            kubernetes_user_prefix: None,
            implies: BTreeMap::new(),
            exceptions: Vec::new(),
        }
    }
}

impl Jit {
    /// Takes paths that are not absolute as lying in `folder`.
    pub(super) fn beside(&mut self, folder: &std::path::Path) {
        for path in self.ledger.iter_mut().chain(&mut self.earlier) {
            *path = folder.join(&*path);
        }
    }

    /// Whether there is anything to reconcile with.
    pub fn is_configured(&self) -> bool {
        !self.ledger.is_empty()
    }

    /// What is wrong with the settings, if anything.
    pub(super) fn fault(&self) -> Option<String> {
        if self.persistence > 100 || self.persistence_admin > 100 {
            return Some("jit: persistence is a share in percent, at most 100".to_owned());
        }
        for list in &self.aliases {
            if list.len() < 2 || list.iter().any(|one| !one.contains(':')) {
                return Some(
                    "jit: each of `aliases` is a list of two or more `namespace:id`".to_owned(),
                );
            }
        }
        let mut ids = std::collections::BTreeSet::new();
        for one in &self.exceptions {
            let blank = |text: &str| text.trim().is_empty();
            if blank(&one.id) || blank(&one.owner) || blank(&one.reason) {
                return Some(format!(
                    "jit: exception `{}`: id, owner and reason must not be empty",
                    one.id
                ));
            }
            if let Err(error) = one.system.parse::<crate::model::System>() {
                return Some(format!("jit: exception `{}`: {error}", one.id));
            }
            if !ids.insert(&one.id) {
                return Some(format!("jit: two exceptions are called `{}`", one.id));
            }
        }
        None
    }
}

/// When one work item is a master key.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ticket {
    /// Most grants.
    pub grants: usize,
    /// Most people.
    pub subjects: usize,
    /// Most days from its first to its last grant.
    pub days: i64,
}

impl Default for Ticket {
    fn default() -> Self {
        Ticket {
            grants: 10,
            subjects: 5,
            days: 14,
        }
    }
}

/// Live access that is declared to stand for a while.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JitException {
    /// Its name in reports.
    pub id: String,
    /// `aws`, `github`, `kubernetes` or `vault`.
    pub system: String,
    /// Whose access, as `namespace:id`.
    pub subject: String,
    /// What, by the target's own names; patterns with `*` allowed.
    pub privileges: Vec<String>,
    /// On what: `account`, `cluster`, `namespace`, `repository`, …
    pub scope: BTreeMap<String, String>,
    /// Who answers for it.
    pub owner: String,
    /// Why it is accepted.
    pub reason: String,
    /// Until when.
    pub expires: Timestamp,
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn an_exception_of_live_access_needs_owner_reason_and_system() {
        let whole = "jit:\n  exceptions:\n    - {id: E1, system: aws, subject: 'mail:a@x.io', \
                     privileges: [Backup*], scope: {account: '1'}, owner: core, reason: vendor, \
                     expires: 2026-12-31T00:00:00Z}\n";
        assert_eq!(Config::parse(whole).unwrap().jit.exceptions.len(), 1);
        for (from, to, expected) in [
            ("owner: core", "owner: ' '", "empty"),
            ("system: aws", "system: mainframe", "not a system"),
            (", reason: vendor", "", "reason"),
            (", expires: 2026-12-31T00:00:00Z", "", "expires"),
        ] {
            let error = Config::parse(&whole.replace(from, to)).unwrap_err();
            assert!(error.contains(expected), "{from}: {error}");
        }
    }

    #[test]
    fn settings_that_mean_nothing_are_errors() {
        for (text, expected) in [
            ("jit: {persistence: 150}\n", "at most 100"),
            ("jit: {aliases: [['mail:a@x.io']]}\n", "two or more"),
            ("jit: {aliases: [['alice', 'bob']]}\n", "namespace:id"),
            ("jit: {ledgr: [x]}\n", "ledgr"),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
