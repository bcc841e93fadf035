//! Reading typed members out of HCL objects, as `hcl.DecodeObject` does: a repeated
//! list key appends, a repeated single value replaces.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Number, Value as Json};

use super::super::hcl::{Item, Kind, Value};
use super::{Parameters, PolicyError};

type Result<T> = std::result::Result<T, PolicyError>;

fn fail<T>(value: &Value, place: &str, message: &str) -> Result<T> {
    Err(PolicyError {
        message: format!("{place}: {message}"),
        span: value.span.clone(),
    })
}

/// The items of this name. Decoding folds case, but unknown spellings were refused
/// before, so an exact comparison is the same.
pub(super) fn named<'a>(
    items: &'a [Item],
    name: &'static str,
) -> impl Iterator<Item = &'a Item> + Clone {
    items.iter().filter(move |item| item.name() == name)
}

pub(super) fn bad_key(place: &str, item: &Item, known: &[&str]) -> PolicyError {
    let name = item.name();
    let near = known
        .iter()
        .map(|key| (distance(name, key), *key))
        .filter(|(steps, key)| {
            *steps <= 2
                || key.starts_with(name)
                || name.starts_with(key)
                || (*steps <= 6 && name.len() > 8)
        })
        .min();
    let hint = match near {
        Some((_, key)) => format!("; did you mean `{key}`?"),
        None => format!("; expected one of {}", known.join(", ")),
    };
    PolicyError {
        message: format!("{place}: `{name}` is not a key{hint}"),
        span: item.span(),
    }
}

/// Edit distance, for hints only.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (corner + usize::from(x != *y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            corner = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

pub(super) fn object<'a>(value: &'a Value, place: &str) -> Result<&'a [Item]> {
    match &value.kind {
        Kind::Object(items) => Ok(items),
        _ => fail(value, place, "expected an object"),
    }
}

fn string(value: &Value, place: &str) -> Result<String> {
    match &value.kind {
        Kind::String(text) | Kind::Number(text) => Ok(text.clone()),
        _ => fail(value, place, "expected a text"),
    }
}

pub(super) fn last_string<'a>(
    items: impl Iterator<Item = &'a Item>,
    place: &str,
) -> Result<Option<(String, Range<usize>)>> {
    let mut last = None;
    for item in items {
        last = Some((string(&item.value, place)?, item.value.span.clone()));
    }
    Ok(last)
}

pub(super) fn spanned_strings<'a>(
    items: impl Iterator<Item = &'a Item>,
    place: &str,
) -> Result<Vec<(String, Range<usize>)>> {
    let mut all = Vec::new();
    for item in items {
        let Kind::List(list) = &item.value.kind else {
            return fail(&item.value, place, "expected a list");
        };
        for value in list {
            all.push((string(value, place)?, value.span.clone()));
        }
    }
    Ok(all)
}

pub(super) fn strings<'a>(
    items: impl Iterator<Item = &'a Item>,
    place: &str,
) -> Result<Vec<String>> {
    let spanned = spanned_strings(items, place)?;
    Ok(spanned.into_iter().map(|(text, _)| text).collect())
}

pub(super) fn last_int<'a>(items: impl Iterator<Item = &'a Item>, place: &str) -> Result<i64> {
    let mut last = 0;
    for item in items {
        last = match &item.value.kind {
            Kind::Number(text) | Kind::String(text) => int(text),
            _ => None,
        }
        .map_or_else(|| fail(&item.value, place, "expected a whole number"), Ok)?;
    }
    Ok(last)
}

pub(super) fn last_bool<'a>(items: impl Iterator<Item = &'a Item>, place: &str) -> Result<bool> {
    let mut last = false;
    for item in items {
        last = match &item.value.kind {
            Kind::Bool(value) => *value,
            _ => return fail(&item.value, place, "expected true or false"),
        };
    }
    Ok(last)
}

/// A whole number as Go's `ParseInt` with base 0 reads it.
fn int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let number = if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        i64::from_str_radix(hex, 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        i64::from_str_radix(&digits[1..], 8)
    } else {
        digits.parse()
    };
    number.ok().map(|n| if negative { -n } else { n })
}

pub(super) fn last_duration<'a>(
    items: impl Iterator<Item = &'a Item>,
    place: &str,
) -> Result<SignedDuration> {
    let mut last = SignedDuration::ZERO;
    for item in items {
        last = match &item.value.kind {
            Kind::String(text) => duration(text),
            Kind::Number(text) => int(text).map(SignedDuration::from_secs),
            // The value is bounded before it is cut to whole seconds.
            Kind::Float(seconds) if seconds.abs() < 1e15 => {
                Some(SignedDuration::from_secs(*seconds as i64))
            }
            _ => None,
        }
        .map_or_else(
            || {
                fail(
                    &item.value,
                    place,
                    "expected a length of time such as `90s` or `1h30m`",
                )
            },
            Ok,
        )?;
    }
    Ok(last)
}

/// A length of time as Vault writes it: seconds, or Go's units and `d`.
pub(in super::super) fn duration(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    if text.is_empty() {
        return Some(SignedDuration::ZERO);
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(SignedDuration::from_secs(seconds));
    }
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut total = 0f64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .filter(|&at| at > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    if total > 1e15 {
        return None;
    }
    let total = SignedDuration::try_from_secs_f64(total).ok()?;
    Some(if negative { -total } else { total })
}

/// A point in time: RFC 3339, or seconds since 1970.
pub(super) fn time(text: &str, span: Range<usize>, place: &str) -> Result<Timestamp> {
    text.parse()
        .ok()
        .or_else(|| {
            text.parse()
                .ok()
                .and_then(|s| Timestamp::from_second(s).ok())
        })
        .ok_or_else(|| PolicyError {
            message: format!("{place}: `{text}` is not a time; expected `2026-12-31T00:00:00Z`"),
            span,
        })
}

/// `allowed_parameters` and `denied_parameters`. Names are folded to lower case;
/// values under a repeated name add up.
pub(super) fn parameters<'a>(
    items: impl Iterator<Item = &'a Item>,
    place: &str,
) -> Result<Option<Parameters>> {
    let mut all: Option<Parameters> = None;
    for item in items {
        let map = all.get_or_insert_default();
        for member in object(&item.value, place)? {
            let values = match &member.value.kind {
                Kind::List(list) => list.iter().map(json).collect(),
                Kind::Object(_) => vec![json(&member.value)],
                _ => return fail(&member.value, place, "a parameter's values must be a list"),
            };
            map.entry(member.name().to_lowercase())
                .or_default()
                .extend(values);
        }
    }
    Ok(all)
}

fn json(value: &Value) -> Json {
    match &value.kind {
        Kind::String(text) => Json::String(text.clone()),
        Kind::Number(text) => int(text).map_or(Json::Null, Json::from),
        Kind::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Kind::Bool(value) => Json::Bool(*value),
        Kind::List(list) => Json::Array(list.iter().map(json).collect()),
        Kind::Object(items) => Json::Object(
            items
                .iter()
                .map(|item| (item.name().to_owned(), json(&item.value)))
                .collect::<Map<_, _>>(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        let seconds = |text| duration(text).map(|d| d.as_secs_f64());
        assert_eq!(seconds("90"), Some(90.0));
        assert_eq!(seconds("1h30m"), Some(5_400.0));
        assert_eq!(seconds("1.5s"), Some(1.5));
        assert_eq!(seconds("250ms"), Some(0.25));
        assert_eq!(seconds("2d"), Some(172_800.0));
        assert_eq!(seconds(""), Some(0.0));
        for bad in ["h", "1x", "1h2", "99999999999999999h", "é", "1é"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_as_go_reads_them() {
        assert_eq!(int("0x1f"), Some(31));
        assert_eq!(int("017"), Some(15));
        assert_eq!(int("-3"), Some(-3));
        assert_eq!(int("99999999999999999999"), None);
    }
}
