//! Typed facts beyond the common fields.
//!
//! Each system declares the attributes its resolver sets, with type and meaning.
//! The declaration is the single source for the rule checker, for "did you mean",
//! for the field reference in the documentation and for the check in debug builds
//! that a resolver sets what it declared.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Sym;

/// What a rule can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactKind {
    /// [`super::Entitlement`]
    Entitlement,
    /// [`super::Credential`]
    Credential,
    /// [`super::Identity`]
    Identity,
    /// [`super::Trust`]
    Trust,
    /// [`super::Path`]
    Path,
    /// A grant of a just-in-time system, folded from the ledger.
    Grant,
    /// [`super::Tenant`]: settings of a whole account, organisation, cluster or vault.
    Source,
}

impl FactKind {
    /// Every kind.
    pub const ALL: [FactKind; 7] = [
        FactKind::Entitlement,
        FactKind::Credential,
        FactKind::Identity,
        FactKind::Trust,
        FactKind::Path,
        FactKind::Grant,
        FactKind::Source,
    ];

    /// The name used in rules and baselines.
    pub const fn as_str(self) -> &'static str {
        match self {
            FactKind::Entitlement => "entitlement",
            FactKind::Credential => "credential",
            FactKind::Identity => "identity",
            FactKind::Trust => "trust",
            FactKind::Path => "path",
            FactKind::Grant => "grant",
            FactKind::Source => "source",
        }
    }
}

/// The type of an attribute or of an expression over facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A 64-bit signed number.
    Int,
    /// Text.
    String,
    /// A list of texts.
    List,
    /// A point in time.
    Timestamp,
    /// A length of time.
    Duration,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A point in time.
    Time(Timestamp),
    /// A length of time.
    Duration(SignedDuration),
    /// Text.
    Str(Sym),
    /// A list of texts.
    List(Box<[Sym]>),
}

impl Value {
    /// The type of this value.
    pub fn type_of(&self) -> Type {
        match self {
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Str(_) => Type::String,
            Value::List(_) => Type::List,
            Value::Time(_) => Type::Timestamp,
            Value::Duration(_) => Type::Duration,
        }
    }
}

macro_rules! value_from {
    ($($from:ty => $make:expr),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                #[allow(clippy::redundant_closure_call)]
                ($make)(value)
            }
        })*
    };
}

value_from! {
    bool => Value::Bool,
    i64 => Value::Int,
    u32 => |n: u32| Value::Int(i64::from(n)),
    usize => |n: usize| Value::Int(i64::try_from(n).unwrap_or(i64::MAX)),
    Timestamp => Value::Time,
    SignedDuration => Value::Duration,
    Sym => Value::Str,
    &str => |text: &str| Value::Str(Sym::new(text)),
    Vec<Sym> => |list: Vec<Sym>| Value::List(list.into()),
}

/// Declares one attribute a resolver may set.
#[derive(Clone, Copy, Debug)]
pub struct AttributeDecl {
    /// The fact it belongs to.
    pub on: FactKind,
    /// Its name in rules: `credential.secret_id_ttl`.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// What it means and in which unit.
    pub doc: &'static str,
}

/// Declares an attribute; lists of them import it as `on`.
pub const fn declare(
    on: FactKind,
    name: &'static str,
    ty: Type,
    doc: &'static str,
) -> AttributeDecl {
    AttributeDecl { on, name, ty, doc }
}

/// The attributes of one fact: few, so a list beats a map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attrs(Vec<(Sym, Value)>);

impl Attrs {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `name`, replacing an earlier value.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        let name = Sym::of(name);
        let value = value.into();
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Sets `name` if the value was seen.
    pub fn set_some(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// Builder form of [`Attrs::set`].
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// The value of `name`, if it was seen.
    pub fn get(&self, name: Sym) -> Option<&Value> {
        self.0
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// The text `name`, if it was seen and is one.
    pub fn text(&self, name: Sym) -> Option<Sym> {
        match self.get(name)? {
            Value::Str(text) => Some(*text),
            _ => None,
        }
    }

    /// The truth value `name`, if it was seen and is one.
    pub fn flag(&self, name: Sym) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The list `name`, if it was seen and is one.
    pub fn list(&self, name: Sym) -> Option<&[Sym]> {
        match self.get(name)? {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// Forgets `name`.
    pub fn remove(&mut self, name: Sym) {
        self.0.retain(|(key, _)| *key != name);
    }

    /// All attributes in the order they were set.
    pub fn iter(&self) -> impl Iterator<Item = (Sym, &Value)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
