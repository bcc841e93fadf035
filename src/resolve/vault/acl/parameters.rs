//! Guards beyond the path: parameters, wrapping and page size.

use jiff::SignedDuration;
use serde_json::Value as Json;

use super::{Operation, Parameters, Request, Rule};
use crate::resolve::vault::policy::Dialect;

/// The guards of all rules with one pattern, merged in the order of their policies.
#[derive(Debug, Default)]
pub(super) struct Guards {
    allowed: Option<Parameters>,
    denied: Option<Parameters>,
    required: Vec<String>,
    min_wrapping: SignedDuration,
    max_wrapping: SignedDuration,
    pagination_limit: i64,
}

impl Guards {
    pub(super) fn merge<'r>(rules: impl Iterator<Item = &'r Rule>) -> Self {
        let mut all = Guards::default();
        for (at, rule) in rules.enumerate() {
            merge_parameters(&mut all.allowed, rule.allowed.as_ref(), at == 0);
            merge_parameters(&mut all.denied, rule.denied.as_ref(), at == 0);
            for name in &rule.required {
                if !all.required.contains(name) {
                    all.required.push(name.clone());
                }
            }
            lower(&mut all.min_wrapping, rule.min_wrapping);
            lower(&mut all.max_wrapping, rule.max_wrapping);
            lower(&mut all.pagination_limit, rule.pagination_limit);
        }
        all
    }

    pub(super) fn pass(&self, request: &Request<'_>, dialect: Dialect) -> bool {
        self.wrapping_passes(request.wrap)
            && if request.operation.carries_parameters() {
                self.parameters_pass(request, dialect)
            } else {
                self.page_passes(request)
            }
    }

    fn wrapping_passes(&self, wrap: Option<SignedDuration>) -> bool {
        let (min, max) = (self.min_wrapping, self.max_wrapping);
        if max.is_positive() && wrap.is_none_or(|wrap| wrap > max) {
            return false;
        }
        if min.is_positive() && wrap.is_none_or(|wrap| wrap < min) {
            return false;
        }
        // Merging may bring a floor above the ceiling together: then nothing fits.
        min.is_zero() || max.is_zero() || max >= min
    }

    fn parameters_pass(&self, request: &Request<'_>, dialect: Dialect) -> bool {
        let empty = serde_json::Map::new();
        let data = request.data.unwrap_or(&empty);
        let missing = |name: &String| !data.contains_key(&name.to_lowercase());
        if self.required.iter().any(missing) {
            return false;
        }
        if data.is_empty() {
            return true;
        }
        if let Some(denied) = self.denied.as_ref().filter(|denied| !denied.is_empty()) {
            if denied.contains_key("*") {
                return false;
            }
            let refused = data.iter().any(|(name, value)| {
                denied
                    .get(&name.to_lowercase())
                    .is_some_and(|list| matches_any(value, list, dialect))
            });
            if refused {
                return false;
            }
        }
        let Some(allowed) = self.allowed.as_ref().filter(|allowed| !allowed.is_empty()) else {
            return true;
        };
        let open = allowed.contains_key("*");
        data.iter()
            .all(|(name, value)| match allowed.get(&name.to_lowercase()) {
                // A map that holds nothing but `*` does not look at values.
                _ if open && allowed.len() == 1 => true,
                Some(list) => matches_all(value, list, dialect),
                None => open,
            })
    }

    fn page_passes(&self, request: &Request<'_>) -> bool {
        if self.pagination_limit <= 0
            || !matches!(request.operation, Operation::List | Operation::Scan)
        {
            return true;
        }
        match request.data.and_then(|data| data.get("limit")) {
            None => !self
                .required
                .iter()
                .any(|name| name.eq_ignore_ascii_case("limit")),
            Some(Json::String(text)) if text == "max" => true,
            Some(Json::String(text)) => text.parse().is_ok_and(|n| self.page_fits(n)),
            Some(value) => value.as_i64().is_some_and(|n| self.page_fits(n)),
        }
    }

    fn page_fits(&self, limit: i64) -> bool {
        (0..=self.pagination_limit).contains(&limit)
    }
}

/// Keeps the lower of two positive values; zero means unset.
fn lower<T: Default + PartialOrd + Copy>(kept: &mut T, new: T) {
    if new > T::default() && (*kept == T::default() || new < *kept) {
        *kept = new;
    }
}

/// Adds `new` to `kept`: an empty list (any value) wins over values. A first policy
/// without the key lets later ones set it.
fn merge_parameters(kept: &mut Option<Parameters>, new: Option<&Parameters>, first: bool) {
    let Some(new) = new else { return };
    let Some(all) = kept else {
        if first || !new.is_empty() {
            *kept = Some(new.clone());
        }
        return;
    };
    for (name, values) in new {
        match all.get_mut(name) {
            Some(old) if old.is_empty() || values.is_empty() => old.clear(),
            Some(old) => old.extend(values.iter().cloned()),
            None => {
                all.insert(name.clone(), values.clone());
            }
        }
    }
}

/// Whether a denied list catches `value`. Vault looks into a list-typed value.
fn matches_any(value: &Json, list: &[Json], dialect: Dialect) -> bool {
    if list.is_empty() || list.iter().any(|known| same(known, value)) {
        return true;
    }
    match (dialect, value) {
        (Dialect::Vault, Json::Array(parts)) => parts
            .iter()
            .any(|part| list.iter().any(|known| same(known, part))),
        _ => false,
    }
}

/// Whether an allowed list covers `value`. Vault accepts a list-typed value whose
/// elements are all covered.
fn matches_all(value: &Json, list: &[Json], dialect: Dialect) -> bool {
    if list.is_empty() || list.iter().any(|known| same(known, value)) {
        return true;
    }
    match (dialect, value) {
        (Dialect::Vault, Json::Array(parts)) if !parts.is_empty() => parts
            .iter()
            .all(|part| list.iter().any(|known| same(known, part))),
        _ => false,
    }
}

/// Texts compare as globs with `*` at either end; everything else must be equal.
/// Numbers never are: the policy holds an integer, the request a JSON number.
fn same(known: &Json, value: &Json) -> bool {
    match (known, value) {
        (Json::String(pattern), Json::String(text)) => glob(pattern, text),
        _ => equal(known, value),
    }
}

fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        (Json::Number(_), Json::Number(_)) => false,
        _ => a == b,
    }
}

/// Vault's own: `*` counts only at either end, and a lone `*` is the text `*`, not a
/// wildcard.
fn glob(pattern: &str, text: &str) -> bool {
    if pattern.len() < 2 {
        return pattern == text;
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => text.contains(&pattern[1..pattern.len() - 1]),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_guard_holds_only_where_lists_are_looked_into() {
        let denied = [json!("admin")];
        let value = json!(["admin", "ro"]);
        assert!(!matches_any(&value, &denied, Dialect::Openbao));
        assert!(matches_any(&value, &denied, Dialect::Vault));
        let allowed = [json!("ro"), json!("rw")];
        assert!(matches_all(&json!(["ro", "rw"]), &allowed, Dialect::Vault));
        assert!(!matches_all(
            &json!(["ro", "admin"]),
            &allowed,
            Dialect::Vault
        ));
        assert!(!matches_all(&json!(["ro"]), &allowed, Dialect::Openbao));
    }

    #[test]
    fn globs() {
        assert!(glob("*", "*") && !glob("*", "a"));
        assert!(glob("**", "anything"));
        assert!(glob("a*", "ab") && glob("*b", "ab") && glob("*x*", "axb"));
        assert!(!glob("a*", "ba"));
    }

    #[test]
    fn numbers_never_match() {
        assert!(!same(&json!(1), &json!(1)));
        assert!(same(&json!(true), &json!(true)));
        assert!(same(&json!(["x"]), &json!(["x"])));
    }
}
