//! The facts of inline tests, built from YAML.
//!
//! A test names only the fields that matter. Everything else has the model's
//! defaults: an active thing of the rule's system in tenant `test`, held by the
//! workload `someone`, with nothing known about its times. Fields are read by the
//! schema, so a misspelt field of a test is an error like one of a condition.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use super::diagnostic::{Problem, Source, did_you_mean};
use super::node::{Key, Node, Yaml};
use super::schema::{Field, FieldDef, RecordDef, Schema, Subject, Ty};
use super::value::{Object, Root};
use crate::config::{Limits, parse_duration};
use crate::model::{
    Attrs, Credential, Entitlement, FactKind, Gate, Grant, Identity, IdentityKind, IdentityRef,
    Inventory, Path, Progress, Sym, System, Tenant, Tier, Trust, TrustKind, Value, Verdict,
};

/// The moment of judgement of tests that name none.
pub(super) const NOW: &str = "2026-06-01T00:00:00Z";

/// An inventory with one fact of interest.
#[derive(Debug)]
pub(super) struct Fixture {
    pub inventory: Inventory,
    pub limits: Limits,
    pub now: Timestamp,
    kind: FactKind,
}

impl Fixture {
    /// The fact the test is about.
    pub fn fact(&self) -> Object<'_> {
        let all = &self.inventory;
        match self.kind {
            FactKind::Entitlement => all.entitlements.first().map(Object::Entitlement),
            FactKind::Credential => all.credentials.first().map(Object::Credential),
            FactKind::Identity => all.identities.first().map(Object::Identity),
            FactKind::Trust => all.trusts.first().map(Object::Trust),
            FactKind::Path => all.paths.first().map(Object::Path),
            FactKind::Source => all.tenants.first().map(Object::Tenant),
            FactKind::Grant => all.grants.first().map(Object::Grant),
        }
        .unwrap_or_default()
    }

    /// Reads the facts of one test of a rule about `subject`.
    pub fn read(
        source: &Source,
        node: &Node,
        schema: &Schema,
        subject: &'static Subject,
        system: System,
    ) -> Result<Fixture, Vec<Problem>> {
        let mut reader = Reader {
            source,
            schema,
            problems: Vec::new(),
            system,
        };
        let fixture = reader.fixture(node, subject, system);
        match fixture {
            Some(fixture) if reader.problems.is_empty() => Ok(fixture),
            _ => Err(reader.problems),
        }
    }
}

struct Reader<'r> {
    source: &'r Source,
    schema: &'r Schema,
    problems: Vec<Problem>,
    /// The system of the fact.
    system: System,
}

impl Reader<'_> {
    fn fail<T>(&mut self, at: &std::ops::Range<usize>, message: String, label: &str) -> Option<T> {
        let problem = self.source.problem(at.clone(), message, label);
        self.problems.push(problem);
        None
    }

    fn fixture(
        &mut self,
        node: &Node,
        subject: &'static Subject,
        system: System,
    ) -> Option<Fixture> {
        let Yaml::Map(map) = &node.kind else {
            let message = "expected the facts of a test".to_owned();
            return self.fail(&node.at, message, "not a mapping");
        };
        let names = || subject.roots.iter().map(|root| root.name).chain(["now"]);
        for (key, _) in map {
            if !names().any(|name| name == key.name) {
                let all: Vec<&str> = names().collect();
                let help = did_you_mean(&key.name, names())
                    .unwrap_or_else(|| format!("facts here are {}", all.join(", ")));
                let message = format!("unknown fact `{}`", key.name);
                let problem = self.source.problem(key.at.clone(), message, "not in scope");
                self.problems.push(problem.help(help));
            }
        }
        // What the test says about the object of each root, under any of its names.
        let given = |root: Root| {
            let mut names = subject.roots.iter().filter(|def| def.root == root);
            names.find_map(|def| node.get(def.name).map(|node| (node, def.record)))
        };
        let system = given(Root::Fact)
            .and_then(|(fact, _)| fact.get("system"))
            .and_then(|named| match &named.kind {
                Yaml::Text(name) => name.parse().ok(),
                _ => None,
            })
            .unwrap_or(system);
        self.system = system;
        let tenant = Sym::new("test");
        let someone =
            |name: &str| Identity::new(system, tenant, name, IdentityKind::Workload, name);
        let (holder, other) = (IdentityRef(0), IdentityRef(1));

        let mut all = Inventory::default();
        let identity = |reader: &mut Self, root: Root, name: &str| match given(root) {
            Some((node, record)) => reader.record(someone(name), node, record),
            None => Some(someone(name)),
        };
        let of_tenant = Tenant {
            system,
            id: tenant,
            name: tenant,
            attrs: Attrs::new(),
            location: None,
        };
        let tenant_root = if subject.kind == FactKind::Source {
            Root::Fact
        } else {
            Root::Tenant
        };
        all.tenants.push(match given(tenant_root) {
            Some((node, record)) => self.record(of_tenant, node, record)?,
            None => of_tenant,
        });
        let tenant = all.tenants[0].id;
        let first = if subject.kind == FactKind::Identity {
            Root::Fact
        } else {
            Root::Holder
        };
        all.identities.push(identity(self, first, "someone")?);
        all.identities.push(identity(self, Root::Other, "other")?);

        let empty = Node {
            kind: Yaml::Map(Vec::new()),
            at: node.at.clone(),
        };
        let (fact, record) = given(Root::Fact).unwrap_or((&empty, subject.roots[0].record));
        let has_other = given(Root::Other).map(|_| other);
        match subject.kind {
            FactKind::Entitlement => {
                let base = Entitlement::new(system, tenant, holder, "policy", "privilege", "*");
                all.entitlements.push(self.record(base, fact, record)?);
            }
            FactKind::Credential => {
                let whom = given(Root::Holder).map(|_| holder);
                let base = Credential::new(system, tenant, whom, "key", "id", "name");
                all.credentials.push(self.record(base, fact, record)?);
            }
            FactKind::Trust => {
                let mut base = Trust::new(system, tenant, holder, TrustKind::Identity, "trustee");
                base.source = has_other;
                all.trusts.push(self.record(base, fact, record)?);
            }
            FactKind::Path => {
                let base = Path {
                    system,
                    tenant,
                    from: holder,
                    to: has_other,
                    tier: Tier::Admin,
                    technique: Sym::new("technique"),
                    name: Sym::new("technique"),
                    verdict: Verdict::Yes,
                    residual: None,
                    gate: Gate::None,
                    steps: Vec::new(),
                    attrs: Attrs::new(),
                    location: None,
                };
                all.paths.push(self.record(base, fact, record)?);
            }
            FactKind::Grant => {
                let mut base = Grant::new("grant", "source", system.as_str());
                base.system = system;
                base.tenant = tenant;
                base.progress = Progress::Issued;
                base.identity = given(Root::Holder).map(|_| holder);
                all.grants.push(self.record(base, fact, record)?);
            }
            FactKind::Identity | FactKind::Source => {}
        }
        let limits = match given(Root::Limits) {
            Some((node, record)) => self.limits(node, record)?,
            None => Limits::default(),
        };
        let now = match node.get("now") {
            Some(now) => self.time(now)?,
            None => NOW.parse().unwrap_or_default(),
        };
        Some(Fixture {
            inventory: all,
            limits,
            now,
            kind: subject.kind,
        })
    }

    /// `base` with the fields and attributes that `node` names.
    fn record<T: Serialize + DeserializeOwned>(
        &mut self,
        base: T,
        node: &Node,
        def: &'static RecordDef,
    ) -> Option<T> {
        let Yaml::Map(map) = &node.kind else {
            let message = format!("expected the fields of a {}", def.name);
            return self.fail(&node.at, message, "not a mapping");
        };
        let Ok(Json::Object(mut json)) = serde_json::to_value(base) else {
            let message = format!("a {} cannot be built", def.name);
            return self.fail(&node.at, message, "this fact");
        };
        let mut attrs = Attrs::new();
        let mut complete = true;
        for (key, value) in map {
            let done = match self.schema.field(def, &key.name, &[self.system]) {
                Some(Field::Core(field)) => self.core(def, field, value, &mut json),
                Some(Field::Attribute(attribute)) => self
                    .attribute(value, attribute.ty)
                    .map(|value| attrs.set(attribute.name.as_str(), value)),
                None => self.unknown(def, key),
            };
            complete &= done.is_some();
        }
        if !complete {
            return None;
        }
        if !attrs.is_empty() {
            let attrs = serde_json::to_value(&attrs).unwrap_or_default();
            json.insert("attrs".to_owned(), attrs);
        }
        match serde_json::from_value(Json::Object(json)) {
            Ok(fact) => Some(fact),
            Err(error) => {
                let message = format!("this is no {}: {error}", def.name);
                self.fail(&node.at, message, "this fact")
            }
        }
    }

    fn unknown<T>(&mut self, def: &'static RecordDef, key: &Key) -> Option<T> {
        let message = format!("unknown field `{}` of `{}`", key.name, def.name);
        let problem = self
            .source
            .problem(key.at.clone(), message, "no such field");
        let near = did_you_mean(&key.name, self.schema.names(def));
        self.problems.push(match near {
            Some(near) => problem.help(near),
            None => problem,
        });
        None
    }

    /// Sets a common field in the model's own serialised form.
    fn core(
        &mut self,
        def: &'static RecordDef,
        field: &'static FieldDef,
        value: &Node,
        json: &mut Map<String, Json>,
    ) -> Option<()> {
        let name = field.name;
        let is_moment = |name: &str| {
            let never = format!("{name}_never");
            def.fields.iter().any(|field| field.name == never)
        };
        if is_moment(name) {
            let moment = match &value.kind {
                Yaml::Text(text) if text == "never" || text == "unknown" => json!(text),
                _ => json!({"at": self.time(value)?}),
            };
            json.insert(name.to_owned(), moment);
            return Some(());
        }
        let derived = [("_never", true, "never"), ("_known", false, "unknown")]
            .into_iter()
            .find_map(|(suffix, when, means)| {
                let moment = name.strip_suffix(suffix)?;
                is_moment(moment).then_some((moment, when, means))
            });
        if let Some((moment, when, means)) = derived {
            let Yaml::Bool(said) = value.kind else {
                return self.fail(&value.at, "expected true or false".to_owned(), "not a bool");
            };
            if said == when {
                json.insert(moment.to_owned(), json!(means));
            }
            return Some(());
        }
        let set = match field.ty {
            Ty::Enum(set) => {
                let text = self.text(value)?;
                if set.find(&text).is_none() {
                    let message = format!("`{text}` is no {}", set.name);
                    let problem = self
                        .source
                        .problem(value.at.clone(), message, "no such name");
                    let help = format!("names are {}", set.names.join(", "));
                    self.problems.push(problem.help(help));
                    return None;
                }
                json!(text)
            }
            Ty::Records(item) => Json::Array(
                value
                    .elements()
                    .iter()
                    .map(|node| self.part(item, node))
                    .collect::<Option<_>>()?,
            ),
            Ty::Bool | Ty::Int | Ty::Str | Ty::Time | Ty::Duration | Ty::List => {
                json!(self.attribute(value, field.ty)?)
            }
            Ty::Record(_) => return self.fail(&value.at, "not a value".to_owned(), "a record"),
        };
        json.insert(name.to_owned(), set);
        Some(())
    }

    /// A claim or a step.
    fn part(&mut self, def: &'static RecordDef, node: &Node) -> Option<Json> {
        let Yaml::Map(map) = &node.kind else {
            let message = format!("expected the fields of a {}", def.name);
            return self.fail(&node.at, message, "not a mapping");
        };
        let mut json = Map::new();
        for field in def.fields.iter().filter(|field| !field.optional) {
            let default = match field.ty {
                Ty::Bool => json!(false),
                Ty::List => json!([]),
                Ty::Enum(set) => json!(set.names.first()),
                _ => json!(""),
            };
            json.insert(field.name.to_owned(), default);
        }
        for (key, value) in map {
            match self.schema.field(def, &key.name, &[self.system]) {
                Some(Field::Core(field)) => self.core(def, field, value, &mut json)?,
                _ => self.unknown(def, key)?,
            }
        }
        Some(Json::Object(json))
    }

    fn attribute(&mut self, value: &Node, ty: Ty) -> Option<Value> {
        Some(match (ty, &value.kind) {
            (Ty::Bool, Yaml::Bool(value)) => Value::Bool(*value),
            (Ty::Int, Yaml::Int(number)) => Value::Int(*number),
            (Ty::Str, _) => Value::Str(Sym::new(&self.text(value)?)),
            (Ty::Time, _) => Value::Time(self.time(value)?),
            (Ty::Duration, Yaml::Text(text)) => match parse_duration(text) {
                Ok(length) => Value::Duration(length),
                Err(message) => return self.fail(&value.at, message, "not a length of time"),
            },
            (Ty::List, Yaml::List(list)) => Value::List(
                list.iter()
                    .map(|item| Some(Sym::new(&self.text(item)?)))
                    .collect::<Option<_>>()?,
            ),
            (ty, other) => {
                let message = format!("expected a {ty}, found {}", other.describe());
                return self.fail(&value.at, message, "another type");
            }
        })
    }

    fn time(&mut self, value: &Node) -> Option<Timestamp> {
        let text = self.text(value)?;
        match text.parse() {
            Ok(time) => Some(time),
            Err(_) => {
                let message = format!("`{text}` is no point in time; write `2026-01-01T00:00:00Z`");
                self.fail(&value.at, message, "not a time")
            }
        }
    }

    /// A scalar as it was written, so that account numbers need no quotes.
    fn text(&mut self, value: &Node) -> Option<String> {
        match &value.kind {
            Yaml::Text(text) => Some(text.clone()),
            Yaml::Bool(_) | Yaml::Int(_) => {
                let end = value.at.end.min(self.source.text.len());
                let written = self.source.text.get(value.at.start..end);
                Some(written.unwrap_or_default().trim().to_owned())
            }
            other => {
                let message = format!("expected a text, found {}", other.describe());
                self.fail(&value.at, message, "not a text")
            }
        }
    }

    fn limits(&mut self, node: &Node, def: &'static RecordDef) -> Option<Limits> {
        let Yaml::Map(map) = &node.kind else {
            return self.fail(&node.at, "expected limits".to_owned(), "not a mapping");
        };
        let mut json = Map::new();
        for (key, value) in map {
            if !def.fields.iter().any(|field| field.name == key.name) {
                return self.unknown(def, key);
            }
            let limit = match &value.kind {
                Yaml::Int(number) => json!(number),
                _ => json!(self.text(value)?),
            };
            json.insert(key.name.clone(), limit);
        }
        match serde_json::from_value(Json::Object(json)) {
            Ok(limits) => Some(limits),
            Err(error) => self.fail(&node.at, error.to_string(), "these limits"),
        }
    }
}
