//! The graph of who can become whom, and what administers what.
//!
//! Nodes are identities, "whoever administers this tenant" for each tenant, and
//! meeting points that spare one edge for each pair. Edges refer to the facts that
//! show them; words are made only for edges that are told. Both directions are kept
//! as compressed rows (CSR), so that a search touches each edge once.

use jiff::SignedDuration;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::model::{Gate, IdentityKind, IdentityRef, Inventory, Sym, System, Verdict};

/// A node by number: identities first, then tenants, then meeting points.
pub(super) type Node = u32;

/// How an edge or a way counts, from worst to mildest for the defender. A way counts
/// as its mildest edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Level {
    /// Nothing proved stands in between.
    Open,
    /// It works under a condition, or what stands in between could not be seen.
    Conditional,
    /// Somebody must approve or activate, and that is proved.
    Gated,
    /// Names and times suggest it; nothing proves it.
    Candidate,
}

impl Level {
    pub const ALL: [Level; 4] = [
        Level::Open,
        Level::Conditional,
        Level::Gated,
        Level::Candidate,
    ];
}

/// What an edge is. The numbers are those of the catalogue (docs/reach.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// Writes to a repository, whose workflows run what is pushed.
    Writes,
    /// A workflow has a token minted.
    Mints,
    /// Assumes or draws within one system.
    Assumes,
    /// Identity Center brings the person to a role.
    Assigned,
    /// An escalation the system's own resolver found.
    Escalates,
    /// Takes over service accounts of a namespace.
    TakesOver,
    /// A service account of that namespace.
    Within,
    /// Holds the admin tier of a tenant.
    Administers,
    /// Whoever administers a tenant becomes its identities.
    Becomes,
    /// Workflow to cloud role.
    X1,
    /// Stored secret to access key.
    X2,
    /// Service account to cloud role, by the cluster's tokens.
    X3,
    /// Service account to cloud role, by association.
    X4,
    /// Cloud role to cluster user, group or policy.
    X6,
    /// Service account to vault role.
    X7,
    /// Workflow to vault role.
    X8,
    /// Cloud principal to vault role.
    X9,
    /// Holder of a secret-id to AppRole.
    X10,
    /// Vault engine role to cloud role.
    X11,
    /// Vault engine role to cluster role or account.
    X12,
    /// Stored secret to another system's token.
    X13,
    /// Whoever controls a gate needs no leave to pass it.
    X19,
    /// A key or password that lives beside the federation.
    X21,
}

impl Kind {
    /// Number in the catalogue; `None` for edges within a system.
    pub const fn id(self) -> Option<&'static str> {
        Some(match self {
            Kind::X1 => "X1",
            Kind::X2 => "X2",
            Kind::X3 => "X3",
            Kind::X4 => "X4",
            Kind::X6 => "X6",
            Kind::X7 => "X7",
            Kind::X8 => "X8",
            Kind::X9 => "X9",
            Kind::X10 => "X10",
            Kind::X11 => "X11",
            Kind::X12 => "X12",
            Kind::X13 => "X13",
            Kind::X19 => "X19",
            Kind::X21 => "X21",
            _ => return None,
        })
    }

    /// What is used, with its number in the catalogue; `None` for edges within a system.
    pub const fn means(self) -> Option<&'static str> {
        Some(match self {
            Kind::X1 => "a workflow token for AWS (X1)",
            Kind::X2 => "a stored access key (X2)",
            Kind::X3 => "a service account's token for AWS (X3)",
            Kind::X4 => "pod identity (X4)",
            Kind::X6 => "a cluster's map of cloud roles (X6)",
            Kind::X7 => "a service account's token for Vault (X7)",
            Kind::X8 => "a workflow token for Vault (X8)",
            Kind::X9 => "a signed cloud request (X9)",
            Kind::X10 => "a secret-id (X10)",
            Kind::X11 => "cloud credentials a vault hands out (X11)",
            Kind::X12 => "cluster tokens a vault hands out (X12)",
            Kind::X13 => "a stored token (X13)",
            Kind::X19 => "control of the gate (X19)",
            Kind::X21 => "a key beside the federation (X21)",
            _ => return None,
        })
    }

    /// What is done, in words.
    pub const fn action(self) -> &'static str {
        match self {
            Kind::Writes => "writes workflows of",
            Kind::Mints => "has a token minted as",
            Kind::Assumes => "becomes",
            Kind::Assigned => "signs in through Identity Center as",
            Kind::Escalates => "escalates to",
            Kind::TakesOver => "takes over service accounts of",
            Kind::Within => "becomes",
            Kind::Administers => "administers",
            Kind::Becomes => "as its administrator becomes",
            Kind::X1 => "assumes by web identity (X1)",
            Kind::X2 => "reads the access key of (X2)",
            Kind::X3 => "assumes by its cluster's token (X3)",
            Kind::X4 => "assumes by pod identity (X4)",
            Kind::X6 => "is mapped to (X6)",
            Kind::X7 => "logs in by its cluster's token (X7)",
            Kind::X8 => "logs in by web identity (X8)",
            Kind::X9 => "logs in by a signed cloud request (X9)",
            Kind::X10 => "logs in by a secret-id (X10)",
            Kind::X11 => "draws cloud credentials of (X11)",
            Kind::X12 => "draws cluster tokens of (X12)",
            Kind::X13 => "reads the token of (X13)",
            Kind::X19 => "controls the gate before (X19)",
            Kind::X21 => "proves (X21)",
        }
    }
}

/// A fact that shows an edge, by its place in the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Basis {
    Entitlement(u32),
    Credential(u32),
    Trust(u32),
    Path(u32),
}

/// A step somebody can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub from: Node,
    pub to: Node,
    pub kind: Kind,
    pub gate: Gate,
    pub verdict: Verdict,
    pub candidate: bool,
    /// The facts that were joined.
    pub basis: [Option<Basis>; 2],
    /// What must hold, or what the gate is.
    pub note: Option<Sym>,
}

impl Edge {
    /// An edge that is open and proved.
    pub fn new(kind: Kind, from: Node, to: Node) -> Self {
        Edge {
            from,
            to,
            kind,
            gate: Gate::None,
            verdict: Verdict::Yes,
            candidate: false,
            basis: [None, None],
            note: None,
        }
    }

    pub fn shown_by(mut self, basis: Basis) -> Self {
        self.basis[0] = Some(basis);
        self
    }

    pub fn and_by(mut self, basis: Option<Basis>) -> Self {
        self.basis[1] = basis;
        self
    }

    pub fn if_so(mut self, verdict: Verdict, note: Option<Sym>) -> Self {
        self.verdict = verdict;
        self.note = note;
        self
    }

    pub fn level(&self) -> Level {
        if self.candidate {
            Level::Candidate
        } else if self.gate == Gate::Proved {
            Level::Gated
        } else if self.verdict != Verdict::Yes || self.gate == Gate::Unknown {
            Level::Conditional
        } else {
            Level::Open
        }
    }
}

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Identity(IdentityRef),
    /// Whoever administers this tenant, by its place in the inventory.
    Tenant(u32),
    /// A meeting point of a tenant, by its name.
    Point(System, Sym, Sym),
}

/// A part of a tenant where edges meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Point {
    pub system: System,
    pub tenant: Sym,
    pub name: Sym,
}

/// Collects edges.
#[derive(Debug)]
pub(super) struct Draft<'i> {
    pub inventory: &'i Inventory,
    pub tenants: FxHashMap<(System, Sym), Node>,
    points: Vec<Point>,
    by_point: FxHashMap<Point, Node>,
    pub edges: Vec<Edge>,
}

impl<'i> Draft<'i> {
    pub fn new(inventory: &'i Inventory) -> Self {
        let first = inventory.identities.len();
        let mut tenants = FxHashMap::default();
        for (at, tenant) in inventory.tenants.iter().enumerate() {
            tenants
                .entry((tenant.system, tenant.id))
                .or_insert((first + at) as Node);
        }
        Draft {
            inventory,
            tenants,
            points: Vec::new(),
            by_point: FxHashMap::default(),
            edges: Vec::new(),
        }
    }

    pub fn tenant(&self, system: System, id: Sym) -> Option<Node> {
        self.tenants.get(&(system, id)).copied()
    }

    pub fn point(&mut self, point: Point) -> Node {
        let first = self.inventory.identities.len() + self.inventory.tenants.len();
        let next = (first + self.points.len()) as Node;
        let points = &mut self.points;
        *self.by_point.entry(point).or_insert_with(|| {
            points.push(point);
            next
        })
    }

    pub fn known_point(&self, point: Point) -> Option<Node> {
        self.by_point.get(&point).copied()
    }

    pub fn add(&mut self, edge: Edge) {
        if edge.from != edge.to && edge.verdict != Verdict::No {
            self.edges.push(edge);
        }
    }

    pub fn finish(self) -> Graph {
        Graph::new(self.inventory, self.points, self.edges)
    }
}

/// The finished graph.
#[derive(Debug)]
pub(super) struct Graph {
    identities: usize,
    tenants: usize,
    points: Vec<Point>,
    pub edges: Vec<Edge>,
    levels: Vec<Level>,
    /// Edges are sorted by where they lead: those into a node lie together.
    into: Vec<u32>,
    /// Where, of those into a node, the edges from leaves begin.
    inner: Vec<u32>,
    /// People nobody becomes.
    leaf: Vec<bool>,
    /// Edges by where they start.
    out: Vec<u32>,
    leaving: Vec<u32>,
}

impl Graph {
    fn new(inventory: &Inventory, points: Vec<Point>, mut edges: Vec<Edge>) -> Self {
        let identities = inventory.identities.len();
        let tenants = inventory.tenants.len();
        let nodes = identities + tenants + points.len();
        // Most edges start at people nobody becomes. No way leads through them, so a
        // search leaves those edges aside: they stand last among those into a node.
        let mut leaf: Vec<bool> = vec![false; nodes];
        for (leaf, identity) in leaf.iter_mut().zip(&inventory.identities) {
            *leaf = identity.kind == IdentityKind::Human;
        }
        for edge in &edges {
            leaf[edge.to as usize] = false;
        }
        // Of several edges between two nodes the worst is kept: it is what counts.
        edges.par_sort_unstable_by_key(|edge| {
            (
                edge.to,
                leaf[edge.from as usize],
                edge.from,
                edge.level(),
                edge.kind,
                edge.basis,
                edge.note,
            )
        });
        edges.dedup_by_key(|edge| (edge.to, edge.from));
        let mut inner = rows(nodes, edges.iter().map(|edge| edge.to));
        for edge in edges.iter().filter(|edge| leaf[edge.from as usize]) {
            inner[edge.to as usize + 1] -= 1;
        }
        let inner = inner[1..].to_vec();
        let into = rows(nodes, edges.iter().map(|edge| edge.to));
        let out = rows(nodes, edges.iter().map(|edge| edge.from));
        let mut place: Vec<u32> = out[..nodes].to_vec();
        let mut leaving = vec![0; edges.len()];
        for (at, edge) in edges.iter().enumerate() {
            let slot = &mut place[edge.from as usize];
            leaving[*slot as usize] = at as u32;
            *slot += 1;
        }
        Graph {
            identities,
            tenants,
            points,
            levels: edges.iter().map(Edge::level).collect(),
            edges,
            into,
            inner,
            leaf,
            out,
            leaving,
        }
    }

    pub fn len(&self) -> usize {
        self.into.len() - 1
    }

    pub fn what(&self, node: Node) -> What {
        let at = node as usize;
        if at < self.identities {
            return What::Identity(IdentityRef(node));
        }
        let at = at - self.identities;
        if at < self.tenants {
            return What::Tenant(at as u32);
        }
        let point = self.points[at - self.tenants];
        What::Point(point.system, point.tenant, point.name)
    }

    /// Numbers of the edges into a node.
    pub fn entering(&self, node: Node) -> std::ops::Range<u32> {
        self.into[node as usize]..self.into[node as usize + 1]
    }

    /// Numbers of the edges into a node on which a way can go further back.
    pub fn inner(&self, node: Node) -> std::ops::Range<u32> {
        self.into[node as usize]..self.inner[node as usize]
    }

    /// Whether a node is one of the people nobody becomes.
    pub fn is_leaf(&self, node: Node) -> bool {
        self.leaf[node as usize]
    }

    /// Numbers of the edges out of a node.
    pub fn leaving(&self, node: Node) -> &[u32] {
        let range = self.out[node as usize] as usize..self.out[node as usize + 1] as usize;
        &self.leaving[range]
    }

    pub fn level(&self, edge: u32) -> Level {
        self.levels[edge as usize]
    }

    pub fn edge(&self, edge: u32) -> &Edge {
        &self.edges[edge as usize]
    }

    /// Whether some edge is of this level.
    pub fn has(&self, level: Level) -> bool {
        self.levels.contains(&level)
    }
}

/// Where the row of each node starts, and the end.
fn rows(nodes: usize, ends: impl Iterator<Item = Node>) -> Vec<u32> {
    let mut starts = vec![0u32; nodes + 1];
    for end in ends {
        starts[end as usize + 1] += 1;
    }
    for at in 0..nodes {
        starts[at + 1] += starts[at];
    }
    starts
}

/// How long what an edge gives lives, where it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Life {
    /// This long.
    For(SignedDuration),
    /// It can be renewed, or used again, for ever.
    Endless,
}
