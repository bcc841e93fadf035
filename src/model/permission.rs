//! What an entitlement allows, in a form two inventories can compare.

use serde::{Deserialize, Serialize};

use super::Sym;

/// Index of a [`PermissionSet`] in its inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PermissionSetRef(pub u32);

/// Whether a permission gives or takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Gives.
    Allow,
    /// Takes, whatever else gives.
    Deny,
}

/// One normalised statement: all of `actions` on all of `resources`, under `condition`.
///
/// Patterns know `*` (any text) and `?` (one character). `not_actions` and
/// `not_resources` invert the list beside them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Permission {
    /// Gives or takes.
    pub effect: Effect,
    /// Action patterns, sorted.
    pub actions: Box<[Sym]>,
    /// The list names what is *not* meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_actions: bool,
    /// Resource patterns, sorted.
    pub resources: Box<[Sym]>,
    /// The list names what is *not* meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_resources: bool,
    /// The condition in a canonical text form, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Sym>,
}

/// What one document (policy, role, ruleset) allows. Each distinct document is
/// stored once and shared by all entitlements that use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PermissionSet {
    /// The statements, sorted.
    pub permissions: Vec<Permission>,
}

impl PermissionSet {
    /// A set in canonical order.
    pub fn new(mut permissions: Vec<Permission>) -> Self {
        permissions.sort();
        permissions.dedup();
        PermissionSet { permissions }
    }
}
