//! Evidence of just-in-time access, and its reconciliation with what is live.
