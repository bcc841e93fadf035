//! A document in the neutral form that drift compares.

use super::condition::Condition;
use super::document::{Document, Statement};
use super::variables::Text;
use crate::model::{Permission, PermissionSet, Sym};

/// The statements of a document in canonical order. Principals are no
/// part of it: it says what is allowed, not to whom.
pub fn permission_set(document: &Document) -> PermissionSet {
    PermissionSet::new(document.statements.iter().map(permission).collect())
}

fn permission(statement: &Statement) -> Permission {
    let actions = statement.actions.list.iter().map(|own| own.sym());
    let (resources, not_resources) = match &statement.resources {
        Some(resources) => (
            sorted(resources.patterns.iter().map(Text::sym)),
            resources.not,
        ),
        None => (sorted([Sym::of("*")].into_iter()), false),
    };
    Permission {
        effect: statement.effect,
        actions: sorted(actions),
        not_actions: statement.actions.not,
        resources,
        not_resources,
        condition: condition(&statement.conditions),
    }
}

fn sorted(list: impl Iterator<Item = Sym>) -> Box<[Sym]> {
    let mut list: Vec<Sym> = list.collect();
    list.sort_unstable();
    list.dedup();
    list.into()
}

/// All conditions of a statement as one text, as the document spells them: what they
/// amount to is compared by whoever compares two states, beside what is left of them
/// in verdicts.
fn condition(conditions: &[Condition]) -> Option<Sym> {
    let mut texts: Vec<String> = conditions.iter().map(ToString::to_string).collect();
    texts.sort_unstable();
    texts.dedup();
    (!texts.is_empty()).then(|| Sym::from(texts.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_lists_of_one_do_not_matter() {
        let read = |text: &str| permission_set(&Document::parse(text).unwrap());
        let one = read(
            r#"{"Statement": [
                {"Effect": "Allow", "Action": ["s3:Put*", "s3:Get*"], "Resource": "*"},
                {"Sid": "x", "Effect": "Deny", "NotAction": "iam:*", "NotResource": ["b", "a"],
                 "Condition": {"StringEquals": {"aws:PrincipalTag/T": ["y", "x"]},
                               "Bool": {"aws:SecureTransport": false}}}]}"#,
        );
        let other = read(
            r#"{"Statement": [
                {"Resource": ["a", "b"], "Effect": "Deny", "NotAction": ["iam:*"], "NotResource": ["a", "b"],
                 "Condition": {}}]}"#,
        );
        assert_eq!(other.permissions, []);
        let same = read(
            r#"{"Statement": [
                {"Effect": "Deny", "NotAction": ["iam:*"], "NotResource": ["a", "b"],
                 "Condition": {"Bool": {"aws:SecureTransport": "false"},
                               "StringEquals": {"aws:PrincipalTag/T": ["y", "x"]}}},
                {"Effect": "Allow", "Action": ["s3:Get*", "s3:Put*"], "Resource": ["*"]}]}"#,
        );
        assert_eq!(one, same);
        assert_eq!(
            one.permissions[1].condition.unwrap(),
            r#"Bool(aws:SecureTransport, "false") and StringEquals(aws:PrincipalTag/T, "y", "x")"#
        );
    }
}
