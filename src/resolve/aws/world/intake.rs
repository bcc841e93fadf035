//! What each file tells, and what of it cannot be used.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::super::read::{self, File, eks, iam, report};
use super::details::{account_of_page, gather, holder_of_file, source};
use super::{Managed, POLICY_FILES, World};
use crate::model::{Coverage, Location, Seen, Sym, System};
use crate::snapshot::Document;

/// Most gaps of one kind that are told one by one.
const TOLD: usize = 20;

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
    pub(super) fn read_details(&mut self) {
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

    pub(super) fn read_file(&mut self, at: usize, file: &'a File<'a>, account: Option<Sym>) {
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
}
