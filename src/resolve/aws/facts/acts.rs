//! Whether a grant lets its holder do anything at all.

use std::ops::ControlFlow;

use super::super::judge::PROBE;
use super::super::policy::{Action, Pattern, Policy, resource_pattern};
use super::super::subject::{Limit, Subject};
use super::Facts;
use crate::model::{Effect, Sym, Verdict};

/// Most pairs of action and resource tried to see whether a grant lets anybody act.
const MAX_TRIED: usize = 48;

impl<'w> Facts<'w, '_> {
    /// Whether the grant lets its holder do anything at all, judged on samples of its
    /// allow statements cut with the boundary's.
    pub(super) fn acts(
        &self,
        subject: &Subject<'w>,
        policy: &Policy,
        identity: &[&Policy],
        blocked_by: &mut Vec<Sym>,
    ) -> (Verdict, Option<String>) {
        let mut best = Verdict::No;
        let mut residual = None;
        let boundary = subject.boundary_policy.as_ref().map(|list| list[0]);
        let ask = |bounded: bool, action: &str, resource: &str| {
            let action = Action::new(action);
            self.judge
                .allows_as(subject, identity, bounded, &action, resource, &[])
        };
        let mut tried: Vec<(String, String)> = Vec::new();
        let spared = spared(identity);
        for spared in [None, Some(&spared)] {
            let last = tried.len() + MAX_TRIED;
            let cut = Cut { boundary, spared };
            let _ = samples(policy, cut, &subject.arn, &mut |action, resource| {
                let verdict = ask(true, &action, &resource);
                if verdict > best {
                    best = verdict;
                    if verdict == Verdict::Conditional {
                        let action = Action::new(&action);
                        let answer = self.judge.explain(subject, &action, &resource, &[]);
                        residual = answer.residual;
                    }
                }
                tried.push((action, resource));
                match best == Verdict::Yes || tried.len() >= last {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
            if best != Verdict::No {
                break;
            }
        }
        if best == Verdict::Yes {
            return (best, None);
        }
        if best == Verdict::No {
            let unbounded = tried
                .iter()
                .map(|(action, resource)| ask(false, action, resource))
                .max();
            let bounded = subject.limit != Limit::None;
            if bounded && unbounded.is_some_and(|verdict| verdict != Verdict::No) {
                blocked_by.push(Sym::new("boundary"));
            } else {
                let denied = tried.iter().any(|(action, resource)| {
                    let action = Action::new(action);
                    self.judge.explain(subject, &action, resource, &[]).denied
                });
                blocked_by.push(Sym::new(if denied { "deny" } else { "scp" }));
            }
        } else if residual.is_none() {
            residual = Some("its conditions hold".to_owned());
        }
        (best, residual)
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
    for statement in &policy.document().statements {
        if statement.effect != Effect::Allow {
            continue;
        }
        let (mut actions, mut resources) = patterns(statement);
        if let Some(spared) = cut.spared {
            if !spared.actions.is_empty() {
                actions = meet(&actions, &spared.actions);
            }
            if !spared.resources.is_empty() {
                resources = meet(&resources, &spared.resources);
            }
        }
        let variable = statement.resources.as_ref().is_some_and(|resources| {
            resources
                .patterns
                .iter()
                .any(super::super::policy::Text::has_variables)
        });
        if variable {
            resources.insert(0, Pattern::literal(own));
        }
        let Some(boundary) = cut.boundary else {
            cross(&actions, &resources, take)?;
            continue;
        };
        for limit in &boundary.document().statements {
            if limit.effect != Effect::Allow {
                continue;
            }
            let (allowed, within) = patterns(limit);
            let actions = meet(&actions, &allowed);
            if !actions.is_empty() {
                cross(&actions, &meet(&resources, &within), take)?;
            }
        }
    }
    ControlFlow::Continue(())
}

fn patterns(statement: &super::super::policy::Statement) -> (Vec<Pattern>, Vec<Pattern>) {
    let anything = || vec![Pattern::action(&format!("{PROBE}:*")), Pattern::action("*")];
    let actions = if statement.actions.not {
        anything()
    } else {
        statement.actions.patterns().collect()
    };
    let resources = match &statement.resources {
        Some(list) if !list.not => list
            .patterns
            .iter()
            .map(|one| one.widest().clone())
            .collect(),
        _ => vec![resource_pattern("*")],
    };
    (actions, resources)
}

fn meet(left: &[Pattern], right: &[Pattern]) -> Vec<Pattern> {
    left.iter()
        .take(12)
        .flat_map(|one| {
            right
                .iter()
                .take(24)
                .filter_map(|two| one.intersection(two))
        })
        .collect()
}

fn cross(actions: &[Pattern], resources: &[Pattern], take: &mut Taker<'_>) -> ControlFlow<()> {
    for action in actions.iter().take(12) {
        for resource in resources.iter().take(4) {
            take(action.sample(PROBE), resource.sample(PROBE))?;
        }
    }
    ControlFlow::Continue(())
}
