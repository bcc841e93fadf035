//! The fixture company, and the sample reports rendered from it.

use std::fs;
use std::process::Command;

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

/// Commands of the README that need no credentials do what it says.
#[test]
fn the_commands_of_the_readme_run() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let first = format!("cargo run --release -- {} --reports", ARGS.join(" "));
    assert!(readme.contains(&first), "the README runs: {first}");
    assert!(readme.contains("bash tests/run"));
    let ci = fs::read_to_string(repository().join(".ci/run")).unwrap();
    assert!(ci.lines().any(|line| line == "bash tests/run"), "{ci}");

    let account = "fixtures/company/aws/111122223333/authorization-details.json";
    let mut tried = 0;
    for line in readme.lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let Some(rest) = line.strip_prefix("tenure ") else {
            continue;
        };
        let mut words = words(&rest.replace("account.json", account));
        let offline = rest.contains("account.json") || rest.starts_with("permissions");
        if rest.starts_with("rules") || rest.starts_with("explain") || offline {
            if rest.contains("my-rules") || rest.contains("credential-report.json") {
                continue;
            }
            // The README asks about somebody; in the fixture company it is this user.
            if words.first().is_some_and(|word| word == "can") {
                words[1] = "a.novak".to_owned();
            }
            let output = tenure()
                .current_dir(repository())
                .args(&words)
                .output()
                .unwrap();
            let code = output.status.code();
            assert_ne!(
                code,
                Some(2),
                "{line}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            assert!(!output.stdout.is_empty(), "{line}");
            tried += 1;
        }
    }
    assert!(tried >= 8, "{tried} commands were tried");
}

/// Splits as a shell would, knowing single and double quotes.
fn words(line: &str) -> Vec<String> {
    let output = Command::new("sh")
        .args(["-c", &format!("printf '%s\\n' {line}")])
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}
