//! The fixture company's organisation, as a directory of saved answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use tenure::config::Config;
use tenure::model::{Inventory, Sym};
use tenure::resolve::{Context, resolve};
use tenure::rules::RuleSet;
use tenure::snapshot;

const NOW: &str = "2026-11-22T08:00:00Z";

fn company() -> (Inventory, Config) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/company/github");
    let config = Config {
        break_glass: vec!["nl-breakglass".into()],
        ..Config::default()
    };
    let context = Context {
        config: &config,
        now: NOW.parse().unwrap(),
    };
    let inventory = resolve(&snapshot::load(&folder).unwrap(), &context);
    (inventory, config)
}

#[test]
fn the_company_is_seen_whole() {
    let (facts, _) = company();
    let gaps: Vec<_> = facts.coverage.iter().filter(|one| one.is_gap()).collect();
    assert!(gaps.is_empty(), "{gaps:#?}");
    assert!(
        facts
            .tenants
            .iter()
            .any(|tenant| tenant.id == Sym::new("northwind-ledger"))
    );
    assert!(
        facts
            .entitlements
            .iter()
            .all(|fact| fact.location.is_some()),
        "every fact stands somewhere"
    );
}

#[test]
fn the_company_has_these_findings() {
    let (facts, config) = company();
    let rules = RuleSet::embedded().unwrap();
    let judged = rules.judge(&facts, &config, NOW.parse().unwrap());
    let mut by_rule: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for finding in &judged.findings {
        by_rule
            .entry(format!("{} {}", finding.rule, finding.name))
            .or_default()
            .push(format!("{} {}", finding.severity, finding.message));
    }
    let mut text = String::new();
    for (rule, mut messages) in by_rule {
        if !rule.starts_with("GH") {
            continue;
        }
        messages.sort();
        let _ = writeln!(text, "{rule} ({}): {}", messages.len(), messages[0]);
    }
    insta::assert_snapshot!(text, @r#"
    GH101 too-many-owners (1): high 5 people own `Northwind Ledger` day and night; 3 is the limit
    GH103 standing-owner (5): high `amara-okafor` owns `northwind-ledger` without activation or end
    GH104 stale-owner (1): high owner `tomasz-wrona` last did anything 116 days ago
    GH105 enterprise-owner-owns-organization (1): medium enterprise owner `amara-okafor` stays an owner of `northwind-ledger`
    GH106 standing-organization-role (1): high `henrik-dahl` holds the organisation role `all_repo_admin` directly
    GH110 member-outside-single-sign-on (2): medium `nl-issueops-bot` is a member without a linked identity of the identity provider
    GH111 members-invite-outsiders (1): medium any repository administrator of `Northwind Ledger` may let outsiders in
    GH112 members-change-visibility (1): medium any repository administrator of `Northwind Ledger` may make a private repository public
    GH114 stale-invitation (1): low the invitation of `marta-klein` has been open for 54 days
    GH201 outside-collaborator-administers (1): high outside collaborator `acme-pentest-kai` has `admin` on `northwind-ledger/payments-api`
    GH202 outside-collaborator-writes (1): medium outside collaborator `brightpath-dev` may push to `northwind-ledger/web`
    GH203 direct-grant-beside-linked-team (3): medium `lucia-ferrari` has `admin` on `northwind-ledger/payments-api` directly, beside team `payments` of the identity provider
    GH204 direct-repository-admin (1): medium `lucia-ferrari` administers `northwind-ledger/payments-api` by a direct grant
    GH205 administering-team-without-identity-provider (6): medium team `Migration 2025` administers `northwind-ledger/legacy-batch`, and no group of the identity provider fills it
    GH206 team-grant-without-members (2): low team `Migration 2025` has `admin` on `northwind-ledger/legacy-batch` and no members
    GH207 standing-ruleset-bypass (4): high `renovate` passes ruleset `release tags` at any time (`always`)
    GH208 standing-branch-rule-bypass (3): medium `renovate` is excepted from the rule for `main` of `northwind-ledger/mobile` (pull-request-bypass)
    GH210 default-branch-not-reviewed (2): high anyone of 20 writers changes the default branch of `northwind-ledger/docs-site` alone
    GH301 deploy-key-writes (2): high deploy key `jenkins-2021` may push to `northwind-ledger/infra`
    GH302 deploy-key-old (4): medium deploy key `backup mirror` of `northwind-ledger/infra` was made 1559 days ago
    GH303 deploy-key-never-used (1): medium deploy key `never needed` of `northwind-ledger/ledger-core` was never used
    GH304 deploy-key-unused (2): medium deploy key `backup mirror` of `northwind-ledger/infra` was last used 680 days ago
    GH305 deploy-key-of-a-leaver (2): high deploy key `cron host` of `northwind-ledger/legacy-batch` was added by `marek-polak`, who is no member any more
    GH306 deploy-key-on-archived-repository (1): low archived repository `northwind-ledger/legacy-batch` still has deploy key `cron host`
    GH311 token-never-expires (3): critical classic token `issueops promotion` of `nl-issueops-bot` never expires
    GH313 token-unused (2): medium token `dashboards` of `mei-tanaka` was last used 256 days ago
    GH314 token-never-used (1): low token `try it` of `oliver-grant` was never used
    GH315 token-of-all-repositories-writes (1): high token `terraform local` of `henrik-dahl` writes to all repositories
    GH316 classic-token-administers (2): critical classic token `issueops promotion` of owner `nl-issueops-bot` administers the organisation
    GH317 ssh-key-unused (1): low SSH key `old thinkpad` of `pablo-ruiz` was last used 508 days ago
    GH321 app-administers-organization (1): critical App `northwind-access-broker` administers `northwind-ledger` day and night
    GH322 app-writes-all-repositories (2): high App `octo-sts` writes to all repositories of `northwind-ledger`
    GH323 app-reads-secrets (1): medium App `renovate` may replace secrets or workflows
    GH331 webhook-without-secret (1): medium webhook to `chat.legacy-vendor.example` (organization) is not signed
    GH332 webhook-without-tls (1): high webhook to `atlantis.internal.northwind-ledger.example` (repository) is sent without checked encryption
    GH401 secret-not-rotated (16): high secret `AGENT_ISSUE_TOKEN` (organization, agents) was last set 143 days ago
    GH402 organization-secret-visible-to-all (3): high secret `AGENT_ISSUE_TOKEN` (agents) goes to all 12 repositories
    GH403 organization-secret-visible-to-private (2): medium 25 people can read secret `NPM_READ_TOKEN` (dependabot) out of 11 private repositories
    GH404 secret-in-public-repository (3): high secret `AGENT_ISSUE_TOKEN` goes to public repositories (1)
    GH405 environment-secret-unguarded (2): high secret `STAGING_DB_URL` of environment `staging` in `northwind-ledger/payments-api` needs nobody's approval
    GH406 static-cloud-key-in-secret (2): high secret `PROD_AWS_ACCESS_KEY_ID` (organization) looks like a static key of a cloud account
    GH407 administering-token-in-secret (2): medium secret `APP_PRIVATE_KEY` (repository) looks like a broker's own standing power; 9 people can read it out
    GH501 workflow-token-writes-by-default (2): medium the token of every workflow of `northwind-ledger/infra` writes unless the workflow says otherwise
    GH502 workflow-approves-pull-requests (1): medium workflows of `northwind-ledger/web` may approve pull requests
    GH503 any-action-allowed (1): medium workflows of `Northwind Ledger` may use any Action of anybody
    GH511 runner-group-open-to-public-repositories (1): critical runner group `Default` (2 runners) serves public repositories
    GH512 runner-kept-between-jobs (1): medium 2 runners of group `Default` stay for the next job and serve all repositories
    GH521 environment-with-secrets-unprotected (2): high environment `prod` of `northwind-ledger/infra` keeps secrets (1) and nobody has to approve
    GH523 environment-self-approval (1): medium whoever starts a deployment to `production` of `northwind-ledger/web` may approve it
    GH524 environment-bypassed-by-administrators (1): medium administrators of `northwind-ledger/web` skip the approval of `production`
    GH525 production-environment-without-gate (1): medium environment `prod` of `northwind-ledger/infra` has no gate
    GH531 oidc-subject-names-no-repository (1): high OIDC subjects of `northwind-ledger/docs-site` do not say which repository they are for (`repository_owner:northwind-ledger:pull_request`)
    GH532 oidc-template-without-repository (1): medium the OIDC subject template of `Northwind Ledger` does not contain the repository
    GH533 oidc-subjects-recyclable (1): low OIDC subjects of `Northwind Ledger` carry names, not numbers
    GH541 broker-trusts-loose-subject (1): high trust policy `automation` of `northwind-ledger/.github` admits any repository that fits `repo:northwind-ledger/.*`
    GH543 broker-policy-holds-everywhere (1): high trust policy `automation` hands out tokens that write to every repository
    "#);
}
