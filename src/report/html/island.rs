//! The findings as compact data for the page's script.
//!
//! One column per field, every distinct text once. Most of what a finding says is
//! its rule's text with names in place, so the names are taken out again and the
//! rest is shared: 50,000 findings take a few megabytes. All texts are made visible
//! before they go in; the script only ever assigns them to `textContent`.

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::model::{Activation, Evidence, Finding, Gate, Severity, Step, Sym, System, Tier};
use crate::report::Outcome;
use crate::report::text::{shorten, visible};

/// Stands for the subject's name in a shared text.
const NAME: char = '\u{e000}';
/// Stands for the subject's id.
const ID: char = '\u{e001}';
/// Stands for the tenant.
const TENANT: char = '\u{e002}';
/// Starts a text in which nothing was taken out because it holds one of these itself.
const VERBATIM: char = '\u{e003}';
/// Longest text kept of one finding; the JSON report has all of it.
const LONGEST: usize = 600;
/// A name shorter than this is found in too many other words.
const SHORTEST_NAME: usize = 3;
/// Evidence shown per finding.
const EVIDENCE: usize = 12;

/// The data of the page.
#[derive(Serialize)]
pub struct Island {
    now: String,
    strings: Vec<String>,
    rules: Vec<RuleTexts>,
    systems: Vec<&'static str>,
    severities: Vec<&'static str>,
    tiers: Vec<&'static str>,
    activations: Vec<&'static str>,
    accepted: Vec<[usize; 4]>,
    evidence: Vec<[usize; 4]>,
    steps: Vec<[usize; 4]>,
    ids: Vec<Sym>,
    columns: Columns,
}

#[derive(Serialize)]
struct RuleTexts {
    id: String,
    name: String,
    why: String,
}

/// One entry per finding in each; numbers are indexes, one more than the index where
/// there may be none.
#[derive(Default, Serialize)]
struct Columns {
    rule: Vec<usize>,
    severity: Vec<usize>,
    system: Vec<usize>,
    tenant: Vec<usize>,
    kind: Vec<usize>,
    name: Vec<usize>,
    subject: Vec<usize>,
    tier: Vec<usize>,
    activation: Vec<usize>,
    message: Vec<usize>,
    fix: Vec<usize>,
    place: Vec<usize>,
    drift: Vec<usize>,
    gates: Vec<u8>,
    accepted: Vec<usize>,
    evidence: Vec<Vec<usize>>,
    steps: Vec<Vec<usize>>,
}

const TIERS: [Tier; 4] = [Tier::None, Tier::Read, Tier::Write, Tier::Admin];
const ACTIVATIONS: [Activation; 6] = [
    Activation::Standing,
    Activation::Eligible,
    Activation::Jit,
    Activation::BreakGlass,
    Activation::Exception,
    Activation::Unknown,
];

/// Distinct values in order of first sight.
struct Table<T> {
    all: Vec<T>,
    index: FxHashMap<T, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table {
            all: Vec::new(),
            index: FxHashMap::default(),
        }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Table<T> {
    fn add(&mut self, value: T) -> usize {
        if let Some(&at) = self.index.get(&value) {
            return at;
        }
        self.all.push(value.clone());
        self.index.insert(value, self.all.len() - 1);
        self.all.len() - 1
    }
}

impl Island {
    /// The data of all findings, in their order.
    pub fn of(outcome: &Outcome) -> Self {
        let mut strings = Table::default();
        let mut evidence = Table::default();
        let mut steps = Table::default();
        let mut accepted = Table::default();
        let mut rules: Table<Sym> = Table::default();
        let mut columns = Columns::default();
        for finding in &outcome.findings {
            let names = Names::of(finding);
            columns.rule.push(rules.add(finding.rule));
            columns
                .severity
                .push(place(&Severity::WORST_FIRST, finding.severity));
            columns.system.push(place(&System::ALL, finding.system));
            columns.tier.push(place(&TIERS, finding.tier));
            columns.activation.push(
                finding
                    .activation
                    .map_or(0, |it| place(&ACTIVATIONS, it) + 1),
            );
            columns.gates.push(u8::from(outcome.is_gated(finding)));
            columns.tenant.push(strings.add(names.tenant.clone()));
            columns.kind.push(strings.add(clean(&finding.subject.kind)));
            columns.name.push(strings.add(names.name.clone()));
            columns.subject.push(strings.add(names.id_shared()));
            columns
                .message
                .push(strings.add(names.shared(&finding.message)));
            columns
                .fix
                .push(strings.add(names.shared_lines(&finding.fix)));
            columns.place.push(
                finding
                    .location
                    .as_ref()
                    .map_or(0, |at| strings.add(super::place_of(at)) + 1),
            );
            columns.drift.push(
                finding
                    .drift
                    .map_or(0, |kind| strings.add(clean(&kind.replace('-', " "))) + 1),
            );
            columns
                .accepted
                .push(finding.suppressed.as_ref().map_or(0, |note| {
                    let until = note.expires.map_or(String::new(), |day| day.to_string());
                    let row = [
                        strings.add(clean(&note.exception)),
                        strings.add(clean(&note.owner)),
                        strings.add(clean(&note.reason)),
                        strings.add(until),
                    ];
                    accepted.add(row) + 1
                }));
            columns.evidence.push(
                finding
                    .evidence
                    .iter()
                    .take(EVIDENCE)
                    .map(|shown| evidence.add(evidence_row(&mut strings, &names, shown)))
                    .collect(),
            );
            columns.steps.push(
                finding
                    .steps
                    .iter()
                    .map(|step| steps.add(step_row(&mut strings, step)))
                    .collect(),
            );
        }
        let cards: FxHashMap<Sym, _> = outcome
            .rules
            .iter()
            .map(|card| (Sym::new(&card.id), card))
            .collect();
        Island {
            now: outcome.now.to_string(),
            strings: strings.all,
            rules: rules
                .all
                .into_iter()
                .map(|rule| RuleTexts {
                    id: clean(&rule),
                    name: cards
                        .get(&rule)
                        .map_or(String::new(), |card| clean(&card.name)),
                    why: cards
                        .get(&rule)
                        .map_or(String::new(), |card| clean(&card.why)),
                })
                .collect(),
            systems: System::ALL.map(System::as_str).to_vec(),
            severities: Severity::WORST_FIRST.map(Severity::as_str).to_vec(),
            tiers: TIERS.map(Tier::as_str).to_vec(),
            activations: ACTIVATIONS.map(Activation::as_str).to_vec(),
            accepted: accepted.all,
            evidence: evidence.all,
            steps: steps.all,
            ids: outcome.findings.iter().map(|finding| finding.id).collect(),
            columns,
        }
    }
}

fn evidence_row(strings: &mut Table<String>, names: &Names, shown: &Evidence) -> [usize; 4] {
    let at = shown.location.as_ref().map(super::place_of);
    [
        strings.add(names.shared(&shown.what)),
        strings.add(names.shared(&shown.source)),
        strings.add(at.unwrap_or_default()),
        strings.add(names.shared(shown.excerpt.as_deref().unwrap_or_default())),
    ]
}

fn step_row(strings: &mut Table<String>, step: &Step) -> [usize; 4] {
    [
        strings.add(clean(&step.from)),
        strings.add(clean(&step.action)),
        strings.add(clean(&step.to)),
        match step.gate {
            Gate::None => 0,
            Gate::Unproved => 1,
            Gate::Proved => 2,
            Gate::Unknown => 3,
        },
    ]
}

fn place<T: PartialEq, const N: usize>(all: &[T; N], value: T) -> usize {
    all.iter().position(|known| *known == value).unwrap_or(0)
}

/// Visible and not endless.
pub fn clean(text: &str) -> String {
    visible(&shorten(text.trim(), LONGEST)).into_owned()
}

/// The names in a finding's texts.
struct Names {
    name: String,
    id: String,
    tenant: String,
}

impl Names {
    fn of(finding: &Finding) -> Self {
        Names {
            name: clean(&finding.subject.name),
            id: clean(&finding.subject.id),
            tenant: clean(&finding.tenant),
        }
    }

    /// A text with id, name and tenant taken out.
    fn shared(&self, text: &str) -> String {
        self.take_out(
            clean(text),
            &[(&self.id, ID), (&self.name, NAME), (&self.tenant, TENANT)],
        )
    }

    /// As [`Names::shared`] for a text whose own line breaks stay.
    fn shared_lines(&self, text: &str) -> String {
        let lines: Vec<String> = shorten(text.trim(), LONGEST)
            .lines()
            .map(|line| visible(line).into_owned())
            .collect();
        self.take_out(
            lines.join("\n"),
            &[(&self.id, ID), (&self.name, NAME), (&self.tenant, TENANT)],
        )
    }

    /// The id with name and tenant taken out.
    fn id_shared(&self) -> String {
        self.take_out(
            self.id.clone(),
            &[(&self.name, NAME), (&self.tenant, TENANT)],
        )
    }

    fn take_out(&self, text: String, names: &[(&String, char)]) -> String {
        if text.contains([NAME, ID, TENANT, VERBATIM]) {
            return format!("{VERBATIM}{text}");
        }
        let mut text = text;
        for (name, sign) in names {
            // A name that holds one of the signs cannot stand in this text, nor can
            // one that holds a name taken out before it: those are all longer.
            if name.len() >= SHORTEST_NAME && text.contains(name.as_str()) {
                text = text.replace(name.as_str(), sign.encode_utf8(&mut [0; 4]));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            name: "deployer".into(),
            id: "arn:1111:role/deployer".into(),
            tenant: "1111".into(),
        }
    }

    #[test]
    fn names_are_taken_out_longest_first() {
        let names = names();
        assert_eq!(
            names.shared("role `deployer` (arn:1111:role/deployer) in 1111"),
            format!("role `{NAME}` ({ID}) in {TENANT}")
        );
        assert_eq!(names.id_shared(), format!("arn:{TENANT}:role/{NAME}"));
    }

    #[test]
    fn a_text_that_holds_the_signs_stays_as_it_is() {
        let text = format!("deployer {NAME}");
        assert_eq!(names().shared(&text), format!("{VERBATIM}{text}"));
    }
}
