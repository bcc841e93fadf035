//! Who is who, from facts.
//!
//! Strong: the mail addresses and directory ids of an identity store, which only
//! administrators and the provisioning service set; the name a SAML provider gives a
//! GitHub login; entity aliases of a vault on login methods that verify them;
//! Kubernetes user names with the prefix the settings declare; the reviewed lists.
//! Weak: names that look alike.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::live::{bare, subject};
use crate::config::Config;
use crate::jit::alias::{Aliases, Links, Person, family, local_part, plain_name};
use crate::model::{
    Actor, Attrs, Grant, Identity, IdentityKind, IdentityRef, Inventory, Sym, System, Value,
};

/// Most references of one name that are suspected to be one person.
const NAMESAKES: usize = 8;

/// All links there are.
pub(super) fn aliases(
    inventory: &Inventory,
    config: &Config,
    told: &[(Actor, Actor, bool)],
    grants: &[Grant],
) -> Aliases {
    let mut links = Links::new();
    for &(a, b, strong) in told {
        if strong {
            links.strong(a, b);
        } else {
            links.weak(a, b);
        }
    }
    for list in &config.jit.aliases {
        for pair in list.windows(2) {
            links.strong(Actor::parse(&pair[0]), Actor::parse(&pair[1]));
        }
    }
    let mut looks: BTreeMap<Sym, Vec<Actor>> = BTreeMap::new();
    for identity in &inventory.identities {
        let me = subject(identity);
        for other in strong(identity, config) {
            links.strong(me, other);
        }
        if identity.kind == IdentityKind::Human {
            looks
                .entry(plain_name(&identity.name))
                .or_default()
                .push(me);
        }
    }
    let named = grants.iter().flat_map(|grant| {
        let approvers = grant.approvals.iter().filter_map(|approval| approval.by);
        approvers.chain([grant.subject, grant.requester].into_iter().flatten())
    });
    for actor in named.filter(|actor| family(&actor.ns) == "mail") {
        looks
            .entry(local_part(&actor.id).unwrap_or(actor.id))
            .or_default()
            .push(actor);
    }
    for list in looks.values_mut() {
        list.sort();
        list.dedup();
        // A name that so many have is no ground for suspicion.
        if list.len() > NAMESAKES {
            continue;
        }
        for (at, one) in list.iter().enumerate() {
            for other in &list[at + 1..] {
                links.weak(*one, *other);
            }
        }
    }
    links.finish()
}

/// References that facts prove to be this identity.
fn strong(identity: &Identity, config: &Config) -> Vec<Actor> {
    let attrs = &identity.attrs;
    let mail = |text: Sym| Actor::new("mail", text);
    let mut all = Vec::new();
    // People write ids as well as immutable ids.
    let me = subject(identity);
    if identity.id != identity.uid {
        all.push(Actor::new(me.ns, identity.id));
    }
    match identity.system {
        System::Aws => {
            all.extend(list(attrs, "emails").iter().copied().map(mail));
            for id in list(attrs, "external_ids") {
                all.push(Actor::new("directory", *id));
            }
        }
        System::Github => all.extend(attrs.text(Sym::of("saml_name")).filter(is_mail).map(mail)),
        System::Vault => {
            let names = list(attrs, "verified_names").iter().copied();
            all.extend(names.filter(is_mail).map(mail));
        }
        System::Kubernetes => {
            if let Some(prefix) = &config.jit.kubernetes_user_prefix
                && identity.kind == IdentityKind::Human
                && let Some(name) = bare(identity.id).strip_prefix(prefix.as_str())
            {
                all.extend(Some(Sym::new(name)).filter(is_mail).map(mail));
            }
        }
        System::Jit => {}
    }
    all
}

fn is_mail(text: &Sym) -> bool {
    text.split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
}

fn list<'a>(attrs: &'a Attrs, name: &str) -> &'a [Sym] {
    match attrs.get(Sym::new(name)) {
        Some(Value::List(list)) => list,
        _ => &[],
    }
}

/// The scanned identity of each person; of several, the first in the inventory.
pub(super) fn known(inventory: &Inventory, aliases: &Aliases) -> FxHashMap<Person, IdentityRef> {
    let mut known = FxHashMap::default();
    for (at, identity) in (0u32..).zip(&inventory.identities) {
        known
            .entry(aliases.person(subject(identity)))
            .or_insert(IdentityRef(at));
    }
    known
}
