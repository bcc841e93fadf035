//! Where a finding stands, in words SARIF readers accept.
//!
//! Code scanning wants a file and a line for every result and rejects a whole upload
//! over one URI that is no URI reference. A finding about a live system has no file,
//! so it gets a virtual one, stable and its own: generic matchers pair results by
//! place, and two accesses at one place would look like one.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::schema::{ArtifactLocation, PhysicalLocation, Region, Snippet};
use crate::model::{Finding, Location};
use crate::report::text::visible;

/// The folder of virtual files.
pub const VIRTUAL: &str = "standing-access";
/// The base all relative URIs start from.
pub const ROOT: &str = "%SRCROOT%";
/// Longest path segment: GitHub shows paths, file systems end names at 255 bytes.
const LONGEST_SEGMENT: usize = 120;

/// What may stand unescaped in a path segment: RFC 3986 `unreserved`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Turns places into SARIF.
pub struct Places<'a> {
    /// The folder file names start from.
    pub base: Option<&'a str>,
    /// Whether to name [`ROOT`]; GitHub does not resolve base ids.
    pub with_root: bool,
}

impl Places<'_> {
    /// The place of a finding: its own line where a file was read, else a virtual file.
    pub fn of(&self, finding: &Finding) -> PhysicalLocation {
        match &finding.location {
            Some(place) => self.in_file(place, None),
            None => PhysicalLocation {
                artifact_location: self.artifact(virtual_uri(finding)),
                region: Region {
                    start_line: 1,
                    start_column: 1,
                    end_line: 1,
                    end_column: 2,
                    snippet: None,
                },
            },
        }
    }

    /// A place in a file that was read.
    pub fn in_file(&self, place: &Location, excerpt: Option<&str>) -> PhysicalLocation {
        let start_line = place.line.max(1);
        let start_column = place.column.max(1);
        let end_line = place.end_line.max(start_line);
        let end_column = if end_line == start_line {
            place.end_column.max(start_column + 1)
        } else {
            place.end_column.max(1)
        };
        PhysicalLocation {
            artifact_location: self.artifact(self.file_uri(&place.file)),
            region: Region {
                start_line,
                start_column,
                end_line,
                end_column,
                snippet: excerpt.filter(|text| !text.is_empty()).map(|text| Snippet {
                    text: visible(text).into_owned(),
                }),
            },
        }
    }

    fn artifact(&self, uri: String) -> ArtifactLocation {
        ArtifactLocation {
            uri: Some(uri),
            uri_base_id: self.with_root.then_some(ROOT),
            description: None,
        }
    }

    /// The relative URI of a file, never naming what lies above the base folder.
    fn file_uri(&self, file: &str) -> String {
        let inside = self
            .base
            .and_then(|base| file.strip_prefix(base))
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(file);
        let outside = inside.starts_with('/')
            || inside.split('/').any(|part| part == "..")
            || inside.get(1..3) == Some(":/");
        let mut uri = if outside {
            format!("{VIRTUAL}/outside")
        } else {
            String::new()
        };
        for part in inside.split('/') {
            if matches!(part, "" | "." | "..") {
                continue;
            }
            if !uri.is_empty() {
                uri.push('/');
            }
            uri.push_str(&encoded(part));
        }
        if uri.is_empty() {
            uri.push_str(VIRTUAL);
        }
        uri
    }
}

/// `standing-access/aws/111122223333/user/alice/AWS301-1f2e3d4c`.
fn virtual_uri(finding: &Finding) -> String {
    let id = finding.id.as_str();
    let short = id.char_indices().nth(16).map_or(id, |(at, _)| &id[..at]);
    let parts = [
        VIRTUAL,
        finding.system.as_str(),
        &finding.tenant,
        &finding.subject.kind,
        &finding.subject.name,
        &format!("{}-{short}", finding.rule),
    ];
    // A name may hold `/`, `.` and `..`: they become folders or nothing, so that no
    // reader that decodes the URI is led out of the folder.
    let parts: Vec<String> = parts
        .into_iter()
        .flat_map(|part| part.split(['/', '\\']))
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .map(segment)
        .collect();
    parts.join("/")
}

/// One path segment of any text. Long ones are cut: the last segment of a virtual
/// URI holds the finding's id, so nothing depends on this one being whole.
fn segment(text: &str) -> String {
    let cut: String = text.chars().take(LONGEST_SEGMENT).collect();
    encoded(&cut)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A text as one word of a category: letters, digits, `.`, `_` and `-`.
pub fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(LONGEST_SEGMENT) {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
            out.push(c);
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(base: Option<&str>, file: &str) -> String {
        Places {
            base,
            with_root: false,
        }
        .file_uri(file)
    }

    #[test]
    fn files_become_relative_uris() {
        assert_eq!(uri(None, "iam/a b.json"), "iam/a%20b.json");
        assert_eq!(uri(None, "./iam//x.json"), "iam/x.json");
        assert_eq!(uri(Some("/home/x/repo"), "/home/x/repo/a.json"), "a.json");
        assert_eq!(
            uri(Some("/home/x"), "/home/xy/a.json"),
            "standing-access/outside/home/xy/a.json"
        );
        assert_eq!(uri(None, "../up.json"), "standing-access/outside/up.json");
        assert_eq!(uri(None, "名.json"), "%E5%90%8D.json");
        assert_eq!(uri(None, "/"), "standing-access/outside");
    }

    #[test]
    fn slugs() {
        assert_eq!(slug("aws:prod"), "aws-prod");
        assert_eq!(
            slug("https://vault.example:8200/"),
            "https-vault.example-8200"
        );
        assert_eq!(slug("../.."), "..-..");
    }
}
