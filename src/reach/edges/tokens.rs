//! Edges by tokens: a workflow or a service account presents a token of its issuer,
//! and a trust in another system admits it (X1, X3, X4, X7, X8).
//!
//! Issuer and subject are compared on both sides. A claim is decided against what the
//! token really shows; a trust whose other side is missing is dead, and claimable when
//! somebody could make that side.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Dead, Join, SERVICE_ACCOUNT, bare, flag, node, text};
use crate::model::{
    Claim, ClaimTest, Gate, Identity, IdentityRef, Pattern, Sym, System, Trust, TrustKind,
    TrustRef, Verdict,
};
use crate::reach::claims::{Fit, Shown, fit};
use crate::reach::graph::{Basis, Edge, Kind};

/// The side that presents tokens, found by issuer.
struct Issuers {
    /// Subjects of workflows.
    workflows: FxHashMap<String, Vec<IdentityRef>>,
    /// Names of subjects that have a name of their own, by tenant and repository: a
    /// writer who chooses freely cannot choose those.
    taken: FxHashMap<(Sym, Sym), Taken>,
    /// Repositories by number.
    numbers: FxHashMap<String, (Sym, Sym)>,
}

#[derive(Default)]
struct Taken {
    subjects: Vec<Sym>,
    environments: Vec<Sym>,
    branch: Option<Sym>,
}

/// The subjects that meet a set of claims, and how.
type Fitting = Vec<(IdentityRef, Fit)>;

impl Join<'_> {
    /// X1 and X8, and X3 for clusters whose issuer is known.
    pub(super) fn web_identities(&mut self) {
        let issuers = self.issuers();
        let mut linked: FxHashSet<(IdentityRef, IdentityRef)> = FxHashSet::default();
        // Many roles ask for the same claims; each set is decided once.
        let mut known: FxHashMap<(&str, &[Claim]), Fitting> = FxHashMap::default();
        let inventory = self.inventory;
        for (at, trust) in (0..).zip(&inventory.trusts) {
            if trust.kind != TrustKind::Oidc
                || !matches!(trust.system, System::Aws | System::Vault)
                || trust.verdict == Verdict::No
            {
                continue;
            }
            let Some(issuer) = trust.issuer else { continue };
            if flag(&trust.attrs, self.names.provider_missing) == Some(true) {
                self.dies(at, "provider-missing", None);
                continue;
            }
            let issuer_name = bare(&issuer);
            if let Some(minted) = issuers.workflows.get(&issuer_name) {
                let key = (issuer.as_str(), trust.claims.as_slice());
                let fits = &*known
                    .entry(key)
                    .or_insert_with(|| self.fitting(&issuers, minted, &trust.claims));
                if fits.is_empty() {
                    self.unminted(at, trust, &issuers);
                }
                let kind = match trust.system {
                    System::Aws => Kind::X1,
                    _ => Kind::X8,
                };
                for (subject, fit) in fits {
                    let edge = joined(kind, *subject, trust, at, fit);
                    self.draft.add(edge);
                }
            } else if let Some(cluster) = self.clusters.get(&issuer_name).copied() {
                self.of_cluster(at, trust, cluster, Kind::X3, &mut linked);
            }
        }
        self.annotated(&linked);
    }

    fn issuers(&self) -> Issuers {
        let mut issuers = Issuers {
            workflows: FxHashMap::default(),
            taken: FxHashMap::default(),
            numbers: FxHashMap::default(),
        };
        for &at in &self.subjects {
            let identity = self.inventory.identity(at);
            let attrs = &identity.attrs;
            if let Some(issuer) = text(attrs, self.names.issuer) {
                issuers.workflows.entry(bare(&issuer)).or_default().push(at);
            }
            let Some(repository) = text(attrs, self.names.repository) else {
                continue;
            };
            let key = (identity.tenant, repository);
            if let Some(number) = repository_number(identity) {
                issuers.numbers.insert(number.to_owned(), key);
            }
            let taken = issuers.taken.entry(key).or_default();
            if let Some(subject) = text(attrs, self.names.subject)
                && !subject.contains('*')
            {
                taken.subjects.push(subject);
                taken.subjects.extend(text(attrs, self.names.subject_other));
            }
            taken
                .environments
                .extend(text(attrs, self.names.environment));
        }
        for (key, at) in &self.workflows {
            let branch = text(
                &self.inventory.identity(*at).attrs,
                self.names.default_branch,
            );
            if let Some(branch) = branch {
                let taken = issuers.taken.entry(*key).or_default();
                taken.branch = Some(Sym::new(&format!("refs/heads/{branch}")));
            }
        }
        issuers
    }

    /// The subjects that fit `claims`, with what is left open.
    fn fitting(
        &self,
        issuers: &Issuers,
        minted: &[IdentityRef],
        claims: &[Claim],
    ) -> Vec<(IdentityRef, Fit)> {
        let some: Vec<IdentityRef>;
        let asked = match self.pinned(issuers, claims) {
            Some(repositories) => {
                some = repositories
                    .iter()
                    .filter_map(|key| self.minted.get(key))
                    .flatten()
                    .copied()
                    .collect();
                &some
            }
            None => minted,
        };
        asked
            .iter()
            .filter_map(|&subject| {
                let fit = self.fits(issuers, subject, claims);
                (fit.verdict != Verdict::No).then_some((subject, fit))
            })
            .collect()
    }

    /// The repositories a set of claims fixes; `None` if it fixes none, so that all
    /// must be asked.
    fn pinned(&self, issuers: &Issuers, claims: &[Claim]) -> Option<Vec<(Sym, Sym)>> {
        claims.iter().find_map(|claim| {
            if claim.holds_when_absent || !matches!(claim.test, ClaimTest::Equals | ClaimTest::Like)
            {
                return None;
            }
            let mut all: Vec<(Sym, Sym)> = Vec::new();
            for value in &claim.values {
                match claim.name.as_str() {
                    "sub" => all.push(named(repository_of(value)?)),
                    "repository" if !value.contains(['*', '?']) => {
                        all.push(named(value.as_str().to_owned()))
                    }
                    "repository_id" if !value.contains(['*', '?']) => {
                        all.extend(issuers.numbers.get(value.as_str()));
                    }
                    _ => return None,
                }
            }
            all.sort();
            all.dedup();
            Some(all)
        })
    }

    fn fits(&self, issuers: &Issuers, subject: IdentityRef, claims: &[Claim]) -> Fit {
        let names = &self.names;
        let identity = self.inventory.identity(subject);
        let attrs = &identity.attrs;
        let none = Taken::default();
        let repository = text(attrs, names.repository);
        let taken = repository
            .and_then(|repository| issuers.taken.get(&(identity.tenant, repository)))
            .unwrap_or(&none);
        let context = text(attrs, names.context);
        let context = context.as_deref().unwrap_or_default();
        let environment = text(attrs, names.environment);
        let open = |attr: Sym| attr.contains('*');
        let shown = |sub: Sym, name: &str| match name {
            "sub" if open(sub) => Shown::Choice(Pattern::glob(&sub), taken.subjects.clone()),
            "sub" => Shown::Text(sub),
            // The job asks for the audience it wants.
            "aud" => Shown::free(),
            "repository" => repository.map_or(Shown::Unknown, Shown::Text),
            "repository_owner" => Shown::Text(identity.tenant),
            "repository_id" => repository_number(identity)
                .map_or(Shown::Unknown, |number| Shown::Text(Sym::new(number))),
            "repository_visibility" => {
                text(attrs, names.repository_visibility).map_or(Shown::Unknown, Shown::Text)
            }
            "environment" => match (context, environment) {
                ("environment", Some(environment)) => Shown::Text(environment),
                ("environment", None) => {
                    Shown::Choice(Pattern::glob("*"), taken.environments.clone())
                }
                _ => Shown::Absent,
            },
            "ref" if context == "branch" && identity.id.ends_with("/default-branch") => {
                taken.branch.map_or(Shown::Unknown, Shown::Text)
            }
            "ref" if context == "branch" => Shown::Choice(
                Pattern::glob("refs/heads/*"),
                taken.branch.into_iter().collect(),
            ),
            "ref" if context == "tag" => Shown::Choice(Pattern::glob("refs/tags/*"), Vec::new()),
            "event_name" if context == "pull-request" => Shown::Text(Sym::new("pull_request")),
            "ref_type" if context == "branch" || context == "tag" => Shown::Text(Sym::new(context)),
            // Whoever writes the workflow names it.
            "workflow" => Shown::free(),
            _ => Shown::Unknown,
        };
        let sub = text(attrs, names.subject).unwrap_or_default();
        let mut now = fit(claims, |name| shown(sub, name));
        if now.verdict == Verdict::Yes && flag(attrs, names.subject_certain) == Some(false) {
            now.verdict = Verdict::Conditional;
            now.open.push(Sym::new("the form of the subject"));
        }
        if now.verdict == Verdict::No
            && let Some(other) = text(attrs, names.subject_other)
        {
            // The repository had this form before, or has it after its migration.
            let then = fit(claims, |name| shown(other, name));
            if then.verdict != Verdict::No && flag(attrs, names.subject_certain) == Some(false) {
                now.verdict = Verdict::Conditional;
                now.open = vec![Sym::new("the form of the subject")];
            }
        }
        now
    }

    /// Says why a trust fits no subject of the organisations that were read.
    fn unminted(&mut self, at: u32, trust: &Trust, issuers: &Issuers) {
        let Some(pinned) = self.pinned(issuers, &trust.claims) else {
            return;
        };
        let Some((tenant, _)) = pinned.first().copied() else {
            return;
        };
        if self.draft.tenant(System::Github, tenant).is_none() {
            return;
        }
        if pinned.iter().any(|key| self.minted.contains_key(key)) {
            self.dies(at, "no-such-subject", None);
        } else {
            // A name without numbers is whoever's that makes the repository anew.
            let by_number = trust.claims.iter().any(|claim| {
                claim.name == "repository_id"
                    || (claim.name == "sub" && claim.values.iter().all(|value| value.contains('@')))
            });
            let who = (!by_number).then_some("whoever may create a repository of that name");
            self.dies(at, "no-such-repository", who);
        }
    }

    /// Service accounts whose tokens a trust admits.
    fn of_cluster(
        &mut self,
        at: u32,
        trust: &Trust,
        cluster: Sym,
        kind: Kind,
        linked: &mut FxHashSet<(IdentityRef, IdentityRef)>,
    ) {
        let (asked, exact) = self.asked_accounts(&trust.claims, cluster);
        let mut found = false;
        for account in asked {
            let fit = self.account_fits(account, &trust.claims);
            if fit.verdict == Verdict::No {
                continue;
            }
            found = true;
            linked.insert((account, trust.target));
            let edge = joined(kind, account, trust, at, &fit);
            self.draft.add(edge);
        }
        let whole = self
            .inventory
            .tenant(System::Kubernetes, cluster)
            .and_then(|tenant| flag(&tenant.attrs, self.names.whole_cluster));
        if !found && exact && whole == Some(true) {
            let who = "whoever may create a service account of that name";
            self.dies(at, "no-such-service-account", Some(who));
        }
    }

    /// The service accounts worth asking, and whether the claims name them one by one.
    fn asked_accounts(&self, claims: &[Claim], cluster: Sym) -> (Vec<IdentityRef>, bool) {
        let values = |name: &str| {
            claims.iter().find(|claim| {
                claim.name == name
                    && !claim.holds_when_absent
                    && matches!(claim.test, ClaimTest::Equals | ClaimTest::Like)
                    && claim.values.iter().all(|value| !value.contains(['*', '?']))
            })
        };
        let mut users: Option<Vec<Sym>> = values("sub").map(|claim| claim.values.to_vec());
        if let (Some(names), Some(spaces)) = (
            values("service_account_name"),
            values("service_account_namespace"),
        ) {
            let pairs = spaces.values.iter().flat_map(|space| {
                let names = names.values.iter();
                names.map(move |name| Sym::new(&format!("{SERVICE_ACCOUNT}{space}:{name}")))
            });
            users = Some(pairs.collect());
        }
        match users {
            Some(users) => {
                let found = users
                    .iter()
                    .filter_map(|user| self.accounts.get(&(cluster, *user)));
                (found.copied().collect(), true)
            }
            None => (
                self.accounts_of.get(&cluster).cloned().unwrap_or_default(),
                false,
            ),
        }
    }

    fn account_fits(&self, account: IdentityRef, claims: &[Claim]) -> Fit {
        let user = super::user_name(self.inventory.identity(account)).unwrap_or_default();
        let mut parts = user
            .strip_prefix(SERVICE_ACCOUNT)
            .unwrap_or_default()
            .split(':');
        let (space, name) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        fit(claims, |claim| match claim {
            "sub" => Shown::Text(user),
            "aud" => Shown::free(),
            "service_account_name" => Shown::Text(Sym::new(name)),
            "service_account_namespace" => Shown::Text(Sym::new(space)),
            _ => Shown::Unknown,
        })
    }

    /// Service accounts that say themselves which role they take (X3). Where the
    /// cluster's issuer was not seen, the two names are all there is: a candidate.
    fn annotated(&mut self, linked: &FxHashSet<(IdentityRef, IdentityRef)>) {
        let inventory = self.inventory;
        let mut by_target: FxHashMap<IdentityRef, Vec<u32>> = FxHashMap::default();
        for (at, trust) in (0..).zip(&inventory.trusts) {
            if trust.system == System::Aws && trust.kind == TrustKind::Oidc {
                by_target.entry(trust.target).or_default().push(at);
            }
        }
        for (at, own) in (0..).zip(&inventory.trusts) {
            if own.system != System::Kubernetes
                || own.kind != TrustKind::ServiceAccount
                || text(&own.attrs, self.names.cloud).as_deref() != Some("aws")
            {
                continue;
            }
            let Some(account) = own.source else { continue };
            let arn = inventory.identity(own.target).id;
            let roles = self.principals(&arn).to_vec();
            if roles.is_empty() {
                if self.account_was_read(&arn) {
                    let who = "whoever may create a role of that name";
                    self.dies(at, "no-such-role", Some(who));
                }
                continue;
            }
            for role in roles {
                if linked.contains(&(account, role)) {
                    continue;
                }
                let issuer_known = inventory
                    .tenant(System::Kubernetes, own.tenant)
                    .is_some_and(|tenant| tenant.attrs.get(self.names.issuer).is_some());
                let back = by_target.get(&role).into_iter().flatten().find(|&&other| {
                    let trust = &inventory.trusts[other as usize];
                    let cluster = trust
                        .issuer
                        .is_some_and(|issuer| bare(&issuer).starts_with("oidc.eks."));
                    cluster && self.account_fits(account, &trust.claims).verdict != Verdict::No
                });
                match back {
                    Some(&back) if !issuer_known => {
                        let mut edge = Edge::new(Kind::X3, node(account), node(role))
                            .shown_by(Basis::Trust(back))
                            .and_by(Some(Basis::Trust(at)))
                            .if_so(
                                Verdict::Conditional,
                                Some(Sym::new("the cluster's issuer is the one the role trusts")),
                            );
                        edge.candidate = true;
                        self.edge(edge);
                    }
                    _ => self.dies(at, "not-trusted-back", None),
                }
            }
        }
    }

    /// X4 and X7: roles that name service accounts themselves.
    pub(super) fn cluster_tokens(&mut self) {
        let inventory = self.inventory;
        let mut linked = FxHashSet::default();
        let service = Sym::new("pods.eks.amazonaws.com");
        let trusted: FxHashSet<IdentityRef> = inventory
            .trusts
            .iter()
            .filter(|trust| {
                trust.kind == TrustKind::Service
                    && trust.trustee == service
                    && trust.verdict != Verdict::No
            })
            .map(|trust| trust.target)
            .collect();
        for (at, trust) in (0..).zip(&inventory.trusts) {
            if trust.kind != TrustKind::ServiceAccount || trust.verdict == Verdict::No {
                continue;
            }
            match trust.system {
                System::Aws => {
                    if !trusted.contains(&trust.target) {
                        self.dies(at, "not-trusted-back", None);
                        continue;
                    }
                    let Some(name) = text(&trust.attrs, self.names.eks_cluster) else {
                        continue;
                    };
                    let Some((cluster, proved)) = self.cluster(trust.issuer, &name) else {
                        continue;
                    };
                    let before = self.draft.edges.len();
                    self.of_cluster(at, trust, cluster, Kind::X4, &mut linked);
                    self.doubt(before, proved);
                }
                System::Vault => {
                    let issuer = trust.issuer.map(|issuer| bare(&issuer));
                    let by_issuer = issuer.and_then(|issuer| self.clusters.get(&issuer).copied());
                    let cluster = by_issuer.or_else(|| self.only_cluster());
                    if let Some(cluster) = cluster {
                        let before = self.draft.edges.len();
                        self.of_cluster(at, trust, cluster, Kind::X7, &mut linked);
                        self.doubt(before, by_issuer.is_some());
                    }
                }
                _ => {}
            }
        }
    }

    /// The cluster of this issuer, or of this name; whether the issuer proves it.
    pub(super) fn cluster(&self, issuer: Option<Sym>, name: &str) -> Option<(Sym, bool)> {
        if let Some(issuer) = issuer
            && let Some(cluster) = self.clusters.get(&bare(&issuer))
        {
            return Some((*cluster, true));
        }
        self.inventory
            .tenants
            .iter()
            .filter(|tenant| tenant.system == System::Kubernetes)
            .find(|tenant| *tenant.id == *name || *tenant.name == *name)
            // Another issuer than the one told is another cluster of the same name.
            .filter(|tenant| issuer.is_none() || tenant.attrs.get(self.names.issuer).is_none())
            .map(|tenant| (tenant.id, false))
    }

    /// The one cluster that was read, if there is one only and its issuer is not known.
    pub(super) fn only_cluster(&self) -> Option<Sym> {
        let mut all = self
            .inventory
            .tenants
            .iter()
            .filter(|tenant| tenant.system == System::Kubernetes);
        let one = all.next()?;
        (all.next().is_none() && one.attrs.get(self.names.issuer).is_none()).then_some(one.id)
    }

    /// Marks edges made since `before` as candidates, unless proved.
    pub(super) fn doubt(&mut self, before: usize, proved: bool) {
        if !proved {
            for edge in &mut self.draft.edges[before..] {
                edge.candidate = true;
            }
        }
    }

    pub(super) fn dies(&mut self, at: u32, why: &'static str, claimable_by: Option<&'static str>) {
        self.dead.push(Dead {
            trust: TrustRef(at),
            why,
            claimable_by,
        });
    }
}

/// An edge from who presents a token to the target of the trust that admits it.
fn joined(kind: Kind, from: IdentityRef, trust: &Trust, at: u32, fit: &Fit) -> Edge {
    let mut why: Vec<String> = fit
        .open
        .iter()
        .map(|claim| format!("`{claim}` fits"))
        .collect();
    why.extend(trust.residual.map(|residual| residual.to_string()));
    let note = (!why.is_empty()).then(|| Sym::new(&why.join(" and ")));
    let mut edge = Edge::new(kind, node(from), node(trust.target))
        .shown_by(Basis::Trust(at))
        .if_so(fit.verdict.min(trust.verdict), note);
    edge.gate = Gate::None;
    edge
}

/// The number in the immutable id of a subject: `oidc/<number>/<context>`.
fn repository_number(identity: &Identity) -> Option<&str> {
    let uid: &'static str = identity.uid.as_str();
    let number = uid.strip_prefix("oidc/")?.split('/').next()?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(number)
}

/// `organisation/name` a subject pattern is for, where it fixes one: the numbers of the
/// immutable form are left out.
fn repository_of(subject: &str) -> Option<String> {
    let (repository, _) = subject.strip_prefix("repo:")?.split_once(':')?;
    if repository.contains(['*', '?']) && !repository.contains('@') {
        return None;
    }
    let (owner, name) = repository.split_once('/')?;
    let plain = |part: &str| {
        let part = part.split('@').next().unwrap_or(part);
        (!part.contains(['*', '?'])).then(|| part.to_owned())
    };
    // `*` in a number takes anything, slashes too, so it fixes nothing.
    if repository.contains(['*', '?']) {
        return None;
    }
    Some(format!("{}/{}", plain(owner)?, plain(name)?))
}

/// The key of a repository: its organisation is its tenant.
fn named(full_name: String) -> (Sym, Sym) {
    let owner = full_name.split('/').next().unwrap_or_default();
    (Sym::new(owner), Sym::new(&full_name))
}
