//! Escalation: ways from what an identity has to the admin tier.
//!
//! Every technique of the catalogue is asked of every identity over all its policies,
//! within boundary, guardrails and denies, and against targets that are really
//! privileged. Identities that get there become targets themselves, round by round,
//! so a way through several identities is found with each of its steps.
//!
//! A privileged role that lets in everybody is one fact about the role. It is told as
//! its trust; the ways of all the identities that could walk in are kept only as steps
//! of longer ways.

pub mod catalogue;
mod doors;
mod explain;
mod limits;
mod search;
mod targets;
mod ways;

pub use search::{Escalation, Found, search};
