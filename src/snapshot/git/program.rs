//! The `git` program, which knows every way a repository can be stored.
//!
//! Nothing of what it prints is taken for more than names and bytes. It is run so that
//! no setting of an untrusted repository makes it start other programs, write, or reach
//! for a network.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::GitError;
use crate::model::Sym;
use crate::snapshot::load::read;

/// Endings of files that may declare access. Others are not read.
const ENDINGS: &[&str] = &[
    "csv", "hcl", "json", "jsonl", "ndjson", "policy", "template", "tf", "yaml", "yml",
];
/// Larger blobs declare no access.
const MAX_BLOB: usize = 256 << 20;

/// A file of one state.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) mode: String,
    /// Object id; the bytes themselves for files of the work tree.
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Object(String),
    Bytes(Arc<[u8]>),
}

/// The blobs that were read, by object id.
pub(super) type Blobs = BTreeMap<String, Arc<[u8]>>;

impl Entry {
    /// Whether both are certainly the same.
    pub(super) fn is(&self, other: &Entry, blobs: &Blobs) -> bool {
        match (&self.content, &other.content) {
            (Content::Object(one), Content::Object(two)) => one == two,
            (Content::Bytes(bytes), Content::Object(id))
            | (Content::Object(id), Content::Bytes(bytes)) => blobs.get(id) == Some(bytes),
            (Content::Bytes(one), Content::Bytes(two)) => one == two,
        }
    }
}

/// Whether a file may declare access, by its ending.
pub(in crate::snapshot) fn may_declare(path: &str) -> bool {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| {
        ENDINGS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(ending))
    })
}

/// The top directory of the repository around `here`.
pub(super) fn repository(here: &Path) -> Result<PathBuf, GitError> {
    let git = Git {
        root: here.to_owned(),
    };
    match git.run(&["rev-parse", "--show-toplevel"]) {
        Ok(text) => Ok(PathBuf::from(line(&text))),
        Err(GitError::Failed { .. }) => Err(GitError::NoRepository(here.to_owned())),
        Err(other) => Err(other),
    }
}

fn line(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .trim_end_matches(['\r', '\n'])
        .to_owned()
}

pub(super) struct Git {
    pub(super) root: PathBuf,
}

impl Git {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .current_dir(&self.root)
            // An untrusted repository's settings start no programs.
            .args(["-c", "core.fsmonitor=false", "-c", "core.quotePath=false"])
            .args(["-c", "diff.external=", "-c", "core.hooksPath=/dev/null"])
            .args(["--no-pager", "--literal-pathspecs"])
            .args(arguments)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        let output = self.command(arguments).output().map_err(GitError::Absent)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(failed(arguments, &output.stderr))
    }

    /// The commits a range names; `None` is the work tree.
    pub(super) fn range(&self, range: &str) -> Result<(String, Option<String>), GitError> {
        let bad = || GitError::Range(range.to_owned());
        let or_head = |text: &str| {
            if text.is_empty() {
                "HEAD".to_owned()
            } else {
                text.to_owned()
            }
        };
        // git takes a missing base for HEAD, and a check whose variable was empty would
        // compare nothing and pass.
        if range.is_empty() || range.starts_with("..") {
            return Err(bad());
        }
        if let Some((base, head)) = range.split_once("...") {
            let (base, head) = (base.to_owned(), or_head(head));
            let (from, to) = (self.commit(&base)?, self.commit(&head)?);
            return match self.run(&["merge-base", &from, &to]) {
                Ok(text) => Ok((line(&text), Some(to))),
                Err(GitError::Failed { .. }) => Err(GitError::Unrelated(base, head)),
                Err(other) => Err(other),
            };
        }
        match range.split_once("..") {
            Some((base, head)) if !head.contains("..") => {
                Ok((self.commit(base)?, Some(self.commit(&or_head(head))?)))
            }
            Some(_) => Err(bad()),
            None => Ok((self.commit(range)?, None)),
        }
    }

    fn commit(&self, revision: &str) -> Result<String, GitError> {
        let wanted = format!("{revision}^{{commit}}");
        let arguments = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &wanted,
        ];
        match self.run(&arguments) {
            Ok(text) => Ok(line(&text)),
            Err(GitError::Failed { .. }) => Err(GitError::Unknown(revision.to_owned())),
            Err(other) => Err(other),
        }
    }

    /// The named paths, relative to the top directory.
    pub(super) fn named(
        &self,
        here: &Path,
        paths: &[PathBuf],
    ) -> Result<BTreeSet<String>, GitError> {
        let git = Git {
            root: here.to_owned(),
        };
        let prefix = PathBuf::from(line(&git.run(&["rev-parse", "--show-prefix"])?));
        let top = self
            .root
            .canonicalize()
            .unwrap_or_else(|_| self.root.clone());
        paths
            .iter()
            .map(|path| {
                let outside = || GitError::NoPath(path.display().to_string());
                let joined = if path.is_absolute() {
                    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
                    let name = path.file_name();
                    let real = match (parent, name) {
                        (Some(parent), Some(name)) => parent.join(name),
                        _ => path.clone(),
                    };
                    real.strip_prefix(&top).map_err(|_| outside())?.to_owned()
                } else {
                    prefix.join(path)
                };
                let mut parts: Vec<String> = Vec::new();
                for part in joined.components() {
                    match part {
                        Component::CurDir => {}
                        Component::ParentDir => {
                            parts.pop().ok_or_else(outside)?;
                        }
                        Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
                        Component::RootDir | Component::Prefix(_) => return Err(outside()),
                    }
                }
                Ok(parts.join("/"))
            })
            .collect()
    }

    /// All files of a commit.
    pub(super) fn tree(
        &self,
        commit: &str,
        named: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Entry>, GitError> {
        let mut arguments = vec!["ls-tree", "-r", "-z", "--full-tree", commit];
        push_paths(&mut arguments, named);
        let listed = self.run(&arguments)?;
        let mut files = BTreeMap::new();
        for row in listed.split(|&byte| byte == 0) {
            let row = String::from_utf8_lossy(row);
            let Some((meta, path)) = row.split_once('\t') else {
                continue;
            };
            let mut meta = meta.split(' ');
            let (Some(mode), Some(_), Some(id)) = (meta.next(), meta.next(), meta.next()) else {
                continue;
            };
            let entry = Entry {
                mode: mode.to_owned(),
                content: Content::Object(id.to_owned()),
            };
            files.insert(path.to_owned(), entry);
        }
        Ok(files)
    }

    /// All files of the work tree that git tracks or would track.
    pub(super) fn work_tree(
        &self,
        named: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Entry>, GitError> {
        let mut arguments = vec![
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "--deduplicate",
        ];
        push_paths(&mut arguments, named);
        let listed = self.run(&arguments)?;
        let mut files = BTreeMap::new();
        for row in listed
            .split(|&byte| byte == 0)
            .filter(|row| !row.is_empty())
        {
            let path = String::from_utf8_lossy(row).into_owned();
            let full = self.root.join(&path);
            // A link could lead anywhere; what is gone is gone.
            let Ok(meta) = std::fs::symlink_metadata(&full) else {
                continue;
            };
            let wanted = may_declare(&path) || named.contains(&path);
            if !meta.is_file() || !wanted {
                continue;
            }
            let entry = Entry {
                mode: "100644".to_owned(),
                content: Content::Bytes(read(&full, meta.len())?),
            };
            files.insert(path, entry);
        }
        Ok(files)
    }

    /// Later names by earlier ones.
    pub(super) fn renamed(
        &self,
        base: &str,
        head: Option<&str>,
        named: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, GitError> {
        let mut arguments = vec![
            "diff",
            "--no-ext-diff",
            "--no-textconv",
            "--name-status",
            "-z",
            "-M",
        ];
        arguments.push(base);
        arguments.extend(head);
        push_paths(&mut arguments, named);
        let listed = self.run(&arguments)?;
        let mut rows = listed
            .split(|&byte| byte == 0)
            .map(|row| String::from_utf8_lossy(row).into_owned());
        let mut renamed = BTreeMap::new();
        while let Some(status) = rows.next() {
            let Some(path) = rows.next() else {
                break;
            };
            if status.starts_with(['R', 'C']) {
                let later = rows.next().unwrap_or_default();
                if status.starts_with('R') {
                    renamed.insert(path, later);
                }
            }
        }
        Ok(renamed)
    }

    /// Added and changed lines, by file.
    pub(super) fn changed(
        &self,
        base: &str,
        head: Option<&str>,
        named: &BTreeSet<String>,
    ) -> Result<BTreeMap<Sym, Vec<(u32, u32)>>, GitError> {
        let mut arguments = vec![
            "diff",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--unified=0",
            "-M",
            "--src-prefix=a/",
            "--dst-prefix=b/",
        ];
        arguments.push(base);
        arguments.extend(head);
        push_paths(&mut arguments, named);
        Ok(hunks(&String::from_utf8_lossy(&self.run(&arguments)?)))
    }

    /// The blobs of all files that may declare access, each read once.
    pub(super) fn blobs<'e>(
        &self,
        entries: impl Iterator<Item = &'e Entry>,
    ) -> Result<Blobs, GitError> {
        let wanted: BTreeSet<&str> = entries
            .filter(|entry| entry.mode.starts_with("100"))
            .filter_map(|entry| match &entry.content {
                Content::Object(id) => Some(id.as_str()),
                Content::Bytes(_) => None,
            })
            .collect();
        let mut found = BTreeMap::new();
        if wanted.is_empty() {
            return Ok(found);
        }
        let arguments = ["cat-file", "--batch"];
        let mut child = self
            .command(&arguments)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(GitError::Absent)?;
        let (Some(mut asking), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(&arguments, b"it has no pipes"));
        };
        let questions: String = wanted.iter().map(|id| format!("{id}\n")).collect();
        // Asked from a thread of its own: git answers while it is still being asked.
        let asker = std::thread::spawn(move || {
            // Where git ends early, the answers below say why.
            let _ = asking.write_all(questions.as_bytes());
        });
        let mut answers = io::BufReader::new(answers);
        for id in &wanted {
            let bytes = answer(&mut answers)
                .map_err(|error| failed(&arguments, error.to_string().as_bytes()))?;
            match bytes {
                Some(bytes) => {
                    found.insert((*id).to_owned(), Arc::from(bytes));
                }
                None => {
                    let message = format!("object {id} is not in this clone");
                    return Err(failed(&arguments, message.as_bytes()));
                }
            }
        }
        let _ = asker.join();
        // All answers are read; how it ends says nothing more.
        let _ = child.wait();
        Ok(found)
    }

    /// The bytes of a file that may declare access.
    pub(super) fn text(
        &self,
        path: &str,
        entry: &Entry,
        blobs: &Blobs,
    ) -> Result<Option<Arc<[u8]>>, GitError> {
        if !may_declare(path) || !entry.mode.starts_with("100") {
            return Ok(None);
        }
        Ok(match &entry.content {
            Content::Object(id) => blobs.get(id).cloned(),
            Content::Bytes(bytes) => Some(bytes.clone()),
        })
    }
}

fn push_paths<'a>(arguments: &mut Vec<&'a str>, named: &'a BTreeSet<String>) {
    let named = named.iter().filter(|path| !path.is_empty());
    arguments.push("--");
    arguments.extend(named.map(String::as_str));
}

fn failed(arguments: &[&str], message: &[u8]) -> GitError {
    GitError::Failed {
        command: arguments.first().copied().unwrap_or_default().to_owned(),
        message: line(message).lines().next().unwrap_or_default().to_owned(),
    }
}

/// One answer of `cat-file --batch`: `<id> <type> <size>`, a line end, the bytes, a
/// line end. `None` where the object is missing.
fn answer(from: &mut impl io::BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut header = String::new();
    from.read_line(&mut header)?;
    let size = header
        .trim_end()
        .rsplit_once(' ')
        .and_then(|(_, size)| size.parse::<usize>().ok());
    let Some(size) = size else {
        return match header.trim_end().ends_with(" missing") {
            true => Ok(None),
            false => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the answer is not understood",
            )),
        };
    };
    if size > MAX_BLOB {
        // Too large to declare access; read past.
        io::copy(&mut from.by_ref().take(size as u64 + 1), &mut io::sink())?;
        return Ok(Some(Vec::new()));
    }
    let mut bytes = vec![0; size + 1];
    from.read_exact(&mut bytes)?;
    bytes.truncate(size);
    Ok(Some(bytes))
}

/// Reads a diff without context. A file whose name git had to quote is left out:
/// findings in it keep their own lines.
fn hunks(diff: &str) -> BTreeMap<Sym, Vec<(u32, u32)>> {
    let mut changed: BTreeMap<Sym, Vec<(u32, u32)>> = BTreeMap::new();
    let mut file = None;
    // Lines of the hunk still to come: their text is not read.
    let mut left = 0;
    for line in diff.lines() {
        if left > 0 && line.starts_with(['+', '-']) {
            left -= 1;
        } else if line.starts_with("diff --git ") {
            file = None;
        } else if let Some(path) = line.strip_prefix("+++ b/") {
            file = Some(Sym::new(path.trim_end_matches('\t')));
        } else if let Some(hunk) = line.strip_prefix("@@ -")
            && let Some(file) = file
            && let Some((range, lines)) = added(hunk)
        {
            left = lines;
            changed.entry(file).or_default().push(range);
        }
    }
    changed
}

/// The added lines of `12,3 +14,2 @@`, and how many lines the hunk has.
fn added(hunk: &str) -> Option<((u32, u32), u32)> {
    let count = |range: &str| -> Option<(u32, u32)> {
        Some(match range.split_once(',') {
            Some((start, count)) => (start.parse().ok()?, count.parse().ok()?),
            None => (range.parse().ok()?, 1),
        })
    };
    let (removed, rest) = hunk.split_once(" +")?;
    let (range, _) = rest.split_once(' ')?;
    let (_, gone) = count(removed)?;
    let (start, come) = count(range)?;
    let start = start.max(1);
    let end = start.saturating_add(come.max(1) - 1);
    Some(((start, end), gone.saturating_add(come)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks_are_read() {
        let diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n\\ No newline\n\
                    @@ -4,0 +5,2 @@ ctx\n+++ b/fake\n+c\n@@ -9,2 +9,0 @@\n--- a/d\n-e\n\
                    diff --git a/y b/y\n@@ -1 +1 @@\n";
        let found = hunks(diff);
        let lines = [(1, 1), (5, 6), (9, 9)];
        assert_eq!(found.get(&Sym::new("x")), Some(&lines.to_vec()));
        assert_eq!(found.len(), 1);
        assert_eq!(added("1,0 +0,0 @@"), Some(((1, 1), 0)));
        assert_eq!(added("nonsense"), None);
    }

    #[test]
    fn answers_are_read() {
        let mut text = io::Cursor::new(b"abc blob 3\nx\ny\nabd missing\nrubbish\n".to_vec());
        assert_eq!(answer(&mut text).unwrap().as_deref(), Some(&b"x\ny"[..]));
        assert_eq!(answer(&mut text).unwrap(), None);
        assert!(answer(&mut text).is_err());
    }
}
