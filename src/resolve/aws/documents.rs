//! Distinct policy documents, each parsed once.

use std::ops::Range;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::policy::Policy;
use super::read::File;
use super::read::document::DocumentText;
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

    /// Where `range` of the document's own text stands.
    pub fn locate(&self, files: &[File<'_>], range: Range<usize>) -> Option<Location> {
        let text = DocumentText::new(self.raw).ok()?;
        files.get(self.file)?.locate(text.slice(range))
    }
}

/// Number of a distinct document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocId(pub u32);

/// All distinct documents. Two that are written alike are one.
#[derive(Debug, Default)]
pub struct Documents {
    parsed: Vec<Parsed>,
    by_text: FxHashMap<Box<str>, DocId>,
}

/// A document, or why it is none.
#[derive(Debug)]
pub struct Parsed {
    /// The document, compiled.
    pub policy: Result<Policy, String>,
    /// Its own text, for excerpts.
    pub text: Box<str>,
}

impl Documents {
    /// Parses all documents that are not known yet.
    pub fn parse(&mut self, _files: &[File<'_>], sources: &[Source<'_>]) {
        let mut new: Vec<&str> = Vec::new();
        for source in sources {
            if !self.by_text.contains_key(source.raw) {
                let id = DocId(u32::try_from(self.by_text.len()).unwrap_or(u32::MAX));
                self.by_text.insert(source.raw.into(), id);
                new.push(source.raw);
            }
        }
        let parsed: Vec<Parsed> = new.par_iter().map(|raw| parse(raw)).collect();
        self.parsed.extend(parsed);
    }

    /// The number of the document that stands at `source`.
    pub fn id(&self, source: Source<'_>) -> Option<DocId> {
        self.by_text.get(source.raw).copied()
    }

    /// The document with this number.
    pub fn get(&self, id: DocId) -> &Parsed {
        &self.parsed[id.0 as usize]
    }

    /// All documents.
    pub fn iter(&self) -> impl Iterator<Item = (DocId, &Parsed)> {
        self.parsed
            .iter()
            .enumerate()
            .map(|(at, parsed)| (DocId(at as u32), parsed))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parsed.len()
    }
}

fn parse(raw: &str) -> Parsed {
    match DocumentText::new(raw) {
        Ok(text) => Parsed {
            policy: Policy::parse(&text.text).map_err(|error| error.to_string()),
            text: text.text.into(),
        },
        Err(message) => Parsed {
            policy: Err(message),
            text: "".into(),
        },
    }
}
