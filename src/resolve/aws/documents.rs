//! Distinct policy documents, each parsed once.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::ops::Range;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::gist::{Gist, Reader};
use super::policy::Policy;
use super::read::File;
use super::read::document::{slice, text};
use crate::model::Location;

/// A policy document as it stands in a file.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Which file.
    pub file: usize,
    /// Its text there: an object or a quoted string.
    pub raw: &'a str,
}

impl<'a> Source<'a> {
    /// The document `raw` of file number `file`.
    pub fn new(file: usize, raw: &'a str) -> Self {
        Source { file, raw }
    }

    /// Where it lies in memory. The files live as long as the [`Documents`], so no
    /// other text comes to lie there.
    pub fn place(&self) -> (usize, usize) {
        (self.raw.as_ptr() as usize, self.raw.len())
    }

    /// The policy it is.
    ///
    /// # Errors
    /// Why it is none.
    pub fn policy(&self) -> Result<Policy, String> {
        policy(self.raw)
    }

    /// Where `range` of the document's own text stands.
    pub fn locate(&self, files: &[File<'_>], range: Range<usize>) -> Option<Location> {
        files.get(self.file)?.locate(slice(self.raw, range))
    }
}

/// Number of a distinct document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocId(pub u32);

/// All distinct documents. Two that are written alike are one.
#[derive(Debug, Default)]
pub struct Documents<'a> {
    parsed: Vec<Parsed<'a>>,
    by_text: FxHashMap<&'a str, DocId>,
    /// The same by address, so that asking again for a source reads no text.
    by_place: FxHashMap<(usize, usize), DocId>,
    /// Where documents stand of which something could not be read.
    damaged: Vec<(Source<'a>, DocId)>,
}

fn policy(raw: &str) -> Result<Policy, String> {
    text(raw).and_then(|text| Policy::parse(&text).map_err(|error| error.to_string()))
}

/// A document, or why it is none.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// The document, compiled.
    pub policy: Result<Policy, String>,
    /// What it says.
    pub gist: Gist,
    raw: &'a str,
    damaged: bool,
}

impl<'a> Parsed<'a> {
    fn new(raw: &'a str, reader: &mut Reader) -> Self {
        let policy = policy(raw);
        let (gist, damaged) = match &policy {
            Ok(policy) => {
                let document = policy.document();
                (reader.gist(document), document.lost_statements())
            }
            Err(_) => (Gist::default(), true),
        };
        Parsed {
            policy,
            gist,
            raw,
            damaged,
        }
    }

    /// Its own text, for excerpts: few are shown, so it is not kept.
    pub fn text(&self) -> Cow<'a, str> {
        text(self.raw).unwrap_or_default()
    }

    /// Whether it says more than was read.
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }
}

impl<'a> Documents<'a> {
    /// Parses all documents that are not known yet.
    pub fn parse(&mut self, sources: &[Source<'a>]) {
        let mut new: Vec<&'a str> = Vec::new();
        // Growing would read all texts again.
        self.by_place.reserve(sources.len());
        self.by_text.reserve(sources.len());
        for source in sources {
            let Entry::Vacant(vacant) = self.by_place.entry(source.place()) else {
                continue;
            };
            let next = DocId(u32::try_from(self.by_text.len()).unwrap_or(u32::MAX));
            let id = *self.by_text.entry(source.raw).or_insert_with(|| {
                new.push(source.raw);
                next
            });
            vacant.insert(id);
        }
        let read = |reader: &mut Reader, raw| Parsed::new(raw, reader);
        let read = new.into_par_iter().map_init(Reader::default, read);
        self.parsed.par_extend(read);
        if self.parsed.iter().any(Parsed::is_damaged) {
            let mut told = FxHashSet::default();
            let found = sources.iter().filter_map(|source| {
                let id = self.id(*source)?;
                let new = self.get(id).is_damaged() && told.insert(source.place());
                new.then_some((*source, id))
            });
            self.damaged = found.collect();
        }
    }

    /// Where documents stand that are none, or that say more than was read.
    pub fn damaged(&self) -> &[(Source<'a>, DocId)] {
        &self.damaged
    }

    /// The number of the document that stands at `source`.
    pub fn id(&self, source: Source<'_>) -> Option<DocId> {
        let known = self.by_place.get(&source.place());
        known.or_else(|| self.by_text.get(source.raw)).copied()
    }

    /// The document with this number.
    pub fn get(&self, id: DocId) -> &Parsed<'a> {
        &self.parsed[id.0 as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parsed.len()
    }
}
