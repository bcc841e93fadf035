//! Branch patterns and configured identity patterns.

/// Whether `pattern` matches `text`, as GitHub's branch rules do (fnmatch with
/// `FNM_PATHNAME`): `*` and `?` stop at `/`, `**` does not.
pub fn branch(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Rows of "does pattern[..i] match text[..j]": no backtracking, whatever the input.
    let mut row = vec![false; text.len() + 1];
    row[0] = true;
    let mut i = 0;
    while i < pattern.len() {
        let crossing = pattern[i] == '*' && pattern.get(i + 1) == Some(&'*');
        let mut next = vec![false; text.len() + 1];
        match pattern[i] {
            '*' => {
                let mut open = false;
                for j in 0..=text.len() {
                    open = open && (crossing || text[j - 1] != '/') || row[j];
                    next[j] = open;
                }
            }
            c => {
                for j in 1..=text.len() {
                    let same = c == text[j - 1] || (c == '?' && text[j - 1] != '/');
                    next[j] = row[j - 1] && same;
                }
            }
        }
        row = next;
        i += if crossing { 2 } else { 1 };
    }
    row[text.len()]
}

/// Whether `pattern` matches `text`, `*` and `?` matching anything.
pub fn anything(pattern: &str, text: &str) -> bool {
    let pattern = pattern.replace('/', "\u{1}").replace('*', "**");
    branch(&pattern, &text.replace('/', "\u{1}"))
}

/// Whether a ruleset's condition on refs holds for `branch_name`.
pub fn includes_ref(
    include: &[String],
    exclude: &[String],
    branch_name: &str,
    default: bool,
) -> bool {
    let reference = format!("refs/heads/{branch_name}");
    let holds = |pattern: &String| match pattern.as_str() {
        "~ALL" => true,
        "~DEFAULT_BRANCH" => default,
        pattern => branch(pattern, &reference) || branch(pattern, branch_name),
    };
    include.iter().any(holds) && !exclude.iter().any(holds)
}

/// Whether a ruleset's condition on repositories holds for `name`.
pub fn includes_repository(include: &[String], exclude: &[String], name: &str) -> bool {
    let holds = |pattern: &String| pattern == "~ALL" || branch(pattern, name);
    include.iter().any(holds) && !exclude.iter().any(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_at_slashes_and_double_stars_do_not() {
        for (pattern, text, expected) in [
            ("main", "main", true),
            ("main", "main2", false),
            ("release/*", "release/1", true),
            ("release/*", "release/1/2", false),
            ("release/**", "release/1/2", true),
            ("refs/heads/*", "refs/heads/x", true),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
        ] {
            assert_eq!(branch(pattern, text), expected, "{pattern} {text}");
        }
        assert!(anything("team/*", "team/a/b"));
        assert!(!anything("team/*", "teams/a"));
    }

    #[test]
    fn exclusion_wins() {
        let all = ["~ALL".to_owned()];
        let main = ["refs/heads/main".to_owned()];
        assert!(includes_ref(&all, &[], "main", true));
        assert!(!includes_ref(&all, &main, "main", true));
        assert!(includes_ref(
            &["~DEFAULT_BRANCH".to_owned()],
            &[],
            "trunk",
            true
        ));
        assert!(!includes_ref(
            &["~DEFAULT_BRANCH".to_owned()],
            &[],
            "dev",
            false
        ));
    }

    proptest::proptest! {
        #[test]
        fn a_text_without_wildcards_matches_itself_only(text in "[a-z/]{0,12}", other in "[a-z/]{0,12}") {
            proptest::prop_assert!(branch(&text, &text));
            proptest::prop_assert_eq!(branch(&text, &other), text == other);
            proptest::prop_assert!(branch("**", &text));
        }
    }
}
