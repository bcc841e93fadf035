//! SARIF: schema, validator, limits, identity.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use tenure::model::{Coverage, Seen, Severity, Sym, System};
use tenure::report::{Format, Outcome, Profile, RenderOptions, Repository, render};

use super::{sample, tools};

const PROFILES: [Profile; 4] = [
    Profile::Full,
    Profile::Github,
    Profile::Gitlab,
    Profile::Defectdojo,
];

fn sarif(outcome: &Outcome, profile: Profile) -> Value {
    let bytes = render(outcome, Format::Sarif(profile), &RenderOptions::default()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn results(log: &Value) -> Vec<&Value> {
    log["runs"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|run| run["results"].as_array().unwrap())
        .collect()
}

fn samples() -> Vec<(&'static str, Outcome)> {
    let long = "n".repeat(4_000);
    vec![
        ("empty", sample::empty()),
        ("small", sample::small()),
        ("hostile", sample::hostile(sample::HOSTILE)),
        ("long", sample::hostile(&[&long])),
        ("many", sample::many(300)),
    ]
}

#[test]
fn every_file_fits_the_standards_schema() {
    let path = tools::root().join("tests/data/sarif/sarif-2.1.0.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    for (name, outcome) in samples() {
        for profile in PROFILES {
            let log = sarif(&outcome, profile);
            let wrong: Vec<String> = validator
                .iter_errors(&log)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{name} {profile:?}: {wrong:#?}");
        }
    }
}

#[test]
fn no_text_is_empty_and_every_result_has_a_place() {
    fn texts(value: &Value, at: &str, empty: &mut Vec<String>) {
        match value {
            Value::String(text) if text.trim().is_empty() => empty.push(at.to_owned()),
            Value::Array(list) => list.iter().for_each(|item| texts(item, at, empty)),
            // Property bags are ours to fill.
            Value::Object(map) => map
                .iter()
                .filter(|(key, _)| *key != "properties")
                .for_each(|(key, item)| texts(item, &format!("{at}/{key}"), empty)),
            _ => {}
        }
    }
    for (name, outcome) in samples() {
        for profile in PROFILES {
            let log = sarif(&outcome, profile);
            let mut empty = Vec::new();
            texts(&log, "", &mut empty);
            assert!(empty.is_empty(), "{name} {profile:?}: {empty:?}");
            for result in results(&log) {
                let place = &result["locations"][0]["physicalLocation"];
                let uri = place["artifactLocation"]["uri"].as_str().unwrap();
                assert!(!uri.starts_with('/') && !uri.contains(".."), "{uri}");
                assert!(uri.is_ascii() && !uri.contains([' ', ':']), "{uri}");
                for key in ["startLine", "startColumn", "endLine", "endColumn"] {
                    assert!(place["region"][key].as_u64().unwrap() >= 1);
                }
                assert!(result["partialFingerprints"]["primaryLocationLineHash"].is_string());
                let rule = result["ruleIndex"].as_u64().unwrap() as usize;
                assert!(rule < 1_000);
            }
        }
    }
}

#[test]
fn platform_profiles_leave_out_what_they_would_misread() {
    let outcome = sample::small();
    let full = sarif(&outcome, Profile::Full);
    assert_eq!(results(&full).len(), outcome.findings.len());
    let accepted = results(&full)
        .into_iter()
        .find(|result| !result["suppressions"].is_null())
        .unwrap();
    assert_eq!(
        accepted["suppressions"][0]["properties"]["owner"],
        "platform"
    );
    let states: BTreeSet<&str> = results(&full)
        .iter()
        .filter_map(|result| result["baselineState"].as_str())
        .collect();
    assert_eq!(Vec::from_iter(states), ["new", "unchanged", "updated"]);
    for profile in [Profile::Github, Profile::Gitlab, Profile::Defectdojo] {
        let log = sarif(&outcome, profile);
        assert_eq!(results(&log).len(), outcome.open().count());
        for result in results(&log) {
            assert!(result["suppressions"].is_null());
            assert!(result["baselineState"].is_null());
            assert!(result["message"]["id"].is_null());
        }
    }
}

#[test]
fn what_could_not_be_seen_is_said() {
    let log = sarif(&sample::small(), Profile::Github);
    let runs = log["runs"].as_array().unwrap();
    let categories: Vec<&str> = runs
        .iter()
        .filter_map(|run| run["automationDetails"]["id"].as_str())
        .collect();
    assert_eq!(
        categories,
        ["tenure/aws/", "tenure/kubernetes-prod-eu/", "tenure/vault/"]
    );
    let aws = &runs[0]["invocations"][0];
    assert_eq!(aws["executionSuccessful"], false);
    assert_eq!(aws["exitCode"], 1);
    let said = aws["toolExecutionNotifications"].to_string();
    assert!(said.contains("aws.credential-report"), "{said}");
    assert!(said.contains("iam:GenerateCredentialReport"), "{said}");
    assert_eq!(runs[1]["invocations"][0]["executionSuccessful"], true);
}

/// GitHub takes a run without results for "all of it is mended" and closes the alerts.
#[test]
fn a_system_nobody_could_look_into_closes_no_alert() {
    let mut outcome = sample::small();
    outcome.findings.retain(|it| it.system != System::Vault);
    let categories = |log: &Value| -> Vec<String> {
        let runs = log["runs"].as_array().unwrap().iter();
        runs.map(|run| run["automationDetails"]["id"].to_string())
            .collect()
    };
    for profile in [Profile::Github, Profile::Gitlab, Profile::Defectdojo] {
        let log = sarif(&outcome, profile);
        assert!(!categories(&log).iter().any(|it| it.contains("vault")));
        // It is not passed over in silence.
        let told = &log["runs"][0]["invocations"][1];
        assert_eq!(told["executionSuccessful"], false);
        assert!(told.to_string().contains("vault.token-accessors"), "{told}");
    }
    let full = sarif(&outcome, Profile::Full);
    let runs = full["runs"].as_array().unwrap();
    let vault = runs.last().unwrap();
    assert_eq!(vault["automationDetails"]["id"], "tenure/vault/");
    assert_eq!(vault["invocations"][0]["executionSuccessful"], false);

    // Read to the end and found clean, it does get a run, which closes what was mended.
    for part in &mut outcome.coverage {
        part.seen = Seen::Complete;
    }
    let log = sarif(&outcome, Profile::Github);
    assert!(categories(&log).iter().any(|it| it.contains("vault")));

    // Nothing read at all: no category of any system is spoken for.
    let mut nothing = sample::empty();
    nothing.targets = vec!["aws".into()];
    nothing.coverage = vec![Coverage::lacking(
        System::Aws,
        Sym::new("aws"),
        "aws.account",
        Seen::None,
        "denied",
    )];
    let log = sarif(&nothing, Profile::Github);
    assert_eq!(categories(&log), ["\"tenure/\""]);
    let said = log["runs"][0]["invocations"].to_string();
    assert!(said.contains("aws.account"), "{said}");
}

#[test]
fn the_baseline_and_the_repository_are_named() {
    let repository = Repository {
        uri: "https://github.com/acme/infra".into(),
        revision: "f00dfeed".into(),
        branch: Some("main".into()),
    };
    let options = RenderOptions {
        repository: Some(repository),
        ..RenderOptions::default()
    };
    let of = |profile, options: &RenderOptions| -> Value {
        let bytes = render(&sample::small(), Format::Sarif(profile), options).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let full = of(Profile::Full, &options);
    for run in full["runs"].as_array().unwrap() {
        let from = &run["versionControlProvenance"][0];
        assert_eq!(from["repositoryUri"], "https://github.com/acme/infra");
        assert_eq!(from["revisionId"], "f00dfeed");
        assert_eq!(from["mappedTo"]["uriBaseId"], "%SRCROOT%");
        assert_eq!(
            run["baselineGuid"],
            sample::small().changes.unwrap().guid.as_str()
        );
    }
    let redacted = RenderOptions {
        redact: true,
        ..options.clone()
    };
    assert!(
        !of(Profile::Full, &redacted)
            .to_string()
            .contains("acme/infra")
    );
    assert!(
        !of(Profile::Github, &options)
            .to_string()
            .contains("acme/infra")
    );
}

#[test]
fn a_run_lists_the_rules_of_its_system() {
    let log = sarif(&sample::small(), Profile::Github);
    for run in log["runs"].as_array().unwrap() {
        let rules: Vec<&str> = run["tool"]["driver"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|rule| rule["id"].as_str())
            .collect();
        for result in run["results"].as_array().unwrap() {
            let at = result["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!(rules[at], result["ruleId"]);
        }
        assert!(!rules.contains(&"GH101"), "{rules:?}");
    }
}

#[test]
fn paths_are_code_flows() {
    for profile in PROFILES {
        let log = sarif(&sample::small(), profile);
        let all = results(&log);
        let path = all
            .iter()
            .find(|result| result["ruleId"] == "AWS110")
            .unwrap();
        let steps = &path["codeFlows"][0]["threadFlows"][0]["locations"];
        assert_eq!(steps.as_array().unwrap().len(), 2);
        let first = &steps[0]["location"]["physicalLocation"];
        assert_eq!(first["artifactLocation"]["uri"], "iam/ci%20runner.json");
        assert_eq!(first["region"]["startLine"], 7);
    }
}

#[test]
fn githubs_limits_keep_the_most_severe() {
    let mut outcome = sample::many(24_000);
    outcome
        .findings
        .iter_mut()
        .for_each(|f| f.system = tenure::model::System::Aws);
    let log = sarif(&outcome, Profile::Github);
    let kept = results(&log);
    assert_eq!(kept.len(), 5_000);
    let ranks: Vec<f64> = kept.iter().filter_map(|r| r["rank"].as_f64()).collect();
    assert!(ranks.is_sorted_by(|a, b| a >= b));
    let critical = outcome
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Critical)
        .count();
    assert_eq!(ranks.iter().filter(|&&rank| rank > 90.0).count(), critical);
    let said = log["runs"][0]["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(said.contains("19,000 findings"), "{said}");
    for rule in log["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .unwrap()
    {
        assert!(rule["properties"]["tags"].as_array().unwrap().len() <= 10);
        for key in ["shortDescription", "fullDescription"] {
            let text = rule[key]["text"].as_str().unwrap();
            assert!((1..=1024).contains(&text.chars().count()));
        }
        assert!(rule["name"].as_str().unwrap().chars().count() <= 255);
    }
}

#[test]
fn a_finding_keeps_its_identity_when_others_change() {
    let seen = |outcome: &Outcome| -> BTreeSet<String> {
        results(&sarif(outcome, Profile::Github))
            .iter()
            .filter(|result| result["ruleId"] == "AWS101")
            .map(|result| {
                format!(
                    "{} {} {}",
                    result["partialFingerprints"], result["fingerprints"], result["locations"]
                )
            })
            .collect()
    };
    let before = sample::small();
    let mut after = sample::small();
    after.findings.retain(|finding| finding.rule == "AWS101");
    after
        .findings
        .push(sample::finding("AWS999", Severity::Critical, "other"));
    after.rules.remove(0);
    after.sort();
    assert_eq!(seen(&before), seen(&after));
}

#[test]
fn places_are_each_findings_own() {
    let log = sarif(&sample::many(2_000), Profile::Github);
    let mut places = BTreeSet::new();
    for result in results(&log) {
        let place = result["locations"][0]["physicalLocation"].to_string();
        assert!(
            places.insert(format!("{} {place}", result["ruleId"])),
            "{place}"
        );
    }
}

#[test]
fn links_cannot_be_smuggled_into_messages() {
    let log = sarif(
        &sample::hostile(&["[click](https://evil.example)"]),
        Profile::Full,
    );
    for result in results(&log) {
        let text = result["message"]["text"].as_str().unwrap();
        assert!(!text.contains("]("), "{text}");
    }
}

/// Microsoft's validator with its GitHub rules. Its exit code is 0 whatever it finds,
/// so what it writes is read.
#[test]
fn the_validator_has_nothing_unexplained_to_say() {
    if !tools::has("npm") {
        eprintln!("SKIPPED: npm is not installed, so the SARIF validator did not run");
        return;
    }
    let Some(tool) = tools::tool("sarif.sh", true) else {
        return;
    };
    let data = tools::root().join("tests/data/sarif");
    let explained = std::fs::read_to_string(data.join("explained.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut unexplained = BTreeMap::new();
    for (name, outcome) in samples().into_iter().filter(|(name, _)| *name != "many") {
        for profile in PROFILES {
            let file = folder.path().join(format!("{name}-{profile:?}.sarif"));
            let bytes =
                render(&outcome, Format::Sarif(profile), &RenderOptions::default()).unwrap();
            std::fs::write(&file, bytes).unwrap();
            let verdict = folder.path().join("verdict.sarif");
            let ran = Command::new(&tool)
                .arg("validate")
                .arg(&file)
                .args(["--rule-kind", "Sarif;Ghas"])
                .args(["--level", "Error;Warning;Note"])
                .arg("--config")
                .arg(data.join("ghas.xml"))
                .arg("--output")
                .arg(&verdict)
                .args(["--log", "ForceOverwrite"])
                .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
                .output()
                .unwrap();
            let said = std::fs::read(&verdict)
                .unwrap_or_else(|error| panic!("no verdict ({error}): {ran:?}"));
            // The tool writes a byte order mark.
            let said = said.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&said);
            let said: Value = serde_json::from_slice(said).unwrap();
            let run = &said["runs"][0];
            let broken = &run["invocations"][0]["toolExecutionNotifications"];
            assert!(broken.is_null(), "{name} {profile:?}: {broken}");
            for result in run["results"].as_array().into_iter().flatten() {
                let rule = result["ruleId"].as_str().unwrap_or_default();
                let level = result["level"].as_str().unwrap_or("warning");
                if level != "error" && explained.contains(&format!("## {rule}")) {
                    continue;
                }
                let said = format!(
                    "{} {}",
                    result["message"]["text"], result["message"]["arguments"]
                );
                unexplained
                    .entry(format!("{level} {rule}"))
                    .or_insert_with(|| format!("{name} {profile:?}: {said}"));
            }
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
}
