//! Functions and methods, and macros over lists.

use std::ops::Range;

use jiff::Timestamp;
use regex::RegexBuilder;

use super::super::diagnostic::did_you_mean;
use super::super::ir::{Arithmetic, Ir, MAX_NESTING, TextTest};
use super::super::lex::ExprError;
use super::super::parse::{Expr, Kind};
use super::super::schema::Ty;
use super::super::value::Val;
use super::{Checker, Known, Typed};
use crate::config::parse_duration;

/// Largest compiled regular expression.
const MAX_REGEX: usize = 1 << 20;

/// Names of functions and how they are written, for help.
pub(in crate::rules) const FUNCTIONS: [(&str, &str, &str); 13] = [
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

impl Checker<'_> {
    /// The arguments, if there are as many as the function takes.
    pub(super) fn arguments<'e, const N: usize>(
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

    pub(super) fn function(
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

    pub(super) fn unknown_function<T>(
        &mut self,
        expr: &Expr,
        name: &str,
        at: &Range<usize>,
    ) -> Option<T> {
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

    pub(super) fn has(&mut self, arg: &Expr, known: &Known) -> Option<Typed> {
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

    pub(super) fn size(&mut self, of: &Expr, known: &Known) -> Option<Typed> {
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

    pub(super) fn method(
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

    pub(super) fn text(&mut self, expr: &Expr, known: &Known) -> Option<Ir> {
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

    pub(super) fn matches(&mut self, of: &Expr, arg: &Expr, known: &Known) -> Option<Typed> {
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

    pub(super) fn each(
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
