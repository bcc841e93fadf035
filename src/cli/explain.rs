//! `tenure explain`: a rule, or a finding with its evidence.

use anyhow::{Result, bail};

use super::args::{ExplainArgs, Global};
use super::{Exit, collect, print, settings};
use crate::model::Finding;
use crate::report::text::visible;
use crate::scan::{self, Judge};

pub(super) fn run(global: &Global, args: ExplainArgs) -> Result<Exit> {
    let config = settings::config(global)?;
    let rules = settings::rules(&config, &args.sources.rules)?;
    if let Some(text) = rules.explain(&args.what) {
        print(text)?;
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
            print(page(finding))?;
            Ok(Exit::Clean)
        }
        several => bail!(
            "`{}` begins the ids of {} findings; give more of it",
            args.what,
            several.len()
        ),
    }
}

/// A finding with everything that shows it.
fn page(finding: &Finding) -> String {
    let mut lines = vec![
        format!(
            "{} {} ({})",
            finding.rule,
            finding.name,
            finding.severity.as_str()
        ),
        String::new(),
        visible(&finding.message).into_owned(),
        String::new(),
    ];
    for evidence in &finding.evidence {
        let place = evidence.location.map_or(String::new(), |at| {
            format!(" ({}:{}:{})", visible(&at.file), at.line, at.column)
        });
        lines.push(format!(
            "  {}: {}{place}",
            visible(&evidence.source),
            visible(&evidence.what)
        ));
    }
    for step in &finding.steps {
        lines.push(format!(
            "  {} —{}→ {}",
            visible(&step.from),
            visible(&step.action),
            visible(&step.to)
        ));
    }
    lines.push(format!("fix: {}", visible(&finding.fix)));
    lines.join("\n") + "\n"
}
