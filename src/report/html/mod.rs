//! The HTML report: one file that loads nothing.
//!
//! The page is rendered here, summary and first findings included, so that it reads
//! and prints without JavaScript; the script takes the list over from a JSON island
//! for search and filters. A content security policy allows exactly the one style
//! and the one script by their hashes and nothing else, no network among it. Texts
//! are made visible, then escaped by the template engine or, in the script, only
//! ever assigned to `textContent`.

mod graph;
mod island;
mod paths;
mod rows;
mod timeline;

use minijinja::Environment;
use minijinja::value::Serde;
use rustc_hash::FxHashMap;
use serde_json::json;
use sha2::{Digest, Sha256};

use self::island::{Island, clean};
use self::rows::{ChangeRow, Row};
use super::outcome::coverage_word;
use super::text::{count, listed, thousands};
use super::{
    Change, ExceptionState, Outcome, RenderOptions, ReportError, Summary, VERSION, Weight,
    safe_json,
};
use crate::model::{
    Activation, IdentityKind, Inventory, Location, RuleCard, Severity, Sym, Tier, Verdict,
};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Findings written into the page itself.
const ROWS: usize = 500;
/// Changes shown at once, and in all.
const CHANGES: usize = 25;
const MOST_CHANGES: usize = 2_000;
/// Gaps named in the banner.
const GAPS: usize = 12;
/// Grants, coverage statements and exceptions shown.
const TIMELINES: usize = 200;
const COVERAGE: usize = 1_000;

/// Renders the page.
pub fn render(outcome: &Outcome, options: &RenderOptions) -> Result<Vec<u8>, ReportError> {
    let data = safe_json::island(&Island::of(outcome)).map_err(|source| ReportError::Json {
        format: super::Format::Html,
        source,
    })?;
    let mut engine = Environment::new();
    engine.add_filter("rich", rich);
    engine.add_template("page.html", PAGE)?;
    let page = engine
        .get_template("page.html")?
        .render(Serde(page(outcome, options, &data)))?;
    Ok(page.into_bytes())
}

/// A text with what stands between backticks as code, everything escaped. Names in
/// messages stand so; one that holds a backtick itself only changes how it looks.
fn rich(text: String) -> minijinja::Value {
    let parts: Vec<&str> = text.split('`').collect();
    let mut html = String::with_capacity(text.len() + 32);
    // An odd number of backticks pairs no last one.
    let paired = (parts.len() - 1) / 2 * 2;
    for (at, part) in parts.iter().enumerate() {
        let part_html = graph::escape(part);
        if at % 2 == 1 && at < paired {
            html.push_str("<code>");
            html.push_str(&part_html);
            html.push_str("</code>");
        } else {
            if at > paired {
                html.push('`');
            }
            html.push_str(&part_html);
        }
    }
    minijinja::Value::from_safe_string(html)
}

/// The policy: nothing but the one style and the one script.
fn policy() -> String {
    let hash = |text: &str| base64(&Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; \
         base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(group.get(at).copied().unwrap_or(0));
        }
        for at in 0..4 {
            if at <= group.len() {
                let digit = (bits >> (18 - 6 * at)) as usize & 63;
                out.push(char::from(DIGITS[digit]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

fn page(outcome: &Outcome, options: &RenderOptions, data: &[u8]) -> serde_json::Value {
    let summary = Summary::of(outcome);
    let targets = if outcome.targets.is_empty() {
        "no target".to_owned()
    } else {
        clean(&outcome.targets.join(", "))
    };
    let cards: FxHashMap<Sym, &RuleCard> = outcome
        .rules
        .iter()
        .map(|card| (Sym::new(&card.id), card))
        .collect();
    let shown: Vec<Row> = outcome
        .findings
        .iter()
        .take(ROWS)
        .map(|finding| Row::of(finding, outcome, &cards))
        .collect();
    let gaps: Vec<_> = outcome.gaps().collect();
    let drawn = paths::draw(outcome);
    let changes = outcome.changes.as_ref();
    let listed_changes: Vec<ChangeRow> = changes
        .iter()
        .flat_map(|changes| &changes.items)
        .take(MOST_CHANGES)
        .map(ChangeRow::of)
        .collect();
    let (first, rest) = listed_changes.split_at(listed_changes.len().min(CHANGES));
    let all_changes = changes.map_or(0, |changes| changes.items.len());

    json!({
        "policy": policy(),
        "style": STYLE,
        "script": SCRIPT,
        "data": String::from_utf8_lossy(data),
        "version": VERSION,
        "title": format!("Standing privilege: {targets}"),
        "targets": targets,
        "now": outcome.now.to_string(),
        "when": outcome.now.strftime("%-d %B %Y, %H:%M UTC").to_string(),
        "baseline": changes.map(|changes| clean(&changes.baseline)),
        "redacted": options.redact,
        "exit": summary.exit,
        "verdict": summary.verdict(),
        "overview": overview(&summary),
        "tiles": tiles(&summary),
        "facts": facts(outcome),
        "gaps_lead": gaps_lead(gaps.len()),
        "gaps": coverage_rows(gaps.iter().take(GAPS).copied()),
        "gaps_more": gaps.len().saturating_sub(GAPS),
        "notices": outcome.notices.iter().map(|text| clean(text)).collect::<Vec<_>>(),
        "activations": bars_order().map(Activation::as_str),
        "posture": posture(&summary),
        "findings": shown,
        "count": count(summary.findings, "finding"),
        "no_js": no_js(summary.findings),
        "changes_lead": changes.map(|changes| changes_lead(outcome, &changes.items)),
        "changes_rest": rest,
        "changes_more": over(all_changes, MOST_CHANGES, "change"),
        "paths_lead": drawn.lead,
        "graphs": drawn.figures,
        "timelines": timelines(outcome),
        "timelines_lead": timeline::lead(&outcome.timelines),
        "timelines_more": over(outcome.timelines.len(), TIMELINES, "grant"),
        "exceptions": exceptions(outcome),
        "rules": rules(outcome, &summary),
        "rules_lead": rules_lead(outcome, &summary),
        "coverage": coverage_rows(outcome.coverage.iter().take(COVERAGE)),
        "coverage_more": over(outcome.coverage.len(), COVERAGE, "statement"),
        "changes": changes.map(|_| first),
    })
}

/// What a list leaves out, in words; empty when nothing.
fn over(all: usize, shown: usize, what: &str) -> String {
    if all <= shown {
        return String::new();
    }
    format!(
        "{} in the JSON report.",
        count(all - shown, &format!("more {what}"))
    )
}

fn no_js(findings: usize) -> String {
    if findings <= ROWS {
        "Search and filters need JavaScript.".to_owned()
    } else {
        format!("The {ROWS} worst are listed; the rest and the filters need JavaScript.")
    }
}

fn overview(summary: &Summary) -> String {
    let mut text = if summary.open == 0 {
        "No open finding.".to_owned()
    } else {
        let verb = if summary.open == 1 { "is" } else { "are" };
        let mut text = format!("{} {verb} open", count(summary.open, "finding"));
        if summary.gated > 0 {
            text.push_str(&format!(
                ", {} of them {}",
                thousands(summary.gated),
                if summary.gated == 1 { "gates" } else { "gate" }
            ));
        }
        text.push('.');
        text
    };
    if summary.suppressed > 0 {
        let verb = if summary.suppressed == 1 { "is" } else { "are" };
        text.push_str(&format!(
            " {} more {verb} accepted, each with an owner.",
            thousands(summary.suppressed)
        ));
    }
    text
}

fn gaps_lead(n: usize) -> String {
    let (what, verb) = if n == 1 {
        ("kind of fact", "was")
    } else {
        ("kinds of fact", "were")
    };
    format!(
        "{} {what} that verdicts depend on {verb} not fully seen. What is missing was not judged: \
         it may hold more findings than this page shows.",
        thousands(n)
    )
}

fn tiles(summary: &Summary) -> serde_json::Value {
    Severity::WORST_FIRST
        .into_iter()
        .map(|severity| {
            let n = summary
                .by_severity
                .get(severity.as_str())
                .copied()
                .unwrap_or_default();
            json!({"severity": severity, "count": n, "shown": thousands(n)})
        })
        .collect()
}

/// The headline figures, from the facts behind the findings.
fn facts(outcome: &Outcome) -> Vec<serde_json::Value> {
    let facts: &Inventory = &outcome.inventory;
    if facts.identities.is_empty() && facts.entitlements.is_empty() {
        return Vec::new();
    }
    let mut admins = vec![false; facts.identities.len()];
    let (mut privileged, mut standing) = (0_usize, 0_usize);
    for fact in &facts.entitlements {
        if fact.verdict == Verdict::No || fact.tier < Tier::Write {
            continue;
        }
        privileged += 1;
        if fact.activation == Activation::Standing {
            standing += 1;
            if fact.tier == Tier::Admin
                && let Some(mark) = admins.get_mut(fact.identity.0 as usize)
            {
                *mark = true;
            }
        }
    }
    let admin = || {
        facts
            .identities
            .iter()
            .zip(&admins)
            .filter(|&(_, &admin)| admin)
            .map(|(who, _)| who)
    };
    let unowned = admin().filter(|who| who.owner.is_none()).count();
    let machines = admin()
        .filter(|who| !matches!(who.kind, IdentityKind::Human | IdentityKind::Group))
        .count();
    let endless = facts
        .credentials
        .iter()
        .filter(|fact| fact.active && fact.expires.is_never())
        .count();
    let all = admin().count();
    let share = (standing * 100).checked_div(privileged);
    let mut list = vec![
        json!({
            "name": "identities hold standing admin",
            "value": thousands(all),
            "of": format!("of {}, {} non-human", thousands(facts.identities.len()), thousands(machines)),
        }),
        json!({
            "name": "of them have no owner",
            "value": thousands(unowned),
            "of": format!("of {}", thousands(all)),
        }),
        json!({
            "name": "of admin and write access stands day and night",
            "value": share.map_or("–".to_owned(), |share| format!("{share} %")),
            "of": format!("{} of {}", thousands(standing), thousands(privileged)),
        }),
    ];
    if !facts.credentials.is_empty() {
        list.push(json!({
            "name": "active credentials never end",
            "value": thousands(endless),
            "of": format!("of {}", thousands(facts.credentials.len())),
        }));
    }
    list
}

/// From what stands to what must be activated.
fn bars_order() -> [Activation; 6] {
    [
        Activation::Standing,
        Activation::Unknown,
        Activation::Exception,
        Activation::BreakGlass,
        Activation::Eligible,
        Activation::Jit,
    ]
}

fn posture(summary: &Summary) -> Vec<serde_json::Value> {
    summary
        .posture
        .iter()
        .filter(|row| row.tier != Tier::None && row.total() > 0)
        .map(|row| {
            let total = row.total();
            let mut before = 0;
            let mut bars = Vec::new();
            for (kind, n) in row.parts() {
                let x = before * 1_000 / total;
                before += n;
                // Whatever exists shows, however small its share.
                let width = (before * 1_000 / total - x).max(6);
                if n > 0 {
                    bars.push(json!({"kind": kind, "x": x.min(994), "width": width}));
                }
            }
            let counts: Vec<String> = row.parts().iter().map(|&(_, n)| thousands(n)).collect();
            json!({"system": row.system, "tier": row.tier, "bars": bars, "counts": counts})
        })
        .collect()
}

fn coverage_rows<'a>(
    parts: impl Iterator<Item = &'a crate::model::Coverage>,
) -> Vec<serde_json::Value> {
    parts
        .map(|part| {
            json!({
                "system": part.system,
                "tenant": clean(&part.tenant),
                "kind": clean(&part.kind),
                "word": coverage_word(part),
                "class": if part.is_gap() { "warn" } else if part.required { "good" } else { "" },
                "items": thousands(usize::try_from(part.items).unwrap_or(usize::MAX)),
                "reason": clean(&part.reason),
                "remedy": part.remedy.as_deref().map(clean),
            })
        })
        .collect()
}

fn changes_lead(outcome: &Outcome, items: &[Change]) -> String {
    let gating = items
        .iter()
        .filter(|change| change.weight == Weight::Gate)
        .count();
    let baseline = outcome
        .changes
        .as_ref()
        .map_or(String::new(), |changes| clean(&changes.baseline));
    if items.is_empty() {
        return format!("Nothing, compared with {baseline}.");
    }
    let summary = Summary::of(outcome);
    let kinds: Vec<String> = summary
        .by_change
        .iter()
        .map(|(kind, n)| format!("{} {}", thousands(*n), clean(&kind.replace('-', " "))))
        .collect();
    let gates = match gating {
        0 => "None of it is more standing access than was accepted".to_owned(),
        1 => "One of them means more standing access than was accepted".to_owned(),
        n => format!(
            "{} of them mean more standing access than was accepted",
            thousands(n)
        ),
    };
    format!("Compared with {baseline}: {}. {gates}.", listed(&kinds))
}

fn timelines(outcome: &Outcome) -> Vec<serde_json::Value> {
    outcome
        .timelines
        .iter()
        .take(TIMELINES)
        .map(|line| timeline::shown(line, outcome.now))
        .collect()
}

fn exceptions(outcome: &Outcome) -> Vec<serde_json::Value> {
    outcome
        .exceptions
        .iter()
        .map(|note| {
            let left = match note.days_left(outcome.now) {
                None => "no end".to_owned(),
                Some(n) if n < 0 => format!("over by {}", count(n.unsigned_abs() as usize, "day")),
                Some(0) => "last day".to_owned(),
                Some(n) => count(n.unsigned_abs() as usize, "day"),
            };
            json!({
                "id": clean(&note.id),
                "state": note.state.as_str(),
                "class": if note.state == ExceptionState::Used { "good" } else { "warn" },
                "covers": clean(&note.covers),
                "owner": clean(&note.owner),
                "reason": clean(&note.reason),
                "ticket": note.ticket.as_deref().map(clean),
                "left": left,
                "expires": note.expires.map(|day| day.to_string()),
                "findings": thousands(note.findings),
            })
        })
        .collect()
}

/// Rules that found something.
fn rules(outcome: &Outcome, summary: &Summary) -> Vec<serde_json::Value> {
    let known: Vec<&RuleCard> = outcome
        .rules
        .iter()
        .filter(|card| {
            outcome
                .findings
                .iter()
                .any(|found| found.rule == card.id.as_str())
        })
        .collect();
    known
        .into_iter()
        .map(|card| {
            let hits = summary
                .by_rule
                .get(card.id.as_str())
                .copied()
                .unwrap_or_default();
            let references: Vec<_> = card
                .references
                .iter()
                .map(|reference| {
                    let title = format!(
                        "{} {} {}: {}",
                        reference.standard, reference.version, reference.id, reference.name
                    );
                    // Only what a reader can safely follow becomes a link.
                    let url = reference
                        .url
                        .as_deref()
                        .filter(|url| url.starts_with("https://"));
                    json!({"title": clean(&title), "url": url})
                })
                .collect();
            json!({
                "id": clean(&card.id),
                "name": clean(&card.name),
                "severity": card.severity,
                "hits": count(hits, "open finding"),
                "summary": sentence(&card.summary),
                "why": clean(&card.why),
                "references": references,
            })
        })
        .collect()
}

fn sentence(text: &str) -> String {
    let text = clean(text);
    if text.is_empty() || text.ends_with(['.', '!', '?']) {
        text
    } else {
        format!("{text}.")
    }
}

fn rules_lead(outcome: &Outcome, summary: &Summary) -> String {
    format!(
        "{} judged; {} found something.",
        count(outcome.rules.len(), "rule"),
        thousands(summary.by_rule.len())
    )
}

/// `file:line:column`.
fn place_of(place: &Location) -> String {
    format!("{}:{}:{}", clean(&place.file), place.line, place.column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfcs_vectors() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[test]
    fn code_in_texts() {
        let html = |text: &str| rich(text.to_owned()).to_string();
        assert_eq!(html("a `b` c"), "a <code>b</code> c");
        assert_eq!(html("`<b>`"), "<code>&lt;b&gt;</code>");
        assert_eq!(html("a ` b"), "a ` b");
        assert_eq!(html("`a` ` `b"), "<code>a</code> <code> </code>b");
        assert_eq!(html("plain"), "plain");
        assert_eq!(html(""), "");
    }

    #[test]
    fn what_is_inlined_cannot_end_its_element() {
        assert!(!SCRIPT.to_lowercase().contains("</script") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.to_lowercase().contains("</style"));
    }
}
