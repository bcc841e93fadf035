//! Commands around the scan: permissions, doctor, init, completions, man.

use std::io;

use anyhow::{Context as _, Result, bail};
use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs, DoctorArgs, Global, InitArgs, ManArgs, PermissionsArgs};
use super::{Exit, collect, print, settings, sources, tell};
use crate::connect::Answer;
use crate::report::text::visible;

/// What `tenure init` writes.
const TEMPLATE: &str = include_str!("init.yaml");

pub(super) fn permissions(global: &Global, args: PermissionsArgs) -> Result<Exit> {
    let config = settings::config(global)?;
    let mut text = sources::permissions(args.system, &config)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    print(text)?;
    Ok(Exit::Clean)
}

pub(super) fn doctor(global: &Global, args: DoctorArgs) -> Result<Exit> {
    let config = settings::config(global)?;
    let targets = collect::parse(&args.targets, &config)?;
    let checks = sources::doctor(&targets, &config)?;
    let mut text = String::new();
    let mut gaps = 0;
    for check in &checks {
        let (word, why) = match &check.answer {
            Answer::Works => ("ok", None),
            Answer::Absent(why) => ("absent", Some(why)),
            Answer::Denied(why) => ("denied", Some(why)),
            Answer::Failed(why) => ("failed", Some(why)),
            Answer::Untried(why) => ("untried", Some(why)),
        };
        text.push_str(&format!(
            "{word:<7} {}  {}  {}",
            check.tenant, check.kind, check.call
        ));
        if let Some(why) = why {
            text.push_str(&format!(": {}", visible(why)));
        }
        text.push('\n');
        if matches!(check.answer, Answer::Denied(_) | Answer::Failed(_)) {
            gaps += 1;
            if !check.remedy.is_empty() {
                text.push_str(&format!("        → {}\n", visible(&check.remedy)));
            }
        }
    }
    print(text)?;
    Ok(if gaps == 0 {
        Exit::Clean
    } else {
        Exit::Incomplete
    })
}

pub(super) fn init(global: &Global, args: InitArgs) -> Result<Exit> {
    if args.file.exists() {
        bail!(
            "`{}` exists; nothing was written over it",
            args.file.display()
        );
    }
    std::fs::write(&args.file, TEMPLATE)
        .with_context(|| format!("cannot write `{}`", args.file.display()))?;
    tell(global, &format!("wrote {}", args.file.display()));
    Ok(Exit::Clean)
}

pub(super) fn completions(args: CompletionsArgs) -> Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tenure", &mut text);
    print(text)?;
    Ok(Exit::Clean)
}

pub(super) fn man(args: ManArgs) -> Result<Exit> {
    let mut command = Cli::command();
    command.build();
    let page = match &args.command {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(found) => found.clone(),
            None => bail!("`{name}` is not a command of tenure"),
        },
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(io::Error::other)?;
    print(text)?;
    Ok(Exit::Clean)
}
