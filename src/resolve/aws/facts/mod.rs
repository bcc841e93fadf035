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

use std::sync::LazyLock;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::Context;
use super::actions::{ActionId, Actions};
use super::documents::DocId;
use super::escalation::{self, Escalation, catalogue};
use super::judge::Judge;
use super::policy::Policy;
use super::subject::{SubjectId, Subjects};
use super::tiers::{Reading, Tiers, Wearing, Worth};
use super::world::World;
use crate::model::{
    Builder, Coverage, Effect, IdentityRef, Inventory, Location, Moment, Permission, PermissionSet,
    PermissionSetRef, Seen, Sym, System, Tier, Verdict,
};

/// What one document says, whoever has it.
#[derive(Clone, Debug, Default)]
struct Text {
    /// Tier below admin.
    tier: Tier,
    /// Statements.
    statements: usize,
    /// Some statement allows.
    allows: bool,
    /// Some statement allows without a condition.
    allows_plainly: bool,
    /// Some statement denies.
    denies: bool,
    /// Allows `*` on `*`.
    wildcard: bool,
    /// Allows by exclusion on `*`.
    not_action: bool,
}

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
    texts: Vec<Text>,
    sets: Vec<Option<PermissionSetRef>>,
    probes: Probes,
    context: &'c Context<'c>,
    build: Builder,
    /// Identities of subjects.
    identities: FxHashMap<SubjectId, IdentityRef>,
    /// People of the identity store.
    people: FxHashMap<Sym, IdentityRef>,
    /// Groups of the identity store.
    crowds: FxHashMap<Sym, IdentityRef>,
}

/// Actions asked for single attributes.
#[derive(Clone, Copy, Debug)]
struct Probes {
    pass_role: ActionId,
    assume: ActionId,
    secret: ActionId,
    parameter: ActionId,
}

/// The built-in catalogues, compiled.
struct Catalogues {
    actions: Actions,
    tiers: Tiers,
    techniques: Vec<catalogue::Technique>,
    probes: Probes,
}

/// They are part of the build and compiled once per process.
static CATALOGUES: LazyLock<Result<Catalogues, String>> = LazyLock::new(|| {
    let mut actions = Actions::default();
    let tiers = Tiers::load(&mut actions)?;
    let techniques = catalogue::load(&mut actions)?;
    let probes = Probes {
        pass_role: actions.know("iam:PassRole")?,
        assume: actions.know("sts:AssumeRole")?,
        secret: actions.know("secretsmanager:GetSecretValue")?,
        parameter: actions.know("ssm:GetParameter")?,
    };
    Ok(Catalogues {
        actions,
        tiers,
        techniques,
        probes,
    })
});

/// Everything, from what was read.
///
/// # Errors
/// If the built-in catalogues cannot be used.
pub(super) fn resolve(world: &World<'_>, context: &Context<'_>) -> Result<Inventory, String> {
    let Catalogues {
        actions,
        tiers,
        techniques,
        probes,
    } = CATALOGUES.as_ref().map_err(String::clone)?;
    let subjects = Subjects::of(world, context.now);
    let judge = Judge::new(world, &subjects, actions);
    let worth: Vec<Worth> = (0..subjects.list.len())
        .into_par_iter()
        .map(|at| {
            let subject = &subjects.list[at];
            let wearing = Wearing {
                identity: &subject.identity,
                bounded: true,
                mask: judge.reach(SubjectId(at as u32)),
            };
            tiers.worth(&judge, subject, wearing)
        })
        .collect();
    let escalation::Found { ways, open } =
        escalation::search(&judge, tiers, techniques, &worth, probes.assume);
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
    let mut reading = Reading::default();
    let texts = world
        .documents
        .iter()
        .map(|(_, parsed)| match &parsed.policy {
            Ok(policy) => text(tiers, policy, &mut reading),
            Err(_) => Text::default(),
        })
        .collect();
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
        texts,
        sets: vec![None; world.documents.len()],
        probes: *probes,
        context,
        build: Builder::new(),
        identities: FxHashMap::default(),
        people: FxHashMap::default(),
        crowds: FxHashMap::default(),
    };
    Ok(facts.run())
}

impl Facts<'_, '_> {
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

    /// The permission set of a document, made once.
    fn permission_set(&mut self, doc: DocId) -> Option<PermissionSetRef> {
        let at = doc.0 as usize;
        if let Some(known) = self.sets[at] {
            return Some(known);
        }
        let policy = self.world.documents.get(doc).policy.as_ref().ok()?;
        let set = self.build.permission_set(permissions(policy));
        self.sets[at] = Some(set);
        Some(set)
    }
}

/// What a document says, whoever has it.
fn text(tiers: &Tiers, policy: &Policy, reading: &mut Reading) -> Text {
    let document = policy.document();
    let mut text = Text {
        tier: tiers.by_text(document, reading),
        statements: document.statements.len(),
        ..Text::default()
    };
    for statement in &document.statements {
        if statement.effect == Effect::Deny {
            text.denies = true;
            continue;
        }
        text.allows = true;
        text.allows_plainly |= statement.conditions.is_empty();
        let everywhere = statement.resources.as_ref().is_some_and(|resources| {
            resources.not || resources.patterns.iter().any(|one| one.source() == "*")
        });
        if everywhere {
            text.not_action |= statement.actions.not;
            text.wildcard |= !statement.actions.not
                && statement
                    .actions
                    .list
                    .iter()
                    .any(|action| matches!(action.source(), "*" | "*:*"));
        }
    }
    text
}

/// A document as permissions.
fn permissions(policy: &Policy) -> PermissionSet {
    let sorted = |mut list: Vec<Sym>| {
        list.sort();
        list.dedup();
        list.into_boxed_slice()
    };
    let of = |statement: &super::policy::Statement| {
        let resources = statement.resources.as_ref();
        let condition = (!statement.conditions.is_empty()).then(|| {
            let mut all: Vec<String> = statement
                .conditions
                .iter()
                .map(ToString::to_string)
                .collect();
            all.sort();
            Sym::new(&all.join(" and "))
        });
        Permission {
            effect: statement.effect,
            actions: sorted(
                statement
                    .actions
                    .list
                    .iter()
                    .map(|action| action.sym())
                    .collect(),
            ),
            not_actions: statement.actions.not,
            resources: sorted(
                resources
                    .into_iter()
                    .flat_map(|resources| &resources.patterns)
                    .map(super::policy::Text::sym)
                    .collect(),
            ),
            not_resources: resources.is_some_and(|resources| resources.not),
            condition,
        }
    };
    PermissionSet::new(policy.document().statements.iter().map(of).collect())
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
