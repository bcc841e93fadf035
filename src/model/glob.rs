//! Patterns in settings and rules.

/// Whether `text` as a whole matches `pattern`: `*` stands for any text, also none,
/// and `?` for exactly one character. Linear in the text for each `*`.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (mut p, mut t) = (pattern, text);
    // What follows the last `*`, and the text it has not yet been tried on.
    let mut star: Option<(&str, &str)> = None;
    loop {
        let mut rest = p.chars();
        match (rest.next(), t.chars().next()) {
            (Some('*'), _) => {
                p = rest.as_str();
                star = Some((p, t));
                continue;
            }
            (Some(wanted), Some(c)) if wanted == '?' || wanted == c => {
                p = rest.as_str();
                t = &t[c.len_utf8()..];
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        // Let the last `*` take one character more.
        let Some((after, tried)) = star else {
            return false;
        };
        let Some(c) = tried.chars().next() else {
            return false;
        };
        t = &tried[c.len_utf8()..];
        p = after;
        star = Some((after, t));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_texts() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("?", "é", true),
            (
                "*:user/break-glass-*",
                "arn:aws:iam::1:user/break-glass-1",
                true,
            ),
            ("**a?", "xxab", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_quick() {
        assert!(!glob(&"*a".repeat(200), &"b".repeat(10_000)));
    }

    proptest! {
        #[test]
        fn agrees_with_a_regular_expression(pattern in "[abé*?]{0,8}", text in "[abé]{0,10}") {
            let expression: String = pattern
                .chars()
                .map(|c| match c {
                    '*' => ".*".to_owned(),
                    '?' => ".".to_owned(),
                    c => c.to_string(),
                })
                .collect();
            let expected = regex::Regex::new(&format!("^{expression}$")).unwrap().is_match(&text);
            prop_assert_eq!(glob(&pattern, &text), expected);
        }
    }
}
