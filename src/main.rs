//! The `tenure` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(tenure::cli::main().code())
}
