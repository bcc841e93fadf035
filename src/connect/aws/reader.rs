//! What the parts of an account's collection share: where documents go, and how a
//! failed call becomes coverage.

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::call::{Failure, Pages};
use super::connection::Connection;
use super::document::list;
use super::operation::required;
use crate::connect::Session;
use crate::model::{Coverage, Seen, Sym, System};
use crate::snapshot::StoreError;

/// One account while it is read.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    pub(super) session: Session<'a>,
    pub(super) connection: &'a Connection,
    pub(super) account: Sym,
    pub(super) deadline: Instant,
}

/// The directory of an account in a snapshot.
pub(super) fn directory(account: &str) -> String {
    format!("aws/{account}")
}

impl<'a> Reader<'a> {
    pub(super) fn new(session: Session<'a>, connection: &'a Connection, account: Sym) -> Self {
        Reader {
            session,
            connection,
            account,
            deadline: connection.deadline(),
        }
    }

    /// Tells the user what is being read.
    pub(super) fn say(&self, what: &str) {
        self.session
            .progress
            .say("aws", &format!("{}: {what}", self.account));
    }

    /// Stores a document, laid out for reading: findings point at its lines.
    pub(super) fn put(&self, name: &str, document: &Value) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec_pretty(document).unwrap_or_default();
        text.push(b'\n');
        self.put_text(name, text)
    }

    /// Stores several documents, each on a line of its own; nothing if there are none.
    pub(super) fn put_lines(&self, name: &str, documents: &[Value]) -> Result<(), StoreError> {
        if documents.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        for document in documents {
            serde_json::to_writer(&mut text, document).unwrap_or_default();
            text.push(b'\n');
        }
        self.put_text(name, text)
    }

    /// Stores a list as the member `name` of a document, if it was read whole.
    pub(super) fn put_list<T>(
        &self,
        kind: &str,
        read: Pages<T>,
        (file, name): (&str, &str),
        document: impl Fn(&T) -> Value,
    ) -> Result<Coverage, StoreError> {
        match read.whole() {
            Err(failure) => Ok(self.gap(kind, Seen::None, &failure)),
            Ok(items) => {
                self.put(file, &json!({name: list(&items, document)}))?;
                Ok(self.complete(kind, items.len()))
            }
        }
    }

    fn put_text(&self, name: &str, text: Vec<u8>) -> Result<(), StoreError> {
        let path = format!("{}/{name}", directory(&self.account));
        self.session.store.put(&path, text)
    }

    /// Everything of `kind` was seen.
    pub(super) fn complete(&self, kind: &str, items: usize) -> Coverage {
        let mut coverage = Coverage::complete(System::Aws, self.account, kind, items);
        coverage.required = self.required(kind);
        coverage
    }

    /// Everything of `kind` was seen, as it was at `time`.
    pub(super) fn complete_as_of(
        &self,
        kind: &str,
        items: usize,
        time: Option<Timestamp>,
    ) -> Coverage {
        let mut coverage = self.complete(kind, items);
        coverage.as_of = time;
        coverage
    }

    /// Some or all of `kind` was not seen because a call failed.
    pub(super) fn gap(&self, kind: &str, seen: Seen, failure: &Failure) -> Coverage {
        self.lacking(kind, seen, failure.sentence())
            .remedy(failure.remedy())
    }

    /// Some or all of `kind` was not seen for `reason`.
    pub(super) fn lacking(&self, kind: &str, seen: Seen, reason: String) -> Coverage {
        let mut coverage = Coverage::lacking(System::Aws, self.account, kind, seen, reason);
        coverage.required = self.required(kind);
        coverage
    }

    fn required(&self, kind: &str) -> bool {
        let of_the_organization = matches!(
            kind,
            "aws.organization"
                | "aws.scps"
                | "aws.rcps"
                | "aws.identity-center"
                | "aws.identity-store"
        );
        required(kind) || (of_the_organization && self.session.config.aws.organization)
    }
}

/// The neutral time of an SDK's.
pub(super) fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::from_second(time.secs()).ok()
}
