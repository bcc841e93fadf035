//! Shortest ways, by breadth-first search from the goal backwards.
//!
//! One search finds the shortest way of every start at once, so the cost is that of
//! the edges, not of the pairs (multi-source BFS; the sources are all starts, walked
//! to from the one goal along reversed edges).

use super::graph::{Graph, Level, Node, What};

const NOWHERE: u32 = u32::MAX;

/// A search, whose memory is used again by the next.
#[derive(Debug)]
pub(super) struct Search<'g> {
    graph: &'g Graph,
    /// The edge to take from each node; [`NOWHERE`] where none leads to a goal.
    next: Vec<u32>,
    /// Edges from each node to the nearest goal; [`NOWHERE`] where there is no way.
    far: Vec<u32>,
    queue: Vec<Node>,
    most: Level,
}

impl<'g> Search<'g> {
    pub fn new(graph: &'g Graph) -> Self {
        Search {
            graph,
            next: vec![NOWHERE; graph.len()],
            far: vec![NOWHERE; graph.len()],
            queue: Vec::new(),
            most: Level::Open,
        }
    }

    /// Finds the shortest way of every node to the nearest of `goals` over edges no
    /// milder than `most`.
    pub fn backwards(&mut self, goals: &[Node], most: Level) {
        for node in self.queue.drain(..) {
            self.next[node as usize] = NOWHERE;
            self.far[node as usize] = NOWHERE;
        }
        self.most = most;
        for &goal in goals {
            self.far[goal as usize] = 0;
            self.queue.push(goal);
        }
        let mut at = 0;
        while let Some(&node) = self.queue.get(at) {
            at += 1;
            let far = self.far[node as usize] + 1;
            for edge in self.graph.inner(node) {
                let from = self.graph.edge(edge).from;
                if self.graph.level(edge) <= most && self.far[from as usize] == NOWHERE {
                    self.far[from as usize] = far;
                    self.next[from as usize] = edge;
                    self.queue.push(from);
                }
            }
        }
    }

    /// The first edge of the shortest way from a leaf, and the edges of the way.
    fn leave_leaf(&self, leaf: Node) -> Option<(u32, u32)> {
        self.graph
            .leaving(leaf)
            .iter()
            .filter(|edge| self.graph.level(**edge) <= self.most)
            .map(|&edge| (self.far[self.graph.edge(edge).to as usize], edge))
            .filter(|(far, _)| *far != NOWHERE)
            .min()
            .map(|(far, edge)| (far + 1, edge))
    }

    /// How many edges lie between `node` and the nearest goal; `None` if no way does.
    pub fn far(&self, node: Node) -> Option<u32> {
        if self.graph.is_leaf(node) {
            return self.leave_leaf(node).map(|(far, _)| far);
        }
        Some(self.far[node as usize]).filter(|far| *far != NOWHERE)
    }

    /// The edges from `node` to the nearest goal, first to last; empty if there is no
    /// way.
    pub fn way(&self, node: Node) -> Vec<u32> {
        let mut edges = Vec::new();
        let mut at = node;
        if self.graph.is_leaf(node) {
            let Some((_, edge)) = self.leave_leaf(node) else {
                return edges;
            };
            edges.push(edge);
            at = self.graph.edge(edge).to;
        }
        while self.next[at as usize] != NOWHERE {
            let edge = self.next[at as usize];
            edges.push(edge);
            at = self.graph.edge(edge).to;
        }
        edges
    }
}

/// By which edge each node is first come to from any of `starts`, over edges no milder
/// than `most` and not through administering a tenant; `None` where nobody comes. A
/// start does not count as come to by itself.
pub(super) fn forwards(graph: &Graph, starts: &[Node], most: Level) -> Vec<Option<u32>> {
    let mut by: Vec<Option<u32>> = vec![None; graph.len()];
    let mut seen = vec![false; graph.len()];
    let mut queue: Vec<Node> = Vec::with_capacity(starts.len());
    for &start in starts {
        if !std::mem::replace(&mut seen[start as usize], true) {
            queue.push(start);
        }
    }
    let mut at = 0;
    while let Some(&node) = queue.get(at) {
        at += 1;
        if matches!(graph.what(node), What::Tenant(_)) {
            continue;
        }
        for &edge in graph.leaving(node) {
            if graph.level(edge) > most {
                continue;
            }
            let to = graph.edge(edge).to;
            if by[to as usize].is_none() {
                by[to as usize] = Some(edge);
            }
            if !std::mem::replace(&mut seen[to as usize], true) {
                queue.push(to);
            }
        }
    }
    by
}
