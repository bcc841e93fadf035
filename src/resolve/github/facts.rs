//! What all parts of the resolver share while facts are made.

use super::audit::Audit;
use super::gaps::Gaps;
use super::organisation::Organisation;
use super::pattern;
use super::read::Files;
use crate::model::{
    Attrs, Builder, Credential, Effect, Entitlement, Identity, IdentityKind, IdentityRef, Location,
    Permission, PermissionSet, PermissionSetRef, Sym, System,
};
use crate::resolve::Context;

/// The facts of one organisation in the making.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Where facts go.
    pub build: Builder,
    /// The organisation's login.
    pub tenant: Sym,
    /// The organisation.
    pub org: &'a Organisation,
    /// Its documents.
    pub files: &'a Files<'a>,
    /// What was not seen.
    pub gaps: Gaps,
    /// What the audit log says.
    pub audit: Audit,
    /// Settings and time.
    pub context: Context<'a>,
}

impl Facts<'_> {
    /// An identity of this organisation.
    pub fn identity(
        &self,
        id: &str,
        kind: IdentityKind,
        name: &str,
        location: Option<Location>,
    ) -> Identity {
        let mut identity = Identity::new(System::Github, self.tenant, id, kind, name);
        identity.location = location;
        identity.break_glass = self
            .context
            .config
            .break_glass
            .iter()
            .any(|registered| pattern::anything(registered, id));
        identity
    }

    /// An entitlement of this organisation.
    pub fn entitlement(
        &self,
        who: IdentityRef,
        mechanism: &str,
        privilege: &str,
        scope: &str,
    ) -> Entitlement {
        Entitlement::new(
            System::Github,
            self.tenant,
            who,
            mechanism,
            privilege,
            scope,
        )
    }

    /// A credential of this organisation.
    pub fn credential(
        &self,
        who: Option<IdentityRef>,
        kind: &str,
        id: &str,
        name: &str,
    ) -> Credential {
        Credential::new(System::Github, self.tenant, who, kind, id, name)
    }

    /// The identity with this id.
    pub fn find(&self, id: &str) -> Option<IdentityRef> {
        self.build.find(System::Github, self.tenant, Sym::new(id))
    }

    /// The identity of a person, made as external if nobody described it: a login met
    /// in a grant that is in no list of people is at least nobody we know.
    pub fn person(
        &mut self,
        login: &str,
        uid: Option<u64>,
        location: Option<Location>,
    ) -> IdentityRef {
        if let Some(at) = self.find(login) {
            return at;
        }
        let mut identity = self.identity(login, IdentityKind::External, login, location);
        if let Some(uid) = uid {
            identity.uid = Sym::new(&uid.to_string());
        }
        identity.attrs = Attrs::new().with("org_role", "unlisted");
        self.build.identity(identity)
    }

    /// A permission document: `actions` on `resource`.
    pub fn permissions(&mut self, actions: &[String], resource: &str) -> PermissionSetRef {
        let mut actions: Vec<Sym> = actions.iter().map(Sym::from).collect();
        actions.sort();
        actions.dedup();
        self.build
            .permission_set(PermissionSet::new(vec![Permission {
                effect: Effect::Allow,
                actions: actions.into(),
                not_actions: false,
                resources: Box::new([Sym::new(resource)]),
                not_resources: false,
                condition: None,
            }]))
    }
}

/// A list of texts as an attribute.
pub fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Vec<Sym> {
    texts
        .into_iter()
        .map(|text| Sym::new(text.as_ref()))
        .collect()
}
