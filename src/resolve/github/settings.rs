//! Settings of the organisation, as attributes of the tenant.

use super::answer::{
    ActionsPermissions, ForkApproval, ForkWorkflows, OidcProperty, OidcTemplate, SelectedActions,
    SelfHosted, WorkflowPermissions,
};
use super::facts::{Facts, list};
use super::oidc::names_repository;
use crate::model::{Attrs, Location, Sym, System, Tenant};

/// Adds the tenant.
pub fn add(facts: &mut Facts<'_>) {
    let mut attrs = Attrs::new();
    let org = facts.org;
    if let Some(settings) = &org.settings {
        attrs.set_some(
            "plan",
            settings.plan.as_ref().map(|plan| Sym::new(&plan.name)),
        );
        attrs.set_some(
            "base_permission",
            settings.default_repository_permission.as_deref(),
        );
        for (name, value) in [
            (
                "two_factor_required",
                settings.two_factor_requirement_enabled,
            ),
            (
                "members_create_repositories",
                settings.members_can_create_repositories,
            ),
            (
                "members_create_public_repositories",
                settings.members_can_create_public_repositories,
            ),
            (
                "members_fork_private_repositories",
                settings.members_can_fork_private_repositories,
            ),
            (
                "members_delete_repositories",
                settings.members_can_delete_repositories,
            ),
            (
                "members_change_visibility",
                settings.members_can_change_repo_visibility,
            ),
            (
                "members_invite_outside",
                settings.members_can_invite_outside_collaborators,
            ),
            (
                "deploy_keys_enabled",
                settings.deploy_keys_enabled_for_repositories,
            ),
            ("domain_verified", settings.is_verified),
        ] {
            attrs.set_some(name, value);
        }
    }
    attrs.set_some("members", org.members.as_ref().map(|all| all.len()));
    attrs.set_some("owners", org.owners.as_ref().map(|all| all.len()));
    if let Some(owners) = &org.owners {
        let registered = owners
            .iter()
            .filter(|login| {
                facts
                    .find(login)
                    .is_some_and(|at| facts.build.facts().identity(at).break_glass)
            })
            .count();
        attrs.set("owners_standing", owners.len() - registered);
    }
    attrs.set_some(
        "outside_collaborators",
        org.outside.as_ref().map(|all| all.len()),
    );
    attrs.set_some(
        "people_without_two_factor",
        org.without_two_factor.as_ref().map(|all| all.len()),
    );
    attrs.set_some(
        "repositories",
        org.repositories.as_ref().map(|all| all.len()),
    );
    if facts.files.has("graph-enterprise", &[]) {
        attrs.set("enterprise_owners", org.enterprise_owners.len());
        attrs.set("single_sign_on", org.linked.is_some());
    }
    attrs.set_some("ip_allow_list", org.ip_allow_list);
    add_actions(facts, &mut attrs);
    add_oidc(facts, &mut attrs);
    let name = org
        .settings
        .as_ref()
        .and_then(|settings| settings.name.clone())
        .unwrap_or_else(|| org.login.clone());
    let location: Option<Location> = org.settings.as_ref().map(|settings| settings.location);
    facts.build.tenant(Tenant {
        system: System::Github,
        id: facts.tenant,
        name: Sym::new(&name),
        attrs,
        location,
    });
}

fn add_actions(facts: &mut Facts<'_>, attrs: &mut Attrs) {
    let (files, gaps) = (facts.files, &mut facts.gaps);
    let mut selected = false;
    if let Some(found) = files.one::<ActionsPermissions>("actions-permissions", &[], gaps) {
        attrs.set_some("actions_enabled", found.enabled_repositories.as_deref());
        attrs.set_some("allowed_actions", found.allowed_actions.as_deref());
        attrs.set_some("actions_pinned", found.sha_pinning_required);
        selected = found.allowed_actions.as_deref() == Some("selected");
    }
    if selected && let Some(found) = files.one::<SelectedActions>("actions-selected", &[], gaps) {
        attrs.set("allowed_action_patterns", list(&found.patterns_allowed));
        attrs.set_some("verified_actions_allowed", found.verified_allowed);
    }
    if let Some(found) = files.list_if_there::<WorkflowPermissions>("actions-workflow", &[], gaps)
        && let Some(found) = found.first()
    {
        attrs.set_some(
            "workflow_default",
            found.default_workflow_permissions.as_deref(),
        );
        attrs.set_some("workflows_approve", found.can_approve_pull_request_reviews);
    }
    if let Some(found) = files.one::<SelfHosted>("actions-self-hosted", &[], gaps) {
        attrs.set_some("repository_runners", found.enabled_repositories.as_deref());
    }
    if let Some(found) = files.one::<ForkApproval>("actions-fork-approval", &[], gaps) {
        attrs.set_some("fork_approval", found.approval_policy.as_deref());
    }
    if let Some(found) = files.one::<ForkWorkflows>("actions-fork-private", &[], gaps) {
        attrs.set_some(
            "fork_workflows",
            found.run_workflows_from_fork_pull_requests,
        );
        attrs.set_some("fork_write_tokens", found.send_write_tokens_to_workflows);
        attrs.set_some("fork_secrets", found.send_secrets_and_variables);
        attrs.set_some(
            "fork_workflow_approval",
            found.require_approval_for_fork_pr_workflows,
        );
    }
}

fn add_oidc(facts: &mut Facts<'_>, attrs: &mut Attrs) {
    let (files, gaps) = (facts.files, &mut facts.gaps);
    if let Some(found) = files.list_if_there::<OidcTemplate>("oidc", &[], gaps)
        && let Some(found) = found.first()
    {
        attrs.set("oidc_template", list(&found.include_claim_keys));
        if !found.include_claim_keys.is_empty() {
            attrs.set(
                "oidc_names_repository",
                names_repository(&found.include_claim_keys),
            );
        }
        attrs.set_some("oidc_immutable", found.use_immutable_subject);
    }
    if let Some(found) = files.list::<OidcProperty>("oidc-properties", &[], gaps) {
        attrs.set(
            "oidc_properties",
            list(found.iter().map(|one| one.property_name.as_str())),
        );
    }
}
