//! Entitlements of an inventory as reconciliation sees them.

use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest, Sha256};

use crate::jit::reconcile::{Live, LiveCoverage};
use crate::model::{
    Activation, Actor, Entitlement, EntitlementRef, Grant, Identity, IdentityKind, Inventory,
    Moment, PermissionSet, Seen, Sym, System, Tier, Value, Verdict,
};

/// Where the live entitlement of the same place stands in its inventory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub at: EntitlementRef,
    /// Share of earlier snapshots it was present in, in percent.
    pub presence: Option<u8>,
}

/// The entitlements that give something, the platform's own left out.
pub(super) fn rows(inventory: &Inventory) -> (Vec<Row>, Vec<Live>) {
    let revisions: Vec<Sym> = inventory.permission_sets.iter().map(revision).collect();
    (0u32..)
        .zip(&inventory.entitlements)
        .filter(|(_, fact)| fact.verdict != Verdict::No && fact.tier != Tier::None)
        .filter_map(|(at, fact)| {
            let holder = inventory.identity(fact.identity);
            let row = Row {
                at: EntitlementRef(at),
                presence: None,
            };
            (!holder.platform).then(|| (row, live(fact, holder, &revisions)))
        })
        .unzip()
}

fn live(fact: &Entitlement, holder: &Identity, revisions: &[Sym]) -> Live {
    let assignment = fact.mechanism == "assignment";
    let used = match fact.last_used {
        Moment::At(at) => Some(vec![at]),
        Moment::Never => Some(Vec::new()),
        Moment::Unknown => None,
    };
    Live {
        system: fact.system,
        realm: realm(fact),
        tenant: fact.tenant,
        subject: subject(holder),
        privileges: privileges(fact),
        scope: scope(fact),
        tier: fact.tier,
        owner: fact.owner,
        owner_active: None,
        // Of assignments and attachments only the age of what is assigned is known.
        since: fact.since.filter(|_| fact.system != System::Aws),
        expires: fact.expires,
        created_by: fact.attrs.text(Sym::of("granted_by")),
        revision: fact
            .permissions
            .and_then(|set| revisions.get(set.0 as usize).copied()),
        used,
        sessions: Vec::new(),
        max_session: match fact.attrs.get(Sym::new("session")) {
            Some(Value::Duration(length)) if assignment => Some(*length),
            _ => None,
        },
        eligible: fact.activation == Activation::Eligible,
    }
}

/// The part of a system that a just-in-time tool manages by itself.
fn realm(fact: &Entitlement) -> Sym {
    Sym::new(match fact.system {
        System::Aws if fact.mechanism == "assignment" => "aws-idc",
        System::Aws => "aws-iam",
        system => system.as_str(),
    })
}

/// How ledgers refer to an identity of the inventory.
pub(super) fn subject(identity: &Identity) -> Actor {
    let at = |family: &str, id: Sym| Actor::new(format!("{family}/{}", identity.tenant), id);
    match identity.system {
        System::Aws if is_center(identity) => Actor::new("aws-idc", identity.uid),
        System::Aws => at("aws-iam", identity.uid),
        System::Github if identity.attrs.text(Sym::of("subject")).is_some() => Actor::new(
            "github-oidc",
            identity
                .attrs
                .text(Sym::of("subject"))
                .unwrap_or(identity.id),
        ),
        System::Github => Actor::new("github", identity.uid),
        System::Kubernetes => match identity.kind {
            // `User/alice`: tools write the name the API server knows.
            IdentityKind::Human => at("k8s", bare(identity.id)),
            _ => at("k8s", identity.id),
        },
        System::Vault => Actor::new("vault", identity.uid),
        System::Jit => Actor::new(identity.tenant, identity.uid),
    }
}

/// `alice` of `User/alice`.
pub(super) fn bare(id: Sym) -> Sym {
    id.split_once('/').map_or(id, |(_, name)| Sym::new(name))
}

fn is_center(identity: &Identity) -> bool {
    identity
        .attrs
        .text(Sym::of("type"))
        .is_some_and(|kind| kind.starts_with("identity-center"))
}

/// Every name of what is granted: ids, and the names tools use instead.
fn privileges(fact: &Entitlement) -> Vec<Sym> {
    let mut names = vec![fact.privilege];
    // A cluster role goes by its bare name; a namespace's role does not, because
    // every namespace may have one of that name.
    for name in [
        "permission_set",
        "policy_name",
        "policy_arn",
        "cluster_role",
    ] {
        names.extend(fact.attrs.text(Sym::of(name)));
    }
    names.sort();
    names.dedup();
    names
}

fn scope(fact: &Entitlement) -> Vec<(Sym, Sym)> {
    let pair = |key: &str, value: Sym| (Sym::new(key), value);
    let mut scope = match fact.system {
        System::Aws if fact.mechanism == "assignment" => vec![pair("account", fact.scope)],
        System::Aws => vec![pair("account", fact.tenant)],
        System::Github => {
            let mut scope = vec![pair("organization", fact.tenant)];
            if fact.scope.contains('/') {
                scope.push(pair("repository", fact.scope));
            }
            scope
        }
        System::Kubernetes => vec![pair("cluster", fact.tenant), pair("namespace", fact.scope)],
        System::Vault => vec![pair("vault", fact.tenant)],
        System::Jit => vec![pair("tenant", fact.tenant)],
    };
    scope.sort();
    scope
}

/// A digest of what a privilege allows.
fn revision(set: &PermissionSet) -> Sym {
    // Serialising plain data to memory cannot fail.
    let text = serde_json::to_vec(set).unwrap_or_default();
    let hash = Sha256::digest(&text);
    let hex: String = hash[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Sym::new(&format!("tenure:{hex}"))
}

/// Where all live access was seen: tenants without a gap.
pub(super) fn seen(inventory: &Inventory) -> LiveCoverage {
    let mut seen: LiveCoverage = inventory
        .tenants
        .iter()
        // The sources of grants are no targets: nobody looked at what is live there.
        .filter(|tenant| tenant.system != System::Jit)
        .map(|tenant| ((tenant.system, tenant.id), Seen::Complete))
        .collect();
    for gap in inventory.coverage.iter().filter(|part| part.is_gap()) {
        seen.insert((gap.system, gap.tenant), Seen::Partial);
    }
    seen
}

/// Says what people call what was granted, where an inventory tells and the id does not.
pub(super) fn name<'i>(inventories: impl Iterator<Item = &'i Inventory>, grants: &mut [Grant]) {
    let wanted: FxHashSet<Sym> = grants
        .iter()
        .flat_map(|grant| grant.privileges.iter().copied())
        .collect();
    let mut names: FxHashMap<Sym, Sym> = FxHashMap::default();
    for fact in inventories.flat_map(|one| &one.entitlements) {
        if wanted.contains(&fact.privilege)
            && let Some(name) = fact.attrs.text(Sym::of("permission_set"))
        {
            names.entry(fact.privilege).or_insert(name);
        }
    }
    for grant in grants {
        let known = grant.privileges.iter();
        grant.names = known
            .filter_map(|id| Some((*id, *names.get(id)?)))
            .collect();
    }
}

/// Puts grants into the tenants this scan knows: assignments to accounts are kept
/// where Identity Center is.
pub(super) fn settle(inventory: &Inventory, grants: &mut [Grant]) {
    let center = inventory.tenants.iter().find(|tenant| {
        tenant.system == System::Aws
            && tenant.attrs.get(Sym::new("identity_center")) == Some(&Value::Bool(true))
    });
    let center = center.map(|tenant| tenant.id).or_else(|| {
        let assigned = inventory
            .entitlements
            .iter()
            .find(|fact| fact.system == System::Aws && fact.mechanism == "assignment");
        assigned.map(|fact| fact.tenant)
    });
    for grant in grants {
        if grant.realm == "aws-idc"
            && let Some(center) = center
        {
            grant.tenant = center;
        }
    }
}
