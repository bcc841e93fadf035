//! Where in the input a fact stands.

use serde::{Deserialize, Serialize};

use super::Sym;

/// A span of text in an input file. Lines and columns count from 1; columns count
/// Unicode scalar values; the end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The file as the user named it, with `/` separators.
    pub file: Sym,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column after the last character.
    pub end_column: u32,
}

impl Location {
    /// The start of a file, for facts that belong to a whole document.
    pub fn start_of(file: Sym) -> Self {
        Location::of_fault(file, 1, 1)
    }

    /// One character, as a parser counts it that names where it stopped; what has no
    /// line or column (0) is on the first.
    pub fn of_fault(file: Sym, line: usize, column: usize) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).max(1);
        let (line, column) = (count(line), count(column));
        Location {
            file,
            line,
            column,
            end_line: line,
            end_column: column.saturating_add(1),
        }
    }
}

/// Something a reader can check: what was seen, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Evidence {
    /// What this shows, in a few words ("allows iam:PassRole on *").
    pub what: Box<str>,
    /// Name of the document that says so (policy ARN, role name, file).
    pub source: Sym,
    /// Where in the input.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Location>,
    /// The document's own words, shortened. Never a secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub excerpt: Option<Box<str>>,
}

impl Evidence {
    /// Evidence without a place in a file.
    pub fn new(what: impl Into<Box<str>>, source: impl Into<Sym>) -> Self {
        Evidence {
            what: what.into(),
            source: source.into(),
            location: None,
            excerpt: None,
        }
    }

    /// Adds where it stands.
    #[must_use]
    pub fn at(mut self, location: Option<Location>) -> Self {
        self.location = location;
        self
    }

    /// Adds the document's own words.
    #[must_use]
    pub fn quoting(mut self, excerpt: impl Into<Box<str>>) -> Self {
        self.excerpt = Some(excerpt.into());
        self
    }
}

/// Turns byte offsets of one text into lines and columns.
///
/// Exports are often one single line of many megabytes, so counting from the start
/// of the line would be quadratic: the index remembers the position of every 256th
/// byte and counts from there.
#[derive(Clone, Debug)]
pub struct LineIndex {
    /// Line and column, from 1, of the byte at each multiple of [`BLOCK`].
    checkpoints: Vec<(u32, u32)>,
}

/// Bytes between two checkpoints of a [`LineIndex`].
const BLOCK: usize = 256;

impl LineIndex {
    /// Indexes `text`.
    pub fn new(text: &[u8]) -> Self {
        let mut at = (1, 1);
        let mut checkpoints = Vec::with_capacity(text.len() / BLOCK + 1);
        checkpoints.push(at);
        for block in text.chunks_exact(BLOCK) {
            at = advance(at, block);
            checkpoints.push(at);
        }
        LineIndex { checkpoints }
    }

    /// Line and column, both from 1, of the byte at `offset` of `text` (the text
    /// this index was made from). An offset past the end gives the end.
    pub fn position(&self, text: &[u8], offset: usize) -> (u32, u32) {
        let offset = offset.min(text.len());
        let block = (offset / BLOCK).min(self.checkpoints.len() - 1);
        let start = (block * BLOCK).min(offset);
        advance(self.checkpoints[block], &text[start..offset])
    }

    /// The location of `range` (byte offsets) in `text`, which stands in `file`.
    pub fn locate(&self, file: Sym, text: &[u8], range: std::ops::Range<usize>) -> Location {
        let start = range.start.min(text.len());
        let end = range.end.max(range.start.saturating_add(1)).min(text.len());
        let (line, column) = self.position(text, start);
        let (end_line, end_column) = if end - start < BLOCK {
            advance((line, column), &text[start..end])
        } else {
            self.position(text, end)
        };
        Location {
            file,
            line,
            column,
            end_line,
            end_column,
        }
    }
}

/// The position after `bytes`, which start at `line` and `column`.
fn advance((line, column): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    // Most of what is passed over is one line, which is found out fastest.
    let last = bytes.contains(&b'\n');
    let last = last.then(|| bytes.iter().rposition(|byte| *byte == b'\n'));
    let Some(last) = last.flatten() else {
        return (line, column.saturating_add(chars(bytes)));
    };
    let lines = count(bytes, |byte| byte == b'\n');
    (line.saturating_add(lines), 1 + chars(&bytes[last + 1..]))
}

/// How many characters start in `bytes`: a byte that continues a UTF-8 sequence
/// (0b10xx_xxxx) is no new one.
fn chars(bytes: &[u8]) -> u32 {
    if bytes.is_ascii() {
        return u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    }
    count(bytes, |byte| byte & 0xC0 != 0x80)
}

/// How many bytes are such. Sums of at most 255 fit a byte, and sums of bytes are what
/// compilers turn into vector instructions.
fn count(bytes: &[u8], such: impl Fn(u8) -> bool) -> u32 {
    bytes
        .chunks(255)
        .map(|part| {
            let sum = part.iter().map(|byte| u8::from(such(*byte))).sum::<u8>();
            u32::from(sum)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_do_not_depend_on_blocks() {
        let text = "aé\n".repeat(200) + &"x".repeat(1_000);
        let index = LineIndex::new(text.as_bytes());
        let mut expected = (1, 1);
        for (at, byte) in text.bytes().enumerate() {
            assert_eq!(index.position(text.as_bytes(), at), expected);
            expected = advance(expected, &[byte]);
        }
    }

    #[test]
    fn positions_count_characters_from_one() {
        let text = "a\nbé\u{1F600}c\n".as_bytes();
        let index = LineIndex::new(text);
        assert_eq!(index.position(text, 0), (1, 1));
        assert_eq!(index.position(text, 2), (2, 1));
        assert_eq!(index.position(text, 3), (2, 2));
        let c = text.iter().rposition(|&b| b == b'c').unwrap_or_default();
        assert_eq!(index.position(text, c), (2, 4));
        assert_eq!(index.position(text, 10_000), (3, 1));
    }
}
