//! What changed since the accepted baseline.
//!
//! A baseline keeps *facts*, not findings: today's rules judge today's facts, and a
//! finding is new only if its fact is new or allows more than it did. A changed rule
//! is therefore never mistaken for a changed world.

mod baseline;
mod compare;
mod diff;
mod exception;
mod gate;
mod news;
mod record;
pub mod widen;

pub use baseline::{Accepted, Baseline, BaselineError};
pub use diff::{Change, ChangeKind, Weight, diff};
pub use exception::{Fared, Fate, apply as apply_exceptions};
pub use gate::{FailOn, gated, mark};
pub use news::{cards, facts_of, findings, is_more_access};
pub use record::{Ends, Record};

#[cfg(test)]
mod tests;
