//! Templates in policy paths: `secret/data/{{identity.entity.name}}/*` (HashiCorp and
//! OpenBao documentation, *Templated policies*; OpenBao `sdk/helper/identitytpl`).
//!
//! Where it is known who asks, their values are filled in, as the server does. Where
//! it is not, the worst is assumed: a segment with a template is any segment, and what
//! rests on it is conditional. A templated rule that denies is left as it is then:
//! the worst is that it does not apply.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::documents::text;
use super::policy::{Caps, Dialect, Policy, Rule, Shape, shape_of};

/// What templates may name about one entity, by what stands between the braces.
pub(super) type Values = BTreeMap<String, String>;

/// A path that was widened because its template could not be filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The pattern as its author wrote it.
    pub text: String,
    /// The segments (by place) that held a template: each is one name, not every name.
    pub segments: u64,
}

impl Template {
    /// Whether the segment at this place held a template.
    pub(super) fn held(&self, at: usize) -> bool {
        at < 64 && self.segments >> at & 1 == 1
    }
}

/// The values of an entity, as `identity/entity/id/…` tells them.
pub(super) fn entity(data: &Json) -> Values {
    let mut values = Values::new();
    let mut add = |name: String, value: Option<&str>| {
        if let Some(value) = value {
            values.insert(name, value.to_owned());
        }
    };
    add("identity.entity.id".to_owned(), text(data, "id"));
    add("identity.entity.name".to_owned(), text(data, "name"));
    for (key, value) in pairs(data, "metadata") {
        add(format!("identity.entity.metadata.{key}"), Some(value));
    }
    let aliases = data.get("aliases").and_then(Json::as_array);
    for alias in aliases.into_iter().flatten() {
        let Some(accessor) = text(alias, "mount_accessor") else {
            continue;
        };
        let place = format!("identity.entity.aliases.{accessor}");
        add(format!("{place}.id"), text(alias, "id"));
        add(format!("{place}.name"), text(alias, "name"));
        for kind in ["metadata", "custom_metadata"] {
            for (key, value) in pairs(alias, kind) {
                add(format!("{place}.{kind}.{key}"), Some(value));
            }
        }
    }
    values
}

/// The values of a group its members may name.
pub(super) fn group(data: &Json) -> Values {
    let mut values = Values::new();
    let (Some(id), Some(name)) = (text(data, "id"), text(data, "name")) else {
        return values;
    };
    for (place, key, other) in [
        (format!("identity.groups.ids.{id}"), "name", name),
        (format!("identity.groups.names.{name}"), "id", id),
    ] {
        values.insert(format!("{place}.{key}"), other.to_owned());
        for (key, value) in pairs(data, "metadata") {
            values.insert(format!("{place}.metadata.{key}"), value.to_owned());
        }
    }
    values
}

fn pairs<'j>(data: &'j Json, key: &str) -> impl Iterator<Item = (&'j str, &'j str)> {
    data.get(key)
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

/// A piece of a pattern.
enum Piece<'t> {
    Text(&'t str),
    /// What stands between the braces.
    Name(&'t str),
}

fn pieces(mut pattern: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    while let Some((before, rest)) = pattern.split_once("{{") {
        let Some((name, after)) = rest.split_once("}}") else {
            break;
        };
        found.push(Piece::Text(before));
        found.push(Piece::Name(name.trim()));
        pattern = after;
    }
    found.push(Piece::Text(pattern));
    found
}

/// Whether `rule` has a template that matters: not one of those by which every token
/// reaches itself.
pub(super) fn matters(rule: &Rule, is_self_service: &impl Fn(&str) -> bool) -> bool {
    rule.templated && !is_self_service(&rule.path)
}

/// The policy with `values` filled in. A stanza whose template has no value does not
/// count; nor, in OpenBao, one whose value could mean another path.
pub(super) fn filled(
    policy: &Policy,
    values: &Values,
    dialect: Dialect,
    is_self_service: &impl Fn(&str) -> bool,
) -> Policy {
    let fill = |rule: &Rule| -> Option<Rule> {
        if !matters(rule, is_self_service) {
            return Some(rule.clone());
        }
        let mut path = String::new();
        for piece in pieces(&rule.pattern()) {
            match piece {
                Piece::Text(text) => path.push_str(text),
                Piece::Name(name) => {
                    let value = values.get(name)?;
                    if dialect == Dialect::Openbao && value.contains(['*', '+', '/']) {
                        return None;
                    }
                    path.push_str(value);
                }
            }
        }
        let (path, shape) = shape_of(path)?;
        Some(Rule {
            path,
            shape,
            templated: false,
            ..rule.clone()
        })
    };
    Policy {
        name: policy.name.clone(),
        rules: policy.rules.iter().filter_map(fill).collect(),
    }
}

/// The policy as it is at worst, for somebody who is not known.
pub(super) fn widened(policy: &Policy, is_self_service: &impl Fn(&str) -> bool) -> Policy {
    let widen = |rule: &Rule| match matters(rule, is_self_service) && !rule.caps.any(Caps::DENY) {
        true => widen_rule(rule),
        false => rule.clone(),
    };
    Policy {
        name: policy.name.clone(),
        rules: policy.rules.iter().map(widen).collect(),
    }
}

/// Stands for a template while a pattern is cut into segments.
const MARK: char = '\u{1}';

/// The rule with `+` for every segment that holds a template.
pub(super) fn widen_rule(rule: &Rule) -> Rule {
    let text = rule.pattern();
    let marked: String = pieces(&text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Name(_) => MARK.to_string(),
        })
        .collect();
    let parts: Vec<&str> = marked.split('/').collect();
    let mut segments = 0u64;
    let last = parts.len() - 1;
    let wide: Vec<&str> = parts
        .iter()
        .enumerate()
        .map(|(at, part)| {
            let Some(mark) = part.find(MARK) else {
                return *part;
            };
            if at < 64 {
                segments |= 1 << at;
            }
            match at == last && part.ends_with('*') {
                // `team-{{…}}*` is anything that starts with `team-`.
                true => &part[..mark],
                false => "+",
            }
        })
        .collect();
    let mut path = wide.join("/");
    if parts[last].contains(MARK) && parts[last].ends_with('*') {
        path.push('*');
    }
    match shape_of(path) {
        Some((path, shape)) => Rule {
            path,
            shape,
            template: Some(Template { text, segments }),
            ..rule.clone()
        },
        None => rule.clone(),
    }
}

/// Whether the pattern of `rule` takes in `path`.
pub(super) fn covers(rule: &Rule, path: &str) -> bool {
    match rule.shape {
        Shape::Exact => rule.path == path,
        Shape::Prefix => path.starts_with(&rule.path),
        Shape::Segments => super::acl::segment_match(&rule.path, path).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(path: &str) -> Policy {
        let text = format!("path \"{path}\" {{ capabilities = [\"read\"] }}");
        Policy::parse("p", "", &text, None).unwrap()
    }

    fn never(_: &str) -> bool {
        false
    }

    #[test]
    fn the_worst_is_any_name() {
        let wide = |path: &str| widened(&policy(path), &never).rules[0].clone();
        let rule = wide("secret/data/{{identity.entity.name}}/*");
        assert_eq!(rule.path, "secret/data/+/*");
        assert_eq!(rule.shape, Shape::Segments);
        assert_eq!(rule.pattern(), "secret/data/{{identity.entity.name}}/*");
        assert!(rule.template.as_ref().unwrap().held(2));
        assert_eq!(wide("kv/team-{{identity.entity.id}}/x").path, "kv/+/x");
        let open = wide("kv/team-{{identity.entity.id}}*");
        assert_eq!(
            (open.path.as_str(), open.shape),
            ("kv/team-", Shape::Prefix)
        );
        assert_eq!(wide("kv/plain").template, None);
    }

    #[test]
    fn known_values_are_filled_in() {
        let data = serde_json::json!({
            "id": "e1", "name": "ana", "metadata": {"team": "ledger", "bad": "a/b"},
            "aliases": [{"mount_accessor": "auth_oidc_1", "name": "ana@x", "id": "a1"}],
        });
        let mut values = entity(&data);
        values.extend(group(&serde_json::json!({"id": "g1", "name": "ops"})));
        let path = |pattern: &str, dialect| {
            let rules = filled(&policy(pattern), &values, dialect, &never).rules;
            rules.first().map(Rule::pattern)
        };
        let bao = |pattern: &str| path(pattern, Dialect::Openbao);
        assert_eq!(
            bao("kv/{{ identity.entity.metadata.team }}/*").as_deref(),
            Some("kv/ledger/*")
        );
        assert_eq!(
            bao("kv/{{identity.entity.aliases.auth_oidc_1.name}}").as_deref(),
            Some("kv/ana@x")
        );
        assert_eq!(
            bao("kv/{{identity.groups.names.ops.id}}").as_deref(),
            Some("kv/g1")
        );
        assert_eq!(bao("kv/{{identity.entity.metadata.none}}"), None);
        let bad = "kv/{{identity.entity.metadata.bad}}";
        assert_eq!(bao(bad), None);
        assert_eq!(path(bad, Dialect::Vault).as_deref(), Some("kv/a/b"));
    }

    #[test]
    fn what_every_token_reaches_of_itself_is_left_alone() {
        let own = policy("identity/entity/id/{{identity.entity.id}}");
        let rules = widened(&own, &|path: &str| path.starts_with("identity/")).rules;
        assert_eq!(rules[0].template, None);
    }
}
