//! Reads vault through its API.
