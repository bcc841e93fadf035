//! What the values of a template give: intrinsic functions, and names and ARNs of its
//! resources.

use std::collections::BTreeMap;

use super::super::iam::{ACCOUNT, Kind};
use super::super::kubernetes_document::{Data, Node, Source};
use crate::model::Location;

/// Deeper nesting of functions is taken as unresolved.
const MAX_DEPTH: usize = 32;

/// A text, and the expressions in it that only the deployment knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub text: String,
    pub open: Vec<String>,
}

impl Text {
    fn known(text: impl Into<String>) -> Self {
        Text {
            text: text.into(),
            open: Vec::new(),
        }
    }

    fn open(what: impl Into<String>) -> Self {
        let what = what.into();
        Text {
            text: format!("{{{what}}}"),
            open: vec![what],
        }
    }

    fn push(&mut self, other: Text) {
        self.text.push_str(&other.text);
        self.open.extend(other.open);
    }
}

/// A template, as far as its values depend on it.
pub(super) struct Template<'t> {
    pub resources: BTreeMap<&'t str, &'t Node<'t>>,
    pub parameters: Option<&'t Node<'t>>,
    pub mappings: Option<&'t Node<'t>>,
    pub source: &'t Source<'t>,
    pub tenant: String,
}

impl<'t> Template<'t> {
    /// Where a resource stands: its `Type`, for it has no line of its own in a map.
    pub fn place(&self, resource: &Node<'_>) -> Location {
        let kind = resource.get("Type").unwrap_or(resource);
        self.source.locate(kind)
    }

    /// The kind of principal a resource is, and its name.
    pub fn principal(&self, id: &str) -> Option<(Kind, String)> {
        let resource = self.resources.get(id)?;
        let (kind, attribute) = match resource.text_of("Type")? {
            "AWS::IAM::Role" => (Kind::Role, "RoleName"),
            "AWS::IAM::User" => (Kind::User, "UserName"),
            "AWS::IAM::Group" => (Kind::Group, "GroupName"),
            _ => return None,
        };
        Some((kind, self.name(id, resource, attribute)))
    }

    pub fn name(&self, id: &str, resource: &Node<'_>, attribute: &str) -> String {
        let given = resource.at(&["Properties", attribute]);
        // A name may be made of anything but itself.
        let given = given.and_then(|node| self.text(node, MAX_DEPTH / 2));
        given.map_or_else(|| id.to_owned(), |text| text.text)
    }

    pub fn arn(&self, id: &str) -> Option<String> {
        if let Some((kind, name)) = self.principal(id) {
            let path = self.resources.get(id)?.at(&["Properties", "Path"]);
            let path = path.and_then(Node::text).unwrap_or("/");
            return Some(format!(
                "arn:aws:iam::{ACCOUNT}:{}{path}{name}",
                kind.word()
            ));
        }
        let resource = self.resources.get(id)?;
        match resource.text_of("Type")? {
            "AWS::IAM::ManagedPolicy" => {
                let name = self.name(id, resource, "ManagedPolicyName");
                Some(format!("arn:aws:iam::{ACCOUNT}:policy/{name}"))
            }
            "AWS::SSO::PermissionSet" => {
                let name = self.name(id, resource, "Name");
                Some(format!("arn:aws:sso:::permissionSet/{name}"))
            }
            _ => None,
        }
    }

    /// What `Ref` gives.
    fn reference(&self, name: &str) -> Option<Text> {
        Some(match name {
            "AWS::NoValue" => return None,
            "AWS::AccountId" => Text::known(ACCOUNT),
            "AWS::Partition" => Text::known("aws"),
            "AWS::URLSuffix" => Text::known("amazonaws.com"),
            pseudo if pseudo.starts_with("AWS::") => Text::known(format!("{{{pseudo}}}")),
            name if self.parameters.is_some_and(|all| all.get(name).is_some()) => Text::open(name),
            name => match self.resources.get(name).and_then(|one| one.text_of("Type")) {
                Some("AWS::IAM::ManagedPolicy") => Text::known(self.arn(name).unwrap_or_default()),
                Some(_) => match self.principal(name) {
                    Some((_, name)) => Text::known(name),
                    None => Text::known(format!("{{{name}}}")),
                },
                None => Text::open(name),
            },
        })
    }

    /// What `Fn::GetAtt` gives.
    fn attribute(&self, id: &str, attribute: &str) -> Text {
        if matches!(attribute, "Arn" | "PermissionSetArn")
            && let Some(arn) = self.arn(id)
        {
            return Text::known(arn);
        }
        let whole = format!("{id}.{attribute}");
        if self.resources.contains_key(id) {
            Text::known(format!("{{{whole}}}"))
        } else {
            Text::open(whole)
        }
    }

    /// The text a value gives; `None` for `AWS::NoValue` and what is no text.
    pub fn text(&self, node: &Node<'_>, depth: usize) -> Option<Text> {
        if let Data::Scalar(text) = &node.data {
            return (!node.is_null()).then(|| Text::known(text.as_ref()));
        }
        let [(function, argument)] = node.pairs() else {
            return None;
        };
        let function = function.as_ref();
        if depth >= MAX_DEPTH {
            return Some(Text::open(function));
        }
        match function {
            "Ref" => self.reference(argument.text().unwrap_or_default()),
            "Fn::GetAtt" => Some(match (argument.text(), argument.items()) {
                (Some(text), _) => {
                    let (id, attribute) = text.split_once('.').unwrap_or((text, ""));
                    self.attribute(id, attribute)
                }
                (None, [id, attribute]) => self.attribute(
                    id.text().unwrap_or_default(),
                    attribute.text().unwrap_or("?"),
                ),
                _ => Text::open("Fn::GetAtt"),
            }),
            "Fn::Sub" => Some(match (argument.text(), argument.items()) {
                (Some(text), _) => self.substitute(text, None, depth),
                (None, [text, values]) => {
                    self.substitute(text.text().unwrap_or_default(), Some(values), depth)
                }
                _ => Text::open("Fn::Sub"),
            }),
            "Fn::Join" => {
                let [by, parts] = argument.items() else {
                    return Some(Text::open("Fn::Join"));
                };
                let by = by.text().unwrap_or_default();
                if parts.items().is_empty() {
                    return Some(Text::open(written(parts)));
                }
                let mut joined = Text::default();
                for (at, part) in parts.items().iter().enumerate() {
                    if at > 0 {
                        joined.text.push_str(by);
                    }
                    if let Some(part) = self.text(part, depth + 1) {
                        joined.push(part);
                    }
                }
                Some(joined)
            }
            "Fn::FindInMap" => Some(
                self.find(argument)
                    .unwrap_or_else(|| Text::open(written(node))),
            ),
            name if name == "Condition" || name.starts_with("Fn::") => {
                Some(Text::open(written(node)))
            }
            _ => None,
        }
    }

    /// A mapping whose keys are written out.
    fn find(&self, argument: &Node<'_>) -> Option<Text> {
        let [map, first, second] = argument.items() else {
            return None;
        };
        let path = [map.text()?, first.text()?, second.text()?];
        self.mappings?.at(&path)?.text().map(Text::known)
    }

    fn substitute(&self, template: &str, values: Option<&Node<'_>>, depth: usize) -> Text {
        let mut made = Text::default();
        let mut rest = template;
        while let Some(start) = rest.find("${") {
            made.text.push_str(&rest[..start]);
            let inside = &rest[start + 2..];
            let Some(end) = inside.find('}') else {
                made.text.push_str(&rest[start..]);
                return made;
            };
            let name = inside[..end].trim();
            rest = &inside[end + 1..];
            if let Some(literal) = name.strip_prefix('!') {
                made.text.push_str(&format!("${{{literal}}}"));
            } else if let Some(value) = values.and_then(|values| values.get(name)) {
                made.push(self.text(value, depth + 1).unwrap_or_default());
            } else if let Some((id, attribute)) = name.split_once('.') {
                made.push(self.attribute(id, attribute));
            } else {
                made.push(self.reference(name).unwrap_or_default());
            }
        }
        made.text.push_str(rest);
        made
    }

    /// What a value may turn out to be, and under which conditions of the template.
    fn options<'n>(&self, node: &'n Node<'n>, depth: usize) -> Vec<(&'n Node<'n>, Vec<String>)> {
        let no_value = |node: &Node<'_>| {
            matches!(node.pairs(), [(name, argument)]
                if name == "Ref" && argument.text() == Some("AWS::NoValue"))
        };
        match node.pairs() {
            _ if no_value(node) => Vec::new(),
            [(name, argument)] if name == "Fn::If" && depth < MAX_DEPTH => {
                let [condition, then, otherwise] = argument.items() else {
                    return vec![(node, Vec::new())];
                };
                let condition = condition.text().unwrap_or("?");
                let mut all = Vec::new();
                for (branch, said) in [
                    (then, condition.to_owned()),
                    (otherwise, format!("not {condition}")),
                ] {
                    for (value, mut under) in self.options(branch, depth + 1) {
                        under.push(said.clone());
                        all.push((value, under));
                    }
                }
                all
            }
            _ => vec![(node, Vec::new())],
        }
    }

    /// The items of a list, or the one value, with what each may turn out to be.
    pub fn items<'n>(&self, node: &'n Node<'n>) -> Vec<(&'n Node<'n>, Vec<String>)> {
        let mut all = Vec::new();
        for (value, under) in self.options(node, 0) {
            if matches!(value.data, Data::List(_)) {
                for item in value.items() {
                    for (item, mut more) in self.options(item, 0) {
                        more.extend(under.iter().cloned());
                        all.push((item, more));
                    }
                }
            } else {
                all.push((value, under));
            }
        }
        all
    }

    pub fn texts(&self, node: &Node<'_>) -> Vec<Text> {
        self.items(node)
            .into_iter()
            .filter_map(|(item, under)| {
                let mut text = self.text(item, 0)?;
                text.open.extend(under);
                Some(text)
            })
            .collect()
    }
}

/// A call as people would write it, for messages and comparison.
fn written(node: &Node<'_>) -> String {
    match &node.data {
        Data::Scalar(text) => text.to_string(),
        Data::List(items) => items.iter().map(written).collect::<Vec<_>>().join(", "),
        Data::Map(pairs) => pairs
            .iter()
            .map(|(name, value)| {
                let name = name.strip_prefix("Fn::").unwrap_or(name);
                format!("!{name} {}", written(value))
            })
            .collect::<Vec<_>>()
            .join(", "),
    }
}
