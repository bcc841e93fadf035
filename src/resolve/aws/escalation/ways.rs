//! The best way of one identity by one technique: which targets there are, and whether
//! all that the technique needs is allowed on one of them.

use super::super::judge::name_of;
use super::super::policy::{Pattern, resource_pattern};
use super::super::subject::{Subject, SubjectId, SubjectKind, is_reserved, is_service_linked};
use super::super::world::is_aws_managed;
use super::catalogue::{Keys, Need, Password, Place, Target, Technique};
use super::search::{Goals, Search};
use crate::model::{Evidence, Sym, Verdict};

/// The best way found so far for one technique.
pub(super) struct Best {
    pub(super) verdict: Verdict,
    pub(super) residuals: Vec<String>,
    pub(super) target: Option<SubjectId>,
    pub(super) holder: Option<SubjectId>,
    pub(super) reached: Sym,
    pub(super) targets: usize,
    /// What shows it besides the grants of the technique's actions.
    pub(super) shown: Vec<Evidence>,
}

impl Search<'_, '_> {
    /// The best way of this subject by this technique.
    pub(super) fn ask(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        technique: &Technique,
        goals: &Goals,
    ) -> Option<Best> {
        let account = subject.account;
        let mut best = Best::none();
        match technique.target {
            Target::Own => {
                let target = Some(walker);
                best.offer(
                    self.on(subject, technique, target, None, subject.arn),
                    &[self.ceiling(subject)],
                );
            }
            Target::OwnPolicy => {
                for held in &subject.held {
                    if let Some(arn) = held.grant.arn.filter(|arn| !is_aws_managed(arn)) {
                        let way = self.on(subject, technique, Some(walker), None, arn);
                        best.offer(way, &[self.ceiling(subject)]);
                    }
                }
            }
            Target::OwnGroup => {
                let groups = subject.holder.map(|holder| holder.groups.as_slice());
                for group in self.index.groups.get(&account).into_iter().flatten() {
                    let target = self.judge.subjects.get(*group);
                    let name = target.holder.map(|holder| holder.name);
                    if name.is_some_and(|name| groups.is_some_and(|own| own.contains(&name))) {
                        let way = self.on(subject, technique, Some(walker), None, target.arn);
                        best.offer(way, &[self.ceiling(subject)]);
                    }
                }
            }
            Target::AdminUser => self.goals(
                subject,
                technique,
                goals.users.get(&account),
                walker,
                &mut best,
            ),
            Target::AdminGroup => {
                self.goals(
                    subject,
                    technique,
                    goals.groups.get(&account),
                    walker,
                    &mut best,
                );
                if subject.kind != SubjectKind::User {
                    best.weaken("it also has the credentials of a user");
                }
            }
            Target::AdminRole if technique.assumable => {
                self.assume_goals(walker, subject, goals, &mut best);
            }
            Target::AdminRole => self.goals(
                subject,
                technique,
                goals.roles.get(&account),
                walker,
                &mut best,
            ),
            Target::ServiceRole => self.service_roles(walker, subject, technique, goals, &mut best),
            Target::CarriedRole => self.carried_roles(subject, technique, goals, &mut best),
            Target::AnyUser => {
                let pool = self.index.users.get(&account);
                self.pool(walker, subject, technique, pool, &mut best);
            }
            Target::AnyRole => {
                let pool = self.index.roles.get(&account);
                self.pool(walker, subject, technique, pool, &mut best);
            }
            Target::AssumableRole => {
                let pool = self.open_doors(walker, subject);
                self.pool(walker, subject, technique, Some(&pool), &mut best);
            }
            Target::OwnVersion => self.own_versions(walker, subject, technique, &mut best),
            Target::RolePolicy | Target::RoleVersion => {
                self.role_policies(walker, subject, technique, &mut best);
            }
            Target::IdentityCenter => self.identity_center(subject, technique, &mut best),
            Target::Boundary | Target::BoundaryPolicy | Target::BoundaryVersion => {
                self.boundary(walker, subject, technique, goals, &mut best);
            }
        }
        if let (Some(text), true) = (technique.condition, best.verdict != Verdict::No) {
            best.weaken(&text);
        }
        (best.verdict != Verdict::No).then_some(best)
    }

    /// Whether all actions of a technique are allowed on this target.
    pub(super) fn on(
        &self,
        subject: &Subject<'_>,
        technique: &Technique,
        target: Option<SubjectId>,
        holder: Option<SubjectId>,
        arn: Sym,
    ) -> Best {
        let mut verdict = Verdict::Yes;
        for need in &technique.needs {
            for place in &need.on {
                verdict = verdict.min(self.need(subject, need, place, &arn, holder, &[]));
                if verdict == Verdict::No {
                    return Best::none();
                }
            }
        }
        Best {
            verdict,
            target,
            holder,
            reached: arn,
            targets: 1,
            ..Best::none()
        }
    }

    fn need(
        &self,
        subject: &Subject<'_>,
        need: &Need,
        place: &Place,
        target: &str,
        holder: Option<SubjectId>,
        extra: &[(&str, &str)],
    ) -> Verdict {
        let mut with: Vec<(&str, &str)> = extra.to_vec();
        with.extend(need.with.iter().map(|(key, value)| (&**key, &**value)));
        let action = self.judge.actions.get(need.action);
        match place {
            Place::Target => self.judge.allows(subject, action, target, &with),
            Place::Holder => holder.map_or(Verdict::No, |role| {
                let arn = self.judge.subjects.get(role).arn;
                self.judge.allows(subject, action, &arn, &with)
            }),
            Place::Walker => self.judge.allows(subject, action, &subject.arn, &with),
            Place::Some(pattern) => {
                let universe = universe(pattern, subject.account);
                self.judge
                    .allows_some(subject, need.action, &universe, &with)
                    .0
            }
        }
    }

    /// Targets that are goals, in their account.
    fn goals(
        &self,
        subject: &Subject<'_>,
        technique: &Technique,
        pool: Option<&Vec<(SubjectId, Verdict)>>,
        walker: SubjectId,
        best: &mut Best,
    ) {
        for (id, verdict) in pool.into_iter().flatten() {
            let target = self.judge.subjects.get(*id);
            if *id == walker || target.holder.is_some_and(is_service_linked) {
                continue;
            }
            if technique.target == Target::AdminRole && target.holder.is_some_and(is_reserved) {
                // Nobody but Identity Center changes its roles.
                continue;
            }
            let Some(own) = self.fits(technique, target) else {
                continue;
            };
            let way = self.on(subject, technique, Some(*id), None, target.arn);
            best.offer(way, &[*verdict, own]);
            if best.verdict == Verdict::Yes {
                return;
            }
        }
    }

    /// Whether a user's keys and password are as the technique needs them; `None`
    /// when they are not.
    fn fits(&self, technique: &Technique, target: &Subject<'_>) -> Option<Verdict> {
        let Some((keys, password)) = self.report.get(&target.arn) else {
            return Some(Verdict::Yes);
        };
        let keys = match technique.target_keys {
            Some(Keys::FewerThanTwo) => *keys < 2,
            Some(Keys::Two) => *keys == 2,
            None => true,
        };
        let password = match (technique.target_password, password) {
            (Some(Password::With), Some(has)) => *has,
            (Some(Password::Without), Some(has)) => !*has,
            _ => true,
        };
        (keys && password).then_some(Verdict::Yes)
    }

    /// Privileged roles that trust a service of the technique.
    fn service_roles(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        technique: &Technique,
        goals: &Goals,
        best: &mut Best,
    ) {
        // The other actions do not depend on which role is passed.
        let mut others = Verdict::Yes;
        for need in &technique.needs {
            for place in need.on.iter().filter(|place| **place != Place::Target) {
                others = others.min(self.need(subject, need, place, "", None, &[]));
                if others == Verdict::No {
                    return;
                }
            }
        }
        for (id, verdict) in goals.roles.get(&subject.account).into_iter().flatten() {
            if *id == walker {
                continue;
            }
            let Some(services) = self.index.services.get(id) else {
                continue;
            };
            let role = self.judge.subjects.get(*id);
            let mut passes = Verdict::No;
            for service in technique
                .services
                .iter()
                .filter(|one| services.contains(one))
            {
                let extra = [("iam:passedtoservice", service.as_str())];
                for need in &technique.needs {
                    if need.on.contains(&Place::Target) {
                        let one = self.need(subject, need, &Place::Target, &role.arn, None, &extra);
                        passes = passes.max(one);
                    }
                }
            }
            let mut way = Best {
                verdict: others.min(passes),
                target: Some(*id),
                reached: role.arn,
                targets: 1,
                ..Best::none()
            };
            let profiled = role
                .holder
                .is_some_and(|holder| holder.instance_profiles > 0);
            if technique.instance_profile && !profiled {
                way.weaken(&format!(
                    "an instance profile carries `{}`, which none does now",
                    name_of(&role.arn)
                ));
            }
            best.offer(way, &[*verdict]);
            if best.verdict == Verdict::Yes {
                return;
            }
        }
    }

    /// Privileged roles that something which exists may carry.
    fn carried_roles(
        &self,
        subject: &Subject<'_>,
        technique: &Technique,
        goals: &Goals,
        best: &mut Best,
    ) {
        let carried = goals
            .roles
            .get(&subject.account)
            .into_iter()
            .flatten()
            .filter(|(id, _)| {
                self.index.services.get(id).is_some_and(|services| {
                    technique.services.iter().any(|one| services.contains(one))
                })
            });
        let mut way = None;
        for (id, verdict) in carried {
            match &mut way {
                None => {
                    let role = self.judge.subjects.get(*id);
                    let own = self.on(subject, technique, Some(*id), None, role.arn);
                    if own.verdict == Verdict::No {
                        return;
                    }
                    way = Some((own, *verdict));
                }
                Some((way, _)) => way.targets += 1,
            }
        }
        if let Some((way, verdict)) = way {
            best.offer(way, &[verdict]);
        }
    }

    /// Targets that need not be privileged, but could be made so.
    fn pool(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        technique: &Technique,
        pool: Option<&Vec<SubjectId>>,
        best: &mut Best,
    ) {
        let Some((pool, need)) = pool.zip(technique.needs.first()) else {
            return;
        };
        for id in self.named(subject, need, pool) {
            let target = self.judge.subjects.get(id);
            if id == walker {
                continue;
            }
            let Some(own) = self.fits(technique, target) else {
                continue;
            };
            let mut way = self.on(subject, technique, Some(id), None, target.arn);
            if way.verdict == Verdict::No {
                continue;
            }
            if technique.assumable {
                way.verdict = way.verdict.min(self.assumes(subject, id));
            }
            best.offer(way, &[own, self.ceiling(target)]);
            if best.verdict == Verdict::Yes {
                return;
            }
        }
    }

    /// Those of `pool` that some allow statement about the action can mean. Roles are
    /// many; comparing patterns first keeps this far from asking about each.
    fn named(&self, subject: &Subject<'_>, need: &Need, pool: &[SubjectId]) -> Vec<SubjectId> {
        let action = self.judge.actions.get(need.action);
        let mut patterns: Vec<&Pattern> = Vec::new();
        for policy in &subject.identity {
            for (_, statement) in policy.about(action) {
                match &statement.resources {
                    Some(resources) if !resources.not => {
                        patterns.extend(resources.patterns.iter().map(|one| one.widest()));
                    }
                    _ => return pool.to_vec(),
                }
            }
        }
        if patterns.iter().any(|pattern| pattern.is_everything()) {
            return pool.to_vec();
        }
        let literal: Option<Vec<&str>> = patterns.iter().map(|one| one.as_literal()).collect();
        if let Some(literals) = literal {
            let mut named: Vec<SubjectId> = literals
                .iter()
                .filter_map(|arn| self.judge.subjects.by_arn.get(&Sym::new(arn)).copied())
                .filter(|id| pool.binary_search(id).is_ok())
                .collect();
            named.sort_unstable();
            named.dedup();
            return named;
        }
        pool.iter()
            .copied()
            .filter(|id| {
                let arn = self.judge.subjects.get(*id).arn;
                patterns.iter().any(|pattern| pattern.matches(&arn))
            })
            .collect()
    }

    /// Customer managed policies of roles.
    fn role_policies(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        technique: &Technique,
        best: &mut Best,
    ) {
        let can = self.can_assume(walker);
        let doors = technique.assumable.then(|| self.index.doors(subject, can));
        for policy in self
            .index
            .policies
            .get(&subject.account)
            .into_iter()
            .flatten()
        {
            let action = technique.needs.first().map(|need| need.action);
            let allowed = action.map(|action| {
                let action = self.judge.actions.get(action);
                self.judge.allows(subject, action, &policy.arn, &[])
            });
            if allowed.is_none_or(|verdict| verdict == Verdict::No) {
                continue;
            }
            for role in policy.roles.iter().filter(|role| **role != walker) {
                if doors.as_ref().is_some_and(|doors| !doors.contains(role)) {
                    continue;
                }
                let mut way = self.on(subject, technique, Some(*role), Some(*role), policy.arn);
                if technique.assumable && way.verdict != Verdict::No {
                    way.verdict = way.verdict.min(self.assumes(subject, *role));
                }
                if way.verdict == Verdict::No {
                    continue;
                }
                let holder = self.judge.subjects.get(*role);
                let limit = match technique.target {
                    Target::RoleVersion => self.version(holder, policy.arn, &mut way),
                    _ => self.ceiling(holder),
                };
                best.offer(way, &[limit]);
                if best.verdict == Verdict::Yes {
                    return;
                }
            }
        }
    }

    fn identity_center(&self, subject: &Subject<'_>, technique: &Technique, best: &mut Best) {
        let center = &self.judge.world.identity_center;
        let here = center.owner == Some(subject.account);
        if center.instance.is_some() && center.owner.is_some() && !here {
            return;
        }
        let reached = center
            .instance
            .unwrap_or_else(|| Sym::new("arn:aws:sso:::instance/*"));
        let mut way = self.on(subject, technique, None, None, reached);
        if !here {
            way.weaken("Identity Center is administered from this account");
        }
        best.offer(way, &[Verdict::Yes]);
    }
}

/// The resources a place means in an account.
pub(super) fn universe(pattern: &str, account: Sym) -> Pattern {
    resource_pattern(&pattern.replace("{account}", &account))
}

impl Best {
    pub(super) fn none() -> Self {
        Best {
            verdict: Verdict::No,
            residuals: Vec::new(),
            target: None,
            holder: None,
            reached: Sym::default(),
            targets: 0,
            shown: Vec::new(),
        }
    }

    /// Makes the way conditional.
    pub(super) fn weaken(&mut self, why: &str) {
        if self.verdict != Verdict::No {
            self.verdict = Verdict::Conditional;
            self.residuals.push(why.to_owned());
        }
    }

    /// Takes another way if it is better; counts it in any case.
    pub(super) fn offer(&mut self, mut way: Best, limits: &[Verdict]) {
        for limit in limits {
            way.verdict = way.verdict.min(*limit);
        }
        if way.verdict == Verdict::No {
            return;
        }
        let targets = self.targets + way.targets.max(1);
        if way.verdict > self.verdict {
            *self = way;
        }
        self.targets = targets;
    }
}
