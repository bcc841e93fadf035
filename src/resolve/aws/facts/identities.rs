//! Users, roles, groups, root, and the people of Identity Center.

use rustc_hash::FxHashMap;

use super::super::read::report::Row;
use super::super::subject::{SubjectId, SubjectKind, is_reserved, is_service_linked, reserved_for};
use super::super::world::HolderKind;
use super::{Facts, later};
use crate::model::{Attrs, Identity, IdentityKind, Moment, Sym, System, Tier, Verdict};

impl Facts<'_, '_> {
    pub(super) fn add_identities(&mut self) {
        let world = self.world;
        let mut rows: FxHashMap<&str, &Row> = FxHashMap::default();
        for account in world.accounts.values() {
            for row in account.report.iter().flat_map(|report| &report.rows) {
                rows.insert(&row.arn, row);
            }
        }
        let mut members: FxHashMap<(Sym, Sym), i64> = FxHashMap::default();
        for (id, account) in &world.accounts {
            for name in account.holders.iter().flat_map(|holder| &holder.groups) {
                *members.entry((*id, *name)).or_default() += 1;
            }
        }
        for (id, subject) in self.subjects.iter() {
            let identity = match (subject.kind, subject.holder) {
                (SubjectKind::PermissionSet, None) => self.unseen_role(id),
                (SubjectKind::PermissionSet, Some(_)) | (_, None) => continue,
                _ => self.holder(id, &rows, &members),
            };
            let at = self.build.identity(identity);
            self.identities.insert(id, at);
        }
        // The role of a permission set is one identity, whichever way it is met.
        for (id, subject) in self.subjects.iter() {
            if subject.kind == SubjectKind::PermissionSet
                && let Some(role) = self.subjects.by_arn.get(&subject.arn)
                && let Some(at) = self.identities.get(role)
            {
                self.identities.insert(id, *at);
            }
        }
        self.add_roots();
        self.add_people();
    }

    fn holder(
        &self,
        id: SubjectId,
        rows: &FxHashMap<&str, &Row>,
        members: &FxHashMap<(Sym, Sym), i64>,
    ) -> Identity {
        let subject = self.subjects.get(id);
        let (kind, kind_name) = match subject.kind {
            SubjectKind::User => (IdentityKind::Human, "user"),
            SubjectKind::Group => (IdentityKind::Group, "group"),
            SubjectKind::Role | SubjectKind::PermissionSet => (IdentityKind::Workload, "role"),
        };
        let mut identity = Identity::new(System::Aws, subject.account, subject.arn, kind, "");
        identity.attrs.set("type", kind_name);
        let Some(holder) = subject.holder else {
            return identity;
        };
        identity.uid = holder.uid;
        identity.name = holder.name;
        identity.created = holder.created;
        identity.owner = self.owner(&holder.tags);
        identity.location = self.locate(holder.file, holder.at);
        identity.break_glass = self.is_break_glass(&holder.arn, &holder.name);
        let attrs = &mut identity.attrs;
        if !holder.path.is_empty() && holder.path != "/" {
            attrs.set("path", holder.path);
        }
        if let Some(arn) = subject.boundary {
            attrs.set("boundary", arn);
            if subject.limit == super::super::subject::Limit::Missing {
                attrs.set("boundary_missing", true);
            }
        }
        if !subject.complete {
            attrs.set("not_evaluable", true);
        }
        let account = self.world.accounts.get(&subject.account);
        if account.is_some_and(|account| account.of_files) {
            attrs.set("whoever", true);
        }
        match holder.kind {
            HolderKind::User => {
                attrs.set("direct_policies", holder.grants.len());
                if !holder.groups.is_empty() {
                    let mut groups = holder.groups.clone();
                    groups.sort();
                    attrs.set("groups", groups);
                }
                if let Some(row) = rows.get(holder.arn.as_str()) {
                    user_from_report(&mut identity, row);
                }
            }
            HolderKind::Group => {
                let own = members.get(&(subject.account, holder.name)).copied();
                attrs.set("members", own.unwrap_or(0));
            }
            HolderKind::Role => {
                identity.last_used = match holder.last_used {
                    Some(time) => Moment::or_never(time),
                    None => Moment::Unknown,
                };
                let linked = is_service_linked(holder);
                let reserved = is_reserved(holder);
                identity.platform = linked || reserved;
                if linked {
                    attrs.set("service_linked", true);
                }
                if reserved {
                    attrs.set("reserved_sso", true);
                    attrs.set_some("permission_set", reserved_for(holder.name.as_str()));
                }
                if holder.instance_profiles > 0 {
                    attrs.set("instance_profiles", holder.instance_profiles);
                }
                if let Some(seconds) = holder.max_session {
                    attrs.set("max_session", jiff::SignedDuration::from_secs(seconds));
                }
            }
        }
        if let Some(account) = self.world.accounts.get(&subject.account)
            && let Some(used) = account.last_accessed.get(&holder.arn)
            && used.job_status == "COMPLETED"
        {
            let mut unused: Vec<Sym> = used
                .services_last_accessed
                .iter()
                .filter(|service| service.last_authenticated.is_none())
                .map(|service| Sym::new(&service.service_namespace))
                .collect();
            unused.sort();
            let all = used.services_last_accessed.len();
            identity.attrs.set("services_granted", all);
            identity.attrs.set("services_used", all - unused.len());
            identity.attrs.set("services_unused", unused);
        }
        identity
    }

    /// The role Identity Center keeps for a permission set in an account whose roles
    /// were not read.
    fn unseen_role(&self, id: SubjectId) -> Identity {
        let subject = self.subjects.get(id);
        let name = subject.set.map_or(subject.arn, |set| set.name);
        let arn = format!(
            "arn:aws:iam::{}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_{name}",
            subject.account
        );
        let shown = format!("AWSReservedSSO_{name}");
        let mut identity = Identity::new(
            System::Aws,
            subject.account,
            arn.as_str(),
            IdentityKind::Workload,
            shown.as_str(),
        );
        identity.platform = true;
        identity.attrs = Attrs::new().with("type", "role").with("reserved_sso", true);
        if let Some(set) = subject.set {
            identity.location = self.locate(set.file, set.at);
            identity.attrs.set("max_session", set.session);
        }
        identity
    }

    /// Root users. Each account has one, seen in its credential report or not.
    fn add_roots(&mut self) {
        for (id, account) in &self.world.accounts {
            let row = account
                .report
                .iter()
                .flat_map(|report| &report.rows)
                .find(|row| row.is_root());
            let Some(row) = row else {
                continue;
            };
            let arn = format!("arn:aws:iam::{id}:root");
            let mut root =
                Identity::new(System::Aws, *id, arn.as_str(), IdentityKind::Human, "root");
            root.created = row.created;
            root.tier = Tier::Admin;
            root.location = row.location;
            root.break_glass = self.is_break_glass(&arn, "root");
            root.attrs.set("type", "root");
            user_from_report(&mut root, row);
            self.build.identity(root);
        }
    }

    fn add_people(&mut self) {
        let center = &self.world.identity_center;
        let tenant = self.center_tenant();
        for (id, user) in &center.users {
            let arn = format!("arn:aws:identitystore:::user/{id}");
            let mut person = Identity::new(
                System::Aws,
                tenant,
                arn.as_str(),
                IdentityKind::Human,
                user.name,
            );
            person.uid = *id;
            person.active = user.active;
            person.location = self.locate(user.file, user.at);
            person.break_glass = self.is_break_glass(&arn, &user.name);
            person.attrs.set("type", "identity-center-user");
            if !user.emails.is_empty() {
                person.attrs.set("emails", user.emails.clone());
            }
            if !user.external_ids.is_empty() {
                person.attrs.set("external_ids", user.external_ids.clone());
            }
            let at = self.build.identity(person);
            self.people.insert(*id, at);
        }
        for (id, group) in &center.groups {
            let arn = format!("arn:aws:identitystore:::group/{id}");
            let mut crowd = Identity::new(
                System::Aws,
                tenant,
                arn.as_str(),
                IdentityKind::Group,
                group.name,
            );
            crowd.uid = *id;
            crowd.location = self.locate(group.file, group.at);
            crowd.break_glass = self.is_break_glass(&arn, &group.name);
            crowd.attrs.set("type", "identity-center-group");
            if center.store_read[2] {
                crowd.attrs.set("members", center.members(*id).count());
            }
            let at = self.build.identity(crowd);
            self.crowds.insert(*id, at);
        }
    }

    /// The account Identity Center's own facts belong to.
    pub(super) fn center_tenant(&self) -> Sym {
        let center = &self.world.identity_center;
        center
            .owner
            .or(self.world.organization.management)
            .or_else(|| self.world.accounts.keys().next().copied())
            .unwrap_or_else(|| Sym::new("identity-center"))
    }

    /// What is known only when everything else is: tiers, and who can take what.
    pub(super) fn complete_identities(&mut self) {
        for (id, subject) in self.subjects.iter() {
            let Some(at) = self.identities.get(&id).copied() else {
                continue;
            };
            let worth = &self.worth[id.0 as usize];
            if worth.admin() == Verdict::No {
                continue;
            }
            self.build.raise(at, Tier::Admin);
            if subject.kind == SubjectKind::PermissionSet && subject.holder.is_some() {
                continue;
            }
            let identity = self.build.identity_mut(at);
            identity.attrs.set("admin_reasons", worth.names());
            identity
                .attrs
                .set("full_access", worth.has("full-access") == Verdict::Yes);
        }
    }
}

/// What the credential report tells of a user.
fn user_from_report(identity: &mut Identity, row: &Row) {
    let keys = row.keys.iter().filter(|key| key.active).count();
    identity.attrs.set("access_keys", keys);
    if let Some(console) = row.password {
        identity.attrs.set("console", console);
    }
    if let Some(mfa) = row.mfa {
        identity.attrs.set("mfa", mfa);
    }
    // Who cannot sign in to the console is no person at a desk.
    if row.password == Some(false) && !row.is_root() {
        identity.kind = IdentityKind::Workload;
    }
    let mut used = match row.password {
        Some(false) => Moment::Never,
        _ => row.password_used,
    };
    for key in row.keys.iter().filter(|key| key.exists()) {
        used = later(used, key.used);
    }
    identity.last_used = used;
}
