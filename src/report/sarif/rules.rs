//! Rules, the standards they refer to, and the kinds of notification.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value, json};

use super::plain;
use super::schema::{
    ComponentRef, Configuration, Descriptor, DescriptorRef, Relationship, Text, ToolComponent,
};
use crate::model::{Finding, Reference, RuleCard, Severity, System};
use crate::report::Profile;
use crate::report::text::shorten;

/// GitHub's limit on descriptions.
const DESCRIPTION: usize = 1024;
/// GitHub's limit on rule names.
const NAME: usize = 255;
/// Tags GitHub keeps.
const TAGS: usize = 10;

/// A kind of notification: id, name, what it says.
pub const NOT_SEEN: usize = 0;
pub const EXCEPTION: usize = 1;
pub const NOTICE: usize = 2;
pub const CUT: usize = 3;
const NOTIFICATIONS: [(&str, &str, &str); 4] = [
    (
        "TNR9001",
        "FactNotSeen",
        "Something a verdict depends on could not be read, so it was not judged.",
    ),
    (
        "TNR9002",
        "ExceptionNeedsAttention",
        "A declared exception has run out, no longer applies or matches nothing.",
    ),
    (
        "TNR9003",
        "Notice",
        "Something else a reader of this report must know.",
    ),
    (
        "TNR9004",
        "ResultsLeftOut",
        "There are more findings than the reader of this file accepts.",
    ),
];

/// What a severity is in SARIF and to GitHub, whose bands are: over 9.0 critical,
/// from 7.0 high, from 4.0 medium, over 0 low.
pub fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
        Severity::Info => "0.5",
    }
}

/// §3.27.25: priority from 0 to 100.
pub fn rank(severity: Severity) -> f32 {
    match severity {
        Severity::Critical => 95.0,
        Severity::High => 80.0,
        Severity::Medium => 55.0,
        Severity::Low => 25.0,
        Severity::Info => 5.0,
    }
}

/// The rules of a report and where to find them.
pub struct Rules {
    /// In order of their ids.
    cards: Vec<RuleCard>,
    /// For each run the place of each rule in it, by id.
    listed: BTreeMap<Option<System>, FxHashMap<String, usize>>,
    /// `(standard, version)` in order, with the entries referred to.
    standards: BTreeMap<(String, String), BTreeMap<String, Reference>>,
    profile: Profile,
}

impl Rules {
    /// All rules of `cards`, hit or not, so that they are the same in every scan, and
    /// any other rule a finding names.
    pub fn new(cards: &[RuleCard], findings: &[Finding], profile: Profile) -> Self {
        let mut all: BTreeMap<String, RuleCard> = cards
            .iter()
            .map(|card| (card.id.clone(), card.clone()))
            .collect();
        for finding in findings {
            if all.contains_key(finding.rule.as_str()) {
                continue;
            }
            let card = RuleCard {
                id: finding.rule.to_string(),
                name: finding.name.to_string(),
                summary: finding.name.replace('-', " "),
                why: String::new(),
                fix: finding.fix.to_string(),
                severity: finding.severity,
                systems: vec![finding.system],
                tags: finding.tags.iter().map(ToString::to_string).collect(),
                references: Vec::new(),
            };
            all.insert(card.id.clone(), card);
        }
        let cards: Vec<RuleCard> = all.into_values().collect();
        let mut standards: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for reference in cards.iter().flat_map(|card| &card.references) {
            standards
                .entry((reference.standard.clone(), reference.version.clone()))
                .or_default()
                .insert(reference.id.clone(), reference.clone());
        }
        let found: FxHashSet<(System, &str)> = findings
            .iter()
            .map(|finding| (finding.system, finding.rule.as_str()))
            .collect();
        // A run lists the rules of its system: repeated in each, they would be most of
        // the file.
        let belongs = |card: &RuleCard, run: Option<System>| {
            run.is_none_or(|run| {
                card.systems.contains(&run) || found.contains(&(run, card.id.as_str()))
            })
        };
        let runs = System::ALL.map(Some).into_iter().chain([None]);
        let listed = runs
            .map(|run| {
                let ids = cards.iter().filter(|card| belongs(card, run));
                let index = ids.enumerate().map(|(at, card)| (card.id.clone(), at));
                (run, index.collect())
            })
            .collect();
        Rules {
            cards,
            listed,
            standards,
            profile,
        }
    }

    /// Where a rule stands in the list of a run. Every rule of a finding is in it.
    pub fn index(&self, run: Option<System>, rule: &str) -> usize {
        self.listed
            .get(&run)
            .and_then(|listed| listed.get(rule))
            .copied()
            .unwrap_or_default()
    }

    /// The entries of standards a rule refers to.
    pub fn taxa(&self, rule: &str) -> Vec<DescriptorRef> {
        let card = self
            .cards
            .binary_search_by(|card| card.id.as_str().cmp(rule))
            .ok()
            .and_then(|at| self.cards.get(at));
        card.map(|card| self.references(card)).unwrap_or_default()
    }

    fn references(&self, card: &RuleCard) -> Vec<DescriptorRef> {
        let mut all: Vec<DescriptorRef> = Vec::new();
        for reference in &card.references {
            let key = (reference.standard.clone(), reference.version.clone());
            let component = self.standards.keys().position(|known| *known == key);
            let entry = self
                .standards
                .get(&key)
                .and_then(|entries| entries.keys().position(|id| *id == reference.id));
            if let (Some(component), Some(entry)) = (component, entry) {
                all.push(DescriptorRef {
                    id: reference.id.clone(),
                    index: entry,
                    tool_component: Some(ComponentRef {
                        name: reference.standard.clone(),
                        index: component,
                    }),
                });
            }
        }
        all
    }

    /// §3.19.25
    pub fn supported(&self) -> Vec<ComponentRef> {
        self.standards
            .keys()
            .enumerate()
            .map(|(index, (name, _))| ComponentRef {
                name: name.clone(),
                index,
            })
            .collect()
    }

    /// §3.14.8
    pub fn taxonomies(&self) -> Vec<ToolComponent> {
        self.standards
            .iter()
            .map(|((name, version), entries)| ToolComponent {
                name: name.clone(),
                version: (!version.is_empty()).then(|| version.clone()),
                short_description: Some(Text::plain(sentence(&format!("{name} {version}")))),
                is_comprehensive: Some(false),
                taxa: entries
                    .values()
                    .map(|entry| Descriptor {
                        id: entry.id.clone(),
                        short_description: Some(Text::plain(sentence(if entry.name.is_empty() {
                            &entry.id
                        } else {
                            &entry.name
                        }))),
                        help_uri: entry.url.clone().filter(|url| is_web(url)),
                        ..Descriptor::default()
                    })
                    .collect(),
                ..ToolComponent::default()
            })
            .collect()
    }

    /// §3.19.23: the rules of a run.
    pub fn descriptors(&self, run: Option<System>) -> Vec<Descriptor> {
        let listed = self.listed.get(&run);
        self.cards
            .iter()
            .filter(|card| listed.is_some_and(|listed| listed.contains_key(&card.id)))
            .map(|card| self.descriptor(card))
            .collect()
    }

    fn descriptor(&self, card: &RuleCard) -> Descriptor {
        // The name must not be the id (SARIF1001).
        let unnamed = format!("rule-{}", card.id);
        let name = if card.name.trim().is_empty() {
            &unnamed
        } else {
            &card.name
        };
        let summary = if card.summary.is_empty() {
            name.replace('-', " ")
        } else {
            card.summary.clone()
        };
        let full = if card.why.is_empty() {
            sentence(&summary)
        } else {
            format!("{} {}", sentence(&summary), sentence(&card.why))
        };
        let fix = if card.fix.trim().is_empty() {
            "Remove the access, or make it temporary, owned and revocable."
        } else {
            card.fix.trim()
        };
        let mut properties = Map::new();
        properties.insert("tags".to_owned(), json!(tags(card)));
        properties.insert("precision".to_owned(), json!("high"));
        properties.insert(
            "problem.severity".to_owned(),
            json!(match level(card.severity) {
                "error" => "error",
                "warning" => "warning",
                _ => "recommendation",
            }),
        );
        properties.insert("security-severity".to_owned(), json!(score(card.severity)));
        Descriptor {
            id: card.id.clone(),
            name: Some(shorten(&pascal(name), NAME).into_owned()),
            short_description: Some(Text::plain(
                shorten(&sentence(&summary), DESCRIPTION).into_owned(),
            )),
            full_description: Some(Text::plain(shorten(&full, DESCRIPTION).into_owned())),
            help: Some(Text {
                text: format!("{full}\n\nFix: {fix}"),
                markdown: Some(help(card, &full, fix)),
                ..Text::default()
            }),
            help_uri: card
                .references
                .iter()
                .filter_map(|reference| reference.url.clone())
                .find(|url| is_web(url)),
            default_configuration: Some(Configuration {
                level: level(card.severity),
            }),
            message_strings: if self.profile == Profile::Full {
                // What a finding says is written by its rule, with names in place.
                BTreeMap::from([("default", Text::plain("About '{0}': {1}."))])
            } else {
                BTreeMap::new()
            },
            relationships: if self.profile == Profile::Full {
                self.references(card)
                    .into_iter()
                    .map(|target| Relationship {
                        target,
                        kinds: ["relevant"],
                    })
                    .collect()
            } else {
                Vec::new()
            },
            properties,
        }
    }
}

/// The descriptors of all kinds of notification.
pub fn notifications() -> Vec<Descriptor> {
    NOTIFICATIONS
        .iter()
        .map(|(id, name, text)| Descriptor {
            id: (*id).to_owned(),
            name: Some((*name).to_owned()),
            short_description: Some(Text::plain(*text)),
            full_description: Some(Text::plain(*text)),
            help: Some(Text::plain(
                "`tenure doctor` says what each source can and cannot see, and what would \
                 change it.",
            )),
            message_strings: BTreeMap::from([("default", Text::plain("'{0}': {1}."))]),
            ..Descriptor::default()
        })
        .collect()
}

/// A reference to the kind of notification at `index`.
pub fn notification(index: usize) -> DescriptorRef {
    DescriptorRef {
        id: NOTIFICATIONS[index].0.to_owned(),
        index,
        tool_component: None,
    }
}

/// `security` first, then the rule's families, then its standards as GitHub filters
/// by them.
fn tags(card: &RuleCard) -> Vec<String> {
    let mut tags = vec!["security".to_owned()];
    let standards = card.references.iter().map(|reference| {
        let id = reference.id.to_lowercase();
        if reference.standard.eq_ignore_ascii_case("cwe") {
            // The form CodeQL established: external/cwe/cwe-262.
            let number = id.trim_start_matches("cwe-").to_owned();
            format!("external/cwe/cwe-{number}")
        } else {
            format!("external/{}/{id}", reference.standard.to_lowercase())
        }
    });
    for tag in card.tags.iter().cloned().chain(standards) {
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags.truncate(TAGS);
    tags
}

fn help(card: &RuleCard, full: &str, fix: &str) -> String {
    let mut text = format!("{full}\n\n## Fix\n\n");
    // The longest run of backticks inside decides how long the fence must be.
    let longest = fix
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    text.push_str(&format!("{fence}text\n{fix}\n{fence}\n"));
    text.push_str(&format!(
        "\n## Check\n\nRun `tenure explain {}` for the rule, or `tenure explain` with the id \
         of a finding for its evidence.\n",
        card.id
    ));
    if !card.references.is_empty() {
        text.push_str("\n## References\n\n");
        for reference in &card.references {
            let title = format!(
                "{} {} {}: {}",
                reference.standard, reference.version, reference.id, reference.name
            );
            match reference.url.as_deref().filter(|url| is_web(url)) {
                Some(url) => text.push_str(&format!("* [{title}]({url})\n")),
                None => text.push_str(&format!("* {title}\n")),
            }
        }
    }
    text
}

/// `standing-admin-role` as `StandingAdminRole`.
fn pascal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for word in name.split(|c: char| !c.is_alphanumeric()) {
        let mut chars = word.chars();
        if let Some(first) = chars.next() {
            out.extend(first.to_uppercase());
            out.push_str(chars.as_str());
        }
    }
    if out.is_empty() {
        out.push_str("Rule");
    }
    out
}

/// A text that ends like a sentence.
pub fn sentence(text: &str) -> String {
    let text = plain(text.trim());
    if text.ends_with(['.', '!', '?']) {
        text
    } else {
        format!("{text}.")
    }
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") && !url.contains([' ', '"', '<', '>', ')'])
}

/// Properties from pairs, leaving out null.
pub fn properties<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_pascal_case() {
        assert_eq!(pascal("standing-admin-role"), "StandingAdminRole");
        assert_eq!(pascal("--"), "Rule");
    }

    #[test]
    fn sentences_end() {
        assert_eq!(sentence("a b"), "a b.");
        assert_eq!(sentence("a b?"), "a b?");
    }
}
