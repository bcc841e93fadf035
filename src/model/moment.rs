//! Points in time that may not exist or may not have been seen.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// When something happens, told apart from "it never does" and "nobody could see".
///
/// `Never` and `Unknown` are different answers: an access key without an expiry
/// date never ends, a token whose expiry the scanner was not allowed to read may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// It does not happen (no expiry; never used; never rotated).
    Never,
    /// It happens or happened at this time (UTC).
    At(Timestamp),
    /// It was not seen.
    #[default]
    Unknown,
}

impl Moment {
    /// The time, if there is one.
    pub fn at(self) -> Option<Timestamp> {
        match self {
            Moment::At(time) => Some(time),
            Moment::Never | Moment::Unknown => None,
        }
    }

    /// Whether it is known not to happen.
    pub fn is_never(self) -> bool {
        self == Moment::Never
    }

    /// Whether it was seen at all.
    pub fn is_known(self) -> bool {
        self != Moment::Unknown
    }

    /// `Some(time)` is a time, `None` is *known* to be never.
    pub fn or_never(time: Option<Timestamp>) -> Self {
        time.map_or(Moment::Never, Moment::At)
    }

    /// `Some(time)` is a time, `None` was not seen.
    pub fn or_unknown(time: Option<Timestamp>) -> Self {
        time.map_or(Moment::Unknown, Moment::At)
    }
}
