//! A grant of a just-in-time system: one permission to hold access for a while,
//! folded from the events of the ledger.
//!
//! A grant is a view, never the truth: the ledger's events are. What a source
//! cannot store is told apart from what it stored as empty ([`Quality::Absent`]), so
//! that nobody is accused because a tool keeps no record.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::{EntitlementRef, IdentityRef, Location, Moment, Sym, System, Tier};

/// Index of a [`Grant`] in its inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GrantRef(pub u32);

/// Somebody, as a ledger refers to them: a namespace and an id that does not change
/// within it. Display names are no references.
///
/// Namespaces: `aws-idc/<store>`, `aws-iam/<account>`, `github/<organisation>`,
/// `k8s/<cluster>`, `vault/<address>`, `entra/<tenant>`, `mail`, and whatever else a
/// source uses. In files also written `namespace:id`, cut at the first colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Actor {
    /// The namespace.
    pub ns: Sym,
    /// The immutable id within it.
    pub id: Sym,
}

impl Actor {
    /// Somebody with this id in that namespace.
    pub fn new(ns: impl Into<Sym>, id: impl Into<Sym>) -> Self {
        Actor {
            ns: ns.into(),
            id: id.into(),
        }
    }

    /// Reads `namespace:id`; text without a colon is an id without namespace.
    pub fn parse(text: &str) -> Self {
        let (ns, id) = text.split_once(':').unwrap_or(("", text));
        Actor::new(ns, id)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ns.is_empty() {
            return f.write_str(&self.id);
        }
        write!(f, "{}:{}", self.ns, self.id)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Parts { ns: Sym, id: Sym },
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Text(text) => Actor::parse(&text),
            Form::Parts { ns, id } => Actor { ns, id },
        })
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident $(= $default:ident)? { $($(#[$vdoc:meta])* $variant:ident $text:literal)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The name used in ledgers, rules and reports.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        $(impl Default for $name {
            fn default() -> Self {
                $name::$default
            }
        })?
    };
}

names! {
    /// In what form access is given.
    GrantKind = Assignment {
        /// A role or permission set assigned for a while.
        Assignment "assignment"
        /// An eligible assignment made active.
        Activation "activation"
        /// Membership of a group for a while.
        Membership "membership"
        /// A binding made for a while.
        Binding "binding"
        /// A session. Most systems cannot list them, so only its use is evidence.
        Session "session"
        /// A lease of a vault.
        Lease "lease"
        /// A credential.
        Credential "credential"
        /// The right to ask, and no access by itself: it covers nothing.
        Eligibility "eligibility"
    }
}

names! {
    /// How far a request came, by what its source says last. Whether an issued grant
    /// still runs follows from its times, not from this.
    Progress = Pending {
        /// Asked for, perhaps approved, not issued.
        Pending "pending"
        /// Denied, withdrawn, cancelled, or not approved in time.
        Refused "refused"
        /// Access was given.
        Issued "issued"
        /// The tool reports that giving failed. Some tools use one word for this and
        /// for a failed revocation; then the grant is `Issued` and its `end_result`
        /// is `failed`.
        Failed "failed"
    }
}

names! {
    /// What a source can say about a field.
    Quality = Recorded {
        /// It keeps the field; an empty one is empty.
        Recorded "recorded"
        /// It was derived from other fields.
        Inferred "inferred"
        /// The source cannot store it: its absence says nothing about the grant.
        Absent "absent"
    }
}

names! {
    /// A field whose [`Quality`] matters for a verdict.
    GrantField {
        /// Who asked.
        Requester "requester"
        /// Why.
        Purpose "purpose"
        /// The work item.
        Ticket "ticket"
        /// Who approved.
        Approver "approver"
        /// When it was approved.
        ApprovedAt "approved_at"
        /// When it was given.
        IssuedAt "issued_at"
        /// When it is to end.
        ExpiresAt "expires_at"
        /// When it ended.
        EndedAt "ended_at"
        /// Why it ended.
        EndCause "end_cause"
        /// How it was used.
        Usage "usage"
        /// Whether it was emergency access.
        BreakGlass "break_glass"
        /// Its review afterwards.
        Review "review"
    }
}

names! {
    /// How good the evidence is. A verdict is as good as the weakest it rests on.
    EvidenceClass = Claimed {
        /// A claim in a file.
        Claimed "E0"
        /// Entered by hand, or a CSV file.
        Manual "E1"
        /// An export of the system of record.
        Exported "E2"
        /// An event of the target system itself.
        Target "E3"
        /// The system of record and the target agree, and the chain verifies.
        Corroborated "E4"
    }
}

names! {
    /// By which way an approval came.
    Channel = Tool {
        /// The just-in-time tool itself.
        Tool "jit-tool"
        /// A ticket system.
        Itsm "itsm"
        /// A review on GitHub.
        Github "github"
        /// A control group of a vault.
        Vault "vault"
        /// A declared policy approved without a person.
        AutoPolicy "auto-policy"
        /// A chat.
        Chat "chat"
        /// A mail.
        Email "email"
        /// Somebody said so.
        Verbal "verbal"
        /// Anything else.
        Other "other"
    }
}

impl Channel {
    /// Whether approvals given this way stay in a system of record.
    pub const fn retains(self) -> bool {
        matches!(
            self,
            Channel::Tool | Channel::Itsm | Channel::Github | Channel::Vault | Channel::AutoPolicy
        )
    }
}

names! {
    /// Why a grant ended.
    EndCause {
        /// It ran out.
        Expiry "expiry"
        /// Its holder gave it back.
        HandedBack "handed_back"
        /// The task was done.
        TaskComplete "task_complete"
        /// Somebody took it away.
        Revoked "revoked"
        /// Something outside the tool changed the access.
        External "external"
        /// The tool failed.
        Failed "failed"
    }
}

names! {
    /// What is known about the removal of access.
    EndResult = Unconfirmed {
        /// Seen gone.
        Confirmed "confirmed"
        /// Said to be gone.
        Unconfirmed "unconfirmed"
        /// The tool reports that removing failed.
        Failed "failed"
    }
}

/// One approval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Approval {
    /// Who; `None` for a policy, or where the source does not say.
    pub by: Option<Actor>,
    /// When.
    pub at: Option<Timestamp>,
    /// By which way.
    pub channel: Channel,
    /// The policy that approved without a person.
    pub policy: Option<Sym>,
    /// A record somebody can look up: review id, message link.
    pub artefact: Option<Sym>,
}

/// Use of the access under a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// When it began.
    pub start: Option<Timestamp>,
    /// When it ends or ended.
    pub end: Option<Timestamp>,
}

/// Presence or absence of the access in the target, as a scan saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Observation {
    /// When the target was looked at.
    pub at: Timestamp,
    /// Whether the access was there.
    pub present: bool,
}

/// One event in the life of a grant, for people who check the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantEvent {
    /// When, where it is known.
    pub at: Option<Timestamp>,
    /// `requested`, `approved`, `issued`, `used`, `ended` and the like.
    pub what: Sym,
    /// Who did it.
    pub by: Option<Actor>,
    /// What the source can say about the time.
    pub quality: Quality,
    /// How good the evidence is.
    pub class: EvidenceClass,
    /// A reason, a ticket, a record number. Untrusted text.
    pub note: Option<Box<str>>,
}

/// For which time a ledger holds all grants for a system. Silence outside it, or
/// without any such statement, is not evidence that nobody was granted anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCoverage {
    /// The system let into, as [`Grant::realm`].
    pub realm: Sym,
    /// The account, organisation, cluster or vault; `None` is all of them.
    pub tenant: Option<Sym>,
    /// The source that says so.
    pub source: Sym,
    /// From when; `None` is from the beginning.
    pub from: Option<Timestamp>,
    /// Until when.
    pub to: Timestamp,
    /// How much of that time's grants are in the ledger.
    pub seen: super::Seen,
    /// Why it is not complete.
    pub reason: Box<str>,
}

/// One grant.
///
/// Times are UTC. A field that is `None` is empty in its source, or its source
/// cannot store it; [`Grant::quality`] tells which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id in the ledger: source and the source's own id.
    pub id: Sym,
    /// The source and instance it was harvested from: `aws-team/prod`.
    pub source: Sym,
    /// In what form access is given.
    pub kind: GrantKind,
    /// The system let into, as the ledger names it: `aws-idc`, `kubernetes`, `gcp`.
    pub realm: Sym,
    /// The scanned system it belongs to ([`Grant::system_of`]).
    pub system: System,
    /// Account, organisation, cluster or vault let into, where it is a single one
    /// known by the id this scan uses; otherwise the realm.
    pub tenant: Sym,
    /// Who asked.
    pub requester: Option<Actor>,
    /// Who is let in. `None` where the source cannot say.
    pub subject: Option<Actor>,
    /// For whom a workload or agent acts.
    pub on_behalf_of: Option<Actor>,
    /// What is granted, by the target's own ids; sorted.
    pub privileges: Vec<Sym>,
    /// On what: `account`, `cluster`, `namespace`, `repository`, `environment`,
    /// `path`, …, each with an id, `*`, or a prefix ending in `*`; sorted by key.
    pub scope: Vec<(Sym, Sym)>,
    /// Digest of what the privilege allowed when it was approved.
    pub revision: Option<Sym>,
    /// Why, in words. Untrusted text.
    pub purpose: Option<Box<str>>,
    /// The work item's key.
    pub ticket: Option<Sym>,
    /// When the work item was resolved.
    pub ticket_resolved: Option<Timestamp>,
    /// Whether the work item exists in its system; `None` where nobody looked.
    pub ticket_found: Option<bool>,
    /// How many different people must approve; `None` where the source does not say.
    pub approvals_required: Option<u32>,
    /// Whether a policy may approve without a person.
    pub auto_allowed: bool,
    /// Approvals given, oldest first.
    pub approvals: Vec<Approval>,
    /// How far the request came.
    pub progress: Progress,
    /// When it was asked for.
    pub requested: Option<Timestamp>,
    /// The planned start.
    pub not_before: Option<Timestamp>,
    /// When access was given.
    pub issued: Option<Timestamp>,
    /// When it is to end; [`Moment::Never`] for a grant without end.
    pub expires: Moment,
    /// Longest life of a session opened under it.
    pub max_session: Option<jiff::SignedDuration>,
    /// When it ended, by its source.
    pub ended: Option<Timestamp>,
    /// Why it ended.
    pub end_cause: Option<EndCause>,
    /// Who ended it.
    pub ended_by: Option<Actor>,
    /// What is known about the removal.
    pub end_result: EndResult,
    /// The tool says that something else changed the access.
    pub externally_modified: bool,
    /// When access under it was used, sorted.
    pub used: Vec<Timestamp>,
    /// How often, where the source counts without giving times.
    pub uses: Option<u64>,
    /// Sessions opened under it.
    pub sessions: Vec<Session>,
    /// Presence and absence in the target, oldest first.
    pub observed: Vec<Observation>,
    /// Emergency access.
    pub break_glass: bool,
    /// A rehearsed emergency.
    pub drill: bool,
    /// The incident it belongs to.
    pub incident: Option<Sym>,
    /// Who reviewed it afterwards.
    pub reviewed_by: Option<Actor>,
    /// When it was reviewed.
    pub reviewed: Option<Timestamp>,
    /// The grant it renews or extends.
    pub renews: Option<Sym>,
    /// How often it was extended.
    pub extensions: u32,
    /// Fields that are not simply recorded.
    #[serde(default)]
    pub qualities: Vec<(GrantField, Quality)>,
    /// The weakest evidence its times and approvals rest on.
    pub evidence: EvidenceClass,
    /// Its events, oldest first.
    #[serde(default)]
    pub events: Vec<GrantEvent>,
    /// Where its first event stands in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,

    // What reconciliation finds out.
    /// The tier of what is granted, where it is known.
    pub tier: Tier,
    /// The holder among the scanned identities.
    pub identity: Option<IdentityRef>,
    /// The live entitlements it accounts for, or should have ended.
    #[serde(default)]
    pub entitlements: Vec<EntitlementRef>,
    /// What people call those of its privileges whose ids say nothing, by id; sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<(Sym, Sym)>,
    /// The verdict: `COVERED`, `EXPIRED_BUT_LIVE`, `ORPHAN_EVIDENCE`, `ENDED`, …;
    /// `None` before reconciliation.
    pub state: Option<Sym>,
    /// Further marks: `SELF_APPROVED`, `TTL_TOO_LONG`, …; sorted.
    #[serde(default)]
    pub flags: Vec<Sym>,
    /// How many grants name the same work item, this one included.
    #[serde(default)]
    pub ticket_grants: u32,
    /// Share of the last days that this person's grants for the same thing covered, in
    /// hundredths.
    #[serde(default)]
    pub persistence: u8,
    /// By how much its removal was late at least: it was still seen this long after
    /// its end. `None` where it was not seen gone.
    #[serde(default)]
    pub late_at_least: Option<jiff::SignedDuration>,
    /// By how much its removal was late at most: this long after its end it was seen
    /// gone.
    #[serde(default)]
    pub late_at_most: Option<jiff::SignedDuration>,
    /// What was made under it and outlives it, by the target's own ids; sorted.
    #[serde(default)]
    pub minted: Vec<Sym>,
}

impl Grant {
    /// A pending request about which nothing else is known. `realm` also decides the
    /// system and, until somebody knows better, the tenant.
    pub fn new(id: impl Into<Sym>, source: impl Into<Sym>, realm: impl Into<Sym>) -> Self {
        let realm = realm.into();
        Grant {
            id: id.into(),
            source: source.into(),
            kind: GrantKind::default(),
            realm,
            system: Grant::system_of(&realm),
            tenant: realm,
            requester: None,
            subject: None,
            on_behalf_of: None,
            privileges: Vec::new(),
            scope: Vec::new(),
            revision: None,
            purpose: None,
            ticket: None,
            ticket_resolved: None,
            ticket_found: None,
            approvals_required: None,
            auto_allowed: false,
            approvals: Vec::new(),
            progress: Progress::default(),
            requested: None,
            not_before: None,
            issued: None,
            expires: Moment::Unknown,
            max_session: None,
            ended: None,
            end_cause: None,
            ended_by: None,
            end_result: EndResult::default(),
            externally_modified: false,
            used: Vec::new(),
            uses: None,
            sessions: Vec::new(),
            observed: Vec::new(),
            break_glass: false,
            drill: false,
            incident: None,
            reviewed_by: None,
            reviewed: None,
            renews: None,
            extensions: 0,
            qualities: Vec::new(),
            evidence: EvidenceClass::default(),
            events: Vec::new(),
            location: None,
            tier: Tier::None,
            identity: None,
            entitlements: Vec::new(),
            names: Vec::new(),
            state: None,
            flags: Vec::new(),
            ticket_grants: 0,
            persistence: 0,
            late_at_least: None,
            late_at_most: None,
            minted: Vec::new(),
        }
    }

    /// What is granted, in words: privileges, by name where they have one, and scope.
    pub fn what(&self) -> String {
        let list = |items: Vec<String>| items.join(", ");
        let name = |id: &Sym| {
            let known = self.names.iter().find(|(known, _)| known == id);
            known.map_or(*id, |(_, name)| *name).to_string()
        };
        let privileges = list(self.privileges.iter().map(name).collect());
        let scope = list(
            self.scope
                .iter()
                .map(|(key, value)| format!("{key} {value}"))
                .collect(),
        );
        match (privileges.is_empty(), scope.is_empty()) {
            (true, true) => "something not named".to_owned(),
            (false, true) => privileges,
            (true, false) => format!("something on {scope}"),
            (false, false) => format!("{privileges} on {scope}"),
        }
    }

    /// The scanned system a realm belongs to; [`System::Jit`] for systems this
    /// program does not read, such as Entra ID or Google Cloud.
    pub fn system_of(realm: &str) -> System {
        match realm
            .split_once(['-', '/', ':'])
            .map_or(realm, |(of, _)| of)
        {
            "aws" => System::Aws,
            "github" | "gh" => System::Github,
            "kubernetes" | "k8s" | "eks" => System::Kubernetes,
            "vault" | "openbao" => System::Vault,
            _ => System::Jit,
        }
    }

    /// What the source can say about `field`.
    pub fn quality(&self, field: GrantField) -> Quality {
        self.qualities
            .iter()
            .find(|(known, _)| *known == field)
            .map_or(Quality::Recorded, |(_, quality)| *quality)
    }

    /// Says what the source can tell about `field`.
    pub fn set_quality(&mut self, field: GrantField, quality: Quality) {
        match self.qualities.iter_mut().find(|(known, _)| *known == field) {
            Some((_, old)) => *old = quality,
            None => {
                self.qualities.push((field, quality));
                self.qualities.sort();
            }
        }
    }

    /// Whether the source can store `field`, so that an empty one means something.
    pub fn keeps(&self, field: GrantField) -> bool {
        self.quality(field) != Quality::Absent
    }

    /// When it ended or is to end, whichever comes first; `None` when neither is
    /// known or it never ends.
    pub fn end(&self) -> Option<Timestamp> {
        match (self.ended, self.expires.at()) {
            (Some(ended), Some(expires)) => Some(ended.min(expires)),
            (ended, expires) => ended.or(expires),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_are_read_as_text_and_as_parts() {
        let text: Actor = serde_json::from_str(r#""k8s/prod:oidc:alice@x.io""#).unwrap();
        let parts: Actor =
            serde_json::from_str(r#"{"ns":"k8s/prod","id":"oidc:alice@x.io"}"#).unwrap();
        assert_eq!(text, parts);
        assert_eq!(text.to_string(), "k8s/prod:oidc:alice@x.io");
        assert_eq!(Actor::parse("alice"), Actor::new("", "alice"));
    }

    #[test]
    fn realms_belong_to_scanned_systems() {
        for (realm, system) in [
            ("aws-idc", System::Aws),
            ("aws", System::Aws),
            ("k8s", System::Kubernetes),
            ("vault/https://v", System::Vault),
            ("gcp", System::Jit),
            ("awsome", System::Jit),
        ] {
            assert_eq!(Grant::system_of(realm), system, "{realm}");
        }
    }

    #[test]
    fn what_a_source_cannot_store_is_told_apart() {
        let mut grant = Grant::new("team:1", "aws-team", "aws-idc");
        assert!(grant.keeps(GrantField::ApprovedAt));
        grant.set_quality(GrantField::ApprovedAt, Quality::Absent);
        assert!(!grant.keeps(GrantField::ApprovedAt));
        assert!(grant.keeps(GrantField::Approver));
    }

    #[test]
    fn a_grant_survives_serialisation() {
        let mut grant = Grant::new("team:1", "aws-team", "aws-idc");
        grant.scope = vec![("account".into(), "1".into())];
        grant.set_quality(GrantField::Usage, Quality::Inferred);
        grant.approvals.push(Approval::default());
        let text = serde_json::to_string(&grant).unwrap();
        assert_eq!(serde_json::from_str::<Grant>(&text).unwrap(), grant);
    }
}
