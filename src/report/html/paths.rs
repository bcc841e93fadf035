//! The worst ways to privilege, joined into one picture.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use super::graph::{Edge, Graph, MOST_NODES, NAME, Node};
use super::island::clean;
use crate::model::{Finding, Gate, Sym};
use crate::report::Outcome;
use crate::report::text::{count, thousands};

/// Paths named under a picture.
const LISTED: usize = 12;
/// Pictures.
const FIGURES: usize = 3;

/// What to show.
pub struct Drawn {
    /// One sentence over the pictures.
    pub lead: String,
    /// The pictures.
    pub figures: Vec<Figure>,
}

/// One picture with the findings it shows.
#[derive(Serialize)]
pub struct Figure {
    title: String,
    svg: String,
    paths: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    id: String,
    message: String,
}

/// Draws the worst open paths: those that share a node together, so that one sees
/// where many ways meet, and no more in a picture than can be read.
pub fn draw(outcome: &Outcome) -> Drawn {
    let all: Vec<&Finding> = outcome
        .open()
        .filter(|finding| !finding.steps.is_empty())
        .collect();
    let mut left: Vec<&Finding> = all
        .iter()
        .copied()
        .filter(|finding| finding.steps.len() < MOST_NODES)
        .collect();
    let names = names(outcome);
    let mut figures = Vec::new();
    let mut shown = 0;
    while figures.len() < FIGURES && !left.is_empty() {
        let mut picked = Picked::default();
        // A path may join two groups, so one look is not enough; each look takes at
        // least one more path or ends.
        loop {
            let before = picked.findings.len();
            left.retain(|finding| !picked.take(finding));
            if picked.findings.len() == before || picked.findings.len() >= LISTED {
                break;
            }
        }
        shown += picked.findings.len();
        let number = figures.len() + 1;
        let graph = picked.graph(&names);
        figures.push(Figure {
            title: format!(
                "{} from {} to privilege",
                count(picked.findings.len(), "way"),
                count(picked.starts(), "start")
            ),
            svg: graph.svg(
                &format!("graph-{number}"),
                &format!("Ways to privilege, picture {number}"),
            ),
            paths: picked
                .findings
                .iter()
                .map(|finding| Listed {
                    id: clean(&finding.id),
                    message: clean(&finding.message),
                })
                .collect(),
        });
    }
    let lead = if all.len() == 1 {
        "One way.".to_owned()
    } else if shown == all.len() {
        format!("{}, joined where they meet.", count(shown, "way"))
    } else {
        format!(
            "The worst {} of {}, joined where they meet.",
            thousands(shown),
            count(all.len(), "way")
        )
    };
    Drawn { lead, figures }
}

/// The findings of one picture.
#[derive(Default)]
struct Picked<'a> {
    findings: Vec<&'a Finding>,
    nodes: FxHashSet<Sym>,
}

impl<'a> Picked<'a> {
    /// Takes a path that fits and meets what is there. The first always does.
    fn take(&mut self, finding: &'a Finding) -> bool {
        if self.findings.len() >= LISTED {
            return false;
        }
        let its: FxHashSet<Sym> = finding
            .steps
            .iter()
            .flat_map(|step| [step.from, step.to])
            .collect();
        let meets = self.findings.is_empty() || its.iter().any(|node| self.nodes.contains(node));
        let fits = self.nodes.union(&its).count() <= MOST_NODES;
        if meets && fits {
            self.nodes.extend(its);
            self.findings.push(finding);
        }
        meets && fits
    }

    fn starts(&self) -> usize {
        // Who steps up without leaving its place still starts there.
        let reached: FxHashSet<Sym> = self
            .steps()
            .filter(|step| step.from != step.to)
            .map(|step| step.to)
            .collect();
        let starts: FxHashSet<Sym> = self
            .steps()
            .map(|step| step.from)
            .filter(|from| !reached.contains(from))
            .collect();
        starts.len().max(1)
    }

    fn steps(&self) -> impl Iterator<Item = &'a crate::model::Step> {
        self.findings.iter().flat_map(|finding| &finding.steps)
    }

    fn graph(&self, names: &FxHashMap<Sym, (String, String)>) -> Graph {
        let mut graph = Graph::default();
        let mut index: FxHashMap<Sym, usize> = FxHashMap::default();
        let mut edges: FxHashMap<(usize, usize), usize> = FxHashMap::default();
        for step in self.steps() {
            let [from, to] = [step.from, step.to].map(|id| {
                *index.entry(id).or_insert_with(|| {
                    let (name, kind) = names
                        .get(&id)
                        .cloned()
                        .unwrap_or_else(|| split(&clean(&id)));
                    graph.nodes.push(Node {
                        id: clean(&id),
                        name,
                        kind,
                    });
                    graph.nodes.len() - 1
                })
            });
            if from == to {
                continue;
            }
            let label = clean(&step.action);
            match edges
                .get(&(from, to))
                .and_then(|&at| graph.edges.get_mut(at))
            {
                Some(edge) => {
                    if !edge.label.split(" or ").any(|known| known == label) {
                        edge.label = format!("{} or {label}", edge.label);
                    }
                    edge.gate = weaker(edge.gate, step.gate);
                }
                None => {
                    edges.insert((from, to), graph.edges.len());
                    graph.edges.push(Edge {
                        from,
                        to,
                        label,
                        gate: step.gate,
                    });
                }
            }
        }
        graph
    }
}

/// An id nobody has named, in two lines: its end, which tells it apart, and what
/// stands before it.
fn split(id: &str) -> (String, String) {
    if id.chars().count() <= NAME {
        return (id.to_owned(), String::new());
    }
    let fits = |at: &usize| (1..=NAME).contains(&id[*at..].chars().count());
    let after = |separator| id.rfind(separator).map(|at| at + 1);
    let end = after(':').filter(fits).or_else(|| after('/').filter(fits));
    match end {
        Some(at) => (id[at..].to_owned(), id[..at].to_owned()),
        None => (id.to_owned(), String::new()),
    }
}

/// Two ways between the same nodes are as open as the more open one.
fn weaker(one: Gate, other: Gate) -> Gate {
    let openness = |gate| match gate {
        Gate::None => 3,
        Gate::Unproved => 2,
        Gate::Unknown => 1,
        Gate::Proved => 0,
    };
    if openness(one) >= openness(other) {
        one
    } else {
        other
    }
}

/// What people call the identities of this scan, by id.
fn names(outcome: &Outcome) -> FxHashMap<Sym, (String, String)> {
    outcome
        .inventory
        .identities
        .iter()
        .map(|who| {
            let kind = format!("{} · {}", who.kind.as_str(), who.system);
            (who.id, (clean(&who.name), kind))
        })
        .collect()
}
