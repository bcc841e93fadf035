//! Secrets engines: what they can make, and the long-lived secrets they hold.

use jiff::SignedDuration;
use serde_json::Value as Json;

use super::documents::{
    Answer, Space, flag, length, length_of, moment, number, strings, strings_of, text, time,
};
use super::mounts::{Mount, Table};
use crate::model::{
    Attrs, Builder, Credential, Identity, IdentityKind, IdentityRef, Moment, Sym, System, Value,
};
use crate::resolve::account_number;

/// A role of an engine and the requests that draw on it.
#[derive(Debug)]
pub(super) struct EngineRole {
    pub(super) who: IdentityRef,
    /// Paths with namespace; reading or updating one of them hands out a credential.
    pub(super) draws: Vec<String>,
}

/// Reads roles, static roles, keys and stored secrets of every engine.
pub(super) fn engines(space: &Space<'_>, table: &Table, build: &mut Builder) -> Vec<EngineRole> {
    let mut roles = Vec::new();
    for mount in table.engines() {
        let engine = Engine { space, mount };
        let first = roles.len();
        for (folder, draw) in role_folders(&mount.kind) {
            for (name, answer) in space.below(&format!("{}/{folder}", mount.path)) {
                roles.push(engine.role(build, folder, draw, name, answer));
            }
        }
        for folder in ["static-roles", "static-role"] {
            for (name, answer) in space.below(&format!("{}/{folder}", mount.path)) {
                engine.static_role(build, folder, name, answer);
            }
        }
        match mount.kind.as_str() {
            "transit" => engine.keys(build),
            "kv2" => engine.secrets(build),
            "aws" => {
                engine.aws_root(build);
                let own: Vec<IdentityRef> = roles[first..].iter().map(|role| role.who).collect();
                aws_account(build, &own);
            }
            "database" => engine.connections(build),
            "ldap" | "openldap" | "azure" => engine.account(build),
            _ => {}
        }
    }
    roles
}

/// Folder of roles, and below which words credentials are drawn; `*` stands for the
/// role where its name does not come last.
fn role_folders(kind: &str) -> &'static [(&'static str, &'static [&'static str])] {
    match kind {
        "database" | "rabbitmq" | "consul" | "nomad" | "azure" => &[("roles", &["creds"])],
        "aws" => &[("roles", &["creds", "sts"])],
        "kubernetes" => &[("roles", &["creds"])],
        "gcp" => &[
            (
                "roleset",
                &["roleset/*/token", "roleset/*/key", "token", "key"],
            ),
            (
                "static-account",
                &["static-account/*/token", "static-account/*/key"],
            ),
            ("impersonated-account", &["impersonated-account/*/token"]),
        ],
        "ldap" | "openldap" => &[("role", &["creds"])],
        "pki" => &[("roles", &["issue", "sign"])],
        "ssh" => &[("roles", &["sign", "issue", "creds"])],
        _ => &[],
    }
}

struct Engine<'a> {
    space: &'a Space<'a>,
    mount: &'a Mount,
}

impl Engine<'_> {
    fn role(
        &self,
        build: &mut Builder,
        folder: &str,
        draw: &[&str],
        name: &str,
        answer: &Answer,
    ) -> EngineRole {
        let data = &answer.data;
        let mut fact = Identity::new(
            System::Vault,
            self.space.tenant,
            format!("{}/{folder}/{name}", self.mount.path),
            IdentityKind::Workload,
            name,
        );
        fact.location = Some(answer.location);
        let attrs = &mut fact.attrs;
        attrs.set("type", "engine-role");
        attrs.set("mount", self.mount.path.as_str());
        attrs.set("engine", self.mount.kind.as_str());
        let ttl_keys: &[&str] = match self.mount.kind.as_str() {
            "kubernetes" => &["token_max_ttl"],
            "aws" => &["max_sts_ttl"],
            _ => &["max_ttl", "ttl"],
        };
        let max = length_of(data, ttl_keys).filter(|ttl| ttl.is_positive());
        attrs.set("own_max_ttl", max.is_some());
        attrs.set(
            "max_ttl",
            max.unwrap_or(self.mount.max_ttl).min(self.mount.max_ttl),
        );
        match self.mount.kind.as_str() {
            "database" => database(data, attrs),
            "aws" => aws(data, attrs),
            "pki" => pki(data, attrs),
            "ssh" => ssh(data, attrs),
            "kubernetes" => kubernetes(data, attrs),
            _ => {}
        }
        let draws = draw
            .iter()
            .map(|word| {
                let place = match word.contains('*') {
                    true => word.replace('*', name),
                    false => format!("{word}/{name}"),
                };
                format!("{}{}/{place}", self.space.namespace, self.mount.path)
            })
            .collect();
        EngineRole {
            who: build.identity(fact),
            draws,
        }
    }

    /// A long-lived secret the engine holds.
    fn credential(
        &self,
        kind: &str,
        id: impl Into<Sym>,
        name: &str,
        answer: &Answer,
    ) -> Credential {
        let tenant = self.space.tenant;
        let mut fact = Credential::new(System::Vault, tenant, None, kind, id, name);
        fact.location = Some(answer.location);
        fact.expires = Moment::Never;
        fact
    }

    /// A static role: a fixed account of another system whose password Vault changes.
    fn static_role(&self, build: &mut Builder, folder: &str, name: &str, answer: &Answer) {
        let data = &answer.data;
        let id = format!("{}/{folder}/{name}", self.mount.path);
        let mut fact = self.credential("static-role", id, name, answer);
        fact.rotated = Moment::or_unknown(time(data, "last_vault_rotation"));
        let attrs = &mut fact.attrs;
        attrs.set("engine", self.mount.kind.as_str());
        attrs.set_some(
            "rotation_period",
            length(data, "rotation_period").filter(|period| period.is_positive()),
        );
        attrs.set_some("schedule", text(data, "rotation_schedule"));
        attrs.set_some("account", text(data, "username"));
        attrs.set_some("target", text(data, "db_name"));
        build.credential(fact);
    }

    fn keys(&self, build: &mut Builder) {
        for (name, answer) in self.space.below(&format!("{}/keys", self.mount.path)) {
            let data = &answer.data;
            let id = format!("{}/keys/{name}", self.mount.path);
            let mut fact = self.credential("encryption-key", id, name, answer);
            // Symmetric keys tell the second of each version, others an object.
            let versions: Vec<_> = data
                .get("keys")
                .and_then(Json::as_object)
                .into_iter()
                .flatten()
                .filter_map(|(_, version)| {
                    moment(version).or_else(|| time(version, "creation_time"))
                })
                .collect();
            fact.created = versions.iter().min().copied();
            fact.rotated = Moment::or_unknown(versions.iter().max().copied());
            let attrs = &mut fact.attrs;
            attrs.set_some("exportable", flag(data, "exportable"));
            attrs.set_some("plaintext_backup", flag(data, "allow_plaintext_backup"));
            let period = length(data, "auto_rotate_period");
            attrs.set_some("rotates", period.map(|period| period.is_positive()));
            attrs.set("versions", versions.len());
            build.credential(fact);
        }
    }

    /// Metadata of KV version 2; never the data.
    fn secrets(&self, build: &mut Builder) {
        for answer in self.space.lines(&format!("{}/metadata", self.mount.path)) {
            let data = &answer.data;
            let Some(about) = answer.about.as_deref() else {
                continue;
            };
            let name = about
                .strip_prefix(&format!("{}/metadata/", self.mount.path))
                .unwrap_or(about);
            let mut fact = self.credential("stored-secret", about, name, answer);
            fact.created = time(data, "created_time");
            fact.rotated = Moment::or_unknown(time(data, "updated_time"));
            let kept = length(data, "delete_version_after").filter(|after| after.is_positive());
            fact.expires = match (kept, time(data, "updated_time")) {
                (Some(after), Some(updated)) => Moment::or_unknown(updated.checked_add(after).ok()),
                (Some(_), None) => Moment::Unknown,
                (None, _) => Moment::Never,
            };
            let current = data
                .get("versions")
                .and_then(|versions| versions.get(number(data, "current_version")?.to_string()));
            let deleted = current.is_some_and(|version| {
                flag(version, "destroyed") == Some(true) || text(version, "deletion_time").is_some()
            });
            fact.active = !deleted;
            if let Some(custom) = data.get("custom_metadata") {
                fact.owner = ["owner", "team", "contact"]
                    .into_iter()
                    .find_map(|key| text(custom, key))
                    .map(Sym::new);
            }
            fact.attrs.set("engine", "kv2");
            fact.attrs
                .set_some("versions", number(data, "current_version"));
            build.credential(fact);
        }
    }

    fn aws_root(&self, build: &mut Builder) {
        let path = format!("{}/config/root", self.mount.path);
        let Some(answer) = self.space.get(&path) else {
            return;
        };
        let data = &answer.data;
        let mut fact = self.credential("engine-root", path, self.mount.path.as_str(), answer);
        fact.rotated = Moment::or_unknown(time(data, "last_vault_rotation"));
        let attrs = &mut fact.attrs;
        attrs.set("engine", "aws");
        attrs.set("long_lived_key", text(data, "access_key").is_some());
        attrs.set_some("access_key", text(data, "access_key"));
        attrs.set("federated", text(data, "identity_token_audience").is_some());
        build.credential(fact);
    }

    /// The account a directory engine works with. Without a name in its settings it
    /// works with what the machine is, which is no credential of its own.
    fn account(&self, build: &mut Builder) {
        let path = format!("{}/config", self.mount.path);
        let Some(answer) = self.space.get(&path) else {
            return;
        };
        let data = &answer.data;
        let Some(account) = text(data, "binddn").or_else(|| text(data, "client_id")) else {
            return;
        };
        let mut fact = self.credential("engine-root", path, self.mount.path.as_str(), answer);
        fact.expires = match time(data, "root_password_expiration_date") {
            Some(end) => Moment::At(end),
            None => Moment::Never,
        };
        let rotated = ["last_bind_password_rotation", "last_vault_rotation"];
        fact.rotated = Moment::or_unknown(rotated.into_iter().find_map(|key| time(data, key)));
        let attrs = &mut fact.attrs;
        attrs.set("engine", self.mount.kind.as_str());
        attrs.set("account", account);
        attrs.set("federated", text(data, "identity_token_audience").is_some());
        build.credential(fact);
    }

    fn connections(&self, build: &mut Builder) {
        for (name, answer) in self.space.below(&format!("{}/config", self.mount.path)) {
            let data = &answer.data;
            let id = format!("{}/config/{name}", self.mount.path);
            let mut fact = self.credential("engine-root", id, name, answer);
            fact.rotated = Moment::or_unknown(time(data, "last_vault_rotation"));
            let attrs = &mut fact.attrs;
            attrs.set("engine", "database");
            let details = data.get("connection_details");
            attrs.set_some(
                "account",
                details.and_then(|details| text(details, "username")),
            );
            attrs.set("any_role", strings(data, "allowed_roles").contains(&"*"));
            build.credential(fact);
        }
    }
}

fn database(data: &Json, attrs: &mut Attrs) {
    attrs.set_some("target", text(data, "db_name"));
    let statements = strings_of(data, &["creation_statements"])
        .join("\n")
        .to_ascii_uppercase();
    let superuser = [
        "SUPERUSER",
        "GRANT ALL PRIVILEGES ON *.*",
        "GRANT ALL ON *.*",
        "RDS_SUPERUSER",
        "SYSADMIN",
        "CREATEROLE",
        "\"DBADMINANYDATABASE\"",
        "\"ROOT\"",
        "WITH GRANT OPTION",
    ]
    .iter()
    .any(|word| statements.contains(word) && !statements.contains("NOSUPERUSER"));
    attrs.set("superuser", superuser);
}

fn aws(data: &Json, attrs: &mut Attrs) {
    let kinds = strings_of(data, &["credential_type", "credential_types"]);
    attrs.set_some("credential_type", kinds.first().copied());
    attrs.set("iam_user", kinds.contains(&"iam_user"));
    let list = |key| {
        strings(data, key)
            .into_iter()
            .map(Sym::new)
            .collect::<Vec<Sym>>()
    };
    for key in ["role_arns", "policy_arns", "iam_groups"] {
        let values = list(key);
        if !values.is_empty() {
            attrs.set(key, values);
        }
    }
    let document = text(data, "policy_document")
        .unwrap_or_default()
        .replace([' ', '\n'], "");
    let admin = strings(data, "policy_arns")
        .iter()
        .any(|arn| arn.ends_with("/AdministratorAccess"))
        || (document.contains("\"Action\":\"*\"") && document.contains("\"Resource\":\"*\""));
    attrs.set("admin_policy", admin);
    attrs.set_some(
        "permissions_boundary",
        text(data, "permissions_boundary_arn"),
    );
}

/// Tells the account whose credentials the roles of a mount hand out, and the principals
/// in it. An engine has one connection, so its roles share an account; the policies and
/// roles that some of them name tell which.
fn aws_account(build: &mut Builder, roles: &[IdentityRef]) {
    let named = |at: &IdentityRef, key: &'static str| match build
        .facts()
        .identity(*at)
        .attrs
        .get(Sym::of(key))
    {
        Some(Value::List(list)) => list.to_vec(),
        _ => Vec::new(),
    };
    let account = roles.iter().find_map(|role| {
        let arns = named(role, "role_arns").into_iter();
        arns.chain(named(role, "policy_arns"))
            .find_map(|arn| account_number(&arn).map(Sym::new))
    });
    let drawn: Vec<Vec<Sym>> = roles
        .iter()
        .map(|role| {
            let groups = named(role, "iam_groups").into_iter().filter_map(|group| {
                Some(Sym::new(&format!(
                    "arn:aws:iam::{}:group/{group}",
                    account?
                )))
            });
            named(role, "role_arns").into_iter().chain(groups).collect()
        })
        .collect();
    for (role, drawn) in roles.iter().zip(drawn) {
        let attrs = &mut build.identity_mut(*role).attrs;
        attrs.set_some("cloud_account", account);
        if !drawn.is_empty() {
            attrs.set("draws_as", drawn);
        }
    }
}

fn pki(data: &Json, attrs: &mut Attrs) {
    attrs.set_some("any_name", flag(data, "allow_any_name"));
    attrs.set_some("leased", flag(data, "generate_lease"));
    let domains = strings(data, "allowed_domains");
    attrs.set(
        "any_domain",
        domains.contains(&"*") && flag(data, "allow_glob_domains") == Some(true),
    );
    attrs.set_some("client_certificates", flag(data, "client_flag"));
}

fn ssh(data: &Json, attrs: &mut Attrs) {
    let users = strings(data, "allowed_users");
    attrs.set("any_user", users.contains(&"*"));
    attrs.set_some("key_type", text(data, "key_type"));
    let roots = users.contains(&"root") || text(data, "default_user") == Some("root");
    attrs.set("root_user", roots);
}

fn kubernetes(data: &Json, attrs: &mut Attrs) {
    let namespaces = strings(data, "allowed_kubernetes_namespaces");
    attrs.set("any_namespace", namespaces.contains(&"*"));
    attrs.set_some("kubernetes_role", text(data, "kubernetes_role_name"));
    attrs.set_some("service_account", text(data, "service_account_name"));
    let rules = text(data, "generated_role_rules")
        .unwrap_or_default()
        .replace([' ', '"', '\''], "");
    let admin = text(data, "kubernetes_role_name") == Some("cluster-admin")
        || rules.contains("verbs:[*]") && rules.contains("resources:[*]");
    attrs.set("admin_policy", admin);
}

/// Leases that could be looked up.
pub(super) fn leases(space: &Space<'_>, table: &Table, build: &mut Builder) {
    let single = space.get("sys/leases/lookup").into_iter();
    for answer in space.lines("sys/leases/lookup").iter().chain(single) {
        let data = &answer.data;
        let Some(id) = text(data, "id") else { continue };
        // A login's lease is the token itself, which is listed by its accessor.
        if id.starts_with("auth/") {
            continue;
        }
        let path = text(data, "path").map_or_else(
            || id.rsplit_once('/').map_or(id, |(path, _)| path).to_owned(),
            str::to_owned,
        );
        let role = draw_role(table, &path);
        let identity = role
            .as_deref()
            .and_then(|role| build.find(System::Vault, space.tenant, Sym::new(role)));
        let mut fact = Credential::new(
            System::Vault,
            space.tenant,
            identity,
            "lease",
            id,
            path.as_str(),
        );
        fact.location = Some(answer.location);
        fact.created = time(data, "issue_time");
        fact.expires = Moment::or_unknown(time(data, "expire_time"));
        fact.rotated = Moment::or_unknown(time(data, "last_renewal").or(fact.created));
        let longest = identity
            .and_then(|at| {
                build
                    .facts()
                    .identity(at)
                    .attrs
                    .get(Sym::new("max_ttl"))
                    .cloned()
            })
            .and_then(|value| match value {
                crate::model::Value::Duration(max) => Some(max),
                _ => None,
            });
        let life = fact
            .created
            .zip(fact.expires.at())
            .map(|(from, to)| to.duration_since(from));
        let roles_read = role
            .as_deref()
            .and_then(|role| role.rsplit_once('/'))
            .is_some_and(|(list, _)| space.keys(list).is_some());
        let attrs = &mut fact.attrs;
        if roles_read {
            attrs.set("role_gone", identity.is_none());
        }
        attrs.set_some("life", life);
        attrs.set_some(
            "beyond_role",
            life.zip(longest)
                .map(|(life, max)| life > max.saturating_add(SignedDuration::from_secs(60))),
        );
        attrs.set(
            "irrevocable",
            text(data, "revoke_error").is_some() || text(data, "error").is_some(),
        );
        build.credential(fact);
    }
    for answer in space.lines("sys/leases-irrevocable") {
        let Some(id) = text(&answer.data, "lease_id") else {
            continue;
        };
        let mut fact = Credential::new(System::Vault, space.tenant, None, "lease", id, id);
        fact.location = Some(answer.location);
        fact.attrs.set("irrevocable", true);
        build.credential(fact);
    }
}

/// The role whose credential `path` (`database/creds/ro`) draws.
fn draw_role(table: &Table, path: &str) -> Option<String> {
    let mount = table
        .engines()
        .iter()
        .filter(|mount| {
            path.strip_prefix(&mount.path)
                .is_some_and(|rest| rest.starts_with('/'))
        })
        .max_by_key(|mount| mount.path.len())?;
    let rest = &path[mount.path.len() + 1..];
    let (word, name) = rest.split_once('/')?;
    let name = name.split('/').next().unwrap_or(name);
    let (folder, _) = role_folders(&mount.kind)
        .iter()
        .find(|(_, draws)| draws.contains(&word))?;
    Some(format!("{}/{folder}/{name}", mount.path))
}
