//! Trust between the cluster and clouds, to be joined with what the cloud's own
//! connector saw.

use super::{Cluster, SYSTEM};
use crate::model::{Claim, ClaimTest, Identity, IdentityKind, Sym, Tier, Trust, TrustKind};
use crate::resolve::account_number;
use crate::resolve::kubernetes::rbac::Meta;
use crate::resolve::kubernetes::subject::{MASTERS, Principal, service_account};

/// Annotations by which a service account is somebody in a cloud.
pub(super) const ANNOTATIONS: &[(&str, &str)] = &[
    ("eks.amazonaws.com/role-arn", "aws"),
    ("iam.gke.io/gcp-service-account", "gcp"),
    ("azure.workload.identity/client-id", "azure"),
];

impl Cluster<'_> {
    pub(super) fn describe_trusts(&mut self) {
        let accounts: Vec<(Meta, &str, Sym)> = self
            .objects
            .service_accounts
            .iter()
            .flat_map(|account| {
                ANNOTATIONS.iter().filter_map(|&(key, cloud)| {
                    let role = account.meta.annotation(key)?;
                    Some((account.meta.clone(), cloud, role))
                })
            })
            .collect();
        for (meta, cloud, role) in accounts {
            self.cloud_role(&meta, cloud, role);
        }
        for entry in &self.objects.aws_auth {
            let mapped: Vec<Principal> = entry
                .groups
                .iter()
                .map(|group| Principal::Group(*group))
                .chain(
                    (!entry.username.is_empty() && !entry.username.contains('{'))
                        .then_some(Principal::User(entry.username)),
                )
                .collect();
            for principal in mapped {
                let Some(target) = self.identity_of(principal) else {
                    continue;
                };
                let mut trust =
                    Trust::new(SYSTEM, self.tenant, target, TrustKind::Identity, entry.arn);
                trust.trustee_tenant = account_number(&entry.arn).map(Sym::new);
                trust.tier = self.tier_of(principal);
                trust.location = entry.location;
                let attrs = &mut trust.attrs;
                attrs.set("cloud", "aws");
                attrs.set("mechanism", "aws-auth");
                attrs.set("mapped", entry.kind);
                attrs.set("groups", entry.groups.clone());
                attrs.set("masters", principal.name() == MASTERS);
                self.build.trust(trust);
            }
        }
    }

    /// A service account that may become a role, account or app of a cloud.
    fn cloud_role(&mut self, meta: &Meta, cloud: &str, role: Sym) {
        let user = Sym::new(&service_account(&meta.namespace, &meta.name));
        let principal = Principal::User(user);
        // The role lives elsewhere; here it is known by its name alone.
        let mut outside = Identity::new(SYSTEM, self.tenant, role, IdentityKind::External, role);
        outside.location = meta.location;
        outside.attrs.set("cloud", cloud);
        let target = self.build.identity(outside);
        let mut trust = Trust::new(SYSTEM, self.tenant, target, TrustKind::ServiceAccount, user);
        trust.source = self.identity_of(principal);
        let issuers = self
            .status
            .list("service-account-issuer")
            .unwrap_or_default();
        trust.issuer = issuers.first().map(|issuer| Sym::new(issuer));
        trust.trustee_tenant = Some(self.tenant);
        trust.location = meta.location;
        let (mechanism, audience) = match cloud {
            "aws" => ("irsa", Some("sts.amazonaws.com")),
            "azure" => ("workload-identity", Some("api://AzureADTokenExchange")),
            _ => ("workload-identity", None),
        };
        let equals = |name: &str, value: Sym| Claim {
            name: Sym::new(name),
            test: ClaimTest::Equals,
            values: [value].into(),
            holds_when_absent: false,
        };
        trust.claims.push(equals("sub", user));
        if let Some(audience) = audience {
            trust.claims.push(equals("aud", Sym::new(audience)));
        }
        let admin = role.to_ascii_lowercase().contains("admin");
        trust.tier = if admin { Tier::Admin } else { Tier::None };
        trust.attrs.set("cloud", cloud);
        trust.attrs.set("mechanism", mechanism);
        trust.attrs.set("admin_shaped", admin);
        trust.attrs.set_some(
            "cloud_account",
            account_number(&role).filter(|_| cloud == "aws"),
        );
        self.build.trust(trust);
    }
}
