//! What the checker accepts and what it says about the rest: message, underlined text
//! and help together, so that a change of any of them shows.

use super::check::{Checker, Known};
use super::ir::Ir;
use super::parse::parse;
use super::schema::{Schema, Subject};
use super::value::Val;
use crate::model::{AttributeDecl, FactKind, System, Type};

const ATTRIBUTES: [AttributeDecl; 3] = [
    AttributeDecl {
        on: FactKind::Credential,
        name: "slot",
        ty: Type::Int,
        doc: "",
    },
    AttributeDecl {
        on: FactKind::Credential,
        name: "root",
        ty: Type::Bool,
        doc: "",
    },
    AttributeDecl {
        on: FactKind::Identity,
        name: "groups",
        ty: Type::List,
        doc: "",
    },
];

fn schema() -> Schema {
    Schema::new(ATTRIBUTES.iter().map(|decl| (System::Aws, decl)))
}

/// All errors of a condition of a rule on `subject`: `message | underlined | help`.
fn errors(subject: &str, text: &str) -> Vec<String> {
    let schema = schema();
    let mut checker = Checker::new(&schema, Subject::find(subject).unwrap());
    match parse(text) {
        Ok(expr) => {
            checker.condition(&expr, &Known::new());
        }
        Err(error) => checker.errors.push(error),
    }
    let shown = checker.errors.into_iter().map(|error| {
        let help = error
            .help
            .map(|help| format!(" | {help}"))
            .unwrap_or_default();
        format!("{} | {}{help}", error.message, &text[error.at])
    });
    shown.collect()
}

#[track_caller]
fn accepts(subject: &str, text: &str) {
    assert_eq!(errors(subject, text), Vec::<String>::new(), "{text}");
}

#[track_caller]
fn refuses(text: &str, expected: &str) {
    assert_eq!(errors("credential", text), [expected], "{text}");
}

#[test]
fn unknown_names_come_with_a_proposal() {
    refuses(
        "credential.knd == 'x'",
        "unknown field `knd` of `credential` | knd | did you mean `kind` or `id`?",
    );
    refuses(
        "kind == 'x'",
        "unknown name `kind` | kind | write `credential.kind`",
    );
    refuses(
        "credental.active",
        "unknown name `credental` | credental | did you mean `credential`?",
    );
    refuses(
        "credential.name.startswith('x')",
        "unknown function `startswith` | startswith | did you mean `startsWith`?",
    );
    refuses(
        "startsWith(credential.name, 'x')",
        "unknown function `startsWith` | startsWith | it is called on a value: `text.startsWith(s)`",
    );
    refuses(
        "limits.key_ages > duration('1d')",
        "unknown field `key_ages` of `limits` | key_ages | did you mean `key_age`?",
    );
}

#[test]
fn comparisons_that_can_never_hold_are_refused() {
    refuses(
        "credential.tier == 'amdin'",
        "`amdin` is no tier | 'amdin' | did you mean `admin`?",
    );
    refuses(
        "credential.tier in ['admin', 'wirte']",
        "`wirte` is no tier | 'wirte' | did you mean `write`?",
    );
    refuses(
        "credential.kind == 3",
        "`==` does not apply to a string and a int | credential.kind == 3",
    );
    refuses(
        "credential.tier >= 'write'",
        "`>=` does not apply to a tier and a string | credential.tier >= 'write' | the names of a \
         tier have no order for CEL; list those you mean: `x in [\"none\", \"read\", \"write\", \
         \"admin\"]`",
    );
    refuses(
        "credential.kind",
        "expected a bool, found a string | credential.kind",
    );
    refuses(
        "has(credential.created) && credential.created > duration('90d')",
        "`>` does not apply to a timestamp and a duration | credential.created > duration('90d') \
         | compare the age: `age(t) > …`",
    );
    refuses("credential.kind in []", "nothing is in an empty list | []");
}

#[test]
fn optional_fields_must_be_asked_for() {
    let refused = "`credential.rotated` may be absent | credential.rotated | ask first: \
                   `has(credential.rotated) && …`";
    refuses("age(credential.rotated) > limits.key_age", refused);
    refuses(
        "has(credential.rotated) || age(credential.rotated) > limits.key_age",
        refused,
    );
    refuses(
        "age(credential.rotated) > limits.key_age && has(credential.rotated)",
        refused,
    );
    refuses(
        "has(credential.created) && age(credential.rotated) > limits.key_age",
        refused,
    );
    refuses(
        "has(credential.rotated) ? credential.active : age(credential.rotated) > limits.key_age",
        refused,
    );
    refuses(
        "identity.break_glass",
        "`identity` may be absent | identity | ask first: `has(identity) && …`",
    );
    refuses(
        "credential.slot == 1",
        "`credential.slot` may be absent | credential.slot | ask first: `has(credential.slot) && …`",
    );
    for accepted in [
        "has(credential.rotated) && age(credential.rotated) > limits.key_age",
        "!has(credential.rotated) || age(credential.rotated) > limits.key_age",
        "has(credential.rotated) ? age(credential.rotated) > limits.key_age : credential.active",
        "!(!has(credential.rotated)) && now - credential.rotated > limits.key_age",
        "credential.active && (has(credential.rotated) && credential.active) && \
         age(credential.rotated) > limits.key_age",
        "(has(credential.rotated) && credential.active || has(credential.rotated)) && \
         age(credential.rotated) > limits.key_age",
        "!(!has(credential.rotated) || credential.active) && credential.rotated < now",
        "has(identity) && !identity.break_glass",
        "has(identity.owner) && identity.owner.contains('@') && identity.kind == 'human'",
        "has(identity) && has(identity.groups) && 'ops' in identity.groups",
        "!has(identity) || identity.kind != 'human'",
        "has(credential.root) && credential.root",
    ] {
        accepts("credential", accepted);
    }
    accepts(
        "entitlement",
        "!identity.break_glass && entitlement.tier == 'admin'",
    );
}

#[test]
fn presence_is_not_proved_by_half_a_choice() {
    refuses(
        "(has(credential.rotated) || credential.active) && credential.rotated < now",
        "`credential.rotated` may be absent | credential.rotated | ask first: \
         `has(credential.rotated) && …`",
    );
    refuses(
        "!(has(credential.rotated) && credential.active) && credential.rotated < now",
        "`credential.rotated` may be absent | credential.rotated | ask first: \
         `has(credential.rotated) && …`",
    );
    refuses(
        "has(credential.active)",
        "`credential.active` is always there | credential.active | leave out this `has()`",
    );
}

#[test]
fn all_errors_of_a_condition_are_reported() {
    assert_eq!(
        errors(
            "credential",
            "credential.knd == 'x' && credential.tier == 'y' && nowt"
        ),
        [
            "unknown field `knd` of `credential` | knd | did you mean `kind` or `id`?",
            "`y` is no tier | 'y' | names are none, read, write, admin",
            "unknown name `nowt` | nowt | did you mean `now`?",
        ]
    );
}

#[test]
fn lists_and_their_elements() {
    for accepted in [
        "trust.claims.exists(c, c.name == 'sub' && c.test == 'like' && c.values.exists(v, v.glob('repo:*')))",
        "size(trust.claims) == 0 || trust.claims.size() > 2",
        "trust.claims.all(c, c.holds_when_absent)",
        "['a', 'b'].exists(p, trust.trustee.startsWith(p))",
    ] {
        accepts("trust", accepted);
    }
    let trust = |text: &str| errors("trust", text);
    assert_eq!(
        trust("trust.claims.exists(c, c.value == 'x')"),
        ["unknown field `value` of `claim` | value | did you mean `values`?"]
    );
    assert_eq!(
        trust("trust.claims.exists(now, true)"),
        ["`now` is already a name in scope | now"]
    );
    assert_eq!(
        trust("trust.claims.exists(a, a.values.exists(b, a.values.exists(c, c == b)))"),
        ["`exists` and `all` nest at most 2 deep | a.values"]
    );
    assert_eq!(
        trust("trust.claims.exists(c, c.values == 'x')"),
        [
            "`==` does not apply to a list of strings and a string | c.values == 'x' | ask about a \
          list with `in`, `exists`, `all` or `size`"
        ]
    );
}

#[test]
fn constants_are_read_when_the_rule_is_loaded() {
    refuses(
        "limits.key_age > duration('90')",
        "`90` is not a length of time; write days, hours or minutes: `90d`, `12h`, `30m` | '90' | \
         `duration(\"90d\")`: a length of time: weeks `w`, days `d`, hours `h`, minutes `m`, \
         seconds `s`",
    );
    refuses(
        "now > timestamp('yesterday')",
        "`yesterday` is not a point in time | 'yesterday' | \
         `timestamp(\"2026-01-01T00:00:00Z\")`: a point in time (RFC 3339)",
    );
    refuses(
        "credential.kind.matches('(')",
        "`(` is not a regular expression | '('",
    );
    refuses(
        "size(credential.kind) / 0 == 1",
        "`/` needs a constant that is not zero | 0",
    );
}

#[test]
fn what_needs_no_fact_is_folded() {
    let schema = schema();
    let subject = Subject::find("credential").unwrap();
    for (text, value) in [
        ("1 + 2 * 3 == 7", true),
        ("duration('1d') > duration('23h')", true),
        ("credential.active && 1 > 2", false),
        ("credential.active || 2 > 1", true),
        ("!('a' in ['b'])", true),
        ("'abc'.glob('a?c') && 'abc'.startsWith('ab')", true),
    ] {
        let mut checker = Checker::new(&schema, subject);
        let typed = checker.condition(&parse(text).unwrap(), &Known::new());
        let folded = typed.map(|typed| typed.ir);
        assert!(
            matches!(folded, Some(Ir::Const(Val::Bool(found))) if found == value),
            "{text}: {folded:?}"
        );
    }
}
