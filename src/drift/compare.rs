//! In what one fact of two states differs.

use super::baseline::Baseline;
use super::diff::{Change, ChangeKind};
use super::record::{Ends, Record, demands};
use super::widen::{Widening, widens, widens_within};
use crate::model::{Activation, Effect, FactKind, NOT_READ, Permission, PermissionSet, Sym};

/// What a document that only gained denies is told with.
pub(super) const DENIES_MORE: &str = "it denies more";

/// Compares two statements of one fact. A trust may be stated more than once, with
/// different conditions; then each new statement must have been there before.
pub(super) fn compare(
    old: &Baseline,
    was: &[&Record],
    new: &Baseline,
    is: &[&Record],
) -> Option<Change> {
    let (first_was, first_is) = (surest(was)?, surest(is)?);
    let mut found: Vec<(ChangeKind, String)> = Vec::new();
    for is in is {
        if was.contains(is) {
            continue;
        }
        // The closest earlier statement: the one that differs in the fewest points.
        let closest = was
            .iter()
            .map(|was| differences(old, was, new, is))
            .min_by_key(|list| (list.iter().map(|(kind, _)| *kind).max(), list.len()));
        found.extend(closest.unwrap_or_default());
    }
    if is.len() < was.len() && found.is_empty() {
        found.push((
            ChangeKind::Narrowed,
            format!("{} of {} statements are left", is.len(), was.len()),
        ));
    }
    let kind = found.iter().map(|(kind, _)| *kind).max()?;
    let mut details: Vec<String> = found.into_iter().map(|(_, text)| text).collect();
    details.dedup();
    Some(Change {
        kind,
        key: first_is.key,
        before: Some(first_was.clone()),
        after: Some(first_is.clone()),
        details,
    })
}

/// Of several statements of one fact the first that holds most surely.
pub(super) fn surest<'a>(records: &[&'a Record]) -> Option<&'a Record> {
    let sure = records.iter().rev().max_by_key(|record| record.verdict);
    sure.copied()
}

/// Everything in which `is` differs from `was`.
fn differences(
    old: &Baseline,
    was: &Record,
    new: &Baseline,
    is: &Record,
) -> Vec<(ChangeKind, String)> {
    let mut found = Vec::new();
    let mut note = |kind, text: String| found.push((kind, text));

    if was.who != is.who {
        note(
            ChangeKind::Renamed,
            format!("{} is now called {}", was.who, is.who),
        );
    }
    if was.owner != is.owner {
        let name = |owner: Option<Sym>| owner.map_or("nobody".to_owned(), |name| name.to_string());
        note(
            ChangeKind::ReOwned,
            format!("owner was {}, is {}", name(was.owner), name(is.owner)),
        );
    }
    if was.tier != is.tier {
        note(
            if is.tier > was.tier {
                ChangeKind::Widened
            } else {
                ChangeKind::Narrowed
            },
            format!("tier was {}, is {}", was.tier.as_str(), is.tier.as_str()),
        );
    }
    if was.verdict != is.verdict {
        note(
            if is.verdict > was.verdict {
                ChangeKind::Widened
            } else {
                ChangeKind::Narrowed
            },
            format!(
                "verdict was {}, is {}",
                was.verdict.as_str(),
                is.verdict.as_str()
            ),
        );
    }
    if let (Some(before), Some(after)) = (was.activation, is.activation)
        && before != after
    {
        let kind = match (before, after) {
            (_, Activation::Standing) => ChangeKind::BecameStanding,
            (_, Activation::Unknown) => ChangeKind::PossiblyWidened,
            _ => ChangeKind::BecameEligible,
        };
        note(
            kind,
            format!("was {}, is {}", before.as_str(), after.as_str()),
        );
    }
    if let (Some(before), Some(after)) = (was.ends, is.ends)
        && before != after
    {
        let (kind, text) = match (before, after) {
            (Ends::Dated, Ends::Never) => (ChangeKind::Extended, "no longer ends by itself"),
            (Ends::Dated, _) => (
                ChangeKind::Extended,
                "it can no longer be seen that it ends",
            ),
            (_, Ends::Dated) => (ChangeKind::Shortened, "ends by itself now"),
            // Seen to be endless what was only not seen to end, or the other way:
            // knowledge changed, not the access.
            _ => return finish(found, old, was, new, is),
        };
        note(kind, text.to_owned());
    }
    finish(found, old, was, new, is)
}

/// Conditions and permissions, which need the documents.
fn finish(
    mut found: Vec<(ChangeKind, String)>,
    old: &Baseline,
    was: &Record,
    new: &Baseline,
    is: &Record,
) -> Vec<(ChangeKind, String)> {
    // Where both sides' documents are known and differ, they decide; what is left of
    // conditions follows from them, but for a document that was not read.
    let unread = |record: &Record| {
        let condition = record.condition;
        condition.is_some_and(|condition| condition.ends_with(NOT_READ))
    };
    let read = |side: &Baseline, digest: Option<Sym>| {
        digest.is_some_and(|digest| side.permissions(digest).is_some())
    };
    let documented = (was.permissions != is.permissions || was.limits != is.limits)
        && read(old, was.permissions)
        && read(new, is.permissions)
        && unread(was) == unread(is)
        // Nothing follows from two levels of guardrails for those beyond them.
        && !is.is_guardrails();
    match (was.condition, is.condition) {
        _ if documented => {}
        (before, after) if before == after => {}
        (Some(before), None) => {
            found.push((
                ChangeKind::Widened,
                format!("no longer needs that {before}"),
            ));
        }
        (None, Some(after)) => {
            found.push((ChangeKind::Narrowed, format!("now needs that {after}")));
        }
        // All claims of a trust must hold.
        (Some(before), Some(after))
            if is.key.kind == FactKind::Trust && demands(&after, &before) =>
        {
            found.push((
                ChangeKind::Narrowed,
                format!("needed that {before}, now needs that {after}"),
            ));
        }
        (Some(before), Some(after))
            if is.key.kind == FactKind::Trust && demands(&before, &after) =>
        {
            found.push((
                ChangeKind::Widened,
                format!("needed that {before}, now only that {after}"),
            ));
        }
        (before, after) => found.push((
            ChangeKind::PossiblyWidened,
            format!(
                "condition was {}, is {}",
                before.as_deref().unwrap_or_default(),
                after.as_deref().unwrap_or_default()
            ),
        )),
    }
    let gained: Vec<&str> = is
        .brings
        .iter()
        .filter(|one| !was.brings.iter().any(|had| is_some_of(one, had)))
        .map(|one| one.as_str())
        .collect();
    if !gained.is_empty() {
        // Which policies ask for it is not known: not all of them are read.
        found.push((
            ChangeKind::PossiblyWidened,
            format!(
                "who comes in may now bring {}, for which policies may ask",
                gained.join(", ")
            ),
        ));
    } else if was.brings != is.brings {
        found.push((
            ChangeKind::Narrowed,
            "who comes in may bring less along".to_owned(),
        ));
    }
    if was.permissions != is.permissions || was.limits != is.limits {
        let before = was.permissions.and_then(|digest| old.permissions(digest));
        let after = is.permissions.and_then(|digest| new.permissions(digest));
        let limit_before = was.limits.and_then(|digest| old.permissions(digest));
        let limit_after = is.limits.and_then(|digest| new.permissions(digest));
        match (before, after) {
            (Some(before), Some(after)) => {
                let before_within = (std::slice::from_ref(before), limit_before);
                let after_within = (std::slice::from_ref(after), limit_after);
                match widens_within(before_within, after_within) {
                    // A deny cuts what *other* entitlements of the same identity allow,
                    // so one that is gone may widen them although this document itself
                    // allows no more.
                    Widening::Same | Widening::Narrower if lost_denies(before, after) => {
                        found.push((
                            ChangeKind::PossiblyWidened,
                            "it no longer denies all it denied".to_owned(),
                        ));
                    }
                    Widening::Same if lost_denies(after, before) => {
                        found.push((ChangeKind::Narrowed, DENIES_MORE.to_owned()));
                    }
                    Widening::Same => {}
                    Widening::Narrower => {
                        found.push((ChangeKind::Narrowed, "allows less".to_owned()));
                    }
                    Widening::Wider { what } => {
                        found.push((ChangeKind::Widened, format!("now also allows {what}")));
                    }
                    Widening::Undecidable { why } => found.push((
                        ChangeKind::PossiblyWidened,
                        format!("its permissions changed, and {why}"),
                    )),
                }
            }
            (None, None) if was.permissions == is.permissions => {}
            (Some(_), None) => found.push((
                ChangeKind::PossiblyWidened,
                "what it allows could not be read this time".to_owned(),
            )),
            (None, _) => found.push((
                ChangeKind::PossiblyWidened,
                "what it allowed is not in the baseline".to_owned(),
            )),
        }
    }
    found
}

/// Whether what may be brought along is another, or the same under conditions.
fn is_some_of(one: &str, other: &str) -> bool {
    let under = one.strip_prefix(other);
    under.is_some_and(|under| under.is_empty() || under.starts_with(' '))
}

/// Whether `was` denies something that `is` does not: its denies, read as allows, are
/// not all within the other's.
pub(super) fn lost_denies(was: &PermissionSet, is: &PermissionSet) -> bool {
    let denies = |set: &PermissionSet| {
        PermissionSet::new(
            set.permissions
                .iter()
                .filter(|permission| permission.effect == Effect::Deny)
                .map(|permission| Permission {
                    effect: Effect::Allow,
                    ..permission.clone()
                })
                .collect(),
        )
    };
    matches!(
        widens(&[denies(is)], &[denies(was)]),
        Widening::Wider { .. } | Widening::Undecidable { .. }
    )
}
