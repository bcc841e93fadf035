//! What could be seen, and what could not.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Sym, System};

/// How much of one kind of fact was seen. Ordered from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// Nothing: forbidden, missing, not offered, or not asked for.
    None,
    /// Some of it.
    Partial,
    /// All of it.
    Complete,
}

/// Self-report of a source about one kind of fact in one tenant.
///
/// An empty list because of a 403 is not an empty list: rules name the kinds they
/// need, and where a kind is not [`Seen::Complete`] they are *not evaluable*.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Coverage {
    /// The system asked.
    pub system: System,
    /// The account, cluster, organisation or vault.
    pub tenant: Sym,
    /// What kind of fact, `<system>.<kind>`: `aws.credential-report`.
    pub kind: Sym,
    /// How much of it was seen.
    pub seen: Seen,
    /// Whether its absence matters: facts nobody needs for a verdict (an optional
    /// call that was not asked for) do not make a scan incomplete.
    pub required: bool,
    /// Why it is not complete, in one sentence. Empty when it is.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub reason: Box<str>,
    /// What would make it complete: the permission to add, the file to supply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Box<str>>,
    /// How many facts of this kind were seen.
    #[serde(default)]
    pub items: u64,
    /// When the facts were current, where the system says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

impl Coverage {
    /// Everything of `kind` was seen.
    pub fn complete(system: System, tenant: Sym, kind: &str, items: usize) -> Self {
        Coverage {
            system,
            tenant,
            kind: Sym::new(kind),
            seen: Seen::Complete,
            required: true,
            reason: "".into(),
            remedy: None,
            items: items as u64,
            as_of: None,
        }
    }

    /// Some or all of `kind` was not seen, for `reason`.
    pub fn lacking(
        system: System,
        tenant: Sym,
        kind: &str,
        seen: Seen,
        reason: impl Into<Box<str>>,
    ) -> Self {
        Coverage {
            system,
            tenant,
            kind: Sym::new(kind),
            seen,
            required: true,
            reason: reason.into(),
            remedy: None,
            items: 0,
            as_of: None,
        }
    }

    /// Says what would make it complete.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<Box<str>>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Says that no verdict depends on it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Whether this makes a scan incomplete (exit code 3).
    pub fn is_gap(&self) -> bool {
        self.required && self.seen != Seen::Complete
    }
}
