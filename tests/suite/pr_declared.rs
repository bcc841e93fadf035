//! The check of declarations: Terraform plans and CloudFormation templates.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::pr_check::Repo;
use super::support;

const NOW: &str = "2026-11-22T12:00:00Z";

fn run(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    support::run(folder.path(), NOW, arguments)
}

fn report(folder: &TempDir, arguments: &[&str]) -> (i32, Value) {
    support::report(folder.path(), NOW, arguments)
}

/// File, line, rule and subject of each finding.
fn found(report: &Value) -> Vec<(String, u64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let place = &finding["location"];
            (
                text(&place["file"]),
                place["line"].as_u64().unwrap_or_default(),
                text(&finding["rule"]),
                text(&finding["subject"]["name"]),
            )
        })
        .collect()
}

fn document(actions: &[&str], resource: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}],
    })
    .to_string()
}

fn change(address: &str, before: Value, after: Value, unknown: Value) -> Value {
    let plain = address.rsplit("module.").next().unwrap();
    let kind = plain
        .split('.')
        .find(|part| {
            ["aws_", "kubernetes_", "github_", "vault_"]
                .iter()
                .any(|start| part.starts_with(start))
        })
        .unwrap();
    let module = address
        .rsplit_once(&format!(".{kind}."))
        .map(|(module, _)| module);
    let mut made = json!({
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": "x",
        "change": {
            "actions": ["update"],
            "before": before,
            "after": after,
            "after_unknown": unknown,
            "before_sensitive": {},
            "after_sensitive": {},
        },
    });
    if let Some(module) = module {
        made["module_address"] = json!(module);
    }
    made
}

fn plan(changes: Vec<Value>, configuration: Value) -> String {
    json!({
        "format_version": "1.2",
        "terraform_version": "1.14.0",
        "planned_values": {},
        "resource_changes": changes,
        "configuration": configuration,
    })
    .to_string()
}

const MAIN: &str = r#"resource "aws_iam_role" "app" {
  name               = "app"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "app" {
  role   = aws_iam_role.app.id
  name   = "app"
  policy = data.aws_iam_policy_document.app.json
}

module "team" {
  source = "./modules/team"
  for_each = toset(["a", "b"])
}
"#;

const TEAM: &str = r#"# The team's own.
resource "aws_iam_user_policy_attachment" "admin" {
  user       = "alice"
  policy_arn = "arn:aws:iam::aws:policy/AdministratorAccess"
}
"#;

fn role(policy: Value) -> Vec<Value> {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }],
    })
    .to_string();
    let own = json!({
        "name": "app", "path": "/", "assume_role_policy": trust,
        "arn": "arn:aws:iam::111122223333:role/app", "unique_id": "AROA1",
    });
    vec![
        change("aws_iam_role.app", own.clone(), own, json!({})),
        policy,
    ]
}

fn inline(actions: &[&str]) -> Value {
    json!({"role": "app", "name": "app", "policy": document(actions, "*")})
}

#[test]
fn a_plan_that_widens_fails_on_its_line() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("main.tf"), MAIN).unwrap();
    let check = |changes: Vec<Value>| {
        fs::write(folder.path().join("plan.json"), plan(changes, json!({}))).unwrap();
        report(&folder, &["diff", "--plan", "plan.json"])
    };
    let of = |before: &[&str], after: &[&str]| {
        role(change(
            "aws_iam_role_policy.app",
            inline(before),
            inline(after),
            json!({}),
        ))
    };
    let (code, same) = check(of(&["s3:*"], &["s3:*"]));
    assert_eq!(code, 0, "{same:#}");
    let (code, _) = check(of(&["s3:*", "sqs:*"], &["SQS:*"]));
    assert_eq!(code, 0);
    let (code, wide) = check(of(&["s3:*"], &["s3:*", "dynamodb:*"]));
    assert_eq!(code, 1);
    let all = found(&wide);
    assert_eq!(
        all,
        [(
            "main.tf".to_owned(),
            6,
            "DRF102".to_owned(),
            "app".to_owned()
        )],
        "{wide:#}"
    );
    assert!(wide.to_string().contains("dynamodb:* on *"));

    // As it would be once applied.
    let (code, scanned) = report(&folder, &["scan", "plan.json"]);
    assert_eq!(code, 1, "a role without an owner: {scanned:#}");
    let all = found(&scanned);
    assert!(all.iter().all(|(file, ..)| file == "main.tf"), "{all:?}");
}

#[test]
fn modules_lead_to_their_lines_and_names_of_policies_to_their_text() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("modules/team")).unwrap();
    fs::write(folder.path().join("main.tf"), MAIN).unwrap();
    fs::write(folder.path().join("modules/team/main.tf"), TEAM).unwrap();
    let attachment = json!({
        "user": "alice", "policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess",
    });
    let address = "module.team[\"a\"].aws_iam_user_policy_attachment.admin";
    let changes = vec![change(
        address,
        Value::Null,
        attachment,
        json!({"id": true}),
    )];
    fs::write(folder.path().join("plan.json"), plan(changes, json!({}))).unwrap();
    let (code, admin) = report(&folder, &["diff", "--plan", "plan.json"]);
    assert_eq!(code, 1);
    let all = found(&admin);
    assert!(!all.is_empty());
    for (file, line, rule, who) in &all {
        assert_eq!(
            (file.as_str(), who.as_str()),
            ("modules/team/main.tf", "alice"),
            "{rule}"
        );
        assert!((2..=4).contains(line), "{rule} on {line}");
    }
    assert!(
        admin["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["tier"] == "admin")
    );
}

#[test]
fn what_is_known_only_after_apply_is_followed_or_undecided() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("main.tf"), MAIN).unwrap();
    let policy = json!({"name": "p", "path": "/", "policy": document(&["s3:Get*"], "*")});
    let attachment = json!({"role": "app"});
    let changes = || {
        let unknown = json!({"policy_arn": true, "id": true});
        vec![
            change(
                "aws_iam_policy.p",
                Value::Null,
                policy.clone(),
                json!({"arn": true}),
            ),
            change(
                "aws_iam_role_policy_attachment.p",
                Value::Null,
                attachment.clone(),
                unknown,
            ),
        ]
    };
    let configuration = json!({"root_module": {"resources": [{
        "address": "aws_iam_role_policy_attachment.p",
        "expressions": {"policy_arn": {"references": ["aws_iam_policy.p.arn", "aws_iam_policy.p"]}},
    }]}});
    fs::write(
        folder.path().join("plan.json"),
        plan(changes(), configuration),
    )
    .unwrap();
    let (code, followed) = report(&folder, &["diff", "--plan", "plan.json"]);
    assert_eq!(code, 1);
    let rules: Vec<String> = found(&followed)
        .into_iter()
        .map(|(.., rule, _)| rule)
        .collect();
    assert!(rules.contains(&"DRF101".to_owned()), "{rules:?}");
    assert!(!rules.contains(&"DRF103".to_owned()), "{rules:?}");

    fs::write(folder.path().join("plan.json"), plan(changes(), json!({}))).unwrap();
    let (code, open) = report(&folder, &["diff", "--plan", "plan.json"]);
    assert_eq!(code, 1);
    let rules: Vec<String> = found(&open).into_iter().map(|(.., rule, _)| rule).collect();
    assert!(rules.contains(&"DRF103".to_owned()), "{open:#}");

    // A policy that is rewritten with something unknown in it.
    let after = json!({"role": "app", "name": "app"});
    let changes = role(change(
        "aws_iam_role_policy.app",
        inline(&["s3:*"]),
        after,
        json!({"policy": true}),
    ));
    fs::write(folder.path().join("plan.json"), plan(changes, json!({}))).unwrap();
    let (code, open) = report(&folder, &["diff", "--plan", "plan.json"]);
    assert_eq!(code, 1);
    let undecided = |(file, line, rule, _): &(String, u64, String, String)| {
        rule == "DRF103" && file == "main.tf" && *line == 9
    };
    assert!(found(&open).iter().any(undecided), "{open:#}");
}

#[test]
fn secrets_of_a_plan_are_never_shown() {
    let folder = TempDir::new().unwrap();
    let secret = "hunter2-correct-horse";
    let mut hidden = change(
        "aws_iam_role_policy.app",
        inline(&["s3:*"]),
        json!({"role": "app", "name": "app", "policy": format!("{{\"x\":\"{secret}\"}}")}),
        json!({}),
    );
    hidden["change"]["after_sensitive"] = json!({"policy": true});
    let changes = vec![
        hidden,
        change(
            "github_actions_secret.token",
            Value::Null,
            json!({"repository": "site", "secret_name": "TOKEN", "plaintext_value": secret}),
            json!({}),
        ),
        change(
            "vault_approle_auth_backend_role.app",
            Value::Null,
            json!({"role_name": "app", "role_id": secret, "token_policies": ["app"]}),
            json!({}),
        ),
        change(
            "aws_iam_access_key.ci",
            Value::Null,
            json!({"user": "ci", "secret": secret, "status": "Active"}),
            json!({"id": true}),
        ),
    ];
    fs::write(folder.path().join("plan.json"), plan(changes, json!({}))).unwrap();
    for format in ["json", "sarif", "html", "markdown", "table"] {
        let (code, stdout, stderr) = run(
            &folder,
            &["-v", "diff", "--plan", "plan.json", "-o", format],
        );
        assert_eq!(code, 1, "{stdout}{stderr}");
        assert!(
            !stdout.contains(secret) && !stderr.contains(secret),
            "{format}"
        );
    }
}

#[test]
fn every_provider_is_judged() {
    let folder = TempDir::new().unwrap();
    let metadata = |name: &str| json!([{"name": name, "namespace": "", "labels": null}]);
    let changes = vec![
        change(
            "kubernetes_cluster_role_binding_v1.admins",
            Value::Null,
            json!({
                "metadata": metadata("admins"),
                "role_ref": [{"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}],
                "subject": [{"api_group": "rbac.authorization.k8s.io", "kind": "User", "name": "mallory", "namespace": "default"}],
            }),
            json!({"id": true, "metadata": [{"uid": true, "generation": true, "resource_version": true}]}),
        ),
        change(
            "github_membership.mallory",
            json!({"username": "mallory", "role": "member"}),
            json!({"username": "mallory", "role": "admin"}),
            json!({}),
        ),
        change(
            "github_repository_deploy_key.ci",
            Value::Null,
            json!({"repository": "site", "title": "ci", "read_only": false}),
            json!({}),
        ),
        change(
            "vault_policy.app",
            json!({"name": "app", "policy": "path \"secret/data/app\" { capabilities = [\"read\"] }"}),
            json!({"name": "app", "policy": "path \"*\" { capabilities = [\"sudo\", \"read\", \"update\"] }"}),
            json!({}),
        ),
        change(
            "vault_kubernetes_auth_backend_role.app",
            json!({
                "backend": "kubernetes", "role_name": "app", "token_policies": ["app"],
                "bound_service_account_names": ["app"], "bound_service_account_namespaces": ["app"],
            }),
            json!({
                "backend": "kubernetes", "role_name": "app", "token_policies": ["app"],
                "bound_service_account_names": ["*"], "bound_service_account_namespaces": ["*"],
            }),
            json!({}),
        ),
        change(
            "aws_ssoadmin_account_assignment.admins",
            Value::Null,
            json!({
                "permission_set_arn": "arn:aws:sso:::permissionSet/ssoins-1/ps-1", "principal_id": "g-1",
                "principal_type": "GROUP", "target_id": "111122223333",
            }),
            json!({}),
        ),
    ];
    let configuration = json!({"provider_config": {"github": {
        "expressions": {"owner": {"constant_value": "acme"}},
    }}});
    fs::write(
        folder.path().join("plan.json"),
        plan(changes, configuration),
    )
    .unwrap();
    let (code, all) = report(&folder, &["diff", "--plan", "plan.json"]);
    assert_eq!(code, 1);
    let systems: Vec<&str> = all["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["system"].as_str().unwrap())
        .collect();
    for system in ["aws", "github", "kubernetes", "vault"] {
        assert!(systems.contains(&system), "{system}: {all:#}");
    }
    assert!(all.to_string().contains("mallory"));
}

#[test]
fn plans_that_cannot_be_read_are_refused() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("out.json"), "kept").unwrap();
    for (text, said) in [
        (
            json!({"format_version": "2.0", "planned_values": {}, "resource_changes": []}).to_string(),
            "format version `2.0`",
        ),
        ("{\"format_version\": \"1.2\", \"resource_changes\": [".to_owned(), "not a Terraform plan"),
        (
            json!({"format_version": "1.2", "planned_values": {}, "errored": true, "resource_changes": []})
                .to_string(),
            "ended with an error",
        ),
        ("{}".to_owned(), "not a Terraform plan"),
        ("\u{0}\u{1}".to_owned(), "not a Terraform plan"),
    ] {
        fs::write(folder.path().join("plan.json"), &text).unwrap();
        let (code, stdout, stderr) =
            run(&folder, &["diff", "--plan", "plan.json", "-o", "json=out.json"]);
        assert_eq!(code, 2, "{stdout}{stderr}");
        assert!(stderr.contains(said), "{stderr}");
        assert!(stderr.contains("plan.json:1:"), "{stderr}");
        assert_eq!(fs::read_to_string(folder.path().join("out.json")).unwrap(), "kept");
    }
    let (code, _, stderr) = run(&folder, &["diff", "--plan", "none.json"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("none.json"), "{stderr}");
}

const TEMPLATE: &str = "\
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Table:
    Type: String
Conditions:
  Prod: !Equals [!Ref 'AWS::Region', eu-west-1]
Resources:
  Bucket:
    Type: AWS::S3::Bucket
  AppRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
        - Effect: Allow
          Principal: {Service: lambda.amazonaws.com}
          Action: sts:AssumeRole
      Policies:
      - PolicyName: app
        PolicyDocument:
          Version: 2012-10-17
          Statement:
          - Effect: Allow
            Action: [s3:GetObject]
            Resource: !Sub '${Bucket.Arn}/*'
";

#[test]
fn templates_are_compared_with_their_functions_resolved() {
    let repo = Repo::new();
    repo.write("infra/app.yaml", TEMPLATE);
    let base = repo.commit("base");
    let check = |text: String| {
        repo.write("infra/app.yaml", text);
        let head = repo.commit("change");
        repo.json(&["diff", "--git", &format!("{base}..{head}")])
    };
    // The same in other words.
    let joined = TEMPLATE.replace(
        "!Sub '${Bucket.Arn}/*'",
        "\n              Fn::Join: ['', [{Fn::GetAtt: [Bucket, Arn]}, '/*']]",
    );
    let (code, same) = check(joined);
    assert_eq!(code, 0, "{same:#}");

    let wide = TEMPLATE.replace("[s3:GetObject]", "[s3:GetObject, 'dynamodb:*']");
    let (code, wide) = check(wide);
    assert_eq!(code, 1);
    let all = found(&wide);
    let at = (
        "infra/app.yaml".to_owned(),
        25,
        "DRF102".to_owned(),
        "AppRole".to_owned(),
    );
    assert!(all.contains(&at), "{all:?}");

    // What depends on a parameter cannot be told.
    let open = TEMPLATE.replace("!Sub '${Bucket.Arn}/*'", "!Ref Table");
    let (code, open) = check(open);
    assert_eq!(code, 1, "{open:#}");
    assert!(open.to_string().contains("Table"), "{open:#}");

    // Nor what another stack exports.
    let attached = TEMPLATE.replace(
        "      Policies:\n",
        "      ManagedPolicyArns: [!ImportValue shared-policy]\n      Policies:\n",
    );
    let (code, attached) = check(attached);
    assert_eq!(code, 1, "{attached:#}");
    let undecided =
        |(_, line, rule, _): &(String, u64, String, String)| rule == "DRF103" && *line == 19;
    assert!(found(&attached).iter().any(undecided), "{attached:#}");

    // A condition of the template that picks one of two.
    let either = TEMPLATE.replace("[s3:GetObject]", "!If [Prod, s3:GetObject, 's3:*']");
    let (code, either) = check(either);
    assert_eq!(code, 1, "{either:#}");

    let admin = TEMPLATE.replace(
        "      Policies:\n",
        "      ManagedPolicyArns:\n      - !Sub 'arn:${AWS::Partition}:iam::aws:policy/AdministratorAccess'\n      Policies:\n",
    );
    let (code, admin) = check(admin);
    assert_eq!(code, 1);
    let tiers = admin["findings"].as_array().unwrap();
    assert!(
        tiers.iter().any(|finding| finding["tier"] == "admin"),
        "{admin:#}"
    );
    assert!(
        found(&admin)
            .iter()
            .all(|(file, ..)| file == "infra/app.yaml")
    );
}

#[test]
fn a_policy_file_and_a_template_are_scanned_by_themselves() {
    let folder = TempDir::new().unwrap();
    let text = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\"Effect\": \"Allow\", \"Action\": \"s3:GetObject\", \"Resource\": \"*\"},\n    {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}\n  ]\n}\n";
    fs::write(folder.path().join("policy.json"), text).unwrap();
    let (code, scanned) = report(&folder, &["scan", "policy.json"]);
    assert_eq!(code, 1, "{scanned:#}");
    let statement =
        |(file, line, ..): &(String, u64, String, String)| file == "policy.json" && *line == 5;
    assert!(found(&scanned).iter().any(statement), "{scanned:#}");
    let harmless = document(&["s3:GetObject"], "arn:aws:s3:::shop/*");
    fs::write(folder.path().join("policy.json"), harmless).unwrap();
    let (code, stdout, stderr) = run(&folder, &["scan", "policy.json"]);
    assert_eq!(code, 0, "{stdout}{stderr}");

    fs::write(folder.path().join("app.yaml"), TEMPLATE).unwrap();
    let (code, stdout, stderr) = run(&folder, &["scan", "app.yaml"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
}
