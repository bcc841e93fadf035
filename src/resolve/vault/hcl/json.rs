//! The JSON form, folded into the tree of the native form.
//!
//! `hcl/json/parser` turns an object whose members are all objects into labels:
//! `{"path": {"secret/*": {…}}}` reads like `path "secret/*" {…}`, and a list of
//! objects reads like the key repeated.

use super::{Item, Key, Kind, MAX_DEPTH, SyntaxError, Value};

pub(super) fn parse(text: &str) -> Result<Vec<Item>, SyntaxError> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    if reader.at < text.len() {
        return reader.fail("expected the end of the document");
    }
    match value.kind {
        Kind::Object(items) => Ok(items),
        _ => Err(SyntaxError::new(0, "expected an object")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError::new(self.at, message))
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        if self.at == 0 && self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
            self.space();
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), SyntaxError> {
        self.space();
        if self.byte() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        self.fail(format!("expected `{}`", char::from(byte)))
    }

    fn value(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        if depth > MAX_DEPTH {
            return self.fail(format!("nested more than {MAX_DEPTH} levels deep"));
        }
        self.space();
        let start = self.at;
        let kind = match self.byte() {
            Some(b'{') => Kind::Object(fold(self.members(depth)?)),
            Some(b'[') => Kind::List(self.elements(depth)?),
            Some(b'"') => Kind::String(self.string()?),
            _ => self.literal()?,
        };
        Ok(Value {
            kind,
            span: start..self.at,
        })
    }

    fn members(&mut self, depth: usize) -> Result<Vec<Item>, SyntaxError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.byte() == Some(b'}') {
            self.at += 1;
            return Ok(items);
        }
        loop {
            self.space();
            let start = self.at;
            if self.byte() != Some(b'"') {
                return self.fail("expected a member name in quotes");
            }
            let text = self.string()?;
            let key = Key {
                text,
                span: start..self.at,
            };
            self.expect(b':')?;
            let value = self.value(depth + 1)?;
            items.push(Item {
                keys: vec![key],
                value,
            });
            self.space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(items);
                }
                _ => return self.fail("expected `,` or `}`"),
            }
        }
    }

    fn elements(&mut self, depth: usize) -> Result<Vec<Value>, SyntaxError> {
        self.at += 1;
        let mut list = Vec::new();
        self.space();
        if self.byte() == Some(b']') {
            self.at += 1;
            return Ok(list);
        }
        loop {
            list.push(self.value(depth + 1)?);
            self.space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(list);
                }
                _ => return self.fail("expected `,` or `]`"),
            }
        }
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => return Err(SyntaxError::new(start, "this string is not closed")),
            }
        }
        self.at += 1;
        self.text
            .get(start..self.at)
            .and_then(|raw| serde_json::from_str(raw).ok())
            .ok_or_else(|| SyntaxError::new(start, "this is not a JSON string"))
    }

    fn literal(&mut self) -> Result<Kind, SyntaxError> {
        let start = self.at;
        while self
            .byte()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        match word {
            "true" => Ok(Kind::Bool(true)),
            "false" => Ok(Kind::Bool(false)),
            // The parser of v1 reads null as the empty text.
            "null" => Ok(Kind::String(String::new())),
            _ if word.parse::<i64>().is_ok() => Ok(Kind::Number(word.to_owned())),
            _ => match serde_json::from_str::<f64>(word) {
                Ok(number) => Ok(Kind::Float(number)),
                Err(_) => Err(SyntaxError::new(start, "expected a JSON value")),
            },
        }
    }
}

/// Spreads members whose value is an object of objects, or a list of objects, into
/// items with more keys. Works on a stack so that depth costs no recursion.
fn fold(members: Vec<Item>) -> Vec<Item> {
    let mut out = Vec::with_capacity(members.len());
    let mut waiting: Vec<Item> = members.into_iter().rev().collect();
    while let Some(Item { keys, value }) = waiting.pop() {
        let spread = |value: Value, more: Vec<Key>| {
            let mut keys = keys.clone();
            keys.extend(more);
            Item { keys, value }
        };
        match value.kind {
            Kind::Object(inner) if !inner.is_empty() && inner.iter().all(is_object) => {
                waiting.extend(
                    inner
                        .into_iter()
                        .rev()
                        .map(|item| spread(item.value, item.keys)),
                );
            }
            Kind::List(list)
                if !list.is_empty() && list.iter().all(|v| matches!(v.kind, Kind::Object(_))) =>
            {
                waiting.extend(
                    list.into_iter()
                        .rev()
                        .map(|value| spread(value, Vec::new())),
                );
            }
            kind => out.push(Item {
                keys,
                value: Value {
                    kind,
                    span: value.span,
                },
            }),
        }
    }
    out
}

fn is_object(item: &Item) -> bool {
    matches!(item.value.kind, Kind::Object(_))
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    fn shape(text: &str) -> Vec<Vec<String>> {
        parse(text)
            .unwrap()
            .into_iter()
            .map(|item| item.keys.into_iter().map(|key| key.text).collect())
            .collect()
    }

    #[test]
    fn objects_of_objects_become_labels() {
        assert_eq!(
            shape(r#"{"path":{"a/*":{"capabilities":["read"]},"b":{}}}"#),
            [["path", "a/*"], ["path", "b"]]
        );
        assert_eq!(
            shape(r#"{"path":[{"a":{"policy":"read"}},{"b":{"policy":"read"}}]}"#),
            [["path", "a"], ["path", "b"]]
        );
        assert_eq!(shape(r#" {"name":"x"}"#), [["name"]]);
    }

    #[test]
    fn broken_json_is_an_error() {
        for text in [
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1}x",
            "{\"a\":[1,]}",
            "{\"a\":\"\\",
            "{\"a\":1e}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
