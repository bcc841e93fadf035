//! The AWS evaluator against the cases of IAMSpy (`tests/data/iamspy`), and the
//! documented evaluation logic as tables.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tenure::resolve::aws::simulate::simulate;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/iamspy")
        .join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The documents an IAMSpy case names.
struct World {
    gaads: Vec<Value>,
    resources: Vec<Value>,
    scps: Vec<Value>,
}

impl World {
    fn of(case: &Value) -> Self {
        let files = |kind| {
            let names = list(&case["files"], kind).iter();
            names.map(|name| read(name.as_str().unwrap())).collect()
        };
        World {
            gaads: files("gaads"),
            resources: files("resources"),
            scps: files("scps"),
        }
    }

    fn managed(&self, arn: &Value) -> Option<Value> {
        let policies = self.gaads.iter().flat_map(|gaad| list(gaad, "Policies"));
        let policy = policies.into_iter().find(|policy| policy["Arn"] == *arn)?;
        let versions = list(policy, "PolicyVersionList").iter();
        let default = versions.filter(|version| version["IsDefaultVersion"] == true);
        default.map(|version| version["Document"].clone()).next()
    }

    fn identities(&self) -> impl Iterator<Item = &Value> {
        self.gaads.iter().flat_map(|gaad| {
            list(gaad, "UserDetailList")
                .iter()
                .chain(list(gaad, "RoleDetailList"))
        })
    }

    /// The case of `simulate` for one identity.
    fn ask(&self, identity: &Value, action: &str, resource: &str) -> Value {
        let inline = ["UserPolicyList", "RolePolicyList"]
            .into_iter()
            .flat_map(|key| list(identity, key))
            .map(|policy| policy["PolicyDocument"].clone());
        let attached = list(identity, "AttachedManagedPolicies")
            .iter()
            .filter_map(|policy| self.managed(&policy["PolicyArn"]));
        let arn = identity["Arn"].as_str().unwrap();
        let account = arn.split(':').nth(4).unwrap();
        let mut case = json!({
            "principal": arn, "action": action, "resource": resource,
            "identity_policies": inline.chain(attached).collect::<Vec<_>>(),
        });
        if let Some(boundary) = identity["PermissionsBoundary"].get("PermissionsBoundaryArn") {
            case["boundary"] = self.managed(boundary).into_iter().collect();
        }
        // The organisation's own account, which its ARNs name, is under no policy of it.
        let managed =
            |root: &&Value| root["Arn"].as_str().unwrap().split(':').nth(4) != Some(account);
        let mut levels = Vec::new();
        let mut roots = self.scps.iter().filter(managed);
        if roots.any(|root| path(root, account, &mut levels)) {
            levels.reverse();
            case["scps"] = levels.into();
        }
        let policy = self
            .resources
            .iter()
            .flat_map(|file| file.as_array().unwrap())
            .find(|entry| {
                let owner = entry["Resource"].as_str().unwrap();
                resource == owner || resource.starts_with(&format!("{owner}/"))
            });
        if let Some(entry) = policy {
            case["resource_policy"] = entry["Policy"].clone();
            case["resource_account"] = entry["Account"].clone();
        }
        case
    }
}

/// Policies of every level from `account` up to `node`.
fn path(node: &Value, account: &str, levels: &mut Vec<Value>) -> bool {
    let below = list(node, "Children")
        .iter()
        .any(|child| path(child, account, levels));
    if !below && node["Id"] != account {
        return false;
    }
    let documents = list(node, "Policies")
        .iter()
        .map(|policy| policy["Content"].clone());
    levels.push(documents.collect());
    true
}

/// IAMSpy takes unstated conditions as met unless it is told to be strict.
fn allowed(mut case: Value, arguments: &[Value]) -> bool {
    let strict = arguments.get(2).is_some_and(|strict| *strict == true);
    let given = arguments.first().and_then(Value::as_array);
    let context = given.into_iter().flatten().map(|pair| {
        let (key, value) = pair.as_str().unwrap().split_once('=').unwrap();
        (key.to_owned(), Value::from(value))
    });
    case["context"] = Value::Object(context.collect());
    case["unknown_context"] = (!strict).into();
    let answer = simulate(&case.to_string());
    match answer["answer"].as_str().unwrap() {
        "denied" => false,
        "allowed" | "conditional" => true,
        _ => panic!("{answer}"),
    }
}

#[test]
fn iamspy_can_i() {
    let cases = read("cases.json");
    let cases = list(&cases, "test_can_i");
    assert_eq!(cases.len(), 22);
    for case in cases {
        let world = World::of(case);
        let input = case["input"].as_array().unwrap();
        let identity = world
            .identities()
            .find(|identity| identity["Arn"] == input[0]);
        let (action, resource) = (input[1].as_str().unwrap(), input[2].as_str().unwrap());
        // One case asks for a user its account does not have: such a one may do nothing.
        let answer = identity
            .is_some_and(|identity| allowed(world.ask(identity, action, resource), &input[3..]));
        assert_eq!(answer, case["expected"], "{case}");
    }
}

#[test]
fn iamspy_who_can() {
    let cases = read("cases.json");
    let cases = list(&cases, "test_who_can");
    assert_eq!(cases.len(), 16);
    for case in cases {
        let world = World::of(case);
        let input = case["input"].as_array().unwrap();
        let who: Vec<&Value> = world
            .identities()
            .filter(|identity| {
                let (action, resource) = (input[0].as_str().unwrap(), input[1].as_str().unwrap());
                allowed(world.ask(identity, action, resource), &input[2..])
            })
            .map(|identity| &identity["Arn"])
            .collect();
        assert_eq!(json!(who), case["expected"], "{case}");
    }
}

#[test]
fn iamspy_who_can_on_many_resources() {
    let cases = read("cases.json");
    let cases = list(&cases, "test_who_can_batch_resource");
    assert_eq!(cases.len(), 1);
    for case in cases {
        let world = World::of(case);
        let action = case["input"][0].as_str().unwrap();
        let mut pairs = Vec::new();
        for identity in world.identities() {
            for resource in case["input"][1].as_array().unwrap() {
                if allowed(world.ask(identity, action, resource.as_str().unwrap()), &[]) {
                    pairs.push(json!([identity["Arn"], resource]));
                }
            }
        }
        let order = |list: &mut Vec<Value>| list.sort_by_key(ToString::to_string);
        let mut expected = case["expected"].as_array().unwrap().clone();
        order(&mut pairs);
        order(&mut expected);
        assert_eq!(pairs, expected);
    }
}
