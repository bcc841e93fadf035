//! Ways from an identity to a privilege it does not hold outright.

use serde::{Deserialize, Serialize};

use super::{Attrs, Evidence, IdentityRef, Location, Sym, System, Tier, Verdict};

/// Index of a [`Path`] in its inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PathRef(pub u32);

/// What stands between one step and the next.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Nothing.
    #[default]
    None,
    /// Something is said to, but no evidence proves it.
    Unproved,
    /// Somebody must approve or activate, and evidence proves it.
    Proved,
    /// It could not be seen.
    Unknown,
}

impl Gate {
    /// The name used in rules and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Gate::None => "none",
            Gate::Unproved => "unproved",
            Gate::Proved => "proved",
            Gate::Unknown => "unknown",
        }
    }
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// Who acts, by the system's own id.
    pub from: Sym,
    /// What is done: `iam:PassRole + lambda:CreateFunction`, `assumes`, `create pods`.
    pub action: Sym,
    /// What is reached.
    pub to: Sym,
    /// What stands in between.
    #[serde(default)]
    pub gate: Gate,
    /// What shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// A way by which `from` gets to `tier`, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// The system of the start.
    pub system: System,
    /// The tenant of the start.
    pub tenant: Sym,
    /// Who walks it.
    pub from: IdentityRef,
    /// The identity whose privilege is reached, where it is one.
    pub to: Option<IdentityRef>,
    /// The tier reached.
    pub tier: Tier,
    /// Catalogue id of the (first) technique: `AWS-PE-iam-001`, `X1`.
    pub technique: Sym,
    /// Its name for people.
    pub name: Sym,
    /// Whether it works.
    pub verdict: Verdict,
    /// What must hold for a [`Verdict::Conditional`].
    pub residual: Option<Sym>,
    /// The strongest gate on the way: a path is just-in-time only if one is proved.
    pub gate: Gate,
    /// The steps, first to last.
    pub steps: Vec<Step>,
    /// Attributes declared by the system's resolver.
    #[serde(default, skip_serializing_if = "Attrs::is_empty")]
    pub attrs: Attrs,
    /// Where its first cause stands in the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}
