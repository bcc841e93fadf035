//! HCL 1, the language Vault policies are written in, with byte spans.
//!
//! Vault and OpenBao read policies with `hashicorp/hcl` v1. HCL 2 parsers refuse
//! part of what v1 accepts (an opening brace on the line after the label, an object
//! assigned to a block name, a literal `${` in a label), so the language is read
//! here as v1 reads it: token classes and the grammar follow the behaviour of
//! `hcl/scanner` and `hcl/parser` v1.0, and a document whose first character is `{`
//! is JSON, folded into the same tree the way `json/parser` folds it.
//!
//! Not taken over: v1 lets a value-less key pass when a second closing brace
//! follows (`{ a = } }`); here that is an error.

mod json;
mod lex;
mod parse;

use std::ops::Range;

pub use parse::parse;

/// Larger documents are not read; a server refuses requests of that size.
const MAX_SIZE: usize = 32 << 20;
/// Deeper nesting is not read; policies use four levels.
const MAX_DEPTH: usize = 64;

/// One entry of an object: `key`, `key "label"` or `key = `, and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The key and its labels, at least one.
    pub keys: Vec<Key>,
    /// What it is set to.
    pub value: Value,
}

impl Item {
    /// The first key.
    pub fn name(&self) -> &str {
        self.keys.first().map_or("", |key| key.text.as_str())
    }

    /// From the first key to the end of the value.
    pub fn span(&self) -> Range<usize> {
        let start = self
            .keys
            .first()
            .map_or(self.value.span.start, |key| key.span.start);
        start..self.value.span.end.max(start)
    }
}

/// A key or label.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its text, unquoted.
    pub text: String,
    /// Where it stands.
    pub span: Range<usize>,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// What it is.
    pub kind: Kind,
    /// Byte range in the document.
    pub span: Range<usize>,
}

/// The kinds of value.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Text, quoted or from a heredoc.
    String(String),
    /// A whole number as written: `12`, `-3`, `0x1f`, `017`.
    Number(String),
    /// A number with fraction or exponent.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `[…]`
    List(Vec<Value>),
    /// `{…}`. The same key may appear more than once.
    Object(Vec<Item>),
}

/// A document that is not HCL 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong, and what was expected.
    pub message: String,
    /// Byte offset at which it was noticed.
    pub at: usize,
}

impl SyntaxError {
    fn new(at: usize, message: impl Into<String>) -> Self {
        SyntaxError {
            message: message.into(),
            at,
        }
    }
}
