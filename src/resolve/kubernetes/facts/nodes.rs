//! Kubelets and what their pods open to them, and how free pods are in a namespace.

use rustc_hash::FxHashMap;

use super::{Cluster, SYSTEM, identity_id};
use crate::model::{Evidence, Gate, Path, Step, Sym, Tier, Verdict};
use crate::resolve::kubernetes::node::Reach;
use crate::resolve::kubernetes::rbac::Meta;
use crate::resolve::kubernetes::subject::{Principal, service_account};

/// The label by which a namespace says how free its pods are (Kubernetes
/// documentation, *Pod Security Admission*).
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// How free the pods of a namespace are, freest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PodSecurity {
    Restricted,
    Baseline,
    Privileged,
}

impl PodSecurity {
    pub const fn as_str(self) -> &'static str {
        match self {
            PodSecurity::Restricted => "restricted",
            PodSecurity::Baseline => "baseline",
            PodSecurity::Privileged => "privileged",
        }
    }
}

/// The level of every namespace that was read.
pub(super) fn levels(namespaces: &[Meta]) -> FxHashMap<Sym, PodSecurity> {
    let level = |meta: &Meta| match meta.label(ENFORCE).as_deref() {
        Some("restricted") => PodSecurity::Restricted,
        Some("baseline") => PodSecurity::Baseline,
        // Without a label the server's default counts, which is this one unless its
        // configuration file says otherwise.
        _ => PodSecurity::Privileged,
    };
    let all = namespaces.iter().map(|meta| (meta.name, level(meta)));
    all.collect()
}

impl Cluster<'_> {
    /// How free pods are in the freest of `namespaces`, or in the freest of all where
    /// there are none named. `None` where a namespace that could be the freest was not
    /// read.
    pub(super) fn pod_security(&self, namespaces: &[Sym]) -> Option<PodSecurity> {
        let known = &self.pod_levels;
        let freest = match namespaces {
            [] => known.values().max(),
            some => some.iter().filter_map(|name| known.get(name)).max(),
        };
        let all_known = namespaces.iter().all(|name| known.contains_key(name));
        freest
            .copied()
            .filter(|level| all_known || *level == PodSecurity::Privileged)
    }

    /// From each kubelet to what the pods on its node need: what the Node authorizer
    /// opens to it, and so to whoever takes the node over.
    pub(super) fn describe_kubelets(&mut self) {
        if !self.has_node_authorizer() {
            return;
        }
        let mut paths: Vec<Path> = Vec::new();
        for (node, reach) in self.objects.graph().reach() {
            paths.extend(self.kubelet(node, &reach));
        }
        for path in paths {
            self.build.path(path);
        }
    }

    /// Whether kubelets are answered by the Node authorizer, as far as is known.
    pub(super) fn has_node_authorizer(&self) -> bool {
        let modes = self.status.list("authorization-mode");
        modes.is_none_or(|modes| modes.contains(&"Node"))
    }

    fn kubelet(&self, node: Sym, reach: &Reach) -> Option<Path> {
        let kubelet = Principal::User(Sym::new(&format!("system:node:{node}")));
        let from = self.identity_of(kubelet)?;
        let account = |&(namespace, name): &(Sym, Sym)| {
            Principal::User(Sym::new(&service_account(&namespace, &name)))
        };
        let rank = |who: &Principal| {
            let platform = self
                .identity_of(*who)
                .is_some_and(|at| self.build.facts().identity(at).platform);
            (self.tier_of(*who), !platform)
        };
        // The strongest; of equals one that is not the platform's, then the first name.
        let best = reach
            .accounts
            .iter()
            .map(account)
            .min_by_key(|who| (std::cmp::Reverse(rank(who)), *who));
        let (Some(best), false) = (best, reach.pods == 0) else {
            return None;
        };
        let (tier, own) = rank(&best);
        let mut steps = vec![Step {
            from: identity_id(kubelet),
            action: Sym::new("makes tokens of the accounts of its pods"),
            to: identity_id(best),
            gate: Gate::None,
            evidence: vec![Evidence::new(
                format!(
                    "the Node authorizer lets `{node}` at what its {} pods need",
                    reach.pods
                ),
                node,
            )],
        }];
        if let Principal::User(user) = best {
            self.follow(user, kubelet, &mut steps);
        }
        let least = match reach.secrets.is_empty() {
            true => Tier::None,
            false => Tier::Read,
        };
        let mut path = Path {
            system: SYSTEM,
            tenant: self.tenant,
            from,
            to: self.identity_of(best),
            tier: tier.max(least),
            technique: Sym::new("K8S-N01"),
            name: Sym::new("holds what the pods of its node need"),
            verdict: Verdict::Yes,
            residual: None,
            gate: Gate::None,
            steps,
            attrs: Default::default(),
            location: self
                .objects
                .nodes
                .iter()
                .find(|meta| meta.name == node)
                .and_then(|meta| meta.location),
        };
        let attrs = &mut path.attrs;
        attrs.set("scope", format!("Node/{node}").as_str());
        attrs.set("pods", reach.pods);
        attrs.set("platform_account", !own);
        for (name, list) in [("accounts", &reach.accounts), ("secrets", &reach.secrets)] {
            if !list.is_empty() {
                let names = list
                    .iter()
                    .map(|(namespace, name)| format!("{namespace}/{name}"));
                attrs.set(name, names.map(Sym::from).collect::<Vec<Sym>>());
            }
        }
        Some(path)
    }
}
