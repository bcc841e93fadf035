//! Every parser of hostile input as a function of bytes.
//!
//! None may panic, and what a parser gives must keep to what it promises of itself:
//! places lie within the input, and what was written reads back as the same. The
//! fuzzer calls these with what it makes up; `tests/suite/fuzz.rs` calls them with the
//! seeds and with damaged copies of them, on every run of the tests.

use std::sync::Arc;

use tenure::config::Config;
use tenure::drift::Baseline;
use tenure::jit::import::{Input, Kind, Options, import};
use tenure::jit::ledger::Event;
use tenure::jit::ledger::json::Json;
use tenure::model::{Sym, System};
use tenure::resolve::aws::policy::Document as Policy;
use tenure::resolve::aws::simulate::simulate as simulate_aws;
use tenure::resolve::{Context, kubernetes, resolve, vault};
use tenure::rules::RuleSet;
use tenure::snapshot::declared::{PLAN, PRIOR, TEMPLATE};
use tenure::snapshot::github::DOCUMENTS;
use tenure::snapshot::{Document, Snapshot, recognise};

/// A target: its name, and what it does with the fuzzer's bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("aws_details", aws_details),
    ("aws_documents", aws_documents),
    ("aws_policy", aws_policy),
    ("aws_report", aws_report),
    ("aws_simulate", aws_simulate),
    ("baseline", baseline),
    ("config", config),
    ("declared", declared),
    ("github_documents", github_documents),
    ("jit_import", jit_import),
    ("kubernetes_facts", kubernetes_facts),
    ("kubernetes_objects", kubernetes_objects),
    ("ledger_line", ledger_line),
    ("recognise", recognise_any),
    ("rule_file", rule_file),
    ("vault_answers", vault_answers),
    ("vault_audit", vault_audit),
    ("vault_policy", vault_policy),
    ("vault_simulate", vault_simulate),
];

/// The moment of every judgement.
const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

/// Kinds of AWS's documents besides authorization details and the credential report.
const AWS_KINDS: &[&str] = &[
    "account-aliases",
    "account-summary",
    "identitystore-groups",
    "identitystore-memberships",
    "identitystore-users",
    "last-accessed",
    "mfa-devices",
    "oidc-providers",
    "organization",
    "organization-accounts",
    "organization-children",
    "organization-features",
    "organization-policies",
    "organization-roots",
    "organization-units",
    "password-policy",
    "policy",
    "policy-versions",
    "roles",
    "saml-providers",
    "secrets",
    "service-specific-credentials",
    "signing-certificates",
    "ssh-public-keys",
    "sso-account-assignments",
    "sso-instances",
    "sso-permission-sets",
];

/// Resolves one document of a known kind.
fn judge(system: System, kind: &'static str, path: &str, text: &[u8]) {
    let document = Document {
        system,
        kind,
        tenant: None,
        path: Sym::new(path),
        file: Sym::new(path),
        text: Arc::from(text),
    };
    let snapshot = Snapshot {
        documents: vec![document],
        ..Snapshot::default()
    };
    let context = Context {
        config: &Config::default(),
        now: NOW,
    };
    resolve(&snapshot, &context);
}

/// The first line, and what follows it.
fn named(data: &[u8]) -> Option<(&str, &[u8])> {
    let at = data.iter().position(|byte| *byte == b'\n')?;
    let name = std::str::from_utf8(&data[..at]).ok()?;
    Some((name, &data[at + 1..]))
}

/// `GetAccountAuthorizationDetails`.
pub fn aws_details(data: &[u8]) {
    judge(
        System::Aws,
        "authorization-details",
        "aws/111122223333/authorization-details.json",
        data,
    );
}

/// AWS's other documents; the first line says which.
pub fn aws_documents(data: &[u8]) {
    if let Some((name, text)) = named(data)
        && let Some(kind) = AWS_KINDS.iter().find(|kind| **kind == name)
    {
        judge(System::Aws, kind, "aws/111122223333/x.json", text);
    }
}

/// A policy document.
pub fn aws_policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(policy) = Policy::parse(text) {
        let statements = policy.statements.iter().map(|one| &one.range);
        for range in statements.chain(policy.problems.iter().map(|one| &one.range)) {
            assert!(text.get(range.clone()).is_some(), "{range:?} of {text:?}");
        }
        let permissions = tenure::resolve::aws::policy::permission_set(&policy);
        tenure::drift::widen::widens(
            std::slice::from_ref(&permissions),
            std::slice::from_ref(&permissions),
        );
    }
}

/// The credential report, bare or as the API answers.
pub fn aws_report(data: &[u8]) {
    judge(
        System::Aws,
        "credential-report",
        "aws/111122223333/credential-report.csv",
        data,
    );
}

/// A case for the AWS simulator.
pub fn aws_simulate(data: &[u8]) {
    if let Ok(line) = std::str::from_utf8(data) {
        assert!(simulate_aws(line).get("answer").is_some());
    }
}

/// A baseline; what can be read is written back as the same.
pub fn baseline(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(read) = Baseline::parse("baseline.jsonl", text) {
        let written = read.to_text();
        let again = std::str::from_utf8(&written).expect("a baseline is text");
        let again = Baseline::parse("baseline.jsonl", again).expect("what is written is read");
        assert_eq!(written, again.to_text());
    }
}

/// `tenure.yaml`.
pub fn config(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Config::parse(text);
    }
}

/// A Terraform plan or a CloudFormation template; the first line says which.
pub fn declared(data: &[u8]) {
    if let Some((name, text)) = named(data)
        && let Some(kind) = [PLAN, PRIOR, TEMPLATE]
            .into_iter()
            .find(|kind| *kind == name)
    {
        judge(System::Aws, kind, "infrastructure/x", text);
    }
}

/// What `gh api` prints; the first line says of which endpoint.
pub fn github_documents(data: &[u8]) {
    if let Some((name, text)) = named(data)
        && let Some(kind) = DOCUMENTS.iter().find(|kind| kind.name == name)
    {
        let path = format!("github/acme/{}", kind.file.replace('*', "one"));
        judge(System::Github, kind.name, &path, text);
    }
}

/// An export of a just-in-time system; the first line says of which.
pub fn jit_import(data: &[u8]) {
    if let Some((name, text)) = named(data)
        && let Ok(kind) = name.parse::<Kind>()
    {
        let input = Input {
            file: Sym::new("export"),
            tenant: None,
            text: text.to_vec(),
        };
        let options = Options {
            instance: None,
            covers: None,
            map: None,
            now: NOW,
        };
        let _ = import(kind, &[input], &options);
    }
}

/// A line of the ledger: its canonical form is read back as itself.
pub fn ledger_line(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(value) = Json::parse(text) {
        let canonical = |value: &Json<'_>| {
            let mut text = String::new();
            value.write(&mut text);
            text
        };
        let written = canonical(&value);
        let again = Json::parse(&written).map(|again| canonical(&again));
        assert_eq!(again.ok().as_deref(), Some(written.as_str()));
    }
    let _ = serde_json::from_str::<Event>(text);
}

/// Kubernetes objects, and all that is judged of them: slow, for a cluster's built-in
/// roles are judged with them.
pub fn kubernetes_facts(data: &[u8]) {
    judge(System::Kubernetes, "objects", "cluster/x.yaml", data);
}

/// Kubernetes objects, and one question about them.
pub fn kubernetes_objects(data: &[u8]) {
    if let Ok(objects) = kubernetes::Objects::parse(data) {
        let case = r#"{"id":1,"user":"u","verb":"get","group":"","resource":"secrets"}"#;
        kubernetes::simulate(&objects, case);
    }
}

/// Any file, whatever it is; the first line is its name.
pub fn recognise_any(data: &[u8]) {
    if let Some((name, text)) = named(data)
        && let Some((system, kind)) = recognise(name, text)
    {
        judge(system, kind, name, text);
    }
}

/// A file of rules; those that load run their own tests.
pub fn rule_file(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(rules) = RuleSet::parse("x.yaml", text)
    {
        rules.self_test();
    }
}

/// Answers of Vault, one a line.
pub fn vault_answers(data: &[u8]) {
    judge(System::Vault, "answers", "vault/prod/x.jsonl", data);
}

/// Vault's audit log.
pub fn vault_audit(data: &[u8]) {
    judge(System::Vault, "audit-log", "vault/prod/audit.log", data);
    vault::audit::read(data);
}

/// A policy of Vault, as HCL or JSON.
pub fn vault_policy(data: &[u8]) {
    judge(System::Vault, "policy", "vault/prod/policies/x.hcl", data);
}

/// A case for Vault's simulator.
pub fn vault_simulate(data: &[u8]) {
    if let Ok(line) = std::str::from_utf8(data) {
        assert!(vault::simulate(line, NOW).get("answer").is_some());
    }
}
