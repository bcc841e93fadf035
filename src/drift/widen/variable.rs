//! Policy variables, of which only the name is known.
//!
//! What `${aws:username}` stands for differs with each request, so no pattern but one
//! that takes any text there is known to take it: `home/*` holds `home/${aws:username}`,
//! `home/*name*` may not. `${*}`, `${?}` and `${$}` are single characters and no
//! wildcards (IAM User Guide, "Policy variables"). Both are kept from being read as
//! text by writing them in characters of the private use area.

use std::borrow::Cow;

/// The first of the 256 characters that stand for the bytes of a variable.
const FIRST: u32 = 0xE100;

/// Writes variables so that only wildcards and the same variable match them.
pub(super) fn closed(text: &str) -> Cow<'_, str> {
    if !text.contains("${") {
        return Cow::Borrowed(text);
    }
    let mut made = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some((before, variable)) = rest.split_once("${") {
        let Some((name, after)) = variable.split_once('}') else {
            break;
        };
        made.push_str(before);
        let whole = "${".bytes().chain(name.bytes()).chain([b'}']);
        made.extend(whole.filter_map(|byte| char::from_u32(FIRST + u32::from(byte))));
        rest = after;
    }
    made.push_str(rest);
    Cow::Owned(made)
}

/// A text in which variables are written as in the policy again.
pub(super) fn opened(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    for char in text.chars() {
        let offset = u32::from(char).checked_sub(FIRST);
        match offset.and_then(|offset| u8::try_from(offset).ok()) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(char.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_no_text_and_comes_back() {
        for text in [
            "",
            "a*",
            "h/${aws:username}/*",
            "${*}${",
            "é${é}é",
            "a}b${c",
        ] {
            assert_eq!(opened(&closed(text)), text);
        }
        assert!(!closed("h/${aws:name}").contains("name"));
        assert!(!closed("h/${*}").contains('*'));
    }
}
