//! The policies of a namespace: parsed once, with their places in the input.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::documents::{PolicyText, Space};
use super::escalate::{Catalogue, Probe};
use super::judge::{Court, Prepared};
use super::policy::{Caps, Dialect, Policy, Rule};
use super::template::{self, Values};
use crate::model::{Effect, Evidence, LineIndex, Location, Permission, PermissionSet, Sym};

/// Parameters that take lists: a guard on them compares whole values.
const LIST_PARAMETERS: &[&str] = &[
    "policies",
    "token_policies",
    "allowed_policies",
    "disallowed_policies",
    "allowed_entity_aliases",
    "bound_service_account_names",
    "bound_service_account_namespaces",
    "bound_audiences",
    "bound_iam_principal_arn",
    "policy_arns",
    "role_arns",
    "iam_groups",
    "allowed_roles",
    "allowed_domains",
    "member_entity_ids",
    "member_group_ids",
    "creation_statements",
];

#[derive(Debug)]
struct Origin {
    file: Sym,
    /// Text and its lines, where positions in the policy are positions in the file.
    lines: Option<(LineIndex, String)>,
}

/// The policies of a namespace.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) prepared: Vec<Prepared>,
    namespace: String,
    /// Policies with templates, as written, by their place in `prepared`.
    templates: FxHashMap<usize, Policy>,
    /// Policies filled in for one entity, with the place of what they are made of.
    variants: Vec<(usize, Prepared)>,
    origins: Vec<Origin>,
    /// Where the first rule of each policy stands.
    first_rules: Vec<Option<Location>>,
    index: FxHashMap<Sym, usize>,
    /// Policies no server would accept: name, what is wrong, where.
    pub(super) unparsed: BTreeMap<Sym, (String, Location)>,
    /// The names the server lists, where it was asked.
    pub(super) listed: Option<BTreeSet<Sym>>,
}

impl Book {
    /// Parses the policies of `space`.
    pub(super) fn new(
        space: &Space<'_>,
        dialect: Option<Dialect>,
        catalogue: &Catalogue,
        probes: &[Probe],
    ) -> Self {
        let mut texts: Vec<&PolicyText> = space.policies.iter().collect();
        texts.sort_by(|a, b| (&a.name, a.file).cmp(&(&b.name, b.file)));
        let parsed: Vec<_> = texts
            .into_par_iter()
            .map(|source| {
                let namespace = space.namespace.as_str();
                let lines = LineIndex::new(source.text.as_bytes());
                let origin = Origin {
                    file: source.file,
                    lines: source.verbatim.then(|| (lines, source.text.clone())),
                };
                let policy = Policy::parse(&source.name, namespace, &source.text, dialect);
                let prepared = policy.map(|policy| {
                    let own = self_service(catalogue, namespace);
                    let templated = policy
                        .rules
                        .iter()
                        .any(|rule| template::matters(rule, &own));
                    let (written, policy) = match templated {
                        true => {
                            let wide = template::widened(&policy, &own);
                            (Some(policy), wide)
                        }
                        false => (None, policy),
                    };
                    (written, Prepared::new(policy, namespace, catalogue, probes))
                });
                (Sym::new(&source.name), origin, prepared)
            })
            .collect();
        let mut book = Book {
            prepared: Vec::with_capacity(parsed.len() + 1),
            namespace: space.namespace.clone(),
            templates: FxHashMap::default(),
            variants: Vec::new(),
            origins: Vec::with_capacity(parsed.len() + 1),
            first_rules: Vec::with_capacity(parsed.len() + 1),
            index: FxHashMap::default(),
            unparsed: BTreeMap::new(),
            listed: space
                .keys("sys/policies/acl")
                .or_else(|| space.keys("sys/policy"))
                .map(|names| names.into_iter().map(Sym::new).collect()),
        };
        for (name, origin, prepared) in parsed {
            match prepared {
                Ok((written, prepared)) => {
                    if let Some(written) = written {
                        book.templates.insert(book.prepared.len(), written);
                    }
                    book.add(name, origin, prepared);
                }
                Err(error) => {
                    let place = origin.locate(error.span);
                    book.unparsed.insert(name, (error.message, place));
                }
            }
        }
        if !book.index.contains_key(&Sym::new("root")) {
            let root = Policy {
                name: "root".to_owned(),
                rules: Vec::new(),
            };
            let origin = Origin {
                file: Sym::new("root"),
                lines: None,
            };
            let prepared = Prepared::new(root, "", catalogue, probes);
            book.add(Sym::new("root"), origin, prepared);
        }
        book
    }

    fn add(&mut self, name: Sym, origin: Origin, prepared: Prepared) {
        // Of two files with one name the first in path order counts for holders.
        let at = self.prepared.len();
        self.index.entry(name).or_insert(at);
        self.prepared.push(prepared);
        self.origins.push(origin);
        let first = self.prepared[at].policy.rules.first();
        let place = first.and_then(|rule| self.locate(at, rule.span.clone()));
        self.first_rules.push(place);
    }

    /// Whether any policy has templates that matter.
    pub(super) fn has_templates(&self) -> bool {
        !self.templates.is_empty()
    }

    /// The policy at this place, or the variant.
    pub(super) fn one(&self, at: usize) -> &Prepared {
        match at.checked_sub(self.prepared.len()) {
            Some(variant) => &self.variants[variant].1,
            None => &self.prepared[at],
        }
    }

    /// The policy a variant is made of; any other place is its own.
    pub(super) fn base(&self, at: usize) -> usize {
        match at.checked_sub(self.prepared.len()) {
            Some(variant) => self.variants[variant].0,
            None => at,
        }
    }

    /// The places of `set` as they are for whoever has `values`: templates filled in.
    /// `known` remembers what was made for that entity before.
    pub(super) fn vary(
        &mut self,
        set: &mut [usize],
        values: &Values,
        court: &Court<'_>,
        known: &mut FxHashMap<usize, usize>,
    ) {
        for at in set {
            let Some(written) = self.templates.get(at) else {
                continue;
            };
            let next = self.prepared.len() + self.variants.len();
            let variant = *known.entry(*at).or_insert(next);
            if variant == next {
                let own = self_service(court.catalogue, &self.namespace);
                let policy = template::filled(written, values, court.dialect, &own);
                let made = Prepared::new(policy, &self.namespace, court.catalogue, court.probes);
                self.variants.push((*at, made));
            }
            *at = variant;
        }
    }

    /// The policy of this name.
    pub(super) fn find(&self, name: Sym) -> Option<usize> {
        self.index.get(&name).copied()
    }

    /// Whether an attached policy of this name does not exist. Unknown where the
    /// list of policies was not read.
    pub(super) fn is_undefined(&self, name: Sym) -> bool {
        !self.index.contains_key(&name)
            && !self.unparsed.contains_key(&name)
            && self
                .listed
                .as_ref()
                .is_some_and(|listed| !listed.contains(&name))
    }

    /// Where the first rule of policy `at` stands.
    pub(super) fn first_rule(&self, at: usize) -> Option<Location> {
        self.first_rules[at]
    }

    /// Where `span` of policy `at` stands.
    pub(super) fn locate(&self, at: usize, span: Range<usize>) -> Option<Location> {
        let origin = &self.origins[self.base(at)];
        (origin.file.as_str() != "root").then(|| origin.locate(span))
    }

    /// Evidence that the rule at `span` says `what`.
    pub(super) fn evidence(&self, at: usize, span: Range<usize>, what: String) -> Evidence {
        let at = self.base(at);
        let name = self.prepared[at].policy.name.as_str();
        let mut evidence = Evidence::new(what, name).at(self.locate(at, span.clone()));
        if let Some((_, text)) = &self.origins[at].lines
            && let Some(words) = text.get(span)
        {
            let line: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
            let short: String = line.chars().take(160).collect();
            evidence = evidence.quoting(short);
        }
        evidence
    }

    /// What policy `at` allows, for comparing inventories.
    pub(super) fn permissions(&self, at: usize) -> PermissionSet {
        let policy = &self.prepared[at].policy;
        if policy.name == "root" {
            return PermissionSet::new(vec![Permission {
                effect: Effect::Allow,
                actions: Box::new([Sym::new("*")]),
                not_actions: false,
                resources: Box::new([Sym::new("*")]),
                not_resources: false,
                condition: None,
            }]);
        }
        PermissionSet::new(policy.rules.iter().map(permission).collect())
    }

    /// Parameters of policy `at` whose guard compares lists as a whole.
    pub(super) fn list_guards(&self, at: usize) -> Vec<Sym> {
        let mut found: Vec<Sym> = self.prepared[at]
            .policy
            .rules
            .iter()
            .filter_map(|rule| Some((rule, rule.denied.as_ref()?)))
            .flat_map(|(rule, denied)| {
                denied
                    .iter()
                    .filter(|(name, values)| {
                        LIST_PARAMETERS.contains(&name.as_str())
                            && !values.is_empty()
                            && values.iter().any(|value| value.is_string())
                    })
                    .map(|(name, _)| Sym::new(&format!("{name} at {}", rule.pattern())))
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Paths of policy `at` whose control group lets everybody through.
    pub(super) fn void_approvals(&self, at: usize) -> Vec<Sym> {
        let mut found: Vec<Sym> = self.prepared[at]
            .policy
            .rules
            .iter()
            .filter(|rule| {
                rule.control_group
                    .as_ref()
                    .is_some_and(|group| !group.is_effective())
            })
            .map(|rule| Sym::new(&rule.pattern()))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Paths of policy `at` that depend on metadata.
    pub(super) fn by_metadata(&self, at: usize) -> Vec<Sym> {
        let mut found: Vec<Sym> = self.prepared[at]
            .policy
            .rules
            .iter()
            .filter(|rule| rule.templated && rule.pattern().contains("metadata"))
            .map(|rule| Sym::new(&rule.pattern()))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Groups that approve in control groups, by policy name.
    pub(super) fn approvers(&self) -> BTreeSet<&str> {
        self.prepared
            .iter()
            .flat_map(|one| &one.policy.rules)
            .filter_map(|rule| rule.control_group.as_ref())
            .flat_map(|group| &group.factors)
            .flat_map(|factor| &factor.groups)
            .map(String::as_str)
            .collect()
    }
}

/// Whether a path is one by which every token reaches itself.
fn self_service<'c>(catalogue: &'c Catalogue, namespace: &'c str) -> impl Fn(&str) -> bool + 'c {
    move |path| catalogue.is_self_service(path.strip_prefix(namespace).unwrap_or(path))
}

impl Origin {
    fn locate(&self, span: Range<usize>) -> Location {
        match &self.lines {
            Some((lines, text)) => lines.locate(self.file, text.as_bytes(), span),
            None => Location::start_of(self.file),
        }
    }
}

fn permission(rule: &Rule) -> Permission {
    let mut actions: Vec<Sym> = if rule.caps.any(Caps::DENY) {
        vec![Sym::new("*")]
    } else {
        rule.caps.names().map(Sym::new).collect()
    };
    actions.sort();
    // `+` is one segment; the neutral pattern language only knows any text.
    let resource = rule
        .pattern()
        .split('/')
        .map(|part| if part == "+" { "*" } else { part })
        .collect::<Vec<_>>()
        .join("/");
    Permission {
        effect: if rule.caps.any(Caps::DENY) {
            Effect::Deny
        } else {
            Effect::Allow
        },
        actions: actions.into(),
        not_actions: false,
        resources: Box::new([Sym::new(&resource)]),
        not_resources: false,
        condition: rule
            .is_guarded()
            .then(|| Sym::new("request parameters, wrapping, approval or a second factor")),
    }
}
