//! ACL policies: from a document to path rules.
//!
//! What is accepted, refused and meant follows OpenBao's `internal/vault/policy`
//! (`ParseACLPolicy`) and HashiCorp's published policy language; where the two
//! differ a [`Dialect`] decides.

mod decode;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{BitOr, BitOrAssign, Range};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value as Json;

use super::hcl::{self, Item};
use super::template::Template;

pub(super) use decode::duration;

/// Whose policy language is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// OpenBao: `scan`, `expiration`, `pagination_limit`; lists are looked up with
    /// their slash first; of several control groups on a path the first counts.
    #[default]
    Openbao,
    /// HashiCorp Vault: `subscribe`, `recover`; lists are looked up without their
    /// slash first; control groups of one path add up; a list-typed parameter is
    /// compared element by element.
    Vault,
}

impl Dialect {
    /// The name used in rules and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Dialect::Openbao => "openbao",
            Dialect::Vault => "vault",
        }
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caps(u16);

impl Caps {
    /// None at all.
    pub const NONE: Caps = Caps(0);
    /// Refuses, whatever else gives.
    pub const DENY: Caps = Caps(1);
    /// Root-protected paths need it on top.
    pub const SUDO: Caps = Caps(1 << 1);
    /// Read.
    pub const READ: Caps = Caps(1 << 2);
    /// List.
    pub const LIST: Caps = Caps(1 << 3);
    /// Change what exists.
    pub const UPDATE: Caps = Caps(1 << 4);
    /// Delete.
    pub const DELETE: Caps = Caps(1 << 5);
    /// Make what does not exist.
    pub const CREATE: Caps = Caps(1 << 6);
    /// Change in part.
    pub const PATCH: Caps = Caps(1 << 7);
    /// List recursively (OpenBao).
    pub const SCAN: Caps = Caps(1 << 8);
    /// Receive events (Vault).
    pub const SUBSCRIBE: Caps = Caps(1 << 9);
    /// Restore single secrets from a snapshot (Vault).
    pub const RECOVER: Caps = Caps(1 << 10);
    /// Everything that changes something.
    pub const WRITES: Caps =
        Caps(Self::UPDATE.0 | Self::DELETE.0 | Self::CREATE.0 | Self::PATCH.0 | Self::RECOVER.0);

    /// Names in the order in which OpenBao lists them.
    const NAMES: [(&'static str, Caps); 11] = [
        ("deny", Self::DENY),
        ("sudo", Self::SUDO),
        ("read", Self::READ),
        ("list", Self::LIST),
        ("update", Self::UPDATE),
        ("delete", Self::DELETE),
        ("create", Self::CREATE),
        ("patch", Self::PATCH),
        ("scan", Self::SCAN),
        ("subscribe", Self::SUBSCRIBE),
        ("recover", Self::RECOVER),
    ];

    /// The capability of this name.
    pub fn named(name: &str) -> Option<Caps> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, caps)| *caps)
    }

    /// Whether all of `other` is in.
    pub const fn has(self, other: Caps) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in.
    pub const fn any(self, other: Caps) -> bool {
        self.0 & other.0 != 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Caps) -> Caps {
        Caps(self.0 & other.0)
    }

    /// Whether nothing is in.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names, in OpenBao's order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(_, caps)| self.any(*caps))
            .map(|(name, _)| name)
    }
}

impl BitOr for Caps {
    type Output = Caps;

    fn bitor(self, other: Caps) -> Caps {
        Caps(self.0 | other.0)
    }
}

impl BitOrAssign for Caps {
    fn bitor_assign(&mut self, other: Caps) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// How a rule's path is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Equal.
    Exact,
    /// Starts with (the `*` is taken off).
    Prefix,
    /// Segment by segment; `+` stands for any one segment, and a trailing `*` (kept)
    /// lets the last segment go on.
    Segments,
}

/// Values a parameter may or may not have, by lower-case name. An empty list means
/// any value.
pub type Parameters = BTreeMap<String, Vec<Json>>;

/// One `path` stanza.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The path with namespace and without leading slash; see [`Shape`] for `*`.
    pub path: String,
    /// How it is compared.
    pub shape: Shape,
    /// What it gives.
    pub caps: Caps,
    /// Parameters a request may carry; `None` if any.
    pub allowed: Option<Parameters>,
    /// Parameters a request may not carry.
    pub denied: Option<Parameters>,
    /// Parameters a request must carry.
    pub required: Vec<String>,
    /// Answers must be wrapped for at least this long.
    pub min_wrapping: SignedDuration,
    /// Answers must be wrapped for at most this long.
    pub max_wrapping: SignedDuration,
    /// MFA methods that must be passed.
    pub mfa: Vec<String>,
    /// Somebody must approve first.
    pub control_group: Option<ControlGroup>,
    /// Longest page of a list (OpenBao); 0 is unlimited.
    pub pagination_limit: i64,
    /// Lists are filtered by what this template names (OpenBao).
    pub filtered: bool,
    /// When the stanza ends by itself (OpenBao).
    pub expires: Option<Timestamp>,
    /// Whether the path holds `{{…}}`.
    pub templated: bool,
    /// What the path was before it was widened, where it was.
    pub template: Option<Template>,
    /// The stanza in the document.
    pub span: Range<usize>,
}

impl Rule {
    /// The path as its author wrote it, the `*` of a prefix included.
    pub fn pattern(&self) -> String {
        if let Some(template) = &self.template {
            return template.text.clone();
        }
        match self.shape {
            Shape::Prefix => format!("{}*", self.path),
            Shape::Exact | Shape::Segments => self.path.clone(),
        }
    }

    /// Whether anything beyond the path decides about a request.
    pub fn is_guarded(&self) -> bool {
        self.allowed.as_ref().is_some_and(|map| !map.is_empty())
            || self.denied.as_ref().is_some_and(|map| !map.is_empty())
            || !self.required.is_empty()
            || !self.min_wrapping.is_zero()
            || !self.max_wrapping.is_zero()
            || !self.mfa.is_empty()
            || self.control_group.is_some()
    }
}

/// A `control_group` block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ControlGroup {
    /// How long an approval may take, and then how long it may be used.
    pub ttl: SignedDuration,
    /// Whether the requester may approve (OpenBao).
    pub self_authorization: bool,
    /// Approvals needed, one entry per factor.
    pub factors: Vec<Factor>,
}

impl ControlGroup {
    /// Whether somebody else must approve before anything is given out.
    pub fn is_effective(&self) -> bool {
        self.asks(|_| true)
    }

    /// Whether somebody else must approve a request that needs this capability.
    pub fn holds_back(&self, needs: Caps) -> bool {
        self.asks(|factor| {
            let mut named = factor.capabilities.iter();
            factor.capabilities.is_empty()
                || named.any(|name| Caps::named(name).is_some_and(|caps| caps.any(needs)))
        })
    }

    fn asks(&self, applies: impl Fn(&Factor) -> bool) -> bool {
        self.ttl.is_positive()
            && !self.self_authorization
            && self
                .factors
                .iter()
                .any(|factor| factor.approvals > 0 && !factor.groups.is_empty() && applies(factor))
    }
}

/// One factor of a control group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Factor {
    /// Its label.
    pub name: String,
    /// Capabilities it applies to; empty means all.
    pub capabilities: Vec<String>,
    /// Names and ids of groups whose members may approve.
    pub groups: Vec<String>,
    /// How many must.
    pub approvals: i64,
}

/// A parsed policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Its rules in document order.
    pub rules: Vec<Rule>,
}

/// A policy the server would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PolicyError {
    /// What is wrong, and what was expected.
    pub message: String,
    /// Where in the document.
    pub span: Range<usize>,
}

impl Policy {
    /// Reads the policy `name` of namespace `namespace` (`""`, or a path that ends
    /// in `/`). Without a `dialect` what either server knows is accepted.
    ///
    /// # Errors
    /// The first thing a server refuses, with its place.
    pub fn parse(
        name: &str,
        namespace: &str,
        text: &str,
        dialect: Option<Dialect>,
    ) -> Result<Policy, PolicyError> {
        let items = hcl::parse(text).map_err(|error| PolicyError {
            span: error.at..error.at + 1,
            message: error.message,
        })?;
        for item in &items {
            if !matches!(item.name(), "name" | "path") {
                return Err(decode::bad_key("the document", item, &["name", "path"]));
            }
        }
        let rules = items
            .iter()
            .filter(|item| item.name() == "path")
            .map(|item| rule(item, namespace, dialect))
            .collect::<Result<_, _>>()?;
        Ok(Policy {
            name: name.to_owned(),
            rules,
        })
    }
}

const RULE_KEYS: &[&str] = &[
    "comment",
    "policy",
    "capabilities",
    "allowed_parameters",
    "denied_parameters",
    "required_parameters",
    "min_wrapping_ttl",
    "max_wrapping_ttl",
    "mfa_methods",
    "control_group",
];
const OPENBAO_KEYS: &[&str] = &[
    "pagination_limit",
    "expiration",
    "list_scan_response_keys_filter_path",
];
const VAULT_KEYS: &[&str] = &["subscribe_event_types"];

fn rule(item: &Item, namespace: &str, dialect: Option<Dialect>) -> Result<Rule, PolicyError> {
    // Without a label the stanza is about a path called `path`.
    let label = item.keys.get(1).or(item.keys.first());
    let label = label.map_or("path", |key| key.text.as_str());
    let place = format!("path `{label}`");
    let members = decode::object(&item.value, &place)?;

    let mut keys = RULE_KEYS.to_vec();
    if dialect != Some(Dialect::Vault) {
        keys.extend(OPENBAO_KEYS);
    }
    if dialect != Some(Dialect::Openbao) {
        keys.extend(VAULT_KEYS);
    }
    for member in members {
        if !keys.contains(&member.name()) {
            return Err(decode::bad_key(&place, member, &keys));
        }
    }

    let path = format!("{namespace}{}", label.strip_prefix('/').unwrap_or(label));
    let (path, shape) = shape_of(path).ok_or_else(|| PolicyError {
        message: format!("{place}: `+*` is not allowed; `+` stands for a whole segment"),
        span: item.span(),
    })?;

    let of = |name| decode::named(members, name);
    let mut caps = Caps::NONE;
    for (name, span) in capabilities(members)? {
        let known = Caps::named(&name).filter(|caps| match dialect {
            Some(Dialect::Openbao) => !caps.any(Caps::SUBSCRIBE | Caps::RECOVER),
            Some(Dialect::Vault) => !caps.any(Caps::SCAN),
            None => true,
        });
        caps |= known.ok_or_else(|| PolicyError {
            message: format!("{place}: `{name}` is not a capability"),
            span,
        })?;
    }
    let mut rule = Rule {
        templated: path.contains("{{"),
        template: None,
        path,
        shape,
        caps,
        allowed: None,
        denied: None,
        required: Vec::new(),
        min_wrapping: SignedDuration::ZERO,
        max_wrapping: SignedDuration::ZERO,
        mfa: Vec::new(),
        control_group: None,
        pagination_limit: 0,
        filtered: false,
        expires: decode::last_string(of("expiration"), &place)?
            .map(|(text, span)| decode::time(&text, span, &place))
            .transpose()?,
        span: item.span(),
    };
    for member in of("control_group") {
        rule.control_group = Some(control_group(member, &place)?);
    }
    if caps.any(Caps::DENY) {
        // What else the stanza says is void.
        rule.caps = Caps::DENY;
        return Ok(rule);
    }
    rule.allowed = decode::parameters(of("allowed_parameters"), &place)?;
    rule.denied = decode::parameters(of("denied_parameters"), &place)?;
    rule.required = decode::strings(of("required_parameters"), &place)?;
    rule.mfa = decode::strings(of("mfa_methods"), &place)?;
    rule.min_wrapping = decode::last_duration(of("min_wrapping_ttl"), &place)?;
    rule.max_wrapping = decode::last_duration(of("max_wrapping_ttl"), &place)?;
    rule.pagination_limit = decode::last_int(of("pagination_limit"), &place)?;
    rule.filtered = decode::last_string(of("list_scan_response_keys_filter_path"), &place)?
        .is_some_and(|(text, _)| !text.is_empty());
    if !rule.min_wrapping.is_zero()
        && !rule.max_wrapping.is_zero()
        && rule.max_wrapping < rule.min_wrapping
    {
        return Err(PolicyError {
            message: format!("{place}: max_wrapping_ttl is shorter than min_wrapping_ttl"),
            span: item.span(),
        });
    }
    Ok(rule)
}

/// How a path is compared, and the path as it is then kept. `None` for `+*`, which no
/// server takes.
pub(super) fn shape_of(path: String) -> Option<(String, Shape)> {
    if path.contains("+*") {
        return None;
    }
    Some(
        if path == "+" || path.contains("/+") || path.starts_with("+/") {
            (path, Shape::Segments)
        } else if let Some(prefix) = path.strip_suffix('*') {
            (prefix.to_owned(), Shape::Prefix)
        } else {
            (path, Shape::Exact)
        },
    )
}

/// The names under `capabilities`, then those the old `policy` word stands for;
/// `deny` there replaces the list.
fn capabilities(members: &[Item]) -> Result<Vec<(String, Range<usize>)>, PolicyError> {
    let of = |name| decode::named(members, name);
    let mut names = decode::spanned_strings(of("capabilities"), "capabilities")?;
    let Some((word, span)) = decode::last_string(of("policy"), "policy")? else {
        return Ok(names);
    };
    let meant: &[&str] = match word.as_str() {
        "" => &[],
        "deny" => {
            names.clear();
            &["deny"]
        }
        "read" => &["read", "list"],
        "write" => &["create", "read", "update", "delete", "list"],
        "sudo" => &["create", "read", "update", "delete", "list", "sudo"],
        _ => {
            return Err(PolicyError {
                message: format!("`{word}` is not a policy; expected deny, read, write or sudo"),
                span,
            });
        }
    };
    names.extend(meant.iter().map(|name| ((*name).to_owned(), span.clone())));
    Ok(names)
}

fn control_group(item: &Item, place: &str) -> Result<ControlGroup, PolicyError> {
    let place = format!("{place}: control_group");
    let members = decode::object(&item.value, &place)?;
    let keys = ["ttl", "max_ttl", "self_auth_allowed", "factor"];
    if let Some(stray) = members.iter().find(|item| !keys.contains(&item.name())) {
        return Err(decode::bad_key(&place, stray, &keys));
    }
    let of = |name| decode::named(members, name);
    let mut group = ControlGroup {
        ttl: decode::last_duration(of("ttl"), &place)?,
        self_authorization: decode::last_bool(of("self_auth_allowed"), &place)?,
        factors: Vec::new(),
    };
    for item in of("factor") {
        let body = decode::object(&item.value, &place)?;
        match item.keys.get(1) {
            Some(label) => group.factors.push(factor(&label.text, body, &place)?),
            // JSON and the assigned form: `factor = { "ops" = { … } }`.
            None => {
                for inner in body {
                    let members = decode::object(&inner.value, &place)?;
                    group.factors.push(factor(inner.name(), members, &place)?);
                }
            }
        }
    }
    Ok(group)
}

fn factor(name: &str, members: &[Item], place: &str) -> Result<Factor, PolicyError> {
    let mut factor = Factor {
        name: name.to_owned(),
        capabilities: decode::strings(decode::named(members, "controlled_capabilities"), place)?,
        ..Factor::default()
    };
    for identity in decode::named(members, "identity") {
        let body = decode::object(&identity.value, place)?;
        for key in ["group_names", "group_ids"] {
            factor
                .groups
                .extend(decode::strings(decode::named(body, key), place)?);
        }
        factor.approvals = decode::last_int(decode::named(body, "approvals"), place)?;
    }
    Ok(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Rule {
        Policy::parse("p", "", text, None).unwrap().rules.remove(0)
    }

    fn fail(text: &str) -> String {
        Policy::parse("p", "", text, Some(Dialect::Openbao))
            .unwrap_err()
            .message
    }

    #[test]
    fn shapes() {
        let shape = |path: &str| {
            let rule = one(&format!("path \"{path}\" {{}}"));
            (rule.path, rule.shape)
        };
        assert_eq!(shape("/a/b"), ("a/b".into(), Shape::Exact));
        assert_eq!(shape("a/*"), ("a/".into(), Shape::Prefix));
        assert_eq!(shape("a/*/b"), ("a/*/b".into(), Shape::Exact));
        assert_eq!(shape("a/+/b*"), ("a/+/b*".into(), Shape::Segments));
        assert_eq!(shape("a+"), ("a+".into(), Shape::Exact));
        assert_eq!(shape("+"), ("+".into(), Shape::Segments));
    }

    #[test]
    fn a_namespace_stands_before_the_path() {
        let policy = Policy::parse("p", "team/", "path \"/kv/*\" {}", None).unwrap();
        assert_eq!(policy.rules[0].path, "team/kv/");
    }

    #[test]
    fn old_words_and_deny() {
        assert_eq!(
            one("path \"x\" { policy = \"write\" capabilities = [\"sudo\"] }")
                .caps
                .names()
                .collect::<Vec<_>>(),
            ["sudo", "read", "list", "update", "delete", "create"]
        );
        let denied =
            one("path \"x\" { capabilities = [\"read\", \"deny\"] denied_parameters = 3 }");
        assert_eq!(denied.caps, Caps::DENY);
    }

    #[test]
    fn control_groups_in_both_spellings() {
        let native = one(
            "path \"x\" { control_group = { ttl = \"4h\" factor \"ops\" { controlled_capabilities = [\"read\"] identity { group_names = [\"g\"] approvals = 2 } } } }",
        );
        let json = one(
            r#"{"path":{"x":{"capabilities":[],"control_group":{"ttl":"4h","factor":{"ops":{"controlled_capabilities":["read"],"identity":{"group_names":["g"],"approvals":2}}}}}}}"#,
        );
        assert_eq!(native.control_group, json.control_group);
        let group = native.control_group.unwrap();
        assert!(group.is_effective());
        assert_eq!(group.ttl.as_hours(), 4);
        assert_eq!(group.factors[0].approvals, 2);
        let empty = one("path \"x\" { control_group = { ttl = \"4h\" } }");
        assert!(!empty.control_group.unwrap().is_effective());
    }

    #[test]
    fn what_a_server_refuses() {
        insta::assert_snapshot!(fail("pth \"x\" {}"), @"the document: `pth` is not a key; did you mean `path`?");
        insta::assert_snapshot!(fail("path \"x\" { allowed_params = {} }"), @"path `x`: `allowed_params` is not a key; did you mean `allowed_parameters`?");
        insta::assert_snapshot!(fail("path \"x\" { capabilities = [\"*\"] }"), @"path `x`: `*` is not a capability");
        insta::assert_snapshot!(fail("path \"x\" { capabilities = [\"recover\"] }"), @"path `x`: `recover` is not a capability");
        insta::assert_snapshot!(fail("path \"x\" { capabilities = \"read\" }"), @"capabilities: expected a list");
        insta::assert_snapshot!(fail("path \"a/+*\" {}"), @"path `a/+*`: `+*` is not allowed; `+` stands for a whole segment");
        insta::assert_snapshot!(fail("path \"x\" { min_wrapping_ttl = \"2m\" max_wrapping_ttl = 90 }"), @"path `x`: max_wrapping_ttl is shorter than min_wrapping_ttl");
        insta::assert_snapshot!(fail("path \"x\" = 3"), @"after a key with a label expected `{`, found `=`");
        insta::assert_snapshot!(fail("path = 3"), @"path `path`: expected an object");
    }
}
