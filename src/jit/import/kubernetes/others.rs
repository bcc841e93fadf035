//! argocd-ephemeral-access, and the operators whose object is request and grant in
//! one: kube-jit, tarbac, oz.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{GRANT_ONLY, Object, QUALITY, SYSTEM, close, party};
use crate::jit::import::{Book, INFERRED, RECORDED, record};
use crate::jit::ledger::event::{Data, EventKind, Mechanism, Party, Purpose};
use crate::model::{Channel, EndCause, EndResult, GrantField, GrantKind, Quality, Sym};
use crate::resolve::kubernetes::document::Node;

pub(super) fn ephemeral(book: &mut Book<'_>, object: &Object<'_>) {
    let cluster = book.instance(object.input);
    let origin = object.origin(book, "argocd-ephemeral-access", object.name, cluster);
    let subject = object
        .text(&["spec", "subject", "username"])
        .map(|name| Party::human("argocd", name));
    let expires = object.time(&["status", "expiresAt"]);
    let mut scope = object.scope(cluster);
    for (key, path) in [
        ("application", &["spec", "application", "name"][..]),
        ("project", &["status", "targetProject"][..]),
    ] {
        if let Some(text) = object.text(path) {
            scope.insert(key.into(), Sym::new(text));
        }
    }
    let role = object.text(&["status", "roleName"]).or(object.text(&[
        "spec",
        "role",
        "templateRef",
        "name",
    ]));
    let mut event = book.event(&origin, EventKind::Requested);
    event.data = Data {
        kind: Some(GrantKind::Membership),
        subject,
        system: Some("argocd".into()),
        privs: role.map(Sym::new).into_iter().collect(),
        scope,
        expires_at: expires,
        quality: [
            (GrantField::Purpose, Quality::Absent),
            (GrantField::Ticket, Quality::Absent),
            (GrantField::Approver, Quality::Absent),
            (GrantField::ApprovedAt, Quality::Absent),
            (GrantField::Usage, Quality::Absent),
            (GrantField::BreakGlass, Quality::Absent),
            (GrantField::Review, Quality::Absent),
        ]
        .into(),
        ..Data::default()
    };
    book.push(event.at(object.created, RECORDED).by(subject));
    let history = object
        .node
        .at(&["status", "history"])
        .map_or(&[][..], Node::items);
    let mut last = object.created;
    for step in history {
        let when = step.text_of("transitionTime").and_then(record::instant);
        last = last.max(when);
        let kind = match step.text_of("status") {
            Some("granted") => EventKind::Issued,
            Some("expired") => EventKind::Ended,
            Some("denied" | "invalid") => EventKind::Denied,
            Some("timeout") => EventKind::Withdrawn,
            _ => continue,
        };
        let mut event = book.event(&origin, kind);
        event.data.reason = step.text_of("details").map(Into::into);
        match kind {
            EventKind::Issued => event.data.expires_at = expires,
            EventKind::Ended => {
                event.data.cause = Some(EndCause::Expiry);
                event.data.mechanism = Some(Mechanism::JitTool);
                event.data.result = Some(EndResult::Unconfirmed);
            }
            _ => {}
        }
        book.push(event.at(when, RECORDED));
    }
    close(book, &origin, cluster, QUALITY, &[object.created, last]);
}

/// One object that is request and grant in one: kube-jit, tarbac, oz.
struct Plain<'n> {
    operator: &'static str,
    subject: Option<Party>,
    requester: Option<Party>,
    approver: Option<Party>,
    privilege: Option<Sym>,
    expires: Option<Timestamp>,
    purpose: Option<&'n str>,
    given: bool,
    refused: bool,
    ended: bool,
}

fn plain(book: &mut Book<'_>, object: &Object<'_>, name: &str, cluster: Sym, told: &Plain<'_>) {
    let origin = object.origin(book, told.operator, name, cluster);
    let mut quality: BTreeMap<GrantField, Quality> = GRANT_ONLY.iter().copied().collect();
    if told.requester.is_some() {
        quality.remove(&GrantField::Requester);
    }
    if told.purpose.is_some() {
        quality.remove(&GrantField::Purpose);
    }
    let mut event = book.event(&origin, EventKind::Requested);
    event.data = Data {
        kind: Some(GrantKind::Binding),
        subject: told.subject,
        system: Some(SYSTEM.into()),
        privs: told.privilege.into_iter().collect(),
        scope: object.scope(cluster),
        purpose: told.purpose.map(|text| Purpose {
            text: Some(text.into()),
            ticket: None,
        }),
        expires_at: told.expires,
        quality,
        ..Data::default()
    };
    book.push(event.at(object.created, RECORDED).by(told.requester));
    if told.refused {
        let event = book.event(&origin, EventKind::Denied);
        book.push(event.by(told.approver));
    } else if told.given {
        if told.approver.is_some() {
            let mut event = book.event(&origin, EventKind::Approved);
            event.data.channel = Some(Channel::Tool);
            book.push(event.by(told.approver));
        }
        let mut event = book.event(&origin, EventKind::Issued);
        event.data.expires_at = told.expires;
        book.push(event.at(object.created, INFERRED));
    }
    if told.ended && told.given {
        let mut event = book.event(&origin, EventKind::Ended);
        event.data.cause = Some(EndCause::Expiry);
        event.data.mechanism = Some(Mechanism::JitTool);
        event.data.result = Some(EndResult::Unconfirmed);
        book.push(event.at(told.expires, INFERRED));
    }
    close(book, &origin, cluster, GRANT_ONLY, &[object.created]);
}

pub(super) fn kube_jit(book: &mut Book<'_>, object: &Object<'_>) {
    let cluster = book.instance(object.input);
    let user = object
        .text(&["spec", "reporter"])
        .map(|name| party(cluster, name));
    let state = object.text(&["status", "state"]).unwrap_or_default();
    let told = Plain {
        operator: "kube-jit",
        subject: user,
        requester: user,
        approver: object
            .text(&["spec", "approver"])
            .map(|name| party(cluster, name)),
        privilege: object
            .text(&["spec", "clusterRole"])
            .map(|role| Sym::new(&format!("ClusterRole/{role}"))),
        expires: object.time(&["spec", "endTime"]),
        purpose: object
            .text(&["spec", "justification"])
            .or(object.text(&["spec", "jiraTicket"])),
        given: matches!(state, "Succeeded" | "Approved" | "Active" | "Completed"),
        refused: matches!(state, "Rejected" | "Denied"),
        ended: state == "Completed",
    };
    plain(book, object, object.name, cluster, &told);
}

pub(super) fn tarbac(book: &mut Book<'_>, object: &Object<'_>) {
    let cluster = book.instance(object.input);
    let state = object.text(&["status", "state"]).unwrap_or_default();
    let expires = object.time(&["status", "expiresAt"]).or_else(|| {
        let length = object.length(&["spec", "duration"])?;
        object.created?.checked_add(length).ok()
    });
    let subjects = object
        .node
        .at(&["spec", "subjects"])
        .map_or(&[][..], Node::items);
    for (place, subject) in subjects.iter().enumerate() {
        let Some(name) = subject.text_of("name") else {
            continue;
        };
        let name = match (subject.text_of("kind"), subject.text_of("namespace")) {
            (Some("ServiceAccount"), Some(namespace)) => {
                format!("system:serviceaccount:{namespace}:{name}")
            }
            _ => name.to_owned(),
        };
        let told = Plain {
            operator: "tarbac",
            subject: Some(party(cluster, &name)),
            requester: None,
            approver: None,
            privilege: object.role(&["spec", "roleRef"]),
            expires,
            purpose: None,
            given: !matches!(state, "" | "pending" | "Pending" | "error" | "Error"),
            refused: false,
            ended: matches!(state, "expired" | "Expired"),
        };
        // One object may let in several people; each is a grant.
        plain(
            book,
            object,
            &format!("{}#{place}", object.name),
            cluster,
            &told,
        );
    }
}

pub(super) fn oz(book: &mut Book<'_>, object: &Object<'_>) {
    let cluster = book.instance(object.input);
    let expires = object
        .length(&["spec", "duration"])
        .and_then(|length| object.created?.checked_add(length).ok());
    let ready = object.node.at(&["status", "ready"]).and_then(Node::bool);
    let told = Plain {
        operator: "oz",
        // Who asked stands only in the API server's audit log.
        subject: None,
        requester: None,
        approver: None,
        privilege: object
            .text(&["spec", "templateName"])
            .map(|name| Sym::new(&format!("template/{}/{name}", object.namespace))),
        expires,
        purpose: None,
        given: ready == Some(true),
        refused: false,
        ended: false,
    };
    plain(book, object, object.name, cluster, &told);
}
