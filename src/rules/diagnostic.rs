//! What is wrong with a rule file, shown at its place.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

use crate::model::LineIndex;

/// One thing that is wrong with a rule or standards file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong, user input in backticks.
    pub message: String,
    /// What stands under the caret.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
    /// The line of text and the width of the underlined part in characters.
    excerpt: Box<(String, usize)>,
}

impl Problem {
    /// Adds what to do.
    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The part of the line the caret points at.
    pub fn underlined(&self) -> String {
        let (line, width) = &*self.excerpt;
        let skip = self.column.saturating_sub(1) as usize;
        line.chars().skip(skip).take(*width).collect()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            file,
            line,
            column,
            message,
            label,
            help,
            excerpt,
        } = self;
        if label.is_empty() && excerpt.0.is_empty() {
            // It is about the file as a whole.
            return write!(f, "error: {message}");
        }
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        // Tabs would shift the caret; YAML allows none for indentation.
        let text = excerpt.0.replace('\t', " ");
        let indent = " ".repeat(column.saturating_sub(1) as usize);
        writeln!(f, "error: {message}")?;
        writeln!(f, "{gutter}--> {file}:{line}:{column}")?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {text}")?;
        write!(
            f,
            "{gutter} | {indent}{} {label}",
            "^".repeat(excerpt.1.max(1))
        )?;
        if let Some(help) = help {
            write!(f, "\n{gutter} = help: {help}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with the rules that were loaded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}", list(.0))]
pub struct RuleErrors(pub Vec<Problem>);

fn list(problems: &[Problem]) -> String {
    let all: Vec<String> = problems.iter().map(Problem::to_string).collect();
    all.join("\n\n")
}

/// The text of a file, to point into.
#[derive(Debug)]
pub(super) struct Source {
    pub name: String,
    pub text: String,
    lines: LineIndex,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Source {
            name: name.into(),
            lines: LineIndex::new(text.as_bytes()),
            text,
        }
    }

    /// The byte offset of a line and column, both from 1.
    pub fn offset(&self, line: u64, column: u64) -> usize {
        let line = usize::try_from(line)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        let column = usize::try_from(column)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        let start: usize = self
            .text
            .split_inclusive('\n')
            .take(line)
            .map(str::len)
            .sum();
        let rest = &self.text[start..];
        let within = rest
            .char_indices()
            .nth(column)
            .map_or(rest.len(), |(at, _)| at);
        start + within
    }

    /// A problem at the byte range `at`; only its first line is underlined.
    pub fn problem(
        &self,
        at: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Problem {
        let bytes = self.text.as_bytes();
        let start = at.start.min(bytes.len());
        let (line, column) = self.lines.position(bytes, start);
        let text = self
            .text
            .lines()
            .nth(line.saturating_sub(1) as usize)
            .unwrap_or_default();
        let left = text.chars().count().saturating_sub(column as usize - 1);
        let width = self
            .text
            .get(start..at.end.min(bytes.len()))
            .map_or(1, |part| {
                part.lines().next().unwrap_or_default().chars().count()
            });
        Problem {
            file: self.name.clone(),
            line,
            column,
            message: message.into(),
            label: label.into(),
            help: None,
            excerpt: Box::new((text.to_owned(), width.min(left))),
        }
    }
}

/// The names closest to `wrong`, best first, at most three; none that is too far.
pub(super) fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let limit = (wrong.chars().count() / 3).max(2);
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|&(far, name)| far <= limit || name.contains(wrong) && wrong.len() > 2)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// "did you mean `a` or `b`?", or nothing.
pub(super) fn did_you_mean<'n>(
    wrong: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<String> {
    let near = nearest(wrong, names);
    if near.is_empty() {
        return None;
    }
    let quoted: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    Some(format!("did you mean {}?", quoted.join(" or ")))
}

/// Edits (insert, delete, replace, swap of neighbours) between two texts, ignoring case.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).take(64).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        assert_eq!(nearest("knd", ["kind", "id", "name"]), ["kind", "id"]);
        assert_eq!(nearest("rotatde", ["rotated", "created"]), ["rotated"]);
        assert!(nearest("zebra", ["kind", "owner"]).is_empty());
        assert_eq!(distance("ab", "ba"), 1);
    }

    #[test]
    fn a_problem_points_at_its_place() {
        let source = Source::new("r.yaml", "a: 1\nb: bad \u{e9} here\n");
        let at = source.text.find("here").unwrap_or_default();
        let problem = source
            .problem(at..at + 4, "not `there`", "is here")
            .help("go there");
        assert_eq!(problem.underlined(), "here");
        insta::assert_snapshot!(problem, @"
        error: not `there`
         --> r.yaml:2:10
          |
        2 | b: bad é here
          |          ^^^^ is here
          = help: go there
        ");
    }

    #[test]
    fn ranges_outside_the_text_do_no_harm() {
        let source = Source::new("r.yaml", "\u{e9}");
        let _ = source.problem(1..2, "", "").to_string();
        let _ = source
            .problem(std::ops::Range { start: 90, end: 80 }, "", "")
            .to_string();
        let _ = Source::new("", "").problem(0..0, "", "").to_string();
    }
}
