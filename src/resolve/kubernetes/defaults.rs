//! Roles and bindings of the platform and of widely used installs, recognised by
//! content (`rules/kubernetes-defaults.yaml`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::evaluate::{Request, rule_allows};
use super::rbac::{Aggregation, Binding, Meta, Requirement, Role, Rule, Selector, SubjectKind};
use crate::model::Sym;

const TEXT: &str = include_str!("../../../rules/kubernetes-defaults.yaml");

/// Roles every cluster comes with, each of which aggregates the one after it (Kubernetes
/// documentation, "User-facing roles").
pub const CONTAINED_ROLES: [(&str, &str); 3] = [
    ("ClusterRole/edit", "ClusterRole/view"),
    ("ClusterRole/admin", "ClusterRole/edit"),
    ("ClusterRole/cluster-admin", "ClusterRole/admin"),
];

/// What the platform makes for itself.
#[derive(Debug)]
pub(crate) struct Defaults {
    /// The roles, marked as built in.
    pub roles: Vec<Role>,
    by_name: FxHashMap<(Sym, Sym), usize>,
    /// Namespace, name and role of bindings, with their subjects.
    bindings: FxHashMap<(Sym, Sym, Sym), FxHashSet<Sym>>,
    vendors: FxHashMap<String, Sym>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "version")]
    _version: String,
    cluster_roles: Vec<FileRole>,
    roles: Vec<FileRole>,
    bindings: Vec<FileBinding>,
    vendors: Vec<Vendor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRole {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    aggregate: Vec<String>,
    #[serde(default)]
    rules: Vec<FileRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[derive(Default)]
struct FileRule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    resource_names: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    urls: Vec<String>,
    verbs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBinding {
    #[serde(default)]
    namespace: String,
    name: String,
    role: String,
    subjects: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vendor {
    vendor: String,
    #[serde(rename = "role")]
    _role: String,
    rules: String,
}

static DEFAULTS: LazyLock<Defaults> = LazyLock::new(|| {
    // Part of the program and read by a test, like the catalogue.
    #[allow(clippy::panic)]
    Defaults::parse(TEXT).unwrap_or_else(|error| panic!("rules/kubernetes-defaults.yaml: {error}"))
});

impl Defaults {
    /// Those of this build.
    pub fn get() -> &'static Defaults {
        &DEFAULTS
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let mut roles = Vec::new();
        for (list, cluster) in [(file.cluster_roles, true), (file.roles, false)] {
            roles.extend(list.into_iter().map(|role| builtin(role, cluster)));
        }
        Ok(Defaults {
            by_name: roles
                .iter()
                .enumerate()
                .map(|(at, role)| ((role.meta.namespace, role.meta.name), at))
                .collect(),
            roles,
            bindings: file
                .bindings
                .into_iter()
                .map(|binding| {
                    let key = (
                        Sym::new(&binding.namespace),
                        Sym::new(&binding.name),
                        Sym::new(&binding.role),
                    );
                    (key, binding.subjects.iter().map(Sym::from).collect())
                })
                .collect(),
            vendors: file
                .vendors
                .into_iter()
                .map(|vendor| (vendor.rules, Sym::new(&vendor.vendor)))
                .collect(),
        })
    }

    /// Whether this is a default role that allows no more than the default does.
    /// `rules` are those in force.
    pub fn is_default(&self, role: &Role, rules: &[&Rule]) -> bool {
        if role.builtin {
            return true;
        }
        let Some(known) = self.named(role) else {
            return false;
        };
        let given = self.rules_of(known);
        rules.iter().all(|rule| covered(rule, &given))
    }

    /// Whether a role has the name of a default one.
    pub fn has_name(&self, role: &Role) -> bool {
        self.named(role).is_some()
    }

    fn named(&self, role: &Role) -> Option<&Role> {
        self.by_name
            .get(&(role.meta.namespace, role.meta.name))
            .map(|&at| &self.roles[at])
            .filter(|known| known.cluster == role.cluster)
    }

    /// The rules of a default role; an aggregated one has those of all it selects.
    fn rules_of<'d>(&'d self, role: &'d Role) -> Vec<&'d Rule> {
        let mut rules: Vec<&Rule> = role.rules.iter().collect();
        let selectors = role.aggregation.iter().flat_map(|rule| &rule.selectors);
        for selector in selectors {
            for other in &self.roles {
                if other.cluster
                    && other.meta.name != role.meta.name
                    && selector.matches(&other.meta)
                {
                    rules.extend(self.rules_of(other));
                }
            }
        }
        rules
    }

    /// Whether a binding gives a default role to whom the platform gives it.
    pub fn is_default_subject(&self, binding: &Binding, subject: usize) -> bool {
        let key = (binding.meta.namespace, binding.meta.name, binding.role);
        let Some(subjects) = self.bindings.get(&key) else {
            return false;
        };
        let subject = &binding.subjects[subject];
        let text = match subject.kind {
            SubjectKind::User => format!("user:{}", subject.name),
            SubjectKind::Group => format!("group:{}", subject.name),
            SubjectKind::ServiceAccount => format!("sa:{}/{}", subject.namespace, subject.name),
        };
        subjects.contains(&Sym::new(&text))
    }

    /// Whose install a role with these rules belongs to.
    pub fn vendor(&self, rules: &[Rule]) -> Option<Sym> {
        self.vendors.get(&digest(rules)).copied()
    }
}

fn builtin(role: FileRole, cluster: bool) -> Role {
    let syms = |list: Vec<String>| list.iter().map(Sym::from).collect();
    Role {
        meta: Meta {
            name: Sym::new(&role.name),
            namespace: Sym::new(&role.namespace),
            labels: role
                .labels
                .iter()
                .map(|(key, value)| (Sym::new(key), Sym::new(value)))
                .collect(),
            ..Meta::default()
        },
        cluster,
        rules: role
            .rules
            .into_iter()
            .map(|rule| Rule {
                verbs: syms(rule.verbs),
                groups: syms(rule.api_groups),
                resources: syms(rule.resources),
                names: syms(rule.resource_names),
                urls: syms(rule.urls),
                location: None,
            })
            .collect(),
        aggregation: (!role.aggregate.is_empty()).then(|| Aggregation {
            selectors: role
                .aggregate
                .iter()
                .map(|label| Selector {
                    requirements: vec![Requirement {
                        key: Sym::new(label),
                        operator: Sym::new("In"),
                        values: [Sym::new("true")].into(),
                    }],
                })
                .collect(),
        }),
        builtin: true,
    }
}

/// Whether all a rule allows is allowed by `given`. A wildcard is covered by a
/// wildcard only.
fn covered(rule: &Rule, given: &[&Rule]) -> bool {
    let allowed = |request: &Request<'_>| given.iter().any(|rule| rule_allows(rule, request));
    let urls = rule.verbs.iter().all(|verb| {
        rule.urls.iter().all(|url| {
            allowed(&Request {
                verb,
                url: Some(url),
                ..Request::default()
            })
        })
    });
    let anonymous = [Sym::default()];
    let names: &[Sym] = if rule.names.is_empty() {
        &anonymous
    } else {
        &rule.names
    };
    urls && rule.resources.iter().all(|resource| {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        rule.groups.iter().all(|group| {
            rule.verbs.iter().all(|verb| {
                names.iter().all(|name| {
                    allowed(&Request {
                        verb,
                        group,
                        resource,
                        subresource,
                        name,
                        ..Request::default()
                    })
                })
            })
        })
    })
}

/// The first 128 bits of SHA-256 over the rules: each a line of its five sorted lists
/// (verbs, groups, resources, names, URLs; `,` between entries, `;` between lists),
/// the lines sorted and each once.
pub(crate) fn digest(rules: &[Rule]) -> String {
    let mut lines: Vec<String> = rules
        .iter()
        .map(|rule| {
            let lists = rule.canonical().map(|list| list.join(","));
            lists.join(";")
        })
        .collect();
    lines.sort_unstable();
    lines.dedup();
    let hash = Sha256::digest(lines.join("\n").as_bytes());
    hash.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::objects::Objects;
    use super::*;

    #[test]
    fn defaults_are_known_by_what_they_allow() {
        let objects = Objects::parse(
            br#"
kind: ClusterRole
metadata: {name: view}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
kind: ClusterRole
metadata: {name: view, labels: {kubernetes.io/bootstrapping: rbac-defaults}}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
---
kind: ClusterRole
metadata: {name: cluster-admin}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}, {nonResourceURLs: ["*"], verbs: ["*"]}]
---
kind: ClusterRole
metadata: {name: my-admin}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
"#,
        )
        .unwrap();
        let known: Vec<bool> = objects
            .roles
            .iter()
            .map(|role| {
                let rules: Vec<&Rule> = role.rules.iter().collect();
                Defaults::get().is_default(role, &rules)
            })
            .collect();
        assert_eq!(known, [true, false, true, false]);
    }
}
