//! How many calls an organisation costs, before the first is made.

use super::client::PAGE;
use super::queries::{DETAILS_PAGE, REPOSITORIES_PAGE, TEAMS_PAGE};

/// The size of an organisation, as far as calls depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Members, owners included.
    pub members: usize,
    /// Teams.
    pub teams: usize,
    /// Repositories, archived ones included.
    pub repositories: usize,
    /// Of these, archived ones.
    pub archived: usize,
    /// Repositories with deploy keys.
    pub with_keys: usize,
    /// Repositories with environments.
    pub with_environments: usize,
    /// Environments.
    pub environments: usize,
    /// Of these, with branch patterns of their own.
    pub with_branch_patterns: usize,
    /// Organisation roles.
    pub roles: usize,
    /// Organisation secrets for selected repositories.
    pub selected_secrets: usize,
    /// Runner groups for selected repositories.
    pub selected_groups: usize,
    /// Groups of the identity provider.
    pub external_groups: usize,
    /// Classic protection rules.
    pub protection_rules: usize,
    /// Rulesets of repositories.
    pub rulesets: usize,
    /// Installed Apps.
    pub installations: usize,
    /// Credentials authorised for single sign-on.
    pub authorizations: usize,
    /// Pages of the audit log.
    pub audit_pages: usize,
    /// The organisation holds workflow tokens to reading, so repositories are not asked.
    pub restricted_tokens: bool,
    /// Every repository is asked for Codespaces secrets.
    pub codespaces: bool,
    /// An App asks.
    pub app: bool,
}

/// Calls to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// REST requests.
    pub rest: usize,
    /// GraphQL points.
    pub points: usize,
}

fn pages(items: usize, page: usize) -> usize {
    items.div_ceil(page).max(1)
}

/// Points of a query with `connections` connections, all repetitions counted.
fn points(connections: usize) -> usize {
    ((connections + 50) / 100).max(1)
}

impl Shape {
    /// What an organisation of this size usually has: a tenth of its repositories with
    /// deploy keys, a quarter with environments, a team for six people.
    pub fn typical(members: usize, repositories: usize) -> Self {
        Shape {
            members,
            teams: members / 6,
            repositories,
            with_keys: repositories / 10,
            with_environments: repositories / 4,
            environments: repositories * 2 / 5,
            with_branch_patterns: repositories / 20,
            roles: 8,
            selected_secrets: 10,
            selected_groups: 2,
            external_groups: members / 10,
            protection_rules: repositories / 2,
            rulesets: repositories / 10,
            installations: 60,
            authorizations: members,
            audit_pages: 20,
            ..Shape::default()
        }
    }

    /// The calls of one collection on a plan that offers everything.
    pub fn calls(&self) -> Estimate {
        let active = self.repositories - self.archived.min(self.repositories);
        // The documents of the organisation that are one call each, and do not depend
        // on who asks: see `collect::ORGANISATION`.
        let fixed = super::collect::fixed_calls(self.app);
        // The authorisations' pages have no `Link`: a full one is followed by another.
        let lists = pages(self.members, PAGE) - 1 + pages(self.installations, PAGE) - 1
            + self.authorizations / PAGE
            + self.audit_pages;
        let each =
            2 * self.roles + self.selected_secrets + self.selected_groups + self.external_groups;
        // Hooks everywhere; secrets of two stores and the OIDC settings where workflows run.
        let repositories = self.repositories
            + 3 * active
            + if self.restricted_tokens { 0 } else { active }
            + if self.codespaces { active } else { 0 };
        let counted =
            self.with_keys + self.with_environments + self.environments + self.with_branch_patterns;
        let repository_pages = pages(self.repositories, REPOSITORIES_PAGE);
        let full = points(1 + 5 * REPOSITORIES_PAGE.min(self.repositories));
        let details = |items: usize, connections: usize| {
            (items > 0) as usize
                * pages(items, DETAILS_PAGE)
                * points(connections * items.min(DETAILS_PAGE))
        };
        Estimate {
            rest: fixed + lists + each + repositories + counted,
            points: repository_pages * full
                + pages(self.teams, TEAMS_PAGE) * points(1 + 2 * TEAMS_PAGE.min(self.teams))
                + pages(self.members, PAGE)
                + points(1 + 2 * 50)
                + details(self.protection_rules, 2)
                + details(self.rulesets, 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_repositories_fit_the_budget() {
        let calls = Shape::typical(500, 1_000).calls();
        assert!(calls.rest <= 6_000, "{calls:?}");
        assert!(calls.points <= 100, "{calls:?}");
        let restricted = Shape {
            restricted_tokens: true,
            ..Shape::typical(500, 1_000)
        };
        assert!(restricted.calls().rest <= 5_000, "{:?}", restricted.calls());
    }
}
