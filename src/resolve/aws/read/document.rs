//! Policy documents inside other documents: encoded text, text or objects.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;

/// A policy document's text, and how it stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentText<'a> {
    /// As it stands in the file: an object, or a quoted string.
    raw: &'a str,
    /// The document as JSON.
    pub text: Cow<'a, str>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A JSON object.
    Object,
    /// A JSON string holding JSON.
    Quoted,
    /// A JSON string holding URL-encoded JSON, as IAM's API answers.
    Encoded,
}

impl<'a> DocumentText<'a> {
    /// Reads the document that stands as `raw` in a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(raw: &'a str) -> Result<Self, String> {
        if raw.starts_with('{') {
            return Ok(DocumentText {
                raw,
                text: Cow::Borrowed(raw),
                form: Form::Object,
            });
        }
        let quoted: super::Text<'a> =
            serde_json::from_str(raw).map_err(|_| "a policy document must be text or an object")?;
        let quoted = quoted.0;
        if quoted.trim_start().starts_with('{') {
            return Ok(DocumentText {
                raw,
                text: quoted,
                form: Form::Quoted,
            });
        }
        let decode = |text: &str| -> Result<String, String> {
            percent_decode_str(text)
                .decode_utf8()
                .map(Cow::into_owned)
                .map_err(|_| "a policy document does not decode to UTF-8".to_owned())
        };
        let text = if quoted.contains('%') {
            Cow::Owned(decode(&quoted)?)
        } else {
            quoted
        };
        Ok(DocumentText {
            raw,
            text,
            form: Form::Encoded,
        })
    }

    /// The slice of the file that holds `range` of [`Self::text`].
    pub fn slice(&self, range: Range<usize>) -> &'a str {
        if self.form == Form::Object {
            return self.raw.get(range).unwrap_or(self.raw);
        }
        let (mut start, mut end) = (None, None);
        let mut decoded = 0;
        // Inside the quotes.
        let mut at = 1;
        while at < self.raw.len() {
            if start.is_none() && decoded >= range.start {
                start = Some(at);
            }
            if decoded >= range.end {
                end = Some(at);
                break;
            }
            let (taken, gives) = self.unit(at);
            at += taken;
            decoded += gives;
        }
        start
            .zip(end)
            .and_then(|(start, end)| self.raw.get(start..end))
            .unwrap_or(self.raw)
    }

    /// How many bytes of the file the character at `at` takes, and how many bytes it
    /// stands for.
    fn unit(&self, at: usize) -> (usize, usize) {
        let bytes = self.raw.as_bytes();
        match bytes[at] {
            b'\\' if bytes.get(at + 1) == Some(&b'u') => {
                let code = self
                    .raw
                    .get(at + 2..at + 6)
                    .and_then(|hex| u32::from_str_radix(hex, 16).ok())
                    .unwrap_or(0);
                match code {
                    // Two escapes make one character of four bytes.
                    0xD800..=0xDBFF => (12, 4),
                    _ => (6, char::from_u32(code).map_or(3, char::len_utf8)),
                }
            }
            b'\\' => (2, 1),
            b'%' if self.form == Form::Encoded => (3, 1),
            _ => (1, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_read_alike_and_tell_places() {
        let plain = r#"{"Version":"2012-10-17","Sid":"é"}"#;
        let quoted = serde_json::to_string(plain).unwrap();
        let encoded = "\"%7B%22Version%22%3A%222012-10-17%22%2C%22Sid%22%3A%22%C3%A9%22%7D\"";
        let escaped = quoted.replace('é', "\\u00e9");
        let at = plain.find("Version").unwrap();
        for raw in [plain, &quoted, encoded, &escaped] {
            let document = DocumentText::new(raw).unwrap();
            assert_eq!(document.text, plain);
            assert_eq!(document.slice(at..at + 7), "Version", "{raw}");
            let sid = plain.find("Sid").unwrap();
            assert_eq!(document.slice(sid..sid + 3), "Sid", "{raw}");
        }
        let end = plain.len();
        let document = DocumentText::new(encoded).unwrap();
        assert_eq!(document.slice(end - 1..end), "%7D");
    }

    #[test]
    fn what_is_no_document_is_told() {
        assert!(DocumentText::new("12").is_err());
        assert!(DocumentText::new("\"%FF%FE\"").is_err());
        // Not JSON, but text: the policy parser says what is wrong with it.
        assert!(DocumentText::new("\"hello\"").is_ok());
    }
}
