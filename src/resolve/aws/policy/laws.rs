//! Laws of the evaluator, over random policies.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::Verdict;

fn statement() -> impl Strategy<Value = Value> {
    let pick = |list: &'static [&'static str]| {
        proptest::collection::vec(proptest::sample::select(list), 1..3)
    };
    let action = pick(&[
        "*",
        "s3:*",
        "s3:Get*",
        "S3:getobject",
        "iam:*",
        "iam:Pass????",
    ]);
    let resource = pick(&[
        "*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::a/*",
        "arn:aws:iam::*:role/x",
        "arn:aws:s3:::${aws:username}/*",
    ]);
    let condition = prop_oneof![
        3 => Just(json!({})),
        1 => Just(json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
        1 => Just(json!({"StringNotEquals": {"aws:SourceVpc": "v"}})),
        1 => Just(json!({"ForAllValues:StringLike": {"aws:TagKeys": ["a*", "b"]}})),
    ];
    let flags = (
        any::<bool>(),
        proptest::bool::weighted(0.2),
        proptest::bool::weighted(0.2),
    );
    (flags, action, resource, condition).prop_map(
        |((allow, not_action, not_resource), action, resource, condition)| {
            let mut statement = json!({
                "Effect": if allow { "Allow" } else { "Deny" },
                "Condition": condition,
            });
            statement[if not_action { "NotAction" } else { "Action" }] = json!(action);
            statement[if not_resource {
                "NotResource"
            } else {
                "Resource"
            }] = json!(resource);
            statement
        },
    )
}

fn statements() -> impl Strategy<Value = Vec<Value>> {
    proptest::collection::vec(statement(), 0..5)
}

fn of_effect(statements: &[Value], effect: &str) -> Vec<Value> {
    let list = statements
        .iter()
        .filter(|statement| statement["Effect"] == effect);
    list.cloned().collect()
}

fn policy(statements: &[Value]) -> Policy {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Policy::parse(&text).unwrap()
}

/// Where a request stands: action, resource and context by number.
fn ask(sets: &PolicySets<'_>, at: usize) -> Verdict {
    let actions = [
        "s3:GetObject",
        "s3:PutObject",
        "iam:PassRole",
        "ec2:RunInstances",
    ];
    let resources = [
        "arn:aws:s3:::a/b",
        "arn:aws:s3:::bob/b",
        "arn:aws:iam::111122223333:role/x",
        "*",
    ];
    let mut context = if at & 1 == 0 {
        Context::closed()
    } else {
        Context::open()
    };
    if at & 2 != 0 {
        context.set("aws:MultiFactorAuthPresent", ["true"]);
        context.set("aws:SourceVpc", ["v"]);
        context.set("aws:TagKeys", ["a1", "c"]);
    }
    let principal = Principal::parse("arn:aws:iam::111122223333:user/bob").unwrap();
    let action = Action::new(actions[at >> 2 & 3]);
    let request = Request {
        principal: &principal,
        action: &action,
        resource: resources[at >> 4 & 3],
        resource_account: Some("111122223333"),
        context: &context,
        extra: &[],
    };
    let verdict = decide(&request, sets);
    assert_eq!(verdict, evaluate(&request, sets).verdict);
    verdict
}

proptest! {
    #[test]
    fn denies_boundaries_and_organisation_policies_never_add(
        own in statements(), other in statements(), at in 0usize..64
    ) {
        let all = policy(&[json!({"Effect": "Allow", "Action": "*", "Resource": "*"})]);
        let (own, deny) = (policy(&own), policy(&of_effect(&other, "Deny")));
        let other = policy(&other);
        let plain = PolicySets { identity: &[&own], ..PolicySets::default() };
        let before = ask(&plain, at);
        let (list, bound) = ([&own, &deny], [&other]);
        let levels = [vec![&all], vec![&other]];
        for sets in [
            PolicySets { identity: &list, ..plain },
            PolicySets { boundary: Some(&bound), ..plain },
            PolicySets { session: &bound, ..plain },
            PolicySets { endpoint: &bound, ..plain },
            PolicySets { scps: &levels, ..plain },
            PolicySets { rcps: &levels, ..plain },
        ] {
            prop_assert!(ask(&sets, at) <= before, "{:?}", sets);
        }
    }

    #[test]
    fn an_allow_never_removes(own in statements(), other in statements(), at in 0usize..64) {
        let (own, allow) = (policy(&own), policy(&of_effect(&other, "Allow")));
        let before = PolicySets { identity: &[&own], ..PolicySets::default() };
        let list = [&own, &allow];
        let after = PolicySets { identity: &list, ..before };
        prop_assert!(ask(&after, at) >= ask(&before, at));
    }

    #[test]
    fn order_and_documents_do_not_matter(own in statements(), cut in 0usize..5, at in 0usize..64) {
        let whole = policy(&own);
        let (head, tail) = own.split_at(cut.min(own.len()));
        let reversed: Vec<Value> = tail.iter().rev().cloned().collect();
        let (head, tail) = (policy(head), policy(&reversed));
        let one = PolicySets { identity: &[&whole], ..PolicySets::default() };
        let two = PolicySets { identity: &[&tail, &head], ..PolicySets::default() };
        prop_assert_eq!(ask(&one, at), ask(&two, at));
    }

    #[test]
    fn an_unknown_key_leaves_open_what_its_values_decide(own in statements(), at in 0usize..16) {
        let own = policy(&own);
        let sets = PolicySets { identity: &[&own], ..PolicySets::default() };
        // With nothing given, the closed answer is one of those the open one allows.
        let (closed, open) = (ask(&sets, at << 2), ask(&sets, at << 2 | 1));
        prop_assert!(open == Verdict::Conditional || open == closed);
    }

    #[test]
    fn witnesses_are_let_in(own in statements(), bound in statements(), at in 0usize..4) {
        let (own, bound) = (policy(&own), policy(&bound));
        let boundary = [&bound];
        let sets = PolicySets { identity: &[&own], boundary: Some(&boundary), ..PolicySets::default() };
        let principal = Principal::parse("arn:aws:iam::111122223333:user/bob").unwrap();
        let action = Action::new(["s3:GetObject", "iam:PassRole", "s3:PutObject", "ec2:X"][at]);
        let target = Pattern::new("*", Reach::Resource);
        let context = Context::open();
        let question = Question {
            principal: &principal,
            action: &action,
            target: Target::Matching(&target),
            context: &context,
            extra: &[],
        };
        if let Some(grant) = may(&question, &sets) {
            let request = Request {
                principal: &principal,
                action: &action,
                resource: &grant.witness,
                resource_account: None,
                context: &context,
                extra: &[],
            };
            prop_assert_eq!(decide(&request, &sets), grant.verdict);
        } else {
            // Nothing the action could be about is let in either.
            let about = resource_of(&action, &principal);
            for resource in ["arn:aws:s3:::a/b", "arn:aws:s3:::bob/b", "arn:aws:iam::111122223333:role/x"] {
                if !about.matches(resource) {
                    continue;
                }
                let exact = Question { target: Target::Exact(resource), ..question };
                prop_assert!(may(&exact, &sets).is_none(), "{}", resource);
            }
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z*?${}:,'é]{0,12}".prop_map(Value::from),
        proptest::sample::select(&["Allow", "Deny", "2012-10-17", "*", "${aws:username}"][..])
            .prop_map(Value::from),
    ];
    let key = prop_oneof![
        "[a-zA-Z:/]{0,8}",
        proptest::sample::select(
            &[
                "Version",
                "Statement",
                "Effect",
                "Action",
                "NotAction",
                "Resource",
                "NotResource",
                "Principal",
                "NotPrincipal",
                "Condition",
                "Sid",
                "AWS",
                "Federated",
                "action",
                "StringLike",
                "ForAllValues:ArnLikeIfExists",
                "DateEquals",
                "IpAddress",
                "Null",
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reading_never_panics(mut json in any_json(), statement in any_json(), text in ".{0,60}") {
        let _ = Document::parse(&text);
        if let Value::Object(members) = &mut json {
            members.insert("Statement".to_owned(), statement);
        }
        let text = json.to_string();
        if let Ok(document) = Document::parse(&text) {
            for statement in &document.statements {
                prop_assert!(text.get(statement.range.clone()).is_some());
            }
            permission_set(&document);
            let policy = Policy::new(document);
            let sets = PolicySets { identity: &[&policy], ..PolicySets::default() };
            for at in 0..64 {
                ask(&sets, at);
            }
            trustees(&policy);
            oidc_witnesses(&policy, &[], "arn:aws:iam::1:role/x", "token.actions.githubusercontent.com");
        }
        crate::resolve::aws::simulate::simulate(&text);
    }
}
