//! Markdown within GitHub's limits, and nobody mentioned.

use tenure::report::{Format, Outcome, Place, RenderOptions, render};

use super::sample;

fn markdown(outcome: &Outcome, place: Place) -> String {
    let bytes = render(outcome, Format::Markdown(place), &RenderOptions::default()).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn it_says_what_matters_first() {
    let text = markdown(&sample::small(), Place::Comment);
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    let order = [
        at("## ❌ Tenure: 2 findings gate"),
        at("[!WARNING]"),
        at("What changed since"),
        at("### Findings"),
        at("<summary>"),
        at("### Exceptions to look after"),
    ];
    assert!(order.is_sorted(), "{text}");
    assert!(text.contains("aws iam detach-role-policy --role-name deployer"));
}

#[test]
fn it_stays_within_the_limits_and_says_what_is_left_out() {
    let mut large = sample::many(20_000);
    let long = "y".repeat(4_000);
    large.notices = vec![long.clone(); 500];
    for (place, limit) in [(Place::Comment, 65_536), (Place::Summary, 1_048_576)] {
        let text = markdown(&large, place);
        assert!(text.len() <= limit, "{}", text.len());
        assert!(text.contains("do not fit here"), "{place:?}");
        let hostile = markdown(&sample::hostile(&[long.as_str(); 60]), place);
        assert!(hostile.len() <= limit);
    }
}

#[test]
fn names_neither_format_nor_notify() {
    let text = markdown(&sample::hostile(sample::HOSTILE), Place::Summary);
    let fenced = |line: &str| line.starts_with("remove ");
    for line in text.lines().filter(|line| !fenced(line)) {
        assert!(!line.contains("@octocat"), "{line}");
        assert!(!line.contains("https://evil"), "{line}");
        assert!(
            !line.contains("<script") && !line.contains("<img"),
            "{line}"
        );
        assert!(!line.replace("\\](", "").contains("]("), "{line}");
    }
}
