//! Impersonation: the classic verb, and the constrained modes of Kubernetes 1.36
//! (KEP-5284; Kubernetes documentation, *User Impersonation*).
//!
//! Classic impersonation hands over everything the target may do. A constrained mode
//! needs two grants: `impersonate:<mode>` on whom, and `impersonate-on:<mode>:<verb>`
//! on what is done meanwhile. Together they are as good as the target's right to
//! that one verb, which is why neither looks dangerous by itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::evaluate::{Evaluator, Request};
use super::subject::{
    ANONYMOUS, AUTHENTICATED, MASTERS, NODES, SERVICE_ACCOUNTS, UNAUTHENTICATED, split_node,
    split_service_account,
};
use crate::model::Sym;

const AUTHENTICATION: &str = "authentication.k8s.io";

/// Whom a request is made as.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Target {
    pub user: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

/// An impersonation that was let in.
pub(super) struct Admitted {
    /// `impersonate` for the classic one, else the mode.
    pub mode: &'static str,
    /// The groups the request then has.
    pub groups: Vec<Sym>,
}

/// Whether `user` may make `request` as `target`, and by which mode. The first mode
/// that admits wins; whether the target may make the request is asked afterwards.
pub(super) fn admit(
    evaluator: &Evaluator<'_>,
    user: &str,
    groups: &[Sym],
    target: &Target,
    request: &Request<'_>,
) -> Option<Admitted> {
    let allowed = |asked: &Request<'_>| evaluator.grants(user, groups, asked).next().is_some();
    let constrained = mode_of(target).filter(|mode| {
        let on = format!("impersonate-on:{mode}:{}", request.verb);
        allowed(&Request {
            verb: &on,
            ..*request
        }) && every_part(target, Some(mode), &allowed)
    });
    let mode = match constrained {
        Some(mode) => mode,
        None if every_part(target, None, &allowed) => "impersonate",
        None => return None,
    };
    Some(Admitted {
        mode,
        groups: groups_of(target, constrained.is_some()),
    })
}

/// The constrained mode that may carry `target`. (`associated-node` needs the
/// requester's token to name its node, which no object tells.)
fn mode_of(target: &Target) -> Option<&'static str> {
    let bare = target.uid.is_empty() && target.groups.is_empty() && target.extra.is_empty();
    if split_node(&target.user).is_some() {
        return bare.then_some("arbitrary-node");
    }
    if split_service_account(&target.user).is_some() {
        return bare.then_some("serviceaccount");
    }
    Some("user-info")
}

/// Whether every part of the target may be taken on.
fn every_part(
    target: &Target,
    mode: Option<&str>,
    allowed: &impl Fn(&Request<'_>) -> bool,
) -> bool {
    let verb = mode.map_or_else(
        || "impersonate".to_owned(),
        |mode| format!("impersonate:{mode}"),
    );
    let group = if mode.is_some() { AUTHENTICATION } else { "" };
    let may = |group, resource, subresource, namespace, name| {
        allowed(&Request {
            verb: &verb,
            group,
            resource,
            subresource,
            namespace,
            name,
            url: None,
        })
    };
    let name = if let Some((namespace, name)) = split_service_account(&target.user) {
        may(group, "serviceaccounts", "", namespace, name)
    } else if let (Some(_), Some(node)) = (mode, split_node(&target.user)) {
        may(group, "nodes", "", "", node)
    } else {
        may(group, "users", "", "", target.user.as_str())
    };
    name && (target.uid.is_empty() || may(AUTHENTICATION, "uids", "", "", &target.uid))
        && target.groups.iter().all(|wanted| {
            let refused = mode.is_some() && (wanted.is_empty() || wanted == MASTERS);
            !refused && may(group, "groups", "", "", wanted)
        })
        && target.extra.iter().all(|(key, values)| {
            values
                .iter()
                .all(|value| may(AUTHENTICATION, "userextras", key, "", value))
        })
}

/// The groups of the impersonated request.
fn groups_of(target: &Target, constrained: bool) -> Vec<Sym> {
    let mut groups: Vec<Sym> = target.groups.iter().map(Sym::from).collect();
    if let Some((namespace, _)) = split_service_account(&target.user) {
        if groups.is_empty() {
            groups.push(Sym::new(SERVICE_ACCOUNTS));
            groups.push(Sym::new(&format!("{SERVICE_ACCOUNTS}:{namespace}")));
        }
    } else if constrained && split_node(&target.user).is_some() {
        groups.push(Sym::new(NODES));
    }
    if target.user == ANONYMOUS {
        groups.push(Sym::new(UNAUTHENTICATED));
    } else if !groups.iter().any(|group| *group == UNAUTHENTICATED) {
        groups.push(Sym::new(AUTHENTICATED));
    }
    groups.sort();
    groups.dedup();
    groups
}
