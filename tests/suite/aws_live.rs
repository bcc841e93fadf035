//! Reading AWS live, against a server that answers like AWS.
//!
//! What moto can play is tested against moto (`aws_moto.rs`); here is what it cannot:
//! pages, throttling, refusals in the middle, ages, reports being written, accounts
//! that cannot be entered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};
use tenure::config::Config;
use tenure::connect::aws::operation::{ALL, Scope};
use tenure::connect::aws::{Principal, permissions};
use tenure::connect::{Answer, ConnectError, Progress, Session, Silent};
use tenure::model::{Coverage, Seen};
use tenure::snapshot::{Snapshot, Store};

use crate::support::aws::{
    ACCOUNT, Aws, Call, ROOT_ROW, Reply, Running, credential_report, denied, encoded, failed,
    failed_json, ok, ok_json, settings, throttled,
};

const MEMBER: &str = "222233334444";
const LOCKED: &str = "333344445555";
const SUSPENDED: &str = "444455556666";
const NOW: &str = "2026-11-22T09:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

async fn collect_into(server: &Running, config: &Config, store: Store) -> Snapshot {
    let session = Session {
        config,
        store: &store,
        progress: &Silent,
    };
    server.connection().await.collect(session).await.unwrap();
    store.finish().unwrap()
}

async fn collect(server: &Running, config: &Config) -> Snapshot {
    collect_into(server, config, Store::in_memory(now())).await
}

/// The document at `path` of `account`, or its lines if there are several.
fn document(snapshot: &Snapshot, account: &str, path: &str) -> Value {
    let found = snapshot
        .documents
        .iter()
        .find(|document| document.tenant.as_deref() == Some(account) && document.path == path)
        .unwrap_or_else(|| panic!("{account} has no {path}"));
    match serde_json::from_slice(&found.text) {
        Ok(value) => value,
        Err(_) => String::from_utf8_lossy(&found.text)
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .collect(),
    }
}

fn has(snapshot: &Snapshot, account: &str, path: &str) -> bool {
    snapshot
        .documents
        .iter()
        .any(|document| document.tenant.as_deref() == Some(account) && document.path == path)
}

fn coverage<'a>(snapshot: &'a Snapshot, account: &str, kind: &str) -> &'a Coverage {
    let mut found = snapshot
        .coverage
        .iter()
        .filter(|coverage| coverage.tenant == account && coverage.kind == kind);
    let first = found
        .next()
        .unwrap_or_else(|| panic!("nothing said of {kind} in {account}"));
    assert!(found.next().is_none(), "{kind} in {account} said twice");
    first
}

/// Every document must be one the loader knows, or it would be read in vain.
fn kinds(snapshot: &Snapshot) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for document in &snapshot.documents {
        *kinds.entry(document.kind).or_insert(0) += 1;
    }
    kinds
}

fn user(name: &str) -> String {
    format!(
        "<member><Path>/</Path><UserName>{name}</UserName><UserId>AIDA{name}</UserId><Arn>arn:aws:iam::{ACCOUNT}:user/{name}</Arn><CreateDate>2020-01-01T00:00:00Z</CreateDate><GroupList/><AttachedManagedPolicies/></member>"
    )
}

fn users_page(names: &[&str], marker: Option<&str>) -> Reply {
    let members: String = names.iter().map(|name| user(name)).collect();
    let more = match marker {
        Some(marker) => format!("<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>"),
        None => "<IsTruncated>false</IsTruncated>".to_owned(),
    };
    ok(&format!("<UserDetailList>{members}</UserDetailList>{more}"))
}

#[tokio::test]
async fn pages_are_followed_to_the_last() {
    let mut aws = Aws::empty();
    aws.on("iam:GetAccountAuthorizationDetails", |call| {
        match call.get("Marker") {
            "" => users_page(&["ada", "bob"], Some("one/+=")),
            // IAM may give an empty page in the middle.
            "one/+=" => users_page(&[], Some("two")),
            "two" => users_page(&["cyd"], None),
            other => panic!("marker {other}"),
        }
    });
    aws.on("iam:ListRoles", |call| match call.get("Marker") {
        "" => ok(&format!(
            "<Roles>{}</Roles><IsTruncated>true</IsTruncated><Marker>m</Marker>",
            role("one", 3_600)
        )),
        _ => ok(&format!(
            "<Roles>{}</Roles><IsTruncated>false</IsTruncated>",
            role("two", 43_200)
        )),
    });
    aws.on("secretsmanager:ListSecrets", |call| {
        match call.get("NextToken") {
            "" => ok_json(json!({"SecretList": [{"Name": "a"}], "NextToken": "n"})),
            _ => ok_json(json!({"SecretList": [{"Name": "b"}]})),
        }
    });
    let server = aws.start().await;
    let snapshot = collect(&server, &settings()).await;

    let details = document(&snapshot, ACCOUNT, "authorization-details.json");
    let names: Vec<&str> = details["UserDetailList"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|user| user["UserName"].as_str())
        .collect();
    assert_eq!(names, ["ada", "bob", "cyd"]);
    assert_eq!(details["IsTruncated"], false);
    let seen = coverage(&snapshot, ACCOUNT, "aws.authorization-details");
    assert_eq!((seen.seen, seen.items), (Seen::Complete, 3));

    let roles = document(&snapshot, ACCOUNT, "roles.json");
    assert_eq!(roles["Roles"][1]["RoleName"], "two");
    assert_eq!(roles["Roles"][1]["MaxSessionDuration"], 43_200);
    let secrets = document(&snapshot, ACCOUNT, "secrets/eu-west-1.json");
    assert_eq!(secrets["SecretList"][1]["Name"], "b");

    let first = server
        .calls()
        .into_iter()
        .find(|call| call.action == "iam:GetAccountAuthorizationDetails")
        .unwrap();
    assert_eq!(first.get("MaxItems"), "1000");
    let filters: BTreeSet<&str> = first
        .form
        .iter()
        .filter(|(name, _)| name.starts_with("Filter.member."))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(
        filters,
        BTreeSet::from([
            "AWSManagedPolicy",
            "Group",
            "LocalManagedPolicy",
            "Role",
            "User"
        ])
    );
}

fn role(name: &str, seconds: u32) -> String {
    format!(
        "<member><Path>/</Path><RoleName>{name}</RoleName><RoleId>AROA{name}</RoleId><Arn>arn:aws:iam::{ACCOUNT}:role/{name}</Arn><CreateDate>2020-01-01T00:00:00Z</CreateDate><MaxSessionDuration>{seconds}</MaxSessionDuration></member>"
    )
}

#[tokio::test]
async fn an_account_takes_few_calls_however_many_users_it_has() {
    let names: Vec<String> = (0..400).map(|n| format!("u{n}")).collect();
    let mut aws = Aws::empty();
    aws.on("iam:GetAccountAuthorizationDetails", move |_| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        users_page(&names, None)
    });
    let server = aws.start().await;
    let snapshot = collect(&server, &settings()).await;
    let calls: Vec<String> = server.calls().into_iter().map(|call| call.action).collect();
    assert!(calls.len() <= 15, "{} calls: {calls:?}", calls.len());
    // What would take a call per user is said to be unseen, not passed over.
    let keys = coverage(&snapshot, ACCOUNT, "aws.ssh-public-keys");
    assert_eq!(keys.seen, Seen::None);
    assert!(keys.reason.contains("400 users"), "{}", keys.reason);
    assert!(!keys.is_gap());
}

#[tokio::test]
async fn secrets_are_asked_for_in_every_region_and_one_region_is_no_other() {
    let mut aws = Aws::empty();
    aws.on("secretsmanager:ListSecrets", |call| match &*call.region {
        "us-east-1" => denied(call),
        region => ok_json(json!({"SecretList": [{"Name": region}]})),
    });
    let server = aws.start().await;
    let mut config = settings();
    config.aws.regions = ["eu-west-1", "us-east-1", "eu-north-1", "eu-west-1"]
        .map(str::to_owned)
        .to_vec();
    let snapshot = collect(&server, &config).await;
    for region in ["eu-west-1", "eu-north-1"] {
        let secrets = document(&snapshot, ACCOUNT, &format!("secrets/{region}.json"));
        assert_eq!(secrets["SecretList"][0]["Name"], region);
    }
    let seen = coverage(&snapshot, ACCOUNT, "aws.secrets");
    assert_eq!((seen.seen, seen.items), (Seen::Partial, 2));
    assert!(seen.reason.contains("in us-east-1"), "{}", seen.reason);

    // Without regions in the settings, nobody promises that there are no others.
    config.aws.regions.clear();
    let snapshot = collect(&server, &config).await;
    let seen = coverage(&snapshot, ACCOUNT, "aws.secrets");
    assert_eq!(seen.seen, Seen::Partial);
    assert!(
        seen.reason.contains("only the region eu-west-1"),
        "{}",
        seen.reason
    );
    let center = coverage(&snapshot, ACCOUNT, "aws.identity-center");
    assert_eq!(center.seen, Seen::Partial);
}

/// Notes the waits that are told.
#[derive(Debug, Default)]
struct Noted(std::sync::Mutex<Vec<(u64, String)>>);

impl Progress for Noted {
    fn say(&self, _: &str, _: &str) {}
    fn count(&self, _: &str, _: u64, _: u64) {}
    fn wait(&self, source: &str, seconds: u64, why: &str) {
        let told = format!("{source}: {why}");
        self.0.lock().unwrap().push((seconds, told));
    }
}

#[tokio::test]
async fn waits_for_aws_are_told() {
    let mut aws = Aws::empty();
    aws.on("iam:GetAccountSummary", |call| match call.before {
        0 => throttled(call),
        _ => ok("<SummaryMap/>"),
    });
    aws.on("secretsmanager:ListSecrets", |call| match call.before {
        0 => throttled(call),
        _ => ok_json(json!({"SecretList": []})),
    });
    aws.deny("iam:ListRoles");
    let server = aws.start().await;
    let (config, store, noted) = (settings(), Store::in_memory(now()), Noted::default());
    let session = Session {
        config: &config,
        store: &store,
        progress: &noted,
    };
    server.connection().await.collect(session).await.unwrap();
    let told = noted.0.into_inner().unwrap();
    // A refusal is no wait; two waits that overlap may be told as one.
    assert!((1..=2).contains(&told.len()), "{told:?}");
    for (seconds, text) in told {
        assert_eq!((seconds, text.as_str()), (1, "aws: AWS asks to slow down"));
    }
}

#[tokio::test]
async fn throttled_calls_are_made_again() {
    let mut aws = Aws::empty();
    for action in [
        "iam:GetAccountAuthorizationDetails",
        "iam:GenerateCredentialReport",
    ] {
        let good: fn() -> Reply = if action.ends_with("Details") {
            || users_page(&["ada"], None)
        } else {
            || ok("<State>COMPLETE</State>")
        };
        aws.on(action, move |call| {
            if call.before < 2 {
                throttled(call)
            } else {
                good()
            }
        });
    }
    aws.on("secretsmanager:ListSecrets", |call| {
        if call.before < 1 {
            throttled(call)
        } else {
            ok_json(json!({"SecretList": []}))
        }
    });
    aws.on("iam:GetAccountSummary", throttled);
    let server = aws.start().await;
    let snapshot = collect(&server, &settings()).await;
    for kind in [
        "aws.authorization-details",
        "aws.credential-report",
        "aws.secrets",
    ] {
        assert_eq!(
            coverage(&snapshot, ACCOUNT, kind).seen,
            Seen::Complete,
            "{kind}"
        );
    }
    assert_eq!(server.count("iam:GetAccountAuthorizationDetails"), 3);
    // Attempts are bounded, and the end is said plainly.
    let summary = coverage(&snapshot, ACCOUNT, "aws.account-summary");
    assert!(summary.is_gap());
    assert!(summary.reason.contains("throttled"), "{}", summary.reason);
    assert_eq!(server.count("iam:GetAccountSummary"), 3);
    assert!(!has(&snapshot, ACCOUNT, "account-summary.json"));
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_list_leaves_it_partial() {
    let mut aws = Aws::empty();
    aws.on("iam:GetAccountAuthorizationDetails", |call| {
        match call.get("Marker") {
            "" => users_page(&["ada"], Some("next")),
            _ => denied(call),
        }
    });
    let server = aws.start().await;
    let snapshot = collect(&server, &settings()).await;
    let seen = coverage(&snapshot, ACCOUNT, "aws.authorization-details");
    assert_eq!((seen.seen, seen.items), (Seen::Partial, 1));
    assert!(seen.is_gap());
    let details = document(&snapshot, ACCOUNT, "authorization-details.json");
    assert_eq!(details["IsTruncated"], true);
    assert_eq!(details["UserDetailList"].as_array().unwrap().len(), 1);
    // Half the users are no ground to ask for keys user by user.
    assert_eq!(
        coverage(&snapshot, ACCOUNT, "aws.ssh-public-keys").seen,
        Seen::None
    );
}

#[tokio::test]
async fn every_refused_call_names_the_permission_to_add() {
    let refused = [
        (
            "iam:GetAccountAuthorizationDetails",
            "aws.authorization-details",
        ),
        ("iam:ListRoles", "aws.roles"),
        ("iam:GetCredentialReport", "aws.credential-report"),
        ("iam:GetAccountSummary", "aws.account-summary"),
        ("iam:ListAccountAliases", "aws.account-aliases"),
        ("iam:GetAccountPasswordPolicy", "aws.password-policy"),
        ("iam:ListSAMLProviders", "aws.saml-providers"),
        ("iam:ListOpenIDConnectProviders", "aws.oidc-providers"),
        (
            "iam:ListServiceSpecificCredentials",
            "aws.service-specific-credentials",
        ),
        ("iam:ListVirtualMFADevices", "aws.mfa-devices"),
        ("secretsmanager:ListSecrets", "aws.secrets"),
        ("sso:ListInstances", "aws.identity-center"),
        ("organizations:DescribeOrganization", "aws.organization"),
    ];
    let mut aws = Aws::empty();
    for (action, _) in refused {
        aws.deny(action);
    }
    let server = aws.start().await;
    let snapshot = collect(&server, &settings()).await;
    for (action, kind) in refused {
        let seen = coverage(&snapshot, ACCOUNT, kind);
        assert_eq!(seen.seen, Seen::None, "{kind}");
        assert!(
            seen.reason.contains(action) && seen.reason.contains("denied"),
            "{}",
            seen.reason
        );
        let remedy = seen.remedy.as_deref().unwrap_or_default();
        let told = remedy.contains(action) || remedy.contains("tenure permissions aws");
        assert!(told, "{kind}: {remedy}");
    }
    assert_eq!(
        kinds(&snapshot).keys().copied().collect::<Vec<_>>(),
        Vec::<&str>::new(),
        "nothing was read, so nothing is stored"
    );
}

#[tokio::test]
async fn a_report_that_may_not_be_made_but_exists_is_read() {
    let mut aws = Aws::empty();
    aws.deny("iam:GenerateCredentialReport");
    let server = aws.start().await;
    let snapshot = collect(&server, &settings()).await;
    let report = coverage(&snapshot, ACCOUNT, "aws.credential-report");
    assert_eq!(report.seen, Seen::Complete);
    assert_eq!(report.as_of.unwrap().to_string(), "2026-11-21T08:00:00Z");

    let mut aws = Aws::empty();
    aws.deny("iam:GenerateCredentialReport");
    aws.on("iam:GetCredentialReport", |_| {
        failed("ReportNotPresent", "No report exists.", 410)
    });
    let server = aws.start().await;
    let snapshot = collect(&server, &settings()).await;
    let report = coverage(&snapshot, ACCOUNT, "aws.credential-report");
    assert!(report.is_gap());
    let remedy = report.remedy.as_deref().unwrap_or_default();
    assert!(
        remedy.contains("`iam:GenerateCredentialReport`"),
        "{remedy}"
    );
}

#[tokio::test]
async fn the_credential_report_is_waited_for_and_keeps_its_time_and_root() {
    const BOB: &str = "bob,arn:aws:iam::111122223333:user/bob,2020-01-01T00:00:00+00:00,true,no_information,2020-01-01T00:00:00+00:00,N/A,false,true,2020-01-01T00:00:00+00:00,N/A,N/A,N/A,true,2026-01-01T00:00:00+00:00,2026-11-01T00:00:00+00:00,eu-west-1,s3,true,2021-01-01T00:00:00+00:00,false,N/A";
    let mut aws = Aws::empty();
    aws.on("iam:GenerateCredentialReport", |call| {
        ok(match call.before {
            0 => "<State>STARTED</State><Description>No report exists. Starting a new report generation task</Description>",
            1 => "<State>INPROGRESS</State>",
            _ => "<State>COMPLETE</State>",
        })
    });
    aws.on("iam:GetCredentialReport", |_| {
        credential_report(&[ROOT_ROW, BOB], "2026-11-22T07:30:00Z")
    });
    let server = aws.start().await;
    let snapshot = collect(&server, &settings()).await;
    assert_eq!(server.count("iam:GenerateCredentialReport"), 3);
    let report = document(&snapshot, ACCOUNT, "credential-report.json");
    assert_eq!(report["ReportFormat"], "text/csv");
    assert_eq!(report["GeneratedTime"], "2026-11-22T07:30:00Z");
    let text = report["Content"].as_str().unwrap();
    let expected = format!("{ROOT_ROW}\n{BOB}");
    assert!(
        crate::support::aws::unbase64(text).ends_with(expected.as_bytes()),
        "{text}"
    );
    let seen = coverage(&snapshot, ACCOUNT, "aws.credential-report");
    assert_eq!((seen.seen, seen.items), (Seen::Complete, 2));
    assert_eq!(seen.as_of.unwrap().to_string(), "2026-11-22T07:30:00Z");
}

#[tokio::test]
async fn without_credentials_there_is_an_error_and_no_snapshot() {
    let mut aws = Aws::empty();
    aws.on("sts:GetCallerIdentity", |_| {
        failed(
            "ExpiredToken",
            "The security token included in the request is expired",
            403,
        )
    });
    let server = aws.start().await;
    let config = settings();
    let store = Store::in_memory(now());
    let session = Session {
        config: &config,
        store: &store,
        progress: &Silent,
    };
    let error = server
        .connection()
        .await
        .collect(session)
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Credentials { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("token included in the request is expired"),
        "{text}"
    );
    assert!(text.contains("aws sso login"), "{text}");

    let connection = crate::support::aws::connection("http://127.0.0.1:1").await;
    let error = connection.doctor(&settings()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
}

const BOUNDARY: &str = "arn:aws:iam::111122223333:policy/Boundary";

/// The management account of a company with three more accounts: one that can be
/// read, one whose role is missing, one that is suspended.
fn company() -> Aws {
    let mut aws = Aws::empty();
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
    let wide = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let encoded_trust = encoded(&trust);
    aws.on("iam:GetAccountAuthorizationDetails", move |call| {
        let account = &call.account;
        ok(&format!(
            "<IsTruncated>false</IsTruncated><UserDetailList>{}</UserDetailList><RoleDetailList><member><Path>/</Path><RoleName>deploy</RoleName><RoleId>AROADEPLOY</RoleId><Arn>arn:aws:iam::{account}:role/deploy</Arn><CreateDate>2021-05-05T05:05:05Z</CreateDate><AssumeRolePolicyDocument>{encoded_trust}</AssumeRolePolicyDocument><PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType><PermissionsBoundaryArn>{BOUNDARY}</PermissionsBoundaryArn></PermissionsBoundary><Tags><member><Key>owner</Key><Value>ops</Value></member></Tags><RoleLastUsed><LastUsedDate>2026-11-01T00:00:00Z</LastUsedDate><Region>eu-west-1</Region></RoleLastUsed></member></RoleDetailList>",
            user("ada")
        ))
    });
    aws.on("iam:GetPolicy", |call| {
        let arn = call.get("PolicyArn");
        ok(&format!(
            "<Policy><PolicyName>p</PolicyName><Arn>{arn}</Arn><DefaultVersionId>v7</DefaultVersionId></Policy>"
        ))
    });
    let encoded_wide = encoded(&wide);
    aws.on("iam:GetPolicyVersion", move |call| {
        let version = call.get("VersionId");
        ok(&format!(
            "<PolicyVersion><VersionId>{version}</VersionId><IsDefaultVersion>true</IsDefaultVersion><Document>{encoded_wide}</Document></PolicyVersion>"
        ))
    });
    aws.on("iam:ListOpenIDConnectProviders", |call| {
        ok(&format!(
            "<OpenIDConnectProviderList><member><Arn>arn:aws:iam::{}:oidc-provider/token.actions.githubusercontent.com</Arn></member></OpenIDConnectProviderList>",
            call.account
        ))
    });
    aws.on("iam:GetOpenIDConnectProvider", |_| {
        ok("<Url>token.actions.githubusercontent.com</Url><ClientIDList><member>sts.amazonaws.com</member></ClientIDList><ThumbprintList/><CreateDate>2022-02-02T02:02:02Z</CreateDate>")
    });
    aws.on("iam:ListSSHPublicKeys", |call| {
        let user = call.get("UserName");
        ok(&format!(
            "<SSHPublicKeys><member><UserName>{user}</UserName><SSHPublicKeyId>APKA1</SSHPublicKeyId><Status>Active</Status><UploadDate>2019-01-01T00:00:00Z</UploadDate></member></SSHPublicKeys><IsTruncated>false</IsTruncated>"
        ))
    });
    aws.on("iam:ListOrganizationsFeatures", |_| {
        ok("<OrganizationId>o-acme</OrganizationId><EnabledFeatures><member>RootCredentialsManagement</member></EnabledFeatures>")
    });
    aws.on("iam:GenerateServiceLastAccessedDetails", |call| {
        let job = if call.get("Arn").ends_with("/ada") {
            "good"
        } else {
            "bad"
        };
        ok(&format!("<JobId>{job}</JobId>"))
    });
    aws.on("iam:GetServiceLastAccessedDetails", |call| {
        let times = "<JobType>SERVICE_LEVEL</JobType><JobCreationDate>2026-11-22T08:59:00Z</JobCreationDate><JobCompletionDate>2026-11-22T09:00:00Z</JobCompletionDate>";
        match (call.get("JobId"), call.before, call.get("Marker")) {
            (_, 0, _) => ok(&format!(
                "<JobStatus>IN_PROGRESS</JobStatus>{times}<ServicesLastAccessed/><IsTruncated>false</IsTruncated>"
            )),
            ("good", _, "") => ok(&format!(
                "<JobStatus>COMPLETED</JobStatus>{times}<ServicesLastAccessed><member><ServiceName>Amazon S3</ServiceName><ServiceNamespace>s3</ServiceNamespace><LastAuthenticated>2026-10-10T00:00:00Z</LastAuthenticated><TotalAuthenticatedEntities>1</TotalAuthenticatedEntities></member></ServicesLastAccessed><IsTruncated>true</IsTruncated><Marker>2</Marker>"
            )),
            ("good", _, _) => ok(&format!(
                "<JobStatus>COMPLETED</JobStatus>{times}<ServicesLastAccessed><member><ServiceName>AWS KMS</ServiceName><ServiceNamespace>kms</ServiceNamespace></member></ServicesLastAccessed><IsTruncated>false</IsTruncated>"
            )),
            _ => ok(&format!(
                "<JobStatus>FAILED</JobStatus>{times}<ServicesLastAccessed/><IsTruncated>false</IsTruncated><Error><Message>internal</Message><Code>InternalError</Code></Error>"
            )),
        }
    });
    aws.on("sts:AssumeRole", |call| {
        let role = call.get("RoleArn");
        let account = role.split(':').nth(4).unwrap_or_default().to_owned();
        if account == LOCKED {
            return failed(
                "AccessDenied",
                &format!("User: arn:aws:iam::{ACCOUNT}:user/scanner is not authorized to perform: sts:AssumeRole on resource: {role}"),
                403,
            );
        }
        ok(&format!(
            "<Credentials><AccessKeyId>ASIA{account}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        ))
    });
    organization(&mut aws);
    identity_center(&mut aws);
    aws
}

fn organization(aws: &mut Aws) {
    aws.on("organizations:DescribeOrganization", |_| {
        ok_json(json!({"Organization": {
            "Id": "o-acme", "Arn": "arn:aws:organizations::111122223333:organization/o-acme",
            "FeatureSet": "ALL", "MasterAccountId": ACCOUNT,
        }}))
    });
    aws.on("organizations:ListAccounts", |call| {
        let account = |id: &str, name: &str, status: &str| {
            json!({"Id": id, "Name": name, "Status": status, "JoinedTimestamp": 1_600_000_000.123})
        };
        match call.get("NextToken") {
            "" => ok_json(json!({
                "Accounts": [account(ACCOUNT, "root", "ACTIVE"), account(MEMBER, "prod", "ACTIVE")],
                "NextToken": "more",
            })),
            _ => ok_json(json!({
                "Accounts": [account(LOCKED, "locked", "ACTIVE"), account(SUSPENDED, "old", "SUSPENDED")],
            })),
        }
    });
    aws.on("organizations:ListRoots", |_| {
        ok_json(
            json!({"Roots": [{"Id": "r-1", "Name": "Root", "PolicyTypes": [
                {"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"},
            ]}]}),
        )
    });
    aws.on("organizations:ListOrganizationalUnitsForParent", |call| {
        ok_json(match call.get("ParentId") {
            "r-1" => json!({"OrganizationalUnits": [{"Id": "ou-1", "Name": "Workloads"}]}),
            _ => json!({"OrganizationalUnits": []}),
        })
    });
    aws.on("organizations:ListChildren", |call| {
        ok_json(match call.get("ParentId") {
            "r-1" => json!({"Children": [{"Id": ACCOUNT, "Type": "ACCOUNT"}]}),
            _ => json!({"Children": [{"Id": MEMBER, "Type": "ACCOUNT"}]}),
        })
    });
    aws.on("organizations:ListPolicies", |call| {
        assert_eq!(call.get("Filter"), "SERVICE_CONTROL_POLICY");
        ok_json(json!({"Policies": [{"Id": "p-FullAWSAccess"}, {"Id": "p-deny"}]}))
    });
    aws.on("organizations:DescribePolicy", |call| {
        ok_json(json!({"Policy": {
            "PolicySummary": {"Id": call.get("PolicyId"), "Type": "SERVICE_CONTROL_POLICY", "AwsManaged": false},
            "Content": r#"{"Version":"2012-10-17","Statement":[]}"#,
        }}))
    });
    aws.on("organizations:ListTargetsForPolicy", |_| {
        ok_json(json!({"Targets": [{"TargetId": "ou-1", "Type": "ORGANIZATIONAL_UNIT", "Name": "Workloads"}]}))
    });
}

const INSTANCE: &str = "arn:aws:sso:::instance/ssoins-1";
const ADMIN: &str = "arn:aws:sso:::permissionSet/ssoins-1/ps-admin";
const READ: &str = "arn:aws:sso:::permissionSet/ssoins-1/ps-read";

fn identity_center(aws: &mut Aws) {
    aws.on("sso:ListInstances", |_| {
        ok_json(json!({"Instances": [{
            "InstanceArn": INSTANCE, "IdentityStoreId": "d-1", "OwnerAccountId": ACCOUNT, "Status": "ACTIVE",
        }]}))
    });
    aws.on("sso:ListPermissionSets", |_| {
        ok_json(json!({"PermissionSets": [ADMIN, READ]}))
    });
    aws.on("sso:DescribePermissionSet", |call| {
        let arn = call.get("PermissionSetArn");
        ok_json(json!({"PermissionSet": {"Name": "x", "PermissionSetArn": arn, "SessionDuration": "PT12H"}}))
    });
    aws.on("sso:GetInlinePolicyForPermissionSet", |_| {
        ok_json(json!({"InlinePolicy": ""}))
    });
    aws.on("sso:ListManagedPoliciesInPermissionSet", |call| {
        ok_json(match call.get("PermissionSetArn") {
            ADMIN => json!({"AttachedManagedPolicies": [
                {"Name": "AdministratorAccess", "Arn": "arn:aws:iam::aws:policy/AdministratorAccess"},
            ]}),
            _ => json!({"AttachedManagedPolicies": []}),
        })
    });
    aws.on(
        "sso:ListCustomerManagedPolicyReferencesInPermissionSet",
        |_| ok_json(json!({"CustomerManagedPolicyReferences": [{"Name": "Extra", "Path": "/"}]})),
    );
    aws.on(
        "sso:GetPermissionsBoundaryForPermissionSet",
        |call| match call.get("PermissionSetArn") {
            ADMIN => ok_json(json!({"PermissionsBoundary": {
                "CustomerManagedPolicyReference": {"Name": "Limit", "Path": "/"},
            }})),
            _ => failed_json(
                "ResourceNotFoundException",
                "Permissions boundary not found",
            ),
        },
    );
    aws.on("sso:ListTagsForResource", |_| {
        ok_json(json!({"Tags": [{"Key": "owner", "Value": "iam-team"}]}))
    });
    aws.on("sso:ListAccountsForProvisionedPermissionSet", |call| {
        ok_json(match call.get("PermissionSetArn") {
            ADMIN => json!({"AccountIds": [MEMBER, LOCKED]}),
            _ => json!({"AccountIds": [MEMBER]}),
        })
    });
    aws.on("sso:ListAccountAssignments", |call| {
        let set = call.get("PermissionSetArn");
        let (kind, id) = if set == ADMIN {
            ("GROUP", "g-1")
        } else {
            ("USER", "u-1")
        };
        ok_json(json!({"AccountAssignments": [{
            "AccountId": call.get("AccountId"), "PermissionSetArn": set,
            "PrincipalType": kind, "PrincipalId": id,
        }]}))
    });
    aws.on("identitystore:ListUsers", |_| {
        ok_json(json!({"Users": [{
            "UserId": "u-1", "UserName": "ada", "DisplayName": "Ada", "IdentityStoreId": "d-1",
            "UserArn": "arn:aws:identitystore:::user/u-1", "Revision": "1",
            "Emails": [{"Value": "ada@acme.example", "Type": "work", "Primary": true}],
            "PhoneNumbers": [{"Value": "+1 555 0100"}],
            "Addresses": [{"StreetAddress": "1 Main Street"}],
        }]}))
    });
    aws.on("identitystore:ListGroups", |_| {
        ok_json(json!({"Groups": [
            {"GroupId": "g-1", "DisplayName": "admins", "IdentityStoreId": "d-1", "GroupArn": "a", "Revision": "1"},
            {"GroupId": "g-2", "DisplayName": "unused", "IdentityStoreId": "d-1", "GroupArn": "b", "Revision": "1"},
        ]}))
    });
    aws.on("identitystore:ListGroupMemberships", |call| {
        ok_json(json!({"GroupMemberships": [{
            "IdentityStoreId": "d-1", "MembershipId": "m-1", "MembershipArn": "a",
            "GroupId": call.get("GroupId"), "MemberId": {"UserId": "u-1"},
        }]}))
    });
}

fn organization_settings() -> Config {
    let mut config = settings();
    config.aws.organization = true;
    config.aws.external_id = Some("acme-audit".to_owned());
    config.aws.session_name = "nightly".to_owned();
    config
}

#[tokio::test]
async fn an_organisation_is_read_whole_and_no_account_spoils_another() {
    let server = company().start().await;
    let snapshot = collect(&server, &organization_settings()).await;

    for account in [ACCOUNT, MEMBER] {
        let details = document(&snapshot, account, "authorization-details.json");
        let deploy = &details["RoleDetailList"][0];
        assert_eq!(deploy["Arn"], format!("arn:aws:iam::{account}:role/deploy"));
        assert_eq!(
            deploy["AssumeRolePolicyDocument"]["Statement"][0]["Action"],
            "sts:AssumeRole"
        );
        assert_eq!(
            deploy["RoleLastUsed"]["LastUsedDate"],
            "2026-11-01T00:00:00Z"
        );
        for kind in [
            "aws.authorization-details",
            "aws.policies",
            "aws.scps",
            "aws.rcps",
        ] {
            assert_eq!(
                coverage(&snapshot, account, kind).seen,
                Seen::Complete,
                "{kind}"
            );
        }
    }
    // A policy that is only a boundary, and one only a permission set refers to.
    let policies = document(&snapshot, ACCOUNT, "boundary-policies.json");
    let arns: BTreeSet<&str> = policies
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|policy| policy["Policy"]["Arn"].as_str())
        .collect();
    assert_eq!(
        arns,
        BTreeSet::from([BOUNDARY, "arn:aws:iam::aws:policy/AdministratorAccess"])
    );
    assert_eq!(policies[0]["PolicyVersion"]["VersionId"], "v7");
    assert_eq!(
        policies[0]["PolicyVersion"]["Document"]["Statement"][0]["Action"],
        "*"
    );

    // The account without a role: everything of it is unseen, and says what to do.
    for kind in [
        "aws.authorization-details",
        "aws.credential-report",
        "aws.secrets",
    ] {
        let seen = coverage(&snapshot, LOCKED, kind);
        assert_eq!(seen.seen, Seen::None);
        let remedy = seen.remedy.as_deref().unwrap_or_default();
        assert!(
            remedy.contains("`TenureReadOnly` in account 333344445555"),
            "{remedy}"
        );
    }
    assert!(coverage(&snapshot, LOCKED, "aws.authorization-details").is_gap());
    let old = coverage(&snapshot, SUSPENDED, "aws.authorization-details");
    assert!(
        !old.is_gap() && old.reason.contains("SUSPENDED"),
        "{}",
        old.reason
    );

    let entered = server
        .calls()
        .into_iter()
        .find(|call| call.action == "sts:AssumeRole")
        .unwrap();
    assert_eq!(
        entered.get("RoleArn"),
        "arn:aws:iam::222233334444:role/TenureReadOnly"
    );
    assert_eq!(entered.get("ExternalId"), "acme-audit");
    assert_eq!(entered.get("RoleSessionName"), "nightly");
}

#[tokio::test]
async fn the_organisation_and_identity_center_are_read_as_they_are() {
    let server = company().start().await;
    let snapshot = collect(&server, &organization_settings()).await;

    let accounts = document(&snapshot, ACCOUNT, "organization/accounts.json");
    assert_eq!(accounts["Accounts"].as_array().unwrap().len(), 4);
    assert_eq!(
        accounts["Accounts"][0]["JoinedTimestamp"],
        "2020-09-13T12:26:40.123Z"
    );
    let units = document(&snapshot, ACCOUNT, "organization/organizational-units.json");
    assert_eq!(units[0]["ParentId"], "r-1");
    assert_eq!(units[0]["OrganizationalUnits"][0]["Id"], "ou-1");
    let children = document(&snapshot, ACCOUNT, "organization/children.json");
    assert_eq!(
        children[1],
        json!({"ParentId": "ou-1", "Children": [{"Id": MEMBER, "Type": "ACCOUNT"}]})
    );
    let policies = document(&snapshot, ACCOUNT, "organization/policies.json");
    assert_eq!(policies[1]["Policy"]["PolicySummary"]["Id"], "p-deny");
    assert_eq!(policies[1]["Targets"][0]["TargetId"], "ou-1");
    // Resource control policies are switched off in the root: known, and none.
    assert_eq!(coverage(&snapshot, ACCOUNT, "aws.rcps").items, 0);
    assert_eq!(coverage(&snapshot, ACCOUNT, "aws.scps").items, 2);
    let features = document(&snapshot, ACCOUNT, "organization/features.json");
    assert_eq!(
        features["EnabledFeatures"],
        json!(["RootCredentialsManagement"])
    );

    let sets = document(&snapshot, ACCOUNT, "identity-center/permission-sets.json");
    assert_eq!(
        sets[0],
        json!({
            "InstanceArn": INSTANCE,
            "PermissionSet": {"Name": "x", "PermissionSetArn": ADMIN, "SessionDuration": "PT12H"},
            "InlinePolicy": "",
            "AttachedManagedPolicies": [
                {"Name": "AdministratorAccess", "Arn": "arn:aws:iam::aws:policy/AdministratorAccess"},
            ],
            "CustomerManagedPolicyReferences": [{"Name": "Extra", "Path": "/"}],
            "PermissionsBoundary": {"CustomerManagedPolicyReference": {"Name": "Limit", "Path": "/"}},
            "Tags": [{"Key": "owner", "Value": "iam-team"}],
        })
    );
    assert_eq!(sets[1]["PermissionsBoundary"], Value::Null);
    let assignments = document(
        &snapshot,
        ACCOUNT,
        "identity-center/account-assignments.json",
    );
    let assigned: Vec<(&str, &str)> = assignments["AccountAssignments"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| Some((entry["AccountId"].as_str()?, entry["PrincipalId"].as_str()?)))
        .collect();
    assert_eq!(
        assigned,
        [(MEMBER, "g-1"), (LOCKED, "g-1"), (MEMBER, "u-1")]
    );
    // Only the group somebody gave something to is asked for its members.
    let members = document(&snapshot, ACCOUNT, "identity-center/group-memberships.json");
    assert_eq!(members["GroupMemberships"][0]["GroupId"], "g-1");
    assert_eq!(server.count("identitystore:ListGroupMemberships"), 1);
    let users = document(&snapshot, ACCOUNT, "identity-center/users.json");
    assert_eq!(users["Users"][0]["Emails"][0]["Value"], "ada@acme.example");
    let text = users.to_string();
    assert!(
        !text.contains("555") && !text.contains("Main Street"),
        "{text}"
    );
}

#[tokio::test]
async fn a_permission_set_half_read_is_partial() {
    let mut aws = company();
    aws.deny("sso:GetPermissionsBoundaryForPermissionSet");
    aws.deny("identitystore:ListGroupMemberships");
    let server = aws.start().await;
    let snapshot = collect(&server, &organization_settings()).await;
    let sets = document(&snapshot, ACCOUNT, "identity-center/permission-sets.json");
    assert!(
        sets[0].get("PermissionsBoundary").is_none(),
        "unknown, not none"
    );
    let center = coverage(&snapshot, ACCOUNT, "aws.identity-center");
    assert_eq!(center.seen, Seen::Partial);
    assert!(center.is_gap());
    assert!(
        center
            .reason
            .contains("sso:GetPermissionsBoundaryForPermissionSet"),
        "{}",
        center.reason
    );
    let people = coverage(&snapshot, ACCOUNT, "aws.identity-store");
    assert_eq!(people.seen, Seen::Partial);
}

#[tokio::test]
async fn a_member_account_alone_says_that_it_cannot_see_what_limits_it() {
    let mut aws = company();
    aws.deny("organizations:ListAccounts");
    aws.deny("sso:ListInstances");
    let server = aws.start().await;
    let snapshot = collect(&server, &settings()).await;
    for kind in [
        "aws.organization",
        "aws.scps",
        "aws.rcps",
        "aws.identity-center",
    ] {
        let seen = coverage(&snapshot, ACCOUNT, kind);
        assert_eq!(seen.seen, Seen::None, "{kind}");
        assert!(!seen.is_gap(), "{kind} was not asked for");
    }
    assert_eq!(server.count("sts:AssumeRole"), 0);

    let snapshot = collect(&server, &organization_settings()).await;
    assert!(
        coverage(&snapshot, ACCOUNT, "aws.scps").is_gap(),
        "it was asked for"
    );
}

#[tokio::test]
async fn last_use_is_asked_for_the_named_principals_only() {
    let server = company().start().await;
    let config = organization_settings();
    let store = Store::in_memory(now());
    let session = Session {
        config: &config,
        store: &store,
        progress: &Silent,
    };
    let principal = |arn: &str, id: &str| Principal {
        arn: arn.to_owned(),
        id: id.to_owned(),
    };
    let asked = [
        principal("arn:aws:iam::222233334444:user/ada", "AIDAADA"),
        principal("arn:aws:iam::111122223333:role/x", "../../etc"),
        principal("arn:aws:iam::333344445555:role/x", "AROAX"),
        principal("not an arn", "-"),
    ];
    server
        .connection()
        .await
        .last_accessed(session, &asked)
        .await
        .unwrap();
    let snapshot = store.finish().unwrap();
    let ada = document(&snapshot, MEMBER, "last-accessed/AIDAADA.json");
    assert_eq!(ada["Arn"], "arn:aws:iam::222233334444:user/ada");
    assert_eq!(ada["JobStatus"], "COMPLETED");
    let services: Vec<&str> = ada["ServicesLastAccessed"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|service| service["ServiceNamespace"].as_str())
        .collect();
    assert_eq!(services, ["s3", "kms"]);
    assert_eq!(
        coverage(&snapshot, MEMBER, "aws.last-accessed").seen,
        Seen::Complete
    );
    let failed = coverage(&snapshot, ACCOUNT, "aws.last-accessed");
    assert_eq!(failed.seen, Seen::None);
    assert!(failed.reason.contains("internal"), "{}", failed.reason);
    assert!(!failed.is_gap(), "no verdict depends on it");
    assert_eq!(
        coverage(&snapshot, LOCKED, "aws.last-accessed").seen,
        Seen::None
    );
}

#[tokio::test]
async fn the_calls_made_are_the_permissions_printed() {
    let server = company().start().await;
    let mut config = organization_settings();
    let snapshot = collect(&server, &config).await;
    // Resource control policies on, so that both kinds of policy are listed.
    assert!(!snapshot.documents.is_empty());
    config.aws.organization = true;
    let store = Store::in_memory(now());
    let session = Session {
        config: &config,
        store: &store,
        progress: &Silent,
    };
    let ada = Principal {
        arn: "arn:aws:iam::222233334444:user/ada".to_owned(),
        id: "AIDAADA".to_owned(),
    };
    let connection = server.connection().await;
    connection.last_accessed(session, &[ada]).await.unwrap();

    let made: BTreeSet<String> = server.calls().into_iter().map(|call| call.action).collect();
    let table: BTreeSet<String> = ALL.iter().map(|operation| operation.action()).collect();
    assert_eq!(made, table);

    let policy: Value = serde_json::from_str(&permissions()).unwrap();
    let printed: BTreeSet<String> = policy["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .filter_map(|action| action.as_str().map(str::to_owned))
        .collect();
    let needed: BTreeSet<String> = ALL
        .iter()
        .filter(|operation| operation.scope != Scope::Anybody)
        .map(|operation| operation.action())
        .collect();
    assert_eq!(printed, needed);

    // Members are entered with the account's permissions only.
    let of_members: BTreeSet<String> = server
        .calls()
        .into_iter()
        .filter(|call| call.account == MEMBER)
        .map(|call| call.action)
        .collect();
    let of_accounts: BTreeSet<String> = ALL
        .iter()
        .filter(|operation| operation.scope == Scope::Account)
        .map(|operation| operation.action())
        .collect();
    assert!(of_members.is_subset(&of_accounts), "{of_members:?}");
}

#[tokio::test]
async fn an_interrupted_collection_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let config = organization_settings();
    let into = |at: &str, root: &Path| Store::in_directory(root, at.parse::<Timestamp>().unwrap());
    let entered = |server: &Running, account: &str| {
        server
            .calls()
            .iter()
            .filter(|call| call.account == account)
            .count()
    };

    let server = company().start().await;
    let first = collect_into(&server, &config, into(NOW, folder.path())).await;
    assert!(entered(&server, MEMBER) > 0);

    let server = company().start().await;
    let again = collect_into(
        &server,
        &config,
        into("2026-11-22T10:00:00Z", folder.path()),
    )
    .await;
    assert_eq!(entered(&server, MEMBER), 0, "it was finished an hour ago");
    assert_eq!(
        server.count("sts:AssumeRole"),
        1,
        "only the locked account is tried again"
    );
    assert_eq!(kinds(&again), kinds(&first));
    assert_eq!(
        coverage(&again, MEMBER, "aws.authorization-details"),
        coverage(&first, MEMBER, "aws.authorization-details")
    );

    let server = company().start().await;
    collect_into(
        &server,
        &config,
        into("2026-11-22T19:00:00Z", folder.path()),
    )
    .await;
    assert!(entered(&server, MEMBER) > 0, "too old to be taken over");

    // What is written is what is judged.
    let loaded = tenure::snapshot::load(folder.path()).unwrap();
    assert_eq!(kinds(&loaded), kinds(&first));
    assert!(loaded.problems.is_empty());
}

#[tokio::test]
async fn the_same_answers_give_the_same_bytes() {
    let server = company().start().await;
    let one = collect(&server, &organization_settings()).await;
    let other = collect(&server, &organization_settings()).await;
    let bytes = |snapshot: &Snapshot| -> Vec<(String, Vec<u8>)> {
        snapshot
            .documents
            .iter()
            .map(|document| (document.file.to_string(), document.text.to_vec()))
            .collect()
    };
    assert_eq!(bytes(&one), bytes(&other));
    assert_eq!(one.coverage, other.coverage);
}

#[tokio::test]
async fn the_doctor_tries_every_kind_of_call_and_names_what_is_missing() {
    let mut aws = company();
    aws.deny("iam:GetCredentialReport");
    aws.deny("sso:ListAccountAssignments");
    aws.on("iam:GetServiceLastAccessedDetails", |_| {
        failed("NoSuchEntity", "Cannot find a report for the job.", 404)
    });
    let server = aws.start().await;
    let checks = server
        .connection()
        .await
        .doctor(&organization_settings())
        .await
        .unwrap();
    let tried: BTreeSet<&str> = checks.iter().map(|check| &*check.call).collect();
    let table: Vec<String> = ALL.iter().map(|operation| operation.action()).collect();
    assert_eq!(tried, table.iter().map(String::as_str).collect());
    let bad: Vec<(&str, &str)> = checks
        .iter()
        .filter(|check| check.answer != Answer::Works)
        .map(|check| (&*check.tenant, &*check.call))
        .collect();
    assert_eq!(
        bad,
        [
            (LOCKED, "sts:AssumeRole"),
            (ACCOUNT, "iam:GetCredentialReport"),
            (ACCOUNT, "sso:ListAccountAssignments"),
        ]
    );
    for check in &checks {
        let named = check.remedy.contains(&*check.call);
        assert_eq!(check.answer == Answer::Works, !named, "{check:?}");
    }
    // A doctor who only looks.
    let reads: Vec<Call> = server.calls();
    assert!(reads.len() < 80, "{}", reads.len());
}
