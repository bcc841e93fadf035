//! Answers of Identity Center and its identity store.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::list::List;
use super::{Text, Time, or_default};

/// `ListInstances`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Instances<'a> {
    /// Instances.
    #[serde(borrow)]
    pub instances: List<'a, Instance>,
}

/// An instance.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Instance {
    /// ARN.
    pub instance_arn: String,
    /// The account that owns it.
    #[serde(default)]
    pub owner_account_id: Option<String>,
}

/// `DescribePermissionSet` with the answers about its policies.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribedPermissionSet<'a> {
    /// The set itself.
    #[serde(borrow)]
    pub permission_set: PermissionSet<'a>,
    /// The inline policy; empty text when there is none.
    #[serde(borrow, default)]
    pub inline_policy: Option<&'a RawValue>,
    /// AWS managed policies.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub attached_managed_policies: Vec<ManagedReference<'a>>,
    /// Policies each account has under this name and path.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub customer_managed_policy_references: Vec<CustomerReference<'a>>,
    /// The boundary.
    #[serde(borrow, default)]
    pub permissions_boundary: Option<BoundaryReference<'a>>,
}

/// A permission set.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PermissionSet<'a> {
    /// Name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// ARN.
    #[serde(borrow)]
    pub permission_set_arn: Text<'a>,
    /// ISO 8601 duration; one hour when absent.
    #[serde(borrow, default)]
    pub session_duration: Option<Text<'a>>,
    /// When it was made.
    #[serde(default)]
    pub created_date: Time,
}

/// An AWS managed policy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ManagedReference<'a> {
    /// ARN.
    #[serde(borrow)]
    pub arn: Text<'a>,
}

/// A customer managed policy, by name.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CustomerReference<'a> {
    /// Name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// IAM path.
    #[serde(borrow, default)]
    pub path: Option<Text<'a>>,
}

/// A boundary: AWS managed or by name.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BoundaryReference<'a> {
    /// ARN of an AWS managed policy.
    #[serde(borrow, default)]
    pub managed_policy_arn: Option<Text<'a>>,
    /// A customer managed policy.
    #[serde(borrow, default)]
    pub customer_managed_policy_reference: Option<CustomerReference<'a>>,
}

/// `ListAccountAssignments`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountAssignments<'a> {
    /// Assignments.
    #[serde(borrow)]
    pub account_assignments: List<'a, Assignment<'a>>,
}

/// Somebody × a permission set × an account.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Assignment<'a> {
    /// The account.
    #[serde(borrow)]
    pub account_id: Text<'a>,
    /// The permission set.
    #[serde(borrow)]
    pub permission_set_arn: Text<'a>,
    /// `USER` or `GROUP`.
    #[serde(borrow)]
    pub principal_type: Text<'a>,
    /// Id in the identity store.
    #[serde(borrow)]
    pub principal_id: Text<'a>,
}

/// `ListUsers` of the identity store.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Users<'a> {
    /// Users.
    #[serde(borrow)]
    pub users: List<'a, User<'a>>,
}

/// A person (or what signs in like one).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct User<'a> {
    /// Id.
    #[serde(borrow)]
    pub user_id: Text<'a>,
    /// Name to sign in with.
    #[serde(borrow, default)]
    pub user_name: Text<'a>,
    /// Name for people.
    #[serde(borrow, default)]
    pub display_name: Option<Text<'a>>,
    /// `ENABLED` or `DISABLED`, where it is told.
    #[serde(borrow, default)]
    pub user_status: Option<Text<'a>>,
    /// Mail addresses; administrators and the provisioning service set them.
    #[serde(borrow, default)]
    pub emails: Vec<Email<'a>>,
    /// Ids in the directory it is provisioned from.
    #[serde(borrow, default)]
    pub external_ids: Vec<ExternalId<'a>>,
}

/// A mail address.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Email<'a> {
    /// The address.
    #[serde(borrow, default)]
    pub value: Option<Text<'a>>,
}

/// An id in another directory.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExternalId<'a> {
    /// The directory.
    #[serde(borrow, default)]
    pub issuer: Option<Text<'a>>,
    /// The id there.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
}

/// `ListGroups` of the identity store.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Groups<'a> {
    /// Groups.
    #[serde(borrow)]
    pub groups: List<'a, Group<'a>>,
}

/// A group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Group<'a> {
    /// Id.
    #[serde(borrow)]
    pub group_id: Text<'a>,
    /// Name.
    #[serde(borrow, default)]
    pub display_name: Option<Text<'a>>,
}

/// `ListGroupMemberships`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupMemberships<'a> {
    /// Memberships.
    #[serde(borrow)]
    pub group_memberships: List<'a, Membership<'a>>,
}

/// Somebody is in a group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Membership<'a> {
    /// The group.
    #[serde(borrow)]
    pub group_id: Text<'a>,
    /// Who.
    #[serde(borrow)]
    pub member_id: Member<'a>,
}

/// A member.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Member<'a> {
    /// A user's id.
    #[serde(borrow)]
    pub user_id: Text<'a>,
}
