//! The organisation: accounts, units, and the policies that limit all of them.
//!
//! Only the management account and delegated administrators may ask. Anybody may ask
//! whether there is an organisation.

use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::{
    Account, AccountState, ChildType, PolicySummary, PolicyType, PolicyTypeStatus, Root,
};
use futures_util::StreamExt;
use serde_json::Value;

use super::account::split;
use super::call::{Failure, Pages, Reason, call, pages};
use super::connection::client;
use super::document::{self, list, object};
use super::operation::{
    DESCRIBE_ORGANIZATION, DESCRIBE_ORGANIZATION_POLICY, LIST_ACCOUNTS, LIST_CHILDREN,
    LIST_ORGANIZATION_POLICIES, LIST_ORGANIZATIONAL_UNITS, LIST_ORGANIZATIONS_FEATURES, LIST_ROOTS,
    LIST_TARGETS_FOR_POLICY,
};
use super::reader::Reader;
use crate::model::{Coverage, Seen};
use crate::snapshot::StoreError;

/// Organizations answers few calls a second; two at a time is all it takes.
const AT_ONCE: usize = 2;
/// AWS nests units five deep; an answer that nests deeper is no tree.
const MAX_UNITS: usize = 20_000;

/// What was learnt of the organisation.
#[derive(Debug, Default)]
pub(super) struct Organization {
    /// Accounts other than the caller's that can be entered.
    pub(super) members: Vec<Account>,
    /// Accounts that are suspended, closed or not yet open.
    pub(super) inactive: Vec<Account>,
    /// Coverage of the kinds `aws.organization`, `aws.scps`, `aws.rcps`.
    pub(super) coverage: Vec<Coverage>,
}

/// The two kinds of control policy, and the coverage kind each belongs to.
const CONTROLS: [(PolicyType, &str); 2] = [
    (PolicyType::ServiceControlPolicy, "aws.scps"),
    (PolicyType::ResourceControlPolicy, "aws.rcps"),
];

impl Reader<'_> {
    fn organizations(&self) -> Client {
        client!(aws_sdk_organizations, self.connection)
    }

    /// Reads the organisation as far as the caller's account may see it.
    pub(super) async fn organization(&self) -> Result<Organization, StoreError> {
        self.say("organisation");
        let client = self.organizations();
        let answer = call(
            &DESCRIBE_ORGANIZATION,
            self.deadline,
            client.describe_organization().send(),
        )
        .await;
        let described = match answer {
            Ok(answer) => answer.organization,
            Err(failure) if failure.reason == Reason::Absent => None,
            Err(failure) => return Ok(self.no_organization(&failure)),
        };
        let Some(organization) = described else {
            // An account on its own: nothing limits it, and that is known.
            let mut coverage: Vec<Coverage> = ["aws.organization", "aws.scps", "aws.rcps"]
                .map(|kind| self.complete(kind, 0))
                .to_vec();
            if self.session.config.aws.organization {
                let reason = "`aws.organization` is on, but the account is in no organisation";
                coverage[0] = self
                    .lacking("aws.organization", Seen::None, reason.to_owned())
                    .remedy("scan with credentials of the management account, or turn it off");
            }
            return Ok(Organization {
                coverage,
                ..Organization::default()
            });
        };
        self.put(
            "organization/organization.json",
            &object! { "Organization": document::organization(&organization) },
        )?;
        let accounts = match self.accounts(&client).await {
            Ok(accounts) => accounts,
            Err(failure) => return Ok(self.no_organization(&failure)),
        };
        self.put(
            "organization/accounts.json",
            &object! { "Accounts": list(&accounts, document::account) },
        )?;
        let mut coverage = Vec::new();
        let roots = match self.roots(&client).await {
            Ok(roots) => roots,
            Err(failure) => {
                let mut unread = self.no_organization(&failure);
                unread.sort_accounts(accounts, &self.account);
                return Ok(unread);
            }
        };
        self.put(
            "organization/roots.json",
            &object! { "Roots": list(&roots, document::root) },
        )?;
        coverage.push(self.tree(&client, &roots, accounts.len()).await?);
        coverage.extend(self.control_policies(&client, &roots).await?);
        let management = organization.master_account_id() == Some(&*self.account);
        if management {
            coverage.push(self.features().await?);
        }
        let mut found = Organization {
            coverage,
            ..Organization::default()
        };
        found.sort_accounts(accounts, &self.account);
        Ok(found)
    }

    /// Coverage when the organisation's lists may not be read.
    fn no_organization(&self, failure: &Failure) -> Organization {
        let coverage = ["aws.organization", "aws.scps", "aws.rcps"]
            .map(|kind| {
                let mut gap = self.gap(kind, Seen::None, failure);
                if failure.reason == Reason::Denied {
                    gap.remedy = Some(
                        "scan from the management account or a delegated administrator account with \
                         the permissions of `tenure permissions aws`"
                            .into(),
                    );
                }
                gap
            })
            .to_vec();
        Organization {
            coverage,
            ..Organization::default()
        }
    }

    async fn accounts(&self, client: &Client) -> Result<Vec<Account>, Failure> {
        pages(&LIST_ACCOUNTS, async |marker: Option<String>| {
            let answer = call(
                &LIST_ACCOUNTS,
                self.deadline,
                client.list_accounts().set_next_token(marker).send(),
            )
            .await?;
            Ok((answer.accounts.unwrap_or_default(), answer.next_token))
        })
        .await
        .whole()
    }

    async fn roots(&self, client: &Client) -> Result<Vec<Root>, Failure> {
        pages(&LIST_ROOTS, async |marker: Option<String>| {
            let answer = call(
                &LIST_ROOTS,
                self.deadline,
                client.list_roots().set_next_token(marker).send(),
            )
            .await?;
            Ok((answer.roots.unwrap_or_default(), answer.next_token))
        })
        .await
        .whole()
    }

    /// Which unit lies in which, and which account in which unit.
    async fn tree(
        &self,
        client: &Client,
        roots: &[Root],
        accounts: usize,
    ) -> Result<Coverage, StoreError> {
        let mut waiting: Vec<String> = roots.iter().filter_map(|root| root.id.clone()).collect();
        waiting.reverse();
        let mut units = Vec::new();
        let mut children = Vec::new();
        let mut failures = Vec::new();
        let mut seen = 0;
        while let Some(parent) = waiting.pop() {
            seen += 1;
            if seen > MAX_UNITS {
                failures.push(Failure::own(
                    &LIST_ORGANIZATIONAL_UNITS,
                    &format!("more than {MAX_UNITS} units"),
                ));
                break;
            }
            let below: Pages<_> = pages(
                &LIST_ORGANIZATIONAL_UNITS,
                async |marker: Option<String>| {
                    let answer = call(
                        &LIST_ORGANIZATIONAL_UNITS,
                        self.deadline,
                        client
                            .list_organizational_units_for_parent()
                            .parent_id(&parent)
                            .set_next_token(marker)
                            .send(),
                    )
                    .await?;
                    Ok((
                        answer.organizational_units.unwrap_or_default(),
                        answer.next_token,
                    ))
                },
            )
            .await;
            match below.whole() {
                Err(failure) => failures.push(failure),
                Ok(below) => {
                    waiting.extend(below.iter().rev().filter_map(|unit| unit.id.clone()));
                    units.push(object! {
                        "ParentId": &parent,
                        "OrganizationalUnits": list(&below, document::unit),
                    });
                }
            }
            let inside: Pages<_> = pages(&LIST_CHILDREN, async |marker: Option<String>| {
                let answer = call(
                    &LIST_CHILDREN,
                    self.deadline,
                    client
                        .list_children()
                        .parent_id(&parent)
                        .child_type(ChildType::Account)
                        .set_next_token(marker)
                        .send(),
                )
                .await?;
                Ok((answer.children.unwrap_or_default(), answer.next_token))
            })
            .await;
            match inside.whole() {
                Err(failure) => failures.push(failure),
                Ok(inside) => children.push(object! {
                    "ParentId": &parent,
                    "Children": list(&inside, document::child),
                }),
            }
        }
        self.put_lines("organization/organizational-units.json", &units)?;
        self.put_lines("organization/children.json", &children)?;
        Ok(self.judge("aws.organization", accounts, &failures))
    }

    /// Service and resource control policies with what they are attached to.
    async fn control_policies(
        &self,
        client: &Client,
        roots: &[Root],
    ) -> Result<Vec<Coverage>, StoreError> {
        let mut documents = Vec::new();
        let mut coverage = Vec::new();
        for (policy_type, kind) in CONTROLS {
            let enabled = roots.iter().flat_map(Root::policy_types).any(|summary| {
                summary.r#type() == Some(&policy_type)
                    && summary.status() == Some(&PolicyTypeStatus::Enabled)
            });
            if !enabled {
                // Policies of a type that is switched off limit nobody.
                coverage.push(self.complete(kind, 0));
                continue;
            }
            let summaries = pages(
                &LIST_ORGANIZATION_POLICIES,
                async |marker: Option<String>| {
                    let answer = call(
                        &LIST_ORGANIZATION_POLICIES,
                        self.deadline,
                        client
                            .list_policies()
                            .filter(policy_type.clone())
                            .set_next_token(marker)
                            .send(),
                    )
                    .await?;
                    Ok((answer.policies.unwrap_or_default(), answer.next_token))
                },
            )
            .await;
            let Pages { items, failure } = summaries;
            let read: Vec<Result<Value, Failure>> = futures_util::stream::iter(&items)
                .map(|summary| self.control_policy(client, summary))
                .buffered(AT_ONCE)
                .collect()
                .await;
            let (policies, mut failures) = split(read);
            failures.extend(failure);
            coverage.push(self.judge(kind, policies.len(), &failures));
            documents.extend(policies);
        }
        self.put_lines("organization/policies.json", &documents)?;
        Ok(coverage)
    }

    async fn control_policy(
        &self,
        client: &Client,
        summary: &PolicySummary,
    ) -> Result<Value, Failure> {
        let id = summary.id().unwrap_or_default();
        let answer = call(
            &DESCRIBE_ORGANIZATION_POLICY,
            self.deadline,
            client.describe_policy().policy_id(id).send(),
        )
        .await?;
        let policy = answer.policy.ok_or_else(|| {
            Failure::own(
                &DESCRIBE_ORGANIZATION_POLICY,
                "AWS answered without the policy",
            )
        })?;
        let targets = pages(&LIST_TARGETS_FOR_POLICY, async |marker: Option<String>| {
            let answer = call(
                &LIST_TARGETS_FOR_POLICY,
                self.deadline,
                client
                    .list_targets_for_policy()
                    .policy_id(id)
                    .set_next_token(marker)
                    .send(),
            )
            .await?;
            Ok((answer.targets.unwrap_or_default(), answer.next_token))
        })
        .await
        .whole()?;
        Ok(object! {
            "Policy": document::organization_policy(&policy),
            "Targets": list(&targets, document::target),
        })
    }

    /// Whether the root users of member accounts are managed centrally.
    async fn features(&self) -> Result<Coverage, StoreError> {
        let kind = LIST_ORGANIZATIONS_FEATURES.kind;
        let iam = client!(aws_sdk_iam, self.connection);
        let answer = call(
            &LIST_ORGANIZATIONS_FEATURES,
            self.deadline,
            iam.list_organizations_features().send(),
        )
        .await;
        let (id, features) = match answer {
            Ok(answer) => {
                let names: Vec<Value> = answer
                    .enabled_features()
                    .iter()
                    .map(|feature| Value::from(feature.as_str()))
                    .collect();
                (answer.organization_id, names)
            }
            // Trusted access for IAM is off, so neither feature can be on.
            Err(failure) if failure.reason == Reason::Absent => (None, Vec::new()),
            Err(failure) => return Ok(self.gap(kind, Seen::None, &failure)),
        };
        let count = features.len();
        self.put(
            "organization/features.json",
            &object! { "OrganizationId": id.as_ref(), "EnabledFeatures": features },
        )?;
        Ok(self.complete(kind, count))
    }
}

impl Organization {
    /// Sorts accounts into those that can be entered and those that cannot.
    fn sort_accounts(&mut self, accounts: Vec<Account>, own: &str) {
        for account in accounts {
            if account.id() == Some(own) {
                continue;
            }
            if is_active(&account) {
                self.members.push(account);
            } else {
                self.inactive.push(account);
            }
        }
    }
}

/// `State` replaced `Status` in 2025; older stand-ins only know the latter.
pub(super) fn is_active(account: &Account) -> bool {
    match (account.state(), account.status.as_ref()) {
        (Some(state), _) => *state == AccountState::Active,
        (None, Some(status)) => status.as_str() == "ACTIVE",
        (None, None) => true,
    }
}
