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

mod fold;
mod functions;
mod operators;

use std::collections::BTreeSet;
use std::ops::Range;

use self::fold::fold;
use super::diagnostic::did_you_mean;
use super::ir::{Arithmetic, Ir};
use super::lex::ExprError;
use super::parse::{Expr, Kind};
use super::schema::{Field, RecordDef, Schema, Subject, Ty};
use super::value::Val;
use crate::model::{Sym, System};

pub(super) use self::functions::FUNCTIONS;

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
}

fn absent(expr: &Expr, path: &str) -> ExprError {
    ExprError::new(
        expr.at.clone(),
        format!("`{path}` may be absent"),
        "used without asking whether it is there",
    )
    .help(format!("ask first: `has({path}) && …`"))
}
