//! Wildcard patterns: matching, containment and intersection.
//!
//! A [`Pattern`] is a row of bytes in which four values that never occur in UTF-8
//! stand for wildcards, so literal `*` and `?` need no escaping and matching needs no
//! allocation. Two of the four stop at a colon, for systems whose names have parts.

use std::fmt;

use rustc_hash::FxHashSet;

/// Any text.
pub(crate) const ANY: u8 = 0xFF;
/// Any one character.
pub(crate) const ONE: u8 = 0xFE;
/// Any text without a colon.
pub(crate) const ANY_IN: u8 = 0xFD;
/// Any one character but a colon.
pub(crate) const ONE_IN: u8 = 0xFC;

/// Above this many pairs of positions, containment is given up as not proved.
const CONTAINMENT_LIMIT: usize = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Shape {
    /// `*`
    Everything,
    /// No wildcard.
    Literal,
    /// Literal text and a final `*`.
    Prefix,
    /// Anything else.
    General,
    /// With a `?` that takes a colon between stars that stop at one. No system writes
    /// such patterns, but the intersection of two may be one.
    Mixed,
}

/// A compiled wildcard pattern.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern {
    tokens: Box<[u8]>,
    shape: Shape,
}

impl Pattern {
    /// Compiles `text`, in which every `*` is any text and every `?` any character.
    pub fn glob(text: &str) -> Self {
        let tokens = text.bytes().map(|byte| match byte {
            b'*' => ANY,
            b'?' => ONE,
            other => other,
        });
        Pattern::from_tokens(tokens.collect())
    }

    /// Compiles `text`, in which every `*` is any text and all else is itself.
    pub fn starred(text: &str) -> Self {
        let tokens = text.bytes().map(|byte| match byte {
            b'*' => ANY,
            other => other,
        });
        Pattern::from_tokens(tokens.collect())
    }

    /// A pattern that matches exactly `text`.
    pub fn literal(text: &str) -> Self {
        Pattern::from_tokens(text.as_bytes().to_vec())
    }

    /// Compiles tokens: UTF-8 with [`ANY`], [`ONE`], [`ANY_IN`] and [`ONE_IN`] for
    /// wildcards.
    pub(crate) fn from_tokens(mut tokens: Vec<u8>) -> Self {
        normalise(&mut tokens);
        let wild = |token: &u8| *token >= ONE_IN;
        let shape = match tokens.iter().position(wild) {
            None => Shape::Literal,
            Some(0) if tokens[..] == [ANY] => Shape::Everything,
            Some(at) if at + 1 == tokens.len() && tokens[at] == ANY => Shape::Prefix,
            Some(_) if tokens.contains(&ONE) && tokens.contains(&ANY_IN) => Shape::Mixed,
            Some(_) => Shape::General,
        };
        Pattern {
            tokens: tokens.into(),
            shape,
        }
    }

    /// The compiled form.
    pub(crate) fn tokens(&self) -> &[u8] {
        &self.tokens
    }

    /// The pattern with its ASCII letters in lower case.
    pub fn to_ascii_lowercase(&self) -> Self {
        // No wildcard is a letter.
        Pattern::from_tokens(self.tokens.to_ascii_lowercase())
    }

    /// Whether this is the single `*`.
    pub fn is_everything(&self) -> bool {
        self.shape == Shape::Everything
    }

    /// The only text it matches, where it has no wildcard.
    pub fn as_literal(&self) -> Option<&str> {
        match self.shape {
            // Tokens of a literal are the bytes of a `str`.
            Shape::Literal => std::str::from_utf8(&self.tokens).ok(),
            _ => None,
        }
    }

    /// The bytes before the first wildcard.
    fn literal_prefix(&self) -> &[u8] {
        let end = self.tokens.iter().position(|token| *token >= ONE_IN);
        &self.tokens[..end.unwrap_or(self.tokens.len())]
    }

    /// Whether `text` matches, in at most `text.len() * pattern.len()` steps.
    pub fn matches(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        match self.shape {
            Shape::Everything => true,
            Shape::Literal => *self.tokens == *bytes,
            Shape::Prefix => bytes.starts_with(&self.tokens[..self.tokens.len() - 1]),
            Shape::General => matches_general(&self.tokens, bytes),
            Shape::Mixed => accepts(&self.units(), text.chars().map(Unit::Char)),
        }
    }

    /// Whether every text `other` matches is matched by `self` too. `true` is proved;
    /// `false` may also mean that the proof would take too long.
    pub fn covers(&self, other: &Pattern) -> bool {
        match (self.shape, other.as_literal()) {
            (Shape::Everything, _) => true,
            (_, Some(text)) => self.matches(text),
            (Shape::Literal, None) => false,
            (Shape::Prefix, None) => other
                .literal_prefix()
                .starts_with(&self.tokens[..self.tokens.len() - 1]),
            (Shape::General | Shape::Mixed, None) => {
                // Most pairs are told apart by a sample, or fit element by element.
                if !["", "\u{E000}\u{E000}"]
                    .iter()
                    .all(|fill| self.matches(&other.sample(fill)))
                {
                    return false;
                }
                let (own, its) = (self.units(), other.units());
                accepts(&own, its.iter().copied()) || covers_general(&own, &its)
            }
        }
    }

    /// Whether some text matches both.
    pub fn overlaps(&self, other: &Pattern) -> bool {
        match (self.as_literal(), other.as_literal()) {
            (Some(text), _) => other.matches(text),
            (_, Some(text)) => self.matches(text),
            (None, None) => self.intersection(other).is_some(),
        }
    }

    /// A pattern all of whose texts match both; `None` when no text does. The result
    /// is one of possibly several such patterns, as general as a single walk finds.
    pub fn intersection(&self, other: &Pattern) -> Option<Pattern> {
        let (left, right) = (self.literal_prefix(), other.literal_prefix());
        let common = left.len().min(right.len());
        if left[..common] != right[..common] {
            return None;
        }
        if self.covers(other) {
            return Some(other.clone());
        }
        if other.covers(self) {
            return Some(self.clone());
        }
        let (left, right) = (self.units(), other.units());
        let mut failed = FxHashSet::default();
        let mut found = Vec::new();
        intersect(&left, &right, &mut failed, &mut found).then(|| {
            let mut tokens = Vec::with_capacity(found.len());
            for unit in found {
                unit.push_to(&mut tokens);
            }
            Pattern::from_tokens(tokens)
        })
    }

    /// A text it matches, with `fill` for every `*` and `x` for every `?`. A fill with
    /// a colon is shortened to what stands before it where the wildcard stops there.
    pub fn sample(&self, fill: &str) -> String {
        let inner = fill.split(':').next().unwrap_or_default();
        let mut text = String::with_capacity(self.tokens.len() + fill.len());
        for (literal, wild) in self.pieces() {
            text.push_str(&String::from_utf8_lossy(literal));
            match wild {
                Some(ANY) => text.push_str(fill),
                Some(ANY_IN) => text.push_str(inner),
                Some(_) => text.push('x'),
                None => {}
            }
        }
        text
    }

    /// Literal text, each piece with the wildcard after it.
    fn pieces(&self) -> impl Iterator<Item = (&[u8], Option<u8>)> {
        let chunks = self.tokens.split_inclusive(|token| *token >= ONE_IN);
        chunks.map(|chunk| match chunk.split_last() {
            Some((last, rest)) if *last >= ONE_IN => (rest, Some(*last)),
            _ => (chunk, None),
        })
    }

    fn units(&self) -> Vec<Unit> {
        let mut units = Vec::with_capacity(self.tokens.len());
        for (text, wild) in self.pieces() {
            units.extend(String::from_utf8_lossy(text).chars().map(Unit::Char));
            units.extend(wild.map(|wild| match wild {
                ANY => Unit::Any { cross: true },
                ANY_IN => Unit::Any { cross: false },
                ONE => Unit::One { cross: true },
                _ => Unit::One { cross: false },
            }));
        }
        units
    }
}

impl fmt::Display for Pattern {
    /// The pattern as a policy would write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for unit in self.units() {
            match unit {
                Unit::Char(char @ ('*' | '?')) => write!(f, "${{{char}}}")?,
                Unit::Char(char) => write!(f, "{char}")?,
                Unit::Any { .. } => f.write_str("*")?,
                Unit::One { .. } => f.write_str("?")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({self})")
    }
}

/// Brings runs of wildcards that reach everywhere into one form: all `?`, then at
/// most one `*`.
fn normalise(tokens: &mut Vec<u8>) {
    let mut out = Vec::with_capacity(tokens.len());
    let mut any = false;
    for token in tokens.drain(..) {
        match token {
            ANY => any = true,
            ONE => out.push(ONE),
            other => {
                if std::mem::take(&mut any) {
                    out.push(ANY);
                }
                if other != ANY_IN || out.last() != Some(&ANY_IN) {
                    out.push(other);
                }
            }
        }
    }
    if any {
        out.push(ANY);
    }
    *tokens = out;
}

/// Length of the character that starts at `text[0]`.
fn char_len(text: &[u8]) -> usize {
    let rest = text.iter().skip(1);
    1 + rest.take_while(|byte| **byte & 0xC0 == 0x80).count()
}

/// Greedy matching with one return point per kind of star. A star that stops at
/// colons never needs an earlier one of its kind: what stands between the two takes
/// colons only by naming them, so either both lie in one segment, and whatever the
/// earlier one could still take is within reach of the later, or the earlier one ends
/// before a certain colon and has no choice.
fn matches_general(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut wide: Option<(usize, usize)> = None;
    let mut narrow: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(&ANY) => {
                wide = Some((p + 1, t));
                narrow = None;
                p += 1;
                continue;
            }
            Some(&ANY_IN) => {
                narrow = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(&ONE) if t < text.len() => Some(char_len(&text[t..])),
            Some(&ONE_IN) if t < text.len() && text[t] != b':' => Some(char_len(&text[t..])),
            Some(token) if text.get(t) == Some(token) => Some(1),
            None if t == text.len() => return true,
            _ => None,
        };
        if let Some(width) = step {
            p += 1;
            t += width;
            continue;
        }
        if let Some((after, from)) = narrow {
            if from < text.len() && text[from] != b':' {
                narrow = Some((after, from + 1));
                (p, t) = (after, from + 1);
                continue;
            }
            narrow = None;
        }
        match wide {
            Some((after, from)) if from < text.len() => {
                wide = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

/// Matching by the set of all positions the pattern may be in. The text is a row of
/// elements: characters, or another pattern's wildcards, each of which has to be taken
/// whole.
fn accepts(units: &[Unit], text: impl Iterator<Item = Unit>) -> bool {
    let close = |at: &mut [bool]| {
        for place in 0..units.len() {
            if at[place] && units[place].is_any() {
                at[place + 1] = true;
            }
        }
    };
    let mut at = vec![false; units.len() + 1];
    let mut next = at.clone();
    at[0] = true;
    close(&mut at);
    for letter in text {
        next.fill(false);
        for (place, unit) in units.iter().enumerate() {
            if at[place] && unit.takes_all(letter) {
                next[place + usize::from(!unit.is_any())] = true;
            }
        }
        close(&mut next);
        std::mem::swap(&mut at, &mut next);
    }
    at[units.len()]
}

/// A pattern's element, for reasoning about two patterns at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Char(char),
    One { cross: bool },
    Any { cross: bool },
}

impl Unit {
    fn takes(self, char: char) -> bool {
        match self {
            Unit::Char(own) => own == char,
            Unit::One { cross } | Unit::Any { cross } => cross || char != ':',
        }
    }

    /// Whether it takes all that `other` does, a star only by a star.
    fn takes_all(self, other: Unit) -> bool {
        match other {
            Unit::Char(char) => self.takes(char),
            Unit::One { cross } => match self {
                Unit::Char(_) => false,
                Unit::One { cross: own } | Unit::Any { cross: own } => own || !cross,
            },
            Unit::Any { cross } => match self {
                Unit::Any { cross: own } => own || !cross,
                _ => false,
            },
        }
    }

    fn is_any(self) -> bool {
        matches!(self, Unit::Any { .. })
    }

    /// What single characters both take.
    fn meet(self, other: Unit) -> Option<Unit> {
        let crosses = |unit| match unit {
            Unit::Char(char) => char == ':',
            Unit::One { cross } | Unit::Any { cross } => cross,
        };
        match (self, other) {
            (Unit::Char(char), wild) | (wild, Unit::Char(char)) => {
                wild.takes(char).then_some(Unit::Char(char))
            }
            _ => Some(Unit::One {
                cross: crosses(self) && crosses(other),
            }),
        }
    }

    fn push_to(self, tokens: &mut Vec<u8>) {
        match self {
            Unit::Char(char) => {
                tokens.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Unit::One { cross } => tokens.push(if cross { ONE } else { ONE_IN }),
            Unit::Any { cross } => tokens.push(if cross { ANY } else { ANY_IN }),
        }
    }
}

/// Walks both patterns at once from every pair of positions at most once.
fn intersect(
    left: &[Unit],
    right: &[Unit],
    failed: &mut FxHashSet<(usize, usize)>,
    found: &mut Vec<Unit>,
) -> bool {
    // Depth-first with an explicit stack of (positions, next move to try, output
    // length), because patterns may be long.
    let mut stack = vec![(0, 0, 0u8, 0)];
    while let Some((l, r, tried, emitted)) = stack.pop() {
        found.truncate(emitted);
        if tried == 0 {
            if l == left.len() && r == right.len() {
                return true;
            }
            if !failed.insert((l, r)) {
                continue;
            }
        }
        let (a, b) = (left.get(l).copied(), right.get(r).copied());
        let next = match tried {
            // Both take one element: stars take a text of any length together.
            0 => match (a, b) {
                (Some(a), Some(b)) if a.is_any() && b.is_any() => {
                    let cross = a == b && a == Unit::Any { cross: true };
                    found.push(Unit::Any { cross });
                    Some((l + 1, r))
                }
                (Some(a), Some(b)) => a.meet(b).map(|unit| {
                    found.push(unit);
                    (l + usize::from(!a.is_any()), r + usize::from(!b.is_any()))
                }),
                _ => None,
            },
            // Two stars met, and the right one ends.
            1 => match (a, b) {
                (Some(a), Some(b)) if a.is_any() && b.is_any() => {
                    let cross = a == b && a == Unit::Any { cross: true };
                    found.push(Unit::Any { cross });
                    Some((l, r + 1))
                }
                _ => None,
            },
            // A star ends without taking more.
            2 => a.is_some_and(Unit::is_any).then_some((l + 1, r)),
            3 => b.is_some_and(Unit::is_any).then_some((l, r + 1)),
            _ => continue,
        };
        stack.push((l, r, tried + 1, emitted));
        if let Some((l, r)) = next {
            stack.push((l, r, 0, found.len()));
        }
    }
    false
}

/// Whether `outer` takes every text `inner` takes: walks `inner` as an automaton next
/// to the set of positions `outer` may be in.
fn covers_general(outer: &[Unit], inner: &[Unit]) -> bool {
    let mut alphabet: Vec<char> = outer
        .iter()
        .chain(inner)
        .filter_map(|unit| match unit {
            Unit::Char(char) => Some(*char),
            _ => None,
        })
        .chain([':'])
        .collect();
    alphabet.sort_unstable();
    alphabet.dedup();
    // One character that stands for all the patterns do not mention.
    let other = ('\u{E000}'..).find(|char| alphabet.binary_search(char).is_err());
    alphabet.extend(other);

    let close = |set: &mut Vec<usize>| {
        let mut at = 0;
        while let Some(&place) = set.get(at) {
            if outer.get(place).is_some_and(|unit| unit.is_any()) && !set.contains(&(place + 1)) {
                set.push(place + 1);
            }
            at += 1;
        }
        set.sort_unstable();
        set.dedup();
    };
    let mut start = vec![0];
    close(&mut start);
    let mut seen = FxHashSet::default();
    let mut open = vec![(0, start)];
    while let Some((place, set)) = open.pop() {
        if seen.len() > CONTAINMENT_LIMIT {
            return false;
        }
        if !seen.insert((place, set.clone())) {
            continue;
        }
        let Some(unit) = inner.get(place).copied() else {
            if set.last() != Some(&outer.len()) {
                return false;
            }
            continue;
        };
        if unit.is_any() {
            open.push((place + 1, set.clone()));
        }
        for &char in alphabet.iter().filter(|char| unit.takes(**char)) {
            let mut next: Vec<usize> = set
                .iter()
                .filter_map(|&at| {
                    let unit = outer.get(at)?;
                    unit.takes(char).then(|| at + usize::from(!unit.is_any()))
                })
                .collect();
            close(&mut next);
            open.push((place + usize::from(!unit.is_any()), next));
        }
    }
    true
}

#[cfg(test)]
mod tests;
