//! Evidence of just-in-time access, and its reconciliation with what is live.
//!
//! [`alias`] says which references are one person, [`reconcile`](mod@reconcile) is
//! the pure function that gives every live entitlement exactly one state.

pub mod alias;
pub mod reconcile;
