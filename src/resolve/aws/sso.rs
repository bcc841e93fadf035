//! Identity Center: permission sets, who has them where, and the identity store.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::documents::Source;
use super::read::{File, Unusable, sso as answers};
use crate::model::Sym;

/// What Identity Center says.
#[derive(Debug, Default)]
pub struct IdentityCenter<'a> {
    /// Instances were listed.
    pub instances_read: bool,
    /// There is an instance.
    pub instance: Option<Sym>,
    /// The account that owns it, or the one it was read from.
    pub owner: Option<Sym>,
    /// Permission sets.
    pub sets: Vec<PermissionSet<'a>>,
    /// Permission sets were read.
    pub sets_read: bool,
    /// Assignments.
    pub assignments: Vec<Assignment<'a>>,
    /// Assignments were read.
    pub assignments_read: bool,
    /// Users by id.
    pub users: BTreeMap<Sym, User<'a>>,
    /// Groups by id.
    pub groups: BTreeMap<Sym, Group<'a>>,
    /// Members of groups: group, user.
    pub memberships: Vec<(Sym, Sym)>,
    /// Users, groups and memberships were read.
    pub store_read: [bool; 3],
}

/// A permission set.
#[derive(Debug)]
pub struct PermissionSet<'a> {
    /// ARN.
    pub arn: Sym,
    /// Name.
    pub name: Sym,
    /// Session length.
    pub session: SignedDuration,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Inline policy.
    pub inline: Option<Source<'a>>,
    /// ARNs of AWS managed policies.
    pub managed: Vec<Sym>,
    /// Customer managed policies.
    pub customer: Vec<Reference>,
    /// Boundary managed by AWS.
    pub managed_boundary: Option<Sym>,
    /// Boundary managed by the customer.
    pub customer_boundary: Option<Reference>,
    /// Which file.
    pub file: usize,
    /// Where in it.
    pub at: Option<&'a str>,
}

/// A policy every account has under this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// IAM path, `/` by default.
    pub path: String,
    /// Name.
    pub name: String,
}

/// Somebody × a permission set × an account.
#[derive(Debug)]
pub struct Assignment<'a> {
    /// The account.
    pub account: Sym,
    /// ARN of the permission set.
    pub set: Sym,
    /// A group, not a user.
    pub group: bool,
    /// Id in the identity store.
    pub principal: Sym,
    /// Which file.
    pub file: usize,
    /// Where in it.
    pub at: Option<&'a str>,
}

/// A user of the identity store.
#[derive(Debug)]
pub struct User<'a> {
    /// Name to sign in with.
    pub name: Sym,
    /// Not switched off.
    pub active: bool,
    /// Mail addresses.
    pub emails: Vec<Sym>,
    /// `issuer:id` in the directory it is provisioned from.
    pub external_ids: Vec<Sym>,
    /// Which file.
    pub file: usize,
    /// Where in it.
    pub at: Option<&'a str>,
}

/// A group of the identity store.
#[derive(Debug)]
pub struct Group<'a> {
    /// Name.
    pub name: Sym,
    /// Which file.
    pub file: usize,
    /// Where in it.
    pub at: Option<&'a str>,
}

impl<'a> IdentityCenter<'a> {
    /// Takes in one document.
    pub fn read(&mut self, at: usize, file: &'a File<'a>, account: Option<Sym>) -> Vec<Unusable> {
        match file.kind {
            "sso-instances" => {
                let (pages, mut lost) = file.pages::<answers::Instances<'a>>();
                self.instances_read = true;
                let all = pages
                    .into_iter()
                    .flat_map(|page| page.instances.take(file, "Instances", &mut lost));
                for instance in all {
                    self.instance = Some(Sym::new(&instance.instance_arn));
                    self.owner = instance.owner_account_id.as_deref().map(Sym::new);
                }
                if self.instance.is_some() {
                    self.owner = self.owner.or(account);
                }
                lost
            }
            "sso-permission-sets" => {
                let (pages, lost) = file.pages::<answers::DescribedPermissionSet<'a>>();
                self.sets_read = true;
                self.sets
                    .extend(pages.into_iter().map(|page| permission_set(at, page)));
                self.sets.sort_by_key(|set| set.arn);
                lost
            }
            "sso-account-assignments" => {
                let (pages, mut lost) = file.pages::<answers::AccountAssignments<'a>>();
                self.assignments_read = true;
                let name = "AccountAssignments";
                let all = pages
                    .into_iter()
                    .flat_map(|page| page.account_assignments.take(file, name, &mut lost));
                self.assignments.extend(all.map(|one| Assignment {
                    account: one.account_id.sym(),
                    set: one.permission_set_arn.sym(),
                    group: &*one.principal_type == "GROUP",
                    principal: one.principal_id.sym(),
                    file: at,
                    at: one.principal_id.slice(),
                }));
                let key = |one: &Assignment<'_>| (one.account, one.set, one.group, one.principal);
                self.assignments.sort_by_key(key);
                self.assignments.dedup_by_key(|one| key(one));
                lost
            }
            "identitystore-users" => {
                let (pages, mut lost) = file.pages::<answers::Users<'a>>();
                self.store_read[0] = true;
                let all = pages
                    .into_iter()
                    .flat_map(|page| page.users.take(file, "Users", &mut lost));
                for user in all {
                    let id = user.user_id.sym();
                    let shown = [Some(&user.user_name), user.display_name.as_ref()];
                    let name = shown
                        .into_iter()
                        .flatten()
                        .find(|name| !name.is_empty())
                        .map_or(id, |name| name.sym());
                    let found = User {
                        name,
                        active: user.user_status.as_deref() != Some("DISABLED"),
                        emails: user
                            .emails
                            .iter()
                            .filter_map(|mail| Some(mail.value.as_ref()?.sym()))
                            .collect(),
                        external_ids: user
                            .external_ids
                            .iter()
                            .filter_map(|one| {
                                let (issuer, id) = (one.issuer.as_ref()?, one.id.as_ref()?);
                                Some(Sym::new(&format!("{}:{}", &**issuer, &**id)))
                            })
                            .collect(),
                        file: at,
                        at: user.user_id.slice(),
                    };
                    self.users.insert(id, found);
                }
                lost
            }
            "identitystore-groups" => {
                let (pages, mut lost) = file.pages::<answers::Groups<'a>>();
                self.store_read[1] = true;
                let all = pages
                    .into_iter()
                    .flat_map(|page| page.groups.take(file, "Groups", &mut lost));
                for group in all {
                    let id = group.group_id.sym();
                    let found = Group {
                        name: group.display_name.as_ref().map_or(id, |name| name.sym()),
                        file: at,
                        at: group.group_id.slice(),
                    };
                    self.groups.insert(id, found);
                }
                lost
            }
            _ => {
                let (pages, mut lost) = file.pages::<answers::GroupMemberships<'a>>();
                self.store_read[2] = true;
                let name = "GroupMemberships";
                let all = pages
                    .into_iter()
                    .flat_map(|page| page.group_memberships.take(file, name, &mut lost));
                self.memberships
                    .extend(all.map(|one| (one.group_id.sym(), one.member_id.user_id.sym())));
                self.memberships.sort_unstable();
                self.memberships.dedup();
                lost
            }
        }
    }

    /// The permission set with this ARN.
    pub fn set(&self, arn: Sym) -> Option<&PermissionSet<'a>> {
        self.sets.iter().find(|set| set.arn == arn)
    }

    /// Ids of the users in a group, sorted.
    pub fn members(&self, group: Sym) -> impl Iterator<Item = Sym> {
        let start = self.memberships.partition_point(|(at, _)| *at < group);
        self.memberships[start..]
            .iter()
            .take_while(move |(at, _)| *at == group)
            .map(|(_, user)| *user)
    }
}

fn permission_set<'a>(file: usize, page: answers::DescribedPermissionSet<'a>) -> PermissionSet<'a> {
    let set = page.permission_set;
    let arn = set.permission_set_arn.sym();
    let at = set.permission_set_arn.slice();
    let inline = page
        .inline_policy
        .map(|raw| raw.get())
        .filter(|raw| !matches!(*raw, "\"\"" | "null"))
        .map(|raw| Source::new(file, raw));
    let boundary = page.permissions_boundary;
    let (managed_boundary, customer_boundary) = match boundary {
        Some(boundary) => (
            boundary.managed_policy_arn.map(|arn| arn.sym()),
            boundary.customer_managed_policy_reference.map(reference),
        ),
        None => (None, None),
    };
    PermissionSet {
        arn,
        name: if set.name.is_empty() {
            arn
        } else {
            set.name.sym()
        },
        // One hour unless set (`CreatePermissionSet`).
        session: set
            .session_duration
            .and_then(|text| text.parse().ok())
            .unwrap_or(SignedDuration::from_hours(1)),
        created: set.created_date.0,
        inline,
        managed: page
            .attached_managed_policies
            .iter()
            .map(|policy| policy.arn.sym())
            .collect(),
        customer: page
            .customer_managed_policy_references
            .into_iter()
            .map(reference)
            .collect(),
        managed_boundary,
        customer_boundary,
        file,
        at,
    }
}

fn reference(one: answers::CustomerReference<'_>) -> Reference {
    Reference {
        path: one
            .path
            .map_or_else(|| "/".to_owned(), |path| path.to_string()),
        name: one.name.to_string(),
    }
}
