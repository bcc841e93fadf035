//! One organisation as its documents show it, whichever API they came from.
//!
//! Teams, repositories and direct collaborators come from GraphQL (what the connector
//! writes) or REST (what people save by hand); here both are one.

mod repositories;
mod rest;
mod teams;

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{self, Account};
use super::cut;
use super::gaps::Gaps;
use super::graph;
use super::read::{Files, Located};
use super::role::Role;
use crate::model::{Location, Moment};

/// A person or bot.
#[derive(Clone, Debug)]
pub struct Person {
    /// The login.
    pub login: String,
    /// The immutable number.
    pub id: Option<u64>,
    /// Where it stands in the input.
    pub location: Option<Location>,
}

/// A team.
#[derive(Clone, Debug, Default)]
pub struct Team {
    /// The immutable number.
    pub id: Option<u64>,
    /// Name for people.
    pub name: String,
    /// `closed` or `secret`.
    pub privacy: Option<String>,
    /// Slug of the team above.
    pub parent: Option<String>,
    /// Own members, by login, with the role in the team.
    pub members: BTreeMap<String, String>,
    /// Own repositories, by full name, with the role's name.
    pub repositories: BTreeMap<String, String>,
    /// The identity provider's group that fills it; `Some(None)`: none does.
    pub group: Option<Option<String>>,
    /// Where it stands in the input.
    pub location: Option<Location>,
}

/// A repository.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// The immutable number.
    pub id: Option<u64>,
    /// Name without owner.
    pub name: String,
    /// `public`, `internal` or `private`.
    pub visibility: Option<String>,
    /// Read-only for ever: no workflow runs, but keys and rights stay.
    pub archived: bool,
    /// The default branch.
    pub default_branch: Option<String>,
    /// When it was made.
    pub created: Moment,
    /// Who has direct access, by login: number and role's name.
    pub direct: Option<BTreeMap<String, (Option<u64>, String)>>,
    /// Classic protection rules; `None` if not seen.
    pub protections: Option<Vec<graph::ProtectionRule>>,
    /// Its own rulesets; `None` if not seen.
    pub rulesets: Option<Vec<graph::Ruleset>>,
    /// How many deploy keys it has, where counted.
    pub keys: Option<u64>,
    /// Names of environments, where listed.
    pub environments: Option<Vec<String>>,
    /// Broker policies on the default branch: file name and text.
    pub trust_policies: Option<Vec<(String, String)>>,
    /// Where it stands in the input.
    pub location: Option<Location>,
}

impl Repository {
    /// Whether anybody may read it.
    pub fn public(&self) -> bool {
        self.visibility.as_deref() == Some("public")
    }
}

/// What the documents say of one organisation.
#[derive(Debug, Default)]
pub struct Organisation {
    /// Login, in the spelling GitHub uses.
    pub login: String,
    /// Settings, if `org.json` was readable.
    pub settings: Option<Located<answer::Organization>>,
    /// Members by login, owners included.
    pub members: Option<BTreeMap<String, Person>>,
    /// Logins of owners.
    pub owners: Option<BTreeSet<String>>,
    /// Outside collaborators.
    pub outside: Option<BTreeMap<String, Person>>,
    /// Members and outside collaborators without a second factor.
    pub without_two_factor: Option<BTreeSet<String>>,
    /// Logins linked to the identity provider; `None` without single sign-on or unseen.
    pub linked: Option<BTreeSet<String>>,
    /// Names the identity provider has for logins, where it tells.
    pub saml_names: BTreeMap<String, String>,
    /// Owners of the enterprise: login, number, and whether they own the organisation now.
    pub enterprise_owners: Vec<(Person, bool)>,
    /// Whether an IP allow list is on.
    pub ip_allow_list: Option<bool>,
    /// Teams by slug.
    pub teams: Option<BTreeMap<String, Team>>,
    /// Repositories by name.
    pub repositories: Option<BTreeMap<String, Repository>>,
    /// Custom repository roles by name: base role.
    pub roles: BTreeMap<String, Role>,
    /// The organisation's rulesets; `None` if not seen.
    pub rulesets: Option<Vec<graph::Ruleset>>,
    /// Details by node id.
    pub details: BTreeMap<String, graph::Node>,
}

fn people(list: Vec<Located<Account>>) -> BTreeMap<String, Person> {
    list.into_iter()
        .map(|account| {
            (
                account.value.login.clone(),
                Person {
                    login: account.value.login,
                    id: (account.value.id > 0).then_some(account.value.id),
                    location: Some(account.location),
                },
            )
        })
        .collect()
}

impl Organisation {
    /// Reads the documents that describe people, teams and repositories.
    pub fn read(files: &Files<'_>, gaps: &mut Gaps) -> Self {
        let mut org = Organisation {
            settings: files.one("organization", &[], gaps),
            ..Organisation::default()
        };
        org.login = match &org.settings {
            Some(settings) if !settings.login.is_empty() => settings.login.clone(),
            _ => files.folder.clone(),
        };
        org.read_people(files, gaps);
        for role in files
            .list::<answer::RepositoryRole>("repository-roles", &[], gaps)
            .unwrap_or_default()
        {
            let base = role.base_role.as_deref().and_then(Role::parse);
            org.roles.insert(role.value.name, base.unwrap_or_default());
        }
        org.read_teams(files, gaps);
        org.read_team_links(files, gaps);
        org.read_repositories(files, gaps);
        org.read_rulesets(files, gaps);
        org
    }

    /// The built-in role a role's name stands for.
    pub fn role(&self, name: &str) -> Role {
        Role::parse(name)
            .or_else(|| self.roles.get(name).copied())
            .unwrap_or(Role::Read)
    }

    /// `organisation/repository`.
    pub fn full_name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.login)
    }

    /// The name without its owner, if the owner is this organisation.
    pub fn own<'n>(&self, full_name: &'n str) -> Option<&'n str> {
        let (owner, name) = full_name.split_once('/')?;
        owner.eq_ignore_ascii_case(&self.login).then_some(name)
    }

    fn read_people(&mut self, files: &Files<'_>, gaps: &mut Gaps) {
        self.owners = files
            .list::<Account>("owners", &[], gaps)
            .map(|list| list.into_iter().map(|one| one.value.login).collect());
        self.members = files.list("members", &[], gaps).map(people);
        self.outside = files.list("outside-collaborators", &[], gaps).map(people);
        let mut without: Option<BTreeSet<String>> = None;
        for name in ["members-without-two-factor", "outside-without-two-factor"] {
            if let Some(list) = files.list::<Account>(name, &[], gaps) {
                without
                    .get_or_insert_default()
                    .extend(list.into_iter().map(|one| one.value.login));
            }
        }
        self.without_two_factor = without;
        let pages = files.graph("graph-enterprise", gaps);
        cut::tell(pages.iter().map(|page| &page.value), files, gaps);
        for page in pages {
            let Some(org) = page
                .data
                .as_ref()
                .and_then(|data| data.organization.as_ref())
            else {
                continue;
            };
            if let Some(setting) = &org.ip_allow_list_enabled_setting {
                self.ip_allow_list = Some(setting == "ENABLED");
            }
            if let Some(identities) = org
                .saml_identity_provider
                .as_ref()
                .and_then(|provider| provider.external_identities.as_ref())
            {
                self.saml_names.extend(
                    identities
                        .edges()
                        .filter_map(|edge| edge.node.as_ref())
                        .filter_map(|one| {
                            let name = one.saml_identity.as_ref()?.name_id.clone()?;
                            Some((one.user.as_ref()?.login.clone(), name))
                        }),
                );
                self.linked.get_or_insert_default().extend(
                    identities
                        .edges()
                        .filter_map(|edge| edge.node.as_ref()?.user.as_ref())
                        .map(|user| user.login.clone()),
                );
            }
            for edge in org.enterprise_owners.iter().flat_map(|list| list.edges()) {
                if let Some(owner) = &edge.node {
                    let person = Person {
                        login: owner.login.clone(),
                        id: owner.database_id,
                        location: Some(page.location),
                    };
                    let now = edge.organization_role.as_deref() == Some("OWNER");
                    self.enterprise_owners.push((person, now));
                }
            }
        }
    }
}
