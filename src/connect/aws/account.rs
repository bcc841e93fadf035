//! What IAM itself says of one account; of credentials in `credentials`.
//!
//! One list call of a thousand items a page carries users, groups, roles, policies,
//! boundaries, tags, trust and last use; the credential report replaces five calls
//! per user. So an account costs about a dozen calls besides the pages.

use std::collections::BTreeSet;

use aws_sdk_iam::Client;
use aws_sdk_iam::types::EntityType;
use futures_util::StreamExt;
use serde_json::{Map, Value};

use super::call::{Failure, Pages, Reason, call, pages};
use super::connection::client;
use super::document::{self, list, object};
use super::operation::{
    GET_ACCOUNT_AUTHORIZATION_DETAILS, GET_ACCOUNT_PASSWORD_POLICY, GET_ACCOUNT_SUMMARY,
    GET_OPEN_ID_CONNECT_PROVIDER, GET_POLICY, GET_POLICY_VERSION, LIST_ACCOUNT_ALIASES,
    LIST_OPEN_ID_CONNECT_PROVIDERS, LIST_ROLES, LIST_SAML_PROVIDERS,
};
use super::reader::Reader;
use crate::model::{Coverage, Seen};
use crate::snapshot::StoreError;

/// Items per page; IAM may answer with fewer.
pub(super) const PAGE: i32 = 1_000;
/// Calls to IAM at the same time where a list must be asked item by item.
pub(super) const AT_ONCE: usize = 4;

/// Policies by ARN: those whose documents were read and those somebody refers to.
#[derive(Debug, Default)]
pub(super) struct Policies {
    pub(super) known: BTreeSet<String>,
    pub(super) wanted: BTreeSet<String>,
}

impl Reader<'_> {
    pub(super) fn iam(&self) -> Client {
        client!(aws_sdk_iam, self.connection)
    }

    /// Reads what IAM says of the account, except the policies nobody listed.
    pub(super) async fn account(&self) -> Result<(Vec<Coverage>, Policies), StoreError> {
        let iam = self.iam();
        // The report is written while the pages are read.
        let (report, details) = tokio::join!(
            self.credential_report(&iam),
            self.authorization_details(&iam)
        );
        let (details, policies, users) = details?;
        let mut coverage = vec![details, report?];
        coverage.push(self.roles(&iam).await?);
        coverage.push(self.summary(&iam).await?);
        coverage.push(self.aliases(&iam).await?);
        coverage.push(self.password_policy(&iam).await?);
        coverage.push(self.saml_providers(&iam).await?);
        coverage.push(self.oidc_providers(&iam).await?);
        coverage.push(self.service_specific_credentials(&iam).await?);
        coverage.push(self.mfa_devices(&iam).await?);
        coverage.push(self.ssh_public_keys(&iam, users.as_deref()).await?);
        Ok((coverage, policies))
    }

    async fn authorization_details(
        &self,
        iam: &Client,
    ) -> Result<(Coverage, Policies, Option<Vec<String>>), StoreError> {
        let kind = GET_ACCOUNT_AUTHORIZATION_DETAILS.kind;
        self.say("users, groups, roles and policies");
        let answers = pages(
            &GET_ACCOUNT_AUTHORIZATION_DETAILS,
            async |marker: Option<String>| {
                let answer = call(
                    &GET_ACCOUNT_AUTHORIZATION_DETAILS,
                    self.deadline,
                    iam.get_account_authorization_details()
                        .max_items(PAGE)
                        .filter(EntityType::User)
                        .filter(EntityType::Role)
                        .filter(EntityType::Group)
                        .filter(EntityType::LocalManagedPolicy)
                        .filter(EntityType::AwsManagedPolicy)
                        .set_marker(marker)
                        .send(),
                )
                .await?;
                let next = answer.marker.clone().filter(|_| answer.is_truncated);
                Ok((vec![answer], next))
            },
        )
        .await;
        let Pages { items, failure } = answers;
        if let (true, Some(failure)) = (items.is_empty(), &failure) {
            let gap = self.gap(kind, Seen::None, failure);
            return Ok((gap, Policies::default(), None));
        }
        let mut policies = Policies::default();
        let (mut users, mut groups, mut roles, mut managed) = (vec![], vec![], vec![], vec![]);
        for page in &items {
            policies.read(page);
            users.extend(list(page.user_detail_list(), document::user_detail));
            groups.extend(list(page.group_detail_list(), document::group_detail));
            roles.extend(list(page.role_detail_list(), document::role_detail));
            managed.extend(list(page.policies(), document::managed_policy));
        }
        let names: Vec<String> = items
            .iter()
            .flat_map(|page| page.user_detail_list())
            .filter_map(|user| user.user_name.clone())
            .collect();
        let count = users.len() + groups.len() + roles.len() + managed.len();
        let details = object! {
            "UserDetailList": users,
            "GroupDetailList": groups,
            "RoleDetailList": roles,
            "Policies": managed,
            "IsTruncated": failure.is_some(),
        };
        self.put("authorization-details.json", &details)?;
        let coverage = match &failure {
            None => self.complete(kind, count),
            Some(failure) => {
                let mut gap = self.gap(kind, Seen::Partial, failure);
                gap.items = count as u64;
                gap
            }
        };
        Ok((coverage, policies, failure.is_none().then_some(names)))
    }

    /// Reads the policies somebody refers to but no page held: a policy used only as
    /// a boundary, an AWS policy used only by a permission set.
    pub(super) async fn missing_policies(
        &self,
        policies: &Policies,
    ) -> Result<Coverage, StoreError> {
        let kind = GET_POLICY.kind;
        let iam = self.iam();
        let missing: Vec<&String> = policies.wanted.difference(&policies.known).collect();
        let iam = &iam;
        let read: Vec<Result<Value, Failure>> = futures_util::stream::iter(&missing)
            .map(|arn| self.policy(iam, arn))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let (documents, failures) = split(read);
        self.put_lines("boundary-policies.json", &documents)?;
        let seen = policies.known.len() + documents.len();
        Ok(self.judge(kind, seen, &failures))
    }

    async fn policy(&self, iam: &Client, arn: &str) -> Result<Value, Failure> {
        let answer = call(
            &GET_POLICY,
            self.deadline,
            iam.get_policy().policy_arn(arn).send(),
        )
        .await?;
        let policy = answer
            .policy
            .ok_or_else(|| Failure::own(&GET_POLICY, "AWS answered without the policy"))?;
        let version = policy.default_version_id.clone().unwrap_or_default();
        let answer = call(
            &GET_POLICY_VERSION,
            self.deadline,
            iam.get_policy_version()
                .policy_arn(arn)
                .version_id(version)
                .send(),
        )
        .await?;
        Ok(object! {
            "Policy": document::policy(&policy),
            "PolicyVersion": answer.policy_version().map(document::policy_version),
        })
    }

    async fn roles(&self, iam: &Client) -> Result<Coverage, StoreError> {
        let roles = pages(&LIST_ROLES, async |marker: Option<String>| {
            let answer = call(
                &LIST_ROLES,
                self.deadline,
                iam.list_roles().max_items(PAGE).set_marker(marker).send(),
            )
            .await?;
            let next = answer.marker.filter(|_| answer.is_truncated);
            Ok((answer.roles, next))
        })
        .await;
        let file = ("roles.json", "Roles");
        self.put_list(LIST_ROLES.kind, roles, file, document::role_settings)
    }

    async fn summary(&self, iam: &Client) -> Result<Coverage, StoreError> {
        let kind = GET_ACCOUNT_SUMMARY.kind;
        let answer = call(
            &GET_ACCOUNT_SUMMARY,
            self.deadline,
            iam.get_account_summary().send(),
        )
        .await;
        match answer {
            Err(failure) => Ok(self.gap(kind, Seen::None, &failure)),
            Ok(answer) => {
                // The SDK keeps the map in no order.
                let mut numbers: Vec<(&str, i32)> = answer
                    .summary_map()
                    .into_iter()
                    .flatten()
                    .map(|(key, number)| (key.as_str(), *number))
                    .collect();
                numbers.sort_unstable();
                let numbers: Map<String, Value> = numbers
                    .into_iter()
                    .map(|(key, number)| (key.to_owned(), Value::from(number)))
                    .collect();
                let count = numbers.len();
                self.put(
                    "account-summary.json",
                    &object! { "SummaryMap": Value::Object(numbers) },
                )?;
                Ok(self.complete(kind, count))
            }
        }
    }

    async fn aliases(&self, iam: &Client) -> Result<Coverage, StoreError> {
        let kind = LIST_ACCOUNT_ALIASES.kind;
        let answer = call(
            &LIST_ACCOUNT_ALIASES,
            self.deadline,
            iam.list_account_aliases().send(),
        )
        .await;
        match answer {
            Err(failure) => Ok(self.gap(kind, Seen::None, &failure)),
            Ok(answer) => {
                let aliases = answer.account_aliases();
                self.put(
                    "account-aliases.json",
                    &object! { "AccountAliases": aliases },
                )?;
                Ok(self.complete(kind, aliases.len()))
            }
        }
    }

    async fn password_policy(&self, iam: &Client) -> Result<Coverage, StoreError> {
        let kind = GET_ACCOUNT_PASSWORD_POLICY.kind;
        let answer = call(
            &GET_ACCOUNT_PASSWORD_POLICY,
            self.deadline,
            iam.get_account_password_policy().send(),
        )
        .await;
        let policy = match answer {
            Ok(answer) => answer
                .password_policy()
                .map_or(Value::Null, document::password_policy),
            Err(failure) if failure.reason == Reason::Absent => Value::Null,
            Err(failure) => return Ok(self.gap(kind, Seen::None, &failure)),
        };
        let count = usize::from(!policy.is_null());
        self.put(
            "password-policy.json",
            &object! { "PasswordPolicy": policy },
        )?;
        Ok(self.complete(kind, count))
    }

    async fn saml_providers(&self, iam: &Client) -> Result<Coverage, StoreError> {
        let kind = LIST_SAML_PROVIDERS.kind;
        let answer = call(
            &LIST_SAML_PROVIDERS,
            self.deadline,
            iam.list_saml_providers().send(),
        )
        .await;
        match answer {
            Err(failure) => Ok(self.gap(kind, Seen::None, &failure)),
            Ok(answer) => {
                let providers = list(answer.saml_provider_list(), document::saml_provider);
                let count = providers.len();
                self.put(
                    "saml-providers.json",
                    &object! { "SAMLProviderList": providers },
                )?;
                Ok(self.complete(kind, count))
            }
        }
    }

    async fn oidc_providers(&self, iam: &Client) -> Result<Coverage, StoreError> {
        let kind = LIST_OPEN_ID_CONNECT_PROVIDERS.kind;
        let answer = call(
            &LIST_OPEN_ID_CONNECT_PROVIDERS,
            self.deadline,
            iam.list_open_id_connect_providers().send(),
        )
        .await;
        let arns: Vec<String> = match answer {
            Err(failure) => return Ok(self.gap(kind, Seen::None, &failure)),
            Ok(answer) => answer
                .open_id_connect_provider_list()
                .iter()
                .filter_map(|entry| entry.arn.clone())
                .collect(),
        };
        let read: Vec<Result<Value, Failure>> = futures_util::stream::iter(&arns)
            .map(async |arn: &String| {
                let answer = call(
                    &GET_OPEN_ID_CONNECT_PROVIDER,
                    self.deadline,
                    iam.get_open_id_connect_provider()
                        .open_id_connect_provider_arn(arn)
                        .send(),
                )
                .await?;
                Ok(document::oidc_provider(arn, &answer))
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let (mut documents, failures) = split(read);
        let count = documents.len();
        let entries = arns.iter().map(|arn| object! { "Arn": arn }).collect();
        documents.insert(
            0,
            object! { "OpenIDConnectProviderList": Value::Array(entries) },
        );
        self.put_lines("oidc-providers.json", &documents)?;
        Ok(self.judge(kind, count, &failures))
    }

    /// Complete, or as complete as the failures leave it.
    pub(super) fn judge(&self, kind: &str, seen: usize, failures: &[Failure]) -> Coverage {
        let Some(first) = failures.first() else {
            return self.complete(kind, seen);
        };
        let how = if seen == 0 { Seen::None } else { Seen::Partial };
        let mut gap = self.gap(kind, how, first);
        gap.items = seen as u64;
        if failures.len() > 1 {
            gap.reason = format!("{} (and {} more)", gap.reason, failures.len() - 1).into();
        }
        gap
    }
}

impl Policies {
    fn read(
        &mut self,
        page: &aws_sdk_iam::operation::get_account_authorization_details::GetAccountAuthorizationDetailsOutput,
    ) {
        for policy in page.policies() {
            self.known.extend(policy.arn.clone());
        }
        for user in page.user_detail_list() {
            self.want(
                user.attached_managed_policies(),
                user.permissions_boundary(),
            );
        }
        for role in page.role_detail_list() {
            self.want(
                role.attached_managed_policies(),
                role.permissions_boundary(),
            );
        }
        for group in page.group_detail_list() {
            self.want(group.attached_managed_policies(), None);
        }
    }

    fn want(
        &mut self,
        attached: &[aws_sdk_iam::types::AttachedPolicy],
        boundary: Option<&aws_sdk_iam::types::AttachedPermissionsBoundary>,
    ) {
        self.wanted.extend(
            attached
                .iter()
                .filter_map(|policy| policy.policy_arn.clone()),
        );
        self.wanted
            .extend(boundary.and_then(|boundary| boundary.permissions_boundary_arn.clone()));
    }
}

/// What worked, and what did not.
pub(super) fn split<T>(results: Vec<Result<T, Failure>>) -> (Vec<T>, Vec<Failure>) {
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(failure) => bad.push(failure),
        }
    }
    (good, bad)
}
