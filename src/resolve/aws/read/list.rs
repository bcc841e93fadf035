//! Lists of which each element is read for itself: one that nobody can read costs that
//! element and a gap, not its page.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

use super::{File, Unusable};
use crate::model::Location;

/// A list and what of it cannot be used.
#[derive(Debug)]
pub struct List<'a, T> {
    kept: Vec<T>,
    lost: Vec<Lost<'a>>,
}

/// An element that cannot be used, or all of a list that is none.
#[derive(Debug)]
struct Lost<'a> {
    index: Option<usize>,
    raw: &'a str,
    error: serde_json::Error,
}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        List {
            kept: Vec::new(),
            lost: Vec::new(),
        }
    }
}

impl<T> List<'_, T> {
    /// The elements that can be used; the others are noted in `lost`. `name` is the
    /// member of the page that the list is.
    pub fn take(self, file: &File<'_>, name: &str, lost: &mut Vec<Unusable>) -> Vec<T> {
        lost.extend(self.lost.iter().map(|one| {
            let what = match one.index {
                Some(index) => format!("element {index} of `{name}`"),
                None => format!("`{name}`"),
            };
            left_out(file, &what, one.raw, &one.error)
        }));
        self.kept
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for List<'a, T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let whole: &'de RawValue = Deserialize::deserialize(from)?;
        let mut list = List::default();
        let elements: Option<Vec<&'de RawValue>> = match serde_json::from_str(whole.get()) {
            Ok(elements) => elements,
            Err(error) => {
                list.lost.push(Lost {
                    index: None,
                    raw: whole.get(),
                    error,
                });
                return Ok(list);
            }
        };
        for (index, raw) in elements.into_iter().flatten().enumerate() {
            let raw = raw.get();
            match serde_json::from_str(raw) {
                Ok(element) => list.kept.push(element),
                Err(error) => list.lost.push(Lost {
                    index: Some(index),
                    raw,
                    error,
                }),
            }
        }
        Ok(list)
    }
}

/// Says that `what`, which stands as `raw` in the file, cannot be used.
pub(super) fn left_out(
    file: &File<'_>,
    what: &str,
    raw: &str,
    error: &serde_json::Error,
) -> Unusable {
    let name = label(raw).map_or(String::new(), |name| format!(" (`{name}`)"));
    let told = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let told = told.strip_suffix(&place).unwrap_or(&told);
    let at = raw.get(offset(raw, error)..).unwrap_or(raw);
    let at = at.get(..1).unwrap_or(raw);
    Unusable {
        location: file
            .locate(at)
            .unwrap_or_else(|| Location::start_of(file.name)),
        message: format!("{what}{name} is left out: {told}"),
    }
}

/// What the element calls itself.
fn label(raw: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(raw).ok()?;
    let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
    [
        "Arn",
        "ARN",
        "UserName",
        "RoleName",
        "GroupName",
        "PolicyName",
        "PermissionSetArn",
        "UserId",
        "GroupId",
        "Id",
        "Name",
    ]
    .into_iter()
    .find_map(text)
}

/// Where in `raw` an error stands; its columns count bytes from 1.
fn offset(raw: &str, error: &serde_json::Error) -> usize {
    let before: usize = raw
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let mut at = (before + error.column().saturating_sub(1)).min(raw.len().saturating_sub(1));
    while !raw.is_char_boundary(at) {
        at -= 1;
    }
    at
}
