//! What a line of the ledger says.
//!
//! The fields are those of the `grant-event` schema, version 1 (`docs/ledger.md`).
//! Names follow OCSF where it has one. References to people and workloads are
//! `(namespace, immutable id)`; display names are mere attributes. Secrets never
//! enter a ledger.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::json::Json;
use crate::model::{
    Actor, Channel, EndCause, EndResult, EvidenceClass, GrantField, GrantKind, Quality, Seen, Sym,
};

/// The version of the format this program writes, and the latest it reads.
pub const VERSION: u32 = 1;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $text:literal)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventKind {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)*
        }

        impl EventKind {
            /// Every kind, in the order of a grant's life.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$variant),*];

            /// The name in ledgers.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(EventKind::$variant => $text,)*
                }
            }
        }
    };
}

kinds! {
    /// Somebody asked.
    Requested "grant.requested"
    /// Somebody, or a policy, approved.
    Approved "grant.approved"
    /// Somebody refused.
    Denied "grant.denied"
    /// The request was taken back, cancelled, or not approved in time.
    Withdrawn "grant.withdrawn"
    /// Access is to begin later.
    Scheduled "grant.scheduled"
    /// Access was given.
    Issued "grant.issued"
    /// A session was opened under it.
    Activated "grant.activated"
    /// It was used.
    Used "grant.used"
    /// Its end was moved.
    Extended "grant.extended"
    /// Access ended.
    Ended "grant.ended"
    /// Access should have ended, and removing it failed.
    RevokeFailed "grant.revoke_failed"
    /// Somebody looked at it afterwards.
    Reviewed "grant.reviewed"
    /// A scan saw the access in the target.
    Present "observed.present"
    /// A scan that sees all of the target's access did not see it.
    Absent "observed.absent"
    /// An exception was declared.
    ExceptionDeclared "exception.declared"
    /// An exception ran out.
    ExceptionExpired "exception.expired"
    /// Two references are said to be one person.
    AliasAsserted "alias.asserted"
    /// For which time a source's grants are in the ledger.
    Coverage "source.coverage"
    /// A source could not be read.
    SourceError "source.error"
}

impl EventKind {
    /// Whether it belongs to the life of one grant.
    pub const fn is_of_a_grant(self) -> bool {
        !matches!(
            self,
            EventKind::ExceptionDeclared
                | EventKind::ExceptionExpired
                | EventKind::AliasAsserted
                | EventKind::Coverage
                | EventKind::SourceError
        )
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a party is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartyKind {
    /// A person.
    Human,
    /// A pipeline, role or service account.
    Workload,
    /// An AI agent.
    Agent,
    /// The platform or a tool itself.
    Service,
}

/// Somebody an event names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Party {
    /// Namespace: `aws-idc/<store>`, `github/<organisation>`, `mail`.
    pub ns: Sym,
    /// Id that does not change within the namespace.
    pub id: Sym,
    /// What it is, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PartyKind>,
    /// Name for people. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Sym>,
}

impl Party {
    /// Somebody of unknown kind.
    pub fn new(ns: impl Into<Sym>, id: impl Into<Sym>) -> Self {
        Party {
            ns: ns.into(),
            id: id.into(),
            kind: None,
            name: None,
        }
    }

    /// A person.
    pub fn human(ns: impl Into<Sym>, id: impl Into<Sym>) -> Self {
        Party::new(ns, id).of_kind(PartyKind::Human)
    }

    /// A person known by mail address. Addresses compare without regard to case.
    pub fn mail(address: &str) -> Self {
        Party::human("mail", address.trim().to_lowercase())
    }

    /// Says what it is.
    #[must_use]
    pub fn of_kind(mut self, kind: PartyKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Adds a name for people.
    #[must_use]
    pub fn named(mut self, name: Option<&str>) -> Self {
        self.name = name.filter(|name| !name.is_empty()).map(Sym::new);
        self
    }

    /// The reference alone.
    pub fn actor(&self) -> Actor {
        Actor {
            ns: self.ns,
            id: self.id,
        }
    }
}

/// A work item.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Ticket {
    /// `jira`, `servicenow`, `github`, where the source says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<Sym>,
    /// Its key.
    pub key: Sym,
    /// Where to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Box<str>>,
    /// Its state when access was given; `not-found` where its system does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_at_issue: Option<Sym>,
    /// When it was resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
}

/// Why somebody wanted access.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Purpose {
    /// In words. Untrusted text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Box<str>>,
    /// The work item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
}

/// Who must approve.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct ApprovalPolicy {
    /// How many people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<u32>,
    /// Whether they must be different people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<bool>,
    /// Whether a policy may approve without a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_allowed: Option<bool>,
    /// The rule that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<Sym>,
}

/// A session under a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionRef {
    /// The target's own id for it. Never a token.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Sym>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// When it ends or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
}

/// By which means access was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// The target's own expiry.
    NativeExpiry,
    /// The just-in-time tool.
    JitTool,
    /// A person.
    Manual,
    /// Something else.
    External,
}

/// What is peculiar to a kind of event. Which members an event of which kind has is
/// written down in `docs/ledger.md`; a member a source cannot fill is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Data {
    // What is granted, to whom and why.
    /// In what form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<GrantKind>,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester: Option<Party>,
    /// Who is let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Party>,
    /// For whom a workload or agent acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Party>,
    /// The system let into: `aws-idc`, `kubernetes`, `github`, `vault`, `gcp`, `entra`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<Sym>,
    /// What, by the target's own ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub privs: Vec<Sym>,
    /// On what.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub scope: BTreeMap<Sym, Sym>,
    /// Digest of what the privilege allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entitlement_revision: Option<Sym>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// Who must approve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_policy: Option<ApprovalPolicy>,
    /// Planned start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When it is to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// It is known to have no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub never_expires: Option<bool>,
    /// Longest life of a session opened under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session: Option<SignedDuration>,
    /// Emergency access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<bool>,
    /// A rehearsed emergency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drill: Option<bool>,
    /// The incident it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<Sym>,
    /// The grant it renews.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renews: Option<Sym>,
    /// The tool says that something else changed the access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub externally_modified: Option<bool>,

    // Decisions.
    /// By which way a decision came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The decider's words, or a tool's message. Untrusted text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Box<str>>,
    /// The policy that approved without a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<Sym>,
    /// Whose right to approve was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegated_from: Option<Party>,
    /// A record somebody can look up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artefact: Option<Sym>,

    // The end.
    /// Why access ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<EndCause>,
    /// By which means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<Mechanism>,
    /// What is known about the removal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<EndResult>,

    // Use, review, observation.
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionRef>,
    /// How often it was used, where the source only counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What a review came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Sym>,
    /// Until when it must be reviewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// The scan that looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan_id: Option<Sym>,

    // Statements about sources and references.
    /// How much was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Seen>,
    /// From when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Why not all, or what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
    /// The reference that is the same person as `subject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_as: Option<Party>,
    /// Whether that is proved, or merely likely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strong: Option<bool>,
    /// What the source can say about fields; those not named are recorded.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub quality: BTreeMap<GrantField, Quality>,
}

fn is_empty(text: &Sym) -> bool {
    text.is_empty()
}

/// Where an event was learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The source: `aws-team`, `gcp-pam`, `tenure`.
    pub system: Sym,
    /// Which of them: a table's ARN, a cluster, an organisation.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub instance: Sym,
    /// The record within it.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub object: Sym,
    /// When it was read.
    pub retrieved_at: Timestamp,
    /// What read it, with the version of its reading.
    pub importer: Sym,
    /// SHA-256 of the record or file it was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_sha256: Option<Sym>,
}

impl Source {
    /// The source and which of them: `aws-team/prod`.
    pub fn name(&self) -> Sym {
        if self.instance.is_empty() {
            return self.system;
        }
        Sym::new(&format!("{}/{}", self.system, self.instance))
    }
}

/// The place of an event in its chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The chain.
    pub chain_uid: Sym,
    /// The digest of the line before it; `None` for the first.
    pub prev: Option<Digest>,
}

/// SHA-256 of a line's canonical form without its `digest`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `text`.
    pub fn of(text: &[u8]) -> Self {
        Digest(Sha256::digest(text).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || {
            let text: String = text.chars().take(80).collect();
            format!(
                "`{}` is not a digest; expected `sha256:` and 64 hexadecimal digits",
                text.escape_debug()
            )
        };
        let hex = text.strip_prefix("sha256:").ok_or_else(bad)?;
        // One spelling only: upper-case digits would be another line of the same digest.
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if hex.len() != 64 || !hex.bytes().all(lower) {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| bad())?;
        }
        Ok(Digest(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// One event. Until it is appended to a ledger it has no place in a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Version of the format.
    pub v: u32,
    /// Which event: the same fact of the same source has the same id ([`Event::name`]).
    pub id: Box<str>,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// The grant it belongs to; for other events what they are about
    /// (`source:…`, `exception:…`, `alias:…`).
    pub grant_id: Sym,
    /// When; `null` where the source keeps no time.
    pub at: Option<Timestamp>,
    /// What the source can say about the time.
    #[serde(default)]
    pub at_quality: Quality,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Party>,
    /// What is peculiar to this kind of event.
    #[serde(default)]
    pub data: Data,
    /// Where it was learned.
    pub source: Source,
    /// How good the evidence is.
    #[serde(default)]
    pub evidence_class: EvidenceClass,
    /// Its place in the chain.
    #[serde(default)]
    pub chain: Chain,
    /// Digest of the line.
    #[serde(default)]
    pub digest: Digest,
}

impl Event {
    /// An event without a time, not yet named.
    pub fn new(
        kind: EventKind,
        grant_id: impl Into<Sym>,
        source: Source,
        class: EvidenceClass,
    ) -> Self {
        Event {
            v: VERSION,
            id: "".into(),
            kind,
            grant_id: grant_id.into(),
            at: None,
            at_quality: Quality::Absent,
            actor: None,
            data: Data::default(),
            source,
            evidence_class: class,
            chain: Chain::default(),
            digest: Digest::default(),
        }
    }

    /// Sets when it happened; a time nobody keeps makes the event timeless.
    #[must_use]
    pub fn at(mut self, time: Option<Timestamp>, quality: Quality) -> Self {
        self.at = time;
        self.at_quality = if time.is_some() {
            quality
        } else {
            Quality::Absent
        };
        self
    }

    /// Sets who did it.
    #[must_use]
    pub fn by(mut self, actor: Option<Party>) -> Self {
        self.actor = actor;
        self
    }

    /// Sets what is peculiar to it.
    #[must_use]
    pub fn with(mut self, data: Data) -> Self {
        self.data = data;
        self
    }

    /// Gives the event its id: 120 bits of SHA-256 over everything that was learned,
    /// and nothing about when and how it was read. So the same fact read again has
    /// the same id, and a record that has changed since gives another event.
    pub fn name(&mut self) {
        let told = serde_json::json!({
            "actor": self.actor,
            "at": self.at,
            "at_quality": self.at_quality,
            "data": self.data,
            "evidence_class": self.evidence_class,
            "grant_id": self.grant_id,
            "source": [self.source.system, self.source.instance, self.source.object],
            "type": self.kind,
        });
        // Base 32 without letters that look alike, as ULIDs are written.
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let text = told.to_string();
        // `told` is made here and has a canonical form; numbers in it are counts.
        let mut form = String::with_capacity(text.len());
        match Json::parse(&text) {
            Ok(value) => value.write(&mut form),
            Err(_) => form.push_str(&text),
        }
        let hash = Digest::of(form.as_bytes());
        let mut id = String::with_capacity(24);
        for five in hash.0[..15].chunks_exact(5) {
            let bits = five
                .iter()
                .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
            for place in (0..8).rev() {
                let letter = ALPHABET[(bits >> (place * 5) & 31) as usize];
                id.push(char::from(letter));
            }
        }
        self.id = id.into();
    }

    /// The line of this event as the next of a chain: canonical JSON with the digest
    /// of everything else in it. The event's own `chain` and `digest` are set.
    ///
    /// # Errors
    /// If the event holds a number that has no exact form.
    pub fn seal(&mut self, chain_uid: Sym, prev: Option<Digest>) -> Result<String, String> {
        self.chain = Chain { chain_uid, prev };
        let text = serde_json::to_string(self).map_err(|error| error.to_string())?;
        let value = Json::parse(&text).map_err(|error| error.message)?;
        let mut form = String::with_capacity(text.len());
        value.write_without("digest", &mut form);
        self.digest = Digest::of(form.as_bytes());
        let Json::Map(mut members) = value else {
            return Err("an event is a map".to_owned());
        };
        if let Some((_, digest)) = members.iter_mut().find(|(name, _)| name == "digest") {
            *digest = Json::Text(self.digest.to_string().into());
        }
        form.clear();
        Json::Map(members).write(&mut form);
        Ok(form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn event(kind: EventKind) -> Event {
        let source = Source {
            system: "aws-team".into(),
            instance: "prod".into(),
            object: "requests/7f3c".into(),
            retrieved_at: "2026-08-20T10:00:12Z".parse().unwrap(),
            importer: "aws-team/1".into(),
            raw_sha256: None,
        };
        let mut event = Event::new(kind, "aws-team:prod:7f3c", source, EvidenceClass::Exported)
            .at("2026-08-20T09:58:00Z".parse().ok(), Quality::Recorded)
            .by(Some(Party::mail("Bob@X.io")));
        event.name();
        event
    }

    #[test]
    fn the_same_fact_has_the_same_id_whenever_it_is_read() {
        let one = event(EventKind::Approved);
        let mut later = one.clone();
        later.source.retrieved_at = "2027-01-01T00:00:00Z".parse().unwrap();
        later.source.importer = "aws-team/2".into();
        later.name();
        assert_eq!(one.id, later.id);
        assert_eq!(one.id.len(), 24);
        let mut other = one.clone();
        other.at = None;
        other.name();
        assert_ne!(one.id, other.id);
        assert_ne!(one.id, event(EventKind::Denied).id);
    }

    #[test]
    fn a_line_is_canonical_and_read_back() {
        let mut event = event(EventKind::Approved);
        event.data.channel = Some(Channel::Tool);
        event
            .data
            .quality
            .insert(GrantField::ApprovedAt, Quality::Absent);
        let line = event.seal("ledger/prod".into(), None).unwrap();
        let expected = concat!(
            r#"{"actor":{"id":"bob@x.io","kind":"human","ns":"mail"},"at":"2026-08-20T09:58:00Z","#,
            r#""at_quality":"recorded","chain":{"chain_uid":"ledger/prod","prev":null},"data":"#,
            r#"{"channel":"jit-tool","quality":{"approved_at":"absent"}},"digest":"sha256:"#,
            "b21fcf674e1aa065307b3fc96ee5dc47d4df84cec89a8950ff9c21d64d61e5e3",
            r#"","evidence_class":"E2","grant_id":"aws-team:prod:7f3c","id":"TG7NDZTG9G8DE24MARWZ4PYM","#,
            r#""source":{"importer":"aws-team/1","instance":"prod","object":"requests/7f3c","#,
            r#""retrieved_at":"2026-08-20T10:00:12Z","system":"aws-team"},"type":"grant.approved","v":1}"#,
        );
        assert_eq!(line, expected);
        let value = Json::parse(&line).unwrap();
        let mut form = String::new();
        value.write(&mut form);
        assert_eq!(form, line);
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        form.clear();
        value.write_without("digest", &mut form);
        assert_eq!(Digest::of(form.as_bytes()), event.digest);
    }

    #[test]
    fn a_digest_has_one_spelling() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for bad in [
            digest.to_string().to_uppercase(),
            digest.to_string().replace("sha256", "sha512"),
            digest.to_string()[..60].to_owned(),
            "sha256:".to_owned() + &"é".repeat(32),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
