//! Identity Center: permission sets, who is assigned them where, and who that is.
//!
//! The documents lie with the account they were read from. Groups are asked for
//! their members only if a permission set is assigned to them; the others grant
//! nothing in any account.

use std::collections::BTreeSet;

use aws_sdk_identitystore::Client as StoreClient;
use aws_sdk_ssoadmin::Client;
use aws_sdk_ssoadmin::types::{AccountAssignment, InstanceMetadata};
use futures_util::StreamExt;
use serde_json::{Map, Value};

use super::account::{Policies, split};
use super::call::{Failure, Reason, Turns, call, pages};
use super::connection::client;
use super::document::{self, list, object};
use super::operation::{
    DESCRIBE_PERMISSION_SET, GET_INLINE_POLICY, GET_PERMISSIONS_BOUNDARY, LIST_ACCOUNT_ASSIGNMENTS,
    LIST_CUSTOMER_MANAGED_POLICIES, LIST_GROUP_MEMBERSHIPS, LIST_GROUPS, LIST_INSTANCES,
    LIST_MANAGED_POLICIES, LIST_PERMISSION_SETS, LIST_PROVISIONED_ACCOUNTS, LIST_TAGS_FOR_RESOURCE,
    LIST_USERS,
};
use super::reader::Reader;
use crate::model::{Coverage, Seen};
use crate::snapshot::StoreError;

/// The most items Identity Center and the identity store give on one page.
const PAGE: i32 = 100;
/// Calls at the same time; [`Turns`] keeps them apart.
const AT_ONCE: usize = 8;
const CENTER: &str = "aws.identity-center";
const STORE: &str = "aws.identity-store";

/// One instance while it is read.
struct Center<'a> {
    reader: &'a Reader<'a>,
    turns: &'a Turns,
    sso: Client,
    store: StoreClient,
    instance: String,
    identity_store: String,
}

/// Everything read of the instances, and what failed.
#[derive(Default)]
struct Found {
    sets: Vec<Value>,
    assignments: Vec<Value>,
    users: Vec<Value>,
    groups: Vec<Value>,
    memberships: Vec<Value>,
    center_failures: Vec<Failure>,
    store_failures: Vec<Failure>,
}

/// All items of a list of Identity Center or the identity store, page by page, each call
/// in its turn.
macro_rules! every {
    ($reader:expr, $turns:expr, $operation:ident, $items:ident, $request:expr) => {
        pages(&$operation, async |marker: Option<String>| {
            $turns.wait().await;
            let request = $request.set_next_token(marker);
            let answer = call(&$operation, $reader.deadline, request.send()).await?;
            // Some lists are optional in the SDK, some are not.
            let items: Option<Vec<_>> = answer.$items.into();
            Ok((items.unwrap_or_default(), answer.next_token))
        })
        .await
    };
}

impl Reader<'_> {
    /// Reads every instance of the regions. Managed policies that permission sets
    /// refer to are added to `policies`.
    pub(super) async fn identity_center(
        &self,
        policies: &mut Policies,
    ) -> Result<Vec<Coverage>, StoreError> {
        self.say("identity center");
        let turns = Turns::every(self.connection.pace.identity_center);
        let mut instances: Vec<(String, InstanceMetadata)> = Vec::new();
        let mut failures = Vec::new();
        let regions = self.regions();
        for region in &regions {
            match self.instances(region, &turns).await {
                Err(failure) => failures.push(failure),
                Ok(found) => {
                    for instance in found {
                        let known = instances
                            .iter()
                            .any(|(_, other)| other.instance_arn == instance.instance_arn);
                        if !known {
                            instances.push((region.clone(), instance));
                        }
                    }
                }
            }
        }
        if let (true, Some(failure)) = (instances.is_empty(), failures.first()) {
            let gap = |kind| self.gap(kind, Seen::None, failure);
            return Ok(vec![gap(CENTER), gap(STORE)]);
        }
        let metadata: Vec<Value> = instances
            .iter()
            .map(|(_, instance)| document::instance(instance))
            .collect();
        self.put(
            "identity-center/instances.json",
            &object! { "Instances": metadata },
        )?;
        if instances.is_empty() {
            return Ok(self.no_instance(&regions));
        }
        let mut found = Found {
            center_failures: failures,
            ..Found::default()
        };
        for (region, instance) in &instances {
            let sdk = self.connection.in_region(region);
            let center = Center {
                reader: self,
                turns: &turns,
                sso: client!(aws_sdk_ssoadmin, self.connection, &sdk),
                store: client!(aws_sdk_identitystore, self.connection, &sdk),
                instance: instance.instance_arn().unwrap_or_default().to_owned(),
                identity_store: instance.identity_store_id().unwrap_or_default().to_owned(),
            };
            center.read(&mut found, policies).await;
        }
        self.put_lines("identity-center/permission-sets.json", &found.sets)?;
        self.put_lines(
            "identity-center/account-assignments.json",
            &found.assignments,
        )?;
        self.put_lines("identity-center/users.json", &found.users)?;
        self.put_lines("identity-center/groups.json", &found.groups)?;
        self.put_lines("identity-center/group-memberships.json", &found.memberships)?;
        let people = |documents: &[Value], member: &str| -> usize {
            documents
                .iter()
                .filter_map(|document| document[member].as_array())
                .map(Vec::len)
                .sum()
        };
        let assignments = people(&found.assignments, "AccountAssignments");
        let users = people(&found.users, "Users") + people(&found.groups, "Groups");
        Ok(vec![
            self.judge(
                CENTER,
                found.sets.len() + assignments,
                &found.center_failures,
            ),
            self.judge(STORE, users, &found.store_failures),
        ])
    }

    /// Coverage when Identity Center answers but has no instance here.
    fn no_instance(&self, regions: &[String]) -> Vec<Coverage> {
        [CENTER, STORE]
            .map(|kind| {
                if self.session.config.aws.regions.is_empty() {
                    let reason = format!(
                        "there is no Identity Center instance in {}; other regions were not asked",
                        regions.join(", ")
                    );
                    self.lacking(kind, Seen::Partial, reason)
                        .remedy("name Identity Center's region under `aws.regions` in tenure.yaml")
                } else {
                    self.complete(kind, 0)
                }
            })
            .to_vec()
    }

    async fn instances(
        &self,
        region: &str,
        turns: &Turns,
    ) -> Result<Vec<InstanceMetadata>, Failure> {
        let client = client!(
            aws_sdk_ssoadmin,
            self.connection,
            &self.connection.in_region(region)
        );
        every!(
            self,
            turns,
            LIST_INSTANCES,
            instances,
            client.list_instances()
        )
        .whole()
    }
}

impl Center<'_> {
    async fn read(&self, found: &mut Found, policies: &mut Policies) {
        let sets = match self.permission_set_arns().await {
            Ok(sets) => sets,
            Err(failure) => {
                found.center_failures.push(failure);
                return self.read_store(found, &BTreeSet::new()).await;
            }
        };
        let documents: Vec<(Value, Vec<Failure>)> = futures_util::stream::iter(&sets)
            .map(|set| self.permission_set(set))
            .buffered(AT_ONCE)
            .collect()
            .await;
        for (document, failures) in documents {
            policies.wanted.extend(managed_policies(&document));
            found.sets.push(document);
            found.center_failures.extend(failures);
        }
        let assigned = self.assignments(&sets, found).await;
        self.read_store(found, &assigned).await;
    }

    async fn permission_set_arns(&self) -> Result<Vec<String>, Failure> {
        every!(
            self.reader,
            self.turns,
            LIST_PERMISSION_SETS,
            permission_sets,
            self.sso
                .list_permission_sets()
                .instance_arn(&self.instance)
                .max_results(PAGE)
        )
        .whole()
    }

    /// A permission set as far as it can be read: a member that is missing from the
    /// document is one whose call failed.
    async fn permission_set(&self, set: &str) -> (Value, Vec<Failure>) {
        let mut document = Map::new();
        let mut failures = Vec::new();
        document.insert(
            "InstanceArn".to_owned(),
            Value::from(self.instance.as_str()),
        );
        let described = self.described(set).await.unwrap_or_else(|failure| {
            failures.push(failure);
            // The document must at least say which set it is.
            object! { "PermissionSetArn": set }
        });
        document.insert("PermissionSet".to_owned(), described);
        let parts = [
            ("InlinePolicy", self.inline(set).await),
            ("AttachedManagedPolicies", self.managed(set).await),
            ("CustomerManagedPolicyReferences", self.customer(set).await),
            ("PermissionsBoundary", self.boundary(set).await),
            ("Tags", self.tags(set).await),
        ];
        for (name, part) in parts {
            match part {
                Ok(value) => {
                    document.insert(name.to_owned(), value);
                }
                Err(failure) => failures.push(failure),
            }
        }
        (Value::Object(document), failures)
    }

    async fn described(&self, set: &str) -> Result<Value, Failure> {
        self.turns.wait().await;
        let answer = call(
            &DESCRIBE_PERMISSION_SET,
            self.reader.deadline,
            self.sso
                .describe_permission_set()
                .instance_arn(&self.instance)
                .permission_set_arn(set)
                .send(),
        )
        .await?;
        answer
            .permission_set()
            .map(document::permission_set)
            .ok_or_else(|| {
                Failure::own(
                    &DESCRIBE_PERMISSION_SET,
                    "AWS answered without the permission set",
                )
            })
    }

    async fn inline(&self, set: &str) -> Result<Value, Failure> {
        self.turns.wait().await;
        let answer = call(
            &GET_INLINE_POLICY,
            self.reader.deadline,
            self.sso
                .get_inline_policy_for_permission_set()
                .instance_arn(&self.instance)
                .permission_set_arn(set)
                .send(),
        )
        .await?;
        Ok(Value::from(answer.inline_policy().unwrap_or_default()))
    }

    async fn managed(&self, set: &str) -> Result<Value, Failure> {
        let policies = every!(
            self.reader,
            self.turns,
            LIST_MANAGED_POLICIES,
            attached_managed_policies,
            self.sso
                .list_managed_policies_in_permission_set()
                .instance_arn(&self.instance)
                .permission_set_arn(set)
        )
        .whole()?;
        Ok(Value::Array(list(&policies, document::set_policy)))
    }

    async fn customer(&self, set: &str) -> Result<Value, Failure> {
        let policies = every!(
            self.reader,
            self.turns,
            LIST_CUSTOMER_MANAGED_POLICIES,
            customer_managed_policy_references,
            self.sso
                .list_customer_managed_policy_references_in_permission_set()
                .instance_arn(&self.instance)
                .permission_set_arn(set)
        )
        .whole()?;
        Ok(Value::Array(list(&policies, document::customer_policy)))
    }

    async fn boundary(&self, set: &str) -> Result<Value, Failure> {
        self.turns.wait().await;
        let answer = call(
            &GET_PERMISSIONS_BOUNDARY,
            self.reader.deadline,
            self.sso
                .get_permissions_boundary_for_permission_set()
                .instance_arn(&self.instance)
                .permission_set_arn(set)
                .send(),
        )
        .await;
        match answer {
            Ok(answer) => Ok(answer
                .permissions_boundary()
                .map_or(Value::Null, document::set_boundary)),
            // How Identity Center says that there is none.
            Err(failure) if failure.reason == Reason::Absent => Ok(Value::Null),
            Err(failure) => Err(failure),
        }
    }

    async fn tags(&self, set: &str) -> Result<Value, Failure> {
        let tags = every!(
            self.reader,
            self.turns,
            LIST_TAGS_FOR_RESOURCE,
            tags,
            self.sso
                .list_tags_for_resource()
                .instance_arn(&self.instance)
                .resource_arn(set)
        )
        .whole()?;
        Ok(Value::Array(list(&tags, document::set_tag)))
    }

    /// Reads who is assigned each set where; gives the groups among them.
    async fn assignments(&self, sets: &[String], found: &mut Found) -> BTreeSet<String> {
        let accounts: Vec<Result<Vec<(String, &String)>, Failure>> =
            futures_util::stream::iter(sets)
                .map(async |set: &String| {
                    let accounts = self.provisioned_accounts(set).await?;
                    Ok(accounts.into_iter().map(|account| (account, set)).collect())
                })
                .buffered(AT_ONCE)
                .collect()
                .await;
        let (pairs, failures) = split(accounts);
        found.center_failures.extend(failures);
        let pairs: Vec<(String, &String)> = pairs.into_iter().flatten().collect();
        let total = pairs.len() as u64;
        let mut groups = BTreeSet::new();
        let mut all = Vec::new();
        let mut answers = futures_util::stream::iter(&pairs)
            .map(|(account, set)| self.assignments_of(account, set))
            .buffered(AT_ONCE);
        let mut done = 0;
        while let Some(answer) = answers.next().await {
            done += 1;
            let progress = self.reader.session.progress;
            progress.count("aws", done, total);
            match answer {
                Err(failure) => found.center_failures.push(failure),
                Ok(assignments) => {
                    for assignment in &assignments {
                        let group = assignment
                            .principal_type()
                            .is_some_and(|kind| kind.as_str() == "GROUP");
                        if group {
                            groups.extend(assignment.principal_id.clone());
                        }
                    }
                    all.extend(list(&assignments, document::assignment));
                }
            }
        }
        found
            .assignments
            .push(object! { "AccountAssignments": all });
        groups
    }

    async fn provisioned_accounts(&self, set: &str) -> Result<Vec<String>, Failure> {
        every!(
            self.reader,
            self.turns,
            LIST_PROVISIONED_ACCOUNTS,
            account_ids,
            self.sso
                .list_accounts_for_provisioned_permission_set()
                .instance_arn(&self.instance)
                .permission_set_arn(set)
                .max_results(PAGE)
        )
        .whole()
    }

    async fn assignments_of(
        &self,
        account: &str,
        set: &str,
    ) -> Result<Vec<AccountAssignment>, Failure> {
        every!(
            self.reader,
            self.turns,
            LIST_ACCOUNT_ASSIGNMENTS,
            account_assignments,
            self.sso
                .list_account_assignments()
                .instance_arn(&self.instance)
                .account_id(account)
                .permission_set_arn(set)
                .max_results(PAGE)
        )
        .whole()
    }

    /// Reads users, groups, and the members of the groups that are `assigned` a set.
    async fn read_store(&self, found: &mut Found, assigned: &BTreeSet<String>) {
        let store = self.identity_store.as_str();
        let users = every!(
            self.reader,
            self.turns,
            LIST_USERS,
            users,
            self.store
                .list_users()
                .identity_store_id(store)
                .max_results(PAGE)
        );
        match users.whole() {
            Err(failure) => found.store_failures.push(failure),
            Ok(users) => found.users.push(object! {
                "IdentityStoreId": store,
                "Users": list(&users, document::store_user),
            }),
        }
        let groups = every!(
            self.reader,
            self.turns,
            LIST_GROUPS,
            groups,
            self.store
                .list_groups()
                .identity_store_id(store)
                .max_results(PAGE)
        );
        match groups.whole() {
            Err(failure) => found.store_failures.push(failure),
            Ok(groups) => found.groups.push(object! {
                "IdentityStoreId": store,
                "Groups": list(&groups, document::store_group),
            }),
        }
        let members: Vec<Result<Value, Failure>> = futures_util::stream::iter(assigned)
            .map(|group| self.members(group))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let (memberships, failures) = split(members);
        found.memberships.extend(memberships);
        found.store_failures.extend(failures);
    }

    async fn members(&self, group: &str) -> Result<Value, Failure> {
        let store = self.identity_store.as_str();
        let members = every!(
            self.reader,
            self.turns,
            LIST_GROUP_MEMBERSHIPS,
            group_memberships,
            self.store
                .list_group_memberships()
                .identity_store_id(store)
                .group_id(group)
                .max_results(PAGE)
        )
        .whole()?;
        Ok(object! {
            "IdentityStoreId": store,
            "GroupMemberships": list(&members, document::membership),
        })
    }
}

/// The managed policies a permission set's document names.
fn managed_policies(set: &Value) -> Vec<String> {
    let attached = set["AttachedManagedPolicies"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|policy| &policy["Arn"]);
    let boundary = &set["PermissionsBoundary"]["ManagedPolicyArn"];
    attached
        .chain([boundary])
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
