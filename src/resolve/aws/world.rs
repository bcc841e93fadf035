//! All accounts of a scan, gathered from their documents.
//!
//! Nothing is judged here: users, groups, roles and policies find each other, and
//! what is missing is stated as coverage.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::documents::{Documents, Source};
use super::organization::Organization;
use super::policy::Policy;
use super::read::{self, File, Tag, Text, eks, iam, is_account, report};
use super::sso::IdentityCenter;
use crate::model::{Coverage, Location, Seen, Sym, System};
use crate::snapshot::Document;

/// Most gaps of one kind that are told one by one.
const TOLD: usize = 20;

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

/// The files of the documents; what is no text is a gap.
pub fn files<'a>(documents: &[&'a Document]) -> (Vec<File<'a>>, Vec<Coverage>) {
    let mut files = Vec::with_capacity(documents.len());
    let mut gaps = Vec::new();
    for document in documents {
        match File::new(document) {
            Ok(file) => files.push(file),
            Err(error) => {
                let tenant = document.tenant.unwrap_or(document.file);
                gaps.push(unusable(tenant, document.kind, &error));
            }
        }
    }
    (files, gaps)
}

/// The coverage kind a document's absence or damage shows under.
fn coverage_kind(kind: &str) -> String {
    match kind {
        "policy-versions" => "aws.policies".to_owned(),
        "organization"
        | "organization-accounts"
        | "organization-roots"
        | "organization-units"
        | "organization-children"
        | "organization-features" => "aws.organization".to_owned(),
        "organization-policies" => "aws.scps".to_owned(),
        "sso-instances" | "sso-permission-sets" | "sso-account-assignments" => {
            "aws.identity-center".to_owned()
        }
        "identitystore-users" | "identitystore-groups" | "identitystore-memberships" => {
            "aws.identity-store".to_owned()
        }
        other => format!("aws.{other}"),
    }
}

/// A document that is there and cannot be used: always a gap.
fn unusable(tenant: Sym, kind: &str, error: &read::Unusable) -> Coverage {
    Coverage::lacking(
        System::Aws,
        tenant,
        &coverage_kind(kind),
        Seen::Partial,
        error.to_string(),
    )
    .remedy("export the document again; what else stands in it was read as far as it can be")
}

/// The first of many gaps of one kind, with the number of the others.
pub fn several(gaps: impl Iterator<Item = Coverage>) -> Vec<Coverage> {
    let mut kept: Vec<Coverage> = Vec::new();
    let mut more = 0;
    for gap in gaps {
        if kept.len() < TOLD {
            kept.push(gap);
        } else {
            more += 1;
        }
    }
    if let (Some(last), true) = (kept.last_mut(), more > 0) {
        last.reason = format!("{} (and {more} more)", last.reason).into();
    }
    kept
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
            account.holders.sort_by_key(|holder| holder.arn);
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

    fn read_details(&mut self) {
        let read: Vec<_> = self
            .files
            .par_iter()
            .enumerate()
            .filter(|(_, file)| file.kind == "authorization-details")
            .map(|(at, file)| (at, read::salvage::details(file)))
            .collect();
        let mut last: FxHashMap<Sym, bool> = FxHashMap::default();
        for (at, (pages, lost)) in read {
            let file = &self.files[at];
            let told = pages.iter().find_map(account_of_page);
            let id = file.account.or(told).unwrap_or(file.name);
            let nothing = pages.iter().all(iam::AuthorizationDetails::is_empty);
            self.gaps.extend(several(lost.iter().map(|bad| {
                let mut gap = unusable(id, file.kind, bad);
                if nothing {
                    gap.seen = Seen::None;
                }
                gap
            })));
            let account = self.accounts.entry(id).or_default();
            account.details = true;
            account.file.get_or_insert(at);
            for page in pages {
                last.insert(id, page.is_truncated);
                gather(account, page, at);
            }
        }
        for (id, truncated) in last {
            if let Some(account) = self.accounts.get_mut(&id) {
                account.truncated = truncated;
            }
        }
    }

    fn read_file(&mut self, at: usize, file: &'a File<'a>, account: Option<Sym>) {
        let lost = match file.kind {
            "authorization-details" => Vec::new(),
            "credential-report" => match report::read(file) {
                Ok(report) => {
                    let told = report
                        .rows
                        .iter()
                        .find_map(|row| read::account_of(&row.arn).map(Sym::new));
                    let id = file.account.or(told).or(account).unwrap_or(file.name);
                    let account = self.account(id, at);
                    account.report = Some(report);
                    Vec::new()
                }
                Err(bad) => vec![bad],
            },
            "policy-versions" => {
                let (pages, lost) = file.pages::<iam::FetchedPolicy<'a>>();
                let id = account.unwrap_or(file.name);
                for page in pages {
                    let managed = Managed {
                        name: page.policy.policy_name.sym(),
                        source: source(at, page.policy_version.document),
                        versions: Vec::new(),
                    };
                    self.account(id, at)
                        .policies
                        .insert(page.policy.arn.sym(), managed);
                }
                lost
            }
            "roles" => {
                let (pages, mut lost) = file.pages::<iam::Roles<'a>>();
                let all = pages
                    .into_iter()
                    .flat_map(|page| page.roles.take(file, "Roles", &mut lost));
                for role in all {
                    let arn = role.arn.sym();
                    let Some(id) = read::account_of(&arn).map(Sym::new) else {
                        continue;
                    };
                    let holders = &mut self.account(id, at).holders;
                    if let Some(holder) = holders.iter_mut().find(|holder| holder.arn == arn) {
                        holder.max_session = role.max_session_duration;
                    }
                }
                lost
            }
            kind if kind.starts_with("organization") => self.organization.read(at, file),
            kind if kind.starts_with("sso-") || kind.starts_with("identitystore-") => {
                self.identity_center.read(at, file, account)
            }
            "policy" => {
                let account = self.account(Sym::new(POLICY_FILES), at);
                account.of_files = true;
                account.holders.push(holder_of_file(at, file));
                Vec::new()
            }
            "secrets" => {
                let (pages, mut lost) = file.pages::<iam::Secrets<'a>>();
                let all = pages
                    .into_iter()
                    .flat_map(|page| page.secret_list.take(file, "SecretList", &mut lost));
                for secret in all {
                    let told = read::account_of(&secret.arn).map(Sym::new);
                    let id = told.or(account).unwrap_or(file.name);
                    self.account(id, at).secrets.push((at, secret));
                }
                if let Some(id) = account {
                    self.account(id, at).secrets_read = true;
                }
                lost
            }
            "eks" => {
                let (pages, lost) = file.pages::<eks::Answer>();
                let id = account.unwrap_or(file.name);
                let answers = pages.into_iter().map(|page| (id, at, page));
                self.clusters.extend(answers);
                lost
            }
            "last-accessed" => {
                let (pages, lost) = file.pages::<iam::LastAccessed>();
                for page in pages {
                    let Some(arn) = page.arn.as_deref().map(Sym::new) else {
                        continue;
                    };
                    let told = read::account_of(&arn).map(Sym::new);
                    if let Some(id) = told.or(account) {
                        self.account(id, at).last_accessed.insert(arn, page);
                    }
                }
                lost
            }
            _ => self.read_settings(at, file, account),
        };
        let tenant = account.unwrap_or(file.name);
        let gaps = lost.iter().map(|bad| unusable(tenant, file.kind, bad));
        self.gaps.extend(several(gaps));
    }

    /// Documents about an account as a whole, which name it nowhere.
    fn read_settings(
        &mut self,
        at: usize,
        file: &'a File<'a>,
        account: Option<Sym>,
    ) -> Vec<read::Unusable> {
        let Some(id) = account else {
            return vec![read::Unusable {
                location: Location::start_of(file.name),
                message: "nothing tells which account this belongs to; put it into a directory \
                    named by the account number"
                    .to_owned(),
            }];
        };
        let account = self.account(id, at);
        match file.kind {
            "account-summary" => {
                let (pages, lost) = file.pages::<iam::AccountSummary>();
                account.summary = pages.into_iter().next().map(|page| page.summary_map);
                lost
            }
            "account-aliases" => {
                let (pages, lost) = file.pages::<iam::AccountAliases>();
                let aliases = pages.into_iter().flat_map(|page| page.account_aliases);
                account.alias = aliases.map(|alias| Sym::new(&alias)).next();
                lost
            }
            "password-policy" => {
                let (pages, lost) = file.pages::<iam::AccountPasswordPolicy>();
                account.password_policy = pages.into_iter().next().map(|page| page.password_policy);
                lost
            }
            "saml-providers" => {
                let (pages, mut lost) = file.pages::<iam::SamlProviders<'a>>();
                let name = "SAMLProviderList";
                let arns = pages
                    .into_iter()
                    .flat_map(|page| page.list.take(file, name, &mut lost));
                let known = account.saml_providers.get_or_insert_default();
                known.extend(arns.map(|provider| Sym::new(&provider.arn)));
                lost
            }
            "oidc-providers" => {
                let (pages, mut lost) = file.pages::<iam::OidcProviders<'a>>();
                let known = account.oidc_providers.get_or_insert_default();
                for page in pages {
                    let list = page.list.take(file, "OpenIDConnectProviderList", &mut lost);
                    known.extend(list.iter().map(|provider| Sym::new(&provider.arn)));
                    known.extend(page.arn.as_deref().map(Sym::new));
                }
                lost
            }
            kind
            @ ("service-specific-credentials" | "ssh-public-keys" | "signing-certificates") => {
                let (pages, mut lost) = file.pages::<iam::Owned<'a>>();
                account.owned_kinds.insert(kind);
                for page in pages {
                    for (name, list) in [
                        (
                            "ServiceSpecificCredentials",
                            page.service_specific_credentials,
                        ),
                        ("SSHPublicKeys", page.ssh_public_keys),
                        ("Certificates", page.certificates),
                    ] {
                        let list = list.take(file, name, &mut lost).into_iter();
                        account.owned.extend(list.map(|one| (kind, at, one)));
                    }
                }
                lost
            }
            // Multi-factor devices: the credential report already says who has one.
            _ => Vec::new(),
        }
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

/// The account a page of authorization details is about.
fn account_of_page(page: &iam::AuthorizationDetails<'_>) -> Option<Sym> {
    page.role_detail_list
        .iter()
        .map(|role| &role.arn)
        .chain(page.user_detail_list.iter().map(|user| &user.arn))
        .chain(page.group_detail_list.iter().map(|group| &group.arn))
        .chain(page.policies.iter().map(|policy| &policy.arn))
        .find_map(|arn| read::account_of(arn))
        .filter(|account| is_account(account))
        .map(Sym::new)
}

fn source<'a>(file: usize, raw: Option<&'a serde_json::value::RawValue>) -> Option<Source<'a>> {
    raw.map(|raw| Source::new(file, raw.get()))
}

fn inline<'a>(file: usize, list: Vec<iam::InlinePolicy<'a>>) -> impl Iterator<Item = Grant<'a>> {
    list.into_iter().map(move |policy| Grant {
        arn: None,
        name: policy.policy_name.sym(),
        source: source(file, Some(policy.policy_document)),
        file,
        at: policy.policy_name.slice(),
    })
}

fn attached<'a>(file: usize, list: Vec<iam::Attached<'a>>) -> impl Iterator<Item = Grant<'a>> {
    list.into_iter().map(move |policy| Grant {
        arn: Some(policy.policy_arn.sym()),
        name: policy.policy_name.sym(),
        source: None,
        file,
        at: policy.policy_arn.slice(),
    })
}

fn boundary(boundary: Option<iam::Boundary<'_>>) -> Option<Boundary> {
    boundary.map(|boundary| Boundary {
        arn: boundary.permissions_boundary_arn.sym(),
    })
}

/// Whoever gets the policy that is a file of its own. A document that names
/// principals belongs to what is trusted or reached, not to who acts: it stands as a
/// trust, and is judged as one where it lets somebody assume a role.
fn holder_of_file<'a>(at: usize, file: &'a File<'a>) -> Holder<'a> {
    let text = file.text.trim();
    let source = Source::new(at, text);
    let names_principals = Policy::parse(text).is_ok_and(|policy| {
        let mut statements = policy.document().statements.iter();
        statements.any(|statement| statement.principals.is_some())
    });
    let grant = Grant {
        arn: None,
        name: Sym::new("policy"),
        source: Some(source),
        file: at,
        at: Some(text),
    };
    Holder {
        kind: HolderKind::Role,
        arn: file.name,
        name: file.name,
        uid: file.name,
        path: Sym::new("/"),
        created: None,
        tags: Vec::new(),
        grants: if names_principals {
            Vec::new()
        } else {
            vec![grant]
        },
        groups: Vec::new(),
        boundary: None,
        trust: names_principals.then_some(source),
        instance_profiles: 0,
        last_used: None,
        max_session: None,
        file: at,
        at: Some(text),
    }
}

fn uid(id: &Text<'_>, arn: Sym) -> Sym {
    if id.is_empty() { arn } else { id.sym() }
}

fn holder<'a>(kind: HolderKind, detail: iam::Detail<'a>, file: usize) -> Holder<'a> {
    let arn = detail.arn.sym();
    Holder {
        kind,
        arn,
        name: detail.name.sym(),
        uid: uid(&detail.id, arn),
        path: detail.path.sym(),
        created: detail.create_date.0,
        tags: detail.tags,
        grants: inline(file, detail.policy_list)
            .chain(attached(file, detail.attached_managed_policies))
            .collect(),
        groups: detail.group_list.iter().map(Text::sym).collect(),
        boundary: boundary(detail.permissions_boundary),
        trust: source(file, detail.assume_role_policy_document),
        instance_profiles: detail.instance_profile_list.len(),
        last_used: detail.role_last_used.map(|used| used.last_used_date.0),
        max_session: detail.max_session_duration,
        file,
        at: detail.arn.slice(),
    }
}

/// Adds one page to an account.
fn gather<'a>(account: &mut Account<'a>, page: iam::AuthorizationDetails<'a>, file: usize) {
    let lists = [
        (HolderKind::User, page.user_detail_list),
        (HolderKind::Group, page.group_detail_list),
        (HolderKind::Role, page.role_detail_list),
    ];
    account
        .holders
        .reserve(lists.iter().map(|(_, list)| list.len()).sum());
    for (kind, list) in lists {
        let holders = list.into_iter().map(|one| holder(kind, one, file));
        account.holders.extend(holders);
    }
    for policy in page.policies {
        let list = &policy.policy_version_list;
        let default = list
            .iter()
            .position(|version| version.is_default_version)
            .or_else(|| {
                list.iter()
                    .position(|version| *version.version_id == *policy.default_version_id)
            });
        let document = default.and_then(|at| list[at].document);
        let arn = policy.arn.sym();
        let mut versions = Vec::new();
        if !is_aws_managed(&arn) {
            let others = list.iter().enumerate();
            versions.extend(others.filter(|(at, _)| Some(*at) != default).filter_map(
                |(_, version)| {
                    Some(Version {
                        id: version.version_id.sym(),
                        source: source(file, version.document)?,
                    })
                },
            ));
        }
        account.policies.insert(
            arn,
            Managed {
                name: policy.policy_name.sym(),
                source: source(file, document),
                versions,
            },
        );
    }
}
