//! Entitlements: every policy somebody has, and every assignment.

use super::super::actions::ActionMask;
use super::super::documents::DocId;
use super::super::policy::{Policy, permission_set};
use super::super::subject::{Held, Limit, Subject, SubjectId, SubjectKind};
use super::super::tiers::{Reading, Wearing, Worth};
use super::super::world::is_aws_managed;
use super::Facts;
use crate::model::{
    Effect, Entitlement, IdentityRef, Location, Moment, NOT_READ, Sym, System, Tier, Verdict,
};

/// What is left of a grant.
struct Effective {
    verdict: Verdict,
    residual: Option<String>,
    blocked_by: Vec<Sym>,
    worth: Worth,
    tier: Tier,
}

impl<'w> Facts<'w, '_> {
    pub(super) fn add_entitlements(&mut self) {
        let subjects = self.subjects;
        for (id, subject) in subjects.iter() {
            if subject.kind == SubjectKind::PermissionSet {
                continue;
            }
            let Some(identity) = self.identities.get(&id).copied() else {
                continue;
            };
            for held in &subject.held {
                self.add_held(id, subject, held, identity);
            }
        }
    }

    fn add_held(
        &mut self,
        id: SubjectId,
        subject: &Subject<'w>,
        held: &Held<'w>,
        identity: IdentityRef,
    ) {
        let grant = held.grant;
        let mechanism = match (held.via, grant.arn) {
            (Some(_), _) => "group-policy",
            (None, Some(_)) => "managed-policy",
            (None, None) => "inline-policy",
        };
        let mechanism = Sym::of(mechanism);
        let privilege = match (held.via, grant.arn) {
            (_, Some(arn)) => arn,
            (Some(group), None) => Sym::new(&format!("{group}/{}", grant.name)),
            (None, None) => grant.name,
        };
        let scope = match held.via {
            Some(group) => group,
            None => Sym::of("*"),
        };
        let mut fact = Entitlement::new(
            System::Aws,
            subject.account,
            identity,
            mechanism,
            privilege,
            scope,
        );
        fact.via = held.via;
        fact.expires = Moment::Never;
        fact.location = match self.worst_statement(held) {
            Some(location) => Some(location),
            None => self.locate(grant.file, grant.at),
        };
        let holder = self.build.identity_mut(identity);
        fact.last_used = holder.last_used;
        fact.owner = holder.owner;
        if holder.break_glass {
            fact.activation = crate::model::Activation::BreakGlass;
        }
        fact.attrs.set("policy_name", grant.name);
        if let Some(arn) = grant.arn {
            fact.attrs.set("policy_arn", arn);
            fact.attrs.set("aws_managed", is_aws_managed(&arn));
        }
        if subject.kind == SubjectKind::User {
            fact.attrs.set("direct", held.via.is_none());
        }
        let max_session = subject.holder.and_then(|holder| holder.max_session);
        if let Some(seconds) = max_session {
            fact.attrs
                .set("session", jiff::SignedDuration::from_secs(seconds));
        }
        if let Limit::Document(boundary) = subject.limit {
            fact.limits = self.permission_set(boundary);
        }
        let effective = self.effective(id, subject, held);
        if effective.verdict != Verdict::No {
            self.put_powers(&mut fact, id, subject, held);
        }
        self.put_effective(&mut fact, held, effective);
        if self.carries.contains(&(id, privilege)) || self.carries.contains(&(id, grant.name)) {
            fact.tier = Tier::Admin;
            fact.verdict = Verdict::Yes;
            fact.residual = None;
        }
        self.build.entitlement(fact);
    }

    /// Where the statement stands that gives most, for a policy that is a file of its
    /// own: the attachment says nothing there.
    fn worst_statement(&self, held: &Held<'w>) -> Option<Location> {
        let source = held.grant.source?;
        let file = self.world.files.get(source.file)?;
        if file.kind != "policy" {
            return None;
        }
        let policy = self.world.documents.get(held.doc?).policy.as_ref().ok()?;
        let statements = &policy.document().statements;
        let gives = |statement: &&super::super::policy::Statement| {
            if statement.effect == Effect::Deny {
                return (false, Tier::None, false);
            }
            let everything = |action: &str| matches!(action, "*" | "*:*");
            let alone = super::super::policy::Document {
                statements: vec![(*statement).clone()].into(),
                ..super::super::policy::Document::default()
            };
            let mut actions = statement.actions.list.iter();
            let wide = actions.any(|action| everything(action.source())) != statement.actions.not;
            (
                true,
                self.tiers.by_text(&alone, &mut Reading::default()),
                wide,
            )
        };
        // Of equal ones the first.
        let worst = statements.iter().rev().max_by_key(gives)?;
        source.locate(self.world.files, worst.range.clone())
    }

    fn put_effective(&mut self, fact: &mut Entitlement, held: &Held<'_>, effective: Effective) {
        fact.tier = effective.tier;
        fact.verdict = effective.verdict;
        fact.residual = effective.residual.as_deref().map(Sym::new);
        match held.doc {
            None => fact.attrs.set("policy_missing", true),
            Some(doc) => {
                fact.permissions = self.permission_set(doc);
                let text = self.gist(doc);
                fact.attrs.set("statements", text.statements);
                if text.wildcard {
                    fact.attrs.set("wildcard_actions", true);
                }
                if text.not_action {
                    fact.attrs.set("not_action", true);
                }
            }
        }
        put_worth(fact, &effective.worth);
        if !effective.blocked_by.is_empty() {
            fact.attrs.set("blocked_by", effective.blocked_by);
        }
    }

    /// Those of a subject's powers that one grant gives.
    fn put_powers(
        &self,
        fact: &mut Entitlement,
        id: SubjectId,
        subject: &Subject<'w>,
        held: &Held<'w>,
    ) {
        let Some(doc) = held.doc else {
            return;
        };
        let Ok(policy) = &self.world.documents.get(doc).policy else {
            return;
        };
        for power in &self.powers[id.0 as usize] {
            if !self.judge.mask(doc).contains(ActionMask::of(power.action)) {
                continue;
            }
            let mut identity = vec![policy];
            identity.extend(self.denying(subject, doc));
            let action = self.judge.actions.get(power.action);
            let verdict =
                self.judge
                    .allows_as(subject, &identity, true, action, &power.resource, &[]);
            if verdict == Verdict::Yes {
                fact.attrs.set(power.name, true);
            }
        }
    }

    /// The subject's documents that deny, but for this one.
    fn denying(&self, subject: &Subject<'w>, but: DocId) -> impl Iterator<Item = &'w Policy> {
        subject.docs.iter().filter_map(move |other| {
            let denies = *other != but && self.gist(*other).denies;
            let policy = self.world.documents.get(*other).policy.as_ref().ok();
            policy.filter(|_| denies)
        })
    }

    /// What boundary, guardrails and denies leave of one grant.
    fn effective(&self, id: SubjectId, subject: &Subject<'w>, held: &Held<'w>) -> Effective {
        let none = |verdict, residual: Option<&str>| Effective {
            verdict,
            residual: residual.map(str::to_owned),
            blocked_by: Vec::new(),
            worth: Worth::default(),
            tier: Tier::None,
        };
        let Some(doc) = held.doc else {
            return none(
                Verdict::Conditional,
                Some(&format!("the policy's document {NOT_READ}")),
            );
        };
        let text = self.gist(doc);
        let Ok(policy) = &self.world.documents.get(doc).policy else {
            return none(Verdict::Conditional, Some("the policy cannot be read"));
        };
        if !text.allows {
            return none(Verdict::No, None);
        }
        let mut tier = text.tier;
        if subject.limit == Limit::Missing {
            let mut effective = none(
                Verdict::Conditional,
                Some(&format!("the boundary's document {NOT_READ}")),
            );
            effective.tier = tier;
            return effective;
        }
        if let Limit::Document(boundary) = subject.limit {
            tier = tier.min(self.gist(boundary).tier);
        }
        let denies = subject.docs.iter().any(|doc| self.gist(*doc).denies);
        let rails = self.judge.rails(subject.account);
        let free = subject.limit == Limit::None && !denies && rails.open && rails.rcps.is_empty();
        // The grant with the denies that bear on it.
        let mut with_denies: Vec<&Policy> = Vec::new();
        let identity: &[&Policy] = if denies {
            with_denies.push(policy);
            with_denies.extend(self.denying(subject, doc));
            &with_denies
        } else {
            &[policy]
        };
        let mut blocked_by = Vec::new();
        let (verdict, residual) = if free && text.allows_plainly {
            (Verdict::Yes, None)
        } else {
            self.acts(subject, policy, identity, &mut blocked_by)
        };
        let worth = self.worth_of(id, subject, policy, identity, &mut blocked_by);
        let admin = worth.admin();
        if admin != Verdict::No {
            tier = Tier::Admin;
        }
        if verdict == Verdict::No && admin == Verdict::No {
            tier = Tier::None;
        }
        blocked_by.sort();
        blocked_by.dedup();
        Effective {
            verdict: verdict.max(admin),
            residual,
            blocked_by,
            worth,
            tier,
        }
    }

    /// What the admin tier's reasons say of one grant. Nothing can hold that does not
    /// hold for the whole subject.
    fn worth_of(
        &self,
        id: SubjectId,
        subject: &Subject<'w>,
        policy: &Policy,
        identity: &[&Policy],
        blocked_by: &mut Vec<Sym>,
    ) -> Worth {
        let of = |bounded| {
            let mut mask = ActionMask::default();
            for (at, own) in subject.identity.iter().enumerate() {
                if std::ptr::eq(*own, policy) {
                    mask.union(self.judge.mask(subject.docs[at]));
                }
            }
            let wearing = Wearing {
                identity,
                bounded,
                mask,
            };
            self.tiers.worth(self.judge, subject, wearing)
        };
        if subject.limit != Limit::None && of(true) != of(false) {
            blocked_by.push(Sym::new("boundary"));
        }
        if self.worth[id.0 as usize].reasons.is_empty() {
            return Worth::default();
        }
        of(true)
    }

    /// Assignments of Identity Center: to groups, to users, and to users through groups.
    pub(super) fn add_assignments(&mut self) {
        let world = self.world;
        let tenant = self.center_tenant();
        for assignment in &world.identity_center.assignments {
            let key = (assignment.account, assignment.set);
            let subject = self.subjects.by_set.get(&key).copied();
            let location = self.locate(assignment.file, assignment.at);
            let mut holders: Vec<(IdentityRef, Option<Sym>)> = Vec::new();
            if assignment.group {
                let name = world.identity_center.groups.get(&assignment.principal);
                let name = name.map_or(assignment.principal, |group| group.name);
                holders.push((self.crowd(assignment.principal, tenant), None));
                for member in world.identity_center.members(assignment.principal) {
                    holders.push((self.person(member, tenant), Some(name)));
                }
            } else {
                holders.push((self.person(assignment.principal, tenant), None));
            }
            for (identity, via) in holders {
                let mut fact = Entitlement::new(
                    System::Aws,
                    tenant,
                    identity,
                    "assignment",
                    assignment.set,
                    assignment.account,
                );
                fact.via = via;
                fact.expires = Moment::Never;
                fact.location = location;
                let holder = self.build.identity_mut(identity);
                fact.owner = holder.owner;
                if holder.break_glass {
                    fact.activation = crate::model::Activation::BreakGlass;
                }
                fact.attrs.set("account", assignment.account);
                fact.attrs.set("permission_set_arn", assignment.set);
                fact.attrs.set("to_group", assignment.group);
                if let Some(management) = world.organization.management {
                    fact.attrs
                        .set("management_account", management == assignment.account);
                }
                self.put_assignment(&mut fact, subject);
                self.build.entitlement(fact);
            }
        }
    }

    fn put_assignment(&mut self, fact: &mut Entitlement, subject: Option<SubjectId>) {
        let Some(id) = subject else {
            fact.verdict = Verdict::Conditional;
            fact.residual = Some(Sym::new(&format!("the permission set {NOT_READ}")));
            fact.attrs.set("policy_missing", true);
            return;
        };
        let subject = self.subjects.get(id);
        if let Some(set) = subject.set {
            fact.attrs.set("permission_set", set.name);
            fact.attrs.set("session", set.session);
            fact.since = set.created;
        }
        let worth = self.worth[id.0 as usize].clone();
        let mut tier = Tier::None;
        for doc in &subject.docs {
            tier = tier.max(self.gist(*doc).tier);
        }
        if let Limit::Document(boundary) = subject.limit {
            tier = tier.min(self.gist(boundary).tier);
        }
        let walker = self
            .subjects
            .by_arn
            .get(&subject.arn)
            .copied()
            .unwrap_or(id);
        let escalates = self.escalates.get(&walker) == Some(&Verdict::Yes);
        if worth.admin() != Verdict::No || escalates {
            tier = Tier::Admin;
        }
        fact.tier = tier;
        if let Limit::Document(boundary) = subject.limit {
            fact.limits = self.permission_set(boundary);
        }
        if let [doc] = subject.docs[..] {
            fact.permissions = self.permission_set(doc);
        } else {
            let mut all = Vec::new();
            for doc in &subject.docs {
                if let Ok(policy) = &self.world.documents.get(*doc).policy {
                    all.extend(permission_set(policy.document()).permissions);
                }
            }
            let set = self
                .build
                .permission_set(crate::model::PermissionSet::new(all));
            fact.permissions = Some(set);
        }
        if !subject.complete {
            fact.verdict = Verdict::Conditional;
            fact.residual = Some(Sym::new(&format!(
                "a policy of the permission set {NOT_READ}"
            )));
            fact.attrs.set("policy_missing", true);
        }
        put_worth(fact, &worth);
    }

    fn person(&mut self, id: Sym, tenant: Sym) -> IdentityRef {
        if let Some(at) = self.people.get(&id) {
            return *at;
        }
        let at = self.build.identity(unknown(tenant, id, "user"));
        self.people.insert(id, at);
        at
    }

    fn crowd(&mut self, id: Sym, tenant: Sym) -> IdentityRef {
        if let Some(at) = self.crowds.get(&id) {
            return *at;
        }
        let at = self.build.identity(unknown(tenant, id, "group"));
        self.crowds.insert(id, at);
        at
    }
}

/// Somebody who is assigned something and was not listed.
fn unknown(tenant: Sym, id: Sym, kind: &str) -> crate::model::Identity {
    let arn = format!("arn:aws:identitystore:::{kind}/{id}");
    let model = match kind {
        "group" => crate::model::IdentityKind::Group,
        _ => crate::model::IdentityKind::Human,
    };
    let mut identity = crate::model::Identity::new(System::Aws, tenant, arn.as_str(), model, id);
    identity.uid = id;
    identity
        .attrs
        .set("type", format!("identity-center-{kind}").as_str());
    identity.attrs.set("not_evaluable", true);
    identity
}

fn put_worth(fact: &mut Entitlement, worth: &Worth) {
    if worth.reasons.is_empty() {
        return;
    }
    fact.attrs.set("admin_reasons", worth.names());
    fact.attrs
        .set("full_access", worth.has("full-access") == Verdict::Yes);
}
