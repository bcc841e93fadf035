//! What was and was not seen.

use rustc_hash::FxHashSet;

use super::super::subject::Limit;
use super::{Facts, gap};
use crate::model::{Coverage, Seen, Sym, System};

/// Most policies named in one reason.
const NAMED: usize = 3;

impl Facts<'_, '_> {
    pub(super) fn add_coverage(&mut self) {
        let world = self.world;
        for found in &world.gaps {
            self.build.coverage(found.clone());
        }
        let spoilt: FxHashSet<(Sym, Sym)> = world
            .gaps
            .iter()
            .map(|found| (found.tenant, found.kind))
            .collect();
        let mut missing = self.missing_policies();
        for (id, account) in &world.accounts {
            let mut state = |coverage: Coverage| {
                if !spoilt.contains(&(coverage.tenant, coverage.kind)) {
                    self.build.coverage(coverage);
                }
            };
            let complete =
                |kind: &str, items: usize| Coverage::complete(System::Aws, *id, kind, items);
            state(match (account.details, account.truncated) {
                (true, false) => complete("aws.authorization-details", account.holders.len()),
                (true, true) => gap(
                    *id,
                    "aws.authorization-details",
                    Seen::Partial,
                    "the last page says that more follow",
                )
                .remedy("supply all pages of get-account-authorization-details"),
                (false, _) => gap(
                    *id,
                    "aws.authorization-details",
                    Seen::None,
                    "no authorization details of this account were supplied",
                )
                .remedy("run `aws iam get-account-authorization-details`"),
            });
            if account.details {
                let lacking = missing.remove(id).unwrap_or_default();
                state(if lacking.is_empty() {
                    complete("aws.policies", account.policies.len())
                } else {
                    gap(*id, "aws.policies", Seen::Partial, told(&lacking))
                        .remedy("allow iam:GetPolicy and iam:GetPolicyVersion, or supply boundary-policies.json")
                });
            }
            state(match &account.report {
                Some(report) => {
                    let mut seen = complete("aws.credential-report", report.rows.len());
                    seen.as_of = report.generated;
                    if report.rows.iter().any(super::super::read::report::Row::is_root) {
                        seen
                    } else {
                        let mut partial = gap(
                            *id,
                            "aws.credential-report",
                            Seen::Partial,
                            "the report has no row for the root user",
                        );
                        partial.items = seen.items;
                        partial.as_of = seen.as_of;
                        partial
                    }
                }
                None => gap(
                    *id,
                    "aws.credential-report",
                    Seen::None,
                    "no credential report was supplied: ages of keys, passwords and second factors are unknown",
                )
                .remedy("allow iam:GenerateCredentialReport and iam:GetCredentialReport, or supply credential-report.csv"),
            });
            state(match &account.summary {
                Some(summary) => complete("aws.account-summary", summary.len()),
                None => gap(
                    *id,
                    "aws.account-summary",
                    Seen::None,
                    "no account summary was supplied",
                )
                .remedy("allow iam:GetAccountSummary, or supply account-summary.json")
                .optional(),
            });
            let optional = |kind: &str, seen: Option<usize>, what: &str| match seen {
                Some(items) => complete(kind, items).optional(),
                None => gap(*id, kind, Seen::None, format!("{what} was not supplied")).optional(),
            };
            state(optional(
                "aws.password-policy",
                account.password_policy.as_ref().map(|_| 1),
                "the password policy",
            ));
            state(optional(
                "aws.saml-providers",
                account.saml_providers.as_ref().map(FxHashSet::len),
                "the list of SAML providers",
            ));
            state(optional(
                "aws.oidc-providers",
                account.oidc_providers.as_ref().map(FxHashSet::len),
                "the list of OpenID Connect providers",
            ));
            for kind in ["service-specific-credentials", "ssh-public-keys"] {
                let seen = account.owned_kinds.contains(kind).then(|| {
                    account
                        .owned
                        .iter()
                        .filter(|(own, _, _)| *own == kind)
                        .count()
                });
                state(optional(
                    &format!("aws.{kind}"),
                    seen,
                    &format!("the list of {}", kind.replace('-', " ")),
                ));
            }
            state(optional(
                "aws.secrets",
                (account.secrets_read || !account.secrets.is_empty())
                    .then_some(account.secrets.len()),
                "the list of secrets",
            ));
            let roles = account
                .holders
                .iter()
                .filter(|holder| holder.max_session.is_some())
                .count();
            state(optional(
                "aws.roles",
                (roles > 0).then_some(roles),
                "the list of roles with their longest sessions",
            ));
            state(optional(
                "aws.last-accessed",
                (!account.last_accessed.is_empty()).then_some(account.last_accessed.len()),
                "last-accessed data",
            ));
            let rails = self.judge.rails(*id);
            let scps = rails
                .scps
                .as_ref()
                .map(|levels| levels.iter().map(Vec::len).sum());
            state(match scps {
                Some(items) => complete("aws.scps", items).optional(),
                None => gap(
                    *id,
                    "aws.scps",
                    Seen::None,
                    "service control policies were not supplied: what they forbid is reported as allowed",
                )
                .remedy("allow organizations:ListPolicies, DescribePolicy and ListTargetsForPolicy in the management account")
                .optional(),
            });
        }
        self.add_organization_coverage();
    }

    fn add_organization_coverage(&mut self) {
        let world = self.world;
        let tenant = self.center_tenant();
        let center = &world.identity_center;
        if center.instance.is_some() || center.assignments_read || center.sets_read {
            let whole = center.sets_read && center.assignments_read;
            let mut lacking: Vec<&str> = Vec::new();
            if !center.sets_read {
                lacking.push("permission sets");
            }
            if !center.assignments_read {
                lacking.push("assignments");
            }
            let items = center.assignments.len();
            self.build.coverage(if whole {
                Coverage::complete(System::Aws, tenant, "aws.identity-center", items)
            } else {
                let reason = format!("{} were not supplied", lacking.join(" and "));
                gap(tenant, "aws.identity-center", Seen::Partial, reason)
            });
            let [users, groups, memberships] = center.store_read;
            self.build.coverage(if users && groups && memberships {
                let items = center.users.len() + center.groups.len();
                Coverage::complete(System::Aws, tenant, "aws.identity-store", items)
            } else {
                gap(
                    tenant,
                    "aws.identity-store",
                    Seen::Partial,
                    "users, groups or memberships of the identity store were not supplied: \
                     who is behind a group is unknown",
                )
            });
        }
        if world.organization.id.is_some() {
            let items = world.organization.accounts.len();
            self.build.coverage(
                Coverage::complete(System::Aws, tenant, "aws.organization", items).optional(),
            );
        }
    }

    /// Policies that somebody has and the data lacks, or that cannot be read.
    fn missing_policies(&self) -> rustc_hash::FxHashMap<Sym, Vec<Sym>> {
        let mut missing: rustc_hash::FxHashMap<Sym, Vec<Sym>> = rustc_hash::FxHashMap::default();
        for subject in &self.subjects.list {
            let list = missing.entry(subject.account).or_default();
            for held in subject.held.iter().filter(|held| held.doc.is_none()) {
                list.push(held.grant.arn.unwrap_or(held.grant.name));
            }
            if subject.limit == Limit::Missing {
                list.extend(subject.boundary);
            }
        }
        for list in missing.values_mut() {
            list.sort();
            list.dedup();
        }
        missing
    }
}

fn told(lacking: &[Sym]) -> String {
    let names: Vec<&str> = lacking.iter().take(NAMED).map(|arn| arn.as_str()).collect();
    let more = match lacking.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "{} attached or boundary policies have no readable document in the data ({}{more}); what \
         their holders may do is not evaluable",
        lacking.len(),
        names.join(", ")
    )
}
