//! SARIF 2.1.0.
//!
//! One run per system, so that a scan of one system does not close the alerts of
//! another. The full profile says everything SARIF can; the others leave out what
//! their readers misread: GitHub shows suppressed results as open alerts, DefectDojo
//! imports absent ones as active, GitLab drops results without a place.

mod logical;
mod place;
mod rules;
mod schema;
mod way;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use self::logical::LogicalPlaces;
use self::place::{Places, ROOT, slug};
use self::rules::{CUT, EXCEPTION, NOT_SEEN, NOTICE, Rules, notification, properties, sentence};
use self::schema::{
    ArtifactLocation, AutomationDetails, CodeFlow, Invocation, Location, Log, Notification, Run,
    SarifResult, Suppression, Text, ThreadFlow, ThreadFlowLocation, Tool, ToolComponent,
    VersionControl,
};
use self::way::{graphs, step_text};
use super::text::{count, shorten, visible};
use super::{ExceptionState, Outcome, Profile, RenderOptions, Summary, TOOL, VERSION, safe_json};
use crate::model::{Coverage, Evidence, Finding, Seen, System};

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
    let (read, unread): (BTreeSet<System>, BTreeSet<System>) = writer
        .systems()
        .into_iter()
        .partition(|&system| writer.full() || writer.was_read(system));
    let mut runs: Vec<Run> = read
        .into_iter()
        .map(|system| writer.run(Some(system)))
        .collect();
    if runs.is_empty() {
        runs.push(writer.run(None));
    } else {
        let told = writer.unread(&unread);
        runs[0].invocations.extend(told);
    }
    safe_json::shallow(&Log {
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

    /// Whether anything of a system was read. Readers that keep alerts by run (GitHub,
    /// GitLab, DefectDojo) take a run without results for "all of it is mended", so a
    /// system nobody could look into gets no run there, and its alerts stay.
    fn was_read(&self, system: System) -> bool {
        let facts = &self.outcome.inventory;
        self.outcome.findings.iter().any(|one| one.system == system)
            || facts.identities.iter().any(|one| one.system == system)
            || self.outcome.coverage.iter().any(|part| {
                part.system == system && part.seen != Seen::None && !part.kind.starts_with("rule:")
            })
    }

    /// What is told of the systems that got no run.
    fn unread(&self, systems: &BTreeSet<System>) -> Option<Invocation> {
        let gaps: Vec<&Coverage> = self
            .outcome
            .gaps()
            .filter(|gap| systems.contains(&gap.system))
            .collect();
        (!gaps.is_empty()).then(|| Invocation {
            execution_successful: false,
            tool_execution_notifications: self.not_seen(&gaps),
            ..self.invocation(&[], 0)
        })
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
            .map(|finding| self.result(system, finding, &mut places))
            .collect();
        let gaps: Vec<&Coverage> = self.outcome.gaps().filter(|gap| ours(gap.system)).collect();
        let cut = all - findings.len();
        Run {
            tool: Tool {
                driver: self.driver(system),
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
            baseline_guid: self
                .outcome
                .changes
                .as_ref()
                .filter(|_| self.full())
                .map(|changes| changes.guid.clone()),
            version_control_provenance: self.provenance(),
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

    fn driver(&self, system: Option<System>) -> ToolComponent {
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
            rules: Some(self.rules.descriptors(system)),
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

    /// §3.14.10: what was scanned, where that was files of a repository.
    fn provenance(&self) -> Vec<VersionControl> {
        self.options
            .repository
            .iter()
            .filter(|_| self.full() && !self.options.redact)
            .map(|repository| VersionControl {
                repository_uri: repository.uri.clone(),
                revision_id: repository.revision.clone(),
                branch: repository.branch.clone(),
                mapped_to: ArtifactLocation {
                    uri_base_id: Some(ROOT),
                    ..ArtifactLocation::default()
                },
            })
            .collect()
    }

    /// One notification for each thing that could not be seen.
    fn not_seen(&self, gaps: &[&Coverage]) -> Vec<Notification> {
        gaps.iter()
            .map(|gap| {
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
                notice
            })
            .collect()
    }

    fn invocation(&self, gaps: &[&Coverage], cut: usize) -> Invocation {
        let mut notices = self.not_seen(gaps);
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
        let mut all = properties([("coverage", json!(parts))]);
        // Kept with the report, it tells whether the ledger was changed afterwards.
        if let Some(head) = self.outcome.inventory.ledger_head {
            all.insert("ledgerHead".to_owned(), json!(head));
        }
        all
    }

    fn result(
        &self,
        system: Option<System>,
        finding: &Finding,
        places: &mut LogicalPlaces,
    ) -> SarifResult {
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
            rule_index: self.rules.index(system, &finding.rule),
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
                properties: if self.full() && !evidence.source.is_empty() {
                    properties([("source", json!(evidence.source))])
                } else {
                    Map::new()
                },
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
        // Evidence that has a place is among the related locations.
        let unplaced: Vec<&Evidence> = finding
            .evidence
            .iter()
            .filter(|evidence| evidence.location.is_none())
            .collect();
        let unplaced = if unplaced.is_empty() {
            Value::Null
        } else {
            json!(unplaced)
        };
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
            ("evidence", only_full(unplaced)),
        ])
    }
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
