//! What a scan would and would not see, found out with one cheap call of each kind.
//!
//! A call that asks for something that does not exist is as good as one that does:
//! AWS checks the permission first.

use aws_sdk_iam::types::AccessAdvisorUsageGranularityType;
use aws_sdk_organizations::types::{ChildType, PolicyType};
use futures_util::StreamExt;
use tokio::time::Instant;

use super::call::{Failure, Reason, call, pages};
use super::connection::{Caller, Connection, is_account};
use super::operation::{
    ALL, ASSUME_ROLE, DESCRIBE_ORGANIZATION, DESCRIBE_ORGANIZATION_POLICY, DESCRIBE_PERMISSION_SET,
    GENERATE_CREDENTIAL_REPORT, GENERATE_SERVICE_LAST_ACCESSED_DETAILS,
    GET_ACCOUNT_AUTHORIZATION_DETAILS, GET_ACCOUNT_PASSWORD_POLICY, GET_ACCOUNT_SUMMARY,
    GET_CALLER_IDENTITY, GET_CREDENTIAL_REPORT, GET_INLINE_POLICY, GET_OPEN_ID_CONNECT_PROVIDER,
    GET_PERMISSIONS_BOUNDARY, GET_POLICY, GET_POLICY_VERSION, GET_SERVICE_LAST_ACCESSED_DETAILS,
    LIST_ACCOUNT_ALIASES, LIST_ACCOUNT_ASSIGNMENTS, LIST_ACCOUNTS, LIST_CHILDREN,
    LIST_CUSTOMER_MANAGED_POLICIES, LIST_GROUP_MEMBERSHIPS, LIST_GROUPS, LIST_INSTANCES,
    LIST_MANAGED_POLICIES, LIST_OPEN_ID_CONNECT_PROVIDERS, LIST_ORGANIZATION_POLICIES,
    LIST_ORGANIZATIONAL_UNITS, LIST_ORGANIZATIONS_FEATURES, LIST_PERMISSION_SETS,
    LIST_PROVISIONED_ACCOUNTS, LIST_ROLES, LIST_ROOTS, LIST_SAML_PROVIDERS, LIST_SECRETS,
    LIST_SERVICE_SPECIFIC_CREDENTIALS, LIST_SSH_PUBLIC_KEYS, LIST_TAGS_FOR_RESOURCE,
    LIST_TARGETS_FOR_POLICY, LIST_USERS, LIST_VIRTUAL_MFA_DEVICES, Operation,
};
use super::organization::is_active;
use crate::config::{self, Config};
use crate::connect::{Answer, Check, ConnectError};
use crate::model::{Sym, System};

/// Name of something that does not exist.
const NOBODY: &str = "tenure-doctor-asks-for-nobody";
/// A policy every organisation has.
const FULL_ACCESS: &str = "p-FullAWSAccess";
/// A well-formed id of a job or group that does not exist.
const NO_ID: &str = "00000000-0000-0000-0000-000000000000";

/// The checks made so far.
struct Visit<'a> {
    connection: &'a Connection,
    caller: &'a Caller,
    deadline: Instant,
    checks: Vec<Check>,
}

/// Makes one call and notes how it went; gives the answer if there was one.
macro_rules! attempt {
    ($visit:expr, $operation:expr, $send:expr) => {{
        let answer = call($operation, $visit.deadline, $send.send()).await;
        $visit.note($operation, answer)
    }};
}

impl Connection {
    /// [`doctor`](super::doctor) with this connection.
    ///
    /// # Errors
    /// As [`doctor`](super::doctor).
    pub async fn doctor(&self, config: &Config) -> Result<Vec<Check>, ConnectError> {
        let caller = self.caller().await?;
        let mut visit = Visit {
            connection: self,
            caller: &caller,
            deadline: self.deadline(),
            checks: Vec::new(),
        };
        visit.push(&GET_CALLER_IDENTITY, Answer::Works, String::new());
        visit.account().await;
        visit.secrets(&config.aws).await;
        let members = visit.organization().await;
        visit.identity_center(&config.aws).await;
        if config.aws.organization {
            visit.members(&config.aws, members).await;
        } else {
            visit.untried(
                &ASSUME_ROLE,
                "`aws.organization` is off in tenure.yaml: only this account is read",
            );
        }
        Ok(visit.in_table_order())
    }
}

impl Visit<'_> {
    async fn account(&mut self) {
        let iam = aws_sdk_iam::Client::new(&self.connection.sdk);
        let Caller { account, partition } = self.caller;
        let aws_policy = format!("arn:{partition}:iam::aws:policy/ReadOnlyAccess");
        let nobody = format!("arn:{partition}:iam::{account}:user/{NOBODY}");
        let no_provider = format!("arn:{partition}:iam::{account}:oidc-provider/{NOBODY}");
        attempt!(
            self,
            &GET_ACCOUNT_AUTHORIZATION_DETAILS,
            iam.get_account_authorization_details().max_items(1)
        );
        attempt!(self, &GET_POLICY, iam.get_policy().policy_arn(&aws_policy));
        attempt!(
            self,
            &GET_POLICY_VERSION,
            iam.get_policy_version()
                .policy_arn(&aws_policy)
                .version_id("v1")
        );
        attempt!(self, &LIST_ROLES, iam.list_roles().max_items(1));
        attempt!(
            self,
            &GENERATE_CREDENTIAL_REPORT,
            iam.generate_credential_report()
        );
        attempt!(self, &GET_CREDENTIAL_REPORT, iam.get_credential_report());
        attempt!(self, &GET_ACCOUNT_SUMMARY, iam.get_account_summary());
        attempt!(self, &LIST_ACCOUNT_ALIASES, iam.list_account_aliases());
        attempt!(
            self,
            &GET_ACCOUNT_PASSWORD_POLICY,
            iam.get_account_password_policy()
        );
        attempt!(self, &LIST_SAML_PROVIDERS, iam.list_saml_providers());
        attempt!(
            self,
            &LIST_OPEN_ID_CONNECT_PROVIDERS,
            iam.list_open_id_connect_providers()
        );
        attempt!(
            self,
            &GET_OPEN_ID_CONNECT_PROVIDER,
            iam.get_open_id_connect_provider()
                .open_id_connect_provider_arn(no_provider)
        );
        attempt!(
            self,
            &LIST_SERVICE_SPECIFIC_CREDENTIALS,
            iam.list_service_specific_credentials()
                .all_users(true)
                .max_items(1)
        );
        attempt!(
            self,
            &LIST_SSH_PUBLIC_KEYS,
            iam.list_ssh_public_keys().user_name(NOBODY)
        );
        attempt!(
            self,
            &LIST_VIRTUAL_MFA_DEVICES,
            iam.list_virtual_mfa_devices().max_items(1)
        );
        attempt!(
            self,
            &GENERATE_SERVICE_LAST_ACCESSED_DETAILS,
            iam.generate_service_last_accessed_details()
                .arn(nobody)
                .granularity(AccessAdvisorUsageGranularityType::ServiceLevel)
        );
        attempt!(
            self,
            &GET_SERVICE_LAST_ACCESSED_DETAILS,
            iam.get_service_last_accessed_details().job_id(NO_ID)
        );
    }

    async fn secrets(&mut self, settings: &config::Aws) {
        for region in self.regions(settings) {
            let client = aws_sdk_secretsmanager::Client::new(&self.connection.in_region(&region));
            let answer = call(
                &LIST_SECRETS,
                self.deadline,
                client.list_secrets().max_results(1).send(),
            )
            .await;
            let failed = answer.is_err();
            self.note(&LIST_SECRETS, answer);
            if failed {
                return;
            }
        }
    }

    /// Gives the accounts that could be entered.
    async fn organization(&mut self) -> Vec<String> {
        let client = aws_sdk_organizations::Client::new(&self.connection.sdk);
        let answer = call(
            &DESCRIBE_ORGANIZATION,
            self.deadline,
            client.describe_organization().send(),
        )
        .await;
        if let Err(failure) = &answer
            && failure.reason == Reason::Absent
        {
            self.push(
                &DESCRIBE_ORGANIZATION,
                Answer::Absent(failure.message.clone()),
                String::new(),
            );
            for operation in of_service("organizations") {
                self.untried(operation, "the account is in no organisation");
            }
            self.untried(
                &LIST_ORGANIZATIONS_FEATURES,
                "the account is in no organisation",
            );
            return Vec::new();
        }
        self.note(&DESCRIBE_ORGANIZATION, answer);
        let accounts = pages(&LIST_ACCOUNTS, async |marker: Option<String>| {
            let answer = call(
                &LIST_ACCOUNTS,
                self.deadline,
                client.list_accounts().set_next_token(marker).send(),
            )
            .await?;
            Ok((answer.accounts.unwrap_or_default(), answer.next_token))
        })
        .await
        .whole();
        let accounts = self.note(&LIST_ACCOUNTS, accounts);
        let roots = attempt!(self, &LIST_ROOTS, client.list_roots());
        let root = roots
            .and_then(|answer| answer.roots().first().and_then(|root| root.id.clone()))
            .unwrap_or_else(|| "r-0000".to_owned());
        attempt!(
            self,
            &LIST_ORGANIZATIONAL_UNITS,
            client
                .list_organizational_units_for_parent()
                .parent_id(&root)
                .max_results(1)
        );
        attempt!(
            self,
            &LIST_CHILDREN,
            client
                .list_children()
                .parent_id(&root)
                .child_type(ChildType::Account)
                .max_results(1)
        );
        attempt!(
            self,
            &LIST_ORGANIZATION_POLICIES,
            client
                .list_policies()
                .filter(PolicyType::ServiceControlPolicy)
                .max_results(1)
        );
        attempt!(
            self,
            &DESCRIBE_ORGANIZATION_POLICY,
            client.describe_policy().policy_id(FULL_ACCESS)
        );
        attempt!(
            self,
            &LIST_TARGETS_FOR_POLICY,
            client
                .list_targets_for_policy()
                .policy_id(FULL_ACCESS)
                .max_results(1)
        );
        let iam = aws_sdk_iam::Client::new(&self.connection.sdk);
        attempt!(
            self,
            &LIST_ORGANIZATIONS_FEATURES,
            iam.list_organizations_features()
        );
        accounts
            .unwrap_or_default()
            .into_iter()
            .filter(is_active)
            .filter_map(|account| account.id)
            .filter(|id| is_account(id) && *id != *self.caller.account)
            .collect()
    }

    async fn identity_center(&mut self, settings: &config::Aws) {
        let mut found = None;
        for region in self.regions(settings) {
            let sdk = self.connection.in_region(&region);
            let client = aws_sdk_ssoadmin::Client::new(&sdk);
            let answer = attempt!(self, &LIST_INSTANCES, client.list_instances());
            let instance = answer.and_then(|answer| answer.instances().first().cloned());
            if let Some(instance) = instance {
                found = Some((sdk, client, instance));
                break;
            }
        }
        let Some((sdk, client, instance)) = found else {
            let why = "there is no Identity Center instance to ask in the regions of tenure.yaml";
            for operation in of_service("sso").chain(of_service("identitystore")) {
                self.untried(operation, why);
            }
            return;
        };
        let arn = instance.instance_arn().unwrap_or_default();
        self.permission_sets(&client, arn).await;
        let store = aws_sdk_identitystore::Client::new(&sdk);
        let id = instance.identity_store_id().unwrap_or_default();
        attempt!(
            self,
            &LIST_USERS,
            store.list_users().identity_store_id(id).max_results(1)
        );
        attempt!(
            self,
            &LIST_GROUPS,
            store.list_groups().identity_store_id(id).max_results(1)
        );
        attempt!(
            self,
            &LIST_GROUP_MEMBERSHIPS,
            store
                .list_group_memberships()
                .identity_store_id(id)
                .group_id(NO_ID)
        );
    }

    async fn permission_sets(&mut self, client: &aws_sdk_ssoadmin::Client, instance: &str) {
        let sets = attempt!(
            self,
            &LIST_PERMISSION_SETS,
            client.list_permission_sets().instance_arn(instance)
        );
        let Some(set) = sets.and_then(|answer| answer.permission_sets().first().cloned()) else {
            for operation in of_service("sso") {
                self.untried(operation, "there is no permission set to ask about");
            }
            return;
        };
        attempt!(
            self,
            &DESCRIBE_PERMISSION_SET,
            client
                .describe_permission_set()
                .instance_arn(instance)
                .permission_set_arn(&set)
        );
        attempt!(
            self,
            &GET_INLINE_POLICY,
            client
                .get_inline_policy_for_permission_set()
                .instance_arn(instance)
                .permission_set_arn(&set)
        );
        attempt!(
            self,
            &LIST_MANAGED_POLICIES,
            client
                .list_managed_policies_in_permission_set()
                .instance_arn(instance)
                .permission_set_arn(&set)
        );
        attempt!(
            self,
            &LIST_CUSTOMER_MANAGED_POLICIES,
            client
                .list_customer_managed_policy_references_in_permission_set()
                .instance_arn(instance)
                .permission_set_arn(&set)
        );
        attempt!(
            self,
            &GET_PERMISSIONS_BOUNDARY,
            client
                .get_permissions_boundary_for_permission_set()
                .instance_arn(instance)
                .permission_set_arn(&set)
        );
        attempt!(
            self,
            &LIST_TAGS_FOR_RESOURCE,
            client
                .list_tags_for_resource()
                .instance_arn(instance)
                .resource_arn(&set)
        );
        attempt!(
            self,
            &LIST_PROVISIONED_ACCOUNTS,
            client
                .list_accounts_for_provisioned_permission_set()
                .instance_arn(instance)
                .permission_set_arn(&set)
                .max_results(1)
        );
        attempt!(
            self,
            &LIST_ACCOUNT_ASSIGNMENTS,
            client
                .list_account_assignments()
                .instance_arn(instance)
                .account_id(&*self.caller.account)
                .permission_set_arn(&set)
                .max_results(1)
        );
    }

    /// Enters each account; what holds inside is not tried.
    async fn members(&mut self, settings: &config::Aws, members: Vec<String>) {
        let connection = self.connection;
        let partition = self.caller.partition.as_str();
        let answers: Vec<(String, Result<Connection, Failure>)> =
            futures_util::stream::iter(members)
                .map(async |account| {
                    let entered = connection.enter(&account, partition, settings).await;
                    (account, entered)
                })
                .buffered(settings.concurrency.max(1))
                .collect()
                .await;
        for (account, answer) in answers {
            let check = self.check(&ASSUME_ROLE, &answer);
            self.checks.push(Check {
                tenant: Sym::new(&account),
                ..check
            });
        }
    }

    fn regions(&self, settings: &config::Aws) -> Vec<String> {
        if settings.regions.is_empty() {
            vec![self.connection.region().to_owned()]
        } else {
            settings.regions.clone()
        }
    }

    /// Notes how a call went; only the first answer of each call counts.
    fn note<T>(&mut self, operation: &'static Operation, answer: Result<T, Failure>) -> Option<T> {
        let check = self.check(operation, &answer);
        self.checks.retain(|known| known.call != check.call);
        self.checks.push(check);
        answer.ok()
    }

    fn check<T>(&self, operation: &'static Operation, answer: &Result<T, Failure>) -> Check {
        let (answer, remedy) = match answer {
            Ok(_) => (Answer::Works, String::new()),
            // The permission is there; what was asked for is not.
            Err(failure) if failure.reason == Reason::Absent || is_missing(failure) => {
                (Answer::Works, String::new())
            }
            Err(failure) if failure.reason == Reason::Denied => {
                (Answer::Denied(failure.message.clone()), failure.remedy())
            }
            Err(failure) => (Answer::Failed(failure.message.clone()), failure.remedy()),
        };
        self.made(operation, answer, remedy)
    }

    fn push(&mut self, operation: &'static Operation, answer: Answer, remedy: String) {
        let check = self.made(operation, answer, remedy);
        self.checks.push(check);
    }

    /// Notes that a call was not tried, unless it was.
    fn untried(&mut self, operation: &'static Operation, why: &str) {
        let call = operation.action();
        if !self.checks.iter().any(|check| *check.call == *call) {
            self.push(operation, Answer::Untried(why.into()), String::new());
        }
    }

    fn made(&self, operation: &'static Operation, answer: Answer, remedy: String) -> Check {
        Check {
            system: System::Aws,
            tenant: self.caller.account,
            kind: Sym::new(operation.kind),
            call: Sym::new(&operation.action()),
            answer,
            remedy: remedy.into(),
        }
    }

    fn in_table_order(self) -> Vec<Check> {
        let mut checks = self.checks;
        checks.sort_by_cached_key(|check| {
            let place = ALL
                .iter()
                .position(|operation| *check.call == *operation.action());
            (place, check.tenant)
        });
        checks
    }
}

/// Codes by which IAM says that a report is not there yet.
fn is_missing(failure: &Failure) -> bool {
    matches!(
        failure.code.as_deref(),
        Some("ReportNotPresent" | "ReportInProgress" | "ReportExpired")
    )
}

fn of_service(service: &str) -> impl Iterator<Item = &'static Operation> {
    ALL.iter()
        .copied()
        .filter(move |operation| operation.service == service)
}
