//! Escalation: ways from what an identity has to the admin tier.
//!
//! Every technique of the catalogue is asked of every identity over all its policies,
//! within boundary, guardrails and denies, and against targets that are really
//! privileged. Identities that get there become targets themselves, round by round,
//! so a way through several identities is found with each of its steps.

pub mod catalogue;
mod search;
mod targets;

pub use search::{Escalation, search};
