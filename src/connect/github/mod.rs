//! Reads github through its API.
