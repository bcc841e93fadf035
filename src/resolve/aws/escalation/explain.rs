//! A way with its reasons.

use super::super::judge::Answer;
use super::super::subject::{Subject, SubjectId};
use super::catalogue::{Place, Target, Technique};
use super::search::{Escalation, Search};
use super::ways::{Best, universe};
use crate::model::{Evidence, Verdict};

impl Search<'_, '_> {
    /// The same way with reasons.
    pub(super) fn explain(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        technique: usize,
        best: Best,
        round: u32,
    ) -> Escalation {
        let (mut evidence, more) = self.reasons(subject, &self.techniques[technique], &best);
        evidence.extend(best.shown);
        evidence.dedup();
        let mut residuals = best.residuals;
        for residual in more {
            if !residuals.contains(&residual) {
                residuals.push(residual);
            }
        }
        if !subject.complete {
            // What was not read may deny.
            residuals.push("a policy that is not in the data does not deny it".to_owned());
        }
        let verdict = if subject.complete {
            best.verdict
        } else {
            best.verdict.min(Verdict::Conditional)
        };
        if verdict == Verdict::Conditional && residuals.is_empty() {
            residuals.push("what is reached is privileged only under conditions".to_owned());
        }
        Escalation {
            walker,
            technique,
            verdict,
            residual: (verdict == Verdict::Conditional).then(|| residuals.join("; ")),
            target: best.target.filter(|target| *target != walker),
            reached: best.reached,
            targets: best.targets,
            hops: round + 1,
            everyone: false,
            evidence,
        }
    }

    /// The statements that allow what a technique needs on the target found, and what
    /// must hold.
    pub(super) fn reasons(
        &self,
        subject: &Subject<'_>,
        known: &Technique,
        best: &Best,
    ) -> (Vec<Evidence>, Vec<String>) {
        let mut residuals: Vec<String> = Vec::new();
        let mut evidence = Vec::new();
        let mut take = |answer: Answer| {
            evidence.extend(answer.evidence);
            if let Some(residual) = answer.residual
                && answer.verdict == Verdict::Conditional
                && !residuals.contains(&residual)
            {
                residuals.push(residual);
            }
        };
        for need in &known.needs {
            let action = self.judge.actions.get(need.action);
            let mut with: Vec<(&str, &str)> = need
                .with
                .iter()
                .map(|(key, value)| (&**key, &**value))
                .collect();
            if known.target == Target::ServiceRole && need.on.contains(&Place::Target) {
                let trusted = best.target.and_then(|id| self.index.services.get(&id));
                let service = known
                    .services
                    .iter()
                    .find(|one| trusted.is_some_and(|services| services.contains(one)));
                with.extend(service.map(|service| ("iam:passedtoservice", service.as_str())));
            }
            for place in &need.on {
                let resource = match place {
                    Place::Target => best.reached.to_string(),
                    Place::Holder => best
                        .holder
                        .map(|role| self.judge.subjects.get(role).arn.to_string())
                        .unwrap_or_default(),
                    Place::Walker => subject.arn.to_string(),
                    Place::Some(pattern) => {
                        let universe = universe(pattern, subject.account);
                        self.judge
                            .allows_some(subject, need.action, &universe, &with)
                            .1
                    }
                };
                take(self.judge.explain(subject, action, &resource, &with));
            }
        }
        if let (true, Some(door)) = (known.assumable, best.target)
            && let Some(trust) = self.index.trust.get(&door)
        {
            let action = self.judge.actions.get(self.assume);
            let role = self.judge.subjects.get(door);
            take(self.judge.explain_assume(subject, action, role, trust));
        }
        evidence.dedup();
        (evidence, residuals)
    }
}
