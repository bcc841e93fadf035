//! What changed since the accepted baseline.
