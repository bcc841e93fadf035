//! Edges by tokens: a workflow or a service account presents a token of its issuer,
//! and a trust in another system admits it (X1, X3, X4, X7, X8).
//!
//! Issuer and subject are compared on both sides. A claim is decided against what the
//! token really shows; a trust whose other side is missing is dead, and claimable when
//! somebody could make that side.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Dead, Join, node};
use crate::model::{
    Claim, Gate, IdentityKind, IdentityRef, Pattern, Sym, System, Trust, TrustKind, TrustRef,
    Value, Verdict, issuer_name,
};
use crate::reach::claims::{Fit, Shown, fit};
use crate::reach::graph::{Basis, Edge, Kind};

/// The side that presents tokens, found by issuer.
struct Issuers {
    /// Subjects of workflows.
    workflows: FxHashMap<String, Vec<IdentityRef>>,
    /// Values of claims that have a subject of their own, by tenant, repository and
    /// claim: a writer who chooses freely cannot choose those.
    taken: FxHashMap<(Sym, Sym, Sym), Vec<Sym>>,
}

/// The subjects that meet a set of claims, and how.
type Fitting = Vec<(IdentityRef, Fit)>;

/// Trusts by whom they let become.
type Doors<'i> = FxHashMap<IdentityRef, Vec<&'i Trust>>;

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
            if trust.attrs.flag(self.names.provider_missing) == Some(true) {
                self.dies(at, "provider-missing", None);
                continue;
            }
            let issuer_name = issuer_name(&issuer);
            if let Some(minted) = issuers.workflows.get(&issuer_name) {
                let key = (issuer.as_str(), trust.claims.as_slice());
                let fits = &*known
                    .entry(key)
                    .or_insert_with(|| self.fitting(&issuers, minted, trust));
                if fits.is_empty() {
                    self.unminted(at, trust);
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
        };
        for &at in &self.subjects {
            let identity = self.inventory.identity(at);
            let attrs = &identity.attrs;
            if let Some(issuer) = attrs.text(self.names.issuer) {
                let name = issuer_name(&issuer);
                issuers.workflows.entry(name).or_default().push(at);
            }
            let Some(repository) = attrs.text(self.names.repository) else {
                continue;
            };
            let mut take = |claim: Sym, value: Sym| {
                let key = (identity.tenant, repository, claim);
                issuers.taken.entry(key).or_default().push(value);
            };
            for (claim, value) in self.tokens.get(&at).map_or(&[][..], |token| &token.fixed) {
                take(*claim, *value);
            }
            if let Some(subject) = attrs.text(self.names.subject)
                && !subject.contains('*')
            {
                take(self.names.sub, subject);
                if let Some(other) = attrs.text(self.names.subject_other) {
                    take(self.names.sub, other);
                }
            }
        }
        issuers
    }

    /// The subjects that fit the claims of `trust`, with what is left open.
    fn fitting(
        &self,
        issuers: &Issuers,
        minted: &[IdentityRef],
        trust: &Trust,
    ) -> Vec<(IdentityRef, Fit)> {
        let some: Vec<IdentityRef>;
        let asked = match trust.attrs.get(self.names.repositories) {
            Some(Value::List(repositories)) => {
                some = repositories
                    .iter()
                    .filter_map(|repository| self.of_repository.get(repository))
                    .flatten()
                    .copied()
                    .collect();
                &some
            }
            _ => minted,
        };
        asked
            .iter()
            .filter_map(|&subject| {
                let fit = self.fits(issuers, subject, &trust.claims);
                (fit.verdict != Verdict::No).then_some((subject, fit))
            })
            .collect()
    }

    fn fits(&self, issuers: &Issuers, subject: IdentityRef, claims: &[Claim]) -> Fit {
        let names = &self.names;
        let identity = self.inventory.identity(subject);
        let attrs = &identity.attrs;
        let taken = |claim: Sym| {
            let repository = attrs.text(names.repository);
            repository
                .and_then(|repository| {
                    let key = (identity.tenant, repository, claim);
                    issuers.taken.get(&key).cloned()
                })
                .unwrap_or_default()
        };
        let shown = |sub: Sym, claim: Sym| match self.tokens.get(&subject) {
            _ if claim == names.sub && sub.contains('*') => {
                Shown::Choice(Pattern::starred(&sub), taken(claim))
            }
            _ if claim == names.sub => Shown::Text(sub),
            Some(token) => token.shown(claim, || taken(claim)),
            None => Shown::Unknown,
        };
        let sub = attrs.text(names.subject).unwrap_or_default();
        let mut now = fit(claims, |name| shown(sub, name));
        if now.verdict == Verdict::Yes && attrs.flag(names.subject_certain) == Some(false) {
            now.verdict = Verdict::Conditional;
            now.open.push(Sym::new("the form of the subject"));
        }
        if now.verdict == Verdict::No
            && let Some(other) = attrs.text(names.subject_other)
        {
            // The repository had this form before, or has it after its migration.
            let then = fit(claims, |name| shown(other, name));
            if then.verdict != Verdict::No && attrs.flag(names.subject_certain) == Some(false) {
                now.verdict = Verdict::Conditional;
                now.open = vec![Sym::new("the form of the subject")];
            }
        }
        now
    }

    /// Says why a trust fits no subject of the organisations that were read.
    fn unminted(&mut self, at: u32, trust: &Trust) {
        let by_number = trust.attrs.flag(self.names.repositories_by_number) == Some(true);
        match trust.attrs.flag(self.names.repositories_exist) {
            Some(true) => self.dies(at, "no-such-subject", None),
            Some(false) => {
                // A name without numbers is whoever's that makes the repository anew.
                let who = (!by_number).then_some("whoever may create a repository of that name");
                self.dies(at, "no-such-repository", who);
            }
            None => {}
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
        let asked = self.asked_accounts(&trust.claims, cluster);
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
            .and_then(|tenant| tenant.attrs.flag(self.names.whole_cluster));
        let read = self.accounts_of.contains_key(&cluster) && whole == Some(true);
        if !found && read {
            let who = "whoever may create a service account of that name";
            self.dies(at, "no-such-service-account", Some(who));
        }
    }

    /// The service accounts worth asking: those that show what one of the claims fixes.
    fn asked_accounts(&self, claims: &[Claim], cluster: Sym) -> Vec<IdentityRef> {
        let all = self
            .accounts_of
            .get(&cluster)
            .map_or(&[][..], Vec::as_slice);
        let shown = |claim: Sym| {
            let first = all.first().and_then(|first| self.tokens.get(first));
            first.is_some_and(|token| token.value(claim).is_some())
        };
        claims
            .iter()
            .filter(|claim| !claim.holds_when_absent && shown(claim.name))
            .filter_map(|claim| {
                let values = claim.texts()?.iter();
                let lists =
                    values.filter_map(|value| self.showing.get(&(cluster, claim.name, *value)));
                Some(lists.flatten().copied().collect::<Vec<IdentityRef>>())
            })
            .min_by_key(Vec::len)
            .unwrap_or_else(|| all.to_vec())
    }

    fn account_fits(&self, account: IdentityRef, claims: &[Claim]) -> Fit {
        fit(claims, |claim| match self.tokens.get(&account) {
            Some(token) => token.shown(claim, Vec::new),
            None => Shown::Unknown,
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
                || own.attrs.text(self.names.cloud).as_deref() != Some("aws")
            {
                continue;
            }
            let Some(account) = own.source else { continue };
            let arn = inventory.identity(own.target).id;
            let roles = self.principals(&arn).to_vec();
            if roles.is_empty() {
                if self.account_was_read(own.attrs.text(self.names.cloud_account)) {
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
                    let cluster = trust.attrs.flag(self.names.cluster_issuer) == Some(true);
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
        let services: FxHashSet<(IdentityRef, Sym)> = inventory
            .trusts
            .iter()
            .filter(|trust| trust.kind == TrustKind::Service && trust.verdict != Verdict::No)
            .map(|trust| (trust.target, trust.trustee))
            .collect();
        // What lets whom in, for the target roles of pod identities alone.
        let mut doors: Doors<'_> = inventory
            .trusts
            .iter()
            .filter(|trust| trust.attrs.text(self.names.through_role).is_some())
            .map(|trust| (trust.target, Vec::new()))
            .collect();
        for trust in &inventory.trusts {
            if let Some(doors) = doors.get_mut(&trust.target) {
                doors.push(trust);
            }
        }
        for (at, trust) in (0..).zip(&inventory.trusts) {
            if trust.kind != TrustKind::ServiceAccount || trust.verdict == Verdict::No {
                continue;
            }
            match trust.system {
                System::Aws => {
                    let Some(back) = self.trusts_back(trust, &services, &doors) else {
                        self.dies(at, "not-trusted-back", None);
                        continue;
                    };
                    let Some(name) = trust.attrs.text(self.names.eks_cluster) else {
                        continue;
                    };
                    let Some((cluster, proved)) = self.cluster(trust.issuer, &name) else {
                        continue;
                    };
                    let before = self.draft.edges.len();
                    self.of_cluster(at, trust, cluster, Kind::X4, &mut linked);
                    self.doubt(before, proved);
                    for edge in &mut self.draft.edges[before..] {
                        edge.verdict = edge.verdict.min(back.0);
                        edge.note = edge.note.or(back.1);
                    }
                }
                System::Vault => {
                    let issuer = trust.issuer.map(|issuer| issuer_name(&issuer));
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

    /// Whether the roles of a pod identity let its service in: the role trusts the
    /// service, and a target role, which the pod gets then, trusts the role.
    fn trusts_back(
        &self,
        trust: &Trust,
        services: &FxHashSet<(IdentityRef, Sym)>,
        doors: &Doors<'_>,
    ) -> Option<(Verdict, Option<Sym>)> {
        let service = trust.attrs.text(self.names.through_service)?;
        let Some(through) = trust.attrs.text(self.names.through_role) else {
            return services
                .contains(&(trust.target, service))
                .then_some((Verdict::Yes, None));
        };
        let roles = self.principals(&through);
        if !roles
            .iter()
            .any(|role| services.contains(&(*role, service)))
        {
            return None;
        }
        if self.inventory.identity(trust.target).kind == IdentityKind::External {
            let note = format!("that role admits {through}");
            return Some((Verdict::Conditional, Some(Sym::new(&note))));
        }
        let admits = doors.get(&trust.target)?.iter().filter(|back| {
            let known = back.source.is_some_and(|source| roles.contains(&source));
            let account = back.kind == TrustKind::Tenant
                && roles
                    .iter()
                    .any(|role| back.trustee_tenant == Some(self.inventory.identity(*role).tenant));
            known || account
        });
        admits
            .map(|back| match (back.kind, back.verdict) {
                // A whole account is trusted: the role's own policies decide as well.
                (TrustKind::Tenant, Verdict::Yes) => {
                    let note = Sym::of("the role's own policies allow it as well");
                    (Verdict::Conditional, Some(note))
                }
                (_, verdict) => (verdict, back.residual),
            })
            .max_by_key(|(verdict, _)| *verdict)
            .filter(|(verdict, _)| *verdict != Verdict::No)
    }

    /// The cluster of this issuer, or of this name; whether the issuer proves it.
    pub(super) fn cluster(&self, issuer: Option<Sym>, name: &str) -> Option<(Sym, bool)> {
        if let Some(issuer) = issuer
            && let Some(cluster) = self.clusters.get(&issuer_name(&issuer))
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
