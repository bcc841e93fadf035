//! The walk over all policies of a request that [`super::evaluate`] is made of.

use super::compiled::Policy;
use super::document::Statement;
use super::element::{Naming, not};
use super::evaluate::{Decision, PolicyKind, PolicySets, ResourcePolicy, StatementRef};
use super::request::{Principal, PrincipalKind, Request};
use crate::model::{Effect, Verdict};

/// Which sides are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Identity and resource.
    Both,
    /// The identity alone.
    Identity,
}

pub(super) fn decide(request: &Request<'_>, sets: &PolicySets<'_>, side: Side) -> Verdict {
    Walk {
        request,
        sets,
        hits: None,
        deny: Verdict::No,
    }
    .run(side)
    .verdict()
}

pub(super) fn explain(request: &Request<'_>, sets: &PolicySets<'_>, side: Side) -> Decision {
    let mut hits = Vec::new();
    let outcome = Walk {
        request,
        sets,
        hits: Some(&mut hits),
        deny: Verdict::No,
    }
    .run(side);
    let verdict = outcome.verdict();
    let explicit_deny = outcome.deny == Verdict::Yes;
    let mut by: Vec<StatementRef> = hits
        .iter()
        .filter(|hit| match (verdict, hit.effect()) {
            (Verdict::No, Effect::Deny) => hit.verdict == Verdict::Yes,
            (Verdict::No, Effect::Allow) => false,
            (_, Effect::Deny) => true,
            (_, Effect::Allow) => outcome.rests_on(hit.place.kind),
        })
        .map(|hit| hit.place)
        .collect();
    by.sort_unstable();
    by.dedup();
    Decision {
        verdict,
        explicit_deny,
        residual: (verdict == Verdict::Conditional).then(|| residual(request, &outcome, &hits)),
        by,
    }
}

/// A statement that applies, certainly or under conditions.
struct Hit<'a> {
    place: StatementRef,
    statement: &'a Statement,
    verdict: Verdict,
}

impl Hit<'_> {
    fn effect(&self) -> Effect {
        self.statement.effect
    }
}

/// The parts a verdict is made of.
struct Outcome {
    /// The identity's own policies within boundary and session policy.
    identity: Verdict,
    /// The resource's policy.
    resource: Verdict,
    /// Both sides together.
    grant: Verdict,
    /// Both sides must allow.
    both: bool,
    /// Organisation and endpoint.
    guard: Verdict,
    deny: Verdict,
    /// AWS requires the resource's policy, and it was not read.
    unread: bool,
}

impl Outcome {
    fn verdict(&self) -> Verdict {
        self.grant.min(self.guard).min(not(self.deny))
    }

    /// Whether the grant rests on statements of `kind`.
    fn rests_on(&self, kind: PolicyKind) -> bool {
        match kind {
            PolicyKind::Identity => self.both || self.identity == self.grant,
            PolicyKind::Resource => self.both || self.resource == self.grant,
            _ => false,
        }
    }

    /// Whether a condition in policies of `kind` can decide.
    fn hangs_on(&self, kind: PolicyKind) -> bool {
        let own = self.both || self.identity == self.grant;
        match kind {
            PolicyKind::Identity | PolicyKind::Boundary | PolicyKind::Session => own,
            PolicyKind::Resource => self.both || !own,
            PolicyKind::Scp | PolicyKind::Rcp | PolicyKind::Endpoint => true,
        }
    }
}

struct Walk<'w, 'a> {
    request: &'w Request<'w>,
    sets: &'w PolicySets<'a>,
    hits: Option<&'w mut Vec<Hit<'a>>>,
    deny: Verdict,
}

/// What a resource's policy allows, by how it names the principal.
#[derive(Clone, Copy)]
struct Named {
    direct: Verdict,
    role: Verdict,
    account: Verdict,
}

impl<'a> Walk<'_, 'a> {
    fn run(mut self, side: Side) -> Outcome {
        let principal = self.request.principal;
        let sets = self.sets;
        let acts = principal.has_identity_policies();

        let mut own = self.allowed(PolicyKind::Identity, 0, sets.identity);
        if principal.kind() == PrincipalKind::Root {
            own = Verdict::Yes;
        }
        let boundary = sets.boundary.map_or(Verdict::Yes, |list| {
            self.allowed(PolicyKind::Boundary, 0, list)
        });
        let session = match (sets.session, principal.kind()) {
            ([], PrincipalKind::FederatedUser) => Verdict::No,
            ([], _) => Verdict::Yes,
            (list, _) => self.allowed(PolicyKind::Session, 0, list),
        };
        let limits = boundary.min(session);
        let identity = if acts { own.min(limits) } else { Verdict::No };

        let mut guard = Verdict::Yes;
        if acts && !principal.is_service_linked() {
            for (level, list) in (0..).zip(sets.scps) {
                guard = guard.min(self.allowed(PolicyKind::Scp, level, list));
            }
        }
        if !principal.is_service_linked() {
            for (level, list) in (0..).zip(sets.rcps) {
                guard = guard.min(self.allowed(PolicyKind::Rcp, level, list));
            }
        }
        if !sets.endpoint.is_empty() {
            guard = guard.min(self.allowed(PolicyKind::Endpoint, 0, sets.endpoint));
        }

        let mut outcome = Outcome {
            identity,
            resource: Verdict::No,
            grant: identity,
            both: false,
            guard,
            deny: self.deny,
            unread: false,
        };
        if side == Side::Identity {
            return outcome;
        }
        let required = requires_resource_policy(self.request);
        let same = self.is_same_account();
        let named = match sets.resource {
            ResourcePolicy::Present(policy) => self.named_by(policy),
            ResourcePolicy::Unknown if required || !same => {
                outcome.unread = true;
                Named {
                    direct: Verdict::Conditional,
                    role: Verdict::Conditional,
                    account: Verdict::Conditional,
                }
            }
            ResourcePolicy::Absent | ResourcePolicy::Unknown => Named {
                direct: Verdict::No,
                role: Verdict::No,
                account: Verdict::No,
            },
        };
        outcome.deny = self.deny;
        if !acts {
            // Nobody's own policies: the resource's alone decide.
            outcome.resource = named.direct;
            outcome.grant = named.direct;
        } else if same {
            let by_name = named.direct.max(named.role.min(limits));
            if required {
                outcome.both = by_name < named.account;
                outcome.resource = by_name.max(named.account);
                outcome.grant = by_name.max(named.account.min(identity));
            } else {
                outcome.resource = by_name;
                outcome.grant = identity.max(by_name);
            }
        } else {
            outcome.both = true;
            outcome.resource = named.direct.max(named.role).max(named.account);
            outcome.grant = identity.min(outcome.resource);
        }
        if is_always_allowed(self.request) {
            outcome.grant = Verdict::Yes;
            outcome.guard = Verdict::Yes;
            outcome.deny = Verdict::No;
        }
        outcome
    }

    /// A resource whose account nobody can tell is taken for the principal's own.
    fn is_same_account(&self) -> bool {
        let own = self.request.principal.account();
        self.request.owner().is_none_or(|owner| owner == own)
    }

    /// What a list of policies allows; denies are noted.
    fn allowed(&mut self, kind: PolicyKind, level: u32, list: &[&'a Policy]) -> Verdict {
        // Policies of an identity name no principal.
        let names = matches!(kind, PolicyKind::Rcp | PolicyKind::Endpoint);
        let mut allow = Verdict::No;
        for (index, policy) in (0..).zip(list) {
            let policy: &'a Policy = policy;
            for (statement_index, statement) in policy.about(self.request.action) {
                if names && !concerns(statement, self.request.principal) {
                    continue;
                }
                let verdict = applies(statement, self.request);
                if verdict == Verdict::No {
                    continue;
                }
                match statement.effect {
                    Effect::Allow => allow = allow.max(verdict),
                    Effect::Deny => self.deny = self.deny.max(verdict),
                }
                self.note(kind, level, index, statement_index, statement, verdict);
            }
        }
        allow
    }

    fn named_by(&mut self, policy: &'a Policy) -> Named {
        let mut named = Named {
            direct: Verdict::No,
            role: Verdict::No,
            account: Verdict::No,
        };
        let principal = self.request.principal;
        for (index, statement) in policy.about(self.request.action) {
            let naming = match (&statement.principals, statement.effect) {
                (None, _) => None,
                (Some(list), Effect::Allow) => list.allow(principal),
                (Some(list), Effect::Deny) => list.deny(principal).then_some(Naming::Direct),
            };
            let Some(naming) = naming else { continue };
            let verdict = applies(statement, self.request);
            if verdict == Verdict::No {
                continue;
            }
            match (statement.effect, naming) {
                (Effect::Deny, _) => self.deny = self.deny.max(verdict),
                (_, Naming::Direct) => named.direct = named.direct.max(verdict),
                (_, Naming::Role) => named.role = named.role.max(verdict),
                (_, Naming::Account) => named.account = named.account.max(verdict),
            }
            self.note(PolicyKind::Resource, 0, 0, index, statement, verdict);
        }
        named
    }

    fn note(
        &mut self,
        kind: PolicyKind,
        level: u32,
        policy: u32,
        statement_index: u32,
        statement: &'a Statement,
        verdict: Verdict,
    ) {
        if let Some(hits) = &mut self.hits {
            hits.push(Hit {
                place: StatementRef {
                    kind,
                    level,
                    policy,
                    statement: statement_index,
                },
                statement,
                verdict,
            });
        }
    }
}

/// Whether a statement that may or may not name principals concerns `principal`.
fn concerns(statement: &Statement, principal: &Principal) -> bool {
    match (&statement.principals, statement.effect) {
        (None, _) => true,
        (Some(list), Effect::Allow) => list.allow(principal).is_some(),
        (Some(list), Effect::Deny) => list.deny(principal),
    }
}

/// Whether resource and conditions of a statement fit; its action does.
fn applies(statement: &Statement, request: &Request<'_>) -> Verdict {
    let mut verdict = match &statement.resources {
        Some(resources) => resources.include(request),
        None => Verdict::Yes,
    };
    for condition in &statement.conditions {
        if verdict == Verdict::No {
            break;
        }
        verdict = verdict.min(condition.holds(request));
    }
    verdict
}

/// Role trust policies and KMS key policies must allow whatever the identity's own
/// policies say (IAM User Guide, "Policy evaluation logic"; KMS Developer Guide, "Key
/// policies in AWS KMS").
fn requires_resource_policy(request: &Request<'_>) -> bool {
    let part = request.resource.splitn(6, ':').nth(5).unwrap_or_default();
    match request.action.service().as_str() {
        "kms" => part.starts_with("key/"),
        "sts" => {
            let folded = request.action.folded();
            part.starts_with("role/")
                && (folded.starts_with("sts:assumerole")
                    || matches!(folded, "sts:tagsession" | "sts:setsourceidentity"))
        }
        _ => false,
    }
}

/// `sts:GetCallerIdentity` needs no permission and no deny stops it (STS API
/// Reference, GetCallerIdentity).
fn is_always_allowed(request: &Request<'_>) -> bool {
    request.action.folded() == "sts:getcalleridentity"
        && request.principal.kind() != PrincipalKind::Anonymous
}

/// What must hold for a conditional verdict, in a fixed order: one part for each kind
/// and level of policy whose allow is conditional, one for each conditional deny.
fn residual(request: &Request<'_>, outcome: &Outcome, hits: &[Hit<'_>]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut groups: Vec<(PolicyKind, u32)> = hits
        .iter()
        .filter(|hit| hit.effect() == Effect::Allow && outcome.hangs_on(hit.place.kind))
        .map(|hit| (hit.place.kind, hit.place.level))
        .collect();
    groups.sort_unstable();
    groups.dedup();
    for group in groups {
        let of_group = || {
            hits.iter().filter(|hit| {
                hit.effect() == Effect::Allow && (hit.place.kind, hit.place.level) == group
            })
        };
        if of_group().any(|hit| hit.verdict == Verdict::Yes) {
            continue;
        }
        let mut ways: Vec<String> = of_group()
            .map(|hit| open_conditions(hit.statement, request))
            .collect();
        ways.sort();
        ways.dedup();
        let text = ways.join(" or ");
        parts.push(if ways.len() > 1 {
            format!("({text})")
        } else {
            text
        });
    }
    for hit in hits {
        if hit.effect() == Effect::Deny {
            parts.push(format!("not ({})", open_conditions(hit.statement, request)));
        }
    }
    if outcome.unread {
        parts.push(format!("the policy of {} allows it", request.resource));
    }
    let mut seen = Vec::new();
    for part in parts {
        if !seen.contains(&part) {
            seen.push(part);
        }
    }
    seen.join(" and ")
}

/// The conditions of a statement that are not decided.
fn open_conditions(statement: &Statement, request: &Request<'_>) -> String {
    let mut parts = Vec::new();
    if let Some(resources) = &statement.resources
        && resources.include(request) == Verdict::Conditional
    {
        let list: Vec<&str> = resources
            .patterns
            .iter()
            .map(|text| text.source())
            .collect();
        let not = if resources.not { "not " } else { "" };
        parts.push(format!(
            "{} is {not}one of {}",
            request.resource,
            list.join(", ")
        ));
    }
    parts.extend(
        statement
            .conditions
            .iter()
            .filter(|condition| condition.holds(request) == Verdict::Conditional)
            .map(ToString::to_string),
    );
    parts.sort();
    parts.join(" and ")
}
