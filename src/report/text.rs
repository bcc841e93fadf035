//! Text from scanned systems made safe and short.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use crate::model::is_deceptive;

/// Makes control, bidirectional-override and invisible characters visible, as
/// `\n`, `\t` or `\u{202e}`.
///
/// Names in scanned systems are free text written by whoever can create an object
/// there. A terminal would obey an escape sequence in one, and a reader could not
/// tell two names apart that differ in a character of no width.
pub fn visible(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(is_deceptive) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_deceptive(c) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// [`visible`], for a message of several lines that are our own.
pub fn visible_lines(text: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.lines().map(visible).collect();
    lines.join("\n")
}

/// The first `limit` characters of `text`, the last one replaced by `…` where
/// something was cut.
pub fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit || text.chars().count() <= limit {
        return Cow::Borrowed(text);
    }
    let mut out: String = text.chars().take(limit.saturating_sub(1)).collect();
    out.push('…');
    Cow::Owned(out)
}

/// `text` cut in its middle to `limit` characters: the ends of ids tell them apart.
pub fn shorten_middle(text: &str, limit: usize) -> Cow<'_, str> {
    let count = text.chars().count();
    if count <= limit || limit < 3 {
        return shorten(text, limit);
    }
    let head = (limit - 1) / 2;
    let tail = limit - 1 - head;
    let mut out: String = text.chars().take(head).collect();
    out.push('…');
    out.extend(text.chars().skip(count - tail));
    Cow::Owned(out)
}

/// Breaks `text` into lines of at most `width` columns, at spaces where there are
/// any and inside words that are wider than a line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut wide = word.width();
        if used > 0 && used + 1 + wide > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        if wide > width {
            for c in word.chars() {
                let columns = c.width().unwrap_or(0);
                if used + columns > width && used > 0 {
                    lines.push(std::mem::take(&mut line));
                    used = 0;
                }
                line.push(c);
                used += columns;
            }
            wide = 0;
        } else {
            line.push_str(word);
        }
        used += wide;
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// `1 finding`, `2 findings`, `1,234 findings`.
pub fn count(n: usize, one: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {one}{plural}", thousands(n))
}

/// A number with its thousands apart.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The words of a list in a sentence: `a`, `a and b`, `a, b and c`.
pub fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_becomes_text() {
        assert_eq!(visible("plain näme 名前"), "plain näme 名前");
        assert_eq!(visible("a\x1b[31mred"), r"a\u{1b}[31mred");
        assert_eq!(visible("x\u{202e}gpj.exe"), r"x\u{202e}gpj.exe");
        assert_eq!(visible("two\nlines\t"), r"two\nlines\t");
        assert_eq!(visible("\u{9b}31m\u{200b}"), r"\u{9b}31m\u{200b}");
    }

    #[test]
    fn cuts_count_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äö…");
        assert_eq!(shorten_middle("abcdefghij", 5), "ab…ij");
        assert_eq!(shorten_middle("abc", 5), "abc");
    }

    #[test]
    fn wrapping_keeps_every_character() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("名前名前", 4), ["名前", "名前"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(1, "finding"), "1 finding");
        assert_eq!(count(0, "finding"), "0 findings");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(999), "999");
    }
}
