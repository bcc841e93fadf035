//! `tenure simulate kubernetes`: the authorizer, asked one case at a time.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::evaluate::{Evaluator, Grant, Request};
use super::impersonate::{self, NODE_NAME, Requester, Target};
use super::node::{self, Ruling};
use super::objects::Objects;
use super::rbac::SubjectKind;
use super::subject::implied_groups;
use crate::model::Sym;
use crate::resolve::case::misspelt;

const FIELDS: &[&str] = &[
    "id",
    "objects",
    "user",
    "groups",
    "extra",
    "attr",
    "as",
    "verb",
    "group",
    "resource",
    "subresource",
    "namespace",
    "name",
    "field_selector",
    "fieldSelector",
    "non_resource_url",
    "path",
];

/// One case. What is asked stands beside `user`, or under `attr` as in recorded
/// access reviews.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Case {
    id: Value,
    objects: Option<String>,
    user: Option<String>,
    /// As the API server would have them. Left out, those every such user has.
    groups: Option<Vec<String>>,
    /// What the user's token says besides; left out, it is not known.
    extra: Option<BTreeMap<String, Vec<String>>>,
    attr: Option<Question>,
    #[serde(rename = "as")]
    target: Option<Target>,
    #[serde(flatten)]
    question: Question,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Question {
    verb: Option<String>,
    group: Option<String>,
    resource: Option<String>,
    subresource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    /// As `kubectl --field-selector` takes it; `metadata.name` is the name asked for.
    #[serde(alias = "fieldSelector")]
    field_selector: Option<String>,
    #[serde(alias = "path")]
    non_resource_url: Option<String>,
}

/// Answers one line of JSON about `objects`: `allowed`, `denied`, `conditional` or
/// `error`, with the binding and role, or the node's authorizer, that allow it. The
/// Node authorizer is asked besides RBAC, as on every cluster; where it depends on pods
/// and the objects hold none, the answer is `conditional`. What NodeRestriction makes
/// of a kubelet's write stands beside the answer, under `admission`. A case may name
/// another file in `objects`; each such file is read once.
pub fn simulate(objects: &Objects, line: &str) -> Value {
    let case: Case = match serde_json::from_str(line) {
        Ok(case) => case,
        Err(error) => return failure(Value::Null, format!("not a case: {error}")),
    };
    if let Some(message) = misspelt(line, FIELDS) {
        return failure(case.id, message);
    }
    let answer = match &case.objects {
        None => answer(objects, &case),
        Some(path) => objects
            .include(path)
            .map_err(|message| message.to_string())
            .and_then(|objects| answer(&objects, &case)),
    };
    answer.unwrap_or_else(|message| failure(case.id, message))
}

fn failure(id: Value, message: String) -> Value {
    json!({"id": id, "answer": "error", "message": message})
}

fn answer(objects: &Objects, case: &Case) -> Result<Value, String> {
    let evaluator = &objects.evaluator();
    let user = case.user.as_deref().ok_or("`user` is missing")?;
    let question = case.attr.as_ref().unwrap_or(&case.question);
    let text = |field: &'_ Option<String>| field.clone().unwrap_or_default();
    let (verb, group, resource, subresource, namespace, name) = (
        text(&question.verb),
        text(&question.group),
        text(&question.resource),
        text(&question.subresource),
        text(&question.namespace),
        text(&question.name),
    );
    if verb.is_empty() {
        return Err("`verb` is missing".to_owned());
    }
    if resource.is_empty() && question.non_resource_url.is_none() {
        return Err("`resource` or `non_resource_url` is missing".to_owned());
    }
    let selector = text(&question.field_selector);
    let selected = selector
        .split(',')
        .find_map(|term| term.trim().strip_prefix("metadata.name="));
    let request = Request {
        verb: &verb,
        group: &group,
        resource: &resource,
        subresource: &subresource,
        namespace: &namespace,
        name: match name.is_empty() {
            true => selected.unwrap_or_default().trim_start_matches('='),
            false => &name,
        },
        url: question.non_resource_url.as_deref(),
    };
    let groups = match &case.groups {
        Some(groups) => groups.iter().map(Sym::from).collect(),
        None => implied_groups(user),
    };
    let ask = |user: &str, groups: &[Sym]| decide(objects, user, groups, &request, &selector);
    let mut admitted = None;
    let answer = match &case.target {
        None => ask(user, &groups),
        Some(target) => {
            let bound = case.extra.as_ref().and_then(|extra| extra.get(NODE_NAME));
            let requester = Requester {
                user,
                groups: &groups,
                node: bound
                    .filter(|names| names.len() == 1)
                    .map(|names| names[0].as_str()),
                extra_known: case.extra.is_some(),
            };
            admitted = impersonate::admit(evaluator, requester, target, &request);
            match &admitted {
                None => Answer::Denied,
                Some(admitted) => ask(&target.user, &admitted.groups).when(&admitted.residual),
            }
        }
    };
    let mut out = json!({"id": case.id, "answer": answer.word(), "by": Value::Null});
    let Some(map) = out.as_object_mut() else {
        return Ok(out);
    };
    match &answer {
        Answer::Denied => {}
        Answer::Allowed(by) => {
            map.insert("by".to_owned(), by.clone());
        }
        Answer::Conditional(by, residual) => {
            map.insert("by".to_owned(), by.clone());
            map.insert("residual".to_owned(), residual.as_str().into());
        }
    }
    let (asker, with) = match (&case.target, &admitted) {
        (Some(target), Some(admitted)) => (target.user.as_str(), &admitted.groups),
        _ => (user, &groups),
    };
    if let Some(admitted) = &admitted {
        map.insert("impersonation".to_owned(), admitted.mode.into());
    }
    if !matches!(answer, Answer::Denied)
        && let Some(node) = node::node_of(asker, with)
        && let Some(ruling) = node::restrict(objects.graph(), node, &request)
    {
        let (word, because) = match ruling {
            Ruling::Yes(because) => ("allowed", because),
            Ruling::If(residual) => ("conditional", residual),
            Ruling::No => ("denied", "it is not the node's own".to_owned()),
        };
        map.insert(
            "admission".to_owned(),
            json!({"plugin": "NodeRestriction", "answer": word, "because": because}),
        );
    }
    Ok(out)
}

/// What the authorizers say together.
enum Answer {
    Denied,
    Allowed(Value),
    Conditional(Value, String),
}

impl Answer {
    const fn word(&self) -> &'static str {
        match self {
            Answer::Denied => "denied",
            Answer::Allowed(_) => "allowed",
            Answer::Conditional(..) => "conditional",
        }
    }

    /// The same, under a condition.
    fn when(self, condition: &Option<String>) -> Self {
        match (self, condition) {
            (Answer::Allowed(by), Some(condition)) => Answer::Conditional(by, condition.clone()),
            (Answer::Conditional(by, residual), Some(condition)) => {
                Answer::Conditional(by, format!("{condition}; {residual}"))
            }
            (answer, _) => answer,
        }
    }
}

/// Asks the Node authorizer and RBAC. Either one suffices.
fn decide(
    objects: &Objects,
    user: &str,
    groups: &[Sym],
    request: &Request<'_>,
    selector: &str,
) -> Answer {
    let evaluator = &objects.evaluator();
    let node = node::node_of(user, groups);
    let by =
        |node: &str, because: &str| json!({"authorizer": "Node", "node": node, "because": because});
    let ruling = node.map_or(Ruling::No, |node| {
        node::authorize(objects.graph(), node, request, selector)
    });
    let node = node.unwrap_or_default();
    if let Ruling::Yes(because) = &ruling {
        return Answer::Allowed(by(node, because));
    }
    let granted = evaluator.grants(user, groups, request).next();
    match (granted, ruling) {
        (Some(grant), _) => Answer::Allowed(describe(evaluator, grant)),
        (None, Ruling::If(residual)) => {
            Answer::Conditional(json!({"authorizer": "Node", "node": node}), residual)
        }
        (None, _) => Answer::Denied,
    }
}

fn describe(evaluator: &Evaluator<'_>, grant: Grant) -> Value {
    let (binding, role, subject, rule) = match grant {
        Grant::Masters => return json!({"group": "system:masters"}),
        Grant::Binding {
            binding,
            role,
            subject,
            rule,
        } => (
            &evaluator.bindings[binding as usize],
            &evaluator.roles[role as usize],
            subject,
            rule,
        ),
    };
    let subject = &binding.subjects[subject as usize];
    let kind = match subject.kind {
        SubjectKind::User => "User",
        SubjectKind::Group => "Group",
        SubjectKind::ServiceAccount => "ServiceAccount",
    };
    let named = |kind: &str, namespace: Sym, name: Sym| {
        if namespace.is_empty() {
            json!({"kind": kind, "name": name})
        } else {
            json!({"kind": kind, "namespace": namespace, "name": name})
        }
    };
    let mut by = json!({
        "binding": named(
            if binding.cluster { "ClusterRoleBinding" } else { "RoleBinding" },
            binding.meta.namespace,
            binding.meta.name,
        ),
        "role": named(
            if role.cluster { "ClusterRole" } else { "Role" },
            role.meta.namespace,
            role.meta.name,
        ),
        "subject": named(kind, subject.namespace, subject.name),
    });
    if let (Some(cause), Some(map)) = (rule.cause, by.as_object_mut()) {
        let cause = evaluator.roles[cause as usize].meta.name;
        map.insert("aggregated_from".to_owned(), json!(cause));
    }
    by
}
