//! Whether a token fits the claims a trust asks for.
//!
//! A token is described by what it shows for each claim: a fixed text, a text its
//! holder chooses within a pattern, nothing, or something that was not seen. The
//! claims are joined: all must fit. What is chosen freely fits if *some* choice does.

use crate::model::{Claim, Pattern, Sym, Verdict};

/// What a token shows for one claim.
#[derive(Clone, Debug)]
pub(super) enum Shown {
    /// This text.
    Text(Sym),
    /// Any text of the pattern that is none of these.
    Choice(Pattern, Vec<Sym>),
    /// The claim is not in the token.
    Absent,
    /// Not seen.
    Unknown,
}

/// The answer for a whole token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    pub verdict: Verdict,
    /// Claims nobody could decide.
    pub open: Vec<Sym>,
}

/// Whether a token that shows `shown` fits all of `claims`.
pub(super) fn fit(claims: &[Claim], shown: impl Fn(Sym) -> Shown) -> Fit {
    let mut open: Vec<Sym> = Vec::new();
    let mut done: Vec<Sym> = Vec::new();
    for claim in claims {
        if done.contains(&claim.name) {
            continue;
        }
        done.push(claim.name);
        // Several tests of one claim bear on one text, so they are judged together.
        let tests = || claims.iter().filter(|other| other.name == claim.name);
        let holds = match shown(claim.name) {
            Shown::Text(text) => tests().all(|test| test.admits(&text)),
            Shown::Absent => tests().all(|test| test.holds_when_absent),
            Shown::Unknown => {
                open.push(claim.name);
                true
            }
            Shown::Choice(pattern, except) => {
                let tests: Vec<&Claim> = tests().collect();
                some_choice(pattern, &except, &tests)
            }
        };
        if !holds {
            return Fit {
                verdict: Verdict::No,
                open: Vec::new(),
            };
        }
    }
    open.sort();
    Fit {
        verdict: if open.is_empty() {
            Verdict::Yes
        } else {
            Verdict::Conditional
        },
        open,
    }
}

/// Whether some text of `pattern` that is none of `except` passes all tests.
fn some_choice(pattern: Pattern, except: &[Sym], tests: &[&Claim]) -> bool {
    let mut left = vec![pattern];
    for claim in tests.iter().filter(|claim| claim.test.is_positive()) {
        let values: Vec<Pattern> = claim.patterns().collect();
        if claim.test.ignores_case() {
            // A literal is one of the values; a pattern lets the case be chosen.
            left.retain(|one| {
                let folded = one.to_ascii_lowercase();
                let mut values = values.iter().map(Pattern::to_ascii_lowercase);
                values.any(|value| folded.covers(&value))
            });
        } else {
            left = left
                .iter()
                .flat_map(|one| values.iter().filter_map(|value| one.intersection(value)))
                .collect();
        }
    }
    left.iter().any(|one| match one.as_literal() {
        Some(text) => {
            except.iter().all(|other| other != text) && tests.iter().all(|test| test.admits(text))
        }
        // Infinitely many texts: a list of others leaves some, a pattern leaves some
        // unless it takes all.
        None => tests
            .iter()
            .filter(|claim| !claim.test.is_positive())
            .all(|claim| !claim.patterns().any(|value| value.covers(one))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ClaimTest;

    fn claim(name: &str, test: ClaimTest, values: &[&str]) -> Claim {
        Claim {
            name: Sym::new(name),
            test,
            values: values.iter().map(|value| Sym::new(value)).collect(),
            holds_when_absent: !test.is_positive(),
        }
    }

    fn verdict(claims: &[Claim], sub: Shown) -> Verdict {
        fit(claims, |name| match name.as_str() {
            "sub" => sub.clone(),
            "aud" => Shown::Choice(Pattern::glob("*"), Vec::new()),
            "gone" => Shown::Absent,
            _ => Shown::Unknown,
        })
        .verdict
    }

    #[test]
    fn tests_of_one_claim_bear_on_one_text() {
        use ClaimTest::*;
        let any_branch = || Shown::Choice(Pattern::glob("repo:o/r:ref:refs/heads/*"), vec![]);
        let but_main = || {
            let except = vec![Sym::new("repo:o/r:ref:refs/heads/main")];
            Shown::Choice(Pattern::glob("repo:o/r:ref:refs/heads/*"), except)
        };
        let main = Shown::Text(Sym::new("repo:o/r:ref:refs/heads/main"));
        let yes = Verdict::Yes;
        let no = Verdict::No;
        let exact = [claim("sub", Equals, &["repo:o/r:ref:refs/heads/main"])];
        assert_eq!(verdict(&exact, main.clone()), yes);
        assert_eq!(verdict(&exact, any_branch()), yes);
        assert_eq!(verdict(&exact, but_main()), no, "main is another subject");
        let wide = [claim("sub", Like, &["repo:o/r:*"])];
        assert_eq!(verdict(&wide, but_main()), yes);
        let other = [claim("sub", Like, &["repo:o/other:*"])];
        assert_eq!(verdict(&other, but_main()), no);
        // Only a text with a question mark in it would do, and no branch is called so.
        let starred = [claim("sub", Starred, &["repo:o/?:ref:*"])];
        assert_eq!(verdict(&starred, any_branch()), no);
        assert_eq!(
            verdict(&[claim("sub", Like, &["repo:o/?:ref:*"])], any_branch()),
            yes
        );
        let fenced = [
            claim("sub", Like, &["repo:o/r:*"]),
            claim("sub", NotLike, &["*:ref:*"]),
        ];
        assert_eq!(verdict(&fenced, any_branch()), no);
        let pinched = [
            claim("sub", Like, &["repo:o/r:ref:refs/heads/ma*"]),
            claim("sub", NotEquals, &["repo:o/r:ref:refs/heads/main"]),
        ];
        assert_eq!(verdict(&pinched, any_branch()), yes);
        assert_eq!(verdict(&pinched, main.clone()), no);

        let any_case = [claim(
            "sub",
            EqualsIgnoreCase,
            &["REPO:O/R:ref:refs/heads/main"],
        )];
        assert_eq!(verdict(&any_case, main.clone()), yes);
        assert_eq!(verdict(&any_case, any_branch()), yes);
        let other = || Shown::Text(Sym::new("repo:o/other:ref:refs/heads/main"));
        assert_eq!(verdict(&any_case, other()), no);
        let spared = [claim(
            "sub",
            NotEqualsIgnoreCase,
            &["REPO:O/R:ref:refs/heads/main"],
        )];
        assert_eq!(verdict(&spared, main), no);
        assert_eq!(verdict(&spared, other()), yes);
    }

    #[test]
    fn absent_and_unseen_claims() {
        let mut optional = claim("gone", ClaimTest::Equals, &["x"]);
        assert_eq!(
            verdict(std::slice::from_ref(&optional), Shown::Absent),
            Verdict::No
        );
        optional.holds_when_absent = true;
        assert_eq!(verdict(&[optional], Shown::Absent), Verdict::Yes);
        let unseen = [claim("actor", ClaimTest::Equals, &["x"])];
        assert_eq!(verdict(&unseen, Shown::Absent), Verdict::Conditional);
        assert_eq!(verdict(&[], Shown::Absent), Verdict::Yes);
    }
}
