//! Which of several statements counts.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::jit::ledger::event::{Event, EventKind};
use crate::model::{Actor, EvidenceClass, Quality};

/// Clocks of two systems that differ by less agree.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How much a statement counts: evidence, nearness to the fact, quality, and when it
/// was read.
pub(super) type Rank = (
    EvidenceClass,
    EventKind,
    std::cmp::Reverse<Quality>,
    Timestamp,
);

/// The statement that counts most. Equal ranks are decided by the value, so that the
/// order in which statements come never shows.
#[derive(Clone, Debug)]
pub(super) struct Best<T>(pub Option<(Rank, T)>);

impl<T> Default for Best<T> {
    fn default() -> Self {
        Best(None)
    }
}

impl<T: Ord> Best<T> {
    pub fn offer(&mut self, rank: Rank, value: Option<T>) {
        let Some(value) = value else { return };
        if self
            .0
            .as_ref()
            .is_none_or(|(old, kept)| (old, kept) < (&rank, &value))
        {
            self.0 = Some((rank, value));
        }
    }

    pub fn class(&self) -> Option<EvidenceClass> {
        self.0.as_ref().map(|(rank, _)| rank.0)
    }

    pub fn value(self) -> Option<T> {
        self.0.map(|(_, value)| value)
    }
}

/// A fact that several sources may tell: its best time, and who told it.
#[derive(Clone, Debug, Default)]
pub(super) struct Fact {
    at: Best<(Timestamp, Option<Actor>)>,
    by: Best<Actor>,
    told: BTreeSet<(EvidenceClass, Option<Timestamp>)>,
}

impl Fact {
    pub fn tell(&mut self, rank: Rank, event: &Event) {
        let by = event.actor.map(|party| party.actor());
        self.at.offer(rank, event.at.map(|at| (at, by)));
        self.by.offer(rank, by);
        self.told.insert((event.evidence_class, event.at));
    }

    pub fn happened(&self) -> bool {
        !self.told.is_empty()
    }

    /// The class of the evidence: better than any one source's if the system of
    /// record and the target agree.
    pub fn class(&self, sound: bool) -> Option<EvidenceClass> {
        let best = self.told.iter().map(|(class, _)| *class).max()?;
        let of = |wanted| self.told.iter().filter(move |(class, _)| *class == wanted);
        let near = |one: &Option<Timestamp>, other: &Option<Timestamp>| match (one, other) {
            (Some(one), Some(other)) => one.duration_since(*other).abs() <= SKEW,
            _ => true,
        };
        let agree = of(EvidenceClass::Exported)
            .any(|(_, record)| of(EvidenceClass::Target).any(|(_, target)| near(record, target)));
        let claimed = best.min(EvidenceClass::Target);
        Some(if agree && sound {
            EvidenceClass::Corroborated
        } else {
            claimed
        })
    }

    pub fn time(&self) -> Option<Timestamp> {
        self.at.0.as_ref().map(|(_, (at, _))| *at)
    }

    /// What the source of the time can say about it.
    pub fn quality(&self) -> Option<Quality> {
        self.at.0.as_ref().map(|(rank, _)| rank.2.0)
    }

    pub fn actor(&self) -> Option<Actor> {
        let with_time = self.at.0.as_ref().and_then(|(_, (_, by))| *by);
        with_time.or_else(|| self.by.0.as_ref().map(|(_, by)| *by))
    }
}
