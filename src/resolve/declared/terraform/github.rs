//! `github_*` resources that give people, teams and keys access.

use super::super::Declared;
use super::{Attribute, Resource, Side};
use crate::model::{Credential, IdentityKind, System, Tier};

/// The kinds of resources that are read.
pub(super) const KINDS: &[&str] = &[
    "github_actions_organization_secret",
    "github_actions_secret",
    "github_actions_environment_secret",
    "github_codespaces_secret",
    "github_dependabot_secret",
    "github_membership",
    "github_organization_settings",
    "github_repository_collaborator",
    "github_repository_collaborators",
    "github_repository_deploy_key",
    "github_team",
    "github_team_members",
    "github_team_membership",
    "github_team_repository",
];

/// What a permission on one repository is worth.
fn tier(permission: &str) -> Tier {
    match permission {
        "none" => Tier::None,
        "pull" | "read" | "triage" => Tier::Read,
        // Custom roles start from one of the others; what is added is not known.
        _ => Tier::Write,
    }
}

/// Reads all resources of GitHub; `owner` is the organisation.
pub(super) fn read(side: &Side<'_>, owner: &str, into: &mut Declared) {
    for resource in side
        .resources
        .iter()
        .filter(|one| KINDS.contains(&one.kind))
    {
        Reader {
            side,
            resource,
            owner,
            into,
        }
        .read();
    }
}

struct Reader<'r, 'p> {
    side: &'r Side<'p>,
    resource: &'r Resource<'p>,
    owner: &'r str,
    into: &'r mut Declared,
}

impl<'p> Reader<'_, 'p> {
    /// The text of an attribute, following a reference; unknown else.
    fn text(&mut self, attribute: &str, kinds: &[&str], field: &str) -> Option<String> {
        match self.resource.get(attribute) {
            Attribute::Absent => None,
            Attribute::Known(node) => node.text().map(str::to_owned),
            Attribute::Unknown(references) => {
                let found = self.side.referred(self.resource, &references, kinds);
                let text = found.map(|one| one.name_or_address(field));
                if text.is_none() {
                    self.undecided(attribute);
                }
                text
            }
        }
    }

    fn undecided(&mut self, attribute: &str) {
        let at = self.resource.at(attribute);
        self.into.undecided(
            System::Github,
            self.owner,
            self.resource.address,
            attribute,
            at,
        );
    }

    fn repository(&mut self) -> String {
        let name = self.text("repository", &["github_repository"], "name");
        let name = name.unwrap_or_else(|| self.resource.address.to_owned());
        if name.contains('/') {
            name
        } else {
            format!("{}/{name}", self.owner)
        }
    }

    /// The team an attribute names: its number where that is known, else its name.
    fn team(&mut self) -> String {
        let name = self.text("team_id", &["github_team"], "name");
        let name = name.unwrap_or_else(|| self.resource.address.to_owned());
        // A team of the plan is called by its name on both sides.
        let teams = self.side.resources.iter();
        let named = teams
            .filter(|one| one.kind == "github_team" && one.text("id") == Some(&name))
            .find_map(|one| one.text("name"));
        named.map_or(name, str::to_owned)
    }

    fn permission(&mut self) -> String {
        if matches!(self.resource.get("permission"), Attribute::Unknown(_)) {
            self.undecided("permission");
        }
        self.resource
            .text("permission")
            .unwrap_or("push")
            .to_owned()
    }

    fn grant(
        &mut self,
        who: (IdentityKind, &str),
        mechanism: &str,
        what: &str,
        on: &str,
        tier: Tier,
    ) {
        self.into.grant(
            System::Github,
            self.owner,
            who,
            (mechanism, what, on),
            tier,
            Some(self.resource.at),
        );
    }

    fn read(&mut self) {
        match self.resource.kind {
            "github_membership" => {
                let admin = self.resource.text("role") == Some("admin");
                let (role, worth) = if admin {
                    ("owner", Tier::Admin)
                } else {
                    ("member", Tier::Read)
                };
                if matches!(self.resource.get("role"), Attribute::Unknown(_)) {
                    self.undecided("role");
                }
                let user = self.resource.name_or_address("username");
                self.grant((IdentityKind::Human, &user), "membership", role, "*", worth);
            }
            "github_repository_collaborator" => {
                let user = self.resource.name_or_address("username");
                let (repository, permission) = (self.repository(), self.permission());
                let worth = tier(&permission);
                self.grant(
                    (IdentityKind::Human, &user),
                    "direct",
                    &permission,
                    &repository,
                    worth,
                );
            }
            "github_repository_collaborators" => self.collaborators(),
            "github_team_repository" => {
                let team = self.team();
                let (repository, permission) = (self.repository(), self.permission());
                let worth = tier(&permission);
                self.grant(
                    (IdentityKind::Group, &team),
                    "team",
                    &permission,
                    &repository,
                    worth,
                );
            }
            "github_team_membership" => {
                let team = self.team();
                let user = self.resource.name_or_address("username");
                let role = self.resource.text("role").unwrap_or("member").to_owned();
                self.grant(
                    (IdentityKind::Human, &user),
                    "team-member",
                    &role,
                    &team,
                    Tier::Read,
                );
            }
            "github_team_members" => {
                let team = self.team();
                if matches!(self.resource.get("members"), Attribute::Unknown(_)) {
                    self.undecided("members");
                }
                let members = self.resource.known("members").map(|node| node.items());
                for member in members.unwrap_or_default() {
                    let user = member.text_of("username").unwrap_or_default();
                    let role = member.text_of("role").unwrap_or("member");
                    self.grant(
                        (IdentityKind::Human, user),
                        "team-member",
                        role,
                        &team,
                        Tier::Read,
                    );
                }
            }
            "github_organization_settings" => {
                let attribute = "default_repository_permission";
                if matches!(self.resource.get(attribute), Attribute::Unknown(_)) {
                    self.undecided(attribute);
                }
                let permission = self.resource.text(attribute).unwrap_or("read");
                let worth = match permission {
                    "admin" => Tier::Admin,
                    other => tier(other),
                };
                let everybody = (IdentityKind::Group, "members");
                self.grant(everybody, "base-permission", permission, "*", worth);
            }
            "github_repository_deploy_key" => {
                let repository = self.repository();
                let title = self.resource.name_or_address("title");
                let reads = self
                    .resource
                    .known("read_only")
                    .and_then(|node| node.bool());
                let worth = if reads == Some(false) {
                    Tier::Write
                } else {
                    Tier::Read
                };
                let mut fact = self.credential("deploy-key", &format!("{repository}/{title}"));
                fact.tier = worth;
                self.into.bare_credential(fact);
            }
            "github_team" => {}
            _ => {
                let place = match self.resource.kind {
                    "github_actions_organization_secret" => self.owner.to_owned(),
                    _ => self.repository(),
                };
                let name = self.resource.name_or_address("secret_name");
                let fact = self.credential("stored-secret", &format!("{place}/{name}"));
                self.into.bare_credential(fact);
            }
        }
    }

    fn credential(&self, kind: &str, id: &str) -> Credential {
        let mut fact = Credential::new(System::Github, self.owner, None, kind, id, id);
        fact.location = Some(self.resource.at);
        fact
    }

    fn collaborators(&mut self) {
        let repository = self.repository();
        for (attribute, kind, name, mechanism) in [
            ("user", IdentityKind::Human, "username", "direct"),
            ("team", IdentityKind::Group, "team_id", "team"),
        ] {
            if matches!(self.resource.get(attribute), Attribute::Unknown(_)) {
                self.undecided(attribute);
                continue;
            }
            let blocks = self.resource.known(attribute).map(|node| node.items());
            for block in blocks.unwrap_or_default() {
                let who = block.text_of(name).unwrap_or_default();
                let permission = block.text_of("permission").unwrap_or("push");
                self.grant(
                    (kind, who),
                    mechanism,
                    permission,
                    &repository,
                    tier(permission),
                );
            }
        }
    }
}
