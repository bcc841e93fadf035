//! HashiCorp Vault and OpenBao: the audit log, and lease lookups.
//!
//! A lease is the grant: it has a path, a beginning and an end. The audit log says who
//! got it, who approved (control groups), renewed and revoked it, and when; a lookup
//! says when it ends. Both use the lease id, so imported into one ledger they tell
//! about the same grants and corroborate each other.
//!
//! Logins are not imported: a token with standing policies is no grant, however short
//! it lives. A lease that runs out leaves no entry, and what a lease gave may outlive
//! it (credentials of AWS STS cannot be recalled).

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::record::{self, at, string, time};
use super::{Book, INFERRED, ImportError, Input, Kind, Origin, RECORDED};
use crate::jit::ledger::event::{ApprovalPolicy, Data, EventKind, Mechanism, Party};
use crate::model::{
    Channel, EndCause, EndResult, EvidenceClass, GrantField, GrantKind, Quality, Sym,
};
use crate::resolve::vault::audit::{self as log, Event};

const SYSTEM: &str = "vault";
const AUDIT_QUALITY: &[(GrantField, Quality)] = &[
    (GrantField::Purpose, Quality::Absent),
    (GrantField::Ticket, Quality::Absent),
    (GrantField::ExpiresAt, Quality::Absent),
    (GrantField::EndedAt, Quality::Inferred),
    (GrantField::Usage, Quality::Absent),
    (GrantField::BreakGlass, Quality::Absent),
    (GrantField::Review, Quality::Absent),
];
const LEASE_QUALITY: &[(GrantField, Quality)] = &[
    (GrantField::Requester, Quality::Absent),
    (GrantField::Purpose, Quality::Absent),
    (GrantField::Ticket, Quality::Absent),
    (GrantField::Approver, Quality::Absent),
    (GrantField::ApprovedAt, Quality::Absent),
    (GrantField::EndedAt, Quality::Absent),
    (GrantField::EndCause, Quality::Absent),
    (GrantField::Usage, Quality::Absent),
    (GrantField::BreakGlass, Quality::Absent),
    (GrantField::Review, Quality::Absent),
];

/// What a lease gives: its path without the lease's own name.
fn engine_path(lease: &str) -> &str {
    lease.rsplit_once('/').map_or(lease, |(path, _)| path)
}

fn described(instance: Sym, lease: &str) -> Data {
    let path = engine_path(lease);
    let mut scope = std::collections::BTreeMap::from([("path".into(), Sym::new(path))]);
    if !instance.is_empty() {
        scope.insert("vault".into(), instance);
    }
    Data {
        kind: Some(GrantKind::Lease),
        system: Some(SYSTEM.into()),
        privs: vec![Sym::new(path)],
        scope,
        ..Data::default()
    }
}

fn entity(instance: Sym, event: &Event) -> Option<Party> {
    let ns = match instance.is_empty() {
        true => SYSTEM.to_owned(),
        false => format!("{SYSTEM}/{instance}"),
    };
    let id = event.entity?;
    Some(Party::new(ns, id).named(event.display_name.as_deref()))
}

fn tenant(instance: Sym) -> Option<(&'static str, Sym)> {
    Some(("vault", instance)).filter(|_| !instance.is_empty())
}

pub(super) fn leases(inputs: &[Input], book: &mut Book<'_>) -> Result<(), ImportError> {
    for input in inputs {
        let records = record::records(input)?;
        let mut known = 0;
        for (place, value) in records.list.iter().enumerate() {
            let value = at(value, &["data"]).unwrap_or(value);
            let issued = time(value, &["issue_time"]);
            let Some((id, issued)) = string(value, &["id"]).zip(issued) else {
                book.problem(
                    format!("{}: record {}", input.file, place + 1),
                    "no lease: it needs `id` and `issue_time`",
                );
                continue;
            };
            known += 1;
            lease(book, input, id, issued, value);
        }
        if known == 0 && !records.list.is_empty() {
            return Err(record::wrong_kind(
                input,
                Kind::VaultLeases,
                "other records",
            ));
        }
    }
    Ok(())
}

fn lease(book: &mut Book<'_>, input: &Input, id: &str, issued: jiff::Timestamp, value: &Value) {
    let instance = book.instance(input);
    let origin = Origin {
        system: "vault-leases".into(),
        ..book.origin(SYSTEM, instance, &format!("lease/{id}"), input)
    };
    let expires = time(value, &["expire_time"]);
    let mut event = book.event(&origin, EventKind::Issued);
    event.data = Data {
        expires_at: expires,
        never_expires: expires.is_none().then_some(true),
        quality: LEASE_QUALITY.iter().copied().collect(),
        ..described(instance, id)
    };
    book.push(event.at(Some(issued), RECORDED));
    let renewed = time(value, &["last_renewal"]);
    if renewed.is_some() {
        let mut event = book.event(&origin, EventKind::Extended);
        event.data.expires_at = expires;
        book.push(event.at(renewed, RECORDED));
    }
    book.used();
    let missing = "a lookup holds the leases that live now, and none that ended";
    book.covers(
        &origin,
        SYSTEM,
        tenant(instance),
        LEASE_QUALITY,
        Some(missing),
        &[Some(issued), renewed],
    );
}

pub(super) fn audit(inputs: &[Input], book: &mut Book<'_>) -> Result<(), ImportError> {
    let mut entries: Vec<(&Input, Event)> = Vec::new();
    for input in inputs {
        let read = log::read(&input.text);
        let lines = input
            .text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty())
            .count();
        if read.unreadable == lines && lines > 0 {
            let found = "no entries of an audit log";
            return Err(record::wrong_kind(input, Kind::VaultAudit, found));
        }
        if read.unreadable > 0 {
            let message = format!("{} lines are no audit entries", read.unreadable);
            book.problem(input.file.as_str(), message);
        }
        entries.extend(read.events.into_iter().map(|event| (input, event)));
    }
    entries.sort_by_key(|(_, event)| event.time);
    let held = held_back(&entries);
    let mut log = Audit {
        held,
        grants: FxHashMap::default(),
        hashed: 0,
    };
    for (input, event) in &entries {
        log.entry(book, input, event);
    }
    let hashed = log.hashed;
    log.unanswered(book);
    if hashed > 0 {
        book.note(format!(
            "{hashed} revocations name the lease only as a hash, and could not be joined"
        ));
    }
    Ok(())
}

/// A request that a control group held back, by the accessor of its wrapping token.
struct Held<'e> {
    request: &'e Event,
    input: &'e Input,
    approvals: Vec<&'e Event>,
}

fn held_back<'e>(entries: &'e [(&'e Input, Event)]) -> FxHashMap<Sym, Held<'e>> {
    let mut held: FxHashMap<Sym, Held<'e>> = FxHashMap::default();
    for (input, event) in entries {
        match event.kind {
            log::EventKind::Requested => {
                if let Some(accessor) = event.issued_accessor {
                    held.insert(
                        accessor,
                        Held {
                            request: event,
                            input,
                            approvals: Vec::new(),
                        },
                    );
                }
            }
            log::EventKind::Approved => {
                let named = event
                    .named_accessor
                    .and_then(|accessor| held.get_mut(&accessor));
                if let Some(held) = named {
                    held.approvals.push(event);
                }
            }
            _ => {}
        }
    }
    held
}

/// Approvals of a control group.
fn approvals(book: &mut Book<'_>, origin: &Origin, given: &[&Event]) {
    for approval in given {
        let mut approved = book.event(origin, EventKind::Approved);
        approved.data.channel = Some(Channel::Vault);
        approved.data.artefact = Some(approval.request);
        let by = entity(origin.instance, approval);
        book.push(approved.at(Some(approval.time), RECORDED).by(by));
    }
}

struct Audit<'e> {
    held: FxHashMap<Sym, Held<'e>>,
    /// Leases given out, and to whom.
    grants: FxHashMap<Sym, (Origin, Option<Party>)>,
    hashed: u64,
}

impl<'e> Audit<'e> {
    fn origin(book: &Book<'_>, input: &Input, id: &str) -> Origin {
        Origin {
            system: "vault-audit".into(),
            class: EvidenceClass::Target,
            ..book.origin(SYSTEM, book.instance(input), id, input)
        }
    }

    fn entry(&mut self, book: &mut Book<'_>, input: &'e Input, event: &'e Event) {
        match event.kind {
            log::EventKind::Issued | log::EventKind::Unwrapped => self.issued(book, input, event),
            log::EventKind::Renewed => {
                let origin = event
                    .lease
                    .and_then(|lease| self.grants.get(&lease))
                    .copied();
                if let Some((origin, _)) = origin {
                    let by = entity(origin.instance, event);
                    let event = book
                        .event(&origin, EventKind::Extended)
                        .at(Some(event.time), RECORDED);
                    book.push(event.by(by));
                }
            }
            log::EventKind::Revoked => self.revoked(book, event),
            _ => {}
        }
    }

    fn issued(&mut self, book: &mut Book<'_>, input: &'e Input, event: &'e Event) {
        let Some(lease) = event.lease else { return };
        let instance = book.instance(input);
        let origin = Self::origin(book, input, &format!("lease/{lease}"));
        // What was held back is taken out by the very token it was wrapped in.
        let held = event
            .accessor
            .and_then(|accessor| self.held.remove(&accessor));
        let taker = entity(instance, event);
        let subject = match &held {
            Some(held) => {
                let asker = entity(instance, held.request);
                let mut request = book.event(&origin, EventKind::Requested);
                request.data = Data {
                    subject: asker,
                    quality: AUDIT_QUALITY.iter().copied().collect(),
                    ..described(instance, &lease)
                };
                book.push(request.at(Some(held.request.time), RECORDED).by(asker));
                approvals(book, &origin, &held.approvals);
                asker.or(taker)
            }
            None => {
                // Nobody was asked: a policy gave it out by itself.
                if let Some(policy) = event.granting.first() {
                    let mut approved = book.event(&origin, EventKind::Approved);
                    approved.data.channel = Some(Channel::AutoPolicy);
                    approved.data.policy_id = Some(*policy);
                    approved.data.approval_policy = Some(ApprovalPolicy {
                        required: Some(0),
                        auto_allowed: Some(true),
                        ..ApprovalPolicy::default()
                    });
                    book.push(approved.at(Some(event.time), INFERRED));
                }
                taker
            }
        };
        let mut issued = book.event(&origin, EventKind::Issued);
        issued.data = Data {
            requester: subject,
            subject,
            quality: AUDIT_QUALITY.iter().copied().collect(),
            ..described(instance, &lease)
        };
        book.push(issued.at(Some(event.time), RECORDED));
        self.grants.insert(lease, (origin, subject));
        book.used();
        let missing = "a log that was rotated or filtered does not hold everything";
        book.covers(
            &origin,
            SYSTEM,
            tenant(instance),
            AUDIT_QUALITY,
            Some(missing),
            &[Some(event.time)],
        );
    }

    /// Requests that nobody took out: they were refused, forgotten, or still wait.
    fn unanswered(self, book: &mut Book<'_>) {
        let mut waiting: Vec<(Sym, Held<'_>)> = self.held.into_iter().collect();
        waiting.sort_by_key(|(accessor, held)| (held.request.time, *accessor));
        for (accessor, held) in waiting {
            let event = held.request;
            let origin = Self::origin(book, held.input, &format!("wrapped/{accessor}"));
            let asker = entity(origin.instance, event);
            let mut request = book.event(&origin, EventKind::Requested);
            request.data = Data {
                subject: asker,
                quality: AUDIT_QUALITY.iter().copied().collect(),
                ..described(origin.instance, &format!("{}/", event.path))
            };
            book.push(request.at(Some(event.time), RECORDED).by(asker));
            approvals(book, &origin, &held.approvals);
            book.used();
        }
    }

    fn revoked(&mut self, book: &mut Book<'_>, event: &Event) {
        let under = [
            "sys/leases/revoke-prefix/",
            "sys/leases/revoke-force/",
            "sys/revoke-prefix/",
        ]
        .into_iter()
        .find_map(|place| event.path.strip_prefix(place));
        let mut ended: Vec<(Origin, Option<Party>)> = match (under, event.lease) {
            (Some(prefix), _) => self
                .grants
                .iter()
                .filter(|(lease, _)| lease.starts_with(prefix))
                .map(|(_, grant)| *grant)
                .collect(),
            (None, Some(lease)) => {
                self.hashed += u64::from(lease.starts_with("hmac-"));
                self.grants.get(&lease).copied().into_iter().collect()
            }
            (None, None) => Vec::new(),
        };
        ended.sort_by_key(|(origin, _)| origin.grant);
        for (origin, holder) in ended {
            let by = entity(origin.instance, event);
            let own = by.is_some() && by.map(|by| by.actor()) == holder.map(|one| one.actor());
            let mut end = book.event(&origin, EventKind::Ended);
            end.data = Data {
                cause: Some(match own {
                    true => EndCause::HandedBack,
                    false => EndCause::Revoked,
                }),
                mechanism: Some(Mechanism::Manual),
                result: Some(EndResult::Unconfirmed),
                ..Data::default()
            };
            book.push(end.at(Some(event.time), RECORDED).by(by));
        }
    }
}
