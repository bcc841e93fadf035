//! The fixture company, and the sample reports rendered from it.

use std::fs;

use super::support::{repository, tenure};

/// What the README runs.
const ARGS: &[&str] = &[
    "scan",
    "fixtures/company",
    "--config",
    "fixtures/company/tenure.yaml",
    "--now",
    "2026-11-22T12:00:00Z",
];

/// `TENURE_UPDATE=1 cargo test --test suite company` writes the samples anew.
#[test]
fn the_sample_reports_are_what_the_readme_renders() {
    let folder = tempfile::TempDir::new().unwrap();
    let output = tenure()
        .current_dir(repository())
        .args(ARGS)
        .arg(format!("--reports={}", folder.path().display()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "there are findings");
    let mut stale = Vec::new();
    for name in ["tenure.sarif", "tenure.html", "tenure.json"] {
        let rendered = fs::read(folder.path().join(name)).unwrap();
        let sample = repository().join("reports").join(name);
        if std::env::var_os("TENURE_UPDATE").is_some() {
            fs::write(&sample, &rendered).unwrap();
        } else if fs::read(&sample).unwrap_or_default() != rendered {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "{stale:?} in reports/ are not what the fixture company gives now; write them anew with \
         TENURE_UPDATE=1 cargo test --test suite company, and read the difference"
    );
}

#[test]
fn every_system_of_the_company_is_judged_and_the_gap_is_told() {
    let output = tenure()
        .current_dir(repository())
        .args(ARGS)
        .args(["-o", "json"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    for (system, tenants) in [("aws", 4), ("github", 1), ("kubernetes", 2), ("vault", 1)] {
        let mut seen: Vec<&str> = findings
            .iter()
            .filter(|finding| finding["system"] == system)
            .filter_map(|finding| finding["tenant"].as_str())
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), tenants, "{system}: {seen:?}");
    }
    let gaps: Vec<&str> = report["coverage"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["required"] == true && one["seen"] != "complete")
        .filter_map(|one| one["kind"].as_str())
        .collect();
    assert_eq!(gaps, ["kubernetes.authorizer"]);
}

/// The README's first command is the one the samples are rendered by; the others are
/// run by the tests of the documentation.
#[test]
fn the_readme_runs_what_the_samples_are_rendered_by() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let first = format!("cargo run --release -- {} --reports", ARGS.join(" "));
    assert!(readme.contains(&first), "the README runs: {first}");
    assert!(readme.contains("bash tests/run"));
    let ci = fs::read_to_string(repository().join(".ci/run")).unwrap();
    assert!(ci.lines().any(|line| line == "bash tests/run"), "{ci}");
}
