//! Names of users and groups (k8s.io/apiserver `serviceaccount` and `user` packages;
//! Kubernetes documentation, *Authenticating*).

use super::rbac::{Subject, SubjectKind};
use crate::model::Sym;

/// Members may do everything; no binding is needed and none can take it away.
pub(crate) const MASTERS: &str = "system:masters";
/// Everybody who proved who they are.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
/// Callers without credentials: the group.
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Callers without credentials: the user.
pub(crate) const ANONYMOUS: &str = "system:anonymous";
/// Every service account; with `:namespace`, those of one namespace.
pub(crate) const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
/// Every kubelet.
pub(crate) const NODES: &str = "system:nodes";

const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const NODE: &str = "system:node:";

/// The user name of a service account.
pub(crate) fn service_account(namespace: &str, name: &str) -> String {
    format!("{SERVICE_ACCOUNT}{namespace}:{name}")
}

/// Namespace and name, if `user` is a service account's user name.
///
/// Both parts must be names the API accepts, else the API server takes the user for
/// an ordinary one.
pub(crate) fn split_service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    let label = namespace.len() <= 63 && !namespace.contains('.') && is_name(namespace);
    (label && is_name(name)).then_some((namespace, name))
}

/// The node's name, if `user` is a kubelet's user name.
pub(crate) fn split_node(user: &str) -> Option<&str> {
    user.strip_prefix(NODE).filter(|name| is_name(name))
}

/// A DNS subdomain (RFC 1123), which names of service accounts and nodes are.
fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            let bytes = label.as_bytes();
            bytes.first().is_some_and(|&byte| inner(byte))
                && bytes.last().is_some_and(|&byte| inner(byte))
                && bytes.iter().all(|&byte| inner(byte) || byte == b'-')
        })
}

/// The groups the API server gives a user it authenticated, beyond those the
/// credential names.
pub(crate) fn implied_groups(user: &str) -> Vec<Sym> {
    if user == ANONYMOUS {
        return vec![Sym::new(UNAUTHENTICATED)];
    }
    let mut groups = Vec::with_capacity(3);
    if let Some((namespace, _)) = split_service_account(user) {
        groups.push(Sym::new(SERVICE_ACCOUNTS));
        groups.push(Sym::new(&format!("{SERVICE_ACCOUNTS}:{namespace}")));
    } else if split_node(user).is_some() {
        groups.push(Sym::new(NODES));
    }
    groups.push(Sym::new(AUTHENTICATED));
    groups
}

/// Whom a subject means to the authorizer: a user name or a group.
///
/// A service account and the user spelled like it are the same subject. A service
/// account without any namespace is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Principal {
    /// By user name.
    User(Sym),
    /// By group.
    Group(Sym),
}

impl Principal {
    /// Whom `subject` means.
    pub fn of(subject: &Subject) -> Option<Self> {
        Some(match subject.kind {
            SubjectKind::User => Principal::User(subject.name),
            SubjectKind::Group => Principal::Group(subject.name),
            SubjectKind::ServiceAccount if subject.namespace.is_empty() => return None,
            SubjectKind::ServiceAccount => Principal::User(Sym::new(&service_account(
                &subject.namespace,
                &subject.name,
            ))),
        })
    }

    /// The name.
    pub fn name(self) -> Sym {
        match self {
            Principal::User(name) | Principal::Group(name) => name,
        }
    }

    /// The groups whose rights it has by being what it is.
    pub fn groups(self) -> Vec<Sym> {
        match self {
            Principal::User(name) => implied_groups(&name),
            // Whoever is in a named group has authenticated; the groups that mean
            // "everybody" and "nobody known" stand for themselves.
            Principal::Group(name) => match name.as_str() {
                AUTHENTICATED | UNAUTHENTICATED => Vec::new(),
                name if name == SERVICE_ACCOUNTS => vec![Sym::new(AUTHENTICATED)],
                name if name.starts_with("system:serviceaccounts:") => {
                    vec![Sym::new(SERVICE_ACCOUNTS), Sym::new(AUTHENTICATED)]
                }
                _ => vec![Sym::new(AUTHENTICATED)],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_account_names() {
        let split = split_service_account;
        assert_eq!(split("system:serviceaccount:a:b"), Some(("a", "b")));
        assert_eq!(split("system:serviceaccount:a:b.c"), Some(("a", "b.c")));
        for not in [
            "system:serviceaccount:a",
            "system:serviceaccount:a:",
            "system:serviceaccount::b",
            "system:serviceaccount:a.b:c",
            "system:serviceaccount:a:B",
            "system:serviceaccount:a:b:c",
            "a",
        ] {
            assert_eq!(split(not), None, "{not}");
        }
    }

    #[test]
    fn groups_come_with_names() {
        let names =
            |user| -> Vec<&str> { implied_groups(user).into_iter().map(Sym::as_str).collect() };
        assert_eq!(
            names("system:serviceaccount:shop:web"),
            [
                "system:serviceaccounts",
                "system:serviceaccounts:shop",
                "system:authenticated"
            ]
        );
        assert_eq!(names("system:anonymous"), ["system:unauthenticated"]);
        assert_eq!(names("alice"), ["system:authenticated"]);
        assert_eq!(
            names("system:node:n1"),
            ["system:nodes", "system:authenticated"]
        );
    }
}
