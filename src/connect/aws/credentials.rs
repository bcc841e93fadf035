//! What IAM says of credentials: the report, what the report leaves out, and when
//! principals last used what.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{
    AccessAdvisorUsageGranularityType, AssignmentStatusType, JobStatusType, ReportStateType,
};
use aws_smithy_types::base64;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::account::{AT_ONCE, PAGE, split};
use super::call::{Failure, Reason, call, pages};
use super::document::{self, list, object};
use super::operation::{
    GENERATE_CREDENTIAL_REPORT, GENERATE_SERVICE_LAST_ACCESSED_DETAILS, GET_CREDENTIAL_REPORT,
    GET_SERVICE_LAST_ACCESSED_DETAILS, LIST_SERVICE_SPECIFIC_CREDENTIALS, LIST_SSH_PUBLIC_KEYS,
    LIST_VIRTUAL_MFA_DEVICES,
};
use super::reader::{Reader, timestamp};
use crate::model::{Coverage, Seen};
use crate::snapshot::StoreError;

/// SSH keys are listed user by user. Accounts with more users are not asked.
const SSH_KEY_USERS: usize = 250;

impl Reader<'_> {
    pub(super) async fn credential_report(&self, iam: &Client) -> Result<Coverage, StoreError> {
        let kind = GET_CREDENTIAL_REPORT.kind;
        self.say("credential report");
        let written = self.write_credential_report(iam).await;
        // A report of the last four hours can be had even where none may be made.
        let answer = call(
            &GET_CREDENTIAL_REPORT,
            self.deadline,
            iam.get_credential_report().send(),
        )
        .await;
        let answer = match (answer, written) {
            (Ok(answer), _) => answer,
            (Err(_), Err(failure)) | (Err(failure), Ok(())) => {
                return Ok(self.gap(kind, Seen::None, &failure));
            }
        };
        let content = answer
            .content()
            .map(|blob| blob.as_ref())
            .unwrap_or_default();
        if content.is_empty() {
            let failure = Failure::own(&GET_CREDENTIAL_REPORT, "the report is empty");
            return Ok(self.gap(kind, Seen::None, &failure));
        }
        let rows = content.split(|&byte| byte == b'\n').skip(1);
        let rows = rows.filter(|row| !row.is_empty()).count();
        let time = answer.generated_time().and_then(timestamp);
        let report = object! {
            "Content": &base64::encode(content),
            "ReportFormat": answer.report_format().map(|format| format.as_str()),
            "GeneratedTime": answer.generated_time(),
        };
        self.put("credential-report.json", &report)?;
        Ok(self.complete_as_of(kind, rows, time))
    }

    async fn write_credential_report(&self, iam: &Client) -> Result<(), Failure> {
        let give_up = Instant::now() + self.connection.pace.report;
        loop {
            let answer = call(
                &GENERATE_CREDENTIAL_REPORT,
                self.deadline,
                iam.generate_credential_report().send(),
            )
            .await?;
            if answer.state() == Some(&ReportStateType::Complete) {
                return Ok(());
            }
            if Instant::now() >= give_up {
                return Err(Failure::own(
                    &GENERATE_CREDENTIAL_REPORT,
                    "IAM did not finish the report in time",
                ));
            }
            sleep(self.connection.pace.poll).await;
        }
    }

    pub(super) async fn service_specific_credentials(
        &self,
        iam: &Client,
    ) -> Result<Coverage, StoreError> {
        let kind = LIST_SERVICE_SPECIFIC_CREDENTIALS.kind;
        let read = pages(
            &LIST_SERVICE_SPECIFIC_CREDENTIALS,
            async |marker: Option<String>| {
                let answer = call(
                    &LIST_SERVICE_SPECIFIC_CREDENTIALS,
                    self.deadline,
                    iam.list_service_specific_credentials()
                        .all_users(true)
                        .max_items(PAGE)
                        .set_marker(marker)
                        .send(),
                )
                .await?;
                let next = answer.marker.clone().filter(|_| answer.is_truncated);
                Ok((
                    answer.service_specific_credentials.unwrap_or_default(),
                    next,
                ))
            },
        )
        .await;
        let file = (
            "service-specific-credentials.json",
            "ServiceSpecificCredentials",
        );
        self.put_list(kind, read, file, document::service_credential)
    }

    pub(super) async fn mfa_devices(&self, iam: &Client) -> Result<Coverage, StoreError> {
        let kind = LIST_VIRTUAL_MFA_DEVICES.kind;
        let read = pages(&LIST_VIRTUAL_MFA_DEVICES, async |marker: Option<String>| {
            let answer = call(
                &LIST_VIRTUAL_MFA_DEVICES,
                self.deadline,
                iam.list_virtual_mfa_devices()
                    .assignment_status(AssignmentStatusType::Assigned)
                    .max_items(PAGE)
                    .set_marker(marker)
                    .send(),
            )
            .await?;
            let next = answer.marker.filter(|_| answer.is_truncated);
            Ok((answer.virtual_mfa_devices, next))
        })
        .await;
        let file = ("mfa-devices.json", "VirtualMFADevices");
        self.put_list(kind, read, file, document::mfa_device)
    }

    /// `users` is none when not all users are known.
    pub(super) async fn ssh_public_keys(
        &self,
        iam: &Client,
        users: Option<&[String]>,
    ) -> Result<Coverage, StoreError> {
        let kind = LIST_SSH_PUBLIC_KEYS.kind;
        let users = match users {
            Some(users) if users.len() <= SSH_KEY_USERS => users,
            Some(users) => {
                let reason = format!(
                    "SSH keys are listed user by user; {} users are more than the {SSH_KEY_USERS} that are asked",
                    users.len()
                );
                return Ok(self.lacking(kind, Seen::None, reason).remedy(
                    "save `aws iam list-ssh-public-keys --user-name …` beside the snapshot",
                ));
            }
            None => {
                let reason = "SSH keys are listed user by user, and the users are not known";
                return Ok(self.lacking(kind, Seen::None, reason.to_owned()));
            }
        };
        // One user is asked alone, so that a denial costs one call.
        let (first, others) = users.split_at(users.len().min(1));
        let mut read = Vec::new();
        for user in first {
            match self.ssh_public_keys_of(iam, user).await {
                Err(failure) if failure.reason == Reason::Denied => {
                    return Ok(self.gap(kind, Seen::None, &failure));
                }
                answer => read.push(answer),
            }
        }
        let rest: Vec<Result<Vec<Value>, Failure>> = futures_util::stream::iter(others)
            .map(|user| self.ssh_public_keys_of(iam, user))
            .buffered(AT_ONCE)
            .collect()
            .await;
        read.extend(rest);
        let (keys, failures) = split(read);
        let keys: Vec<Value> = keys.into_iter().flatten().collect();
        let count = keys.len();
        if failures.is_empty() || count > 0 {
            self.put("ssh-public-keys.json", &object! { "SSHPublicKeys": keys })?;
        }
        Ok(self.judge(kind, count, &failures))
    }

    async fn ssh_public_keys_of(&self, iam: &Client, user: &str) -> Result<Vec<Value>, Failure> {
        let keys = pages(&LIST_SSH_PUBLIC_KEYS, async |marker: Option<String>| {
            let answer = call(
                &LIST_SSH_PUBLIC_KEYS,
                self.deadline,
                iam.list_ssh_public_keys()
                    .user_name(user)
                    .set_marker(marker)
                    .send(),
            )
            .await?;
            let next = answer.marker.filter(|_| answer.is_truncated);
            Ok((answer.ssh_public_keys.unwrap_or_default(), next))
        })
        .await;
        match keys.whole() {
            Ok(keys) => Ok(list(&keys, document::ssh_key)),
            // Deleted since the users were listed.
            Err(failure) if failure.reason == Reason::Absent => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    /// Asks when each of `principals` (ARN and unique id) last used which service.
    ///
    /// Two calls and more per principal, so only for those a finding is about.
    pub(super) async fn last_accessed(
        &self,
        principals: &[(String, String)],
    ) -> Result<Coverage, StoreError> {
        let kind = GET_SERVICE_LAST_ACCESSED_DETAILS.kind;
        let iam = self.iam();
        let iam = &iam;
        let read: Vec<Result<(String, Value), Failure>> = futures_util::stream::iter(principals)
            .map(async |(arn, id): &(String, String)| {
                let details = self.one_last_accessed(iam, arn).await?;
                Ok((file_name(id), details))
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let (documents, failures) = split(read);
        for (name, details) in &documents {
            self.put(&format!("last-accessed/{name}.json"), details)?;
        }
        Ok(self.judge(kind, documents.len(), &failures))
    }

    async fn one_last_accessed(&self, iam: &Client, arn: &str) -> Result<Value, Failure> {
        let answer = call(
            &GENERATE_SERVICE_LAST_ACCESSED_DETAILS,
            self.deadline,
            iam.generate_service_last_accessed_details()
                .arn(arn)
                .granularity(AccessAdvisorUsageGranularityType::ServiceLevel)
                .send(),
        )
        .await?;
        let job = answer.job_id().unwrap_or_default().to_owned();
        let give_up = Instant::now() + self.connection.pace.report;
        let mut services = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let answer = call(
                &GET_SERVICE_LAST_ACCESSED_DETAILS,
                self.deadline,
                iam.get_service_last_accessed_details()
                    .job_id(&job)
                    .max_items(PAGE)
                    .set_marker(marker.clone())
                    .send(),
            )
            .await?;
            match answer.job_status() {
                JobStatusType::InProgress if Instant::now() < give_up => {
                    sleep(self.connection.pace.poll).await;
                }
                JobStatusType::Completed => {
                    services.extend_from_slice(answer.services_last_accessed());
                    let next = answer.marker.clone().filter(|_| answer.is_truncated);
                    if next.is_none() || next == marker {
                        return Ok(document::last_accessed(arn, &answer, &services));
                    }
                    marker = next;
                }
                status => {
                    let why = answer
                        .error()
                        .map_or("no reason given", |error| error.message());
                    return Err(Failure::own(
                        &GET_SERVICE_LAST_ACCESSED_DETAILS,
                        &format!("the job for `{arn}` ended as {}: {why}", status.as_str()),
                    ));
                }
            }
        }
    }
}

/// A principal's unique id as a file name. Ids are letters and digits; anything else
/// in one is replaced, for it comes from outside.
fn file_name(id: &str) -> String {
    let name: String = id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(128)
        .collect();
    if name.is_empty() {
        "-".to_owned()
    } else {
        name
    }
}
