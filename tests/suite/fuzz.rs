//! The fuzz targets on their seeds, and on damaged copies of them: what the fuzzer does
//! for hours with a nightly compiler, for a moment with the one at hand.

use std::path::{Path, PathBuf};

#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Damaged copies of each seed.
const COPIES: u64 = 20;

fn seeds(target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join(target))
        .unwrap_or_else(|error| panic!("`{target}` has no seeds: {error}"))
        .map(|entry| entry.expect("a directory that can be read").path())
        .collect();
    files.sort();
    files
}

/// A generator whose numbers are the same in every run (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }
}

/// A copy with one to four damages: cut, changed, doubled or given what parsers trip on.
fn damage(seed: &[u8], dice: &mut Dice) -> Vec<u8> {
    const TROUBLE: &[&[u8]] = &[
        b"\0",
        b"\xFF",
        b"\"",
        b"\\u0000",
        b"\\ud800",
        b"{",
        b"[",
        b"]}",
        b"null",
        b"-1e999",
        b"18446744073709551616",
        b"*",
        b"${",
        b"%zz",
        b"\xE2\x80\xAE",
        b"\r\n",
        b"&a *a",
        b"999999999999d",
    ];
    let mut copy = seed.to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(copy.len());
        let to = (at + 1 + dice.roll(24)).min(copy.len());
        match dice.roll(5) {
            0 => copy.truncate(at),
            1 if !copy.is_empty() => copy[at] ^= 1 << dice.roll(8),
            2 => {
                copy.drain(at..to);
            }
            3 => {
                let part = copy[at..to].to_vec();
                copy.splice(at..at, part);
            }
            _ => {
                let trouble = TROUBLE[dice.roll(TROUBLE.len())];
                copy.splice(at..at, trouble.iter().copied());
            }
        }
    }
    copy
}

#[test]
fn no_target_panics_on_its_seeds_or_damaged_copies() {
    for (name, target) in targets::TARGETS {
        let files = seeds(name);
        assert!(!files.is_empty(), "`{name}` has no seeds");
        for file in files {
            let seed = std::fs::read(&file).expect("a seed that can be read");
            target(&seed);
            let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
            for copy in 0..COPIES {
                let text = damage(&seed, &mut dice);
                let told = std::panic::catch_unwind(|| target(&text));
                assert!(
                    told.is_ok(),
                    "`{name}` panics on copy {copy} of {}: {}",
                    file.display(),
                    String::from_utf8_lossy(&text)
                );
            }
        }
    }
}

#[test]
fn every_target_is_a_program_of_the_fuzzer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("the manifest");
    for (name, _) in targets::TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let program = root.join(format!("fuzz_targets/{name}.rs"));
        assert!(program.is_file(), "{}", program.display());
    }
}
