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
use tenure::model::{Activation, Inventory, Sym};
use tenure::resolve::{Context, kubernetes, resolve};
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
    folder: tempfile::TempDir,
    config: kube::Config,
}

impl Server {
    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A certificate of the server's client authority for `subject`, with its key and
    /// request, as files of that `name`.
    fn certify(&self, name: &str, subject: &str) {
        let at = |kind: &str| self.file(&format!("{name}.{kind}"));
        std::fs::write(
            at("ext"),
            "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n",
        )
        .unwrap();
        openssl(&[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            &at("key"),
            "-out",
            &at("csr"),
            "-subj",
            subject,
        ]);
        openssl(&[
            "x509",
            "-req",
            "-in",
            &at("csr"),
            "-CA",
            &self.file("ca.crt"),
            "-CAkey",
            &self.file("ca.key"),
            "-CAcreateserial",
            "-extfile",
            &at("ext"),
            "-days",
            "1",
            "-out",
            &at("crt"),
        ]);
    }
}

fn openssl(arguments: &[&str]) {
    let made = Command::new("openssl")
        .args(arguments)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success(), "openssl {arguments:?}");
}

/// Text of a file as Kubernetes wants bytes.
fn base64(file: &str) -> String {
    let output = Command::new("openssl")
        .args(["base64", "-A", "-in", file])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn start(server: &Path, etcd: &Path) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (store, peers, port) = (free_port(), free_port(), free_port());
    openssl(&["genrsa", "-out", &at("sa.key"), "2048"]);
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        &at("ca.key"),
        "-out",
        &at("ca.crt"),
        "-subj",
        "/CN=clients of the test",
        "-days",
        "1",
    ]);
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
        format!("--client-ca-file={}", at("ca.crt")),
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
        folder,
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

/// A server of one's own, or none where there can be none.
fn server() -> Option<Server> {
    match binaries() {
        Ok((server, etcd)) => Some(start(&server, &etcd)),
        Err(reason) => {
            let go = Command::new("go").arg("version").output().is_ok();
            assert!(
                !(go && std::env::var_os("CI").is_some_and(|value| value == "true")),
                "no API server on a CI machine with Go: {reason}"
            );
            println!("skipped: the live Kubernetes suite needs an API server: {reason}");
            None
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn scan(config: kube::Config, settings: &str) -> Snapshot {
    let store = Store::in_memory(DAY.parse().unwrap());
    let settings = Config::parse(settings).unwrap();
    let cluster = Cluster::new("prod-eu", config, Duration::from_secs(1)).unwrap();
    let session = Session {
        config: &settings,
        store: &store,
        progress: &Silent,
    };
    cluster.collect(session).await.unwrap();
    store.finish().unwrap()
}

/// What a kubelet may do, by the server itself and by the simulator.
#[test]
fn kubelets_are_answered_as_the_server_does() {
    let Some(server) = server() else { return };
    runtime().block_on(async {
        let client = kube::Client::try_from(server.config.clone()).unwrap();
        ready(&client).await;
        make_node_objects(&client).await;
        let objects = simulated(&client).await;
        let mut wrong = Vec::new();
        for (number, question) in questions().into_iter().enumerate() {
            let theirs = review(&client, &question, number == 0).await;
            let mut case = question.clone();
            case["user"] = json!("system:node:n1");
            case["groups"] = json!(["system:nodes", "system:authenticated"]);
            let ours = kubernetes::simulate(&objects, &case.to_string());
            if (ours["answer"] == "allowed") != theirs {
                wrong.push(format!(
                    "{question}: the server says {theirs}, we say {ours}"
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        impersonate_own_node(&server, &client, &objects).await;
    });
}

/// Two pods on two nodes, with what the first needs.
async fn make_node_objects(client: &kube::Client) {
    let pod = |name: &str, node: &str, spec: Value| {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"nodeName": node, "serviceAccountName": name,
                "containers": [{"name": "c", "image": "x"}]},
        });
        if let Some(more) = spec.as_object() {
            for (key, value) in more {
                pod["spec"][key] = value.clone();
            }
        }
        pod
    };
    let all = [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n2"}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "agent", "namespace": "shop"}}),
        pod(
            "agent",
            "n1",
            json!({
                "imagePullSecrets": [{"name": "registry"}],
                "containers": [{"name": "c", "image": "x",
                    "envFrom": [{"configMapRef": {"name": "settings"}}],
                    "env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}}]}],
                "volumes": [
                    {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
                    {"name": "s", "secret": {"secretName": "tls"}},
                    {"name": "j", "projected": {"sources": [{"secret": {"name": "joined"}}]}},
                ],
            }),
        ),
        pod("other", "n2", json!({})),
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv1"},
            "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                "claimRef": {"namespace": "shop", "name": "data"},
                "csi": {"driver": "d", "volumeHandle": "h",
                    "nodeStageSecretRef": {"namespace": "shop", "name": "stage"},
                    "controllerExpandSecretRef": {"namespace": "shop", "name": "expand"}}}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "own-node"}, "rules": [
                {"apiGroups": ["authentication.k8s.io"], "resources": ["nodes"],
                    "verbs": ["impersonate:associated-node"]},
                {"apiGroups": [""], "resources": ["nodes"],
                    "verbs": ["impersonate-on:associated-node:get"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "own-node"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "own-node"},
            "subjects": [{"kind": "ServiceAccount", "namespace": "shop", "name": "agent"}]}),
    ];
    for object in all {
        let (status, answer) = call(client, "POST", &collection(&object), object.clone()).await;
        assert_eq!(status, 201, "{answer}");
    }
}

/// The server's own objects, as the simulator takes them.
async fn simulated(client: &kube::Client) -> kubernetes::Objects {
    let mut lists = Vec::new();
    for path in [
        "/api/v1/pods",
        "/api/v1/persistentvolumes",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "/apis/rbac.authorization.k8s.io/v1/roles",
        "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    ] {
        lists.push(call(client, "GET", path, Value::Null).await.1);
    }
    kubernetes::Objects::parse(json!(lists).to_string().as_bytes()).unwrap()
}

/// The first is one the server must come to allow, when it has seen the pods.
fn questions() -> Vec<Value> {
    let resources = [
        ("", "secrets", ""),
        ("", "configmaps", ""),
        ("", "serviceaccounts", ""),
        ("", "serviceaccounts", "token"),
        ("", "pods", ""),
        ("", "pods", "status"),
        ("", "pods", "eviction"),
        ("", "nodes", ""),
        ("", "nodes", "status"),
        ("", "persistentvolumeclaims", ""),
        ("", "persistentvolumeclaims", "status"),
        ("", "persistentvolumes", ""),
        ("", "services", ""),
        ("", "events", ""),
        ("storage.k8s.io", "csinodes", ""),
        ("storage.k8s.io", "volumeattachments", ""),
        ("coordination.k8s.io", "leases", ""),
        ("resource.k8s.io", "resourceslices", ""),
        ("certificates.k8s.io", "certificatesigningrequests", ""),
        ("apps", "deployments", ""),
    ];
    let places = [
        ("shop", "db"),
        ("shop", "registry"),
        ("shop", "tls"),
        ("shop", "joined"),
        ("shop", "stage"),
        ("shop", "expand"),
        ("shop", "settings"),
        ("shop", "agent"),
        ("shop", "other"),
        ("shop", "data"),
        ("shop", ""),
        ("", ""),
        ("", "n1"),
        ("", "n2"),
        ("", "pv1"),
        ("kube-node-lease", "n1"),
        ("kube-node-lease", "n2"),
    ];
    let mut all = vec![json!({
        "verb": "get", "group": "", "resource": "secrets", "namespace": "shop", "name": "db",
    })];
    for (group, resource, subresource) in resources {
        for verb in ["get", "list", "create", "update", "delete"] {
            for (namespace, name) in places {
                all.push(json!({
                    "verb": verb, "group": group, "resource": resource,
                    "subresource": subresource, "namespace": namespace, "name": name,
                }));
            }
        }
    }
    all
}

/// What the server says; asked again for a while if it `must` come to allow it.
async fn review(client: &kube::Client, question: &Value, must: bool) -> bool {
    let start = Instant::now();
    loop {
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": "system:node:n1", "groups": ["system:nodes", "system:authenticated"],
                "resourceAttributes": question},
        });
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let (status, answer) = call(client, "POST", path, body).await;
        assert_eq!(status, 201, "{answer}");
        let allowed = answer["status"]["allowed"] == true;
        if allowed || !must {
            return allowed;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{answer}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A service account acts as the node its pod is on, and as no other (1.36).
async fn impersonate_own_node(
    server: &Server,
    client: &kube::Client,
    objects: &kubernetes::Objects,
) {
    let (_, pod) = call(
        client,
        "GET",
        "/api/v1/namespaces/shop/pods/agent",
        Value::Null,
    )
    .await;
    let bound = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "agent",
            "uid": pod["metadata"]["uid"]}},
    });
    let path = "/api/v1/namespaces/shop/serviceaccounts/agent/token";
    let (status, answer) = call(client, "POST", path, bound).await;
    assert_eq!(status, 201, "{answer}");
    let mut config = server.config.clone();
    let token = answer["status"]["token"].as_str().unwrap().to_owned();
    config.auth_info.token = Some(token.into());
    let agent = kube::Client::try_from(config).unwrap();
    for node in ["n1", "n2"] {
        let request = Request::builder()
            .uri(format!("/api/v1/nodes/{node}"))
            .header("Impersonate-User", format!("system:node:{node}"))
            .body(Body::empty())
            .unwrap();
        let theirs = agent.send(request).await.unwrap().status().as_u16() == 200;
        let case = json!({
            "user": "system:serviceaccount:shop:agent",
            "extra": {"authentication.kubernetes.io/node-name": ["n1"]},
            "as": {"user": format!("system:node:{node}")},
            "verb": "get", "group": "", "resource": "nodes", "name": node,
        });
        let ours = kubernetes::simulate(objects, &case.to_string());
        assert_eq!(ours["answer"] == "allowed", theirs, "{node}: {ours}");
        assert_eq!(theirs, node == "n1");
    }
}

/// A scanner that logs in with a client certificate and has what `tenure permissions`
/// says sees everything, certificates among it.
#[test]
fn a_client_certificate_with_the_printed_role_suffices() {
    let Some(server) = server() else { return };
    server.certify("scanner", "/O=auditors/CN=scanner");
    server.certify("erin", "/O=dev/CN=erin");
    let live = runtime().block_on(async {
        let client = kube::Client::try_from(server.config.clone()).unwrap();
        ready(&client).await;
        let printed = tenure::connect::kubernetes::permissions();
        let mut objects = serde_saphyr::from_multiple::<Value>(&printed).unwrap();
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "tenure-scanner"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tenure-scanner"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "auditors"}],
        }));
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "tenure-scanner", "namespace": "kube-system"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tenure-scanner"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "auditors"}],
        }));
        for object in objects {
            let (status, answer) = call(&client, "POST", &collection(&object), object.clone()).await;
            assert_eq!(status, 201, "{answer}");
        }
        request_certificate(&server, &client).await;
        make_node_objects(&client).await;
        let mut config = server.config.clone();
        config.auth_info = kube::config::AuthInfo {
            client_certificate: Some(server.file("scanner.crt")),
            client_key: Some(server.file("scanner.key")),
            ..kube::config::AuthInfo::default()
        };
        scan(config, "").await
    });
    let gaps: Vec<_> = live.coverage.iter().filter(|seen| seen.is_gap()).collect();
    assert!(gaps.is_empty(), "{gaps:?}");
    let facts = inventory(&live);
    let certificate = facts
        .credentials
        .iter()
        .find(|fact| fact.kind == "certificate")
        .expect("the approved request is there");
    let is = |name: &str| certificate.attrs.get(name.into()).cloned();
    assert_eq!(is("client"), Some(true.into()));
    assert_eq!(is("requester"), Some("admin".into()));
    assert!(certificate.active && certificate.expires.at().is_some());
    // The volume behind its pod's claim names a secret for the kubelet, and one that is
    // not for it.
    let kubelet = facts.paths.iter().find(|path| {
        path.technique == "K8S-N01" && facts.identity(path.from).name == "system:node:n1"
    });
    let secrets = kubelet.unwrap().attrs.get("secrets".into()).cloned();
    let names = ["db", "joined", "registry", "stage", "tls"];
    let names = names.map(|name| Sym::new(&format!("shop/{name}")));
    assert_eq!(secrets, Some(names.to_vec().into()));
}

/// Asks for a certificate and approves it, as `kubectl certificate approve` does.
async fn request_certificate(server: &Server, client: &kube::Client) {
    let root = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let body = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": "erin"},
        "spec": {"request": base64(&server.file("erin.csr")), "usages": ["client auth"],
            "signerName": "kubernetes.io/kube-apiserver-client", "expirationSeconds": 864_000_000},
    });
    let (status, mut request) = call(client, "POST", root, body).await;
    assert_eq!(status, 201, "{request}");
    request["status"] = json!({"conditions": [{"type": "Approved", "status": "True",
        "reason": "test", "message": "test"}]});
    let path = format!("{root}/erin/approval");
    let (status, answer) = call(client, "PUT", &path, request).await;
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn a_live_scan_sees_what_the_files_say() {
    let Some(server) = server() else { return };
    let live = runtime().block_on(async {
        let client = kube::Client::try_from(server.config.clone()).unwrap();
        ready(&client).await;
        apply(&client).await;
        scan(server.config.clone(), "kubernetes: {secrets: true}").await
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
