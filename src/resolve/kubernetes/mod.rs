//! Facts from Kubernetes objects.
//!
//! Objects of a cluster (live, exported, or manifests meant for one) are read with
//! their positions, the RBAC authorizer is built over them, and everybody a binding
//! names is judged over all its bindings. What comes out are neutral facts.

mod aggregate;
mod attributes;
mod audit;
mod catalogue;
mod cloud;
mod credentials;
mod defaults;
pub(crate) mod document;
mod evaluate;
mod facts;
mod grants;
mod impersonate;
mod jit;
mod judge;
mod node;
mod objects;
mod rbac;
mod simulate;
mod status;
mod subject;
mod volume;
mod workload;

use std::collections::BTreeMap;

use rayon::prelude::*;

pub use attributes::ATTRIBUTES;
pub use defaults::CONTAINED_ROLES;
pub use objects::{Objects, ObjectsError};
pub use simulate::simulate;

use super::Context;
use crate::model::{Coverage, Inventory, Seen, Sym, System};
use crate::snapshot::Document;
use status::Status;

/// Tenant of objects that say nothing about the cluster they are for.
const MANIFESTS: &str = "manifests";

/// Resolves the documents of all clusters.
pub fn resolve(documents: &[&Document], context: &Context<'_>) -> Inventory {
    let mut clusters: BTreeMap<Sym, Vec<&Document>> = BTreeMap::new();
    for document in documents {
        let tenant = document
            .tenant
            .unwrap_or_else(|| manifest_cluster(document, context));
        clusters.entry(tenant).or_default().push(document);
    }
    let mut all = Inventory::default();
    // An audit log by itself is about the one cluster that is scanned beside it.
    let manifests = Sym::new(MANIFESTS);
    let only_audit = |list: &Vec<&Document>| list.iter().all(|one| one.kind == "audit");
    if clusters.len() > 1 && clusters.get(&manifests).is_some_and(only_audit) {
        let logs = clusters.remove(&manifests).unwrap_or_default();
        let names: Vec<&str> = clusters.keys().map(|name| name.as_str()).collect();
        if names.len() == 1 {
            clusters.values_mut().for_each(|list| list.extend(&logs));
        } else {
            let reason = format!(
                "the audit log could be of any of the clusters {}; it was not used",
                names.join(", ")
            );
            all.coverage.push(
                Coverage::lacking(
                    System::Kubernetes,
                    manifests,
                    "kubernetes.audit-log",
                    Seen::None,
                    reason,
                )
                .remedy("scan one cluster with its log, or put the log into the cluster's directory of a snapshot"),
            );
        }
    }
    for (tenant, documents) in clusters {
        all.append(resolve_cluster(tenant, &documents, context));
    }
    all
}

/// The cluster a manifest is for, as the configuration says; else all are one.
fn manifest_cluster(document: &Document, context: &Context<'_>) -> Sym {
    context
        .config
        .kubernetes
        .manifests
        .iter()
        .find(|(pattern, _)| {
            [document.path, document.file]
                .iter()
                .any(|path| crate::model::glob(pattern, path))
        })
        .map_or_else(|| Sym::new(MANIFESTS), |(_, cluster)| Sym::new(cluster))
}

fn resolve_cluster(tenant: Sym, documents: &[&Document], context: &Context<'_>) -> Inventory {
    let mut status = Status::default();
    let mut objects = Objects::default();
    let mut gaps = Vec::new();
    let mut audit: Option<audit::AuditLog> = None;
    let read: Vec<Result<Objects, String>> = documents
        .par_iter()
        .map(|document| match std::str::from_utf8(&document.text) {
            Ok(text) => {
                let mut part = Objects::default();
                if document.kind == "objects" {
                    part.add(document.file, &document.path, text);
                }
                Ok(part)
            }
            Err(error) => Err(format!(
                "{}: not UTF-8 text (byte {}); its objects were not judged",
                document.file,
                error.valid_up_to()
            )),
        })
        .collect();
    for (document, part) in documents.iter().zip(read) {
        let text = std::str::from_utf8(&document.text).unwrap_or_default();
        match document.kind {
            "version" => status.read_version(text),
            "flags" => status.read_flags(text),
            "metrics" => status.read_metrics(text),
            "audit" => audit.get_or_insert_default().read(text),
            _ => {}
        }
        match part {
            Ok(part) => objects.append(part),
            Err(message) => gaps.push((message, None)),
        }
    }
    gaps.extend(objects.problems.iter().map(|problem| {
        let at = problem.location;
        let message = format!("{}:{}:{}: {}", at.file, at.line, at.column, problem.message);
        (message, problem.help.clone())
    }));
    status.collected = documents.iter().any(|document| document.kind == "scanner");
    status.whole_cluster = status.collected
        || objects
            .roles
            .iter()
            .any(|role| role.cluster && role.meta.name == "cluster-admin");
    if !status.whole_cluster {
        objects.assume_defaults();
    }
    objects.settle();
    let mut inventory = facts::make(tenant, &objects, &status, audit.as_ref(), context);
    for (message, help) in gaps {
        let mut gap = Coverage::lacking(
            System::Kubernetes,
            tenant,
            "kubernetes.objects",
            Seen::Partial,
            message,
        );
        gap.remedy = help;
        inventory.coverage.push(gap);
    }
    inventory
}
