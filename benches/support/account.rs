//! A made-up account of any size, the same for the same number.

use std::fmt::Write;

const ACCOUNT: &str = "111122223333";
const TEAMS: [&str; 12] = [
    "payments",
    "ledger",
    "risk",
    "web",
    "data",
    "platform",
    "search",
    "mobile",
    "billing",
    "fraud",
    "crm",
    "reporting",
];

/// Numbers that look random and never change (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let roll = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(roll).unwrap_or(0) % end.max(1)
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// `GetAccountAuthorizationDetails` of an account with so many users and roles.
pub fn generate(principals: usize) -> String {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let users = principals / 5;
    let roles = principals - users;
    let policies = (principals / 12).max(8);
    let mut out = String::with_capacity(principals * 2_600);
    out.push_str("{\n\"UserDetailList\": [");
    for at in 0..users {
        user(&mut out, &mut dice, at, policies);
    }
    out.push_str("],\n\"GroupDetailList\": [");
    for (at, team) in TEAMS.iter().enumerate() {
        separate(&mut out, at);
        let _ = write!(
            out,
            r#"{{"Path":"/","GroupName":"{team}","GroupId":"AGPA{at:017}","Arn":"arn:aws:iam::{ACCOUNT}:group/{team}","CreateDate":"2022-01-10T09:00:00+00:00","GroupPolicyList":[{}],"AttachedManagedPolicies":[]}}"#,
            inline("team", &team_document(&mut dice, team, at)),
        );
    }
    out.push_str("],\n\"RoleDetailList\": [");
    for at in 0..roles {
        role(&mut out, &mut dice, at, policies);
    }
    out.push_str("],\n\"Policies\": [");
    for at in 0..policies {
        separate(&mut out, at);
        let team = TEAMS[at % TEAMS.len()];
        let document = match at {
            0 => r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#.to_owned(),
            _ => team_document(&mut dice, team, at),
        };
        policy(&mut out, at, &document);
    }
    out.push_str("]\n}\n");
    out
}

fn separate(out: &mut String, at: usize) {
    out.push_str(if at == 0 { "\n" } else { ",\n" });
}

/// IAM encodes everything but letters, digits and `-_.~`.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

fn inline(name: &str, document: &str) -> String {
    format!(
        r#"{{"PolicyName":"{name}","PolicyDocument":"{}"}}"#,
        encode(document)
    )
}

fn attached(at: usize) -> String {
    format!(
        r#"{{"PolicyName":"policy-{at}","PolicyArn":"arn:aws:iam::{ACCOUNT}:policy/policy-{at}"}}"#
    )
}

fn policy(out: &mut String, at: usize, document: &str) {
    let old = encode(document);
    let _ = write!(
        out,
        r#"{{"PolicyName":"policy-{at}","PolicyId":"ANPA{at:017}","Arn":"arn:aws:iam::{ACCOUNT}:policy/policy-{at}","Path":"/","DefaultVersionId":"v2","AttachmentCount":1,"PermissionsBoundaryUsageCount":0,"IsAttachable":true,"CreateDate":"2022-01-10T09:00:00+00:00","UpdateDate":"2025-01-10T09:00:00+00:00","PolicyVersionList":[{{"Document":"{old}","VersionId":"v2","IsDefaultVersion":true,"CreateDate":"2025-01-10T09:00:00+00:00"}},{{"Document":"{old}","VersionId":"v1","IsDefaultVersion":false,"CreateDate":"2022-01-10T09:00:00+00:00"}}]}}"#
    );
}

fn user(out: &mut String, dice: &mut Dice, at: usize, policies: usize) {
    separate(out, at);
    let team = dice.pick(&TEAMS);
    let own = if at.is_multiple_of(4) {
        inline("own", &team_document(dice, team, at))
    } else {
        String::new()
    };
    let managed = match dice.below(100) {
        // A handful of people administer the account.
        0 => attached(0),
        _ => attached(1 + dice.below(policies - 1)),
    };
    let _ = write!(
        out,
        r#"{{"Path":"/","UserName":"user-{at}","UserId":"AIDA{at:017}","Arn":"arn:aws:iam::{ACCOUNT}:user/user-{at}","CreateDate":"2023-04-05T09:00:00+00:00","UserPolicyList":[{own}],"GroupList":["{team}"],"AttachedManagedPolicies":[{managed}],"Tags":[{{"Key":"team","Value":"{team}"}}]}}"#
    );
}

fn role(out: &mut String, dice: &mut Dice, at: usize, policies: usize) {
    separate(out, at);
    let team = dice.pick(&TEAMS);
    let trust = match dice.below(10) {
        0 => format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}}"#),
        1 => format!(
            r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:role/role-{}"}}"#,
            dice.below(at + 1)
        ),
        2..=4 => r#"{"Service":"ecs-tasks.amazonaws.com"}"#.to_owned(),
        5 => r#"{"Service":"ec2.amazonaws.com"}"#.to_owned(),
        _ => r#"{"Service":"lambda.amazonaws.com"}"#.to_owned(),
    };
    let trust = encode(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{trust},"Action":"sts:AssumeRole"}}]}}"#
    ));
    let mut own = inline("work", &team_document(dice, team, at));
    if at.is_multiple_of(7) {
        own.push(',');
        own.push_str(&inline("deploy", &deploy_document(team, at)));
    }
    let managed = match dice.below(250) {
        0 => attached(0),
        _ => attached(1 + dice.below(policies - 1)),
    };
    let boundary = if at.is_multiple_of(25) {
        format!(
            r#","PermissionsBoundary":{{"PermissionsBoundaryType":"Policy","PermissionsBoundaryArn":"arn:aws:iam::{ACCOUNT}:policy/policy-1"}}"#
        )
    } else {
        String::new()
    };
    let _ = write!(
        out,
        r#"{{"Path":"/{team}/","RoleName":"role-{at}","RoleId":"AROA{at:017}","Arn":"arn:aws:iam::{ACCOUNT}:role/{team}/role-{at}","CreateDate":"2023-04-05T09:00:00+00:00","AssumeRolePolicyDocument":"{trust}","InstanceProfileList":[],"RolePolicyList":[{own}],"AttachedManagedPolicies":[{managed}],"Tags":[{{"Key":"team","Value":"{team}"}}],"RoleLastUsed":{{"LastUsedDate":"2026-11-20T09:00:00+00:00","Region":"eu-central-1"}}{boundary}}}"#
    );
}

/// What a team's service does: its own tables, queues, buckets, logs and secrets.
fn team_document(dice: &mut Dice, team: &str, at: usize) -> String {
    let region = dice.pick(&["eu-central-1", "eu-west-1", "us-east-1"]);
    let extra = match dice.below(40) {
        0 => r#",{"Effect":"Allow","Action":["sts:AssumeRole"],"Resource":"*"}"#,
        1 => {
            r#",{"Effect":"Deny","Action":["s3:DeleteBucket","dynamodb:DeleteTable"],"Resource":"*"}"#
        }
        2 => {
            r#",{"Effect":"Allow","Action":["ec2:Describe*","autoscaling:Describe*"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-central-1"}}}"#
        }
        _ => "",
    };
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Tables","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem","dynamodb:Query","dynamodb:UpdateItem","dynamodb:BatchGetItem"],"Resource":["arn:aws:dynamodb:{region}:{ACCOUNT}:table/{team}-{at}","arn:aws:dynamodb:{region}:{ACCOUNT}:table/{team}-{at}/index/*"]}},{{"Sid":"Buckets","Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:ListBucket"],"Resource":["arn:aws:s3:::nw-{team}-{at}","arn:aws:s3:::nw-{team}-{at}/*"]}},{{"Sid":"Logs","Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"arn:aws:logs:{region}:{ACCOUNT}:log-group:/nw/{team}-{at}:*"}},{{"Sid":"Secrets","Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:{team}/*"}}{extra}]}}"#
    )
}

/// What a pipeline does: functions of the team, with the team's roles.
fn deploy_document(team: &str, at: usize) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["lambda:CreateFunction","lambda:UpdateFunctionCode","lambda:GetFunction"],"Resource":"arn:aws:lambda:*:{ACCOUNT}:function:{team}-{at}-*"}},{{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::{ACCOUNT}:role/{team}/role-{at}","Condition":{{"StringEquals":{{"iam:PassedToService":"lambda.amazonaws.com"}}}}}}]}}"#
    )
}
