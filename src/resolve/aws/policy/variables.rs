//! Policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, and the
//! escapes `${*}`, `${?}` and `${$}`.
//!
//! IAM User Guide, "IAM policy elements: Variables and tags". Variables exist from
//! policy version 2012-10-17 on; in older documents the text stands for itself. A
//! value put in for a variable is taken literally, wildcards included; a variable
//! without value and default leaves the text without anything it could match.

use std::sync::OnceLock;

use super::pattern::{ANY, ONE, Pattern, Reach};
use super::request::{Found, Request};
use crate::model::{Sym, Verdict};

/// How the text of a policy is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Style {
    /// `*` and `?` are wildcards.
    pub wildcards: bool,
    /// ASCII case does not matter.
    pub fold_case: bool,
    /// How far wildcards reach.
    pub reach: Reach,
}

impl Style {
    /// The text itself.
    pub const EXACT: Style = Style {
        wildcards: false,
        fold_case: false,
        reach: Reach::Text,
    };
    /// The text itself, whatever its case.
    pub const IGNORE_CASE: Style = Style {
        fold_case: true,
        ..Style::EXACT
    };
    /// With wildcards that reach everywhere.
    pub const LIKE: Style = Style {
        wildcards: true,
        ..Style::EXACT
    };
    /// A `Resource` element.
    pub const RESOURCE: Style = Style {
        reach: Reach::Resource,
        ..Style::LIKE
    };
    /// A value of an ARN condition operator.
    pub const ARN: Style = Style {
        reach: Reach::Arn,
        ..Style::LIKE
    };
}

/// A pattern that may have variables in it.
#[derive(Clone, Debug)]
pub struct Text {
    /// Interned: what the facts say of a policy is made of the same texts.
    source: Sym,
    style: Style,
    /// The document's version has variables.
    variables: bool,
    /// Made when it is first asked for: most resources of an account are never
    /// compared with anything.
    compiled: OnceLock<Box<Compiled>>,
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        let parts = |text: &Text| (text.style, text.variables);
        self.source == other.source && parts(self) == parts(other)
    }
}

impl Eq for Text {}

#[derive(Clone, Debug)]
struct Compiled {
    /// The pattern; with `*` for every variable, so nothing beyond it can match.
    widest: Pattern,
    /// Empty where there is no variable.
    parts: Box<[Part]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    /// Literal bytes and wildcards.
    Tokens(Box<[u8]>),
    /// `key` in lower case.
    Variable {
        key: Box<str>,
        default: Option<Box<str>>,
    },
}

impl Text {
    /// The text `source`; `variables` says whether the document's version has them.
    pub fn new(source: &str, style: Style, variables: bool) -> Self {
        Text {
            source: Sym::new(source),
            style,
            variables,
            compiled: OnceLock::new(),
        }
    }

    fn compiled(&self) -> &Compiled {
        let compile = || Box::new(Compiled::new(&self.source, self.style, self.variables));
        self.compiled.get_or_init(compile)
    }

    /// The text as the policy has it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text as the policy has it, interned.
    pub fn sym(&self) -> Sym {
        self.source
    }

    /// Whether variables occur.
    pub fn has_variables(&self) -> bool {
        // Compiled only where it may have some.
        self.variables && self.source.contains("${") && !self.compiled().parts.is_empty()
    }

    /// The pattern, with `*` for every variable.
    pub fn widest(&self) -> &Pattern {
        &self.compiled().widest
    }

    /// Whether `value` matches. Conditional where a variable's value is not known.
    pub fn matches(&self, value: &str, request: &Request<'_>) -> Verdict {
        if self.style.fold_case {
            self.matches_folded(&value.to_ascii_lowercase(), request)
        } else {
            self.matches_folded(value, request)
        }
    }

    fn matches_folded(&self, value: &str, request: &Request<'_>) -> Verdict {
        if !self.may_match(value) || !self.widest().matches(value) {
            return Verdict::No;
        }
        if !self.has_variables() {
            return Verdict::Yes;
        }
        match self.resolve(request) {
            None => Verdict::No,
            Some((pattern, _)) if !pattern.matches(value) => Verdict::No,
            Some((_, true)) => Verdict::Yes,
            Some((_, false)) => Verdict::Conditional,
        }
    }

    /// Whether `value` begins as every match does. Almost everything a policy names is
    /// something else than what is asked about, and this tells it without compiling.
    fn may_match(&self, value: &str) -> bool {
        if self.style.fold_case || self.compiled.get().is_some() {
            return true;
        }
        let source = self.source.as_str().as_bytes();
        let special = |byte: &u8| match byte {
            b'*' | b'?' => self.style.wildcards,
            // A variable, or an escape.
            b'$' => self.variables,
            _ => false,
        };
        let fixed = source.iter().position(special).unwrap_or(source.len());
        value.as_bytes().starts_with(&source[..fixed])
    }

    /// The pattern for `request`, with `*` for values that are not known, and whether
    /// all were known. `None` where a variable has no value, so that nothing matches.
    pub fn resolve(&self, request: &Request<'_>) -> Option<(Pattern, bool)> {
        let Compiled { widest, parts } = self.compiled();
        if parts.is_empty() {
            return Some((widest.clone(), true));
        }
        let mut certain = true;
        let mut tokens = Vec::with_capacity(self.source.len() + 16);
        for part in parts {
            match part {
                Part::Tokens(own) => tokens.extend_from_slice(own),
                Part::Variable { key, default } => match (request.find(key), default) {
                    (Found::One(value), _) => self.style.push_literal(&mut tokens, value),
                    (Found::Many([value]), _) => self.style.push_literal(&mut tokens, value),
                    // The guide allows only single-valued keys as variables.
                    (Found::Many([_, _, ..]), _) => return None,
                    (Found::Many([]) | Found::Missing, Some(value)) => {
                        self.style.push_literal(&mut tokens, value);
                    }
                    (Found::Many([]) | Found::Missing, None) => return None,
                    (Found::Unknown, _) => {
                        certain = false;
                        tokens.push(ANY);
                    }
                },
            }
        }
        let reach = if certain {
            self.style.reach
        } else {
            Reach::Text
        };
        Some((Pattern::confined(tokens, reach), certain))
    }
}

impl Compiled {
    fn new(source: &str, style: Style, variables: bool) -> Self {
        let mut parts = Vec::new();
        let mut tokens = Vec::new();
        let mut rest = source;
        while let Some(start) = rest.find("${").filter(|_| variables) {
            let Some(length) = rest[start..].find('}') else {
                break;
            };
            style.push_source(&mut tokens, &rest[..start]);
            let inner = &rest[start + 2..start + length];
            match inner {
                "*" | "?" | "$" => tokens.extend_from_slice(inner.as_bytes()),
                _ => {
                    parts.push(Part::Tokens(std::mem::take(&mut tokens).into()));
                    parts.push(variable(inner));
                }
            }
            rest = &rest[start + length + 1..];
        }
        style.push_source(&mut tokens, rest);
        let widest = if parts.is_empty() {
            tokens
        } else {
            parts.push(Part::Tokens(tokens.into()));
            let mut widest = Vec::new();
            for part in &parts {
                match part {
                    Part::Tokens(tokens) => widest.extend_from_slice(tokens),
                    Part::Variable { .. } => widest.push(ANY),
                }
            }
            widest
        };
        Compiled {
            // A variable's value may hold colons, so its `*` reaches everywhere.
            widest: match parts.is_empty() {
                true => Pattern::confined(widest, style.reach),
                false => Pattern::confined(widest, Reach::Text),
            },
            parts: parts.into(),
        }
    }
}

impl Style {
    fn push_source(self, tokens: &mut Vec<u8>, text: &str) {
        tokens.extend(text.bytes().map(|byte| match byte {
            b'*' if self.wildcards => ANY,
            b'?' if self.wildcards => ONE,
            other if self.fold_case => other.to_ascii_lowercase(),
            other => other,
        }));
    }

    fn push_literal(self, tokens: &mut Vec<u8>, text: &str) {
        tokens.extend(text.bytes().map(|byte| match byte {
            other if self.fold_case => other.to_ascii_lowercase(),
            other => other,
        }));
    }
}

/// Reads what stands between `${` and `}`.
fn variable(inner: &str) -> Part {
    let (key, default) = match inner.split_once(',') {
        Some((key, default)) => (key, Some(default.trim())),
        None => (inner, None),
    };
    let unquote = |text: &str| -> Box<str> {
        let inner = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\''));
        inner.unwrap_or(text).into()
    };
    Part::Variable {
        key: key.trim().to_ascii_lowercase().into(),
        default: default.map(unquote),
    }
}
