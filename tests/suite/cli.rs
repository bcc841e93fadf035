//! The contract of the command line: what goes where, and which code ends it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{self, any_admin, tenure};

/// An account in which each user named has the policy document beside it, as
/// `aws iam get-account-authorization-details` prints it.
fn account(users: &[(&str, Value)]) -> String {
    let details: Vec<Value> = users
        .iter()
        .map(|(name, document)| {
            json!({
                "Path": "/",
                "UserName": name,
                "UserId": format!("AIDA{}", name.to_uppercase()),
                "Arn": format!("arn:aws:iam::111122223333:user/{name}"),
                "CreateDate": "2026-01-01T00:00:00+00:00",
                "UserPolicyList": [{"PolicyName": "own", "PolicyDocument": document}],
                "GroupList": [],
                "AttachedManagedPolicies": [],
                "Tags": [{"Key": "owner", "Value": "platform"}],
            })
        })
        .collect();
    json!({
        "UserDetailList": details,
        "GroupDetailList": [],
        "RoleDetailList": [],
        "Policies": [],
    })
    .to_string()
}

fn allow(action: Value) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}],
    })
}

/// A directory with an account and a rule in it.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new(users: &[(&str, Value)]) -> Self {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("rules")).unwrap();
        fs::write(dir.path().join("rules/test.yaml"), any_admin("TST001")).unwrap();
        let place = Place { dir };
        place.account(users);
        place
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn account(&self, users: &[(&str, Value)]) {
        fs::write(self.path().join("account.json"), account(users)).unwrap();
    }

    /// Runs with these arguments; gives code, stdout and stderr.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        support::run(self.path(), "2026-11-22T00:00:00Z", args)
    }

    /// A scan that reports as JSON; gives the code and the findings of `TST001`.
    fn scan(&self, args: &[&str]) -> (i32, Vec<Value>) {
        let mut all = vec!["scan", "account.json", "--rules", "rules", "-o", "json"];
        all.extend(args);
        let (code, stdout, stderr) = self.run(&all);
        let report: Value =
            serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
        let findings = report["findings"].as_array().unwrap().iter();
        (
            code,
            findings
                .filter(|finding| finding["rule"] == "TST001")
                .cloned()
                .collect(),
        )
    }
}

#[test]
fn help_teaches_and_errors_are_errors() {
    let place = Place::new(&[]);
    let (code, stdout, _) = place.run(&["--help"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("Exit codes: 0 nothing gated"), "{stdout}");
    for (args, says) in [
        (&["frob"][..], "frob"),
        (&["scan", "nowhere.json"][..], "neither a source"),
        (&["scan", "github"][..], "github:ORG"),
        (&["scan"][..], "nothing to scan"),
        (&["scan", "account.json", "-o", "nonsense"][..], "nonsense"),
        (&["scan", "account.json", "-o", "sarif="][..], "no path"),
        (
            &["scan", "account.json", "-o", "sarif", "-o", "json"][..],
            "stdout",
        ),
        (
            &["scan", "account.json", "--fail-on", "new"][..],
            "--baseline",
        ),
        (
            &["scan", "account.json", "--baseline", "none.jsonl"][..],
            "none.jsonl",
        ),
        (&["scan", "aws", "--offline"][..], "--offline"),
        (&["explain", "AWS000"][..], "tenure rules list"),
        (&["--config", "none.yaml", "rules", "list"][..], "none.yaml"),
    ] {
        let (code, stdout, stderr) = place.run(args);
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
        assert_eq!(stdout, "", "{args:?}");
    }
}

#[test]
fn data_goes_to_stdout_and_everything_else_to_stderr() {
    let place = Place::new(&[("alice", allow(json!("*")))]);
    let (code, findings) = place.scan(&[]);
    assert_eq!(code, 1);
    assert_eq!(findings.len(), 1);
    assert_eq!(
        findings[0]["subject"]["id"],
        "arn:aws:iam::111122223333:user/alice"
    );
    let (_, stdout, stderr) = place.run(&[
        "scan",
        "account.json",
        "-q",
        "-o",
        "sarif=out/t.sarif",
        "-o",
        "html=out/t.html",
        "-o",
        "json=out/t.json",
    ]);
    assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
    for name in ["t.sarif", "t.html", "t.json"] {
        assert!(place.path().join("out").join(name).is_file(), "{name}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let place = Place::new(&[
        ("alice", allow(json!("*"))),
        ("bob", allow(json!(["iam:*", "s3:*"]))),
    ]);
    for format in ["json", "sarif", "html", "markdown", "table", "csv"] {
        let args = ["scan", "account.json", "--rules", "rules", "-o", format];
        let (_, first, _) = place.run(&args);
        let (_, second, _) = place.run(&args);
        assert!(!first.is_empty(), "{format}");
        assert_eq!(first, second, "{format}");
    }
}

#[test]
fn what_could_not_be_seen_is_exit_three_and_a_finding_outranks_it() {
    // No credential report: ages of keys are unknown.
    let place = Place::new(&[("alice", allow(json!("s3:GetObject")))]);
    let (code, findings) = place.scan(&["--min-severity", "critical"]);
    assert_eq!((code, findings.len()), (3, 0));
    place.account(&[("alice", allow(json!("*")))]);
    assert_eq!(place.scan(&[]).0, 1);
    // Report only still tells that something was unseen.
    assert_eq!(place.scan(&["--fail-on", "none"]).0, 3);
}

#[test]
fn a_baseline_lets_through_what_was_there_and_nothing_else() {
    let place = Place::new(&[("alice", allow(json!("*")))]);
    let (code, _, stderr) = place.run(&["baseline", "create", "account.json"]);
    assert_eq!(code, 3, "{stderr}");
    let (code, _, stderr) = place.run(&["baseline", "create", "account.json"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("--force"), "{stderr}");

    let with = ["--baseline", "tenure.baseline.jsonl"];
    let (code, findings) = place.scan(&with);
    assert_eq!(code, 3, "nothing new, but the credential report is unseen");
    assert_eq!(findings[0]["drift"], "unchanged");

    // Somebody opens a way for bob.
    place.account(&[("alice", allow(json!("*"))), ("bob", allow(json!("*")))]);
    let (code, findings) = place.scan(&with);
    assert_eq!(code, 1);
    let drift: Vec<_> = findings
        .iter()
        .map(|finding| {
            (
                finding["subject"]["name"].as_str().unwrap(),
                finding["drift"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(drift.contains(&("bob", "added")), "{drift:?}");
    assert!(drift.contains(&("alice", "unchanged")), "{drift:?}");

    // It is accepted by name, until the end of the month.
    let bob = findings
        .iter()
        .find(|finding| finding["subject"]["name"] == "bob")
        .unwrap();
    let id = bob["id"].as_str().unwrap();
    fs::write(
        place.path().join("tenure.yaml"),
        "rules: [rules]\nsources: [account.json]\n",
    )
    .unwrap();
    let accept = |args: &[&str]| {
        let mut all = vec!["baseline", "accept", id];
        all.extend(args);
        place.run(&all)
    };
    let (code, _, stderr) = accept(&["--owner", "platform", "--reason", "cutover"]);
    assert_eq!(code, 2, "an acceptance without a last day: {stderr}");
    let (code, _, stderr) = accept(&[
        "--owner",
        " ",
        "--reason",
        "cutover",
        "--expires",
        "2026-11-30",
    ]);
    assert_eq!(code, 2, "an acceptance without an owner: {stderr}");
    let (code, _, stderr) = accept(&[
        "--owner",
        "platform",
        "--reason",
        "cutover",
        "--expires",
        "2026-11-30",
        "--ticket",
        "OPS-1",
    ]);
    assert_eq!(code, 0, "{stderr}");
    fs::remove_file(place.path().join("tenure.yaml")).unwrap();
    let (_, findings) = place.scan(&with);
    let bob = findings
        .iter()
        .find(|finding| finding["subject"]["name"] == "bob")
        .unwrap();
    assert!(bob.to_string().contains("platform"), "{bob}");

    // The month ends.
    let later = [&with[..], &["--now", "2026-12-01T00:00:00Z"]].concat();
    let mut all = vec!["scan", "account.json", "--rules", "rules", "-o", "json"];
    all.extend(&later);
    let output = tenure()
        .current_dir(place.path())
        .args(&all)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report.to_string().contains("acceptance-expired"));
}

#[test]
fn widening_gates_and_rewriting_does_not() {
    let two = json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Allow", "Action": "iam:*", "Resource": "*"},
        ],
    });
    let place = Place::new(&[("alice", allow(json!(["iam:*", "s3:*"])))]);
    place.run(&["baseline", "create", "account.json"]);
    fs::rename(
        place.path().join("account.json"),
        place.path().join("old.json"),
    )
    .unwrap();
    let diff = |document: Value| {
        place.account(&[("alice", document)]);
        place.run(&["diff", "old.json", "account.json"])
    };
    let (code, stdout, _) = diff(two);
    assert_eq!(code, 0, "split in two and reordered: {stdout}");
    let (code, stdout, _) = diff(allow(json!(["iam:*", "s3:*", "dynamodb:*"])));
    assert_eq!(code, 1, "one service more: {stdout}");
    assert!(stdout.contains("widened"), "{stdout}");
    let (code, stdout, _) = diff(allow(json!(["iam:*"])));
    assert_eq!(code, 0, "one service less: {stdout}");
    assert!(stdout.contains("narrowed"), "{stdout}");
}

#[test]
fn a_baseline_of_somebody_else_or_of_the_future_is_refused() {
    let place = Place::new(&[("alice", allow(json!("*")))]);
    let foreign = account(&[("alice", allow(json!("*")))]).replace("111122223333", "999988887777");
    fs::write(place.path().join("foreign.json"), foreign).unwrap();
    place.run(&["baseline", "create", "foreign.json"]);
    let scan = |file: &str| place.run(&["scan", "account.json", "--baseline", file, "-o", "json"]);
    let (code, _, stderr) = scan("tenure.baseline.jsonl");
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("another organisation"), "{stderr}");
    fs::write(place.path().join("new.jsonl"), "{\"tenure_baseline\":7}\n").unwrap();
    let (code, _, stderr) = scan("new.jsonl");
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("version 7"), "{stderr}");
}

#[test]
fn the_simulator_answers_every_line_in_order() {
    let good = json!({
        "id": "a",
        "principal": "arn:aws:iam::111122223333:user/alice",
        "action": "s3:GetObject",
        "resource": "arn:aws:s3:::b/k",
        "identity_policies": [allow(json!("s3:*"))],
    });
    let input = format!(
        "{good}\nnot json\n\n{}\n",
        good.to_string().replace("\"a\"", "\"b\"")
    );
    let output = tenure()
        .args(["simulate", "aws"])
        .write_stdin(input)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let answers: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let short: Vec<_> = answers
        .iter()
        .map(|answer| (answer["id"].as_str(), answer["answer"].as_str().unwrap()))
        .collect();
    assert_eq!(
        short,
        [
            (Some("a"), "allowed"),
            (None, "error"),
            (Some("b"), "allowed")
        ]
    );
}

#[test]
fn broken_input_names_the_place_and_does_not_stop_the_rest() {
    let place = Place::new(&[("alice", allow(json!("*")))]);
    fs::create_dir(place.path().join("tree")).unwrap();
    fs::copy(
        place.path().join("account.json"),
        place.path().join("tree/a.json"),
    )
    .unwrap();
    fs::write(
        place.path().join("tree/b.json"),
        "{\n  \"UserDetailList\": [\n",
    )
    .unwrap();
    let (code, stdout, stderr) = place.run(&["scan", "tree", "--rules", "rules", "-o", "json"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stdout.contains("alice"));
    assert!(
        stdout.contains("tree/b.json:3:1"),
        "the gap is in the report"
    );
    let (code, stdout, _) = place.run(&["scan", "tree/b.json"]);
    assert_eq!(code, 3);
    assert!(stdout.contains("tree/b.json:3:1"), "{stdout}");
    fs::write(place.path().join("tree/c.json"), "[{\n").unwrap();
    let (code, _, stderr) = place.run(&["scan", "tree/c.json"]);
    assert_eq!(code, 2, "no system knows it, and it is not even JSON");
    assert!(stderr.contains("tree/c.json:2:"), "{stderr}");
}

#[test]
fn exceptions_hold_back_by_name_and_say_so() {
    let place = Place::new(&[("alice", allow(json!("*")))]);
    let settings = |expires: &str| {
        format!(
            "exceptions:\n  - {{id: EXC-1, rule: TST001, subject: '*:user/alice', owner: platform, \
             reason: cutover, expires: {expires}}}\n  - {{id: EXC-2, rule: AWS999, owner: platform, \
             reason: gone, expires: 2027-01-01}}\n"
        )
    };
    fs::write(place.path().join("tenure.yaml"), settings("2026-11-22")).unwrap();
    let (_, findings) = place.scan(&[]);
    assert!(findings[0].to_string().contains("EXC-1"), "{}", findings[0]);
    let (_, stdout, _) = place.run(&["scan", "account.json", "--rules", "rules"]);
    assert!(
        stdout.contains("EXC-2"),
        "an unused exception is pointed out: {stdout}"
    );
    fs::write(place.path().join("tenure.yaml"), settings("2026-11-21")).unwrap();
    let (code, stdout, _) = place.run(&["scan", "account.json", "--rules", "rules"]);
    assert_eq!(code, 1);
    assert!(stdout.contains("ended on 2026-11-21"), "{stdout}");
}

#[test]
fn init_writes_settings_that_load_and_never_over_a_file() {
    let place = Place::new(&[]);
    assert_eq!(place.run(&["init"]).0, 0);
    assert_eq!(place.run(&["rules", "list"]).0, 0);
    assert_eq!(place.run(&["init"]).0, 2);
}

#[test]
fn completions_and_manual_pages_are_there() {
    let place = Place::new(&[]);
    for shell in ["bash", "zsh", "fish"] {
        let (code, stdout, _) = place.run(&["completions", shell]);
        assert_eq!(code, 0);
        assert!(stdout.contains("tenure"), "{shell}");
    }
    let (code, stdout, _) = place.run(&["man", "scan"]);
    assert_eq!(code, 0);
    assert!(stdout.contains(".TH"), "{stdout}");
    assert_eq!(place.run(&["man", "frob"]).0, 2);
}

/// A fix is made to be copied, and whoever can create a user chooses its name.
#[test]
fn a_name_in_a_fix_is_one_word_to_a_shell() {
    let name = "x'; touch owned; $(touch owned) `touch owned` #\u{202e}";
    let place = Place::new(&[(name, allow(json!("*")))]);
    let rule = any_admin("TST001").replace(
        "fix: Take it away.",
        "fix: \"Look at {identity.name}, then aws iam delete-user --user-name {identity.name}; ask why\"",
    );
    fs::write(place.path().join("rules/test.yaml"), rule).unwrap();
    let (_, findings) = place.scan(&[]);
    let fix = findings[0]["fix"].as_str().unwrap();
    let command = fix.split("then ").nth(1).unwrap();
    let (command, rest) = command.rsplit_once("; ask").unwrap();
    assert_eq!(rest, " why");
    assert!(!command.contains('\u{202e}'), "what hides is written out");
    fs::write(
        place.path().join("aws"),
        "#!/bin/sh\nprintf '%s\\n' \"$@\"\n",
    )
    .unwrap();
    let ran = std::process::Command::new("bash")
        .args(["-c", &format!("aws() {{ sh ./aws \"$@\"; }}; {command}")])
        .current_dir(place.path())
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        ["iam", "delete-user", "--user-name", name]
    );
    assert!(!place.path().join("owned").exists());
}
