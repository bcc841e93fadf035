//! Fields of a simulator's case.

use serde_json::value::RawValue;

/// Finds a misspelt field in a case.
///
/// Whoever keeps cases in a file adds fields of their own (`expect`, `comment`): those
/// are left alone. A field that was surely meant to be one of `known` is an error,
/// because a policy that is not read makes the answer wrong without a sign.
pub(super) fn misspelt(line: &str, known: &[&str]) -> Option<String> {
    let fields: rustc_hash::FxHashMap<String, &RawValue> = serde_json::from_str(line).ok()?;
    let mut fields: Vec<&String> = fields.keys().collect();
    fields.sort();
    fields.into_iter().find_map(|field| {
        if known.contains(&field.as_str()) {
            return None;
        }
        let meant = known.iter().find(|name| core(name) == core(field))?;
        Some(format!("unknown field `{field}`; did you mean `{meant}`?"))
    })
}

/// A name without what people get wrong: case, separators and the plural.
fn core(name: &str) -> String {
    let letters: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let stem = letters
        .strip_suffix("ies")
        .or_else(|| letters.strip_suffix('y'))
        .or_else(|| letters.strip_suffix('s'))
        .unwrap_or(&letters);
    stem.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_pass_and_slips_do_not() {
        let known = ["identity_policies", "scps", "unknown_context"];
        let check = |line: &str| misspelt(line, &known);
        assert_eq!(check(r#"{"scps":[],"expect":"allowed","comment":1}"#), None);
        assert_eq!(check("not json"), None);
        for slip in [
            "identity_policy",
            "identityPolicies",
            "SCP",
            "unknownContext",
        ] {
            let line = format!("{{\"{slip}\":[]}}");
            let message = check(&line).unwrap_or_default();
            assert!(message.contains("did you mean"), "{slip}: {message}");
        }
    }
}
