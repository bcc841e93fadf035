//! Questions about a set of resources: "may this principal do ACTION on something
//! matching P?"
//!
//! The answer is a witness: one resource that all policies of the identity's side let
//! the principal act on. Candidates come from the resource patterns of the statements
//! that allow, narrowed to the question, and, where those are denied or not let
//! through, narrowed further by the patterns of boundary, session and organisation
//! policies and by the `NotResource` lists of denies. Each candidate is judged by the
//! exact evaluator, so a narrow deny does not hide a wide allow, and a witness that is
//! found is always right. That none is found is no proof for patterns that overlap in
//! contrived ways; the tests hold the shapes that are known to work.

use super::compiled::Policy;
use super::element::Resources;
use super::evaluate::{PolicySets, StatementRef, decide_identity, evaluate_identity};
use super::pattern::{Pattern, Reach};
use super::request::{Action, Context, Principal, PrincipalKind, Request};
use crate::model::{Effect, Verdict};

/// At most this many patterns are tried for one question.
const MAX_CANDIDATES: usize = 512;

/// What stands for "anything" in a witness.
const FILL: &str = "any";

/// A question about one principal and action.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// What.
    pub action: &'a Action,
    /// On what.
    pub target: Target<'a>,
    /// The context; open, where what is not given is unknown.
    pub context: &'a Context,
    /// Further context keys, in lower case.
    pub extra: &'a [(&'a str, &'a str)],
}

/// The resources a question is about.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// This resource.
    Exact(&'a str),
    /// Some resource that matches.
    Matching(&'a Pattern),
}

/// The way in that a question found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Yes or conditional.
    pub verdict: Verdict,
    /// A resource the principal may act on.
    pub witness: String,
    /// What must hold, where the verdict is conditional.
    pub residual: Option<String>,
    /// The statements that grant (and denies that would under conditions), sorted.
    pub by: Vec<StatementRef>,
}

/// Answers a question from the identity's side: its policies, boundary, session and
/// the organisation's. `None` is no. Does not allocate unless a statement allows the
/// action.
pub fn may(question: &Question<'_>, sets: &PolicySets<'_>) -> Option<Grant> {
    let action = question.action;
    let root = question.principal.kind() == PrincipalKind::Root;
    if !root && !allows_action(sets, action) {
        return None;
    }
    let target = match question.target {
        Target::Exact(resource) => {
            return match decide_identity(&question.on(resource), sets) {
                Verdict::No => None,
                _ => Some(question.grant(resource.to_owned(), sets)),
            };
        }
        Target::Matching(target) => target,
    };
    let mut search = Search {
        question,
        sets,
        conditional: None,
    };
    let candidates = match search.direct(target, root) {
        Ok(grant) => return Some(grant),
        Err(candidates) => candidates,
    };
    for candidate in search.narrowed(candidates) {
        if let Some(grant) = search.try_pattern(&candidate) {
            return Some(grant);
        }
    }
    search
        .conditional
        .map(|witness| question.grant(witness, sets))
}

/// Whether an identity policy has an allow about `action`.
fn allows_action(sets: &PolicySets<'_>, action: &Action) -> bool {
    sets.identity.iter().any(|policy| {
        policy
            .about(action)
            .any(|(_, statement)| statement.effect == Effect::Allow)
    })
}

impl<'a> Question<'a> {
    fn on<'r>(&self, resource: &'r str) -> Request<'r>
    where
        'a: 'r,
    {
        Request {
            principal: self.principal,
            action: self.action,
            resource,
            resource_account: None,
            context: self.context,
            extra: self.extra,
        }
    }

    fn grant(&self, witness: String, sets: &PolicySets<'_>) -> Grant {
        let decision = evaluate_identity(&self.on(&witness), sets);
        Grant {
            verdict: decision.verdict,
            witness,
            residual: decision.residual,
            by: decision.by,
        }
    }

    /// A concrete resource for a pattern.
    fn sample(&self, pattern: &Pattern, fill: &str) -> String {
        if !pattern.is_everything() {
            return pattern.sample(fill);
        }
        let shape = resource_of(self.action, self.principal);
        if shape.is_everything() {
            let (partition, account) = (self.principal.partition(), self.principal.account());
            let service = self.action.service();
            return format!("arn:{partition}:{service}:{fill}:{account}:{fill}/{fill}");
        }
        shape.sample(fill)
    }
}

struct Search<'s, 'a> {
    question: &'s Question<'s>,
    sets: &'s PolicySets<'a>,
    /// The first witness that is let in under conditions only.
    conditional: Option<String>,
}

impl Search<'_, '_> {
    /// Tries resources of one pattern; a certain yes ends the search.
    fn try_pattern(&mut self, pattern: &Pattern) -> Option<Grant> {
        let fills: &[&str] = match pattern.as_literal() {
            Some(_) => &[FILL],
            None => &[FILL, "zz9", ""],
        };
        for fill in fills {
            let witness = self.question.sample(pattern, fill);
            match decide_identity(&self.question.on(&witness), self.sets) {
                Verdict::Yes => return Some(self.question.grant(witness, self.sets)),
                Verdict::Conditional => {
                    self.conditional.get_or_insert(witness);
                }
                Verdict::No => {}
            }
        }
        None
    }

    /// Tries what each allow of the identity's policies leaves of `target`, up to the
    /// first certain yes; else gives all that was tried.
    fn direct(&mut self, target: &Pattern, root: bool) -> Result<Grant, Vec<Pattern>> {
        let mut tried: Vec<Pattern> = Vec::new();
        let mut attempt = |search: &mut Self, pattern: Pattern| {
            if tried.len() >= MAX_CANDIDATES || tried.contains(&pattern) {
                return None;
            }
            let found = search.try_pattern(&pattern);
            tried.push(pattern);
            found
        };
        let mut found = match root {
            true => attempt(self, target.clone()),
            false => None,
        };
        let (question, sets) = (self.question, self.sets);
        let request = question.on("");
        for policy in sets.identity {
            for (_, statement) in policy.about(question.action) {
                if found.is_some() || statement.effect != Effect::Allow {
                    continue;
                }
                found = match &statement.resources {
                    Some(resources) if !resources.not => listed(resources, &request)
                        .filter_map(|pattern| pattern.arn_intersection(target))
                        .find_map(|both| attempt(self, both)),
                    _ => attempt(self, target.clone()),
                };
            }
        }
        found.ok_or(tried)
    }

    /// Candidates narrowed by everything that lets through only some resources.
    fn narrowed(&self, candidates: Vec<Pattern>) -> Vec<Pattern> {
        let request = self.question.on("");
        let mut layers: Vec<Vec<Pattern>> = Vec::new();
        let mut gate = |list: &[&Policy]| {
            layers.push(self.gates(list, Effect::Allow, &request));
        };
        self.sets.boundary.into_iter().for_each(&mut gate);
        if !self.sets.session.is_empty() {
            gate(self.sets.session);
        }
        self.sets.scps.iter().for_each(|level| gate(level));
        self.sets.rcps.iter().for_each(|level| gate(level));
        let levels = self.sets.scps.iter().chain(self.sets.rcps);
        let lists = [self.sets.identity, self.sets.session];
        for list in lists
            .into_iter()
            .chain(self.sets.boundary)
            .chain(levels.map(Vec::as_slice))
        {
            layers.extend(self.spared(list, &request));
        }
        layers.retain(|layer| !layer.is_empty());

        let mut all = candidates;
        for layer in layers {
            let mut more = Vec::new();
            for candidate in &all {
                for pattern in &layer {
                    if all.len() + more.len() >= MAX_CANDIDATES {
                        break;
                    }
                    if let Some(both) = candidate.arn_intersection(pattern)
                        && both != *candidate
                        && !more.contains(&both)
                    {
                        more.push(both);
                    }
                }
            }
            // The narrowest go first: they pass most layers.
            more.append(&mut all);
            all = more;
        }
        all
    }

    /// The resources listed by statements of `effect` about the action.
    fn gates(&self, list: &[&Policy], effect: Effect, request: &Request<'_>) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        for policy in list {
            for (_, statement) in policy.about(self.question.action) {
                if let Some(resources) = &statement.resources
                    && statement.effect == effect
                    && !resources.not
                {
                    patterns.extend(listed(resources, request));
                }
            }
        }
        patterns.retain(|pattern| !pattern.is_everything());
        patterns
    }

    /// What each deny with `NotResource` spares.
    fn spared(&self, list: &[&Policy], request: &Request<'_>) -> Vec<Vec<Pattern>> {
        let mut layers = Vec::new();
        for policy in list {
            for (_, statement) in policy.about(self.question.action) {
                if let Some(resources) = &statement.resources
                    && statement.effect == Effect::Deny
                    && resources.not
                {
                    layers.push(listed(resources, request).collect());
                }
            }
        }
        layers
    }
}

/// The patterns of a list, variables resolved.
fn listed<'r>(
    resources: &'r Resources,
    request: &'r Request<'r>,
) -> impl Iterator<Item = Pattern> + 'r {
    let resolve = move |text: &'r super::Text| text.resolve(request);
    resources
        .patterns
        .iter()
        .filter_map(resolve)
        .map(|(pattern, _)| pattern)
}

/// What an action acts on, in the principal's account: a pattern to ask with where no
/// closer one is known. `*` where this table does not know the action's resource.
///
/// Source: Service Authorization Reference, resource types of IAM, STS, Lambda, S3,
/// KMS, Secrets Manager and EC2.
pub fn resource_of(action: &Action, principal: &Principal) -> Pattern {
    let (partition, account) = (principal.partition(), principal.account());
    let folded = action.folded();
    let name = folded.split_once(':').map_or("", |(_, name)| name);
    let own = |service: &str, region: &str, rest: &str| {
        let text = format!("arn:{partition}:{service}:{region}:{account}:{rest}");
        Pattern::new(&text, Reach::Resource)
    };
    match action.service().as_str() {
        "iam" => match iam_resource(name) {
            Some(kind) => own("iam", "", &format!("{kind}/*")),
            None => Pattern::new("*", Reach::Resource),
        },
        "sts" if name.starts_with("assumerole") => own("iam", "", "role/*"),
        "lambda" => own("lambda", "*", "function:*"),
        "kms" => own("kms", "*", "key/*"),
        "secretsmanager" => own("secretsmanager", "*", "secret:*"),
        "ec2" if name.contains("instance") => own("ec2", "*", "instance/*"),
        "s3" => {
            let rest = if name.contains("object") { "*/*" } else { "*" };
            Pattern::new(&format!("arn:{partition}:s3:::{rest}"), Reach::Resource)
        }
        _ => Pattern::new("*", Reach::Resource),
    }
}

fn iam_resource(name: &str) -> Option<&'static str> {
    let kinds = [
        ("instanceprofile", "instance-profile"),
        ("group", "group"),
        ("role", "role"),
        ("user", "user"),
        ("loginprofile", "user"),
        ("accesskey", "user"),
        ("mfadevice", "user"),
        ("sshpublickey", "user"),
        ("servicespecificcredential", "user"),
        ("signingcertificate", "user"),
        ("policy", "policy"),
    ];
    // The password policy belongs to the account.
    if name.contains("passwordpolicy") {
        return None;
    }
    let hit = kinds.iter().find(|(part, _)| name.contains(part));
    hit.map(|(_, kind)| *kind)
}

/// Whether a principal administers its account.
///
/// It does when it may do everything that makes an administrator in IAM, on any
/// identity of the account, *and* its permissions are not a list of actions: an
/// action nobody ever wrote down is allowed as well. What else may be denied (a
/// region, billing) takes nothing from that.
#[derive(Debug)]
pub struct AdminTest {
    probe: Action,
    identity: Box<[Action]>,
}

impl Default for AdminTest {
    fn default() -> Self {
        let identity = [
            "iam:AttachRolePolicy",
            "iam:AttachUserPolicy",
            "iam:CreateAccessKey",
            "iam:CreatePolicyVersion",
            "iam:CreateRole",
            "iam:CreateUser",
            "iam:PassRole",
            "iam:PutRolePolicy",
            "iam:PutUserPolicy",
            "iam:UpdateAssumeRolePolicy",
            "sts:AssumeRole",
        ];
        AdminTest {
            probe: Action::new("unheard-of:Anything"),
            identity: identity.map(Action::new).into(),
        }
    }
}

impl AdminTest {
    /// Judges `principal`. The residual is that of an action with the weakest verdict.
    pub fn holds(
        &self,
        principal: &Principal,
        context: &Context,
        sets: &PolicySets<'_>,
    ) -> Option<Grant> {
        let ask = |action: &Action| {
            let target = resource_of(action, principal);
            let question = Question {
                principal,
                action,
                target: Target::Matching(&target),
                context,
                extra: &[],
            };
            may(&question, sets)
        };
        let mut found = ask(&self.probe)?;
        found.verdict = Verdict::Yes;
        found.residual = None;
        for action in &self.identity {
            let grant = ask(action)?;
            if grant.verdict < found.verdict {
                found.verdict = grant.verdict;
                found.residual = grant.residual;
            }
            found.by.extend(grant.by);
        }
        found.by.sort_unstable();
        found.by.dedup();
        found.witness = "*".to_owned();
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const BOB: &str = "arn:aws:iam::111122223333:user/bob";

    fn policy(statements: Value) -> Policy {
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        Policy::parse(&text).unwrap()
    }

    fn allow(action: &str, resource: &str) -> Value {
        json!({"Effect": "Allow", "Action": action, "Resource": resource})
    }

    fn deny(action: &str, resource: &str) -> Value {
        json!({"Effect": "Deny", "Action": action, "Resource": resource})
    }

    fn ask(action: &str, target: &str, sets: &PolicySets<'_>) -> Option<Grant> {
        let (principal, action) = (Principal::parse(BOB).unwrap(), Action::new(action));
        let target = match target {
            "" => resource_of(&action, &principal),
            text => Pattern::new(text, Reach::Resource),
        };
        let question = Question {
            principal: &principal,
            action: &action,
            target: Target::Matching(&target),
            context: &Context::open(),
            extra: &[],
        };
        may(&question, sets)
    }

    fn identity(statements: Value, action: &str, target: &str) -> Option<(Verdict, String)> {
        let policy = policy(statements);
        let sets = PolicySets {
            identity: &[&policy],
            ..PolicySets::default()
        };
        ask(action, target, &sets).map(|grant| (grant.verdict, grant.witness))
    }

    #[test]
    fn a_narrow_deny_does_not_hide_a_wide_allow() {
        let roles = "arn:aws:iam::111122223333:role/*";
        let denied = json!([
            allow("iam:*", "*"),
            deny("iam:PassRole", "arn:aws:iam::*:role/prod-*")
        ]);
        assert_eq!(
            identity(denied, "iam:PassRole", roles),
            Some((
                Verdict::Yes,
                "arn:aws:iam::111122223333:role/any".to_owned()
            ))
        );
        let denied = json!([
            allow("iam:*", "*"),
            deny("iam:PassRole", "arn:aws:iam::*:role/*")
        ]);
        assert_eq!(identity(denied.clone(), "iam:PassRole", roles), None);
        assert_eq!(identity(denied, "iam:PassRole", ""), None);
    }

    #[test]
    fn what_a_deny_spares_is_found() {
        let spared = json!([
            allow("iam:*", "*"),
            {"Effect": "Deny", "Action": "iam:PassRole",
             "NotResource": ["arn:aws:iam::*:role/app-*", "arn:aws:iam::*:role/x"]},
        ]);
        let found = identity(spared, "iam:PassRole", "").unwrap();
        assert_eq!(found.1, "arn:aws:iam::111122223333:role/app-any");
    }

    #[test]
    fn not_resource_and_not_action_are_exact() {
        let but = json!({"Effect": "Allow", "NotAction": "s3:*",
            "NotResource": "arn:aws:iam::111122223333:role/*"});
        assert_eq!(identity(json!([but]), "iam:PassRole", ""), None);
        let other = identity(json!([but]), "iam:CreateAccessKey", "").unwrap();
        assert_eq!(other.1, "arn:aws:iam::111122223333:user/any");
        assert_eq!(identity(json!([but]), "s3:GetObject", ""), None);
    }

    #[test]
    fn boundary_and_organisation_narrow() {
        let all = policy(json!([allow("*", "*")]));
        let boundary = policy(json!([allow("iam:*", "arn:aws:iam::*:role/team-*")]));
        let level = policy(json!([allow("*", "arn:aws:iam::*:role/*-x")]));
        let scps = [vec![&all], vec![&level]];
        let boundary = [&boundary];
        let sets = PolicySets {
            identity: &[&all],
            boundary: Some(&boundary),
            scps: &scps,
            ..PolicySets::default()
        };
        let found = ask("iam:PassRole", "", &sets).unwrap();
        assert_eq!(found.witness, "arn:aws:iam::111122223333:role/team-any-x");
        assert_eq!(ask("s3:GetObject", "", &sets), None);
        assert_eq!(ask("iam:CreateUser", "", &sets), None);
    }

    #[test]
    fn variables_are_resolved_for_the_principal() {
        let own = json!([allow("iam:*", "arn:aws:iam::*:user/${aws:username}")]);
        let found = identity(own.clone(), "iam:CreateAccessKey", "").unwrap();
        assert_eq!(found.1, BOB);
        let other = "arn:aws:iam::111122223333:user/alice";
        assert_eq!(identity(own, "iam:CreateAccessKey", other), None);
    }

    #[test]
    fn administrators() {
        let principal = Principal::parse(BOB).unwrap();
        let judge = |statements: Value, scp: Value| {
            let (own, scp) = (policy(statements), policy(scp));
            let scps = [vec![&scp]];
            let sets = PolicySets {
                identity: &[&own],
                scps: &scps,
                ..PolicySets::default()
            };
            let found = AdminTest::default().holds(&principal, &Context::open(), &sets);
            found.map(|grant| grant.verdict)
        };
        let full = json!([allow("*", "*")]);
        let yes = Some(Verdict::Yes);
        assert_eq!(judge(full.clone(), full.clone()), yes);
        let billing = json!([allow("*", "*"), deny("aws-portal:*", "*")]);
        assert_eq!(judge(billing, full.clone()), yes);
        let split = json!([allow("iam:*", "*"), {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]);
        assert_eq!(judge(split, full.clone()), yes);
        let power = json!([{"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"}]);
        assert_eq!(judge(power, full.clone()), None);
        assert_eq!(
            judge(
                json!([allow("iam:*", "*"), allow("sts:*", "*")]),
                full.clone()
            ),
            None
        );
        assert_eq!(
            judge(full.clone(), json!([allow("*", "*"), deny("iam:*", "*")])),
            None
        );
        let mfa = json!([{"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": true}}}]);
        assert_eq!(judge(mfa, full), Some(Verdict::Conditional));
    }
}
