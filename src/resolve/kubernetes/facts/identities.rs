//! Who is known to a cluster: service accounts, and whoever a binding names.

use std::collections::BTreeMap;

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use super::{Cluster, SYSTEM, identity_id};
use crate::model::{Identity, IdentityKind, Sym, glob};
use crate::resolve::kubernetes::defaults::Defaults;
use crate::resolve::kubernetes::node;
use crate::resolve::kubernetes::subject::{
    ANONYMOUS, MASTERS, Principal, UNAUTHENTICATED, service_account, split_node,
    split_service_account,
};
use crate::resolve::kubernetes::workload::ServiceAccount;

impl Cluster<'_> {
    pub(super) fn describe_identities(&mut self) {
        let mut all: BTreeMap<Principal, Option<&ServiceAccount>> = self
            .evaluator
            .principals()
            .into_iter()
            .map(|principal| (principal, None))
            .collect();
        for account in &self.objects.service_accounts {
            let user = service_account(&account.meta.namespace, &account.meta.name);
            all.insert(Principal::User(Sym::new(&user)), Some(account));
        }
        for workload in self
            .objects
            .workloads
            .iter()
            .filter(|workload| workload.running)
        {
            let user = service_account(&workload.meta.namespace, &workload.service_account);
            all.entry(Principal::User(Sym::new(&user))).or_default();
        }
        for node in node::nodes(self.objects) {
            let user = Sym::new(&format!("system:node:{node}"));
            all.entry(Principal::User(user)).or_default();
        }
        let mapped = self.objects.aws_auth.iter();
        for entry in mapped {
            for group in &entry.groups {
                all.entry(Principal::Group(*group)).or_default();
            }
            if !entry.username.is_empty() && !entry.username.contains('{') {
                all.entry(Principal::User(entry.username)).or_default();
            }
        }
        if self.status.whole_cluster {
            all.entry(Principal::Group(Sym::new(MASTERS))).or_default();
        }
        let all: Vec<(Principal, Option<&ServiceAccount>)> = all.into_iter().collect();
        let described: Vec<(Principal, Identity)> = all
            .into_par_iter()
            .map(|(principal, account)| (principal, self.identity(principal, account)))
            .collect();
        for (principal, identity) in described {
            let at = self.build.identity(identity);
            self.identities.insert(principal, at);
        }
    }

    fn identity(&self, principal: Principal, account: Option<&ServiceAccount>) -> Identity {
        let id = identity_id(principal);
        let mut identity =
            Identity::new(SYSTEM, self.tenant, id, kind(principal), principal.name());
        identity.tier = self.tier_of(principal);
        identity.platform = self.is_platform(principal);
        identity.break_glass = self
            .context
            .config
            .break_glass
            .iter()
            .any(|pattern| glob(pattern, &id) || glob(pattern, &principal.name()));
        let bindings = self.evaluator.bindings_of(principal);
        identity.location = bindings.first().and_then(|&(binding, subject)| {
            self.evaluator.bindings[binding as usize].subjects[subject as usize].location
        });
        let roles: FxHashSet<u32> = bindings
            .iter()
            .filter_map(|&(binding, _)| self.evaluator.role_of(binding))
            .collect();
        let mut distinct: Vec<u32> = bindings.iter().map(|&(binding, _)| binding).collect();
        distinct.dedup();
        identity.attrs.set("bindings", distinct.len());
        identity.attrs.set("roles", roles.len());
        if let Principal::User(user) = principal
            && let Some((namespace, name)) = split_service_account(&user)
        {
            self.describe_account(&mut identity, namespace, name, account);
        }
        if self.is_jit_engine(principal) {
            identity.attrs.set("jit_engine", true);
        }
        if let Principal::User(user) = principal {
            identity.last_used = self.last_seen(user);
        }
        identity
    }

    fn describe_account(
        &self,
        identity: &mut Identity,
        namespace: &str,
        name: &str,
        account: Option<&ServiceAccount>,
    ) {
        let used = self
            .pods
            .get(&(Sym::new(namespace), Sym::new(name)))
            .copied()
            .unwrap_or_default();
        identity.name = Sym::new(&format!("{namespace}/{name}"));
        let attrs = &mut identity.attrs;
        attrs.set("namespace", namespace);
        attrs.set("default_account", name == "default");
        let shows = [
            format!("sub={}", service_account(namespace, name)),
            format!("service_account_namespace={namespace}"),
            format!("service_account_name={name}"),
        ];
        attrs.set(
            "token_claims",
            shows.iter().map(Sym::from).collect::<Vec<Sym>>(),
        );
        attrs.set("token_choices", vec![Sym::of("aud=*")]);
        attrs.set("pods", used.pods);
        attrs.set("mounted", used.mounted);
        attrs.set("daemonset", used.daemonset);
        if used.daemonset && used.mounted && !self.objects.nodes.is_empty() {
            attrs.set("nodes", self.objects.nodes.len());
        }
        match account {
            Some(account) => {
                attrs.set("automount", account.automount.unwrap_or(true));
                attrs.set("missing", false);
                if !account.meta.uid.is_empty() {
                    identity.uid = account.meta.uid;
                }
                identity.created = account.meta.created;
                identity.owner = self.owner_of(&account.meta);
                identity.location = account.meta.location;
                for (key, cloud) in super::cloud::ANNOTATIONS {
                    if let Some(value) = account.meta.annotation(key) {
                        identity.attrs.set("cloud", *cloud);
                        identity.attrs.set("cloud_role", value);
                    }
                }
            }
            // Every namespace has a `default` account; manifests need not list it.
            None => attrs.set("missing", name != "default" && self.accounts_known()),
        }
    }

    /// Whether the input holds all service accounts, so that one not there is missing.
    pub(super) fn accounts_known(&self) -> bool {
        self.status.whole_cluster && !self.objects.service_accounts.is_empty()
    }

    /// The platform's own: named `system:` or living in `kube-system`, and bound by
    /// nothing but the bindings the platform makes.
    fn is_platform(&self, principal: Principal) -> bool {
        let own_name = match principal {
            Principal::Group(name) => name.starts_with("system:"),
            Principal::User(name) => split_service_account(&name)
                .map_or(name.starts_with("system:"), |(namespace, _)| {
                    namespace == "kube-system"
                }),
        };
        if !own_name {
            return false;
        }
        let bindings = self.evaluator.bindings_of(principal);
        if bindings.is_empty() {
            return split_node(&principal.name()).is_some() || principal.name() == MASTERS;
        }
        bindings.iter().all(|&(binding, subject)| {
            Defaults::get()
                .is_default_subject(&self.evaluator.bindings[binding as usize], subject as usize)
                && self
                    .evaluator
                    .role_of(binding)
                    .is_none_or(|role| self.default_roles[role as usize])
        })
    }

    /// Whether it writes both what an operator's objects say and bindings.
    fn is_jit_engine(&self, principal: Principal) -> bool {
        let techniques = &crate::resolve::kubernetes::catalogue::Catalogue::get().techniques;
        let holds = |id: &str| {
            self.judgement
                .hits
                .get(&principal)
                .into_iter()
                .flatten()
                .any(|hit| techniques[hit.technique].id == id)
        };
        let operator_seen = !self.objects.jit.is_empty();
        operator_seen
            && holds("K8S-J05")
            && (holds("K8S-E04") || holds("K8S-E05"))
            && self.use_of(principal).is_some()
    }
}

fn kind(principal: Principal) -> IdentityKind {
    match principal {
        Principal::Group(name) if name == UNAUTHENTICATED => IdentityKind::Anonymous,
        Principal::Group(_) => IdentityKind::Group,
        Principal::User(name) if name == ANONYMOUS => IdentityKind::Anonymous,
        Principal::User(name) if name.starts_with("system:") => IdentityKind::Workload,
        Principal::User(_) => IdentityKind::Human,
    }
}
