//! JSON with positions (RFC 8259). Several values one after another are several
//! documents, as `kubectl get -o json` of several calls into one file gives.

use std::borrow::Cow;

use super::{Data, MAX_DEPTH, Node, SyntaxError};

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// Reads all values of `text` from byte `from` on.
pub(super) fn parse(text: &str, from: usize) -> Result<Vec<Node<'_>>, SyntaxError> {
    let mut reader = Reader { text, at: from };
    let mut values = Vec::new();
    reader.space();
    while reader.peek().is_some() {
        values.push(reader.value(0)?);
        reader.space();
    }
    Ok(values)
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError {
            at: self.at.min(self.text.len()),
            message: message.into(),
        })
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), SyntaxError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        match self.peek() {
            Some(_) => self.fail(format!("expected {what}")),
            None => self.fail(format!("the file ends where {what} was expected")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, SyntaxError> {
        if depth > MAX_DEPTH {
            return self.fail("nested too deeply to be a Kubernetes object");
        }
        let start = self.at;
        let (data, plain) = match self.peek() {
            Some(b'{') => (self.map(depth)?, false),
            Some(b'[') => (self.list(depth)?, false),
            Some(b'"') => (Data::Scalar(self.string()?), false),
            Some(b'a'..=b'z' | b'0'..=b'9' | b'-') => (Data::Scalar(self.word()?), true),
            Some(_) => return self.fail("expected a JSON value"),
            None => return self.fail("the file ends where a JSON value was expected"),
        };
        Ok(Node {
            data,
            plain,
            start,
            end: self.at,
        })
    }

    fn map(&mut self, depth: usize) -> Result<Data<'a>, SyntaxError> {
        self.at += 1;
        let mut pairs = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Data::Map(pairs));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return self.fail("expected a key in double quotes");
            }
            let key = self.string()?;
            self.space();
            self.expect(b':', "`:` after the key")?;
            self.space();
            let value = self.value(depth + 1)?;
            pairs.push((key, value));
            self.space();
            if self.peek() != Some(b',') {
                self.expect(b'}', "`,` or `}`")?;
                return Ok(Data::Map(pairs));
            }
            self.at += 1;
        }
    }

    fn list(&mut self, depth: usize) -> Result<Data<'a>, SyntaxError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Data::List(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            if self.peek() != Some(b',') {
                self.expect(b']', "`,` or `]`")?;
                return Ok(Data::List(items));
            }
            self.at += 1;
        }
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        let start = self.at;
        while matches!(
            self.peek(),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'+' | b'.')
        ) {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        let number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && serde_json::from_str::<serde_json::Number>(word).is_ok();
        if number || matches!(word, "true" | "false" | "null") {
            return Ok(Cow::Borrowed(word));
        }
        self.at = start;
        self.fail("expected a JSON value")
    }

    fn string(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(byte) if byte < 0x20 => {
                    return self.fail("control character in a string");
                }
                Some(_) => self.at += 1,
                None => {
                    self.at = open;
                    return self.fail("this string has no end");
                }
            }
        }
        let end = self.at;
        self.at += 1;
        if !escaped {
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        // Escapes are rare; serde_json knows surrogates and all the rest.
        match serde_json::from_str::<String>(&self.text[open..=end]) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(error) => {
                self.at = open;
                self.fail(format!("bad escape in this string: {error}"))
            }
        }
    }
}
