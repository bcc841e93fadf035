//! Rendering: terminal table, SARIF, HTML, JSON, Markdown, annotations, OCSF and CSV.
//! Judges nothing.
//!
//! An [`Outcome`] goes in, bytes come out. The same outcome gives the same bytes:
//! renderers read no clock, no environment and no file. Names from scanned systems
//! are untrusted text in every one of them: [`text::visible`] makes what would act
//! on a display visible, JSON escapes it ([`safe_json`]), HTML never interprets it.

mod csv;
mod explain;
mod format;
mod github;
mod html;
mod json;
mod markdown;
mod ocsf;
mod outcome;
mod redact;
pub mod safe_json;
mod sarif;
mod summary;
mod table;
pub mod text;
mod write;

use thiserror::Error;

pub use crate::drift::Weight;
pub use explain::explain;
pub use format::{Channel, Format, Place, Profile};
pub use outcome::{
    Change, Changes, ExceptionNote, ExceptionState, Outcome, Timeline, TimelineEvent, days_left,
};
pub use summary::{Posture, Summary};
pub use write::{WriteError, write_atomically};

/// The tool's name in every report.
pub const TOOL: &str = "tenure";

/// The tool's version in every report.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How to render.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether the terminal shows colours.
    pub color: bool,
    /// Replace names and ids by stable pseudonyms.
    pub redact: bool,
    /// Most findings a table lists; what is left out is counted. `None` lists all.
    pub limit: Option<usize>,
    /// Where file names of findings start from, with `/` separators and without one
    /// at the end. Only paths inside it become relative; the folder itself is never
    /// written into a report.
    pub base_dir: Option<String>,
    /// The command that ran, without secrets, for the record.
    pub command_line: Option<String>,
    /// The repository whose files were scanned, where some were.
    pub repository: Option<Repository>,
}

/// A revision of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its address for people and programs: `https://github.com/acme/infra`.
    pub uri: String,
    /// The commit.
    pub revision: String,
    /// The branch, where it is on one.
    pub branch: Option<String>,
}

impl Default for RenderOptions {
    fn default() -> Self {
        RenderOptions {
            width: 80,
            color: false,
            redact: false,
            limit: None,
            base_dir: None,
            command_line: None,
            repository: None,
        }
    }
}

/// A report that could not be rendered.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The outcome holds something JSON cannot say.
    #[error("cannot write the {format} report: {source}; this is a defect, please report it")]
    Json {
        /// The report.
        format: Format,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The page's template does not fit what it is given.
    #[error("cannot write the html report: {0:#}; this is a defect, please report it")]
    Page(#[from] minijinja::Error),
}

/// Renders `outcome`.
///
/// # Errors
/// If it cannot be written in `format`. No input is known to cause it.
pub fn render(
    outcome: &Outcome,
    format: Format,
    options: &RenderOptions,
) -> Result<Vec<u8>, ReportError> {
    let failed = |source| ReportError::Json { format, source };
    let hidden;
    let outcome = if options.redact {
        hidden = redact::redacted(outcome);
        &hidden
    } else {
        outcome
    };
    match format {
        Format::Table => Ok(table::render(outcome, options).into_bytes()),
        Format::Json => json::render(outcome).map_err(failed),
        Format::Sarif(profile) => sarif::render(outcome, profile, options).map_err(failed),
        Format::Html => html::render(outcome, options),
        Format::Markdown(place) => Ok(markdown::render(outcome, place, options).into_bytes()),
        Format::Github(Channel::Annotations) => {
            Ok(github::annotations(outcome, options).into_bytes())
        }
        Format::Github(Channel::Outputs) => Ok(github::outputs(outcome).into_bytes()),
        Format::Ocsf => ocsf::render(outcome).map_err(failed),
        Format::Csv => Ok(csv::render(outcome).into_bytes()),
    }
}
