//! Who could walk through a trust in GitHub's tokens: witnesses from a fixed set of
//! adversaries.
//!
//! Every `sub` value of the policy tells what its author meant: an owner, a repository
//! and a context. From it come tokens that somebody else can mint: another
//! organisation, one whose name starts the same, one that took the name over (other
//! ids), another repository, a pull request, another branch, a ref whose name starts
//! the same. Each is put before the exact evaluator in both formats of the subject,
//! `repo:owner/repo:…` and `repo:owner@id/repo@id:…` (GitHub documentation, "OpenID
//! Connect reference", format of the subject).

use super::compiled::Policy;
use super::condition::Base;
use super::pattern::{Pattern, Reach};
use super::request::{Action, Context, Principal};
use super::trust::admits;
use crate::model::{Effect, Verdict};

/// Why a witness should have stayed outside. Ordered from the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outsider {
    /// Any organisation on the same issuer.
    OtherOwner,
    /// An organisation whose name begins with the one that was meant.
    SiblingOwner,
    /// Somebody who took over the name of the organisation or repository.
    OtherId,
    /// A repository whose name begins with the one that was meant.
    SiblingRepository,
    /// Any repository of the organisation.
    OtherRepository,
    /// A pull request.
    PullRequest,
    /// Any branch.
    OtherBranch,
    /// A branch whose name begins with the one that was meant.
    SiblingRef,
    /// Any deployment environment.
    OtherEnvironment,
}

impl Outsider {
    /// The name used in facts and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outsider::OtherOwner => "other-owner",
            Outsider::SiblingOwner => "sibling-owner",
            Outsider::OtherId => "other-id",
            Outsider::SiblingRepository => "sibling-repository",
            Outsider::OtherRepository => "other-repository",
            Outsider::PullRequest => "pull-request",
            Outsider::OtherBranch => "other-branch",
            Outsider::SiblingRef => "sibling-ref",
            Outsider::OtherEnvironment => "other-environment",
        }
    }
}

/// A subject that is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Why it should not be.
    pub outsider: Outsider,
    /// The `sub` of its token.
    pub subject: String,
    /// Yes, or conditional where the policy asks for more than a token tells.
    pub verdict: Verdict,
}

/// A repository as its tokens name it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Repository {
    owner: String,
    owner_id: String,
    name: String,
    id: String,
}

const EVIL_OWNER: &str = "evil-corp";
const EVIL_REPOSITORY: &str = "evil-repo";
const EVIL_ID: &str = "666666";

/// The subjects that are let in and should not be, at most one of each kind, the worst
/// first. `rcps` are the resource control policies that bear on the role by level;
/// `provider` is the ARN (or host) of the identity provider; its tokens are taken to be
/// GitHub's.
pub fn oidc_witnesses(
    policy: &Policy,
    rcps: &[Vec<&Policy>],
    role: &str,
    provider: &str,
) -> Vec<Witness> {
    let Ok(principal) = Principal::parse(provider) else {
        return Vec::new();
    };
    let asker = Asker {
        policy,
        rcps,
        role,
        host: provider
            .split_once(":oidc-provider/")
            .map_or(provider, |(_, host)| host)
            .to_ascii_lowercase(),
        principal,
        action: Action::new("sts:AssumeRoleWithWebIdentity"),
    };
    let mut found: Vec<Witness> = Vec::new();
    for meant in asker.meant() {
        for (outsider, repository, context) in adversaries(&meant) {
            if found
                .iter()
                .any(|witness| witness.outsider == outsider && witness.verdict == Verdict::Yes)
            {
                continue;
            }
            for subject in subjects(&repository, &context) {
                let verdict = asker.ask(&subject, &repository, &context);
                let better =
                    |witness: &Witness| witness.outsider == outsider && witness.verdict >= verdict;
                if verdict > Verdict::No && !found.iter().any(better) {
                    found.retain(|witness| witness.outsider != outsider);
                    found.push(Witness {
                        outsider,
                        subject,
                        verdict,
                    });
                }
            }
        }
    }
    found.sort_by(|left, right| {
        (left.outsider, &left.subject).cmp(&(right.outsider, &right.subject))
    });
    found
}

/// What the author of a `sub` value had in mind.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Meant {
    repository: Repository,
    /// `ref:refs/heads/main`, `environment:prod` and the like.
    context: String,
    /// The value says which repository, not just which owner.
    names_repository: bool,
}

/// Both formats.
fn subjects(repository: &Repository, context: &str) -> [String; 2] {
    let Repository {
        owner,
        owner_id,
        name,
        id,
    } = repository;
    [
        format!("repo:{owner}/{name}:{context}"),
        format!("repo:{owner}@{owner_id}/{name}@{id}:{context}"),
    ]
}

fn adversaries(meant: &Meant) -> Vec<(Outsider, Repository, String)> {
    let own = &meant.repository;
    let evil = Repository {
        owner: EVIL_OWNER.to_owned(),
        owner_id: EVIL_ID.to_owned(),
        name: EVIL_REPOSITORY.to_owned(),
        id: EVIL_ID.to_owned(),
    };
    let main = "ref:refs/heads/main".to_owned();
    let mut list = Vec::new();
    let mut add = |outsider, repository: &Repository, contexts: &[&str]| {
        for context in contexts {
            list.push((outsider, repository.clone(), (*context).to_owned()));
        }
    };
    let contexts = [&*main, &*meant.context, "pull_request"];
    add(Outsider::OtherOwner, &evil, &contexts);
    let same_name = Repository {
        name: own.name.clone(),
        ..evil.clone()
    };
    add(Outsider::OtherOwner, &same_name, &contexts);
    // A branch whose name holds the ids a pattern looks for: `*` crosses `/`. It cannot
    // hold a colon, which git forbids in refs.
    let tricky = format!("ref:refs/heads/x@{}/{}@{}", own.owner_id, own.name, own.id);
    add(Outsider::OtherOwner, &evil, &[&*tricky]);

    let mut sibling = Repository {
        owner: format!("{}-evil", own.owner),
        ..same_name
    };
    add(Outsider::SiblingOwner, &sibling, &contexts);
    EVIL_REPOSITORY.clone_into(&mut sibling.name);
    add(Outsider::SiblingOwner, &sibling, &contexts);

    let retaken = Repository {
        owner_id: EVIL_ID.to_owned(),
        id: EVIL_ID.to_owned(),
        ..own.clone()
    };
    add(Outsider::OtherId, &retaken, &[&*meant.context]);

    if meant.names_repository {
        let fork = |name: String| Repository {
            name,
            id: EVIL_ID.to_owned(),
            ..own.clone()
        };
        let sibling = fork(format!("{}-evil", own.name));
        add(Outsider::SiblingRepository, &sibling, &contexts);
        let other = fork(EVIL_REPOSITORY.to_owned());
        add(Outsider::OtherRepository, &other, &contexts);
    } else {
        add(Outsider::OtherRepository, own, &contexts);
    }
    if meant.context != "pull_request" {
        add(Outsider::PullRequest, own, &["pull_request"]);
    }
    add(Outsider::OtherBranch, own, &["ref:refs/heads/evil-branch"]);
    if meant.context.starts_with("ref:") {
        let sibling = format!("{}-evil", meant.context);
        add(Outsider::SiblingRef, own, &[&*sibling]);
    }
    add(
        Outsider::OtherEnvironment,
        own,
        &["environment:evil-environment"],
    );
    list
}

struct Asker<'a> {
    policy: &'a Policy,
    rcps: &'a [Vec<&'a Policy>],
    role: &'a str,
    host: String,
    principal: Principal,
    action: Action,
}

impl Asker<'_> {
    /// All `sub` values the allows look for; something of ours where there are none.
    fn meant(&self) -> Vec<Meant> {
        let key = format!("{}:sub", self.host);
        let mut list: Vec<Meant> = Vec::new();
        let owner_id = self
            .sample("repository_owner_id")
            .unwrap_or("1001".to_owned());
        let id = self.sample("repository_id").unwrap_or("2002".to_owned());
        for value in self.values(&key, true) {
            let meant = read_subject(&value, &owner_id, &id);
            if !list.contains(&meant) {
                list.push(meant);
            }
        }
        if list.is_empty() {
            list.push(read_subject("", &owner_id, &id));
        }
        list
    }

    /// Values of positive conditions on a key in allow statements.
    fn values(&self, key: &str, like: bool) -> Vec<String> {
        let statements = self.policy.document().statements.iter();
        statements
            .filter(|statement| statement.effect == Effect::Allow)
            .flat_map(|statement| &statement.conditions)
            .filter(|condition| {
                let texts = matches!(
                    condition.operator.base,
                    Base::StringEquals | Base::StringEqualsIgnoreCase | Base::StringLike
                );
                texts && condition.folded_key() == key && (like || !condition.source.is_empty())
            })
            .flat_map(|condition| condition.source.iter().map(ToString::to_string))
            .collect()
    }

    /// A text that satisfies what the policy asks of a claim.
    fn sample(&self, claim: &str) -> Option<String> {
        let values = self.values(&format!("{}:{claim}", self.host), false);
        let first = values.first()?;
        Some(Pattern::new(first, Reach::Text).sample("any"))
    }

    /// Puts a token before the policy. Claims that a workflow's author chooses freely
    /// get the value the policy looks for; ids, owner and repository do not.
    fn ask(&self, subject: &str, repository: &Repository, context: &str) -> Verdict {
        let mut token = Context::open();
        let mut set = |claim: &str, value: &str| {
            token.set(&format!("{}:{claim}", self.host), [value]);
        };
        let chosen = [
            "aud",
            "actor",
            "base_ref",
            "event_name",
            "head_ref",
            "job_workflow_ref",
            "ref_type",
            "repository_visibility",
            "runner_environment",
            "workflow",
            "workflow_ref",
        ];
        for claim in chosen {
            if let Some(value) = self.sample(claim) {
                set(claim, &value);
            }
        }
        let Repository {
            owner,
            owner_id,
            name,
            id,
        } = repository;
        set("sub", subject);
        set("repository", &format!("{owner}/{name}"));
        set("repository_id", id);
        set("repository_owner", owner);
        set("repository_owner_id", owner_id);
        let prefixed = |prefix: &str| context.strip_prefix(prefix).map(str::to_owned);
        if let Some(value) = prefixed("ref:").or_else(|| self.sample("ref")) {
            set("ref", &value);
        }
        if let Some(value) = prefixed("environment:").or_else(|| self.sample("environment")) {
            set("environment", &value);
        }
        admits(
            self.policy,
            self.rcps,
            self.role,
            &self.principal,
            &self.action,
            &token,
        )
    }
}

/// Reads `repo:owner[@id]/name[@id]:context`, wildcards replaced by plain names.
fn read_subject(value: &str, owner_id: &str, id: &str) -> Meant {
    let plain = |text: &str, other: &str| {
        let head = text.split(['*', '?']).next().unwrap_or_default();
        if head.is_empty() {
            other.to_owned()
        } else {
            head.to_owned()
        }
    };
    let (owner, name, context) = match value.strip_prefix("repo:") {
        Some(rest) => {
            let (owner, rest) = rest.split_once('/').unwrap_or((rest, ""));
            let (name, context) = rest.split_once(':').unwrap_or((rest, ""));
            (owner, name, context)
        }
        // `*:environment:prod`
        None => (
            "",
            "",
            value.split_once(':').map_or("", |(_, context)| context),
        ),
    };
    let (owner, own_id) = owner.split_once('@').unwrap_or((owner, ""));
    let (name, repository_id) = name.split_once('@').unwrap_or((name, ""));
    Meant {
        names_repository: !matches!(name.chars().next(), None | Some('*' | '?')),
        repository: Repository {
            owner: plain(owner, "our-org"),
            owner_id: plain(own_id, owner_id),
            name: plain(name, "our-repo"),
            id: plain(repository_id, id),
        },
        context: match context.contains(['*', '?']) || context.is_empty() {
            true if context.starts_with("environment:") => plain(context, "environment:production"),
            true if context.starts_with("ref:refs/heads/") && context != "ref:refs/heads/*" => {
                plain(context, "ref:refs/heads/main")
            }
            true => "ref:refs/heads/main".to_owned(),
            false => context.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PROVIDER: &str =
        "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    const ROLE: &str = "arn:aws:iam::111122223333:role/deploy";

    fn witnesses_of(condition: serde_json::Value) -> String {
        let text = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"Federated": PROVIDER},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}})
        .to_string();
        let policy = Policy::parse(&text).unwrap();
        let list = oidc_witnesses(&policy, &[], ROLE, PROVIDER);
        let lines = list.iter().map(|witness| {
            let verdict = match witness.verdict {
                Verdict::Yes => "",
                _ => " ?",
            };
            format!("{} {}{verdict}", witness.outsider.as_str(), witness.subject)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn like(subject: &str) -> String {
        witnesses_of(json!({
            "StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
            "StringLike": {"token.actions.githubusercontent.com:sub": subject}}))
    }

    #[test]
    fn subjects_that_are_tight_let_nobody_in() {
        for subject in [
            "repo:acme/app:environment:prod",
            "repo:acme@123/app@456:ref:refs/heads/main",
        ] {
            let witnesses = like(subject);
            assert!(!witnesses.contains("owner"), "{subject}: {witnesses}");
            assert!(!witnesses.contains("repository"), "{subject}: {witnesses}");
            assert!(!witnesses.contains("pull"), "{subject}: {witnesses}");
        }
        assert_eq!(like("repo:acme@123/app@456:ref:refs/heads/main"), "");
    }

    #[test]
    fn no_subject() {
        insta::assert_snapshot!(witnesses_of(json!({
            "StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}
        })), @"
other-owner repo:evil-corp/evil-repo:ref:refs/heads/main
sibling-owner repo:our-org-evil/our-repo:ref:refs/heads/main
other-id repo:our-org/our-repo:ref:refs/heads/main
other-repository repo:our-org/our-repo:ref:refs/heads/main
pull-request repo:our-org/our-repo:pull_request
other-branch repo:our-org/our-repo:ref:refs/heads/evil-branch
sibling-ref repo:our-org/our-repo:ref:refs/heads/main-evil
other-environment repo:our-org/our-repo:environment:evil-environment
");
    }

    #[test]
    fn absent_claims_are_not_a_way_in_for_tokens_that_have_them() {
        insta::assert_snapshot!(witnesses_of(json!({
            "ForAllValues:StringEquals": {
                "token.actions.githubusercontent.com:sub": "repo:acme/app:environment:prod"}
        })), @"other-id repo:acme/app:environment:prod");
    }

    #[test]
    fn wide_subjects() {
        let mut table = String::new();
        for subject in [
            "*",
            "repo:acme*:*",
            "repo:acme/*",
            "repo:acme/app*",
            "repo:acme/app:*",
            "repo:acme/app:ref:refs/heads/main*",
            "repo:*/app:ref:refs/heads/main",
            "*:environment:prod",
            "repo:acme@*/app@*:ref:refs/heads/main",
            "repo:*@123/*",
        ] {
            table += &format!("{subject}\n");
            for line in like(subject).lines() {
                table += &format!("  {line}\n");
            }
        }
        insta::assert_snapshot!(table, @"
*
  other-owner repo:evil-corp/evil-repo:ref:refs/heads/main
  sibling-owner repo:our-org-evil/our-repo:ref:refs/heads/main
  other-id repo:our-org/our-repo:ref:refs/heads/main
  other-repository repo:our-org/our-repo:ref:refs/heads/main
  pull-request repo:our-org/our-repo:pull_request
  other-branch repo:our-org/our-repo:ref:refs/heads/evil-branch
  sibling-ref repo:our-org/our-repo:ref:refs/heads/main-evil
  other-environment repo:our-org/our-repo:environment:evil-environment
repo:acme*:*
  sibling-owner repo:acme-evil/our-repo:ref:refs/heads/main
  other-id repo:acme/our-repo:ref:refs/heads/main
  other-repository repo:acme/our-repo:ref:refs/heads/main
  pull-request repo:acme/our-repo:pull_request
  other-branch repo:acme/our-repo:ref:refs/heads/evil-branch
  sibling-ref repo:acme/our-repo:ref:refs/heads/main-evil
  other-environment repo:acme/our-repo:environment:evil-environment
repo:acme/*
  other-id repo:acme/our-repo:ref:refs/heads/main
  other-repository repo:acme/our-repo:ref:refs/heads/main
  pull-request repo:acme/our-repo:pull_request
  other-branch repo:acme/our-repo:ref:refs/heads/evil-branch
  sibling-ref repo:acme/our-repo:ref:refs/heads/main-evil
  other-environment repo:acme/our-repo:environment:evil-environment
repo:acme/app*
  other-id repo:acme/app:ref:refs/heads/main
  sibling-repository repo:acme/app-evil:ref:refs/heads/main
  pull-request repo:acme/app:pull_request
  other-branch repo:acme/app:ref:refs/heads/evil-branch
  sibling-ref repo:acme/app:ref:refs/heads/main-evil
  other-environment repo:acme/app:environment:evil-environment
repo:acme/app:*
  other-id repo:acme/app:ref:refs/heads/main
  pull-request repo:acme/app:pull_request
  other-branch repo:acme/app:ref:refs/heads/evil-branch
  sibling-ref repo:acme/app:ref:refs/heads/main-evil
  other-environment repo:acme/app:environment:evil-environment
repo:acme/app:ref:refs/heads/main*
  other-id repo:acme/app:ref:refs/heads/main
  sibling-ref repo:acme/app:ref:refs/heads/main-evil
repo:*/app:ref:refs/heads/main
  other-owner repo:evil-corp/app:ref:refs/heads/main
  sibling-owner repo:our-org-evil/app:ref:refs/heads/main
  other-id repo:our-org/app:ref:refs/heads/main
*:environment:prod
  other-owner repo:evil-corp/evil-repo:environment:prod
  sibling-owner repo:our-org-evil/our-repo:environment:prod
  other-id repo:our-org/our-repo:environment:prod
  other-repository repo:our-org/our-repo:environment:prod
repo:acme@*/app@*:ref:refs/heads/main
  other-id repo:acme@666666/app@666666:ref:refs/heads/main
repo:*@123/*
  other-owner repo:evil-corp/evil-repo:ref:refs/heads/x@123/our-repo@2002
  other-repository repo:our-org@123/our-repo@2002:ref:refs/heads/main
  pull-request repo:our-org@123/our-repo@2002:pull_request
  other-branch repo:our-org@123/our-repo@2002:ref:refs/heads/evil-branch
  sibling-ref repo:our-org@123/our-repo@2002:ref:refs/heads/main-evil
  other-environment repo:our-org@123/our-repo@2002:environment:evil-environment
");
    }
}
