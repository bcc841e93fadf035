//! What a baseline keeps of a fact: enough to tell more access from as much.

use serde::{Deserialize, Serialize};

use crate::model::{
    Activation, Bounded, ClaimTest, FactKey, FactKind, Inventory, Moment, PermissionSet,
    PermissionSetRef, Sym, System, Tier, Trust, Value, Verdict,
};

/// What stands between the claims of a trust, all of which must be presented.
const CLAIM_AND: &str = " & ";
/// What stands behind a claim whose value may be written in any case.
const ANY_CASE: &str = " in any case";
/// What stands behind a claim that need not be presented.
const IF_PRESENT: &str = " if present";

/// Whether something ends by itself. A baseline keeps no dates, so that a grant that
/// is renewed day by day does not change it every day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ends {
    /// It ends at some time.
    Dated,
    /// It was not seen whether it ends.
    Unknown,
    /// It never ends.
    Never,
}

impl From<Moment> for Ends {
    fn from(moment: Moment) -> Self {
        match moment {
            Moment::At(_) => Ends::Dated,
            Moment::Unknown => Ends::Unknown,
            Moment::Never => Ends::Never,
        }
    }
}

/// One fact as a baseline keeps it. Fields are in the order they are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The system.
    pub system: System,
    /// Account, organisation, cluster or vault.
    pub tenant: Sym,
    /// Whose access it is, by the id people use.
    pub who: Sym,
    /// What it is, in words made for review: mechanism, privilege and scope.
    pub what: Sym,
    /// On what, where that is not the whole tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Sym>,
    /// Which fact.
    pub key: FactKey,
    /// The immutable id of the identity, where the system has one beside its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Sym>,
    /// The tier it reaches.
    pub tier: Tier,
    /// Whether it works.
    pub verdict: Verdict,
    /// Whether it stands; only entitlements can be activated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Whether it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Ends>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Sym>,
    /// Conditions under which it holds, in canonical text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Sym>,
    /// What it allows, by the digest of a permission document kept beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Sym>,
    /// What cuts that, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Sym>,
    /// What whoever comes in by a trust may bring along, each with its conditions
    /// behind it.
    #[serde(default, skip_serializing_if = "<[Sym]>::is_empty")]
    pub brings: Box<[Sym]>,
    /// Its holder stands for whoever gets the document, who stay when it goes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whoever: bool,
}

impl Record {
    /// Whether it is what bounds everybody of a tenant, or all it holds.
    pub(super) fn is_guardrails(&self) -> bool {
        let all = [Bounded::Holders, Bounded::Resources];
        self.key.kind == FactKind::Source && all.iter().any(|one| self.what == one.as_str())
    }

    /// A record of which nothing more is said; `place` is system and tenant.
    fn new(place: (System, Sym), who: Sym, what: String, key: FactKey) -> Self {
        Record {
            system: place.0,
            tenant: place.1,
            who,
            what: Sym::from(what),
            scope: None,
            key,
            uid: None,
            tier: Tier::None,
            verdict: Verdict::Yes,
            activation: None,
            ends: None,
            owner: None,
            condition: None,
            permissions: None,
            limits: None,
            brings: Box::default(),
            whoever: false,
        }
    }
}

/// The records of an inventory, sorted for review, with the permission documents
/// they use. Facts of the platform itself are kept too: a changed built-in role is
/// the quietest back door there is.
pub fn records(inventory: &Inventory) -> (Vec<Record>, Vec<(Sym, PermissionSet)>) {
    let digests: Vec<Sym> = inventory.permission_sets.iter().map(digest).collect();
    let mut used = vec![false; digests.len()];
    let mut all = Vec::new();

    for fact in &inventory.identities {
        all.push(Record {
            uid: uid(fact.uid, fact.id),
            tier: fact.tier,
            verdict: on(fact.active),
            owner: fact.owner,
            ..Record::new(
                (fact.system, fact.tenant),
                fact.id,
                format!("identity {}", fact.kind.as_str()),
                inventory.identity_key(fact),
            )
        });
    }
    for fact in &inventory.entitlements {
        let who = inventory.identity(fact.identity);
        let mut digest_of = |at: PermissionSetRef| {
            used[at.0 as usize] = true;
            digests[at.0 as usize]
        };
        let permissions = fact.permissions.map(&mut digest_of);
        let limits = fact.limits.map(&mut digest_of);
        let via = fact
            .via
            .map(|via| format!(" via {via}"))
            .unwrap_or_default();
        all.push(Record {
            scope: (fact.scope != "*").then_some(fact.scope),
            uid: uid(who.uid, who.id),
            tier: fact.tier,
            verdict: fact.verdict,
            activation: Some(fact.activation),
            ends: Some(fact.expires.into()),
            owner: fact.owner,
            condition: fact.residual,
            permissions,
            limits,
            whoever: who.attrs.get(Sym::of("whoever")) == Some(&Value::Bool(true)),
            ..Record::new(
                (fact.system, fact.tenant),
                who.id,
                format!(
                    "{} {} on {}{via}",
                    fact.mechanism, fact.privilege, fact.scope
                ),
                inventory.entitlement_key(fact),
            )
        });
    }
    for fact in &inventory.credentials {
        let who = fact.identity.map(|at| inventory.identity(at));
        all.push(Record {
            uid: who.and_then(|who| uid(who.uid, who.id)),
            tier: fact.tier,
            verdict: on(fact.active),
            ends: Some(fact.expires.into()),
            owner: fact.owner,
            ..Record::new(
                (fact.system, fact.tenant),
                who.map_or(fact.name, |who| who.id),
                format!("{} {}", fact.kind, fact.id),
                inventory.credential_key(fact),
            )
        });
    }
    for fact in &inventory.trusts {
        let target = inventory.identity(fact.target);
        all.push(Record {
            uid: uid(target.uid, target.id),
            tier: fact.tier,
            verdict: fact.verdict,
            condition: condition(fact),
            brings: fact
                .attrs
                .list(Sym::of("brings"))
                .unwrap_or_default()
                .into(),
            ..Record::new(
                (fact.system, fact.tenant),
                target.id,
                format!("trusts {} {}", fact.kind.as_str(), fact.trustee),
                inventory.trust_key(fact),
            )
        });
    }
    for fact in &inventory.paths {
        let from = inventory.identity(fact.from);
        let to = fact
            .to
            .map_or(fact.tier.as_str(), |to| inventory.identity(to).id.as_str());
        all.push(Record {
            uid: uid(from.uid, from.id),
            tier: fact.tier,
            verdict: fact.verdict,
            condition: fact.residual,
            ..Record::new(
                (fact.system, fact.tenant),
                from.id,
                format!("reaches {to} by {}", fact.technique),
                inventory.path_key(fact),
            )
        });
    }
    for fact in &inventory.tenants {
        all.push(Record::new(
            (fact.system, fact.id),
            fact.id,
            "tenant".to_owned(),
            inventory.tenant_key(fact),
        ));
    }
    for fact in &inventory.guardrails {
        let mut levels = fact.levels.iter().map(|at| {
            used[at.0 as usize] = true;
            digests[at.0 as usize]
        });
        let (permissions, limits) = (levels.next(), levels.next());
        // Of further levels only that they are others is told.
        let more: Vec<&str> = levels.map(|digest| digest.as_str()).collect();
        all.push(Record {
            condition: (!more.is_empty()).then(|| Sym::from(more.join(CLAIM_AND))),
            permissions,
            limits,
            ..Record::new(
                (fact.system, fact.tenant),
                fact.tenant,
                fact.bounded.as_str().to_owned(),
                inventory.guardrails_key(fact),
            )
        });
    }
    sort(&mut all);
    // One fact stated twice (two statements of one trust) is one line.
    all.dedup_by(|a, b| a == b);

    let mut sets: Vec<(Sym, PermissionSet)> = inventory
        .permission_sets
        .iter()
        .zip(&digests)
        .zip(&used)
        .filter(|(_, used)| **used)
        .map(|((set, digest), _)| (*digest, set.clone()))
        .collect();
    sets.sort_by_key(|(digest, _)| *digest);
    sets.dedup_by_key(|(digest, _)| *digest);
    (all, sets)
}

/// The order of a baseline file.
pub(super) fn sort(records: &mut [Record]) {
    records.sort_by_key(order);
}

fn order(record: &Record) -> impl Ord + use<> {
    (
        record.system,
        record.tenant,
        record.who,
        kind_rank(record.key.kind),
        record.what,
        record.key,
        record.condition,
    )
}

/// Who, then what they hold, then what proves them, then how others become them.
fn kind_rank(kind: FactKind) -> u8 {
    match kind {
        FactKind::Source => 0,
        FactKind::Identity => 1,
        FactKind::Entitlement => 2,
        FactKind::Credential => 3,
        FactKind::Trust => 4,
        FactKind::Path => 5,
        FactKind::Grant => 6,
    }
}

/// What is switched off does not work.
fn on(active: bool) -> Verdict {
    if active { Verdict::Yes } else { Verdict::No }
}

/// The immutable id, left out where it says nothing beyond the name.
fn uid(uid: Sym, id: Sym) -> Option<Sym> {
    (uid != id).then_some(uid)
}

/// The claims a trust demands, as canonical text.
fn condition(trust: &Trust) -> Option<Sym> {
    let kept_out = trust.attrs.list(Sym::of("kept_out")).unwrap_or_default();
    let mut parts: Vec<String> = trust
        .claims
        .iter()
        .map(|claim| {
            let mut values: Vec<&str> = claim.values.iter().map(|value| value.as_str()).collect();
            values.sort_unstable();
            let (test, case) = match claim.test {
                ClaimTest::Equals => ("=", ""),
                ClaimTest::EqualsIgnoreCase => ("=", ANY_CASE),
                // One system has one sort of pattern.
                ClaimTest::Like | ClaimTest::Starred => ("~", ""),
                ClaimTest::NotEquals => ("!=", ""),
                ClaimTest::NotEqualsIgnoreCase => ("!=", ANY_CASE),
                ClaimTest::NotLike | ClaimTest::NotStarred => ("!~", ""),
            };
            let absent = if claim.holds_when_absent {
                IF_PRESENT
            } else {
                ""
            };
            format!("{}{test}{}{case}{absent}", claim.name, values.join("|"))
        })
        .chain(trust.residual.map(|residual| residual.to_string()))
        .chain(kept_out.iter().map(|who| format!("not {who}")))
        .collect();
    parts.sort();
    parts.dedup();
    (!parts.is_empty()).then(|| Sym::new(&parts.join(CLAIM_AND)))
}

/// Whether whoever presents what `many` demands of a trust presents what `few` does.
pub(super) fn demands(many: &str, few: &str) -> bool {
    few.split(CLAIM_AND)
        .all(|few| many.split(CLAIM_AND).any(|many| implies(many, few)))
}

/// Whether one claim holds wherever another does: it is the same, or the same less
/// strictly.
fn implies(one: &str, other: &str) -> bool {
    /// The claim itself, whether in any case, whether it may be absent.
    fn parts(claim: &str) -> (&str, bool, bool) {
        let bare = claim.strip_suffix(IF_PRESENT);
        let (claim, absent) = (bare.unwrap_or(claim), bare.is_some());
        let bare = claim.strip_suffix(ANY_CASE);
        (bare.unwrap_or(claim), bare.is_some(), absent)
    }
    let ((own, own_case, own_absent), (its, its_case, its_absent)) = (parts(one), parts(other));
    let test = own.find(['=', '~', '!']).map_or("", |at| &own[at..]);
    // To be none of some texts in any case is to be none of them.
    let case = match test.starts_with('!') {
        true => own_case >= its_case,
        false => own_case <= its_case,
    };
    own == its && case && own_absent <= its_absent
}

/// A short digest of a permission document in its canonical order.
fn digest(set: &PermissionSet) -> Sym {
    use sha2::{Digest, Sha256};
    // Serialising plain data to memory cannot fail.
    let text = serde_json::to_vec(set).unwrap_or_default();
    let hash = Sha256::digest(&text);
    let hex: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Sym::new(&hex)
}
