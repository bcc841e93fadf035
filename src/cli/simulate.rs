//! `tenure simulate`: the evaluators, exposed line by line.

use std::io::{self, BufRead, Read as _, Write};

use anyhow::{Context as _, Result, bail};
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
    if !matches!(
        args.system,
        System::Aws | System::Kubernetes | System::Vault
    ) {
        bail!(
            "there is no simulator for {}; systems: aws, kubernetes, vault",
            args.system
        );
    }
    if args.objects.is_some() && args.system != System::Kubernetes {
        bail!(
            "`--objects` is for `tenure simulate kubernetes`; cases of {} hold their policies themselves",
            args.system
        );
    }
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
            System::Github | System::Jit => error("there is no simulator for this system"),
        }
    };

    let mut stdout = io::BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    let mut stdin = io::stdin().lock();
    while next_line(&mut stdin, &mut line, MAX_LINE).context("cannot read stdin")? {
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

/// Reads a line, of one that is longer than `most` only the beginning. `false` at the
/// end.
fn next_line(from: &mut impl BufRead, line: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    line.clear();
    if from
        .by_ref()
        .take(most as u64 + 1)
        .read_until(b'\n', line)?
        == 0
    {
        return Ok(false);
    }
    if line.len() > most && !line.ends_with(b"\n") {
        from.skip_until(b'\n')?;
    }
    Ok(true)
}

fn error(message: &str) -> Value {
    json!({"id": null, "answer": "error", "message": message})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_line_only_the_beginning_is_kept() {
        let mut text = io::Cursor::new(b"ab\nabcdefgh\nabc\ncd".to_vec());
        let mut line = Vec::new();
        let mut all = Vec::new();
        while next_line(&mut text, &mut line, 3).unwrap() {
            all.push(String::from_utf8(line.clone()).unwrap());
        }
        assert_eq!(all, ["ab\n", "abcd", "abc\n", "cd"]);
    }
}
