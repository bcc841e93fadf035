//! What is asked: who, what, on which resource, in which context.

use jiff::Timestamp;

use crate::model::Sym;

/// The action of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Action {
    text: Box<str>,
    /// In lower case, for comparison.
    folded: Box<str>,
    service: Sym,
}

impl Action {
    /// An action such as `iam:PassRole`.
    pub fn new(text: &str) -> Self {
        let folded = text.to_ascii_lowercase();
        let service = folded.find(':').unwrap_or(folded.len());
        Action {
            text: text.into(),
            service: Sym::new(&folded[..service]),
            folded: folded.into(),
        }
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// In lower case.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// The service prefix in lower case.
    pub fn service(&self) -> Sym {
        self.service
    }
}

/// What sort of principal asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// The account's root user.
    Root,
    /// An IAM user.
    User,
    /// An IAM role, standing for all its sessions.
    Role,
    /// One session of a role.
    Session,
    /// A session made by `sts:GetFederationToken`.
    FederatedUser,
    /// An identity provider: whoever presents its assertion or token.
    Federated,
    /// An AWS service.
    Service,
    /// Nobody in particular.
    Anonymous,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    kind: PrincipalKind,
    /// As given.
    text: Sym,
    partition: Sym,
    account: Sym,
    /// `aws:PrincipalArn`: for a session, the role.
    arn: Sym,
    /// User, role, provider or service name, without path.
    name: Sym,
    service_linked: bool,
}

impl Principal {
    /// Reads an ARN (user, role, session, federated user, root, identity provider), an
    /// account number (its root), a service name, or `*`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let make = |kind, account: &str, arn: &str, name: &str| {
            let whole = Sym::new(text);
            Principal {
                kind,
                text: whole,
                partition: match arn.split(':').nth(1) {
                    Some("aws") | None => Sym::of("aws"),
                    Some(other) => Sym::new(other),
                },
                account: Sym::new(account),
                arn: if arn == text { whole } else { Sym::new(arn) },
                name: Sym::new(name),
                service_linked: false,
            }
        };
        if text == "*" {
            return Ok(make(PrincipalKind::Anonymous, "", "", ""));
        }
        if is_account(text) {
            let arn = format!("arn:aws:iam::{text}:root");
            return Ok(make(PrincipalKind::Root, text, &arn, "root"));
        }
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (scheme, partition, service, _, account, rest) =
            (next(), next(), next(), next(), next(), next());
        if scheme != "arn" {
            let host = |text: &str| text.contains('.') && !text.contains(['/', ' ', ':', '*']);
            return match host(text) {
                true if text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn") => {
                    Ok(make(PrincipalKind::Service, "", "", text))
                }
                true => Ok(make(PrincipalKind::Federated, "", "", text)),
                false => Err(bad(text)),
            };
        }
        if !is_account(account) {
            return Err(bad(text));
        }
        let name = rest.rsplit('/').next().unwrap_or_default();
        let (sort, tail) = rest.split_once('/').unwrap_or((rest, ""));
        if sort != "root" && tail.is_empty() {
            return Err(bad(text));
        }
        match (service, sort) {
            ("iam", "root") => Ok(make(PrincipalKind::Root, account, text, "root")),
            ("iam", "user") => Ok(make(PrincipalKind::User, account, text, name)),
            ("iam", "role") => {
                let mut role = make(PrincipalKind::Role, account, text, name);
                role.service_linked = tail.starts_with("aws-service-role/");
                Ok(role)
            }
            ("iam", "saml-provider" | "oidc-provider") => {
                Ok(make(PrincipalKind::Federated, account, text, tail))
            }
            ("sts", "assumed-role") => {
                let (role, session) = tail.split_once('/').ok_or_else(|| bad(text))?;
                if role.is_empty() || session.is_empty() {
                    return Err(bad(text));
                }
                let arn = format!("arn:{partition}:iam::{account}:role/{role}");
                let mut made = make(PrincipalKind::Session, account, &arn, role);
                // Service-linked roles are named so by AWS; nobody else may.
                made.service_linked = role.starts_with("AWSServiceRoleFor");
                Ok(made)
            }
            ("sts", "federated-user") => {
                Ok(make(PrincipalKind::FederatedUser, account, text, name))
            }
            _ => Err(bad(text)),
        }
    }

    /// What sort it is.
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account; empty for services and nobody.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The partition, `aws` where it cannot be told.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// `aws:PrincipalArn`; empty for services and nobody.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The name without path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a service-linked role, which organisation policies leave alone.
    pub fn is_service_linked(&self) -> bool {
        self.service_linked
    }

    /// Whether it acts with permissions of an account.
    pub fn has_identity_policies(&self) -> bool {
        matches!(
            self.kind,
            PrincipalKind::Root
                | PrincipalKind::User
                | PrincipalKind::Role
                | PrincipalKind::Session
                | PrincipalKind::FederatedUser
        )
    }

    /// Keys AWS puts into every request of this principal.
    fn find(&self, key: &str) -> Option<Found<'_>> {
        use PrincipalKind as Kind;
        let owned = |known: bool, value| {
            Some(if known {
                Found::One(value)
            } else {
                Found::Missing
            })
        };
        let acts = self.has_identity_policies();
        match key {
            "aws:principalarn" => owned(acts, &*self.arn),
            "aws:principalaccount" => owned(acts, &*self.account),
            "aws:username" => owned(self.kind == Kind::User, &*self.name),
            "aws:principaltype" => match self.kind {
                Kind::Root => Some(Found::One("Account")),
                Kind::User => Some(Found::One("User")),
                Kind::Role | Kind::Session => Some(Found::One("AssumedRole")),
                Kind::FederatedUser => Some(Found::One("FederatedUser")),
                Kind::Anonymous => Some(Found::One("Anonymous")),
                Kind::Service | Kind::Federated => Some(Found::Missing),
            },
            // Who presents a token or an assertion signs nothing and is in no organisation
            // (IAM User Guide, "AWS global condition context keys").
            "aws:principalisawsservice" | "aws:principalorgid" | "aws:principalorgpaths"
                if self.kind == Kind::Federated =>
            {
                Some(Found::Missing)
            }
            "aws:principalisawsservice" => Some(Found::One(match self.kind {
                Kind::Service => "true",
                _ => "false",
            })),
            "aws:principalservicename" => owned(self.kind == Kind::Service, &*self.name),
            _ => None,
        }
    }
}

fn bad(text: &str) -> String {
    format!(
        "`{text}` is not a principal; expected the ARN of a user, role, session, federated \
         user, root or identity provider, an account number, a service name, or `*`"
    )
}

/// Whether `text` is an account number.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The account named in an ARN, if it names one.
pub fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|part| is_account(part))
}

/// The value of a context key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// One value.
    One(&'a str),
    /// A list of values.
    Many(&'a [Box<str>]),
    /// The request certainly lacks the key.
    Missing,
    /// The key may be there, with any value.
    Unknown,
}

/// A key and its values, if it has any.
type Entry = (Box<str>, Option<Vec<Box<str>>>);

/// Context keys and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Keys in lower case, sorted. `None`: the request certainly lacks the key.
    entries: Vec<Entry>,
    open: bool,
}

impl Context {
    /// A closed context: what is not given is missing.
    pub fn closed() -> Self {
        Context::default()
    }

    /// An open context: what is not given is unknown.
    pub fn open() -> Self {
        Context {
            entries: Vec::new(),
            open: true,
        }
    }

    /// Whether keys that are not given are unknown.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Sets a key, replacing what it had.
    pub fn set<V: Into<Box<str>>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        self.put(key, Some(values.into_iter().map(Into::into).collect()));
    }

    /// Says that the request lacks a key.
    pub fn set_missing(&mut self, key: &str) {
        self.put(key, None);
    }

    /// Sets `aws:CurrentTime` and `aws:EpochTime`.
    pub fn set_time(&mut self, now: Timestamp) {
        self.set("aws:CurrentTime", [now.to_string()]);
        self.set("aws:EpochTime", [now.as_second().to_string()]);
    }

    fn put(&mut self, key: &str, values: Option<Vec<Box<str>>>) {
        let key = key.to_ascii_lowercase().into_boxed_str();
        match self.entries.binary_search_by(|(own, _)| own.cmp(&key)) {
            Ok(at) => self.entries[at].1 = values,
            Err(at) => self.entries.insert(at, (key, values)),
        }
    }

    fn get(&self, key: &str) -> Option<Found<'_>> {
        let at = self.entries.binary_search_by(|(own, _)| (**own).cmp(key));
        at.ok().map(|at| match self.entries[at].1.as_deref() {
            Some([one]) => Found::One(one),
            Some([]) | None => Found::Missing,
            Some(many) => Found::Many(many),
        })
    }
}

/// Services with one endpoint for the whole partition, which is in us-east-1: a fence
/// around regions shuts them out unless it spares them (IAM User Guide, "AWS global
/// condition context keys", `aws:RequestedRegion`; AWS General Reference, "Global
/// services").
const GLOBAL_SERVICES: &[&str] = &[
    "account",
    "cloudfront",
    "iam",
    "organizations",
    "route53",
    "route53domains",
];

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// What.
    pub action: &'a Action,
    /// On what: an ARN, or `*` for actions that know no resource.
    pub resource: &'a str,
    /// The account that owns the resource, where its ARN does not name it.
    pub resource_account: Option<&'a str>,
    /// The context.
    pub context: &'a Context,
    /// Further keys of this request, in lower case; they go before the context.
    pub extra: &'a [(&'a str, &'a str)],
}

impl Request<'_> {
    /// The value of `key`, given in lower case.
    pub fn find(&self, key: &str) -> Found<'_> {
        if let Some((_, value)) = self.extra.iter().find(|(own, _)| *own == key) {
            return Found::One(value);
        }
        if let Some(found) = self.context.get(key).or_else(|| self.principal.find(key)) {
            return found;
        }
        if key == "aws:resourceaccount"
            && let Some(account) = self.owner()
        {
            return Found::One(account);
        }
        if self.context.open
            && let Some(found) = self.inferred(key)
        {
            return found;
        }
        if self.context.open {
            Found::Unknown
        } else {
            Found::Missing
        }
    }

    /// What can be told of a key although nobody gave it.
    fn inferred(&self, key: &str) -> Option<Found<'_>> {
        let account = self.principal.account();
        match key {
            // What belongs to the principal's account belongs to its organisation.
            "aws:resourceorgid" if self.owner() == Some(account) => {
                self.context.get("aws:principalorgid")
            }
            "aws:requestedregion"
                if self.principal.partition() == "aws"
                    && GLOBAL_SERVICES.contains(&self.action.service().as_str()) =>
            {
                Some(Found::One("us-east-1"))
            }
            _ => None,
        }
    }

    /// The account that owns the resource, if it is known.
    pub fn owner(&self) -> Option<&str> {
        self.resource_account.or_else(|| account_of(self.resource))
    }
}
