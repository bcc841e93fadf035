//! Ways that cross the fixture company's systems.

use serde_json::Value;

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

#[test]
fn the_same_input_gives_the_same_ways() {
    let once = paths(&["--evidence"]);
    assert_eq!(once, paths(&["--evidence"]));
    assert!(
        once.contains("sub is like repo:northwind-ledger/payments-api:*"),
        "{once}"
    );
}
