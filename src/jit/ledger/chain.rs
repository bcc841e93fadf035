//! Reading a ledger and proving that nobody changed it.
//!
//! Each line holds the digest of itself and of the line before it in its chain. So a
//! changed line no longer has the digest it states; a changed line whose digest was
//! computed anew no longer is what the next line says came before it; and neither is
//! a line that stands where one was dropped, added or moved. Only lines cut off the
//! end leave no trace in the file: for them a head kept elsewhere (in a repository,
//! in a report) is compared ([`Verified::since`]).

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use thiserror::Error;

use super::event::{Digest, Event, VERSION};
use super::json::Json;
use super::lines::{Blocks, MAX_LINE};
use crate::model::{Quality, Sym};

/// Most faults that are kept one by one; the rest is counted.
const MAX_FAULTS: usize = 1_000;

/// A ledger that cannot be read at all.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file system said no.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// It is no event this program can read.
    Unreadable,
    /// It was written by a newer version of the format.
    Newer,
    /// It is not what its digest says.
    Altered,
    /// The line before it is not there: dropped, or replaced.
    Missing,
    /// It does not stand where it was written.
    Moved,
    /// An event of the same id was there before.
    Duplicate,
    /// The last line was not finished: a writer was interrupted.
    Unfinished,
}

impl FaultKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            FaultKind::Unreadable => "unreadable",
            FaultKind::Newer => "newer",
            FaultKind::Altered => "altered",
            FaultKind::Missing => "missing",
            FaultKind::Moved => "moved",
            FaultKind::Duplicate => "duplicate",
            FaultKind::Unfinished => "unfinished",
        }
    }
}

/// A line that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: Sym,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub kind: FaultKind,
    /// In words.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: {}",
            self.file,
            self.line,
            self.kind.as_str(),
            self.message
        )
    }
}

/// The end of one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The chain.
    pub chain: Sym,
    /// Digest of its last line.
    pub digest: Digest,
    /// How many lines it has.
    pub lines: u64,
}

/// What was found out about a ledger.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// How many lines there are, over all files.
    pub lines: u64,
    /// How many of them are events that can be used.
    pub events: u64,
    /// The ends of the chains, in the order in which they begin.
    pub heads: Vec<Head>,
    /// What is wrong, in the order of the lines; the first thousand.
    pub faults: Vec<Fault>,
    /// How many faults there are.
    pub fault_count: u64,
    /// Where each digest stands, over all files.
    places: FxHashMap<Digest, u64>,
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.fault_count == 0
    }

    /// The digest that stands for the whole ledger: that of the last line, or with
    /// several chains the digest of all their heads. `None` for an empty ledger.
    pub fn head(&self) -> Option<Digest> {
        match self.heads.as_slice() {
            [] => None,
            [only] => Some(only.digest),
            several => {
                let mut text = String::new();
                for head in several {
                    text.push_str(&format!("{} {}\n", head.chain, head.digest));
                }
                Some(Digest::of(text.as_bytes()))
            }
        }
    }

    /// How many lines came after the one with this digest; `None` if there is no such
    /// line, so that the end was cut off or the history written anew.
    pub fn since(&self, digest: Digest) -> Option<u64> {
        if self.head() == Some(digest) {
            return Some(0);
        }
        self.places.get(&digest).map(|at| self.lines - at)
    }

    fn fault(&mut self, fault: Fault) {
        self.fault_count += 1;
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Sym,
    /// The line, from 1.
    pub line: u64,
}

/// A line that is an event.
struct Line {
    event: Event,
    /// It is what its digest says.
    intact: bool,
}

/// Reads ledgers one after the other, as segments of one history, and gives every
/// event whose line is intact to `each`, in order.
///
/// # Errors
/// If a file cannot be read. What is wrong inside is told by the answer.
pub fn read(paths: &[&Path], mut each: impl FnMut(Place, Event)) -> Result<Verified, ReadError> {
    let mut walk = Walk::default();
    for path in paths {
        let failed = |source| ReadError::Io {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let name = Sym::new(&path.display().to_string().replace('\\', "/"));
        let tail = walk.file(name, file, &mut each).map_err(failed)?;
        if let Some(tail) = tail {
            walk.found.fault(tail.fault(name));
        }
    }
    Ok(walk.finish())
}

/// The unfinished last line of a file.
pub(super) struct Tail {
    /// Its number.
    pub line: u64,
    /// The byte at which it starts.
    pub offset: u64,
    /// What is there of it.
    pub text: Vec<u8>,
}

impl Tail {
    fn fault(&self, file: Sym) -> Fault {
        Fault {
            file,
            line: self.line,
            kind: FaultKind::Unfinished,
            message: format!(
                "the last line has {} bytes and no end: a writer was interrupted; the next \
                 `tenure ledger import` of the same files completes it",
                self.text.len()
            ),
        }
    }
}

/// A line whose predecessor had not been seen when it was read.
struct Pending {
    place: Place,
    prev: Digest,
    chain: Sym,
}

/// Follows the chains through all files.
#[derive(Default)]
pub(super) struct Walk {
    found: Verified,
    ids: FxHashMap<Box<str>, Place>,
    pending: Vec<Pending>,
    /// The line before the next could not be read, so nobody knows its digest.
    blind: bool,
}

impl Walk {
    /// Reads one file; gives back its unfinished last line.
    pub fn file(
        &mut self,
        name: Sym,
        from: impl Read,
        each: &mut impl FnMut(Place, Event),
    ) -> io::Result<Option<Tail>> {
        let mut blocks = Blocks::new(from);
        let before = self.found.lines;
        while let Some(block) = blocks.next()? {
            let lines: Vec<(u64, &[u8])> = block.lines().collect();
            let checked: Vec<_> = lines
                .par_iter()
                .with_min_len(64)
                .map(|(_, text)| check(text))
                .collect();
            for ((line, _), checked) in lines.iter().zip(checked) {
                self.found.lines = before + line;
                let place = Place {
                    file: name,
                    line: *line,
                };
                match checked {
                    Ok(None) => {}
                    Ok(Some(line)) => self.line(place, line, each),
                    Err((kind, message)) => {
                        self.blind = true;
                        self.fault(place, kind, message);
                    }
                }
            }
        }
        Ok(blocks.tail().map(|(line, offset, text)| Tail {
            line,
            offset,
            text: text.to_vec(),
        }))
    }

    fn fault(&mut self, place: Place, kind: FaultKind, message: String) {
        self.found.fault(Fault {
            file: place.file,
            line: place.line,
            kind,
            message,
        });
    }

    fn line(&mut self, place: Place, line: Line, each: &mut impl FnMut(Place, Event)) {
        let Line { event, intact } = line;
        if !intact {
            let message = format!(
                "event `{}` is not what its digest says: it was changed after it was written",
                event.id.escape_debug()
            );
            self.fault(place, FaultKind::Altered, message);
        }
        self.follow(place, &event);
        self.found.places.insert(event.digest, self.found.lines);
        match self.ids.get(&event.id).copied() {
            Some(first) => {
                let message = format!(
                    "event `{}` already stands at {}:{}",
                    event.id.escape_debug(),
                    first.file,
                    first.line
                );
                self.fault(place, FaultKind::Duplicate, message);
            }
            None => {
                self.ids.insert(event.id.clone(), place);
                if intact {
                    self.found.events += 1;
                    each(place, event);
                }
            }
        }
    }

    /// Checks that the line follows the one it says it follows.
    fn follow(&mut self, place: Place, event: &Event) {
        let blind = std::mem::take(&mut self.blind);
        let chain = event.chain.chain_uid;
        let digest = event.digest;
        let prev = event.chain.prev;
        let Some(head) = self.found.heads.iter_mut().find(|head| head.chain == chain) else {
            self.found.heads.push(Head {
                chain,
                digest,
                lines: 1,
            });
            if let Some(prev) = prev.filter(|_| !blind) {
                self.pending.push(Pending { place, prev, chain });
            }
            return;
        };
        let expected = std::mem::replace(&mut head.digest, digest);
        head.lines += 1;
        match prev {
            Some(prev) if prev == expected => {}
            Some(prev) => match self.found.places.get(&prev) {
                Some(_) => {
                    let message = format!(
                        "it was written after {prev}, but another line stands between: lines were \
                         moved, added or repeated"
                    );
                    self.fault(place, FaultKind::Moved, message);
                }
                None if blind => {}
                None => self.pending.push(Pending { place, prev, chain }),
            },
            None => {
                let message = format!(
                    "it says that it begins the chain `{}`, which has begun before",
                    chain.escape_debug()
                );
                self.fault(place, FaultKind::Moved, message);
            }
        }
    }

    /// Judges what had to wait until every line was seen.
    pub fn finish(mut self) -> Verified {
        for Pending { place, prev, chain } in std::mem::take(&mut self.pending) {
            let (kind, message) = match self.found.places.get(&prev) {
                Some(_) => (
                    FaultKind::Moved,
                    format!("it was written after {prev}, which comes later now"),
                ),
                None => (
                    FaultKind::Missing,
                    format!(
                        "the line before it in chain `{}`, {prev}, is not there: one or more lines \
                         were dropped or replaced, or belong to an earlier segment that was not \
                         given",
                        chain.escape_debug()
                    ),
                ),
            };
            self.fault(place, kind, message);
        }
        // Faults found at the end belong where their lines stand; files keep the
        // order in which they were given.
        let mut order: Vec<Sym> = Vec::new();
        for fault in &self.found.faults {
            if !order.contains(&fault.file) {
                order.push(fault.file);
            }
        }
        let rank = |file: Sym| order.iter().position(|known| *known == file);
        self.found
            .faults
            .sort_by_key(|fault| (rank(fault.file), fault.line));
        self.found
    }

    /// Which ids there are.
    pub fn knows(&self, id: &str) -> bool {
        self.ids.contains_key(id)
    }

    /// What was found out so far.
    pub fn found(&self) -> &Verified {
        &self.found
    }
}

/// Reads one line; `None` if it is blank.
fn check(text: &[u8]) -> Result<Option<Line>, (FaultKind, String)> {
    let unreadable = |message: String| (FaultKind::Unreadable, message);
    if text.len() > MAX_LINE {
        return Err(unreadable(format!(
            "longer than {MAX_LINE} bytes; no event is"
        )));
    }
    let text = std::str::from_utf8(text)
        .map_err(|error| unreadable(format!("not UTF-8 (byte {})", error.valid_up_to() + 1)))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let value = Json::parse(text).map_err(|error| {
        let column = text
            .get(..error.at)
            .map_or(error.at, |before| before.chars().count());
        unreadable(format!("column {}: {}", column + 1, error.message))
    })?;
    match value.get("v") {
        Some(Json::Number(number)) if *number == f64::from(VERSION) => {}
        Some(Json::Number(number)) if *number > f64::from(VERSION) => {
            return Err((
                FaultKind::Newer,
                format!(
                    "version {number} of the format; this program reads version {VERSION}: use a \
                     newer tenure"
                ),
            ));
        }
        _ => {
            return Err(unreadable(
                "no line of a ledger: it has no `v` that is 1".to_owned(),
            ));
        }
    }
    let event: Event = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    if event.id.is_empty() || event.grant_id.is_empty() {
        return Err(unreadable(
            "`id` and `grant_id` must not be empty".to_owned(),
        ));
    }
    if event.at.is_none() && event.at_quality != Quality::Absent {
        return Err(unreadable(
            "`at` may be null only where `at_quality` is `absent`".to_owned(),
        ));
    }
    for name in ["at", "digest"] {
        if value.get(name).is_none() {
            return Err(unreadable(format!("it has no `{name}`")));
        }
    }
    let mut form = String::with_capacity(text.len());
    value.write_without("digest", &mut form);
    let intact = Digest::of(form.as_bytes()) == event.digest;
    Ok(Some(Line { event, intact }))
}

/// Whether an unfinished line is whole but for its line feed, and follows `prev`.
pub(super) fn is_whole(text: &[u8], prev: Option<Digest>) -> bool {
    matches!(check(text), Ok(Some(line)) if line.intact && line.event.chain.prev == prev)
}
