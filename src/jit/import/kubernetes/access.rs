//! jit-access-controller: requests, responses and grants, joined by the request.

use std::collections::BTreeSet;

use super::{GRANT_ONLY, Object, QUALITY, SYSTEM, close, group, party};
use crate::jit::import::{Book, INFERRED, Input, RECORDED, record};
use crate::jit::ledger::event::{ApprovalPolicy, Data, EventKind, Purpose};
use crate::model::{Channel, GrantField, GrantKind, Quality, Sym};
use crate::resolve::kubernetes::document::Node;

/// Grants whose approvals say when.
pub(super) type Timed = BTreeSet<Sym>;

const JAC: &str = "jit-access-controller";

/// The request of an object: the id its operator gave it, or its name.
fn request_name<'n>(object: &Object<'n>) -> &'n str {
    object
        .text(&["status", "request"])
        .or(object.text(&["spec", "requestRef"]))
        .unwrap_or(object.name)
}

/// The grant of a request whose approvals say when, for [`access_grant`].
pub(super) fn timed_request(book: &Book<'_>, input: &Input, node: &Node<'_>) -> Option<Sym> {
    let kind = node.text_of("kind")?;
    group(node).filter(|group| *group == "access.antware.xyz")?;
    let object = Object::new(input, node);
    let told = match kind {
        "AccessRequest" | "ClusterAccessRequest" => {
            let approvals = node
                .at(&["status", "approvals"])
                .map_or(&[][..], Node::items);
            approvals
                .iter()
                .any(|one| one.text_of("approvedAt").is_some())
        }
        "AccessResponse" | "ClusterAccessResponse" => object.created.is_some(),
        _ => false,
    };
    let cluster = book.instance(input);
    told.then(|| {
        object
            .origin(book, JAC, request_name(&object), cluster)
            .grant
    })
}

pub(super) fn access_request(book: &mut Book<'_>, object: &Object<'_>) {
    let cluster = book.instance(object.input);
    let origin = object.origin(book, JAC, object.name, cluster);
    let subject = object
        .text(&["spec", "subject"])
        .map(|name| party(cluster, name));
    let required = object
        .text(&["status", "approvalsRequired"])
        .and_then(|text| text.parse().ok());
    let mut event = book.event(&origin, EventKind::Requested);
    event.data = Data {
        kind: Some(GrantKind::Binding),
        subject,
        system: Some(SYSTEM.into()),
        privs: privileges(object, "spec"),
        scope: object.scope(cluster),
        purpose: Some(Purpose {
            text: object.text(&["spec", "justification"]).map(Into::into),
            ticket: None,
        }),
        approval_policy: required.map(|required| ApprovalPolicy {
            required: Some(required),
            rule_id: object.text(&["status", "resolvedPolicy"]).map(Sym::new),
            ..ApprovalPolicy::default()
        }),
        quality: [
            (GrantField::Ticket, Quality::Absent),
            (GrantField::Usage, Quality::Absent),
            (GrantField::EndedAt, Quality::Absent),
            (GrantField::BreakGlass, Quality::Absent),
            (GrantField::Review, Quality::Absent),
        ]
        .into(),
        ..Data::default()
    };
    book.push(event.at(object.created, RECORDED).by(subject));
    let mut last = object.created;
    let approvals = object.node.at(&["status", "approvals"]);
    for approval in approvals.map_or(&[][..], Node::items) {
        let when = approval.text_of("approvedAt").and_then(record::instant);
        last = last.max(when);
        let by = approval
            .text_of("approver")
            .map(|name| party(cluster, name));
        let mut event = book.event(&origin, EventKind::Approved);
        event.data.channel = Some(Channel::Tool);
        book.push(event.at(when, RECORDED).by(by));
    }
    let state = object.text(&["status", "state"]).unwrap_or_default();
    if let "Denied" | "Expired" = state {
        let kind = match state {
            "Denied" => EventKind::Denied,
            _ => EventKind::Withdrawn,
        };
        let event = book.event(&origin, kind);
        let at = object
            .time(&["status", "requestExpiresAt"])
            .filter(|_| kind == EventKind::Withdrawn);
        book.push(event.at(at, INFERRED));
    }
    close(book, &origin, cluster, QUALITY, &[object.created, last]);
}

/// Roles and single rules given.
fn privileges(object: &Object<'_>, part: &str) -> Vec<Sym> {
    let mut privileges: Vec<Sym> = object.role(&[part, "role"]).into_iter().collect();
    let rules = object
        .node
        .at(&[part, "permissions"])
        .map_or(&[][..], Node::items);
    for rule in rules {
        let join = |name: &str| {
            let texts: Vec<&str> = rule.items_of(name).iter().filter_map(Node::text).collect();
            texts.join(",")
        };
        let on = match join("resources") {
            resources if resources.is_empty() => join("nonResourceURLs"),
            resources => resources,
        };
        privileges.push(Sym::new(&format!("rule:{}:{on}", join("verbs"))));
    }
    privileges
}

pub(super) fn access_response(book: &mut Book<'_>, object: &Object<'_>) {
    let cluster = book.instance(object.input);
    let origin = object.origin(book, JAC, request_name(object), cluster);
    let kind = match object.text(&["spec", "response"]) {
        Some("Approved") => EventKind::Approved,
        Some("Denied") => EventKind::Denied,
        _ => return close(book, &origin, cluster, QUALITY, &[object.created]),
    };
    let by = object
        .text(&["spec", "approver"])
        .map(|name| party(cluster, name));
    let mut event = book.event(&origin, kind);
    event.data.channel = Some(Channel::Tool);
    book.push(event.at(object.created, RECORDED).by(by));
    close(book, &origin, cluster, QUALITY, &[object.created]);
}

pub(super) fn access_grant(book: &mut Book<'_>, object: &Object<'_>, timed: &Timed) {
    let cluster = book.instance(object.input);
    let origin = object.origin(book, JAC, request_name(object), cluster);
    let subject = object
        .text(&["status", "subject"])
        .map(|name| party(cluster, name));
    let expires = object.time(&["status", "accessExpiresAt"]);
    if !timed.contains(&origin.grant) {
        for approver in object.texts(&["status", "approvedBy"]) {
            let mut event = book.event(&origin, EventKind::Approved);
            event.data.channel = Some(Channel::Tool);
            book.push(event.by(Some(party(cluster, approver))));
        }
    }
    let mut event = book.event(&origin, EventKind::Issued);
    let absent = |field: &GrantField| match field {
        // The request says these, where it is still there.
        GrantField::Requester | GrantField::Purpose | GrantField::ApprovedAt => {
            !timed.contains(&origin.grant)
        }
        _ => true,
    };
    event.data = Data {
        kind: Some(GrantKind::Binding),
        subject,
        system: Some(SYSTEM.into()),
        privs: privileges(object, "status"),
        scope: object.scope(cluster),
        expires_at: expires,
        artefact: Some(Sym::new(&format!("AccessGrant/{}", object.name))),
        quality: GRANT_ONLY
            .iter()
            .copied()
            .filter(|(field, _)| absent(field))
            .collect(),
        ..Data::default()
    };
    // The operator makes the object when it makes the binding.
    book.push(event.at(object.created, INFERRED));
    close(book, &origin, cluster, GRANT_ONLY, &[object.created]);
}
