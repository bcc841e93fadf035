//! The elements of a statement that name actions, resources and principals.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::document::Reader;
use super::pattern::{Pattern, Reach};
use super::request::{Action, Principal, PrincipalKind, Request};
use super::variables::{Style, Text};
use crate::model::{Sym, Verdict};

/// Lists longer than this are searched by an index.
const SHORT_LIST: usize = 8;
/// Most entries of action lists a thread remembers.
const REMEMBERED: usize = 4096;

/// `Action` or `NotAction`.
///
/// Lists are short: kept in their statement they cost no memory of their own, and a
/// statement is judged where it lies.
#[derive(Clone, Debug)]
pub struct Actions {
    /// The list names what is not meant.
    pub not: bool,
    /// The entries in the order written.
    pub list: SmallVec<[Arc<ActionPattern>; 4]>,
    /// The same for searching; none for short lists, which are gone through.
    index: Option<Box<Index>>,
}

/// An entry of an action list, compiled.
#[derive(Debug)]
pub struct ActionPattern {
    source: Box<str>,
    sym: OnceLock<Sym>,
    /// In lower case; `None` where the service has a wildcard itself, as in `*`.
    service: Option<Sym>,
    pattern: Pattern,
}

#[derive(Clone, Debug)]
struct Index {
    /// Entries without wildcard, sorted.
    literals: Box<[Arc<ActionPattern>]>,
    /// The others, sorted by service.
    wild: Box<[Arc<ActionPattern>]>,
}

impl ActionPattern {
    fn new(source: &str) -> Self {
        let pattern = Pattern::action(source);
        let folded = source.to_ascii_lowercase();
        let service = match (folded.split_once(':'), pattern.as_literal()) {
            (Some((service, _)), _) => Some(service),
            (None, literal) => literal,
        };
        ActionPattern {
            source: source.into(),
            sym: OnceLock::new(),
            service: service
                .filter(|service| !service.contains(['*', '?']))
                .map(Sym::new),
            pattern,
        }
    }

    /// The compiled entry for `source`. Accounts name the same few actions in all their
    /// documents, so each thread remembers those it compiled.
    fn of(source: &str) -> Arc<Self> {
        thread_local! {
            static KNOWN: RefCell<FxHashMap<Box<str>, Arc<ActionPattern>>> = RefCell::default();
        }
        KNOWN.with_borrow_mut(|known| {
            if let Some(own) = known.get(source) {
                return Arc::clone(own);
            }
            if known.len() >= REMEMBERED {
                known.clear();
            }
            let own = Arc::new(ActionPattern::new(source));
            known.insert(source.into(), Arc::clone(&own));
            own
        })
    }

    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// As written, interned.
    pub fn sym(&self) -> Sym {
        *self.sym.get_or_init(|| Sym::new(&self.source))
    }

    /// The service it names, in lower case; `None` where it may be any.
    pub(super) fn service(&self) -> Option<Sym> {
        self.service
    }

    /// The pattern, in lower case.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }
}

impl Actions {
    pub(super) fn new(not: bool, source: &[impl AsRef<str>]) -> Self {
        let list: SmallVec<[_; 4]> = source
            .iter()
            .map(|text| ActionPattern::of(text.as_ref()))
            .collect();
        let index = (list.len() > SHORT_LIST).then(|| {
            let (literals, wild) = sorted(&list);
            Box::new(Index { literals, wild })
        });
        Actions { not, list, index }
    }

    /// The patterns in lower case, `NotAction` or not: sorted, those without wildcard
    /// first.
    pub fn patterns(&self) -> impl Iterator<Item = Pattern> {
        let (literals, wild) = sorted(&self.list);
        let all = literals.into_iter().chain(wild);
        all.map(|own| own.pattern.clone())
    }

    /// Whether `action` is meant.
    pub fn include(&self, action: &Action) -> bool {
        self.names(action) != self.not
    }

    fn names(&self, action: &Action) -> bool {
        let folded = action.folded();
        let service = Some(action.service());
        let Some(index) = &self.index else {
            return self.list.iter().any(|own| {
                let here = own.service.is_none() || own.service() == service;
                here && own.pattern.matches(folded)
            });
        };
        let literals = &index.literals;
        let at = literals.partition_point(|own| own.pattern.as_literal() < Some(folded));
        if literals
            .get(at)
            .is_some_and(|own| own.pattern.matches(folded))
        {
            return true;
        }
        // `None` sorts before every service.
        let wild = &index.wild;
        let any = wild.iter().take_while(|own| own.service.is_none());
        let start = wild.partition_point(|own| own.service() < service);
        let own = wild[start..]
            .iter()
            .take_while(|own| own.service() == service);
        any.chain(own).any(|own| own.pattern.matches(folded))
    }
}

/// Patterns in the order in which they are looked up.
type Sorted = Box<[Arc<ActionPattern>]>;

/// The distinct entries without wildcard, and the others by service, each sorted.
fn sorted(list: &[Arc<ActionPattern>]) -> (Sorted, Sorted) {
    let (mut literals, mut wild): (Vec<_>, Vec<_>) = list
        .iter()
        .cloned()
        .partition(|own| own.pattern.as_literal().is_some());
    literals.sort_unstable_by(|a, b| a.pattern.cmp(&b.pattern));
    literals.dedup_by(|a, b| a.pattern == b.pattern);
    let key = |own: &Arc<ActionPattern>| (own.service, own.pattern.clone());
    wild.sort_by_cached_key(key);
    wild.dedup_by(|a, b| a.pattern == b.pattern);
    (literals.into(), wild.into())
}

/// `Resource` or `NotResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// The list names what is not meant.
    pub not: bool,
    /// The patterns.
    pub patterns: SmallVec<[Text; 2]>,
}

impl Resources {
    pub(super) fn new(not: bool, source: &[impl AsRef<str>], variables: bool) -> Self {
        let texts = source.iter().map(AsRef::as_ref);
        Resources {
            not,
            patterns: texts
                .map(|text| Text::new(text, Style::RESOURCE, variables))
                .collect(),
        }
    }

    /// Whether the request's resource is meant.
    pub fn include(&self, request: &Request<'_>) -> Verdict {
        let mut best = Verdict::No;
        for pattern in &self.patterns {
            best = best.max(pattern.matches(request.resource, request));
            if best == Verdict::Yes {
                break;
            }
        }
        if self.not { not(best) } else { best }
    }
}

/// Yes for no, no for yes.
pub(super) fn not(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Yes => Verdict::No,
        Verdict::Conditional => Verdict::Conditional,
        Verdict::No => Verdict::Yes,
    }
}

/// `Principal` or `NotPrincipal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principals {
    /// The list names who is not meant.
    pub not: bool,
    /// Who.
    pub list: Box<[Named]>,
}

/// One entry of a `Principal` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// `*` or `{"AWS": "*"}`.
    Anyone,
    /// An account, by number or by the ARN of its root. It stands for the principals
    /// its own policies let.
    Account(Box<str>),
    /// A user, role, session or federated user.
    Arn(Box<Principal>),
    /// A service.
    Service(Box<str>),
    /// An identity provider.
    Federated(Box<str>),
    /// A canonical user id of S3.
    Canonical(Box<str>),
    /// The unique id of a deleted principal, or what AWS would refuse. Fits nobody.
    Dead(Box<str>),
}

/// How a `Principal` element names a principal: it decides which of the principal's
/// own limits still apply (IAM User Guide, "Policy evaluation logic").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naming {
    /// By its account: the account's own policies must allow too.
    Account,
    /// A session by its role: boundary and session policy still limit.
    Role,
    /// Itself, or as part of everyone: nothing but a deny limits.
    Direct,
}

impl Principals {
    /// Reads `"*"`, `{"AWS": …, "Service": …, …}` or, with a problem, a bare ARN.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, not: bool, raw: &'a RawValue) -> Self {
        let mut list = Vec::new();
        if raw.get().starts_with('{') {
            for (kind, values) in reader.object(raw) {
                for text in reader.strings(values) {
                    list.push(match kind.to_ascii_lowercase().as_str() {
                        "aws" => Named::aws(&text),
                        "service" => Named::Service(text.into()),
                        "federated" => Named::Federated(text.into()),
                        "canonicaluser" => Named::Canonical(text.into()),
                        _ => {
                            reader.problem(values, format!("unknown kind of principal `{kind}`"));
                            Named::Dead(text.into())
                        }
                    });
                    if let Some(Named::Dead(text)) = list.last() {
                        let message = format!("`{text}` fits no principal");
                        reader.problem(values, message);
                    }
                }
            }
        } else {
            for text in reader.strings(raw) {
                if text != "*" {
                    reader.problem(raw, "a principal other than `*` needs its kind");
                }
                list.push(Named::aws(&text));
            }
        }
        Principals {
            not,
            list: list.into(),
        }
    }

    /// Whether and how a statement that allows names `principal`.
    pub fn allow(&self, principal: &Principal) -> Option<Naming> {
        if self.not {
            let listed = self.list.iter().any(|named| named.is_exactly(principal));
            return (!listed).then_some(Naming::Direct);
        }
        self.list
            .iter()
            .filter_map(|named| named.names(principal))
            .max()
    }

    /// Whether a statement that denies concerns `principal`.
    ///
    /// `NotPrincipal` spares a session only where both the session and its role are
    /// listed, as the guide says of that element.
    pub fn deny(&self, principal: &Principal) -> bool {
        if !self.not {
            return self
                .list
                .iter()
                .any(|named| named.names(principal).is_some());
        }
        let listed = self.list.iter().any(|named| named.is_exactly(principal));
        let role_listed = || {
            principal.kind() != PrincipalKind::Session
                || self.list.iter().any(|named| named.is_role_of(principal))
        };
        !(listed && role_listed())
    }
}

impl Named {
    fn aws(text: &str) -> Self {
        if text == "*" {
            return Named::Anyone;
        }
        match Principal::parse(text) {
            Ok(principal) => match principal.kind() {
                PrincipalKind::Root => Named::Account(principal.account().into()),
                PrincipalKind::User
                | PrincipalKind::Role
                | PrincipalKind::Session
                | PrincipalKind::FederatedUser => Named::Arn(Box::new(principal)),
                _ => Named::Dead(text.into()),
            },
            Err(_) => Named::Dead(text.into()),
        }
    }

    /// The entry as a policy would write it.
    pub fn as_str(&self) -> &str {
        match self {
            Named::Anyone => "*",
            Named::Arn(principal) => principal.as_str(),
            Named::Account(text)
            | Named::Service(text)
            | Named::Federated(text)
            | Named::Canonical(text)
            | Named::Dead(text) => text,
        }
    }

    fn names(&self, principal: &Principal) -> Option<Naming> {
        match self {
            Named::Anyone => Some(Naming::Direct),
            Named::Account(account) => (principal.has_identity_policies()
                && **account == *principal.account())
            .then_some(match principal.kind() {
                PrincipalKind::Root => Naming::Direct,
                _ => Naming::Account,
            }),
            _ if self.is_exactly(principal) => Some(match principal.kind() {
                PrincipalKind::Role => Naming::Role,
                _ => Naming::Direct,
            }),
            _ if self.is_role_of(principal) => Some(Naming::Role),
            _ => None,
        }
    }

    fn is_exactly(&self, principal: &Principal) -> bool {
        use PrincipalKind as Kind;
        match self {
            Named::Anyone => true,
            Named::Account(account) => {
                principal.kind() == Kind::Root && **account == *principal.account()
            }
            Named::Arn(named) => {
                named.kind() == principal.kind() && named.as_str() == principal.as_str()
            }
            Named::Service(name) => {
                principal.kind() == Kind::Service && **name == *principal.name()
            }
            Named::Federated(name) => {
                principal.kind() == Kind::Federated
                    && (**name == *principal.as_str()
                        || provider(name) == provider(principal.as_str()))
            }
            Named::Canonical(_) | Named::Dead(_) => false,
        }
    }

    /// Whether this is the role a session is of. A session's ARN lacks the role's
    /// path, but role names are unique within an account.
    fn is_role_of(&self, principal: &Principal) -> bool {
        let Named::Arn(named) = self else {
            return false;
        };
        principal.kind() == PrincipalKind::Session
            && named.kind() == PrincipalKind::Role
            && named.account() == principal.account()
            && named.name() == principal.name()
    }
}

/// Host and path of an OIDC provider, by ARN or by name.
fn provider(text: &str) -> &str {
    match text.split_once(":oidc-provider/") {
        Some((_, host)) => host,
        None => text,
    }
}

/// Compiles a resource pattern that has no variables.
pub fn resource_pattern(text: &str) -> Pattern {
    Pattern::new(text, Reach::Resource)
}
