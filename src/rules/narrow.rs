//! What a condition demands of single fields.
//!
//! The top-level `&&` chain of a condition says what must hold for some fields by
//! themselves: `credential.system == "aws"`, `identity.kind in ["human", "agent"]`,
//! `!identity.platform`. Two demands that exclude each other mean the rule can never
//! fire; a demand on the system lets the judge skip all facts of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::lex::ExprError;
use super::parse::{Expr, Kind, Op};
use crate::model::System;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Literal {
    Bool(bool),
    Int(i64),
    Str(String),
}

#[derive(Clone, Debug, Default)]
struct Demand {
    allowed: Option<BTreeSet<Literal>>,
    forbidden: BTreeSet<Literal>,
}

impl Demand {
    fn only(&mut self, values: BTreeSet<Literal>) {
        self.allowed = Some(match self.allowed.take() {
            Some(before) => before.intersection(&values).cloned().collect(),
            None => values,
        });
    }

    fn is_impossible(&self) -> bool {
        self.allowed
            .as_ref()
            .is_some_and(|allowed| allowed.is_subset(&self.forbidden))
    }
}

/// The demands of one condition, by the path of the field.
#[derive(Clone, Debug, Default)]
pub(super) struct Demands {
    fields: BTreeMap<String, Demand>,
    /// Where demands first excluded each other, and on which field.
    conflict: Option<(Range<usize>, String)>,
}

impl Demands {
    pub fn of(condition: &Expr) -> Self {
        let mut demands = Demands::default();
        for part in condition.conjuncts() {
            demands.add(part);
        }
        demands
    }

    fn add(&mut self, part: &Expr) {
        let Some((path, only, values)) = demand(part) else {
            return;
        };
        let field = self.fields.entry(path.clone()).or_default();
        if only {
            field.only(values);
        } else {
            field.forbidden.extend(values);
        }
        if self.conflict.is_none() && field.is_impossible() {
            self.conflict = Some((part.at.clone(), path));
        }
    }

    /// Why the condition can never hold, if two demands exclude each other.
    pub fn conflict(&self) -> Option<ExprError> {
        let (at, path) = self.conflict.clone()?;
        Some(
            ExprError::new(
                at,
                "this rule can never fire",
                format!("excludes what is said about `{path}` before"),
            )
            .help("write alternatives with `in [...]` or `||`"),
        )
    }

    /// The systems to which a demand on one of `paths` restricts the rule.
    pub fn systems(&self, paths: &[String]) -> Option<Vec<System>> {
        let demand = paths.iter().find_map(|path| self.fields.get(path))?;
        let allowed = demand.allowed.as_ref()?;
        let named = |system: &System| allowed.contains(&Literal::Str(system.as_str().to_owned()));
        Some(System::ALL.into_iter().filter(named).collect())
    }
}

/// A demand on one field: its path, whether it must (or must not) be one of the values.
fn demand(part: &Expr) -> Option<(String, bool, BTreeSet<Literal>)> {
    let one = |value: Literal| BTreeSet::from([value]);
    match &part.kind {
        Kind::Name(_) | Kind::Field(..) => Some((part.path()?, true, one(Literal::Bool(true)))),
        Kind::Not(inner) => match &inner.kind {
            Kind::Name(_) | Kind::Field(..) | Kind::Call { .. } => {
                let (path, only, _) = demand(inner)?;
                Some((path, only, one(Literal::Bool(false))))
            }
            _ => None,
        },
        Kind::Call {
            of: None,
            name,
            args,
            ..
        } if name == "has" => {
            let path = args.first()?.path()?;
            Some((format!("has({path})"), true, one(Literal::Bool(true))))
        }
        Kind::Binary(op @ (Op::Eq | Op::Ne), a, b) => {
            let (path, value) = match (a.path(), literal(b)) {
                (Some(path), Some(value)) => (path, value),
                _ => (b.path()?, literal(a)?),
            };
            Some((path, *op == Op::Eq, one(value)))
        }
        Kind::Binary(Op::In, a, b) => match &b.kind {
            Kind::List(list) => {
                let values: Option<BTreeSet<Literal>> = list.iter().map(literal).collect();
                Some((a.path()?, true, values?))
            }
            _ => None,
        },
        _ => None,
    }
}

fn literal(expr: &Expr) -> Option<Literal> {
    match &expr.kind {
        Kind::Bool(value) => Some(Literal::Bool(*value)),
        Kind::Int(number) => Some(Literal::Int(*number)),
        Kind::Str(text) => Some(Literal::Str(text.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    fn demands(text: &str) -> Demands {
        Demands::of(&parse(text).unwrap())
    }

    #[test]
    fn demands_that_exclude_each_other_are_found() {
        for text in [
            "a.k == 'x' && b && a.k == 'y'",
            "a.k in ['x', 'y'] && a.k == 'z'",
            "a.k in ['x', 'y'] && a.k != 'x' && 'y' != a.k",
            "a.b && !a.b",
            "has(a.b) && a.c && !has(a.b)",
        ] {
            assert!(demands(text).conflict().is_some(), "{text}");
        }
        for text in [
            "a.k == 'x' || a.k == 'y'",
            "a.k == 'x' && a.j == 'y'",
            "a.k != 'x' && a.k != 'y'",
            "a.b && !(a.b && c)",
        ] {
            assert!(demands(text).conflict().is_none(), "{text}");
        }
    }

    #[test]
    fn the_system_of_a_rule() {
        let paths = ["credential.system".to_owned()];
        let systems = |text: &str| demands(text).systems(&paths);
        assert_eq!(
            systems("credential.system == 'aws' && x"),
            Some(vec![System::Aws])
        );
        assert_eq!(
            systems("credential.system in ['vault', 'github']"),
            Some(vec![System::Github, System::Vault])
        );
        assert_eq!(systems("credential.system == 'aws' || x"), None);
        assert_eq!(systems("x"), None);
    }
}
