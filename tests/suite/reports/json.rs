//! The JSON, OCSF and CSV reports.

use serde_json::Value;
use tenure::report::{Format, Outcome, RenderOptions, render};

use super::{sample, tools};

fn report(outcome: &Outcome, format: Format) -> String {
    let bytes = render(outcome, format, &RenderOptions::default()).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&report(outcome, Format::Json)).unwrap()
}

/// The published schema, made strict: a key it does not name is an error here, so
/// that nothing is written which is not documented.
fn strict_schema() -> Value {
    fn close(schema: &mut Value) {
        match schema {
            Value::Object(map) => {
                if map.contains_key("properties") {
                    map.insert("additionalProperties".to_owned(), Value::Bool(false));
                }
                map.values_mut().for_each(close);
            }
            Value::Array(list) => list.iter_mut().for_each(close),
            _ => {}
        }
    }
    let path = tools::root().join("docs/report-schema.json");
    let mut schema = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    close(&mut schema);
    schema
}

#[test]
fn the_report_fits_its_published_schema() {
    let schema = strict_schema();
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let long = "n".repeat(4_000);
    for outcome in [
        sample::empty(),
        sample::small(),
        sample::hostile(sample::HOSTILE),
        sample::hostile(&[&long]),
        sample::many(100),
    ] {
        let report = json(&outcome);
        let wrong: Vec<String> = validator
            .iter_errors(&report)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn names_survive_unchanged() {
    let report = json(&sample::hostile(sample::HOSTILE));
    let names: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["subject"]["name"].as_str())
        .collect();
    for name in sample::HOSTILE {
        assert!(names.contains(name), "{name:?}");
    }
}

#[test]
fn gates_and_exceptions_are_marked() {
    let report = json(&sample::small());
    let find = |rule: &str, name: &str| {
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["rule"] == rule && found["subject"]["name"] == name)
            .unwrap()
    };
    assert_eq!(find("AWS101", "deployer")["gates"], true);
    assert_eq!(find("AWS301", "alice")["gates"], false);
    assert_eq!(find("AWS301", "alice")["activation"], Value::Null);
    assert_eq!(
        find("AWS101", "terraform")["suppressed"]["owner"],
        "platform"
    );
    assert_eq!(report["summary"]["suppressed"], 1);
    assert_eq!(report["exceptions"][1]["days_left"], 9);
}

/// What class 2008 and its parents require, by the OCSF schema.
#[test]
fn ocsf_events_have_what_their_class_requires() {
    let outcome = sample::small();
    let text = report(&outcome, Format::Ocsf);
    assert_eq!(text.lines().count(), outcome.findings.len());
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["class_uid"], 2008);
        assert_eq!(event["type_uid"], 200_801);
        for required in [
            "/activity_id",
            "/category_uid",
            "/class_uid",
            "/finding_info/uid",
            "/metadata/product",
            "/metadata/version",
            "/permission_analysis_results/0/policy",
            "/severity_id",
            "/time",
            "/type_uid",
            "/user/uid",
        ] {
            assert!(event.pointer(required).is_some(), "{required}: {event}");
        }
    }
}

#[test]
fn csv_has_one_row_per_finding_and_no_formula() {
    let outcome = sample::hostile(sample::HOSTILE);
    let text = report(&outcome, Format::Csv);
    assert_eq!(text.split("\r\n").count(), outcome.findings.len() + 2);
    assert!(text.contains("\"'=HYPERLINK(\"\"https://evil.example\"\""));
    assert!(!text.contains("\"=") && !text.contains("\"@"));
}
