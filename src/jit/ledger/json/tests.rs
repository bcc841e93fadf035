//! The canonical form, against the standard and against `serde_json`.

use proptest::prelude::*;

use super::*;

fn canonical(text: &str) -> Result<String, String> {
    let value = Json::parse(text).map_err(|error| error.message)?;
    let mut out = String::new();
    value.write(&mut out);
    Ok(out)
}

/// Sample of RFC 8785 §3.2.2 to §3.2.4 (values, then sorted).
#[test]
fn the_example_of_the_standard() {
    let text = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    assert_eq!(
        canonical(text).unwrap(),
        "{\"literals\":[null,true,false],\
         \"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
         \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
    );
}

/// RFC 8785 §3.2.3: the order is by UTF-16 code units.
#[test]
fn names_are_sorted_by_utf16_units() {
    let text = "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}";
    let value = Json::parse(text).unwrap();
    let Json::Map(members) = &value else {
        panic!("a map")
    };
    let order: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    let expected = [
        "\r",
        "1",
        "\u{80}",
        "\u{f6}",
        "\u{20ac}",
        "\u{1f600}",
        "\u{fb33}",
    ];
    assert_eq!(order, expected);
    for name in expected {
        assert!(value.get(name).is_some(), "{name:?}");
    }
}

/// RFC 8785 appendix B, and the borders between the forms.
#[test]
fn numbers_as_ecmascript_prints_them() {
    let table: &[(u64, &str)] = &[
        (0x0000000000000000, "0"),
        (0x8000000000000000, "0"),
        (0x0000000000000001, "5e-324"),
        (0x8000000000000001, "-5e-324"),
        (0x7fefffffffffffff, "1.7976931348623157e+308"),
        (0xffefffffffffffff, "-1.7976931348623157e+308"),
        (0x4340000000000000, "9007199254740992"),
        (0xc340000000000000, "-9007199254740992"),
        (0x4430000000000000, "295147905179352830000"),
        (0x44b52d02c7e14af5, "9.999999999999997e+22"),
        (0x44b52d02c7e14af6, "1e+23"),
        (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
        (0x444b1ae4d6e2ef4e, "999999999999999700000"),
        (0x444b1ae4d6e2ef4f, "999999999999999900000"),
        (0x444b1ae4d6e2ef50, "1e+21"),
        (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
        (0x3eb0c6f7a0b5ed8d, "0.000001"),
        (0x41b3de4355555553, "333333333.3333332"),
        (0x41b3de4355555554, "333333333.33333325"),
        (0x41b3de4355555555, "333333333.3333333"),
        (0x41b3de4355555556, "333333333.3333334"),
        (0x41b3de4355555557, "333333333.33333343"),
        (0xbecbf647612f3696, "-0.0000033333333333333333"),
        (0x43143ff3c1cb0959, "1424953923781206.2"),
    ];
    for (bits, expected) in table {
        let mut out = String::new();
        write_number(f64::from_bits(*bits), &mut out);
        assert_eq!(out, *expected, "{bits:#x}");
    }
}

#[test]
fn what_has_no_single_form_is_refused() {
    let table = [
        (r#"{"a":1,"a":2}"#, "twice"),
        (r#"{"a":1,"\u0061":2}"#, "twice"),
        (r#""\ud800""#, "surrogate"),
        (r#""\ud800\u0041""#, "surrogate"),
        (r#""\udc00""#, "surrogate"),
        ("9007199254740993", "too large"),
        ("1e999", "too large"),
        ("333333300000000000.52000", "too large"),
        ("-1e20", "too large"),
        ("01", "not a number"),
        ("-", "not a number"),
        ("1.", "digits"),
        ("\"a\u{1}\"", "control"),
        ("[1,]", "expected a value"),
        ("{\"a\":1,}", "name in quotes"),
        ("1 2", "follow"),
        ("", "ends"),
        ("\"a", "ends"),
        ("nul", "expected a value"),
        ("\"\\u12", "hexadecimal"),
        ("\"\\u+123\"", "hexadecimal"),
    ];
    for (text, expected) in table {
        let error = canonical(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert!(canonical(&"[".repeat(100_000)).is_err());
    for (text, form) in [
        ("9007199254740991.0", "9007199254740991"),
        ("1000000000000000000000.0", "1e+21"),
    ] {
        assert_eq!(canonical(text).unwrap(), form);
        assert_eq!(canonical(form).unwrap(), form);
    }
}

#[test]
fn a_member_can_be_left_out() {
    let value = Json::parse(r#"{"b":2,"digest":"x","a":{"digest":1}}"#).unwrap();
    let mut out = String::new();
    value.write_without("digest", &mut out);
    assert_eq!(out, r#"{"a":{"digest":1},"b":2}"#);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_and_the_form_is_stable(text in "\\PC*") {
        if let Ok(once) = canonical(&text) {
            prop_assert_eq!(canonical(&once).unwrap(), once);
        }
    }

    #[test]
    fn the_form_means_what_the_text_meant(
        text in ".*", number in any::<f64>(), whole in -9_007_199_254_740_991i64..=9_007_199_254_740_991,
    ) {
        let number = if number.is_finite() { number } else { 0.5 };
        let value = serde_json::json!({ "t": text, "w": whole, "l": [null, true] });
        let form = canonical(&value.to_string()).unwrap();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&form).unwrap(), value);
        let mut printed = String::new();
        write_number(number, &mut printed);
        prop_assert_eq!(printed.parse::<f64>().unwrap(), number);
        if let Ok(form) = canonical(&format!("{number:?}")) {
            prop_assert_eq!(canonical(&form).unwrap(), form);
        }
    }
}
