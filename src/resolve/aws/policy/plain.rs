//! Policy documents as nearly all are written, read in one pass over the text.
//!
//! Every element spelled right, given once, and of the type the grammar asks for.
//! Whatever is written otherwise is left to the patient reader in
//! [`super::document`], which says what is wrong with it: this one then answers
//! `None`, so a document means the same whichever of the two reads it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

/// A document.
#[derive(Default)]
pub(super) struct Plain<'a> {
    /// The version has policy variables.
    pub(super) variables: bool,
    /// `Id`.
    pub(super) id: Option<Cow<'a, str>>,
    /// The statements.
    pub(super) statements: Vec<Elements<'a>>,
    /// The strings of all elements.
    pub(super) words: Vec<Cow<'a, str>>,
}

/// An element of a statement.
#[derive(Clone)]
pub(super) enum Given<'a> {
    /// Its strings, by their places in [`Plain::words`].
    Words(Range<usize>),
    /// Its text.
    Raw(&'a RawValue),
}

/// All elements of a statement.
#[derive(Clone, Default)]
pub(super) struct Elements<'a> {
    /// Where the statement stands in the document's text, in bytes.
    pub(super) range: Range<usize>,
    pub(super) sid: Option<Given<'a>>,
    pub(super) effect: Option<Given<'a>>,
    pub(super) action: Option<Given<'a>>,
    pub(super) not_action: Option<Given<'a>>,
    pub(super) resource: Option<Given<'a>>,
    pub(super) not_resource: Option<Given<'a>>,
    pub(super) principal: Option<&'a RawValue>,
    pub(super) not_principal: Option<&'a RawValue>,
    pub(super) condition: Option<&'a RawValue>,
}

/// Reads a document whose statements are a list.
pub(super) fn document(text: &str) -> Option<Plain<'_>> {
    let mut scan = Scan {
        text,
        at: 0,
        plain: Plain {
            // What most documents need.
            words: Vec::with_capacity(32),
            ..Plain::default()
        },
    };
    let (mut version, mut statements) = (None, false);
    scan.members(|scan, name| {
        match name {
            "Version" => once(&mut version, scan.string()?)?,
            "Id" => {
                let id = scan.string()?;
                once(&mut scan.plain.id, id)?;
            }
            "Statement" if !statements => {
                statements = true;
                scan.list(|scan| {
                    let statement = scan.statement()?;
                    scan.plain.statements.push(statement);
                    Some(())
                })?;
            }
            _ => return None,
        }
        Some(())
    })?;
    scan.space();
    let mut plain = scan.plain;
    plain.variables = match version.as_deref() {
        Some("2012-10-17") => true,
        Some("2008-10-17") | None => false,
        Some(_) => return None,
    };
    (scan.at == text.len() && statements).then_some(plain)
}

/// Fills a place that must be empty.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// A position in a document's text. Every function answers `None` at the first thing
/// that is not as it should be.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    plain: Plain<'a>,
}

impl<'a> Scan<'a> {
    fn space(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.at += rest.iter().take_while(blank).count();
    }

    /// The next byte that is no space, which is left where it is.
    fn peek(&mut self) -> Option<u8> {
        self.space();
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        found.then_some(())
    }

    /// An object, each of whose values `value` reads by its name.
    fn members(&mut self, mut value: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.items(b'{', b'}', |scan| {
            let name = scan.string()?;
            scan.take(b':')?;
            value(scan, &name)
        })
    }

    /// A list, each of whose values `value` reads.
    fn list(&mut self, value: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.items(b'[', b']', value)
    }

    fn items(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.take(open)?;
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.take(b',').is_none() {
                return self.take(close);
            }
        }
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        if self.peek()? != b'"' {
            return None;
        }
        let inner = &self.text.as_bytes()[self.at + 1..];
        let length = unescaped(inner);
        match inner.get(length)? {
            b'"' => {
                let start = self.at + 1;
                self.at = start + length + 1;
                self.text.get(start..start + length).map(Cow::Borrowed)
            }
            b'\\' => self.value::<Word<'a>>().map(|word| word.0),
            _ => None,
        }
    }

    /// Whatever stands here, read by serde.
    fn value<T: Deserialize<'a>>(&mut self) -> Option<T> {
        let rest = self.text.get(self.at..)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter();
        let value = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(value)
    }

    fn word(&mut self) -> Option<Given<'a>> {
        let word = self.string()?;
        let at = self.plain.words.len();
        self.plain.words.push(word);
        Some(Given::Words(at..at + 1))
    }

    /// One string or a list of strings.
    fn words(&mut self) -> Option<Given<'a>> {
        if self.peek()? != b'[' {
            return self.word();
        }
        let start = self.plain.words.len();
        self.list(|scan| scan.word().map(drop))?;
        Some(Given::Words(start..self.plain.words.len()))
    }

    fn raw(&mut self) -> Option<&'a RawValue> {
        self.space();
        self.value()
    }

    fn statement(&mut self) -> Option<Elements<'a>> {
        self.space();
        let start = self.at;
        let mut of = Elements::default();
        self.members(|scan, name| match name {
            "Sid" => once(&mut of.sid, scan.word()?),
            "Effect" => once(&mut of.effect, scan.word()?),
            "Action" => once(&mut of.action, scan.words()?),
            "NotAction" => once(&mut of.not_action, scan.words()?),
            "Resource" => once(&mut of.resource, scan.words()?),
            "NotResource" => once(&mut of.not_resource, scan.words()?),
            "Principal" => once(&mut of.principal, scan.raw()?),
            "NotPrincipal" => once(&mut of.not_principal, scan.raw()?),
            "Condition" => once(&mut of.condition, scan.raw()?),
            _ => None,
        })?;
        of.range = start..self.at;
        Some(of)
    }
}

/// How many bytes come before the first quote, backslash or control character.
///
/// Eight at a time: a byte less than `n` borrows from its highest bit when `n` is
/// taken away, unless that bit was set before. A borrow may run on into the bytes
/// above, never into those below, so the lowest hit is a true one.
fn unescaped(text: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let mut at = 0;
    let chunks = text.as_chunks::<8>().0;
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk);
        let below = |word: u64, least: u64| word.wrapping_sub(ONES * least) & !word;
        let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let hits = (below(word, 0x20) | is(b'"') | is(b'\\')) & (ONES << 7);
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += chunk.len();
    }
    let ends = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    let rest = &text[at..];
    at + rest.iter().position(ends).unwrap_or(rest.len())
}

/// A string, and nothing else: a slice of the text unless it holds escapes.
pub(super) struct Word<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Word<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Word<'de>, E> {
                Ok(Word(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Word<'de>, E> {
                Ok(Word(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Borrow)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::*;

    #[test]
    fn both_readers_agree() {
        for elements in [
            r#""Sid":"a","Effect":"Allow","Action":"s3:*","Resource":["x","${aws:username}"]"#,
            r#""Effect":"Deny","NotAction":["IAM:Get*","iam:PassRole"],"NotResource":"*""#,
            r#""Sid":"","Effect":"Allow","Action":[],"Resource":"arn:\u0061ws:*""#,
            r#""Effect":"Allow","Principal":{"AWS":["1","*"]},"Action":"sts:AssumeRole",
               "Condition":{"StringLike":{"aws:userid":["a",1,true]}}"#,
            r#""Effect":"Allow","NotPrincipal":"*","Action":"a:b","Condition":null"#,
            r#""Effect":"Perhaps","Action":"a:b""#,
            r#""Effect":"Allow","Action":"a:b","NotAction":"a:c""#,
        ] {
            for head in [
                r#""Version":"2012-10-17","Id":"x""#,
                r#""Version":"2008-10-17""#,
            ] {
                let of = |more: &str| {
                    let text = format!(r#"{{{head},"Statement":[{{{elements}{more}}}]{more}}}"#);
                    assert_eq!(document(&text).is_some(), more.is_empty());
                    let mut read = Document::parse(&text).unwrap();
                    for statement in &mut read.statements {
                        statement.range = 0..0;
                    }
                    read.problems
                        .retain(|one| !one.message.contains("unknown element"));
                    for problem in &mut read.problems {
                        problem.range = 0..0;
                    }
                    format!("{read:?}")
                };
                assert_eq!(of(""), of(r#","X":0"#), "{elements}");
            }
        }
    }

    #[test]
    fn what_is_spelled_otherwise_is_left_to_the_other_reader() {
        for text in [
            r#"{"Version":null,"Statement":[]}"#,
            r#"{"version":"2012-10-17","Statement":[]}"#,
            r#"{"Version":"2012","Statement":[]}"#,
            r#"{"Statement":[],"Statement":[]}"#,
            r#"{"Statement":{}}"#,
            r#"{"Version":"2012-10-17"}"#,
            r#"["2012-10-17","x",[]]"#,
            r#"{"Statement":[]} x"#,
        ] {
            assert!(document(text).is_none(), "{text}");
        }
        for text in [
            r#"{"Effect":null}"#,
            r#"{"Effect":["Allow"]}"#,
            r#"{"Action":["a",1]}"#,
            r#"{"Action":["a",]}"#,
            r#"{"Action":{"a":"b"}}"#,
            r#"{"action":"a:b"}"#,
            r#"{"Action":"a:b","Action":"a:c"}"#,
            r#"{"Action":"a:b",}"#,
            "{\"Action\":\"a:\tb\"}",
            r#""a""#,
        ] {
            let text = format!(r#"{{"Statement":[{text}]}}"#);
            assert!(document(&text).is_none(), "{text}");
        }
        assert!(document(r#" { "Statement" : [ { "Action" : [ ] } ] } "#).is_some());
    }

    #[test]
    fn strings_end_where_they_end() {
        for end in ["\"", "\\", "\n", "\u{1f}", ""] {
            for length in 0..40 {
                let start: String = "é~ !#[]x".chars().cycle().take(length).collect();
                let text = format!("{start}{end}\"é\"\\");
                let expected = text
                    .bytes()
                    .position(|byte| byte < 0x20 || b"\"\\".contains(&byte));
                assert_eq!(Some(unescaped(text.as_bytes())), expected, "{text:?}");
            }
        }
    }
}
