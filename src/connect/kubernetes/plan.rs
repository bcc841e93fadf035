//! Every call a scan makes, in one table: the collector walks it, the doctor tries
//! it, and the printed permissions are made from it, so the three cannot differ.

/// One list of objects.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    /// API group; empty for the core group.
    pub group: &'static str,
    pub version: &'static str,
    pub resource: &'static str,
    /// What of the coverage it feeds.
    pub kind: &'static str,
    /// Only names, labels and annotations are asked for.
    pub metadata_only: bool,
    /// Pods and their templates: values of their environment are left out.
    pub pods: bool,
}

const fn list(
    group: &'static str,
    version: &'static str,
    resource: &'static str,
    kind: &'static str,
) -> List {
    List {
        group,
        version,
        resource,
        kind,
        metadata_only: false,
        pods: false,
    }
}

const fn pods(group: &'static str, version: &'static str, resource: &'static str) -> List {
    List {
        pods: true,
        ..list(group, version, resource, "kubernetes.workloads")
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";
/// Volumes, for the secrets they are mounted with.
pub(super) const VOLUMES: &str = "kubernetes.volumes";

/// The lists of every scan.
pub(super) const LISTS: &[List] = &[
    list(RBAC, "v1", "clusterroles", "kubernetes.rbac"),
    list(RBAC, "v1", "clusterrolebindings", "kubernetes.rbac"),
    list(RBAC, "v1", "roles", "kubernetes.rbac"),
    list(RBAC, "v1", "rolebindings", "kubernetes.rbac"),
    list("", "v1", "serviceaccounts", "kubernetes.service-accounts"),
    list("", "v1", "namespaces", "kubernetes.namespaces"),
    List {
        metadata_only: true,
        ..list("", "v1", "nodes", "kubernetes.nodes")
    },
    pods("", "v1", "pods"),
    list("", "v1", "persistentvolumes", VOLUMES),
    pods("apps", "v1", "daemonsets"),
    pods("apps", "v1", "deployments"),
    pods("apps", "v1", "statefulsets"),
    pods("batch", "v1", "cronjobs"),
    list(
        "certificates.k8s.io",
        "v1",
        "certificatesigningrequests",
        "kubernetes.certificates",
    ),
    List {
        metadata_only: true,
        ..list(
            "apiextensions.k8s.io",
            "v1",
            "customresourcedefinitions",
            "kubernetes.jit",
        )
    },
];

/// Types of secrets that are listed, as metadata only and only if asked for, with the
/// names their documents get.
pub(super) const SECRETS: &[(&str, &str)] = &[
    (
        "kubernetes.io/service-account-token",
        "service-account-token",
    ),
    ("bootstrap.kubernetes.io/token", "bootstrap-token"),
];

/// Pages of the API server itself: path, document, coverage.
pub(super) const PAGES: &[(&str, &str, &str)] = &[
    ("/version", "version.json", "kubernetes.version"),
    ("/flagz", "flagz.txt", "kubernetes.flags"),
    ("/metrics", "metrics.txt", "kubernetes.metrics"),
];

/// Where the list is.
pub(super) fn path(group: &str, version: &str, resource: &str) -> String {
    match group {
        "" => format!("/api/{version}/{resource}"),
        group => format!("/apis/{group}/{version}/{resource}"),
    }
}

/// `clusterroles.rbac.authorization.k8s.io`, `pods`.
pub(super) fn full_name(group: &str, resource: &str) -> String {
    match group {
        "" => resource.to_owned(),
        group => format!("{resource}.{group}"),
    }
}

/// The least a scanner needs, as a `ClusterRole` and a `Role` to apply.
pub fn permissions() -> String {
    use std::fmt::Write as _;

    use crate::snapshot::kubernetes::JIT_KINDS;

    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for list in LISTS {
        match groups.iter_mut().find(|(group, _)| *group == list.group) {
            Some((_, resources)) => resources.push(list.resource),
            None => groups.push((list.group, vec![list.resource])),
        }
    }
    let mut out = String::from(
        "# What `tenure scan kubernetes` reads. Nothing else is asked for.\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n\
         metadata: {name: tenure-scanner}\nrules:\n",
    );
    // Writing to a string cannot fail.
    for (group, resources) in &groups {
        let _ = writeln!(
            out,
            "- {{apiGroups: [\"{group}\"], resources: [{}], verbs: [list]}}",
            resources.join(", ")
        );
    }
    out.push_str("# Just-in-time operators, where they are installed.\n");
    for (group, resources) in JIT_KINDS {
        let _ = writeln!(
            out,
            "- {{apiGroups: [\"{group}\"], resources: [{}], verbs: [list]}}",
            resources.join(", ")
        );
    }
    let pages: Vec<&str> = PAGES.iter().map(|(path, ..)| *path).collect();
    let _ = writeln!(
        out,
        "- {{nonResourceURLs: [{}], verbs: [get]}}\n\
         # Only with `kubernetes: {{secrets: true}}` in tenure.yaml. Listing secrets is a right over\n\
         # all of them, though tenure asks for metadata only:\n\
         # - {{apiGroups: [\"\"], resources: [secrets], verbs: [list]}}",
        pages.join(", ")
    );
    out.push_str(
        "---\n# The map from AWS principals to groups, by name.\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n\
         metadata: {name: tenure-scanner, namespace: kube-system}\nrules:\n\
         - {apiGroups: [\"\"], resources: [configmaps], resourceNames: [aws-auth], verbs: [get]}\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_read_only() {
        let text = permissions();
        let rules = text.lines().filter(|line| line.starts_with("- {"));
        for rule in rules {
            assert!(
                rule.contains("verbs: [list]") || rule.contains("verbs: [get]"),
                "{rule}"
            );
            assert!(!rule.contains("secrets"), "{rule}");
        }
        assert!(text.contains("clusterroles, clusterrolebindings, roles, rolebindings"));
    }
}
