//! The search against one by brute force, and what must not matter.

use proptest::prelude::*;

use super::*;
use crate::model::{Gate, Verdict};
use crate::reach::graph::{Draft, Edge, Graph, Kind, Level};
use crate::reach::search::{Search, forwards};

/// A graph of `nodes` nodes; the last one is the goal.
fn graph(nodes: usize, edges: &[(usize, usize, u8)]) -> Graph {
    let mut build = Builder::new();
    for at in 0..nodes {
        let id = format!("n{at}");
        // People nobody becomes are searched by another way.
        let kind = match at % 2 {
            0 if at + 1 < nodes => IdentityKind::Human,
            _ => IdentityKind::Workload,
        };
        build.identity(Identity::new(
            System::Aws,
            "1",
            id.as_str(),
            kind,
            id.as_str(),
        ));
    }
    let inventory = build.finish();
    let mut draft = Draft::new(&inventory);
    for (from, to, level) in edges {
        let mut edge = Edge::new(Kind::Assumes, (from % nodes) as u32, (to % nodes) as u32);
        match level % 4 {
            1 => edge.verdict = Verdict::Conditional,
            2 => edge.gate = Gate::Proved,
            3 => edge.candidate = true,
            _ => {}
        }
        draft.add(edge);
    }
    draft.finish()
}

/// The length of the shortest way from each node to `goal`, by relaxing until nothing
/// changes.
fn brute(graph: &Graph, goal: u32, most: Level) -> Vec<Option<usize>> {
    let mut far: Vec<Option<usize>> = vec![None; graph.len()];
    far[goal as usize] = Some(0);
    for _ in 0..graph.len() {
        for edge in graph.edges.iter().filter(|edge| edge.level() <= most) {
            if let Some(rest) = far[edge.to as usize] {
                let own = &mut far[edge.from as usize];
                *own = Some(own.map_or(rest + 1, |known| known.min(rest + 1)));
            }
        }
    }
    far
}

proptest! {
    #[test]
    fn ways_are_edges_and_the_shortest(
        nodes in 2usize..9,
        edges in prop::collection::vec((0usize..9, 0usize..9, 0u8..4), 0..30),
    ) {
        let graph = graph(nodes, &edges);
        let goal = (nodes - 1) as u32;
        let mut search = Search::new(&graph);
        for most in Level::ALL {
            search.backwards(&[goal], most);
            let far = brute(&graph, goal, most);
            for from in 0..nodes as u32 {
                let way = search.way(from);
                prop_assert_eq!(search.far(from).map(|far| far as usize), far[from as usize]);
                prop_assert_eq!(way.len(), far[from as usize].unwrap_or(0));
                let mut at = from;
                for edge in way {
                    prop_assert!(graph.level(edge) <= most);
                    prop_assert_eq!(graph.edge(edge).from, at);
                    at = graph.edge(edge).to;
                }
            }
            // Forwards and backwards agree on who gets there.
            for from in (0..nodes as u32).filter(|from| *from != goal) {
                let by = forwards(&graph, &[from], most);
                prop_assert_eq!(by[goal as usize].is_some(), search.far(from).is_some());
            }
        }
    }

    #[test]
    fn a_stranger_changes_nothing(
        roles in prop::collection::vec((0usize..4, 0usize..5), 1..6),
        strangers in 0usize..4,
    ) {
        let subjects = [
            "repo:acme/app:*",
            "repo:acme/app:environment:production",
            "repo:acme/*:ref:refs/heads/main",
            "repo:acme/lib:pull_request",
            "repo:none/app:*",
        ];
        let world = |strangers: usize| {
            let mut world = World::new();
            for at in 0..strangers {
                world.who(System::Aws, &format!("arn:aws:iam::{ACCOUNT}:role/stranger-{at}"), IdentityKind::Workload);
            }
            world.repository("app");
            world.repository("lib");
            for (name, subject) in &roles {
                let role = world.admin_role(&format!("r{name}"));
                world.trusts(role, ISSUER, &[("sub", ClaimTest::Like, subjects[*subject])]);
            }
            ways(&world.done())
        };
        prop_assert_eq!(world(0), world(strangers));
    }
}
