//! Accounts and their settings.

use super::super::organization::GuardrailKind;
use super::super::policy::{Policy, permission_set};
use super::super::world::HolderKind;
use super::Facts;
use crate::model::{
    Bounded, Effect, Guardrails, IdentityKind, Location, Permission, PermissionSet, Sym, System,
    Tenant, Tier,
};

impl Facts<'_, '_> {
    pub(super) fn add_tenants(&mut self) {
        let world = self.world;
        for (id, account) in &world.accounts {
            let organization = &world.organization;
            let name = organization
                .accounts
                .get(id)
                .copied()
                .filter(|name| !name.is_empty())
                .or(account.alias)
                .unwrap_or(*id);
            let mut tenant = Tenant {
                system: System::Aws,
                id: *id,
                name,
                attrs: crate::model::Attrs::new(),
                location: account
                    .file
                    .and_then(|at| world.files.get(at))
                    .map(|file| Location::start_of(file.name)),
            };
            let attrs = &mut tenant.attrs;
            attrs.set_some("alias", account.alias);
            if let Some(management) = organization.management {
                attrs.set("management", management == *id);
            }
            attrs.set_some("organization", organization.id);
            let rails = self.judge.rails(*id);
            if rails.scps.is_some() {
                attrs.set("guardrails", !rails.open);
            }
            if account.details {
                let count = |kind: HolderKind| {
                    account
                        .holders
                        .iter()
                        .filter(|holder| holder.kind == kind)
                        .count()
                };
                attrs.set("users", count(HolderKind::User));
                attrs.set("roles", count(HolderKind::Role));
                attrs.set("groups", count(HolderKind::Group));
                let own = account
                    .policies
                    .keys()
                    .filter(|arn| !super::super::world::is_aws_managed(arn));
                attrs.set("policies", own.count());
                let admins = self.build.facts().identities.iter().filter(|identity| {
                    identity.tenant == *id
                        && identity.tier == Tier::Admin
                        && identity.kind != IdentityKind::Group
                        && !identity.platform
                });
                let (mut all, mut human) = (0i64, 0i64);
                for admin in admins {
                    all += 1;
                    human += i64::from(admin.kind == IdentityKind::Human && !admin.break_glass);
                }
                attrs.set("admins", all);
                attrs.set("human_admins", human);
            }
            if let Some(report) = &account.report {
                attrs.set_some("report_time", report.generated);
                if let Some(root) = report.rows.iter().find(|row| row.is_root()) {
                    attrs.set_some("root_mfa", root.mfa);
                    let keys = root.keys.iter().filter(|key| key.active).count();
                    attrs.set("root_access_keys", keys);
                    attrs.set_some("root_password", root.password);
                    let mut used = root.password_used;
                    for key in root.keys.iter().filter(|key| key.exists()) {
                        used = super::later(used, key.used);
                    }
                    attrs.set_some("root_last_used", used.at());
                }
            }
            if let Some(summary) = &account.summary {
                if let Some(mfa) = summary.get("AccountMFAEnabled") {
                    attrs.set("root_mfa", *mfa > 0);
                }
                if let Some(password) = summary.get("AccountPasswordPresent") {
                    attrs.set("root_password", *password > 0);
                }
                if let (Some(keys), false) = (
                    summary.get("AccountAccessKeysPresent"),
                    account.report.is_some(),
                ) {
                    attrs.set("root_access_keys", *keys);
                }
            }
            attrs.set_some("root_centralized", organization.root_centralized);
            if let Some(policy) = &account.password_policy {
                attrs.set("password_policy", policy.is_some());
                if let Some(policy) = policy {
                    attrs.set_some("password_min_length", policy.minimum_password_length);
                    attrs.set_some("password_reuse", policy.password_reuse_prevention);
                    let age = policy
                        .max_password_age
                        .filter(|days| (1..=36500).contains(days));
                    attrs.set_some(
                        "password_max_age",
                        age.map(|days| jiff::SignedDuration::from_hours(days * 24)),
                    );
                }
            }
            if let Some(providers) = &account.oidc_providers {
                attrs.set("oidc_providers", providers.len());
            }
            if let Some(providers) = &account.saml_providers {
                attrs.set("saml_providers", providers.len());
            }
            let center = &world.identity_center;
            if center.assignments_read {
                let here = center.assignments.iter().any(|one| one.account == *id);
                attrs.set("identity_center", here);
            }
            self.build.tenant(tenant);
        }
    }
}

impl Facts<'_, '_> {
    /// What the organisation's policies let through, of accounts of which it can be told:
    /// service control policies to their principals, resource control policies to whoever
    /// asks for their resources.
    pub(super) fn add_guardrails(&mut self) {
        let (judge, world) = (self.judge, self.world);
        for id in world.accounts.keys() {
            let rails = judge.rails(*id);
            if let Some(levels) = &rails.scps {
                self.add_levels(*id, Bounded::Holders, levels);
            }
            let placed = world.organization.levels(*id, GuardrailKind::Rcp);
            if placed.is_some() {
                self.add_levels(*id, Bounded::Resources, &rails.rcps);
            }
        }
    }

    /// A level that allows everything bounds by its denies alone.
    fn add_levels(&mut self, tenant: Sym, bounded: Bounded, levels: &[Vec<&Policy>]) {
        let mut allowed: Vec<Vec<Permission>> = Vec::new();
        let mut denied: Vec<Permission> = Vec::new();
        for level in levels {
            let all = level
                .iter()
                .flat_map(|policy| permission_set(policy.document()).permissions);
            let (allow, deny): (Vec<_>, Vec<_>) = all.partition(|one| one.effect == Effect::Allow);
            denied.extend(deny);
            if !allow.contains(&everything()) {
                allowed.push(allow);
            }
        }
        if allowed.is_empty() {
            allowed.push(vec![everything()]);
        }
        allowed[0].extend(denied);
        let levels = allowed
            .into_iter()
            .map(|level| self.build.permission_set(PermissionSet::new(level)))
            .collect();
        self.build.guardrails(Guardrails {
            system: System::Aws,
            tenant,
            bounded,
            levels,
        });
    }
}

fn everything() -> Permission {
    Permission {
        effect: Effect::Allow,
        actions: [Sym::of("*")].into(),
        not_actions: false,
        resources: [Sym::of("*")].into(),
        not_resources: false,
        condition: None,
    }
}
