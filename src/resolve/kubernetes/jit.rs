//! The objects by which just-in-time operators say what they granted.
//!
//! A binding is just-in-time only if its owner is such an object, really the one the
//! reference means, and about the same subject and role; a label or an annotation
//! proves nothing.

use jiff::{SignedDuration, Timestamp};

use super::document::{Node, Source};
use super::rbac::Meta;
use crate::config::parse_duration;
use crate::model::Sym;

/// What an operator's object stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Access that was given, in force until it expires.
    Grant,
    /// Who may ask for what, and for how long.
    Policy,
    /// Access given outside RBAC, by an authorization webhook.
    Session,
}

/// Where an operator's kind keeps what matters, as paths into the object.
struct Shape {
    operator: &'static str,
    group: &'static str,
    kind: &'static str,
    role: Role,
    expires: &'static [&'static str],
    duration: &'static [&'static str],
    /// Text, or a list of texts or of subjects.
    subjects: &'static [&'static str],
    /// The role or group given.
    privilege: &'static [&'static str],
    approvers: &'static [&'static str],
    state: &'static [&'static str],
    maximum: &'static [&'static str],
}

const fn shape(
    operator: &'static str,
    group: &'static str,
    kind: &'static str,
    role: Role,
) -> Shape {
    Shape {
        operator,
        group,
        kind,
        role,
        expires: &[],
        duration: &[],
        subjects: &[],
        privilege: &[],
        approvers: &[],
        state: &[],
        maximum: &[],
    }
}

const fn access_grant(kind: &'static str) -> Shape {
    Shape {
        expires: &["status", "accessExpiresAt"],
        duration: &["status", "duration"],
        subjects: &["status", "subject"],
        privilege: &["status", "role", "name"],
        approvers: &["status", "approvedBy"],
        ..shape(
            "jit-access-controller",
            "access.antware.xyz",
            kind,
            Role::Grant,
        )
    }
}

const fn access_policy(kind: &'static str) -> Shape {
    Shape {
        subjects: &["spec", "requesters"],
        privilege: &["spec", "allowedRoles"],
        approvers: &["spec", "approvers"],
        maximum: &["spec", "maxDuration"],
        ..shape(
            "jit-access-controller",
            "access.antware.xyz",
            kind,
            Role::Policy,
        )
    }
}

const fn temporary_rbac(kind: &'static str) -> Shape {
    Shape {
        expires: &["status", "expiresAt"],
        duration: &["spec", "duration"],
        subjects: &["spec", "subjects"],
        privilege: &["spec", "roleRef", "name"],
        state: &["status", "state"],
        ..shape("tarbac", "tarbac.io", kind, Role::Grant)
    }
}

const fn oz_request(kind: &'static str) -> Shape {
    Shape {
        duration: &["spec", "duration"],
        ..shape("oz", "crds.wizardofoz.co", kind, Role::Grant)
    }
}

/// The kinds that are known.
const SHAPES: &[Shape] = &[
    access_grant("AccessGrant"),
    access_grant("ClusterAccessGrant"),
    access_policy("AccessPolicy"),
    access_policy("ClusterAccessPolicy"),
    temporary_rbac("TemporaryRBAC"),
    temporary_rbac("ClusterTemporaryRBAC"),
    Shape {
        expires: &["spec", "endTime"],
        subjects: &["spec", "reporter"],
        privilege: &["spec", "clusterRole"],
        approvers: &["spec", "approver"],
        state: &["status", "state"],
        ..shape("kube-jit", "justintime.samir.io", "JitRequest", Role::Grant)
    },
    oz_request("ExecAccessRequest"),
    oz_request("PodAccessRequest"),
    Shape {
        expires: &["status", "expiresAt"],
        duration: &["spec", "maxValidFor"],
        subjects: &["spec", "user"],
        privilege: &["spec", "grantedGroup"],
        approvers: &["status", "approvers"],
        state: &["status", "state"],
        ..shape(
            "k8s-breakglass",
            "breakglass.t-caas.telekom.com",
            "BreakglassSession",
            Role::Session,
        )
    },
    Shape {
        subjects: &["spec", "allowed", "groups"],
        privilege: &["spec", "escalatedGroup"],
        approvers: &["spec", "approvers", "users"],
        maximum: &["spec", "maxValidFor"],
        ..shape(
            "k8s-breakglass",
            "breakglass.t-caas.telekom.com",
            "BreakglassEscalation",
            Role::Policy,
        )
    },
    Shape {
        expires: &["status", "expiresAt"],
        duration: &["spec", "duration"],
        subjects: &["spec", "subject", "username"],
        privilege: &["status", "roleName"],
        state: &["status", "requestState"],
        ..shape(
            "argocd-ephemeral-access",
            "ephemeral-access.argoproj-labs.io",
            "AccessRequest",
            Role::Session,
        )
    },
];

/// One object of a just-in-time operator.
#[derive(Clone, Debug)]
pub(crate) struct JitObject {
    pub operator: &'static str,
    pub group: Sym,
    pub kind: Sym,
    pub role: Role,
    pub meta: Meta,
    pub expires: Option<Timestamp>,
    /// Names of users, groups or service accounts (`namespace/name`).
    pub subjects: Vec<Sym>,
    /// Roles or groups given or requestable.
    pub privileges: Vec<Sym>,
    pub approvers: Vec<Sym>,
    pub state: Sym,
    /// Longest time the policy allows.
    pub maximum: Option<SignedDuration>,
    /// Time asked for.
    pub duration: Option<SignedDuration>,
}

impl JitObject {
    /// Reads an object of a known operator.
    pub fn read(kind: &str, group: Sym, node: &Node<'_>, source: &Source<'_>) -> Option<Self> {
        let shape = SHAPES
            .iter()
            .find(|shape| shape.kind == kind && group == shape.group)?;
        let length = |path: &[&str]| {
            let text = at(node, path)?.text()?;
            parse_duration(text).ok()
        };
        let meta = Meta::read(node, source);
        let duration = length(shape.duration);
        let expires = at(node, shape.expires)
            .and_then(|value| value.text()?.parse().ok())
            .or_else(|| {
                // An operator that writes no end counts from the object's creation.
                meta.created?.checked_add(duration?).ok()
            });
        Some(JitObject {
            operator: shape.operator,
            group,
            kind: Sym::new(kind),
            role: shape.role,
            expires,
            subjects: names(at(node, shape.subjects)),
            privileges: names(at(node, shape.privilege)),
            approvers: names(at(node, shape.approvers)),
            state: at(node, shape.state)
                .and_then(Node::text)
                .map(Sym::new)
                .unwrap_or_default(),
            maximum: length(shape.maximum),
            duration,
            meta,
        })
    }

    /// When the access began, as far as the object tells.
    pub fn began(&self) -> Option<Timestamp> {
        self.meta.created
    }
}

fn at<'n, 'a>(node: &'n Node<'a>, path: &[&str]) -> Option<&'n Node<'a>> {
    if path.is_empty() {
        return None;
    }
    node.at(path)
}

/// A text, or the names in a list of texts or of subjects.
fn names(node: Option<&Node<'_>>) -> Vec<Sym> {
    let Some(node) = node else {
        return Vec::new();
    };
    let one = |item: &Node<'_>| match item.text() {
        Some(text) => Some(Sym::new(text)),
        None => {
            let name = item.text_of("name")?;
            Some(match item.text_of("namespace") {
                Some(namespace) => Sym::new(&format!("{namespace}/{name}")),
                None => Sym::new(name),
            })
        }
    };
    match node.items() {
        [] => one(node).into_iter().collect(),
        items => items.iter().filter_map(one).collect(),
    }
}
