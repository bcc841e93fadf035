//! The authorizer against recorded answers of a real API server.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tenure::resolve::kubernetes::{Objects, simulate};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/kubernetes")
        .join(name)
}

fn unzip(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_end(&mut text)
        .unwrap();
    text
}

/// The directory of reference data beside the repository, where it is there.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TENURE_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let found = root.join(folder);
    if found.is_dir() {
        return Some(found);
    }
    println!("skipped: no reference data at {}", found.display());
    None
}

/// Asks every recorded question and names the ones answered differently. Where the
/// API server named a binding, ours must be among those that allow it too: it stops
/// at the first it meets, in no fixed order, so the names may differ.
fn check(objects: &Objects, reviews: &[u8]) -> usize {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (number, line) in std::str::from_utf8(reviews).unwrap().lines().enumerate() {
        let review: Value = serde_json::from_str(line).unwrap();
        let mut case = review["attr"].as_object().unwrap().clone();
        case.insert("id".to_owned(), json!(number));
        case.insert("user".to_owned(), review["user"].clone());
        case.insert("groups".to_owned(), review["groups"].clone());
        let answer = simulate(objects, &Value::Object(case).to_string());
        let expected = match review["allowed"].as_bool() {
            Some(true) => "allowed",
            _ => "denied",
        };
        let explained = (expected == "allowed") == answer["by"].is_object();
        if answer["answer"] != expected || answer["id"] != number || !explained {
            wrong.push(format!("{line}\n  ours: {answer}"));
        }
        // The recorded form itself is understood as well.
        assert_eq!(simulate(objects, line)["answer"], answer["answer"]);
        count += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    count
}

#[test]
fn recorded_reviews_are_answered_as_the_api_server_did() {
    let objects = Objects::parse(&unzip(&data("cluster-rbac.json.gz"))).unwrap();
    assert!(check(&objects, &unzip(&data("access-reviews.jsonl.gz"))) >= 300);
}

#[test]
fn every_review_of_the_whole_set_is_answered_as_the_api_server_did() {
    let Some(shared) = shared("data/kubernetes") else {
        return;
    };
    let objects = std::fs::read(shared.join("cluster-snapshot.json")).unwrap();
    let objects = Objects::parse(&objects).unwrap();
    let reviews = unzip(&shared.join("sar-answers.jsonl.gz"));
    assert_eq!(check(&objects, &reviews), 5_070);
}

#[test]
fn a_bad_line_is_an_error_and_keeps_its_id() {
    let objects = Objects::default();
    for line in ["", "[]", "{", "{\"user\": 3}", "\u{0}"] {
        assert_eq!(simulate(&objects, line)["answer"], "error", "{line}");
    }
    let answer = simulate(&objects, r#"{"id": 7, "user": "a", "verb": "get"}"#);
    assert_eq!(
        (&answer["id"], &answer["answer"]),
        (&json!(7), &json!("error"))
    );
    let slip = simulate(
        &objects,
        r#"{"id": 8, "user": "a", "verb": "get", "resource": "pods", "nameSpace": "x"}"#,
    );
    assert!(slip["message"].as_str().unwrap().contains("`namespace`"));
    let missing = simulate(
        &objects,
        r#"{"id": "x", "objects": "no/such/file", "user": "a", "verb": "get", "resource": "pods"}"#,
    );
    assert_eq!(missing["answer"], "error");
    assert!(
        missing["message"]
            .as_str()
            .unwrap()
            .contains("no/such/file")
    );
}

#[test]
fn a_case_may_name_its_own_objects() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rbac.yaml");
    std::fs::write(
        &file,
        "
kind: ClusterRole
metadata: {name: r}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
---
kind: RoleBinding
metadata: {name: b, namespace: shop}
roleRef: {kind: ClusterRole, name: r}
subjects: [{kind: ServiceAccount, name: web}]
",
    )
    .unwrap();
    let ask = |namespace: &str| {
        let case = json!({
            "objects": file, "user": "system:serviceaccount:shop:web",
            "verb": "get", "resource": "pods", "namespace": namespace,
        });
        simulate(&Objects::default(), &case.to_string())["answer"].clone()
    };
    assert_eq!(ask("shop"), "allowed");
    assert_eq!(ask("other"), "denied");
}

#[test]
fn constrained_impersonation_needs_both_halves() {
    let objects = Objects::parse(
        b"
kind: ClusterRole
metadata: {name: half}
rules:
- {apiGroups: [authentication.k8s.io], resources: [users], verbs: ['impersonate:user-info']}
- {apiGroups: [''], resources: [secrets], verbs: ['impersonate-on:user-info:list']}
---
kind: ClusterRole
metadata: {name: all}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]
---
kind: ClusterRoleBinding
metadata: {name: h}
roleRef: {kind: ClusterRole, name: half}
subjects: [{kind: User, name: mallory}]
---
kind: ClusterRoleBinding
metadata: {name: a}
roleRef: {kind: ClusterRole, name: all}
subjects: [{kind: User, name: alice}]
",
    )
    .unwrap();
    let ask = |verb: &str, target: Value| {
        let case = json!({"user": "mallory", "as": target, "verb": verb, "resource": "secrets"});
        simulate(&objects, &case.to_string())
    };
    let listed = ask("list", json!({"user": "alice"}));
    assert_eq!(listed["answer"], "allowed");
    assert_eq!(listed["impersonation"], "user-info");
    assert_eq!(ask("get", json!({"user": "alice"}))["answer"], "denied");
    let masters = json!({"user": "alice", "groups": ["system:masters"]});
    assert_eq!(ask("list", masters)["answer"], "denied");
}
