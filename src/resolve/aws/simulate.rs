//! `tenure simulate aws`: one self-contained case a line.
//!
//! A case names a `principal` (the ARN of a user, role, session, federated user, root or
//! identity provider, a service, or `*`), an `action`, a `resource`, the `context`, and
//! the policies that bear on it: `identity_policies`, `boundary`, `session_policies`,
//! `endpoint_policies`, `resource_policy` (with `resource_account` where the ARN does
//! not tell it), and `scps` and `rcps`, one list per level of the organisation from the
//! root down. An empty `boundary` is one that allows nothing; without the field there
//! is none. A policy is a document or its text.
//!
//! A case is closed unless it sets `unknown_context`: a context key it does not give is
//! missing, as in a request that does not carry it. The keys AWS derives from principal
//! and resource (`aws:PrincipalArn`, `aws:username` and the like) need not be given.
//! A case that no request could decide, because an operator is unknown, is an error.

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::policy::{
    Action, Context, Decision, Document, Policy, PolicyKind, PolicySets, Principal, Request,
    ResourcePolicy, StatementRef, evaluate,
};
use crate::model::Verdict;
use crate::resolve::case::misspelt;

/// Longer lines are refused.
const MAX_LINE: usize = 16 << 20;

const FIELDS: &[&str] = &[
    "id",
    "principal",
    "action",
    "resource",
    "context",
    "identity_policies",
    "boundary",
    "session_policies",
    "endpoint_policies",
    "resource_policy",
    "resource_account",
    "scps",
    "rcps",
    "unknown_context",
];

#[derive(Deserialize)]
struct Case<'a> {
    #[serde(default)]
    id: Value,
    principal: String,
    action: String,
    resource: String,
    #[serde(default)]
    context: Option<FxHashMap<String, Value>>,
    #[serde(default, borrow)]
    identity_policies: Option<Vec<&'a RawValue>>,
    #[serde(default, borrow)]
    boundary: Option<Vec<&'a RawValue>>,
    #[serde(default, borrow)]
    session_policies: Option<Vec<&'a RawValue>>,
    #[serde(default, borrow)]
    endpoint_policies: Option<Vec<&'a RawValue>>,
    #[serde(default, borrow)]
    resource_policy: Option<&'a RawValue>,
    #[serde(default)]
    resource_account: Option<String>,
    #[serde(default, borrow)]
    scps: Option<Vec<Vec<&'a RawValue>>>,
    #[serde(default, borrow)]
    rcps: Option<Vec<Vec<&'a RawValue>>>,
    #[serde(default)]
    unknown_context: bool,
}

/// Answers one case. A bad one gives `"answer": "error"` with a message.
pub fn simulate(line: &str) -> Value {
    let answered = if line.len() > MAX_LINE {
        Err((
            Value::Null,
            format!("the line is longer than {MAX_LINE} bytes"),
        ))
    } else {
        answer(line)
    };
    answered
        .unwrap_or_else(|(id, message)| json!({"id": id, "answer": "error", "message": message}))
}

fn answer(line: &str) -> Result<Value, (Value, String)> {
    let case: Case<'_> = serde_json::from_str(line).map_err(|error| {
        #[derive(Deserialize)]
        struct Id {
            #[serde(default)]
            id: Value,
        }
        let id = serde_json::from_str(line).map_or(Value::Null, |found: Id| found.id);
        (id, error.to_string())
    })?;
    let id = case.id.clone();
    if let Some(message) = misspelt(line, FIELDS) {
        return Err((id, message));
    }
    judge(&case).map_err(|message| (id, message))
}

/// The policies of a case, compiled.
struct Policies {
    identity: Vec<Policy>,
    boundary: Option<Vec<Policy>>,
    session: Vec<Policy>,
    endpoint: Vec<Policy>,
    resource: Option<Policy>,
    scps: Vec<Vec<Policy>>,
    rcps: Vec<Vec<Policy>>,
}

fn judge(case: &Case<'_>) -> Result<Value, String> {
    let principal = Principal::parse(&case.principal)?;
    let valid = case.action.split_once(':').is_some_and(|(service, name)| {
        !service.is_empty() && !name.is_empty() && !case.action.contains(['*', '?', ' '])
    });
    if !valid {
        let action = &case.action;
        return Err(format!(
            "`{action}` is not an action; expected `service:Name`"
        ));
    }
    let action = Action::new(&case.action);
    let context = context(case)?;
    let policies = Policies {
        identity: compile_all(
            "identity_policies",
            case.identity_policies.as_deref(),
            false,
        )?,
        boundary: match &case.boundary {
            Some(list) => Some(compile_all("boundary", Some(list), false)?),
            None => None,
        },
        session: compile_all("session_policies", case.session_policies.as_deref(), false)?,
        endpoint: compile_all("endpoint_policies", case.endpoint_policies.as_deref(), true)?,
        resource: match case.resource_policy {
            Some(raw) => Some(compile("resource_policy", raw, true)?),
            None => None,
        },
        scps: compile_levels("scps", case.scps.as_deref(), false)?,
        rcps: compile_levels("rcps", case.rcps.as_deref(), true)?,
    };

    let identity: Vec<&Policy> = policies.identity.iter().collect();
    let boundary: Option<Vec<&Policy>> =
        policies.boundary.as_ref().map(|list| list.iter().collect());
    let session: Vec<&Policy> = policies.session.iter().collect();
    let endpoint: Vec<&Policy> = policies.endpoint.iter().collect();
    let scps: Vec<Vec<&Policy>> = policies
        .scps
        .iter()
        .map(|level| level.iter().collect())
        .collect();
    let rcps: Vec<Vec<&Policy>> = policies
        .rcps
        .iter()
        .map(|level| level.iter().collect())
        .collect();
    let sets = PolicySets {
        identity: &identity,
        boundary: boundary.as_deref(),
        session: &session,
        scps: &scps,
        rcps: &rcps,
        resource: match &policies.resource {
            Some(policy) => ResourcePolicy::Present(policy),
            None => ResourcePolicy::Absent,
        },
        endpoint: &endpoint,
    };
    let request = Request {
        principal: &principal,
        action: &action,
        resource: &case.resource,
        resource_account: case.resource_account.as_deref(),
        context: &context,
        extra: &[],
    };
    let decision = evaluate(&request, &sets);
    if decision.verdict == Verdict::Conditional && !case.unknown_context {
        let residual = decision.residual.unwrap_or_default();
        return Err(format!("cannot be decided: {residual}"));
    }
    Ok(render(case, &decision, &sets))
}

fn render(case: &Case<'_>, decision: &Decision, sets: &PolicySets<'_>) -> Value {
    let by: Vec<Value> = decision.by.iter().map(|place| name(place, sets)).collect();
    let mut answer = Map::new();
    answer.insert("id".to_owned(), case.id.clone());
    let word = match decision.verdict {
        Verdict::Yes => "allowed",
        Verdict::Conditional => "conditional",
        Verdict::No => "denied",
    };
    answer.insert("answer".to_owned(), word.into());
    answer.insert("explicit_deny".to_owned(), decision.explicit_deny.into());
    answer.insert("by".to_owned(), by.into());
    if let Some(residual) = &decision.residual {
        answer.insert("residual".to_owned(), residual.as_str().into());
    }
    Value::Object(answer)
}

/// A statement by its place in the case, and its `Sid` if it has one.
fn name(place: &StatementRef, sets: &PolicySets<'_>) -> Value {
    let (policy, level) = (place.policy, place.level);
    let text = match place.kind {
        PolicyKind::Identity => format!("identity_policies[{policy}]"),
        PolicyKind::Boundary => format!("boundary[{policy}]"),
        PolicyKind::Session => format!("session_policies[{policy}]"),
        PolicyKind::Scp => format!("scps[{level}][{policy}]"),
        PolicyKind::Rcp => format!("rcps[{level}][{policy}]"),
        PolicyKind::Resource => "resource_policy".to_owned(),
        PolicyKind::Endpoint => format!("endpoint_policies[{policy}]"),
    };
    let sid = place.of(sets).and_then(|statement| statement.sid);
    match sid {
        Some(sid) => json!({"policy": text, "statement": place.statement, "sid": sid}),
        None => json!({"policy": text, "statement": place.statement}),
    }
}

fn context(case: &Case<'_>) -> Result<Context, String> {
    let mut context = match case.unknown_context {
        true => Context::open(),
        false => Context::closed(),
    };
    let text = |key: &str, value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(format!(
            "context key `{key}`: expected a string or a list of strings"
        )),
    };
    for (key, value) in case.context.iter().flatten() {
        match value {
            Value::Null => context.set_missing(key),
            Value::Array(list) => {
                let list: Result<Vec<String>, String> =
                    list.iter().map(|value| text(key, value)).collect();
                context.set(key, list?);
            }
            value => context.set(key, [text(key, value)?]),
        }
    }
    Ok(context)
}

fn compile_levels(
    field: &str,
    levels: Option<&[Vec<&RawValue>]>,
    names: bool,
) -> Result<Vec<Vec<Policy>>, String> {
    let levels = levels.unwrap_or_default().iter().enumerate();
    levels
        .map(|(level, list)| compile_all(&format!("{field}[{level}]"), Some(list), names))
        .collect()
}

fn compile_all(
    field: &str,
    list: Option<&[&RawValue]>,
    names: bool,
) -> Result<Vec<Policy>, String> {
    let list = list.unwrap_or_default().iter().enumerate();
    list.map(|(at, raw)| compile(&format!("{field}[{at}]"), raw, names))
        .collect()
}

/// Compiles one document, given as an object or as its text. `names`: it may name
/// principals, and need not name resources.
fn compile(field: &str, raw: &RawValue, names: bool) -> Result<Policy, String> {
    let inner: Option<String> = serde_json::from_str(raw.get()).ok();
    let text = inner.as_deref().unwrap_or(raw.get());
    let document = Document::parse(text).map_err(|error| format!("{field}: {error}"))?;
    if let Some(problem) = document.problems.iter().find(|problem| problem.lost) {
        return Err(format!("{field}: {problem}"));
    }
    for (index, statement) in document.statements.iter().enumerate() {
        let wrong = match (names, &statement.principals, &statement.resources) {
            (false, Some(_), _) => "names a principal, which this kind of policy cannot",
            (false, None, None) => "has no `Resource` or `NotResource`",
            _ => continue,
        };
        return Err(format!("{field}: statement {index} {wrong}"));
    }
    Ok(Policy::new(document))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(case: Value) -> Value {
        simulate(&case.to_string())
    }

    #[test]
    fn answers_name_the_statements() {
        let case = json!({
            "id": 7,
            "principal": "arn:aws:iam::111122223333:user/bob",
            "action": "s3:GetObject",
            "resource": "arn:aws:s3:::data/x",
            "identity_policies": [{"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
                {"Sid": "No", "Effect": "Deny", "Action": "*", "Resource": "*",
                 "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}]}],
        });
        insta::assert_snapshot!(run(case.clone()), @r#"{"id":7,"answer":"allowed","explicit_deny":false,"by":[{"policy":"identity_policies[0]","statement":0}]}"#);
        let mut open = case.clone();
        open["unknown_context"] = true.into();
        insta::assert_snapshot!(run(open), @r#"{"id":7,"answer":"conditional","explicit_deny":false,"by":[{"policy":"identity_policies[0]","statement":0},{"policy":"identity_policies[0]","statement":1,"sid":"No"}],"residual":"not (Bool(aws:MultiFactorAuthPresent, \"false\"))"}"#);
        let mut denied = case;
        denied["context"] = json!({"aws:multifactorauthpresent": false});
        insta::assert_snapshot!(run(denied), @r#"{"id":7,"answer":"denied","explicit_deny":true,"by":[{"policy":"identity_policies[0]","statement":1,"sid":"No"}]}"#);
    }

    #[test]
    fn bad_lines_are_answered() {
        for (line, id) in [
            ("", Value::Null),
            ("{", Value::Null),
            ("[]", Value::Null),
            (r#"{"id":"a"}"#, "a".into()),
            (
                r#"{"id":"a","principal":"bob","action":"s3:GetObject","resource":"*"}"#,
                "a".into(),
            ),
            (
                r#"{"id":1,"principal":"*","action":"s3","resource":"*"}"#,
                1.into(),
            ),
            (
                r#"{"id":2,"principal":"*","action":"s3:X","resource":"*","identity_policies":[{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}]}"#,
                2.into(),
            ),
        ] {
            let answer = simulate(line);
            assert_eq!(answer["answer"], "error", "{line}");
            assert_eq!(answer["id"], id, "{line}");
            assert!(answer["message"].is_string());
        }
    }

    #[test]
    fn an_unknown_operator_is_never_decided_silently() {
        let case = json!({
            "id": 1,
            "principal": "arn:aws:iam::111122223333:user/bob",
            "action": "s3:GetObject",
            "resource": "*",
            "identity_policies": [{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
                "Condition": {"StringResembles": {"aws:username": "bob"}}}}],
        });
        let answer = run(case);
        assert_eq!(answer["answer"], "error");
        assert!(
            answer["message"]
                .as_str()
                .unwrap()
                .contains("StringResembles")
        );
    }
}
