//! `vault_*` resources: policies, and the roles of auth methods that give them.

use std::collections::BTreeMap;

use super::super::Declared;
use super::super::text::Made;
use super::{Attribute, Resource, Side};
use crate::model::System;
use crate::snapshot::github::encode;

const TENANT: &str = "terraform";

/// A kind of role: its default mount, the method's type, the attribute that names it,
/// and attributes the API calls otherwise.
struct RoleKind {
    mount: &'static str,
    method: &'static str,
    name: &'static str,
    list: &'static str,
    renamed: &'static [(&'static str, &'static str)],
}

fn role_kind(kind: &str) -> Option<RoleKind> {
    let role = |mount, method, name| RoleKind {
        mount,
        method,
        name,
        list: "role",
        renamed: &[],
    };
    Some(match kind {
        "vault_kubernetes_auth_backend_role" => role("kubernetes", "kubernetes", "role_name"),
        "vault_jwt_auth_backend_role" => role("jwt", "jwt", "role_name"),
        "vault_approle_auth_backend_role" => role("approle", "approle", "role_name"),
        "vault_aws_auth_backend_role" => RoleKind {
            renamed: &[("bound_iam_principal_arns", "bound_iam_principal_arn")],
            ..role("aws", "aws", "role")
        },
        "vault_gcp_auth_backend_role" => role("gcp", "gcp", "role"),
        "vault_azure_auth_backend_role" => role("azure", "azure", "role"),
        "vault_cert_auth_backend_role" => RoleKind {
            list: "certs",
            ..role("cert", "cert", "name")
        },
        "vault_token_auth_backend_role" => RoleKind {
            list: "roles",
            ..role("token", "token", "role_name")
        },
        _ => return None,
    })
}

/// The kinds of resources that are read.
pub(super) const KINDS: &[&str] = &[
    "vault_approle_auth_backend_role",
    "vault_aws_auth_backend_role",
    "vault_azure_auth_backend_role",
    "vault_cert_auth_backend_role",
    "vault_gcp_auth_backend_role",
    "vault_identity_entity",
    "vault_identity_group",
    "vault_jwt_auth_backend_role",
    "vault_kubernetes_auth_backend_role",
    "vault_policy",
    "vault_token_auth_backend_role",
];

/// Attributes of roles that hold key material or are the provider's own.
const NOT_COPIED: &[&str] = &["backend", "certificate", "id", "namespace", "role_id"];

/// Reads all resources of Vault.
pub(super) fn read(side: &Side<'_>, into: &mut Declared) {
    let mut mounts: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for resource in side
        .resources
        .iter()
        .filter(|one| KINDS.contains(&one.kind))
    {
        match resource.kind {
            "vault_policy" => policy(resource, &mut names, into),
            "vault_identity_entity" => identity(resource, "entity", into),
            "vault_identity_group" => identity(resource, "group", into),
            kind => {
                if let Some(kind) = role_kind(kind) {
                    role(resource, &kind, &mut mounts, into);
                }
            }
        }
    }
    if !names.is_empty() {
        names.sort();
        let list = Made::map([("data", Made::map([("keys", Made::texts(names))]))]);
        into.document(
            System::Vault,
            TENANT,
            "sys/policies/acl.json",
            "answer",
            &list,
        );
    }
    if !mounts.is_empty() {
        let mounts = mounts.iter().map(|(mount, method)| {
            (
                format!("{mount}/"),
                Made::map([("type", Made::text(*method))]),
            )
        });
        let auth = Made::map([("data", Made::map(mounts))]);
        into.document(System::Vault, TENANT, "sys/auth.json", "answer", &auth);
    }
}

fn policy(resource: &Resource<'_>, names: &mut Vec<String>, into: &mut Declared) {
    let name = resource.name_or_address("name");
    match resource.get("policy") {
        Attribute::Known(node) => {
            let text = node.text().unwrap_or_default();
            let at = resource.at("policy").unwrap_or(resource.at);
            let path = format!("sys/policies/acl/{}.hcl", encode(&name));
            into.verbatim(System::Vault, TENANT, &path, "policy", text, at);
            names.push(name);
        }
        _ => into.undecided(
            System::Vault,
            TENANT,
            resource.address,
            "policy",
            resource.at("policy"),
        ),
    }
}

/// The attributes of a resource, copied; what is unknown is undecided where it may
/// decide who gets what.
fn copied(
    resource: &Resource<'_>,
    renamed: &[(&str, &str)],
    into: &mut Declared,
) -> Vec<(String, Made)> {
    let mut pairs = Vec::new();
    for (attribute, value) in resource.values.pairs() {
        if NOT_COPIED.contains(&attribute.as_ref()) || value.is_null() {
            continue;
        }
        if matches!(resource.get(attribute), Attribute::Known(_)) {
            let name = renamed.iter().find(|(own, _)| own == attribute);
            let name = name.map_or(attribute.as_ref(), |(_, theirs)| theirs);
            pairs.push((
                name.to_owned(),
                Made::of(value, None).at(resource.at(attribute)),
            ));
        }
    }
    let unknown = resource.unknown.map_or(&[][..], |marks| marks.pairs());
    for (attribute, mark) in unknown {
        let decides = attribute.contains("polic") || attribute.starts_with("bound_");
        if decides && super::is_marked(mark) {
            let at = resource.at(attribute);
            into.undecided(System::Vault, TENANT, resource.address, attribute, at);
        }
    }
    pairs
}

fn role(
    resource: &Resource<'_>,
    kind: &RoleKind,
    mounts: &mut BTreeMap<String, &'static str>,
    into: &mut Declared,
) {
    let mount = resource.text("backend").unwrap_or(kind.mount);
    let mount = mount.trim_matches('/').to_owned();
    let name = resource.name_or_address(kind.name);
    let data = Made::map(copied(resource, kind.renamed, into));
    let answer = Made::map([("data", data)]).at(Some(resource.at));
    let folder: Vec<String> = mount.split('/').map(encode).collect();
    let path = format!(
        "auth/{}/{}/{}.json",
        folder.join("/"),
        kind.list,
        encode(&name)
    );
    into.document(System::Vault, TENANT, &path, "answer", &answer);
    if kind.method != "token" {
        mounts.insert(mount, kind.method);
    }
}

fn identity(resource: &Resource<'_>, what: &str, into: &mut Declared) {
    let name = resource.name_or_address("name");
    let mut pairs = copied(resource, &[], into);
    if !pairs.iter().any(|(key, _)| key == "id") {
        pairs.push(("id".to_owned(), Made::text(&name)));
    }
    let answer = Made::map([("data", Made::map(pairs))]).at(Some(resource.at));
    let path = format!("identity/{what}/id/{}.json", encode(&name));
    into.document(System::Vault, TENANT, &path, "answer", &answer);
}
