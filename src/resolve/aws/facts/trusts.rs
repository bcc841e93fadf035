//! Trusts: whom each role's trust policy lets in, and whom it should not.

use rustc_hash::FxHashMap;

use super::super::actions::ActionMask;
use super::super::documents::{DocId, Source};
use super::super::policy::{
    Action, Context, Outsider, Policy, Principal, Trustee, Witness, admits, oidc_witnesses,
    trustees,
};
use super::super::subject::{Subject, SubjectId, SubjectKind, is_reserved, is_service_linked};
use super::Facts;
use super::perimeter::{Caller, let_in};
use crate::model::{Claim, ClaimTest, IdentityKind, Sym, System, Tier, Trust, TrustKind, Verdict};

/// An account that is nobody's: it stands for a stranger.
const STRANGER: &str = "000000000000";

/// Hosts of issuers that give tokens to everybody who asks, so that only the subject
/// tells whose a token is.
const SHARED_ISSUERS: &[&str] = &[
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "app.terraform.io",
    "accounts.google.com",
    "oidc.circleci.com",
    "agent.buildkite.com",
    "api.bitbucket.org",
    "www.amazon.com",
    "graph.facebook.com",
    "cognito-identity.amazonaws.com",
];

/// Services that act for whatever resource names the role, of any customer, so that
/// only a condition on the source keeps others out (IAM User Guide, "The confused
/// deputy problem", and the services' own guides).
const DEPUTIES: &[&str] = &[
    "apigateway.amazonaws.com",
    "backup.amazonaws.com",
    "bedrock.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "config.amazonaws.com",
    "connect.amazonaws.com",
    "events.amazonaws.com",
    "firehose.amazonaws.com",
    "iot.amazonaws.com",
    "logs.amazonaws.com",
    "pipes.amazonaws.com",
    "s3.amazonaws.com",
    "scheduler.amazonaws.com",
    "serverlessrepo.amazonaws.com",
    "sns.amazonaws.com",
    "ses.amazonaws.com",
    "states.amazonaws.com",
    "transfer.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
];

/// What one trust policy says, whichever role has it.
struct Read {
    trustees: Vec<Trustee>,
    witnesses: FxHashMap<Box<str>, Vec<Witness>>,
}

impl<'w> Facts<'w, '_> {
    pub(super) fn add_trusts(&mut self) {
        let subjects = self.subjects;
        let assumers = self.assumers();
        // What a document says depends on the guardrails of the account it stands in.
        let mut known: FxHashMap<(DocId, Option<Sym>), Option<Read>> = FxHashMap::default();
        for (id, subject) in subjects.iter() {
            if subject.kind != SubjectKind::Role {
                continue;
            }
            let Some(source) = subject.holder.and_then(|holder| holder.trust) else {
                continue;
            };
            let world = self.world;
            let Some(doc) = world.documents.id(source) else {
                continue;
            };
            // A document that cannot be read is a gap already.
            let Ok(policy) = &world.documents.get(doc).policy else {
                continue;
            };
            let rails = self.judge.resource_rails(subject, &subject.arn);
            // Of those in doubt none is certain to keep anybody out.
            let rails = rails.filter(|rails| !rails.rcps_doubtful);
            let key = (doc, rails.map(|_| subject.account));
            let read = known.entry(key).or_insert_with(|| {
                let rcps = rails.map_or(&[][..], |rails| &rails.rcps);
                Some(read_policy(policy, rcps, &subject.arn))
            });
            if let Some(read) = read.take() {
                self.add_role(id, subject, source, policy, &read, &assumers);
                known.insert(key, Some(read));
            }
        }
    }

    fn add_role(
        &mut self,
        id: SubjectId,
        subject: &'w Subject<'w>,
        source: Source<'w>,
        policy: &Policy,
        read: &Read,
        assumers: &FxHashMap<Sym, Vec<SubjectId>>,
    ) {
        let Some(target) = self.identities.get(&id).copied() else {
            return;
        };
        let mut services: Vec<Sym> = read
            .trustees
            .iter()
            .filter(|trustee| trustee.kind == TrustKind::Service)
            .map(|trustee| Sym::new(&trustee.name))
            .collect();
        services.sort();
        services.dedup();
        if !services.is_empty() {
            let identity = self.build.identity_mut(target);
            identity.attrs.set("services", services.clone());
        }
        let mut people = false;
        let mut takers: Vec<Sym> = Vec::new();
        for trustee in &read.trustees {
            let mut fact = Trust::new(
                System::Aws,
                subject.account,
                target,
                trustee.kind,
                &*trustee.name,
            );
            fact.claims.clone_from(&trustee.claims);
            fact.verdict = trustee.verdict;
            fact.residual = trustee.residual.as_deref().map(Sym::new);
            fact.trustee_tenant = trustee.account.as_deref().map(Sym::new);
            let ranges = &policy.document().statements[trustee.statement as usize].range;
            fact.location = source.locate(self.world.files, ranges.clone());
            if !trustee.kept_out.is_empty() {
                let names: Vec<Sym> = trustee.kept_out.iter().map(|who| Sym::new(who)).collect();
                fact.attrs.set("kept_out", names);
            }
            self.describe(&mut fact, subject, policy, read, trustee, &services);
            self.keep_out(&mut fact, subject);
            people |= trustee.kind == TrustKind::Saml && trustee.verdict != Verdict::No;
            self.build.trust(fact);
        }
        // Who of the accounts read can take it, both sides agreeing.
        for (taker, verdict) in self.takers(id, subject, policy, read, assumers) {
            if verdict == Verdict::No {
                continue;
            }
            let who = self.subjects.get(taker);
            if who.kind == SubjectKind::User {
                let at = self.identities.get(&taker).copied();
                let kind = at.map(|at| self.build.facts().identity(at).kind);
                people |= kind == Some(IdentityKind::Human);
                takers.push(who.arn);
            }
        }
        let lets_in = self.open.get(&id).copied();
        let holder = subject.holder;
        let reserved = holder.is_some_and(is_reserved);
        let linked = holder.is_some_and(is_service_linked);
        let identity = self.build.identity_mut(target);
        if !takers.is_empty() {
            takers.sort();
            identity.attrs.set("takers", takers);
        }
        if let Some(count) = lets_in {
            identity.attrs.set("lets_in", count);
        }
        if !linked {
            identity.attrs.set("people_can_take", people || reserved);
        }
    }

    /// Takes back what resource control policies do not let an AWS principal have, or
    /// whoever comes from an identity provider.
    fn keep_out(&self, fact: &mut Trust, subject: &Subject<'_>) {
        let action = match fact.kind {
            TrustKind::Tenant | TrustKind::Identity => "sts:AssumeRole",
            TrustKind::Saml => "sts:AssumeRoleWithSAML",
            TrustKind::Oidc => "sts:AssumeRoleWithWebIdentity",
            _ => return,
        };
        let whole = fact.kind == TrustKind::Tenant;
        let named = match fact.trustee_tenant {
            Some(account) if whole => Principal::parse(&account),
            _ => Principal::parse(&fact.trustee),
        };
        let Ok(principal) = named else {
            return;
        };
        let caller = Caller {
            principal: &principal,
            whole,
            claims: &fact.claims,
        };
        let (verdict, residual) = let_in(self.judge, subject, &Action::new(action), caller);
        if verdict < fact.verdict {
            fact.verdict = verdict;
            fact.residual = residual.map(|text| Sym::new(&text));
        }
    }

    /// Users who may assume the role. Only users: roles are taken by what runs as them.
    fn takers(
        &self,
        role: SubjectId,
        subject: &Subject<'w>,
        policy: &Policy,
        read: &Read,
        assumers: &FxHashMap<Sym, Vec<SubjectId>>,
    ) -> Vec<(SubjectId, Verdict)> {
        let mut asked: Vec<SubjectId> = Vec::new();
        for trustee in &read.trustees {
            if trustee.verdict == Verdict::No {
                continue;
            }
            match trustee.kind {
                TrustKind::Identity => {
                    asked.extend(self.subjects.by_arn.get(&Sym::new(&trustee.name)));
                }
                TrustKind::Tenant => {
                    let account = trustee.account.as_deref().unwrap_or(&trustee.name);
                    asked.extend(assumers.get(&Sym::new(account)).into_iter().flatten());
                }
                _ => {}
            }
        }
        asked.sort_unstable();
        asked.dedup();
        let action = self.judge.actions.get(self.assume);
        asked
            .into_iter()
            .filter(|id| *id != role)
            .map(|id| {
                let who = self.subjects.get(id);
                (id, self.judge.assumes(who, action, &subject.arn, policy))
            })
            .collect()
    }

    /// Users by account whose policies name sts:AssumeRole.
    fn assumers(&self) -> FxHashMap<Sym, Vec<SubjectId>> {
        let mask = ActionMask::of(self.assume);
        let mut assumers: FxHashMap<Sym, Vec<SubjectId>> = FxHashMap::default();
        for (id, subject) in self.subjects.iter() {
            if subject.kind == SubjectKind::User && self.judge.reach(id).contains(mask) {
                assumers.entry(subject.account).or_default().push(id);
            }
        }
        assumers
    }

    fn is_ours(&self, account: Sym) -> bool {
        let ours = &self.context.config.ours.aws_accounts;
        self.world.accounts.contains_key(&account)
            || self.world.organization.accounts.contains_key(&account)
            || ours.iter().any(|own| **own == *account)
    }

    fn describe(
        &self,
        fact: &mut Trust,
        subject: &Subject<'w>,
        policy: &Policy,
        read: &Read,
        trustee: &Trustee,
        services: &[Sym],
    ) {
        let claim = |name: &str| {
            trustee
                .claims
                .iter()
                .find(|claim| claim.name == name && guards(claim))
        };
        let account = fact.trustee_tenant;
        let actions: Vec<Sym> = trustee.actions.iter().map(|name| Sym::of(name)).collect();
        fact.attrs.set("actions", actions);
        if trustee.verdict != Verdict::No && !trustee.brings.is_empty() {
            let brings: Vec<Sym> = trustee.brings.iter().map(|what| Sym::new(what)).collect();
            fact.attrs.set("brings", brings);
        }
        let seconds = subject.holder.and_then(|holder| holder.max_session);
        if let Some(seconds) = seconds {
            fact.attrs
                .set("max_session", jiff::SignedDuration::from_secs(seconds));
        }
        let statement = &policy.document().statements[trustee.statement as usize];
        if statement.principals.as_ref().is_some_and(|list| list.not) {
            fact.attrs.set("not_principal", true);
        }
        let organizations: Vec<Sym> = ["principal-org-id", "principal-org-paths"]
            .iter()
            .filter_map(|name| claim(name))
            .flat_map(|claim| claim.values.iter().copied())
            .collect();
        let own = |value: &Sym| {
            let configured = &self.context.config.ours.aws_organizations;
            let own = self.world.organization.id;
            let is = |id: &str| value.as_str() == id || value.starts_with(&format!("{id}/"));
            own.is_some_and(|id| is(&id)) || configured.iter().any(|id| is(id))
        };
        let inside = !organizations.is_empty() && organizations.iter().all(own);
        if !organizations.is_empty() {
            fact.attrs.set("organization", organizations);
        }
        fact.attrs
            .set("external_id", claim("external-id").is_some());
        // `false` lets in those without one.
        let second_factor = |claim: &Claim| {
            claim
                .values
                .iter()
                .all(|value| value.eq_ignore_ascii_case("true"))
        };
        fact.attrs
            .set("mfa_required", claim("mfa").is_some_and(second_factor));
        if claim("source-identity").is_some() {
            fact.attrs.set("source_identity", true);
        }
        match trustee.kind {
            TrustKind::Anyone => {
                let strangers = stranger().map_or(Verdict::Yes, |stranger| {
                    let caller = Caller {
                        principal: &stranger,
                        whole: true,
                        claims: &[],
                    };
                    let_in(self.judge, subject, &Action::new("sts:AssumeRole"), caller).0
                });
                fact.external = !inside && strangers != Verdict::No;
                fact.attrs.set("account_root", true);
                if strangers == Verdict::Yes && self.admits_stranger(subject, policy) {
                    fact.witness = Some(Sym::new(&format!("arn:aws:iam::{STRANGER}:role/anyone")));
                }
            }
            TrustKind::Tenant => {
                fact.attrs.set("account_root", true);
                fact.external = account.is_some_and(|account| !self.is_ours(account));
            }
            TrustKind::Identity => {
                fact.attrs.set("account_root", false);
                fact.external = account.is_some_and(|account| !self.is_ours(account));
                if let Some(id) = self.subjects.by_arn.get(&Sym::new(&trustee.name)) {
                    fact.source = self.identities.get(id).copied();
                }
                if trustee.dead {
                    fact.attrs.set("issues", vec![Sym::new("dead")]);
                }
            }
            TrustKind::Service => {
                let name = &*trustee.name;
                fact.attrs.set("service", name);
                fact.attrs.set("deputy_risk", DEPUTIES.contains(&name));
                let guard = [
                    "source-account",
                    "source-arn",
                    "source-org-id",
                    "source-org-paths",
                ]
                .iter()
                .any(|name| claim(name).is_some());
                fact.attrs.set("source_guard", guard);
                if services.len() > 1 {
                    let others: Vec<Sym> = services
                        .iter()
                        .copied()
                        .filter(|other| *other != name)
                        .collect();
                    fact.attrs.set("role_services", others);
                }
            }
            TrustKind::Saml => {
                fact.issuer = Some(fact.trustee);
                let known = self
                    .world
                    .accounts
                    .get(&subject.account)
                    .and_then(|account| account.saml_providers.as_ref());
                if let Some(known) = known {
                    fact.attrs
                        .set("provider_missing", !known.contains(&fact.trustee));
                }
                fact.attrs.set("audience", claim("aud").is_some());
            }
            TrustKind::Oidc => self.describe_oidc(fact, subject, read, trustee),
            TrustKind::ServiceAccount | TrustKind::SharedSecret => {}
        }
    }

    /// Whether somebody of an account nobody knows is let in.
    fn admits_stranger(&self, subject: &Subject<'_>, policy: &Policy) -> bool {
        let Some(stranger) = stranger() else {
            return false;
        };
        let action = Action::new("sts:AssumeRole");
        let context = Context::closed();
        admits(policy, &[], &subject.arn, &stranger, &action, &context) == Verdict::Yes
    }

    fn describe_oidc(
        &self,
        fact: &mut Trust,
        subject: &Subject<'w>,
        read: &Read,
        trustee: &Trustee,
    ) {
        let host = host(&trustee.name);
        fact.issuer = Some(Sym::new(host));
        let github = is_github(host);
        let shared = SHARED_ISSUERS.contains(&host.split('/').next().unwrap_or(host));
        fact.attrs.set("github", github);
        fact.attrs.set("shared_issuer", shared);
        let known = self
            .world
            .accounts
            .get(&subject.account)
            .and_then(|account| account.oidc_providers.as_ref());
        if let Some(known) = known.filter(|_| trustee.name.starts_with("arn:")) {
            fact.attrs
                .set("provider_missing", !known.contains(&fact.trustee));
        }
        let claims = |name: &'static str| {
            let list = trustee.claims.iter();
            list.filter(move |claim| claim.name == name)
        };
        fact.attrs.set("audience", claims("aud").any(guards));
        let subject_checked = claims("sub").any(guards);
        fact.attrs.set("subject", subject_checked);
        let mut subjects: Vec<Sym> = claims("sub")
            .flat_map(|claim| claim.values.iter().copied())
            .collect();
        subjects.sort();
        subjects.dedup();
        let mut issues: Vec<Sym> = Vec::new();
        let mut add = |name: &str| {
            let name = Sym::new(name);
            if !issues.contains(&name) {
                issues.push(name);
            }
        };
        let has_subject = claims("sub").next().is_some();
        if !has_subject {
            add("no-subject");
        } else if !subject_checked {
            add("holds-when-absent");
        }
        let dead = claims("sub").any(|claim| {
            let exact = matches!(claim.test, ClaimTest::Equals | ClaimTest::EqualsIgnoreCase);
            exact && claim.values.iter().all(|value| value.contains('*'))
        });
        if dead {
            add("dead");
        }
        if !subjects.is_empty() {
            fact.attrs.set("subjects", subjects);
        }
        if github {
            let witnesses = read.witnesses.get(&trustee.name);
            let witnesses = witnesses.map_or(&[][..], Vec::as_slice);
            let has = |outsider| witnesses.iter().any(|one| one.outsider == outsider);
            for witness in witnesses {
                match witness.outsider {
                    Outsider::OtherOwner if has_subject => add("any-subject"),
                    Outsider::OtherOwner => {}
                    Outsider::SiblingOwner => add("no-separator"),
                    Outsider::OtherId => add("id-unpinned"),
                    Outsider::SiblingRepository => add("repository-prefix"),
                    Outsider::OtherRepository => add("any-repository"),
                    Outsider::PullRequest => add("pull-request"),
                    Outsider::OtherBranch => add("any-ref"),
                    Outsider::SiblingRef => add("ref-prefix"),
                    Outsider::OtherEnvironment => add("any-environment"),
                }
            }
            if has(Outsider::PullRequest) && has(Outsider::OtherBranch) {
                add("any-context");
            }
            // A subject without ids is one that whoever takes the name over can mint;
            // that is told, but it lets nobody in today.
            fact.witness = witnesses
                .iter()
                .find(|one| one.outsider != Outsider::OtherId)
                .map(|one| Sym::new(&one.subject));
            fact.external = has(Outsider::OtherOwner) || has(Outsider::SiblingOwner);
        } else if shared && !subject_checked {
            fact.external = true;
        }
        if !issues.is_empty() {
            issues.sort();
            fact.attrs.set("issues", issues);
        }
    }

    /// Trusts are worth what their target is; known only when all tiers are.
    pub(super) fn complete_trusts(&mut self) {
        let facts = self.build.facts_mut();
        let tiers: Vec<Tier> = facts
            .identities
            .iter()
            .map(|identity| identity.tier)
            .collect();
        for trust in &mut facts.trusts {
            trust.tier = tiers[trust.target.0 as usize];
        }
        for credential in &mut facts.credentials {
            if let Some(at) = credential.identity {
                credential.tier = tiers[at.0 as usize];
            }
        }
    }
}

/// Somebody of an account nobody knows.
fn stranger() -> Option<Principal> {
    Principal::parse(&format!("arn:aws:iam::{STRANGER}:role/anyone")).ok()
}

/// Whether a claim keeps anybody out: it must be there and be something.
fn guards(claim: &Claim) -> bool {
    !claim.holds_when_absent
        && claim.test.is_positive()
        && !claim
            .values
            .iter()
            .any(|value| value.chars().all(|c| c == '*'))
}

/// The issuer's host and path.
pub(super) fn host(provider: &str) -> &str {
    match provider.split_once(":oidc-provider/") {
        Some((_, host)) => host,
        None => provider,
    }
}

/// Whether tokens of this issuer are GitHub's: github.com, an enterprise's own issuer,
/// or a GitHub Enterprise Server.
fn is_github(host: &str) -> bool {
    host.starts_with("token.actions.") || host.ends_with("/_services/token")
}

fn read_policy(policy: &Policy, rcps: &[Vec<&Policy>], role: &str) -> Read {
    let trustees = trustees(policy);
    let mut witnesses: FxHashMap<Box<str>, Vec<Witness>> = FxHashMap::default();
    for trustee in &trustees {
        if trustee.kind == TrustKind::Oidc
            && trustee.verdict != Verdict::No
            && is_github(host(&trustee.name))
        {
            witnesses
                .entry(trustee.name.clone())
                .or_insert_with(|| oidc_witnesses(policy, rcps, role, &trustee.name));
        }
    }
    Read {
        trustees,
        witnesses,
    }
}
