//! The walk through a server, namespace by namespace.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::calls::{self, Call, Verb};
use super::client::{Client, Reply};
use crate::connect::{ConnectError, Session};
use crate::model::{Coverage, Seen, Sym, System};
use crate::snapshot::Source;

/// Requests under way at the same time.
const CONCURRENCY: usize = 8;
/// Folders of secrets or leases walked in one mount; more is a gap.
const MAX_FOLDERS: usize = 20_000;
/// Namespaces walked.
const MAX_NAMESPACES: usize = 1_000;
/// Names asked for at once, where lists come in pages.
const PAGE: usize = 1_000;
/// Pages of one list; more is a gap.
const MAX_PAGES: usize = 10_000;
/// Members that could hold a secret; emptied before anything is kept.
const SECRETS: &[&str] = &[
    "bindpass",
    "client_secret",
    "oidc_client_secret",
    "password",
    "private_key",
    "secret_key",
    "secret_id",
    "token",
    "token_reviewer_jwt",
    "client_token",
    "credentials",
    "api_token",
    "service_account_jwt",
    "private_key_pem",
    "integration_key",
];
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

pub(super) struct Walk<'a> {
    pub(super) client: &'a Client<'a>,
    pub(super) session: Session<'a>,
    /// Name of the vault: its cluster, or its host.
    pub(super) vault: Sym,
    pub(super) directory: String,
    /// Whether lists are asked for in pages.
    pub(super) pages: bool,
}

/// What came of one question.
enum Found {
    /// An answer, without secrets.
    Answer(Json),
    /// Nothing of that name, or an empty list.
    Nothing,
    /// The server does not offer it: another edition or version.
    Unoffered,
}

impl Found {
    fn answer(self) -> Option<Json> {
        match self {
            Found::Answer(answer) => Some(answer),
            Found::Nothing | Found::Unoffered => None,
        }
    }
}

/// One namespace under way.
struct Place<'w> {
    walk: &'w Walk<'w>,
    /// `""`, or a path that ends in `/`.
    namespace: String,
    directory: String,
    kinds: BTreeMap<&'static str, Tally>,
}

/// How the calls for one kind of fact fared.
struct Tally {
    seen: Seen,
    items: u64,
    reasons: Vec<String>,
    /// What the server does not offer, where it offers nothing of the kind.
    unoffered: Vec<String>,
    answered: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            seen: Seen::Complete,
            items: 0,
            reasons: Vec::new(),
            unoffered: Vec::new(),
            answered: false,
        }
    }
}

impl Walk<'_> {
    /// Reads `namespace` and those below it.
    pub(super) async fn run(&self, namespace: &str, health: &Json) -> Result<(), ConnectError> {
        let mut waiting = vec![namespace.to_owned()];
        let mut done = 0;
        while let Some(namespace) = waiting.pop() {
            done += 1;
            if done > MAX_NAMESPACES {
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

/// A path segment as a file name.
fn encode(segment: &str) -> String {
    match segment {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => utf8_percent_encode(segment, SEGMENT).to_string(),
    }
}

fn file(path: &str) -> String {
    path.split('/')
        .filter(|part| !part.is_empty())
        .map(encode)
        .collect::<Vec<_>>()
        .join("/")
}

/// Empties members that could hold a secret.
fn scrub(value: &mut Json) {
    match value {
        Json::Object(members) => {
            for (name, value) in members {
                if SECRETS.contains(&name.as_str()) && value.is_string() {
                    *value = Json::String(String::new());
                } else {
                    scrub(value);
                }
            }
        }
        Json::Array(list) => list.iter_mut().for_each(scrub),
        _ => {}
    }
}

fn names(answer: &Json) -> Vec<String> {
    answer["data"]["keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|key| key.as_str().map(str::to_owned))
        .collect()
}

impl Place<'_> {
    fn keep(&self, path: &str, text: Vec<u8>) -> Result<(), ConnectError> {
        let path = format!("{}/{path}", self.directory);
        Ok(self.walk.session.store.put(&path, text)?)
    }

    fn seen(&mut self, kind: &'static str, items: usize) {
        let tally = self.kinds.entry(kind).or_default();
        tally.items += items as u64;
        tally.answered = true;
    }

    fn gap(&mut self, call: &Call, path: &str, why: &str) {
        let tally = self.kinds.entry(call.kind).or_default();
        tally.seen = Seen::Partial;
        let words = format!("`{path}` was not read: {why}");
        if tally.reasons.len() < 5 && !tally.reasons.contains(&words) {
            tally.reasons.push(words);
        }
    }

    /// Notes what the server has no such thing of.
    fn unoffered(&mut self, call: &Call, path: &str) {
        let tally = self.kinds.entry(call.kind).or_default();
        tally.unoffered.push(format!("`{path}`"));
    }

    /// Asks; an answer comes without secrets.
    async fn ask(&self, call: &Call, path: &str, body: Option<&Json>) -> Result<Found, String> {
        match call.verb {
            Verb::Read => self.request(Method::GET, url(path), body).await,
            Verb::LookUp => self.request(Method::POST, url(path), body).await,
            Verb::List if self.walk.pages => self.pages(path).await,
            Verb::List => {
                let path = format!("{}?list=true", url(path));
                self.request(Method::GET, path, body).await
            }
        }
    }

    /// A list, page by page. Lists that come whole whatever is asked for end by
    /// bringing nothing new.
    async fn pages(&self, path: &str) -> Result<Found, String> {
        let mut all: Option<Json> = None;
        let mut known = BTreeSet::new();
        let mut after = String::new();
        for _ in 0..MAX_PAGES {
            let from = match after.is_empty() {
                true => String::new(),
                false => format!("&after={}", encode_query(&after)),
            };
            let page = format!("{}?list=true&limit={PAGE}{from}", url(path));
            let answer = match self.request(Method::GET, page, None).await? {
                Found::Answer(answer) => answer,
                // Behind the last page there is nothing.
                nothing => return Ok(all.map_or(nothing, Found::Answer)),
            };
            let names = names(&answer);
            let fresh: Vec<Json> = names
                .iter()
                .filter(|name| known.insert((*name).clone()))
                .map(|name| Json::String(name.clone()))
                .collect();
            let more = names.len() == PAGE && !fresh.is_empty();
            after = names.last().cloned().unwrap_or_default();
            match &mut all {
                None => all = Some(answer),
                Some(all) => {
                    if let Some(keys) = all["data"]["keys"].as_array_mut() {
                        keys.extend(fresh);
                    }
                }
            }
            if !more {
                return Ok(all.map_or(Found::Nothing, Found::Answer));
            }
        }
        Err(format!("the list has over {MAX_PAGES} pages"))
    }

    async fn request(
        &self,
        method: Method,
        path: String,
        body: Option<&Json>,
    ) -> Result<Found, String> {
        match self
            .walk
            .client
            .request(method, &path, &self.namespace, body)
            .await
        {
            Reply::Text(text) => match serde_json::from_slice::<Json>(&text) {
                Ok(mut answer) => {
                    scrub(&mut answer);
                    Ok(Found::Answer(answer))
                }
                Err(error) => Err(format!("the answer is not JSON: {error}")),
            },
            Reply::Absent => Ok(Found::Nothing),
            Reply::Unoffered => Ok(Found::Unoffered),
            Reply::Failed(why) => Err(why),
        }
    }

    /// Reads one thing and keeps it under its own path.
    async fn one(&mut self, call: &Call, path: &str) -> Result<Option<Json>, ConnectError> {
        match self.ask(call, path, None).await {
            Ok(found) => {
                if matches!(found, Found::Unoffered) {
                    self.unoffered(call, path);
                    return Ok(None);
                }
                let answer = found.answer();
                self.seen(call.kind, usize::from(answer.is_some()));
                if let Some(answer) = &answer {
                    self.keep(
                        &format!("{}.json", file(path)),
                        answer.to_string().into_bytes(),
                    )?;
                }
                Ok(answer)
            }
            Err(why) => {
                self.gap(call, path, &why);
                Ok(None)
            }
        }
    }

    /// Lists names and keeps the list, an empty one too.
    async fn list(&mut self, call: &Call, path: &str) -> Result<Vec<String>, ConnectError> {
        match self.ask(call, path, None).await {
            Ok(Found::Unoffered) => {
                self.unoffered(call, path);
                Ok(Vec::new())
            }
            Ok(found) => {
                let answer = found
                    .answer()
                    .unwrap_or_else(|| json!({"data": {"keys": []}, "lease_duration": 0}));
                let names = names(&answer);
                self.seen(call.kind, names.len());
                self.keep(
                    &format!("{}.json", file(path)),
                    answer.to_string().into_bytes(),
                )?;
                Ok(names)
            }
            Err(why) => {
                self.gap(call, path, &why);
                Ok(Vec::new())
            }
        }
    }

    /// Asks many times, a few at once, and gives the answers in order.
    async fn many(
        &mut self,
        call: &Call,
        requests: Vec<(String, Option<Json>)>,
    ) -> Vec<(String, Json)> {
        let total = requests.len() as u64;
        let this = &*self;
        let answers: Vec<(String, Result<Found, String>)> = stream::iter(requests)
            .map(|(path, body)| async move {
                let answer = this.ask(call, &path, body.as_ref()).await;
                (path, answer)
            })
            .buffered(CONCURRENCY)
            .collect()
            .await;
        self.walk.session.progress.count("vault", total, total);
        let mut found = Vec::new();
        for (path, answer) in answers {
            match answer {
                Ok(Found::Answer(answer)) => found.push((path, answer)),
                // Gone since it was listed.
                Ok(Found::Nothing | Found::Unoffered) => {}
                Err(why) => self.gap(call, &path, &why),
            }
        }
        found
    }

    /// Lists, reads every entry, one file each.
    async fn entries(
        &mut self,
        list: &Call,
        read: &Call,
        mount: &str,
    ) -> Result<Vec<String>, ConnectError> {
        let names = self.list(list, &list.at(mount, "")).await?;
        let requests = names
            .iter()
            .filter(|name| !name.ends_with('/'))
            .map(|name| (read.at(mount, name), None))
            .collect();
        // Entries lie below the list they came from, whatever path reads them.
        let single = read.at(mount, "");
        let folder = match single.starts_with(&format!("{}/", list.at(mount, ""))) {
            true => list.at(mount, ""),
            false => single,
        };
        for (path, answer) in self.many(read, requests).await {
            let name = path
                .strip_prefix(folder.trim_end_matches('/'))
                .unwrap_or(&path);
            let place = format!("{}/{}", file(&folder), encode(name.trim_start_matches('/')));
            self.keep(&format!("{place}.json"), answer.to_string().into_bytes())?;
        }
        Ok(names)
    }

    /// Keeps answers as lines of one file.
    fn lines(
        &self,
        path: &str,
        answers: &[(String, Json)],
        named: bool,
    ) -> Result<(), ConnectError> {
        let mut text = Vec::new();
        for (about, answer) in answers {
            let mut line = answer.clone();
            if named && let Some(members) = line.as_object_mut() {
                members.insert("path".to_owned(), Json::String(about.clone()));
            }
            text.extend(line.to_string().into_bytes());
            text.push(b'\n');
        }
        if text.is_empty() {
            return Ok(());
        }
        self.keep(&format!("{}.jsonl", file(path)), text)
    }

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

    fn finish(self) {
        let tenant = if self.namespace.is_empty() {
            self.walk.vault
        } else {
            Sym::new(&format!(
                "{}/{}",
                self.walk.vault,
                self.namespace.trim_end_matches('/')
            ))
        };
        let coverage = self
            .kinds
            .into_iter()
            .map(|(kind, tally)| {
                let items = tally.items;
                let lacking =
                    |seen, reason| Coverage::lacking(System::Vault, tenant, kind, seen, reason);
                if tally.seen == Seen::Complete && !tally.answered && !tally.unoffered.is_empty() {
                    // What this edition does not have cannot be missing.
                    let reason =
                        format!("the server does not offer {}", tally.unoffered.join(", "));
                    return lacking(Seen::None, reason).optional();
                }
                if tally.seen == Seen::Complete {
                    return Coverage::complete(System::Vault, tenant, kind, items as usize);
                }
                let seen = if items == 0 {
                    Seen::None
                } else {
                    Seen::Partial
                };
                let mut gap = lacking(seen, tally.reasons.join("; "));
                gap.items = items;
                gap.required = !OPTIONAL.contains(&kind);
                gap.remedy("give the token the policy of `tenure permissions vault`")
            })
            .collect();
        self.walk.session.store.source(Source {
            system: System::Vault,
            tenant,
            directory: self.directory,
            coverage,
        });
    }
}

/// Kinds no verdict depends on.
const OPTIONAL: &[&str] = &[
    "vault.governance",
    "vault.oidc",
    "vault.password-policy",
    "vault.plugin",
    "vault.quota",
];

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

fn encode_query(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

fn url(path: &str) -> String {
    let slash = if path.ends_with('/') { "/" } else { "" };
    format!("{}{slash}", file(path))
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
    fn secrets_are_emptied_and_names_kept_apart() {
        let mut answer =
            json!({"data": {"bindpass": "x", "access_key": "AKIA", "list": [{"secret_key": "y"}]}});
        scrub(&mut answer);
        assert_eq!(
            answer,
            json!({"data": {"bindpass": "", "access_key": "AKIA", "list": [{"secret_key": ""}]}})
        );
        assert_eq!(file("auth/a b/role/../x"), "auth/a%20b/role/%2E%2E/x");
    }
}
