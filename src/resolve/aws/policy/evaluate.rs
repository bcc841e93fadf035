//! The decision over all policies that bear on a request.
//!
//! IAM User Guide, "Policy evaluation logic": "Policy evaluation for requests within
//! a single account", "Cross-account policy evaluation logic", "The difference between
//! explicit and implicit denies", and "Permissions boundaries for IAM entities":
//!
//! * A deny that applies, anywhere, ends it.
//! * Every level of the organisation must allow, for service control policies (the
//!   principal's side) and resource control policies (the resource's side).
//!   Service-linked roles and AWS services are not under service control policies.
//! * Within an account it is enough that the identity's own policies allow, within
//!   boundary and session policy, *or* that the resource's policy names the principal.
//!   Named by its own ARN or as part of everyone, nothing but a deny limits that;
//!   a session named by its role is limited by boundary and session policy; named
//!   by its account, its own policies decide.
//! * Across accounts both sides must allow.
//! * Role trust policies and KMS key policies must allow in any case.

use super::compiled::Policy;
use super::document::Statement;
use super::request::Request;
use super::walk::{self, Side};
use crate::model::Verdict;

/// All policies that bear on a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicySets<'a> {
    /// Inline and managed policies of the identity and its groups.
    pub identity: &'a [&'a Policy],
    /// The permissions boundary, if there is one. An empty one allows nothing.
    pub boundary: Option<&'a [&'a Policy]>,
    /// Policies passed when the session was made. Without any the session has what
    /// its role has; only a federated user's session then has nothing.
    pub session: &'a [&'a Policy],
    /// Service control policies that bear on the principal's account, one list per
    /// level from the root down. Empty outside an organisation.
    pub scps: &'a [Vec<&'a Policy>],
    /// Resource control policies that bear on the resource's account.
    pub rcps: &'a [Vec<&'a Policy>],
    /// The policy of the resource.
    pub resource: ResourcePolicy<'a>,
    /// Policies of the VPC endpoint the request comes through.
    pub endpoint: &'a [&'a Policy],
}

/// What is known of the resource's own policy.
#[derive(Clone, Copy, Debug, Default)]
pub enum ResourcePolicy<'a> {
    /// There is none.
    #[default]
    Absent,
    /// It was not read. Where AWS requires it to allow, the answer is conditional;
    /// elsewhere the identity's side alone is judged.
    Unknown,
    /// It is this.
    Present(&'a Policy),
}

/// Which kind of policy a statement stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// Of the identity or its groups.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// Passed with the session.
    Session,
    /// Service control policy.
    Scp,
    /// Resource control policy.
    Rcp,
    /// Of the resource.
    Resource,
    /// Of the VPC endpoint.
    Endpoint,
}

/// A statement by its place in the [`PolicySets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementRef {
    /// Which kind of policy.
    pub kind: PolicyKind,
    /// Which level, for policies of the organisation.
    pub level: u32,
    /// Which policy in its list.
    pub policy: u32,
    /// Which statement of the policy.
    pub statement: u32,
}

impl StatementRef {
    /// The statement itself.
    pub fn of<'a>(&self, sets: &PolicySets<'a>) -> Option<&'a Statement> {
        let at = self.policy as usize;
        let policy = match self.kind {
            PolicyKind::Identity => sets.identity.get(at).copied(),
            PolicyKind::Boundary => sets.boundary.and_then(|list| list.get(at)).copied(),
            PolicyKind::Session => sets.session.get(at).copied(),
            PolicyKind::Endpoint => sets.endpoint.get(at).copied(),
            PolicyKind::Scp => level(sets.scps, self.level)?.get(at).copied(),
            PolicyKind::Rcp => level(sets.rcps, self.level)?.get(at).copied(),
            PolicyKind::Resource => match sets.resource {
                ResourcePolicy::Present(policy) => Some(policy),
                _ => None,
            },
        }?;
        policy.document().statements.get(self.statement as usize)
    }
}

fn level<'s, 'a>(levels: &'s [Vec<&'a Policy>], at: u32) -> Option<&'s Vec<&'a Policy>> {
    levels.get(at as usize)
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub verdict: Verdict,
    /// Whether a deny statement certainly applies.
    pub explicit_deny: bool,
    /// What must hold, where the verdict is conditional.
    pub residual: Option<String>,
    /// What decides: the statements that grant, or those that deny. Empty where
    /// nothing allows. Sorted.
    pub by: Vec<StatementRef>,
}

/// Decides a request, with reasons.
pub fn evaluate(request: &Request<'_>, sets: &PolicySets<'_>) -> Decision {
    walk::explain(request, sets, Side::Both)
}

/// Decides a request without reasons and without allocating.
pub fn decide(request: &Request<'_>, sets: &PolicySets<'_>) -> Verdict {
    walk::decide(request, sets, Side::Both)
}

/// What the identity's side says (its own policies, boundary, session and those of the
/// organisation), with reasons; the resource's own policy is left out.
pub fn evaluate_identity(request: &Request<'_>, sets: &PolicySets<'_>) -> Decision {
    walk::explain(request, sets, Side::Identity)
}

/// As [`evaluate_identity`], without reasons and without allocating.
pub fn decide_identity(request: &Request<'_>, sets: &PolicySets<'_>) -> Verdict {
    walk::decide(request, sets, Side::Identity)
}
