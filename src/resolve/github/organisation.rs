//! One organisation as its documents show it, whichever API they came from.
//!
//! Teams, repositories and direct collaborators come from GraphQL (what the connector
//! writes) or REST (what people save by hand); here both are one.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{self, Account};
use super::cut;
use super::gaps::{Gaps, Why};
use super::graph;
use super::read::{Files, Located};
use super::role::Role;
use crate::model::{Location, Moment};
use crate::snapshot::github::kind;

/// A person or bot.
#[derive(Clone, Debug)]
pub struct Person {
    /// The login.
    pub login: String,
    /// The immutable number.
    pub id: Option<u64>,
    /// Where it stands in the input.
    pub location: Option<Location>,
}

/// A team.
#[derive(Clone, Debug, Default)]
pub struct Team {
    /// The immutable number.
    pub id: Option<u64>,
    /// Name for people.
    pub name: String,
    /// `closed` or `secret`.
    pub privacy: Option<String>,
    /// Slug of the team above.
    pub parent: Option<String>,
    /// Own members, by login, with the role in the team.
    pub members: BTreeMap<String, String>,
    /// Own repositories, by full name, with the role's name.
    pub repositories: BTreeMap<String, String>,
    /// The identity provider's group that fills it; `Some(None)`: none does.
    pub group: Option<Option<String>>,
    /// Where it stands in the input.
    pub location: Option<Location>,
}

/// A repository.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// The immutable number.
    pub id: Option<u64>,
    /// Name without owner.
    pub name: String,
    /// `public`, `internal` or `private`.
    pub visibility: Option<String>,
    /// Read-only for ever: no workflow runs, but keys and rights stay.
    pub archived: bool,
    /// The default branch.
    pub default_branch: Option<String>,
    /// When it was made.
    pub created: Moment,
    /// Who has direct access, by login: number and role's name.
    pub direct: Option<BTreeMap<String, (Option<u64>, String)>>,
    /// Classic protection rules; `None` if not seen.
    pub protections: Option<Vec<graph::ProtectionRule>>,
    /// Its own rulesets; `None` if not seen.
    pub rulesets: Option<Vec<graph::Ruleset>>,
    /// How many deploy keys it has, where counted.
    pub keys: Option<u64>,
    /// Names of environments, where listed.
    pub environments: Option<Vec<String>>,
    /// Broker policies on the default branch: file name and text.
    pub trust_policies: Option<Vec<(String, String)>>,
    /// Where it stands in the input.
    pub location: Option<Location>,
}

impl Repository {
    /// Whether anybody may read it.
    pub fn public(&self) -> bool {
        self.visibility.as_deref() == Some("public")
    }
}

/// What the documents say of one organisation.
#[derive(Debug, Default)]
pub struct Organisation {
    /// Login, in the spelling GitHub uses.
    pub login: String,
    /// Settings, if `org.json` was readable.
    pub settings: Option<Located<answer::Organization>>,
    /// Members by login, owners included.
    pub members: Option<BTreeMap<String, Person>>,
    /// Logins of owners.
    pub owners: Option<BTreeSet<String>>,
    /// Outside collaborators.
    pub outside: Option<BTreeMap<String, Person>>,
    /// Members and outside collaborators without a second factor.
    pub without_two_factor: Option<BTreeSet<String>>,
    /// Logins linked to the identity provider; `None` without single sign-on or unseen.
    pub linked: Option<BTreeSet<String>>,
    /// Names the identity provider has for logins, where it tells.
    pub saml_names: BTreeMap<String, String>,
    /// Owners of the enterprise: login, number, and whether they own the organisation now.
    pub enterprise_owners: Vec<(Person, bool)>,
    /// Whether an IP allow list is on.
    pub ip_allow_list: Option<bool>,
    /// Teams by slug.
    pub teams: Option<BTreeMap<String, Team>>,
    /// Repositories by name.
    pub repositories: Option<BTreeMap<String, Repository>>,
    /// Custom repository roles by name: base role.
    pub roles: BTreeMap<String, Role>,
    /// The organisation's rulesets; `None` if not seen.
    pub rulesets: Option<Vec<graph::Ruleset>>,
    /// Details by node id.
    pub details: BTreeMap<String, graph::Node>,
}

fn people(list: Vec<Located<Account>>) -> BTreeMap<String, Person> {
    list.into_iter()
        .map(|account| {
            (
                account.value.login.clone(),
                Person {
                    login: account.value.login,
                    id: (account.value.id > 0).then_some(account.value.id),
                    location: Some(account.location),
                },
            )
        })
        .collect()
}

impl Organisation {
    /// Reads the documents that describe people, teams and repositories.
    pub fn read(files: &Files<'_>, gaps: &mut Gaps) -> Self {
        let mut org = Organisation {
            settings: files.one("organization", &[], gaps),
            ..Organisation::default()
        };
        org.login = match &org.settings {
            Some(settings) if !settings.login.is_empty() => settings.login.clone(),
            _ => files.folder.clone(),
        };
        org.read_people(files, gaps);
        for role in files
            .list::<answer::RepositoryRole>("repository-roles", &[], gaps)
            .unwrap_or_default()
        {
            let base = role.base_role.as_deref().and_then(Role::parse);
            org.roles.insert(role.value.name, base.unwrap_or_default());
        }
        org.read_teams(files, gaps);
        org.read_team_links(files, gaps);
        org.read_repositories(files, gaps);
        org.read_rulesets(files, gaps);
        org
    }

    /// The built-in role a role's name stands for.
    pub fn role(&self, name: &str) -> Role {
        Role::parse(name)
            .or_else(|| self.roles.get(name).copied())
            .unwrap_or(Role::Read)
    }

    /// `organisation/repository`.
    pub fn full_name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.login)
    }

    /// The name without its owner, if the owner is this organisation.
    pub fn own<'n>(&self, full_name: &'n str) -> Option<&'n str> {
        let (owner, name) = full_name.split_once('/')?;
        owner.eq_ignore_ascii_case(&self.login).then_some(name)
    }

    fn read_people(&mut self, files: &Files<'_>, gaps: &mut Gaps) {
        self.owners = files
            .list::<Account>("owners", &[], gaps)
            .map(|list| list.into_iter().map(|one| one.value.login).collect());
        self.members = files.list("members", &[], gaps).map(people);
        self.outside = files.list("outside-collaborators", &[], gaps).map(people);
        let mut without: Option<BTreeSet<String>> = None;
        for name in ["members-without-two-factor", "outside-without-two-factor"] {
            if let Some(list) = files.list::<Account>(name, &[], gaps) {
                without
                    .get_or_insert_default()
                    .extend(list.into_iter().map(|one| one.value.login));
            }
        }
        self.without_two_factor = without;
        let pages = files.graph("graph-enterprise", gaps);
        cut::tell(pages.iter().map(|page| &page.value), files, gaps);
        for page in pages {
            let Some(org) = page
                .data
                .as_ref()
                .and_then(|data| data.organization.as_ref())
            else {
                continue;
            };
            if let Some(setting) = &org.ip_allow_list_enabled_setting {
                self.ip_allow_list = Some(setting == "ENABLED");
            }
            if let Some(identities) = org
                .saml_identity_provider
                .as_ref()
                .and_then(|provider| provider.external_identities.as_ref())
            {
                self.saml_names.extend(
                    identities
                        .edges()
                        .filter_map(|edge| edge.node.as_ref())
                        .filter_map(|one| {
                            let name = one.saml_identity.as_ref()?.name_id.clone()?;
                            Some((one.user.as_ref()?.login.clone(), name))
                        }),
                );
                self.linked.get_or_insert_default().extend(
                    identities
                        .edges()
                        .filter_map(|edge| edge.node.as_ref()?.user.as_ref())
                        .map(|user| user.login.clone()),
                );
            }
            for edge in org.enterprise_owners.iter().flat_map(|list| list.edges()) {
                if let Some(owner) = &edge.node {
                    let person = Person {
                        login: owner.login.clone(),
                        id: owner.database_id,
                        location: Some(page.location),
                    };
                    let now = edge.organization_role.as_deref() == Some("OWNER");
                    self.enterprise_owners.push((person, now));
                }
            }
        }
    }

    fn read_teams(&mut self, files: &Files<'_>, gaps: &mut Gaps) {
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

    fn read_team_links(&mut self, files: &Files<'_>, gaps: &mut Gaps) {
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

    fn read_repositories(&mut self, files: &Files<'_>, gaps: &mut Gaps) {
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

    fn read_rulesets(&mut self, files: &Files<'_>, gaps: &mut Gaps) {
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
        if let Some(text) = file.object.as_ref().and_then(|blob| blob.text.clone()) {
            known
                .trust_policies
                .get_or_insert_default()
                .push((file.name.clone(), text));
        }
    }
}

fn from_rest(repository: &Located<answer::Repository>) -> Repository {
    Repository {
        id: (repository.id > 0).then_some(repository.id),
        name: repository.name.clone(),
        visibility: repository.visibility.clone().or_else(|| {
            repository
                .private
                .map(|private| if private { "private" } else { "public" }.to_owned())
        }),
        archived: repository.archived == Some(true) || repository.disabled == Some(true),
        default_branch: repository.default_branch.clone(),
        created: repository.created_at,
        location: Some(repository.location),
        ..Repository::default()
    }
}

fn from_rest_ruleset(ruleset: &answer::Ruleset) -> graph::Ruleset {
    let patterns = |patterns: &answer::Patterns| graph::Patterns {
        include: patterns.include.clone(),
        exclude: patterns.exclude.clone(),
    };
    graph::Ruleset {
        id: ruleset.id.to_string(),
        database_id: Some(ruleset.id),
        name: ruleset.name.clone(),
        target: ruleset.target.as_deref().map(str::to_ascii_uppercase),
        // GitHub's own description calls an active ruleset `enabled` in one example.
        enforcement: Some(match ruleset.enforcement.as_str() {
            "enabled" => "ACTIVE".to_owned(),
            other => other.to_ascii_uppercase(),
        }),
        conditions: ruleset
            .conditions
            .as_ref()
            .map(|conditions| graph::Conditions {
                ref_name: conditions.ref_name.as_ref().map(patterns),
                repository_name: conditions.repository_name.as_ref().map(patterns),
            }),
        rules: Some(graph::Connection {
            nodes: ruleset
                .rules
                .iter()
                .map(|rule| {
                    Some(graph::Rule {
                        kind: rule.kind.to_ascii_uppercase(),
                        parameters: rule.parameters.as_ref().map(|asked| graph::Parameters {
                            required_approving_review_count: asked.required_approving_review_count,
                        }),
                    })
                })
                .collect(),
            ..graph::Connection::default()
        }),
        bypass_actors: ruleset
            .bypass_actors
            .as_ref()
            .map(|actors| graph::Connection {
                nodes: actors
                    .iter()
                    .map(|actor| Some(from_rest_actor(actor)))
                    .collect(),
                ..graph::Connection::default()
            }),
    }
}

/// Repository roles by the numbers REST uses for the built-in ones (GitHub REST,
/// "Create an organization repository ruleset", `bypass_actors`).
fn built_in_role(id: Option<i64>) -> Option<&'static str> {
    Some(match id? {
        2 => "maintain",
        4 => "write",
        5 => "admin",
        _ => return None,
    })
}

fn from_rest_actor(actor: &answer::BypassActor) -> graph::BypassActor {
    let id = actor.actor_id.unwrap_or_default().to_string();
    let typed = |kind: &str| graph::Typed {
        kind: kind.to_owned(),
        slug: Some(format!("#{id}")),
        ..graph::Typed::default()
    };
    graph::BypassActor {
        bypass_mode: actor.bypass_mode.as_deref().map(str::to_ascii_uppercase),
        deploy_key: actor.actor_type == "DeployKey",
        organization_admin: actor.actor_type == "OrganizationAdmin",
        enterprise_owner: actor.actor_type == "EnterpriseOwner",
        repository_role_name: (actor.actor_type == "RepositoryRole")
            .then(|| built_in_role(actor.actor_id).map_or_else(|| format!("#{id}"), str::to_owned)),
        actor: match actor.actor_type.as_str() {
            "Team" => Some(typed("Team")),
            "Integration" => Some(typed("App")),
            "User" => Some(typed("User")),
            _ => None,
        },
    }
}

fn from_rest_protection(protection: &answer::Protection, branch: String) -> graph::ProtectionRule {
    let reviews = protection.required_pull_request_reviews.as_ref();
    graph::ProtectionRule {
        id: String::new(),
        pattern: branch,
        is_admin_enforced: protection
            .enforce_admins
            .as_ref()
            .map(|switch| switch.enabled),
        allows_force_pushes: protection
            .allow_force_pushes
            .as_ref()
            .map(|switch| switch.enabled),
        requires_approving_reviews: Some(reviews.is_some()),
        required_approving_review_count: reviews
            .and_then(|asked| asked.required_approving_review_count),
        requires_code_owner_reviews: reviews.and_then(|asked| asked.require_code_owner_reviews),
        require_last_push_approval: reviews.and_then(|asked| asked.require_last_push_approval),
    }
}
