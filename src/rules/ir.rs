//! The typed form of an expression, evaluated over facts.
//!
//! What the checker accepts is lowered to this tree: names have become accessors,
//! names of enumerated values have become small numbers, texts have become interned
//! symbols, constants are folded, regular expressions compiled. Evaluation walks the
//! tree, allocates nothing and cannot fail: arithmetic saturates, and whatever could
//! go wrong in CEL at run time (missing fields, mixed types, division by zero) is an
//! error when the rule is loaded.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use super::schema::Getter;
use super::value::{Object, Root, Scope, Val};
use crate::model::{Sym, glob};

/// Most comprehensions (`exists`, `all`) inside one another.
pub(super) const MAX_NESTING: usize = 2;

/// Variables of the comprehensions around an expression.
type Locals<'f> = [Val<'f>; MAX_NESTING];

/// An expression over a fact.
#[derive(Clone, Debug)]
pub(super) enum Ir {
    Const(Val<'static>),
    Texts(Box<[Sym]>),
    /// `now`
    Now,
    /// A whole record: its presence can be asked for.
    Root(Root),
    /// A common field.
    Field(Root, Getter),
    /// A declared attribute.
    Attribute(Root, Sym),
    /// A comprehension variable.
    Local(usize),
    /// A field of a comprehension variable.
    LocalField(usize, Getter),
    Has(Box<Ir>),
    Not(Box<Ir>),
    And(Box<[Ir]>),
    Or(Box<[Ir]>),
    Choose(Box<[Ir; 3]>),
    Equal(Box<[Ir; 2]>),
    /// An enumerated value is one of a set, by bits.
    VariantIn(Box<Ir>, u32),
    /// A text is one of a few.
    TextIn(Box<Ir>, Box<[Sym]>),
    /// A number is one of a few.
    IntIn(Box<Ir>, Box<[i64]>),
    /// A text is an element of a list.
    ElementOf(Box<[Ir; 2]>),
    Compare(Order, Box<[Ir; 2]>),
    Arithmetic(Arithmetic, Box<[Ir; 2]>),
    Text(TextTest, Box<[Ir; 2]>),
    Matches(Box<Ir>, Box<Regex>),
    Size(Box<Ir>),
    /// `list.exists(v, test)` (`any`) or `list.all(v, test)`, with the variable's place.
    Each {
        any: bool,
        local: usize,
        list: Box<Ir>,
        test: Box<Ir>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
    Glob,
}

impl Ir {
    /// The value for one fact.
    pub fn eval<'f>(&'f self, scope: &Scope<'f>) -> Val<'f> {
        self.run(scope, &[Val::Missing; MAX_NESTING])
    }

    /// Whether it holds for one fact.
    pub fn holds<'f>(&'f self, scope: &Scope<'f>) -> bool {
        self.eval(scope).is_true()
    }

    fn run<'f>(&'f self, scope: &Scope<'f>, locals: &Locals<'f>) -> Val<'f> {
        let yes = |ir: &'f Ir| ir.run(scope, locals).is_true();
        let both = |pair: &'f [Ir; 2]| (pair[0].run(scope, locals), pair[1].run(scope, locals));
        match self {
            Ir::Const(value) => *value,
            Ir::Texts(list) => Val::List(list),
            Ir::Now => Val::Time(scope.now),
            Ir::Root(root) => match scope.object(*root) {
                Object::Absent => Val::Missing,
                object => Val::Object(object),
            },
            Ir::Field(root, get) => get(scope.object(*root)),
            Ir::Attribute(root, name) => scope
                .object(*root)
                .attrs()
                .and_then(|attrs| attrs.get(*name))
                .map_or(Val::Missing, Val::from),
            Ir::Local(local) => locals[*local],
            Ir::LocalField(local, get) => match locals[*local] {
                Val::Object(object) => get(object),
                _ => Val::Missing,
            },
            Ir::Has(of) => Val::Bool(!matches!(of.run(scope, locals), Val::Missing)),
            Ir::Not(of) => Val::Bool(!yes(of)),
            Ir::And(parts) => Val::Bool(parts.iter().all(yes)),
            Ir::Or(parts) => Val::Bool(parts.iter().any(yes)),
            Ir::Choose(parts) => {
                let [test, this, that] = &**parts;
                (if yes(test) { this } else { that }).run(scope, locals)
            }
            Ir::Equal(pair) => {
                let (a, b) = both(pair);
                Val::Bool(a.equals(b))
            }
            Ir::VariantIn(of, set) => match of.run(scope, locals) {
                Val::Variant(place) => Val::Bool(set >> place & 1 == 1),
                _ => Val::Bool(false),
            },
            Ir::TextIn(of, set) => match of.run(scope, locals) {
                Val::Str(text) => Val::Bool(set.contains(&text)),
                _ => Val::Bool(false),
            },
            Ir::IntIn(of, set) => match of.run(scope, locals) {
                Val::Int(number) => Val::Bool(set.contains(&number)),
                _ => Val::Bool(false),
            },
            Ir::ElementOf(pair) => match both(pair) {
                (Val::Str(text), Val::List(list)) => Val::Bool(list.contains(&text)),
                _ => Val::Bool(false),
            },
            Ir::Compare(order, pair) => {
                let (a, b) = both(pair);
                Val::Bool(a.compare(b).is_some_and(|ordering| order.accepts(ordering)))
            }
            Ir::Arithmetic(op, pair) => {
                let (a, b) = both(pair);
                op.apply(a, b)
            }
            Ir::Text(test, pair) => match both(pair) {
                (Val::Str(text), Val::Str(other)) => {
                    Val::Bool(test.holds(text.as_str(), other.as_str()))
                }
                _ => Val::Bool(false),
            },
            Ir::Matches(of, regex) => match of.run(scope, locals) {
                Val::Str(text) => Val::Bool(regex.is_match(text.as_str())),
                _ => Val::Bool(false),
            },
            Ir::Size(of) => Val::Int(of.run(scope, locals).size()),
            Ir::Each {
                any,
                local,
                list,
                test,
            } => {
                let mut inner = *locals;
                let found = list.run(scope, locals).items().any(|item| {
                    inner[*local] = item;
                    // `all` looks for a counterexample.
                    test.run(scope, &inner).is_true() == *any
                });
                Val::Bool(found == *any)
            }
        }
    }
}

impl Order {
    fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Order::Lt => ordering.is_lt(),
            Order::Le => ordering.is_le(),
            Order::Gt => ordering.is_gt(),
            Order::Ge => ordering.is_ge(),
        }
    }
}

impl Arithmetic {
    fn apply<'f>(self, a: Val<'f>, b: Val<'f>) -> Val<'f> {
        use Arithmetic::{Add, Div, Mul, Rem, Sub};
        match (self, a, b) {
            (Add, Val::Int(a), Val::Int(b)) => Val::Int(a.saturating_add(b)),
            (Sub, Val::Int(a), Val::Int(b)) => Val::Int(a.saturating_sub(b)),
            (Mul, Val::Int(a), Val::Int(b)) => Val::Int(a.saturating_mul(b)),
            // The checker admits only divisors that are no zero.
            (Div, Val::Int(a), Val::Int(b)) => Val::Int(a.checked_div(b).unwrap_or(i64::MAX)),
            (Rem, Val::Int(a), Val::Int(b)) => Val::Int(a.checked_rem(b).unwrap_or(0)),
            (Sub, Val::Time(a), Val::Time(b)) => Val::Duration(a.duration_since(b)),
            (Add, Val::Time(a), Val::Duration(b)) | (Add, Val::Duration(b), Val::Time(a)) => {
                Val::Time(later(a, b))
            }
            (Sub, Val::Time(a), Val::Duration(b)) => {
                Val::Time(later(a, SignedDuration::ZERO.saturating_sub(b)))
            }
            (Add, Val::Duration(a), Val::Duration(b)) => Val::Duration(a.saturating_add(b)),
            (Sub, Val::Duration(a), Val::Duration(b)) => Val::Duration(a.saturating_sub(b)),
            _ => Val::Missing,
        }
    }
}

/// `time` moved by `length`, within what a timestamp can say.
fn later(time: Timestamp, length: SignedDuration) -> Timestamp {
    time.checked_add(length).unwrap_or(if length.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

impl TextTest {
    fn holds(self, text: &str, other: &str) -> bool {
        match self {
            TextTest::StartsWith => text.starts_with(other),
            TextTest::EndsWith => text.ends_with(other),
            TextTest::Contains => text.contains(other),
            TextTest::Glob => glob(other, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let op = |op: Arithmetic, a, b| format!("{:?}", op.apply(a, b));
        let far = Val::Duration(SignedDuration::MAX);
        assert_eq!(
            op(Arithmetic::Add, Val::Time(Timestamp::UNIX_EPOCH), far),
            format!("{:?}", Val::Time(Timestamp::MAX))
        );
        assert_eq!(
            op(Arithmetic::Mul, Val::Int(i64::MAX), Val::Int(2)),
            format!("{:?}", Val::Int(i64::MAX))
        );
        let least = Val::Duration(SignedDuration::MIN);
        assert_eq!(
            op(Arithmetic::Sub, Val::Time(Timestamp::UNIX_EPOCH), least),
            format!("{:?}", Val::Time(Timestamp::MAX))
        );
    }
}
