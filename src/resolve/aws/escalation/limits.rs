//! What an identity would be worth with other policies, or with another boundary.

use super::super::actions::{ActionMask, Memo};
use super::super::judge::Judge;
use super::super::policy::Policy;
use super::super::subject::{Limit, Subject, SubjectId};
use super::super::tiers::Wearing;
use super::super::world::{Version, is_aws_managed};
use super::catalogue::{Target, Technique};
use super::search::{Goals, Search};
use super::ways::Best;
use crate::model::{Evidence, Sym, Verdict};

impl Search<'_, '_> {
    /// What a policy that allows everything would be worth to a subject: less than
    /// everything where a boundary, guardrail or deny holds it back.
    pub(super) fn ceiling(&self, subject: &Subject<'_>) -> Verdict {
        let mut identity = subject.identity.clone();
        identity.push(Policy::everything());
        let wearing = Wearing {
            identity: &identity,
            bounded: true,
            mask: self.all,
        };
        if subject.limit == Limit::Missing {
            return Verdict::Conditional;
        }
        self.tiers.worth(self.judge, subject, wearing).privileged
    }

    /// Policies the walker has of which another version allows more.
    pub(super) fn own_versions(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        technique: &Technique,
        best: &mut Best,
    ) {
        for held in &subject.held {
            if let Some(arn) = held.grant.arn.filter(|arn| !is_aws_managed(arn)) {
                let mut way = self.on(subject, technique, Some(walker), None, arn);
                if way.verdict != Verdict::No {
                    let limit = self.version(subject, arn, &mut way);
                    best.offer(way, &[limit]);
                }
            }
        }
    }

    /// What the best version of a policy that is not in force would be worth to a
    /// subject that has the policy.
    pub(super) fn version(&self, subject: &Subject<'_>, arn: Sym, way: &mut Best) -> Verdict {
        let mut others: Vec<&Policy> = Vec::new();
        let mut mask = ActionMask::default();
        for held in &subject.held {
            if let Some(doc) = held.doc.filter(|_| held.grant.arn != Some(arn)) {
                others.extend(self.judge.world.documents.get(doc).policy.as_ref().ok());
                mask.union(self.judge.mask(doc));
            }
        }
        self.best_version(subject.account, arn, way, |policy| {
            let mut identity = others.clone();
            identity.push(policy);
            let mut mask = mask;
            let allowed = self
                .judge
                .actions
                .allowed(policy.document(), &mut Memo::default());
            mask.union(allowed);
            let wearing = Wearing {
                identity: &identity,
                bounded: true,
                mask,
            };
            match subject.limit {
                Limit::Missing => Verdict::Conditional,
                _ => self.tiers.worth(self.judge, subject, wearing).privileged,
            }
        })
    }

    /// The best worth of the versions of a policy that are not in force, noted with
    /// the way.
    fn best_version(
        &self,
        account: Sym,
        arn: Sym,
        way: &mut Best,
        worth: impl Fn(&Policy) -> Verdict,
    ) -> Verdict {
        let mut best: Option<(Verdict, &Version<'_>)> = None;
        for version in versions(self.judge, account, arn) {
            let verdict = match version.source.policy() {
                Ok(policy) if !policy.document().lost_statements() => worth(&policy),
                // What cannot be read may allow anything.
                _ => Verdict::Conditional,
            };
            if best.is_none_or(|(known, _)| verdict > known) {
                best = Some((verdict, version));
            }
        }
        let Some((verdict, version)) = best.filter(|(verdict, _)| *verdict != Verdict::No) else {
            return Verdict::No;
        };
        let files = self.judge.world.files;
        way.shown.push(Evidence {
            what: format!("its version {}, not in force, allows more", version.id).into(),
            source: arn,
            location: version.source.locate(files, 0..0),
            excerpt: None,
        });
        verdict
    }

    /// What the walker is worth once its boundary is gone, rewritten or another version
    /// of itself: by its own policies, or by what they then let it do to itself and
    /// others.
    pub(super) fn boundary(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        technique: &Technique,
        goals: &Goals,
        best: &mut Best,
    ) {
        let Some(arn) = subject.boundary else {
            return;
        };
        if technique.target != Target::Boundary && is_aws_managed(&arn) {
            return;
        }
        let mut way = self.on(subject, technique, Some(walker), None, arn);
        if way.verdict == Verdict::No {
            return;
        }
        let free = |boundary: Option<&Policy>| -> Verdict {
            let free = subject.bounded_by(boundary);
            self.tiers
                .worth(
                    self.judge,
                    &free,
                    Wearing {
                        identity: &free.identity,
                        bounded: true,
                        mask: self.judge.reach(walker),
                    },
                )
                .privileged
        };
        if technique.target == Target::BoundaryVersion {
            let worth =
                self.best_version(subject.account, arn, &mut way, |policy| free(Some(policy)));
            best.offer(way, &[worth]);
            return;
        }
        let mut worth = free(None);
        if worth != Verdict::Yes
            && let Some((onward, second)) = self.once_free(walker, subject, goals)
            && second.verdict > worth
        {
            worth = second.verdict;
            let free = subject.bounded_by(None);
            let (evidence, residuals) = self.reasons(&free, onward, &second);
            way.residuals.extend(residuals);
            way.shown.extend(evidence.into_iter().map(|mut shown| {
                shown.what = format!("once the boundary is gone: {}", shown.what).into();
                shown
            }));
        }
        best.offer(way, &[worth]);
    }

    /// The best technique of the walker without its boundary.
    fn once_free(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        goals: &Goals,
    ) -> Option<(&Technique, Best)> {
        let free = subject.bounded_by(None);
        let reach = self.judge.reach(walker);
        let mut found: Option<(&Technique, Best)> = None;
        for technique in self.techniques {
            if !technique.is_for(subject.kind) || !reach.contains(technique.mask) {
                continue;
            }
            if let Some(best) = self.ask(walker, &free, technique, goals)
                && found
                    .as_ref()
                    .is_none_or(|(_, known)| best.verdict > known.verdict)
            {
                let certain = best.verdict == Verdict::Yes;
                found = Some((technique, best));
                if certain {
                    break;
                }
            }
        }
        found
    }
}

/// The versions of a customer managed policy that are not in force.
fn versions<'j, 'w>(judge: &'j Judge<'w>, account: Sym, arn: Sym) -> &'j [Version<'w>] {
    let account = judge.world.accounts.get(&account);
    let policy = account.and_then(|account| account.policies.get(&arn));
    policy.map_or(&[], |policy| &policy.versions)
}
