//! Aggregated cluster roles and why they allow what they allow.
//!
//! A controller fills the rules of a `ClusterRole` that has an `aggregationRule` from
//! all roles its selectors match. In a live cluster the result is stored and the
//! authorizer uses that; in manifests it is not there yet and is computed here.
//! Either way each rule keeps its cause: the role that brought it.

use rustc_hash::FxHashMap;

use super::rbac::{Role, Rule};
use crate::model::Sym;

/// A rule in force, and the role it came from by aggregation, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effective {
    /// Index of the role in whose text the rule stands.
    pub role: u32,
    /// Index of the rule there.
    pub rule: u32,
    /// Index of the role that brought it.
    pub cause: Option<u32>,
}

/// The rules in force of every role, in the order of `roles`.
pub(crate) fn effective(roles: &[Role]) -> Vec<Vec<Effective>> {
    let mut by_label: FxHashMap<Sym, Vec<usize>> = FxHashMap::default();
    for (at, role) in roles.iter().enumerate().filter(|(_, role)| role.cluster) {
        for (key, _) in &role.meta.labels {
            by_label.entry(*key).or_default().push(at);
        }
    }
    (0..roles.len())
        .map(|at| match &roles[at].aggregation {
            None => own(roles, at),
            Some(_) if !roles[at].rules.is_empty() => explained(roles, at, &by_label),
            Some(_) => {
                let mut rules = Vec::new();
                let mut entered = vec![at];
                gather(roles, at, &by_label, &mut entered, &mut rules);
                rules
            }
        })
        .collect()
}

fn own(roles: &[Role], at: usize) -> Vec<Effective> {
    (0..roles[at].rules.len())
        .map(|rule| Effective {
            role: at as u32,
            rule: rule as u32,
            cause: None,
        })
        .collect()
}

/// The roles the selectors of `roles[at]` match, itself excluded.
fn selected(roles: &[Role], at: usize, by_label: &FxHashMap<Sym, Vec<usize>>) -> Vec<usize> {
    let Some(aggregation) = &roles[at].aggregation else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for selector in &aggregation.selectors {
        // A selector that needs a label only has to look at roles that carry it.
        let needed = selector
            .requirements
            .iter()
            .find(|requirement| matches!(requirement.operator.as_str(), "In" | "Exists"));
        let matches = |&other: &usize| {
            other != at && roles[other].cluster && selector.matches(&roles[other].meta)
        };
        match needed {
            Some(requirement) => found.extend(
                by_label
                    .get(&requirement.key)
                    .into_iter()
                    .flatten()
                    .copied()
                    .filter(matches),
            ),
            None => found.extend((0..roles.len()).filter(matches)),
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The stored rules of an aggregated role, each with the role that brought it.
fn explained(roles: &[Role], at: usize, by_label: &FxHashMap<Sym, Vec<usize>>) -> Vec<Effective> {
    // Roles that are aggregated themselves pass on what others brought, so the
    // others are asked first.
    let mut ways = vec![at];
    let mut leaves = Vec::new();
    let mut next = 0;
    while next < ways.len() {
        for other in selected(roles, ways[next], by_label) {
            match roles[other].aggregation {
                Some(_) if !ways.contains(&other) => ways.push(other),
                Some(_) => {}
                None => leaves.push(other),
            }
        }
        next += 1;
    }
    let mut bringers: FxHashMap<[Vec<&str>; 5], u32> = FxHashMap::default();
    for &other in leaves.iter().chain(&ways[1..]) {
        for rule in &roles[other].rules {
            bringers.entry(rule.canonical()).or_insert(other as u32);
        }
    }
    let mut rules = own(roles, at);
    for (effective, rule) in rules.iter_mut().zip(&roles[at].rules) {
        effective.cause = bringers.get(&Rule::canonical(rule)).copied();
    }
    rules
}

fn gather(
    roles: &[Role],
    at: usize,
    by_label: &FxHashMap<Sym, Vec<usize>>,
    entered: &mut Vec<usize>,
    rules: &mut Vec<Effective>,
) {
    for other in selected(roles, at, by_label) {
        // Roles may select each other; each is taken once.
        if entered.contains(&other) {
            continue;
        }
        entered.push(other);
        if roles[other].aggregation.is_some() && roles[other].rules.is_empty() {
            gather(roles, other, by_label, entered, rules);
            continue;
        }
        rules.extend(own(roles, other).into_iter().map(|rule| Effective {
            cause: Some(other as u32),
            ..rule
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects::Objects;
    use super::*;

    #[test]
    fn rules_are_computed_with_their_cause() {
        let objects = Objects::parse(
            br#"
kind: ClusterRole
metadata: {name: admin}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {to-admin: "true"}}]}
---
kind: ClusterRole
metadata: {name: edit, labels: {to-admin: "true"}}
aggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: to-edit, operator: Exists}]}]}
---
kind: ClusterRole
metadata: {name: sneaky, labels: {to-edit: ""}}
rules: [{apiGroups: [""], resources: [secrets], verbs: [list]}]
"#,
        )
        .unwrap();
        let names = |at: u32| objects.roles[at as usize].meta.name.as_str();
        let all = effective(&objects.roles);
        let admin = objects
            .roles
            .iter()
            .position(|role| role.meta.name == "admin")
            .unwrap();
        assert_eq!(all[admin].len(), 1);
        assert_eq!(names(all[admin][0].role), "sneaky");
        assert_eq!(all[admin][0].cause.map(names), Some("sneaky"));
    }

    #[test]
    fn roles_that_select_each_other_end() {
        let objects = Objects::parse(
            br#"
- {kind: ClusterRole, metadata: {name: a, labels: {x: "1"}}, aggregationRule: {clusterRoleSelectors: [{matchLabels: {x: "1"}}]}}
- {kind: ClusterRole, metadata: {name: b, labels: {x: "1"}}, aggregationRule: {clusterRoleSelectors: [{}]}}
- {kind: ClusterRole, metadata: {name: c, labels: {x: "1"}}, rules: [{verbs: [get], nonResourceURLs: [/x]}]}
"#,
        )
        .unwrap();
        let sizes: Vec<_> = effective(&objects.roles).iter().map(Vec::len).collect();
        assert_eq!(sizes, [1, 1, 1]);
    }
}
