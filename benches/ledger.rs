//! A ledger of a million lines: `cargo bench --bench ledger [LINES]`.
//!
//! Appends them, then reads, verifies and folds them. The yardstick is `serde_json`
//! reading the same lines as plain values, in one thread, which verifies nothing.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use tenure::jit::ledger::event::{Data, Party, Purpose, Source, Ticket};
use tenure::jit::ledger::{Event, EventKind, append, load, read};
use tenure::model::{Channel, EndCause, EvidenceClass, Quality};

/// The life of one grant: request, approval, issue, end.
fn events(grants: usize) -> Vec<Event> {
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut all = Vec::with_capacity(grants * 4);
    for at in 0..grants {
        let source = Source {
            system: "aws-team".into(),
            instance: "prod".into(),
            object: format!("requests/{at}").into(),
            retrieved_at: start,
            importer: "aws-team/1".into(),
            raw_sha256: None,
        };
        let when = |minutes: usize| {
            start
                .checked_add(Duration::from_secs((at * 20 + minutes * 60) as u64))
                .ok()
        };
        let who = Party::mail(&format!("user{}@x.io", at % 5_000));
        let id = format!("aws-team:prod:{at}");
        let event = |kind| Event::new(kind, id.as_str(), source.clone(), EvidenceClass::Exported);
        let mut request = event(EventKind::Requested)
            .at(when(0), Quality::Recorded)
            .by(Some(who));
        request.data = Data {
            subject: Some(who),
            system: Some("aws-idc".into()),
            privs: vec![format!("arn:aws:sso:::permissionSet/ssoins-1/ps-{}", at % 40).into()],
            scope: [("account".into(), format!("{:012}", at % 300).into())].into(),
            purpose: Some(Purpose {
                text: Some("fix the importer of settlements".into()),
                ticket: Some(Ticket {
                    key: format!("OPS-{}", at / 3).into(),
                    ..Ticket::default()
                }),
            }),
            expires_at: when(70),
            ..Data::default()
        };
        let mut approval = event(EventKind::Approved)
            .at(when(5), Quality::Recorded)
            .by(Some(Party::mail(&format!("lead{}@x.io", at % 200))));
        approval.data.channel = Some(Channel::Tool);
        let issue = event(EventKind::Issued).at(when(10), Quality::Recorded);
        let mut end = event(EventKind::Ended).at(when(70), Quality::Recorded);
        end.data.cause = Some(EndCause::Expiry);
        all.extend([request, approval, issue, end]);
    }
    all.iter_mut().for_each(Event::name);
    all
}

fn main() {
    let lines = std::env::args()
        .filter_map(|text| text.parse::<usize>().ok())
        .next()
        .unwrap_or(1_000_000);
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("tenure.ledger.jsonl");
    let timed = |what: &str, start: Instant| {
        println!("{what:<28} {:>7.2} s", start.elapsed().as_secs_f64());
    };

    let start = Instant::now();
    let events = events(lines / 4);
    timed("make and name events", start);
    let start = Instant::now();
    append(&path, None, events).unwrap();
    timed("append", start);
    let size = std::fs::metadata(&path).unwrap().len();
    println!("{lines} lines, {} MB", size >> 20);

    let start = Instant::now();
    let text = std::fs::read_to_string(&path).unwrap();
    let values = text
        .lines()
        .filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
        .count();
    timed("serde_json, nothing verified", start);
    assert_eq!(values, lines);
    drop(text);

    let start = Instant::now();
    assert!(read(&[&path], |_, _| ()).unwrap().is_sound());
    timed("verify", start);
    let start = Instant::now();
    let ledger = load(&[&path]).unwrap();
    timed("verify and fold", start);
    assert_eq!(ledger.grants.len(), lines / 4);
    let start = Instant::now();
    drop(ledger);
    timed("forget", start);
}
