//! Reads kubernetes through its API.
