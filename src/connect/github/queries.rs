//! What is asked over GraphQL, because it is cheaper there.
//!
//! A query's cost is the number of its connections, counted with those they repeat
//! under, over a hundred, rounded ("Rate limits and query limits for the GraphQL API").
//! [`REPOSITORIES`] repeats five connections under each repository, so 29 repositories
//! (1 + 29 × 5 = 146) cost one point.

/// Repositories on one page of [`REPOSITORIES`].
pub const REPOSITORIES_PAGE: usize = 29;
/// Teams on one page of [`TEAMS`].
pub const TEAMS_PAGE: usize = 50;
/// Nodes asked at once for their details.
pub const DETAILS_PAGE: usize = 49;

/// Owners of the enterprise, linked identities and the IP allow list.
pub const ENTERPRISE: &str = "query($org: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    ipAllowListEnabledSetting
    enterpriseOwners(first: 100) { totalCount edges { organizationRole node { login databaseId } } }
    samlIdentityProvider {
      externalIdentities(first: $first, after: $after) {
        pageInfo { hasNextPage endCursor }
        edges { node { samlIdentity { nameId } user { login databaseId } } }
      }
    }
  }
}";

/// Teams with own members and repositories.
pub const TEAMS: &str = "query($org: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    teams(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        databaseId slug name privacy
        parentTeam { slug }
        members(first: 100, membership: IMMEDIATE) { totalCount pageInfo { hasNextPage endCursor } edges { role node { login databaseId } } }
        repositories(first: 100) { totalCount pageInfo { hasNextPage endCursor } edges { permission node { nameWithOwner } } }
      }
    }
  }
}";

/// The rest of one team's members.
pub const TEAM_MEMBERS: &str = "query($org: String!, $slug: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    team(slug: $slug) {
      databaseId slug name privacy
      parentTeam { slug }
      members(first: $first, after: $after, membership: IMMEDIATE) { pageInfo { hasNextPage endCursor } edges { role node { login databaseId } } }
    }
  }
}";

/// The rest of one team's repositories.
pub const TEAM_REPOSITORIES: &str = "query($org: String!, $slug: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    team(slug: $slug) {
      databaseId slug name privacy
      parentTeam { slug }
      repositories(first: $first, after: $after) { pageInfo { hasNextPage endCursor } edges { permission node { nameWithOwner } } }
    }
  }
}";

/// Repositories with everything that costs no call of its own.
pub const REPOSITORIES: &str = "query($org: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    repositories(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id databaseId nameWithOwner visibility isArchived isDisabled isFork createdAt pushedAt
        defaultBranchRef { name }
        deployKeys(first: 1) { totalCount }
        collaborators(first: 100, affiliation: DIRECT) {
          totalCount
          pageInfo { hasNextPage endCursor }
          edges { permission permissionSources { permission roleName source { __typename } } node { login databaseId } }
        }
        branchProtectionRules(first: 50) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes { id pattern isAdminEnforced allowsForcePushes requiresApprovingReviews requiredApprovingReviewCount requiresCodeOwnerReviews requireLastPushApproval }
        }
        rulesets(first: 50, includeParents: false) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes { id databaseId name target enforcement conditions { refName { include exclude } } }
        }
        environments(first: 100) { totalCount pageInfo { hasNextPage endCursor } nodes { name } }
        trustPolicies: object(expression: \"HEAD:.github/chainguard\") {
          ... on Tree { entries { name object { ... on Blob { text isTruncated } } } }
        }
      }
    }
  }
}";

/// The rest of one repository's direct collaborators.
pub const COLLABORATORS: &str = "query($org: String!, $name: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    repository(name: $name) {
      id databaseId nameWithOwner visibility isArchived isDisabled isFork createdAt pushedAt
      defaultBranchRef { name }
      collaborators(first: $first, after: $after, affiliation: DIRECT) {
        totalCount
        pageInfo { hasNextPage endCursor }
        edges { permission permissionSources { permission roleName source { __typename } } node { login databaseId } }
      }
    }
  }
}";

/// The rest of one repository's classic protection rules.
pub const PROTECTIONS: &str = "query($org: String!, $name: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    repository(name: $name) {
      id databaseId nameWithOwner visibility isArchived isDisabled isFork createdAt pushedAt
      defaultBranchRef { name }
      branchProtectionRules(first: $first, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes { id pattern isAdminEnforced allowsForcePushes requiresApprovingReviews requiredApprovingReviewCount requiresCodeOwnerReviews requireLastPushApproval }
      }
    }
  }
}";

/// The rest of one repository's own rulesets.
pub const REPOSITORY_RULESETS: &str =
    "query($org: String!, $name: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    repository(name: $name) {
      id databaseId nameWithOwner visibility isArchived isDisabled isFork createdAt pushedAt
      defaultBranchRef { name }
      rulesets(first: $first, after: $after, includeParents: false) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes { id databaseId name target enforcement conditions { refName { include exclude } } }
      }
    }
  }
}";

/// The lists of a repository that may not fit on the page of [`REPOSITORIES`], and what
/// asks for the rest. Environments are asked for over REST as a whole.
pub const REPOSITORY_LISTS: &[(&str, &str)] = &[
    ("collaborators", COLLABORATORS),
    ("branchProtectionRules", PROTECTIONS),
    ("rulesets", REPOSITORY_RULESETS),
];

/// The organisation's rulesets.
pub const RULESETS: &str = "query($org: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    rulesets(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id databaseId name target enforcement
        conditions { refName { include exclude } repositoryName { include exclude } }
        rules(first: 50) { totalCount nodes { type parameters { ... on PullRequestParameters { requiredApprovingReviewCount } } } }
        bypassActors(first: 100) { totalCount nodes { bypassMode deployKey organizationAdmin enterpriseOwner repositoryRoleName actor { __typename ... on Team { slug } ... on App { slug } ... on User { login } } } }
      }
    }
  }
}";

/// Whom repositories' own rulesets let past, and what they ask for.
pub const RULESET_DETAILS: &str = "query($ids: [ID!]!) {
  rateLimit { cost remaining }
  nodes(ids: $ids) {
    __typename
    ... on RepositoryRuleset {
      id
      rules(first: 50) { totalCount nodes { type parameters { ... on PullRequestParameters { requiredApprovingReviewCount } } } }
      bypassActors(first: 100) { totalCount nodes { bypassMode deployKey organizationAdmin enterpriseOwner repositoryRoleName actor { __typename ... on Team { slug } ... on App { slug } ... on User { login } } } }
    }
  }
}";

/// Whom classic protection rules let past.
pub const PROTECTION_DETAILS: &str = "query($ids: [ID!]!) {
  rateLimit { cost remaining }
  nodes(ids: $ids) {
    __typename
    ... on BranchProtectionRule {
      id pattern
      repository { nameWithOwner }
      bypassPullRequestAllowances(first: 50) { totalCount nodes { actor { __typename ... on User { login } ... on Team { slug } ... on App { slug } } } }
      bypassForcePushAllowances(first: 50) { totalCount nodes { actor { __typename ... on User { login } ... on Team { slug } ... on App { slug } } } }
    }
  }
}";

/// How large the organisation is.
pub const SIZES: &str = "query($org: String!) {
  rateLimit { cost remaining }
  organization(login: $org) {
    membersWithRole(first: 1) { totalCount }
    teams(first: 1) { totalCount }
    repositories(first: 1) { totalCount }
  }
}";

/// Every query, by name.
pub const ALL: &[(&str, &str)] = &[
    ("SIZES", SIZES),
    ("ENTERPRISE", ENTERPRISE),
    ("TEAMS", TEAMS),
    ("TEAM_MEMBERS", TEAM_MEMBERS),
    ("TEAM_REPOSITORIES", TEAM_REPOSITORIES),
    ("REPOSITORIES", REPOSITORIES),
    ("COLLABORATORS", COLLABORATORS),
    ("PROTECTIONS", PROTECTIONS),
    ("REPOSITORY_RULESETS", REPOSITORY_RULESETS),
    ("RULESETS", RULESETS),
    ("RULESET_DETAILS", RULESET_DETAILS),
    ("PROTECTION_DETAILS", PROTECTION_DETAILS),
];
