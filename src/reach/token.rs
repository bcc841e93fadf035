//! What a token shows for each claim, as its resolver describes it.

use super::claims::Shown;
use crate::model::{Attrs, Pattern, Sym};

/// What a token shows, from the attributes `token_claims`, `token_choices` and
/// `token_lacks`.
#[derive(Clone, Debug, Default)]
pub(super) struct Token {
    /// Claims with their one value.
    pub fixed: Vec<(Sym, Sym)>,
    /// Claims whose value whoever has the token made chooses, with the pattern it fits.
    chosen: Vec<(Sym, Pattern)>,
    lacks: Vec<Sym>,
}

impl Token {
    /// The token of an identity, if it is one that has tokens made.
    pub fn of(attrs: &Attrs) -> Option<Self> {
        let list = |name| attrs.list(Sym::of(name));
        let pairs = |list: &'_ [Sym]| -> Vec<(Sym, Sym)> {
            let pairs = list.iter().filter_map(|one| one.split_once('='));
            pairs
                .map(|(claim, value)| (Sym::new(claim), Sym::new(value)))
                .collect()
        };
        let fixed = pairs(list("token_claims")?);
        let chosen = pairs(list("token_choices").unwrap_or_default());
        Some(Token {
            fixed,
            chosen: chosen
                .into_iter()
                .map(|(claim, pattern)| (claim, Pattern::starred(&pattern)))
                .collect(),
            lacks: list("token_lacks").unwrap_or_default().to_vec(),
        })
    }

    /// The one value of a claim.
    pub fn value(&self, claim: Sym) -> Option<Sym> {
        let mut all = self.fixed.iter();
        all.find(|(name, _)| *name == claim)
            .map(|(_, value)| *value)
    }

    /// What it shows for a claim. What is chosen is none of `taken`.
    pub fn shown(&self, claim: Sym, taken: impl FnOnce() -> Vec<Sym>) -> Shown {
        if let Some(value) = self.value(claim) {
            return Shown::Text(value);
        }
        if let Some((_, pattern)) = self.chosen.iter().find(|(name, _)| *name == claim) {
            return Shown::Choice(pattern.clone(), taken());
        }
        match self.lacks.contains(&claim) {
            true => Shown::Absent,
            false => Shown::Unknown,
        }
    }
}
