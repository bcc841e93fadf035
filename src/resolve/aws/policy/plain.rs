//! Policy documents as nearly all are written, read in two passes over the text.
//!
//! Every element spelled right, given once, and of the type the grammar asks for.
//! Whatever is written otherwise is left to the patient reader in
//! [`super::document`], which says what is wrong with it: these functions then answer
//! `None`, so a document means the same whichever of the two reads it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The outermost members of a document.
pub(super) struct Plain<'a> {
    /// The version has policy variables.
    pub(super) variables: bool,
    /// `Id`.
    pub(super) id: Option<Cow<'a, str>>,
    /// The statements.
    pub(super) statements: Vec<&'a RawValue>,
}

/// An element of a statement.
pub(super) enum Given<'a> {
    /// Its strings.
    Words(Vec<Cow<'a, str>>),
    /// Its text.
    Raw(&'a RawValue),
}

/// All elements of a statement.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Elements<'a> {
    #[serde(borrow, default, deserialize_with = "word")]
    pub(super) sid: Option<Given<'a>>,
    #[serde(borrow, default, deserialize_with = "word")]
    pub(super) effect: Option<Given<'a>>,
    #[serde(borrow, default, deserialize_with = "words")]
    pub(super) action: Option<Given<'a>>,
    #[serde(borrow, default, deserialize_with = "words")]
    pub(super) not_action: Option<Given<'a>>,
    #[serde(borrow, default, deserialize_with = "words")]
    pub(super) resource: Option<Given<'a>>,
    #[serde(borrow, default, deserialize_with = "words")]
    pub(super) not_resource: Option<Given<'a>>,
    #[serde(borrow, default, deserialize_with = "some")]
    pub(super) principal: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "some")]
    pub(super) not_principal: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "some")]
    pub(super) condition: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Outer<'a> {
    #[serde(borrow, default, deserialize_with = "some")]
    version: Option<Word<'a>>,
    #[serde(borrow, default, deserialize_with = "some")]
    id: Option<Word<'a>>,
    #[serde(borrow)]
    statement: Vec<&'a RawValue>,
}

/// Reads a document whose statements are a list.
pub(super) fn document(text: &str) -> Option<Plain<'_>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let outer: Outer<'_> = serde_json::from_str(text).ok()?;
    let variables = match outer.version.as_ref().map(|version| &*version.0) {
        Some("2012-10-17") => true,
        Some("2008-10-17") | None => false,
        Some(_) => return None,
    };
    Some(Plain {
        variables,
        id: outer.id.map(|id| id.0),
        statements: outer.statement,
    })
}

/// Reads the elements of a statement, which is an object.
pub(super) fn elements(raw: &RawValue) -> Option<Elements<'_>> {
    serde_json::from_str(raw.get()).ok()
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

/// One string or a list of strings.
struct Words<'a>(Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Words<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Words<'de>, E> {
                Ok(Words(vec![Cow::Borrowed(text)]))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Words<'de>, E> {
                Ok(Words(vec![Cow::Owned(text.to_owned())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words<'de>, A::Error> {
                let mut words = Vec::new();
                while let Some(Word(word)) = list.next_element()? {
                    words.push(word);
                }
                Ok(Words(words))
            }
        }
        from.deserialize_any(OneOrMany)
    }
}

/// What is there, `null` not standing for absence.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

fn word<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Given<'de>>, D::Error> {
    Word::deserialize(from).map(|word| Some(Given::Words(vec![word.0])))
}

fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Given<'de>>, D::Error> {
    Words::deserialize(from).map(|words| Some(Given::Words(words.0)))
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
            r#"{"Action":{"a":"b"}}"#,
            r#"{"action":"a:b"}"#,
            r#"{"Action":"a:b","Action":"a:c"}"#,
        ] {
            let raw: &RawValue = serde_json::from_str(text).unwrap();
            assert!(elements(raw).is_none(), "{text}");
        }
    }
}
