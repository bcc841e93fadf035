//! A document with an index by service, so that a request looks only at statements
//! that may concern it.

use std::sync::Arc;

use super::document::{Document, DocumentError, Statement};
use super::request::Action;

/// A policy document compiled for evaluation. Each distinct document is compiled
/// once and shared.
#[derive(Clone, Debug)]
pub struct Policy {
    document: Arc<Document>,
    /// Statements that may concern any service.
    anywhere: Box<[u32]>,
    /// The others by service, sorted.
    by_service: Box<[Place]>,
}

/// A statement, and which entry of its action list names the service meant.
#[derive(Clone, Copy, Debug)]
struct Place {
    statement: u32,
    entry: u32,
}

impl Place {
    fn service<'d>(&self, document: &'d Document) -> Option<&'d str> {
        let statement = document.statements.get(self.statement as usize)?;
        statement.actions.list.get(self.entry as usize)?.service()
    }
}

impl Policy {
    /// Compiles a document.
    pub fn new(document: Document) -> Self {
        let mut anywhere = Vec::new();
        let mut by_service: Vec<Place> = Vec::with_capacity(document.statements.len());
        for (statement, own) in (0..).zip(&document.statements) {
            let list = &own.actions.list;
            if own.actions.not || list.iter().any(|entry| entry.service().is_none()) {
                anywhere.push(statement);
                continue;
            }
            let mut last = None;
            for (entry, action) in (0..).zip(list) {
                if last != action.service() {
                    by_service.push(Place { statement, entry });
                    last = action.service();
                }
            }
        }
        let key = |place: &Place| (place.service(&document), place.statement);
        by_service.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        by_service.dedup_by(|a, b| key(a) == key(b));
        Policy {
            anywhere: anywhere.into(),
            by_service: by_service.into(),
            document: Arc::new(document),
        }
    }

    /// Parses and compiles a document's JSON text.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        Document::parse(text).map(Policy::new)
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Statements whose action element includes `action`, with their indexes.
    pub fn about<'s, 'q>(
        &'s self,
        action: &'q Action,
    ) -> impl Iterator<Item = (u32, &'s Statement)> + use<'s, 'q> {
        let service = Some(action.service());
        let document = &*self.document;
        let start = self
            .by_service
            .partition_point(|place| place.service(document) < service);
        let own = self.by_service[start..]
            .iter()
            .take_while(move |place| place.service(document) == service)
            .map(|place| place.statement);
        self.anywhere
            .iter()
            .copied()
            .chain(own)
            .map(|index| (index, &document.statements[index as usize]))
            .filter(|(_, statement)| statement.actions.include(action))
    }
}
