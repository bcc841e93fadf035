//! `tenure simulate kubernetes`: the authorizer, asked one case at a time.

use serde::Deserialize;
use serde_json::{Value, json};

use super::evaluate::{Evaluator, Grant, Request};
use super::impersonate::{self, Target};
use super::objects::Objects;
use super::rbac::SubjectKind;
use super::subject::implied_groups;
use crate::model::Sym;

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
    #[serde(alias = "path")]
    non_resource_url: Option<String>,
}

/// Answers one line of JSON about `objects`: `allowed`, `denied` or `error`, with the
/// binding and role that allow it. A case may name another file in `objects`; each
/// such file is read once.
pub fn simulate(objects: &Objects, line: &str) -> Value {
    let case: Case = match serde_json::from_str(line) {
        Ok(case) => case,
        Err(error) => return failure(Value::Null, format!("not a case: {error}")),
    };
    let answer = match &case.objects {
        None => answer(&objects.evaluator(), &case),
        Some(path) => objects
            .include(path)
            .map_err(|message| message.to_string())
            .and_then(|objects| answer(&objects.evaluator(), &case)),
    };
    answer.unwrap_or_else(|message| failure(case.id, message))
}

fn failure(id: Value, message: String) -> Value {
    json!({"id": id, "answer": "error", "message": message})
}

fn answer(evaluator: &Evaluator<'_>, case: &Case) -> Result<Value, String> {
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
    let request = Request {
        verb: &verb,
        group: &group,
        resource: &resource,
        subresource: &subresource,
        namespace: &namespace,
        name: &name,
        url: question.non_resource_url.as_deref(),
    };
    let groups = match &case.groups {
        Some(groups) => groups.iter().map(Sym::from).collect(),
        None => implied_groups(user),
    };
    let (grants, mode) = match &case.target {
        None => (first(evaluator, user, &groups, &request), None),
        Some(target) => match impersonate::admit(evaluator, user, &groups, target, &request) {
            None => (None, None),
            Some(admitted) => (
                first(evaluator, &target.user, &admitted.groups, &request),
                Some(admitted.mode),
            ),
        },
    };
    let mut out = json!({
        "id": case.id,
        "answer": if grants.is_some() { "allowed" } else { "denied" },
        "by": grants.map(|grant| describe(evaluator, grant)),
    });
    if let (Some(mode), Some(map)) = (mode, out.as_object_mut()) {
        map.insert("impersonation".to_owned(), mode.into());
    }
    Ok(out)
}

fn first(
    evaluator: &Evaluator<'_>,
    user: &str,
    groups: &[Sym],
    request: &Request<'_>,
) -> Option<Grant> {
    evaluator.grants(user, groups, request).next()
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
