//! Authorization details: users, groups, roles and policies as the account's.

use super::super::documents::Source;
use super::super::policy::Policy;
use super::super::read::{self, File, Text, iam, is_account};
use super::{Account, Boundary, Grant, Holder, HolderKind, Managed, Version, is_aws_managed};
use crate::model::Sym;

/// The account a page of authorization details is about.
pub(super) fn account_of_page(page: &iam::AuthorizationDetails<'_>) -> Option<Sym> {
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

pub(super) fn source<'a>(
    file: usize,
    raw: Option<&'a serde_json::value::RawValue>,
) -> Option<Source<'a>> {
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
pub(super) fn holder_of_file<'a>(at: usize, file: &'a File<'a>) -> Holder<'a> {
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
pub(super) fn gather<'a>(
    account: &mut Account<'a>,
    page: iam::AuthorizationDetails<'a>,
    file: usize,
) {
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
