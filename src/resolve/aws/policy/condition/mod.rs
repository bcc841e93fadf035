//! Conditions: operators, their modifiers, and how they are decided.
//!
//! IAM User Guide, "IAM JSON policy elements: Condition operators", "Conditions with
//! multiple context keys or values" and "Set operators for multivalued context keys".
//!
//! * Values of one condition are alternatives; a negated operator holds when *none*
//!   of them fits.
//! * A missing key makes a plain operator fail and a negated one hold. `…IfExists`
//!   holds, `ForAllValues:` holds, `ForAnyValue:` fails.
//! * A plain operator over a key with several values (AWS asks for a set operator
//!   there) is read as "any of them", and its negation as "none of them".

mod operator;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;

use serde_json::value::RawValue;

use super::document::Reader;
use super::element::not;
use super::request::{Found, Request};
use crate::model::Verdict;

pub use operator::{Base, Operator, Quantifier};
use value::Values;

/// One operator, one key, its values.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The operator.
    pub operator: Operator,
    /// The key as written.
    pub key: Box<str>,
    /// The values as written.
    pub source: Box<[Box<str>]>,
    folded: Box<str>,
    values: Values,
}

/// Keys every request carries, so that only their value can be unknown (IAM User
/// Guide, "AWS global condition context keys", availability notes).
const ALWAYS_PRESENT: &[&str] = &[
    "aws:currenttime",
    "aws:epochtime",
    "aws:principalisawsservice",
    "aws:requestedregion",
    "aws:securetransport",
    "aws:viaawsservice",
];

impl Condition {
    /// Reads a `Condition` element.
    pub(super) fn read_all<'a>(reader: &mut Reader<'a>, raw: &'a RawValue) -> Vec<Self> {
        let mut conditions = Vec::new();
        for (name, block) in reader.object(raw) {
            let operator = Operator::parse(&name);
            if operator.base == Base::Unknown {
                reader.problem(block, format!("unknown condition operator `{name}`"));
            }
            for (key, list) in reader.object(block) {
                let list_raw = reader.list(list);
                let source: Vec<Box<str>> = list_raw
                    .into_iter()
                    .filter_map(|raw| reader.scalar(raw))
                    .map(Into::into)
                    .collect();
                let (values, bad) = Values::compile(operator.base, &source, reader.variables);
                for value in bad {
                    let message = format!("`{value}` is no value for `{name}`");
                    reader.problem(list, message);
                }
                conditions.push(Condition {
                    operator: operator.clone(),
                    folded: key.to_ascii_lowercase().into(),
                    key: key.into(),
                    source: source.into(),
                    values,
                });
            }
        }
        conditions
    }

    /// The key in lower case.
    pub fn folded_key(&self) -> &str {
        &self.folded
    }

    /// Whether it holds for `request`.
    pub fn holds(&self, request: &Request<'_>) -> Verdict {
        let single;
        let values: &[&str] = match request.find(&self.folded) {
            _ if self.operator.base == Base::Unknown => return Verdict::Conditional,
            Found::Unknown => return self.holds_unseen(),
            Found::Missing => return self.holds_without_key(),
            Found::Many([]) => return self.holds_without_key(),
            Found::One(value) => {
                single = [value];
                &single
            }
            Found::Many(list) => return self.holds_for(list.iter().map(|value| &**value), request),
        };
        self.holds_for(values.iter().copied(), request)
    }

    /// With the key certainly absent.
    pub fn holds_without_key(&self) -> Verdict {
        let holds = match (self.operator.base, self.operator.quantifier) {
            (Base::Unknown, _) => return Verdict::Conditional,
            (Base::Null, _) => self.values.asks_null(true),
            _ if self.operator.if_exists => true,
            (_, Quantifier::ForAll) => true,
            (_, Quantifier::ForAny) => false,
            (_, Quantifier::None) => self.operator.base.is_negated(),
        };
        yes_or_no(holds)
    }

    /// With the key unknown: certain only where every value, and absence too where
    /// the key may be absent, gives the same answer.
    fn holds_unseen(&self) -> Verdict {
        let always = ALWAYS_PRESENT.contains(&&*self.folded);
        if self.operator.base == Base::Null {
            return match (
                self.values.asks_null(true),
                self.values.asks_null(false),
                always,
            ) {
                (true, true, _) | (_, true, true) => Verdict::Yes,
                (false, false, _) | (true, false, true) => Verdict::No,
                _ => Verdict::Conditional,
            };
        }
        let present = match (
            self.values.take_everything(),
            self.operator.base.is_negated(),
        ) {
            (true, false) => Verdict::Yes,
            (true, true) => Verdict::No,
            // Without values nothing fits.
            (false, negated) if self.source.is_empty() => yes_or_no(negated),
            _ => return Verdict::Conditional,
        };
        if always || present == self.holds_without_key() {
            present
        } else {
            Verdict::Conditional
        }
    }

    fn holds_for<'v>(
        &self,
        given: impl Iterator<Item = &'v str>,
        request: &Request<'_>,
    ) -> Verdict {
        if self.operator.base == Base::Null {
            return yes_or_no(self.values.asks_null(false));
        }
        let negated = self.operator.base.is_negated();
        let fits = given.map(|value| self.values.fit(value, request));
        match self.operator.quantifier {
            Quantifier::None => {
                let any = fits.max().unwrap_or(Verdict::No);
                if negated { not(any) } else { any }
            }
            Quantifier::ForAll => fits
                .map(|fit| if negated { not(fit) } else { fit })
                .min()
                .unwrap_or(Verdict::Yes),
            Quantifier::ForAny => fits
                .map(|fit| if negated { not(fit) } else { fit })
                .max()
                .unwrap_or(Verdict::No),
        }
    }
}

impl fmt::Display for Condition {
    /// In a form to read and to compare: `StringEquals(aws:SourceVpc, "vpc-1")`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}", self.operator, self.key)?;
        for value in &self.source {
            write!(f, ", {value:?}")?;
        }
        f.write_str(")")
    }
}

fn yes_or_no(holds: bool) -> Verdict {
    if holds { Verdict::Yes } else { Verdict::No }
}
