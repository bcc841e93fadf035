//! Authorization details of which some part is badly shaped: everything else is kept.
//!
//! The plain reader takes a whole page or nothing, which is fast and right for what AWS
//! answers. Where it fails, this one goes through the page element by element, so that
//! one user nobody can read costs that user and a gap, not the account.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::iam::AuthorizationDetails;
use super::list::left_out;
use super::{File, Text, Unusable};

/// The pages of authorization details in a file, and what of them cannot be used.
pub fn details<'a>(file: &File<'a>) -> (Vec<AuthorizationDetails<'a>>, Vec<Unusable>) {
    let (pages, bad) = file.all_pages();
    if bad.is_none() {
        return (pages, Vec::new());
    }
    let mut salvage = Salvage {
        file,
        pages: Vec::new(),
        lost: Vec::new(),
    };
    let mut from = serde_json::Deserializer::from_str(file.text);
    let array = file.text.trim_start().starts_with('[');
    let ended = if array {
        from.deserialize_seq(Pages(&mut salvage))
            .and_then(|()| from.end())
    } else {
        loop {
            if from.end().is_ok() {
                break Ok(());
            }
            if let Err(error) = Page(&mut salvage).deserialize(&mut from) {
                break Err(error);
            }
        }
    };
    if let Err(error) = ended {
        salvage.lost.push(file.unusable(&error));
    }
    (salvage.pages, salvage.lost)
}

struct Salvage<'f, 'a> {
    file: &'f File<'a>,
    pages: Vec<AuthorizationDetails<'a>>,
    lost: Vec<Unusable>,
}

impl<'a> Salvage<'_, 'a> {
    /// One element of a list, or nothing and a note.
    fn element<T: Deserialize<'a>>(&mut self, list: &str, index: usize, raw: &'a str) -> Option<T> {
        match serde_json::from_str(raw) {
            Ok(element) => Some(element),
            Err(error) => {
                let what = format!("element {index} of `{list}`");
                self.lost.push(left_out(self.file, &what, raw, &error));
                None
            }
        }
    }

    fn note(&mut self, at: &str, message: String) {
        let location = self
            .file
            .locate(at)
            .unwrap_or_else(|| crate::model::Location::start_of(self.file.name));
        self.lost.push(Unusable { location, message });
    }
}

/// The pages of an array.
struct Pages<'s, 'f, 'a>(&'s mut Salvage<'f, 'a>);

impl<'a> Visitor<'a> for Pages<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of pages")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Page(self.0))?.is_some() {}
        Ok(())
    }
}

/// One page, kept as far as it goes even if its end is missing.
struct Page<'s, 'f, 'a>(&'s mut Salvage<'f, 'a>);

impl<'a> DeserializeSeed<'a> for Page<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<(), D::Error> {
        self.0.pages.push(AuthorizationDetails::default());
        from.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Page<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of authorization details")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let salvage = self.0;
        while let Some(key) = map.next_key::<Text<'a>>()? {
            let key = &key;
            // Each list goes to the page that is being read: the last.
            match &**key {
                "UserDetailList" => map.next_value_seed(List {
                    salvage,
                    key,
                    put: |page, one| page.user_detail_list.push(one),
                })?,
                "GroupDetailList" => map.next_value_seed(List {
                    salvage,
                    key,
                    put: |page, one| page.group_detail_list.push(one),
                })?,
                "RoleDetailList" => map.next_value_seed(List {
                    salvage,
                    key,
                    put: |page, one| page.role_detail_list.push(one),
                })?,
                "Policies" => map.next_value_seed(List {
                    salvage,
                    key,
                    put: |page, one| page.policies.push(one),
                })?,
                "IsTruncated" => {
                    let raw: &RawValue = map.next_value()?;
                    let more = serde_json::from_str::<Option<bool>>(raw.get());
                    if more.is_err() {
                        let told = "`IsTruncated` is neither true nor false";
                        salvage.note(raw.get(), told.to_owned());
                    }
                    if let Some(page) = salvage.pages.last_mut() {
                        // Unless it certainly ends here, more follows.
                        page.is_truncated = more.map_or(true, Option::unwrap_or_default);
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// What stands where a list should, and is no list.
macro_rules! no_list {
    ($($visit:ident($kind:ty)),+ $(,)?) => {$(
        fn $visit<E: de::Error>(self, _: $kind) -> Result<(), E> {
            self.pass_over();
            Ok(())
        }
    )+};
}

/// One list of a page.
struct List<'s, 'f, 'a, T> {
    salvage: &'s mut Salvage<'f, 'a>,
    key: &'s Text<'a>,
    put: fn(&mut AuthorizationDetails<'a>, T),
}

impl<'a, T: Deserialize<'a>> DeserializeSeed<'a> for List<'_, '_, 'a, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<T> List<'_, '_, '_, T> {
    fn pass_over(self) {
        let at = self.key.slice().unwrap_or_default();
        let message = format!("`{}` is left out: it is no list", &**self.key);
        self.salvage.note(at, message);
    }
}

impl<'a, T: Deserialize<'a>> Visitor<'a> for List<'_, '_, 'a, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(raw) = list.next_element::<&'a RawValue>()? {
            let element = self.salvage.element(self.key, index, raw.get());
            if let Some((element, page)) = element.zip(self.salvage.pages.last_mut()) {
                (self.put)(page, element);
            }
            index += 1;
        }
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    no_list!(
        visit_bool(bool),
        visit_i64(i64),
        visit_u64(u64),
        visit_f64(f64),
        visit_str(&str),
    );

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.pass_over();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Sym, System};
    use crate::snapshot::Document;

    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let document = Document {
            system: System::Aws,
            kind: "authorization-details",
            tenant: None,
            path: Sym::new("x.json"),
            file: Sym::new("x.json"),
            text: text.as_bytes().into(),
        };
        let file = File::new(&document).unwrap();
        let (pages, lost) = details(&file);
        let names = pages
            .iter()
            .flat_map(|page| &page.user_detail_list)
            .map(|user| user.name.to_string());
        (
            names.collect(),
            lost.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn one_bad_element_costs_itself_alone() {
        let (names, lost) = read(
            "{\"UserDetailList\": [\n  {\"UserName\": \"a\", \"Arn\": \"arn:a\"},\n  \
             {\"UserName\": 7, \"Arn\": \"arn:é\"},\n  \"nobody\",\n  \
             {\"UserName\": \"b\", \"Arn\": \"arn:b\"}],\n \"Policies\": 4}",
        );
        assert_eq!(names, ["a", "b"]);
        assert_eq!(
            lost,
            [
                "x.json:3:16: element 1 of `UserDetailList` (`arn:é`) is left out: invalid type: \
                 integer `7`, expected text",
                "x.json:4:10: element 2 of `UserDetailList` is left out: invalid type: string \
                 \"nobody\", expected a user, group or role",
                "x.json:6:3: `Policies` is left out: it is no list",
            ]
        );
    }

    #[test]
    fn what_stands_before_the_end_of_a_cut_file_is_kept() {
        let whole = r#"[{"UserDetailList": [{"UserName": "a", "Arn": "arn:a"}, {"UserName": "b"#;
        for text in [whole, &whole[1..]] {
            let (names, lost) = read(text);
            assert_eq!(names, ["a"]);
            assert_eq!(lost.len(), 1, "{lost:?}");
        }
    }

    #[test]
    fn further_pages_are_read_after_a_bad_element() {
        let page = r#"{"UserDetailList": [{"UserName": "a", "Arn": "arn:a"}]}"#;
        let bad = r#"{"UserDetailList": [{"Arn": "arn:c"}], "IsTruncated": "yes"}"#;
        for text in [format!("{bad}\n{page}"), format!("[{bad},{page}]")] {
            let (names, lost) = read(&text);
            assert_eq!(names, ["a"]);
            assert_eq!(lost.len(), 2, "{lost:?}");
        }
    }
}
