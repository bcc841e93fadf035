//! `tenure can`, `tenure who-can`, `tenure paths`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use anyhow::{Result, bail};
use serde_json::json;

use super::args::{CanArgs, Global, PathsArgs, Sources, WhoCanArgs};
use super::{Exit, collect, print, settings};
use crate::model::{Gate, Inventory, Path, Sym, System, Tier, Value, Verdict, glob};
use crate::report::text::visible;
use crate::resolve::Context;
use crate::resolve::aws::query::{self, Permitted};
use crate::scan;
use crate::snapshot::{Document, Snapshot};

pub(super) fn can(global: &Global, args: CanArgs) -> Result<Exit> {
    let config = settings::config(global)?;
    let snapshot = read(global, &args.targets)?;
    let context = Context {
        config: &config,
        now: settings::now(global),
    };
    let permitted = query::can(
        &accounts(&snapshot)?,
        &context,
        &args.identity,
        &args.action,
        args.resource.as_deref(),
    )?;
    print(text(std::slice::from_ref(&permitted)))?;
    Ok(match permitted.verdict {
        Verdict::Yes => Exit::Clean,
        Verdict::No => Exit::Findings,
        Verdict::Conditional => Exit::Incomplete,
    })
}

pub(super) fn who_can(global: &Global, args: WhoCanArgs) -> Result<Exit> {
    let config = settings::config(global)?;
    let snapshot = read(global, &args.targets)?;
    let context = Context {
        config: &config,
        now: settings::now(global),
    };
    let resource = args.resource.as_deref();
    let permitted = query::who_can(&accounts(&snapshot)?, &context, &args.action, resource)?;
    if permitted.is_empty() {
        print("nobody in what was read\n")?;
    } else {
        print(text(&permitted))?;
    }
    Ok(Exit::Clean)
}

/// The AWS documents of what was read.
fn accounts(snapshot: &Snapshot) -> Result<Vec<&Document>> {
    let documents = snapshot.of(System::Aws);
    if documents.is_empty() {
        bail!(
            "nothing of AWS was read; questions are answered for AWS. For single Kubernetes and \
             Vault requests use `tenure simulate`"
        );
    }
    Ok(documents)
}

fn read(global: &Global, targets: &[String]) -> Result<Snapshot> {
    let config = settings::config(global)?;
    let sources = Sources {
        targets: targets.to_vec(),
        offline: false,
        organization: false,
        rules: Vec::new(),
    };
    let store = collect::store(None, settings::now(global));
    Ok(collect::read(&sources, &config, store, global)?.1)
}

fn text(all: &[Permitted]) -> String {
    let mut text = String::new();
    for permitted in all {
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "{:<11} {} on {}",
            permitted.verdict.as_str(),
            visible(&permitted.identity),
            visible(&permitted.resource)
        );
        if let Some(residual) = &permitted.residual {
            let _ = writeln!(text, "            if {}", visible(residual));
        }
        if permitted.explicit_deny {
            let _ = writeln!(text, "            an explicit deny decides");
        }
        for evidence in &permitted.by {
            let place = evidence.location.map_or(String::new(), |at| {
                format!(" ({}:{}:{})", visible(&at.file), at.line, at.column)
            });
            let _ = writeln!(
                text,
                "            {}: {}{place}",
                visible(&evidence.source),
                visible(&evidence.what)
            );
        }
    }
    text
}

pub(super) fn paths(global: &Global, args: PathsArgs) -> Result<Exit> {
    let config = settings::config(global)?;
    let now = settings::now(global);
    let store = collect::store(None, now);
    let (_, snapshot) = collect::read(&args.sources, &config, store, global)?;
    let inventory = scan::facts(&snapshot, &config, now);
    let mut chosen: Vec<&Path> = inventory
        .paths
        .iter()
        .filter(|path| wanted(&inventory, path, &args))
        .collect();
    chosen.sort_by_key(|path| {
        (
            path.steps.len(),
            inventory.identity(path.from).id,
            path.technique,
        )
    });
    if args.json {
        let all: Vec<_> = chosen
            .iter()
            .map(|path| {
                json!({
                    "from": inventory.identity(path.from).id,
                    "to": path.to.map(|to| inventory.identity(to).id),
                    "tier": path.tier,
                    "technique": path.technique,
                    "system": path.system,
                    "target": {"system": target(path).0, "tenant": target(path).1},
                    "name": path.name,
                    "verdict": path.verdict,
                    "residual": path.residual,
                    "gate": path.gate,
                    "steps": path.steps,
                    "attributes": path.attrs.iter().collect::<BTreeMap<_, _>>(),
                })
            })
            .collect();
        print(format!("{}\n", serde_json::to_string_pretty(&all)?))?;
        return Ok(Exit::Clean);
    }
    let mut text = String::new();
    for path in &chosen {
        told(&mut text, &inventory, path, args.evidence)?;
    }
    let ways = if chosen.len() == 1 { "way" } else { "ways" };
    writeln!(text, "{} {ways}", chosen.len())?;
    print(text)?;
    Ok(Exit::Clean)
}

/// One way: who gets where, step by step, and what stands in between.
fn told(text: &mut String, inventory: &Inventory, path: &Path, evidence: bool) -> fmt::Result {
    let (system, tenant) = target(path);
    writeln!(
        text,
        "{} → {} of {system} {} ({}, {})",
        visible(&inventory.identity(path.from).id),
        path.tier.as_str(),
        visible(&tenant),
        visible(&path.name),
        path.verdict.as_str(),
    )?;
    for step in &path.steps {
        let gate = match step.gate {
            Gate::None => "",
            Gate::Unproved => " [a gate nothing proves]",
            Gate::Proved => " [gated]",
            Gate::Unknown => " [not seen]",
        };
        writeln!(
            text,
            "    {} —{}→ {}{gate}",
            visible(&step.from),
            visible(&step.action),
            visible(&step.to)
        )?;
        for shown in step.evidence.iter().filter(|_| evidence) {
            let place = shown.location.map_or(String::new(), |at| {
                format!(" ({}:{}:{})", visible(&at.file), at.line, at.column)
            });
            let (source, what) = (visible(&shown.source), visible(&shown.what));
            writeln!(text, "        {source}: {what}{place}")?;
        }
    }
    if let Some(residual) = path.residual {
        writeln!(text, "    if {}", visible(&residual))?;
    }
    Ok(())
}

/// The system and the tenant a way ends in: those of its start, unless it says.
fn target(path: &Path) -> (System, Sym) {
    let said = |name: &str| match path.attrs.get(Sym::new(name)) {
        Some(Value::Str(text)) => Some(*text),
        _ => None,
    };
    let system = said("target_system").and_then(|system| system.parse().ok());
    (
        system.unwrap_or(path.system),
        said("target_tenant").unwrap_or(path.tenant),
    )
}

fn wanted(inventory: &Inventory, path: &Path, args: &PathsArgs) -> bool {
    let named = |pattern: &str, at| {
        let identity = inventory.identity(at);
        glob(pattern, &identity.id) || glob(pattern, &identity.name)
    };
    let from = args
        .from
        .as_deref()
        .is_none_or(|pattern| named(pattern, path.from));
    let to = args.to.as_deref().is_none_or(|wanted| {
        let tier = [Tier::Admin, Tier::Write, Tier::Read]
            .into_iter()
            .find(|tier| tier.as_str() == wanted);
        match tier {
            Some(tier) => path.tier >= tier,
            None => path.to.is_some_and(|at| named(wanted, at)),
        }
    });
    let system = args.system.is_none_or(|system| target(path).0 == system);
    let across = !args.across || path.attrs.get(Sym::new("target_system")).is_some();
    from && to && system && across
}
