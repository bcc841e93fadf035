//! Tokens of HCL 1.

use std::ops::Range;

use super::SyntaxError;

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Ident(String),
    String(String),
    Number(String),
    Float(f64),
    Bool(bool),
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    Comma,
    Assign,
    End,
}

impl TokenKind {
    /// How messages call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            TokenKind::Ident(_) => "a name",
            TokenKind::String(_) => "a string",
            TokenKind::Number(_) | TokenKind::Float(_) => "a number",
            TokenKind::Bool(_) => "a boolean",
            TokenKind::OpenBrace => "`{`",
            TokenKind::CloseBrace => "`}`",
            TokenKind::OpenBracket => "`[`",
            TokenKind::CloseBracket => "`]`",
            TokenKind::Comma => "`,`",
            TokenKind::Assign => "`=`",
            TokenKind::End => "the end of the document",
        }
    }
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lexer { text, at: 0 }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat_while(&mut self, keep: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&keep) {
            self.bump();
        }
    }

    fn fail<T>(&self, at: usize, message: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError::new(at, message))
    }

    /// The next token; comments and white space are passed over.
    pub(super) fn next(&mut self) -> Result<Token, SyntaxError> {
        self.skip()?;
        let start = self.at;
        let Some(c) = self.bump() else {
            return Ok(Token {
                kind: TokenKind::End,
                span: start..start,
            });
        };
        let kind = match c {
            '{' => TokenKind::OpenBrace,
            '}' => TokenKind::CloseBrace,
            '[' => TokenKind::OpenBracket,
            ']' => TokenKind::CloseBracket,
            ',' => TokenKind::Comma,
            '=' => TokenKind::Assign,
            '"' => TokenKind::String(self.string(start)?),
            '<' => TokenKind::String(self.heredoc(start)?),
            '0'..='9' => self.number(start)?,
            '-' if self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                self.bump();
                self.number(start)?
            }
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                self.eat_while(|c| c.is_ascii_digit());
                self.exponent();
                self.float(start)?
            }
            c if is_letter(c) => {
                self.eat_while(|c| is_letter(c) || is_digit(c) || c == '-' || c == '.');
                match &self.text[start..self.at] {
                    "true" => TokenKind::Bool(true),
                    "false" => TokenKind::Bool(false),
                    name => TokenKind::Ident(name.to_owned()),
                }
            }
            c => return self.fail(start, format!("`{}` is not allowed here", c.escape_debug())),
        };
        Ok(Token {
            kind,
            span: start..self.at,
        })
    }

    fn skip(&mut self) -> Result<(), SyntaxError> {
        loop {
            self.eat_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
            let start = self.at;
            let rest = self.text.get(start..).unwrap_or_default();
            if rest.starts_with('#') || rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(end) => self.at += end + 4,
                    None => return self.fail(start, "this comment is not closed; expected `*/`"),
                }
            } else if rest.starts_with('/') {
                return self.fail(start, "a comment starts with `//`, `/*` or `#`");
            } else {
                return Ok(());
            }
        }
    }

    /// After the opening quote. Inside `${…}` everything is literal, quotes and
    /// line ends included, until the braces balance.
    fn string(&mut self, start: usize) -> Result<String, SyntaxError> {
        let open = || SyntaxError::new(start, "this string is not closed on its line");
        let mut out = String::new();
        let mut braces = 0usize;
        loop {
            let at = self.at;
            let c = self.bump().ok_or_else(open)?;
            match c {
                '\n' if braces == 0 => return Err(open()),
                '\0' => return self.fail(at, "a null character is not allowed"),
                '"' if braces == 0 => return Ok(out),
                '$' if braces == 0 && self.peek() == Some('{') => {
                    self.bump();
                    braces = 1;
                    out.push_str("${");
                }
                '\\' if braces == 0 => self.escape(at, &mut out)?,
                '\\' => {
                    // Kept as written, but it must be an escape the scanner knows.
                    self.escape(at, &mut String::new())?;
                    out.push_str(&self.text[at..self.at]);
                }
                c => {
                    if braces > 0 {
                        match c {
                            '{' => braces += 1,
                            '}' => braces -= 1,
                            _ => {}
                        }
                    }
                    out.push(c);
                }
            }
        }
    }

    fn escape(&mut self, at: usize, out: &mut String) -> Result<(), SyntaxError> {
        let bad = || SyntaxError::new(at, "this is not an escape sequence of HCL");
        let c = self.bump().ok_or_else(bad)?;
        let plain = match c {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\\' => '\\',
            '"' => '"',
            '0'..='7' => {
                self.at -= 1;
                self.digits(3, 8).and_then(char::from_u32).ok_or_else(bad)?
            }
            'x' => self
                .digits(2, 16)
                .and_then(char::from_u32)
                .ok_or_else(bad)?,
            'u' => self
                .digits(4, 16)
                .and_then(char::from_u32)
                .ok_or_else(bad)?,
            'U' => self
                .digits(8, 16)
                .and_then(char::from_u32)
                .ok_or_else(bad)?,
            _ => return Err(bad()),
        };
        out.push(plain);
        Ok(())
    }

    fn digits(&mut self, count: usize, base: u32) -> Option<u32> {
        let text = self.text.get(self.at..self.at + count)?;
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += count;
        u32::from_str_radix(text, base).ok()
    }

    /// After the first `<`. The text runs to the line that holds only the anchor.
    fn heredoc(&mut self, start: usize) -> Result<String, SyntaxError> {
        if self.bump() != Some('<') {
            return self.fail(start, "expected `<<` and an anchor");
        }
        let indented = self.peek() == Some('-');
        if indented {
            self.bump();
        }
        let from = self.at;
        self.eat_while(|c| is_letter(c) || is_digit(c));
        let anchor = &self.text[from..self.at];
        let rest = &self.text[self.at..];
        let line_end = ["\n", "\r\n"].into_iter().find(|end| rest.starts_with(end));
        let (Some(line_end), false) = (line_end, anchor.is_empty()) else {
            return self.fail(
                start,
                "expected a heredoc anchor and then the end of the line",
            );
        };
        self.at += line_end.len();
        let body = self.at;
        // The scanner compares lengths with the dash counted in, so an indented
        // heredoc does not end at an anchor in the first column.
        let shortest = anchor.len() + usize::from(indented);
        loop {
            let line_start = self.at;
            let Some(length) = self.text[line_start..].find('\n') else {
                return self.fail(
                    start,
                    format!("this heredoc is not closed; expected a line `{anchor}`"),
                );
            };
            let line = &self.text[line_start..line_start + length];
            self.at = line_start + length + 1;
            let bare = line
                .trim_start_matches([' ', '\t', '\r', '\u{b}', '\u{c}'])
                .trim_end_matches('\r');
            if bare == anchor && line.len() >= shortest {
                let indent = &line[..line.find(anchor).unwrap_or(0)];
                return Ok(heredoc_text(&self.text[body..line_start], indent, indented));
            }
        }
    }

    /// After the first digit.
    fn number(&mut self, start: usize) -> Result<TokenKind, SyntaxError> {
        let first = self.text[start..].trim_start_matches('-');
        if first.starts_with('0') && matches!(self.peek(), Some('x' | 'X')) {
            self.bump();
            let digits = self.at;
            self.eat_while(|c| c.is_ascii_hexdigit());
            if self.at == digits {
                return self.fail(start, "expected hexadecimal digits after `0x`");
            }
            return Ok(TokenKind::Number(self.text[start..self.at].to_owned()));
        }
        self.eat_while(|c| c.is_ascii_digit());
        match self.peek() {
            Some('e' | 'E') => {
                self.exponent();
                self.float(start)
            }
            Some('.') => {
                self.bump();
                self.eat_while(|c| c.is_ascii_digit());
                self.exponent();
                self.float(start)
            }
            _ => {
                let text = &self.text[start..self.at];
                let digits = text.trim_start_matches('-');
                if digits.len() > 1 && digits.starts_with('0') && digits.contains(['8', '9']) {
                    return self.fail(start, "a number that starts with 0 is octal: digits 0 to 7");
                }
                Ok(TokenKind::Number(text.to_owned()))
            }
        }
    }

    fn exponent(&mut self) {
        if matches!(self.peek(), Some('e' | 'E')) {
            self.bump();
            if matches!(self.peek(), Some('+' | '-')) {
                self.bump();
            }
            self.eat_while(|c| c.is_ascii_digit());
        }
    }

    fn float(&self, start: usize) -> Result<TokenKind, SyntaxError> {
        self.text[start..self.at]
            .parse()
            .map(TokenKind::Float)
            .or_else(|_| self.fail(start, "this is not a number"))
    }
}

/// The text of a heredoc. With `<<-` the indentation of the closing anchor is taken
/// off every line, if every line has it.
fn heredoc_text(body: &str, indent: &str, indented: bool) -> String {
    let body = body.replace("\r\n", "\n");
    if !indented {
        return body + indent;
    }
    let lines = || body.split_inclusive('\n');
    if lines().all(|line| line.starts_with(indent)) {
        return lines().map(|line| &line[indent.len()..]).collect();
    }
    body
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!c.is_ascii() && c.is_alphabetic())
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || (!c.is_ascii() && c.is_numeric())
}
