//! Tenure finds access that has tenure: privilege that stands there day and night,
//! credentials that never end, and grants that outlive the just-in-time window that
//! should have closed them.
//!
//! Data takes one direction. Each stage knows only the [`model`] and what lies to
//! its left:
//!
//! ```text
//! connect ─► snapshot ─► resolve ─► reach ─► jit ─► rules ─► drift ─► report
//! live APIs  native      effective  cross-   ledger  CEL on  entitle-  SARIF, HTML,
//!            documents   privilege  system           facts   ment diff table, JSON
//! ```
//!
//! * [`connect`] is the only place with a network. It writes the systems' own
//!   documents into a snapshot and interprets nothing.
//! * [`snapshot`] holds those documents, on disk or in memory, and recognises files
//!   by their content.
//! * [`resolve`] turns native documents into facts, with one exact evaluator per
//!   system. No system's own vocabulary leaves it.
//! * [`reach`] joins systems, [`jit`] reconciles with the evidence just-in-time
//!   systems leave, [`rules`] judges, [`drift`] compares, [`report`] renders.
//! * [`scan`] runs the stages; [`cli`] is the command line around it.

pub mod cli;
pub mod config;
pub mod connect;
pub mod drift;
pub mod jit;
pub mod model;
pub mod reach;
pub mod report;
pub mod resolve;
pub mod rules;
pub mod scan;
pub mod snapshot;
