//! Who of an account may do what in its EKS clusters: access entries as identities
//! with a trust in their principal, pod identity associations as trusts of the role.
//! Which cluster that is, the joining stage tells.

use rustc_hash::FxHashMap;

use super::Facts;
use crate::model::{
    Claim, ClaimTest, Identity, IdentityKind, Location, Sym, System, Trust, TrustKind,
};
use crate::resolve::aws::read::eks::Association;

/// Policies of EKS that administer a cluster, or read all its secrets, when they hold
/// for the whole cluster (EKS User Guide, "Review access policy permissions").
const ADMINISTERING: &[&str] = &[
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSAdminViewPolicy",
];

/// The service that assumes roles for pods.
const POD_IDENTITY: &str = "pods.eks.amazonaws.com";

impl Facts<'_, '_> {
    pub(super) fn add_clusters(&mut self) {
        let world = self.world;
        let mut issuers: FxHashMap<&str, Sym> = FxHashMap::default();
        let mut policies: FxHashMap<(&str, &str), (Vec<Sym>, bool)> = FxHashMap::default();
        for (_, _, answer) in &world.clusters {
            if let Some(cluster) = &answer.cluster
                && let Some(issuer) = &cluster.identity.oidc.issuer
            {
                issuers.insert(&cluster.name, Sym::new(issuer));
            }
            for policy in answer.associated_access_policies.iter().flatten() {
                let key = (answer.cluster_name.as_str(), answer.principal_arn.as_str());
                let (list, admin) = policies.entry(key).or_default();
                let name = policy.policy_arn.rsplit('/').next().unwrap_or_default();
                list.push(Sym::new(&format!("{name} ({})", policy.access_scope.kind)));
                *admin |= policy.access_scope.kind == "cluster" && ADMINISTERING.contains(&name);
            }
        }
        for (account, file, answer) in &world.clusters {
            let location = world
                .files
                .get(*file)
                .map(|file| Location::start_of(file.name));
            if let Some(entry) = &answer.access_entry {
                let key = (entry.cluster_name.as_str(), entry.principal_arn.as_str());
                let (mut list, admin) = policies.get(&key).cloned().unwrap_or_default();
                list.sort();
                let id = match entry.access_entry_arn.is_empty() {
                    true => format!("eks/{}/{}", entry.cluster_name, entry.principal_arn),
                    false => entry.access_entry_arn.clone(),
                };
                let kind = IdentityKind::Group;
                let mut fact = Identity::new(System::Aws, *account, id, kind, &*entry.username);
                fact.location = location;
                fact.attrs.set("type", "eks-access-entry");
                fact.attrs.set("eks_cluster", entry.cluster_name.as_str());
                let groups = entry.kubernetes_groups.iter().map(Sym::from);
                fact.attrs.set("groups", groups.collect::<Vec<Sym>>());
                fact.attrs.set("access_policies", list);
                fact.attrs.set("admin_policy", admin);
                let target = self.build.identity(fact);
                let mut trust = Trust::new(
                    System::Aws,
                    *account,
                    target,
                    TrustKind::Identity,
                    &*entry.principal_arn,
                );
                trust.issuer = issuers.get(entry.cluster_name.as_str()).copied();
                trust.trustee_tenant = Some(*account);
                trust.location = location;
                trust.attrs.set("eks_cluster", entry.cluster_name.as_str());
                self.build.trust(trust);
            }
            if let Some(one) = &answer.association {
                let issuer = issuers.get(one.cluster_name.as_str()).copied();
                self.associate(*account, location, one, issuer);
            }
        }
        for trust in &mut self.build.facts_mut().trusts {
            if trust.kind == TrustKind::Oidc
                && trust.issuer.is_some_and(|issuer| is_cluster(&issuer))
            {
                trust.attrs.set("cluster_issuer", true);
            }
        }
    }

    /// A pod identity association: the service account becomes its role, or where a
    /// target role is named, that one through the role (EKS User Guide, "Access AWS
    /// resources using EKS Pod Identity target IAM roles").
    fn associate(
        &mut self,
        account: Sym,
        location: Option<Location>,
        one: &Association,
        issuer: Option<Sym>,
    ) {
        let through = one.target_role_arn.as_ref().map(|_| one.role_arn.as_str());
        let arn = one.target_role_arn.as_ref().unwrap_or(&one.role_arn);
        let known = self.subjects.by_arn.get(&Sym::new(arn));
        let target = match known.and_then(|role| self.identities.get(role).copied()) {
            Some(target) => target,
            // The target may be in an account that was not read.
            None if through.is_some() => {
                let kind = IdentityKind::External;
                let mut outside = Identity::new(System::Aws, account, arn, kind, arn);
                outside.location = location;
                outside.attrs.set("type", "role");
                self.build.identity(outside)
            }
            None => return,
        };
        let user = format!(
            "system:serviceaccount:{}:{}",
            one.namespace, one.service_account
        );
        let kind = TrustKind::ServiceAccount;
        let mut trust = Trust::new(System::Aws, account, target, kind, user.as_str());
        trust.issuer = issuer;
        trust.claims.push(Claim {
            name: Sym::new("sub"),
            test: ClaimTest::Equals,
            values: [Sym::new(&user)].into(),
            holds_when_absent: false,
        });
        trust.location = location;
        trust.attrs.set("eks_cluster", one.cluster_name.as_str());
        trust.attrs.set("through_service", POD_IDENTITY);
        trust.attrs.set_some("through_role", through);
        self.build.trust(trust);
    }
}

/// Whether an issuer is that of an EKS cluster.
fn is_cluster(issuer: &str) -> bool {
    issuer
        .strip_prefix("https://")
        .unwrap_or(issuer)
        .starts_with("oidc.eks.")
}
