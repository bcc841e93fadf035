//! What odd input ends in: never a panic, never a verdict about what was not read.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tempfile::TempDir;

use super::support::{program, report, run};

const NOW: &str = "2026-11-22T12:00:00Z";

const ADMIN: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: breakfix}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: User, name: eve, apiGroup: rbac.authorization.k8s.io}]
";

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn manifest(directory: &str) -> String {
    let source =
        json!({"system": "kubernetes", "tenant": "prod", "directory": directory, "coverage": []});
    json!({"schema": "tenure-snapshot-1", "taken": NOW, "tool": "x", "sources": [source]})
        .to_string()
}

/// How many findings a scan of `path` has, and how it ends.
fn findings(at: &Path, path: &str) -> (i32, usize) {
    let (code, report) = report(at, NOW, &["scan", path]);
    (code, report["findings"].as_array().unwrap().len())
}

#[test]
fn a_snapshot_reads_nothing_outside_itself() {
    let place = folder(&[("elsewhere/b.yaml", ADMIN.as_bytes())]);
    let here = place.path();
    fs::create_dir(here.join("snap")).unwrap();
    let outside = here.join("elsewhere").display().to_string();
    #[cfg(unix)]
    std::os::unix::fs::symlink(here.join("elsewhere"), here.join("snap/linked")).unwrap();
    for directory in ["../elsewhere", &outside, "x/../../elsewhere", "linked"] {
        fs::write(here.join("snap/snapshot.json"), manifest(directory)).unwrap();
        let (code, stdout, stderr) = run(here, NOW, &["scan", "snap"]);
        assert_eq!(code, 2, "{directory}: {stdout}");
        assert!(stderr.contains("leads out of the snapshot"), "{stderr}");
    }
    // Of a directory that is not there nothing was said, so nothing is judged.
    fs::write(here.join("snap/snapshot.json"), manifest("gone")).unwrap();
    let (code, _, stderr) = run(here, NOW, &["scan", "snap"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("no file in this directory"), "{stderr}");
}

#[test]
fn texts_as_windows_saves_them_are_read_or_named() {
    let marked = format!("\u{feff}{ADMIN}");
    let wide = "\u{feff}".encode_utf16().chain(ADMIN.encode_utf16());
    let wide: Vec<u8> = wide.flat_map(u16::to_le_bytes).collect();
    let place = folder(&[
        ("plain/a.yaml", ADMIN.as_bytes()),
        ("marked/a.yaml", marked.as_bytes()),
        ("wide/a.yaml", &wide),
        ("wide/b.yaml", ADMIN.as_bytes()),
    ]);
    let plain = findings(place.path(), "plain");
    assert!(plain.1 > 0);
    assert_eq!(findings(place.path(), "marked"), plain);
    assert_eq!(findings(place.path(), "marked/a.yaml"), plain);
    // One that nobody reads is said, beside what is judged.
    let (_, stdout, stderr) = run(place.path(), NOW, &["scan", "wide"]);
    assert!(stdout.contains("UTF-16") && stderr.contains("UTF-16"));
    assert!(stderr.contains("\n  help: save it as UTF-8"), "{stderr}");
    let (code, _, stderr) = run(place.path(), NOW, &["scan", "wide/a.yaml"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("UTF-16"), "{stderr}");
}

#[test]
fn a_file_of_a_tree_that_cannot_be_read_does_not_hide_the_others() {
    let place = folder(&[("t/a.yaml", ADMIN.as_bytes())]);
    let alone = findings(place.path(), "t");
    // Larger than any file that is read, and none of it on disk.
    for name in ["big.json", "film.mp4"] {
        let file = fs::File::create(place.path().join("t").join(name)).unwrap();
        file.set_len((1 << 30) + 1).unwrap();
    }
    let (code, _, stderr) = run(place.path(), NOW, &["scan", "t"]);
    assert_eq!((code, findings(place.path(), "t").1), alone);
    assert!(
        stderr.contains("big.json") && !stderr.contains("film.mp4"),
        "{stderr}"
    );
    let (code, _, _) = run(place.path(), NOW, &["scan", "t/big.json"]);
    assert_eq!(code, 2);
}

/// Somebody who reads only the beginning does not turn findings into a pass.
#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    let many: String = (0..2_000)
        .map(|at| ADMIN.replace("breakfix", &format!("b{at}")) + "---\n")
        .collect();
    let place = folder(&[("a.yaml", many.as_bytes())]);
    let mut scan = program(env!("CARGO_BIN_EXE_tenure"))
        .current_dir(place.path())
        .args(["scan", "a.yaml", "-o", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(scan.stdout.take());
    assert_eq!(scan.wait().unwrap().code(), Some(1));
}

#[test]
fn usage_that_would_do_nothing_is_told() {
    let place = folder(&[
        ("a.yaml", ADMIN.as_bytes()),
        ("no-rules/readme.md", b"x"),
        ("bad-rules/r.yaml", b"family: x\nrules: [\n"),
        ("broken.jsonl", b"{\"tenure_baseline\":1}\nnot json\n"),
    ]);
    for (words, told) in [
        (
            &["scan", "a.yaml", "--rules", "no-rules"][..],
            "error: `no-rules` holds no rules; expected *.yaml or *.yml files that begin with `family:`\n",
        ),
        (
            &["scan", "a.yaml", "--rules", "nowhere"],
            "error: cannot read `nowhere`: No such file or directory (os error 2)\n",
        ),
        (
            &["rules", "check", "bad-rules"],
            "error: unclosed bracket '[' at line 2, column 8\n --> bad-rules/r.yaml:2:8\n",
        ),
        (
            &["simulate", "aws", "--objects", "a.yaml"],
            "error: `--objects` is for `tenure simulate kubernetes`; cases of aws hold their policies themselves\n",
        ),
        (
            &["simulate", "github"],
            "error: there is no simulator for github; systems: aws, kubernetes, vault\n",
        ),
        (
            &["permissions", "jit"],
            "error: invalid value 'jit' for '<SYSTEM>': it is read from a ledger; it is no system to connect to\n",
        ),
    ] {
        let (code, _, stderr) = run(place.path(), NOW, words);
        assert_eq!(code, 2, "{words:?}");
        assert!(stderr.starts_with(told), "{stderr}");
    }
    for (words, told) in [
        (
            &["scan", "aws"][..],
            "there are no credentials in the environment, the profiles or this machine's role",
        ),
        (
            &["scan", "vault:https://me:pass@vault.example:8200"],
            "the address holds a user or a password",
        ),
        (
            &["scan", "a.yaml", "-o", "json=x", "-o", "html=x"],
            "two reports would be written to `x`",
        ),
        (
            &["scan", "a.yaml", "-o", "json=bad-rules"],
            "error: cannot write `bad-rules`: it is a folder; name a file in it\n",
        ),
        (
            &["scan", "a.yaml", "--baseline", "broken.jsonl"],
            "error: broken.jsonl:2:2: not a line of a baseline: expected ident\n",
        ),
    ] {
        let (code, _, stderr) = run(place.path(), NOW, words);
        assert_eq!(code, 2, "{words:?}");
        assert!(stderr.contains(told), "{stderr}");
    }
    let words = ["scan", "a.yaml", "--snapshot", "kept"];
    let (code, _, stderr) = run(place.path(), NOW, &words);
    assert_eq!(code, 1);
    assert!(stderr.contains("nothing was written"), "{stderr}");
}
