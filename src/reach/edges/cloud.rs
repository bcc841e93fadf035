//! Edges between a cloud, clusters and vaults: cluster maps of cloud principals (X6),
//! logins by signed requests (X9), and what a vault's engines draw (X11, X12).

use super::{Join, list, node};
use crate::model::{ClaimTest, IdentityRef, Sym, System, TrustKind};
use crate::reach::graph::{Basis, Edge, Kind};

impl Join<'_> {
    pub(super) fn cloud(&mut self) {
        self.mapped();
        self.access_entries();
        self.signed_requests();
        self.engines();
    }

    /// X6 by the map the cluster keeps itself: cloud principal to user or group.
    fn mapped(&mut self) {
        let inventory = self.inventory;
        for (at, trust) in (0..).zip(&inventory.trusts) {
            if trust.system != System::Kubernetes
                || trust.kind != TrustKind::Identity
                || trust.attrs.text(self.names.cloud).as_deref() != Some("aws")
            {
                continue;
            }
            let found = self.principals(&trust.trustee).to_vec();
            if found.is_empty() && self.account_was_read(trust.trustee_tenant) {
                let who = "whoever may create a principal of that name in the account";
                self.dies(at, "no-such-role", Some(who));
            }
            for from in found {
                let edge = Edge::new(Kind::X6, node(from), node(trust.target))
                    .shown_by(Basis::Trust(at))
                    .if_so(trust.verdict, trust.residual);
                self.edge(edge);
            }
        }
    }

    /// X6 by access entries, which the cloud keeps: an identity stands for the entry,
    /// its groups are the cluster's, and its policies are judged by the cloud.
    fn access_entries(&mut self) {
        let inventory = self.inventory;
        let mut groups = rustc_hash::FxHashMap::default();
        for (at, identity) in (0..).map(IdentityRef).zip(&inventory.identities) {
            if identity.system == System::Kubernetes {
                groups.insert((identity.tenant, identity.name), at);
            }
        }
        for (at, trust) in (0..).zip(&inventory.trusts) {
            if trust.system != System::Aws || trust.kind != TrustKind::Identity {
                continue;
            }
            let entry = inventory.identity(trust.target);
            let Some(name) = entry.attrs.text(self.names.eks_cluster) else {
                continue;
            };
            let Some((cluster, proved)) = self.cluster(trust.issuer, &name) else {
                continue;
            };
            let before = self.draft.edges.len();
            let froms = self.principals(&trust.trustee).to_vec();
            for from in froms {
                let known = list(&entry.attrs, self.names.groups);
                for group in known.iter().chain([&entry.name]) {
                    if let Some(to) = groups.get(&(cluster, *group)) {
                        let edge =
                            Edge::new(Kind::X6, node(from), node(*to)).shown_by(Basis::Trust(at));
                        self.edge(edge);
                    }
                }
                let admin = entry.attrs.flag(self.names.admin_policy) == Some(true);
                if admin && let Some(to) = self.draft.tenant(System::Kubernetes, cluster) {
                    let edge = Edge::new(Kind::X6, node(from), to).shown_by(Basis::Trust(at));
                    self.edge(edge);
                }
            }
            self.doubt(before, proved);
        }
    }

    /// X9: cloud principals a vault lets in.
    fn signed_requests(&mut self) {
        let inventory = self.inventory;
        for (at, trust) in (0..).zip(&inventory.trusts) {
            if trust.system != System::Vault
                || trust.kind != TrustKind::Identity
                || trust.attrs.text(self.names.method).as_deref() != Some("aws")
            {
                continue;
            }
            let wide = trust.claims.iter().find(|claim| {
                claim.test != ClaimTest::Equals && claim.values.contains(&trust.trustee)
            });
            let froms: Vec<IdentityRef> = match wide {
                Some(claim) => (0..)
                    .map(IdentityRef)
                    .zip(&inventory.identities)
                    .filter(|(_, one)| one.system == System::Aws && claim.admits(&one.id))
                    .map(|(at, _)| at)
                    .collect(),
                None => self.principals(&trust.trustee).to_vec(),
            };
            for from in froms {
                let edge = Edge::new(Kind::X9, node(from), node(trust.target))
                    .shown_by(Basis::Trust(at))
                    .if_so(trust.verdict, trust.residual);
                self.edge(edge);
            }
        }
    }

    /// X11 and X12: engine roles and what they hand out.
    fn engines(&mut self) {
        let inventory = self.inventory;
        for (at, role) in (0..).map(IdentityRef).zip(&inventory.identities) {
            if role.system != System::Vault {
                continue;
            }
            let attrs = &role.attrs;
            match attrs.text(self.names.engine).as_deref() {
                Some("aws") => {
                    for arn in list(attrs, self.names.draws_as) {
                        let found = self.principals(arn).to_vec();
                        for to in found {
                            self.edge(Edge::new(Kind::X11, node(at), node(to)));
                        }
                    }
                    if attrs.flag(self.names.admin_policy) == Some(true)
                        && let Some(account) = attrs.text(self.names.cloud_account)
                        && let Some(to) = self.draft.tenant(System::Aws, account)
                    {
                        self.edge(Edge::new(Kind::X11, node(at), to));
                    }
                }
                Some("kubernetes") => self.cluster_engine(at),
                _ => {}
            }
        }
    }

    /// X12: the engine's connection does not tell its cluster's issuer, so this is a
    /// candidate, and only where one cluster was read.
    fn cluster_engine(&mut self, at: IdentityRef) {
        let attrs = &self.inventory.identity(at).attrs;
        let mut all = self.inventory.tenants.iter();
        let Some(cluster) = all.find(|tenant| tenant.system == System::Kubernetes) else {
            return;
        };
        if all.any(|tenant| tenant.system == System::Kubernetes) {
            return;
        }
        let before = self.draft.edges.len();
        if let Some(name) = attrs.text(self.names.service_account) {
            let key = (cluster.id, Sym::of("service_account_name"), name);
            let accounts = self.showing.get(&key).cloned().unwrap_or_default();
            for to in accounts {
                self.edge(Edge::new(Kind::X12, node(at), node(to)));
            }
        }
        if attrs.flag(self.names.admin_policy) == Some(true)
            && let Some(to) = self.draft.tenant(System::Kubernetes, cluster.id)
        {
            self.edge(Edge::new(Kind::X12, node(at), to));
        }
        self.doubt(before, false);
    }
}
