//! Requests that wait for approval, and requesters who are near the approvers.
//!
//! A control group is only as good as the distance between who asks and who approves:
//! members of the approving group who also ask need but one colleague, and whoever may
//! change groups makes themselves or a friend an approver.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use super::book::Book;
use super::identity::Store;
use super::people::Principal;
use crate::model::{Builder, IdentityRef, Sym, System, Verdict};

/// Writes entities and groups: the way into a group that approves.
const CHANGES_GROUPS: &str = "VLT-PE-008";

/// Marks entitlements that ask for approval and whose holder is near the approvers.
pub(super) fn mark(
    tenant: Sym,
    book: &Book,
    store: &Store,
    principals: &[Principal],
    sets: &[Vec<usize>],
    build: &mut Builder,
) {
    if book.approvers().is_empty() {
        return;
    }
    let near = near(book, store, principals, sets);
    let facts = build.facts_mut();
    let changes: FxHashSet<IdentityRef> = facts
        .paths
        .iter()
        .filter(|path| path.system == System::Vault && path.tenant == tenant)
        .filter(|path| path.technique == CHANGES_GROUPS && path.verdict == Verdict::Yes)
        .map(|path| path.from)
        .collect();
    for trust in &mut facts.trusts {
        let asks = trust.attrs.get(Sym::of("needs_approval")).is_some();
        if asks
            && trust.system == System::Vault
            && trust.tenant == tenant
            && trust.source.is_some_and(|who| changes.contains(&who))
        {
            trust.attrs.set("approval_controlled", true);
        }
    }
    for fact in &mut facts.entitlements {
        if fact.system != System::Vault || fact.tenant != tenant {
            continue;
        }
        let Some(at) = book.find(fact.privilege).filter(|&at| asks(book, at)) else {
            continue;
        };
        let base = book.base(at);
        if let Some(paths) = near.get(&(fact.identity, base)) {
            let list: Vec<Sym> = paths.iter().map(|path| Sym::new(path)).collect();
            fact.attrs.set("approves_itself", list);
        }
        if changes.contains(&fact.identity) {
            fact.attrs.set("may_join_approvers", true);
        }
    }
}

fn asks(book: &Book, at: usize) -> bool {
    let rules = &book.one(at).policy.rules;
    rules.iter().any(|rule| rule.control_group.is_some())
}

/// By holder and policy: the paths whose approvers the holder is one of.
fn near(
    book: &Book,
    store: &Store,
    principals: &[Principal],
    sets: &[Vec<usize>],
) -> BTreeMap<(IdentityRef, usize), BTreeSet<String>> {
    let groups = store.groups_of_entities();
    let mut near: BTreeMap<(IdentityRef, usize), BTreeSet<String>> = BTreeMap::new();
    for (principal, set) in principals.iter().zip(sets) {
        let Some(own) = principal
            .entity
            .and_then(|entity| groups.get(entity.as_str()))
        else {
            continue;
        };
        for &at in set {
            for rule in &book.one(at).policy.rules {
                let approvers = rule.control_group.iter().flat_map(|group| &group.factors);
                let among = approvers
                    .flat_map(|factor| &factor.groups)
                    .any(|group| own.contains(group.as_str()));
                if among {
                    near.entry((principal.who, book.base(at)))
                        .or_default()
                        .insert(rule.pattern());
                }
            }
        }
    }
    near
}
