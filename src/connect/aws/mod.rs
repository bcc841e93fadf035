//! Reads aws through its API.
