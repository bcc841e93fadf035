//! Entities, groups and their policies.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::documents::{Answer, Space, flag, strings, text, time};
use super::mounts::Table;
use super::people::{Grant, Principal};
use super::template::{self, Values};
use crate::config::Config;
use crate::model::{Builder, Identity, IdentityKind, IdentityRef, Location, Sym, System};

/// Login methods that verify the name they hand over.
const VERIFYING: [&str; 5] = ["oidc", "jwt", "saml", "ldap", "okta"];

/// The identity store of a namespace.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Entities by id.
    pub(super) entities: BTreeMap<String, Entity>,
    groups: BTreeMap<String, Group>,
    /// What templates may name about each entity; read only where policies have any.
    pub(super) values: BTreeMap<Sym, Values>,
}

/// An entity.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) who: IdentityRef,
    /// Its own policies and those of all its groups.
    pub(super) policies: Vec<Sym>,
    pub(super) live_tokens: i64,
}

#[derive(Debug)]
struct Group {
    who: IdentityRef,
    name: Sym,
    policies: Vec<String>,
    entities: Vec<String>,
    groups: Vec<String>,
    location: Location,
}

/// The answers about things of one kind: a bundle, or one file each.
fn all<'s>(space: &'s Space<'_>, path: &str) -> impl Iterator<Item = &'s Answer> {
    let lines: &'s [Answer] = space.lines(path);
    let path = path.to_owned();
    let single: Vec<&'s Answer> = space.below(&path).map(|(_, answer)| answer).collect();
    lines.iter().chain(single)
}

impl Store {
    /// Reads entities and groups and adds them as identities.
    pub(super) fn read(
        space: &Space<'_>,
        table: &Table,
        build: &mut Builder,
        config: &Config,
    ) -> Self {
        let mut store = Store::default();
        let mut own: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for answer in all(space, "identity/entity/id") {
            let Some(id) = text(&answer.data, "id") else {
                continue;
            };
            let who = build.identity(entity(space, table, config, id, answer));
            let policies = strings(&answer.data, "policies")
                .into_iter()
                .map(str::to_owned)
                .collect();
            own.insert(id.to_owned(), policies);
            let entity = Entity {
                who,
                policies: Vec::new(),
                live_tokens: 0,
            };
            store.entities.insert(id.to_owned(), entity);
        }
        for answer in all(space, "identity/group/id") {
            let Some(id) = text(&answer.data, "id") else {
                continue;
            };
            let list = |key| {
                strings(&answer.data, key)
                    .into_iter()
                    .map(str::to_owned)
                    .collect()
            };
            let name = text(&answer.data, "name").unwrap_or(id);
            let who = build.identity(group(space, config, id, name, answer));
            store.groups.insert(
                id.to_owned(),
                Group {
                    who,
                    name: Sym::new(name),
                    policies: list("policies"),
                    entities: list("member_entity_ids"),
                    groups: list("member_group_ids"),
                    location: answer.location,
                },
            );
        }
        let inherited = store.inherited();
        let policies: BTreeMap<String, Vec<Sym>> = store
            .entities
            .keys()
            .map(|id| {
                let direct = own.get(id).into_iter().flatten();
                let groups = inherited.get(id.as_str()).into_iter().flatten();
                let through = groups.flat_map(|group| &store.groups[group].policies);
                let all: BTreeSet<Sym> = direct.chain(through).map(|name| Sym::new(name)).collect();
                (id.clone(), all.into_iter().collect())
            })
            .collect();
        for (id, policies) in policies {
            if let Some(entity) = store.entities.get_mut(&id) {
                entity.policies = policies;
            }
        }
        store
    }

    /// Reads what templates may name about each entity.
    pub(super) fn read_values(&mut self, space: &Space<'_>) {
        let groups: BTreeMap<&str, Values> = all(space, "identity/group/id")
            .filter_map(|answer| Some((text(&answer.data, "id")?, template::group(&answer.data))))
            .collect();
        let inherited = self.inherited();
        let mut values = BTreeMap::new();
        for answer in all(space, "identity/entity/id") {
            let Some(id) = text(&answer.data, "id") else {
                continue;
            };
            let mut own = template::entity(&answer.data);
            for group in inherited.get(id).into_iter().flatten() {
                own.extend(groups.get(group.as_str()).cloned().unwrap_or_default());
            }
            values.insert(Sym::new(id), own);
        }
        self.values = values;
    }

    /// All groups each entity is in, through groups in groups too.
    fn inherited(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let mut parents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, group) in &self.groups {
            for child in &group.groups {
                parents.entry(child).or_default().push(id);
            }
        }
        let mut of: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (id, group) in &self.groups {
            let mut above: BTreeSet<&str> = BTreeSet::new();
            let mut waiting = vec![id.as_str()];
            while let Some(next) = waiting.pop() {
                if above.insert(next) {
                    waiting.extend(parents.get(next).into_iter().flatten());
                }
            }
            for entity in &group.entities {
                of.entry(entity)
                    .or_default()
                    .extend(above.iter().map(|&group| group.to_owned()));
            }
        }
        of
    }

    /// Groups and entities with their policies.
    pub(super) fn principals(&self, space: &Space<'_>) -> Vec<Principal> {
        let inherited = self.inherited();
        let mut principals = Vec::new();
        for group in self.groups.values() {
            let grants = group
                .policies
                .iter()
                .map(|policy| Grant {
                    location: Some(group.location),
                    ..Grant::new(policy, "group-policy")
                })
                .collect();
            principals.push(Principal {
                who: group.who,
                grants,
                beside: Vec::new(),
                credential: None,
                entity: None,
            });
        }
        for answer in all(space, "identity/entity/id") {
            let Some((id, entity)) = text(&answer.data, "id")
                .and_then(|id| self.entities.get(id).map(|entity| (id, entity)))
            else {
                continue;
            };
            let mut grants: Vec<Grant> = strings(&answer.data, "policies")
                .into_iter()
                .map(|policy| Grant {
                    location: Some(answer.location),
                    ..Grant::new(policy, "entity-policy")
                })
                .collect();
            for group in inherited.get(id).into_iter().flatten() {
                let group = &self.groups[group];
                grants.extend(group.policies.iter().map(|policy| Grant {
                    via: Some(group.name),
                    location: Some(group.location),
                    ..Grant::new(policy, "group-policy")
                }));
            }
            principals.push(Principal {
                who: entity.who,
                grants,
                beside: vec![Sym::new("default")],
                credential: None,
                entity: Some(Sym::new(id)),
            });
        }
        principals
    }

    /// What approving in control groups needs to know: groups that approve and who
    /// is in them.
    pub(super) fn mark_approvers(&self, build: &mut Builder, approvers: &BTreeSet<&str>) {
        for (id, group) in &self.groups {
            if !approvers.contains(group.name.as_str()) && !approvers.contains(id.as_str()) {
                continue;
            }
            let attrs = &mut build.identity_mut(group.who).attrs;
            attrs.set("approves", true);
        }
    }

    /// Ids and names of the groups each entity is in, through groups in groups too.
    pub(super) fn groups_of_entities(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.inherited()
            .into_iter()
            .map(|(entity, groups)| {
                let names = groups
                    .iter()
                    .map(|id| self.groups[id].name.to_string())
                    .collect::<Vec<_>>();
                (entity.to_owned(), groups.into_iter().chain(names).collect())
            })
            .collect()
    }

    /// Names of groups that exist.
    pub(super) fn group_names(&self) -> BTreeSet<&str> {
        self.groups
            .iter()
            .flat_map(|(id, group)| [id.as_str(), group.name.as_str()])
            .collect()
    }

    /// Tells entities how many tokens of theirs are alive.
    pub(super) fn finish(&self, build: &mut Builder) {
        for entity in self.entities.values() {
            let attrs = &mut build.identity_mut(entity.who).attrs;
            attrs.set("live_tokens", entity.live_tokens);
        }
    }
}

fn owner(config: &Config, data: &Json) -> Option<Sym> {
    let metadata = data.get("metadata")?;
    config
        .ownership
        .tags
        .iter()
        .find_map(|tag| text(metadata, tag))
        .map(Sym::new)
}

fn entity(
    space: &Space<'_>,
    table: &Table,
    config: &Config,
    id: &str,
    answer: &Answer,
) -> Identity {
    let data = &answer.data;
    let aliases: Vec<&Json> = data
        .get("aliases")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .collect();
    let methods: BTreeSet<String> = aliases
        .iter()
        .filter_map(|alias| {
            text(alias, "mount_type").map(str::to_owned).or_else(|| {
                let accessor = text(alias, "mount_accessor")?;
                table.by_accessor(accessor).map(|mount| mount.kind.clone())
            })
        })
        .collect();
    let person = methods.iter().any(|kind| {
        matches!(
            kind.as_str(),
            "oidc" | "ldap" | "userpass" | "github" | "okta" | "radius" | "kerberos" | "saml"
        )
    });
    let name = text(data, "name").unwrap_or(id);
    let mut fact = Identity::new(
        System::Vault,
        space.tenant,
        format!("identity/entity/id/{id}"),
        if person {
            IdentityKind::Human
        } else {
            IdentityKind::Workload
        },
        name,
    );
    fact.uid = Sym::new(id);
    fact.owner = owner(config, data);
    fact.created = time(data, "creation_time");
    fact.active = flag(data, "disabled") != Some(true);
    fact.location = Some(answer.location);
    let attrs = &mut fact.attrs;
    attrs.set("type", "entity");
    attrs.set("aliases", aliases.len());
    attrs.set("direct_policies", strings(data, "policies").len());
    let mut names: Vec<Sym> = aliases
        .iter()
        .filter_map(|alias| text(alias, "name"))
        .map(Sym::new)
        .collect();
    names.sort();
    let verified = methods
        .iter()
        .all(|kind| VERIFYING.contains(&kind.as_str()));
    if !names.is_empty() {
        if verified && !methods.is_empty() {
            attrs.set("verified_names", names.clone());
        }
        attrs.set("alias_names", names);
    }
    if !methods.is_empty() {
        attrs.set(
            "methods",
            methods
                .iter()
                .map(|kind| Sym::new(kind))
                .collect::<Vec<_>>(),
        );
    }
    fact
}

fn group(space: &Space<'_>, config: &Config, id: &str, name: &str, answer: &Answer) -> Identity {
    let data = &answer.data;
    let mut fact = Identity::new(
        System::Vault,
        space.tenant,
        format!("identity/group/id/{id}"),
        IdentityKind::Group,
        name,
    );
    fact.uid = Sym::new(id);
    fact.owner = owner(config, data);
    fact.created = time(data, "creation_time");
    fact.location = Some(answer.location);
    let attrs = &mut fact.attrs;
    attrs.set("type", "group");
    let external = text(data, "type") == Some("external");
    attrs.set("external", external);
    let members =
        strings(data, "member_entity_ids").len() + strings(data, "member_group_ids").len();
    attrs.set("members", members);
    fact
}
