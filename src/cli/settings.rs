//! Configuration, clock and rules for one run.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use super::args::Global;
use crate::config::Config;
use crate::rules::RuleSet;

/// Reads the settings the user named, or finds them, or takes the defaults.
pub(super) fn config(global: &Global) -> Result<Config> {
    let path = match &global.config {
        Some(path) => Some(path.clone()),
        None => std::env::current_dir()
            .ok()
            .and_then(|here| Config::find(&here)),
    };
    match path {
        Some(path) => {
            tracing::info!("settings: {}", path.display());
            Ok(Config::read(&path)?)
        }
        None => Ok(Config::default()),
    }
}

/// The moment of judgement.
pub(super) fn now(global: &Global) -> Timestamp {
    global.now.unwrap_or_else(Timestamp::now)
}

/// The built-in rules, those of the configuration and those of the command line.
pub(super) fn rules(config: &Config, further: &[PathBuf]) -> Result<RuleSet> {
    let mut set = RuleSet::embedded().context("the built-in rules do not load")?;
    for folder in config.rules.iter().chain(further) {
        set = set.with_dir(folder)?;
    }
    set.disable(&config.disable).map_err(|unknown| {
        anyhow::anyhow!(
            "`disable:` names rules that do not exist: {}; see `tenure rules list`",
            unknown.join(", ")
        )
    })
}
