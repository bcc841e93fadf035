//! The documents of one vault, by namespace and API path.
//!
//! Files are named after the API path they answer (`docs/snapshot-vault.md`). They
//! may lie at any depth; everything up to the directory that holds `sys/`, `auth/`
//! or `identity/` is the *base*, and `namespaces/<name>` at its end names a child
//! namespace. Documents without such a directory belong to the nearest base above.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

use super::policy::duration;
use crate::model::{Location, Sym};
use crate::snapshot::{Document, vault as kinds};

/// One API answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// What stands under `data`, or the whole object where there is no envelope.
    pub(super) data: Json,
    /// What the answer is about, where the answer itself does not say (`path` beside
    /// `data` in bundles).
    pub(super) about: Option<String>,
    /// Where it stands.
    pub(super) location: Location,
}

/// The text of a policy and where it stands.
#[derive(Clone, Debug)]
pub(super) struct PolicyText {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) file: Sym,
    /// Whether positions in `text` are positions in `file`.
    pub(super) verbatim: bool,
}

/// A document that could not be used.
#[derive(Clone, Debug)]
pub(super) struct Unusable {
    pub(super) api_path: String,
    pub(super) reason: String,
    pub(super) location: Location,
}

/// The documents of one namespace.
#[derive(Debug, Default)]
pub(super) struct Space<'a> {
    pub(super) tenant: Sym,
    /// `""`, or a path that ends in `/`.
    pub(super) namespace: String,
    pub(super) answers: BTreeMap<String, Answer>,
    pub(super) bundles: BTreeMap<String, Vec<Answer>>,
    pub(super) policies: Vec<PolicyText>,
    pub(super) audit: Vec<&'a Document>,
    pub(super) unusable: Vec<Unusable>,
}

impl Space<'_> {
    /// Whether nothing but policy files was given.
    pub(super) fn is_only_policies(&self) -> bool {
        !self.policies.is_empty()
            && self.answers.is_empty()
            && self.bundles.is_empty()
            && self.unusable.is_empty()
    }

    /// Whether nothing but audit logs was given.
    fn is_only_audit(&self) -> bool {
        self.policies.is_empty()
            && self.answers.is_empty()
            && self.bundles.is_empty()
            && self.unusable.is_empty()
            && !self.audit.is_empty()
    }

    /// The answer to a read of `path`.
    pub(super) fn get(&self, path: &str) -> Option<&Answer> {
        self.answers.get(path)
    }

    /// The answers to reads of single things below `list`, by name.
    pub(super) fn below<'s>(&'s self, list: &str) -> impl Iterator<Item = (&'s str, &'s Answer)> {
        let prefix = format!("{list}/");
        let skip = prefix.len();
        self.answers
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(move |(path, answer)| (&path[skip..], answer))
            .filter(|(name, _)| !name.contains('/'))
    }

    /// The names a list call gave.
    pub(super) fn keys(&self, list: &str) -> Option<Vec<&str>> {
        self.get(list).map(|answer| strings(&answer.data, "keys"))
    }

    /// The lines of a bundle.
    pub(super) fn lines(&self, path: &str) -> &[Answer] {
        self.bundles.get(path).map_or(&[], Vec::as_slice)
    }
}

/// Sorts documents into namespaces, root namespaces first.
pub(super) fn spaces<'a>(documents: &[&'a Document]) -> Vec<Space<'a>> {
    let placed: Vec<(&Document, Option<(String, String)>)> = documents
        .iter()
        .map(|document| (*document, anchor(&document.path)))
        .collect();
    let mut bases: Vec<(Option<Sym>, String)> = placed
        .iter()
        .filter_map(|(document, place)| {
            let (base, _) = place.as_ref()?;
            Some((document.tenant, base.clone()))
        })
        .collect();
    bases.sort();
    bases.dedup();

    let mut found: BTreeMap<(Option<Sym>, String), Space<'a>> = BTreeMap::new();
    for (document, place) in placed {
        let (base, api) = place.unwrap_or_else(|| {
            let path = document.path.as_str();
            let base = bases
                .iter()
                .filter(|(tenant, base)| {
                    *tenant == document.tenant
                        && (base.is_empty()
                            || path
                                .strip_prefix(base.as_str())
                                .is_some_and(|rest| rest.starts_with('/')))
                })
                .map(|(_, base)| base.as_str())
                .max_by_key(|base| base.len())
                .unwrap_or_default();
            let api = path[base.len()..].trim_start_matches('/');
            (base.to_owned(), api.to_owned())
        });
        let space = found.entry((document.tenant, base)).or_default();
        read(space, document, &decode(&api));
    }

    let mut spaces: Vec<Space<'a>> = Vec::new();
    for ((tenant, base), mut space) in found {
        let (above, namespace) = split_namespace(&base);
        space.namespace = namespace;
        let root = tenant.unwrap_or_else(|| {
            cluster_name(&space)
                .or_else(|| {
                    // A child namespace of an unnamed tree belongs to its root.
                    spaces
                        .iter()
                        .filter(|other| other.namespace.is_empty() && !other.is_only_audit())
                        .find(|_| !space.namespace.is_empty())
                        .map(|other| other.tenant)
                })
                .unwrap_or_else(|| match above.rsplit('/').next() {
                    Some("") | None => Sym::new("vault"),
                    Some(folder) => Sym::new(folder),
                })
        });
        space.tenant = if space.namespace.is_empty() {
            root
        } else {
            Sym::new(&format!("{root}/{}", space.namespace.trim_end_matches('/')))
        };
        spaces.push(space);
    }
    share_audit(&mut spaces);
    spaces
}

/// Gives audit logs to whom they are about. A log given by itself is of the only vault
/// scanned beside it; a log tells of every namespace of its vault, each of which takes
/// its own entries.
fn share_audit(spaces: &mut Vec<Space<'_>>) {
    let roots = spaces
        .iter()
        .filter(|space| space.namespace.is_empty() && !space.is_only_audit());
    if roots.count() == 1 {
        let (loose, mut kept): (Vec<_>, Vec<_>) = std::mem::take(spaces)
            .into_iter()
            .partition(Space::is_only_audit);
        if let Some(root) = kept.iter_mut().find(|space| space.namespace.is_empty()) {
            root.audit
                .extend(loose.iter().flat_map(|space| &space.audit));
        }
        *spaces = kept;
    }
    let logs: Vec<(Sym, Vec<&Document>)> = spaces
        .iter()
        .filter(|space| space.namespace.is_empty() && !space.audit.is_empty())
        .map(|space| (space.tenant, space.audit.clone()))
        .collect();
    for space in spaces.iter_mut().filter(|one| !one.namespace.is_empty()) {
        for (root, documents) in &logs {
            let below = space.tenant.strip_prefix(root.as_str());
            if below.is_some_and(|rest| rest.starts_with('/')) {
                space.audit.extend(documents);
            }
        }
    }
}

fn cluster_name(space: &Space<'_>) -> Option<Sym> {
    let health = space
        .get("sys/health")
        .or_else(|| space.get("sys/seal-status"))?;
    text(&health.data, "cluster_name").map(Sym::new)
}

/// Base and API path of a document below `sys/`, `auth/` or `identity/`.
fn anchor(path: &str) -> Option<(String, String)> {
    let mut start = 0;
    for part in path.split('/') {
        let end = start + part.len();
        if matches!(part, "sys" | "auth" | "identity") && end < path.len() {
            return Some((
                path[..start].trim_end_matches('/').to_owned(),
                path[start..].to_owned(),
            ));
        }
        start = end + 1;
    }
    None
}

/// `dump/namespaces/team%2Fa` is the namespace `team/a/` of the vault in `dump`.
fn split_namespace(base: &str) -> (String, String) {
    let mut parts: Vec<&str> = base.split('/').collect();
    if parts.len() >= 2 && parts[parts.len() - 2] == "namespaces" {
        let name = decode(parts[parts.len() - 1]);
        parts.truncate(parts.len() - 2);
        return (parts.join("/"), format!("{}/", name.trim_matches('/')));
    }
    (base.to_owned(), String::new())
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn read<'a>(space: &mut Space<'a>, document: &'a Document, api: &str) {
    let stem = api.rsplit_once('.').map_or(api, |(stem, _)| stem);
    match document.kind {
        kinds::AUDIT => space.audit.push(document),
        kinds::POLICY => space.policies.push(PolicyText {
            name: policy_name(stem),
            text: String::from_utf8_lossy(&document.text).into_owned(),
            file: document.file,
            verbatim: true,
        }),
        kinds::ANSWERS => {
            let mut answers = Vec::new();
            for (number, line) in document.text.split(|&byte| byte == b'\n').enumerate() {
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let location = at_line(document.file, number + 1);
                match open(line) {
                    Ok((data, about)) => answers.push(Answer {
                        data,
                        about,
                        location,
                    }),
                    Err(reason) => space.unusable.push(Unusable {
                        api_path: stem.to_owned(),
                        reason,
                        location,
                    }),
                }
            }
            space
                .bundles
                .entry(stem.to_owned())
                .or_default()
                .extend(answers);
        }
        _ => {
            let location = Location::start_of(document.file);
            match open(&document.text) {
                Ok((data, about)) => {
                    let policy = ["sys/policies/acl/", "sys/policy/"]
                        .into_iter()
                        .any(|place| stem.starts_with(place))
                        .then(|| text(&data, "policy").or_else(|| text(&data, "rules")))
                        .flatten();
                    if let Some(policy) = policy {
                        space.policies.push(PolicyText {
                            name: text(&data, "name")
                                .map_or_else(|| policy_name(stem), str::to_owned),
                            text: policy.to_owned(),
                            file: document.file,
                            verbatim: false,
                        });
                    } else {
                        let answer = Answer {
                            data,
                            about,
                            location,
                        };
                        space.answers.insert(stem.to_owned(), answer);
                    }
                }
                Err(reason) => space.unusable.push(Unusable {
                    api_path: stem.to_owned(),
                    reason,
                    location,
                }),
            }
        }
    }
}

/// The name of a policy after its file: the path below `sys/policies/acl/`, else the
/// last part.
fn policy_name(stem: &str) -> String {
    ["sys/policies/acl/", "sys/policy/"]
        .into_iter()
        .find_map(|place| stem.strip_prefix(place))
        .unwrap_or_else(|| stem.rsplit('/').next().unwrap_or(stem))
        .to_owned()
}

fn at_line(file: Sym, line: usize) -> Location {
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    Location {
        file,
        line,
        column: 1,
        end_line: line,
        end_column: 2,
    }
}

/// Takes an answer out of its envelope.
fn open(text: &[u8]) -> Result<(Json, Option<String>), String> {
    let mut answer: Json =
        serde_json::from_slice(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let about = answer.get("path").and_then(Json::as_str).map(str::to_owned);
    if let Some(errors) = answer.get("errors").and_then(Json::as_array) {
        let words: Vec<&str> = errors.iter().filter_map(Json::as_str).collect();
        return Err(if words.is_empty() {
            "the server answered that it is not there".to_owned()
        } else {
            format!("the server answered: {}", words.join("; "))
        });
    }
    if !answer.is_object() {
        return Err("it is not an API answer".to_owned());
    }
    match answer.get_mut("data") {
        Some(data) if data.is_object() => Ok((data.take(), about)),
        _ => Ok((answer, about)),
    }
}

/// A text that is not empty.
pub(super) fn text<'j>(data: &'j Json, key: &str) -> Option<&'j str> {
    data.get(key)
        .and_then(Json::as_str)
        .filter(|text| !text.is_empty())
}

/// A list of texts, or one text with commas.
pub(super) fn strings<'j>(data: &'j Json, key: &str) -> Vec<&'j str> {
    match data.get(key) {
        Some(Json::Array(list)) => list.iter().filter_map(Json::as_str).collect(),
        Some(Json::String(text)) => text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect(),
        _ => Vec::new(),
    }
}

/// The first of several spellings of a list that is there.
pub(super) fn strings_of<'j>(data: &'j Json, keys: &[&str]) -> Vec<&'j str> {
    keys.iter()
        .map(|key| strings(data, key))
        .find(|list| !list.is_empty())
        .unwrap_or_default()
}

/// True or false.
pub(super) fn flag(data: &Json, key: &str) -> Option<bool> {
    data.get(key).and_then(Json::as_bool)
}

/// A whole number.
pub(super) fn number(data: &Json, key: &str) -> Option<i64> {
    match data.get(key)? {
        Json::String(text) => text.parse().ok(),
        value => value.as_i64(),
    }
}

/// A length of time: seconds, or Vault's text form.
pub(super) fn length(data: &Json, key: &str) -> Option<SignedDuration> {
    match data.get(key)? {
        Json::Number(number) => number.as_i64().map(SignedDuration::from_secs),
        Json::String(text) => duration(text),
        _ => None,
    }
}

/// The first of several spellings of a length of time that is there.
pub(super) fn length_of(data: &Json, keys: &[&str]) -> Option<SignedDuration> {
    keys.iter().find_map(|key| length(data, key))
}

/// A point in time: RFC 3339, or seconds since 1970. Go's zero time is none.
pub(super) fn time(data: &Json, key: &str) -> Option<Timestamp> {
    moment(data.get(key)?)
}

/// See [`time`].
pub(super) fn moment(value: &Json) -> Option<Timestamp> {
    match value {
        Json::Number(number) => Timestamp::from_second(number.as_i64()?).ok(),
        Json::String(text) if text.starts_with("0001-") => None,
        Json::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn document(path: &str, kind: &'static str, text: &str) -> Document {
        Document {
            system: crate::model::System::Vault,
            kind,
            tenant: None,
            path: Sym::new(path),
            file: Sym::new(path),
            text: Arc::from(text.as_bytes()),
        }
    }

    #[test]
    fn documents_find_their_namespace() {
        let documents = [
            document(
                "dump/sys/health.json",
                kinds::ANSWER,
                r#"{"initialized":true,"sealed":false,"cluster_name":"prod"}"#,
            ),
            document(
                "dump/database/roles/ro.json",
                kinds::ANSWER,
                r#"{"data":{"db_name":"x"}}"#,
            ),
            document(
                "dump/namespaces/team%2Fa/sys/policies/acl/x%2Fy.hcl",
                kinds::POLICY,
                "path \"a\" {}",
            ),
            document(
                "dump/sys/audit.json",
                kinds::ANSWER,
                r#"{"errors":["permission denied"]}"#,
            ),
        ];
        let all: Vec<&Document> = documents.iter().collect();
        let spaces = spaces(&all);
        assert_eq!(spaces.len(), 2);
        assert_eq!(spaces[0].tenant, "prod");
        assert!(spaces[0].get("database/roles/ro").is_some());
        assert_eq!(
            spaces[0].unusable[0].reason,
            "the server answered: permission denied"
        );
        assert_eq!(spaces[1].tenant, "prod/team/a");
        assert_eq!(spaces[1].namespace, "team/a/");
        assert_eq!(spaces[1].policies[0].name, "x/y");
    }

    #[test]
    fn a_log_by_itself_is_of_the_only_vault() {
        let log = r#"{"time":"2026-01-01T00:00:00Z","type":"request","request":{}}"#;
        let health = r#"{"initialized":true,"sealed":false,"cluster_name":"prod"}"#;
        let mut documents = vec![
            document("audit.jsonl", kinds::AUDIT, log),
            document("dump/sys/health.json", kinds::ANSWER, health),
            document("dump/namespaces/team/sys/auth.json", kinds::ANSWER, "{}"),
        ];
        let audits = |documents: &[Document]| -> Vec<(&'static str, usize)> {
            let all: Vec<&Document> = documents.iter().collect();
            let of = |space: &Space<'_>| (space.tenant.as_str(), space.audit.len());
            spaces(&all).iter().map(of).collect()
        };
        assert_eq!(audits(&documents), [("prod", 1), ("prod/team", 1)]);
        // Of two vaults it could be either's.
        let other = health.replace("prod", "lab");
        documents.push(document("other/sys/health.json", kinds::ANSWER, &other));
        assert!(audits(&documents).contains(&("prod", 0)));
    }

    #[test]
    fn values_in_their_spellings() {
        let data = serde_json::json!({"a": "x, y", "b": ["z"], "t": "1h", "n": 90, "zero": "0001-01-01T00:00:00Z"});
        assert_eq!(strings(&data, "a"), ["x", "y"]);
        assert_eq!(strings_of(&data, &["none", "b"]), ["z"]);
        assert_eq!(length(&data, "t").map(|t| t.as_secs()), Some(3_600));
        assert_eq!(length(&data, "n").map(|t| t.as_secs()), Some(90));
        assert_eq!(time(&data, "zero"), None);
    }
}
