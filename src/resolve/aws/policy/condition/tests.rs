//! Tables per operator: positive, negative, missing key, several values, modifiers.

use serde_json::{Value, json};

use crate::model::Verdict;
use crate::resolve::aws::policy::{
    Action, Context, Document, Principal, Request, Statement, account_of,
};

fn statement(condition: &Value) -> Statement {
    let text = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}})
    .to_string();
    let mut statements = Document::parse(&text).unwrap().statements.into_vec();
    statements.remove(0)
}

fn holds(condition: &Value, context: &Context) -> Verdict {
    let principal = Principal::parse("arn:aws:iam::111122223333:user/team/bob").unwrap();
    let action = Action::new("s3:GetObject");
    let resource = "arn:aws:sqs:eu-west-1:111122223333:q";
    assert_eq!(account_of(resource), Some("111122223333"));
    let request = Request {
        principal: &principal,
        action: &action,
        resource,
        resource_account: None,
        context,
        extra: &[("extra:key", "from the question")],
    };
    let statement = statement(condition);
    let conditions = statement.conditions.iter();
    let verdicts = conditions.map(|condition| condition.holds(&request));
    verdicts.min().unwrap_or(Verdict::Yes)
}

fn with(values: &Value) -> Context {
    let mut context = Context::closed();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match values {
        Value::Null => {}
        Value::Array(list) => context.set("Test:Key", list.iter().map(text)),
        one => context.set("Test:Key", [text(one)]),
    }
    context
}

/// Each line: operator, policy values, the request's value(s) or null, the answer.
#[track_caller]
fn table(lines: &[(&str, Value, Value, bool)]) {
    for (operator, policy, request, expected) in lines {
        let condition = json!({*operator: {"test:key": policy}});
        let found = holds(&condition, &with(request));
        let expected = if *expected { Verdict::Yes } else { Verdict::No };
        assert_eq!(found, expected, "{operator} {policy} against {request}");
    }
}

#[test]
fn strings() {
    let null = Value::Null;
    table(&[
        ("StringEquals", json!("a"), json!("a"), true),
        ("StringEquals", json!("a"), json!("A"), false),
        ("StringEquals", json!("a*"), json!("ab"), false),
        ("StringEquals", json!(["x", "a"]), json!("a"), true),
        ("StringEquals", json!("a"), null.clone(), false),
        ("StringEquals", json!([]), json!("a"), false),
        ("stringequals", json!("a"), json!("a"), true),
        ("StringEquals", json!(3), json!("3"), true),
        ("StringEquals", json!(true), json!("true"), true),
        ("StringEqualsIfExists", json!("a"), null.clone(), true),
        ("StringEqualsIfExists", json!("a"), json!("b"), false),
        ("StringNotEquals", json!("a"), json!("b"), true),
        ("StringNotEquals", json!(["a", "b"]), json!("b"), false),
        ("StringNotEquals", json!("a"), null.clone(), true),
        ("StringNotEqualsIfExists", json!("a"), null.clone(), true),
        ("StringEqualsIgnoreCase", json!("aB"), json!("Ab"), true),
        ("StringNotEqualsIgnoreCase", json!("aB"), json!("Ab"), false),
        ("StringLike", json!("a*c?"), json!("abbcd"), true),
        ("StringLike", json!("a*c?"), json!("abbc"), false),
        ("StringLike", json!("*"), json!(""), true),
        ("StringLike", json!("*"), null.clone(), false),
        ("StringNotLike", json!("a*"), json!("abc"), false),
        ("StringNotLike", json!("a*"), json!("b"), true),
        ("StringNotLike", json!("a*"), null, true),
    ]);
}

#[test]
fn numbers_and_dates() {
    let null = Value::Null;
    table(&[
        ("NumericEquals", json!("10"), json!("10.0"), true),
        ("NumericEquals", json!([1, 2]), json!(2), true),
        ("NumericEquals", json!("ten"), json!("ten"), false),
        ("NumericNotEquals", json!("10"), json!("11"), true),
        ("NumericNotEquals", json!("10"), null.clone(), true),
        ("NumericLessThan", json!("10"), json!("10"), false),
        ("NumericLessThan", json!("10"), json!("-1"), true),
        ("NumericLessThanEquals", json!("10"), json!("10"), true),
        ("NumericGreaterThan", json!("10"), json!("10"), false),
        ("NumericGreaterThanEquals", json!(10), json!("10"), true),
        ("NumericGreaterThan", json!("10"), null.clone(), false),
        ("NumericLessThanIfExists", json!("3600"), null.clone(), true),
        (
            "DateLessThan",
            json!("2026-01-01T00:00:00Z"),
            json!("2025-12-31T23:59:59Z"),
            true,
        ),
        (
            "DateLessThan",
            json!("2026-01-01"),
            json!("2026-01-01T00:00:00Z"),
            false,
        ),
        (
            "DateLessThanEquals",
            json!("2026"),
            json!("2026-01-01T00:00:00Z"),
            true,
        ),
        (
            "DateGreaterThan",
            json!("2026-06-01T12:00:00+02:00"),
            json!("2026-06-01T10:00:01Z"),
            true,
        ),
        (
            "DateGreaterThanEquals",
            json!("1767225600"),
            json!("2026-01-01T00:00:00Z"),
            true,
        ),
        (
            "DateEquals",
            json!("2026-01-01T00:00:00Z"),
            json!("1767225600"),
            true,
        ),
        (
            "DateEquals",
            json!("2026-01-01T00:00Z"),
            json!("2026-01-01"),
            true,
        ),
        (
            "DateNotEquals",
            json!("2026-01-01"),
            json!("2026-01-02"),
            true,
        ),
        ("DateEquals", json!("soon"), json!("soon"), false),
        ("DateGreaterThan", json!("2026-01-01"), null, false),
    ]);
}

#[test]
fn truth_binary_and_null() {
    let null = Value::Null;
    table(&[
        ("Bool", json!("true"), json!("true"), true),
        ("Bool", json!(true), json!("TRUE"), true),
        ("Bool", json!("true"), json!("false"), false),
        ("Bool", json!("false"), json!("false"), true),
        ("Bool", json!("false"), null.clone(), false),
        ("Bool", json!(["true", "false"]), json!("false"), true),
        ("BoolIfExists", json!("true"), null.clone(), true),
        ("BoolIfExists", json!("true"), json!("false"), false),
        ("BinaryEquals", json!("QmluYXJ5"), json!("QmluYXJ5"), true),
        ("BinaryEquals", json!("QmluYXJ5"), json!("qmluYXJ5"), false),
        ("BinaryEquals", json!("QQ=="), json!("QQ=="), true),
        ("BinaryEquals", json!("QQ=="), null.clone(), false),
        ("Null", json!("true"), null.clone(), true),
        ("Null", json!("true"), json!("x"), false),
        ("Null", json!("false"), json!("x"), true),
        ("Null", json!(false), null.clone(), false),
        ("Null", json!("true"), json!([]), true),
        ("Null", json!(["true", "false"]), null, true),
    ]);
}

#[test]
fn addresses() {
    let null = Value::Null;
    table(&[
        (
            "IpAddress",
            json!("203.0.113.0/24"),
            json!("203.0.113.9"),
            true,
        ),
        (
            "IpAddress",
            json!("203.0.113.7/24"),
            json!("203.0.113.9"),
            true,
        ),
        (
            "IpAddress",
            json!("203.0.113.0/24"),
            json!("203.0.114.9"),
            false,
        ),
        (
            "IpAddress",
            json!("203.0.113.9"),
            json!("203.0.113.9"),
            true,
        ),
        (
            "IpAddress",
            json!(["10.0.0.0/8", "2001:db8::/32"]),
            json!("2001:db8::1"),
            true,
        ),
        ("IpAddress", json!("0.0.0.0/0"), json!("2001:db8::1"), false),
        (
            "IpAddress",
            json!("10.0.0.0/8"),
            json!("not an address"),
            false,
        ),
        ("IpAddress", json!("10.0.0.0/8"), null.clone(), false),
        ("IpAddressIfExists", json!("10.0.0.0/8"), null.clone(), true),
        (
            "NotIpAddress",
            json!("10.0.0.0/8"),
            json!("10.1.1.1"),
            false,
        ),
        ("NotIpAddress", json!("10.0.0.0/8"), json!("11.1.1.1"), true),
        ("NotIpAddress", json!("10.0.0.0/8"), null, true),
    ]);
}

#[test]
fn arns() {
    let null = Value::Null;
    let role = json!("arn:aws:iam::111122223333:role/team/deploy");
    table(&[
        ("ArnEquals", role.clone(), role.clone(), true),
        (
            "ArnEquals",
            json!("arn:aws:iam::*:role/*"),
            role.clone(),
            true,
        ),
        (
            "ArnLike",
            json!("arn:aws:iam::*:role/team/*"),
            role.clone(),
            true,
        ),
        (
            "ArnLike",
            json!("arn:aws:iam::*:user/*"),
            role.clone(),
            false,
        ),
        (
            "ArnLike",
            json!("arn:aws:iam*:role/team/deploy"),
            role.clone(),
            false,
        ),
        ("ArnLike", json!("arn:*:*:*:*:*"), role.clone(), true),
        (
            "ArnLike",
            json!("arn:aws:iam::*:role/*"),
            null.clone(),
            false,
        ),
        (
            "ArnLikeIfExists",
            json!("arn:aws:iam::*:role/*"),
            null.clone(),
            true,
        ),
        (
            "ArnNotLike",
            json!("arn:aws:iam::*:role/*"),
            role.clone(),
            false,
        ),
        (
            "ArnNotLike",
            json!("arn:aws:iam::*:user/*"),
            role.clone(),
            true,
        ),
        (
            "ArnNotEquals",
            json!("arn:aws:iam::*:role/*"),
            null.clone(),
            true,
        ),
        (
            "ArnLike",
            json!("arn:aws:logs:*:*:log-group:*"),
            json!("arn:aws:logs:eu-west-1:1:log-group:a:log-stream:b"),
            true,
        ),
    ]);
}

#[test]
fn several_values() {
    let null = Value::Null;
    table(&[
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            json!(["a", "b"]),
            true,
        ),
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            json!(["a", "c"]),
            false,
        ),
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            json!("a"),
            true,
        ),
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            null.clone(),
            true,
        ),
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            json!([]),
            true,
        ),
        (
            "ForAnyValue:StringEquals",
            json!(["a", "b"]),
            json!(["c", "b"]),
            true,
        ),
        (
            "ForAnyValue:StringEquals",
            json!(["a", "b"]),
            json!(["c", "d"]),
            false,
        ),
        (
            "ForAnyValue:StringEquals",
            json!(["a", "b"]),
            null.clone(),
            false,
        ),
        (
            "ForAnyValue:StringEquals",
            json!(["a", "b"]),
            json!([]),
            false,
        ),
        (
            "ForAnyValue:StringLikeIfExists",
            json!("a*"),
            null.clone(),
            true,
        ),
        (
            "ForAllValues:StringNotEquals",
            json!(["a", "b"]),
            json!(["c", "d"]),
            true,
        ),
        (
            "ForAllValues:StringNotEquals",
            json!(["a", "b"]),
            json!(["a", "d"]),
            false,
        ),
        (
            "ForAllValues:StringNotEquals",
            json!(["a", "b"]),
            null.clone(),
            true,
        ),
        (
            "ForAnyValue:StringNotEquals",
            json!(["a", "b"]),
            json!(["a", "d"]),
            true,
        ),
        (
            "ForAnyValue:StringNotEquals",
            json!(["a", "b"]),
            json!(["a", "b"]),
            false,
        ),
        ("ForAnyValue:StringNotEquals", json!(["a"]), null, false),
        (
            "ForAllValues:NumericLessThan",
            json!(5),
            json!(["1", "4"]),
            true,
        ),
        (
            "ForAllValues:NumericLessThan",
            json!(5),
            json!(["1", "9"]),
            false,
        ),
        ("StringEquals", json!("a"), json!(["a", "b"]), true),
        ("StringNotEquals", json!("a"), json!(["a", "b"]), false),
    ]);
}

#[test]
fn variables() {
    let ask = |condition: Value| holds(&condition, &with(&json!("bob")));
    let yes = [
        json!({"StringEquals": {"test:key": "${aws:username}"}}),
        json!({"StringLike": {"test:key": "b${test:none, 'o'}*"}}),
        json!({"StringEquals": {"AWS:USERNAME": "bob"}}),
        json!({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:user/team/${test:key}"}}),
        json!({"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}),
        json!({"StringEquals": {"extra:key": "from the question"}}),
        json!({"StringNotEquals": {"test:key": "${aws:PrincipalTag/team}"}}),
        json!({"StringEquals": {"aws:PrincipalType": "User"}}),
    ];
    for condition in yes {
        assert_eq!(ask(condition.clone()), Verdict::Yes, "{condition}");
    }
    for condition in [
        json!({"StringEquals": {"test:key": "${aws:PrincipalTag/team}"}}),
        json!({"StringEquals": {"test:key": "${aws:username, 'x'}x"}}),
        json!({"StringLike": {"test:key": "${*}"}}),
        json!({"StringLike": {"test:key": "b${?}b"}}),
    ] {
        assert_eq!(ask(condition.clone()), Verdict::No, "{condition}");
    }
    let star = |condition: Value| holds(&condition, &with(&json!("a*?$")));
    assert_eq!(
        star(json!({"StringLike": {"test:key": "a${*}${?}${$}"}})),
        Verdict::Yes
    );
}

#[test]
fn unknown_keys_are_decided_only_where_every_value_agrees() {
    let open = Context::open();
    for (condition, expected) in [
        (
            json!({"StringEquals": {"aws:SourceVpc": "v"}}),
            Verdict::Conditional,
        ),
        (
            json!({"StringNotEquals": {"aws:SourceVpc": "v"}}),
            Verdict::Conditional,
        ),
        (
            json!({"StringLike": {"aws:SourceVpc": "*"}}),
            Verdict::Conditional,
        ),
        (
            json!({"StringLikeIfExists": {"aws:SourceVpc": "*"}}),
            Verdict::Yes,
        ),
        (
            json!({"ForAllValues:StringLike": {"aws:TagKeys": "*"}}),
            Verdict::Yes,
        ),
        (
            json!({"StringLike": {"aws:RequestedRegion": "*"}}),
            Verdict::Yes,
        ),
        (
            json!({"Null": {"aws:RequestedRegion": "true"}}),
            Verdict::No,
        ),
        (
            json!({"Null": {"aws:TokenIssueTime": "true"}}),
            Verdict::Conditional,
        ),
        (
            json!({"BoolIfExists": {"aws:X": ["true", "false"]}}),
            Verdict::Yes,
        ),
        (json!({"StringEquals": {"aws:SourceVpc": []}}), Verdict::No),
        (
            json!({"StringEquals": {"aws:username": "bob"}}),
            Verdict::Yes,
        ),
        (
            json!({"StringEquals": {"aws:username": "${aws:PrincipalTag/n}"}}),
            Verdict::Conditional,
        ),
        (
            json!({"StringEquals": {"aws:username": "x${aws:PrincipalTag/n}"}}),
            Verdict::No,
        ),
        (
            json!({"StringMatches": {"aws:username": "bob"}}),
            Verdict::Conditional,
        ),
    ] {
        assert_eq!(holds(&condition, &open), expected, "{condition}");
    }
    let mut told = Context::open();
    told.set_missing("aws:SourceVpc");
    let condition = json!({"StringEquals": {"aws:SourceVpc": "v"}});
    assert_eq!(holds(&condition, &told), Verdict::No);
}

#[test]
fn operators_are_spelled_as_aws_does() {
    use super::{Base, Operator};
    for (name, shown) in [
        (
            "forallvalues:stringlikeifexists",
            "ForAllValues:StringLikeIfExists",
        ),
        ("NullIfExists", "NullIfExists"),
        ("ForAnyValue:", "ForAnyValue:"),
        ("StringLikeé", "StringLikeé"),
    ] {
        assert_eq!(Operator::parse(name).to_string(), shown);
    }
    assert_eq!(Operator::parse("NullIfExists").base, Base::Unknown);
}
