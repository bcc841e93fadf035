//! Terraform plans: what was there (`change.before`) and what would be (`change.after`).
//!
//! Format: Terraform, "JSON Output Format". Only the attributes that say who may do
//! what are looked at; what a provider marks as sensitive is taken as unknown, and no
//! value of any other resource is kept. An attribute known only after apply is followed
//! through the plan's own configuration where it refers to one resource of the plan
//! (`policy_arn = aws_iam_policy.p.arn`); else what it decides is *undecided*.

mod aws;
mod github;
mod kubernetes;
mod source;
mod vault;

use std::collections::{BTreeMap, BTreeSet};

use super::kubernetes_document::Node;
use super::{Declared, iam};
use crate::model::{Location, System};
use crate::snapshot::Document;
use crate::snapshot::declared::PRIOR;
use source::Sources;

/// Kinds of resources that grant nothing, of providers that are judged.
const HARMLESS: &[&str] = &[
    "aws_iam_account_alias",
    "aws_iam_account_password_policy",
    "aws_iam_instance_profile",
    "aws_iam_openid_connect_provider",
    "aws_iam_saml_provider",
    "aws_iam_server_certificate",
    "aws_iam_service_linked_role",
    "aws_iam_virtual_mfa_device",
    "aws_ssoadmin_instance_access_control_attributes",
    "github_branch",
    "github_branch_default",
    "github_issue_label",
    "github_issue_labels",
    "github_repository",
    "github_repository_file",
    "github_repository_topics",
    "github_team_settings",
    "vault_mount",
    "vault_auth_backend",
    "vault_kubernetes_auth_backend_config",
    "vault_jwt_auth_backend",
    "vault_audit",
    "vault_kv_secret",
    "vault_kv_secret_v2",
    "vault_generic_secret",
];
/// Beginnings of kinds of resources that may grant something.
const GRANTING: &[&str] = &["aws_iam_", "aws_ssoadmin_", "github_", "vault_"];

/// A resource on one side of the plan.
pub(super) struct Resource<'p> {
    pub address: &'p str,
    pub kind: &'p str,
    module: &'p str,
    values: &'p Node<'p>,
    unknown: Option<&'p Node<'p>>,
    sensitive: Option<&'p Node<'p>>,
    /// The expressions of its block in the configuration.
    expressions: Option<&'p Node<'p>>,
    pub at: Location,
    lines: BTreeMap<String, Location>,
}

/// An attribute on one side of the plan.
pub(super) enum Attribute<'p> {
    /// It is not set.
    Absent,
    /// Its value.
    Known(&'p Node<'p>),
    /// It is known only after apply, or hidden; what it refers to.
    Unknown(Vec<&'p str>),
}

impl<'p> Resource<'p> {
    pub fn get(&self, name: &str) -> Attribute<'p> {
        let marked = |marks: Option<&Node<'_>>| {
            marks
                .and_then(|marks| marks.get(name))
                .is_some_and(is_marked)
        };
        if marked(self.unknown) || marked(self.sensitive) {
            let references = self
                .expressions
                .and_then(|expressions| expressions.at(&[name, "references"]))
                .map_or(&[][..], Node::items);
            return Attribute::Unknown(references.iter().filter_map(Node::text).collect());
        }
        match self.values.get(name) {
            Some(value) => Attribute::Known(value),
            None => Attribute::Absent,
        }
    }

    /// The text of an attribute that is known.
    pub fn text(&self, name: &str) -> Option<&'p str> {
        match self.get(name) {
            Attribute::Known(node) => node.text().filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// The texts of a list, or the one text, that are known.
    pub fn texts(&self, name: &str) -> Vec<&'p str> {
        match self.get(name) {
            Attribute::Known(node) if node.items().is_empty() => node.text().into_iter().collect(),
            Attribute::Known(node) => node.items().iter().filter_map(Node::text).collect(),
            _ => Vec::new(),
        }
    }

    pub fn known(&self, name: &str) -> Option<&'p Node<'p>> {
        match self.get(name) {
            Attribute::Known(node) => Some(node),
            _ => None,
        }
    }

    /// The name of the block, where it stands in for one that is not known.
    pub fn name_or_address(&self, name: &str) -> String {
        self.text(name).unwrap_or(self.address).to_owned()
    }

    /// Where an attribute is written.
    pub fn at(&self, attribute: &str) -> Option<Location> {
        Some(self.lines.get(attribute).copied().unwrap_or(self.at))
    }
}

/// Whether a mark covers something: `true`, or a structure with `true` in it.
fn is_marked(node: &Node<'_>) -> bool {
    node.bool() == Some(true)
        || node.items().iter().any(is_marked)
        || node.pairs().iter().any(|(_, value)| is_marked(value))
}

/// All resources of one side.
pub(super) struct Side<'p> {
    pub resources: Vec<Resource<'p>>,
    /// By address without the index of the last step.
    by_block: BTreeMap<String, Vec<usize>>,
}

impl<'p> Side<'p> {
    /// The one resource an unknown attribute refers to, if it is one of `kinds`.
    pub fn referred(
        &self,
        from: &Resource<'_>,
        references: &[&str],
        kinds: &[&str],
    ) -> Option<&Resource<'p>> {
        let mut blocks: Vec<String> = references
            .iter()
            .filter_map(|reference| {
                let mut parts = reference.split('.');
                let (kind, name) = (parts.next()?, parts.next()?);
                let name = name.split('[').next()?;
                kinds
                    .contains(&kind)
                    .then(|| format!("{}{kind}.{name}", prefix(from.module)))
            })
            .collect();
        blocks.sort();
        blocks.dedup();
        let [block] = blocks.as_slice() else {
            return None;
        };
        let found = self.by_block.get(block)?;
        if let [one] = found.as_slice() {
            return self.resources.get(*one);
        }
        // One of several: the one with the same key, where both are made in step.
        let key = index_of(from.address)?;
        found
            .iter()
            .filter_map(|at| self.resources.get(*at))
            .find(|other| index_of(other.address) == Some(key))
    }
}

fn prefix(module: &str) -> String {
    if module.is_empty() {
        String::new()
    } else {
        format!("{module}.")
    }
}

/// The index at the end of an address, brackets included.
fn index_of(address: &str) -> Option<&str> {
    address.ends_with(']').then_some(())?;
    address.rfind('[').map(|at| &address[at..])
}

/// An address without the index at its end.
fn block_of(address: &str) -> &str {
    index_of(address).map_or(address, |index| &address[..address.len() - index.len()])
}

/// An address without any index: as the configuration has it.
fn plain(address: &str) -> String {
    let mut plain = String::with_capacity(address.len());
    let (mut depth, mut quoted, mut escaped) = (0u32, false, false);
    for c in address.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            _ if depth == 0 && !quoted => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// Reads a plan; `sources` are the Terraform files that are there.
pub(super) fn read(document: &Document, sources: &[&Document], into: &mut Declared) {
    let Some((source, plan)) = into.root(document, "plan") else {
        return;
    };
    let prior = document.kind == PRIOR;
    let files = Sources::read(sources, document.file);
    let mut expressions = BTreeMap::new();
    if let Some(root) = plan.at(&["configuration", "root_module"]) {
        configuration(root, "", 0, &mut expressions);
    }
    let mut unread: BTreeSet<&str> = BTreeSet::new();
    let mut side = Side {
        resources: Vec::new(),
        by_block: BTreeMap::new(),
    };
    for change in plan.items_of("resource_changes") {
        let (Some(address), Some(kind)) = (change.text_of("address"), change.text_of("type"))
        else {
            continue;
        };
        if change.text_of("mode") == Some("data") || !is_read(kind) {
            let granting = GRANTING.iter().any(|start| kind.starts_with(start));
            if granting && !HARMLESS.contains(&kind) && change.text_of("mode") != Some("data") {
                unread.insert(kind);
            }
            continue;
        }
        let (values, unknown, sensitive) = if prior {
            ("before", None, "before_sensitive")
        } else {
            (
                "after",
                change.at(&["change", "after_unknown"]),
                "after_sensitive",
            )
        };
        let Some(values) = change.at(&["change", values]) else {
            continue;
        };
        let module = change.text_of("module_address").unwrap_or_default();
        let block = plain(address);
        let place = files.place(&block);
        side.by_block
            .entry(block_of(address).to_owned())
            .or_default()
            .push(side.resources.len());
        side.resources.push(Resource {
            address,
            kind,
            module,
            values,
            unknown,
            sensitive: change.at(&["change", sensitive]),
            expressions: expressions.get(&block).copied(),
            at: place.block.unwrap_or_else(|| source.locate(change)),
            lines: place.attributes,
        });
    }
    let deferred = plan.items_of("deferred_changes");
    for change in deferred {
        let change = change.get("resource_change").unwrap_or(change);
        if let (Some(address), Some(kind)) = (change.text_of("address"), change.text_of("type"))
            && is_read(kind)
            && !prior
        {
            let at = files.place(&plain(address)).block;
            let at = at.or_else(|| Some(source.locate(change)));
            into.undecided(System::Aws, iam::ACCOUNT, address, "all of it", at);
        }
    }
    let owner = plan
        .at(&["configuration", "provider_config"])
        .map_or(&[][..], Node::pairs)
        .iter()
        .filter(|(name, _)| name == "github" || name.starts_with("github."))
        .find_map(|(_, config)| {
            config
                .at(&["expressions", "owner", "constant_value"])?
                .text()
        });
    aws::read(&side, into);
    kubernetes::read(&side, into);
    github::read(&side, owner.unwrap_or("terraform"), into);
    vault::read(&side, into);
    if !unread.is_empty() {
        let kinds: Vec<&str> = unread.into_iter().collect();
        into.unread(document.file, &kinds);
    }
}

fn is_read(kind: &str) -> bool {
    aws::KINDS.contains(&kind)
        || github::KINDS.contains(&kind)
        || vault::KINDS.contains(&kind)
        || kubernetes::object_kind(kind).is_some()
}

/// Collects the expressions of all blocks by plain address.
fn configuration<'p>(
    module: &'p Node<'p>,
    path: &str,
    depth: usize,
    into: &mut BTreeMap<String, &'p Node<'p>>,
) {
    if depth > 32 {
        return;
    }
    for resource in module.items_of("resources") {
        if let (Some(address), Some(expressions)) =
            (resource.text_of("address"), resource.get("expressions"))
        {
            into.insert(format!("{path}{address}"), expressions);
        }
    }
    for (name, call) in module.pairs_of("module_calls") {
        if let Some(inner) = call.get("module") {
            configuration(inner, &format!("{path}module.{name}."), depth + 1, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_indexes() {
        assert_eq!(
            plain("module.a[0].aws_iam_role.r[\"x.y[1]\"]"),
            "module.a.aws_iam_role.r"
        );
        assert_eq!(block_of("aws_iam_role.r[\"x\"]"), "aws_iam_role.r");
        assert_eq!(index_of("module.a[0].aws_iam_role.r"), None);
        assert_eq!(index_of("aws_iam_role.r[1]"), Some("[1]"));
    }
}
