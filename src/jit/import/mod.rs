//! Importers: what just-in-time systems and targets export, as events of the ledger.
//!
//! One file each. An importer reads the system's own format, says per field what that
//! system can tell ([`Quality`]) so that nobody is accused because a tool keeps no
//! record, and states for which time its grants are in the ledger. It never guesses
//! whom or what a record means: a record it cannot use is named and left out, and then
//! the coverage it states is not complete.

mod aws_team;
mod coverage;
mod csv;
mod entra_pim;
mod gcp_pam;
mod github;
mod kubernetes;
mod map;
mod record;
mod table;
mod teleport;
mod vault;

pub use coverage::Window;
pub use map::{Map, MapError, fields};

use std::fmt;

use jiff::Timestamp;
use thiserror::Error;

use super::ledger::Digest;
use super::ledger::event::{Event, EventKind, Source};
use crate::model::{EvidenceClass, Quality, Sym};
use coverage::Span;

/// Larger files are refused.
pub const MAX_FILE: u64 = 1 << 30;
/// Most problems of one import that are told one by one.
const MAX_PROBLEMS: usize = 100;

/// What can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Any CSV file, by a map of its columns.
    Csv,
    /// Any JSON records, by a map of their members.
    Json,
    /// Requests of AWS TEAM: a DynamoDB export or scan, or the auditor's CSV file.
    AwsTeam,
    /// Objects of Kubernetes operators, from manifests or a snapshot.
    Kubernetes,
    /// Reviews of GitHub environments, with the audit log for their times.
    GithubEnvironments,
    /// The audit log of HashiCorp Vault or OpenBao.
    VaultAudit,
    /// Lease lookups of HashiCorp Vault or OpenBao.
    VaultLeases,
    /// Grants of Google Cloud Privileged Access Manager.
    GcpPam,
    /// Schedules and requests of Microsoft Entra Privileged Identity Management.
    EntraPim,
    /// Access requests of Teleport.
    Teleport,
}

impl Kind {
    /// Every kind, in the order of the help.
    pub const ALL: [Kind; 10] = [
        Kind::AwsTeam,
        Kind::Csv,
        Kind::EntraPim,
        Kind::GcpPam,
        Kind::GithubEnvironments,
        Kind::Json,
        Kind::Kubernetes,
        Kind::Teleport,
        Kind::VaultAudit,
        Kind::VaultLeases,
    ];

    /// The word for it on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Csv => "csv",
            Kind::Json => "json",
            Kind::AwsTeam => "aws-team",
            Kind::Kubernetes => "kubernetes",
            Kind::GithubEnvironments => "github-environments",
            Kind::VaultAudit => "vault-audit",
            Kind::VaultLeases => "vault-leases",
            Kind::GcpPam => "gcp-pam",
            Kind::EntraPim => "entra-pim",
            Kind::Teleport => "teleport",
        }
    }

    /// What it reads, in one line.
    pub const fn reads(self) -> &'static str {
        match self {
            Kind::Csv => "any CSV file; `--map` says what its columns mean",
            Kind::Json => "any JSON records; `--map` says what their members mean",
            Kind::AwsTeam => "AWS TEAM requests: DynamoDB export or scan (JSON), or approvals.csv",
            Kind::Kubernetes => "objects of just-in-time operators: YAML, JSON or a snapshot",
            Kind::GithubEnvironments => "workflow runs with their approvals, and the audit log",
            Kind::VaultAudit => "audit log of Vault or OpenBao (file device, JSON)",
            Kind::VaultLeases => "answers of sys/leases/lookup",
            Kind::GcpPam => "`gcloud pam grants list --format=json`",
            Kind::EntraPim => "Graph: role schedule instances, requests, eligibilities, approvals",
            Kind::Teleport => "`tctl get access_requests --format=json`",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                let all = Kind::ALL.map(Kind::as_str).join(", ");
                format!("`{text}` cannot be imported; expected one of {all}")
            })
    }
}

/// One file to import.
#[derive(Clone, Debug)]
pub struct Input {
    /// The file as the user named it.
    pub file: Sym,
    /// The cluster it was read from, where its place in a snapshot tells.
    pub tenant: Option<Sym>,
    /// Its bytes.
    pub text: Vec<u8>,
}

/// What the user says about an import.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which instance of the source: a cluster, a directory, an organisation.
    pub instance: Option<Sym>,
    /// For which time the files hold everything, where the user says so.
    pub covers: Option<Window>,
    /// What columns or members mean, for [`Kind::Csv`] and [`Kind::Json`].
    pub map: Option<Map>,
    /// When the files are read.
    pub now: Timestamp,
}

/// A record or line that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `file:line`, or `file: record 3`.
    pub at: String,
    /// Why.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Events, by time; each has its id.
    pub events: Vec<Event>,
    /// How many records were used.
    pub records: u64,
    /// How many different grants they are about.
    pub grants: u64,
    /// Records that were not, the first hundred.
    pub problems: Vec<Problem>,
    /// How many there are.
    pub problem_count: u64,
    /// What else the user should know.
    pub notes: Vec<String>,
}

/// Files that cannot be imported at all.
#[derive(Debug, Error)]
pub enum ImportError {
    /// No file of this kind.
    #[error("`{file}` holds {found}, not what `{kind}` reads ({}){}", kind.reads(), hint(*other, file))]
    WrongKind {
        /// The file.
        file: Sym,
        /// What it was to be.
        kind: Kind,
        /// What it seems to be instead.
        other: Option<Kind>,
        /// What was found in it.
        found: String,
    },
    /// The file cannot be read as what it is.
    #[error("{at}: {message}")]
    Syntax {
        /// Where: `file:line:column`.
        at: String,
        /// What is wrong.
        message: String,
    },
    /// A generic import needs a map.
    #[error(
        "`{file}` has no column `{column}`; say what its columns mean with `--map columns.yaml` \
         (see docs/ledger.md)"
    )]
    Column {
        /// The file.
        file: Sym,
        /// The column that is missing.
        column: String,
    },
}

fn hint(other: Option<Kind>, file: &Sym) -> String {
    other.map_or_else(String::new, |other| {
        format!("; it looks like `tenure ledger import {other} {file}`")
    })
}

/// Reads files of one kind.
///
/// # Errors
/// If a file is of another kind or cannot be read as what it is. Single records that
/// cannot be used are told in the answer.
pub fn import(kind: Kind, inputs: &[Input], options: &Options) -> Result<Imported, ImportError> {
    let reader: fn(&[Input], &mut Book<'_>) -> Result<(), ImportError> = match kind {
        Kind::Csv => table::csv,
        Kind::Json => table::json,
        Kind::AwsTeam => aws_team::read,
        Kind::Kubernetes => kubernetes::read,
        Kind::GithubEnvironments => github::read,
        Kind::VaultAudit => vault::audit,
        Kind::VaultLeases => vault::leases,
        Kind::GcpPam => gcp_pam::read,
        Kind::EntraPim => entra_pim::read,
        Kind::Teleport => teleport::read,
    };
    let mut book = Book::new(kind, options);
    for input in inputs {
        book.hashes
            .push((input.file, Sym::new(&Digest::of(&input.text).to_string())));
    }
    reader(inputs, &mut book)?;
    Ok(book.close())
}

/// Takes down what an importer reads.
struct Book<'o> {
    kind: Kind,
    options: &'o Options,
    /// Where it was learned: `aws-team`, `k8s-breakglass`.
    hashes: Vec<(Sym, Sym)>,
    spans: Vec<Span>,
    out: Imported,
}

/// A grant that is being taken down: where its events come from.
#[derive(Clone, Copy, Debug)]
struct Origin {
    /// The source system.
    system: Sym,
    /// Which of them.
    instance: Sym,
    /// The record.
    object: Sym,
    /// The file it stands in.
    file: Sym,
    /// The grant.
    grant: Sym,
    /// How good the evidence is.
    class: EvidenceClass,
}

impl<'o> Book<'o> {
    fn new(kind: Kind, options: &'o Options) -> Self {
        Book {
            kind,
            options,
            hashes: Vec::new(),
            spans: Vec::new(),
            out: Imported::default(),
        }
    }

    /// The instance the user named, or the one the file's place tells.
    fn instance(&self, input: &Input) -> Sym {
        self.options.instance.or(input.tenant).unwrap_or_default()
    }

    /// A record of `system` about the grant that the system calls `id`.
    fn origin(&self, system: &str, instance: Sym, id: &str, input: &Input) -> Origin {
        let grant = if instance.is_empty() {
            format!("{system}:{id}")
        } else {
            format!("{system}:{instance}:{id}")
        };
        Origin {
            system: Sym::new(system),
            instance,
            object: Sym::new(id),
            file: input.file,
            grant: Sym::new(&grant),
            class: EvidenceClass::Exported,
        }
    }

    /// An event of a grant.
    fn event(&self, origin: &Origin, kind: EventKind) -> Event {
        let raw = self.hashes.iter().find(|(file, _)| *file == origin.file);
        let source = Source {
            system: origin.system,
            instance: origin.instance,
            object: origin.object,
            retrieved_at: self.options.now,
            importer: Sym::new(&format!("{}/1", self.kind)),
            raw_sha256: raw.map(|(_, hash)| *hash),
        };
        Event::new(kind, origin.grant, source, origin.class)
    }

    /// Takes down an event.
    fn push(&mut self, event: Event) {
        self.out.events.push(event);
    }

    /// A record that could not be used.
    fn problem(&mut self, at: impl Into<String>, message: impl Into<String>) {
        self.out.problem_count += 1;
        if self.out.problems.len() < MAX_PROBLEMS {
            self.out.problems.push(Problem {
                at: at.into(),
                message: message.into(),
            });
        }
    }

    /// A record that was used.
    fn used(&mut self) {
        self.out.records += 1;
    }

    /// Something the user should know, told once.
    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.out.notes.contains(&note) {
            self.out.notes.push(note);
        }
    }

    /// Sorts and names the events, and states the coverage.
    fn close(mut self) -> Imported {
        for span in std::mem::take(&mut self.spans) {
            let event = span.event(&self);
            self.out.events.push(event);
        }
        for event in &mut self.out.events {
            event.name();
        }
        // By time, so that a ledger reads like a history; what has no time goes with
        // its grant.
        let first: rustc_hash::FxHashMap<Sym, Timestamp> =
            self.out
                .events
                .iter()
                .fold(rustc_hash::FxHashMap::default(), |mut first, event| {
                    if let Some(at) = event.at {
                        let old = first.entry(event.grant_id).or_insert(at);
                        *old = (*old).min(at);
                    }
                    first
                });
        self.out.events.sort_by(|one, other| {
            let key = |event: &Event| {
                let begin = first.get(&event.grant_id).copied();
                let statement = event.kind == EventKind::Coverage;
                (
                    statement,
                    begin.is_none(),
                    begin,
                    event.grant_id,
                    event.kind,
                    event.at,
                )
            };
            key(one)
                .cmp(&key(other))
                .then_with(|| one.id.cmp(&other.id))
        });
        self.out.events.dedup_by(|one, other| one.id == other.id);
        let mut grants: Vec<Sym> = self
            .out
            .events
            .iter()
            .filter(|event| event.kind.is_of_a_grant())
            .map(|event| event.grant_id)
            .collect();
        grants.sort_unstable();
        grants.dedup();
        self.out.grants = grants.len() as u64;
        self.out
    }
}

/// A time that is recorded where it is known.
const RECORDED: Quality = Quality::Recorded;
/// A time that was derived.
const INFERRED: Quality = Quality::Inferred;

#[cfg(test)]
mod tests;
