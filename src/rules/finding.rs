//! From a rule that holds for a fact to what is reported.

use std::fmt::Write as _;

use super::judge::Court;
use super::message::for_people;
use super::rule::Rule;
use super::value::{Object, Scope};
use crate::model::{
    Activation, Credential, Entitlement, EntitlementId, Evidence, FactKey, Finding, Grant,
    Identity, Inventory, Location, Moment, Path, Step, Subject, Sym, System, Tier, Trust,
};

/// Most pieces of evidence shown for one finding.
const MAX_EVIDENCE: usize = 8;

/// The entitlements of each identity, to show what an identity's tier rests on.
pub(super) struct Holdings {
    /// Indexes of entitlements, grouped by holder.
    order: Vec<u32>,
    /// For each identity where its group starts; one more than there are identities.
    starts: Vec<u32>,
}

impl Holdings {
    pub fn new(inventory: &Inventory) -> Self {
        let mut starts = vec![0u32; inventory.identities.len() + 1];
        for fact in &inventory.entitlements {
            starts[fact.identity.0 as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut order = vec![0; inventory.entitlements.len()];
        for (at, fact) in (0u32..).zip(&inventory.entitlements) {
            let slot = &mut next[fact.identity.0 as usize];
            order[*slot as usize] = at;
            *slot += 1;
        }
        Holdings { order, starts }
    }

    fn of<'f>(&self, inventory: &'f Inventory, at: usize) -> impl Iterator<Item = &'f Entitlement> {
        let range = match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(&start), Some(&end)) => start as usize..end as usize,
            _ => 0..0,
        };
        self.order[range]
            .iter()
            .map(|&at| &inventory.entitlements[at as usize])
    }
}

/// What differs between kinds of facts.
struct Facts {
    system: System,
    tenant: Sym,
    subject: Subject,
    tier: Tier,
    activation: Option<Activation>,
    evidence: Vec<Evidence>,
    steps: Vec<Step>,
    location: Option<Location>,
    entitlement: Option<EntitlementId>,
    key: FactKey,
}

/// The finding of `rule` about `fact`, which stands at `at` in its table.
pub(super) fn of<'f>(
    rule: &'f Rule,
    fact: Object<'f>,
    at: usize,
    scope: &Scope<'f>,
    court: &Court<'f>,
    holdings: &Holdings,
) -> Option<Finding> {
    let facts = match fact {
        Object::Entitlement(fact) => entitlement(fact, court.inventory),
        Object::Credential(fact) => credential(fact, court.inventory, scope),
        Object::Identity(fact) => identity(fact, at, court.inventory, holdings),
        Object::Trust(fact) => trust(fact, court.inventory),
        Object::Path(fact) => path(fact, court.inventory),
        Object::Tenant(fact) => Facts {
            system: fact.system,
            tenant: fact.id,
            subject: Subject {
                id: fact.id,
                kind: Sym::new("tenant"),
                name: fact.name,
            },
            tier: Tier::None,
            activation: None,
            evidence: Vec::new(),
            steps: Vec::new(),
            location: fact.location,
            entitlement: None,
            key: court.inventory.tenant_key(fact),
        },
        Object::Grant(fact) => of_grant(fact, court.inventory),
        Object::Absent
        | Object::Limits(_)
        | Object::Claim(_)
        | Object::Step(_)
        | Object::Approval(_) => return None,
    };
    Some(Finding {
        id: Finding::id_of(rule.id, facts.key),
        rule: rule.id,
        name: rule.name,
        severity: rule.severity_for(scope),
        tags: rule.tags.clone(),
        system: facts.system,
        tenant: facts.tenant,
        subject: facts.subject,
        tier: facts.tier,
        activation: facts.activation,
        message: rule.message.render(scope).into(),
        evidence: facts.evidence,
        steps: facts.steps,
        location: facts.location,
        fix: rule.remedy.render(scope).into(),
        fact: facts.key,
        entitlement: facts.entitlement,
        drift: None,
        suppressed: None,
    })
}

fn about(identity: &Identity) -> Subject {
    Subject {
        id: identity.id,
        kind: Sym::new(identity.kind.as_str()),
        name: identity.name,
    }
}

/// What an entitlement says, as evidence.
fn grant(fact: &Entitlement) -> Evidence {
    let mut what = format!("{} on {}", fact.mechanism, fact.scope);
    if let Some(via) = fact.via {
        let _ = write!(what, ", through {via}");
    }
    if let Some(residual) = fact.residual {
        let _ = write!(what, ", if {residual}");
    }
    Evidence::new(what, fact.privilege).at(fact.location)
}

fn entitlement(fact: &Entitlement, inventory: &Inventory) -> Facts {
    let holder = inventory.identity(fact.identity);
    let stable = inventory.entitlement_id(fact);
    Facts {
        system: fact.system,
        tenant: fact.tenant,
        subject: about(holder),
        tier: fact.tier,
        activation: Some(fact.activation),
        evidence: vec![grant(fact)],
        steps: Vec::new(),
        location: fact.location.or(holder.location),
        entitlement: Some(stable),
        key: inventory.entitlement_key(fact),
    }
}

fn credential(fact: &Credential, inventory: &Inventory, scope: &Scope<'_>) -> Facts {
    let holder = fact.identity.map(|at| inventory.identity(at));
    let ago = |time: jiff::Timestamp| {
        let date = time.strftime("%Y-%m-%d");
        format!(
            "{date} ({} ago)",
            for_people(scope.now.duration_since(time))
        )
    };
    let moment = |name: &str, moment: Moment| match moment {
        Moment::At(time) => Some(format!("{name} {}", ago(time))),
        Moment::Never => Some(format!("never {name}")),
        Moment::Unknown => None,
    };
    let facts: Vec<String> = fact
        .created
        .map(|time| format!("created {}", ago(time)))
        .into_iter()
        .chain(moment("rotated", fact.rotated))
        .chain(moment("used", fact.last_used))
        .collect();
    let mut evidence = Vec::new();
    if !facts.is_empty() {
        evidence.push(Evidence::new(facts.join(", "), fact.id).at(fact.location));
    }
    Facts {
        system: fact.system,
        tenant: fact.tenant,
        subject: Subject {
            id: fact.id,
            kind: fact.kind,
            name: fact.name,
        },
        tier: fact.tier,
        activation: None,
        evidence,
        steps: Vec::new(),
        location: fact.location.or(holder.and_then(|holder| holder.location)),
        entitlement: None,
        key: inventory.credential_key(fact),
    }
}

fn identity(fact: &Identity, at: usize, inventory: &Inventory, holdings: &Holdings) -> Facts {
    let mut evidence: Vec<Evidence> = holdings
        .of(inventory, at)
        .filter(|held| fact.tier != Tier::None && held.tier == fact.tier)
        .map(grant)
        .collect();
    evidence.sort_by(|a, b| (a.source, &a.what).cmp(&(b.source, &b.what)));
    evidence.dedup();
    evidence.truncate(MAX_EVIDENCE);
    Facts {
        system: fact.system,
        tenant: fact.tenant,
        subject: about(fact),
        tier: fact.tier,
        activation: None,
        evidence,
        steps: Vec::new(),
        location: fact.location,
        entitlement: None,
        key: inventory.identity_key(fact),
    }
}

fn trust(fact: &Trust, inventory: &Inventory) -> Facts {
    let target = inventory.identity(fact.target);
    let mut evidence = vec![
        Evidence::new(
            format!("trusts {} {}", fact.kind.as_str(), fact.trustee),
            target.id,
        )
        .at(fact.location),
    ];
    for claim in &fact.claims {
        let what = format!("requires that {}", claim.said());
        evidence.push(Evidence::new(what, target.id).at(fact.location));
    }
    if let Some(residual) = fact.residual {
        evidence.push(Evidence::new(format!("requires {residual}"), target.id).at(fact.location));
    }
    if let Some(witness) = fact.witness {
        evidence.push(Evidence::new(format!("admits {witness}"), target.id).at(fact.location));
    }
    evidence.truncate(MAX_EVIDENCE);
    Facts {
        system: fact.system,
        tenant: fact.tenant,
        subject: about(target),
        tier: fact.tier,
        activation: None,
        evidence,
        steps: Vec::new(),
        location: fact.location.or(target.location),
        entitlement: None,
        key: inventory.trust_key(fact),
    }
}

fn path(fact: &Path, inventory: &Inventory) -> Facts {
    let walker = inventory.identity(fact.from);
    let mut evidence: Vec<Evidence> = Vec::new();
    for piece in fact.steps.iter().flat_map(|step| &step.evidence) {
        if evidence.len() < MAX_EVIDENCE && !evidence.contains(piece) {
            evidence.push(piece.clone());
        }
    }
    Facts {
        system: fact.system,
        tenant: fact.tenant,
        subject: about(walker),
        tier: fact.tier,
        activation: None,
        evidence,
        steps: fact.steps.clone(),
        location: fact.location.or(walker.location),
        entitlement: None,
        key: inventory.path_key(fact),
    }
}

/// A grant, with the events of its chain as evidence.
fn of_grant(fact: &Grant, inventory: &Inventory) -> Facts {
    let mut evidence: Vec<Evidence> = fact
        .events
        .iter()
        .map(|event| {
            let mut what = event.what.to_string();
            if let Some(by) = event.by {
                let _ = write!(what, " by {by}");
            }
            if let Some(at) = event.at {
                let _ = write!(what, " at {at}");
            }
            let _ = write!(what, " ({})", event.class);
            Evidence::new(what, fact.source).at(fact.location)
        })
        .collect();
    if evidence.is_empty() {
        evidence.push(Evidence::new(fact.what(), fact.source).at(fact.location));
    }
    evidence.truncate(MAX_EVIDENCE);
    let entitlement = fact.entitlements.first().map(|at| {
        let live = inventory.entitlement(*at);
        inventory.entitlement_id(live)
    });
    Facts {
        system: fact.system,
        tenant: fact.tenant,
        subject: match (fact.identity, fact.subject) {
            (Some(at), _) => about(inventory.identity(at)),
            (None, subject) => Subject {
                id: subject.map_or(fact.id, |who| Sym::new(&who.to_string())),
                kind: Sym::new("grant"),
                name: subject.map_or(fact.id, |who| who.id),
            },
        },
        tier: fact.tier,
        activation: None,
        evidence,
        steps: Vec::new(),
        location: fact.location,
        entitlement,
        key: inventory.grant_key(fact),
    }
}
