//! From native documents to facts: one exact evaluator per system.
//!
//! A resolver takes its system's documents and gives an [`Inventory`]: identities,
//! entitlements, credentials, trusts and escalation paths, with coverage for all it
//! did not find. No resolver fails as a whole: a document that cannot be used is a
//! coverage gap with file and position, and the others are judged.

pub mod aws;
mod case;
mod declared;
pub mod github;
pub mod kubernetes;
pub mod vault;

use jiff::Timestamp;

use crate::config::Config;
use crate::model::{AttributeDecl, Coverage, Inventory, Seen, System};
use crate::snapshot::{Document, Snapshot};

/// What resolvers may know besides the documents.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The user's settings.
    pub config: &'a Config,
    /// The moment of judgement (`--now`).
    pub now: Timestamp,
}

/// Every attribute a resolver may set, all systems together.
pub fn attributes() -> impl Iterator<Item = (System, &'static AttributeDecl)> {
    let of = |system, list: &'static [AttributeDecl]| list.iter().map(move |decl| (system, decl));
    of(System::Aws, aws::ATTRIBUTES)
        .chain(of(System::Github, github::ATTRIBUTES))
        .chain(of(System::Kubernetes, kubernetes::ATTRIBUTES))
        .chain(of(System::Vault, vault::ATTRIBUTES))
}

/// Resolves a whole snapshot.
pub fn resolve(snapshot: &Snapshot, context: &Context<'_>) -> Inventory {
    type Resolver = fn(&[&Document], &Context<'_>) -> Inventory;
    let systems: [(System, Resolver); 4] = [
        (System::Aws, aws::resolve),
        (System::Github, github::resolve),
        (System::Kubernetes, kubernetes::resolve),
        (System::Vault, vault::resolve),
    ];
    let mut all = Inventory::default();
    for (system, resolver) in systems {
        let documents = snapshot.of(system);
        if !documents.is_empty() {
            all.append(resolver(&documents, context));
        }
    }
    let declarations = snapshot.declared();
    if !declarations.is_empty() {
        all.append(declared::resolve(&declarations, context));
    }
    all.coverage.extend(snapshot.coverage.iter().cloned());
    for problem in &snapshot.problems {
        // A broken file of an unknown system still is something unseen; it is
        // listed under the first system scanned.
        let system = snapshot
            .documents
            .first()
            .map_or(System::Aws, |document| document.system);
        let mut gap = Coverage::lacking(
            system,
            problem.location.file,
            "input",
            Seen::None,
            problem.to_string(),
        );
        gap.remedy = problem.help.clone();
        all.coverage.push(gap);
    }
    for tenant in &mut all.tenants {
        if tenant.name.is_empty() {
            tenant.name = tenant.id;
        }
    }
    federate(&mut all);
    all
}

/// Tells what only shows once every system is resolved, and is written in the terms of
/// one: what trusts of one system say of another's identities.
pub fn federate(all: &mut Inventory) {
    github::federation::describe(all);
}

/// The account number in an ARN, or the number itself.
fn account_number(arn: &str) -> Option<&str> {
    let account = arn.split(':').nth(4).unwrap_or(arn);
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(account)
}
