//! What permissions are worth, by `rules/aws-tiers.yaml`.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::actions::{ActionId, ActionMask, Actions};
use super::judge::Judge;
use super::policy::{Document, Policy};
use super::subject::Subject;
use crate::model::{Effect, Sym, Tier, Verdict};

/// The catalogue of this build.
const DATA: &str = include_str!("../../../rules/aws-tiers.yaml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    #[serde(rename = "schema")]
    _schema: String,
    admin: Vec<ReasonData>,
    read: ReadData,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonData {
    reason: String,
    privileged: bool,
    #[serde(default)]
    r#in: Option<Place>,
    #[serde(default)]
    all: BTreeMap<String, String>,
    #[serde(default)]
    any: BTreeMap<String, String>,
    #[serde(default)]
    with: BTreeMap<String, BTreeMap<String, String>>,
}

/// The account a reason means something in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Place {
    /// The organisation's management account.
    Management,
    /// The account Identity Center runs in.
    IdentityCenter,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadData {
    verbs: Vec<String>,
}

/// One question: an action on a resource.
#[derive(Debug)]
struct Ask {
    action: ActionId,
    /// With `{account}`.
    resource: String,
    with: Vec<(String, String)>,
}

#[derive(Debug)]
struct Reason {
    name: Sym,
    privileged: bool,
    place: Option<Place>,
    all: Vec<Ask>,
    any: Vec<Ask>,
    all_mask: ActionMask,
    any_mask: ActionMask,
}

/// The classification.
#[derive(Debug)]
pub struct Tiers {
    reasons: Vec<Reason>,
    verbs: Vec<String>,
}

/// What a set of permissions is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worth {
    /// Reasons for the admin tier, and whether each holds outright.
    pub reasons: Vec<(Sym, Verdict)>,
    /// Whether its holder is a goal of escalation.
    pub privileged: Verdict,
}

impl Worth {
    /// Whether a reason holds.
    pub fn has(&self, reason: &str) -> Verdict {
        let found = self.reasons.iter().find(|(name, _)| *name == reason);
        found.map_or(Verdict::No, |(_, verdict)| *verdict)
    }

    /// Whether it is of the admin tier.
    pub fn admin(&self) -> Verdict {
        let best = self.reasons.iter().map(|(_, verdict)| *verdict).max();
        best.unwrap_or_default()
    }

    /// The reasons' names.
    pub fn names(&self) -> Vec<Sym> {
        self.reasons.iter().map(|(name, _)| *name).collect()
    }
}

/// Whether the entries of action lists seen so far read.
#[derive(Debug, Default)]
pub struct Reading(FxHashMap<Sym, bool>);

/// With which policies a subject is judged.
#[derive(Clone, Copy, Debug)]
pub struct Wearing<'s> {
    /// The identity's own policies.
    pub identity: &'s [&'s Policy],
    /// Within its boundary.
    pub bounded: bool,
    /// What the allow statements name.
    pub mask: ActionMask,
}

impl Tiers {
    /// Reads the catalogue and makes its actions known.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(actions: &mut Actions) -> Result<Self, String> {
        let data: Data = serde_saphyr::from_str(DATA).map_err(|error| error.to_string())?;
        let mut reasons = Vec::new();
        for reason in data.admin {
            let mut asks = |list: &BTreeMap<String, String>| -> Result<_, String> {
                let mut mask = ActionMask::default();
                let mut asks = Vec::new();
                for (name, resource) in list {
                    let action = actions.know(name)?;
                    mask.insert(action);
                    let with = reason.with.get(name).into_iter().flatten();
                    asks.push(Ask {
                        action,
                        resource: resource.clone(),
                        with: with
                            .map(|(key, value)| (key.to_ascii_lowercase(), value.clone()))
                            .collect(),
                    });
                }
                Ok((asks, mask))
            };
            let (all, all_mask) = asks(&reason.all)?;
            let (any, any_mask) = asks(&reason.any)?;
            reasons.push(Reason {
                name: Sym::new(&reason.reason),
                privileged: reason.privileged,
                place: reason.r#in,
                all,
                any,
                all_mask,
                any_mask,
            });
        }
        let verbs = data.read.verbs.into_iter();
        Ok(Tiers {
            reasons,
            verbs: verbs.map(|verb| verb.to_ascii_lowercase()).collect(),
        })
    }

    /// What the subject's permissions are worth when it wears `wearing`.
    pub fn worth(&self, judge: &Judge<'_>, subject: &Subject<'_>, wearing: Wearing<'_>) -> Worth {
        let mut worth = Worth::default();
        for reason in &self.reasons {
            let possible = if reason.any.is_empty() {
                wearing.mask.contains(reason.all_mask)
            } else {
                wearing.mask.intersects(reason.any_mask)
            };
            let world = judge.world;
            let here = match reason.place {
                None => true,
                Some(Place::Management) => world.organization.management == Some(subject.account),
                Some(Place::IdentityCenter) => world.identity_center.owner == Some(subject.account),
            };
            if !possible || !here {
                continue;
            }
            let ask = |ask: &Ask| self.ask(judge, subject, wearing, ask);
            let verdict = if reason.any.is_empty() {
                reason.all.iter().map(ask).min()
            } else {
                reason.any.iter().map(ask).max()
            };
            let verdict = verdict.unwrap_or_default();
            if verdict != Verdict::No {
                worth.reasons.push((reason.name, verdict));
                if reason.privileged {
                    worth.privileged = worth.privileged.max(verdict);
                }
            }
        }
        worth
    }

    fn ask(
        &self,
        judge: &Judge<'_>,
        subject: &Subject<'_>,
        wearing: Wearing<'_>,
        ask: &Ask,
    ) -> Verdict {
        let resource = ask.resource.replace("{account}", &subject.account);
        let with: Vec<(&str, &str)> = ask
            .with
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let action = judge.actions.get(ask.action);
        judge.allows_as(
            subject,
            wearing.identity,
            wearing.bounded,
            action,
            &resource,
            &with,
        )
    }

    /// What the text of a document is worth, below the admin tier: whether all it
    /// allows reads.
    pub fn by_text(&self, document: &Document, known: &mut Reading) -> Tier {
        let mut tier = Tier::None;
        for statement in &document.statements {
            if statement.effect != Effect::Allow {
                continue;
            }
            if statement.actions.not {
                return Tier::Write;
            }
            for action in &statement.actions.list {
                let reads = known.0.entry(action.sym());
                let reads = *reads.or_insert_with(|| self.reads(action.source()));
                if !reads {
                    // Nothing is worth more by its text alone.
                    return Tier::Write;
                }
                tier = Tier::Read;
            }
        }
        tier
    }

    /// Whether every action the pattern can match reads.
    fn reads(&self, pattern: &str) -> bool {
        let verb = pattern.split_once(':').map_or(pattern, |(_, verb)| verb);
        let verb = verb.split(['*', '?']).next().unwrap_or_default();
        self.verbs.iter().any(|known| {
            verb.get(..known.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(known))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_loads_and_tells_reading_from_writing() {
        let tiers = Tiers::load(&mut Actions::default()).unwrap();
        for (pattern, reads) in [
            ("s3:Get*", true),
            ("s3:GetObject", true),
            ("ec2:describe*", true),
            ("s3:*", false),
            ("*", false),
            ("s3:G*", false),
            ("s3:PutObject", false),
            ("dynamodb:BatchGetItem", true),
        ] {
            assert_eq!(tiers.reads(pattern), reads, "{pattern}");
        }
    }
}
