//! The ACL engine: what one set of policies allows together.
//!
//! All policies of a token make one tree. Only identical patterns merge; the most
//! specific pattern over all policies then decides alone, whether it gives or
//! denies. The order of specificity and the merging follow OpenBao's
//! `internal/vault/policy/acl.go` and are proved against answers of that code
//! (`tests/data/vault/acl-curated.jsonl`).

mod parameters;
mod simulate;

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;
use serde_json::Value as Json;

use super::policy::{Caps, ControlGroup, Dialect, Parameters, Policy, Rule, Shape};

pub use simulate::simulate;

/// What is done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `vault read`
    Read,
    /// `vault list`
    List,
    /// `bao scan`
    Scan,
    /// Writing what does not exist.
    Create,
    /// Writing what exists, and everything that is done rather than stored.
    Update,
    /// `vault delete`
    Delete,
    /// `vault patch`
    Patch,
    /// Asking what a path is for: always allowed.
    Help,
}

impl Operation {
    /// The operation of this name; the legacy words for lease handling count as
    /// updates, as they do in the server.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "read" => Operation::Read,
            "list" => Operation::List,
            "scan" => Operation::Scan,
            "create" => Operation::Create,
            "update" | "revoke" | "renew" | "rollback" => Operation::Update,
            "delete" => Operation::Delete,
            "patch" => Operation::Patch,
            "help" => Operation::Help,
            _ => return None,
        })
    }

    /// The capability it needs.
    pub const fn needs(self) -> Caps {
        match self {
            Operation::Read => Caps::READ,
            Operation::List => Caps::LIST,
            Operation::Scan => Caps::SCAN,
            Operation::Create => Caps::CREATE,
            Operation::Update => Caps::UPDATE,
            Operation::Delete => Caps::DELETE,
            Operation::Patch => Caps::PATCH,
            Operation::Help => Caps::NONE,
        }
    }

    const fn lists(self) -> bool {
        matches!(self, Operation::List | Operation::Scan)
    }

    const fn carries_parameters(self) -> bool {
        matches!(
            self,
            Operation::Read | Operation::Update | Operation::Create | Operation::Patch
        )
    }
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Full path, namespace included.
    pub path: &'a str,
    /// What is done.
    pub operation: Operation,
    /// The body, by parameter name.
    pub data: Option<&'a serde_json::Map<String, Json>>,
    /// For how long the answer is asked to be wrapped.
    pub wrap: Option<SignedDuration>,
}

impl<'a> Request<'a> {
    /// A request without body and wrapping.
    pub fn new(path: &'a str, operation: Operation) -> Self {
        Request {
            path,
            operation,
            data: None,
            wrap: None,
        }
    }
}

/// Policies that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the root policy cannot be combined with other policies")]
pub struct RootNotAlone;

/// The answer to a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer<'a> {
    /// Whether it is let through (a control group may still hold it back).
    pub allowed: bool,
    /// Whether root-protected paths are open too.
    pub sudo: bool,
    /// The approval it must wait for.
    pub control_group: Option<ControlGroup>,
    /// Index (into the policies given) of those that give the capability, in order.
    /// Filled even where a parameter or wrapping rule then refuses.
    pub granting: Vec<usize>,
    /// The rules that decided, all on one pattern.
    pub rules: Vec<(usize, &'a Rule)>,
    /// The root policy let it through.
    pub root: bool,
}

/// All rules with one pattern, in the order of their policies.
#[derive(Clone, Debug)]
struct Slot<'a> {
    caps: Caps,
    parts: Parts<'a>,
}

/// Nearly every pattern occurs once in a set; only the others need a list.
#[derive(Clone, Debug)]
enum Parts<'a> {
    One((usize, &'a Rule)),
    Many(Vec<(usize, &'a Rule)>),
}

impl<'a> Parts<'a> {
    fn as_slice(&self) -> &[(usize, &'a Rule)] {
        match self {
            Parts::One(part) => std::slice::from_ref(part),
            Parts::Many(parts) => parts,
        }
    }

    fn push(&mut self, part: (usize, &'a Rule)) {
        match self {
            Parts::One(first) => *self = Parts::Many(vec![*first, part]),
            Parts::Many(parts) => parts.push(part),
        }
    }
}

/// A pattern with `+` segments.
#[derive(Clone, Copy, Debug)]
struct Segments<'a> {
    pattern: &'a str,
    /// What stands before the first `+` or the `*` at the end: no path that starts
    /// otherwise fits.
    head: &'a str,
    slot: u32,
}

impl<'a> Segments<'a> {
    fn new(pattern: &'a str, slot: u32) -> Self {
        let body = pattern.strip_suffix('*').unwrap_or(pattern);
        Segments {
            pattern,
            head: body.split('+').next().unwrap_or_default(),
            slot,
        }
    }
}

/// What a set of policies allows.
#[derive(Clone, Debug)]
pub struct Acl<'a> {
    dialect: Dialect,
    root: bool,
    slots: Vec<Slot<'a>>,
    exact: FxHashMap<&'a str, u32>,
    prefixes: FxHashMap<&'a [u8], u32>,
    /// Lengths of prefixes, longest first.
    lengths: Vec<usize>,
    segments: Vec<Segments<'a>>,
    segment_index: FxHashMap<&'a str, u32>,
}

impl<'a> Acl<'a> {
    /// Joins `policies`. Stanzas that ended before `now` do not count.
    ///
    /// # Errors
    /// If the root policy is one of several.
    pub fn new(
        policies: &[&'a Policy],
        dialect: Dialect,
        now: Timestamp,
    ) -> Result<Self, RootNotAlone> {
        let root = policies.iter().any(|policy| policy.name == "root");
        if root && policies.len() != 1 {
            return Err(RootNotAlone);
        }
        let mut acl = Acl {
            dialect,
            root,
            slots: Vec::new(),
            exact: FxHashMap::default(),
            prefixes: FxHashMap::default(),
            lengths: Vec::new(),
            segments: Vec::new(),
            segment_index: FxHashMap::default(),
        };
        for (index, policy) in policies.iter().enumerate() {
            for rule in &policy.rules {
                if rule.expires.is_none_or(|end| end >= now) {
                    acl.insert(index, rule);
                }
            }
        }
        acl.lengths
            .extend(acl.prefixes.keys().map(|prefix| prefix.len()));
        acl.lengths.sort_unstable_by(|a, b| b.cmp(a));
        acl.lengths.dedup();
        Ok(acl)
    }

    fn insert(&mut self, index: usize, rule: &'a Rule) {
        let fresh = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let at = match rule.shape {
            Shape::Exact => *self.exact.entry(&rule.path).or_insert(fresh),
            Shape::Prefix => *self.prefixes.entry(rule.path.as_bytes()).or_insert(fresh),
            Shape::Segments => {
                let at = *self.segment_index.entry(&rule.path).or_insert(fresh);
                if at == fresh {
                    self.segments.push(Segments::new(&rule.path, at));
                }
                at
            }
        };
        match self.slots.get_mut(at as usize) {
            None => self.slots.push(Slot {
                caps: rule.caps,
                parts: Parts::One((index, rule)),
            }),
            Some(slot) if slot.caps.any(Caps::DENY) => {}
            Some(slot) => {
                slot.caps = if rule.caps.any(Caps::DENY) {
                    Caps::DENY
                } else {
                    slot.caps | rule.caps
                };
                slot.parts.push((index, rule));
            }
        }
    }

    /// Whether the root policy is at work.
    pub fn is_root(&self) -> bool {
        self.root
    }

    /// What may be done at `path`, as `sys/capabilities` tells it. `deny` where
    /// nothing may.
    pub fn capabilities(&self, path: &str) -> Caps {
        let caps = self.caps(path, Operation::List);
        if caps.any(Caps::DENY) || caps.is_empty() {
            Caps::DENY
        } else {
            caps
        }
    }

    /// The capabilities that decide about `operation` at `path`: [`Caps::DENY`] or
    /// nothing if it is refused. Root has all.
    pub fn caps(&self, path: &str, operation: Operation) -> Caps {
        self.decision(path, operation).0
    }

    /// The rules that decide about `operation` at `path`, with their policies.
    pub fn rules_at(&self, path: &str, operation: Operation) -> &[(usize, &'a Rule)] {
        self.decision(path, operation).1
    }

    /// Both [`Acl::caps`] and [`Acl::rules_at`], looked up once.
    pub fn decision(&self, path: &str, operation: Operation) -> (Caps, &[(usize, &'a Rule)]) {
        let slot = self.find(path, operation).map(|at| &self.slots[at]);
        let caps = if self.root {
            Caps::WRITES | Caps::SUDO | Caps::READ | Caps::LIST | Caps::SCAN | Caps::SUBSCRIBE
        } else {
            slot.map_or(Caps::NONE, |slot| slot.caps)
        };
        (caps, slot.map_or(&[], |slot| slot.parts.as_slice()))
    }

    /// The approval `operation` at `path` must wait for.
    pub fn approval_at(&self, path: &str, operation: Operation) -> Option<ControlGroup> {
        self.control_group(self.rules_at(path, operation))
    }

    /// Decides.
    pub fn check(&self, request: &Request<'_>) -> Answer<'a> {
        if self.root {
            return Answer {
                allowed: true,
                sudo: true,
                root: true,
                granting: vec![0],
                ..Answer::default()
            };
        }
        let needs = request.operation.needs();
        if request.operation == Operation::Help {
            return Answer {
                allowed: true,
                ..Answer::default()
            };
        }
        let Some(slot) = self.find(request.path, request.operation) else {
            return Answer::default();
        };
        let Slot { caps, parts } = &self.slots[slot];
        let parts = parts.as_slice();
        let mut answer = Answer {
            sudo: caps.any(Caps::SUDO),
            control_group: self.control_group(parts),
            rules: parts.to_vec(),
            ..Answer::default()
        };
        if !caps.has(needs) {
            return answer;
        }
        answer.granting = parts
            .iter()
            .filter(|(_, rule)| rule.caps.has(needs))
            .map(|(policy, _)| *policy)
            .collect();
        answer.allowed = self.guards_pass(parts, request);
        answer
    }

    /// Of several control groups on one pattern OpenBao keeps the first policy's
    /// (none, if the first has none); Vault adds up their factors.
    fn control_group(&self, parts: &[(usize, &'a Rule)]) -> Option<ControlGroup> {
        let mut groups = parts.iter().map(|(_, rule)| rule.control_group.as_ref());
        match self.dialect {
            Dialect::Openbao => groups.next().flatten().cloned(),
            Dialect::Vault => groups.flatten().cloned().reduce(|mut all, next| {
                all.factors.extend(next.factors);
                all.ttl = all.ttl.min(next.ttl);
                all
            }),
        }
    }

    fn guards_pass(&self, parts: &[(usize, &'a Rule)], request: &Request<'_>) -> bool {
        if parts
            .iter()
            .all(|(_, rule)| !rule.is_guarded() && rule.pagination_limit == 0)
        {
            return true;
        }
        let guards = parameters::Guards::merge(parts.iter().map(|(_, rule)| *rule));
        guards.pass(request, self.dialect)
    }

    /// The slot that decides, by the order exact, then most specific pattern.
    fn find(&self, path: &str, operation: Operation) -> Option<usize> {
        let path = path.trim_start_matches('/');
        let bare = path.strip_suffix('/').filter(|_| operation.lists());
        let exact = |path: &str| self.exact.get(path);
        let found = exact(path)
            .or_else(|| bare.and_then(exact))
            .copied()
            .or_else(|| {
                let patterns = |path: &str| self.most_specific(path);
                match self.dialect {
                    Dialect::Openbao => patterns(path).or_else(|| bare.and_then(patterns)),
                    Dialect::Vault => bare.and_then(patterns).or_else(|| patterns(path)),
                }
            });
        found.map(|at| at as usize)
    }

    fn most_specific(&self, path: &str) -> Option<u32> {
        let bytes = path.as_bytes();
        let prefix = self
            .lengths
            .iter()
            .filter(|&&length| length <= bytes.len())
            .find_map(|&length| {
                let at = self.prefixes.get(&bytes[..length])?;
                Some((length, *at))
            });
        if self.segments.is_empty() {
            return prefix.map(|(_, at)| at);
        }
        // Later first wildcard, then no trailing `*`, then fewer `+`, then longer,
        // then the greater text.
        let mut best = prefix.map(|(length, at)| {
            let text = &bytes[..length];
            ((length, false, usize::MAX, length, text), at)
        });
        for &Segments {
            pattern,
            head,
            slot: at,
        } in &self.segments
        {
            if !path.starts_with(head) {
                continue;
            }
            let Some(plus) = segment_match(pattern, path) else {
                continue;
            };
            let text = pattern.strip_suffix('*').unwrap_or(pattern);
            let rank = (
                pattern.find('+').unwrap_or(pattern.len()),
                text.len() == pattern.len(),
                usize::MAX - plus,
                text.len(),
                text.as_bytes(),
            );
            if best.is_none_or(|(so_far, _)| so_far < rank) {
                best = Some((rank, at));
            }
        }
        best.map(|(_, at)| at)
    }
}

/// Whether `path` fits a pattern with `+` segments, and how many `+` it has.
pub(super) fn segment_match(pattern: &str, path: &str) -> Option<usize> {
    let (body, open) = match pattern.strip_suffix('*') {
        Some(body) => (body, true),
        None => (pattern, false),
    };
    let mut plus = 0;
    let mut have = path.split('/');
    let mut want = body.split('/').peekable();
    while let Some(part) = want.next() {
        let here = have.next()?;
        if part == "+" {
            plus += 1;
        } else if part != here && !(open && want.peek().is_none() && here.starts_with(part)) {
            return None;
        }
    }
    (open || have.next().is_none()).then_some(plus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn acl(texts: &[&str], dialect: Dialect, ask: impl Fn(&Acl<'_>) -> Caps) -> Caps {
        let policies: Vec<Policy> = texts
            .iter()
            .map(|text| Policy::parse("p", "", text, None).unwrap())
            .collect();
        let all: Vec<&Policy> = policies.iter().collect();
        ask(&Acl::new(&all, dialect, Timestamp::UNIX_EPOCH).unwrap())
    }

    #[test]
    fn lists_are_looked_up_in_the_order_of_the_dialect() {
        let texts = [
            "path \"kv/metadata/+\" { capabilities = [\"list\"] }",
            "path \"kv/metadata/app/*\" { capabilities = [\"deny\"] }",
        ];
        let ask = |acl: &Acl<'_>| acl.caps("kv/metadata/app/", Operation::List);
        assert_eq!(acl(&texts, Dialect::Openbao, ask), Caps::DENY);
        assert_eq!(acl(&texts, Dialect::Vault, ask), Caps::LIST);
    }

    #[test]
    fn root_is_alone() {
        let root = Policy {
            name: "root".into(),
            rules: vec![],
        };
        let other = Policy::default();
        let now = Timestamp::UNIX_EPOCH;
        assert!(Acl::new(&[&root, &other], Dialect::Vault, now).is_err());
        let acl = Acl::new(&[&root], Dialect::Vault, now).unwrap();
        assert!(
            acl.check(&Request::new("sys/raw/x", Operation::Delete))
                .allowed
        );
    }

    #[test]
    fn vault_adds_up_control_groups() {
        let block = |name: &str| {
            format!(
                "path \"kv/x\" {{ capabilities = [\"read\"] control_group = {{ ttl = \"1h\" factor \"{name}\" {{ identity {{ group_names = [\"g\"] approvals = 1 }} }} }} }}"
            )
        };
        let one = Policy::parse("a", "", &block("one"), None).unwrap();
        let two = Policy::parse("b", "", &block("two"), None).unwrap();
        let factors = |dialect| {
            let acl = Acl::new(&[&one, &two], dialect, Timestamp::UNIX_EPOCH).unwrap();
            let answer = acl.check(&Request::new("kv/x", Operation::Read));
            answer.control_group.unwrap().factors.len()
        };
        assert_eq!(factors(Dialect::Openbao), 1);
        assert_eq!(factors(Dialect::Vault), 2);
    }

    fn path() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop::sample::select(vec!["a", "ab", "b", "c", "+", "a*", ""]),
            1..5,
        )
        .prop_map(|parts| parts.join("/"))
        .prop_filter("+* is refused", |path| !path.contains("+*"))
    }

    proptest! {
        /// Neither the order of policies with different patterns nor splitting a
        /// policy in two changes what is allowed.
        #[test]
        fn capabilities_do_not_depend_on_the_order_of_policies(
            rules in prop::collection::vec((path(), prop::sample::select(vec!["read", "deny", "list", "update"])), 1..8),
            ask in path(),
        ) {
            let texts: Vec<String> = rules
                .iter()
                .map(|(path, cap)| format!("path \"{path}\" {{ capabilities = [\"{cap}\"] }}"))
                .collect();
            let forward: Vec<&str> = texts.iter().map(String::as_str).collect();
            let backward: Vec<&str> = forward.iter().rev().copied().collect();
            let joined = texts.join("\n");
            let caps = |texts: &[&str]| acl(texts, Dialect::Openbao, |acl| acl.capabilities(&ask));
            prop_assert_eq!(caps(&forward), caps(&backward));
            prop_assert_eq!(caps(&forward), caps(&[&joined]));
        }

        /// An exact rule decides alone, whatever wildcards say.
        #[test]
        fn an_exact_rule_beats_all_patterns(
            patterns in prop::collection::vec(path(), 0..6),
            ask in "[a-c]{1,3}(/[a-c]{1,3}){0,3}",
        ) {
            let mut texts: Vec<String> = patterns
                .iter()
                .filter(|pattern| pattern.strip_prefix('/').unwrap_or(pattern) != ask)
                .map(|pattern| format!("path \"{pattern}\" {{ capabilities = [\"deny\"] }}"))
                .collect();
            texts.push(format!("path \"{ask}\" {{ capabilities = [\"read\"] }}"));
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            prop_assert_eq!(acl(&texts, Dialect::Openbao, |acl| acl.capabilities(&ask)), Caps::READ);
        }
    }
}
