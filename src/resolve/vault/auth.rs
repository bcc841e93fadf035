//! Roles, users and groups of auth methods: who may log in as what.

mod claims;

use serde_json::Value as Json;

use super::documents::{Answer, Space, flag, length, number, strings, text, time};
use super::mounts::{Mount, Table, second_factor};
use super::people::{Grant, Principal};
use super::tokens::{lifetimes, role_policies};
use crate::model::{
    Builder, Credential, Identity, IdentityKind, IdentityRef, Moment, Sym, System, Trust, TrustKind,
};

/// Reads every role, user and mapped group of every auth method.
pub(super) fn roles(space: &Space<'_>, table: &Table, build: &mut Builder) -> Vec<Principal> {
    let mut principals = Vec::new();
    for mount in table.auth() {
        let mfa = second_factor(space, mount);
        for (folder, shape) in folders(&mount.kind) {
            let list = format!("{}/{folder}", mount.path);
            for (name, answer) in space.below(&list) {
                let role = Role {
                    space,
                    mount,
                    folder,
                    name,
                    answer,
                    mfa,
                };
                principals.push(role.read(build, *shape));
            }
        }
    }
    principals
}

/// What the entries of a folder are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Role,
    User,
    Group,
}

fn folders(kind: &str) -> &'static [(&'static str, Entry)] {
    match kind {
        "approle" | "kubernetes" | "jwt" | "oidc" | "gcp" | "azure" | "oci" | "saml" => {
            &[("role", Entry::Role)]
        }
        "aws" | "alicloud" | "cf" => &[("role", Entry::Role), ("roles", Entry::Role)],
        "cert" => &[("certs", Entry::Role)],
        "userpass" => &[("users", Entry::User)],
        "ldap" | "okta" | "kerberos" => &[("groups", Entry::Group), ("users", Entry::User)],
        "radius" => &[("users", Entry::User)],
        "github" => &[("map/teams", Entry::Group), ("map/users", Entry::User)],
        _ => &[],
    }
}

struct Role<'a> {
    space: &'a Space<'a>,
    mount: &'a Mount,
    folder: &'a str,
    name: &'a str,
    answer: &'a Answer,
    /// Whether its logins need a second factor, where that is known.
    mfa: Option<bool>,
}

impl Role<'_> {
    fn read(&self, build: &mut Builder, shape: Entry) -> Principal {
        let data = &self.answer.data;
        let Mount { path, kind, .. } = self.mount;
        let (identity_kind, what) = match shape {
            Entry::Role => (IdentityKind::Workload, "auth-role"),
            Entry::User => (IdentityKind::Human, "auth-user"),
            Entry::Group => (IdentityKind::Group, "auth-group"),
        };
        let mut fact = Identity::new(
            System::Vault,
            self.space.tenant,
            format!("{path}/{}/{}", self.folder, self.name),
            identity_kind,
            self.name,
        );
        fact.location = Some(self.answer.location);
        let attrs = &mut fact.attrs;
        attrs.set("type", what);
        attrs.set("mount", path.as_str());
        attrs.set("method", kind.as_str());
        attrs.set_some("mfa", self.mfa);
        lifetimes(data, self.mount.max_ttl, attrs);
        match kind.as_str() {
            "approle" => self.approle(attrs),
            "ldap" | "github" if shape == Entry::Group => {
                attrs.set("broad_group", is_broad(self.name));
            }
            _ => {}
        }
        let who = build.identity(fact);
        for trust in self.trusts(build, who, shape) {
            build.trust(trust);
        }
        if kind == "approle" {
            self.secret_ids(build, who);
        }
        let grants = role_policies(data)
            .into_iter()
            .map(|policy| Grant {
                location: Some(self.answer.location),
                ..Grant::new(policy, "role-policy")
            })
            .collect();
        Principal {
            who,
            grants,
            beside: Vec::new(),
            credential: None,
            entity: None,
        }
    }

    /// A secret-id without TTL never expires (a positive one is capped at the
    /// mount's maximum); zero uses means any number.
    fn approle(&self, attrs: &mut crate::model::Attrs) {
        let data = &self.answer.data;
        let bound = flag(data, "bind_secret_id") != Some(false);
        attrs.set("bind_secret_id", bound);
        let ttl = length(data, "secret_id_ttl");
        attrs.set_some("secret_id_ttl", ttl.filter(|ttl| ttl.is_positive()));
        attrs.set_some("secret_id_endless", ttl.map(|ttl| ttl.is_zero() && bound));
        attrs.set_some(
            "secret_id_unlimited",
            number(data, "secret_id_num_uses").map(|uses| uses == 0 && bound),
        );
        attrs.set(
            "secret_id_cidrs",
            strings(data, "secret_id_bound_cidrs").len(),
        );
        attrs.set_some("local_secret_ids", flag(data, "local_secret_ids"));
        if let Some(keys) = self
            .space
            .keys(&format!("{}/role/{}/secret-id", self.mount.path, self.name))
        {
            attrs.set("secret_ids", keys.len());
        }
    }

    fn secret_ids(&self, build: &mut Builder, who: IdentityRef) {
        let path = format!("{}/role/{}/secret-id", self.mount.path, self.name);
        for answer in self.space.lines(&path) {
            let data = &answer.data;
            let Some(accessor) = text(data, "secret_id_accessor") else {
                continue;
            };
            let mut fact = Credential::new(
                System::Vault,
                self.space.tenant,
                Some(who),
                "secret-id",
                accessor,
                format!("secret-id of {}", self.name),
            );
            fact.location = Some(answer.location);
            fact.created = time(data, "creation_time");
            fact.rotated = Moment::or_unknown(fact.created);
            fact.expires = match data.get("expiration_time") {
                Some(Json::String(text)) if text.starts_with("0001-") => Moment::Never,
                Some(_) => Moment::or_unknown(time(data, "expiration_time")),
                None => Moment::Unknown,
            };
            let attrs = &mut fact.attrs;
            attrs.set_some(
                "num_uses",
                number(data, "secret_id_num_uses").filter(|uses| *uses > 0),
            );
            attrs.set(
                "bound_cidrs",
                strings(data, "cidr_list").len() + strings(data, "token_bound_cidrs").len(),
            );
            build.credential(fact);
        }
    }

    fn trust(&self, target: IdentityRef, kind: TrustKind, trustee: &str) -> Trust {
        let mut trust = Trust::new(System::Vault, self.space.tenant, target, kind, trustee);
        trust.location = Some(self.answer.location);
        trust.attrs.set("method", self.mount.kind.as_str());
        trust.attrs.set("mount", self.mount.path.as_str());
        trust
    }

    fn trusts(&self, build: &Builder, target: IdentityRef, shape: Entry) -> Vec<Trust> {
        let config = self
            .space
            .get(&format!("{}/config", self.mount.path))
            .map(|answer| &answer.data);
        let data = &self.answer.data;
        let id = build.facts().identity(target).id;
        match self.mount.kind.as_str() {
            "kubernetes" => claims::kubernetes(data, config, |trustee| {
                self.trust(target, TrustKind::ServiceAccount, trustee)
            }),
            "jwt" | "oidc" => vec![claims::jwt(
                data,
                config,
                self.trust(
                    target,
                    TrustKind::Oidc,
                    &format!("{} of {}", self.name, self.mount.path),
                ),
            )],
            "aws" => claims::aws(data, |trustee| {
                self.trust(target, TrustKind::Identity, trustee)
            }),
            "approle" => {
                let mut trust =
                    self.trust(target, TrustKind::SharedSecret, "whoever holds a secret-id");
                if flag(data, "bind_secret_id") == Some(false) {
                    trust.kind = TrustKind::Anyone;
                    trust.trustee = Sym::new("whoever knows the role-id");
                    let cidrs = strings(data, "token_bound_cidrs").len()
                        + strings(data, "secret_id_bound_cidrs").len();
                    trust.attrs.set("open", cidrs == 0);
                }
                vec![trust]
            }
            "cert" => vec![claims::cert(
                data,
                self.trust(target, TrustKind::SharedSecret, "holders of certificates"),
            )],
            _ if shape == Entry::Group => {
                vec![self.trust(
                    target,
                    TrustKind::Tenant,
                    &format!("members of {}", self.name),
                )]
            }
            _ => vec![self.trust(
                target,
                TrustKind::SharedSecret,
                &format!("password of {id}"),
            )],
        }
    }
}

/// Groups everybody is in.
fn is_broad(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("cn=").unwrap_or(&name);
    let name = name.split(',').next().unwrap_or(name).trim();
    matches!(
        name,
        "domain users"
            | "authenticated users"
            | "everyone"
            | "users"
            | "all"
            | "all-staff"
            | "staff"
            | "employees"
            | "all-employees"
    )
}

#[cfg(test)]
mod tests {
    use super::is_broad;

    #[test]
    fn broad_groups() {
        assert!(is_broad("Domain Users") && is_broad("CN=Everyone,OU=x") && is_broad("employees"));
        assert!(!is_broad("sre"));
    }
}
