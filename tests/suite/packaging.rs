//! The GitHub action, the example pipelines, the CronJob and the hooks: they parse, say
//! nothing that lets an outsider in, and their scripts do what they are for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;
use tenure::cli::Cli;

use super::support::{program, repository, tenure, words};

/// The documents of a YAML file.
fn documents(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(repository().join(path)).unwrap();
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document(path: &str) -> Value {
    documents(path).remove(0)
}

fn examples(ending: &str) -> Vec<String> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.extension().is_some_and(|it| it == ending) {
                found.push(path);
            }
        }
    }
    let root = repository();
    let mut found = Vec::new();
    walk(&root.join("examples/ci"), ending, &mut found);
    found.sort();
    found
        .iter()
        .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        .collect()
}

fn workflows() -> Vec<String> {
    let mut all = examples("yml");
    all.retain(|path| path.contains("/github/"));
    assert!(all.len() >= 3, "{all:?}");
    all
}

/// Every map within a document.
fn maps<'a>(value: &'a Value, found: &mut Vec<&'a serde_json::Map<String, Value>>) {
    match value {
        Value::Object(map) => {
            found.push(map);
            map.values().for_each(|item| maps(item, found));
        }
        Value::Array(list) => list.iter().for_each(|item| maps(item, found)),
        _ => {}
    }
}

/// Steps of an action or a workflow: what has `run` or `uses`.
fn steps(value: &Value) -> Vec<&serde_json::Map<String, Value>> {
    let mut all = Vec::new();
    maps(value, &mut all);
    all.retain(|map| map.contains_key("run") || map.contains_key("uses"));
    all
}

#[test]
fn every_yaml_file_parses() {
    let mut all = examples("yml");
    all.extend(examples("yaml"));
    all.extend(["action.yml".to_owned(), ".pre-commit-hooks.yaml".to_owned()]);
    for path in all {
        assert!(!documents(&path).is_empty(), "{path}");
    }
    for path in examples("json") {
        let text = fs::read_to_string(repository().join(&path)).unwrap();
        serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

#[test]
fn actions_are_pinned_and_scripts_hold_no_expression() {
    let mut all = workflows();
    all.push("action.yml".to_owned());
    for path in all {
        let file = document(&path);
        let text = fs::read_to_string(repository().join(&path)).unwrap();
        for step in steps(&file) {
            if let Some(script) = step.get("run").and_then(Value::as_str) {
                assert!(!script.contains("${{"), "{path}: {script}");
                let checked = Command::new("bash")
                    .args(["-n", "-c", script])
                    .output()
                    .unwrap();
                assert!(checked.status.success(), "{path}: {checked:?}");
            }
            let Some(uses) = step.get("uses").and_then(Value::as_str) else {
                continue;
            };
            let (_, pin) = uses.split_once('@').unwrap();
            assert!(
                pin.len() == 40 && pin.bytes().all(|b| b.is_ascii_hexdigit()),
                "{path}: {uses}"
            );
            // The pin alone tells a reader nothing.
            let line = text.lines().find(|line| line.contains(uses)).unwrap();
            assert!(line.contains(" # "), "{path}: {line}");
        }
    }
}

#[test]
fn workflows_give_strangers_nothing() {
    for path in workflows() {
        let file = document(&path);
        let text = fs::read_to_string(repository().join(&path)).unwrap();
        assert!(!text.contains("pull_request_target"), "{path}");
        assert!(!text.contains("secrets."), "{path}");
        assert_eq!(file["permissions"], json!({}), "{path}");
        let on_pull_requests = !file["on"]["pull_request"].is_null();
        for (name, job) in file["jobs"].as_object().unwrap() {
            let permissions = job["permissions"].as_object().unwrap();
            let signs_in = permissions.get("id-token").is_some();
            let writes = permissions.values().any(|level| level == "write");
            if on_pull_requests && (signs_in || writes) {
                assert_eq!(
                    job["if"], "github.event.pull_request.head.repo.full_name == github.repository",
                    "{path} {name}"
                );
            }
            // The role trusts an environment, which says who may start the job.
            assert!(!signs_in || job["environment"].is_string(), "{path} {name}");
            assert!(job["timeout-minutes"].is_number(), "{path} {name}");
            for step in job["steps"].as_array().unwrap() {
                let uses = step["uses"].as_str().unwrap_or_default();
                if uses.starts_with("actions/checkout@") {
                    assert_eq!(step["with"]["persist-credentials"], false, "{path}");
                }
            }
        }
    }
}

#[test]
fn every_input_is_used_and_every_output_is_set() {
    let action = document("action.yml");
    let steps = action["runs"].to_string();
    for name in action["inputs"].as_object().unwrap().keys() {
        assert!(steps.contains(&format!("inputs.{name}")), "{name}");
    }
    let outputs = action["outputs"].as_object().unwrap();
    for name in ["new", "exit", "sarif"] {
        assert!(outputs.contains_key(name), "{name}");
    }
    // What the workflows give the action, it knows.
    for path in workflows() {
        let file = document(&path);
        for step in self::steps(&file) {
            let uses = step.get("uses").and_then(Value::as_str).unwrap_or_default();
            if !uses.starts_with("your-org/tenure@") {
                continue;
            }
            for name in step["with"].as_object().unwrap().keys() {
                assert!(action["inputs"][name].is_object(), "{path}: {name}");
            }
        }
    }
}

/// A step of the action, run as the runner would.
struct Step {
    script: String,
    folder: TempDir,
    env: BTreeMap<String, String>,
}

impl Step {
    fn new(id: &str) -> Step {
        let action = document("action.yml");
        let step = action["runs"]["steps"]
            .as_array()
            .unwrap()
            .iter()
            .find(|step| step["id"] == id)
            .unwrap();
        let folder = TempDir::new().unwrap();
        let mut env = BTreeMap::new();
        // Inputs have their defaults.
        for (name, value) in step["env"].as_object().unwrap() {
            let input = value
                .as_str()
                .and_then(|value| value.strip_prefix("${{ inputs.")?.strip_suffix(" }}"));
            let default = input.map(|input| action["inputs"][input]["default"].clone());
            let default = default.and_then(|it| it.as_str().map(str::to_owned));
            env.insert(name.clone(), default.unwrap_or_default());
        }
        for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
            let file = folder.path().join(name);
            fs::write(&file, "").unwrap();
            env.insert(name.to_owned(), file.display().to_string());
        }
        env.insert(
            "RUNNER_TEMP".to_owned(),
            folder.path().display().to_string(),
        );
        let program = assert_cmd::cargo::cargo_bin!("tenure");
        env.insert("IN_TENURE".to_owned(), program.display().to_string());
        Step {
            script: step["run"].as_str().unwrap().to_owned(),
            folder,
            env,
        }
    }

    fn with(mut self, name: &str, value: &str) -> Step {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn run(&self, at: &Path) -> Output {
        program("bash")
            .args(["-c", &self.script])
            .stdin(Stdio::null())
            .current_dir(at)
            .envs(&self.env)
            .output()
            .unwrap()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn outputs(&self) -> BTreeMap<String, String> {
        self.file("GITHUB_OUTPUT")
            .lines()
            .map(|line| {
                let (name, value) = line.split_once('=').unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect()
    }
}

#[test]
fn the_action_scans_the_fixture_company() {
    let step = Step::new("scan")
        .with("IN_TARGETS", "fixtures/company\n")
        .with("IN_CONFIG", "fixtures/company/tenure.yaml")
        .with("IN_MIN_SEVERITY", "high");
    let output = step.run(&repository());
    assert!(
        output.status.success(),
        "the verdict is the last step's: {output:?}"
    );
    let outputs = step.outputs();
    assert_eq!(outputs["exit"], "1");
    assert_eq!(outputs["new"], outputs["gated"]);
    assert!(
        outputs["gated"].parse::<usize>().unwrap() > 100,
        "{outputs:?}"
    );
    for kind in ["sarif", "html", "json", "comment"] {
        assert!(Path::new(&outputs[kind]).is_file(), "{kind}");
    }
    let log: Value = serde_json::from_slice(&fs::read(&outputs["sarif"]).unwrap()).unwrap();
    assert_eq!(log["runs"].as_array().unwrap().len(), 4);
    let summary = step.file("GITHUB_STEP_SUMMARY");
    assert!(summary.starts_with("## ❌ Tenure:"), "{}", &summary[..80]);
    assert!(summary.len() <= 1_048_576);
    let comment = fs::read_to_string(&outputs["comment"]).unwrap();
    assert!(comment.starts_with("<!-- tenure -->\n"));
    assert!(comment.chars().count() <= 65_536);

    // What a scanned name says is printed while commands are switched off; the
    // annotations come after.
    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = stdout.lines().collect();
    let word = lines[0].strip_prefix("::stop-commands::").unwrap();
    assert_eq!(word.len(), 32);
    let on = lines.iter().position(|line| *line == format!("::{word}::"));
    let table = lines.iter().position(|line| line.starts_with("Tenure "));
    assert!(table.unwrap() < on.unwrap());
    let errors = lines
        .iter()
        .filter(|line| line.starts_with("::error "))
        .count();
    assert_eq!(errors, 10);
    assert!(lines.iter().position(|line| line.starts_with("::error ")) > on);
}

/// The example for pull requests, step by step: a change that opens standing access
/// fails at its file and line, one that does not passes.
#[test]
fn the_action_judges_a_pull_request() {
    let here = TempDir::new().unwrap();
    let git = |args: &[&str]| -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(args)
            .current_dir(here.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let binding = |name: &str, role: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n\
             metadata: {{name: {name}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}\n\
             subjects:\n- {{kind: Group, name: {name}, apiGroup: rbac.authorization.k8s.io}}\n"
        )
    };
    fs::create_dir(here.path().join("deploy")).unwrap();
    let commit = |name: &str, role: &str| {
        let file = here.path().join("deploy").join(format!("{name}.yaml"));
        fs::write(file, binding(name, role)).unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message", name]);
        git(&["rev-parse", "HEAD"])
    };
    git(&["init", "--quiet"]);
    let start = commit("old-admins", "cluster-admin");
    let harmless = commit("readers", "view");
    let grave = commit("ops", "cluster-admin");
    for (base, head, exit) in [
        (&start, &harmless, ["0", "3"]),
        (&harmless, &grave, ["1", "1"]),
    ] {
        let step = Step::new("scan")
            .with("IN_GIT", &format!("{base}...{head}"))
            .with("IN_MIN_SEVERITY", "high")
            .with("IN_TARGETS", "deploy\n");
        let output = step.run(here.path());
        assert!(output.status.success(), "{output:?}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        let outputs = step.outputs();
        assert!(
            exit.contains(&outputs["exit"].as_str()),
            "{outputs:?}: {stdout}"
        );
        let gates = exit[0] == "1";
        assert_eq!(outputs["new"] != "0", gates, "{outputs:?}");
        assert_eq!(
            stdout.contains("::error file=deploy/ops.yaml,line="),
            gates,
            "{stdout}"
        );
        assert!(!stdout.contains("old-admins"), "{stdout}");
    }
}

#[test]
fn inputs_are_data() {
    let here = TempDir::new().unwrap();
    let step = Step::new("scan").with(
        "IN_TARGETS",
        "$(touch owned)\n; touch owned\n--config=/etc/passwd\n`touch owned`\n",
    );
    let step = step
        .with("IN_BASELINE", "x; touch owned")
        .with("IN_FAIL_ON", "$(touch owned)");
    let output = step.run(here.path());
    assert!(output.status.success());
    assert_eq!(step.outputs()["exit"], "2");
    assert!(!here.path().join("owned").exists());
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.contains("::error title=Tenure did not finish"),
        "{stdout}"
    );
    assert!(!step.outputs().contains_key("sarif"));
}

#[test]
fn the_verdict_is_the_exit_code() {
    let here = TempDir::new().unwrap();
    for (status, allow, code) in [
        ("0", "false", 0),
        ("1", "false", 1),
        ("1", "true", 1),
        ("2", "true", 2),
        ("3", "false", 3),
        ("3", "true", 0),
    ] {
        let step = Step::new("verdict")
            .with("STATUS", status)
            .with("ALLOW_INCOMPLETE", allow);
        let output = step.run(here.path());
        assert_eq!(output.status.code(), Some(code), "{status} {allow}");
    }
}

#[test]
fn one_comment_is_kept_up_to_date() {
    let here = TempDir::new().unwrap();
    let program = here.path().join("gh");
    for (known, method, path) in [
        ("", "POST", "repos/acme/infra/issues/7/comments"),
        ("4711", "PATCH", "repos/acme/infra/issues/comments/4711"),
    ] {
        fs::write(
            &program,
            format!(
                "#!/bin/sh\necho \"$*\" >> \"{0}/calls\"\ncase \"$*\" in *--paginate*) echo {known};; esac\n",
                here.path().display()
            ),
        )
        .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let path_variable = format!(
            "{}:{}",
            here.path().display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let step = Step::new("comment")
            .with("PATH", &path_variable)
            .with("REPOSITORY", "acme/infra")
            .with("NUMBER", "7")
            .with("BODY", "/tmp/comment.md");
        let output = step.run(here.path());
        assert!(output.status.success(), "{output:?}");
        let calls = fs::read_to_string(here.path().join("calls")).unwrap();
        let last = calls.lines().last().unwrap();
        assert_eq!(
            last,
            format!("api --method {method} {path} -F body=@/tmp/comment.md --silent")
        );
        fs::remove_file(here.path().join("calls")).unwrap();
    }
}

/// What the CronJob may do is what the scanner says it needs, to the rule.
#[test]
fn the_cron_job_has_the_rights_a_scan_needs_and_no_others() {
    let printed = tenure()
        .args(["permissions", "kubernetes"])
        .output()
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let wanted: Vec<Value> = serde_saphyr::from_multiple(&printed).unwrap();
    let objects = documents("examples/ci/kubernetes/cronjob.yaml");
    for object in &wanted {
        let ours = objects
            .iter()
            .find(|it| it["kind"] == object["kind"])
            .unwrap();
        assert_eq!(ours["rules"], object["rules"]);
        assert_eq!(ours["metadata"], object["metadata"]);
    }
    let kinds: BTreeSet<&str> = objects
        .iter()
        .filter_map(|it| it["kind"].as_str())
        .collect();
    for kind in ["ServiceAccount", "CronJob", "NetworkPolicy"] {
        assert!(kinds.contains(kind), "{kind}");
    }
    let job = objects.iter().find(|it| it["kind"] == "CronJob").unwrap();
    let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    let words = container["args"].as_array().unwrap().iter();
    let mut words: Vec<&str> = words.filter_map(Value::as_str).collect();
    words.insert(0, "tenure");
    Cli::try_parse_from(words).unwrap();
}

/// Findings of the program about files.
fn findings(paths: &[&str]) -> Vec<Value> {
    let output = tenure()
        .current_dir(repository())
        .args(["scan", "-o", "json", "--now", "2026-11-22T00:00:00Z"])
        .args(paths)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    report["findings"].as_array().unwrap().clone()
}

/// What we tell others to install, our own rules have little to say about.
#[test]
fn our_own_examples_pass_our_own_rules() {
    let found = findings(&["examples/ci/kubernetes/cronjob.yaml"]);
    let grave: Vec<&Value> = found
        .iter()
        .filter(|it| it["severity"] != "low" && it["severity"] != "info")
        .collect();
    assert!(grave.is_empty(), "{grave:#?}");

    let trust: Value = serde_json::from_str(
        &fs::read_to_string(repository().join("examples/ci/github/aws-trust-policy.json")).unwrap(),
    )
    .unwrap();
    let printed = tenure().args(["permissions", "aws"]).output().unwrap();
    let rights: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let account = json!({
        "UserDetailList": [], "GroupDetailList": [], "Policies": [],
        "RoleDetailList": [{
            "Path": "/", "RoleName": "tenure-scanner", "RoleId": "AROATENURE",
            "Arn": "arn:aws:iam::111122223333:role/tenure-scanner",
            "CreateDate": "2026-11-01T00:00:00+00:00",
            "AssumeRolePolicyDocument": trust, "InstanceProfileList": [],
            "RolePolicyList": [{"PolicyName": "read", "PolicyDocument": rights}],
            "AttachedManagedPolicies": [], "Tags": [{"Key": "owner", "Value": "security"}],
            "RoleLastUsed": {"LastUsedDate": "2026-11-21T00:00:00+00:00", "Region": "eu-central-1"},
        }],
    });
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("account.json");
    fs::write(&file, account.to_string()).unwrap();
    let found = findings(&[&file.display().to_string()]);
    let grave: Vec<&Value> = found
        .iter()
        .filter(|it| {
            it["subject"]["name"] == "tenure-scanner"
                && (it["severity"] == "critical"
                    || it["severity"] == "high"
                    || it["severity"] == "medium")
        })
        .collect();
    assert!(grave.is_empty(), "{grave:#?}");

    let role: Value = serde_json::from_str(
        &fs::read_to_string(repository().join("examples/ci/github/vault-role.json")).unwrap(),
    )
    .unwrap();
    assert!(role["bound_claims"]["repository_id"].is_string());
    assert!(role["bound_claims"]["environment"].is_string());
}

#[test]
fn hooks_stop_a_commit_that_opens_standing_access() {
    let here = TempDir::new().unwrap();
    let bin = here.path().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(assert_cmd::cargo::cargo_bin!("tenure"), bin.join("tenure"))
        .unwrap();
    let work = here.path().join("work");
    fs::create_dir(&work).unwrap();
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let run = |hook: &Value| {
        let mut words = words(hook["entry"].as_str().unwrap());
        let args = hook["args"].as_array().unwrap().iter();
        words.extend(args.filter_map(Value::as_str).map(str::to_owned));
        let mut command = program(&words[0]);
        let output = command
            .args(&words[1..])
            .current_dir(&work)
            .env("PATH", &path)
            .output()
            .unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        (output.status.success(), said)
    };
    let binding = |name: &str, role: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n\
             metadata: {{name: {name}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}\n\
             subjects: [{{kind: Group, name: {name}, apiGroup: rbac.authorization.k8s.io}}]\n"
        )
    };
    let hooks = document(".pre-commit-hooks.yaml");
    let [plain, since, against] = hooks.as_array().unwrap().as_slice() else {
        panic!("three hooks")
    };
    fs::write(work.join("package.json"), "{}").unwrap();
    fs::write(work.join("view.yaml"), binding("readers", "view")).unwrap();
    let (passes, said) = run(plain);
    assert!(passes, "{said}");
    fs::write(work.join("admin.yaml"), binding("ops", "cluster-admin")).unwrap();
    let (passes, said) = run(plain);
    assert!(!passes && said.contains("ops"), "{said}");

    // What the last commit held is no news; what was added since is.
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(args)
            .current_dir(&work)
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "start"]);
    let (passes, said) = run(since);
    assert!(passes, "{said}");
    fs::write(work.join("later.yaml"), binding("later", "cluster-admin")).unwrap();
    git(&["add", "."]);
    let (passes, said) = run(since);
    assert!(!passes && said.contains("later"), "{said}");

    // Accepted with the others, it passes against the baseline; the next one does not.
    let created = tenure()
        .current_dir(&work)
        .args(["baseline", "create", "."])
        .output()
        .unwrap();
    assert!(work.join("tenure.baseline.jsonl").is_file(), "{created:?}");
    let (passes, said) = run(against);
    assert!(passes, "{said}");
    fs::write(work.join("more.yaml"), binding("interns", "cluster-admin")).unwrap();
    let (passes, said) = run(against);
    assert!(!passes && said.contains("interns"), "{said}");
}

#[test]
fn the_plain_script_audits() {
    let script = repository().join("examples/ci/shell/audit.sh");
    let text = fs::read_to_string(&script).unwrap();
    let checked = Command::new("bash")
        .arg("-n")
        .arg(&script)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert!(text.contains("set -euo pipefail"));
    let here = TempDir::new().unwrap();
    std::os::unix::fs::symlink(
        assert_cmd::cargo::cargo_bin!("tenure"),
        here.path().join("tenure"),
    )
    .unwrap();
    let output = program("bash")
        .arg(&script)
        .current_dir(repository())
        .env(
            "PATH",
            format!(
                "{}:{}",
                here.path().display(),
                std::env::var("PATH").unwrap_or_default()
            ),
        )
        .env("TENURE_TARGETS", "fixtures/company/kubernetes")
        .env("TENURE_OUT", here.path().join("out"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for name in ["tenure.sarif", "tenure.html", "tenure.json"] {
        let made = here.path().join("out").join(name);
        let mode = fs::metadata(&made).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is for its owner: {mode:o}");
    }
}

/// Commands of the GitLab example, which only GitLab runs, are what the program
/// understands.
#[test]
fn gitlabs_commands_parse() {
    let file = document("examples/ci/gitlab/gitlab-ci.yml");
    let mut all = Vec::new();
    maps(&file, &mut all);
    let mut tried = 0;
    for map in all {
        let Some(lines) = map.get("script").and_then(Value::as_array) else {
            continue;
        };
        for line in lines.iter().filter_map(Value::as_str) {
            if line.starts_with("tenure ") {
                Cli::try_parse_from(words(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 2);
}
