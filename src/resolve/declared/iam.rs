//! IAM as declared: users, groups, roles, policies and permission sets, gathered from
//! resources in any order and written as the answers of AWS.

use std::collections::BTreeMap;

use super::text::Made;
use crate::model::Location;

/// Stands for the account where nothing tells which it is.
pub(super) const ACCOUNT: &str = "000000000000";

/// What kind of principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    User,
    Group,
    Role,
}

impl Kind {
    pub const fn word(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Group => "group",
            Kind::Role => "role",
        }
    }
}

/// A user, group or role. One that is only mentioned has no place of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Principal {
    pub path: String,
    pub arn: Option<String>,
    pub trust: Option<Made>,
    pub inline: Vec<(String, Made, Option<Location>)>,
    pub attached: Vec<(String, Option<Location>)>,
    pub boundary: Option<String>,
    pub groups: Vec<String>,
    pub tags: Vec<(String, String)>,
    pub max_session: Option<String>,
    pub at: Option<Location>,
}

/// A managed policy.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub name: String,
    /// `None` where it cannot be known.
    pub document: Option<Made>,
    pub at: Option<Location>,
}

/// A permission set of Identity Center.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    pub name: String,
    pub session: Option<String>,
    pub inline: Option<Made>,
    pub managed: Vec<String>,
    pub customer: Vec<(String, String)>,
    pub boundary: Option<Made>,
    pub at: Option<Location>,
}

/// Somebody × a permission set × an account.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub set: String,
    pub account: String,
    pub kind: String,
    pub principal: String,
    pub at: Option<Location>,
}

/// Everything declared of one account.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub id: String,
    pub principals: BTreeMap<(Kind, String), Principal>,
    pub policies: BTreeMap<String, Policy>,
    pub sets: BTreeMap<String, Set>,
    pub assignments: Vec<Assignment>,
}

impl Account {
    pub fn new(id: &str) -> Self {
        Account {
            id: id.to_owned(),
            ..Account::default()
        }
    }

    pub fn principal(&mut self, kind: Kind, name: &str) -> &mut Principal {
        let key = (kind, name.to_owned());
        self.principals.entry(key).or_default()
    }

    /// The ARN of a principal, made where none is known.
    pub fn arn(&self, kind: Kind, name: &str) -> String {
        let known = self.principals.get(&(kind, name.to_owned()));
        if let Some(arn) = known.and_then(|one| one.arn.clone()) {
            return arn;
        }
        let path = known.map_or("", |one| one.path.as_str());
        let path = if path.is_empty() { "/" } else { path };
        format!("arn:aws:iam::{}:{}{path}{name}", self.id, kind.word())
    }

    /// The documents: name, kind and content.
    pub fn documents(mut self) -> Vec<(&'static str, &'static str, Made)> {
        self.add_managed_by_aws();
        let mut all = vec![(
            "authorization-details.json",
            "authorization-details",
            self.details(),
        )];
        if !self.sets.is_empty() {
            let sets = self.sets.iter().map(|(arn, set)| set_of(arn, set));
            all.push((
                "sso-permission-sets.json",
                "sso-permission-sets",
                Made::list(sets),
            ));
        }
        if !self.assignments.is_empty() {
            let assignments = self.assignments.iter().map(|one| {
                Made::map([
                    ("AccountId", Made::text(&one.account)),
                    ("PermissionSetArn", Made::text(&one.set).at(one.at)),
                    ("PrincipalType", Made::text(&one.kind)),
                    ("PrincipalId", Made::text(&one.principal).at(one.at)),
                ])
                .at(one.at)
            });
            all.push((
                "sso-account-assignments.json",
                "sso-account-assignments",
                Made::map([("AccountAssignments", Made::list(assignments))]),
            ));
        }
        all
    }

    fn details(&self) -> Made {
        let list = |wanted: Kind| {
            let mut of_kind = self
                .principals
                .iter()
                .filter(|((kind, _), _)| *kind == wanted);
            Made::list(
                std::iter::from_fn(|| of_kind.next())
                    .map(|((kind, name), one)| self.details_of(*kind, name, one)),
            )
        };
        let policies = self.policies.iter().map(|(arn, policy)| {
            let mut pairs = vec![
                ("PolicyName", Made::text(&policy.name)),
                ("Arn", Made::text(arn)),
                ("DefaultVersionId", Made::text("v1")),
            ];
            if let Some(document) = &policy.document {
                let version = Made::map([
                    ("VersionId", Made::text("v1")),
                    ("IsDefaultVersion", Made::word("true")),
                    ("Document", document.clone().at(None)),
                ]);
                pairs.push(("PolicyVersionList", Made::list([version])));
            }
            Made::map(pairs).at(policy.at)
        });
        Made::map([
            ("UserDetailList", list(Kind::User)),
            ("GroupDetailList", list(Kind::Group)),
            ("RoleDetailList", list(Kind::Role)),
            ("Policies", Made::list(policies)),
            ("IsTruncated", Made::word("false")),
        ])
    }

    fn details_of(&self, kind: Kind, name: &str, one: &Principal) -> Made {
        let key = |user: &'static str, group: &'static str, role: &'static str| match kind {
            Kind::User => user,
            Kind::Group => group,
            Kind::Role => role,
        };
        // What is only mentioned stands where it first is.
        let at = one
            .at
            .or_else(|| one.inline.iter().find_map(|(.., at)| *at))
            .or_else(|| one.attached.iter().find_map(|(_, at)| *at));
        let inline = one.inline.iter().map(|(name, document, at)| {
            Made::map([
                ("PolicyName", Made::text(name).at(*at)),
                ("PolicyDocument", document.clone().at(None)),
            ])
            .at(*at)
        });
        let attached = one.attached.iter().map(|(arn, at)| {
            let name = arn.rsplit('/').next().unwrap_or(arn);
            Made::map([
                ("PolicyName", Made::text(name)),
                ("PolicyArn", Made::text(arn).at(*at)),
            ])
            .at(*at)
        });
        let path = if one.path.is_empty() { "/" } else { &one.path };
        let mut pairs = vec![
            (
                key("UserName", "GroupName", "RoleName"),
                Made::text(name).at(at),
            ),
            ("Arn", Made::text(self.arn(kind, name)).at(at)),
            ("Path", Made::text(path)),
            (
                key("UserPolicyList", "GroupPolicyList", "RolePolicyList"),
                Made::list(inline),
            ),
            ("AttachedManagedPolicies", Made::list(attached)),
        ];
        if let Some(trust) = &one.trust {
            pairs.push(("AssumeRolePolicyDocument", trust.clone()));
        }
        if let Some(boundary) = &one.boundary {
            let boundary = Made::map([("PermissionsBoundaryArn", Made::text(boundary))]);
            pairs.push(("PermissionsBoundary", boundary));
        }
        if kind == Kind::User {
            pairs.push(("GroupList", Made::texts(one.groups.iter().cloned())));
        }
        if let Some(seconds) = &one.max_session {
            pairs.push(("MaxSessionDuration", Made::word(seconds)));
        }
        let tags = one.tags.iter().map(|(key, value)| {
            Made::map([("Key", Made::text(key)), ("Value", Made::text(value))])
        });
        pairs.push(("Tags", Made::list(tags)));
        Made::map(pairs).at(at)
    }

    /// Adds the documents of AWS's own policies that are known and used.
    fn add_managed_by_aws(&mut self) {
        let mut used: Vec<&str> = self
            .principals
            .values()
            .flat_map(|one| {
                let attached = one.attached.iter().map(|(arn, _)| arn.as_str());
                attached.chain(one.boundary.as_deref())
            })
            .chain(
                self.sets
                    .values()
                    .flat_map(|set| set.managed.iter().map(String::as_str)),
            )
            .collect();
        used.sort_unstable();
        used.dedup();
        let known: Vec<(String, Policy)> = used
            .into_iter()
            .filter_map(|arn| {
                let name = arn.strip_prefix("arn:aws:iam::aws:policy/")?;
                let document = super::managed::document(name)?;
                let policy = Policy {
                    name: name.to_owned(),
                    document: Some(Made::text(document)),
                    at: None,
                };
                Some((arn.to_owned(), policy))
            })
            .collect();
        self.policies.extend(known);
    }
}

fn set_of(arn: &str, set: &Set) -> Made {
    let mut own = vec![
        ("Name", Made::text(&set.name)),
        ("PermissionSetArn", Made::text(arn)),
    ];
    if let Some(session) = &set.session {
        own.push(("SessionDuration", Made::text(session)));
    }
    let mut pairs = vec![("PermissionSet", Made::map(own).at(set.at))];
    if let Some(inline) = &set.inline {
        pairs.push(("InlinePolicy", inline.clone()));
    }
    let managed = set
        .managed
        .iter()
        .map(|arn| Made::map([("Arn", Made::text(arn))]));
    pairs.push(("AttachedManagedPolicies", Made::list(managed)));
    let customer = set
        .customer
        .iter()
        .map(|(name, path)| Made::map([("Name", Made::text(name)), ("Path", Made::text(path))]));
    pairs.push(("CustomerManagedPolicyReferences", Made::list(customer)));
    if let Some(boundary) = &set.boundary {
        pairs.push(("PermissionsBoundary", boundary.clone()));
    }
    Made::map(pairs).at(set.at)
}
