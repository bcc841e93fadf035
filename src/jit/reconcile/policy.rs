//! The numbers and names reconciliation goes by.

use jiff::SignedDuration;

use super::{Implies, Persistence};
use crate::config::{Jit, Limits, Ticket};
use crate::model::{Sym, Tier};
use crate::resolve::kubernetes::CONTAINED_ROLES;

/// Clocks of two systems differ by at most this.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// Access that appears this long after a request that was refused or is not decided
/// counts as its result.
const REQUEST_MEMORY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The numbers and names reconciliation goes by.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Longest life of a grant for administrators.
    pub ttl_admin: SignedDuration,
    /// Longest life of a grant that changes production.
    pub ttl_write: SignedDuration,
    /// Longest life of any other grant.
    pub ttl_read: SignedDuration,
    /// Share of [`Policy::span`] in hundredths above which administrators' grants
    /// amount to standing access.
    pub persistence_admin: u8,
    /// The same for everything else.
    pub persistence: u8,
    /// This many grants in a row amount to standing access.
    pub chain: u32,
    /// How far back persistence looks.
    pub span: SignedDuration,
    /// Time for the review of emergency access.
    pub review: SignedDuration,
    /// Time after which unused access is dormant.
    pub dormant: SignedDuration,
    /// Time after a work item's resolution within which access should be gone.
    pub task_grace: SignedDuration,
    /// How old the end of a ledger may be to speak for the present.
    pub ledger_age: SignedDuration,
    /// Clock skew.
    pub skew: SignedDuration,
    /// Time a system needs to carry out a change.
    pub delay: SignedDuration,
    /// How long after a refused or undecided request access counts as its result.
    pub request_memory: SignedDuration,
    /// Who makes access for a just-in-time tool, by realm: patterns over
    /// [`super::Live::created_by`].
    pub issuers: Vec<(Sym, Vec<String>)>,
    /// Which privileges contain which.
    pub implies: Implies,
    /// Most grants, people and days for one work item.
    pub ticket: Ticket,
}

impl Default for Policy {
    /// What the settings say when they say nothing.
    fn default() -> Self {
        Policy::of(&Jit::default(), &Limits::default())
    }
}

impl Policy {
    /// The policy of the settings.
    pub fn of(jit: &Jit, limits: &Limits) -> Self {
        let mut implies = Implies::default();
        for (larger, smaller) in CONTAINED_ROLES {
            implies.add(Sym::new(larger), Sym::new(smaller));
        }
        for (larger, list) in &jit.implies {
            for smaller in list {
                implies.add(Sym::new(larger), Sym::new(smaller));
            }
        }
        Policy {
            ttl_admin: limits.ttl_admin,
            ttl_write: limits.ttl_write,
            ttl_read: limits.ttl_read,
            persistence_admin: jit.persistence_admin,
            persistence: jit.persistence,
            chain: jit.chain,
            span: jit.span,
            review: jit.review,
            dormant: jit.dormant,
            task_grace: jit.task_grace,
            ledger_age: jit.ledger_age,
            skew: SKEW,
            delay: jit.delay,
            request_memory: REQUEST_MEMORY,
            issuers: jit
                .issuers
                .iter()
                .map(|(realm, patterns)| (Sym::new(realm), patterns.clone()))
                .collect(),
            implies,
            ticket: jit.ticket,
        }
    }

    /// The longest life of a grant for `tier`.
    pub fn ttl(&self, tier: Tier) -> SignedDuration {
        match tier {
            Tier::Admin => self.ttl_admin,
            Tier::Write => self.ttl_write,
            Tier::Read | Tier::None => self.ttl_read,
        }
    }

    /// Whether windows amount to standing access of `tier`.
    pub(super) fn is_persistent(&self, tier: Tier, seen: Persistence) -> bool {
        let most = match tier {
            Tier::Admin => self.persistence_admin,
            _ => self.persistence,
        };
        seen.percent > most || seen.chain >= self.chain
    }
}
