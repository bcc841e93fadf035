//! Names of condition operators.

use std::fmt;

/// `ForAllValues:` and `ForAnyValue:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// Neither.
    None,
    /// Every value of the request must fit.
    ForAll,
    /// Some value of the request must fit.
    ForAny,
}

/// A condition operator with its modifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// `ForAllValues:`, `ForAnyValue:` or neither.
    pub quantifier: Quantifier,
    /// What is compared, and how.
    pub base: Base,
    /// `…IfExists`.
    pub if_exists: bool,
    name: Box<str>,
}

/// What an operator compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are AWS's")]
pub enum Base {
    StringEquals,
    StringNotEquals,
    StringEqualsIgnoreCase,
    StringNotEqualsIgnoreCase,
    StringLike,
    StringNotLike,
    NumericEquals,
    NumericNotEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    DateEquals,
    DateNotEquals,
    DateLessThan,
    DateLessThanEquals,
    DateGreaterThan,
    DateGreaterThanEquals,
    Bool,
    BinaryEquals,
    IpAddress,
    NotIpAddress,
    ArnEquals,
    ArnNotEquals,
    ArnLike,
    ArnNotLike,
    Null,
    /// None of AWS's.
    Unknown,
}

const BASES: &[(&str, Base)] = &[
    ("StringEquals", Base::StringEquals),
    ("StringNotEquals", Base::StringNotEquals),
    ("StringEqualsIgnoreCase", Base::StringEqualsIgnoreCase),
    ("StringNotEqualsIgnoreCase", Base::StringNotEqualsIgnoreCase),
    ("StringLike", Base::StringLike),
    ("StringNotLike", Base::StringNotLike),
    ("NumericEquals", Base::NumericEquals),
    ("NumericNotEquals", Base::NumericNotEquals),
    ("NumericLessThan", Base::NumericLessThan),
    ("NumericLessThanEquals", Base::NumericLessThanEquals),
    ("NumericGreaterThan", Base::NumericGreaterThan),
    ("NumericGreaterThanEquals", Base::NumericGreaterThanEquals),
    ("DateEquals", Base::DateEquals),
    ("DateNotEquals", Base::DateNotEquals),
    ("DateLessThan", Base::DateLessThan),
    ("DateLessThanEquals", Base::DateLessThanEquals),
    ("DateGreaterThan", Base::DateGreaterThan),
    ("DateGreaterThanEquals", Base::DateGreaterThanEquals),
    ("Bool", Base::Bool),
    ("BinaryEquals", Base::BinaryEquals),
    ("IpAddress", Base::IpAddress),
    ("NotIpAddress", Base::NotIpAddress),
    ("ArnEquals", Base::ArnEquals),
    ("ArnNotEquals", Base::ArnNotEquals),
    ("ArnLike", Base::ArnLike),
    ("ArnNotLike", Base::ArnNotLike),
    ("Null", Base::Null),
];

impl Base {
    /// Whether it holds when no value fits.
    pub fn is_negated(self) -> bool {
        matches!(
            self,
            Base::StringNotEquals
                | Base::StringNotEqualsIgnoreCase
                | Base::StringNotLike
                | Base::NumericNotEquals
                | Base::DateNotEquals
                | Base::NotIpAddress
                | Base::ArnNotEquals
                | Base::ArnNotLike
        )
    }
}

impl Operator {
    /// Reads an operator's name. `Null` knows no `IfExists`.
    pub fn parse(name: &str) -> Self {
        let strip = |text: &'_ str, prefix: &str| -> Option<usize> {
            let head = text.get(..prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then_some(prefix.len())
        };
        let (quantifier, start) = match strip(name, "ForAllValues:") {
            Some(start) => (Quantifier::ForAll, start),
            None => match strip(name, "ForAnyValue:") {
                Some(start) => (Quantifier::ForAny, start),
                None => (Quantifier::None, 0),
            },
        };
        let rest = &name[start..];
        let base_of = |text: &str| {
            let found = BASES.iter().find(|(own, _)| own.eq_ignore_ascii_case(text));
            found.map(|(_, base)| *base)
        };
        let split = rest.len().checked_sub("IfExists".len());
        let conditional = split
            .and_then(|at| Some((rest.get(..at)?, rest.get(at..)?)))
            .filter(|(_, tail)| tail.eq_ignore_ascii_case("IfExists"))
            .and_then(|(head, _)| base_of(head))
            .filter(|base| *base != Base::Null);
        Operator {
            quantifier,
            base: conditional
                .or_else(|| base_of(rest))
                .unwrap_or(Base::Unknown),
            if_exists: conditional.is_some(),
            name: name.into(),
        }
    }
}

impl fmt::Display for Operator {
    /// AWS's spelling; unknown names as they were written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((name, _)) = BASES.iter().find(|(_, base)| *base == self.base) else {
            return f.write_str(&self.name);
        };
        f.write_str(match self.quantifier {
            Quantifier::None => "",
            Quantifier::ForAll => "ForAllValues:",
            Quantifier::ForAny => "ForAnyValue:",
        })?;
        f.write_str(name)?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}
