//! Who can be a target: indexes over all subjects.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::super::judge::Judge;
use super::super::policy::{Named, Policy};
use super::super::subject::{Subject, SubjectId, SubjectKind, is_reserved, is_service_linked};
use super::super::world::{HolderKind, is_aws_managed};
use crate::model::{Effect, Sym};

/// A customer managed policy and who has it.
#[derive(Debug)]
pub struct SharedPolicy {
    /// ARN.
    pub arn: Sym,
    /// Roles it is attached to, those AWS keeps left out.
    pub roles: Vec<SubjectId>,
}

/// Indexes over all subjects.
#[derive(Debug, Default)]
pub struct Index<'w> {
    /// Parsed trust policies of roles.
    pub trust: FxHashMap<SubjectId, &'w Policy>,
    /// Roles whose trust names this ARN.
    pub trusts_arn: FxHashMap<Sym, Vec<SubjectId>>,
    /// Roles whose trust names this whole account.
    pub trusts_account: FxHashMap<Sym, Vec<SubjectId>>,
    /// Roles whose trust names everybody, or everybody but some.
    pub trusts_anyone: Vec<SubjectId>,
    /// Services each role trusts.
    pub services: FxHashMap<SubjectId, SmallVec<[Sym; 2]>>,
    /// Users by account.
    pub users: FxHashMap<Sym, Vec<SubjectId>>,
    /// Groups by account.
    pub groups: FxHashMap<Sym, Vec<SubjectId>>,
    /// Roles by account that can be changed.
    pub roles: FxHashMap<Sym, Vec<SubjectId>>,
    /// Customer managed policies attached to roles that can be changed, by account.
    pub policies: FxHashMap<Sym, Vec<SharedPolicy>>,
}

/// Whether anybody but AWS can change this role.
fn can_be_changed(subject: &Subject<'_>) -> bool {
    subject
        .holder
        .is_some_and(|holder| !is_reserved(holder) && !is_service_linked(holder))
}

impl<'w> Index<'w> {
    /// Indexes everybody.
    pub fn of(judge: &Judge<'w>) -> Self {
        let mut index = Index::default();
        let mut shared: FxHashMap<Sym, FxHashMap<Sym, Vec<SubjectId>>> = FxHashMap::default();
        for (id, subject) in judge.subjects.iter() {
            match subject.kind {
                SubjectKind::User => index.users.entry(subject.account).or_default().push(id),
                SubjectKind::Group => index.groups.entry(subject.account).or_default().push(id),
                SubjectKind::Role => {
                    index.add_trust(judge, id, subject);
                    if can_be_changed(subject) {
                        index.roles.entry(subject.account).or_default().push(id);
                        for held in &subject.held {
                            if let Some(arn) = held.grant.arn
                                && !is_aws_managed(&arn)
                            {
                                let list = shared.entry(subject.account).or_default();
                                list.entry(arn).or_default().push(id);
                            }
                        }
                    }
                }
                SubjectKind::PermissionSet => {}
            }
        }
        for (account, policies) in shared {
            let mut list: Vec<_> = policies
                .into_iter()
                .map(|(arn, roles)| SharedPolicy { arn, roles })
                .collect();
            list.sort_by_key(|policy| policy.arn);
            index.policies.insert(account, list);
        }
        index
    }

    fn add_trust(&mut self, judge: &Judge<'w>, id: SubjectId, subject: &Subject<'w>) {
        let Some(source) = subject
            .holder
            .filter(|holder| holder.kind == HolderKind::Role)
            .and_then(|holder| holder.trust)
        else {
            return;
        };
        let Some(policy) = judge
            .world
            .documents
            .id(source)
            .and_then(|doc| judge.world.documents.get(doc).policy.as_ref().ok())
        else {
            return;
        };
        self.trust.insert(id, policy);
        for statement in &policy.document().statements {
            if statement.effect != Effect::Allow {
                continue;
            }
            let Some(principals) = &statement.principals else {
                continue;
            };
            if principals.not {
                push(&mut self.trusts_anyone, id);
                continue;
            }
            for named in &principals.list {
                match named {
                    Named::Anyone => push(&mut self.trusts_anyone, id),
                    Named::Account(account) => {
                        push(
                            self.trusts_account.entry(Sym::new(account)).or_default(),
                            id,
                        );
                    }
                    Named::Arn(principal) => {
                        let arn = Sym::new(principal.arn());
                        push(self.trusts_arn.entry(arn).or_default(), id);
                    }
                    Named::Service(name) => {
                        let services = self.services.entry(id).or_default();
                        services.push(Sym::new(name));
                    }
                    Named::Federated(_) | Named::Canonical(_) | Named::Dead(_) => {}
                }
            }
        }
    }

    /// Roles whose trust may let this subject in, everybody's included.
    pub fn doors(&self, subject: &Subject<'_>, can_assume: bool) -> Vec<SubjectId> {
        let mut doors = self.named_doors(subject, can_assume);
        doors.extend(&self.trusts_anyone);
        doors.sort_unstable();
        doors.dedup();
        doors
    }

    /// Roles whose trust names this subject, or its account if it may ask for them.
    pub fn named_doors(&self, subject: &Subject<'_>, can_assume: bool) -> Vec<SubjectId> {
        let mut doors: Vec<SubjectId> = self
            .trusts_arn
            .get(&subject.arn)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        if can_assume {
            let account = self.trusts_account.get(&subject.account);
            doors.extend(account.into_iter().flatten());
        }
        doors.sort_unstable();
        doors.dedup();
        doors
    }

    /// Whether a role is one of [`Self::named_doors`].
    pub fn is_named_door(&self, subject: &Subject<'_>, can_assume: bool, door: SubjectId) -> bool {
        // Both lists were filled in the order of the numbers.
        let lists = |list: Option<&Vec<SubjectId>>| {
            list.is_some_and(|list| list.binary_search(&door).is_ok())
        };
        lists(self.trusts_arn.get(&subject.arn))
            || can_assume && lists(self.trusts_account.get(&subject.account))
    }
}

fn push(list: &mut Vec<SubjectId>, id: SubjectId) {
    if list.last() != Some(&id) {
        list.push(id);
    }
}
