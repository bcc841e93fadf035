//! Adding to a ledger so that a crash at any moment neither loses nor repeats an event.
//!
//! One writer at a time (a lock on the file). What is there is verified first: nothing
//! is added to a history that does not hold together. A last line without an end is
//! what an interrupted writer leaves; it is completed if it is whole, else cut off.
//! Events whose id is there already are left out. So an import that was interrupted is
//! simply run again, and ends with the very bytes it would have written at once.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;
use thiserror::Error;

use super::chain::{Fault, Walk, is_whole};
use super::event::{Digest, Event};
use crate::model::Sym;

/// Written at once.
const CHUNK: usize = 1 << 20;

/// Why nothing was added.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The file system said no.
    #[error("cannot write `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else is writing.
    #[error("`{}` is being written by another process; try again when it is done", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// What is there does not hold together.
    #[error(
        "nothing was added: {count} lines are not as they were written, the first is {first}; see \
         `tenure ledger verify`, restore the file from a copy, or begin a new one"
    )]
    Broken {
        /// The first fault.
        first: Box<Fault>,
        /// How many there are.
        count: u64,
    },
    /// An event that cannot be written.
    #[error("event of grant `{grant}` cannot be written: {message}")]
    Event {
        /// Its grant.
        grant: Sym,
        /// Why.
        message: String,
    },
}

/// What was done about an unfinished last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Only its line feed was missing.
    Completed {
        /// The line, from 1.
        line: u64,
    },
    /// It was cut off.
    CutOff {
        /// The line, from 1.
        line: u64,
        /// How many bytes of it there were.
        bytes: u64,
    },
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Events added.
    pub added: u64,
    /// Events that were there already.
    pub known: u64,
    /// Lines in the file now.
    pub lines: u64,
    /// Digest of the last line of the chain; `None` if the ledger is empty.
    pub head: Option<Digest>,
    /// What was done about an unfinished last line.
    pub recovered: Option<Recovery>,
}

/// Appends `events` to the ledger at `path`, which is made if it is not there.
///
/// `chain` names the chain; by default the one the file ends with, and for a new file
/// `ledger/` and the file's name.
///
/// # Errors
/// If the file cannot be written, is being written, or does not verify. Nothing has
/// been added then, or after an error while writing a beginning of the events, which
/// the next attempt continues.
pub fn append(
    path: &Path,
    chain: Option<Sym>,
    events: Vec<Event>,
) -> Result<Appended, AppendError> {
    let failed = |source| AppendError::Io {
        path: path.to_owned(),
        source,
    };
    let is_new = !path.exists();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(AppendError::Locked {
                path: path.to_owned(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    if is_new {
        sync_folder(path).map_err(failed)?;
    }

    let name = Sym::new(&path.display().to_string().replace('\\', "/"));
    let mut walk = Walk::default();
    let mut last = None;
    let tail = walk
        .file(name, &file, &mut |_, event| {
            last = Some(event.chain.chain_uid)
        })
        .map_err(failed)?;
    let chain = chain.or(last).unwrap_or_else(|| {
        let stem = path.file_name().unwrap_or_default().to_string_lossy();
        Sym::new(&format!("ledger/{}", stem.trim_end_matches(".jsonl")))
    });
    let head_of = |walk: &Walk| {
        let heads = &walk.found().heads;
        heads
            .iter()
            .find(|head| head.chain == chain)
            .map(|head| head.digest)
    };
    let recovered = match tail {
        None => None,
        Some(tail) if is_whole(&tail.text, head_of(&walk)) => {
            file.seek(SeekFrom::End(0)).map_err(failed)?;
            file.write_all(b"\n").map_err(failed)?;
            let line = [tail.text.as_slice(), b"\n"].concat();
            walk.file(name, line.as_slice(), &mut |_, _| ())
                .map_err(failed)?;
            Some(Recovery::Completed { line: tail.line })
        }
        Some(tail) => {
            file.set_len(tail.offset).map_err(failed)?;
            Some(Recovery::CutOff {
                line: tail.line,
                bytes: tail.text.len() as u64,
            })
        }
    };
    let mut head = head_of(&walk);
    let mut fresh: FxHashSet<Box<str>> = FxHashSet::default();
    let (events, known): (Vec<Event>, Vec<Event>) = events
        .into_iter()
        .partition(|event| !walk.knows(&event.id) && fresh.insert(event.id.clone()));
    let found = walk.finish();
    if let Some(first) = found.faults.first() {
        return Err(AppendError::Broken {
            first: Box::new(first.clone()),
            count: found.fault_count,
        });
    }

    file.seek(SeekFrom::End(0)).map_err(failed)?;
    let added = events.len() as u64;
    let mut text = String::with_capacity(CHUNK + CHUNK / 8);
    for mut event in events {
        let line = event
            .seal(chain, head)
            .map_err(|message| AppendError::Event {
                grant: event.grant_id,
                message,
            })?;
        head = Some(event.digest);
        text.push_str(&line);
        text.push('\n');
        if text.len() >= CHUNK {
            file.write_all(text.as_bytes()).map_err(failed)?;
            text.clear();
        }
    }
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(Appended {
        added,
        known: known.len() as u64,
        lines: found.lines + added,
        head,
        recovered,
    })
}

/// Makes a new file's name last. Where folders cannot be opened as files there is
/// nothing to do.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match File::open(folder) {
        Ok(folder) => folder.sync_all(),
        Err(_) => Ok(()),
    }
}
