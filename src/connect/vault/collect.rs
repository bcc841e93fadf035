//! The walk through a server, namespace by namespace.

mod ask;
mod tally;

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::calls::{self, Call};
use super::client::Client;
use crate::connect::{ConnectError, Session};
use crate::model::{Coverage, Seen, Sym, System};
use crate::snapshot::Source;
use ask::{Found, encode, names};
use tally::Tally;

/// Folders of secrets or leases walked in one mount; more is a gap.
const MAX_FOLDERS: usize = 20_000;
/// Namespaces walked; more are a gap.
const MAX_NAMESPACES: usize = 1_000;

pub(super) struct Walk<'a> {
    pub(super) client: &'a Client<'a>,
    pub(super) session: Session<'a>,
    /// Name of the vault: its cluster, or its host.
    pub(super) vault: Sym,
    pub(super) directory: String,
    /// Whether lists are asked for in pages.
    pub(super) pages: bool,
}

/// One namespace under way.
struct Place<'w> {
    walk: &'w Walk<'w>,
    /// `""`, or a path that ends in `/`.
    namespace: String,
    directory: String,
    kinds: BTreeMap<&'static str, Tally>,
}

impl Walk<'_> {
    /// Reads `namespace` and those below it.
    pub(super) async fn run(&self, namespace: &str, health: &Json) -> Result<(), ConnectError> {
        let mut waiting = vec![namespace.to_owned()];
        let mut done = 0;
        while let Some(namespace) = waiting.pop() {
            done += 1;
            if done > MAX_NAMESPACES {
                self.session
                    .store
                    .source(left_out(self.vault, &self.directory, waiting.len() + 1));
                break;
            }
            let shown = if namespace.is_empty() {
                "root"
            } else {
                &namespace
            };
            self.session
                .progress
                .say("vault", &format!("namespace {shown}"));
            waiting.extend(self.namespace(&namespace, health).await?);
        }
        Ok(())
    }

    async fn namespace(&self, namespace: &str, health: &Json) -> Result<Vec<String>, ConnectError> {
        let bare = namespace.trim_end_matches('/');
        let directory = if bare.is_empty() {
            self.directory.clone()
        } else {
            format!("{}/namespaces/{}", self.directory, encode(bare))
        };
        let mut place = Place {
            walk: self,
            namespace: namespace.to_owned(),
            directory,
            kinds: BTreeMap::new(),
        };
        place.keep("sys/health.json", health.to_string().into_bytes())?;
        let children = place.everything().await?;
        place.finish();
        Ok(children)
    }
}

/// What is said of namespaces that were not walked.
fn left_out(vault: Sym, directory: &str, count: usize) -> Source {
    let kind = calls::NAMESPACES.kind;
    let reason = format!(
        "{count} namespaces or more were not read: over {MAX_NAMESPACES} are not walked in one scan"
    );
    let gap = Coverage::lacking(System::Vault, vault, kind, Seen::Partial, reason);
    Source {
        system: System::Vault,
        tenant: vault,
        directory: directory.to_owned(),
        coverage: vec![gap.remedy("scan the namespaces below by themselves (VAULT_NAMESPACE)")],
    }
}

impl Place<'_> {
    async fn everything(&mut self) -> Result<Vec<String>, ConnectError> {
        let auth = self.one(&calls::AUTH, "sys/auth").await?;
        let mounts = self.one(&calls::MOUNTS, "sys/mounts").await?;
        self.one(&calls::AUDIT, "sys/audit").await?;
        self.policies().await?;
        self.tokens().await?;
        self.entries(&calls::TOKEN_ROLES, &calls::TOKEN_ROLE, "")
            .await?;
        self.seen("vault.secret-id", 0);
        for (mount, kind) in table(auth.as_ref()) {
            self.auth(&mount, &kind).await?;
        }
        for (list, read, path) in [
            (&calls::ENTITIES, &calls::ENTITY, "identity/entity/id"),
            (&calls::GROUPS, &calls::GROUP, "identity/group/id"),
        ] {
            let ids = self.list(list, path).await?;
            let requests = ids.iter().map(|id| (read.at("", id), None)).collect();
            let answers = self.many(read, requests).await;
            self.lines(path, &answers, false)?;
        }
        self.entries(&calls::ENFORCEMENTS, &calls::ENFORCEMENT, "")
            .await?;
        for (list, read) in calls::SERVER_LISTS {
            self.entries(list, read, "").await?;
        }
        self.one(&calls::QUOTA_CONFIG, "sys/quotas/config").await?;
        self.one(&calls::PLUGINS, "sys/plugins/catalog").await?;
        self.seen("vault.secret", 0);
        self.seen("vault.lease", 0);
        let engines = table(mounts.as_ref());
        for (mount, kind) in &engines {
            self.engine(mount, kind).await?;
        }
        self.leases(&engines).await?;
        let children = self.list(&calls::NAMESPACES, "sys/namespaces").await?;
        Ok(children
            .into_iter()
            .map(|child| format!("{}{}/", self.namespace, child.trim_matches('/')))
            .collect())
    }

    async fn policies(&mut self) -> Result<(), ConnectError> {
        let names = self.list(&calls::POLICIES, "sys/policies/acl").await?;
        let requests = names
            .iter()
            .filter(|name| *name != "root")
            .map(|name| (calls::POLICY.at("", name), None))
            .collect();
        for (path, answer) in self.many(&calls::POLICY, requests).await {
            let text = answer["data"]["policy"].as_str().unwrap_or_default();
            let name = path.strip_prefix("sys/policies/acl/").unwrap_or(&path);
            // What `vault policy read` prints, so that findings point at its lines.
            let place = format!("sys/policies/acl/{}.hcl", encode(name));
            self.keep(&place, text.as_bytes().to_vec())?;
        }
        Ok(())
    }

    async fn tokens(&mut self) -> Result<(), ConnectError> {
        let accessors = self.list(&calls::ACCESSORS, "auth/token/accessors").await?;
        let requests = accessors
            .iter()
            .map(|accessor| {
                (
                    calls::TOKEN.path.to_owned(),
                    Some(json!({"accessor": accessor})),
                )
            })
            .collect();
        let mut answers = self.many(&calls::TOKEN, requests).await;
        for (_, answer) in &mut answers {
            answer["data"]["id"] = Json::String(String::new());
        }
        self.lines(calls::TOKEN.path, &answers, false)
    }

    async fn auth(&mut self, mount: &str, kind: &str) -> Result<(), ConnectError> {
        self.one(&calls::AUTH_TUNE, &calls::AUTH_TUNE.at(mount, ""))
            .await?;
        if matches!(
            kind,
            "kubernetes" | "jwt" | "oidc" | "ldap" | "github" | "radius" | "okta"
        ) {
            self.one(&calls::AUTH_CONFIG, &calls::AUTH_CONFIG.at(mount, ""))
                .await?;
        }
        if kind == "aws" {
            self.one(&calls::AUTH_CLIENT, &calls::AUTH_CLIENT.at(mount, ""))
                .await?;
        }
        for (kinds, list, read) in calls::AUTH_LISTS {
            if !kinds.contains(&kind) {
                continue;
            }
            let names = self.entries(list, read, mount).await?;
            if kind == "approle" {
                for name in names {
                    self.secret_ids(mount, &name).await?;
                }
            }
        }
        Ok(())
    }

    async fn secret_ids(&mut self, mount: &str, role: &str) -> Result<(), ConnectError> {
        let path = calls::SECRET_IDS.at(mount, role);
        let accessors = self.list(&calls::SECRET_IDS, &path).await?;
        let look_up = calls::SECRET_ID.at(mount, role);
        let requests = accessors
            .iter()
            .map(|accessor| {
                (
                    look_up.clone(),
                    Some(json!({"secret_id_accessor": accessor})),
                )
            })
            .collect();
        let answers = self.many(&calls::SECRET_ID, requests).await;
        self.lines(&path, &answers, false)
    }

    async fn engine(&mut self, mount: &str, kind: &str) -> Result<(), ConnectError> {
        for (kinds, list, read) in calls::ENGINE_LISTS {
            if kinds.contains(&kind) {
                self.entries(list, read, mount).await?;
            }
        }
        match kind {
            "aws" => {
                for call in [&calls::AWS_ROOT, &calls::AWS_LEASE] {
                    self.one(call, &call.at(mount, "")).await?;
                }
            }
            "gcp" | "azure" | "kubernetes" | "ldap" | "openldap" => {
                let call = &calls::ENGINE_CONFIG;
                self.one(call, &call.at(mount, "")).await?;
            }
            "kv2" => {
                let call = &calls::KV_CONFIG;
                self.one(call, &call.at(mount, "")).await?;
                let (_, leaves) = self.below(&calls::METADATA, mount).await?;
                let requests = leaves
                    .iter()
                    .map(|leaf| (calls::SECRET.at(mount, leaf), None))
                    .collect();
                let answers = self.many(&calls::SECRET, requests).await;
                self.seen("vault.secret", answers.len());
                self.lines(&format!("{mount}/metadata"), &answers, true)?;
            }
            _ => {}
        }
        if ["database", "aws", "pki", "ssh", "azure", "kubernetes"].contains(&kind) {
            self.one(&calls::TUNE, &calls::TUNE.at(mount, "")).await?;
        }
        Ok(())
    }

    /// Walks folders below `mount`; gives folders and leaves, relative to it.
    async fn below(
        &mut self,
        call: &Call,
        mount: &str,
    ) -> Result<(usize, Vec<String>), ConnectError> {
        let mut leaves = Vec::new();
        let mut level = vec![String::new()];
        let mut walked = 0;
        while !level.is_empty() {
            walked += level.len();
            if walked > MAX_FOLDERS {
                let why = format!("it has over {MAX_FOLDERS} folders");
                self.gap(call, &call.at(mount, ""), &why);
                break;
            }
            let requests = level
                .iter()
                .map(|folder| (call.at(mount, folder), None))
                .collect();
            let start = call.at(mount, "");
            let mut next = Vec::new();
            for (path, answer) in self.many(call, requests).await {
                let folder = path.strip_prefix(&start).unwrap_or_default();
                for name in names(&answer) {
                    let full = format!("{folder}{name}");
                    if name.ends_with('/') {
                        next.push(full)
                    } else {
                        leaves.push(full)
                    }
                }
            }
            level = next;
        }
        leaves.sort();
        Ok((walked, leaves))
    }

    async fn leases(&mut self, engines: &[(String, String)]) -> Result<(), ConnectError> {
        let mut all = Vec::new();
        for (mount, kind) in engines {
            if ![
                "database",
                "aws",
                "azure",
                "gcp",
                "kubernetes",
                "consul",
                "nomad",
                "rabbitmq",
                "ldap",
            ]
            .contains(&kind.as_str())
            {
                continue;
            }
            let call = Call {
                path: "sys/leases/lookup/{mount}/*",
                ..calls::LEASES
            };
            let (_, leaves) = self.below(&call, mount).await?;
            let requests = leaves
                .iter()
                .map(|leaf| {
                    (
                        calls::LEASE.path.to_owned(),
                        Some(json!({"lease_id": format!("{mount}/{leaf}")})),
                    )
                })
                .collect();
            all.extend(self.many(&calls::LEASE, requests).await);
        }
        self.seen("vault.lease", all.len());
        self.lines(calls::LEASE.path, &all, false)?;
        self.irrevocable().await
    }

    /// Leases the server gave up on: it could not revoke what it handed out.
    async fn irrevocable(&mut self) -> Result<(), ConnectError> {
        let call = &calls::IRREVOCABLE;
        let path = format!("{}?type=irrevocable&limit=none", call.path);
        match self.request(Method::GET, path, None).await {
            Ok(Found::Answer(answer)) => {
                let leases: Vec<(String, Json)> = irrevocable_leases(&answer["data"]["leases"])
                    .into_iter()
                    .map(|lease| (String::new(), json!({"data": lease, "lease_duration": 0})))
                    .collect();
                self.seen(call.kind, 0);
                self.keep(
                    "sys/leases-irrevocable.json",
                    answer.to_string().into_bytes(),
                )?;
                self.lines("sys/leases-irrevocable", &leases, false)?;
            }
            Ok(Found::Nothing) => self.seen(call.kind, 0),
            Ok(Found::Unoffered) => self.unoffered(call, call.path),
            Err(why) => self.gap(call, call.path, &why),
        }
        Ok(())
    }
}

/// The leases of an answer: a list, or lists by mount.
fn irrevocable_leases(leases: &Json) -> Vec<Json> {
    match leases {
        Json::Array(list) => list.clone(),
        Json::Object(mounts) => mounts
            .values()
            .filter_map(Json::as_array)
            .flatten()
            .cloned()
            .collect(),
        _ => Vec::new(),
    }
}

/// Mounts without trailing slash and their types; KV engines with their version.
fn table(answer: Option<&Json>) -> Vec<(String, String)> {
    let Some(entries) = answer.and_then(|answer| answer["data"].as_object()) else {
        return Vec::new();
    };
    let mut mounts: Vec<(String, String)> = entries
        .iter()
        .filter_map(|(path, entry)| {
            let kind = entry["type"].as_str()?;
            let kind = match (kind, entry["options"]["version"].as_str()) {
                ("kv" | "generic", Some("2")) => "kv2",
                ("kv" | "generic", _) => "kv1",
                (kind, _) => kind,
            };
            Some((path.trim_end_matches('/').to_owned(), kind.to_owned()))
        })
        .collect();
    mounts.sort();
    mounts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_beyond_the_limit_are_a_gap() {
        let said = left_out(Sym::new("lab"), "vault/lab", 3);
        assert!(said.coverage[0].is_gap());
        assert!(said.coverage[0].reason.starts_with("3 namespaces or more"));
    }
}
