//! The ledger: an append-only, hash-chained history of just-in-time grants.
//!
//! Just-in-time systems do not keep the proof: they delete sessions after a month,
//! overwrite times, store no approval time at all. So what they and the targets' own
//! logs say is harvested as events, one a line of JSON, and kept. A grant is a view
//! folded from its events ([`Folder`]) and never stored as truth, because proof needs
//! the events of several systems about one grant.
//!
//! * [`event`]: what a line says
//! * [`json`]: the one form of it that is hashed
//! * [`append()`]: adding lines so that a crash loses and repeats nothing
//! * [`read()`]: reading them and naming every line that was altered, dropped or moved
//! * [`load`]: both at once, for a scan

mod append;
mod chain;
pub mod event;
mod fold;
pub mod json;
mod lines;

pub use append::{AppendError, Appended, Recovery, append};
pub use chain::{Fault, FaultKind, Head, Place, ReadError, Verified, read};
pub use event::{Digest, Event, EventKind};
pub use fold::{Alias, Folder, Ledger, load};

#[cfg(test)]
mod tests;
