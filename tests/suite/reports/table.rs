//! The terminal report at the widths people have.

use tenure::report::{Format, Outcome, RenderOptions, render};
use unicode_width::UnicodeWidthStr;

use super::sample;

fn table(outcome: &Outcome, width: usize) -> String {
    let options = RenderOptions {
        width,
        ..RenderOptions::default()
    };
    String::from_utf8(render(outcome, Format::Table, &options).unwrap()).unwrap()
}

#[test]
fn at_80_columns() {
    insta::assert_snapshot!(table(&sample::small(), 80), @r##"
Tenure 0.1.0 · aws, kubernetes:prod-eu, vault · 2026-11-22T09:00:00Z
! exception `EX-3` ran out on 2026-11-01; 1 finding is back

deployer · workload · aws 111122223333 · no owner
arn:aws:iam::111122223333:role/deployer
 CRITICAL   role `deployer` holds AdministratorAccess day and night
 AWS101     now  became standing, gates
            why  Privilege that is always there is there for whoever steals the
                 identity, at three in the morning as well as in office hours.
            fix  aws iam detach-role-policy --role-name deployer --policy-arn
                 arn:aws:iam::aws:policy/AdministratorAccess

ci-runner · workload · aws 111122223333
arn:aws:iam::111122223333:role/ci-runner
 HIGH       workload `ci-runner` reaches administrator by passing a role to a
 AWS110     function
            now  added, gates
            why  Privilege that is always there is there for whoever steals the
                 identity, at three in the morning as well as in office hours.
              1  repo:acme/shop:ref:refs/heads/main → assumes by OIDC →
                 arn:aws:iam::111122223333:role/ci-runner
              2  arn:aws:iam::111122223333:role/ci-runner → iam:PassRole +
                 lambda:CreateFunction →
                 arn:aws:iam::111122223333:role/lambda-admin (gate unproved)
            fix  aws iam detach-role-policy --role-name ci-runner --policy-arn
                 arn:aws:iam::aws:policy/AdministratorAccess

ops · workload · kubernetes prod-eu
ServiceAccount/ops/ops
 HIGH       service account `ops/ops` is bound to cluster-admin in the whole
 K8S101     cluster
            why  Privilege that is always there is there for whoever steals the
                 identity, at three in the morning as well as in office hours.
            fix  kubectl delete clusterrolebinding ops-admin
            at   manifests/ops.yaml:12:3

alice · access-key · aws 111122223333
AKIAIOSFODNN7EXAMPLE
 MEDIUM     access key `AKIAIOSFODNN7EXAMPLE` of `alice` was last rotated 400
 AWS301     days ago
            why  Privilege that is always there is there for whoever steals the
                 identity, at three in the morning as well as in office hours.
            fix  aws iam create-access-key --user-name alice
                 aws iam delete-access-key --user-name alice --access-key-id
                 AKIAIOSFODNN7EXAMPLE
            at   credential-report.csv:3:1

orphan-token · token · vault https://vault.acme.example:8200
auth/token/accessor/hmac-1
 LOW        token `orphan-token` has no parent and no owner
 VLT120     why  Privilege that is always there is there for whoever steals the
                 identity, at three in the morning as well as in office hours.
            fix  vault token revoke -accessor hmac-1

5 findings: 1 critical, 2 high, 1 medium, 1 low · 1 accepted
Since tenure-baseline.json: 1 added, 1 became standing, 1 incomparable, 1
  removed
! exception EX-3 (owner data) has run out; its findings are back
! exception EX-7 (owner platform) ends in 9 d
! exception EX-9 (owner security) matches nothing
Not seen, so not judged (2):
  aws 111122223333 · aws.credential-report · partial: the report is four hours
    old, and a new one is not allowed (AccessDenied)
    → allow iam:GenerateCredentialReport
  vault https://vault.acme.example:8200 · vault.token-accessors · not seen:
    permission denied on auth/token/accessors
    → grant `list` and `sudo` on auth/token/accessors
Exit 1: 2 findings gate, and 2 kinds of fact could not be seen.
"##);
}

#[test]
fn at_120_columns() {
    insta::assert_snapshot!(table(&sample::small(), 120), @r##"
Tenure 0.1.0 · aws, kubernetes:prod-eu, vault · 2026-11-22T09:00:00Z
! exception `EX-3` ran out on 2026-11-01; 1 finding is back

deployer · workload · aws 111122223333 · no owner
arn:aws:iam::111122223333:role/deployer
 CRITICAL   role `deployer` holds AdministratorAccess day and      fix  aws iam detach-role-policy --role-name deployer
 AWS101     night                                                       --policy-arn
            now  became standing, gates                                 arn:aws:iam::aws:policy/AdministratorAccess
            why  Privilege that is always there is there for
                 whoever steals the identity, at three in the
                 morning as well as in office hours.

ci-runner · workload · aws 111122223333
arn:aws:iam::111122223333:role/ci-runner
 HIGH       workload `ci-runner` reaches administrator by passing  fix  aws iam detach-role-policy --role-name
 AWS110     a role to a function                                        ci-runner --policy-arn
            now  added, gates                                           arn:aws:iam::aws:policy/AdministratorAccess
            why  Privilege that is always there is there for
                 whoever steals the identity, at three in the
                 morning as well as in office hours.
              1  repo:acme/shop:ref:refs/heads/main → assumes by
                 OIDC → arn:aws:iam::111122223333:role/ci-runner
              2  arn:aws:iam::111122223333:role/ci-runner →
                 iam:PassRole + lambda:CreateFunction →
                 arn:aws:iam::111122223333:role/lambda-admin
                 (gate unproved)

ops · workload · kubernetes prod-eu
ServiceAccount/ops/ops
 HIGH       service account `ops/ops` is bound to cluster-admin    fix  kubectl delete clusterrolebinding ops-admin
 K8S101     in the whole cluster                                   at   manifests/ops.yaml:12:3
            why  Privilege that is always there is there for
                 whoever steals the identity, at three in the
                 morning as well as in office hours.

alice · access-key · aws 111122223333
AKIAIOSFODNN7EXAMPLE
 MEDIUM     access key `AKIAIOSFODNN7EXAMPLE` of `alice` was last  fix  aws iam create-access-key --user-name alice
 AWS301     rotated 400 days ago                                        aws iam delete-access-key --user-name alice
            why  Privilege that is always there is there for            --access-key-id AKIAIOSFODNN7EXAMPLE
                 whoever steals the identity, at three in the      at   credential-report.csv:3:1
                 morning as well as in office hours.

orphan-token · token · vault https://vault.acme.example:8200
auth/token/accessor/hmac-1
 LOW        token `orphan-token` has no parent and no owner        fix  vault token revoke -accessor hmac-1
 VLT120     why  Privilege that is always there is there for
                 whoever steals the identity, at three in the
                 morning as well as in office hours.

5 findings: 1 critical, 2 high, 1 medium, 1 low · 1 accepted
Since tenure-baseline.json: 1 added, 1 became standing, 1 incomparable, 1 removed
! exception EX-3 (owner data) has run out; its findings are back
! exception EX-7 (owner platform) ends in 9 d
! exception EX-9 (owner security) matches nothing
Not seen, so not judged (2):
  aws 111122223333 · aws.credential-report · partial: the report is four hours old, and a new one is not allowed
    (AccessDenied)
    → allow iam:GenerateCredentialReport
  vault https://vault.acme.example:8200 · vault.token-accessors · not seen: permission denied on auth/token/accessors
    → grant `list` and `sudo` on auth/token/accessors
Exit 1: 2 findings gate, and 2 kinds of fact could not be seen.
"##);
}

#[test]
fn at_160_columns() {
    insta::assert_snapshot!(table(&sample::small(), 160), @r##"
Tenure 0.1.0 · aws, kubernetes:prod-eu, vault · 2026-11-22T09:00:00Z
! exception `EX-3` ran out on 2026-11-01; 1 finding is back

deployer · workload · aws 111122223333 · no owner
arn:aws:iam::111122223333:role/deployer
 CRITICAL   role `deployer` holds AdministratorAccess day and night                    fix  aws iam detach-role-policy --role-name deployer --policy-arn
 AWS101     now  became standing, gates                                                     arn:aws:iam::aws:policy/AdministratorAccess
            why  Privilege that is always there is there for whoever steals the
                 identity, at three in the morning as well as in office hours.

ci-runner · workload · aws 111122223333
arn:aws:iam::111122223333:role/ci-runner
 HIGH       workload `ci-runner` reaches administrator by passing a role to a          fix  aws iam detach-role-policy --role-name ci-runner --policy-arn
 AWS110     function                                                                        arn:aws:iam::aws:policy/AdministratorAccess
            now  added, gates
            why  Privilege that is always there is there for whoever steals the
                 identity, at three in the morning as well as in office hours.
              1  repo:acme/shop:ref:refs/heads/main → assumes by OIDC →
                 arn:aws:iam::111122223333:role/ci-runner
              2  arn:aws:iam::111122223333:role/ci-runner → iam:PassRole +
                 lambda:CreateFunction → arn:aws:iam::111122223333:role/lambda-admin
                 (gate unproved)

ops · workload · kubernetes prod-eu
ServiceAccount/ops/ops
 HIGH       service account `ops/ops` is bound to cluster-admin in the whole cluster   fix  kubectl delete clusterrolebinding ops-admin
 K8S101     why  Privilege that is always there is there for whoever steals the        at   manifests/ops.yaml:12:3
                 identity, at three in the morning as well as in office hours.

alice · access-key · aws 111122223333
AKIAIOSFODNN7EXAMPLE
 MEDIUM     access key `AKIAIOSFODNN7EXAMPLE` of `alice` was last rotated 400 days     fix  aws iam create-access-key --user-name alice
 AWS301     ago                                                                             aws iam delete-access-key --user-name alice --access-key-id
            why  Privilege that is always there is there for whoever steals the             AKIAIOSFODNN7EXAMPLE
                 identity, at three in the morning as well as in office hours.         at   credential-report.csv:3:1

orphan-token · token · vault https://vault.acme.example:8200
auth/token/accessor/hmac-1
 LOW        token `orphan-token` has no parent and no owner                            fix  vault token revoke -accessor hmac-1
 VLT120     why  Privilege that is always there is there for whoever steals the
                 identity, at three in the morning as well as in office hours.

5 findings: 1 critical, 2 high, 1 medium, 1 low · 1 accepted
Since tenure-baseline.json: 1 added, 1 became standing, 1 incomparable, 1 removed
! exception EX-3 (owner data) has run out; its findings are back
! exception EX-7 (owner platform) ends in 9 d
! exception EX-9 (owner security) matches nothing
Not seen, so not judged (2):
  aws 111122223333 · aws.credential-report · partial: the report is four hours old, and a new one is not allowed (AccessDenied)
    → allow iam:GenerateCredentialReport
  vault https://vault.acme.example:8200 · vault.token-accessors · not seen: permission denied on auth/token/accessors
    → grant `list` and `sudo` on auth/token/accessors
Exit 1: 2 findings gate, and 2 kinds of fact could not be seen.
"##);
}

#[test]
fn nothing_found() {
    insta::assert_snapshot!(table(&sample::empty(), 80), @r##"
Tenure 0.1.0 · no target · 2026-11-22T09:00:00Z

No open finding
Exit 0: Nothing gates, and everything a verdict needs was seen.
"##);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let long = "x".repeat(4_000);
    let mut names = sample::HOSTILE.to_vec();
    names.push(&long);
    for outcome in [sample::small(), sample::hostile(&names)] {
        for width in [40, 60, 80, 100, 110, 120, 160, 240] {
            for line in table(&outcome, width).lines() {
                assert!(line.width() <= width, "{width}: {line:?}");
            }
        }
    }
}

#[test]
fn a_limit_keeps_what_gates_and_says_what_is_left() {
    let mut outcome = sample::small();
    // What gates is the least severe.
    outcome.gated = outcome
        .findings
        .iter()
        .filter(|finding| finding.rule == "VLT120" || finding.rule == "AWS301")
        .map(|finding| finding.id)
        .collect();
    outcome.gated.sort();
    let limited = |limit| {
        let options = RenderOptions {
            limit: Some(limit),
            ..RenderOptions::default()
        };
        String::from_utf8(render(&outcome, Format::Table, &options).unwrap()).unwrap()
    };
    let two = limited(2);
    assert!(two.contains("VLT120") && two.contains("AWS301"), "{two}");
    assert!(!two.contains("K8S101"), "{two}");
    assert!(two.contains("3 more findings; none of them gates"), "{two}");
    let one = limited(1);
    assert!(one.contains("4 more findings; 1 of them gates"), "{one}");
    assert!(one.contains("`--all`"), "{one}");
    assert!(!limited(5).contains("--all"));
}

/// Escape sequences written as `<1;31>`.
#[test]
fn in_colour() {
    let options = RenderOptions {
        color: true,
        ..RenderOptions::default()
    };
    let mut outcome = sample::small();
    outcome.findings.truncate(3);
    let text = String::from_utf8(render(&outcome, Format::Table, &options).unwrap()).unwrap();
    let mut shown = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        let (code, after) = after.split_once('m').unwrap();
        shown.push_str(&format!("{before}<{code}>"));
        rest = after;
    }
    shown.push_str(rest);
    insta::assert_snapshot!(shown, @r##"
<1>Tenure 0.1.0 · aws, kubernetes:prod-eu, vault · 2026-11-22T09:00:00Z<0>
<1;33>! exception `EX-3` ran out on 2026-11-01; 1 finding is back<0>

<1>deployer · workload · aws 111122223333 · no owner<0>
<2>arn:aws:iam::111122223333:role/deployer<0>
<38;5;13><1> CRITICAL  <0> role `deployer` holds AdministratorAccess day and night
<38;5;13><1> AWS101    <0> now  became standing, gates
            why  Privilege that is always there is there for whoever steals the
                 identity, at three in the morning as well as in office hours.
            fix  aws iam detach-role-policy --role-name deployer --policy-arn
                 arn:aws:iam::aws:policy/AdministratorAccess

<1>ci-runner · workload · aws 111122223333<0>
<2>arn:aws:iam::111122223333:role/ci-runner<0>
<38;5;9><1> HIGH      <0> workload `ci-runner` reaches administrator by passing a role to a
<38;5;9><1> AWS110    <0> function
            now  added, gates
            why  Privilege that is always there is there for whoever steals the
                 identity, at three in the morning as well as in office hours.
              1  repo:acme/shop:ref:refs/heads/main → assumes by OIDC →
                 arn:aws:iam::111122223333:role/ci-runner
              2  arn:aws:iam::111122223333:role/ci-runner → iam:PassRole +
                 lambda:CreateFunction →
                 arn:aws:iam::111122223333:role/lambda-admin (gate unproved)
            fix  aws iam detach-role-policy --role-name ci-runner --policy-arn
                 arn:aws:iam::aws:policy/AdministratorAccess

<1>2 findings: 1 critical, 1 high · 1 accepted<0>
Since tenure-baseline.json: 1 added, 1 became standing, 1 incomparable, 1
  removed
<1;33>! exception EX-3 (owner data) has run out; its findings are back<0>
<1;33>! exception EX-7 (owner platform) ends in 9 d<0>
<1;33>! exception EX-9 (owner security) matches nothing<0>
<1;33>Not seen, so not judged (2):<0>
  aws 111122223333 · aws.credential-report · partial: the report is four hours
    old, and a new one is not allowed (AccessDenied)
    → allow iam:GenerateCredentialReport
  vault https://vault.acme.example:8200 · vault.token-accessors · not seen:
    permission denied on auth/token/accessors
    → grant `list` and `sudo` on auth/token/accessors
<1;31>Exit 1: 2 findings gate, and 2 kinds of fact could not be seen.<0>
"##);
    // Colour only repeats what words say.
    let plain = table(&outcome, 80);
    let mut bare = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    bare.push_str(rest);
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeezed(&bare), squeezed(&plain));
}
