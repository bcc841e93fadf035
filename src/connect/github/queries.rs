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

/// What is asked of a thing wherever it comes: on the first page of its list, on those
/// after it, and beside the rest of its own lists.
macro_rules! fields {
    (team) => {
        "databaseId slug name privacy parentTeam { slug }"
    };
    (member) => {
        "edges { role node { login databaseId } }"
    };
    (team_repository) => {
        "edges { permission node { nameWithOwner } }"
    };
    (repository) => {
        "id databaseId nameWithOwner visibility isArchived isDisabled isFork createdAt pushedAt defaultBranchRef { name }"
    };
    (collaborator) => {
        "edges { permission permissionSources { permission roleName source { __typename } } node { login databaseId } }"
    };
    (protection) => {
        "nodes { id pattern isAdminEnforced allowsForcePushes requiresApprovingReviews requiredApprovingReviewCount requiresCodeOwnerReviews requireLastPushApproval }"
    };
    (ruleset) => {
        "nodes { id databaseId name target enforcement conditions { refName { include exclude } } }"
    };
    (ruleset_details) => {
        "rules(first: 50) { totalCount nodes { type parameters { ... on PullRequestParameters { requiredApprovingReviewCount } } } }
      bypassActors(first: 100) { totalCount nodes { bypassMode deployKey organizationAdmin enterpriseOwner repositoryRoleName actor { __typename ... on Team { slug } ... on App { slug } ... on User { login } } } }"
    };
    (exceptions) => {
        "totalCount nodes { actor { __typename ... on User { login } ... on Team { slug } ... on App { slug } } }"
    };
}

/// Asks for the rest of one list of a team or repository.
macro_rules! rest {
    (team, $list:literal, $of:ident) => {
        rest!(@ "query($org: String!, $slug: String!, $first: Int!, $after: String)", "team(slug: $slug)", team, $list, $of)
    };
    (repository, $list:literal, $of:ident) => {
        rest!(@ "query($org: String!, $name: String!, $first: Int!, $after: String)", "repository(name: $name)", repository, $list, $of)
    };
    (@ $head:literal, $owner:literal, $kind:ident, $list:literal, $of:ident) => {
        concat!(
            $head,
            " {
  rateLimit { cost remaining }
  organization(login: $org) {
    ",
            $owner,
            " {
      ",
            fields!($kind),
            "
      ",
            $list,
            " { totalCount pageInfo { hasNextPage endCursor } ",
            fields!($of),
            " }
    }
  }
}"
        )
    };
}

/// Teams with own members and repositories.
pub const TEAMS: &str = concat!(
    "query($org: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    teams(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        ",
    fields!(team),
    "
        members(first: 100, membership: IMMEDIATE) { totalCount pageInfo { hasNextPage endCursor } ",
    fields!(member),
    " }
        repositories(first: 100) { totalCount pageInfo { hasNextPage endCursor } ",
    fields!(team_repository),
    " }
      }
    }
  }
}"
);

/// The rest of one team's members.
pub const TEAM_MEMBERS: &str = rest!(
    team,
    "members(first: $first, after: $after, membership: IMMEDIATE)",
    member
);

/// The rest of one team's repositories.
pub const TEAM_REPOSITORIES: &str = rest!(
    team,
    "repositories(first: $first, after: $after)",
    team_repository
);

/// Repositories with everything that costs no call of its own.
pub const REPOSITORIES: &str = concat!(
    "query($org: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    repositories(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        ",
    fields!(repository),
    "
        deployKeys(first: 1) { totalCount }
        collaborators(first: 100, affiliation: DIRECT) { totalCount pageInfo { hasNextPage endCursor } ",
    fields!(collaborator),
    " }
        branchProtectionRules(first: 50) { totalCount pageInfo { hasNextPage endCursor } ",
    fields!(protection),
    " }
        rulesets(first: 50, includeParents: false) { totalCount pageInfo { hasNextPage endCursor } ",
    fields!(ruleset),
    " }
        environments(first: 100) { totalCount pageInfo { hasNextPage endCursor } nodes { name } }
        trustPolicies: object(expression: \"HEAD:.github/chainguard\") {
          ... on Tree { entries { name object { ... on Blob { text isTruncated } } } }
        }
      }
    }
  }
}"
);

/// The rest of one repository's direct collaborators.
pub const COLLABORATORS: &str = rest!(
    repository,
    "collaborators(first: $first, after: $after, affiliation: DIRECT)",
    collaborator
);

/// The rest of one repository's classic protection rules.
pub const PROTECTIONS: &str = rest!(
    repository,
    "branchProtectionRules(first: $first, after: $after)",
    protection
);

/// The rest of one repository's own rulesets.
pub const REPOSITORY_RULESETS: &str = rest!(
    repository,
    "rulesets(first: $first, after: $after, includeParents: false)",
    ruleset
);

/// The lists of a repository that may not fit on the page of [`REPOSITORIES`], and what
/// asks for the rest. Environments are asked for over REST as a whole.
pub const REPOSITORY_LISTS: &[(&str, &str)] = &[
    ("collaborators", COLLABORATORS),
    ("branchProtectionRules", PROTECTIONS),
    ("rulesets", REPOSITORY_RULESETS),
];

/// The organisation's rulesets.
pub const RULESETS: &str = concat!(
    "query($org: String!, $first: Int!, $after: String) {
  rateLimit { cost remaining }
  organization(login: $org) {
    rulesets(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id databaseId name target enforcement
        conditions { refName { include exclude } repositoryName { include exclude } }
        ",
    fields!(ruleset_details),
    "
      }
    }
  }
}"
);

/// Whom repositories' own rulesets let past, and what they ask for.
pub const RULESET_DETAILS: &str = concat!(
    "query($ids: [ID!]!) {
  rateLimit { cost remaining }
  nodes(ids: $ids) {
    __typename
    ... on RepositoryRuleset {
      id
      ",
    fields!(ruleset_details),
    "
    }
  }
}"
);

/// Whom classic protection rules let past.
pub const PROTECTION_DETAILS: &str = concat!(
    "query($ids: [ID!]!) {
  rateLimit { cost remaining }
  nodes(ids: $ids) {
    __typename
    ... on BranchProtectionRule {
      id pattern
      repository { nameWithOwner }
      bypassPullRequestAllowances(first: 50) { ",
    fields!(exceptions),
    " }
      bypassForcePushAllowances(first: 50) { ",
    fields!(exceptions),
    " }
    }
  }
}"
);

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
