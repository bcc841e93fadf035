//! The joins on small worlds, and the laws of the search.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::graph::{Draft, Edge, Graph, Kind, Level};
use super::search::{Search, forwards};
use crate::model::{
    Activation, Attrs, Builder, Claim, ClaimTest, Credential, Entitlement, Gate, Identity,
    IdentityKind, IdentityRef, Inventory, Moment, Path, Sym, System, Tenant, Tier, Trust,
    TrustKind, Value, Verdict,
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
        super::run(&mut inventory);
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

#[test]
fn a_branch_and_an_environment_with_reviewers() {
    use ClaimTest::{Equals, Like};
    let run = |test, sub: &str| {
        let mut world = World::new();
        world.repository("app");
        let role = world.admin_role("deploy");
        world.trusts(
            role,
            ISSUER,
            &[("sub", test, sub), ("aud", Equals, "sts.amazonaws.com")],
        );
        ways(&world.done())
    };
    let open = "workflow workflows/acme/app → aws by X1 (yes, none, standing)";
    let gated = "workflow workflows/acme/app → aws by X1 (yes, proved)";
    assert_eq!(run(Like, "repo:acme/app:*"), [open]);
    assert_eq!(run(Like, "repo:acme/*"), [open]);
    assert_eq!(run(Equals, "repo:acme/app:environment:production"), [gated]);
    assert_eq!(run(Equals, "repo:acme/app:ref:refs/heads/main"), [gated]);
    // Nobody made this environment: naming it in a workflow does.
    assert_eq!(run(Equals, "repo:acme/app:environment:prod"), [open]);
    assert_eq!(run(Equals, "repo:acme/app:pull_request"), [open]);
    assert!(
        run(Equals, "repo:acme/app:*").is_empty(),
        "a star is no wildcard in equals"
    );
    assert!(run(Like, "repo:other/app:*").is_empty());
    assert!(
        run(Like, "repo:acme@1/app@71:*").is_empty(),
        "the other form is not minted now"
    );
}

#[test]
fn a_walker_who_controls_the_gate_is_not_held_up() {
    let mut world = World::new();
    world.repository("app");
    let role = world.admin_role("deploy");
    let sub = "repo:acme/app:environment:production";
    world.trusts(role, ISSUER, &[("sub", ClaimTest::Equals, sub)]);
    for (login, permission) in [("dev", "write"), ("lead", "admin")] {
        let who = world.who(System::Github, login, IdentityKind::Human);
        world.holds(who, permission, "acme/app", Tier::Write);
    }
    let owner = world.who(System::Github, "owner", IdentityKind::Human);
    world.holds(owner, "owner", "*", Tier::Admin);
    let inventory = world.done();
    insta::assert_snapshot!(ways(&inventory).join("\n"), @r"
    workflow workflows/acme/app → aws by X1 (yes, proved)
    person dev → aws by X1 (yes, proved)
    person lead → aws by X19+X1 (yes, none, standing)
    person owner → aws by X19+X1 (yes, none, standing)
    ");
    let tier = |id: &str| {
        let mut all = inventory.identities.iter();
        all.find(|one| one.id == id)
            .map(|one| (one.tier, one.possible()))
    };
    assert_eq!(tier("dev"), Some((Tier::Write, Tier::Admin)));
    assert_eq!(tier("lead"), Some((Tier::Admin, Tier::Admin)));
    let mut all = inventory.identities.iter();
    let guarded = all.find(|one| one.id.ends_with("environment:production"));
    let said = guarded.and_then(|one| attr(&one.attrs, "ways_gated"));
    assert_eq!(
        said,
        Some(&Value::Bool(false)),
        "the lead goes round the gate"
    );
}

#[test]
fn from_a_workflow_through_a_vault_to_a_cluster() {
    let mut world = World::new();
    world.repository("app");
    let login = world.who(System::Vault, "auth/jwt/role/ci", IdentityKind::Workload);
    world.trusts(login, ISSUER, &[("repository_id", ClaimTest::Equals, "71")]);
    let engine = world.who(System::Vault, "aws/roles/deploy", IdentityKind::Workload);
    let role = world.role("deploy-prod");
    let arn = world.build.facts().identity(role).id;
    let attrs = &mut world.build.identity_mut(engine).attrs;
    attrs.set("engine", "aws");
    attrs.set("mount", "aws");
    attrs.set("draws_as", vec![arn]);
    attrs.set("max_ttl", SignedDuration::from_hours(12));
    let mut draws = Trust::new(
        System::Vault,
        VAULT,
        engine,
        TrustKind::Identity,
        "auth/jwt/role/ci",
    );
    draws.source = Some(login);
    draws.attrs.set("draws", "read aws/sts/deploy");
    world.build.trust(draws);
    let masters = world.who(
        System::Kubernetes,
        "Group/system:masters",
        IdentityKind::Group,
    );
    world.build.raise(masters, Tier::Admin);
    // The cluster's map leaves the path of a role out.
    let bare = format!("arn:aws:iam::{ACCOUNT}:role/deploy-prod");
    let mut map = Trust::new(
        System::Kubernetes,
        CLUSTER,
        masters,
        TrustKind::Identity,
        bare.as_str(),
    );
    map.attrs.set("cloud", "aws");
    world.build.trust(map);
    let mut grant = Entitlement::new(System::Kubernetes, CLUSTER, masters, "binding", "x", "*");
    grant.tier = Tier::Admin;
    grant.activation = Activation::Eligible;
    world.build.entitlement(grant);
    let inventory = world.done();
    insta::assert_snapshot!(ways(&inventory).join("\n"), @r"
    workflow workflows/acme/app → kubernetes by X8+X11+X6 (yes, proved)
    role aws/roles/deploy → kubernetes by X11+X6 (yes, proved)
    role arn:aws:iam::111122223333:role/deploy-prod → kubernetes by X6 (yes, proved)
    ");
    let path = inventory
        .paths
        .iter()
        .find(|path| inventory.identity(path.from).id.starts_with("workflows/"));
    let path = path.unwrap();
    assert_eq!(path.steps.len(), 6, "{:?}", path.steps);
    for pair in path.steps.windows(2) {
        assert_eq!(pair[0].to, pair[1].from, "steps meet");
    }
    assert_eq!(
        attr(&path.attrs, "lifetime"),
        Some(&Value::Duration(SignedDuration::from_hours(12)))
    );
}

#[test]
fn cluster_tokens_are_joined_by_issuer_and_subject_of_both_sides() {
    let sub = "system:serviceaccount:payments:api";
    let run = |issuer: &str, sub: &str, annotated: bool| {
        let mut world = World::new();
        let account = world.account("payments", "api", 1);
        let role = world.admin_role("api");
        world.trusts(role, issuer, &[("sub", ClaimTest::Equals, sub)]);
        if annotated {
            let arn = world.build.facts().identity(role).id;
            let outside = world.who(System::Kubernetes, &arn, IdentityKind::External);
            let mut own = Trust::new(
                System::Kubernetes,
                CLUSTER,
                outside,
                TrustKind::ServiceAccount,
                sub,
            );
            own.source = Some(account);
            own.attrs.set("cloud", "aws");
            own.attrs.set("cloud_account", ACCOUNT);
            world.build.trust(own);
        }
        let inventory = world.done();
        let dead: Vec<String> = inventory
            .trusts
            .iter()
            .filter_map(|trust| match attr(&trust.attrs, "dead_edge") {
                Some(Value::Str(why)) => Some(format!("{} {why}", trust.system)),
                _ => None,
            })
            .collect();
        (ways(&inventory), dead)
    };
    let host = "oidc.eks.eu-west-1.amazonaws.com/id/AB12";
    let open = "workload ServiceAccount/payments/api → aws by X3 (yes, none, standing)";
    assert_eq!(run(host, sub, true), (vec![open.to_owned()], vec![]));
    assert_eq!(
        run(host, sub, false).0,
        [open],
        "whoever runs the pod may ask for the token"
    );
    let other = "oidc.eks.eu-west-1.amazonaws.com/id/OTHER";
    assert_eq!(
        run(other, sub, true),
        (vec![], vec!["kubernetes not-trusted-back".to_owned()])
    );
    let gone = "system:serviceaccount:payments:gone";
    assert_eq!(
        run(host, gone, false),
        (vec![], vec!["aws no-such-service-account".to_owned()])
    );
}

#[test]
fn a_pod_gets_the_target_role_where_both_roles_agree() {
    let run = |service: bool, admits: Option<Verdict>, outside: bool| {
        let mut world = World::new();
        world.account("payments", "api", 1);
        let through = world.role("pods");
        let arn = world.build.facts().identity(through).id;
        let target = world.admin_role("target");
        if outside {
            world.build.identity_mut(target).kind = IdentityKind::External;
        }
        let user = "system:serviceaccount:payments:api";
        let kind = TrustKind::ServiceAccount;
        let mut pods = Trust::new(System::Aws, ACCOUNT, target, kind, user);
        pods.issuer = Some(Sym::new(CLUSTER_ISSUER));
        pods.claims.push(Claim {
            name: Sym::new("sub"),
            test: ClaimTest::Equals,
            values: [Sym::new(user)].into(),
            holds_when_absent: false,
        });
        pods.attrs.set("eks_cluster", CLUSTER);
        pods.attrs.set("through_service", "pods.example");
        pods.attrs.set("through_role", arn);
        world.build.trust(pods);
        if service {
            let kind = TrustKind::Service;
            let trust = Trust::new(System::Aws, ACCOUNT, through, kind, "pods.example");
            world.build.trust(trust);
        }
        if let Some(verdict) = admits {
            let mut trust = Trust::new(System::Aws, ACCOUNT, target, TrustKind::Identity, arn);
            trust.source = Some(through);
            trust.verdict = verdict;
            world.build.trust(trust);
        }
        let inventory = world.done();
        let dead = attr(&inventory.trusts[0].attrs, "dead_edge").is_some();
        let by_pod = ways(&inventory).into_iter();
        let by_pod: Vec<String> = by_pod.filter(|way| way.starts_with("workload")).collect();
        (by_pod.join("; "), dead)
    };
    let way = |how: &str| format!("workload ServiceAccount/payments/api → aws by X4 ({how})");
    let open = (way("yes, none, standing"), false);
    assert_eq!(run(true, Some(Verdict::Yes), false), open);
    let asks = (way("conditional, none"), false);
    assert_eq!(run(true, Some(Verdict::Conditional), false), asks);
    assert_eq!(run(true, None, true), asks, "the target was not read");
    assert_eq!(run(true, None, false), (String::new(), true));
    assert_eq!(run(false, Some(Verdict::Yes), false), (String::new(), true));
}

#[test]
fn what_waits_for_approval_is_gated_unless_the_walker_picks_the_approvers() {
    let run = |held: bool, controlled: bool| {
        let mut world = World::new();
        let ana = world.who(System::Vault, "identity/entity/ana", IdentityKind::Human);
        let engine = world.who(System::Vault, "aws/roles/deploy", IdentityKind::Workload);
        let role = world.admin_role("deploy");
        let arn = world.build.facts().identity(role).id;
        let attrs = &mut world.build.identity_mut(engine).attrs;
        attrs.set("engine", "aws");
        attrs.set("draws_as", vec![arn]);
        let kind = TrustKind::Identity;
        let mut draws = Trust::new(System::Vault, VAULT, engine, kind, "ana");
        draws.source = Some(ana);
        if held {
            draws.verdict = Verdict::Conditional;
            draws.residual = Some(Sym::new("somebody approves"));
            draws.attrs.set("needs_approval", true);
        }
        if controlled {
            draws.attrs.set("approval_controlled", true);
        }
        world.build.trust(draws);
        let all = ways(&world.done()).into_iter();
        all.filter(|way| way.starts_with("person"))
            .collect::<Vec<_>>()
    };
    let way =
        |by: &str, how: &str| vec![format!("person identity/entity/ana → aws by {by} ({how})")];
    assert_eq!(run(false, false), way("X11", "yes, none, standing"));
    assert_eq!(run(true, false), way("X11", "yes, proved"));
    assert_eq!(run(true, true), way("X19+X11", "yes, none, standing"));
}

#[test]
fn whoever_runs_pods_becomes_the_accounts_of_the_namespace() {
    let mut world = World::new();
    world.account("payments", "api", 0);
    let role = world.admin_role("api");
    let host = "oidc.eks.eu-west-1.amazonaws.com/id/AB12";
    world.trusts(
        role,
        host,
        &[("sub", ClaimTest::Like, "system:serviceaccount:payments:*")],
    );
    let dev = world.who(System::Kubernetes, "User/dev", IdentityKind::Human);
    let mut attrs = Attrs::new();
    attrs.set("accounts", "any");
    attrs.set("namespaces", vec![Sym::new("payments")]);
    world.build.path(Path {
        system: System::Kubernetes,
        tenant: Sym::new(CLUSTER),
        from: dev,
        to: None,
        tier: Tier::Write,
        technique: Sym::new("K8S-E14"),
        name: Sym::new("runs pods as any service account"),
        verdict: Verdict::Yes,
        residual: None,
        gate: Gate::None,
        steps: Vec::new(),
        attrs,
        location: None,
    });
    let inventory = world.done();
    insta::assert_snapshot!(ways(&inventory).join("\n"), @"person User/dev → aws by X3 (yes, none, standing)");
}

#[test]
fn names_and_dates_make_candidates_only() {
    let mut world = World::new();
    world.repository("app");
    let user = world.who(
        System::Aws,
        "arn:aws:iam::111122223333:user/ci",
        IdentityKind::Workload,
    );
    world.holds(user, "AdministratorAccess", "*", Tier::Admin);
    let made = "2026-03-01T10:00:00Z".parse().unwrap();
    let mut key = Credential::new(System::Aws, ACCOUNT, Some(user), "access-key", "k1", "k1");
    key.created = Some(made);
    world.build.credential(key);
    for (name, changed) in [
        ("AWS_SECRET_ACCESS_KEY", "2026-03-01T11:00:00Z"),
        ("AWS_OLD_SECRET", "2026-05-01T11:00:00Z"),
    ] {
        let mut secret = Credential::new(System::Github, ORG, None, "stored-secret", name, name);
        secret.rotated = Moment::At(changed.parse().unwrap());
        secret.attrs.set("repository", "acme/app");
        world.build.credential(secret);
    }
    let inventory = world.done();
    insta::assert_snapshot!(ways(&inventory).join("\n"), @"workflow workflows/acme/app → aws by X2 (conditional, none)");
    let workflows = inventory
        .identities
        .iter()
        .find(|one| one.id == "workflows/acme/app")
        .unwrap();
    assert_eq!(
        workflows.possible(),
        Tier::None,
        "a candidate raises nobody"
    );
}

#[test]
fn a_trust_for_a_repository_that_is_gone_is_claimable() {
    let dead = |sub: &str| {
        let mut world = World::new();
        world.repository("app");
        let role = world.admin_role("deploy");
        world.trusts(role, ISSUER, &[("sub", ClaimTest::Like, sub)]);
        let inventory = world.done();
        let trust = inventory.trusts.last().unwrap();
        let why = attr(&trust.attrs, "dead_edge").cloned();
        (why, attr(&trust.attrs, "claimable_by").is_some())
    };
    let gone = Some(Value::from("no-such-repository"));
    assert_eq!(dead("repo:acme/gone:*"), (gone.clone(), true));
    assert_eq!(
        dead("repo:acme@1/gone@9:*"),
        (gone, false),
        "a number cannot be made again"
    );
    assert_eq!(dead("repo:acme/app:*"), (None, false));
    assert_eq!(
        dead("repo:stranger/app:*"),
        (None, false),
        "not ours to judge"
    );
}

#[test]
fn just_in_time_only_when_every_way_is_gated() {
    let mut world = World::new();
    world.repository("app");
    let role = world.admin_role("deploy");
    world.trusts(
        role,
        ISSUER,
        &[(
            "sub",
            ClaimTest::Equals,
            "repo:acme/app:environment:production",
        )],
    );
    let inventory = world.done();
    assert!(yes(&inventory.identity(role).attrs, "ways_gated"));
    assert!(yes(&inventory.entitlements[0].attrs, "ways_gated"));

    let mut world = World::new();
    world.repository("app");
    let role = world.admin_role("deploy");
    world.trusts(role, ISSUER, &[("sub", ClaimTest::Like, "repo:acme/app:*")]);
    let person = world.who(System::Github, "dev", IdentityKind::Human);
    world.holds(person, "write", "acme/app", Tier::Write);
    let user = world.who(
        System::Aws,
        "arn:aws:iam::111122223333:user/dev",
        IdentityKind::Human,
    );
    world
        .holds(user, "AdministratorAccess", "*", Tier::Admin)
        .activation = Activation::Eligible;
    let inventory = world.done();
    let eligible = inventory
        .entitlements
        .iter()
        .find(|fact| fact.activation == Activation::Eligible)
        .unwrap();
    assert!(yes(&eligible.attrs, "ways_gated"), "he has no other way");
    assert!(
        inventory
            .paths
            .iter()
            .all(|path| yes(&path.attrs, "beside_jit")),
        "the workflow goes round it"
    );
}

#[test]
fn what_another_grant_covers_is_gated_too() {
    let find = |second: Activation, assigned_to: &str| {
        let mut world = World::new();
        let user = world.who(System::Aws, "user/dana", IdentityKind::Human);
        world.holds(user, "admin", "*", Tier::Admin);
        world.holds(user, "power", "*", Tier::Admin);
        let other = world.who(System::Aws, "user/erin", IdentityKind::Human);
        let fact = world.holds(other, "set", assigned_to, Tier::Admin);
        fact.attrs.set("permission_set", "set");
        fact.attrs.set("account", assigned_to);
        let activations = [Activation::Jit, second, Activation::Jit];
        let all = &mut world.build.facts_mut().entitlements;
        for (fact, activation) in all.iter_mut().zip(activations) {
            fact.activation = activation;
        }
        world.done()
    };
    let all = find(Activation::Jit, ACCOUNT);
    for fact in &all.entitlements {
        assert!(yes(&fact.attrs, "ways_gated"), "{}", fact.privilege);
    }
    let all = find(Activation::Standing, "999900001111");
    assert!(yes(&all.entitlements[0].attrs, "way_round_certain"));
    assert!(!yes(&all.entitlements[0].attrs, "ways_gated"));
}

/// A graph of `nodes` nodes; the last one is the goal.
fn graph(nodes: usize, edges: &[(usize, usize, u8)]) -> Graph {
    let mut build = Builder::new();
    for at in 0..nodes {
        let id = format!("n{at}");
        // People nobody becomes are searched by another way.
        let kind = match at % 2 {
            0 if at + 1 < nodes => IdentityKind::Human,
            _ => IdentityKind::Workload,
        };
        build.identity(Identity::new(
            System::Aws,
            "1",
            id.as_str(),
            kind,
            id.as_str(),
        ));
    }
    let inventory = build.finish();
    let mut draft = Draft::new(&inventory);
    for (from, to, level) in edges {
        let mut edge = Edge::new(Kind::Assumes, (from % nodes) as u32, (to % nodes) as u32);
        match level % 4 {
            1 => edge.verdict = Verdict::Conditional,
            2 => edge.gate = Gate::Proved,
            3 => edge.candidate = true,
            _ => {}
        }
        draft.add(edge);
    }
    draft.finish()
}

/// The length of the shortest way from each node to `goal`, by relaxing until nothing
/// changes.
fn brute(graph: &Graph, goal: u32, most: Level) -> Vec<Option<usize>> {
    let mut far: Vec<Option<usize>> = vec![None; graph.len()];
    far[goal as usize] = Some(0);
    for _ in 0..graph.len() {
        for edge in graph.edges.iter().filter(|edge| edge.level() <= most) {
            if let Some(rest) = far[edge.to as usize] {
                let own = &mut far[edge.from as usize];
                *own = Some(own.map_or(rest + 1, |known| known.min(rest + 1)));
            }
        }
    }
    far
}

proptest! {
    #[test]
    fn ways_are_edges_and_the_shortest(
        nodes in 2usize..9,
        edges in prop::collection::vec((0usize..9, 0usize..9, 0u8..4), 0..30),
    ) {
        let graph = graph(nodes, &edges);
        let goal = (nodes - 1) as u32;
        let mut search = Search::new(&graph);
        for most in Level::ALL {
            search.backwards(&[goal], most);
            let far = brute(&graph, goal, most);
            for from in 0..nodes as u32 {
                let way = search.way(from);
                prop_assert_eq!(search.far(from).map(|far| far as usize), far[from as usize]);
                prop_assert_eq!(way.len(), far[from as usize].unwrap_or(0));
                let mut at = from;
                for edge in way {
                    prop_assert!(graph.level(edge) <= most);
                    prop_assert_eq!(graph.edge(edge).from, at);
                    at = graph.edge(edge).to;
                }
            }
            // Forwards and backwards agree on who gets there.
            for from in (0..nodes as u32).filter(|from| *from != goal) {
                let by = forwards(&graph, &[from], most);
                prop_assert_eq!(by[goal as usize].is_some(), search.far(from).is_some());
            }
        }
    }

    #[test]
    fn a_stranger_changes_nothing(
        roles in prop::collection::vec((0usize..4, 0usize..5), 1..6),
        strangers in 0usize..4,
    ) {
        let subjects = [
            "repo:acme/app:*",
            "repo:acme/app:environment:production",
            "repo:acme/*:ref:refs/heads/main",
            "repo:acme/lib:pull_request",
            "repo:none/app:*",
        ];
        let world = |strangers: usize| {
            let mut world = World::new();
            for at in 0..strangers {
                world.who(System::Aws, &format!("arn:aws:iam::{ACCOUNT}:role/stranger-{at}"), IdentityKind::Workload);
            }
            world.repository("app");
            world.repository("lib");
            for (name, subject) in &roles {
                let role = world.admin_role(&format!("r{name}"));
                world.trusts(role, ISSUER, &[("sub", ClaimTest::Like, subjects[*subject])]);
            }
            ways(&world.done())
        };
        prop_assert_eq!(world(0), world(strangers));
    }
}
