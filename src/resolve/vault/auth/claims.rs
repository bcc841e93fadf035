//! What logins must present, in the neutral form that joins with other systems.

use serde_json::Value as Json;

use crate::model::{Claim, ClaimTest, Sym, Trust, Verdict};
use crate::resolve::vault::documents::{flag, length, strings, text};

/// Claims whose value people can change themselves.
const MUTABLE_CLAIMS: &[&str] = &[
    "email",
    "preferred_username",
    "name",
    "nickname",
    "upn",
    "login",
];
const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";

/// What must be presented. Vault and OpenBao compare by `ryanuber/go-glob`, which knows
/// `*` and nothing else.
fn claim(name: &str, values: &[&str], globs: bool) -> Claim {
    let wild = globs && values.iter().any(|value| value.contains('*'));
    let mut values: Vec<Sym> = values.iter().map(|value| Sym::new(value)).collect();
    values.sort();
    Claim {
        name: Sym::new(name),
        test: if wild {
            ClaimTest::Starred
        } else {
            ClaimTest::Equals
        },
        values: values.into(),
        holds_when_absent: false,
    }
}

/// One trust per bound namespace and name, so that each joins with one service
/// account (or with a pattern).
pub(super) fn kubernetes(
    data: &Json,
    config: Option<&Json>,
    make: impl Fn(&str) -> Trust,
) -> Vec<Trust> {
    let names = strings(data, "bound_service_account_names");
    let namespaces = strings(data, "bound_service_account_namespaces");
    let selector = text(data, "bound_service_account_namespace_selector");
    let audience = strings(data, "audience");
    let any = |list: &[&str]| list.contains(&"*");
    // An empty selector, `{}`, fits every namespace.
    let open_selector = selector.is_some_and(|text| text.replace(' ', "") == "{}");
    let mut trusts = Vec::new();
    let places: &[&str] = if namespaces.is_empty() {
        &["*"]
    } else {
        &namespaces
    };
    for namespace in places {
        for name in &names {
            let mut trust = make(&format!("system:serviceaccount:{namespace}:{name}"));
            trust.issuer = config
                .and_then(|config| {
                    text(config, "issuer").or_else(|| text(config, "kubernetes_host"))
                })
                .map(Sym::new);
            trust.claims = vec![
                claim("service_account_name", &[name], true),
                claim("service_account_namespace", &[namespace], true),
            ];
            if !audience.is_empty() {
                trust.claims.push(claim("aud", &audience, false));
            }
            if namespaces.is_empty()
                && let Some(selector) = selector
            {
                trust.verdict = Verdict::Conditional;
                trust.residual = Some(Sym::new(&format!(
                    "the namespace has the labels {selector}"
                )));
            }
            let attrs = &mut trust.attrs;
            attrs.set("any_service_account", any(&names));
            attrs.set("any_namespace", any(&namespaces) || open_selector);
            attrs.set("audience", !audience.is_empty());
            attrs.set(
                "alias_by_name",
                text(data, "alias_name_source") == Some("serviceaccount_name"),
            );
            attrs.set("default_service_account", names.contains(&"default"));
            trusts.push(trust);
        }
    }
    trusts
}

/// `bound_*` of a JWT or OIDC role. `bound_claims_type` decides about globs.
pub(super) fn jwt(data: &Json, config: Option<&Json>, mut trust: Trust) -> Trust {
    let globs = text(data, "bound_claims_type") == Some("glob");
    let audiences = strings(data, "bound_audiences");
    let subject = text(data, "bound_subject");
    trust.issuer = config
        .and_then(|config| {
            text(config, "bound_issuer").or_else(|| text(config, "oidc_discovery_url"))
        })
        .map(|issuer| Sym::new(issuer.trim_end_matches('/')));
    if !audiences.is_empty() {
        trust.claims.push(claim("aud", &audiences, false));
    }
    if let Some(subject) = subject {
        trust.claims.push(claim("sub", &[subject], false));
    }
    let bound = data.get("bound_claims").and_then(Json::as_object);
    for (name, value) in bound.into_iter().flatten() {
        let values = match value {
            Json::String(text) => vec![text.as_str()],
            Json::Array(list) => list.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        trust
            .claims
            .push(claim(name.trim_start_matches('/'), &values, globs));
    }
    let values = || {
        trust
            .claims
            .iter()
            .flat_map(|claim| claim.values.iter().map(move |value| (claim.name, *value)))
    };
    let leading = globs && values().any(|(_, value)| value.starts_with('*'));
    let github = trust.issuer.is_some_and(|issuer| issuer == GITHUB_ISSUER);
    let owner_wide = github && !pins_repository(&trust);
    let pull_requests = github
        && values().any(|(name, value)| {
            (name == "sub" && value.ends_with(":pull_request"))
                || (name == "event_name" && value == "pull_request")
                || (name == "ref" && value.starts_with("refs/pull/"))
        });
    let environment = values().any(|(name, value)| {
        name == "environment" || (name == "sub" && value.contains(":environment:"))
    });
    let user_claim = text(data, "user_claim").map(|claim| claim.trim_start_matches('/'));
    let attrs = &mut trust.attrs;
    attrs.set("bound", !trust.claims.is_empty());
    attrs.set(
        "only_audience",
        trust.claims.iter().all(|claim| claim.name == "aud"),
    );
    attrs.set("leading_wildcard", leading);
    attrs.set("github", github);
    attrs.set("owner_wide", owner_wide);
    attrs.set("pull_requests", pull_requests);
    attrs.set("environment", environment);
    attrs.set(
        "mutable_user_claim",
        user_claim.is_some_and(|claim| MUTABLE_CLAIMS.contains(&claim)),
    );
    attrs.set_some("user_claim", user_claim);
    let leeway = [
        "clock_skew_leeway",
        "expiration_leeway",
        "not_before_leeway",
    ]
    .into_iter()
    .filter_map(|key| length(data, key))
    .max();
    attrs.set_some("leeway", leeway);
    let plain = strings(data, "allowed_redirect_uris")
        .into_iter()
        .any(|uri| {
            uri.starts_with("http://") && !uri.contains("localhost") && !uri.contains("127.0.0.1")
        });
    attrs.set("plain_redirect", plain);
    attrs.set(
        "policies_from_claim",
        flag(data, "token_policies_template_claims") == Some(true),
    );
    trust
}

/// Whether some claim names repositories, or an owner's id together with more.
fn pins_repository(trust: &Trust) -> bool {
    trust.claims.iter().any(|claim| {
        let pinned = |value: &str| match claim.name.as_str() {
            "repository" => value.split_once('/').is_some_and(|(owner, repository)| {
                !owner.contains('*') && !repository.starts_with('*')
            }),
            "repository_id" => !value.starts_with('*'),
            "sub" => value.strip_prefix("repo:").is_some_and(|rest| {
                let repository = rest.split(':').next().unwrap_or_default();
                repository
                    .split_once('/')
                    .is_some_and(|(owner, name)| !owner.contains('*') && !name.starts_with('*'))
            }),
            "job_workflow_ref" => {
                !value.starts_with('*') && value.matches('/').count() >= 2 && {
                    let mut parts = value.split('/');
                    let (owner, name) = (parts.next(), parts.next());
                    owner.is_some_and(|part| !part.contains('*'))
                        && name.is_some_and(|part| !part.starts_with('*'))
                }
            }
            _ => false,
        };
        !claim.values.is_empty() && claim.values.iter().all(|value| pinned(value))
    })
}

/// One trust per bound principal of an AWS role; inferred EC2 roles give one.
pub(super) fn aws(data: &Json, make: impl Fn(&str) -> Trust) -> Vec<Trust> {
    let unique = flag(data, "resolve_aws_unique_ids");
    let principals = strings(data, "bound_iam_principal_arn");
    let mut trusts: Vec<Trust> = principals
        .iter()
        .map(|arn| {
            let mut trust = make(arn);
            trust.trustee_tenant = arn
                .split(':')
                .nth(4)
                .filter(|account| !account.is_empty() && *account != "*")
                .map(Sym::new);
            trust.claims = vec![claim("iam_principal_arn", &[arn], true)];
            trust
        })
        .collect();
    if principals.is_empty() {
        let mut trust = make("EC2 instances");
        for key in [
            "bound_account_id",
            "bound_ami_id",
            "bound_iam_role_arn",
            "bound_iam_instance_profile_arn",
            "bound_ec2_instance_id",
            "bound_region",
            "bound_vpc_id",
            "bound_subnet_id",
        ] {
            let values = strings(data, key);
            if !values.is_empty() {
                trust
                    .claims
                    .push(claim(key.trim_start_matches("bound_"), &values, true));
            }
        }
        trusts.push(trust);
    }
    for trust in &mut trusts {
        let wide = principals.iter().any(|arn| {
            *arn == "*"
                || arn.ends_with(":root")
                || arn.ends_with(":*")
                || arn.ends_with("/*") && arn.matches('/').count() == 1
        });
        trust.attrs.set("any_principal", wide);
        trust.attrs.set("unique_ids", unique != Some(false));
    }
    trusts
}

/// What a certificate must say.
pub(super) fn cert(data: &Json, mut trust: Trust) -> Trust {
    for key in [
        "allowed_names",
        "allowed_common_names",
        "allowed_dns_sans",
        "allowed_email_sans",
        "allowed_uri_sans",
        "allowed_organizational_units",
        "required_extensions",
    ] {
        let values = strings(data, key);
        if !values.is_empty() {
            trust
                .claims
                .push(claim(key.trim_start_matches("allowed_"), &values, true));
        }
    }
    let open = trust.claims.is_empty()
        || trust
            .claims
            .iter()
            .all(|claim| claim.values.iter().all(|value| *value == "*"));
    trust.attrs.set("any_certificate", open);
    trust
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{IdentityRef, System, TrustKind};
    use serde_json::json;

    fn make(trustee: &str) -> Trust {
        Trust::new(System::Vault, "v", IdentityRef(0), TrustKind::Oidc, trustee)
    }

    fn attr(trust: &Trust, name: &str) -> bool {
        trust.attrs.get(Sym::new(name)) == Some(&crate::model::Value::Bool(true))
    }

    #[test]
    fn every_service_account_of_the_cross_product() {
        let data = json!({"bound_service_account_names": ["a", "b"], "bound_service_account_namespaces": "x,y"});
        let trusts = kubernetes(&data, None, make);
        let trustees: Vec<&str> = trusts.iter().map(|trust| trust.trustee.as_str()).collect();
        assert_eq!(
            trustees,
            [
                "system:serviceaccount:x:a",
                "system:serviceaccount:x:b",
                "system:serviceaccount:y:a",
                "system:serviceaccount:y:b"
            ]
        );
        assert!(!attr(&trusts[0], "audience"));
        let open = json!({"bound_service_account_names": "*", "bound_service_account_namespace_selector": "{}"});
        let open = kubernetes(&open, None, make);
        assert!(attr(&open[0], "any_service_account") && attr(&open[0], "any_namespace"));
    }

    #[test]
    fn a_question_mark_is_itself() {
        let data = json!({
            "bound_service_account_names": ["api?", "job-*"],
            "bound_service_account_namespaces": ["x"],
        });
        let trusts = kubernetes(&data, None, make);
        let admits = |at: usize, name: &str| trusts[at].claims[0].admits(name);
        assert!(!admits(0, "api1") && admits(0, "api?"));
        assert!(admits(1, "job-1") && !admits(1, "job"));
        let data = json!({
            "bound_claims_type": "glob",
            "bound_claims": {"repository": "acme/ap?", "ref": "refs/heads/?*"},
        });
        let trust = jwt(&data, None, make("ci"));
        let admits = |name: &str, value: &str| {
            let claim = trust.claims.iter().find(|claim| claim.name == name);
            claim.is_some_and(|claim| claim.admits(value))
        };
        assert!(!admits("repository", "acme/app"));
        assert!(!admits("ref", "refs/heads/main") && admits("ref", "refs/heads/?x"));
    }

    #[test]
    fn github_roles_that_name_no_repository() {
        let config = json!({"bound_issuer": "https://token.actions.githubusercontent.com"});
        let of = |claims: Json| {
            let data = json!({"bound_claims": claims, "bound_claims_type": "glob", "bound_audiences": ["v"]});
            attr(&jwt(&data, Some(&config), make("x")), "owner_wide")
        };
        assert!(of(json!({"repository_owner": "acme"})));
        assert!(of(json!({"sub": "repo:acme/*"})));
        assert!(of(json!({"repository": "acme/*"})));
        assert!(!of(json!({"repository": "acme/app"})));
        assert!(!of(json!({"sub": "repo:acme/app:environment:prod"})));
        assert!(!of(json!({"sub": "repo:acme@1/app@2:ref:refs/heads/main"})));
        assert!(of(json!({})));
    }

    #[test]
    fn aws_roles_for_everybody() {
        let wide = |arn: &str| {
            attr(
                &aws(&json!({"bound_iam_principal_arn": [arn]}), make)[0],
                "any_principal",
            )
        };
        assert!(wide("*") && wide("arn:aws:iam::1:root") && wide("arn:aws:iam::1:role/*"));
        assert!(!wide("arn:aws:iam::1:role/app") && !wide("arn:aws:iam::1:role/app/*"));
        let unpinned = aws(
            &json!({"bound_iam_principal_arn": ["arn:aws:iam::1:role/a"], "resolve_aws_unique_ids": false}),
            make,
        );
        assert!(!attr(&unpinned[0], "unique_ids"));
    }
}
