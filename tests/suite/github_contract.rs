//! Our idea of GitHub against GitHub's own: its OpenAPI examples, its GraphQL schema and
//! recorded exchanges. A cut of each is part of the project (`tests/data/github`, with
//! licences); where `../shared` is there, the whole schema is used as well.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tenure::config::Github;
use tenure::connect::github::{Client, Credential, queries};
use tenure::connect::{Secret, Silent};
use tenure::resolve::github::answer as a;
use tenure::snapshot::github::{DOCUMENTS, Offered};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::github_sdl::{Schema, validate};

fn data(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/github")
        .join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Decodes an item as the resolver does and writes it again.
fn through(kind: &str, item: &Value) -> Option<Result<Value, serde_json::Error>> {
    fn pass<T: serde::de::DeserializeOwned + serde::Serialize>(
        item: &Value,
    ) -> Result<Value, serde_json::Error> {
        serde_json::from_value::<T>(item.clone()).and_then(serde_json::to_value)
    }
    Some(match kind {
        "organization" => pass::<a::Organization>(item),
        "members"
        | "owners"
        | "members-without-two-factor"
        | "outside-collaborators"
        | "outside-without-two-factor"
        | "team-members"
        | "organization-role-users"
        | "collaborators" => pass::<a::Account>(item),
        "invitations" | "failed-invitations" => pass::<a::Invitation>(item),
        "teams" | "organization-role-teams" | "repository-teams" => pass::<a::Team>(item),
        "team-mappings" | "team-external-groups" | "external-groups" | "external-group" => {
            pass::<a::ExternalGroup>(item)
        }
        "organization-roles" => pass::<a::OrganizationRole>(item),
        "repository-roles" => pass::<a::RepositoryRole>(item),
        "installations" => pass::<a::Installation>(item),
        "tokens" => pass::<a::Token>(item),
        "token-requests" => pass::<a::TokenRequest>(item),
        "credential-authorizations" => pass::<a::Authorization>(item),
        "hooks" | "repository-hooks" => pass::<a::Hook>(item),
        "rulesets" | "ruleset" | "repository-rulesets" | "repository-ruleset" => {
            pass::<a::Ruleset>(item)
        }
        "actions-permissions" => pass::<a::ActionsPermissions>(item),
        "actions-workflow" | "repository-workflow" => pass::<a::WorkflowPermissions>(item),
        "actions-selected" => pass::<a::SelectedActions>(item),
        "actions-self-hosted" => pass::<a::SelfHosted>(item),
        "actions-fork-approval" => pass::<a::ForkApproval>(item),
        "actions-fork-private" => pass::<a::ForkWorkflows>(item),
        "runners" | "repository-runners" => pass::<a::Runner>(item),
        "runner-groups" => pass::<a::RunnerGroup>(item),
        "oidc" | "repository-oidc" => pass::<a::OidcTemplate>(item),
        "oidc-properties" => pass::<a::OidcProperty>(item),
        "bypass-requests" | "scanning-bypass-requests" => pass::<a::BypassRequest>(item),
        "audit-log" => pass::<a::AuditEntry>(item),
        "deploy-keys" => pass::<a::DeployKey>(item),
        "branch-protection" => pass::<a::Protection>(item),
        "environments" => pass::<a::Environment>(item),
        "environment-branches" => pass::<a::BranchPattern>(item),
        name if name.ends_with("secrets") => pass::<a::Secret>(item),
        "repositories" | "repository" | "team-repositories" => pass::<a::Repository>(item),
        name if name.ends_with("-repositories") => pass::<a::Repository>(item),
        _ => return None,
    })
}

/// Fields GitHub sends that its description leaves out, or that belong to another list
/// of the same kind of thing: each with where it was seen.
const UNDESCRIBED: &[&str] = &[
    // In recorded answers and the documentation, not in the description.
    "can_admins_bypass",
    "authorized_credential_note",
    "authorized_credential_title",
    // One type stands for the organisation's and the repository's template.
    "use_default",
    "sub_claim_prefix",
    // One type stands for accounts, teams and repositories in every list.
    "role",
    "role_name",
    "permissions",
    "assignment",
    "inherited_from",
    "permission",
    "parent",
    "type",
    "site_admin",
    "admin",
    "maintain",
    "push",
    "triage",
    "pull",
    "visibility",
    "disabled",
    "default_branch",
    "created_at",
    "pushed_at",
    "archived",
    "teams",
    "group_id",
    "group_name",
    "slug",
    "privacy",
    "user",
    "team",
    "repo",
    "old_permission",
];

fn same(ours: &Value, theirs: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let time = |value: &Value| match value {
        Value::String(text) => text.parse::<Timestamp>().ok(),
        Value::Number(number) => Timestamp::from_millisecond(number.as_i64()?).ok(),
        _ => None,
    };
    ours == theirs
        || (text(ours).is_some() && text(ours) == text(theirs))
        || (time(ours).is_some() && time(ours) == time(theirs))
}

/// What of `theirs` is lost or changed in `ours`; names of ours that nobody knows.
fn compare(
    at: &str,
    ours: &Value,
    theirs: &Value,
    known: &BTreeSet<&str>,
    wrong: &mut Vec<String>,
) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, value) in ours {
                let place = format!("{at}.{name}");
                match theirs.get(name) {
                    Some(theirs) => compare(&place, value, theirs, known, wrong),
                    None if known.contains(name.as_str())
                        || UNDESCRIBED.contains(&name.as_str()) => {}
                    // Names of permissions are data.
                    None if at.ends_with("permissions") => {}
                    None => wrong.push(format!("{place}: GitHub knows no such field")),
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            if ours.len() != theirs.len() {
                wrong.push(format!(
                    "{at}: {} of {} items are left",
                    ours.len(),
                    theirs.len()
                ));
            }
            for (ours, theirs) in ours.iter().zip(theirs) {
                compare(at, ours, theirs, known, wrong);
            }
        }
        // Nothing was said, and nothing is said.
        (Value::Null | Value::Array(_) | Value::Object(_), Value::Null) => {}
        // One of GitHub's own examples is no value of the field's type.
        (Value::Null, Value::String(text)) if text == "trues" => {}
        // GitHub's own examples have an empty text for a time nothing happened at.
        (Value::Null, Value::String(text)) if text.is_empty() => {}
        (ours, theirs) if same(ours, theirs) => {}
        (ours, theirs) => wrong.push(format!("{at}: {theirs} became {ours}")),
    }
}

#[test]
fn no_field_of_githubs_examples_is_lost() {
    let data = data("openapi-examples.json");
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (plan, examples) in data["examples"].as_object().unwrap() {
        for (kind, example) in examples.as_object().unwrap() {
            let document = DOCUMENTS
                .iter()
                .find(|document| document.name == kind)
                .unwrap();
            let described = data["properties"][kind].as_array();
            let known: BTreeSet<&str> = described
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let items = match (example, document.list) {
                (Value::Object(map), Some(list)) => {
                    map[list].as_array().cloned().unwrap_or_default()
                }
                (Value::Array(items), _) => items.clone(),
                (one, _) => vec![one.clone()],
            };
            assert!(!items.is_empty(), "{plan} {kind}");
            for item in items {
                let Some(passed) = through(kind, &item) else {
                    wrong.push(format!("{kind}: no type decodes it"));
                    continue;
                };
                checked += 1;
                match passed {
                    Ok(ours) => {
                        compare(&format!("{plan} {kind}"), &ours, &item, &known, &mut wrong)
                    }
                    Err(error) => wrong.push(format!("{plan} {kind}: {error}")),
                }
            }
        }
    }
    assert!(checked > 180, "{checked}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn endpoints_are_offered_where_github_says_so() {
    let data = data("openapi-examples.json");
    let mut wrong = Vec::new();
    for document in DOCUMENTS {
        let on = |plan: &str| data["examples"][plan].get(document.name).is_some();
        // GraphQL, and two endpoints outside the cut.
        if document.endpoint == "graphql" || !on("ghec") {
            continue;
        }
        let expected = match document.offered {
            Offered::Everywhere => (true, true),
            Offered::Cloud => (true, false),
            Offered::Enterprise => (false, true),
            Offered::EnterpriseCloud => (false, false),
        };
        if expected != (on("fpt"), on("ghes-3.17")) {
            wrong.push(format!(
                "{}: {:?}, free {}, server {}",
                document.name,
                document.offered,
                on("fpt"),
                on("ghes-3.17")
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn queries_fit_githubs_schema() {
    let cut = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/github/schema-subset.graphql"),
    )
    .unwrap();
    let mut schemas = vec![("cut", Schema::parse(&cut))];
    match shared()
        .map(|root| root.join("data/github/schema.graphql.gz"))
        .filter(|path| path.is_file())
    {
        Some(path) => {
            let mut text = String::new();
            let file = flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap());
            std::io::Read::read_to_string(&mut { file }, &mut text).unwrap();
            schemas.push(("whole", Schema::parse(&text)));
        }
        None => println!("skipped the whole schema: ../shared is not there"),
    }
    for (of, schema) in &schemas {
        for (name, query) in queries::ALL {
            let wrong = validate(schema, query);
            assert!(
                wrong.is_empty(),
                "{name} against the {of} schema: {wrong:#?}"
            );
        }
        // The checker does find what is wrong.
        for (query, words) in [
            (
                "query($org: String!) { organization(login: $org) { logn } }",
                "logn",
            ),
            (
                "query($org: String!) { organization(login: $orgs) { login } }",
                "orgs",
            ),
            ("query { organization { login } }", "login"),
            (
                "query($org: String!) { organization(login: $org) { teams(first: 1) } }",
                "teams",
            ),
            (
                "query($org: String!) { organization(login: $org) { login { x } } }",
                "login",
            ),
            (
                "query($org: Int!) { organization(login: $org) { login } }",
                "org",
            ),
            (
                "query($ids: [ID!]!) { nodes(ids: $ids) { ... on BranchProtectRule { id } } }",
                "BranchProtectRule",
            ),
        ] {
            let wrong = validate(schema, query);
            assert!(
                wrong.iter().any(|text| text.contains(words)),
                "{query}: {wrong:?}"
            );
        }
    }
}

fn shared() -> Option<PathBuf> {
    let path = match std::env::var_os("TENURE_SHARED") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
    };
    path.is_dir().then_some(path)
}

/// Serves one recording: for each address, its answers one after the other.
async fn replay(recording: &Value) -> MockServer {
    let server = MockServer::start().await;
    let base = server.uri();
    let host = server.address().to_string();
    let (name, port) = host.split_once(':').unwrap();
    let mut queues: BTreeMap<String, VecDeque<ResponseTemplate>> = BTreeMap::new();
    for exchange in recording["exchanges"].as_array().unwrap() {
        let fill = |text: &str| {
            text.replace("{{request.host}}", name)
                .replace("{{request.port}}", port)
                .replace("https://api.github.com", &base)
        };
        let mut answer = ResponseTemplate::new(exchange["status"].as_u64().unwrap() as u16);
        for (header, value) in exchange["headers"].as_object().unwrap() {
            let lower = header.to_lowercase();
            // The body is sent plain and whole by this server.
            if [
                "content-encoding",
                "content-length",
                "transfer-encoding",
                "connection",
                "status",
            ]
            .contains(&lower.as_str())
            {
                continue;
            }
            let values: Vec<&str> = match value {
                Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect(),
            };
            for value in values {
                let value = match value.contains("{{now") {
                    // The recording's template: eight seconds from now.
                    true => jiff::fmt::rfc2822::to_string(
                        &(jiff::Timestamp::now() + Duration::from_secs(8))
                            .to_zoned(jiff::tz::TimeZone::UTC),
                    )
                    .unwrap(),
                    false => value.to_owned(),
                };
                answer = answer.append_header(lower.as_str(), fill(&value).as_str());
            }
        }
        let answer = answer.set_body_string(exchange["body"].as_str().unwrap().to_owned());
        queues
            .entry(exchange["url"].as_str().unwrap().to_owned())
            .or_default()
            .push_back(answer);
    }
    let queues = Mutex::new(queues);
    Mock::given(any())
        .respond_with(move |request: &Request| {
            let mut address = request.url.path().to_owned();
            if let Some(query) = request.url.query() {
                address = format!("{address}?{query}");
            }
            let mut queues = queues.lock().unwrap();
            match queues.get_mut(&address) {
                Some(queue) if queue.len() > 1 => queue.pop_front().unwrap(),
                Some(queue) => queue.front().unwrap().clone(),
                None => ResponseTemplate::new(404).set_body_json(json!({"message": "Not Found"})),
            }
        })
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn recorded_exchanges_are_understood() {
    let data = data("recordings.json");
    let token = Credential::Token(Secret::new("x"));
    let mut paged = 0;
    let mut waited = 0;
    for recording in data["recordings"].as_array().unwrap() {
        let name = recording["name"].as_str().unwrap();
        let server = replay(recording).await;
        let config = Github {
            base_url: server.uri(),
            ..Github::default()
        };
        let client = Client::new(&config, &token, "acme", &Silent, Duration::from_micros(20))
            .await
            .unwrap();
        let mut asked = BTreeSet::new();
        for exchange in recording["exchanges"].as_array().unwrap() {
            let address = exchange["url"].as_str().unwrap();
            if !asked.insert(address.to_owned()) {
                continue;
            }
            let before = client.count().rest;
            let reply = client.get(address).await.unwrap();
            let first = exchange["status"].as_u64().unwrap();
            if first == 403 || first == 429 {
                assert_eq!(
                    u64::from(reply.status),
                    200,
                    "{name} {address}: {}",
                    reply.body
                );
                assert_eq!(
                    client.count().rest - before,
                    2,
                    "{name} waits and asks once more"
                );
                waited += 1;
            } else {
                assert_eq!(
                    u64::from(reply.status),
                    first,
                    "{name} {address}: {}",
                    reply.body
                );
            }
            if reply.ok() {
                serde_json::from_str::<Value>(&reply.body).unwrap();
            } else {
                assert!(
                    reply.message().contains("Not Found"),
                    "{name}: {}",
                    reply.body
                );
            }
            if let Some(next) = reply.next {
                paged += 1;
                assert!(next.starts_with('/'), "{name}: {next}");
                assert_eq!(
                    client.get(&next).await.unwrap().status,
                    200,
                    "{name}: {next}"
                );
            }
            assert!(!reply.strayed, "{name} {address}");
        }
    }
    assert!(paged >= 5, "{paged} pages go on");
    assert!(waited >= 6, "{waited} limits were waited for");
}

#[tokio::test]
async fn a_renamed_organisation_is_found_and_the_token_goes_along() {
    let server = MockServer::start().await;
    let base = server.uri();
    Mock::given(any())
        .respond_with(move |request: &Request| {
            assert_eq!(
                request.headers.get("authorization").unwrap(),
                "Bearer x",
                "{}",
                request.url
            );
            match request.url.path() {
                "/orgs/old" => ResponseTemplate::new(301)
                    .insert_header("location", format!("{base}/organizations/7")),
                _ => ResponseTemplate::new(200).set_body_json(json!({"login": "new"})),
            }
        })
        .mount(&server)
        .await;
    let config = Github {
        base_url: server.uri(),
        ..Github::default()
    };
    let token = Credential::Token(Secret::new("x"));
    let client = Client::new(&config, &token, "old", &Silent, Duration::from_micros(20))
        .await
        .unwrap();
    let reply = client.get("/orgs/old").await.unwrap();
    assert_eq!((reply.status, reply.body.contains("new")), (200, true));
}

#[tokio::test]
async fn an_enterprise_server_has_its_graphql_elsewhere() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(|request: &Request| {
            assert_eq!(
                request.headers.get("authorization").unwrap(),
                "Bearer x",
                "{}",
                request.url
            );
            match request.url.path() {
                "/api/graphql" => ResponseTemplate::new(200)
                    .set_body_json(json!({"data": {"rateLimit": {"cost": 3}}})),
                "/api/v3/orgs/acme/members" => ResponseTemplate::new(200)
                    .set_body_json(json!([]))
                    .insert_header(
                        "link",
                        format!(
                            "<http://{}/api/v3/organizations/7/members?page=2>; rel=\"next\"",
                            request.headers["host"].to_str().unwrap()
                        ),
                    ),
                "/api/v3/organizations/7/members" => {
                    ResponseTemplate::new(200).set_body_json(json!([{"login": "b"}]))
                }
                path => panic!("{path}"),
            }
        })
        .mount(&server)
        .await;
    let config = Github {
        base_url: format!("{}/api/v3", server.uri()),
        ..Github::default()
    };
    let token = Credential::Token(Secret::new("x"));
    let client = Client::new(&config, &token, "acme", &Silent, Duration::from_micros(20))
        .await
        .unwrap();
    assert!(
        client
            .graph("query { rateLimit { cost } }", &json!({}))
            .await
            .unwrap()
            .ok()
    );
    assert_eq!(client.count().points, 3);
    let first = client.get("/orgs/acme/members").await.unwrap();
    assert_eq!(
        first.next.as_deref(),
        Some("/organizations/7/members?page=2")
    );
    assert!(
        client
            .get(&first.next.unwrap())
            .await
            .unwrap()
            .body
            .contains('b')
    );
}

#[tokio::test]
async fn an_app_asks_as_its_installation() {
    // A key made for this test; it opens nothing.
    let key = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/github/test-app-key.pem"),
    )
    .unwrap();
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(|request: &Request| {
            let signed = request.headers.get("authorization").unwrap().to_str().unwrap();
            let jwt = signed.strip_prefix("Bearer ").unwrap().split('.').count() == 3;
            match request.url.path() {
                "/orgs/acme/installation" if jwt => {
                    ResponseTemplate::new(200).set_body_json(json!({"id": 42, "app_id": 7}))
                }
                "/app/installations/42/access_tokens" if jwt => ResponseTemplate::new(201)
                    .set_body_json(json!({"token": "ghs_minted", "expires_at": "2099-01-01T00:00:00Z", "permissions": {}})),
                "/orgs/acme/personal-access-tokens" if signed == "Bearer ghs_minted" => ResponseTemplate::new(200).set_body_json(json!([])),
                path => ResponseTemplate::new(401).set_body_json(json!({"message": format!("{path} {signed}")})),
            }
        })
        .mount(&server)
        .await;
    let config = Github {
        base_url: server.uri(),
        ..Github::default()
    };
    let app = Credential::App {
        id: 7,
        key: Secret::new(&key),
        installation: None,
    };
    assert!(app.is_app());
    let client = Client::new(&config, &app, "acme", &Silent, Duration::from_micros(20))
        .await
        .unwrap();
    let reply = client
        .get("/orgs/acme/personal-access-tokens")
        .await
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    let broken = Credential::App {
        id: 7,
        key: Secret::new("no key"),
        installation: Some(42),
    };
    let error = Client::new(&config, &broken, "acme", &Silent, Duration::from_micros(20))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no RSA key"), "{error}");
}
