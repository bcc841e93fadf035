//! A real API server: what a live scan sees is what the files say.
//!
//! Needs Go, which builds the server on first use (`tests/setup/kube_apiserver.sh`).
//! Without it the test says so and passes; on CI a machine with Go may not skip.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::{Request, header};
use kube::client::Body;
use serde_json::{Value, json};
use tenure::config::Config;
use tenure::connect::kubernetes::Cluster;
use tenure::connect::{Session, Silent};
use tenure::model::{Activation, Inventory};
use tenure::resolve::{Context, resolve};
use tenure::snapshot::{Snapshot, Store};

const TOKEN: &str = "admin-of-the-test";
/// For the service account tokens of the test server; nothing else trusts it.
const DAY: &str = "2026-11-22T12:00:00Z";

/// The server and etcd, or why there are none.
fn binaries() -> Result<(PathBuf, PathBuf), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/setup/kube_apiserver.sh");
    let output = Command::new(script)
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    match (output.status.success(), lines.next(), lines.next()) {
        (true, Some(server), Some(etcd)) => Ok((server.into(), etcd.into())),
        _ => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Ends with the test, however it ends.
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in self.0.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

struct Server {
    _running: Running,
    _folder: tempfile::TempDir,
    config: kube::Config,
}

fn start(server: &Path, etcd: &Path) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (store, peers, port) = (free_port(), free_port(), free_port());
    let made = Command::new("openssl")
        .args(["genrsa", "-out", &at("sa.key"), "2048"])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    std::fs::write(
        at("tokens.csv"),
        format!("{TOKEN},admin,admin,system:masters\n"),
    )
    .unwrap();
    let quiet = |command: &mut Command| {
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut running = Running(Vec::new());
    running.0.push(quiet(
        Command::new(etcd)
            .args(["--data-dir", &at("etcd")])
            .args(["--listen-client-urls", &format!("http://127.0.0.1:{store}")])
            .args([
                "--advertise-client-urls",
                &format!("http://127.0.0.1:{store}"),
            ])
            .args(["--listen-peer-urls", &format!("http://127.0.0.1:{peers}")]),
    ));
    running.0.push(quiet(Command::new(server).args([
        format!("--etcd-servers=http://127.0.0.1:{store}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--cert-dir={}", at("certs")),
        format!("--service-account-key-file={}", at("sa.key")),
        format!("--service-account-signing-key-file={}", at("sa.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        format!("--token-auth-file={}", at("tokens.csv")),
        "--allow-privileged=true".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--disable-admission-plugins=ServiceAccount,PodSecurity".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
    ])));
    let mut config = kube::Config::new(format!("https://127.0.0.1:{port}").parse().unwrap());
    config.accept_invalid_certs = true;
    config.auth_info.token = Some(TOKEN.to_owned().into());
    Server {
        _running: running,
        _folder: folder,
        config,
    }
}

async fn call(client: &kube::Client, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string().into_bytes()))
        .unwrap();
    match client.send(request).await {
        Ok(response) => {
            let status = response.status().as_u16();
            let text = response.into_body().collect_bytes().await.unwrap();
            (status, serde_json::from_slice(&text).unwrap_or_default())
        }
        Err(error) => (0, json!(error.to_string())),
    }
}

async fn ready(client: &kube::Client) {
    let start = Instant::now();
    while call(client, "GET", "/readyz", Value::Null).await.0 != 200 {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "the API server did not start"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The objects of the fixture cluster in an order in which they can be made.
fn objects() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/company/kubernetes/prod-eu");
    let order = [
        "namespaces.yaml",
        "nodes.yaml",
        "serviceaccounts.yaml",
        "roles.yaml",
        "jit.yaml",
        "bindings.yaml",
        "workloads.yaml",
        "pods.yaml",
        "aws-auth.yaml",
        "secrets.yaml",
    ];
    order
        .iter()
        .flat_map(|name| {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            serde_saphyr::from_multiple::<Value>(&text).unwrap()
        })
        .collect()
}

fn collection(object: &Value) -> String {
    let version = object["apiVersion"].as_str().unwrap();
    let plural = match object["kind"].as_str().unwrap() {
        "AccessPolicy" => "accesspolicies".to_owned(),
        kind => format!("{}s", kind.to_lowercase()),
    };
    let root = match version.contains('/') {
        true => format!("/apis/{version}"),
        false => format!("/api/{version}"),
    };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
        None => format!("{root}/{plural}"),
    }
}

fn definition(plural: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.access.antware.xyz")},
        "spec": {
            "group": "access.antware.xyz",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    })
}

/// Makes every object; the server gives new uids, which owner references follow.
async fn apply(client: &kube::Client) {
    for (plural, kind) in [
        ("accessgrants", "AccessGrant"),
        ("accesspolicies", "AccessPolicy"),
    ] {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let (status, answer) = call(client, "POST", path, definition(plural, kind)).await;
        assert_eq!(status, 201, "{answer}");
    }
    let start = Instant::now();
    for plural in ["accessgrants", "accesspolicies"] {
        let path = format!("/apis/access.antware.xyz/v1alpha1/{plural}");
        while call(client, "GET", &path, Value::Null).await.0 != 200 {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "{path} is not served"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    let mut uids: BTreeMap<String, Value> = BTreeMap::new();
    for mut object in objects() {
        let old = object["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if let Some(owners) = object["metadata"]["ownerReferences"].as_array_mut() {
            for owner in owners {
                if let Some(new) = owner["uid"].as_str().and_then(|uid| uids.get(uid)) {
                    owner["uid"] = new.clone();
                }
            }
        }
        let path = collection(&object);
        let (status, answer) = call(client, "POST", &path, object.clone()).await;
        // kube-system and a few roles are there already.
        assert!(
            matches!(status, 201 | 409),
            "{path}: {status} {answer}\n{object}"
        );
        uids.insert(old, answer["metadata"]["uid"].clone());
    }
}

fn inventory(snapshot: &Snapshot) -> Inventory {
    let config = Config::default();
    let context = Context {
        config: &config,
        now: DAY.parse().unwrap(),
    };
    resolve(snapshot, &context)
}

/// What both must say: who holds what, how it is worth, what it leads to. The
/// platform's own is left out: the files hold an excerpt of it.
fn summary(inventory: &Inventory) -> BTreeSet<String> {
    let own = |name: &str, attrs: &tenure::model::Attrs| {
        attrs.get(name.into()) == Some(&tenure::model::Value::Bool(true))
    };
    let entitlements = inventory
        .entitlements
        .iter()
        .filter(|fact| !own("default_binding", &fact.attrs))
        .map(|fact| {
            let who = inventory.identity(fact.identity);
            format!(
                "{} {} {} on {}: {:?}",
                who.id, fact.mechanism, fact.privilege, fact.scope, fact.tier
            )
        });
    let paths = inventory
        .paths
        .iter()
        .filter(|path| !own("default_bindings", &path.attrs))
        .map(|path| {
            let who = inventory.identity(path.from);
            format!(
                "{} walks {}: {:?} {:?}",
                who.id, path.technique, path.tier, path.verdict
            )
        });
    let trusts = inventory.trusts.iter().map(|trust| {
        format!(
            "{} trusts {}",
            inventory.identity(trust.target).id,
            trust.trustee
        )
    });
    let mut all: BTreeSet<String> = entitlements.chain(paths).chain(trusts).collect();
    all.retain(|line| !line.contains("kube-apiserver") && !line.starts_with("User/admin "));
    all
}

#[test]
fn a_live_scan_sees_what_the_files_say() {
    let (server, etcd) = match binaries() {
        Ok(found) => found,
        Err(reason) => {
            let go = Command::new("go").arg("version").output().is_ok();
            assert!(
                !(go && std::env::var_os("CI").is_some_and(|value| value == "true")),
                "no API server on a CI machine with Go: {reason}"
            );
            println!("skipped: the live Kubernetes suite needs an API server: {reason}");
            return;
        }
    };
    let server = start(&server, &etcd);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let live = runtime.block_on(async {
        let client = kube::Client::try_from(server.config.clone()).unwrap();
        ready(&client).await;
        apply(&client).await;
        let store = Store::in_memory(DAY.parse().unwrap());
        let config = Config::parse("kubernetes: {secrets: true}").unwrap();
        let cluster =
            Cluster::new("prod-eu", server.config.clone(), Duration::from_secs(1)).unwrap();
        let session = Session {
            config: &config,
            store: &store,
            progress: &Silent,
        };
        cluster.collect(session).await.unwrap();
        store.finish().unwrap()
    });
    let gaps: Vec<_> = live.coverage.iter().filter(|seen| seen.is_gap()).collect();
    assert!(gaps.is_empty(), "{gaps:?}");
    let live = inventory(&live);
    let files = inventory(&super::kubernetes_rules::cluster("prod-eu"));

    let (seen, written) = (summary(&live), summary(&files));
    let difference: Vec<_> = seen.symmetric_difference(&written).collect();
    assert!(difference.is_empty(), "{difference:#?}");
    assert!(written.len() > 40, "{}", written.len());

    let tenant = &live.tenants[0];
    assert!(tenant.attrs.get("version".into()).is_some());
    let flag = |name: &str| tenant.attrs.get(name.into()).cloned();
    assert_eq!(flag("token_auth_file"), Some(true.into()));
    assert_eq!(flag("node_restriction"), Some(true.into()));
    let grants = live
        .entitlements
        .iter()
        .filter(|fact| fact.activation == Activation::Jit)
        .count();
    assert_eq!(grants, 2);
}
