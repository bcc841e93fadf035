//! The only place with a network.
//!
//! A connector reads a system's own documents with read-only calls and puts them
//! into a [`Store`](crate::snapshot::Store), with a coverage statement for every
//! kind of fact: seen, or not seen and why. It interprets nothing.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "github")]
pub mod github;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(feature = "vault")]
pub mod vault;

use crate::config::Config;
use crate::snapshot::Store;

/// What every connector gets.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// The user's settings.
    pub config: &'a Config,
    /// Where documents go.
    pub store: &'a Store,
    /// Where progress is told.
    pub progress: &'a dyn Progress,
}

/// Tells the user what a connector is doing. Never part of the result.
pub trait Progress: std::fmt::Debug + Sync {
    /// A stretch of work begins, or another one within it: "account 3 of 12".
    fn say(&self, source: &str, message: &str);
    /// `done` of `total` (0 if unknown) units of the current stretch are done.
    fn count(&self, source: &str, done: u64, total: u64);
    /// The system asked to slow down for this many seconds.
    fn wait(&self, source: &str, seconds: u64, why: &str);
}

/// Says nothing: quiet mode, and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn say(&self, _source: &str, _message: &str) {}
    fn count(&self, _source: &str, _done: u64, _total: u64) {}
    fn wait(&self, _source: &str, _seconds: u64, _why: &str) {}
}
