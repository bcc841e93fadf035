//! YAML with positions, from the parser's events.

use std::borrow::Cow;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Tag};
use rustc_hash::FxHashMap;

use super::{Data, MAX_COPIES, MAX_DEPTH, Node, SyntaxError};

/// A collection being read: the node, and the key waiting for its value in a map.
struct Open<'a> {
    node: Node<'a>,
    anchor: usize,
    /// The function a local tag stands for.
    function: Option<String>,
    key: Option<Cow<'a, str>>,
}

/// Reads all documents of `text`. A broken one is reported and passed over.
pub(super) fn parse(text: &str) -> (Vec<Node<'_>>, Vec<SyntaxError>) {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut documents = Vec::new();
    let mut errors = Vec::new();
    let mut tree = Tree::default();
    loop {
        match parser.next_event() {
            None => break,
            Some(Ok((Event::StreamEnd, _))) => break,
            Some(Ok((event, span))) => {
                let start = span
                    .start
                    .byte_offset()
                    .unwrap_or_else(|| span.start.index());
                let end = span.end.byte_offset().unwrap_or_else(|| span.end.index());
                match tree.take(event, start, end) {
                    Ok(Some(document)) => documents.push(document),
                    Ok(None) => {}
                    Err(message) => {
                        errors.push(SyntaxError { at: start, message });
                        tree = Tree::after(&tree);
                        if !matches!(parser.proceed_next_document(), Ok(true)) {
                            break;
                        }
                    }
                }
            }
            Some(Err(error)) => {
                errors.push(located(&error));
                tree = Tree::after(&tree);
                if !matches!(parser.proceed_next_document(), Ok(true)) {
                    break;
                }
            }
        }
        // Each error consumes input, so this ends; the bound is for a parser's bug.
        if errors.len() > 1_000 {
            break;
        }
    }
    (documents, errors)
}

fn located(error: &ScanError) -> SyntaxError {
    let marker = error.marker();
    SyntaxError {
        at: marker.byte_offset().unwrap_or_else(|| marker.index()),
        message: error.info(),
    }
}

#[derive(Default)]
struct Tree<'a> {
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
    anchors: FxHashMap<usize, Node<'a>>,
    copies: usize,
}

impl<'a> Tree<'a> {
    /// An empty tree that still counts what was copied before.
    fn after(old: &Tree<'_>) -> Self {
        Tree {
            copies: old.copies,
            ..Tree::default()
        }
    }

    /// Takes one event; gives the document when it is complete.
    fn take(
        &mut self,
        event: Event<'a>,
        start: usize,
        end: usize,
    ) -> Result<Option<Node<'a>>, String> {
        let node = |data, plain| Node {
            data,
            plain,
            start,
            end,
        };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = matches!(style, ScalarStyle::Plain);
                let scalar = node(Data::Scalar(text), plain);
                self.close(called(scalar, function(tag.as_deref())), anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                let function = function(tag.as_deref());
                self.descend(node(Data::List(Vec::new()), false), anchor, function)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                let function = function(tag.as_deref());
                self.descend(node(Data::Map(Vec::new()), false), anchor, function)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(mut done) = self.open.pop() {
                    done.node.end = done.node.end.max(end);
                    if let Data::Map(pairs) = &mut done.node.data {
                        merge(pairs);
                    }
                    self.close(called(done.node, done.function), done.anchor)?;
                }
            }
            Event::Alias(anchor) => {
                let original = self
                    .anchors
                    .get(&anchor)
                    .ok_or("an alias refers to itself or to nothing")?;
                self.copies = self.copies.saturating_add(count(original));
                if self.copies > MAX_COPIES {
                    return Err("too large, aliases expanded, to be a Kubernetes object".to_owned());
                }
                let mut copy = original.clone();
                copy.start = start;
                copy.end = end;
                self.close(copy, 0)?;
            }
            Event::DocumentEnd => {
                self.anchors.clear();
                return Ok(self.root.take().filter(|root| !root.is_null()));
            }
            _ => {}
        }
        Ok(None)
    }

    fn descend(
        &mut self,
        node: Node<'a>,
        anchor: usize,
        function: Option<String>,
    ) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err("nested too deeply to be a Kubernetes object".to_owned());
        }
        self.open.push(Open {
            node,
            anchor,
            function,
            key: None,
        });
        Ok(())
    }

    /// Puts a complete node where it belongs.
    fn close(&mut self, node: Node<'a>, anchor: usize) -> Result<(), String> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.node.data {
            Data::List(items) => items.push(node),
            Data::Map(pairs) => match parent.key.take() {
                Some(key) => pairs.push((key, node)),
                None => {
                    parent.key = Some(match node.data {
                        Data::Scalar(text) => text,
                        // No Kubernetes object has such a key; it is kept as one nobody asks for.
                        Data::List(_) | Data::Map(_) => Cow::Borrowed("?"),
                    });
                }
            },
            Data::Scalar(_) => {}
        }
        Ok(())
    }
}

/// The long form of a CloudFormation function written as a local tag (CloudFormation
/// User Guide, "Intrinsic function reference"): `!Sub` is `Fn::Sub`.
fn function(tag: Option<&Tag>) -> Option<String> {
    const NAMED: &[&str] = &[
        "And",
        "Base64",
        "Cidr",
        "Equals",
        "FindInMap",
        "ForEach",
        "GetAZs",
        "GetAtt",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
    ];
    let tag = tag.filter(|tag| tag.handle() == "!")?;
    match tag.suffix() {
        name @ ("Ref" | "Condition") => Some(name.to_owned()),
        name if NAMED.contains(&name) => Some(format!("Fn::{name}")),
        _ => None,
    }
}

/// A value, or the call of a function on it.
fn called<'a>(node: Node<'a>, function: Option<String>) -> Node<'a> {
    let Some(function) = function else {
        return node;
    };
    Node {
        plain: false,
        start: node.start,
        end: node.end,
        data: Data::Map(vec![(Cow::Owned(function), node)]),
    }
}

fn count(node: &Node<'_>) -> usize {
    match &node.data {
        Data::Scalar(_) => 1,
        Data::List(items) => items.iter().map(count).sum::<usize>() + 1,
        Data::Map(pairs) => pairs.iter().map(|(_, value)| count(value)).sum::<usize>() + 1,
    }
}

/// Resolves `<<` (YAML 1.1 merge keys, which the API machinery still honours): keys
/// of the map itself win over merged ones, earlier merged maps over later ones.
fn merge<'a>(pairs: &mut Vec<(Cow<'a, str>, Node<'a>)>) {
    while let Some(at) = pairs.iter().position(|(key, _)| key == "<<") {
        let (_, merged) = pairs.remove(at);
        let maps = match merged.data {
            Data::Map(map) => vec![map],
            Data::List(items) => items
                .into_iter()
                .filter_map(|item| match item.data {
                    Data::Map(map) => Some(map),
                    _ => None,
                })
                .collect(),
            Data::Scalar(_) => Vec::new(),
        };
        for (key, value) in maps.into_iter().flatten() {
            if !pairs.iter().any(|(known, _)| *known == key) {
                pairs.push((key, value));
            }
        }
    }
}
