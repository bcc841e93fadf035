//! Service accounts and the pods that run with them.

use super::document::{Node, Source};
use super::rbac::Meta;
use super::volume::SECRET_REFS;
use crate::model::{Location, Sym};

/// A service account.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceAccount {
    pub meta: Meta,
    /// Whether pods get its token unless they say otherwise. `None` means yes.
    pub automount: Option<bool>,
}

impl ServiceAccount {
    /// Reads a service account.
    pub fn read(node: &Node<'_>, source: &Source<'_>) -> Self {
        let mut meta = Meta::read(node, source);
        if meta.namespace.is_empty() {
            meta.namespace = Sym::new("default");
        }
        ServiceAccount {
            meta,
            automount: node.bool_of("automountServiceAccountToken"),
        }
    }
}

/// A pod, or what makes pods.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workload {
    pub meta: Meta,
    pub kind: Sym,
    pub service_account: Sym,
    pub automount: Option<bool>,
    /// The node a pod was put on; empty for templates and pods not yet placed.
    pub node: Sym,
    /// Made by another workload, so not to be counted beside it.
    pub controlled: bool,
    /// A pod that has not ended, or a template with at least one replica.
    pub running: bool,
    /// What ties it to its node: `privileged`, `hostPID`, `hostPath:/…`, `capability:…`.
    pub host: Vec<Sym>,
    /// Secrets its node reads for it: mounted, taken into its environment, or for
    /// pulling images.
    pub secrets: Vec<Sym>,
    /// What else its node reads for it.
    pub uses: Uses,
    /// The copy in the API of a pod the node runs by itself.
    pub mirror: bool,
    /// Where the service account or the workload is named.
    pub location: Option<Location>,
}

/// Names of objects a pod refers to, besides secrets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uses {
    pub config_maps: Vec<Sym>,
    pub claims: Vec<Sym>,
    pub resource_claims: Vec<Sym>,
}

impl Workload {
    /// Reads a pod or a known template kind; `None` for any other.
    pub fn read(
        kind: &str,
        group: Option<Sym>,
        node: &Node<'_>,
        source: &Source<'_>,
    ) -> Option<Self> {
        let spec = node.get("spec")?;
        let (expected, pod) = match kind {
            "Pod" => ("", Some(spec)),
            "ReplicationController" => ("", spec.at(&["template", "spec"])),
            "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" => {
                ("apps", spec.at(&["template", "spec"]))
            }
            "Job" => ("batch", spec.at(&["template", "spec"])),
            "CronJob" => (
                "batch",
                spec.at(&["jobTemplate", "spec", "template", "spec"]),
            ),
            _ => return None,
        };
        if group.is_some_and(|group| group != expected) {
            return None;
        }
        let pod = pod?;
        let mut meta = Meta::read(node, source);
        if meta.namespace.is_empty() {
            meta.namespace = Sym::new("default");
        }
        let named = pod
            .get("serviceAccountName")
            .or_else(|| pod.get("serviceAccount"));
        let account = named
            .and_then(Node::text)
            .filter(|name| !name.is_empty())
            .unwrap_or("default");
        let running = match kind {
            "Pod" => !matches!(
                node.at(&["status", "phase"]).and_then(Node::text),
                Some("Succeeded" | "Failed")
            ),
            _ => spec.int_of("replicas") != Some(0) && spec.bool_of("suspend") != Some(true),
        };
        Some(Workload {
            kind: Sym::new(kind),
            service_account: Sym::new(account),
            automount: pod.bool_of("automountServiceAccountToken"),
            node: pod.sym_of("nodeName"),
            controlled: !meta.owners.is_empty(),
            running,
            host: host_ties(pod),
            secrets: secret_names(pod),
            // Templates are on no node, so nothing reads these for them.
            uses: match kind {
                "Pod" => uses(node, pod, &meta.name),
                _ => Uses::default(),
            },
            mirror: meta.annotation("kubernetes.io/config.mirror").is_some(),
            location: named.map(|name| source.locate(name)).or(meta.location),
            meta,
        })
    }
}

fn containers<'n, 'a>(pod: &'n Node<'a>) -> impl Iterator<Item = &'n Node<'a>> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .flat_map(|key| pod.items_of(key))
}

/// What ties a pod to its node, sorted.
fn host_ties(pod: &Node<'_>) -> Vec<Sym> {
    let mut ties = Vec::new();
    for flag in ["hostPID", "hostNetwork", "hostIPC"] {
        if pod.bool_of(flag) == Some(true) {
            ties.push(Sym::new(flag));
        }
    }
    for volume in pod.items_of("volumes") {
        if let Some(path) = volume.at(&["hostPath", "path"]).and_then(Node::text) {
            ties.push(Sym::new(&format!("hostPath:{path}")));
        }
    }
    for context in containers(pod).filter_map(|container| container.get("securityContext")) {
        if context.bool_of("privileged") == Some(true) {
            ties.push(Sym::new("privileged"));
        }
        for capability in context
            .get("capabilities")
            .map_or(&[][..], |capabilities| capabilities.items_of("add"))
        {
            if let Some(name) = capability.text() {
                let name = name.strip_prefix("CAP_").unwrap_or(name);
                ties.push(Sym::new(&format!("capability:{name}")));
            }
        }
    }
    ties.sort();
    ties.dedup();
    ties
}

/// Names of the secrets a node reads for a pod, sorted.
fn secret_names(pod: &Node<'_>) -> Vec<Sym> {
    let mut names = Vec::new();
    let mut add = |name: Option<&Node<'_>>| {
        names.extend(name.and_then(Node::text).map(Sym::new));
    };
    for secret in pod.items_of("imagePullSecrets") {
        add(secret.get("name"));
    }
    for volume in pod.items_of("volumes") {
        add(volume.at(&["secret", "secretName"]));
        add(volume.at(&["azureFile", "secretName"]));
        add(volume.at(&["csi", "nodePublishSecretRef", "name"]));
        for kind in SECRET_REFS {
            add(volume.at(&[kind, "secretRef", "name"]));
        }
        for source in projected(volume) {
            add(source.at(&["secret", "name"]));
        }
    }
    for container in containers(pod) {
        for from in container.items_of("envFrom") {
            add(from.at(&["secretRef", "name"]));
        }
        for variable in container.items_of("env") {
            add(variable.at(&["valueFrom", "secretKeyRef", "name"]));
        }
    }
    names.sort();
    names.dedup();
    names
}

fn projected<'n, 'a>(volume: &'n Node<'a>) -> &'n [Node<'a>] {
    volume
        .get("projected")
        .map_or(&[], |projected| projected.items_of("sources"))
}

/// What else a node reads for a pod.
fn uses(object: &Node<'_>, pod: &Node<'_>, pod_name: &str) -> Uses {
    let mut uses = Uses::default();
    let text = |node: Option<&Node<'_>>| node.and_then(Node::text).map(Sym::new);
    for volume in pod.items_of("volumes") {
        uses.config_maps
            .extend(text(volume.at(&["configMap", "name"])));
        for source in projected(volume) {
            uses.config_maps
                .extend(text(source.at(&["configMap", "name"])));
        }
        uses.claims
            .extend(text(volume.at(&["persistentVolumeClaim", "claimName"])));
        if let (Some(_), Some(name)) = (volume.get("ephemeral"), volume.text_of("name")) {
            uses.claims.push(Sym::new(&format!("{pod_name}-{name}")));
        }
    }
    for container in containers(pod) {
        for from in container.items_of("envFrom") {
            uses.config_maps
                .extend(text(from.at(&["configMapRef", "name"])));
        }
        for variable in container.items_of("env") {
            uses.config_maps
                .extend(text(variable.at(&["valueFrom", "configMapKeyRef", "name"])));
        }
    }
    for claim in pod.items_of("resourceClaims") {
        uses.resource_claims
            .extend(text(claim.get("resourceClaimName")));
    }
    if let Some(status) = object.get("status") {
        for claim in status.items_of("resourceClaimStatuses") {
            uses.resource_claims
                .extend(text(claim.get("resourceClaimName")));
        }
        uses.resource_claims.extend(text(
            status.at(&["extendedResourceClaimStatus", "resourceClaimName"]),
        ));
    }
    uses
}
