//! Which privilege and which scope contains which.
//!
//! A grant covers an entitlement only when both orders say so. A scope key that the
//! grant does not mention is *unresolved*: neither unlimited nor forbidden.

use std::collections::BTreeMap;

use super::Live;
use crate::model::{Sym, glob};

/// Which privileges contain which others, beyond equality and `*`. Transitive by
/// construction: [`Implies::add`] takes what is contained from the smaller one too.
#[derive(Clone, Debug, Default)]
pub struct Implies {
    contains: BTreeMap<Sym, Vec<Sym>>,
}

impl Implies {
    /// `larger` contains `smaller` and all that `smaller` contains so far.
    pub fn add(&mut self, larger: Sym, smaller: Sym) {
        let mut more = self.contains.get(&smaller).cloned().unwrap_or_default();
        more.push(smaller);
        let list = self.contains.entry(larger).or_default();
        list.extend(more);
        list.sort();
        list.dedup();
    }

    /// Whether `larger` contains `smaller`. A larger privilege written as a pattern
    /// (`ps:Backup*`) contains what fits it.
    pub fn contains(&self, larger: Sym, smaller: Sym) -> bool {
        larger == smaller
            || larger == "*"
            || (larger.contains('*') && !smaller.contains('*') && glob(&larger, &smaller))
            || self
                .contains
                .get(&larger)
                .is_some_and(|list| list.binary_search(&smaller).is_ok())
    }
}

/// How one scope lies in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Within {
    /// Some key lies outside.
    No,
    /// Every key the larger scope mentions lies inside; it does not mention all.
    Unresolved,
    /// Every key lies inside.
    Yes,
}

/// Whether `small` lies within `large`.
pub(super) fn within(small: &[(Sym, Sym)], large: &[(Sym, Sym)]) -> Within {
    let mut answer = Within::Yes;
    for (key, value) in small {
        match large.iter().find(|(known, _)| known == key) {
            Some((_, bound)) if holds(*bound, *value) => {}
            Some(_) => return Within::No,
            None => answer = Within::Unresolved,
        }
    }
    answer
}

/// Whether who holds `larger` has `smaller` too.
pub fn holds_as_much(implies: &Implies, larger: &Live, smaller: &Live) -> bool {
    let allowed = larger.privileges.iter().any(|large| {
        let mut names = smaller.privileges.iter();
        names.any(|name| implies.contains(*large, *name))
    });
    allowed && within(&smaller.scope, &larger.scope) == Within::Yes
}

/// Whether a scope value holds another: equal, `*`, or a prefix ending in `*`. What
/// is itself a pattern is held only by `*` and by itself.
fn holds(large: Sym, small: Sym) -> bool {
    if large == small || large == "*" {
        return true;
    }
    let Some(prefix) = large.strip_suffix('*') else {
        return false;
    };
    !small.contains('*') && small.starts_with(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(pairs: &[(&str, &str)]) -> Vec<(Sym, Sym)> {
        pairs
            .iter()
            .map(|(key, value)| (Sym::new(key), Sym::new(value)))
            .collect()
    }

    #[test]
    fn scopes_are_ordered() {
        let account = scope(&[("account", "111122223333")]);
        let any = scope(&[("account", "*")]);
        let prefix = scope(&[("account", "1111*")]);
        let narrow = scope(&[("account", "111122223333"), ("namespace", "pay")]);
        assert_eq!(within(&account, &any), Within::Yes);
        assert_eq!(within(&account, &prefix), Within::Yes);
        assert_eq!(within(&any, &prefix), Within::No);
        assert_eq!(within(&prefix, &any), Within::Yes);
        assert_eq!(within(&prefix, &prefix), Within::Yes);
        assert_eq!(within(&narrow, &account), Within::Unresolved);
        assert_eq!(within(&account, &narrow), Within::Yes);
        assert_eq!(within(&account, &[]), Within::Unresolved);
    }

    #[test]
    fn privileges_are_ordered() {
        let mut implies = Implies::default();
        let sym = Sym::new;
        implies.add(sym("edit"), sym("view"));
        implies.add(sym("admin"), sym("edit"));
        assert!(implies.contains(sym("admin"), sym("view")));
        assert!(!implies.contains(sym("view"), sym("admin")));
        assert!(implies.contains(sym("*"), sym("anything")));
        assert!(implies.contains(sym("ps:Backup*"), sym("ps:BackupRead")));
        assert!(!implies.contains(sym("ps:Backup*"), sym("ps:*")));
    }
}
