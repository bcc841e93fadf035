//! What rules can be about: the one place that lists facts, their fields and types.
//!
//! The tables here are the single source for the type checker, for "did you mean",
//! for evaluation (each field carries its accessor) and for the field reference in
//! `rules/README.md`. What the resolvers declare in [`crate::resolve::attributes`]
//! joins them as optional fields.

mod records;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use self::records::{CREDENTIAL, ENTITLEMENT, GRANT, IDENTITY, LIMITS, PATH, TENANT, TRUST};
use super::value::{Object, Root, Val};
use crate::model::{AttributeDecl, FactKind, Inventory, Sym, System, Type};

pub(super) use self::records::RECORDS;

/// The type of an expression.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ty {
    Bool,
    Int,
    Str,
    Time,
    Duration,
    /// A list of texts.
    List,
    /// One of a fixed set of names.
    Enum(&'static EnumDef),
    /// A fact or a part of one.
    Record(&'static RecordDef),
    /// A list of records.
    Records(&'static RecordDef),
}

impl PartialEq for Ty {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Ty::Enum(a), Ty::Enum(b)) => a.name == b.name,
            (Ty::Record(a), Ty::Record(b)) | (Ty::Records(a), Ty::Records(b)) => a.name == b.name,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Bool => f.write_str("bool"),
            Ty::Int => f.write_str("int"),
            Ty::Str => f.write_str("string"),
            Ty::Time => f.write_str("timestamp"),
            Ty::Duration => f.write_str("duration"),
            Ty::List => f.write_str("list of strings"),
            Ty::Enum(set) => f.write_str(set.name),
            Ty::Record(record) => f.write_str(record.name),
            Ty::Records(record) => write!(f, "list of {}s", record.name),
        }
    }
}

impl From<Type> for Ty {
    fn from(ty: Type) -> Self {
        match ty {
            Type::Bool => Ty::Bool,
            Type::Int => Ty::Int,
            Type::String => Ty::Str,
            Type::List => Ty::List,
            Type::Timestamp => Ty::Time,
            Type::Duration => Ty::Duration,
        }
    }
}

/// A fixed set of names, in the order of the model's `enum`.
#[derive(Debug)]
pub(super) struct EnumDef {
    pub name: &'static str,
    pub names: &'static [&'static str],
}

impl EnumDef {
    /// The place of `name`.
    pub fn find(&self, name: &str) -> Option<u8> {
        let at = self.names.iter().position(|known| *known == name)?;
        u8::try_from(at).ok()
    }
}

/// A record and its fields.
#[derive(Debug)]
pub(super) struct RecordDef {
    pub name: &'static str,
    /// Whose declared attributes are further fields.
    pub fact: Option<FactKind>,
    pub fields: &'static [FieldDef],
}

/// A field every fact of its kind has.
#[derive(Debug)]
pub(super) struct FieldDef {
    pub name: &'static str,
    pub ty: Ty,
    /// Must be asked for with `has()` first.
    pub optional: bool,
    pub doc: &'static str,
    pub get: Getter,
}

/// Reads a field. An object of another kind gives [`Val::Missing`].
pub(super) type Getter = for<'f> fn(Object<'f>) -> Val<'f>;

/// A field of a record: common, or an attribute some system declares.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<'s> {
    Core(&'static FieldDef),
    Attribute(&'s Attribute),
}

/// An attribute and the systems that set it.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub name: Sym,
    pub ty: Ty,
    pub systems: Vec<System>,
    pub docs: Vec<&'static str>,
}

impl Attribute {
    /// Whether one of `systems` declares it.
    pub fn is_of(&self, systems: &[System]) -> bool {
        self.systems.iter().any(|system| systems.contains(system))
    }
}

impl Field<'_> {
    pub fn ty(&self) -> Ty {
        match self {
            Field::Core(field) => field.ty,
            Field::Attribute(attribute) => attribute.ty,
        }
    }

    pub fn optional(&self) -> bool {
        match self {
            Field::Core(field) => field.optional,
            Field::Attribute(_) => true,
        }
    }
}

/// A name in scope of the rules about one kind of fact.
#[derive(Clone, Copy, Debug)]
pub(super) struct RootDef {
    pub name: &'static str,
    pub root: Root,
    pub record: &'static RecordDef,
    /// Must be asked for with `has()` first.
    pub optional: bool,
    pub doc: &'static str,
}

const fn root(
    name: &'static str,
    root: Root,
    record: &'static RecordDef,
    optional: bool,
    doc: &'static str,
) -> RootDef {
    RootDef {
        name,
        root,
        record,
        optional,
        doc,
    }
}

const TENANT_ROOT: RootDef = root(
    "tenant",
    Root::Tenant,
    &TENANT,
    false,
    "the account, organisation, cluster or vault",
);
const LIMITS_ROOT: RootDef = root(
    "limits",
    Root::Limits,
    &LIMITS,
    false,
    "thresholds from `tenure.yaml`",
);

/// A kind of fact that rules can be about.
#[derive(Debug)]
pub(super) struct Subject {
    /// `on:` of rules.
    pub name: &'static str,
    pub kind: FactKind,
    /// The names in scope besides `now`; the fact comes first.
    pub roots: &'static [RootDef],
}

/// Every kind of fact that rules can be about.
pub(super) static SUBJECTS: [Subject; 7] = [
    Subject {
        name: "entitlement",
        kind: FactKind::Entitlement,
        roots: &[
            root("entitlement", Root::Fact, &ENTITLEMENT, false, "the fact"),
            root("identity", Root::Holder, &IDENTITY, false, "who holds it"),
            TENANT_ROOT,
            LIMITS_ROOT,
        ],
    },
    Subject {
        name: "credential",
        kind: FactKind::Credential,
        roots: &[
            root("credential", Root::Fact, &CREDENTIAL, false, "the fact"),
            root("identity", Root::Holder, &IDENTITY, true, "whom it proves"),
            TENANT_ROOT,
            LIMITS_ROOT,
        ],
    },
    Subject {
        name: "identity",
        kind: FactKind::Identity,
        roots: &[
            root("identity", Root::Fact, &IDENTITY, false, "the fact"),
            TENANT_ROOT,
            LIMITS_ROOT,
        ],
    },
    Subject {
        name: "trust",
        kind: FactKind::Trust,
        roots: &[
            root("trust", Root::Fact, &TRUST, false, "the fact"),
            root("identity", Root::Holder, &IDENTITY, false, "who is become"),
            root(
                "trustee",
                Root::Other,
                &IDENTITY,
                true,
                "the trusted identity, where it was scanned too",
            ),
            TENANT_ROOT,
            LIMITS_ROOT,
        ],
    },
    Subject {
        name: "path",
        kind: FactKind::Path,
        roots: &[
            root("path", Root::Fact, &PATH, false, "the fact"),
            root("identity", Root::Holder, &IDENTITY, false, "who walks it"),
            root(
                "target",
                Root::Other,
                &IDENTITY,
                true,
                "the identity whose privilege is reached",
            ),
            TENANT_ROOT,
            LIMITS_ROOT,
        ],
    },
    Subject {
        name: "grant",
        kind: FactKind::Grant,
        roots: &[
            root("grant", Root::Fact, &GRANT, false, "the fact"),
            root(
                "identity",
                Root::Holder,
                &IDENTITY,
                true,
                "who is let in, where it was scanned too",
            ),
            TENANT_ROOT,
            LIMITS_ROOT,
        ],
    },
    Subject {
        name: "source",
        kind: FactKind::Source,
        roots: &[
            root("source", Root::Fact, &TENANT, false, "the fact"),
            root("tenant", Root::Fact, &TENANT, false, "the same"),
            LIMITS_ROOT,
        ],
    },
];

impl Subject {
    /// The subject of rules `on: name`.
    pub fn find(name: &str) -> Option<&'static Subject> {
        SUBJECTS.iter().find(|subject| subject.name == name)
    }

    pub fn root(&self, name: &str) -> Option<&'static RootDef> {
        self.roots.iter().find(|root| root.name == name)
    }
}

/// Every declared attribute: those of the resolvers, and those the joining stage sets
/// on facts of any system.
fn declared() -> impl Iterator<Item = (System, &'static AttributeDecl)> {
    let joined = crate::reach::ATTRIBUTES
        .iter()
        .flat_map(|decl| System::ALL.map(|system| (system, decl)));
    crate::resolve::attributes()
        .chain(joined)
        .chain(crate::jit::attributes())
}

/// The tables above, and the attributes the resolvers declare.
#[derive(Debug, Default)]
pub(super) struct Schema {
    attributes: BTreeMap<FactKind, Vec<Attribute>>,
}

impl Schema {
    /// With everything the resolvers of this program declare.
    pub fn standard() -> &'static Schema {
        static STANDARD: OnceLock<Schema> = OnceLock::new();
        STANDARD.get_or_init(|| Schema::new(declared()))
    }

    /// With these attributes. Systems that declare one name with one type share it;
    /// with different types they are different attributes of one name.
    pub fn new<'d>(declared: impl Iterator<Item = (System, &'d AttributeDecl)>) -> Self {
        let mut schema = Schema::default();
        for (system, decl) in declared {
            let name = Sym::new(decl.name);
            let list = schema.attributes.entry(decl.on).or_default();
            let ty = Ty::from(decl.ty);
            match list
                .iter_mut()
                .find(|known| known.name == name && known.ty == ty)
            {
                Some(known) => {
                    known.systems.push(system);
                    known.docs.push(decl.doc);
                }
                None => list.push(Attribute {
                    name,
                    ty,
                    systems: vec![system],
                    docs: vec![decl.doc],
                }),
            }
        }
        schema
    }

    /// The attributes of one kind of fact.
    pub fn attributes(&self, kind: FactKind) -> &[Attribute] {
        self.attributes.get(&kind).map_or(&[], Vec::as_slice)
    }

    fn attributes_of(&self, record: &RecordDef) -> &[Attribute] {
        record.fact.map_or(&[], |kind| self.attributes(kind))
    }

    /// The field `name` of `record`, as one of `systems` has it; otherwise as some
    /// other system has it.
    pub fn field(
        &self,
        record: &'static RecordDef,
        name: &str,
        systems: &[System],
    ) -> Option<Field<'_>> {
        let core = record.fields.iter().find(|field| field.name == name);
        core.map(Field::Core).or_else(|| {
            let all = || self.named(record, name);
            all()
                .find(|attribute| attribute.is_of(systems))
                .or_else(|| all().next())
                .map(Field::Attribute)
        })
    }

    /// The attributes called `name`: one for each type systems declare it with.
    pub fn named(
        &self,
        record: &'static RecordDef,
        name: &str,
    ) -> impl Iterator<Item = &Attribute> {
        self.attributes_of(record)
            .iter()
            .filter(move |attribute| attribute.name == *name)
    }

    /// The names of all fields of `record`.
    pub fn names(&self, record: &'static RecordDef) -> impl Iterator<Item = &'static str> {
        let core = record.fields.iter().map(|field| field.name);
        core.chain(self.attributes_of(record).iter().map(|a| a.name.as_str()))
    }

    /// Attributes of `inventory` that no resolver declared, or that have another type
    /// than declared: rules cannot see them. Tests of resolvers expect none.
    pub fn undeclared(&self, inventory: &Inventory) -> Vec<String> {
        type Set<'a> = (System, &'a crate::model::Attrs);
        let attrs = |kind: FactKind, of: Box<dyn Iterator<Item = Set<'_>> + '_>| {
            let mut wrong = Vec::new();
            for (system, set) in of {
                for (name, value) in set.iter() {
                    let ty = Ty::from(value.type_of());
                    let known = self.attributes(kind).iter().find(|known| {
                        known.name == name && known.ty == ty && known.systems.contains(&system)
                    });
                    if known.is_none() {
                        let kind = kind.as_str();
                        wrong.push(format!("{system}: {kind}.{name} is set to a {ty}"));
                    }
                }
            }
            wrong
        };
        let mut all = [
            attrs(
                FactKind::Entitlement,
                Box::new(
                    inventory
                        .entitlements
                        .iter()
                        .map(|fact| (fact.system, &fact.attrs)),
                ),
            ),
            attrs(
                FactKind::Credential,
                Box::new(
                    inventory
                        .credentials
                        .iter()
                        .map(|fact| (fact.system, &fact.attrs)),
                ),
            ),
            attrs(
                FactKind::Identity,
                Box::new(
                    inventory
                        .identities
                        .iter()
                        .map(|fact| (fact.system, &fact.attrs)),
                ),
            ),
            attrs(
                FactKind::Trust,
                Box::new(
                    inventory
                        .trusts
                        .iter()
                        .map(|fact| (fact.system, &fact.attrs)),
                ),
            ),
            attrs(
                FactKind::Path,
                Box::new(
                    inventory
                        .paths
                        .iter()
                        .map(|fact| (fact.system, &fact.attrs)),
                ),
            ),
            attrs(
                FactKind::Source,
                Box::new(
                    inventory
                        .tenants
                        .iter()
                        .map(|fact| (fact.system, &fact.attrs)),
                ),
            ),
        ]
        .concat();
        all.sort();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_attribute_hides_behind_a_common_field() {
        for (system, decl) in declared() {
            let record = RECORDS.iter().find(|record| record.fact == Some(decl.on));
            let fields = record.map_or(&[][..], |record| record.fields);
            assert!(
                fields.iter().all(|field| field.name != decl.name),
                "{system} declares `{}`, which is a common field",
                decl.name
            );
        }
    }
}
