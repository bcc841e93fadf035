//! Answers of AWS Organizations.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Text;
use super::list::List;

/// `DescribeOrganization`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Described {
    /// The organisation.
    pub organization: Organization,
}

/// An organisation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Organization {
    /// `o-…`.
    pub id: String,
    /// Account number of the management account.
    #[serde(default)]
    pub master_account_id: Option<String>,
}

/// `ListAccounts`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Accounts<'a> {
    /// Accounts.
    #[serde(borrow)]
    pub accounts: List<'a, MemberAccount>,
}

/// A member account.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MemberAccount {
    /// Account number.
    pub id: String,
    /// Name for people.
    #[serde(default)]
    pub name: String,
}

/// `ListRoots`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Roots<'a> {
    /// Roots.
    #[serde(borrow)]
    pub roots: List<'a, Root>,
}

/// A root.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Root {
    /// `r-…`.
    pub id: String,
    /// Which policy types are switched on.
    #[serde(default)]
    pub policy_types: Vec<PolicyType>,
}

/// A policy type and whether it is on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyType {
    /// `SERVICE_CONTROL_POLICY`, `RESOURCE_CONTROL_POLICY`.
    pub r#type: String,
    /// `ENABLED`, `PENDING_ENABLE`, `PENDING_DISABLE`.
    #[serde(default)]
    pub status: String,
}

/// `ListOrganizationalUnitsForParent` with its parent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Units<'a> {
    /// Above them.
    pub parent_id: String,
    /// Units.
    #[serde(borrow)]
    pub organizational_units: List<'a, Unit>,
}

/// A unit.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Unit {
    /// `ou-…`.
    pub id: String,
}

/// `ListChildren` with its parent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Children<'a> {
    /// Above them.
    pub parent_id: String,
    /// Accounts and units.
    #[serde(borrow)]
    pub children: List<'a, Unit>,
}

/// `DescribePolicy` and `ListTargetsForPolicy` together.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyWithTargets<'a> {
    /// The policy.
    #[serde(borrow)]
    pub policy: Policy<'a>,
    /// Where it is attached.
    #[serde(borrow, default)]
    pub targets: List<'a, Target>,
}

/// A guardrail.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy<'a> {
    /// What it is.
    #[serde(borrow)]
    pub policy_summary: PolicySummary<'a>,
    /// Its document.
    #[serde(borrow)]
    pub content: &'a RawValue,
}

/// What a guardrail is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicySummary<'a> {
    /// `p-…`.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// `SERVICE_CONTROL_POLICY`, `RESOURCE_CONTROL_POLICY`.
    #[serde(borrow)]
    pub r#type: Text<'a>,
}

/// Where a guardrail is attached.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Target {
    /// Root, unit or account.
    pub target_id: String,
}

/// `ListOrganizationsFeatures`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Features {
    /// `RootCredentialsManagement`, `RootSessions`.
    pub enabled_features: Vec<String>,
}
