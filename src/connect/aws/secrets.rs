//! Secrets Manager: which secrets there are and when they were rotated. Never a value.

use super::call::{Failure, call, pages};
use super::connection::client;
use super::document::{self, list, object};
use super::operation::LIST_SECRETS;
use super::reader::Reader;
use crate::model::{Coverage, Seen};
use crate::snapshot::StoreError;

/// The most secrets Secrets Manager lists on one page.
const PAGE: i32 = 100;

impl Reader<'_> {
    /// Reads the metadata of all secrets, region by region.
    pub(super) async fn secrets(&self) -> Result<Coverage, StoreError> {
        let kind = LIST_SECRETS.kind;
        self.say("secrets (metadata only)");
        let regions = self.regions();
        let mut count = 0;
        let mut failures = Vec::new();
        for region in &regions {
            let client = client!(
                aws_sdk_secretsmanager,
                self.connection,
                &self.connection.in_region(region)
            );
            let read = pages(&LIST_SECRETS, async |marker: Option<String>| {
                let answer = call(
                    &LIST_SECRETS,
                    self.deadline,
                    client
                        .list_secrets()
                        .max_results(PAGE)
                        .set_next_token(marker)
                        .send(),
                )
                .await?;
                Ok((answer.secret_list.unwrap_or_default(), answer.next_token))
            })
            .await;
            match read.whole() {
                Ok(secrets) => {
                    count += secrets.len();
                    let secrets = list(&secrets, document::secret);
                    self.put(
                        &format!("secrets/{}.json", file_name(region)),
                        &object! { "SecretList": secrets },
                    )?;
                }
                Err(failure) => failures.push(Failure {
                    message: format!("in {region}: {}", failure.message).into(),
                    ..failure
                }),
            }
        }
        if failures.is_empty() && self.session.config.aws.regions.is_empty() {
            let reason = format!("only the region {} was read", self.connection.region());
            let mut partial = self
                .lacking(kind, Seen::Partial, reason)
                .remedy("name the regions in use under `aws.regions` in tenure.yaml");
            partial.items = count as u64;
            return Ok(partial);
        }
        let mut coverage = self.judge(kind, count, &failures);
        if failures.len() < regions.len() && !failures.is_empty() {
            coverage.seen = Seen::Partial;
        }
        Ok(coverage)
    }

    /// The regions of the settings, or the one the credential chain found.
    pub(super) fn regions(&self) -> Vec<String> {
        let named = &self.session.config.aws.regions;
        if named.is_empty() {
            vec![self.connection.region().to_owned()]
        } else {
            let mut regions = Vec::new();
            for region in named {
                if !regions.contains(region) {
                    regions.push(region.clone());
                }
            }
            regions
        }
    }
}

/// A region as a file name: settings come from outside.
fn file_name(region: &str) -> String {
    region
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(64)
        .collect()
}
