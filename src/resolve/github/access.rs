//! What each person and team may do on each repository, and by which path.
//!
//! GitHub gives somebody the highest of: the organisation's base permission, the roles
//! of his teams (and of the teams above them), a direct grant, organisation roles, and
//! everything for owners ("Repository roles for an organization"). Each path is an
//! entitlement; the one that decides is marked `effective`.

use std::collections::{BTreeMap, BTreeSet};

use super::audit;
use super::facts::Facts;
use super::organisation::Team;
use super::people::team_id;
use super::role::Role;
use crate::model::{Activation, Entitlement, IdentityRef, Moment, Sym, Value};

/// Who may write to each repository by more than the organisation-wide paths, and who
/// may write everywhere.
#[derive(Debug, Default)]
pub struct Writers {
    /// Logins by repository name.
    pub by_repository: BTreeMap<String, BTreeSet<String>>,
    /// Logins that may write to every repository.
    pub everywhere: BTreeSet<String>,
}

impl Writers {
    /// How many people may write to `repository`.
    pub fn count(&self, repository: &str) -> usize {
        match self.by_repository.get(repository) {
            Some(own) => own.union(&self.everywhere).count(),
            None => self.everywhere.len(),
        }
    }
}

/// One way to a repository.
struct Way<'a> {
    login: &'a str,
    team: Option<&'a str>,
    role: Role,
    privilege: &'a str,
}

/// Adds the entitlements on repositories.
pub fn add(facts: &mut Facts<'_>) -> Writers {
    let mut writers = everywhere(facts);
    let teams = reach(facts);
    add_team_grants(facts, &teams);
    let org = facts.org;

    // All ways, by repository: one pass over teams and one over direct grants.
    let mut ways: BTreeMap<&str, Vec<Way<'_>>> = BTreeMap::new();
    for (slug, granted) in &teams {
        let Some(team) = org.teams.as_ref().and_then(|teams| teams.get(*slug)) else {
            continue;
        };
        for (full_name, privilege) in granted {
            let Some(name) = org.own(full_name) else {
                continue;
            };
            let role = org.role(privilege);
            ways.entry(name)
                .or_default()
                .extend(team.members.keys().map(|login| Way {
                    login,
                    team: Some(slug),
                    role,
                    privilege,
                }));
        }
    }
    for (name, repository) in org.repositories.iter().flatten() {
        for (login, (_, privilege)) in repository.direct.iter().flatten() {
            ways.entry(name).or_default().push(Way {
                login,
                team: None,
                role: org.role(privilege),
                privilege,
            });
        }
    }
    for (name, ways) in ways {
        add_ways(facts, name, ways, &teams, &mut writers);
    }
    writers
}

/// People whose organisation-wide role lets them write to every repository.
fn everywhere(facts: &Facts<'_>) -> Writers {
    let inventory = facts.build.facts();
    let everywhere = inventory
        .entitlements
        .iter()
        .filter(|fact| fact.scope == "*" && fact.activation == Activation::Standing)
        .filter(|fact| role_of(fact) >= Role::Write)
        .map(|fact| inventory.identity(fact.identity))
        .filter(|who| !who.id.contains('/'))
        .map(|who| who.id.to_string())
        .collect();
    Writers {
        everywhere,
        ..Writers::default()
    }
}

fn role_of(fact: &Entitlement) -> Role {
    match fact.attrs.get(Sym::new("role")) {
        Some(Value::Str(role)) => Role::parse(role).unwrap_or_default(),
        _ => Role::None,
    }
}

/// What each team reaches: its own repositories and those of the teams above it.
fn reach<'a>(facts: &Facts<'a>) -> BTreeMap<&'a str, BTreeMap<&'a str, &'a str>> {
    let org = facts.org;
    let Some(teams) = &org.teams else {
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    for (slug, team) in teams {
        let mut granted: BTreeMap<&str, &str> = BTreeMap::new();
        let mut at: Option<&Team> = Some(team);
        let mut visited = BTreeSet::from([slug.as_str()]);
        while let Some(team) = at {
            for (name, privilege) in &team.repositories {
                let known = granted.entry(name).or_insert(privilege);
                if org.role(privilege) > org.role(known) {
                    *known = privilege;
                }
            }
            // A circle cannot be made in GitHub; a file can say anything.
            at = team
                .parent
                .as_ref()
                .filter(|parent| visited.insert(parent.as_str()))
                .and_then(|parent| teams.get(parent));
        }
        all.insert(slug.as_str(), granted);
    }
    all
}

/// How many people each team gives its rights to: its own members and those of the
/// teams below it.
fn sizes<'a>(facts: &Facts<'a>) -> BTreeMap<&'a str, usize> {
    let mut people: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let teams = facts.org.teams.as_ref();
    for (slug, team) in teams.into_iter().flatten() {
        let mut at = Some((slug.as_str(), team));
        let mut visited = BTreeSet::new();
        while let Some((slug, above)) = at.filter(|(slug, _)| visited.insert(*slug)) {
            people
                .entry(slug)
                .or_default()
                .extend(team.members.keys().map(String::as_str));
            at = above
                .parent
                .as_ref()
                .and_then(|parent| teams?.get_key_value(parent))
                .map(|(slug, team)| (slug.as_str(), team));
        }
    }
    people
        .into_iter()
        .map(|(slug, all)| (slug, all.len()))
        .collect()
}

fn add_team_grants(facts: &mut Facts<'_>, teams: &BTreeMap<&str, BTreeMap<&str, &str>>) {
    let org = facts.org;
    let sizes = sizes(facts);
    for (slug, granted) in teams {
        let (Some(who), Some(team)) = (
            facts.find(&team_id(slug)),
            org.teams.as_ref().and_then(|teams| teams.get(*slug)),
        ) else {
            continue;
        };
        for (full_name, privilege) in granted {
            let role = org.role(privilege);
            let mut fact = facts.entitlement(who, "team-repository", privilege, full_name);
            fact.tier = role.tier();
            fact.expires = Moment::Never;
            fact.location = team.location;
            fact.attrs.set("role", role.as_str());
            fact.attrs
                .set("custom_role", Role::parse(privilege).is_none());
            fact.attrs
                .set("team_members", sizes.get(slug).copied().unwrap_or(0));
            fact.attrs
                .set_some("idp_linked", team.group.as_ref().map(Option::is_some));
            if let Some(repository) = org
                .own(full_name)
                .and_then(|name| org.repositories.as_ref()?.get(name))
            {
                fact.attrs
                    .set_some("repository_visibility", repository.visibility.as_deref());
            }
            facts.build.entitlement(fact);
        }
    }
}

fn add_ways(
    facts: &mut Facts<'_>,
    name: &str,
    ways: Vec<Way<'_>>,
    teams: &BTreeMap<&str, BTreeMap<&str, &str>>,
    writers: &mut Writers,
) {
    let org = facts.org;
    let full_name = org.full_name(name);
    let repository = org.repositories.as_ref().and_then(|all| all.get(name));
    let base = org
        .settings
        .as_ref()
        .and_then(|settings| settings.default_repository_permission.as_deref())
        .map_or(Role::None, |base| org.role(base));
    let linked_team = org
        .teams
        .iter()
        .flatten()
        .filter(|(_, team)| matches!(team.group, Some(Some(_))))
        .map(|(slug, _)| slug.as_str())
        .find(|slug| {
            teams
                .get(slug)
                .is_some_and(|granted| granted.contains_key(full_name.as_str()))
        });
    let mut best: BTreeMap<&str, Role> = BTreeMap::new();
    for way in &ways {
        let known = best.entry(way.login).or_default();
        *known = (*known).max(way.role);
    }
    for (login, role) in &best {
        if *role >= Role::Write {
            writers
                .by_repository
                .entry(name.to_owned())
                .or_default()
                .insert((*login).to_owned());
        }
    }
    let mut decided: BTreeSet<&str> = BTreeSet::new();
    for way in &ways {
        let who: IdentityRef = match way.team {
            Some(_) => facts.person(way.login, None, None),
            None => {
                let uid =
                    repository.and_then(|repository| repository.direct.as_ref()?.get(way.login)?.0);
                let location = repository.and_then(|repository| repository.location);
                facts.person(way.login, uid, location)
            }
        };
        let member = org
            .members
            .as_ref()
            .is_some_and(|all| all.contains_key(way.login));
        let owner = org
            .owners
            .as_ref()
            .is_some_and(|all| all.contains(way.login));
        let floor = match (owner, member) {
            (true, _) => Role::Admin,
            (_, true) => base,
            _ => Role::None,
        };
        let highest = best.get(way.login).copied().unwrap_or_default();
        let effective = way.role == highest && highest > floor && decided.insert(way.login);
        let mechanism = if way.team.is_some() { "team" } else { "direct" };
        let mut fact = facts.entitlement(who, mechanism, way.privilege, &full_name);
        fact.tier = way.role.tier();
        fact.expires = Moment::Never;
        fact.via = way.team.map(|slug| Sym::new(&team_id(slug)));
        let grant = match way.team {
            Some(slug) => facts
                .audit
                .grant(audit::Kind::Team, way.login, &org.full_name(slug)),
            None => facts
                .audit
                .grant(audit::Kind::Repository, way.login, &full_name),
        };
        if let Some((time, by)) = grant {
            fact.since = Some(time);
            fact.attrs.set_some("granted_by", by);
        }
        fact.location = match way.team {
            Some(slug) => org
                .teams
                .as_ref()
                .and_then(|teams| teams.get(slug))
                .and_then(|team| team.location),
            None => repository.and_then(|repository| repository.location),
        };
        let attrs = &mut fact.attrs;
        attrs.set("role", way.role.as_str());
        attrs.set("effective", effective);
        attrs.set("custom_role", Role::parse(way.privilege).is_none());
        if org.outside.is_some() {
            let outside = org
                .outside
                .as_ref()
                .is_some_and(|all| all.contains_key(way.login));
            attrs.set("outside", outside);
        }
        if let Some(repository) = repository {
            attrs.set_some("repository_visibility", repository.visibility.as_deref());
        }
        match way.team {
            Some(slug) => {
                let group = org
                    .teams
                    .as_ref()
                    .and_then(|teams| teams.get(slug)?.group.as_ref());
                attrs.set_some("idp_linked", group.map(Option::is_some));
            }
            None => attrs.set_some("linked_team", linked_team),
        }
        facts.build.entitlement(fact);
    }
}
