//! Which roles let an identity in.

use super::super::actions::ActionMask;
use super::super::subject::{Subject, SubjectId};
use super::search::{Goals, Search};
use super::ways::Best;
use crate::model::Verdict;

impl Search<'_, '_> {
    /// Goals that let the walker in, where something of its own has part in it: its
    /// policies, or a trust policy that names it or its account.
    pub(super) fn assume_goals(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        goals: &Goals,
        best: &mut Best,
    ) {
        let can = self.can_assume(walker);
        let named = self.index.named_doors(subject, can);
        let asked = self.index.trusts_anyone.iter().copied();
        let asked = asked.filter(|door| can && self.asks_for(subject, *door));
        for door in named.into_iter().chain(asked) {
            let Some(verdict) = goals.all_roles.get(&door).filter(|_| door != walker) else {
                continue;
            };
            best.offer(self.enter(subject, door), &[*verdict]);
        }
    }

    /// The best goal that lets the walker in only because it lets in everybody.
    pub(super) fn walk_in(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        goals: &Goals,
    ) -> Option<Best> {
        let mut best = Best::none();
        for door in &self.index.trusts_anyone {
            let Some(verdict) = goals.all_roles.get(door) else {
                continue;
            };
            if self.lets_everyone(walker, subject, *door) != Verdict::No {
                best.offer(self.enter(subject, *door), &[*verdict]);
            }
        }
        (best.verdict != Verdict::No).then_some(best)
    }

    /// Whether a role lets the walker in only because it lets in everybody: neither is
    /// the walker named nor has it a policy for it. Across accounts it needs one.
    pub(super) fn lets_everyone(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        door: SubjectId,
    ) -> Verdict {
        let can = self.can_assume(walker);
        let elsewhere = self.judge.subjects.get(door).account != subject.account;
        if door == walker
            || elsewhere
            || self.index.is_named_door(subject, can, door)
            || can && self.asks_for(subject, door)
        {
            return Verdict::No;
        }
        self.assumes(subject, door)
    }

    /// Whether the subject's own side lets it assume the role.
    fn asks_for(&self, subject: &Subject<'_>, door: SubjectId) -> bool {
        let action = self.judge.actions.get(self.assume);
        let arn = self.judge.subjects.get(door).arn;
        self.judge.allows(subject, action, &arn, &[]) != Verdict::No
    }

    fn enter(&self, subject: &Subject<'_>, door: SubjectId) -> Best {
        Best {
            verdict: self.assumes(subject, door),
            target: Some(door),
            reached: self.judge.subjects.get(door).arn,
            targets: 1,
            ..Best::none()
        }
    }

    pub(super) fn can_assume(&self, walker: SubjectId) -> bool {
        let mut mask = ActionMask::default();
        mask.insert(self.assume);
        self.judge.reach(walker).contains(mask)
    }

    pub(super) fn assumes(&self, subject: &Subject<'_>, door: SubjectId) -> Verdict {
        let Some(trust) = self.index.trust.get(&door) else {
            return Verdict::No;
        };
        let action = self.judge.actions.get(self.assume);
        let arn = self.judge.subjects.get(door).arn;
        self.judge.assumes(subject, action, &arn, trust)
    }

    /// Roles that let the walker in and can be changed.
    pub(super) fn open_doors(&self, walker: SubjectId, subject: &Subject<'_>) -> Vec<SubjectId> {
        let changeable = self.index.roles.get(&subject.account);
        self.index
            .doors(subject, self.can_assume(walker))
            .into_iter()
            .filter(|door| changeable.is_some_and(|roles| roles.binary_search(door).is_ok()))
            .filter(|door| *door != walker && self.assumes(subject, *door) != Verdict::No)
            .collect()
    }
}
