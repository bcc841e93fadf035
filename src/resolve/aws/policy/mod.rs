//! The AWS policy evaluator.
//!
//! [`Document`] is a policy as written, [`Policy`] the same compiled for many
//! requests, [`evaluate`] the decision over all policies that bear on one
//! [`Request`]. Answers are three-valued: in an open [`Context`] a key that is not
//! given is unknown, and a decision that hangs on it is conditional.

mod compiled;
pub mod condition;
mod document;
mod element;
mod evaluate;
#[cfg(test)]
mod laws;
mod oidc;
mod pattern;
mod permission;
mod plain;
mod query;
mod request;
mod trust;
mod variables;
mod walk;

pub use compiled::Policy;
pub use document::{Document, DocumentError, Problem, Statement};
pub use element::{ActionPattern, Actions, Named, Naming, Principals, Resources, resource_pattern};
pub use evaluate::{
    Decision, PolicyKind, PolicySets, ResourcePolicy, StatementRef, decide, decide_identity,
    evaluate, evaluate_identity,
};
pub use oidc::{Outsider, Witness, oidc_witnesses};
pub use pattern::{Pattern, Reach};
pub use permission::permission_set;
pub use query::{AdminTest, Grant, Question, Target, may, resource_of};
pub use request::{Action, Context, Found, Principal, PrincipalKind, Request, account_of};
pub use trust::{TRUST_ACTIONS, Trustee, admits, trustees};
pub use variables::{Style, Text};
