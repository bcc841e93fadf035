//! What subjects may do, with reasons.

use super::actions::{ActionId, ActionMask, Actions};
use super::documents::DocId;
use super::policy::{
    Action, Decision, Grant, Pattern, Policy, PolicyKind, PolicySets, Question, Request,
    ResourcePolicy, Resources, Statement, StatementRef, Target, account_of, decide,
    decide_identity, evaluate, evaluate_identity, may,
};
use super::subject::{Rails, Subject, SubjectId, Subjects};
use super::world::World;
use crate::model::{Effect, Evidence, Location, Sym, Verdict};

/// What stands for a name nobody chose.
pub const PROBE: &str = "tenure-probe";
/// Longest excerpt of a statement.
const EXCERPT: usize = 240;

/// Further context of one request, keys in lower case.
pub type With<'a> = [(&'a str, &'a str)];

/// The answer to a question, with reasons.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whether it is allowed.
    pub verdict: Verdict,
    /// What must hold.
    pub residual: Option<String>,
    /// The statements that decide.
    pub evidence: Vec<Evidence>,
    /// An explicit deny decides.
    pub denied: bool,
}

/// Everything needed to judge.
#[derive(Debug)]
pub struct Judge<'w> {
    /// The documents.
    pub world: &'w World<'w>,
    /// The subjects.
    pub subjects: &'w Subjects<'w>,
    /// Known actions.
    pub actions: &'w Actions,
    /// The known actions that each subject's allow statements name.
    reach: Vec<ActionMask>,
    no_rails: Rails<'w>,
    /// Some account has resource control policies.
    rcps: bool,
}

impl<'w> Judge<'w> {
    /// Joins what each subject's documents name.
    pub fn new(world: &'w World<'w>, subjects: &'w Subjects<'w>, actions: &'w Actions) -> Self {
        let reach = subjects
            .list
            .iter()
            .map(|subject| {
                let mut mask = ActionMask::default();
                for doc in &subject.docs {
                    mask.union(world.documents.get(*doc).gist.mask);
                }
                mask
            })
            .collect();
        Judge {
            world,
            subjects,
            actions,
            reach,
            no_rails: Rails {
                scps: None,
                open: true,
                ..Rails::default()
            },
            rcps: subjects.rails.values().any(|rails| !rails.rcps.is_empty()),
        }
    }

    /// What the subject's allow statements name, whatever else takes it away.
    pub fn reach(&self, id: SubjectId) -> ActionMask {
        self.reach[id.0 as usize]
    }

    /// What a document's allow statements name.
    pub fn mask(&self, doc: DocId) -> ActionMask {
        self.world.documents.get(doc).gist.mask
    }

    /// The guardrails of an account.
    pub fn rails(&self, account: Sym) -> &Rails<'w> {
        self.subjects.rails.get(&account).unwrap_or(&self.no_rails)
    }

    /// The guardrails of the account that owns a resource, where they bear on
    /// resources. A resource whose account nobody can tell is taken for the subject's.
    pub fn resource_rails(&self, subject: &Subject<'w>, resource: &str) -> Option<&Rails<'w>> {
        if !self.rcps {
            return None;
        }
        let owner = match account_of(resource) {
            Some(owner) if owner != subject.account.as_str() => Sym::new(owner),
            _ => subject.account,
        };
        Some(self.rails(owner)).filter(|rails| !rails.rcps.is_empty())
    }

    /// Decides with the resource control policies that bear on the resource: `ask` gets
    /// the sets with them, and without where it is in doubt whether they do.
    fn guarded<'s>(
        &'s self,
        subject: &'s Subject<'w>,
        resource: &str,
        mut sets: PolicySets<'s>,
        ask: impl Fn(&PolicySets<'s>) -> Verdict,
    ) -> Verdict {
        let Some(rails) = self.resource_rails(subject, resource) else {
            return ask(&sets);
        };
        let free = rails.rcps_doubtful.then(|| ask(&sets));
        sets.rcps = &rails.rcps;
        let verdict = ask(&sets);
        match free {
            Some(free) if free != verdict => Verdict::Conditional,
            _ => verdict,
        }
    }

    /// As [`Self::guarded`], with reasons.
    fn guarded_decision<'s>(
        &'s self,
        subject: &'s Subject<'w>,
        resource: &str,
        sets: &mut PolicySets<'s>,
        ask: impl Fn(&PolicySets<'s>) -> Decision,
    ) -> Decision {
        let Some(rails) = self.resource_rails(subject, resource) else {
            return ask(sets);
        };
        let free = rails.rcps_doubtful.then(|| ask(sets));
        let mut bound = *sets;
        bound.rcps = &rails.rcps;
        let decision = ask(&bound);
        match free {
            Some(mut free) if free.verdict != decision.verdict => {
                let unplaced = "no resource control policy that bears on it denies it";
                free.verdict = Verdict::Conditional;
                free.residual = Some(match free.residual {
                    Some(residual) => format!("{residual} and {unplaced}"),
                    None => unplaced.to_owned(),
                });
                free
            }
            _ => {
                *sets = bound;
                decision
            }
        }
    }

    /// All policies that bear on a subject's own side.
    pub fn sets<'s>(&'s self, subject: &'s Subject<'w>) -> PolicySets<'s> {
        PolicySets {
            identity: &subject.identity,
            boundary: subject.boundary_policy.as_ref().map(|list| &list[..]),
            session: &[],
            scps: self
                .rails(subject.account)
                .scps
                .as_deref()
                .unwrap_or_default(),
            rcps: &[],
            resource: ResourcePolicy::Absent,
            endpoint: &[],
        }
    }

    /// Whether the subject's own side allows `action` on `resource`.
    pub fn allows(
        &self,
        subject: &Subject<'w>,
        action: &Action,
        resource: &str,
        with: &With<'_>,
    ) -> Verdict {
        let request = request(subject, action, resource, with);
        self.guarded(subject, resource, self.sets(subject), |sets| {
            decide_identity(&request, sets)
        })
    }

    /// The same with other policies in place of the subject's own and boundary.
    pub fn allows_as(
        &self,
        subject: &Subject<'w>,
        identity: &[&Policy],
        bounded: bool,
        action: &Action,
        resource: &str,
        with: &With<'_>,
    ) -> Verdict {
        let request = request(subject, action, resource, with);
        let mut sets = self.sets(subject);
        sets.identity = identity;
        if !bounded {
            sets.boundary = None;
        }
        self.guarded(subject, resource, sets, |sets| {
            decide_identity(&request, sets)
        })
    }

    /// Whether the subject may assume the role with this trust policy: both sides.
    pub fn assumes(
        &self,
        subject: &Subject<'w>,
        action: &Action,
        role: &str,
        trust: &Policy,
    ) -> Verdict {
        let request = request(subject, action, role, &[]);
        let mut sets = self.sets(subject);
        sets.resource = ResourcePolicy::Present(trust);
        self.guarded(subject, role, sets, |sets| decide(&request, sets))
    }

    /// As [`Self::assumes`], with reasons.
    pub fn explain_assume(
        &self,
        subject: &Subject<'w>,
        action: &Action,
        role: &Subject<'w>,
        trust: &Policy,
    ) -> Answer {
        let request = request(subject, action, &role.arn, &[]);
        let mut sets = self.sets(subject);
        sets.resource = ResourcePolicy::Present(trust);
        let decision = self.guarded_decision(subject, &role.arn, &mut sets, |sets| {
            evaluate(&request, sets)
        });
        let mut answer = self.answer(subject, action, &sets, &decision);
        for place in &decision.by {
            if place.kind == PolicyKind::Resource
                && let Some(statement) = place.of(&sets)
                && let Some(source) = role.holder.and_then(|holder| holder.trust)
            {
                answer.evidence.push(Evidence {
                    what: format!("the trust policy of `{}` lets it in", name_of(&role.arn)).into(),
                    source: role.arn,
                    location: source.locate(self.world.files, statement.range.clone()),
                    excerpt: self
                        .world
                        .documents
                        .id(source)
                        .map(|doc| self.excerpt(doc, statement)),
                });
            }
        }
        answer
    }

    /// Whether the subject's own side allows `action` on `resource`, with reasons.
    pub fn explain(
        &self,
        subject: &Subject<'w>,
        action: &Action,
        resource: &str,
        with: &With<'_>,
    ) -> Answer {
        let request = request(subject, action, resource, with);
        let mut sets = self.sets(subject);
        let decision = self.guarded_decision(subject, resource, &mut sets, |sets| {
            evaluate_identity(&request, sets)
        });
        self.answer(subject, action, &sets, &decision)
    }

    fn answer(
        &self,
        subject: &Subject<'w>,
        action: &Action,
        sets: &PolicySets<'_>,
        decision: &Decision,
    ) -> Answer {
        let evidence = decision
            .by
            .iter()
            .filter_map(|place| self.evidence(subject, action, sets, *place))
            .collect();
        Answer {
            verdict: decision.verdict,
            residual: decision.residual.clone(),
            evidence,
            denied: decision.explicit_deny,
        }
    }

    fn evidence(
        &self,
        subject: &Subject<'w>,
        action: &Action,
        sets: &PolicySets<'_>,
        place: StatementRef,
    ) -> Option<Evidence> {
        let statement = place.of(sets)?;
        let verb = match statement.effect {
            Effect::Allow => "allows",
            Effect::Deny => "denies",
        };
        let what = format!(
            "{verb} {} on {}",
            action.as_str(),
            resources(statement.resources.as_ref())
        );
        match place.kind {
            PolicyKind::Identity => {
                let doc = *subject.docs.get(place.policy as usize)?;
                let held = subject.held.iter().find(|held| held.doc == Some(doc))?;
                Some(Evidence {
                    what: what.into(),
                    source: held.grant.arn.unwrap_or(held.grant.name),
                    location: self.locate(held.grant.source, statement),
                    excerpt: Some(self.excerpt(doc, statement)),
                })
            }
            PolicyKind::Boundary => Some(Evidence::new(
                format!("the boundary {what}"),
                subject.boundary?,
            )),
            PolicyKind::Scp => Some(Evidence::new(
                format!("a service control policy {what}"),
                subject.account,
            )),
            PolicyKind::Rcp => Some(Evidence::new(
                format!("a resource control policy {what}"),
                subject.account,
            )),
            _ => None,
        }
    }

    fn locate(
        &self,
        source: Option<super::documents::Source<'_>>,
        statement: &Statement,
    ) -> Option<Location> {
        source?.locate(self.world.files, statement.range.clone())
    }

    fn excerpt(&self, doc: DocId, statement: &Statement) -> Box<str> {
        let text = self.world.documents.get(doc).text();
        let own = text.get(statement.range.clone()).unwrap_or_default();
        let mut shown = String::with_capacity(own.len().min(EXCERPT));
        for word in own.split_whitespace() {
            if !shown.is_empty() {
                shown.push(' ');
            }
            if shown.chars().count() + word.chars().count() > EXCERPT {
                shown.push('…');
                break;
            }
            shown.push_str(word);
        }
        shown.into()
    }

    /// The best answer over all resources that match `universe`, and a resource that
    /// gives it.
    pub fn allows_some(
        &self,
        subject: &Subject<'w>,
        action: ActionId,
        universe: &Pattern,
        with: &With<'_>,
    ) -> (Verdict, String) {
        let question = Question {
            principal: &subject.principal,
            action: self.actions.get(action),
            target: Target::Matching(universe),
            context: &subject.context,
            extra: with,
        };
        match self.may(&question, subject) {
            Some(grant) => (grant.verdict, grant.witness),
            None => (Verdict::No, String::new()),
        }
    }

    /// Answers a question about the resources of the subject's own account.
    pub fn may(&self, question: &Question<'_>, subject: &Subject<'w>) -> Option<Grant> {
        let mut sets = self.sets(subject);
        let free = may(question, &sets)?;
        let Some(rails) = self.resource_rails(subject, "") else {
            return Some(free);
        };
        sets.rcps = &rails.rcps;
        match may(question, &sets) {
            None if rails.rcps_doubtful => Some(Grant {
                verdict: Verdict::Conditional,
                ..free
            }),
            bound => bound,
        }
    }
}

fn request<'r>(
    subject: &'r Subject<'_>,
    action: &'r Action,
    resource: &'r str,
    with: &'r With<'r>,
) -> Request<'r> {
    Request {
        principal: &subject.principal,
        action,
        resource,
        resource_account: None,
        context: &subject.context,
        extra: with,
    }
}

/// A resource element for people.
fn resources(resources: Option<&Resources>) -> String {
    let Some(resources) = resources else {
        return "the role".to_owned();
    };
    let mut shown: Vec<&str> = resources
        .patterns
        .iter()
        .take(2)
        .map(super::policy::Text::source)
        .collect();
    if resources.patterns.len() > 2 {
        shown.push("…");
    }
    let list = shown.join(", ");
    if resources.not {
        format!("everything but {list}")
    } else {
        list
    }
}

/// The last part of an ARN, for people.
pub fn name_of(arn: &str) -> &str {
    arn.rsplit(['/', ':']).next().unwrap_or(arn)
}
