//! What somebody may do, and by which grant.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::{digest, read_hex, write_hex};
use super::{Attrs, IdentityRef, Location, Moment, PermissionSetRef, Sym, System};

/// How the residual ends of what depends on a document that was not read. Of such a fact
/// the documents at hand do not decide alone.
pub const NOT_READ: &str = "is not in the data";

/// Index of an [`Entitlement`] in its inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntitlementRef(pub u32);

/// How much a privilege is worth. Ordered: `None < Read < Write < Admin`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Nothing of note.
    #[default]
    None,
    /// T2: reads.
    Read,
    /// T1: changes production.
    Write,
    /// T0: administers identity or the whole tenant, reads all secrets, or can get
    /// there by escalation.
    Admin,
}

impl Tier {
    /// Whether it is [`Tier::None`].
    pub fn is_none(&self) -> bool {
        *self == Tier::None
    }

    /// The name used in rules and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Tier::None => "none",
            Tier::Read => "read",
            Tier::Write => "write",
            Tier::Admin => "admin",
        }
    }
}

/// Three-valued answer. Ordered: `No < Conditional < Yes`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Not allowed.
    #[default]
    No,
    /// Allowed if a condition holds that cannot be decided from what was read.
    Conditional,
    /// Allowed.
    Yes,
}

impl Verdict {
    /// The name used in rules and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::No => "no",
            Verdict::Conditional => "conditional",
            Verdict::Yes => "yes",
        }
    }
}

/// Whether a privilege stands or must be activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// There day and night.
    Standing,
    /// Must be activated before use.
    Eligible,
    /// An active grant of a just-in-time system, proved by evidence.
    Jit,
    /// Registered emergency access.
    BreakGlass,
    /// Declared, owned and expiring exception.
    Exception,
    /// Cannot be told from what was read.
    Unknown,
}

impl Activation {
    /// The name used in rules and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Activation::Standing => "standing",
            Activation::Eligible => "eligible",
            Activation::Jit => "jit",
            Activation::BreakGlass => "break-glass",
            Activation::Exception => "exception",
            Activation::Unknown => "unknown",
        }
    }
}

/// Stable identity of an entitlement across scans.
///
/// A hash over system, tenant, immutable identity id, mechanism, privilege id and
/// scope, each prefixed with its length, and a version. Permissions, conditions,
/// expiry, owner, display names and positions are *not* part of it: they may change
/// without the entitlement becoming another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntitlementId(pub(super) [u8; 16]);

impl EntitlementId {
    const VERSION: &str = "tenure-entitlement-1";

    /// The id of the entitlement with these parts.
    pub fn of(
        system: System,
        tenant: &str,
        identity_uid: &str,
        mechanism: &str,
        privilege: &str,
        scope: &str,
    ) -> Self {
        EntitlementId(digest(
            Self::VERSION,
            &[
                system.as_str(),
                tenant,
                identity_uid,
                mechanism,
                privilege,
                scope,
            ],
        ))
    }
}

impl fmt::Display for EntitlementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for EntitlementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntitlementId({self})")
    }
}

impl std::str::FromStr for EntitlementId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read_hex(text).map(EntitlementId).ok_or_else(|| {
            format!("`{text}` is not an entitlement id; expected 32 hexadecimal digits")
        })
    }
}

impl Serialize for EntitlementId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntitlementId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// One identity × one grant mechanism × one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlement {
    /// The system.
    pub system: System,
    /// Account, organisation, cluster or vault.
    pub tenant: Sym,
    /// Who holds it.
    pub identity: IdentityRef,
    /// How it was granted: `managed-policy`, `inline-policy`, `group-policy`,
    /// `assignment`, `cluster-role-binding`, `team`, `token-policy` and the like.
    pub mechanism: Sym,
    /// What is granted, by the system's own id: policy ARN, role name, permission.
    pub privilege: Sym,
    /// On what: account, namespace, repository, mount. `*` is the whole tenant.
    pub scope: Sym,
    /// What it is worth by itself, escalation included.
    pub tier: Tier,
    /// Whether it really lets its holder act, after denies, boundaries and guardrails.
    pub verdict: Verdict,
    /// Whether it stands.
    pub activation: Activation,
    /// What must hold for a [`Verdict::Conditional`].
    pub residual: Option<Sym>,
    /// The group or team it comes through, if any.
    pub via: Option<Sym>,
    /// When it was granted, or an upper bound of its age.
    pub since: Option<Timestamp>,
    /// When it ends by itself.
    pub expires: Moment,
    /// When it was last used.
    pub last_used: Moment,
    /// Who answers for it.
    pub owner: Option<Sym>,
    /// What it allows in detail, for comparing two inventories.
    pub permissions: Option<PermissionSetRef>,
    /// What cuts it: a permissions boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<PermissionSetRef>,
    /// Attributes declared by the system's resolver.
    #[serde(default, skip_serializing_if = "Attrs::is_empty")]
    pub attrs: Attrs,
    /// Where it stands in the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Entitlement {
    /// A standing entitlement with everything else unknown.
    pub fn new(
        system: System,
        tenant: impl Into<Sym>,
        identity: IdentityRef,
        mechanism: impl Into<Sym>,
        privilege: impl Into<Sym>,
        scope: impl Into<Sym>,
    ) -> Self {
        Entitlement {
            system,
            tenant: tenant.into(),
            identity,
            mechanism: mechanism.into(),
            privilege: privilege.into(),
            scope: scope.into(),
            tier: Tier::None,
            verdict: Verdict::Yes,
            activation: Activation::Standing,
            residual: None,
            via: None,
            since: None,
            expires: Moment::Unknown,
            last_used: Moment::Unknown,
            owner: None,
            permissions: None,
            limits: None,
            attrs: Attrs::new(),
            location: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(parts: [&str; 5]) -> EntitlementId {
        EntitlementId::of(
            System::Aws,
            parts[0],
            parts[1],
            parts[2],
            parts[3],
            parts[4],
        )
    }

    #[test]
    fn parts_cannot_slide_into_each_other() {
        assert_ne!(
            id(["ab", "c", "m", "p", "s"]),
            id(["a", "bc", "m", "p", "s"])
        );
        assert_eq!(
            id(["ab", "c", "m", "p", "s"]),
            id(["ab", "c", "m", "p", "s"])
        );
    }

    #[test]
    fn id_survives_its_text_form() {
        let one = id(["111122223333", "AIDA1", "managed-policy", "arn", "*"]);
        assert_eq!(one.to_string().parse(), Ok(one));
        assert!("nonsense".parse::<EntitlementId>().is_err());
        assert!("é".repeat(16).parse::<EntitlementId>().is_err());
    }
}
