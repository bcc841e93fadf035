//! The baseline file: accepted facts, one a line, made for review.
//!
//! JSON Lines in a fixed order, without dates, so that a change of access is a
//! change of a line:
//!
//! ```text
//! {"tenure_baseline":1}
//! {"permissions":"0f3a…","statements":[…]}          what entitlements refer to
//! {"system":"aws","tenant":"111122223333","who":"arn:…","what":"…","key":"entitlement:…",…}
//! ```
//!
//! A line with `accepted` was accepted by name: it has an owner, a reason and a last
//! day, and does not hold after that day or once the access has widened.

use std::io::Write as _;

use jiff::civil::Date;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::record::{Record, records, sort};
use crate::model::{FactKey, Inventory, PermissionSet, Sym};

/// The version this build writes and reads.
const VERSION: u32 = 1;

/// Accepted facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// The facts, in file order.
    pub records: Vec<Record>,
    /// Who accepted which fact by name.
    pub accepted: FxHashMap<FactKey, Accepted>,
    sets: FxHashMap<Sym, PermissionSet>,
}

/// Why one fact is accepted, by whom, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Who answers for it.
    pub owner: Sym,
    /// Why.
    pub reason: Box<str>,
    /// The last day (UTC) on which it holds.
    pub expires: Date,
    /// Where it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Box<str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    tenure_baseline: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetLine {
    permissions: Sym,
    statements: PermissionSet,
}

/// A baseline that cannot be used. Line numbers count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BaselineError {
    /// Not a baseline at all.
    #[error(
        "{file}:1:1: not a baseline: the first line must be {{\"tenure_baseline\":{VERSION}}}; \
         write one with `tenure baseline create`"
    )]
    Header {
        /// The file.
        file: String,
    },
    /// Written by a newer build.
    #[error(
        "{file}:1:1: a baseline of version {version}; this build reads version {VERSION}. Use a newer tenure"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
    },
    /// A line that says nothing usable.
    #[error("{file}:{line}:{column}: {message}")]
    Line {
        /// The file.
        file: String,
        /// Which line.
        line: usize,
        /// Where in it.
        column: usize,
        /// What is wrong.
        message: String,
    },
}

impl Baseline {
    /// The facts of an inventory, nothing accepted by name.
    pub fn of(inventory: &Inventory) -> Self {
        let (records, sets) = records(inventory);
        Baseline {
            records,
            accepted: FxHashMap::default(),
            sets: sets.into_iter().collect(),
        }
    }

    /// The permission document with this digest.
    pub fn permissions(&self, digest: Sym) -> Option<&PermissionSet> {
        self.sets.get(&digest)
    }

    /// Takes facts of `scan` over, so that they count as accepted from now on; what
    /// was there under the same keys goes.
    pub fn accept(&mut self, scan: &Baseline, key: FactKey, accepted: Option<Accepted>) {
        self.records.retain(|record| record.key != key);
        for record in scan.records.iter().filter(|record| record.key == key) {
            for digest in record.permissions.into_iter().chain(record.limits) {
                if let Some(set) = scan.sets.get(&digest) {
                    self.sets.insert(digest, set.clone());
                }
            }
            self.records.push(record.clone());
        }
        match accepted {
            Some(accepted) => {
                self.accepted.insert(key, accepted);
            }
            None => {
                self.accepted.remove(&key);
            }
        }
        self.tidy();
    }

    /// Drops facts whose keys are not `kept`. Gives how many went.
    pub fn retain(&mut self, kept: &FxHashSet<FactKey>) -> usize {
        let before = self.records.len();
        self.records.retain(|record| kept.contains(&record.key));
        self.accepted.retain(|key, _| kept.contains(key));
        self.tidy();
        before - self.records.len()
    }

    fn tidy(&mut self) {
        sort(&mut self.records);
        let used: FxHashSet<Sym> = self
            .records
            .iter()
            .flat_map(|record| record.permissions.into_iter().chain(record.limits))
            .collect();
        self.sets.retain(|digest, _| used.contains(digest));
    }

    /// A UUID of what is accepted: version 8 (RFC 9562, section 5.8), made of the
    /// SHA-256 of the file's text.
    pub fn guid(&self) -> String {
        let hash = Sha256::digest(self.to_text());
        let mut hex = String::with_capacity(36);
        for (at, byte) in hash.iter().take(16).enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                hex.push('-');
            }
            let byte = match at {
                6 => byte & 0x0f | 0x80,
                8 => byte & 0x3f | 0x80,
                _ => *byte,
            };
            hex.push_str(&format!("{byte:02x}"));
        }
        hex
    }

    /// The file's text.
    pub fn to_text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Writing plain data to memory cannot fail.
        let mut line = |value: serde_json::Result<Vec<u8>>| {
            let _ = text.write_all(&value.unwrap_or_default());
            text.push(b'\n');
        };
        line(serde_json::to_vec(&Header {
            tenure_baseline: VERSION,
        }));
        let mut sets: Vec<_> = self.sets.iter().collect();
        sets.sort_by_key(|(digest, _)| **digest);
        for (digest, set) in sets {
            line(serde_json::to_vec(&SetLine {
                permissions: *digest,
                statements: set.clone(),
            }));
        }
        for record in &self.records {
            let accepted = self.accepted.get(&record.key);
            line(record_text(record, accepted));
        }
        text
    }

    /// Reads a file's text; `file` names it in errors.
    ///
    /// # Errors
    /// If it is no baseline, one of a newer version, or holds a line that is neither
    /// a permission document nor a fact, or refers to a document it does not hold.
    pub fn parse(file: &str, text: &str) -> Result<Self, BaselineError> {
        let mut lines = text.lines().enumerate();
        let header = lines
            .next()
            .and_then(|(_, line)| serde_json::from_str::<Header>(line).ok())
            .ok_or_else(|| BaselineError::Header {
                file: file.to_owned(),
            })?;
        if header.tenure_baseline != VERSION {
            return Err(BaselineError::Newer {
                file: file.to_owned(),
                version: header.tenure_baseline,
            });
        }
        let mut baseline = Baseline::default();
        for (at, line) in lines {
            if line.trim().is_empty() {
                continue;
            }
            baseline
                .line(line)
                .map_err(|(column, message)| BaselineError::Line {
                    file: file.to_owned(),
                    line: at + 1,
                    column,
                    message,
                })?;
        }
        if let Some((at, missing)) = baseline
            .records
            .iter()
            .enumerate()
            .find_map(|(at, record)| {
                let mut digests = record.permissions.into_iter().chain(record.limits);
                let missing = digests.find(|digest| !baseline.sets.contains_key(digest))?;
                Some((at, missing))
            })
        {
            let who = baseline.records[at].who;
            let line = text
                .lines()
                .position(|line| line.contains(&*missing) && line.contains(&*who))
                .map_or(1, |at| at + 1);
            return Err(BaselineError::Line {
                file: file.to_owned(),
                line,
                column: 1,
                message: format!(
                    "`{who}` refers to the permission document `{missing}`, which is not in the \
                     file; create the baseline again"
                ),
            });
        }
        sort(&mut baseline.records);
        Ok(baseline)
    }

    fn line(&mut self, line: &str) -> Result<(), (usize, String)> {
        let bad = |error: serde_json::Error| {
            let text = error.to_string();
            // Where it is in the line is told by the column; the line is that of the file.
            let what = text
                .rsplit_once(" at line ")
                .map_or(&*text, |(what, _)| what);
            (
                error.column().max(1),
                format!("not a line of a baseline: {what}"),
            )
        };
        if line.starts_with("{\"permissions\":") {
            let SetLine {
                permissions,
                statements,
            } = serde_json::from_str(line).map_err(bad)?;
            self.sets.insert(permissions, statements);
            return Ok(());
        }
        let (record, accepted) = parse_record(line).map_err(bad)?;
        if let Some(accepted) = accepted {
            if accepted.owner.trim().is_empty() || accepted.reason.trim().is_empty() {
                return Err((
                    1,
                    "accepted access needs an owner and a reason, and neither may be empty"
                        .to_owned(),
                ));
            }
            self.accepted.insert(record.key, accepted);
        }
        self.records.push(record);
        Ok(())
    }
}

/// The record's own fields, then who accepted it.
fn record_text(record: &Record, accepted: Option<&Accepted>) -> serde_json::Result<Vec<u8>> {
    let mut value = serde_json::to_value(record)?;
    if let (Some(fields), Some(accepted)) = (value.as_object_mut(), accepted) {
        fields.insert("accepted".to_owned(), serde_json::to_value(accepted)?);
    }
    serde_json::to_vec(&value)
}

fn parse_record(line: &str) -> serde_json::Result<(Record, Option<Accepted>)> {
    // Almost no line is accepted by name, so the direct way comes first; it also
    // gives errors their column.
    let direct = match serde_json::from_str::<Record>(line) {
        Ok(record) => return Ok((record, None)),
        Err(error) => error,
    };
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(line) else {
        return Err(direct);
    };
    let Some(accepted) = value
        .as_object_mut()
        .and_then(|fields| fields.shift_remove("accepted"))
    else {
        return Err(direct);
    };
    let accepted = serde_json::from_value(accepted)?;
    Ok((serde_json::from_value(value)?, Some(accepted)))
}
