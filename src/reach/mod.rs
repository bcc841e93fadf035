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

use crate::model::Inventory;

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
