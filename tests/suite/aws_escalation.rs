//! Every escalation technique of the catalogue: found when granted, and not when a
//! deny, a boundary, a guardrail or a harmless target stands in the way.
//!
//! The cases are made from `rules/aws-escalation.yaml` itself; a list of the public
//! catalogue's ids keeps it from losing one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tenure::config::Config;
use tenure::drift::{Baseline, diff, is_more_access};
use tenure::model::{Inventory, Sym, Value as Attribute, Verdict};

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
    versions(name, &[document])
}

/// A policy whose first version is in force.
fn versions(name: &str, documents: &[&Value]) -> Value {
    let list = documents.iter().enumerate().map(|(at, document)| {
        json!({"VersionId": format!("v{}", at + 1), "IsDefaultVersion": at == 0,
            "Document": document})
    });
    json!({"PolicyName": name, "Arn": format!("arn:aws:iam::{ACCOUNT}:policy/{name}"),
        "DefaultVersionId": "v1", "PolicyVersionList": list.collect::<Vec<_>>()})
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

    // Without its boundary a walker that may rewrite any policy is no harmless one.
    let on = match (technique.target.starts_with("boundary"), obstacle) {
        (true, Obstacle::Harmless) => json!([
            format!("arn:aws:iam::{ACCOUNT}:policy/limit"),
            user_arn("walker"),
            role_arn("walker")
        ]),
        _ => json!("*"),
    };
    let mut statements = vec![json!({"Effect": "Allow", "Action": actions, "Resource": on})];
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
        "Policies": [versions("grant", &[&grant, goal]), versions("goal", &[goal, goal]),
            versions("limit", &[&limit, &everything])],
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
        "boundary-version",
        "own-policy-version",
        "role-policy-version",
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

/// An account written out: users and roles with one inline policy each, and what else.
#[derive(Default)]
struct World {
    users: Vec<Value>,
    roles: Vec<Value>,
    policies: Vec<Value>,
    files: Vec<(String, String)>,
}

fn document(statements: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn statement(effect: &str, actions: &str, resources: Value) -> Value {
    let actions: Vec<&str> = actions.split(' ').collect();
    json!({"Effect": effect, "Action": actions, "Resource": resources})
}

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn user_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{name}")
}

impl World {
    fn user(mut self, name: &str, statements: Value) -> Self {
        self.users.push(
            json!({"UserName": name, "UserId": format!("AIDA{name}"), "Path": "/",
            "Arn": user_arn(name),
            "UserPolicyList": [{"PolicyName": "own", "PolicyDocument": document(statements)}]}),
        );
        self
    }

    /// A role that trusts `who`: a `Principal` element.
    fn role(mut self, name: &str, who: Value, statements: Value) -> Self {
        let trust = json!([{"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"}]);
        self.roles.push(
            json!({"RoleName": name, "RoleId": format!("AROA{name}"), "Path": "/",
            "Arn": role_arn(name), "AssumeRolePolicyDocument": document(trust),
            "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": document(statements)}]}),
        );
        self
    }

    /// A role with this trust policy that may read.
    fn trusting(mut self, name: &str, trust: Value) -> Self {
        let reads = json!([statement("Allow", "s3:Get*", json!("*"))]);
        self = self.role(name, json!("*"), reads);
        let last = self.roles.last_mut().expect("a role");
        last["AssumeRolePolicyDocument"] = document(trust);
        self
    }

    /// An administrator that only `service` runs as.
    fn admin(self, name: &str, service: &str) -> Self {
        self.role(
            name,
            json!({"Service": service}),
            json!([statement("Allow", "*", json!("*"))]),
        )
    }

    fn bounded(mut self, name: &str, statements: Value) -> Self {
        let arn = format!("arn:aws:iam::{ACCOUNT}:policy/{name}");
        let last = self.users.last_mut().expect("a user");
        last["PermissionsBoundary"] =
            json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn});
        self.policies.push(policy(name, &document(statements)));
        self
    }

    /// A guardrail on a level of the organisation: `r-1`, `ou-1` or the account.
    fn guardrail(mut self, kind: &str, level: &str, statements: Value) -> Self {
        let content = document(statements).to_string();
        let id = format!("p-{}", self.files.len());
        let policy = json!({"Policy": {"PolicySummary": {"Id": id, "Type": kind},
            "Content": content}, "Targets": [{"TargetId": level}]});
        self.files.push((
            format!("aws/{ACCOUNT}/organization/policies-{id}.json"),
            policy.to_string(),
        ));
        self
    }

    fn resolve(self) -> Inventory {
        let details = json!({"UserDetailList": self.users, "RoleDetailList": self.roles,
            "GroupDetailList": [], "Policies": self.policies});
        let mut files = vec![(
            format!("aws/{ACCOUNT}/authorization-details.json"),
            details.to_string(),
        )];
        if !self.files.is_empty() {
            let place = |name: &str| format!("aws/{ACCOUNT}/organization/{name}.json");
            let roots = json!({"Roots": [{"Id": "r-1", "PolicyTypes": [
                {"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"},
                {"Type": "RESOURCE_CONTROL_POLICY", "Status": "ENABLED"}]}]});
            let units = json!({"ParentId": "r-1", "OrganizationalUnits": [{"Id": "ou-1"}]});
            let children = json!({"ParentId": "ou-1",
                "Children": [{"Id": ACCOUNT, "Type": "ACCOUNT"}]});
            let organization = json!({"Organization": {"Id": "o-1",
                "MasterAccountId": "999999999999"}});
            files.push((place("roots"), roots.to_string()));
            files.push((place("units"), units.to_string()));
            files.push((place("children"), children.to_string()));
            files.push((place("organization"), organization.to_string()));
        }
        files.extend(self.files);
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        resolve_files(&files, &Config::default())
    }
}

/// Everybody's ways by one technique: name and verdict, sorted.
fn walkers(facts: &Inventory, id: &str) -> Vec<(String, &'static str)> {
    let technique = format!("AWS-PE-{id}");
    let mut found: Vec<_> = facts
        .paths
        .iter()
        .filter(|path| path.technique == technique.as_str())
        .map(|path| {
            let name = facts.identity(path.from).name.to_string();
            (name, path.verdict.as_str())
        })
        .collect();
    found.sort();
    found
}

fn walks(facts: &Inventory, id: &str) -> Option<&'static str> {
    let found = walkers(facts, id).into_iter();
    found
        .filter(|(name, _)| name == "walker")
        .map(|(_, verdict)| verdict)
        .next()
}

#[test]
fn grants_are_found_however_they_are_written() {
    let lambda = "iam:PassRole lambda:CreateFunction lambda:InvokeFunction";
    let goal = role_arn("goal");
    for (what, statements, found) in [
        (
            "plainly",
            json!([statement("Allow", lambda, json!("*"))]),
            Some("yes"),
        ),
        (
            "with `?`",
            json!([statement(
                "Allow",
                "iam:PassRol? lambda:Create????tion lambda:InvokeFunctio?",
                json!("*")
            )]),
            Some("yes"),
        ),
        (
            "with `?` in the resource",
            json!([
                statement("Allow", "iam:PassRole", json!(role_arn("go??"))),
                statement("Allow", "lambda:*", json!("*"))
            ]),
            Some("yes"),
        ),
        (
            "with one `?` too many",
            json!([
                statement("Allow", "iam:PassRole", json!(role_arn("goal?"))),
                statement("Allow", "lambda:*", json!("*"))
            ]),
            None,
        ),
        (
            "by NotResource that leaves the goal",
            json!([
                {"Effect": "Allow", "Action": "iam:PassRole", "NotResource": role_arn("other")},
                statement("Allow", "lambda:*", json!("*"))
            ]),
            Some("yes"),
        ),
        (
            "by NotResource that takes the goal away",
            json!([
                {"Effect": "Allow", "Action": "iam:PassRole", "NotResource": [goal]},
                statement("Allow", "lambda:*", json!("*"))
            ]),
            None,
        ),
        (
            "by NotAction",
            json!([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}]),
            // Full access but for S3 is no limited identity: it is an administrator.
            None,
        ),
        (
            "with a deny of another role",
            json!([
                statement("Allow", lambda, json!("*")),
                statement("Deny", "iam:PassRole", json!(role_arn("other")))
            ]),
            Some("yes"),
        ),
        (
            "with a deny of exactly the goal",
            json!([
                statement("Allow", lambda, json!("*")),
                statement("Deny", "iam:PassRole", json!(role_arn("goal")))
            ]),
            None,
        ),
        (
            "with a deny of all but the goal",
            json!([
                statement("Allow", lambda, json!("*")),
                {"Effect": "Deny", "Action": "iam:PassRole", "NotResource": role_arn("goal")}
            ]),
            Some("yes"),
        ),
        (
            "with a deny without a second factor",
            json!([
                statement("Allow", lambda, json!("*")),
                {"Effect": "Deny", "Action": "*", "Resource": "*",
                 "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}
            ]),
            Some("conditional"),
        ),
        (
            "to the right service",
            json!([
                {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
                 "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}},
                statement("Allow", "lambda:*", json!("*"))
            ]),
            Some("yes"),
        ),
        (
            "to the wrong service",
            json!([
                {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
                 "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}},
                statement("Allow", "lambda:*", json!("*"))
            ]),
            None,
        ),
        (
            "to one of several services",
            json!([
                {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
                 "Condition": {"StringLike": {"iam:PassedToService": ["ec2.*", "lambda.*"]}}},
                statement("Allow", "lambda:*", json!("*"))
            ]),
            Some("yes"),
        ),
        (
            "with a deny for that service",
            json!([
                statement("Allow", lambda, json!("*")),
                {"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*",
                 "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}}
            ]),
            None,
        ),
    ] {
        let facts = World::default()
            .admin("goal", "lambda.amazonaws.com")
            .user("walker", statements)
            .resolve();
        assert_eq!(walks(&facts, "lambda-001"), found, "{what}");
    }
}

#[test]
fn ways_of_two_and_three_hops_are_found_with_every_step() {
    let assume = |name: &str| json!([statement("Allow", "sts:AssumeRole", json!(role_arn(name)))]);
    let from = |arn: String| json!({"AWS": arn});
    let admin = json!([statement("Allow", "*", json!("*"))]);
    let two = World::default()
        .user("walker", assume("middle"))
        .role("middle", from(user_arn("walker")), assume("goal"))
        .role("goal", from(role_arn("middle")), admin.clone());
    let three = World::default()
        .user("walker", assume("first"))
        .role("first", from(user_arn("walker")), assume("second"))
        .role("second", from(role_arn("first")), assume("goal"))
        .role("goal", from(role_arn("second")), admin.clone());
    for (world, hops) in [(two, 2), (three, 3)] {
        let facts = world.resolve();
        let path = facts
            .paths
            .iter()
            .find(|path| facts.identity(path.from).name == "walker")
            .expect("a way");
        assert_eq!(path.verdict, Verdict::Yes);
        assert_eq!(path.steps.len(), hops);
        assert_eq!(path.steps[hops - 1].to, role_arn("goal").as_str());
        for step in &path.steps {
            assert!(!step.evidence.is_empty());
        }
    }
    // The last role trusts nobody of them.
    let broken = World::default()
        .user("walker", assume("middle"))
        .role("middle", from(user_arn("walker")), assume("goal"))
        .role("goal", from(role_arn("else")), admin)
        .resolve();
    assert_eq!(walkers(&broken, "sts-001"), []);
}

#[test]
fn an_open_door_is_told_once_at_the_door() {
    let admin = json!([statement("Allow", "*", json!("*"))]);
    let reads = || json!([statement("Allow", "s3:ListBucket", json!("*"))]);
    let facts = World::default()
        .user("a", reads())
        .user("b", reads())
        .user(
            "c",
            json!([statement(
                "Allow",
                "sts:AssumeRole",
                json!(role_arn("door"))
            )]),
        )
        .user(
            "d",
            json!([statement("Deny", "sts:AssumeRole", json!("*"))]),
        )
        // Through somebody the door lets in: a detour, and no finding of its own.
        .user(
            "e",
            json!([statement("Allow", "iam:CreateAccessKey", json!("*"))]),
        )
        .role("door", json!("*"), admin)
        .resolve();
    // Only whose own policy has part in it.
    assert_eq!(walkers(&facts, "sts-001"), [("c".to_owned(), "yes")]);
    assert_eq!(
        walkers(&facts, "iam-002").len(),
        1,
        "c is reached by its key"
    );
    let door = facts
        .identities
        .iter()
        .find(|one| one.name == "door")
        .expect("the role");
    assert_eq!(
        door.attrs.get(tenure::model::Sym::new("lets_in")).cloned(),
        Some(tenure::model::Value::Int(3)),
        "a, b and e"
    );
    let trust = facts
        .trusts
        .iter()
        .find(|trust| facts.identity(trust.target).name == "door")
        .expect("its trust");
    assert_eq!(trust.tier, tenure::model::Tier::Admin);
    assert!(trust.external && trust.witness.is_some());
}

#[test]
fn a_version_that_makes_an_admin_shows_where_it_stands() {
    let everything = document(json!([statement("Allow", "*", json!("*"))]));
    let grant = document(json!([statement(
        "Allow",
        "iam:SetDefaultPolicyVersion",
        json!("*")
    )]));
    let reads = document(json!([statement("Allow", "s3:Get*", json!("*"))]));
    for (documents, found) in [
        (vec![&grant, &reads, &everything], Some("yes")),
        (vec![&grant, &reads], None),
        (vec![&grant], None),
    ] {
        let mut world = World::default().user("walker", json!([]));
        world.users[0]["AttachedManagedPolicies"] = json!([attached("p")]);
        world.policies.push(versions("p", &documents));
        let facts = world.resolve();
        assert_eq!(walks(&facts, "policy-version-001"), found);
        if found.is_some() {
            let shown = &facts.paths[0].steps[0].evidence;
            let version = shown.iter().find(|one| one.what.contains("version v3"));
            assert!(
                version.is_some_and(|one| one.location.is_some()),
                "{shown:?}"
            );
        }
    }
}

#[test]
fn a_boundary_that_can_be_removed_hides_nothing_behind_it() {
    let removes = "iam:DeleteUserPermissionsBoundary iam:PutUserPolicy";
    let own = |effect: &str| statement(effect, removes, json!(user_arn("walker")));
    // The boundary lets the walker take it off; then it gives itself a policy.
    let limit = json!([statement(
        "Allow",
        "iam:DeleteUserPermissionsBoundary s3:*",
        json!("*")
    )]);
    let facts = World::default()
        .user("walker", json!([own("Allow")]))
        .bounded("limit", limit.clone())
        .resolve();
    assert_eq!(walks(&facts, "iam-007"), None, "the boundary holds");
    assert_eq!(walks(&facts, "boundary-001"), Some("yes"));
    let shown = &facts.paths[0].steps[0].evidence;
    assert!(
        shown
            .iter()
            .any(|one| one.what.contains("once the boundary is gone")
                && one.what.contains("PutUserPolicy")),
        "{shown:?}"
    );
    // The same with a boundary that does not let it be taken off.
    let held = World::default()
        .user("walker", json!([own("Allow")]))
        .bounded("limit", json!([statement("Allow", "s3:*", json!("*"))]))
        .resolve();
    assert_eq!(walks(&held, "boundary-001"), None);
    // Nothing behind it.
    let harmless = World::default()
        .user(
            "walker",
            json!([statement(
                "Allow",
                "iam:DeleteUserPermissionsBoundary s3:*",
                json!("*")
            )]),
        )
        .bounded("limit", limit)
        .resolve();
    assert_eq!(walks(&harmless, "boundary-001"), None);
}

#[test]
fn a_fence_around_regions_is_a_condition_and_shuts_out_global_services() {
    let fence = |spared: Value| {
        json!([{"Effect": "Deny", "NotAction": spared, "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]}}}])
    };
    let full = json!([statement("Allow", "*", json!("*"))]);
    let world = || {
        World::default()
            .admin("goal", "lambda.amazonaws.com")
            .user(
                "walker",
                json!([statement(
                    "Allow",
                    "iam:PassRole iam:PutUserPolicy lambda:CreateFunction lambda:InvokeFunction",
                    json!("*")
                )]),
            )
            .guardrail("SERVICE_CONTROL_POLICY", "r-1", full.clone())
            .guardrail("SERVICE_CONTROL_POLICY", "ou-1", full.clone())
            .guardrail("SERVICE_CONTROL_POLICY", ACCOUNT, full.clone())
    };
    // IAM answers in us-east-1 alone: spared it works, else it never does.
    let spares = world()
        .guardrail(
            "SERVICE_CONTROL_POLICY",
            "ou-1",
            fence(json!(["iam:*", "sts:*"])),
        )
        .resolve();
    assert_eq!(walks(&spares, "iam-007"), Some("yes"));
    assert_eq!(walks(&spares, "lambda-001"), Some("conditional"));
    let residual = spares.paths.iter().find_map(|path| path.residual);
    assert!(
        residual.is_some_and(|text| text.contains("aws:RequestedRegion")),
        "{residual:?}"
    );
    let all = world()
        .guardrail(
            "SERVICE_CONTROL_POLICY",
            "ou-1",
            fence(json!(["support:*"])),
        )
        .resolve();
    assert_eq!(walks(&all, "iam-007"), None);
    assert_eq!(walks(&all, "lambda-001"), None, "iam:PassRole is shut out");
}

#[test]
fn resource_control_policies_bear_on_what_they_guard_level_by_level() {
    let deny = |action: &str, resource: Value| json!([{"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource}]);
    let reads = json!([statement("Allow", "sts:AssumeRole", json!("*"))]);
    let world = || {
        World::default().user("walker", reads.clone()).role(
            "goal",
            json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}),
            json!([statement("Allow", "*", json!("*"))]),
        )
    };
    let rcp = "RESOURCE_CONTROL_POLICY";
    let open = world().resolve();
    assert_eq!(walks(&open, "sts-001"), Some("yes"));
    for level in ["r-1", "ou-1", ACCOUNT] {
        let shut = world()
            .guardrail(rcp, level, deny("sts:*", json!("*")))
            .resolve();
        assert_eq!(walks(&shut, "sts-001"), None, "{level}");
    }
    // Of another account, of another role, or for strangers only.
    let elsewhere = world()
        .guardrail(rcp, "444455556666", deny("sts:*", json!("*")))
        .resolve();
    assert_eq!(walks(&elsewhere, "sts-001"), Some("yes"));
    let other = world()
        .guardrail(rcp, "r-1", deny("sts:*", json!(role_arn("other"))))
        .resolve();
    assert_eq!(walks(&other, "sts-001"), Some("yes"));
    let perimeter = json!([{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole",
        "Resource": "*", "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}}]);
    let inside = world().guardrail(rcp, "r-1", perimeter).resolve();
    assert_eq!(walks(&inside, "sts-001"), Some("yes"));
    // A second factor asked for by the resource's side.
    let factor = json!([{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole",
        "Resource": "*", "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}]);
    let asked = world().guardrail(rcp, "ou-1", factor).resolve();
    assert_eq!(walks(&asked, "sts-001"), Some("conditional"));
}

#[test]
fn a_resource_control_policy_nobody_can_place_is_a_condition() {
    let details = json!({"UserDetailList": [{"UserName": "walker", "UserId": "AIDA", "Path": "/",
            "Arn": user_arn("walker"), "UserPolicyList": [{"PolicyName": "own", "PolicyDocument":
                document(json!([statement("Allow", "secretsmanager:GetSecretValue", json!("*"))]))}]}],
        "GroupDetailList": [], "RoleDetailList": [], "Policies": []})
    .to_string();
    let policies = json!({"Policy": {"PolicySummary": {"Id": "p-1",
            "Type": "RESOURCE_CONTROL_POLICY"}, "Content": document(json!([{"Effect": "Deny",
            "Principal": "*", "Action": "secretsmanager:*", "Resource": "*"}])).to_string()},
        "Targets": [{"TargetId": "ou-9"}]})
    .to_string();
    let facts = resolve_files(
        &[
            ("aws/111122223333/authorization-details.json", &details),
            ("aws/111122223333/organization/policies.json", &policies),
        ],
        &Config::default(),
    );
    let grant = facts
        .entitlements
        .iter()
        .find(|one| one.mechanism == "inline-policy");
    let grant = grant.unwrap_or(&facts.entitlements[0]);
    assert_eq!(grant.verdict, Verdict::Conditional);
    assert!(
        grant
            .residual
            .is_some_and(|text| text.contains("resource control policy")),
        "{:?}",
        grant.residual
    );
}

#[test]
fn a_resource_control_policy_keeps_strangers_out_of_a_role_that_trusts_them() {
    let perimeter = json!([{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole",
        "Resource": "*", "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}}]);
    let spares = json!([{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole",
        "Resource": "*", "Condition": {
            "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"},
            "ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/vendor"}}}]);
    let foreign = json!({"AWS": "444455556666"});
    let vendor = json!({"AWS": "arn:aws:iam::444455556666:role/vendor"});
    let trust = |who: &Value, policy: Option<&Value>| {
        let mut world = World::default().role(
            "r",
            who.clone(),
            json!([statement("Allow", "s3:*", json!("*"))]),
        );
        if let Some(policy) = policy {
            world = world.guardrail("RESOURCE_CONTROL_POLICY", "r-1", policy.clone());
            world.files.push((
                format!("aws/{ACCOUNT}/organization/accounts.json"),
                json!({"Accounts": [{"Id": ACCOUNT, "Name": "own"}]}).to_string(),
            ));
        }
        let facts = world.resolve();
        let trust = &facts.trusts[0];
        (
            trust.verdict.as_str(),
            trust.external,
            trust.witness.is_some(),
        )
    };
    assert_eq!(trust(&foreign, None), ("yes", true, false));
    assert_eq!(trust(&foreign, Some(&perimeter)).0, "no");
    assert_eq!(trust(&vendor, Some(&perimeter)).0, "no");
    assert_eq!(trust(&foreign, Some(&spares)).0, "conditional");
    assert_eq!(trust(&vendor, Some(&spares)).0, "yes");
    assert_eq!(trust(&json!("*"), None), ("yes", true, true));
    assert_eq!(trust(&json!("*"), Some(&perimeter)), ("yes", false, false));
}

#[test]
fn a_resource_control_policy_bears_on_who_comes_from_an_identity_provider() {
    let github = "token.actions.githubusercontent.com";
    let oidc = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{github}");
    let saml = format!("arn:aws:iam::{ACCOUNT}:saml-provider/idp");
    let token = |condition: Value| {
        json!([{"Effect": "Allow", "Principal": {"Federated": oidc},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}])
    };
    let assertion = json!([{"Effect": "Allow", "Principal": {"Federated": saml},
        "Action": "sts:AssumeRoleWithSAML",
        "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}}]);
    let subject = |operator: &str, value: &str| json!({operator: {format!("{github}:sub"): value}});
    let main = "repo:acme/app:ref:refs/heads/main";
    let exact = token(subject("StringEquals", main));
    let any = token(subject("StringLike", "repo:*"));
    let deny = |action: &str, condition: Value| {
        json!([{"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*",
            "Condition": condition}])
    };
    let asked = |trust: &Value, policy: Option<Value>| {
        let mut world = World::default().trusting("r", trust.clone());
        if let Some(policy) = policy {
            world = world.guardrail("RESOURCE_CONTROL_POLICY", "r-1", policy);
        }
        let facts = world.resolve();
        let trust = &facts.trusts[0];
        let issues = match trust.attrs.get(Sym::new("issues")) {
            Some(Attribute::List(list)) => list.iter().map(|one| one.to_string()).collect(),
            _ => Vec::new(),
        };
        (trust.verdict.as_str(), trust.external, issues)
    };
    let verdict = |trust: &Value, policy: Value| asked(trust, Some(policy)).0;
    assert_eq!(asked(&exact, None).0, "yes");
    let always = json!({});
    let web = "sts:AssumeRoleWithWebIdentity";
    assert_eq!(verdict(&exact, deny(web, always.clone())), "no");
    assert_eq!(verdict(&assertion, deny(web, always.clone())), "yes");
    assert_eq!(
        verdict(&assertion, deny("sts:AssumeRoleWithSAML", always)),
        "no"
    );
    // Whoever presents a token belongs to no organisation.
    let organization = json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}});
    assert_eq!(verdict(&exact, deny("sts:*", organization.clone())), "no");
    assert_eq!(verdict(&exact, deny("sts:AssumeRole", organization)), "yes");
    // What the policy asks of the token, the trust may promise.
    let ours = |owner: &str| deny(web, subject("StringNotLike", &format!("repo:{owner}/*")));
    assert_eq!(verdict(&exact, ours("acme")), "yes");
    assert_eq!(verdict(&exact, ours("other")), "no");
    // Strangers' tokens are kept out, those of ours are not.
    let (open, external, issues) = asked(&any, None);
    assert_eq!((open, external), ("yes", true));
    assert!(issues.contains(&"any-subject".to_owned()), "{issues:?}");
    let (fenced, external, issues) = asked(&any, Some(ours("our-org")));
    assert_eq!((fenced, external), ("conditional", false), "{issues:?}");
    assert!(!issues.contains(&"any-subject".to_owned()), "{issues:?}");
}

#[test]
fn a_guardrail_that_is_loosened_gates() {
    let allow = || json!([statement("Allow", "*", json!("*"))]);
    let denied = |actions: &str| {
        json!([
            statement("Allow", "*", json!("*")),
            statement("Deny", actions, json!("*"))
        ])
    };
    let scp = "SERVICE_CONTROL_POLICY";
    let state = |own: &Value, guard: Value| {
        let facts = World::default()
            .user("walker", own.clone())
            .guardrail(scp, "r-1", allow())
            .guardrail(scp, "ou-1", guard)
            .guardrail(scp, ACCOUNT, allow())
            .resolve();
        Baseline::of(&facts)
    };
    let gates = |old: &Baseline, new: &Baseline| -> Vec<String> {
        diff(old, new, &[])
            .iter()
            .filter(|change| is_more_access(change, new))
            .map(|change| change.details.join("; "))
            .collect()
    };
    let own = json!([statement("Allow", "s3:*", json!("*"))]);
    let listed = json!([statement("Allow", "ec2:*", json!("*"))]);
    let under = |condition: Value| {
        let mut all = denied("s3:Put*");
        all[1]["Condition"] = condition;
        all
    };
    let region = json!({"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}});
    for (before, after) in [
        (denied("s3:*"), allow()),
        (denied("s3:*"), denied("s3:PutObject")),
        (
            listed.clone(),
            json!([statement("Allow", "ec2:* s3:*", json!("*"))]),
        ),
        // What leaves the grant alive, and its tier.
        (denied("s3:PutBucketPolicy"), allow()),
        (denied("cloudtrail:StopLogging"), allow()),
        (under(json!({})), under(region.clone())),
        (under(region), allow()),
    ] {
        let (old, new) = (state(&own, before), state(&own, after));
        assert!(!gates(&old, &new).is_empty());
        assert_eq!(gates(&new, &old), [""; 0]);
    }
    let told = gates(
        &state(&own, denied("s3:PutBucketPolicy")),
        &state(&own, allow()),
    );
    assert_eq!(
        told,
        ["now also allows s3:putbucketpolicy on any, which was denied"]
    );
    // Not to have read them is no change.
    let unread = World::default().user("walker", own.clone()).resolve();
    let (seen, unread) = (state(&own, allow()), Baseline::of(&unread));
    assert_eq!(gates(&seen, &unread), [""; 0]);
    assert_eq!(gates(&unread, &seen), [""; 0]);
}

#[test]
fn a_guardrail_of_resources_that_is_loosened_gates() {
    let full = json!([statement("Allow", "*", json!("*"))]);
    let own = json!([statement("Allow", "s3:GetObject", json!("*"))]);
    let state = |rcp: Option<Value>| {
        let mut world = World::default().user("walker", own.clone());
        for level in ["r-1", "ou-1", ACCOUNT] {
            world = world.guardrail("SERVICE_CONTROL_POLICY", level, full.clone());
        }
        if let Some(rcp) = rcp {
            world = world.guardrail("RESOURCE_CONTROL_POLICY", "ou-1", rcp);
        }
        Baseline::of(&world.resolve())
    };
    let perimeter = |actions: &str| {
        let mut deny = statement("Deny", actions, json!("*"));
        deny["Principal"] = json!("*");
        deny["Condition"] = json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}});
        json!([deny])
    };
    let told = |old: &Baseline, new: &Baseline| -> Vec<String> {
        let changes = diff(old, new, &[]);
        let gating = changes.iter().filter(|change| is_more_access(change, new));
        let what =
            |change: &tenure::drift::Change| change.after.as_ref().map(|is| is.what.to_string());
        gating.filter_map(what).collect()
    };
    let (whole, part, none) = (
        state(Some(perimeter("s3:* sts:*"))),
        state(Some(perimeter("s3:*"))),
        state(None),
    );
    for (before, after) in [(&whole, &part), (&part, &none), (&whole, &none)] {
        assert_eq!(told(before, after), ["guardrails of resources"]);
        assert_eq!(told(after, before), [""; 0]);
    }
}
