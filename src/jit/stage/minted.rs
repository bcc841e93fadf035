//! Things made under a grant that outlive it: a key, a user, a binding.
//!
//! The target's logs would tell who made what. Without them the time does: what came
//! into being while exactly one person held a grant that can make such things, and is
//! still there although the grant is over, is that person's to explain.

use jiff::Timestamp;
use rustc_hash::FxHashSet;

use super::{Earlier, flag};
use crate::jit::reconcile::Flag;
use crate::model::{
    Activation, FactKey, Grant, GrantKind, IdentityRef, Inventory, Progress, Sym, System, Tier,
};

/// Something that came into being.
struct Born {
    system: System,
    tenant: Sym,
    at: Timestamp,
    key: FactKey,
    name: Sym,
    of: Option<IdentityRef>,
}

/// Ties what was made in windows that are over to their grants.
pub(super) fn find(
    inventory: &Inventory,
    grants: &mut [Grant],
    earlier: &[Earlier],
    now: Timestamp,
) {
    let mut over: Vec<(usize, Timestamp, Timestamp)> = grants
        .iter()
        .enumerate()
        .filter(|(_, grant)| {
            grant.progress == Progress::Issued
                && grant.kind != GrantKind::Eligibility
                && grant.tier >= Tier::Write
        })
        .filter_map(|(at, grant)| {
            let (start, end) = (grant.issued?, grant.end()?);
            (start < end && end < now).then_some((at, start, end))
        })
        .collect();
    if over.is_empty() {
        return;
    }
    // Only windows that began no longer before a birth than the longest lasts can hold
    // it.
    over.sort_by_key(|&(at, start, _)| (start, at));
    let longest = over
        .iter()
        .map(|(_, start, end)| end.duration_since(*start));
    let longest = longest.max().unwrap_or_default();
    let known: Vec<(Timestamp, FxHashSet<FactKey>)> =
        earlier.iter().map(|then| (then.at, then.keys())).collect();
    for born in births(inventory) {
        // What an earlier snapshot knew before the window was not made in it.
        let from = born.at.checked_sub(longest).unwrap_or(Timestamp::MIN);
        let near = over.partition_point(|(_, start, _)| *start < from)
            ..over.partition_point(|(_, start, _)| *start <= born.at);
        let mut open = over
            .get(near)
            .unwrap_or_default()
            .iter()
            .filter(|(at, start, end)| {
                let grant = &grants[*at];
                grant.system == born.system
                    && (grant.tenant == born.tenant || names_tenant(grant, born.tenant))
                    && *start <= born.at
                    && born.at <= *end
                    && !known
                        .iter()
                        .any(|(at, keys)| at < start && keys.contains(&born.key))
            });
        let Some(&(first, ..)) = open.next() else {
            continue;
        };
        let others: Vec<usize> = open.map(|(at, ..)| *at).collect();
        let alone = others
            .iter()
            .all(|at| grants[*at].subject == grants[first].subject);
        let own = std::iter::once(first)
            .chain(others)
            .find(|at| born.of.is_some() && grants[*at].identity == born.of);
        if let Some(at) = own.or(alone.then_some(first)) {
            grants[at].minted.push(born.name);
            flag(&mut grants[at], Flag::MintedAccessInWindow);
        }
    }
    for grant in grants {
        grant.minted.sort();
        grant.minted.dedup();
    }
}

/// Whether a grant's scope names the tenant.
fn names_tenant(grant: &Grant, tenant: Sym) -> bool {
    grant.scope.iter().any(|(_, value)| *value == tenant)
}

/// Everything live that can outlast a window and has a date of birth.
fn births(inventory: &Inventory) -> Vec<Born> {
    let credentials = inventory.credentials.iter().filter(|fact| fact.active);
    let credentials = credentials.filter_map(|fact| {
        Some(Born {
            system: fact.system,
            tenant: fact.tenant,
            at: fact.created?,
            key: inventory.credential_key(fact),
            name: Sym::new(&format!("{} {}", fact.kind, fact.id)),
            of: fact.identity,
        })
    });
    let identities = inventory
        .identities
        .iter()
        .filter(|fact| !fact.platform && fact.tier >= Tier::Write)
        .filter_map(|fact| {
            Some(Born {
                system: fact.system,
                tenant: fact.tenant,
                at: fact.created?,
                key: inventory.identity_key(fact),
                name: fact.id,
                of: None,
            })
        });
    // An entitlement with a grant of its own is accounted for. Of policies and
    // assignments only the age of what is assigned is known.
    let entitlements = inventory
        .entitlements
        .iter()
        .filter(|fact| {
            fact.system == System::Kubernetes
                && fact.activation == Activation::Standing
                && fact.tier >= Tier::Write
                // What the grant itself gave is told as left over, not as made.
                && fact.attrs.get(Sym::new("jit_grant")).is_none()
        })
        .filter_map(|fact| {
            Some(Born {
                system: fact.system,
                tenant: fact.tenant,
                at: fact.since?,
                key: inventory.entitlement_key(fact),
                name: Sym::new(&format!(
                    "{} of {} on {}",
                    fact.privilege,
                    inventory.identity(fact.identity).id,
                    fact.scope
                )),
                of: None,
            })
        });
    credentials.chain(identities).chain(entitlements).collect()
}
