//! Who need not pass a gate: whoever controls it (X19), and whoever administers all
//! that stands behind it.

use rustc_hash::FxHashMap;

use super::{Join, node};
use crate::model::{Gate, IdentityRef, Sym, System, Tier, Verdict};
use crate::reach::graph::{Basis, Edge, Kind};

impl Join<'_> {
    pub(super) fn gates(&mut self) {
        self.repository_administrators();
        self.becomes();
    }

    /// A repository's administrators edit its environments and branch rules, and many
    /// may skip them, so what those guard is not guarded against them.
    fn repository_administrators(&mut self) {
        let inventory = self.inventory;
        let mut gated: FxHashMap<(Sym, Sym), Vec<IdentityRef>> = FxHashMap::default();
        for &at in &self.subjects {
            let identity = inventory.identity(at);
            let guarded = identity
                .attrs
                .text(self.names.gate)
                .is_some_and(|gate| gate != "none");
            if let Some(repository) = identity.attrs.text(self.names.repository)
                && guarded
            {
                let key = (identity.tenant, repository);
                gated.entry(key).or_default().push(at);
            }
        }
        if gated.is_empty() {
            return;
        }
        for (at, fact) in (0..).zip(&inventory.entitlements) {
            if fact.system != System::Github
                || fact.tier < Tier::Write
                || fact.verdict == Verdict::No
                || fact.attrs.flag(self.names.edits_gates) != Some(true)
            {
                continue;
            }
            // Administrators of everything become what they like, see `becomes`.
            for subject in gated.get(&(fact.tenant, fact.scope)).into_iter().flatten() {
                let mut edge = Edge::new(Kind::X19, node(fact.identity), node(*subject))
                    .shown_by(Basis::Entitlement(at))
                    .if_so(fact.verdict, fact.residual);
                edge.gate = super::gate_of(fact.activation);
                self.draft.add(edge);
            }
        }
    }

    /// Whoever administers a tenant becomes those of its identities that lead out of it.
    fn becomes(&mut self) {
        let inventory = self.inventory;
        let mut leaving: Vec<(u32, Kind)> = self
            .draft
            .edges
            .iter()
            .filter(|edge| edge.kind.id().is_some() && edge.kind != Kind::X19)
            .map(|edge| (edge.from, Kind::Becomes))
            .collect();
        leaving.sort_unstable();
        leaving.dedup();
        for (from, kind) in leaving {
            let Some(identity) = inventory.identities.get(from as usize) else {
                continue;
            };
            let Some(tenant) = self.draft.tenant(identity.system, identity.tenant) else {
                continue;
            };
            // An owner takes the gate away before he walks through it.
            let guarded = identity
                .attrs
                .text(self.names.gate)
                .is_some_and(|gate| gate != "none");
            let kind = if guarded { Kind::X19 } else { kind };
            let mut edge = Edge::new(kind, tenant, from);
            edge.gate = Gate::None;
            self.draft.add(edge);
        }
    }
}
