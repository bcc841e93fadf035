//! The laws of drift, and each kind of change told apart from its neighbours.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::model::{
    Activation, Bounded, Builder, Claim, ClaimTest, Coverage, Effect, Entitlement, FactKey,
    Finding, Guardrails, Identity, IdentityKind, Inventory, Moment, Permission, PermissionSet,
    PermissionSetRef, Seen, Severity, Subject, Sym, System, Tier, Trust, TrustKind,
};

/// One person with one grant, described by what a test wants to vary.
#[derive(Clone, Debug)]
struct World {
    id: &'static str,
    uid: &'static str,
    tier: Tier,
    activation: Activation,
    expires: Moment,
    owner: Option<&'static str>,
    actions: Vec<&'static str>,
    condition: Option<&'static str>,
    subjects: Vec<&'static str>,
}

impl Default for World {
    fn default() -> Self {
        World {
            id: "alice",
            uid: "AIDA1",
            tier: Tier::Write,
            activation: Activation::Standing,
            expires: Moment::Never,
            owner: Some("platform"),
            actions: vec!["s3:*"],
            condition: None,
            subjects: vec!["repo:acme/app:environment:prod"],
        }
    }
}

fn inventory(worlds: &[World]) -> Inventory {
    let mut build = Builder::new();
    for world in worlds {
        let mut who = Identity::new(System::Aws, "1", world.id, IdentityKind::Human, world.id);
        who.uid = Sym::new(world.uid);
        let who = build.identity(who);
        let set = build.permission_set(PermissionSet::new(vec![Permission {
            effect: Effect::Allow,
            actions: world
                .actions
                .iter()
                .map(|action| Sym::new(action))
                .collect(),
            not_actions: false,
            resources: [Sym::new("*")].into(),
            not_resources: false,
            condition: None,
        }]));
        let mut fact = Entitlement::new(System::Aws, "1", who, "managed-policy", "p", "*");
        fact.tier = world.tier;
        fact.activation = world.activation;
        fact.expires = world.expires;
        fact.owner = world.owner.map(Sym::new);
        fact.residual = world.condition.map(Sym::new);
        fact.permissions = Some(set);
        build.entitlement(fact);
        for subject in &world.subjects {
            let mut trust = Trust::new(System::Aws, "1", who, TrustKind::Oidc, "github");
            trust.claims = vec![Claim {
                name: Sym::new("sub"),
                test: ClaimTest::Equals,
                values: [Sym::new(subject)].into(),
                holds_when_absent: false,
            }];
            build.trust(trust);
        }
    }
    build.finish()
}

fn baseline(worlds: &[World]) -> Baseline {
    Baseline::of(&inventory(worlds))
}

/// The kinds of change from one state to another.
fn told(old: &Baseline, new: &Baseline) -> Vec<&'static str> {
    let changes = diff(old, new, &[]);
    changes.iter().map(|change| change.kind.as_str()).collect()
}

/// The kinds of change from one world to another, without repetition.
fn kinds(old: &[World], new: &[World]) -> Vec<&'static str> {
    let mut kinds = told(&baseline(old), &baseline(new));
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn world(change: impl FnOnce(&mut World)) -> World {
    let mut world = World::default();
    change(&mut world);
    world
}

#[test]
fn each_kind_of_change() {
    let was = World::default();
    let soon = Moment::At("2026-12-01T00:00:00Z".parse().unwrap());
    let later = Moment::At("2026-12-02T00:00:00Z".parse().unwrap());
    let cases: Vec<(&str, World, World, &[&str])> = vec![
        ("nothing", was.clone(), was.clone(), &[]),
        (
            "tier up",
            was.clone(),
            world(|w| w.tier = Tier::Admin),
            &["widened"],
        ),
        (
            "tier down",
            was.clone(),
            world(|w| w.tier = Tier::Read),
            &["narrowed"],
        ),
        (
            "standing",
            world(|w| w.activation = Activation::Eligible),
            was.clone(),
            &["became-standing"],
        ),
        (
            "eligible",
            was.clone(),
            world(|w| w.activation = Activation::Eligible),
            &["became-eligible"],
        ),
        (
            "end dropped",
            world(|w| w.expires = soon),
            was.clone(),
            &["extended"],
        ),
        (
            "end no longer seen",
            world(|w| w.expires = soon),
            world(|w| w.expires = Moment::Unknown),
            &["extended"],
        ),
        (
            "end set",
            was.clone(),
            world(|w| w.expires = soon),
            &["shortened"],
        ),
        (
            "renewed",
            world(|w| w.expires = soon),
            world(|w| w.expires = later),
            &[],
        ),
        (
            "condition dropped",
            world(|w| w.condition = Some("mfa")),
            was.clone(),
            &["widened"],
        ),
        (
            "condition added",
            was.clone(),
            world(|w| w.condition = Some("mfa")),
            &["narrowed"],
        ),
        (
            "condition changed",
            world(|w| w.condition = Some("mfa")),
            world(|w| w.condition = Some("vpn")),
            &["possibly-widened"],
        ),
        (
            "owner gone",
            was.clone(),
            world(|w| w.owner = None),
            &["re-owned"],
        ),
        (
            "renamed",
            was.clone(),
            world(|w| w.id = "alice.smith"),
            &["renamed"],
        ),
        (
            "made again",
            was.clone(),
            world(|w| w.uid = "AIDA2"),
            &["recreated"],
        ),
        (
            "made again, wider",
            was.clone(),
            world(|w| {
                w.uid = "AIDA2";
                w.tier = Tier::Admin;
            }),
            &["recreated", "widened"],
        ),
        (
            "permissions",
            was.clone(),
            world(|w| w.actions = vec!["dynamodb:*", "s3:*"]),
            &["widened"],
        ),
        (
            "one more trusted subject",
            was.clone(),
            world(|w| w.subjects.push("repo:acme/app:pull_request")),
            &["possibly-widened"],
        ),
        (
            "one trusted subject less",
            world(|w| w.subjects.push("repo:acme/app:pull_request")),
            was.clone(),
            &["narrowed"],
        ),
    ];
    for (name, old, new, expected) in cases {
        assert_eq!(kinds(&[old], &[new]), expected, "{name}");
    }
}

#[test]
fn a_trust_that_asks_for_less_is_wider() {
    let trust = |claims: &[(&str, ClaimTest, bool)], brings: &[&str]| {
        let mut all = inventory(&[World::default()]);
        all.trusts[0].claims = claims
            .iter()
            .map(|(name, test, holds_when_absent)| Claim {
                name: Sym::new(name),
                test: *test,
                values: [Sym::new("x")].into(),
                holds_when_absent: *holds_when_absent,
            })
            .collect();
        let brings: Vec<Sym> = brings.iter().map(|what| Sym::new(what)).collect();
        all.trusts[0].attrs.set("brings", brings);
        Baseline::of(&all)
    };
    use ClaimTest::{Equals, EqualsIgnoreCase, NotEquals, NotEqualsIgnoreCase};
    // From the stricter to the looser.
    for (strict, loose) in [
        (("sub", Equals, false), ("sub", EqualsIgnoreCase, false)),
        (("sub", NotEqualsIgnoreCase, true), ("sub", NotEquals, true)),
        (("sub", Equals, false), ("sub", Equals, true)),
    ] {
        let (strict, loose) = (trust(&[strict], &[]), trust(&[loose], &[]));
        assert_eq!(told(&strict, &loose), ["widened"]);
        assert_eq!(told(&loose, &strict), ["narrowed"]);
    }
    let other = trust(&[("aud", Equals, false)], &[]);
    let exact = trust(&[("sub", Equals, false)], &[]);
    assert_eq!(told(&exact, &other), ["possibly-widened"]);

    let with = |brings: &[&str]| trust(&[], brings);
    let (none, tags) = (with(&[]), with(&["session tags"]));
    let some = with(&["session tags where request-tag/team is web"]);
    for (less, more) in [(&none, &tags), (&none, &some), (&some, &tags)] {
        assert_eq!(told(less, more), ["possibly-widened"]);
        assert_eq!(told(more, less), ["narrowed"]);
    }
    let text = String::from_utf8(tags.to_text()).unwrap();
    let read = Baseline::parse("b", &text).unwrap();
    assert_eq!(told(&none, &read), ["possibly-widened"]);
}

#[test]
fn a_deny_for_whoever_gets_it_is_missed_when_it_goes() {
    let with = |whoever: bool, id: &'static str, effect: Effect, actions: &[&str]| {
        let mut all = inventory(&[world(|w| w.id = id)]);
        all.trusts.clear();
        all.identities[0].uid = Sym::new(id);
        all.identities[0].attrs.set("whoever", whoever);
        let mut permissions = all.permission_sets[0].permissions.clone();
        permissions[0].effect = effect;
        permissions[0].actions = actions.iter().map(|action| Sym::new(action)).collect();
        all.permission_sets[0] = PermissionSet::new(permissions);
        Baseline::of(&all)
    };
    let gates = |old: &Baseline, new: &Baseline| {
        let seen = [Coverage::complete(
            System::Aws,
            Sym::new("1"),
            "aws.policies",
            0,
        )];
        let changes = diff(old, new, &seen);
        changes.iter().any(|change| is_more_access(change, new))
    };
    let nothing = Baseline::of(&Inventory::default());
    let deny = with(true, "deny.json", Effect::Deny, &["iam:*"]);
    assert!(gates(&deny, &nothing));
    // Somebody who is gone is denied nothing any more.
    let person = with(false, "alice", Effect::Deny, &["iam:*"]);
    assert!(!gates(&person, &nothing));
    assert!(!gates(
        &with(true, "a.json", Effect::Allow, &["iam:*"]),
        &nothing
    ));
    // In another document it is denied still, all of it.
    assert!(!gates(
        &deny,
        &with(true, "new.json", Effect::Deny, &["iam:*", "sts:*"])
    ));
    assert!(gates(
        &deny,
        &with(true, "new.json", Effect::Deny, &["iam:Get*"])
    ));
}

#[test]
fn swapped_people_are_not_unchanged() {
    let bob = world(|w| {
        w.id = "bob";
        w.uid = "AIDA2";
        w.tier = Tier::Admin;
    });
    // The same names with each other's immutable identity: nobody kept their access.
    let swapped = [
        world(|w| w.uid = "AIDA2"),
        world(|w| {
            w.id = "bob";
            w.tier = Tier::Admin;
        }),
    ];
    let found = kinds(&[World::default(), bob], &swapped);
    assert!(found.contains(&"widened"), "{found:?}");
}

#[test]
fn a_source_that_failed_removes_nothing() {
    let old = baseline(&[World::default()]);
    let gap = Coverage::lacking(System::Aws, Sym::new("1"), "aws.x", Seen::None, "denied");
    let gone = |new: &Baseline, coverage: &[Coverage]| -> Vec<&str> {
        let mut kinds: Vec<_> = diff(&old, new, coverage)
            .iter()
            .filter(|change| change.after.is_none())
            .map(|change| change.kind.as_str())
            .collect();
        kinds.dedup();
        kinds
    };
    let other = baseline(&[world(|w| {
        w.id = "bob";
        w.uid = "AIDA2";
    })]);
    assert_eq!(gone(&Baseline::default(), &[]), ["incomparable"]);
    assert_eq!(gone(&other, &[gap]), ["incomparable"]);
    assert_eq!(gone(&other, &[]), ["removed"]);
}

#[test]
fn a_grant_that_ends_by_itself_expires_rather_than_being_removed() {
    let soon = Moment::At("2026-12-01T00:00:00Z".parse().unwrap());
    let old = baseline(&[world(|w| w.expires = soon)]);
    let mut rest = inventory(&[World::default()]);
    rest.entitlements.clear();
    let changes = diff(&old, &Baseline::of(&rest), &[]);
    let kinds: Vec<_> = changes.iter().map(|change| change.kind).collect();
    assert!(kinds.contains(&ChangeKind::Expired), "{kinds:?}");
}

#[test]
fn a_deny_that_goes_widens_what_others_allow() {
    let with = |denies: &[&[&str]]| {
        let mut all = inventory(&[World::default()]);
        let mut permissions = all.permission_sets[0].permissions.clone();
        permissions.extend(denies.iter().map(|actions| Permission {
            effect: Effect::Deny,
            actions: actions.iter().map(|action| Sym::new(action)).collect(),
            not_actions: false,
            resources: [Sym::new("*")].into(),
            not_resources: false,
            condition: None,
        }));
        all.permission_sets[0] = PermissionSet::new(permissions);
        Baseline::of(&all)
    };
    let two = with(&[&["iam:*", "sts:*"]]);
    assert_eq!(told(&two, &with(&[&["iam:*"]])), ["possibly-widened"]);
    assert_eq!(told(&two, &with(&[])), ["possibly-widened"]);
    // Split in two it denies the same; one more deny takes nothing back.
    assert_eq!(told(&two, &with(&[&["iam:*"], &["sts:*"]])), [""; 0]);
    assert_eq!(told(&with(&[]), &two), [""; 0]);

    // The whole attachment goes, its holder stays.
    let mut gone = inventory(&[World::default()]);
    gone.entitlements.clear();
    assert!(told(&two, &Baseline::of(&gone)).contains(&"possibly-widened"));
}

#[test]
fn the_file_is_sorted_readable_and_survives_reading() {
    let text = String::from_utf8(baseline(&[World::default()]).to_text()).unwrap();
    insta::assert_snapshot!(text, @r#"
    {"tenure_baseline":1}
    {"permissions":"28841b4b194c3073","statements":[{"effect":"allow","actions":["s3:*"],"resources":["*"]}]}
    {"system":"aws","tenant":"1","who":"alice","what":"identity human","key":"identity:63f5ef594b3c8b1dccbbcc2dfb4bddd0","uid":"AIDA1","tier":"write","verdict":"yes"}
    {"system":"aws","tenant":"1","who":"alice","what":"managed-policy p on *","key":"entitlement:33bd598a82a63cf43c80eb283c0742c1","uid":"AIDA1","tier":"write","verdict":"yes","activation":"standing","ends":"never","owner":"platform","permissions":"28841b4b194c3073"}
    {"system":"aws","tenant":"1","who":"alice","what":"trusts oidc github","key":"trust:6b303085b87022e5e5573a0668723d63","uid":"AIDA1","tier":"none","verdict":"yes","condition":"sub=repo:acme/app:environment:prod"}
    "#);
    let again = Baseline::parse("b.jsonl", &text).unwrap();
    assert_eq!(String::from_utf8(again.to_text()).unwrap(), text);
    assert_eq!(again, baseline(&[World::default()]));
}

#[test]
fn nonsense_in_a_baseline_is_an_error_with_its_place() {
    let text = String::from_utf8(baseline(&[World::default()]).to_text()).unwrap();
    let error = |text: &str| Baseline::parse("b.jsonl", text).unwrap_err().to_string();
    assert!(error("").contains("b.jsonl:1:1: not a baseline"));
    assert!(error("[]").contains("not a baseline"));
    assert!(error("{\"tenure_baseline\":99}").contains("version 99"));
    let broken = text.replacen("\"tier\":\"write\"", "\"tier\":\"enormous\"", 1);
    let message = error(&broken);
    assert!(message.starts_with("b.jsonl:3:"), "{message}");
    assert!(message.contains("enormous"), "{message}");
    let orphan: String = text
        .lines()
        .filter(|line| !line.starts_with("{\"permissions\""))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(error(&orphan).contains("permission document"));
    let unowned = text.replacen(
        "\"tier\":\"write\"",
        "\"tier\":\"write\",\"accepted\":{\"owner\":\" \",\"reason\":\"r\",\"expires\":\"2026-12-01\"}",
        1,
    );
    assert!(error(&unowned).contains("owner"));
    let undated = unowned.replace(",\"expires\":\"2026-12-01\"", "");
    assert!(error(&undated).contains("expires"));
}

fn finding(fact: FactKey) -> Finding {
    Finding {
        id: Sym::new("f1"),
        rule: Sym::new("AWS101"),
        name: Sym::new("standing-admin"),
        severity: Severity::High,
        tags: Vec::new(),
        system: System::Aws,
        tenant: Sym::new("1"),
        subject: Subject {
            id: Sym::new("alice"),
            kind: Sym::new("human"),
            name: Sym::new("alice"),
        },
        tier: Tier::Admin,
        activation: None,
        message: "m".into(),
        evidence: Vec::new(),
        steps: Vec::new(),
        location: None,
        fix: "f".into(),
        fact,
        entitlement: None,
        drift: None,
        suppressed: None,
    }
}

#[test]
fn acceptance_holds_to_the_end_of_its_last_day_and_not_for_more_access() {
    let now = inventory(&[World::default()]);
    let fact = now.entitlement_key(&now.entitlements[0]);
    let mut accepted = Baseline::default();
    let scan = Baseline::of(&now);
    accepted.accept(
        &scan,
        fact,
        Some(Accepted {
            owner: Sym::new("platform"),
            reason: "vendor".into(),
            expires: "2026-11-30".parse().unwrap(),
            ticket: None,
        }),
    );
    let text = String::from_utf8(accepted.to_text()).unwrap();
    let accepted = Baseline::parse("b", &text).unwrap();
    let judge = |scan: &Baseline, now: &str| {
        let changes = diff(&accepted, scan, &[]);
        let mut findings = [finding(fact)];
        let now: Timestamp = now.parse().unwrap();
        let notices = mark(&mut findings, &accepted, &changes, now);
        (
            gated(&findings, &changes, FailOn::DRIFT).len(),
            notices.len(),
        )
    };
    assert_eq!(judge(&scan, "2026-11-30T23:59:59Z"), (0, 0));
    assert_eq!(judge(&scan, "2026-12-01T00:00:00Z"), (1, 1));
    let wider = baseline(&[world(|w| w.tier = Tier::Admin)]);
    assert_eq!(judge(&wider, "2026-11-22T00:00:00Z"), (1, 0));
}

fn worlds() -> impl Strategy<Value = Vec<World>> {
    let one = (
        0..4usize,
        0..4usize,
        0..3usize,
        0..3usize,
        prop::option::of(Just("platform")),
        prop::option::of(prop::sample::select(vec!["mfa", "vpn"])),
        prop::sample::subsequence(vec!["s3:*", "s3:Get*", "iam:*"], 0..3),
    );
    prop::collection::vec(one, 0..4).prop_map(|list| {
        let mut worlds: Vec<World> = list
            .into_iter()
            .map(
                |(name, uid, tier, activation, owner, condition, actions)| World {
                    id: ["a", "b", "c", "d"][name],
                    uid: ["U1", "U2", "U3", "U4"][uid],
                    tier: [Tier::Read, Tier::Write, Tier::Admin][tier],
                    activation: [Activation::Standing, Activation::Eligible, Activation::Jit]
                        [activation],
                    expires: Moment::Never,
                    owner,
                    actions,
                    condition,
                    subjects: Vec::new(),
                },
            )
            .collect();
        worlds.sort_by_key(|world| world.id);
        worlds.dedup_by_key(|world| world.id);
        worlds.sort_by_key(|world| world.uid);
        worlds.dedup_by_key(|world| world.uid);
        worlds
    })
}

proptest! {
    #[test]
    fn nothing_changes_from_a_world_to_itself(worlds in worlds()) {
        let one = baseline(&worlds);
        prop_assert_eq!(diff(&one, &one, &[]), vec![]);
    }

    #[test]
    fn the_order_of_facts_does_not_matter(worlds in worlds()) {
        let mut other = worlds.clone();
        other.reverse();
        prop_assert_eq!(baseline(&worlds).to_text(), baseline(&other).to_text());
    }

    #[test]
    fn what_is_added_one_way_is_gone_the_other(old in worlds(), new in worlds()) {
        let keys = |changes: Vec<Change>, side: fn(&Change) -> bool| {
            let mut keys: Vec<FactKey> =
                changes.iter().filter(|change| side(change)).map(|change| change.key).collect();
            keys.sort();
            keys
        };
        let there = diff(&baseline(&old), &baseline(&new), &[]);
        let back = diff(&baseline(&new), &baseline(&old), &[]);
        let added = keys(there, |change| change.before.is_none());
        let gone = keys(back, |change| change.after.is_none());
        prop_assert_eq!(added, gone);
    }
}

#[test]
fn a_level_of_guardrails_beyond_two_counts_beside_them() {
    let levels = |all: [&[&str]; 3]| {
        let mut facts = Inventory::default();
        let level = |actions: &[&str]| {
            PermissionSet::new(vec![Permission {
                effect: Effect::Allow,
                actions: actions.iter().map(|action| Sym::new(action)).collect(),
                not_actions: false,
                resources: [Sym::new("*")].into(),
                not_resources: false,
                condition: None,
            }])
        };
        facts.permission_sets = all.map(level).into();
        facts.guardrails = vec![Guardrails {
            system: System::Aws,
            tenant: Sym::new("1"),
            bounded: Bounded::Holders,
            levels: (0..3).map(PermissionSetRef).collect(),
        }];
        Baseline::of(&facts)
    };
    let (two, one) = (["ec2:*", "s3:*"], ["s3:*"]);
    let before = levels([&two, &two, &one]);
    // The first level is narrower, the last is wider: it must not be taken for less.
    let after = levels([&one, &two, &two]);
    let changes = diff(&before, &after, &[]);
    assert!(changes.iter().any(|change| is_more_access(change, &after)));
    assert_eq!(told(&before, &levels([&one, &two, &one])), ["narrowed"]);
}
