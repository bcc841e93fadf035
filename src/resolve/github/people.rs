//! People, teams and what they hold on the organisation itself.

use std::collections::BTreeSet;

use super::answer::{Account, Invitation, OrganizationRole, Team as TeamAnswer};
use super::audit;
use super::facts::{Facts, list};
use super::role::{Role, organization_role_tier};
use crate::model::{Activation, Attrs, Identity, IdentityKind, Moment, Sym, Tier};

/// The id of a team's identity.
pub fn team_id(slug: &str) -> String {
    format!("team/{slug}")
}

/// Adds people and teams, and their entitlements on the organisation.
pub fn add(facts: &mut Facts<'_>) {
    add_people(facts);
    add_teams(facts);
    add_memberships(facts);
    add_enterprise_owners(facts);
    add_organization_roles(facts);
    add_invitations(facts);
}

fn add_people(facts: &mut Facts<'_>) {
    let org = facts.org;
    for (login, person) in org.members.iter().flatten() {
        let mut identity = facts.identity(login, IdentityKind::Human, login, person.location);
        describe(facts, &mut identity, person.id);
        if let Some(owners) = &org.owners {
            let role = if owners.contains(login) {
                "owner"
            } else {
                "member"
            };
            identity.attrs.set("org_role", role);
        }
        if let Some(linked) = &org.linked {
            identity.attrs.set("saml_linked", linked.contains(login));
        }
        let saml_name = org.saml_names.get(login);
        identity
            .attrs
            .set_some("saml_name", saml_name.map(|name| Sym::new(name)));
        facts.build.identity(identity);
    }
    for (login, person) in org.outside.iter().flatten() {
        let mut identity = facts.identity(login, IdentityKind::External, login, person.location);
        describe(facts, &mut identity, person.id);
        identity.attrs.set("org_role", "outside");
        facts.build.identity(identity);
    }
}

fn describe(facts: &Facts<'_>, identity: &mut Identity, uid: Option<u64>) {
    if let Some(uid) = uid {
        identity.uid = Sym::new(&uid.to_string());
    }
    identity.last_used = Moment::or_unknown(facts.audit.last_active(&identity.id));
    if let Some(without) = &facts.org.without_two_factor {
        identity
            .attrs
            .set("two_factor", !without.contains(identity.id.as_str()));
    }
}

fn add_teams(facts: &mut Facts<'_>) {
    let org = facts.org;
    for (slug, team) in org.teams.iter().flatten() {
        let mut identity = facts.identity(
            &team_id(slug),
            IdentityKind::Group,
            &team.name,
            team.location,
        );
        if let Some(uid) = team.id {
            identity.uid = Sym::new(&uid.to_string());
        }
        let attrs = &mut identity.attrs;
        attrs.set_some("team_privacy", team.privacy.as_deref());
        attrs.set_some("team_parent", team.parent.as_deref());
        attrs.set("team_members", team.members.len());
        if let Some(group) = &team.group {
            attrs.set("idp_linked", group.is_some());
            attrs.set_some("idp_group", group.as_deref());
        }
        facts.build.identity(identity);
    }
}

fn add_memberships(facts: &mut Facts<'_>) {
    let org = facts.org;
    let base = org
        .settings
        .as_ref()
        .and_then(|settings| settings.default_repository_permission.clone());
    for (login, person) in org.members.iter().flatten() {
        let Some(who) = facts.find(login) else {
            continue;
        };
        let grant = facts.audit.grant(audit::Kind::Organisation, login, "");
        let (since, by) = match grant {
            Some((time, by)) => (Some(time), by.map(Sym::new)),
            None => (None, None),
        };
        if let Some(owners) = &org.owners {
            let owner = owners.contains(login);
            let privilege = if owner { "owner" } else { "member" };
            let mut fact = facts.entitlement(who, "membership", privilege, "*");
            fact.tier = if owner { Tier::Admin } else { Tier::Read };
            fact.since = since;
            fact.expires = Moment::Never;
            fact.last_used = Moment::or_unknown(facts.audit.last_active(login));
            fact.location = person.location;
            fact.attrs.set("role", if owner { "admin" } else { "none" });
            fact.attrs.set("effective", owner);
            fact.attrs.set_some("granted_by", by);
            facts.build.entitlement(fact);
        }
        if let Some(base) = &base
            && base != "none"
        {
            let role = org.role(base);
            let mut fact = facts.entitlement(who, "base-permission", base, "*");
            fact.tier = role.tier_everywhere();
            fact.expires = Moment::Never;
            fact.location = person.location;
            fact.attrs.set("role", role.as_str());
            fact.attrs.set(
                "effective",
                org.owners
                    .as_ref()
                    .is_none_or(|owners| !owners.contains(login)),
            );
            facts.build.entitlement(fact);
        }
    }
}

fn add_enterprise_owners(facts: &mut Facts<'_>) {
    let org = facts.org;
    for (person, now) in &org.enterprise_owners {
        let who = match facts.find(&person.login) {
            Some(at) => at,
            None => {
                let mut identity = facts.identity(
                    &person.login,
                    IdentityKind::Human,
                    &person.login,
                    person.location,
                );
                describe(facts, &mut identity, person.id);
                identity.attrs.set("org_role", "enterprise-owner");
                facts.build.identity(identity)
            }
        };
        let mut fact = facts.entitlement(who, "enterprise-owner", "organization-owner", "*");
        fact.tier = Tier::Admin;
        // He may make himself owner at any time: that is an activation, and the audit
        // log's record of it is the evidence the just-in-time stage asks for.
        fact.activation = if *now {
            Activation::Standing
        } else {
            Activation::Eligible
        };
        fact.expires = Moment::Never;
        fact.location = person.location;
        fact.attrs.set("role", "admin");
        facts.build.entitlement(fact);
    }
}

fn add_organization_roles(facts: &mut Facts<'_>) {
    let Some(roles) =
        facts
            .files
            .list::<OrganizationRole>("organization-roles", &[], &mut facts.gaps)
    else {
        return;
    };
    let org = facts.org;
    for role in roles {
        let id = role.id.to_string();
        let base = role.base_role.as_deref().and_then(Role::parse);
        let tier = organization_role_tier(&role.name, base, &role.permissions);
        let everywhere = base.or_else(|| role.name.strip_prefix("all_repo_").and_then(Role::parse));
        let mut actions = role.permissions.clone();
        actions.extend(base.map(|base| format!("repositories:{}", base.as_str())));
        let set = facts.permissions(&actions, "*");
        let custom = role.source.as_deref() != Some("Predefined");
        let grant = |facts: &mut Facts<'_>, who, via: Option<&str>, location| {
            let mut fact = facts.entitlement(who, "organization-role", &role.name, "*");
            fact.tier = tier;
            fact.via = via.map(|slug| Sym::new(&team_id(slug)));
            fact.permissions = Some(set);
            fact.expires = Moment::Never;
            fact.location = location;
            fact.attrs = Attrs::new()
                .with("custom_role", custom)
                .with("role_permissions", list(&role.permissions));
            fact.attrs.set_some("role", everywhere.map(Role::as_str));
            fact.attrs.set_some(
                "idp_linked",
                via.and_then(|slug| org.teams.as_ref()?.get(slug)?.group.as_ref())
                    .map(Option::is_some),
            );
            facts.build.entitlement(fact);
        };
        let files = facts.files;
        for holder in files
            .list::<Account>("organization-role-users", &[&id], &mut facts.gaps)
            .unwrap_or_default()
        {
            let who = facts.person(&holder.login, Some(holder.id), Some(holder.location));
            match holder.assignment.as_deref() {
                Some("indirect") => {
                    for team in &holder.inherited_from {
                        grant(facts, who, Some(&team.slug), Some(holder.location));
                    }
                }
                Some("mixed") => {
                    grant(facts, who, None, Some(holder.location));
                    for team in &holder.inherited_from {
                        grant(facts, who, Some(&team.slug), Some(holder.location));
                    }
                }
                _ => grant(facts, who, None, Some(holder.location)),
            }
        }
        for team in files
            .list::<TeamAnswer>("organization-role-teams", &[&id], &mut facts.gaps)
            .unwrap_or_default()
        {
            if let Some(who) = facts.find(&team_id(&team.slug)) {
                grant(facts, who, None, Some(team.location));
            }
        }
    }
}

fn add_invitations(facts: &mut Facts<'_>) {
    let pending = facts
        .files
        .list::<Invitation>("invitations", &[], &mut facts.gaps)
        .unwrap_or_default();
    let mut seen = BTreeSet::new();
    for invitation in pending {
        if !seen.insert(invitation.id) {
            continue;
        }
        let id = format!("invitation/{}", invitation.id);
        let name = invitation.login.clone().unwrap_or_else(|| id.clone());
        let mut identity = facts.identity(
            &id,
            IdentityKind::External,
            &name,
            Some(invitation.location),
        );
        identity.created = invitation.created_at.at();
        identity.attrs.set("org_role", "invited");
        let who = facts.build.identity(identity);
        let role = invitation.role.as_deref().unwrap_or("direct_member");
        let mut fact = facts.entitlement(who, "invitation", role, "*");
        fact.activation = Activation::Eligible;
        fact.tier = if role == "admin" {
            Tier::Admin
        } else {
            Tier::Read
        };
        fact.since = invitation.created_at.at();
        fact.location = Some(invitation.location);
        fact.attrs.set_some(
            "granted_by",
            invitation.inviter.as_ref().map(|by| Sym::new(&by.login)),
        );
        facts.build.entitlement(fact);
    }
}
