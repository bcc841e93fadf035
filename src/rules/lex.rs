//! Words of a rule expression.
//!
//! The lexical grammar is CEL's (cel-spec, *Syntax*), without floating-point
//! numbers, unsigned numbers, bytes and triple-quoted strings, for which the facts
//! have no use.

use std::ops::Range;

/// What is wrong with an expression, at a byte range of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExprError {
    pub at: Range<usize>,
    pub message: String,
    pub label: String,
    pub help: Option<String>,
}

impl ExprError {
    pub fn new(at: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        ExprError {
            at,
            message: message.into(),
            label: label.into(),
            help: None,
        }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Ident(String),
    Int(i64),
    Str(String),
    /// An operator or bracket.
    Mark(&'static str),
    End,
}

impl Token {
    /// How the token is called in messages.
    pub fn describe(&self) -> String {
        match self {
            Token::Ident(name) => format!("`{name}`"),
            Token::Int(number) => format!("`{number}`"),
            Token::Str(_) => "a string".to_owned(),
            Token::Mark(mark) => format!("`{mark}`"),
            Token::End => "the end".to_owned(),
        }
    }
}

/// Longest first, so that `<=` is not read as `<` and `=`.
const MARKS: [&str; 22] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", ".", ",",
    "(", ")", "[", "]",
];

pub(super) type Spanned = (Token, Range<usize>);

/// Splits `text` into tokens; the last one is [`Token::End`].
pub(super) fn lex(text: &str) -> Result<Vec<Spanned>, ExprError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let start = at;
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if matches!(c, '"' | '\'') {
            let (value, length) = string(rest, false).map_err(|e| shift(e, start))?;
            at += length;
            tokens.push((Token::Str(value), start..at));
        } else if matches!(c, 'r' | 'R') && rest[1..].starts_with(['"', '\'']) {
            let (value, length) = string(&rest[1..], true).map_err(|e| shift(e, start + 1))?;
            at += 1 + length;
            tokens.push((Token::Str(value), start..at));
        } else if c.is_ascii_digit() {
            at += span_while(rest, |c| c.is_ascii_alphanumeric());
            tokens.push((number(&text[start..at], start)?, start..at));
        } else if c.is_ascii_alphabetic() || c == '_' {
            at += span_while(rest, |c| c.is_ascii_alphanumeric() || c == '_');
            tokens.push((Token::Ident(text[start..at].to_owned()), start..at));
        } else if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            at += mark.len();
            tokens.push((Token::Mark(mark), start..at));
        } else {
            let error = ExprError::new(
                start..start + c.len_utf8(),
                format!("`{}` has no meaning in an expression", c.escape_debug()),
                "unexpected character",
            );
            return Err(match c {
                '=' => error.help("compare with `==`"),
                '&' => error.help("write `&&`"),
                '|' => error.help("write `||`"),
                _ => error,
            });
        }
    }
    tokens.push((Token::End, text.len()..text.len()));
    Ok(tokens)
}

fn shift(mut error: ExprError, by: usize) -> ExprError {
    error.at = error.at.start + by..error.at.end + by;
    error
}

fn span_while(text: &str, keep: impl Fn(char) -> bool) -> usize {
    text.find(|c| !keep(c)).unwrap_or(text.len())
}

fn number(digits: &str, start: usize) -> Result<Token, ExprError> {
    let parsed = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    parsed.map(Token::Int).map_err(|_| {
        ExprError::new(
            start..start + digits.len(),
            format!("`{digits}` is not a number"),
            "expected a 64-bit whole number",
        )
        .help("a length of time is written `duration(\"90d\")`")
    })
}

/// Reads a quoted string at the start of `text`: its value and its length in bytes.
fn string(text: &str, raw: bool) -> Result<(String, usize), ExprError> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    let quote = chars.next().map_or('"', |(_, c)| c);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Ok((value, at + 1)),
            '\n' => break,
            '\\' if !raw => {
                let escape = chars.next().map(|(_, c)| c);
                let code = |digits: usize, chars: &mut std::str::CharIndices<'_>| {
                    let hex: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                    let code = u32::from_str_radix(&hex, 16).ok();
                    code.filter(|_| hex.len() == digits)
                        .and_then(char::from_u32)
                };
                let plain = match escape {
                    Some(c @ ('\\' | '"' | '\'' | '`' | '?')) => Some(c),
                    Some('n') => Some('\n'),
                    Some('r') => Some('\r'),
                    Some('t') => Some('\t'),
                    Some('x' | 'X') => code(2, &mut chars),
                    Some('u') => code(4, &mut chars),
                    Some('U') => code(8, &mut chars),
                    _ => None,
                };
                value.push(plain.ok_or_else(|| {
                    ExprError::new(at..at + 1, "unknown escape in a string", "after this `\\`")
                        .help("write `\\\\` for a backslash, or a raw string r\"…\"")
                })?);
            }
            _ => value.push(c),
        }
    }
    Err(ExprError::new(
        0..1,
        "this string does not end",
        "opened here",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Token> {
        let tokens = lex(text).unwrap();
        tokens.into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn words_of_an_expression() {
        assert_eq!(
            words("a.b<=1 // done"),
            [
                Token::Ident("a".into()),
                Token::Mark("."),
                Token::Ident("b".into()),
                Token::Mark("<="),
                Token::Int(1),
                Token::End,
            ]
        );
        assert_eq!(words(r#"'a"\n\x41é'"#)[0], Token::Str("a\"\nAé".into()));
        assert_eq!(words(r#"r"\d+""#)[0], Token::Str(r"\d+".into()));
        assert_eq!(words("ridge")[0], Token::Ident("ridge".into()));
    }

    #[test]
    fn bad_words_name_their_place() {
        for (text, at) in [
            ("a = b", 2..3),
            ("a == 'x", 5..6),
            (r"'\q'", 1..2),
            ("99999999999999999999", 0..20),
            ("12ab", 0..4),
            ("é", 0..2),
            (r"'\u00", 1..2),
        ] {
            assert_eq!(lex(text).unwrap_err().at, at, "{text}");
        }
    }
}
