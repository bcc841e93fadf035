//! Values of conditions, typed once when the document is read.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::Base;
use crate::model::Verdict;
use crate::resolve::aws::policy::request::Request;
use crate::resolve::aws::policy::variables::{Style, Text};

/// The values of one condition. What cannot be read as the operator's type is left
/// out: it fits no request.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Text(Box<[Text]>),
    Number(Box<[f64]>, Order),
    Date(Box<[Timestamp]>, Order),
    Truth(Box<[bool]>),
    Binary(Box<[Box<str>]>),
    Address(Box<[IpNet]>),
    Unknown,
}

/// How a request's value must stand to the policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn holds<T: PartialOrd>(self, given: &T, policy: &T) -> bool {
        match self {
            Order::Equal => given == policy,
            Order::Less => given < policy,
            Order::LessOrEqual => given <= policy,
            Order::Greater => given > policy,
            Order::GreaterOrEqual => given >= policy,
        }
    }
}

impl Values {
    /// Compiles `source` for an operator; also gives the values that are not of its
    /// type.
    pub(super) fn compile(base: Base, source: &[Box<str>], variables: bool) -> (Self, Vec<&str>) {
        let mut bad = Vec::new();
        let text = |style| {
            let compile = |value: &str| Text::new(value, style, variables);
            Values::Text(source.iter().map(|value| compile(value)).collect())
        };
        let values = match base {
            Base::StringEquals | Base::StringNotEquals => text(Style::EXACT),
            Base::StringEqualsIgnoreCase | Base::StringNotEqualsIgnoreCase => {
                text(Style::IGNORE_CASE)
            }
            Base::StringLike | Base::StringNotLike => text(Style::LIKE),
            Base::ArnEquals | Base::ArnNotEquals | Base::ArnLike | Base::ArnNotLike => {
                text(Style::ARN)
            }
            Base::NumericEquals
            | Base::NumericNotEquals
            | Base::NumericLessThan
            | Base::NumericLessThanEquals
            | Base::NumericGreaterThan
            | Base::NumericGreaterThanEquals => {
                Values::Number(typed(source, number, &mut bad), order(base))
            }
            Base::DateEquals
            | Base::DateNotEquals
            | Base::DateLessThan
            | Base::DateLessThanEquals
            | Base::DateGreaterThan
            | Base::DateGreaterThanEquals => {
                Values::Date(typed(source, date, &mut bad), order(base))
            }
            Base::Bool | Base::Null => Values::Truth(typed(source, truth, &mut bad)),
            Base::BinaryEquals => Values::Binary(typed(source, binary, &mut bad)),
            Base::IpAddress | Base::NotIpAddress => {
                Values::Address(typed(source, network, &mut bad))
            }
            Base::Unknown => Values::Unknown,
        };
        (values, bad)
    }

    /// Whether one value of the request fits one of these, negation aside.
    pub(super) fn fit(&self, given: &str, request: &Request<'_>) -> Verdict {
        let fits = match self {
            Values::Text(list) => {
                let fits = list.iter().map(|text| text.matches(given, request));
                return fits.max().unwrap_or(Verdict::No);
            }
            Values::Unknown => return Verdict::Conditional,
            Values::Number(list, order) => number(given)
                .is_some_and(|given| list.iter().any(|policy| order.holds(&given, policy))),
            Values::Date(list, order) => date(given)
                .is_some_and(|given| list.iter().any(|policy| order.holds(&given, policy))),
            Values::Truth(list) => truth(given).is_some_and(|given| list.contains(&given)),
            Values::Binary(list) => binary(given).is_some_and(|given| list.contains(&given)),
            Values::Address(list) => network(given)
                .is_some_and(|given| list.iter().any(|policy| policy.contains(&given))),
        };
        super::yes_or_no(fits)
    }

    /// Whether `Null` asks for the key to be absent (`true`) or present (`false`).
    pub(super) fn asks_null(&self, absent: bool) -> bool {
        matches!(self, Values::Truth(list) if list.contains(&absent))
    }

    /// Whether any value at all fits.
    pub(super) fn take_everything(&self) -> bool {
        match self {
            Values::Text(list) => list
                .iter()
                .any(|text| !text.has_variables() && text.widest().is_everything()),
            Values::Truth(list) => list.contains(&true) && list.contains(&false),
            Values::Address(list) => {
                let all = |v4: bool| {
                    list.iter()
                        .any(|net| net.prefix_len() == 0 && net.addr().is_ipv4() == v4)
                };
                all(true) && all(false)
            }
            _ => false,
        }
    }
}

fn typed<'s, T>(
    source: &'s [Box<str>],
    read: impl Fn(&str) -> Option<T>,
    bad: &mut Vec<&'s str>,
) -> Box<[T]> {
    let mut list = Vec::with_capacity(source.len());
    for text in source {
        match read(text) {
            Some(value) => list.push(value),
            None => bad.push(text),
        }
    }
    list.into()
}

fn order(base: Base) -> Order {
    match base {
        Base::NumericLessThan | Base::DateLessThan => Order::Less,
        Base::NumericLessThanEquals | Base::DateLessThanEquals => Order::LessOrEqual,
        Base::NumericGreaterThan | Base::DateGreaterThan => Order::Greater,
        Base::NumericGreaterThanEquals | Base::DateGreaterThanEquals => Order::GreaterOrEqual,
        _ => Order::Equal,
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

fn truth(text: &str) -> Option<bool> {
    match () {
        () if text.eq_ignore_ascii_case("true") => Some(true),
        () if text.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}

/// Base64 without its padding.
fn binary(text: &str) -> Option<Box<str>> {
    let body = text.trim_end_matches('=');
    let known =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    body.bytes().all(known).then(|| body.into())
}

fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// A moment in one of the W3C forms of ISO 8601, or in seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > 4
        && let Ok(seconds) = text.parse::<f64>()
    {
        return Timestamp::from_millisecond((seconds * 1000.0) as i64).ok();
    }
    let utc = |moment: DateTime| moment.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    if let Some(short) = text.strip_suffix('Z').or_else(|| text.strip_suffix('z')) {
        return short.parse::<DateTime>().ok().and_then(utc);
    }
    let day = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    if let Ok(day) = day.parse::<Date>() {
        return utc(day.at(0, 0, 0, 0));
    }
    text.parse::<DateTime>().ok().and_then(utc)
}
