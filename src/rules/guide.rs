//! The reference part of the authoring guide, generated from the schema.

use std::fmt::Write as _;

use super::check::FUNCTIONS;
use super::schema::{RECORDS, SUBJECTS, Schema, Ty};
use crate::model::System;

/// Names, fields and functions of the rule language, in Markdown.
///
/// The same text stands in `rules/README.md`; a test keeps the two equal.
pub fn field_reference() -> String {
    let schema = Schema::standard();
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let mut line = |line: &str| {
        let _ = writeln!(text, "{line}");
    };

    line("### Names in scope");
    line("");
    line("| `on:` | name | is | |");
    line("|---|---|---|---|");
    for subject in &SUBJECTS {
        for root in subject.roots {
            let guard = if root.optional { "optional" } else { "" };
            line(&format!(
                "| {} | `{}` | {}: {} | {guard} |",
                subject.name, root.name, root.record.name, root.doc
            ));
        }
    }
    line("");
    line("`now` is the moment of judgement, in every rule.");

    for record in RECORDS {
        line("");
        line(&format!("### `{}`", record.name));
        line("");
        line("| field | type | | meaning |");
        line("|---|---|---|---|");
        for field in record.fields {
            let guard = if field.optional { "optional" } else { "" };
            line(&format!(
                "| `{}` | {} | {guard} | {} |",
                field.name,
                describe(field.ty),
                field.doc
            ));
        }
        let attributes = record.fact.map_or(&[][..], |kind| schema.attributes(kind));
        for attribute in attributes {
            // A ledger's own facts are of few kinds, so all scanned systems are all.
            let shared = attribute.systems.len() + 1 >= System::ALL.len()
                && attribute.docs.iter().all(|doc| *doc == attribute.docs[0]);
            if shared {
                line(&format!(
                    "| `{}` | {} | optional | {} |",
                    attribute.name,
                    describe(attribute.ty),
                    attribute.docs[0].replace('|', "\\|")
                ));
                continue;
            }
            for (system, doc) in attribute.systems.iter().zip(&attribute.docs) {
                line(&format!(
                    "| `{}` | {} | optional, {system} | {} |",
                    attribute.name,
                    describe(attribute.ty),
                    doc.replace('|', "\\|")
                ));
            }
        }
    }

    line("");
    line("### Functions");
    line("");
    line("| form | gives |");
    line("|---|---|");
    for (_, form, doc) in FUNCTIONS {
        line(&format!("| `{form}` | {doc} |"));
    }
    text
}

fn describe(ty: Ty) -> String {
    match ty {
        Ty::Enum(set) => {
            let names: Vec<String> = set.names.iter().map(|name| format!("`{name}`")).collect();
            names.join(" ")
        }
        other => other.to_string(),
    }
}
