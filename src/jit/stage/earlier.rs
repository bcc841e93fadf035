//! Earlier snapshots as evidence.
//!
//! That something was not there is the only proof of revocation that no tool can
//! forget. A snapshot proves absence only where it saw everything.

use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

use super::live::{self, Row};
use crate::jit::alias::Aliases;
use crate::jit::reconcile::{Case, Live, Policy, sightings};
use crate::model::{EntitlementId, FactKey, Grant, Inventory, Observation, Seen, Sym, System};

/// What was there at an earlier time.
#[derive(Debug)]
pub struct Earlier {
    /// When it was read.
    pub at: Timestamp,
    /// The facts.
    pub facts: Inventory,
}

impl Earlier {
    /// Keys of its credentials and identities.
    pub(super) fn keys(&self) -> FxHashSet<FactKey> {
        let facts = &self.facts;
        let credentials = facts
            .credentials
            .iter()
            .map(|fact| facts.credential_key(fact));
        let identities = facts.identities.iter().map(|fact| facts.identity_key(fact));
        let entitlements = facts
            .entitlements
            .iter()
            .map(|fact| facts.entitlement_key(fact));
        credentials.chain(identities).chain(entitlements).collect()
    }
}

/// Looks at everything live and every grant in earlier snapshots: since when access
/// can be there, in how many of them it was, whether what grants gave was seen, and
/// whether what a privilege allows changed after it was granted.
pub(super) fn look_back(
    earlier: &[Earlier],
    inventory: &Inventory,
    rows: &mut [Row],
    lives: &mut [Live],
    grants: &mut [Grant],
    aliases: &Aliases,
    policy: &Policy,
) {
    if earlier.is_empty() {
        return;
    }
    let ids: Vec<EntitlementId> = rows
        .iter()
        .map(|row| inventory.entitlement_id(inventory.entitlement(row.at)))
        .collect();
    let mut counted = vec![(0usize, 0usize); rows.len()];
    for then in earlier {
        let seen = live::seen(&then.facts);
        let (before, were) = live::rows(&then.facts);
        let present: FxHashSet<EntitlementId> = before
            .iter()
            .map(|row| then.facts.entitlement_id(then.facts.entitlement(row.at)))
            .collect();
        for ((live, id), count) in lives.iter_mut().zip(&ids).zip(&mut counted) {
            let there = present.contains(id);
            let whole = seen.get(&(live.system, live.tenant)) == Some(&Seen::Complete);
            if there || whole {
                count.0 += usize::from(there);
                count.1 += 1;
            }
            if whole && !there {
                live.since = live.since.max(Some(then.at));
            }
        }
        let found = sightings(&Case {
            live: &were,
            grants,
            aliases,
            exceptions: &[],
            ledger: &[],
            seen: &seen,
            policy,
            now: then.at,
        });
        // By tenant: two clusters each have an `admin` of their own. Where one name means
        // different things, nothing can be said.
        let mut revisions: FxHashMap<(System, Sym, Sym), Option<Sym>> = FxHashMap::default();
        for live in &were {
            for name in &live.privileges {
                let known = revisions
                    .entry((live.system, live.tenant, *name))
                    .or_insert(live.revision);
                if *known != live.revision {
                    *known = None;
                }
            }
        }
        for (grant, found) in grants.iter_mut().zip(found) {
            let started = grant.issued.is_some_and(|issued| issued <= then.at);
            if let Some(present) = found
                && started
            {
                grant.observed.push(Observation {
                    at: then.at,
                    present,
                });
            }
            // The first snapshot after the issue shows what was granted at the latest;
            // what differs from it now changed afterwards.
            if started && grant.revision.is_none() {
                grant.revision = grant.privileges.iter().find_map(|name| {
                    let key = (grant.system, grant.tenant, *name);
                    revisions.get(&key).copied().flatten()
                });
            }
        }
    }
    for (row, (there, of)) in rows.iter_mut().zip(counted) {
        row.presence = (of > 0).then(|| u8::try_from(there * 100 / of).unwrap_or(100));
    }
    for grant in grants {
        grant.observed.sort();
        grant.observed.dedup();
    }
}
