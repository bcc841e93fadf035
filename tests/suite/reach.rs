//! Ways that cross the fixture company's systems.

use serde_json::Value;

use tenure::config::Config;
use tenure::model::{Attrs, Identity, IdentityKind, Sym, System, Tenant, TrustKind, Verdict};

use super::aws_facts::resolve_files;
use super::support::{repository, tenure};

/// `tenure paths` on the fixture company, with these further arguments.
fn paths(more: &[&str]) -> String {
    let output = tenure()
        .current_dir(repository())
        .args(["paths", "fixtures/company"])
        .args(["--config", "fixtures/company/tenure.yaml"])
        .args(["--now", "2026-11-22T12:00:00Z", "--across"])
        .args(more)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Where from and to, by which edges, whether it stands.
fn ways() -> Vec<(String, String, Vec<String>, bool)> {
    let all: Vec<Value> = serde_json::from_str(&paths(&["--json"])).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.iter()
        .map(|path| {
            let target = format!(
                "{} {}",
                text(&path["target"]["system"]),
                text(&path["target"]["tenant"])
            );
            let edges = path["attributes"]["edges"].as_array();
            let edges = edges.into_iter().flatten().map(|edge| number(&text(edge)));
            let edges = edges.collect();
            let standing = path["attributes"]["standing"] == true;
            (text(&path["from"]), target, edges, standing)
        })
        .collect()
}

/// The catalogue's number at the end of what an edge is called.
fn number(edge: &str) -> String {
    let (_, number) = edge.rsplit_once(" (").unwrap();
    number.trim_end_matches(')').to_owned()
}

#[test]
fn a_workflow_and_a_vault_role_walk_round_the_programme() {
    let ways = ways();
    let cluster = "kubernetes prod-eu";
    for (from, target, edges) in [
        (
            "workflows/northwind-ledger/payments-api",
            cluster,
            &["X1", "X6"][..],
        ),
        ("aws/roles/deploy-prod", cluster, &["X11", "X6"]),
        // The environment its trust names was never made, so any writer names it.
        (
            "workflows/northwind-ledger/infra",
            "aws 111122223333",
            &["X1"],
        ),
        // Any repository of the organisation logs in to this role of the vault.
        ("workflows/northwind-ledger/web", "vault prod", &["X8"]),
    ] {
        let found = ways.iter().find(|way| way.0 == from && way.1 == target);
        let found = found.unwrap_or_else(|| panic!("{from} reaches {target}"));
        assert_eq!(found.2, edges, "{from} → {target}");
        assert!(found.3, "{from} → {target} stands");
    }
}

#[test]
fn an_access_entry_lets_people_into_the_cluster() {
    let told = paths(&["--system", "kubernetes", "--evidence"]);
    let place = "fixtures/company/aws/111122223333/eks/prod-eu.json";
    assert!(told.contains(place), "{told}");
}

/// A role of the authorization details that admits `principal`.
fn role(name: &str, principal: &str, policies: &str) -> String {
    format!(
        r#"{{"RoleName": "{name}", "RoleId": "AROA{name}", "Path": "/",
            "Arn": "arn:aws:iam::111122223333:role/{name}",
            "AssumeRolePolicyDocument": {{"Version": "2012-10-17", "Statement": [
                {{"Effect": "Allow", "Principal": {principal},
                  "Action": ["sts:AssumeRole", "sts:TagSession"]}}]}},
            "RolePolicyList": [{policies}], "AttachedManagedPolicies": [],
            "InstanceProfileList": [], "Tags": []}}"#
    )
}

#[test]
fn a_pod_identity_with_a_target_role_leads_to_the_target() {
    let admin = r#"{"PolicyName": "all", "PolicyDocument": {"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}"#;
    let roles = [
        role("pods", r#"{"Service": "pods.eks.amazonaws.com"}"#, ""),
        role(
            "target",
            r#"{"AWS": "arn:aws:iam::111122223333:role/pods"}"#,
            admin,
        ),
    ];
    let details = format!(
        r#"{{"UserDetailList": [], "GroupDetailList": [], "Policies": [],
            "RoleDetailList": [{}]}}"#,
        roles.join(",")
    );
    let issuer = "https://oidc.eks.eu-west-1.amazonaws.com/id/AB12";
    let cluster = format!(
        r#"{{"cluster": {{"name": "prod", "arn": "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
            "platformVersion": "eks.9", "identity": {{"oidc": {{"issuer": "{issuer}"}}}}}}}}"#
    );
    let association = r#"{"association": {"clusterName": "prod", "namespace": "payments",
        "serviceAccount": "api", "roleArn": "arn:aws:iam::111122223333:role/pods",
        "targetRoleArn": "arn:aws:iam::111122223333:role/target",
        "associationArn": "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1"}}"#;
    let mut facts = resolve_files(
        &[
            ("111122223333/details.json", &details),
            ("111122223333/cluster.json", &cluster),
            ("111122223333/association.json", association),
        ],
        &Config::default(),
    );
    let who = |name: &str| {
        let mut all = facts.identities.iter();
        all.position(|one| one.name == name).unwrap()
    };
    let (pods, target) = (who("pods"), who("target"));
    let by_pod = facts
        .trusts
        .iter()
        .filter(|trust| trust.kind == TrustKind::ServiceAccount);
    let by_pod: Vec<usize> = by_pod.map(|trust| trust.target.0 as usize).collect();
    assert_eq!(by_pod, [target], "the pod gets the target, not {pods}");

    let tenant = Sym::new("prod");
    facts.tenants.push(Tenant {
        system: System::Kubernetes,
        id: tenant,
        name: tenant,
        attrs: Attrs::new().with("issuer", issuer),
        location: None,
    });
    let mut account = Identity::new(
        System::Kubernetes,
        "prod",
        "ServiceAccount/payments/api",
        IdentityKind::Workload,
        "payments/api",
    );
    let shows = Sym::new("sub=system:serviceaccount:payments:api");
    account.attrs = Attrs::new()
        .with("namespace", "payments")
        .with("token_claims", vec![shows]);
    facts.identities.push(account);
    tenure::reach::run(&mut facts);
    let way = facts
        .paths
        .iter()
        .find(|path| facts.identity(path.from).name == "payments/api");
    let way = way.expect("a way of the pod");
    assert_eq!((way.technique.as_str(), way.verdict), ("X4", Verdict::Yes));
}

#[test]
fn the_same_input_gives_the_same_ways() {
    let once = paths(&["--evidence"]);
    assert_eq!(once, paths(&["--evidence"]));
    assert!(
        once.contains("sub is like repo:northwind-ledger/payments-api:*"),
        "{once}"
    );
}
