//! What is joined with what, and what makes a candidate or a dead edge.

use super::*;
use crate::model::{Activation, Credential, Gate, Moment, Verdict};

#[test]
fn a_branch_and_an_environment_with_reviewers() {
    use ClaimTest::{Equals, Like};
    let run = |test, sub: &str| {
        let (world, _) = World::deploying(test, sub);
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
        let (world, _) = World::deploying(ClaimTest::Like, sub);
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
