//! All accounts of a scan, gathered from their documents.
//!
//! Nothing is judged here: users, groups, roles and policies find each other, and
//! what is missing is stated as coverage.

mod details;
mod intake;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

use super::documents::{Documents, Source};
use super::organization::Organization;
use super::read::{File, Tag, eks, iam, report};
use super::sso::IdentityCenter;
use crate::model::{Coverage, Sym};
pub use intake::{files, several};

/// What a grant holder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderKind {
    /// An IAM user.
    User,
    /// An IAM group.
    Group,
    /// An IAM role.
    Role,
}

/// The tenant of policies that stand in files of their own: nothing tells which
/// account they are for.
pub const POLICY_FILES: &str = "policies";

/// A user, group or role.
#[derive(Debug)]
pub struct Holder<'a> {
    /// What it is.
    pub kind: HolderKind,
    /// ARN.
    pub arn: Sym,
    /// Name.
    pub name: Sym,
    /// Immutable id; the ARN where the data has none.
    pub uid: Sym,
    /// IAM path.
    pub path: Sym,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Tags.
    pub tags: Vec<Tag<'a>>,
    /// Policies it has itself.
    pub grants: Vec<Grant<'a>>,
    /// Names of the groups it is in.
    pub groups: Vec<Sym>,
    /// Boundary.
    pub boundary: Option<Boundary>,
    /// Role: who may assume it.
    pub trust: Option<Source<'a>>,
    /// Role: instance profiles that carry it.
    pub instance_profiles: usize,
    /// Role: `Some(None)` is "not within the tracking period".
    pub last_used: Option<Option<Timestamp>>,
    /// Role: longest session in seconds.
    pub max_session: Option<i64>,
    /// Which file.
    pub file: usize,
    /// Where in it.
    pub at: Option<&'a str>,
}

/// A policy somebody has.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    /// Managed policy: ARN. Inline policies have none.
    pub arn: Option<Sym>,
    /// Name.
    pub name: Sym,
    /// Its document; `None` when the data lacks it.
    pub source: Option<Source<'a>>,
    /// Which file the attachment stands in.
    pub file: usize,
    /// Where in it.
    pub at: Option<&'a str>,
}

/// A permissions boundary.
#[derive(Debug, Clone, Copy)]
pub struct Boundary {
    /// ARN of the policy.
    pub arn: Sym,
}

/// A managed policy of an account or of AWS.
#[derive(Debug, Clone)]
pub struct Managed<'a> {
    /// Name.
    pub name: Sym,
    /// Document of the default version.
    pub source: Option<Source<'a>>,
    /// The versions of a customer's policy that are not in force. They are parsed only
    /// where somebody may put them in force.
    pub versions: Vec<Version<'a>>,
}

/// A version of a managed policy.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// `v1`.
    pub id: Sym,
    /// Its document.
    pub source: Source<'a>,
}

/// One account.
#[derive(Debug, Default)]
pub struct Account<'a> {
    /// Users, groups and roles, by ARN.
    pub holders: Vec<Holder<'a>>,
    /// Managed policies by ARN, those of AWS included.
    pub policies: FxHashMap<Sym, Managed<'a>>,
    /// Authorization details were read.
    pub details: bool,
    /// It stands for policies in files of their own, each held by whoever gets it.
    pub of_files: bool,
    /// More pages exist than were read.
    pub truncated: bool,
    /// The credential report.
    pub report: Option<report::Report>,
    /// Account settings.
    pub summary: Option<BTreeMap<String, i64>>,
    /// Alias.
    pub alias: Option<Sym>,
    /// `Some(None)` is "no policy of its own".
    pub password_policy: Option<Option<iam::PasswordPolicy>>,
    /// ARNs of SAML providers.
    pub saml_providers: Option<FxHashSet<Sym>>,
    /// ARNs of OpenID Connect providers.
    pub oidc_providers: Option<FxHashSet<Sym>>,
    /// Credentials outside the report: kind and credential.
    pub owned: Vec<(&'static str, usize, iam::OwnedCredential)>,
    /// Which lists of such credentials were read.
    pub owned_kinds: FxHashSet<&'static str>,
    /// Secrets and the files they stand in.
    pub secrets: Vec<(usize, iam::Secret<'a>)>,
    /// Secrets were listed.
    pub secrets_read: bool,
    /// Last use per service, by ARN.
    pub last_accessed: FxHashMap<Sym, iam::LastAccessed>,
    /// The file most of it comes from.
    pub file: Option<usize>,
}

/// Everything that was read.
#[derive(Debug)]
pub struct World<'a> {
    /// The files.
    pub files: &'a [File<'a>],
    /// Accounts by number.
    pub accounts: BTreeMap<Sym, Account<'a>>,
    /// Distinct policy documents.
    pub documents: Documents<'a>,
    /// The organisation.
    pub organization: Organization<'a>,
    /// Identity Center.
    pub identity_center: IdentityCenter<'a>,
    /// What EKS says of its clusters: account, file and answer.
    pub clusters: Vec<(Sym, usize, eks::Answer)>,
    /// What could not be used.
    pub gaps: Vec<Coverage>,
}

impl<'a> World<'a> {
    /// Reads all files.
    pub fn read(files: &'a [File<'a>], gaps: Vec<Coverage>) -> Self {
        let mut world = World {
            files,
            accounts: BTreeMap::new(),
            documents: Documents::default(),
            organization: Organization::default(),
            identity_center: IdentityCenter::default(),
            clusters: Vec::new(),
            gaps,
        };
        world.read_details();
        let only = match world.accounts.len() {
            1 => world.accounts.keys().next().copied(),
            _ => None,
        };
        for (at, file) in files.iter().enumerate() {
            let account = file.account.or_else(|| world.neighbour(file)).or(only);
            world.read_file(at, file, account);
        }
        world.organization.finish();
        world.link();
        for account in world.accounts.values_mut() {
            // Holders are large and ARNs begin alike: compared once read, moved once.
            let arn = |holder: &Holder<'_>| holder.arn.as_str();
            account.holders.sort_by_cached_key(arn);
            account.holders.dedup_by(|a, b| a.arn == b.arn);
        }
        world
    }

    /// The account whose authorization details lie in the same directory or above.
    fn neighbour(&self, file: &File<'_>) -> Option<Sym> {
        let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let mut at = folder(&file.name);
        while let Some(here) = at {
            let found = self.accounts.iter().find(|(_, account)| {
                account
                    .file
                    .is_some_and(|other| folder(&self.files[other].name).as_deref() == Some(&here))
            });
            if let Some((id, _)) = found {
                return Some(*id);
            }
            at = folder(&here);
        }
        None
    }
    fn account(&mut self, id: Sym, file: usize) -> &mut Account<'a> {
        let account = self.accounts.entry(id).or_default();
        account.file.get_or_insert(file);
        account
    }

    /// Lets attachments find their documents and parses each distinct one once.
    fn link(&mut self) {
        let mut of_aws: FxHashMap<Sym, Managed<'a>> = FxHashMap::default();
        for account in self.accounts.values() {
            for (arn, policy) in &account.policies {
                if is_aws_managed(arn) && policy.source.is_some() {
                    of_aws.entry(*arn).or_insert_with(|| policy.clone());
                }
            }
        }
        let mut sources: Vec<Source<'a>> = Vec::new();
        for account in self.accounts.values_mut() {
            for (arn, policy) in &of_aws {
                if !account.policies.contains_key(arn) {
                    account.policies.insert(*arn, policy.clone());
                }
            }
            let Account {
                holders, policies, ..
            } = account;
            for holder in holders {
                for grant in &mut holder.grants {
                    if let Some(arn) = grant.arn {
                        grant.source = policies.get(&arn).and_then(|policy| policy.source);
                    }
                    sources.extend(grant.source);
                }
                if let Some(boundary) = holder.boundary {
                    sources.extend(policies.get(&boundary.arn).and_then(|policy| policy.source));
                }
                sources.extend(holder.trust);
            }
        }
        for set in &self.identity_center.sets {
            sources.extend(set.inline);
            sources.extend(
                set.managed
                    .iter()
                    .filter_map(|arn| of_aws.get(arn).and_then(|policy| policy.source)),
            );
            for account in self.accounts.values() {
                for reference in set.customer.iter().chain(&set.customer_boundary) {
                    let found = account.policies.iter().find(|(arn, _)| {
                        arn.ends_with(&format!(":policy{}{}", reference.path, reference.name))
                    });
                    sources.extend(found.and_then(|(_, policy)| policy.source));
                }
            }
            if let Some(arn) = set.managed_boundary {
                sources.extend(of_aws.get(&arn).and_then(|policy| policy.source));
            }
        }
        sources.extend(self.organization.sources());
        self.documents.parse(&sources);
    }
}
/// Whether a policy is managed by AWS.
pub fn is_aws_managed(arn: &str) -> bool {
    arn.split(':').nth(4) == Some("aws")
}
