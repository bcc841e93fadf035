//! Which report, for whom.

use std::fmt;
use std::str::FromStr;

/// A kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// For a terminal.
    Table,
    /// For programs: the schema is in `docs/report-schema.json`.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif(Profile),
    /// One self-contained page for people.
    Html,
    /// For a CI job summary or a pull-request comment.
    Markdown(Place),
    /// For a step of GitHub Actions.
    Github(Channel),
    /// OCSF events of class 2008, one a line.
    Ocsf,
    /// For spreadsheets.
    Csv,
}

/// Who reads a SARIF file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Everything SARIF can say.
    #[default]
    Full,
    /// GitHub code scanning: it shows suppressed and unchanged results as open
    /// alerts, rejects files past its limits and wants a place for every result.
    Github,
    /// GitLab, which drops results without place or rule.
    Gitlab,
    /// DefectDojo, which imports absent results as active.
    Defectdojo,
}

/// Where Markdown is shown, which decides how long it may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A job summary: at most 1 MiB.
    #[default]
    Summary,
    /// A comment on a pull request: at most 65,536 characters.
    Comment,
}

/// Which way a step of GitHub Actions speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Annotations, as workflow commands.
    #[default]
    Annotations,
    /// The step's outputs, for the file `GITHUB_OUTPUT` names.
    Outputs,
}

const NAMES: &[(&str, Format)] = &[
    ("table", Format::Table),
    ("json", Format::Json),
    ("sarif", Format::Sarif(Profile::Full)),
    ("sarif:github", Format::Sarif(Profile::Github)),
    ("sarif:gitlab", Format::Sarif(Profile::Gitlab)),
    ("sarif:defectdojo", Format::Sarif(Profile::Defectdojo)),
    ("html", Format::Html),
    ("markdown", Format::Markdown(Place::Summary)),
    ("markdown:comment", Format::Markdown(Place::Comment)),
    ("github", Format::Github(Channel::Annotations)),
    ("github:outputs", Format::Github(Channel::Outputs)),
    ("ocsf", Format::Ocsf),
    ("csv", Format::Csv),
];

/// Other ways to say the same.
const ALIASES: &[(&str, &str)] = &[
    ("sarif:full", "sarif"),
    ("md", "markdown"),
    ("md:comment", "markdown:comment"),
    ("markdown:summary", "markdown"),
    ("github:annotations", "github"),
];

impl Format {
    /// Every format and profile.
    pub fn all() -> impl Iterator<Item = Format> {
        NAMES.iter().map(|&(_, format)| format)
    }

    /// The format a file name suggests, by its ending.
    pub fn of_file(name: &str) -> Option<Format> {
        let name = name.to_ascii_lowercase();
        let by_ending = [
            (".sarif", Format::Sarif(Profile::Full)),
            (".sarif.json", Format::Sarif(Profile::Full)),
            (".ocsf.json", Format::Ocsf),
            (".json", Format::Json),
            (".html", Format::Html),
            (".htm", Format::Html),
            (".md", Format::Markdown(Place::Summary)),
            (".csv", Format::Csv),
            (".txt", Format::Table),
        ];
        by_ending
            .into_iter()
            .find(|(ending, _)| name.ends_with(ending))
            .map(|(_, format)| format)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES
            .iter()
            .find(|(_, format)| format == self)
            .map_or("", |(name, _)| name);
        f.pad(name)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = ALIASES
            .iter()
            .find(|(alias, _)| *alias == text)
            .map_or(text, |(_, name)| name);
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|&(_, format)| format)
            .ok_or_else(|| {
                let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
                format!(
                    "`{text}` is not a report format; expected one of {}",
                    known.join(", ")
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for format in Format::all() {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!("sarif:full".parse(), Ok(Format::Sarif(Profile::Full)));
        let error = "sarif:gitea".parse::<Format>().unwrap_err();
        assert!(error.contains("sarif:github"), "{error}");
    }

    #[test]
    fn endings_suggest_formats() {
        assert_eq!(Format::of_file("a/b.HTML"), Some(Format::Html));
        assert_eq!(
            Format::of_file("x.sarif.json"),
            Some(Format::Sarif(Profile::Full))
        );
        assert_eq!(Format::of_file("x.bin"), None);
    }
}
