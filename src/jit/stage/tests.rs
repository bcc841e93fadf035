//! The stage over small inventories.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::model::{
    Approval, Attrs, Builder, Credential, Entitlement, Identity, IdentityKind, Moment, Observation,
    Tenant, Tier, Value,
};

const NOW: &str = "2027-03-03T15:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An Identity Center with one person who is assigned one permission set.
fn inventory(assigned: bool) -> Inventory {
    let mut build = Builder::new();
    build.tenant(Tenant {
        system: System::Aws,
        id: Sym::new("1"),
        name: Sym::new("1"),
        attrs: Attrs::new().with("identity_center", true),
        location: None,
    });
    let mut dana = Identity::new(
        System::Aws,
        "1",
        "arn:aws:identitystore:::user/u-dana",
        IdentityKind::Human,
        "dana",
    );
    dana.uid = Sym::new("u-dana");
    dana.attrs.set("type", "identity-center-user");
    dana.attrs
        .set("emails", vec![Sym::new("Dana@acme.example")]);
    let dana = build.identity(dana);
    if assigned {
        let mut fact = Entitlement::new(System::Aws, "1", dana, "assignment", "arn:ps-1", "4444");
        fact.tier = Tier::Admin;
        fact.owner = Some(Sym::new("team-core"));
        fact.attrs.set("permission_set", "Operator");
        build.entitlement(fact);
    }
    build.finish()
}

/// As AWS TEAM's export gives it: a mail address, a permission set by name, an account.
fn grant() -> Grant {
    let mut grant = Grant::new("team:1", "aws-team", "aws-idc");
    grant.progress = Progress::Issued;
    grant.subject = Some(Actor::parse("mail:dana@acme.example"));
    grant.requester = grant.subject;
    grant.privileges = vec![Sym::new("Operator")];
    grant.scope = vec![(Sym::new("account"), Sym::new("4444"))];
    grant.ticket = Some(Sym::new("RUN-1"));
    grant.purpose = Some("repair".into());
    grant.approvals = vec![Approval {
        by: Some(Actor::parse("mail:erin@acme.example")),
        at: Some(at("2027-03-03T13:50:00Z")),
        ..Approval::default()
    }];
    grant.requested = Some(at("2027-03-03T13:45:00Z"));
    grant.issued = Some(at("2027-03-03T14:00:00Z"));
    grant.expires = Moment::At(at("2027-03-03T17:00:00Z"));
    grant.evidence = EvidenceClass::Exported;
    grant
}

fn ledger() -> LedgerCoverage {
    LedgerCoverage {
        realm: Sym::new("aws-idc"),
        tenant: None,
        source: Sym::new("aws-team"),
        from: None,
        to: at(NOW),
        seen: Seen::Complete,
        reason: "".into(),
    }
}

fn reconciled(
    inventory: Inventory,
    grants: Vec<Grant>,
    earlier: Vec<Earlier>,
    now: &str,
) -> Inventory {
    by_settings(inventory, grants, earlier, now, &Config::default())
}

fn by_settings(
    inventory: Inventory,
    grants: Vec<Grant>,
    earlier: Vec<Earlier>,
    now: &str,
    config: &Config,
) -> Inventory {
    let mut inventory = inventory;
    let evidence = Evidence {
        grants,
        coverage: vec![ledger()],
        links: Vec::new(),
        earlier,
    };
    let earlier = run(&mut inventory, evidence, config, at(now));
    outlived(&mut inventory, &earlier, at(now));
    inventory
}

fn state(inventory: &Inventory) -> Option<String> {
    match inventory.entitlements[0].attrs.get(Sym::new("jit_state")) {
        Some(Value::Str(state)) => Some(state.to_string()),
        _ => None,
    }
}

fn flags(grant: &Grant) -> Vec<&str> {
    grant.flags.iter().map(|flag| flag.as_str()).collect()
}

#[test]
fn a_verified_mail_address_joins_grant_and_assignment() {
    let all = reconciled(inventory(true), vec![grant()], Vec::new(), NOW);
    assert_eq!(state(&all).as_deref(), Some("COVERED"));
    assert_eq!(all.entitlements[0].activation, Activation::Jit);
    assert_eq!(all.grants[0].state, Some(Sym::new("COVERED")));
    assert_eq!(all.grants[0].tier, Tier::Admin);
    assert_eq!(all.grants[0].identity, Some(IdentityRef(0)));
}

#[test]
fn what_ran_out_stands() {
    let all = reconciled(
        inventory(true),
        vec![grant()],
        Vec::new(),
        "2027-03-03T18:00:00Z",
    );
    assert_eq!(state(&all).as_deref(), Some("EXPIRED_BUT_LIVE"));
    assert_eq!(all.entitlements[0].activation, Activation::Standing);
}

#[test]
fn without_evidence_the_ledger_must_speak() {
    let all = reconciled(inventory(true), Vec::new(), Vec::new(), NOW);
    assert_eq!(state(&all).as_deref(), Some("STANDING_NO_EVIDENCE"));
    // The ledger ends a week earlier: who knows what was granted since.
    let late = reconciled(
        inventory(true),
        Vec::new(),
        Vec::new(),
        "2027-03-10T15:00:00Z",
    );
    assert_eq!(state(&late).as_deref(), Some("NOT_EVALUABLE"));
    assert_eq!(late.entitlements[0].activation, Activation::Standing);
    let gap = late.coverage.iter().find(|part| part.kind == "jit.ledger");
    assert_eq!(
        gap.map(|part| (part.seen, part.required)),
        Some((Seen::Partial, false))
    );
}

#[test]
fn a_stranger_is_no_orphaned_evidence() {
    let mut other = grant();
    other.subject = Some(Actor::parse("mail:nobody@acme.example"));
    let all = reconciled(inventory(false), vec![other], Vec::new(), NOW);
    assert_eq!(all.grants[0].state, Some(Sym::new("NOT_EVALUABLE")));
    assert!(flags(&all.grants[0]).contains(&"SUBJECT_UNKNOWN"));
    let known = reconciled(inventory(false), vec![grant()], Vec::new(), NOW);
    assert_eq!(known.grants[0].state, Some(Sym::new("ORPHAN_EVIDENCE")));
}

#[test]
fn earlier_snapshots_bound_how_late_removal_was() {
    let seen = |time: &str, assigned| Earlier {
        at: at(time),
        facts: inventory(assigned),
    };
    let earlier = vec![
        seen("2027-03-03T16:00:00Z", true),
        seen("2027-03-03T19:00:00Z", true),
        seen("2027-03-03T21:00:00Z", false),
    ];
    let all = reconciled(
        inventory(false),
        vec![grant()],
        earlier,
        "2027-03-04T09:00:00Z",
    );
    let grant = &all.grants[0];
    assert_eq!(grant.state, Some(Sym::new("ENDED")));
    assert_eq!(grant.late_at_least, Some(SignedDuration::from_hours(2)));
    assert_eq!(grant.late_at_most, Some(SignedDuration::from_hours(4)));
    assert!(flags(grant).contains(&"REVOKE_LATE"));
}

#[test]
fn earlier_snapshots_are_judged_by_the_settings() {
    let seen = |settings: &str| {
        let mut facts = inventory(true);
        let held = &mut facts.entitlements[0];
        held.privilege = Sym::new("arn:ps-2");
        held.attrs.set("permission_set", "Viewer");
        let then = Earlier {
            at: at("2027-03-03T16:00:00Z"),
            facts,
        };
        let config = Config::parse(settings).unwrap();
        let now = "2027-03-04T09:00:00Z";
        let all = by_settings(inventory(false), vec![grant()], vec![then], now, &config);
        all.grants[0].observed.clone()
    };
    let there = |present| Observation {
        at: at("2027-03-03T16:00:00Z"),
        present,
    };
    assert_eq!(seen(""), [there(false)]);
    assert_eq!(
        seen("jit: {implies: {Operator: [Viewer]}}\n"),
        [there(true)]
    );
}

#[test]
fn settings_out_of_range_end_no_scan() {
    let mut config = Config::default();
    for length in [SignedDuration::MIN, SignedDuration::MAX] {
        let jit = &mut config.jit;
        for setting in [
            &mut jit.span,
            &mut jit.review,
            &mut jit.dormant,
            &mut jit.task_grace,
            &mut jit.ledger_age,
            &mut jit.delay,
        ] {
            *setting = length;
        }
        let all = by_settings(inventory(true), vec![grant()], Vec::new(), NOW, &config);
        assert!(all.grants[0].state.is_some());
    }
}

#[test]
fn what_is_granted_goes_by_its_name() {
    let mut given = grant();
    given.privileges = vec![Sym::new("arn:ps-1")];
    let all = reconciled(inventory(true), vec![given.clone()], Vec::new(), NOW);
    assert_eq!(all.grants[0].what(), "Operator on account 4444");
    // Nobody holds it today; an earlier snapshot knows its name.
    let then = Earlier {
        at: at("2027-03-03T14:30:00Z"),
        facts: inventory(true),
    };
    let all = reconciled(inventory(false), vec![given.clone()], vec![then], NOW);
    assert_eq!(all.grants[0].what(), "Operator on account 4444");
    let all = reconciled(inventory(false), vec![given], Vec::new(), NOW);
    assert_eq!(all.grants[0].what(), "arn:ps-1 on account 4444");
}

#[test]
fn how_long_a_grant_was_is_not_guessed_from_its_request() {
    let mut given = grant();
    given.issued = None;
    given.requested = Some(at("2027-03-03T01:00:00Z"));
    let all = reconciled(inventory(true), vec![given.clone()], Vec::new(), NOW);
    assert!(flags(&all.grants[0]).contains(&"TTL_UNKNOWN"));
    assert!(!flags(&all.grants[0]).contains(&"TTL_TOO_LONG"));
    assert_eq!(says(&all.entitlements[0], "jit_temporary"), "unproved");
    given.issued = Some(at("2027-03-03T02:00:00Z"));
    let all = reconciled(inventory(true), vec![given], Vec::new(), NOW);
    assert!(flags(&all.grants[0]).contains(&"TTL_TOO_LONG"));
}

#[test]
fn access_that_was_gone_and_came_back_is_new() {
    let gone = Earlier {
        at: at("2027-03-03T20:00:00Z"),
        facts: inventory(false),
    };
    let all = reconciled(
        inventory(true),
        vec![grant()],
        vec![gone],
        "2027-03-04T09:00:00Z",
    );
    assert_eq!(state(&all).as_deref(), Some("STANDING_NO_EVIDENCE"));
}

#[test]
fn a_key_made_under_a_grant_outlives_it() {
    let mut facts = inventory(false);
    let mut key = Credential::new(System::Aws, "1", None, "access-key", "AKIA1", "AKIA1");
    key.created = Some(at("2027-03-03T15:30:00Z"));
    key.tier = Tier::Admin;
    facts.credentials.push(key.clone());
    let mut given = grant();
    given.tier = Tier::Admin;
    let all = reconciled(
        facts.clone(),
        vec![given.clone()],
        Vec::new(),
        "2027-03-04T09:00:00Z",
    );
    assert_eq!(all.grants[0].minted, ["access-key AKIA1"]);
    assert!(flags(&all.grants[0]).contains(&"MINTED_ACCESS_IN_WINDOW"));
    // Two people held such a grant then: nobody is accused.
    let mut other = given.clone();
    other.id = Sym::new("team:2");
    other.subject = Some(Actor::parse("mail:erin@acme.example"));
    let all = reconciled(
        facts,
        vec![given, other],
        Vec::new(),
        "2027-03-04T09:00:00Z",
    );
    assert!(all.grants.iter().all(|grant| grant.minted.is_empty()));
}

#[test]
fn what_a_source_cannot_store_is_said_once_about_the_source() {
    let mut one = grant();
    one.approvals[0].at = None;
    one.set_quality(
        crate::model::GrantField::ApprovedAt,
        crate::model::Quality::Absent,
    );
    let all = reconciled(inventory(true), vec![one], Vec::new(), NOW);
    assert!(!flags(&all.grants[0]).contains(&"APPROVAL_TIME_MISSING"));
    let source = all
        .tenants
        .iter()
        .find(|tenant| tenant.system == System::Jit);
    let cannot = source.and_then(|tenant| tenant.attrs.get(Sym::new("cannot_store")));
    assert_eq!(cannot, Some(&Value::List([Sym::new("approved_at")].into())));
    // The proof knows what cannot be shown.
    let missing = all.entitlements[0].attrs.get(Sym::new("jit_necessary"));
    assert_eq!(missing, Some(&Value::Str(Sym::new("unproved"))));
}

#[test]
fn an_exception_is_declared_and_ends() {
    let config = Config::parse(
        "jit:\n  ledger: [x]\n  exceptions:\n    - {id: E1, system: aws, subject: 'mail:dana@acme.example', \
         privileges: [Operator], scope: {account: '4444'}, owner: core, reason: vendor, \
         expires: 2027-04-01T00:00:00Z}\n",
    )
    .unwrap();
    let judged = |now: &str| {
        let mut all = inventory(true);
        let evidence = Evidence {
            coverage: vec![ledger()],
            ..Evidence::default()
        };
        run(&mut all, evidence, &config, at(now));
        (state(&all), all.entitlements[0].activation)
    };
    let (state, activation) = judged(NOW);
    assert_eq!(state.as_deref(), Some("DECLARED_EXCEPTION"));
    assert_eq!(activation, Activation::Exception);
    let (state, activation) = judged("2027-05-01T00:00:00Z");
    assert_eq!(state.as_deref(), Some("EXCEPTION_EXPIRED"));
    assert_eq!(activation, Activation::Standing);
}

/// Another name of dana in the same Identity Center's organisation: a user of IAM
/// that may do everything in the account her assignment is to.
fn with_user(inventory: Inventory) -> Inventory {
    let mut all = inventory;
    let at = IdentityRef(all.identities.len() as u32);
    let mut user = Identity::new(
        System::Aws,
        "4444",
        "arn:aws:iam::4444:user/dana",
        IdentityKind::Human,
        "dana",
    );
    user.uid = Sym::new("AIDA1");
    all.identities.push(user);
    let mut fact = Entitlement::new(System::Aws, "4444", at, "attached", "arn:policy", "*");
    fact.tier = Tier::Admin;
    all.entitlements.push(fact);
    all.entitlements[0].attrs.set("account", "4444");
    all
}

fn linked(inventory: Inventory, grants: Vec<Grant>, strong: bool) -> Inventory {
    let mut all = inventory;
    let user = Actor::new("aws-iam/4444", "AIDA1");
    let evidence = Evidence {
        grants,
        coverage: vec![ledger()],
        links: vec![(Actor::parse("mail:dana@acme.example"), user, strong)],
        earlier: Vec::new(),
    };
    run(&mut all, evidence, &Config::default(), at(NOW));
    all
}

fn says(fact: &Entitlement, name: &str) -> String {
    match fact.attrs.get(Sym::new(name)) {
        Some(Value::Str(text)) => text.to_string(),
        Some(Value::List(list)) => format!("{list:?}"),
        _ => String::new(),
    }
}

#[test]
fn who_holds_as_much_under_another_name_goes_round_the_grant() {
    let all = linked(with_user(inventory(true)), vec![grant()], true);
    let fact = &all.entitlements[0];
    assert_eq!(says(fact, "jit_state"), "COVERED");
    assert_eq!(fact.activation, Activation::Standing);
    assert!(says(fact, "jit_flags").contains("WAY_ROUND"));
    assert_eq!(says(fact, "jit_temporary"), "refuted");
    assert!(says(fact, "jit_missing").contains("temporary"));
    assert!(says(fact, "jit_round").contains("user/dana"));

    // Names that only look alike are nobody's way.
    let all = linked(with_user(inventory(true)), vec![grant()], false);
    assert_eq!(all.entitlements[0].activation, Activation::Jit);
    // A user of another account administers nothing here.
    let mut apart = with_user(inventory(true));
    apart.entitlements[0].attrs.set("account", "5555");
    let all = linked(apart, vec![grant()], true);
    assert_eq!(all.entitlements[0].activation, Activation::Jit);
}

#[test]
fn what_another_grant_covers_is_no_way_round() {
    let mut second = grant();
    second.id = Sym::new("team:2");
    second.realm = Sym::new("aws-iam");
    second.privileges = vec![Sym::new("arn:policy")];
    let all = linked(
        with_user(inventory(true)),
        vec![grant(), second.clone()],
        true,
    );
    for fact in &all.entitlements {
        assert_eq!(fact.activation, Activation::Jit, "{}", fact.privilege);
        assert!(!says(fact, "jit_flags").contains("WAY_ROUND"));
        assert_eq!(says(fact, "jit_temporary"), "proved");
    }
    // A source that keeps no approvals accuses nobody; the end is no longer proved.
    second.approvals.clear();
    second.set_quality(
        crate::model::GrantField::Approver,
        crate::model::Quality::Absent,
    );
    let all = linked(with_user(inventory(true)), vec![grant(), second], true);
    assert_eq!(says(&all.entitlements[1], "jit_state"), "NOT_EVALUABLE");
    let fact = &all.entitlements[0];
    assert_eq!(fact.activation, Activation::Jit);
    assert_eq!(says(fact, "jit_temporary"), "unproved");
    assert!(says(fact, "jit_why").contains("user/dana"));
}

#[test]
fn asking_again_and_again_is_seen_within_minutes_only() {
    let asked = |n: i64, minute: i64, realm: &str| {
        let mut grant = grant();
        grant.id = Sym::new(&format!("team:{n}"));
        grant.realm = Sym::new(realm);
        grant.requested = Some(at("2027-03-03T10:00:00Z") + SignedDuration::from_mins(minute));
        grant
    };
    let marked = |minutes: &[i64], realms: &[&str], mark: &str| {
        let grants = minutes.iter().zip(realms.iter().cycle()).zip(0..);
        let grants = grants
            .map(|((minute, realm), n)| asked(n, *minute, realm))
            .collect();
        let all = reconciled(inventory(false), grants, Vec::new(), NOW);
        let marked = all
            .grants
            .iter()
            .filter(|grant| flags(grant).contains(&mark));
        marked.map(|grant| grant.id.to_string()).collect::<Vec<_>>()
    };
    let one = ["aws-idc"];
    let storm = |minutes: &[i64]| marked(minutes, &one, "RETRY_STORM");
    assert_eq!(storm(&[0, 1, 2, 3, 10, 30]), ["team:0"]);
    assert!(storm(&[0, 5, 10, 15, 20, 25]).is_empty());
    let three = ["aws-idc", "kubernetes", "vault"];
    let chained = |minutes: &[i64]| marked(minutes, &three, "CHAINED_ACROSS_SYSTEMS");
    assert_eq!(chained(&[0, 4, 10, 60]), ["team:0"]);
    assert!(chained(&[0, 6, 12, 18]).is_empty());
}

#[test]
fn a_grant_that_asks_for_no_approval_proves_none_and_accuses_nobody() {
    let mut free = grant();
    free.approvals.clear();
    free.approvals_required = Some(0);
    let all = reconciled(inventory(true), vec![free], Vec::new(), NOW);
    assert_eq!(state(&all).as_deref(), Some("NOT_EVALUABLE"));
    assert_eq!(all.entitlements[0].activation, Activation::Standing);
}
