//! `tenure rules`: list, check, test.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;

use super::args::{Global, RulesAction, RulesArgs};
use super::{Exit, print, settings};

pub(super) fn run(global: &Global, args: RulesArgs) -> Result<Exit> {
    match args.action {
        RulesAction::List { rules, json } => list(global, &rules, json),
        RulesAction::Check { rules } => check(global, &rules),
        RulesAction::Test { rules } => test(global, &rules),
    }
}

fn list(global: &Global, further: &[PathBuf], json: bool) -> Result<Exit> {
    let config = settings::config(global)?;
    let cards = settings::rules(&config, further)?.cards();
    if json {
        let mut text = serde_json::to_string_pretty(&cards)?;
        text.push('\n');
        print(text)?;
        return Ok(Exit::Clean);
    }
    let wide = cards.iter().map(|card| card.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for card in &cards {
        writeln!(
            text,
            "{:<8} {:<8} {:<wide$}  {}",
            card.id, card.severity, card.name, card.summary
        )?;
    }
    writeln!(text, "\n{} rules", cards.len())?;
    print(text)?;
    Ok(Exit::Clean)
}

fn check(global: &Global, further: &[PathBuf]) -> Result<Exit> {
    let config = settings::config(global)?;
    let set = settings::rules(&config, further)?;
    print(format!("{} rules load\n", set.cards().len()))?;
    Ok(Exit::Clean)
}

fn test(global: &Global, further: &[PathBuf]) -> Result<Exit> {
    let config = settings::config(global)?;
    let tested = settings::rules(&config, further)?.self_test();
    let mut text = String::new();
    for failure in &tested.failures {
        writeln!(text, "{failure}")?;
    }
    writeln!(
        text,
        "{} rules, {} tests, {} failed",
        tested.rules,
        tested.tests,
        tested.failures.len()
    )?;
    print(text)?;
    Ok(if tested.passed() {
        Exit::Clean
    } else {
        Exit::Findings
    })
}
