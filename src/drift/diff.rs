//! The difference of two sets of records.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::baseline::Baseline;
use super::record::{Ends, Record, demands};
use super::widen::{Widening, widens, widens_within};
use crate::model::{
    Activation, Coverage, Effect, FactKey, FactKind, NOT_READ, Permission, PermissionSet, Sym,
    System, Tier,
};

/// What happened to a fact. Ordered from least to most worrying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// The same access under another name.
    Renamed,
    /// It is gone.
    Removed,
    /// It is gone, and it was one that ends by itself.
    Expired,
    /// Another grant, and its holder may do no more than before.
    Regranted,
    /// It allows less, or less surely.
    Narrowed,
    /// It ends by itself now.
    Shortened,
    /// It must be activated now.
    BecameEligible,
    /// Another owner, or none.
    ReOwned,
    /// Same name, another immutable identity: deleted and made again.
    Recreated,
    /// Not seen this time, because its source was not or not completely seen.
    Incomparable,
    /// It no longer ends by itself, as far as can be seen.
    Extended,
    /// It is different, and it could not be decided that it does not allow more.
    PossiblyWidened,
    /// It allows more.
    Widened,
    /// It no longer needs activation.
    BecameStanding,
    /// It was not there.
    Added,
}

/// How much a kind of change matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// Not more access than before.
    Info,
    /// Somebody should look.
    Warn,
    /// More standing access than was accepted.
    Gate,
}

impl ChangeKind {
    /// The name used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Renamed => "renamed",
            ChangeKind::Removed => "removed",
            ChangeKind::Expired => "expired",
            ChangeKind::Regranted => "regranted",
            ChangeKind::Narrowed => "narrowed",
            ChangeKind::Shortened => "shortened",
            ChangeKind::BecameEligible => "became-eligible",
            ChangeKind::ReOwned => "re-owned",
            ChangeKind::Recreated => "recreated",
            ChangeKind::Incomparable => "incomparable",
            ChangeKind::Extended => "extended",
            ChangeKind::PossiblyWidened => "possibly-widened",
            ChangeKind::Widened => "widened",
            ChangeKind::BecameStanding => "became-standing",
            ChangeKind::Added => "added",
        }
    }

    /// How much it matters.
    pub const fn weight(self) -> Weight {
        match self {
            ChangeKind::Renamed
            | ChangeKind::Removed
            | ChangeKind::Expired
            | ChangeKind::Regranted
            | ChangeKind::Narrowed
            | ChangeKind::Shortened
            | ChangeKind::BecameEligible => Weight::Info,
            ChangeKind::ReOwned | ChangeKind::Recreated | ChangeKind::Incomparable => Weight::Warn,
            ChangeKind::Extended
            | ChangeKind::PossiblyWidened
            | ChangeKind::Widened
            | ChangeKind::BecameStanding
            | ChangeKind::Added => Weight::Gate,
        }
    }
}

/// One fact that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened, the worst of it.
    pub kind: ChangeKind,
    /// Which fact.
    pub key: FactKey,
    /// What it was.
    pub before: Option<Record>,
    /// What it is.
    pub after: Option<Record>,
    /// All that is different, one phrase each.
    pub details: Vec<String>,
}

/// Compares what was accepted with what is. `coverage` is the new side's own
/// statement of what it could not see. Changes come in the order of the records.
pub fn diff(old: &Baseline, new: &Baseline, coverage: &[Coverage]) -> Vec<Change> {
    let before = by_key(&old.records);
    let after = by_key(&new.records);
    let seen: BTreeSet<(System, Sym)> = new
        .records
        .iter()
        .map(|record| (record.system, record.tenant))
        // Of what was looked at and found empty, coverage alone tells.
        .chain(coverage.iter().map(|one| (one.system, one.tenant)))
        .collect();
    let blind: BTreeSet<(System, Sym)> = coverage
        .iter()
        .filter(|one| one.is_gap())
        .map(|one| (one.system, one.tenant))
        .collect();

    let after_holders: BTreeSet<(System, Sym, Sym)> = new
        .records
        .iter()
        .map(|record| (record.system, record.tenant, record.who))
        .collect();

    let mut gone: Vec<&Record> = Vec::new();
    let mut come: Vec<&Record> = Vec::new();
    let mut changes = Vec::new();
    for (key, was) in &before {
        match after.get(key) {
            Some(is) => changes.extend(compare(old, was, new, is)),
            None => gone.extend(was.first()),
        }
    }
    come.extend(
        after
            .iter()
            .filter(|(key, _)| !before.contains_key(*key))
            .filter_map(|(_, is)| surest(is)),
    );

    // Deleted and made again: the same words, another immutable identity.
    let mut again: FxHashMap<_, &Record> = gone
        .iter()
        .filter(|record| record.uid.is_some())
        .map(|record| (words(record), *record))
        .collect();
    let arrived = come.clone();
    for is in come {
        let was = is.uid.and_then(|_| again.remove(&words(is)));
        match was {
            Some(was) => {
                gone.retain(|record| record.key != was.key);
                let mut change = compare(old, &[was], new, &[is]).unwrap_or(Change {
                    kind: ChangeKind::Recreated,
                    key: is.key,
                    before: Some(was.clone()),
                    after: Some(is.clone()),
                    details: Vec::new(),
                });
                change.key = is.key;
                change.kind = change.kind.max(ChangeKind::Recreated);
                change.details.insert(
                    0,
                    format!(
                        "deleted and made again: {} is now {}",
                        was.uid.as_deref().unwrap_or_default(),
                        is.uid.as_deref().unwrap_or_default()
                    ),
                );
                changes.push(change);
            }
            // They were not read before: what is known of them now bounds no more or less.
            None if is.is_guardrails() => {}
            None => changes.push(Change {
                kind: ChangeKind::Added,
                key: is.key,
                before: None,
                after: Some(is.clone()),
                details: Vec::new(),
            }),
        }
    }
    for was in gone {
        let place = (was.system, was.tenant);
        // What whoever gets it is denied may stand in another document now.
        let moved: Vec<PermissionSet> = arrived
            .iter()
            .filter(|is| was.whoever && is.whoever)
            .filter(|is| (is.system, is.tenant) == place)
            .filter_map(|is| new.permissions(is.permissions?).cloned())
            .collect();
        let denied = was
            .permissions
            .and_then(|digest| old.permissions(digest))
            .is_some_and(|set| lost_denies(set, &together(&moved)));
        let holder_stays =
            was.whoever || after_holders.contains(&(was.system, was.tenant, was.who));
        let (kind, details) = if !seen.contains(&place) {
            (
                ChangeKind::Incomparable,
                vec![format!("{} {} was not scanned", was.system, was.tenant)],
            )
        } else if was.is_guardrails() {
            (
                ChangeKind::Incomparable,
                vec!["the guardrails were not read this time".to_owned()],
            )
        } else if denied && holder_stays {
            // Even where not all was seen: an unseen deny is none to count on.
            (
                ChangeKind::PossiblyWidened,
                vec!["what it denied is no longer denied".to_owned()],
            )
        } else if blind.contains(&place) {
            (
                ChangeKind::Incomparable,
                vec![format!(
                    "not seen, but {} {} was not completely seen either",
                    was.system, was.tenant
                )],
            )
        } else if was.ends == Some(Ends::Dated) {
            (ChangeKind::Expired, Vec::new())
        } else {
            (ChangeKind::Removed, Vec::new())
        };
        changes.push(Change {
            kind,
            key: was.key,
            before: Some(was.clone()),
            after: None,
            details,
        });
    }
    regrant(&mut changes, old, new);
    changes.sort_by(|a, b| {
        let place = |change: &Change| {
            let record = change.after.as_ref().or(change.before.as_ref());
            record.map(|record| (record.system, record.tenant, record.who, record.what))
        };
        b.kind
            .weight()
            .cmp(&a.kind.weight())
            .then_with(|| place(a).cmp(&place(b)))
            .then_with(|| a.key.cmp(&b.key))
    });
    changes
}

/// What a document that only gained denies is told with.
const DENIES_MORE: &str = "it denies more";

/// Whose grants add up, and on what.
type Holding = (System, Sym, Sym, Option<Sym>);

fn holding(record: &Record) -> Holding {
    (record.system, record.tenant, record.who, record.scope)
}

/// All grants of one holder: their documents, and what limits each of them.
struct Sum {
    sets: Vec<PermissionSet>,
    limits: Option<Sym>,
}

fn together(sets: &[PermissionSet]) -> PermissionSet {
    let all = sets.iter().flat_map(|set| set.permissions.iter().cloned());
    PermissionSet::new(all.collect())
}

/// What counts towards the sum of somebody's grants: it stands, it lasts, and it works.
fn adds_up(record: &Record) -> bool {
    record.key.kind == FactKind::Entitlement
        && record.activation == Some(Activation::Standing)
        && record.ends != Some(Ends::Dated)
        && record.condition.is_none()
}

/// A policy split in two, or moved from one grant to another, gives nobody anything:
/// where all grants of one holder together allow no more than they did, a new or wider
/// one among them is a [`ChangeKind::Regranted`].
fn regrant(changes: &mut Vec<Change>, old: &Baseline, new: &Baseline) {
    // A lower tier of the same document is less, whatever the documents say.
    let less = |change: &Change| match change.kind {
        ChangeKind::Removed => true,
        ChangeKind::Narrowed => change
            .before
            .as_ref()
            .zip(change.after.as_ref())
            .is_some_and(|(was, is)| was.permissions != is.permissions),
        _ => false,
    };
    let more = |change: &Change| {
        let kind = matches!(
            change.kind,
            ChangeKind::Added | ChangeKind::Widened | ChangeKind::PossiblyWidened
        );
        (kind || less(change)) && change.key.kind == FactKind::Entitlement
    };
    let touched: BTreeSet<Holding> = changes
        .iter()
        .filter(|change| more(change))
        .filter_map(|change| change.after.as_ref().or(change.before.as_ref()))
        .map(holding)
        .collect();
    if touched.is_empty() {
        return;
    }
    let sum = |side: &Baseline| {
        let mut sums: FxHashMap<Holding, Option<Sum>> = FxHashMap::default();
        for record in &side.records {
            let holding = holding(record);
            if record.key.kind != FactKind::Entitlement || !touched.contains(&holding) {
                continue;
            }
            let limits = record.limits;
            let sum = sums.entry(holding).or_insert_with(|| {
                let sets = Vec::new();
                Some(Sum { sets, limits })
            });
            let set = record
                .permissions
                .and_then(|digest| side.permissions(digest));
            match (set, sum.as_mut()) {
                (Some(set), Some(sum)) if adds_up(record) && sum.limits == limits => {
                    sum.sets.push(set.clone());
                }
                // Something in it cannot be added up.
                _ => *sum = None,
            }
        }
        sums
    };
    let (before, after) = (sum(old), sum(new));
    let same: FxHashMap<Holding, Option<Widening>> = touched
        .into_iter()
        .map(|holding| {
            let sums = before.get(&holding).zip(after.get(&holding));
            let same = match sums {
                Some((Some(before), Some(after))) => {
                    let limit =
                        |sum: &Sum, side| sum.limits.and_then(|at| Baseline::permissions(side, at));
                    let before = (&*before.sets, limit(before, old));
                    let after = (&*after.sets, limit(after, new));
                    let lost = lost_denies(&together(before.0), &together(after.0));
                    let widening = widens_within(before, after);
                    let wider = matches!(widening, Widening::Wider { .. });
                    (wider || !lost).then_some(widening)
                }
                _ => None,
            };
            (holding, same)
        })
        .collect();
    let tiers = |side: &Baseline| {
        let mut tiers: FxHashMap<Holding, Tier> = FxHashMap::default();
        for record in &side.records {
            if record.key.kind == FactKind::Entitlement {
                let tier = tiers.entry(holding(record)).or_default();
                *tier = (*tier).max(record.tier);
            }
        }
        tiers
    };
    let (tier_before, tier_after) = (tiers(old), tiers(new));
    for change in changes.iter_mut().filter(|change| more(change)) {
        let Some(record) = change.after.as_ref().or(change.before.as_ref()) else {
            continue;
        };
        let holding = holding(record);
        let tier =
            |tiers: &FxHashMap<Holding, Tier>| tiers.get(&holding).copied().unwrap_or_default();
        let rises = change
            .before
            .as_ref()
            .zip(change.after.as_ref())
            .is_some_and(|(was, is)| is.verdict > was.verdict && is.permissions == was.permissions);
        if rises || tier(&tier_after) > tier(&tier_before) {
            continue;
        }
        match same.get(&holding) {
            // Denies that cut nothing its holder has are no change to tell.
            Some(Some(Widening::Same)) if change.details == [DENIES_MORE] => {
                change.kind = ChangeKind::Regranted;
                change.details.clear();
            }
            Some(Some(Widening::Same)) => {
                change.kind = ChangeKind::Regranted;
                change.details = vec!["all grants of its holder together allow the same".into()];
            }
            Some(Some(Widening::Narrower)) if !less(change) => {
                change.kind = ChangeKind::Narrowed;
                change.details = vec!["all grants of its holder together allow less".into()];
            }
            Some(Some(Widening::Wider { what })) if change.kind == ChangeKind::PossiblyWidened => {
                change.kind = ChangeKind::Widened;
                change.details = vec![format!("its holder may now also do {what}")];
            }
            _ => {}
        }
    }
    changes.retain(|change| change.kind != ChangeKind::Regranted || !change.details.is_empty());
}

fn by_key(records: &[Record]) -> FxHashMap<FactKey, Vec<&Record>> {
    let mut map: FxHashMap<FactKey, Vec<&Record>> = FxHashMap::default();
    for record in records {
        map.entry(record.key).or_default().push(record);
    }
    map
}

/// What a person would take for the same thing.
fn words(record: &Record) -> (System, Sym, Sym, Sym, FactKind) {
    (
        record.system,
        record.tenant,
        record.who,
        record.what,
        record.key.kind,
    )
}

/// Compares two statements of one fact. A trust may be stated more than once, with
/// different conditions; then each new statement must have been there before.
fn compare(old: &Baseline, was: &[&Record], new: &Baseline, is: &[&Record]) -> Option<Change> {
    let (first_was, first_is) = (surest(was)?, surest(is)?);
    let mut found: Vec<(ChangeKind, String)> = Vec::new();
    for is in is {
        if was.iter().any(|was| same(was, is)) {
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
fn surest<'a>(records: &[&'a Record]) -> Option<&'a Record> {
    let sure = records.iter().rev().max_by_key(|record| record.verdict);
    sure.copied()
}

fn same(was: &Record, is: &Record) -> bool {
    was == is
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
        && unread(was) == unread(is);
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
fn lost_denies(was: &PermissionSet, is: &PermissionSet) -> bool {
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
