//! What was read: the systems' own documents, as files or in memory.
//!
//! A snapshot interprets nothing. It is a set of [`Document`]s, each recognised by
//! its content as one kind of one system's document, plus the collector's own
//! statement of what it could not see. A snapshot taken last year is judged by
//! today's rules.

mod aws;
pub mod declared;
pub mod git;
pub mod github;
pub mod kubernetes;
mod load;
mod resume;
mod store;
pub mod vault;

pub use load::{LoadError, load, plan};
pub use store::{Manifest, Source, Store, StoreError};

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::{Coverage, Location, Sym, System};

/// One file of a snapshot.
#[derive(Clone, Debug)]
pub struct Document {
    /// The system whose document it is.
    pub system: System,
    /// Which of the system's documents: `authorization-details`, `credential-report`,
    /// `manifest`, `policy`. Each system names its own in `snapshot/<system>.rs`.
    pub kind: &'static str,
    /// The tenant it belongs to, where the place in a snapshot directory tells.
    pub tenant: Option<Sym>,
    /// Path below the source's directory, with `/` separators: `repos/acme/app/keys.json`.
    pub path: Sym,
    /// The file as the user named it, for locations in reports.
    pub file: Sym,
    /// The bytes.
    pub text: Arc<[u8]>,
}

/// Something in the input that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub location: Location,
    /// What is wrong, and what was expected.
    pub message: Box<str>,
    /// What to do.
    pub help: Option<Box<str>>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Location {
            file, line, column, ..
        } = self.location;
        write!(f, "{file}:{line}:{column}: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// Everything that was read for one scan.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The documents, in a fixed order.
    pub documents: Vec<Document>,
    /// What the collector says it did and did not see.
    pub coverage: Vec<Coverage>,
    /// Files that looked like input but could not be read.
    pub problems: Vec<Problem>,
    /// When it was taken, where that is known.
    pub taken: Option<Timestamp>,
}

impl Snapshot {
    /// The documents of one system.
    pub fn of(&self, system: System) -> Vec<&Document> {
        self.documents
            .iter()
            .filter(|document| document.system == system && !declared::is_declared(document))
            .collect()
    }

    /// The documents that declare access, of whatever system.
    pub fn declared(&self) -> Vec<&Document> {
        self.documents
            .iter()
            .filter(|document| declared::is_declared(document))
            .collect()
    }

    /// Takes in another snapshot.
    pub fn append(&mut self, other: Snapshot) {
        self.documents.extend(other.documents);
        self.coverage.extend(other.coverage);
        self.problems.extend(other.problems);
        self.taken = self.taken.max(other.taken);
    }
}

/// Recognises a file by its path and content.
///
/// `path` is relative to the source's directory. `None` means that no system knows it.
pub fn recognise(path: &str, text: &[u8]) -> Option<(System, &'static str)> {
    declared::recognise(path, text)
        .or_else(|| aws::recognise(path, text))
        .map(|kind| (System::Aws, kind))
        .or_else(|| github::recognise(path, text).map(|kind| (System::Github, kind)))
        .or_else(|| vault::recognise(path, text).map(|kind| (System::Vault, kind)))
        .or_else(|| kubernetes::recognise(path, text).map(|kind| (System::Kubernetes, kind)))
}

/// Which kind of document of `system` a file is.
fn recognise_as(system: System, path: &str, text: &[u8]) -> Option<&'static str> {
    match system {
        System::Aws => aws::recognise(path, text),
        System::Github => github::recognise(path, text),
        System::Kubernetes => kubernetes::recognise(path, text),
        System::Vault => vault::recognise(path, text),
        // Grants are read from the ledger, never from a snapshot.
        System::Jit => None,
    }
}
