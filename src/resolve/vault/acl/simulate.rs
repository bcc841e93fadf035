//! `tenure simulate vault`: the engine, exposed for policy tests.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{Acl, Operation, Request};
use crate::resolve::case::misspelt;
use crate::resolve::vault::policy::{Dialect, Policy, Rule};
use crate::resolve::vault::template;

const FIELDS: &[&str] = &[
    "id", "policies", "path", "op", "data", "wrap_ttl", "dialect", "now", "identity",
];

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    id: Json,
    policies: Vec<Text>,
    path: String,
    op: String,
    #[serde(default)]
    data: Option<Map<String, Json>>,
    /// Seconds.
    #[serde(default)]
    wrap_ttl: Option<u32>,
    #[serde(default)]
    dialect: Dialect,
    /// The moment stanzas with `expiration` are judged at; that of the run when absent.
    #[serde(default)]
    now: Option<Timestamp>,
    /// Whose values templates take.
    #[serde(default)]
    identity: Option<Who>,
}

/// Somebody, in the form the API answers about them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    /// As `identity/entity/id/…` answers: `id`, `name`, `metadata`, `aliases`.
    #[serde(default)]
    entity: Json,
    /// As `identity/group/id/…` answers: `id`, `name`, `metadata`.
    #[serde(default)]
    groups: Vec<Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    name: String,
    hcl: String,
}

/// Answers one case (docs/simulate.md): a JSON object with `policies`, `path` and `op`.
///
/// The answer is `allowed` or `denied`; `control_group` tells that an allowed request
/// is held back until somebody approves. Where stanzas end by themselves
/// (`expiration`) the answer says for which moment it is: the case's `now`, or `now`,
/// which is one moment for a whole run.
///
/// Templates in paths are filled in from the case's `identity`. Without one the worst
/// is assumed, and an answer that rests on a template is `conditional` with what it
/// rests on as `residual`. A line that cannot be used gives `"answer": "error"` with a
/// message.
pub fn simulate(line: &str, now: Timestamp) -> Json {
    let case: Case = match serde_json::from_str(line) {
        Ok(case) => case,
        Err(error) => {
            let id = serde_json::from_str::<Json>(line)
                .ok()
                .and_then(|mut case| case.get_mut("id").map(Json::take))
                .unwrap_or_default();
            return failure(&id, &error.to_string());
        }
    };
    match misspelt(line, FIELDS) {
        Some(message) => failure(&case.id, &message),
        None => answer(&case, now).unwrap_or_else(|message| failure(&case.id, &message)),
    }
}

fn failure(id: &Json, message: &str) -> Json {
    json!({"id": id, "answer": "error", "message": message})
}

fn answer(case: &Case, now: Timestamp) -> Result<Json, String> {
    let values = case.identity.as_ref().map(|who| {
        let mut values = template::entity(&who.entity);
        values.extend(who.groups.iter().flat_map(template::group));
        values
    });
    let literal = |_: &str| false;
    let policies = case
        .policies
        .iter()
        .map(|text| {
            Policy::parse(&text.name, "", &text.hcl, Some(case.dialect))
                .map(|policy| match &values {
                    Some(values) => template::filled(&policy, values, case.dialect, &literal),
                    None => template::widened(&policy, &literal),
                })
                .map_err(|error| format!("policy `{}`: {error}", text.name))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let operation = Operation::named(&case.op).ok_or_else(|| {
        format!(
            "`{}` is not an operation; expected read, list, create, update, delete, patch or scan",
            case.op
        )
    })?;
    let all: Vec<&Policy> = policies.iter().collect();
    let now = case.now.unwrap_or(now);
    let acl = Acl::new(&all, case.dialect, now).map_err(|error| error.to_string())?;
    let request = Request {
        path: &case.path,
        operation,
        data: case.data.as_ref(),
        wrap: case
            .wrap_ttl
            .filter(|seconds| *seconds > 0)
            .map(|seconds| SignedDuration::from_secs(i64::from(seconds))),
    };
    let answer = acl.check(&request);
    let name = |index: &usize| all[*index].name.as_str();
    let by: Vec<&str> = answer.granting.iter().map(name).collect();
    let capabilities: Vec<&str> = if acl.is_root() {
        vec!["root"]
    } else {
        acl.capabilities(&case.path).names().collect()
    };
    // A control group does not change what the policies allow: it makes the request
    // wait. It stands beside the answer, as the engine's own code has it.
    let mut rests_on: Vec<String> = answer
        .rules
        .iter()
        .filter_map(|(_, rule)| Some(rule.template.as_ref()?.text.clone()))
        .collect();
    // Where a rule of the same pattern without a template gives it too, it stands.
    if rests_on.len() < answer.rules.len() {
        rests_on.clear();
    }
    // A deny that could be about this path could also not be.
    let path = case.path.trim_start_matches('/');
    rests_on.extend(
        policies
            .iter()
            .flat_map(|policy| &policy.rules)
            .filter(|rule| rule.templated && rule.template.is_none())
            .filter(|rule| template::covers(&template::widen_rule(rule), path))
            .map(Rule::pattern),
    );
    rests_on.sort();
    rests_on.dedup();
    let verdict = match (answer.allowed, rests_on.is_empty()) {
        (true, true) => "allowed",
        (true, false) => "conditional",
        (false, _) => "denied",
    };
    let mut out = json!({
        "id": case.id,
        "answer": verdict,
        "allowed": answer.allowed,
        "sudo": answer.sudo,
        "control_group": answer.control_group.is_some(),
        "capabilities": capabilities,
        "by": by,
    });
    let ends = policies
        .iter()
        .flat_map(|policy| &policy.rules)
        .any(|rule| rule.expires.is_some());
    if let Some(members) = out.as_object_mut() {
        if verdict == "conditional" {
            let residual = format!("depends on who asks: {}", rests_on.join(", "));
            members.insert("residual".to_owned(), residual.into());
        }
        if ends {
            members.insert("now".to_owned(), now.to_string().into());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str) -> Json {
        simulate(line, "2026-11-22T00:00:00Z".parse().unwrap())
    }

    fn case(hcl: &str, path: &str, more: Json) -> Json {
        let mut case = json!({
            "id": 1, "path": path, "op": "read", "policies": [{"name": "a", "hcl": hcl}],
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            case[key] = value.clone();
        }
        ask(&case.to_string())
    }

    #[test]
    fn a_bad_line_is_an_answer() {
        let error = ask("{\"id\":7,\"path\":1}");
        assert_eq!(error["answer"], "error");
        assert_eq!(error["id"], 7);
        assert_eq!(ask("nonsense")["answer"], "error");
        let op = ask(r#"{"id":"x","policies":[],"path":"a","op":"fly"}"#);
        assert!(op["message"].as_str().unwrap().contains("`fly`"));
    }

    #[test]
    fn an_approval_stands_beside_the_answer() {
        let answer = case(
            r#"path "kv/x" { capabilities = ["read"] control_group = { ttl = "1h" } }"#,
            "kv/x",
            json!({}),
        );
        assert_eq!(answer["answer"], "allowed");
        assert_eq!(answer["control_group"], true);
        assert_eq!(answer["by"], json!(["a"]));
        assert_eq!(answer.get("now"), None);
    }

    #[test]
    fn the_moment_is_the_run_s_or_the_case_s_and_is_told() {
        let hcl = r#"path "kv/x" { capabilities = ["read"] expiration = "2026-12-01T00:00:00Z" }"#;
        let before = case(hcl, "kv/x", json!({}));
        assert_eq!(before["answer"], "allowed");
        assert_eq!(before["now"], "2026-11-22T00:00:00Z");
        let after = case(hcl, "kv/x", json!({"now": "2027-01-01T00:00:00Z"}));
        assert_eq!(after["answer"], "denied");
        assert_eq!(after["now"], "2027-01-01T00:00:00Z");
    }

    #[test]
    fn templates_take_the_asker_s_values_or_are_a_condition() {
        let hcl = r#"path "kv/{{identity.entity.name}}/*" { capabilities = ["read"] }"#;
        let unknown = case(hcl, "kv/ana/x", json!({}));
        assert_eq!(unknown["answer"], "conditional");
        assert!(
            unknown["residual"]
                .as_str()
                .unwrap()
                .contains("identity.entity.name")
        );
        assert_eq!(case(hcl, "other/x", json!({}))["answer"], "denied");
        let ana = json!({"identity": {"entity": {"id": "e", "name": "ana"}}});
        assert_eq!(case(hcl, "kv/ana/x", ana.clone())["answer"], "allowed");
        assert_eq!(case(hcl, "kv/bob/x", ana)["answer"], "denied");
        let deny = r#"path "kv/*" { capabilities = ["read"] }
            path "kv/{{identity.entity.name}}/x" { capabilities = ["deny"] }"#;
        assert_eq!(case(deny, "kv/ana/x", json!({}))["answer"], "conditional");
        assert_eq!(case(deny, "kv/ana/y", json!({}))["answer"], "allowed");
    }
}
