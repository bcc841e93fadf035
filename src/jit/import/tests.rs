//! Every importer against files in its system's own format, and against anything else.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::jit::ledger::{Folder, Place};
use crate::model::{Approval, Grant, Moment};

const NOW: &str = "2026-09-01T00:00:00Z";

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jit")
}

fn options(instance: Option<&str>) -> Options {
    Options {
        instance: instance.map(Sym::new),
        covers: None,
        map: None,
        now: NOW.parse().unwrap(),
    }
}

fn input(file: &str, text: impl Into<Vec<u8>>) -> Input {
    Input {
        file: file.into(),
        tenant: None,
        text: text.into(),
    }
}

fn inputs(kind: Kind) -> Vec<Input> {
    let mut files: Vec<PathBuf> = fs::read_dir(data().join(kind.as_str()))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            !path.extension().is_some_and(|extension| {
                extension == "yaml" && matches!(kind, Kind::Csv | Kind::Json)
            })
        })
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            input(name, fs::read(path).unwrap())
        })
        .collect()
}

fn map_of(kind: Kind) -> Option<Map> {
    let name = match kind {
        Kind::Csv => "csv/columns.yaml",
        Kind::Json => "json/members.yaml",
        _ => return None,
    };
    Some(Map::parse(&fs::read_to_string(data().join(name)).unwrap()).unwrap())
}

fn instance_of(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Kubernetes | Kind::VaultAudit | Kind::VaultLeases => Some("prod"),
        Kind::EntraPim => Some("contoso"),
        Kind::Teleport => Some("tele"),
        _ => None,
    }
}

fn read(kind: Kind) -> Imported {
    let options = Options {
        map: map_of(kind),
        ..options(instance_of(kind))
    };
    import(kind, &inputs(kind), &options).unwrap()
}

fn fold(imported: Imported) -> crate::jit::ledger::Ledger {
    let mut folder = Folder::default();
    for (at, event) in imported.events.into_iter().enumerate() {
        let place = Place {
            file: "ledger".into(),
            line: at as u64 + 1,
        };
        folder.add(place, event);
    }
    folder.finish(true)
}

/// A grant in a form a reader can check against the file it comes from.
fn tell(grant: &Grant) -> String {
    let mut text = format!("{}\n", grant.id);
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name}: {value}");
        }
    };
    let actor = |actor: Option<crate::model::Actor>| actor.map_or(String::new(), |a| a.to_string());
    let time = |time: Option<Timestamp>| time.map_or(String::new(), |t| t.to_string());
    let pairs = |list: &[(Sym, Sym)]| {
        let list: Vec<String> = list.iter().map(|(k, v)| format!("{k}={v}")).collect();
        list.join(" ")
    };
    let join = |list: &[Sym]| {
        list.iter()
            .map(|s| s.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    };
    line(
        "is",
        format!(
            "{} {} by {}, {}",
            grant.kind, grant.progress, grant.source, grant.evidence
        ),
    );
    line("to", format!("{} {}", grant.realm, grant.tenant));
    line("requester", actor(grant.requester));
    line("subject", actor(grant.subject));
    line("for", actor(grant.on_behalf_of));
    line("what", join(&grant.privileges));
    line("scope", pairs(&grant.scope));
    line(
        "why",
        grant.purpose.as_deref().unwrap_or_default().to_owned(),
    );
    line("ticket", grant.ticket.unwrap_or_default().to_string());
    for Approval {
        by,
        at,
        channel,
        policy,
        artefact,
    } in &grant.approvals
    {
        let policy = policy.map_or(String::new(), |policy| format!(" policy {policy}"));
        let artefact = artefact.map_or(String::new(), |artefact| format!(" ({artefact})"));
        line(
            "approved",
            format!("{} {} {channel}{policy}{artefact}", actor(*by), time(*at)),
        );
    }
    line("requested", time(grant.requested));
    line("not before", time(grant.not_before));
    line("issued", time(grant.issued));
    line(
        "expires",
        match grant.expires {
            Moment::Never => "never".to_owned(),
            Moment::At(at) => at.to_string(),
            Moment::Unknown => String::new(),
        },
    );
    line(
        "extensions",
        if grant.extensions > 0 {
            grant.extensions.to_string()
        } else {
            String::new()
        },
    );
    line(
        "ended",
        format!(
            "{} {} {} {}",
            time(grant.ended),
            grant.end_cause.map_or("", |cause| cause.as_str()),
            actor(grant.ended_by),
            if grant.end_result == crate::model::EndResult::Failed {
                "failed"
            } else {
                ""
            },
        )
        .trim()
        .to_owned(),
    );
    for session in &grant.sessions {
        line(
            "session",
            format!("{} to {}", time(session.start), time(session.end)),
        );
    }
    line(
        "used",
        grant
            .used
            .iter()
            .map(|t| t.to_string())
            .collect::<Vec<_>>()
            .join(" "),
    );
    line("uses", grant.uses.map_or(String::new(), |n| n.to_string()));
    let mut marks = Vec::new();
    if grant.break_glass {
        marks.push("break-glass");
    }
    if grant.externally_modified {
        marks.push("externally-modified");
    }
    line("marks", marks.join(" "));
    line(
        "reviewed",
        format!("{} {}", time(grant.reviewed), actor(grant.reviewed_by))
            .trim()
            .to_owned(),
    );
    for wanted in [
        crate::model::Quality::Inferred,
        crate::model::Quality::Absent,
    ] {
        let fields: Vec<&str> = grant
            .qualities
            .iter()
            .filter(|(_, quality)| *quality == wanted)
            .map(|(field, _)| field.as_str())
            .collect();
        line(wanted.as_str(), fields.join(" "));
    }
    text
}

fn tell_all(kind: Kind) -> String {
    let imported = read(kind);
    let mut text = format!("{} records, {} grants\n", imported.records, imported.grants);
    for problem in &imported.problems {
        let _ = writeln!(text, "problem: {problem}");
    }
    for note in &imported.notes {
        let _ = writeln!(text, "note: {note}");
    }
    let ledger = fold(imported);
    for coverage in &ledger.coverage {
        let _ = writeln!(
            text,
            "covers {} {} from {} to {}: {:?}: {}",
            coverage.realm,
            coverage.tenant.map_or("*", |tenant| tenant.as_str()),
            coverage.from.map_or(String::new(), |at| at.to_string()),
            coverage.to,
            coverage.seen,
            coverage.reason
        );
    }
    for grant in &ledger.grants {
        text.push('\n');
        text.push_str(&tell(grant));
    }
    text
}

#[test]
fn every_system_is_read_as_expected() {
    let mut stale = Vec::new();
    for kind in Kind::ALL {
        let told = tell_all(kind);
        let path = data().join(format!("{kind}.expected"));
        if std::env::var_os("TENURE_UPDATE").is_some() {
            fs::write(&path, &told).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != told {
            stale.push((kind, told));
        }
    }
    if let Some((kind, told)) = stale.first() {
        panic!("{kind} gives something else now:\n{told}");
    }
}

#[test]
fn a_file_of_another_kind_is_told_apart() {
    for is in Kind::ALL {
        if matches!(is, Kind::Csv | Kind::Json) {
            continue;
        }
        for asked in Kind::ALL {
            if asked == is || matches!(asked, Kind::Csv | Kind::Json) {
                continue;
            }
            for file in inputs(is) {
                let name = file.file;
                let Err(error) = import(asked, &[file], &options(None)) else {
                    panic!("{asked} takes {name} of {is}");
                };
                let message = error.to_string();
                assert!(
                    matches!(error, ImportError::Syntax { .. })
                        || message.contains(&format!("import {is} ")),
                    "{asked} of {is}: {message}"
                );
            }
        }
    }
}

#[test]
fn generic_files_say_which_column_is_missing() {
    let table = input("t.csv", "who,what\nalice@x.io,admin\n");
    let error = import(Kind::Csv, &[table], &options(None))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no column `id`") && error.contains("--map"),
        "{error}"
    );
    let ours = "id,system,requester,issued_at\n1,gcp,alice@x.io,2026-08-20T10:00:00Z\n";
    let read = import(Kind::Csv, &[input("t.csv", ours)], &options(None)).unwrap();
    assert_eq!((read.records, read.grants), (1, 1));
    let records = input(
        "t.json",
        r#"[{"id":"1","system":"gcp","requester":"a@x.io"}]"#,
    );
    assert_eq!(
        import(Kind::Json, &[records], &options(None))
            .unwrap()
            .grants,
        1
    );
}

#[test]
fn broken_files_name_the_place() {
    for (kind, text, place) in [
        (Kind::GcpPam, "[\n{\"name\": }]", "f:2:"),
        (Kind::AwsTeam, "[{\"id\": 1},", "f:1:"),
        (Kind::Teleport, "\u{1}", "f:1:"),
        (Kind::AwsTeam, "id,email\n\"a", "f:2"),
        (Kind::Kubernetes, "a: [\nb: {", "f:"),
    ] {
        let error = import(kind, &[input("f", text)], &options(None)).unwrap_err();
        assert!(error.to_string().starts_with(place), "{kind}: {error}");
    }
    let error = import(
        Kind::GcpPam,
        &[input("f", b"[\n\xff]".as_slice())],
        &options(None),
    );
    assert!(error.unwrap_err().to_string().starts_with("f:2: not UTF-8"));
}

#[test]
fn what_the_user_says_is_covered_is_covered_unless_records_are_lost() {
    let window: Window = "2026-08-01..2026-08-31".parse().unwrap();
    for (kind, whole) in [
        (Kind::VaultLeases, false),
        (Kind::Teleport, false),
        (Kind::Json, false),
    ] {
        let options = Options {
            covers: Some(window),
            map: map_of(kind),
            ..options(instance_of(kind))
        };
        let read = import(kind, &inputs(kind), &options).unwrap();
        let coverage = fold(read).coverage;
        assert_eq!(
            coverage[0].seen == crate::model::Seen::Complete,
            whole,
            "{kind}"
        );
        assert_eq!(coverage[0].to, window.to);
    }
    let mut one = inputs(Kind::VaultLeases);
    let text = String::from_utf8(one.remove(0).text).unwrap();
    let first = text.lines().next().unwrap().to_owned();
    let options = Options {
        covers: Some(window),
        ..options(None)
    };
    let read = import(Kind::VaultLeases, &[input("l", first)], &options).unwrap();
    assert_eq!(fold(read).coverage[0].seen, crate::model::Seen::Complete);
}

#[test]
fn a_log_and_a_lookup_tell_about_the_same_lease() {
    let mut both = read(Kind::VaultAudit);
    both.events.extend(read(Kind::VaultLeases).events);
    let grants = fold(both).grants;
    let grant = grants
        .iter()
        .find(|grant| {
            grant
                .id
                .ends_with("lease/database/creds/ledger-rw/Qm3W0aLx")
        })
        .unwrap();
    assert_eq!(grant.approvals.len(), 1);
    assert!(grant.expires.is_known());
    assert!(grant.subject.is_some());
}

#[test]
fn reading_twice_gives_the_same_events() {
    for kind in Kind::ALL {
        let ids = |imported: Imported| -> Vec<Box<str>> {
            imported.events.into_iter().map(|event| event.id).collect()
        };
        let once = ids(read(kind));
        assert_eq!(once, ids(read(kind)), "{kind}");
        let mut different = once.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), once.len(), "{kind}");
    }
}

/// The published schema, with no room for members it does not name.
fn strict_schema() -> serde_json::Value {
    use serde_json::Value;
    fn close(schema: &mut Value) {
        match schema {
            Value::Object(map) => {
                if map.contains_key("properties") && !map.contains_key("additionalProperties") {
                    map.insert("additionalProperties".to_owned(), Value::Bool(false));
                }
                for (name, value) in map.iter_mut() {
                    // A condition looks at one member and says nothing about others.
                    if !matches!(name.as_str(), "if" | "then") {
                        close(value);
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(close),
            _ => {}
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ledger-schema.json");
    let mut schema = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    close(&mut schema);
    schema
}

#[test]
fn every_line_fits_the_published_schema() {
    let schema = strict_schema();
    let kinds: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(
        schema["properties"]["type"]["enum"],
        serde_json::json!(kinds)
    );
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    for kind in Kind::ALL {
        let mut prev = None;
        for mut event in read(kind).events {
            let line = event.seal("ledger/test".into(), prev).unwrap();
            prev = Some(event.digest);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            let wrong: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{kind}: {wrong:#?}\n{line}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for kind in Kind::ALL {
            let _ = import(kind, &[input("f", bytes.clone())], &options(None));
        }
    }

    /// The system's own format with a piece cut out, doubled or overwritten.
    #[test]
    fn damaged_files_are_read_or_refused(
        which in 0usize..Kind::ALL.len(),
        from in any::<prop::sample::Index>(),
        length in 0usize..200,
        put in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let kind = Kind::ALL[which];
        let options = Options { map: map_of(kind), ..options(instance_of(kind)) };
        for mut file in inputs(kind) {
            let from = from.index(file.text.len());
            let to = (from + length).min(file.text.len());
            file.text.splice(from..to, put.clone());
            let _ = import(kind, &[file], &options);
        }
    }
}
