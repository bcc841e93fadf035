//! Brokers of short-lived access: what they may hand out, and to whom.
//!
//! `.github/chainguard/NAME.sts.yaml` (octo-sts) trusts an OIDC issuer and subject to
//! mint an App's token with the named permissions. Issuer, subject and claims may be
//! patterns, which octo-sts anchors at both ends. A policy in the repository `.github`
//! holds for the whole organisation unless it lists repositories. Requests to be let
//! past a rule are GitHub's own broker.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::answer::BypassRequest;
use super::facts::{Facts, list};
use super::role::{listed, permissions_tier};
use crate::model::{
    Activation, Claim, ClaimTest, IdentityKind, Moment, Sym, System, Trust, TrustKind, Verdict,
};
use crate::snapshot::github::kind;

/// How the files of trust policies end.
pub(super) const POLICY: &str = ".sts.yaml";

/// A trust policy.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Policy {
    issuer: Option<String>,
    issuer_pattern: Option<String>,
    subject: Option<String>,
    subject_pattern: Option<String>,
    audience: Option<String>,
    audience_pattern: Option<String>,
    claim_pattern: BTreeMap<String, String>,
    permissions: BTreeMap<String, String>,
    repositories: Option<Vec<String>>,
}

/// Adds brokers' policies and bypass requests.
pub fn add(facts: &mut Facts<'_>) {
    let org = facts.org;
    for (name, repository) in org.repositories.iter().flatten() {
        for (file, text) in repository.trust_policies.iter().flatten() {
            let Some(policy_name) = file.strip_suffix(POLICY) else {
                continue;
            };
            match serde_saphyr::from_str::<Policy>(text) {
                Ok(policy) => add_policy(facts, name, policy_name, &policy),
                Err(error) => {
                    if let Some(kind) = kind("graph-repositories") {
                        let message = format!("`{file}` of {name}: {error}");
                        let why = super::gaps::Why::Broken { message };
                        facts.gaps.lacking(kind, &[name], why);
                    }
                }
            }
        }
    }
    for name in ["bypass-requests", "scanning-bypass-requests"] {
        let found = facts
            .files
            .list::<BypassRequest>(name, &[], &mut facts.gaps);
        for request in found.into_iter().flatten() {
            add_request(facts, &request.value, Some(request.location));
        }
    }
}

fn add_policy(facts: &mut Facts<'_>, repository: &str, name: &str, policy: &Policy) {
    let org = facts.org;
    let full_name = org.full_name(repository);
    let above = repository == ".github";
    let everywhere = above && policy.repositories.as_ref().is_none_or(Vec::is_empty);
    let location = org
        .repositories
        .as_ref()
        .and_then(|all| all.get(repository)?.location);
    let id = format!("broker/{full_name}/{name}");
    let mut identity = facts.identity(&id, IdentityKind::Workload, name, location);
    identity.attrs.set("repository", full_name.as_str());
    let target = facts.build.identity(identity);

    let permissions = listed(&policy.permissions);
    let tier = permissions_tier(&permissions, everywhere);
    let scope = if everywhere { "*" } else { full_name.as_str() };
    let set = facts.permissions(&permissions, scope);
    let mut fact = facts.entitlement(target, "broker-policy", name, scope);
    fact.tier = tier;
    fact.permissions = Some(set);
    fact.expires = Moment::Never;
    fact.location = location;
    fact.attrs.set("app_permissions", list(&permissions));
    fact.attrs.set("app_all_repositories", everywhere);
    facts.build.entitlement(fact);

    let subject = policy
        .subject
        .clone()
        .or_else(|| policy.subject_pattern.clone())
        .unwrap_or_else(|| "*".to_owned());
    let mut trust = Trust::new(
        System::Github,
        facts.tenant,
        target,
        TrustKind::Oidc,
        subject.as_str(),
    );
    trust.issuer = policy
        .issuer
        .as_deref()
        .or(policy.issuer_pattern.as_deref())
        .map(Sym::new);
    trust.tier = tier;
    trust.verdict = Verdict::Conditional;
    trust.location = location;
    if let Some(subject) = &policy.subject {
        trust.claims.push(claim("sub", ClaimTest::Equals, subject));
    }
    if let Some(audience) = &policy.audience {
        trust.claims.push(claim("aud", ClaimTest::Equals, audience));
    }
    let open = policy.subject.is_none() && policy.subject_pattern.as_deref().is_none_or(loose);
    let attrs = &mut trust.attrs;
    attrs.set("broker", true);
    attrs.set("broker_everywhere", everywhere);
    attrs.set("subject_unbounded", open);
    attrs.set_some("subject_pattern", policy.subject_pattern.as_deref());
    attrs.set("issuer_pattern", policy.issuer.is_none());
    attrs.set("audience_pattern", policy.audience_pattern.is_some());
    attrs.set("broker_permissions", list(&permissions));
    attrs.set("broker_claims", list(policy.claim_pattern.keys()));
    facts.build.trust(trust);
}

fn claim(name: &str, test: ClaimTest, value: &str) -> Claim {
    Claim {
        name: Sym::new(name),
        test,
        values: Box::new([Sym::new(value)]),
        holds_when_absent: false,
    }
}

/// Whether a regular expression over subjects leaves the repository open: it must fix
/// an owner and a name, `repo:OWNER/NAME`, before anything that matches freely.
fn loose(pattern: &str) -> bool {
    let rest = pattern.trim_start_matches('^');
    let rest = rest.strip_prefix("repo:").unwrap_or(rest);
    let fixed: String = rest
        .chars()
        .take_while(|c| !matches!(c, '*' | '+' | '?' | '(' | '[' | '{' | '|' | '$'))
        .collect();
    // A dot before a quantifier belongs to what matches freely.
    let fixed = fixed.strip_suffix('.').unwrap_or(&fixed);
    match fixed.split_once('/') {
        Some((owner, name)) => owner.is_empty() || !name.contains(':'),
        None => true,
    }
}

fn add_request(
    facts: &mut Facts<'_>,
    request: &BypassRequest,
    location: Option<crate::model::Location>,
) {
    let who = facts.person(
        &request.requester.actor_name,
        Some(request.requester.actor_id),
        location,
    );
    let scope = request.repository.full_name.clone();
    let mut fact = facts.entitlement(
        who,
        "bypass-request",
        &format!("{}/{}", request.request_type, request.id),
        &scope,
    );
    let approvals: Vec<&str> = request
        .responses
        .iter()
        .filter(|response| response.status == "approved")
        .map(|response| response.reviewer.actor_name.as_str())
        .collect();
    let by_other = approvals
        .iter()
        .any(|by| *by != request.requester.actor_name.as_str());
    let over = request
        .expires_at
        .at()
        .is_some_and(|end| end <= facts.context.now);
    fact.tier = crate::model::Tier::Write;
    fact.activation = match request.status.as_str() {
        "approved" if by_other => Activation::Jit,
        "approved" => Activation::Standing,
        _ => Activation::Eligible,
    };
    fact.verdict = match request.status.as_str() {
        "approved" | "completed" if !over => Verdict::Yes,
        "pending" | "open" => Verdict::Conditional,
        _ => Verdict::No,
    };
    if fact.verdict == Verdict::Conditional {
        fact.residual = Some(Sym::new("somebody approves the request"));
    }
    fact.since = request.created_at.at();
    fact.expires = request.expires_at;
    fact.location = location;
    fact.attrs.set("request_status", request.status.as_str());
    fact.attrs
        .set("self_approved", !approvals.is_empty() && !by_other);
    facts.build.entitlement(fact);
}

#[cfg(test)]
mod tests {
    use super::loose;

    #[test]
    fn a_pattern_must_fix_the_repository() {
        for (pattern, expected) in [
            (".*", true),
            ("repo:acme/.*", true),
            ("repo:acme/app.*", true),
            ("repo:acme/app:.*", false),
            ("^repo:acme/app:ref:refs/heads/(main|dev)$", false),
            ("repo:[^/]+/app:ref:.*", true),
        ] {
            assert_eq!(loose(pattern), expected, "{pattern}");
        }
    }
}
