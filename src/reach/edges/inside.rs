//! Edges within a system, from what its resolver found: who writes which workflows,
//! which tokens those get, who assumes whom, and who administers what.

use rustc_hash::FxHashMap;

use super::{Join, gate_of, list, node, number};
use crate::model::{Gate, IdentityRef, Sym, System, Tier, TrustKind, Verdict};
use crate::reach::graph::{Basis, Edge, Kind, Level, Point};

impl Join<'_> {
    pub(super) fn inside(&mut self) {
        self.writers();
        self.mints();
        self.assumes();
        self.assigned();
        self.escalations();
        self.administrators();
    }

    /// Whoever writes to a repository writes its workflows.
    fn writers(&mut self) {
        for (at, fact) in (0..).zip(&self.inventory.entitlements) {
            if fact.system != System::Github || fact.tier < Tier::Write {
                continue;
            }
            if fact.attrs.flag(self.names.writes_workflows) != Some(true) {
                continue;
            }
            let to = if fact.scope == "*" {
                self.draft.point(Point {
                    system: System::Github,
                    tenant: fact.tenant,
                    name: every_repository(),
                })
            } else if let Some(to) = self.workflows.get(&(fact.tenant, fact.scope)) {
                node(*to)
            } else {
                continue;
            };
            let mut edge = Edge::new(Kind::Writes, node(fact.identity), to)
                .shown_by(Basis::Entitlement(at))
                .if_so(fact.verdict, fact.residual);
            edge.gate = gate_of(fact.activation);
            self.edge(edge);
        }
        let mut all: Vec<_> = self
            .workflows
            .iter()
            .map(|(key, at)| (key.0, *at))
            .collect();
        all.sort_unstable_by_key(|(_, at)| *at);
        for (tenant, at) in all {
            let point = Point {
                system: System::Github,
                tenant,
                name: every_repository(),
            };
            if let Some(from) = self.draft.known_point(point) {
                self.edge(Edge::new(Kind::Within, from, node(at)));
            }
        }
    }

    /// Workflows have tokens minted; an environment or a reviewed branch may stand in
    /// between. An approval its requester can give himself gates nobody.
    fn mints(&mut self) {
        for (at, fact) in (0..).zip(&self.inventory.trusts) {
            let Some(source) = fact.source.filter(|_| fact.system == System::Github) else {
                continue;
            };
            let minted = &self.inventory.identity(fact.target).attrs;
            if minted.get(self.names.subject).is_none() {
                continue;
            }
            let mut edge =
                Edge::new(Kind::Mints, node(source), node(fact.target)).shown_by(Basis::Trust(at));
            let gate = minted.text(self.names.gate).filter(|gate| *gate != "none");
            let own = minted.flag(self.names.prevent_self_review) == Some(true);
            let note = |why: &str| Some(Sym::new(why));
            (edge.gate, edge.verdict, edge.note) =
                match (minted.flag(self.names.protected), gate.as_deref()) {
                    (None, _) => (
                        Gate::Unknown,
                        Verdict::Conditional,
                        note("the protection of the branch was not seen"),
                    ),
                    (Some(true), Some("reviewers")) if !own => (
                        Gate::Unproved,
                        Verdict::Yes,
                        note("whoever starts the deployment may approve it"),
                    ),
                    (Some(true), Some(gate)) => {
                        let count = number(minted, self.names.reviewers).unwrap_or(0);
                        let text = match gate {
                            "reviewers" => format!("one of {count} reviewers approves"),
                            other => format!("somebody else agrees ({other})"),
                        };
                        (Gate::Proved, Verdict::Yes, note(&text))
                    }
                    (Some(true), None) => {
                        (Gate::Proved, Verdict::Yes, note("somebody else agrees"))
                    }
                    (Some(false), Some(gate)) => (
                        Gate::Unproved,
                        Verdict::Yes,
                        note(&format!("nobody has to agree ({gate})")),
                    ),
                    (Some(false), None) => (Gate::None, Verdict::Yes, None),
                };
            self.edge(edge);
        }
    }

    /// Identities that become others of the same system by a trust.
    fn assumes(&mut self) {
        // Roles that ask everybody for more than who he is.
        let mut guarded: FxHashMap<IdentityRef, bool> = FxHashMap::default();
        for (at, fact) in (0..).zip(&self.inventory.trusts) {
            if !matches!(fact.system, System::Aws | System::Vault)
                || !matches!(fact.kind, TrustKind::Identity | TrustKind::Tenant)
            {
                continue;
            }
            let asks = !fact.claims.is_empty() || fact.verdict != Verdict::Yes;
            *guarded.entry(fact.target).or_insert(true) &= asks;
            let Some(source) = fact.source else { continue };
            let asked = || {
                let names: Vec<&str> = fact.claims.iter().map(|one| one.name.as_str()).collect();
                Sym::new(&format!("it presents {}", names.join(", ")))
            };
            let home = self.inventory.identity(source).tenant == fact.tenant;
            let (verdict, note) = if fact.verdict != Verdict::Yes {
                (fact.verdict, fact.residual)
            } else if !fact.claims.is_empty() {
                (Verdict::Conditional, Some(asked()))
            } else if home {
                (Verdict::Yes, None)
            } else {
                let note = "its own policies allow it as well";
                (Verdict::Conditional, Some(Sym::new(note)))
            };
            let mut edge = Edge::new(Kind::Assumes, node(source), node(fact.target))
                .shown_by(Basis::Trust(at))
                .if_so(verdict, note);
            if fact.attrs.flag(self.names.needs_approval) == Some(true) {
                edge = match fact.attrs.flag(self.names.approval_controlled) {
                    // Who makes himself or a friend an approver needs no leave.
                    Some(true) => Edge::new(Kind::X19, node(source), node(fact.target))
                        .shown_by(Basis::Trust(at)),
                    _ => Edge {
                        gate: Gate::Proved,
                        verdict: Verdict::Yes,
                        ..edge
                    },
                };
            }
            self.edge(edge);
        }
        // Users of whom both sides were judged.
        for (target, identity) in (0..).map(IdentityRef).zip(&self.inventory.identities) {
            for taker in list(&identity.attrs, self.names.takers) {
                let asks = guarded.get(&target) == Some(&true);
                let found: Vec<_> = self.principals(taker).to_vec();
                for source in found {
                    let mut edge = Edge::new(Kind::Assumes, node(source), node(target));
                    if asks {
                        let note = Sym::new("it presents what the trust asks for");
                        edge = edge.if_so(Verdict::Conditional, Some(note));
                    }
                    self.edge(edge);
                }
            }
        }
    }

    /// People and groups that Identity Center brings to a role.
    fn assigned(&mut self) {
        let mut reserved: FxHashMap<(Sym, Sym), IdentityRef> = FxHashMap::default();
        for (at, identity) in (0..).map(IdentityRef).zip(&self.inventory.identities) {
            if identity.attrs.flag(self.names.reserved_sso) == Some(true)
                && let Some(set) = identity.attrs.text(self.names.permission_set)
            {
                reserved.insert((identity.tenant, set), at);
            }
        }
        for (at, fact) in (0..).zip(&self.inventory.entitlements) {
            let set = fact.attrs.text(self.names.permission_set);
            let account = fact.attrs.text(self.names.account);
            let (Some(set), Some(account)) = (set, account) else {
                continue;
            };
            let Some(role) = reserved.get(&(account, set)) else {
                continue;
            };
            let mut edge = Edge::new(Kind::Assigned, node(fact.identity), node(*role))
                .shown_by(Basis::Entitlement(at));
            edge.gate = gate_of(fact.activation);
            self.edge(edge);
        }
    }

    /// What the systems' own catalogues found.
    fn escalations(&mut self) {
        let mut namespaces: Vec<Point> = Vec::new();
        for (at, fact) in (0..).zip(&self.inventory.paths) {
            let basis = Basis::Path(at);
            if let Some(to) = fact.to {
                let mut edge = Edge::new(Kind::Escalates, node(fact.from), node(to))
                    .shown_by(basis)
                    .if_so(fact.verdict, fact.residual);
                edge.gate = fact.gate;
                self.edge(edge);
            }
            let Some(which) = fact.attrs.text(self.names.accounts) else {
                continue;
            };
            let places: Vec<Sym> = match fact.attrs.flag(self.names.cluster_wide) {
                Some(true) => vec![Sym::new("*")],
                _ => list(&fact.attrs, self.names.namespaces).to_vec(),
            };
            for place in places {
                let point = accounts_in(fact.tenant, &which, &place);
                namespaces.push(point);
                let to = self.draft.point(point);
                let mut edge = Edge::new(Kind::TakesOver, node(fact.from), to)
                    .shown_by(basis)
                    .if_so(fact.verdict, fact.residual);
                edge.gate = fact.gate;
                self.edge(edge);
            }
        }
        if namespaces.is_empty() {
            return;
        }
        let mut accounts: Vec<IdentityRef> = self.accounts_of.values().flatten().copied().collect();
        accounts.sort_unstable();
        for at in accounts {
            let identity = self.inventory.identity(at);
            let Some(namespace) = identity.attrs.text(self.names.namespace) else {
                continue;
            };
            let running = number(&identity.attrs, self.names.pods).unwrap_or(0) > 0;
            for which in ["any", "running"] {
                if which == "running" && !running {
                    continue;
                }
                for place in [namespace, Sym::new("*")] {
                    let point = accounts_in(identity.tenant, which, &place);
                    if let Some(from) = self.draft.known_point(point) {
                        self.edge(Edge::new(Kind::Within, from, node(at)));
                    }
                }
            }
        }
    }

    /// Who holds the admin tier of a tenant, and by what: of each identity the worst
    /// way of each level.
    fn administrators(&mut self) {
        let mut best: FxHashMap<(u32, u32, Level), Edge> = FxHashMap::default();
        let mut consider = |edge: Edge| {
            if edge.verdict != Verdict::No {
                best.entry((edge.from, edge.to, edge.level()))
                    .or_insert(edge);
            }
        };
        // Who has his tier from elsewhere does not administer where he is kept.
        let mut elsewhere: FxHashMap<u32, Vec<Edge>> = FxHashMap::default();
        for (at, fact) in (0..).zip(&self.inventory.entitlements) {
            if fact.tier < Tier::Admin {
                continue;
            }
            let edge = self.draft.tenant(fact.system, fact.tenant).map(|to| {
                let mut edge = Edge::new(Kind::Administers, node(fact.identity), to)
                    .shown_by(Basis::Entitlement(at))
                    .if_so(fact.verdict, fact.residual);
                edge.gate = gate_of(fact.activation);
                edge
            });
            let home = self.inventory.identity(fact.identity).tenant == fact.tenant;
            // An assignment is to an account: the role there holds the tier.
            let assigned = fact.attrs.text(self.names.permission_set).is_some();
            if home && !assigned {
                edge.into_iter().for_each(&mut consider);
                continue;
            }
            let here = fact
                .attrs
                .text(self.names.account)
                .is_some_and(|to| to == fact.tenant);
            let all = elsewhere.entry(node(fact.identity)).or_default();
            all.extend(edge.filter(|edge| home && here && edge.verdict != Verdict::No));
        }
        for (at, fact) in (0..).zip(&self.inventory.paths) {
            if fact.tier < Tier::Admin {
                continue;
            }
            // A way that ends at an identity of another tenant administers that one.
            let tenant = fact
                .to
                .map_or(fact.tenant, |to| self.inventory.identity(to).tenant);
            if let Some(to) = self.draft.tenant(fact.system, tenant) {
                let mut edge = Edge::new(Kind::Administers, node(fact.from), to)
                    .shown_by(Basis::Path(at))
                    .if_so(fact.verdict, fact.residual);
                edge.gate = fact.gate;
                consider(edge);
            }
        }
        for (at, identity) in (0..).map(IdentityRef).zip(&self.inventory.identities) {
            if identity.tier == Tier::Admin
                && identity.attrs.text(self.names.subject).is_none()
                && let Some(to) = self.draft.tenant(identity.system, identity.tenant)
            {
                let mut levels = Level::ALL.into_iter();
                if !levels.any(|level| best.contains_key(&(node(at), to, level))) {
                    let edges = elsewhere
                        .remove(&node(at))
                        .unwrap_or_else(|| vec![Edge::new(Kind::Administers, node(at), to)]);
                    for edge in edges {
                        best.entry((edge.from, edge.to, edge.level()))
                            .or_insert(edge);
                    }
                }
            }
        }
        let mut all: Vec<Edge> = best.into_values().collect();
        all.sort_unstable_by_key(|edge| (edge.from, edge.level(), edge.to));
        for edge in all {
            self.edge(edge);
        }
    }
}

fn every_repository() -> Sym {
    Sym::new("workflows of every repository")
}

fn accounts_in(tenant: Sym, which: &str, namespace: &str) -> Point {
    let name = match which {
        "running" => format!("pods of Namespace/{namespace}"),
        _ => format!("Namespace/{namespace}"),
    };
    Point {
        system: System::Kubernetes,
        tenant,
        name: Sym::new(&name),
    }
}
