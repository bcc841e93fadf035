//! How far the wildcards of a policy reach, by where they stand.
//!
//! * Actions and `StringLike` values: `*` is any text, `?` any one character.
//! * `Resource`: the IAM User Guide ("IAM JSON policy elements: Resource", section on
//!   wildcards in resource ARNs) keeps wildcards within the segment between two
//!   colons, except that a `*` at the end of a segment also matches beyond the colon.
//!   The last part of an ARN may itself hold colons (`log-group:a:log-stream:b`) and
//!   is one segment here.
//! * `ArnEquals`/`ArnLike`: the guide ("ARN condition operators") compares each of
//!   the six parts separately, so a wildcard of the first five never passes a colon.

use std::borrow::Cow;

pub use crate::model::Pattern;
pub(super) use crate::model::pattern::{ANY, ONE};
use crate::model::pattern::{ANY_IN, ONE_IN};

/// How far wildcards reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Everything.
    Text,
    /// The `Resource` element's rule.
    Resource,
    /// The ARN condition operators' rule.
    Arn,
}

impl Pattern {
    /// Compiles `text`, in which every `*` and `?` is a wildcard.
    pub fn new(text: &str, reach: Reach) -> Self {
        let glob = Pattern::glob(text);
        match reach {
            Reach::Text => glob,
            _ => Pattern::confined(glob.tokens().to_vec(), reach),
        }
    }

    /// Compiles the pattern of an action: case does not matter.
    pub fn action(text: &str) -> Self {
        Pattern::glob(&text.to_ascii_lowercase())
    }

    /// Compiles tokens whose wildcards reach everywhere, for a place with `reach`.
    pub(super) fn confined(mut tokens: Vec<u8>, reach: Reach) -> Self {
        confine(&mut tokens, reach);
        Pattern::from_tokens(tokens)
    }

    /// As [`Pattern::intersection`], but where a pattern has all parts of an ARN each
    /// wildcard keeps to its part: no real resource is `arn:aws:iam::1:role/a:role/b`,
    /// though the two patterns of its halves let it through.
    pub fn arn_intersection(&self, other: &Pattern) -> Option<Pattern> {
        self.part_by_part().intersection(&other.part_by_part())
    }

    /// The pattern as the ARN operators would read it, if it has all parts of an ARN.
    fn part_by_part(&self) -> Cow<'_, Pattern> {
        let mut colons = self
            .tokens()
            .iter()
            .enumerate()
            .filter(|(_, token)| **token == b':');
        let Some((fifth, _)) = colons.nth(4) else {
            return Cow::Borrowed(self);
        };
        if !self.tokens()[..fifth]
            .iter()
            .any(|token| matches!(*token, ANY | ONE))
        {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Pattern::confined(self.tokens().to_vec(), Reach::Arn))
    }
}

/// Turns wildcards into ones that stop at a colon where `reach` says so.
fn confine(tokens: &mut [u8], reach: Reach) {
    if reach == Reach::Text || *tokens == [ANY] {
        return;
    }
    let mut colons = 0;
    for at in 0..tokens.len() {
        match tokens[at] {
            b':' => colons += 1,
            _ if colons >= 5 => return,
            ANY => {
                let ends_segment = tokens.get(at + 1).is_none_or(|next| *next == b':');
                if reach == Reach::Arn || !ends_segment {
                    tokens[at] = ANY_IN;
                }
            }
            ONE => tokens[at] = ONE_IN,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(pattern: &str) -> Pattern {
        Pattern::new(pattern, Reach::Resource)
    }

    #[test]
    fn wildcards_of_resources_stop_at_colons() {
        let cases = [
            ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a:b/c", true),
            ("arn:aws:s3*", "arn:aws:s3:::bucket", true),
            ("arn:aws:*", "arn:aws:iam::1:role/x", true),
            ("arn:aws:iam::*:role/x", "arn:aws:iam::1:role/x", true),
            // A star inside a segment stays there.
            ("arn:a*s:iam::1:role/x", "arn:aws:iam::1:role/x", true),
            ("arn:a*m::1:role/x", "arn:aws:iam::1:role/x", false),
            ("arn:aws:iam:?1:role/x", "arn:aws:iam::1:role/x", false),
            // The last part is one segment, colons and all.
            (
                "arn:aws:logs:*:1:log-group:/a*b:x",
                "arn:aws:logs:eu:1:log-group:/a:q:b:x",
                true,
            ),
            (
                "arn:aws:logs:*:1:log-group:?:x",
                "arn:aws:logs:eu:1:log-group:::x",
                true,
            ),
            // A wide star may have to give way to a narrow one.
            ("*:a*b:x", "z:ac:ab:x", true),
        ];
        for (pattern, arn, hit) in cases {
            assert_eq!(resource(pattern).matches(arn), hit, "{pattern} {arn}");
        }
    }

    #[test]
    fn arn_operators_compare_part_by_part() {
        let arn = |pattern| Pattern::new(pattern, Reach::Arn);
        assert!(arn("arn:aws:iam::*:role/*").matches("arn:aws:iam::1:role/a:b"));
        assert!(!arn("arn:aws:iam*:role/x").matches("arn:aws:iam::1:role/x"));
        assert!(!arn("arn:*").matches("arn:aws:iam::1:role/x"));
        assert!(arn("*").matches("arn:aws:iam::1:role/x"));
    }

    #[test]
    fn containment_knows_where_wildcards_stop() {
        assert!(resource("arn:aws:iam::*:role/*").covers(&resource("arn:aws:iam::1:role/a*")));
        assert!(!resource("arn:a*:iam::1:x/*b").covers(&resource("arn:*:iam::1:x/*b")));
    }

    #[test]
    fn samples_match_their_pattern() {
        let pattern = resource("arn:a*s:iam::*:role/?b*");
        let sample = pattern.sample("any:thing");
        assert_eq!(sample, "arn:aanys:iam::any:thing:role/xbany:thing");
        assert!(pattern.matches(&sample));
    }
}
