//! Writes the authorization details of a made-up account to standard output.
//!
//! ```text
//! cargo run --example generate_account [PRINCIPALS] > account.json
//! ```
//!
//! With 5,000 principals it is about 12 MB: one user in five, four roles in five,
//! inline and managed policies as companies have them, documents URL-encoded as IAM's
//! API answers. The same number always gives the same account.

use std::io::Write;

#[path = "../benches/support/account.rs"]
mod account;

fn main() -> std::io::Result<()> {
    let principals = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(5_000);
    let text = account::generate(principals);
    std::io::stdout().lock().write_all(text.as_bytes())
}
