//! JSON that is safe to show.

use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::text::is_deceptive;

/// `value` as indented JSON in which control, bidirectional and invisible characters
/// are written as `\u` escapes: the same data to a program, no effect on a terminal
/// or an editor. Ends with a line feed.
///
/// # Errors
/// If a map key is no text, which none of ours is.
pub fn pretty(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut out = write(value, Safe::new(PrettyFormatter::new(), is_deceptive))?;
    out.push(b'\n');
    Ok(out)
}

/// Levels [`shallow`] indents.
const SHALLOW: usize = 6;

/// As [`pretty`], but what lies deeper than six levels stands on one line: a large
/// file stays readable and comparable line by line at half the size.
///
/// # Errors
/// As [`pretty`].
pub fn shallow(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let layout = Shallow {
        indented: PrettyFormatter::new(),
        depth: 0,
    };
    let mut out = write(value, Safe::new(layout, is_deceptive))?;
    out.push(b'\n');
    Ok(out)
}

/// `value` as JSON on one line, with the same escapes, without a line feed.
///
/// # Errors
/// As [`pretty`].
pub fn line(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    write(value, Safe::new(CompactFormatter, is_deceptive))
}

/// `value` as JSON on one line that may stand inside an HTML `script` element:
/// `<`, `>` and `&` are escaped too, so no name can end the element or open another.
///
/// # Errors
/// As [`pretty`].
pub fn island(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let special = |c: char| matches!(c, '<' | '>' | '&') || is_deceptive(c);
    write(value, Safe::new(CompactFormatter, special))
}

fn write<F: Formatter>(value: &impl Serialize, formatter: F) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, formatter))?;
    Ok(out)
}

/// Indents to a depth, then writes on one line.
struct Shallow {
    indented: PrettyFormatter<'static>,
    depth: usize,
}

impl Shallow {
    /// Whether what is being written, at the depth inside the open brackets, is
    /// indented.
    fn indents(&self) -> bool {
        self.depth <= SHALLOW
    }
}

impl Formatter for Shallow {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.indents() {
            self.indented.begin_array(writer)
        } else {
            CompactFormatter.begin_array(writer)
        }
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        let indents = self.indents();
        self.depth -= 1;
        if indents {
            self.indented.end_array(writer)
        } else {
            CompactFormatter.end_array(writer)
        }
    }

    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if self.indents() {
            self.indented.begin_array_value(writer, first)
        } else {
            CompactFormatter.begin_array_value(writer, first)
        }
    }

    fn end_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.indents() {
            self.indented.end_array_value(writer)
        } else {
            CompactFormatter.end_array_value(writer)
        }
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.indents() {
            self.indented.begin_object(writer)
        } else {
            CompactFormatter.begin_object(writer)
        }
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        let indents = self.indents();
        self.depth -= 1;
        if indents {
            self.indented.end_object(writer)
        } else {
            CompactFormatter.end_object(writer)
        }
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if self.indents() {
            self.indented.begin_object_key(writer, first)
        } else {
            CompactFormatter.begin_object_key(writer, first)
        }
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.indents() {
            self.indented.begin_object_value(writer)
        } else {
            CompactFormatter.begin_object_value(writer)
        }
    }

    fn end_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.indents() {
            self.indented.end_object_value(writer)
        } else {
            CompactFormatter.end_object_value(writer)
        }
    }
}

/// Escapes what `special` names and leaves the layout to `inner`.
struct Safe<F, S> {
    inner: F,
    special: S,
}

impl<F, S: Fn(char) -> bool> Safe<F, S> {
    fn new(inner: F, special: S) -> Self {
        Safe { inner, special }
    }
}

impl<F: Formatter, S: Fn(char) -> bool> Formatter for Safe<F, S> {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(&self.special) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let mut chars = rest[at..].chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.inner.write_char_escape(writer, escape)
    }

    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_array(writer)
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_array(writer)
    }

    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.inner.begin_array_value(writer, first)
    }

    fn end_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_array_value(writer)
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_object(writer)
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_object(writer)
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.inner.begin_object_key(writer, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_object_value(writer)
    }

    fn end_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_data_other_bytes() {
        let hostile = "\u{1b}[31m</script>\u{2028}\u{202e}&amp;\u{9b}\u{e0041}\"\\\n";
        let all = [
            pretty(&hostile),
            shallow(&hostile),
            line(&hostile),
            island(&hostile),
        ];
        for bytes in all {
            let bytes = bytes.unwrap();
            let text = std::str::from_utf8(&bytes).unwrap().trim_end();
            assert!(!text.contains(is_deceptive), "{text}");
            assert_eq!(serde_json::from_str::<String>(text).unwrap(), hostile);
        }
        let island = String::from_utf8(island(&hostile).unwrap()).unwrap();
        assert!(!island.contains(['<', '>', '&']), "{island}");
    }

    #[test]
    fn what_is_deep_stands_on_one_line() {
        let deep = serde_json::json!({"a": [{"b": {"c": [{"d": [1, {"e": []}], "f": {}}]}}]});
        let text = String::from_utf8(shallow(&deep).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines.contains(&"            \"d\": [1,{\"e\":[]}],"),
            "{text}"
        );
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, deep);
    }
}
