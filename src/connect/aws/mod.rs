//! Reads AWS: one account, or every account of an organisation.
//!
//! Credentials come from the chain every AWS tool uses. Calls only read
//! ([`operation`] lists them all), and there are few: about a dozen for an account
//! besides its pages, however many users it has. A call that fails becomes a
//! [`Coverage`] gap that names the permission to add; an account that cannot be
//! entered never spoils the others. Documents are laid out as `docs/snapshot-aws.md`
//! says.

mod account;
mod brake;
mod call;
mod connection;
mod credentials;
mod doctor;
mod document;
mod identity_center;
pub mod operation;
mod organization;
mod reader;
mod secrets;

use std::collections::BTreeMap;

use aws_sdk_organizations::types::Account;
use futures_util::StreamExt;
use jiff::SignedDuration;

use self::account::Policies;
use self::call::Failure;
use self::connection::{Caller, is_account};
use self::operation::GET_SERVICE_LAST_ACCESSED_DETAILS;
use self::organization::Organization;
use self::reader::{Reader, directory};
use super::{Check, ConnectError, Session};
use crate::config::Config;
use crate::model::{Coverage, Seen, Sym, System};
use crate::snapshot::{Source, StoreError};

pub use self::connection::{Connection, Pace, Target};
pub use self::operation::{permissions, permissions_for};

/// An interrupted collection goes on within this time. IAM itself renews its
/// credential report no more often (GenerateCredentialReport, IAM API reference).
const RESUME_WITHIN: SignedDuration = SignedDuration::from_hours(4);

/// A principal whose use is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Its ARN.
    pub arn: String,
    /// Its unique id (`AIDA…`, `AROA…`), which names the document.
    pub id: String,
}

/// Reads the account of the credentials, or its whole organisation if the settings
/// say so, into the session's store.
///
/// # Errors
/// If there are no usable credentials, AWS cannot be reached at all, or the store
/// cannot be written. Everything else is coverage.
pub async fn collect(target: &Target, session: Session<'_>) -> Result<(), ConnectError> {
    let connection = Connection::open(target, &session.config.aws).await?;
    connection.collect(session).await
}

/// Reads when each of `principals` last used which service: at least two calls for
/// each, so only for those a finding is about.
///
/// # Errors
/// As [`collect`].
pub async fn last_accessed(
    target: &Target,
    session: Session<'_>,
    principals: &[Principal],
) -> Result<(), ConnectError> {
    let connection = Connection::open(target, &session.config.aws).await?;
    connection.last_accessed(session, principals).await
}

/// Tries one cheap call of each kind, and says what a scan would lack.
///
/// # Errors
/// As [`collect`], except that nothing is written.
pub async fn doctor(target: &Target, config: &Config) -> Result<Vec<Check>, ConnectError> {
    let connection = Connection::open(target, &config.aws).await?;
    connection.doctor(config).await
}

impl Connection {
    /// [`collect`] with this connection.
    ///
    /// # Errors
    /// As [`collect`].
    pub async fn collect(&self, session: Session<'_>) -> Result<(), ConnectError> {
        self.heard(session, async |connection: &Connection| {
            connection.collect_all(session).await
        })
        .await
    }

    /// Does `work`, and tells meanwhile when AWS asks to slow down.
    async fn heard<T>(&self, session: Session<'_>, work: impl AsyncFnOnce(&Connection) -> T) -> T {
        let (brake, waits) = self.brake.heard();
        let connection = Connection {
            brake,
            ..self.clone()
        };
        let tell = async {
            waits.tell(session.progress).await;
            std::future::pending().await
        };
        tokio::select! {
            done = work(&connection) => done,
            never = tell => never,
        }
    }

    async fn collect_all(&self, session: Session<'_>) -> Result<(), ConnectError> {
        let caller = self.caller().await?;
        let own = Reader::new(session, self, caller.account);
        session.store.begin(&directory(&own.account))?;
        let mut organization = own.organization().await?;
        let members = if session.config.aws.organization {
            std::mem::take(&mut organization.members)
        } else {
            Vec::new()
        };
        let (own, others) = tokio::join!(
            self.own_account(&own, &organization),
            self.members(session, &caller, &organization, members),
        );
        own?;
        others?;
        if session.config.aws.organization {
            for account in &organization.inactive {
                inactive(session, account)?;
            }
        }
        Ok(())
    }

    /// The account the credentials belong to, with the organisation's documents.
    async fn own_account(
        &self,
        reader: &Reader<'_>,
        organization: &Organization,
    ) -> Result<(), StoreError> {
        let mut of_sets = Policies::default();
        let (account, center, secrets) = tokio::join!(
            reader.account(),
            reader.identity_center(&mut of_sets),
            reader.secrets(),
        );
        let (mut coverage, mut policies) = account?;
        policies.wanted.append(&mut of_sets.wanted);
        coverage.push(reader.missing_policies(&policies).await?);
        coverage.push(secrets?);
        coverage.extend(organization.coverage.iter().cloned());
        coverage.extend(center?);
        finish(reader, coverage)
    }

    async fn members(
        &self,
        session: Session<'_>,
        caller: &Caller,
        organization: &Organization,
        members: Vec<Account>,
    ) -> Result<(), StoreError> {
        let total = members.len() as u64;
        let limit = session.config.aws.concurrency.max(1);
        let mut answers = futures_util::stream::iter(&members)
            .map(|member| self.member(session, caller, organization, member))
            .buffer_unordered(limit);
        let mut done = 0;
        while let Some(answer) = answers.next().await {
            answer?;
            done += 1;
            session.progress.count("aws", done, total);
        }
        Ok(())
    }

    /// One member account. Its failure is its own.
    async fn member(
        &self,
        session: Session<'_>,
        caller: &Caller,
        organization: &Organization,
        member: &Account,
    ) -> Result<(), StoreError> {
        let Some(account) = member.id().filter(|id| is_account(id)) else {
            return Ok(());
        };
        let folder = directory(account);
        if session.store.resume(&folder, RESUME_WITHIN) {
            let message = format!("{account}: read by the run before this one");
            session.progress.say("aws", &message);
            return Ok(());
        }
        session.store.begin(&folder)?;
        let settings = &session.config.aws;
        let id = Sym::new(account);
        let entered = self.enter(account, &caller.partition, settings).await;
        let connection = match entered {
            Ok(connection) => connection,
            Err(failure) => {
                let reader = Reader::new(session, self, id);
                let coverage = not_entered(&reader, &failure, &settings.role_name);
                return finish(&reader, coverage);
            }
        };
        let reader = Reader::new(session, &connection, id);
        let (answer, secrets) = tokio::join!(reader.account(), reader.secrets());
        let (mut coverage, policies) = answer?;
        coverage.push(reader.missing_policies(&policies).await?);
        coverage.push(secrets?);
        // What limits the member is written down once, in the caller's account.
        for known in &organization.coverage {
            if matches!(&*known.kind, "aws.scps" | "aws.rcps") {
                coverage.push(Coverage {
                    tenant: id,
                    ..known.clone()
                });
            }
        }
        finish(&reader, coverage)
    }

    /// [`last_accessed`] with this connection.
    ///
    /// # Errors
    /// As [`collect`].
    pub async fn last_accessed(
        &self,
        session: Session<'_>,
        principals: &[Principal],
    ) -> Result<(), ConnectError> {
        let mut by_account: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
        for principal in principals {
            let account = principal.arn.split(':').nth(4).unwrap_or_default();
            if is_account(account) {
                by_account
                    .entry(account)
                    .or_default()
                    .push((principal.arn.clone(), principal.id.clone()));
            }
        }
        if by_account.is_empty() {
            return Ok(());
        }
        self.heard(session, async |connection: &Connection| {
            connection.last_accessed_in(session, by_account).await
        })
        .await
    }

    /// [`last_accessed`] of principals by account.
    async fn last_accessed_in(
        &self,
        session: Session<'_>,
        by_account: BTreeMap<&str, Vec<(String, String)>>,
    ) -> Result<(), ConnectError> {
        let caller = self.caller().await?;
        for (account, principals) in by_account {
            let id = Sym::new(account);
            let entered;
            let connection = if id == caller.account {
                self
            } else {
                let settings = &session.config.aws;
                match self.enter(account, &caller.partition, settings).await {
                    Ok(connection) => {
                        entered = connection;
                        &entered
                    }
                    Err(failure) => {
                        let reader = Reader::new(session, self, id);
                        let kind = GET_SERVICE_LAST_ACCESSED_DETAILS.kind;
                        let gap = reader.gap(kind, Seen::None, &failure);
                        session.store.source(source(&reader, vec![gap]));
                        continue;
                    }
                }
            };
            let reader = Reader::new(session, connection, id);
            let coverage = reader.last_accessed(&principals).await?;
            session.store.source(source(&reader, vec![coverage]));
        }
        Ok(())
    }
}

fn source(reader: &Reader<'_>, coverage: Vec<Coverage>) -> Source {
    Source {
        system: System::Aws,
        tenant: reader.account,
        directory: directory(&reader.account),
        coverage,
    }
}

fn finish(reader: &Reader<'_>, mut coverage: Vec<Coverage>) -> Result<(), StoreError> {
    coverage.sort_by_key(|coverage| coverage.kind);
    reader.session.store.end(source(reader, coverage))
}

/// Nothing of the account was seen, because its role could not be entered.
fn not_entered(reader: &Reader<'_>, failure: &Failure, role: &str) -> Vec<Coverage> {
    let remedy = format!(
        "create the role `{role}` in account {} with the permissions of `tenure permissions aws`, let it \
         trust the scanner (with `aws.external_id` if set), and allow the scanner `sts:AssumeRole` on it; \
         or set `aws.role_name`",
        reader.account
    );
    operation::account_kinds()
        .into_iter()
        .map(|kind| {
            let gap = reader.lacking(kind, Seen::None, failure.sentence());
            match failure.reason {
                call::Reason::Denied => gap.remedy(remedy.clone()),
                _ => gap.remedy(failure.remedy()),
            }
        })
        .collect()
}

/// An account nobody can sign in to is named, and holds nothing up.
fn inactive(session: Session<'_>, account: &Account) -> Result<(), StoreError> {
    let Some(id) = account.id().filter(|id| is_account(id)) else {
        return Ok(());
    };
    let state = account
        .state()
        .map(|state| state.as_str())
        .or_else(|| account.status.as_ref().map(|status| status.as_str()))
        .unwrap_or("not active");
    session.store.begin(&directory(id))?;
    let reason = format!("the account is {state}: nobody can sign in to it");
    let tenant = Sym::new(id);
    let coverage = operation::account_kinds()
        .into_iter()
        .map(|kind| {
            Coverage::lacking(System::Aws, tenant, kind, Seen::None, reason.clone()).optional()
        })
        .collect();
    session.store.end(Source {
        system: System::Aws,
        tenant,
        directory: directory(id),
        coverage,
    })
}
