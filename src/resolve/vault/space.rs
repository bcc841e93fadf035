//! One namespace, from documents to facts.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::acl::{Acl, Operation};
use super::approvals;
use super::audit;
use super::book::Book;
use super::documents::{Space, text};
use super::engines::{self, EngineRole};
use super::escalate::{bind, catalogue};
use super::evidence;
use super::identity::Store;
use super::judge::Court;
use super::mounts::{self, Mount, Table};
use super::people::{self, Desk, Grant, Principal, settle};
use super::policy::{Caps, Policy};
use super::{auth, tokens};
use crate::model::{
    Builder, Coverage, Identity, IdentityKind, IdentityRef, Seen, Sym, System, Tenant, Tier, Trust,
    TrustKind, Value, Verdict,
};
use crate::resolve::Context;

/// Reads and judges a namespace. `audited_above` is the number of audit devices of the
/// root namespace, for one below it.
pub(super) fn resolve(
    space: &Space<'_>,
    audited_above: Option<usize>,
    build: &mut Builder,
    context: &Context<'_>,
) {
    let table = Table::read(space);
    let dialect = mounts::dialect(space);
    let catalogue = catalogue();
    let probes = bind(catalogue, &space.namespace, &table.for_catalogue());
    let mut book = Book::new(space, dialect, catalogue, &probes);
    let court = Court {
        catalogue,
        probes: &probes,
        dialect: dialect.unwrap_or_default(),
        now: context.now,
    };

    let mut store = Store::read(space, &table, build, context.config);
    if book.has_templates() {
        store.read_values(space);
    }
    store.mark_approvers(build, &book.approvers());
    let mut principals = auth::roles(space, &table, build);
    principals.extend(tokens::token_roles(space, &table, build));
    let from_tokens = tokens::tokens(space, &table, &mut store, build);
    principals.extend(store.principals(space));
    principals.extend(from_tokens);
    let roles = engines::engines(space, &table, build);
    engines::leases(space, &table, build);
    store.finish(build);

    let holders = holders(&principals);
    policies(space, build, &book, &store, &holders, &mut principals);

    let scope = Sym::new(if space.namespace.is_empty() {
        "*"
    } else {
        &space.namespace
    });
    let mut draws = Draws::new(space.tenant, &roles);
    let sets = people::sets(&mut book, &court, &principals, &store.values);
    settle(
        build,
        Desk::new(space.tenant, scope, &book, &court),
        &principals,
        &sets,
        |outcome| {
            if !outcome.judged.root {
                draws.find(&book, &court, outcome.who, outcome.set);
            }
        },
    );
    draws.tell(build);
    approvals::mark(space.tenant, &book, &store, &principals, &sets, build);
    trust_tiers(space.tenant, build);
    evidence::twins(space.tenant, build);

    let mut attrs = mounts::settings(space, &table);
    attrs.set_some("audit_devices_above", audited_above);
    let root_tokens = build
        .facts()
        .credentials
        .iter()
        .filter(|fact| {
            fact.tenant == space.tenant
                && fact.attrs.get(Sym::new("root")) == Some(&Value::Bool(true))
        })
        .count();
    if !space.lines("auth/token/lookup-accessor").is_empty() {
        attrs.set("root_tokens", root_tokens);
    }
    let batch = batch_roles(space.tenant, build);
    if !batch.is_empty() {
        attrs.set("batch_roles", batch);
    }
    let widened = widened(&book, space);
    if !widened.is_empty() {
        attrs.set("default_policy_widened", widened);
    }
    let mut events = Vec::new();
    for document in &space.audit {
        let log = audit::read(&document.text);
        if log.unreadable > 0 {
            let reason = format!(
                "{} lines of `{}` are no audit entries",
                log.unreadable, document.file
            );
            build.coverage(Coverage::lacking(
                System::Vault,
                space.tenant,
                "vault.audit-log",
                Seen::Partial,
                reason,
            ));
        }
        events.extend(log.events);
    }
    events.sort_by_key(|event| event.time);
    evidence::apply(space, &events, build, &mut attrs);

    let location = space
        .get("sys/health")
        .or_else(|| space.get("sys/auth"))
        .map(|answer| answer.location);
    build.tenant(Tenant {
        system: System::Vault,
        id: space.tenant,
        name: space.tenant,
        attrs,
        location,
    });
    coverage(space, build, &book, &table);
    complete(space, build, &table);
}

/// How many identities each policy is attached to.
fn holders(principals: &[Principal]) -> BTreeMap<Sym, BTreeSet<IdentityRef>> {
    let mut holders: BTreeMap<Sym, BTreeSet<IdentityRef>> = BTreeMap::new();
    for principal in principals {
        for grant in &principal.grants {
            holders
                .entry(grant.policy)
                .or_default()
                .insert(principal.who);
        }
    }
    holders
}

/// Adds every policy as an identity (whoever holds it). One that nobody is known to
/// hold is judged by itself: that is all a pull request shows.
fn policies(
    space: &Space<'_>,
    build: &mut Builder,
    book: &Book,
    store: &Store,
    holders: &BTreeMap<Sym, BTreeSet<IdentityRef>>,
    principals: &mut Vec<Principal>,
) {
    let attachments_known = !holders.is_empty();
    let groups = store.group_names();
    let mut seen = BTreeSet::new();
    for (at, one) in book.prepared.iter().enumerate() {
        let name = Sym::new(&one.policy.name);
        if name == "root" && one.policy.rules.is_empty() {
            continue;
        }
        let mut fact = policy_identity(space, name);
        if !seen.insert(name) {
            // Two files of one name are two policies for a pull request.
            fact.id = Sym::new(&format!("{}#{at}", fact.id));
            fact.uid = fact.id;
        }
        fact.location = book.locate(
            at,
            one.policy
                .rules
                .first()
                .map_or(0..1, |rule| rule.span.clone()),
        );
        let held = holders.get(&name).map_or(0, BTreeSet::len);
        let attrs = &mut fact.attrs;
        attrs.set("holders", held);
        if attachments_known && !matches!(name.as_str(), "default" | "root") {
            attrs.set("unattached", held == 0);
        }
        if !attachments_known {
            attrs.set("whoever", true);
        }
        for (attr, list) in [
            ("list_guards", book.list_guards(at)),
            ("void_approvals", book.void_approvals(at)),
            ("by_metadata", book.by_metadata(at)),
        ] {
            if !list.is_empty() {
                attrs.set(attr, list);
            }
        }
        if !groups.is_empty() {
            let missing: BTreeSet<Sym> = one
                .policy
                .rules
                .iter()
                .filter_map(|rule| rule.control_group.as_ref())
                .flat_map(|group| &group.factors)
                .flat_map(|factor| &factor.groups)
                .filter(|group| !groups.contains(group.as_str()))
                .map(|group| Sym::new(group))
                .collect();
            if !missing.is_empty() {
                attrs.set("unknown_approvers", missing.into_iter().collect::<Vec<_>>());
            }
        }
        let who = build.identity(fact);
        if held == 0 {
            principals.push(Principal {
                who,
                grants: vec![Grant::new(&one.policy.name, "policy")],
                beside: Vec::new(),
                credential: None,
                entity: None,
            });
        }
    }
    for (name, held) in holders {
        if book.is_undefined(*name) {
            let mut fact = policy_identity(space, *name);
            fact.attrs.set("undefined", true);
            fact.attrs.set("holders", held.len());
            build.identity(fact);
        }
    }
}

fn policy_identity(space: &Space<'_>, name: Sym) -> Identity {
    let mut fact = Identity::new(
        System::Vault,
        space.tenant,
        format!("sys/policies/acl/{name}"),
        IdentityKind::Group,
        name,
    );
    fact.attrs.set("type", "policy");
    fact
}

/// A request that draws a credential of an engine role.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    /// The role, by its place.
    role: usize,
    request: Sym,
    /// Somebody must approve it.
    held: bool,
}

/// Finds who may draw credentials of engine roles.
struct Draws<'a> {
    tenant: Sym,
    roles: &'a [EngineRole],
    /// By set of policies.
    known: FxHashMap<Vec<usize>, Vec<Drawn>>,
    found: Vec<(IdentityRef, Drawn)>,
    /// Where in `found` holder and role are.
    places: FxHashMap<(IdentityRef, usize), usize>,
}

impl<'a> Draws<'a> {
    fn new(tenant: Sym, roles: &'a [EngineRole]) -> Self {
        Draws {
            tenant,
            roles,
            known: FxHashMap::default(),
            found: Vec::new(),
            places: FxHashMap::default(),
        }
    }

    /// Notes what `who` draws by `set`. Of one held by several tokens the request that
    /// nobody holds back counts.
    fn find(&mut self, book: &Book, court: &Court<'_>, who: IdentityRef, set: &[usize]) {
        if self.roles.is_empty() {
            return;
        }
        if !self.known.contains_key(set) {
            let drawn = self.drawn(book, court, set);
            self.known.insert(set.to_vec(), drawn);
        }
        for drawn in &self.known[set] {
            if self.roles[drawn.role].who == who {
                continue;
            }
            let found = &mut self.found;
            let at = *self.places.entry((who, drawn.role)).or_insert_with(|| {
                found.push((who, *drawn));
                found.len() - 1
            });
            if found[at].1.held && !drawn.held {
                found[at].1 = *drawn;
            }
        }
    }

    /// Puts what was found into the inventory.
    fn tell(self, build: &mut Builder) {
        for (who, drawn) in self.found {
            let holder = build.facts().identity(who);
            let (id, location) = (holder.id, holder.location);
            let role = self.roles[drawn.role].who;
            let mut trust = Trust::new(System::Vault, self.tenant, role, TrustKind::Identity, id);
            trust.source = Some(who);
            trust.tier = Tier::Write;
            trust.location = location;
            trust.attrs.set("draws", drawn.request);
            if drawn.held {
                trust.verdict = Verdict::Conditional;
                trust.residual = Some(Sym::of("somebody approves (control group)"));
                trust.attrs.set("needs_approval", true);
            }
            build.trust(trust);
        }
    }

    /// The requests a set of policies allows: of each role one that nobody holds back
    /// before one that waits for approval.
    fn drawn(&self, book: &Book, court: &Court<'_>, set: &[usize]) -> Vec<Drawn> {
        let policies: Vec<&Policy> = set.iter().map(|&at| &book.one(at).policy).collect();
        let Ok(acl) = Acl::new(&policies, court.dialect, court.now) else {
            return Vec::new();
        };
        self.roles
            .iter()
            .enumerate()
            .filter_map(|(role, engine)| {
                let operations = [("read", Operation::Read), ("update", Operation::Update)];
                let mut waits = None;
                for path in &engine.draws {
                    for (word, operation) in operations {
                        let needs = operation.needs();
                        if !acl.caps(path, operation).has(needs) {
                            continue;
                        }
                        let group = acl.approval_at(path, operation);
                        let held = group.is_some_and(|group| group.holds_back(needs));
                        let drawn = || Drawn {
                            role,
                            request: Sym::new(&format!("{word} {path}")),
                            held,
                        };
                        if !held {
                            return Some(drawn());
                        }
                        waits.get_or_insert_with(drawn);
                    }
                }
                waits
            })
            .collect()
    }
}

/// Whoever is let in reaches what the role reaches.
fn trust_tiers(tenant: Sym, build: &mut Builder) {
    let facts = build.facts_mut();
    for trust in &mut facts.trusts {
        if trust.system == System::Vault && trust.tenant == tenant {
            let target = &facts.identities[trust.target.0 as usize];
            trust.tier = trust.tier.max(target.tier);
        }
    }
    for credential in &mut facts.credentials {
        if credential.system != System::Vault || credential.tenant != tenant {
            continue;
        }
        if let Some(at) = credential.identity
            && credential.kind == "secret-id"
        {
            credential.tier = facts.identities[at.0 as usize].tier;
        }
    }
}

fn batch_roles(tenant: Sym, build: &Builder) -> Vec<Sym> {
    let mut roles: Vec<Sym> = build
        .facts()
        .identities
        .iter()
        .filter(|fact| fact.system == System::Vault && fact.tenant == tenant)
        .filter(|fact| {
            fact.attrs.get(Sym::new("token_type")).is_some_and(|value| {
                matches!(value, Value::Str(kind) if matches!(kind.as_str(), "batch" | "default-batch"))
            })
        })
        .map(|fact| fact.id)
        .collect();
    roles.sort();
    roles
}

/// Rules of the default policy beyond what every token may do with itself.
fn widened(book: &Book, space: &Space<'_>) -> Vec<Sym> {
    let Some(at) = book.find(Sym::new("default")) else {
        return Vec::new();
    };
    let mut rules: Vec<Sym> = book.prepared[at]
        .policy
        .rules
        .iter()
        .filter(|rule| {
            let path = rule
                .path
                .strip_prefix(&space.namespace)
                .unwrap_or(&rule.path);
            !rule.caps.any(Caps::DENY)
                && !rule.caps.is_empty()
                && !catalogue().is_self_service(path)
        })
        .map(|rule| Sym::new(&rule.pattern()))
        .collect();
    rules.sort();
    rules.dedup();
    rules
}

/// States what the documents did not show.
fn coverage(space: &Space<'_>, build: &mut Builder, book: &Book, table: &Table) {
    let tenant = space.tenant;
    let gap = |kind: &str, seen, reason: String| {
        Coverage::lacking(System::Vault, tenant, kind, seen, reason)
    };
    if book.unparsed.is_empty() {
        build.coverage(Coverage::complete(
            System::Vault,
            tenant,
            "vault.policy",
            book.prepared.len() - 1,
        ));
    }
    for (name, (message, place)) in &book.unparsed {
        let reason = format!(
            "policy `{name}` does not parse ({}:{}:{}: {message}); its holders are not evaluable",
            place.file, place.line, place.column
        );
        build.coverage(
            gap("vault.policy", Seen::Partial, reason)
                .remedy("mend the policy; a server refuses it as it stands"),
        );
    }
    if let Some(listed) = &book.listed {
        let missing: Vec<&str> = listed
            .iter()
            .filter(|name| {
                **name != "root" && book.find(**name).is_none() && !book.unparsed.contains_key(name)
            })
            .map(|name| name.as_str())
            .collect();
        if !missing.is_empty() {
            let reason = format!(
                "{} listed policies were not read: {}",
                missing.len(),
                missing.join(", ")
            );
            build.coverage(gap("vault.policy", Seen::Partial, reason));
        }
    }
    for one in &space.unusable {
        let reason = format!(
            "`{}` could not be used ({}:{}): {}",
            one.api_path, one.location.file, one.location.line, one.reason
        );
        build.coverage(gap(kind_of(&one.api_path), Seen::Partial, reason));
    }
    if let Some(sealed) = space
        .get("sys/health")
        .filter(|answer| answer.data.get("sealed") == Some(&true.into()))
    {
        let version = text(&sealed.data, "version").unwrap_or("unknown");
        let reason =
            format!("the server (version {version}) is sealed: nothing behind it can be read");
        build.coverage(gap("vault.server", Seen::None, reason).remedy("unseal it and scan again"));
    }
    let listed = |path: &str| space.keys(path).map_or(0, |keys| keys.len());
    let accessors = listed("auth/token/accessors");
    let looked_up = space.lines("auth/token/lookup-accessor").len()
        + space.below("auth/token/lookup-accessor").count();
    if accessors > looked_up {
        // Tokens end between the list and the look-up; only many missing are a gap.
        let gone = accessors - looked_up;
        if gone * 20 > accessors {
            let reason = format!("{gone} of {accessors} listed tokens were not looked up");
            build.coverage(gap("vault.token", Seen::Partial, reason));
        }
    }
    for Mount { path, kind, .. } in table.auth() {
        for folder in ["role", "users", "groups", "certs", "roles", "map/teams"] {
            let list = format!("{path}/{folder}");
            let names = listed(&list);
            let read = space.below(&list).count();
            if names > read {
                let reason = format!(
                    "{} of {names} entries of `{list}` ({kind}) were not read",
                    names - read
                );
                build.coverage(gap("vault.auth-role", Seen::Partial, reason));
            }
        }
    }
}

/// States what was seen in whole: the documents that list a kind of fact are there.
/// A kind nothing was read of is left to whoever collected, or to nobody.
fn complete(space: &Space<'_>, build: &mut Builder, table: &Table) {
    let has = |path: &str| space.get(path).is_some() || !space.lines(path).is_empty();
    let approles = table.auth().iter().filter(|mount| mount.kind == "approle");
    let secret_ids = table.auth.is_some()
        && approles.clone().all(|mount| {
            space
                .below(&format!("{}/role", mount.path))
                .all(|(name, _)| has(&format!("{}/role/{name}/secret-id", mount.path)))
        });
    let secrets = table.engines.is_some()
        && table
            .engines()
            .iter()
            .filter(|mount| mount.kind == "kv2")
            .all(|mount| has(&format!("{}/metadata", mount.path)));
    let seen = [
        (
            "vault.token",
            has("auth/token/accessors") || has("auth/token/lookup-accessor"),
        ),
        (
            "vault.token-role",
            has("auth/token/roles") || space.below("auth/token/roles").next().is_some(),
        ),
        ("vault.auth-role", table.auth.is_some()),
        ("vault.secret-id", secret_ids),
        (
            "vault.identity",
            has("identity/entity/id") && has("identity/group/id"),
        ),
        ("vault.mfa", has("identity/mfa/login-enforcement")),
        ("vault.audit-device", has("sys/audit")),
        (
            "vault.lease",
            has("sys/leases/lookup") || has("sys/leases-irrevocable"),
        ),
        ("vault.engine", table.engines.is_some()),
        ("vault.secret", secrets),
        ("vault.quota", has("sys/quotas/rate-limit")),
        ("vault.plugin", has("sys/plugins/catalog")),
        ("vault.oidc", has("identity/oidc/client")),
    ];
    // Policy files alone are a question about policies: what nobody asked for is not
    // missing.
    let only_policies = space.is_only_policies();
    for (kind, whole) in seen {
        if whole {
            build.coverage(Coverage::complete(System::Vault, space.tenant, kind, 0));
            continue;
        }
        let why = match kind {
            _ if only_policies => "the input is policy files alone",
            // Newer than most saved answers, and no verdict on access rests on them.
            "vault.quota" | "vault.plugin" | "vault.oidc" => "it is not among the saved answers",
            _ => continue,
        };
        let said = build.facts().coverage.iter().any(|one| {
            one.system == System::Vault && one.tenant == space.tenant && one.kind == kind
        });
        if !said {
            build.coverage(
                Coverage::lacking(System::Vault, space.tenant, kind, Seen::None, why)
                    .optional()
                    .remedy("scan the server, or a directory of its answers"),
            );
        }
    }
}

/// The kind of fact an API path tells about.
pub(super) fn kind_of(path: &str) -> &'static str {
    let starts = |prefix: &str| path.starts_with(prefix);
    if starts("sys/policies/password") {
        "vault.password-policy"
    } else if starts("sys/policies/egp") || starts("sys/policies/rgp") {
        "vault.governance"
    } else if starts("sys/polic") {
        "vault.policy"
    } else if starts("sys/quotas") {
        "vault.quota"
    } else if starts("sys/plugins") {
        "vault.plugin"
    } else if starts("identity/oidc") {
        "vault.oidc"
    } else if starts("auth/token/role") {
        "vault.token-role"
    } else if starts("auth/token") {
        "vault.token"
    } else if starts("auth/") && path.contains("/secret-id") {
        "vault.secret-id"
    } else if starts("auth/") || starts("sys/auth") || starts("sys/mounts/auth") {
        "vault.auth-role"
    } else if starts("identity/mfa") {
        "vault.mfa"
    } else if starts("identity/") {
        "vault.identity"
    } else if starts("sys/audit") {
        "vault.audit-device"
    } else if starts("sys/leases") {
        "vault.lease"
    } else if starts("sys/namespaces") {
        "vault.namespace"
    } else if starts("sys/mounts") {
        "vault.engine"
    } else if starts("sys/") {
        "vault.server"
    } else if path.contains("/metadata") {
        "vault.secret"
    } else {
        "vault.engine"
    }
}
