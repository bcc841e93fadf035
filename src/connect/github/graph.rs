//! What is asked over GraphQL: lists of lists, page by page.

use serde_json::{Value, json};

use super::client::{Client, PAGE};
use super::collect::{Collector, Stop, folder};
use super::queries;
use crate::snapshot::StoreError;
use crate::snapshot::github::kind;

impl Collector<'_> {
    /// Teams, repositories, rulesets and their details; gives the repositories.
    pub(super) async fn graph_documents(&self) -> Result<Vec<Value>, Stop> {
        self.graph_list(
            "graph-enterprise",
            queries::ENTERPRISE,
            &["samlIdentityProvider", "externalIdentities"],
            PAGE,
        )
        .await?;
        self.graph_teams().await?;
        self.graph_list("graph-rulesets", queries::RULESETS, &["rulesets"], 50)
            .await?;
        let pages = self.graph_repositories().await?;
        // A repository comes again with the rest of its lists.
        let nodes = || {
            pages
                .iter()
                .filter_map(|page| page["data"]["organization"]["repositories"]["nodes"].as_array())
                .flatten()
        };
        let repositories: Vec<Value> = nodes()
            .filter(|node| node.get("deployKeys").is_some())
            .cloned()
            .collect();
        let ids = |of: &str| -> Vec<String> {
            nodes()
                .filter_map(|repository| repository[of]["nodes"].as_array())
                .flatten()
                .filter_map(|node| node["id"].as_str().map(str::to_owned))
                .collect()
        };
        self.graph_details(
            "graph-ruleset-details",
            queries::RULESET_DETAILS,
            &ids("rulesets"),
        )
        .await?;
        self.graph_details(
            "graph-protection-details",
            queries::PROTECTION_DETAILS,
            &ids("branchProtectionRules"),
        )
        .await?;
        Ok(repositories)
    }

    /// All pages of one list of the organisation, saved.
    async fn graph_list(
        &self,
        name: &str,
        query: &str,
        list: &[&str],
        first: usize,
    ) -> Result<Vec<Value>, Stop> {
        let Some(path) = self.graph_path(name) else {
            return Ok(Vec::new());
        };
        if let Some(pages) = self.earlier(&path)? {
            return Ok(pages);
        }
        let pages = self
            .graph_pages(query, json!({"org": self.org}), list, first)
            .await?;
        self.graph_put(&path, &pages)?;
        Ok(pages)
    }

    /// Asks page after page. Where GitHub breaks off under the load of a page, smaller
    /// ones are asked for.
    async fn graph_pages(
        &self,
        query: &str,
        variables: Value,
        list: &[&str],
        first: usize,
    ) -> Result<Vec<Value>, Stop> {
        let mut pages = Vec::new();
        let mut first = first;
        let mut after = Value::Null;
        loop {
            let mut variables = variables.clone();
            variables["first"] = json!(first);
            variables["after"] = after.clone();
            let reply = self.client.graph(query, &variables).await?;
            if matches!(reply.status, 0 | 500..) && first > 5 {
                first /= 2;
                continue;
            }
            let page: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            let at = list
                .iter()
                .fold(&page["data"]["organization"], |value, key| &value[*key]);
            let info = &at["pageInfo"];
            let next = (info["hasNextPage"] == true).then(|| info["endCursor"].clone());
            pages.push(page);
            match next {
                Some(cursor) if cursor.is_string() && cursor != after => after = cursor,
                _ => return Ok(pages),
            }
            if pages.len() >= Client::most_pages() {
                return Ok(pages);
            }
        }
    }

    async fn graph_teams(&self) -> Result<(), Stop> {
        let Some(path) = self.graph_path("graph-teams") else {
            return Ok(());
        };
        if self.earlier(&path)?.is_some() {
            return Ok(());
        }
        let variables = json!({"org": self.org});
        let mut pages = self
            .graph_pages(queries::TEAMS, variables, &["teams"], queries::TEAMS_PAGE)
            .await?;
        let mut rest = Vec::new();
        for team in pages
            .iter()
            .filter_map(|page| page["data"]["organization"]["teams"]["nodes"].as_array())
            .flatten()
        {
            for (list, query) in [
                ("members", queries::TEAM_MEMBERS),
                ("repositories", queries::TEAM_REPOSITORIES),
            ] {
                let info = &team[list]["pageInfo"];
                if info["hasNextPage"] == true {
                    let variables = json!({"org": self.org, "slug": team["slug"]});
                    let more = self
                        .graph_rest(query, variables, &["team", list], &info["endCursor"])
                        .await?;
                    rest.extend(more.into_iter().map(|page| as_list(page, "team", "teams")));
                }
            }
        }
        pages.extend(rest);
        self.graph_put(&path, &pages)?;
        Ok(())
    }

    async fn graph_repositories(&self) -> Result<Vec<Value>, Stop> {
        let Some(path) = self.graph_path("graph-repositories") else {
            return Ok(Vec::new());
        };
        if let Some(pages) = self.earlier(&path)? {
            return Ok(pages);
        }
        let variables = json!({"org": self.org});
        let mut pages = self
            .graph_pages(
                queries::REPOSITORIES,
                variables,
                &["repositories"],
                queries::REPOSITORIES_PAGE,
            )
            .await?;
        let mut rest = Vec::new();
        for repository in pages
            .iter()
            .filter_map(|page| page["data"]["organization"]["repositories"]["nodes"].as_array())
            .flatten()
        {
            let name = repository["nameWithOwner"]
                .as_str()
                .and_then(|name| name.split_once('/'));
            for (list, query) in queries::REPOSITORY_LISTS {
                let info = &repository[*list]["pageInfo"];
                if info["hasNextPage"] == true {
                    let variables = json!({"org": self.org, "name": name.map(|name| name.1)});
                    let list = ["repository", list];
                    let more = self
                        .graph_rest(query, variables, &list, &info["endCursor"])
                        .await?;
                    rest.extend(
                        more.into_iter()
                            .map(|page| as_list(page, "repository", "repositories")),
                    );
                }
            }
        }
        pages.extend(rest);
        self.graph_put(&path, &pages)?;
        Ok(pages)
    }

    /// The pages of a list after `cursor`.
    async fn graph_rest(
        &self,
        query: &str,
        variables: Value,
        list: &[&str],
        cursor: &Value,
    ) -> Result<Vec<Value>, Stop> {
        let mut pages = Vec::new();
        let mut after = cursor.clone();
        loop {
            let mut variables = variables.clone();
            variables["first"] = json!(PAGE);
            variables["after"] = after.clone();
            let reply = self.client.graph(query, &variables).await?;
            let page: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            let at = list
                .iter()
                .fold(&page["data"]["organization"], |value, key| &value[*key]);
            let info = at["pageInfo"].clone();
            pages.push(page);
            let next = &info["endCursor"];
            if info["hasNextPage"] != true
                || !next.is_string()
                || *next == after
                || pages.len() >= Client::most_pages()
            {
                return Ok(pages);
            }
            after = next.clone();
        }
    }

    async fn graph_details(&self, name: &str, query: &str, ids: &[String]) -> Result<(), Stop> {
        let Some(path) = self.graph_path(name) else {
            return Ok(());
        };
        if ids.is_empty() || self.earlier(&path)?.is_some() {
            return Ok(());
        }
        let mut pages = Vec::new();
        for ids in ids.chunks(queries::DETAILS_PAGE) {
            let reply = self.client.graph(query, &json!({"ids": ids})).await?;
            pages.push(serde_json::from_str(&reply.body).unwrap_or_default());
        }
        self.graph_put(&path, &pages)?;
        Ok(())
    }

    fn graph_path(&self, name: &str) -> Option<String> {
        Some(format!("{}/{}", folder(self.org), kind(name)?.path(&[])))
    }

    fn graph_put(&self, path: &str, pages: &[Value]) -> Result<(), StoreError> {
        let texts: Vec<String> = pages.iter().map(Value::to_string).collect();
        let text = format!("[{}]\n", texts.join(",\n"));
        self.session.store.put(path, text.into_bytes())
    }
}

/// A page about one node, in the form of a page about a list of such nodes.
fn as_list(mut page: Value, one: &str, many: &str) -> Value {
    let node = page["data"]["organization"][one].take();
    if node.is_object()
        && let Some(org) = page["data"]["organization"].as_object_mut()
    {
        org.remove(one);
        org.insert(many.to_owned(), json!({"nodes": [node]}));
    }
    page
}
