//! Every report, over hand-made outcomes.

mod sample;
mod sarif;
mod table;
mod tools;
