//! Whether a grant lets its holder do anything at all.

use std::borrow::Borrow;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use super::super::judge::PROBE;
use super::super::policy::{Action, Pattern, Policy, Statement, Text, resource_pattern};
use super::super::subject::{Limit, Subject};
use super::Facts;
use crate::model::{Effect, Sym, Verdict};

/// Most pairs of action and resource tried before all that can be left out is.
const MAX_TRIED: usize = 48;
/// Most pairs tried of what is left then.
const MAX_LEFT: usize = 1024;
/// Most pairs of patterns cut with each other.
const MAX_CUT: usize = 1 << 16;

impl<'w> Facts<'w, '_> {
    /// Whether the grant lets its holder do anything at all, judged on samples of its
    /// allow statements cut with the boundary's. Where none of these works, on samples
    /// of all that is not certainly taken away; no is said only where they were all
    /// tried.
    pub(super) fn acts(
        &self,
        subject: &Subject<'w>,
        policy: &Policy,
        identity: &[&Policy],
        blocked_by: &mut Vec<Sym>,
    ) -> (Verdict, Option<String>) {
        let boundary = subject.boundary_policy.as_ref().map(|list| list[0]);
        let ask = |bounded: bool, action: &str, resource: &str| {
            let action = Action::new(action);
            self.judge
                .allows_as(subject, identity, bounded, &action, resource, &[])
        };
        let explain = |action: &str, resource: &str| {
            let action = Action::new(action);
            self.judge.explain(subject, &action, resource, &[])
        };
        let mut tries = Tries::default();
        let spared = spared(identity);
        for spared in [None, Some(&spared)] {
            let last = tries.all.len() + MAX_TRIED;
            let cut = Cut { boundary, spared };
            let _ = samples(policy, cut, &subject.arn, &mut |action, resource| {
                tries.note(ask(true, &action, &resource), action, resource);
                tries.go_on(last)
            });
            if tries.best != Verdict::No {
                break;
            }
        }
        let mut missed = false;
        if tries.best == Verdict::No {
            let limits = self.limits(subject, identity);
            let last = tries.all.len() + MAX_LEFT;
            let ended = left(policy, &limits, &subject.arn, &mut |action, resource| {
                tries.note(ask(true, &action, &resource), action, resource);
                tries.go_on(last)
            });
            missed = ended.is_break();
        }
        match tries.best {
            Verdict::Yes => return (Verdict::Yes, None),
            Verdict::Conditional => {
                let residual = tries
                    .conditional
                    .and_then(|(action, resource)| explain(&action, &resource).residual);
                let residual = residual.unwrap_or_else(|| "its conditions hold".to_owned());
                return (Verdict::Conditional, Some(residual));
            }
            Verdict::No => {}
        }
        if tries.all.is_empty() {
            let whole = Cut {
                boundary: None,
                spared: None,
            };
            let _ = samples(policy, whole, &subject.arn, &mut |action, resource| {
                tries.note(Verdict::No, action, resource);
                tries.go_on(MAX_TRIED)
            });
        }
        let mut tried = tries.all.iter().take(MAX_TRIED);
        let bounded = subject.limit != Limit::None;
        if bounded && tried.any(|(action, on)| ask(false, action, on) != Verdict::No) {
            blocked_by.push(Sym::new("boundary"));
        } else {
            let mut tried = tries.all.iter().take(MAX_TRIED);
            let denied = tried.any(|(action, resource)| explain(action, resource).denied);
            blocked_by.push(Sym::new(if denied { "deny" } else { "scp" }));
        }
        if missed {
            let residual = "something it allows that was not tried is let through";
            return (Verdict::Conditional, Some(residual.to_owned()));
        }
        (Verdict::No, None)
    }

    /// What certainly takes away from every grant of the subject.
    fn limits(&self, subject: &Subject<'w>, identity: &[&Policy]) -> Limits {
        let mut limits = Limits::default();
        identity.iter().for_each(|policy| limits.deny(policy));
        let boundary = subject.boundary_policy.iter().map(|list| &list[..]);
        let scps = self.judge.rails(subject.account).scps.as_deref();
        let levels = scps.unwrap_or_default().iter().map(Vec::as_slice);
        for level in boundary.chain(levels) {
            level.iter().for_each(|policy| limits.deny(policy));
            limits.pass(level);
        }
        limits
    }
}

/// Pairs of action and resource that were tried.
#[derive(Default)]
struct Tries {
    best: Verdict,
    all: Vec<(String, String)>,
    /// The first that is let through under conditions.
    conditional: Option<(String, String)>,
}

impl Tries {
    fn note(&mut self, verdict: Verdict, action: String, resource: String) {
        if verdict == Verdict::Conditional && self.conditional.is_none() {
            self.conditional = Some((action.clone(), resource.clone()));
        }
        self.best = self.best.max(verdict);
        self.all.push((action, resource));
    }

    /// Whether there should be more: none that works outright was found, and fewer
    /// than `last` were tried.
    fn go_on(&self, last: usize) -> ControlFlow<()> {
        match self.best == Verdict::Yes || self.all.len() >= last {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// What no allow gets past, whatever the context.
#[derive(Default)]
struct Limits {
    /// One after the other: only these actions, on these resources.
    layers: Vec<(Vec<Pattern>, Vec<Pattern>)>,
    /// Actions that are denied on everything.
    denied: Vec<Pattern>,
}

impl Limits {
    /// Takes in what the allows of one level let through.
    fn pass(&mut self, level: &[&Policy]) {
        let (mut actions, mut resources) = (Vec::new(), Vec::new());
        for statement in level.iter().flat_map(|policy| allowing(policy)) {
            actions.extend(self::actions(statement).cloned());
            resources.extend(self::resources(statement).cloned());
        }
        self.layers.push((actions, resources));
    }

    /// Takes in the denies that hold always.
    fn deny(&mut self, policy: &Policy) {
        let everything = || vec![resource_pattern("*")];
        for deny in &policy.document().statements {
            let certain = deny.conditions.is_empty() && deny.principals.is_none();
            if deny.effect != Effect::Deny || !certain {
                continue;
            }
            let any = deny.resources.as_ref().is_none_or(|list| {
                let mut list = list.patterns.iter().filter(|_| !list.not);
                list.any(|one| one.source() == "*")
            });
            match (deny.actions.not, any) {
                (false, true) => self.denied.extend(deny.actions.patterns()),
                (true, true) => {
                    let spared = deny.actions.patterns().collect();
                    self.layers.push((spared, everything()));
                }
                _ => {}
            }
        }
    }
}

/// Takes a pair of action and resource, and says whether there should be more.
type Taker<'t> = dyn FnMut(String, String) -> ControlFlow<()> + 't;

/// Actions and resources that denies of everything but a few leave alone.
struct Spared {
    actions: Vec<Pattern>,
    resources: Vec<Pattern>,
}

fn spared(policies: &[&Policy]) -> Spared {
    let statements = policies
        .iter()
        .flat_map(|policy| &policy.document().statements)
        .filter(|statement| statement.effect == Effect::Deny);
    let (mut actions, mut resources) = (Vec::new(), Vec::new());
    for deny in statements {
        if deny.actions.not {
            actions.extend(deny.actions.patterns());
        }
        let spared = deny.resources.as_ref().filter(|list| list.not);
        let spared = spared.into_iter().flat_map(|list| &list.patterns);
        resources.extend(spared.map(|one| one.widest().clone()));
    }
    Spared { actions, resources }
}

/// What samples are cut with.
struct Cut<'a> {
    boundary: Option<&'a Policy>,
    /// Only what denies spare, where they spare anything.
    spared: Option<&'a Spared>,
}

/// Pairs of action and resource that stand for a document's allow statements.
/// Where variables stand in a resource, the holder's own ARN is tried beside.
fn samples(policy: &Policy, cut: Cut<'_>, own: &str, take: &mut Taker<'_>) -> ControlFlow<()> {
    if let Some(Spared { actions, resources }) = cut.spared
        && actions.is_empty()
        && resources.is_empty()
    {
        return ControlFlow::Continue(());
    }
    let limits = cut
        .boundary
        .map(|boundary| allowing(boundary).map(patterns));
    let limits: Option<Vec<_>> = limits.map(Iterator::collect);
    for statement in allowing(policy) {
        let own = has_variables(statement).then(|| Pattern::literal(own));
        if limits.is_none() && cut.spared.is_none() {
            // Nearly always, and then the first pair will do.
            cross(
                actions(statement),
                own.iter().chain(resources(statement)),
                take,
            )?;
            continue;
        }
        let (mut actions, mut resources) = patterns(statement);
        let (some, on);
        if let Some(spared) = cut.spared {
            if !spared.actions.is_empty() {
                some = meet(&actions, &spared.actions);
                actions = some.iter().collect();
            }
            if !spared.resources.is_empty() {
                on = meet(&resources, &spared.resources);
                resources = on.iter().collect();
            }
        }
        resources.splice(0..0, &own);
        let Some(limits) = &limits else {
            cross(actions.into_iter(), resources.into_iter(), take)?;
            continue;
        };
        for (allowed, within) in limits {
            let actions = meet(&actions, allowed);
            if !actions.is_empty() {
                let resources = meet(&resources, within);
                cross(actions.iter(), resources.iter(), take)?;
            }
        }
    }
    ControlFlow::Continue(())
}

/// As [`samples`], of all that the limits let through. Breaks where not all was taken.
fn left(policy: &Policy, limits: &Limits, own: &str, take: &mut Taker<'_>) -> ControlFlow<()> {
    for statement in allowing(policy) {
        let mut actions: Vec<Pattern> = actions(statement).cloned().collect();
        let mut resources: Vec<Pattern> = resources(statement).cloned().collect();
        for (some, on) in &limits.layers {
            let many = actions.len() * some.len() + resources.len() * on.len();
            if many > MAX_CUT {
                return ControlFlow::Break(());
            }
            actions = both(&actions, some);
            resources = both(&resources, on);
        }
        actions.retain(|action| !limits.denied.iter().any(|deny| deny.covers(action)));
        if has_variables(statement) {
            resources.insert(0, Pattern::literal(own));
        }
        for action in &actions {
            for resource in &resources {
                take(action.sample(PROBE), resource.sample(PROBE))?;
            }
        }
    }
    ControlFlow::Continue(())
}

fn has_variables(statement: &Statement) -> bool {
    statement
        .resources
        .as_ref()
        .is_some_and(|resources| resources.patterns.iter().any(Text::has_variables))
}

/// What is in one of `left` and in one of `right`.
fn both(left: &[Pattern], right: &[Pattern]) -> Vec<Pattern> {
    let mut met: Vec<Pattern> = left
        .iter()
        .flat_map(|one| right.iter().filter_map(|two| one.intersection(two)))
        .collect();
    met.sort();
    met.dedup();
    met
}

fn allowing(policy: &Policy) -> impl Iterator<Item = &Statement> {
    let statements = policy.document().statements.iter();
    statements.filter(|statement| statement.effect == Effect::Allow)
}

/// The actions a statement gives, as patterns: anything where it names what it does not
/// give.
fn actions(statement: &Statement) -> impl Iterator<Item = &Pattern> + Clone {
    static ANYTHING: LazyLock<[Pattern; 2]> =
        LazyLock::new(|| [Pattern::action(&format!("{PROBE}:*")), Pattern::action("*")]);
    let not = statement.actions.not;
    let anything = not.then(|| ANYTHING.iter());
    let own = (!not).then(|| statement.actions.list.iter().map(|own| own.pattern()));
    anything
        .into_iter()
        .flatten()
        .chain(own.into_iter().flatten())
}

/// The resources a statement is about, as patterns.
fn resources(statement: &Statement) -> impl Iterator<Item = &Pattern> + Clone {
    static ANYTHING: LazyLock<Pattern> = LazyLock::new(|| resource_pattern("*"));
    let named = statement.resources.as_ref().filter(|list| !list.not);
    let anything = named.is_none().then(|| &*ANYTHING);
    let own = named.into_iter().flat_map(|list| &list.patterns);
    anything.into_iter().chain(own.map(Text::widest))
}

fn patterns(statement: &Statement) -> (Vec<&Pattern>, Vec<&Pattern>) {
    (actions(statement).collect(), resources(statement).collect())
}

fn meet(left: &[&Pattern], right: &[impl Borrow<Pattern>]) -> Vec<Pattern> {
    let right = || right.iter().take(24).map(Borrow::borrow);
    left.iter()
        .take(12)
        .flat_map(|one| right().filter_map(|two| one.intersection(two)))
        .collect()
}

fn cross<'p>(
    actions: impl Iterator<Item = &'p Pattern>,
    resources: impl Iterator<Item = &'p Pattern> + Clone,
    take: &mut Taker<'_>,
) -> ControlFlow<()> {
    for action in actions.take(12) {
        for resource in resources.clone().take(4) {
            take(action.sample(PROBE), resource.sample(PROBE))?;
        }
    }
    ControlFlow::Continue(())
}
