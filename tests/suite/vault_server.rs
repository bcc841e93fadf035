//! The Vault connector against a server that is scripted request by request: what goes
//! wrong on the way, lists in pages, namespaces, and what newer servers offer.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tenure::config::Config;
use tenure::model::{Coverage, Inventory, Seen, System};
use tenure::resolve::{Context, vault};
use tenure::snapshot::Snapshot;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::support::vault::{scan, target};

/// What the server answers: by namespace and path with its query.
type Script =
    dyn Fn(&str, &str, &BTreeMap<String, String>) -> Option<ResponseTemplate> + Send + Sync;

#[derive(Clone)]
struct Scripted(Arc<Script>);

impl Respond for Scripted {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let namespace = request.headers.get("X-Vault-Namespace");
        let namespace = namespace.map_or("", |value| value.to_str().unwrap());
        let path = request.url.path().strip_prefix("/v1/").unwrap_or_default();
        let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
        if let Some(answer) = (self.0)(namespace, path, &query) {
            return answer;
        }
        match path {
            "sys/health" => {
                ok(json!({"initialized": true, "sealed": false, "cluster_name": "lab"}))
            }
            "auth/token/lookup-self" => ok(json!({"data": {"policies": ["tenure"]}})),
            "sys/auth" | "sys/mounts" | "sys/audit" => ok(json!({"data": {}})),
            _ => refused(404, &[]),
        }
    }
}

fn ok(mut body: Value) -> ResponseTemplate {
    if body.get("data").is_some() {
        body["request_id"] = json!("1");
    }
    ResponseTemplate::new(200).set_body_json(body)
}

fn refused(status: u16, errors: &[&str]) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"errors": errors}))
}

async fn serve(
    script: impl Fn(&str, &str, &BTreeMap<String, String>) -> Option<ResponseTemplate>
    + Send
    + Sync
    + 'static,
) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(Scripted(Arc::new(script)))
        .mount(&server)
        .await;
    server
}

fn facts(snapshot: &Snapshot) -> Inventory {
    let config = Config::default();
    let context = Context {
        config: &config,
        now: "2026-11-22T09:00:00Z".parse().unwrap(),
    };
    vault::resolve(&snapshot.of(System::Vault), &context)
}

fn said<'s>(snapshot: &'s Snapshot, tenant: &str, kind: &str) -> &'s Coverage {
    snapshot
        .coverage
        .iter()
        .find(|one| one.tenant == tenant && one.kind == kind)
        .unwrap_or_else(|| panic!("{kind} of {tenant}: {:#?}", snapshot.coverage))
}

#[tokio::test]
async fn an_expired_token_is_named() {
    let server = serve(|_, path, _| {
        (path == "auth/token/lookup-self").then(|| refused(403, &["permission denied"]))
    })
    .await;
    let error = scan(&target(&server.uri())).await.unwrap_err().to_string();
    assert!(
        error.contains("not accepted") && error.contains("403"),
        "{error}"
    );
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_named() {
    let server = serve(|namespace, path, _| {
        let missing = path == "auth/token/lookup-self" && namespace == "nowhere/";
        missing.then(|| refused(404, &["route entry not found"]))
    })
    .await;
    let mut target = target(&server.uri());
    target.namespace = "nowhere/".to_owned();
    let error = scan(&target).await.unwrap_err();
    let text = format!("{error}");
    assert!(
        text.contains("nowhere") && text.contains("does not exist"),
        "{text}"
    );
}

#[tokio::test]
async fn patience_is_as_long_as_the_server_asks() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let server = serve(move |_, path, _| {
        let first = path == "sys/policies/acl" && count.fetch_add(1, Ordering::SeqCst) == 0;
        first.then(|| {
            refused(429, &["request rate limit exceeded"]).insert_header("Retry-After", "1")
        })
    })
    .await;
    let start = Instant::now();
    let snapshot = scan(&target(&server.uri())).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_eq!(said(&snapshot, "lab", "vault.policy").seen, Seen::Complete);
}

#[tokio::test]
async fn refusals_failures_and_what_is_not_offered_are_told_apart() {
    let server = serve(|_, path, _| match path {
        "sys/quotas/rate-limit" => Some(refused(403, &["permission denied"])),
        "auth/token/roles" => Some(refused(500, &["internal error"])),
        "sys/policies/egp" | "sys/policies/rgp" => Some(refused(404, &["unsupported path"])),
        _ => None,
    })
    .await;
    let snapshot = scan(&target(&server.uri())).await.unwrap();
    let quota = said(&snapshot, "lab", "vault.quota");
    assert!(quota.reason.contains("403") && !quota.is_gap(), "{quota:?}");
    let roles = said(&snapshot, "lab", "vault.token-role");
    assert!(roles.reason.contains("500") && roles.is_gap(), "{roles:?}");
    let governance = said(&snapshot, "lab", "vault.governance");
    assert!(
        governance.reason.contains("does not offer"),
        "{governance:?}"
    );
    assert!(!governance.is_gap());
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    const NAMES: usize = 2_500;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let server = serve(move |_, path, query| {
        if path.starts_with("sys/policies/acl/") {
            return Some(ok(json!({"data": {"policy": "path \"a\" {}"}})));
        }
        if path != "sys/policies/acl" {
            return None;
        }
        let limit: usize = query["limit"].parse().unwrap();
        let after = query.get("after").cloned().unwrap_or_default();
        seen.lock().unwrap().push(after.clone());
        let names: Vec<String> = (0..NAMES)
            .map(|at| format!("p{at:05}"))
            .filter(|name| *name > after)
            .take(limit)
            .collect();
        Some(ok(json!({"data": {"keys": names}})))
    })
    .await;
    let snapshot = scan(&target(&server.uri())).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), ["", "p00999", "p01999"]);
    assert_eq!(said(&snapshot, "lab", "vault.policy").items, NAMES as u64);
    let policies = snapshot.documents.iter().filter(|one| one.kind == "policy");
    assert_eq!(policies.count(), NAMES);
}

#[tokio::test]
async fn a_list_that_comes_whole_ends_and_vault_is_not_asked_for_pages() {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&asked);
    let server = serve(move |_, path, query| match path {
        "sys/health" => Some(ok(json!({
            "initialized": true, "sealed": false, "cluster_name": "lab", "enterprise": false,
        }))),
        "auth/token/accessors" => {
            assert!(!query.contains_key("limit"));
            seen.fetch_add(1, Ordering::SeqCst);
            let names: Vec<String> = (0..1_000).map(|at| format!("a{at}")).collect();
            Some(ok(json!({"data": {"keys": names}})))
        }
        "auth/token/lookup-accessor" => Some(refused(404, &["invalid accessor"])),
        _ => None,
    })
    .await;
    scan(&target(&server.uri())).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // A page that is exactly full is asked for once more and brings nothing new.
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&asked);
    let server = serve(move |_, path, _| {
        (path == "identity/oidc/key").then(|| {
            seen.fetch_add(1, Ordering::SeqCst);
            let names: Vec<String> = (0..1_000).map(|at| format!("k{at}")).collect();
            ok(json!({"data": {"keys": names}}))
        })
    })
    .await;
    let snapshot = scan(&target(&server.uri())).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(said(&snapshot, "lab", "vault.oidc").items, 1_000);
}

#[tokio::test]
async fn namespaces_are_walked_to_the_bottom() {
    let server = serve(|namespace, path, _| match (namespace, path) {
        ("", "sys/namespaces") => Some(ok(json!({"data": {"keys": ["team/"]}}))),
        ("team/", "sys/namespaces") => Some(ok(json!({"data": {"keys": ["a/", "b/"]}}))),
        ("team/a/", "sys/policies/acl") => Some(ok(json!({"data": {"keys": ["deploy"]}}))),
        ("team/a/", "sys/policies/acl/deploy") => Some(ok(json!({"data": {
            "policy": "path \"sys/policies/acl/*\" { capabilities = [\"update\"] }",
        }}))),
        ("team/b/", "sys/policies/acl") => Some(refused(403, &["permission denied"])),
        _ => None,
    })
    .await;
    let snapshot = scan(&target(&server.uri())).await.unwrap();
    assert!(said(&snapshot, "lab/team/b", "vault.policy").is_gap());
    let facts = facts(&snapshot);
    let mut tenants: Vec<&str> = facts.tenants.iter().map(|one| one.id.as_str()).collect();
    tenants.sort_unstable();
    assert_eq!(tenants, ["lab", "lab/team", "lab/team/a", "lab/team/b"]);
    let path = facts
        .paths
        .iter()
        .find(|path| path.technique == "VLT-PE-002");
    assert_eq!(path.unwrap().tenant, "lab/team/a");
}

#[tokio::test]
async fn what_newer_servers_offer_becomes_facts() {
    let server = serve(|_, path, query| match path {
        "sys/mounts" => Some(ok(json!({"data": {
            "kv/": {"type": "kv", "options": {"version": "2"}},
            "gcp/": {"type": "gcp"},
        }}))),
        "kv/config" => Some(ok(json!({"data": {"delete_version_after": "0s"}}))),
        "kv/metadata/" => Some(ok(json!({"data": {"keys": []}}))),
        "gcp/rolesets" => Some(ok(json!({"data": {"keys": ["builder"]}}))),
        "gcp/roleset/builder" => Some(ok(json!({"data": {"secret_type": "access_token"}}))),
        "sys/plugins/catalog" => Some(ok(json!({"data": {"detailed": [
            {"name": "kv", "type": "secret", "builtin": true},
            {"name": "artifactory", "type": "secret", "builtin": false},
        ]}}))),
        "identity/oidc/client" => Some(ok(json!({"data": {"keys": ["grafana"]}}))),
        "identity/oidc/client/grafana" => Some(ok(json!({"data": {
            "assignments": ["allow_all"], "client_secret": "hvo_secret",
        }}))),
        "sys/leases" if query.get("type").is_some_and(|kind| kind == "irrevocable") => {
            Some(ok(json!({"data": {"lease_count": 1, "leases": [
                {"lease_id": "database/creds/ro/abc", "error": "target is gone"},
            ]}})))
        }
        _ => None,
    })
    .await;
    let snapshot = scan(&target(&server.uri())).await.unwrap();
    let all: Vec<u8> = snapshot
        .documents
        .iter()
        .flat_map(|one| one.text.to_vec())
        .collect();
    assert!(!String::from_utf8_lossy(&all).contains("hvo_secret"));
    let facts = facts(&snapshot);
    let attrs = &facts.tenants[0].attrs;
    let is = |name: &str| format!("{:?}", attrs.get(name.into()));
    assert!(is("foreign_plugins").contains("secret/artifactory"));
    assert!(is("oidc_open_clients").contains("grafana"));
    assert!(is("kv_keeps_for_ever").contains("kv"));
    assert!(is("irrevocable_leases").contains('1'));
    assert!(
        facts
            .identities
            .iter()
            .any(|one| one.id == "gcp/roleset/builder")
    );
    let lease = facts
        .credentials
        .iter()
        .find(|one| one.kind == "lease")
        .unwrap();
    assert_eq!(lease.id, "database/creds/ro/abc");
    assert_eq!(lease.attrs.get("irrevocable".into()), Some(&true.into()));
}

/// Ends with the test, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let certify = |name: &str| {
        Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
            ])
            .args([
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ])
            .args([
                "-keyout",
                &at(&format!("{name}.key")),
                "-out",
                &at(&format!("{name}.crt")),
            ])
            .stderr(Stdio::null())
            .status()
    };
    if !certify("server").is_ok_and(|status| status.success()) {
        println!("skipped: openssl is not installed, which makes the certificates");
        return;
    }
    assert!(certify("other").unwrap().success());
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let server = Command::new("openssl")
        .args([
            "s_server",
            "-quiet",
            "-www",
            "-accept",
            &format!("127.0.0.1:{port}"),
        ])
        .args(["-cert", &at("server.crt"), "-key", &at("server.key")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _running = Running(server);
    let address = format!("https://localhost:{port}");
    let mut target = target(&address);
    target.ca = Some(at("other.crt").into());
    let start = Instant::now();
    let error = loop {
        let error = scan(&target).await.unwrap_err().to_string();
        // Until the server listens, the connection is refused.
        if !error.contains("refused") || start.elapsed() > Duration::from_secs(20) {
            break error;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(error.contains("is not trusted"), "{error}");
    // With the right authority the way is open; it is no Vault, and that is said.
    target.ca = Some(at("server.crt").into());
    let error = scan(&target).await.unwrap_err().to_string();
    assert!(error.contains("does not answer like a Vault"), "{error}");
}
