//! The search: every technique, every identity, round by round.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::actions::{ActionId, ActionMask};
use super::super::judge::Judge;
use super::super::policy::Policy;
use super::super::subject::{Subject, SubjectId, SubjectKind, is_service_linked};
use super::super::tiers::{Tiers, Worth};
use super::catalogue::{Target, Technique};
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
    /// Nothing of the walker's own has part in it: its target lets everybody in.
    pub everyone: bool,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// All ways, sorted by walker.
    pub ways: Vec<Escalation>,
    /// Privileged roles that let everybody in, and how many of the identities read
    /// get there by nothing but that.
    pub open: FxHashMap<SubjectId, usize>,
}

/// What a search knows of everybody.
pub(super) struct Search<'s, 'w> {
    pub(super) judge: &'s Judge<'w>,
    pub(super) tiers: &'s Tiers,
    pub(super) techniques: &'s [Technique],
    pub(super) index: Index<'w>,
    worth: &'s [Worth],
    pub(super) assume: ActionId,
    /// The technique of assuming a privileged role.
    assuming: Option<usize>,
    pub(super) all: ActionMask,
    /// Access keys and password of users, by ARN, from the credential report.
    pub(super) report: FxHashMap<Sym, (usize, Option<bool>)>,
}

/// Who is privileged after a round.
#[derive(Clone, Debug, Default)]
pub(super) struct Goals {
    pub(super) users: FxHashMap<Sym, Vec<(SubjectId, Verdict)>>,
    pub(super) groups: FxHashMap<Sym, Vec<(SubjectId, Verdict)>>,
    pub(super) roles: FxHashMap<Sym, Vec<(SubjectId, Verdict)>>,
    /// Roles of all accounts: assuming crosses accounts.
    pub(super) all_roles: FxHashMap<SubjectId, Verdict>,
}

/// Finds all ways of everybody who is not privileged already.
pub fn search(
    judge: &Judge<'_>,
    tiers: &Tiers,
    techniques: &[Technique],
    worth: &[Worth],
    assume: ActionId,
) -> Found {
    let everything = Policy::everything().document();
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
        assume,
        assuming: techniques
            .iter()
            .position(|one| one.target == Target::AdminRole && one.assumable),
        all: judge.actions.allowed(everything, &mut Default::default()),
        report,
    };
    search.run()
}

impl Search<'_, '_> {
    fn run(&self) -> Found {
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

        let mut found = Found::default();
        let mut known: FxHashSet<(SubjectId, usize)> = FxHashSet::default();
        // An open door makes everybody privileged. Who comes through it and nothing
        // else is a goal only for those it does not let in: to the others every such
        // way would be a detour to where they are.
        let mut told: FxHashSet<SubjectId> = FxHashSet::default();
        let mut inside: FxHashSet<SubjectId> = FxHashSet::default();
        let mut outer = goals.clone();
        let mut reached = privileged.clone();
        let mut doors: FxHashSet<SubjectId> = FxHashSet::default();
        for round in 0..MAX_ROUNDS {
            let ever = outer.all_roles.keys().copied();
            doors.extend(ever.filter(|id| self.index.trusts_anyone.contains(id)));
            let new: Vec<Escalation> = walkers
                .par_iter()
                .flat_map_iter(|walker| {
                    let goals = if inside.contains(walker) {
                        &goals
                    } else {
                        &outer
                    };
                    self.round(*walker, round, goals, &known, told.contains(walker))
                })
                .collect();
            let (mut next, mut next_outer) = (Goals::default(), Goals::default());
            for way in &new {
                let walker = way.walker;
                if way.everyone {
                    told.insert(walker);
                } else {
                    known.insert((walker, way.technique));
                }
                // Only what works outright makes its walker worth reaching.
                if way.verdict != Verdict::Yes {
                    continue;
                }
                let subject = self.judge.subjects.get(walker);
                if way.everyone {
                    inside.insert(walker);
                } else if privileged.insert(walker) {
                    next.add(walker, subject, Verdict::Yes);
                }
                if reached.insert(walker) {
                    next_outer.add(walker, subject, Verdict::Yes);
                }
            }
            found.ways.extend(new);
            if next.is_empty() && next_outer.is_empty() {
                break;
            }
            (goals, outer) = (next, next_outer);
        }
        found
            .ways
            .sort_by_key(|way| (way.walker, way.technique, way.everyone));
        for door in doors {
            let let_in = |walker: &&SubjectId| {
                let subject = self.judge.subjects.get(**walker);
                self.lets_everyone(**walker, subject, door) != Verdict::No
            };
            found
                .open
                .insert(door, walkers.par_iter().filter(let_in).count());
        }
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
        inside: bool,
    ) -> Vec<Escalation> {
        let subject = self.judge.subjects.get(walker);
        let reach = self.judge.reach(walker);
        let mut found = Vec::new();
        for (at, technique) in self.techniques.iter().enumerate() {
            let may = technique.is_for(subject.kind);
            let repeats = round > 0 && !technique.target.is_goal();
            if !may || repeats || !reach.contains(technique.mask) || known.contains(&(walker, at)) {
                continue;
            }
            if let Some(best) = self.ask(walker, subject, technique, goals) {
                found.push(self.explain(walker, subject, at, best, round));
            }
        }
        if let Some(at) = self.assuming
            && !inside
            && !known.contains(&(walker, at))
            && !found
                .iter()
                .any(|way| way.technique == at && way.verdict == Verdict::Yes)
            && let Some(best) = self.walk_in(walker, subject, goals)
        {
            found.push(Escalation {
                everyone: true,
                ..self.explain(walker, subject, at, best, round)
            });
        }
        found
    }
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
