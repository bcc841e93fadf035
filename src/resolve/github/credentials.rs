//! Apps, tokens, authorised credentials, deploy keys and webhooks.

use super::answer::{Authorization, DeployKey, Hook, Installation, Token, TokenRequest};
use super::facts::{Facts, list};
use super::read::Located;
use super::role::{listed, permissions_tier, scopes_tier};
use crate::model::{Activation, IdentityKind, Moment, Sym, Tier};
use crate::snapshot::github::kind;

/// Adds everything that proves an identity to the organisation.
pub fn add(facts: &mut Facts<'_>) {
    add_installations(facts);
    add_tokens(facts);
    add_authorizations(facts);
    add_deploy_keys(facts);
    add_hooks(facts);
}

fn add_installations(facts: &mut Facts<'_>) {
    let Some(list_of) = facts
        .files
        .list::<Installation>("installations", &[], &mut facts.gaps)
    else {
        return;
    };
    for app in list_of {
        let slug = if app.app_slug.is_empty() {
            app.app_id.to_string()
        } else {
            app.app_slug.clone()
        };
        let id = format!("app/{slug}");
        let all = app
            .repository_selection
            .as_deref()
            .map(|choice| choice == "all");
        let permissions = listed(&app.permissions);
        let suspended = app.suspended_at.at().is_some();
        let mut identity = facts.identity(&id, IdentityKind::Workload, &slug, Some(app.location));
        identity.uid = Sym::new(&format!("app/{}", app.app_id));
        identity.created = app.created_at.at();
        identity.active = !suspended;
        identity.attrs.set("app_permissions", list(&permissions));
        identity.attrs.set_some("app_all_repositories", all);
        let who = facts.build.identity(identity);
        let scope = if all == Some(true) {
            "*".to_owned()
        } else {
            format!("{}/<selected>", facts.org.login)
        };
        let set = facts.permissions(&permissions, &scope);
        let mut fact = facts.entitlement(who, "app-installation", &slug, &scope);
        fact.tier = permissions_tier(&permissions, all == Some(true));
        fact.since = app.created_at.at();
        // Its key never ends, so neither does what it may do; suspension switches it off.
        fact.expires = Moment::Never;
        fact.permissions = Some(set);
        fact.location = Some(app.location);
        fact.attrs.set("app_permissions", list(&permissions));
        fact.attrs.set_some("app_all_repositories", all);
        fact.attrs.set("suspended", suspended);
        facts.build.entitlement(fact);
    }
}

fn token_permissions(token: &Token) -> Vec<String> {
    let mut all = listed(&token.permissions.organization);
    all.extend(listed(&token.permissions.repository));
    all.extend(listed(&token.permissions.other));
    all.sort();
    all.dedup();
    all
}

fn add_tokens(facts: &mut Facts<'_>) {
    let tokens = facts.files.list::<Token>("tokens", &[], &mut facts.gaps);
    for token in tokens.into_iter().flatten() {
        let who = facts.person(
            &token.owner.login,
            Some(token.owner.id),
            Some(token.location),
        );
        let number = token
            .token_id
            .clone()
            .unwrap_or_else(|| token.id.to_string());
        let id = format!("token/{number}");
        let name = token.token_name.clone().unwrap_or_else(|| id.clone());
        let permissions = token_permissions(&token);
        let all = token
            .repository_selection
            .as_deref()
            .map(|choice| choice == "all");
        let mut fact = facts.credential(Some(who), "token", &id, &name);
        fact.created = token.access_granted_at.at();
        fact.expires = token.token_expires_at;
        fact.last_used = token.token_last_used_at;
        fact.active = token.token_expired != Some(true);
        fact.owner = Some(Sym::new(&token.owner.login));
        fact.location = Some(token.location);
        // No token does more than its owner may.
        let most = facts.build.facts().identity(who).tier;
        fact.tier = permissions_tier(&permissions, all == Some(true)).min(most);
        let attrs = &mut fact.attrs;
        attrs.set("token_type", "fine-grained");
        attrs.set("token_permissions", list(&permissions));
        attrs.set_some("all_repositories", all);
        facts.build.credential(fact);
    }
    let requests = facts
        .files
        .list::<TokenRequest>("token-requests", &[], &mut facts.gaps);
    for request in requests.into_iter().flatten() {
        let who = facts.person(
            &request.owner.login,
            Some(request.owner.id),
            Some(request.location),
        );
        let mut fact = facts.entitlement(
            who,
            "token-request",
            &format!("request/{}", request.id),
            "*",
        );
        fact.activation = Activation::Eligible;
        fact.since = request.created_at.at();
        fact.expires = request.token_expires_at;
        fact.location = Some(request.location);
        facts.build.entitlement(fact);
    }
}

fn add_authorizations(facts: &mut Facts<'_>) {
    let found =
        facts
            .files
            .list::<Authorization>("credential-authorizations", &[], &mut facts.gaps);
    for one in found.into_iter().flatten() {
        let who = facts.person(&one.login, None, Some(one.location));
        let (kind, token_type) = match one.credential_type.to_lowercase().as_str() {
            "ssh key" => ("ssh-key", "ssh-key"),
            "personal access token" => ("token", "classic"),
            text if text.contains("oauth") => ("token", "oauth"),
            _ => ("token", "app-user"),
        };
        let id = format!("authorization/{}", one.credential_id);
        let name = one
            .authorized_credential_note
            .clone()
            .or_else(|| one.authorized_credential_title.clone())
            .unwrap_or_else(|| format!("{} of {}", one.credential_type, one.login));
        let mut fact = facts.credential(Some(who), kind, &id, &name);
        fact.created = one.credential_authorized_at.at();
        fact.expires = match (kind, one.authorized_credential_expires_at) {
            // A key has no end; GitHub sends none for it.
            ("ssh-key", _) => Moment::Never,
            (_, moment) => moment,
        };
        fact.last_used = one.credential_accessed_at;
        fact.owner = Some(Sym::new(&one.login));
        fact.location = Some(one.location);
        let most = facts.build.facts().identity(who).tier;
        fact.tier = if kind == "ssh-key" {
            Tier::Write.min(most)
        } else {
            scopes_tier(&one.scopes).min(most)
        };
        fact.attrs.set("token_type", token_type);
        fact.attrs.set("scopes", list(&one.scopes));
        facts.build.credential(fact);
    }
}

fn add_deploy_keys(facts: &mut Facts<'_>) {
    let org = facts.org;
    let off = org
        .settings
        .as_ref()
        .is_some_and(|settings| settings.deploy_keys_enabled_for_repositories == Some(false));
    for (name, repository) in org.repositories.iter().flatten() {
        let counted_none = repository.keys == Some(0);
        if (counted_none || off) && !facts.files.has("deploy-keys", &[name]) {
            if let Some(kind) = kind("deploy-keys") {
                facts.gaps.answered(kind);
            }
            continue;
        }
        let keys = facts
            .files
            .list::<DeployKey>("deploy-keys", &[name], &mut facts.gaps);
        for key in keys.into_iter().flatten() {
            add_deploy_key(facts, name, &key, repository.archived);
        }
    }
}

fn add_deploy_key(facts: &mut Facts<'_>, name: &str, key: &Located<DeployKey>, archived: bool) {
    let org = facts.org;
    let full_name = org.full_name(name);
    let id = format!("deploy-key/{full_name}/{}", key.id);
    let mut identity = facts.identity(&id, IdentityKind::Workload, &key.title, Some(key.location));
    identity.uid = Sym::new(&format!("deploy-key/{}", key.id));
    identity.created = key.created_at.at();
    identity.last_used = key.last_used;
    identity.owner = key.added_by.as_deref().map(Sym::new);
    identity.active = key.enabled != Some(false);
    let who = facts.build.identity(identity);

    let writes = key.read_only.map(|read_only| !read_only);
    let tier = if writes == Some(false) || archived {
        Tier::Read
    } else {
        Tier::Write
    };
    let privilege = if writes == Some(false) {
        "read"
    } else {
        "write"
    };
    let mut fact = facts.entitlement(who, "deploy-key", privilege, &full_name);
    fact.tier = tier;
    fact.since = key.created_at.at();
    fact.expires = Moment::Never;
    fact.last_used = key.last_used;
    fact.location = Some(key.location);
    fact.attrs.set("role", privilege);
    facts.build.entitlement(fact);

    let mut fact = facts.credential(Some(who), "deploy-key", &id, &key.title);
    fact.created = key.created_at.at();
    // Keys are replaced, never changed.
    fact.rotated = key.created_at;
    fact.expires = Moment::Never;
    fact.last_used = key.last_used;
    fact.active = key.enabled != Some(false);
    fact.owner = key.added_by.as_deref().map(Sym::new);
    fact.tier = tier;
    fact.location = Some(key.location);
    let attrs = &mut fact.attrs;
    attrs.set("repository", full_name.as_str());
    attrs.set_some("read_only", key.read_only);
    attrs.set_some("verified", key.verified);
    attrs.set("archived", archived);
    if let (Some(by), Some(members)) = (&key.added_by, &org.members) {
        attrs.set("added_by", by.as_str());
        attrs.set("added_by_member", members.contains_key(by));
    }
    facts.build.credential(fact);
}

fn add_hooks(facts: &mut Facts<'_>) {
    let org = facts.org;
    let hooks = facts.files.list::<Hook>("hooks", &[], &mut facts.gaps);
    for hook in hooks.into_iter().flatten() {
        add_hook(facts, &hook, None);
    }
    for (name, _) in org.repositories.iter().flatten() {
        let hooks = facts
            .files
            .list::<Hook>("repository-hooks", &[name], &mut facts.gaps);
        for hook in hooks.into_iter().flatten() {
            add_hook(facts, &hook, Some(name));
        }
    }
}

fn add_hook(facts: &mut Facts<'_>, hook: &Located<Hook>, repository: Option<&str>) {
    let full_name = repository.map(|name| facts.org.full_name(name));
    let id = match &full_name {
        Some(name) => format!("hook/{name}/{}", hook.id),
        None => format!("hook/{}", hook.id),
    };
    // Only the host: paths and queries of hook addresses often hold tokens.
    let address = hook.config.url.as_deref().unwrap_or_default();
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let host = rest
        .split(['/', '?', '#'])
        .next()
        .and_then(|host| host.rsplit('@').next())
        .unwrap_or_default();
    let name = if host.is_empty() { id.as_str() } else { host };
    let mut fact = facts.credential(None, "webhook-secret", &id, name);
    fact.created = hook.created_at.at();
    fact.active = hook.active != Some(false);
    fact.tier = Tier::Read;
    fact.location = Some(hook.location);
    let attrs = &mut fact.attrs;
    attrs.set("hook_secret", hook.config.secret);
    attrs.set("hook_host", host);
    attrs.set("hook_https", scheme.eq_ignore_ascii_case("https"));
    attrs.set_some(
        "hook_verifies_tls",
        hook.config
            .insecure_ssl
            .as_deref()
            .map(|insecure| insecure == "0"),
    );
    attrs.set("hook_events", list(&hook.events));
    attrs.set(
        "hook_level",
        if full_name.is_some() {
            "repository"
        } else {
            "organization"
        },
    );
    attrs.set_some("repository", full_name.as_deref());
    facts.build.credential(fact);
}
