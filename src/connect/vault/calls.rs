//! Every call the connector makes, and the policy that permits them: one table.

use std::fmt::Write as _;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// GET
    Read,
    /// GET with `list=true`
    List,
    /// POST of a look-up: changes nothing.
    LookUp,
}

/// A call. In `path`, `{mount}` is a mount and `{name}` one segment; a trailing `*`
/// is a path of any length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    /// The kind of fact it is read for.
    pub(super) kind: &'static str,
    /// Root-protected: needs sudo besides.
    pub(super) sudo: bool,
}

const fn read(path: &'static str, kind: &'static str) -> Call {
    Call {
        verb: Verb::Read,
        path,
        kind,
        sudo: false,
    }
}

const fn list(path: &'static str, kind: &'static str) -> Call {
    Call {
        verb: Verb::List,
        path,
        kind,
        sudo: false,
    }
}

const fn look_up(path: &'static str, kind: &'static str) -> Call {
    Call {
        verb: Verb::LookUp,
        path,
        kind,
        sudo: false,
    }
}

const fn sudo(call: Call) -> Call {
    Call { sudo: true, ..call }
}

pub(super) const AUTH: Call = read("sys/auth", "vault.auth-role");
pub(super) const MOUNTS: Call = read("sys/mounts", "vault.engine");
pub(super) const TUNE: Call = read("sys/mounts/{mount}/tune", "vault.engine");
pub(super) const AUTH_TUNE: Call = read("sys/mounts/auth/{mount}/tune", "vault.auth-role");
pub(super) const POLICIES: Call = list("sys/policies/acl", "vault.policy");
pub(super) const POLICY: Call = read("sys/policies/acl/{name}", "vault.policy");
pub(super) const ACCESSORS: Call = sudo(list("auth/token/accessors", "vault.token"));
pub(super) const TOKEN: Call = look_up("auth/token/lookup-accessor", "vault.token");
pub(super) const TOKEN_ROLES: Call = list("auth/token/roles", "vault.token-role");
pub(super) const TOKEN_ROLE: Call = read("auth/token/roles/{name}", "vault.token-role");
pub(super) const AUTH_CONFIG: Call = read("auth/{mount}/config", "vault.auth-role");
pub(super) const AUTH_CLIENT: Call = read("auth/{mount}/config/client", "vault.auth-role");
pub(super) const SECRET_IDS: Call = list("auth/{mount}/role/{name}/secret-id", "vault.secret-id");
pub(super) const SECRET_ID: Call = look_up(
    "auth/{mount}/role/{name}/secret-id-accessor/lookup",
    "vault.secret-id",
);
pub(super) const ENTITIES: Call = list("identity/entity/id", "vault.identity");
pub(super) const ENTITY: Call = read("identity/entity/id/{name}", "vault.identity");
pub(super) const GROUPS: Call = list("identity/group/id", "vault.identity");
pub(super) const GROUP: Call = read("identity/group/id/{name}", "vault.identity");
pub(super) const ENFORCEMENTS: Call = list("identity/mfa/login-enforcement", "vault.mfa");
pub(super) const ENFORCEMENT: Call = read("identity/mfa/login-enforcement/{name}", "vault.mfa");
pub(super) const AUDIT: Call = sudo(read("sys/audit", "vault.audit-device"));
pub(super) const NAMESPACES: Call = list("sys/namespaces", "vault.namespace");
pub(super) const LEASES: Call = sudo(list("sys/leases/lookup/*", "vault.lease"));
pub(super) const LEASE: Call = look_up("sys/leases/lookup", "vault.lease");
pub(super) const IRREVOCABLE: Call = sudo(read("sys/leases", "vault.lease"));
pub(super) const PLUGINS: Call = read("sys/plugins/catalog", "vault.plugin");
pub(super) const QUOTA_CONFIG: Call = read("sys/quotas/config", "vault.quota");
pub(super) const METADATA: Call = list("{mount}/metadata/*", "vault.secret");
pub(super) const SECRET: Call = read("{mount}/metadata/*", "vault.secret");

/// Lists of auth methods with the call for one entry, by type of method.
pub(super) const AUTH_LISTS: &[(&[&str], Call, Call)] = &[
    (
        &["approle", "kubernetes", "jwt", "oidc", "gcp", "azure"],
        list("auth/{mount}/role", "vault.auth-role"),
        read("auth/{mount}/role/{name}", "vault.auth-role"),
    ),
    (
        &["aws"],
        list("auth/{mount}/roles", "vault.auth-role"),
        read("auth/{mount}/role/{name}", "vault.auth-role"),
    ),
    (
        &["userpass", "ldap", "okta", "radius"],
        list("auth/{mount}/users", "vault.auth-role"),
        read("auth/{mount}/users/{name}", "vault.auth-role"),
    ),
    (
        &["ldap", "okta"],
        list("auth/{mount}/groups", "vault.auth-role"),
        read("auth/{mount}/groups/{name}", "vault.auth-role"),
    ),
    (
        &["cert"],
        list("auth/{mount}/certs", "vault.auth-role"),
        read("auth/{mount}/certs/{name}", "vault.auth-role"),
    ),
    (
        &["github"],
        list("auth/{mount}/map/teams", "vault.auth-role"),
        read("auth/{mount}/map/teams/{name}", "vault.auth-role"),
    ),
    (
        &["github"],
        list("auth/{mount}/map/users", "vault.auth-role"),
        read("auth/{mount}/map/users/{name}", "vault.auth-role"),
    ),
];

/// Lists of engines with the call for one entry, by type of engine.
pub(super) const ENGINE_LISTS: &[(&[&str], Call, Call)] = &[
    (
        &[
            "database",
            "aws",
            "azure",
            "kubernetes",
            "pki",
            "ssh",
            "consul",
            "nomad",
            "rabbitmq",
        ],
        list("{mount}/roles", "vault.engine"),
        read("{mount}/roles/{name}", "vault.engine"),
    ),
    (
        &["database", "aws"],
        list("{mount}/static-roles", "vault.engine"),
        read("{mount}/static-roles/{name}", "vault.engine"),
    ),
    (
        &["database"],
        list("{mount}/config", "vault.engine"),
        read("{mount}/config/{name}", "vault.engine"),
    ),
    (
        &["gcp"],
        list("{mount}/rolesets", "vault.engine"),
        read("{mount}/roleset/{name}", "vault.engine"),
    ),
    (
        &["gcp"],
        list("{mount}/static-accounts", "vault.engine"),
        read("{mount}/static-account/{name}", "vault.engine"),
    ),
    (
        &["gcp"],
        list("{mount}/impersonated-accounts", "vault.engine"),
        read("{mount}/impersonated-account/{name}", "vault.engine"),
    ),
    (
        &["ldap", "openldap"],
        list("{mount}/role", "vault.engine"),
        read("{mount}/role/{name}", "vault.engine"),
    ),
    (
        &["ldap", "openldap"],
        list("{mount}/static-role", "vault.engine"),
        read("{mount}/static-role/{name}", "vault.engine"),
    ),
    (
        &["ldap", "openldap"],
        list("{mount}/library", "vault.engine"),
        read("{mount}/library/{name}", "vault.engine"),
    ),
    (
        &["transit"],
        list("{mount}/keys", "vault.engine"),
        read("{mount}/keys/{name}", "vault.engine"),
    ),
];

pub(super) const AWS_ROOT: Call = read("{mount}/config/root", "vault.engine");
pub(super) const AWS_LEASE: Call = read("{mount}/config/lease", "vault.engine");
pub(super) const ENGINE_CONFIG: Call = read("{mount}/config", "vault.engine");
pub(super) const KV_CONFIG: Call = read("{mount}/config", "vault.secret");

/// Lists of the server itself, each with the call for one entry.
pub(super) const SERVER_LISTS: &[(Call, Call)] = &[
    (
        list("sys/policies/password", "vault.password-policy"),
        read("sys/policies/password/{name}", "vault.password-policy"),
    ),
    // Enterprise: policies as code, which may refuse what an ACL allows.
    (
        list("sys/policies/egp", "vault.governance"),
        read("sys/policies/egp/{name}", "vault.governance"),
    ),
    (
        list("sys/policies/rgp", "vault.governance"),
        read("sys/policies/rgp/{name}", "vault.governance"),
    ),
    (
        list("sys/quotas/rate-limit", "vault.quota"),
        read("sys/quotas/rate-limit/{name}", "vault.quota"),
    ),
    (
        list("sys/quotas/lease-count", "vault.quota"),
        read("sys/quotas/lease-count/{name}", "vault.quota"),
    ),
    (
        list("identity/mfa/method", "vault.mfa"),
        read("identity/mfa/method/{name}", "vault.mfa"),
    ),
    (
        list("identity/oidc/key", "vault.oidc"),
        read("identity/oidc/key/{name}", "vault.oidc"),
    ),
    (
        list("identity/oidc/role", "vault.oidc"),
        read("identity/oidc/role/{name}", "vault.oidc"),
    ),
    (
        list("identity/oidc/client", "vault.oidc"),
        read("identity/oidc/client/{name}", "vault.oidc"),
    ),
    (
        list("identity/oidc/assignment", "vault.oidc"),
        read("identity/oidc/assignment/{name}", "vault.oidc"),
    ),
    (
        list("identity/oidc/provider", "vault.oidc"),
        read("identity/oidc/provider/{name}", "vault.oidc"),
    ),
];

/// Every call.
pub(super) fn all() -> Vec<Call> {
    let mut calls = vec![
        AUTH,
        MOUNTS,
        TUNE,
        AUTH_TUNE,
        POLICIES,
        POLICY,
        ACCESSORS,
        TOKEN,
        TOKEN_ROLES,
        TOKEN_ROLE,
        AUTH_CONFIG,
        AUTH_CLIENT,
        SECRET_IDS,
        SECRET_ID,
        ENTITIES,
        ENTITY,
        GROUPS,
        GROUP,
        ENFORCEMENTS,
        ENFORCEMENT,
        AUDIT,
        NAMESPACES,
        LEASES,
        LEASE,
        IRREVOCABLE,
        PLUGINS,
        QUOTA_CONFIG,
        METADATA,
        SECRET,
        KV_CONFIG,
        AWS_ROOT,
        AWS_LEASE,
        ENGINE_CONFIG,
    ];
    for (_, list, read) in AUTH_LISTS.iter().chain(ENGINE_LISTS) {
        calls.push(*list);
        calls.push(*read);
    }
    for (list, read) in SERVER_LISTS {
        calls.push(*list);
        calls.push(*read);
    }
    calls
}

impl Call {
    /// The path of the call for one mount, name or path below.
    pub(super) fn at(&self, mount: &str, name: &str) -> String {
        let path = self.path.replace("{mount}", mount).replace("{name}", name);
        match path.strip_suffix('*') {
            Some(start) => format!("{start}{name}"),
            None => path,
        }
    }
}

/// The policy that permits every call and nothing else.
pub(super) fn policy() -> String {
    let mut rules: Vec<(String, Vec<&str>)> = Vec::new();
    for call in all() {
        let path = call.path.replace("{mount}", "+").replace("{name}", "+");
        let needed = match call.verb {
            Verb::Read => "read",
            Verb::List => "list",
            Verb::LookUp => "update",
        };
        let mut paths = vec![path.clone()];
        if call.verb == Verb::List && !path.ends_with('*') {
            // HashiCorp Vault asks about a list with and without its slash.
            paths.push(format!("{path}/"));
        }
        for path in paths {
            let at = rules
                .iter()
                .position(|(known, _)| *known == path)
                .unwrap_or_else(|| {
                    rules.push((path, Vec::new()));
                    rules.len() - 1
                });
            let caps = &mut rules[at].1;
            for cap in [Some(needed), call.sudo.then_some("sudo")]
                .into_iter()
                .flatten()
            {
                if !caps.contains(&cap) {
                    caps.push(cap);
                }
            }
        }
    }
    rules.sort();
    let mut text = String::from(
        "# What `tenure scan vault` needs: reads and look-ups only, sudo where the server\n\
         # protects the path. A mount of several segments (team/kv) needs its own lines.\n\
         # Give it a token of 15 minutes that cannot be renewed.\n",
    );
    for (path, caps) in rules {
        let caps: Vec<String> = caps.iter().map(|cap| format!("\"{cap}\"")).collect();
        let _ = write!(
            text,
            "\npath \"{path}\" {{\n  capabilities = [{}]\n}}\n",
            caps.join(", ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_reads_or_draws_a_secret() {
        for call in all() {
            for word in [
                "/data",
                "/creds",
                "/sts",
                "/issue",
                "/sign",
                "/export",
                "/backup",
                "secret-id/lookup",
            ] {
                assert!(!call.path.contains(word), "{}", call.path);
            }
        }
    }

    #[test]
    fn sudo_only_where_the_server_asks_for_it() {
        let protected: Vec<&str> = all()
            .iter()
            .filter(|call| call.sudo)
            .map(|call| call.path)
            .collect();
        assert_eq!(
            protected,
            [
                "auth/token/accessors",
                "sys/audit",
                "sys/leases/lookup/*",
                "sys/leases"
            ]
        );
    }

    #[test]
    fn the_policy_is_one_a_server_takes() {
        use crate::resolve::vault::policy::{Dialect, Policy};
        for dialect in [Dialect::Openbao, Dialect::Vault] {
            assert!(Policy::parse("tenure", "", &policy(), Some(dialect)).is_ok());
        }
        assert!(
            policy()
                .contains("path \"auth/token/accessors\" {\n  capabilities = [\"list\", \"sudo\"]")
        );
    }
}
