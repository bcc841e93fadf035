//! From the graph back to facts: paths, tiers, and whether all ways are gated.

use jiff::SignedDuration;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::edges::Joined;
use super::graph::{Edge, Graph, Kind, Level, Life, Node, What};
use super::search::{Search, forwards};
use super::words::{brief, crosses, id, life, step, steps, system, title};
use crate::model::{
    Activation, Attrs, Evidence, Gate, Identity, IdentityKind, IdentityRef, Inventory, Path, Step,
    Sym, System, Tier, Value, Verdict,
};

/// What walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Person,
    Workflow,
    Workload,
    Key,
    Role,
}

impl Start {
    const fn as_str(self) -> &'static str {
        match self {
            Start::Person => "person",
            Start::Workflow => "workflow",
            Start::Workload => "workload",
            Start::Key => "key",
            Start::Role => "role",
        }
    }
}

/// A way to administer a tenant.
#[derive(Debug)]
struct Way {
    from: IdentityRef,
    start: Start,
    /// The tenant, by its place in the inventory.
    target: u32,
    edges: Vec<u32>,
}

/// A way round a gate.
#[derive(Clone, Copy, Debug)]
struct Round {
    way: Sym,
    /// Nothing has to hold for it to work.
    certain: bool,
}

/// What a search for all ways found.
#[derive(Debug)]
pub(super) struct Found {
    paths: Vec<Path>,
    /// The tier subjects of workflows reach: certainly, and under a condition.
    subjects: Vec<(IdentityRef, bool)>,
    /// Entitlements, and a way that goes round their gate.
    rounds: Vec<(u32, Option<Round>)>,
    /// Identities somebody becomes through a gate, and the way that passes none.
    gated: Vec<(IdentityRef, Option<Sym>)>,
}

/// Finds the ways to every tenant.
pub(super) fn find(inventory: &Inventory, joined: &Joined) -> Found {
    let graph = &joined.graph;
    let keys = keys(inventory);
    let starts = starts(inventory, joined, &keys);
    let eligible = eligible(inventory);
    let first = inventory.identities.len();
    let beside = beside(inventory);
    let levels: Vec<Level> = Level::ALL
        .into_iter()
        .filter(|level| *level == Level::Open || graph.has(*level))
        .collect();

    struct Of {
        ways: Vec<Way>,
        subjects: Vec<(IdentityRef, bool)>,
        rounds: Vec<(u32, Option<Round>)>,
    }
    let (people, others): (Vec<_>, Vec<_>) = starts
        .iter()
        .copied()
        .partition(|(_, start)| *start == Start::Person);
    let none = Vec::new();
    // A goal is a tenant, for all but people; for people it is the nearest tenant of a
    // system: each way of theirs through something that walks by itself is told there
    // for every tenant.
    let tenants = (0..inventory.tenants.len()).map(|target| vec![(first + target) as Node]);
    let systems = System::ALL.into_iter().map(|system| {
        let all = (first..).zip(&inventory.tenants);
        all.filter(|(_, tenant)| tenant.system == system)
            .map(|(at, _)| at as Node)
            .collect()
    });
    let goals: Vec<(bool, Vec<Node>)> = tenants
        .map(|goals| (false, goals))
        .chain(systems.map(|goals| (true, goals)))
        .collect();
    let all: Vec<Of> = goals
        .into_par_iter()
        .map_init(
            || Search::new(graph),
            |search, (whole, goals)| {
                let mut of = Of {
                    ways: Vec::new(),
                    subjects: Vec::new(),
                    rounds: Vec::new(),
                };
                let target = goals.first().map_or(0, |goal| goal - first as Node);
                let mut left = if whole {
                    people.clone()
                } else {
                    others.clone()
                };
                let relying = eligible.get(&target).filter(|_| !whole).unwrap_or(&none);
                let mut relying = relying.clone();
                let mut subjects = match whole {
                    true => Vec::new(),
                    false => joined.subjects.clone(),
                };
                if goals.iter().all(|goal| graph.entering(*goal).is_empty()) {
                    left.clear();
                }
                for &level in &levels {
                    let answered =
                        level > Level::Conditional || (relying.is_empty() && subjects.is_empty());
                    if left.is_empty() && answered {
                        break;
                    }
                    search.backwards(&goals, level);
                    left.retain(|&(from, start)| {
                        if search.far(from.0).is_none() {
                            return true;
                        }
                        let edges = search.way(from.0);
                        if crosses(inventory, graph, &edges)
                            && let Some(last) = edges.last()
                        {
                            of.ways.push(Way {
                                from,
                                start,
                                target: graph.edge(*last).to - first as Node,
                                edges,
                            });
                        }
                        false
                    });
                    if level <= Level::Conditional {
                        subjects.retain(|&subject| {
                            let reaches = search.far(subject.0).is_some();
                            if reaches {
                                of.subjects.push((subject, level == Level::Open));
                            }
                            !reaches
                        });
                        relying.retain(|&(fact, holder)| {
                            let reaches = search.far(holder.0).is_some();
                            if reaches {
                                let way = search.way(holder.0);
                                let round = Round {
                                    way: brief(inventory, graph, &way),
                                    certain: level == Level::Open,
                                };
                                of.rounds.push((fact, Some(round)));
                            }
                            !reaches
                        });
                    }
                }
                of.rounds
                    .extend(relying.iter().map(|&(fact, _)| (fact, None)));
                of
            },
        )
        .collect();

    let mut found = Found {
        paths: Vec::new(),
        subjects: Vec::new(),
        rounds: Vec::new(),
        gated: gated(inventory, graph, &starts),
    };
    let mut ways = Vec::new();
    for of in all {
        ways.extend(of.ways);
        found.subjects.extend(of.subjects);
        found.rounds.extend(of.rounds);
    }
    ways.sort_unstable_by_key(|way: &Way| (way.from, way.target));
    // Ways share most of their edges: each is put into words once.
    let mut used: Vec<u32> = ways
        .iter()
        .flat_map(|way| way.edges.iter().copied())
        .collect();
    used.sort_unstable();
    used.dedup();
    let words: FxHashMap<u32, Step> = used
        .into_par_iter()
        .map(|edge| (edge, step(inventory, graph, graph.edge(edge))))
        .collect();
    found.paths = ways
        .par_iter()
        .map(|way| path(inventory, graph, way, &keys, &beside, &words))
        .collect();
    found
}

/// Puts what was found into the inventory.
pub(super) fn tell(inventory: &mut Inventory, joined: &Joined, found: Found) {
    for (subject, certain) in found.subjects {
        raise(
            &mut inventory.identities[subject.0 as usize],
            Tier::Admin,
            certain,
        );
    }
    // A subject is worth what the trust it fits is worth, even short of a whole tenant.
    for edge in &joined.graph.edges {
        if matches!(edge.kind, Kind::X1 | Kind::X8)
            && let What::Identity(to) = joined.graph.what(edge.to)
        {
            let tier = inventory.identity(to).tier;
            let certain = edge.level() == Level::Open;
            raise(&mut inventory.identities[edge.from as usize], tier, certain);
        }
    }
    for path in found.paths {
        if path.attrs.get(Sym::new("candidate")) != Some(&Value::Bool(true)) {
            let certain = path.verdict == Verdict::Yes && path.gate != Gate::Proved;
            raise(
                &mut inventory.identities[path.from.0 as usize],
                path.tier,
                certain,
            );
        }
        inventory.paths.push(path);
    }
    let mut of_identity: FxHashMap<IdentityRef, Option<Sym>> = FxHashMap::default();
    for (at, round) in found.gated {
        mark(&mut inventory.identities[at.0 as usize].attrs, round);
        of_identity.insert(at, round);
    }
    for fact in &mut inventory.entitlements {
        if fact.tier >= Tier::Write
            && let Some(round) = of_identity.get(&fact.identity)
        {
            mark(&mut fact.attrs, *round);
        }
    }
    for (at, round) in found.rounds {
        let fact = &mut inventory.entitlements[at as usize];
        // His having no other way says nothing of who becomes him.
        if round.is_none() && of_identity.get(&fact.identity).is_some_and(Option::is_some) {
            continue;
        }
        mark(&mut fact.attrs, round.map(|round| round.way));
        if let Some(round) = round {
            fact.attrs.set("way_round_certain", round.certain);
        }
    }
    for (secret, whom) in &joined.federated {
        let whom = inventory.identity(*whom).id;
        let attrs = &mut inventory.credentials[secret.0 as usize].attrs;
        attrs.set("federation", whom);
    }
    for dead in &joined.dead {
        let attrs = &mut inventory.trusts[dead.trust.0 as usize].attrs;
        attrs.set("dead_edge", dead.why);
        attrs.set_some("claimable_by", dead.claimable_by);
    }
}

fn mark(attrs: &mut Attrs, round: Option<Sym>) {
    attrs.set("ways_gated", round.is_none());
    attrs.set_some("way_round", round);
}

fn raise(identity: &mut Identity, tier: Tier, certain: bool) {
    if certain {
        identity.tier = identity.tier.max(tier);
    } else {
        identity.possible_tier = identity.possible_tier.max(tier);
    }
}

/// Long-lived credentials of identities: what proves somebody day and night.
fn keys(inventory: &Inventory) -> FxHashMap<IdentityRef, Vec<Sym>> {
    let mut keys: FxHashMap<IdentityRef, Vec<Sym>> = FxHashMap::default();
    let day = SignedDuration::from_hours(24);
    for fact in &inventory.credentials {
        let Some(at) = fact.identity.filter(|_| fact.active) else {
            continue;
        };
        let short = fact
            .expires
            .at()
            .zip(fact.created)
            .is_some_and(|(end, start)| end.duration_since(start) <= day);
        let minted = matches!(
            &*fact.kind,
            "lease" | "stored-secret" | "encryption-key" | "password"
        );
        if !short && !minted {
            keys.entry(at)
                .or_default()
                .push(Sym::new(&format!("{} {}", fact.kind, fact.id)));
        }
    }
    for list in keys.values_mut() {
        list.sort();
        list.dedup();
    }
    keys
}

/// Who walks: people, workflows, workloads that run, whatever a key proves, and roles
/// from which an edge leaves their system.
fn starts(
    inventory: &Inventory,
    joined: &Joined,
    keys: &FxHashMap<IdentityRef, Vec<Sym>>,
) -> Vec<(IdentityRef, Start)> {
    let mut leaves = vec![false; inventory.identities.len()];
    for edge in &joined.graph.edges {
        if edge.kind.id().is_some()
            && edge.kind != Kind::X19
            && let Some(slot) = leaves.get_mut(edge.from as usize)
        {
            *slot = true;
        }
    }
    let (subject, pods, namespace) = (Sym::new("subject"), Sym::new("pods"), Sym::new("namespace"));
    let mut starts = Vec::new();
    for (at, identity) in (0..).map(IdentityRef).zip(&inventory.identities) {
        if identity.platform || !identity.active || identity.attrs.get(subject).is_some() {
            continue;
        }
        let account =
            identity.system == System::Kubernetes && identity.attrs.get(namespace).is_some();
        let start = match identity.kind {
            IdentityKind::Human => Start::Person,
            IdentityKind::Agent => Start::Workload,
            IdentityKind::Workload if joined.workflows.contains(&at) => Start::Workflow,
            IdentityKind::Workload if account => match identity.attrs.get(pods) {
                Some(Value::Int(0)) if keys.contains_key(&at) => Start::Key,
                Some(Value::Int(0)) => continue,
                _ => Start::Workload,
            },
            IdentityKind::Workload if keys.contains_key(&at) => Start::Key,
            IdentityKind::Workload if leaves[at.0 as usize] => Start::Role,
            _ => continue,
        };
        starts.push((at, start));
    }
    starts
}

/// Entitlements of the admin tier that must be activated or were, with their holders,
/// by the tenant they are to.
fn eligible(inventory: &Inventory) -> FxHashMap<u32, Vec<(u32, IdentityRef)>> {
    let places = places(inventory);
    let account = Sym::new("account");
    let mut eligible: FxHashMap<u32, Vec<(u32, IdentityRef)>> = FxHashMap::default();
    for (at, fact) in (0..).zip(&inventory.entitlements) {
        if fact.tier < Tier::Admin
            || !matches!(fact.activation, Activation::Eligible | Activation::Jit)
        {
            continue;
        }
        let tenant = match fact.attrs.get(account) {
            Some(Value::Str(account)) => *account,
            _ => fact.tenant,
        };
        if let Some(target) = places.get(&(fact.system, tenant)) {
            eligible
                .entry(*target)
                .or_default()
                .push((at, fact.identity));
        }
    }
    eligible
}

/// Tenants that hand out access just in time.
fn beside(inventory: &Inventory) -> Vec<bool> {
    let places = places(inventory);
    let account = Sym::new("account");
    let mut beside = vec![false; inventory.tenants.len()];
    for fact in &inventory.entitlements {
        if !matches!(fact.activation, Activation::Eligible | Activation::Jit) {
            continue;
        }
        let tenant = match fact.attrs.get(account) {
            Some(Value::Str(account)) => *account,
            _ => fact.tenant,
        };
        if let Some(target) = places.get(&(fact.system, tenant)) {
            beside[*target as usize] = true;
        }
    }
    beside
}

fn places(inventory: &Inventory) -> FxHashMap<(System, Sym), u32> {
    let mut places = FxHashMap::default();
    for (at, tenant) in (0..).zip(&inventory.tenants) {
        places.entry((tenant.system, tenant.id)).or_insert(at);
    }
    places
}

/// Identities that somebody becomes through a proved gate, and the edge by which
/// somebody comes to them without one. Administrators of a tenant are left out: they
/// gain nothing by becoming what they rule.
fn gated(
    inventory: &Inventory,
    graph: &Graph,
    starts: &[(IdentityRef, Start)],
) -> Vec<(IdentityRef, Option<Sym>)> {
    if !graph.has(Level::Gated) {
        return Vec::new();
    }
    let from: Vec<Node> = starts.iter().map(|(at, _)| at.0).collect();
    let open = forwards(graph, &from, Level::Conditional);
    let all = forwards(graph, &from, Level::Gated);
    let mut found = Vec::new();
    for at in (0..inventory.identities.len() as u32).map(IdentityRef) {
        let by_gate = graph
            .entering(at.0)
            .any(|edge| graph.level(edge) == Level::Gated);
        match (open[at.0 as usize], all[at.0 as usize]) {
            (None, Some(_)) => found.push((at, None)),
            (Some(edge), Some(_)) if by_gate => {
                let edge = graph.edge(edge);
                let from = id(inventory, graph, edge.from);
                let text = format!("{from} {}", edge.kind.action());
                found.push((at, Some(Sym::new(&text))));
            }
            _ => {}
        }
    }
    found
}

fn path(
    inventory: &Inventory,
    graph: &Graph,
    way: &Way,
    keys: &FxHashMap<IdentityRef, Vec<Sym>>,
    beside: &[bool],
    words: &FxHashMap<u32, Step>,
) -> Path {
    let walker = inventory.identity(way.from);
    let target = &inventory.tenants[way.target as usize];
    let edges: Vec<&Edge> = way.edges.iter().map(|&edge| graph.edge(edge)).collect();
    let mut steps = steps(inventory, graph, &way.edges, words);
    let keys = keys.get(&way.from).map_or(&[][..], Vec::as_slice);
    if way.start == Start::Key
        && let Some(key) = keys.first()
    {
        let first = Step {
            from: *key,
            action: Sym::new(Kind::X21.action()),
            to: walker.id,
            gate: Gate::None,
            evidence: vec![Evidence::new("a long-lived credential", *key).at(walker.location)],
        };
        steps.insert(0, first);
    }

    let candidate = edges.iter().any(|edge| edge.candidate);
    let verdict = edges
        .iter()
        .map(|edge| edge.verdict)
        .min()
        .unwrap_or(Verdict::Yes);
    let gates = || edges.iter().map(|edge| edge.gate);
    let gate = [Gate::Proved, Gate::Unknown, Gate::Unproved]
        .into_iter()
        .find(|gate| gates().any(|one| one == *gate))
        .unwrap_or(Gate::None);
    let joined = |wanted: &dyn Fn(&Edge) -> bool| {
        let mut notes: Vec<&str> = Vec::new();
        for edge in &edges {
            if let Some(note) = edge.note.filter(|_| wanted(edge))
                && !notes.contains(&note.as_str())
            {
                notes.push(note.as_str());
            }
        }
        (!notes.is_empty()).then(|| Sym::new(&notes.join("; ")))
    };
    let by_key = (way.start == Start::Key).then_some(Kind::X21);
    let means: Vec<Sym> = by_key
        .into_iter()
        .chain(edges.iter().map(|edge| edge.kind))
        .filter_map(Kind::means)
        .map(Sym::new)
        .collect();
    let mut systems = vec![walker.system];
    for edge in &edges {
        let next = system(inventory, graph, edge.to);
        if systems.last() != Some(&next) {
            systems.push(next);
        }
    }
    let technique = edges
        .iter()
        .filter(|edge| edge.kind != Kind::X19)
        .find_map(|edge| edge.kind.id())
        .unwrap_or("X");
    let to = edges
        .iter()
        .rev()
        .find_map(|edge| match graph.what(edge.from) {
            What::Identity(at) => Some(at),
            _ => None,
        });

    let mut attrs = Attrs::new();
    attrs.set("start", way.start.as_str());
    attrs.set("target_system", target.system.as_str());
    attrs.set("target_tenant", target.id);
    attrs.set("edges", means);
    let names: Vec<Sym> = systems.iter().map(|one| Sym::new(one.as_str())).collect();
    attrs.set("systems", names);
    attrs.set("candidate", candidate);
    let standing =
        !candidate && verdict == Verdict::Yes && gate != Gate::Proved && gate != Gate::Unknown;
    attrs.set("standing", standing);
    let lives: Vec<Life> = edges
        .iter()
        .filter_map(|edge| life(inventory, graph, edge))
        .collect();
    match lives.iter().max() {
        Some(Life::Endless) => attrs.set("endless", true),
        Some(Life::For(length)) => {
            attrs.set("endless", false);
            attrs.set("lifetime", *length);
        }
        None => {}
    }
    attrs.set_some("gate_is", joined(&|edge| edge.gate != Gate::None));
    attrs.set(
        "self_gated",
        edges.iter().any(|edge| edge.kind == Kind::X19),
    );
    let last = edges.len().saturating_sub(1);
    let through = edges[..last]
        .iter()
        .any(|edge| matches!(graph.what(edge.to), What::Tenant(_)));
    attrs.set("through_admin", through);
    let own = edges
        .first()
        .is_some_and(|edge| matches!(graph.what(edge.to), What::Tenant(_)));
    attrs.set("from_admin", own && through);
    attrs.set("beside_jit", standing && beside[way.target as usize]);
    attrs.set("length", steps.len());
    if !keys.is_empty() {
        attrs.set("keys", keys.to_vec());
    }
    let subject = Sym::new("subject");
    let minted = edges.iter().find_map(|edge| match graph.what(edge.from) {
        What::Identity(at) => {
            let identity = inventory.identity(at);
            identity.attrs.get(subject).is_some().then_some(identity)
        }
        _ => None,
    });
    if let Some(minted) = minted {
        for name in ["context", "environment", "repository"] {
            if let Some(Value::Str(value)) = minted.attrs.get(Sym::new(name)) {
                attrs.set(name, *value);
            }
        }
        let open = minted.attrs.get(Sym::new("subject_open")) == Some(&Value::Bool(true));
        let request = minted.attrs.get(Sym::new("context")) == Some(&Value::from("pull-request"));
        let named = minted.attrs.get(Sym::new("environment")).is_some();
        attrs.set("any_subject", (open || request) && !named);
    }

    Path {
        system: walker.system,
        tenant: walker.tenant,
        from: way.from,
        to,
        tier: Tier::Admin,
        technique: Sym::new(technique),
        name: Sym::new(
            &systems
                .iter()
                .map(|one| title(*one))
                .collect::<Vec<_>>()
                .join(" → "),
        ),
        verdict,
        residual: joined(&|edge| edge.verdict != Verdict::Yes),
        gate,
        location: steps
            .iter()
            .flat_map(|step| &step.evidence)
            .find_map(|shown| shown.location),
        steps,
        attrs,
    }
}
