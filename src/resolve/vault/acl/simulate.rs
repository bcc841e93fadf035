//! `tenure simulate vault`: the engine, exposed for policy tests.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{Acl, Operation, Request};
use crate::resolve::case::misspelt;
use crate::resolve::vault::policy::{Dialect, Policy};

const FIELDS: &[&str] = &[
    "id", "policies", "path", "op", "data", "wrap_ttl", "dialect", "now",
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
    /// The moment stanzas with `expiration` are judged at; the clock when absent.
    #[serde(default)]
    now: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    name: String,
    hcl: String,
}

/// Answers one case (DESIGN §8): a JSON object with `policies`, `path` and `op`.
///
/// The answer is `allowed` or `denied`; `control_group` tells that an allowed request
/// is held back until somebody approves. A line that cannot be used gives
/// `"answer": "error"` with a message.
pub fn simulate(line: &str) -> Json {
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
        None => answer(&case).unwrap_or_else(|message| failure(&case.id, &message)),
    }
}

fn failure(id: &Json, message: &str) -> Json {
    json!({"id": id, "answer": "error", "message": message})
}

fn answer(case: &Case) -> Result<Json, String> {
    let policies = case
        .policies
        .iter()
        .map(|text| {
            Policy::parse(&text.name, "", &text.hcl, Some(case.dialect))
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
    let now = case.now.unwrap_or_else(Timestamp::now);
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
    let verdict = if answer.allowed { "allowed" } else { "denied" };
    Ok(json!({
        "id": case.id,
        "answer": verdict,
        "allowed": answer.allowed,
        "sudo": answer.sudo,
        "control_group": answer.control_group.is_some(),
        "capabilities": capabilities,
        "by": by,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_an_answer() {
        let error = simulate("{\"id\":7,\"path\":1}");
        assert_eq!(error["answer"], "error");
        assert_eq!(error["id"], 7);
        assert_eq!(simulate("nonsense")["answer"], "error");
        let op = simulate(r#"{"id":"x","policies":[],"path":"a","op":"fly"}"#);
        assert!(op["message"].as_str().unwrap().contains("`fly`"));
    }

    #[test]
    fn an_approval_stands_beside_the_answer() {
        let case = json!({
            "id": 1, "path": "kv/x", "op": "read",
            "policies": [{"name": "a", "hcl": "path \"kv/x\" { capabilities = [\"read\"] control_group = { ttl = \"1h\" } }"}],
        });
        let answer = simulate(&case.to_string());
        assert_eq!(answer["answer"], "allowed");
        assert_eq!(answer["control_group"], true);
        assert_eq!(answer["by"], json!(["a"]));
    }
}
