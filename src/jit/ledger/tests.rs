//! Laws of the ledger.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use super::event::{Data, Party, Purpose, Source, Ticket};
use super::*;
use crate::model::{
    Actor, Channel, EndCause, EndResult, EvidenceClass, Grant, GrantField, Moment, Progress,
    Quality, Seen, Sym,
};

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

fn source(system: &str) -> Source {
    Source {
        system: system.into(),
        instance: "prod".into(),
        object: "7f3".into(),
        retrieved_at: "2026-08-21T00:00:00Z".parse().unwrap(),
        importer: format!("{system}/1").into(),
        raw_sha256: None,
    }
}

fn event(kind: EventKind, class: EvidenceClass, at: &str) -> Event {
    let system = match class {
        EvidenceClass::Target => "aws-cloudtrail",
        _ => "aws-team",
    };
    let at = (!at.is_empty()).then(|| at.parse().unwrap());
    Event::new(kind, "aws-team:prod:7f3", source(system), class).at(at, Quality::Recorded)
}

fn named(mut events: Vec<Event>) -> Vec<Event> {
    events.iter_mut().for_each(Event::name);
    events
}

/// Alice asks, Bob approves, an hour of it, and it ends by itself.
fn story() -> Vec<Event> {
    let exported = EvidenceClass::Exported;
    let mut request = event(EventKind::Requested, exported, "2026-08-20T09:50:00Z")
        .by(Some(Party::mail("alice@x.io")));
    request.data = Data {
        subject: Some(Party::mail("alice@x.io")),
        system: Some("aws-idc".into()),
        privs: vec!["ps-admin".into()],
        scope: [("account".into(), "111122223333".into())].into(),
        purpose: Some(Purpose {
            text: Some("fix pay-api".into()),
            ticket: Some(Ticket {
                key: "OPS-812".into(),
                ..Ticket::default()
            }),
        }),
        expires_at: time("2026-08-20T12:00:00Z"),
        quality: [(GrantField::ApprovedAt, Quality::Absent)].into(),
        ..Data::default()
    };
    let mut approval = event(EventKind::Approved, exported, "").by(Some(Party::mail("bob@x.io")));
    approval.data.channel = Some(Channel::Tool);
    let issue = event(EventKind::Issued, exported, "2026-08-20T10:00:00Z");
    let mut end = event(EventKind::Ended, exported, "2026-08-20T12:00:30Z");
    end.data.cause = Some(EndCause::Expiry);
    end.data.result = Some(EndResult::Unconfirmed);
    named(vec![request, approval, issue, end])
}

fn fold(events: Vec<Event>, sound: bool) -> Vec<Grant> {
    let mut folder = Folder::default();
    for (at, event) in events.into_iter().enumerate() {
        let place = Place {
            file: "l".into(),
            line: at as u64 + 1,
        };
        folder.add(place, event);
    }
    let mut grants = folder.finish(sound).grants;
    for grant in &mut grants {
        grant.location = None;
    }
    grants
}

fn one(events: Vec<Event>) -> Grant {
    let mut grants = fold(events, true);
    assert_eq!(grants.len(), 1);
    grants.remove(0)
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("tenure.ledger.jsonl")
}

fn kinds(verified: &Verified) -> Vec<(u64, FaultKind)> {
    verified
        .faults
        .iter()
        .map(|fault| (fault.line, fault.kind))
        .collect()
}

fn verify(path: &Path) -> Verified {
    read(&[path], |_, _| ()).unwrap()
}

#[test]
fn a_grant_is_folded_from_its_events() {
    let grant = one(story());
    assert_eq!(grant.source, "aws-team/prod");
    assert_eq!(grant.requester, Some(Actor::new("mail", "alice@x.io")));
    assert_eq!(grant.tenant, "111122223333");
    assert_eq!(grant.ticket, Some("OPS-812".into()));
    assert_eq!(grant.progress, Progress::Issued);
    assert_eq!(
        grant.expires,
        Moment::At(time("2026-08-20T12:00:00Z").unwrap())
    );
    assert_eq!(grant.end_cause, Some(EndCause::Expiry));
    assert_eq!(grant.approvals.len(), 1);
    assert_eq!(grant.approvals[0].at, None);
    assert!(!grant.keeps(GrantField::ApprovedAt));
    assert!(grant.keeps(GrantField::IssuedAt));
    assert_eq!(grant.evidence, EvidenceClass::Exported);
    let order: Vec<&str> = grant
        .events
        .iter()
        .map(|event| event.what.as_str())
        .collect();
    assert_eq!(order, ["requested", "approved", "issued", "ended"]);
}

#[test]
fn what_the_target_saw_too_is_corroborated_if_the_chain_holds() {
    let mut events = story();
    events.retain(|event| event.kind == EventKind::Issued);
    let seen = event(
        EventKind::Issued,
        EvidenceClass::Target,
        "2026-08-20T10:00:41Z",
    );
    events.extend(named(vec![seen]));
    let both = fold(events.clone(), true).remove(0);
    assert_eq!(both.evidence, EvidenceClass::Corroborated);
    // The target knows better when it happened.
    assert_eq!(both.issued, time("2026-08-20T10:00:41Z"));
    assert_eq!(
        fold(events.clone(), false)[0].evidence,
        EvidenceClass::Target
    );

    events[1].at = time("2026-08-20T11:00:00Z");
    assert_eq!(one(events).evidence, EvidenceClass::Target, "an hour apart");
}

#[test]
fn an_approval_told_twice_is_one_and_has_the_better_time() {
    let mut events = story();
    let mut seen = event(
        EventKind::Approved,
        EvidenceClass::Target,
        "2026-08-20T09:58:00Z",
    )
    .by(Some(Party::mail("bob@x.io")));
    seen.data.channel = Some(Channel::Tool);
    events.extend(named(vec![seen]));
    let grant = one(events);
    assert_eq!(grant.approvals.len(), 1);
    assert_eq!(grant.approvals[0].at, time("2026-08-20T09:58:00Z"));
    assert!(grant.keeps(GrantField::ApprovedAt));
}

#[test]
fn the_better_evidence_wins_and_then_what_was_read_last() {
    let mut claim = event(
        EventKind::Issued,
        EvidenceClass::Manual,
        "2026-08-20T08:00:00Z",
    );
    claim.source.retrieved_at = "2027-01-01T00:00:00Z".parse().unwrap();
    let mut events = story();
    events.extend(named(vec![claim]));
    assert_eq!(one(events).issued, time("2026-08-20T10:00:00Z"));

    let mut real = event(
        EventKind::Issued,
        EvidenceClass::Exported,
        "2026-08-20T10:03:00Z",
    );
    real.source.retrieved_at = "2026-08-22T00:00:00Z".parse().unwrap();
    let mut events = story();
    events.extend(named(vec![real]));
    assert_eq!(one(events).issued, time("2026-08-20T10:03:00Z"));
}

#[test]
fn a_failed_removal_is_no_end_until_one_is_told_later() {
    let mut events = story();
    events.pop();
    events.extend(named(vec![event(
        EventKind::RevokeFailed,
        EvidenceClass::Exported,
        "2026-08-20T12:00:20Z",
    )]));
    let grant = one(events.clone());
    assert_eq!(grant.end_result, EndResult::Failed);
    assert_eq!(grant.ended, None);
    assert_eq!(grant.progress, Progress::Issued);
    events.extend(story().pop());
    assert_eq!(one(events).end_result, EndResult::Unconfirmed);
}

#[test]
fn extensions_move_the_end_and_are_counted() {
    let mut events = story();
    for (at, to) in [
        ("2026-08-20T11:50:00Z", "2026-08-20T14:00:00Z"),
        ("2026-08-20T11:00:00Z", "2026-08-20T15:00:00Z"),
    ] {
        let mut extended = event(EventKind::Extended, EvidenceClass::Exported, at);
        extended.data.expires_at = time(to);
        events.extend(named(vec![extended]));
    }
    let grant = one(events);
    assert_eq!(grant.extensions, 2);
    assert_eq!(
        grant.expires,
        Moment::At(time("2026-08-20T14:00:00Z").unwrap())
    );
}

#[test]
fn not_to_see_proves_nothing_unless_all_was_seen() {
    let mut events = story();
    for seen in [Seen::Partial, Seen::Complete] {
        let mut absent = event(
            EventKind::Absent,
            EvidenceClass::Target,
            "2026-08-20T13:00:00Z",
        );
        absent.data.completeness = Some(seen);
        events.extend(named(vec![absent]));
        let expected = usize::from(seen == Seen::Complete);
        assert_eq!(one(events.clone()).observed.len(), expected);
    }
}

#[test]
fn events_are_appended_once_and_verify() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    let first = append(&path, None, story()).unwrap();
    assert_eq!((first.added, first.known, first.lines), (4, 0, 4));
    let again = append(&path, None, story()).unwrap();
    assert_eq!((again.added, again.known, again.lines), (0, 4, 4));
    assert_eq!(again.head, first.head);
    let verified = verify(&path);
    assert!(verified.is_sound(), "{:?}", verified.faults);
    assert_eq!(verified.head(), first.head);
    assert_eq!(verified.heads[0].chain, "ledger/tenure.ledger");
    assert_eq!(load(&[&path]).unwrap().grants.len(), 1);
}

#[test]
fn two_writers_do_not_meet() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    let held = fs::File::create(&path).unwrap();
    held.try_lock().unwrap();
    let error = append(&path, None, story()).unwrap_err();
    assert!(matches!(error, AppendError::Locked { .. }), "{error}");
    drop(held);
    assert!(append(&path, None, story()).is_ok());
}

/// An import interrupted at any byte, and run again, ends with the same bytes.
#[test]
fn a_crash_loses_and_repeats_nothing() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    append(&path, None, story()).unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let tail = whole[..cut]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let torn = cut > tail;
        assert_eq!(verify(&path).fault_count, u64::from(torn), "{cut}");
        let appended = append(&path, None, story()).unwrap();
        assert_eq!(appended.recovered.is_some(), torn, "{cut}");
        assert_eq!(fs::read(&path).unwrap(), whole, "{cut}");
    }
}

#[test]
fn nothing_is_added_to_a_broken_history() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    append(&path, None, story()).unwrap();
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("alice", "mallory");
    fs::write(&path, &text).unwrap();
    let error = append(&path, None, story()).unwrap_err();
    assert!(matches!(error, AppendError::Broken { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn verify_names_what_was_done() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    append(&path, None, story()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let head = verify(&path).head().unwrap();
    let check = |lines: &[&str]| {
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        verify(&path)
    };
    let [a, b, c, d] = lines[..] else {
        panic!("four lines")
    };
    use FaultKind::*;

    let altered = b.replace("bob", "eve");
    assert_eq!(kinds(&check(&[a, &altered, c, d])), [(2, Altered)]);
    assert_eq!(kinds(&check(&[a, c, d])), [(2, Missing)]);
    assert_eq!(kinds(&check(&[b, c, d])), [(1, Missing)]);
    assert_eq!(
        kinds(&check(&[a, c, b, d])),
        [(2, Moved), (3, Moved), (4, Moved)]
    );
    assert_eq!(
        kinds(&check(&[a, b, b, c, d])),
        [(3, Moved), (3, Duplicate), (4, Moved)][..2]
    );
    assert_eq!(kinds(&check(&[a, "{\"v\":1}", c, d])), [(2, Unreadable)]);
    assert_eq!(
        kinds(&check(&[a, &b.replace("\"v\":1", "\"v\":2"), c, d])),
        [(2, Newer)]
    );

    // The attacker computes the digest anew.
    let mut forged: Event = serde_json::from_str(&altered).unwrap();
    let chain = forged.chain.clone();
    let forged = forged.seal(chain.chain_uid, chain.prev).unwrap();
    assert_eq!(kinds(&check(&[a, &forged, c, d])), [(3, Missing)]);

    // Cut off the end: only a head kept elsewhere tells.
    let cut = check(&[a, b]);
    assert!(cut.is_sound());
    assert_eq!(cut.since(head), None);
    assert_eq!(check(&[a, b, c, d]).since(cut.head().unwrap()), Some(2));

    // White space and the order of members are no change; the digest is over the form.
    let spaced = b.replace("\":", "\": ");
    assert!(check(&[a, &spaced, "", c, d]).is_sound());
}

#[test]
fn segments_are_one_history_in_their_order() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    append(&path, None, story()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let at = text.match_indices('\n').nth(1).unwrap().0 + 1;
    let (one, two) = (folder.path().join("1.jsonl"), folder.path().join("2.jsonl"));
    fs::write(&one, &text[..at]).unwrap();
    fs::write(&two, &text[at..]).unwrap();
    assert!(read(&[&one, &two], |_, _| ()).unwrap().is_sound());
    let back = read(&[&two, &one], |_, _| ()).unwrap();
    assert!(!back.is_sound());
    assert_eq!(
        kinds(&read(&[&two], |_, _| ()).unwrap()),
        [(1, FaultKind::Missing)]
    );
}

#[test]
fn an_unsound_ledger_covers_nothing_completely() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    let mut covers = Event::new(
        EventKind::Coverage,
        "source:aws-team/prod",
        source("aws-team"),
        EvidenceClass::Exported,
    );
    covers.data.system = Some(Sym::new("aws-idc"));
    covers.data.to = time("2026-08-21T00:00:00Z");
    covers.data.completeness = Some(Seen::Complete);
    let mut events = story();
    events.extend(named(vec![covers]));
    append(&path, None, events).unwrap();
    assert_eq!(load(&[&path]).unwrap().coverage[0].seen, Seen::Complete);
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("OPS-812", "OPS-813");
    fs::write(&path, text).unwrap();
    let ledger = load(&[&path]).unwrap();
    assert_eq!(ledger.coverage[0].seen, Seen::Partial);
    // The altered request is not believed; what others said still counts.
    assert_eq!(ledger.grants[0].ticket, None);
    assert_eq!(ledger.grants[0].progress, Progress::Issued);
}

proptest! {
    #[test]
    fn the_order_of_events_does_not_matter(
        picks in prop::collection::vec((0usize..EventKind::ALL.len(), 0u8..5, 0u8..4, 0u8..3), 1..14),
        seed in any::<u64>(),
    ) {
        let classes = [
            EvidenceClass::Claimed, EvidenceClass::Manual, EvidenceClass::Exported,
            EvidenceClass::Target, EvidenceClass::Corroborated,
        ];
        let mut events: Vec<Event> = picks.iter().map(|(kind, class, minute, who)| {
            let at = match minute { 0 => String::new(), n => format!("2026-08-20T10:0{n}:00Z") };
            let mut event = event(EventKind::ALL[*kind], classes[*class as usize], &at);
            event.source.retrieved_at = format!("2026-08-2{who}T00:00:00Z").parse().unwrap();
            event.actor = (*who > 0).then(|| Party::mail(&format!("{who}@x.io")));
            event.data.system = Some(["aws-idc", "gcp", "k8s"][*who as usize].into());
            event.data.privs = vec![format!("p{minute}").into()];
            event.data.expires_at = event.at;
            event.data.never_expires = Some(*who == 2);
            event.data.completeness = Some(Seen::Complete);
            event
        }).collect();
        events = named(events);
        let straight = fold(events.clone(), true);
        // A permutation from the seed.
        let mut state = seed | 1;
        for at in (1..events.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            events.swap(at, (state >> 33) as usize % (at + 1));
        }
        prop_assert_eq!(fold(events, true), straight);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let folder = TempDir::new().unwrap();
        let path = file(&folder);
        fs::write(&path, &bytes).unwrap();
        let _ = load(&[&path]).unwrap();
    }

    /// Whatever single byte of a ledger is changed, the line is named, unless the
    /// change leaves what the line says untouched.
    #[test]
    fn any_changed_byte_is_found(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let folder = TempDir::new().unwrap();
        let path = file(&folder);
        append(&path, None, story()).unwrap();
        let mut text = fs::read(&path).unwrap();
        let at = place.index(text.len() - 1);
        let old = std::mem::replace(&mut text[at], byte);
        fs::write(&path, &text).unwrap();
        let sound = verify(&path).is_sound();
        prop_assert_eq!(sound, old == byte || (old.is_ascii_whitespace() && byte.is_ascii_whitespace() && old != b'\n' && byte != b'\n'));
    }
}
