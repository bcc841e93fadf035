//! Answers of REST in the form GraphQL gives them.

use super::Repository;
use crate::resolve::github::answer;
use crate::resolve::github::graph;
use crate::resolve::github::read::Located;

pub(super) fn from_rest(repository: &Located<answer::Repository>) -> Repository {
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

pub(super) fn from_rest_ruleset(ruleset: &answer::Ruleset) -> graph::Ruleset {
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

pub(super) fn from_rest_protection(
    protection: &answer::Protection,
    branch: String,
) -> graph::ProtectionRule {
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
