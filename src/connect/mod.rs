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

mod secret;

pub use secret::Secret;

use thiserror::Error;

use crate::config::Config;
use crate::model::{Sym, System};
use crate::snapshot::{Store, StoreError};

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

/// A source that could not be read at all. Anything less is a
/// [`Coverage`](crate::model::Coverage) gap, and the scan goes on.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// There are no credentials, or the system does not accept them.
    #[error("cannot sign in to {system}: {message}\n  help: {help}")]
    Credentials {
        /// The system.
        system: System,
        /// What went wrong, in one sentence.
        message: Box<str>,
        /// What to do.
        help: Box<str>,
    },
    /// Nothing answers where the system should be.
    #[error("cannot reach {system}: {message}\n  help: {help}")]
    Unreachable {
        /// The system.
        system: System,
        /// What went wrong, in one sentence.
        message: Box<str>,
        /// What to do.
        help: Box<str>,
    },
    /// A setting, argument or environment variable that cannot be used.
    #[error("cannot read {system}: {message}\n  help: {help}")]
    Settings {
        /// The system.
        system: System,
        /// What is wrong, and with which setting.
        message: Box<str>,
        /// What is expected.
        help: Box<str>,
    },
    /// The snapshot could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One thing `tenure doctor` tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The system asked.
    pub system: System,
    /// The account, organisation, cluster or vault.
    pub tenant: Sym,
    /// What a scan would read with it: the coverage kind, `aws.credential-report`.
    pub kind: Sym,
    /// The system's own name of the call: `iam:GetCredentialReport`.
    pub call: Sym,
    /// How it went.
    pub answer: Answer,
    /// What would be missing, and what to add. Empty when it works.
    pub remedy: Box<str>,
}

/// How a [`Check`] went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The call works.
    Works,
    /// The system refuses it, in its own words.
    Denied(Box<str>),
    /// It does not apply here: no organisation, not licensed, wrong account.
    Absent(Box<str>),
    /// It failed for another reason.
    Failed(Box<str>),
    /// It was not tried, because it would cost or depends on one that failed.
    Untried(Box<str>),
}
