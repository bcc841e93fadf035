//! `kubernetes_*` resources: roles, bindings, service accounts and plain manifests.

use super::super::Declared;
use super::super::kubernetes_document::Node;
use super::super::text::Made;
use super::{Attribute, Resource, Side};
use crate::model::System;

/// The kind of object a kind of resource makes.
pub(super) fn object_kind(kind: &str) -> Option<&'static str> {
    let kind = kind.strip_prefix("kubernetes_")?;
    let kind = kind.strip_suffix("_v1").unwrap_or(kind);
    Some(match kind {
        "role" => "Role",
        "cluster_role" => "ClusterRole",
        "role_binding" => "RoleBinding",
        "cluster_role_binding" => "ClusterRoleBinding",
        "service_account" => "ServiceAccount",
        "manifest" => "",
        _ => return None,
    })
}

/// Reads all resources of Kubernetes.
pub(super) fn read(side: &Side<'_>, into: &mut Declared) {
    let mut objects = Vec::new();
    for resource in &side.resources {
        let Some(kind) = object_kind(resource.kind) else {
            continue;
        };
        let read: &[&str] = match kind {
            "" => &["manifest"],
            "Role" | "ClusterRole" => &["metadata", "rule", "aggregation_rule"],
            "ServiceAccount" => &["metadata"],
            _ => &["metadata", "role_ref", "subject"],
        };
        for attribute in read {
            if decides(resource, attribute) {
                into.undecided(
                    System::Kubernetes,
                    "terraform",
                    resource.address,
                    attribute,
                    resource.at(attribute),
                );
            }
        }
        objects.push(if kind.is_empty() {
            match resource.known("manifest") {
                Some(manifest) => Made::of(manifest, None).at(Some(resource.at)),
                None => continue,
            }
        } else {
            object(resource, kind)
        });
    }
    if !objects.is_empty() {
        let list = Made::map([
            ("apiVersion", Made::text("v1")),
            ("kind", Made::text("List")),
            ("items", Made::list(objects)),
        ]);
        into.document(
            System::Kubernetes,
            "terraform",
            "objects.json",
            "objects",
            &list,
        );
    }
}

/// Whether something that decides who may do what is unknown. What the server fills
/// in by itself (`uid`, `generation`) is always unknown of a new object.
fn decides(resource: &Resource<'_>, attribute: &str) -> bool {
    let filled = [
        "generation",
        "resource_version",
        "uid",
        "self_link",
        "generate_name",
    ];
    let Some(marks) = resource.unknown.and_then(|marks| marks.get(attribute)) else {
        return false;
    };
    if marks.bool() == Some(true) {
        return true;
    }
    let blocks = std::iter::once(marks).chain(marks.items());
    blocks
        .flat_map(|block| block.pairs())
        .any(|(name, mark)| !filled.contains(&name.as_ref()) && super::is_marked(mark))
}

fn blocks<'p>(resource: &Resource<'p>, name: &str) -> &'p [Node<'p>] {
    match resource.values.get(name) {
        Some(node) if !matches!(resource.get(name), Attribute::Absent) => node.items(),
        _ => &[],
    }
}

fn object(resource: &Resource<'_>, kind: &str) -> Made {
    let metadata = blocks(resource, "metadata").first();
    let text = |name: &str| metadata.and_then(|metadata| metadata.text_of(name));
    let name = text("name").unwrap_or(resource.address);
    let mut meta = vec![("name", Made::text(name))];
    let namespaced = !kind.starts_with("Cluster");
    if namespaced {
        meta.push((
            "namespace",
            Made::text(text("namespace").unwrap_or("default")),
        ));
    }
    for field in ["labels", "annotations"] {
        if let Some(value) = metadata.and_then(|metadata| metadata.get(field)) {
            meta.push((field, Made::of(value, None)));
        }
    }
    let group = if kind == "ServiceAccount" {
        "v1"
    } else {
        "rbac.authorization.k8s.io/v1"
    };
    let mut pairs = vec![
        ("apiVersion", Made::text(group)),
        ("kind", Made::text(kind)),
        ("metadata", Made::map(meta).at(Some(resource.at))),
    ];
    let copy = |node: &Node<'_>, names: &[(&str, &'static str)]| {
        Made::map(names.iter().filter_map(|(own, theirs)| {
            let value = node.get(own)?;
            let empty = value.items().is_empty() && value.text().is_none_or(str::is_empty);
            (!empty).then(|| (*theirs, Made::of(value, None)))
        }))
    };
    match kind {
        "Role" | "ClusterRole" => {
            let rules = blocks(resource, "rule").iter().map(|rule| {
                copy(
                    rule,
                    &[
                        ("api_groups", "apiGroups"),
                        ("resources", "resources"),
                        ("resource_names", "resourceNames"),
                        ("non_resource_urls", "nonResourceURLs"),
                        ("verbs", "verbs"),
                    ],
                )
                .at(resource.at("rule"))
            });
            pairs.push(("rules", Made::list(rules)));
            if let Some(aggregation) = blocks(resource, "aggregation_rule").first() {
                let selectors = aggregation.items_of("cluster_role_selectors");
                let selectors = selectors
                    .iter()
                    .map(|one| copy(one, &[("match_labels", "matchLabels")]));
                let rule = Made::map([("clusterRoleSelectors", Made::list(selectors))]);
                pairs.push(("aggregationRule", rule));
            }
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            if let Some(reference) = blocks(resource, "role_ref").first() {
                let names = [
                    ("api_group", "apiGroup"),
                    ("kind", "kind"),
                    ("name", "name"),
                ];
                let reference = copy(reference, &names).at(resource.at("role_ref"));
                pairs.push(("roleRef", reference));
            }
            let subjects = blocks(resource, "subject").iter().map(|subject| {
                // The provider writes a namespace for people and groups too.
                let account = subject.text_of("kind") == Some("ServiceAccount");
                let mut names = vec![("kind", "kind"), ("name", "name")];
                names.push(if account {
                    ("namespace", "namespace")
                } else {
                    ("api_group", "apiGroup")
                });
                copy(subject, &names).at(resource.at("subject"))
            });
            pairs.push(("subjects", Made::list(subjects)));
        }
        _ => {}
    }
    Made::map(pairs).at(Some(resource.at))
}
