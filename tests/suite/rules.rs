//! The rules as users meet them: the guide, the files, the errors.

use tenure::rules::{RuleSet, field_reference};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/README.md");
const START: &str = "<!-- generated from the schema: do not edit below -->\n";

/// `TENURE_UPDATE=1 cargo test --test suite rules` writes the reference anew.
#[test]
fn the_guide_has_the_current_field_reference() {
    let guide = std::fs::read_to_string(GUIDE).unwrap();
    let (written, found) = guide.split_once(START).unwrap();
    let expected = field_reference();
    if std::env::var_os("TENURE_UPDATE").is_some() {
        std::fs::write(GUIDE, format!("{written}{START}\n{expected}")).unwrap();
    } else {
        assert!(
            found.trim() == expected.trim(),
            "rules/README.md is not current: run \
             `TENURE_UPDATE=1 cargo test --test suite rules`"
        );
    }
}

#[test]
fn the_example_of_the_guide_loads_and_passes_its_tests() {
    let guide = std::fs::read_to_string(GUIDE).unwrap();
    let (_, rest) = guide.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let rules =
        RuleSet::parse("rules/README.md", example).unwrap_or_else(|errors| panic!("\n{errors}\n"));
    let report = rules.self_test();
    assert!(report.passed(), "{:?}", report.failures);
    assert_eq!((report.rules, report.tests), (1, 2));
}
