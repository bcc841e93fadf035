//! What a kubelet may do: the Node authorizer, and the NodeRestriction admission
//! plugin behind it (kubernetes `plugin/pkg/auth/authorizer/node` and
//! `plugin/pkg/admission/noderestriction`; Kubernetes documentation, *Using Node
//! Authorization*).
//!
//! No binding says it: a kubelet reads the secrets, config maps, claims and volumes
//! that pods bound to its node refer to, and makes tokens of their service accounts.
//! What the authorizer lets through too widely (any node, any pod's status) the
//! admission plugin narrows to what is the node's own.

use rustc_hash::{FxHashMap, FxHashSet};

use super::defaults::Defaults;
use super::evaluate::{Request, rule_allows};
use super::objects::Objects;
use super::subject::NODES;
use super::workload::Workload;
use crate::model::Sym;

const NODE: &str = "system:node:";
const LEASES: &str = "kube-node-lease";

/// The node a request comes from: the user is named after it, in the kubelets' group.
pub(super) fn node_of<'u>(user: &'u str, groups: &[Sym]) -> Option<&'u str> {
    let name = user.strip_prefix(NODE).filter(|name| !name.is_empty())?;
    groups.iter().any(|group| *group == NODES).then_some(name)
}

/// What pods and nodes are related to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Thing {
    Pod,
    Secret,
    ConfigMap,
    Claim,
    Volume,
    ResourceClaim,
    Attachment,
    Slice,
    Account,
}

impl Thing {
    const fn word(self) -> &'static str {
        match self {
            Thing::Pod => "pod",
            Thing::Secret => "secret",
            Thing::ConfigMap => "config map",
            Thing::Claim => "volume claim",
            Thing::Volume => "volume",
            Thing::ResourceClaim => "resource claim",
            Thing::Attachment => "volume attachment",
            Thing::Slice => "resource slice",
            Thing::Account => "service account",
        }
    }
}

/// Which node has to do with which object, and why.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// Node and object, with the pod that relates them (itself for a pod).
    edges: FxHashMap<(Sym, Thing, Sym, Sym), (Sym, Sym)>,
    /// The node each pod is bound to.
    pods: FxHashMap<(Sym, Sym), Sym>,
    /// Whether the input holds pods, so that none of a node is none.
    pods_known: bool,
    /// Nodes whose pods use claims, where the input holds no volumes: those may be
    /// mounted with secrets nobody here knows of.
    volumes_unseen: FxHashSet<Sym>,
}

/// By volume claim (namespace, name), the nodes and pods that use it.
type Claims = FxHashMap<(Sym, Sym), Vec<(Sym, (Sym, Sym))>>;

impl Graph {
    /// Relates the objects of a cluster.
    pub fn new(objects: &Objects) -> Self {
        let mut graph = Graph::default();
        let mut claims: Claims = FxHashMap::default();
        for pod in objects.workloads.iter().filter(|one| one.kind == "Pod") {
            graph.pods_known = true;
            graph.add_pod(pod, &mut claims);
        }
        let empty = Sym::default();
        if !objects.holds("PersistentVolume") {
            let users = claims.values().flatten();
            graph.volumes_unseen = users.map(|(node, _)| *node).collect();
        }
        for volume in &objects.volumes {
            let Some(users) = volume.claim.and_then(|claim| claims.get(&claim)) else {
                continue;
            };
            for &(node, pod) in users {
                graph.relate(node, Thing::Volume, empty, volume.name, pod);
                for &(namespace, name) in &volume.secrets {
                    graph.relate(node, Thing::Secret, namespace, name, pod);
                }
            }
        }
        for (thing, list) in [
            (Thing::Attachment, &objects.attachments),
            (Thing::Slice, &objects.slices),
        ] {
            for &(name, node) in list {
                graph.relate(node, thing, empty, name, (empty, empty));
            }
        }
        graph
    }

    fn relate(&mut self, node: Sym, thing: Thing, namespace: Sym, name: Sym, pod: (Sym, Sym)) {
        if !node.is_empty() && !name.is_empty() {
            self.edges
                .entry((node, thing, namespace, name))
                .or_insert(pod);
        }
    }

    fn add_pod(&mut self, pod: &Workload, claims: &mut Claims) {
        let (node, namespace) = (pod.node, pod.meta.namespace);
        let this = (namespace, pod.meta.name);
        if node.is_empty() {
            return;
        }
        self.pods.insert(this, node);
        self.relate(node, Thing::Pod, namespace, pod.meta.name, this);
        // A node writes its mirror pods itself: they must not open anything to it.
        if pod.mirror {
            return;
        }
        self.relate(node, Thing::Account, namespace, pod.service_account, this);
        for (thing, names) in [
            (Thing::Secret, &pod.secrets),
            (Thing::ConfigMap, &pod.uses.config_maps),
            (Thing::Claim, &pod.uses.claims),
            (Thing::ResourceClaim, &pod.uses.resource_claims),
        ] {
            for &name in names {
                self.relate(node, thing, namespace, name, this);
                if thing == Thing::Claim {
                    claims
                        .entry((namespace, name))
                        .or_default()
                        .push((node, this));
                }
            }
        }
    }

    /// The secrets and service accounts (namespace, name) a node gets at, sorted.
    pub fn reach(&self) -> Vec<(Sym, Reach)> {
        let mut all: FxHashMap<Sym, Reach> = FxHashMap::default();
        for &(node, thing, namespace, name) in self.edges.keys() {
            let reach = all.entry(node).or_default();
            match thing {
                Thing::Secret => reach.secrets.push((namespace, name)),
                Thing::Account => reach.accounts.push((namespace, name)),
                Thing::Pod => reach.pods += 1,
                _ => {}
            }
        }
        let mut all: Vec<(Sym, Reach)> = all.into_iter().collect();
        for (_, reach) in &mut all {
            reach.secrets.sort();
            reach.accounts.sort();
        }
        all.sort_by_key(|(node, _)| *node);
        all
    }

    /// How many nodes run pods with claims whose volumes were not read.
    pub fn nodes_with_unseen_volumes(&self) -> usize {
        self.volumes_unseen.len()
    }

    /// Whether `node` has to do with the object, if the input can tell.
    fn related(&self, node: &str, thing: Thing, request: &Request<'_>) -> Ruling {
        if request.name.is_empty() {
            return Ruling::No;
        }
        let key = (
            Sym::new(node),
            thing,
            Sym::new(request.namespace),
            Sym::new(request.name),
        );
        match self.edges.get(&key) {
            Some((_, pod)) if pod.is_empty() => Ruling::Yes(format!("it is of node `{node}`")),
            Some((namespace, pod)) => {
                Ruling::Yes(format!("pod `{namespace}/{pod}` on node `{node}` needs it"))
            }
            None if matches!(thing, Thing::Secret | Thing::Volume)
                && self.volumes_unseen.contains(&key.0) =>
            {
                Ruling::If(format!(
                    "a claim of a pod bound to node `{node}` leads to {} `{}`; the objects hold no volumes",
                    thing.word(),
                    request.name
                ))
            }
            None if self.pods_known => Ruling::No,
            None => Ruling::If(format!(
                "a pod bound to node `{node}` refers to {} `{}`; the objects hold no pods",
                thing.word(),
                request.name
            )),
        }
    }
}

/// What the pods of a node open to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach {
    pub secrets: Vec<(Sym, Sym)>,
    pub accounts: Vec<(Sym, Sym)>,
    pub pods: usize,
}

/// What an authorizer or admission plugin says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Allowed, because.
    Yes(String),
    /// No opinion, or refused.
    No,
    /// Allowed if.
    If(String),
}

/// Asks the Node authorizer. `selector` is the request's field selector.
pub(super) fn authorize(
    graph: &Graph,
    node: &str,
    request: &Request<'_>,
    selector: &str,
) -> Ruling {
    let yes = |why: &str| Ruling::Yes(why.to_owned());
    let gate = |allowed: bool, why: &str| if allowed { yes(why) } else { Ruling::No };
    let Request {
        verb,
        subresource: sub,
        ..
    } = *request;
    let reads = matches!(verb, "get" | "list" | "watch");
    let bare = sub.is_empty();
    let related = |thing, asked: bool| match asked {
        true => graph.related(node, thing, request),
        false => Ruling::No,
    };
    let selects = |field: &str| {
        let wanted = format!("{field}={node}");
        let terms = selector.split(',').map(|term| term.replace("==", "="));
        terms.into_iter().any(|term| term.trim() == wanted)
    };
    let own = "it is the node's own";
    if request.url.is_none() {
        match (request.group, request.resource) {
            ("", "secrets") => {
                return related(
                    Thing::Secret,
                    reads && bare && !request.namespace.is_empty(),
                );
            }
            ("", "configmaps") => {
                return related(
                    Thing::ConfigMap,
                    reads && bare && !request.namespace.is_empty(),
                );
            }
            ("", "persistentvolumeclaims") if sub == "status" => {
                return related(Thing::Claim, matches!(verb, "update" | "patch"));
            }
            ("", "persistentvolumeclaims") => return related(Thing::Claim, verb == "get" && bare),
            ("", "persistentvolumes") => return related(Thing::Volume, verb == "get" && bare),
            ("resource.k8s.io", "resourceclaims") => {
                return related(Thing::ResourceClaim, verb == "get" && bare);
            }
            ("storage.k8s.io", "volumeattachments") => {
                return related(Thing::Attachment, verb == "get" && bare);
            }
            ("", "serviceaccounts") => {
                let asked = match (verb, sub) {
                    ("get", "") => !request.namespace.is_empty(),
                    ("create", "token") => true,
                    _ => false,
                };
                return related(Thing::Account, asked);
            }
            ("coordination.k8s.io", "leases") => {
                let verbs = matches!(verb, "get" | "create" | "update" | "patch" | "delete");
                let named = verb == "create" || request.name == node;
                return gate(verbs && request.namespace == LEASES && named, own);
            }
            ("storage.k8s.io", "csinodes") => {
                let verbs = matches!(verb, "get" | "create" | "update" | "patch" | "delete");
                return gate(
                    verbs && bare && (verb == "create" || request.name == node),
                    own,
                );
            }
            ("resource.k8s.io", "resourceslices") => {
                return match verb {
                    _ if !bare => Ruling::No,
                    "create" => yes(own),
                    "get" | "update" | "patch" | "delete" => related(Thing::Slice, true),
                    "list" | "watch" | "deletecollection" => gate(selects("spec.nodeName"), own),
                    _ => Ruling::No,
                };
            }
            ("", "nodes") => {
                return match (sub, verb) {
                    ("", "create" | "update" | "patch") | ("status", "update" | "patch") => {
                        yes("kubelets keep their node up to date")
                    }
                    ("", "get" | "list" | "watch") => gate(request.name == node, own),
                    _ => Ruling::No,
                };
            }
            ("", "pods") => {
                return match (sub, verb) {
                    ("", "list" | "watch") if selects("spec.nodeName") => {
                        yes("the selector names its node")
                    }
                    ("", "get" | "list" | "watch") => related(Thing::Pod, true),
                    ("", "create" | "delete")
                    | ("status", "update" | "patch")
                    | ("eviction", "create") => yes("kubelets keep their pods up to date"),
                    _ => Ruling::No,
                };
            }
            ("certificates.k8s.io", "podcertificaterequests") => return Ruling::No,
            _ => {}
        }
    }
    // What is not told apart by node is as the role `system:node` has it.
    let rules = Defaults::get()
        .roles
        .iter()
        .filter(|role| role.cluster && role.meta.name == "system:node")
        .flat_map(|role| &role.rules);
    let given = rules.into_iter().any(|rule| rule_allows(rule, request));
    gate(given, "every kubelet may")
}

/// What NodeRestriction makes of a write that was authorized; `None` where it has no
/// say. The answer of [`Ruling::If`] tells what the body must be like.
pub(super) fn restrict(graph: &Graph, node: &str, request: &Request<'_>) -> Option<Ruling> {
    let Request {
        verb,
        name,
        subresource: sub,
        ..
    } = *request;
    let writes = matches!(
        verb,
        "create" | "update" | "patch" | "delete" | "deletecollection"
    );
    if request.url.is_some() || !writes {
        return None;
    }
    let own_pod = || {
        let key = (Sym::new(request.namespace), Sym::new(name));
        match graph.pods.get(&key) {
            Some(bound) if *bound == node => Ruling::Yes(format!("the pod is on node `{node}`")),
            None if !graph.pods_known || name.is_empty() => {
                Ruling::If(format!("the pod is bound to node `{node}`"))
            }
            _ => Ruling::No,
        }
    };
    let named = |what: &str| match name {
        "" => Ruling::If(format!("the {what} is named `{node}`")),
        name if name == node => Ruling::Yes(format!("it is the node's own {what}")),
        _ => Ruling::No,
    };
    Some(match (request.group, request.resource, sub, verb) {
        ("", "pods", "", "create") => Ruling::If(format!(
            "it is a mirror pod bound to and owned by node `{node}` that refers to no other object"
        )),
        ("", "pods", "" | "status" | "eviction", "delete" | "update" | "patch" | "create") => {
            match (sub, verb) {
                ("", "update" | "patch") => Ruling::No,
                _ => own_pod(),
            }
        }
        ("", "pods", ..) => Ruling::No,
        ("", "nodes", ..) => match (named("node"), verb) {
            (Ruling::Yes(_), "create" | "update" | "patch") => Ruling::If(
                "taints, owners and labels of kubernetes.io that are not the kubelet's stay as they are"
                    .to_owned(),
            ),
            (ruling, _) => ruling,
        },
        ("", "persistentvolumeclaims", "status", "update" | "patch") => {
            Ruling::If("capacity and conditions alone change".to_owned())
        }
        ("", "persistentvolumeclaims", ..) => Ruling::No,
        ("", "serviceaccounts", "token", "create") => Ruling::If(format!(
            "the token is bound to a pod of that account on node `{node}`, for an audience the pod mounts"
        )),
        ("coordination.k8s.io", "leases", ..) => named("lease"),
        ("storage.k8s.io", "csinodes", ..) => named("CSINode"),
        ("resource.k8s.io", "resourceslices", ..) => {
            Ruling::If(format!("the slice is of node `{node}`"))
        }
        ("certificates.k8s.io", "certificatesigningrequests", "", "create") => {
            Ruling::If(format!("it asks for a certificate of `{NODE}{node}` itself"))
        }
        _ => return None,
    })
}

/// The nodes that are there, or that pods are bound to, sorted.
pub(crate) fn nodes(objects: &Objects) -> Vec<Sym> {
    let known = objects.nodes.iter().map(|node| node.name);
    let bound = objects.workloads.iter().map(|workload| workload.node);
    let all: FxHashSet<Sym> = known.chain(bound).filter(|name| !name.is_empty()).collect();
    let mut all: Vec<Sym> = all.into_iter().collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const PODS: &str = "
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  nodeName: n1
  serviceAccountName: web
  imagePullSecrets: [{name: registry}]
  containers: [{name: c, env: [{name: X, valueFrom: {secretKeyRef: {name: db, key: p}}}], envFrom: [{configMapRef: {name: settings}}]}]
  volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]
---
kind: Pod
metadata: {name: db, namespace: shop}
spec: {nodeName: n2, serviceAccountName: db, containers: []}
---
kind: Pod
metadata: {name: static, namespace: kube-system, annotations: {kubernetes.io/config.mirror: x}}
spec: {nodeName: n1, serviceAccountName: admin, containers: []}
---
kind: PersistentVolume
metadata: {name: pv1}
spec: {claimRef: {namespace: shop, name: data}, csi: {nodeStageSecretRef: {name: stage, namespace: csi}, controllerExpandSecretRef: {name: expand, namespace: csi}}}
";

    fn graph(text: &str) -> Graph {
        Graph::new(&Objects::parse(text.as_bytes()).unwrap())
    }

    fn ask<'r>(verb: &'r str, resource: &'r str, namespace: &'r str, name: &'r str) -> Request<'r> {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Request {
            verb,
            resource,
            subresource,
            namespace,
            name,
            ..Request::default()
        }
    }

    #[test]
    fn a_kubelet_reads_what_its_pods_need() {
        let graph = graph(PODS);
        let may = |request: Request<'_>| authorize(&graph, "n1", &request, "") != Ruling::No;
        for (verb, resource, namespace, name, expected) in [
            ("get", "secrets", "shop", "db", true),
            ("get", "secrets", "shop", "registry", true),
            ("get", "secrets", "csi", "stage", true),
            ("get", "secrets", "csi", "expand", false),
            ("get", "secrets", "shop", "other", false),
            ("list", "secrets", "shop", "", false),
            ("get", "configmaps", "shop", "settings", true),
            ("get", "persistentvolumeclaims", "shop", "data", true),
            (
                "update",
                "persistentvolumeclaims/status",
                "shop",
                "data",
                true,
            ),
            ("get", "persistentvolumes", "", "pv1", true),
            ("create", "serviceaccounts/token", "shop", "web", true),
            ("create", "serviceaccounts/token", "shop", "db", false),
            (
                "create",
                "serviceaccounts/token",
                "kube-system",
                "admin",
                false,
            ),
            ("get", "pods", "shop", "web", true),
            ("get", "pods", "shop", "db", false),
            ("list", "pods", "shop", "", false),
            ("get", "nodes", "", "n1", true),
            ("get", "nodes", "", "n2", false),
            ("update", "nodes", "", "n2", true),
            ("get", "services", "shop", "x", true),
            ("delete", "services", "shop", "x", false),
        ] {
            let request = ask(verb, resource, namespace, name);
            assert_eq!(
                may(request),
                expected,
                "{verb} {resource} {namespace}/{name}"
            );
        }
        let selected = authorize(
            &graph,
            "n1",
            &ask("list", "pods", "", ""),
            "spec.nodeName=n1",
        );
        assert_ne!(selected, Ruling::No);
    }

    #[test]
    fn admission_narrows_it_to_the_nodes_own() {
        let graph = graph(PODS);
        let of = |verb, resource, namespace, name| {
            restrict(&graph, "n1", &ask(verb, resource, namespace, name))
        };
        assert_eq!(of("update", "nodes", "", "n2"), Some(Ruling::No));
        assert!(matches!(
            of("update", "nodes", "", "n1"),
            Some(Ruling::If(_))
        ));
        assert!(matches!(
            of("patch", "pods/status", "shop", "web"),
            Some(Ruling::Yes(_))
        ));
        assert_eq!(of("patch", "pods/status", "shop", "db"), Some(Ruling::No));
        assert_eq!(of("get", "nodes", "", "n2"), None);
    }

    #[test]
    fn without_volumes_it_depends_where_claims_are_used() {
        let (pods, _) = PODS.split_once("---\nkind: PersistentVolume").unwrap();
        let empty = format!("{pods}---\nkind: PersistentVolumeList\nitems: []\n");
        for (text, unseen) in [(pods, 1), (&empty, 0), (PODS, 0)] {
            let graph = graph(text);
            assert_eq!(graph.nodes_with_unseen_volumes(), unseen);
            let answer = |node| authorize(&graph, node, &ask("get", "secrets", "csi", "x"), "");
            assert_eq!(matches!(answer("n1"), Ruling::If(_)), unseen == 1);
            // Its pods use no claim.
            assert_eq!(answer("n2"), Ruling::No);
        }
    }

    #[test]
    fn without_pods_it_depends() {
        let graph = graph("kind: Node\nmetadata: {name: n1}\n");
        let request = ask("get", "secrets", "shop", "db");
        assert!(matches!(
            authorize(&graph, "n1", &request, ""),
            Ruling::If(_)
        ));
    }

    #[test]
    fn only_kubelets_are_nodes() {
        let nodes = [Sym::new(NODES)];
        assert_eq!(node_of("system:node:n1", &nodes), Some("n1"));
        assert_eq!(node_of("system:node:n1", &[]), None);
        assert_eq!(node_of("system:node:", &nodes), None);
        assert_eq!(node_of("alice", &nodes), None);
    }
}
