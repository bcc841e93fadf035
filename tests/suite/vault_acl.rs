//! The Vault policy engine against answers of OpenBao's own ACL code, and the
//! parser against policies found in public repositories.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tenure::resolve::vault::policy::Policy;
use tenure::resolve::vault::simulate;

/// The data shared between projects, where it is at hand.
fn shared() -> Option<PathBuf> {
    let root = std::env::var_os("TENURE_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let folder = root.join("data/vault");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no shared data at `{}`", folder.display());
    None
}

/// Asks every question of every set; gives the number of sets and what differed.
fn disagreements(lines: &str) -> (usize, Vec<String>) {
    let mut wrong = Vec::new();
    let mut sets = 0;
    for line in lines.lines() {
        sets += 1;
        let set: Value = serde_json::from_str(line).unwrap();
        let ask = |path: &Value, op: &Value, more: &Value| {
            let mut case =
                json!({"id": set["id"], "policies": set["policies"], "path": path, "op": op});
            for key in ["data", "wrap_ttl"] {
                if let Some(value) = more.get(key) {
                    case[key] = value.clone();
                }
            }
            simulate(&case.to_string(), jiff::Timestamp::now())
        };
        if set.get("parse_error").is_some() {
            let got = ask(&json!("x"), &json!("read"), &Value::Null);
            if got["answer"] != "error" {
                wrong.push(format!("{}: was accepted", set["id"]));
            }
            continue;
        }
        for want in set["answers"].as_array().unwrap() {
            let got = ask(&want["path"], &want["op"], want);
            let none = json!([]);
            for (theirs, ours) in [
                ("allowed", "allowed"),
                ("sudo", "sudo"),
                ("control_group", "control_group"),
                ("caps", "capabilities"),
                ("granting", "by"),
            ] {
                let expected = want.get(theirs).unwrap_or(&none);
                if &got[ours] != expected {
                    wrong.push(format!(
                        "{} {} {}: {theirs} is {expected}, we say {got}",
                        set["id"], want["op"], want["path"]
                    ));
                }
            }
        }
    }
    (sets, wrong)
}

#[test]
fn curated_sets_agree() {
    let (sets, wrong) = disagreements(include_str!("../data/vault/acl-curated.jsonl"));
    assert_eq!((sets, wrong), (57, vec![]));
}

#[test]
fn random_sets_agree() {
    let Some(folder) = shared() else { return };
    let packed = std::fs::File::open(folder.join("acl-vectors-random.jsonl.gz")).unwrap();
    let lines = std::io::read_to_string(flate2::read::GzDecoder::new(packed)).unwrap();
    let (sets, wrong) = disagreements(&lines);
    assert_eq!((sets, wrong), (1_000, vec![]));
}

#[test]
fn public_policies_parse_as_the_server_parses_them() {
    let Some(folder) = shared() else { return };
    let folder = folder.join("policies");
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let files = manifest["files"].as_array().unwrap();
    let mut wrong = Vec::new();
    for file in files {
        let name = file["file"].as_str().unwrap();
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let ours = Policy::parse(name, "", &text, None);
        if ours.is_ok() != (file["vault_hcl1_parse"] == "ok") {
            wrong.push(format!("{name}: {ours:?}"));
        }
    }
    assert_eq!((files.len(), wrong), (155, vec![]));
}

#[test]
fn policies_of_our_own_parse() {
    let rules = |text: &str| {
        let policy = Policy::parse("p", "", text, None).unwrap();
        policy
            .rules
            .iter()
            .map(|rule| format!("{} {:?}", rule.pattern(), rule.caps))
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(rules(include_str!("../data/vault/policies/corners.hcl")), @r#"
    sys/policies/acl/* {"read", "update", "create"}
    secret/data/${env}/* {"read", "list"}
    kv/data/prod/* {"read"}
    auth/token/create {"read", "list", "update", "delete", "create"}
    "#);
    insta::assert_snapshot!(rules(include_str!("../data/vault/policies/form.json.hcl")), @r#"
    secret/data/app/* {"read"}
    secret/metadata/+/config {"list"}
    "#);
}
