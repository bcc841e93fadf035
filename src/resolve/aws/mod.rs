//! Facts from the documents of aws.

mod actions;
mod attributes;
mod catalogues;
mod documents;
mod escalation;
mod facts;
mod gist;
mod judge;
mod organization;
pub mod policy;
mod powers;
pub mod query;
mod read;
pub mod simulate;
mod sso;
mod subject;
mod tiers;
mod world;

pub use attributes::ATTRIBUTES;

use super::Context;
use crate::model::{Coverage, Inventory, Seen, Sym, System};
use crate::snapshot::Document;

/// Resolves the documents of all tenants.
pub fn resolve(documents: &[&Document], context: &Context<'_>) -> Inventory {
    let (files, gaps) = world::files(documents);
    let world = world::World::read(&files, gaps);
    facts::resolve(&world, context).unwrap_or_else(|message| Inventory {
        coverage: vec![Coverage::lacking(
            System::Aws,
            Sym::new("aws"),
            "aws.authorization-details",
            Seen::None,
            format!("the built-in catalogue cannot be used: {message}"),
        )],
        ..Inventory::default()
    })
}
