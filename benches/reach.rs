//! How fast systems are joined: 100,000 identities of four systems and about a million
//! edges, from facts to all ways to administer any of 36 tenants.
//! `cargo bench --bench reach`

#![allow(clippy::print_stdout)] // its output is the measurement

use std::time::Instant;

use tenure::model::{
    Attrs, Builder, Claim, ClaimTest, Entitlement, Identity, IdentityKind, IdentityRef, Inventory,
    Sym, System, Tenant, Tier, Trust, TrustKind,
};
use tenure::{reach, resolve};

const PEOPLE: usize = 25_000;
const REPOSITORIES: usize = 5_000;
/// Repositories each of them writes to.
const WRITES: usize = 36;
const ACCOUNTS: usize = 24;
const ROLES: usize = 1_000;
const CLUSTERS: usize = 10;
const SERVICE_ACCOUNTS: usize = 1_500;
const VAULT_ROLES: usize = 5_000;
const ROUNDS: usize = 3;
const ISSUER: &str = "https://token.actions.githubusercontent.com";

struct World {
    build: Builder,
}

impl World {
    fn tenant(&mut self, system: System, id: &str, issuer: Option<&str>) {
        let mut attrs = Attrs::new();
        attrs.set_some("issuer", issuer);
        self.build.tenant(Tenant {
            system,
            id: Sym::new(id),
            name: Sym::new(id),
            attrs,
            location: None,
        });
    }

    fn who(&mut self, system: System, tenant: &str, id: &str, kind: IdentityKind) -> IdentityRef {
        self.build
            .identity(Identity::new(system, tenant, id, kind, id))
    }

    fn holds(&mut self, system: System, tenant: &str, who: IdentityRef, scope: &str, tier: Tier) {
        let mut fact = Entitlement::new(system, tenant, who, "grant", "write", scope);
        fact.tier = tier;
        fact.attrs.set("role", "write");
        self.build.entitlement(fact);
    }

    fn trust(
        &mut self,
        target: IdentityRef,
        kind: TrustKind,
        issuer: &str,
        claims: &[(&str, &str)],
    ) {
        let identity = self.build.facts().identity(target);
        let mut trust = Trust::new(identity.system, identity.tenant, target, kind, "x");
        trust.issuer = Some(Sym::new(issuer));
        trust.claims = claims
            .iter()
            .map(|(name, value)| Claim {
                name: Sym::new(name),
                test: match value.contains('*') {
                    true => ClaimTest::Like,
                    false => ClaimTest::Equals,
                },
                values: [Sym::new(value)].into(),
                holds_when_absent: false,
            })
            .collect();
        self.build.trust(trust);
    }
}

fn world() -> Inventory {
    let mut world = World {
        build: Builder::new(),
    };
    world.tenant(System::Github, "acme", None);
    world.tenant(System::Vault, "vault", None);
    for repository in 0..REPOSITORIES {
        let full = format!("acme/r{repository}");
        let id = format!("workflows/{full}");
        let workflows = world.who(System::Github, "acme", &id, IdentityKind::Workload);
        for (context, subject, gate) in [
            ("environment", "environment:prod", "reviewers"),
            ("branch", "ref:refs/heads/*", "none"),
            ("pull-request", "pull_request", "none"),
            ("tag", "ref:refs/tags/*", "none"),
        ] {
            let id = format!("oidc/{full}/{context}");
            let at = world.who(System::Github, "acme", &id, IdentityKind::Workload);
            let attrs = &mut world.build.identity_mut(at).attrs;
            attrs.set("repository", full.as_str());
            attrs.set("issuer", ISSUER);
            attrs.set("subject", Sym::new(&format!("repo:{full}:{subject}")));
            attrs.set("subject_certain", true);
            let shows = Sym::new(&format!("repository={full}"));
            attrs.set("token_claims", vec![shows]);
            attrs.set("token_choices", vec![Sym::new("aud=*")]);
            attrs.set("context", context);
            attrs.set("gate", gate);
            attrs.set("protected", gate != "none");
            attrs.set("prevent_self_review", true);
            let mut trust = Trust::new(System::Github, "acme", at, TrustKind::Identity, "x");
            trust.source = Some(workflows);
            world.build.trust(trust);
        }
    }
    for person in 0..PEOPLE {
        let id = format!("person-{person}");
        let who = world.who(System::Github, "acme", &id, IdentityKind::Human);
        for at in 0..WRITES {
            let scope = format!("acme/r{}", (person * 31 + at * at * 7 + at) % REPOSITORIES);
            world.holds(System::Github, "acme", who, &scope, Tier::Write);
        }
    }
    for account in 0..ACCOUNTS {
        let tenant = format!("{:012}", 100_000_000_000usize + account);
        world.tenant(System::Aws, &tenant, None);
        for role in 0..ROLES {
            let id = format!("arn:aws:iam::{tenant}:role/r{role}");
            let at = world.who(System::Aws, &tenant, &id, IdentityKind::Workload);
            if role % 10 == 0 {
                world.holds(System::Aws, &tenant, at, "*", Tier::Admin);
            }
            let repository = (account * ROLES + role) % REPOSITORIES;
            let subject = match role % 3 {
                0 => format!("repo:acme/r{repository}:*"),
                1 => format!("repo:acme/r{repository}:environment:prod"),
                _ => format!("repo:acme/r{repository}:ref:refs/heads/main"),
            };
            world.trust(at, TrustKind::Oidc, ISSUER, &[("sub", &subject)]);
            let cluster = role % CLUSTERS;
            let issuer = format!("oidc.eks.eu-west-1.amazonaws.com/id/C{cluster}");
            let user = format!("system:serviceaccount:ns:a{}", role % SERVICE_ACCOUNTS);
            world.trust(at, TrustKind::Oidc, &issuer, &[("sub", &user)]);
        }
    }
    for cluster in 0..CLUSTERS {
        let tenant = format!("cluster-{cluster}");
        let issuer = format!("https://oidc.eks.eu-west-1.amazonaws.com/id/C{cluster}");
        world.tenant(System::Kubernetes, &tenant, Some(&issuer));
        let kind = IdentityKind::Group;
        let masters = world.who(System::Kubernetes, &tenant, "Group/masters", kind);
        world.holds(System::Kubernetes, &tenant, masters, "*", Tier::Admin);
        let arn = format!(
            "arn:aws:iam::{:012}:role/r7",
            100_000_000_000usize + cluster
        );
        let mut map = Trust::new(
            System::Kubernetes,
            tenant.as_str(),
            masters,
            TrustKind::Identity,
            arn.as_str(),
        );
        map.attrs.set("cloud", "aws");
        world.build.trust(map);
        for at in 0..SERVICE_ACCOUNTS {
            let id = format!("ServiceAccount/ns/a{at}");
            let who = world.who(System::Kubernetes, &tenant, &id, IdentityKind::Workload);
            let identity = world.build.identity_mut(who);
            identity.name = Sym::new(&format!("ns/a{at}"));
            identity.attrs.set("namespace", "ns");
            let shows = Sym::new(&format!("sub=system:serviceaccount:ns:a{at}"));
            identity.attrs.set("token_claims", vec![shows]);
            identity.attrs.set("pods", 1usize);
        }
    }
    for at in 0..VAULT_ROLES {
        let id = format!("auth/jwt/role/r{at}");
        let who = world.who(System::Vault, "vault", &id, IdentityKind::Workload);
        if at % 50 == 0 {
            world.holds(System::Vault, "vault", who, "*", Tier::Admin);
        }
        let repository = format!("acme/r{}", at % REPOSITORIES);
        world.trust(who, TrustKind::Oidc, ISSUER, &[("repository", &repository)]);
    }
    let mut facts = world.build.finish();
    resolve::federate(&mut facts);
    facts
}

fn main() {
    let facts = world();
    let mut best = f64::MAX;
    let mut found = (0, 0);
    for _ in 0..ROUNDS {
        let mut inventory = facts.clone();
        let start = Instant::now();
        let edges = reach::run(&mut inventory);
        best = best.min(start.elapsed().as_secs_f64());
        found = (edges, inventory.paths.len());
    }
    println!(
        "{} identities, {} edges, {} tenants: {best:.3} s ({} ways; best of {ROUNDS})",
        facts.identities.len(),
        found.0,
        facts.tenants.len(),
        found.1
    );
}
