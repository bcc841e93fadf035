//! What one document says, whoever has it: read off once, when it is parsed.

use super::actions::{ActionMask, Memo};
use super::catalogues::Catalogues;
use super::policy::Document;
use super::tiers::Reading;
use crate::model::{Effect, Tier};

/// What a document says.
#[derive(Clone, Debug, Default)]
pub struct Gist {
    /// What its allow statements name of the known actions.
    pub mask: ActionMask,
    /// Tier below admin.
    pub tier: Tier,
    /// Statements.
    pub statements: usize,
    /// Some statement allows.
    pub allows: bool,
    /// Some statement allows without a condition.
    pub allows_plainly: bool,
    /// Some statement denies.
    pub denies: bool,
    /// Allows `*` on `*`.
    pub wildcard: bool,
    /// Allows by exclusion on `*`.
    pub not_action: bool,
}

/// Reads documents and remembers the entries of their action lists: accounts name the
/// same few in all of them.
#[derive(Debug, Default)]
pub struct Reader {
    masks: Memo,
    reading: Reading,
}

impl Reader {
    /// What `document` says. Without catalogues nothing can be said; whoever resolves
    /// facts tells that they are missing.
    pub fn gist(&mut self, document: &Document) -> Gist {
        let Ok(catalogues) = Catalogues::get() else {
            return Gist::default();
        };
        let mut gist = Gist {
            mask: catalogues.actions.allowed(document, &mut self.masks),
            tier: catalogues.tiers.by_text(document, &mut self.reading),
            statements: document.statements.len(),
            ..Gist::default()
        };
        for statement in &document.statements {
            if statement.effect == Effect::Deny {
                gist.denies = true;
                continue;
            }
            gist.allows = true;
            gist.allows_plainly |= statement.conditions.is_empty();
            let everywhere = statement.resources.as_ref().is_some_and(|resources| {
                resources.not || resources.patterns.iter().any(|one| one.source() == "*")
            });
            if everywhere {
                gist.not_action |= statement.actions.not;
                gist.wildcard |= !statement.actions.not
                    && statement
                        .actions
                        .list
                        .iter()
                        .any(|action| matches!(action.source(), "*" | "*:*"));
            }
        }
        gist
    }
}
