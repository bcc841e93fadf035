//! How long an AWS account of 5,000 principals takes, against parsing the same bytes
//! into `serde_json::Value`.
//!
//! ```text
//! cargo bench --bench aws [-- PRINCIPALS]
//! ```

#![allow(clippy::print_stdout, reason = "this is what a benchmark is for")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tenure::config::Config;
use tenure::model::{Sym, System};
use tenure::resolve::{Context, resolve};
use tenure::snapshot::{Document, Snapshot};

#[path = "support/account.rs"]
mod account;

const ROUNDS: usize = 9;

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}

fn main() {
    let principals = std::env::args()
        .filter_map(|text| text.parse().ok())
        .next()
        .unwrap_or(5_000);
    let text = account::generate(principals);
    println!("{principals} principals, {:.1} MB", text.len() as f64 / 1e6);

    let parse = median(|| {
        let value: Result<serde_json::Value, _> = serde_json::from_slice(text.as_bytes());
        assert!(std::hint::black_box(value).is_ok());
    });
    println!("serde_json::Value   {:8.1} ms", parse.as_secs_f64() * 1e3);

    let snapshot = Snapshot {
        documents: vec![Document {
            system: System::Aws,
            kind: "authorization-details",
            tenant: None,
            path: Sym::new("authorization-details.json"),
            file: Sym::new("authorization-details.json"),
            text: Arc::from(text.as_bytes()),
        }],
        ..Snapshot::default()
    };
    let config = Config::default();
    let context = Context {
        config: &config,
        now: jiff::Timestamp::now(),
    };
    // One thread, so that time is CPU time and the ratio means something.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let Ok(pool) = pool else {
        println!("no thread to measure on");
        return;
    };
    let mut counts = String::new();
    let full = median(|| {
        let facts = pool.install(|| resolve(&snapshot, &context));
        counts = format!(
            "{} identities, {} entitlements, {} trusts, {} paths",
            facts.identities.len(),
            facts.entitlements.len(),
            facts.trusts.len(),
            facts.paths.len()
        );
    });
    println!(
        "full resolve        {:8.1} ms, one thread",
        full.as_secs_f64() * 1e3
    );
    println!("{counts}");
    println!(
        "ratio               {:8.2}",
        full.as_secs_f64() / parse.as_secs_f64()
    );
}
