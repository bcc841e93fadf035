//! What is asked, in which order. What is asked over GraphQL stands in `graph`.

use std::path::PathBuf;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::client::{Client, PAGE, Reply};
use super::throttle::TooLong;
use crate::connect::{ConnectError, Session};
use crate::model::{Coverage, Seen, Sym, System};
use crate::snapshot::github::{Asker, DocumentKind, Offered, encode, kind};
use crate::snapshot::{Source, StoreError};

/// Documents of the organisation that stand on their own.
const ORGANISATION: &[&str] = &[
    "members",
    "owners",
    "members-without-two-factor",
    "outside-collaborators",
    "outside-without-two-factor",
    "invitations",
    "failed-invitations",
    "organization-roles",
    "repository-roles",
    "installations",
    "tokens",
    "token-requests",
    "credential-authorizations",
    "hooks",
    "actions-secrets",
    "dependabot-secrets",
    "codespaces-secrets",
    "agent-secrets",
    "actions-permissions",
    "actions-workflow",
    "actions-selected",
    "actions-self-hosted",
    "actions-fork-approval",
    "actions-fork-private",
    "runners",
    "runner-groups",
    "oidc",
    "oidc-properties",
    "external-groups",
    "bypass-requests",
    "scanning-bypass-requests",
];

/// Pages of the audit log that are read at most.
const AUDIT_PAGES: usize = 20;

/// Calls that do not depend on the organisation's size, `org.json` included and the
/// audit log not.
pub fn fixed_calls(app: bool) -> usize {
    1 + ORGANISATION
        .iter()
        .filter_map(|name| kind(name))
        .filter(|kind| asked_by(kind, app))
        .count()
}

fn asked_by(kind: &DocumentKind, app: bool) -> bool {
    match kind.asker {
        Asker::Any => true,
        Asker::App => app,
        Asker::Token => !app,
    }
}

/// Why a collection ended early.
#[derive(Debug)]
pub enum Stop {
    /// A rate limit.
    Limit(TooLong),
    /// The disk.
    Store(StoreError),
    /// GitHub does not know us, or not the organisation.
    Refused(ConnectError),
}

impl From<TooLong> for Stop {
    fn from(limit: TooLong) -> Self {
        Stop::Limit(limit)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Stop::Store(error)
    }
}

/// One collection.
#[derive(Debug)]
pub struct Collector<'a> {
    /// Requests.
    pub client: &'a Client<'a>,
    /// Settings, store, progress.
    pub session: Session<'a>,
    /// The organisation.
    pub org: &'a str,
    /// An App asks.
    pub app: bool,
    /// Asking an Enterprise Server.
    pub server: bool,
    /// The organisation's plan, where told.
    pub plan: Option<String>,
    /// Directory of an interrupted collection.
    pub earlier: Option<PathBuf>,
}

/// The documents' directory.
pub fn folder(org: &str) -> String {
    format!("github/{}", encode(org))
}

impl<'a> Collector<'a> {
    /// Reads the whole organisation.
    pub async fn run(&mut self) -> Result<(), Stop> {
        self.organisation().await?;
        let this = &*self;
        let source = format!("github:{}", this.org);
        this.session.progress.say(&source, "organisation");
        this.each(ORGANISATION.iter().copied(), |name| async move {
            this.document(name, &[]).await.map(|_| ())
        })
        .await?;
        this.session.progress.say(&source, "teams and repositories");
        let repositories = this.graph_documents().await?;
        this.dependents().await?;
        this.session.progress.say(&source, "repositories");
        this.repositories(&repositories, &source).await?;
        this.session.progress.say(&source, "audit log");
        this.audit_log().await
    }

    /// Runs `ask` for each item, several at a time.
    async fn each<T, I, F, R>(&self, items: I, ask: F) -> Result<(), Stop>
    where
        I: IntoIterator<Item = T>,
        F: Fn(T) -> R,
        R: Future<Output = Result<(), Stop>>,
    {
        let width = self.session.config.github.concurrency.clamp(1, 90);
        stream::iter(items)
            .map(ask)
            .buffer_unordered(width)
            .try_collect::<()>()
            .await
    }

    async fn organisation(&mut self) -> Result<(), Stop> {
        let pages = self.document("organization", &[]).await?;
        let Some(first) = pages.first() else {
            return Ok(());
        };
        if let Some(login) = first.get("login").and_then(Value::as_str) {
            self.plan = first["plan"]["name"].as_str().map(str::to_owned);
            let same = login.eq_ignore_ascii_case(self.org);
            if !same {
                tracing::info!("organisation `{}` is called `{login}` now", self.org);
            }
            return Ok(());
        }
        Err(Stop::Refused(refused(self.org, first)))
    }

    /// Asks for a document, saves it, and gives its pages.
    async fn document(&self, name: &str, names: &[&str]) -> Result<Vec<Value>, Stop> {
        self.limited(name, names, "", Client::most_pages()).await
    }

    async fn limited(
        &self,
        name: &str,
        names: &[&str],
        query: &str,
        most: usize,
    ) -> Result<Vec<Value>, Stop> {
        let Some(kind) = kind(name) else {
            return Ok(Vec::new());
        };
        let path = format!("{}/{}", folder(self.org), kind.path(names));
        if let Some(pages) = self.earlier(&path)? {
            return Ok(pages);
        }
        if let Some(reason) = self.not_asked(kind) {
            let refusal = Reply::refusal(403, &reason);
            self.session.store.put(&path, refusal.body.into_bytes())?;
            return Ok(Vec::new());
        }
        let mut all = vec![self.org];
        all.extend_from_slice(names);
        let mut address = kind.address(&all);
        address.push_str(query);
        let single = kind.list.is_none() && is_object(kind);
        if !single {
            address.push(if address.contains('?') { '&' } else { '?' });
            address.push_str(&format!("per_page={PAGE}"));
        }
        let pages = self.pages(kind, address, most).await?;
        let values: Vec<Value> = pages
            .iter()
            .filter_map(|page| serde_json::from_str(page).ok())
            .collect();
        let text = match pages.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(",\n")),
        };
        self.session.store.put(&path, text.into_bytes())?;
        Ok(values)
    }

    /// All pages of a list; what ended it early is the last of them.
    async fn pages(
        &self,
        kind: &DocumentKind,
        first: String,
        most: usize,
    ) -> Result<Vec<String>, Stop> {
        let mut pages: Vec<String> = Vec::new();
        let mut address = first.clone();
        loop {
            let reply = self.client.get(&address).await?;
            let (ok, next, strayed) = (reply.ok(), reply.next.clone(), reply.strayed);
            let full = ok && kind.name == "credential-authorizations" && items(&reply.body) == PAGE;
            pages.push(reply.body);
            if strayed {
                let why = "the list goes on at another host, which is not followed";
                pages.push(Reply::refusal(0, why).body);
                return Ok(pages);
            }
            address = match next {
                Some(next) if ok => next,
                // This one list has pages but no `Link`.
                None if full => format!("{first}&page={}", pages.len() + 1),
                _ => return Ok(pages),
            };
            if pages.len() >= most {
                if kind.name != "audit-log" {
                    let why = format!("the list has more than {most} pages");
                    pages.push(Reply::refusal(0, &why).body);
                }
                return Ok(pages);
            }
        }
    }

    /// Why a document is not asked for: it is answered to others, or not offered here.
    fn not_asked(&self, kind: &DocumentKind) -> Option<String> {
        if !asked_by(kind, self.app) {
            return Some(match kind.asker {
                Asker::App => "not asked: GitHub answers only Apps".to_owned(),
                _ => "not asked: GitHub answers no App".to_owned(),
            });
        }
        if self.server && matches!(kind.offered, Offered::EnterpriseCloud | Offered::Cloud) {
            return Some("not asked: not available on Enterprise Server".to_owned());
        }
        let plan = self.plan.as_deref()?;
        let enterprise = matches!(kind.offered, Offered::Enterprise | Offered::EnterpriseCloud);
        (enterprise && matches!(plan, "free" | "team"))
            .then(|| format!("not asked: not available on the plan `{plan}`"))
    }

    /// A document an interrupted collection left, unless a limit cut it.
    pub(super) fn earlier(&self, path: &str) -> Result<Option<Vec<Value>>, Stop> {
        let Some(root) = &self.earlier else {
            return Ok(None);
        };
        let Ok(text) = std::fs::read(root.join(path)) else {
            return Ok(None);
        };
        let Ok(value) = serde_json::from_slice::<Value>(&text) else {
            return Ok(None);
        };
        self.session.store.put(path, text)?;
        Ok(Some(match value {
            Value::Array(pages)
                if pages
                    .first()
                    .is_some_and(|page| page.is_array() || page.get("data").is_some()) =>
            {
                pages
            }
            Value::Array(pages) if kind_is_wrapped(path) => pages,
            value => vec![value],
        }))
    }

    /// Documents that the answers of others ask for.
    async fn dependents(&self) -> Result<(), Stop> {
        let roles = self.reread("organization-roles");
        let roles: Vec<String> = members_of(&roles, "roles")
            .filter_map(|role| role["id"].as_u64())
            .map(|id| id.to_string())
            .collect();
        self.each(roles.iter(), |id| async move {
            self.document("organization-role-users", &[id]).await?;
            self.document("organization-role-teams", &[id]).await?;
            Ok(())
        })
        .await?;
        for (list, detail) in [
            ("actions-secrets", "actions-secret-repositories"),
            ("dependabot-secrets", "dependabot-secret-repositories"),
            ("agent-secrets", "agent-secret-repositories"),
        ] {
            let pages = self.reread(list);
            let selected: Vec<&str> = members_of(&pages, "secrets")
                .filter(|secret| secret["visibility"] == "selected")
                .filter_map(|secret| secret["name"].as_str())
                .collect();
            self.each(selected, |name| async move {
                self.document(detail, &[name]).await.map(|_| ())
            })
            .await?;
        }
        let groups = self.reread("runner-groups");
        let selected: Vec<String> = members_of(&groups, "runner_groups")
            .filter(|group| group["visibility"] == "selected")
            .filter_map(|group| group["id"].as_u64())
            .map(|id| id.to_string())
            .collect();
        self.each(selected.iter(), |id| async move {
            self.document("runner-group-repositories", &[id])
                .await
                .map(|_| ())
        })
        .await?;
        let groups = self.reread("external-groups");
        let ids: Vec<String> = members_of(&groups, "groups")
            .filter_map(|group| match &group["group_id"] {
                Value::String(id) => Some(id.clone()),
                Value::Number(id) => Some(id.to_string()),
                _ => None,
            })
            .collect();
        self.each(ids.iter(), |id| async move {
            self.document("external-group", &[id]).await.map(|_| ())
        })
        .await?;
        self.team_mappings(&groups).await
    }

    /// Without groups of managed users, teams may be filled by team synchronisation,
    /// which only a token can ask for, team by team.
    async fn team_mappings(&self, groups: &[Value]) -> Result<(), Stop> {
        let managed = groups.iter().any(|page| page.get("groups").is_some());
        let Some(kind) = kind("team-mappings") else {
            return Ok(());
        };
        if managed || self.not_asked(kind).is_some() {
            return Ok(());
        }
        let pages = self.reread("graph-teams");
        let slugs: Vec<&str> = pages
            .iter()
            .flat_map(|page| page["data"]["organization"]["teams"]["nodes"].as_array())
            .flatten()
            .filter_map(|team| team["slug"].as_str())
            .collect();
        self.each(slugs, |slug| async move {
            self.document("team-mappings", &[slug]).await.map(|_| ())
        })
        .await
    }

    /// The pages of a document this collection put already.
    fn reread(&self, name: &str) -> Vec<Value> {
        let Some(kind) = kind(name) else {
            return Vec::new();
        };
        let path = format!("{}/{}", folder(self.org), kind.path(&[]));
        let Some(text) = self.session.store.get(&path) else {
            return Vec::new();
        };
        match serde_json::from_slice(&text).unwrap_or_default() {
            Value::Array(pages) => pages,
            value => vec![value],
        }
    }

    async fn repositories(&self, repositories: &[Value], source: &str) -> Result<(), Stop> {
        let workflow = self.reread("actions-workflow");
        let restricted = workflow.iter().any(|answer| {
            answer["default_workflow_permissions"] == "read"
                && answer["can_approve_pull_request_reviews"] == false
        });
        let org = self.reread("organization");
        let keys_off = org
            .iter()
            .any(|org| org["deploy_keys_enabled_for_repositories"] == false);
        let total = repositories.len() as u64;
        let done = std::sync::atomic::AtomicU64::new(0);
        let done = &done;
        self.each(repositories, |repository| async move {
            self.repository(repository, restricted, keys_off).await?;
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            self.session.progress.count(source, done, total);
            Ok(())
        })
        .await
    }

    async fn repository(
        &self,
        repository: &Value,
        restricted: bool,
        keys_off: bool,
    ) -> Result<(), Stop> {
        let Some((_, name)) = repository["nameWithOwner"]
            .as_str()
            .and_then(|name| name.split_once('/'))
        else {
            return Ok(());
        };
        let archived = repository["isArchived"] == true || repository["isDisabled"] == true;
        self.document("repository-hooks", &[name]).await?;
        if !keys_off && repository["deployKeys"]["totalCount"] != 0 {
            self.document("deploy-keys", &[name]).await?;
        }
        if archived {
            return Ok(());
        }
        self.document("repository-actions-secrets", &[name]).await?;
        self.document("repository-dependabot-secrets", &[name])
            .await?;
        self.document("repository-oidc", &[name]).await?;
        if !restricted {
            self.document("repository-workflow", &[name]).await?;
        }
        if self.session.config.github.codespaces {
            self.document("repository-codespaces-secrets", &[name])
                .await?;
        }
        if repository["environments"]["totalCount"] == 0 {
            return Ok(());
        }
        let pages = self.document("environments", &[name]).await?;
        for environment in members_of(&pages, "environments") {
            let Some(environment_name) = environment["name"].as_str() else {
                continue;
            };
            self.document("environment-secrets", &[name, environment_name])
                .await?;
            if environment["deployment_branch_policy"]["custom_branch_policies"] == true {
                self.document("environment-branches", &[name, environment_name])
                    .await?;
            }
        }
        Ok(())
    }

    async fn audit_log(&self) -> Result<(), Stop> {
        let back = self.session.config.github.audit_log;
        if back.is_zero() {
            return Ok(());
        }
        let since = jiff::Timestamp::now().checked_sub(back).unwrap_or_default();
        let day = since.to_string();
        let day = day.split('T').next().unwrap_or_default();
        let query = format!("&phrase=created:%3E%3D{day}");
        self.limited("audit-log", &[], &query, AUDIT_PAGES)
            .await
            .map(|_| ())
    }

    /// Declares the source, with why it ended early if it did.
    pub fn declare(&self, stopped: Option<&TooLong>) {
        let tenant = Sym::new(self.org);
        let coverage = stopped.map(|limit| {
            Coverage::lacking(
                System::Github,
                tenant,
                "github.collection",
                Seen::Partial,
                format!("a {} asks to wait {} seconds", limit.why, limit.seconds),
            )
            .remedy(
                "run `tenure collect` again into the same directory: it goes on where it stopped",
            )
        });
        self.session.store.source(Source {
            system: System::Github,
            tenant,
            directory: folder(self.org),
            coverage: coverage.into_iter().collect(),
        });
    }
}

/// Whether the endpoint answers one object that is no list.
fn is_object(kind: &DocumentKind) -> bool {
    matches!(
        kind.name,
        "organization"
            | "external-group"
            | "actions-permissions"
            | "actions-workflow"
            | "actions-selected"
            | "actions-self-hosted"
            | "actions-fork-approval"
            | "actions-fork-private"
            | "oidc"
            | "repository-oidc"
            | "repository-workflow"
    )
}

fn kind_is_wrapped(path: &str) -> bool {
    crate::snapshot::github::place(path)
        .and_then(|place| crate::snapshot::github::DOCUMENTS.get(place.kind))
        .is_some_and(|kind| kind.list.is_some() || kind.endpoint == "graphql")
}

/// Items of an array answer.
fn items(body: &str) -> usize {
    serde_json::from_str::<Vec<serde::de::IgnoredAny>>(body).map_or(0, |list| list.len())
}

/// The items of wrapped lists.
fn members_of<'v>(pages: &'v [Value], list: &'v str) -> impl Iterator<Item = &'v Value> {
    pages
        .iter()
        .filter_map(move |page| page.get(list)?.as_array())
        .flatten()
}

/// Why the organisation itself was refused.
pub fn refused(org: &str, answer: &Value) -> ConnectError {
    let message = answer["message"].as_str().unwrap_or_default();
    let status = answer["status"].as_str().unwrap_or_default();
    let lower = message.to_lowercase();
    let (message, help) = if lower.contains("saml") || lower.contains("sso") {
        (
            format!("the token is not authorised for the single sign-on of `{org}`"),
            "authorise it: https://github.com/settings/tokens > Configure SSO".to_owned(),
        )
    } else {
        match status {
            "401" => (
                format!("GitHub refused the credential (401 {message})"),
                "the token is expired, revoked or mistyped: make a new one and set GITHUB_TOKEN".to_owned(),
            ),
            "404" => (
                format!("there is no organisation `{org}`, or this credential may not see it (404)"),
                "check the spelling; a classic token needs read:org, a fine-grained one the organisation as resource owner".to_owned(),
            ),
            "403" => (
                format!("this credential may not read `{org}` (403 {message})"),
                "see `tenure permissions github`".to_owned(),
            ),
            "0" => (
                format!("nothing answers: {message}"),
                "check the network, a proxy, and `github.base_url`".to_owned(),
            ),
            status => (
                format!("GitHub answered {status} {message}"),
                "try again later, and check `github.base_url`".to_owned(),
            ),
        }
    };
    if status == "0" || status == "200" {
        ConnectError::Unreachable {
            system: System::Github,
            message: message.into(),
            help: help.into(),
        }
    } else {
        ConnectError::Credentials {
            system: System::Github,
            message: message.into(),
            help: help.into(),
        }
    }
}
