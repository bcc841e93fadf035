//! Every report, over hand-made outcomes.

mod browser;
mod html;
mod sample;
mod sarif;
mod table;
mod tools;
