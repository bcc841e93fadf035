//! Documents made from declarations, and where each part of them was declared.
//!
//! A declaration is turned into the documents the system itself would answer, and
//! those go the way of all documents. So that findings stand where people wrote
//! something, a made document remembers for each of its parts where it comes from.

use std::borrow::Cow;
use std::fmt::Write as _;

use rustc_hash::FxHashMap;

use super::super::kubernetes::document::{Data, Node, Source};
use crate::model::{Evidence, Inventory, Location, Sym};

/// A value of a made document.
#[derive(Clone, Debug)]
pub(super) struct Made {
    value: Value,
    /// Where it was declared.
    at: Option<Location>,
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    /// A number, a truth value or nothing, as JSON.
    Word(String),
    List(Vec<Made>),
    Map(Vec<(String, Made)>),
}

impl Made {
    pub fn text(text: impl Into<String>) -> Self {
        Value::Text(text.into()).into()
    }

    pub fn word(word: impl Into<String>) -> Self {
        Value::Word(word.into()).into()
    }

    pub fn list(items: impl IntoIterator<Item = Made>) -> Self {
        Value::List(items.into_iter().collect()).into()
    }

    pub fn texts(items: impl IntoIterator<Item = String>) -> Self {
        Made::list(items.into_iter().map(Made::text))
    }

    pub fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Made)>) -> Self {
        let pairs = pairs.into_iter().map(|(key, value)| (key.into(), value));
        Value::Map(pairs.collect()).into()
    }

    #[must_use]
    pub fn at(mut self, at: Option<Location>) -> Self {
        self.at = at.or(self.at);
        self
    }

    /// Copies a value of a file; `source` is the file, where its places count.
    pub fn of(node: &Node<'_>, source: Option<&Source<'_>>) -> Self {
        let value = match &node.data {
            Data::Scalar(text) if node.plain && is_word(text) => Value::Word(text.to_string()),
            Data::Scalar(_) if node.is_null() => Value::Word("null".to_owned()),
            Data::Scalar(text) => Value::Text(text.to_string()),
            Data::List(items) => {
                Value::List(items.iter().map(|item| Made::of(item, source)).collect())
            }
            Data::Map(pairs) => {
                let pairs = pairs.iter();
                Value::Map(
                    pairs
                        .map(|(key, value)| (key.to_string(), Made::of(value, source)))
                        .collect(),
                )
            }
        };
        Made {
            value,
            at: source.map(|source| source.locate(node)),
        }
    }
}

impl From<Value> for Made {
    fn from(value: Value) -> Self {
        Made { value, at: None }
    }
}

/// Whether plain text is a JSON word. Numbers stay what they are; what JSON would
/// write otherwise (`0x10`, `yes`) is text.
fn is_word(text: &str) -> bool {
    matches!(text, "true" | "false" | "null")
        || (text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && serde_json::from_str::<serde_json::Number>(text).is_ok())
}

/// Where the parts of made documents were declared, by document.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// First column, column after the last, and the place; in writing order, so that
    /// what holds others comes before them.
    written: FxHashMap<Sym, Vec<(u32, u32, Location)>>,
    /// Documents of one place.
    whole: FxHashMap<Sym, Location>,
}

impl Places {
    /// Writes a document on one line and remembers its parts under `file`.
    pub fn write(&mut self, file: Sym, made: &Made) -> String {
        let mut writer = Writer::default();
        writer.write(made);
        self.written.insert(file, writer.places);
        writer.text
    }

    /// Says that all of a document was declared at one place.
    pub fn whole(&mut self, file: Sym, place: Location) {
        self.whole.insert(file, place);
    }

    /// Where something in a made document was declared; other places stay.
    fn of(&self, place: Location) -> Option<Location> {
        if let Some(whole) = self.whole.get(&place.file) {
            return Some(*whole);
        }
        let Some(written) = self.written.get(&place.file) else {
            return Some(place);
        };
        let after = written.partition_point(|(start, ..)| *start <= place.column);
        let around = written[..after].iter().rev();
        around
            .into_iter()
            .find(|(_, end, _)| *end > place.column)
            .map(|(.., declared)| *declared)
    }

    /// Puts all facts where they were declared.
    pub fn apply(&self, inventory: &mut Inventory) {
        let put = |place: &mut Option<Location>| *place = place.and_then(|place| self.of(place));
        let shown = |evidence: &mut Vec<Evidence>| {
            for one in evidence {
                one.location = one.location.and_then(|place| self.of(place));
            }
        };
        for fact in &mut inventory.tenants {
            put(&mut fact.location);
        }
        for fact in &mut inventory.identities {
            put(&mut fact.location);
        }
        for fact in &mut inventory.entitlements {
            put(&mut fact.location);
        }
        for fact in &mut inventory.credentials {
            put(&mut fact.location);
        }
        for fact in &mut inventory.trusts {
            put(&mut fact.location);
        }
        for fact in &mut inventory.paths {
            put(&mut fact.location);
            for step in &mut fact.steps {
                shown(&mut step.evidence);
            }
        }
    }
}

#[derive(Default)]
struct Writer {
    text: String,
    /// Characters written.
    column: u32,
    places: Vec<(u32, u32, Location)>,
}

impl Writer {
    fn put(&mut self, text: &str) {
        let count = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        self.column = self.column.saturating_add(count);
        self.text.push_str(text);
    }

    fn write(&mut self, made: &Made) {
        let opened = made.at.map(|at| {
            self.places.push((self.column + 1, u32::MAX, at));
            self.places.len() - 1
        });
        match &made.value {
            Value::Text(text) => self.put(&quoted(text)),
            Value::Word(word) => self.put(word),
            Value::List(items) => {
                self.put("[");
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.put(",");
                    }
                    self.write(item);
                }
                self.put("]");
            }
            Value::Map(pairs) => {
                self.put("{");
                for (at, (key, value)) in pairs.iter().enumerate() {
                    if at > 0 {
                        self.put(",");
                    }
                    self.put(&quoted(key));
                    self.put(":");
                    self.write(value);
                }
                self.put("}");
            }
        }
        if let Some(at) = opened {
            self.places[at].1 = self.column + 1;
        }
    }
}

/// A JSON string. Line ends are escaped, so a document stays on one line.
pub(super) fn quoted(text: &str) -> Cow<'static, str> {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if (c as u32) < 0x20 => {
                // Writing to a `String` cannot fail.
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_declaration_counts() {
        let at = |line| {
            let mut place = Location::start_of(Sym::new("main.tf"));
            place.line = line;
            Some(place)
        };
        let made = Made::map([
            ("a", Made::text("é\n").at(at(2))),
            ("b", Made::list([Made::word("1").at(at(4))]).at(at(3))),
            ("c", Made::word("true")),
        ])
        .at(at(1));
        let mut places = Places::default();
        let file = Sym::new("made");
        let text = places.write(file, &made);
        assert_eq!(text, "{\"a\":\"é\\n\",\"b\":[1],\"c\":true}");
        let line = |part: &str| {
            let column = text[..text.find(part).unwrap()].chars().count() as u32 + 1;
            let place = Location {
                file,
                line: 1,
                column,
                end_line: 1,
                end_column: column + 1,
            };
            places.of(place).map(|place| place.line)
        };
        assert_eq!(line("é"), Some(2));
        assert_eq!(line("[1]"), Some(3));
        assert_eq!(line("1]"), Some(4));
        assert_eq!(line("true"), Some(1));
        let other = Location::start_of(Sym::new("other"));
        assert_eq!(places.of(other), Some(other));
    }
}
