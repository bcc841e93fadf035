//! One entitlement for each subject of each binding.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Cluster, SYSTEM, role_id};
use crate::model::{
    Activation, Effect, Entitlement, Moment, Permission, PermissionSet, PermissionSetRef, Sym,
    Tier, Verdict,
};
use crate::resolve::kubernetes::catalogue::Catalogue;
use crate::resolve::kubernetes::defaults::Defaults;
use crate::resolve::kubernetes::grants::{self, State};
use crate::resolve::kubernetes::jit;
use crate::resolve::kubernetes::judge::{Held, Hit};
use crate::resolve::kubernetes::rbac::{Rule, SubjectKind};
use crate::resolve::kubernetes::subject::{MASTERS, Principal, split_service_account};

/// What a role is worth where it is bound.
#[derive(Clone, Debug, Default)]
struct Worth {
    tier: Tier,
    techniques: Vec<Sym>,
    cluster_admin: bool,
    wildcard: bool,
}

impl Cluster<'_> {
    pub(super) fn describe_entitlements(&mut self) {
        // Bindings share roles, so what a role is worth and allows is found out once.
        let bindings = self.evaluator.bindings;
        let bound: Vec<Option<(u32, Option<Sym>)>> = bindings
            .iter()
            .enumerate()
            .map(|(at, binding)| {
                let scope = (!binding.cluster).then_some(binding.meta.namespace);
                Some((self.evaluator.role_of(at as u32)?, scope))
            })
            .collect();
        let distinct: FxHashSet<(u32, Option<Sym>)> = bound.iter().flatten().copied().collect();
        let worths: FxHashMap<(u32, Option<Sym>), Worth> = distinct
            .into_par_iter()
            .map(|key| (key, self.worth(key.0, key.1)))
            .collect();
        let mut seen = FxHashSet::default();
        let roles: Vec<u32> = bound
            .iter()
            .flatten()
            .map(|&(role, _)| role)
            .filter(|&role| seen.insert(role))
            .collect();
        let permissions: Vec<PermissionSet> = roles
            .par_iter()
            .map(|&role| self.permissions(role))
            .collect();
        let sets: FxHashMap<u32, PermissionSetRef> = roles
            .into_iter()
            .zip(permissions)
            .map(|(role, set)| (role, self.build.permission_set(set)))
            .collect();
        let facts: Vec<Entitlement> = bound
            .par_iter()
            .enumerate()
            .flat_map_iter(|(at, role)| {
                let worth = role.and_then(|key| worths.get(&key));
                let set = role.and_then(|(role, _)| sets.get(&role).copied());
                let cluster = &*self;
                (0..bindings[at].subjects.len())
                    .filter_map(move |number| cluster.entitlement(at as u32, number, worth, set))
            })
            .collect();
        for fact in facts {
            self.build.entitlement(fact);
        }
        let masters = Principal::Group(Sym::new(MASTERS));
        if let Some(identity) = self.identity_of(masters) {
            let mut fact =
                Entitlement::new(SYSTEM, self.tenant, identity, "implicit", MASTERS, "*");
            fact.tier = Tier::Admin;
            fact.attrs.set("cluster_admin", true);
            fact.attrs.set("default_binding", true);
            self.build.entitlement(fact);
        }
    }

    /// What `role` is worth, bound in `scope` or everywhere.
    fn worth(&self, role: u32, scope: Option<Sym>) -> Worth {
        let catalogue = Catalogue::get();
        let capability = self.judgement.capabilities[role as usize];
        let mut held = Held::default();
        match scope {
            None => held.cluster = capability.rights,
            Some(namespace) => {
                let mut rights = capability.rights;
                rights.whole &= !catalogue.cluster_rights;
                rights.named &= !catalogue.cluster_rights;
                held.namespaces.insert(namespace, rights);
            }
        }
        let hits = self.judgement.hits_of(&held, &Held::default());
        // Nobody in particular: named rights are worth what their verbs are.
        let nobody = Principal::User(Sym::default());
        let tier = hits
            .iter()
            .filter(|hit| !hit.named)
            .map(|hit| self.judgement.tier(hit, nobody))
            .max()
            .unwrap_or_default();
        let is = |hit: &Hit, id: &str| catalogue.techniques[hit.technique].id == id;
        Worth {
            tier: tier.max(capability.base),
            cluster_admin: scope.is_none() && hits.iter().any(|hit| is(hit, "K8S-E02")),
            wildcard: hits
                .iter()
                .any(|hit| is(hit, "K8S-E01") || is(hit, "K8S-E02")),
            techniques: hits
                .iter()
                .map(|hit| catalogue.techniques[hit.technique].id)
                .collect(),
        }
    }

    fn permissions(&self, role: u32) -> PermissionSet {
        let rules = self.evaluator.rules(role);
        PermissionSet::new(
            rules
                .iter()
                .map(|&rule| permission(self.evaluator.rule(rule)))
                .collect(),
        )
    }

    fn entitlement(
        &self,
        at: u32,
        number: usize,
        worth: Option<&Worth>,
        permissions: Option<PermissionSetRef>,
    ) -> Option<Entitlement> {
        let binding = &self.evaluator.bindings[at as usize];
        let subject = &binding.subjects[number];
        let principal = Principal::of(subject)?;
        let identity = self.identity_of(principal)?;
        let kind = if binding.to_cluster_role {
            "ClusterRole"
        } else {
            "Role"
        };
        let role = self.evaluator.role_of(at);
        let privilege = role.map_or_else(
            || format!("{kind}/{}", binding.role),
            |role| role_id(&self.evaluator.roles[role as usize]),
        );
        let (mechanism, scope) = if binding.cluster {
            ("cluster-role-binding", "*")
        } else {
            ("role-binding", binding.meta.namespace.as_str())
        };
        let mut fact = Entitlement::new(
            SYSTEM,
            self.tenant,
            identity,
            mechanism,
            privilege.as_str(),
            scope,
        );
        fact.permissions = permissions;
        fact.since = binding.meta.created;
        fact.owner = self.owner_of(&binding.meta);
        // A binding to nothing is wrong where it names the role.
        fact.location = match role {
            Some(_) => subject.location.or(binding.meta.location),
            None => binding.role_location.or(subject.location),
        };
        fact.verdict = if role.is_some() {
            Verdict::Yes
        } else {
            Verdict::No
        };
        // Nothing ends a binding but a just-in-time operator.
        fact.expires = Moment::Never;
        let attrs = &mut fact.attrs;
        let name = match binding.cluster {
            true => binding.meta.name,
            false => Sym::new(&format!("{}/{}", binding.meta.namespace, binding.meta.name)),
        };
        attrs.set("binding", name);
        attrs.set("role", privilege.as_str());
        if binding.to_cluster_role {
            attrs.set("cluster_role", Sym::new(&binding.role));
        }
        attrs.set(
            "role_missing",
            role.is_none() && self.roles_known(binding.to_cluster_role),
        );
        attrs.set(
            "namespace_assumed",
            subject.namespace_assumed && !binding.cluster,
        );
        let account = split_service_account(principal.name().as_str());
        attrs.set(
            "written_as_user",
            subject.kind == SubjectKind::User && account.is_some(),
        );
        attrs.set(
            "cross_namespace",
            !binding.cluster
                && account.is_some_and(|(namespace, _)| binding.meta.namespace != namespace),
        );
        if let (Some((namespace, name)), true) = (account, self.accounts_known()) {
            let key = (Sym::new(namespace), Sym::new(name));
            let there = name == "default" || self.accounts.contains(&key);
            attrs.set("subject_missing", !there);
        }
        if let Some(used) = self.use_of(principal) {
            attrs.set("pods", used.pods);
        }
        let default = Defaults::get().is_default_subject(binding, number);
        if let (Some(role), Some(worth)) = (role, worth) {
            fact.tier = worth.tier;
            let defaults = Defaults::get();
            let unaltered = self.default_roles[role as usize];
            let object = &self.evaluator.roles[role as usize];
            attrs.set("default_role", unaltered);
            attrs.set("default_binding", default && unaltered);
            attrs.set("altered_default", !unaltered && defaults.has_name(object));
            attrs.set_some("vendor", self.vendors[role as usize]);
            let brought = self.aggregated_from(role, |_| true);
            if !brought.is_empty() {
                attrs.set("aggregated_from", brought);
            }
            attrs.set("wildcard", worth.wildcard);
            attrs.set("cluster_admin", worth.cluster_admin);
            let rules = self.evaluator.rules(role);
            let rules = rules.iter().map(|&rule| self.evaluator.rule(rule));
            attrs.set(
                "partial_wildcard",
                !worth.wildcard && rules.clone().any(has_wildcard),
            );
            attrs.set("inert_rules", rules.filter(|rule| is_inert(rule)).count());
            if !worth.techniques.is_empty() {
                attrs.set("techniques", worth.techniques.clone());
            }
        }
        self.set_activation(&mut fact, at, principal);
        self.set_usage(&mut fact, at, number);
        Some(fact)
    }

    /// Whether a role that is not there is really missing: manifests may name roles
    /// that other manifests bring.
    fn roles_known(&self, cluster_role: bool) -> bool {
        self.status.whole_cluster && self.roles_read[usize::from(cluster_role)]
    }

    fn set_activation(&self, fact: &mut Entitlement, at: u32, principal: Principal) {
        let binding = &self.evaluator.bindings[at as usize];
        let identity = &self.build.facts().identities[fact.identity.0 as usize];
        let attrs = &mut fact.attrs;
        let mut by = |operator: &str, owner: Option<&jit::JitObject>| {
            attrs.set("jit_operator", operator);
            if let Some(jit) = owner {
                attrs.set(
                    "jit_owner",
                    format!("{}/{}", jit.kind, jit.meta.name).as_str(),
                );
                attrs.set("jit_over_maximum", grants::over_maximum(jit, self.objects));
                attrs.set("jit_self_approved", grants::self_approved(jit));
            }
        };
        match &self.states[at as usize] {
            State::Standing => {
                fact.activation = match identity.break_glass {
                    true => Activation::BreakGlass,
                    false => Activation::Standing,
                };
                self.set_gates(fact, binding.role, principal);
            }
            State::Live { owner, until } => {
                let jit = &self.objects.jit[*owner];
                by(jit.operator, Some(jit));
                attrs.set("jit", "live");
                fact.activation = Activation::Jit;
                fact.expires = Moment::At(*until);
            }
            State::Overdue { owner, since } => {
                let jit = &self.objects.jit[*owner];
                by(jit.operator, Some(jit));
                attrs.set("jit", "overdue");
                fact.expires = Moment::At(*since);
            }
            State::Claimed(doubt) => {
                attrs.set("jit", "claimed");
                attrs.set("jit_doubt", doubt.as_str());
            }
            State::Unknown(doubt) => {
                attrs.set("jit", "unknown");
                attrs.set("jit_doubt", doubt.as_str());
                fact.activation = Activation::Unknown;
            }
        }
    }

    /// Policies by which the holder could ask for what it has for ever, or by which
    /// others are let into a group that is bound.
    fn set_gates(&self, fact: &mut Entitlement, role: Sym, principal: Principal) {
        for policy in &self.objects.jit {
            if policy.role != jit::Role::Policy {
                continue;
            }
            let id = || format!("{}/{}", policy.kind, policy.meta.name);
            if policy.privileges.contains(&principal.name())
                && matches!(principal, Principal::Group(_))
            {
                fact.attrs.set("gated_group", id().as_str());
                if self.status.webhook_authorizer == Some(true) {
                    fact.activation = Activation::Eligible;
                }
            } else if policy.privileges.contains(&role)
                && policy.subjects.contains(&principal.name())
            {
                fact.attrs.set("jit_requestable", id().as_str());
            }
        }
    }
}

fn has_wildcard(rule: &Rule) -> bool {
    let star = |list: &[Sym]| list.iter().any(|item| *item == "*");
    !rule.resources.is_empty() && (star(&rule.verbs) || star(&rule.resources))
}

/// Whether a rule can never allow anything.
fn is_inert(rule: &Rule) -> bool {
    let nameless = |verb: &Sym| *verb == "create";
    let no_subresource = rule
        .resources
        .iter()
        .all(|resource| !resource.contains('/'));
    let dead = |resource: &Sym| resource.ends_with("/*") && *resource != "*/*";
    (!rule.names.is_empty() && no_subresource && rule.verbs.iter().all(nameless))
        || (!rule.resources.is_empty() && rule.resources.iter().all(dead))
}

/// A rule as a permission: verbs on `group/resource:name`, or on `url:…`.
fn permission(rule: &Rule) -> Permission {
    let mut actions: Vec<Sym> = rule.verbs.to_vec();
    actions.sort();
    actions.dedup();
    let names: Vec<&str> = match rule.names.is_empty() {
        true => vec!["*"],
        false => rule.names.iter().map(|name| name.as_str()).collect(),
    };
    let mut resources: Vec<Sym> = rule
        .urls
        .iter()
        .map(|url| Sym::new(&format!("url:{url}")))
        .collect();
    for group in &rule.groups {
        let group = if group.is_empty() { "core" } else { group };
        for resource in &rule.resources {
            for name in &names {
                resources.push(Sym::new(&format!("{group}/{resource}:{name}")));
            }
        }
    }
    resources.sort();
    resources.dedup();
    Permission {
        effect: Effect::Allow,
        actions: actions.into(),
        not_actions: false,
        resources: resources.into(),
        not_resources: false,
        condition: None,
    }
}
