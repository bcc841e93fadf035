//! The catalogue of techniques, `rules/aws-escalation.yaml`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::super::actions::{ActionId, ActionMask, Actions};
use super::super::subject::SubjectKind;
use crate::model::Sym;

/// The catalogue of this build.
const DATA: &str = include_str!("../../../../rules/aws-escalation.yaml");

/// Who can walk a technique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// IAM users.
    User,
    /// Roles, those of permission sets included.
    Role,
}

/// What must exist for a technique to lead anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The walker itself.
    #[serde(rename = "self")]
    Own,
    /// A customer managed policy the walker has.
    OwnPolicy,
    /// Such a policy of which another version makes an admin.
    #[serde(rename = "own-policy-version")]
    OwnVersion,
    /// A group the walker is in.
    OwnGroup,
    /// A user of the admin tier.
    AdminUser,
    /// A group of the admin tier.
    AdminGroup,
    /// A role of the admin tier.
    AdminRole,
    /// Any other user.
    AnyUser,
    /// A role that lets the walker in.
    AssumableRole,
    /// Any role.
    AnyRole,
    /// A customer managed policy attached to a role.
    RolePolicy,
    /// Such a policy of which another version makes an admin.
    #[serde(rename = "role-policy-version")]
    RoleVersion,
    /// A role of the admin tier that trusts a service.
    ServiceRole,
    /// Such a role, carried by something that exists.
    CarriedRole,
    /// Identity Center runs in the account.
    IdentityCenter,
    /// The walker's boundary holds back an admin.
    Boundary,
    /// The customer managed policy that is that boundary.
    BoundaryPolicy,
    /// The same, of which another version leaves an admin.
    BoundaryVersion,
}

/// A fact about the target's access keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keys {
    /// There is room for another.
    FewerThanTwo,
    /// There is none.
    Two,
}

/// A fact about the target's console password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Password {
    /// It has one.
    With,
    /// It has none.
    Without,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    #[serde(rename = "schema")]
    _schema: String,
    techniques: Vec<TechniqueData>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TechniqueData {
    id: String,
    name: String,
    category: String,
    #[serde(default)]
    by: Option<Vec<By>>,
    target: Target,
    #[serde(default)]
    assumable: bool,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    instance_profile: bool,
    #[serde(default)]
    target_keys: Option<Keys>,
    #[serde(default)]
    target_password: Option<Password>,
    actions: InOrder<Places>,
    #[serde(default)]
    with: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    needs: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Places {
    One(String),
    Many(Vec<String>),
}

/// A map in the order of the file.
#[derive(Debug)]
struct InOrder<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Collect<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Collect<T> {
            type Value = InOrder<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from actions to resources")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    list.push(entry);
                }
                Ok(InOrder(list))
            }
        }
        from.deserialize_map(Collect(std::marker::PhantomData))
    }
}

/// On what an action must be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The target.
    Target,
    /// The role the target policy is attached to.
    Holder,
    /// The walker.
    Walker,
    /// Some resource of this pattern, with `{account}`.
    Some(String),
}

/// An action a technique needs.
#[derive(Clone, Debug)]
pub struct Need {
    /// The action.
    pub action: ActionId,
    /// On all of these.
    pub on: Vec<Place>,
    /// Context the walker chooses, keys in lower case.
    pub with: Vec<(String, String)>,
}

/// A technique.
#[derive(Clone, Debug)]
pub struct Technique {
    /// Public id, or ours: `iam-001`.
    pub id: Sym,
    /// Id in findings: `AWS-PE-iam-001`.
    pub technique: Sym,
    /// Name for people.
    pub name: Sym,
    /// Category.
    pub category: Sym,
    /// Users can walk it.
    pub by_user: bool,
    /// Roles can walk it.
    pub by_role: bool,
    /// What it leads to.
    pub target: Target,
    /// The target must let the walker in.
    pub assumable: bool,
    /// Services the target role trusts.
    pub services: Vec<Sym>,
    /// The role must be in an instance profile.
    pub instance_profile: bool,
    /// What must hold for the target's keys.
    pub target_keys: Option<Keys>,
    /// What must hold for the target's password.
    pub target_password: Option<Password>,
    /// What must be allowed.
    pub needs: Vec<Need>,
    /// The same, as a mask.
    pub mask: ActionMask,
    /// What else must be there.
    pub condition: Option<Sym>,
    /// `iam:PassRole + lambda:CreateFunction`.
    pub shown: Sym,
    /// Names of the actions.
    pub action_names: Vec<Sym>,
}

impl Technique {
    /// Whether a subject of this kind can walk it.
    pub fn is_for(&self, kind: SubjectKind) -> bool {
        match kind {
            SubjectKind::User => self.by_user,
            _ => self.by_role,
        }
    }
}

/// Reads the catalogue and makes its actions known.
///
/// # Errors
/// What is wrong with it.
pub fn load(actions: &mut Actions) -> Result<Vec<Technique>, String> {
    let data: Data = serde_saphyr::from_str(DATA).map_err(|error| error.to_string())?;
    data.techniques
        .into_iter()
        .map(|one| compile(one, actions))
        .collect()
}

fn compile(data: TechniqueData, actions: &mut Actions) -> Result<Technique, String> {
    let mut mask = ActionMask::default();
    let mut needs = Vec::new();
    let mut names = Vec::new();
    for (name, places) in data.actions.0 {
        let action = actions.know(&name)?;
        mask.insert(action);
        let places = match places {
            Places::One(place) => vec![place],
            Places::Many(places) => places,
        };
        let with = data.with.get(&name).into_iter().flatten();
        needs.push(Need {
            action,
            on: places
                .into_iter()
                .map(|place| match place.as_str() {
                    "target" => Place::Target,
                    "holder" => Place::Holder,
                    "self" => Place::Walker,
                    _ => Place::Some(place),
                })
                .collect(),
            with: with
                .map(|(key, value)| (key.to_ascii_lowercase(), value.clone()))
                .collect(),
        });
        names.push(name);
    }
    if data.assumable || data.target == Target::AssumableRole {
        names.push("sts:AssumeRole".to_owned());
    }
    let by = |who| data.by.as_ref().is_none_or(|list| list.contains(&who));
    Ok(Technique {
        technique: Sym::new(&format!("AWS-PE-{}", data.id)),
        id: Sym::new(&data.id),
        name: Sym::new(&data.name),
        category: Sym::new(&data.category),
        by_user: by(By::User),
        by_role: by(By::Role),
        target: data.target,
        assumable: data.assumable || data.target == Target::AssumableRole,
        services: data.services.iter().map(|name| Sym::new(name)).collect(),
        instance_profile: data.instance_profile,
        target_keys: data.target_keys,
        target_password: data.target_password,
        needs,
        mask,
        condition: data.needs.map(|text| Sym::new(&text)),
        shown: Sym::new(&names.join(" + ")),
        action_names: names.iter().map(|name| Sym::new(name)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_catalogue_loads() {
        let list = load(&mut Actions::default()).unwrap();
        let ids: BTreeSet<_> = list.iter().map(|one| one.id).collect();
        assert_eq!(ids.len(), list.len(), "ids are unique");
        for one in &list {
            let targets = one.needs.iter().flat_map(|need| &need.on);
            let on_target = targets.filter(|place| **place == Place::Target).count();
            if matches!(one.target, Target::ServiceRole) {
                assert_eq!(on_target, 1, "{}", one.id);
            }
            if matches!(one.target, Target::ServiceRole | Target::CarriedRole) {
                assert!(!one.services.is_empty(), "{}", one.id);
            }
        }
    }
}
