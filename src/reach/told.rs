//! From the graph back to facts: paths, tiers, and whether all ways are gated.

use jiff::SignedDuration;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::edges::Joined;
use super::graph::{Basis, Edge, Graph, Kind, Level, Life, Node, What};
use super::search::{Search, forwards};
use crate::model::{
    Activation, Attrs, Claim, ClaimTest, Evidence, Gate, Identity, IdentityKind, IdentityRef,
    Inventory, Path, Step, Sym, System, Tier, Value, Verdict,
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

/// What a search for all ways found.
#[derive(Debug)]
pub(super) struct Found {
    paths: Vec<Path>,
    /// The tier subjects of workflows reach: certainly, and under a condition.
    subjects: Vec<(IdentityRef, bool)>,
    /// Entitlements, and a way that goes round their gate.
    rounds: Vec<(u32, Option<Sym>)>,
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
        rounds: Vec<(u32, Option<Sym>)>,
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
                                of.rounds.push((fact, Some(brief(inventory, graph, &way))));
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
        mark(&mut inventory.entitlements[at as usize].attrs, round);
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

fn system(inventory: &Inventory, graph: &Graph, node: Node) -> System {
    match graph.what(node) {
        What::Identity(at) => inventory.identity(at).system,
        What::Tenant(at) => inventory.tenants[at as usize].system,
        What::Point(system, _, _) => system,
    }
}

fn id(inventory: &Inventory, graph: &Graph, node: Node) -> Sym {
    match graph.what(node) {
        What::Identity(at) => inventory.identity(at).id,
        What::Tenant(at) => inventory.tenants[at as usize].id,
        What::Point(_, _, name) => name,
    }
}

/// Whether a way passes from one system to another.
fn crosses(inventory: &Inventory, graph: &Graph, way: &[u32]) -> bool {
    way.iter().any(|&edge| {
        let edge = graph.edge(edge);
        system(inventory, graph, edge.from) != system(inventory, graph, edge.to)
    })
}

/// A way in one line.
fn brief(inventory: &Inventory, graph: &Graph, way: &[u32]) -> Sym {
    let mut text = String::new();
    for &edge in way.iter().take(4) {
        let edge = graph.edge(edge);
        if text.is_empty() {
            text.push_str(&id(inventory, graph, edge.from));
        }
        text.push_str(&format!(
            " {} {}",
            edge.kind.action(),
            id(inventory, graph, edge.to)
        ));
    }
    if way.len() > 4 {
        text.push_str(" …");
    }
    Sym::new(&text)
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
    let ids: Vec<Sym> = by_key
        .into_iter()
        .chain(edges.iter().map(|edge| edge.kind))
        .filter_map(Kind::id)
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
    attrs.set("edges", ids);
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

const fn title(system: System) -> &'static str {
    match system {
        System::Aws => "AWS",
        System::Github => "GitHub",
        System::Kubernetes => "Kubernetes",
        System::Vault => "Vault",
        System::Jit => "JIT",
    }
}

fn steps(
    inventory: &Inventory,
    graph: &Graph,
    way: &[u32],
    words: &FxHashMap<u32, Step>,
) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut at = 0;
    while let Some(&number) = way.get(at) {
        at += 1;
        let edge = graph.edge(number);
        if matches!(edge.kind, Kind::Escalates | Kind::Administers)
            && let Some(path) = path_of(inventory, edge).filter(|path| !path.steps.is_empty())
        {
            steps.extend(path.steps.iter().cloned().map(|mut step| {
                if step.gate == Gate::None {
                    step.gate = edge.gate;
                }
                step
            }));
            continue;
        }
        let Some(mut step) = words.get(&number).cloned() else {
            continue;
        };
        // A meeting point is no place: what lies behind it is what is reached.
        if let What::Point(..) = graph.what(edge.to)
            && let Some(next) = way.get(at).map(|next| graph.edge(*next))
            && next.kind == Kind::Within
        {
            step.to = id(inventory, graph, next.to);
            at += 1;
        }
        steps.push(step);
    }
    steps
}

/// The escalation an edge stands for.
fn path_of<'i>(inventory: &'i Inventory, edge: &Edge) -> Option<&'i Path> {
    match edge.basis[0]? {
        Basis::Path(at) => Some(&inventory.paths[at as usize]),
        _ => None,
    }
}

fn step(inventory: &Inventory, graph: &Graph, edge: &Edge) -> Step {
    Step {
        from: id(inventory, graph, edge.from),
        action: action(inventory, edge, path_of(inventory, edge)),
        to: id(inventory, graph, edge.to),
        gate: edge.gate,
        evidence: evidence(inventory, graph, edge),
    }
}

fn action(inventory: &Inventory, edge: &Edge, path: Option<&Path>) -> Sym {
    match (edge.kind, edge.basis[0], path) {
        (Kind::TakesOver, _, Some(path)) => path.name,
        (Kind::Administers, Some(Basis::Entitlement(at)), _) => {
            let fact = &inventory.entitlements[at as usize];
            Sym::new(&format!(
                "administers by {} {}",
                fact.mechanism, fact.privilege
            ))
        }
        _ => Sym::new(edge.kind.action()),
    }
}

/// What shows an edge: the fields that were joined, of both sides.
fn evidence(inventory: &Inventory, graph: &Graph, edge: &Edge) -> Vec<Evidence> {
    let mut shown: Vec<Evidence> = Vec::new();
    for basis in edge.basis.into_iter().flatten() {
        shown.push(match basis {
            Basis::Entitlement(at) => {
                let fact = &inventory.entitlements[at as usize];
                let what = format!("{} {} on {}", fact.mechanism, fact.privilege, fact.scope);
                let source = inventory.identity(fact.identity).id;
                Evidence::new(what, source).at(fact.location)
            }
            Basis::Trust(at) => {
                let fact = &inventory.trusts[at as usize];
                let mut what = format!("trusts {}", fact.trustee);
                if let Some(issuer) = fact.issuer {
                    what.push_str(&format!(", issuer {issuer}"));
                }
                for claim in &fact.claims {
                    what.push_str(&format!(", {}", said(claim)));
                }
                if let Some(residual) = fact.residual {
                    what.push_str(&format!(", if {residual}"));
                }
                if let Some(life) = life(inventory, graph, edge) {
                    what.push_str(&match life {
                        Life::For(length) => format!("; gives {length:#}"),
                        Life::Endless => "; gives what can be renewed for ever".to_owned(),
                    });
                }
                let source = inventory.identity(fact.target).id;
                Evidence::new(what, source).at(fact.location)
            }
            Basis::Path(at) => {
                let fact = &inventory.paths[at as usize];
                let source = inventory.identity(fact.from).id;
                Evidence::new(&*fact.name, source).at(fact.location)
            }
            Basis::Credential(at) => {
                let fact = &inventory.credentials[at as usize];
                let when = fact.rotated.at().or(fact.created);
                let when = when.map_or(String::new(), |time| format!(", last changed {time}"));
                let what = format!("{} `{}`{when}", fact.kind, fact.name);
                Evidence::new(what, fact.id).at(fact.location)
            }
        });
    }
    // The other side, as its own document has it.
    if let What::Identity(from) = graph.what(edge.from)
        && edge.kind.id().is_some()
    {
        let from = inventory.identity(from);
        let presents = match from.attrs.get(Sym::new("subject")) {
            Some(Value::Str(subject)) => Some(format!("its token has sub {subject}")),
            _ if matches!(edge.kind, Kind::X3 | Kind::X4 | Kind::X7) => {
                super::edges::user_name(from).map(|user| format!("its token has sub {user}"))
            }
            _ if edge.kind == Kind::X11 || edge.kind == Kind::X12 => {
                Some(format!("its role names {}", id(inventory, graph, edge.to)))
            }
            _ => None,
        };
        shown.extend(presents.map(|what| Evidence::new(what, from.id).at(from.location)));
    }
    if let Some(note) = edge.note {
        shown.push(Evidence::new(
            match edge.candidate {
                true => format!("candidate: {note}"),
                false => note.to_string(),
            },
            id(inventory, graph, edge.to),
        ));
    }
    shown
}

fn said(claim: &Claim) -> String {
    let test = match claim.test {
        ClaimTest::Equals => "is",
        ClaimTest::Like => "is like",
        ClaimTest::NotEquals => "is not",
        ClaimTest::NotLike => "is not like",
    };
    let values: Vec<&str> = claim.values.iter().map(|value| value.as_str()).collect();
    let absent = if claim.holds_when_absent {
        " (or absent)"
    } else {
        ""
    };
    format!("{} {test} {}{absent}", claim.name, values.join(" or "))
}

/// How long what an edge gives lives.
fn life(inventory: &Inventory, graph: &Graph, edge: &Edge) -> Option<Life> {
    let length = |attrs: &Attrs, name: &str| match attrs.get(Sym::new(name)) {
        Some(Value::Duration(length)) => Some(Life::For(*length)),
        _ => None,
    };
    let of = |node| match graph.what(node) {
        What::Identity(at) => Some(&inventory.identity(at).attrs),
        _ => None,
    };
    match edge.kind {
        Kind::X1 | Kind::X3 | Kind::X4 => match edge.basis[0] {
            Some(Basis::Trust(at)) => length(&inventory.trusts[at as usize].attrs, "max_session")
                .or_else(|| length(of(edge.to)?, "max_session")),
            _ => None,
        },
        Kind::X7 | Kind::X8 | Kind::X9 | Kind::X10 => {
            let attrs = of(edge.to)?;
            match attrs.get(Sym::new("endless")) {
                Some(Value::Bool(true)) => Some(Life::Endless),
                _ => length(attrs, "token_longest"),
            }
        }
        Kind::X11 | Kind::X12 => length(of(edge.from)?, "max_ttl"),
        // A stored key lives until somebody changes it.
        Kind::X2 | Kind::X13 => Some(Life::Endless),
        _ => None,
    }
}
