//! What the audit log and the engines prove about grants.

use rustc_hash::{FxHashMap, FxHashSet};

use super::audit::{Event, EventKind};
use super::documents::Space;
use crate::model::{Attrs, Builder, Credential, Moment, Sym, System, Value};

/// Static roles with a role for short-lived accounts in the same database: whoever
/// holds the static one goes round the windows of the other.
pub(super) fn twins(tenant: Sym, build: &mut Builder) {
    let target = Sym::new("target");
    let mut dynamic: FxHashMap<Sym, Sym> = FxHashMap::default();
    for fact in &build.facts().identities {
        if fact.system == System::Vault
            && fact.tenant == tenant
            && let Some(Value::Str(name)) = fact.attrs.get(target)
        {
            let first = dynamic.entry(*name).or_insert(fact.id);
            *first = (*first).min(fact.id);
        }
    }
    for fact in &mut build.facts_mut().credentials {
        if fact.system == System::Vault
            && fact.tenant == tenant
            && fact.kind == "static-role"
            && let Some(Value::Str(name)) = fact.attrs.get(target)
            && let Some(twin) = dynamic.get(name)
        {
            let twin = *twin;
            fact.attrs.set("dynamic_twin", twin);
        }
    }
}

/// Adds last uses, rotations and the ends of leases.
pub(super) fn apply(
    space: &Space<'_>,
    events: &[Event],
    build: &mut Builder,
    settings: &mut Attrs,
) {
    let events: Vec<&Event> = events
        .iter()
        .filter(|event| {
            event.namespace.as_str().trim_matches('/') == space.namespace.trim_end_matches('/')
        })
        .collect();
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return;
    };
    settings.set("audit_from", first.time);
    settings.set("audit_to", last.time);
    let approvals = events
        .iter()
        .filter(|event| event.kind == EventKind::Approved)
        .count();
    settings.set("approvals", approvals);

    let mut seen: FxHashMap<Sym, jiff::Timestamp> = FxHashMap::default();
    let mut used: FxHashMap<(Sym, Sym), jiff::Timestamp> = FxHashMap::default();
    let mut revoked: FxHashSet<Sym> = FxHashSet::default();
    let mut issued: FxHashMap<Sym, &Event> = FxHashMap::default();
    let mut rotated: FxHashMap<Sym, jiff::Timestamp> = FxHashMap::default();
    for event in &events {
        if let Some(entity) = event.entity {
            seen.insert(entity, event.time);
            for policy in &event.granting {
                used.insert((entity, *policy), event.time);
            }
        }
        if let (EventKind::Login, Some(role)) = (event.kind, event.role) {
            let mount = event.path.split("/login").next().unwrap_or_default();
            seen.insert(Sym::new(&format!("{mount}/role/{role}")), event.time);
        }
        match (event.kind, event.lease) {
            (EventKind::Revoked, Some(lease)) => {
                revoked.insert(lease);
            }
            (EventKind::Issued | EventKind::Unwrapped, Some(lease)) => {
                issued.insert(lease, event);
            }
            _ => {}
        }
        for config in rotation(&event.path) {
            rotated.insert(Sym::new(&config), event.time);
        }
    }

    let tenant = space.tenant;
    let facts = build.facts_mut();
    for fact in &mut facts.identities {
        if fact.system == System::Vault
            && fact.tenant == tenant
            && let Some(time) = seen.get(&fact.uid).or_else(|| seen.get(&fact.id))
        {
            fact.last_used = Moment::At(*time);
        }
    }
    for fact in &mut facts.entitlements {
        if fact.system == System::Vault && fact.tenant == tenant {
            let uid = facts.identities[fact.identity.0 as usize].uid;
            if let Some(time) = used.get(&(uid, fact.privilege)) {
                fact.last_used = Moment::At(*time);
            }
        }
    }
    let mut listed: FxHashSet<Sym> = FxHashSet::default();
    for fact in &mut facts.credentials {
        if fact.system != System::Vault || fact.tenant != tenant {
            continue;
        }
        if let Some(time) = rotated.get(&fact.id) {
            fact.rotated = Moment::At(*time);
        }
        if fact.kind == "lease" {
            listed.insert(fact.id);
            fact.attrs.set("closed", revoked.contains(&fact.id));
            if let Some(event) = issued.get(&fact.id) {
                fact.attrs
                    .set("approved", event.kind == EventKind::Unwrapped);
                fact.last_used = Moment::At(event.time);
            }
        }
    }
    // Leases the log saw given out and the server no longer lists.
    let mut gone: Vec<(&Sym, &&Event)> = issued
        .iter()
        .filter(|(lease, _)| !listed.contains(lease))
        .collect();
    gone.sort_by_key(|(lease, _)| **lease);
    for (lease, event) in gone {
        let mut fact = Credential::new(System::Vault, tenant, None, "lease", *lease, event.path);
        fact.created = Some(event.time);
        fact.last_used = Moment::At(event.time);
        // Running out leaves no entry: without a revocation its end is not proved.
        let closed = revoked.contains(lease);
        fact.active = !closed;
        fact.attrs.set("closed", closed);
        fact.attrs
            .set("approved", event.kind == EventKind::Unwrapped);
        facts.credentials.push(fact);
    }
}

/// The configurations whose root credential a request changed: engines differ in where
/// they keep it and in the path that rotates it.
fn rotation(path: &str) -> Vec<String> {
    if let Some(mount) = path.strip_suffix("/config/rotate-root") {
        return vec![format!("{mount}/config/root"), format!("{mount}/config")];
    }
    if let Some(mount) = path.strip_suffix("/rotate-root") {
        return vec![format!("{mount}/config")];
    }
    match path.split_once("/rotate-root/") {
        Some((mount, name)) => vec![format!("{mount}/config/{name}")],
        None => Vec::new(),
    }
}
