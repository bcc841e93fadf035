//! Stored secrets: by name and age only, and who can read them out.
//!
//! Whoever can push a workflow to a repository can print every secret its jobs get, so
//! a secret's exposure is the set of people who write to the repositories that see it.

use super::access::Writers;
use super::answer::{Repository as RepositoryAnswer, Secret};
use super::facts::Facts;
use super::read::Located;
use super::workloads::{Guards, open_environments, workflows_id};
use crate::model::{Moment, Sym, Tier};
use crate::snapshot::github::kind;

/// A store of secrets and its documents.
struct Store {
    name: &'static str,
    list: &'static str,
    repositories: Option<&'static str>,
}

const STORES: &[Store] = &[
    Store {
        name: "actions",
        list: "actions-secrets",
        repositories: Some("actions-secret-repositories"),
    },
    Store {
        name: "dependabot",
        list: "dependabot-secrets",
        repositories: Some("dependabot-secret-repositories"),
    },
    Store {
        name: "codespaces",
        list: "codespaces-secrets",
        repositories: None,
    },
    Store {
        name: "agents",
        list: "agent-secrets",
        repositories: Some("agent-secret-repositories"),
    },
];

/// Adds the secrets of the organisation, its repositories and environments.
pub fn add(facts: &mut Facts<'_>, writers: &Writers, guards: &Guards) {
    let mut reachable: std::collections::BTreeMap<String, usize> = Default::default();
    for store in STORES {
        add_organization(facts, store, writers, &mut reachable);
    }
    let org = facts.org;
    for (name, repository) in org.repositories.iter().flatten() {
        for (store, document) in [
            ("actions", "repository-actions-secrets"),
            ("dependabot", "repository-dependabot-secrets"),
            ("codespaces", "repository-codespaces-secrets"),
        ] {
            let optional = store == "codespaces" || repository.archived;
            let found = if optional {
                facts
                    .files
                    .list_if_there::<Secret>(document, &[name], &mut facts.gaps)
            } else {
                facts
                    .files
                    .list::<Secret>(document, &[name], &mut facts.gaps)
            };
            for secret in found.unwrap_or_default() {
                if store == "actions" {
                    *reachable.entry(name.clone()).or_default() += 1;
                }
                let place = At {
                    store,
                    level: "repository",
                    repository: Some(name),
                    environment: None,
                };
                add_secret(facts, &secret, &place, |attrs| {
                    attrs.set("writers", writers.count(name));
                    attrs.set("readers", 1usize);
                    attrs.set("public_readers", usize::from(repository.public()));
                });
            }
        }
    }
    for ((name, environment), guard) in guards {
        let found = facts.files.list::<Secret>(
            "environment-secrets",
            &[name, environment],
            &mut facts.gaps,
        );
        let list = found.unwrap_or_default();
        let id = format!("oidc/{}/environment:{environment}", org.full_name(name));
        if let Some(at) = facts.find(&id) {
            facts
                .build
                .identity_mut(at)
                .attrs
                .set("environment_secrets", list.len());
        }
        for secret in list {
            if !guard.protected() {
                *reachable.entry(name.clone()).or_default() += 1;
            }
            let place = At {
                store: "actions",
                level: "environment",
                repository: Some(name),
                environment: Some(environment),
            };
            add_secret(facts, &secret, &place, |attrs| {
                attrs.set("writers", writers.count(name));
                attrs.set("readers", 1usize);
                attrs.set("environment_protected", guard.protected());
            });
        }
    }
    for name in org.repositories.iter().flatten().map(|(name, _)| name) {
        if let Some(at) = facts.find(&workflows_id(&org.full_name(name))) {
            let attrs = &mut facts.build.identity_mut(at).attrs;
            attrs.set(
                "secrets_reachable",
                reachable.get(name).copied().unwrap_or(0),
            );
            attrs.set("environments_open", open_environments(guards, name));
        }
    }
}

fn add_organization(
    facts: &mut Facts<'_>,
    store: &Store,
    writers: &Writers,
    reachable: &mut std::collections::BTreeMap<String, usize>,
) {
    let Some(secrets) = facts.files.list::<Secret>(store.list, &[], &mut facts.gaps) else {
        return;
    };
    let org = facts.org;
    for secret in secrets {
        let visibility = secret.visibility.as_deref().unwrap_or_default();
        // Which repositories get it. `private` means private and internal ones.
        let readers: Option<Vec<&str>> = match (visibility, store.repositories) {
            ("selected", Some(document)) => facts
                .files
                .list::<RepositoryAnswer>(document, &[&secret.name], &mut facts.gaps)
                .map(|list| {
                    list.iter()
                        .filter_map(|one| org.repositories.as_ref()?.get_key_value(&one.name))
                        .map(|(name, _)| name.as_str())
                        .collect()
                }),
            ("selected", None) => None,
            (visibility, _) => org.repositories.as_ref().map(|all| {
                all.iter()
                    .filter(|(_, one)| !one.archived && (visibility == "all" || !one.public()))
                    .map(|(name, _)| name.as_str())
                    .collect()
            }),
        };
        let place = At {
            store: store.name,
            level: "organization",
            repository: None,
            environment: None,
        };
        let public = readers.as_ref().map(|readers| {
            readers
                .iter()
                .filter(|name| {
                    org.repositories
                        .as_ref()
                        .and_then(|all| all.get(**name))
                        .is_some_and(super::organisation::Repository::public)
                })
                .count()
        });
        let people = readers.as_ref().map(|readers| {
            let mut all = writers.everywhere.clone();
            for name in readers {
                all.extend(
                    writers
                        .by_repository
                        .get(*name)
                        .into_iter()
                        .flatten()
                        .cloned(),
                );
            }
            all.len()
        });
        if store.name == "actions" {
            for name in readers.iter().flatten() {
                *reachable.entry((*name).to_owned()).or_default() += 1;
            }
        }
        add_secret(facts, &secret, &place, |attrs| {
            if !visibility.is_empty() {
                attrs.set("secret_visibility", visibility);
            }
            attrs.set_some("readers", readers.as_ref().map(Vec::len));
            if visibility == "selected"
                && let Some(names) = &readers
            {
                let names = names.iter().map(|name| Sym::new(&org.full_name(name)));
                attrs.set("repositories", names.collect::<Vec<_>>());
            }
            attrs.set_some("public_readers", public);
            attrs.set_some("writers", people);
        });
    }
}

struct At<'a> {
    store: &'static str,
    level: &'static str,
    repository: Option<&'a str>,
    environment: Option<&'a str>,
}

fn add_secret(
    facts: &mut Facts<'_>,
    secret: &Located<Secret>,
    at: &At<'_>,
    more: impl FnOnce(&mut crate::model::Attrs),
) {
    let full_name = at.repository.map(|name| facts.org.full_name(name));
    let mut id = format!("secret/{}", at.store);
    for part in [full_name.as_deref(), at.environment].into_iter().flatten() {
        id.push('/');
        id.push_str(part);
    }
    id.push('/');
    id.push_str(&secret.name);
    let mut fact = facts.credential(None, "stored-secret", &id, &secret.name);
    fact.created = secret.created_at.at();
    fact.rotated = secret.updated_at;
    // GitHub tells neither the end of a secret's life nor its use.
    fact.expires = Moment::Unknown;
    fact.tier = Tier::Write;
    fact.location = Some(secret.location);
    fact.attrs.set("secret_store", at.store);
    fact.attrs.set("secret_level", at.level);
    fact.attrs
        .set_some("repository", full_name.as_deref().map(Sym::new));
    fact.attrs.set_some("environment", at.environment);
    more(&mut fact.attrs);
    facts.build.credential(fact);
}

/// Says that repositories' own Codespaces secrets are asked for only on demand.
pub fn note(facts: &mut Facts<'_>) {
    let asked = facts
        .files
        .names("repository-codespaces-secrets")
        .next()
        .is_some();
    if !asked && let Some(kind) = kind("repository-codespaces-secrets") {
        facts.gaps.lacking(kind, &[], super::gaps::Why::Missing);
    }
}
