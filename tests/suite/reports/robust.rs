//! What every report has in common, whatever it is given.

use proptest::prelude::*;
use tenure::model::{Location, Sym};
use tenure::report::text::is_deceptive;
use tenure::report::{
    Format, Outcome, Place, Profile, RenderOptions, WriteError, explain, render, write_atomically,
};
use unicode_width::UnicodeWidthStr;

use super::sample;

fn bytes(outcome: &Outcome, format: Format) -> Vec<u8> {
    render(outcome, format, &RenderOptions::default()).unwrap()
}

/// Characters that act on a display, line feeds and carriage returns of ours aside.
fn raw(text: &str) -> Option<char> {
    text.chars()
        .find(|&c| is_deceptive(c) && c != '\n' && c != '\r')
}

#[test]
fn two_runs_are_the_same_to_the_byte() {
    for make in [sample::small, sample::tangle, || sample::many(500)] {
        for format in Format::all() {
            assert_eq!(bytes(&make(), format), bytes(&make(), format), "{format}");
        }
    }
}

#[test]
fn nothing_and_one_finding_render() {
    let mut one = sample::empty();
    one.findings = sample::small().findings.split_off(5);
    for outcome in [sample::empty(), one] {
        for format in Format::all() {
            let text = String::from_utf8(bytes(&outcome, format)).unwrap();
            assert_eq!(raw(&text), None, "{format}");
        }
    }
}

#[test]
fn hostile_and_endless_names_do_nothing() {
    let long = format!("\u{1b}[2J{}", "ع".repeat(4_000));
    let mut names = sample::HOSTILE.to_vec();
    names.push(&long);
    let outcome = sample::hostile(&names);
    for format in Format::all() {
        let text = String::from_utf8(bytes(&outcome, format)).unwrap();
        assert_eq!(raw(&text), None, "{format}");
    }
}

#[test]
fn two_hundred_thousand_findings_render() {
    let outcome = sample::many(200_000);
    // The formats that leave something out, or must not; the others write row by row.
    for format in [
        Format::Table,
        Format::Sarif(Profile::Github),
        Format::Html,
        Format::Markdown(Place::Comment),
    ] {
        let limited = RenderOptions {
            limit: Some(1_000),
            ..RenderOptions::default()
        };
        let bytes = render(&outcome, format, &limited).unwrap();
        assert!(!bytes.is_empty(), "{format}");
        if format == Format::Table {
            let text = String::from_utf8(bytes).unwrap();
            assert!(
                text.contains("199,000 more findings"),
                "the table says what it left out"
            );
        }
    }
}

#[test]
fn what_cannot_be_written_leaves_the_old_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    write_atomically(&path, b"old").unwrap();
    let file = folder.path().join("report.html/below.html");
    let error = write_atomically(&file, b"new").unwrap_err();
    assert!(matches!(error, WriteError::Folder { .. }), "{error}");
    assert!(error.to_string().contains("below.html"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
}

#[test]
fn redaction_leaves_no_name_behind() {
    let outcome = sample::small();
    let options = RenderOptions {
        redact: true,
        ..RenderOptions::default()
    };
    for format in Format::all() {
        let text = String::from_utf8(render(&outcome, format, &options).unwrap()).unwrap();
        for name in [
            "deployer",
            "ci-runner",
            "lambda-admin",
            sample::ACCOUNT,
            "AKIAIOSFODNN7EXAMPLE",
            "acme-production",
            "vault.acme.example",
            "orphan-token",
            "alice",
            "prod-eu",
            "credential-report.csv",
            "tenure-baseline",
        ] {
            assert!(!text.contains(name), "{format}: {name}");
        }
        let again = render(&outcome, format, &options).unwrap();
        assert_eq!(text.as_bytes(), again, "{format}");
    }
}

#[test]
fn an_explanation_quotes_the_evidence() {
    let outcome = sample::small();
    let path = outcome
        .findings
        .iter()
        .find(|finding| finding.rule == "AWS110")
        .unwrap();
    let policy = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": \"sts:AssumeRoleWithWebIdentity\",\n      \"Principal\": {\n        \"Federated\": \"token.actions\"\n      }\n    }\n  ]\n}\n";
    let page = explain(&outcome, path, &RenderOptions::default(), &|file| {
        (file == "iam/ci runner.json").then(|| policy.to_owned())
    });
    insta::assert_snapshot!(page, @r##"
HIGH AWS110 escalation-path
  workload `ci-runner` reaches administrator by passing a role to a function

  who     ci-runner (workload)
  id      arn:aws:iam::111122223333:role/ci-runner
  in      aws 111122223333
  tier    admin
  is      standing
  now     added
  finding 39c837b5c5b71589b8b6e2b1273906f6

Why it matters
  Privilege that is always there is there for whoever steals the identity, at
  three in the morning as well as in office hours.

The way
  1.      repo:acme/shop:ref:refs/heads/main → assumes by OIDC →
          arn:aws:iam::111122223333:role/ci-runner
  2.      arn:aws:iam::111122223333:role/ci-runner → iam:PassRole +
          lambda:CreateFunction → arn:aws:iam::111122223333:role/lambda-admin
          (behind a gate nothing proves)

Evidence
  allows * on * (arn:aws:iam::aws:policy/AdministratorAccess)
  |       "Effect": "Allow", "Action": "*", "Resource": "*"
   --> iam/ci runner.json:7:9
    |
  7 | /       "Principal": {
  8 | |         "Federated": "token.actions"
  9 | |       }
    | |___^ trusts the repository (ci-runner)

Fix
  aws iam detach-role-policy --role-name ci-runner --policy-arn arn:aws:iam::aws:policy/AdministratorAccess

References
  OWASP-NHI 2025 NHI5: Overprivileged NHI
    https://owasp.org/www-project-non-human-identities-top-10/2025/5-overprivileged-nhi/
  CWE 4.17 CWE-250: Execution with Unnecessary Privileges
    https://cwe.mitre.org/data/definitions/250.html
"##);
}

/// A line of data is wider than any terminal: what is meant is shown, and every line
/// fits.
#[test]
fn an_explanation_fits_its_terminal() {
    let mut outcome = sample::small();
    let key = outcome
        .findings
        .iter_mut()
        .find(|finding| finding.rule == "AWS301")
        .unwrap();
    let line = format!("{},KEY,{}", "x".repeat(150), "y".repeat(150));
    key.location = Some(Location {
        file: Sym::new("report.csv"),
        line: 1,
        column: 152,
        end_line: 1,
        end_column: 155,
    });
    key.evidence.clear();
    key.fix = "".into();
    let key = key.clone();
    outcome.rules.clear();
    let options = RenderOptions {
        width: 72,
        ..RenderOptions::default()
    };
    let page = explain(&outcome, &key, &options, &|_| Some(line.clone()));
    let evidence = &page[page.find("Evidence").unwrap()..];
    insta::assert_snapshot!(evidence, @r##"
Evidence
   --> report.csv:1:152
    |
  1 | …xxxxxxxxxxxxxxx,KEY,yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
    |                  ^^^ this is what it is about
"##);
    for line in page.lines() {
        assert!(line.width() <= 72, "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_name_acts(name in any::<String>(), markup in "[<>&'\"/a-z \\x00-\\x1f\\u{80}-\\u{9f}\\u{202a}-\\u{202e}]{1,40}") {
        let outcome = sample::hostile(&[&name, &markup]);
        for format in Format::all() {
            let text = String::from_utf8(bytes(&outcome, format)).unwrap();
            prop_assert_eq!(raw(&text), None, "{}", format);
            if format == Format::Html {
                let shown = markup.trim();
                prop_assert!(!shown.contains('<') || shown.len() < 12 || !text.contains(shown), "{}", shown);
                prop_assert_eq!(text.matches("<script").count(), 2);
            }
        }
    }
}
