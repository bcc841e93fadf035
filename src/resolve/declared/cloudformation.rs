//! IAM resources of CloudFormation templates.
//!
//! Source: CloudFormation User Guide, "Intrinsic function reference" and the reference
//! of the `AWS::IAM::*` and `AWS::SSO::*` types. A function whose value follows from the
//! template alone is resolved; a resource without a name of its own is called by its
//! logical id, in braces where it stands inside other text. What only the deployment
//! knows (a parameter, an import, a mapping by region) is not guessed: an action or
//! resource that depends on it is taken as any, under the condition that the expression
//! turns out so, and the verdict is conditional.

use std::collections::BTreeMap;

use super::iam::{ACCOUNT, Account, Assignment, Kind, Policy};
use super::kubernetes_document::{Data, Node, Source, parse};
use super::text::Made;
use super::{Declared, iam};
use crate::model::{Credential, Location, System};
use crate::snapshot::Document;

/// Types that are read.
const KINDS: &[&str] = &[
    "AWS::IAM::AccessKey",
    "AWS::IAM::Group",
    "AWS::IAM::GroupPolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::User",
    "AWS::IAM::UserPolicy",
    "AWS::IAM::UserToGroupAddition",
    "AWS::SSO::Assignment",
    "AWS::SSO::PermissionSet",
];
/// Types that may grant something and are not read.
const UNREAD: &[&str] = &[
    "AWS::CloudFormation::Macro",
    "AWS::CloudFormation::Stack",
    "AWS::Serverless::Function",
    "AWS::Serverless::StateMachine",
];
/// Deeper nesting of functions is taken as unresolved.
const MAX_DEPTH: usize = 32;
/// The condition key under which unresolved expressions stand.
const UNRESOLVED: &str = "cloudformation:unresolved";

/// A text, and the expressions in it that only the deployment knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Text {
    text: String,
    open: Vec<String>,
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

struct Template<'t> {
    resources: BTreeMap<&'t str, &'t Node<'t>>,
    parameters: Option<&'t Node<'t>>,
    mappings: Option<&'t Node<'t>>,
    source: &'t Source<'t>,
    tenant: String,
}

/// Reads one template.
pub(super) fn read(document: &Document, into: &mut Declared) {
    let Ok(text) = std::str::from_utf8(&document.text) else {
        return into.problem(document.file, "not UTF-8 text");
    };
    let source = Source::new(document.file, text);
    let (documents, errors) = parse(text);
    if let Some(error) = errors.first() {
        let at = source.locate_error(error);
        let message = format!("{}:{}: {}", at.line, at.column, error.message);
        return into.problem(document.file, &message);
    }
    let Some(root) = documents.first() else {
        return into.problem(document.file, "the template is empty");
    };
    let resources: BTreeMap<&str, &Node<'_>> = root
        .pairs_of("Resources")
        .iter()
        .map(|(name, node)| (name.as_ref(), node))
        .collect();
    let mut unread: Vec<&str> = resources
        .values()
        .filter_map(|resource| {
            UNREAD
                .iter()
                .find(|kind| resource.text_of("Type") == Some(**kind))
        })
        .copied()
        .collect();
    if resources.keys().any(|name| name.starts_with("Fn::")) || root.get("Transform").is_some() {
        unread.push("whatever a transform makes");
    }
    unread.sort_unstable();
    unread.dedup();
    let template = Template {
        resources,
        parameters: root.get("Parameters"),
        mappings: root.get("Mappings"),
        source: &source,
        tenant: document.file.to_string(),
    };
    let mut account = Account::new(ACCOUNT);
    for first in [true, false] {
        for (id, resource) in &template.resources {
            let kind = resource.text_of("Type").unwrap_or_default();
            let principal = matches!(
                kind,
                "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group" | "AWS::SSO::PermissionSet"
            );
            if KINDS.contains(&kind) && principal == first {
                Reader {
                    template: &template,
                    id,
                    resource,
                    at: Some(template.place(id, resource)),
                    account: &mut account,
                    into: &mut *into,
                }
                .read(kind);
            }
        }
    }
    into.account(account, &template.tenant);
    if !unread.is_empty() {
        into.unread(document.file, &unread);
    }
}

impl<'t> Template<'t> {
    /// Where a resource stands: its `Type`, for it has no line of its own in a map.
    fn place(&self, _id: &str, resource: &Node<'_>) -> Location {
        let kind = resource.get("Type").unwrap_or(resource);
        self.source.locate(kind)
    }

    /// The kind of principal a resource is, and its name.
    fn principal(&self, id: &str) -> Option<(Kind, String)> {
        let resource = self.resources.get(id)?;
        let (kind, attribute) = match resource.text_of("Type")? {
            "AWS::IAM::Role" => (Kind::Role, "RoleName"),
            "AWS::IAM::User" => (Kind::User, "UserName"),
            "AWS::IAM::Group" => (Kind::Group, "GroupName"),
            _ => return None,
        };
        Some((kind, self.name(id, resource, attribute)))
    }

    fn name(&self, id: &str, resource: &Node<'_>, attribute: &str) -> String {
        let given = resource.at(&["Properties", attribute]);
        // A name may be made of anything but itself.
        let given = given.and_then(|node| self.text(node, MAX_DEPTH / 2));
        given.map_or_else(|| id.to_owned(), |text| text.text)
    }

    fn arn(&self, id: &str) -> Option<String> {
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
    fn text(&self, node: &Node<'_>, depth: usize) -> Option<Text> {
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
    fn items<'n>(&self, node: &'n Node<'n>) -> Vec<(&'n Node<'n>, Vec<String>)> {
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

    fn texts(&self, node: &Node<'_>) -> Vec<Text> {
        self.items(node)
            .into_iter()
            .filter_map(|(item, under)| {
                let mut text = self.text(item, 0)?;
                text.open.extend(under);
                Some(text)
            })
            .collect()
    }

    /// A policy document, resolved.
    fn document(&self, node: &Node<'_>) -> Made {
        let mut pairs = Vec::new();
        for (name, value) in node.pairs() {
            pairs.push(match name.as_ref() {
                "Statement" => {
                    let statements = self.items(value).into_iter();
                    let statements =
                        statements.map(|(statement, under)| self.statement(statement, under));
                    (name.to_string(), Made::list(statements))
                }
                // Dates without quotes are what YAML makes of a version.
                _ => {
                    let text = self.text(value, 0).unwrap_or_default().text;
                    let text = text.split('T').next().unwrap_or_default();
                    (name.to_string(), Made::text(text))
                }
            });
        }
        Made::map(pairs).at(Some(self.source.locate(node)))
    }

    fn statement(&self, node: &Node<'_>, mut open: Vec<String>) -> Made {
        let mut pairs: Vec<(String, Made)> = Vec::new();
        let mut conditions: Vec<(String, Vec<(String, Made)>)> = Vec::new();
        for (name, value) in node.pairs() {
            let at = Some(self.source.locate(value));
            match name.as_ref() {
                "Action" | "Resource" => {
                    let texts = self.texts(value).into_iter().map(|text| {
                        let known = text.open.is_empty();
                        open.extend(text.open);
                        // Part of an ARN that is unknown leaves the rest known.
                        if known { text.text } else { widest(&text.text) }
                    });
                    let made = Made::texts(texts.collect::<Vec<_>>()).at(at);
                    pairs.push((name.to_string(), made));
                }
                "NotAction" | "NotResource" => {
                    let mut texts = Vec::new();
                    for text in self.texts(value) {
                        if text.open.is_empty() {
                            texts.push(text.text);
                        }
                        open.extend(text.open);
                    }
                    pairs.push((name.to_string(), Made::texts(texts).at(at)));
                }
                "Principal" | "NotPrincipal" => {
                    pairs.push((name.to_string(), self.principals(value).at(at)));
                }
                "Condition" => {
                    for (operator, tests) in value.pairs() {
                        let tests = tests.pairs().iter().map(|(key, values)| {
                            let values = self.texts(values).into_iter().map(|text| text.text);
                            (key.to_string(), Made::texts(values.collect::<Vec<_>>()))
                        });
                        conditions.push((operator.to_string(), tests.collect()));
                    }
                }
                _ => {
                    if let Some(text) = self.text(value, 0) {
                        pairs.push((name.to_string(), Made::text(text.text).at(at)));
                    }
                }
            }
        }
        if !open.is_empty() {
            open.sort();
            open.dedup();
            let test = (UNRESOLVED.to_owned(), Made::text(open.join("; ")));
            match conditions
                .iter_mut()
                .find(|(name, _)| name == "StringEquals")
            {
                Some((_, tests)) => tests.push(test),
                None => conditions.push(("StringEquals".to_owned(), vec![test])),
            }
        }
        if !conditions.is_empty() {
            let conditions = conditions
                .into_iter()
                .map(|(operator, tests)| (operator, Made::map(tests)));
            pairs.push(("Condition".to_owned(), Made::map(conditions)));
        }
        Made::map(pairs).at(Some(self.source.locate(node)))
    }

    fn principals(&self, node: &Node<'_>) -> Made {
        if let Some(text) = node.text() {
            return Made::text(text);
        }
        let groups = node.pairs().iter().map(|(kind, values)| {
            let texts = self.texts(values).into_iter().map(|text| {
                if text.open.is_empty() {
                    return text.text;
                }
                match kind.as_ref() {
                    // Somebody, whoever that turns out to be.
                    "AWS" if !text.text.starts_with("arn:") => {
                        format!("arn:aws:iam::{ACCOUNT}:role/{}", text.text)
                    }
                    _ => text.text,
                }
            });
            (kind.to_string(), Made::texts(texts.collect::<Vec<_>>()))
        });
        Made::map(groups)
    }
}

/// The widest that a text with unresolved parts may be: the parts as wildcards.
fn widest(text: &str) -> String {
    let mut wide = String::with_capacity(text.len());
    let (mut depth, mut before) = (0u32, ' ');
    for c in text.chars() {
        match c {
            // `${…}` is a variable of IAM's own.
            '{' if before != '$' || depth > 0 => {
                if depth == 0 {
                    wide.push('*');
                }
                depth += 1;
            }
            '}' if depth > 0 => depth -= 1,
            c if depth == 0 => wide.push(c),
            _ => {}
        }
        before = c;
    }
    wide
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

struct Reader<'r, 't> {
    template: &'r Template<'t>,
    id: &'r str,
    resource: &'t Node<'t>,
    at: Option<Location>,
    account: &'r mut Account,
    into: &'r mut Declared,
}

impl<'t> Reader<'_, 't> {
    fn property(&self, name: &str) -> Option<&'t Node<'t>> {
        self.resource.at(&["Properties", name])
    }

    fn place(&self, node: &Node<'_>) -> Option<Location> {
        Some(self.template.source.locate(node))
    }

    /// The texts of a property; those that only the deployment knows are undecided.
    fn texts(&mut self, name: &str) -> Vec<(String, Option<Location>)> {
        let Some(node) = self.property(name) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for (item, under) in self.template.items(node) {
            let at = self.place(item);
            let Some(text) = self.template.text(item, 0) else {
                continue;
            };
            if text.open.is_empty() {
                all.push((text.text, at));
            } else {
                self.undecided(&format!("{name} {}", text.open.join("; ")), at);
            }
            // It is there only if a condition holds; it is judged as if it did.
            let _ = under;
        }
        all
    }

    fn one(&mut self, name: &str) -> Option<String> {
        self.texts(name).into_iter().next().map(|(text, _)| text)
    }

    fn undecided(&mut self, attribute: &str, at: Option<Location>) {
        let tenant = self.template.tenant.clone();
        self.into
            .undecided(System::Aws, &tenant, self.id, attribute, at.or(self.at));
    }

    fn read(&mut self, kind: &str) {
        match kind {
            "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group" => self.principal(),
            "AWS::IAM::ManagedPolicy" => {
                let arn = self.template.arn(self.id).unwrap_or_default();
                let name = arn.rsplit('/').next().unwrap_or(self.id).to_owned();
                let document = self.policy_document();
                let at = self.at;
                self.account
                    .policies
                    .insert(arn.clone(), Policy { name, document, at });
                for (property, kind) in [
                    ("Roles", Kind::Role),
                    ("Users", Kind::User),
                    ("Groups", Kind::Group),
                ] {
                    for (name, at) in self.texts(property) {
                        let principal = self.account.principal(kind, &name);
                        principal.attached.push((arn.clone(), at));
                    }
                }
            }
            "AWS::IAM::Policy" => {
                for (property, kind) in [
                    ("Roles", Kind::Role),
                    ("Users", Kind::User),
                    ("Groups", Kind::Group),
                ] {
                    for (holder, _) in self.texts(property) {
                        self.inline(kind, &holder);
                    }
                }
            }
            "AWS::IAM::RolePolicy" => self.inline_of("RoleName", Kind::Role),
            "AWS::IAM::UserPolicy" => self.inline_of("UserName", Kind::User),
            "AWS::IAM::GroupPolicy" => self.inline_of("GroupName", Kind::Group),
            "AWS::IAM::UserToGroupAddition" => {
                let group = self.one("GroupName");
                for (user, _) in self.texts("Users") {
                    let principal = self.account.principal(Kind::User, &user);
                    principal.groups.extend(group.clone());
                }
                if let Some(group) = group {
                    self.account.principal(Kind::Group, &group);
                }
            }
            "AWS::IAM::AccessKey" => {
                let Some(user) = self.one("UserName") else {
                    return;
                };
                let tenant = self.template.tenant.as_str();
                let mut fact = Credential::new(
                    System::Aws,
                    tenant,
                    None,
                    "access-key",
                    self.id,
                    user.as_str(),
                );
                fact.active = self.property("Status").and_then(Node::text) != Some("Inactive");
                fact.location = self.at;
                self.account.principal(Kind::User, &user);
                let holder = self.account.arn(Kind::User, &user);
                self.into.credential(fact, holder);
            }
            "AWS::SSO::PermissionSet" => self.permission_set(),
            _ => self.assignment(),
        }
    }

    fn policy_document(&self) -> Option<Made> {
        let node = self.property("PolicyDocument")?;
        Some(self.template.document(node))
    }

    fn inline(&mut self, kind: Kind, holder: &str) {
        let name = self.one("PolicyName").unwrap_or_else(|| self.id.to_owned());
        if let Some(document) = self.policy_document() {
            let at = self.at;
            let principal = self.account.principal(kind, holder);
            principal.inline.push((name, document, at));
        }
    }

    fn inline_of(&mut self, property: &str, kind: Kind) {
        if let Some(holder) = self.one(property) {
            self.inline(kind, &holder);
        }
    }

    fn principal(&mut self) {
        let Some((kind, name)) = self.template.principal(self.id) else {
            return;
        };
        let attached = self.texts("ManagedPolicyArns");
        let boundary = self.one("PermissionsBoundary");
        let groups: Vec<String> = match kind {
            Kind::User => self
                .texts("Groups")
                .into_iter()
                .map(|(name, _)| name)
                .collect(),
            _ => Vec::new(),
        };
        let mut inline = Vec::new();
        if let Some(list) = self.property("Policies") {
            for (policy, _) in self.template.items(list) {
                let (Some(name), Some(document)) =
                    (policy.get("PolicyName"), policy.get("PolicyDocument"))
                else {
                    continue;
                };
                let at = self.place(name);
                let name = self.template.text(name, 0).unwrap_or_default().text;
                inline.push((name, self.template.document(document), at));
            }
        }
        let trust = self.property("AssumeRolePolicyDocument");
        let trust = trust.map(|node| self.template.document(node));
        let tags = self.property("Tags").map_or(&[][..], Node::items).iter();
        let tags: Vec<(String, String)> = tags
            .filter_map(|tag| {
                let value = self.template.text(tag.get("Value")?, 0)?;
                Some((tag.text_of("Key")?.to_owned(), value.text))
            })
            .collect();
        let path = self.property("Path").and_then(Node::text).unwrap_or("/");
        let session = self.property("MaxSessionDuration").and_then(Node::text);
        let session = session.filter(|text| text.parse::<u32>().is_ok());
        let at = self.at;
        let principal = self.account.principal(kind, &name);
        path.clone_into(&mut principal.path);
        principal.trust = trust;
        principal.boundary = boundary;
        principal.groups.extend(groups);
        principal.inline.extend(inline);
        principal.attached.extend(attached);
        principal.tags = tags;
        principal.max_session = session.map(str::to_owned);
        principal.at = at;
    }

    fn permission_set(&mut self) {
        let arn = self.template.arn(self.id).unwrap_or_default();
        let inline = self.property("InlinePolicy").map(|node| match node.text() {
            Some(text) => Made::text(text).at(self.place(node)),
            None => self.template.document(node),
        });
        let managed = self.texts("ManagedPolicies");
        let boundary = self.property("PermissionsBoundary").and_then(|node| {
            let arn = node.text_of("ManagedPolicyArn")?;
            Some(Made::map([("ManagedPolicyArn", Made::text(arn))]))
        });
        let name = self.template.name(self.id, self.resource, "Name");
        let set = iam::Set {
            name,
            session: self
                .property("SessionDuration")
                .and_then(Node::text)
                .map(str::to_owned),
            inline,
            managed: managed.into_iter().map(|(arn, _)| arn).collect(),
            customer: Vec::new(),
            boundary,
            at: self.at,
        };
        self.account.sets.insert(arn, set);
    }

    fn assignment(&mut self) {
        let (set, account, principal) = (
            self.one("PermissionSetArn"),
            self.one("TargetId"),
            self.one("PrincipalId"),
        );
        let kind = self
            .one("PrincipalType")
            .unwrap_or_else(|| "GROUP".to_owned());
        let Some(set) = set else {
            return;
        };
        self.account.assignments.push(Assignment {
            set,
            account: account.unwrap_or_else(|| ACCOUNT.to_owned()),
            kind,
            principal: principal.unwrap_or_else(|| self.id.to_owned()),
            at: self.at,
        });
    }
}
