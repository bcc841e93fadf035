//! From one cluster's objects to facts.

mod cloud;
mod credentials;
mod entitlements;
mod identities;
mod nodes;
mod paths;
mod tenant;
mod usage;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::Context;
use super::aggregate::Effective;
use super::audit::AuditLog;
use super::defaults::Defaults;
use super::evaluate::Evaluator;
use super::grants::{self, State};
use super::judge::Judgement;
use super::objects::Objects;
use super::rbac::{Role, Rule};
use super::status::Status;
use super::subject::{
    ANONYMOUS, AUTHENTICATED, MASTERS, Principal, SERVICE_ACCOUNTS, UNAUTHENTICATED,
    split_service_account,
};
use crate::model::{Builder, IdentityRef, Inventory, Sym, System, Tier};

const SYSTEM: System = System::Kubernetes;

/// Everything known about one cluster while its facts are made.
struct Cluster<'o> {
    tenant: Sym,
    objects: &'o Objects,
    status: &'o Status,
    context: &'o Context<'o>,
    evaluator: Evaluator<'o>,
    judgement: Judgement<'o>,
    states: Vec<State>,
    /// Service accounts that are there, by namespace and name.
    accounts: FxHashSet<(Sym, Sym)>,
    /// Whether any role, and any cluster role, was in the input.
    roles_read: [bool; 2],
    /// Per role: whether it is the platform's own, unaltered.
    default_roles: Vec<bool>,
    vendors: Vec<Option<Sym>>,
    /// Running pods and replicas per service account (namespace, name).
    pods: FxHashMap<(Sym, Sym), Use>,
    /// How free pods are in each namespace that was read.
    pod_levels: FxHashMap<Sym, nodes::PodSecurity>,
    /// What the audit log shows in use, where there is one.
    usage: Option<usage::Usage>,
    identities: FxHashMap<Principal, IdentityRef>,
    build: Builder,
}

/// How a service account is used.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    pods: usize,
    mounted: bool,
    daemonset: bool,
}

/// Makes the facts of one cluster.
pub(super) fn make(
    tenant: Sym,
    objects: &Objects,
    status: &Status,
    audit: Option<&AuditLog>,
    context: &Context<'_>,
) -> Inventory {
    let states = grants::classify(objects, context.now);
    let temporary: FxHashSet<u32> = states
        .iter()
        .enumerate()
        .filter(|(_, state)| matches!(state, State::Live { .. }))
        .map(|(at, _)| at as u32)
        .collect();
    let evaluator = objects.evaluator();
    let defaults = Defaults::get();
    let in_force = |at: usize| -> Vec<&Rule> {
        evaluator
            .rules(at as u32)
            .iter()
            .map(|&rule| evaluator.rule(rule))
            .collect()
    };
    let mut cluster = Cluster {
        tenant,
        objects,
        status,
        context,
        evaluator,
        judgement: Judgement::of(objects, &temporary),
        accounts: objects
            .service_accounts
            .iter()
            .map(|account| (account.meta.namespace, account.meta.name))
            .collect(),
        roles_read: [false, true].map(|cluster| {
            let mut roles = objects.roles.iter();
            roles.any(|role| role.cluster == cluster && !role.builtin)
        }),
        default_roles: objects
            .roles
            .par_iter()
            .enumerate()
            .map(|(at, role)| defaults.has_name(role) && defaults.is_default(role, &in_force(at)))
            .collect(),
        vendors: objects
            .roles
            .par_iter()
            .map(|role| defaults.vendor(&role.rules))
            .collect(),
        states,
        pods: uses(objects),
        pod_levels: nodes::levels(&objects.namespaces),
        usage: audit.map(|log| usage::Usage::of(log, &evaluator)),
        identities: FxHashMap::default(),
        build: Builder::new(),
    };
    cluster.describe_tenant();
    cluster.describe_identities();
    cluster.describe_entitlements();
    cluster.describe_paths();
    cluster.describe_credentials();
    cluster.describe_trusts();
    cluster.describe_coverage();
    cluster.cover_usage();
    cluster.build.finish()
}

/// How each service account is used. Pods made by a template that is in the input
/// too are counted once: as pods.
fn uses(objects: &Objects) -> FxHashMap<(Sym, Sym), Use> {
    let automount: FxHashMap<(Sym, Sym), bool> = objects
        .service_accounts
        .iter()
        .filter_map(|account| {
            let key = (account.meta.namespace, account.meta.name);
            Some((key, account.automount?))
        })
        .collect();
    let has_pods: FxHashSet<(Sym, Sym)> = objects
        .workloads
        .iter()
        .filter(|workload| workload.kind == "Pod" && workload.running)
        .map(|workload| (workload.meta.namespace, workload.service_account))
        .collect();
    let mut uses: FxHashMap<(Sym, Sym), Use> = FxHashMap::default();
    for workload in objects.workloads.iter().filter(|workload| workload.running) {
        let key = (workload.meta.namespace, workload.service_account);
        let entry = uses.entry(key).or_default();
        entry.daemonset |= workload.kind == "DaemonSet";
        entry.mounted |= workload
            .automount
            .or_else(|| automount.get(&key).copied())
            .unwrap_or(true);
        let counts = workload.kind == "Pod" || (!has_pods.contains(&key) && !workload.controlled);
        entry.pods += usize::from(counts);
    }
    uses
}

impl Cluster<'_> {
    /// The identity of a principal, described before.
    fn identity_of(&self, principal: Principal) -> Option<IdentityRef> {
        self.identities.get(&principal).copied()
    }

    fn tier_of(&self, principal: Principal) -> Tier {
        match principal {
            Principal::Group(name) if name == MASTERS => Tier::Admin,
            _ => self
                .judgement
                .tiers
                .get(&principal)
                .copied()
                .unwrap_or_default(),
        }
    }

    /// How a service account is used; nobody else runs in pods.
    fn use_of(&self, principal: Principal) -> Option<Use> {
        let Principal::User(user) = principal else {
            return None;
        };
        let (namespace, name) = split_service_account(&user)?;
        Some(
            self.pods
                .get(&(Sym::new(namespace), Sym::new(name)))
                .copied()
                .unwrap_or_default(),
        )
    }

    /// Roles besides the platform's that were aggregated into the rules `of` a role.
    fn aggregated_from(&self, role: u32, of: impl Fn(Effective) -> bool) -> Vec<Sym> {
        let mut names: Vec<Sym> = self
            .evaluator
            .rules(role)
            .iter()
            .filter(|rule| of(**rule))
            .filter_map(|rule| rule.cause)
            .filter(|&cause| !self.default_roles[cause as usize])
            .map(|cause| self.evaluator.roles[cause as usize].meta.name)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Who answers for an object, by its labels and annotations.
    fn owner_of(&self, meta: &super::rbac::Meta) -> Option<Sym> {
        self.context
            .config
            .ownership
            .tags
            .iter()
            .find_map(|tag| meta.label(tag).or_else(|| meta.annotation(tag)))
    }
}

/// `ClusterRole/view`, `Role/shop/reader`.
fn role_id(role: &Role) -> String {
    if role.cluster {
        format!("ClusterRole/{}", role.meta.name)
    } else {
        format!("Role/{}/{}", role.meta.namespace, role.meta.name)
    }
}

/// The id of an identity: `kind/namespace/name`.
fn identity_id(principal: Principal) -> Sym {
    match principal {
        Principal::Group(name) => Sym::new(&format!("Group/{name}")),
        Principal::User(name) => match split_service_account(&name) {
            Some((namespace, name)) => Sym::new(&format!("ServiceAccount/{namespace}/{name}")),
            None => Sym::new(&format!("User/{name}")),
        },
    }
}

/// Whether a group means everybody, or every workload.
fn is_everybody(principal: Principal) -> bool {
    matches!(
        principal.name().as_str(),
        ANONYMOUS | UNAUTHENTICATED | AUTHENTICATED | SERVICE_ACCOUNTS
    )
}
