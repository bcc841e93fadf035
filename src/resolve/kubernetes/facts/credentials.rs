//! Tokens in secrets, bootstrap tokens and client certificates.

use jiff::{SignedDuration, Timestamp};

use super::{Cluster, SYSTEM};
use crate::model::{Credential, Moment, Sym, Tier};
use crate::resolve::kubernetes::credentials::{BOOTSTRAP_TOKEN, Csr, LEGACY_TOKEN, Secret};
use crate::resolve::kubernetes::grants::State;
use crate::resolve::kubernetes::subject::{Principal, service_account, split_service_account};

const CLIENT_SIGNERS: &[&str] = &[
    "kubernetes.io/kube-apiserver-client",
    "kubernetes.io/kube-apiserver-client-kubelet",
    "kubernetes.io/legacy-unknown",
];
/// Life of a certificate whose request asks for none (`--cluster-signing-duration`).
const DEFAULT_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

impl Cluster<'_> {
    pub(super) fn describe_credentials(&mut self) {
        let mut all = Vec::new();
        for secret in &self.objects.secrets {
            if secret.ty == LEGACY_TOKEN {
                all.push(self.legacy_token(secret));
            } else if secret.ty == BOOTSTRAP_TOKEN {
                all.push(self.bootstrap_token(secret));
            }
        }
        all.extend(
            self.objects
                .csrs
                .iter()
                .filter(|csr| csr.approved && !csr.denied)
                .map(|csr| self.certificate(csr)),
        );
        for credential in all {
            self.build.credential(credential);
        }
    }

    fn of_secret(&self, secret: &Secret, kind: &str, identity: Option<Principal>) -> Credential {
        let id = format!("Secret/{}/{}", secret.meta.namespace, secret.meta.name);
        let mut credential = Credential::new(
            SYSTEM,
            self.tenant,
            identity.and_then(|principal| self.identity_of(principal)),
            kind,
            id.as_str(),
            secret.meta.name,
        );
        credential.created = secret.meta.created;
        credential.rotated = Moment::or_unknown(secret.meta.created);
        credential.owner = self.owner_of(&secret.meta);
        credential.location = secret.meta.location;
        credential.attrs.set("namespace", secret.meta.namespace);
        credential
    }

    fn legacy_token(&self, secret: &Secret) -> Credential {
        let principal = secret.account().map(|name| {
            let user = service_account(&secret.meta.namespace, &name);
            Principal::User(Sym::new(&user))
        });
        let mut credential = self.of_secret(secret, "service-account-token", principal);
        credential.expires = Moment::Never;
        credential.tier = principal.map_or(Tier::None, |principal| self.tier_of(principal));
        let day = |label: &str| secret.meta.label(label);
        // The label is set on first use (1.26 and later); without it nobody knows.
        let labelled = day("kubernetes.io/legacy-token-last-used").and_then(|day| midnight(&day));
        let logged = self.usage.as_ref().and_then(|usage| {
            let key = (secret.meta.namespace, secret.meta.name);
            usage.tokens.get(&key).copied()
        });
        credential.last_used = Moment::or_unknown(labelled.max(logged));
        if let Some(since) = day("kubernetes.io/legacy-token-invalid-since") {
            credential.active = false;
            credential.attrs.set("invalid_since", since);
        }
        credential
    }

    fn bootstrap_token(&self, secret: &Secret) -> Credential {
        let mut credential = self.of_secret(secret, "bootstrap-token", None);
        credential.expires = match (secret.expiration, secret.fields_seen) {
            (Some(end), _) => Moment::At(end),
            (None, true) => Moment::Never,
            (None, false) => Moment::Unknown,
        };
        credential.active = secret.expiration.is_none_or(|end| end > self.context.now);
        credential.tier = Tier::Write;
        if !secret.usages.is_empty() {
            credential.attrs.set("usages", secret.usages.clone());
        }
        if !secret.groups.is_empty() {
            credential.attrs.set("groups", secret.groups.clone());
        }
        credential
    }

    fn certificate(&self, csr: &Csr) -> Credential {
        let requester = Principal::User(csr.requester);
        let id = format!("CertificateSigningRequest/{}", csr.meta.name);
        let mut credential = Credential::new(
            SYSTEM,
            self.tenant,
            self.identity_of(requester),
            "certificate",
            id.as_str(),
            csr.meta.name,
        );
        let life = csr.expiration_seconds.map(SignedDuration::from_secs);
        let start = csr.approved_at.or(csr.meta.created);
        let end = start.and_then(|start| start.checked_add(life.unwrap_or(DEFAULT_LIFE)).ok());
        credential.created = csr.meta.created;
        credential.expires = Moment::or_unknown(end);
        credential.active = end.is_none_or(|end| end > self.context.now);
        // Whom it proves stands in the certificate, which is not read; at least the
        // requester could ask for it.
        credential.tier = self.tier_of(requester);
        credential.location = csr.meta.location;
        let workload = split_service_account(&csr.requester).is_some();
        let attrs = &mut credential.attrs;
        attrs.set("issued", csr.issued);
        attrs.set("signer", csr.signer);
        attrs.set("requester", csr.requester);
        attrs.set("requester_workload", workload);
        attrs.set(
            "legacy_signer",
            csr.signer == "kubernetes.io/legacy-unknown",
        );
        attrs.set(
            "client",
            CLIENT_SIGNERS.iter().any(|signer| csr.signer == *signer)
                && !csr.requester.starts_with("system:node:")
                && !csr.requester.starts_with("system:bootstrap:"),
        );
        attrs.set("lifetime", life.unwrap_or(DEFAULT_LIFE));
        let made = csr.approved_at.or(csr.meta.created);
        if let (Some(made), Some(end)) = (made, end)
            && let Some(grant) = self.grant_around(requester, made, end)
        {
            attrs.set("minted_in_grant", grant);
        }
        credential
    }

    /// The just-in-time grant of `principal` in whose time something was made that
    /// outlives it.
    fn grant_around(&self, principal: Principal, made: Timestamp, end: Timestamp) -> Option<Sym> {
        let bindings = self.evaluator.bindings_of(principal);
        bindings.iter().find_map(|&(binding, _)| {
            let (owner, until) = match self.states[binding as usize] {
                State::Live { owner, until } => (owner, until),
                State::Overdue { owner, since } => (owner, since),
                _ => return None,
            };
            let jit = &self.objects.jit[owner];
            let began = jit.began()?;
            (began <= made && made <= until && end > until)
                .then(|| Sym::new(&format!("{}/{}", jit.kind, jit.meta.name)))
        })
    }
}

fn midnight(day: &str) -> Option<Timestamp> {
    format!("{day}T00:00:00Z").parse().ok()
}
