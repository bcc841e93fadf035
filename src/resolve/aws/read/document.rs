//! Policy documents inside other documents: encoded text, text or objects.

use std::borrow::Cow;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A JSON object.
    Object,
    /// A JSON string holding JSON.
    Quoted,
    /// A JSON string holding URL-encoded JSON, as IAM's API answers.
    Encoded,
}

/// How the document that stands as `raw` in a file (an object or a quoted string) is
/// written, and its text before decoding.
fn inner(raw: &str) -> Result<(Form, Cow<'_, str>), String> {
    if raw.starts_with('{') {
        return Ok((Form::Object, Cow::Borrowed(raw)));
    }
    let quoted: super::Text<'_> =
        serde_json::from_str(raw).map_err(|_| "a policy document must be text or an object")?;
    let form = match quoted.trim_start().starts_with('{') {
        true => Form::Quoted,
        false => Form::Encoded,
    };
    Ok((form, quoted.0))
}

/// The document that stands as `raw` in a file, as JSON.
///
/// # Errors
/// What is wrong with it.
pub fn text(raw: &str) -> Result<Cow<'_, str>, String> {
    let (form, text) = inner(raw)?;
    if form != Form::Encoded || !text.contains('%') {
        return Ok(text);
    }
    match String::from_utf8(percent_decode(text.as_bytes())) {
        Ok(decoded) => Ok(Cow::Owned(decoded)),
        Err(_) => Err("a policy document does not decode to UTF-8".to_owned()),
    }
}

/// The slice of `raw` that holds `range` of its [`text`]; all of it where none does.
pub fn slice(raw: &str, range: Range<usize>) -> &str {
    // Almost always the first characters tell how it is written.
    let form = match raw.get(..4) {
        Some("\"%7B") => Form::Encoded,
        _ => match inner(raw) {
            Ok((Form::Object, _)) => return raw.get(range).unwrap_or(raw),
            Ok((form, _)) => form,
            Err(_) => return raw,
        },
    };
    let (mut start, mut end) = (None, None);
    let mut decoded = 0;
    // Inside the quotes.
    let mut at = 1;
    while at < raw.len() {
        if start.is_none() && decoded >= range.start {
            start = Some(at);
        }
        if decoded >= range.end {
            end = Some(at);
            break;
        }
        let (taken, gives) = unit(raw, form, at);
        at += taken;
        decoded += gives;
    }
    start
        .zip(end)
        .and_then(|(start, end)| raw.get(start..end))
        .unwrap_or(raw)
}

/// How many bytes of the file the character at `at` takes, and how many bytes it
/// stands for.
fn unit(raw: &str, form: Form, at: usize) -> (usize, usize) {
    let bytes = raw.as_bytes();
    match bytes[at] {
        b'\\' if bytes.get(at + 1) == Some(&b'u') => {
            let code = raw
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
        b'%' if form == Form::Encoded => (3, 1),
        _ => (1, 1),
    }
}

/// Decodes `%XX` (RFC 3986 §2.1). A `%` without two hexadecimal digits stands for
/// itself.
///
/// Accounts hold megabytes of encoded policies, so what stands between two `%` is
/// copied eight bytes at a time.
fn percent_decode(text: &[u8]) -> Vec<u8> {
    const STEP: usize = size_of::<u64>();
    const ONES: u64 = u64::MAX / 255;
    // Never longer than the text; the steps write past what they keep.
    let mut out = vec![0; text.len() + STEP];
    let (mut from, mut to) = (0, 0);
    while from < text.len() {
        let run = match text[from..].first_chunk::<STEP>() {
            Some(chunk) => {
                out[to..to + STEP].copy_from_slice(chunk);
                // The lowest bit set is the highest of the first byte that is `%`.
                let other = u64::from_le_bytes(*chunk) ^ (ONES * u64::from(b'%'));
                let hits = other.wrapping_sub(ONES) & !other & (ONES << 7);
                hits.trailing_zeros() as usize / 8
            }
            None => {
                out[to] = text[from];
                usize::from(text[from] != b'%')
            }
        };
        from += run;
        to += run;
        while let Some(b'%') = text.get(from) {
            let (byte, taken) = match text[from..].first_chunk::<3>() {
                Some([_, high, low]) => {
                    let (high, low) = (HEX[usize::from(*high)], HEX[usize::from(*low)]);
                    match high | low {
                        0..16 => (high << 4 | low, 3),
                        _ => (b'%', 1),
                    }
                }
                None => (b'%', 1),
            };
            out[to] = byte;
            to += 1;
            from += taken;
        }
    }
    out.truncate(to);
    out
}

/// What each byte is worth as a hexadecimal digit; 255 for those that are none.
const HEX: [u8; 256] = {
    let mut table = [u8::MAX; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = digit as u8;
        table[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
};

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
            assert_eq!(text(raw).unwrap(), plain);
            assert_eq!(slice(raw, at..at + 7), "Version", "{raw}");
            let sid = plain.find("Sid").unwrap();
            assert_eq!(slice(raw, sid..sid + 3), "Sid", "{raw}");
        }
        let end = plain.len();
        assert_eq!(slice(encoded, end - 1..end), "%7D");
    }

    #[test]
    fn decoding_agrees_with_the_crate_for_it() {
        let pieces = [
            "%41", "%c3%A9", "%", "%4", "%%41", "%zz", "abcdefg", "x", "é",
        ];
        for first in 0..pieces.len() {
            for step in 1..pieces.len() {
                let text: String = (0..9)
                    .map(|at| pieces[(first + at * step) % pieces.len()])
                    .collect();
                let expected: Vec<u8> = percent_encoding::percent_decode_str(&text).collect();
                assert_eq!(percent_decode(text.as_bytes()), expected, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_document_is_told() {
        assert!(text("12").is_err());
        assert!(text("\"%FF%FE\"").is_err());
        // Not JSON, but text: the policy parser says what is wrong with it.
        assert!(text("\"hello\"").is_ok());
    }
}
