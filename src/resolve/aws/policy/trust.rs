//! Whom a role's trust policy lets in.
//!
//! [`trustees`] lists every principal an allow names, with the claims it must present,
//! what it may bring along and what the denies leave of it; [`admits`] decides one
//! caller exactly.

use super::compiled::Policy;
use super::condition::{Base, Condition, Quantifier};
use super::document::Statement;
use super::element::{Named, Principals};
use super::evaluate::{PolicySets, ResourcePolicy, decide};
use super::request::{Action, Context, Principal, Request};
use crate::model::{Claim, ClaimTest, Effect, Sym, TrustKind, Verdict};

/// The actions a trust policy may allow.
pub const TRUST_ACTIONS: &[&str] = &[
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:SetSourceIdentity",
    "sts:TagSession",
];

/// Actions that let nobody in themselves. They let who comes in bring something along
/// that policies may ask for afterwards: tags of the session (`aws:PrincipalTag`) and
/// who is behind it (`aws:SourceIdentity`). A caller who must bring it, as one whose
/// own session has it already, is not let in without (IAM User Guide, "Pass session
/// tags in AWS STS" and "Monitor and control actions taken with assumed roles").
const BRINGING: &[(&str, &str)] = &[
    ("sts:SetSourceIdentity", "source identity"),
    ("sts:TagSession", "session tags"),
];

/// A principal that a statement of a trust policy names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trustee {
    /// The statement that allows.
    pub statement: u32,
    /// What sort of principal.
    pub kind: TrustKind,
    /// Its ARN, account number, service or provider name; `*` for anyone.
    pub name: Box<str>,
    /// The account it belongs to, if it belongs to one.
    pub account: Option<Box<str>>,
    /// How it may be assumed: some of [`TRUST_ACTIONS`].
    pub actions: Vec<&'static str>,
    /// What it may bring along, of whichever statement: `session tags`, `source
    /// identity`, and under which conditions other than those it comes in under.
    pub brings: Vec<String>,
    /// What must be presented.
    pub claims: Vec<Claim>,
    /// Conditions beyond the claims, as text.
    pub residual: Option<String>,
    /// Principals among those named that a deny keeps out, and when.
    pub kept_out: Vec<String>,
    /// No where a deny certainly takes everything back, or the actions are none by
    /// which this kind of principal assumes a role; conditional where a residual is
    /// left. Claims alone leave it at yes.
    pub verdict: Verdict,
    /// The entry fits nobody: a deleted principal, or a text AWS would refuse.
    pub dead: bool,
}

/// Lists all principals the allows of a trust policy name, in order.
pub fn trustees(policy: &Policy) -> Vec<Trustee> {
    let statements = &policy.document().statements;
    let denies: Vec<&Statement> = statements
        .iter()
        .filter(|statement| statement.effect == Effect::Deny)
        .collect();
    let mut found: Vec<(Trustee, &Named)> = Vec::new();
    for (index, statement) in (0..).zip(statements) {
        let Some(principals) = &statement.principals else {
            continue;
        };
        if statement.effect != Effect::Allow {
            continue;
        }
        // Everyone but a few is everyone.
        let list = if principals.not {
            &[Named::Anyone]
        } else {
            &*principals.list
        };
        for named in list {
            let Some(mut trustee) = trustee(index, statement, named, &denies) else {
                continue;
            };
            if principals.not {
                let names = principals.list.iter().map(Named::as_str);
                trustee.kept_out.extend(names.map(str::to_owned));
            }
            found.push((trustee, named));
        }
    }
    bring(found)
}

/// Lets what statements say only of what is brought along be said of those who come in
/// by other statements.
fn bring(found: Vec<(Trustee, &Named)>) -> Vec<Trustee> {
    let (helping, mut entering): (Vec<_>, Vec<_>) = found.into_iter().partition(|(trustee, _)| {
        let mut actions = trustee.actions.iter();
        actions.all(|action| BRINGING.iter().any(|(own, _)| own == action))
    });
    let mut alone = Vec::new();
    for (helper, whose) in helping {
        let mut helps = false;
        for (trustee, named) in &mut entering {
            let as_one = match (includes(whose, named), includes(named, whose)) {
                (true, _) => String::new(),
                (false, true) => format!(" as {}", whose.as_str()),
                (false, false) => continue,
            };
            helps = true;
            let under = helper.conditions();
            let brings = helper.brings.iter();
            trustee
                .brings
                .extend(brings.map(|what| format!("{what}{as_one}{under}")));
        }
        if !helps {
            alone.push(helper);
        }
    }
    let mut all: Vec<Trustee> = entering.into_iter().map(|(trustee, _)| trustee).collect();
    for trustee in &mut all {
        let plain: Vec<&str> = BRINGING.iter().map(|(_, what)| *what).collect();
        let whole: Vec<&str> = plain
            .into_iter()
            .filter(|what| trustee.brings.iter().any(|own| own == what))
            .collect();
        trustee.brings.retain(|own| {
            let mut whole = whole.iter();
            !whole.any(|what| own.starts_with(what) && own != what)
        });
        trustee.brings.sort();
        trustee.brings.dedup();
    }
    all.extend(alone);
    all.sort_by_key(|trustee| trustee.statement);
    all
}

impl Trustee {
    /// Under which conditions its statement holds, to stand behind what it allows;
    /// empty where there are none.
    fn conditions(&self) -> String {
        let claims = self.claims.iter().map(|claim| {
            let values: Vec<&str> = claim.values.iter().map(|value| value.as_str()).collect();
            let absent = match claim.holds_when_absent {
                true => " or is absent",
                false => "",
            };
            format!(
                "{} {} {}{absent}",
                claim.name,
                claim.test.words(),
                values.join(" or ")
            )
        });
        let kept_out = self.kept_out.iter().map(|who| format!("it is not {who}"));
        let mut all: Vec<String> = claims
            .chain(self.residual.clone())
            .chain(kept_out)
            .collect();
        all.sort();
        match all.is_empty() {
            true => String::new(),
            false => format!(" where {}", all.join(" and ")),
        }
    }
}

fn trustee(
    index: u32,
    statement: &Statement,
    named: &Named,
    denies: &[&Statement],
) -> Option<Trustee> {
    let all: Vec<(&'static str, Action)> = TRUST_ACTIONS
        .iter()
        .map(|text| (*text, Action::new(text)))
        .filter(|(_, action)| statement.actions.include(action))
        .collect();
    if all.is_empty() {
        return None;
    }
    let (kind, account) = describe(named);
    let (mut claims, mut residual) = split(&statement.conditions);
    let mut left = all.clone();
    let mut kept_out = Vec::new();
    let mut verdict = Verdict::Yes;
    for deny in denies {
        let Some(list) = &deny.principals else {
            continue;
        };
        let mut some: Vec<&str> = list
            .list
            .iter()
            .filter(|entry| is_among(entry, named))
            .map(Named::as_str)
            .collect();
        if !some.is_empty() && left.iter().any(|(_, action)| deny.actions.include(action)) {
            some.sort_unstable();
            let mut text = format!(
                "{}{}",
                if list.not { "others than " } else { "" },
                some.join(", ")
            );
            if !deny.conditions.is_empty() {
                let conditions: Vec<String> =
                    deny.conditions.iter().map(ToString::to_string).collect();
                text = format!("{text} where {}", conditions.join(" and "));
            }
            if list.not {
                residual.push(format!("not ({text})"));
            } else {
                kept_out.push(text);
            }
            continue;
        }
        if !concerns(list, named) {
            continue;
        }
        let (hit, rest): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|(_, action)| deny.actions.include(action));
        match &*deny.conditions {
            [] => left = rest,
            [condition] if rest.is_empty() && !hit.is_empty() => {
                left = hit;
                match inverse(condition) {
                    Some(claim) => claims.push(claim),
                    None => residual.push(format!("not ({condition})")),
                }
            }
            conditions => {
                if !hit.is_empty() {
                    let text: Vec<String> = conditions.iter().map(ToString::to_string).collect();
                    residual.push(format!("not ({})", text.join(" and ")));
                }
                left = hit;
                left.extend(rest);
            }
        }
    }
    let dead = matches!(named, Named::Dead(_));
    let usable = left.iter().any(|(text, _)| assumes(kind, text));
    let brings = BRINGING
        .iter()
        .filter(|(action, _)| left.iter().any(|(own, _)| own == action))
        .map(|(_, what)| (*what).to_owned())
        .collect();
    if !usable || dead {
        verdict = Verdict::No;
        left = all;
    } else if !residual.is_empty() {
        verdict = Verdict::Conditional;
    }
    left.sort_unstable();
    residual.sort();
    kept_out.sort();
    Some(Trustee {
        statement: index,
        kind,
        name: named.as_str().into(),
        account: account.map(Into::into),
        actions: left.into_iter().map(|(text, _)| text).collect(),
        brings,
        claims,
        residual: (!residual.is_empty()).then(|| residual.join(" and ")),
        kept_out,
        verdict,
        dead,
    })
}

/// Whether a principal of this kind assumes roles by `action` (STS API Reference).
fn assumes(kind: TrustKind, action: &str) -> bool {
    match action {
        "sts:AssumeRole" => !matches!(kind, TrustKind::Saml | TrustKind::Oidc),
        "sts:AssumeRoleWithSAML" => matches!(kind, TrustKind::Saml | TrustKind::Anyone),
        "sts:AssumeRoleWithWebIdentity" => matches!(kind, TrustKind::Oidc | TrustKind::Anyone),
        _ => false,
    }
}

fn describe(named: &Named) -> (TrustKind, Option<&str>) {
    match named {
        Named::Anyone => (TrustKind::Anyone, None),
        Named::Account(account) => (TrustKind::Tenant, Some(account)),
        Named::Arn(principal) => (TrustKind::Identity, Some(principal.account())),
        Named::Service(_) => (TrustKind::Service, None),
        Named::Federated(name) if name.contains(":saml-provider/") => {
            (TrustKind::Saml, super::account_of(name))
        }
        Named::Federated(name) => (TrustKind::Oidc, super::account_of(name)),
        Named::Canonical(_) | Named::Dead(_) => (TrustKind::Identity, None),
    }
}

/// Whether an entry of a deny is one of those that `named` stands for, and not all.
fn is_among(entry: &Named, named: &Named) -> bool {
    match (entry, named) {
        (Named::Anyone | Named::Dead(_), _) => false,
        (_, Named::Anyone) => true,
        (Named::Arn(principal), Named::Account(account)) => *principal.account() == **account,
        _ => false,
    }
}

/// Whether a deny's principals include all of `named`.
fn concerns(list: &Principals, named: &Named) -> bool {
    let listed = list.list.iter().any(|entry| match list.not {
        true => *entry == Named::Anyone || entry == named,
        false => includes(entry, named),
    });
    listed != list.not
}

/// Whether an entry stands for all that `named` does.
fn includes(entry: &Named, named: &Named) -> bool {
    match (entry, named) {
        (Named::Anyone, _) => true,
        (Named::Account(account), Named::Arn(principal)) => **account == *principal.account(),
        (entry, named) => entry == named,
    }
}

/// Claims a set of conditions asks for, and the conditions that are no claims.
fn split(conditions: &[Condition]) -> (Vec<Claim>, Vec<String>) {
    let (mut claims, mut residual) = (Vec::new(), Vec::new());
    // `Null: {key: false}` makes the key's presence certain for its other conditions.
    let present = |key: &str| {
        conditions.iter().any(|condition| {
            condition.operator.base == Base::Null
                && condition.folded_key() == key
                && condition.holds_without_key() == Verdict::No
        })
    };
    for condition in conditions {
        if condition.operator.base == Base::Null {
            let told = conditions.iter().any(|other| {
                other.operator.base != Base::Null && other.folded_key() == condition.folded_key()
            });
            if !(told && present(condition.folded_key())) {
                residual.push(condition.to_string());
            }
            continue;
        }
        match claim(condition) {
            Some(mut claim) => {
                claim.holds_when_absent &= !present(condition.folded_key());
                claims.push(claim);
            }
            None => residual.push(condition.to_string()),
        }
    }
    (claims, residual)
}

/// The condition as a test of one claim.
fn claim(condition: &Condition) -> Option<Claim> {
    let variables = condition.source.iter().any(|value| value.contains("${"));
    let name = claim_name(condition.folded_key()).filter(|_| !variables)?;
    let test = match condition.operator.base {
        Base::StringEquals | Base::Bool => ClaimTest::Equals,
        Base::StringEqualsIgnoreCase => ClaimTest::EqualsIgnoreCase,
        Base::StringLike | Base::ArnLike | Base::ArnEquals => ClaimTest::Like,
        Base::StringNotEquals => ClaimTest::NotEquals,
        Base::StringNotEqualsIgnoreCase => ClaimTest::NotEqualsIgnoreCase,
        Base::StringNotLike | Base::ArnNotLike | Base::ArnNotEquals => ClaimTest::NotLike,
        _ => return None,
    };
    let mut values: Vec<Sym> = condition
        .source
        .iter()
        .map(|value| Sym::new(value))
        .collect();
    values.sort_unstable();
    values.dedup();
    Some(Claim {
        name: Sym::new(&name),
        test,
        values: values.into(),
        holds_when_absent: condition.holds_without_key() == Verdict::Yes,
    })
}

/// What must be presented for a deny with this one condition not to apply.
fn inverse(condition: &Condition) -> Option<Claim> {
    if condition.operator.quantifier != Quantifier::None {
        return None;
    }
    let mut claim = claim(condition)?;
    claim.holds_when_absent = condition.holds_without_key() == Verdict::No;
    claim.test = claim.test.inverse();
    Some(claim)
}

/// The neutral name of a condition key (in lower case) that callers present.
fn claim_name(key: &str) -> Option<String> {
    let known = match key {
        "sts:externalid" => "external-id",
        "sts:rolesessionname" => "session-name",
        "sts:sourceidentity" => "source-identity",
        "aws:multifactorauthpresent" => "mfa",
        "aws:principalarn" => "principal-arn",
        "aws:principalaccount" => "principal-account",
        "aws:principalorgid" => "principal-org-id",
        "aws:principalorgpaths" => "principal-org-paths",
        "aws:sourceaccount" => "source-account",
        "aws:sourcearn" => "source-arn",
        "aws:sourceorgid" => "source-org-id",
        "aws:sourceorgpaths" => "source-org-paths",
        _ => {
            if let Some(tag) = key.strip_prefix("aws:principaltag/") {
                return Some(format!("principal-tag/{tag}"));
            }
            if let Some(tag) = key.strip_prefix("aws:requesttag/") {
                return Some(format!("request-tag/{tag}"));
            }
            // `saml:aud`, and `issuer.example/path:sub` of OpenID Connect.
            let (issuer, name) = key.rsplit_once(':')?;
            return (issuer == "saml" || issuer.contains('.')).then(|| name.to_owned());
        }
    };
    Some(known.to_owned())
}

/// Whether `principal`, presenting `context`, may assume the role by `action`. Only the
/// trust policy and the resource control policies given are asked: an IAM principal of
/// another account also needs its own policies to allow it, as does one that is let in
/// by its account.
pub fn admits(
    policy: &Policy,
    rcps: &[Vec<&Policy>],
    role: &str,
    principal: &Principal,
    action: &Action,
    context: &Context,
) -> Verdict {
    let own = [Policy::everything()];
    let request = Request {
        principal,
        action,
        resource: role,
        resource_account: None,
        context,
        extra: &[],
    };
    let sets = PolicySets {
        identity: &own,
        resource: ResourcePolicy::Present(policy),
        rcps,
        ..PolicySets::default()
    };
    decide(&request, &sets)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/deploy";

    fn policy(statements: Value) -> Policy {
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        Policy::parse(&text).unwrap()
    }

    fn show(statements: Value) -> String {
        let list = trustees(&policy(statements));
        let lines = list.iter().map(|trustee| {
            let claims: Vec<String> = trustee
                .claims
                .iter()
                .map(|claim| {
                    let absent = if claim.holds_when_absent {
                        " or absent"
                    } else {
                        ""
                    };
                    format!("{} {:?} {:?}{absent}", claim.name, claim.test, claim.values)
                })
                .collect();
            format!(
                "{} {} {} {:?} [{}] {}",
                trustee.verdict.as_str(),
                trustee.kind.as_str(),
                trustee.name,
                trustee.actions,
                claims.join("; "),
                trustee.residual.as_deref().unwrap_or("-"),
            ) + &format!(" {:?}", trustee.brings)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn kinds_of_trustees() {
        let list = show(json!([
            {"Effect": "Allow", "Principal": {"AWS": ["*", "444455556666",
                "arn:aws:iam::444455556666:role/x", "AROAEXAMPLE"],
                "Service": "ec2.amazonaws.com",
                "Federated": ["arn:aws:iam::111122223333:saml-provider/idp", "accounts.google.com"]},
             "Action": ["sts:AssumeRole", "sts:TagSession"]},
            {"Effect": "Allow", "NotPrincipal": {"AWS": "444455556666"}, "Action": "sts:*"},
            {"Effect": "Allow", "Principal": "*", "Action": "s3:*"},
        ]));
        insta::assert_snapshot!(list, @r#"
yes anyone * ["sts:AssumeRole", "sts:TagSession"] [] - ["session tags"]
yes tenant 444455556666 ["sts:AssumeRole", "sts:TagSession"] [] - ["session tags"]
yes identity arn:aws:iam::444455556666:role/x ["sts:AssumeRole", "sts:TagSession"] [] - ["session tags"]
no identity AROAEXAMPLE ["sts:AssumeRole", "sts:TagSession"] [] - ["session tags"]
yes service ec2.amazonaws.com ["sts:AssumeRole", "sts:TagSession"] [] - ["session tags"]
no saml arn:aws:iam::111122223333:saml-provider/idp ["sts:AssumeRole", "sts:TagSession"] [] - ["session tags"]
no oidc accounts.google.com ["sts:AssumeRole", "sts:TagSession"] [] - ["session tags"]
yes anyone * ["sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity", "sts:SetSourceIdentity", "sts:TagSession"] [] - ["session tags", "source identity"]
"#);
    }

    #[test]
    fn claims_and_what_guards_nothing() {
        let list = show(json!([
            {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "sts:AssumeRole",
             "Condition": {"StringEquals": {"sts:ExternalId": "x", "aws:PrincipalOrgID": "o-1"},
                "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
            {"Effect": "Allow",
             "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"},
             "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {
                "ForAllValues:StringLike": {"token.actions.githubusercontent.com:sub": "repo:acme/*"},
                "StringEqualsIfExists": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}}},
            {"Effect": "Allow",
             "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"},
             "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {
                "ForAllValues:StringLike": {"token.actions.githubusercontent.com:sub": "repo:acme/*"},
                "Null": {"token.actions.githubusercontent.com:sub": "false"}}},
        ]));
        insta::assert_snapshot!(list, @r#"
conditional tenant 444455556666 ["sts:AssumeRole"] [external-id Equals ["x"]; principal-org-id Equals ["o-1"]] IpAddress(aws:SourceIp, "10.0.0.0/8") []
yes oidc arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com ["sts:AssumeRoleWithWebIdentity"] [sub Like ["repo:acme/*"] or absent; aud Equals ["sts.amazonaws.com"] or absent] - []
yes oidc arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com ["sts:AssumeRoleWithWebIdentity"] [sub Like ["repo:acme/*"]] - []
"#);
    }

    #[test]
    fn denies_are_taken_into_account() {
        let list = show(json!([
            {"Effect": "Allow", "Principal": {"AWS": ["444455556666", "777788889999"]},
             "Action": ["sts:AssumeRole", "sts:TagSession"]},
            {"Effect": "Deny", "Principal": {"AWS": "777788889999"}, "Action": "*"},
            {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole*",
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Effect": "Deny", "Principal": "*", "Action": "sts:*",
             "Condition": {"StringNotEquals": {"sts:ExternalId": "x"}}},
        ]));
        insta::assert_snapshot!(list, @r#"
conditional tenant 444455556666 ["sts:AssumeRole", "sts:TagSession"] [external-id Equals ["x"]] not (Bool(aws:SecureTransport, "false")) ["session tags"]
no tenant 777788889999 ["sts:AssumeRole", "sts:TagSession"] [] - []
"#);
    }

    #[test]
    fn what_may_be_brought_along_is_said_of_who_comes_in() {
        let role = "arn:aws:iam::444455556666:role/x";
        let brings = |statements: Value| -> Vec<Vec<String>> {
            let list = trustees(&policy(statements));
            list.into_iter().map(|trustee| trustee.brings).collect()
        };
        let enters = |who: &str| json!({"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sts:AssumeRole"});
        let tags = |who: &str, condition: Value| {
            json!({"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sts:TagSession",
                   "Condition": condition})
        };
        let none: [&str; 0] = [];
        assert_eq!(brings(json!([enters(role)])), [none]);
        let whole = json!([{"Effect": "Allow", "Principal": {"AWS": role},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]);
        assert_eq!(brings(whole), [["session tags", "source identity"]]);
        let apart = json!([enters(role), tags("444455556666", json!({}))]);
        assert_eq!(brings(apart), [["session tags"]]);
        let team = json!({"StringEquals": {"aws:RequestTag/team": "web"}});
        let under = json!([enters(role), tags(role, team.clone())]);
        assert_eq!(
            brings(under),
            [["session tags where request-tag/team is web"]]
        );
        let freely = json!([enters(role), tags(role, team), tags("*", json!({}))]);
        assert_eq!(brings(freely), [["session tags"]]);
        let some = json!([enters("444455556666"), tags(role, json!({}))]);
        assert_eq!(brings(some), [[format!("session tags as {role}")]]);
        let denied = json!([enters(role), tags(role, json!({})), {"Effect": "Deny",
            "Principal": "*", "Action": "sts:TagSession"}]);
        assert_eq!(brings(denied), [none]);
        // Who is not let in brings nothing.
        let nobody = json!([enters("777788889999"), tags(role, json!({}))]);
        assert_eq!(brings(nobody), [vec![], vec!["session tags".to_owned()]]);
    }

    #[test]
    fn the_case_of_a_value_is_part_of_its_test() {
        let list = show(json!([
            {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "sts:AssumeRole",
             "Condition": {"StringEqualsIgnoreCase": {"sts:ExternalId": "x"},
                "StringNotEqualsIgnoreCase": {"aws:PrincipalTag/team": "guests"}}},
        ]));
        insta::assert_snapshot!(list, @r#"yes tenant 444455556666 ["sts:AssumeRole"] [external-id EqualsIgnoreCase ["x"]; principal-tag/team NotEqualsIgnoreCase ["guests"] or absent] - []"#);
    }

    #[test]
    fn admission_is_decided_by_the_evaluator() {
        let policy = policy(
            json!({"Effect": "Allow", "Principal": {"AWS": "444455556666"},
            "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "x"}}}),
        );
        let ask = |who: &str, external: Option<&str>| {
            let mut context = Context::closed();
            if let Some(id) = external {
                context.set("sts:ExternalId", [id]);
            }
            let principal = Principal::parse(who).unwrap();
            admits(
                &policy,
                &[],
                ROLE,
                &principal,
                &Action::new("sts:AssumeRole"),
                &context,
            )
        };
        let other = "arn:aws:iam::444455556666:user/eve";
        assert_eq!(ask(other, Some("x")), Verdict::Yes);
        assert_eq!(ask(other, None), Verdict::No);
        assert_eq!(
            ask("arn:aws:iam::111122223333:user/bob", Some("x")),
            Verdict::No
        );
    }
}
