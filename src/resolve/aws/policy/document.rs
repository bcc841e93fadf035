//! Typed parse of policy documents.
//!
//! Grammar: IAM User Guide, "Grammar of the IAM JSON policy language". What AWS would
//! not store is kept as far as it can be judged and reported as a [`Problem`]: a
//! policy file under review may be wrong, and a statement must never vanish.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::condition::Condition;
use super::element::{Actions, Principals, Resources};
use super::plain::{self, Given};
use crate::model::{Effect, Sym};

/// Documents longer than this many bytes are refused. AWS stores at most 40 KiB.
const MAX_LENGTH: usize = 1 << 20;

/// A policy document.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// `Id`, where there is one.
    pub id: Option<Box<str>>,
    /// The statements, in order.
    pub statements: Box<[Statement]>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// `Sid`, where there is one that is not empty.
    pub sid: Option<Sym>,
    /// Gives or takes.
    pub effect: Effect,
    /// Whom it concerns; `None` outside resource policies.
    pub principals: Option<Principals>,
    /// What it is about.
    pub actions: Actions,
    /// On what; `None` in trust policies, where it is the role itself.
    pub resources: Option<Resources>,
    /// All of them must hold.
    pub conditions: Box<[Condition]>,
    /// Where it stands in the document's text, in bytes.
    pub range: Range<usize>,
}

/// Something AWS would not have accepted, or that this program cannot judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which statement, from 0; `None` for the document.
    pub statement: Option<usize>,
    /// Where in the document's text, in bytes.
    pub range: Range<usize>,
    /// What.
    pub message: String,
    /// A statement, or part of one, could not be kept, so the document says more than
    /// was read.
    pub lost: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.statement {
            Some(index) => write!(f, "statement {index}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A text that is no policy document at all.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not JSON.
    #[error("not a policy document: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON, but of another shape.
    #[error("not a policy document: {0}")]
    Shape(String),
}

impl Document {
    /// Parses a document's JSON text.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        if text.len() > MAX_LENGTH {
            let message = format!("{} bytes long, at most {MAX_LENGTH} are read", text.len());
            return Err(DocumentError::Shape(message));
        }
        let mut reader = Reader {
            text,
            variables: false,
            statement: None,
            range: 0..text.len(),
            problems: Vec::new(),
        };
        let mut statements = Vec::new();
        let id = match plain::document(text) {
            Some(document) => {
                reader.variables = document.variables;
                statements.reserve_exact(document.statements.len());
                for (index, elements) in document.statements.into_iter().enumerate() {
                    reader.begin(index, elements.range.clone());
                    let read = reader.statement(elements, &document.words);
                    statements.extend(reader.kept(read));
                }
                document.id
            }
            None => {
                let (id, list) = reader.document()?;
                for (index, raw) in list.into_iter().enumerate() {
                    reader.begin(index, reader.range_of(raw));
                    let read = match raw.get().starts_with('{') {
                        true => {
                            let elements = reader.elements(raw);
                            reader.statement(elements, &[])
                        }
                        false => Err("expected an object".to_owned()),
                    };
                    statements.extend(reader.kept(read));
                }
                id
            }
        };
        Ok(Document {
            id: id.map(Into::into),
            statements: statements.into(),
            problems: reader.problems,
        })
    }

    /// Whether a statement, or part of one, could not be kept.
    pub fn lost_statements(&self) -> bool {
        self.problems.iter().any(|problem| problem.lost)
    }
}

/// A JSON object's members, duplicates included.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<plain::Word<'de>, _>()? {
                    members.push((name.0, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// Reads parts of a document and notes what is wrong.
pub(super) struct Reader<'a> {
    text: &'a str,
    /// The version has policy variables.
    pub(super) variables: bool,
    statement: Option<usize>,
    range: Range<usize>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// `Id` and statements of a document of any spelling, noting what is wrong.
    fn document(&mut self) -> Result<(Option<Cow<'a, str>>, Vec<&'a RawValue>), DocumentError> {
        let raw: &RawValue = serde_json::from_str(self.text)?;
        if !raw.get().starts_with('{') {
            let message = "expected a JSON object with a `Statement`".to_owned();
            return Err(DocumentError::Shape(message));
        }
        let members = self.members(raw, &["Version", "Id", "Statement"]);
        if let Some(version) = members[0] {
            match self.string(version).as_deref() {
                Some("2012-10-17") => self.variables = true,
                Some("2008-10-17") => {}
                _ => self.problem(version, "`Version` is neither 2012-10-17 nor 2008-10-17"),
            }
        }
        let id = members[1].and_then(|id| self.string(id));
        let Some(list) = members[2] else {
            let message = "there is no `Statement`".to_owned();
            return Err(DocumentError::Shape(message));
        };
        Ok((id, self.list(list)))
    }

    /// What follows is about statement number `index`.
    fn begin(&mut self, index: usize, range: Range<usize>) {
        self.statement = Some(index);
        self.range = range;
    }

    /// The statement, or that it was lost.
    fn kept(&mut self, read: Result<Statement, String>) -> Option<Statement> {
        read.map_err(|message| {
            self.problems.push(Problem {
                statement: self.statement,
                range: self.range.clone(),
                message,
                lost: true,
            });
        })
        .ok()
    }

    fn range_of(&self, raw: &RawValue) -> Range<usize> {
        // A raw value is a slice of the text it was parsed from.
        let start = raw.get().as_ptr() as usize - self.text.as_ptr() as usize;
        start..start + raw.get().len()
    }

    pub(super) fn problem(&mut self, at: &RawValue, message: impl Into<String>) {
        self.problems.push(Problem {
            statement: self.statement,
            range: self.range_of(at),
            message: message.into(),
            lost: false,
        });
    }

    /// A problem that takes something away from what the document says.
    fn lose(&mut self, at: &RawValue, message: &str) {
        self.problem(at, message);
        if let Some(problem) = self.problems.last_mut() {
            problem.lost = true;
        }
    }

    /// All members of an object; none, with a problem, if it is something else.
    pub(super) fn object(&mut self, raw: &'a RawValue) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        match serde_json::from_str::<Members<'a>>(raw.get()) {
            Ok(members) => members.0,
            Err(_) => {
                self.lose(raw, "expected an object");
                Vec::new()
            }
        }
    }

    /// The members called `names`. The last of several counts, as in most readers;
    /// names that differ in case only are taken, with a problem.
    fn members<const N: usize>(
        &mut self,
        raw: &'a RawValue,
        names: &[&str; N],
    ) -> [Option<&'a RawValue>; N] {
        let mut found = [None; N];
        for (name, value) in self.object(raw) {
            let exact = names.iter().position(|known| **known == name);
            let folded = || {
                names
                    .iter()
                    .position(|known| known.eq_ignore_ascii_case(&name))
            };
            let Some(at) = exact.or_else(folded) else {
                self.problem(value, format!("unknown element `{name}`"));
                continue;
            };
            if exact.is_none() {
                let message = format!("`{name}` should be spelled `{}`", names[at]);
                self.problem(value, message);
            }
            if found[at].replace(value).is_some() {
                self.problem(value, format!("`{}` is given more than once", names[at]));
            }
        }
        found
    }

    /// The elements of a list, or the single value given in its place.
    pub(super) fn list(&mut self, raw: &'a RawValue) -> Vec<&'a RawValue> {
        if !raw.get().starts_with('[') {
            return vec![raw];
        }
        serde_json::from_str(raw.get()).unwrap_or_else(|_| {
            self.lose(raw, "expected a list");
            Vec::new()
        })
    }

    /// A string.
    pub(super) fn string(&mut self, raw: &'a RawValue) -> Option<Cow<'a, str>> {
        let text = serde_json::from_str::<plain::Word<'a>>(raw.get()).ok();
        if text.is_none() {
            self.problem(raw, "expected a string");
        }
        text.map(|text| text.0)
    }

    /// A string, number or truth value as text: condition values may be any of them.
    pub(super) fn scalar(&mut self, raw: &'a RawValue) -> Option<Cow<'a, str>> {
        match raw.get().as_bytes().first() {
            Some(b'"') => self.string(raw),
            Some(b't' | b'f' | b'-' | b'0'..=b'9') => Some(Cow::Borrowed(raw.get())),
            _ => {
                self.lose(raw, "expected a string, number or truth value");
                None
            }
        }
    }

    /// One or many strings.
    pub(super) fn strings(&mut self, raw: &'a RawValue) -> Vec<Cow<'a, str>> {
        let mut texts = Vec::new();
        for raw in self.list(raw) {
            match serde_json::from_str::<plain::Word<'a>>(raw.get()) {
                Ok(text) => texts.push(text.0),
                Err(_) => self.lose(raw, "expected a string"),
            }
        }
        texts
    }

    /// The elements of a statement of any spelling.
    fn elements(&mut self, raw: &'a RawValue) -> plain::Elements<'a> {
        let [
            sid,
            effect,
            action,
            not_action,
            resource,
            not_resource,
            principal,
            not_principal,
            condition,
        ] = self.members(
            raw,
            &[
                "Sid",
                "Effect",
                "Action",
                "NotAction",
                "Resource",
                "NotResource",
                "Principal",
                "NotPrincipal",
                "Condition",
            ],
        );
        plain::Elements {
            range: self.range.clone(),
            sid: sid.map(Given::Raw),
            effect: effect.map(Given::Raw),
            action: action.map(Given::Raw),
            not_action: not_action.map(Given::Raw),
            resource: resource.map(Given::Raw),
            not_resource: not_resource.map(Given::Raw),
            principal,
            not_principal,
            condition,
        }
    }

    /// One string, read already or not.
    fn word(&mut self, given: Given<'a>, words: &[Cow<'a, str>]) -> Option<Cow<'a, str>> {
        match given {
            Given::Words(range) => words[range].first().cloned(),
            Given::Raw(raw) => self.string(raw),
        }
    }

    /// One or many strings, read already or not.
    fn words<'w>(
        &mut self,
        given: Given<'a>,
        words: &'w [Cow<'a, str>],
    ) -> Cow<'w, [Cow<'a, str>]> {
        match given {
            Given::Words(range) => Cow::Borrowed(&words[range]),
            Given::Raw(raw) => Cow::Owned(self.strings(raw)),
        }
    }

    /// A statement, or why it cannot be judged at all.
    fn statement(
        &mut self,
        elements: plain::Elements<'a>,
        words: &[Cow<'a, str>],
    ) -> Result<Statement, String> {
        let plain::Elements {
            range,
            sid,
            effect,
            action,
            not_action,
            resource,
            not_resource,
            principal,
            not_principal,
            condition,
        } = elements;
        let effect = effect.and_then(|effect| self.word(effect, words));
        let effect = match effect.as_deref() {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err("`Effect` is neither `Allow` nor `Deny`".to_owned()),
        };
        let actions = match (action, not_action) {
            (Some(list), None) => Actions::new(false, &self.words(list, words)),
            (None, Some(list)) => Actions::new(true, &self.words(list, words)),
            (None, None) => return Err("there is no `Action` or `NotAction`".to_owned()),
            (Some(_), Some(_)) => {
                return Err("both `Action` and `NotAction` are given".to_owned());
            }
        };
        let variables = self.variables;
        let resources = match (resource, not_resource) {
            (None, None) => None,
            (Some(list), None) => Some(Resources::new(false, &self.words(list, words), variables)),
            (None, Some(list)) => Some(Resources::new(true, &self.words(list, words), variables)),
            (Some(_), Some(_)) => {
                return Err("both `Resource` and `NotResource` are given".to_owned());
            }
        };
        let principals = match (principal, not_principal) {
            (None, None) => None,
            (Some(list), None) => Some(Principals::read(self, false, list)),
            (None, Some(list)) => Some(Principals::read(self, true, list)),
            (Some(_), Some(_)) => {
                return Err("both `Principal` and `NotPrincipal` are given".to_owned());
            }
        };
        let conditions = condition.map_or_else(Vec::new, |raw| Condition::read_all(self, raw));
        Ok(Statement {
            sid: sid
                .and_then(|sid| self.word(sid, words))
                .filter(|sid| !sid.is_empty())
                .map(|sid| Sym::new(&sid)),
            effect,
            principals,
            actions,
            resources,
            conditions: conditions.into(),
            range,
        })
    }
}
