//! What reports say about a rule.

use serde::Serialize;

use super::{Severity, System};

/// What reports say about a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleCard {
    /// `AWS101`.
    pub id: String,
    /// `standing-admin-role`.
    pub name: String,
    /// One sentence: what it finds.
    pub summary: String,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// The severity before exposure is taken into account.
    pub severity: Severity,
    /// The systems whose facts it judges.
    pub systems: Vec<System>,
    /// Families.
    pub tags: Vec<String>,
    /// References into the standards file: `(standard, id, name, url)`.
    pub references: Vec<Reference>,
}

/// A reference to a published standard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// Taxonomy: `CWE`, `OWASP-NHI`, `NIST-CSF`.
    pub standard: String,
    /// Its version: `2025`, `2.0`.
    pub version: String,
    /// The id within it: `NHI7`.
    pub id: String,
    /// The name of that entry.
    pub name: String,
    /// Where to read it.
    pub url: Option<String>,
}
