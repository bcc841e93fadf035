//! What was seen of each kind of fact, and why not all.

use std::collections::BTreeMap;

use crate::model::{Coverage, Seen, Sym, System};
use crate::snapshot::github::{DocumentKind, Offered};

/// Why a document gave nothing, or not all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// No file, so nobody asked.
    Missing,
    /// 401: the credential itself was refused.
    Credential(String),
    /// 403 because the token is not authorised for the organisation's single sign-on.
    SingleSignOn,
    /// 403.
    Forbidden(String),
    /// 404: hidden, gone, or not offered.
    NotFound,
    /// GitHub says that the plan does not have it.
    Plan(String),
    /// The server's version does not have it.
    Version(String),
    /// A rate limit ended the collection.
    RateLimit(String),
    /// Another status.
    Status(u64, String),
    /// HTML where JSON was due: a proxy, a sign-in page or an outage.
    Html,
    /// Not JSON, or not this answer.
    Broken {
        /// What and where.
        message: String,
    },
    /// Fewer items than the answer itself announces.
    CutShort {
        /// How many there are.
        announced: u64,
        /// How many are in the file.
        present: u64,
    },
    /// An error beside a GraphQL answer.
    Graph {
        /// GitHub's type of error.
        kind: String,
        /// Its words.
        message: String,
        /// Which part of the answer it is about.
        path: String,
    },
}

impl Why {
    /// The meaning of an error answer.
    pub fn refused(status: Option<u64>, message: &str) -> Why {
        let lower = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let status = status.or_else(|| {
            if says(&["bad credentials", "requires authentication"]) {
                Some(401)
            } else if says(&["not found"]) {
                Some(404)
            } else if says(&[
                "must have admin",
                "not accessible",
                "forbidden",
                "must be an",
            ]) {
                Some(403)
            } else {
                None
            }
        });
        let message = message.to_owned();
        if says(&["html instead of json"]) {
            Why::Html
        } else if says(&["enterprise server"]) {
            Why::Version(message)
        } else if says(&["rate limit"]) {
            Why::RateLimit(message)
        } else if says(&[
            "upgrade to",
            "not available on",
            "not supported on your plan",
            "billing plan",
        ]) {
            Why::Plan(message)
        } else if says(&["saml", "single sign-on", "sso"]) {
            Why::SingleSignOn
        } else {
            match status {
                Some(401) => Why::Credential(message),
                Some(403) => Why::Forbidden(message),
                Some(404 | 410) => Why::NotFound,
                Some(status) => Why::Status(status, message),
                None => Why::Broken { message },
            }
        }
    }

    fn say(&self, kind: &DocumentKind) -> String {
        let place = match kind.offered {
            Offered::Everywhere => "hidden from this credential, or gone",
            Offered::Enterprise => {
                "not on this plan (Enterprise only), or hidden from this credential"
            }
            Offered::EnterpriseCloud => {
                "not on this plan or server (Enterprise Cloud only), or hidden from this credential"
            }
            Offered::Cloud => "not on this server version, or hidden from this credential",
        };
        match self {
            Why::Missing => format!("`{}` was not collected", kind.file),
            Why::Credential(message) => format!("the credential was refused (401 {message})"),
            Why::SingleSignOn => {
                "the token is not authorised for the organisation's single sign-on (403)".to_owned()
            }
            Why::Forbidden(message) => format!("forbidden (403 {message})"),
            Why::NotFound => format!("{place} (404)"),
            Why::Plan(message) => format!("not on this plan ({message})"),
            Why::Version(message) => format!("not on this version ({message})"),
            Why::RateLimit(message) => format!("stopped by a rate limit ({message})"),
            Why::Status(status, message) => format!("GitHub answered {status} {message}"),
            Why::Html => "HTML instead of JSON: a proxy, a sign-in page or an outage".to_owned(),
            Why::Broken { message } => format!("cannot be read: {message}"),
            Why::CutShort { announced, present } => {
                format!("cut short: {announced} announced, {present} present")
            }
            Why::Graph {
                kind,
                message,
                path,
            } => format!("{kind} {message} (at `{path}`)"),
        }
    }

    fn remedy(&self, kind: &DocumentKind) -> String {
        match self {
            Why::Missing => format!(
                "save the answer of `gh api --paginate {}` as `{}`, or run `tenure collect github:ORG`",
                kind.endpoint, kind.file
            ),
            Why::Credential(_) => "renew the token: it is expired, revoked or mistyped".to_owned(),
            Why::SingleSignOn => {
                "authorise the token for the organisation: Settings > Developer settings > Personal access tokens > Configure SSO".to_owned()
            }
            Why::Version(_) => "nothing to do: the server does not offer it".to_owned(),
            Why::Forbidden(_) | Why::NotFound | Why::Plan(_) | Why::Graph { .. } => {
                format!("needs {}", kind.permission)
            }
            Why::RateLimit(_) => "run `tenure collect` again into the same directory: it goes on where it stopped".to_owned(),
            Why::Status(..) | Why::Html | Why::Broken { .. } | Why::CutShort { .. } => {
                "collect it again".to_owned()
            }
        }
    }

    /// Whether the facts cannot exist here, so that nothing was missed.
    fn not_offered(&self, kind: &DocumentKind) -> bool {
        match self {
            Why::Plan(_) | Why::Version(_) => true,
            Why::NotFound => kind.offered != Offered::Everywhere,
            _ => false,
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    documents: u64,
    items: u64,
    required: bool,
    lacking: Vec<(Why, &'static DocumentKind, String)>,
}

/// Collects, per kind of fact, what was and was not seen.
#[derive(Debug, Default)]
pub struct Gaps {
    tallies: BTreeMap<&'static str, Tally>,
    notes: Vec<(&'static str, &'static str)>,
}

impl Gaps {
    /// A document was read.
    pub fn seen(&mut self, kind: &'static DocumentKind, items: usize) {
        let tally = self.tallies.entry(kind.facts).or_default();
        tally.documents += 1;
        tally.items += items as u64;
    }

    /// A document was due that another one answered already (an empty list whose count
    /// stood in an earlier answer).
    pub fn answered(&mut self, kind: &'static DocumentKind) {
        self.seen(kind, 0);
    }

    /// A document was not read, or not whole.
    pub fn lacking(&mut self, kind: &'static DocumentKind, names: &[&str], why: Why) {
        let tally = self.tallies.entry(kind.facts).or_default();
        tally.required |= kind.required && !why.not_offered(kind);
        tally.lacking.push((why, kind, names.join("/")));
    }

    /// Something no API of GitHub shows.
    pub fn never_shown(&mut self, facts: &'static str, why: &'static str) {
        self.notes.push((facts, why));
    }

    /// The statements, in a fixed order.
    pub fn finish(self, tenant: Sym) -> Vec<Coverage> {
        let mut all = Vec::with_capacity(self.tallies.len() + self.notes.len());
        for (facts, mut tally) in self.tallies {
            if tally.lacking.is_empty() {
                all.push(Coverage::complete(
                    System::Github,
                    tenant,
                    facts,
                    usize::try_from(tally.items).unwrap_or(usize::MAX),
                ));
                continue;
            }
            // The reason that matters most is told; required documents first.
            tally
                .lacking
                .sort_by(|a, b| (!a.1.required, &a.0, &a.2).cmp(&(!b.1.required, &b.0, &b.2)));
            let Some((why, kind, _)) = tally.lacking.first() else {
                continue;
            };
            let same: Vec<&str> = tally
                .lacking
                .iter()
                .filter(|(other, of, _)| other == why && of.name == kind.name)
                .map(|(_, _, names)| names.as_str())
                .filter(|names| !names.is_empty())
                .collect();
            let mut reason = why.say(kind);
            if let Some(first) = same.first() {
                let more = match same.len() {
                    1 => format!(" for `{first}`"),
                    n => format!(" for `{first}` and {} more", n - 1),
                };
                reason.push_str(&more);
            }
            let others = tally.lacking.len() - same.len().max(1);
            if others > 0 {
                reason.push_str(&format!(
                    "; {others} other answers of this kind are lacking too"
                ));
            }
            let seen = if tally.documents > 0 {
                Seen::Partial
            } else {
                Seen::None
            };
            let mut coverage = Coverage::lacking(System::Github, tenant, facts, seen, reason)
                .remedy(why.remedy(kind));
            coverage.items = tally.items;
            coverage.required = tally.required;
            all.push(coverage);
        }
        for (facts, why) in self.notes {
            all.push(Coverage::lacking(System::Github, tenant, facts, Seen::None, why).optional());
        }
        all.sort_by_key(|coverage| coverage.kind);
        all
    }
}
