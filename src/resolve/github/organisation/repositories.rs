//! Repositories, who has direct access to them, and the rules on their branches.

use std::collections::BTreeMap;

use super::rest::{from_rest, from_rest_protection, from_rest_ruleset};
use super::{Organisation, Repository};
use crate::model::Location;
use crate::resolve::github::answer::{self, Account};
use crate::resolve::github::brokers::POLICY;
use crate::resolve::github::cut;
use crate::resolve::github::gaps::{Gaps, Why};
use crate::resolve::github::graph;
use crate::resolve::github::read::Files;
use crate::resolve::github::role::Role;
use crate::snapshot::github::kind;

impl Organisation {
    pub(super) fn read_repositories(&mut self, files: &Files<'_>, gaps: &mut Gaps) {
        let pages = files.graph("graph-repositories", gaps);
        cut::tell(pages.iter().map(|page| &page.value), files, gaps);
        let mut repositories: BTreeMap<String, Repository> = BTreeMap::new();
        for page in &pages {
            let list = page
                .data
                .as_ref()
                .and_then(|data| data.organization.as_ref()?.repositories.as_ref());
            for node in list.into_iter().flat_map(graph::Connection::nodes) {
                if let Some(name) = self.own(&node.name_with_owner) {
                    let known = repositories.entry(name.to_owned()).or_default();
                    take_graph(known, name, node, page.location, gaps);
                }
            }
        }
        if pages.is_empty() {
            let Some(list) = files.list::<answer::Repository>("repositories", &[], gaps) else {
                return;
            };
            for repository in list {
                repositories.insert(repository.name.clone(), from_rest(&repository));
            }
            for (name, repository) in &mut repositories {
                if let Some(list) = files.list::<Account>("collaborators", &[name], gaps) {
                    repository.direct = Some(
                        list.into_iter()
                            .map(|person| {
                                let highest =
                                    person.permissions.as_ref().and_then(|set| set.highest());
                                let role = person
                                    .role_name
                                    .clone()
                                    .or_else(|| highest.map(str::to_owned));
                                let id = (person.id > 0).then_some(person.id);
                                (
                                    person.value.login,
                                    (id, role.unwrap_or_else(|| "read".to_owned())),
                                )
                            })
                            .collect(),
                    );
                }
            }
        }
        self.repositories = Some(repositories);
    }

    pub(super) fn read_rulesets(&mut self, files: &Files<'_>, gaps: &mut Gaps) {
        for name in ["graph-ruleset-details", "graph-protection-details"] {
            let pages = files.graph(name, gaps);
            cut::tell(pages.iter().map(|page| &page.value), files, gaps);
            for page in pages {
                for node in page
                    .data
                    .iter()
                    .flat_map(|data| data.nodes.iter().flatten())
                {
                    self.details.insert(node.id.clone(), node.clone());
                }
            }
        }
        let pages = files.graph("graph-rulesets", gaps);
        cut::tell(pages.iter().map(|page| &page.value), files, gaps);
        for page in &pages {
            let list = page
                .data
                .as_ref()
                .and_then(|data| data.organization.as_ref()?.rulesets.as_ref());
            if let Some(list) = list {
                self.rulesets
                    .get_or_insert_default()
                    .extend(list.nodes().cloned());
            }
        }
        if pages.is_empty() {
            match files.list_if_there::<answer::Ruleset>("rulesets", &[], gaps) {
                Some(list) => {
                    let all = list.iter().map(|ruleset| {
                        let id = ruleset.id.to_string();
                        let detail = files.one::<answer::Ruleset>("ruleset", &[&id], gaps);
                        from_rest_ruleset(
                            detail
                                .as_ref()
                                .map_or(&ruleset.value, |detail| &detail.value),
                        )
                    });
                    self.rulesets = Some(all.collect());
                }
                None => {
                    if let Some(kind) = kind("graph-rulesets") {
                        gaps.lacking(kind, &[], Why::Missing);
                    }
                }
            }
        }
        for (name, repository) in self.repositories.iter_mut().flatten() {
            if let Some(list) =
                files.list_if_there::<answer::Ruleset>("repository-rulesets", &[name], gaps)
            {
                let all = list.iter().map(|ruleset| {
                    let id = ruleset.id.to_string();
                    let detail =
                        files.one::<answer::Ruleset>("repository-ruleset", &[name, &id], gaps);
                    from_rest_ruleset(
                        detail
                            .as_ref()
                            .map_or(&ruleset.value, |detail| &detail.value),
                    )
                });
                repository.rulesets = Some(all.collect());
            }
            if files.has("branch-protection", &[name]) {
                let found = files.one::<answer::Protection>("branch-protection", &[name], gaps);
                if let Some(protection) = found {
                    let branch = repository.default_branch.clone().unwrap_or_default();
                    repository.protections = Some(vec![from_rest_protection(&protection, branch)]);
                }
            }
        }
    }
}

fn take_graph(
    known: &mut Repository,
    name: &str,
    node: &graph::Repository,
    location: Location,
    gaps: &mut Gaps,
) {
    known.id = known.id.or(node.database_id);
    name.clone_into(&mut known.name);
    known.visibility = node.visibility.as_deref().map(str::to_ascii_lowercase);
    known.archived = node.is_archived == Some(true) || node.is_disabled == Some(true);
    known.default_branch = node
        .default_branch_ref
        .as_ref()
        .map(|branch| branch.name.clone());
    known.created = node.created_at;
    known.location = known.location.or(Some(location));
    match &node.collaborators {
        Some(list) => {
            if let Some(kind) = kind("collaborators") {
                gaps.answered(kind);
            }
            let direct = known.direct.get_or_insert_default();
            for edge in list.edges() {
                let Some(person) = &edge.node else { continue };
                let own = edge.permission_sources.iter().flatten().find(|source| {
                    source
                        .source
                        .as_ref()
                        .is_some_and(|by| by.kind == "Repository")
                });
                let role = own
                    .and_then(|own| own.role_name.clone().or_else(|| own.permission.clone()))
                    .or_else(|| edge.permission.clone())
                    .unwrap_or_else(|| "read".to_owned());
                // Built-in roles come in capitals, custom ones as they are called.
                let role = Role::parse(&role).map_or(role, |role| role.as_str().to_owned());
                direct.insert(person.login.clone(), (person.database_id, role));
            }
        }
        None if known.direct.is_none() => {
            if let Some(kind) = kind("collaborators") {
                let message = "GitHub did not show them over GraphQL".to_owned();
                gaps.lacking(kind, &[name], Why::Forbidden(message));
            }
        }
        None => {}
    }
    if let Some(rules) = &node.branch_protection_rules {
        known
            .protections
            .get_or_insert_default()
            .extend(rules.nodes().cloned());
    }
    if let Some(rulesets) = &node.rulesets {
        known
            .rulesets
            .get_or_insert_default()
            .extend(rulesets.nodes().cloned());
    }
    known.keys = known
        .keys
        .or_else(|| node.deploy_keys.as_ref().and_then(|keys| keys.total_count));
    if let Some(list) = &node.environments {
        known
            .environments
            .get_or_insert_default()
            .extend(list.nodes().map(|one| one.name.clone()));
    }
    let files = node
        .trust_policies
        .iter()
        .flat_map(|tree| tree.entries.iter().flatten());
    for file in files {
        let blob = file.object.as_ref();
        let whole = blob.filter(|blob| blob.is_truncated != Some(true));
        if let Some(text) = whole.and_then(|blob| blob.text.clone()) {
            known
                .trust_policies
                .get_or_insert_default()
                .push((file.name.clone(), text));
        } else if file.name.ends_with(POLICY)
            && let Some(kind) = kind("graph-repositories")
        {
            let message = format!("GitHub did not show the whole of `{}`", file.name);
            gaps.lacking(kind, &[name], Why::Broken { message });
        }
    }
}
