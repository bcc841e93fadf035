//! Lists in GraphQL answers that stop before their end.
//!
//! A list is asked for page by page, or with room for as many as anybody has. Where it
//! holds less than its own count says, what is missing is a gap, never nothing.

use std::collections::BTreeMap;

use super::gaps::{Gaps, Why};
use super::graph::{Connection, Envelope, Node, Organization, Repository, Ruleset};
use super::read::Files;
use crate::snapshot::github::kind;

/// Sizes of pages a list without a count was asked for with: one that is exactly full
/// may go on.
const FULL: &[u64] = &[50, 100];

/// What came of one list, on all its pages.
#[derive(Default)]
struct List {
    /// Items.
    came: u64,
    /// Items there are at least.
    all: u64,
    /// Whether the last page says that another follows.
    goes_on: bool,
}

/// Lists by the document that gives them, their owner and their name.
#[derive(Default)]
struct Lists<'a>(BTreeMap<(&'static str, &'a str, &'static str), List>);

impl<'a> Lists<'a> {
    fn add<E, N>(
        &mut self,
        document: &'static str,
        owner: &'a str,
        name: &'static str,
        list: Option<&Connection<E, N>>,
    ) {
        let Some(list) = list else { return };
        let known = self.0.entry((document, owner, name)).or_default();
        known.came += list.came();
        known.goes_on = list.goes_on();
        let unknown = list.total_count.is_none() && list.page_info.is_none();
        let at_least = match list.total_count {
            Some(total) => total,
            // The count of one that is full is not known; it is more than it seems.
            None if unknown && FULL.contains(&list.came()) => known.came + 1,
            None => 0,
        };
        known.all = known.all.max(at_least);
    }

    fn repository(&mut self, repository: &'a Repository, files: &Files<'_>) {
        let owner = repository.name_with_owner.as_str();
        let name = owner.split_once('/').map_or(owner, |(_, name)| name);
        self.add(
            "collaborators",
            name,
            "collaborators",
            repository.collaborators.as_ref(),
        );
        let rules = repository.branch_protection_rules.as_ref();
        self.add("graph-protection-details", name, "protection rules", rules);
        self.add(
            "graph-ruleset-details",
            name,
            "rulesets",
            repository.rulesets.as_ref(),
        );
        // They are listed as a whole elsewhere.
        if !files.has("environments", &[name]) {
            self.add(
                "environments",
                name,
                "environments",
                repository.environments.as_ref(),
            );
        }
        for ruleset in repository.rulesets.iter().flat_map(Connection::nodes) {
            self.ruleset(ruleset);
        }
    }

    fn ruleset(&mut self, ruleset: &'a Ruleset) {
        let name = ruleset.id.as_str();
        self.add("graph-rulesets", name, "rules", ruleset.rules.as_ref());
        self.add(
            "graph-rulesets",
            name,
            "bypass actors",
            ruleset.bypass_actors.as_ref(),
        );
    }

    fn node(&mut self, node: &'a Node) {
        let id = node.id.as_str();
        self.add("graph-ruleset-details", id, "rules", node.rules.as_ref());
        self.add(
            "graph-ruleset-details",
            id,
            "bypass actors",
            node.bypass_actors.as_ref(),
        );
        for allowances in [
            &node.bypass_pull_request_allowances,
            &node.bypass_force_push_allowances,
        ] {
            let list = allowances.as_ref();
            self.add("graph-protection-details", id, "exceptions", list);
        }
    }

    fn organization(&mut self, organization: &'a Organization, files: &Files<'_>) {
        // Pages about one owner, which comes again with the rest of its lists, count none.
        let teams = organization.teams.as_ref();
        let teams = teams.filter(|list| list.total_count.is_some());
        self.add("graph-teams", "", "teams", teams);
        let repositories = organization.repositories.as_ref();
        let repositories = repositories.filter(|list| list.total_count.is_some());
        self.add("graph-repositories", "", "repositories", repositories);
        self.add(
            "graph-rulesets",
            "",
            "rulesets",
            organization.rulesets.as_ref(),
        );
        let owners = organization.enterprise_owners.as_ref();
        // It comes again with every page of the linked identities.
        if !self
            .0
            .contains_key(&("graph-enterprise", "", "owners of the enterprise"))
        {
            self.add("graph-enterprise", "", "owners of the enterprise", owners);
        }
        let provider = organization.saml_identity_provider.as_ref();
        self.add(
            "graph-enterprise",
            "",
            "linked identities",
            provider.and_then(|provider| provider.external_identities.as_ref()),
        );
        for team in organization.teams.iter().flat_map(Connection::nodes) {
            self.add("graph-teams", &team.slug, "members", team.members.as_ref());
            self.add(
                "graph-teams",
                &team.slug,
                "repositories",
                team.repositories.as_ref(),
            );
        }
        for ruleset in organization.rulesets.iter().flat_map(Connection::nodes) {
            self.ruleset(ruleset);
        }
        for repository in organization.repositories.iter().flat_map(Connection::nodes) {
            self.repository(repository, files);
        }
    }
}

/// Tells the lists of some answers that stop short.
pub(super) fn tell<'a>(
    pages: impl IntoIterator<Item = &'a Envelope>,
    files: &Files<'_>,
    gaps: &mut Gaps,
) {
    let mut lists = Lists::default();
    for data in pages.into_iter().filter_map(|page| page.data.as_ref()) {
        if let Some(organization) = &data.organization {
            lists.organization(organization, files);
        }
        for node in data.nodes.iter().flatten() {
            lists.node(node);
        }
    }
    for ((document, owner, list), found) in lists.0 {
        let present = found.came;
        let announced = found.all.max(present + u64::from(found.goes_on));
        if present < announced
            && let Some(kind) = kind(document)
        {
            let names: &[&str] = match owner {
                "" => &[list],
                owner => &[owner, list],
            };
            gaps.lacking(kind, names, Why::CutShort { announced, present });
        }
    }
}
