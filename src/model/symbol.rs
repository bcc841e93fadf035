//! Interned text.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::fmt;
use std::hash::BuildHasher;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering as Atomic};
use std::sync::{Mutex, OnceLock};

use rustc_hash::{FxBuildHasher, FxHashMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A piece of text stored once per process and referred to by a 32-bit number.
///
/// Equality and hashing compare the number, ordering compares the text, so sorted
/// output does not depend on the order in which texts were first seen. The text is
/// never freed: a scan is one short-lived process and holds what it read to its end.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sym(u32);

const SHARDS: usize = 32;
/// Chunk `k` holds `1 << (k + FIRST_BITS)` texts, so 22 chunks cover all of `u32`.
const FIRST_BITS: u32 = 10;
const CHUNKS: usize = (32 - FIRST_BITS) as usize + 1;

type Chunk = Box<[OnceLock<&'static str>]>;

struct Interner {
    shards: [Mutex<Shard>; SHARDS],
    chunks: [OnceLock<Chunk>; CHUNKS],
    next: AtomicU32,
}

/// Numbers of texts by hash, with open addressing. Hashes are kept beside the numbers:
/// a text is hashed once, and growing reads none.
#[derive(Default)]
struct Shard {
    /// A power of two of them, at most three quarters of it used.
    slots: Box<[Slot]>,
    used: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    /// [`EMPTY`] where there is none.
    id: u32,
    text: &'static str,
}

const EMPTY: u32 = u32::MAX;

impl Shard {
    fn find(&self, hash: u32, text: &str) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.id == EMPTY {
                return None;
            }
            if slot.hash == hash && slot.text == text {
                return Some(slot.id);
            }
            at = (at + 1) & mask;
        }
    }

    fn insert(&mut self, slot: Slot) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            let empty = Slot {
                hash: 0,
                id: EMPTY,
                text: "",
            };
            let size = (self.slots.len() * 2).max(64);
            let old = std::mem::replace(&mut self.slots, vec![empty; size].into());
            for slot in old.iter().filter(|slot| slot.id != EMPTY) {
                self.put(*slot);
            }
        }
        self.put(slot);
        self.used += 1;
    }

    fn put(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = slot.hash as usize & mask;
        while self.slots[at].id != EMPTY {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
}

static INTERNER: OnceLock<Interner> = OnceLock::new();

fn interner() -> &'static Interner {
    INTERNER.get_or_init(|| Interner {
        shards: std::array::from_fn(|_| Mutex::default()),
        chunks: std::array::from_fn(|_| OnceLock::new()),
        next: AtomicU32::new(0),
    })
}

impl Interner {
    fn text(&self, id: u32) -> &'static str {
        let (chunk, offset) = place(id);
        self.chunks[chunk]
            .get()
            .and_then(|chunk| chunk[offset].get())
            .copied()
            // A number is only handed out by `Sym::new`, which fills the place first.
            .unwrap_or_default()
    }
}

/// Where text number `id` lies: chunk and place within it.
fn place(id: u32) -> (usize, usize) {
    let shifted = u64::from(id) + (1 << FIRST_BITS);
    let chunk = shifted.ilog2() - FIRST_BITS;
    let offset = shifted - (1u64 << (chunk + FIRST_BITS));
    (chunk as usize, offset as usize)
}

impl Sym {
    /// Interns `text`.
    ///
    /// # Panics
    /// If a process interns more than 2³² different texts.
    pub fn new(text: &str) -> Self {
        let table = interner();
        let hash = FxBuildHasher.hash_one(text);
        let shard = hash as usize >> 7 & (SHARDS - 1);
        let hash = (hash >> 32) as u32;
        // A panic while the lock is held can only come from running out of memory
        // or numbers; the table is not left half-written, so poisoning is ignored.
        let mut shard = table.shards[shard]
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(id) = shard.find(hash, text) {
            return Sym(id);
        }
        let id = table.next.fetch_add(1, Atomic::Relaxed);
        assert!(id != EMPTY, "more than 2^32 texts interned");
        let kept: &'static str = Box::leak(text.into());
        let (chunk, offset) = place(id);
        let chunk = table.chunks[chunk].get_or_init(|| {
            let size = 1usize << (chunk as u32 + FIRST_BITS);
            (0..size).map(|_| OnceLock::new()).collect()
        });
        // The number was handed out to this call alone, so the place is empty.
        let _ = chunk[offset].set(kept);
        shard.insert(Slot {
            hash,
            id,
            text: kept,
        });
        Sym(id)
    }

    /// Interns a text of the program itself. Such texts are few and asked for again
    /// and again, so each thread remembers them by their address.
    pub fn of(text: &'static str) -> Self {
        thread_local! {
            static KNOWN: RefCell<FxHashMap<(usize, usize), Sym>> = RefCell::default();
        }
        let place = (text.as_ptr() as usize, text.len());
        KNOWN.with_borrow_mut(|known| *known.entry(place).or_insert_with(|| Sym::new(text)))
    }

    /// The text.
    pub fn as_str(self) -> &'static str {
        interner().text(self.0)
    }

    /// Whether the text is empty.
    pub fn is_empty(self) -> bool {
        self.as_str().is_empty()
    }
}

impl Deref for Sym {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Default for Sym {
    fn default() -> Self {
        Sym::of("")
    }
}

impl From<&str> for Sym {
    fn from(text: &str) -> Self {
        Sym::new(text)
    }
}

impl From<&String> for Sym {
    fn from(text: &String) -> Self {
        Sym::new(text)
    }
}

impl From<String> for Sym {
    fn from(text: String) -> Self {
        Sym::new(&text)
    }
}

impl PartialEq<str> for Sym {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Sym {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Sym {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sym {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0 == other.0 {
            Ordering::Equal
        } else {
            self.as_str().cmp(other.as_str())
        }
    }
}

impl fmt::Debug for Sym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Sym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Sym {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Sym {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer).map(|text| Sym::new(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_text_is_same_symbol() {
        assert_eq!(Sym::new("alice"), Sym::new("alice"));
        assert_ne!(Sym::new("alice"), Sym::new("bob"));
        assert_eq!(Sym::new("alice").as_str(), "alice");
        assert_eq!(Sym::default().as_str(), "");
        assert_eq!(Sym::of("alice"), Sym::new("alice"));
        assert_eq!(Sym::of(&"alice"["al".len()..]).as_str(), "ice");
    }

    #[test]
    fn order_is_by_text_not_by_first_sight() {
        let late = Sym::new("zz-order-first-seen");
        let early = Sym::new("aa-order-second-seen");
        assert!(early < late);
    }

    #[test]
    fn places_do_not_overlap() {
        let mut last = (0, 0);
        assert_eq!(place(0), last);
        for id in 1..100_000 {
            let here = place(id);
            assert!(
                here == (last.0, last.1 + 1) || here == (last.0 + 1, 0),
                "{id}: {last:?} then {here:?}"
            );
            last = here;
        }
        assert_eq!(place(u32::MAX - 1).0, CHUNKS - 1);
    }

    #[test]
    fn threads_agree() {
        let all: Vec<Vec<Sym>> = std::thread::scope(|scope| {
            let spawned: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (0..5_000)
                            .map(|i| Sym::new(&format!("shared-{i}")))
                            .collect()
                    })
                })
                .collect();
            spawned.into_iter().filter_map(|t| t.join().ok()).collect()
        });
        assert_eq!(all.len(), 4);
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(all[0][4_999].as_str(), "shared-4999");
    }
}
