//! Whom resource control policies keep out of a role, whatever its trust policy says.

use super::super::judge::Judge;
use super::super::policy::{
    Action, Context, Policy, PolicySets, Principal, Request, Statement, evaluate_identity,
};
use super::super::subject::Subject;
use crate::model::{Effect, Sym, Verdict};

/// An organisation that is nobody's: it stands for any but ours, and for none.
const OTHER_ORGANIZATION: &str = "o-0000000000";
/// Keys about a principal whose value is the same for all principals of an account.
const ACCOUNT_WIDE: &[&str] = &[
    "aws:principalaccount",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
];

/// Whether the resource control policies of the role's account let an AWS principal
/// assume it, and what must hold.
///
/// `whole` is for an account as a whole, of which `principal` is the root: a denial
/// that may spare some of its principals is no certain one.
pub(super) fn let_in(
    judge: &Judge<'_>,
    role: &Subject<'_>,
    principal: &Principal,
    whole: bool,
) -> (Verdict, Option<String>) {
    let Some(rails) = judge.resource_rails(role, &role.arn) else {
        return (Verdict::Yes, None);
    };
    let everything = [Policy::everything()];
    let sets = PolicySets {
        identity: &everything,
        rcps: &rails.rcps,
        ..PolicySets::default()
    };
    let action = Action::new("sts:AssumeRole");
    let context = context(judge, principal, &rails.rcps);
    let request = Request {
        principal,
        action: &action,
        resource: &role.arn,
        resource_account: None,
        context: &context,
        extra: &[],
    };
    let decision = evaluate_identity(&request, &sets);
    let some_spared = || {
        decision
            .by
            .iter()
            .filter_map(|place| place.of(&sets))
            .any(tells_principals_apart)
    };
    match decision.verdict {
        Verdict::No if rails.rcps_doubtful || whole && some_spared() => (
            Verdict::Conditional,
            Some("no resource control policy keeps it out".to_owned()),
        ),
        verdict => (verdict, decision.residual),
    }
}

/// What is known of a request by `principal`.
fn context(judge: &Judge<'_>, principal: &Principal, rcps: &[Vec<&Policy>]) -> Context {
    let organization = &judge.world.organization;
    let mut context = Context::open();
    let Some(own) = organization.id else {
        return context;
    };
    if judge
        .world
        .accounts
        .contains_key(&Sym::new(principal.account()))
        || organization
            .accounts
            .contains_key(&Sym::new(principal.account()))
    {
        context.set("aws:PrincipalOrgID", [own.as_str()]);
        return context;
    }
    // Not ours, whichever it is: that decides where nothing but ours is asked about.
    let only_ours = rcps
        .iter()
        .flatten()
        .flat_map(|policy| &policy.document().statements)
        .flat_map(|statement| &statement.conditions)
        .filter(|condition| condition.folded_key() == "aws:principalorgid")
        .flat_map(|condition| &condition.source)
        .all(|value| **value == *own);
    if only_ours && !organization.accounts.is_empty() {
        context.set("aws:PrincipalOrgID", [OTHER_ORGANIZATION]);
    }
    context
}

/// Whether a denial may concern some principals of an account and not others.
fn tells_principals_apart(statement: &Statement) -> bool {
    let named = statement.principals.as_ref().is_some_and(|list| list.not);
    let asked = statement.conditions.iter().any(|condition| {
        let key = condition.folded_key();
        key.starts_with("aws:principal") && !ACCOUNT_WIDE.contains(&key)
    });
    statement.effect == Effect::Deny && (named || asked)
}
