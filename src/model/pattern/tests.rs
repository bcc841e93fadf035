//! Tables and laws of patterns.

use proptest::prelude::*;

use super::*;

fn text(pattern: &str) -> Pattern {
    Pattern::glob(pattern)
}

#[test]
fn matching() {
    for (pattern, hit, miss) in [
        ("*", "", None),
        ("s3:get*", "s3:getobject", Some("s3:putobject")),
        ("s3:?et*", "s3:getobject", Some("s3:et")),
        ("a*b*c", "aXbbYc", Some("aXbbY")),
        ("a?c", "aéc", Some("ac")),
        ("*a", "baba", Some("bab")),
        ("??", "ab", Some("abc")),
        ("", "", Some("x")),
    ] {
        assert!(text(pattern).matches(hit), "{pattern} {hit}");
        if let Some(miss) = miss {
            assert!(!text(pattern).matches(miss), "{pattern} {miss}");
        }
    }
}

#[test]
fn containment() {
    for (outer, inner, yes) in [
        ("*", "a*", true),
        ("a*", "a*b", true),
        ("a*b", "a*", false),
        ("*a*", "b*a", true),
        ("?*", "*a*", true),
        ("*?", "?*", true),
        ("a?c", "abc", true),
        ("a??", "a?", false),
        ("*:*", "s3:*", true),
        ("s3:*object*", "s3:get*objecttagging", true),
    ] {
        assert_eq!(text(outer).covers(&text(inner)), yes, "{outer} {inner}");
    }
}

#[test]
fn intersections() {
    let meet = |left: &str, right: &str| {
        text(left)
            .intersection(&text(right))
            .map(|pattern| pattern.to_string())
    };
    assert_eq!(meet("a*", "*b").as_deref(), Some("a*b"));
    assert_eq!(meet("role/*", "role/admin").as_deref(), Some("role/admin"));
    assert_eq!(meet("a*", "b*"), None);
    assert_eq!(meet("a?c*", "ab*d").as_deref(), Some("abc*d"));
    assert!(meet("*x*", "*y*").is_some());
    assert_eq!(meet("a*a", "a"), None);
}

#[test]
fn samples_match_their_pattern() {
    let pattern = text("role/?b*");
    assert_eq!(pattern.sample("any"), "role/xbany");
    assert_eq!(Pattern::literal("a*").to_string(), "a${*}");
}

/// Patterns with all four wildcards: `*` and `?`, and `+` and `-` for those that
/// stop at a colon.
fn pattern() -> impl Strategy<Value = Pattern> {
    "[ab:*?+-]{0,8}".prop_map(|text| {
        let tokens = text.bytes().map(|byte| match byte {
            b'*' => ANY,
            b'?' => ONE,
            b'+' => ANY_IN,
            b'-' => ONE_IN,
            other => other,
        });
        Pattern::from_tokens(tokens.collect())
    })
}

fn short() -> impl Strategy<Value = Pattern> {
    pattern().prop_filter("short", |pattern| pattern.tokens().len() <= 3)
}

/// Matching written down as its definition.
fn by_definition(units: &[Unit], text: &[char]) -> bool {
    match units.split_first() {
        None => text.is_empty(),
        Some((unit, rest)) if unit.is_any() => {
            by_definition(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(char, tail)| unit.takes(*char) && by_definition(units, tail))
        }
        Some((unit, rest)) => text
            .split_first()
            .is_some_and(|(char, tail)| unit.takes(*char) && by_definition(rest, tail)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn matching_agrees_with_its_definition(p in pattern(), t in "[ab:é]{0,8}") {
        let chars: Vec<char> = t.chars().collect();
        prop_assert_eq!(p.matches(&t), by_definition(&p.units(), &chars));
    }

    #[test]
    fn containment_agrees_with_matching(
        p in pattern(), q in pattern(), t in "[ab:]{0,8}"
    ) {
        if p.covers(&q) {
            prop_assert!(!q.matches(&t) || p.matches(&t));
            prop_assert!(p.matches(&q.sample("c")));
        }
        prop_assert!(p.covers(&p) && p.covers(&Pattern::literal(&p.sample("c"))));
    }

    #[test]
    fn intersection_lies_in_both(
        p in pattern(), q in pattern(), t in "[ab:]{0,8}", fill in "[ab]{0,3}"
    ) {
        let both = p.intersection(&q);
        if let Some(both) = &both {
            let sample = both.sample(&fill);
            prop_assert!(p.matches(&sample) && q.matches(&sample), "{} {} {}", p, q, sample);
        }
        if p.matches(&t) && q.matches(&t) {
            prop_assert!(both.is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn containment_is_exact_for_short_patterns(
        p in short(), q in short()
    ) {
        let alphabet = ['a', 'b', ':', 'c'];
        let mut texts = vec![String::new()];
        let mut at = 0;
        while texts[at].len() < 5 {
            for char in alphabet {
                texts.push(format!("{}{char}", texts[at]));
            }
            at += 1;
        }
        let all = texts.iter().all(|text| p.matches(text) || !q.matches(text));
        prop_assert_eq!(p.covers(&q), all, "{:?} {:?}", p, q);
    }
}
