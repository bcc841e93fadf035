//! Two states of a repository, read from its object store without a checkout.

mod program;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::load::{drop_lone_sources, take};
use super::{LoadError, Problem, Snapshot};
use crate::model::{Location, Sym};
pub(super) use program::may_declare;
use program::{Entry, Git, repository};

/// What a large file kept elsewhere leaves in the repository (Git LFS specification).
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";
/// What Git calls a commit of another repository.
const SUBMODULE: &str = "160000";

/// A comparison that cannot be made.
#[derive(Debug, Error)]
pub enum GitError {
    /// The program is not there.
    #[error(
        "`git` cannot be started: {0}; install git, or compare two directories with `tenure diff OLD NEW`"
    )]
    Absent(#[source] io::Error),
    /// Not in a repository.
    #[error("`{}` is in no git repository; run this inside one, or compare two directories with `tenure diff OLD NEW`", .0.display())]
    NoRepository(PathBuf),
    /// A revision nobody knows.
    #[error(
        "`{0}` is no revision of this repository; in a shallow clone fetch it first \
         (`git fetch --depth=1 origin {0}`, or `fetch-depth: 0` in actions/checkout)"
    )]
    Unknown(String),
    /// Two revisions without a common ancestor.
    #[error(
        "`{0}` and `{1}` have no common ancestor here; in a shallow clone fetch more history \
         (`fetch-depth: 0`), or write `{0}..{1}`"
    )]
    Unrelated(String, String),
    /// Not a range.
    #[error(
        "`{0}` is no range; write BASE..HEAD, BASE...HEAD (from their common ancestor), or BASE for the work tree"
    )]
    Range(String),
    /// A path on neither side.
    #[error("`{0}` is in neither state of the repository")]
    NoPath(String),
    /// A named file that holds no text.
    #[error("`{path}` {what}; name files that are text and kept in this repository")]
    NotText {
        /// The file.
        path: String,
        /// What it is instead.
        what: String,
    },
    /// Git said no.
    #[error("`git {command}` failed: {message}")]
    Failed {
        /// What was asked.
        command: String,
        /// What it answered.
        message: String,
    },
    /// A file of the work tree.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Two states of a repository.
#[derive(Debug, Default)]
pub struct Compared {
    /// The earlier one; renamed files already have their later names.
    pub old: Snapshot,
    /// The later one.
    pub new: Snapshot,
    /// Files that differ, and which of their lines were added or changed. Where lines
    /// only went, the line before them.
    pub changed: BTreeMap<Sym, Vec<(u32, u32)>>,
}

/// Compares the two states that `range` names: `A..B`, `A...B` (from their common
/// ancestor), or `A` for the work tree. `paths` are relative to `here`; none means all.
///
/// # Errors
/// If git, the repository, a revision or a path is not there, or a named path is no
/// text.
pub fn compare(here: &Path, range: &str, paths: &[PathBuf]) -> Result<Compared, GitError> {
    let root = repository(here)?;
    let git = Git { root };
    let (base, head) = git.range(range)?;
    let named = git.named(here, paths)?;

    let old = git.tree(&base, &named)?;
    let new = match &head {
        Some(head) => git.tree(head, &named)?,
        None => git.work_tree(&named)?,
    };
    for path in &named {
        let below = |tree: &BTreeMap<String, Entry>| {
            path.is_empty()
                || tree
                    .keys()
                    .any(|file| file == path || file.starts_with(&format!("{path}/")))
        };
        if !below(&old) && !below(&new) {
            return Err(GitError::NoPath(path.clone()));
        }
    }
    let renamed = git.renamed(&base, head.as_deref(), &named)?;
    let blobs = git.blobs(old.values().chain(new.values()))?;

    let mut compared = Compared {
        changed: git.changed(&base, head.as_deref(), &named)?,
        ..Compared::default()
    };
    for (path, entry) in &new {
        let differs = old.get(path).is_none_or(|was| !was.is(entry, &blobs));
        if differs {
            // Files git does not track yet are in no hunk: all of it is new.
            let place = compared.changed.entry(Sym::new(path));
            place.or_insert_with(|| vec![(1, u32::MAX)]);
        }
        if let Some(text) = git.text(path, entry, &blobs)? {
            add(&mut compared.new, path, text, named.contains(path), differs)?;
        } else if differs && entry.mode == SUBMODULE {
            compared.new.problems.push(submodule(path));
        }
    }
    for (path, entry) in &old {
        let name = renamed.get(path).unwrap_or(path);
        let differs = new.get(path).is_none_or(|is| !is.is(entry, &blobs));
        if differs && !compared.changed.contains_key(&Sym::new(name)) {
            compared.changed.insert(Sym::new(name), Vec::new());
        }
        if let Some(text) = git.text(path, entry, &blobs)? {
            add(&mut compared.old, name, text, named.contains(path), differs)?;
        }
    }
    drop_lone_sources(&mut compared.old);
    drop_lone_sources(&mut compared.new);
    Ok(compared)
}

/// Takes one file into a snapshot. What is no text is an error where it was named, a
/// problem where it changed, and passed over else.
fn add(
    snapshot: &mut Snapshot,
    path: &str,
    text: Arc<[u8]>,
    named: bool,
    differs: bool,
) -> Result<(), GitError> {
    let file = Sym::new(path);
    let looked_at = &text[..text.len().min(8_000)];
    let unreadable = if text.starts_with(LFS) {
        Some("is kept in Git LFS, and only its pointer is here")
    } else if looked_at.contains(&0) || std::str::from_utf8(&text).is_err() {
        Some("is binary")
    } else {
        None
    };
    if let Some(what) = unreadable {
        if named {
            return Err(GitError::NotText {
                path: path.to_owned(),
                what: what.to_owned(),
            });
        }
        if differs {
            snapshot.problems.push(Problem {
                location: Location::start_of(file),
                message: format!("it changed, but {what}: what it declares was not judged").into(),
                help: Some("leave it out by naming other paths, or keep it as text".into()),
            });
        }
        return Ok(());
    }
    take(snapshot, path, file, text);
    Ok(())
}

fn submodule(path: &str) -> Problem {
    Problem {
        location: Location::start_of(Sym::new(path)),
        message: "this submodule changed; what it holds is another repository's and was not judged"
            .into(),
        help: Some("compare inside the submodule, or leave it out by naming other paths".into()),
    }
}
