//! Ways in words: steps with what shows them, from the edges that make them up.

use rustc_hash::FxHashMap;

use super::graph::{Basis, Edge, Graph, Kind, Life, Node, What};
use crate::model::{Attrs, Evidence, Gate, Inventory, Path, Step, Sym, System, Value};

pub(super) fn system(inventory: &Inventory, graph: &Graph, node: Node) -> System {
    match graph.what(node) {
        What::Identity(at) => inventory.identity(at).system,
        What::Tenant(at) => inventory.tenants[at as usize].system,
        What::Point(system, _, _) => system,
    }
}

pub(super) fn id(inventory: &Inventory, graph: &Graph, node: Node) -> Sym {
    match graph.what(node) {
        What::Identity(at) => inventory.identity(at).id,
        What::Tenant(at) => inventory.tenants[at as usize].id,
        What::Point(_, _, name) => name,
    }
}

/// Whether a way passes from one system to another.
pub(super) fn crosses(inventory: &Inventory, graph: &Graph, way: &[u32]) -> bool {
    way.iter().any(|&edge| {
        let edge = graph.edge(edge);
        system(inventory, graph, edge.from) != system(inventory, graph, edge.to)
    })
}

/// A way in one line.
pub(super) fn brief(inventory: &Inventory, graph: &Graph, way: &[u32]) -> Sym {
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

pub(super) const fn title(system: System) -> &'static str {
    match system {
        System::Aws => "AWS",
        System::Github => "GitHub",
        System::Kubernetes => "Kubernetes",
        System::Vault => "Vault",
        System::Jit => "JIT",
    }
}

pub(super) fn steps(
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

pub(super) fn step(inventory: &Inventory, graph: &Graph, edge: &Edge) -> Step {
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
                    what.push_str(&format!(", {}", claim.said()));
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
        let minted = from.attrs.get(Sym::of("subject")).is_some();
        let presents = match edge.kind {
            _ if minted => super::edges::subject(from),
            Kind::X3 | Kind::X4 | Kind::X7 => super::edges::subject(from),
            _ => None,
        };
        let presents = match (presents, edge.kind) {
            (Some(subject), _) => Some(format!("its token has sub {subject}")),
            (None, Kind::X11 | Kind::X12) => {
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

/// How long what an edge gives lives.
pub(super) fn life(inventory: &Inventory, graph: &Graph, edge: &Edge) -> Option<Life> {
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
