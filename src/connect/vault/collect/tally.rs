//! How the calls for each kind of fact fared, told as coverage.

use super::Place;
use crate::connect::vault::calls::Call;
use crate::model::{Coverage, Seen, Sym, System};
use crate::snapshot::Source;

/// Kinds no verdict depends on.
const OPTIONAL: &[&str] = &[
    "vault.governance",
    "vault.oidc",
    "vault.password-policy",
    "vault.plugin",
    "vault.quota",
];

/// How the calls for one kind of fact fared.
pub(super) struct Tally {
    seen: Seen,
    items: u64,
    reasons: Vec<String>,
    /// What the server does not offer, where it offers nothing of the kind.
    unoffered: Vec<String>,
    answered: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            seen: Seen::Complete,
            items: 0,
            reasons: Vec::new(),
            unoffered: Vec::new(),
            answered: false,
        }
    }
}

impl Place<'_> {
    pub(super) fn seen(&mut self, kind: &'static str, items: usize) {
        let tally = self.kinds.entry(kind).or_default();
        tally.items += items as u64;
        tally.answered = true;
    }

    pub(super) fn gap(&mut self, call: &Call, path: &str, why: &str) {
        let tally = self.kinds.entry(call.kind).or_default();
        tally.seen = Seen::Partial;
        let words = format!("`{path}` was not read: {why}");
        if tally.reasons.len() < 5 && !tally.reasons.contains(&words) {
            tally.reasons.push(words);
        }
    }

    /// Notes what the server has no such thing of.
    pub(super) fn unoffered(&mut self, call: &Call, path: &str) {
        let tally = self.kinds.entry(call.kind).or_default();
        tally.unoffered.push(format!("`{path}`"));
    }

    pub(super) fn finish(self) {
        let tenant = if self.namespace.is_empty() {
            self.walk.vault
        } else {
            Sym::new(&format!(
                "{}/{}",
                self.walk.vault,
                self.namespace.trim_end_matches('/')
            ))
        };
        let coverage = self
            .kinds
            .into_iter()
            .map(|(kind, tally)| {
                let items = tally.items;
                let lacking =
                    |seen, reason| Coverage::lacking(System::Vault, tenant, kind, seen, reason);
                if tally.seen == Seen::Complete && !tally.answered && !tally.unoffered.is_empty() {
                    // What this edition does not have cannot be missing.
                    let reason =
                        format!("the server does not offer {}", tally.unoffered.join(", "));
                    return lacking(Seen::None, reason).optional();
                }
                if tally.seen == Seen::Complete {
                    return Coverage::complete(System::Vault, tenant, kind, items as usize);
                }
                let seen = if items == 0 {
                    Seen::None
                } else {
                    Seen::Partial
                };
                let mut gap = lacking(seen, tally.reasons.join("; "));
                gap.items = items;
                gap.required = !OPTIONAL.contains(&kind);
                gap.remedy("give the token the policy of `tenure permissions vault`")
            })
            .collect();
        self.walk.session.store.source(Source {
            system: System::Vault,
            tenant,
            directory: self.directory,
            coverage,
        });
    }
}
