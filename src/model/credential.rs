//! What proves an identity.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Attrs, IdentityRef, Location, Moment, Sym, System, Tier};

/// Index of a [`Credential`] in its inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CredentialRef(pub u32);

/// A key, password, token or certificate, or a secret kept in a store. Never its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The system that issued it.
    pub system: System,
    /// Account, organisation, cluster or vault.
    pub tenant: Sym,
    /// Whom it proves. `None` for stored secrets whose user is not known.
    pub identity: Option<IdentityRef>,
    /// `access-key`, `password`, `token`, `deploy-key`, `app-key`, `certificate`,
    /// `secret-id`, `stored-secret` and the like.
    pub kind: Sym,
    /// The system's own id for it: key id, accessor, ARN, path. Never the secret.
    pub id: Sym,
    /// Name for people. Untrusted text.
    pub name: Sym,
    /// Whether it works now.
    pub active: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it ends by itself.
    pub expires: Moment,
    /// When its secret was last changed.
    pub rotated: Moment,
    /// When it was last used.
    pub last_used: Moment,
    /// What whoever holds it can reach.
    pub tier: Tier,
    /// Who answers for it.
    pub owner: Option<Sym>,
    /// Attributes declared by the system's resolver.
    #[serde(default, skip_serializing_if = "Attrs::is_empty")]
    pub attrs: Attrs,
    /// Where it stands in the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Credential {
    /// An active credential with everything else unknown.
    pub fn new(
        system: System,
        tenant: impl Into<Sym>,
        identity: Option<IdentityRef>,
        kind: impl Into<Sym>,
        id: impl Into<Sym>,
        name: impl Into<Sym>,
    ) -> Self {
        Credential {
            system,
            tenant: tenant.into(),
            identity,
            kind: kind.into(),
            id: id.into(),
            name: name.into(),
            active: true,
            created: None,
            expires: Moment::Unknown,
            rotated: Moment::Unknown,
            last_used: Moment::Unknown,
            tier: Tier::None,
            owner: None,
            attrs: Attrs::new(),
            location: None,
        }
    }
}
