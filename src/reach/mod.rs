//! Ways that cross systems: a workflow that becomes a role, a pod that reads a vault.
//!
//! Each system's resolver tells who administers what within it. This stage joins them
//! to one graph, from the inventory alone: what one system trusts with what another
//! can present ([`edges`]), who controls the gates, and finds for every person,
//! workflow, workload and key the shortest way to administer each tenant ([`search`]).
//! A way is just-in-time only if a proved gate lies on it that its walker does not
//! control; among several ways the one with the least in between is told, and among
//! those the shortest ([`told`]). `docs/reach.md` lists the edges and the fields joined.

mod attributes;
mod claims;
mod edges;
mod graph;
mod search;
#[cfg(test)]
mod tests;
mod token;
mod told;
mod words;

pub use attributes::ATTRIBUTES;

use crate::model::{Inventory, Tier};

/// Joins the systems of `inventory`: adds the ways that cross them as paths, raises
/// the tiers of those who walk them, marks trusts whose other side is missing, and
/// tells of identities and entitlements whether all ways to them are gated. Returns how
/// many edges the graph has.
pub fn run(inventory: &mut Inventory) -> usize {
    let joined = edges::join(inventory);
    let found = told::find(inventory, &joined);
    told::tell(inventory, &joined, found);
    joined.graph.edges.len()
}

/// What every identity is worth by its own system: certainly, and under a condition.
pub fn tiers(inventory: &Inventory) -> Vec<(Tier, Tier)> {
    let all = inventory.identities.iter();
    all.map(|one| (one.tier, one.possible_tier)).collect()
}

/// Finds all ways anew after grants have changed what is gated. `tiers` are those of
/// before the first [`run`]: what it raised must not count as administering.
pub fn again(inventory: &mut Inventory, tiers: &[(Tier, Tier)]) {
    told::forget(inventory, tiers);
    run(inventory);
}
