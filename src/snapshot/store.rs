//! Snapshots on disk, written as they are collected.
//!
//! ```text
//! snapshot.json                  what was asked, when, and what was not seen
//! aws/111122223333/…             one directory per source, native documents inside
//! kubernetes/prod/…
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Document, Snapshot};
use crate::model::{Coverage, Sym, System};

/// File name of the manifest in a snapshot directory.
pub const MANIFEST: &str = "snapshot.json";
/// Version of the manifest this build writes and reads.
pub const SCHEMA: &str = "tenure-snapshot-1";

/// What a snapshot directory says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: String,
    /// When collection started.
    pub taken: Timestamp,
    /// Who wrote it: `tenure 0.1.0`.
    pub tool: String,
    /// The sources, in the order they were asked.
    pub sources: Vec<Source>,
}

/// One source of a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Source {
    /// The system.
    pub system: System,
    /// Account, organisation, cluster or vault.
    pub tenant: Sym,
    /// Directory below the snapshot's, with `/` separators.
    pub directory: String,
    /// What was and was not seen.
    pub coverage: Vec<Coverage>,
}

/// A snapshot that cannot be written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk said no.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A document's name would leave the snapshot directory.
    #[error("`{0}` is not a document name: it must be a relative path without `..`")]
    Name(String),
}

/// Where collectors put documents: a directory, or memory for a scan without one.
///
/// Collectors run concurrently; documents are sorted when the snapshot is taken out.
#[derive(Debug)]
pub struct Store {
    pub(super) root: Option<PathBuf>,
    pub(super) taken: Timestamp,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    documents: Vec<(String, Arc<[u8]>)>,
    sources: Vec<Source>,
}

impl Store {
    /// Keeps documents in memory only.
    pub fn in_memory(taken: Timestamp) -> Self {
        Store {
            root: None,
            taken,
            state: Mutex::default(),
        }
    }

    /// Also writes each document below `root` as soon as it is put.
    pub fn in_directory(root: impl Into<PathBuf>, taken: Timestamp) -> Self {
        Store {
            root: Some(root.into()),
            taken,
            state: Mutex::default(),
        }
    }

    /// The directory documents are written to, if there is one.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Adds the document at `path` (`aws/111122223333/authorization-details.json`).
    ///
    /// # Errors
    /// If `path` is absolute or climbs, or if the file cannot be written.
    pub fn put(&self, path: &str, text: impl Into<Arc<[u8]>>) -> Result<(), StoreError> {
        check_name(path)?;
        let text = text.into();
        if let Some(root) = &self.root {
            write_beside(&root.join(path), &text)?;
        }
        self.lock().documents.push((path.to_owned(), text));
        Ok(())
    }

    /// The document that was put at `path` last.
    pub fn get(&self, path: &str) -> Option<Arc<[u8]>> {
        let state = self.lock();
        let found = state.documents.iter().rev().find(|(name, _)| name == path);
        found.map(|(_, text)| text.clone())
    }

    /// Declares a source whose documents lie below `directory`.
    pub fn source(&self, source: Source) {
        self.lock().sources.push(source);
    }

    /// Writes the manifest and gives the snapshot.
    ///
    /// # Errors
    /// If the manifest cannot be written.
    pub fn finish(self) -> Result<Snapshot, StoreError> {
        let State {
            mut documents,
            mut sources,
        } = self
            .state
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        documents.sort();
        sources.sort_by_key(|source| (source.system, source.tenant));
        let manifest = Manifest {
            schema: SCHEMA.to_owned(),
            taken: self.taken,
            tool: concat!("tenure ", env!("CARGO_PKG_VERSION")).to_owned(),
            sources,
        };
        if let Some(root) = &self.root {
            let mut text = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
            text.push(b'\n');
            write_beside(&root.join(MANIFEST), &text)?;
        }
        Ok(assemble(&manifest, documents, self.root.as_deref()))
    }

    /// Adds a document that lies in the store's directory already.
    pub(super) fn keep(&self, path: String, text: Arc<[u8]>) {
        self.lock().documents.push((path, text));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is pushed to, never left half-changed.
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Refuses names that would leave the snapshot's directory.
pub(super) fn check_name(path: &str) -> Result<(), StoreError> {
    let climbs = path
        .split('/')
        .any(|part| part.is_empty() || part == "." || part == ".." || part.contains('\\'));
    if climbs {
        return Err(StoreError::Name(path.to_owned()));
    }
    Ok(())
}

/// Joins documents with the sources they belong to.
pub(super) fn assemble(
    manifest: &Manifest,
    documents: Vec<(String, Arc<[u8]>)>,
    root: Option<&Path>,
) -> Snapshot {
    let mut snapshot = Snapshot {
        taken: Some(manifest.taken),
        ..Snapshot::default()
    };
    for source in &manifest.sources {
        snapshot.coverage.extend(source.coverage.iter().cloned());
    }
    for (path, text) in documents {
        let Some(source) = manifest.sources.iter().find(|source| {
            path.strip_prefix(source.directory.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        }) else {
            continue;
        };
        let inner = &path[source.directory.len() + 1..];
        let Some(kind) = super::recognise_as(source.system, inner, &text) else {
            continue;
        };
        let file = match root {
            Some(root) => display(&root.join(&path)),
            None => path.clone(),
        };
        snapshot.documents.push(Document {
            system: source.system,
            kind,
            tenant: Some(source.tenant),
            path: Sym::new(inner),
            file: Sym::new(&file),
            text,
        });
    }
    snapshot
}

/// A path for people and reports: `/` separators on every platform.
pub(super) fn display(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}

/// Writes a file so that it is there whole or not at all.
pub(super) fn write_beside(path: &Path, text: &[u8]) -> Result<(), StoreError> {
    let fail = |source| StoreError::Write {
        path: path.to_owned(),
        source,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(fail)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    io::Write::write_all(&mut file, text).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}
