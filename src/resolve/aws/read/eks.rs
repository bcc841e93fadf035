//! EKS's own answers about who of the account may do what in a cluster.

use serde::Deserialize;

use super::or_default;

/// `DescribeCluster`, `DescribeAccessEntry`, `ListAssociatedAccessPolicies` or
/// `DescribePodIdentityAssociation`: one answer has one of these members.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Answer {
    /// A cluster.
    pub cluster: Option<Cluster>,
    /// A principal let into a cluster.
    pub access_entry: Option<AccessEntry>,
    /// Policies of EKS for a principal.
    pub associated_access_policies: Option<Vec<AssociatedPolicy>>,
    /// The cluster of those policies.
    pub cluster_name: String,
    /// The principal of those policies.
    pub principal_arn: String,
    /// A service account that takes a role.
    pub association: Option<Association>,
}

/// A cluster.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cluster {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Its own identity.
    #[serde(deserialize_with = "or_default")]
    pub identity: ClusterIdentity,
}

/// What signs the tokens of its service accounts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClusterIdentity {
    /// OpenID Connect.
    #[serde(deserialize_with = "or_default")]
    pub oidc: Oidc,
}

/// OpenID Connect of a cluster.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Oidc {
    /// Issuer.
    pub issuer: Option<String>,
}

/// A principal let into a cluster.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessEntry {
    /// Cluster.
    pub cluster_name: String,
    /// Role or user.
    pub principal_arn: String,
    /// ARN of the entry.
    pub access_entry_arn: String,
    /// Groups of the cluster it is put into.
    #[serde(deserialize_with = "or_default")]
    pub kubernetes_groups: Vec<String>,
    /// Its user name in the cluster.
    pub username: String,
    /// `STANDARD`, or a type of node.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A policy of EKS that a principal has.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AssociatedPolicy {
    /// ARN.
    pub policy_arn: String,
    /// Where it holds.
    #[serde(deserialize_with = "or_default")]
    pub access_scope: AccessScope,
}

/// Where a policy of EKS holds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AccessScope {
    /// `cluster` or `namespace`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A service account that takes a role.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Association {
    /// Cluster.
    pub cluster_name: String,
    /// Namespace.
    pub namespace: String,
    /// Service account.
    pub service_account: String,
    /// The role.
    pub role_arn: String,
    /// The role that role assumes in turn: it is the one the pod gets.
    pub target_role_arn: Option<String>,
}
