//! `tenure explain`: a rule, or a finding with its evidence.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::args::{ExplainArgs, Global};
use super::{Exit, collect, print, settings};
use crate::drift;
use crate::model::RuleCard;
use crate::report::{self, RenderOptions};
use crate::scan::{self, Judge};

pub(super) fn run(global: &Global, args: ExplainArgs) -> Result<Exit> {
    let config = settings::config(global)?;
    let rules = settings::rules(&config, &args.sources.rules)?;
    if let Some(text) = rules.explain(&args.what) {
        print(text)?;
        return Ok(Exit::Clean);
    }
    let named = |card: &RuleCard| card.id == args.what || card.name == args.what;
    if let Some(card) = drift::cards().into_iter().find(named) {
        let RuleCard {
            id,
            name,
            summary,
            why,
            fix,
            ..
        } = card;
        print(format!(
            "{id} {name}\n\nWhat it finds\n  {summary}\n\nWhy it matters\n  {why}\n\nWhat to do\n  {fix}\n"
        ))?;
        return Ok(Exit::Clean);
    }
    if args.sources.targets.is_empty() && config.sources.is_empty() {
        bail!(
            "no rule is called `{}`; see `tenure rules list`. To explain a finding, also name \
             what was scanned: `tenure explain FINDING TARGET…`",
            args.what
        );
    }
    let now = settings::now(global);
    let store = collect::store(None, now);
    let (targets, snapshot) = collect::read(&args.sources, &config, store, global)?;
    let inventory = scan::facts(&snapshot, &config, now);
    let names = targets.iter().map(ToString::to_string).collect();
    let outcome = Judge::new(&config, &rules, now).judge(inventory, names);
    let found: Vec<_> = outcome
        .findings
        .iter()
        .filter(|finding| finding.id.starts_with(args.what.as_str()))
        .collect();
    match found.as_slice() {
        [] => bail!(
            "`{}` is neither a rule nor a finding in what was scanned",
            args.what
        ),
        [finding] => {
            let files: BTreeMap<&str, &[u8]> = snapshot
                .documents
                .iter()
                .map(|document| (document.file.as_str(), &*document.text))
                .collect();
            let options = RenderOptions {
                width: super::scan::width(),
                color: global.color.on_stdout(),
                ..RenderOptions::default()
            };
            let text = |file: &str| {
                files
                    .get(file)
                    .map(|text| String::from_utf8_lossy(text).into_owned())
            };
            print(report::explain(&outcome, finding, &options, &text))?;
            Ok(Exit::Clean)
        }
        several => bail!(
            "`{}` begins the ids of {} findings; give more of it",
            args.what,
            several.len()
        ),
    }
}
