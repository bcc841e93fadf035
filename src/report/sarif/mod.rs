//! SARIF 2.1.0.
//!
//! One run per system, so that a scan of one system does not close the alerts of
//! another. The full profile says everything SARIF can; the others leave out what
//! their readers misread: GitHub shows suppressed results as open alerts, DefectDojo
//! imports absent ones as active, GitLab drops results without a place.

mod place;
mod rules;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use self::place::{Places, ROOT, slug};
use self::rules::{CUT, EXCEPTION, NOT_SEEN, NOTICE, Rules, notification, properties, sentence};
use self::schema::{
    ArtifactLocation, AutomationDetails, CodeFlow, Edge, Graph, Invocation, Location, Log,
    LogicalLocation, Node, Notification, Run, SarifResult, Suppression, Text, ThreadFlow,
    ThreadFlowLocation, Tool, ToolComponent,
};
use super::text::{count, shorten, visible};
use super::{ExceptionState, Outcome, Profile, RenderOptions, Summary, TOOL, VERSION, safe_json};
use crate::model::{Coverage, Finding, Gate, Step, Sym, System};

/// Results GitHub keeps of a run; it rejects a file with more than 25,000.
const GITHUB_RESULTS: usize = 5_000;
/// Thread-flow locations GitHub keeps of a result.
const FLOW: usize = 1_000;
/// Locations GitHub keeps of a result.
const RELATED: usize = 100;
/// Longest message. GitHub names no limit for it, and cuts descriptions here.
const MESSAGE: usize = 1024;

/// Where the standard's schema is published.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Renders SARIF for `profile`.
pub fn render(
    outcome: &Outcome,
    profile: Profile,
    options: &RenderOptions,
) -> serde_json::Result<Vec<u8>> {
    let rules = Rules::new(&outcome.rules, &outcome.findings, profile);
    let writer = Writer {
        outcome,
        profile,
        options,
        rules,
        places: Places {
            base: options.base_dir.as_deref(),
            with_root: profile == Profile::Full,
        },
    };
    let mut runs: Vec<Run> = writer
        .systems()
        .into_iter()
        .map(|system| writer.run(Some(system)))
        .collect();
    if runs.is_empty() {
        runs.push(writer.run(None));
    }
    safe_json::pretty(&Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs,
    })
}

/// Text of a scanned system or a rule as plain text of a SARIF message: nothing acts
/// on a display, and nothing reads as an embedded link (§3.11.6), which viewers make
/// clickable.
fn plain(text: &str) -> String {
    visible(text).replace("](", "] (")
}

struct Writer<'a> {
    outcome: &'a Outcome,
    profile: Profile,
    options: &'a RenderOptions,
    rules: Rules,
    places: Places<'a>,
}

impl Writer<'_> {
    fn full(&self) -> bool {
        self.profile == Profile::Full
    }

    /// The systems this scan was about, found in or not: a system without findings
    /// gets a run without results, which closes its alerts.
    fn systems(&self) -> BTreeSet<System> {
        let facts = &self.outcome.inventory;
        let named = self
            .outcome
            .targets
            .iter()
            .filter_map(|target| target.split(':').next()?.parse().ok());
        let findings = self.outcome.findings.iter().map(|finding| finding.system);
        let coverage = self.outcome.coverage.iter().map(|part| part.system);
        let tenants = facts.tenants.iter().map(|tenant| tenant.system);
        named
            .chain(findings)
            .chain(coverage)
            .chain(tenants)
            .collect()
    }

    fn run(&self, system: Option<System>) -> Run {
        let ours = |other: System| system.is_none_or(|system| system == other);
        let mut findings: Vec<&Finding> = self
            .outcome
            .findings
            .iter()
            .filter(|finding| ours(finding.system))
            .filter(|finding| self.full() || finding.suppressed.is_none())
            .collect();
        // The order reports keep is worst first, so what is cut is the least severe.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let all = findings.len();
        if self.profile == Profile::Github {
            findings.truncate(GITHUB_RESULTS);
        }
        let mut places = LogicalPlaces::default();
        let results = findings
            .iter()
            .map(|finding| self.result(finding, &mut places))
            .collect();
        let gaps: Vec<&Coverage> = self.outcome.gaps().filter(|gap| ours(gap.system)).collect();
        let cut = all - findings.len();
        Run {
            tool: Tool {
                driver: self.driver(),
            },
            automation_details: AutomationDetails {
                id: self.category(system),
                description: self.full().then(|| {
                    Text::plain(sentence(&format!(
                        "Standing privilege in {}",
                        system.map_or("nothing", System::as_str)
                    )))
                }),
            },
            baseline_guid: None,
            invocations: vec![self.invocation(&gaps, cut)],
            original_uri_base_ids: if self.full() {
                BTreeMap::from([(
                    ROOT,
                    ArtifactLocation {
                        description: Some(Text::plain(
                            "The folder file names start from: the root of the repository.",
                        )),
                        ..ArtifactLocation::default()
                    },
                )])
            } else {
                BTreeMap::new()
            },
            taxonomies: if self.full() {
                self.rules.taxonomies()
            } else {
                Vec::new()
            },
            logical_locations: places.all,
            column_kind: "unicodeCodePoints",
            results,
            properties: self.coverage(system),
        }
    }

    fn driver(&self) -> ToolComponent {
        ToolComponent {
            // DefectDojo makes this the name of the test type.
            name: "Tenure".to_owned(),
            short_description: self
                .full()
                .then(|| Text::plain("Finds privilege that stands there day and night.")),
            version: Some(VERSION.to_owned()),
            semantic_version: Some(VERSION.to_owned()),
            information_uri: Some(env!("CARGO_PKG_REPOSITORY"))
                .filter(|uri| !uri.is_empty())
                .map(str::to_owned),
            rules: Some(self.rules.descriptors()),
            notifications: rules::notifications(),
            supported_taxonomies: if self.full() {
                self.rules.supported()
            } else {
                Vec::new()
            },
            ..ToolComponent::default()
        }
    }

    /// `tenure/aws-prod/`: all before the last slash is GitHub's category, which must
    /// be the same from scan to scan and another for every set of alerts.
    fn category(&self, system: Option<System>) -> String {
        let Some(system) = system else {
            return format!("{TOOL}/");
        };
        let named: BTreeSet<String> = self
            .outcome
            .targets
            .iter()
            .filter(|target| target.split(':').next() == Some(system.as_str()))
            .map(|target| slug(target))
            .collect();
        if named.is_empty() {
            return format!("{TOOL}/files/{system}/");
        }
        let named: Vec<String> = named.into_iter().collect();
        format!("{TOOL}/{}/", named.join("+"))
    }

    fn invocation(&self, gaps: &[&Coverage], cut: usize) -> Invocation {
        let mut notices = Vec::new();
        for gap in gaps {
            let what = format!("{} {}", gap.kind, gap.tenant);
            let mut text = if gap.reason.is_empty() {
                "it could not be read".to_owned()
            } else {
                gap.reason.to_string()
            };
            if let Some(remedy) = &gap.remedy {
                text = format!("{}. To mend: {remedy}", text.trim_end_matches('.'));
            }
            let mut notice = self.notice(NOT_SEEN, "warning", &what, &text);
            notice.properties = properties([
                ("system", json!(gap.system)),
                ("tenant", json!(gap.tenant)),
                ("kind", json!(gap.kind)),
                ("seen", json!(gap.seen)),
            ]);
            notices.push(notice);
        }
        if cut > 0 {
            let text = format!(
                "{} beyond the {GITHUB_RESULTS} most severe are left out, as many as GitHub \
                 shows; the JSON and HTML reports hold all of them",
                count(cut, "finding")
            );
            notices.push(self.notice(CUT, "warning", "results", &text));
        }
        for text in &self.outcome.notices {
            notices.push(self.notice(NOTICE, "note", "notice", text));
        }
        let settings = self
            .outcome
            .exceptions
            .iter()
            .filter_map(|note| {
                let what = match note.state {
                    ExceptionState::Used => return None,
                    ExceptionState::Unused => "matches nothing",
                    ExceptionState::Expired => "has run out, and its findings are back",
                    ExceptionState::Void => "no longer applies, because the access has widened",
                };
                let text = format!("the exception of {} {what}", note.owner);
                Some(self.notice(EXCEPTION, "warning", &note.id, &text))
            })
            .collect();
        Invocation {
            execution_successful: gaps.is_empty() && self.outcome.exit != 2,
            exit_code: self.outcome.exit,
            exit_code_description: Summary::of(self.outcome).verdict(),
            command_line: self.options.command_line.clone(),
            end_time_utc: format!("{:.3}", self.outcome.now),
            tool_execution_notifications: notices,
            tool_configuration_notifications: settings,
        }
    }

    fn notice(&self, kind: usize, level: &'static str, what: &str, text: &str) -> Notification {
        let arguments = vec![named(what), named(text.trim_end_matches('.'))];
        Notification {
            descriptor: notification(kind),
            level,
            message: Text {
                text: format!("'{}': {}.", arguments[0], arguments[1]),
                id: Some("default"),
                arguments,
                markdown: None,
            },
            properties: Map::new(),
        }
    }

    /// What was seen, for readers that care.
    fn coverage(&self, system: Option<System>) -> Map<String, Value> {
        if !self.full() {
            return Map::new();
        }
        let parts: Vec<Value> = self
            .outcome
            .coverage
            .iter()
            .filter(|part| system.is_none_or(|system| system == part.system))
            .map(|part| {
                json!({
                    "tenant": part.tenant,
                    "kind": part.kind,
                    "seen": part.seen,
                    "items": part.items,
                })
            })
            .collect();
        properties([("coverage", json!(parts))])
    }

    fn result(&self, finding: &Finding, places: &mut LogicalPlaces) -> SarifResult {
        let full = self.full();
        let place = self.places.of(finding);
        let logical = if full {
            vec![places.of(finding)]
        } else {
            Vec::new()
        };
        let here = Location {
            physical_location: Some(place),
            logical_locations: logical,
            ..Location::default()
        };
        let mut partial = BTreeMap::from([
            // The name and form GitHub matches alerts by.
            ("primaryLocationLineHash", format!("{}:1", finding.id)),
        ]);
        if let Some(entitlement) = finding.entitlement {
            partial.insert("entitlement/v1", entitlement.to_string());
        }
        SarifResult {
            rule_id: finding.rule.to_string(),
            rule_index: self.rules.index(&finding.rule),
            level: rules::level(finding.severity),
            message: self.message(finding),
            related_locations: self.related(finding),
            code_flows: self.flows(finding, &here),
            graphs: if full { graphs(finding) } else { Vec::new() },
            locations: vec![here],
            fingerprints: BTreeMap::from([("finding/v1", finding.id.to_string())]),
            partial_fingerprints: partial,
            baseline_state: self.baseline_state(finding),
            suppressions: if full {
                suppressions(finding)
            } else {
                Vec::new()
            },
            taxa: if full {
                self.rules.taxa(&finding.rule)
            } else {
                Vec::new()
            },
            rank: rules::rank(finding.severity),
            properties: self.properties(finding),
        }
    }

    fn message(&self, finding: &Finding) -> Text {
        let said = finding.message.trim().trim_end_matches('.');
        let said = if said.is_empty() { &finding.name } else { said };
        let said = plain(&shorten(said, MESSAGE));
        if self.full() {
            let name = named(&shorten(&finding.subject.name, MESSAGE / 4));
            return Text {
                text: format!("About '{name}': {said}."),
                id: Some("default"),
                arguments: vec![name, said],
                markdown: None,
            };
        }
        // Readers that show one text per result: say what to do in it.
        let fix = finding.fix.trim();
        let mut text = sentence(&said);
        if !fix.is_empty() {
            text.push_str(&format!(" Fix: {}", plain(&shorten(fix, MESSAGE))));
        }
        Text::plain(shorten(&text, MESSAGE).into_owned())
    }

    /// The evidence that has a place. Code scanning accepts no location without one.
    fn related(&self, finding: &Finding) -> Vec<Location> {
        finding
            .evidence
            .iter()
            .filter_map(|evidence| Some((evidence, evidence.location.as_ref()?)))
            .take(RELATED - 1)
            .enumerate()
            .map(|(at, (evidence, place))| Location {
                id: Some(at + 1),
                physical_location: Some(self.places.in_file(place, evidence.excerpt.as_deref())),
                message: (!evidence.what.trim().is_empty())
                    .then(|| Text::plain(sentence(&shorten(&evidence.what, MESSAGE)))),
                ..Location::default()
            })
            .collect()
    }

    fn flows(&self, finding: &Finding, here: &Location) -> Vec<CodeFlow> {
        if finding.steps.is_empty() {
            return Vec::new();
        }
        let locations = finding
            .steps
            .iter()
            .take(FLOW)
            .enumerate()
            .map(|(at, step)| {
                let shown = step
                    .evidence
                    .iter()
                    .find_map(|evidence| Some((evidence.location.as_ref()?, evidence)));
                let physical = match shown {
                    Some((place, evidence)) => {
                        Some(self.places.in_file(place, evidence.excerpt.as_deref()))
                    }
                    None => here.physical_location.clone(),
                };
                ThreadFlowLocation {
                    location: Location {
                        physical_location: physical,
                        message: Some(Text::plain(sentence(&step_text(step)))),
                        ..Location::default()
                    },
                    execution_order: at + 1,
                    properties: properties([("gate", json!(step.gate))]),
                }
            })
            .collect();
        vec![CodeFlow {
            thread_flows: [ThreadFlow { locations }],
        }]
    }

    /// §3.27.24, where there is a baseline. Only the full profile: DefectDojo ignores
    /// it and GitHub compares by itself.
    fn baseline_state(&self, finding: &Finding) -> Option<&'static str> {
        self.outcome.changes.as_ref().filter(|_| self.full())?;
        Some(match finding.drift.as_deref() {
            None => "unchanged",
            Some("added" | "recreated" | "reclassified") => "new",
            Some("incomparable") => "unchanged",
            Some(_) => "updated",
        })
    }

    fn properties(&self, finding: &Finding) -> Map<String, Value> {
        let full = self.full();
        let only_full = |value: Value| if full { value } else { Value::Null };
        properties([
            ("severity", json!(finding.severity)),
            ("tags", json!(finding.tags)),
            ("system", json!(finding.system)),
            ("tenant", json!(finding.tenant)),
            ("subject", json!(finding.subject)),
            ("tier", json!(finding.tier)),
            ("activation", json!(finding.activation)),
            ("drift", json!(finding.drift)),
            ("gates", only_full(json!(self.outcome.is_gated(finding)))),
            ("fix", only_full(json!(finding.fix))),
            ("evidence", only_full(json!(finding.evidence))),
        ])
    }
}

fn step_text(step: &Step) -> String {
    let gate = match step.gate {
        Gate::None => "",
        Gate::Proved => ", behind a proved gate",
        Gate::Unproved => ", behind a gate nothing proves",
        Gate::Unknown => ", behind what could not be seen",
    };
    let part = |text: Sym| shorten(&text, MESSAGE / 4).into_owned();
    format!(
        "'{}' by '{}' reaches '{}'{gate}",
        part(step.from),
        part(step.action),
        part(step.to)
    )
}

fn graphs(finding: &Finding) -> Vec<Graph> {
    if finding.steps.is_empty() {
        return Vec::new();
    }
    let mut ids: FxHashMap<Sym, String> = FxHashMap::default();
    let mut nodes = Vec::new();
    let mut node = |name: Sym| -> String {
        let next = format!("n{}", ids.len() + 1);
        ids.entry(name)
            .or_insert_with(|| {
                nodes.push(Node {
                    id: next.clone(),
                    label: Text::plain(named(&name)),
                });
                next
            })
            .clone()
    };
    let edges: Vec<Edge> = finding
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| Edge {
            id: format!("e{}", at + 1),
            label: Text::plain(named(&step.action)),
            source_node_id: node(step.from),
            target_node_id: node(step.to),
        })
        .collect();
    vec![Graph {
        description: Text::plain("The way to the privilege, step by step."),
        nodes,
        edges,
    }]
}

/// A name where SARIF allows no empty text.
fn named(name: &str) -> String {
    if name.trim().is_empty() {
        "unnamed".to_owned()
    } else {
        plain(name)
    }
}

fn suppressions(finding: &Finding) -> Vec<Suppression> {
    finding
        .suppressed
        .iter()
        .map(|accepted| Suppression {
            kind: "external",
            status: "accepted",
            justification: sentence(if accepted.reason.trim().is_empty() {
                "Accepted in the baseline"
            } else {
                &accepted.reason
            }),
            properties: properties([
                ("exception", json!(accepted.exception)),
                ("owner", json!(accepted.owner)),
                ("expires", json!(accepted.expires)),
            ]),
        })
        .collect()
}

/// Tenant, subject and finding as logical locations, each named once. Generic tools
/// that match results across runs tell them apart by these names.
#[derive(Default)]
struct LogicalPlaces {
    all: Vec<LogicalLocation>,
    known: FxHashMap<String, usize>,
}

impl LogicalPlaces {
    fn of(&mut self, finding: &Finding) -> LogicalLocation {
        let tenant = format!("{}/{}", finding.system, finding.tenant);
        let subject = format!("{tenant}/{}", finding.subject.id);
        let name = format!("{subject}#{}/{}", finding.rule, finding.id);
        let at = self.place(&tenant, &finding.tenant, "tenant", None);
        let at = self.place(
            &subject,
            &finding.subject.name,
            &finding.subject.kind,
            Some(at),
        );
        let at = self.place(&name, &finding.rule, "finding", Some(at));
        LogicalLocation {
            fully_qualified_name: Some(plain(&name)),
            index: Some(at),
            ..LogicalLocation::default()
        }
    }

    fn place(&mut self, full: &str, name: &str, kind: &str, parent: Option<usize>) -> usize {
        if let Some(&at) = self.known.get(full) {
            return at;
        }
        let some = |text: &str| (!text.is_empty()).then(|| plain(text));
        self.all.push(LogicalLocation {
            name: some(name),
            fully_qualified_name: Some(plain(full)),
            kind: some(kind),
            parent_index: parent,
            index: None,
        });
        let at = self.all.len() - 1;
        self.known.insert(full.to_owned(), at);
        at
    }
}
