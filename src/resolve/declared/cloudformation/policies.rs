//! Policy documents of a template, resolved.

use super::super::iam::ACCOUNT;
use super::super::kubernetes_document::Node;
use super::super::text::Made;
use super::values::Template;

/// The condition key under which unresolved expressions stand.
const UNRESOLVED: &str = "cloudformation:unresolved";

impl Template<'_> {
    /// A policy document, resolved.
    pub fn document(&self, node: &Node<'_>) -> Made {
        let mut pairs = Vec::new();
        for (name, value) in node.pairs() {
            pairs.push(match name.as_ref() {
                "Statement" => {
                    let statements = self.items(value).into_iter();
                    let statements =
                        statements.map(|(statement, under)| self.statement(statement, under));
                    (name.to_string(), Made::list(statements))
                }
                // Dates without quotes are what YAML makes of a version.
                _ => {
                    let text = self.text(value, 0).unwrap_or_default().text;
                    let text = text.split('T').next().unwrap_or_default();
                    (name.to_string(), Made::text(text))
                }
            });
        }
        Made::map(pairs).at(Some(self.source.locate(node)))
    }

    fn statement(&self, node: &Node<'_>, mut open: Vec<String>) -> Made {
        let mut pairs: Vec<(String, Made)> = Vec::new();
        let mut conditions: Vec<(String, Vec<(String, Made)>)> = Vec::new();
        for (name, value) in node.pairs() {
            let at = Some(self.source.locate(value));
            match name.as_ref() {
                "Action" | "Resource" => {
                    let texts = self.texts(value).into_iter().map(|text| {
                        let known = text.open.is_empty();
                        open.extend(text.open);
                        // Part of an ARN that is unknown leaves the rest known.
                        if known { text.text } else { widest(&text.text) }
                    });
                    let made = Made::texts(texts.collect::<Vec<_>>()).at(at);
                    pairs.push((name.to_string(), made));
                }
                "NotAction" | "NotResource" => {
                    let mut texts = Vec::new();
                    for text in self.texts(value) {
                        if text.open.is_empty() {
                            texts.push(text.text);
                        }
                        open.extend(text.open);
                    }
                    pairs.push((name.to_string(), Made::texts(texts).at(at)));
                }
                "Principal" | "NotPrincipal" => {
                    pairs.push((name.to_string(), self.principals(value).at(at)));
                }
                "Condition" => {
                    for (operator, tests) in value.pairs() {
                        let tests = tests.pairs().iter().map(|(key, values)| {
                            let values = self.texts(values).into_iter().map(|text| text.text);
                            (key.to_string(), Made::texts(values.collect::<Vec<_>>()))
                        });
                        conditions.push((operator.to_string(), tests.collect()));
                    }
                }
                _ => {
                    if let Some(text) = self.text(value, 0) {
                        pairs.push((name.to_string(), Made::text(text.text).at(at)));
                    }
                }
            }
        }
        if !open.is_empty() {
            open.sort();
            open.dedup();
            let test = (UNRESOLVED.to_owned(), Made::text(open.join("; ")));
            match conditions
                .iter_mut()
                .find(|(name, _)| name == "StringEquals")
            {
                Some((_, tests)) => tests.push(test),
                None => conditions.push(("StringEquals".to_owned(), vec![test])),
            }
        }
        if !conditions.is_empty() {
            let conditions = conditions
                .into_iter()
                .map(|(operator, tests)| (operator, Made::map(tests)));
            pairs.push(("Condition".to_owned(), Made::map(conditions)));
        }
        Made::map(pairs).at(Some(self.source.locate(node)))
    }

    fn principals(&self, node: &Node<'_>) -> Made {
        if let Some(text) = node.text() {
            return Made::text(text);
        }
        let groups = node.pairs().iter().map(|(kind, values)| {
            let texts = self.texts(values).into_iter().map(|text| {
                if text.open.is_empty() {
                    return text.text;
                }
                match kind.as_ref() {
                    // Somebody, whoever that turns out to be.
                    "AWS" if !text.text.starts_with("arn:") => {
                        format!("arn:aws:iam::{ACCOUNT}:role/{}", text.text)
                    }
                    _ => text.text,
                }
            });
            (kind.to_string(), Made::texts(texts.collect::<Vec<_>>()))
        });
        Made::map(groups)
    }
}

/// The widest that a text with unresolved parts may be: the parts as wildcards.
fn widest(text: &str) -> String {
    let mut wide = String::with_capacity(text.len());
    let (mut depth, mut before) = (0u32, ' ');
    for c in text.chars() {
        match c {
            // `${…}` is a variable of IAM's own.
            '{' if before != '$' || depth > 0 => {
                if depth == 0 {
                    wide.push('*');
                }
                depth += 1;
            }
            '}' if depth > 0 => depth -= 1,
            c if depth == 0 => wide.push(c),
            _ => {}
        }
        before = c;
    }
    wide
}
