//! GitHub environments: a deployment to an environment with required reviewers is an
//! approved, time-boxed grant of everything the environment's secrets and trusts give.
//!
//! Reads records of runs, each the answers of three calls put together:
//! `{"run": GET …/runs/ID, "approvals": GET …/runs/ID/approvals, "jobs": GET …/runs/ID/jobs}`,
//! and the organisation's audit log. The reviews have no time; the audit log has it
//! (`workflows.approve_workflow_job`), and is the target's own word, so both together
//! corroborate each other. An administrator who steps over the reviewers leaves
//! `workflows.bypass_protection_rules`: emergency access.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::record::{self, at, items, label, string, time};
use super::{Book, INFERRED, ImportError, Input, Kind, Origin, RECORDED};
use crate::jit::ledger::event::{Data, EventKind, Mechanism, Party, PartyKind, Purpose, Ticket};
use crate::model::{
    Channel, EndCause, EndResult, EvidenceClass, GrantField, GrantKind, Quality, Sym,
};

const SYSTEM: &str = "github-environments";
const QUALITY: &[(GrantField, Quality)] = &[
    (GrantField::Ticket, Quality::Inferred),
    (GrantField::ApprovedAt, Quality::Absent),
    (GrantField::IssuedAt, Quality::Inferred),
    (GrantField::ExpiresAt, Quality::Inferred),
    (GrantField::Review, Quality::Absent),
];
const MISSING: &str = "runs that were not exported, or have been deleted, are not here";

/// A run's environments, for the audit log, which may leave out the name.
type Runs = BTreeMap<u64, Vec<(Origin, String)>>;

pub(super) fn read(inputs: &[Input], book: &mut Book<'_>) -> Result<(), ImportError> {
    let mut runs = Runs::new();
    let mut log: Vec<(&Input, usize, Value)> = Vec::new();
    for input in inputs {
        let records = record::records(input)?;
        let (total, mut known) = (records.list.len(), 0);
        for (place, value) in records.list.into_iter().enumerate() {
            if value.get("run").is_some_and(Value::is_object) {
                known += 1;
                if let Err(message) = run(book, input, &value, &mut runs) {
                    book.problem(format!("{}: record {}", input.file, place + 1), message);
                }
            } else if string(&value, &["action"]).is_some() && value.get("created_at").is_some() {
                known += 1;
                log.push((input, place, value));
            } else {
                book.problem(
                    format!("{}: record {}", input.file, place + 1),
                    "neither a run with its approvals nor an entry of the audit log",
                );
            }
        }
        if known == 0 && total > 0 {
            return Err(record::wrong_kind(
                input,
                Kind::GithubEnvironments,
                "other records",
            ));
        }
    }
    let mut unmatched = 0u64;
    for (input, place, entry) in &log {
        match audited(book, input, entry, &runs) {
            Matched::Yes | Matched::Other => {}
            Matched::NoRun => unmatched += 1,
            Matched::Broken(message) => {
                book.problem(format!("{}: record {}", input.file, place + 1), message);
            }
        }
    }
    if unmatched > 0 {
        book.note(format!(
            "{unmatched} reviews in the audit log belong to runs that are not in the files; export \
             those runs too"
        ));
    }
    Ok(())
}

/// The organisation of `organisation/name`.
fn owner(repository: &str) -> &str {
    repository.split('/').next().unwrap_or(repository)
}

/// A user of GitHub, by the number that a new login does not change.
fn user(organisation: &str, value: &Value) -> Option<Party> {
    let login = string(value, &["login"])?;
    let id = label(value, &["id"]).unwrap_or_else(|| login.to_lowercase());
    let kind = match string(value, &["type"]) {
        Some("Bot") => PartyKind::Workload,
        _ => PartyKind::Human,
    };
    let ns = format!("github/{organisation}");
    Some(Party::new(ns, id).of_kind(kind).named(Some(login)))
}

/// A run and the reviews of its environments: one grant per environment.
fn run(book: &mut Book<'_>, input: &Input, value: &Value, runs: &mut Runs) -> Result<(), String> {
    let run = value.get("run").unwrap_or(value);
    let number = at(run, &["id"])
        .and_then(Value::as_u64)
        .ok_or("`run.id` is no number")?;
    let repository = string(run, &["repository", "full_name"])
        .or(string(value, &["repository"]))
        .ok_or("`run.repository.full_name` is missing")?;
    let organisation = owner(repository);
    let mut environments: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for review in items(value, &["approvals"]) {
        for environment in items(review, &["environments"]) {
            if let Some(name) = string(environment, &["name"]) {
                environments.entry(name).or_default().push(review);
            }
        }
    }
    let instance = book.options.instance.unwrap_or(Sym::new(organisation));
    let attempt = at(run, &["run_attempt"])
        .and_then(Value::as_u64)
        .unwrap_or(1);
    for (environment, reviews) in environments {
        let id = format!("{repository}/runs/{number}/{attempt}/{environment}");
        let origin = book.origin(SYSTEM, instance, &id, input);
        runs.entry(number)
            .or_default()
            .push((origin, environment.to_owned()));
        deployment(book, &origin, run, value, repository, environment, &reviews);
    }
    book.used();
    Ok(())
}

fn deployment(
    book: &mut Book<'_>,
    origin: &Origin,
    run: &Value,
    value: &Value,
    repository: &str,
    environment: &str,
    reviews: &[&Value],
) {
    let organisation = owner(repository);
    let requested = time(run, &["created_at"]);
    // Who pressed the button; the actor of a re-run may be another than the author.
    let asker = ["triggering_actor", "actor"]
        .into_iter()
        .find_map(|name| user(organisation, run.get(name)?));
    let repository_id = label(run, &["repository", "id"]);
    let subject = Party::new(
        "github-oidc",
        format!("repo:{repository}:environment:{environment}"),
    )
    .of_kind(PartyKind::Workload);
    let ticket = items(run, &["pull_requests"])
        .first()
        .and_then(|pull| label(pull, &["number"]))
        .map(|number| Ticket {
            system: Some("github".into()),
            key: Sym::new(&format!("{repository}#{number}")),
            ..Ticket::default()
        });
    let mut scope = BTreeMap::from([
        (Sym::new("organization"), Sym::new(organisation)),
        (Sym::new("repository"), Sym::new(repository)),
        (Sym::new("environment"), Sym::new(environment)),
    ]);
    if let Some(id) = repository_id {
        scope.insert("repository_id".into(), Sym::new(&id));
    }
    let mut event = book.event(origin, EventKind::Requested);
    event.data = Data {
        kind: Some(GrantKind::Session),
        subject: Some(subject),
        on_behalf_of: asker,
        system: Some("github".into()),
        privs: vec![Sym::new(&format!("environment/{environment}"))],
        scope,
        purpose: Some(Purpose {
            text: string(run, &["display_title"]).map(Into::into),
            ticket,
        }),
        quality: QUALITY.iter().copied().collect(),
        ..Data::default()
    };
    book.push(event.at(requested, RECORDED).by(asker));

    let mut approved = false;
    for review in reviews {
        let kind = match string(review, &["state"]) {
            Some("approved") => EventKind::Approved,
            Some("rejected") => EventKind::Denied,
            _ => continue,
        };
        approved |= kind == EventKind::Approved;
        let mut event = book.event(origin, kind);
        event.data.channel = Some(Channel::Github);
        event.data.comment = string(review, &["comment"]).map(Into::into);
        event.data.artefact = string(run, &["html_url"]).map(Sym::new);
        let by = review
            .get("user")
            .and_then(|value| user(organisation, value));
        book.push(event.by(by));
    }
    // The answer does not say which job deploys where: the first job to start after
    // the request is the earliest the access can have begun.
    let jobs = match items(value, &["jobs"]) {
        [] => items(value, &["jobs", "jobs"]),
        jobs => jobs,
    };
    let ran = |job: &&Value| !matches!(string(job, &["conclusion"]), Some("skipped"));
    let begun = jobs
        .iter()
        .filter(ran)
        .filter_map(|job| time(job, &["started_at"]))
        .min();
    let done = string(run, &["status"]) == Some("completed");
    let last_job = jobs
        .iter()
        .filter(ran)
        .filter_map(|job| time(job, &["completed_at"]))
        .max();
    let end = last_job.or(time(run, &["updated_at"])).filter(|_| done);
    if approved {
        let mut event = book.event(origin, EventKind::Issued);
        event.data.expires_at = end;
        let at = begun.or(time(run, &["run_started_at"]));
        book.push(event.at(at, INFERRED));
        for job in jobs.iter().filter(ran) {
            let mut event = book.event(origin, EventKind::Activated);
            event.data.session = Some(crate::jit::ledger::event::SessionRef {
                reference: label(job, &["id"]).map(|id| Sym::new(&format!("job/{id}"))),
                start: time(job, &["started_at"]),
                end: time(job, &["completed_at"]),
            });
            event.data.comment = string(job, &["name"]).map(Into::into);
            book.push(event.at(time(job, &["started_at"]), RECORDED));
        }
        if let Some(end) = end {
            let mut event = book.event(origin, EventKind::Ended);
            event.data = Data {
                cause: Some(EndCause::TaskComplete),
                mechanism: Some(Mechanism::NativeExpiry),
                result: Some(EndResult::Unconfirmed),
                comment: string(run, &["conclusion"]).map(Into::into),
                ..Data::default()
            };
            book.push(event.at(Some(end), RECORDED));
        }
    }
    let tenant = Some(("organization", Sym::new(organisation)));
    book.covers(
        origin,
        "github",
        tenant,
        QUALITY,
        Some(MISSING),
        &[requested, begun, end],
    );
}

/// What became of an entry of the audit log.
enum Matched {
    Yes,
    /// It is about something else.
    Other,
    /// Its run is not in the files.
    NoRun,
    Broken(&'static str),
}

fn audited(book: &mut Book<'_>, input: &Input, entry: &Value, runs: &Runs) -> Matched {
    let kind = match string(entry, &["action"]) {
        Some("workflows.approve_workflow_job") => EventKind::Approved,
        Some("workflows.reject_workflow_job") => EventKind::Denied,
        Some("workflows.bypass_protection_rules") => EventKind::Issued,
        _ => return Matched::Other,
    };
    let number = at(entry, &["workflow_run_id"]).and_then(|value| match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    let Some(number) = number else {
        return Matched::Broken("a review without `workflow_run_id`");
    };
    let when: Option<Timestamp> = time(entry, &["created_at"]).or(time(entry, &["@timestamp"]));
    let Some(found) = runs.get(&number) else {
        return Matched::NoRun;
    };
    let named = string(entry, &["env_name"]).or(string(entry, &["environment_name"]));
    let organisation = string(entry, &["org"])
        .or(string(entry, &["repo"]).map(owner))
        .unwrap_or_default();
    let by = string(entry, &["actor"]).map(|login| {
        let id = label(entry, &["actor_id"]).unwrap_or_else(|| login.to_lowercase());
        Party::human(format!("github/{organisation}"), id).named(Some(login))
    });
    for (origin, environment) in found {
        if named.is_some_and(|named| named != environment) {
            continue;
        }
        // An entry that names no environment stands for each that was reviewed.
        let origin = Origin {
            object: label(entry, &["_document_id"]).map_or(origin.object, Sym::from),
            file: input.file,
            system: "github-audit-log".into(),
            class: EvidenceClass::Target,
            ..*origin
        };
        let mut event = book.event(&origin, kind);
        event.data.channel = Some(Channel::Github);
        if kind == EventKind::Issued {
            event.data.channel = None;
            event.data.break_glass = Some(true);
            event.data.reason = Some("protection rules were stepped over".into());
        }
        book.push(event.at(when, RECORDED).by(by));
    }
    book.used();
    Matched::Yes
}
