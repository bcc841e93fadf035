//! The steps of a path, as words and as a graph.

use rustc_hash::FxHashMap;

use super::schema::{Edge, Graph, Node, Text};
use super::{MESSAGE, named};
use crate::model::{Finding, Gate, Step, Sym};
use crate::report::text::shorten;

/// A step in words.
pub fn step_text(step: &Step) -> String {
    let gate = match step.gate {
        Gate::None => "",
        Gate::Proved => ", behind a proved gate",
        Gate::Unproved => ", behind a gate nothing proves",
        Gate::Unknown => ", behind what could not be seen",
    };
    let part = |text: Sym| shorten(&text, MESSAGE / 4).into_owned();
    format!(
        "'{}' by '{}' reaches '{}'{gate}",
        part(step.from),
        part(step.action),
        part(step.to)
    )
}

/// The steps as a graph (§3.39).
pub fn graphs(finding: &Finding) -> Vec<Graph> {
    if finding.steps.is_empty() {
        return Vec::new();
    }
    let mut ids: FxHashMap<Sym, String> = FxHashMap::default();
    let mut nodes = Vec::new();
    let mut node = |name: Sym| -> String {
        let next = format!("n{}", ids.len() + 1);
        ids.entry(name)
            .or_insert_with(|| {
                nodes.push(Node {
                    id: next.clone(),
                    label: Text::plain(named(&name)),
                });
                next
            })
            .clone()
    };
    let edges: Vec<Edge> = finding
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| Edge {
            id: format!("e{}", at + 1),
            label: Text::plain(named(&step.action)),
            source_node_id: node(step.from),
            target_node_id: node(step.to),
        })
        .collect();
    vec![Graph {
        description: Text::plain("The way to the privilege, step by step."),
        nodes,
        edges,
    }]
}
