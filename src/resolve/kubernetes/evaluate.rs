//! The RBAC authorizer, exactly (kubernetes `plugin/pkg/auth/authorizer/rbac` and
//! `pkg/apis/rbac/v1/evaluation_helpers.go`; Kubernetes documentation, *Using RBAC
//! Authorization*).
//!
//! What is easily got wrong:
//! * `*` among resources also means every subresource, `*/exec` means the
//!   subresource of every resource, `pods/*` means nothing;
//! * `resourceNames` match the name in the request: a create, a list or a deletion
//!   of a collection has none (a list has one if it selects `metadata.name`);
//! * a rule's API groups count: `*` in `apps` says nothing about secrets;
//! * a role binding that names a cluster role grants it in its own namespace only.

use rustc_hash::FxHashMap;

use super::aggregate::{Effective, effective};
use super::rbac::{Binding, Role, Rule};
use super::subject::{MASTERS, Principal};
use crate::model::Sym;

/// What is asked: `verb` on a resource, or on a path that is no resource.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Request<'r> {
    pub verb: &'r str,
    pub group: &'r str,
    pub resource: &'r str,
    pub subresource: &'r str,
    /// Empty for cluster-scoped resources and for "in all namespaces".
    pub namespace: &'r str,
    pub name: &'r str,
    /// Set for a request to a path that is no resource.
    pub url: Option<&'r str>,
}

/// Whether `rule` allows `request`.
pub(crate) fn rule_allows(rule: &Rule, request: &Request<'_>) -> bool {
    let has = |list: &[Sym], text: &str| list.iter().any(|item| *item == "*" || *item == text);
    if !has(&rule.verbs, request.verb) {
        return false;
    }
    match request.url {
        Some(url) => rule.urls.iter().any(|pattern| url_matches(pattern, url)),
        None => {
            has(&rule.groups, request.group)
                && rule
                    .resources
                    .iter()
                    .any(|pattern| resource_matches(pattern, request))
                && (rule.names.is_empty() || rule.names.iter().any(|name| *name == request.name))
        }
    }
}

/// Whether a rule's entry means the requested resource or subresource.
pub(crate) fn resource_matches(pattern: &str, request: &Request<'_>) -> bool {
    if pattern == "*" {
        return true;
    }
    if request.subresource.is_empty() {
        return pattern == request.resource;
    }
    match pattern.split_once('/') {
        Some((resource, subresource)) => {
            subresource == request.subresource && (resource == "*" || resource == request.resource)
        }
        None => false,
    }
}

fn url_matches(pattern: &str, url: &str) -> bool {
    pattern == "*"
        || pattern == url
        || pattern
            .strip_suffix('*')
            .is_some_and(|prefix| url.starts_with(prefix.trim_end_matches('*')))
}

/// Why a request is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// The user is in `system:masters`.
    Masters,
    /// A binding gives it.
    Binding {
        /// Index of the binding.
        binding: u32,
        /// Index of the role it names.
        role: u32,
        /// Index of the subject within the binding.
        subject: u32,
        /// The rule that allows it.
        rule: Effective,
    },
}

/// Roles and bindings, indexed by whom they are for.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The rules in force of each role.
    effective: Vec<Vec<Effective>>,
    /// Index of the role each binding names, if it exists.
    role_of: Vec<Option<u32>>,
    /// Per principal: binding and subject, cluster-wide bindings first.
    by_principal: FxHashMap<Principal, Vec<(u32, u32)>>,
}

impl Index {
    /// Indexes `roles` and `bindings`.
    pub fn new(roles: &[Role], bindings: &[Binding]) -> Self {
        let mut by_name: FxHashMap<(Sym, Sym), u32> = FxHashMap::default();
        for (at, role) in roles.iter().enumerate() {
            // A cluster role has no namespace and a role always has one, so the two
            // kinds cannot be mistaken for each other.
            if role.cluster {
                by_name.insert((Sym::default(), role.meta.name), at as u32);
            } else if !role.meta.namespace.is_empty() {
                by_name.insert((role.meta.namespace, role.meta.name), at as u32);
            }
        }
        let role_of = bindings
            .iter()
            .map(|binding| {
                let namespace = match (binding.to_cluster_role, binding.cluster) {
                    (true, _) => Sym::default(),
                    // A cluster role binding cannot name a role.
                    (false, true) => return None,
                    (false, false) if binding.meta.namespace.is_empty() => return None,
                    (false, false) => binding.meta.namespace,
                };
                by_name.get(&(namespace, binding.role)).copied()
            })
            .collect();
        let mut by_principal: FxHashMap<Principal, Vec<(u32, u32)>> = FxHashMap::default();
        for (at, binding) in bindings.iter().enumerate() {
            for (number, subject) in binding.subjects.iter().enumerate() {
                if let Some(principal) = Principal::of(subject) {
                    by_principal
                        .entry(principal)
                        .or_default()
                        .push((at as u32, number as u32));
                }
            }
        }
        for list in by_principal.values_mut() {
            list.sort_by_key(|&(at, subject)| (!bindings[at as usize].cluster, at, subject));
        }
        Index {
            effective: effective(roles),
            role_of,
            by_principal,
        }
    }
}

/// Answers requests from roles, bindings and their index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evaluator<'o> {
    pub roles: &'o [Role],
    pub bindings: &'o [Binding],
    pub index: &'o Index,
}

impl<'o> Evaluator<'o> {
    /// The rules in force of a role.
    pub fn rules(&self, role: u32) -> &'o [Effective] {
        &self.index.effective[role as usize]
    }

    /// The role a binding names, if it exists.
    pub fn role_of(&self, binding: u32) -> Option<u32> {
        self.index.role_of[binding as usize]
    }

    /// The rule a reference means.
    pub fn rule(&self, at: Effective) -> &'o Rule {
        &self.roles[at.role as usize].rules[at.rule as usize]
    }

    /// Everybody a binding names, in a fixed order.
    pub fn principals(&self) -> Vec<Principal> {
        let mut all: Vec<_> = self.index.by_principal.keys().copied().collect();
        all.sort();
        all
    }

    /// Bindings (and the subject within each) that name `principal`.
    pub fn bindings_of(&self, principal: Principal) -> &'o [(u32, u32)] {
        self.index
            .by_principal
            .get(&principal)
            .map_or(&[], Vec::as_slice)
    }

    /// Every grant that allows `request` to `user` in `groups`, cluster-wide
    /// bindings first; none means denied.
    pub fn grants<'s>(
        &'s self,
        user: &'s str,
        groups: &'s [Sym],
        request: &'s Request<'s>,
    ) -> impl Iterator<Item = Grant> + 's {
        let masters = groups.iter().any(|group| *group == MASTERS);
        let mut named: Vec<(u32, u32)> = std::iter::once(Principal::User(Sym::new(user)))
            .chain(groups.iter().copied().map(Principal::Group))
            .flat_map(|principal| self.bindings_of(principal))
            .copied()
            .collect();
        named.sort_by_key(|&(at, subject)| (!self.bindings[at as usize].cluster, at, subject));
        named.dedup();
        masters
            .then_some(Grant::Masters)
            .into_iter()
            .chain(named.into_iter().filter_map(move |(at, subject)| {
                let binding = &self.bindings[at as usize];
                if !binding.cluster
                    && (request.namespace.is_empty()
                        || request.url.is_some()
                        || binding.meta.namespace != request.namespace)
                {
                    return None;
                }
                let role = self.role_of(at)?;
                let rule = *self
                    .rules(role)
                    .iter()
                    .find(|rule| rule_allows(self.rule(**rule), request))?;
                Some(Grant::Binding {
                    binding: at,
                    role,
                    subject,
                    rule,
                })
            }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> Rule {
        let syms = |list: &[&str]| list.iter().map(|&text| Sym::new(text)).collect();
        Rule {
            verbs: syms(verbs),
            groups: syms(groups),
            resources: syms(resources),
            names: syms(names),
            ..Rule::default()
        }
    }

    fn ask<'r>(verb: &'r str, resource: &'r str, name: &'r str) -> Request<'r> {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Request {
            verb,
            resource,
            subresource,
            name,
            ..Request::default()
        }
    }

    #[test]
    fn subresources() {
        let table: &[(&str, &str, bool)] = &[
            ("*", "pods", true),
            ("*", "pods/exec", true),
            ("pods", "pods", true),
            ("pods", "pods/exec", false),
            ("pods/exec", "pods/exec", true),
            ("pods/exec", "pods", false),
            ("pods/*", "pods/exec", false),
            ("pods/*", "pods", false),
            ("*/exec", "pods/exec", true),
            ("*/exec", "pods/attach", false),
            ("*/*", "pods/exec", false),
        ];
        for (pattern, resource, expected) in table {
            let rule = rule(&["create"], &[""], &[pattern], &[]);
            assert_eq!(
                rule_allows(&rule, &ask("create", resource, "")),
                *expected,
                "{pattern} {resource}"
            );
        }
    }

    #[test]
    fn names_groups_and_urls() {
        let named = rule(&["get", "create", "list"], &[""], &["secrets"], &["db"]);
        assert!(rule_allows(&named, &ask("get", "secrets", "db")));
        assert!(!rule_allows(&named, &ask("get", "secrets", "other")));
        assert!(!rule_allows(&named, &ask("create", "secrets", "")));
        assert!(!rule_allows(&named, &ask("list", "secrets", "")));
        assert!(rule_allows(&named, &ask("list", "secrets", "db")));

        let other = rule(&["*"], &["apps"], &["*"], &[]);
        assert!(!rule_allows(&other, &ask("get", "secrets", "")));

        let star = rule(&["*"], &["*"], &["*"], &[]);
        let url = |url| Request {
            verb: "get",
            url: Some(url),
            ..Request::default()
        };
        assert!(!rule_allows(&star, &url("/metrics")));
        let paths = |list: &[&str]| Rule {
            verbs: [Sym::new("get")].into(),
            urls: list.iter().map(|&text| Sym::new(text)).collect(),
            ..Rule::default()
        };
        assert!(rule_allows(&paths(&["/api/*"]), &url("/api/v1")));
        assert!(!rule_allows(&paths(&["/api/*"]), &url("/api")));
        assert!(rule_allows(&paths(&["*"]), &url("/x")));
        assert!(!rule_allows(&paths(&["/*x"]), &url("/yx")));
    }
}
