//! YAML as a tree in which every value knows its place.
//!
//! Rule files are read into this tree first and decoded from it by hand: so all
//! problems of a file are reported together, each at its place, and the facts of
//! inline tests can be read by the schema instead of by a fixed type.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::diagnostic::{Problem, Source};

/// Largest rule file read.
pub(super) const MAX_FILE: usize = 256 * 1024;

/// A YAML value and the bytes it was written with.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub kind: Yaml,
    pub at: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Yaml {
    Null,
    Bool(bool),
    Int(i64),
    /// Any other scalar: a text, or a number the facts have no use for.
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and its place.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub name: String,
    pub at: Range<usize>,
}

impl Yaml {
    /// How the value is called in messages.
    pub fn describe(&self) -> &'static str {
        match self {
            Yaml::Null => "nothing",
            Yaml::Bool(_) => "true or false",
            Yaml::Int(_) => "a number",
            Yaml::Text(_) => "a text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a mapping",
        }
    }
}

impl Node {
    /// The elements, or the value itself as the only one.
    pub fn elements(&self) -> &[Node] {
        match &self.kind {
            Yaml::List(list) => list,
            _ => std::slice::from_ref(self),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            Yaml::Map(map) => map
                .iter()
                .find(|(key, _)| key.name == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Reads a YAML document.
pub(super) fn read(source: &Source) -> Result<Node, Problem> {
    if source.text.len() > MAX_FILE {
        let message = format!("the file is larger than {} KiB", MAX_FILE / 1024);
        return Err(source.problem(0..1, message, "too large"));
    }
    match serde_saphyr::from_str::<Spanned<Plain>>(&source.text) {
        Ok(node) => Ok(build(node)),
        Err(error) => Err(syntax(source, &error)),
    }
}

fn syntax(source: &Source, error: &serde_saphyr::Error) -> Problem {
    let bytes = error
        .location()
        .map_or(0, |at| source.offset(at.line(), at.column()));
    // The library's own rendering repeats the place and the excerpt below it.
    let text = error.without_snippet().to_string();
    let message = text.lines().next().unwrap_or_default();
    source.problem(bytes..bytes + 1, message, "not valid YAML")
}

/// What serde hands over, before places are turned into byte ranges.
enum Plain {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Spanned<Plain>>),
    Map(Vec<(Spanned<String>, Spanned<Plain>)>),
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Plain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a YAML value")
            }

            fn visit_unit<E>(self) -> Result<Plain, E> {
                Ok(Plain::Null)
            }

            fn visit_none<E>(self) -> Result<Plain, E> {
                Ok(Plain::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Plain, E> {
                Ok(Plain::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Plain, E> {
                Ok(Plain::Int(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Plain, E> {
                Ok(
                    i64::try_from(value)
                        .map_or_else(|_| Plain::Text(value.to_string()), Plain::Int),
                )
            }

            fn visit_f64<E>(self, value: f64) -> Result<Plain, E> {
                Ok(Plain::Text(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Plain, E> {
                Ok(Plain::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Plain, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = from.next_element()? {
                    list.push(item);
                }
                Ok(Plain::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Plain, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = from.next_entry()? {
                    map.push(entry);
                }
                Ok(Plain::Map(map))
            }
        }

        from.deserialize_any(Any)
    }
}

fn range<T>(spanned: &Spanned<T>) -> Range<usize> {
    let span = spanned.defined.span();
    let start = span.byte_offset().unwrap_or_default() as usize;
    start..start + span.byte_len().unwrap_or(1) as usize
}

fn build(from: Spanned<Plain>) -> Node {
    let at = range(&from);
    let kind = match from.value {
        Plain::Null => Yaml::Null,
        Plain::Bool(value) => Yaml::Bool(value),
        Plain::Int(value) => Yaml::Int(value),
        Plain::Text(value) => Yaml::Text(value),
        Plain::List(list) => Yaml::List(list.into_iter().map(build).collect()),
        Plain::Map(map) => Yaml::Map(
            map.into_iter()
                .map(|(key, value)| {
                    let at = range(&key);
                    let name = key.value;
                    (Key { name, at }, build(value))
                })
                .collect(),
        ),
    };
    Node { kind, at }
}

/// Maps a byte range within the value of a text to the file it was written in.
///
/// Between the two stand quotes, escapes, the header of a block and its indentation.
/// The value's visible characters stand in the file in the same order, so the file
/// is walked along with the value, skipping what the value does not have.
pub(super) fn within(
    source: &Source,
    node: &Node,
    value: &str,
    part: Range<usize>,
) -> Range<usize> {
    let end = node.at.end.min(source.text.len());
    let Some(written) = source.text.get(node.at.start..end) else {
        return node.at.clone();
    };
    let body = match written.chars().next() {
        Some('|' | '>') => written.find('\n').unwrap_or(0),
        Some('"' | '\'') => 1,
        _ => 0,
    };
    let mut file = written[body..].char_indices().map(|(at, c)| (at + body, c));
    let place = |at: usize| node.at.start + at;
    let mut start = None;
    let mut last = place(body);
    for (at, c) in value.char_indices() {
        if at >= part.end && start.is_some() {
            break;
        }
        if c.is_whitespace() {
            continue;
        }
        let Some((here, _)) = file.find(|&(_, written)| written == c) else {
            break;
        };
        if at >= part.start && start.is_none() {
            start = Some(place(here));
        }
        last = place(here) + c.len_utf8();
    }
    match start {
        Some(start) => start..last.max(start + 1),
        None => last..last + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, word: &str) -> Vec<String> {
        let source = Source::new("r.yaml", text);
        let root = read(&source).unwrap();
        let mut out = Vec::new();
        visit(&root, &mut |node| {
            if let Yaml::Text(value) = &node.kind
                && let Some(at) = value.find(word)
            {
                let found = within(&source, node, value, at..at + word.len());
                let problem = source.problem(found, "", "");
                out.push(format!(
                    "{}:{} {}",
                    problem.line,
                    problem.column,
                    problem.underlined()
                ));
            }
        });
        out
    }

    fn visit(node: &Node, see: &mut impl FnMut(&Node)) {
        see(node);
        match &node.kind {
            Yaml::List(list) => list.iter().for_each(|node| visit(node, see)),
            Yaml::Map(map) => map.iter().for_each(|(_, node)| visit(node, see)),
            _ => {}
        }
    }

    #[test]
    fn parts_of_texts_are_found_in_the_file_in_every_style() {
        let text = r#"
plain: one two here done
single: 'it''s one here'
double: "é \"q\" here"
literal: |
  one
    here two
folded: >-
  one

  two
  here
multi: one
  two here
flow: {a: [x here, y]}
"#;
        assert_eq!(
            shown(text, "here"),
            [
                "2:16 here",
                "3:20 here",
                "4:18 here",
                "7:5 here",
                "12:3 here",
                "14:7 here",
                "15:14 here"
            ]
        );
    }

    #[test]
    fn scalars_keep_their_kind() {
        let source = Source::new(
            "r.yaml",
            "on: true\nn: 12\nt: 2026-01-01T00:00:00Z\ne:\nv: 1.10\n",
        );
        let root = read(&source).unwrap();
        let kind = |name: &str| root.get(name).map(|node| node.kind.describe());
        assert_eq!(kind("on"), Some("true or false"));
        assert_eq!(kind("n"), Some("a number"));
        assert_eq!(kind("t"), Some("a text"));
        assert_eq!(kind("e"), Some("nothing"));
        assert_eq!(kind("v"), Some("a text"));
    }

    #[test]
    fn broken_yaml_is_one_problem_at_its_place() {
        let problem = read(&Source::new("r.yaml", "a: 1\nb: [1, 2\nc: 3\n")).unwrap_err();
        assert!(problem.line >= 2, "{problem}");
        let long = "a".repeat(MAX_FILE + 1);
        assert!(read(&Source::new("r.yaml", long)).is_err());
        assert!(read(&Source::new("r.yaml", "[".repeat(50_000))).is_err());
    }
}
