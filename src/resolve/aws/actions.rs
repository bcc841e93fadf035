//! The actions the catalogues ask about, as bits.
//!
//! A document is matched against all of them once; what an identity can possibly do
//! is the union of its documents' bits. Only where all bits of a question are set is
//! the exact evaluator asked.

use rustc_hash::FxHashMap;

use super::policy::{Action, Document, Pattern};
use crate::model::{Effect, Sym};

/// Words of a mask: room for 256 actions.
const WORDS: usize = 4;

/// A set of known actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ActionMask([u64; WORDS]);

impl ActionMask {
    /// This action alone.
    pub fn of(action: ActionId) -> Self {
        let mut mask = ActionMask::default();
        mask.insert(action);
        mask
    }

    /// Adds an action.
    pub fn insert(&mut self, at: ActionId) {
        self.0[usize::from(at.0) / 64] |= 1 << (at.0 % 64);
    }

    /// Adds all of `other`.
    pub fn union(&mut self, other: ActionMask) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    /// Whether all of `other` is here.
    pub fn contains(self, other: ActionMask) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .all(|(word, part)| word & part == part)
    }

    /// Whether any of `other` is here.
    pub fn intersects(self, other: ActionMask) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .any(|(word, part)| word & part != 0)
    }

    fn complement(self, all: ActionMask) -> ActionMask {
        let mut words = [0; WORDS];
        for (at, word) in words.iter_mut().enumerate() {
            *word = all.0[at] & !self.0[at];
        }
        ActionMask(words)
    }
}

/// Number of a known action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionId(u8);

/// All known actions.
#[derive(Debug, Default)]
pub struct Actions {
    list: Vec<Action>,
    by_name: FxHashMap<Box<str>, ActionId>,
    all: ActionMask,
}

impl Actions {
    /// The number of an action, which becomes known.
    ///
    /// # Errors
    /// If the catalogues name more actions than there is room for.
    pub fn know(&mut self, name: &str) -> Result<ActionId, String> {
        let action = Action::new(name);
        if let Some(id) = self.by_name.get(action.folded()) {
            return Ok(*id);
        }
        let id = u8::try_from(self.list.len())
            .map(ActionId)
            .map_err(|_| format!("more than {} actions are named", WORDS * 64))?;
        self.by_name.insert(action.folded().into(), id);
        self.list.push(action);
        self.all.insert(id);
        Ok(id)
    }

    /// The action with this number.
    pub fn get(&self, id: ActionId) -> &Action {
        &self.list[usize::from(id.0)]
    }

    fn matching(&self, pattern: &Pattern) -> ActionMask {
        let mut mask = ActionMask::default();
        for (at, action) in self.list.iter().enumerate() {
            if pattern.matches(action.folded()) {
                mask.insert(ActionId(at as u8));
            }
        }
        mask
    }

    /// What the allow statements of a document name, remembering each pattern.
    pub fn allowed(&self, document: &Document, memo: &mut Memo) -> ActionMask {
        let mut mask = ActionMask::default();
        for statement in &document.statements {
            if statement.effect != Effect::Allow {
                continue;
            }
            let mut named = ActionMask::default();
            for action in &statement.actions.list {
                let known = memo.0.entry(action.sym());
                named.union(*known.or_insert_with(|| self.matching(action.pattern())));
            }
            mask.union(if statement.actions.not {
                named.complement(self.all)
            } else {
                named
            });
        }
        mask
    }
}

/// Patterns already matched.
#[derive(Debug, Default)]
pub struct Memo(FxHashMap<Sym, ActionMask>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_matched_as_a_whole() {
        let mut actions = Actions::default();
        let pass = actions.know("iam:PassRole").unwrap();
        let run = actions.know("ec2:RunInstances").unwrap();
        assert_eq!(actions.know("IAM:passrole"), Ok(pass));
        let mut memo = Memo::default();
        let mut of = |text: &str| {
            let document = Document::parse(text).unwrap();
            let mask = actions.allowed(&document, &mut memo);
            let has = |id| {
                let mut one = ActionMask::default();
                one.insert(id);
                mask.contains(one)
            };
            (has(pass), has(run))
        };
        let statement = |element: &str| {
            format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow",{element},"Resource":"*"}}}}"#
            )
        };
        assert_eq!(
            of(&statement(r#""Action":["iam:Pass?ole"]"#)),
            (true, false)
        );
        assert_eq!(of(&statement(r#""NotAction":"iam:*""#)), (false, true));
        assert_eq!(of(&statement(r#""Action":"*""#)), (true, true));
    }
}
