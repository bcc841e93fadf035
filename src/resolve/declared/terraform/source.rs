//! Where the resources of a plan are written: blocks of Terraform's own files.

use std::collections::BTreeMap;

use hcl_edit::Span as _;
use hcl_edit::structure::{Block, Body};

use crate::model::{LineIndex, Location, Sym};
use crate::snapshot::Document;

/// Calls of modules nest no deeper.
const MAX_DEPTH: usize = 32;

/// A block and its attributes.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub block: Option<Location>,
    pub attributes: BTreeMap<String, Location>,
}

/// One directory of Terraform files: a module.
#[derive(Debug, Default)]
struct Module {
    /// Resources by `type.name`.
    resources: BTreeMap<String, Place>,
    /// Calls by name: the directory called, where it is a local one, and the block.
    calls: BTreeMap<String, (Option<String>, Place)>,
}

/// All Terraform files beside a plan.
#[derive(Debug, Default)]
pub(super) struct Sources {
    modules: BTreeMap<String, Module>,
    root: String,
}

impl Sources {
    /// Reads the files; one that cannot be read gives no places.
    pub fn read(documents: &[&Document], plan: Sym) -> Self {
        let mut sources = Sources::default();
        for document in documents {
            let Ok(text) = std::str::from_utf8(&document.text) else {
                continue;
            };
            let body = match hcl_edit::parser::parse_body(text) {
                Ok(body) => body,
                Err(error) => {
                    tracing::warn!("{}: not read as Terraform: {error}", document.file);
                    continue;
                }
            };
            let folder = folder(&document.file);
            let module = sources.modules.entry(folder.clone()).or_default();
            module.add(document.file, text, &folder, &body);
        }
        let beside = folder(&plan);
        let shortest = || {
            let folders = sources.modules.keys();
            folders
                .min_by_key(|folder| {
                    (
                        folder.matches('/').count() + usize::from(!folder.is_empty()),
                        *folder,
                    )
                })
                .cloned()
        };
        sources.root = if sources.modules.contains_key(&beside) {
            beside
        } else {
            shortest().unwrap_or_default()
        };
        sources
    }

    /// Where the block of a plain address stands; where its module is not here, the
    /// call of the module.
    pub fn place(&self, address: &str) -> Place {
        let mut folder = self.root.clone();
        let mut rest = address;
        let mut called = Place::default();
        for _ in 0..MAX_DEPTH {
            let Some(module) = self.modules.get(&folder) else {
                return called;
            };
            let Some(inner) = rest.strip_prefix("module.") else {
                let found = module.resources.get(rest).cloned();
                return found.unwrap_or(called);
            };
            let Some((name, inner)) = inner.split_once('.') else {
                return called;
            };
            let Some((target, place)) = module.calls.get(name) else {
                return called;
            };
            // The outermost call is the one in the files at hand.
            if called.block.is_none() {
                called.block = place.block;
            }
            match target {
                Some(target) => folder.clone_from(target),
                None => return called,
            }
            rest = inner;
        }
        called
    }
}

impl Module {
    fn add(&mut self, file: Sym, text: &str, folder: &str, body: &Body) {
        let lines = LineIndex::new(text.as_bytes());
        for block in body.blocks() {
            let labels: Vec<&str> = block.labels.iter().map(|label| label.as_str()).collect();
            match (block.ident.as_str(), labels.as_slice()) {
                ("resource", [kind, name]) => {
                    let place = place(file, text, &lines, block);
                    self.resources.insert(format!("{kind}.{name}"), place);
                }
                ("module", [name]) => {
                    let source = block.body.get_attribute("source");
                    let source = source.and_then(|source| source.value.as_str());
                    let local = source.filter(|source| source.starts_with('.'));
                    let target = local.map(|source| join(folder, source));
                    let place = place(file, text, &lines, block);
                    self.calls.insert((*name).to_owned(), (target, place));
                }
                _ => {}
            }
        }
    }
}

fn place(file: Sym, text: &str, lines: &LineIndex, block: &Block) -> Place {
    // A block's span takes in what stands before it on its line and above.
    let header = |range: std::ops::Range<usize>| {
        let start = text.get(range.clone()).map_or(range.start, |part| {
            range.start + (part.len() - part.trim_start().len())
        });
        let line = text.get(start..).and_then(|rest| rest.lines().next());
        let end = start + line.map_or(1, str::len).max(1);
        lines.locate(file, text.as_bytes(), start..end)
    };
    let mut attributes = BTreeMap::new();
    for attribute in block.body.attributes() {
        if let Some(span) = attribute.span() {
            attributes.insert(attribute.key.as_str().to_owned(), header(span));
        }
    }
    for inner in block.body.blocks() {
        if let Some(span) = inner.span() {
            let name = inner.ident.as_str().to_owned();
            attributes.entry(name).or_insert_with(|| header(span));
        }
    }
    let block = block.ident.span().or_else(|| block.span()).map(header);
    Place { block, attributes }
}

fn folder(file: &str) -> String {
    file.rsplit_once('/')
        .map_or(String::new(), |(folder, _)| folder.to_owned())
}

/// `modules/../x/./y` without detours.
fn join(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let mut above = String::new();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    above.push_str("../");
                }
            }
            part => parts.push(part),
        }
    }
    let absolute = if folder.starts_with('/') { "/" } else { "" };
    format!("{absolute}{above}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::System;

    fn file(name: &str, text: &str) -> Document {
        Document {
            system: System::Aws,
            kind: crate::snapshot::declared::SOURCE,
            tenant: None,
            path: Sym::new(name),
            file: Sym::new(name),
            text: Arc::from(text.as_bytes()),
        }
    }

    #[test]
    fn addresses_lead_to_lines() {
        let root = file(
            "live/main.tf",
            "# é\nlocals { a = 1 }\n\nresource \"aws_iam_role\" \"r\" {\n  name = \"r\"\n  inline_policy {\n    name = \"p\"\n  }\n}\n\
             module \"team\" {\n  source = \"../modules/team\"\n}\nmodule \"far\" { source = \"org/far/aws\" }\n",
        );
        let team = file(
            "modules/team/main.tf",
            "resource \"aws_iam_user\" \"u\" {\n  for_each = var.x\n  name = each.key\n}\n",
        );
        let broken = file("live/broken.tf", "resource {{{");
        let sources = Sources::read(&[&root, &team, &broken], Sym::new("live/plan.json"));
        let line = |address: &str| {
            let block = sources.place(address).block?;
            Some((block.file.to_string(), block.line, block.column))
        };
        let at = |file: &str, line| Some((file.to_owned(), line, 1));
        assert_eq!(line("aws_iam_role.r"), at("live/main.tf", 4));
        assert_eq!(
            line("module.team.aws_iam_user.u"),
            at("modules/team/main.tf", 1)
        );
        assert_eq!(line("module.far.aws_iam_user.u"), at("live/main.tf", 13));
        assert_eq!(line("aws_iam_role.none"), None);
        let place = sources.place("aws_iam_role.r");
        assert_eq!(place.attributes["name"].line, 5);
        assert_eq!(place.attributes["inline_policy"].line, 6);
    }
}
