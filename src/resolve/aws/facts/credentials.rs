//! What proves users, and the secrets the accounts keep.

use jiff::{SignedDuration, Timestamp};

use super::super::read::report::Row;
use super::Facts;
use crate::model::{Credential, IdentityRef, Moment, Sym, System};

impl Facts<'_, '_> {
    pub(super) fn add_credentials(&mut self) {
        for (id, account) in &self.world.accounts {
            let Some(report) = &account.report else {
                continue;
            };
            for row in &report.rows {
                let identity = self.build.find(System::Aws, *id, Sym::new(&row.arn));
                self.add_password(*id, row, identity, report.generated);
                self.add_keys(*id, row, identity, report.generated);
                self.add_certificates(*id, row, identity, report.generated);
            }
        }
        self.add_owned();
        self.add_secrets();
    }

    /// A credential of a user as the report tells it.
    fn reported(
        &self,
        account: Sym,
        row: &Row,
        identity: Option<IdentityRef>,
        kind: &str,
        part: &str,
        generated: Option<Timestamp>,
    ) -> Credential {
        let id = format!("{}/{part}", row.arn);
        let mut fact = Credential::new(System::Aws, account, identity, kind, id.as_str(), part);
        fact.location = row.location;
        fact.attrs.set("user", row.user.as_str());
        if row.is_root() {
            fact.attrs.set("root", true);
        }
        fact.attrs.set_some("report_time", generated);
        if let Some(at) = identity {
            let facts = self.build.facts();
            fact.owner = facts.identity(at).owner;
            fact.tier = facts.identity(at).tier;
        }
        fact
    }

    fn note_future(&self, fact: &mut Credential) {
        let now = self.context.now;
        let dates = [fact.created, fact.rotated.at(), fact.last_used.at()];
        if dates.into_iter().flatten().any(|date| date > now) {
            fact.attrs.set("future", true);
        }
    }

    fn add_password(
        &mut self,
        account: Sym,
        row: &Row,
        identity: Option<IdentityRef>,
        generated: Option<Timestamp>,
    ) {
        if row.password != Some(true) {
            return;
        }
        let mut fact = self.reported(account, row, identity, "password", "password", generated);
        fact.created = row.created;
        fact.rotated = Moment::or_unknown(row.password_changed);
        fact.last_used = row.password_used;
        fact.expires = row.password_expires;
        if let Some(mfa) = row.mfa {
            fact.attrs.set("mfa", mfa);
        }
        self.note_future(&mut fact);
        self.build.credential(fact);
    }

    fn add_keys(
        &mut self,
        account: Sym,
        row: &Row,
        identity: Option<IdentityRef>,
        generated: Option<Timestamp>,
    ) {
        let active = row.keys.iter().filter(|key| key.active).count();
        for (slot, key) in (1..).zip(&row.keys) {
            if !key.exists() {
                continue;
            }
            let part = format!("access-key-{slot}");
            let mut fact = self.reported(account, row, identity, "access-key", &part, generated);
            fact.active = key.active;
            // The report knows when the key was made (or made anew), nothing else.
            fact.created = key.rotated;
            fact.rotated = Moment::or_unknown(key.rotated);
            fact.last_used = key.used;
            fact.expires = Moment::Never;
            fact.attrs.set("slot", i64::from(slot));
            fact.attrs.set("active_keys", active);
            fact.attrs
                .set_some("last_used_service", key.service.as_deref());
            fact.attrs
                .set_some("last_used_region", key.region.as_deref());
            self.note_future(&mut fact);
            self.build.credential(fact);
        }
    }

    fn add_certificates(
        &mut self,
        account: Sym,
        row: &Row,
        identity: Option<IdentityRef>,
        generated: Option<Timestamp>,
    ) {
        for (slot, certificate) in (1..).zip(&row.certificates) {
            if !certificate.active && certificate.rotated.is_none() {
                continue;
            }
            let part = format!("signing-certificate-{slot}");
            let mut fact = self.reported(
                account,
                row,
                identity,
                "signing-certificate",
                &part,
                generated,
            );
            fact.active = certificate.active;
            fact.created = certificate.rotated;
            fact.rotated = Moment::or_unknown(certificate.rotated);
            fact.attrs.set("slot", i64::from(slot));
            self.note_future(&mut fact);
            self.build.credential(fact);
        }
    }

    /// Service-specific credentials and SSH keys.
    fn add_owned(&mut self) {
        for (account, data) in &self.world.accounts {
            for (kind, file, owned) in &data.owned {
                let kind = match *kind {
                    "service-specific-credentials" => "service-credential",
                    "ssh-public-keys" => "ssh-key",
                    _ => "signing-certificate",
                };
                // The credential report already tells of certificates.
                if kind == "signing-certificate" && data.report.is_some() {
                    continue;
                }
                let own = owned
                    .service_specific_credential_id
                    .as_deref()
                    .or(owned.ssh_public_key_id.as_deref())
                    .or(owned.certificate_id.as_deref())
                    .unwrap_or_default();
                let holder = self.subjects.iter().find(|(_, subject)| {
                    subject.account == *account
                        && subject.kind == super::super::subject::SubjectKind::User
                        && subject
                            .holder
                            .is_some_and(|holder| *holder.name == *owned.user_name)
                });
                let identity = holder.and_then(|(id, _)| self.identities.get(&id).copied());
                let mut fact = Credential::new(System::Aws, *account, identity, kind, own, own);
                fact.active = owned.status.eq_ignore_ascii_case("active");
                fact.created = owned.create_date.0.or(owned.upload_date.0);
                fact.rotated = Moment::or_unknown(fact.created);
                fact.expires = match owned.expiration_date.0 {
                    Some(end) => Moment::At(end),
                    None => Moment::Never,
                };
                fact.location = self.locate(*file, None);
                fact.attrs.set("user", owned.user_name.as_str());
                fact.attrs
                    .set_some("service", owned.service_name.as_deref());
                if let Some(at) = identity {
                    let facts = self.build.facts();
                    fact.owner = facts.identity(at).owner;
                    fact.tier = facts.identity(at).tier;
                }
                self.note_future(&mut fact);
                self.build.credential(fact);
            }
        }
    }

    fn add_secrets(&mut self) {
        for (account, data) in &self.world.accounts {
            for (file, secret) in &data.secrets {
                let id = secret.arn.sym();
                let mut fact = Credential::new(
                    System::Aws,
                    *account,
                    None,
                    "stored-secret",
                    id,
                    secret.name.sym(),
                );
                fact.active = secret.deleted_date.0.is_none();
                fact.created = secret.created_date.0;
                // Rotation is what Secrets Manager did by itself; a change by hand
                // renews the secret as well.
                let changed = secret.last_rotated_date.0;
                fact.rotated = Moment::or_never(changed);
                fact.last_used = Moment::or_never(secret.last_accessed_date.0);
                fact.expires = Moment::Never;
                fact.owner = self.owner(&secret.tags);
                fact.location = self.locate(*file, secret.arn.slice());
                fact.attrs
                    .set("rotation", secret.rotation_enabled == Some(true));
                fact.attrs.set_some("changed", secret.last_changed_date.0);
                fact.attrs.set_some(
                    "managed_by",
                    secret.owning_service.as_ref().map(|service| service.sym()),
                );
                if let Some(region) = secret.arn.split(':').nth(3) {
                    fact.attrs.set("region", region);
                }
                let interval = secret.rotation_rules.as_ref().and_then(interval);
                if let Some(interval) = interval {
                    fact.attrs.set("rotation_interval", interval);
                    let last = changed.or(secret.created_date.0);
                    if let (Some(true), Some(last)) = (secret.rotation_enabled, last) {
                        // A day of grace: the rotation window may be a whole day long.
                        let due = interval + SignedDuration::from_hours(24);
                        let age = self.context.now.duration_since(last);
                        fact.attrs.set("rotation_overdue", age > due);
                    }
                }
                self.note_future(&mut fact);
                self.build.credential(fact);
            }
        }
    }
}

/// How often a secret rotates: days, or `rate(10 days)`.
fn interval(rules: &super::super::read::iam::RotationRules) -> Option<SignedDuration> {
    let hours = |n: i64| SignedDuration::from_hours(n);
    if let Some(days) = rules.automatically_after_days {
        return (0..=3660).contains(&days).then(|| hours(days * 24));
    }
    let rate = rules.schedule_expression.as_deref()?;
    let (number, unit) = rate
        .strip_prefix("rate(")?
        .strip_suffix(')')?
        .split_once(' ')?;
    let number: i64 = number.trim().parse().ok()?;
    let hours_each = match unit.trim().trim_end_matches('s') {
        "hour" => 1,
        "day" => 24,
        _ => return None,
    };
    (0..=100_000)
        .contains(&number)
        .then(|| hours(number * hours_each))
}
