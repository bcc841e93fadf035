//! Reads the ledger and the earlier snapshots that the settings name.

use std::path::Path;

use jiff::Timestamp;

use crate::config::Config;
use crate::jit::ledger;
use crate::jit::stage::{self, Earlier, Evidence};
use crate::model::{Coverage, Inventory, Seen, Sym, System};
use crate::resolve::{self, Context};
use crate::snapshot;

/// Reconciles `inventory` with the evidence the settings name; without a ledger
/// nothing changes. What cannot be read is a gap of the scan: a ledger that fails
/// must not look like one that holds nothing. Gives back the earlier snapshots, if it
/// came to reconciling.
pub(super) fn reconcile(
    inventory: &mut Inventory,
    config: &Config,
    now: Timestamp,
) -> Option<Vec<Earlier>> {
    if !config.jit.is_configured() {
        return None;
    }
    let paths: Vec<&Path> = config
        .jit
        .ledger
        .iter()
        .map(|path| path.as_path())
        .collect();
    let read = match ledger::load(&paths) {
        Ok(read) => read,
        Err(error) => {
            inventory
                .coverage
                .push(gap("ledger", Seen::None, error.to_string()));
            return None;
        }
    };
    inventory.ledger_head = read.verified.head().map(|head| Sym::new(&head.to_string()));
    if !read.verified.is_sound() {
        let reason = format!(
            "{} lines of the ledger are not as they were written",
            read.verified.fault_count
        );
        let gap = gap("ledger", Seen::Partial, reason);
        inventory
            .coverage
            .push(gap.remedy("see `tenure ledger verify`"));
    }
    let mut earlier = Vec::new();
    for path in &config.jit.earlier {
        match snapshot::load(path) {
            Ok(snapshot) => match snapshot.taken {
                Some(at) if at < now => {
                    let context = Context { config, now: at };
                    let facts = resolve::resolve(&snapshot, &context);
                    earlier.push(Earlier { at, facts });
                }
                Some(at) => inventory.coverage.push(gap(
                    "earlier",
                    Seen::None,
                    format!(
                        "snapshot `{}` of {at} is not earlier than {now}",
                        path.display()
                    ),
                )),
                None => inventory.coverage.push(gap(
                    "earlier",
                    Seen::None,
                    format!("`{}` does not say when it was read", path.display()),
                )),
            },
            Err(error) => {
                inventory
                    .coverage
                    .push(gap("earlier", Seen::None, error.to_string()));
            }
        }
    }
    earlier.sort_by_key(|one| one.at);
    let links = read
        .aliases
        .iter()
        .map(|alias| (alias.one, alias.other, alias.strong))
        .collect();
    let evidence = Evidence {
        grants: read.grants,
        coverage: read.coverage,
        links,
        earlier,
    };
    Some(stage::run(inventory, evidence, config, now))
}

fn gap(what: &str, seen: Seen, reason: String) -> Coverage {
    let kind = format!("jit.{what}");
    Coverage::lacking(System::Jit, Sym::new("jit"), &kind, seen, reason)
}
