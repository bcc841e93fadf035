//! What is linked: the bans and licences of `deny.toml`, held without cargo-deny.

use std::process::Command;

use crate::support::repository;

/// A package of the build: name, version, licence.
#[derive(Debug)]
struct Package {
    name: String,
    version: Vec<u64>,
    licence: String,
}

/// Everything that is built for this machine, tests included.
fn packages() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(repository())
        .args(["tree", "--locked", "--offline", "--prefix", "none"])
        .args(["--edges", "normal,build,dev", "--format", "{p}|{l}"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let packages: Vec<Package> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (package, licence) = line.split_once('|').unwrap();
            let mut words = package.split(' ');
            let name = words.next().unwrap().to_owned();
            let version = words.next().unwrap().trim_start_matches('v');
            Package {
                name,
                version: numbers(version),
                licence: licence.trim_end_matches(" (*)").to_owned(),
            }
        })
        .collect();
    assert!(packages.len() > 100, "cargo tree printed too little");
    packages
}

fn numbers(version: &str) -> Vec<u64> {
    version
        .split(['.', '-', '+'])
        .map_while(|part| part.parse().ok())
        .collect()
}

/// The quoted words of the list that follows `key` in `deny.toml`, line by line.
fn list(key: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(repository().join("deny.toml")).unwrap();
    let lines: Vec<Vec<String>> = text
        .lines()
        .skip_while(|line| !line.starts_with(key))
        .skip(1)
        .take_while(|line| *line != "]")
        .map(|line| {
            line.split('"')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        })
        .collect();
    assert!(!lines.is_empty(), "deny.toml has no `{key}`");
    lines
}

#[test]
fn nothing_banned_is_linked() {
    let bans = list("deny = [");
    for package in packages() {
        for ban in &bans {
            let old = match ban.get(1) {
                Some(limit) => package.version < numbers(limit.trim_start_matches('<')),
                None => true,
            };
            assert!(!(package.name == ban[0] && old), "{package:?} is banned");
        }
    }
}

#[test]
fn every_licence_is_allowed() {
    let allowed: Vec<String> = list("allow = [").into_iter().flatten().collect();
    for package in packages() {
        assert!(
            permits(&package.licence, &allowed),
            "`{}` of {} is not in deny.toml",
            package.licence,
            package.name
        );
    }
}

/// Whether an SPDX expression can be met with the allowed licences. `/` is how older
/// packages write OR.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = alternatives(&tokens, &mut at, allowed);
    met && at == tokens.len()
}

fn alternatives(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = parts(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        met |= parts(tokens, at, allowed);
    }
    met
}

fn parts(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = licence(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        met &= licence(tokens, at, allowed);
    }
    met
}

fn licence(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(token) = tokens.get(*at) else {
        return false;
    };
    *at += 1;
    if *token == "(" {
        let met = alternatives(tokens, at, allowed);
        *at += 1;
        return met;
    }
    let mut name = (*token).to_owned();
    if tokens.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", tokens.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allowed.contains(&name)
}

#[test]
fn licence_expressions_are_read() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("ISC AND (GPL-3.0 OR MIT)", true),
        ("(ISC OR GPL-3.0) AND GPL-3.0", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("Apache-2.0", false),
        ("", false),
    ] {
        assert_eq!(permits(expression, &allowed), expected, "{expression}");
    }
}
