//! Ways to more: a path for each technique that works for somebody, and for each pod
//! that lets its service account out to its node.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::nodes::PodSecurity;
use super::{Cluster, SYSTEM, identity_id, is_everybody, role_id};
use crate::model::{Evidence, Gate, IdentityRef, Path, Step, Sym, Tier, Verdict};
use crate::resolve::kubernetes::aggregate::Effective;
use crate::resolve::kubernetes::catalogue::{Catalogue, Reach, Rights};
use crate::resolve::kubernetes::defaults::Defaults;
use crate::resolve::kubernetes::judge::Hit;
use crate::resolve::kubernetes::rbac::Rule;
use crate::resolve::kubernetes::subject::{Principal, service_account};
use crate::resolve::kubernetes::workload::Workload;

/// Longer chains than this say no more than their first steps.
const MAX_STEPS: usize = 6;
/// Techniques that put containers of the walker's making onto a node: how far they get
/// depends on what the namespace lets pods be.
const MAKES_CONTAINERS: &[&str] = &["K8S-E14", "K8S-X04"];

/// What gives a hit: the first binding for each right, and all names for attributes.
#[derive(Default)]
struct Givers {
    evidence: Vec<Evidence>,
    roles: Vec<Sym>,
    bindings: Vec<Sym>,
    aggregated: Vec<Sym>,
    vendor: Option<Sym>,
    only_defaults: bool,
    default_bindings: bool,
}

impl Cluster<'_> {
    pub(super) fn describe_paths(&mut self) {
        let mut told = Vec::new();
        for (hits, gate) in [
            (&self.judgement.hits, Gate::None),
            (&self.judgement.temporary, Gate::Proved),
        ] {
            for (&principal, hits) in hits {
                let Some(from) = self.identity_of(principal) else {
                    continue;
                };
                told.extend(hits.iter().map(|hit| (principal, from, hit, gate)));
            }
        }
        let paths: Vec<Path> = told
            .into_par_iter()
            .filter(|(_, _, hit, _)| {
                let technique = &Catalogue::get().techniques[hit.technique];
                !technique.target || self.judgement.reached(hit).is_some()
            })
            .map(|(principal, from, hit, gate)| self.path(principal, from, hit, gate))
            .collect();
        for path in paths {
            self.build.path(path);
        }
        self.describe_node_paths();
        self.describe_kubelets();
    }

    fn path(&self, principal: Principal, from: IdentityRef, hit: &Hit, gate: Gate) -> Path {
        let technique = &Catalogue::get().techniques[hit.technique];
        let tier = self.judgement.tier(hit, principal);
        let givers = self.givers(principal, hit);
        let reached = self.judgement.reached(hit).filter(|_| !hit.named);
        let mut steps = vec![Step {
            from: identity_id(principal),
            action: technique.name,
            to: match (reached, hit.cluster) {
                (Some((account, _)), _) => identity_id(Principal::User(account)),
                (None, true) => self.tenant,
                (None, false) => Sym::new(&format!("Namespace/{}", hit.namespaces[0])),
            },
            gate,
            evidence: givers.evidence.clone(),
        }];
        if let Some((account, _)) = reached {
            self.follow(account, principal, &mut steps);
        }
        let names = match hit.named {
            true => self.judgement.names_of(hit, principal),
            false => Vec::new(),
        };
        let mut path = Path {
            system: SYSTEM,
            tenant: self.tenant,
            from,
            to: reached.and_then(|(account, _)| self.identity_of(Principal::User(account))),
            tier,
            technique: technique.id,
            name: technique.name,
            verdict: match hit.named {
                true => Verdict::Conditional,
                false => Verdict::Yes,
            },
            residual: hit.named.then(|| {
                let list: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                Sym::new(&format!("only for {}", list.join(", ")))
            }),
            gate,
            steps,
            attrs: Default::default(),
            location: givers
                .evidence
                .iter()
                .find_map(|evidence| evidence.location),
        };
        let attrs = &mut path.attrs;
        let scope = match hit.cluster {
            true => "cluster".to_owned(),
            false => {
                let list: Vec<&str> = hit.namespaces.iter().map(|name| name.as_str()).collect();
                list.join(", ")
            }
        };
        attrs.set("scope", scope.as_str());
        attrs.set("cluster_wide", hit.cluster);
        attrs.set("named", hit.named);
        let accounts = match technique.reach {
            Reach::Cluster | Reach::Namespace | Reach::Accounts => Some("any"),
            Reach::Running => Some("running"),
            Reach::Tokens | Reach::Itself => None,
        };
        attrs.set_some("accounts", accounts.filter(|_| !hit.named));
        attrs.set("default_roles", givers.only_defaults);
        attrs.set("default_bindings", givers.default_bindings);
        attrs.set("everybody", is_everybody(principal));
        attrs.set_some("vendor", givers.vendor);
        if MAKES_CONTAINERS.contains(&technique.id.as_str()) {
            let level = self.pod_security(&hit.namespaces);
            attrs.set_some("pod_security", level.map(PodSecurity::as_str));
        }
        for (name, list) in [
            ("namespaces", hit.namespaces.clone()),
            ("names", names),
            ("roles", givers.roles),
            ("bindings", givers.bindings),
            ("aggregated_from", givers.aggregated),
        ] {
            if !list.is_empty() {
                attrs.set(name, list);
            }
        }
        if let Some(used) = self.use_of(principal) {
            attrs.set("pods", used.pods);
        }
        path
    }

    /// Continues a path from a service account by its own strongest technique.
    pub(super) fn follow(&self, account: Sym, start: Principal, steps: &mut Vec<Step>) {
        let mut at = Principal::User(account);
        let mut seen = vec![start, at];
        while steps.len() < MAX_STEPS {
            let hits = self.judgement.hits.get(&at).map_or(&[][..], Vec::as_slice);
            let Some(hit) = hits
                .iter()
                .filter(|hit| !hit.named)
                .max_by_key(|hit| {
                    (
                        self.judgement.tier(hit, at),
                        std::cmp::Reverse(hit.technique),
                    )
                })
                .filter(|hit| self.judgement.tier(hit, at) >= Tier::Write)
            else {
                return;
            };
            let technique = &Catalogue::get().techniques[hit.technique];
            let next = match technique.reach {
                Reach::Cluster | Reach::Itself => None,
                _ if hit.cluster => None,
                _ => self
                    .judgement
                    .reached(hit)
                    .map(|(account, _)| Principal::User(account))
                    .filter(|next| !seen.contains(next)),
            };
            steps.push(Step {
                from: identity_id(at),
                action: technique.name,
                to: match next {
                    Some(next) => identity_id(next),
                    None if hit.cluster => self.tenant,
                    None => Sym::new(&format!("Namespace/{}", hit.namespaces[0])),
                },
                gate: Gate::None,
                evidence: self.givers(at, hit).evidence,
            });
            match next {
                Some(next) => {
                    seen.push(next);
                    at = next;
                }
                None => return,
            }
        }
    }

    /// The bindings, roles and rules that give a hit, own bindings before those of
    /// groups.
    fn givers(&self, principal: Principal, hit: &Hit) -> Givers {
        let catalogue = Catalogue::get();
        let technique = &catalogue.techniques[hit.technique];
        let wanted: Rights = technique.needs.iter().fold(0, |all, any| all | any);
        let mut missing = technique.needs.clone();
        let mut givers = Givers {
            only_defaults: true,
            default_bindings: true,
            ..Givers::default()
        };
        let gives = |rule: Effective| self.judgement.rights_of(rule).counting(hit.named);
        let everyone =
            std::iter::once(principal).chain(principal.groups().into_iter().map(Principal::Group));
        for &(at, subject) in everyone.flat_map(|who| self.evaluator.bindings_of(who)) {
            let binding = &self.evaluator.bindings[at as usize];
            let there = binding.cluster || hit.namespaces.contains(&binding.meta.namespace);
            let Some(role) = self.evaluator.role_of(at).filter(|_| there) else {
                continue;
            };
            let held = self.judgement.capabilities[role as usize].rights;
            let relevant = held.counting(hit.named);
            let usable = match binding.cluster {
                true => relevant,
                false => relevant & !catalogue.cluster_rights,
            };
            if usable & wanted == 0 || missing.is_empty() && givers.roles.len() > 8 {
                continue;
            }
            let object = &self.evaluator.roles[role as usize];
            givers.roles.push(Sym::new(&role_id(object)));
            givers.bindings.push(match binding.cluster {
                true => binding.meta.name,
                false => Sym::new(&format!("{}/{}", binding.meta.namespace, binding.meta.name)),
            });
            givers.only_defaults &= self.default_roles[role as usize];
            givers.default_bindings &= self.default_roles[role as usize]
                && Defaults::get().is_default_subject(binding, subject as usize);
            givers.vendor = givers.vendor.or(self.vendors[role as usize]);
            givers
                .aggregated
                .extend(self.aggregated_from(role, |rule| gives(rule) & wanted != 0));
            for &effective in self.evaluator.rules(role) {
                let rights = gives(effective);
                let before = missing.len();
                missing.retain(|any| any & rights == 0);
                if missing.len() < before {
                    let rule = self.evaluator.rule(effective);
                    let names: Vec<&str> = catalogue.names(rights & wanted).collect();
                    givers.evidence.push(
                        Evidence::new(
                            format!(
                                "{} `{}` gives {} through {}",
                                if binding.cluster {
                                    "ClusterRoleBinding"
                                } else {
                                    "RoleBinding"
                                },
                                binding.meta.name,
                                role_id(object),
                                names.join(", "),
                            ),
                            object.meta.name,
                        )
                        .at(rule
                            .location
                            .or(binding.subjects[subject as usize].location))
                        .quoting(quote(rule)),
                    );
                }
            }
        }
        for list in [
            &mut givers.roles,
            &mut givers.bindings,
            &mut givers.aggregated,
        ] {
            list.sort();
            list.dedup();
        }
        givers
    }

    /// From a pod that can leave its container to the node and all tokens on it.
    fn describe_node_paths(&mut self) {
        let catalogue = Catalogue::get();
        let mut on_node: FxHashMap<Sym, Vec<&Workload>> = FxHashMap::default();
        for workload in &self.objects.workloads {
            if workload.running && !workload.node.is_empty() {
                on_node.entry(workload.node).or_default().push(workload);
            }
        }
        let strongest = |workloads: &[&Workload]| -> Option<(Tier, Principal)> {
            let mut all: Vec<(Tier, Principal)> = workloads
                .iter()
                .map(|workload| account_of(workload))
                .map(|principal| (self.tier_of(principal), principal))
                .collect();
            all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
            all.first().copied()
        };
        let mut paths = Vec::new();
        // Pods made by a template that is here too would say the same again.
        let escaping = self.objects.workloads.iter().filter(|workload| {
            workload.running && (workload.kind == "Pod" || !workload.controlled)
        });
        for workload in escaping {
            let escapes: Vec<Sym> = workload
                .host
                .iter()
                .filter(|tie| catalogue.escape(tie).is_some())
                .copied()
                .collect();
            let principal = account_of(workload);
            let (Some(first), Some(from)) = (escapes.first(), self.identity_of(principal)) else {
                continue;
            };
            let name = Sym::new(&format!(
                "{}/{}/{}",
                workload.kind, workload.meta.namespace, workload.meta.name
            ));
            let place = match workload.node.is_empty() {
                true => Sym::new("any node"),
                false => Sym::new(&format!("Node/{}", workload.node)),
            };
            let neighbours = on_node.get(&workload.node).map_or(&[][..], Vec::as_slice);
            let best = strongest(neighbours).filter(|(_, other)| *other != principal);
            let mut steps = vec![Step {
                from: identity_id(principal),
                action: Sym::new(&format!(
                    "leaves {name} through {}",
                    catalogue.escape(first).unwrap_or(*first)
                )),
                to: place,
                gate: Gate::None,
                evidence: vec![Evidence::new("ties to the node", name).at(workload.location)],
            }];
            if let Some((_, other)) = best {
                steps.push(Step {
                    from: place,
                    action: Sym::new("reads the tokens of all pods there"),
                    to: identity_id(other),
                    gate: Gate::None,
                    evidence: mounted(neighbours),
                });
                if let Principal::User(user) = other {
                    self.follow(user, principal, &mut steps);
                }
            }
            let tier = best.map_or(Tier::Write, |(tier, _)| tier.max(Tier::Write));
            let mut path = Path {
                system: SYSTEM,
                tenant: self.tenant,
                from,
                to: best.and_then(|(_, other)| self.identity_of(other)),
                tier,
                technique: Sym::new("K8S-X11"),
                name: Sym::new("leaves its pod for the node"),
                verdict: match workload.node.is_empty() {
                    true => Verdict::Conditional,
                    false => Verdict::Yes,
                },
                residual: workload
                    .node
                    .is_empty()
                    .then(|| Sym::new("depends on which pods share its node")),
                gate: Gate::None,
                steps,
                attrs: Default::default(),
                location: workload.location,
            };
            path.attrs.set("workload", name);
            path.attrs.set("escapes", escapes);
            path.attrs.set("scope", workload.meta.namespace);
            path.attrs.set("pods", 1usize);
            paths.push(path);
        }
        for path in paths {
            // The node is reached for certain, whichever pods turn out to share it.
            self.build.raise(path.from, Tier::Write);
            self.build.path(path);
        }
    }
}

/// Secrets that lie on a node because pods there mount them.
fn mounted(workloads: &[&Workload]) -> Vec<Evidence> {
    let mut secrets: Vec<String> = workloads
        .iter()
        .flat_map(|workload| {
            let namespace = workload.meta.namespace;
            let names = workload.secrets.iter();
            names.map(move |name| format!("{namespace}/{name}"))
        })
        .collect();
    secrets.sort();
    secrets.dedup();
    secrets
        .iter()
        .map(|name| Evidence::new(format!("secret `{name}` is mounted there"), name.as_str()))
        .collect()
}

fn account_of(workload: &Workload) -> Principal {
    let user = service_account(&workload.meta.namespace, &workload.service_account);
    Principal::User(Sym::new(&user))
}

/// A rule in the words of its manifest, shortened.
fn quote(rule: &Rule) -> String {
    let list = |items: &[Sym]| {
        let shown: Vec<String> = items
            .iter()
            .take(8)
            .map(|item| format!("{:?}", item.as_str()))
            .collect();
        let more = if items.len() > shown.len() {
            ", …"
        } else {
            ""
        };
        format!("[{}{more}]", shown.join(", "))
    };
    let mut parts = Vec::new();
    for (name, items) in [
        ("apiGroups", &rule.groups),
        ("resources", &rule.resources),
        ("resourceNames", &rule.names),
        ("nonResourceURLs", &rule.urls),
        ("verbs", &rule.verbs),
    ] {
        if !items.is_empty() {
            parts.push(format!("{name}: {}", list(items)));
        }
    }
    parts.join(", ")
}
