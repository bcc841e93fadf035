//! CSV files (RFC 4180): quoted fields, doubled quotes, line breaks inside quotes.
//! The separator is told by the header: comma, semicolon or tab.

use super::{ImportError, Input, record};

/// Most columns of a table.
const MAX_COLUMNS: usize = 1_000;

/// A table with a header.
pub(super) struct Table<'a> {
    header: Vec<String>,
    rows: Vec<(usize, Vec<String>)>,
    file: &'a Input,
}

/// A row.
pub(super) struct Row<'t> {
    /// The line it starts at, from 1.
    pub line: usize,
    header: &'t [String],
    cells: &'t [String],
}

impl<'a> Table<'a> {
    /// Reads a file.
    pub fn read(file: &'a Input) -> Result<Self, ImportError> {
        let text = record::text(file)?;
        let first = text.lines().next().unwrap_or_default();
        let separator = [';', '\t']
            .into_iter()
            .max_by_key(|separator| first.matches(*separator).count())
            .filter(|separator| first.matches(*separator).count() > first.matches(',').count())
            .unwrap_or(',');
        let mut rows = split(text, separator).map_err(|line| ImportError::Syntax {
            at: format!("{}:{line}", file.file),
            message: "a field that begins with a quotation mark does not end".to_owned(),
        })?;
        rows.retain(|(_, cells)| cells.iter().any(|cell| !cell.trim().is_empty()));
        let header = if rows.is_empty() {
            Vec::new()
        } else {
            rows.remove(0).1
        };
        let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        if header.len() > MAX_COLUMNS {
            return Err(ImportError::Syntax {
                at: format!("{}:1", file.file),
                message: format!("more than {MAX_COLUMNS} columns"),
            });
        }
        Ok(Table { header, rows, file })
    }

    /// The place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.header
    }

    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, cells)| Row {
            line: *line,
            header: &self.header,
            cells,
        })
    }

    /// The file it was read from.
    pub fn input(&self) -> &'a Input {
        self.file
    }
}

impl<'t> Row<'t> {
    /// The cell under a column; nothing if it is empty.
    pub fn get(&self, column: &str) -> Option<&'t str> {
        let at = self.header.iter().position(|name| name == column)?;
        let cell = self.cells.get(at)?.trim();
        (!cell.is_empty()).then_some(cell)
    }

    /// Columns and cells.
    pub fn cells(&self) -> impl Iterator<Item = (&'t str, &'t str)> {
        self.header
            .iter()
            .zip(self.cells)
            .map(|(name, cell)| (name.as_str(), cell.as_str()))
    }
}

/// Rows with the lines they start at; the line of a quotation mark without an end.
fn split(text: &str, separator: char) -> Result<Vec<(usize, Vec<String>)>, usize> {
    let mut rows = Vec::new();
    let mut line = 1;
    let mut start = 1;
    let mut cells: Vec<String> = Vec::new();
    let mut cell = String::new();
    let mut quoted: Option<usize> = None;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if char == '\n' {
            line += 1;
        }
        if quoted.is_some() {
            match char {
                '"' if chars.peek() == Some(&'"') => {
                    chars.next();
                    cell.push('"');
                }
                '"' => quoted = None,
                other => cell.push(other),
            }
            continue;
        }
        match char {
            '"' if cell.trim().is_empty() => {
                cell.clear();
                quoted = Some(line);
            }
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                cells.push(std::mem::take(&mut cell));
                rows.push((start, std::mem::take(&mut cells)));
                start = line;
            }
            other if other == separator => cells.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    if let Some(line) = quoted {
        return Err(line);
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(cell);
        rows.push((start, cells));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_hold_separators_quotes_and_lines() {
        let text = "a,\"b, c\",d\r\n\"1 \"\"one\"\"\n2\",,\n\nx";
        let rows = split(text, ',').unwrap();
        let line = |at: usize| (rows[at].0, rows[at].1.join("|"));
        assert_eq!(line(0), (1, "a|b, c|d".to_owned()));
        assert_eq!(line(1), (2, "1 \"one\"\n2||".to_owned()));
        assert_eq!(line(3), (5, "x".to_owned()));
        assert_eq!(split("a\n\"b", ','), Err(2));
    }

    #[test]
    fn the_header_tells_the_separator() {
        for text in [
            "id;who\n1;a,b\n",
            "id\twho\n1\ta,b\n",
            "id,who\n1,\"a,b\"\n",
        ] {
            let input = Input {
                file: "t.csv".into(),
                tenant: None,
                text: text.into(),
            };
            let table = Table::read(&input).unwrap();
            let row = table.rows().next().unwrap();
            assert_eq!((row.line, row.get("who")), (2, Some("a,b")), "{text}");
            assert_eq!(row.get("nobody"), None);
        }
    }
}
