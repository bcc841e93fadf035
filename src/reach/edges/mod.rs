//! From facts to edges: who can become whom, within a system and across systems.
//!
//! Every edge joins what both sides say: the claims of a trust with the subjects that
//! can be minted, an ARN in one system with the identity of another. What only names
//! and times suggest is a candidate and never proves anything.

mod cloud;
mod gates;
mod inside;
mod stored;
mod tokens;

use rustc_hash::{FxHashMap, FxHashSet};

use super::graph::{Draft, Edge, Graph, Node};
use crate::model::{
    Activation, Attrs, CredentialRef, Gate, Identity, IdentityRef, Inventory, Sym, System,
    TrustRef, Value,
};

/// A trust no one can use today, because its other side is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dead {
    pub trust: TrustRef,
    /// What is missing.
    pub why: &'static str,
    /// Who could make the missing side and so take the trust over.
    pub claimable_by: Option<&'static str>,
}

/// What the joins found.
#[derive(Debug)]
pub(super) struct Joined {
    pub graph: Graph,
    pub dead: Vec<Dead>,
    /// Stored secrets whose readers federate into the system they look like they are
    /// for, and whom they become there.
    pub federated: Vec<(CredentialRef, IdentityRef)>,
    /// Identities that stand for a subject workflows can have minted.
    pub subjects: Vec<IdentityRef>,
    /// Identities that stand for a repository's workflows.
    pub workflows: FxHashSet<IdentityRef>,
}

/// Builds the graph of an inventory.
pub(super) fn join(inventory: &Inventory) -> Joined {
    let mut join = Join::new(inventory);
    join.inside();
    join.web_identities();
    join.cluster_tokens();
    join.cloud();
    join.stored();
    join.gates();
    let mut dead = join.dead;
    dead.sort();
    dead.dedup_by_key(|one| one.trust);
    Joined {
        graph: join.draft.finish(),
        dead,
        federated: join.federated,
        subjects: join.subjects,
        workflows: join.workflows.values().copied().collect(),
    }
}

/// The attributes that are read, interned once.
macro_rules! names {
    ($($name:ident)*) => {
        #[derive(Debug)]
        struct Names { $($name: Sym),* }

        impl Names {
            fn new() -> Self {
                Names { $($name: Sym::new(stringify!($name))),* }
            }
        }
    };
}

names! {
    account accounts admin_policy app_permissions cloud cluster_wide context default_branch
    eks_cluster engine environment gate groups iam_groups issuer method missing mount namespace namespaces
    permission_set pods policy_arns prevent_self_review protected provider_missing repositories
    repository repository_visibility reserved_sso reviewers role role_arns service_account subject
    subject_certain subject_other takers whole_cluster
}

struct Join<'i> {
    inventory: &'i Inventory,
    names: Names,
    draft: Draft<'i>,
    dead: Vec<Dead>,
    federated: Vec<(CredentialRef, IdentityRef)>,
    subjects: Vec<IdentityRef>,
    /// The workflows of a repository, by tenant and `organisation/name`.
    workflows: FxHashMap<(Sym, Sym), IdentityRef>,
    /// Subjects by tenant and repository.
    minted: FxHashMap<(Sym, Sym), Vec<IdentityRef>>,
    /// Service accounts by tenant and user name.
    accounts: FxHashMap<(Sym, Sym), IdentityRef>,
    /// Service accounts of each tenant.
    accounts_of: FxHashMap<Sym, Vec<IdentityRef>>,
    /// Cloud identities by account, sort and name, without their path.
    principals: FxHashMap<String, Vec<IdentityRef>>,
    /// The cluster whose tokens an issuer signs.
    clusters: FxHashMap<String, Sym>,
}

/// What a user name of a service account starts with.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

impl<'i> Join<'i> {
    fn new(inventory: &'i Inventory) -> Self {
        let names = Names::new();
        let mut join = Join {
            inventory,
            draft: Draft::new(inventory),
            dead: Vec::new(),
            federated: Vec::new(),
            subjects: Vec::new(),
            workflows: FxHashMap::default(),
            minted: FxHashMap::default(),
            accounts: FxHashMap::default(),
            accounts_of: FxHashMap::default(),
            principals: FxHashMap::default(),
            clusters: FxHashMap::default(),
            names,
        };
        for (at, identity) in (0..).map(IdentityRef).zip(&inventory.identities) {
            match identity.system {
                System::Github => {
                    if text(&identity.attrs, join.names.subject).is_some() {
                        join.subjects.push(at);
                        if let Some(repository) = text(&identity.attrs, join.names.repository) {
                            let key = (identity.tenant, repository);
                            join.minted.entry(key).or_default().push(at);
                        }
                    }
                }
                System::Kubernetes => {
                    // One that a binding names and that is not there presents nothing.
                    let there = flag(&identity.attrs, join.names.missing) != Some(true);
                    if let Some(user) = user_name(identity).filter(|_| there) {
                        join.accounts.insert((identity.tenant, user), at);
                        join.accounts_of
                            .entry(identity.tenant)
                            .or_default()
                            .push(at);
                    }
                }
                System::Aws => {
                    if let Some(key) = principal(&identity.id) {
                        join.principals.entry(key).or_default().push(at);
                    }
                }
                System::Vault | System::Jit => {}
            }
        }
        for trust in &inventory.trusts {
            if trust.system == System::Github
                && let Some(source) = trust.source
            {
                let minted = &inventory.identity(trust.target).attrs;
                if minted.get(join.names.subject).is_some()
                    && let Some(repository) = text(minted, join.names.repository)
                {
                    join.workflows.insert((trust.tenant, repository), source);
                }
            }
        }
        for tenant in &inventory.tenants {
            if tenant.system == System::Kubernetes
                && let Some(issuer) = text(&tenant.attrs, join.names.issuer)
            {
                join.clusters.insert(bare(&issuer), tenant.id);
            }
        }
        join
    }

    fn principals(&self, arn: &str) -> &[IdentityRef] {
        principal(arn)
            .and_then(|key| self.principals.get(&key))
            .map_or(&[], Vec::as_slice)
    }

    /// Whether this account was read, so that what is not there does not exist.
    fn account_was_read(&self, arn: &str) -> bool {
        let account = arn.split(':').nth(4).unwrap_or(arn);
        self.draft.tenant(System::Aws, Sym::new(account)).is_some()
    }

    fn edge(&mut self, edge: Edge) {
        self.draft.add(edge);
    }
}

fn node(at: IdentityRef) -> Node {
    at.0
}

fn text(attrs: &Attrs, name: Sym) -> Option<Sym> {
    match attrs.get(name)? {
        Value::Str(text) => Some(*text),
        _ => None,
    }
}

fn flag(attrs: &Attrs, name: Sym) -> Option<bool> {
    match attrs.get(name)? {
        Value::Bool(value) => Some(*value),
        _ => None,
    }
}

fn number(attrs: &Attrs, name: Sym) -> Option<i64> {
    match attrs.get(name)? {
        Value::Int(value) => Some(*value),
        _ => None,
    }
}

fn list(attrs: &Attrs, name: Sym) -> &[Sym] {
    match attrs.get(name) {
        Some(Value::List(list)) => list,
        _ => &[],
    }
}

/// The user name of a service account, which its tokens have as `sub`.
pub(super) fn user_name(identity: &Identity) -> Option<Sym> {
    let namespace = text(&identity.attrs, Sym::new("namespace"))
        .filter(|_| identity.system == System::Kubernetes)?;
    let name = identity
        .name
        .strip_prefix(namespace.as_str())?
        .strip_prefix('/')?;
    Some(Sym::new(&format!("{SERVICE_ACCOUNT}{namespace}:{name}")))
}

/// What stands between a holder and an entitlement.
fn gate_of(activation: Activation) -> Gate {
    match activation {
        Activation::Standing | Activation::BreakGlass | Activation::Exception => Gate::None,
        Activation::Eligible | Activation::Jit => Gate::Proved,
        Activation::Unknown => Gate::Unknown,
    }
}

/// An issuer without scheme and trailing slash, its host in lower case.
fn bare(issuer: &str) -> String {
    let issuer = issuer
        .strip_prefix("https://")
        .unwrap_or(issuer)
        .trim_end_matches('/');
    match issuer.split_once('/') {
        Some((host, path)) => format!("{}/{path}", host.to_ascii_lowercase()),
        None => issuer.to_ascii_lowercase(),
    }
}

/// `account:sort/name` of an IAM principal or of a session of a role. The path is left
/// out: cluster maps name roles without it, and a name is unique in an account.
fn principal(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, _, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (_, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    if scheme != "arn" || !matches!(service, "iam" | "sts") {
        return None;
    }
    let (sort, rest) = resource.split_once('/').unwrap_or((resource, ""));
    let (sort, name) = match sort {
        "assumed-role" => ("role", rest.split('/').next().unwrap_or(rest)),
        sort => (sort, rest.rsplit('/').next().unwrap_or(rest)),
    };
    Some(format!("{account}:{sort}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_known_without_path_and_session() {
        let role = Some("111122223333:role/deploy".to_owned());
        assert_eq!(principal("arn:aws:iam::111122223333:role/deploy"), role);
        assert_eq!(principal("arn:aws:iam::111122223333:role/a/b/deploy"), role);
        assert_eq!(
            principal("arn:aws:sts::111122223333:assumed-role/deploy/session"),
            role
        );
        assert_ne!(principal("arn:aws:iam::111122223333:user/deploy"), role);
        assert_eq!(principal("arn:aws:s3:::bucket"), None);
        assert_eq!(principal("deploy"), None);
    }

    #[test]
    fn issuers_differ_by_path_only_in_case() {
        assert_eq!(
            bare("https://OIDC.eks.example/id/AB/"),
            "oidc.eks.example/id/AB"
        );
        assert_eq!(
            bare("token.actions.githubusercontent.com"),
            bare("https://token.actions.githubusercontent.com")
        );
    }
}
