//! Facts from declarations: Terraform plans and CloudFormation templates.
//!
//! A declaration is turned into the documents each system would answer once it is
//! applied, and those go through the system's own resolver, so a plan and an account
//! are judged by one evaluator. What the resolver says about places in those documents
//! is then said about the declaration's own lines. What cannot be known before it is
//! applied becomes an *undecided* entitlement, which no check lets pass.

mod cloudformation;
mod iam;
mod managed;
mod terraform;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::kubernetes::document as kubernetes_document;
use super::{Context, aws, github, kubernetes, vault};
use crate::model::{
    Builder, Coverage, Credential, Entitlement, Identity, IdentityKind, IdentityRef, Inventory,
    Location, Moment, Seen, Sym, System, Tier, Verdict,
};
use crate::snapshot::Document;
use crate::snapshot::declared::{SOURCE, TEMPLATE};
use text::{Made, Places};

/// Kinds of coverage in which a declaration can really be lacking. All others speak of
/// what only a live system tells.
const TELLING: &[&str] = &["aws.policies", "kubernetes.objects", "vault.policy"];

/// Resolves all declarations.
pub(super) fn resolve(documents: &[&Document], context: &Context<'_>) -> Inventory {
    let is_source = |document: &&&Document| document.kind == SOURCE;
    let sources: Vec<&Document> = documents.iter().filter(is_source).copied().collect();
    let mut all = Inventory::default();
    for document in documents.iter().filter(|document| !is_source(document)) {
        let mut declared = Declared::new(document.file);
        match document.kind {
            TEMPLATE => cloudformation::read(document, &mut declared),
            _ => terraform::read(document, &sources, &mut declared),
        }
        all.append(declared.finish(context));
    }
    all
}

/// What one declaration says.
struct Declared {
    file: Sym,
    documents: BTreeMap<System, Vec<Document>>,
    places: Places,
    /// Facts that need no resolver.
    direct: Builder,
    identities: FxHashMap<(System, Sym, Sym), IdentityRef>,
    /// Credentials of somebody the documents describe.
    held: Vec<(Credential, String)>,
    coverage: Vec<Coverage>,
}

impl Declared {
    fn new(file: Sym) -> Self {
        Declared {
            file,
            documents: BTreeMap::new(),
            places: Places::default(),
            direct: Builder::new(),
            identities: FxHashMap::default(),
            held: Vec::new(),
            coverage: Vec::new(),
        }
    }

    /// The one document a declaration is, and where things stand in it; where there is
    /// none, that is said.
    fn root<'d>(
        &mut self,
        document: &'d Document,
        what: &str,
    ) -> Option<(
        kubernetes_document::Source<'d>,
        kubernetes_document::Node<'d>,
    )> {
        let Ok(text) = std::str::from_utf8(&document.text) else {
            self.problem(document.file, "not UTF-8 text");
            return None;
        };
        let source = kubernetes_document::Source::new(document.file, text);
        let (documents, errors) = kubernetes_document::parse(text);
        if let Some(error) = errors.first() {
            let at = source.locate_error(error);
            let message = format!("{}:{}: {}", at.line, at.column, error.message);
            self.problem(document.file, &message);
            return None;
        }
        let Some(root) = documents.into_iter().next() else {
            self.problem(document.file, &format!("the {what} is empty"));
            return None;
        };
        Some((source, root))
    }

    /// Adds a made document, at its place in a snapshot.
    fn document(
        &mut self,
        system: System,
        tenant: &str,
        path: &str,
        kind: &'static str,
        made: &Made,
    ) {
        let file = self.made_file(path);
        let text = self.places.write(file, made);
        self.push(system, tenant, path, kind, file, &text);
    }

    /// Adds a document whose text was declared as it is, all at one place.
    fn verbatim(
        &mut self,
        system: System,
        tenant: &str,
        path: &str,
        kind: &'static str,
        text: &str,
        at: Location,
    ) {
        let file = self.made_file(path);
        self.places.whole(file, at);
        self.push(system, tenant, path, kind, file, text);
    }

    fn made_file(&self, path: &str) -> Sym {
        Sym::new(&format!("{}#{path}", self.file))
    }

    fn push(
        &mut self,
        system: System,
        tenant: &str,
        path: &str,
        kind: &'static str,
        file: Sym,
        text: &str,
    ) {
        self.documents.entry(system).or_default().push(Document {
            system,
            kind,
            tenant: Some(Sym::new(tenant)),
            path: Sym::new(path),
            file,
            text: Arc::from(text.as_bytes()),
        });
    }

    /// Adds everything declared of an account.
    fn account(&mut self, account: iam::Account, tenant: &str) {
        for (path, kind, made) in account.documents() {
            self.document(System::Aws, tenant, path, kind, &made);
        }
    }

    fn identity(
        &mut self,
        system: System,
        tenant: &str,
        kind: IdentityKind,
        id: &str,
    ) -> IdentityRef {
        let key = (system, Sym::new(tenant), Sym::new(id));
        if let Some(at) = self.identities.get(&key) {
            return *at;
        }
        let at = self
            .direct
            .identity(Identity::new(system, tenant, id, kind, id));
        self.identities.insert(key, at);
        at
    }

    /// Adds a grant that needs no evaluation: mechanism, privilege and scope.
    fn grant(
        &mut self,
        system: System,
        tenant: &str,
        (kind, who): (IdentityKind, &str),
        (mechanism, privilege, scope): (&str, &str, &str),
        tier: Tier,
        at: Option<Location>,
    ) {
        let who = self.identity(system, tenant, kind, who);
        let mut fact = Entitlement::new(system, tenant, who, mechanism, privilege, scope);
        fact.tier = tier;
        fact.expires = Moment::Never;
        fact.location = at;
        self.direct.entitlement(fact);
    }

    /// Says that nobody can tell yet what an attribute of a resource gives.
    fn undecided(
        &mut self,
        system: System,
        tenant: &str,
        address: &str,
        attribute: &str,
        at: Option<Location>,
    ) {
        let who = self.identity(system, tenant, IdentityKind::Workload, address);
        let mut fact = Entitlement::new(system, tenant, who, "undecided", attribute, address);
        fact.verdict = Verdict::Conditional;
        let residual = format!("`{attribute}` turns out harmless: it is known only after apply");
        fact.residual = Some(Sym::new(&residual));
        fact.location = at;
        self.direct.entitlement(fact);
    }

    /// Adds a credential of somebody the documents describe.
    fn credential(&mut self, fact: Credential, holder: String) {
        self.held.push((fact, holder));
    }

    /// Adds a credential nobody in particular holds.
    fn bare_credential(&mut self, fact: Credential) {
        self.direct.credential(fact);
    }

    /// Says that the declaration cannot be used.
    fn problem(&mut self, file: Sym, message: &str) {
        self.coverage.push(Coverage::lacking(
            System::Aws,
            file,
            "declared.file",
            Seen::None,
            format!("{file}: {message}"),
        ));
    }

    /// Names kinds of resources that may grant something and are not read.
    fn unread(&mut self, file: Sym, kinds: &[&str]) {
        self.coverage.push(Coverage::lacking(
            System::Aws,
            file,
            "declared.resources",
            Seen::Partial,
            format!(
                "resources of these kinds were not judged: {}",
                kinds.join(", ")
            ),
        ));
    }

    fn finish(self, context: &Context<'_>) -> Inventory {
        let mut all = Inventory::default();
        for (system, documents) in &self.documents {
            let documents: Vec<&Document> = documents.iter().collect();
            all.append(match system {
                System::Aws => aws::resolve(&documents, context),
                System::Github => github::resolve(&documents, context),
                System::Kubernetes => kubernetes::resolve(&documents, context),
                System::Vault => vault::resolve(&documents, context),
                // No declaration makes records of grants.
                System::Jit => continue,
            });
        }
        self.places.apply(&mut all);
        for coverage in &mut all.coverage {
            coverage.required &= TELLING.contains(&coverage.kind.as_str());
        }
        for (mut fact, holder) in self.held {
            let at = all.identities.iter().position(|who| *who.id == *holder);
            fact.identity = at.and_then(|at| u32::try_from(at).ok()).map(IdentityRef);
            if let Some(at) = fact.identity {
                fact.tier = all.identity(at).tier;
                fact.owner = all.identity(at).owner;
            }
            all.credentials.push(fact);
        }
        all.append(self.direct.finish());
        for tenant in &mut all.tenants {
            if tenant.id == iam::ACCOUNT {
                tenant.name = Sym::new(&format!("account of {}", self.file));
            }
        }
        // Rules that need what no declaration tells are not judged, and say so.
        let mut tenants: Vec<(System, Sym)> = all
            .identities
            .iter()
            .map(|who| (who.system, who.tenant))
            .chain(all.tenants.iter().map(|tenant| (tenant.system, tenant.id)))
            .collect();
        tenants.sort();
        tenants.dedup();
        for (system, tenant) in tenants {
            let reason = "a declaration tells what would be there, not what else is, and not how \
                          it is used";
            let gap = Coverage::lacking(system, tenant, &format!("{system}.*"), Seen::None, reason);
            all.coverage.push(gap.optional());
        }
        all.coverage.extend(self.coverage);
        all
    }
}
