//! `tenure simulate`: the evaluators, exposed line by line.

use std::io::{self, BufRead, Write};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Exit;
use super::args::{Global, SimulateArgs};
use super::settings;
use crate::model::System;
use crate::resolve::kubernetes::Objects;
use crate::resolve::{aws, kubernetes, vault};

/// Longer lines are answered with an error: no real case comes near.
const MAX_LINE: usize = 64 << 20;

pub(super) fn run(global: &Global, args: SimulateArgs) -> Result<Exit> {
    let now = settings::now(global);
    let objects = match &args.objects {
        Some(path) => {
            let text =
                std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            Objects::parse(&text).with_context(|| format!("in `{}`", path.display()))?
        }
        None => Objects::default(),
    };
    let answer = |line: &str| -> Value {
        match args.system {
            System::Aws => aws::simulate::simulate(line),
            System::Kubernetes => kubernetes::simulate(&objects, line),
            System::Vault => vault::simulate(line, now),
            system @ (System::Github | System::Jit) => json!({
                "id": null,
                "answer": "error",
                "message": format!(
                    "there is no simulator for {system}; systems: aws, kubernetes, vault"
                ),
            }),
        }
    };

    let mut stdout = io::BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    let mut stdin = io::stdin().lock();
    loop {
        line.clear();
        if stdin.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let reply = match std::str::from_utf8(&line) {
            _ if line.len() > MAX_LINE => error("line longer than 64 MiB"),
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => answer(text.trim_end()),
            Err(_) => error("line is not UTF-8"),
        };
        serde_json::to_writer(&mut stdout, &reply)?;
        stdout.write_all(b"\n")?;
    }
    stdout.flush()?;
    Ok(Exit::Clean)
}

fn error(message: &str) -> Value {
    json!({"id": null, "answer": "error", "message": message})
}
