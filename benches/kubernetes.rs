//! How fast a cluster is judged: 10,000 bindings with 2,000 roles, from the bytes of
//! its objects to facts. `cargo bench --bench kubernetes`

#![allow(clippy::print_stdout)] // its output is the measurement

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use tenure::config::Config;
use tenure::model::{Sym, System};
use tenure::resolve::kubernetes::{Objects, simulate};
use tenure::resolve::{Context, resolve};
use tenure::snapshot::{Document, Snapshot};

const ROLES: usize = 2_000;
const BINDINGS: usize = 10_000;
const NAMESPACES: usize = 200;
const ROUNDS: usize = 5;

/// A cluster as `kubectl get -o json` prints it. Every twentieth role can escalate.
fn cluster() -> String {
    let mut text = String::from("{\"clusterroles\":[");
    for at in 0..ROLES {
        let verbs = match at % 20 {
            0 => r#"["create","get","update","escalate"]"#,
            1..=6 => r#"["get","list","watch","create","update","patch"]"#,
            _ => r#"["get","list","watch"]"#,
        };
        let comma = if at == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            r#"{comma}{{"metadata":{{"name":"role-{at}"}},"rules":[{{"apiGroups":["","apps"],"resources":["pods","deployments","configmaps"],"verbs":{verbs}}},{{"apiGroups":["rbac.authorization.k8s.io"],"resources":["clusterroles"],"verbs":{verbs}}},{{"apiGroups":["team-{at}.example.com"],"resources":["widgets","widgets/status"],"verbs":["*"]}}]}}"#
        );
    }
    text.push_str("],\"rolebindings\":[");
    for at in 0..BINDINGS {
        let comma = if at == 0 { "" } else { "," };
        let namespace = at % NAMESPACES;
        let account = at % 3_000;
        let role = at % ROLES;
        let _ = write!(
            text,
            r#"{comma}{{"metadata":{{"name":"b-{at}","namespace":"ns-{namespace}"}},"roleRef":{{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"role-{role}"}},"subjects":[{{"kind":"ServiceAccount","name":"sa-{account}","namespace":"ns-{namespace}"}},{{"apiGroup":"rbac.authorization.k8s.io","kind":"Group","name":"team-{account}"}}]}}"#
        );
    }
    text.push_str("]}");
    text
}

fn main() {
    let text: Arc<[u8]> = cluster().into_bytes().into();
    let config = Config::default();
    let context = Context {
        config: &config,
        now: "2026-11-22T12:00:00Z".parse().unwrap_or_default(),
    };
    let snapshot = Snapshot {
        documents: vec![Document {
            system: System::Kubernetes,
            kind: "objects",
            tenant: Some(Sym::new("bench")),
            path: Sym::new("cluster.json"),
            file: Sym::new("cluster.json"),
            text: text.clone(),
        }],
        ..Snapshot::default()
    };
    let mut best = f64::MAX;
    let mut facts = (0, 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let inventory = resolve(&snapshot, &context);
        best = best.min(start.elapsed().as_secs_f64());
        facts = (inventory.entitlements.len(), inventory.paths.len());
    }
    println!(
        "{BINDINGS} bindings, {ROLES} roles, {:.1} MB: {:.3} s ({} entitlements, {} paths; best of {ROUNDS})",
        text.len() as f64 / 1e6,
        best,
        facts.0,
        facts.1
    );

    let Ok(objects) = Objects::parse(&text) else {
        return;
    };
    let case = r#"{"user":"system:serviceaccount:ns-7:sa-7","verb":"get","resource":"pods","namespace":"ns-7"}"#;
    let start = Instant::now();
    let questions = 100_000;
    let allowed = (0..questions)
        .filter(|_| simulate(&objects, case)["answer"] == "allowed")
        .count();
    println!(
        "{questions} questions: {:.2} µs each ({allowed} allowed)",
        start.elapsed().as_secs_f64() * 1e6 / f64::from(questions)
    );
}
