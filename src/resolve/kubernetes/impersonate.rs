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

/// Who asks to be somebody else.
#[derive(Clone, Copy)]
pub(super) struct Requester<'r> {
    pub user: &'r str,
    pub groups: &'r [Sym],
    /// The node the requester's token is bound to, where the case tells its extras.
    pub node: Option<&'r str>,
    /// Whether the case tells them at all.
    pub extra_known: bool,
}

/// An impersonation that was let in.
pub(super) struct Admitted {
    /// `impersonate` for the classic one, else the mode.
    pub mode: &'static str,
    /// The groups the request then has.
    pub groups: Vec<Sym>,
    /// What the requester's token must be like.
    pub residual: Option<String>,
}

/// The mode by which a workload acts as the node it runs on.
const ASSOCIATED: &str = "associated-node";

/// Whether somebody may make `request` as `target`, and by which mode. The first mode
/// that admits wins, one that asks nothing of the token before one that does; whether
/// the target may make the request is asked afterwards.
pub(super) fn admit(
    evaluator: &Evaluator<'_>,
    requester: Requester<'_>,
    target: &Target,
    request: &Request<'_>,
) -> Option<Admitted> {
    let Requester { user, groups, .. } = requester;
    let allowed = |asked: &Request<'_>| evaluator.grants(user, groups, asked).next().is_some();
    let admits = |mode: &str| {
        let on = format!("impersonate-on:{mode}:{}", request.verb);
        allowed(&Request {
            verb: &on,
            ..*request
        }) && every_part(target, Some(mode), &allowed)
    };
    let associated = association(requester, target)
        .filter(|_| admits(ASSOCIATED))
        .map(|residual| Admitted {
            mode: ASSOCIATED,
            groups: groups_of(target, true),
            residual,
        });
    if associated
        .as_ref()
        .is_some_and(|admitted| admitted.residual.is_none())
    {
        return associated;
    }
    let constrained = mode_of(target).filter(|mode| admits(mode));
    let mode = match constrained {
        Some(mode) => mode,
        None if every_part(target, None, &allowed) => "impersonate",
        None => return associated,
    };
    Some(Admitted {
        mode,
        groups: groups_of(target, constrained.is_some()),
        residual: None,
    })
}

/// Whether a service account's token may be bound to the node it wants to act as:
/// `Some(None)` if it is, `Some(Some(…))` if the case does not tell.
fn association(requester: Requester<'_>, target: &Target) -> Option<Option<String>> {
    let node = split_node(&target.user).filter(|_| is_bare(target))?;
    split_service_account(requester.user)?;
    match (requester.extra_known, requester.node) {
        (true, bound) => (bound == Some(node)).then_some(None),
        (false, _) => Some(Some(format!(
            "the token is bound to a pod on node `{node}` ({NODE_NAME})"
        ))),
    }
}

/// The extra that names the node a token's pod runs on.
pub(super) const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

/// Whether nothing but the user's name is asked for.
fn is_bare(target: &Target) -> bool {
    target.uid.is_empty() && target.groups.is_empty() && target.extra.is_empty()
}

/// The constrained mode that may carry `target`, besides that of the own node.
fn mode_of(target: &Target) -> Option<&'static str> {
    if split_node(&target.user).is_some() {
        return is_bare(target).then_some("arbitrary-node");
    }
    if split_service_account(&target.user).is_some() {
        return is_bare(target).then_some("serviceaccount");
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
    } else if let (Some(mode), Some(node)) = (mode, split_node(&target.user)) {
        // The own node is asked about as any node: the mode already ties it.
        let node = if mode == ASSOCIATED { "*" } else { node };
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
