//! Going on where an interrupted collection stopped.
//!
//! A collector that reads many tenants into one directory begins and ends each of
//! them. A small file beside the documents says whether the tenant was finished, so
//! that the next run into the same directory asks only for the others, and so that
//! no document of an earlier run is mistaken for one of this run.

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::load::files_below;
use super::store::{Source, Store, StoreError, display, write_beside};
use crate::model::Seen;

/// File beside a source's documents that says how far its collection came.
const MARKER: &str = "collected.json";

#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    /// When the collection started.
    taken: Timestamp,
    /// The source as it was declared at its end; none while it is being read.
    source: Option<Source>,
}

impl Store {
    /// Begins a source. What an earlier run left in its directory is removed, for a
    /// document that can no longer be read must not be judged as if it had been.
    /// Directories no collector began are left alone.
    ///
    /// # Errors
    /// If the directory cannot be emptied or written to.
    pub fn begin(&self, directory: &str) -> Result<(), StoreError> {
        let Some(folder) = self.folder(directory)? else {
            return Ok(());
        };
        if folder.join(MARKER).is_file() {
            std::fs::remove_dir_all(&folder).map_err(|source| StoreError::Write {
                path: folder.clone(),
                source,
            })?;
        }
        self.mark(&folder, None)
    }

    /// Ends a source: declares it, and notes that it is finished.
    ///
    /// # Errors
    /// If the note cannot be written.
    pub fn end(&self, source: Source) -> Result<(), StoreError> {
        if let Some(folder) = self.folder(&source.directory)? {
            self.mark(&folder, Some(source.clone()))?;
        }
        self.source(source);
        Ok(())
    }

    /// Takes over a source that an earlier run into the same directory finished,
    /// at most `age` before this run. A source with a gap is not taken over: the
    /// permission may have been added since. Says whether it was.
    pub fn resume(&self, directory: &str, age: SignedDuration) -> bool {
        let (Some(root), Ok(Some(folder))) = (&self.root, self.folder(directory)) else {
            return false;
        };
        let Some(source) = self.finished(&folder, age) else {
            return false;
        };
        let Ok(files) = files_below(&folder) else {
            return false;
        };
        let mut documents = Vec::with_capacity(files.len());
        for file in files {
            let relative = file.strip_prefix(root).unwrap_or(&file);
            match std::fs::read(&file) {
                Ok(text) => documents.push((display(relative), Arc::from(text))),
                Err(_) => return false,
            }
        }
        for (path, text) in documents {
            self.keep(path, text);
        }
        self.source(source);
        true
    }

    fn finished(&self, folder: &Path, age: SignedDuration) -> Option<Source> {
        let text = std::fs::read(folder.join(MARKER)).ok()?;
        let marker: Marker = serde_json::from_slice(&text).ok()?;
        let passed = self.taken.duration_since(marker.taken);
        let fresh = passed >= SignedDuration::ZERO && passed <= age;
        marker.source.filter(|source| {
            fresh
                && source
                    .coverage
                    .iter()
                    .all(|coverage| coverage.seen != Seen::None && !coverage.is_gap())
        })
    }

    fn mark(&self, folder: &Path, source: Option<Source>) -> Result<(), StoreError> {
        let marker = Marker {
            taken: self.taken,
            source,
        };
        let mut text = serde_json::to_vec_pretty(&marker).unwrap_or_default();
        text.push(b'\n');
        write_beside(&folder.join(MARKER), &text)
    }

    /// Where `directory` is on disk; none for a store in memory.
    fn folder(&self, directory: &str) -> Result<Option<std::path::PathBuf>, StoreError> {
        super::store::check_name(directory)?;
        Ok(self.root.as_ref().map(|root| root.join(directory)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Coverage, Sym, System};

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn source(seen: Seen) -> Source {
        let tenant = Sym::new("111122223333");
        Source {
            system: System::Aws,
            tenant,
            directory: "aws/111122223333".to_owned(),
            coverage: vec![
                Coverage::lacking(System::Aws, tenant, "aws.secrets", seen, "").optional(),
            ],
        }
    }

    fn collect(root: &Path, at: i64, seen: Seen) {
        let store = Store::in_directory(root, Timestamp::from_second(at).unwrap());
        store.begin("aws/111122223333").unwrap();
        store
            .put(
                "aws/111122223333/account-summary.json",
                *b"{\"SummaryMap\":{}}",
            )
            .unwrap();
        store.end(source(seen)).unwrap();
    }

    #[test]
    fn a_finished_source_is_taken_over_while_it_is_fresh() {
        let root = tempfile::tempdir().unwrap();
        collect(root.path(), 0, Seen::Complete);
        for (at, expected) in [(0, true), (3_600, true), (3_601, false), (-1, false)] {
            let store = Store::in_directory(root.path(), Timestamp::from_second(at).unwrap());
            assert_eq!(store.resume("aws/111122223333", HOUR), expected, "{at}");
            let snapshot = store.finish().unwrap();
            assert_eq!(snapshot.coverage.len(), usize::from(expected));
        }
        let memory = Store::in_memory(Timestamp::UNIX_EPOCH);
        assert!(!memory.resume("aws/111122223333", HOUR));
    }

    #[test]
    fn a_source_with_a_gap_or_unfinished_is_read_again() {
        let root = tempfile::tempdir().unwrap();
        collect(root.path(), 0, Seen::None);
        let store = Store::in_directory(root.path(), Timestamp::UNIX_EPOCH);
        assert!(!store.resume("aws/111122223333", HOUR));
        collect(root.path(), 0, Seen::Complete);
        store.begin("aws/111122223333").unwrap();
        assert!(!store.resume("aws/111122223333", HOUR));
    }

    #[test]
    fn beginning_removes_what_an_earlier_run_wrote_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let theirs = root.path().join("aws/444455556666/notes.txt");
        std::fs::create_dir_all(theirs.parent().unwrap()).unwrap();
        std::fs::write(&theirs, "mine").unwrap();
        collect(root.path(), 0, Seen::Complete);
        let store = Store::in_directory(root.path(), Timestamp::UNIX_EPOCH);
        store.begin("aws/111122223333").unwrap();
        store.begin("aws/444455556666").unwrap();
        let old = root.path().join("aws/111122223333/account-summary.json");
        assert!(!old.exists());
        assert!(theirs.exists());
        assert!(store.begin("aws/../..").is_err());
    }
}
