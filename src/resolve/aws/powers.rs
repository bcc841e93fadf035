//! Single powers that rules name, such as reading every secret.

use super::actions::{ActionId, ActionMask, Actions};
use super::judge::{Judge, PROBE};
use super::subject::{Subject, SubjectId};
use crate::model::Verdict;

/// What has an attribute of its own: the attribute, the action, and how the ARN of any
/// resource of its kind goes on after the account, with service and region before.
const ASKED: [(&str, &str, [&str; 3]); 4] = [
    ("pass_any_role", "iam:PassRole", ["iam", "", "role/"]),
    ("assume_any_role", "sts:AssumeRole", ["iam", "", "role/"]),
    (
        "reads_all_secrets",
        "secretsmanager:GetSecretValue",
        ["secretsmanager", "eu-west-1", "secret:"],
    ),
    (
        "reads_all_secrets",
        "ssm:GetParameter",
        ["ssm", "eu-west-1", "parameter/"],
    ),
];

/// A power that may be asked about.
#[derive(Clone, Copy, Debug)]
struct Asked {
    name: &'static str,
    action: ActionId,
    kind: [&'static str; 3],
}

/// All powers that are asked about.
#[derive(Clone, Debug)]
pub struct Powers(Vec<Asked>);

/// A power a subject has outright.
pub struct Power {
    /// The attribute.
    pub name: &'static str,
    pub action: ActionId,
    /// What stands for any resource.
    pub resource: String,
}

impl Powers {
    /// Makes their actions known.
    ///
    /// # Errors
    /// If there is no room for them.
    pub fn load(actions: &mut Actions) -> Result<Self, String> {
        let know = |(name, action, kind)| {
            let action = actions.know(action)?;
            Ok(Asked { name, action, kind })
        };
        ASKED
            .into_iter()
            .map(know)
            .collect::<Result<_, _>>()
            .map(Powers)
    }

    /// Those of a subject over all its policies: no grant of it has more.
    pub fn of(&self, judge: &Judge<'_>, id: SubjectId, subject: &Subject<'_>) -> Vec<Power> {
        let reach = judge.reach(id);
        self.0
            .iter()
            .filter(|asked| reach.contains(ActionMask::of(asked.action)))
            .filter_map(|asked| {
                let [service, region, kind] = asked.kind;
                let account = subject.account;
                let resource = format!("arn:aws:{service}:{region}:{account}:{kind}{PROBE}");
                let action = judge.actions.get(asked.action);
                let verdict = judge.allows(subject, action, &resource, &[]);
                (verdict == Verdict::Yes).then_some(Power {
                    name: asked.name,
                    action: asked.action,
                    resource,
                })
            })
            .collect()
    }
}
