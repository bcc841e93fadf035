//! The check of a pull request: two states of a real repository, without credentials.

use std::fs;
use std::path::Path;
use std::process::Command as Process;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{self, tenure};

const NOW: &str = "2026-11-22T12:00:00Z";

/// A repository that is thrown away.
pub(crate) struct Repo(TempDir);

impl Repo {
    pub(crate) fn new() -> Self {
        let repo = Repo(TempDir::new().unwrap());
        repo.git(&["init", "-q", "-b", "main"]);
        repo.git(&["config", "user.email", "test@example.com"]);
        repo.git(&["config", "user.name", "Test"]);
        repo.git(&["config", "commit.gpgsign", "false"]);
        repo
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = Process::new("git")
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {error}");
        text
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let file = self.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// Commits everything; gives the revision.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Exit code, stdout and stderr of a run in the repository.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.run_at(NOW, arguments)
    }

    pub(crate) fn run_at(&self, now: &str, arguments: &[&str]) -> (i32, String, String) {
        support::run(self.path(), now, arguments)
    }

    /// The report of a run, as JSON, with its exit code.
    pub(crate) fn json(&self, arguments: &[&str]) -> (i32, Value) {
        support::report(self.path(), NOW, arguments)
    }
}

/// File, line and rule of each finding.
fn places(report: &Value) -> Vec<(String, u64, String)> {
    let findings = report["findings"].as_array().unwrap();
    let mut all: Vec<_> = findings
        .iter()
        .map(|finding| {
            let place = &finding["location"];
            (
                place["file"].as_str().unwrap_or_default().to_owned(),
                place["line"].as_u64().unwrap_or_default(),
                finding["rule"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    all.sort();
    all
}

const READER: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: reader
  namespace: shop
rules:
- apiGroups: ['']
  resources: [configmaps]
  verbs: [get, list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: readers
  namespace: shop
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: reader
subjects:
- kind: Group
  name: developers
  apiGroup: rbac.authorization.k8s.io
";

const ADMIN: &str = "\
# Added in a hurry.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: breakfix
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: cluster-admin
subjects:
- kind: User
  name: mallory@example.com
  apiGroup: rbac.authorization.k8s.io
";

fn policy(statements: Value) -> String {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    serde_json::to_string_pretty(&document).unwrap()
}

#[test]
fn an_admin_binding_fails_until_it_is_accepted_and_again_after_its_last_day() {
    let repo = Repo::new();
    repo.write("k8s/readers.yaml", READER);
    repo.write("README.md", "nothing\n");
    let base = repo.commit("base");
    repo.git(&["checkout", "-q", "-b", "feature"]);
    repo.write("k8s/breakfix.yaml", ADMIN);
    repo.commit("break fix");
    let range = format!("{base}..HEAD");

    let (code, report) = repo.json(&["diff", "--git", &range]);
    assert_eq!(code, 1, "{report:#}");
    let places = places(&report);
    assert!(!places.is_empty());
    // All of the new file is new; each finding stands on a line that says it.
    for (file, line, rule) in &places {
        assert_eq!(file, "k8s/breakfix.yaml", "{rule}");
        assert!((2..=13).contains(line), "{rule} on line {line}");
    }
    let keys: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["id"].as_str().unwrap().to_owned())
        .collect();

    // Accept each by name, with an owner and a last day.
    let mut accept = vec!["baseline", "accept"];
    accept.extend(keys.iter().map(String::as_str));
    accept.extend([
        "--owner",
        "platform",
        "--reason",
        "incident 42",
        "--expires",
        "2026-12-01",
        "--in",
        ".",
    ]);
    let (code, _, stderr) = repo.run(&accept);
    assert_eq!(code, 0, "{stderr}");
    repo.commit("accept");

    let check = [
        "diff",
        "--git",
        &range,
        "--baseline",
        "tenure.baseline.jsonl",
    ];
    let (code, stdout, stderr) = repo.run(&check);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let (code, ..) = repo.run_at("2026-12-01T23:59:59Z", &check);
    assert_eq!(code, 0, "the last day counts");
    let (code, stdout, _) = repo.run_at("2026-12-02T00:00:00Z", &check);
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("ended on 2026-12-01"), "{stdout}");
}

#[test]
fn a_finding_stands_on_the_changed_line() {
    let repo = Repo::new();
    repo.write(
        "policies/app.json",
        policy(json!([
            {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::shop/*"},
            {"Sid": "Queue", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "*"},
        ])),
    );
    repo.write("k8s/readers.yaml", READER);
    let base = repo.commit("base");
    let text = fs::read_to_string(repo.path().join("policies/app.json")).unwrap();
    repo.write(
        "policies/app.json",
        text.replace(
            "\"sqs:SendMessage\"",
            "\"sqs:SendMessage\",\n        \"dynamodb:*\"",
        ),
    );
    repo.write(
        "k8s/readers.yaml",
        READER.replace("[get, list]", "[get, list, watch, create]"),
    );
    repo.commit("widen");

    let (code, report) = repo.json(&["diff", "--git", &format!("{base}..")]);
    assert_eq!(code, 1);
    let wide: Vec<_> = places(&report)
        .into_iter()
        .filter(|(_, _, rule)| rule == "DRF102")
        .collect();
    let line = |file: &str, part: &str| {
        let text = fs::read_to_string(repo.path().join(file)).unwrap();
        text.lines().position(|line| line.contains(part)).unwrap() as u64 + 1
    };
    let rule = "DRF102".to_owned();
    // The comma is a change too, so the line before is the first that changed.
    let policy = wide.iter().find(|(file, ..)| file == "policies/app.json");
    let at = policy.map(|(_, line, _)| *line);
    let changed = line("policies/app.json", "dynamodb");
    assert!(at == Some(changed) || at == Some(changed - 1), "{wide:?}");
    assert!(
        wide.contains(&(
            "k8s/readers.yaml".to_owned(),
            line("k8s/readers.yaml", "create"),
            rule
        )),
        "{wide:?}"
    );
}

#[test]
fn what_gives_no_more_passes() {
    let repo = Repo::new();
    let statements = json!([
        {"Effect": "Allow", "Action": ["s3:Get*", "sqs:*"], "Resource": ["*"]},
        {"Effect": "Deny", "Action": "sqs:DeleteQueue", "Resource": "*"},
    ]);
    repo.write("a/policy.json", policy(statements.clone()));
    repo.write(
        "b/gone.json",
        policy(json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}])),
    );
    repo.write(
        "vault/app.hcl",
        "path \"secret/data/app\" {\n  capabilities = [\"read\", \"list\"]\n}\n",
    );
    let base = repo.commit("base");
    // Reordered, reformatted, split, moved, removed, and a file of no concern.
    repo.write(
        "moved/policy.json",
        json!({"Statement": [
            {"Action": "sqs:deletequeue", "Resource": ["*"], "Effect": "Deny"},
            {"Resource": "*", "Effect": "Allow", "Action": "sqs:*"},
            {"Resource": "*", "Effect": "Allow", "Action": ["s3:Get*", "s3:GetObject"]},
        ], "Version": "2012-10-17"})
        .to_string(),
    );
    fs::remove_file(repo.path().join("a/policy.json")).unwrap();
    fs::remove_file(repo.path().join("b/gone.json")).unwrap();
    repo.write(
        "vault/app.hcl",
        "# formatted\npath \"secret/data/app\" { capabilities = [\"list\",\"read\"] }\n",
    );
    repo.write("app/values.yaml", "replicas: 3\n");
    repo.commit("tidy");
    // A moved file is the same policy only where git can see that it moved.
    repo.git(&["mv", "moved/policy.json", "moved/again.json"]);
    let tidy = repo.commit("move");
    let (code, stdout, stderr) = repo.run(&["diff", "--git", &format!("{tidy}~..{tidy}")]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let (code, stdout, stderr) =
        repo.run(&["diff", "--git", &format!("{base}..HEAD"), "vault", "b"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
}

#[test]
fn a_deny_that_is_deleted_gates() {
    let repo = Repo::new();
    let allow = json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]);
    let deny = json!([{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]);
    repo.write("allow.json", policy(allow));
    repo.write("deny.json", policy(deny.clone()));
    let hcl = "path \"secret/*\" {\n  capabilities = [\"deny\"]\n}\n";
    repo.write("deny.hcl", hcl);
    repo.commit("base");
    let fails = |paths: &[&str]| {
        for path in paths {
            fs::remove_file(repo.path().join(path)).unwrap();
        }
        let head = repo.commit("delete");
        let (code, report) = repo.json(&["diff", "--git", &format!("{head}~..{head}")]);
        (code, report)
    };
    let (code, report) = fails(&["deny.json"]);
    assert_eq!(code, 1, "{report:#}");
    assert_eq!(fails(&["deny.hcl"]).0, 1);
    assert_eq!(fails(&["allow.json"]).0, 0);
    // Written anew elsewhere, where git does not see that it moved.
    repo.write("deny.json", policy(deny));
    repo.commit("again");
    fs::remove_file(repo.path().join("deny.json")).unwrap();
    let text = r#"{"Version":"2012-10-17","Statement":{"Action":"IAM:*","Effect":"Deny","Resource":["*"]}}"#;
    repo.write("policies/no-iam.json", text);
    let head = repo.commit("move");
    let (code, report) = repo.json(&["diff", "--git", &format!("{head}~..{head}")]);
    assert_eq!(code, 0, "{report:#}");
}

#[test]
fn a_trust_that_asks_for_less_gates() {
    let repo = Repo::new();
    let own = "token.actions.githubusercontent.com";
    let trust = |operator: &str, actions: &[&str]| {
        policy(json!([{
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:aws:iam::111122223333:oidc-provider/{own}")},
            "Action": actions,
            "Condition": {
                "StringLike": {format!("{own}:aud"): "sts.amazonaws.com"},
                operator: {format!("{own}:sub"): "repo:acme/app:environment:prod"},
            },
        }]))
    };
    let web = "sts:AssumeRoleWithWebIdentity";
    let states = [
        (trust("StringEqualsIgnoreCase", &[web]), 0),
        (trust("StringEquals", &[web]), 0),
        (trust("StringEqualsIgnoreCase", &[web]), 1),
        (trust("StringEqualsIgnoreCase", &[web, "sts:TagSession"]), 1),
        (trust("StringEqualsIgnoreCase", &[web]), 0),
    ];
    for (at, (text, expected)) in states.into_iter().enumerate() {
        repo.write("trust.json", text);
        let head = repo.commit("change");
        if at > 0 {
            let (code, report) = repo.json(&["diff", "--git", &format!("{head}~..{head}")]);
            assert_eq!(code, expected, "{at}: {report:#}");
        }
    }
}

#[test]
fn the_work_tree_is_a_state_too() {
    let repo = Repo::new();
    let narrow = policy(json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]));
    repo.write("policy.json", &narrow);
    repo.write(".gitignore", "ignored/\n");
    repo.commit("base");
    let (code, ..) = repo.run(&["diff", "--git", "HEAD"]);
    assert_eq!(code, 0);
    let wide = policy(json!([{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]));
    repo.write("ignored/policy.json", &wide);
    let (code, ..) = repo.run(&["diff", "--git", "HEAD"]);
    assert_eq!(code, 0);
    repo.write("new/policy.json", &wide);
    let (code, report) = repo.json(&["diff", "--git", "HEAD"]);
    assert_eq!(code, 1);
    assert!(
        places(&report)
            .iter()
            .all(|(file, ..)| file == "new/policy.json")
    );
}

#[test]
fn bad_input_is_told_and_nothing_is_written() {
    let repo = Repo::new();
    repo.write(
        "policy.json",
        policy(json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}])),
    );
    repo.write("binary.json", b"\x00\x01\x02");
    repo.write(
        "large.json",
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
    );
    repo.commit("base");
    repo.write("report.json", "kept");
    for (arguments, said) in [
        (
            &["diff", "--git", "nowhere..HEAD"][..],
            "`nowhere` is no revision",
        ),
        (&["diff", "--git=--output=x..HEAD"][..], "no revision"),
        (&["diff", "--git", "HEAD..HEAD..HEAD"][..], "is no range"),
        (
            &["diff", "--git", "HEAD..HEAD", "missing"][..],
            "`missing` is in neither state",
        ),
        (
            &["diff", "--git", "HEAD..HEAD", "../outside"][..],
            "neither state",
        ),
        (
            &["diff", "--git", "HEAD..HEAD", "binary.json"][..],
            "is binary",
        ),
        (
            &["diff", "--git", "HEAD..HEAD", "large.json"][..],
            "Git LFS",
        ),
        (&["diff", "one"][..], "name what was and what is"),
        (
            &["diff", "--git", "HEAD", "--baseline", "policy.json"][..],
            "not a baseline",
        ),
    ] {
        let mut all = arguments.to_vec();
        if arguments
            .iter()
            .any(|argument| argument.starts_with("--git"))
        {
            all.extend(["-o", "json=report.json"]);
        }
        let (code, stdout, stderr) = repo.run(&all);
        assert_eq!(code, 2, "{arguments:?}: {stdout}{stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
        let kept = fs::read_to_string(repo.path().join("report.json")).unwrap();
        assert_eq!(kept, "kept", "{arguments:?}");
    }
    // Outside a repository, and without git.
    let alone = TempDir::new().unwrap();
    let run = |path: Option<&str>| {
        let mut command = tenure();
        command
            .current_dir(alone.path())
            .args(["diff", "--git", "HEAD"]);
        command.env("GIT_CEILING_DIRECTORIES", alone.path().parent().unwrap());
        if let Some(path) = path {
            command.env("PATH", path);
        }
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), stderr)
    };
    let (code, stderr) = run(None);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("is in no git repository"), "{stderr}");
    let (code, stderr) = run(Some("/nonexistent"));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("`git` cannot be started"), "{stderr}");
}

#[test]
fn what_changed_and_cannot_be_read_is_incomplete() {
    let repo = Repo::new();
    repo.write(
        "policy.json",
        policy(json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}])),
    );
    repo.write("broken.json", "{\"Statement\": [");
    let base = repo.commit("base");
    repo.write("README.md", "x");
    let same = repo.commit("nothing");
    // What was broken before and was not touched is no news.
    let (code, stdout, stderr) = repo.run(&["diff", "--git", &format!("{base}..{same}")]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    repo.write(
        "roles.yaml",
        "kind: Role\napiVersion: rbac.authorization.k8s.io/v1\nrules: [\n",
    );
    repo.commit("break a manifest");
    let (code, stdout, stderr) = repo.run(&["diff", "--git", &format!("{same}..HEAD")]);
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stdout.contains("roles.yaml:"), "{stdout}{stderr}");
    // A policy that was read and no longer can be may allow anything.
    repo.write(
        "policy.json",
        "{\"Version\": \"2012-10-17\", \"Statement\": [",
    );
    repo.commit("break a policy");
    let (code, report) = repo.json(&["diff", "--git", &format!("{same}..HEAD")]);
    assert_eq!(code, 1);
    let undecided =
        |(file, _, rule): &(String, u64, String)| file == "policy.json" && rule == "DRF103";
    assert!(places(&report).iter().any(undecided), "{report:#}");
}

/// An account in which one role may do `actions`, as AWS prints it.
fn account(actions: &[&str]) -> String {
    json!({
        "UserDetailList": [],
        "GroupDetailList": [],
        "RoleDetailList": [{
            "RoleName": "app",
            "RoleId": "AROA1",
            "Arn": "arn:aws:iam::111122223333:role/app",
            "RolePolicyList": [{
                "PolicyName": "own",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
                },
            }],
        }],
        "Policies": [],
    })
    .to_string()
}

#[test]
fn a_scan_of_an_account_fails_only_for_what_the_committed_baseline_lacks() {
    let repo = Repo::new();
    repo.write("account.json", account(&["s3:*"]));
    let (code, _, stderr) = repo.run(&["baseline", "create", "account.json"]);
    assert!([0, 3].contains(&code), "{stderr}");
    repo.commit("baseline");
    let scan = [
        "scan",
        "account.json",
        "--baseline",
        "tenure.baseline.jsonl",
    ];
    let (code, report) = repo.json(&scan);
    assert_ne!(code, 1, "{report:#}");
    repo.write("account.json", account(&["s3:*", "dynamodb:*"]));
    let (code, report) = repo.json(&scan);
    assert_eq!(code, 1, "{report:#}");
    let wider = |(_, _, rule): &(String, u64, String)| rule == "DRF102";
    assert!(places(&report).iter().any(wider), "{report:#}");
    assert!(report.to_string().contains("dynamodb:* on *"));
    repo.write("account.json", account(&["s3:Get*"]));
    let (code, report) = repo.json(&scan);
    assert_ne!(code, 1, "{report:#}");
}

/// The commands of a page: lines of its `sh` blocks.
fn commands(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut all = Vec::new();
    for line in page.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => all.push(line.to_owned()),
            _ => {}
        }
    }
    all
}

#[test]
fn every_command_of_the_page_runs() {
    let page = super::support::repository().join("docs/pr-check.md");
    let commands = commands(&fs::read_to_string(page).unwrap());
    assert!(commands.len() >= 9, "{commands:?}");
    let repo = Repo::new();
    repo.write("k8s/readers.yaml", READER);
    repo.write(
        "main.tf",
        "resource \"aws_iam_user\" \"u\" {\n  name = \"u\"\n}\n",
    );
    repo.write("account.json", account(&["s3:*"]));
    let plan = json!({
        "format_version": "1.2",
        "planned_values": {},
        "resource_changes": [{
            "address": "aws_iam_user.u", "mode": "managed", "type": "aws_iam_user", "name": "u",
            "change": {"actions": ["create"], "before": null, "after": {"name": "u"}, "after_unknown": {}},
        }],
    });
    repo.write("plan.json", plan.to_string());
    let base = repo.commit("base");
    repo.git(&["update-ref", "refs/remotes/origin/main", &base]);
    repo.run(&[
        "baseline",
        "create",
        "account.json",
        "--file",
        "live.baseline.jsonl",
    ]);
    repo.write("k8s/breakfix.yaml", ADMIN);
    repo.write(
        "policies/app.json",
        policy(json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}])),
    );
    repo.commit("change");
    let (_, report) = repo.json(&["diff", "--git", "origin/main...HEAD", "k8s"]);
    let finding = report["findings"][0]["id"].as_str().unwrap().to_owned();
    for command in commands {
        let mut words: Vec<String> = Vec::new();
        for (at, part) in command.split('"').enumerate() {
            match at % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        assert_eq!(
            words.first().map(String::as_str),
            Some("tenure"),
            "{command}"
        );
        let words: Vec<&str> = words[1..]
            .iter()
            .map(|word| {
                if word == "FINDING" {
                    finding.as_str()
                } else {
                    word
                }
            })
            .collect();
        let (code, stdout, stderr) = repo.run(&words);
        assert!(
            [0, 1, 3].contains(&code),
            "{command}: {code}\n{stdout}{stderr}"
        );
    }
}
