//! A document with an index by service, so that a request looks only at statements
//! that may concern it.

use std::sync::{Arc, LazyLock};

use smallvec::SmallVec;

use super::document::{Document, DocumentError, Statement};
use super::element::{Actions, Named, Principals, Resources};
use super::request::Action;
use crate::model::{Effect, Sym};

/// A policy document compiled for evaluation. Each distinct document is compiled
/// once and shared.
#[derive(Clone, Debug)]
pub struct Policy {
    document: Arc<Document>,
    /// Statements that may concern any service.
    anywhere: SmallVec<[u32; 2]>,
    /// The others by service: each statement once for each service it names, in order.
    by_service: SmallVec<[(Sym, u32); 6]>,
}

impl Policy {
    /// Compiles a document.
    pub fn new(document: Document) -> Self {
        let mut anywhere = SmallVec::new();
        let mut by_service: SmallVec<[(Sym, u32); 6]> = SmallVec::new();
        for (index, statement) in (0..).zip(&document.statements) {
            let list = &statement.actions.list;
            if statement.actions.not || list.iter().any(|entry| entry.service().is_none()) {
                anywhere.push(index);
                continue;
            }
            let start = by_service.len();
            by_service.extend(
                list.iter()
                    .filter_map(|entry| Some((entry.service()?, index))),
            );
            by_service[start..].sort_unstable();
        }
        by_service.dedup();
        Policy {
            anywhere,
            by_service,
            document: Arc::new(document),
        }
    }

    /// Parses and compiles a document's JSON text.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        Document::parse(text).map(Policy::new)
    }

    /// A policy that allows everything on everything.
    pub fn everything() -> &'static Policy {
        static EVERYTHING: LazyLock<Policy> = LazyLock::new(|| Policy::open(None));
        &EVERYTHING
    }

    /// A resource's policy that allows everybody everything.
    pub fn everybody() -> &'static Policy {
        static EVERYBODY: LazyLock<Policy> = LazyLock::new(|| {
            Policy::open(Some(Principals {
                not: false,
                list: [Named::Anyone].into(),
            }))
        });
        &EVERYBODY
    }

    fn open(principals: Option<Principals>) -> Policy {
        let statement = Statement {
            sid: None,
            effect: Effect::Allow,
            principals,
            actions: Actions::new(false, &["*"]),
            resources: Some(Resources::new(false, &["*"], false)),
            conditions: Box::default(),
            range: 0..0,
        };
        Policy::new(Document {
            statements: [statement].into(),
            ..Document::default()
        })
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
        let service = action.service();
        let document = &*self.document;
        // Most documents name a handful of services: nothing is faster than going
        // through them.
        let own = self
            .by_service
            .iter()
            .filter(move |(own, _)| *own == service)
            .map(|(_, index)| *index);
        self.anywhere
            .iter()
            .copied()
            .chain(own)
            .map(|index| (index, &document.statements[index as usize]))
            .filter(|(_, statement)| statement.actions.include(action))
    }
}
