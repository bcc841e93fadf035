//! What changed since the accepted baseline.

pub mod widen;
