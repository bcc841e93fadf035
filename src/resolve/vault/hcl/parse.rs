//! From tokens to a tree.

use super::lex::{Lexer, Token, TokenKind};
use super::{Item, Key, Kind, MAX_DEPTH, MAX_SIZE, SyntaxError, Value, json};

/// Reads a document: HCL 1, or JSON when it starts with `{`.
///
/// # Errors
/// The first thing that is not of the language, with its place.
pub fn parse(text: &str) -> Result<Vec<Item>, SyntaxError> {
    if text.len() > MAX_SIZE {
        return Err(SyntaxError::new(0, "documents over 32 MiB are not read"));
    }
    let body = text.trim_start_matches('\u{feff}');
    if body.trim_start().starts_with('{') {
        return json::parse(text);
    }
    let mut parser = Parser::new(text)?;
    let items = parser.items(false, 0)?;
    Ok(items)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, SyntaxError> {
        let mut lexer = Lexer::new(text);
        let token = lexer.next()?;
        Ok(Parser { lexer, token })
    }

    /// Gives the current token and moves to the next.
    fn take(&mut self) -> Result<Token, SyntaxError> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError::new(self.token.span.start, message))
    }

    /// Entries up to the closing brace (left to the caller) or the end.
    fn items(&mut self, inner: bool, depth: usize) -> Result<Vec<Item>, SyntaxError> {
        if depth > MAX_DEPTH {
            return self.fail(format!("nested more than {MAX_DEPTH} levels deep"));
        }
        let mut items = Vec::new();
        loop {
            match self.token.kind {
                TokenKind::CloseBrace if inner => return Ok(items),
                TokenKind::End if !inner => return Ok(items),
                _ => {}
            }
            items.push(self.item(depth)?);
            if self.token.kind == TokenKind::Comma {
                self.take()?;
            }
        }
    }

    fn item(&mut self, depth: usize) -> Result<Item, SyntaxError> {
        let mut keys = Vec::new();
        loop {
            match &self.token.kind {
                TokenKind::Ident(_) | TokenKind::String(_) => {
                    let Token { kind, span } = self.take()?;
                    if let TokenKind::Ident(text) | TokenKind::String(text) = kind {
                        keys.push(Key { text, span });
                    }
                }
                TokenKind::Assign if keys.len() == 1 => {
                    self.take()?;
                    let value = self.value(depth)?;
                    return Ok(Item { keys, value });
                }
                TokenKind::Assign if keys.len() > 1 => {
                    return self.fail("after a key with a label expected `{`, found `=`");
                }
                TokenKind::OpenBrace if !keys.is_empty() => {
                    let value = self.object(depth)?;
                    return Ok(Item { keys, value });
                }
                other => {
                    let found = other.name();
                    return match keys.last() {
                        None => self.fail(format!("expected a key, found {found}")),
                        Some(key) => {
                            let key = key.text.clone();
                            self.fail(format!(
                                "after key `{key}` expected `{{` or `=`, found {found}"
                            ))
                        }
                    };
                }
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        match self.token.kind {
            TokenKind::OpenBrace => self.object(depth),
            TokenKind::OpenBracket => self.list(depth),
            _ => self.literal("a value"),
        }
    }

    fn literal(&mut self, expected: &str) -> Result<Value, SyntaxError> {
        let kind = match &self.token.kind {
            TokenKind::String(text) => Kind::String(text.clone()),
            TokenKind::Number(text) => Kind::Number(text.clone()),
            TokenKind::Float(number) => Kind::Float(*number),
            TokenKind::Bool(value) => Kind::Bool(*value),
            other => {
                let found = other.name();
                return self.fail(format!("expected {expected}, found {found}"));
            }
        };
        let span = self.take()?.span;
        Ok(Value { kind, span })
    }

    fn object(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        let start = self.take()?.span.start;
        let items = self.items(true, depth + 1)?;
        let end = self.take()?.span.end;
        Ok(Value {
            kind: Kind::Object(items),
            span: start..end,
        })
    }

    fn list(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        if depth > MAX_DEPTH {
            return self.fail(format!("nested more than {MAX_DEPTH} levels deep"));
        }
        let start = self.take()?.span.start;
        let mut list = Vec::new();
        let mut separated = true;
        loop {
            match self.token.kind {
                TokenKind::CloseBracket => {
                    let end = self.take()?.span.end;
                    return Ok(Value {
                        kind: Kind::List(list),
                        span: start..end,
                    });
                }
                TokenKind::Comma => {
                    self.take()?;
                    separated = true;
                }
                _ if !separated => {
                    let found = self.token.kind.name();
                    return self.fail(format!("expected `,` or `]`, found {found}"));
                }
                TokenKind::OpenBracket => {
                    list.push(self.list(depth + 1)?);
                    separated = false;
                }
                TokenKind::OpenBrace => {
                    list.push(self.object(depth)?);
                    separated = false;
                }
                _ => {
                    list.push(self.literal("a list entry")?);
                    separated = false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(text: &str) -> Vec<String> {
        parse(text)
            .unwrap()
            .iter()
            .map(|item| {
                item.keys
                    .iter()
                    .map(|key| key.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    }

    fn string(text: &str) -> String {
        match parse(text).unwrap().remove(0).value.kind {
            Kind::String(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_hcl_2_refuses_is_read() {
        assert_eq!(keys("path \"a\"\n{\n}"), ["path a"]);
        assert_eq!(keys("path \"a/${x}/*\" {}"), ["path a/${x}/*"]);
        assert_eq!(keys("a = { factor \"x\" { } }"), ["a"]);
        assert_eq!(keys("a = 1\na = 2, a = 3"), ["a", "a", "a"]);
    }

    #[test]
    fn three_kinds_of_comment() {
        assert_eq!(keys("# a\n// b\n/* c\n*/ x = 1 # d"), ["x"]);
    }

    #[test]
    fn strings_and_heredocs() {
        assert_eq!(string(r#"a = "q\"\u00e9\x41\101\t""#), "q\"éAA\t");
        assert_eq!(string(r#"a = "${ "inner" }""#), "${ \"inner\" }");
        assert_eq!(string("a = <<EOF\none\n  two\nEOF\n"), "one\n  two\n");
        assert_eq!(
            string("a = <<-EOF\n  one\n    two\n  EOF\n"),
            "one\n  two\n"
        );
    }

    #[test]
    fn spans_point_at_the_source() {
        let text = "path \"é\" {\n  capabilities = [\"read\"]\n}\n";
        let items = parse(text).unwrap();
        assert_eq!(&text[items[0].span()], text.trim_end());
        assert_eq!(&text[items[0].keys[1].span.clone()], "\"é\"");
    }

    #[test]
    fn errors_say_what_was_expected() {
        let fail = |text| {
            let error = parse(text).unwrap_err();
            format!("{}: {}", error.at, error.message)
        };
        insta::assert_snapshot!(fail("path \"a\" = {}"), @"9: after a key with a label expected `{`, found `=`");
        insta::assert_snapshot!(fail("a = \"x\ny\""), @"4: this string is not closed on its line");
        insta::assert_snapshot!(fail("a = [1 2]"), @"7: expected `,` or `]`, found a number");
        insta::assert_snapshot!(fail("a {"), @"3: expected a key, found the end of the document");
        insta::assert_snapshot!(fail("a = <<EOF\nx"), @"4: this heredoc is not closed; expected a line `EOF`");
        insta::assert_snapshot!(fail("/ x"), @"0: a comment starts with `//`, `/*` or `#`");
        let deep = "a {".repeat(100);
        assert!(fail(&deep).contains("levels"));
        let deep = format!("a = {}", "[".repeat(100_000));
        assert!(fail(&deep).contains("levels"));
    }

    proptest! {
        #[test]
        fn no_input_panics(text in "(?s)[a-z\"{}\\[\\]=,#/*<\\-EOF\n .\\\\$0-9xé]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_bytes_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
