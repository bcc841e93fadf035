//! What is said of two sets of permissions, against all points of a small world.

use proptest::prelude::*;

use super::*;

fn statement(effect: Effect, actions: &[&str], resources: &[&str]) -> Permission {
    let list = |list: &[&str]| list.iter().map(|text| Sym::new(text)).collect();
    Permission {
        effect,
        actions: list(actions),
        not_actions: false,
        resources: list(resources),
        not_resources: false,
        condition: None,
    }
}

fn allow(actions: &[&str], resources: &[&str]) -> Permission {
    statement(Effect::Allow, actions, resources)
}

fn deny(actions: &[&str], resources: &[&str]) -> Permission {
    statement(Effect::Deny, actions, resources)
}

fn when(permission: Permission, condition: &str) -> Permission {
    Permission {
        condition: Some(Sym::new(condition)),
        ..permission
    }
}

fn compare(old: &[Permission], new: &[Permission]) -> Widening {
    let set = |list: &[Permission]| [PermissionSet::new(list.to_vec())];
    widens(&set(old), &set(new))
}

#[track_caller]
fn wider(old: &[Permission], new: &[Permission]) {
    let found = compare(old, new);
    assert!(matches!(found, Widening::Wider { .. }), "{found:?}");
}

#[test]
fn text_does_not_matter() {
    let whole = [allow(&["s3:Get*", "s3:Put*"], &["a", "b"])];
    let split = [
        allow(&["s3:put*"], &["b", "a"]),
        allow(&["s3:get*"], &["a"]),
        allow(&["s3:Get*", "s3:GetObject"], &["b"]),
    ];
    assert_eq!(compare(&whole, &split), Widening::Same);
    assert_eq!(compare(&split, &whole), Widening::Same);
    let excepted = Permission {
        not_actions: true,
        ..allow(&["iam:*"], &["*"])
    };
    let denied = [allow(&["*"], &["*"]), deny(&["iam:*"], &["*"])];
    assert_eq!(
        compare(std::slice::from_ref(&excepted), &denied),
        Widening::Same
    );
    assert_eq!(
        compare(&denied, std::slice::from_ref(&excepted)),
        Widening::Same
    );
    // A deny takes from all statements, an exception from its own only.
    wider(&denied, &[excepted, allow(&["iam:*"], &["x"])]);
}

#[test]
fn more_is_wider_and_less_is_narrower() {
    let one = [allow(&["s3:*"], &["*"])];
    let two = [allow(&["s3:*", "dynamodb:*"], &["*"])];
    assert_eq!(
        compare(&one, &two),
        Widening::Wider {
            what: "dynamodb:* on *".to_owned()
        }
    );
    assert_eq!(compare(&two, &one), Widening::Narrower);
    wider(&[allow(&["s3:*"], &["a*"])], &one);
    wider(&[], &one);
    assert_eq!(compare(&one, &[]), Widening::Narrower);
}

#[test]
fn a_removed_deny_is_wider() {
    let guarded = [allow(&["s3:*"], &["*"]), deny(&["s3:Delete*"], &["prod/*"])];
    let open = [allow(&["s3:*"], &["*"])];
    assert_eq!(
        compare(&guarded, &open),
        Widening::Wider {
            what: "s3:deleteany on prod/any, which was denied".to_owned()
        }
    );
    assert_eq!(compare(&open, &guarded), Widening::Narrower);
    let halved = [allow(&["s3:*"], &["*"]), deny(&["s3:Delete*"], &["prod/x"])];
    wider(&guarded, &halved);
    let conditional = [
        allow(&["s3:*"], &["*"]),
        when(deny(&["s3:Delete*"], &["prod/*"]), "mfa"),
    ];
    wider(&guarded, &conditional);
    wider(&conditional, &open);
    // A deny of something that is not given does not matter.
    let idle = [allow(&["s3:*"], &["*"]), deny(&["iam:*"], &["*"])];
    assert_eq!(compare(&idle, &open), Widening::Same);
}

#[test]
fn a_narrower_deny_lets_more_through_though_the_allow_shrinks() {
    let old = [allow(&["*"], &["*"]), deny(&["*"], &["*1"])];
    let new = [allow(&["*"], &["r*"]), deny(&["*"], &["r1"])];
    // `rx1` was denied and is not any more.
    wider(&old, &new);
}

#[test]
fn a_removed_condition_is_wider_and_another_one_may_be() {
    let plain = [allow(&["s3:*"], &["*"])];
    let mfa = [when(allow(&["s3:*"], &["*"]), "mfa")];
    let vpc = [when(allow(&["s3:*"], &["*"]), "vpc")];
    wider(&mfa, &plain);
    assert_eq!(compare(&plain, &mfa), Widening::Narrower);
    assert!(matches!(compare(&mfa, &vpc), Widening::Undecidable { .. }));
}

const ACTIONS: &[&str] = &["*", "a:*", "a:x", "b:*", "?:x"];
const RESOURCES: &[&str] = &["*", "r*", "r1", "*1"];

fn permission() -> impl Strategy<Value = Permission> {
    let some =
        |of: &'static [&'static str]| proptest::collection::vec(proptest::sample::select(of), 1..3);
    let condition = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Sym::new("c"))),
        1 => Just(Some(Sym::new("d"))),
        1 => Just(Some(Sym::new("c and d"))),
    ];
    let effect = prop_oneof![2 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    let flags = (proptest::bool::weighted(0.2), proptest::bool::weighted(0.2));
    (effect, some(ACTIONS), some(RESOURCES), flags, condition).prop_map(
        |(effect, actions, resources, (not_actions, not_resources), condition)| Permission {
            not_actions,
            not_resources,
            condition,
            ..statement(effect, &actions, &resources)
        },
    )
}

fn permissions() -> impl Strategy<Value = Vec<Permission>> {
    proptest::collection::vec(permission(), 0..4)
}

/// Everything the permissions give, over a world that has a point for every way
/// the patterns above can be told apart, and all that the search samples.
fn world(list: &[Permission], limits: Option<&PermissionSet>) -> Vec<bool> {
    let sets = [PermissionSet::new(list.to_vec())];
    let rules = Rules::of((&sets, limits));
    let actions = [
        "a:x", "a:any", "a:zq9", "a:", "b:any", "b:x", "x:x", "any", "zq9", "q:x", "",
    ];
    let resources = [
        "r1",
        "r",
        "rany",
        "any1",
        "any",
        "zq9",
        "",
        "1",
        "rzq9",
        "zq91",
        "rany1",
        "rzq91",
        "rother/other1",
    ];
    let mut given = Vec::new();
    for action in actions {
        for resource in resources {
            for truth in 0..4 {
                let holds = |rule: &&Rule| {
                    rule.conditions.iter().all(|test| match test.text.as_str() {
                        "c" => truth & 1 != 0,
                        _ => truth & 2 != 0,
                    })
                };
                let hit = |rules: &[Rule]| {
                    rules
                        .iter()
                        .filter(holds)
                        .any(|rule| rule.has(action, resource))
                };
                let limited = rules.limits.as_deref().is_none_or(hit);
                given.push(limited && hit(&rules.allows) && !hit(&rules.denies));
            }
        }
    }
    given
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_is_said_is_true(old in permissions(), new in permissions()) {
        let (was, is) = (world(&old, None), world(&new, None));
        let more = was.iter().zip(&is).any(|(was, is)| *is && !was);
        let less = was.iter().zip(&is).any(|(was, is)| *was && !is);
        match compare(&old, &new) {
            Widening::Same => prop_assert!(!more && !less),
            Widening::Narrower => prop_assert!(!more),
            Widening::Wider { what } => prop_assert!(more, "{}", what),
            Widening::Undecidable { .. } => {}
        }
    }

    #[test]
    fn what_is_said_within_limits_is_true(
        old in permissions(),
        new in permissions(),
        limit_old in proptest::option::of(permissions()),
        limit_new in proptest::option::of(permissions()),
    ) {
        let limit = |list: Option<Vec<Permission>>| list.map(PermissionSet::new);
        let (limit_old, limit_new) = (limit(limit_old), limit(limit_new));
        let was = world(&old, limit_old.as_ref());
        let is = world(&new, limit_new.as_ref());
        let more = was.iter().zip(&is).any(|(was, is)| *is && !was);
        let less = was.iter().zip(&is).any(|(was, is)| *was && !is);
        let (old, new) = ([PermissionSet::new(old)], [PermissionSet::new(new)]);
        match widens_within((&old, limit_old.as_ref()), (&new, limit_new.as_ref())) {
            Widening::Same => prop_assert!(!more && !less),
            Widening::Narrower => prop_assert!(!more),
            Widening::Wider { what } => prop_assert!(more, "{}", what),
            Widening::Undecidable { .. } => {}
        }
    }

    #[test]
    fn one_side_mirrors_the_other(old in permissions(), new in permissions()) {
        let (there, back) = (compare(&old, &new), compare(&new, &old));
        prop_assert_eq!(there == Widening::Same, back == Widening::Same);
        if there == Widening::Narrower {
            let wider = matches!(back, Widening::Wider { .. } | Widening::Undecidable { .. });
            prop_assert!(wider, "{:?}", back);
        }
    }

    #[test]
    fn order_and_documents_do_not_matter(list in permissions(), at in 0usize..4) {
        prop_assert_eq!(compare(&list, &list), Widening::Same);
        let (head, tail) = list.split_at(at.min(list.len()));
        let whole = [PermissionSet::new(list.clone())];
        let parts = [PermissionSet::new(tail.to_vec()), PermissionSet::new(head.to_vec())];
        prop_assert_eq!(widens(&whole, &parts), Widening::Same);
    }

    #[test]
    fn a_statement_split_in_two_is_the_same(list in permissions()) {
        let split: Vec<Permission> = list
            .iter()
            .flat_map(|permission| {
                let part = |actions: &[Sym]| Permission {
                    actions: actions.into(),
                    ..permission.clone()
                };
                match &*permission.actions {
                    [first, rest @ ..] if !permission.not_actions && !rest.is_empty() => {
                        vec![part(&[*first]), part(rest)]
                    }
                    _ => vec![permission.clone()],
                }
            })
            .collect();
        for found in [compare(&list, &split), compare(&split, &list)] {
            let wider = matches!(found, Widening::Wider { .. });
            prop_assert!(!wider, "{:?}", found);
        }
    }
}
