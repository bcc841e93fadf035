//! Workflows: their token, their environments, and whom they can become elsewhere.
//!
//! Whoever writes to a repository controls its workflows, and a workflow can have a
//! token minted for every subject of [`super::oidc`]. Each subject is an identity with
//! the attributes a cloud's trust policy and the path engine need: `subject`, `issuer`,
//! `protected`, `reviewers`; the trust from the repository's workflow to it says what
//! stands in between.

use super::access::Writers;
use super::answer::{
    BranchPattern, Environment, OidcTemplate, Runner, RunnerGroup, WorkflowPermissions,
};
use super::facts::{Facts, list};
use super::oidc::{About, Format, Minter, Place};
use super::organisation::Repository;
use super::protection::{Protection, of_default_branch};
use super::read::Located;
use crate::model::{
    IdentityKind, IdentityRef, Location, Moment, Sym, System, Tier, Trust, TrustKind, Verdict,
};
use crate::snapshot::github::kind;

/// The issuer of github.com. An Enterprise Server's is `https://HOST/_services/token`.
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The id of the identity that stands for a repository's workflows.
pub fn workflows_id(full_name: &str) -> String {
    format!("workflows/{full_name}")
}

/// An environment as it guards deployments.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// People or teams who may approve.
    pub reviewers: usize,
    /// Whoever started a deployment may not approve it.
    pub prevent_self_review: Option<bool>,
    /// Administrators may skip the rules.
    pub admins_bypass: Option<bool>,
    /// `none`, `protected` or `selected`.
    pub branches: &'static str,
    /// Only reviewed branches deploy.
    pub branches_reviewed: bool,
    /// Minutes of waiting.
    pub wait: i64,
    /// Other Apps that decide.
    pub custom: usize,
}

impl Guard {
    /// What stands before a deployment.
    pub fn gate(&self) -> &'static str {
        if self.reviewers > 0 {
            "reviewers"
        } else if self.custom > 0 {
            "app"
        } else if self.branches != "none" {
            "branches"
        } else if self.wait > 0 {
            "wait"
        } else {
            "none"
        }
    }

    /// Somebody else must have agreed: an approver of the deployment, a deciding App,
    /// or a reviewer of the only branches that deploy.
    pub fn protected(&self) -> bool {
        self.reviewers > 0 || self.custom > 0 || self.branches_reviewed
    }
}

/// Environments per repository, for the secrets kept in them.
pub type Guards = std::collections::BTreeMap<(String, String), Guard>;

/// Adds workflows, environments, subjects and runners.
pub fn add(facts: &mut Facts<'_>, writers: &Writers) -> Guards {
    let org_default =
        facts
            .files
            .one::<WorkflowPermissions>("actions-workflow", &[], &mut facts.gaps);
    let template = facts
        .files
        .one::<OidcTemplate>("oidc", &[], &mut facts.gaps);
    let mut guards = Guards::new();
    let org = facts.org;
    for (name, repository) in org.repositories.iter().flatten() {
        if repository.archived {
            continue;
        }
        add_repository(
            facts,
            name,
            repository,
            org_default.as_ref().map(|found| &found.value),
            template.as_ref().map(|found| &found.value),
            writers,
            &mut guards,
        );
    }
    add_runners(facts);
    guards
}

fn add_repository(
    facts: &mut Facts<'_>,
    name: &str,
    repository: &Repository,
    org_default: Option<&WorkflowPermissions>,
    template: Option<&OidcTemplate>,
    writers: &Writers,
    guards: &mut Guards,
) {
    let org = facts.org;
    let full_name = org.full_name(name);
    let branch = of_default_branch(facts, name, repository);
    let environments = environments(facts, name, repository);

    let mut identity = facts.identity(
        &workflows_id(&full_name),
        IdentityKind::Workload,
        &format!("workflows of {full_name}"),
        repository.location,
    );
    if let Some(id) = repository.id {
        identity.uid = Sym::new(&format!("workflows/{id}"));
    }
    identity.created = repository.created.at();
    let attrs = &mut identity.attrs;
    attrs.set("repository", full_name.as_str());
    attrs.set_some("repository_visibility", repository.visibility.as_deref());
    attrs.set_some("default_branch", repository.default_branch.as_deref());
    if branch.seen {
        attrs.set("default_branch_reviewed", branch.reviewed());
        attrs.set("default_branch_holds_admins", branch.holds_admins);
    }
    attrs.set("writers", writers.count(name));
    if let Some(list) = &environments {
        attrs.set("environments", list.len());
    }
    let workflows = facts.build.identity(identity);
    add_token(facts, workflows, name, &full_name, repository, org_default);

    let own = facts
        .files
        .one::<OidcTemplate>("repository-oidc", &[name], &mut facts.gaps);
    let about = About {
        owner: &org.login,
        owner_id: org
            .settings
            .as_ref()
            .map(|settings| settings.id)
            .filter(|id| *id > 0),
        name,
        id: repository.id,
        visibility: repository.visibility.as_deref(),
        created: repository.created.at(),
        server: is_server(facts),
    };
    let minter = Minter::new(about, own.as_ref().map(|own| &own.value), template);
    let subjects = Subjects {
        workflows,
        full_name: &full_name,
        repository,
        minter: &minter,
        certain: own.is_some(),
    };
    let unseen_branch = !branch.seen;
    let reviewed = branch.reviewed();
    let simple = |reviewed: bool, unseen: bool| State {
        protected: (!unseen).then_some(reviewed),
        ..State::default()
    };
    for environment in environments.iter().flatten() {
        let guard = guard(facts, name, environment, branch);
        let state = State {
            protected: Some(guard.protected()),
            guard: Some(&guard),
            location: Some(environment.location),
        };
        subjects.add(facts, &Place::Environment(environment.name.clone()), &state);
        guards.insert((name.to_owned(), environment.name.clone()), guard);
    }
    if let Some(default) = &repository.default_branch {
        let state = simple(reviewed, unseen_branch);
        subjects.add(facts, &Place::Branch(default.clone()), &state);
    }
    for place in [
        Place::PullRequest,
        Place::NewEnvironment,
        Place::AnyBranch,
        Place::AnyTag,
    ] {
        subjects.add(facts, &place, &simple(false, false));
    }
}

/// The environments of a repository; `None` if they were not seen.
fn environments(
    facts: &mut Facts<'_>,
    name: &str,
    repository: &Repository,
) -> Option<Vec<Located<Environment>>> {
    if repository.environments.as_ref().is_some_and(Vec::is_empty)
        && !facts.files.has("environments", &[name])
    {
        if let Some(kind) = kind("environments") {
            facts.gaps.answered(kind);
        }
        return Some(Vec::new());
    }
    facts.files.list("environments", &[name], &mut facts.gaps)
}

fn guard(
    facts: &mut Facts<'_>,
    name: &str,
    environment: &Environment,
    branch: Protection,
) -> Guard {
    let mut guard = Guard {
        admins_bypass: environment.can_admins_bypass,
        branches: "none",
        ..Guard::default()
    };
    for rule in &environment.protection_rules {
        match rule.kind.as_str() {
            "required_reviewers" => {
                guard.reviewers += rule.reviewers.len();
                guard.prevent_self_review = rule.prevent_self_review;
            }
            "wait_timer" => guard.wait = guard.wait.max(rule.wait_timer.unwrap_or(0)),
            "branch_policy" => {}
            _ => guard.custom += 1,
        }
    }
    if let Some(policy) = &environment.deployment_branch_policy {
        guard.branches = if policy.protected_branches == Some(true) {
            // Any protected branch deploys; only the default branch's rules were judged.
            guard.branches_reviewed = branch.seen && branch.reviewed();
            "protected"
        } else {
            let found = facts.files.list_if_there::<BranchPattern>(
                "environment-branches",
                &[name, &environment.name],
                &mut facts.gaps,
            );
            let default = facts
                .org
                .repositories
                .as_ref()
                .and_then(|all| all.get(name)?.default_branch.clone());
            guard.branches_reviewed = found.as_ref().is_some_and(|patterns| {
                !patterns.is_empty()
                    && branch.reviewed()
                    && patterns
                        .iter()
                        .all(|one| Some(&one.name) == default.as_ref())
            });
            "selected"
        };
    }
    guard
}

fn add_token(
    facts: &mut Facts<'_>,
    workflows: IdentityRef,
    name: &str,
    full_name: &str,
    repository: &Repository,
    org_default: Option<&WorkflowPermissions>,
) {
    // Where the organisation restricts the token, repositories cannot widen it, so the
    // connector does not ask each of them.
    let restricted = org_default.is_some_and(|above| {
        above.default_workflow_permissions.as_deref() == Some("read")
            && above.can_approve_pull_request_reviews == Some(false)
    });
    let own = if restricted && !facts.files.has("repository-workflow", &[name]) {
        if let Some(kind) = kind("repository-workflow") {
            facts.gaps.answered(kind);
        }
        org_default.cloned()
    } else {
        facts
            .files
            .one::<WorkflowPermissions>("repository-workflow", &[name], &mut facts.gaps)
            .map(|found| found.value)
    };
    let Some(own) = own else {
        return;
    };
    let Some(default) = own.default_workflow_permissions else {
        return;
    };
    let mut fact = facts.entitlement(workflows, "workflow-token", &default, full_name);
    fact.tier = if default == "write" {
        Tier::Write
    } else {
        Tier::Read
    };
    // The token ends with its job, but every push gets a new one.
    fact.expires = Moment::Never;
    fact.location = facts
        .files
        .location("repository-workflow", &[name])
        .or_else(|| facts.files.location("actions-workflow", &[]));
    fact.attrs
        .set("role", if default == "write" { "write" } else { "read" });
    fact.attrs
        .set_some("repository_visibility", repository.visibility.as_deref());
    fact.attrs
        .set_some("can_approve", own.can_approve_pull_request_reviews);
    facts.build.entitlement(fact);
}

/// An Enterprise Server has no plan and no public cloud settings in its answers.
fn is_server(facts: &Facts<'_>) -> bool {
    facts.context.config.github.base_url.ends_with("/api/v3")
}

fn issuer(facts: &Facts<'_>) -> String {
    let base = &facts.context.config.github.base_url;
    match base.strip_suffix("/api/v3") {
        Some(host) => format!("{host}/_services/token"),
        None => match base.strip_prefix("https://api.") {
            Some(host) if host.ends_with(".ghe.com") => format!("https://token.actions.{host}"),
            _ => ISSUER.to_owned(),
        },
    }
}

#[derive(Default)]
struct State<'g> {
    protected: Option<bool>,
    guard: Option<&'g Guard>,
    location: Option<Location>,
}

struct Subjects<'s> {
    workflows: IdentityRef,
    full_name: &'s str,
    repository: &'s Repository,
    minter: &'s Minter,
    certain: bool,
}

impl Subjects<'_> {
    fn add(&self, facts: &mut Facts<'_>, place: &Place, state: &State<'_>) {
        let (subject, other) = self.minter.subject(place);
        // A template may give several places or repositories one subject; the identity
        // is then one for each repository and place, and the subject is the attribute.
        let context = match place {
            Place::Environment(name) => format!("environment:{name}"),
            Place::NewEnvironment => "new-environment".to_owned(),
            Place::PullRequest => "pull-request".to_owned(),
            Place::Branch(_) => "default-branch".to_owned(),
            Place::AnyBranch => "any-branch".to_owned(),
            Place::AnyTag => "any-tag".to_owned(),
        };
        let id = format!("oidc/{}/{context}", self.full_name);
        let location = state.location.or(self.repository.location);
        let mut identity = facts.identity(&id, IdentityKind::Workload, &subject, location);
        if let Some(number) = self.repository.id {
            identity.uid = Sym::new(&format!("oidc/{number}/{context}"));
        }
        let attrs = &mut identity.attrs;
        attrs.set("repository", self.full_name);
        attrs.set_some(
            "repository_visibility",
            self.repository.visibility.as_deref(),
        );
        attrs.set("subject", subject.as_str());
        attrs.set("subject_other", other.as_str());
        attrs.set("subject_open", place.open() || subject.contains('*'));
        attrs.set("subject_certain", self.certain);
        attrs.set("subject_immutable", self.minter.format == Format::Immutable);
        attrs.set("subject_names_repository", self.minter.names_repository());
        attrs.set("issuer", issuer(facts).as_str());
        let token = self.minter.token(place);
        attrs.set("token_claims", token.claims);
        attrs.set("token_choices", token.choices);
        if !token.lacks.is_empty() {
            attrs.set("token_lacks", token.lacks);
        }
        let number = self.repository.id.map(|id| id.to_string());
        attrs.set_some("repository_id", number.as_deref());
        let context = match place {
            Place::Environment(_) | Place::NewEnvironment => "environment",
            Place::PullRequest => "pull-request",
            Place::Branch(_) | Place::AnyBranch => "branch",
            Place::AnyTag => "tag",
        };
        attrs.set("context", context);
        if let Place::Environment(name) = place {
            attrs.set("environment", name.as_str());
        }
        attrs.set_some("protected", state.protected);
        let mut gate = "none";
        if let Some(guard) = state.guard {
            gate = guard.gate();
            attrs.set("reviewers", guard.reviewers);
            attrs.set_some("prevent_self_review", guard.prevent_self_review);
            attrs.set_some("admins_bypass", guard.admins_bypass);
            attrs.set("branch_policy", guard.branches);
            attrs.set("wait_minutes", guard.wait);
        } else if state.protected == Some(true) {
            gate = "review";
        }
        attrs.set("gate", gate);
        let target = facts.build.identity(identity);

        let mut trust = Trust::new(
            System::Github,
            facts.tenant,
            target,
            TrustKind::Identity,
            workflows_id(self.full_name).as_str(),
        );
        trust.source = Some(self.workflows);
        trust.issuer = Some(Sym::new(&issuer(facts)));
        trust.trustee_tenant = Some(facts.tenant);
        trust.location = location;
        match state.protected {
            Some(false) => trust.verdict = Verdict::Yes,
            Some(true) => {
                trust.verdict = Verdict::Conditional;
                trust.residual = Some(Sym::new(&format!("somebody else agrees ({gate})")));
            }
            None => {
                trust.verdict = Verdict::Conditional;
                trust.residual = Some(Sym::new("the protection of the branch was not seen"));
            }
        }
        trust.attrs.set("subject", subject.as_str());
        trust.attrs.set("context", context);
        trust.attrs.set_some("protected", state.protected);
        trust.attrs.set("gate", gate);
        facts.build.trust(trust);
    }
}

fn add_runners(facts: &mut Facts<'_>) {
    let runners = facts.files.list::<Runner>("runners", &[], &mut facts.gaps);
    let groups = facts
        .files
        .list::<RunnerGroup>("runner-groups", &[], &mut facts.gaps);
    for group in groups.iter().flatten() {
        let id = format!("runner-group/{}", group.id);
        let mut identity = facts.identity(
            &id,
            IdentityKind::Workload,
            &group.name,
            Some(group.location),
        );
        let attrs = &mut identity.attrs;
        attrs.set_some("runner_visibility", group.visibility.as_deref());
        attrs.set_some(
            "runner_public_repositories",
            group.allows_public_repositories,
        );
        attrs.set_some(
            "runner_restricted_to_workflows",
            group.restricted_to_workflows,
        );
        attrs.set("runner_workflows", list(&group.selected_workflows));
        if let Some(runners) = &runners {
            let of_group = runners
                .iter()
                .filter(|runner| runner.runner_group_id == Some(group.id));
            attrs.set("runners", of_group.clone().count());
            attrs.set(
                "runners_kept",
                of_group
                    .filter(|runner| runner.ephemeral == Some(false))
                    .count(),
            );
        }
        facts.build.identity(identity);
    }
    let owned: Vec<(String, Vec<Located<Runner>>)> = facts
        .org
        .repositories
        .iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .filter_map(|name| {
            let list = facts.files.list_if_there::<Runner>(
                "repository-runners",
                &[&name],
                &mut facts.gaps,
            )?;
            Some((name, list))
        })
        .collect();
    for (name, runners) in owned {
        for runner in runners {
            let full_name = facts.org.full_name(&name);
            let id = format!("runner/{full_name}/{}", runner.id);
            let mut identity = facts.identity(
                &id,
                IdentityKind::Workload,
                &runner.name,
                Some(runner.location),
            );
            identity.attrs.set("repository", full_name.as_str());
            identity.attrs.set("runners", 1usize);
            identity
                .attrs
                .set("runners_kept", usize::from(runner.ephemeral == Some(false)));
            let visibility = facts
                .org
                .repositories
                .as_ref()
                .and_then(|all| all.get(&name)?.visibility.clone());
            identity
                .attrs
                .set_some("repository_visibility", visibility.as_deref());
            facts.build.identity(identity);
        }
    }
}

/// How many environments of `repository` nobody has to approve.
pub fn open_environments(guards: &Guards, repository: &str) -> usize {
    guards
        .range((repository.to_owned(), String::new())..)
        .take_while(|((name, _), _)| name == repository)
        .filter(|(_, guard)| !guard.protected())
        .count()
}
