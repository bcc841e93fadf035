//! The objects of one cluster, from whatever shape they come in.
//!
//! A file may hold single objects, `List` and `RoleList` kinds, several YAML
//! documents, a bare list, or one map of lists by plural name. Kinds nobody here
//! needs are passed over: a manifest tree is full of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use rustc_hash::{FxHashMap, FxHashSet};
use thiserror::Error;

use super::cloud::AwsAuth;
use super::credentials::{Csr, Secret};
use super::defaults::Defaults;
use super::document::{self, Node, Source};
use super::evaluate::{Evaluator, Index};
use super::jit::JitObject;
use super::node::Graph;
use super::rbac::{Binding, GROUP, Meta, Role, group_of};
use super::volume::Volume;
use super::workload::{ServiceAccount, Workload};
use crate::model::Sym;
use crate::snapshot::Problem;

/// Objects of one cluster.
#[derive(Debug, Default)]
pub struct Objects {
    pub(crate) roles: Vec<Role>,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) service_accounts: Vec<ServiceAccount>,
    pub(crate) namespaces: Vec<Meta>,
    pub(crate) nodes: Vec<Meta>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) csrs: Vec<Csr>,
    pub(crate) aws_auth: Vec<AwsAuth>,
    pub(crate) jit: Vec<JitObject>,
    pub(crate) volumes: Vec<Volume>,
    /// Volume attachments and resource slices, with the node each is of.
    pub(crate) attachments: Vec<(Sym, Sym)>,
    pub(crate) slices: Vec<(Sym, Sym)>,
    /// Names of custom resource definitions.
    pub(crate) definitions: Vec<Sym>,
    /// How many objects of each kind were read, those passed over included.
    pub(crate) counts: BTreeMap<Sym, u64>,
    /// What could not be read.
    pub(crate) problems: Vec<Problem>,
    index: OnceLock<Index>,
    graph: OnceLock<Graph>,
    included: Mutex<FxHashMap<String, Included>>,
}

/// Objects of another file that a case names, or why they cannot be had.
pub(super) type Included = Result<Arc<Objects>, Arc<str>>;

/// Objects that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ObjectsError {
    /// The bytes are no text.
    #[error("not UTF-8 text (byte {0}); expected Kubernetes objects as YAML or JSON")]
    Encoding(usize),
    /// Neither YAML nor JSON.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// From 1.
        line: u32,
        /// From 1.
        column: u32,
        /// What is wrong.
        message: Box<str>,
    },
}

/// Plural names of the kinds that matter here, for maps of lists.
const PLURALS: &[(&str, &str)] = &[
    ("clusterrolebindings", "ClusterRoleBinding"),
    ("clusterroles", "ClusterRole"),
    ("rolebindings", "RoleBinding"),
    ("roles", "Role"),
    ("serviceaccounts", "ServiceAccount"),
    ("namespaces", "Namespace"),
    ("nodes", "Node"),
    ("pods", "Pod"),
    ("persistentvolumes", "PersistentVolume"),
    ("volumeattachments", "VolumeAttachment"),
    ("resourceslices", "ResourceSlice"),
    ("secrets", "Secret"),
    ("configmaps", "ConfigMap"),
    ("deployments", "Deployment"),
    ("daemonsets", "DaemonSet"),
    ("statefulsets", "StatefulSet"),
    ("replicasets", "ReplicaSet"),
    ("jobs", "Job"),
    ("cronjobs", "CronJob"),
    ("certificatesigningrequests", "CertificateSigningRequest"),
    ("customresourcedefinitions", "CustomResourceDefinition"),
];

impl Objects {
    /// Reads the objects of one file: JSON or YAML, in any of the known shapes.
    ///
    /// # Errors
    /// Where and why it is neither.
    pub fn parse(bytes: &[u8]) -> Result<Self, ObjectsError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| ObjectsError::Encoding(error.valid_up_to()))?;
        let mut objects = Objects::default();
        objects.add("objects".into(), "objects", text);
        match objects.problems.first() {
            None => Ok(objects),
            Some(problem) => Err(ObjectsError::Syntax {
                line: problem.location.line,
                column: problem.location.column,
                message: problem.message.clone(),
            }),
        }
    }

    /// Takes in the objects of `text`, which stands in `file`. `path` tells what
    /// metadata without a kind is about (`secrets.<type>.json`).
    pub(crate) fn add(&mut self, file: Sym, path: &str, text: &str) {
        self.forget();
        let source = Source::new(file, text);
        let (documents, errors) = document::parse(text);
        for document in &documents {
            self.take(document, &source, path, None);
        }
        for error in errors {
            let templated = text.contains("{{");
            self.problems.push(Problem {
                location: source.locate_error(&error),
                message: format!("not a Kubernetes manifest: {}", error.message).into(),
                help: Some(if templated {
                    "this looks like an unrendered template; render it first (`helm template`, `kustomize build`) and scan the result".into()
                } else {
                    "correct the syntax, or leave the file out; its objects were not judged".into()
                }),
            });
        }
    }

    fn take(&mut self, node: &Node<'_>, source: &Source<'_>, path: &str, assumed: Option<&str>) {
        if matches!(node.data, document::Data::List(_)) {
            for item in node.items() {
                self.take(item, source, path, assumed);
            }
            return;
        }
        let kind = node.text_of("kind").or(assumed);
        match kind {
            Some(kind) => {
                if let (Some(of), Some(items)) = (kind.strip_suffix("List"), node.get("items")) {
                    *self.counts.entry(Sym::new(kind)).or_default() += 1;
                    let of = (!of.is_empty()).then_some(of);
                    for item in items.items() {
                        self.take(item, source, path, of);
                    }
                } else {
                    self.object(kind, node, source, path);
                }
            }
            None => {
                for (key, value) in node.pairs() {
                    let known = PLURALS.iter().find(|(plural, _)| plural == key);
                    if let Some((_, kind)) = known {
                        for item in value.items() {
                            self.take(item, source, path, Some(kind));
                        }
                    }
                }
            }
        }
    }

    fn object(&mut self, kind: &str, node: &Node<'_>, source: &Source<'_>, path: &str) {
        let group = node.text_of("apiVersion").map(group_of);
        let is = |expected: &str| group.is_none_or(|group| group == expected);
        let meta = || Meta::read(node, source);
        match kind {
            "ClusterRole" | "Role" if is(GROUP) => {
                self.roles
                    .push(Role::read(node, source, kind == "ClusterRole"));
            }
            "ClusterRoleBinding" | "RoleBinding" if is(GROUP) => {
                self.bindings
                    .push(Binding::read(node, source, kind == "ClusterRoleBinding"));
            }
            "ServiceAccount" if is("") => {
                self.service_accounts
                    .push(ServiceAccount::read(node, source));
            }
            "Namespace" if is("") => self.namespaces.push(meta()),
            "Node" if is("") => self.nodes.push(meta()),
            "Secret" if is("") => self.secrets.push(Secret::read(node, source, None)),
            "PartialObjectMetadata" => match path
                .rsplit('/')
                .next()
                .and_then(|name| name.strip_prefix("secrets."))
            {
                Some(name) => self.secrets.push(Secret::read(node, source, Some(name))),
                None if path.starts_with("nodes.") => self.nodes.push(meta()),
                None if path.contains("customresourcedefinitions") => {
                    self.definitions.push(meta().name);
                }
                None => {}
            },
            "ConfigMap" if is("") => self.aws_auth.extend(AwsAuth::read(node, source)),
            "CertificateSigningRequest" => self.csrs.push(Csr::read(node, source)),
            "CustomResourceDefinition" => self.definitions.push(meta().name),
            "PersistentVolume" if is("") => self.volumes.extend(Volume::read(node)),
            "VolumeAttachment" | "ResourceSlice" => {
                let of = node
                    .get("spec")
                    .map(|spec| spec.sym_of("nodeName"))
                    .unwrap_or_default();
                match kind {
                    "ResourceSlice" => self.slices.push((meta().name, of)),
                    _ => self.attachments.push((meta().name, of)),
                }
            }
            _ => match Workload::read(kind, group, node, source) {
                Some(workload) => self.workloads.push(workload),
                None => self.jit.extend(JitObject::read(
                    kind,
                    group.unwrap_or_default(),
                    node,
                    source,
                )),
            },
        }
        *self.counts.entry(Sym::new(kind)).or_default() += 1;
    }

    /// Takes in the objects of another file.
    pub(crate) fn append(&mut self, other: Objects) {
        self.forget();
        self.roles.extend(other.roles);
        self.bindings.extend(other.bindings);
        self.service_accounts.extend(other.service_accounts);
        self.namespaces.extend(other.namespaces);
        self.nodes.extend(other.nodes);
        self.workloads.extend(other.workloads);
        self.secrets.extend(other.secrets);
        self.csrs.extend(other.csrs);
        self.aws_auth.extend(other.aws_auth);
        self.jit.extend(other.jit);
        self.volumes.extend(other.volumes);
        self.attachments.extend(other.attachments);
        self.slices.extend(other.slices);
        self.definitions.extend(other.definitions);
        self.problems.extend(other.problems);
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
    }

    /// Whether the input holds objects of `kind`, or a list of them, be it empty.
    pub(super) fn holds(&self, kind: &str) -> bool {
        [kind.to_owned(), format!("{kind}List")]
            .iter()
            .any(|kind| self.counts.contains_key(&Sym::new(kind)))
    }

    /// Adds the roles every cluster has, for manifests that bind them.
    pub(crate) fn assume_defaults(&mut self) {
        let known: FxHashSet<(bool, Sym, Sym)> = self
            .roles
            .iter()
            .map(|role| (role.cluster, role.meta.namespace, role.meta.name))
            .collect();
        let missing = Defaults::get()
            .roles
            .iter()
            .filter(|role| !known.contains(&(role.cluster, role.meta.namespace, role.meta.name)));
        self.roles.extend(missing.cloned());
        self.forget();
    }

    /// The authorizer over these roles and bindings; indexed on first use.
    pub(crate) fn evaluator(&self) -> Evaluator<'_> {
        Evaluator {
            roles: &self.roles,
            bindings: &self.bindings,
            index: self
                .index
                .get_or_init(|| Index::new(&self.roles, &self.bindings)),
        }
    }

    /// Which node has to do with which objects; worked out on first use.
    pub(crate) fn graph(&self) -> &Graph {
        self.graph.get_or_init(|| Graph::new(self))
    }

    /// Forgets what was worked out from the objects.
    fn forget(&mut self) {
        self.index = OnceLock::new();
        self.graph = OnceLock::new();
    }

    /// The objects of the file at `path`, read once.
    pub(super) fn include(&self, path: &str) -> Included {
        let mut included = self
            .included
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(known) = included.get(path) {
            return known.clone();
        }
        let read = std::fs::read(path)
            .map_err(|error| format!("cannot read `{path}`: {error}"))
            .and_then(|bytes| Objects::parse(&bytes).map_err(|error| format!("`{path}`: {error}")));
        let result = read.map(Arc::new).map_err(Arc::from);
        included.insert(path.to_owned(), Result::clone(&result));
        result
    }

    /// Puts everything into a fixed order. Of two objects with one name the last
    /// stays, as when both are applied one after the other.
    pub(crate) fn settle(&mut self) {
        self.forget();
        keep_last(&mut self.roles, |role| {
            (role.cluster, role.meta.namespace, role.meta.name)
        });
        keep_last(&mut self.bindings, |binding| {
            (binding.cluster, binding.meta.namespace, binding.meta.name)
        });
        keep_last(&mut self.service_accounts, |account| {
            (false, account.meta.namespace, account.meta.name)
        });
        keep_last(&mut self.namespaces, |meta| {
            (false, Sym::default(), meta.name)
        });
        keep_last(&mut self.nodes, |meta| (false, Sym::default(), meta.name));
        keep_last(&mut self.secrets, |secret| {
            (false, secret.meta.namespace, secret.meta.name)
        });
        keep_last(&mut self.csrs, |csr| (false, Sym::default(), csr.meta.name));
        keep_last(&mut self.workloads, |workload| {
            (workload.kind, workload.meta.namespace, workload.meta.name)
        });
        keep_last(&mut self.jit, |jit| {
            (jit.kind, jit.meta.namespace, jit.meta.name)
        });
        self.definitions.sort();
        self.definitions.dedup();
    }
}

/// Sorts by key and keeps the last of equal ones. Objects without a name (made with
/// `generateName`) are all kept.
fn keep_last<T, K: Ord + Copy>(list: &mut Vec<T>, key: impl Fn(&T) -> (K, Sym, Sym)) {
    list.reverse();
    list.sort_by_cached_key(&key);
    list.dedup_by(|later, kept| {
        let (a, b) = (key(later), key(kept));
        a == b && !b.2.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        let objects = Objects::parse(text.as_bytes()).unwrap();
        objects
            .roles
            .iter()
            .map(|role| role.meta.name.as_str())
            .collect()
    }

    #[test]
    fn every_shape_is_understood() {
        let role = "{kind: Role, apiVersion: rbac.authorization.k8s.io/v1, metadata: {name: a}}";
        assert_eq!(names(role), ["a"]);
        assert_eq!(names(&format!("kind: List\nitems: [{role}]")), ["a"]);
        assert_eq!(
            names("kind: RoleList\nitems: [{metadata: {name: a}}]"),
            ["a"]
        );
        assert_eq!(names(&format!("[{role}]")), ["a"]);
        assert_eq!(names(r#"{"roles": [{"metadata": {"name": "a"}}]}"#), ["a"]);
        assert_eq!(
            names(&format!("---\n# Source: x\n---\n{role}\n---\n")),
            ["a"]
        );
        assert!(names("kind: Role\napiVersion: other.io/v1\n").is_empty());
        assert!(names("kind: Prometheus\nspec: {}\n").is_empty());
        assert!(names("").is_empty());
    }

    #[test]
    fn the_last_of_two_stays() {
        let mut objects = Objects::parse(
            b"kind: Role\nmetadata: {name: a}\n---\nkind: Role\nmetadata: {name: a}\nrules: [{verbs: [get]}]\n",
        )
        .unwrap();
        objects.settle();
        assert_eq!(objects.roles.len(), 1);
        assert_eq!(objects.roles[0].rules.len(), 1);
    }

    #[test]
    fn errors_name_their_place() {
        let error = Objects::parse(b"a: 1\nb: [\n").unwrap_err();
        assert!(error.to_string().starts_with("line "), "{error}");
        assert_eq!(
            Objects::parse(b"a\xff").unwrap_err(),
            ObjectsError::Encoding(1)
        );
    }
}
