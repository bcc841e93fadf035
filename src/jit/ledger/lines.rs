//! A ledger file as blocks of whole lines, with limits.

use std::io::{self, Read};

/// Longest line that is read. An event is about one thousand bytes.
pub const MAX_LINE: usize = 1 << 20;
/// How much is read at once: enough lines to share among threads, little enough to
/// hold many ledgers' worth of time in little memory.
const BLOCK: usize = 8 << 20;

/// A run of lines.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Whole lines, each with its line feed.
    pub text: Vec<u8>,
    /// Number of the first line, from 1.
    pub first_line: u64,
}

impl Block {
    /// The lines with their numbers, without line feeds. A line longer than
    /// [`MAX_LINE`] is among them, cut to that length plus one byte.
    pub fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let text = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        let lines = (!self.text.is_empty()).then(|| text.split(|byte| *byte == b'\n'));
        lines
            .into_iter()
            .flatten()
            .enumerate()
            .map(|(at, line)| (self.first_line + at as u64, line))
    }
}

/// Reads blocks from a file.
pub(super) struct Blocks<R> {
    from: R,
    carry: Vec<u8>,
    line: u64,
    offset: u64,
    size: usize,
    /// The last line had no line feed: whoever wrote it did not finish.
    tail: Option<Vec<u8>>,
    done: bool,
}

impl<R: Read> Blocks<R> {
    pub fn new(from: R) -> Self {
        Self::with_size(from, BLOCK)
    }

    fn with_size(from: R, size: usize) -> Self {
        Blocks {
            from,
            carry: Vec::new(),
            line: 1,
            offset: 0,
            size,
            tail: None,
            done: false,
        }
    }

    /// The next block; `None` at the end.
    pub fn next(&mut self) -> io::Result<Option<Block>> {
        if self.done {
            return Ok(None);
        }
        let mut text = std::mem::take(&mut self.carry);
        let mut cut = 0u64;
        loop {
            let had = text.len();
            let want = self.size.saturating_sub(had).max(self.size / 8) as u64;
            let got = (&mut self.from).take(want).read_to_end(&mut text)?;
            if got == 0 {
                self.done = true;
                break;
            }
            if text[had..].contains(&b'\n') {
                break;
            }
            // A line longer than the limit is cut while it is read, so that one
            // endless line does not fill the memory.
            if text.len() > self.size {
                cut += (text.len() - MAX_LINE.min(self.size) - 1) as u64;
                text.truncate(MAX_LINE.min(self.size) + 1);
            }
        }
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let rest = text.split_off(whole);
        if self.done {
            self.tail = (!rest.is_empty()).then_some(rest);
        } else {
            self.carry = rest;
        }
        let block = Block {
            first_line: self.line,
            text,
        };
        self.line += block.text.iter().filter(|byte| **byte == b'\n').count() as u64;
        if block.text.is_empty() {
            return Ok(None);
        }
        self.offset += block.text.len() as u64 + cut;
        Ok(Some(block))
    }

    /// After the last block: the unfinished last line, its number, and the byte at
    /// which it starts.
    pub fn tail(&self) -> Option<(u64, u64, &[u8])> {
        self.tail
            .as_deref()
            .map(|tail| (self.line, self.offset, tail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbered lines, and the number, offset and text of an unfinished one.
    type Read = (Vec<(u64, Vec<u8>)>, Option<(u64, u64, Vec<u8>)>);

    fn read(text: &[u8], size: usize) -> Read {
        let mut blocks = Blocks::with_size(text, size);
        let mut lines = Vec::new();
        while let Some(block) = blocks.next().unwrap() {
            lines.extend(block.lines().map(|(at, line)| (at, line.to_vec())));
        }
        let tail = blocks
            .tail()
            .map(|(line, at, text)| (line, at, text.to_vec()));
        (lines, tail)
    }

    #[test]
    fn lines_do_not_depend_on_blocks() {
        let text = b"one\n\ntwo and more\n3\nfour, unfinished";
        let whole = read(text, 1_000);
        assert_eq!(whole.0.len(), 4);
        assert_eq!(whole.1, Some((5, 20, b"four, unfinished".to_vec())));
        for size in 16..40 {
            assert_eq!(read(text, size), whole, "{size}");
        }
        assert_eq!(read(b"", 16), (vec![], None));
        assert_eq!(read(b"\n", 16), (vec![(1, vec![])], None));
        assert_eq!(read(b"a", 16), (vec![], Some((1, 0, b"a".to_vec()))));
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_is_read() {
        let mut text = vec![b'x'; 500];
        text.extend(b"\nnext\n");
        let (lines, tail) = read(&text, 64);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].1.len() < 200);
        assert_eq!(lines[1], (2, b"next".to_vec()));
        assert_eq!(tail, None);
    }
}
