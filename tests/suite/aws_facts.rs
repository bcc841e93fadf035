//! AWS facts from documents nobody here wrote, and from damaged ones.

use std::sync::Arc;

use tenure::config::Config;
use tenure::model::{Inventory, Sym, System, Tier};
use tenure::resolve::aws::query;
use tenure::resolve::{Context, resolve};
use tenure::snapshot::{Document, Snapshot, recognise};

/// Resolves files given as (name, text), recognised as a scan would.
pub fn resolve_files(files: &[(&str, &str)], config: &Config) -> Inventory {
    let mut snapshot = Snapshot::default();
    for (name, text) in files {
        let (system, kind) = recognise(name, text.as_bytes()).expect("a known document");
        snapshot.documents.push(Document {
            system,
            kind,
            tenant: None,
            path: Sym::new(name),
            file: Sym::new(name),
            text: Arc::from(text.as_bytes()),
        });
    }
    let now = "2026-11-22T12:00:00Z".parse().expect("a time");
    resolve(&snapshot, &Context { config, now })
}

/// Third-party data that is not part of the repository.
fn shared(path: &str) -> Option<String> {
    let root = std::env::var("TENURE_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    let found = std::fs::read_to_string(format!("{root}/{path}")).ok();
    if found.is_none() {
        println!("skipped: `{path}` is not here");
    }
    found
}

#[test]
fn a_real_account_resolves() {
    let Some(text) = shared("data/aws/cloudsplaining-example.json") else {
        return;
    };
    let facts = resolve_files(&[("x.json", &text)], &Config::default());
    let count = |tier: &str| {
        facts
            .identities
            .iter()
            .filter(|identity| identity.tier.as_str() == tier)
            .count()
    };
    assert_eq!(facts.identities.len(), 44 + 5 + 78);
    assert!(!facts.entitlements.is_empty());
    // The account is built to be broken: its authors planted these.
    let found = |who: &str, technique: &str| {
        facts.paths.iter().any(|path| {
            facts.identity(path.from).name == who
                && path.technique == format!("AWS-PE-{technique}").as_str()
        })
    };
    for (who, technique) in [
        ("fn1-privesc3-partial-user", "ec2-001"),
        ("fn2-exploitableResourceConstraint-user", "iam-001"),
        ("fn3-exploitableConditionConstraint-user", "iam-001"),
        ("fn4-exploitableNotAction-user", "iam-007"),
    ] {
        assert!(found(who, technique), "{who} {technique}");
    }
    for path in &facts.paths {
        let who = facts.identity(path.from).name;
        let safe = who.starts_with("fp1-") || who.starts_with("fp2-") || who.starts_with("fp5-");
        assert!(!safe, "{who} {}", path.technique);
        assert!(path.location.is_some(), "{who} {}", path.technique);
    }
    assert!(count("admin") > 40);
    assert_eq!(System::Aws, facts.tenants[0].system);
}

/// The company's AWS documents, as a scan of its directory would find them.
fn company() -> Inventory {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/company/aws");
    let snapshot = tenure::snapshot::load(std::path::Path::new(root)).expect("the fixture loads");
    assert!(snapshot.problems.is_empty(), "{:?}", snapshot.problems);
    let config = Config::parse("break_glass: ['arn:aws:iam::*:user/nw-emergency-*']\n")
        .expect("a configuration");
    let now = "2026-11-22T12:00:00Z".parse().expect("a time");
    resolve(
        &snapshot,
        &Context {
            config: &config,
            now,
        },
    )
}

#[test]
fn the_company_resolves() {
    let facts = company();
    let path = |who: &str, technique: &str| {
        facts
            .paths
            .iter()
            .find(|path| facts.identity(path.from).name == who && path.technique == technique)
            .map(|path| path.verdict.as_str())
    };
    assert_eq!(path("ci-legacy", "AWS-PE-lambda-001"), Some("yes"));
    assert_eq!(path("t.brandt", "AWS-PE-iam-007"), Some("yes"));
    assert_eq!(path("a.novak", "AWS-PE-iam-001"), Some("yes"));
    assert_eq!(path("j.lindqvist", "AWS-PE-sts-001"), Some("conditional"));
    assert_eq!(
        path("intern-2024", "AWS-PE-sts-001"),
        None,
        "its boundary holds"
    );
    assert_eq!(
        path("vault-server", "AWS-PE-iam-015"),
        None,
        "the policy is fixed"
    );

    let witness = |role: &str| {
        facts
            .trusts
            .iter()
            .find(|trust| facts.identity(trust.target).name == role)
            .and_then(|trust| trust.witness)
            .map(|witness| witness.as_str())
    };
    assert_eq!(
        witness("gha-payments-deploy"),
        Some("repo:northwind-ledger/payments-api:pull_request")
    );
    assert!(witness("gha-legacy-release").is_some());
    assert!(witness("gha-sandbox").is_some());
    assert_eq!(witness("gha-infra-apply"), None);

    let assigned = facts
        .entitlements
        .iter()
        .filter(|grant| grant.mechanism == "assignment" && grant.tier == Tier::Admin)
        .count();
    assert_eq!(assigned, 11);
    let gaps: Vec<_> = facts.coverage.iter().filter(|seen| seen.is_gap()).collect();
    assert!(gaps.is_empty(), "{gaps:?}");
    let root_key = facts.credentials.iter().any(|key| {
        key.active && key.kind == "access-key" && key.attrs.get(Sym::new("root")).is_some()
    });
    assert!(root_key);
    // Every fact that came from a file says where.
    assert!(
        facts
            .entitlements
            .iter()
            .all(|grant| grant.location.is_some())
    );
    assert!(facts.trusts.iter().all(|trust| trust.location.is_some()));
    assert_eq!(company(), facts, "the same input gives the same facts");
}

#[test]
fn questions_about_the_company() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/company/aws");
    let snapshot = tenure::snapshot::load(std::path::Path::new(root)).expect("the fixture loads");
    let config = Config::default();
    let now = "2026-11-22T12:00:00Z".parse().expect("a time");
    let context = Context {
        config: &config,
        now,
    };
    let documents = snapshot.of(System::Aws);
    let ask = |who: &str, action: &str, on: Option<&str>| {
        query::can(&documents, &context, who, action, on)
    };
    let role = "arn:aws:iam::111122223333:role/ledger-migration-lambda";
    let passes = ask("ci-legacy", "iam:PassRole", Some(role)).expect("an answer");
    assert_eq!(passes.verdict.as_str(), "yes");
    assert!(passes.by.iter().all(|shown| shown.location.is_some()));
    let denied = ask("a.novak", "rds:DeleteDBInstance", None).expect("an answer");
    assert_eq!(
        (denied.verdict.as_str(), denied.explicit_deny),
        ("no", true)
    );
    assert!(ask("nobody", "s3:GetObject", None).is_err());
    assert!(ask("OrganizationAccountAccessRole", "s3:GetObject", None).is_err());
    let who = query::who_can(&documents, &context, "iam:PassRole", Some(role)).expect("an answer");
    assert!(
        who.iter()
            .any(|one| one.identity.ends_with("user/ci-legacy"))
    );
    assert!(!who.iter().any(|one| one.identity.ends_with("role/bastion")));
}

#[test]
fn damaged_documents_are_gaps_with_their_place() {
    for (text, place) in [
        (
            r#"{"UserDetailList":[{"UserName":"a","Arn":"arn:aws:iam::1:us"#,
            "x.json:1:",
        ),
        ("{\"UserDetailList\":[\n{\"UserName\":7}]}", "x.json:2:"),
        (r#"{"RoleDetailList":"many"}"#, "x.json:1:"),
    ] {
        let facts = resolve_files(&[("x.json", text)], &Config::default());
        let told = facts
            .coverage
            .iter()
            .find(|seen| seen.kind == "aws.authorization-details" && seen.is_gap());
        let told = told.expect("a gap");
        assert!(told.reason.contains(place), "{}", told.reason);
    }
    let deep = format!(
        r#"{{"RoleDetailList":[{{"RoleName":"r","Arn":"arn:aws:iam::111122223333:role/r","RolePolicyList":[{{"PolicyName":"p","PolicyDocument":{}{}}}]}}]}}"#,
        r#"{"Statement":"#.to_owned() + &"[".repeat(100_000),
        "]".repeat(100_000) + "}",
    );
    let facts = resolve_files(&[("x.json", &deep)], &Config::default());
    assert!(
        facts
            .coverage
            .iter()
            .any(|seen| seen.kind == "aws.policies" && seen.is_gap())
    );
    assert_eq!(facts.entitlements[0].verdict.as_str(), "conditional");
}

fn gaps(facts: &Inventory, kind: &str) -> Vec<String> {
    facts
        .coverage
        .iter()
        .filter(|seen| seen.kind == kind && seen.is_gap())
        .map(|seen| seen.reason.to_string())
        .collect()
}

#[test]
fn one_badly_shaped_user_costs_that_user_alone() {
    let text = r#"{"UserDetailList":[
 {"UserName":"good","Arn":"arn:aws:iam::111122223333:user/good","UserPolicyList":[{"PolicyName":"p",
  "PolicyDocument":{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}}]},
 {"UserName":"bad","Arn":"arn:aws:iam::111122223333:user/bad","UserPolicyList":[{"PolicyName":"q"}]}],
 "GroupDetailList":[]}"#;
    let facts = resolve_files(&[("x.json", text)], &Config::default());
    let admins = facts
        .identities
        .iter()
        .filter(|one| one.tier == Tier::Admin);
    let names: Vec<&str> = admins.map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["good"]);
    let told = gaps(&facts, "aws.authorization-details");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("x.json:4:")
            && told[0].contains(
                "element 1 of `UserDetailList` (`arn:aws:iam::111122223333:user/bad`) is left out"
            ),
        "{told:?}"
    );
}

#[test]
fn a_lost_statement_is_a_gap_wherever_it_stands() {
    // Each document has one statement that can be judged and one that cannot.
    let lost = r#"{"Effect":"Maybe","Action":"*","Resource":"*"}"#;
    let half = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"s3:*","Resource":"*"}},{lost}]}}"#
    );
    let inline = format!(r#"[{{"PolicyName":"p","PolicyDocument":{half}}}]"#);
    let trust = format!(
        r#"{{"Statement":[{{"Effect":"Allow","Principal":{{"AWS":"111122223333"}},"Action":"sts:AssumeRole"}},{lost}]}}"#
    );
    let arn = "arn:aws:iam::111122223333";
    for (users, roles, policies, whose) in [
        (
            format!(r#"{{"UserName":"u","Arn":"{arn}:user/u","UserPolicyList":{inline}}}"#),
            String::new(),
            String::new(),
            "the inline policy `p` of `arn:aws:iam::111122223333:user/u`",
        ),
        (
            String::new(),
            format!(
                r#"{{"RoleName":"r","Arn":"{arn}:role/r","AssumeRolePolicyDocument":{trust}}}"#
            ),
            String::new(),
            "the trust policy of `arn:aws:iam::111122223333:role/r`",
        ),
        (
            format!(
                r#"{{"UserName":"u","Arn":"{arn}:user/u","PermissionsBoundary":{{"PermissionsBoundaryArn":"{arn}:policy/b"}}}}"#
            ),
            String::new(),
            format!(
                r#"{{"PolicyName":"b","Arn":"{arn}:policy/b","DefaultVersionId":"v1","PolicyVersionList":[{{"VersionId":"v1","IsDefaultVersion":true,"Document":{half}}}]}}"#
            ),
            "the policy `arn:aws:iam::111122223333:policy/b`",
        ),
    ] {
        let text = format!(
            "{{\n\"UserDetailList\":[{users}],\n\"RoleDetailList\":[{roles}],\n\"Policies\":[{policies}]}}"
        );
        let facts = resolve_files(&[("x.json", &text)], &Config::default());
        let told = gaps(&facts, "aws.policies");
        assert_eq!(told.len(), 1, "{whose}: {told:?}");
        assert!(
            told[0].starts_with("x.json:")
                && told[0].contains(whose)
                && told[0].contains("statement 1: `Effect` is neither `Allow` nor `Deny`"),
            "{told:?}"
        );
    }
}

#[test]
fn part_of_a_statement_that_cannot_be_read_is_no_silence() {
    // A deny whose condition is no condition must not deny outright.
    let text = r#"{"UserDetailList":[{"UserName":"u","Arn":"arn:aws:iam::111122223333:user/u",
        "UserPolicyList":[{"PolicyName":"p","PolicyDocument":{"Statement":[
            {"Effect":"Allow","Action":"*","Resource":"*"},
            {"Effect":"Deny","Action":"*","Resource":"*","Condition":"always"}]}}]}]}"#;
    let facts = resolve_files(&[("x.json", text)], &Config::default());
    assert_eq!(facts.entitlements[0].verdict.as_str(), "conditional");
    let told = gaps(&facts, "aws.policies");
    assert!(
        told[0].contains("statement 1: expected an object"),
        "{told:?}"
    );
}

#[test]
fn a_guardrail_that_cannot_be_read_hides_nothing() {
    let details = r#"{"UserDetailList":[{"UserName":"u","Arn":"arn:aws:iam::111122223333:user/u",
        "UserPolicyList":[{"PolicyName":"p","PolicyDocument":
            {"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}}]}]}"#;
    let policies = r#"{"Policy":{"PolicySummary":{"Id":"p-1","Type":"SERVICE_CONTROL_POLICY"},
        "Content":"{\"Statement\":[{\"Effect\":\"Allow\"}]}"},"Targets":[{"TargetId":"r-1"}]}"#;
    let facts = resolve_files(
        &[
            ("aws/111122223333/authorization-details.json", details),
            ("aws/111122223333/organization/policies.json", policies),
            (
                "aws/111122223333/organization/children.json",
                r#"{"ParentId":"r-1","Children":[{"Id":"111122223333","Type":"ACCOUNT"}]}"#,
            ),
        ],
        &Config::default(),
    );
    let user = facts.identities.iter().find(|one| one.name == "u");
    assert_eq!(user.map(|user| user.tier), Some(Tier::Admin));
    let told = gaps(&facts, "aws.scps");
    assert!(
        told[0].contains("the service control policy `p-1` cannot be judged"),
        "{told:?}"
    );
}

#[test]
fn an_attached_policy_that_is_absent_is_not_evaluable() {
    let text = r#"{"UserDetailList":[{"UserName":"<script>\u001b[31m","UserId":"AIDA1",
        "Arn":"arn:aws:iam::111122223333:user/x","AttachedManagedPolicies":[
        {"PolicyName":"gone","PolicyArn":"arn:aws:iam::111122223333:policy/gone"}]}]}"#;
    let facts = resolve_files(&[("x.json", text)], &Config::default());
    assert_eq!(facts.entitlements[0].verdict.as_str(), "conditional");
    let gap = |kind: &str| {
        facts
            .coverage
            .iter()
            .any(|seen| seen.kind == kind && seen.is_gap())
    };
    assert!(gap("aws.policies") && gap("aws.credential-report"));
}

/// The one grant of a user with these two policies and a boundary.
fn only_grant(policy: &str, boundary: Option<&str>) -> (&'static str, Vec<Sym>) {
    let arn = "arn:aws:iam::111122223333";
    let (bound, policies) = match boundary {
        Some(text) => (
            format!(r#","PermissionsBoundary":{{"PermissionsBoundaryArn":"{arn}:policy/b"}}"#),
            format!(
                r#"{{"PolicyName":"b","Arn":"{arn}:policy/b","DefaultVersionId":"v1","PolicyVersionList":[{{"VersionId":"v1","IsDefaultVersion":true,"Document":{{"Statement":{text}}}}}]}}"#
            ),
        ),
        None => Default::default(),
    };
    let text = format!(
        r#"{{"UserDetailList":[{{"UserName":"u","Arn":"{arn}:user/u","UserPolicyList":[{{"PolicyName":"p","PolicyDocument":{{"Statement":{policy}}}}}]{bound}}}],"Policies":[{policies}]}}"#
    );
    let facts = resolve_files(&[("x.json", &text)], &Config::default());
    let grant = &facts.entitlements[0];
    let blocked = match grant.attrs.get(Sym::new("blocked_by")) {
        Some(tenure::model::Value::List(list)) => list.to_vec(),
        _ => Vec::new(),
    };
    (grant.verdict.as_str(), blocked)
}

#[test]
fn a_grant_is_dead_only_where_all_of_it_was_tried() {
    let list = |text: &dyn Fn(usize) -> String, many: usize| {
        let all: Vec<String> = (0..many).map(|at| format!("{:?}", text(at))).collect();
        format!("[{}]", all.join(","))
    };
    let actions = |many| list(&|at| format!("s3:Get{at:03}"), many);
    let allow = |actions: &str, resources: &str| {
        format!(r#"{{"Effect":"Allow","Action":{actions},"Resource":{resources}}}"#)
    };
    let deny = |actions: &str, resources: &str| {
        format!(r#"{{"Effect":"Deny","Action":{actions},"Resource":{resources}}}"#)
    };
    let any = r#""*""#;
    let all_but_last = |many: usize| {
        let last = format!(
            "{},\"sqs:SendMessage\"]",
            actions(many).trim_end_matches(']')
        );
        allow(&last, any)
    };

    // What is not denied, or lies within the boundary, stands last of many.
    let denied = format!("[{},{}]", all_but_last(300), deny(r#""s3:*""#, any));
    assert_eq!(only_grant(&denied, None).0, "yes");
    let within = allow(r#"["ec2:*","sqs:*"]"#, any);
    assert_eq!(only_grant(&all_but_last(300), Some(&within)).0, "yes");

    // All of it is certainly taken away, however much it is.
    let dead = |names: &str| ("no", vec![Sym::new(names)]);
    let quarantined = format!("[{},{}]", allow(&actions(2000), any), deny(any, any));
    assert_eq!(only_grant(&quarantined, None), dead("deny"));
    let elsewhere = allow(r#""ec2:*""#, any);
    let bounded = only_grant(&allow(&actions(2000), any), Some(&elsewhere));
    assert_eq!(bounded, dead("boundary"));

    // Too much to try one by one, and nothing that takes it all away at once.
    let buckets = list(&|at| format!("arn:aws:s3:::b{at:03}/*"), 40);
    let partly = deny(r#""s3:*""#, r#""arn:aws:s3:::b*""#);
    let many = format!("[{},{partly}]", allow(&actions(40), &buckets));
    assert_eq!(
        only_grant(&many, None),
        ("conditional", vec![Sym::new("deny")])
    );
}

#[test]
fn one_badly_shaped_element_of_any_list_costs_itself_alone() {
    let place = |name: &str| format!("aws/111122223333/{name}.json");
    let files = [
        (
            place("saml-providers"),
            "{\"SAMLProviderList\": [{\"Arn\": \"arn:aws:iam::111122223333:saml-provider/a\"},\n {\"Arn\": 7}]}",
            "aws.saml-providers",
        ),
        (
            place("secrets"),
            "{\"SecretList\": [{\"ARN\": \"arn:aws:secretsmanager:eu-west-1:111122223333:secret:a\", \"Name\": \"a\"},\n {\"ARN\": \"arn:b\", \"Tags\": 1}]}",
            "aws.secrets",
        ),
        (
            place("service-specific-credentials"),
            "{\"ServiceSpecificCredentials\": [{\"UserName\": \"a\", \"Status\": \"Active\", \"ServiceSpecificCredentialId\": \"ACCA1\"},\n {\"UserName\": []}]}",
            "aws.service-specific-credentials",
        ),
        (
            place("organization/accounts"),
            "{\"Accounts\": [{\"Id\": \"111122223333\", \"Name\": \"kept\"},\n {\"Id\": null}]}",
            "aws.organization",
        ),
        (
            place("identity-center/users"),
            "{\"Users\": [{\"UserId\": \"u1\", \"UserName\": \"kept\"},\n {\"UserId\": \"u2\", \"UserName\": {}}]}",
            "aws.identity-store",
        ),
        (
            place("identity-center/assignments"),
            "{\"AccountAssignments\": [{\"AccountId\": \"111122223333\", \"PermissionSetArn\": \"arn:s\", \"PrincipalType\": \"USER\", \"PrincipalId\": \"u1\"},\n {\"PrincipalId\": \"u2\"}]}",
            "aws.identity-center",
        ),
        (
            place("organization/policies"),
            "{\"Policy\": {\"PolicySummary\": {\"Id\": \"p-1\", \"Type\": \"SERVICE_CONTROL_POLICY\"}, \"Content\": \"{}\"}, \"Targets\": []}\n{\"Policy\": 1}\n",
            "aws.scps",
        ),
    ];
    let details = r#"{"UserDetailList":[{"UserName":"a","Arn":"arn:aws:iam::111122223333:user/a"}],"RoleDetailList":[]}"#;
    let mut all = vec![("aws/111122223333/authorization-details.json", details)];
    all.extend(files.iter().map(|(name, text, _)| (name.as_str(), *text)));
    let facts = resolve_files(&all, &Config::default());
    for (name, _, kind) in &files {
        let told = gaps(&facts, kind);
        let here = format!("{name}:2:");
        let lost = told.iter().filter(|gap| gap.starts_with(&here));
        assert_eq!(lost.count(), 1, "{kind}: {told:?}");
    }
    let names = |name: &str| facts.identities.iter().any(|one| one.name == name);
    assert!(names("kept"), "the other user of the identity store");
    assert_eq!(facts.tenants[0].name, "kept", "the other account");
    let credential = |kind: &str| facts.credentials.iter().any(|one| one.kind == kind);
    assert!(credential("service-credential"));
    assert!(credential("stored-secret"));
    let assigned = |one: &&tenure::model::Entitlement| one.mechanism == "assignment";
    assert_eq!(facts.entitlements.iter().filter(assigned).count(), 1);
}

#[test]
fn a_second_factor_is_required_only_where_it_must_be_there() {
    for (operator, value, required) in [
        ("Bool", "true", true),
        ("Bool", "false", false),
        // Whoever comes with long-lived keys has no such key in the request.
        ("BoolIfExists", "true", false),
    ] {
        let trust = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"AWS": "arn:aws:iam::111122223333:user/u"},
                "Condition": {operator: {"aws:MultiFactorAuthPresent": value}},
            }],
        });
        let details = serde_json::json!({
            "UserDetailList": [], "GroupDetailList": [], "Policies": [],
            "RoleDetailList": [{
                "Path": "/", "RoleName": "r", "RoleId": "AROA1",
                "Arn": "arn:aws:iam::111122223333:role/r",
                "AssumeRolePolicyDocument": trust,
            }],
        });
        let facts = resolve_files(&[("x.json", &details.to_string())], &Config::default());
        let found = facts.trusts[0].attrs.get(Sym::new("mfa_required"));
        assert_eq!(found, Some(&required.into()), "{operator} {value}");
    }
}
