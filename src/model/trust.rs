//! By which rule one identity may become another.

use serde::{Deserialize, Serialize};

use super::{Attrs, IdentityRef, Location, Pattern, Sym, System, Tier, Verdict};

/// Index of a [`Trust`] in its inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrustRef(pub u32);

/// An issuer as it is compared: without scheme and closing slash, its host in lower case.
pub fn issuer_name(issuer: &str) -> String {
    let issuer = issuer
        .strip_prefix("https://")
        .unwrap_or(issuer)
        .trim_end_matches('/');
    match issuer.split_once('/') {
        Some((host, path)) => format!("{}/{path}", host.to_ascii_lowercase()),
        None => issuer.to_ascii_lowercase(),
    }
}

/// What is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustKind {
    /// Anyone at all.
    Anyone,
    /// A whole account or tenant: whoever it lets.
    Tenant,
    /// A single identity.
    Identity,
    /// A service of the platform acting for its customers.
    Service,
    /// A SAML identity provider.
    Saml,
    /// An OpenID Connect issuer.
    Oidc,
    /// A Kubernetes service account.
    ServiceAccount,
    /// A shared secret (AppRole and the like).
    SharedSecret,
}

impl TrustKind {
    /// The name used in rules and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            TrustKind::Anyone => "anyone",
            TrustKind::Tenant => "tenant",
            TrustKind::Identity => "identity",
            TrustKind::Service => "service",
            TrustKind::Saml => "saml",
            TrustKind::Oidc => "oidc",
            TrustKind::ServiceAccount => "service-account",
            TrustKind::SharedSecret => "shared-secret",
        }
    }
}

/// How a claim's value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimTest {
    /// The value equals one of the texts.
    Equals,
    /// The value equals one of the texts but for the case of ASCII letters.
    EqualsIgnoreCase,
    /// The value matches one of the patterns, `*` for any text and `?` for one
    /// character, both crossing `/` and `:`.
    Like,
    /// The value is none of the texts.
    NotEquals,
    /// The value is none of the texts, whatever the case of its ASCII letters.
    NotEqualsIgnoreCase,
    /// The value matches none of the patterns.
    NotLike,
    /// The value matches one of the patterns, in which `*` is any text and every other
    /// character is itself.
    Starred,
    /// The value matches none of such patterns.
    NotStarred,
}

impl ClaimTest {
    /// How the test reads between a claim and its values.
    pub const fn words(self) -> &'static str {
        match self {
            ClaimTest::Equals => "is",
            ClaimTest::EqualsIgnoreCase => "is, in any case,",
            ClaimTest::Like | ClaimTest::Starred => "is like",
            ClaimTest::NotEquals => "is not",
            ClaimTest::NotEqualsIgnoreCase => "is not, in any case,",
            ClaimTest::NotLike | ClaimTest::NotStarred => "is not like",
        }
    }

    /// Whether only the values listed pass.
    pub const fn is_positive(self) -> bool {
        matches!(
            self,
            ClaimTest::Equals | ClaimTest::EqualsIgnoreCase | ClaimTest::Like | ClaimTest::Starred
        )
    }

    /// Whether the case of ASCII letters does not matter.
    pub const fn ignores_case(self) -> bool {
        matches!(
            self,
            ClaimTest::EqualsIgnoreCase | ClaimTest::NotEqualsIgnoreCase
        )
    }

    /// The test that passes where this one does not.
    pub const fn inverse(self) -> Self {
        match self {
            ClaimTest::Equals => ClaimTest::NotEquals,
            ClaimTest::EqualsIgnoreCase => ClaimTest::NotEqualsIgnoreCase,
            ClaimTest::Like => ClaimTest::NotLike,
            ClaimTest::NotEquals => ClaimTest::Equals,
            ClaimTest::NotEqualsIgnoreCase => ClaimTest::EqualsIgnoreCase,
            ClaimTest::NotLike => ClaimTest::Like,
            ClaimTest::Starred => ClaimTest::NotStarred,
            ClaimTest::NotStarred => ClaimTest::Starred,
        }
    }
}

/// A condition on what the trusted side presents (a token's claim, a tag, an id).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// `sub`, `aud`, `repository_id`, `external-id`, `namespace` and the like.
    pub name: Sym,
    /// How it is compared.
    pub test: ClaimTest,
    /// With what.
    pub values: Box<[Sym]>,
    /// The condition also holds when the claim is absent, so it guards nothing
    /// against a token without it (`…IfExists`, `ForAllValues:`).
    pub holds_when_absent: bool,
}

impl Claim {
    /// The texts the value must be one of, or none of, each as a pattern. Where case does
    /// not matter the pattern still has one.
    pub fn patterns(&self) -> impl Iterator<Item = Pattern> {
        let compile = match self.test {
            ClaimTest::Like | ClaimTest::NotLike => Pattern::glob,
            ClaimTest::Starred | ClaimTest::NotStarred => Pattern::starred,
            ClaimTest::Equals
            | ClaimTest::EqualsIgnoreCase
            | ClaimTest::NotEquals
            | ClaimTest::NotEqualsIgnoreCase => Pattern::literal,
        };
        self.values.iter().map(move |value| compile(value))
    }

    /// The only texts that fit, letter by letter, where the claim lists them.
    pub fn texts(&self) -> Option<&[Sym]> {
        let exact = self.test.is_positive() && !self.test.ignores_case();
        let listed = exact
            && self
                .patterns()
                .all(|pattern| pattern.as_literal().is_some());
        listed.then_some(&*self.values)
    }

    /// Whether a token with this value fits.
    pub fn admits(&self, value: &str) -> bool {
        let mut values = self.values.iter();
        let among = match self.test {
            ClaimTest::Equals | ClaimTest::NotEquals => values.any(|one| one == value),
            ClaimTest::EqualsIgnoreCase | ClaimTest::NotEqualsIgnoreCase => {
                values.any(|one| one.eq_ignore_ascii_case(value))
            }
            _ => self.patterns().any(|pattern| pattern.matches(value)),
        };
        among == self.test.is_positive()
    }

    /// What it demands, in words: `sub is like repo:acme/* or is absent`.
    pub fn said(&self) -> String {
        let test = self.test.words();
        let values: Vec<&str> = self.values.iter().map(|value| value.as_str()).collect();
        let absent = match self.holds_when_absent {
            true => " or is absent",
            false => "",
        };
        format!("{} {test} {}{absent}", self.name, values.join(" or "))
    }
}

/// A rule by which whoever fits `trustee` may act as `target`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// The system that enforces it.
    pub system: System,
    /// Account, organisation, cluster or vault of the target.
    pub tenant: Sym,
    /// Who is become.
    pub target: IdentityRef,
    /// What is trusted.
    pub kind: TrustKind,
    /// The trusted side, by its own id or as a pattern.
    pub trustee: Sym,
    /// The identity of `trustee`, where it is part of this inventory.
    pub source: Option<IdentityRef>,
    /// The issuer of tokens, for federation.
    pub issuer: Option<Sym>,
    /// The tenant of the trusted side, where it can be told.
    pub trustee_tenant: Option<Sym>,
    /// Whether the trusted side lies outside everything scanned and declared ours.
    pub external: bool,
    /// What must be presented.
    pub claims: Vec<Claim>,
    /// Whether the trust really admits the trustee.
    pub verdict: Verdict,
    /// Conditions beyond `claims`, as text.
    pub residual: Option<Sym>,
    /// Somebody who should not be let in but is: a subject, an account, a caller.
    pub witness: Option<Sym>,
    /// What the target can reach.
    pub tier: Tier,
    /// Attributes declared by the system's resolver.
    #[serde(default, skip_serializing_if = "Attrs::is_empty")]
    pub attrs: Attrs,
    /// Where it stands in the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Trust {
    /// An unconditional trust with everything else unknown.
    pub fn new(
        system: System,
        tenant: impl Into<Sym>,
        target: IdentityRef,
        kind: TrustKind,
        trustee: impl Into<Sym>,
    ) -> Self {
        Trust {
            system,
            tenant: tenant.into(),
            target,
            kind,
            trustee: trustee.into(),
            source: None,
            issuer: None,
            trustee_tenant: None,
            external: false,
            claims: Vec::new(),
            verdict: Verdict::Yes,
            residual: None,
            witness: None,
            tier: Tier::None,
            attrs: Attrs::new(),
            location: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(test: ClaimTest, values: &[&str]) -> Claim {
        Claim {
            name: Sym::new("sub"),
            test,
            values: values.iter().map(|value| Sym::new(value)).collect(),
            holds_when_absent: false,
        }
    }

    #[test]
    fn issuers_differ_by_path_only_in_case() {
        assert_eq!(
            issuer_name("https://OIDC.eks.example/id/AB/"),
            "oidc.eks.example/id/AB"
        );
        assert_eq!(
            issuer_name("token.actions.githubusercontent.com"),
            issuer_name("https://token.actions.githubusercontent.com")
        );
    }

    #[test]
    fn each_test_has_its_own_wildcards() {
        use ClaimTest::*;
        for (test, value, text, fits) in [
            (Equals, "a*", "a*", true),
            (Equals, "a*", "ab", false),
            (Like, "a?c*", "abcd", true),
            (Starred, "a?c*", "abcd", false),
            (Starred, "a?c*", "a?cd", true),
            (NotEquals, "a*", "ab", true),
            (NotLike, "a*", "ab", false),
            (EqualsIgnoreCase, "A*", "a*", true),
            (NotEqualsIgnoreCase, "A*", "a*", false),
            (NotStarred, "a?*", "ab", true),
        ] {
            assert_eq!(
                claim(test, &[value]).admits(text),
                fits,
                "{test:?} {value} {text}"
            );
        }
        assert!(
            !claim(NotEquals, &["a", "b"]).admits("b"),
            "none of several"
        );
        assert!(!claim(Equals, &[]).admits("a"), "one of nothing");
    }

    #[test]
    fn what_is_demanded_is_said_in_words() {
        let mut one = claim(ClaimTest::Starred, &["repo:acme/*", "repo:other/*"]);
        assert_eq!(one.said(), "sub is like repo:acme/* or repo:other/*");
        one.test = ClaimTest::NotEquals;
        one.holds_when_absent = true;
        assert_eq!(
            one.said(),
            "sub is not repo:acme/* or repo:other/* or is absent"
        );
    }
}
