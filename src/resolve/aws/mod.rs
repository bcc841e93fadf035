//! Facts from the documents of aws.

use super::Context;
use crate::model::{AttributeDecl, Inventory};
use crate::snapshot::Document;

/// The attributes this resolver sets.
pub const ATTRIBUTES: &[AttributeDecl] = &[];

/// Resolves the documents of all tenants.
pub fn resolve(_documents: &[&Document], _context: &Context<'_>) -> Inventory {
    Inventory::default()
}
