//! Facts from the documents of aws.

mod attributes;
pub mod policy;
pub mod simulate;
mod read;

pub use attributes::ATTRIBUTES;

use super::Context;
use crate::model::Inventory;
use crate::snapshot::Document;

/// Resolves the documents of all tenants.
pub fn resolve(_documents: &[&Document], _context: &Context<'_>) -> Inventory {
    Inventory::default()
}
