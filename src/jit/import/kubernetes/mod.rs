//! Just-in-time operators of Kubernetes: their own objects, from manifests,
//! `kubectl get -o yaml`, or a snapshot.
//!
//! * `BreakglassSession` (telekom/k8s-breakglass): access through an authorization
//!   webhook, so no binding ever shows it; deleted after `retainFor`
//! * `AccessRequest`, `AccessResponse`, `AccessGrant` (jit-access-controller), also of
//!   the whole cluster
//! * `AccessRequest` (argocd-ephemeral-access), with its history
//! * `JitRequest` (kube-jit), `TemporaryRBAC` (tarbac), `ExecAccessRequest` and
//!   `PodAccessRequest` (oz)
//!
//! An operator deletes its objects when they are over, so an export holds what is
//! there now and nothing of what was.

mod access;
mod breakglass;
mod others;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Book, ImportError, Input, Kind, Origin, record};
use crate::jit::ledger::event::{Party, PartyKind};
use crate::model::{GrantField, Quality, Sym};
use crate::resolve::kubernetes::document::{self, Node, Source};

const SYSTEM: &str = "kubernetes";
const MISSING: &str = "objects that their operator has deleted are not here";
const QUALITY: &[(GrantField, Quality)] = &[
    (GrantField::Ticket, Quality::Absent),
    (GrantField::EndedAt, Quality::Inferred),
    (GrantField::Review, Quality::Absent),
];
/// Objects without a record of the request.
const GRANT_ONLY: &[(GrantField, Quality)] = &[
    (GrantField::Requester, Quality::Absent),
    (GrantField::Purpose, Quality::Absent),
    (GrantField::Ticket, Quality::Absent),
    (GrantField::ApprovedAt, Quality::Absent),
    (GrantField::IssuedAt, Quality::Inferred),
    (GrantField::EndedAt, Quality::Absent),
    (GrantField::Usage, Quality::Absent),
    (GrantField::BreakGlass, Quality::Absent),
    (GrantField::Review, Quality::Absent),
];

pub(super) fn read(inputs: &[Input], book: &mut Book<'_>) -> Result<(), ImportError> {
    let mut trees = Vec::new();
    for input in inputs {
        let text = record::text(input)?;
        let (documents, errors) = document::parse(text);
        let source = Source::new(input.file, text);
        let mut objects = Vec::new();
        for document in documents {
            flatten(document, &mut objects);
        }
        if let Some(error) = errors.first().filter(|_| objects.is_empty()) {
            let at = source.locate_error(error);
            return Err(ImportError::Syntax {
                at: format!("{}:{}:{}", at.file, at.line, at.column),
                message: error.message.clone(),
            });
        }
        for error in &errors {
            let at = source.locate_error(error);
            book.problem(format!("{}:{}", at.file, at.line), error.message.clone());
        }
        if !objects.iter().any(|object| group(object).is_some()) && !objects.is_empty() {
            book.note(format!(
                "{} holds no objects of a known operator",
                input.file
            ));
        }
        trees.push((input, source, objects));
    }
    let mut known = 0;
    let mut timed = access::Timed::new();
    for (input, _, objects) in &trees {
        for object in objects {
            timed.extend(access::timed_request(book, input, object));
        }
    }
    for (input, source, objects) in &trees {
        for node in objects {
            let Some(group) = group(node) else { continue };
            let kind = node.text_of("kind").unwrap_or_default();
            let object = Object::new(input, node);
            if object.name.is_empty() {
                let at = source.locate(node);
                book.problem(
                    format!("{}:{}", at.file, at.line),
                    "an object without a name",
                );
                continue;
            }
            known += 1;
            match (group, kind) {
                ("breakglass.t-caas.telekom.com", "BreakglassSession") => {
                    breakglass::breakglass(book, &object)
                }
                ("access.antware.xyz", "AccessRequest" | "ClusterAccessRequest") => {
                    access::access_request(book, &object);
                }
                ("access.antware.xyz", "AccessResponse" | "ClusterAccessResponse") => {
                    access::access_response(book, &object);
                }
                ("access.antware.xyz", "AccessGrant" | "ClusterAccessGrant") => {
                    access::access_grant(book, &object, &timed);
                }
                ("ephemeral-access.argoproj-labs.io", "AccessRequest") => {
                    others::ephemeral(book, &object)
                }
                ("justintime.samir.io", "JitRequest") => others::kube_jit(book, &object),
                ("tarbac.io", "TemporaryRBAC" | "ClusterTemporaryRBAC") => {
                    others::tarbac(book, &object)
                }
                ("crds.wizardofoz.co", "ExecAccessRequest" | "PodAccessRequest") => {
                    others::oz(book, &object);
                }
                // Policies and templates say who may ask, not who asked.
                _ => known -= 1,
            }
        }
    }
    if known == 0 {
        let input = inputs.iter().find(|input| !input.text.is_empty());
        if let Some(input) = input {
            let found = "no grants or requests of a known operator";
            return Err(record::wrong_kind(input, Kind::Kubernetes, found));
        }
    }
    Ok(())
}

/// The objects of a document: itself, or the items of its list.
fn flatten<'a>(node: Node<'a>, objects: &mut Vec<Node<'a>>) {
    let is_list = node
        .text_of("kind")
        .is_some_and(|kind| kind.ends_with("List"));
    match node.data {
        document::Data::List(items) => {
            for item in items {
                flatten(item, objects);
            }
        }
        document::Data::Map(pairs) if is_list => {
            for (name, value) in pairs {
                if let ("items", document::Data::List(items)) = (&*name, value.data) {
                    objects.extend(items);
                }
            }
        }
        _ => objects.push(node),
    }
}

/// The API group, if its operator is known.
fn group(node: &Node<'_>) -> Option<&'static str> {
    let version = node.text_of("apiVersion")?;
    let (group, _) = version.split_once('/')?;
    crate::snapshot::kubernetes::JIT_KINDS
        .iter()
        .map(|(known, _)| *known)
        .find(|known| *known == group)
}

/// An object and where it belongs.
struct Object<'n> {
    input: &'n Input,
    node: &'n Node<'n>,
    name: &'n str,
    namespace: &'n str,
    created: Option<Timestamp>,
}

impl<'n> Object<'n> {
    fn new(input: &'n Input, node: &'n Node<'n>) -> Self {
        let meta = |name: &str| node.at(&["metadata", name]).and_then(Node::text);
        Object {
            input,
            node,
            name: meta("name").unwrap_or_default(),
            namespace: meta("namespace").unwrap_or_default(),
            created: meta("creationTimestamp").and_then(record::instant),
        }
    }

    fn text(&self, path: &[&str]) -> Option<&'n str> {
        self.node
            .at(path)
            .and_then(Node::text)
            .filter(|text| !text.is_empty())
    }

    fn time(&self, path: &[&str]) -> Option<Timestamp> {
        self.text(path).and_then(record::instant)
    }

    fn length(&self, path: &[&str]) -> Option<SignedDuration> {
        self.text(path).and_then(record::span)
    }

    fn texts(&self, path: &[&str]) -> Vec<&'n str> {
        let items = self.node.at(path).map_or(&[][..], Node::items);
        items.iter().filter_map(Node::text).collect()
    }

    /// The role at `path`, by the id facts use: `ClusterRole/admin`, `Role/ns/admin`.
    fn role(&self, path: &[&str]) -> Option<Sym> {
        let role = self.node.at(path)?;
        let name = role.text_of("name")?;
        Some(match role.text_of("kind") {
            Some("Role") => Sym::new(&format!("Role/{}/{name}", self.namespace)),
            _ => Sym::new(&format!("ClusterRole/{name}")),
        })
    }

    /// The grant that the operator's object `name` stands for.
    fn origin(&self, book: &Book<'_>, operator: &str, name: &str, cluster: Sym) -> Origin {
        let id = match self.namespace {
            "" => name.to_owned(),
            namespace => format!("{namespace}/{name}"),
        };
        book.origin(operator, cluster, &id, self.input)
    }

    /// The cluster and namespace it is about.
    fn scope(&self, cluster: Sym) -> BTreeMap<Sym, Sym> {
        let mut scope = BTreeMap::new();
        if !cluster.is_empty() {
            scope.insert("cluster".into(), cluster);
        }
        let namespace = match self.namespace {
            "" => "*",
            namespace => namespace,
        };
        scope.insert("namespace".into(), Sym::new(namespace));
        scope
    }
}

/// Somebody of a cluster, by the name the API server knows.
fn party(cluster: Sym, name: &str) -> Party {
    let ns = match cluster.is_empty() {
        true => "k8s".to_owned(),
        false => format!("k8s/{cluster}"),
    };
    let kind = match name.starts_with("system:serviceaccount:") {
        true => PartyKind::Workload,
        false => PartyKind::Human,
    };
    Party::new(ns, name).of_kind(kind)
}

fn close(
    book: &mut Book<'_>,
    origin: &Origin,
    cluster: Sym,
    quality: &'static [(GrantField, Quality)],
    times: &[Option<Timestamp>],
) {
    book.used();
    let tenant = Some(("cluster", cluster)).filter(|_| !cluster.is_empty());
    book.covers(origin, SYSTEM, tenant, quality, Some(MISSING), times);
}
