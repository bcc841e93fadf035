//! What one set of policies is worth: tier, escalations, and guards that do not hold.
//!
//! Identities share sets, so each distinct set is judged once.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::acl::{Acl, Operation};
use super::escalate::{Candidate, Catalogue, Probe, own_witness};
use super::policy::{Caps, Dialect, Policy, Rule};
use crate::model::{Tier, Verdict};

/// A policy with what is the same in every set.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) policy: Policy,
    candidates: Vec<Candidate>,
    /// A path each rule is about, in rule order.
    witnesses: Vec<String>,
    /// What each rule is worth if it decides, in rule order.
    tiers: Vec<Tier>,
    /// Whether some rule has a control group, a wrapping floor or a deny.
    guards: bool,
    /// Rules about `sys/policies/acl/<name>`, with the older path of the same policy.
    legacy: Vec<(usize, String)>,
}

impl Prepared {
    pub(super) fn new(
        policy: Policy,
        namespace: &str,
        catalogue: &Catalogue,
        probes: &[Probe],
    ) -> Self {
        Prepared {
            candidates: super::escalate::candidates(&policy, probes),
            witnesses: policy.rules.iter().map(own_witness).collect(),
            tiers: policy
                .rules
                .iter()
                .map(|rule| rule_tier(rule, namespace, catalogue))
                .collect(),
            guards: policy.rules.iter().any(|rule| {
                rule.control_group.is_some()
                    || rule.min_wrapping.is_positive()
                    || rule.caps.any(Caps::DENY)
            }),
            legacy: policy
                .rules
                .iter()
                .enumerate()
                .filter_map(|(at, rule)| Some((at, legacy_path(&rule.path)?)))
                .collect(),
            policy,
        }
    }
}

/// `sys/policy/<name>` writes the same policy as `sys/policies/acl/<name>`.
fn legacy_path(path: &str) -> Option<String> {
    let (before, name) = path.split_once("sys/policies/acl/")?;
    (!name.is_empty() && !name.contains('+')).then(|| format!("{before}sys/policy/{name}"))
}

/// What a rule is worth by its path and capabilities alone.
fn rule_tier(rule: &Rule, namespace: &str, catalogue: &Catalogue) -> Tier {
    let path = rule.path.strip_prefix(namespace).unwrap_or(&rule.path);
    if rule.caps.any(Caps::DENY) || rule.caps.is_empty() || catalogue.is_self_service(path) {
        return Tier::None;
    }
    // Reading there makes or hands out a credential for another system.
    let draws = ["/creds/", "/static-creds/", "/sts/", "/token/"]
        .into_iter()
        .any(|part| path.contains(part) && !path.starts_with("auth/"));
    if rule.caps.any(Caps::WRITES) || (draws && rule.caps.any(Caps::READ)) {
        Tier::Write
    } else if rule
        .caps
        .any(Caps::READ | Caps::LIST | Caps::SCAN | Caps::SUBSCRIBE)
    {
        Tier::Read
    } else {
        Tier::None
    }
}

/// A technique that works.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub(super) technique: usize,
    pub(super) verdict: Verdict,
    /// What else must be met, for a conditional one.
    pub(super) residual: Option<String>,
    /// Somebody must approve each use.
    pub(super) approval: bool,
    /// The requests that show it: operation and path.
    pub(super) requests: Vec<(Operation, String)>,
    /// Policy (index into the set) and span of the rules that give it.
    pub(super) given_by: Vec<(usize, std::ops::Range<usize>)>,
}

/// What a policy is worth within the set.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    pub(super) tier: Tier,
    /// Whether any of its rules decides anything.
    pub(super) verdict: Verdict,
    pub(super) residual: Option<String>,
    /// Everything it gives must be approved by somebody first.
    pub(super) approval: bool,
    /// Requests by which its rules go round a control group of the set.
    pub(super) bypasses_approval: Vec<String>,
    /// Requests by which its rules go round a wrapping floor of the set.
    pub(super) drops_wrapping: Vec<String>,
    /// Requests its rules allow although another policy denies a wider pattern.
    pub(super) undoes_deny: Vec<String>,
    /// Policies guarded under `sys/policies/acl/` and writable under `sys/policy/`.
    pub(super) legacy_path_open: Vec<String>,
}

/// What a set of policies is worth.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
    pub(super) tier: Tier,
    pub(super) root: bool,
    pub(super) hits: Vec<Hit>,
    /// One per policy of the set, in its order.
    pub(super) shares: Vec<Share>,
}

/// What judging needs besides the policies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Court<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) probes: &'a [Probe],
    pub(super) dialect: Dialect,
    pub(super) now: Timestamp,
}

impl Court<'_> {
    /// Judges `set`. The root policy decides alone, whatever is beside it.
    pub(super) fn judge(&self, set: &[&Prepared]) -> Judged {
        if let Some(at) = set.iter().position(|one| one.policy.name == "root") {
            let mut shares = vec![Share::default(); set.len()];
            shares[at].tier = Tier::Admin;
            shares[at].verdict = Verdict::Yes;
            return Judged {
                tier: Tier::Admin,
                root: true,
                hits: Vec::new(),
                shares,
            };
        }
        let policies: Vec<&Policy> = set.iter().map(|one| &one.policy).collect();
        let Ok(acl) = Acl::new(&policies, self.dialect, self.now) else {
            return Judged::default();
        };
        let mut judged = Judged {
            shares: set
                .iter()
                .enumerate()
                .map(|(at, one)| share(&acl, at, one))
                .collect(),
            hits: self.hits(&acl, set),
            ..Judged::default()
        };
        for hit in &judged.hits {
            let tier = self.catalogue.techniques[hit.technique].tier;
            for (policy, _) in &hit.given_by {
                let share = &mut judged.shares[*policy];
                // What needs more than the policy gives is no part of its plain worth;
                // the path tells it with its condition.
                if hit.verdict >= share.verdict {
                    share.tier = share.tier.max(tier);
                }
            }
        }
        judged.tier = judged
            .shares
            .iter()
            .map(|share| share.tier)
            .max()
            .unwrap_or_default();
        if set.iter().any(|one| one.guards) {
            broken_guards(&acl, set, &mut judged.shares);
        }
        legacy_paths(&acl, set, &mut judged.shares);
        judged
    }

    fn hits(&self, acl: &Acl<'_>, set: &[&Prepared]) -> Vec<Hit> {
        // By technique and probe number, the first that works outright, else the
        // first that works under a condition.
        let mut works: BTreeMap<(usize, usize), Hit> = BTreeMap::new();
        for candidate in set.iter().flat_map(|one| &one.candidates) {
            let probe = &self.probes[candidate.probe];
            let key = (probe.technique, probe.number);
            if works
                .get(&key)
                .is_some_and(|hit| hit.verdict == Verdict::Yes)
            {
                continue;
            }
            if let Some(hit) = try_probe(acl, probe, &candidate.witness) {
                let better = works.get(&key).is_none_or(|old| old.verdict < hit.verdict);
                if better {
                    works.insert(key, hit);
                }
            }
        }
        let mut hits: Vec<Hit> = Vec::new();
        for ((technique, _), hit) in works {
            match hits.last_mut() {
                Some(last) if last.technique == technique => {
                    if self.catalogue.techniques[technique].all {
                        last.requests.extend(hit.requests);
                        last.given_by.extend(hit.given_by);
                        last.verdict = last.verdict.min(hit.verdict);
                        last.residual = last.residual.take().or(hit.residual);
                        last.approval |= hit.approval;
                    } else if last.verdict < hit.verdict {
                        *last = hit;
                    }
                }
                _ => hits.push(hit),
            }
        }
        hits.retain(|hit| {
            let technique = &self.catalogue.techniques[hit.technique];
            !technique.all || hit.requests.len() >= self.probes_of(hit.technique)
        });
        hits
    }

    fn probes_of(&self, technique: usize) -> usize {
        self.probes
            .iter()
            .filter(|probe| probe.technique == technique)
            .map(|probe| probe.number + 1)
            .max()
            .unwrap_or(0)
    }
}

const OPERATIONS: [Operation; 6] = [
    Operation::Update,
    Operation::Create,
    Operation::Read,
    Operation::List,
    Operation::Delete,
    Operation::Patch,
];

fn try_probe(acl: &Acl<'_>, probe: &Probe, witness: &str) -> Option<Hit> {
    let (operation, rules) = OPERATIONS.into_iter().find_map(|operation| {
        if !probe.caps.has(operation.needs()) {
            return None;
        }
        let (caps, rules) = acl.decision(witness, operation);
        let works = caps.has(operation.needs()) && (!probe.sudo || caps.has(Caps::SUDO));
        works.then_some((operation, rules))
    })?;
    let giving = || {
        rules
            .iter()
            .filter(|(_, rule)| rule.caps.has(operation.needs()))
    };
    let residual = residual(rules);
    Some(Hit {
        technique: probe.technique,
        verdict: if residual.is_some() {
            Verdict::Conditional
        } else {
            Verdict::Yes
        },
        approval: rules.iter().any(|(_, rule)| rule.control_group.is_some()),
        residual,
        requests: vec![(operation, witness.to_owned())],
        given_by: giving()
            .map(|(policy, rule)| (*policy, rule.span.clone()))
            .collect(),
    })
}

/// What a request must meet beyond its path.
fn residual(rules: &[(usize, &Rule)]) -> Option<String> {
    let any = |test: fn(&Rule) -> bool| rules.iter().any(|(_, rule)| test(rule));
    let mut parts: Vec<&str> = Vec::new();
    let templates: Vec<String> = rules
        .iter()
        .filter_map(|(_, rule)| rule.template.as_ref())
        .map(|template| format!("`{}` is filled in so that it fits", template.text))
        .collect();
    // Where another rule of the same pattern needs no template, it fits anyway.
    if templates.len() == rules.len() {
        parts.extend(templates.first().map(String::as_str));
    }
    if any(|rule| rule.control_group.is_some()) {
        parts.push("somebody approves (control group)");
    }
    if any(|rule| !rule.mfa.is_empty()) {
        parts.push("a second factor is passed");
    }
    if any(|rule| !rule.required.is_empty()) {
        parts.push("required parameters are given");
    }
    if any(|rule| {
        rule.allowed
            .as_ref()
            .is_some_and(|map| !map.is_empty() && !map.contains_key("*"))
    }) {
        parts.push("only allowed parameters are used");
    }
    if any(|rule| rule.denied.as_ref().is_some_and(|map| !map.is_empty())) {
        parts.push("denied parameters are avoided");
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn share(acl: &Acl<'_>, at: usize, one: &Prepared) -> Share {
    let mut share = Share::default();
    let mut held_back = true;
    for ((rule, witness), tier) in one.policy.rules.iter().zip(&one.witnesses).zip(&one.tiers) {
        if rule.caps.any(Caps::DENY) || rule.caps.is_empty() {
            continue;
        }
        // Lists are asked about like any other request here: the witness has no
        // trailing slash.
        let (caps, deciding) = acl.decision(witness, Operation::Read);
        let mine = deciding
            .iter()
            .any(|(policy, decides)| *policy == at && std::ptr::eq(*decides, rule));
        if !mine || caps.any(Caps::DENY) {
            continue;
        }
        share.tier = share.tier.max(*tier);
        let condition = residual(deciding);
        held_back &= deciding.iter().any(|(_, rule)| {
            rule.control_group
                .as_ref()
                .is_some_and(super::policy::ControlGroup::is_effective)
        });
        share.verdict = share.verdict.max(if condition.is_some() {
            Verdict::Conditional
        } else {
            Verdict::Yes
        });
        share.residual = share.residual.take().or(condition);
    }
    if share.verdict == Verdict::Yes {
        share.residual = None;
    }
    share.approval = share.verdict != Verdict::No && held_back;
    share
}

/// Finds rules that decide where a control group, a wrapping floor or a deny of a
/// wider pattern was meant to.
fn broken_guards(acl: &Acl<'_>, set: &[&Prepared], shares: &mut [Share]) {
    let all = || {
        set.iter().enumerate().flat_map(|(at, one)| {
            one.policy
                .rules
                .iter()
                .zip(&one.witnesses)
                .map(move |(rule, witness)| (at, rule, witness))
        })
    };
    let guards = all().filter(|(_, rule, _)| {
        rule.control_group.is_some() || rule.min_wrapping.is_positive() || rule.caps.any(Caps::DENY)
    });
    for (from, guard, _) in guards {
        for (at, rule, witness) in all() {
            if std::ptr::eq(guard, rule) || rule.caps.any(Caps::DENY) || rule.caps.is_empty() {
                continue;
            }
            if !super::template::covers(guard, witness) {
                continue;
            }
            let (caps, decides) = acl.decision(witness, Operation::Read);
            let mine = decides
                .iter()
                .any(|(policy, one)| *policy == at && std::ptr::eq(*one, rule));
            if !mine || caps.any(Caps::DENY) {
                continue;
            }
            let request = || {
                let word = rule
                    .caps
                    .names()
                    .find(|name| *name != "sudo")
                    .unwrap_or("use");
                format!("{word} {witness}")
            };
            let share = &mut shares[at];
            if guard.caps.any(Caps::DENY) {
                if at != from && !share.undoes_deny.contains(&request()) {
                    share.undoes_deny.push(request());
                }
                continue;
            }
            if !guard.caps.any(rule.caps) {
                continue;
            }
            if guard.control_group.is_some() && acl.approval_at(witness, Operation::Read).is_none()
            {
                share.bypasses_approval.push(request());
            }
            if guard.min_wrapping.is_positive()
                && decides
                    .iter()
                    .all(|(_, one)| one.min_wrapping < guard.min_wrapping)
            {
                share.drops_wrapping.push(request());
            }
        }
    }
    for share in shares {
        for list in [
            &mut share.bypasses_approval,
            &mut share.drops_wrapping,
            &mut share.undoes_deny,
        ] {
            list.sort();
            list.dedup();
        }
    }
}

/// Finds policies guarded under their path and writable under the older one.
fn legacy_paths(acl: &Acl<'_>, set: &[&Prepared], shares: &mut [Share]) {
    let may_update = |path: &str| acl.caps(path, Operation::Update).has(Caps::UPDATE);
    for (share, one) in shares.iter_mut().zip(set) {
        for (rule, legacy) in &one.legacy {
            if !may_update(&one.policy.rules[*rule].path) && may_update(legacy) {
                share.legacy_path_open.push(format!("update {legacy}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::escalate::{Mounts, bind, catalogue};
    use super::*;

    fn judge(texts: &[&str]) -> Judged {
        let catalogue = catalogue();
        let probes = bind(catalogue, "", &Mounts::default());
        let prepared: Vec<Prepared> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| {
                let policy = Policy::parse(&format!("p{at}"), "", text, None).unwrap();
                Prepared::new(policy, "", catalogue, &probes)
            })
            .collect();
        let court = Court {
            catalogue,
            probes: &probes,
            dialect: Dialect::Openbao,
            now: Timestamp::UNIX_EPOCH,
        };
        court.judge(&prepared.iter().collect::<Vec<_>>())
    }

    fn techniques(judged: &Judged) -> Vec<&'static str> {
        judged
            .hits
            .iter()
            .map(|hit| catalogue().techniques[hit.technique].id.as_str())
            .collect()
    }

    #[test]
    fn everything_is_admin() {
        let judged = judge(&[
            r#"path "*" { capabilities = ["create","read","update","delete","list","sudo"] }"#,
        ]);
        assert_eq!(judged.tier, Tier::Admin);
        assert_eq!(judged.hits.len(), 32);
    }

    #[test]
    fn a_deny_in_another_policy_closes_an_escalation() {
        let wide = r#"path "sys/policies/acl/*" { capabilities = ["update"] }"#;
        assert_eq!(techniques(&judge(&[wide])), ["VLT-PE-002"]);
        let deny = r#"path "sys/policies/acl/*" { capabilities = ["deny"] }"#;
        assert!(judge(&[wide, deny]).hits.is_empty());
        // A deny on a wider pattern does not.
        let wider = r#"path "sys/*" { capabilities = ["deny"] }"#;
        let judged = judge(&[wide, wider]);
        assert_eq!(techniques(&judged), ["VLT-PE-002"]);
        assert_eq!(
            judged.shares[0].undoes_deny,
            ["update sys/policies/acl/tenure-probe"]
        );
    }

    #[test]
    fn sudo_from_one_policy_and_update_from_another_add_up() {
        let update = r#"path "auth/token/create" { capabilities = ["update"] }"#;
        let sudo = r#"path "auth/token/create" { capabilities = ["sudo"] }"#;
        assert!(judge(&[update]).hits.is_empty());
        assert_eq!(techniques(&judge(&[update, sudo])), ["VLT-PE-003"]);
    }

    #[test]
    fn tiers_of_single_rules() {
        let tier = |path: &str, cap: &str| {
            judge(&[&format!("path \"{path}\" {{ capabilities = [\"{cap}\"] }}")]).tier
        };
        assert_eq!(tier("cubbyhole/*", "update"), Tier::None);
        assert_eq!(tier("secret/data/app/*", "read"), Tier::Read);
        assert_eq!(tier("secret/data/app/*", "update"), Tier::Write);
        assert_eq!(tier("database/creds/ro", "read"), Tier::Write);
        assert_eq!(tier("secret/data/app/*", "deny"), Tier::None);
    }

    #[test]
    fn an_approval_is_gone_round_by_a_deeper_rule() {
        let guarded = r#"path "kv/data/prod/*" { capabilities=["read"] control_group={ ttl="4h" factor "f" { identity { group_names=["a"] approvals=1 } } } }"#;
        let judged = judge(&[guarded]);
        assert!(judged.shares[0].approval);
        assert_eq!(judged.shares[0].verdict, Verdict::Conditional);
        let judged = judge(&[
            guarded,
            r#"path "kv/data/prod/db" { capabilities=["read"] }"#,
        ]);
        assert_eq!(judged.shares[1].bypasses_approval, ["read kv/data/prod/db"]);
        assert!(judged.shares[0].bypasses_approval.is_empty());
    }

    #[test]
    fn a_wrapping_floor_and_a_guarded_policy_are_gone_round() {
        let judged = judge(&[
            r#"path "pki/issue/*" { capabilities=["update"] min_wrapping_ttl="1h" }"#,
            r#"path "pki/issue/web" { capabilities=["update"] }"#,
        ]);
        assert_eq!(judged.shares[1].drops_wrapping, ["update pki/issue/web"]);
        let judged = judge(&[r#"path "sys/policies/acl/admin" { capabilities=["read"] }
               path "sys/*" { capabilities=["update"] }"#]);
        assert_eq!(
            judged.shares[0].legacy_path_open,
            ["update sys/policy/admin"]
        );
    }

    #[test]
    fn a_template_is_one_name_and_a_condition() {
        let catalogue = catalogue();
        let probes = bind(catalogue, "", &Mounts::default());
        let judge = |text: &str| {
            let policy = Policy::parse("p", "", text, None).unwrap();
            let policy = super::super::template::widened(&policy, &|_: &str| false);
            let court = Court {
                catalogue,
                probes: &probes,
                dialect: Dialect::Openbao,
                now: Timestamp::UNIX_EPOCH,
            };
            court.judge(&[&Prepared::new(policy, "", catalogue, &probes)])
        };
        let own = judge(
            r#"path "auth/approle/role/{{identity.entity.name}}/secret-id" { capabilities=["update"] }"#,
        );
        assert!(own.hits.is_empty());
        assert_eq!(own.shares[0].verdict, Verdict::Conditional);
        let named = judge(
            r#"path "sys/policies/acl/{{identity.entity.metadata.team}}" { capabilities=["update"] }"#,
        );
        assert_eq!(techniques(&named), ["VLT-PE-002"]);
        assert_eq!(
            named.hits[0].residual.as_deref(),
            Some(
                "`sys/policies/acl/{{identity.entity.metadata.team}}` is filled in so that it fits"
            )
        );
    }

    #[test]
    fn parameters_make_an_escalation_conditional() {
        let judged = judge(&[
            r#"path "auth/token/roles/ci" { capabilities=["update"] allowed_parameters={ "period"=["1h"] } }"#,
        ]);
        assert_eq!(judged.hits[0].verdict, Verdict::Conditional);
        assert_eq!(
            judged.hits[0].residual.as_deref(),
            Some("only allowed parameters are used")
        );
    }

    #[test]
    fn a_conditional_escalation_is_no_plain_worth() {
        let judged = judge(&[r#"path "secret/data/app/*" { capabilities=["read"] }
               path "sys/policies/acl/*" { capabilities=["update"] required_parameters=["policy"] }"#]);
        assert_eq!(judged.hits[0].verdict, Verdict::Conditional);
        assert_eq!(judged.shares[0].verdict, Verdict::Yes);
        assert!(judged.tier < Tier::Admin, "{:?}", judged.tier);
    }
}
