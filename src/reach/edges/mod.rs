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
use super::token::Token;
use crate::model::{
    Activation, Attrs, CredentialRef, Gate, Identity, IdentityRef, Inventory, Sym, System,
    TrustRef, Value, issuer_name,
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
    account accounts admin_policy approval_controlled cloud cloud_account cluster_issuer
    cluster_wide draws_as edits_gates eks_cluster engine environment gate groups issuer method
    missing namespace namespaces needs_approval permission_set pods prevent_self_review protected
    provider_missing repositories repositories_by_number repositories_exist repository
    reserved_sso reviewers service_account sub subject subject_certain subject_other takers
    through_role through_service whole_cluster writes_workflows
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
    /// Subjects by repository.
    of_repository: FxHashMap<Sym, Vec<IdentityRef>>,
    /// What the tokens of subjects and service accounts show.
    tokens: FxHashMap<IdentityRef, Token>,
    /// Service accounts of each tenant.
    accounts_of: FxHashMap<Sym, Vec<IdentityRef>>,
    /// Service accounts by tenant, claim and the one value their tokens show.
    showing: FxHashMap<(Sym, Sym, Sym), Vec<IdentityRef>>,
    /// Cloud identities by account, sort and name, without their path.
    principals: FxHashMap<String, Vec<IdentityRef>>,
    /// The cluster whose tokens an issuer signs.
    clusters: FxHashMap<String, Sym>,
}

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
            of_repository: FxHashMap::default(),
            tokens: FxHashMap::default(),
            accounts_of: FxHashMap::default(),
            showing: FxHashMap::default(),
            principals: FxHashMap::default(),
            clusters: FxHashMap::default(),
            names,
        };
        for (at, identity) in (0..).map(IdentityRef).zip(&inventory.identities) {
            match identity.system {
                System::Github => {
                    if identity.attrs.text(join.names.subject).is_some() {
                        join.subjects.push(at);
                        let token = Token::of(&identity.attrs).unwrap_or_default();
                        join.tokens.insert(at, token);
                        if let Some(repository) = identity.attrs.text(join.names.repository) {
                            let key = (identity.tenant, repository);
                            join.minted.entry(key).or_default().push(at);
                            join.of_repository.entry(repository).or_default().push(at);
                        }
                    }
                }
                System::Kubernetes => {
                    // One that a binding names and that is not there presents nothing.
                    let there = identity.attrs.flag(join.names.missing) != Some(true);
                    if let Some(token) = Token::of(&identity.attrs).filter(|_| there) {
                        let tenant = identity.tenant;
                        for (claim, value) in &token.fixed {
                            let key = (tenant, *claim, *value);
                            join.showing.entry(key).or_default().push(at);
                        }
                        join.tokens.insert(at, token);
                        join.accounts_of.entry(tenant).or_default().push(at);
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
                    && let Some(repository) = minted.text(join.names.repository)
                {
                    join.workflows.insert((trust.tenant, repository), source);
                }
            }
        }
        for tenant in &inventory.tenants {
            if tenant.system == System::Kubernetes
                && let Some(issuer) = tenant.attrs.text(join.names.issuer)
            {
                join.clusters.insert(issuer_name(&issuer), tenant.id);
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
    fn account_was_read(&self, account: Option<Sym>) -> bool {
        account.is_some_and(|account| self.draft.tenant(System::Aws, account).is_some())
    }

    fn edge(&mut self, edge: Edge) {
        self.draft.add(edge);
    }
}

fn node(at: IdentityRef) -> Node {
    at.0
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

/// The subject of an identity's tokens.
pub(super) fn subject(identity: &Identity) -> Option<Sym> {
    identity
        .attrs
        .text(Sym::of("subject"))
        .or_else(|| Token::of(&identity.attrs)?.value(Sym::of("sub")))
}

/// What stands between a holder and an entitlement.
fn gate_of(activation: Activation) -> Gate {
    match activation {
        Activation::Standing | Activation::BreakGlass | Activation::Exception => Gate::None,
        Activation::Eligible | Activation::Jit => Gate::Proved,
        Activation::Unknown => Gate::Unknown,
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
}
