//! What stands in between, for whom it does not, and what is just-in-time.

use super::*;
use crate::model::{Activation, Verdict};

#[test]
fn a_walker_who_controls_the_gate_is_not_held_up() {
    let sub = "repo:acme/app:environment:production";
    let (mut world, _) = World::deploying(ClaimTest::Equals, sub);
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
fn just_in_time_only_when_every_way_is_gated() {
    let sub = "repo:acme/app:environment:production";
    let (world, role) = World::deploying(ClaimTest::Equals, sub);
    let inventory = world.done();
    assert!(yes(&inventory.identity(role).attrs, "ways_gated"));
    assert!(yes(&inventory.entitlements[0].attrs, "ways_gated"));

    let (mut world, _) = World::deploying(ClaimTest::Like, "repo:acme/app:*");
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
