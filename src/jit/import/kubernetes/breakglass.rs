//! telekom/k8s-breakglass: sessions that an authorization webhook lets in.

use std::collections::BTreeMap;

use super::{Object, QUALITY, SYSTEM, close, party};
use crate::jit::import::{Book, INFERRED, RECORDED};
use crate::jit::ledger::event::{Data, EventKind, Mechanism, Purpose};
use crate::model::{Channel, EndCause, EndResult, GrantKind, Sym};

pub(super) fn breakglass(book: &mut Book<'_>, object: &Object<'_>) {
    // The session lives in the hub and names the cluster it opens.
    let cluster = match object.text(&["spec", "cluster"]) {
        Some(name) => Sym::new(name),
        None => book.instance(object.input),
    };
    let origin = object.origin(book, "k8s-breakglass", object.name, cluster);
    let user = object
        .text(&["spec", "user"])
        .map(|name| party(cluster, name));
    let mut scope = BTreeMap::from([("namespace".into(), Sym::new("*"))]);
    if !cluster.is_empty() {
        scope.insert("cluster".into(), cluster);
    }
    let expires = object.time(&["status", "expiresAt"]);
    let begun = object.time(&["status", "actualStartTime"]);
    let approved = object.time(&["status", "approvedAt"]);
    let mut event = book.event(&origin, EventKind::Requested);
    event.data = Data {
        kind: Some(GrantKind::Session),
        subject: user,
        system: Some(SYSTEM.into()),
        privs: object
            .text(&["spec", "grantedGroup"])
            .map(|group| Sym::new(&format!("Group/{group}")))
            .into_iter()
            .collect(),
        scope,
        purpose: Some(Purpose {
            text: object.text(&["spec", "requestReason"]).map(Into::into),
            ticket: None,
        }),
        not_before: object.time(&["spec", "scheduledStartTime"]),
        expires_at: expires,
        max_session: object.length(&["spec", "maxValidFor"]),
        break_glass: Some(true),
        quality: QUALITY.iter().copied().collect(),
        ..Data::default()
    };
    book.push(event.at(object.created, RECORDED).by(user));

    let mut approvers = object.texts(&["status", "approvers"]);
    approvers.extend(object.text(&["status", "approver"]));
    approvers.sort_unstable();
    approvers.dedup();
    let state = object.text(&["status", "state"]).unwrap_or_default();
    if state == "Rejected" {
        let mut event = book.event(&origin, EventKind::Denied);
        event.data.channel = Some(Channel::Tool);
        let by = approvers.first().map(|name| party(cluster, name));
        book.push(
            event
                .at(object.time(&["status", "rejectedAt"]), RECORDED)
                .by(by),
        );
    } else if approved.is_some() {
        for approver in approvers {
            let mut event = book.event(&origin, EventKind::Approved);
            event.data.channel = Some(Channel::Tool);
            event.data.comment = object.text(&["status", "approvalReason"]).map(Into::into);
            // The object has one time for all; with several approvers it is the last.
            book.push(
                event
                    .at(approved, RECORDED)
                    .by(Some(party(cluster, approver))),
            );
        }
    }
    if let Some(begun) = begun.or(approved.filter(|_| state == "Approved" || expires.is_some())) {
        let quality = match object.time(&["status", "actualStartTime"]) {
            Some(_) => RECORDED,
            None => INFERRED,
        };
        let mut event = book.event(&origin, EventKind::Issued);
        event.data.expires_at = expires;
        book.push(event.at(Some(begun), quality));
    }
    let active = object.time(&["status", "lastActivity"]);
    if let Some(active) = active {
        let mut event = book.event(&origin, EventKind::Used);
        event.data.count = object
            .text(&["status", "activityCount"])
            .and_then(|text| text.parse().ok());
        book.push(event.at(Some(active), RECORDED));
    }
    let withdrawn = object.time(&["status", "withdrawnAt"]);
    let (kind, at, cause) = match state {
        "Expired" => (EventKind::Ended, expires, Some(EndCause::Expiry)),
        "IdleExpired" => {
            let idle = object.length(&["spec", "idleTimeout"]);
            let at = active.and_then(|at| at.checked_add(idle?).ok());
            (EventKind::Ended, at, Some(EndCause::Expiry))
        }
        "Withdrawn" if begun.is_some() => (EventKind::Ended, withdrawn, Some(EndCause::HandedBack)),
        "Withdrawn" => (EventKind::Withdrawn, withdrawn, None),
        "ApprovalTimeout" => (
            EventKind::Withdrawn,
            object.time(&["status", "timeoutAt"]),
            None,
        ),
        _ => {
            return close(
                book,
                &origin,
                cluster,
                QUALITY,
                &[object.created, approved, active],
            );
        }
    };
    let mut event = book.event(&origin, kind);
    if cause.is_some() {
        event.data.mechanism = Some(Mechanism::JitTool);
        event.data.result = Some(EndResult::Unconfirmed);
    }
    event.data.cause = cause;
    event.data.reason = object.text(&["status", "reasonEnded"]).map(Into::into);
    book.push(event.at(at, INFERRED));
    close(
        book,
        &origin,
        cluster,
        QUALITY,
        &[object.created, approved, active, at],
    );
}
