//! Every report, over hand-made outcomes.

mod browser;
mod github;
mod html;
mod json;
mod markdown;
mod robust;
mod sample;
mod sarif;
mod table;
mod tools;
