//! AWS's documents as typed values that borrow from the files they stand in.
//!
//! Nothing is copied that need not be: texts are slices of the file unless they hold
//! escapes, and a slice tells where it stands ([`File::locate`]). Unknown members are
//! passed over, so newer answers of AWS stay readable.

pub mod document;
pub mod eks;
pub mod iam;
pub mod list;
pub mod organization;
pub mod report;
pub mod salvage;
pub mod sso;

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::{LineIndex, Location, Sym};
use crate::snapshot::Document;

/// A file whose values borrow from it.
#[derive(Debug)]
pub struct File<'a> {
    /// As the user named it.
    pub name: Sym,
    /// Which of AWS's documents it is.
    pub kind: &'static str,
    /// The account it was read from, where its place tells.
    pub account: Option<Sym>,
    /// Its text, without a byte order mark.
    pub text: &'a str,
    lines: OnceLock<LineIndex>,
}

/// Part of a file that cannot be used, and why.
#[derive(Clone, Debug)]
pub struct Unusable {
    /// Where.
    pub location: Location,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location {
            file, line, column, ..
        } = self.location;
        write!(f, "{file}:{line}:{column}: {}", self.message)
    }
}

impl<'a> File<'a> {
    /// The text of a document.
    ///
    /// # Errors
    /// Where it is no UTF-8.
    pub fn new(document: &'a Document) -> Result<Self, Unusable> {
        let bytes: &'a [u8] = &document.text;
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            Unusable {
                location: LineIndex::new(bytes).locate(document.file, bytes, at..at + 1),
                message: "not UTF-8; AWS answers in UTF-8".to_owned(),
            }
        })?;
        Ok(File {
            name: document.file,
            kind: document.kind,
            account: document
                .tenant
                .or_else(|| account_in_path(&document.path))
                .or_else(|| account_in_path(&document.file)),
            text,
            lines: OnceLock::new(),
        })
    }

    /// Where `part` stands, if it is a slice of this file.
    pub fn locate(&self, part: &str) -> Option<Location> {
        let start = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let end = start.checked_add(part.len())?;
        (end <= self.text.len()).then(|| self.locate_range(start..end))
    }

    /// Where a range of bytes stands.
    pub fn locate_range(&self, range: std::ops::Range<usize>) -> Location {
        let bytes = self.text.as_bytes();
        self.lines
            .get_or_init(|| LineIndex::new(bytes))
            .locate(self.name, bytes, range)
    }

    /// The pages in this file: values one after the other, one per line, or the
    /// elements of one array; and what of them cannot be used. A page that cannot is
    /// passed over.
    pub fn pages<T: Deserialize<'a>>(&self) -> (Vec<T>, Vec<Unusable>) {
        let (pages, bad) = self.all_pages();
        let Some(bad) = bad else {
            return (pages, Vec::new());
        };
        let (raw, ended) = self.raw_pages();
        if raw.len() < 2 && ended.is_ok() {
            return (pages, vec![bad]);
        }
        let mut pages = Vec::new();
        let mut lost = Vec::new();
        for (index, raw) in raw.into_iter().enumerate() {
            match serde_json::from_str(raw.get()) {
                Ok(page) => pages.push(page),
                Err(error) => {
                    let what = format!("page {index}");
                    lost.push(list::left_out(self, &what, raw.get(), &error));
                }
            }
        }
        lost.extend(ended.err().map(|error| self.unusable(&error)));
        (pages, lost)
    }

    /// The pages up to the first that cannot be used; of an array all or none.
    fn all_pages<T: Deserialize<'a>>(&self) -> (Vec<T>, Option<Unusable>) {
        if self.text.trim_start().starts_with('[') {
            return match serde_json::from_str(self.text) {
                Ok(pages) => (pages, None),
                Err(error) => (Vec::new(), Some(self.unusable(&error))),
            };
        }
        let mut pages = Vec::new();
        for page in serde_json::Deserializer::from_str(self.text).into_iter() {
            match page {
                Ok(page) => pages.push(page),
                Err(error) => return (pages, Some(self.unusable(&error))),
            }
        }
        (pages, None)
    }

    /// The text of each page, as far as the file is JSON.
    fn raw_pages(&self) -> (Vec<&'a RawValue>, serde_json::Result<()>) {
        /// Takes the elements of an array.
        struct Elements<'r, 'a>(&'r mut Vec<&'a RawValue>);
        impl<'de: 'a, 'a> Visitor<'de> for Elements<'_, 'a> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of pages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
                while let Some(page) = list.next_element()? {
                    self.0.push(page);
                }
                Ok(())
            }
        }
        let mut raw = Vec::new();
        let mut from = serde_json::Deserializer::from_str(self.text);
        let ended = if self.text.trim_start().starts_with('[') {
            from.deserialize_seq(Elements(&mut raw))
                .and_then(|()| from.end())
        } else {
            from.into_iter().try_for_each(|page| {
                raw.push(page?);
                Ok(())
            })
        };
        (raw, ended)
    }

    /// Where and why the JSON of this file cannot be used.
    fn unusable(&self, error: &serde_json::Error) -> Unusable {
        Unusable {
            location: Location::of_fault(self.name, error.line(), error.column()),
            message: error.to_string(),
        }
    }
}

/// The last directory of `path` that is an account number.
fn account_in_path(path: &str) -> Option<Sym> {
    let (folder, _) = path.rsplit_once('/')?;
    folder
        .rsplit('/')
        .find(|part| is_account(part))
        .map(Sym::new)
}

/// Whether `text` is an account number: twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The account number in an ARN, if it has one.
pub fn account_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?
        .split(':')
        .nth(3)
        .filter(|part| is_account(part))
}

/// Text that is a slice of its file unless it holds escapes.
///
/// `Cow` alone borrows only as a direct struct field; inside an `Option` or a list
/// serde copies it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// Interned.
    pub fn sym(&self) -> Sym {
        Sym::new(&self.0)
    }

    /// The slice of the file, if it is one.
    pub fn slice(&self) -> Option<&'a str> {
        match self.0 {
            Cow::Borrowed(slice) => Some(slice),
            Cow::Owned(_) => None,
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Borrow)
    }
}

/// A time as the CLI (RFC 3339) or the API (seconds since 1970) writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time(pub Option<Timestamp>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time: RFC 3339 text or seconds since 1970")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                Ok(Time(text.parse().ok()))
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Time, E> {
                Ok(Time(Timestamp::from_second(seconds).ok()))
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Time, E> {
                let seconds = i64::try_from(seconds).ok();
                Ok(Time(
                    seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()),
                ))
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Time, E> {
                // Milliseconds are what AWS knows; a cast saturates.
                Ok(Time(
                    Timestamp::from_millisecond((seconds * 1000.0) as i64).ok(),
                ))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Time, E> {
                Ok(Time(None))
            }
        }
        from.deserialize_any(Either)
    }
}

/// Reads `null` as the default.
fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// A tag, as IAM, Secrets Manager and Identity Center write it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag<'a> {
    /// Its name.
    #[serde(borrow)]
    pub key: Text<'a>,
    /// Its value.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub value: Text<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::System;
    use std::sync::Arc;

    fn document(path: &str, text: &str) -> Document {
        Document {
            system: System::Aws,
            kind: "x",
            tenant: None,
            path: Sym::new(path),
            file: Sym::new(path),
            text: Arc::from(text.as_bytes()),
        }
    }

    #[derive(Deserialize)]
    struct One<'a> {
        #[serde(borrow)]
        a: Option<Text<'a>>,
    }

    #[test]
    fn pages_come_in_every_shape() {
        for text in [
            r#"{"a":"1"}{"a":"2"}"#,
            "{\"a\":\"1\"}\n{\"a\":\"2\"}\n",
            r#"[{"a":"1"},{"a":"2"}]"#,
        ] {
            let document = document("aws/111122223333/x.json", text);
            let file = File::new(&document).unwrap();
            assert_eq!(file.account, Some(Sym::new("111122223333")));
            let (pages, bad) = file.pages::<One<'_>>();
            assert!(bad.is_empty());
            let texts: Vec<_> = pages.iter().map(|page| page.a.as_deref()).collect();
            assert_eq!(texts, [Some("1"), Some("2")]);
        }
    }

    #[test]
    fn borrowed_text_tells_where_it_stands() {
        let document = document("x.json", "{\n  \"a\": \"hé\"\n}");
        let file = File::new(&document).unwrap();
        let (pages, _) = file.pages::<One<'_>>();
        let slice = pages[0].a.as_ref().and_then(Text::slice).unwrap();
        let at = file.locate(slice).unwrap();
        assert_eq!((at.line, at.column, at.end_column), (2, 9, 11));
        assert_eq!(file.locate("elsewhere"), None);
    }

    #[test]
    fn a_truncated_page_is_told_with_its_place() {
        let document = document("x.json", "{\"a\":\"1\"}\n{\"a\":\"");
        let file = File::new(&document).unwrap();
        let (pages, bad) = file.pages::<One<'_>>();
        assert_eq!(pages.len(), 1);
        assert_eq!(bad[0].location.line, 2);
    }

    #[test]
    fn one_bad_page_or_element_costs_itself_alone() {
        #[derive(Deserialize)]
        struct Page<'a> {
            #[serde(borrow)]
            list: list::List<'a, One<'a>>,
        }
        let good = r#"{"list":[{"a":"1"},{"a":2},{"a":"3"}]}"#;
        let many = [
            (format!("{good}\n{{\"list\":true}}\n7\n{good}"), 5),
            (format!("[{good},\n{{\"list\":true}},\n7,\n{good}]"), 5),
            (format!("[{good},\n{{\"list\":true}},\n7,\n{good},{{"), 6),
        ];
        for (text, expected) in many {
            let document = document("x.json", &text);
            let file = File::new(&document).unwrap();
            let (pages, mut lost) = file.pages::<Page<'_>>();
            let mut kept = Vec::new();
            for page in pages {
                kept.extend(page.list.take(&file, "list", &mut lost));
            }
            let kept: Vec<_> = kept.iter().map(|one| one.a.as_deref()).collect();
            assert_eq!(kept, [Some("1"), Some("3"), Some("1"), Some("3")], "{text}");
            let mut told: Vec<String> = lost.iter().map(ToString::to_string).collect();
            told.sort();
            assert_eq!(told.len(), expected - 1, "{told:?}");
            let bad = "element 1 of `list` is left out: invalid type: integer `2`, expected text";
            assert!(
                told[0].starts_with("x.json:1:") && told[0].ends_with(bad),
                "{told:?}"
            );
            assert!(
                told[1].ends_with(
                    "`list` is left out: invalid type: boolean `true`, expected a sequence"
                ),
                "{told:?}"
            );
            assert!(told[2].starts_with("x.json:3:"), "{told:?}");
        }
    }

    #[test]
    fn times_of_cli_and_api_agree() {
        let of = |text: &str| serde_json::from_str::<Time>(text).unwrap().0.unwrap();
        let cli = of("\"2026-11-01T10:00:00+00:00\"");
        assert_eq!(cli, of(&cli.as_second().to_string()));
        assert_eq!(cli, of(&format!("{}.0", cli.as_second())));
        assert_eq!(serde_json::from_str::<Time>("\"N/A\"").unwrap().0, None);
    }
}
