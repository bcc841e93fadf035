//! A document with an index by service, so that a request looks only at statements
//! that may concern it.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::document::{Document, DocumentError, Statement};
use super::request::Action;

/// A policy document compiled for evaluation. Each distinct document is compiled
/// once and shared.
#[derive(Clone, Debug)]
pub struct Policy {
    document: Arc<Document>,
    /// Statements that may concern any service.
    anywhere: Box<[u32]>,
    by_service: FxHashMap<Box<str>, Vec<u32>>,
}

impl Policy {
    /// Compiles a document.
    pub fn new(document: Document) -> Self {
        let mut anywhere = Vec::new();
        let mut by_service: FxHashMap<Box<str>, Vec<u32>> = FxHashMap::default();
        for (index, statement) in (0..).zip(&document.statements) {
            match statement.actions.services() {
                None => anywhere.push(index),
                Some(services) => {
                    for service in services {
                        match by_service.get_mut(service) {
                            Some(list) => list.push(index),
                            None => {
                                by_service.insert(service.into(), vec![index]);
                            }
                        }
                    }
                }
            }
        }
        Policy {
            document: Arc::new(document),
            anywhere: anywhere.into(),
            by_service,
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
        let own = self.by_service.get(action.service());
        let own = own.map_or(&[][..], Vec::as_slice);
        self.anywhere
            .iter()
            .chain(own)
            .map(|&index| (index, &self.document.statements[index as usize]))
            .filter(|(_, statement)| statement.actions.include(action))
    }
}
