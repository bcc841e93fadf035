//! The credential report: a CSV file, bare or inside the API's answer.
//!
//! Columns are found by name, so columns AWS adds later do no harm. Values that say
//! "nothing": `N/A` (does not apply), `no_information` (not tracked when it happened),
//! `not_supported` (of root, or unknown).

use jiff::Timestamp;
use serde::Deserialize;

use super::{File, Text, Time, Unusable};
use crate::model::{Location, Moment};

/// A credential report.
#[derive(Debug, Default)]
pub struct Report {
    /// The rows, root first.
    pub rows: Vec<Row>,
    /// When AWS made it, where the API's answer says so.
    pub generated: Option<Timestamp>,
}

/// A user's row.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Name; `<root_account>` for root.
    pub user: String,
    /// ARN.
    pub arn: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Has a password. `None` for root in old reports (`not_supported`).
    pub password: Option<bool>,
    /// When the password was last used.
    pub password_used: Moment,
    /// When the password last changed.
    pub password_changed: Option<Timestamp>,
    /// When the password expires.
    pub password_expires: Moment,
    /// Has a second factor.
    pub mfa: Option<bool>,
    /// Access keys 1 and 2.
    pub keys: [Key; 2],
    /// Signing certificates 1 and 2.
    pub certificates: [Certificate; 2],
    /// Where it stands.
    pub location: Option<Location>,
}

/// An access key.
#[derive(Clone, Debug, Default)]
pub struct Key {
    /// It works.
    pub active: bool,
    /// When it was last made anew.
    pub rotated: Option<Timestamp>,
    /// When it was last used.
    pub used: Moment,
    /// The region last called.
    pub region: Option<String>,
    /// The service last called.
    pub service: Option<String>,
}

impl Key {
    /// The user has or had a key here.
    pub fn exists(&self) -> bool {
        self.active || self.rotated.is_some()
    }
}

/// A signing certificate.
#[derive(Clone, Debug, Default)]
pub struct Certificate {
    /// It works.
    pub active: bool,
    /// When it was last made anew.
    pub rotated: Option<Timestamp>,
}

impl Row {
    /// The account's root user.
    pub fn is_root(&self) -> bool {
        self.user == "<root_account>"
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    #[serde(borrow)]
    content: Text<'a>,
    #[serde(default)]
    generated_time: Time,
}

/// Reads a report.
///
/// # Errors
/// Where it is none.
pub fn read(file: &File<'_>) -> Result<Report, Unusable> {
    let start = file.text.trim_start();
    if !start.starts_with('{') {
        return rows(file, file.text, true).map(|rows| Report {
            rows,
            generated: None,
        });
    }
    let (answers, lost) = file.pages::<Answer<'_>>();
    if let Some(bad) = lost.into_iter().next() {
        return Err(bad);
    }
    let wrong = |message: &str| Unusable {
        location: Location::start_of(file.name),
        message: message.to_owned(),
    };
    let answer = answers
        .first()
        .ok_or_else(|| wrong("a credential report without content"))?;
    let csv = base64(&answer.content)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| wrong("the report's `Content` is not base64 of UTF-8 text"))?;
    Ok(Report {
        rows: rows(file, &csv, false)?,
        generated: answer.generated_time.0,
    })
}

fn rows(file: &File<'_>, csv: &str, located: bool) -> Result<Vec<Row>, Unusable> {
    let mut lines = csv.lines();
    let names = fields(lines.next().unwrap_or_default());
    let column = |name: &str| names.iter().position(|column| column == name);
    let (Some(user), Some(arn)) = (column("user"), column("arn")) else {
        return Err(Unusable {
            location: Location::start_of(file.name),
            message: "not a credential report: its first line lacks the columns `user` and `arn`"
                .to_owned(),
        });
    };
    let mut rows = Vec::new();
    for (number, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
        let values = fields(line);
        let line_number = u32::try_from(number + 2).unwrap_or(u32::MAX);
        let location = Location {
            file: file.name,
            line: line_number,
            column: 1,
            end_line: line_number,
            end_column: u32::try_from(line.chars().count() + 1).unwrap_or(u32::MAX),
        };
        if values.len() != names.len() {
            return Err(Unusable {
                location,
                message: format!(
                    "this line has {} columns, the first line {}; the report is cut off or damaged",
                    values.len(),
                    names.len()
                ),
            });
        }
        let value = |name: &str| {
            column(name)
                .map(|at| values[at].as_str())
                .unwrap_or_default()
        };
        let key = |slot: u8| {
            let of = |what: &str| value(&format!("access_key_{slot}_{what}"));
            Key {
                active: of("active") == "true",
                rotated: time(of("last_rotated")),
                used: moment(of("last_used_date")),
                region: known(of("last_used_region")),
                service: known(of("last_used_service")),
            }
        };
        let certificate = |slot: u8| Certificate {
            active: value(&format!("cert_{slot}_active")) == "true",
            rotated: time(value(&format!("cert_{slot}_last_rotated"))),
        };
        let password = truth(value("password_enabled"));
        rows.push(Row {
            user: values[user].clone(),
            arn: values[arn].clone(),
            created: time(value("user_creation_time")),
            password,
            password_used: moment(value("password_last_used")),
            password_changed: time(value("password_last_changed")),
            password_expires: match value("password_next_rotation") {
                "N/A" if password == Some(true) => Moment::Never,
                text => Moment::or_unknown(time(text)),
            },
            mfa: truth(value("mfa_active")),
            keys: [key(1), key(2)],
            certificates: [certificate(1), certificate(2)],
            location: located.then_some(location),
        });
    }
    Ok(rows)
}

fn known(text: &str) -> Option<String> {
    (!matches!(
        text,
        "" | "N/A" | "no_information" | "not_supported" | "n/a"
    ))
    .then(|| text.to_owned())
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "TRUE" => Some(true),
        "false" | "FALSE" => Some(false),
        _ => None,
    }
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// `N/A` of a date of use: never used (AWS: "N/A when … never used"). For what
/// happened before tracking began AWS says `no_information`.
fn moment(text: &str) -> Moment {
    match text {
        "N/A" | "no_information" => Moment::Never,
        _ => Moment::or_unknown(time(text)),
    }
}

/// The fields of a CSV line (RFC 4180 quoting; user names hold no line breaks).
fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = line.trim_end_matches('\r').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}

/// Standard base64 (RFC 4648 §4), white space passed over.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut have) = (0u32, 0u32);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push((bits >> have) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Sym, System};
    use crate::snapshot::Document;
    use std::sync::Arc;

    const CSV: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated
<root_account>,arn:aws:iam::111122223333:root,2020-01-01T00:00:00+00:00,not_supported,2026-11-01T00:00:00+00:00,not_supported,not_supported,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A
\"bob\",arn:aws:iam::111122223333:user/bob,2021-01-01T00:00:00+00:00,true,no_information,2021-01-01T00:00:00+00:00,N/A,false,true,2021-01-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A
";

    fn file(text: &str) -> Document {
        Document {
            system: System::Aws,
            kind: "credential-report",
            tenant: None,
            path: Sym::new("r.csv"),
            file: Sym::new("r.csv"),
            text: Arc::from(text.as_bytes()),
        }
    }

    #[test]
    fn rows_tell_never_from_unknown() {
        let document = file(CSV);
        let report = read(&File::new(&document).unwrap()).unwrap();
        let [root, bob] = &report.rows[..] else {
            panic!("two rows")
        };
        assert!(root.is_root());
        assert_eq!(root.password, None);
        assert_eq!(root.mfa, Some(true));
        assert!(!root.keys[0].exists());
        assert_eq!(bob.password_used, Moment::Never);
        assert_eq!(bob.password_expires, Moment::Never);
        assert_eq!(bob.keys[0].used, Moment::Never);
        assert!(bob.keys[0].exists() && !bob.keys[1].exists());
        assert_eq!(bob.location.map(|at| at.line), Some(3));
    }

    #[test]
    fn the_apis_answer_reads_alike() {
        // `user,arn` and one row, encoded.
        let text = r#"{"Content":"dXNlcixhcm4KYm9iLGFybjphd3M6aWFtOjoxMTExMjIyMjMzMzM6dXNlci9ib2IK","ReportFormat":"text/csv","GeneratedTime":"2026-11-20T00:00:00+00:00"}"#;
        let document = file(text);
        let report = read(&File::new(&document).unwrap()).unwrap();
        assert_eq!(report.rows[0].user, "bob");
        assert!(report.generated.is_some());
        let document = file(r#"{"Content":"***","ReportFormat":"text/csv"}"#);
        assert!(read(&File::new(&document).unwrap()).is_err());
    }

    #[test]
    fn a_cut_line_is_told_with_its_place() {
        let cut = &CSV[..CSV.len() - 20];
        let document = file(cut);
        let error = read(&File::new(&document).unwrap()).unwrap_err();
        assert_eq!(error.location.line, 3);
    }
}
