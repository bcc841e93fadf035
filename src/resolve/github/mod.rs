//! Facts from the documents of GitHub.
//!
//! An organisation's documents become: people, teams, Apps, deploy keys and workflows
//! with what they may do on each repository and on the organisation, and by which
//! path; credentials and stored secrets by age and exposure; the set of OIDC subjects
//! each repository can mint; and for every endpoint whether it was seen.
//!
//! Sources: GitHub's REST and GraphQL descriptions, and the documentation pages named
//! where a rule is taken from one ("Repository roles for an organization", "OpenID
//! Connect reference", "Permissions required for GitHub Apps").

mod access;
pub mod answer;
mod attributes;
mod audit;
mod brokers;
mod credentials;
mod cut;
mod facts;
pub(super) mod federation;
mod gaps;
pub mod graph;
mod oidc;
mod organisation;
mod pattern;
mod people;
mod protection;
mod read;
mod role;
mod secrets;
mod settings;
mod workloads;

pub use attributes::ATTRIBUTES;

use super::Context;
use crate::model::{Builder, Inventory, Sym};
use crate::snapshot::Document;
use audit::Audit;
use facts::Facts;
use gaps::Gaps;
use organisation::Organisation;
use read::{Files, organisations};

/// What no API of GitHub shows, so that nothing here is mistaken for a pass.
const NEVER_SHOWN: &[(&str, &str)] = &[
    (
        "github.app-keys",
        "no API shows the private keys of GitHub Apps: how many, how old, when last used",
    ),
    (
        "github.secret-use",
        "no API shows whether a stored secret is used",
    ),
    (
        "github.token-policy",
        "no API shows the organisation's policy for personal access tokens (longest life, classic tokens blocked)",
    ),
    (
        "github.oauth-policy",
        "no API shows which OAuth apps the organisation approved",
    ),
];

/// Resolves the documents of all organisations.
pub fn resolve(documents: &[&Document], context: &Context<'_>) -> Inventory {
    let mut all = Inventory::default();
    for files in organisations(documents) {
        all.append(resolve_one(&files, context));
    }
    all
}

fn resolve_one(files: &Files<'_>, context: &Context<'_>) -> Inventory {
    let mut gaps = Gaps::default();
    let org = Organisation::read(files, &mut gaps);
    let audit = Audit::read(files, &mut gaps);
    let mut facts = Facts {
        build: Builder::new(),
        tenant: Sym::new(&org.login),
        org: &org,
        files,
        gaps,
        audit,
        context: *context,
    };
    people::add(&mut facts);
    let writers = access::add(&mut facts);
    let guards = workloads::add(&mut facts, &writers);
    secrets::add(&mut facts, &writers, &guards);
    secrets::note(&mut facts);
    credentials::add(&mut facts);
    protection::add(&mut facts);
    brokers::add(&mut facts);
    settings::add(&mut facts);
    let Facts {
        mut build,
        mut gaps,
        tenant,
        ..
    } = facts;
    for (kind, why) in NEVER_SHOWN {
        gaps.never_shown(kind, why);
    }
    for coverage in gaps.finish(tenant) {
        build.coverage(coverage);
    }
    let mut inventory = build.finish();
    if cfg!(debug_assertions) {
        attributes::check(&inventory);
    }
    // Direct grants and teams come per repository; one order for the same facts.
    inventory.entitlements.sort_by(|a, b| {
        let key = |fact: &crate::model::Entitlement| {
            (fact.mechanism, fact.privilege, fact.scope, fact.via)
        };
        (a.identity, key(a)).cmp(&(b.identity, key(b)))
    });
    inventory
}

#[cfg(test)]
mod tests;
