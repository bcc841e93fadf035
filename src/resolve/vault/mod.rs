//! Facts from the documents of HashiCorp Vault and OpenBao.
//!
//! Policies become an exact ACL ([`acl`]); entities, groups, tokens and the roles of
//! auth methods become identities; each of them is judged over *all* its policies
//! together ([`judge`]) against the escalation catalogue ([`escalate`]). A document
//! that could not be read, and a policy that does not parse, is a coverage gap.

pub mod acl;
mod approvals;
mod attributes;
pub mod audit;
mod auth;
mod book;
mod documents;
mod engines;
mod escalate;
mod evidence;
pub mod hcl;
mod identity;
mod judge;
mod mounts;
mod people;
pub mod policy;
mod space;
mod template;
mod tokens;

pub use acl::simulate;
pub use attributes::ATTRIBUTES;

use super::Context;
use crate::model::{Builder, Inventory};
use crate::snapshot::Document;

/// Resolves the documents of all vaults.
pub fn resolve(documents: &[&Document], context: &Context<'_>) -> Inventory {
    let mut build = Builder::new();
    let spaces = documents::spaces(documents);
    for space in &spaces {
        // The devices of the root namespace write the log of all.
        let root = spaces.iter().find(|other| {
            let below = space.tenant.strip_prefix(other.tenant.as_str());
            other.namespace.is_empty() && below.is_some_and(|rest| rest.starts_with('/'))
        });
        let above = root.and_then(mounts::audit_devices);
        space::resolve(space, above, &mut build, context);
    }
    build.finish()
}
