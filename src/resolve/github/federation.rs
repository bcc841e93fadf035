//! What other systems' trusts say of repositories, and whose rights reach workflows.
//!
//! A cloud or a vault lets a workflow in by the claims of its token. Which repositories
//! those claims fix is written in GitHub's terms, so it is told here, once every system
//! is resolved; the stages after this one compare names.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::model::{
    Claim, Entitlement, Inventory, Sym, System, Tier, TrustKind, Value, issuer_name,
};

/// Marks trusts in workflows and rights over them.
pub(in crate::resolve) fn describe(all: &mut Inventory) {
    for fact in &mut all.entitlements {
        if fact.system == System::Github && fact.tier >= Tier::Write {
            rights(fact);
        }
    }
    let minted = Minted::of(all);
    if minted.issuers.is_empty() {
        return;
    }
    for trust in &mut all.trusts {
        let issuer = trust
            .issuer
            .filter(|_| trust.kind == TrustKind::Oidc && trust.system != System::Github);
        if !issuer.is_some_and(|issuer| minted.issuers.contains(&issuer_name(&issuer))) {
            continue;
        }
        let Some(fixed) = minted.fixed(&trust.claims) else {
            continue;
        };
        let exist = minted.exist(&fixed);
        let by_number = trust.claims.iter().any(by_number);
        trust.attrs.set("repositories", fixed);
        trust.attrs.set_some("repositories_exist", exist);
        trust.attrs.set("repositories_by_number", by_number);
    }
}

/// Who pushes what workflows run, and who changes what stands before them.
fn rights(fact: &mut Entitlement) {
    let role = fact.attrs.text(Sym::of("role"));
    let role = role.as_deref().unwrap_or_default();
    let pushes = match fact.attrs.get(Sym::of("app_permissions")) {
        Some(Value::List(list)) => list.iter().any(|one| *one == "contents:write"),
        _ => false,
    };
    if pushes || matches!(role, "write" | "maintain" | "admin") {
        fact.attrs.set("writes_workflows", true);
    }
    if role == "admin" {
        fact.attrs.set("edits_gates", true);
    }
}

/// The subjects that were resolved.
struct Minted {
    issuers: FxHashSet<String>,
    organisations: FxHashSet<Sym>,
    repositories: FxHashSet<Sym>,
    by_number: FxHashMap<Sym, Sym>,
}

impl Minted {
    fn of(all: &Inventory) -> Self {
        let tenants = all.tenants.iter();
        let mut minted = Minted {
            issuers: FxHashSet::default(),
            organisations: tenants
                .filter(|tenant| tenant.system == System::Github)
                .map(|tenant| tenant.id)
                .collect(),
            repositories: FxHashSet::default(),
            by_number: FxHashMap::default(),
        };
        let mut last = None;
        for identity in &all.identities {
            let attrs = &identity.attrs;
            if identity.system != System::Github || attrs.text(Sym::of("subject")).is_none() {
                continue;
            }
            let issuer = attrs.text(Sym::of("issuer"));
            if issuer != last {
                minted
                    .issuers
                    .extend(issuer.map(|issuer| issuer_name(&issuer)));
                last = issuer;
            }
            if let Some(repository) = attrs.text(Sym::of("repository")) {
                minted.repositories.insert(repository);
                if let Some(number) = attrs.text(Sym::of("repository_id")) {
                    minted.by_number.insert(number, repository);
                }
            }
        }
        minted
    }

    /// The repositories a set of claims fixes; `None` if it fixes none.
    fn fixed(&self, claims: &[Claim]) -> Option<Vec<Sym>> {
        claims.iter().find_map(|claim| {
            let exact = claim.test.is_positive() && !claim.test.ignores_case();
            if claim.holds_when_absent || !exact {
                return None;
            }
            let mut all: Vec<Sym> = match claim.name.as_str() {
                "sub" => {
                    let values = claim.values.iter();
                    values
                        .map(|value| Some(Sym::new(&repository_of(value)?)))
                        .collect::<Option<_>>()?
                }
                "repository" => claim.texts()?.to_vec(),
                "repository_id" => {
                    let numbers = claim.texts()?.iter();
                    numbers
                        .filter_map(|number| self.by_number.get(number).copied())
                        .collect()
                }
                _ => return None,
            };
            all.sort();
            all.dedup();
            Some(all)
        })
    }

    /// Whether one of them exists, where their organisation was read.
    fn exist(&self, fixed: &[Sym]) -> Option<bool> {
        let (owner, _) = fixed.first()?.split_once('/')?;
        self.organisations
            .contains(&Sym::new(owner))
            .then(|| fixed.iter().any(|one| self.repositories.contains(one)))
    }
}

/// Whether a claim fixes the number of a repository.
fn by_number(claim: &Claim) -> bool {
    match claim.name.as_str() {
        "repository_id" => true,
        "sub" => claim.values.iter().all(|value| value.contains('@')),
        _ => false,
    }
}

/// `organisation/name` a subject pattern is for, where it fixes one: the numbers of the
/// immutable form are left out. A wildcard takes slashes too, so beside one in the
/// first part nothing is fixed.
fn repository_of(subject: &str) -> Option<String> {
    let (repository, _) = subject.strip_prefix("repo:")?.split_once(':')?;
    if repository.contains(['*', '?']) {
        return None;
    }
    let (owner, name) = repository.split_once('/')?;
    let plain = |part: &str| part.split('@').next().unwrap_or(part).to_owned();
    Some(format!("{}/{}", plain(owner), plain(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attrs, Builder, ClaimTest, Identity, IdentityKind, Tenant, Trust};

    /// A trust of an AWS role in one repository's workflows, by one claim.
    fn told(name: &str, test: ClaimTest, value: &str) -> Attrs {
        let mut build = Builder::new();
        build.tenant(Tenant {
            system: System::Github,
            id: Sym::new("acme"),
            name: Sym::new("acme"),
            attrs: Attrs::new(),
            location: None,
        });
        let workload = IdentityKind::Workload;
        let mut subject = Identity::new(System::Github, "acme", "oidc/acme/app/x", workload, "x");
        subject.attrs = Attrs::new()
            .with("subject", "repo:acme/app:pull_request")
            .with("issuer", "https://token.actions.githubusercontent.com")
            .with("repository", "acme/app")
            .with("repository_id", "71");
        build.identity(subject);
        let role = build.identity(Identity::new(System::Aws, "1", "role", workload, "role"));
        let mut trust = Trust::new(System::Aws, "1", role, TrustKind::Oidc, "provider");
        trust.issuer = Some(Sym::new("token.actions.githubusercontent.com"));
        trust.claims.push(Claim {
            name: Sym::new(name),
            test,
            values: [Sym::new(value)].into(),
            holds_when_absent: false,
        });
        build.trust(trust);
        let mut all = build.finish();
        describe(&mut all);
        all.trusts.remove(0).attrs
    }

    #[test]
    fn claims_fix_repositories_by_name_or_number() {
        use ClaimTest::*;
        for (name, test, value, fixed, exist, by_number) in [
            (
                "sub",
                Like,
                "repo:acme/app:*",
                Some("acme/app"),
                Some(true),
                false,
            ),
            (
                "sub",
                Like,
                "repo:acme@1/app@71:*",
                Some("acme/app"),
                Some(true),
                true,
            ),
            (
                "sub",
                Like,
                "repo:acme/gone:*",
                Some("acme/gone"),
                Some(false),
                false,
            ),
            (
                "sub",
                Like,
                "repo:other/app:*",
                Some("other/app"),
                None,
                false,
            ),
            ("sub", Like, "repo:acme/*", None, None, false),
            ("sub", Like, "repo:acme/a*:ref:x", None, None, false),
            (
                "repository",
                Equals,
                "acme/app",
                Some("acme/app"),
                Some(true),
                false,
            ),
            ("repository", Like, "acme/a*", None, None, false),
            (
                "repository_id",
                Equals,
                "71",
                Some("acme/app"),
                Some(true),
                true,
            ),
            ("actor", Equals, "bob", None, None, false),
            ("repository", NotEquals, "acme/app", None, None, false),
        ] {
            let attrs = told(name, test, value);
            let list = match attrs.get(Sym::new("repositories")) {
                Some(Value::List(list)) => list.first().copied(),
                _ => None,
            };
            assert_eq!(list.as_deref(), fixed, "{name} {value}");
            let flag = |name: &str| match attrs.get(Sym::new(name)) {
                Some(Value::Bool(flag)) => Some(*flag),
                _ => None,
            };
            assert_eq!(flag("repositories_exist"), exist, "{name} {value}");
            assert_eq!(
                flag("repositories_by_number") == Some(true),
                by_number,
                "{value}"
            );
        }
    }
}
