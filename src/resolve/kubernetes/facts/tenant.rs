//! The cluster itself, and what of it was seen.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::{Cluster, SYSTEM};
use crate::model::{Coverage, Seen, Sym, Tenant};
use crate::resolve::kubernetes::rbac::Role;
use crate::resolve::kubernetes::status::Status;
use crate::resolve::kubernetes::subject::Principal;

/// More subjects than anybody reviews in one sitting.
const CROWD: usize = 25;

impl Cluster<'_> {
    pub(super) fn describe_tenant(&mut self) {
        let status = self.status;
        let mut tenant = Tenant {
            system: SYSTEM,
            id: self.tenant,
            name: self.tenant,
            attrs: Default::default(),
            location: None,
        };
        let attrs = &mut tenant.attrs;
        attrs.set("whole_cluster", status.whole_cluster);
        attrs.set("flags_seen", status.flags.is_some());
        attrs.set_some("version", status.version.as_deref());
        attrs.set_some("legacy_token_uses", status.legacy_token_uses);
        attrs.set_some("stale_token_uses", status.stale_token_uses);
        if let Some((from, to)) = self.audit_window() {
            attrs.set("audit_from", from);
            attrs.set("audit_to", to);
        }
        let crowded = self.crowded_namespaces();
        if !crowded.is_empty() {
            attrs.set("crowded_namespaces", crowded);
        }
        if !status.other_authorizers.is_empty() {
            let list: Vec<Sym> = status.other_authorizers.iter().map(Sym::from).collect();
            attrs.set("other_authorizers", list);
        }
        if status.flags.is_some() {
            set_flags(attrs, status);
        }
        self.build.tenant(tenant);
    }

    /// Namespaces whose own bindings name very many different subjects.
    fn crowded_namespaces(&self) -> Vec<Sym> {
        let mut subjects: BTreeMap<Sym, FxHashSet<Principal>> = BTreeMap::new();
        for binding in self.evaluator.bindings.iter().filter(|one| !one.cluster) {
            subjects
                .entry(binding.meta.namespace)
                .or_default()
                .extend(binding.subjects.iter().filter_map(Principal::of));
        }
        let crowded = subjects.into_iter().filter(|(_, who)| who.len() > CROWD);
        crowded.map(|(namespace, _)| namespace).collect()
    }

    /// Says what the input held, where no collector did.
    pub(super) fn describe_coverage(&mut self) {
        let status = self.status;
        self.cover_volumes();
        if status.collected {
            self.cover_authorizer();
            return;
        }
        let objects = self.objects;
        let written = |role: &&Role| !role.builtin;
        let rbac = objects.roles.iter().filter(written).count() + objects.bindings.len();
        for (kind, count) in [
            ("kubernetes.rbac", rbac),
            ("kubernetes.workloads", objects.workloads.len()),
            (
                "kubernetes.service-accounts",
                objects.service_accounts.len(),
            ),
            ("kubernetes.jit", objects.jit.len()),
            ("kubernetes.certificates", objects.csrs.len()),
        ] {
            self.build
                .coverage(Coverage::complete(SYSTEM, self.tenant, kind, count));
        }
        let namespaces = objects.namespaces.len();
        self.build.coverage(match namespaces {
            0 => Coverage::lacking(
                SYSTEM,
                self.tenant,
                "kubernetes.namespaces",
                Seen::None,
                "the input holds no namespaces, so how free their pods are is not known",
            )
            .optional()
            .remedy("add the namespaces with their pod-security.kubernetes.io labels"),
            count => Coverage::complete(SYSTEM, self.tenant, "kubernetes.namespaces", count),
        });
        if status.flags.is_none() {
            let gap = Coverage::lacking(
                SYSTEM,
                self.tenant,
                "kubernetes.flags",
                Seen::None,
                "files do not tell how the API server is set up",
            );
            self.build.coverage(
                gap.optional()
                    .remedy("scan the cluster itself, or save `kubectl get --raw /flagz` as flagz.txt beside its objects"),
            );
        }
        self.cover_authorizer();
    }

    /// A kubelet gets at the secrets its pods' volumes are mounted with, and only the
    /// volumes name them.
    fn cover_volumes(&mut self) {
        let nodes = self.objects.graph().nodes_with_unseen_volumes();
        if !self.status.whole_cluster || nodes == 0 || !self.has_node_authorizer() {
            return;
        }
        let are = if nodes == 1 { "node runs" } else { "nodes run" };
        self.build.coverage(
            Coverage::lacking(
                SYSTEM,
                self.tenant,
                "kubernetes.volumes",
                Seen::None,
                format!(
                    "{nodes} {are} pods with volume claims, and the volumes were not read: their kubelets may get at more secrets than is told"
                ),
            )
            .remedy("collect again with the rights `tenure permissions kubernetes` prints, or add `kubectl get persistentvolumes -o json`"),
        );
    }

    /// RBAC is not the whole truth where another authorizer decides too.
    fn cover_authorizer(&mut self) {
        let webhook = self.status.webhook_authorizer == Some(true);
        let others = &self.status.other_authorizers;
        if !webhook && others.is_empty() {
            return;
        }
        let who = match others.is_empty() {
            true => "a webhook".to_owned(),
            false => others.iter().cloned().collect::<Vec<_>>().join(", "),
        };
        self.build.coverage(
            Coverage::lacking(
                SYSTEM,
                self.tenant,
                "kubernetes.authorizer",
                Seen::Partial,
                format!("RBAC is not the whole truth here: {who} authorizes requests beside it"),
            )
            .remedy("scan the system behind that authorizer too (cloud IAM, the webhook's own policies)"),
        );
    }
}

fn set_flags(attrs: &mut crate::model::Attrs, status: &Status) {
    let modes = status.list("authorization-mode").unwrap_or_default();
    attrs.set(
        "authorization_modes",
        modes.iter().map(|mode| Sym::new(mode)).collect::<Vec<_>>(),
    );
    let issuers = status.list("service-account-issuer").unwrap_or_default();
    attrs.set_some("issuer", issuers.first().copied());
    attrs.set("always_allow", modes.contains(&"AlwaysAllow"));
    attrs.set_some("webhook_authorizer", status.webhook_authorizer);
    attrs.set_some("anonymous_auth", status.switch("anonymous-auth"));
    attrs.set("token_auth_file", status.flag("token-auth-file").is_some());
    attrs.set_some(
        "extended_tokens",
        status.switch("service-account-extend-token-expiration"),
    );
    let longest = status
        .duration("service-account-max-token-expiration")
        .filter(|length| !length.is_zero());
    attrs.set("token_unbounded", longest.is_none());
    attrs.set_some("token_max_expiration", longest);
    let plugins = status.list("enable-admission-plugins").unwrap_or_default();
    attrs.set("node_restriction", plugins.contains(&"NodeRestriction"));
}
