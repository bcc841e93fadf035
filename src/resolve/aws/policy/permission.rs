//! A document in the neutral form that drift compares.

use super::condition::Condition;
use super::document::{Document, Statement};
use crate::model::{Permission, PermissionSet, Sym};

/// The statements of a document in canonical order and spelling. Principals are no
/// part of it: it says what is allowed, not to whom.
pub fn permission_set(document: &Document) -> PermissionSet {
    PermissionSet::new(document.statements.iter().map(permission).collect())
}

fn permission(statement: &Statement) -> Permission {
    let actions = statement.actions.list.iter().map(|own| own.source());
    let (resources, not_resources) = match &statement.resources {
        Some(resources) => {
            let list = resources.patterns.iter().map(|text| text.source());
            (sorted(list), resources.not)
        }
        None => (sorted(["*"].into_iter()), false),
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

fn sorted<'a>(list: impl Iterator<Item = &'a str>) -> Box<[Sym]> {
    let mut list: Vec<Sym> = list.map(Sym::new).collect();
    list.sort_unstable();
    list.dedup();
    list.into()
}

/// All conditions of a statement as one text: AWS's spelling of operators, keys in
/// lower case, values and conditions sorted.
fn condition(conditions: &[Condition]) -> Option<Sym> {
    let mut texts: Vec<String> = conditions
        .iter()
        .map(|condition| {
            let mut values: Vec<&str> = condition.source.iter().map(|value| &**value).collect();
            values.sort_unstable();
            values.dedup();
            let (operator, key) = (&condition.operator, condition.folded_key());
            let values: String = values.iter().map(|value| format!(", {value:?}")).collect();
            format!("{operator}({key}{values})")
        })
        .collect();
    texts.sort_unstable();
    texts.dedup();
    (!texts.is_empty()).then(|| Sym::from(texts.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_and_order_do_not_matter() {
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
                 "Condition": {"bool": {"AWS:securetransport": "false"},
                               "stringequals": {"aws:principaltag/t": ["x", "y"]}}},
                {"Effect": "Allow", "Action": ["s3:Get*", "s3:Put*"], "Resource": ["*"]}]}"#,
        );
        assert_eq!(one, same);
        assert_eq!(
            one.permissions[1].condition.unwrap(),
            r#"Bool(aws:securetransport, "false") and StringEquals(aws:principaltag/t, "x", "y")"#
        );
    }
}
