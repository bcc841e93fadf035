//! The connector against a server that replays answers: pages, lists gone stale,
//! requests to slow down, refusals. What it must never do is asserted here as well.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tenure::config::Config;
use tenure::connect::kubernetes::Cluster;
use tenure::connect::{Answer, Session, Silent};
use tenure::model::{Coverage, Seen};
use tenure::snapshot::{Snapshot, Store};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers};

/// Answers like an API server; `script` first gets every request.
struct Replay<F>(F);

impl<F> Respond for Replay<F>
where
    F: Fn(&str, &Request) -> Option<ResponseTemplate> + Send + Sync,
{
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path();
        if let Some(answer) = (self.0)(path, request) {
            return answer;
        }
        match path {
            "/version" => {
                ResponseTemplate::new(200).set_body_json(json!({"gitVersion": "v1.36.3"}))
            }
            "/metrics" => ResponseTemplate::new(200).set_body_string("apiserver_x 1\n"),
            "/flagz" => status(404, "not found"),
            path if path.ends_with("/configmaps/aws-auth") => status(404, "not found"),
            path if path.ends_with("selfsubjectrulesreviews") => ResponseTemplate::new(201)
                .set_body_json(json!({"kind": "SelfSubjectRulesReview", "status": {}})),
            path => {
                let resource = path.rsplit('/').next().unwrap_or_default();
                list(resource, &[], None)
            }
        }
    }
}

fn status(code: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(code)
        .set_body_json(json!({"kind": "Status", "code": code, "message": message}))
}

fn list(resource: &str, items: &[Value], next: Option<&str>) -> ResponseTemplate {
    let kind = match resource {
        "clusterroles" => "ClusterRoleList",
        "clusterrolebindings" => "ClusterRoleBindingList",
        "secrets" | "nodes" | "customresourcedefinitions" => "PartialObjectMetadataList",
        _ => "List",
    };
    ResponseTemplate::new(200).set_body_json(json!({
        "kind": kind,
        "apiVersion": "v1",
        "metadata": {"continue": next.unwrap_or_default()},
        "items": items,
    }))
}

fn query(request: &Request, name: &str) -> Option<String> {
    request
        .url
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

struct Run {
    snapshot: Snapshot,
    requests: Vec<Request>,
}

impl Run {
    fn coverage(&self, kind: &str) -> &Coverage {
        let mut found = self
            .snapshot
            .coverage
            .iter()
            .filter(|seen| seen.kind == kind);
        found
            .next()
            .unwrap_or_else(|| panic!("no coverage of {kind}"))
    }

    fn text(&self, path: &str) -> String {
        let document = self
            .snapshot
            .documents
            .iter()
            .find(|document| document.path == path)
            .unwrap_or_else(|| panic!("no document {path}"));
        String::from_utf8(document.text.to_vec()).unwrap()
    }
}

async fn server<F>(script: F) -> (MockServer, Cluster)
where
    F: Fn(&str, &Request) -> Option<ResponseTemplate> + Send + Sync + 'static,
{
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(Replay(script))
        .mount(&server)
        .await;
    let config = kube::Config::new(server.uri().parse().unwrap());
    let cluster = Cluster::new("test", config, Duration::from_millis(1)).unwrap();
    (server, cluster)
}

fn run<F>(config: &Config, script: F) -> Run
where
    F: Fn(&str, &Request) -> Option<ResponseTemplate> + Send + Sync + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (server, cluster) = server(script).await;
        let store = Store::in_memory("2026-11-22T12:00:00Z".parse().unwrap());
        let session = Session {
            config,
            store: &store,
            progress: &Silent,
        };
        cluster.collect(session).await.unwrap();
        Run {
            snapshot: store.finish().unwrap(),
            requests: server.received_requests().await.unwrap(),
        }
    })
}

fn named(name: &str) -> Value {
    json!({"metadata": {"name": name}})
}

#[test]
fn every_page_is_read_and_the_cluster_is_complete() {
    let run = run(&Config::default(), |path, request| {
        if !path.ends_with("/clusterroles") {
            return None;
        }
        assert_eq!(query(request, "limit").as_deref(), Some("500"));
        Some(match query(request, "continue").as_deref() {
            None => list("clusterroles", &[named("a")], Some("page/2==")),
            Some("page/2==") => list("clusterroles", &[named("b")], Some("three")),
            Some("three") => list("clusterroles", &[named("c")], None),
            Some(other) => panic!("{other}"),
        })
    });
    let rbac = run.coverage("kubernetes.rbac");
    assert_eq!((rbac.seen, rbac.items), (Seen::Complete, 3));
    let name = "clusterroles.rbac.authorization.k8s.io";
    assert!(run.text(&format!("{name}.json")).contains("\"a\""));
    assert!(run.text(&format!("{name}.3.json")).contains("\"c\""));
    assert!(run.snapshot.coverage.iter().all(|seen| !seen.is_gap()));
}

#[test]
fn nothing_is_changed_and_no_secret_is_asked_for() {
    let run = run(&Config::default(), |_, _| None);
    for request in &run.requests {
        let path = request.url.path();
        let asks_itself = path.ends_with("/selfsubjectrulesreviews");
        assert!(request.method.as_str() == "GET" || asks_itself, "{path}");
        assert!(!path.contains("/secrets"), "{path}");
        assert!(!path.ends_with("/configmaps"), "{path}");
    }
    let secrets = run.coverage("kubernetes.secrets");
    assert!(secrets.seen == Seen::None && !secrets.required);
}

#[test]
fn a_list_that_went_stale_is_read_again_from_its_start() {
    let asked = Mutex::new(0);
    let run = run(&Config::default(), move |path, request| {
        if !path.ends_with("/clusterroles") {
            return None;
        }
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        Some(match (*asked, query(request, "continue")) {
            (1, None) => list("clusterroles", &[named("old")], Some("x")),
            (2, Some(_)) => status(410, "the provided continue parameter is too old"),
            (3, None) => list("clusterroles", &[named("new")], Some("y")),
            (4, Some(_)) => list("clusterroles", &[named("last")], None),
            other => panic!("{other:?}"),
        })
    });
    assert_eq!(run.coverage("kubernetes.rbac").items, 2);
    let first = run.text("clusterroles.rbac.authorization.k8s.io.json");
    assert!(first.contains("new") && !first.contains("old"), "{first}");
}

#[test]
fn requests_to_slow_down_are_honoured() {
    let refused = Mutex::new(0);
    let run = run(&Config::default(), move |path, _| {
        let mut refused = refused.lock().unwrap();
        if path.ends_with("/pods") && *refused < 3 {
            *refused += 1;
            return Some(status(429, "slow down").insert_header("Retry-After", "2"));
        }
        None
    });
    assert_eq!(run.coverage("kubernetes.workloads").seen, Seen::Complete);
    let pods = run
        .requests
        .iter()
        .filter(|r| r.url.path().ends_with("/pods"));
    assert_eq!(pods.count(), 4);
}

#[test]
fn a_refusal_is_a_gap_and_never_an_empty_list() {
    let run = run(&Config::default(), |path, _| {
        let denied = path.ends_with("/roles") || path.ends_with("/certificatesigningrequests");
        denied.then(|| status(403, "roles is forbidden: User \"x\" cannot list"))
    });
    let rbac = run.coverage("kubernetes.rbac");
    assert_eq!(rbac.seen, Seen::Partial);
    assert!(
        rbac.is_gap() && rbac.reason.contains("403"),
        "{}",
        rbac.reason
    );
    assert!(rbac.remedy.as_ref().unwrap().contains("list on roles"));
    assert_eq!(run.coverage("kubernetes.certificates").seen, Seen::None);
    assert!(
        !run.snapshot
            .documents
            .iter()
            .any(|document| document.path.starts_with("roles."))
    );
}

/// Who may not list volumes is told so; it matters where a pod on a node uses one.
#[test]
fn volumes_nobody_may_list_are_a_gap_where_claims_are_used() {
    let pod = |claims: bool| {
        let volume = json!({"name": "d", "persistentVolumeClaim": {"claimName": "data"}});
        json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"nodeName": "n1",
            "volumes": if claims { json!([volume]) } else { json!([]) },
            "containers": [{"name": "c", "image": "x"}]}})
    };
    let volume = json!({"metadata": {"name": "pv1"}, "spec": {
        "claimRef": {"namespace": "shop", "name": "data"},
        "mountOptions": ["password=hunter2"],
        "csi": {"driver": "d", "volumeAttributes": {"k": "hunter2"},
            "nodeStageSecretRef": {"namespace": "shop", "name": "stage"}}}});
    for (claims, denied, gaps) in [(true, true, 1), (false, true, 0), (true, false, 0)] {
        let (pod, volume) = (pod(claims), volume.clone());
        let run = run(&Config::default(), move |path, _| {
            let items = |kind: &str, item: &Value| {
                ResponseTemplate::new(200)
                    .set_body_json(json!({"kind": kind, "apiVersion": "v1", "items": [item]}))
            };
            match path {
                "/api/v1/pods" => Some(items("PodList", &pod)),
                "/api/v1/persistentvolumes" if denied => Some(status(403, "forbidden")),
                "/api/v1/persistentvolumes" => Some(items("PersistentVolumeList", &volume)),
                _ => None,
            }
        });
        let seen = run.coverage("kubernetes.volumes");
        assert_eq!(seen.seen == Seen::Complete, !denied);
        assert!(!seen.is_gap(), "{seen:?}");
        let config = Config::default();
        let context = tenure::resolve::Context {
            config: &config,
            now: "2026-11-22T12:00:00Z".parse().unwrap(),
        };
        let facts = tenure::resolve::resolve(&run.snapshot, &context);
        let told = facts.coverage.iter().filter(|one| one.is_gap());
        let told: Vec<&Coverage> = told.collect();
        assert_eq!(told.len(), gaps, "{told:?}");
        assert!(told.iter().all(|one| one.kind == "kubernetes.volumes"));
        let way = facts.paths.iter().find(|path| path.technique == "K8S-N01");
        let secrets = way.unwrap().attrs.get("secrets".into()).cloned();
        let known = (!denied).then(|| vec![tenure::model::Sym::new("shop/stage")].into());
        assert_eq!(secrets, known);
        for document in &run.snapshot.documents {
            let text = String::from_utf8_lossy(&document.text);
            assert!(!text.contains("hunter2"), "{}", document.path);
        }
    }
}

#[test]
fn an_operator_s_objects_are_found_by_their_definitions() {
    let run = run(&Config::default(), |path, _| {
        Some(match path {
            path if path.ends_with("/customresourcedefinitions") => list(
                "customresourcedefinitions",
                &[
                    named("accessgrants.access.antware.xyz"),
                    named("x.tarbac.io"),
                ],
                None,
            ),
            "/apis/access.antware.xyz" => ResponseTemplate::new(200).set_body_json(json!({
                "kind": "APIGroup", "preferredVersion": {"version": "v1alpha1"}})),
            // One extension is down; the others are read all the same.
            "/apis/tarbac.io" => status(503, "service unavailable"),
            path if path.ends_with("v1alpha1/accessgrants") => ResponseTemplate::new(200)
                .set_body_json(
                    json!({"kind": "AccessGrantList", "apiVersion": "access.antware.xyz/v1alpha1", "items": [{"metadata": {"name": "g"}}]}),
                ),
            _ => return None,
        })
    });
    assert!(
        run.text("accessgrants.access.antware.xyz.json")
            .contains("AccessGrantList")
    );
    let jit = run.coverage("kubernetes.jit");
    assert_eq!(jit.seen, Seen::Partial);
    assert!(jit.reason.contains("tarbac.io"), "{}", jit.reason);
    let others = run
        .requests
        .iter()
        .any(|r| r.url.path().contains("wizardofoz"));
    assert!(!others);
}

#[test]
fn secrets_are_listed_as_metadata_or_not_at_all() {
    let config = Config::parse("kubernetes: {secrets: true}").unwrap();
    let run_good = run(&config, |path, request| {
        if !path.ends_with("/secrets") {
            return None;
        }
        let accept = request.headers.get("accept").unwrap().to_str().unwrap();
        assert!(accept.starts_with("application/json;as=PartialObjectMetadataList"));
        assert!(
            query(request, "fieldSelector")
                .unwrap()
                .starts_with("type=")
        );
        Some(list("secrets", &[named("t")], None))
    });
    assert_eq!(run_good.coverage("kubernetes.secrets").items, 2);
    assert!(
        run_good
            .text("secrets.service-account-token.json")
            .contains("\"t\"")
    );

    // A server that answers with whole secrets in spite of what was asked.
    let bad = run(&config, |path, _| {
        path.ends_with("/secrets").then(|| {
            ResponseTemplate::new(200).set_body_json(
                json!({"kind": "SecretList", "items": [{"data": {"token": "aHVudGVyMg=="}}]}),
            )
        })
    });
    assert_eq!(bad.coverage("kubernetes.secrets").seen, Seen::None);
    for document in &bad.snapshot.documents {
        assert!(!String::from_utf8_lossy(&document.text).contains("aHVudGVyMg"));
    }
}

#[test]
fn the_doctor_names_what_is_missing() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let checks = runtime.block_on(async {
        let (_server, cluster) = server(|path, _| {
            path.ends_with("/nodes")
                .then(|| status(403, "nodes is forbidden"))
        })
        .await;
        cluster.doctor().await
    });
    let denied: Vec<_> = checks
        .iter()
        .filter(|check| matches!(check.answer, Answer::Denied(_)))
        .map(|check| check.call.as_str())
        .collect();
    assert_eq!(denied, ["list nodes"]);
    assert!(checks.len() >= 14);
}
