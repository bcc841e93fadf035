//! From events to grants.
//!
//! The order of events does not matter: of several statements about one field the one
//! with the best evidence counts, then the one nearest to the fact (who issued knows
//! better than who asked), then a recorded one before an inferred one, then the one
//! read last, because some tools write over planned times with real ones. Where the
//! system of record and the target system agree on a fact, and the chain verifies, its
//! evidence is [`EvidenceClass::Corroborated`].

mod fact;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::chain::{Place, ReadError, Verified, read};
use super::event::{Data, Event, EventKind, Purpose, SessionRef};
use crate::model::{
    Actor, Approval, Channel, EndCause, EndResult, EvidenceClass, Grant, GrantEvent, GrantField,
    LedgerCoverage, Location, Moment, Observation, Progress, Quality, Seen, Session, Sym,
};
use fact::{Best, Fact, Rank};

/// Parts of a scope that name the account, cluster, organisation or vault let into.
const TENANTS: [&str; 6] = [
    "account",
    "cluster",
    "organization",
    "vault",
    "project",
    "directory",
];

/// Two references that are said to be one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alias {
    /// One reference.
    pub one: Actor,
    /// The other.
    pub other: Actor,
    /// Proved by a system that links them, not merely likely.
    pub strong: bool,
    /// The source that says so.
    pub source: Sym,
}

/// A ledger, read and folded.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// The grants, sorted by id.
    pub grants: Vec<Grant>,
    /// For which times the sources' grants are in the ledger.
    pub coverage: Vec<LedgerCoverage>,
    /// References said to be one person.
    pub aliases: Vec<Alias>,
    /// Whether the ledger is as it was written.
    pub verified: Verified,
}

/// Reads, verifies and folds ledgers, as segments of one history.
///
/// Lines that cannot be used are left out, and then no statement of coverage is
/// complete: a grant may have been lost with them.
///
/// # Errors
/// If a file cannot be read.
pub fn load(paths: &[&Path]) -> Result<Ledger, ReadError> {
    let mut folder = Folder::default();
    let verified = read(paths, |place, event| folder.add(place, event))?;
    let mut ledger = folder.finish(verified.is_sound());
    if !verified.is_sound() {
        for coverage in &mut ledger.coverage {
            coverage.seen = coverage.seen.min(Seen::Partial);
            coverage.reason = format!(
                "{} lines of the ledger are not as they were written; see `tenure ledger verify`",
                verified.fault_count
            )
            .into();
        }
    }
    ledger.verified = verified;
    Ok(ledger)
}

/// Takes events and gives grants.
#[derive(Default)]
pub struct Folder {
    grants: FxHashMap<Sym, Folding>,
    coverage: Vec<LedgerCoverage>,
    aliases: Vec<Alias>,
}

impl Folder {
    /// Takes one event.
    pub fn add(&mut self, place: Place, event: Event) {
        if event.kind.is_of_a_grant() {
            let folding = self.grants.entry(event.grant_id).or_default();
            folding.add(place, event);
            return;
        }
        let source = event.source.name();
        match event.kind {
            EventKind::Coverage => {
                let Some(to) = event.data.to else { return };
                self.coverage.push(LedgerCoverage {
                    realm: event.data.system.unwrap_or_default(),
                    tenant: tenant_of(&event.data),
                    source,
                    from: event.data.from,
                    to,
                    seen: event.data.completeness.unwrap_or(Seen::None),
                    reason: event.data.reason.unwrap_or_default(),
                });
            }
            EventKind::AliasAsserted => {
                if let (Some(one), Some(other)) = (event.data.subject, event.data.same_as) {
                    self.aliases.push(Alias {
                        one: one.actor().min(other.actor()),
                        other: one.actor().max(other.actor()),
                        strong: event.data.strong == Some(true),
                        source,
                    });
                }
            }
            // Exceptions are declared in the settings, where a review sees them; what
            // a ledger says about them and about failed reads is history.
            _ => {}
        }
    }

    /// The grants. `sound` says whether the chain verifies.
    pub fn finish(mut self, sound: bool) -> Ledger {
        let mut grants: Vec<Grant> = self
            .grants
            .into_par_iter()
            .map(|(id, folding)| folding.finish(id, sound))
            .collect();
        grants.par_sort_by_key(|grant| grant.id);
        let key = |one: &LedgerCoverage| (one.realm, one.tenant, one.source, one.from, one.to);
        self.coverage.sort_by(|one, other| {
            (key(one), one.seen, &one.reason).cmp(&(key(other), other.seen, &other.reason))
        });
        self.coverage.dedup();
        self.aliases.sort();
        self.aliases.dedup();
        Ledger {
            grants,
            coverage: self.coverage,
            aliases: self.aliases,
            verified: Verified::default(),
        }
    }
}

/// The account, cluster, organisation or vault of a scope.
fn tenant_of(data: &Data) -> Option<Sym> {
    TENANTS
        .iter()
        .find_map(|name| data.scope.get(&Sym::new(name)).copied())
        .filter(|tenant| *tenant != "*")
}

/// Who approved: a person, a policy, or a record without a name.
type Approver = (Option<Actor>, Option<Sym>, Option<Sym>);

/// An approval that several sources may tell.
#[derive(Clone, Debug, Default)]
struct Consent {
    fact: Fact,
    channel: Best<Channel>,
    artefact: Best<Sym>,
}

/// Everything said about one grant.
#[derive(Clone, Debug, Default)]
struct Folding {
    source: Best<Sym>,
    realm: Best<Sym>,
    tenant: Best<Sym>,
    kind: Best<crate::model::GrantKind>,
    requester: Best<Actor>,
    subject: Best<Actor>,
    on_behalf_of: Best<Actor>,
    privileges: Best<Vec<Sym>>,
    scope: Best<Vec<(Sym, Sym)>>,
    revision: Best<Sym>,
    purpose: Best<Box<str>>,
    ticket: Best<Sym>,
    ticket_resolved: Best<Timestamp>,
    ticket_found: Best<bool>,
    required: Best<u32>,
    auto_allowed: Best<bool>,
    not_before: Best<Timestamp>,
    expires: Best<Timestamp>,
    never: Best<bool>,
    max_session: Best<SignedDuration>,
    incident: Best<Sym>,
    renews: Best<Sym>,
    requested: Fact,
    issued: Fact,
    ended: Fact,
    reviewed: Fact,
    cause: Best<EndCause>,
    result: Best<EndResult>,
    revoke_failed: Fact,
    failed: bool,
    refused: bool,
    externally_modified: bool,
    break_glass: bool,
    drill: bool,
    approvals: BTreeMap<Approver, Consent>,
    extensions: BTreeMap<(Option<Timestamp>, Option<Timestamp>), EvidenceClass>,
    used: BTreeSet<Timestamp>,
    uses: Option<u64>,
    was_used: bool,
    sessions: BTreeSet<SessionRef>,
    observed: BTreeSet<Observation>,
    qualities: BTreeMap<GrantField, (Quality, Quality)>,
    events: Vec<(EventKind, Box<str>, GrantEvent)>,
    place: Option<(Sym, u64)>,
}

impl Folding {
    fn add(&mut self, place: Place, mut event: Event) {
        let here = (place.file, place.line);
        self.place = Some(self.place.map_or(here, |first| first.min(here)));
        let rank = (
            event.evidence_class,
            event.kind,
            std::cmp::Reverse(event.at_quality),
            event.source.retrieved_at,
        );
        self.describe(rank, &mut event);
        match event.kind {
            EventKind::Requested => self.requested.tell(rank, &event),
            EventKind::Approved => self.approve(rank, &event),
            EventKind::Denied | EventKind::Withdrawn => self.refused = true,
            EventKind::Issued => self.issued.tell(rank, &event),
            EventKind::Activated => {
                self.was_used = true;
                let session = event.data.session.take().unwrap_or_default();
                self.sessions.insert(SessionRef {
                    start: session.start.or(event.at),
                    ..session
                });
            }
            EventKind::Used => {
                self.was_used = true;
                self.used.extend(event.at);
                self.uses = self.uses.max(event.data.count);
            }
            EventKind::Extended => {
                let to = (event.at, event.data.expires_at);
                let class = self.extensions.entry(to).or_insert(event.evidence_class);
                *class = (*class).max(event.evidence_class);
            }
            EventKind::Ended => {
                if event.data.cause == Some(EndCause::Failed) {
                    self.failed = true;
                }
                self.ended.tell(rank, &event);
                self.cause.offer(rank, event.data.cause);
                self.result.offer(rank, event.data.result);
            }
            EventKind::RevokeFailed => self.revoke_failed.tell(rank, &event),
            EventKind::Reviewed => self.reviewed.tell(rank, &event),
            EventKind::Present | EventKind::Absent => {
                // Not to see something proves its absence only for who sees all.
                let whole = event.data.completeness == Some(Seen::Complete);
                let present = event.kind == EventKind::Present;
                if let Some(at) = event.at.filter(|_| present || whole) {
                    self.observed.insert(Observation { at, present });
                }
            }
            _ => {}
        }
        let note = note(&event);
        self.events.push((
            event.kind,
            event.id,
            GrantEvent {
                at: event.at,
                what: Sym::new(event.kind.as_str().trim_start_matches("grant.")),
                by: event.actor.map(|party| party.actor()),
                quality: event.at_quality,
                class: event.evidence_class,
                note,
            },
        ));
    }

    /// What the event says about what is granted.
    fn describe(&mut self, rank: Rank, event: &mut Event) {
        let data = &mut event.data;
        // The source that took the request names a grant, not who corroborates it.
        let origin = match event.kind {
            EventKind::Requested => (EvidenceClass::Corroborated, rank.1, rank.2, rank.3),
            _ => rank,
        };
        self.source.offer(origin, Some(event.source.name()));
        self.tenant.offer(rank, tenant_of(data));
        self.realm.offer(rank, data.system);
        self.kind.offer(rank, data.kind);
        self.requester
            .offer(rank, data.requester.map(|party| party.actor()));
        if event.kind == EventKind::Requested {
            let asked = event.actor.map(|party| party.actor());
            self.requester.offer(rank, asked);
        }
        self.subject
            .offer(rank, data.subject.map(|party| party.actor()));
        self.on_behalf_of
            .offer(rank, data.on_behalf_of.map(|party| party.actor()));
        let mut privileges = std::mem::take(&mut data.privs);
        privileges.sort();
        privileges.dedup();
        self.privileges
            .offer(rank, Some(privileges).filter(|list| !list.is_empty()));
        let scope: Vec<(Sym, Sym)> = data.scope.iter().map(|(k, v)| (*k, *v)).collect();
        self.scope
            .offer(rank, Some(scope).filter(|list| !list.is_empty()));
        self.revision.offer(rank, data.entitlement_revision);
        if let Some(Purpose { text, ticket }) = &data.purpose {
            self.purpose.offer(rank, text.clone());
            if let Some(ticket) = ticket {
                let key = Some(ticket.key).filter(|key| !key.is_empty());
                self.ticket.offer(rank, key);
                self.ticket_resolved.offer(rank, ticket.resolved_at);
                let found = ticket.state_at_issue.map(|state| state != "not-found");
                self.ticket_found.offer(rank, found);
            }
        }
        if let Some(policy) = &data.approval_policy {
            self.required.offer(rank, policy.required);
            self.auto_allowed.offer(rank, policy.auto_allowed);
        }
        self.not_before.offer(rank, data.not_before);
        if event.kind != EventKind::Extended {
            self.expires.offer(rank, data.expires_at);
            self.never.offer(rank, data.never_expires);
        }
        self.max_session.offer(rank, data.max_session);
        self.incident.offer(rank, data.incident);
        self.renews.offer(rank, data.renews);
        self.break_glass |= data.break_glass == Some(true);
        self.drill |= data.drill == Some(true);
        self.externally_modified |= data.externally_modified == Some(true);
        if data.quality.is_empty() {
            return;
        }
        // A source that says what it can tell says it of all fields: those it does not
        // name it records.
        for field in GrantField::ALL {
            let quality = data.quality.get(field).copied();
            self.quality(*field, quality.unwrap_or(Quality::Recorded));
        }
    }

    /// Keeps the best and the worst that was said about a field.
    fn quality(&mut self, field: GrantField, quality: Quality) {
        let (best, worst) = self.qualities.entry(field).or_insert((quality, quality));
        *best = (*best).min(quality);
        *worst = (*worst).max(quality);
    }

    fn approve(&mut self, rank: Rank, event: &Event) {
        let by = event.actor.map(|party| party.actor());
        let policy = event.data.policy_id;
        // Without a name, the record itself tells one approval from another.
        let record = match (by, policy) {
            (None, None) => event.data.artefact.or(Some(event.source.object)),
            _ => None,
        };
        let consent = self.approvals.entry((by, policy, record)).or_default();
        consent.fact.tell(rank, event);
        consent.channel.offer(rank, event.data.channel);
        consent.artefact.offer(rank, event.data.artefact);
    }

    fn finish(self, id: Sym, sound: bool) -> Grant {
        let realm = self.realm.value().unwrap_or_default();
        let source = self.source.value().unwrap_or_default();
        let mut grant = Grant::new(id, source, realm);
        if let Some(tenant) = self.tenant.value() {
            grant.tenant = tenant;
        }

        let (expires, expiry_class) = expiry(self.expires, self.never, &self.extensions);
        // The end that was planned is a plan of the system of record; no target could
        // corroborate it. It counts only where somebody merely claims it.
        let claimed = expiry_class.filter(|class| *class < EvidenceClass::Exported);
        grant.evidence = self
            .approvals
            .values()
            .map(|consent| consent.fact.class(sound))
            .chain([self.issued.class(sound), self.ended.class(sound), claimed])
            .flatten()
            .min()
            .or(self.requested.class(sound))
            .unwrap_or_default();

        grant.kind = self.kind.value().unwrap_or_default();
        grant.requester = self.requester.value();
        grant.subject = self.subject.value();
        grant.on_behalf_of = self.on_behalf_of.value();
        grant.privileges = self.privileges.value().unwrap_or_default();
        grant.scope = self.scope.value().unwrap_or_default();
        grant.revision = self.revision.value();
        grant.purpose = self.purpose.value();
        grant.ticket = self.ticket.value();
        grant.ticket_resolved = self.ticket_resolved.value();
        grant.ticket_found = self.ticket_found.value();
        grant.approvals_required = self.required.value();
        grant.auto_allowed = self.auto_allowed.value().unwrap_or(false);
        grant.requested = self.requested.time();
        grant.not_before = self.not_before.value();
        grant.issued = self.issued.time();
        grant.expires = expires;
        grant.extensions = u32::try_from(self.extensions.len()).unwrap_or(u32::MAX);
        grant.max_session = self.max_session.value();
        grant.ended = self.ended.time();
        grant.ended_by = self.ended.actor();
        grant.end_cause = self.cause.value();
        grant.end_result = self.result.value().unwrap_or_default();
        if self.revoke_failed.happened() && self.revoke_failed.time() >= grant.ended {
            grant.end_result = EndResult::Failed;
        }
        let was_issued = self.issued.happened()
            || self.was_used
            || self.revoke_failed.happened()
            || !self.extensions.is_empty()
            || (self.ended.happened() && !self.failed);
        grant.progress = if was_issued {
            Progress::Issued
        } else if self.failed {
            Progress::Failed
        } else if self.refused {
            Progress::Refused
        } else {
            Progress::Pending
        };
        grant.externally_modified = self.externally_modified;
        grant.used = self.used.into_iter().collect();
        grant.uses = self.uses;
        grant.sessions = self
            .sessions
            .iter()
            .map(|session| Session {
                start: session.start,
                end: session.end,
            })
            .collect();
        grant.observed = self.observed.into_iter().collect();
        grant.break_glass = self.break_glass;
        grant.drill = self.drill;
        grant.incident = self.incident.value();
        grant.reviewed_by = self.reviewed.actor();
        grant.reviewed = self.reviewed.time();
        grant.renews = self.renews.value();
        // A time that is there is as good as its source says; about one that is not, the
        // sources say whether they could have kept it.
        let approved: Vec<Option<Quality>> = self
            .approvals
            .values()
            .map(|consent| consent.fact.quality())
            .collect();
        let timeless = approved.contains(&None);
        let approved_at = match timeless {
            true => None,
            false => approved.into_iter().flatten().max(),
        };
        let known = [
            (GrantField::IssuedAt, self.issued.quality()),
            (GrantField::EndedAt, self.ended.quality()),
            (GrantField::ApprovedAt, approved_at),
        ];
        grant.approvals = approvals(self.approvals);
        for (field, (best, worst)) in self.qualities {
            grant.set_quality(
                field,
                match field {
                    GrantField::ApprovedAt if timeless => worst,
                    _ => best,
                },
            );
        }
        for (field, quality) in known {
            if let Some(quality) = quality {
                grant.set_quality(field, quality);
            }
        }
        grant
            .qualities
            .retain(|(_, quality)| *quality != Quality::Recorded);
        grant.events = in_order(self.events);
        grant.location = self.place.map(|(file, line)| Location {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            end_line: u32::try_from(line).unwrap_or(u32::MAX),
            ..Location::start_of(file)
        });
        grant
    }
}

/// When the grant is to end, after all extensions: the last extension decides.
fn expiry(
    planned: Best<Timestamp>,
    never: Best<bool>,
    extensions: &BTreeMap<(Option<Timestamp>, Option<Timestamp>), EvidenceClass>,
) -> (Moment, Option<EvidenceClass>) {
    let last = extensions
        .iter()
        .rev()
        .find_map(|((_, to), class)| Some(((*to)?, *class)));
    if let Some((to, class)) = last {
        return (Moment::At(to), Some(class));
    }
    let endless = match (&never.0, &planned.0) {
        (Some((said, true)), Some((planned, _))) => said > planned,
        (Some((_, true)), None) => true,
        _ => false,
    };
    if endless {
        return (Moment::Never, never.class());
    }
    let class = planned.class();
    (Moment::or_unknown(planned.value()), class)
}

fn approvals(all: BTreeMap<Approver, Consent>) -> Vec<Approval> {
    let mut list: Vec<Approval> = all
        .into_iter()
        .map(|((by, policy, _), consent)| Approval {
            by,
            at: consent.fact.time(),
            channel: consent.channel.value().unwrap_or_default(),
            policy,
            artefact: consent.artefact.value(),
        })
        .collect();
    list.sort_by_key(|approval| (approval.at.is_none(), approval.at, approval.by));
    list
}

/// Events by time; one without a time stands before the first that comes later in a
/// grant's life.
fn in_order(mut events: Vec<(EventKind, Box<str>, GrantEvent)>) -> Vec<GrantEvent> {
    events.sort_by(|one, other| {
        let key =
            |event: &(EventKind, Box<str>, GrantEvent)| (event.2.at.is_none(), event.2.at, event.0);
        key(one).cmp(&key(other)).then_with(|| one.1.cmp(&other.1))
    });
    let timed = events.partition_point(|(_, _, event)| event.at.is_some());
    let timeless = events.split_off(timed);
    for event in timeless.into_iter().rev() {
        let before = events.iter().position(|(kind, _, _)| *kind >= event.0);
        events.insert(before.unwrap_or(events.len()), event);
    }
    events.into_iter().map(|(_, _, event)| event).collect()
}

/// What is worth telling a person about an event.
fn note(event: &Event) -> Option<Box<str>> {
    let data = &event.data;
    let mut parts: Vec<&str> = Vec::new();
    if let Some(Purpose { text, ticket }) = &data.purpose {
        parts.extend(ticket.as_ref().map(|ticket| ticket.key.as_str()));
        parts.extend(text.as_deref());
    }
    parts.extend(data.cause.map(EndCause::as_str));
    parts.extend(data.channel.map(Channel::as_str));
    parts.extend(data.policy_id.map(Sym::as_str));
    parts.extend(data.outcome.map(Sym::as_str));
    parts.extend(data.comment.as_deref());
    parts.extend(data.reason.as_deref());
    parts.retain(|part| !part.is_empty());
    (!parts.is_empty()).then(|| parts.join(", ").into())
}
