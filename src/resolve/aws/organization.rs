//! The organisation: which accounts, and which guardrails bear on each.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::documents::Source;
use super::read::{File, Unusable, organization as answers};
use crate::model::Sym;

/// Units nest at most five deep; a longer chain is a loop.
const MAX_LEVELS: usize = 16;

/// What Organizations says.
#[derive(Debug, Default)]
pub struct Organization<'a> {
    /// `o-…`.
    pub id: Option<Sym>,
    /// The management account: guardrails do not bear on it.
    pub management: Option<Sym>,
    /// Names of accounts by number.
    pub accounts: BTreeMap<Sym, Sym>,
    /// Root credentials are managed centrally, where that was read.
    pub root_centralized: Option<bool>,
    /// Policies were read.
    pub policies_read: bool,
    roots: FxHashMap<String, RootTypes>,
    parents: FxHashMap<String, String>,
    policies: Vec<Guardrail<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct RootTypes {
    scps: bool,
    rcps: bool,
}

/// A service or resource control policy.
#[derive(Debug)]
pub struct Guardrail<'a> {
    /// `p-…`.
    pub id: Sym,
    /// Its document.
    pub source: Source<'a>,
    kind: GuardrailKind,
    targets: Vec<String>,
}

/// Which side a guardrail limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardrailKind {
    /// Service control policy: principals of the account.
    Scp,
    /// Resource control policy: resources of the account.
    Rcp,
}

impl<'a> Organization<'a> {
    /// Takes in one document.
    pub fn read(&mut self, at: usize, file: &'a File<'a>) -> Vec<Unusable> {
        match file.kind {
            "organization" => {
                let (pages, lost) = file.pages::<answers::Described>();
                for page in pages {
                    self.id = Some(Sym::new(&page.organization.id));
                    let management = page.organization.master_account_id;
                    self.management = management.as_deref().map(Sym::new);
                }
                lost
            }
            "organization-accounts" => {
                let (pages, mut lost) = file.pages::<answers::Accounts<'a>>();
                let all = pages
                    .into_iter()
                    .flat_map(|page| page.accounts.take(file, "Accounts", &mut lost));
                for account in all {
                    self.accounts
                        .insert(Sym::new(&account.id), Sym::new(&account.name));
                }
                lost
            }
            "organization-roots" => {
                let (pages, mut lost) = file.pages::<answers::Roots<'a>>();
                let all = pages
                    .into_iter()
                    .flat_map(|page| page.roots.take(file, "Roots", &mut lost));
                for root in all {
                    let on = |wanted: &str| {
                        root.policy_types
                            .iter()
                            .any(|kind| kind.r#type == wanted && kind.status == "ENABLED")
                    };
                    let types = RootTypes {
                        scps: on("SERVICE_CONTROL_POLICY"),
                        rcps: on("RESOURCE_CONTROL_POLICY"),
                    };
                    self.roots.insert(root.id, types);
                }
                lost
            }
            "organization-units" => {
                let (pages, mut lost) = file.pages::<answers::Units<'a>>();
                for page in pages {
                    let units = page.organizational_units;
                    for unit in units.take(file, "OrganizationalUnits", &mut lost) {
                        self.parents.insert(unit.id, page.parent_id.clone());
                    }
                }
                lost
            }
            "organization-children" => {
                let (pages, mut lost) = file.pages::<answers::Children<'a>>();
                for page in pages {
                    for child in page.children.take(file, "Children", &mut lost) {
                        self.parents.insert(child.id, page.parent_id.clone());
                    }
                }
                lost
            }
            "organization-policies" => {
                let (pages, mut lost) = file.pages::<answers::PolicyWithTargets<'a>>();
                self.policies_read = true;
                for page in pages {
                    let summary = page.policy.policy_summary;
                    let kind = match &*summary.r#type {
                        "SERVICE_CONTROL_POLICY" => GuardrailKind::Scp,
                        "RESOURCE_CONTROL_POLICY" => GuardrailKind::Rcp,
                        _ => continue,
                    };
                    self.policies.push(Guardrail {
                        id: summary.id.sym(),
                        source: Source::new(at, page.policy.content.get()),
                        kind,
                        targets: page
                            .targets
                            .take(file, "Targets", &mut lost)
                            .into_iter()
                            .map(|target| target.target_id)
                            .collect(),
                    });
                }
                lost
            }
            _ => {
                let (pages, lost) = file.pages::<answers::Features>();
                for page in pages {
                    let central = |name: &String| name == "RootCredentialsManagement";
                    self.root_centralized = Some(page.enabled_features.iter().any(central));
                }
                lost
            }
        }
    }

    /// Puts policies in a fixed order.
    pub fn finish(&mut self) {
        self.policies.sort_by_key(|policy| policy.id);
    }

    /// The documents of all guardrails.
    pub fn sources(&self) -> impl Iterator<Item = Source<'a>> {
        self.policies.iter().map(|policy| policy.source)
    }

    /// All guardrails of one kind, wherever they are attached.
    pub fn all(&self, kind: GuardrailKind) -> Vec<&Guardrail<'a>> {
        let of_kind = |policy: &&Guardrail<'a>| policy.kind == kind;
        self.policies.iter().filter(of_kind).collect()
    }

    /// The guardrails of one kind that bear on an account, by level from the root
    /// down; `None` where that cannot be told.
    ///
    /// The management account has none: they do not bear on it (AWS Organizations
    /// User Guide, "Service control policies").
    pub fn levels(&self, account: Sym, kind: GuardrailKind) -> Option<Vec<Vec<&Guardrail<'a>>>> {
        if self.management == Some(account) {
            return Some(Vec::new());
        }
        if !self.policies_read {
            return None;
        }
        let mut chain = vec![account.as_str()];
        while let Some(parent) = chain.last().and_then(|at| self.parents.get(*at)) {
            if chain.len() > MAX_LEVELS {
                return None;
            }
            chain.push(parent);
        }
        let root = chain.last()?;
        if let Some(types) = self.roots.get(*root) {
            let on = match kind {
                GuardrailKind::Scp => types.scps,
                GuardrailKind::Rcp => types.rcps,
            };
            if !on {
                return Some(Vec::new());
            }
        } else if !root.starts_with("r-") {
            // The way up to the root was not read.
            return None;
        }
        let at = |node: &&str| {
            self.policies
                .iter()
                .filter(|policy| policy.kind == kind)
                .filter(|policy| policy.targets.iter().any(|target| target == node))
                .collect()
        };
        Some(chain.iter().rev().map(at).collect())
    }
}
