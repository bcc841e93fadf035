//! A server that answers like AWS, from what a test says.
//!
//! It speaks the two protocols the services in question use: the query protocol
//! (IAM, STS: a form in, XML out) and JSON 1.1 (the others). Every call has an
//! answer from the start, that of an empty account; a test replaces those it is
//! about. Calls are recorded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sts::config::Credentials;
use serde_json::{Value, json};
use tenure::config::Config;
use tenure::connect::aws::{Connection, Pace};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers};

/// The account of the first credentials.
pub const ACCOUNT: &str = "111122223333";

/// One request, understood.
#[derive(Clone, Debug)]
pub struct Call {
    /// The account whose credentials signed it.
    pub account: String,
    /// `iam:ListRoles`, as in policies.
    pub action: String,
    /// The region it was signed for.
    pub region: String,
    /// Parameters of the query protocol.
    pub form: BTreeMap<String, String>,
    /// Body of the JSON protocol.
    pub body: Value,
    /// How many times this action was called before by this account.
    pub before: usize,
}

impl Call {
    /// A parameter, empty if absent.
    pub fn get(&self, name: &str) -> &str {
        match self.body.get(name) {
            Some(value) => value.as_str().unwrap_or_default(),
            None => self.form.get(name).map_or("", String::as_str),
        }
    }
}

/// What the server answers.
pub enum Reply {
    /// The inside of a query-protocol answer.
    Xml(String),
    /// A JSON-protocol answer.
    Json(Value),
    /// Anything, a refusal mostly.
    Whole(ResponseTemplate),
}

type Answer = dyn Fn(&Call) -> Reply + Send + Sync;

#[derive(Clone, Default)]
struct Script {
    answers: BTreeMap<String, Arc<Answer>>,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// The server being described.
#[derive(Default)]
pub struct Aws {
    script: Script,
}

/// The server running.
pub struct Running {
    server: MockServer,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Aws {
    /// An account with nothing in it, in no organisation.
    pub fn empty() -> Self {
        let mut aws = Aws::default();
        for (action, result) in EMPTY_XML {
            aws.on(action, move |_| ok(result));
        }
        for (action, result) in EMPTY_JSON {
            aws.on(action, move |_| {
                let body: Value = serde_json::from_str(result).expect("a test's own JSON");
                ok_json(body)
            });
        }
        aws.on("sts:GetCallerIdentity", |call| {
            let account = &call.account;
            ok(&format!(
                "<Account>{account}</Account><UserId>A</UserId><Arn>arn:aws:iam::{account}:user/scanner</Arn>"
            ))
        });
        aws.on("iam:GetAccountPasswordPolicy", |_| {
            failed("NoSuchEntity", "The Password Policy cannot be found.", 404)
        });
        aws.on("organizations:DescribeOrganization", |_| {
            failed_json(
                "AWSOrganizationsNotInUseException",
                "Your account is not a member of an organization.",
            )
        });
        aws.on("iam:GetCredentialReport", |_| {
            credential_report(&[ROOT_ROW], "2026-11-21T08:00:00Z")
        });
        aws
    }

    /// Answers `action` so.
    pub fn on(
        &mut self,
        action: &str,
        answer: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> &mut Self {
        self.script
            .answers
            .insert(action.to_owned(), Arc::new(answer));
        self
    }

    /// Denies `action`.
    pub fn deny(&mut self, action: &'static str) -> &mut Self {
        self.on(action, denied)
    }

    pub async fn start(self) -> Running {
        let server = MockServer::start().await;
        let calls = Arc::clone(&self.script.calls);
        Mock::given(matchers::any())
            .respond_with(self.script)
            .mount(&server)
            .await;
        Running { server, calls }
    }
}

impl Running {
    pub fn address(&self) -> String {
        self.server.uri()
    }

    /// The scanner's connection to this server, too impatient to slow a test down.
    pub async fn connection(&self) -> Connection {
        connection(&self.server.uri()).await
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls
            .lock()
            .expect("no test panics while holding it")
            .clone()
    }

    /// How often `action` was called.
    pub fn count(&self, action: &str) -> usize {
        self.calls()
            .iter()
            .filter(|call| call.action == action)
            .count()
    }
}

/// A connection to `endpoint` that waits for nothing long.
pub async fn connection(endpoint: &str) -> Connection {
    let pace = Pace {
        attempts: 3,
        backoff: Duration::from_millis(1),
        longest_backoff: Duration::from_millis(5),
        attempt: Duration::from_secs(30),
        poll: Duration::from_millis(5),
        report: Duration::from_secs(5),
        account: Duration::from_secs(120),
        identity_center: Duration::ZERO,
    };
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new(
            format!("AKIA{ACCOUNT}"),
            "test",
            None,
            None,
            "test",
        ))
        .retry_config(pace.retry())
        .timeout_config(pace.timeouts())
        .load()
        .await;
    Connection::with(sdk, pace)
}

/// Settings that read one region.
pub fn settings() -> Config {
    let mut config = Config::default();
    config.aws.regions = vec!["eu-west-1".to_owned()];
    config
}

impl Respond for Script {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let Some(mut call) = understand(request) else {
            return ResponseTemplate::new(418).set_body_string("this is no call of AWS");
        };
        let mut calls = self.calls.lock().expect("no test panics while holding it");
        call.before = calls
            .iter()
            .filter(|other| other.action == call.action && other.account == call.account)
            .count();
        calls.push(call.clone());
        drop(calls);
        match self.answers.get(&call.action) {
            Some(answer) => answer(&call).send(&call),
            None => ResponseTemplate::new(501).set_body_string(format!("no answer to {call:?}")),
        }
    }
}

impl Reply {
    fn send(self, call: &Call) -> ResponseTemplate {
        match self {
            Reply::Whole(response) => response,
            Reply::Json(body) => ResponseTemplate::new(200)
                .set_body_raw(body.to_string(), "application/x-amz-json-1.1"),
            Reply::Xml(result) => {
                let name = call.action.split(':').nth(1).unwrap_or_default();
                let text = format!(
                    "<{name}Response><{name}Result>{result}</{name}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{name}Response>"
                );
                ResponseTemplate::new(200).set_body_raw(text, "text/xml")
            }
        }
    }
}

fn understand(request: &Request) -> Option<Call> {
    let authorization = request.headers.get("authorization")?.to_str().ok()?;
    let scope = authorization
        .split("Credential=")
        .nth(1)?
        .split(',')
        .next()?;
    let mut scope = scope.split('/');
    let account = scope.next()?.get(4..)?.to_owned();
    let (_date, region, service) = (scope.next()?, scope.next()?, scope.next()?);
    let (operation, form, body) = match request.headers.get("x-amz-target") {
        Some(target) => {
            let target = target.to_str().ok()?;
            let body = serde_json::from_slice(&request.body).ok()?;
            (target.split('.').nth(1)?.to_owned(), BTreeMap::new(), body)
        }
        None => {
            let form = read_form(&request.body);
            (form.get("Action")?.clone(), form, Value::Null)
        }
    };
    Some(Call {
        account,
        action: format!("{service}:{operation}"),
        region: region.to_owned(),
        form,
        body,
        before: 0,
    })
}

fn read_form(body: &[u8]) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    String::from_utf8_lossy(body)
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The result of a query-protocol call.
pub fn ok(result: &str) -> Reply {
    Reply::Xml(result.to_owned())
}

/// The answer of a JSON-protocol call.
pub fn ok_json(body: Value) -> Reply {
    Reply::Json(body)
}

/// A refusal of the query protocol.
pub fn failed(code: &str, message: &str, status: u16) -> Reply {
    Reply::Whole(ResponseTemplate::new(status).set_body_raw(
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        ),
        "text/xml",
    ))
}

/// A refusal of the JSON protocol.
pub fn failed_json(code: &str, message: &str) -> Reply {
    let body = json!({"__type": code, "message": message, "Message": message});
    Reply::Whole(
        ResponseTemplate::new(400).set_body_raw(body.to_string(), "application/x-amz-json-1.1"),
    )
}

/// The refusal of somebody who may not.
pub fn denied(call: &Call) -> Reply {
    let message = format!(
        "User: arn:aws:iam::{}:user/scanner is not authorized to perform: {} because no identity-based policy allows the {} action",
        call.account, call.action, call.action
    );
    if call.body.is_null() {
        failed("AccessDenied", &message, 403)
    } else {
        failed_json("AccessDeniedException", &message)
    }
}

/// The refusal of somebody who is too fast.
pub fn throttled(call: &Call) -> Reply {
    if call.body.is_null() {
        failed("Throttling", "Rate exceeded", 400)
    } else {
        failed_json("ThrottlingException", "Rate exceeded")
    }
}

pub const ROOT_ROW: &str = "<root_account>,arn:aws:iam::111122223333:root,2019-01-01T00:00:00+00:00,not_supported,2026-11-01T09:00:00+00:00,not_supported,not_supported,false,true,2020-02-02T00:00:00+00:00,2026-10-30T00:00:00+00:00,us-east-1,iam,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A";
/// The first line of a credential report.
pub const REPORT_HEADER: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

/// The answer to GetCredentialReport with these rows.
pub fn credential_report(rows: &[&str], generated: &str) -> Reply {
    let text = format!("{REPORT_HEADER}\n{}", rows.join("\n"));
    ok(&format!(
        "<Content>{}</Content><ReportFormat>text/csv</ReportFormat><GeneratedTime>{generated}</GeneratedTime>",
        base64(text.as_bytes())
    ))
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648 base64, so that the decoder under test has another encoder to agree with.
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place <= chunk.len() {
                let letter = bits >> (18 - 6 * place) & 63;
                text.push(char::from(LETTERS[letter as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// The opposite of [`base64`]; anything that is no letter of it is passed over.
pub fn unbase64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes() {
        let Some(value) = LETTERS.iter().position(|&known| known == letter) else {
            continue;
        };
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xFF) as u8);
        }
    }
    bytes
}

/// How real IAM writes a policy document into XML.
pub fn encoded(document: &Value) -> String {
    percent_encoding::utf8_percent_encode(&document.to_string(), percent_encoding::NON_ALPHANUMERIC)
        .to_string()
}

const EMPTY_XML: &[(&str, &str)] = &[
    (
        "iam:GetAccountAuthorizationDetails",
        "<IsTruncated>false</IsTruncated><UserDetailList/><GroupDetailList/><RoleDetailList/><Policies/>",
    ),
    ("iam:ListRoles", "<Roles/><IsTruncated>false</IsTruncated>"),
    ("iam:GenerateCredentialReport", "<State>COMPLETE</State>"),
    (
        "iam:GetAccountSummary",
        "<SummaryMap><entry><key>Users</key><value>0</value></entry><entry><key>AccountMFAEnabled</key><value>1</value></entry></SummaryMap>",
    ),
    (
        "iam:ListAccountAliases",
        "<AccountAliases><member>acme</member></AccountAliases><IsTruncated>false</IsTruncated>",
    ),
    ("iam:ListSAMLProviders", "<SAMLProviderList/>"),
    (
        "iam:ListOpenIDConnectProviders",
        "<OpenIDConnectProviderList/>",
    ),
    (
        "iam:ListServiceSpecificCredentials",
        "<ServiceSpecificCredentials/><IsTruncated>false</IsTruncated>",
    ),
    (
        "iam:ListSSHPublicKeys",
        "<SSHPublicKeys/><IsTruncated>false</IsTruncated>",
    ),
    (
        "iam:ListVirtualMFADevices",
        "<VirtualMFADevices/><IsTruncated>false</IsTruncated>",
    ),
];

const EMPTY_JSON: &[(&str, &str)] = &[
    ("secretsmanager:ListSecrets", r#"{"SecretList":[]}"#),
    ("sso:ListInstances", r#"{"Instances":[]}"#),
];
