//! Facts from what was gathered and judged.

mod acts;
mod coverage;
mod credentials;
mod eks;
mod entitlements;
mod identities;
mod paths;
mod perimeter;
mod tenants;
mod trusts;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::Context;
use super::actions::ActionId;
use super::catalogues::Catalogues;
use super::documents::DocId;
use super::escalation::{self, Escalation, catalogue};
use super::gist::Gist;
use super::judge::Judge;
use super::policy::permission_set;
use super::powers::Power;
use super::subject::{SubjectId, Subjects};
use super::tiers::{Tiers, Wearing, Worth};
use super::world::World;
use crate::model::{
    Builder, Coverage, IdentityRef, Inventory, Location, Moment, PermissionSetRef, Seen, Sym,
    System, Verdict,
};

/// Builds the facts of all accounts.
pub(super) struct Facts<'w, 'c> {
    world: &'w World<'w>,
    judge: &'w Judge<'w>,
    subjects: &'w Subjects<'w>,
    tiers: &'w Tiers,
    techniques: &'w [catalogue::Technique],
    worth: Vec<Worth>,
    ways: Vec<Escalation>,
    /// Privileged roles that let in everybody, and how many come in by that alone.
    open: FxHashMap<SubjectId, usize>,
    /// Best verdict of a way, by walker.
    escalates: FxHashMap<SubjectId, Verdict>,
    /// Policies (by source in evidence) that carry a way that works outright.
    carries: FxHashSet<(SubjectId, Sym)>,
    sets: Vec<Option<PermissionSetRef>>,
    /// What each subject has of the powers that rules name.
    powers: Vec<Vec<Power>>,
    /// `sts:AssumeRole`.
    assume: ActionId,
    context: &'c Context<'c>,
    build: Builder,
    /// Identities of subjects.
    identities: FxHashMap<SubjectId, IdentityRef>,
    /// People of the identity store.
    people: FxHashMap<Sym, IdentityRef>,
    /// Groups of the identity store.
    crowds: FxHashMap<Sym, IdentityRef>,
}

/// Everything, from what was read.
///
/// # Errors
/// If the built-in catalogues cannot be used.
pub(super) fn resolve(world: &World<'_>, context: &Context<'_>) -> Result<Inventory, String> {
    let Catalogues {
        actions,
        tiers,
        techniques,
        powers,
        assume,
    } = Catalogues::get()?;
    let subjects = Subjects::of(world, context.now);
    let judge = Judge::new(world, &subjects, actions);
    // Both while the subject's documents are at hand.
    let (worth, powers): (Vec<Worth>, Vec<Vec<Power>>) = (0..subjects.list.len())
        .into_par_iter()
        .map(|at| {
            let (id, subject) = (SubjectId(at as u32), &subjects.list[at]);
            let wearing = Wearing {
                identity: &subject.identity,
                bounded: true,
                mask: judge.reach(id),
            };
            let worth = tiers.worth(&judge, subject, wearing);
            (worth, powers.of(&judge, id, subject))
        })
        .unzip();
    let escalation::Found { ways, open } =
        escalation::search(&judge, tiers, techniques, &worth, *assume);
    let mut escalates: FxHashMap<SubjectId, Verdict> = FxHashMap::default();
    let mut carries = FxHashSet::default();
    // Who gets in like everybody is told at the door, not of each.
    for way in ways.iter().filter(|way| !way.everyone) {
        let best = escalates.entry(way.walker).or_default();
        *best = (*best).max(way.verdict);
        if way.verdict == Verdict::Yes {
            carries.extend(way.evidence.iter().map(|shown| (way.walker, shown.source)));
        }
    }
    let facts = Facts {
        world,
        judge: &judge,
        subjects: &subjects,
        tiers,
        techniques,
        worth,
        ways,
        open,
        escalates,
        carries,
        sets: vec![None; world.documents.len()],
        powers,
        assume: *assume,
        context,
        build: Builder::new(),
        identities: FxHashMap::default(),
        people: FxHashMap::default(),
        crowds: FxHashMap::default(),
    };
    Ok(facts.run())
}

impl<'w> Facts<'w, '_> {
    fn run(mut self) -> Inventory {
        self.add_identities();
        self.add_entitlements();
        self.add_assignments();
        self.add_credentials();
        self.add_trusts();
        self.add_clusters();
        self.add_paths();
        self.complete_identities();
        self.complete_trusts();
        self.add_tenants();
        self.add_guardrails();
        self.add_coverage();
        self.build.finish()
    }

    fn locate(&self, file: usize, at: Option<&str>) -> Option<Location> {
        let file = self.world.files.get(file)?;
        match at {
            Some(slice) => file.locate(slice),
            None => Some(Location::start_of(file.name)),
        }
    }

    /// The owner a list of tags names.
    fn owner(&self, tags: &[super::read::Tag<'_>]) -> Option<Sym> {
        self.context
            .config
            .ownership
            .tags
            .iter()
            .find_map(|wanted| tags.iter().find(|tag| *tag.key == **wanted))
            .filter(|tag| !tag.value.trim().is_empty())
            .map(|tag| tag.value.sym())
    }

    /// Whether an identity is registered for emergencies.
    fn is_break_glass(&self, id: &str, name: &str) -> bool {
        self.context.config.break_glass.iter().any(|pattern| {
            let pattern = super::policy::Pattern::new(pattern, super::policy::Reach::Text);
            pattern.matches(id) || pattern.matches(name)
        })
    }

    /// What a document says.
    fn gist(&self, doc: DocId) -> &'w Gist {
        &self.world.documents.get(doc).gist
    }

    /// The permission set of a document, made once.
    fn permission_set(&mut self, doc: DocId) -> Option<PermissionSetRef> {
        let at = doc.0 as usize;
        if let Some(known) = self.sets[at] {
            return Some(known);
        }
        let policy = self.world.documents.get(doc).policy.as_ref().ok()?;
        let set = self.build.permission_set(permission_set(policy.document()));
        self.sets[at] = Some(set);
        Some(set)
    }
}

/// A gap that makes every verdict of a tenant doubtful.
fn gap(tenant: Sym, kind: &str, seen: Seen, reason: impl Into<Box<str>>) -> Coverage {
    Coverage::lacking(System::Aws, tenant, kind, seen, reason)
}

/// The later of two moments.
fn later(a: Moment, b: Moment) -> Moment {
    match (a, b) {
        (Moment::At(x), Moment::At(y)) => Moment::At(x.max(y)),
        (Moment::At(x), _) | (_, Moment::At(x)) => Moment::At(x),
        (Moment::Unknown, _) | (_, Moment::Unknown) => Moment::Unknown,
        (Moment::Never, Moment::Never) => Moment::Never,
    }
}
