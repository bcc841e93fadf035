//! Rules as data: YAML files with CEL conditions over facts.
//!
//! ```text
//!            load, once                                judge, per fact
//! rules/*.yaml ─ node ─► rule ─ lex, parse ─► check ─► ir ─► judge ─► finding
//!   (places)    (decode)     (syntax tree)   (types)  (typed form)
//! ```
//!
//! * [`RuleSet::embedded`] and [`RuleSet::with_dir`] read rule files. Whatever is
//!   wrong with a file is reported at once, each problem at its line and column with
//!   a caret and a proposal ([`RuleErrors`]).
//! * The condition is a written-down subset of CEL (grammar in `parse`). It is
//!   type-checked against the fact schema (`schema`) when it is loaded: a misspelt
//!   field, a comparison that can never be true, or an optional field used where it
//!   may be absent is an error, never a rule that silently does not fire.
//! * What passes is lowered to a typed tree over the model's own structs (`ir`) and
//!   evaluated without allocation. [`RuleSet::judge`] runs it over an inventory in
//!   parallel and gives findings in a fixed order.
//! * A rule names the kinds of coverage it needs. Where a tenant lacks one, the rule
//!   is reported as not evaluable there, never as passed.
//! * Every rule carries tests; [`RuleSet::self_test`] runs them.
//!
//! How to write a rule is told in `rules/README.md`.

mod check;
#[cfg(test)]
mod check_tests;
mod diagnostic;
mod finding;
mod fixture;
mod guide;
mod ir;
mod judge;
mod lex;
mod message;
mod narrow;
mod node;
#[cfg(test)]
mod oracle_tests;
mod parse;
mod registry;
mod rule;
mod schema;
mod selftest;
mod shell;
mod standards;
mod value;

pub use diagnostic::{Problem, RuleErrors};
pub use guide::field_reference;
pub use judge::Judgement;
pub use registry::{RuleSet, explain, undeclared};
pub use rule::Rule;
pub use selftest::{Failure, SelfTest};
