//! `aws_iam_*` and `aws_ssoadmin_*` resources.

use std::collections::BTreeMap;

use super::super::Declared;
use super::super::iam::{ACCOUNT, Account, Assignment, Kind, Policy};
use super::super::kubernetes_document::Node;
use super::super::text::Made;
use super::{Attribute, Resource, Side};
use crate::model::{Credential, System};

/// The kinds of resources that are read.
pub(super) const KINDS: &[&str] = &[
    "aws_iam_access_key",
    "aws_iam_group",
    "aws_iam_group_membership",
    "aws_iam_group_policy",
    "aws_iam_group_policy_attachment",
    "aws_iam_policy",
    "aws_iam_policy_attachment",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_iam_user",
    "aws_iam_user_group_membership",
    "aws_iam_user_login_profile",
    "aws_iam_user_policy",
    "aws_iam_user_policy_attachment",
    "aws_ssoadmin_account_assignment",
    "aws_ssoadmin_customer_managed_policy_attachment",
    "aws_ssoadmin_managed_policy_attachment",
    "aws_ssoadmin_permission_set",
    "aws_ssoadmin_permission_set_inline_policy",
    "aws_ssoadmin_permissions_boundary_attachment",
];

/// What is being gathered.
struct Gather<'s, 'p, 'd> {
    side: &'s Side<'p>,
    into: &'d mut Declared,
    account: Account,
}

/// Reads all resources of AWS.
pub(super) fn read(side: &Side<'_>, into: &mut Declared) {
    let mine = |resource: &&Resource<'_>| KINDS.contains(&resource.kind);
    if !side.resources.iter().any(|one| mine(&one)) {
        return;
    }
    let id = account_of(side);
    let mut gather = Gather {
        side,
        into,
        account: Account::new(&id),
    };
    // Those that are something before those that give something to them.
    for first in [true, false] {
        for resource in side.resources.iter().filter(mine) {
            if is_principal(resource.kind) == first {
                gather.add(resource);
            }
        }
    }
    let account = std::mem::take(&mut gather.account);
    into.account(account, &id);
}

fn is_principal(kind: &str) -> bool {
    matches!(
        kind,
        "aws_iam_role"
            | "aws_iam_user"
            | "aws_iam_group"
            | "aws_iam_policy"
            | "aws_ssoadmin_permission_set"
    )
}

/// The account most ARNs of the plan's own resources are in.
fn account_of(side: &Side<'_>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for resource in &side.resources {
        let account = resource
            .text("arn")
            .and_then(|arn| arn.split(':').nth(4))
            .filter(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(account) = account {
            *counts.entry(account).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(ACCOUNT, |(id, _)| id).to_owned()
}

impl<'p> Gather<'_, 'p, '_> {
    fn undecided(&mut self, resource: &Resource<'_>, attribute: &str) {
        let id = self.account.id.clone();
        self.into.undecided(
            System::Aws,
            &id,
            resource.address,
            attribute,
            resource.at(attribute),
        );
    }

    /// The ARN of a policy an attribute names.
    fn policy(&mut self, resource: &Resource<'p>, attribute: &str) -> Option<String> {
        match resource.get(attribute) {
            Attribute::Absent => None,
            Attribute::Known(node) => node.text().filter(|arn| !arn.is_empty()).map(str::to_owned),
            Attribute::Unknown(references) => {
                let found = self
                    .side
                    .referred(resource, &references, &["aws_iam_policy"]);
                let arn = found.map(|policy| self.arn_of_policy(policy));
                if arn.is_none() {
                    self.undecided(resource, attribute);
                }
                arn
            }
        }
    }

    fn arn_of_policy(&self, policy: &Resource<'_>) -> String {
        if let Some(arn) = policy.text("arn") {
            return arn.to_owned();
        }
        let path = policy.text("path").unwrap_or("/");
        let name = policy.name_or_address("name");
        format!("arn:aws:iam::{}:policy{path}{name}", self.account.id)
    }

    /// The name of the principal an attribute names.
    fn named(&mut self, resource: &Resource<'p>, attribute: &str, kind: Kind) -> Option<String> {
        match resource.get(attribute) {
            Attribute::Absent => None,
            Attribute::Known(node) => node.text().map(|name| bare(name).to_owned()),
            Attribute::Unknown(references) => {
                let wanted = format!("aws_iam_{}", kind.word());
                let found = self.side.referred(resource, &references, &[&wanted]);
                let name = found.map(|one| one.name_or_address("name"));
                if name.is_none() {
                    self.undecided(resource, attribute);
                }
                name
            }
        }
    }

    /// A policy document an attribute holds.
    fn document(&mut self, resource: &Resource<'p>, attribute: &str) -> Option<Made> {
        match resource.get(attribute) {
            Attribute::Absent => None,
            Attribute::Known(node) => Some(document(node)?.at(resource.at(attribute))),
            Attribute::Unknown(_) => {
                self.undecided(resource, attribute);
                None
            }
        }
    }

    fn add(&mut self, resource: &Resource<'p>) {
        let at = Some(resource.at);
        match resource.kind {
            "aws_iam_role" => self.add_principal(resource, Kind::Role),
            "aws_iam_user" => self.add_principal(resource, Kind::User),
            "aws_iam_group" => self.add_principal(resource, Kind::Group),
            "aws_iam_policy" => {
                let document = self.document(resource, "policy");
                let policy = Policy {
                    name: resource.name_or_address("name"),
                    document,
                    at,
                };
                let arn = self.arn_of_policy(resource);
                self.account.policies.insert(arn, policy);
            }
            "aws_iam_role_policy" => self.add_inline(resource, Kind::Role),
            "aws_iam_user_policy" => self.add_inline(resource, Kind::User),
            "aws_iam_group_policy" => self.add_inline(resource, Kind::Group),
            "aws_iam_role_policy_attachment" => self.attach(resource, Kind::Role),
            "aws_iam_user_policy_attachment" => self.attach(resource, Kind::User),
            "aws_iam_group_policy_attachment" => self.attach(resource, Kind::Group),
            "aws_iam_policy_attachment" => {
                let Some(arn) = self.policy(resource, "policy_arn") else {
                    return;
                };
                for (attribute, kind) in [
                    ("roles", Kind::Role),
                    ("users", Kind::User),
                    ("groups", Kind::Group),
                ] {
                    if matches!(resource.get(attribute), Attribute::Unknown(_)) {
                        self.undecided(resource, attribute);
                    }
                    for name in resource.texts(attribute) {
                        let principal = self.account.principal(kind, bare(name));
                        principal.attached.push((arn.clone(), at));
                    }
                }
            }
            "aws_iam_user_group_membership" => {
                let Some(user) = self.named(resource, "user", Kind::User) else {
                    return;
                };
                if matches!(resource.get("groups"), Attribute::Unknown(_)) {
                    self.undecided(resource, "groups");
                }
                for group in resource.texts("groups") {
                    self.join(&user, group);
                }
            }
            "aws_iam_group_membership" => {
                let Some(group) = self.named(resource, "group", Kind::Group) else {
                    return;
                };
                if matches!(resource.get("users"), Attribute::Unknown(_)) {
                    self.undecided(resource, "users");
                }
                for user in resource.texts("users") {
                    self.join(user, &group);
                }
            }
            "aws_iam_access_key" | "aws_iam_user_login_profile" => self.credential(resource),
            _ => self.add_set(resource),
        }
    }

    fn join(&mut self, user: &str, group: &str) {
        self.account.principal(Kind::Group, group);
        let principal = self.account.principal(Kind::User, user);
        principal.groups.push(group.to_owned());
    }

    fn add_principal(&mut self, resource: &Resource<'p>, kind: Kind) {
        let name = resource.name_or_address("name");
        let trust = self.document(resource, "assume_role_policy");
        let boundary = self.policy(resource, "permissions_boundary");
        let mut inline = Vec::new();
        if matches!(resource.get("inline_policy"), Attribute::Unknown(_)) {
            self.undecided(resource, "inline_policy");
        }
        let blocks = resource.known("inline_policy").map_or(&[][..], Node::items);
        for block in blocks {
            let Some(text) = block.get("policy").and_then(document) else {
                continue;
            };
            let name = block.text_of("name").unwrap_or("inline").to_owned();
            inline.push((name, text, resource.at("inline_policy")));
        }
        let at = resource.at("managed_policy_arns");
        let attached: Vec<_> = resource
            .texts("managed_policy_arns")
            .into_iter()
            .map(|arn| (arn.to_owned(), at))
            .collect();
        let tags = resource
            .known("tags_all")
            .or_else(|| resource.known("tags"));
        let tags = tags.map_or(&[][..], Node::pairs).iter();
        let tags = tags
            .filter_map(|(key, value)| Some((key.to_string(), value.text()?.to_owned())))
            .collect();
        let principal = self.account.principal(kind, &name);
        principal.arn = resource.text("arn").map(str::to_owned);
        principal.path = resource.text("path").unwrap_or("/").to_owned();
        principal.trust = trust;
        principal.boundary = boundary;
        principal.inline.extend(inline);
        principal.attached.extend(attached);
        principal.tags = tags;
        principal.max_session = resource.text("max_session_duration").map(str::to_owned);
        principal.at = Some(resource.at);
    }

    fn add_inline(&mut self, resource: &Resource<'p>, kind: Kind) {
        let Some(holder) = self.named(resource, kind.word(), kind) else {
            return;
        };
        let name = resource.name_or_address("name");
        match self.document(resource, "policy") {
            Some(document) => {
                let principal = self.account.principal(kind, &holder);
                principal.inline.push((name, document, Some(resource.at)));
            }
            // Known to be there, unknown what it allows.
            None => {
                let principal = self.account.principal(kind, &holder);
                let at = Some(resource.at);
                principal.attached.push((resource.address.to_owned(), at));
            }
        }
    }

    fn attach(&mut self, resource: &Resource<'p>, kind: Kind) {
        let arn = self.policy(resource, "policy_arn");
        let holder = self.named(resource, kind.word(), kind);
        if let (Some(arn), Some(holder)) = (arn, holder) {
            let at = resource.at("policy_arn");
            let principal = self.account.principal(kind, &holder);
            principal.attached.push((arn, at));
        }
    }

    /// A credential that the plan makes. Its secret is never looked at.
    fn credential(&mut self, resource: &Resource<'p>) {
        let Some(user) = self.named(resource, "user", Kind::User) else {
            return;
        };
        let (kind, id) = match resource.kind {
            "aws_iam_access_key" => ("access-key", resource.name_or_address("id")),
            _ => ("console-password", format!("{user}/password")),
        };
        let active = resource.text("status") != Some("Inactive");
        let mut fact = Credential::new(
            System::Aws,
            self.account.id.as_str(),
            None,
            kind,
            id.as_str(),
            user.as_str(),
        );
        fact.active = active;
        fact.location = Some(resource.at);
        let holder = self.account.arn(Kind::User, &user);
        self.account.principal(Kind::User, &user);
        self.into.credential(fact, holder);
    }

    fn add_set(&mut self, resource: &Resource<'p>) {
        let arn = match resource.kind {
            "aws_ssoadmin_permission_set" => Some(arn_of_set(resource)),
            _ => match resource.get("permission_set_arn") {
                Attribute::Absent => None,
                Attribute::Known(node) => node.text().map(str::to_owned),
                Attribute::Unknown(references) => self
                    .side
                    .referred(resource, &references, &["aws_ssoadmin_permission_set"])
                    .map(arn_of_set),
            },
        };
        let Some(arn) = arn else {
            return self.undecided(resource, "permission_set_arn");
        };
        match resource.kind {
            "aws_ssoadmin_permission_set" => {
                let set = self.account.sets.entry(arn).or_default();
                set.name = resource.name_or_address("name");
                set.session = resource.text("session_duration").map(str::to_owned);
                set.at = Some(resource.at);
            }
            "aws_ssoadmin_permission_set_inline_policy" => {
                let inline = self.document(resource, "inline_policy");
                self.account.sets.entry(arn).or_default().inline = inline;
            }
            "aws_ssoadmin_managed_policy_attachment" => {
                match resource.text("managed_policy_arn").map(str::to_owned) {
                    Some(policy) => {
                        let set = self.account.sets.entry(arn).or_default();
                        set.managed.push(policy);
                    }
                    None => self.undecided(resource, "managed_policy_arn"),
                }
            }
            "aws_ssoadmin_customer_managed_policy_attachment" => {
                let reference = resource.known("customer_managed_policy_reference");
                let reference = reference.and_then(|list| list.items().first());
                let name = reference.and_then(|one| one.text_of("name"));
                match name {
                    Some(name) => {
                        let path = reference.and_then(|one| one.text_of("path")).unwrap_or("/");
                        let customer = (name.to_owned(), path.to_owned());
                        self.account
                            .sets
                            .entry(arn)
                            .or_default()
                            .customer
                            .push(customer);
                    }
                    None => self.undecided(resource, "customer_managed_policy_reference"),
                }
            }
            "aws_ssoadmin_permissions_boundary_attachment" => {
                let boundary = resource.known("permissions_boundary");
                let boundary = boundary.and_then(|list| list.items().first());
                let managed = boundary.and_then(|one| one.text_of("managed_policy_arn"));
                let customer = boundary
                    .and_then(|one| one.get("customer_managed_policy_reference"))
                    .and_then(|list| list.items().first());
                let made = match (managed, customer.and_then(|one| one.text_of("name"))) {
                    (Some(arn), _) => Made::map([("ManagedPolicyArn", Made::text(arn))]),
                    (None, Some(name)) => Made::map([(
                        "CustomerManagedPolicyReference",
                        Made::map([("Name", Made::text(name))]),
                    )]),
                    (None, None) => return self.undecided(resource, "permissions_boundary"),
                };
                self.account.sets.entry(arn).or_default().boundary = Some(made);
            }
            _ => self.assign(resource, arn),
        }
    }

    fn assign(&mut self, resource: &Resource<'p>, set: String) {
        for attribute in ["principal_id", "target_id"] {
            if matches!(resource.get(attribute), Attribute::Unknown(_)) {
                self.undecided(resource, attribute);
            }
        }
        self.account.assignments.push(Assignment {
            set,
            account: resource.text("target_id").unwrap_or(ACCOUNT).to_owned(),
            kind: resource
                .text("principal_type")
                .unwrap_or("GROUP")
                .to_owned(),
            principal: resource.name_or_address("principal_id"),
            at: Some(resource.at),
        });
    }
}

fn arn_of_set(resource: &Resource<'_>) -> String {
    match resource.text("arn") {
        Some(arn) => arn.to_owned(),
        None => format!(
            "arn:aws:sso:::permissionSet/{}",
            resource.name_or_address("name")
        ),
    }
}

/// The last part of a name or ARN.
fn bare(name: &str) -> &str {
    if name.starts_with("arn:") {
        name.rsplit('/').next().unwrap_or(name)
    } else {
        name
    }
}

/// A policy document given as text.
fn document(node: &Node<'_>) -> Option<Made> {
    let text = node.text()?;
    (!text.trim().is_empty()).then(|| Made::text(text))
}
