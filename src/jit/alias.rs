//! Which references are one person.
//!
//! **Strong** links are facts: the same immutable id, a federation record, a mail
//! address an administrator verified, or a line of the reviewed `aliases:` list.
//! They merge references into one person. **Weak** links (a similar name, a twin
//! account) merge nothing: they may raise suspicion, and never prove that a grant
//! covers somebody's access.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::model::{Actor, Sym};

/// A person or workload: all references that strong links join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Person {
    /// A class of linked references.
    Linked(u32),
    /// A reference nothing is linked to.
    Alone(Actor),
}

/// What is known about who is who.
#[derive(Clone, Debug, Default)]
pub struct Aliases {
    classes: FxHashMap<Actor, u32>,
    weak: FxHashSet<(Person, Person)>,
}

impl Aliases {
    /// Who `actor` is.
    pub fn person(&self, actor: Actor) -> Person {
        let actor = canonical(actor);
        match self.classes.get(&actor) {
            Some(&class) => Person::Linked(class),
            None => Person::Alone(actor),
        }
    }

    /// Whether two references are proved to be one person.
    pub fn same(&self, a: Actor, b: Actor) -> bool {
        self.person(a) == self.person(b)
    }

    /// Whether two references are suspected to be one person, and not proved to be.
    pub fn suspected(&self, a: Actor, b: Actor) -> bool {
        let (a, b) = (self.person(a), self.person(b));
        a != b && self.weak.contains(&(a.min(b), a.max(b)))
    }
}

/// One spelling of each reference. Mail addresses and GitHub logins do not tell upper
/// from lower case. Ids that no two directories share (identity store and entity ids
/// are random, GitHub numbers its users across organisations) need no instance: one
/// tool names it, another leaves it out.
fn canonical(actor: Actor) -> Actor {
    let ns = match family(&actor.ns) {
        "mail" => "mail",
        "github" | "gh" => "github",
        "aws-idc" => "aws-idc",
        "vault" | "openbao" => "vault",
        _ => actor.ns.as_str(),
    };
    let folds = matches!(ns, "mail" | "github");
    if folds && actor.id.chars().any(char::is_uppercase) {
        return Actor::new(ns, actor.id.to_lowercase());
    }
    Actor::new(ns, actor.id)
}

/// The kind of directory a namespace belongs to: `github` of `github/acme`.
pub fn family(ns: &str) -> &str {
    ns.split_once('/').map_or(ns, |(family, _)| family)
}

/// Collects links.
#[derive(Clone, Debug, Default)]
pub struct Links {
    numbers: FxHashMap<Actor, u32>,
    parents: Vec<u32>,
    weak: Vec<(Actor, Actor)>,
}

impl Links {
    /// No links.
    pub fn new() -> Self {
        Self::default()
    }

    /// Two references are one person, by a fact.
    pub fn strong(&mut self, a: Actor, b: Actor) {
        let (a, b) = (self.number(a), self.number(b));
        let (a, b) = (self.root(a), self.root(b));
        // The smaller number is the root, so classes do not depend on balancing.
        self.parents[a.max(b) as usize] = a.min(b);
    }

    /// Two references may be one person.
    pub fn weak(&mut self, a: Actor, b: Actor) {
        self.weak.push((a, b));
    }

    /// What follows from all links.
    pub fn finish(mut self) -> Aliases {
        let all: Vec<(Actor, u32)> = self
            .numbers
            .iter()
            .map(|(actor, number)| (*actor, *number))
            .collect();
        let mut aliases = Aliases::default();
        for (actor, number) in all {
            let class = self.root(number);
            aliases.classes.insert(actor, class);
        }
        for (a, b) in self.weak {
            let (a, b) = (aliases.person(a), aliases.person(b));
            aliases.weak.insert((a.min(b), a.max(b)));
        }
        aliases
    }

    fn number(&mut self, actor: Actor) -> u32 {
        let actor = canonical(actor);
        let next = u32::try_from(self.parents.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(actor).or_insert(next);
        if number == next {
            self.parents.push(next);
        }
        number
    }

    fn root(&mut self, mut at: u32) -> u32 {
        while self.parents[at as usize] != at {
            let above = self.parents[at as usize];
            self.parents[at as usize] = self.parents[above as usize];
            at = above;
        }
        at
    }
}

/// The part of a mail address before `@`, without a mark for administrator twins
/// (`alice.admin`, `adm-alice`): what weak links compare.
pub fn local_part(mail: &str) -> Option<Sym> {
    let (local, _) = mail.split_once('@')?;
    Some(plain_name(local))
}

/// A login without marks for administrator twins.
pub fn plain_name(login: &str) -> Sym {
    const MARKS: [&str; 6] = ["admin", "adm", "root", "priv", "super", "su"];
    let lower = login.to_lowercase();
    let parts: Vec<&str> = lower
        .split(['.', '-', '_'])
        .filter(|part| !part.is_empty() && !MARKS.contains(part))
        .collect();
    if parts.is_empty() {
        return Sym::new(&lower);
    }
    Sym::new(&parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn actor(text: &str) -> Actor {
        Actor::parse(text)
    }

    #[test]
    fn strong_links_are_transitive_and_weak_ones_prove_nothing() {
        let mut links = Links::new();
        links.strong(actor("idc:9067-alice"), actor("mail:Alice@x.io"));
        links.strong(actor("gh:alice-x"), actor("mail:alice@x.io"));
        links.weak(actor("mail:alice@x.io"), actor("mail:alice.admin@x.io"));
        let aliases = links.finish();
        assert!(aliases.same(actor("idc:9067-alice"), actor("gh:ALICE-X")));
        assert!(!aliases.same(actor("idc:9067-alice"), actor("mail:alice.admin@x.io")));
        // Suspicion reaches every reference of the person.
        assert!(aliases.suspected(actor("gh:alice-x"), actor("mail:alice.admin@x.io")));
        assert!(!aliases.suspected(actor("gh:alice-x"), actor("mail:alice@x.io")));
        assert!(!aliases.suspected(actor("gh:alice-x"), actor("mail:bob@x.io")));
    }

    #[test]
    fn twins_have_one_plain_name() {
        for twin in ["alice.admin", "adm-alice", "Alice", "alice_su"] {
            assert_eq!(plain_name(twin), "alice", "{twin}");
        }
        assert_eq!(plain_name("admin"), "admin");
        assert_eq!(local_part("alice.admin@x.io"), Some(Sym::new("alice")));
    }

    proptest! {
        #[test]
        fn classes_do_not_depend_on_the_order_of_links(
            pairs in proptest::collection::vec((0u8..12, 0u8..12), 0..20)
        ) {
            let name = |n: u8| actor(&format!("t:{n}"));
            let build = |pairs: &[(u8, u8)]| {
                let mut links = Links::new();
                for &(a, b) in pairs {
                    links.strong(name(a), name(b));
                }
                links.finish()
            };
            let mut reversed = pairs.clone();
            reversed.reverse();
            let (one, two) = (build(&pairs), build(&reversed));
            for a in 0..12 {
                for b in 0..12 {
                    prop_assert_eq!(one.same(name(a), name(b)), two.same(name(a), name(b)));
                }
            }
        }
    }
}
