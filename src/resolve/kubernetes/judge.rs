//! Who gets how far: the escalation catalogue, judged per subject over all its
//! bindings.
//!
//! What each role gives is worked out once, as a set of rights. A subject holds the
//! union over its bindings, per namespace and cluster-wide, together with what the
//! groups hold that it is in by being what it is. A technique counts for a subject
//! only if a binding of its own contributes; what a group has by itself is told of
//! the group.
//!
//! How much a technique is worth may depend on whom it lets the subject become: the
//! strongest service account of a namespace. So strengths are raised until nothing
//! changes; there are four tiers, so that takes few rounds.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::aggregate::Effective;
use super::catalogue::{Catalogue, Reach, Rights, Technique};
use super::evaluate::Evaluator;
use super::objects::Objects;
use super::rbac::Rule;
use super::subject::{MASTERS, Principal, service_account, split_service_account};
use crate::model::{Sym, Tier};

/// Rights on any object, and on named objects only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    pub whole: Rights,
    pub named: Rights,
}

impl Holding {
    fn add(&mut self, other: Holding) {
        self.whole |= other.whole;
        self.named |= other.named;
    }

    fn any(self) -> Rights {
        self.whole | self.named
    }

    /// What counts for a hit: rights on named objects only if that is what it is about.
    pub fn counting(self, named: bool) -> Rights {
        if named { self.any() } else { self.whole }
    }
}

/// What a role gives by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Capability {
    pub rights: Holding,
    /// What its verbs are worth, whatever the resource.
    pub base: Tier,
}

/// What somebody holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub cluster: Holding,
    pub namespaces: BTreeMap<Sym, Holding>,
}

/// A technique that works for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Index in the catalogue.
    pub technique: usize,
    /// Everywhere, else in `namespaces`.
    pub cluster: bool,
    pub namespaces: Vec<Sym>,
    /// Works on named objects only.
    pub named: bool,
}

/// The service accounts of a namespace that can be got at, strongest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Best {
    tier: Tier,
    account: Option<Sym>,
}

impl Best {
    fn consider(&mut self, tier: Tier, account: Sym) {
        let better = tier > self.tier
            || self.account.is_none()
            || (tier == self.tier && self.account.is_some_and(|known| account < known));
        if better {
            *self = Best {
                tier,
                account: Some(account),
            };
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Strengths {
    /// Per namespace and way of getting at service accounts.
    by_reach: FxHashMap<(Sym, u8), Best>,
    /// The same over all namespaces.
    anywhere: [Best; WAYS.len()],
}

const WAYS: [Reach; 3] = [Reach::Accounts, Reach::Running, Reach::Tokens];

fn way(reach: Reach) -> Option<u8> {
    let reach = match reach {
        Reach::Namespace => Reach::Accounts,
        other => other,
    };
    WAYS.iter().position(|&way| way == reach).map(|at| at as u8)
}

/// The judgement of one cluster.
#[derive(Debug)]
pub(crate) struct Judgement<'o> {
    catalogue: &'static Catalogue,
    evaluator: Evaluator<'o>,
    /// What each rule gives, by the role it stands in and its number there.
    rights: Vec<Vec<Holding>>,
    pub capabilities: Vec<Capability>,
    /// The first cluster role of each name.
    cluster_roles: FxHashMap<Sym, u32>,
    /// What a role is worth to whoever has it everywhere, worked out when asked for.
    role_tiers: Vec<OnceLock<Tier>>,
    strengths: Strengths,
    /// Everybody named by a binding, with what works for them by bindings that stand.
    pub hits: BTreeMap<Principal, Vec<Hit>>,
    /// What works in addition while just-in-time grants are in force.
    pub temporary: BTreeMap<Principal, Vec<Hit>>,
    pub tiers: FxHashMap<Principal, Tier>,
}

impl<'o> Judgement<'o> {
    /// Judges everybody. `temporary` tells the bindings that are proved to be
    /// just-in-time grants in force.
    pub fn of(objects: &'o Objects, temporary: &FxHashSet<u32>) -> Self {
        let catalogue = Catalogue::get();
        let evaluator = objects.evaluator();
        let rights: Vec<Vec<Holding>> = evaluator
            .roles
            .par_iter()
            .map(|role| {
                let rules = role.rules.iter();
                rules.map(|rule| holding(catalogue, rule)).collect()
            })
            .collect();
        let capabilities: Vec<Capability> = (0..evaluator.roles.len() as u32)
            .into_par_iter()
            .map(|role| capability(&rights, &evaluator, role))
            .collect();
        let mut cluster_roles = FxHashMap::default();
        for (at, role) in evaluator.roles.iter().enumerate() {
            if role.cluster {
                cluster_roles.entry(role.meta.name).or_insert(at as u32);
            }
        }
        let mut judgement = Judgement {
            catalogue,
            evaluator,
            rights,
            role_tiers: vec![OnceLock::new(); capabilities.len()],
            capabilities,
            cluster_roles,
            strengths: Strengths::default(),
            hits: BTreeMap::new(),
            temporary: BTreeMap::new(),
            tiers: FxHashMap::default(),
        };
        let principals = evaluator.principals();
        let standing = |binding: u32| !temporary.contains(&binding);
        let groups: FxHashMap<Sym, (Held, Held)> = principals
            .par_iter()
            .filter_map(|&principal| match principal {
                Principal::Group(name) => Some((
                    name,
                    (
                        judgement.held(principal, standing),
                        judgement.held(principal, |_| true),
                    ),
                )),
                Principal::User(_) => None,
            })
            .collect();
        let judged: Vec<(Principal, Vec<Hit>, Vec<Hit>)> = principals
            .par_iter()
            .map(|&principal| {
                let inherited = |with: fn(&(Held, Held)) -> &Held| {
                    let mut all = Held::default();
                    for group in principal.groups() {
                        if let Some(held) = groups.get(&group).map(with) {
                            all.cluster.add(held.cluster);
                            for (&namespace, &holding) in &held.namespaces {
                                all.namespaces.entry(namespace).or_default().add(holding);
                            }
                        }
                    }
                    all
                };
                let hits = judgement.hits_of(
                    &judgement.held(principal, standing),
                    &inherited(|held| &held.0),
                );
                let has_grant = evaluator
                    .bindings_of(principal)
                    .iter()
                    .any(|&(binding, _)| temporary.contains(&binding));
                let mut more = Vec::new();
                if has_grant {
                    more = judgement.hits_of(
                        &judgement.held(principal, |_| true),
                        &inherited(|held| &held.1),
                    );
                    more.retain(|hit| !hits.contains(hit));
                }
                (principal, hits, more)
            })
            .collect();
        for (principal, hits, more) in judged {
            judgement.hits.insert(principal, hits);
            judgement.temporary.insert(principal, more);
        }
        judgement.settle(objects);
        judgement
    }

    fn held(&self, principal: Principal, counts: impl Fn(u32) -> bool) -> Held {
        let mut held = Held::default();
        for &(at, _) in self.evaluator.bindings_of(principal) {
            let binding = &self.evaluator.bindings[at as usize];
            let Some(role) = self.evaluator.role_of(at).filter(|_| counts(at)) else {
                continue;
            };
            let rights = self.capabilities[role as usize].rights;
            if binding.cluster {
                held.cluster.add(rights);
            } else {
                held.namespaces
                    .entry(binding.meta.namespace)
                    .or_default()
                    .add(self.within(rights));
            }
        }
        held
    }

    /// Rights as a role binding gives them: nothing on what has no namespace.
    fn within(&self, rights: Holding) -> Holding {
        Holding {
            whole: rights.whole & !self.catalogue.cluster_rights,
            named: rights.named & !self.catalogue.cluster_rights,
        }
    }

    /// What works with `own` and `inherited` together but not with `inherited` alone.
    pub fn hits_of(&self, own: &Held, inherited: &Held) -> Vec<Hit> {
        let techniques = &self.catalogue.techniques;
        let mut everywhere = own.cluster;
        everywhere.add(inherited.cluster);
        let cluster: Vec<Works> = techniques
            .iter()
            .map(|technique| works(technique, everywhere, inherited.cluster))
            .collect();
        let mut hits = Vec::new();
        let mut by_technique: BTreeMap<(usize, bool), Vec<Sym>> = BTreeMap::new();
        let total = self
            .catalogue
            .total
            .iter()
            .copied()
            .find(|&at| cluster[at] == Works::Whole);
        for (at, result) in cluster.iter().enumerate() {
            let said = techniques[at]
                .unless
                .iter()
                .any(|&stronger| cluster[stronger] == Works::Whole);
            let told = total.is_none_or(|total| total == at);
            if *result != Works::No && !said && told {
                hits.push(Hit {
                    technique: at,
                    cluster: true,
                    namespaces: Vec::new(),
                    named: *result == Works::Named,
                });
            }
        }
        if total.is_some() {
            return hits;
        }
        let nothing = Holding::default();
        for (&namespace, &holding) in &own.namespaces {
            let mut alone = inherited.cluster;
            alone.add(*inherited.namespaces.get(&namespace).unwrap_or(&nothing));
            let mut here = everywhere;
            here.add(alone);
            here.add(holding);
            let local: Vec<Works> = techniques
                .iter()
                .enumerate()
                .map(|(at, technique)| match technique.namespace {
                    Some(only) if only != namespace => Works::No,
                    _ if cluster[at] == Works::Whole => Works::No,
                    _ => works(technique, here, alone),
                })
                .collect();
            let total = self
                .catalogue
                .total
                .iter()
                .copied()
                .find(|&at| local[at] == Works::Whole);
            for (at, result) in local.iter().enumerate() {
                let said = techniques[at].unless.iter().any(|&stronger| {
                    local[stronger] == Works::Whole || cluster[stronger] == Works::Whole
                });
                let told = total.is_none_or(|total| total == at);
                let known = *result == Works::Named && cluster[at] == Works::Named;
                if *result != Works::No && !said && told && !known {
                    by_technique
                        .entry((at, *result == Works::Named))
                        .or_default()
                        .push(namespace);
                }
            }
        }
        hits.extend(
            by_technique
                .into_iter()
                .map(|((technique, named), namespaces)| Hit {
                    technique,
                    cluster: false,
                    namespaces,
                    named,
                }),
        );
        hits.sort_by_key(|hit| (hit.technique, !hit.cluster, hit.named));
        hits
    }

    /// Raises strengths until nothing changes.
    fn settle(&mut self, objects: &Objects) {
        let accounts = Accounts::of(objects, &self.evaluator);
        let bases: FxHashMap<Principal, Tier> = self
            .hits
            .keys()
            .map(|&principal| (principal, self.base(principal)))
            .collect();
        // Tiers only rise and there are four, so each round but the last raises one.
        loop {
            let mut strengths = Strengths::default();
            for &(namespace, principal, places) in &accounts.known {
                let tier = self.tiers.get(&principal).copied().unwrap_or_default();
                for (at, _) in places.iter().enumerate().filter(|(_, there)| **there) {
                    strengths
                        .by_reach
                        .entry((namespace, at as u8))
                        .or_default()
                        .consider(tier, principal.name());
                    strengths.anywhere[at].consider(tier, principal.name());
                }
            }
            let tiers: FxHashMap<Principal, Tier> = self
                .hits
                .iter()
                .map(|(&principal, hits)| {
                    let reached = hits
                        .iter()
                        .chain(self.temporary.get(&principal).into_iter().flatten())
                        .map(|hit| self.tier_with(hit, principal, &strengths))
                        .max()
                        .unwrap_or_default();
                    (principal, reached.max(bases[&principal]))
                })
                .collect();
            let done = tiers == self.tiers && strengths == self.strengths;
            self.tiers = tiers;
            self.strengths = strengths;
            if done {
                return;
            }
        }
    }

    /// What the verbs somebody holds are worth, whatever the technique.
    fn base(&self, principal: Principal) -> Tier {
        self.evaluator
            .bindings_of(principal)
            .iter()
            .filter_map(|&(binding, _)| self.evaluator.role_of(binding))
            .map(|role| self.capabilities[role as usize].base)
            .max()
            .unwrap_or_default()
    }

    /// What a hit is worth to `principal`.
    pub fn tier(&self, hit: &Hit, principal: Principal) -> Tier {
        self.tier_with(hit, principal, &self.strengths)
    }

    fn tier_with(&self, hit: &Hit, principal: Principal, strengths: &Strengths) -> Tier {
        let technique = &self.catalogue.techniques[hit.technique];
        if hit.named {
            return self.named_tier(hit, principal, technique);
        }
        if hit.cluster {
            return technique.cluster_tier;
        }
        hit.namespaces
            .iter()
            .map(|&namespace| {
                if technique.reach == Reach::Cluster {
                    return Tier::Admin;
                }
                let Some(way) = way(technique.reach) else {
                    return technique.tier;
                };
                let strong = self.catalogue.strong_namespaces.contains(&namespace)
                    && technique.reach != Reach::Tokens;
                match strengths.by_reach.get(&(namespace, way)) {
                    _ if strong => Tier::Admin,
                    Some(best) => best.tier.max(technique.tier),
                    None => technique.tier,
                }
            })
            .max()
            .unwrap_or_default()
    }

    /// A technique limited to named objects is worth what those are.
    fn named_tier(&self, hit: &Hit, principal: Principal, technique: &Technique) -> Tier {
        let names = self.names_of(hit, principal);
        let tier_of =
            |principal: Principal| self.tiers.get(&principal).copied().unwrap_or_default();
        let mut tier = match technique.reach {
            Reach::Cluster => Tier::Write,
            Reach::Tokens => Tier::Read,
            _ => technique.tier.min(Tier::Write),
        };
        for name in names {
            if name == MASTERS {
                return Tier::Admin;
            }
            tier = tier
                .max(tier_of(Principal::User(name)))
                .max(tier_of(Principal::Group(name)));
            for namespace in &hit.namespaces {
                let account = Sym::new(&service_account(namespace, &name));
                if technique.reach == Reach::Accounts {
                    tier = tier.max(tier_of(Principal::User(account)));
                }
            }
            // Binding or changing a named role is worth what the role is.
            if technique.reach == Reach::Namespace
                && hit.cluster
                && let Some(&role) = self.cluster_roles.get(&name)
            {
                tier = tier.max(self.role_tier(role));
            }
        }
        tier
    }

    /// What the techniques are worth that a role gives by itself, bound everywhere.
    fn role_tier(&self, role: u32) -> Tier {
        *self.role_tiers[role as usize].get_or_init(|| {
            let held = Held {
                cluster: self.capabilities[role as usize].rights,
                ..Held::default()
            };
            self.hits_of(&held, &Held::default())
                .iter()
                .filter(|hit| !hit.named)
                .map(|hit| self.catalogue.techniques[hit.technique].cluster_tier)
                .max()
                .unwrap_or_default()
        })
    }

    /// What a rule in force gives.
    pub fn rights_of(&self, rule: Effective) -> Holding {
        self.rights[rule.role as usize][rule.rule as usize]
    }

    /// The object names a named hit is about, sorted.
    pub fn names_of(&self, hit: &Hit, principal: Principal) -> Vec<Sym> {
        let technique = &self.catalogue.techniques[hit.technique];
        let wanted: Rights = technique.needs.iter().fold(0, |all, any| all | any);
        let mut names = Vec::new();
        for &(at, _) in self.evaluator.bindings_of(principal) {
            let binding = &self.evaluator.bindings[at as usize];
            let there = binding.cluster || hit.namespaces.contains(&binding.meta.namespace);
            let Some(role) = self.evaluator.role_of(at).filter(|_| there) else {
                continue;
            };
            if self.capabilities[role as usize].rights.named & wanted == 0 {
                continue;
            }
            for &rule in self.evaluator.rules(role) {
                if self.rights_of(rule).named & wanted != 0 {
                    names.extend(self.evaluator.rule(rule).names.iter().copied());
                }
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// The strongest service account a hit gets at, if it is about those.
    pub fn reached(&self, hit: &Hit) -> Option<(Sym, Tier)> {
        let technique = &self.catalogue.techniques[hit.technique];
        let way = way(technique.reach)?;
        let mut best = Best::default();
        if hit.cluster {
            best = self.strengths.anywhere[usize::from(way)];
        } else {
            for &namespace in &hit.namespaces {
                if let Some(here) = self.strengths.by_reach.get(&(namespace, way))
                    && let Some(account) = here.account
                {
                    best.consider(here.tier, account);
                }
            }
        }
        Some((best.account?, best.tier))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Works {
    No,
    Named,
    Whole,
}

/// Whether a technique works with `held`, and not already with `alone`.
fn works(technique: &Technique, held: Holding, alone: Holding) -> Works {
    if technique.works_with(held.whole) {
        match technique.works_with(alone.whole) {
            true => Works::No,
            false => Works::Whole,
        }
    } else if technique.works_with(held.any()) && !technique.works_with(alone.any()) {
        Works::Named
    } else {
        Works::No
    }
}

fn holding(catalogue: &Catalogue, rule: &Rule) -> Holding {
    let (whole, named) = catalogue.rights_of(rule);
    Holding { whole, named }
}

fn capability(rights: &[Vec<Holding>], evaluator: &Evaluator<'_>, role: u32) -> Capability {
    let mut capability = Capability::default();
    for &at in evaluator.rules(role) {
        let rights = rights[at.role as usize][at.rule as usize];
        capability.rights.add(rights);
        capability.base = capability.base.max(worth(evaluator.rule(at)));
    }
    capability
}

/// What a rule's verbs are worth. Asking about oneself and reporting what happened
/// change nothing of note.
fn worth(rule: &Rule) -> Tier {
    if rule.resources.is_empty() || rule.verbs.is_empty() || rule.groups.is_empty() {
        return Tier::None;
    }
    let harmless = rule.groups.iter().all(|group| {
        matches!(
            group.as_str(),
            "authentication.k8s.io" | "authorization.k8s.io" | "events.k8s.io"
        )
    }) || rule
        .resources
        .iter()
        .all(|resource| matches!(resource.as_str(), "events" | "leases"));
    let reads = |verb: &Sym| matches!(verb.as_str(), "get" | "list" | "watch");
    let inert = !rule.names.is_empty() && rule.verbs.iter().all(|verb| *verb == "create");
    if inert || (harmless && !rule.verbs.iter().any(reads)) {
        Tier::None
    } else if harmless || rule.verbs.iter().all(reads) {
        Tier::Read
    } else {
        Tier::Write
    }
}

/// The service accounts there are, and how they can be got at.
struct Accounts {
    /// Namespace and account, and whether it is there at all, used by a running pod,
    /// has a token in a secret.
    known: Vec<(Sym, Principal, [bool; WAYS.len()])>,
}

impl Accounts {
    fn of(objects: &Objects, evaluator: &Evaluator<'_>) -> Self {
        let mut known: FxHashMap<(Sym, Sym), [bool; WAYS.len()]> = FxHashMap::default();
        for account in &objects.service_accounts {
            known
                .entry((account.meta.namespace, account.meta.name))
                .or_default()[0] = true;
        }
        for principal in evaluator.principals() {
            if let Principal::User(user) = principal
                && let Some((namespace, name)) = split_service_account(&user)
            {
                // Whoever may run pods here may make the account too, or waits for it.
                known
                    .entry((Sym::new(namespace), Sym::new(name)))
                    .or_default()[0] = true;
            }
        }
        for workload in objects.workloads.iter().filter(|workload| workload.running) {
            let key = (workload.meta.namespace, workload.service_account);
            let places = known.entry(key).or_default();
            places[0] = true;
            places[1] = true;
        }
        for secret in &objects.secrets {
            if let Some(name) = secret.account() {
                known.entry((secret.meta.namespace, name)).or_default()[2] = true;
            }
        }
        // Which account is the best does not depend on the order they come in.
        let known = known
            .into_iter()
            .map(|((namespace, name), places)| {
                let user = service_account(&namespace, &name);
                (namespace, Principal::User(Sym::new(&user)), places)
            })
            .collect();
        Accounts { known }
    }
}
