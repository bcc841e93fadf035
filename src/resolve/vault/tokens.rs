//! Tokens and token roles.

use jiff::SignedDuration;
use serde_json::Value as Json;

use super::documents::{Answer, Space, flag, length_of, number, strings, strings_of, text, time};
use super::identity::Store;
use super::mounts::Table;
use super::people::{Grant, Principal};
use crate::model::{
    Attrs, Builder, Credential, Identity, IdentityKind, IdentityRef, Moment, Sym, System, Trust,
    TrustKind,
};

/// Lifetimes a role gives to tokens. Zero means the mount's default or maximum for
/// `ttl` and `max_ttl`, endless renewal for a positive `period` without explicit
/// maximum, no cap of its own for `explicit_max_ttl`, and unlimited for `num_uses`.
pub(super) fn lifetimes(data: &Json, mount_max: SignedDuration, attrs: &mut Attrs) {
    let positive = |keys: &[&str]| length_of(data, keys).filter(|length| length.is_positive());
    let period = positive(&["token_period", "period"]);
    let explicit = positive(&["token_explicit_max_ttl", "explicit_max_ttl"]);
    let max = positive(&["token_max_ttl", "max_ttl"])
        .unwrap_or(mount_max)
        .min(mount_max);
    attrs.set_some("token_period", period);
    attrs.set_some("token_explicit_max_ttl", explicit);
    attrs.set("endless", period.is_some() && explicit.is_none());
    let longest = match (period, explicit) {
        (None, explicit) => Some(explicit.map_or(max, |cap| cap.min(max))),
        (Some(_), explicit) => explicit,
    };
    attrs.set_some("token_longest", longest);
    attrs.set_some("token_ttl", positive(&["token_ttl", "ttl"]));
    let cidrs = strings_of(data, &["token_bound_cidrs", "bound_cidrs"]).len();
    attrs.set("token_bound_cidrs", cidrs);
    attrs.set_some("token_num_uses", number(data, "token_num_uses"));
    attrs.set_some("token_type", text(data, "token_type"));
}

/// The policies a role gives, `default` included unless it is left out.
pub(super) fn role_policies(data: &Json) -> Vec<&str> {
    let mut policies = strings_of(data, &["token_policies", "policies", "value"]);
    let bare = flag(data, "token_no_default_policy") == Some(true);
    if !bare && !policies.contains(&"default") {
        policies.push("default");
    }
    policies.sort_unstable();
    policies.dedup();
    policies
}

/// Reads the tokens whose accessors were looked up.
pub(super) fn tokens(
    space: &Space<'_>,
    table: &Table,
    store: &mut Store,
    build: &mut Builder,
) -> Vec<Principal> {
    let lines = space.lines("auth/token/lookup-accessor");
    let single = space
        .below("auth/token/lookup-accessor")
        .map(|(_, answer)| answer);
    let mut principals = Vec::new();
    for answer in lines.iter().chain(single) {
        if let Some(principal) = token(space, table, store, build, answer) {
            principals.push(principal);
        }
    }
    principals
}

fn token(
    space: &Space<'_>,
    table: &Table,
    store: &mut Store,
    build: &mut Builder,
    answer: &Answer,
) -> Option<Principal> {
    let data = &answer.data;
    let accessor = text(data, "accessor")?;
    let policies = strings(data, "policies");
    let root = policies.contains(&"root");
    let path = text(data, "path").unwrap_or_default();
    let display = text(data, "display_name").unwrap_or("token");
    let entity = text(data, "entity_id").and_then(|id| store.entities.get_mut(id));

    let mut beside: Vec<Sym> = strings(data, "identity_policies")
        .into_iter()
        .map(Sym::new)
        .collect();
    let who = match entity {
        Some(entity) => {
            entity.live_tokens += 1;
            beside.extend(entity.policies.iter().copied());
            entity.who
        }
        None => holder(space, table, build, answer, accessor),
    };

    let mut fact = Credential::new(
        System::Vault,
        space.tenant,
        Some(who),
        "token",
        accessor,
        display,
    );
    fact.location = Some(answer.location);
    fact.created = time(data, "issue_time").or_else(|| time(data, "creation_time"));
    let ended = data.get("expire_time");
    fact.expires = match ended {
        Some(Json::Null) => Moment::Never,
        Some(_) => Moment::or_unknown(time(data, "expire_time")),
        // Older servers leave the field out for tokens that never end.
        None if number(data, "ttl") == Some(0) && number(data, "creation_ttl") == Some(0) => {
            Moment::Never
        }
        None => Moment::Unknown,
    };
    let renewed = time(data, "last_renewal").or_else(|| time(data, "last_renewal_time"));
    fact.rotated = Moment::or_unknown(renewed.or(fact.created));
    let positive = |key: &str| length_of(data, &[key]).filter(|length| length.is_positive());
    let attrs = &mut fact.attrs;
    attrs.set("root", root);
    attrs.set("orphan", flag(data, "orphan") == Some(true));
    attrs.set("entity", text(data, "entity_id").is_some());
    let period = positive("period");
    let explicit = positive("explicit_max_ttl");
    attrs.set_some("period", period);
    attrs.set_some("explicit_max_ttl", explicit);
    attrs.set("endless", period.is_some() && explicit.is_none());
    attrs.set_some("creation_ttl", positive("creation_ttl"));
    attrs.set("bound_cidrs", strings(data, "bound_cidrs").len());
    attrs.set_some(
        "num_uses",
        number(data, "num_uses").filter(|uses| *uses > 0),
    );
    attrs.set_some("token_type", text(data, "type"));
    attrs.set_some("token_role", text(data, "role"));
    attrs.set("login", path);
    let names: Vec<Sym> = policies.iter().map(|name| Sym::new(name)).collect();
    attrs.set("policies", names);
    let (expires, created) = (fact.expires, fact.created);
    let credential = build.credential(fact);

    let grants = policies
        .iter()
        .map(|policy| Grant {
            expires,
            since: created,
            location: Some(answer.location),
            ..Grant::new(policy, "token-policy")
        })
        .collect();
    Some(Principal {
        who,
        grants,
        beside,
        credential: Some(credential),
        entity: text(data, "entity_id").map(Sym::new),
    })
}

/// The identity of a token without entity: the role it logged in by, else itself.
fn holder(
    space: &Space<'_>,
    table: &Table,
    build: &mut Builder,
    answer: &Answer,
    accessor: &str,
) -> IdentityRef {
    let data = &answer.data;
    let path = text(data, "path").unwrap_or_default();
    let name = if strings(data, "policies").contains(&"root") {
        "root token"
    } else {
        text(data, "display_name").unwrap_or("token")
    };
    let meta = data.get("meta");
    let role = meta.and_then(|meta| ["role_name", "role"].iter().find_map(|key| text(meta, key)));
    if let (Some(mount), Some(role)) = (table.by_login(path), role) {
        let id = Sym::new(&format!("{}/role/{role}", mount.path));
        if let Some(who) = build.find(System::Vault, space.tenant, id) {
            return who;
        }
    }
    let mut fact = Identity::new(
        System::Vault,
        space.tenant,
        format!("auth/token/lookup-accessor/{accessor}"),
        IdentityKind::Workload,
        name,
    );
    fact.created = time(data, "issue_time").or_else(|| time(data, "creation_time"));
    fact.location = Some(answer.location);
    fact.attrs.set("type", "token-holder");
    build.identity(fact)
}

/// Reads the roles of the token method.
pub(super) fn token_roles(space: &Space<'_>, table: &Table, build: &mut Builder) -> Vec<Principal> {
    let max = table
        .by_login("auth/token")
        .map_or(SignedDuration::from_hours(768), |mount| mount.max_ttl);
    let mut principals = Vec::new();
    for (name, answer) in space.below("auth/token/roles") {
        let data = &answer.data;
        let mut fact = Identity::new(
            System::Vault,
            space.tenant,
            format!("auth/token/roles/{name}"),
            IdentityKind::Workload,
            name,
        );
        fact.location = Some(answer.location);
        let attrs = &mut fact.attrs;
        attrs.set("type", "token-role");
        attrs.set("mount", "auth/token");
        lifetimes(data, max, attrs);
        let allowed = strings(data, "allowed_policies");
        let globs = strings(data, "allowed_policies_glob");
        let disallowed = strings(data, "disallowed_policies").len()
            + strings(data, "disallowed_policies_glob").len();
        attrs.set("any_policy", globs.contains(&"*"));
        // With any list set the parent's policies no longer bound the child's.
        attrs.set(
            "disallowed_only",
            allowed.is_empty() && globs.is_empty() && disallowed > 0,
        );
        attrs.set("orphan", flag(data, "orphan") == Some(true));
        let aliases = strings(data, "allowed_entity_aliases");
        attrs.set("any_alias", aliases.iter().any(|alias| alias.contains('*')));
        let who = build.identity(fact);
        let mut trust = Trust::new(
            System::Vault,
            space.tenant,
            who,
            TrustKind::Tenant,
            format!("whoever may update auth/token/create/{name}"),
        );
        trust.location = Some(answer.location);
        trust.attrs.set("method", "token");
        build.trust(trust);
        let grants = allowed
            .iter()
            .map(|policy| Grant {
                location: Some(answer.location),
                ..Grant::new(policy, "role-policy")
            })
            .collect();
        principals.push(Principal {
            who,
            grants,
            beside: Vec::new(),
            credential: None,
            entity: None,
        });
    }
    principals
}
