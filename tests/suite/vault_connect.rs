//! The Vault connector against recorded answers, and the facts of the fixture
//! company's vault.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tenure::config::Config;
use tenure::model::{Inventory, Moment, Seen, Sym, Tier};
use tenure::resolve::{Context, vault};
use tenure::snapshot::{Snapshot, load};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::support::vault::{scan, target};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/company/vault")
}

fn facts(snapshot: &Snapshot) -> Inventory {
    let config = Config::default();
    let context = Context {
        config: &config,
        now: "2026-11-22T09:00:00Z".parse().unwrap(),
    };
    let documents = snapshot.of(tenure::model::System::Vault);
    vault::resolve(&documents, &context)
}

fn company() -> Inventory {
    facts(&load(&fixture()).unwrap())
}

fn paths_of(facts: &Inventory, id: &str) -> Vec<String> {
    facts
        .paths
        .iter()
        .filter(|path| facts.identity(path.from).id == id)
        .map(|path| path.technique.to_string())
        .collect()
}

#[test]
fn jenkins_walks_round() {
    let facts = company();
    let jenkins = "auth/approle/role/jenkins";
    assert_eq!(paths_of(&facts, jenkins), ["VLT-PE-004", "VLT-PE-027"]);
    // It draws the deploy role without anybody's approval.
    let draws: Vec<&str> = facts
        .trusts
        .iter()
        .filter(|trust| trust.trustee == jenkins)
        .map(|trust| facts.identity(trust.target).id.as_str())
        .collect();
    assert_eq!(draws, ["aws/roles/deploy-prod"]);
    let endless = facts
        .credentials
        .iter()
        .filter(|fact| fact.kind == "secret-id" && fact.expires == Moment::Never)
        .count();
    assert_eq!(endless, 2);
}

#[test]
fn approval_is_gone_round_by_a_leftover() {
    let facts = company();
    let bypass: Vec<String> = facts
        .entitlements
        .iter()
        .filter(|fact| fact.attrs.get(Sym::new("bypasses_approval")).is_some())
        .map(|fact| format!("{} {}", facts.identity(fact.identity).name, fact.privilege))
        .collect();
    assert_eq!(bypass, ["chiara ledger-debug"]);
}

#[test]
fn tiers_are_over_all_policies_together() {
    let facts = company();
    let tier = |name: &str| {
        facts
            .identities
            .iter()
            .filter(|fact| fact.name == name)
            .map(|fact| fact.tier)
            .max()
            .unwrap()
    };
    assert_eq!(tier("ana"), Tier::Admin);
    assert_eq!(tier("platform"), Tier::Admin);
    assert_eq!(tier("breakglass"), Tier::Admin);
    assert_eq!(tier("terraform"), Tier::Admin);
    assert_eq!(tier("release"), Tier::Write);
    assert_eq!(tier("web"), Tier::Write);
}

#[test]
fn policy_files_alone_are_judged_with_their_lines() {
    let facts = facts(&load(&fixture().join("prod/sys/policies/acl/gha-terraform.hcl")).unwrap());
    let path = facts
        .paths
        .iter()
        .find(|path| path.technique == "VLT-PE-002")
        .unwrap();
    assert!(path.location.unwrap().file.ends_with("gha-terraform.hcl"));
    assert_eq!(path.location.unwrap().line, 2);
}

/// Answers like a server that holds the fixture's documents.
#[derive(Clone)]
struct Replay {
    root: PathBuf,
    refuse: &'static str,
}

impl Replay {
    fn line(&self, file: &str, key: &str, value: &Value) -> Option<Value> {
        let text = std::fs::read_to_string(self.root.join(file)).ok()?;
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|line| &line["data"][key] == value || &line[key] == value)
    }

    fn answer(&self, request: &Request) -> Option<Value> {
        let path = request.url.path().strip_prefix("/v1/")?;
        let list = request
            .url
            .query()
            .is_some_and(|query| query.starts_with("list=true"));
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        if path == "auth/token/lookup-self" {
            return Some(json!({"data": {"policies": ["tenure"]}}));
        }
        if path == "auth/token/lookup-accessor" {
            return self.line(
                "auth/token/lookup-accessor.jsonl",
                "accessor",
                &body["accessor"],
            );
        }
        if let Some(role) = path.strip_suffix("-accessor/lookup") {
            let file = format!("{role}.jsonl");
            return self.line(&file, "secret_id_accessor", &body["secret_id_accessor"]);
        }
        if path == "sys/leases/lookup" {
            return self.line("sys/leases/lookup.jsonl", "id", &body["lease_id"]);
        }
        if let Some(id) = path.strip_prefix("identity/entity/id/") {
            return self.line("identity/entity/id.jsonl", "id", &json!(id));
        }
        if let Some(id) = path.strip_prefix("identity/group/id/") {
            return self.line("identity/group/id.jsonl", "id", &json!(id));
        }
        if let Some(folder) = path
            .strip_prefix("kv/metadata")
            .or(path.strip_prefix("sys/leases/lookup"))
        {
            let (file, key) = match path.starts_with("kv") {
                true => ("kv/metadata.jsonl", "path"),
                false => ("sys/leases/lookup.jsonl", "id"),
            };
            if !list {
                return self.line(file, "path", &json!(path));
            }
            let folder = folder.trim_matches('/');
            let text = std::fs::read_to_string(self.root.join(file)).ok()?;
            let names: BTreeSet<String> = text
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .filter_map(|line| {
                    let id = line[key]
                        .as_str()
                        .or(line["data"][key].as_str())?
                        .to_owned();
                    let id = id.strip_prefix("kv/metadata/").unwrap_or(&id).to_owned();
                    let rest = match folder {
                        "" => id,
                        folder => id.strip_prefix(&format!("{folder}/"))?.to_owned(),
                    };
                    Some(match rest.split_once('/') {
                        Some((first, _)) => format!("{first}/"),
                        None => rest,
                    })
                })
                .collect();
            return Some(json!({"data": {"keys": names}}));
        }
        if let Some(name) = path.strip_prefix("sys/policies/acl/") {
            let text =
                std::fs::read_to_string(self.root.join(format!("sys/policies/acl/{name}.hcl")))
                    .ok()?;
            return Some(json!({"data": {"name": name, "policy": text}}));
        }
        let text = std::fs::read_to_string(
            self.root
                .join(format!("{}.json", path.trim_end_matches('/'))),
        )
        .ok()?;
        serde_json::from_str(&text).ok()
    }
}

impl Respond for Replay {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        if !self.refuse.is_empty() && request.url.path().contains(self.refuse) {
            return ResponseTemplate::new(403).set_body_json(
                json!({"errors": ["1 error occurred:\n\t* permission denied\n\n"]}),
            );
        }
        match self.answer(request) {
            Some(answer) => ResponseTemplate::new(200).set_body_json(answer),
            None => ResponseTemplate::new(404).set_body_json(json!({"errors": []})),
        }
    }
}

async fn serve(refuse: &'static str) -> MockServer {
    let server = MockServer::start().await;
    let replay = Replay {
        root: fixture().join("prod"),
        refuse,
    };
    Mock::given(any()).respond_with(replay).mount(&server).await;
    server
}

#[tokio::test]
async fn a_live_scan_gives_the_facts_of_the_files() {
    let server = serve("").await;
    let snapshot = scan(&target(&server.uri())).await.unwrap();
    assert!(
        snapshot
            .coverage
            .iter()
            .all(|seen| seen.seen == Seen::Complete),
        "{:?}",
        snapshot.coverage
    );
    let (live, files) = (facts(&snapshot), company());
    let ids = |facts: &Inventory| -> BTreeSet<String> {
        let identities = facts.identities.iter().map(|fact| fact.id.to_string());
        let paths = facts
            .paths
            .iter()
            .map(|path| format!("{} {}", facts.identity(path.from).id, path.technique));
        identities.chain(paths).collect()
    };
    assert_eq!(ids(&live), ids(&files));
    let requests = server.received_requests().await.unwrap();
    for request in &requests {
        let path = request.url.path();
        // Lists of leases name the paths they were drawn at; they give nothing out.
        if path.starts_with("/v1/sys/leases/lookup/") {
            assert_eq!(request.method.as_str(), "GET");
            assert!(request.url.query().unwrap().starts_with("list=true"));
            continue;
        }
        for word in [
            "/data/",
            "/creds/",
            "/sts/",
            "/static-creds/",
            "/issue/",
            "/sign/",
            "/export/",
        ] {
            assert!(!path.contains(word), "{path}");
        }
        let look_up = [
            "/lookup-accessor",
            "/secret-id-accessor/lookup",
            "/sys/leases/lookup",
        ];
        let posts = look_up.iter().any(|end| path.ends_with(end));
        assert!(
            request.method == "GET" || (request.method == "POST" && posts),
            "{} {path}",
            request.method
        );
    }
    assert!(requests.len() < 200, "{} requests", requests.len());
}

#[tokio::test]
async fn what_is_refused_is_a_gap() {
    let server = serve("sys/audit").await;
    let snapshot = scan(&target(&server.uri())).await.unwrap();
    let gap = snapshot
        .coverage
        .iter()
        .find(|seen| seen.kind == "vault.audit-device")
        .unwrap();
    assert_eq!(gap.seen, Seen::None);
    assert!(gap.reason.contains("403") && gap.remedy.is_some());
}

#[tokio::test]
async fn what_stops_a_scan_is_named() {
    let fail = |health: Value, own: ResponseTemplate| async move {
        let server = MockServer::start().await;
        Mock::given(wiremock::matchers::path("/v1/sys/health"))
            .respond_with(ResponseTemplate::new(200).set_body_json(health))
            .mount(&server)
            .await;
        Mock::given(any()).respond_with(own).mount(&server).await;
        let failed = scan(&target(&server.uri())).await;
        failed.unwrap_err().to_string()
    };
    let open = json!({"initialized": true, "sealed": false});
    let denied = ResponseTemplate::new(403).set_body_json(json!({"errors": ["permission denied"]}));
    let root = ResponseTemplate::new(200).set_body_json(json!({"data": {"policies": ["root"]}}));
    let sealed = json!({"initialized": true, "sealed": true});
    assert!(fail(sealed, denied.clone()).await.contains("sealed"));
    assert!(fail(open.clone(), denied).await.contains("not accepted"));
    assert!(fail(open, root).await.contains("root token"));
}
