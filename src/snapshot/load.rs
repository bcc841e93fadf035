//! Reading what the user names: a snapshot directory, a tree of files, one file.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::git::may_declare;
use super::store::{MANIFEST, Manifest, SCHEMA, assemble, check_name, display};
use super::{Document, Problem, Snapshot, declared, recognise};
use crate::model::{Location, Sym, System};

/// Larger files are not read: the largest real answer known is two orders smaller.
const MAX_FILE: u64 = 1 << 30;
/// Deeper trees are not walked (links are not followed, so this is generous).
const MAX_DEPTH: usize = 64;

/// Input that cannot be used at all.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file system said no.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file over the limit.
    #[error("`{}` has {size} bytes; files over 1 GiB are not read. Split the export by account or cluster", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// A snapshot manifest that is none.
    #[error("`{}` is not a snapshot manifest: {message}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Nothing in the input is known.
    #[error("{problem}")]
    Unrecognised {
        /// What was looked at, and what is expected.
        problem: Problem,
    },
}

/// Reads `target`: a snapshot directory, any directory of documents, or one file.
///
/// In a directory, files nobody knows are passed over and files that fail are kept
/// as [`Problem`]s; a single named file must be usable.
///
/// # Errors
/// If `target` cannot be read or holds nothing that any system knows.
pub fn load(target: &Path) -> Result<Snapshot, LoadError> {
    let meta = std::fs::metadata(target).map_err(|source| LoadError::Read {
        path: target.to_owned(),
        source,
    })?;
    if !meta.is_dir() {
        return load_file(target, meta.len());
    }
    let manifest = target.join(MANIFEST);
    if manifest.is_file() {
        return load_snapshot(target, &manifest);
    }
    load_tree(target)
}

fn load_file(path: &Path, size: u64) -> Result<Snapshot, LoadError> {
    let text = unmarked(read(path, size)?);
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let file = Sym::new(&display(path));
    match recognise(&name, &text) {
        Some((_, declared::PLAN)) => {
            let (_, planned) = plan_of(file, &name, text, &sources_below(folder_of(path))?)?;
            Ok(planned)
        }
        Some((system, kind)) => Ok(Snapshot {
            documents: vec![Document {
                system,
                kind,
                tenant: None,
                path: Sym::new(&name),
                file,
                text,
            }],
            ..Snapshot::default()
        }),
        None => Err(LoadError::Unrecognised {
            problem: unknown(file, &name, &text),
        }),
    }
}

/// Reads a Terraform plan: what was there before, and what would be there after.
/// `sources` are directories of Terraform files; none means those beside the plan. A
/// plan called `-` is read from stdin.
///
/// # Errors
/// If it cannot be read, or is no plan this build reads.
pub fn plan(path: &Path, sources: &[PathBuf]) -> Result<(Snapshot, Snapshot), LoadError> {
    let fail = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    let stdin = path == Path::new("-");
    let text = if stdin {
        bounded(io::stdin().lock(), path, 0, MAX_FILE)?
    } else {
        read(path, std::fs::metadata(path).map_err(fail)?.len())?
    };
    let text = unmarked(text);
    let beside = if stdin {
        Path::new(".")
    } else {
        folder_of(path)
    };
    let mut files = Vec::new();
    for folder in sources {
        files.extend(sources_below(folder)?);
    }
    if sources.is_empty() {
        files = sources_below(beside)?;
    }
    let name = if stdin {
        "plan.json".to_owned()
    } else {
        display(path)
    };
    plan_of(Sym::new(&name), &name, text, &files)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// The Terraform files of a directory. Those of providers and modules that were
/// downloaded lie in a hidden one and are left out.
fn sources_below(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    if folder.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut files = files_below(folder)?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "tf"));
    Ok(files)
}

fn plan_of(
    file: Sym,
    name: &str,
    text: Arc<[u8]>,
    sources: &[PathBuf],
) -> Result<(Snapshot, Snapshot), LoadError> {
    if let Some(problem) = declared_fault(file, &text) {
        return Err(LoadError::Unrecognised { problem });
    }
    let document = |kind| Document {
        system: System::Aws,
        kind,
        tenant: None,
        path: Sym::new(name),
        file,
        text: Arc::clone(&text),
    };
    let mut shared = Vec::new();
    for path in sources {
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        shared.push(source_document(Sym::new(&display(path)), read(path, size)?));
    }
    let side = |kind| {
        let mut documents = vec![document(kind)];
        documents.extend(shared.iter().cloned());
        Snapshot {
            documents,
            ..Snapshot::default()
        }
    };
    Ok((side(declared::PRIOR), side(declared::PLAN)))
}

/// Takes one file of a tree into a snapshot, if any system knows it: `path` below the
/// tree, `file` as reports name it. What is broken is a problem.
pub(super) fn take(snapshot: &mut Snapshot, path: &str, file: Sym, text: Arc<[u8]>) {
    let text = unmarked(text);
    if path.ends_with(".tf") {
        snapshot.documents.push(source_document(file, text));
        return;
    }
    match recognise(path, &text) {
        Some((_, declared::PLAN)) if declared::fault(&text).is_some() => {
            snapshot.problems.extend(declared_fault(file, &text));
        }
        Some((system, kind)) => snapshot.documents.push(Document {
            system,
            kind,
            tenant: None,
            path: Sym::new(path),
            file,
            text,
        }),
        None => snapshot.problems.extend(broken(file, path, &text)),
    }
}

/// A Terraform file, for the places of a plan's resources.
fn source_document(file: Sym, text: Arc<[u8]>) -> Document {
    Document {
        system: System::Aws,
        kind: declared::SOURCE,
        tenant: None,
        path: file,
        file,
        text,
    }
}

/// Why a plan cannot be used.
fn declared_fault(file: Sym, text: &[u8]) -> Option<Problem> {
    let (line, column, message) = declared::fault(text)?;
    Some(Problem {
        location: Location::of_fault(file, line, column),
        message: message.into(),
        help: Some("write it with `terraform show -json PLANFILE > plan.json`".into()),
    })
}

/// Terraform files without a plan tell nothing that is judged.
pub(super) fn drop_lone_sources(snapshot: &mut Snapshot) {
    let planned = |document: &Document| document.kind == declared::PLAN;
    if !snapshot.documents.iter().any(planned) {
        let source = |document: &Document| document.kind == declared::SOURCE;
        snapshot.documents.retain(|document| !source(document));
    }
}

fn load_snapshot(root: &Path, path: &Path) -> Result<Snapshot, LoadError> {
    let bad = |message: String| LoadError::Manifest {
        path: path.to_owned(),
        message,
    };
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
    let text = read(path, size)?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    if manifest.schema != SCHEMA {
        return Err(bad(format!(
            "its schema is `{}`, this build reads `{SCHEMA}`",
            manifest.schema
        )));
    }
    let mut documents = Vec::new();
    for source in &manifest.sources {
        let folder = root.join(&source.directory);
        if check_name(&source.directory).is_err() || is_linked(root, &source.directory) {
            return Err(bad(format!(
                "its directory `{}` leads out of the snapshot",
                source.directory
            )));
        }
        if !folder.is_dir() {
            continue;
        }
        for file in files_below(&folder)? {
            let relative = file.strip_prefix(root).unwrap_or(&file);
            let size = std::fs::metadata(&file).map_or(0, |meta| meta.len());
            documents.push((display(relative), read(&file, size)?));
        }
    }
    documents.sort();
    documents.dedup_by(|a, b| a.0 == b.0);
    let files = documents.len();
    let snapshot = assemble(&manifest, documents, Some(root));
    // A source that was refused everything has its coverage to tell.
    if snapshot.documents.is_empty() && snapshot.coverage.is_empty() {
        return Err(nothing_known(root, files));
    }
    Ok(snapshot)
}

/// Whether a part of `directory` below `root` is a link: it could lead anywhere.
fn is_linked(root: &Path, directory: &str) -> bool {
    let mut at = root.to_owned();
    directory.split('/').any(|part| {
        at.push(part);
        at.is_symlink()
    })
}

fn load_tree(root: &Path) -> Result<Snapshot, LoadError> {
    let mut snapshot = Snapshot::default();
    let (files, unread) = walk(root)?;
    let unreadable = |path: &Path, error: &LoadError| Problem {
        location: Location::start_of(Sym::new(&display(path))),
        message: format!("{error}; what it holds was not judged").into(),
        help: Some("make it readable, or name the files to scan one by one".into()),
    };
    for (path, error) in &unread {
        snapshot.problems.push(unreadable(path, error));
    }
    for path in &files {
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        let text = match read(path, size) {
            Ok(text) => text,
            Err(error) => {
                if may_matter(path) {
                    snapshot.problems.push(unreadable(path, &error));
                }
                continue;
            }
        };
        let relative = display(path.strip_prefix(root).unwrap_or(path));
        take(&mut snapshot, &relative, Sym::new(&display(path)), text);
    }
    drop_lone_sources(&mut snapshot);
    if snapshot.documents.is_empty() && snapshot.problems.is_empty() {
        return Err(nothing_known(root, files.len()));
    }
    Ok(snapshot)
}

/// Whether a file that cannot be read could have been input, by its ending.
fn may_matter(path: &Path) -> bool {
    let ending = path.extension();
    ending.is_none_or(|ending| ending == "log") || may_declare(&path.to_string_lossy())
}

fn nothing_known(root: &Path, files: usize) -> LoadError {
    let message = match files {
        0 => "there is no file in this directory".to_owned(),
        1 => "the one file in this directory is no document any system knows".to_owned(),
        count => {
            format!("none of the {count} files in this directory is a document any system knows")
        }
    };
    LoadError::Unrecognised {
        problem: Problem {
            location: Location::start_of(Sym::new(&display(root))),
            message: message.into(),
            help: Some(EXPECTED.into()),
        },
    }
}

const EXPECTED: &str = "expected a snapshot written by `tenure collect`, the output of \
`aws iam get-account-authorization-details`, an IAM credential report (CSV), Kubernetes objects \
(YAML or JSON), saved GitHub API answers, Vault policies (.hcl) and API answers, IAM policies, \
CloudFormation templates, or a Terraform plan (`terraform show -json`)";

fn unknown(file: Sym, name: &str, text: &[u8]) -> Problem {
    broken(file, name, text).unwrap_or_else(|| Problem {
        location: Location::start_of(file),
        message: "no system knows this document".into(),
        help: Some(EXPECTED.into()),
    })
}

/// A file that calls itself JSON and is not, or text that nobody reads.
fn broken(file: Sym, name: &str, text: &[u8]) -> Option<Problem> {
    let wide = text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff");
    if wide && may_declare(name) {
        return Some(Problem {
            location: Location::start_of(file),
            message: "it is UTF-16 text, which is not read".into(),
            help: Some(
                "save it as UTF-8 (in PowerShell: `… | Out-File -Encoding utf8 FILE`)".into(),
            ),
        });
    }
    if !name.to_ascii_lowercase().ends_with(".json") {
        return None;
    }
    let error = serde_json::from_slice::<serde::de::IgnoredAny>(text).err()?;
    Some(Problem {
        location: Location::of_fault(file, error.line(), error.column()),
        message: format!("not JSON: {error}").into(),
        help: Some(if error.is_eof() {
            "the file ends early; was the export interrupted?".into()
        } else {
            "export it again, or remove what is not part of the document".into()
        }),
    })
}

pub(super) fn read(path: &Path, size: u64) -> Result<Arc<[u8]>, LoadError> {
    if size > MAX_FILE {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
            size,
        });
    }
    let file = std::fs::File::open(path).map_err(|source| LoadError::Read {
        path: path.to_owned(),
        source,
    })?;
    bounded(file, path, size, MAX_FILE)
}

/// All of `from`, called `path`, if it is no more than `most`. Devices and pipes do not
/// tell beforehand: their `size` is 0.
fn bounded(from: impl io::Read, path: &Path, size: u64, most: u64) -> Result<Arc<[u8]>, LoadError> {
    let mut text = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    from.take(most + 1)
        .read_to_end(&mut text)
        .map_err(|source| LoadError::Read {
            path: path.to_owned(),
            source,
        })?;
    if text.len() as u64 > most {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
            size: text.len() as u64,
        });
    }
    Ok(Arc::from(text))
}

/// A text without the mark some editors and shells begin UTF-8 with.
fn unmarked(text: Arc<[u8]>) -> Arc<[u8]> {
    match text.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => Arc::from(rest),
        None => text,
    }
}

/// Regular files below `root` in a fixed order. Hidden directories and links are
/// passed over: neither holds input, and a link could lead anywhere.
pub(super) fn files_below(root: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let (files, unread) = walk(root)?;
    match unread.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok(files),
    }
}

/// The files below `root`, and the directories below it that cannot be read.
type Walked = (Vec<PathBuf>, Vec<(PathBuf, LoadError)>);

fn walk(root: &Path) -> Result<Walked, LoadError> {
    let mut files = Vec::new();
    let mut unread = Vec::new();
    let mut waiting = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        match entries(&folder) {
            Ok((here, folders)) => {
                files.extend(here);
                let below = folders.into_iter().filter(|_| depth < MAX_DEPTH);
                waiting.extend(below.map(|folder| (folder, depth + 1)));
            }
            Err(error) if folder == root => return Err(error),
            Err(error) => unread.push((folder, error)),
        }
    }
    files.sort();
    unread.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok((files, unread))
}

/// The regular files and the directories in `folder`, without hidden directories.
fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), LoadError> {
    let fail = |source| LoadError::Read {
        path: folder.to_owned(),
        source,
    };
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let kind = entry.file_type().map_err(fail)?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() && !hidden {
            folders.push(entry.path());
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok((files, folders))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_end_is_too_large() {
        let path = Path::new("/dev/zero");
        let read = |most| bounded(io::repeat(0).take(9), path, 0, most);
        assert_eq!(read(9).unwrap().len(), 9);
        assert!(matches!(read(8), Err(LoadError::TooLarge { .. })));
    }

    #[test]
    fn a_mark_is_taken_off_and_nothing_else() {
        for (text, plain) in [("\u{feff}a", "a"), ("a\u{feff}", "a\u{feff}"), ("", "")] {
            assert_eq!(*unmarked(Arc::from(text.as_bytes())), *plain.as_bytes());
        }
    }
}
