//! Ways round a grant.
//!
//! Access is given for a while only if whoever gets it has no other way to as much
//! (docs/jit.md, "Ways round a grant"). What another grant covers is no way round: it ends
//! too. What cannot be told leaves the grant what it is, and its end unproved.

use rustc_hash::FxHashMap;

use super::live::Row;
use crate::jit::alias::{Aliases, Person};
use crate::jit::reconcile::{Flag, Implies, Live, Proved, State, holds_as_much};
use crate::model::{Activation, Attrs, Entitlement, Inventory, Sym, System, Tier, Value, Verdict};

/// What is known of a way round.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// It is open.
    Open(Sym),
    /// It is there if something holds, or a grant may be behind it.
    Perhaps(Sym),
}

/// Looks for what the same person holds besides, under any of the names that strong
/// links join.
pub(super) fn beside(
    inventory: &mut Inventory,
    rows: &[Row],
    lives: &[Live],
    aliases: &Aliases,
    implies: &Implies,
) {
    let mut others: FxHashMap<(System, Person), Vec<usize>> = FxHashMap::default();
    for (at, (row, live)) in rows.iter().zip(lives).enumerate() {
        let fact = inventory.entitlement(row.at);
        if fact.activation == Activation::Standing {
            let key = (live.system, aliases.person(live.subject));
            others.entry(key).or_default().push(at);
        }
    }
    let mut found: Vec<(usize, Way)> = Vec::new();
    for (row, live) in rows.iter().zip(lives) {
        let fact = inventory.entitlement(row.at);
        if !counts(fact) {
            continue;
        }
        let key = (live.system, aliases.person(live.subject));
        let ways = others.get(&key).into_iter().flatten().filter_map(|&at| {
            let other = inventory.entitlement(rows[at].at);
            let rules = fact.tier == Tier::Admin
                && other.tier == Tier::Admin
                && place(fact) == place(other);
            if !rules && !holds_as_much(implies, &lives[at], live) {
                return None;
            }
            let holder = inventory.identity(other.identity);
            let name = Sym::new(&format!(
                "{} holds {} on {}",
                holder.id, other.privilege, other.scope
            ));
            Some(
                match other.verdict == Verdict::Yes && !may_be_granted(other) {
                    true => Way::Open(name),
                    false => Way::Perhaps(name),
                },
            )
        });
        // An open way before one that only may be, then the first by name.
        let worst = ways.min_by_key(|way| match way {
            Way::Open(name) => (false, *name),
            Way::Perhaps(name) => (true, *name),
        });
        if let Some(way) = worst {
            found.push((row.at.0 as usize, way));
        }
    }
    for (at, way) in found {
        tell(&mut inventory.entitlements[at], &way);
    }
}

/// Takes up the ways that cross identities and systems, found with grants as gates.
pub fn across(inventory: &mut Inventory) {
    // Access a grant may stand behind is open in the graph: who holds some of the
    // tier of administrators cannot be told to go round by another way.
    let mut unclear: Vec<bool> = vec![false; inventory.identities.len()];
    for fact in &inventory.entitlements {
        if fact.tier == Tier::Admin && may_be_granted(fact) {
            unclear[fact.identity.0 as usize] = true;
        }
    }
    for fact in &mut inventory.entitlements {
        if !counts(fact) {
            continue;
        }
        let Some(name) = fact.attrs.text(Sym::of("way_round")) else {
            continue;
        };
        let certain = fact.attrs.get(Sym::new("way_round_certain")) == Some(&Value::Bool(true));
        let way = match certain && !unclear[fact.identity.0 as usize] {
            true => Way::Open(name),
            false => Way::Perhaps(name),
        };
        tell(fact, &way);
    }
}

/// Whether the ledger makes it just-in-time.
fn counts(fact: &Entitlement) -> bool {
    fact.activation == Activation::Jit && is(fact, State::Covered)
}

/// Whether something stands behind access that is not just-in-time: a declared
/// exception, an emergency, or a grant of which the source keeps too little.
fn may_be_granted(fact: &Entitlement) -> bool {
    is(fact, State::BreakGlass)
        || is(fact, State::DeclaredException)
        || (is(fact, State::NotEvaluable) && fact.attrs.text(Sym::of("jit_grant")).is_some())
}

fn is(fact: &Entitlement, state: State) -> bool {
    fact.attrs
        .text(Sym::of("jit_state"))
        .is_some_and(|said| said == state.as_str())
}

/// What it is administered by it: the account an assignment is to.
fn place(fact: &Entitlement) -> Sym {
    fact.attrs.text(Sym::of("account")).unwrap_or(fact.tenant)
}

fn tell(fact: &mut Entitlement, way: &Way) {
    match way {
        Way::Open(name) => {
            fact.activation = Activation::Standing;
            add(&mut fact.attrs, "jit_flags", Flag::WayRound.sym());
            fact.attrs.set("jit_round", *name);
            fact.attrs.set("jit_temporary", Proved::Refuted.as_str());
        }
        Way::Perhaps(name) => {
            if fact
                .attrs
                .text(Sym::of("jit_temporary"))
                .is_some_and(|said| said == Proved::Proved.as_str())
            {
                fact.attrs.set("jit_temporary", Proved::Unproved.as_str());
            }
            let mut why = format!("perhaps not the only way: {name}");
            if let Some(said) = fact.attrs.text(Sym::of("jit_why")) {
                why = format!("{said}; {why}");
            }
            fact.attrs.set("jit_why", why.as_str());
        }
    }
    add(&mut fact.attrs, "jit_missing", Sym::new("temporary"));
}

/// Adds to a list, once. Parts of a proof have an order, and `temporary` is the first.
fn add(attrs: &mut Attrs, name: &'static str, more: Sym) {
    let mut list: Vec<Sym> = match attrs.get(Sym::new(name)) {
        Some(Value::List(list)) => list.to_vec(),
        _ => Vec::new(),
    };
    if !list.contains(&more) {
        match list.binary_search(&more) {
            _ if name == "jit_missing" => list.insert(0, more),
            Ok(at) | Err(at) => list.insert(at, more),
        }
        attrs.set(name, list);
    }
}
