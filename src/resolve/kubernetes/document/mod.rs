//! Documents as trees whose every node knows where it stands.
//!
//! Kubernetes objects come as JSON or YAML. Both become the same [`Node`], so that
//! everything after it neither knows nor cares, and a finding can point at the line
//! of the very rule or subject that causes it. Scalars stay text: a label `"true"`
//! and a flag `true` differ only in [`Node::plain`].

mod json;
mod yaml;

use std::borrow::Cow;

use crate::model::{LineIndex, Location, Sym};

/// Deeper documents are refused. The API server's own limit is of the same order.
const MAX_DEPTH: usize = 128;
/// Most nodes of one file that may come from aliases (a "billion laughs" ends here).
const MAX_COPIES: usize = 1_000_000;

/// What a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Data<'a> {
    /// Text, a number, a truth value or nothing.
    Scalar(Cow<'a, str>),
    /// A list.
    List(Vec<Node<'a>>),
    /// Keys and values in their order.
    Map(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// A value and the bytes it stands at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node<'a> {
    pub data: Data<'a>,
    /// Whether a scalar was written without quotes.
    pub plain: bool,
    /// Byte offsets in the file.
    pub start: usize,
    pub end: usize,
}

/// Why a document could not be read, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub at: usize,
    pub message: String,
}

impl<'a> Node<'a> {
    /// The value of `key` in a map; of a key given twice, the last, as Go decodes it.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        match &self.data {
            Data::Map(pairs) => pairs
                .iter()
                .rev()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value)
                .filter(|value| !value.is_null()),
            _ => None,
        }
    }

    /// The value at the end of `path`.
    pub fn at(&self, path: &[&str]) -> Option<&Node<'a>> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Whether this is nothing at all.
    pub fn is_null(&self) -> bool {
        self.plain
            && matches!(&self.data, Data::Scalar(text) if matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// A scalar's text.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar(text) if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// The text of `key`.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text)
    }

    /// The text of `key`, interned; empty if there is none.
    pub fn sym_of(&self, key: &str) -> Sym {
        Sym::new(self.text_of(key).unwrap_or_default())
    }

    /// A truth value. YAML 1.1's spellings count, as they do for the API machinery.
    pub fn bool(&self) -> Option<bool> {
        match &self.data {
            Data::Scalar(text) if self.plain => match text.as_ref() {
                "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
                "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
                    Some(false)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The truth value of `key`.
    pub fn bool_of(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(Node::bool)
    }

    /// The number of `key`.
    pub fn int_of(&self, key: &str) -> Option<i64> {
        self.text_of(key)?.parse().ok()
    }

    /// The members of a list; none if it is no list.
    pub fn items(&self) -> &[Node<'a>] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// The members of the list at `key`.
    pub fn items_of(&self, key: &str) -> &[Node<'a>] {
        self.get(key).map_or(&[], Node::items)
    }

    /// The texts of the list at `key`, interned, in their order.
    pub fn syms_of(&self, key: &str) -> Box<[Sym]> {
        self.items_of(key)
            .iter()
            .filter_map(|item| item.text().map(Sym::new))
            .collect()
    }

    /// The pairs of a map; none if it is no map.
    pub fn pairs(&self) -> &[(Cow<'a, str>, Node<'a>)] {
        match &self.data {
            Data::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// The pairs of the map at `key`.
    pub fn pairs_of(&self, key: &str) -> &[(Cow<'a, str>, Node<'a>)] {
        self.get(key).map_or(&[], Node::pairs)
    }

    /// Keys and texts of the map at `key`, interned: labels and annotations.
    pub fn texts_of(&self, key: &str) -> Vec<(Sym, Sym)> {
        self.pairs_of(key)
            .iter()
            .filter_map(|(name, value)| Some((Sym::new(name), Sym::new(value.text()?))))
            .collect()
    }
}

/// A file with its line index.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    /// The file as the user named it.
    pub file: Sym,
    text: &'a str,
    lines: LineIndex,
}

impl<'a> Source<'a> {
    /// Indexes the lines of `text`.
    pub fn new(file: Sym, text: &'a str) -> Self {
        Source {
            file,
            text,
            lines: LineIndex::new(text.as_bytes()),
        }
    }

    /// Where a node stands.
    pub fn locate(&self, node: &Node<'_>) -> Location {
        self.range(node.start, node.end)
    }

    /// Where a syntax error stands.
    pub fn locate_error(&self, error: &SyntaxError) -> Location {
        self.range(error.at, error.at + 1)
    }

    fn range(&self, start: usize, end: usize) -> Location {
        self.lines
            .locate(self.file, self.text.as_bytes(), start..end)
    }
}

/// Every document of a file, and what could not be read.
///
/// JSON is told from YAML by its first character; what starts like JSON and is
/// none may still be a YAML flow mapping. A broken YAML document does not hide the
/// others of its file.
pub(crate) fn parse(text: &str) -> (Vec<Node<'_>>, Vec<SyntaxError>) {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let skipped = text.len() - body.len();
    let first = body.trim_start().as_bytes().first();
    if matches!(first, Some(b'{' | b'[')) {
        match json::parse(text, skipped) {
            Ok(documents) => return (documents, Vec::new()),
            Err(error) => {
                let (documents, errors) = yaml::parse(text);
                return match errors.is_empty() {
                    true => (documents, errors),
                    false => (documents, vec![error]),
                };
            }
        }
    }
    yaml::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node<'_> {
        let (mut documents, errors) = parse(text);
        assert_eq!(errors, []);
        assert_eq!(documents.len(), 1);
        documents.remove(0)
    }

    fn place(text: &str, path: &[&str]) -> (u32, u32) {
        let node = one(text);
        let found = node.at(path).unwrap();
        let at = Source::new("f".into(), text).locate(found);
        (at.line, at.column)
    }

    #[test]
    fn json_and_yaml_give_the_same_tree() {
        let json = one(
            r#"{"kind":"Role","rules":[{"verbs":["get","*"]}],"n":3,"b":true,"z":null,"e":"aé\n"}"#,
        );
        let yaml =
            one("kind: Role\nrules:\n- verbs: [get, '*']\nn: 3\nb: true\nz: ~\ne: \"aé\\n\"\n");
        assert_eq!(json.text_of("kind"), yaml.text_of("kind"));
        assert_eq!(
            json.items_of("rules")[0].syms_of("verbs"),
            yaml.items_of("rules")[0].syms_of("verbs")
        );
        for node in [&json, &yaml] {
            assert_eq!(node.int_of("n"), Some(3));
            assert_eq!(node.bool_of("b"), Some(true));
            assert_eq!(node.get("z"), None);
            assert_eq!(node.text_of("e"), Some("aé\n"));
        }
    }

    #[test]
    fn every_node_knows_its_place() {
        assert_eq!(place("{\"a\": {\n  \"b\": 1}}", &["a", "b"]), (2, 8));
        assert_eq!(place("a:\n  b: 1\n", &["a", "b"]), (2, 6));
        assert_eq!(
            place("# é comment\na: {é: 0, b: [1]}\n", &["a", "b"]),
            (2, 14)
        );
        assert_eq!(place("\u{feff}a: 1\n", &["a"]).0, 1);
    }

    #[test]
    fn a_broken_document_does_not_hide_its_neighbours() {
        let (documents, errors) = parse("a: 1\n---\nb: [1\nc: 2\n---\nd: 3\n");
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[1].text_of("d"), Some("3"));
        assert_eq!(errors.len(), 1);
        let text = "a: 1\n---\nb: [1\nc: 2\n---\nd: 3\n";
        let at = Source::new("f".into(), text).locate_error(&errors[0]);
        assert!((3..=4).contains(&at.line), "{at:?}");
    }

    #[test]
    fn broken_json_names_its_place() {
        let text = "{\"a\": 1,\n \"b\" 2}";
        let (_, errors) = parse(text);
        let at = Source::new("f".into(), text).locate_error(&errors[0]);
        assert_eq!((at.line, at.column), (2, 6));
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        let node = one("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\nz: *x\n");
        assert_eq!(node.at(&["y", "a"]).and_then(Node::text), Some("1"));
        assert_eq!(node.at(&["y", "b"]).and_then(Node::text), Some("3"));
        assert_eq!(node.at(&["z", "b"]).and_then(Node::text), Some("2"));
    }

    #[test]
    fn depth_and_size_are_limited() {
        let deep = "[".repeat(100_000);
        assert!(!parse(&deep).1.is_empty());
        let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in 1..12 {
            let below = vec![format!("*a{}", i - 1); 10].join(",");
            laughs.push_str(&format!("a{i}: &a{i} [{below}]\n"));
        }
        assert!(!parse(&laughs).1.is_empty());
    }

    #[test]
    fn several_json_values_are_several_documents() {
        let (documents, errors) = parse("{\"a\":1}\n{\"a\":2}\n");
        assert_eq!((documents.len(), errors.len()), (2, 0));
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics(text in "[\\[\\]{}:,\"'\\\\a-c0-9 \n#&*|>%@é-]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn json_agrees_with_serde(text in "[\\[\\]{}:,\"\\\\au0-9. e+-]{0,30}") {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            let ours = json::parse(&text, 0);
            if theirs.is_ok() {
                proptest::prop_assert!(ours.is_ok(), "{text}: {ours:?}");
            }
        }
    }
}
