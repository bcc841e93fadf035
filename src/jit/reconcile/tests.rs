//! Worked cases, and laws over random worlds.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::jit::alias::Links;
use crate::model::{Approval, Channel, EndCause, GrantKind, Progress};

/// Everything of one case, owned.
#[derive(Debug, Default)]
struct World {
    live: Vec<Live>,
    grants: Vec<Grant>,
    aliases: Aliases,
    exceptions: Vec<Exception>,
    ledger: Vec<LedgerCoverage>,
    seen: LiveCoverage,
    policy: Policy,
    /// Realms whose last grants ended as they should, or did not.
    ended: FxHashMap<Sym, bool>,
    now: Timestamp,
}

impl World {
    fn answer(&self) -> Answer {
        let mut answer = reconcile(&Case {
            live: &self.live,
            grants: &self.grants,
            aliases: &self.aliases,
            exceptions: &self.exceptions,
            ledger: &self.ledger,
            seen: &self.seen,
            policy: &self.policy,
            now: self.now,
        });
        answer.prove_revocable(&self.live, &self.ended);
        answer
    }
}

/// Reads one case of the data format described in `tests/data/jit/README.md`.
fn world(case: &Value) -> World {
    let time = |value: &Value| value.as_str().map(|text| text.parse().unwrap());
    let sym = |value: &Value| value.as_str().map(Sym::new);
    let actor = |value: &Value| value.as_str().map(Actor::parse);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let syms = |value: &Value| list(value).iter().filter_map(sym).collect::<Vec<_>>();
    let scope = |value: &Value| {
        let pairs = value.as_object().into_iter().flatten();
        let mut pairs: Vec<(Sym, Sym)> = pairs
            .filter_map(|(key, value)| Some((Sym::new(key), sym(value)?)))
            .collect();
        pairs.sort();
        pairs
    };

    let mut links = Links::new();
    for (kind, strong) in [("strong", true), ("weak", false)] {
        for pair in list(&case["aliases"][kind]) {
            let (a, b) = (actor(&pair[0]).unwrap(), actor(&pair[1]).unwrap());
            if strong {
                links.strong(a, b);
            } else {
                links.weak(a, b);
            }
        }
    }
    let now = time(&case["now"]).unwrap();
    let mut world = World {
        aliases: links.finish(),
        now,
        ..World::default()
    };
    for (realm, said) in case["coverage"].as_object().into_iter().flatten() {
        let complete = |value: &Value| match value == "complete" {
            true => Seen::Complete,
            false => Seen::None,
        };
        let system = Grant::system_of(realm);
        let tenant = Sym::new(realm);
        world.seen.insert((system, tenant), complete(&said["live"]));
        world.ledger.push(LedgerCoverage {
            realm: tenant,
            tenant: None,
            source: Sym::new("cases"),
            from: None,
            to: now,
            seen: complete(&said["ledger"]),
            reason: "".into(),
        });
    }
    for live in list(&case["live"]) {
        let realm = sym(&live["system"]).unwrap();
        let used = live["usage"]
            .as_array()
            .map(|times| times.iter().filter_map(time).collect());
        world.live.push(Live {
            system: Grant::system_of(&realm),
            realm,
            tenant: realm,
            subject: actor(&live["subject"]).unwrap(),
            privileges: sym(&live["priv"]).into_iter().collect(),
            scope: scope(&live["scope"]),
            tier: match live["tier"].as_str() {
                Some("T0") => Tier::Admin,
                Some("T1") => Tier::Write,
                _ => Tier::Read,
            },
            owner: sym(&live["owner"]),
            owner_active: None,
            since: time(&live["created_at"]),
            expires: Moment::Unknown,
            created_by: sym(&live["created_by"]),
            revision: sym(&live["revision"]),
            used,
            sessions: list(&live["sessions"])
                .iter()
                .filter_map(|session| time(&session["end"]))
                .collect(),
            max_session: None,
            eligible: live["conditional"] == "eligible",
        });
    }
    for given in list(&case["grants"]) {
        let id = sym(&given["grant_id"]).unwrap();
        let source = id.split_once(':').map_or("", |(source, _)| source);
        let mut grant = Grant::new(id, source, sym(&given["system"]).unwrap());
        grant.requester = actor(&given["requester"]);
        grant.subject = actor(&given["subject"]);
        grant.privileges = syms(&given["privs"]);
        grant.scope = scope(&given["scope"]);
        grant.revision = sym(&given["entitlement_revision"]);
        grant.purpose = given["purpose"]["text"].as_str().map(Into::into);
        grant.ticket = sym(&given["purpose"]["ticket"]["key"]);
        grant.ticket_resolved = time(&given["purpose"]["ticket"]["resolved_at"]);
        grant.approvals_required = given["approval_policy"]["required"]
            .as_u64()
            .map(|n| n as u32);
        grant.auto_allowed = given["approval_policy"]["auto_allowed"] == true;
        for approval in list(&given["approvals"]) {
            grant.approvals.push(Approval {
                by: actor(&approval["by"]),
                at: time(&approval["at"]),
                channel: match approval["channel"].as_str() {
                    Some("jit-tool") => Channel::Tool,
                    Some("github") => Channel::Github,
                    Some("slack") => Channel::Chat,
                    Some("auto-policy") => Channel::AutoPolicy,
                    other => panic!("channel {other:?}"),
                },
                policy: sym(&approval["policy_id"]),
                artefact: None,
            });
        }
        grant.progress = match given["state"].as_str() {
            Some("denied") => Progress::Refused,
            Some("requested") => Progress::Pending,
            _ => Progress::Issued,
        };
        grant.requested = time(&given["times"]["requested_at"]);
        grant.issued = time(&given["times"]["issued_at"]);
        grant.expires = Moment::or_never(time(&given["times"]["expires_at"]));
        if let Some(at) = time(&given["revocation"]["at"]) {
            grant.ended = Some(at);
            grant.end_cause = Some(EndCause::Revoked);
        }
        grant.break_glass = given["break_glass"] == true;
        grant.evidence = EvidenceClass::Exported;
        world.grants.push(grant);
    }
    for (at, declared) in list(&case["exceptions"]).iter().enumerate() {
        world.exceptions.push(Exception {
            id: Sym::new(&format!("EXC-{at}")),
            system: Grant::system_of(&sym(&declared["system"]).unwrap()),
            subject: actor(&declared["subject"]).unwrap(),
            privileges: syms(&declared["privs"]),
            scope: scope(&declared["scope"]),
            owner: sym(&declared["owner"]),
            reason: sym(&declared["reason"]),
            expires: time(&declared["expires_at"]),
        });
    }
    for (larger, smaller) in case["implies"].as_object().into_iter().flatten() {
        for smaller in syms(smaller) {
            world.policy.implies.add(Sym::new(larger), smaller);
        }
    }
    for (realm, patterns) in case["policy"]["issuers"].as_object().into_iter().flatten() {
        let patterns = syms(patterns).iter().map(Sym::to_string).collect();
        world.policy.issuers.push((Sym::new(realm), patterns));
    }
    for (realm, seen) in case["revocation_verified"]
        .as_object()
        .into_iter()
        .flatten()
    {
        world.ended.insert(Sym::new(realm), seen == true);
    }
    world
}

/// What a case expects: live states with their flags, then orphaned evidence.
fn shown(answer: &Answer) -> Vec<(String, Vec<String>)> {
    let flags = |flags: &BTreeSet<Flag>| {
        let mut names: Vec<String> = flags.iter().map(Flag::to_string).collect();
        names.sort();
        names
    };
    let live = answer
        .live
        .iter()
        .map(|one| (one.state.to_string(), flags(&one.flags)));
    let orphans = answer
        .grants
        .iter()
        .filter(|one| one.state == GrantState::OrphanEvidence)
        .map(|one| (one.state.to_string(), flags(&one.flags)));
    live.chain(orphans).collect()
}

fn check(cases: &[Value]) -> usize {
    for case in cases {
        let expected: Vec<(String, Vec<String>)> =
            serde_json::from_value(case["expect"].clone()).unwrap();
        let answer = world(case).answer();
        assert_eq!(shown(&answer), expected, "{}", case["name"]);
        if let Some(proof) = case["proof"].as_object() {
            for (part, value) in answer.live[0].proof.parts() {
                if let Some(expected) = proof.get(part) {
                    assert_eq!(value.as_str(), expected, "{}: {part}", case["name"]);
                }
            }
        }
    }
    cases.len()
}

/// `base` with the fields of `over`; objects are merged, `null` removes.
fn merged(base: &Value, over: &Value) -> Value {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            let mut all = base.clone();
            for (key, value) in over {
                let below = base.get(key).unwrap_or(&Value::Null);
                all.insert(key.clone(), merged(below, value));
            }
            Value::Object(all)
        }
        _ => over.clone(),
    }
}

fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

/// The committed cases, each with what it leaves out taken from the base.
fn committed() -> Vec<Value> {
    let text = std::fs::read_to_string(data("jit/reconcile.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let base = &file["base"];
    file["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| {
            let mut whole = merged(base, case);
            for table in ["live", "grants"] {
                let default = Value::Array(vec![Value::Object(Default::default())]);
                let rows = case.get(table).unwrap_or(&default);
                whole[table] = rows
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| merged(&base[table], row))
                    .collect();
            }
            whole
        })
        .collect()
}

#[test]
fn committed_cases_agree() {
    assert!(check(&committed()) >= 32);
}

#[test]
fn reference_cases_agree() {
    let shared = std::env::var_os("TENURE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(shared.join("data/jit/reconcile-cases.json")) else {
        eprintln!("skipped: the reference cases are not here (set TENURE_SHARED)");
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(check(&cases), 32);
}

/// A moment within twenty days, in half hours.
fn moment() -> impl Strategy<Value = Timestamp> {
    (0i64..960).prop_map(|half| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(half * 30))
}

fn someone() -> impl Strategy<Value = Actor> {
    (0u8..5).prop_map(|n| Actor::parse(&format!("idc:{n}")))
}

fn privilege() -> impl Strategy<Value = Sym> {
    prop_oneof![Just("view"), Just("edit"), Just("admin"), Just("*")].prop_map(Sym::new)
}

fn some_scope() -> impl Strategy<Value = Vec<(Sym, Sym)>> {
    let account = prop_oneof![Just("11"), Just("12"), Just("1*"), Just("*")];
    let namespace = prop_oneof![Just(None), Just(Some("pay")), Just(Some("*"))];
    (account, namespace).prop_map(|(account, namespace)| {
        let mut scope = vec![(Sym::new("account"), Sym::new(account))];
        scope.extend(namespace.map(|name| (Sym::new("namespace"), Sym::new(name))));
        scope
    })
}

fn tier() -> impl Strategy<Value = Tier> {
    prop_oneof![Just(Tier::Admin), Just(Tier::Write), Just(Tier::Read)]
}

prop_compose! {
    fn live()(
        subject in someone(),
        name in privilege(),
        scope in some_scope(),
        tier in tier(),
        since in proptest::option::of(moment()),
        used in proptest::option::of(proptest::collection::vec(moment(), 0..3)),
        eligible in proptest::bool::weighted(0.1),
        owner in proptest::option::of(Just(Sym::new("team"))),
    ) -> Live {
        Live {
            system: System::Aws,
            realm: Sym::new("aws-idc"),
            tenant: Sym::new("11"),
            subject,
            privileges: vec![name],
            scope,
            tier,
            owner,
            owner_active: None,
            since,
            expires: Moment::Unknown,
            created_by: None,
            revision: None,
            used: used.map(|mut used| { used.sort(); used }),
            sessions: Vec::new(),
            max_session: None,
            eligible,
        }
    }
}

prop_compose! {
    fn approval()(
        by in proptest::option::of(someone()),
        at in proptest::option::of(moment()),
        channel in proptest::sample::select(Channel::ALL),
        policy in proptest::option::of(Just(Sym::new("low"))),
    ) -> Approval {
        Approval { by, at, channel, policy, artefact: None }
    }
}

prop_compose! {
    fn grant()(
        number in 0u16..2000,
        kind in proptest::sample::select(GrantKind::ALL),
        progress in prop_oneof![
            4 => Just(Progress::Issued),
            1 => proptest::sample::select(Progress::ALL),
        ],
        (subject, requester) in (proptest::option::of(someone()), proptest::option::of(someone())),
        name in privilege(),
        scope in some_scope(),
        approvals in proptest::collection::vec(approval(), 0..3),
        (requested, issued) in (proptest::option::of(moment()), proptest::option::of(moment())),
        expires in prop_oneof![
            6 => moment().prop_map(Moment::At),
            1 => Just(Moment::Never),
            1 => Just(Moment::Unknown),
        ],
        ended in proptest::option::weighted(0.2, moment()),
        (break_glass, auto_allowed) in (proptest::bool::weighted(0.2), any::<bool>()),
        ticket in proptest::option::of((0u8..3).prop_map(|n| Sym::new(&format!("T-{n}")))),
    ) -> Grant {
        let mut grant = Grant::new(format!("g:{number}"), "test", "aws-idc");
        grant.kind = kind;
        grant.progress = progress;
        grant.subject = subject;
        grant.requester = requester;
        grant.privileges = vec![name];
        grant.scope = scope;
        grant.approvals = approvals;
        grant.requested = requested;
        grant.issued = issued;
        grant.expires = expires;
        grant.ended = ended;
        grant.break_glass = break_glass;
        grant.auto_allowed = auto_allowed;
        grant.ticket = ticket;
        grant
    }
}

prop_compose! {
    fn any_world()(
        live in proptest::collection::vec(live(), 0..6),
        mut grants in proptest::collection::vec(grant(), 0..8),
        links in proptest::collection::vec((someone(), someone(), any::<bool>()), 0..3),
        ledger in proptest::collection::vec((moment(), moment(), any::<bool>()), 0..3),
        complete in any::<bool>(),
        exceptions in proptest::collection::vec(
            (someone(), privilege(), some_scope(), moment(), any::<bool>()), 0..2),
        now in moment(),
    ) -> World {
        // Ids are unique, as in a ledger.
        grants.sort_by_key(|grant| grant.id);
        grants.dedup_by_key(|grant| grant.id);
        let mut all = Links::new();
        for (a, b, strong) in links {
            if strong { all.strong(a, b) } else { all.weak(a, b) }
        }
        let ledger = ledger.into_iter().map(|(a, b, whole)| LedgerCoverage {
            realm: Sym::new("aws-idc"),
            tenant: None,
            source: Sym::new("test"),
            from: Some(a.min(b)),
            to: a.max(b),
            seen: if whole { Seen::Complete } else { Seen::Partial },
            reason: "".into(),
        });
        let exceptions = exceptions.into_iter().map(|(subject, name, scope, expires, owned)| {
            Exception {
                id: Sym::new("E"),
                system: System::Aws,
                subject,
                privileges: vec![name],
                scope,
                owner: owned.then(|| Sym::new("team")),
                reason: Some(Sym::new("reason")),
                expires: Some(expires),
            }
        });
        World {
            live,
            grants,
            aliases: all.finish(),
            exceptions: exceptions.collect(),
            ledger: ledger.collect(),
            seen: [((System::Aws, Sym::new("11")), if complete { Seen::Complete } else { Seen::None })]
                .into_iter()
                .collect(),
            policy: Policy::default(),
            ended: FxHashMap::default(),
            now,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// One answer for each entitlement and each grant, whatever the input.
    #[test]
    fn answers_are_total(world in any_world()) {
        let answer = world.answer();
        prop_assert_eq!(answer.live.len(), world.live.len());
        prop_assert_eq!(answer.grants.len(), world.grants.len());
        for judged in &answer.live {
            prop_assert_eq!(
                judged.grant.is_some(),
                matches!(
                    judged.state,
                    State::Covered | State::BreakGlass | State::Unapproved
                        | State::BroaderThanApproved | State::RevokedButLive
                        | State::ExpiredButLive
                ) || (judged.state == State::NotEvaluable && judged.grant.is_some())
            );
            prop_assert_eq!(
                judged.exception.is_some(),
                matches!(judged.state, State::DeclaredException | State::ExceptionExpired)
            );
            if judged.proof.is_whole() {
                prop_assert!(matches!(judged.state, State::Covered | State::BreakGlass));
            }
        }
    }

    /// The order of grants changes no answer.
    #[test]
    fn order_changes_nothing(world in any_world()) {
        let one = world.answer();
        let mut reversed = world;
        reversed.grants.reverse();
        let two = reversed.answer();
        let count = reversed.grants.len();
        let mut grants = two.grants;
        grants.reverse();
        prop_assert_eq!(one.grants, grants);
        for (a, b) in one.live.iter().zip(&two.live) {
            prop_assert_eq!(a.grant, b.grant.map(|at| count - 1 - at));
            prop_assert_eq!((a.state, &a.flags, a.proof), (b.state, &b.flags, b.proof));
        }
    }

    /// A grant for somebody else, or in another system, changes nothing.
    #[test]
    fn unrelated_grants_change_nothing(world in any_world(), mut other in grant(), far in any::<bool>()) {
        let one = world.answer();
        other.id = Sym::new("other:1");
        other.ticket = None;
        if far {
            other.system = System::Vault;
        } else {
            other.subject = Some(Actor::parse("idc:stranger"));
        }
        let mut more = world;
        more.grants.push(other);
        let two = more.answer();
        prop_assert_eq!(&one.live, &two.live);
        prop_assert_eq!(&one.grants[..], &two.grants[..one.grants.len()]);
    }

    /// Without grants nothing is accused of breaking one, and nothing is covered.
    #[test]
    fn without_grants_there_are_four_states(mut world in any_world()) {
        world.grants.clear();
        for judged in world.answer().live {
            prop_assert!(matches!(
                judged.state,
                State::StandingNoEvidence | State::NotEvaluable | State::EligibleOnly
                    | State::DeclaredException | State::ExceptionExpired
            ));
        }
    }

    /// Suspicion alone covers nothing: with weak links in place of strong ones no
    /// entitlement gains a grant.
    #[test]
    fn weak_links_cover_nothing(world in any_world(), a in someone(), b in someone()) {
        let mut without = world;
        without.aliases = Links::new().finish();
        let one = without.answer();
        let mut links = Links::new();
        links.weak(a, b);
        without.aliases = links.finish();
        let two = without.answer();
        for (one, two) in one.live.iter().zip(&two.live) {
            prop_assert_eq!((one.state, one.grant), (two.state, two.grant));
        }
    }

    /// Years later, only what never ends is still covered.
    #[test]
    fn far_in_the_future_only_the_endless_is_covered(mut world in any_world()) {
        world.now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 3_650);
        for judged in world.answer().live {
            if matches!(judged.state, State::Covered | State::BreakGlass) {
                prop_assert!(
                    judged.flags.contains(&Flag::NoExpiry)
                        || judged.flags.contains(&Flag::ExpiryUnknown)
                );
            }
        }
    }

    /// What a source cannot store accuses nobody: with approvals unknowable, nothing
    /// is called unapproved that was not approved by its own holder.
    #[test]
    fn a_source_without_approvals_accuses_nobody(mut world in any_world()) {
        for grant in &mut world.grants {
            grant.set_quality(crate::model::GrantField::Approver, crate::model::Quality::Absent);
            grant.approvals.clear();
            grant.progress = Progress::Issued;
            // Not yet begun is a fault whoever approves.
            grant.issued = grant.issued.map(|issued| issued.min(world.now));
            grant.requested = grant.requested.map(|asked| asked.min(world.now));
        }
        for judged in world.answer().live {
            prop_assert_ne!(judged.state, State::Unapproved);
            prop_assert_ne!(judged.state, State::Covered);
        }
    }
}
