//! IAM resources of CloudFormation templates.
//!
//! Source: CloudFormation User Guide, "Intrinsic function reference" and the reference
//! of the `AWS::IAM::*` and `AWS::SSO::*` types. A function whose value follows from the
//! template alone is resolved; a resource without a name of its own is called by its
//! logical id, in braces where it stands inside other text. What only the deployment
//! knows (a parameter, an import, a mapping by region) is not guessed: an action or
//! resource that depends on it is taken as any, under the condition that the expression
//! turns out so, and the verdict is conditional.

mod policies;
mod resources;
mod values;

use std::collections::BTreeMap;

use super::Declared;
use super::iam::{ACCOUNT, Account};
use super::kubernetes_document::Node;
use crate::snapshot::Document;
use resources::Reader;
use values::Template;

/// Types that are read.
const KINDS: &[&str] = &[
    "AWS::IAM::AccessKey",
    "AWS::IAM::Group",
    "AWS::IAM::GroupPolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::User",
    "AWS::IAM::UserPolicy",
    "AWS::IAM::UserToGroupAddition",
    "AWS::SSO::Assignment",
    "AWS::SSO::PermissionSet",
];
/// Types that may grant something and are not read.
const UNREAD: &[&str] = &[
    "AWS::CloudFormation::Macro",
    "AWS::CloudFormation::Stack",
    "AWS::Serverless::Function",
    "AWS::Serverless::StateMachine",
];

/// Reads one template.
pub(super) fn read(document: &Document, into: &mut Declared) {
    let Some((source, root)) = into.root(document, "template") else {
        return;
    };
    let resources: BTreeMap<&str, &Node<'_>> = root
        .pairs_of("Resources")
        .iter()
        .map(|(name, node)| (name.as_ref(), node))
        .collect();
    let mut unread: Vec<&str> = resources
        .values()
        .filter_map(|resource| {
            UNREAD
                .iter()
                .find(|kind| resource.text_of("Type") == Some(**kind))
        })
        .copied()
        .collect();
    if resources.keys().any(|name| name.starts_with("Fn::")) || root.get("Transform").is_some() {
        unread.push("whatever a transform makes");
    }
    unread.sort_unstable();
    unread.dedup();
    let template = Template {
        resources,
        parameters: root.get("Parameters"),
        mappings: root.get("Mappings"),
        source: &source,
        tenant: document.file.to_string(),
    };
    let mut account = Account::new(ACCOUNT);
    for first in [true, false] {
        for (id, resource) in &template.resources {
            let kind = resource.text_of("Type").unwrap_or_default();
            let principal = matches!(
                kind,
                "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group" | "AWS::SSO::PermissionSet"
            );
            if KINDS.contains(&kind) && principal == first {
                Reader {
                    template: &template,
                    id,
                    resource,
                    at: Some(template.place(resource)),
                    account: &mut account,
                    into: &mut *into,
                }
                .read(kind);
            }
        }
    }
    into.account(account, &template.tenant);
    if !unread.is_empty() {
        into.unread(document.file, &unread);
    }
}
