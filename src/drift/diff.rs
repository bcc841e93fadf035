//! The difference of two sets of records.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::baseline::Baseline;
use super::compare::{DENIES_MORE, compare, lost_denies, surest};
use super::record::{Ends, Record};
use super::widen::{Widening, widens_within};
use crate::model::{Activation, Coverage, FactKey, FactKind, PermissionSet, Sym, System, Tier};

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
