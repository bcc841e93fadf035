//! The saved answers of one organisation, decoded item by item.
//!
//! Whatever cannot be read (missing, refused, cut short, not JSON) is told to [`Gaps`]
//! and the rest is used. `gh api --paginate` prints one array per list, or one object
//! after another where the answer wraps its list; `--slurp` puts pages into an array.
//! All of these are one list here.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::gaps::{Gaps, Why};
use super::graph::Envelope;
use crate::model::{LineIndex, Location, Sym};
use crate::snapshot::Document;
use crate::snapshot::github::{DOCUMENTS, DocumentKind, kind, place};

/// Something decoded, and where it stands.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands in the input.
    pub location: Location,
}

impl<T> std::ops::Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The documents of one organisation.
#[derive(Debug, Default)]
pub struct Files<'a> {
    /// The directory's name, used when no document names the organisation.
    pub folder: String,
    documents: FxHashMap<&'static str, BTreeMap<Vec<String>, Vec<&'a Document>>>,
}

/// Sorts documents by the organisation they belong to.
pub fn organisations<'a>(documents: &[&'a Document]) -> Vec<Files<'a>> {
    let mut all: BTreeMap<(Option<Sym>, String), Files<'a>> = BTreeMap::new();
    for document in documents {
        let Some(place) = place(&document.path) else {
            continue;
        };
        let files = all
            .entry((document.tenant, place.root.clone()))
            .or_insert_with(|| Files {
                folder: match document.tenant {
                    Some(tenant) => tenant.to_string(),
                    None => folder(document, &place.root),
                },
                ..Files::default()
            });
        files
            .documents
            .entry(DOCUMENTS[place.kind].name)
            .or_default()
            .entry(place.names)
            .or_default()
            .push(document);
    }
    all.into_values().collect()
}

/// The directory that holds the organisation's files.
fn folder(document: &Document, root: &str) -> String {
    if let Some(name) = root.rsplit('/').next().filter(|name| !name.is_empty()) {
        return name.to_owned();
    }
    document
        .file
        .strip_suffix(document.path.as_str())
        .and_then(|above| above.trim_end_matches('/').rsplit('/').next())
        .unwrap_or_default()
        .to_owned()
}

impl Files<'_> {
    /// Whether the document is there, readable or not.
    pub fn has(&self, name: &str, names: &[&str]) -> bool {
        self.find(name, names).is_some()
    }

    /// The names (of repositories, teams, …) under which documents of a kind are there.
    pub fn names(&self, name: &str) -> impl Iterator<Item = &[String]> {
        self.documents
            .get(name)
            .into_iter()
            .flat_map(|map| map.keys().map(Vec::as_slice))
    }

    fn find(&self, name: &str, names: &[&str]) -> Option<&[&Document]> {
        let map = self.documents.get(name)?;
        let key: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        map.get(&key).map(Vec::as_slice)
    }

    /// All items of a document. `None` when it was not seen, which is then a gap.
    pub fn list<T: DeserializeOwned>(
        &self,
        name: &'static str,
        names: &[&str],
        gaps: &mut Gaps,
    ) -> Option<Vec<Located<T>>> {
        let kind = kind(name)?;
        let Some(documents) = self.find(name, names) else {
            gaps.lacking(kind, names, Why::Missing);
            return None;
        };
        let mut all = Vec::new();
        let mut seen = false;
        for document in documents {
            match decode(kind, document) {
                Ok(page) => {
                    seen = true;
                    for why in page.problems {
                        gaps.lacking(kind, names, why);
                    }
                    all.extend(page.items);
                }
                Err(why) => gaps.lacking(kind, names, why),
            }
        }
        if seen {
            gaps.seen(kind, all.len());
        }
        seen.then_some(all)
    }

    /// A document that is one object.
    pub fn one<T: DeserializeOwned>(
        &self,
        name: &'static str,
        names: &[&str],
        gaps: &mut Gaps,
    ) -> Option<Located<T>> {
        self.list(name, names, gaps)?.into_iter().next()
    }

    /// Like [`Files::list`], for documents whose absence is no gap.
    pub fn list_if_there<T: DeserializeOwned>(
        &self,
        name: &'static str,
        names: &[&str],
        gaps: &mut Gaps,
    ) -> Option<Vec<Located<T>>> {
        if !self.has(name, names) {
            return None;
        }
        self.list(name, names, gaps)
    }

    /// The pages of a GraphQL document; its errors are gaps.
    pub fn graph(&self, name: &'static str, gaps: &mut Gaps) -> Vec<Located<Envelope>> {
        let Some(kind) = kind(name) else {
            return Vec::new();
        };
        let pages: Vec<Located<Envelope>> = self.list_if_there(name, &[], gaps).unwrap_or_default();
        for page in &pages {
            for error in &page.errors {
                gaps.lacking(
                    kind,
                    &[],
                    Why::Graph {
                        kind: error.kind.clone().unwrap_or_default(),
                        message: error.message.clone(),
                        path: error
                            .path
                            .iter()
                            .map(|part| {
                                part.as_str()
                                    .map_or_else(|| part.to_string(), str::to_owned)
                            })
                            .collect::<Vec<_>>()
                            .join("."),
                    },
                );
            }
        }
        pages
    }

    /// The start of a document, for facts that belong to it as a whole.
    pub fn location(&self, name: &str, names: &[&str]) -> Option<Location> {
        self.find(name, names)?
            .first()
            .map(|document| Location::start_of(document.file))
    }
}

/// What a file holds.
struct Page<T> {
    items: Vec<Located<T>>,
    problems: Vec<Why>,
}

/// An answer that says why there is none.
#[derive(Deserialize)]
struct Refusal {
    message: Option<String>,
    documentation_url: Option<String>,
    #[serde(default)]
    status: Option<serde_json::Value>,
}

fn decode<T: DeserializeOwned>(kind: &DocumentKind, document: &Document) -> Result<Page<T>, Why> {
    let text = std::str::from_utf8(&document.text).map_err(|_| Why::Broken {
        message: "not UTF-8".to_owned(),
    })?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('<') {
        return Err(Why::Html);
    }
    let mut raws: Vec<&RawValue> = Vec::new();
    let mut problems = Vec::new();
    let mut announced: Option<u64> = None;
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    for value in &mut stream {
        match value {
            // A list may end in the reason why it does not go on.
            Ok(raw) => {
                if let Err(why) = expand(kind, raw, &mut raws, &mut announced, 0) {
                    problems.push(why);
                    break;
                }
            }
            Err(error) if raws.is_empty() => {
                return Err(Why::Broken {
                    message: format!("{}: {error}", document.file),
                });
            }
            // What stands before the break is whole and is used.
            Err(error) => {
                problems.push(Why::Broken {
                    message: format!("{}: {error}", document.file),
                });
                break;
            }
        }
    }
    if let Some(total) = announced
        && (raws.len() as u64) < total
    {
        problems.push(Why::CutShort {
            announced: total,
            present: raws.len() as u64,
        });
    }
    let lines = LineIndex::new(text.as_bytes());
    let mut items = Vec::with_capacity(raws.len());
    for raw in raws {
        let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
        let first_line = raw.get().lines().next().map_or(1, str::len).max(1);
        let location = lines.locate(document.file, text.as_bytes(), start..start + first_line);
        match serde_json::from_str(raw.get()) {
            Ok(value) => items.push(Located { value, location }),
            Err(error) => problems.push(Why::Broken {
                message: format!("{}:{}: {error}", location.file, location.line),
            }),
        }
    }
    match problems.first() {
        Some(why) if items.is_empty() => Err(why.clone()),
        _ => Ok(Page { items, problems }),
    }
}

/// Adds the items of one value: a page, a page of pages, an object or a refusal.
fn expand<'t>(
    kind: &DocumentKind,
    raw: &'t RawValue,
    into: &mut Vec<&'t RawValue>,
    announced: &mut Option<u64>,
    depth: usize,
) -> Result<(), Why> {
    let broken = |error: serde_json::Error| Why::Broken {
        message: error.to_string(),
    };
    let text = raw.get();
    if text.starts_with('[') && depth < 2 {
        let parts: Vec<&RawValue> = serde_json::from_str(text).map_err(broken)?;
        for part in parts {
            expand(kind, part, into, announced, depth + 1)?;
        }
        return Ok(());
    }
    if let Some(list) = kind.list {
        let members: BTreeMap<std::borrow::Cow<'t, str>, &'t RawValue> =
            serde_json::from_str(text).map_err(broken)?;
        if let Some(items) = members.get(list) {
            if let Some(total) = members
                .get("total_count")
                .and_then(|raw| raw.get().parse().ok())
            {
                *announced = Some(announced.unwrap_or(0).max(total));
            }
            let items: Vec<&RawValue> = serde_json::from_str(items.get()).map_err(broken)?;
            into.extend(items);
            return Ok(());
        }
    }
    if let Ok(Refusal {
        message: Some(message),
        documentation_url,
        status,
    }) = serde_json::from_str(text)
        && (documentation_url.is_some() || status.is_some() || kind.list.is_some())
    {
        let status = status
            .as_ref()
            .and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        return Err(Why::refused(status, &message));
    }
    into.push(raw);
    Ok(())
}
