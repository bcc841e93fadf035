//! Recognising files that declare access instead of listing it: Terraform plans and
//! CloudFormation templates.
//!
//! One such file may speak of every system, so its documents belong to none:
//! [`super::Snapshot::of`] leaves them out, [`super::Snapshot::declared`] gives them.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Document;

/// A Terraform plan, judged by what would be there once it is applied.
pub const PLAN: &str = "terraform-plan";
/// A Terraform plan, judged by what was there before.
pub const PRIOR: &str = "terraform-prior";
/// A Terraform source, which tells where the resources of a plan stand.
pub const SOURCE: &str = "terraform-source";
/// A CloudFormation template.
pub const TEMPLATE: &str = "cloudformation-template";

/// Newest major version of the plan format that is read (Terraform, "JSON Output
/// Format", format version).
const PLAN_FORMAT: u64 = 1;
/// Bytes looked at for the outermost members.
const LOOK: usize = 1 << 20;

/// Whether a document declares access rather than listing it.
pub fn is_declared(document: &Document) -> bool {
    [PLAN, PRIOR, SOURCE, TEMPLATE].contains(&document.kind)
}

/// Which kind of declaration a file is, by its content; `None` if it is none.
pub(super) fn recognise(path: &str, text: &[u8]) -> Option<&'static str> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let head = &text[..text.len().min(LOOK)];
    let has = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    if head.trim_ascii_start().starts_with(b"{") {
        let plan = has(b"\"format_version\"")
            && (has(b"\"planned_values\"") || has(b"\"resource_changes\""));
        if plan {
            return Some(PLAN);
        }
        let template = has(b"\"Resources\"") && has(b"AWS::");
        return (template && !has(b"\"apiVersion\"")).then_some(TEMPLATE);
    }
    if !matches!(ending, Some("yaml" | "yml" | "template")) {
        return None;
    }
    let mut lines = head.split(|&byte| byte == b'\n');
    let resources = lines.any(|line| line.trim_ascii_end() == b"Resources:");
    (resources && has(b"AWS::")).then_some(TEMPLATE)
}

#[derive(Deserialize)]
struct Plan {
    format_version: String,
    #[serde(default)]
    errored: bool,
    resource_changes: Option<IgnoredAny>,
    planned_values: Option<IgnoredAny>,
}

/// Why a plan cannot be read by this build: line, column and what is wrong.
pub(super) fn fault(text: &[u8]) -> Option<(usize, usize, String)> {
    let plan: Plan = match serde_json::from_slice(text) {
        Ok(plan) => plan,
        Err(error) => {
            let message = format!("not a Terraform plan: {error}");
            return Some((error.line().max(1), error.column().max(1), message));
        }
    };
    let version = &plan.format_version;
    let major = version.split('.').next().and_then(|part| part.parse().ok());
    match major {
        Some(0..=PLAN_FORMAT) => {}
        _ => {
            let message = format!(
                "a Terraform plan of format version `{version}`; this build reads major version \
                 {PLAN_FORMAT}. Use a newer tenure"
            );
            return Some((1, 1, message));
        }
    }
    if plan.errored {
        let message = "planning ended with an error, so this plan is not complete".to_owned();
        return Some((1, 1, message));
    }
    if plan.resource_changes.is_none() && plan.planned_values.is_some() {
        let message = "a plan without changes of resources; write it with `terraform show -json \
                       PLANFILE`"
            .to_owned();
        return Some((1, 1, message));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_known_by_content() {
        for (path, text, kind) in [
            (
                "plan.json",
                r#"{"format_version":"1.2","planned_values":{}}"#,
                Some(PLAN),
            ),
            (
                "state.json",
                r#"{"format_version":"1.0","values":{}}"#,
                None,
            ),
            (
                "t.json",
                r#"{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}"#,
                Some(TEMPLATE),
            ),
            (
                "t.yaml",
                "Resources:\n  R:\n    Type: AWS::IAM::Role\n",
                Some(TEMPLATE),
            ),
            ("t.yaml", "Resources:\n  R: 1\n", None),
            ("values.md", "Resources:\n  AWS::\n", None),
        ] {
            assert_eq!(recognise(path, text.as_bytes()), kind, "{text}");
        }
    }

    #[test]
    fn plans_of_another_format_are_refused() {
        let fault = |text: &str| fault(text.as_bytes()).map(|(.., message)| message);
        assert_eq!(
            fault(r#"{"format_version":"1.9","resource_changes":[]}"#),
            None
        );
        assert_eq!(
            fault(r#"{"format_version":"0.2","resource_changes":[]}"#),
            None
        );
        let newer = fault(r#"{"format_version":"2.0","resource_changes":[]}"#).unwrap();
        assert!(newer.contains("`2.0`"), "{newer}");
        assert!(fault(r#"{"format_version":"1.2","planned_values":{}}"#).is_some());
        assert!(
            fault(r#"{"format_version":"1.2","errored":true,"resource_changes":[]}"#).is_some()
        );
        assert!(fault("{").is_some());
    }
}
