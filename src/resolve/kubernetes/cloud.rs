//! Where a cluster meets a cloud: principals mapped into the cluster, and service
//! accounts that are somebody in the cloud.

use super::document::{self, Node, Source};
use super::rbac::Meta;
use crate::model::{Location, Sym};

/// One entry of the `aws-auth` config map of an EKS cluster.
#[derive(Clone, Debug)]
pub(crate) struct AwsAuth {
    /// ARN of a role or user, or an account number.
    pub arn: Sym,
    pub username: Sym,
    pub groups: Vec<Sym>,
    /// `role`, `user` or `account`.
    pub kind: &'static str,
    pub location: Option<Location>,
}

impl AwsAuth {
    /// Reads the entries, if this config map is `kube-system/aws-auth`.
    pub fn read(node: &Node<'_>, source: &Source<'_>) -> Vec<Self> {
        let meta = Meta::read(node, source);
        let elsewhere = !meta.namespace.is_empty() && meta.namespace != "kube-system";
        if meta.name != "aws-auth" || elsewhere {
            return Vec::new();
        }
        let mut entries = Vec::new();
        for (key, name, kind) in [
            ("mapRoles", "rolearn", "role"),
            ("mapUsers", "userarn", "user"),
        ] {
            let Some(value) = node.at(&["data", key]) else {
                continue;
            };
            // The value is a YAML document of its own; what is broken in it grants
            // nothing, for the authenticator refuses it too.
            let (documents, _) = document::parse(value.text().unwrap_or_default());
            for entry in documents.iter().flat_map(|list| list.items()) {
                entries.push(AwsAuth {
                    arn: entry.sym_of(name),
                    username: entry.sym_of("username"),
                    groups: entry.syms_of("groups").into(),
                    kind,
                    location: Some(source.locate(value)),
                });
            }
        }
        if let Some(value) = node.at(&["data", "mapAccounts"]) {
            let (documents, _) = document::parse(value.text().unwrap_or_default());
            for entry in documents.iter().flat_map(|list| list.items()) {
                entries.push(AwsAuth {
                    arn: Sym::new(entry.text().unwrap_or_default()),
                    username: Sym::default(),
                    groups: Vec::new(),
                    kind: "account",
                    location: Some(source.locate(value)),
                });
            }
        }
        entries
    }
}
