//! `tenure paths`.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::json;

use super::args::{Global, PathsArgs};
use super::{Exit, collect, print, settings};
use crate::model::{Inventory, Path, Tier, glob};
use crate::report::text::visible;
use crate::scan;

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
                    "name": path.name,
                    "verdict": path.verdict,
                    "residual": path.residual,
                    "gate": path.gate,
                    "steps": path.steps,
                })
            })
            .collect();
        print(format!("{}\n", serde_json::to_string_pretty(&all)?))?;
        return Ok(Exit::Clean);
    }
    let mut text = String::new();
    for path in &chosen {
        writeln!(
            text,
            "{} → {} ({}, {})",
            visible(&inventory.identity(path.from).id),
            path.tier.as_str(),
            visible(&path.name),
            path.verdict.as_str(),
        )?;
        for step in &path.steps {
            writeln!(
                text,
                "    {} —{}→ {}",
                visible(&step.from),
                visible(&step.action),
                visible(&step.to)
            )?;
        }
        if let Some(residual) = path.residual {
            writeln!(text, "    if {}", visible(&residual))?;
        }
    }
    writeln!(text, "{} ways", chosen.len())?;
    print(text)?;
    Ok(Exit::Clean)
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
    from && to
}
