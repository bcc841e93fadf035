//! The program against a server that answers like AWS: credentials found the way
//! every AWS tool finds them, settings that cannot be used, exit codes.

use assert_cmd::Command;
use serde_json::Value;

use crate::support::aws::{ACCOUNT, Aws, Running, ok};
use crate::support::tenure;

fn key() -> String {
    format!("AKIA{ACCOUNT}")
}

/// The program, told where AWS is and nothing else.
fn aimed_at(server: &Running, folder: &tempfile::TempDir) -> Command {
    let mut command = tenure();
    command
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .env("AWS_ENDPOINT_URL", server.address())
        .env("AWS_REGION", "eu-west-1");
    command
}

/// Runs `tenure collect aws…` and says whether it read the account.
fn reads_the_account(mut command: Command, target: &str, folder: &tempfile::TempDir) {
    let assert = command
        .args(["collect", target, "--directory", "snapshot"])
        .assert();
    let output = assert.get_output();
    let code = output.status.code();
    assert!(
        matches!(code, Some(0 | 3)),
        "exit {code:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let details = folder
        .path()
        .join(format!("snapshot/aws/{ACCOUNT}/authorization-details.json"));
    let text = std::fs::read_to_string(details).unwrap();
    let details: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(details["UserDetailList"], Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_from_the_environment() {
    let server = Aws::empty().start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = aimed_at(&server, &folder);
    command
        .env("AWS_ACCESS_KEY_ID", key())
        .env("AWS_SECRET_ACCESS_KEY", "test");
    reads_the_account(command, "aws", &folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_from_a_profile_that_assumes_a_role() {
    let mut aws = Aws::empty();
    aws.on("sts:AssumeRole", |call| {
        assert_eq!(call.get("RoleArn"), "arn:aws:iam::111122223333:role/audit");
        assert_eq!(call.get("ExternalId"), "from-the-profile");
        ok(&format!(
            "<Credentials><AccessKeyId>ASIA{ACCOUNT}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        ))
    });
    let server = aws.start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".aws")).unwrap();
    std::fs::write(
        folder.path().join(".aws/config"),
        format!(
            "[profile base]\naws_access_key_id = AKIA999900001111\naws_secret_access_key = test\n\
             [profile audit]\nsource_profile = base\nrole_arn = arn:aws:iam::{ACCOUNT}:role/audit\n\
             external_id = from-the-profile\nmax_attempts = 0\n"
        ),
    )
    .unwrap();
    let command = aimed_at(&server, &folder);
    reads_the_account(command, "aws:audit", &folder);
    assert_eq!(server.count("sts:AssumeRole"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_the_program_says_what_to_do() {
    let server = Aws::empty().start().await;
    let folder = tempfile::tempdir().unwrap();
    let assert = aimed_at(&server, &folder)
        .args(["collect", "aws", "--directory", "snapshot"])
        .assert()
        .code(2);
    let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(text.contains("cannot sign in to aws"), "{text}");
    assert!(text.contains("aws sso login"), "{text}");
    assert!(server.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_settings_that_would_make_the_sdk_panic_are_usage_errors() {
    let server = Aws::empty().start().await;
    for (name, value) in [("AWS_MAX_ATTEMPTS", "0"), ("AWS_RETRY_MODE", "eager")] {
        let folder = tempfile::tempdir().unwrap();
        let assert = aimed_at(&server, &folder)
            .env("AWS_ACCESS_KEY_ID", key())
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env(name, value)
            .args(["collect", "aws", "--directory", "snapshot"])
            .assert()
            .code(2);
        let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(text.contains(name) && !text.contains("panicked"), "{text}");
    }
}

#[test]
fn the_permissions_printed_are_a_policy() {
    let assert = tenure().args(["permissions", "aws"]).assert().success();
    let policy: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
}
