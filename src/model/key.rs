//! Stable keys of facts across scans.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{EntitlementId, FactKind};

/// 128 bits of SHA-256 over length-prefixed parts: parts cannot slide into each
/// other, and the domain keeps kinds of key apart.
pub(super) fn digest(domain: &str, parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in std::iter::once(&domain).chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let full = hash.finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&full[..16]);
    short
}

/// Writes a hash as 32 hexadecimal digits.
pub(super) fn write_hex(hash: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads what [`write_hex`] wrote.
pub(super) fn read_hex(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut hash = [0; 16];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(hash)
}

/// Which fact of which scan: the same fact has the same key in every scan, whatever
/// its permissions, dates, owner, display name or place in a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactKey {
    /// What the fact is.
    pub kind: FactKind,
    hash: [u8; 16],
}

impl FactKey {
    /// The key of a fact of `kind` that is identified by `parts`: system, tenant and
    /// the immutable ids of everything it joins.
    pub fn of(kind: FactKind, parts: &[&str]) -> Self {
        FactKey {
            kind,
            hash: digest(kind.as_str(), parts),
        }
    }
}

impl FactKey {
    /// The key of the entitlement with this id.
    pub fn entitlement(id: EntitlementId) -> Self {
        FactKey {
            kind: FactKind::Entitlement,
            hash: id.0,
        }
    }
}

impl fmt::Display for FactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.kind.as_str())?;
        write_hex(&self.hash, f)
    }
}

impl fmt::Debug for FactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for FactKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || {
            format!(
                "`{text}` is not a fact key; expected a kind and 32 hexadecimal digits, like `entitlement:0123…`"
            )
        };
        let (kind, hex) = text.split_once(':').ok_or_else(bad)?;
        let kind = FactKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or_else(bad)?;
        let hash = read_hex(hex).ok_or_else(bad)?;
        Ok(FactKey { kind, hash })
    }
}

impl Serialize for FactKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FactKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_text_form_and_keep_parts_apart() {
        let key = FactKey::of(FactKind::Credential, &["aws", "1", "access-key", "AKIA"]);
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_ne!(
            FactKey::of(FactKind::Trust, &["ab", "c"]),
            FactKey::of(FactKind::Trust, &["a", "bc"])
        );
        assert_ne!(
            FactKey::of(FactKind::Trust, &["a"]),
            FactKey::of(FactKind::Path, &["a"])
        );
        for bad in [
            "",
            "trust",
            "trust:12",
            "nothing:00000000000000000000000000000000",
            "trust:+0000000000000000000000000000000",
            "trust:é000000000000000000000000000000",
        ] {
            assert!(bad.parse::<FactKey>().is_err(), "{bad:?}");
        }
    }
}
