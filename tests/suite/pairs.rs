//! Pairs of IAM documents with the verdict a reviewer would give (`tests/data/pairs`).

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tenure::config::Config;
use tenure::drift::{self, Baseline, ChangeKind, diff};
use tenure::model::{FactKind, Inventory, Sym, System};
use tenure::scan;
use tenure::snapshot::{Document, Snapshot};

use super::support::repository;

/// Least number of pairs: each is there and back.
const PAIRS: usize = 400;

#[derive(Deserialize)]
struct Family {
    family: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    before: Doc,
    variants: Vec<Variant>,
}

/// Statements of one policy, or several documents of one role.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Doc {
    Policy(Vec<String>),
    Role(BTreeMap<String, Vec<String>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variant {
    widened: Option<Doc>,
    narrowed: Option<Doc>,
    same: Option<Doc>,
    undecidable: Option<Doc>,
    /// The verdict of the way back, where it is not the mirror.
    back: Option<String>,
    /// Another verdict that is right too.
    or: Option<String>,
}

/// `allow s3:GetObject on * if StringEquals k v` as a statement.
fn statement(line: &str) -> Value {
    let mut words = line.split_whitespace().peekable();
    let mut made = Map::new();
    let effect = words.next().unwrap();
    made.insert(
        "Effect".to_owned(),
        json!(if effect == "allow" { "Allow" } else { "Deny" }),
    );
    let stops = ["on", "if", "to"];
    let mut section = "Action";
    loop {
        if section == "Action" || section == "Resource" {
            let not = words.next_if_eq(&"not").is_some();
            let mut items = Vec::new();
            while let Some(word) = words.next_if(|word| !stops.contains(word)) {
                items.push(word);
            }
            let name = format!("{}{section}", if not { "Not" } else { "" });
            made.insert(name, json!(items));
        } else if section == "Condition" {
            let mut tests: Map<String, Value> = Map::new();
            loop {
                let operator = words.next().unwrap();
                let key = words.next().unwrap();
                let mut values = Vec::new();
                while let Some(word) = words.next_if(|word| *word != "and" && !stops.contains(word))
                {
                    values.push(word);
                }
                tests
                    .entry(operator)
                    .or_insert_with(|| json!({}))
                    .as_object_mut()
                    .unwrap()
                    .insert(key.to_owned(), json!(values));
                if words.next_if_eq(&"and").is_none() {
                    break;
                }
            }
            made.insert("Condition".to_owned(), Value::Object(tests));
        } else {
            let mut principals: Map<String, Value> = Map::new();
            while let Some(word) = words.next_if(|word| !stops.contains(word)) {
                let (kind, who) = word.split_once(':').unwrap();
                let list = principals.entry(kind).or_insert_with(|| json!([]));
                list.as_array_mut().unwrap().push(json!(who));
            }
            made.insert("Principal".to_owned(), Value::Object(principals));
        }
        section = match words.next() {
            Some("on") => "Resource",
            Some("if") => "Condition",
            Some("to") => "Principal",
            Some(other) => panic!("`{other}` in `{line}`"),
            None => return Value::Object(made),
        };
    }
}

fn document(lines: &[String]) -> Value {
    let statements: Vec<Value> = lines.iter().map(|line| statement(line)).collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn inventory(doc: &Doc, pretty: bool) -> Inventory {
    let (kind, value) = match doc {
        Doc::Policy(lines) => ("policy", document(lines)),
        Doc::Role(parts) => {
            let arn = |name: &str| format!("arn:aws:iam::111122223333:policy/{name}");
            let inline: Vec<Value> = ["policy", "second"]
                .into_iter()
                .filter_map(|name| {
                    let document = document(parts.get(name)?);
                    Some(json!({"PolicyName": name, "PolicyDocument": document}))
                })
                .collect();
            let mut role = json!({
                "RoleName": "app",
                "RoleId": "AROAEXAMPLE",
                "Arn": "arn:aws:iam::111122223333:role/app",
                "RolePolicyList": inline,
            });
            let mut policies = Vec::new();
            if let Some(lines) = parts.get("boundary") {
                role["PermissionsBoundary"] = json!({"PermissionsBoundaryArn": arn("boundary")});
                policies.push(json!({
                    "PolicyName": "boundary",
                    "Arn": arn("boundary"),
                    "PolicyVersionList": [
                        {"VersionId": "v1", "IsDefaultVersion": true, "Document": document(lines)},
                    ],
                }));
            }
            if let Some(lines) = parts.get("trust") {
                role["AssumeRolePolicyDocument"] = document(lines);
            }
            let details = json!({
                "UserDetailList": [],
                "GroupDetailList": [],
                "RoleDetailList": [role],
                "Policies": policies,
            });
            ("authorization-details", details)
        }
    };
    let text = if pretty {
        serde_json::to_string_pretty(&value)
    } else {
        serde_json::to_string(&value)
    };
    let snapshot = Snapshot {
        documents: vec![Document {
            system: System::Aws,
            kind,
            tenant: None,
            path: Sym::new("app.json"),
            file: Sym::new("app.json"),
            text: Arc::from(text.unwrap().as_bytes()),
        }],
        ..Snapshot::default()
    };
    scan::facts(
        &snapshot,
        &Config::default(),
        "2026-11-22T12:00:00Z".parse().unwrap(),
    )
}

/// What a check would say of a change, and why.
fn verdict(before: &Inventory, after: &Inventory) -> (&'static str, String) {
    let (old, new) = (Baseline::of(before), Baseline::of(after));
    // Both sides are files, and whole: neither is blind.
    let mut changes = diff(&old, &new, &[]);
    changes.retain(|change| {
        matches!(
            change.key.kind,
            FactKind::Entitlement | FactKind::Trust | FactKind::Credential
        )
    });
    let why = changes
        .iter()
        .map(|change| format!("{}: {:?}", change.kind.as_str(), change.details))
        .collect::<Vec<_>>()
        .join("\n    ");
    let gating: Vec<ChangeKind> = changes
        .iter()
        .filter(|change| drift::is_more_access(change, &new))
        .map(|change| change.kind)
        .collect();
    let any = |wanted: &[ChangeKind]| changes.iter().any(|change| wanted.contains(&change.kind));
    let said = if gating
        .iter()
        .any(|kind| *kind != ChangeKind::PossiblyWidened)
    {
        "widened"
    } else if !gating.is_empty() {
        "undecidable"
    } else if any(&[
        ChangeKind::Narrowed,
        ChangeKind::Removed,
        ChangeKind::Incomparable,
    ]) {
        "narrowed"
    } else {
        "same"
    };
    (said, why)
}

#[test]
fn every_pair_gets_the_verdict_a_reviewer_would_give() {
    let folder = repository().join("tests/data/pairs");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    let mut pairs = 0;
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let family: Family = serde_saphyr::from_str(&text).unwrap();
        for case in &family.cases {
            let before = inventory(&case.before, false);
            // Formatting never matters.
            let same = verdict(&before, &inventory(&case.before, true));
            assert_eq!(same, ("same", String::new()), "{}", case.name);
            for (at, variant) in case.variants.iter().enumerate() {
                let (expected, doc) = [
                    ("widened", &variant.widened),
                    ("narrowed", &variant.narrowed),
                    ("same", &variant.same),
                    ("undecidable", &variant.undecidable),
                ]
                .into_iter()
                .find_map(|(name, doc)| Some((name, doc.as_ref()?)))
                .unwrap();
                let after = inventory(doc, false);
                let mirror = match expected {
                    "widened" => "narrowed",
                    "narrowed" => "widened",
                    other => other,
                };
                let back = variant.back.as_deref().unwrap_or(mirror);
                let tried = [
                    ("there", expected, verdict(&before, &after)),
                    ("back", back, verdict(&after, &before)),
                ];
                for (way, expected, (said, why)) in tried {
                    pairs += 1;
                    let or = variant.or.as_deref() == Some(said);
                    // A widening that is only feared gates all the same; the way back
                    // of a narrowing may not be provable.
                    if said != expected && !or {
                        wrong.push(format!(
                            "{}, {}, variant {} {way}: expected {expected}, said {said}\n    {why}",
                            family.family,
                            case.name,
                            at + 1
                        ));
                    }
                }
            }
        }
    }
    assert!(pairs >= PAIRS, "{pairs} pairs");
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
