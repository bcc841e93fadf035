//! All facts of one scan.

use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};
use serde::{Deserialize, Serialize};

use super::{
    Attrs, Coverage, Credential, CredentialRef, Entitlement, EntitlementId, EntitlementRef,
    FactKey, FactKind, Grant, GrantRef, Identity, IdentityRef, Location, Path, PermissionSet,
    PermissionSetRef, Sym, System, Tier, Trust, TrustRef, Verdict,
};

/// An account, organisation, cluster or vault, with its own settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The system.
    pub system: System,
    /// Its own id: account number, organisation login, cluster name, vault address.
    pub id: Sym,
    /// Name for people. Untrusted text.
    pub name: Sym,
    /// Settings, as attributes declared by the system's resolver.
    #[serde(default, skip_serializing_if = "Attrs::is_empty")]
    pub attrs: Attrs,
    /// Where it stands in the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// What guardrails bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bounded {
    /// Everybody of the tenant, whatever they reach.
    #[default]
    Holders,
    /// Whoever reaches what the tenant holds.
    Resources,
}

/// What bounds everybody, whatever they hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardrails {
    /// The system.
    pub system: System,
    /// Account, organisation, cluster or vault.
    pub tenant: Sym,
    /// Whom.
    #[serde(default)]
    pub bounded: Bounded,
    /// What is let through, level by level: all of them must allow, and none deny. At
    /// least one.
    pub levels: Vec<PermissionSetRef>,
}

impl Bounded {
    /// The name in reports, which is part of the key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Bounded::Holders => "guardrails",
            Bounded::Resources => "guardrails of resources",
        }
    }
}

/// Everything that was resolved. Tables are in a fixed order, so equal input gives
/// equal inventories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Accounts, organisations, clusters, vaults.
    pub tenants: Vec<Tenant>,
    /// Who.
    pub identities: Vec<Identity>,
    /// What they may do.
    pub entitlements: Vec<Entitlement>,
    /// What proves them.
    pub credentials: Vec<Credential>,
    /// Who may become whom.
    pub trusts: Vec<Trust>,
    /// Ways to privilege.
    pub paths: Vec<Path>,
    /// Distinct permission documents.
    pub permission_sets: Vec<PermissionSet>,
    /// What bounds everybody of a tenant, or all it holds, where that was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<Guardrails>,
    /// What was and was not seen.
    pub coverage: Vec<Coverage>,
    /// Grants of just-in-time systems, from a ledger.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Digest of the end of the ledger they were read from: whoever keeps it can tell
    /// whether that ledger was changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_head: Option<Sym>,
}

impl Inventory {
    /// The identity at `at`.
    pub fn identity(&self, at: IdentityRef) -> &Identity {
        &self.identities[at.0 as usize]
    }

    /// The entitlement at `at`.
    pub fn entitlement(&self, at: EntitlementRef) -> &Entitlement {
        &self.entitlements[at.0 as usize]
    }

    /// The grant at `at`.
    pub fn grant(&self, at: GrantRef) -> &Grant {
        &self.grants[at.0 as usize]
    }

    /// The permission set at `at`.
    pub fn permission_set(&self, at: PermissionSetRef) -> &PermissionSet {
        &self.permission_sets[at.0 as usize]
    }

    /// The stable id of an entitlement of this inventory.
    pub fn entitlement_id(&self, entitlement: &Entitlement) -> EntitlementId {
        EntitlementId::of(
            entitlement.system,
            &entitlement.tenant,
            &self.identity(entitlement.identity).uid,
            &entitlement.mechanism,
            &entitlement.privilege,
            &entitlement.scope,
        )
    }

    /// The key of an entitlement of this inventory.
    pub fn entitlement_key(&self, fact: &Entitlement) -> FactKey {
        FactKey::entitlement(self.entitlement_id(fact))
    }

    /// The key of a credential.
    pub fn credential_key(&self, fact: &Credential) -> FactKey {
        FactKey::of(
            FactKind::Credential,
            &[fact.system.as_str(), &fact.tenant, &fact.kind, &fact.id],
        )
    }

    /// The key of an identity.
    pub fn identity_key(&self, fact: &Identity) -> FactKey {
        FactKey::of(
            FactKind::Identity,
            &[fact.system.as_str(), &fact.tenant, &fact.uid],
        )
    }

    /// The key of a trust of this inventory.
    pub fn trust_key(&self, fact: &Trust) -> FactKey {
        FactKey::of(
            FactKind::Trust,
            &[
                fact.system.as_str(),
                &fact.tenant,
                &self.identity(fact.target).uid,
                fact.kind.as_str(),
                &fact.trustee,
                fact.issuer.as_deref().unwrap_or_default(),
            ],
        )
    }

    /// The key of a path of this inventory: who gets where by which technique. The
    /// steps between are evidence, not identity.
    pub fn path_key(&self, fact: &Path) -> FactKey {
        FactKey::of(
            FactKind::Path,
            &[
                fact.system.as_str(),
                &fact.tenant,
                &self.identity(fact.from).uid,
                &fact.technique,
                fact.to
                    .map_or(fact.tier.as_str(), |to| self.identity(to).uid.as_str()),
            ],
        )
    }

    /// The key of a grant.
    pub fn grant_key(&self, fact: &Grant) -> FactKey {
        FactKey::of(FactKind::Grant, &[&fact.source, &fact.id])
    }

    /// The key of a tenant.
    pub fn tenant_key(&self, fact: &Tenant) -> FactKey {
        FactKey::of(FactKind::Source, &[fact.system.as_str(), &fact.id])
    }

    /// The key of what bounds everybody of a tenant.
    pub fn guardrails_key(&self, fact: &Guardrails) -> FactKey {
        FactKey::of(
            FactKind::Source,
            &[fact.system.as_str(), &fact.tenant, fact.bounded.as_str()],
        )
    }

    /// The settings of a tenant.
    pub fn tenant(&self, system: System, id: Sym) -> Option<&Tenant> {
        self.tenants
            .iter()
            .find(|tenant| tenant.system == system && tenant.id == id)
    }

    fn is_empty(&self) -> bool {
        *self == Inventory::default()
    }

    /// Takes in the facts of another inventory, renumbering its references.
    pub fn append(&mut self, other: Inventory) {
        if self.is_empty() {
            *self = other;
            return;
        }
        let identities = offset(self.identities.len());
        let sets = offset(self.permission_sets.len());
        let entitlements = offset(self.entitlements.len());
        let moved = |at: IdentityRef| IdentityRef(at.0 + identities);
        let moved_set = |set: PermissionSetRef| PermissionSetRef(set.0 + sets);
        self.ledger_head = self.ledger_head.or(other.ledger_head);

        self.tenants.extend(other.tenants);
        self.identities.extend(other.identities);
        self.permission_sets.extend(other.permission_sets);
        self.coverage.extend(other.coverage);
        self.guardrails
            .extend(other.guardrails.into_iter().map(|mut rails| {
                for level in &mut rails.levels {
                    *level = moved_set(*level);
                }
                rails
            }));
        self.entitlements
            .extend(other.entitlements.into_iter().map(|mut fact| {
                fact.identity = moved(fact.identity);
                fact.permissions = fact.permissions.map(moved_set);
                fact.limits = fact.limits.map(moved_set);
                fact
            }));
        self.credentials
            .extend(other.credentials.into_iter().map(|mut fact| {
                fact.identity = fact.identity.map(moved);
                fact
            }));
        self.trusts.extend(other.trusts.into_iter().map(|mut fact| {
            fact.target = moved(fact.target);
            fact.source = fact.source.map(moved);
            fact
        }));
        self.paths.extend(other.paths.into_iter().map(|mut fact| {
            fact.from = moved(fact.from);
            fact.to = fact.to.map(moved);
            fact
        }));
        self.grants.extend(other.grants.into_iter().map(|mut fact| {
            fact.identity = fact.identity.map(moved);
            for at in &mut fact.entitlements {
                at.0 += entitlements;
            }
            fact
        }));
    }
}

/// A table's length as an offset. Tables are indexed by `u32`; the design size is 10⁶.
fn offset(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Collects the facts of one tenant or system.
///
/// Identities are found again by `(tenant, id)`, so resolvers can refer to somebody
/// before or after describing them; permission sets are shared when equal.
#[derive(Debug, Default)]
pub struct Builder {
    facts: Inventory,
    identities: FxHashMap<(System, Sym, Sym), IdentityRef>,
    /// Permission sets by hash; of two sets with one hash the second has another salt.
    sets: FxHashMap<u64, PermissionSetRef>,
}

impl Builder {
    /// An empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an identity, or replaces the one with the same system, tenant and id.
    pub fn identity(&mut self, identity: Identity) -> IdentityRef {
        let key = (identity.system, identity.tenant, identity.id);
        if let Some(&at) = self.identities.get(&key) {
            self.facts.identities[at.0 as usize] = identity;
            return at;
        }
        let at = IdentityRef(offset(self.facts.identities.len()));
        self.facts.identities.push(identity);
        self.identities.insert(key, at);
        at
    }

    /// The identity with this id, if it was added.
    pub fn find(&self, system: System, tenant: Sym, id: Sym) -> Option<IdentityRef> {
        self.identities.get(&(system, tenant, id)).copied()
    }

    /// The identity at `at`, to be completed.
    pub fn identity_mut(&mut self, at: IdentityRef) -> &mut Identity {
        &mut self.facts.identities[at.0 as usize]
    }

    /// Raises the tier of an identity.
    pub fn raise(&mut self, at: IdentityRef, tier: Tier) {
        let identity = self.identity_mut(at);
        identity.tier = identity.tier.max(tier);
    }

    /// Adds an entitlement and raises its holder's tier.
    pub fn entitlement(&mut self, entitlement: Entitlement) -> EntitlementRef {
        let at = EntitlementRef(offset(self.facts.entitlements.len()));
        self.raise(entitlement.identity, entitlement.tier);
        self.facts.entitlements.push(entitlement);
        at
    }

    /// Adds a credential.
    pub fn credential(&mut self, credential: Credential) -> CredentialRef {
        let at = CredentialRef(offset(self.facts.credentials.len()));
        self.facts.credentials.push(credential);
        at
    }

    /// Adds a trust.
    pub fn trust(&mut self, trust: Trust) -> TrustRef {
        let at = TrustRef(offset(self.facts.trusts.len()));
        self.facts.trusts.push(trust);
        at
    }

    /// Adds a path. One that works raises its walker's tier; of one that works under
    /// a condition the walker keeps only that he may get there.
    pub fn path(&mut self, path: Path) {
        let walker = self.identity_mut(path.from);
        match path.verdict {
            Verdict::Yes => walker.tier = walker.tier.max(path.tier),
            Verdict::Conditional => {
                walker.possible_tier = walker.possible_tier.max(path.tier);
            }
            Verdict::No => {}
        }
        self.facts.paths.push(path);
    }

    /// Adds a grant.
    pub fn grant(&mut self, grant: Grant) -> GrantRef {
        let at = GrantRef(offset(self.facts.grants.len()));
        self.facts.grants.push(grant);
        at
    }

    /// Adds a tenant.
    pub fn tenant(&mut self, tenant: Tenant) {
        self.facts.tenants.push(tenant);
    }

    /// Adds what bounds everybody of a tenant.
    pub fn guardrails(&mut self, guardrails: Guardrails) {
        self.facts.guardrails.push(guardrails);
    }

    /// Adds a coverage statement.
    pub fn coverage(&mut self, coverage: Coverage) {
        self.facts.coverage.push(coverage);
    }

    /// Stores a permission set once.
    pub fn permission_set(&mut self, set: PermissionSet) -> PermissionSetRef {
        let next = PermissionSetRef(offset(self.facts.permission_sets.len()));
        for salt in 0u32.. {
            match self.sets.entry(FxBuildHasher.hash_one((salt, &set))) {
                Entry::Vacant(place) => {
                    place.insert(next);
                    break;
                }
                Entry::Occupied(known)
                    if self.facts.permission_sets[known.get().0 as usize] == set =>
                {
                    return *known.get();
                }
                Entry::Occupied(_) => {}
            }
        }
        self.facts.permission_sets.push(set);
        next
    }

    /// What was collected so far.
    pub fn facts(&self) -> &Inventory {
        &self.facts
    }

    /// What was collected so far, to be completed (tiers of credentials and trusts
    /// are known only when all entitlements are).
    pub fn facts_mut(&mut self) -> &mut Inventory {
        &mut self.facts
    }

    /// The inventory.
    pub fn finish(self) -> Inventory {
        self.facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Activation, IdentityKind, TrustKind};

    fn one(id: &str) -> Inventory {
        let mut build = Builder::new();
        let who = build.identity(Identity::new(
            System::Aws,
            "1",
            id,
            IdentityKind::Workload,
            id,
        ));
        let set = build.permission_set(PermissionSet::default());
        let mut grant = Entitlement::new(System::Aws, "1", who, "managed-policy", "p", "*");
        grant.permissions = Some(set);
        grant.tier = Tier::Admin;
        build.entitlement(grant);
        build.trust(Trust::new(System::Aws, "1", who, TrustKind::Service, "ec2"));
        build.finish()
    }

    #[test]
    fn appended_facts_keep_their_holders() {
        let mut all = one("a");
        all.append(one("b"));
        let holders: Vec<_> = all
            .entitlements
            .iter()
            .map(|fact| all.identity(fact.identity).id.as_str())
            .collect();
        assert_eq!(holders, ["a", "b"]);
        assert_eq!(all.identity(all.trusts[1].target).id, "b");
        assert_eq!(all.entitlements[1].permissions, Some(PermissionSetRef(1)));
        assert_eq!(all.entitlements[0].activation, Activation::Standing);
    }

    #[test]
    fn an_entitlement_raises_its_holder() {
        assert_eq!(one("a").identities[0].tier, Tier::Admin);
    }

    #[test]
    fn a_path_raises_its_walker_as_far_as_it_works() {
        for (verdict, tier, possible) in [
            (Verdict::Yes, Tier::Admin, Tier::Admin),
            (Verdict::Conditional, Tier::Read, Tier::Admin),
            (Verdict::No, Tier::Read, Tier::Read),
        ] {
            let mut build = Builder::new();
            let kind = IdentityKind::Human;
            let who = build.identity(Identity::new(System::Aws, "1", "a", kind, "a"));
            build.raise(who, Tier::Read);
            build.path(Path {
                system: System::Aws,
                tenant: Sym::new("1"),
                from: who,
                to: None,
                tier: Tier::Admin,
                technique: Sym::new("T"),
                name: Sym::new("t"),
                verdict,
                residual: None,
                gate: Default::default(),
                steps: Vec::new(),
                attrs: Attrs::new(),
                location: None,
            });
            let facts = build.finish();
            assert_eq!(facts.identities[0].tier, tier, "{verdict:?}");
            assert_eq!(facts.identities[0].possible(), possible, "{verdict:?}");
            assert_eq!(facts.paths.len(), 1, "a path is told whatever its verdict");
        }
    }
}
