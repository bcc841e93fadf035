//! The documented evaluation logic of AWS as tables (IAM User Guide, "Policy evaluation
//! logic"; Organizations User Guide, "SCP evaluation", "RCP evaluation").

use serde_json::{Value, json};
use tenure::resolve::aws::simulate::simulate;

const USER: &str = "arn:aws:iam::111122223333:user/bob";
const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/run";
const OBJECT: &str = "arn:aws:s3:::data/x";

fn document(statements: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn allow(action: &str) -> Value {
    document(json!({"Effect": "Allow", "Action": action, "Resource": "*"}))
}

fn deny(action: &str) -> Value {
    document(json!({"Effect": "Deny", "Action": action, "Resource": "*"}))
}

/// A resource policy that allows everything to a principal.
fn grant(principal: Value) -> Value {
    document(json!({"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"}))
}

/// A request for an object of the user's own account, with what `change` sets.
fn case(change: Value) -> Value {
    let mut case = json!({
        "principal": USER, "action": "s3:GetObject", "resource": OBJECT,
        "resource_account": "111122223333",
    });
    for (key, value) in change.as_object().unwrap() {
        case[key] = value.clone();
    }
    case
}

#[track_caller]
fn expect(change: Value, answer: &str) -> Value {
    let found = simulate(&case(change.clone()).to_string());
    assert_eq!(found["answer"], answer, "{change} gave {found}");
    found
}

#[track_caller]
fn allowed(change: Value) {
    expect(change, "allowed");
}

#[track_caller]
fn denied(change: Value) {
    assert_eq!(expect(change, "denied")["explicit_deny"], false);
}

#[track_caller]
fn refused(change: Value) {
    assert_eq!(expect(change, "denied")["explicit_deny"], true);
}

#[test]
fn identity_policies() {
    denied(json!({}));
    denied(json!({"identity_policies": []}));
    allowed(json!({"identity_policies": [allow("S3:getobject")]}));
    denied(json!({"identity_policies": [allow("s3:Put*")]}));
    refused(json!({"identity_policies": [allow("*"), deny("s3:Get?bject")]}));
    let case_matters =
        document(json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::DATA/*"}));
    denied(json!({"identity_policies": [case_matters]}));
    let elsewhere = document(json!([
        {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::secret/*"},
        {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::data/*"}]));
    allowed(json!({"identity_policies": [elsewhere]}));
    refused(json!({"identity_policies": [elsewhere], "resource": "arn:aws:s3:::other/x"}));
    let but = document(json!({"Effect": "Allow", "NotAction": "iam:*",
        "NotResource": "arn:aws:s3:::secret/*"}));
    denied(json!({"identity_policies": [but], "resource": "arn:aws:s3:::secret/x"}));
    denied(json!({"identity_policies": [but], "action": "iam:GetUser", "resource": USER}));
    // Version 2008 knows no variables.
    let own = |version: &str| {
        json!({"Version": version, "Statement": {"Effect": "Allow", "Action": "*",
            "Resource": "arn:aws:s3:::data/${aws:username}"}})
    };
    let home = "arn:aws:s3:::data/bob";
    allowed(json!({"identity_policies": [own("2012-10-17")], "resource": home}));
    denied(json!({"identity_policies": [own("2008-10-17")], "resource": home}));
    denied(json!({"identity_policies": [own("2012-10-17")], "resource": home, "principal": ROLE}));
}

#[test]
fn boundaries() {
    let own = json!([allow("*")]);
    for principal in [USER, ROLE, SESSION] {
        let with = |boundary: Value| json!({"principal": principal, "identity_policies": own, "boundary": boundary});
        allowed(json!({"principal": principal, "identity_policies": own}));
        allowed(with(json!([allow("s3:*")])));
        denied(with(json!([allow("ec2:*")])));
        denied(with(json!([])));
        refused(with(json!([allow("*"), deny("s3:*")])));
    }
    denied(json!({"boundary": [allow("*")]}));
}

#[test]
fn resource_policies_of_the_own_account() {
    // Named itself, the user needs nothing else, and no boundary limits it.
    let none = json!([allow("ec2:*")]);
    allowed(json!({"resource_policy": grant(json!({"AWS": USER}))}));
    allowed(json!({"resource_policy": grant(json!({"AWS": USER})), "boundary": none}));
    // Named by its role, a session is limited by boundary and session policy.
    let role = grant(json!({"AWS": ROLE}));
    allowed(json!({"principal": SESSION, "resource_policy": role}));
    allowed(json!({"principal": ROLE, "resource_policy": role}));
    denied(json!({"principal": SESSION, "resource_policy": role, "boundary": none}));
    denied(json!({"principal": SESSION, "resource_policy": role, "session_policies": none}));
    // Named itself, or as everyone, it is not.
    for principal in [json!({"AWS": SESSION}), json!("*"), json!({"AWS": "*"})] {
        let policy = grant(principal);
        allowed(
            json!({"principal": SESSION, "resource_policy": policy, "boundary": none,
            "session_policies": none}),
        );
        refused(json!({"principal": SESSION, "resource_policy": policy,
            "boundary": [deny("s3:*")]}));
    }
    // Named by its account, its own policies decide.
    for account in ["111122223333", "arn:aws:iam::111122223333:root"] {
        let policy = grant(json!({"AWS": account}));
        denied(json!({"resource_policy": policy}));
        allowed(json!({"resource_policy": policy, "identity_policies": [allow("s3:*")]}));
    }
    refused(json!({"identity_policies": [allow("*")], "resource_policy":
        document(json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}))}));
    denied(json!({"resource_policy": grant(json!({"AWS": "arn:aws:iam::111122223333:user/eve"}))}));
    denied(json!({"resource_policy": grant(json!({"AWS": "arn:aws:iam::111122223333:user/*"}))}));
}

#[test]
fn not_principal() {
    let but = |list: Value, effect: &str| {
        document(
            json!({"Effect": effect, "NotPrincipal": {"AWS": list}, "Action": "*",
            "Resource": "*"}),
        )
    };
    let own = json!([allow("*")]);
    let root = "arn:aws:iam::111122223333:root";
    allowed(json!({"identity_policies": own, "resource_policy": but(json!([USER, root]), "Deny")}));
    // The account in the list spares nobody but itself.
    refused(json!({"identity_policies": own, "resource_policy": but(json!([root]), "Deny")}));
    let session = |list: Value| {
        json!({"principal": SESSION, "identity_policies": own,
            "resource_policy": but(list, "Deny")})
    };
    refused(session(json!([ROLE, root])));
    allowed(session(json!([ROLE, SESSION, root])));
    allowed(json!({"resource_policy": but(json!([ROLE]), "Allow")}));
    denied(json!({"resource_policy": but(json!([USER]), "Allow")}));
}

#[test]
fn across_accounts_both_sides_allow() {
    let other = |change: Value| {
        let mut change = change;
        change["resource_account"] = "444455556666".into();
        change
    };
    let own = json!([allow("s3:*")]);
    denied(other(json!({"identity_policies": own})));
    for principal in [
        json!({"AWS": USER}),
        json!({"AWS": "111122223333"}),
        json!("*"),
    ] {
        let policy = grant(principal);
        denied(other(json!({"resource_policy": policy})));
        allowed(other(
            json!({"resource_policy": policy, "identity_policies": own}),
        ));
        denied(other(
            json!({"resource_policy": policy, "identity_policies": own,
            "boundary": [allow("ec2:*")]}),
        ));
        denied(other(
            json!({"resource_policy": policy, "identity_policies": own,
            "scps": [[allow("ec2:*")]]}),
        ));
    }
    // The account may be told by the ARN alone.
    let queue = "arn:aws:sqs:eu-west-1:444455556666:jobs";
    let mut case = json!({"principal": USER, "action": "sqs:SendMessage", "resource": queue,
        "identity_policies": [allow("*")]});
    assert_eq!(simulate(&case.to_string())["answer"], "denied");
    case["resource_policy"] = grant(json!({"AWS": "111122223333"}));
    assert_eq!(simulate(&case.to_string())["answer"], "allowed");
}

#[test]
fn organisation_policies_by_level() {
    let own = json!([allow("*")]);
    for kind in ["scps", "rcps"] {
        let with = |levels: Value| {
            let mut change = json!({"identity_policies": own});
            change[kind] = levels;
            change
        };
        let full = || {
            if kind == "scps" {
                allow("*")
            } else {
                grant(json!("*"))
            }
        };
        allowed(with(json!([])));
        allowed(with(json!([[full()], [full()], [full()]])));
        // Every level must allow, one policy of a level is enough.
        denied(with(json!([[full()], [], [full()]])));
        denied(with(json!([[full()], [allow("ec2:*")]])));
        allowed(with(json!([[full()], [allow("ec2:*"), allow("s3:*")]])));
        refused(with(json!([[full(), deny("s3:*")], [full()]])));
    }
    let nothing = json!([[deny("*")]]);
    let linked =
        "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX";
    allowed(json!({"principal": linked, "identity_policies": own, "scps": nothing}));
    // The root user is under them, and under nothing else.
    let root = "arn:aws:iam::111122223333:root";
    allowed(json!({"principal": root}));
    refused(json!({"principal": root, "scps": nothing}));
    denied(json!({"principal": root, "scps": [[allow("ec2:*")]]}));
    refused(json!({"principal": root, "resource_policy":
        document(json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}))}));
    // They never grant.
    denied(json!({"scps": [[allow("*")]]}));
}

#[test]
fn sessions_and_endpoints() {
    let own = json!([allow("s3:*")]);
    let session = |policies: Value| json!({"principal": SESSION, "identity_policies": own, "session_policies": policies});
    allowed(session(json!([])));
    allowed(session(json!([allow("ec2:*"), allow("s3:Get*")])));
    denied(session(json!([allow("ec2:*")])));
    refused(session(json!([allow("*"), deny("s3:*")])));
    let federated = "arn:aws:sts::111122223333:federated-user/eve";
    denied(json!({"principal": federated, "identity_policies": own}));
    allowed(json!({"principal": federated, "identity_policies": own,
        "session_policies": [allow("s3:*")]}));
    allowed(json!({"principal": federated, "resource_policy": grant(json!({"AWS": federated}))}));

    let endpoint = |policy: Value| json!({"identity_policies": own, "endpoint_policies": [policy]});
    allowed(endpoint(grant(json!("*"))));
    denied(endpoint(grant(json!({"AWS": ROLE}))));
    denied(endpoint(document(
        json!({"Effect": "Allow", "Principal": "*", "Action": "ec2:*",
        "Resource": "*"}),
    )));
}

#[test]
fn those_without_identity_policies() {
    for (principal, named) in [
        (
            "lambda.amazonaws.com",
            json!({"Service": "lambda.amazonaws.com"}),
        ),
        ("*", json!("*")),
        ("*", json!({"AWS": "*"})),
    ] {
        denied(json!({"principal": principal}));
        allowed(json!({"principal": principal, "resource_policy": grant(named)}));
    }
    denied(json!({"principal": "lambda.amazonaws.com",
        "resource_policy": grant(json!({"Service": "ec2.amazonaws.com"}))}));
    denied(json!({"principal": "*", "resource_policy": grant(json!({"AWS": "111122223333"}))}));
    let source = document(
        json!({"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "s3:*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}),
    );
    denied(json!({"principal": "sns.amazonaws.com", "resource_policy": source}));
    allowed(
        json!({"principal": "sns.amazonaws.com", "resource_policy": source,
        "context": {"AWS:SourceAccount": "111122223333"}}),
    );
}

#[test]
fn trust_and_key_policies_are_required() {
    let all = json!([allow("*")]);
    for (action, resource) in [
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/x"),
        ("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/1"),
    ] {
        let ask = |own: &Value, policy: Option<Value>| {
            let mut case = json!({"principal": USER, "action": action, "resource": resource,
                "identity_policies": own});
            if let Some(policy) = policy {
                case["resource_policy"] = policy;
            }
            simulate(&case.to_string())["answer"].clone()
        };
        let trust = |principal: Value| {
            Some(document(
                json!({"Effect": "Allow", "Principal": principal, "Action": "*",
                "Resource": "*"}),
            ))
        };
        let none = json!([]);
        assert_eq!(ask(&all, None), "denied");
        assert_eq!(ask(&all, trust(json!({"AWS": "111122223333"}))), "allowed");
        assert_eq!(ask(&none, trust(json!({"AWS": "111122223333"}))), "denied");
        assert_eq!(ask(&none, trust(json!({"AWS": USER}))), "allowed");
        assert_eq!(ask(&all, trust(json!({"AWS": "444455556666"}))), "denied");
    }
    let web = json!({
        "principal": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com",
        "action": "sts:AssumeRoleWithWebIdentity", "resource": "arn:aws:iam::111122223333:role/x",
        "context": {"token.actions.githubusercontent.com:sub": "repo:acme/app:ref:refs/heads/main"},
        "resource_policy": document(json!({"Effect": "Allow",
            "Principal": {"Federated":
                "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringLike": {
                "token.actions.githubusercontent.com:sub": "repo:acme/*"}}})),
    });
    assert_eq!(simulate(&web.to_string())["answer"], "allowed");
}

#[test]
fn unknown_context() {
    let mfa = document(json!({"Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}));
    let ask = |open: bool, context: Value| json!({"identity_policies": [mfa], "unknown_context": open, "context": context});
    denied(ask(false, json!({})));
    let answer = expect(ask(true, json!({})), "conditional");
    assert_eq!(
        answer["residual"],
        "Bool(aws:MultiFactorAuthPresent, \"true\")"
    );
    allowed(ask(true, json!({"aws:multifactorauthpresent": true})));
    denied(ask(true, json!({"aws:MultiFactorAuthPresent": null})));
    denied(ask(true, json!({"aws:MultiFactorAuthPresent": "false"})));
    let two = json!({"unknown_context": true, "identity_policies": [mfa, document(json!({
        "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}))]});
    assert_eq!(
        expect(two, "conditional")["residual"],
        "(Bool(aws:MultiFactorAuthPresent, \"true\") or IpAddress(aws:SourceIp, \"10.0.0.0/8\"))"
    );
}
