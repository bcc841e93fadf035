//! Every command the README and the pages under `docs/` show is run, by a shell, as it
//! stands there: live sources against servers that answer in their stead, other
//! programs (`aws`, `vault`) by scripts that print what those would.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use tempfile::TempDir;
use tenure::cli::Cli;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::support::aws::{ACCOUNT, Aws, REPORT_HEADER, Running, ok};
use super::support::{any_admin, program, repository, words};

/// Commands that are how this test is run, or are run by another one.
const ELSEWHERE: &[&str] = &[
    // docs/pr-check.md, in a repository of its own: `pr_check`.
    "tenure diff --git",
    "tenure diff --plan",
    "tenure scan plan.json",
    "tenure scan account.json --baseline live.baseline.jsonl",
    "cargo run --release -- scan fixtures/company",
    "bash tests/run",
];

/// The pages: the README, the guides, and what lies under `docs/`.
fn pages() -> Vec<PathBuf> {
    let root = repository();
    let mut pages: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "rules/README.md"]
        .map(|name| root.join(name))
        .to_vec();
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    pages
}

/// The shell blocks of a page, each with its commands: a loop or a continued line is
/// one.
fn blocks(page: &str) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    let mut inside = false;
    let mut line = String::new();
    for text in page.lines() {
        if text.starts_with("```") {
            inside = matches!(text.trim(), "```sh" | "```bash" | "```shell") && !inside;
            all.push(Vec::new());
            continue;
        }
        if !inside {
            continue;
        }
        line.push_str(text);
        line.push('\n');
        // A loop, a continued line, a quote: a shell says where a command ends.
        let whole = text.strip_suffix('\\').is_none()
            && Command::new("bash")
                .args(["-n", "-c", &line])
                .output()
                .is_ok_and(|checked| checked.status.success());
        if whole {
            let command = std::mem::take(&mut line);
            let command = command.trim();
            if let Some(block) = all.last_mut()
                && !command.is_empty()
                && !command.starts_with('#')
            {
                block.push(command.to_owned());
            }
        }
    }
    all
}

/// A user who may do everything, as `aws iam get-account-authorization-details` says it.
const ACCOUNT_JSON: &str = r#"{"UserDetailList": [{"Path": "/", "UserName": "alice", "UserId": "AIDAALICE",
  "Arn": "arn:aws:iam::111122223333:user/alice", "CreateDate": "2026-01-01T00:00:00+00:00",
  "UserPolicyList": [{"PolicyName": "all", "PolicyDocument": {"Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}],
  "GroupList": [], "AttachedManagedPolicies": [], "Tags": []}],
  "GroupDetailList": [], "RoleDetailList": [], "Policies": []}"#;

/// Her line in the credential report.
const REPORT_ROW: &str = "alice,arn:aws:iam::111122223333:user/alice,2026-01-01T00:00:00+00:00,false,\
N/A,N/A,N/A,false,true,2026-01-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A\n";

const CASE: &str = r#"{"id":"a","principal":"arn:aws:iam::111122223333:user/alice","action":"s3:GetObject","resource":"arn:aws:s3:::b/k","identity_policies":[]}"#;

/// What `terraform show -json` says of a plan that makes one inline policy.
const PLAN: &str = r#"{"format_version":"1.2","terraform_version":"1.9.0","resource_changes":[
  {"address":"aws_iam_role_policy.p","mode":"managed","type":"aws_iam_role_policy","name":"p",
   "provider_name":"registry.terraform.io/hashicorp/aws","change":{"actions":["create"],"before":null,
   "after":{"name":"p","role":"app","policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"},
   "after_unknown":{"id":true}}}],"configuration":{"root_module":{}}}"#;

const TERRAFORM: &str =
    "resource \"aws_iam_role_policy\" \"p\" {\n  name = \"p\"\n  role = \"app\"\n}\n";

/// A folder with what the commands name, and a world around it.
struct Place {
    folder: TempDir,
    aws: Running,
    closed: MockServer,
}

impl Place {
    async fn new() -> Place {
        let folder = TempDir::new().unwrap();
        let root = repository();
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [
            ("account.json", ACCOUNT_JSON),
            ("report.csv", &format!("{REPORT_HEADER}\n{REPORT_ROW}")),
            ("cases.jsonl", CASE),
            ("plan.json", PLAN),
            ("main.tf", TERRAFORM),
            ("my-rules/mine.yaml", &any_admin("MINE001")),
        ] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
        }
        copy(
            &root.join("fixtures/company/kubernetes/staging-eu"),
            &at("manifests"),
        );
        copy(&root.join("tests/data/vault/policies"), &at("policies"));
        fs::copy(
            root.join("fixtures/company/jit/aws-team/requests.json"),
            at("requests.json"),
        )
        .unwrap();
        for name in ["aws-trust-policy.json", "vault-role.json"] {
            fs::copy(root.join("examples/ci/github").join(name), at(name)).unwrap();
        }
        script(
            &at("bin/aws"),
            "case \"$*\" in\n\
             *get-account-authorization-details*) cat \"$PLACE/account.json.seen\";;\n\
             *get-credential-report*) printf '{\"Content\":\"%s\",\"ReportFormat\":\"text/csv\",\
             \"GeneratedTime\":\"2026-11-22T00:00:00Z\"}' \"$(base64 < \"$PLACE/report.csv\" | tr -d '\\n')\";;\n\
             *) echo '{}';;\nesac",
        );
        fs::write(at("account.json.seen"), ACCOUNT_JSON).unwrap();
        script(&at("bin/vault"), "exit 0");
        script(
            &at("bin/gh"),
            "case \"$*\" in\n*' -q '*) echo app;;\n*/orgs/acme) echo '{\"login\":\"acme\",\"id\":1}';;\n\
             *) echo '[]';;\nesac",
        );
        if Command::new("jq").arg("--version").output().is_err() {
            script(&at("bin/jq"), "cat");
        }
        std::os::unix::fs::symlink(assert_cmd::cargo::cargo_bin!("tenure"), at("bin/tenure"))
            .unwrap();

        let mut aws = Aws::empty();
        aws.on("iam:GetAccountAuthorizationDetails", |_| {
            ok(&format!(
                "<IsTruncated>false</IsTruncated><UserDetailList><member><Path>/</Path>\
                 <UserName>alice</UserName><UserId>AIDAALICE</UserId>\
                 <Arn>arn:aws:iam::{ACCOUNT}:user/alice</Arn>\
                 <CreateDate>2026-01-01T00:00:00Z</CreateDate><UserPolicyList><member>\
                 <PolicyName>all</PolicyName><PolicyDocument>%7B%22Version%22%3A%222012-10-17%22%2C\
                 %22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%2C\
                 %22Resource%22%3A%22%2A%22%7D%5D%7D</PolicyDocument></member></UserPolicyList>\
                 <GroupList/><AttachedManagedPolicies/><Tags/></member></UserDetailList>\
                 <GroupDetailList/><RoleDetailList/><Policies/>"
            ))
        });
        let closed = MockServer::start().await;
        Mock::given(matchers::any())
            .respond_with(ResponseTemplate::new(403).set_body_json(
                serde_json::json!({"message": "no", "errors": ["permission denied"], "kind": "Status",
                    "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403}),
            ))
            .mount(&closed)
            .await;
        let server = closed.uri();
        fs::write(
            at("kubeconfig"),
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
                 clusters: [{{name: test, cluster: {{server: \"{server}\"}}}}]\n\
                 contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n\
                 users: [{{name: test, user: {{token: t}}}}]\n"
            ),
        )
        .unwrap();
        fs::write(
            at("tenure.yaml"),
            format!(
                "aws: {{regions: [eu-west-1]}}\ngithub: {{base_url: \"{server}\", max_wait: 1s}}\n"
            ),
        )
        .unwrap();
        let place = Place {
            aws: aws.start().await,
            folder,
            closed,
        };
        // A repository with one commit more than `origin/main`, and a baseline of the
        // account.
        for command in [
            "git init -q && git config user.name t && git config user.email t@example.com",
            "cp -R manifests k8s && git add manifests policies && git commit -qm start",
            "git update-ref refs/remotes/origin/main HEAD && git add k8s && git commit -qm more",
            "tenure baseline create account.json --file live.baseline.jsonl",
        ] {
            let (code, _, stderr) = place.run(place.folder.path(), command);
            assert!(matches!(code, Some(0 | 3)), "{command}: {stderr}");
        }
        place
    }

    /// Runs a command by a shell, in a clean environment.
    fn run(&self, at: &Path, command: &str) -> (Option<i32>, String, String) {
        let place = |name: &str| self.folder.path().join(name);
        let path = std::env::var("PATH").unwrap_or_default();
        let output = program("bash")
            .current_dir(at)
            .args([
                "-c",
                &format!("set -o pipefail\n{command}\ncode=$?; pwd > \"$PLACE/.pwd\"; exit $code"),
            ])
            .env("PATH", format!("{}:{path}", place("bin").display()))
            .env("PLACE", self.folder.path())
            .env("HOME", self.folder.path())
            .env("AWS_ENDPOINT_URL", self.aws.address())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", format!("AKIA{ACCOUNT}"))
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("GITHUB_TOKEN", "t")
            .env("KUBECONFIG", place("kubeconfig"))
            .env("VAULT_ADDR", self.closed.uri())
            .env("VAULT_TOKEN", "t")
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_shown_runs() {
    let place = Place::new().await;
    // What a reader puts for FINDING.
    let (_, stdout, stderr) = place.run(place.folder.path(), "tenure scan aws -o json");
    let report: serde_json::Value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    let finding = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["subject"]["name"] == "alice")
        .and_then(|found| found["id"].as_str())
        .expect("alice may do everything");
    let mut wrong = Vec::new();
    let mut ran = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for block in blocks(&text) {
            let mut at = place.folder.path().to_owned();
            for command in block {
                if ELSEWHERE.iter().any(|known| command.starts_with(known)) {
                    continue;
                }
                ran += 1;
                let command = command.replace("FINDING", finding);
                let (code, _, stderr) = place.run(&at, &command);
                // 1 and 3 are verdicts; 2 is an error, 126 and 127 a program that is not
                // there.
                if !matches!(code, Some(0 | 1 | 3)) {
                    wrong.push(format!("{}: {command}\n{code:?} {stderr}", page.display()));
                }
                let now = fs::read_to_string(place.folder.path().join(".pwd")).unwrap_or_default();
                at = PathBuf::from(now.trim_end());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(ran >= 25, "only {ran} commands were found");
}

/// Commands within a sentence, or in a session (`$ tenure …`) about files that are not
/// here, are at least what the program understands.
#[test]
fn commands_in_sentences_and_sessions_parse() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let outside: String = text.split("```").step_by(2).collect::<Vec<_>>().join("\n");
        let sentences = outside.split('`').skip(1).step_by(2);
        let sessions = text.lines().filter_map(|line| line.strip_prefix("$ "));
        for code in sentences.chain(sessions) {
            if !code.starts_with("tenure ") || code.contains(['…', '\n', '|', '<', '>']) {
                continue;
            }
            let words = words(code);
            let parsed = Cli::try_parse_from(&words);
            let complete = parsed.err().filter(|error| {
                // A sentence may name a command without its arguments.
                !matches!(
                    error.kind(),
                    clap::error::ErrorKind::DisplayHelp
                        | clap::error::ErrorKind::MissingRequiredArgument
                        | clap::error::ErrorKind::MissingSubcommand
                        | clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                )
            });
            if let Some(error) = complete
                // `tenure permissions SYSTEM`
                && words.iter().all(|word| word.chars().any(|c| !c.is_ascii_uppercase()))
            {
                wrong.push(format!("{}: {code}: {error}", page.display()));
            }
            seen.insert(code.to_owned());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() >= 8, "{seen:?}");
}

/// Links between the pages lead somewhere.
#[test]
fn links_lead_to_files() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.contains([' ', '\n']) {
                continue;
            }
            if !page.parent().unwrap().join(target).exists() {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
