//! What a line of the ledger says.
//!
//! The fields are those of the `grant-event` schema, version 1 (`docs/ledger.md`).
//! Names follow OCSF where it has one. References to people and workloads are
//! `(namespace, immutable id)`; display names are mere attributes. Secrets never
//! enter a ledger.

mod data;

pub use data::{ApprovalPolicy, Data, Mechanism, Party, PartyKind, Purpose, SessionRef, Ticket};

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::json::Json;
use crate::model::{EvidenceClass, Quality, Sym};

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
    use crate::model::{Channel, GrantField};

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
