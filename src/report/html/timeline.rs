//! What each just-in-time grant left behind: a strip of the five links of the chain, a
//! bar of the time it took, and the events with the gaps between them in their places.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::island::clean;
use crate::report::text::{count, thousands};
use crate::report::{Timeline, TimelineEvent};

/// Width of the bar, in its own units.
const WIDTH: i64 = 1_000;

/// A link of the chain of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    Request,
    Approval,
    Issue,
    Use,
    End,
}

impl Link {
    const ALL: [Link; 5] = [
        Link::Request,
        Link::Approval,
        Link::Issue,
        Link::Use,
        Link::End,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Link::Request => "request",
            Link::Approval => "approval",
            Link::Issue => "issue",
            Link::Use => "use",
            Link::End => "end",
        }
    }

    /// The link an event belongs to, by its name with or without `grant.` before it.
    /// A planned end is no end.
    fn of(event: &str) -> Option<Link> {
        let name = event.rsplit('.').next().unwrap_or(event);
        Some(match name {
            "requested" | "scheduled" | "withdrawn" => Link::Request,
            "approved" | "denied" | "reviewed" => Link::Approval,
            "issued" | "activated" | "extended" => Link::Issue,
            "used" | "present" => Link::Use,
            "ended" | "revoked" | "revoke_failed" | "revoke-failed" | "expired" | "absent" => {
                Link::End
            }
            _ => return None,
        })
    }

    /// The link a sentence about a gap speaks of, by the first of these words in it.
    fn missing(sentence: &str) -> Option<Link> {
        const STEMS: [(&str, Link); 14] = [
            ("request", Link::Request),
            ("purpose", Link::Request),
            ("ticket", Link::Request),
            ("work", Link::Request),
            ("approv", Link::Approval),
            ("review", Link::Approval),
            ("issue", Link::Issue),
            ("activat", Link::Issue),
            ("use", Link::Use),
            ("session", Link::Use),
            ("end", Link::End),
            ("gone", Link::End),
            ("revo", Link::End),
            ("remov", Link::End),
        ];
        let sentence = sentence.to_lowercase();
        sentence
            .split(|c: char| !c.is_ascii_alphabetic())
            .find_map(|word| {
                let stem = STEMS.iter().find(|(stem, _)| word.starts_with(stem));
                stem.map(|&(_, link)| link)
            })
    }
}

/// A grant as the template shows it.
pub fn shown(line: &Timeline, now: Timestamp) -> Value {
    let chain: Vec<Value> = Link::ALL
        .into_iter()
        .map(|link| {
            // An attempt to end it that failed is no end.
            let seen = line.events.iter().any(|event| {
                Link::of(&event.what) == Some(link) && !event.what.ends_with("failed")
            });
            let (word, class) = match (seen, due(&line.state, link)) {
                (true, _) => ("seen", "seen"),
                (false, true) => ("not seen", "missing"),
                (false, false) => ("none", "quiet"),
            };
            json!({"name": link.as_str(), "word": word, "class": class})
        })
        .collect();
    json!({
        "subject": clean(&line.subject.name),
        "what": clean(&line.what),
        "ids": line.privileges.iter().map(|id| clean(id)).collect::<Vec<_>>().join(", "),
        "system": line.system,
        "tenant": clean(&line.tenant),
        "grant": clean(&line.grant),
        "state": clean(&line.state.to_lowercase().replace('_', " ")),
        "class": class(&line.state),
        "flags": line.flags.iter().map(|flag| clean(&flag.to_lowercase().replace('_', " "))).collect::<Vec<_>>(),
        "chain": chain,
        "bar": bar(line, now),
        "entries": entries(line),
    })
}

/// Whether a link must be there. That a grant was not used is no flaw, nor that one
/// which runs has no end, nor that nothing follows a refusal.
fn due(state: &str, link: Link) -> bool {
    match link {
        Link::Request => true,
        Link::Use => false,
        Link::Approval | Link::Issue | Link::End
            if matches!(state, "REFUSED" | "PENDING" | "ELIGIBLE_ONLY") =>
        {
            false
        }
        Link::End => !matches!(state, "COVERED" | "ACTIVE"),
        Link::Approval | Link::Issue => true,
    }
}

fn class(state: &str) -> &'static str {
    match state {
        "COVERED" => "good",
        "ACTIVE" | "ELIGIBLE_ONLY" | "ENDED" | "PENDING" | "REFUSED" => "",
        "BREAK_GLASS" | "DECLARED_EXCEPTION" | "NOT_EVALUABLE" => "warn",
        _ => "gate",
    }
}

/// Events, oldest first, each with the time since the one before, and each gap after
/// the last event of the links before it.
fn entries(line: &Timeline) -> Vec<Value> {
    let mut before: Option<Timestamp> = None;
    let mut rows: Vec<Value> = Vec::with_capacity(line.events.len() + line.gaps.len());
    // How far the chain has come with each row.
    let mut reached: Vec<Option<Link>> = Vec::with_capacity(rows.capacity());
    let (dated, undated): (Vec<_>, Vec<_>) =
        line.events.iter().partition(|event| event.at.is_some());
    for event in dated {
        let after = event
            .at
            .zip(before)
            .map(|(at, before)| at.duration_since(before))
            .filter(|length| *length > SignedDuration::ZERO);
        before = event.at;
        rows.push(row(event, after));
        reached.push(Link::of(&event.what));
    }
    // What keeps no time stands where the chain has it.
    for event in undated {
        let link = Link::of(&event.what);
        let at = link.map_or(rows.len(), |link| before_later(&reached, link));
        rows.insert(at, row(event, None));
        reached.insert(at, link);
    }
    for gap in &line.gaps {
        let row = json!({"gap": clean(gap)});
        let at = Link::missing(gap).map_or(rows.len(), |link| before_later(&reached, link));
        rows.insert(at, row);
        reached.insert(at, None);
    }
    rows
}

/// The place before the first row of a later link, or the end.
fn before_later(reached: &[Option<Link>], link: Link) -> usize {
    let later = |other: &Option<Link>| other.is_some_and(|other| other > link);
    reached.iter().position(later).unwrap_or(reached.len())
}

fn row(event: &TimelineEvent, after: Option<SignedDuration>) -> Value {
    json!({
        "at": event.at.map_or("time not kept".to_owned(), |at| {
            at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
        }),
        "after": after.map(length),
        "what": clean(&event.what.rsplit('.').next().unwrap_or(&event.what).replace('_', " ")),
        "planned": &*event.what == "expires",
        "by": event.by.map(|by| clean(&by)),
        "quality": clean(&event.quality),
        "class": clean(&event.evidence_class),
        "note": event.note.as_deref().map(clean),
    })
}

/// The time a grant took, where it is known when it was issued: what was granted, and
/// what it lasted beyond that.
fn bar(line: &Timeline, now: Timestamp) -> Option<Value> {
    let at = |names: &[&str]| {
        let named = |what: &str| names.contains(&what.rsplit('.').next().unwrap_or(what));
        line.events
            .iter()
            .rev()
            .find(|event| named(&event.what) && event.at.is_some())
            .and_then(|event| event.at)
    };
    let first = line.events.iter().filter_map(|event| event.at).min()?;
    let issued = at(&["issued", "activated"])?;
    let planned = at(&["expires"]);
    let ended = at(&["ended", "revoked"]).or_else(|| at(&["absent"]));
    let live = matches!(
        line.state.as_str(),
        "EXPIRED_BUT_LIVE" | "REVOKED_BUT_LIVE" | "EXCEPTION_EXPIRED"
    );
    let over = live || ended.is_some() || line.state == "ENDED";
    let runs = !over && issued <= now && planned.is_none_or(|end| end > now);
    // What is live after its end is live now, and so is what runs without an end.
    let last = match ended.or(planned) {
        _ if live => now,
        None if runs => now,
        end => end.unwrap_or(issued).max(issued),
    };
    let seen = line.events.iter().filter_map(|event| event.at).max()?;
    let end = last.max(seen).max(planned.unwrap_or(last));
    let span = end.duration_since(first).as_secs().max(1);
    let place = |time: Timestamp| {
        let offset = time.duration_since(first).as_secs().clamp(0, span);
        offset.saturating_mul(WIDTH) / span
    };
    let allowed = planned.filter(|_| live).unwrap_or(last).clamp(issued, last);
    let beyond = last.duration_since(allowed);
    let granted = length(allowed.duration_since(issued));
    let words = match (runs, planned.or(ended)) {
        (true, planned) => {
            let so_far = length(now.duration_since(issued));
            let of = planned.map_or(String::new(), |_| format!(" of {granted}"));
            Some(format!(
                "runs since {}, {so_far} so far{of}",
                minute(issued)
            ))
        }
        _ if issued > now => Some(format!("begins {}", minute(issued))),
        (false, Some(_)) => Some(format!("lasted {granted}")),
        // It is over, and nobody knows since when.
        (false, None) => None,
    };
    Some(json!({
        "granted": {"x": place(issued), "width": (place(allowed) - place(issued)).max(4)},
        "over": (beyond > SignedDuration::ZERO).then(|| {
            json!({"x": place(allowed), "width": (place(last) - place(allowed)).max(4)})
        }),
        "marks": line.events.iter().filter_map(|event| event.at).map(place).map(|x| x.min(WIDTH - 3)).collect::<Vec<_>>(),
        "words": words,
        "beyond": (beyond > SignedDuration::ZERO).then(|| length(beyond)),
    }))
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `4 h`, `1 min 9 s`: the two largest units.
fn length(time: SignedDuration) -> String {
    let seconds = time.as_secs().unsigned_abs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|&(n, _)| n > 0).unwrap_or(3);
    let shown: Vec<String> = parts
        .iter()
        .skip(first)
        .take(2)
        .filter(|&&(n, _)| n > 0)
        .map(|(n, unit)| format!("{n} {unit}"))
        .collect();
    if shown.is_empty() {
        "0 s".to_owned()
    } else {
        shown.join(" ")
    }
}

/// One sentence over all of them.
pub fn lead(lines: &[Timeline]) -> String {
    let wrong = lines
        .iter()
        .filter(|line| class(&line.state) == "gate")
        .count();
    let verdict = match wrong {
        0 => "none of them with an open question".to_owned(),
        1 => "1 of them not as it should be".to_owned(),
        n => format!("{} of them not as they should be", thousands(n)),
    };
    format!(
        "{}, {verdict}. A hollow mark is a link of the chain that nobody saw.",
        count(lines.len(), "grant")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Subject, Sym, System};

    fn event(what: &str, at: Option<&str>) -> TimelineEvent {
        TimelineEvent {
            at: at.and_then(|at| at.parse().ok()),
            what: Sym::new(what),
            by: None,
            quality: Sym::new("exact"),
            evidence_class: Sym::new("E3"),
            note: None,
        }
    }

    fn line(state: &str, events: Vec<TimelineEvent>, gaps: &[&str]) -> Timeline {
        Timeline {
            grant: Sym::new("g"),
            subject: Subject {
                id: Sym::new("a"),
                kind: Sym::new("human"),
                name: Sym::new("a"),
            },
            system: System::Aws,
            tenant: Sym::new("1"),
            what: "x".into(),
            privileges: Vec::new(),
            state: Sym::new(state),
            flags: Vec::new(),
            events,
            gaps: gaps.iter().map(|&gap| gap.into()).collect(),
        }
    }

    fn now() -> Timestamp {
        "2026-11-22T09:00:00Z".parse().unwrap()
    }

    #[test]
    fn gaps_stand_where_the_link_would() {
        let line = line(
            "EXPIRED_BUT_LIVE",
            vec![
                event("grant.requested", Some("2026-11-22T01:00:00Z")),
                event("grant.issued", Some("2026-11-22T01:01:30Z")),
                event("grant.used", Some("2026-11-22T02:00:00Z")),
            ],
            &["no end seen", "no approval seen", "something else"],
        );
        let shown = shown(&line, now());
        let order: Vec<&str> = shown["entries"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|row| row["gap"].as_str().or(row["what"].as_str()))
            .collect();
        assert_eq!(
            order,
            [
                "requested",
                "no approval seen",
                "issued",
                "used",
                "no end seen",
                "something else"
            ]
        );
        let chain: Vec<&str> = shown["chain"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|link| link["word"].as_str())
            .collect();
        assert_eq!(chain, ["seen", "not seen", "seen", "seen", "not seen"]);
        assert_eq!(shown["entries"][2]["after"], "1 min 30 s");
    }

    #[test]
    fn what_keeps_no_time_stands_where_the_chain_has_it() {
        let line = line(
            "ENDED",
            vec![
                event("approved", None),
                event("requested", Some("2026-11-22T01:00:00Z")),
                event("issued", Some("2026-11-22T01:01:30Z")),
            ],
            &[],
        );
        let rows = entries(&line);
        let order: Vec<&str> = rows.iter().filter_map(|row| row["what"].as_str()).collect();
        assert_eq!(order, ["requested", "approved", "issued"]);
        assert_eq!(rows[1]["at"], "time not kept");
        assert_eq!(rows[2]["after"], "1 min 30 s");
    }

    #[test]
    fn what_outlives_its_end_shows_beyond_it() {
        let line = line(
            "EXPIRED_BUT_LIVE",
            vec![
                event("issued", Some("2026-11-22T01:00:00Z")),
                event("expires", Some("2026-11-22T05:00:00Z")),
            ],
            &[],
        );
        let bar = bar(&line, now()).unwrap();
        assert_eq!(bar["granted"], json!({"x": 0, "width": 500}));
        assert_eq!(bar["over"], json!({"x": 500, "width": 500}));
        assert_eq!(
            (&bar["words"], &bar["beyond"]),
            (&json!("lasted 4 h"), &json!("4 h"))
        );
    }

    #[test]
    fn what_ended_in_time_has_nothing_beyond() {
        let line = line(
            "COVERED",
            vec![
                event("issued", Some("2026-11-22T01:00:00Z")),
                event("ended", Some("2026-11-22T03:00:00Z")),
                event("expires", Some("2026-11-22T05:00:00Z")),
            ],
            &[],
        );
        let bar = bar(&line, now()).unwrap();
        assert_eq!(bar["granted"], json!({"x": 0, "width": 500}));
        assert!(bar["over"].is_null());
        assert_eq!(bar["words"], "lasted 2 h");
    }

    #[test]
    fn what_still_runs_has_not_lasted_yet() {
        let words = |state: &str, until: Option<&str>| {
            let mut events = vec![event("issued", Some("2026-11-22T07:00:00Z"))];
            events.extend(until.map(|end| event("expires", Some(end))));
            bar(&line(state, events, &[]), now()).unwrap()["words"].clone()
        };
        assert_eq!(
            words("COVERED", Some("2026-11-22T11:00:00Z")),
            "runs since 2026-11-22 07:00 UTC, 2 h so far of 4 h"
        );
        assert_eq!(
            words("ACTIVE", None),
            "runs since 2026-11-22 07:00 UTC, 2 h so far"
        );
        assert_eq!(
            words("COVERED", Some("2026-11-22T08:30:00Z")),
            "lasted 1 h 30 min"
        );
        assert!(words("ENDED", None).is_null(), "nobody saw its end");
    }

    #[test]
    fn times_nobody_knows_draw_no_bar() {
        assert!(bar(&line("UNAPPROVED", vec![event("issued", None)], &[]), now()).is_none());
        assert!(bar(&line("UNAPPROVED", Vec::new(), &[]), now()).is_none());
        let far = vec![
            event("issued", Some("-009999-01-02T01:59:59Z")),
            event("expires", Some("9999-12-30T22:00:00Z")),
        ];
        assert!(bar(&line("EXPIRED_BUT_LIVE", far, &[]), now()).is_some());
    }

    #[test]
    fn lengths() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (3_600, "1 h"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(length(SignedDuration::from_secs(seconds)), text);
        }
    }
}
