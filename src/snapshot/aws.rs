//! Recognising the documents of AWS.
//!
//! `docs/snapshot-aws.md` lists them. A document is known by the names of its
//! outermost members, read from its first kilobytes only; where an AWS answer says
//! too little of itself, its path decides.

/// Bytes looked at. The outermost member names stand at the front of every answer
/// but those that begin with a long list, whose name is telling by itself.
const LOOKED_AT: usize = 64 * 1024;
/// The first columns of the credential report.
const REPORT_HEADER: &[u8] = b"user,arn,user_creation_time,";

/// The kinds of documents, by the outermost member that tells them.
const BY_MEMBER: &[(&str, &str)] = &[
    ("UserDetailList", "authorization-details"),
    ("GroupDetailList", "authorization-details"),
    ("RoleDetailList", "authorization-details"),
    ("SummaryMap", "account-summary"),
    ("AccountAliases", "account-aliases"),
    ("PasswordPolicy", "password-policy"),
    ("SAMLProviderList", "saml-providers"),
    ("OpenIDConnectProviderList", "oidc-providers"),
    ("ClientIDList", "oidc-providers"),
    ("ServiceSpecificCredentials", "service-specific-credentials"),
    ("SSHPublicKeys", "ssh-public-keys"),
    ("VirtualMFADevices", "mfa-devices"),
    ("MFADevices", "mfa-devices"),
    ("ServicesLastAccessed", "last-accessed"),
    ("SecretList", "secrets"),
    ("Organization", "organization"),
    ("Accounts", "organization-accounts"),
    ("Roots", "organization-roots"),
    ("OrganizationalUnits", "organization-units"),
    ("Children", "organization-children"),
    ("EnabledFeatures", "organization-features"),
    ("PermissionSet", "sso-permission-sets"),
    ("AccountAssignments", "sso-account-assignments"),
    ("GroupMemberships", "identitystore-memberships"),
    ("accessEntry", "eks"),
    ("associatedAccessPolicies", "eks"),
];

/// Which document of AWS a file is, by its content and place; `None` if it is none.
pub(super) fn recognise(path: &str, text: &[u8]) -> Option<&'static str> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    if text.starts_with(REPORT_HEADER) {
        return Some("credential-report");
    }
    let head = &text[..text.len().min(LOOKED_AT)];
    let members = outer_members(head);
    let has = |name: &str| members.contains(&name.as_bytes());

    if has("Content") && has("ReportFormat") {
        return Some("credential-report");
    }
    if has("Policy") {
        return if has("PolicyVersion") || contains(head, b"\"DefaultVersionId\"") {
            Some("policy-versions")
        } else if has("Targets") || contains(head, b"\"PolicySummary\"") {
            Some("organization-policies")
        } else {
            None
        };
    }
    if has("PolicyVersion") {
        return Some("policy-versions");
    }
    if let Some((_, kind)) = BY_MEMBER.iter().find(|(member, _)| has(member)) {
        return Some(kind);
    }
    if has("cluster") && contains(head, b":eks:") && contains(head, b"\"platformVersion\"") {
        return Some("eks");
    }
    if has("association") && contains(head, b"\"serviceAccount\"") && contains(head, b":eks:") {
        return Some("eks");
    }
    if has("Policies") {
        // One page of authorization details may hold policies only.
        return contains(head, b"\"PolicyVersionList\"").then_some("authorization-details");
    }
    if has("Certificates") {
        return (path.contains("signing-certificates") || contains(head, b"\"CertificateId\""))
            .then_some("signing-certificates");
    }
    if has("Instances") {
        return (path.contains("identity-center") || contains(head, b"\"IdentityStoreId\""))
            .then_some("sso-instances");
    }
    if has("Roles") {
        return (path.ends_with("roles.json") || contains(head, b"\"AssumeRolePolicyDocument\""))
            .then_some("roles");
    }
    let store = || path.contains("identity-center") || contains(head, b"\"IdentityStoreId\"");
    if has("Users") {
        return store().then_some("identitystore-users");
    }
    if has("Groups") {
        return store().then_some("identitystore-groups");
    }
    let bare = has("Statement")
        && members
            .iter()
            .all(|member| matches!(*member, b"Version" | b"Id" | b"Statement"));
    bare.then_some("policy")
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The member names of the first object in `text` (the first element, if it is an
/// array), as far as `text` goes. Escapes in names are left as they stand.
fn outer_members(text: &[u8]) -> Vec<&[u8]> {
    let mut names = Vec::new();
    let mut at = 0;
    let mut depth = 0usize;
    // The depth at which names are wanted: 1, or 2 inside an outer array.
    let mut wanted = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                let start = at + 1;
                let Some(end) = string_end(text, start) else {
                    break;
                };
                at = end;
                let after = text[end + 1..].iter().find(|b| !b.is_ascii_whitespace());
                if depth == wanted && after == Some(&b':') {
                    names.push(&text[start..end]);
                }
            }
            b'[' if depth == 0 => {
                wanted = 2;
                depth = 1;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth < wanted {
                    break;
                }
            }
            _ if depth == 0 && !byte.is_ascii_whitespace() => break,
            _ => {}
        }
        at += 1;
    }
    names
}

/// The offset of the quote that ends the string starting at `start`.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_known_by_what_they_say() {
        for (path, text, kind) in [
            (
                "x",
                r#"{"UserDetailList":[]}"#,
                Some("authorization-details"),
            ),
            (
                "x",
                r#"[{"IsTruncated":true,"RoleDetailList":[]}]"#,
                Some("authorization-details"),
            ),
            (
                "x",
                r#"{"Policies":[{"PolicyVersionList":[]}]}"#,
                Some("authorization-details"),
            ),
            ("x", r#"{"Policies":[]}"#, None),
            (
                "x",
                "user,arn,user_creation_time,password_enabled\n",
                Some("credential-report"),
            ),
            (
                "x",
                r#"{"Content":"dXNl","ReportFormat":"text/csv"}"#,
                Some("credential-report"),
            ),
            (
                "x",
                r#"{"Policy":{"PolicySummary":{"Id":"p-1"},"Content":""},"Targets":[]}"#,
                Some("organization-policies"),
            ),
            (
                "x",
                r#"{"Policy":{"Arn":"a"},"PolicyVersion":{"Document":""}}"#,
                Some("policy-versions"),
            ),
            (
                "x",
                r#"{"Version":"2012-10-17","Statement":[]}"#,
                Some("policy"),
            ),
            ("x", r#"{"Statement":{"Effect":"Allow"}}"#, Some("policy")),
            (
                "x",
                r#"{"cluster":{"arn":"arn:aws:eks:eu-west-1:1:cluster/a","platformVersion":"eks.4"}}"#,
                Some("eks"),
            ),
            ("x", r#"{"cluster":{"name":"a"}}"#, None),
            (
                "x",
                r#"{"accessEntry":{"clusterName":"a","principalArn":"b"}}"#,
                Some("eks"),
            ),
            (
                "x",
                r#"{"Version":"1","Statement":[],"Resources":{}}"#,
                None,
            ),
            ("x", r#"{"Users":[{"UserName":"a"}]}"#, None),
            (
                "identity-center/users.json",
                r#"{"Users":[]}"#,
                Some("identitystore-users"),
            ),
            (
                "x",
                r#"{"Groups":[{"IdentityStoreId":"d-1"}]}"#,
                Some("identitystore-groups"),
            ),
            (
                "x",
                r#"{"Roles":[{"AssumeRolePolicyDocument":{}}]}"#,
                Some("roles"),
            ),
            (
                "x",
                r#"{"kind":"List","items":[{"UserDetailList":1}]}"#,
                None,
            ),
            ("x", "", None),
            ("x", r#"{"UserDetai"#, None),
            ("x", r#"{"Us\"#, None),
        ] {
            assert_eq!(recognise(path, text.as_bytes()), kind, "{text}");
        }
    }

    #[test]
    fn deep_nesting_ends() {
        let deep = "[".repeat(1 << 20);
        assert_eq!(recognise("x", deep.as_bytes()), None);
        let deep = format!("{}{}", r#"{"Statement":"#, "[".repeat(1 << 20));
        assert_eq!(recognise("x", deep.as_bytes()), Some("policy"));
    }
}
