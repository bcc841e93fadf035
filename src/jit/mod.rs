//! Evidence of just-in-time access, and its reconciliation with what is live.
//!
//! [`ledger`] keeps what just-in-time systems and their targets said, [`import`] reads
//! their exports into it, [`alias`] says which references are one person,
//! [`reconcile`](mod@reconcile) is the pure function that gives every live entitlement
//! exactly one state, and [`stage`] applies it to an inventory.

pub mod alias;
mod attributes;
pub mod import;
pub mod ledger;
pub mod reconcile;
pub mod stage;

pub use attributes::attributes;
