//! Whether one condition holds whenever another does.
//!
//! A condition is a text `operator(key, "value", …)`, several of them joined by
//! ` and `. What operators mean follows their names, as AWS gives them (IAM User Guide,
//! "Condition operators"): values are alternatives, of a negated operator none may
//! fit, `IfExists` also holds without the key, as negated operators and `ForAllValues`
//! do anyway. Anything else is only equal to itself.

use super::variable::closed;
use crate::model::{Pattern, Sym};

/// Operators that compare a value with alternatives, beside those with an order, and
/// whose negations hold `not`.
const ALTERNATIVES: &[&str] = &[
    "arnequals",
    "arnlike",
    "binaryequals",
    "dateequals",
    "ipaddress",
    "numericequals",
    "stringequals",
    "stringequalsignorecase",
    "stringlike",
];

/// One of the conditions that must all hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    pub(super) text: String,
    parts: Option<Parts>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Parts {
    /// Lower case, without `IfExists`.
    operator: String,
    /// It holds without the key too.
    if_exists: bool,
    /// Lower case.
    key: String,
    values: Vec<String>,
}

/// The single conditions of a joined text.
pub(super) fn tests(condition: Option<Sym>) -> Vec<Test> {
    let Some(text) = condition else {
        return Vec::new();
    };
    let mut all: Vec<Test> = split(&text).into_iter().map(Test::new).collect();
    all.sort();
    all.dedup();
    all
}

/// Whether all of `wanted` hold whenever all of `given` do.
pub(super) fn implies(given: &[Test], wanted: &[Test]) -> bool {
    wanted
        .iter()
        .all(|wanted| given.iter().any(|given| given.implies(wanted)))
}

/// Cuts at ` and ` outside quotes.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b' ' if !quoted && at >= start && text[at..].starts_with(" and ") => {
                parts.push(&text[start..at]);
                start = at + " and ".len();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

impl Test {
    fn new(text: &str) -> Self {
        Test {
            text: text.to_owned(),
            parts: Parts::read(text),
        }
    }

    fn implies(&self, other: &Test) -> bool {
        if self.text == other.text {
            return true;
        }
        match (&self.parts, &other.parts) {
            (Some(given), Some(wanted)) => given.implies(wanted),
            _ => false,
        }
    }
}

impl Parts {
    /// Reads `operator(key, "value", …)`.
    fn read(text: &str) -> Option<Self> {
        let (operator, rest) = text.strip_suffix(')')?.split_once('(')?;
        let (key, mut rest) = match rest.split_once(", ") {
            Some((key, rest)) => (key, rest),
            None => (rest, ""),
        };
        let mut values = Vec::new();
        while !rest.is_empty() {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find_map(|(at, c)| match c {
                _ if escaped => {
                    escaped = false;
                    None
                }
                '\\' => {
                    escaped = true;
                    None
                }
                '"' => Some(at),
                _ => None,
            })?;
            values.push(closed(rest.get(1..end)?).into_owned());
            rest = rest.get(end + 1..)?;
            rest = rest.strip_prefix(", ").unwrap_or(rest);
        }
        let operator = operator.to_ascii_lowercase();
        let (operator, if_exists) = match operator.strip_suffix("ifexists") {
            Some(plain) => (plain.to_owned(), true),
            None => (operator, false),
        };
        let any = operator.starts_with("foranyvalue:");
        let all = operator.starts_with("forallvalues:");
        let if_exists = if_exists || all || (!any && operator.contains("not"));
        values.sort();
        values.dedup();
        Some(Parts {
            operator,
            if_exists,
            key: key.to_ascii_lowercase(),
            values,
        })
    }

    fn implies(&self, wanted: &Parts) -> bool {
        if self.key != wanted.key || (self.if_exists && !wanted.if_exists) {
            return false;
        }
        let (own, other) = (self.base(), wanted.base());
        if own == other && self.quantifier() == wanted.quantifier() {
            return match own {
                "null" | "bool" => self.values == wanted.values,
                _ if ALTERNATIVES.contains(&own.replace("not", "").as_str())
                    && own.contains("not") =>
                {
                    // What was refused is refused still.
                    let mut values = wanted.values.iter();
                    values.all(|value| self.values.iter().any(|one| takes(own, one, value)))
                }
                "numericlessthan"
                | "numericlessthanequals"
                | "datelessthan"
                | "datelessthanequals" => {
                    ordered(&self.values, &wanted.values).is_some_and(|order| order.is_le())
                }
                "numericgreaterthan"
                | "numericgreaterthanequals"
                | "dategreaterthan"
                | "dategreaterthanequals" => {
                    ordered(&self.values, &wanted.values).is_some_and(|order| order.is_ge())
                }
                _ if ALTERNATIVES.contains(&own) => {
                    let mut values = self.values.iter();
                    values.all(|value| wanted.values.iter().any(|one| takes(own, one, value)))
                }
                _ => false,
            };
        }
        // A literal is one of the texts a pattern takes.
        own == "stringequals"
            && other == "stringlike"
            && self.quantifier() == wanted.quantifier()
            && self.values.iter().all(|value| {
                let mut patterns = wanted.values.iter();
                patterns.any(|pattern| Pattern::glob(pattern).matches(value))
            })
    }

    /// The operator without its quantifier.
    fn base(&self) -> &str {
        let operator = self.operator.as_str();
        operator.split_once(':').map_or(operator, |(_, base)| base)
    }

    fn quantifier(&self) -> Option<&str> {
        self.operator
            .split_once(':')
            .map(|(quantifier, _)| quantifier)
    }
}

/// Whether the value `wide` takes everything that `narrow` does.
fn takes(operator: &str, wide: &str, narrow: &str) -> bool {
    if wide == narrow {
        return true;
    }
    match operator {
        "stringlike" | "stringnotlike" | "arnlike" | "arnequals" | "arnnotlike"
        | "arnnotequals" => {
            // In ARNs a wildcard stops at colons; what covers without that limit on
            // both sides covers with it only where neither has one to cross.
            let arn = operator.starts_with("arn");
            let colons = |text: &str| text.matches(':').count();
            let alike = !arn || (colons(wide) == colons(narrow) && !narrow.contains("**"));
            alike && Pattern::glob(wide).covers(&Pattern::glob(narrow))
        }
        "stringequalsignorecase" | "stringnotequalsignorecase" => wide.eq_ignore_ascii_case(narrow),
        "ipaddress" | "notipaddress" => match (network(wide), network(narrow)) {
            (Some(wide), Some(narrow)) => wide.contains(&narrow),
            _ => false,
        },
        _ => false,
    }
}

fn network(text: &str) -> Option<ipnet::IpNet> {
    let single = || {
        text.parse::<std::net::IpAddr>()
            .ok()
            .map(ipnet::IpNet::from)
    };
    text.parse::<ipnet::IpNet>().ok().or_else(single)
}

/// The order of two single numbers or dates.
fn ordered(left: &[String], right: &[String]) -> Option<std::cmp::Ordering> {
    let ([left], [right]) = (left, right) else {
        return None;
    };
    if let (Ok(left), Ok(right)) = (left.parse::<f64>(), right.parse::<f64>()) {
        return left.partial_cmp(&right);
    }
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    Some(time(left)?.cmp(&time(right)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(given: &str, wanted: &str) -> bool {
        let tests = |text: &str| tests((!text.is_empty()).then(|| Sym::new(text)));
        implies(&tests(given), &tests(wanted))
    }

    #[test]
    fn narrower_conditions_imply_wider_ones() {
        let table = [
            (r#"StringEquals(k, "a")"#, "", true),
            ("", r#"StringEquals(k, "a")"#, false),
            (
                r#"StringEquals(k, "a")"#,
                r#"StringEquals(k, "b", "a")"#,
                true,
            ),
            (
                r#"StringEquals(k, "a", "b")"#,
                r#"StringEquals(k, "a")"#,
                false,
            ),
            (r#"StringEquals(k, "a")"#, r#"StringEquals(K, "a")"#, true),
            (
                r#"StringEquals(k, "a")"#,
                r#"StringEqualsIfExists(k, "a")"#,
                true,
            ),
            (
                r#"StringEqualsIfExists(k, "a")"#,
                r#"StringEquals(k, "a")"#,
                false,
            ),
            (r#"StringEquals(k, "ab")"#, r#"StringLike(k, "a*")"#, true),
            (r#"StringLike(k, "a*")"#, r#"StringEquals(k, "ab")"#, false),
            (r#"StringLike(k, "ab*")"#, r#"StringLike(k, "a*")"#, true),
            (
                r#"StringNotEquals(k, "a", "b")"#,
                r#"StringNotEquals(k, "a")"#,
                true,
            ),
            (
                r#"StringNotEquals(k, "a")"#,
                r#"StringNotEquals(k, "a", "b")"#,
                false,
            ),
            (
                r#"IpAddress(s, "10.1.0.0/16")"#,
                r#"IpAddress(s, "10.0.0.0/8")"#,
                true,
            ),
            (
                r#"IpAddress(s, "10.0.0.0/8")"#,
                r#"IpAddress(s, "10.1.0.0/16")"#,
                false,
            ),
            (
                r#"NumericLessThan(n, "5")"#,
                r#"NumericLessThan(n, "10")"#,
                true,
            ),
            (
                r#"NumericGreaterThan(n, "5")"#,
                r#"NumericGreaterThan(n, "10")"#,
                false,
            ),
            (r#"Bool(b, "true")"#, r#"Bool(b, "false")"#, false),
            (
                r#"StringNotEqualsIfExists(k, "a")"#,
                r#"StringNotEquals(k, "a")"#,
                true,
            ),
            (
                r#"ForAnyValue:StringNotEqualsIfExists(k, "a")"#,
                r#"ForAnyValue:StringNotEquals(k, "a")"#,
                false,
            ),
            (
                r#"StringEquals(k, "${aws:username}")"#,
                r#"StringLike(k, "*name*")"#,
                false,
            ),
            (
                r#"StringEquals(k, "${aws:username}")"#,
                r#"StringLike(k, "*")"#,
                true,
            ),
            (
                r#"StringLike(k, "${aws:username}")"#,
                r#"StringLike(k, "${*}")"#,
                false,
            ),
            (r#"allowed(k, "a")"#, r#"allowed(k, "a", "b")"#, false),
            (r#"A(k, "x and y") and B(k, "z")"#, r#"B(k, "z")"#, true),
            (
                r#"A(k, "x\" and y") and B(k, "z")"#,
                r#"A(k, "x\" and y")"#,
                true,
            ),
            ("something else", "something else", true),
            ("something else", "something", false),
        ];
        for (given, wanted, expected) in table {
            assert_eq!(holds(given, wanted), expected, "{given} => {wanted}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(a in "[a-z(), \"\\\\é]{0,30}", b in "[a-z(), \"\\\\é]{0,30}") {
            holds(&a, &b);
            proptest::prop_assert!(holds(&a, &a));
        }
    }
}
