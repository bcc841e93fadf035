//! Published standards that rules refer to, from `rules/standards.yaml`.
//!
//! The file lists each standard with its version and the exact ids and names of the
//! entries that rules use. A rule that names an id the file does not have does not
//! load, so a report never cites a control that does not exist.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::diagnostic::{Problem, RuleErrors, Source, did_you_mean};
use super::node::{Node, Yaml, read};
use crate::model::Reference;

const TEXT: &str = include_str!("../../rules/standards.yaml");

/// The standards rules may refer to.
#[derive(Debug, Default)]
pub(super) struct Standards(BTreeMap<String, Standard>);

#[derive(Debug)]
struct Standard {
    taxonomy: String,
    version: String,
    url: Option<String>,
    /// Address of one entry, with `{id}` for its id.
    entry_url: Option<String>,
    entries: BTreeMap<String, String>,
}

impl Standards {
    /// Those of `rules/standards.yaml`, read once.
    pub fn embedded() -> Result<&'static Standards, RuleErrors> {
        static EMBEDDED: OnceLock<Result<Standards, RuleErrors>> = OnceLock::new();
        EMBEDDED
            .get_or_init(|| Standards::parse(&Source::new("rules/standards.yaml", TEXT)))
            .as_ref()
            .map_err(Clone::clone)
    }

    pub fn parse(source: &Source) -> Result<Standards, RuleErrors> {
        let root = read(source).map_err(|problem| RuleErrors(vec![problem]))?;
        let mut problems = Vec::new();
        let mut all = BTreeMap::new();
        for item in root.get("standards").map_or(&[][..], Node::elements) {
            match standard(source, item) {
                Ok((key, standard)) => {
                    if all.insert(key, standard).is_some() {
                        let message = "this standard is listed twice";
                        problems.push(source.problem(item.at.clone(), message, "again"));
                    }
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(Standards(all))
        } else {
            Err(RuleErrors(problems))
        }
    }

    /// The entry a rule means by `STANDARD:ID`.
    ///
    /// # Errors
    /// What is wrong with it, and what may have been meant.
    pub fn find(&self, reference: &str) -> Result<Reference, (String, Option<String>)> {
        let Some((key, id)) = reference.split_once(':') else {
            let message = format!("`{reference}` is no reference");
            return Err((
                message,
                Some("write `STANDARD:ID`, as in `CWE:262`".to_owned()),
            ));
        };
        let Some(standard) = self.0.get(key) else {
            let keys: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let near = did_you_mean(key, keys.iter().copied());
            let help = near.unwrap_or_else(|| format!("standards are {}", keys.join(", ")));
            return Err((format!("unknown standard `{key}`"), Some(help)));
        };
        let Some(name) = standard.entries.get(id) else {
            let near = did_you_mean(id, standard.entries.keys().map(String::as_str));
            let add = format!("if it exists, add it under `{key}` to rules/standards.yaml");
            let message = format!("`{key}` has no entry `{id}`");
            return Err((
                message,
                Some(near.map_or(add.clone(), |near| format!("{near} {add}"))),
            ));
        };
        let url = match &standard.entry_url {
            // ATT&CK writes the dot of sub-techniques as a slash in addresses.
            Some(url) if standard.taxonomy == "ATTACK" => {
                Some(url.replace("{id}", &id.replace('.', "/")))
            }
            Some(url) => Some(url.replace("{id}", id)),
            None => standard.url.clone(),
        };
        Ok(Reference {
            standard: standard.taxonomy.clone(),
            version: standard.version.clone(),
            id: id.to_owned(),
            name: name.clone(),
            url,
        })
    }
}

fn standard(source: &Source, item: &Node) -> Result<(String, Standard), Problem> {
    const KEYS: [&str; 7] = [
        "key",
        "taxonomy",
        "version",
        "name",
        "url",
        "entry_url",
        "entries",
    ];
    let Yaml::Map(map) = &item.kind else {
        return Err(source.problem(item.at.clone(), "expected a standard", "not a mapping"));
    };
    if let Some((key, _)) = map
        .iter()
        .find(|(key, _)| !KEYS.contains(&key.name.as_str()))
    {
        let message = format!("unknown key `{}`", key.name);
        let problem = source.problem(key.at.clone(), message, "not part of a standard");
        return Err(problem.help(format!("keys are {}", KEYS.join(", "))));
    }
    let text = |name: &str| match item.get(name).map(|node| (&node.kind, node)) {
        Some((Yaml::Text(text), _)) => Ok(Some(text.clone())),
        Some((_, node)) => {
            let message = format!("`{name}` is a text; put it in quotes");
            Err(source.problem(node.at.clone(), message, "not a text"))
        }
        None => Ok(None),
    };
    let needed = |name: &str| {
        text(name)?.ok_or_else(|| {
            let message = format!("this standard has no `{name}`");
            source.problem(item.at.clone(), message, "incomplete")
        })
    };
    let mut entries = BTreeMap::new();
    if let Some(Yaml::Map(map)) = item.get("entries").map(|node| &node.kind) {
        for (key, value) in map {
            let Yaml::Text(name) = &value.kind else {
                return Err(source.problem(value.at.clone(), "a name is a text", "not a text"));
            };
            entries.insert(key.name.clone(), name.clone());
        }
    }
    needed("name")?;
    let standard = Standard {
        taxonomy: needed("taxonomy")?,
        version: needed("version")?,
        url: text("url")?,
        entry_url: text("entry_url")?,
        entries,
    };
    Ok((needed("key")?, standard))
}
