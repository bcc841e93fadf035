//! A GitHub in this process: one organisation with state, pages, ETags and limits.
//!
//! It answers REST lists page by page with `Link` (to `/organizations/ID/…`, as GitHub
//! does), GraphQL by what the query asks for, 304 to a known ETag, and whatever error a
//! test puts in the way of a path.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The organisation's login.
pub const ORG: &str = "hill-street";
const ORG_ID: u64 = 4711;
pub const TOKEN: &str = "ghp_test";
const PEOPLE: usize = 60;
const REPOSITORIES: usize = 30;
const TEAMS: usize = 9;

/// Something put in the way of the next requests for a path.
#[derive(Clone)]
pub struct Obstacle {
    pub path: String,
    pub times: usize,
    pub answer: ResponseTemplate,
}

#[derive(Default)]
pub struct State {
    /// Every request: method, path with query, status.
    pub log: Vec<(String, String, u16)>,
    pub obstacles: Vec<Obstacle>,
    /// Answers instead of the usual ones, by path.
    pub instead: BTreeMap<String, ResponseTemplate>,
    /// Counts down to a primary limit.
    pub left: Option<usize>,
    /// GraphQL points spent.
    pub points: usize,
}

pub struct World {
    pub server: MockServer,
    pub state: Arc<Mutex<State>>,
}

pub fn login(at: usize) -> String {
    format!("officer-{at:02}")
}

pub fn repository(at: usize) -> String {
    format!("case-{at:02}")
}

fn archived(at: usize) -> bool {
    at % 10 == 9
}

fn account(at: usize) -> Value {
    json!({"login": login(at), "id": 1000 + at, "type": "User"})
}

fn moment(month: usize, day: usize) -> String {
    format!("2026-{:02}-{:02}T08:00:00Z", month % 12 + 1, day % 28 + 1)
}

fn environments(at: usize) -> Vec<Value> {
    if !at.is_multiple_of(3) || archived(at) {
        return Vec::new();
    }
    let mut all = vec![json!({
        "id": at * 10, "name": "production", "can_admins_bypass": at.is_multiple_of(2),
        "protection_rules": [{"id": 1, "type": "required_reviewers", "prevent_self_review": true,
            "reviewers": [{"type": "Team", "reviewer": {"id": 1, "slug": "squad-1"}}]}],
        "deployment_branch_policy": {"protected_branches": false, "custom_branch_policies": true},
    })];
    if at.is_multiple_of(2) {
        all.push(json!({"id": at * 10 + 1, "name": "pre view/1", "protection_rules": [], "deployment_branch_policy": null}));
    }
    all
}

fn keys(at: usize) -> Vec<Value> {
    if !at.is_multiple_of(5) {
        return Vec::new();
    }
    vec![
        json!({"id": 500 + at, "key": "ssh-ed25519 AAAA", "title": "ci", "read_only": at.is_multiple_of(2),
        "verified": true, "enabled": true, "added_by": login(at), "created_at": "2024-03-01T00:00:00Z", "last_used": null}),
    ]
}

/// The whole answer to a REST path, before paging: items and the member that wraps them.
fn rest(path: &str) -> Option<(Value, Option<&'static str>)> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let list = |items: Vec<Value>| Some((Value::Array(items), None));
    let wrapped = |items: Vec<Value>, key| Some((Value::Array(items), Some(key)));
    let secret = |name: &str, visibility: Option<&str>| json!({"name": name, "created_at": moment(1, 1), "updated_at": moment(2, 2), "visibility": visibility});
    match parts.as_slice() {
        ["rate_limit"] => Some((json!({"resources": {"core": {"remaining": 4900}, "graphql": {"remaining": 4990}}}), None)),
        ["orgs", org] if *org == ORG => Some((
            json!({"login": ORG, "id": ORG_ID, "name": "Hill Street", "plan": {"name": "enterprise"},
                "default_repository_permission": "read", "two_factor_requirement_enabled": true,
                "members_can_invite_outside_collaborators": false, "deploy_keys_enabled_for_repositories": true}),
            None,
        )),
        ["orgs" | "organizations", _, rest @ ..] => match rest {
            ["members"] => list((0..PEOPLE).map(account).collect()),
            ["outside_collaborators"] => list(vec![json!({"login": "informant", "id": 77})]),
            ["invitations" | "failed_invitations"] => list(Vec::new()),
            ["organization-roles"] => wrapped(
                vec![
                    json!({"id": 1, "name": "all_repo_read", "source": "Predefined", "base_role": "read", "permissions": []}),
                    json!({"id": 2, "name": "all_repo_admin", "source": "Predefined", "base_role": "admin", "permissions": []}),
                ],
                "roles",
            ),
            ["organization-roles", "2", "users"] => list(vec![
                json!({"login": login(3), "id": 1003, "assignment": "direct", "inherited_from": []}),
            ]),
            ["organization-roles", _, "users" | "teams"] => list(Vec::new()),
            ["custom-repository-roles"] => wrapped(vec![json!({"id": 9, "name": "releaser", "base_role": "write", "permissions": []})], "custom_roles"),
            ["installations"] => wrapped(
                (0..105)
                    .map(|at| json!({"id": at, "app_id": 10 + at, "app_slug": format!("app-{at}"), "repository_selection": "selected",
                        "permissions": {"contents": "read", "deployments": "write"}, "created_at": moment(3, at), "suspended_at": null}))
                    .collect(),
                "installations",
            ),
            ["credential-authorizations"] => list(
                (0..PEOPLE)
                    .map(|at| json!({"login": login(at), "credential_id": at, "credential_type": "personal access token",
                        "scopes": ["repo"], "credential_authorized_at": moment(1, at), "credential_accessed_at": moment(9, at),
                        "authorized_credential_expires_at": if at.is_multiple_of(2) { Value::Null } else { json!(moment(11, at)) }}))
                    .collect(),
            ),
            ["hooks"] => list(vec![json!({"id": 1, "name": "web", "active": true, "events": ["push"], "config": {"url": "https://ci.hill.example/x?token=1", "insecure_ssl": "0", "secret": "********"}})]),
            ["actions", "secrets"] => wrapped(vec![secret("RADIO", Some("selected")), secret("SIREN", Some("all"))], "secrets"),
            ["actions", "secrets", "RADIO", "repositories"] => wrapped(vec![json!({"id": 2000, "name": repository(0), "full_name": format!("{ORG}/{}", repository(0))})], "repositories"),
            ["dependabot" | "codespaces" | "agents", "secrets"] => wrapped(Vec::new(), "secrets"),
            ["actions", "permissions"] => Some((json!({"enabled_repositories": "all", "allowed_actions": "selected", "sha_pinning_required": true}), None)),
            ["actions", "permissions", "workflow"] => Some((json!({"default_workflow_permissions": "write", "can_approve_pull_request_reviews": false}), None)),
            ["actions", "permissions", "selected-actions"] => Some((json!({"github_owned_allowed": true, "verified_allowed": false, "patterns_allowed": ["hill-street/*"]}), None)),
            ["actions", "permissions", "self-hosted-runners"] => Some((json!({"enabled_repositories": "none"}), None)),
            ["actions", "permissions", "fork-pr-contributor-approval"] => Some((json!({"approval_policy": "all_external_contributors"}), None)),
            ["actions", "permissions", "fork-pr-workflows-private-repos"] => Some((json!({"run_workflows_from_fork_pull_requests": false, "send_write_tokens_to_workflows": false, "send_secrets_and_variables": false}), None)),
            ["actions", "runners"] => wrapped(vec![json!({"id": 1, "name": "box", "os": "linux", "ephemeral": false, "runner_group_id": 2})], "runners"),
            ["actions", "runner-groups"] => wrapped(vec![json!({"id": 2, "name": "garage", "visibility": "selected", "allows_public_repositories": false})], "runner_groups"),
            ["actions", "runner-groups", "2", "repositories"] => wrapped(Vec::new(), "repositories"),
            ["actions", "oidc", "customization", "sub"] => Some((json!({"include_claim_keys": ["repo", "context"], "use_immutable_subject": false}), None)),
            ["actions", "oidc", "customization", "properties", "repo"] => list(Vec::new()),
            ["external-groups"] => wrapped(vec![json!({"group_id": 31, "group_name": "Precinct", "updated_at": moment(1, 1)})], "groups"),
            ["external-group", "31"] => Some((json!({"group_id": 31, "group_name": "Precinct", "teams": [{"team_id": 1, "team_name": "Squad 1"}]}), None)),
            ["bypass-requests", _] => list(Vec::new()),
            ["audit-log"] => list(
                (0..150)
                    .map(|at| json!({"@timestamp": 1_790_000_000_000u64 + at, "created_at": 1_790_000_000_000u64 + at, "action": "team.add_member",
                        "actor": login(0), "user": login(at as usize % PEOPLE), "team": format!("{ORG}/squad-1"), "org": ORG}))
                    .collect(),
            ),
            _ => None,
        },
        ["repos" | "repositories", _, name, rest @ ..] => {
            let at: usize = name.strip_prefix("case-")?.parse().ok()?;
            match rest {
                ["hooks"] => list(Vec::new()),
                ["keys"] => list(keys(at)),
                ["actions", "secrets"] => wrapped(vec![secret(&format!("CASE_{at}"), None)], "secrets"),
                ["dependabot", "secrets"] => wrapped(Vec::new(), "secrets"),
                ["actions", "oidc", "customization", "sub"] => Some((json!({"use_default": true, "use_immutable_subject": false}), None)),
                ["actions", "permissions", "workflow"] => Some((json!({"default_workflow_permissions": if at.is_multiple_of(4) { "write" } else { "read" }, "can_approve_pull_request_reviews": false}), None)),
                ["environments"] => wrapped(environments(at), "environments"),
                ["environments", "production", "deployment-branch-policies"] => wrapped(vec![json!({"id": 1, "name": "main", "type": "branch"})], "branch_policies"),
                ["environments", _, "secrets"] => wrapped(vec![secret("DEPLOY", None)], "secrets"),
                _ => None,
            }
        }
        _ => None,
    }
}

fn connection(all: Vec<Value>, key: &str, variables: &Value) -> Value {
    let first = variables["first"].as_u64().unwrap_or(100) as usize;
    let start: usize = variables["after"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let total = all.len();
    let page: Vec<Value> = all.into_iter().skip(start).take(first).collect();
    let end = start + page.len();
    json!({"totalCount": total, "pageInfo": {"hasNextPage": end < total, "endCursor": end.to_string()}, key: page})
}

fn inner(all: Vec<Value>, key: &str) -> Value {
    json!({"totalCount": all.len(), "pageInfo": {"hasNextPage": false, "endCursor": null}, key: all})
}

fn team(at: usize) -> Value {
    json!({
        "databaseId": at, "slug": format!("squad-{at}"), "name": format!("Squad {at}"), "privacy": "VISIBLE",
        "parentTeam": if at == 2 { json!({"slug": "squad-1"}) } else { Value::Null },
        "members": inner((0..PEOPLE).filter(|who| who % TEAMS == at).map(|who| json!({"role": "MEMBER", "node": {"login": login(who), "databaseId": 1000 + who}})).collect(), "edges"),
        "repositories": inner((0..REPOSITORIES).filter(|one| one % TEAMS == at).map(|one| json!({"permission": "WRITE", "node": {"nameWithOwner": format!("{ORG}/{}", repository(one))}})).collect(), "edges"),
    })
}

fn repository_node(at: usize) -> Value {
    let direct = if at == 4 {
        vec![
            json!({"permission": "ADMIN", "permissionSources": [{"permission": "ADMIN", "roleName": "admin", "source": {"__typename": "Repository"}}], "node": {"login": "informant", "databaseId": 77}}),
        ]
    } else {
        Vec::new()
    };
    let rules = if at.is_multiple_of(2) {
        vec![
            json!({"id": format!("BPR_{at}"), "pattern": "main", "isAdminEnforced": true, "requiresApprovingReviews": true, "requiredApprovingReviewCount": 1}),
        ]
    } else {
        Vec::new()
    };
    let named: Vec<Value> = environments(at)
        .iter()
        .map(|one| json!({"name": one["name"]}))
        .collect();
    json!({
        "id": format!("R_{at}"), "databaseId": 2000 + at, "nameWithOwner": format!("{ORG}/{}", repository(at)),
        "visibility": if at == 1 { "PUBLIC" } else { "PRIVATE" }, "isArchived": archived(at), "isDisabled": false, "isFork": false,
        "createdAt": "2024-01-01T00:00:00Z", "pushedAt": "2026-10-01T00:00:00Z", "defaultBranchRef": {"name": "main"},
        "deployKeys": {"totalCount": keys(at).len()},
        "collaborators": inner(direct, "edges"),
        "branchProtectionRules": inner(rules, "nodes"),
        "rulesets": inner(Vec::new(), "nodes"),
        "environments": inner(named, "nodes"),
        "trustPolicies": null,
    })
}

fn graph(body: &Value) -> (Value, usize) {
    let query = body["query"].as_str().unwrap_or_default();
    let variables = &body["variables"];
    let first = variables["first"].as_u64().unwrap_or(0) as usize;
    let (data, connections) = if query.contains("nodes(ids") {
        let ids = variables["ids"].as_array().cloned().unwrap_or_default();
        let count = ids.len();
        let nodes: Vec<Value> = ids
            .into_iter()
            .map(|id| json!({"__typename": "BranchProtectionRule", "id": id, "pattern": "main",
                "bypassPullRequestAllowances": {"nodes": [{"actor": {"__typename": "Team", "slug": "squad-1"}}]},
                "bypassForcePushAllowances": {"nodes": []}}))
            .collect();
        (json!({"nodes": nodes}), 2 * count)
    } else if query.contains("enterpriseOwners") {
        let linked = (0..PEOPLE)
            .map(|at| json!({"node": {"user": {"login": login(at), "databaseId": 1000 + at}}}))
            .collect();
        let owners = json!({"edges": [{"organizationRole": "UNAFFILIATED", "node": {"login": "chief", "databaseId": 1}}]});
        let saml = json!({"externalIdentities": connection(linked, "edges", variables)});
        (
            json!({"organization": {"ipAllowListEnabledSetting": "DISABLED", "enterpriseOwners": owners, "samlIdentityProvider": saml}}),
            2,
        )
    } else if query.contains("membersWithRole") {
        (
            json!({"organization": {"membersWithRole": {"totalCount": PEOPLE}, "teams": {"totalCount": TEAMS}, "repositories": {"totalCount": REPOSITORIES}}}),
            3,
        )
    } else if query.contains("teams(first") {
        let all = (0..TEAMS).map(team).collect();
        (
            json!({"organization": {"teams": connection(all, "nodes", variables)}}),
            1 + 2 * first.min(TEAMS),
        )
    } else if query.contains("repositories(first") {
        let all = (0..REPOSITORIES).map(repository_node).collect();
        (
            json!({"organization": {"repositories": connection(all, "nodes", variables)}}),
            1 + 5 * first.min(REPOSITORIES),
        )
    } else {
        (
            json!({"organization": {"rulesets": connection(Vec::new(), "nodes", variables)}}),
            1 + 2 * first,
        )
    };
    let cost = ((connections + 50) / 100).max(1);
    let mut data = data;
    data["rateLimit"] = json!({"cost": cost, "remaining": 4000});
    (json!({"data": data}), cost)
}

impl World {
    pub async fn start() -> World {
        let server = MockServer::start().await;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let base = server.uri();
        Mock::given(any())
            .respond_with(move |request: &Request| {
                let mut state = shared.lock().unwrap();
                let (answer, status) = answer(&mut state, request, &base);
                let mut seen = request.url.path().to_owned();
                if let Some(query) = request.url.query() {
                    seen = format!("{seen}?{query}");
                }
                state.log.push((request.method.to_string(), seen, status));
                answer
            })
            .mount(&server)
            .await;
        World { server, state }
    }

    pub fn config(&self) -> tenure::config::Config {
        let mut config = tenure::config::Config::default();
        config.github.base_url = self.server.uri();
        config
    }

    pub fn log(&self) -> Vec<(String, String, u16)> {
        self.state.lock().unwrap().log.clone()
    }

    /// The shape the formula is asked about.
    pub fn shape() -> tenure::connect::github::Shape {
        let active = || (0..REPOSITORIES).filter(|at| !archived(*at));
        let environments: Vec<usize> = active().map(|at| environments(at).len()).collect();
        tenure::connect::github::Shape {
            members: PEOPLE,
            teams: TEAMS,
            repositories: REPOSITORIES,
            archived: (0..REPOSITORIES).filter(|at| archived(*at)).count(),
            with_keys: (0..REPOSITORIES).filter(|at| !keys(*at).is_empty()).count(),
            with_environments: environments.iter().filter(|count| **count > 0).count(),
            environments: environments.iter().sum(),
            with_branch_patterns: environments.iter().filter(|count| **count > 0).count(),
            roles: 2,
            selected_secrets: 1,
            selected_groups: 1,
            external_groups: 1,
            protection_rules: REPOSITORIES / 2,
            rulesets: 0,
            installations: 105,
            authorizations: PEOPLE,
            audit_pages: 2,
            ..Default::default()
        }
    }
}

fn answer(state: &mut State, request: &Request, base: &str) -> (ResponseTemplate, u16) {
    let path = request.url.path().to_owned();
    let plain = |status: u16, body: Value| {
        let template = ResponseTemplate::new(status)
            .insert_header("content-type", "application/json; charset=utf-8")
            .set_body_string(body.to_string());
        (template, status)
    };
    let refusal = |status: u16, message: &str| {
        plain(
            status,
            json!({"message": message, "documentation_url": "https://docs.github.com/rest"}),
        )
    };
    let signed = request
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if signed != Some(&format!("Bearer {TOKEN}")) {
        return refusal(401, "Bad credentials");
    }
    if let Some(obstacle) = state
        .obstacles
        .iter_mut()
        .find(|one| one.times > 0 && path.ends_with(&one.path))
    {
        obstacle.times -= 1;
        return (obstacle.answer.clone(), 0);
    }
    if let Some(answer) = state.instead.get(&path) {
        return (answer.clone(), 0);
    }
    if let Some(left) = &mut state.left {
        if *left == 0 {
            let (answer, status) = refusal(403, "API rate limit exceeded for user ID 1.");
            let answer = answer
                .insert_header("x-ratelimit-remaining", "0")
                .insert_header("x-ratelimit-reset", "99999999999");
            return (answer, status);
        }
        *left -= 1;
    }
    if request.method.as_str() == "POST" {
        if path != "/graphql" {
            return refusal(404, "Not Found");
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let (data, cost) = graph(&body);
        state.points += cost;
        return plain(200, data);
    }
    let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
    let decoded = path.replace("%20", " ").replace("%2F", "\u{2215}");
    let Some((mut whole, wrap)) = rest(&decoded) else {
        return refusal(404, "Not Found");
    };
    if path.ends_with("/members") && query.get("role").is_some_and(|role| role == "admin") {
        whole = json!([account(0), account(1)]);
    }
    if query.contains_key("filter") {
        whole = json!([]);
    }
    let mut next = None;
    if let Value::Array(all) = &whole {
        let per_page: usize = query
            .get("per_page")
            .and_then(|text| text.parse().ok())
            .unwrap_or(30);
        let page: usize = query
            .get("page")
            .and_then(|text| text.parse().ok())
            .unwrap_or(1);
        let total = all.len();
        let items: Vec<Value> = all
            .iter()
            .skip((page - 1) * per_page)
            .take(per_page)
            .cloned()
            .collect();
        if page * per_page < total {
            let tail = path
                .trim_start_matches("/orgs/")
                .split_once('/')
                .map_or("", |found| found.1);
            let mut other = query.clone();
            other.insert("page".into(), (page + 1).to_string());
            let other: Vec<String> = other
                .iter()
                .map(|(key, value)| {
                    format!("{key}={}", value.replace('>', "%3E").replace('=', "%3D"))
                })
                .collect();
            next = Some(format!(
                "{base}/organizations/{ORG_ID}/{tail}?{}",
                other.join("&")
            ));
        }
        whole = match wrap {
            Some(key) => json!({"total_count": total, key: items}),
            None => Value::Array(items),
        };
    }
    let text = whole.to_string();
    let etag = format!(
        "W/\"{:x}\"",
        text.bytes()
            .fold(5381u64, |hash, byte| hash.wrapping_mul(33)
                ^ u64::from(byte))
    );
    if request
        .headers
        .get("if-none-match")
        .and_then(|value| value.to_str().ok())
        == Some(&etag)
    {
        return (
            ResponseTemplate::new(304).insert_header("etag", etag.as_str()),
            304,
        );
    }
    let (mut answer, status) = plain(200, whole);
    answer = answer.insert_header("etag", etag.as_str());
    if let Some(next) = next {
        answer = answer.insert_header(
            "link",
            format!("<{next}>; rel=\"next\", <{next}>; rel=\"last\"").as_str(),
        );
    }
    (answer, status)
}

/// Methods and path shapes that were asked for.
pub fn methods(log: &[(String, String, u16)]) -> BTreeSet<&str> {
    log.iter().map(|(method, _, _)| method.as_str()).collect()
}
