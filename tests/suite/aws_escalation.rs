//! Every escalation technique of the catalogue: found when granted, and not when a
//! deny, a boundary, a guardrail or a harmless target stands in the way.
//!
//! The cases are made from `rules/aws-escalation.yaml` itself; a list of the public
//! catalogue's ids keeps it from losing one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tenure::config::Config;
use tenure::model::{Inventory, Verdict};

use super::aws_facts::resolve_files;

const ACCOUNT: &str = "111122223333";

/// Ids of the public catalogue at pathfinding.cloud (65, as of 2025-12).
const PUBLIC: &[&str] = &[
    "apprunner-001",
    "apprunner-002",
    "bedrock-001",
    "bedrock-002",
    "cloudformation-001",
    "cloudformation-002",
    "cloudformation-003",
    "cloudformation-004",
    "cloudformation-005",
    "codebuild-001",
    "codebuild-002",
    "codebuild-003",
    "codebuild-004",
    "datapipeline-001",
    "ec2-001",
    "ec2-002",
    "ec2-003",
    "ec2-004",
    "ec2instanceconnect-003",
    "ecs-001",
    "ecs-002",
    "ecs-003",
    "ecs-004",
    "ecs-005",
    "glue-001",
    "glue-002",
    "glue-003",
    "glue-004",
    "glue-005",
    "glue-006",
    "iam-001",
    "iam-002",
    "iam-003",
    "iam-004",
    "iam-005",
    "iam-006",
    "iam-007",
    "iam-008",
    "iam-009",
    "iam-010",
    "iam-011",
    "iam-012",
    "iam-013",
    "iam-014",
    "iam-015",
    "iam-016",
    "iam-017",
    "iam-018",
    "iam-019",
    "iam-020",
    "iam-021",
    "lambda-001",
    "lambda-002",
    "lambda-003",
    "lambda-004",
    "lambda-005",
    "lambda-006",
    "sagemaker-001",
    "sagemaker-002",
    "sagemaker-003",
    "sagemaker-004",
    "sagemaker-005",
    "ssm-001",
    "ssm-002",
    "sts-001",
];

#[derive(Deserialize)]
struct Catalogue {
    techniques: Vec<Technique>,
}

#[derive(Deserialize)]
struct Technique {
    id: String,
    target: String,
    #[serde(default)]
    by: Vec<String>,
    #[serde(default)]
    assumable: bool,
    #[serde(default)]
    services: Vec<String>,
    actions: BTreeMap<String, serde::de::IgnoredAny>,
}

fn techniques() -> Vec<Technique> {
    let text = include_str!("../../rules/aws-escalation.yaml");
    serde_saphyr::from_str::<Catalogue>(text)
        .expect("the catalogue is valid")
        .techniques
}

/// What stands in the walker's way.
#[derive(Clone, Copy, PartialEq)]
enum Obstacle {
    None,
    Deny,
    Boundary,
    Scp,
    Harmless,
}

fn allow(actions: &[String]) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": actions, "Resource": "*"}]})
}

fn policy(name: &str, document: &Value) -> Value {
    json!({"PolicyName": name, "Arn": format!("arn:aws:iam::{ACCOUNT}:policy/{name}"),
        "DefaultVersionId": "v1", "PolicyVersionList": [
            {"VersionId": "v1", "IsDefaultVersion": true, "Document": document}]})
}

fn attached(name: &str) -> Value {
    json!({"PolicyName": name, "PolicyArn": format!("arn:aws:iam::{ACCOUNT}:policy/{name}")})
}

/// An account in which `technique` can be walked by `walker`, save for the obstacle.
fn account(technique: &Technique, obstacle: Obstacle) -> (Value, Option<Value>) {
    let user = technique.by.is_empty() || technique.by.iter().any(|who| who == "user");
    let mut actions: Vec<String> = technique.actions.keys().cloned().collect();
    let assumes = technique.assumable || technique.target == "assumable-role";
    if assumes {
        actions.push("sts:AssumeRole".to_owned());
    }
    let everything = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let reads = allow(&["s3:ListBucket".to_owned()]);
    let goal = if obstacle == Obstacle::Harmless {
        &reads
    } else {
        &everything
    };

    let mut statements = vec![json!({"Effect": "Allow", "Action": actions, "Resource": "*"})];
    let boundary_removal = technique.target.starts_with("boundary");
    if boundary_removal && obstacle != Obstacle::Harmless {
        statements.push(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    }
    if obstacle == Obstacle::Deny {
        statements.push(json!({"Effect": "Deny", "Action": actions, "Resource": "*"}));
    }
    let grant = json!({"Version": "2012-10-17", "Statement": statements});
    // A boundary that lets the walker change its own boundary, and nothing else of note.
    let limit = match (boundary_removal, obstacle) {
        (true, Obstacle::Boundary) => reads.clone(),
        (true, _) => allow(&actions),
        _ => reads.clone(),
    };
    let bounded = boundary_removal || obstacle == Obstacle::Boundary;
    let boundary = json!({"PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": format!("arn:aws:iam::{ACCOUNT}:policy/limit")});

    let mut trust = vec![];
    for service in &technique.services {
        trust.push(json!({"Effect": "Allow", "Principal": {"Service": service},
            "Action": "sts:AssumeRole"}));
    }
    if assumes {
        trust.push(json!({"Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")},
            "Action": "sts:AssumeRole"}));
    }
    if trust.is_empty() {
        trust.push(
            json!({"Effect": "Allow", "Principal": {"Service": "inspector.amazonaws.com"},
            "Action": "sts:AssumeRole"}),
        );
    }
    let role = json!({"RoleName": "goal", "RoleId": "AROAGOAL",
        "Arn": format!("arn:aws:iam::{ACCOUNT}:role/goal"), "Path": "/",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": trust},
        "InstanceProfileList": [{"Arn": format!("arn:aws:iam::{ACCOUNT}:instance-profile/goal")}],
        "RolePolicyList": [], "AttachedManagedPolicies": [attached("goal")]});
    let target = json!({"UserName": "goal", "UserId": "AIDAGOAL",
        "Arn": format!("arn:aws:iam::{ACCOUNT}:user/goal"), "Path": "/",
        "UserPolicyList": [], "GroupList": [], "AttachedManagedPolicies": [attached("goal")]});
    let mut walker = json!({"Path": "/", "AttachedManagedPolicies": [attached("grant")]});
    if bounded {
        walker["PermissionsBoundary"] = boundary;
    }
    let (mut users, mut roles) = (vec![target], vec![role]);
    if user {
        walker["UserName"] = json!("walker");
        walker["UserId"] = json!("AIDAWALKER");
        walker["Arn"] = json!(format!("arn:aws:iam::{ACCOUNT}:user/walker"));
        walker["GroupList"] = json!(["own"]);
        users.push(walker);
    } else {
        walker["RoleName"] = json!("walker");
        walker["RoleId"] = json!("AROAWALKER");
        walker["Arn"] = json!(format!("arn:aws:iam::{ACCOUNT}:role/walker"));
        walker["AssumeRolePolicyDocument"] = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
             "Action": "sts:AssumeRole"}]});
        roles.push(walker);
    }
    let group = |name: &str, policies: Vec<Value>| {
        json!({"GroupName": name, "GroupId": format!("AGPA{name}"), "Path": "/",
            "Arn": format!("arn:aws:iam::{ACCOUNT}:group/{name}"),
            "GroupPolicyList": [], "AttachedManagedPolicies": policies})
    };
    let details = json!({
        "UserDetailList": users,
        "GroupDetailList": [group("own", vec![]), group("goal", vec![attached("goal")])],
        "RoleDetailList": roles,
        "Policies": [policy("grant", &grant), policy("goal", goal), policy("limit", &limit)],
    });
    let scp = (obstacle == Obstacle::Scp).then(|| {
        json!({"Policy": {"PolicySummary": {"Id": "p-1", "Name": "fence",
                "Type": "SERVICE_CONTROL_POLICY"},
            "Content": json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Action": actions, "Resource": "*"}]}).to_string()},
            "Targets": [{"TargetId": "r-root", "Type": "ROOT"}]})
    });
    (details, scp)
}

fn resolve(technique: &Technique, obstacle: Obstacle) -> Inventory {
    let (details, scp) = account(technique, obstacle);
    let details = details.to_string();
    let mut files = vec![(
        "aws/111122223333/authorization-details.json",
        details.as_str(),
    )];
    let scp = scp.map(|scp| scp.to_string());
    if let Some(scp) = &scp {
        files.push(("aws/111122223333/organization/policies.json", scp));
        files.push((
            "aws/111122223333/organization/children.json",
            r#"{"ParentId":"r-root","Children":[{"Id":"111122223333","Type":"ACCOUNT"}]}"#,
        ));
        files.push((
            "aws/111122223333/organization/roots.json",
            r#"{"Roots":[{"Id":"r-root","PolicyTypes":[{"Type":"SERVICE_CONTROL_POLICY","Status":"ENABLED"}]}]}"#,
        ));
    }
    resolve_files(&files, &Config::default())
}

fn found(facts: &Inventory, id: &str) -> Option<Verdict> {
    let technique = format!("AWS-PE-{id}");
    facts
        .paths
        .iter()
        .find(|path| {
            facts.identity(path.from).name == "walker" && path.technique == technique.as_str()
        })
        .map(|path| path.verdict)
}

#[test]
fn the_catalogue_has_every_public_technique() {
    let own: Vec<String> = techniques().into_iter().map(|one| one.id).collect();
    for id in PUBLIC {
        assert!(own.iter().any(|own| own == id), "{id}");
    }
    assert_eq!(PUBLIC.len(), 65);
}

#[test]
fn each_technique_is_found_when_granted() {
    for technique in techniques() {
        let facts = resolve(&technique, Obstacle::None);
        let verdict = found(&facts, &technique.id);
        assert!(verdict.is_some(), "{} is not found", technique.id);
        let path = facts
            .paths
            .iter()
            .find(|path| path.technique == format!("AWS-PE-{}", technique.id).as_str())
            .expect("just found");
        assert_eq!(
            path.verdict == Verdict::Conditional,
            path.residual.is_some(),
            "{}: a residual exactly where it is conditional",
            technique.id
        );
        assert!(!path.steps[0].evidence.is_empty(), "{}", technique.id);
        assert!(path.location.is_some(), "{}", technique.id);
    }
}

#[test]
fn no_technique_is_found_behind_a_deny_a_boundary_or_a_guardrail() {
    for technique in techniques() {
        // A trust that names the walker's account needs sts:AssumeRole, which the
        // obstacle takes; nothing else is walked in these accounts.
        for obstacle in [Obstacle::Deny, Obstacle::Boundary, Obstacle::Scp] {
            let facts = resolve(&technique, obstacle);
            let what = match obstacle {
                Obstacle::Deny => "a deny",
                Obstacle::Boundary => "a boundary",
                _ => "a guardrail",
            };
            assert_eq!(
                found(&facts, &technique.id),
                None,
                "{} behind {what}",
                technique.id
            );
        }
    }
}

#[test]
fn no_technique_is_found_where_the_target_is_harmless() {
    let needs = [
        "admin-user",
        "admin-group",
        "admin-role",
        "service-role",
        "carried-role",
        "boundary",
        "boundary-policy",
    ];
    let mut asked = 0;
    for technique in techniques() {
        if !needs.contains(&technique.target.as_str()) {
            continue;
        }
        asked += 1;
        let facts = resolve(&technique, Obstacle::Harmless);
        assert_eq!(found(&facts, &technique.id), None, "{}", technique.id);
    }
    assert!(asked > 45, "{asked}");
}
