//! The joins on small worlds, and the laws of the search.

mod gates;
mod joins;
mod laws;

use jiff::SignedDuration;

use crate::model::{
    Attrs, Builder, Claim, ClaimTest, Entitlement, Identity, IdentityKind, IdentityRef, Inventory,
    Path, Sym, System, Tenant, Tier, Trust, TrustKind, Value,
};

const ORG: &str = "acme";
const ACCOUNT: &str = "111122223333";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const CLUSTER: &str = "prod";
const CLUSTER_ISSUER: &str = "https://oidc.eks.eu-west-1.amazonaws.com/id/AB12";
const VAULT: &str = "https://vault.example";

/// A world in the making.
#[derive(Default)]
struct World {
    build: Builder,
}

impl World {
    fn new() -> Self {
        let mut world = World::default();
        for (system, id) in [
            (System::Aws, ACCOUNT),
            (System::Github, ORG),
            (System::Kubernetes, CLUSTER),
            (System::Vault, VAULT),
        ] {
            let mut attrs = Attrs::new();
            if system == System::Kubernetes {
                attrs.set("issuer", CLUSTER_ISSUER);
                attrs.set("whole_cluster", true);
            }
            world.build.tenant(Tenant {
                system,
                id: Sym::new(id),
                name: Sym::new(id),
                attrs,
                location: None,
            });
        }
        world
    }

    fn who(&mut self, system: System, id: &str, kind: IdentityKind) -> IdentityRef {
        let tenant = match system {
            System::Aws => ACCOUNT,
            System::Github => ORG,
            System::Kubernetes => CLUSTER,
            System::Vault | System::Jit => VAULT,
        };
        let name = id.rsplit('/').next().unwrap_or(id);
        self.build
            .identity(Identity::new(system, tenant, id, kind, name))
    }

    fn holds(
        &mut self,
        who: IdentityRef,
        privilege: &str,
        scope: &str,
        tier: Tier,
    ) -> &mut Entitlement {
        let identity = self.build.facts().identity(who);
        let (system, tenant) = (identity.system, identity.tenant);
        let mut fact = Entitlement::new(system, tenant, who, "grant", privilege, scope);
        fact.tier = tier;
        fact.attrs.set("role", privilege);
        self.build.entitlement(fact);
        self.build.facts_mut().entitlements.last_mut().unwrap()
    }

    /// A repository with a protected environment, a default branch and free branches.
    fn repository(&mut self, name: &str) -> IdentityRef {
        let full = format!("{ORG}/{name}");
        let workflows = self.who(
            System::Github,
            &format!("workflows/{full}"),
            IdentityKind::Workload,
        );
        let identity = self.build.identity_mut(workflows);
        identity.attrs.set("repository", full.as_str());
        identity.attrs.set("default_branch", "main");
        for (context, subject, kind, protected, gate) in [
            (
                "environment:production",
                "environment:production",
                "environment",
                true,
                "reviewers",
            ),
            (
                "new-environment",
                "environment:*",
                "environment",
                false,
                "none",
            ),
            (
                "default-branch",
                "ref:refs/heads/main",
                "branch",
                true,
                "review",
            ),
            ("any-branch", "ref:refs/heads/*", "branch", false, "none"),
            (
                "pull-request",
                "pull_request",
                "pull-request",
                false,
                "none",
            ),
        ] {
            let id = format!("oidc/{full}/{context}");
            let at = self.who(System::Github, &id, IdentityKind::Workload);
            let identity = self.build.identity_mut(at);
            identity.uid = Sym::new(&format!("oidc/71/{context}"));
            let attrs = &mut identity.attrs;
            attrs.set("repository", full.as_str());
            attrs.set("issuer", ISSUER);
            attrs.set("subject", Sym::new(&format!("repo:{full}:{subject}")));
            attrs.set(
                "subject_other",
                Sym::new(&format!("repo:{ORG}@1/{name}@71:{subject}")),
            );
            attrs.set("subject_open", subject.contains('*'));
            attrs.set("repository_id", "71");
            let mut claims = vec![
                format!("repository={full}"),
                "repository_id=71".to_owned(),
                format!("repository_owner={ORG}"),
            ];
            let mut choices = vec!["aud=*".to_owned()];
            let own = match subject.split_once(':') {
                Some(("ref", value)) => Some(format!("ref={value}")),
                Some((claim, value)) => Some(format!("{claim}={value}")),
                None => None,
            };
            match own {
                Some(own) if own.contains('*') => choices.push(own),
                own => claims.extend(own),
            }
            let list = |all: Vec<String>| all.iter().map(Sym::from).collect::<Vec<Sym>>();
            attrs.set("token_claims", list(claims));
            attrs.set("token_choices", list(choices));
            if kind != "environment" {
                attrs.set("token_lacks", vec![Sym::new("environment")]);
            }
            attrs.set("subject_certain", true);
            attrs.set("context", kind);
            attrs.set("protected", protected);
            attrs.set("gate", gate);
            if gate == "reviewers" {
                attrs.set("environment", "production");
                attrs.set("reviewers", 2usize);
                attrs.set("prevent_self_review", true);
            }
            let mut trust = Trust::new(System::Github, ORG, at, TrustKind::Identity, full.as_str());
            trust.source = Some(workflows);
            self.build.trust(trust);
        }
        workflows
    }

    /// A repository, and a role with every right that admits this subject of it.
    fn deploying(test: ClaimTest, sub: &str) -> (Self, IdentityRef) {
        let mut world = World::new();
        world.repository("app");
        let role = world.admin_role("deploy");
        let aud = ("aud", ClaimTest::Equals, "sts.amazonaws.com");
        world.trusts(role, ISSUER, &[("sub", test, sub), aud]);
        (world, role)
    }

    fn role(&mut self, name: &str) -> IdentityRef {
        let id = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        self.who(System::Aws, &id, IdentityKind::Workload)
    }

    fn admin_role(&mut self, name: &str) -> IdentityRef {
        let role = self.role(name);
        self.holds(role, "AdministratorAccess", "*", Tier::Admin);
        role
    }

    fn trusts(&mut self, target: IdentityRef, issuer: &str, claims: &[(&str, ClaimTest, &str)]) {
        let identity = self.build.facts().identity(target);
        let (system, tenant) = (identity.system, identity.tenant);
        let mut trust = Trust::new(system, tenant, target, TrustKind::Oidc, "provider");
        trust.issuer = Some(Sym::new(issuer));
        trust.claims = claims
            .iter()
            .map(|(name, test, value)| Claim {
                name: Sym::new(name),
                test: *test,
                values: [Sym::new(value)].into(),
                holds_when_absent: false,
            })
            .collect();
        trust.tier = Tier::Admin;
        if issuer.contains("oidc.eks.") {
            trust.attrs.set("cluster_issuer", true);
        }
        trust
            .attrs
            .set("max_session", SignedDuration::from_hours(1));
        self.build.trust(trust);
    }

    fn account(&mut self, namespace: &str, name: &str, pods: usize) -> IdentityRef {
        let id = format!("ServiceAccount/{namespace}/{name}");
        let at = self.who(System::Kubernetes, &id, IdentityKind::Workload);
        let identity = self.build.identity_mut(at);
        identity.name = Sym::new(&format!("{namespace}/{name}"));
        identity.attrs.set("namespace", namespace);
        let claims = [
            format!("sub=system:serviceaccount:{namespace}:{name}"),
            format!("service_account_namespace={namespace}"),
            format!("service_account_name={name}"),
        ];
        let claims: Vec<Sym> = claims.iter().map(Sym::from).collect();
        identity.attrs.set("token_claims", claims);
        identity.attrs.set("token_choices", vec![Sym::new("aud=*")]);
        identity.attrs.set("pods", pods);
        at
    }

    fn done(self) -> Inventory {
        let mut inventory = self.build.finish();
        crate::resolve::federate(&mut inventory);
        crate::reach::run(&mut inventory);
        inventory
    }
}

fn attr<'i>(attrs: &'i Attrs, name: &str) -> Option<&'i Value> {
    attrs.get(Sym::new(name))
}

fn yes(attrs: &Attrs, name: &str) -> bool {
    attr(attrs, name) == Some(&Value::Bool(true))
}

/// The numbers in the catalogue of a path's edges.
fn numbers(path: &Path) -> String {
    let Some(Value::List(edges)) = attr(&path.attrs, "edges") else {
        return String::new();
    };
    let numbers: Vec<&str> = edges
        .iter()
        .filter_map(|edge| edge.as_str().rsplit_once(" ("))
        .map(|(_, number)| number.trim_end_matches(')'))
        .collect();
    numbers.join("+")
}

/// Every way across systems: who, where to, how, what stands in between.
fn ways(inventory: &Inventory) -> Vec<String> {
    let text = |path: &Path, name: &str| match attr(&path.attrs, name) {
        Some(Value::Str(text)) => text.to_string(),
        _ => String::new(),
    };
    inventory
        .paths
        .iter()
        .filter(|path| attr(&path.attrs, "target_system").is_some())
        .map(|path| {
            format!(
                "{} {} → {} by {} ({}, {}{})",
                text(path, "start"),
                inventory.identity(path.from).id,
                text(path, "target_system"),
                numbers(path),
                path.verdict.as_str(),
                path.gate.as_str(),
                if yes(&path.attrs, "standing") {
                    ", standing"
                } else {
                    ""
                },
            )
        })
        .collect()
}
