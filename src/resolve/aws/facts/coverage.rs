//! What was and was not seen.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::documents::{DocId, Source};
use super::super::organization::GuardrailKind;
use super::super::subject::Limit;
use super::super::world::several;
use super::{Facts, gap};
use crate::model::{Coverage, Seen, Sym, System};

/// Most policies named in one reason.
const NAMED: usize = 3;

/// The account a document bears on, the coverage kind its damage shows under, and what
/// it is there.
type Bearer = (Sym, &'static str, String);

impl Facts<'_, '_> {
    pub(super) fn add_coverage(&mut self) {
        let world = self.world;
        let gaps: Vec<Coverage> = world.gaps.iter().cloned().chain(self.damaged()).collect();
        for found in &gaps {
            self.build.coverage(found.clone());
        }
        let spoilt: FxHashSet<(Sym, Sym)> = gaps
            .iter()
            .map(|found| (found.tenant, found.kind))
            .collect();
        let mut missing = self.missing_policies();
        // Told even where other policies are damaged: the remedies differ.
        let mut absent = Vec::new();
        for (id, account) in &world.accounts {
            if account.of_files {
                self.add_file_coverage(*id, missing.remove(id).unwrap_or_default());
                continue;
            }
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
                if lacking.is_empty() {
                    state(complete("aws.policies", account.policies.len()));
                } else {
                    absent.push(gap(*id, "aws.policies", Seen::Partial, told(&lacking)).remedy(
                        "allow iam:GetPolicy and iam:GetPolicyVersion, or supply boundary-policies.json",
                    ));
                }
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
            let levels = world.organization.levels(*id, GuardrailKind::Scp);
            let bare = levels
                .iter()
                .flatten()
                .filter(|level| level.is_empty())
                .count();
            state(match scps {
                Some(_) if bare > 0 => gap(
                    *id,
                    "aws.scps",
                    Seen::Partial,
                    format!(
                        "{bare} levels above this account have no service control policy in the \
                         data, and AWS keeps one on each: what they forbid is reported as allowed"
                    ),
                )
                .remedy("allow organizations:ListTargetsForPolicy in the management account")
                .optional(),
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
            let bearing = rails.rcps.iter().flatten().count() - rails.rcps.len();
            state(match (world.organization.policies_read, rails.rcps_doubtful) {
                (true, false) => complete("aws.rcps", bearing).optional(),
                (true, true) => gap(
                    *id,
                    "aws.rcps",
                    Seen::Partial,
                    "which resource control policies bear on this account is not in the data: \
                     what they may forbid is reported as conditional",
                )
                .remedy("allow organizations:ListChildren in the management account")
                .optional(),
                (false, _) => gap(
                    *id,
                    "aws.rcps",
                    Seen::None,
                    "resource control policies were not supplied: what they forbid is reported as \
                     allowed",
                )
                .remedy("allow organizations:ListPolicies, DescribePolicy and ListTargetsForPolicy in the management account")
                .optional(),
            });
        }
        for found in absent {
            self.build.coverage(found);
        }
        self.add_organization_coverage();
    }

    /// What files that hold one policy each can and cannot tell.
    fn add_file_coverage(&mut self, tenant: Sym, lacking: Vec<Sym>) {
        let world = self.world;
        let Some(account) = world.accounts.get(&tenant) else {
            return;
        };
        for holder in &account.holders {
            let source = holder.grants.iter().find_map(|grant| grant.source);
            let Some(source) = source.or(holder.trust) else {
                continue;
            };
            let parsed = world.documents.id(source).map(|id| world.documents.get(id));
            let (range, message) = match parsed.map(|parsed| &parsed.policy) {
                None => continue,
                Some(Err(message)) => (None, message.clone()),
                Some(Ok(policy)) => {
                    let document = policy.document();
                    let lost = document.problems.iter().find(|problem| problem.lost);
                    let assumes = document.statements.iter().any(|statement| {
                        let mut actions = statement.actions.list.iter();
                        statement.actions.not
                            || actions.any(|action| {
                                let action = action.source().to_ascii_lowercase();
                                action == "*" || action.starts_with("sts:")
                            })
                    });
                    match lost {
                        Some(problem) => (Some(problem.range.clone()), problem.to_string()),
                        // A bucket's or queue's own policy: who it lets in is a
                        // question of that service.
                        None if holder.trust.is_some() && !assumes => (
                            None,
                            "a resource's own policy; only trust policies of roles are judged"
                                .to_owned(),
                        ),
                        None => continue,
                    }
                }
            };
            let range = range.unwrap_or(0..1);
            let place = source.locate(world.files, range).map_or_else(
                || holder.arn.to_string(),
                |at| format!("{}:{}:{}", at.file, at.line, at.column),
            );
            self.build.coverage(gap(
                tenant,
                "aws.policies",
                Seen::Partial,
                format!("{place}: {message}"),
            ));
        }
        if lacking.is_empty() {
            self.build.coverage(Coverage::complete(
                System::Aws,
                tenant,
                "aws.policies",
                account.holders.len(),
            ));
        }
        self.build.coverage(
            gap(
                tenant,
                "aws.*",
                Seen::None,
                "policies in files of their own do not tell who gets them, nor which boundaries, \
                 guardrails and resource policies limit them: each is judged as if somebody had \
                 it and nothing limited it",
            )
            .optional(),
        );
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

    /// Policy documents that are there and cannot be judged, whole or in part.
    fn damaged(&self) -> Vec<Coverage> {
        let world = self.world;
        let damaged = world.documents.damaged();
        if damaged.is_empty() {
            return Vec::new();
        }
        let bearers = self.bearers(damaged);
        let mut found: Vec<Coverage> = Vec::new();
        for (source, doc) in damaged {
            let reasons = self.damage(*source, *doc);
            for (tenant, kind, whose) in bearers.get(&source.place()).into_iter().flatten() {
                found.extend(reasons.iter().map(|(place, message)| {
                    let reason = format!("{place}: {whose} cannot be judged: {message}");
                    gap(*tenant, kind, Seen::Partial, reason).remedy(
                        "check the policy in AWS and export it again; what it allows or forbids \
                         is not evaluable until then",
                    )
                }));
            }
        }
        found.sort_by(|a, b| (a.tenant, a.kind, &a.reason).cmp(&(b.tenant, b.kind, &b.reason)));
        found.dedup();
        found
            .chunk_by(|a, b| (a.tenant, a.kind) == (b.tenant, b.kind))
            .flat_map(|same| several(same.iter().cloned()))
            .collect()
    }

    /// Where and how a document is damaged.
    fn damage(&self, source: Source<'_>, doc: DocId) -> Vec<(String, String)> {
        let place = |range| match source.locate(self.world.files, range) {
            Some(at) => format!("{}:{}:{}", at.file, at.line, at.column),
            None => self.world.files[source.file].name.to_string(),
        };
        match &self.world.documents.get(doc).policy {
            Err(message) => vec![(place(0..0), message.clone())],
            Ok(policy) => {
                let problems = policy.document().problems.iter();
                problems
                    .filter(|problem| problem.lost)
                    .map(|problem| (place(problem.range.clone()), problem.to_string()))
                    .collect()
            }
        }
    }

    /// Which accounts damaged documents bear on, and as what.
    fn bearers(&self, damaged: &[(Source<'_>, DocId)]) -> FxHashMap<(usize, usize), Vec<Bearer>> {
        let world = self.world;
        let mut bearers: FxHashMap<_, Vec<Bearer>> = damaged
            .iter()
            .map(|(source, _)| (source.place(), Vec::new()))
            .collect();
        let mut add = |source: Option<Source<'_>>, tenant: Sym, kind, whose: String| {
            if let Some(list) = source.and_then(|source| bearers.get_mut(&source.place())) {
                list.push((tenant, kind, whose));
            }
        };
        for (id, account) in &world.accounts {
            for holder in &account.holders {
                let arn = holder.arn;
                let trust = format!("the trust policy of `{arn}`");
                add(holder.trust, *id, "aws.policies", trust);
                for grant in holder.grants.iter().filter(|grant| grant.arn.is_none()) {
                    let whose = format!("the inline policy `{}` of `{arn}`", grant.name);
                    add(grant.source, *id, "aws.policies", whose);
                }
            }
            for (arn, policy) in &account.policies {
                add(
                    policy.source,
                    *id,
                    "aws.policies",
                    format!("the policy `{arn}`"),
                );
            }
            for kind in [GuardrailKind::Scp, GuardrailKind::Rcp] {
                let levels = world.organization.levels(*id, kind).into_iter().flatten();
                for rail in levels.flatten() {
                    let (what, name) = match kind {
                        GuardrailKind::Scp => ("aws.scps", "service control policy"),
                        GuardrailKind::Rcp => ("aws.rcps", "resource control policy"),
                    };
                    add(
                        Some(rail.source),
                        *id,
                        what,
                        format!("the {name} `{}`", rail.id),
                    );
                }
            }
        }
        let tenant = self.center_tenant();
        for set in &world.identity_center.sets {
            let whose = format!("the inline policy of the permission set `{}`", set.name);
            add(set.inline, tenant, "aws.identity-center", whose);
        }
        bearers
    }

    /// Policies that somebody has and the data lacks.
    fn missing_policies(&self) -> FxHashMap<Sym, Vec<Sym>> {
        let mut missing: FxHashMap<Sym, Vec<Sym>> = FxHashMap::default();
        for subject in &self.subjects.list {
            let list = missing.entry(subject.account).or_default();
            for held in subject
                .held
                .iter()
                .filter(|held| held.grant.source.is_none())
            {
                list.push(held.grant.arn.unwrap_or(held.grant.name));
            }
            if subject.limit == Limit::Missing {
                let policies = self.world.accounts.get(&subject.account);
                let policies = policies.map(|account| &account.policies);
                let known = |arn: &Sym| {
                    let policy = policies.and_then(|policies| policies.get(arn));
                    policy.is_some_and(|policy| policy.source.is_some())
                };
                list.extend(subject.boundary.filter(|arn| !known(arn)));
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
        "{} attached or boundary policies are not in the data ({}{more}); what \
         their holders may do is not evaluable",
        lacking.len(),
        names.join(", ")
    )
}
