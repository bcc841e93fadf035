//! What each resource of a template declares.

use super::super::Declared;
use super::super::iam::{self, ACCOUNT, Account, Assignment, Kind, Policy};
use super::super::kubernetes_document::Node;
use super::super::text::Made;
use super::values::Template;
use crate::model::{Credential, Location, System};

/// Reads one resource.
pub(super) struct Reader<'r, 't> {
    pub template: &'r Template<'t>,
    pub id: &'r str,
    pub resource: &'t Node<'t>,
    pub at: Option<Location>,
    pub account: &'r mut Account,
    pub into: &'r mut Declared,
}

impl<'t> Reader<'_, 't> {
    fn property(&self, name: &str) -> Option<&'t Node<'t>> {
        self.resource.at(&["Properties", name])
    }

    fn place(&self, node: &Node<'_>) -> Option<Location> {
        Some(self.template.source.locate(node))
    }

    /// The texts of a property; those that only the deployment knows are undecided.
    fn texts(&mut self, name: &str) -> Vec<(String, Option<Location>)> {
        let Some(node) = self.property(name) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        // What is there only under a condition is judged as if that held.
        for (item, _) in self.template.items(node) {
            let at = self.place(item);
            let Some(text) = self.template.text(item, 0) else {
                continue;
            };
            if text.open.is_empty() {
                all.push((text.text, at));
            } else {
                self.undecided(&format!("{name} {}", text.open.join("; ")), at);
            }
        }
        all
    }

    fn one(&mut self, name: &str) -> Option<String> {
        self.texts(name).into_iter().next().map(|(text, _)| text)
    }

    fn undecided(&mut self, attribute: &str, at: Option<Location>) {
        let tenant = self.template.tenant.clone();
        self.into
            .undecided(System::Aws, &tenant, self.id, attribute, at.or(self.at));
    }

    pub fn read(&mut self, kind: &str) {
        match kind {
            "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group" => self.principal(),
            "AWS::IAM::ManagedPolicy" => {
                let arn = self.template.arn(self.id).unwrap_or_default();
                let name = arn.rsplit('/').next().unwrap_or(self.id).to_owned();
                let document = self.policy_document();
                let at = self.at;
                self.account
                    .policies
                    .insert(arn.clone(), Policy { name, document, at });
                for (property, kind) in [
                    ("Roles", Kind::Role),
                    ("Users", Kind::User),
                    ("Groups", Kind::Group),
                ] {
                    for (name, at) in self.texts(property) {
                        let principal = self.account.principal(kind, &name);
                        principal.attached.push((arn.clone(), at));
                    }
                }
            }
            "AWS::IAM::Policy" => {
                for (property, kind) in [
                    ("Roles", Kind::Role),
                    ("Users", Kind::User),
                    ("Groups", Kind::Group),
                ] {
                    for (holder, _) in self.texts(property) {
                        self.inline(kind, &holder);
                    }
                }
            }
            "AWS::IAM::RolePolicy" => self.inline_of("RoleName", Kind::Role),
            "AWS::IAM::UserPolicy" => self.inline_of("UserName", Kind::User),
            "AWS::IAM::GroupPolicy" => self.inline_of("GroupName", Kind::Group),
            "AWS::IAM::UserToGroupAddition" => {
                let group = self.one("GroupName");
                for (user, _) in self.texts("Users") {
                    let principal = self.account.principal(Kind::User, &user);
                    principal.groups.extend(group.clone());
                }
                if let Some(group) = group {
                    self.account.principal(Kind::Group, &group);
                }
            }
            "AWS::IAM::AccessKey" => {
                let Some(user) = self.one("UserName") else {
                    return;
                };
                let tenant = self.template.tenant.as_str();
                let mut fact = Credential::new(
                    System::Aws,
                    tenant,
                    None,
                    "access-key",
                    self.id,
                    user.as_str(),
                );
                fact.active = self.property("Status").and_then(Node::text) != Some("Inactive");
                fact.location = self.at;
                self.account.principal(Kind::User, &user);
                let holder = self.account.arn(Kind::User, &user);
                self.into.credential(fact, holder);
            }
            "AWS::SSO::PermissionSet" => self.permission_set(),
            _ => self.assignment(),
        }
    }

    fn policy_document(&self) -> Option<Made> {
        let node = self.property("PolicyDocument")?;
        Some(self.template.document(node))
    }

    fn inline(&mut self, kind: Kind, holder: &str) {
        let name = self.one("PolicyName").unwrap_or_else(|| self.id.to_owned());
        if let Some(document) = self.policy_document() {
            let at = self.at;
            let principal = self.account.principal(kind, holder);
            principal.inline.push((name, document, at));
        }
    }

    fn inline_of(&mut self, property: &str, kind: Kind) {
        if let Some(holder) = self.one(property) {
            self.inline(kind, &holder);
        }
    }

    fn principal(&mut self) {
        let Some((kind, name)) = self.template.principal(self.id) else {
            return;
        };
        let attached = self.texts("ManagedPolicyArns");
        let boundary = self.one("PermissionsBoundary");
        let groups: Vec<String> = match kind {
            Kind::User => self
                .texts("Groups")
                .into_iter()
                .map(|(name, _)| name)
                .collect(),
            _ => Vec::new(),
        };
        let mut inline = Vec::new();
        if let Some(list) = self.property("Policies") {
            for (policy, _) in self.template.items(list) {
                let (Some(name), Some(document)) =
                    (policy.get("PolicyName"), policy.get("PolicyDocument"))
                else {
                    continue;
                };
                let at = self.place(name);
                let name = self.template.text(name, 0).unwrap_or_default().text;
                inline.push((name, self.template.document(document), at));
            }
        }
        let trust = self.property("AssumeRolePolicyDocument");
        let trust = trust.map(|node| self.template.document(node));
        let tags = self.property("Tags").map_or(&[][..], Node::items).iter();
        let tags: Vec<(String, String)> = tags
            .filter_map(|tag| {
                let value = self.template.text(tag.get("Value")?, 0)?;
                Some((tag.text_of("Key")?.to_owned(), value.text))
            })
            .collect();
        let path = self.property("Path").and_then(Node::text).unwrap_or("/");
        let session = self.property("MaxSessionDuration").and_then(Node::text);
        let session = session.filter(|text| text.parse::<u32>().is_ok());
        let at = self.at;
        let principal = self.account.principal(kind, &name);
        path.clone_into(&mut principal.path);
        principal.trust = trust;
        principal.boundary = boundary;
        principal.groups.extend(groups);
        principal.inline.extend(inline);
        principal.attached.extend(attached);
        principal.tags = tags;
        principal.max_session = session.map(str::to_owned);
        principal.at = at;
    }

    fn permission_set(&mut self) {
        let arn = self.template.arn(self.id).unwrap_or_default();
        let inline = self.property("InlinePolicy").map(|node| match node.text() {
            Some(text) => Made::text(text).at(self.place(node)),
            None => self.template.document(node),
        });
        let managed = self.texts("ManagedPolicies");
        let boundary = self.property("PermissionsBoundary").and_then(|node| {
            let arn = node.text_of("ManagedPolicyArn")?;
            Some(Made::map([("ManagedPolicyArn", Made::text(arn))]))
        });
        let name = self.template.name(self.id, self.resource, "Name");
        let set = iam::Set {
            name,
            session: self
                .property("SessionDuration")
                .and_then(Node::text)
                .map(str::to_owned),
            inline,
            managed: managed.into_iter().map(|(arn, _)| arn).collect(),
            customer: Vec::new(),
            boundary,
            at: self.at,
        };
        self.account.sets.insert(arn, set);
    }

    fn assignment(&mut self) {
        let (set, account, principal) = (
            self.one("PermissionSetArn"),
            self.one("TargetId"),
            self.one("PrincipalId"),
        );
        let kind = self
            .one("PrincipalType")
            .unwrap_or_else(|| "GROUP".to_owned());
        let Some(set) = set else {
            return;
        };
        self.account.assignments.push(Assignment {
            set,
            account: account.unwrap_or_else(|| ACCOUNT.to_owned()),
            kind,
            principal: principal.unwrap_or_else(|| self.id.to_owned()),
            at: self.at,
        });
    }
}
