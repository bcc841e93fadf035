//! What is peculiar to a kind of event, and whom it names.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{
    Actor, Channel, EndCause, EndResult, GrantField, GrantKind, Quality, Seen, Sym,
};

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
