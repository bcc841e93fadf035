//! Message templates: text with expressions in braces.
//!
//! `{expr}` prints the value of an expression over the fact. A brace that is not
//! followed by a name or by `(` or `!` is text, so JSON and shell stay readable
//! (`{"Effect": …}`, `${HOME}`); `{{` is a brace in any case. Values are inserted as
//! they are, except into the commands of a fix, where a shell must read each as one
//! word ([`super::shell`]): who renders the text for a terminal, HTML or Markdown
//! escapes it.

use std::ops::Range;

use jiff::SignedDuration;

use super::check::{Checker, Known};
use super::ir::Ir;
use super::lex::ExprError;
use super::parse::parse;
use super::schema::Ty;
use super::shell::{Place, Reader, quoted};
use super::value::{Scope, Val};

/// A checked template.
#[derive(Clone, Debug, Default)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Value(Ir, Ty, Place),
}

impl Template {
    /// Reads a template; errors go to the checker.
    pub fn compile(text: &str, checker: &mut Checker<'_>, known: &Known) -> Template {
        let mut parts = Vec::new();
        for piece in split(text) {
            match piece {
                Piece::Text(text) => parts.push(Part::Text(text)),
                Piece::Expr(at) => {
                    let inner = &text[at.clone()];
                    let before = checker.errors.len();
                    match parse(inner) {
                        Ok(expr) => {
                            if let Some(typed) = checker.check(&expr, known) {
                                if matches!(typed.ty, Ty::Record(_) | Ty::Records(_)) {
                                    let message = format!("a {} cannot be printed", typed.ty);
                                    let all = 0..inner.len();
                                    let error = ExprError::new(all, message, "name a field of it");
                                    checker.errors.push(error);
                                }
                                parts.push(Part::Value(typed.ir, typed.ty, Place::Prose));
                            }
                        }
                        Err(error) => {
                            let help = "a brace that is meant as text is written `{{`";
                            checker.errors.push(match error.help {
                                Some(_) => error,
                                None => error.help(help),
                            });
                        }
                    }
                    // From the placeholder's text to the template's.
                    for error in &mut checker.errors[before..] {
                        error.at = error.at.start + at.start..error.at.end + at.start;
                    }
                }
                Piece::Open(at) => {
                    let error = ExprError::new(at, "this placeholder does not end", "opened here");
                    let help = "close it with `}`, or write `{{` for a brace";
                    checker.errors.push(error.help(help));
                }
            }
        }
        Template(parts)
    }

    /// The same with the values in its commands quoted for a shell.
    pub fn with_commands(mut self) -> Template {
        let mut reader = Reader::default();
        let mut here = Place::Prose;
        for part in &mut self.0 {
            match part {
                Part::Text(plain) => here = reader.read(plain),
                Part::Value(_, _, place) => {
                    *place = here;
                    reader.skip();
                }
            }
        }
        self
    }

    /// The text for one fact.
    pub fn render(&self, scope: &Scope<'_>) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Value(ir, ty, place) => {
                    text.push_str(&quoted(&show(ir.eval(scope), *ty), *place));
                }
            }
        }
        text
    }
}

enum Piece {
    Text(String),
    Expr(Range<usize>),
    Open(Range<usize>),
}

fn split(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at + c.len_utf8()..];
        if c == '{' && rest.starts_with('{') {
            plain.push('{');
            at += 2;
        } else if c == '{' && rest.starts_with(|c: char| c.is_ascii_lowercase() || "(!".contains(c))
        {
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            match end_of(rest) {
                Some(length) => {
                    pieces.push(Piece::Expr(at + 1..at + 1 + length));
                    at += length + 2;
                }
                None => {
                    pieces.push(Piece::Open(at..at + 1));
                    return pieces;
                }
            }
        } else {
            plain.push(c);
            at += c.len_utf8();
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    pieces
}

/// Where the placeholder closes: at the first `}` outside quotes.
fn end_of(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '}' => return Some(at),
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None => {}
        }
    }
    None
}

fn show(value: Val<'_>, ty: Ty) -> String {
    match (value, ty) {
        (Val::Bool(value), _) => value.to_string(),
        (Val::Int(number), _) => number.to_string(),
        (Val::Str(text), _) => text.to_string(),
        (Val::Variant(place), Ty::Enum(set)) => {
            let name = set.names.get(usize::from(place));
            (*name.unwrap_or(&"unknown")).to_owned()
        }
        (Val::Time(time), _) => time.strftime("%Y-%m-%d").to_string(),
        (Val::Duration(length), _) => for_people(length),
        (Val::List(list), _) => {
            let texts: Vec<&str> = list.iter().map(|text| text.as_str()).collect();
            texts.join(", ")
        }
        _ => "unknown".to_owned(),
    }
}

/// A length of time in one unit, rounded down: `326 days`, `36 hours`, `1 minute`.
pub(super) fn for_people(length: SignedDuration) -> String {
    let seconds = length.as_secs().unsigned_abs();
    let (number, unit) = match seconds {
        172_800.. => (seconds / 86_400, "day"),
        86_400 => (1, "day"),
        7_200.. => (seconds / 3_600, "hour"),
        3_600 => (1, "hour"),
        120.. => (seconds / 60, "minute"),
        60 => (1, "minute"),
        _ => (seconds, "second"),
    };
    let sign = if length.is_negative() { "-" } else { "" };
    let plural = if number == 1 { "" } else { "s" };
    format!("{sign}{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_of_other_languages_are_text() {
        for (text, expected) in [
            ("a {b.c} d", "a <b.c> d"),
            (
                r#"{"a":{"b":1}} ${HOME} {.items}"#,
                r#"{"a":{"b":1}} ${HOME} {.items}"#,
            ),
            ("{{identity.name}}", "{identity.name}}"),
            ("{has(a.b) ? 'x}' : \"}\"}", "<has(a.b) ? 'x}' : \"}\">"),
            ("{!a}{(a)}", "<!a><(a)>"),
            ("é{a}é", "é<a>é"),
        ] {
            let shown: String = split(text)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Expr(at) => format!("<{}>", &text[at]),
                    Piece::Open(_) => "open".to_owned(),
                })
                .collect();
            assert_eq!(shown, expected, "{text}");
        }
        assert!(matches!(split("x {a")[1], Piece::Open(_)));
    }

    #[test]
    fn lengths_of_time_for_people() {
        let shown = |seconds| for_people(SignedDuration::from_secs(seconds));
        for (seconds, text) in [
            (90 * 86_400 + 5, "90 days"),
            (86_400, "1 day"),
            (36 * 3_600, "36 hours"),
            (3_600, "1 hour"),
            (5_400, "90 minutes"),
            (60, "1 minute"),
            (1, "1 second"),
            (-172_800, "-2 days"),
        ] {
            assert_eq!(shown(seconds), text);
        }
        for_people(SignedDuration::MIN);
    }
}
