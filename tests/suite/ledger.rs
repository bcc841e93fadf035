//! `tenure ledger`: what it says, how it ends, and what a crash leaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use tempfile::TempDir;

use super::support::{report, repository, run, tenure};

const NOW: &str = "2026-09-01T00:00:00Z";

fn ledger(folder: &Path, args: &[&str]) -> Output {
    tenure()
        .current_dir(folder)
        .args(["ledger", "--now", NOW])
        .args(args)
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn data(name: &str) -> String {
    let path: PathBuf = repository().join("tests/data/jit").join(name);
    path.display().to_string()
}

const FILE: &str = "tenure.ledger.jsonl";

#[test]
fn import_verify_show_and_list() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let first = ledger(here, &["import", "gcp-pam", &data("gcp-pam/grants.json")]);
    // One record is no grant: the rest is kept, and the code says that something is missing.
    assert_eq!(first.status.code(), Some(3), "{}", err(&first));
    assert!(err(&first).contains("record 4"), "{}", err(&first));
    let text = fs::read_to_string(here.join(FILE)).unwrap();

    let again = ledger(here, &["import", "gcp-pam", &data("gcp-pam/grants.json")]);
    assert!(out(&again).contains(" 0 events added"), "{}", out(&again));
    assert_eq!(fs::read_to_string(here.join(FILE)).unwrap(), text);

    let verified = ledger(here, &["verify"]);
    assert_eq!(verified.status.code(), Some(0));
    let head = out(&verified).split("head ").nth(1).unwrap()[..71].to_owned();
    assert!(out(&again).contains(&head));

    let more = ledger(
        here,
        &[
            "import",
            "teleport",
            &data("teleport/requests.json"),
            "--instance",
            "tele",
        ],
    );
    assert_eq!(more.status.code(), Some(3), "{}", err(&more));
    let since = ledger(here, &["verify", "--head", &head]);
    assert_eq!(since.status.code(), Some(0));
    assert!(
        out(&since).contains("lines were added since"),
        "{}",
        out(&since)
    );

    let shown = ledger(here, &["show", "grants/1f"]);
    assert_eq!(shown.status.code(), Some(0), "{}", err(&shown));
    let shown = out(&shown);
    let places: Vec<usize> = ["requested", "approved", "issued", "ended"]
        .iter()
        .map(|step| {
            shown
                .find(&format!("Z  {step}"))
                .or(shown.find(&format!(" {step} ")))
                .expect(step)
        })
        .collect();
    assert!(places.is_sorted(), "{shown}");
    assert!(shown.contains("mail:bob@x.io"), "{shown}");
    assert!(
        shown.contains("no ticket: its source does not keep that"),
        "{shown}"
    );
    assert!(shown.contains("nobody saw the access gone"), "{shown}");

    let listed = ledger(here, &["list"]);
    assert!(out(&listed).contains("6 grants"), "{}", out(&listed));
    assert!(
        out(&listed).contains("gcp pay-prod by gcp-pam: partial"),
        "{}",
        out(&listed)
    );
    let json = ledger(here, &["list", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["grants"].as_array().unwrap().len(), 6);
}

#[test]
fn changed_dropped_and_moved_lines_are_named() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    ledger(
        here,
        &[
            "import",
            "vault-audit",
            &data("vault-audit/audit.log"),
            "--instance",
            "prod",
        ],
    );
    let text = fs::read_to_string(here.join(FILE)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() > 5);
    let head = out(&ledger(here, &["verify"]))
        .split("head ")
        .nth(1)
        .unwrap()[..71]
        .to_owned();
    let check = |lines: Vec<String>, expected: &str| {
        fs::write(here.join(FILE), lines.join("\n") + "\n").unwrap();
        let output = ledger(here, &["verify", "--head", &head]);
        assert_eq!(output.status.code(), Some(1), "{expected}");
        assert!(
            out(&output).contains(expected),
            "{expected}: {}",
            out(&output)
        );
    };
    let owned =
        |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| (*line).to_owned()).collect() };
    let mut altered = owned(&lines);
    altered[2] = altered[2].replace("prod", "test");
    check(altered, &format!("{FILE}:3: altered"));
    let mut dropped = owned(&lines);
    dropped.remove(3);
    check(dropped, &format!("{FILE}:4: missing"));
    let mut moved = owned(&lines);
    moved.swap(1, 2);
    check(moved, &format!("{FILE}:2: moved"));
    check(owned(&lines[..lines.len() - 2]), "cut off");
    check(
        owned(&["not a line"]),
        &format!("{FILE}:1: unreadable: column 1"),
    );
    check(
        vec![lines[0].replace("\"v\":1", "\"v\":7")],
        "use a newer tenure",
    );

    let broken = ledger(
        here,
        &["import", "vault-leases", &data("vault-leases/leases.jsonl")],
    );
    assert_eq!(broken.status.code(), Some(2));
    assert!(
        err(&broken).contains("nothing was added"),
        "{}",
        err(&broken)
    );
}

#[test]
fn usage_errors_say_what_to_do() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    for (args, expected) in [
        (vec!["import", "sailpoint", "x"], "expected one of aws-team"),
        (
            vec!["import", "csv", "nothing.csv"],
            "cannot read `nothing.csv`",
        ),
        (vec!["show", "x"], "tenure ledger import"),
        (vec!["list"], "there is no ledger"),
        (vec!["verify"], "cannot read"),
        (vec!["verify", "--head", "abc"], "64 hexadecimal digits"),
        (
            vec!["import", "csv", "x.csv", "--covers", "2026"],
            "FROM..TO",
        ),
    ] {
        let output = ledger(here, &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            err(&output).contains(expected),
            "{args:?}: {}",
            err(&output)
        );
    }
    let wrong = ledger(here, &["import", "teleport", &data("gcp-pam/grants.json")]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        err(&wrong).contains("tenure ledger import gcp-pam"),
        "{}",
        err(&wrong)
    );
    let unmapped = ledger(here, &["import", "csv", &data("csv/access.csv")]);
    assert!(err(&unmapped).contains("--map"), "{}", err(&unmapped));
    let mapped = ledger(here, &["import", "gcp-pam", "x.json", "--map", "m.yaml"]);
    assert!(
        err(&mapped).contains("is for csv and json"),
        "{}",
        err(&mapped)
    );
    assert!(!here.join(FILE).exists(), "an error makes no ledger");
    let help = tenure()
        .args(["ledger", "import", "--help"])
        .output()
        .unwrap();
    for word in ["aws-team", "vault-leases", "approved_at", "--covers"] {
        assert!(out(&help).contains(word), "{word}");
    }
}

#[test]
fn names_from_files_cannot_write_on_the_terminal() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let table = "id,system,requester,purpose,status\n\"1\u{1b}[2J\",gcp,\"a\u{202e}@x.io\",\"\u{1b}]0;x\u{7}\",issued\n";
    fs::write(here.join("t.csv"), table).unwrap();
    ledger(here, &["import", "csv", "t.csv"]);
    for args in [vec!["list"], vec!["show", "[2J"]] {
        let output = ledger(here, &args);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(!output.stdout.contains(&0x1b) && !out(&output).contains('\u{202e}'));
    }
}

/// Kills an import while it writes, and runs it again.
#[test]
fn a_killed_import_loses_and_repeats_nothing() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let mut table = "id,system,requester,privilege,issued_at,expires_at\n".to_owned();
    for at in 0..20_000 {
        table.push_str(&format!(
            "r{at},gcp,user{}@x.io,role{},2026-08-20T10:00:00Z,2026-08-20T12:00:00Z\n",
            at % 97,
            at % 13
        ));
    }
    fs::write(here.join("t.csv"), table).unwrap();
    let import = ["import", "csv", "t.csv"];
    let whole = ledger(
        here,
        &[&import[..], &["--ledger", "whole.jsonl", "--chain", "c"]].concat(),
    );
    assert_eq!(whole.status.code(), Some(0), "{}", err(&whole));
    let whole = fs::read(here.join("whole.jsonl")).unwrap();

    let killed = here.join("killed.jsonl");
    let args = [&import[..], &["--ledger", "killed.jsonl", "--chain", "c"]].concat();
    // Killed as soon as there is something, then a little later each time.
    for pause in 0..4u64 {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_tenure"))
            .current_dir(here)
            .args(["ledger", "--now", NOW])
            .args(&args)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let size = || fs::metadata(&killed).map_or(0, |file| file.len());
        let before = size();
        while child.try_wait().unwrap().is_none() && size() == before {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(pause * 7));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // And a line torn in the middle, as a power cut leaves it.
    let mut text = fs::read(&killed).unwrap();
    text.truncate(text.len().saturating_sub(100));
    fs::write(&killed, &text).unwrap();
    let torn = ledger(here, &["verify", "--ledger", "killed.jsonl"]);
    assert_eq!(torn.status.code(), Some(1));
    assert!(out(&torn).contains("unfinished"), "{}", out(&torn));

    let done = ledger(here, &args);
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    assert!(err(&done).contains("interrupted import"), "{}", err(&done));
    assert!(
        fs::read(&killed).unwrap() == whole,
        "the same bytes as at once"
    );
}

/// `TENURE_UPDATE=1 cargo test --test suite ledger::` writes the ledger anew.
#[cfg(unix)]
#[test]
fn the_ledger_of_the_company_is_made_from_its_exports() {
    let folder = TempDir::new().unwrap();
    let made = folder.path().join("ledger.jsonl");
    let status = std::process::Command::new("sh")
        .arg(repository().join("fixtures/company/jit/import"))
        .arg(&made)
        .env("TENURE", env!("CARGO_BIN_EXE_tenure"))
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let made = fs::read_to_string(made).unwrap();
    let kept = repository().join("fixtures/company/ledger.jsonl");
    if std::env::var_os("TENURE_UPDATE").is_some() {
        fs::write(&kept, &made).unwrap();
    }
    assert!(
        fs::read_to_string(&kept).unwrap_or_default() == made,
        "import the exports again"
    );

    let tell = |grant: &str| {
        let output = tenure()
            .args(["ledger", "show", grant, "--ledger"])
            .arg(&kept)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        out(&output)
    };
    // The clean chain has every step, and two systems agree on it.
    let clean = tell("northwind-ledger/payments-api/runs/19555000101/1/production");
    for step in ["requested", "approved", "issued", "activated", "ended"] {
        assert!(clean.contains(step), "{step}: {clean}");
    }
    assert!(
        clean.contains("northwind-ledger/payments-api#1412"),
        "{clean}"
    );
    let leo = tell("prod-eu-leo-20261114");
    assert!(leo.contains("emergency access without a review\n"), "{leo}");
    assert!(!tell("prod-eu-clara-20261029").contains("without a review"));
    let tom = tell("3d0c5a1e-0003");
    assert!(
        tom.contains("removing (or giving) the access failed"),
        "{tom}"
    );
}

/// What an earlier snapshot saw stands in the life of a grant, and one that cannot be
/// used is a gap.
#[test]
fn earlier_snapshots_are_taken_on_the_command_line() {
    let folder = TempDir::new().unwrap();
    let earlier = folder.path().join("monday");
    let cluster = "kubernetes/prod-eu";
    fs::create_dir_all(earlier.join(cluster)).unwrap();
    for entry in fs::read_dir(repository().join("fixtures/company").join(cluster)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), earlier.join(cluster).join(entry.file_name())).unwrap();
    }
    let manifest = serde_json::json!({
        "schema": "tenure-snapshot-1",
        "taken": "2026-11-21T06:00:00Z",
        "tool": "tenure 0.1.0",
        "sources": [{"system": "kubernetes", "tenant": "prod-eu", "directory": cluster, "coverage": []}],
    });
    let manifest = serde_json::to_string(&manifest).unwrap();
    fs::write(earlier.join("snapshot.json"), manifest).unwrap();
    let company = repository().join("fixtures/company");
    let config = company.join("tenure.yaml");
    let mut scan = vec!["scan", company.to_str().unwrap()];
    let mut life = |more: &[&'static str]| {
        scan.truncate(2);
        scan.extend(["--config", config.to_str().unwrap()]);
        scan.extend(more);
        let (code, report) = report(folder.path(), "2026-11-22T12:00:00Z", &scan);
        let timelines = report["timelines"].as_array().unwrap();
        let grant = "jit-access-controller:prod-eu:payments/req-20261119-jonas";
        let life = timelines.iter().find(|one| one["grant"] == grant).unwrap();
        let seen = life["events"].as_array().unwrap().iter();
        let seen: Vec<String> = seen
            .filter(|event| event["note"] == "an earlier snapshot")
            .map(|event| format!("{} {}", event["at"], event["what"]))
            .collect();
        let gaps = report["coverage"].as_array().unwrap().iter();
        let gaps: Vec<String> = gaps
            .filter(|gap| gap["kind"] == "jit.earlier")
            .map(|gap| gap["reason"].to_string())
            .collect();
        (code, seen, gaps)
    };
    let (_, seen, gaps) = life(&[]);
    assert!(seen.is_empty() && gaps.is_empty(), "{seen:?} {gaps:?}");
    let (_, seen, gaps) = life(&["--earlier", "monday"]);
    assert_eq!(seen, ["\"2026-11-21T06:00:00Z\" \"seen\""]);
    assert!(gaps.is_empty(), "{gaps:?}");
    let (code, seen, gaps) = life(&["--earlier", "tuesday"]);
    assert!(seen.is_empty() && code != 0, "{seen:?}");
    assert!(gaps[0].contains("cannot read `tuesday`"), "{gaps:?}");

    // Without a ledger nothing began or ended that it could tell of.
    let words = ["scan", "monday", "--earlier", "monday"];
    let (code, _, stderr) = run(folder.path(), "2026-11-22T12:00:00Z", &words);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("`jit.ledger`"), "{stderr}");
}

#[test]
fn the_report_holds_the_head_of_the_ledger() {
    let output = tenure()
        .current_dir(repository())
        .args([
            "scan",
            "fixtures/company",
            "--config",
            "fixtures/company/tenure.yaml",
        ])
        .args(["--now", "2026-11-22T12:00:00Z", "-o", "sarif"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let verified = ledger(&repository(), &["verify", "fixtures/company/ledger.jsonl"]);
    assert_eq!(verified.status.code(), Some(0));
    let runs = report["runs"].as_array().unwrap();
    assert!(!runs.is_empty());
    for run in runs {
        let head = run["properties"]["ledgerHead"].as_str().unwrap();
        assert!(out(&verified).contains(head), "{head}");
    }
}
