//! Tenants, subjects and findings as logical locations.

use rustc_hash::FxHashMap;

use super::plain;
use super::schema::LogicalLocation;
use crate::model::Finding;

/// Tenant, subject and finding as logical locations, each named once. Generic tools
/// that match results across runs tell them apart by these names.
#[derive(Default)]
pub struct LogicalPlaces {
    /// Every one, in order of first sight.
    pub all: Vec<LogicalLocation>,
    known: FxHashMap<String, usize>,
}

impl LogicalPlaces {
    /// The place of a finding, its tenant and subject being put before it.
    pub fn of(&mut self, finding: &Finding) -> LogicalLocation {
        let tenant = format!("{}/{}", finding.system, finding.tenant);
        let subject = format!("{tenant}/{}", finding.subject.id);
        let name = format!("{subject}#{}/{}", finding.rule, finding.id);
        let at = self.place(&tenant, &finding.tenant, "tenant", None);
        let at = self.place(
            &subject,
            &finding.subject.name,
            &finding.subject.kind,
            Some(at),
        );
        let at = self.place(&name, &finding.rule, "finding", Some(at));
        LogicalLocation {
            fully_qualified_name: Some(plain(&name)),
            index: Some(at),
            ..LogicalLocation::default()
        }
    }

    fn place(&mut self, full: &str, name: &str, kind: &str, parent: Option<usize>) -> usize {
        if let Some(&at) = self.known.get(full) {
            return at;
        }
        let some = |text: &str| (!text.is_empty()).then(|| plain(text));
        self.all.push(LogicalLocation {
            name: some(name),
            fully_qualified_name: Some(plain(full)),
            kind: some(kind),
            parent_index: parent,
            index: None,
        });
        let at = self.all.len() - 1;
        self.known.insert(full.to_owned(), at);
        at
    }
}
