//! Teams, and the identity provider's groups that fill them.

use std::collections::BTreeMap;

use super::{Organisation, Team};
use crate::resolve::github::answer::{self, Account};
use crate::resolve::github::cut;
use crate::resolve::github::gaps::{Gaps, Why};
use crate::resolve::github::graph;
use crate::resolve::github::read::Files;
use crate::snapshot::github::kind;

impl Organisation {
    pub(super) fn read_teams(&mut self, files: &Files<'_>, gaps: &mut Gaps) {
        let pages = files.graph("graph-teams", gaps);
        cut::tell(pages.iter().map(|page| &page.value), files, gaps);
        if !pages.is_empty() {
            let teams = self.teams.get_or_insert_default();
            for page in &pages {
                let list = page
                    .data
                    .as_ref()
                    .and_then(|data| data.organization.as_ref()?.teams.as_ref());
                for team in list.into_iter().flat_map(graph::Connection::nodes) {
                    // A team whose lists did not fit comes again with the rest of them.
                    let known = teams.entry(team.slug.clone()).or_default();
                    known.id = known.id.or(team.database_id);
                    known.name = team.name.clone().unwrap_or_else(|| team.slug.clone());
                    known.privacy = team.privacy.as_ref().map(|text| match text.as_str() {
                        "VISIBLE" => "closed".to_owned(),
                        other => other.to_ascii_lowercase(),
                    });
                    known.parent = team.parent_team.as_ref().map(|parent| parent.slug.clone());
                    known.location = known.location.or(Some(page.location));
                    for edge in team.members.iter().flat_map(graph::Connection::edges) {
                        if let Some(member) = &edge.node {
                            let role = edge.role.as_deref().unwrap_or("member");
                            known
                                .members
                                .insert(member.login.clone(), role.to_ascii_lowercase());
                        }
                    }
                    for edge in team.repositories.iter().flat_map(graph::Connection::edges) {
                        if let (Some(repository), Some(permission)) = (&edge.node, &edge.permission)
                        {
                            known.repositories.insert(
                                repository.name_with_owner.clone(),
                                permission.to_ascii_lowercase(),
                            );
                        }
                    }
                }
            }
            return;
        }
        let Some(list) = files.list::<answer::Team>("teams", &[], gaps) else {
            return;
        };
        let mut teams = BTreeMap::new();
        for team in list {
            let mut known = Team {
                id: (team.id > 0).then_some(team.id),
                name: team.name.clone(),
                privacy: team.privacy.clone(),
                parent: team.parent.as_ref().map(|parent| parent.slug.clone()),
                location: Some(team.location),
                ..Team::default()
            };
            let slug = team.value.slug;
            for member in files
                .list::<Account>("team-members", &[&slug], gaps)
                .unwrap_or_default()
            {
                let role = member.role.clone().unwrap_or_else(|| "member".to_owned());
                known.members.insert(member.value.login, role);
            }
            for repository in files
                .list::<answer::Repository>("team-repositories", &[&slug], gaps)
                .unwrap_or_default()
            {
                let role = repository
                    .role_name
                    .clone()
                    .or_else(|| Some(repository.permissions.as_ref()?.highest()?.to_owned()));
                if let Some(role) = role {
                    known.repositories.insert(repository.value.full_name, role);
                }
            }
            teams.insert(slug, known);
        }
        self.teams = Some(teams);
    }

    pub(super) fn read_team_links(&mut self, files: &Files<'_>, gaps: &mut Gaps) {
        let Some(teams) = &mut self.teams else {
            return;
        };
        let mut asked = false;
        if let Some(groups) =
            files.list_if_there::<answer::ExternalGroup>("external-groups", &[], gaps)
        {
            asked = true;
            for group in &groups {
                let Some(id) = &group.group_id else { continue };
                let Some(detail) =
                    files.one::<answer::ExternalGroup>("external-group", &[id], gaps)
                else {
                    continue;
                };
                for linked in &detail.teams {
                    let name = group.group_name.clone().unwrap_or_else(|| id.clone());
                    for team in teams.values_mut() {
                        if team.id == Some(linked.team_id)
                            || (team.id.is_none() && team.name == linked.team_name)
                        {
                            team.group = Some(Some(name.clone()));
                        }
                    }
                }
            }
        }
        for (slug, team) in teams.iter_mut() {
            for name in ["team-mappings", "team-external-groups"] {
                if let Some(groups) =
                    files.list_if_there::<answer::ExternalGroup>(name, &[slug], gaps)
                {
                    asked = true;
                    if let Some(group) = groups.first() {
                        let name = group.group_name.clone().or_else(|| group.group_id.clone());
                        team.group = Some(Some(name.unwrap_or_default()));
                    } else if team.group.is_none() {
                        team.group = Some(None);
                    }
                }
            }
        }
        if asked {
            if files.has("external-groups", &[]) {
                for team in teams.values_mut() {
                    team.group.get_or_insert(None);
                }
            }
        } else if let Some(kind) = kind("external-groups") {
            gaps.lacking(kind, &[], Why::Missing);
        }
    }
}
