//! What several integration tests share.

pub mod aws;
pub mod moto;
pub mod vault;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// Variables that would let the developer's machine into a test.
const SCRUBBED: &[&str] = &[
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "FORCE_COLOR",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "KUBECONFIG",
    "NO_COLOR",
    "RUST_LOG",
    "TERM",
    "https_proxy",
    "http_proxy",
];
/// Beginnings of such variables.
const SCRUBBED_PREFIXES: &[&str] = &[
    "AWS_",
    "BAO_",
    "CI_",
    "GH_",
    "GITHUB_",
    "TENURE_",
    "VAULT_",
    "KUBERNETES_",
];

/// The program, in an environment that is the same everywhere: none of the
/// variables that sign in to a system or change the output, and no home directory
/// whose profiles could be picked up.
pub fn tenure() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tenure"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let prefixed = SCRUBBED_PREFIXES
            .iter()
            .any(|prefix| text.starts_with(prefix));
        if prefixed || SCRUBBED.contains(&&*text) {
            command.env_remove(&name);
        }
    }
    command.env("HOME", target().join("no-home"));
    // Without this the chain would ask the cloud's metadata address, and wait.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Runs the program in `folder` as if it were `now`; gives code, stdout and stderr.
pub fn run(folder: &Path, now: &str, arguments: &[&str]) -> (i32, String, String) {
    let output = tenure()
        .current_dir(folder)
        .args(["--now", now])
        .args(arguments)
        .output()
        .unwrap();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// [`run`] with a report as JSON; gives the code and the report.
pub fn report(folder: &Path, now: &str, arguments: &[&str]) -> (i32, Value) {
    let mut all = arguments.to_vec();
    all.extend(["-o", "json"]);
    let (code, stdout, stderr) = run(folder, now, &all);
    let value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    (code, value)
}

/// Another program in the environment of [`tenure`].
pub fn program(name: &str) -> std::process::Command {
    let mut command = std::process::Command::new(name);
    for (name, value) in tenure().get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// A family of one rule, `id`, that speaks of every administrator: such tests do not
/// hang on the built-in rules.
pub fn any_admin(id: &str) -> String {
    r#"
family: test
rules:
  - id: ID
    name: any-admin
    on: entitlement
    severity: high
    tags: [admin]
    when: entitlement.tier == "admin"
    message: "`{identity.name}` is an administrator"
    why: Somebody should know.
    fix: Take it away.
    references: ["CWE:266"]
    tests:
      - match: {entitlement: {tier: admin}}
      - no-match: {entitlement: {tier: write}}
"#
    .replace("ID", id)
}

/// The repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The build directory, where `tests/run` puts what tests need besides Rust.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// Whether a test that lacks something must fail rather than be skipped.
pub fn must_run() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// Says that a test is skipped because `what` is not there, or fails in CI.
pub fn skip(what: &str) {
    assert!(!must_run(), "{what}; run tests/run");
    println!("skipped: run tests/run ({what})");
}

/// The words of a command, split by a shell.
pub fn words(line: &str) -> Vec<String> {
    let output = std::process::Command::new("bash")
        .args(["-c", &format!("printf '%s\\n' {line}")])
        .output()
        .expect("bash runs");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_program_starts_in_a_clean_environment() {
    tenure().arg("--version").assert().success();
}
