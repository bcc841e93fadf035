//! The type checker: from a syntax tree to the typed form, or to all its errors.
//!
//! A rule that can silently never fire is a defect, so everything CEL would only
//! notice at run time (or never) is an error when the rule is loaded: fields that do
//! not exist, values of different types, names that are none of an enumeration's,
//! and optional fields used where they may be absent.
//!
//! Presence is followed through the flow of evaluation, left to right: `has(x)`
//! proves `x` for the rest of an `&&` chain, for the branch of a choice it guards,
//! and, negated, for the rest of an `||` chain.

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::Timestamp;
use regex::RegexBuilder;

use super::diagnostic::did_you_mean;
use super::ir::{Arithmetic, Ir, MAX_NESTING, Order, TextTest};
use super::lex::ExprError;
use super::parse::{Expr, Kind, Op};
use super::schema::{EnumDef, Field, RecordDef, Schema, Subject, Ty};
use super::value::{Object, Scope, Val};
use crate::config::parse_duration;
use crate::model::{Sym, System};

/// Largest compiled regular expression.
const MAX_REGEX: usize = 1 << 20;

/// Paths of optional fields (`credential.rotated`) known to be present.
pub(super) type Known = BTreeSet<String>;

/// A checked expression.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub ir: Ir,
    pub ty: Ty,
    /// What is present if it is true.
    pub yes: Known,
    /// What is present if it is false.
    no: Known,
}

impl Typed {
    fn new(ir: Ir, ty: Ty) -> Self {
        Typed {
            ir,
            ty,
            yes: Known::new(),
            no: Known::new(),
        }
    }
}

/// Names of functions and how they are written, for help.
pub(super) const FUNCTIONS: [(&str, &str, &str); 13] = [
    ("has", "has(x)", "whether an optional field is present"),
    (
        "size",
        "size(x)",
        "elements of a list, characters of a text",
    ),
    (
        "exists",
        "list.exists(v, test)",
        "whether the test holds for some element",
    ),
    (
        "all",
        "list.all(v, test)",
        "whether the test holds for every element",
    ),
    (
        "startsWith",
        "text.startsWith(s)",
        "whether a text starts with another",
    ),
    (
        "endsWith",
        "text.endsWith(s)",
        "whether a text ends with another",
    ),
    (
        "contains",
        "text.contains(s)",
        "whether a text contains another",
    ),
    (
        "glob",
        "text.glob(pattern)",
        "whether a text matches a pattern, `*` for any text and `?` for one character",
    ),
    (
        "matches",
        "text.matches(regex)",
        "whether a regular expression (RE2 syntax) matches somewhere in a text",
    ),
    (
        "duration",
        "duration(\"90d\")",
        "a length of time: weeks `w`, days `d`, hours `h`, minutes `m`, seconds `s`",
    ),
    (
        "timestamp",
        "timestamp(\"2026-01-01T00:00:00Z\")",
        "a point in time (RFC 3339)",
    ),
    ("age", "age(t)", "`now - t`"),
    ("in", "x in list", "whether a value is an element of a list"),
];

/// Checks the expressions of one rule.
pub(super) struct Checker<'s> {
    schema: &'s Schema,
    subject: &'static Subject,
    /// The systems whose facts the rule meets; attributes are looked up for them.
    systems: Vec<System>,
    /// Optional values may be used unguarded: in messages, where they print as
    /// `unknown`.
    printing: bool,
    locals: Vec<(String, Ty)>,
    /// What is wrong, in the order it was found.
    pub errors: Vec<ExprError>,
    /// The attributes used, with the systems that declare them.
    pub attributes: Vec<(Range<usize>, Sym, Vec<System>)>,
}

impl<'s> Checker<'s> {
    pub fn new(schema: &'s Schema, subject: &'static Subject) -> Self {
        Checker {
            schema,
            subject,
            systems: System::ALL.to_vec(),
            printing: false,
            locals: Vec::new(),
            errors: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// Restricts the facts to those of some systems.
    pub fn for_systems(mut self, systems: &[System]) -> Self {
        self.systems = systems.to_vec();
        self
    }

    /// Lets optional values be used unguarded.
    pub fn printing(mut self) -> Self {
        self.printing = true;
        self
    }

    /// Checks a condition.
    pub fn condition(&mut self, expr: &Expr, known: &Known) -> Option<Typed> {
        let typed = self.check(expr, known)?;
        self.want(Ty::Bool, &typed, expr)?;
        Some(typed)
    }

    fn fail<T>(&mut self, error: ExprError) -> Option<T> {
        self.errors.push(error);
        None
    }

    fn want(&mut self, ty: Ty, got: &Typed, expr: &Expr) -> Option<()> {
        if got.ty == ty {
            return Some(());
        }
        let message = format!("expected a {ty}, found a {}", got.ty);
        self.fail(ExprError::new(
            expr.at.clone(),
            message,
            format!("this is a {}", got.ty),
        ))
    }

    /// Checks any expression, given what is known to be present.
    pub fn check(&mut self, expr: &Expr, known: &Known) -> Option<Typed> {
        let plain = |value, ty| Some(Typed::new(Ir::Const(value), ty));
        let typed = match &expr.kind {
            Kind::Bool(value) => plain(Val::Bool(*value), Ty::Bool),
            Kind::Int(number) => plain(Val::Int(*number), Ty::Int),
            Kind::Str(text) => plain(Val::Str(Sym::new(text)), Ty::Str),
            Kind::List(list) => self.texts(expr, list),
            Kind::Name(name) => self.name(expr, name, known),
            Kind::Field(of, name, at) => self.field(expr, of, name, at, known, false),
            Kind::Call {
                of,
                name,
                name_at,
                args,
            } => match of {
                Some(of) => self.method(expr, of, name, name_at, args, known),
                None => self.function(expr, name, name_at, args, known),
            },
            Kind::Not(of) => {
                let inner = self.condition(of, known)?;
                Some(Typed {
                    ir: Ir::Not(Box::new(inner.ir)),
                    ty: Ty::Bool,
                    yes: inner.no,
                    no: inner.yes,
                })
            }
            Kind::Negate(of) => {
                let inner = self.check(of, known)?;
                self.want(Ty::Int, &inner, of)?;
                let pair = Box::new([Ir::Const(Val::Int(0)), inner.ir]);
                Some(Typed::new(Ir::Arithmetic(Arithmetic::Sub, pair), Ty::Int))
            }
            Kind::And(parts) => self.chain(parts, known, true),
            Kind::Or(parts) => self.chain(parts, known, false),
            Kind::Binary(op, a, b) => self.binary(expr, *op, a, b, known),
            Kind::Ternary(test, this, that) => self.choose(expr, test, this, that, known),
        }?;
        Some(Typed {
            ir: fold(typed.ir),
            ..typed
        })
    }

    /// A chain of `&&` (`all`) or `||`. Every part is checked, so that all errors show.
    fn chain(&mut self, parts: &[Expr], known: &Known, all: bool) -> Option<Typed> {
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

    fn choose(
        &mut self,
        expr: &Expr,
        test: &Expr,
        this: &Expr,
        that: &Expr,
        known: &Known,
    ) -> Option<Typed> {
        let test = self.condition(test, known)?;
        let with = |more: &Known| known.union(more).cloned().collect::<Known>();
        let a = self.check(this, &with(&test.yes));
        let b = self.check(that, &with(&test.no));
        let (a, b) = (a?, b?);
        if a.ty != b.ty {
            let message = format!("the two choices are a {} and a {}", a.ty, b.ty);
            return self.fail(ExprError::new(
                expr.at.clone(),
                message,
                "must be of one type",
            ));
        }
        let both = |x: &Known, y: &Known, s: &Known, t: &Known| -> Known {
            let left: Known = x.union(y).cloned().collect();
            let right: Known = s.union(t).cloned().collect();
            left.intersection(&right).cloned().collect()
        };
        Some(Typed {
            yes: both(&test.yes, &a.yes, &test.no, &b.yes),
            no: both(&test.yes, &a.no, &test.no, &b.no),
            ty: a.ty,
            ir: Ir::Choose(Box::new([test.ir, a.ir, b.ir])),
        })
    }

    fn texts(&mut self, expr: &Expr, list: &[Expr]) -> Option<Typed> {
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

    fn name(&mut self, expr: &Expr, name: &str, known: &Known) -> Option<Typed> {
        if name == "now" {
            return Some(Typed::new(Ir::Now, Ty::Time));
        }
        if let Some(at) = self.locals.iter().rposition(|(local, _)| local == name) {
            return Some(Typed::new(Ir::Local(at), self.locals[at].1));
        }
        if let Some(root) = self.subject.root(name) {
            if root.optional && !self.printing && !known.contains(name) {
                return self.fail(absent(expr, name));
            }
            return Some(Typed::new(Ir::Root(root.root), Ty::Record(root.record)));
        }
        let error = ExprError::new(
            expr.at.clone(),
            format!("unknown name `{name}`"),
            "not in scope",
        );
        let fact = self.subject.roots.first();
        let error = match fact.filter(|fact| {
            self.schema
                .field(fact.record, name, &self.systems)
                .is_some()
        }) {
            Some(fact) => error.help(format!("write `{}.{name}`", fact.name)),
            None => {
                let locals = self.locals.iter().map(|(local, _)| local.as_str());
                let names = || {
                    self.subject
                        .roots
                        .iter()
                        .map(|root| root.name)
                        .chain(["now"])
                };
                let near = did_you_mean(name, names().chain(locals));
                let all: Vec<String> = names().map(|name| format!("`{name}`")).collect();
                error.help(near.unwrap_or_else(|| format!("in scope are {}", all.join(", "))))
            }
        };
        self.fail(error)
    }

    /// A field access; `asking` when it stands in `has()`.
    fn field(
        &mut self,
        expr: &Expr,
        of: &Expr,
        name: &str,
        at: &Range<usize>,
        known: &Known,
        asking: bool,
    ) -> Option<Typed> {
        // `has(identity.owner)` also asks for `identity`.
        let mut given = known.clone();
        if asking && let Kind::Name(root) = &of.kind {
            given.insert(root.clone());
        }
        let record = self.check(of, &given)?;
        let Ty::Record(def) = record.ty else {
            let message = format!("a {} has no field `{name}`", record.ty);
            return self.fail(ExprError::new(at.clone(), message, "no such field"));
        };
        let Some(field) = self.schema.field(def, name, &self.systems) else {
            return self.unknown_field(def, name, at);
        };
        let (ty, optional) = (field.ty(), field.optional());
        if let Field::Attribute(attribute) = field {
            let schema = self.schema;
            let meant = || {
                schema
                    .named(def, name)
                    .filter(|one| one.is_of(&self.systems))
            };
            if meant().count() > 1 {
                let types: Vec<String> = meant()
                    .map(|one| {
                        let of: Vec<&str> = one.systems.iter().map(|s| s.as_str()).collect();
                        format!("a {} for {}", one.ty, of.join(" and "))
                    })
                    .collect();
                let message = format!("`{name}` is {}", types.join(", "));
                let error = ExprError::new(at.clone(), message, "which of them?");
                let help = "restrict the rule to one system first: `….system == \"…\" && …`";
                return self.fail(error.help(help));
            }
            self.attributes
                .push((at.clone(), attribute.name, attribute.systems.clone()));
        }
        let path = expr.path().unwrap_or_default();
        if asking && !optional {
            let whole = of.path().is_some_and(|root| {
                self.subject.root(&root).is_some_and(|root| root.optional) && !known.contains(&root)
            });
            if !whole {
                let message = format!("`{path}` is always there");
                let error = ExprError::new(expr.at.clone(), message, "not optional");
                return self.fail(error.help("leave out this `has()`"));
            }
        }
        if optional && !asking && !self.printing && !known.contains(&path) {
            return self.fail(absent(expr, &path));
        }
        let ir = match (record.ir, field) {
            (Ir::Root(root), Field::Core(field)) => Ir::Field(root, field.get),
            (Ir::Root(root), Field::Attribute(attribute)) => Ir::Attribute(root, attribute.name),
            (Ir::Local(local), Field::Core(field)) => Ir::LocalField(local, field.get),
            // Records are only reached by name; parts of facts have no attributes.
            _ => {
                let message = format!("`{name}` cannot be read here");
                return self.fail(ExprError::new(expr.at.clone(), message, "not a plain name"));
            }
        };
        Some(Typed::new(ir, ty))
    }

    fn unknown_field<T>(
        &mut self,
        record: &'static RecordDef,
        name: &str,
        at: &Range<usize>,
    ) -> Option<T> {
        let error = ExprError::new(
            at.clone(),
            format!("unknown field `{name}` of `{}`", record.name),
            "no such field",
        );
        let help = did_you_mean(name, self.schema.names(record)).unwrap_or_else(|| {
            let all: Vec<&str> = self.schema.names(record).collect();
            format!("fields are {}", all.join(", "))
        });
        self.fail(error.help(help))
    }

    fn binary(&mut self, expr: &Expr, op: Op, a: &Expr, b: &Expr, known: &Known) -> Option<Typed> {
        match op {
            Op::In => return self.element(expr, a, b, known),
            Op::Eq | Op::Ne => return self.equal(expr, op, a, b, known),
            _ => {}
        }
        let left = self.check(a, known);
        let right = self.check(b, known);
        let (left, right) = (left?, right?);
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

    fn mismatch(&self, expr: &Expr, op: Op, left: &Typed, right: &Typed) -> ExprError {
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

    fn equal(&mut self, expr: &Expr, op: Op, a: &Expr, b: &Expr, known: &Known) -> Option<Typed> {
        let left = self.check(a, known);
        let right = self.check(b, known);
        let (left, right) = (left?, right?);
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
    fn bit(&mut self, set: &'static EnumDef, name: &str, at: &Range<usize>) -> Option<u32> {
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

    fn element(&mut self, expr: &Expr, a: &Expr, b: &Expr, known: &Known) -> Option<Typed> {
        let Kind::List(list) = &b.kind else {
            let left = self.check(a, known);
            let right = self.check(b, known);
            let (left, right) = (left?, right?);
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

    /// The arguments, if there are as many as the function takes.
    fn arguments<'e, const N: usize>(
        &mut self,
        name: &str,
        at: &Range<usize>,
        args: &'e [Expr],
    ) -> Option<&'e [Expr; N]> {
        match args.try_into() {
            Ok(args) => Some(args),
            Err(_) => {
                let message = format!(
                    "`{name}` takes {N} argument{}, found {}",
                    if N == 1 { "" } else { "s" },
                    args.len()
                );
                let error = ExprError::new(at.clone(), message, "wrong number of arguments");
                self.fail(error.help(usage(name)))
            }
        }
    }

    fn function(
        &mut self,
        expr: &Expr,
        name: &str,
        at: &Range<usize>,
        args: &[Expr],
        known: &Known,
    ) -> Option<Typed> {
        match name {
            "has" => {
                let [arg] = self.arguments(name, at, args)?;
                self.has(arg, known)
            }
            "size" => {
                let [arg] = self.arguments(name, at, args)?;
                self.size(arg, known)
            }
            "age" => {
                let [arg] = self.arguments(name, at, args)?;
                let time = self.check(arg, known)?;
                self.want(Ty::Time, &time, arg)?;
                let pair = Box::new([Ir::Now, time.ir]);
                Some(Typed::new(
                    Ir::Arithmetic(Arithmetic::Sub, pair),
                    Ty::Duration,
                ))
            }
            "duration" | "timestamp" => {
                let [arg] = self.arguments(name, at, args)?;
                let Kind::Str(text) = &arg.kind else {
                    let message = format!("`{name}` takes a constant text");
                    let error = ExprError::new(arg.at.clone(), message, "not a constant text");
                    return self.fail(error.help(usage(name)));
                };
                let read = if name == "duration" {
                    parse_duration(text).map(|length| (Val::Duration(length), Ty::Duration))
                } else {
                    let time: Result<Timestamp, _> = text.parse();
                    time.map(|time| (Val::Time(time), Ty::Time))
                        .map_err(|_| format!("`{text}` is not a point in time"))
                };
                match read {
                    Ok((value, ty)) => Some(Typed::new(Ir::Const(value), ty)),
                    Err(message) => {
                        let error = ExprError::new(arg.at.clone(), message, "cannot be read");
                        self.fail(error.help(usage(name)))
                    }
                }
            }
            _ => self.unknown_function(expr, name, at),
        }
    }

    fn unknown_function<T>(&mut self, expr: &Expr, name: &str, at: &Range<usize>) -> Option<T> {
        let message = format!("unknown function `{name}`");
        let error = ExprError::new(at.clone(), message, "no such function");
        let is_method = matches!(expr.kind, Kind::Call { of: Some(_), .. });
        let known = FUNCTIONS.iter().find(|(function, ..)| *function == name);
        self.fail(match known {
            Some((_, form, _)) => error.help(format!(
                "it is called {}: `{form}`",
                if is_method {
                    "without a receiver"
                } else {
                    "on a value"
                }
            )),
            None => {
                let names = FUNCTIONS.iter().map(|(function, ..)| *function);
                let all: Vec<&str> = names.clone().collect();
                let near = did_you_mean(name, names);
                error.help(near.unwrap_or_else(|| format!("functions are {}", all.join(", "))))
            }
        })
    }

    fn has(&mut self, arg: &Expr, known: &Known) -> Option<Typed> {
        let inner = match &arg.kind {
            Kind::Field(of, name, at) => self.field(arg, of, name, at, known, true)?,
            Kind::Name(name) => match self.subject.root(name) {
                Some(root) if root.optional => {
                    Typed::new(Ir::Root(root.root), Ty::Record(root.record))
                }
                Some(_) => {
                    let message = format!("`{name}` is always there");
                    let error = ExprError::new(arg.at.clone(), message, "not optional");
                    return self.fail(error.help("leave out this `has()`"));
                }
                None => return self.name(arg, name, known),
            },
            _ => {
                let message = "`has` takes an optional field";
                return self.fail(ExprError::new(arg.at.clone(), message, "not a field"));
            }
        };
        let mut yes = Known::new();
        if let Some(path) = arg.path() {
            if let Some((root, _)) = path.split_once('.') {
                yes.insert(root.to_owned());
            }
            yes.insert(path);
        }
        Some(Typed {
            ir: Ir::Has(Box::new(inner.ir)),
            ty: Ty::Bool,
            yes,
            no: Known::new(),
        })
    }

    fn size(&mut self, of: &Expr, known: &Known) -> Option<Typed> {
        let value = self.check(of, known)?;
        if !matches!(value.ty, Ty::Str | Ty::List | Ty::Records(_)) {
            let message = format!("a {} has no size", value.ty);
            return self.fail(ExprError::new(
                of.at.clone(),
                message,
                "expected a list or a text",
            ));
        }
        Some(Typed::new(Ir::Size(Box::new(value.ir)), Ty::Int))
    }

    fn method(
        &mut self,
        expr: &Expr,
        of: &Expr,
        name: &str,
        at: &Range<usize>,
        args: &[Expr],
        known: &Known,
    ) -> Option<Typed> {
        let test = match name {
            "size" => {
                let [] = self.arguments(name, at, args)?;
                return self.size(of, known);
            }
            "exists" | "all" => {
                let [variable, test] = self.arguments(name, at, args)?;
                return self.each(name == "exists", of, variable, test, known);
            }
            "matches" => {
                let [arg] = self.arguments(name, at, args)?;
                return self.matches(of, arg, known);
            }
            "startsWith" => TextTest::StartsWith,
            "endsWith" => TextTest::EndsWith,
            "contains" => TextTest::Contains,
            "glob" => TextTest::Glob,
            _ => return self.unknown_function(expr, name, at),
        };
        let [arg] = self.arguments(name, at, args)?;
        let text = self.text(of, known);
        let other = self.text(arg, known);
        let pair = Box::new([text?, other?]);
        Some(Typed::new(Ir::Text(test, pair), Ty::Bool))
    }

    fn text(&mut self, expr: &Expr, known: &Known) -> Option<Ir> {
        let typed = self.check(expr, known)?;
        if typed.ty == Ty::Str {
            return Some(typed.ir);
        }
        let message = format!("expected a string, found a {}", typed.ty);
        let label = format!("this is a {}", typed.ty);
        let error = ExprError::new(expr.at.clone(), message, label);
        self.fail(match typed.ty {
            Ty::Enum(set) => error.help(format!("names are {}", set.names.join(", "))),
            Ty::List => error.help("test its elements: `list.exists(v, …)` or `x in list`"),
            _ => error,
        })
    }

    fn matches(&mut self, of: &Expr, arg: &Expr, known: &Known) -> Option<Typed> {
        let text = self.text(of, known)?;
        let Kind::Str(pattern) = &arg.kind else {
            let message = "`matches` takes a constant regular expression";
            return self.fail(ExprError::new(
                arg.at.clone(),
                message,
                "not a constant text",
            ));
        };
        match RegexBuilder::new(pattern).size_limit(MAX_REGEX).build() {
            Ok(regex) => Some(Typed::new(
                Ir::Matches(Box::new(text), Box::new(regex)),
                Ty::Bool,
            )),
            Err(error) => {
                let reason = error.to_string();
                let last = reason.lines().last().unwrap_or_default().to_owned();
                let message = format!("`{pattern}` is not a regular expression");
                self.fail(ExprError::new(arg.at.clone(), message, last))
            }
        }
    }

    fn each(
        &mut self,
        any: bool,
        of: &Expr,
        variable: &Expr,
        test: &Expr,
        known: &Known,
    ) -> Option<Typed> {
        let list = self.check(of, known)?;
        let item = match list.ty {
            Ty::List => Ty::Str,
            Ty::Records(record) => Ty::Record(record),
            other => {
                let message = format!("expected a list, found a {other}");
                return self.fail(ExprError::new(
                    of.at.clone(),
                    message,
                    format!("this is a {other}"),
                ));
            }
        };
        let Kind::Name(name) = &variable.kind else {
            let message = "expected the name of a variable";
            return self.fail(ExprError::new(variable.at.clone(), message, "not a name"));
        };
        let taken = name == "now"
            || self.subject.root(name).is_some()
            || self.locals.iter().any(|(local, _)| local == name);
        if taken {
            let message = format!("`{name}` is already a name in scope");
            return self.fail(ExprError::new(
                variable.at.clone(),
                message,
                "choose another name",
            ));
        }
        if self.locals.len() >= MAX_NESTING {
            let message = format!("`exists` and `all` nest at most {MAX_NESTING} deep");
            return self.fail(ExprError::new(of.at.clone(), message, "too deep"));
        }
        self.locals.push((name.clone(), item));
        let test = self.condition(test, known);
        self.locals.pop();
        Some(Typed::new(
            Ir::Each {
                any,
                local: self.locals.len(),
                list: Box::new(list.ir),
                test: Box::new(test?.ir),
            },
            Ty::Bool,
        ))
    }
}

fn usage(name: &str) -> String {
    let form = FUNCTIONS.iter().find(|(function, ..)| *function == name);
    form.map_or_else(String::new, |(_, form, doc)| format!("`{form}`: {doc}"))
}

fn absent(expr: &Expr, path: &str) -> ExprError {
    ExprError::new(
        expr.at.clone(),
        format!("`{path}` may be absent"),
        "used without asking whether it is there",
    )
    .help(format!("ask first: `has({path}) && …`"))
}

/// Evaluates what does not depend on a fact.
fn fold(ir: Ir) -> Ir {
    let constant = |ir: &Ir| matches!(ir, Ir::Const(_));
    let ready = match &ir {
        Ir::And(parts) => {
            // `false && x` is false; only the parts that are not true matter.
            parts
                .iter()
                .any(|part| matches!(part, Ir::Const(Val::Bool(false))))
                || parts.iter().all(constant)
        }
        Ir::Or(parts) => {
            parts
                .iter()
                .any(|part| matches!(part, Ir::Const(Val::Bool(true))))
                || parts.iter().all(constant)
        }
        Ir::Not(of) | Ir::TextIn(of, _) | Ir::IntIn(of, _) => constant(of),
        Ir::Equal(pair) | Ir::Compare(_, pair) | Ir::Arithmetic(_, pair) | Ir::Text(_, pair) => {
            pair.iter().all(constant)
        }
        _ => false,
    };
    if !ready {
        return ir;
    }
    let nothing = Scope {
        objects: [Object::Absent; 5],
        now: Timestamp::UNIX_EPOCH,
    };
    let value = match &ir {
        Ir::And(_) => Val::Bool(!ir_has(&ir, false)),
        Ir::Or(_) => Val::Bool(ir_has(&ir, true)),
        other => match other.eval(&nothing) {
            Val::Bool(value) => Val::Bool(value),
            Val::Int(number) => Val::Int(number),
            Val::Time(time) => Val::Time(time),
            Val::Duration(length) => Val::Duration(length),
            _ => return ir,
        },
    };
    Ir::Const(value)
}

/// Whether a chain has the constant `value`.
fn ir_has(chain: &Ir, value: bool) -> bool {
    match chain {
        Ir::And(parts) | Ir::Or(parts) => parts
            .iter()
            .any(|part| matches!(part, Ir::Const(Val::Bool(known)) if *known == value)),
        _ => false,
    }
}
