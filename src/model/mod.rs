//! The neutral facts every stage speaks: identities, entitlements, credentials,
//! trusts, paths, coverage and findings.
//!
//! A system's own vocabulary ends at `resolve/`. What comes after sees only the
//! types of this module. Facts are compact: text is interned ([`Sym`]) and facts
//! refer to each other by index into the [`Inventory`].

mod attribute;
mod card;
mod coverage;
mod credential;
mod deceptive;
mod entitlement;
mod finding;
mod glob;
mod grant;
mod identity;
mod inventory;
mod key;
mod location;
mod moment;
mod path;
pub(crate) mod pattern;
mod permission;
mod symbol;
mod trust;

pub use attribute::{AttributeDecl, Attrs, FactKind, Type, Value, declare};
pub use card::{Reference, RuleCard};
pub use coverage::{Coverage, Seen};
pub use credential::{Credential, CredentialRef};
pub use deceptive::is_deceptive;
pub use entitlement::{
    Activation, Entitlement, EntitlementId, EntitlementRef, NOT_READ, Tier, Verdict,
};
pub use finding::{Finding, Severity, Subject, Suppression};
pub use glob::glob;
pub use grant::{
    Actor, Approval, Channel, EndCause, EndResult, EvidenceClass, Grant, GrantEvent, GrantField,
    GrantKind, GrantRef, LedgerCoverage, Observation, Progress, Quality, Session,
};
pub use identity::{Identity, IdentityKind, IdentityRef};
pub use inventory::{Bounded, Builder, Guardrails, Inventory, Tenant};
pub use key::FactKey;
pub use location::{Evidence, LineIndex, Location};
pub use moment::Moment;
pub use path::{Gate, Path, PathRef, Step};
pub use pattern::Pattern;
pub use permission::{Effect, Permission, PermissionSet, PermissionSetRef};
pub use symbol::Sym;
pub use trust::{Claim, ClaimTest, Trust, TrustKind, TrustRef, issuer_name};

use serde::{Deserialize, Serialize};

/// The system a fact was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// Amazon Web Services: IAM, Organizations, Identity Center, Secrets Manager.
    Aws,
    /// A GitHub organisation, on github.com or an Enterprise Server.
    Github,
    /// A Kubernetes cluster.
    Kubernetes,
    /// HashiCorp Vault or OpenBao.
    Vault,
    /// A just-in-time access system whose grants a ledger holds. Its tenants are the
    /// ledger's sources, and the systems that grants let into and nobody scans.
    Jit,
}

impl System {
    /// Every system, in report order.
    pub const ALL: [System; 5] = [
        System::Aws,
        System::Github,
        System::Kubernetes,
        System::Vault,
        System::Jit,
    ];

    /// The name used on the command line, in rule files and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            System::Aws => "aws",
            System::Github => "github",
            System::Kubernetes => "kubernetes",
            System::Vault => "vault",
            System::Jit => "jit",
        }
    }
}

impl std::fmt::Display for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for System {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        System::ALL
            .into_iter()
            .find(|system| system.as_str() == text)
            .ok_or_else(|| {
                format!("`{text}` is not a system; expected aws, github, kubernetes, vault or jit")
            })
    }
}
