//! Who made a change, where a log tells, and how surely it does.

use rustc_hash::FxHashMap;

use crate::model::{FactKey, GrantField, Inventory, Progress, Quality, Sym, Value};

/// By entitlement, who gave it and how that is known. Where two records speak, the
/// ledger's is told: it names who agreed, not only who did it.
pub(super) fn of(inventory: &Inventory) -> FxHashMap<FactKey, Box<str>> {
    // GitHub's audit log and invitations name the very grant. A cluster's audit log
    // names the binding, not which of its subjects was new.
    let records = [
        (Sym::new("granted_by"), "recorded by its system"),
        (
            Sym::new("written_by"),
            "likely: last to write the binding, by the audit log",
        ),
    ];
    let mut authors: FxHashMap<FactKey, Box<str>> = FxHashMap::default();
    for fact in &inventory.entitlements {
        for (attribute, known) in records {
            if let Some(Value::Str(who)) = fact.attrs.get(attribute) {
                let text = format!("{who} ({known})");
                authors.insert(inventory.entitlement_key(fact), text.into());
            }
        }
    }
    for grant in &inventory.grants {
        if grant.progress != Progress::Issued {
            continue;
        }
        let mut text = format!("{}, by the ledger ({}", grant.id, grant.evidence.as_str());
        let names: Vec<String> = grant
            .approvals
            .iter()
            .filter_map(|approval| Some(approval.by?.to_string()))
            .collect();
        if !names.is_empty() {
            text.push_str(&format!(", approved by {}", names.join(", ")));
        } else if grant.quality(GrantField::Approver) != Quality::Absent {
            text.push_str(", approved by nobody");
        }
        text.push(')');
        for at in &grant.entitlements {
            let fact = inventory.entitlement(*at);
            authors.insert(inventory.entitlement_key(fact), text.clone().into());
        }
    }
    authors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Builder, Entitlement, Identity, IdentityKind, System};

    #[test]
    fn a_log_names_who_gave_it_and_silence_names_nobody() {
        let mut build = Builder::new();
        let bob = Identity::new(System::Github, "acme", "bob", IdentityKind::Human, "bob");
        let bob = build.identity(bob);
        for (privilege, by) in [("admin", Some("octo")), ("pull", None)] {
            let mut fact = Entitlement::new(System::Github, "acme", bob, "direct", privilege, "r");
            fact.attrs.set_some("granted_by", by.map(Sym::new));
            build.entitlement(fact);
        }
        let facts = build.finish();
        let authors = of(&facts);
        let told: Vec<Option<&str>> = facts
            .entitlements
            .iter()
            .map(|fact| authors.get(&facts.entitlement_key(fact)).map(|by| &**by))
            .collect();
        assert_eq!(told, [Some("octo (recorded by its system)"), None]);
    }
}
