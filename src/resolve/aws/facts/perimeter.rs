//! Whom resource control policies keep out of a role, whatever its trust policy says.

use super::super::judge::Judge;
use super::super::policy::{
    Action, Context, Policy, PolicySets, Principal, PrincipalKind, Request, ResourcePolicy,
    Statement, evaluate,
};
use super::super::subject::Subject;
use super::trusts::host;
use crate::model::{Claim, ClaimTest, Effect, Sym, Verdict};

/// An organisation that is nobody's: it stands for any but ours, and for none.
const OTHER_ORGANIZATION: &str = "o-0000000000";
/// Keys about a principal whose value is the same for all principals of an account.
const ACCOUNT_WIDE: &[&str] = &[
    "aws:principalaccount",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
];

/// Who wants to come in.
#[derive(Clone, Copy)]
pub(super) struct Caller<'c> {
    pub principal: &'c Principal,
    /// It stands for an account as a whole, of which it is the root: a denial that may
    /// spare some of its principals is no certain one.
    pub whole: bool,
    /// What the role's trust policy demands of it.
    pub claims: &'c [Claim],
}

/// Whether the resource control policies of the role's account let somebody assume it
/// by `action`, and what must hold.
pub(super) fn let_in(
    judge: &Judge<'_>,
    role: &Subject<'_>,
    action: &Action,
    caller: Caller<'_>,
) -> (Verdict, Option<String>) {
    let Some(rails) = judge.resource_rails(role, &role.arn) else {
        return (Verdict::Yes, None);
    };
    let everything = [Policy::everything()];
    let sets = PolicySets {
        identity: &everything,
        resource: ResourcePolicy::Present(Policy::everybody()),
        rcps: &rails.rcps,
        ..PolicySets::default()
    };
    let context = match caller.principal.kind() {
        PrincipalKind::Federated => presented(caller),
        _ => context(judge, caller.principal, &rails.rcps),
    };
    let request = Request {
        principal: caller.principal,
        action,
        resource: &role.arn,
        resource_account: None,
        context: &context,
        extra: &[],
    };
    let decision = evaluate(&request, &sets);
    let some_spared = || {
        decision
            .by
            .iter()
            .filter_map(|place| place.of(&sets))
            .any(tells_principals_apart)
    };
    match decision.verdict {
        Verdict::No if rails.rcps_doubtful || caller.whole && some_spared() => (
            Verdict::Conditional,
            Some("no resource control policy keeps it out".to_owned()),
        ),
        verdict => (verdict, decision.residual),
    }
}

/// What is known of a token or an assertion that the trust policy takes: the claims of
/// which it takes one value.
fn presented(caller: Caller<'_>) -> Context {
    let mut context = Context::open();
    let provider = caller.principal.as_str();
    let issuer = match provider.contains(":saml-provider/") {
        true => "saml",
        false => host(provider),
    };
    for claim in caller.claims {
        if let (ClaimTest::Equals, false, [value]) =
            (claim.test, claim.holds_when_absent, &*claim.values)
        {
            context.set(&format!("{issuer}:{}", claim.name), [value.as_str()]);
        }
    }
    context
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
