//! Who.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Attrs, Location, Moment, Sym, System, Tier};

/// Index of an [`Identity`] in its inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdentityRef(pub u32);

/// What kind of identity. Everything that is no [`IdentityKind::Human`] and no
/// [`IdentityKind::Group`] is a non-human identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityKind {
    /// A person.
    Human,
    /// A group of identities.
    Group,
    /// A role, service account, app or pipeline.
    Workload,
    /// An AI agent.
    Agent,
    /// Somebody of another organisation or account.
    External,
    /// Nobody in particular: unauthenticated callers.
    Anonymous,
}

impl IdentityKind {
    /// The name used in rules and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            IdentityKind::Human => "human",
            IdentityKind::Group => "group",
            IdentityKind::Workload => "workload",
            IdentityKind::Agent => "agent",
            IdentityKind::External => "external",
            IdentityKind::Anonymous => "anonymous",
        }
    }
}

/// An identity of one system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The system it lives in.
    pub system: System,
    /// Account, organisation, cluster or vault.
    pub tenant: Sym,
    /// The system's own id that people use: ARN, `kind/namespace/name`, login, path.
    pub id: Sym,
    /// The system's immutable id where it has one (AIDA…, numeric GitHub id, entity
    /// id); otherwise equal to `id`. Tells a re-created identity from a renamed one.
    pub uid: Sym,
    /// What kind it is.
    pub kind: IdentityKind,
    /// Name for people. Untrusted text.
    pub name: Sym,
    /// Who answers for it, where something says so.
    pub owner: Option<Sym>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it last acted.
    pub last_used: Moment,
    /// The highest tier it holds, or reaches by a way that works whatever else is so.
    /// An entitlement under a condition is held; its own verdict tells the condition.
    pub tier: Tier,
    /// The highest tier its conditional paths lead to. Says nothing below `tier`: ask
    /// [`Identity::possible`].
    #[serde(default, skip_serializing_if = "Tier::is_none")]
    pub possible_tier: Tier,
    /// Whether it is switched on.
    pub active: bool,
    /// Registered as a break-glass identity in the configuration.
    pub break_glass: bool,
    /// Made and managed by the platform itself (service-linked roles, `system:*`),
    /// recognised by content.
    pub platform: bool,
    /// Attributes declared by the system's resolver.
    #[serde(default, skip_serializing_if = "Attrs::is_empty")]
    pub attrs: Attrs,
    /// Where it stands in the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Identity {
    /// An identity with everything else unknown, active, without privilege.
    pub fn new(
        system: System,
        tenant: impl Into<Sym>,
        id: impl Into<Sym>,
        kind: IdentityKind,
        name: impl Into<Sym>,
    ) -> Self {
        let id = id.into();
        Identity {
            system,
            tenant: tenant.into(),
            id,
            uid: id,
            kind,
            name: name.into(),
            owner: None,
            created: None,
            last_used: Moment::Unknown,
            tier: Tier::None,
            possible_tier: Tier::None,
            active: true,
            break_glass: false,
            platform: false,
            attrs: Attrs::new(),
            location: None,
        }
    }

    /// The highest tier it reaches if the conditions on its ways hold: at least
    /// [`Identity::tier`].
    pub fn possible(&self) -> Tier {
        self.tier.max(self.possible_tier)
    }
}
