//! JSON that can be hashed: read strictly, written in the one canonical form.
//!
//! The canonical form is that of RFC 8785 (JSON Canonicalization Scheme): members
//! sorted by the UTF-16 code units of their names, no white space, the shortest
//! escapes, and numbers as ECMAScript prints a double. What has no single canonical
//! form is refused when read: a name given twice, half of a surrogate pair, an
//! integer a double cannot hold exactly, nesting deeper than [`MAX_DEPTH`].
//!
//! `serde_json` is not used for this because it takes the last of two equal names
//! without a word, and rounds decimal fractions in its default configuration: two
//! ways to change a line without changing its digest.

use std::borrow::Cow;
use std::cmp::Ordering;

/// Deeper documents are refused.
pub const MAX_DEPTH: usize = 32;
/// The largest integer every double below it is exact for: 2^53 - 1.
const MAX_INTEGER: f64 = 9_007_199_254_740_991.0;

/// The least double that is written with an exponent.
const FIRST_EXPONENT: f64 = 1e21;

/// A JSON value; members of a map are in canonical order.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// Names and values.
    Map(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why text is no JSON that can be hashed, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset in the text.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

impl<'a> Json<'a> {
    /// Reads one value and nothing after it but white space.
    ///
    /// # Errors
    /// If `text` is no JSON, or has no canonical form.
    pub fn parse(text: &'a str) -> Result<Self, JsonError> {
        let mut reader = Reader { text, at: 0 };
        reader.skip_space();
        let value = reader.value(0)?;
        reader.skip_space();
        if reader.at < text.len() {
            return Err(reader.error("nothing may follow the value"));
        }
        Ok(value)
    }

    /// The member called `name`, if this is a map that has it.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        match self {
            Json::Map(members) => members
                .binary_search_by(|(key, _)| by_units(key, name))
                .ok()
                .map(|at| &members[at].1),
            _ => None,
        }
    }

    /// The text, if this is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Appends the canonical form to `out`.
    pub fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(number) => write_number(*number, out),
            Json::Text(text) => write_text(text, out),
            Json::List(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Json::Map(members) => {
                out.push('{');
                for (place, (name, value)) in members.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    write_text(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// Appends the canonical form without the member `name` of this map.
    pub fn write_without(&self, name: &str, out: &mut String) {
        let Json::Map(members) = self else {
            return self.write(out);
        };
        out.push('{');
        let mut first = true;
        for (key, value) in members.iter().filter(|(key, _)| key != name) {
            if !first {
                out.push(',');
            }
            first = false;
            write_text(key, out);
            out.push(':');
            value.write(out);
        }
        out.push('}');
    }
}

/// The order of names in the canonical form: by UTF-16 code units. It differs from
/// the order of UTF-8 bytes only where characters beyond U+FFFF are compared with
/// those from U+E000 on.
fn by_units(one: &str, other: &str) -> Ordering {
    if one.is_ascii() || other.is_ascii() {
        return one.cmp(other);
    }
    one.encode_utf16().cmp(other.encode_utf16())
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut kept = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[kept..at]);
        kept = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0x0C => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            _ => out.push_str(&format!("\\u{byte:04x}")),
        }
    }
    out.push_str(&text[kept..]);
    out.push('"');
}

/// `Number::toString` of ECMAScript (ECMA-262 §6.1.6.1.20): the shortest digits that
/// give the number back, as an integer up to 21 digits, as a fraction down to six
/// leading zeros, else with an exponent.
fn write_number(number: f64, out: &mut String) {
    if number == 0.0 {
        out.push('0');
        return;
    }
    // Rust's shortest form, `d.ddde±n`, has the same digits.
    let form = format!("{:e}", number.abs());
    let (mantissa, exponent) = form.split_once('e').unwrap_or((&form, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = even_of_tie(number.abs(), digits);
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or(0));
    if number < 0.0 {
        out.push('-');
    }
    if count <= point && point <= 21 {
        out.push_str(&digits);
        out.push_str(&zeros(point - count));
    } else if 0 < point && point <= 21 {
        let (whole, part) = digits.split_at(usize::try_from(point).unwrap_or(0));
        out.push_str(whole);
        out.push('.');
        out.push_str(part);
    } else if -6 < point && point <= 0 {
        out.push_str("0.");
        out.push_str(&zeros(-point));
        out.push_str(&digits);
    } else {
        let (first, rest) = digits.split_at(1);
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        let sign = if point > 0 { '+' } else { '-' };
        out.push_str(&format!("e{sign}{}", (point - 1).abs()));
    }
}

/// Of two shortest forms that are equally near to the number, the one whose last
/// digit is even, as the standard asks; the standard library takes the upper one.
fn even_of_tie(number: f64, digits: String) -> String {
    if number.fract() == 0.0 && number <= MAX_INTEGER {
        return digits;
    }
    // No double has more significant digits than this.
    let exact = format!("{number:.780e}");
    let exact: String = exact
        .chars()
        .take_while(|char| *char != 'e')
        .filter(char::is_ascii_digit)
        .collect();
    let (lower, rest) = exact.split_at(digits.len());
    let is_tie = rest.starts_with('5') && rest[1..].bytes().all(|byte| byte == b'0');
    let even = |text: &str| matches!(text.bytes().last(), Some(b'0' | b'2' | b'4' | b'6' | b'8'));
    if !is_tie || even(&digits) {
        return digits;
    }
    if even(lower) {
        return lower.to_owned();
    }
    match lower.parse::<u64>() {
        Ok(lower) => (lower + 1).to_string(),
        Err(_) => digits,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, message: impl Into<String>) -> JsonError {
        JsonError {
            at: self.at,
            message: message.into(),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(match self.peek() {
            Some(_) => format!("expected `{}`", char::from(byte)),
            None => format!("the text ends where `{}` was expected", char::from(byte)),
        }))
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, JsonError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error("expected a value"))
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("nested more than {MAX_DEPTH} deep")));
        }
        match self.peek() {
            Some(b'{') => self.map(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.error("expected a value")),
            None => Err(self.error("the text ends where a value was expected")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::List(items));
        }
        loop {
            self.skip_space();
            items.push(self.value(depth + 1)?);
            self.skip_space();
            if self.peek() == Some(b',') {
                self.at += 1;
                continue;
            }
            self.expect(b']')?;
            return Ok(Json::List(items));
        }
    }

    fn map(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        let start = self.at;
        self.at += 1;
        let mut members: Vec<(Cow<'a, str>, Json<'a>)> = Vec::new();
        let mut sorted = true;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Map(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a name in quotes"));
            }
            let name = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            let value = self.value(depth + 1)?;
            // What was written canonically arrives sorted.
            sorted &= members
                .last()
                .is_none_or(|(last, _)| by_units(last, &name) == Ordering::Less);
            members.push((name, value));
            self.skip_space();
            if self.peek() == Some(b',') {
                self.at += 1;
                continue;
            }
            self.expect(b'}')?;
            break;
        }
        if !sorted {
            members.sort_by(|one, other| by_units(&one.0, &other.0));
            if let Some(twice) = members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(JsonError {
                    at: start,
                    message: format!("`{}` is given twice", twice[0].0.escape_debug()),
                });
            }
        }
        Ok(Json::Map(members))
    }

    fn number(&mut self) -> Result<Json<'a>, JsonError> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while matches!(reader.peek(), Some(b'0'..=b'9')) {
                reader.at += 1;
            }
            reader.at - from
        };
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading = self.peek();
        let whole = digits(self);
        if whole == 0 || (leading == Some(b'0') && whole > 1) {
            return Err(self.error("not a number"));
        }
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            if digits(self) == 0 {
                return Err(self.error("digits must follow the decimal point"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if digits(self) == 0 {
                return Err(self.error("digits must follow the exponent"));
            }
        }
        let number: f64 = self.text[start..self.at]
            .parse()
            .map_err(|_| self.error("not a number"))?;
        // Up to 21 digits a double is written as an integer, however it was read: what
        // would be refused then is refused now.
        let size = number.abs();
        let exact = size <= MAX_INTEGER || !integer && size >= FIRST_EXPONENT;
        if !number.is_finite() || !exact {
            self.at = start;
            return Err(self.error("the number is too large to be kept exactly; write it as text"));
        }
        Ok(Json::Number(number))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut owned: Option<String> = None;
        let mut kept = start;
        loop {
            match bytes.get(self.at) {
                Some(b'"') => {
                    let rest = &self.text[kept..self.at];
                    self.at += 1;
                    return Ok(match owned {
                        None => Cow::Borrowed(rest),
                        Some(mut text) => {
                            text.push_str(rest);
                            Cow::Owned(text)
                        }
                    });
                }
                Some(b'\\') => {
                    let text = owned.get_or_insert_with(String::new);
                    text.push_str(&self.text[kept..self.at]);
                    let char = self.escape()?;
                    owned.get_or_insert_with(String::new).push(char);
                    kept = self.at;
                }
                Some(byte) if *byte < 0x20 => {
                    return Err(self.error("a control character must be escaped"));
                }
                Some(_) => self.at += 1,
                None => return Err(self.error("the text ends inside quotes")),
            }
        }
    }

    /// Reads the escape that starts here.
    fn escape(&mut self) -> Result<char, JsonError> {
        let byte = self.text.as_bytes().get(self.at + 1).copied();
        let char = match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.unit()?;
                if let Some(char) = char::from_u32(high) {
                    return Ok(char);
                }
                let pair = match (high, self.text.as_bytes().get(self.at)) {
                    (0xD800..=0xDBFF, Some(b'\\')) => self.unit()?,
                    _ => 0,
                };
                if !(0xDC00..=0xDFFF).contains(&pair) {
                    return Err(self.error("half of a surrogate pair is no character"));
                }
                let point = 0x10000 + ((high - 0xD800) << 10) + (pair - 0xDC00);
                return char::from_u32(point).ok_or_else(|| self.error("no such character"));
            }
            _ => return Err(self.error("unknown escape")),
        };
        self.at += 2;
        Ok(char)
    }

    /// Reads `\uXXXX`.
    fn unit(&mut self) -> Result<u32, JsonError> {
        let digits = self
            .text
            .get(self.at + 2..self.at + 6)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .filter(|_| self.text.as_bytes().get(self.at + 1) == Some(&b'u'));
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.error("four hexadecimal digits must follow `\\u`"))?;
        self.at += 6;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests;
