//! Questions about the accounts of a snapshot: who can do what, and because of what.

use super::super::Context;
use super::actions::Actions;
use super::judge::{Answer, Judge};
use super::policy::{Action, Question, Target, resource_pattern};
use super::subject::{Subject, SubjectKind, Subjects};
use super::world::{self, World};
use crate::model::{Evidence, Sym, Verdict};
use crate::snapshot::Document;

/// What one identity may do.
#[derive(Clone, Debug)]
pub struct Permitted {
    /// ARN of the identity.
    pub identity: Sym,
    /// Its account.
    pub account: Sym,
    /// Whether it may, judged by its own policies, boundary and the organisation's.
    pub verdict: Verdict,
    /// What must hold, where the verdict is conditional.
    pub residual: Option<String>,
    /// The resource the verdict is about: the one asked for, or one that matches.
    pub resource: String,
    /// The statements that decide, with their places.
    pub by: Vec<Evidence>,
    /// An explicit deny decides.
    pub explicit_deny: bool,
}

/// A question that cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Nobody has this name.
    #[error("no user, role or group `{0}` is in the data; name it by ARN, by name or by its id")]
    Unknown(String),
    /// Several have it.
    #[error("`{name}` is the name of several identities: {candidates}; name it by ARN")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Their ARNs.
        candidates: String,
    },
    /// Not an action.
    #[error("`{0}` is not an action; write `service:Action`, such as `s3:GetObject`")]
    Action(String),
}

/// Whether `identity` (ARN, name or unique id) may do `action` on `resource`: an ARN,
/// or a pattern with `*` and `?`; without it, on some resource at all.
///
/// # Errors
/// If the identity is not known or not one, or the action is none.
pub fn can(
    documents: &[&Document],
    context: &Context<'_>,
    identity: &str,
    action: &str,
    resource: Option<&str>,
) -> Result<Permitted, QueryError> {
    let action = parse(action)?;
    with_judge(documents, context, |judge| {
        let named: Vec<&Subject<'_>> = judge
            .subjects
            .list
            .iter()
            .filter(|subject| {
                subject.kind != SubjectKind::PermissionSet || subject.holder.is_none()
            })
            .filter(|subject| is_named(subject, identity))
            .collect();
        match named[..] {
            [] => Err(QueryError::Unknown(identity.to_owned())),
            [subject] => Ok(permitted(judge, subject, &action, resource)),
            _ => {
                let arns: Vec<&str> = named.iter().map(|subject| subject.arn.as_str()).collect();
                Err(QueryError::Ambiguous {
                    name: identity.to_owned(),
                    candidates: arns.join(", "),
                })
            }
        }
    })
}

/// Everybody who may do `action` on `resource` (as for [`can`]), sorted by ARN.
///
/// # Errors
/// If the action is none.
pub fn who_can(
    documents: &[&Document],
    context: &Context<'_>,
    action: &str,
    resource: Option<&str>,
) -> Result<Vec<Permitted>, QueryError> {
    let action = parse(action)?;
    with_judge(documents, context, |judge| {
        let mut found: Vec<Permitted> = judge
            .subjects
            .list
            .iter()
            .filter(|subject| match subject.kind {
                SubjectKind::Group => false,
                SubjectKind::PermissionSet => subject.holder.is_none(),
                SubjectKind::User | SubjectKind::Role => true,
            })
            .map(|subject| permitted(judge, subject, &action, resource))
            .filter(|permitted| permitted.verdict != Verdict::No)
            .collect();
        found.sort_by_key(|permitted| (permitted.account, permitted.identity));
        Ok(found)
    })
}

fn parse(action: &str) -> Result<Action, QueryError> {
    let known = action
        .split_once(':')
        .is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
    if known && !action.contains(['*', '?', ' ']) {
        Ok(Action::new(action))
    } else {
        Err(QueryError::Action(action.to_owned()))
    }
}

fn with_judge<T>(
    documents: &[&Document],
    context: &Context<'_>,
    ask: impl FnOnce(&Judge<'_>) -> T,
) -> T {
    let (files, gaps) = world::files(documents);
    let world = World::read(&files, gaps);
    let subjects = Subjects::of(&world, context.now);
    let actions = Actions::default();
    let judge = Judge::new(&world, &subjects, &actions);
    ask(&judge)
}

fn is_named(subject: &Subject<'_>, identity: &str) -> bool {
    subject.arn == identity
        || subject
            .holder
            .is_some_and(|holder| holder.name == identity || holder.uid == identity)
}

fn permitted(
    judge: &Judge<'_>,
    subject: &Subject<'_>,
    action: &Action,
    resource: Option<&str>,
) -> Permitted {
    let pattern = resource.unwrap_or("*");
    let exact = resource.filter(|resource| !resource.contains(['*', '?']));
    let resource = match exact {
        Some(resource) => resource.to_owned(),
        None => {
            let pattern = resource_pattern(pattern);
            let question = Question {
                principal: &subject.principal,
                action,
                target: Target::Matching(&pattern),
                context: &subject.context,
                extra: &[],
            };
            judge
                .may(&question, subject)
                .map_or_else(|| pattern.sample("any"), |grant| grant.witness)
        }
    };
    let Answer {
        mut verdict,
        mut residual,
        evidence,
        denied,
    } = judge.explain(subject, action, &resource, &[]);
    // What was not read may allow as well as deny; only an explicit deny is certain.
    if !subject.complete && !denied {
        verdict = Verdict::Conditional;
        let unread = "a policy or boundary that is not in the data decides";
        residual = Some(match residual {
            Some(residual) => format!("{residual}; {unread}"),
            None => unread.to_owned(),
        });
    }
    Permitted {
        identity: subject.arn,
        account: subject.account,
        verdict,
        residual,
        resource,
        by: evidence,
        explicit_deny: denied,
    }
}
