//! Who granted what, and since when, from the organisation's audit log.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::answer::AuditEntry;
use super::gaps::Gaps;
use super::read::Files;

/// The last grant of each kind, and the last act of each person.
#[derive(Debug, Default)]
pub struct Audit {
    granted: BTreeMap<(Kind, String, String), (Timestamp, Option<String>)>,
    active: BTreeMap<String, Timestamp>,
}

/// What was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Membership of the organisation, or a change of role in it.
    Organisation,
    /// Membership of a team (`organisation/slug`).
    Team,
    /// Direct access to a repository (`organisation/name`).
    Repository,
}

impl Audit {
    /// Reads the log, if it was collected. Its absence is told by [`Gaps`].
    pub fn read(files: &Files<'_>, gaps: &mut Gaps) -> Self {
        let mut audit = Audit::default();
        let Some(entries) = files.list::<AuditEntry>("audit-log", &[], gaps) else {
            return audit;
        };
        for entry in entries {
            let Some(time) = entry.created_at.at() else {
                continue;
            };
            if let Some(actor) = &entry.actor {
                let last = audit.active.entry(actor.clone()).or_insert(time);
                *last = (*last).max(time);
            }
            let (kind, on) = match entry.action.as_str() {
                "org.add_member" | "org.update_member" => (Kind::Organisation, None),
                "team.add_member" => (Kind::Team, entry.team.clone()),
                "repo.add_member" | "repo.update_member" => (Kind::Repository, entry.repo.clone()),
                _ => continue,
            };
            let Some(user) = entry.user.clone() else {
                continue;
            };
            let grant = audit
                .granted
                .entry((kind, user, on.unwrap_or_default()))
                .or_insert((time, entry.actor.clone()));
            if time >= grant.0 {
                *grant = (time, entry.actor.clone());
            }
        }
        audit
    }

    /// When and by whom `user` was last given `kind` on `on`.
    pub fn grant(&self, kind: Kind, user: &str, on: &str) -> Option<(Timestamp, Option<&str>)> {
        self.granted
            .get(&(kind, user.to_owned(), on.to_owned()))
            .map(|(time, actor)| (*time, actor.as_deref()))
    }

    /// When somebody last did something the log holds.
    pub fn last_active(&self, login: &str) -> Option<Timestamp> {
        self.active.get(login).copied()
    }
}
