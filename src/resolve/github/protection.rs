//! How default branches are protected, and whom the protection does not hold.
//!
//! Every ruleset that applies is judged: one without bypass actors does not make up for
//! another with them.

use std::collections::BTreeSet;

use super::facts::Facts;
use super::graph::{self, BypassActor};
use super::organisation::Repository;
use super::pattern;
use super::people::team_id;
use crate::model::{IdentityKind, IdentityRef, Location, Moment, Sym, Tier};

/// What protects a branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Whether everything that could protect it was seen.
    pub seen: bool,
    /// Some rule asks for a pull request.
    pub pull_request: bool,
    /// The most approvals any rule asks for.
    pub approvals: i64,
    /// Administrators are held too (by a ruleset, or by a classic rule that says so).
    pub holds_admins: bool,
}

impl Protection {
    /// Nobody changes the branch alone.
    pub fn reviewed(&self) -> bool {
        self.pull_request && self.approvals > 0
    }
}

/// What protects the default branch of `repository`.
pub fn of_default_branch(facts: &Facts<'_>, name: &str, repository: &Repository) -> Protection {
    let mut found = Protection {
        seen: repository.protections.is_some() && facts.org.rulesets.is_some(),
        ..Protection::default()
    };
    let Some(branch) = &repository.default_branch else {
        return found;
    };
    for rule in repository.protections.iter().flatten() {
        if !pattern::branch(&rule.pattern, branch) {
            continue;
        }
        if rule.requires_approving_reviews == Some(true) {
            found.pull_request = true;
            found.approvals = found
                .approvals
                .max(rule.required_approving_review_count.unwrap_or(0));
        }
        found.holds_admins |= rule.is_admin_enforced == Some(true);
    }
    for ruleset in applying(facts, name, repository) {
        if ruleset.enforcement.as_deref() != Some("ACTIVE") || !covers(ruleset, branch) {
            continue;
        }
        let rules = ruleset
            .rules
            .as_ref()
            .or_else(|| facts.org.details.get(&ruleset.id)?.rules.as_ref());
        for rule in rules.into_iter().flat_map(graph::Connection::nodes) {
            if rule.kind == "PULL_REQUEST" {
                found.pull_request = true;
                found.holds_admins = true;
                let asked = rule
                    .parameters
                    .as_ref()
                    .and_then(|asked| asked.required_approving_review_count);
                found.approvals = found.approvals.max(asked.unwrap_or(0));
            }
        }
    }
    found
}

fn applying<'a>(
    facts: &Facts<'a>,
    name: &'a str,
    repository: &'a Repository,
) -> impl Iterator<Item = &'a graph::Ruleset> {
    let above = facts.org.rulesets.iter().flatten().filter(move |ruleset| {
        let names = ruleset
            .conditions
            .as_ref()
            .and_then(|conditions| conditions.repository_name.as_ref());
        // A ruleset bound to ids or properties is not decided here and not counted on.
        names
            .is_some_and(|names| pattern::includes_repository(&names.include, &names.exclude, name))
    });
    above.chain(repository.rulesets.iter().flatten())
}

fn covers(ruleset: &graph::Ruleset, branch: &str) -> bool {
    ruleset
        .target
        .as_deref()
        .is_none_or(|target| target == "BRANCH")
        && ruleset
            .conditions
            .as_ref()
            .and_then(|conditions| conditions.ref_name.as_ref())
            .is_some_and(|refs| pattern::includes_ref(&refs.include, &refs.exclude, branch, true))
}

/// Adds an entitlement for everybody whom a ruleset or protection rule lets past.
pub fn add(facts: &mut Facts<'_>) {
    let org = facts.org;
    for ruleset in org.rulesets.iter().flatten() {
        let location = facts.files.location("graph-rulesets", &[]).or_else(|| {
            let id = ruleset.id.clone();
            facts.files.location("ruleset", &[&id])
        });
        add_ruleset(facts, ruleset, "*", location);
    }
    for (name, repository) in org.repositories.iter().flatten() {
        let scope = org.full_name(name);
        for ruleset in repository.rulesets.iter().flatten() {
            add_ruleset(facts, ruleset, &scope, repository.location);
        }
        for rule in repository.protections.iter().flatten() {
            add_rule(facts, rule, &scope, repository.location);
        }
    }
}

fn add_ruleset(
    facts: &mut Facts<'_>,
    ruleset: &graph::Ruleset,
    scope: &str,
    location: Option<Location>,
) {
    let org = facts.org;
    let actors = ruleset
        .bypass_actors
        .as_ref()
        .or_else(|| org.details.get(&ruleset.id)?.bypass_actors.as_ref());
    let mut seen = BTreeSet::new();
    for actor in actors.into_iter().flat_map(graph::Connection::nodes) {
        let (who, label) = actor_identity(facts, actor, location);
        if !seen.insert(label) {
            continue;
        }
        let privilege = format!(
            "ruleset/{}",
            ruleset
                .database_id
                .map_or_else(|| ruleset.name.clone(), |id| id.to_string())
        );
        let mut fact = facts.entitlement(who, "ruleset-bypass", &privilege, scope);
        fact.tier = Tier::Write;
        fact.expires = Moment::Never;
        fact.location = location;
        let attrs = &mut fact.attrs;
        attrs.set("ruleset", ruleset.name.as_str());
        let mode = actor.bypass_mode.as_deref().unwrap_or("ALWAYS");
        attrs.set("bypass_mode", mode.to_ascii_lowercase().as_str());
        if let Some(enforcement) = &ruleset.enforcement {
            attrs.set("enforcement", enforcement.to_ascii_lowercase().as_str());
        }
        if let Some(target) = &ruleset.target {
            attrs.set("ruleset_target", target.to_ascii_lowercase().as_str());
        }
        facts.build.entitlement(fact);
    }
}

/// The identity behind a bypass actor: a team, an App, or a role as a group.
fn actor_identity(
    facts: &mut Facts<'_>,
    actor: &BypassActor,
    location: Option<Location>,
) -> (IdentityRef, String) {
    let role = |facts: &mut Facts<'_>, name: &str| {
        let id = format!("role/{name}");
        let at = facts.find(&id).unwrap_or_else(|| {
            let identity = facts.identity(&id, IdentityKind::Group, name, location);
            facts.build.identity(identity)
        });
        (at, id)
    };
    if actor.organization_admin {
        return role(facts, "organization-owner");
    }
    if actor.enterprise_owner {
        return role(facts, "enterprise-owner");
    }
    if actor.deploy_key {
        return role(facts, "deploy-key");
    }
    if let Some(name) = &actor.repository_role_name {
        return role(facts, &format!("repository-{name}"));
    }
    match &actor.actor {
        Some(typed) => typed_identity(facts, typed, location),
        None => role(facts, "unnamed"),
    }
}

fn typed_identity(
    facts: &mut Facts<'_>,
    typed: &graph::Typed,
    location: Option<Location>,
) -> (IdentityRef, String) {
    let slug = typed
        .slug
        .as_deref()
        .or(typed.login.as_deref())
        .unwrap_or_default();
    match typed.kind.as_str() {
        "User" => (facts.person(slug, None, location), slug.to_owned()),
        kind => {
            let team = kind == "Team";
            let by_number = slug.strip_prefix('#').and_then(|id| id.parse::<u64>().ok());
            let slug = by_number
                .filter(|_| team)
                .and_then(|id| {
                    facts
                        .org
                        .teams
                        .iter()
                        .flatten()
                        .find(|(_, team)| team.id == Some(id))
                        .map(|(slug, _)| slug.as_str())
                })
                .unwrap_or(slug);
            let id = if team {
                team_id(slug)
            } else {
                format!("app/{slug}")
            };
            let at = facts.find(&id).unwrap_or_else(|| {
                let kind = if team {
                    IdentityKind::Group
                } else {
                    IdentityKind::Workload
                };
                let identity = facts.identity(&id, kind, slug, location);
                facts.build.identity(identity)
            });
            (at, id)
        }
    }
}

fn add_rule(
    facts: &mut Facts<'_>,
    rule: &graph::ProtectionRule,
    scope: &str,
    location: Option<Location>,
) {
    let org = facts.org;
    let Some(detail) = org.details.get(&rule.id) else {
        return;
    };
    for (mechanism, list) in [
        (
            "pull-request-bypass",
            &detail.bypass_pull_request_allowances,
        ),
        ("force-push-bypass", &detail.bypass_force_push_allowances),
    ] {
        for allowance in list.iter().flat_map(graph::Connection::nodes) {
            let Some(actor) = &allowance.actor else {
                continue;
            };
            let (who, _) = typed_identity(facts, actor, location);
            let mut fact =
                facts.entitlement(who, mechanism, &format!("branch/{}", rule.pattern), scope);
            fact.tier = Tier::Write;
            fact.expires = Moment::Never;
            fact.location = location;
            fact.attrs.set("ruleset", Sym::new(&rule.pattern));
            fact.attrs.set("bypass_mode", "always");
            fact.attrs.set("enforcement", "active");
            facts.build.entitlement(fact);
        }
    }
}
