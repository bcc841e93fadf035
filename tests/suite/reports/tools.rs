//! Outside tools some tests need, and how to do without.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `tests/setup/<script>`, which prints where the tool is. `None`, said plainly,
/// where it cannot be had; with `CI=true` and `must` that is a failure.
pub fn tool(script: &str, must: bool) -> Option<PathBuf> {
    let path = root().join("tests/setup").join(script);
    let ran = Command::new("sh").arg(&path).output();
    let said = match &ran {
        Ok(out) if out.status.success() => {
            let text = String::from_utf8_lossy(&out.stdout);
            let tool = PathBuf::from(text.lines().last().unwrap_or_default().trim());
            if tool.exists() {
                return Some(tool);
            }
            format!("`{}` does not exist", tool.display())
        }
        Ok(out) => String::from_utf8_lossy(&out.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!(ci && must), "tests/setup/{script} failed in CI: {said}");
    eprintln!("SKIPPED: tests/setup/{script}: {}", said.trim());
    None
}

/// Whether a program can be started.
pub fn has(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success())
}
