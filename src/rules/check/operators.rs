//! Operators: chains of conditions, comparisons, arithmetic and membership.

use std::ops::Range;

use super::super::diagnostic::did_you_mean;
use super::super::ir::{Arithmetic, Ir, Order};
use super::super::lex::ExprError;
use super::super::parse::{Expr, Kind, Op};
use super::super::schema::{EnumDef, Ty};
use super::super::value::Val;
use super::{Checker, Known, Typed};
use crate::model::Sym;

impl Checker<'_> {
    /// A chain of `&&` (`all`) or `||`. Every part is checked, so that all errors show.
    pub(super) fn chain(&mut self, parts: &[Expr], known: &Known, all: bool) -> Option<Typed> {
        let mut given = known.clone();
        let mut whole = Some(Vec::with_capacity(parts.len()));
        // What every part proves together, and what each of them proves alone.
        let mut together = Known::new();
        let mut alone: Option<Known> = None;
        for part in parts {
            let Some(typed) = self.condition(part, &given) else {
                whole = None;
                continue;
            };
            let (goes_on, stops) = if all {
                (typed.yes, typed.no)
            } else {
                (typed.no, typed.yes)
            };
            // The chain may also stop here, with all earlier parts gone on.
            let stops: Known = stops.union(&together).cloned().collect();
            alone = Some(match alone {
                Some(before) => before.intersection(&stops).cloned().collect(),
                None => stops,
            });
            given.extend(goes_on.iter().cloned());
            together.extend(goes_on);
            if let Some(list) = &mut whole {
                list.push(typed.ir);
            }
        }
        let list = whole?.into_boxed_slice();
        let alone = alone.unwrap_or_default();
        Some(if all {
            Typed {
                ir: Ir::And(list),
                ty: Ty::Bool,
                yes: together,
                no: alone,
            }
        } else {
            Typed {
                ir: Ir::Or(list),
                ty: Ty::Bool,
                yes: alone,
                no: together,
            }
        })
    }

    pub(super) fn texts(&mut self, expr: &Expr, list: &[Expr]) -> Option<Typed> {
        let texts: Option<Box<[Sym]>> = list
            .iter()
            .map(|item| match &item.kind {
                Kind::Str(text) => Some(Sym::new(text)),
                _ => None,
            })
            .collect();
        match texts {
            Some(texts) => Some(Typed::new(Ir::Texts(texts), Ty::List)),
            None => self.fail(ExprError::new(
                expr.at.clone(),
                "a list outside `in` holds texts only",
                "expected `[\"…\", …]`",
            )),
        }
    }

    /// Checks both sides before either failure counts, so that all errors are told.
    fn both(&mut self, a: &Expr, b: &Expr, known: &Known) -> Option<(Typed, Typed)> {
        let left = self.check(a, known);
        let right = self.check(b, known);
        Some((left?, right?))
    }

    pub(super) fn binary(
        &mut self,
        expr: &Expr,
        op: Op,
        a: &Expr,
        b: &Expr,
        known: &Known,
    ) -> Option<Typed> {
        match op {
            Op::In => return self.element(expr, a, b, known),
            Op::Eq | Op::Ne => return self.equal(expr, op, a, b, known),
            _ => {}
        }
        let (left, right) = self.both(a, b, known)?;
        let order = match op {
            Op::Lt => Some(Order::Lt),
            Op::Le => Some(Order::Le),
            Op::Gt => Some(Order::Gt),
            Op::Ge => Some(Order::Ge),
            _ => None,
        };
        if let Some(order) = order {
            if left.ty == right.ty && matches!(left.ty, Ty::Int | Ty::Time | Ty::Duration | Ty::Str)
            {
                let pair = Box::new([left.ir, right.ir]);
                return Some(Typed::new(Ir::Compare(order, pair), Ty::Bool));
            }
            let error = self.mismatch(expr, op, &left, &right);
            let help = match (left.ty, right.ty) {
                (Ty::Enum(set), _) | (_, Ty::Enum(set)) => Some(format!(
                    "the names of a {} have no order for CEL; list those you mean: `x in [\"{}\"]`",
                    set.name,
                    set.names.join("\", \"")
                )),
                (Ty::Time, Ty::Duration) => Some("compare the age: `age(t) > …`".to_owned()),
                _ => None,
            };
            return self.fail(match help {
                Some(help) => error.help(help),
                None => error,
            });
        }
        let (arithmetic, ty) = match (op, left.ty, right.ty) {
            (Op::Add, Ty::Int, Ty::Int) => (Arithmetic::Add, Ty::Int),
            (Op::Sub, Ty::Int, Ty::Int) => (Arithmetic::Sub, Ty::Int),
            (Op::Mul, Ty::Int, Ty::Int) => (Arithmetic::Mul, Ty::Int),
            (Op::Div | Op::Rem, Ty::Int, Ty::Int) => {
                if !matches!(right.ir, Ir::Const(Val::Int(number)) if number != 0) {
                    let message = format!("`{}` needs a constant that is not zero", op.as_str());
                    return self.fail(ExprError::new(b.at.clone(), message, "divisor"));
                }
                let op = if op == Op::Div {
                    Arithmetic::Div
                } else {
                    Arithmetic::Rem
                };
                (op, Ty::Int)
            }
            (Op::Sub, Ty::Time, Ty::Time) => (Arithmetic::Sub, Ty::Duration),
            (Op::Add, Ty::Time, Ty::Duration) | (Op::Add, Ty::Duration, Ty::Time) => {
                (Arithmetic::Add, Ty::Time)
            }
            (Op::Sub, Ty::Time, Ty::Duration) => (Arithmetic::Sub, Ty::Time),
            (Op::Add, Ty::Duration, Ty::Duration) => (Arithmetic::Add, Ty::Duration),
            (Op::Sub, Ty::Duration, Ty::Duration) => (Arithmetic::Sub, Ty::Duration),
            _ => {
                let error = self.mismatch(expr, op, &left, &right);
                return self.fail(error);
            }
        };
        let pair = Box::new([left.ir, right.ir]);
        Some(Typed::new(Ir::Arithmetic(arithmetic, pair), ty))
    }

    pub(super) fn mismatch(&self, expr: &Expr, op: Op, left: &Typed, right: &Typed) -> ExprError {
        ExprError::new(
            expr.at.clone(),
            format!(
                "`{}` does not apply to a {} and a {}",
                op.as_str(),
                left.ty,
                right.ty
            ),
            "these do not fit together",
        )
    }

    pub(super) fn equal(
        &mut self,
        expr: &Expr,
        op: Op,
        a: &Expr,
        b: &Expr,
        known: &Known,
    ) -> Option<Typed> {
        let (left, right) = self.both(a, b, known)?;
        let ir = match (left.ty, right.ty, &a.kind, &b.kind) {
            (Ty::Enum(set), _, _, Kind::Str(name)) => {
                Ir::VariantIn(Box::new(left.ir), self.bit(set, name, &b.at)?)
            }
            (_, Ty::Enum(set), Kind::Str(name), _) => {
                Ir::VariantIn(Box::new(right.ir), self.bit(set, name, &a.at)?)
            }
            (x, y, ..) if x == y && !matches!(x, Ty::List | Ty::Record(_) | Ty::Records(_)) => {
                Ir::Equal(Box::new([left.ir, right.ir]))
            }
            (x, y, ..) => {
                let error = self.mismatch(expr, op, &left, &right);
                return self.fail(match (x, y) {
                    (Ty::Enum(_), Ty::Str) | (Ty::Str, Ty::Enum(_)) => {
                        error.help("compare with a constant in quotes")
                    }
                    (Ty::List, _) | (_, Ty::List) => {
                        error.help("ask about a list with `in`, `exists`, `all` or `size`")
                    }
                    _ => error,
                });
            }
        };
        Some(Typed::new(
            if op == Op::Ne {
                Ir::Not(Box::new(ir))
            } else {
                ir
            },
            Ty::Bool,
        ))
    }

    /// The bit of an enumerated value's name.
    pub(super) fn bit(
        &mut self,
        set: &'static EnumDef,
        name: &str,
        at: &Range<usize>,
    ) -> Option<u32> {
        match set.find(name) {
            Some(place) => Some(1 << place),
            None => {
                let message = format!("`{name}` is no {}", set.name);
                let error = ExprError::new(at.clone(), message, "can never be equal");
                let near = did_you_mean(name, set.names.iter().copied());
                let all = format!("names are {}", set.names.join(", "));
                self.fail(error.help(near.unwrap_or(all)))
            }
        }
    }

    pub(super) fn element(
        &mut self,
        expr: &Expr,
        a: &Expr,
        b: &Expr,
        known: &Known,
    ) -> Option<Typed> {
        let Kind::List(list) = &b.kind else {
            let (left, right) = self.both(a, b, known)?;
            if (left.ty, right.ty) != (Ty::Str, Ty::List) {
                let error = self.mismatch(expr, Op::In, &left, &right);
                return self.fail(error);
            }
            let pair = Box::new([left.ir, right.ir]);
            return Some(Typed::new(Ir::ElementOf(pair), Ty::Bool));
        };
        let left = self.check(a, known)?;
        let of = Box::new(left.ir);
        let wrong = |item: &Expr, ty: Ty| {
            let message = format!("expected a constant {ty} in this list");
            ExprError::new(item.at.clone(), message, format!("not a constant {ty}"))
        };
        if list.is_empty() {
            return self.fail(ExprError::new(
                b.at.clone(),
                "nothing is in an empty list",
                "empty",
            ));
        }
        let ir = match left.ty {
            Ty::Enum(set) => {
                let mut bits = 0;
                for item in list {
                    let Kind::Str(name) = &item.kind else {
                        return self.fail(wrong(item, left.ty));
                    };
                    bits |= self.bit(set, name, &item.at)?;
                }
                Ir::VariantIn(of, bits)
            }
            Ty::Str => {
                let mut texts = Vec::new();
                for item in list {
                    let Kind::Str(text) = &item.kind else {
                        return self.fail(wrong(item, left.ty));
                    };
                    texts.push(Sym::new(text));
                }
                Ir::TextIn(of, texts.into())
            }
            Ty::Int => {
                let mut numbers = Vec::new();
                for item in list {
                    let Kind::Int(number) = item.kind else {
                        return self.fail(wrong(item, left.ty));
                    };
                    numbers.push(number);
                }
                Ir::IntIn(of, numbers.into())
            }
            other => {
                let message = format!("`in` does not apply to a {other}");
                return self.fail(ExprError::new(
                    a.at.clone(),
                    message,
                    format!("this is a {other}"),
                ));
            }
        };
        Some(Typed::new(ir, Ty::Bool))
    }
}
