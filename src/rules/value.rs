//! What expressions are evaluated over: facts, by reference, and small values.
//!
//! A [`Val`] is `Copy` and borrows from the inventory, so evaluating a rule touches
//! no allocator.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use crate::config::Limits;
use crate::model::{
    Approval, Attrs, Claim, Credential, Entitlement, Grant, Identity, Path, Step, Sym, Tenant,
    Trust, Value,
};

/// A record of the model that expressions can look into.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Object<'f> {
    /// Nothing: a credential whose holder is not known.
    #[default]
    Absent,
    Entitlement(&'f Entitlement),
    Credential(&'f Credential),
    Identity(&'f Identity),
    Trust(&'f Trust),
    Path(&'f Path),
    Grant(&'f Grant),
    Tenant(&'f Tenant),
    Limits(&'f Limits),
    Claim(&'f Claim),
    Step(&'f Step),
    Approval(&'f Approval),
}

impl<'f> Object<'f> {
    /// What the system's resolver declared and set beyond the common fields.
    pub fn attrs(self) -> Option<&'f Attrs> {
        match self {
            Object::Entitlement(fact) => Some(&fact.attrs),
            Object::Credential(fact) => Some(&fact.attrs),
            Object::Identity(fact) => Some(&fact.attrs),
            Object::Trust(fact) => Some(&fact.attrs),
            Object::Path(fact) => Some(&fact.attrs),
            Object::Tenant(fact) => Some(&fact.attrs),
            Object::Absent
            | Object::Grant(_)
            | Object::Limits(_)
            | Object::Claim(_)
            | Object::Step(_)
            | Object::Approval(_) => None,
        }
    }
}

/// The value of an expression over one fact.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Val<'f> {
    /// An optional field that is not there. The checker lets no rule compute with
    /// it; it is only ever printed.
    #[default]
    Missing,
    Bool(bool),
    Int(i64),
    Str(Sym),
    /// Place of an enumerated value in its list of names.
    Variant(u8),
    Time(Timestamp),
    Duration(SignedDuration),
    List(&'f [Sym]),
    Claims(&'f [Claim]),
    Steps(&'f [Step]),
    Approvals(&'f [Approval]),
    Object(Object<'f>),
}

impl<'f> Val<'f> {
    pub fn is_true(self) -> bool {
        matches!(self, Val::Bool(true))
    }

    /// How two values of one type compare; `None` for different types, which the
    /// checker rules out.
    pub fn compare(self, other: Val<'_>) -> Option<Ordering> {
        match (self, other) {
            (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(&b)),
            (Val::Int(a), Val::Int(b)) => Some(a.cmp(&b)),
            (Val::Str(a), Val::Str(b)) => Some(a.cmp(&b)),
            (Val::Time(a), Val::Time(b)) => Some(a.cmp(&b)),
            (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(&b)),
            _ => None,
        }
    }

    /// Whether two values of one type are equal.
    pub fn equals(self, other: Val<'_>) -> bool {
        match (self, other) {
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::Int(a), Val::Int(b)) => a == b,
            // Numbers of interned texts: no text is compared.
            (Val::Str(a), Val::Str(b)) => a == b,
            (Val::Variant(a), Val::Variant(b)) => a == b,
            (Val::Time(a), Val::Time(b)) => a == b,
            (Val::Duration(a), Val::Duration(b)) => a == b,
            _ => false,
        }
    }

    /// Number of elements of a list; characters of a text.
    pub fn size(self) -> i64 {
        let size = match self {
            Val::List(list) => list.len(),
            Val::Claims(list) => list.len(),
            Val::Steps(list) => list.len(),
            Val::Approvals(list) => list.len(),
            Val::Str(text) => text.as_str().chars().count(),
            _ => 0,
        };
        i64::try_from(size).unwrap_or(i64::MAX)
    }

    /// The elements of a list.
    pub fn items(self) -> impl Iterator<Item = Val<'f>> {
        let (mut texts, mut claims, mut steps): (&[Sym], &[Claim], &[Step]) = (&[], &[], &[]);
        let mut approvals: &[Approval] = &[];
        match self {
            Val::List(list) => texts = list,
            Val::Claims(list) => claims = list,
            Val::Steps(list) => steps = list,
            Val::Approvals(list) => approvals = list,
            _ => {}
        }
        let texts = texts.iter().map(|&text| Val::Str(text));
        let claims = claims.iter().map(|claim| Val::Object(Object::Claim(claim)));
        let steps = steps.iter().map(|step| Val::Object(Object::Step(step)));
        let approvals = approvals
            .iter()
            .map(|one| Val::Object(Object::Approval(one)));
        texts.chain(claims).chain(steps).chain(approvals)
    }
}

impl<'f> From<&'f Value> for Val<'f> {
    fn from(value: &'f Value) -> Self {
        match value {
            Value::Bool(value) => Val::Bool(*value),
            Value::Int(number) => Val::Int(*number),
            Value::Str(text) => Val::Str(*text),
            Value::Time(time) => Val::Time(*time),
            Value::Duration(length) => Val::Duration(*length),
            Value::List(list) => Val::List(list),
        }
    }
}

macro_rules! val_from {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(
            impl<'f> From<$from> for Val<'f> {
                fn from(value: $from) -> Self {
                    Val::$variant(value)
                }
            }
            impl<'f> From<Option<$from>> for Val<'f> {
                fn from(value: Option<$from>) -> Self {
                    value.map_or(Val::Missing, Val::$variant)
                }
            }
        )*
    };
}

val_from! {
    bool => Bool,
    i64 => Int,
    Sym => Str,
    Timestamp => Time,
    SignedDuration => Duration,
    &'f [Sym] => List,
    &'f [Claim] => Claims,
    &'f [Step] => Steps,
    &'f [Approval] => Approvals,
}

/// Where a name of an expression finds its record. Numbers the objects of a [`Scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Root {
    /// The fact the rule is about.
    Fact,
    /// Its holder, walker or target.
    Holder,
    /// The identity on the other side: the trusted one, or the one a path reaches.
    Other,
    /// Its tenant.
    Tenant,
    /// The configured limits.
    Limits,
}

/// One fact with all a rule may look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'f> {
    /// By [`Root`].
    pub objects: [Object<'f>; 5],
    /// The moment of judgement.
    pub now: Timestamp,
}

impl<'f> Scope<'f> {
    pub fn object(&self, root: Root) -> Object<'f> {
        self.objects[root as usize]
    }
}
