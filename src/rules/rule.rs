//! One rule: decoded from its YAML, checked and compiled.

use super::check::{Checker, Known};
use super::diagnostic::{Problem, Source, did_you_mean};
use super::fixture::Fixture;
use super::ir::Ir;
use super::lex::ExprError;
use super::message::Template;
use super::narrow::Demands;
use super::node::{Key, Node, Yaml, within};
use super::parse::parse;
use super::schema::{Schema, Subject};
use super::standards::Standards;
use super::value::{Root, Scope};
use crate::model::{Reference, RuleCard, Severity, Sym, System};

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// `AWS101`.
    pub id: Sym,
    /// `standing-admin-role`.
    pub name: Sym,
    /// The file's family.
    pub family: Sym,
    /// Families of findings: `admin`, `credential`, `trust`, ….
    pub tags: Vec<Sym>,
    /// Coverage kinds without which the rule is not evaluable.
    pub needs: Vec<Sym>,
    /// The condition as it was written.
    pub when: String,
    /// One sentence: what it finds.
    pub summary: String,
    /// Why it matters.
    pub why: String,
    /// What to do, with placeholders.
    pub fix: String,
    /// Entries of published standards.
    pub references: Vec<Reference>,
    /// The file it was read from.
    pub file: String,
    /// The systems it can fire for.
    pub systems: Vec<System>,
    pub(super) subject: &'static Subject,
    pub(super) condition: Ir,
    pub(super) message: Template,
    pub(super) remedy: Template,
    pub(super) cases: Vec<Case>,
    pub(super) tests: Vec<Test>,
}

/// One case of a severity; without a condition it always holds.
#[derive(Debug)]
pub(super) struct Case {
    pub when: Option<Ir>,
    pub is: Severity,
}

/// An inline test: a fact, and whether the rule must hold for it.
#[derive(Debug)]
pub(super) struct Test {
    /// Line of the rule file.
    pub line: u32,
    pub matches: bool,
    pub facts: Fixture,
    /// The severity the finding must have, where the test says so.
    pub severity: Option<Severity>,
}

impl Rule {
    /// What the rule is about: `credential`, `trust`, ….
    pub fn on(&self) -> &'static str {
        self.subject.name
    }

    /// The severity before exposure is taken into account: that of the last case.
    pub fn severity(&self) -> Severity {
        self.cases.last().map_or(Severity::Info, |case| case.is)
    }

    /// The severity for one fact.
    pub(super) fn severity_for<'f>(&'f self, scope: &Scope<'f>) -> Severity {
        let case = self
            .cases
            .iter()
            .find(|case| case.when.as_ref().is_none_or(|when| when.holds(scope)));
        case.map_or(Severity::Info, |case| case.is)
    }

    /// What reports say about the rule.
    pub fn card(&self) -> RuleCard {
        RuleCard {
            id: self.id.to_string(),
            name: self.name.to_string(),
            summary: self.summary.clone(),
            why: self.why.clone(),
            fix: self.fix.clone(),
            systems: self.systems.clone(),
            severity: self.severity(),
            tags: self.tags.iter().map(Sym::to_string).collect(),
            references: self.references.clone(),
        }
    }
}

const KEYS: [&str; 13] = [
    "id",
    "name",
    "summary",
    "on",
    "severity",
    "tags",
    "needs",
    "when",
    "message",
    "why",
    "fix",
    "references",
    "tests",
];

/// Families of findings a rule may be tagged with.
const TAGS: [&str; 8] = [
    "escalation",
    "admin",
    "trust",
    "credential",
    "standing",
    "jit",
    "path",
    "coverage",
];

/// Reads all rules of a file. Whatever is wrong goes to `problems`.
pub(super) fn compile(
    source: &Source,
    root: &Node,
    schema: &Schema,
    standards: &Standards,
    problems: &mut Vec<Problem>,
) -> Vec<Rule> {
    let mut reader = Reader {
        source,
        schema,
        standards,
        problems,
    };
    let Some(map) = reader.mapping(root, "a rule file", &["family", "rules"]) else {
        return Vec::new();
    };
    let family = reader
        .needed(map, root, "family")
        .and_then(|node| reader.text(node));
    let Some(rules) = reader.needed(map, root, "rules") else {
        return Vec::new();
    };
    let family = Sym::new(&family.unwrap_or_default());
    rules
        .elements()
        .iter()
        .filter_map(|node| reader.rule(node, family))
        .collect()
}

struct Reader<'r> {
    source: &'r Source,
    schema: &'r Schema,
    standards: &'r Standards,
    problems: &'r mut Vec<Problem>,
}

type Map = [(Key, Node)];

/// What holds for the facts a rule has found: for its severity and messages.
#[derive(Clone, Copy)]
struct Situation<'k> {
    subject: &'static Subject,
    known: &'k Known,
    systems: &'k [System],
}

impl Situation<'_> {
    fn checker<'s>(&self, schema: &'s Schema) -> Checker<'s> {
        Checker::new(schema, self.subject).for_systems(self.systems)
    }
}

impl<'r> Reader<'r> {
    fn wrong(&mut self, node: &Node, message: impl Into<String>, label: &str) {
        let problem = self.source.problem(node.at.clone(), message, label);
        self.problems.push(problem);
    }

    /// A mapping with no other keys than `keys`.
    fn mapping<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<&'n Map> {
        let Yaml::Map(map) = &node.kind else {
            let message = format!("expected {what}, found {}", node.kind.describe());
            self.wrong(node, message, "not a mapping");
            return None;
        };
        for (key, _) in map {
            if !keys.contains(&key.name.as_str()) {
                let message = format!("unknown key `{}` of {what}", key.name);
                let problem = self.source.problem(key.at.clone(), message, "no such key");
                let near = did_you_mean(&key.name, keys.iter().copied());
                let help = near.unwrap_or_else(|| format!("keys are {}", keys.join(", ")));
                self.problems.push(problem.help(help));
            }
        }
        Some(map)
    }

    fn needed<'n>(&mut self, map: &'n Map, of: &Node, name: &str) -> Option<&'n Node> {
        let found = optional(map, name);
        if found.is_none() {
            self.wrong(of, format!("`{name}` is missing"), "starts here");
        }
        found
    }

    fn text(&mut self, node: &Node) -> Option<String> {
        match &node.kind {
            Yaml::Text(text) if !text.trim().is_empty() => Some(text.trim_end().to_owned()),
            other => {
                let message = format!("expected a text, found {}", other.describe());
                self.wrong(node, message, "not a text");
                None
            }
        }
    }

    fn texts(&mut self, map: &Map, name: &str) -> Vec<(String, Node)> {
        let nodes = optional(map, name).map_or(&[][..], Node::elements);
        nodes
            .iter()
            .filter_map(|node| Some((self.text(node)?, node.clone())))
            .collect()
    }

    fn rule(&mut self, node: &Node, family: Sym) -> Option<Rule> {
        let map = self.mapping(node, "a rule", &KEYS)?;
        let before = self.problems.len();
        let field = |reader: &mut Self, name: &str| -> Option<(String, &Node)> {
            let node = reader.needed(map, node, name)?;
            Some((reader.text(node)?, node))
        };
        let id = field(self, "id");
        let name = field(self, "name");
        let on = field(self, "on");
        let when = field(self, "when");
        let message = field(self, "message");
        let why = field(self, "why");
        let fix = field(self, "fix");
        let severity = self.needed(map, node, "severity");
        let tests = self.needed(map, node, "tests");

        if let Some((text, at)) = &id
            && !(text.starts_with(|c: char| c.is_ascii_uppercase())
                && text
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
        {
            let message = format!("`{text}` is no rule id; write capitals and digits: `AWS101`");
            self.wrong(at, message, "not an id");
        }
        if let Some((text, at)) = &name
            && !(text.starts_with(|c: char| c.is_ascii_lowercase())
                && text
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
        {
            let message = format!("`{text}` is no rule name; write it in kebab-case");
            self.wrong(at, message, "not a name");
        }
        let tags = self.texts(map, "tags");
        if tags.is_empty() {
            self.wrong(node, "the rule has no `tags`", "starts here");
        }
        for (tag, at) in &tags {
            if !TAGS.contains(&tag.as_str()) {
                let problem = self.source.problem(
                    at.at.clone(),
                    format!("unknown tag `{tag}`"),
                    "no family of findings",
                );
                let help = format!("tags are {}", TAGS.join(", "));
                self.problems.push(problem.help(help));
            }
        }
        let needs = self.needs(map);
        let references = self.references(map, node);
        let (on, on_node) = on?;
        let Some(subject) = Subject::find(&on) else {
            let names = super::schema::SUBJECTS.iter().map(|subject| subject.name);
            let all: Vec<&str> = names.clone().collect();
            let problem = self.source.problem(
                on_node.at.clone(),
                format!("`{on}` is no kind of fact"),
                "unknown",
            );
            let near = did_you_mean(&on, names);
            let help = near.unwrap_or_else(|| format!("rules are about {}", all.join(", ")));
            self.problems.push(problem.help(help));
            return None;
        };
        let (when, when_node) = when?;
        let (condition, known, systems) = self.condition(&when, when_node, subject)?;
        let scope = Situation {
            subject,
            known: &known,
            systems: &systems,
        };
        let tests = tests
            .map(|node| self.tests(node, subject, &systems))
            .unwrap_or_default();
        let cases = severity
            .map(|node| self.severity(node, scope))
            .unwrap_or_default();
        let mut template = |pair: Option<(String, &Node)>| {
            let (text, node) = pair?;
            Some((self.template(&text, node, scope), text))
        };
        let message = template(message);
        let fix = template(fix).map(|(fix, text)| (fix.with_commands(), text));
        let summary = optional(map, "summary").and_then(|node| self.text(node));

        let (id, name) = (id?.0, name?.0);
        let ((message, _), (remedy, fix)) = (message?, fix?);
        if self.problems.len() > before {
            return None;
        }
        Some(Rule {
            id: Sym::new(&id),
            family,
            summary: summary.unwrap_or_else(|| sentence(&name)),
            name: Sym::new(&name),
            tags: tags.iter().map(|(tag, _)| Sym::new(tag)).collect(),
            needs,
            when,
            why: why?.0,
            fix,
            references,
            file: self.source.name.clone(),
            systems,
            subject,
            condition,
            message,
            remedy,
            cases,
            tests,
        })
    }

    /// Turns a problem within an expression into one within the file.
    fn report(&mut self, node: &Node, text: &str, error: ExprError) {
        let at = within(self.source, node, text, error.at);
        let problem = self.source.problem(at, error.message, error.label);
        self.problems.push(match error.help {
            Some(help) => problem.help(help),
            None => problem,
        });
    }

    fn condition(
        &mut self,
        text: &str,
        node: &Node,
        subject: &'static Subject,
    ) -> Option<(Ir, Known, Vec<System>)> {
        let expr = match parse(text) {
            Ok(expr) => expr,
            Err(error) => {
                self.report(node, text, error);
                return None;
            }
        };
        let demands = Demands::of(&expr);
        let own = |root: &&super::schema::RootDef| root.root == Root::Fact;
        let paths: Vec<String> = subject
            .roots
            .iter()
            .filter(own)
            .map(|root| format!("{}.system", root.name))
            .collect();
        let systems = demands.systems(&paths);
        let mut checker = Checker::new(self.schema, subject);
        if let Some(systems) = &systems {
            checker = checker.for_systems(systems);
        }
        let typed = checker.condition(&expr, &Known::new());
        let mut errors = checker.errors;
        errors.extend(demands.conflict());
        if let Some(systems) = &systems {
            for (at, name, declared) in checker.attributes {
                if !declared.iter().any(|system| systems.contains(system)) {
                    let of: Vec<&str> = declared.iter().map(|system| system.as_str()).collect();
                    let label = format!("only {} sets it", of.join(" and "));
                    let message = format!("`{name}` is never set for the systems of this rule");
                    errors.push(ExprError::new(at, message, label));
                }
            }
        }
        if let Some(typed) = &typed
            && matches!(typed.ir, Ir::Const(value) if !value.is_true())
        {
            errors.push(ExprError::new(
                expr.at.clone(),
                "this rule can never fire",
                "is false whatever the facts are",
            ));
        }
        let failed = !errors.is_empty();
        for error in errors {
            self.report(node, text, error);
        }
        let typed = typed.filter(|_| !failed)?;
        let systems = systems.unwrap_or_else(|| System::ALL.to_vec());
        Some((typed.ir, typed.yes, systems))
    }

    fn template(&mut self, text: &str, node: &Node, given: Situation<'_>) -> Template {
        let mut checker = given.checker(self.schema).printing();
        let template = Template::compile(text, &mut checker, given.known);
        for error in checker.errors {
            self.report(node, text, error);
        }
        template
    }

    fn severity(&mut self, node: &Node, given: Situation<'_>) -> Vec<Case> {
        let Yaml::List(list) = &node.kind else {
            let is = self.level(node);
            return is
                .map(|is| vec![Case { when: None, is }])
                .unwrap_or_default();
        };
        let mut cases = Vec::new();
        for (at, item) in list.iter().enumerate() {
            let Some(map) = self.mapping(item, "a case", &["when", "is"]) else {
                continue;
            };
            let is = self
                .needed(map, item, "is")
                .and_then(|node| self.level(node));
            let when = optional(map, "when").and_then(|node| Some((self.text(node)?, node)));
            let last = at + 1 == list.len();
            if last == when.is_some() {
                let (message, label) = if last {
                    (
                        "the last case has a condition, so some findings have no severity",
                        "add `- {is: …}` after it",
                    )
                } else {
                    (
                        "a case without condition hides those after it",
                        "move it to the end",
                    )
                };
                self.wrong(item, message, label);
            }
            let when = match when {
                Some((text, node)) => {
                    let mut checker = given.checker(self.schema);
                    let typed = match parse(&text) {
                        Ok(expr) => checker.condition(&expr, given.known),
                        Err(error) => {
                            checker.errors.push(error);
                            None
                        }
                    };
                    for error in checker.errors {
                        self.report(node, &text, error);
                    }
                    match typed {
                        Some(typed) => Some(typed.ir),
                        None => continue,
                    }
                }
                None => None,
            };
            if let Some(is) = is {
                cases.push(Case { when, is });
            }
        }
        cases
    }

    fn level(&mut self, node: &Node) -> Option<Severity> {
        match self.text(node)?.parse() {
            Ok(level) => Some(level),
            Err(message) => {
                let message: String = message;
                self.wrong(node, message, "not a severity");
                None
            }
        }
    }

    fn needs(&mut self, map: &Map) -> Vec<Sym> {
        let mut needs = Vec::new();
        for (kind, node) in self.texts(map, "needs") {
            let system = kind
                .split_once('.')
                .map(|(system, _)| system.parse::<System>());
            match system {
                Some(Ok(_)) => needs.push(Sym::new(&kind)),
                _ => {
                    let message = format!("`{kind}` is no kind of coverage");
                    self.wrong(
                        &node,
                        message,
                        "write `<system>.<kind>`: `aws.credential-report`",
                    );
                }
            }
        }
        needs
    }

    fn references(&mut self, map: &Map, of: &Node) -> Vec<Reference> {
        let found = self.texts(map, "references");
        if found.is_empty() {
            self.wrong(of, "the rule has no `references`", "starts here");
        }
        let mut references = Vec::new();
        for (text, node) in found {
            match self.standards.find(&text) {
                Ok(reference) => references.push(reference),
                Err((message, help)) => {
                    let problem = self
                        .source
                        .problem(node.at.clone(), message, "not in the list");
                    self.problems.push(match help {
                        Some(help) => problem.help(help),
                        None => problem,
                    });
                }
            }
        }
        references
    }

    fn tests(&mut self, node: &Node, subject: &'static Subject, systems: &[System]) -> Vec<Test> {
        let mut tests = Vec::new();
        for item in node.elements() {
            let keys = ["match", "no-match", "severity"];
            let Some(map) = self.mapping(item, "a test", &keys) else {
                continue;
            };
            let severity = optional(map, "severity").and_then(|node| self.level(node));
            let (matches, facts) = match (optional(map, "match"), optional(map, "no-match")) {
                (Some(facts), None) => (true, facts),
                (None, Some(facts)) => (false, facts),
                _ => {
                    self.wrong(
                        item,
                        "a test has either `match` or `no-match`",
                        "this has not",
                    );
                    continue;
                }
            };
            let system = match systems {
                [only] => *only,
                _ => System::Aws,
            };
            let line = self.source.problem(item.at.clone(), "", "").line;
            match Fixture::read(self.source, facts, self.schema, subject, system) {
                Ok(facts) => tests.push(Test {
                    line,
                    matches,
                    facts,
                    severity,
                }),
                Err(problems) => self.problems.extend(problems),
            }
        }
        for what in ["match", "no-match"] {
            if node.elements().iter().all(|item| item.get(what).is_none()) {
                let problem = self.source.problem(
                    node.at.clone(),
                    format!("the rule has no `{what}` test"),
                    "incomplete",
                );
                self.problems.push(problem.help(
                    "a rule is tested with a fact it must find and with one it must just not find",
                ));
            }
        }
        tests
    }
}

fn optional<'n>(map: &'n Map, name: &str) -> Option<&'n Node> {
    let found = map.iter().find(|(key, _)| key.name == name);
    found.map(|(_, value)| value)
}

/// `access-key-not-rotated` as `Access key not rotated`.
fn sentence(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + chars.as_str()
    })
}
