//! The search: every technique, every identity, round by round.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::actions::{ActionId, ActionMask};
use super::super::judge::{Answer, Judge, name_of};
use super::super::policy::{Pattern, Policy, resource_pattern};
use super::super::subject::{Limit, Subject, SubjectId, SubjectKind, is_service_linked};
use super::super::tiers::{Tiers, Wearing, Worth};
use super::super::world::is_aws_managed;
use super::catalogue::{Keys, Need, Password, Place, Target, Technique};
use super::targets::Index;
use crate::model::{Evidence, Sym, Verdict};

/// Longest way, in identities walked through.
const MAX_ROUNDS: u32 = 8;

/// A way found.
#[derive(Clone, Debug)]
pub struct Escalation {
    /// Who walks it.
    pub walker: SubjectId,
    /// Which technique (number in the catalogue).
    pub technique: usize,
    /// Whether it works.
    pub verdict: Verdict,
    /// What must hold.
    pub residual: Option<String>,
    /// The identity it reaches, where it is one.
    pub target: Option<SubjectId>,
    /// The target for people and steps.
    pub reached: Sym,
    /// Targets that would do.
    pub targets: usize,
    /// Identities walked through after the first.
    pub hops: u32,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// What a search knows of everybody.
struct Search<'s, 'w> {
    judge: &'s Judge<'w>,
    tiers: &'s Tiers,
    techniques: &'s [Technique],
    index: Index<'w>,
    worth: &'s [Worth],
    /// A policy that allows everything, for asking what would be left of it.
    everything: &'s Policy,
    assume: ActionId,
    all: ActionMask,
    /// Access keys and password of users, by ARN, from the credential report.
    report: FxHashMap<Sym, (usize, Option<bool>)>,
}

/// Who is privileged after a round.
#[derive(Debug, Default)]
struct Goals {
    users: FxHashMap<Sym, Vec<(SubjectId, Verdict)>>,
    groups: FxHashMap<Sym, Vec<(SubjectId, Verdict)>>,
    roles: FxHashMap<Sym, Vec<(SubjectId, Verdict)>>,
    /// Roles of all accounts: assuming crosses accounts.
    all_roles: FxHashMap<SubjectId, Verdict>,
}

/// The best way found so far for one technique.
struct Best {
    verdict: Verdict,
    residuals: Vec<String>,
    target: Option<SubjectId>,
    holder: Option<SubjectId>,
    reached: Sym,
    targets: usize,
}

/// Finds all ways of everybody who is not privileged already.
///
/// # Errors
/// If the built-in policies cannot be read.
pub fn search(
    judge: &Judge<'_>,
    tiers: &Tiers,
    techniques: &[Technique],
    worth: &[Worth],
    assume: ActionId,
) -> Result<Vec<Escalation>, String> {
    let everything = Policy::parse(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
    )
    .map_err(|error| error.to_string())?;
    let mut all = ActionMask::default();
    all.union(
        judge
            .actions
            .allowed(everything.document(), &mut Default::default()),
    );
    let mut report = FxHashMap::default();
    for account in judge.world.accounts.values() {
        for row in account.report.iter().flat_map(|report| &report.rows) {
            let keys = row.keys.iter().filter(|key| key.exists()).count();
            report.insert(Sym::new(&row.arn), (keys, row.password));
        }
    }
    let search = Search {
        judge,
        tiers,
        techniques,
        index: Index::of(judge),
        worth,
        everything: &everything,
        assume,
        all,
        report,
    };
    Ok(search.run())
}

impl Search<'_, '_> {
    fn run(&self) -> Vec<Escalation> {
        let mut goals = Goals::default();
        let mut privileged: FxHashSet<SubjectId> = FxHashSet::default();
        for (id, subject) in self.judge.subjects.iter() {
            let verdict = self.worth[id.0 as usize].privileged;
            if verdict != Verdict::No {
                goals.add(id, subject, verdict);
                privileged.insert(id);
            }
        }
        let walkers: Vec<SubjectId> = self
            .judge
            .subjects
            .iter()
            .filter(|(id, subject)| self.walks(*id, subject, &privileged))
            .map(|(id, _)| id)
            .collect();

        let mut found: Vec<Escalation> = Vec::new();
        let mut known: FxHashSet<(SubjectId, usize)> = FxHashSet::default();
        for round in 0..MAX_ROUNDS {
            let new: Vec<Escalation> = walkers
                .par_iter()
                .flat_map_iter(|walker| self.round(*walker, round, &goals, &known))
                .collect();
            let mut next = Goals::default();
            for way in &new {
                known.insert((way.walker, way.technique));
                // Only what works outright makes its walker worth reaching.
                if way.verdict == Verdict::Yes && privileged.insert(way.walker) {
                    next.add(
                        way.walker,
                        self.judge.subjects.get(way.walker),
                        Verdict::Yes,
                    );
                }
            }
            found.extend(new);
            if next.is_empty() {
                break;
            }
            goals = next;
        }
        found.sort_by_key(|way| (way.walker, way.technique));
        found
    }

    /// Whether anybody could act as this subject and gain by it.
    fn walks(
        &self,
        id: SubjectId,
        subject: &Subject<'_>,
        privileged: &FxHashSet<SubjectId>,
    ) -> bool {
        if privileged.contains(&id) {
            return false;
        }
        match subject.kind {
            SubjectKind::Group => false,
            // Its role was read and walks in its stead.
            SubjectKind::PermissionSet => subject.holder.is_none(),
            SubjectKind::User => true,
            // Only AWS acts as these.
            SubjectKind::Role => !subject.holder.is_some_and(is_service_linked),
        }
    }

    fn round(
        &self,
        walker: SubjectId,
        round: u32,
        goals: &Goals,
        known: &FxHashSet<(SubjectId, usize)>,
    ) -> Vec<Escalation> {
        let subject = self.judge.subjects.get(walker);
        let reach = self.judge.reach(walker);
        let mut found = Vec::new();
        for (at, technique) in self.techniques.iter().enumerate() {
            let may = match subject.kind {
                SubjectKind::User => technique.by_user,
                _ => technique.by_role,
            };
            let repeats = round > 0 && !technique.target.is_goal();
            if !may || repeats || !reach.contains(technique.mask) || known.contains(&(walker, at)) {
                continue;
            }
            if let Some(best) = self.ask(walker, subject, technique, goals) {
                found.push(self.explain(walker, subject, at, best, round));
            }
        }
        found
    }

    /// The best way of this subject by this technique.
    fn ask(
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
                    self.on(subject, technique, target, None, &subject.arn),
                    &[self.ceiling(walker)],
                );
            }
            Target::OwnPolicy => {
                for held in &subject.held {
                    if let Some(arn) = held.grant.arn.filter(|arn| !is_aws_managed(arn)) {
                        let way = self.on(subject, technique, Some(walker), None, &arn);
                        best.offer(way, &[self.ceiling(walker)]);
                    }
                }
            }
            Target::OwnGroup => {
                let groups = subject.holder.map(|holder| holder.groups.as_slice());
                for group in self.index.groups.get(&account).into_iter().flatten() {
                    let target = self.judge.subjects.get(*group);
                    let name = target.holder.map(|holder| holder.name);
                    if name.is_some_and(|name| groups.is_some_and(|own| own.contains(&name))) {
                        let way = self.on(subject, technique, Some(walker), None, &target.arn);
                        best.offer(way, &[self.ceiling(walker)]);
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
            Target::RolePolicy => self.role_policies(walker, subject, technique, &mut best),
            Target::IdentityCenter => self.identity_center(subject, technique, &mut best),
            Target::Boundary | Target::BoundaryPolicy => {
                self.boundary(walker, subject, technique, &mut best);
            }
        }
        if let (Some(text), true) = (technique.condition, best.verdict != Verdict::No) {
            best.weaken(&text);
        }
        (best.verdict != Verdict::No).then_some(best)
    }

    /// Whether all actions of a technique are allowed on this target.
    fn on(
        &self,
        subject: &Subject<'_>,
        technique: &Technique,
        target: Option<SubjectId>,
        holder: Option<SubjectId>,
        arn: &str,
    ) -> Best {
        let mut verdict = Verdict::Yes;
        for need in &technique.needs {
            for place in &need.on {
                verdict = verdict.min(self.need(subject, need, place, arn, holder, &[]));
                if verdict == Verdict::No {
                    return Best::none();
                }
            }
        }
        Best {
            verdict,
            residuals: Vec::new(),
            target,
            holder,
            reached: Sym::new(arn),
            targets: 1,
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

    /// What a policy that allows everything would be worth to a subject: less than
    /// everything where a boundary, guardrail or deny holds it back.
    fn ceiling(&self, id: SubjectId) -> Verdict {
        let subject = self.judge.subjects.get(id);
        let mut identity = subject.identity.clone();
        identity.push(self.everything);
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
            if technique.target == Target::AdminRole
                && target
                    .holder
                    .is_some_and(super::super::subject::is_reserved)
            {
                // Nobody but Identity Center changes its roles.
                continue;
            }
            let Some(own) = self.fits(technique, target) else {
                continue;
            };
            let way = self.on(subject, technique, Some(*id), None, &target.arn);
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

    /// Goals that let the walker in.
    fn assume_goals(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        goals: &Goals,
        best: &mut Best,
    ) {
        let can = self.can_assume(walker);
        for door in self.index.doors(subject, can) {
            let Some(verdict) = goals.all_roles.get(&door).filter(|_| door != walker) else {
                continue;
            };
            let arn = self.judge.subjects.get(door).arn;
            let way = Best {
                verdict: self.assumes(subject, door),
                residuals: Vec::new(),
                target: Some(door),
                holder: None,
                reached: arn,
                targets: 1,
            };
            best.offer(way, &[*verdict]);
        }
    }

    fn can_assume(&self, walker: SubjectId) -> bool {
        let mut mask = ActionMask::default();
        mask.insert(self.assume);
        self.judge.reach(walker).contains(mask)
    }

    fn assumes(&self, subject: &Subject<'_>, door: SubjectId) -> Verdict {
        let Some(trust) = self.index.trust.get(&door) else {
            return Verdict::No;
        };
        let action = self.judge.actions.get(self.assume);
        let arn = self.judge.subjects.get(door).arn;
        self.judge.assumes(subject, action, &arn, trust)
    }

    /// Roles that let the walker in and can be changed.
    fn open_doors(&self, walker: SubjectId, subject: &Subject<'_>) -> Vec<SubjectId> {
        let changeable = self.index.roles.get(&subject.account);
        self.index
            .doors(subject, self.can_assume(walker))
            .into_iter()
            .filter(|door| changeable.is_some_and(|roles| roles.binary_search(door).is_ok()))
            .filter(|door| *door != walker && self.assumes(subject, *door) != Verdict::No)
            .collect()
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
                residuals: Vec::new(),
                target: Some(*id),
                holder: None,
                reached: role.arn,
                targets: 1,
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
                    let own = self.on(subject, technique, Some(*id), None, &role.arn);
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
            let mut way = self.on(subject, technique, Some(id), None, &target.arn);
            if way.verdict == Verdict::No {
                continue;
            }
            if technique.assumable {
                way.verdict = way.verdict.min(self.assumes(subject, id));
            }
            best.offer(way, &[own, self.ceiling(id)]);
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
                let mut way = self.on(subject, technique, Some(*role), Some(*role), &policy.arn);
                if technique.assumable && way.verdict != Verdict::No {
                    way.verdict = way.verdict.min(self.assumes(subject, *role));
                }
                if way.verdict == Verdict::No {
                    continue;
                }
                best.offer(way, &[self.ceiling(*role)]);
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
        let mut way = self.on(subject, technique, None, None, &reached);
        if !here {
            way.weaken("Identity Center is administered from this account");
        }
        best.offer(way, &[Verdict::Yes]);
    }

    fn boundary(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        technique: &Technique,
        best: &mut Best,
    ) {
        let Some(arn) = subject.boundary else {
            return;
        };
        if technique.target == Target::BoundaryPolicy && is_aws_managed(&arn) {
            return;
        }
        let way = self.on(subject, technique, Some(walker), None, &arn);
        if way.verdict == Verdict::No {
            return;
        }
        let free = self.tiers.worth(
            self.judge,
            subject,
            Wearing {
                identity: &subject.identity,
                bounded: false,
                mask: self.judge.reach(walker),
            },
        );
        best.offer(way, &[free.privileged]);
    }

    /// The same way with reasons.
    fn explain(
        &self,
        walker: SubjectId,
        subject: &Subject<'_>,
        technique: usize,
        best: Best,
        round: u32,
    ) -> Escalation {
        let known = &self.techniques[technique];
        let mut residuals = best.residuals;
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
            evidence,
        }
    }
}

/// The resources a place means in an account.
fn universe(pattern: &str, account: Sym) -> Pattern {
    resource_pattern(&pattern.replace("{account}", &account))
}

impl Target {
    /// Whether it needs somebody who is privileged already.
    fn is_goal(self) -> bool {
        matches!(
            self,
            Target::AdminUser
                | Target::AdminGroup
                | Target::AdminRole
                | Target::ServiceRole
                | Target::CarriedRole
        )
    }
}

impl Goals {
    fn add(&mut self, id: SubjectId, subject: &Subject<'_>, verdict: Verdict) {
        let account = subject.account;
        match subject.kind {
            SubjectKind::User => self.users.entry(account).or_default().push((id, verdict)),
            SubjectKind::Group => self.groups.entry(account).or_default().push((id, verdict)),
            SubjectKind::Role => {
                self.roles.entry(account).or_default().push((id, verdict));
                self.all_roles.insert(id, verdict);
            }
            // Nobody passes or assumes these but Identity Center.
            SubjectKind::PermissionSet => {}
        }
    }

    fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty() && self.all_roles.is_empty()
    }
}

impl Best {
    fn none() -> Self {
        Best {
            verdict: Verdict::No,
            residuals: Vec::new(),
            target: None,
            holder: None,
            reached: Sym::new(""),
            targets: 0,
        }
    }

    /// Makes the way conditional.
    fn weaken(&mut self, why: &str) {
        if self.verdict != Verdict::No {
            self.verdict = Verdict::Conditional;
            self.residuals.push(why.to_owned());
        }
    }

    /// Takes another way if it is better; counts it in any case.
    fn offer(&mut self, mut way: Best, limits: &[Verdict]) {
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
