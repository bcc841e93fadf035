//! `tenure ledger`: import, verify, show, list.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::args::{Global, LedgerAction, LedgerArgs};
use super::{Exit, print, settings, tell};
use crate::jit::import::{self, Imported, Input, Kind, Map, Options};
use crate::jit::ledger::{self, Digest, Ledger, Recovery};
use crate::model::{
    Actor, EndResult, Grant, GrantEvent, GrantField, Moment, Progress, Quality, Sym, System,
};
use crate::report::text::{shorten, visible, visible_lines};
use crate::snapshot;

pub(super) fn run(global: &Global, args: LedgerArgs) -> Result<Exit> {
    match args.action {
        LedgerAction::Import {
            kind,
            files,
            map,
            instance,
            covers,
            chain,
            dry_run,
        } => {
            if map.is_some() && !matches!(kind, Kind::Csv | Kind::Json) {
                bail!("`--map` is for csv and json; `{kind}` knows its own format");
            }
            let map = map.as_deref().map(read_map).transpose()?;
            let options = Options {
                instance: instance.as_deref().map(Sym::new),
                covers,
                map,
                now: settings::now(global),
            };
            let inputs = inputs(kind, &files)?;
            let read = import::import(kind, &inputs, &options)?;
            let chain = chain.as_deref().map(Sym::new);
            add(global, &args.ledger, read, chain, dry_run)
        }
        LedgerAction::Verify { segments, head } => {
            let segments = match segments.is_empty() {
                true => vec![args.ledger],
                false => segments,
            };
            verify(&segments, head)
        }
        LedgerAction::Show { grant, json } => show(global, &args.ledger, &grant, json),
        LedgerAction::List { json } => list(global, &args.ledger, json),
    }
}

fn read_map(path: &Path) -> Result<Map> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the map `{}`", path.display()))?;
    Map::parse(&text).with_context(|| format!("`{}` is no map", path.display()))
}

/// The files to import; of directories what they hold.
fn inputs(kind: Kind, files: &[PathBuf]) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in files {
        if !path.is_dir() {
            inputs.push(read(path)?);
            continue;
        }
        if kind == Kind::Kubernetes {
            let documents = snapshot::load(path)?.documents;
            inputs.extend(
                documents
                    .into_iter()
                    .filter(|document| document.system == System::Kubernetes)
                    .filter(|document| document.kind == "objects")
                    .map(|document| Input {
                        file: document.file,
                        tenant: document.tenant,
                        text: document.text.to_vec(),
                    }),
            );
            continue;
        }
        let folder = fs::read_dir(path)
            .with_context(|| format!("cannot read the directory `{}`", path.display()))?;
        let mut inside = Vec::new();
        for entry in folder {
            let entry = entry.with_context(|| format!("cannot read `{}`", path.display()))?;
            if entry.path().is_file() {
                inside.push(entry.path());
            }
        }
        inside.sort();
        for path in &inside {
            inputs.push(read(path)?);
        }
    }
    if inputs.is_empty() {
        bail!("there are no files to import");
    }
    Ok(inputs)
}

fn read(path: &Path) -> Result<Input> {
    let size = fs::metadata(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?
        .len();
    if size > import::MAX_FILE {
        bail!(
            "`{}` is larger than {} MB; export it in parts",
            path.display(),
            import::MAX_FILE >> 20
        );
    }
    let text = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(Input {
        file: Sym::new(&path.display().to_string().replace('\\', "/")),
        tenant: None,
        text,
    })
}

fn add(
    global: &Global,
    path: &Path,
    read: Imported,
    chain: Option<Sym>,
    dry_run: bool,
) -> Result<Exit> {
    let Imported {
        events,
        records,
        grants,
        problems,
        problem_count,
        notes,
    } = read;
    for problem in &problems {
        tell(
            global,
            &format!("warning: {}", visible_lines(&problem.to_string())),
        );
    }
    let untold = problem_count - problems.len() as u64;
    if untold > 0 {
        tell(
            global,
            &format!("warning: and {untold} more records could not be used"),
        );
    }
    for note in &notes {
        tell(global, &format!("note: {}", visible(note)));
    }
    let exit = match problem_count {
        0 => Exit::Clean,
        _ => Exit::Incomplete,
    };
    if dry_run {
        print(format!(
            "{records} records, {} events of {grants} grants; nothing was added\n",
            events.len()
        ))?;
        return Ok(exit);
    }
    let done = ledger::append(path, chain, events)?;
    match done.recovered {
        Some(Recovery::Completed { line }) => {
            tell(
                global,
                &format!("note: line {line} was complete but for its end; it is kept"),
            );
        }
        Some(Recovery::CutOff { line, bytes }) => tell(
            global,
            &format!(
                "note: line {line} was left unfinished by an interrupted import; its {bytes} bytes \
                 were cut off"
            ),
        ),
        None => {}
    }
    let head = done.head.map_or("none".to_owned(), |head| head.to_string());
    print(format!(
        "{records} records, {grants} grants: {} events added, {} known already\n{}: {} lines, \
         head {head}\n",
        done.added,
        done.known,
        path.display(),
        done.lines
    ))?;
    Ok(exit)
}

fn verify(segments: &[PathBuf], head: Option<Digest>) -> Result<Exit> {
    let paths: Vec<&Path> = segments.iter().map(PathBuf::as_path).collect();
    let found = ledger::read(&paths, |_, _| ())?;
    let mut text = String::new();
    for fault in &found.faults {
        writeln!(text, "{}", visible(&fault.to_string()))?;
    }
    let untold = found.fault_count - found.faults.len() as u64;
    if untold > 0 {
        writeln!(text, "and {untold} more")?;
    }
    let mut sound = found.is_sound();
    if let Some(head) = head {
        match found.since(head) {
            Some(0) => writeln!(text, "unchanged since {head}")?,
            Some(lines) => writeln!(text, "{lines} lines were added since {head}")?,
            None => {
                sound = false;
                writeln!(
                    text,
                    "cut off: no line has the digest {head}: lines were dropped from the end, or \
                     the history was written anew"
                )?;
            }
        }
    }
    for head in &found.heads {
        writeln!(
            text,
            "chain {}: {} lines, head {}",
            visible(&head.chain),
            head.lines,
            head.digest
        )?;
    }
    match (sound, found.fault_count) {
        (true, _) => writeln!(text, "{} lines, as they were written", found.lines)?,
        (false, 0) => writeln!(text, "{} lines, and others are missing", found.lines)?,
        (false, faults) => writeln!(
            text,
            "{} lines, {faults} not as they were written",
            found.lines
        )?,
    }
    print(text)?;
    Ok(if sound { Exit::Clean } else { Exit::Findings })
}

fn load(global: &Global, path: &Path) -> Result<(Ledger, Exit)> {
    if !path.exists() {
        bail!(
            "there is no ledger `{}`; make one with `tenure ledger import`, or name another with \
             `--ledger`",
            path.display()
        );
    }
    let ledger = ledger::load(&[path])?;
    let exit = match ledger.verified.is_sound() {
        true => Exit::Clean,
        false => {
            tell(
                global,
                &format!(
                    "warning: {} lines are not as they were written and were left out; see `tenure \
                     ledger verify`",
                    ledger.verified.fault_count
                ),
            );
            Exit::Findings
        }
    };
    Ok((ledger, exit))
}

fn show(global: &Global, path: &Path, wanted: &str, json: bool) -> Result<Exit> {
    let (ledger, exit) = load(global, path)?;
    let exact = ledger.grants.iter().find(|grant| grant.id == wanted);
    let found: Vec<&Grant> = match exact {
        Some(grant) => vec![grant],
        None => ledger
            .grants
            .iter()
            .filter(|grant| grant.id.ends_with(wanted))
            .collect(),
    };
    let grant = match found.as_slice() {
        [grant] => *grant,
        [] => bail!(
            "there is no grant `{}` in `{}`; see `tenure ledger list`",
            visible(wanted),
            path.display()
        ),
        several => {
            let ids: Vec<String> = several
                .iter()
                .take(10)
                .map(|grant| visible(&grant.id).into_owned())
                .collect();
            bail!(
                "`{}` is the end of {} ids; name one of them: {}",
                visible(wanted),
                several.len(),
                ids.join(", ")
            );
        }
    };
    if json {
        let mut text = serde_json::to_string_pretty(grant)?;
        text.push('\n');
        print(text)?;
    } else {
        print(life(grant))?;
    }
    Ok(exit)
}

fn name(actor: Option<Actor>) -> String {
    actor.map_or_else(
        || "nobody named".to_owned(),
        |actor| visible(&actor.to_string()).into_owned(),
    )
}

/// The life of a grant: what was granted, each step, and what is missing.
fn life(grant: &Grant) -> String {
    let mut text = format!("{}\n", visible(&grant.id));
    let mut head = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {label:<10} {value}");
        }
    };
    let privileges: Vec<&str> = grant.privileges.iter().map(|one| one.as_str()).collect();
    let scope: Vec<String> = grant
        .scope
        .iter()
        .map(|(part, name)| format!("{part} {name}"))
        .collect();
    head(
        "what",
        &visible(&format!("{} of {}", grant.kind, privileges.join(", "))),
    );
    head(
        "on",
        &visible(&format!("{}: {}", grant.realm, scope.join(", "))),
    );
    head("who", &name(grant.subject));
    if grant.on_behalf_of.is_some() && grant.on_behalf_of != grant.subject {
        head("for", &name(grant.on_behalf_of));
    }
    let ticket = grant
        .ticket
        .map_or(String::new(), |ticket| format!("{ticket}: "));
    let why = grant.purpose.as_deref().unwrap_or_default();
    head(
        "why",
        visible(&format!("{ticket}{why}")).trim_end_matches(": "),
    );
    let until = match grant.expires {
        Moment::Never => "no end".to_owned(),
        Moment::At(at) => at.to_string(),
        Moment::Unknown => String::new(),
    };
    head("until", &until);
    head(
        "evidence",
        &format!("{} from {}", grant.evidence, visible(&grant.source)),
    );
    if grant.break_glass {
        head("emergency", if grant.drill { "a drill" } else { "yes" });
    }
    text.push('\n');
    for event in &grant.events {
        text.push_str(&step(event));
    }
    let gaps = gaps(grant);
    if !gaps.is_empty() {
        text.push_str("\ngaps\n");
        for gap in gaps {
            let _ = writeln!(text, "  {gap}");
        }
    }
    text
}

fn step(event: &GrantEvent) -> String {
    let at = match (event.at, event.quality) {
        (Some(at), Quality::Inferred) => format!("~{at}"),
        (Some(at), _) => at.to_string(),
        (None, _) => "no time kept".to_owned(),
    };
    let by = event.by.map_or(String::new(), |by| {
        format!(" by {}", visible(&by.to_string()))
    });
    let note = event.note.as_deref().map_or(String::new(), |note| {
        format!(" ({})", shorten(&visible(note), 100))
    });
    format!("  {at:<21} {:<13} {}{by}{note}\n", event.what, event.class)
}

/// What is missing of request, approval, issue, use, end and review, and whether its
/// source could have told.
fn gaps(grant: &Grant) -> Vec<String> {
    let mut gaps = Vec::new();
    let mut gap = |missing: bool, what: &str, field: Option<GrantField>| {
        if !missing {
            return;
        }
        let keeps = field.is_none_or(|field| grant.keeps(field));
        gaps.push(match keeps {
            true => what.to_owned(),
            false => format!("{what}: its source does not keep that"),
        });
    };
    let given = grant.progress == Progress::Issued;
    gap(
        grant.requester.is_none(),
        "nobody is named as requester",
        Some(GrantField::Requester),
    );
    gap(
        grant.purpose.is_none(),
        "no purpose",
        Some(GrantField::Purpose),
    );
    gap(
        grant.ticket.is_none(),
        "no ticket",
        Some(GrantField::Ticket),
    );
    if given {
        gap(
            grant.approvals.is_empty(),
            "no approval",
            Some(GrantField::Approver),
        );
        let timeless = grant.approvals.iter().any(|approval| approval.at.is_none());
        gap(
            timeless,
            "no time of approval",
            Some(GrantField::ApprovedAt),
        );
        gap(
            grant.issued.is_none(),
            "no time of issue",
            Some(GrantField::IssuedAt),
        );
        gap(
            !grant.expires.is_known(),
            "no end is planned",
            Some(GrantField::ExpiresAt),
        );
        gap(grant.expires.is_never(), "it never ends", None);
        let used = !grant.used.is_empty() || grant.uses.is_some() || !grant.sessions.is_empty();
        gap(!used, "no use is recorded", Some(GrantField::Usage));
        gap(
            grant.ended.is_none(),
            "no end is recorded",
            Some(GrantField::EndedAt),
        );
        gap(
            grant.end_result == EndResult::Failed,
            "removing (or giving) the access failed",
            None,
        );
        let gone = grant.observed.iter().any(|seen| !seen.present);
        gap(
            grant.ended.is_some() && !gone,
            "nobody saw the access gone from the target",
            None,
        );
        gap(
            grant.break_glass && grant.reviewed.is_none(),
            "emergency access without a review",
            Some(GrantField::Review),
        );
        gap(
            grant.externally_modified,
            "something outside the tool changed the access",
            None,
        );
    }
    gaps
}

fn list(global: &Global, path: &Path, json: bool) -> Result<Exit> {
    let (ledger, exit) = load(global, path)?;
    if json {
        let value = serde_json::json!({
            "head": ledger.verified.head(),
            "lines": ledger.verified.lines,
            "faults": ledger.verified.fault_count,
            "grants": ledger.grants,
            "coverage": ledger.coverage,
        });
        let mut text = serde_json::to_string_pretty(&value)?;
        text.push('\n');
        print(text)?;
        return Ok(exit);
    }
    let rows: Vec<[String; 6]> = ledger.grants.iter().map(row).collect();
    let header = ["GRANT", "WHO", "WHAT", "BEGAN", "ENDS", "STATE"].map(str::to_owned);
    let mut wide = [0; 6];
    for row in rows.iter().chain([&header]) {
        for (width, cell) in wide.iter_mut().zip(row) {
            *width = (*width).max(unicode_width::UnicodeWidthStr::width(cell.as_str()));
        }
    }
    let mut text = String::new();
    for row in [&header].into_iter().chain(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(wide) {
            let blank = width - unicode_width::UnicodeWidthStr::width(cell.as_str());
            line.push_str(cell);
            line.push_str(&" ".repeat(blank + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    for one in &ledger.coverage {
        let tenant = one
            .tenant
            .map_or(String::new(), |tenant| format!(" {tenant}"));
        let from = one
            .from
            .map_or("the beginning".to_owned(), |from| from.to_string());
        let why = match one.reason.is_empty() {
            true => String::new(),
            false => format!(": {}", one.reason),
        };
        let seen = format!("{:?}", one.seen).to_lowercase();
        let line = format!(
            "{}{tenant} by {}: {seen} from {from} to {}{why}",
            one.realm, one.source, one.to
        );
        writeln!(text, "{}", visible(&line))?;
    }
    let head = ledger
        .verified
        .head()
        .map_or("none".to_owned(), |head| head.to_string());
    writeln!(
        text,
        "{} grants, {} lines, head {head}",
        ledger.grants.len(),
        ledger.verified.lines
    )?;
    print(text)?;
    Ok(exit)
}

fn row(grant: &Grant) -> [String; 6] {
    let cut = |text: &str, limit| shorten(&visible(text), limit).into_owned();
    let time = |at: Option<jiff::Timestamp>| at.map_or("-".to_owned(), |at| at.to_string());
    let privileges: Vec<&str> = grant.privileges.iter().map(|one| one.as_str()).collect();
    let state = match (grant.progress, grant.end_result, grant.ended) {
        (Progress::Issued, EndResult::Failed, _) => "removal failed",
        (Progress::Issued, _, Some(_)) => grant.end_cause.map_or("ended", |cause| cause.as_str()),
        (progress, _, _) => progress.as_str(),
    };
    let ends = match grant.expires {
        Moment::Never => "never".to_owned(),
        other => time(other.at()),
    };
    [
        visible(&grant.id).into_owned(),
        cut(&name(grant.subject), 40),
        cut(&privileges.join(", "), 40),
        time(grant.issued.or(grant.requested)),
        ends,
        state.to_owned(),
    ]
}
