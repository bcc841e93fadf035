//! Whether a binding is a just-in-time grant, with evidence; the worst case wins.

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;

use super::jit::{JitObject, Role};
use super::objects::Objects;
use super::rbac::{Binding, Owner};
use crate::model::Sym;
use crate::snapshot::kubernetes::JIT_KINDS;

/// Time an operator may take to remove what has expired.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// What became of a binding's claim to be temporary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It makes none.
    Standing,
    /// Proved and in force until its end.
    Live { owner: usize, until: Timestamp },
    /// Proved, but its end has passed and it is still there.
    Overdue { owner: usize, since: Timestamp },
    /// Only said: why it is not proved.
    Claimed(String),
    /// The operator's objects were not in the input.
    Unknown(String),
}

/// Labels and annotations by which operators mark what they make. They prove nothing.
const MARKS: &[&str] = &[
    "tarbac.io/",
    "justintime.samir.io/",
    "access.antware.xyz/",
    "crds.wizardofoz.co/",
    "rbac-manager.reactiveops.io/expires",
];

/// The state of every binding.
pub(crate) fn classify(objects: &Objects, now: Timestamp) -> Vec<State> {
    let owners: FxHashMap<(Sym, Sym, Sym, Sym), usize> = objects
        .jit
        .iter()
        .enumerate()
        .map(|(at, jit)| {
            let key = (jit.group, jit.kind, jit.meta.namespace, jit.meta.name);
            (key, at)
        })
        .collect();
    objects
        .bindings
        .iter()
        .map(|binding| state(binding, objects, &owners, now))
        .collect()
}

fn state(
    binding: &Binding,
    objects: &Objects,
    owners: &FxHashMap<(Sym, Sym, Sym, Sym), usize>,
    now: Timestamp,
) -> State {
    let known = |owner: &&Owner| JIT_KINDS.iter().any(|(group, _)| owner.group == *group);
    let Some(owner) = binding.meta.owners.iter().find(known) else {
        let meta = &binding.meta;
        let mark = meta
            .labels
            .iter()
            .chain(&meta.annotations)
            .find(|(key, value)| {
                MARKS.iter().any(|mark| key.starts_with(mark))
                    || (*key == "app.kubernetes.io/managed-by" && *value == "jit-access")
            });
        return match mark {
            Some((key, _)) => State::Claimed(format!("`{key}` is set, but nothing owns it")),
            None => State::Standing,
        };
    };
    let at = [binding.meta.namespace, Sym::default()]
        .into_iter()
        .find_map(|namespace| owners.get(&(owner.group, owner.kind, namespace, owner.name)));
    let Some(&at) = at else {
        let name = format!("{} `{}`", owner.kind, owner.name);
        let kinds_seen = objects.jit.iter().any(|jit| jit.group == owner.group)
            || objects
                .counts
                .contains_key(&Sym::new(&format!("{}List", owner.kind)));
        return match kinds_seen {
            true => State::Claimed(format!("its owner, {name}, does not exist")),
            false => State::Unknown(format!("its owner, {name}, was not in the input")),
        };
    };
    let jit = &objects.jit[at];
    if let Some(doubt) = doubt(binding, owner, jit) {
        return State::Claimed(doubt);
    }
    match jit.expires {
        None => State::Claimed(format!(
            "{} `{}` has no readable end",
            jit.kind, jit.meta.name
        )),
        Some(until) if ended(jit) => State::Overdue {
            owner: at,
            since: until.min(now),
        },
        Some(until) if until.checked_add(GRACE).is_ok_and(|end| end < now) => State::Overdue {
            owner: at,
            since: until,
        },
        Some(until) => State::Live { owner: at, until },
    }
}

/// Whether the operator itself says that the access has ended.
fn ended(jit: &JitObject) -> bool {
    matches!(
        jit.state.to_ascii_lowercase().as_str(),
        "expired" | "revoked" | "denied" | "rejected" | "withdrawn" | "timeout" | "completed"
    )
}

/// Why the owner does not prove this binding.
fn doubt(binding: &Binding, owner: &Owner, jit: &JitObject) -> Option<String> {
    let name = format!("{} `{}`", jit.kind, jit.meta.name);
    if jit.role != Role::Grant {
        return Some(format!("its owner, {name}, is no grant"));
    }
    if owner.uid.is_empty() || owner.uid != jit.meta.uid {
        return Some(format!("its owner reference has not the uid of {name}"));
    }
    let named = |subject: &super::rbac::Subject| {
        let qualified = format!("{}/{}", subject.namespace, subject.name);
        jit.subjects
            .iter()
            .any(|known| *known == subject.name || *known == qualified.as_str())
    };
    if !jit.subjects.is_empty() && !binding.subjects.iter().all(named) {
        return Some(format!("{name} is about somebody else"));
    }
    if !jit.privileges.is_empty() && !jit.privileges.contains(&binding.role) {
        return Some(format!("{name} gives another role"));
    }
    None
}

/// Whether a grant is longer than every policy of its operator that covers it allows.
pub(crate) fn over_maximum(jit: &JitObject, objects: &Objects) -> bool {
    let longest = objects
        .jit
        .iter()
        .filter(|policy| {
            policy.role == Role::Policy
                && policy.group == jit.group
                && (jit.privileges.is_empty()
                    || policy.privileges.is_empty()
                    || jit
                        .privileges
                        .iter()
                        .any(|role| policy.privileges.contains(role)))
        })
        .filter_map(|policy| policy.maximum)
        .max();
    let length = match (jit.expires, jit.began()) {
        (Some(end), Some(start)) => Some(end.duration_since(start)),
        _ => jit.duration,
    };
    matches!((length, longest), (Some(length), Some(longest)) if length > longest + GRACE)
}

/// Whether somebody whom the grant is for approved it.
pub(crate) fn self_approved(jit: &JitObject) -> bool {
    jit.approvers
        .iter()
        .any(|approver| jit.subjects.contains(approver))
}
