//! Escalation paths, with all their steps.

use rustc_hash::FxHashMap;

use super::super::escalation::Escalation;
use super::super::subject::SubjectId;
use super::Facts;
use crate::model::{Gate, Path, Step, Sym, System, Tier, Verdict};

/// Longest chain of steps told.
const MAX_STEPS: usize = 12;

impl Facts<'_, '_> {
    pub(super) fn add_paths(&mut self) {
        // How each walker goes on: its best way, the shortest first.
        let mut onward: FxHashMap<SubjectId, &Escalation> = FxHashMap::default();
        let ways = std::mem::take(&mut self.ways);
        for way in &ways {
            let better = |old: &&Escalation| {
                (way.hops, std::cmp::Reverse(way.verdict), way.technique)
                    < (old.hops, std::cmp::Reverse(old.verdict), old.technique)
            };
            if onward.get(&way.walker).is_none_or(better) {
                onward.insert(way.walker, way);
            }
        }
        for way in ways.iter().filter(|way| !way.everyone) {
            self.add_path(way, &onward);
        }
        self.ways = ways;
    }

    fn step(&self, way: &Escalation) -> Step {
        let technique = &self.techniques[way.technique];
        Step {
            from: self.subjects.get(way.walker).arn,
            action: technique.shown,
            to: way.reached,
            gate: Gate::None,
            evidence: way.evidence.clone(),
        }
    }

    fn add_path(&mut self, way: &Escalation, onward: &FxHashMap<SubjectId, &Escalation>) {
        let Some(from) = self.identities.get(&way.walker).copied() else {
            return;
        };
        let technique = &self.techniques[way.technique];
        let walker = self.subjects.get(way.walker);
        let mut steps = vec![self.step(way)];
        let mut at = way;
        while let Some(next) = at.target.and_then(|target| onward.get(&target)) {
            if next.hops >= at.hops || steps.len() >= MAX_STEPS {
                break;
            }
            steps.push(self.step(next));
            at = next;
        }
        let to = way
            .target
            .and_then(|target| self.identities.get(&target).copied());
        let worth = &self.worth[way.walker.0 as usize];
        let mut path = Path {
            system: System::Aws,
            tenant: walker.account,
            from,
            to,
            tier: Tier::Admin,
            technique: technique.technique,
            name: technique.name,
            verdict: way.verdict,
            residual: way.residual.as_deref().map(Sym::new),
            gate: Gate::None,
            location: steps[0].evidence.iter().find_map(|shown| shown.location),
            steps,
            attrs: crate::model::Attrs::new(),
        };
        path.attrs.set("category", technique.category);
        path.attrs.set("catalogue", technique.id);
        path.attrs.set("actions", technique.action_names.clone());
        if !technique.services.is_empty() {
            path.attrs.set("services", technique.services.clone());
        }
        path.attrs.set("target", way.reached);
        path.attrs.set("targets", way.targets);
        path.attrs.set("hops", i64::from(way.hops));
        path.attrs.set("own_admin", worth.admin() != Verdict::No);
        if technique.condition.is_some() {
            path.attrs.set("unseen_target", true);
        }
        self.build.path(path);
    }
}
