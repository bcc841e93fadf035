//! Annotations and outputs of a GitHub Actions step.

use tenure::report::{Channel, Format, Outcome, RenderOptions, render};

use super::sample;

fn said(outcome: &Outcome, channel: Channel) -> String {
    let bytes = render(outcome, Format::Github(channel), &RenderOptions::default()).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_gates_is_annotated_where_it_stands() {
    let mut outcome = sample::small();
    let binding = outcome.findings.iter().find(|it| it.rule == "K8S101");
    outcome.gated = binding.map(|it| it.id).into_iter().collect();
    insta::assert_snapshot!(said(&outcome, Channel::Annotations), @r##"
::error file=manifests/ops.yaml,line=12,endLine=12,col=3,endColumn=23,title=K8S101 cluster admin binding (high)::service account `ops/ops` is bound to cluster-admin in the whole cluster%0A%0AFix: kubectl delete clusterrolebinding ops-admin
::warning title=Tenure could not see everything::2 kinds of fact that verdicts depend on could not be seen, and what was not seen was not judged. The job summary names them.
"##);
    insta::assert_snapshot!(said(&outcome, Channel::Outputs), @r##"
exit=1
findings=5
gated=1
new=2
gaps=2
"##);
}

#[test]
fn without_a_baseline_everything_is_new() {
    let mut outcome = sample::small();
    outcome.changes = None;
    let outputs = said(&outcome, Channel::Outputs);
    assert!(outputs.contains("\nnew=5\n"), "{outputs}");
    let annotations = said(&outcome, Channel::Annotations);
    assert!(
        annotations.contains("::notice file=credential-report.csv,line=3,endLine=3,"),
        "{annotations}"
    );
}

#[test]
fn githubs_caps_are_kept_and_the_rest_is_counted() {
    let outcome = sample::many(1_000);
    let text = said(&outcome, Channel::Annotations);
    let of = |level: &str| {
        text.lines()
            .filter(|line| line.starts_with(&format!("::{level} ")))
            .count()
    };
    assert_eq!((of("error"), of("warning"), of("notice")), (10, 10, 1));
    assert!(
        text.contains("81 findings beyond those annotated"),
        "{text}"
    );
}

#[test]
fn names_give_no_commands() {
    let outcome = sample::hostile(sample::HOSTILE);
    for line in said(&outcome, Channel::Annotations).lines() {
        assert!(
            ["::error ", "::warning ", "::notice "]
                .iter()
                .any(|start| line.starts_with(start)),
            "{line}"
        );
        let properties = line[2..].split("::").next().unwrap();
        assert!(!properties.contains(['\r', '\n']), "{line}");
    }
    for line in said(&outcome, Channel::Outputs).lines() {
        let (name, value) = line.split_once('=').unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase()), "{line}");
        assert!(value.chars().all(|c| c.is_ascii_digit()), "{line}");
    }
}
