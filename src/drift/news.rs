//! Findings about change itself: access that is new or wider, whatever rules say of it.
//!
//! A rule speaks of access that is bad wherever it stands. A check of changes must
//! also speak of access that is merely *more than before*: `s3:*` that grows by
//! `dynamodb:*` breaks no rule, and yet it is what the check is for.

use rustc_hash::{FxHashMap, FxHashSet};

use super::baseline::Baseline;
use super::diff::{Change, ChangeKind, Weight};
use super::exception::today;
use super::record::Record;
use crate::model::{
    Activation, Effect, Evidence, FactKey, FactKind, Finding, Inventory, Location, RuleCard,
    Severity, Subject, Sym, System, Tier, Verdict,
};

/// What one of these findings is called, and why it matters.
struct Kind {
    id: &'static str,
    name: &'static str,
    summary: &'static str,
    why: &'static str,
}

const NEW: Kind = Kind {
    id: "DRF101",
    name: "new-standing-access",
    summary: "Access stands that was not there before",
    why: "Access is easiest to refuse before it exists. Once it stands, somebody depends on it, and nobody remembers why it was given.",
};
const WIDER: Kind = Kind {
    id: "DRF102",
    name: "widened-access",
    summary: "Access allows, stands or lasts more than before",
    why: "Access mostly grows by small changes to what was reviewed once. Each looks harmless; their sum was never looked at.",
};
const UNDECIDED: Kind = Kind {
    id: "DRF103",
    name: "undecidable-access",
    summary: "Access changed, and it cannot be decided that it does not allow more",
    why: "What cannot be decided must not pass as harmless: a value known only after apply, a changed condition or a deny that is gone may open more than it seems.",
};
const LAPSED: Kind = Kind {
    id: "DRF104",
    name: "acceptance-ended",
    summary: "Access stands whose acceptance has ended",
    why: "It was accepted until a day that is past, and nobody has renewed that.",
};

const FIX: &str = "Take it back, let it end by itself or be activated just in time, or accept it: tenure baseline accept KEY --owner OWNER --reason WHY --expires DAY";

/// What reports say about these findings.
pub fn cards() -> Vec<RuleCard> {
    [NEW, WIDER, UNDECIDED, LAPSED]
        .into_iter()
        .map(|kind| RuleCard {
            id: kind.id.to_owned(),
            name: kind.name.to_owned(),
            summary: kind.summary.to_owned(),
            why: kind.why.to_owned(),
            fix: FIX.to_owned(),
            severity: Severity::Medium,
            systems: System::ALL.to_vec(),
            tags: vec!["standing".to_owned()],
            references: Vec::new(),
        })
        .collect()
}

/// The facts that findings of this kind, whose ids begin with `id`, would be about.
pub fn facts_of(id: &str, facts: &Baseline) -> Vec<FactKey> {
    let mut keys: Vec<FactKey> = facts
        .records
        .iter()
        .map(|record| record.key)
        .filter(|key| {
            let mut kinds = [NEW, WIDER, UNDECIDED, LAPSED].into_iter();
            kinds.any(|kind| Finding::id_of(Sym::new(kind.id), *key).starts_with(id))
        })
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

/// Whether a change is more standing access. A fact without privilege of its own (an
/// identity, a tenant, a path that follows from others) is none: the grant behind it
/// is told for itself.
pub fn is_more_access(change: &Change, new: &Baseline) -> bool {
    if change.kind.weight() != Weight::Gate {
        return false;
    }
    let Some(record) = change.after.as_ref() else {
        // A deny that is gone while its holder stays.
        return true;
    };
    match record.key.kind {
        FactKind::Entitlement => match change.kind {
            ChangeKind::Added => gives(record, new),
            // What only denies gives nothing itself, and takes less than it did.
            ChangeKind::PossiblyWidened => true,
            _ => {
                record.verdict != Verdict::No
                    || allows(record, new) == Some(false)
                    || documents_differ(change.before.as_ref(), record)
            }
        },
        FactKind::Credential | FactKind::Trust => record.verdict != Verdict::No,
        // Whoever is bound by less may do more.
        FactKind::Source => record.is_guardrails(),
        FactKind::Identity | FactKind::Path | FactKind::Grant => false,
    }
}

/// Whether what a grant says is another than before. That it lets nobody do anything is
/// judged on samples, and a document that is seen to allow more outweighs them.
fn documents_differ(before: Option<&Record>, after: &Record) -> bool {
    before.is_some_and(|before| {
        (before.permissions, before.limits) != (after.permissions, after.limits)
    })
}

/// Whether an entitlement lets somebody act without being activated first.
fn gives(record: &Record, new: &Baseline) -> bool {
    let stands = !matches!(
        record.activation,
        Some(Activation::Eligible | Activation::Jit)
    );
    let something = allows(record, new)
        .unwrap_or(record.tier != Tier::None || record.verdict == Verdict::Conditional);
    stands && something && record.verdict != Verdict::No
}

/// Whether the documents of a record allow anything; `None` where they are not known.
fn allows(record: &Record, side: &Baseline) -> Option<bool> {
    let set = side.permissions(record.permissions?)?;
    let mut all = set.permissions.iter();
    Some(all.any(|one| one.effect == Effect::Allow))
}

/// One finding for each change that is more standing access, unless it is new and a
/// rule speaks of it already; and one for each fact whose acceptance has ended and of
/// which no rule speaks.
pub fn findings(
    changes: &[Change],
    old: &Baseline,
    new: &Baseline,
    inventory: &Inventory,
    found: &[Finding],
    now: jiff::Timestamp,
) -> Vec<Finding> {
    let spoken: FxHashSet<FactKey> = found.iter().map(|finding| finding.fact).collect();
    let mut wanted: Vec<(&Record, Kind, String)> = Vec::new();
    for change in changes.iter().filter(|change| is_more_access(change, new)) {
        let Some(record) = change.after.as_ref().or(change.before.as_ref()) else {
            continue;
        };
        if change.kind == ChangeKind::Added && spoken.contains(&change.key) {
            continue;
        }
        let details = change.details.join("; ");
        let kind = match change.kind {
            ChangeKind::Added if record.verdict == Verdict::Conditional => UNDECIDED,
            ChangeKind::Added => NEW,
            ChangeKind::PossiblyWidened => UNDECIDED,
            _ => WIDER,
        };
        let message = match (change.kind, record.condition) {
            (ChangeKind::Added, Some(condition)) => {
                format!(
                    "`{}` has new access: {} if {condition}",
                    record.who, record.what
                )
            }
            (ChangeKind::Added, None) => {
                format!("`{}` has new standing access: {}", record.who, record.what)
            }
            _ if record.is_guardrails() => format!(
                "the {} of `{}` let more through{}: {details}",
                record.what,
                record.who,
                match change.kind {
                    ChangeKind::PossiblyWidened => ", as far as can be told",
                    _ => "",
                }
            ),
            (ChangeKind::PossiblyWidened, _) => format!(
                "access of `{}` may be wider: {}: {details}",
                record.who, record.what
            ),
            _ => format!(
                "access of `{}` is wider: {}: {details}",
                record.who, record.what
            ),
        };
        wanted.push((record, kind, message));
    }
    let today = today(now);
    let changed: FxHashSet<FactKey> = changes.iter().map(|change| change.key).collect();
    for record in &new.records {
        if let Some(accepted) = old.accepted.get(&record.key)
            && accepted.expires < today
            && !spoken.contains(&record.key)
            && !changed.contains(&record.key)
        {
            let message = format!(
                "`{}` still has what {} accepted until {}: {}",
                record.who, accepted.owner, accepted.expires, record.what
            );
            wanted.push((record, LAPSED, message));
        }
    }
    if wanted.is_empty() {
        return Vec::new();
    }
    let keys: FxHashSet<FactKey> = wanted.iter().map(|(record, ..)| record.key).collect();
    let facts = Facts::of(inventory, &keys);
    wanted
        .into_iter()
        .map(|(record, kind, message)| facts.finding(record, &kind, message))
        .collect()
}

/// Facts that changed, by key.
struct Facts {
    places: FxHashMap<FactKey, (Subject, Option<Location>)>,
    holders: FxHashMap<(System, Sym, Sym), (Subject, Option<Location>)>,
}

impl Facts {
    fn of(inventory: &Inventory, keys: &FxHashSet<FactKey>) -> Self {
        let subject = |at: crate::model::IdentityRef| {
            let who = inventory.identity(at);
            Subject {
                id: who.id,
                kind: Sym::new(who.kind.as_str()),
                name: who.name,
            }
        };
        let mut places = FxHashMap::default();
        let mut put = |key: FactKey, subject: Subject, location: Option<Location>| {
            if keys.contains(&key) {
                places.entry(key).or_insert((subject, location));
            }
        };
        for fact in &inventory.entitlements {
            let key = inventory.entitlement_key(fact);
            put(key, subject(fact.identity), fact.location);
        }
        for fact in &inventory.credentials {
            let who = match fact.identity {
                Some(at) => subject(at),
                None => Subject {
                    id: fact.id,
                    kind: fact.kind,
                    name: fact.name,
                },
            };
            put(inventory.credential_key(fact), who, fact.location);
        }
        for fact in &inventory.trusts {
            put(
                inventory.trust_key(fact),
                subject(fact.target),
                fact.location,
            );
        }
        for fact in &inventory.guardrails {
            let tenant = inventory.tenant(fact.system, fact.tenant);
            let subject = Subject {
                id: fact.tenant,
                kind: Sym::of("tenant"),
                name: tenant.map_or(fact.tenant, |tenant| tenant.name),
            };
            let location = tenant.and_then(|tenant| tenant.location);
            put(inventory.guardrails_key(fact), subject, location);
        }
        let holders = inventory
            .identities
            .iter()
            .map(|who| {
                let subject = Subject {
                    id: who.id,
                    kind: Sym::new(who.kind.as_str()),
                    name: who.name,
                };
                ((who.system, who.tenant, who.id), (subject, who.location))
            })
            .collect();
        Facts { places, holders }
    }

    fn finding(&self, record: &Record, kind: &Kind, message: String) -> Finding {
        let rule = Sym::new(kind.id);
        let holder = (record.system, record.tenant, record.who);
        let (subject, location) = self
            .places
            .get(&record.key)
            .or_else(|| self.holders.get(&holder))
            .cloned()
            .unwrap_or_else(|| {
                let subject = Subject {
                    id: record.who,
                    kind: Sym::new(record.key.kind.as_str()),
                    name: record.who,
                };
                (subject, None)
            });
        let severity = match (record.tier, record.verdict) {
            (Tier::Admin, _) => Severity::High,
            (Tier::Write, _) => Severity::Medium,
            _ if record.is_guardrails() => Severity::Medium,
            // What it is worth was not seen.
            (Tier::None, Verdict::Conditional) => Severity::Medium,
            (Tier::Read | Tier::None, _) => Severity::Low,
        };
        Finding {
            id: Finding::id_of(rule, record.key),
            rule,
            name: Sym::new(kind.name),
            severity,
            tags: vec![Sym::new("standing")],
            system: record.system,
            tenant: record.tenant,
            subject,
            tier: record.tier,
            activation: record.activation,
            message: message.into(),
            evidence: vec![Evidence::new(record.what.as_str(), record.who).at(location)],
            steps: Vec::new(),
            location,
            fix: FIX.replace("KEY", &record.key.to_string()).into(),
            fact: record.key,
            entitlement: None,
            drift: None,
            suppressed: None,
        }
    }
}
