//! The objects of the RBAC API, as the authorizer sees them.

use super::document::{Node, Source};
use crate::model::{Location, Sym};
use jiff::Timestamp;

/// API group of roles and bindings.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

/// What every object carries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meta {
    pub name: Sym,
    /// Empty for cluster-scoped objects.
    pub namespace: Sym,
    pub uid: Sym,
    pub labels: Vec<(Sym, Sym)>,
    pub annotations: Vec<(Sym, Sym)>,
    pub created: Option<Timestamp>,
    pub owners: Vec<Owner>,
    /// The object's name in the file, or the object itself.
    pub location: Option<Location>,
}

/// An owner reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub group: Sym,
    pub kind: Sym,
    pub name: Sym,
    pub uid: Sym,
}

impl Meta {
    /// Reads `metadata` of an object.
    pub fn read(object: &Node<'_>, source: &Source<'_>) -> Self {
        let Some(meta) = object.get("metadata") else {
            return Meta {
                location: Some(source.locate(object)),
                ..Meta::default()
            };
        };
        let owners = meta
            .items_of("ownerReferences")
            .iter()
            .map(|owner| Owner {
                group: group_of(owner.text_of("apiVersion").unwrap_or_default()),
                kind: owner.sym_of("kind"),
                name: owner.sym_of("name"),
                uid: owner.sym_of("uid"),
            })
            .collect();
        Meta {
            name: meta.sym_of("name"),
            namespace: meta.sym_of("namespace"),
            uid: meta.sym_of("uid"),
            labels: meta.texts_of("labels"),
            annotations: meta.texts_of("annotations"),
            created: time_of(meta, "creationTimestamp"),
            owners,
            location: Some(source.locate(meta.get("name").unwrap_or(meta))),
        }
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<Sym> {
        find(&self.labels, key)
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<Sym> {
        find(&self.annotations, key)
    }
}

fn find(pairs: &[(Sym, Sym)], key: &str) -> Option<Sym> {
    pairs
        .iter()
        .find(|(name, _)| *name == key)
        .map(|&(_, value)| value)
}

/// The time at `key`, if there is one.
pub(crate) fn time_of(node: &Node<'_>, key: &str) -> Option<Timestamp> {
    node.text_of(key)?.parse().ok()
}

/// The group in an `apiVersion` (`apps/v1` → `apps`, `v1` → empty).
pub(crate) fn group_of(api_version: &str) -> Sym {
    Sym::new(api_version.rsplit_once('/').map_or("", |(group, _)| group))
}

/// One rule of a role.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    pub verbs: Box<[Sym]>,
    pub groups: Box<[Sym]>,
    pub resources: Box<[Sym]>,
    pub names: Box<[Sym]>,
    pub urls: Box<[Sym]>,
    pub location: Option<Location>,
}

impl Rule {
    /// Reads a rule.
    pub fn read(node: &Node<'_>, source: &Source<'_>) -> Self {
        Rule {
            verbs: node.syms_of("verbs"),
            groups: node.syms_of("apiGroups"),
            resources: node.syms_of("resources"),
            names: node.syms_of("resourceNames"),
            urls: node.syms_of("nonResourceURLs"),
            location: Some(source.locate(node)),
        }
    }

    /// The rule without its place, in canonical order, for comparison.
    pub fn canonical(&self) -> [Vec<&'static str>; 5] {
        [
            &self.verbs,
            &self.groups,
            &self.resources,
            &self.names,
            &self.urls,
        ]
        .map(|list| {
            let mut list: Vec<_> = list.iter().map(|item| item.as_str()).collect();
            list.sort_unstable();
            list.dedup();
            list
        })
    }
}

/// Which roles an aggregated role is made of: any of the selectors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aggregation {
    pub selectors: Vec<Selector>,
}

/// A label selector: all of its requirements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    pub requirements: Vec<Requirement>,
}

/// One requirement of a label selector.
#[derive(Clone, Debug)]
pub(crate) struct Requirement {
    pub key: Sym,
    pub operator: Sym,
    pub values: Box<[Sym]>,
}

impl Selector {
    /// Reads a `metav1.LabelSelector`.
    pub fn read(node: &Node<'_>) -> Self {
        let labels = node
            .texts_of("matchLabels")
            .into_iter()
            .map(|(key, value)| Requirement {
                key,
                operator: Sym::new("In"),
                values: [value].into(),
            });
        let expressions = node
            .items_of("matchExpressions")
            .iter()
            .map(|item| Requirement {
                key: item.sym_of("key"),
                operator: item.sym_of("operator"),
                values: item.syms_of("values"),
            });
        Selector {
            requirements: labels.chain(expressions).collect(),
        }
    }

    /// Whether an object with these labels is selected. An empty selector selects
    /// everything; an operator nobody knows selects nothing.
    pub fn matches(&self, meta: &Meta) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = meta.label(&requirement.key);
            match requirement.operator.as_str() {
                "In" => value.is_some_and(|value| requirement.values.contains(&value)),
                "NotIn" => value.is_none_or(|value| !requirement.values.contains(&value)),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
    }
}

/// A `Role` or `ClusterRole`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Role {
    /// `meta.namespace` is empty for a `ClusterRole`.
    pub meta: Meta,
    pub cluster: bool,
    pub rules: Vec<Rule>,
    pub aggregation: Option<Aggregation>,
    /// Known from the platform's own definitions, not from the input.
    pub builtin: bool,
}

impl Role {
    /// Reads a role.
    pub fn read(object: &Node<'_>, source: &Source<'_>, cluster: bool) -> Self {
        let rules = object
            .items_of("rules")
            .iter()
            .map(|rule| Rule::read(rule, source))
            .collect();
        let aggregation = object.get("aggregationRule").map(|rule| Aggregation {
            selectors: rule
                .items_of("clusterRoleSelectors")
                .iter()
                .map(Selector::read)
                .collect(),
        });
        Role {
            meta: Meta::read(object, source),
            cluster,
            rules,
            aggregation,
            builtin: false,
        }
    }
}

/// Whom a binding names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SubjectKind {
    User,
    Group,
    ServiceAccount,
}

/// One subject of a binding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub kind: SubjectKind,
    pub name: Sym,
    /// The namespace of a service account: the one written, else the binding's own.
    pub namespace: Sym,
    /// The binding did not say the namespace.
    pub namespace_assumed: bool,
    pub location: Option<Location>,
}

/// A `RoleBinding` or `ClusterRoleBinding`.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// `meta.namespace` is empty for a `ClusterRoleBinding`.
    pub meta: Meta,
    pub cluster: bool,
    /// The role is a `ClusterRole`.
    pub to_cluster_role: bool,
    pub role: Sym,
    pub subjects: Vec<Subject>,
    /// Where the role is named.
    pub role_location: Option<Location>,
}

impl Binding {
    /// Reads a binding. Subjects of a kind nobody knows are left out: they grant nothing.
    pub fn read(object: &Node<'_>, source: &Source<'_>, cluster: bool) -> Self {
        let meta = Meta::read(object, source);
        let subjects = object
            .items_of("subjects")
            .iter()
            .filter_map(|subject| {
                let kind = match subject.text_of("kind")? {
                    "User" => SubjectKind::User,
                    "Group" => SubjectKind::Group,
                    "ServiceAccount" => SubjectKind::ServiceAccount,
                    _ => return None,
                };
                let written = subject.sym_of("namespace");
                let assumed = kind == SubjectKind::ServiceAccount && written.is_empty();
                Some(Subject {
                    kind,
                    name: subject.sym_of("name"),
                    namespace: if assumed { meta.namespace } else { written },
                    namespace_assumed: assumed,
                    location: Some(source.locate(subject)),
                })
            })
            .collect();
        let reference = object.get("roleRef");
        Binding {
            cluster,
            to_cluster_role: reference.and_then(|role| role.text_of("kind")) == Some("ClusterRole"),
            role: reference
                .map(|role| role.sym_of("name"))
                .unwrap_or_default(),
            role_location: reference.map(|role| source.locate(role)),
            subjects,
            meta,
        }
    }
}
