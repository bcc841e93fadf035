//! 1,000 policies and 10,000 tokens, each with policies of its own: `cargo bench --bench vault`.
//!
//! The number to reach is one second for everything after the
//! files are in memory.

#![allow(clippy::print_stdout)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tenure::config::Config;
use tenure::model::{Sym, System};
use tenure::resolve::{Context, vault};
use tenure::snapshot::{Document, vault as kinds};

fn document(path: &str, kind: &'static str, text: String) -> Document {
    Document {
        system: System::Vault,
        kind,
        tenant: Some(Sym::new("bench")),
        path: Sym::new(path),
        file: Sym::new(path),
        text: Arc::from(text.into_bytes()),
    }
}

fn documents(policies: usize, tokens: usize) -> Vec<Document> {
    let mut all = Vec::new();
    for policy in 0..policies {
        let mut text = String::new();
        for rule in 0..10 {
            let path = match rule % 5 {
                0 => format!("kv/data/team-{policy}/*"),
                1 => format!("kv/metadata/+/app-{policy}"),
                2 => format!("database/creds/role-{policy}"),
                3 => format!("transit/encrypt/key-{policy}-{rule}"),
                _ => format!("sys/policies/acl/team-{policy}-*"),
            };
            let _ = writeln!(
                text,
                "path \"{path}\" {{ capabilities = [\"read\", \"update\"] }}"
            );
        }
        all.push(document(
            &format!("sys/policies/acl/p{policy}.hcl"),
            kinds::POLICY,
            text,
        ));
    }
    // A fixed sequence, so that every run judges the same sets.
    let mut state = 20_261_122_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % policies
    };
    let mut lines = String::new();
    for token in 0..tokens {
        let names: Vec<String> = (0..5).map(|_| format!("\"p{}\"", next())).collect();
        let _ = writeln!(
            lines,
            "{{\"data\":{{\"accessor\":\"a{token}\",\"display_name\":\"t{token}\",\"entity_id\":\"\",\"path\":\"auth/token/create\",\"orphan\":false,\"policies\":[{}],\"issue_time\":\"2026-11-01T00:00:00Z\",\"expire_time\":\"2026-12-01T00:00:00Z\"}}}}",
            names.join(",")
        );
    }
    all.push(document(
        "auth/token/lookup-accessor.jsonl",
        kinds::ANSWERS,
        lines,
    ));
    all
}

fn main() {
    let config = Config::default();
    let context = Context {
        config: &config,
        now: Timestamp::UNIX_EPOCH,
    };
    let documents = documents(1_000, 10_000);
    let all: Vec<&Document> = documents.iter().collect();
    for _ in 0..5 {
        let start = Instant::now();
        let facts = vault::resolve(&all, &context);
        println!(
            "{:?}: {} entitlements, {} paths",
            start.elapsed(),
            facts.entitlements.len(),
            facts.paths.len()
        );
    }
}
