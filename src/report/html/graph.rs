//! Ways to privilege drawn as a picture: layers from left to right (or downwards
//! where they are many), after Sugiyama: longest-path layering, then barycentre
//! ordering. Made for 2 to 30 nodes; no script draws it, so it also prints.

use std::fmt::Write;

use rustc_hash::FxHashSet;
use unicode_width::UnicodeWidthChar;

use crate::model::Gate;
use crate::report::text::{shorten, shorten_middle};

/// Most nodes in one picture; more would not be readable.
pub const MOST_NODES: usize = 30;

/// Characters of a node's name, as they come on the average.
pub const NAME: usize = 23;
/// Sizes of a node's name, which is bold, and of what stands under it, in tenths of a
/// pixel (`.graph .name`, `.graph .kind` in the style sheet).
const NAME_SIZE: i32 = 137;
const KIND_SIZE: i32 = 115;

const NODE_WIDTH: i32 = 206;
/// Between a node's border and its text.
const PADDING: i32 = 12;
/// What the text of a node has. It is cut to fit, and clipped where a reader's font is
/// wider than thought.
const TEXT_WIDTH: i32 = NODE_WIDTH - 2 * PADDING;
const NODE_HEIGHT: i32 = 46;
/// Between layers, from left to right: room for what is done on the way.
const ACROSS: i32 = 156;
/// Between layers, downwards.
const DOWN: i32 = 74;
/// Between the nodes of a layer.
const BESIDE: i32 = 30;
const MARGIN: i32 = 14;
/// Width within which a picture runs across; what is wider runs downwards, unless
/// that were wider still.
const PAGE: i32 = 1_300;
/// Characters of a label line.
const LABEL: usize = 23;
const LINE: i32 = 13;
/// From a label over a line to one under it.
const BELOW: i32 = 7;
/// How far a label may be moved from its line.
const FARTHEST: i32 = 40;
/// Sweeps of the ordering; more change nothing for graphs this small.
const SWEEPS: usize = 6;

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its whole name, shown when pointed at.
    pub id: String,
    /// Its short name.
    pub name: String,
    /// What it is: `workload`, `human · aws`.
    pub kind: String,
}

/// One step from node to node.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Index of the node it starts from.
    pub from: usize,
    /// Index of the node it reaches.
    pub to: usize,
    /// What is done.
    pub label: String,
    /// What stands in between.
    pub gate: Gate,
}

/// A graph to draw.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The steps.
    pub edges: Vec<Edge>,
}

/// Where everything lies. Slots are nodes first, then bends of long edges.
struct Layout {
    at: Vec<(i32, i32)>,
    /// Slots each edge passes, ends included.
    routes: Vec<Vec<usize>>,
    across: bool,
    size: (i32, i32),
}

impl Graph {
    /// An SVG picture. `id` makes the ids of its title and description unique, `title`
    /// names it for those who do not see it.
    pub fn svg(&self, id: &str, title: &str) -> String {
        let layout = self.layout();
        let (width, mut height) = layout.size;
        // How far the page may shrink it.
        let fit = match width {
            ..=960 => "small",
            961..=1_400 => "middling",
            _ => "large",
        };
        let mut body = String::new();
        let mut labels = Labels::default();
        let mut over = String::new();
        for (edge, route) in self.edges.iter().zip(&layout.routes) {
            self.edge(&mut body, &mut over, &mut labels, edge, route, &layout);
        }
        for (at, node) in self.nodes.iter().enumerate() {
            self.node(&mut body, at, node, layout.at[at]);
        }
        // Labels of the lowest edges may stand below all nodes.
        for &(_, _, bottom) in &labels.taken {
            height = height.max(bottom + MARGIN);
        }
        let mut svg = String::new();
        // Writing to a string cannot fail; results are dropped below.
        let _ = write!(
            svg,
            "<svg class=\"graph {fit}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" \
             viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\
             <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
            escape(title),
            escape(&self.described()),
        );
        svg.push_str(&body);
        svg.push_str(&over);
        svg.push_str("</svg>");
        svg
    }

    /// The same in words.
    fn described(&self) -> String {
        let steps: Vec<String> = self
            .edges
            .iter()
            .filter_map(|edge| {
                let gate = match edge.gate {
                    Gate::None => "",
                    Gate::Proved => " (gate proved)",
                    Gate::Unproved => " (gate unproved)",
                    Gate::Unknown => " (gate not seen)",
                };
                let (from, to) = (self.nodes.get(edge.from)?, self.nodes.get(edge.to)?);
                Some(format!(
                    "{} – {} – {}{gate}",
                    from.name, edge.label, to.name
                ))
            })
            .collect();
        steps.join("; ")
    }

    fn node(&self, svg: &mut String, at: usize, node: &Node, (x, y): (i32, i32)) {
        let reached = self.edges.iter().any(|edge| edge.to == at);
        let leads_on = self.edges.iter().any(|edge| edge.from == at);
        let class = match (reached, leads_on) {
            (false, _) => "start",
            (true, false) => "goal",
            (true, true) => "between",
        };
        let _ = write!(
            svg,
            "<g class=\"node {class}\"><title>{}</title>\
             <rect x=\"{x}\" y=\"{y}\" width=\"{NODE_WIDTH}\" height=\"{NODE_HEIGHT}\" rx=\"9\"/>\
             <svg x=\"{}\" y=\"{y}\" width=\"{TEXT_WIDTH}\" height=\"{NODE_HEIGHT}\">\
             <text class=\"name\" y=\"{}\">{}</text>\
             <text class=\"kind\" y=\"36\">{}</text></svg></g>",
            escape(&node.id),
            x + PADDING,
            if node.kind.is_empty() { 28 } else { 20 },
            escape(&fitted(&node.name, NAME_SIZE)),
            escape(&fitted(&node.kind, KIND_SIZE)),
        );
    }

    fn edge<'a>(
        &self,
        svg: &mut String,
        over: &mut String,
        labels: &mut Labels<'a>,
        edge: &'a Edge,
        route: &[usize],
        layout: &Layout,
    ) {
        let class = match edge.gate {
            Gate::None => "open",
            Gate::Proved => "proved",
            Gate::Unproved => "unproved",
            Gate::Unknown => "unknown",
        };
        let points = self.points(route, layout);
        let Some((&first, rest)) = points.split_first() else {
            return;
        };
        let mut path = format!("M{} {}", first.0, first.1);
        let mut from = first;
        for &to in rest {
            if layout.across {
                let middle = (from.0 + to.0) / 2;
                let _ = write!(
                    path,
                    "C{middle} {} {middle} {} {} {}",
                    from.1, to.1, to.0, to.1
                );
            } else {
                let middle = (from.1 + to.1) / 2;
                let _ = write!(
                    path,
                    "C{} {middle} {} {middle} {} {}",
                    from.0, to.0, to.0, to.1
                );
            }
            from = to;
        }
        let _ = write!(svg, "<path class=\"edge {class}\" d=\"{path}\"/>");
        // The head, drawn by hand: a marker's colour cannot follow its line everywhere.
        let (x, y) = from;
        let head = if layout.across {
            format!("M{x} {y}l-8 -4.5v9z")
        } else {
            format!("M{x} {y}l-4.5 -8h9z")
        };
        let _ = write!(svg, "<path class=\"head {class}\" d=\"{head}\"/>");

        let next = rest.first().copied().unwrap_or(first);
        let middle = ((first.0 + next.0) / 2, (first.1 + next.1) / 2);
        let lines = label_lines(&edge.label);
        // A step back runs behind nodes, which its label would hide.
        let back = if layout.across {
            next.0 <= first.0
        } else {
            next.1 <= first.1
        };
        if back {
            return;
        }
        let Some((x, y)) = labels.place(edge, middle, lines.len(), layout.across) else {
            return;
        };
        let mark = match edge.gate {
            Gate::None => None,
            Gate::Proved => Some(("gated", "✓")),
            Gate::Unproved => Some(("gate unproved", "?")),
            Gate::Unknown => Some(("gate not seen", "…")),
        };
        let _ = write!(
            over,
            "<g class=\"step {class}\"><title>{}</title>",
            escape(&edge.label)
        );
        for (at, line) in lines.iter().enumerate() {
            let _ = write!(
                over,
                "<text x=\"{x}\" y=\"{}\">{}</text>",
                y + LINE * at as i32,
                escape(line)
            );
        }
        if let Some((word, sign)) = mark {
            // Below the line where it runs across, below the label where it runs down.
            let y = y + LINE * lines.len() as i32 + if layout.across { BELOW } else { 0 };
            let _ = write!(
                over,
                "<text class=\"gate\" x=\"{x}\" y=\"{y}\">{sign} {word}</text>"
            );
        }
        over.push_str("</g>");
    }

    /// The points an edge goes through.
    fn points(&self, route: &[usize], layout: &Layout) -> Vec<(i32, i32)> {
        let last = route.len().saturating_sub(1);
        route
            .iter()
            .enumerate()
            .map(|(step, &slot)| {
                let (x, y) = layout.at[slot];
                let (middle_x, middle_y) = (x + NODE_WIDTH / 2, y + NODE_HEIGHT / 2);
                let bend = slot >= self.nodes.len();
                match (layout.across, step == 0, step == last) {
                    _ if bend => (middle_x, middle_y),
                    (true, true, _) => (x + NODE_WIDTH, middle_y),
                    (true, ..) => (x, middle_y),
                    (false, true, _) => (middle_x, y + NODE_HEIGHT),
                    (false, ..) => (middle_x, y),
                }
            })
            .collect()
    }

    fn layout(&self) -> Layout {
        let mut layer = self.layers();
        let mut routes = Vec::with_capacity(self.edges.len());
        for edge in &self.edges {
            let mut route = vec![edge.from];
            for between in layer[edge.from] + 1..layer[edge.to].max(layer[edge.from] + 1) {
                layer.push(between);
                route.push(layer.len() - 1);
            }
            route.push(edge.to);
            routes.push(route);
        }
        let mut layers: Vec<Vec<usize>> = Vec::new();
        for (slot, &at) in layer.iter().enumerate() {
            if layers.len() <= at {
                layers.resize(at + 1, Vec::new());
            }
            layers[at].push(slot);
        }
        order(&mut layers, &routes, layer.len());

        let widest = layers.iter().map(Vec::len).max().unwrap_or(0) as i32;
        let deep = layers.len() as i32;
        let across = deep * (NODE_WIDTH + ACROSS) - ACROSS <= PAGE
            || deep * (NODE_WIDTH + ACROSS) <= widest * (NODE_WIDTH + BESIDE);
        let (beside, along) = if across {
            (NODE_HEIGHT + BESIDE, NODE_WIDTH + ACROSS)
        } else {
            (NODE_WIDTH + BESIDE, NODE_HEIGHT + DOWN)
        };
        let mut at = vec![(0, 0); layer.len()];
        for (depth, slots) in layers.iter().enumerate() {
            let shift = (widest - slots.len() as i32) * beside / 2;
            for (rank, &slot) in slots.iter().enumerate() {
                let main = MARGIN + depth as i32 * along;
                let cross = MARGIN + shift + rank as i32 * beside;
                at[slot] = if across { (main, cross) } else { (cross, main) };
            }
        }
        let depth = layers.len() as i32;
        let main =
            2 * MARGIN + depth * along - if across { ACROSS } else { DOWN }.min(depth * along);
        let cross = 2 * MARGIN + widest * beside - BESIDE.min(widest * beside);
        let size = if across {
            (main, cross)
        } else {
            (cross.max(2 * NODE_WIDTH), main)
        };
        Layout {
            at,
            routes,
            across,
            size,
        }
    }

    /// Longest distance from a start. Of the steps of a circle only those count that
    /// lead away from where one comes in.
    fn layers(&self) -> Vec<usize> {
        let n = self.nodes.len();
        let entered = self.entered();
        let reach = self.reach();
        let forward: Vec<&Edge> = self
            .edges
            .iter()
            .filter(|edge| !reach[edge.to][edge.from] || entered[edge.to] > entered[edge.from])
            .collect();
        let mut layer = vec![0; n];
        // What counts has no circle, so the longest way has fewer than `n` steps.
        for _ in 0..n {
            let mut moved = false;
            for edge in &forward {
                if layer[edge.to] <= layer[edge.from] {
                    layer[edge.to] = layer[edge.from] + 1;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        layer
    }

    /// Fewest steps from a node nothing leads to, or from the first where all are in
    /// a circle.
    fn entered(&self) -> Vec<usize> {
        let mut steps = vec![usize::MAX; self.nodes.len()];
        for (at, steps) in steps.iter_mut().enumerate() {
            if !self.edges.iter().any(|edge| edge.to == at) {
                *steps = 0;
            }
        }
        for _ in 0..=self.nodes.len() {
            for edge in &self.edges {
                if steps[edge.from] != usize::MAX {
                    steps[edge.to] = steps[edge.to].min(steps[edge.from] + 1);
                }
            }
            // A circle nobody enters is entered at its first node.
            if self.edges.iter().all(|edge| steps[edge.from] != usize::MAX) {
                continue;
            }
            let settled = self
                .edges
                .iter()
                .all(|edge| steps[edge.from] == usize::MAX || steps[edge.to] != usize::MAX);
            if settled && let Some(first) = steps.iter_mut().find(|steps| **steps == usize::MAX) {
                *first = 0;
            }
        }
        steps
    }

    /// Which node can be reached from which (Warshall).
    fn reach(&self) -> Vec<Vec<bool>> {
        let n = self.nodes.len();
        let mut reach = vec![vec![false; n]; n];
        for edge in &self.edges {
            reach[edge.from][edge.to] = true;
        }
        for through in 0..n {
            let onward = reach[through].clone();
            for row in &mut reach {
                if row[through] {
                    for (cell, &on) in row.iter_mut().zip(&onward) {
                        *cell |= on;
                    }
                }
            }
        }
        reach
    }
}

/// Orders each layer by the mean place of its neighbours, sweeping back and forth.
fn order(layers: &mut [Vec<usize>], routes: &[Vec<usize>], slots: usize) {
    let mut near: Vec<Vec<usize>> = vec![Vec::new(); slots];
    for route in routes {
        for pair in route.windows(2) {
            near[pair[0]].push(pair[1]);
            near[pair[1]].push(pair[0]);
        }
    }
    let mut rank = vec![0_usize; slots];
    let mut depth = vec![0_usize; slots];
    for (at, layer) in layers.iter().enumerate() {
        for (place, &slot) in layer.iter().enumerate() {
            rank[slot] = place;
            depth[slot] = at;
        }
    }
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        let count = layers.len();
        for step in 0..count {
            let at = if forward { step } else { count - 1 - step };
            let mean = |slot: usize| {
                let sides: Vec<usize> = near[slot]
                    .iter()
                    .filter(|&&other| (depth[other] < at) == forward && depth[other] != at)
                    .map(|&other| rank[other])
                    .collect();
                if sides.is_empty() {
                    rank[slot] * 1_000
                } else {
                    sides.iter().sum::<usize>() * 1_000 / sides.len()
                }
            };
            let mut sorted: Vec<(usize, usize)> =
                layers[at].iter().map(|&slot| (mean(slot), slot)).collect();
            sorted.sort_by_key(|&(mean, _)| mean);
            for (place, &(_, slot)) in sorted.iter().enumerate() {
                rank[slot] = place;
            }
            layers[at] = sorted.into_iter().map(|(_, slot)| slot).collect();
        }
    }
}

/// Labels that were placed, so that the next one can avoid them.
#[derive(Default)]
struct Labels<'a> {
    taken: Vec<(i32, i32, i32)>,
    said: FxHashSet<(bool, usize, &'a str, Gate)>,
}

impl<'a> Labels<'a> {
    /// The base line of the first of `lines`, centred on `middle`, above the line
    /// where it runs across and on it where it runs down. `None` where another step
    /// from or to the same node says the same, or where there is no room near by: the
    /// list under the picture says it all.
    fn place(
        &mut self,
        edge: &'a Edge,
        middle: (i32, i32),
        lines: usize,
        across: bool,
    ) -> Option<(i32, i32)> {
        let from = (false, edge.from, edge.label.as_str(), edge.gate);
        let to = (true, edge.to, edge.label.as_str(), edge.gate);
        if self.said.contains(&from) || self.said.contains(&to) {
            return None;
        }
        let gate = i32::from(edge.gate != Gate::None);
        let height = LINE * (lines as i32 + gate) + if across { BELOW } else { 0 };
        let x = middle.0;
        let wanted = if across {
            middle.1 - 5 - LINE * (lines as i32 - 1)
        } else {
            middle.1 - 2
        };
        let free = |y: i32| {
            !self.taken.iter().any(|&(other_x, top, bottom)| {
                (other_x - x).abs() < LABEL as i32 * 6 && y < bottom && y + height > top
            })
        };
        let y = (0..=FARTHEST / LINE)
            .flat_map(|steps| [wanted + steps * LINE, wanted - steps * LINE])
            .find(|&y| y >= LINE && free(y))?;
        self.taken.push((x, y, y + height));
        self.said.extend([from, to]);
        Some((x, y))
    }
}

/// `text` cut in its middle until it fits a node, by the usual widths of letters in
/// sans-serif fonts. `size` is in tenths of a pixel.
fn fitted(text: &str, size: i32) -> String {
    let room = i64::from(TEXT_WIDTH) * 1_000;
    let wide = |text: &str| -> i64 {
        let units: i64 = text.chars().map(breadth).sum();
        units * i64::from(size)
    };
    let count = text.chars().count();
    // From as many characters as could fit if all were the narrowest.
    let most = count.min(TEXT_WIDTH as usize / 3);
    (1..=most)
        .rev()
        .map(|limit| shorten_middle(text, limit))
        .find(|cut| wide(cut) <= room)
        .map(std::borrow::Cow::into_owned)
        .unwrap_or_default()
}

/// The usual width of a character in a sans-serif font, in hundredths of its size.
fn breadth(c: char) -> i64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 34,
        'f' | 't' | 'r' | '/' | '\\' | '(' | ')' | '[' | ']' | '-' | '"' => 43,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 98,
        'a'..='z' | '0'..='9' | '_' => 64,
        'A'..='Z' => 76,
        c => match c.width().unwrap_or(0) {
            0 => 0,
            1 => 76,
            _ => 105,
        },
    }
}

/// A label in at most two lines.
fn label_lines(label: &str) -> Vec<String> {
    let lines = crate::report::text::wrap(label, LABEL);
    match lines.as_slice() {
        [one] => vec![one.clone()],
        [one, two] => vec![one.clone(), two.clone()],
        [one, rest @ ..] => {
            let rest = rest.join(" ");
            vec![
                one.clone(),
                shorten(&format!("{rest}…"), LABEL).into_owned(),
            ]
        }
        [] => Vec::new(),
    }
}

/// Text as HTML and SVG text or attribute value.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_their_box_whatever_they_are_made_of() {
        for name in [
            "W".repeat(120),
            "i".repeat(120),
            "名".repeat(120),
            "\u{301}".repeat(120),
            "AWSReservedSSO_AdministratorAccess_4e6cb1601e6eab98".to_owned(),
        ] {
            let cut = fitted(&name, NAME_SIZE);
            let wide: i64 = cut.chars().map(breadth).sum::<i64>() * i64::from(NAME_SIZE);
            assert!(wide <= i64::from(TEXT_WIDTH) * 1_000, "{cut}");
        }
        assert_eq!(fitted("ci-legacy", NAME_SIZE), "ci-legacy");
        let cut = fitted(
            "AWSReservedSSO_AdministratorAccess_4e6cb1601e6eab98",
            NAME_SIZE,
        );
        assert!(cut.starts_with("AWSRes") && cut.ends_with("b98"), "{cut}");
    }
}
