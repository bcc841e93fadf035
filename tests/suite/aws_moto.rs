//! Reading AWS live, against moto: an account, an organisation with Identity Center.
//!
//! moto plays the wire for us: URL-encoded and plain policy documents, member
//! accounts entered by AssumeRole, real XML. What it does not know it answers with
//! an error page, which must become coverage.

use serde_json::Value;
use tenure::connect::aws::Connection;
use tenure::connect::{Answer, Session, Silent};
use tenure::model::Seen;
use tenure::snapshot::{Snapshot, Store};

use crate::support::aws::{connection, settings};
use crate::support::moto::Moto;
use crate::support::skip;

struct Company {
    account: String,
    member: String,
    empty: String,
}

fn company(printed: &str) -> Company {
    let ids: Value = serde_json::from_str(printed).unwrap();
    let id = |name: &str| ids[name].as_str().unwrap().to_owned();
    Company {
        account: id("account"),
        member: id("member"),
        empty: id("empty"),
    }
}

fn document(snapshot: &Snapshot, account: &str, path: &str) -> Value {
    let found = snapshot
        .documents
        .iter()
        .find(|document| document.tenant.as_deref() == Some(account) && document.path == path)
        .unwrap_or_else(|| panic!("{account} has no {path}"));
    let text = String::from_utf8_lossy(&found.text);
    match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(_) => text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .collect(),
    }
}

/// What was not seen of an account: kind and how much.
fn gaps(snapshot: &Snapshot, account: &str) -> Vec<(String, Seen)> {
    snapshot
        .coverage
        .iter()
        .filter(|coverage| coverage.tenant == account && coverage.seen != Seen::Complete)
        .map(|coverage| (coverage.kind.to_string(), coverage.seen))
        .collect()
}

async fn collect(connection: &Connection, organization: bool) -> Snapshot {
    let mut config = settings();
    config.aws.organization = organization;
    let store = Store::in_memory("2026-11-22T09:00:00Z".parse().unwrap());
    let session = Session {
        config: &config,
        store: &store,
        progress: &Silent,
    };
    connection.collect(session).await.unwrap();
    store.finish().unwrap()
}

#[tokio::test]
async fn an_organisation_of_moto_is_read_whole() {
    let Some(bin) = Moto::installed() else {
        return skip("moto is not installed under target/");
    };
    let moto = Moto::start(&bin);
    let ids = company(&moto.seed(&bin, "moto_seed.py"));
    let connection = connection(&moto.address()).await;
    let snapshot = collect(&connection, true).await;

    member_account(&snapshot, &ids);
    organization(&snapshot, &ids);
    identity_center(&snapshot, &ids);

    // What moto cannot play is unseen, and nothing else is.
    let cannot = |account: &str| -> Vec<String> {
        gaps(&snapshot, account)
            .into_iter()
            .map(|(kind, _)| kind)
            .collect()
    };
    assert_eq!(cannot(&ids.member), ["aws.service-specific-credentials"]);
    assert_eq!(cannot(&ids.empty), ["aws.service-specific-credentials"]);
    assert_eq!(
        cannot(&ids.account),
        [
            "aws.identity-center",
            "aws.organization-features",
            "aws.service-specific-credentials",
        ]
    );

    let values = snapshot
        .documents
        .iter()
        .any(|document| String::from_utf8_lossy(&document.text).contains("the-value-nobody"));
    assert!(!values, "a secret's value was read");

    // One account alone, by the credentials' own.
    let alone = collect(&connection, false).await;
    let accounts: Vec<&str> = alone
        .documents
        .iter()
        .filter_map(|document| document.tenant.as_deref())
        .collect();
    assert!(accounts.iter().all(|account| *account == ids.account));

    let checks = connection.doctor(&settings()).await.unwrap();
    let denied = checks
        .iter()
        .filter(|check| matches!(check.answer, Answer::Denied(_)))
        .count();
    assert_eq!(denied, 0);
}

fn member_account(snapshot: &Snapshot, ids: &Company) {
    let member = &ids.member;
    let details = document(snapshot, member, "authorization-details.json");
    let role = |name: &str| {
        details["RoleDetailList"]
            .as_array()
            .unwrap()
            .iter()
            .find(|role| role["RoleName"] == name)
            .unwrap_or_else(|| panic!("no role {name}"))
    };
    let github = role("github-deploy");
    assert_eq!(
        github["PermissionsBoundary"]["PermissionsBoundaryArn"],
        format!("arn:aws:iam::{member}:policy/Boundary")
    );
    assert_eq!(
        github["AssumeRolePolicyDocument"]["Statement"][0]["Action"],
        "sts:AssumeRoleWithWebIdentity"
    );
    assert_eq!(github["Tags"][0]["Value"], "platform");
    let user = &details["UserDetailList"][0];
    assert_eq!(user["GroupList"][0], "ops");
    let inline = &user["UserPolicyList"][0]["PolicyDocument"];
    assert_eq!(inline["Statement"][0]["Action"][0], "iam:CreateAccessKey");
    let admin = details["Policies"]
        .as_array()
        .unwrap()
        .iter()
        .find(|policy| policy["Arn"] == "arn:aws:iam::aws:policy/AdministratorAccess")
        .unwrap();
    let document_of_admin = &admin["PolicyVersionList"][0]["Document"];
    assert_eq!(document_of_admin["Statement"][0]["Action"], "*");

    let roles = document(snapshot, member, "roles.json");
    let longest = roles["Roles"]
        .as_array()
        .unwrap()
        .iter()
        .find(|role| role["RoleName"] == "github-deploy")
        .unwrap();
    assert_eq!(longest["MaxSessionDuration"], 43_200);

    let report = document(snapshot, member, "credential-report.json");
    let report = crate::support::aws::unbase64(report["Content"].as_str().unwrap());
    assert!(String::from_utf8_lossy(&report).contains(&format!("arn:aws:iam::{member}:user/ada")));
    let summary = document(snapshot, member, "account-summary.json");
    assert!(summary["SummaryMap"]["Users"].is_i64());
    let password = document(snapshot, member, "password-policy.json");
    assert_eq!(password["PasswordPolicy"]["MinimumPasswordLength"], 14);
    let saml = document(snapshot, member, "saml-providers.json");
    let arn = format!("arn:aws:iam::{member}:saml-provider/okta");
    assert_eq!(saml["SAMLProviderList"][0]["Arn"], arn);
    let oidc = document(snapshot, member, "oidc-providers.json");
    assert_eq!(oidc[1]["ClientIDList"][0], "sts.amazonaws.com");
    let keys = document(snapshot, member, "ssh-public-keys.json");
    assert_eq!(keys["SSHPublicKeys"][0]["UserName"], "ada");
    let devices = document(snapshot, member, "mfa-devices.json");
    assert_eq!(devices["VirtualMFADevices"][0]["User"]["UserName"], "ada");
    let secrets = document(snapshot, member, "secrets/eu-west-1.json");
    assert_eq!(secrets["SecretList"][0]["Name"], "prod/database");
}

fn organization(snapshot: &Snapshot, ids: &Company) {
    let account = &ids.account;
    let accounts = document(snapshot, account, "organization/accounts.json");
    assert_eq!(accounts["Accounts"].as_array().unwrap().len(), 3);
    let units = document(snapshot, account, "organization/organizational-units.json");
    assert_eq!(units[0]["OrganizationalUnits"][0]["Name"], "Workloads");
    let children = document(snapshot, account, "organization/children.json");
    assert_eq!(children[1]["Children"][0]["Id"], ids.member.as_str());
    let policies = document(snapshot, account, "organization/policies.json");
    let scp = policies
        .as_array()
        .unwrap()
        .iter()
        .find(|policy| policy["Policy"]["PolicySummary"]["Name"] == "no-leaving")
        .unwrap();
    assert_eq!(scp["Targets"][0]["Type"], "ORGANIZATIONAL_UNIT");
    let content = scp["Policy"]["Content"].as_str().unwrap();
    assert!(content.contains("organizations:LeaveOrganization"));
}

fn identity_center(snapshot: &Snapshot, ids: &Company) {
    let account = &ids.account;
    let sets = document(snapshot, account, "identity-center/permission-sets.json");
    let set = |name: &str| {
        sets.as_array()
            .unwrap()
            .iter()
            .find(|set| set["PermissionSet"]["Name"] == name)
            .unwrap()
    };
    assert_eq!(
        set("Administrator")["PermissionSet"]["SessionDuration"],
        "PT12H"
    );
    assert_eq!(
        set("Administrator")["AttachedManagedPolicies"][0]["Arn"],
        "arn:aws:iam::aws:policy/AdministratorAccess"
    );
    let inline = set("Reader")["InlinePolicy"].as_str().unwrap();
    assert!(inline.contains("s3:GetObject"));
    let assignments = document(
        snapshot,
        account,
        "identity-center/account-assignments.json",
    );
    assert_eq!(
        assignments["AccountAssignments"].as_array().unwrap().len(),
        2
    );
    let members = document(snapshot, account, "identity-center/group-memberships.json");
    let users = document(snapshot, account, "identity-center/users.json");
    assert_eq!(
        members["GroupMemberships"][0]["MemberId"]["UserId"],
        users["Users"][0]["UserId"]
    );
}
