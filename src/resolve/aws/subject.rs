//! Who is judged: everybody with permissions, with all policies that bear on them.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::documents::{DocId, Source};
use super::organization::GuardrailKind;
use super::policy::{Context, Policy, Principal};
use super::sso::{PermissionSet, Reference};
use super::world::{Account, Grant, Holder, HolderKind, World};
use crate::model::Sym;

/// Number of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId(pub u32);

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// An IAM user, with what its groups give.
    User,
    /// An IAM role.
    Role,
    /// An IAM group: what it gives a member.
    Group,
    /// A permission set in an account, whether or not its role was read.
    PermissionSet,
}

/// A policy a subject has.
#[derive(Clone, Copy, Debug)]
pub struct Held<'w> {
    /// The policy.
    pub grant: Grant<'w>,
    /// The group it comes through.
    pub via: Option<Sym>,
    /// Its document, if the data has one that can be read.
    pub doc: Option<DocId>,
}

/// The boundary of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// There is none.
    None,
    /// This document.
    Document(DocId),
    /// There is one, and the data lacks its document.
    Missing,
}

/// Somebody with permissions.
#[derive(Clone, Debug)]
pub struct Subject<'w> {
    /// What it is.
    pub kind: SubjectKind,
    /// ARN of the user, role or group; of the permission set's role where that was
    /// read, else of the set.
    pub arn: Sym,
    /// The account its permissions are in.
    pub account: Sym,
    /// The user, role or group.
    pub holder: Option<&'w Holder<'w>>,
    /// The permission set.
    pub set: Option<&'w PermissionSet<'w>>,
    /// Its policies.
    pub held: Vec<Held<'w>>,
    /// Distinct documents of them.
    pub docs: SmallVec<[DocId; 4]>,
    /// The same, for the evaluator.
    pub identity: Vec<&'w Policy>,
    /// Its boundary.
    pub limit: Limit,
    /// ARN of the boundary.
    pub boundary: Option<Sym>,
    /// The same, for the evaluator.
    pub boundary_policy: Option<[&'w Policy; 1]>,
    /// Everything that bears on it was read.
    pub complete: bool,
    /// Who it is, for the evaluator.
    pub principal: Principal,
    /// What is known of its requests; shared where nothing is its own.
    pub context: Arc<Context>,
}

impl<'w> Subject<'w> {
    /// The same with this boundary instead of its own, or with none.
    pub fn bounded_by<'b>(&self, boundary: Option<&'b Policy>) -> Subject<'b>
    where
        'w: 'b,
    {
        let mut free: Subject<'b> = self.clone();
        free.limit = Limit::None;
        free.boundary = None;
        free.boundary_policy = boundary.map(|policy| [policy]);
        free
    }
}

/// Guardrails of an account, for the evaluator.
#[derive(Debug, Default)]
pub struct Rails<'w> {
    /// Service control policies by level; `None` when it cannot be told.
    pub scps: Option<Vec<Vec<&'w Policy>>>,
    /// Every level allows everything.
    pub open: bool,
    /// Resource control policies by level, levels that only allow left out.
    pub rcps: Vec<Vec<&'w Policy>>,
    /// Which of them bear on the account cannot be told: these are all there are.
    pub rcps_doubtful: bool,
}

/// All subjects of all accounts.
#[derive(Debug, Default)]
pub struct Subjects<'w> {
    /// The subjects, sorted by account and ARN.
    pub list: Vec<Subject<'w>>,
    /// By ARN.
    pub by_arn: FxHashMap<Sym, SubjectId>,
    /// Permission sets by account and ARN of the set.
    pub by_set: FxHashMap<(Sym, Sym), SubjectId>,
    /// Guardrails by account.
    pub rails: FxHashMap<Sym, Rails<'w>>,
}

/// The policy of a document, if it can be read.
fn policy<'w>(world: &'w World<'w>, doc: DocId) -> Option<&'w Policy> {
    world.documents.get(doc).policy.as_ref().ok()
}

fn readable(world: &World<'_>, source: Option<Source<'_>>) -> Option<DocId> {
    let doc = world.documents.id(source?)?;
    // A document with a statement that was lost says more than was read.
    (!world.documents.get(doc).is_damaged()).then_some(doc)
}

impl<'w> Subjects<'w> {
    /// Everybody in the world.
    pub fn of(world: &'w World<'w>, now: jiff::Timestamp) -> Self {
        let mut subjects = Subjects::default();
        for (id, account) in &world.accounts {
            subjects.rails.insert(*id, rails(world, *id));
            let groups: FxHashMap<Sym, &Holder<'_>> = account
                .holders
                .iter()
                .filter(|holder| holder.kind == HolderKind::Group)
                .map(|group| (group.name, group))
                .collect();
            let context = Arc::new(context(world, *id, now));
            for holder in &account.holders {
                let Some(subject) = of_holder(world, *id, account, holder, &groups, &context)
                else {
                    continue;
                };
                let at = SubjectId(subjects.list.len() as u32);
                subjects.by_arn.insert(holder.arn, at);
                subjects.list.push(subject);
            }
        }
        subjects.add_permission_sets(world, now);
        subjects
    }

    /// The subject with this number.
    pub fn get(&self, id: SubjectId) -> &Subject<'w> {
        &self.list[id.0 as usize]
    }

    /// All with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (SubjectId, &Subject<'w>)> {
        let id = |at| SubjectId(at as u32);
        self.list
            .iter()
            .enumerate()
            .map(move |(at, subject)| (id(at), subject))
    }

    fn add_permission_sets(&mut self, world: &'w World<'w>, now: jiff::Timestamp) {
        let center = &world.identity_center;
        let mut last = None;
        for assignment in &center.assignments {
            let key = (assignment.account, assignment.set);
            if last.replace(key) == Some(key) {
                continue;
            }
            let Some(set) = center.set(assignment.set) else {
                continue;
            };
            self.rails
                .entry(assignment.account)
                .or_insert_with(|| rails(world, assignment.account));
            let account = world.accounts.get(&assignment.account);
            let Some(subject) = of_set(world, assignment.account, account, set, now) else {
                continue;
            };
            let at = SubjectId(self.list.len() as u32);
            self.by_set.insert(key, at);
            self.list.push(subject);
        }
    }
}

/// What is known of every request of an account's principals.
fn context(world: &World<'_>, account: Sym, now: jiff::Timestamp) -> Context {
    let mut context = Context::open();
    context.set_time(now);
    // Sessions are young: a token was issued at most hours ago.
    context.set("aws:TokenIssueTime", [now.to_string()]);
    if let Some(id) = world.organization.id
        && (world.organization.accounts.is_empty()
            || world.organization.accounts.contains_key(&account))
    {
        context.set("aws:PrincipalOrgID", [id.as_str()]);
    }
    context
}

fn rails<'w>(world: &'w World<'w>, account: Sym) -> Rails<'w> {
    let (rcps, rcps_doubtful) = resource_rails(world, account);
    let Some(levels) = world.organization.levels(account, GuardrailKind::Scp) else {
        return Rails {
            scps: None,
            open: true,
            rcps,
            rcps_doubtful,
        };
    };
    let mut open = true;
    let mut scps = Vec::new();
    for level in levels {
        let mut policies = Vec::new();
        let mut full = false;
        if level.is_empty() {
            // Organizations keeps at least one on every level, so it was not read.
            policies.push(Policy::everything());
            full = true;
        }
        for rail in level {
            let doc = world.documents.id(rail.source);
            if doc.is_none_or(|doc| world.documents.get(doc).is_damaged()) {
                // What was lost of it may allow: as with guardrails that were not
                // supplied, access is told that they may forbid, beside the gap.
                policies.push(Policy::everything());
                full = true;
            }
            let Some(policy) = doc.and_then(|doc| policy(world, doc)) else {
                continue;
            };
            let everything = is_everything(policy);
            full |= everything;
            open &= everything;
            policies.push(policy);
        }
        open &= full;
        scps.push(policies);
    }
    Rails {
        scps: Some(scps),
        open,
        rcps,
        rcps_doubtful,
    }
}

/// The resource control policies that bear on the resources of an account, and whether
/// that is in doubt.
///
/// The one that allows everything is on every level and cannot be taken off; customers'
/// own only deny (AWS Organizations User Guide, "Resource control policies").
fn resource_rails<'w>(world: &'w World<'w>, account: Sym) -> (Vec<Vec<&'w Policy>>, bool) {
    let organization = &world.organization;
    let foreign =
        !organization.accounts.is_empty() && !organization.accounts.contains_key(&account);
    if foreign {
        return (Vec::new(), false);
    }
    let placed = organization.levels(account, GuardrailKind::Rcp);
    let doubtful = placed.is_none();
    let levels = placed.unwrap_or_else(|| vec![organization.all(GuardrailKind::Rcp)]);
    let mut rcps = Vec::new();
    for level in levels {
        let denying = level
            .into_iter()
            .filter_map(|rail| policy(world, world.documents.id(rail.source)?))
            .filter(|policy| !is_everything(policy));
        let mut policies: Vec<&Policy> = denying.collect();
        if !policies.is_empty() {
            policies.push(Policy::everything());
            rcps.push(policies);
        }
    }
    let doubtful = doubtful && !rcps.is_empty();
    (rcps, doubtful)
}

/// Whether a guardrail allows everything, as the one AWS attaches by itself does.
fn is_everything(policy: &Policy) -> bool {
    let document = policy.document();
    document.statements.iter().all(|statement| {
        statement.effect == crate::model::Effect::Allow
            && !statement.actions.not
            && statement
                .actions
                .list
                .iter()
                .any(|action| action.source() == "*")
            && statement.conditions.is_empty()
            && statement.resources.as_ref().is_some_and(|resources| {
                !resources.not && resources.patterns.iter().any(|one| one.source() == "*")
            })
    }) && !document.statements.is_empty()
}

fn of_holder<'w>(
    world: &'w World<'w>,
    id: Sym,
    account: &'w Account<'w>,
    holder: &'w Holder<'w>,
    groups: &FxHashMap<Sym, &'w Holder<'w>>,
    context: &Arc<Context>,
) -> Option<Subject<'w>> {
    let held_by = |grants: &'w [Grant<'w>], via: Option<Sym>| {
        grants.iter().map(move |grant| Held {
            grant: *grant,
            via,
            doc: readable(world, grant.source),
        })
    };
    let mut held: Vec<Held<'w>> = held_by(&holder.grants, None).collect();
    let mut complete = true;
    for name in &holder.groups {
        match groups.get(name) {
            Some(group) => held.extend(held_by(&group.grants, Some(*name))),
            None => complete = false,
        }
    }
    let boundary = holder.boundary.map(|boundary| boundary.arn);
    let limit = match boundary {
        None => Limit::None,
        Some(arn) => readable(
            world,
            account.policies.get(&arn).and_then(|policy| policy.source),
        )
        .map_or(Limit::Missing, Limit::Document),
    };
    let probe;
    let principal = match holder.kind {
        HolderKind::Group => {
            probe = format!("arn:aws:iam::{id}:user/tenure-probe");
            &probe
        }
        // A file's name is no principal; it may even look like an identity provider's.
        _ if account.of_files => FILE_PRINCIPAL,
        _ => holder.arn.as_str(),
    };
    let mut context = Arc::clone(context);
    if holder.kind == HolderKind::User {
        let context = Arc::make_mut(&mut context);
        for tag in &holder.tags {
            context.set(&format!("aws:PrincipalTag/{}", &*tag.key), [&*tag.value]);
        }
        context.set("aws:userid", [holder.uid.as_str()]);
    }
    Some(finish(
        world,
        Subject {
            kind: match holder.kind {
                HolderKind::User => SubjectKind::User,
                HolderKind::Role => SubjectKind::Role,
                HolderKind::Group => SubjectKind::Group,
            },
            arn: holder.arn,
            account: id,
            holder: Some(holder),
            set: None,
            held,
            docs: SmallVec::new(),
            identity: Vec::new(),
            limit,
            boundary,
            boundary_policy: None,
            complete,
            principal: parse_principal(principal, id)?,
            context,
        },
    ))
}

/// Stands for whoever gets a policy that is a file of its own: the account is not known.
const FILE_PRINCIPAL: &str = "arn:aws:iam::000000000000:role/tenure-probe";

/// The principal with this ARN. An ARN no principal has (hostile data) acts as an
/// unknown user of the account.
fn parse_principal(arn: &str, account: Sym) -> Option<Principal> {
    Principal::parse(arn)
        .or_else(|_| Principal::parse(&format!("arn:aws:iam::{account}:user/tenure-probe")))
        .or_else(|_| Principal::parse("*"))
        .ok()
}

fn of_set<'w>(
    world: &'w World<'w>,
    id: Sym,
    account: Option<&'w Account<'w>>,
    set: &'w PermissionSet<'w>,
    now: jiff::Timestamp,
) -> Option<Subject<'w>> {
    let policies = account.map(|account| &account.policies);
    let managed = |arn: Sym| {
        let own = policies.and_then(|policies| policies.get(&arn));
        let any = || {
            world
                .accounts
                .values()
                .find_map(|account| account.policies.get(&arn))
        };
        own.or_else(any)
    };
    let customer = |reference: &Reference| {
        let arn = Sym::new(&format!(
            "arn:aws:iam::{id}:policy{}{}",
            reference.path, reference.name
        ));
        let source = policies
            .and_then(|policies| policies.get(&arn))
            .and_then(|policy| policy.source);
        (arn, source)
    };
    let grant = |arn: Option<Sym>, name: Sym, source: Option<Source<'w>>| Held {
        grant: Grant {
            arn,
            name,
            source,
            file: set.file,
            at: set.at,
        },
        via: None,
        doc: readable(world, source),
    };
    let mut held = Vec::new();
    if let Some(source) = set.inline {
        held.push(grant(None, set.name, Some(source)));
    }
    for arn in &set.managed {
        let found = managed(*arn);
        let name = found.map_or(*arn, |policy| policy.name);
        held.push(grant(
            Some(*arn),
            name,
            found.and_then(|policy| policy.source),
        ));
    }
    for reference in &set.customer {
        let (arn, source) = customer(reference);
        held.push(grant(Some(arn), Sym::new(&reference.name), source));
    }
    let (boundary, source) = match (set.managed_boundary, &set.customer_boundary) {
        (Some(arn), _) => (Some(arn), managed(arn).and_then(|policy| policy.source)),
        (None, Some(reference)) => {
            let (arn, source) = customer(reference);
            (Some(arn), source)
        }
        (None, None) => (None, None),
    };
    let limit = match boundary {
        None => Limit::None,
        Some(_) => readable(world, source).map_or(Limit::Missing, Limit::Document),
    };
    let holder = account.and_then(|account| {
        let prefix = format!("AWSReservedSSO_{}_", set.name);
        account
            .holders
            .iter()
            .find(|holder| is_reserved(holder) && holder.name.starts_with(&prefix))
    });
    let arn = holder.map_or(set.arn, |holder| holder.arn);
    let assumed = format!(
        "arn:aws:iam::{id}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_{}_0000000000000000",
        set.name
    );
    let principal = holder.map_or(assumed.as_str(), |holder| holder.arn.as_str());
    Some(finish(
        world,
        Subject {
            kind: SubjectKind::PermissionSet,
            arn,
            account: id,
            holder,
            set: Some(set),
            held,
            docs: SmallVec::new(),
            identity: Vec::new(),
            limit,
            boundary,
            boundary_policy: None,
            complete: true,
            principal: parse_principal(principal, id)?,
            context: Arc::new(context(world, id, now)),
        },
    ))
}

/// Whether Identity Center keeps this role. Nobody else can make roles at its path.
pub fn is_reserved(holder: &Holder<'_>) -> bool {
    holder.kind == HolderKind::Role && holder.path.starts_with("/aws-reserved/sso.amazonaws.com/")
}

/// The permission set a role of Identity Center is for: its name is
/// `AWSReservedSSO_<set>_<16 hexadecimal digits>` (IAM Identity Center User Guide).
pub fn reserved_for(role: &str) -> Option<&str> {
    let (set, digits) = role.strip_prefix("AWSReservedSSO_")?.rsplit_once('_')?;
    let hex = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then_some(set)
}

/// Whether AWS itself made this role for a service: nobody else can use its path.
pub fn is_service_linked(holder: &Holder<'_>) -> bool {
    holder.kind == HolderKind::Role && holder.path.starts_with("/aws-service-role/")
}

fn finish<'w>(world: &'w World<'w>, mut subject: Subject<'w>) -> Subject<'w> {
    for held in &subject.held {
        match held.doc {
            Some(doc) => {
                if !subject.docs.contains(&doc) {
                    subject.docs.push(doc);
                }
            }
            None => subject.complete = false,
        }
    }
    subject.identity = subject
        .docs
        .iter()
        .filter_map(|doc| policy(world, *doc))
        .collect();
    match subject.limit {
        Limit::None => {}
        Limit::Document(doc) => {
            subject.boundary_policy = policy(world, doc).map(|policy| [policy]);
        }
        Limit::Missing => subject.complete = false,
    }
    subject
}
