//! Roles on a repository, and what permissions are worth.

use std::collections::BTreeMap;

use crate::model::Tier;

/// A role on a repository. Ordered by what it includes (GitHub, "Repository roles for
/// an organization").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// No access.
    #[default]
    None,
    /// Reads and clones.
    Read,
    /// Manages issues and pull requests.
    Triage,
    /// Pushes.
    Write,
    /// Manages the repository without sensitive actions.
    Maintain,
    /// Everything, protection and keys included.
    Admin,
}

impl Role {
    /// Reads any of the names GitHub's APIs use for the five built-in roles.
    pub fn parse(text: &str) -> Option<Role> {
        Some(match text.to_ascii_lowercase().as_str() {
            "none" => Role::None,
            "read" | "pull" => Role::Read,
            "triage" => Role::Triage,
            "write" | "push" => Role::Write,
            "maintain" => Role::Maintain,
            "admin" => Role::Admin,
            _ => return None,
        })
    }

    /// The name used in facts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::None => "none",
            Role::Read => "read",
            Role::Triage => "triage",
            Role::Write => "write",
            Role::Maintain => "maintain",
            Role::Admin => "admin",
        }
    }

    /// What it is worth on one repository.
    pub const fn tier(self) -> Tier {
        match self {
            Role::None => Tier::None,
            Role::Read | Role::Triage => Tier::Read,
            Role::Write | Role::Maintain | Role::Admin => Tier::Write,
        }
    }

    /// What it is worth on every repository of the organisation: administering all of
    /// them reaches every secret and every deployment.
    pub const fn tier_everywhere(self) -> Tier {
        match self {
            Role::Admin => Tier::Admin,
            other => other.tier(),
        }
    }
}

/// App and token permissions whose write access administers identity or the whole
/// organisation (GitHub, "Permissions required for GitHub Apps").
const ADMINISTERING: &[&str] = &[
    "members",
    "organization_administration",
    "organization_custom_org_roles",
    "organization_custom_roles",
    "organization_personal_access_tokens",
    "organization_personal_access_token_requests",
];

/// The same for a repository; on all repositories that is the organisation.
const ADMINISTERING_REPOSITORIES: &[&str] = &["administration"];

/// `name:access`, sorted.
pub fn listed(permissions: &BTreeMap<String, String>) -> Vec<String> {
    permissions
        .iter()
        .map(|(name, access)| format!("{name}:{access}"))
        .collect()
}

/// What a set of App or token permissions is worth.
pub fn permissions_tier(permissions: &[String], all_repositories: bool) -> Tier {
    permissions
        .iter()
        .map(|permission| {
            let (name, access) = permission.split_once(':').unwrap_or((permission, "read"));
            let writes = matches!(access, "write" | "admin");
            let administers = ADMINISTERING.contains(&name)
                || (all_repositories && ADMINISTERING_REPOSITORIES.contains(&name));
            match (writes, administers) {
                (true, true) => Tier::Admin,
                (true, false) => Tier::Write,
                (false, _) if name == "metadata" => Tier::None,
                (false, _) => Tier::Read,
            }
        })
        .max()
        .unwrap_or_default()
}

/// What the scopes of a classic token allow, the rights of its owner aside.
pub fn scopes_tier(scopes: &[String]) -> Tier {
    scopes
        .iter()
        .map(|scope| match scope.as_str() {
            "admin:org" | "admin:enterprise" | "site_admin" | "manage_billing:enterprise" => {
                Tier::Admin
            }
            "repo" | "workflow" | "delete_repo" | "public_repo" | "delete:packages" => Tier::Write,
            scope if scope.starts_with("write:") || scope.starts_with("admin:") => Tier::Write,
            _ => Tier::Read,
        })
        .max()
        .unwrap_or_default()
}

/// What an organisation role is worth, by its name, base role and permissions.
pub fn organization_role_tier(name: &str, base: Option<Role>, permissions: &[String]) -> Tier {
    let by_name = match name {
        "all_repo_admin" => Tier::Admin,
        "all_repo_maintain" | "all_repo_write" | "security_manager" | "ci_cd_admin"
        | "app_manager" => Tier::Write,
        _ => Tier::Read,
    };
    let by_permission = permissions
        .iter()
        .map(|permission| {
            if permission.contains("custom_org_role") && permission.starts_with("write") {
                Tier::Admin
            } else if ["write", "manage", "edit", "delete", "create", "set"]
                .iter()
                .any(|verb| permission.starts_with(verb))
            {
                Tier::Write
            } else {
                Tier::Read
            }
        })
        .max()
        .unwrap_or_default();
    by_name
        .max(by_permission)
        .max(base.map_or(Tier::None, Role::tier_everywhere))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_all_apis_are_the_same_roles() {
        for (text, role) in [
            ("pull", Role::Read),
            ("PUSH", Role::Write),
            ("ADMIN", Role::Admin),
        ] {
            assert_eq!(Role::parse(text), Some(role));
        }
        assert_eq!(Role::parse("security-engineer"), None);
        assert!(Role::Maintain > Role::Write);
    }

    #[test]
    fn permissions_are_worth_what_they_reach() {
        let of = |list: &[&str], all| {
            let list: Vec<String> = list.iter().map(|&text| text.to_owned()).collect();
            permissions_tier(&list, all)
        };
        assert_eq!(of(&["metadata:read"], true), Tier::None);
        assert_eq!(of(&["contents:read"], true), Tier::Read);
        assert_eq!(of(&["contents:write"], false), Tier::Write);
        assert_eq!(of(&["administration:write"], false), Tier::Write);
        assert_eq!(of(&["administration:write"], true), Tier::Admin);
        assert_eq!(of(&["members:write"], false), Tier::Admin);
        assert_eq!(of(&["members:read"], false), Tier::Read);
    }
}
