//! The connector's GraphQL answers, as far as verdicts depend on them.
//!
//! GitHub answers with partial data beside errors; both are kept. Which fields are
//! asked for stands in `connect/github/queries.rs`, checked against GitHub's published
//! schema.

use serde::{Deserialize, Serialize};

use super::answer::time;
use crate::model::Moment;

macro_rules! nodes {
    ($($(#[$meta:meta])* $name:ident { $($body:tt)* })*) => {
        $($(#[$meta])*
        #[derive(Clone, Debug, Default, Deserialize, Serialize)]
        #[serde(default, rename_all = "camelCase")]
        #[allow(missing_docs, reason = "the fields are GitHub's own; its GraphQL schema documents them")]
        pub struct $name { $($body)* })*
    };
}

/// One page: data, errors, or both.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Envelope {
    /// What could be answered.
    pub data: Option<Data>,
    /// What could not.
    pub errors: Vec<GraphError>,
}

nodes! {
    /// The answer to any of our queries.
    Data {
        pub organization: Option<Organization>,
        pub nodes: Vec<Option<Node>>,
    }
    /// Why something could not be answered.
    GraphError {
        #[serde(rename = "type")]
        pub kind: Option<String>,
        pub message: String,
        pub path: Vec<serde_json::Value>,
    }
    /// The organisation.
    Organization {
        pub ip_allow_list_enabled_setting: Option<String>,
        pub saml_identity_provider: Option<SamlProvider>,
        pub enterprise_owners: Option<Connection<OwnerEdge, Person>>,
        pub teams: Option<Connection<Empty, Team>>,
        pub repositories: Option<Connection<Empty, Repository>>,
        pub rulesets: Option<Connection<Empty, Ruleset>>,
    }
    /// Single sign-on.
    SamlProvider {
        pub external_identities: Option<Connection<IdentityEdge, Empty>>,
    }
    /// A linked identity.
    IdentityEdge { pub node: Option<LinkedIdentity>, }
    /// A linked identity.
    LinkedIdentity {
        pub user: Option<Person>,
        pub saml_identity: Option<SamlIdentity>,
    }
    /// What the identity provider says about somebody.
    SamlIdentity { pub name_id: Option<String>, }
    /// Something of which only the existence matters.
    Empty {}
    /// A person.
    Person {
        pub login: String,
        pub database_id: Option<u64>,
    }
    /// An owner of the enterprise, and what he is in the organisation.
    OwnerEdge {
        pub organization_role: Option<String>,
        pub node: Option<Person>,
    }
    /// A team.
    Team {
        pub database_id: Option<u64>,
        pub slug: String,
        pub name: Option<String>,
        pub privacy: Option<String>,
        pub parent_team: Option<Slug>,
        pub members: Option<Connection<MemberEdge, Empty>>,
        pub repositories: Option<Connection<TeamRepositoryEdge, Empty>>,
    }
    /// Another team.
    Slug { pub slug: String, }
    /// A member of a team.
    MemberEdge {
        pub role: Option<String>,
        pub node: Option<Person>,
    }
    /// A repository of a team.
    TeamRepositoryEdge {
        pub permission: Option<String>,
        pub node: Option<RepositoryName>,
    }
    /// A repository, by name.
    RepositoryName { pub name_with_owner: String, }
    /// A branch.
    Reference { pub name: String, }
    /// A repository.
    Repository {
        pub id: String,
        pub database_id: Option<u64>,
        pub name_with_owner: String,
        pub visibility: Option<String>,
        pub is_archived: Option<bool>,
        pub is_disabled: Option<bool>,
        pub is_fork: Option<bool>,
        #[serde(with = "time")]
        pub created_at: Moment,
        #[serde(with = "time")]
        pub pushed_at: Moment,
        pub default_branch_ref: Option<Reference>,
        pub deploy_keys: Option<Connection<Empty, Empty>>,
        pub collaborators: Option<Connection<CollaboratorEdge, Empty>>,
        pub branch_protection_rules: Option<Connection<Empty, ProtectionRule>>,
        pub rulesets: Option<Connection<Empty, Ruleset>>,
        pub environments: Option<Connection<Empty, Named>>,
        pub trust_policies: Option<Tree>,
    }
    /// Something with a name.
    Named { pub name: String, }
    /// Somebody with direct access.
    CollaboratorEdge {
        pub permission: Option<String>,
        pub permission_sources: Option<Vec<PermissionSource>>,
        pub node: Option<Person>,
    }
    /// Where a permission comes from.
    PermissionSource {
        pub permission: Option<String>,
        pub role_name: Option<String>,
        pub source: Option<Typed>,
    }
    /// Something of which the type matters.
    Typed {
        #[serde(rename = "__typename")]
        pub kind: String,
        pub login: Option<String>,
        pub slug: Option<String>,
        pub name_with_owner: Option<String>,
    }
    /// A directory of the default branch.
    Tree { pub entries: Option<Vec<TreeEntry>>, }
    /// A file of it.
    TreeEntry {
        pub name: String,
        pub object: Option<Blob>,
    }
    /// The text of a file.
    Blob {
        pub text: Option<String>,
        pub is_truncated: Option<bool>,
    }
    /// Protection of the branches that match a pattern.
    ProtectionRule {
        pub id: String,
        pub pattern: String,
        pub is_admin_enforced: Option<bool>,
        pub allows_force_pushes: Option<bool>,
        pub requires_approving_reviews: Option<bool>,
        pub required_approving_review_count: Option<i64>,
        pub requires_code_owner_reviews: Option<bool>,
        pub require_last_push_approval: Option<bool>,
    }
    /// A ruleset.
    Ruleset {
        pub id: String,
        pub database_id: Option<u64>,
        pub name: String,
        pub target: Option<String>,
        pub enforcement: Option<String>,
        pub conditions: Option<Conditions>,
        pub rules: Option<Connection<Empty, Rule>>,
        pub bypass_actors: Option<Connection<Empty, BypassActor>>,
    }
    /// To what a ruleset applies.
    Conditions {
        pub ref_name: Option<Patterns>,
        pub repository_name: Option<Patterns>,
    }
    /// Names in and out.
    Patterns {
        pub include: Vec<String>,
        pub exclude: Vec<String>,
    }
    /// One rule of a ruleset.
    Rule {
        #[serde(rename = "type")]
        pub kind: String,
        pub parameters: Option<Parameters>,
    }
    /// What a pull-request rule asks for.
    Parameters { pub required_approving_review_count: Option<i64>, }
    /// Who a ruleset does not hold.
    BypassActor {
        pub bypass_mode: Option<String>,
        pub deploy_key: bool,
        pub organization_admin: bool,
        pub enterprise_owner: bool,
        pub repository_role_name: Option<String>,
        pub actor: Option<Typed>,
    }
    /// Details of a protection rule or a ruleset, asked by id.
    Node {
        #[serde(rename = "__typename")]
        pub kind: String,
        pub id: String,
        pub pattern: Option<String>,
        pub repository: Option<RepositoryName>,
        pub bypass_pull_request_allowances: Option<Connection<Empty, Allowance>>,
        pub bypass_force_push_allowances: Option<Connection<Empty, Allowance>>,
        pub rules: Option<Connection<Empty, Rule>>,
        pub bypass_actors: Option<Connection<Empty, BypassActor>>,
    }
    /// Somebody excepted.
    Allowance { pub actor: Option<Typed>, }
    /// Where a list goes on.
    PageInfo {
        pub has_next_page: bool,
        pub end_cursor: Option<String>,
    }
}

/// A page of a list.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(
    default,
    rename_all = "camelCase",
    bound(deserialize = "E: Deserialize<'de>, N: Deserialize<'de>")
)]
pub struct Connection<E, N> {
    /// How many there are altogether.
    pub total_count: Option<u64>,
    /// Where it goes on.
    pub page_info: Option<PageInfo>,
    /// Items with what joins them to the list's owner.
    pub edges: Vec<Option<E>>,
    /// Items.
    pub nodes: Vec<Option<N>>,
}

impl<E, N> Default for Connection<E, N> {
    fn default() -> Self {
        Connection {
            total_count: None,
            page_info: None,
            edges: Vec::new(),
            nodes: Vec::new(),
        }
    }
}

impl<E, N> Connection<E, N> {
    /// The edges that were answered.
    pub fn edges(&self) -> impl Iterator<Item = &E> {
        self.edges.iter().flatten()
    }

    /// The nodes that were answered.
    pub fn nodes(&self) -> impl Iterator<Item = &N> {
        self.nodes.iter().flatten()
    }

    /// How many came, those GitHub hides included.
    pub fn came(&self) -> u64 {
        self.nodes.len().max(self.edges.len()) as u64
    }

    /// Whether there is more than this page holds.
    pub fn goes_on(&self) -> bool {
        self.page_info
            .as_ref()
            .is_some_and(|page| page.has_next_page)
    }
}
