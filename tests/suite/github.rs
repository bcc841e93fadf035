//! A whole organisation, collected from a GitHub in this process and judged.

use std::time::Duration;

use serde_json::{Value, json};
use tenure::config::Config;
use tenure::connect::github::{Count, Credential, collect_as, examine};
use tenure::connect::{Answer, ConnectError, Secret, Session, Silent};
use tenure::model::{Inventory, Seen, Sym, System};
use tenure::resolve::{Context, resolve};
use tenure::snapshot::{Snapshot, Store};
use wiremock::ResponseTemplate;

use super::github_world::{ORG, Obstacle, TOKEN, World, login, methods, repository};

const NOW: &str = "2026-11-22T00:00:00Z";

fn token() -> Credential {
    Credential::Token(Secret::new(TOKEN))
}

async fn collect(config: &Config, store: &Store) -> Result<Count, ConnectError> {
    let session = Session {
        config,
        store,
        progress: &Silent,
    };
    collect_as(&token(), ORG, session, Duration::from_micros(50)).await
}

fn judge(snapshot: &Snapshot, config: &Config) -> Inventory {
    let context = Context {
        config,
        now: NOW.parse().unwrap(),
    };
    resolve(snapshot, &context)
}

async fn scanned(config: &Config) -> (Inventory, Count) {
    let store = Store::in_memory(NOW.parse().unwrap());
    let count = collect(config, &store).await.unwrap();
    (judge(&store.finish().unwrap(), config), count)
}

fn coverage(inventory: &Inventory, kind: &str) -> (Seen, bool, String) {
    let found = inventory
        .coverage
        .iter()
        .find(|one| one.kind == kind)
        .unwrap_or_else(|| panic!("no coverage of {kind}"));
    (found.seen, found.required, found.reason.to_string())
}

fn refusal(status: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(
        json!({"message": message, "documentation_url": "https://docs.github.com/rest"}),
    )
}

#[tokio::test]
async fn an_organisation_is_read_with_the_calls_the_formula_says() {
    let world = World::start().await;
    let config = world.config();
    let (facts, count) = scanned(&config).await;

    let estimate = World::shape().calls();
    assert_eq!(count.rest as usize, estimate.rest, "{count:?}");
    assert_eq!(count.points as usize, estimate.points, "{count:?}");
    assert_eq!(world.state.lock().unwrap().points, estimate.points);
    assert_eq!(
        methods(&world.log()).into_iter().collect::<Vec<_>>(),
        ["GET", "POST"]
    );
    assert!(
        world
            .log()
            .iter()
            .all(|(method, path, _)| method == "GET" || path == "/graphql")
    );

    // Everything that was there was seen.
    let gaps: Vec<_> = facts
        .coverage
        .iter()
        .filter(|one| one.is_gap())
        .map(|one| format!("{}: {}", one.kind, one.reason))
        .collect();
    // A token cannot see fine-grained tokens; that is all that lacks.
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    assert!(
        gaps[0].starts_with("github.tokens: forbidden (403 not asked"),
        "{gaps:?}"
    );

    let people = facts
        .identities
        .iter()
        .filter(|who| who.id.starts_with("officer-"))
        .count();
    assert_eq!(people, 60);
    let apps = facts
        .identities
        .iter()
        .filter(|who| who.id.starts_with("app/"))
        .count();
    assert_eq!(apps, 105, "the second page of installations was read");
    let informant: Vec<_> = facts
        .entitlements
        .iter()
        .filter(|fact| facts.identity(fact.identity).id == "informant")
        .map(|fact| format!("{} {} {}", fact.mechanism, fact.privilege, fact.scope))
        .collect();
    assert_eq!(informant, [format!("direct admin {ORG}/{}", repository(4))]);
    // The child team inherits what the team above it has.
    let child = login(2);
    let inherited = format!("{ORG}/{}", repository(1));
    assert!(facts.entitlements.iter().any(|fact| {
        facts.identity(fact.identity).id == child.as_str()
            && fact.mechanism == "team"
            && fact.scope == inherited.as_str()
    }));
    // A hook's address may hold a token: only its host is kept.
    let all = serde_json::to_string(&facts).unwrap();
    assert!(!all.contains("token=1") && !all.contains("********"));
}

#[tokio::test]
async fn the_same_answers_give_the_same_facts() {
    let world = World::start().await;
    let config = world.config();
    let (one, _) = scanned(&config).await;
    let (two, _) = scanned(&config).await;
    assert_eq!(
        serde_json::to_string(&one).unwrap(),
        serde_json::to_string(&two).unwrap()
    );
}

#[tokio::test]
async fn a_second_scan_costs_almost_nothing() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = world.config();
    config.github.cache = Some(folder.path().to_owned());
    let (first, cold) = scanned(&config).await;
    let (second, warm) = scanned(&config).await;
    assert_eq!(cold.unchanged, 0);
    let charged = warm.rest - warm.unchanged;
    assert!(charged * 10 < cold.rest, "{charged} of {}", cold.rest);
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_404_stays_a_404_whatever_the_cache_says() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = world.config();
    config.github.cache = Some(folder.path().to_owned());
    let path = format!("/orgs/{ORG}/hooks");
    let missing = refusal(404, "Not Found").insert_header("etag", "\"gone\"");
    world
        .state
        .lock()
        .unwrap()
        .instead
        .insert(path.clone(), missing);
    let (facts, _) = scanned(&config).await;
    assert_eq!(coverage(&facts, "github.hooks").0, Seen::None);
    // GitHub may answer 304 to an ETag it sent with an error; nothing was kept, so
    // none is sent, and a stray 304 is no success either.
    world
        .state
        .lock()
        .unwrap()
        .instead
        .insert(path, ResponseTemplate::new(304));
    let (facts, _) = scanned(&config).await;
    assert_eq!(coverage(&facts, "github.hooks").0, Seen::None);
}

#[tokio::test]
async fn limits_are_waited_for_and_an_hour_is_not() {
    let world = World::start().await;
    let config = world.config();
    {
        let mut state = world.state.lock().unwrap();
        for (path, answer) in [
            ("/hooks", refusal(403, "You have exceeded a secondary rate limit.").insert_header("retry-after", "7")),
            ("/installations", refusal(429, "Too many requests")),
            ("/members", ResponseTemplate::new(502)),
            ("/graphql", ResponseTemplate::new(200).set_body_json(json!({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}))),
        ] {
            state.obstacles.push(Obstacle { path: path.into(), times: 2, answer });
        }
    }
    let (facts, count) = scanned(&config).await;
    assert_eq!(facts.coverage.iter().filter(|one| one.is_gap()).count(), 1);
    assert_eq!(count.rest as usize, World::shape().calls().rest + 6);
}

#[tokio::test]
async fn an_exhausted_limit_stops_and_the_next_run_goes_on() {
    let world = World::start().await;
    let config = world.config();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("snapshot");
    world.state.lock().unwrap().left = Some(90);
    let store = Store::in_directory(&root, NOW.parse().unwrap());
    let count = collect(&config, &store).await.unwrap();
    assert!(count.rest < World::shape().calls().rest as u64);
    let half = judge(&store.finish().unwrap(), &config);
    let (seen, required, reason) = coverage(&half, "github.collection");
    assert_eq!((seen, required), (Seen::Partial, true));
    assert!(reason.contains("primary rate limit"), "{reason}");

    world.state.lock().unwrap().left = None;
    let asked_before = world
        .log()
        .iter()
        .filter(|(_, _, status)| *status == 200)
        .count();
    let store = Store::in_directory(&root, NOW.parse().unwrap());
    collect(&config, &store).await.unwrap();
    let whole = judge(&store.finish().unwrap(), &config);
    assert!(
        whole
            .coverage
            .iter()
            .all(|one| one.kind != "github.collection")
    );
    assert_eq!(whole.coverage.iter().filter(|one| one.is_gap()).count(), 1);
    // What was there was not asked for again.
    let asked = world
        .log()
        .iter()
        .filter(|(_, _, status)| *status == 200)
        .count();
    let estimate = World::shape().calls();
    assert!(
        asked <= estimate.rest + 10 + asked_before / 5,
        "{asked} {asked_before} {estimate:?}"
    );
    let (fresh, _) = scanned(&config).await;
    assert_eq!(fresh.entitlements.len(), whole.entitlements.len());
    assert_eq!(fresh.credentials.len(), whole.credentials.len());
}

#[tokio::test]
async fn what_is_refused_is_said_and_the_rest_goes_on() {
    let world = World::start().await;
    let config = world.config();
    {
        let mut state = world.state.lock().unwrap();
        let org = |path: &str| format!("/orgs/{ORG}/{path}");
        state.instead.insert(
            org("installations"),
            refusal(403, "Resource not accessible by personal access token"),
        );
        state
            .instead
            .insert(org("audit-log"), refusal(404, "Not Found"));
        state.instead.insert(
            org("hooks"),
            ResponseTemplate::new(200).set_body_string("<!DOCTYPE html><title>Sign in</title>"),
        );
        state.instead.insert(org("credential-authorizations"), refusal(403, "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization."));
        state.instead.insert(
            org("actions/secrets"),
            ResponseTemplate::new(200)
                .set_body_string("{\"total_count\":2,\"secrets\":[{\"name\":"),
        );
        state.instead.insert(
            org("outside_collaborators"),
            ResponseTemplate::new(200)
                .set_body_json(json!([{"login": "informant", "id": 77}]))
                .insert_header("link", "<https://evil.example/orgs/x?page=2>; rel=\"next\""),
        );
    }
    let (facts, _) = scanned(&config).await;
    for (kind, seen, words) in [
        (
            "github.installations",
            Seen::None,
            "403 Resource not accessible by personal access token",
        ),
        ("github.audit-log", Seen::None, "not on this plan"),
        ("github.hooks", Seen::None, "HTML instead of JSON"),
        (
            "github.credential-authorizations",
            Seen::None,
            "single sign-on",
        ),
        ("github.actions-secrets", Seen::None, "cut short"),
        (
            "github.outside-collaborators",
            Seen::Partial,
            "another host",
        ),
    ] {
        let found = coverage(&facts, kind);
        assert_eq!(found.0, seen, "{kind}: {}", found.2);
        assert!(found.2.contains(words), "{kind}: {}", found.2);
    }
    assert!(
        !coverage(&facts, "github.audit-log").1,
        "not on this plan is no gap"
    );
    assert!(
        world
            .log()
            .iter()
            .all(|(_, path, _)| !path.contains("orgs/x"))
    );
    assert_eq!(coverage(&facts, "github.collaborators").0, Seen::Complete);
}

#[tokio::test]
async fn an_organisation_nobody_may_read_is_one_clear_sentence() {
    for (answer, words) in [
        (
            refusal(401, "Bad credentials"),
            [
                "refused the credential (401 Bad credentials)",
                "expired, revoked or mistyped",
            ],
        ),
        (
            refusal(404, "Not Found"),
            ["there is no organisation `hill-street`", "read:org"],
        ),
        (
            refusal(403, "Resource protected by organization SAML enforcement."),
            ["single sign-on", "Configure SSO"],
        ),
        (
            ResponseTemplate::new(200).set_body_string("<html>login</html>"),
            ["HTML instead of JSON", "github.base_url"],
        ),
    ] {
        let world = World::start().await;
        let config = world.config();
        world
            .state
            .lock()
            .unwrap()
            .instead
            .insert(format!("/orgs/{ORG}"), answer);
        let store = Store::in_memory(NOW.parse().unwrap());
        let error = collect(&config, &store).await.unwrap_err().to_string();
        for words in words {
            assert!(error.contains(words), "{error}");
        }
        // Nothing looks seen or removed.
        let facts = judge(&store.finish().unwrap(), &config);
        assert!(
            facts
                .coverage
                .iter()
                .filter(|one| one.system == System::Github)
                .all(|one| one.seen == Seen::None),
            "{:?}",
            facts.coverage
        );
    }
    let mut config = Config::default();
    config.github.base_url = "http://127.0.0.1:9".into();
    let store = Store::in_memory(NOW.parse().unwrap());
    let error = collect(&config, &store).await.unwrap_err().to_string();
    assert!(error.contains("nothing answers"), "{error}");
}

#[tokio::test]
async fn doctor_says_what_lacks_and_what_it_costs() {
    let world = World::start().await;
    let config = world.config();
    let path = format!("/orgs/{ORG}/installations");
    world
        .state
        .lock()
        .unwrap()
        .instead
        .insert(path, refusal(403, "Must have admin rights"));
    let report = examine(&token(), ORG, &config, Duration::from_micros(50))
        .await
        .unwrap();
    let of = |kind: &str| {
        report
            .checks
            .iter()
            .find(|check| check.kind == kind)
            .unwrap()
    };
    assert_eq!(of("github.members").answer, Answer::Works);
    assert!(matches!(
        of("github.installations").answer,
        Answer::Denied(_)
    ));
    assert!(
        of("github.installations")
            .remedy
            .contains("Administration: read")
    );
    assert!(matches!(of("github.tokens").answer, Answer::Untried(_)));
    assert_eq!((report.shape.members, report.shape.repositories), (60, 30));
    assert_eq!(report.left, (Some(4900), Some(4990)));
    assert!(report.estimate.rest > 100);
}

#[tokio::test]
async fn the_snapshot_on_disk_is_the_snapshot_in_memory() {
    let world = World::start().await;
    let config = world.config();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::in_directory(folder.path(), NOW.parse().unwrap());
    collect(&config, &store).await.unwrap();
    let written = judge(&store.finish().unwrap(), &config);
    let read = judge(&tenure::snapshot::load(folder.path()).unwrap(), &config);
    let short = |facts: &Inventory| -> Vec<Value> {
        facts
            .entitlements
            .iter()
            .map(|fact| {
                json!([
                    fact.mechanism,
                    fact.privilege,
                    fact.scope,
                    facts.identity(fact.identity).id
                ])
            })
            .collect()
    };
    assert_eq!(short(&written), short(&read));
    // The organisation's directory alone is enough.
    let below = folder.path().join("github").join(ORG);
    let offline = judge(&tenure::snapshot::load(&below).unwrap(), &config);
    assert_eq!(short(&offline), short(&read));
    assert!(
        offline
            .tenants
            .iter()
            .any(|tenant| tenant.id == Sym::new(ORG))
    );
}

/// A GitHub whose only repository has more protection rules and rulesets than fit on
/// one page, and a ruleset with more rules than are asked for.
async fn crowded() -> wiremock::MockServer {
    let server = wiremock::MockServer::start().await;
    let page = |came: Vec<Value>, total: usize, next: Option<&str>| {
        json!({"totalCount": total, "nodes": came,
            "pageInfo": {"hasNextPage": next.is_some(), "endCursor": next}})
    };
    let rule = |id: &str, pattern: &str| json!({"id": id, "pattern": pattern});
    let ruleset =
        |id: &str| json!({"id": id, "databaseId": 1, "name": id, "enforcement": "ACTIVE"});
    let node = move |more: Value| {
        let mut node = json!({"id": "R_1", "databaseId": 1, "nameWithOwner": format!("{ORG}/app"),
            "visibility": "PRIVATE", "isArchived": false, "createdAt": "2024-01-01T00:00:00Z"});
        for (name, value) in more.as_object().unwrap() {
            node[name] = value.clone();
        }
        node
    };
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(move |request: &wiremock::Request| {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let query = body["query"].as_str().unwrap_or_default();
            let rest = |list: Value| json!({"data": {"organization": {"repository": node(list)}}});
            let answer = if query.contains("repository(name") && query.contains("branchProtection")
            {
                assert_eq!(body["variables"]["after"], "p");
                rest(json!({"branchProtectionRules": page(vec![rule("P_2", "release")], 2, None)}))
            } else if query.contains("repository(name") && query.contains("rulesets(") {
                assert_eq!(body["variables"]["after"], "r");
                rest(json!({"rulesets": page(vec![ruleset("RS_2")], 2, None)}))
            } else if query.contains("repositories(first") && !query.contains("teams(first") {
                let first = node(json!({
                    "deployKeys": {"totalCount": 0},
                    "collaborators": {"totalCount": 0, "edges": []},
                    "branchProtectionRules": page(vec![rule("P_1", "main")], 2, Some("p")),
                    "rulesets": page(vec![ruleset("RS_1")], 2, Some("r")),
                    "environments": page(Vec::new(), 0, None)}));
                json!({"data": {"organization": {"repositories": page(vec![first], 1, None)}}})
            } else if query.contains("nodes(ids") {
                let details = |id: &Value| {
                    let rules: Vec<Value> = vec![json!({"type": "DELETION"})];
                    json!({"__typename": "RepositoryRuleset", "id": id,
                        "rules": {"totalCount": 51, "nodes": rules},
                        "bypassActors": {"totalCount": 0, "nodes": []}})
                };
                let ids = body["variables"]["ids"].as_array().unwrap();
                let nodes: Vec<Value> = match query.contains("RepositoryRuleset") {
                    true => ids.iter().map(details).collect(),
                    false => Vec::new(),
                };
                json!({"data": {"nodes": nodes}})
            } else if query.contains("rulesets(first") {
                json!({"data": {"organization": {"rulesets": page(Vec::new(), 0, None)}}})
            } else if !query.is_empty() {
                json!({"data": {"organization": {}}})
            } else if request.url.path() == format!("/orgs/{ORG}") {
                json!({"login": ORG, "id": 9, "two_factor_requirement_enabled": true})
            } else {
                return refusal(404, "Not Found");
            };
            ResponseTemplate::new(200).set_body_json(answer)
        })
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn lists_that_do_not_fit_on_a_page_are_read_on_and_what_is_cut_is_a_gap() {
    let server = crowded().await;
    let mut config = Config::default();
    config.github.base_url = server.uri();
    let store = Store::in_memory(NOW.parse().unwrap());
    collect(&config, &store).await.unwrap();
    let snapshot = store.finish().unwrap();
    let text = |kind: &str| {
        let document = snapshot.documents.iter().find(|one| one.kind == kind);
        String::from_utf8_lossy(&document.unwrap().text).into_owned()
    };
    for id in ["P_1", "P_2", "RS_1", "RS_2"] {
        assert!(text("graph-repositories").contains(id), "{id}");
    }
    // Those on the second page are asked for their details too.
    assert!(text("graph-ruleset-details").contains("RS_2"));
    let facts = judge(&snapshot, &config);
    let rulesets = coverage(&facts, "github.rulesets");
    assert_eq!(rulesets.0, Seen::Partial);
    assert!(
        rulesets.2.contains("51 announced, 1 present"),
        "{}",
        rulesets.2
    );
    let protection = coverage(&facts, "github.branch-protection");
    assert!(!protection.2.contains("announced"), "{}", protection.2);
}
