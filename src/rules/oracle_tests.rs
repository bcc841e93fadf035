//! The same text over the same record gives the same answer as the `cel` crate's
//! interpreter.
//!
//! Expressions are generated as pairs of texts that differ in one thing only: our
//! times, lengths of time and numbers are typed fields, which CEL gets from JSON and
//! converts (`timestamp(…)`, `duration(…)`, `int(…)`).

use cel::{Context, Program, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::check::{Checker, Known};
use super::judge::{Court, tenants_of};
use super::parse::parse;
use super::schema::{Schema, Subject};
use super::value::Object;
use crate::config::Limits;
use crate::model::{
    Claim, ClaimTest, Identity, IdentityKind, IdentityRef, Inventory, Sym, System, Trust, TrustKind,
};

const NOW: &str = "2026-11-22T00:00:00Z";

/// An expression in our spelling and in CEL's.
type Pair = (String, String);

#[derive(Clone, Debug)]
struct Record {
    external: bool,
    kind: TrustKind,
    trustee: &'static str,
    issuer: Option<&'static str>,
    claims: Vec<(&'static str, Vec<&'static str>, bool)>,
    created: Option<&'static str>,
}

fn text() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "a", "ab", "b", "repo:a/b", "é"])
}

fn record() -> impl Strategy<Value = Record> {
    let kinds = prop::sample::select(vec![TrustKind::Oidc, TrustKind::Saml, TrustKind::Tenant]);
    let claim = (text(), prop::collection::vec(text(), 0..3), any::<bool>());
    let times = prop::sample::select(vec![
        "2026-11-21T23:59:59Z",
        "2026-08-24T00:00:00Z",
        "2020-02-29T12:00:00Z",
        "2027-01-01T00:00:00Z",
    ]);
    (
        any::<bool>(),
        kinds,
        text(),
        prop::option::of(text()),
        prop::collection::vec(claim, 0..3),
        prop::option::of(times),
    )
        .prop_map(
            |(external, kind, trustee, issuer, claims, created)| Record {
                external,
                kind,
                trustee,
                issuer,
                claims,
                created,
            },
        )
}

impl Record {
    fn inventory(&self) -> Inventory {
        let mut all = Inventory::default();
        let mut target = Identity::new(System::Aws, "1", "role", IdentityKind::Workload, "role");
        target.created = self.created.map(|time| time.parse().unwrap());
        all.identities.push(target);
        let mut trust = Trust::new(System::Aws, "1", IdentityRef(0), self.kind, self.trustee);
        trust.external = self.external;
        trust.issuer = self.issuer.map(Sym::new);
        trust.claims = self
            .claims
            .iter()
            .map(|(name, values, absent)| Claim {
                name: Sym::new(name),
                test: ClaimTest::Like,
                values: values.iter().map(|value| Sym::new(value)).collect(),
                holds_when_absent: *absent,
            })
            .collect();
        all.trusts.push(trust);
        all
    }

    fn json(&self) -> [(&'static str, Json); 4] {
        let claims: Vec<Json> = self
            .claims
            .iter()
            .map(|(name, values, absent)| {
                json!({"name": name, "test": "like", "values": values, "holds_when_absent": absent})
            })
            .collect();
        let mut trust = json!({
            "external": self.external,
            "kind": self.kind.as_str(),
            "trustee": self.trustee,
            "claims": claims,
        });
        if let Some(issuer) = self.issuer {
            trust["issuer"] = json!(issuer);
        }
        let mut identity = json!({"name": "role"});
        if let Some(created) = self.created {
            identity["created"] = json!(created);
        }
        [
            ("trust", trust),
            ("identity", identity),
            ("limits", json!({"key_age": "2160h", "admins": 3})),
            ("now", json!(NOW)),
        ]
    }
}

fn same(text: impl Into<String>) -> Pair {
    let text = text.into();
    (text.clone(), text)
}

fn leaf() -> impl Strategy<Value = Pair> {
    let compare = || prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let equal = || prop::sample::select(vec!["==", "!="]);
    let test = || prop::sample::select(vec!["startsWith", "endsWith", "contains", "matches"]);
    let each = || prop::sample::select(vec!["exists", "all"]);
    let kind = || prop::sample::select(vec!["oidc", "saml", "anyone"]);
    let plain = |text: &'static str| text.replace('/', ".");
    prop_oneof![
        any::<bool>().prop_map(|value| same(value.to_string())),
        Just(same("trust.external")),
        (equal(), kind()).prop_map(|(op, kind)| same(format!("trust.kind {op} '{kind}'"))),
        (kind(), kind()).prop_map(|(a, b)| same(format!("trust.kind in ['{a}', \"{b}\"]"))),
        (compare(), text()).prop_map(|(op, t)| same(format!("trust.trustee {op} '{t}'"))),
        (text(), text()).prop_map(|(a, b)| same(format!("trust.trustee in ['{a}', '{b}']"))),
        (test(), text())
            .prop_map(move |(test, t)| same(format!("trust.trustee.{test}('{}')", plain(t)))),
        (compare(), -3i64..6, 1i64..4).prop_map(|(op, n, d)| {
            let with = |admins: &str| {
                format!("size(trust.claims) * 2 - 1 + {admins} / {d} {op} {n} % {d}")
            };
            (with("limits.admins"), with("int(limits.admins)"))
        }),
        (each(), each(), text()).prop_map(|(outer, inner, t)| same(format!(
            "trust.claims.{outer}(c, c.values.{inner}(v, v.contains('{t}')) || c.holds_when_absent)"
        ))),
        (each(), text()).prop_map(|(each, t)| same(format!(
            "trust.claims.{each}(c, '{t}' in c.values && c.test == 'like')"
        ))),
        (compare(), text())
            .prop_map(|(op, t)| same(format!("(has(trust.issuer) && trust.issuer {op} '{t}')"))),
        (compare(), text()).prop_map(|(op, t)| same(format!(
            "(!has(trust.issuer) || size(trust.issuer) {op} size('{t}'))"
        ))),
        (equal(), text()).prop_map(|(op, t)| same(format!(
            "(has(trust.issuer) ? trust.issuer {op} '{t}' : trust.external)"
        ))),
        compare().prop_map(|op| (
            format!("(has(identity.created) && now - identity.created {op} limits.key_age)"),
            format!(
                "(has(identity.created) && timestamp(now) - timestamp(identity.created) {op} duration(limits.key_age))"
            ),
        )),
        (compare(), 0i64..3000).prop_map(|(op, hours)| (
            format!(
                "(has(identity.created) && identity.created + duration('{hours}h') {op} now - duration('1h'))"
            ),
            format!(
                "(has(identity.created) && timestamp(identity.created) + duration('{hours}h') {op} timestamp(now) - duration('1h'))"
            ),
        )),
        compare().prop_map(|op| (
            format!("(has(identity.created) && age(identity.created) {op} duration('2h') + limits.key_age)"),
            format!(
                "(has(identity.created) && timestamp(now) - timestamp(identity.created) {op} duration('2h') + duration(limits.key_age))"
            ),
        )),
    ]
}

fn expression() -> impl Strategy<Value = Pair> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        let join = |op: &'static str| {
            move |(a, b): (Pair, Pair)| {
                (
                    format!("(({}) {op} ({}))", a.0, b.0),
                    format!("(({}) {op} ({}))", a.1, b.1),
                )
            }
        };
        // Without brackets of its own, so that precedence decides.
        let bare = |op: &'static str| {
            move |(a, b): (Pair, Pair)| {
                (
                    format!("{} {op} {}", a.0, b.0),
                    format!("{} {op} {}", a.1, b.1),
                )
            }
        };
        let two = || (inner.clone(), inner.clone());
        prop_oneof![
            two().prop_map(bare("&&")),
            two().prop_map(bare("||")),
            two().prop_map(join("==")),
            inner
                .clone()
                .prop_map(|a| (format!("!({})", a.0), format!("!({})", a.1))),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| (
                format!("(({}) ? {} : {})", a.0, b.0, c.0),
                format!("(({}) ? {} : {})", a.1, b.1, c.1),
            )),
        ]
    })
}

fn ours(text: &str, record: &Record) -> bool {
    let schema = Schema::default();
    let mut checker = Checker::new(&schema, Subject::find("trust").unwrap());
    let tree = parse(text).unwrap_or_else(|error| panic!("{text}\n{error:?}"));
    let typed = checker.condition(&tree, &Known::new());
    let typed = typed.unwrap_or_else(|| panic!("{text}\n{:?}", checker.errors));
    let inventory = record.inventory();
    let tenants = tenants_of(&inventory);
    let limits = Limits::default();
    let court = Court::new(&inventory, &tenants, &limits, NOW.parse().unwrap());
    let scope = court.scope(Object::Trust(&inventory.trusts[0]));
    typed.ir.holds(&scope)
}

fn theirs(text: &str, record: &Record) -> bool {
    let program = Program::compile(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    let mut context = Context::default();
    for (name, value) in record.json() {
        context.add_variable(name, value).unwrap();
    }
    match program.execute(&context) {
        Ok(Value::Bool(answer)) => answer,
        other => panic!("{text}\n{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_typed_form_agrees_with_the_cel_interpreter(pair in expression(), record in record()) {
        prop_assert_eq!(ours(&pair.0, &record), theirs(&pair.1, &record), "{}", pair.0);
    }
}
