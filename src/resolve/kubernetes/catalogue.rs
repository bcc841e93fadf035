//! The escalation catalogue, `rules/kubernetes-escalation.yaml`.
//!
//! Rights are numbered, so that what a role gives is one 128-bit word and what a
//! subject holds over all its bindings is the union of a few.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::evaluate::{Request, rule_allows};
use super::rbac::Rule;
use crate::model::{Sym, Tier, glob};

const TEXT: &str = include_str!("../../../rules/kubernetes-escalation.yaml");

/// A set of rights.
pub(crate) type Rights = u128;

/// What a technique gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reach {
    /// Everything.
    Cluster,
    /// Everything within the namespaces where it is held.
    Namespace,
    /// Any service account of those namespaces.
    Accounts,
    /// The service accounts of pods that run there.
    Running,
    /// The service accounts whose tokens lie in secrets there.
    Tokens,
    /// No more than its own tier.
    Itself,
}

/// A question to the authorizer.
#[derive(Debug)]
struct Right {
    verbs: Vec<String>,
    verb_prefix: Option<String>,
    group: String,
    resource: String,
    subresource: String,
    url: Option<String>,
    names: Vec<String>,
}

/// A combination of rights that leads somewhere.
#[derive(Debug)]
pub(crate) struct Technique {
    pub id: Sym,
    pub name: Sym,
    /// Of each of these sets, at least one right.
    pub needs: Vec<Rights>,
    pub reach: Reach,
    pub tier: Tier,
    pub cluster_tier: Tier,
    /// Told only where a service account is reached.
    pub target: bool,
    /// Counts in this namespace only.
    pub namespace: Option<Sym>,
    /// Indices of techniques that say the same more strongly.
    pub unless: Vec<usize>,
}

impl Technique {
    /// Whether `held` suffices.
    pub fn works_with(&self, held: Rights) -> bool {
        self.needs.iter().all(|any| held & any != 0)
    }
}

/// The catalogue.
#[derive(Debug)]
pub(crate) struct Catalogue {
    rights: Vec<Right>,
    names: Vec<String>,
    /// Rights on resources without a namespace.
    pub cluster_rights: Rights,
    pub techniques: Vec<Technique>,
    /// Techniques that leave nothing to add: everything on everything.
    pub total: Vec<usize>,
    pub strong_namespaces: Vec<Sym>,
    escapes: Vec<(String, Sym)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    rights: BTreeMap<String, FileRight>,
    techniques: Vec<FileTechnique>,
    strong_namespaces: Vec<String>,
    node_escape: Vec<Escape>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRight {
    #[serde(default)]
    verbs: Vec<String>,
    verb_prefix: Option<String>,
    #[serde(default)]
    group: String,
    #[serde(default)]
    resource: String,
    url: Option<String>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    cluster: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTechnique {
    id: String,
    name: String,
    needs: Vec<Any>,
    reach: Reach,
    tier: Option<Tier>,
    cluster_tier: Option<Tier>,
    #[serde(default)]
    target: bool,
    namespace: Option<String>,
    #[serde(default)]
    unless: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Any {
    One(String),
    Of(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Escape {
    tie: String,
    what: String,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    // The file is part of the program and a test reads it, so this cannot fail for a
    // user; without it nothing could be judged, and saying so beats judging wrongly.
    #[allow(clippy::panic)]
    Catalogue::parse(TEXT)
        .unwrap_or_else(|error| panic!("rules/kubernetes-escalation.yaml: {error}"))
});

impl Catalogue {
    /// The catalogue of this build.
    pub fn get() -> &'static Catalogue {
        &CATALOGUE
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        if file.schema != "tenure-kubernetes-escalation-1" {
            return Err(format!("unknown schema `{}`", file.schema));
        }
        if file.rights.len() > Rights::BITS as usize {
            return Err(format!("more than {} rights", Rights::BITS));
        }
        let names: Vec<String> = file.rights.keys().cloned().collect();
        let bit = |name: &String| -> Result<Rights, String> {
            names
                .binary_search(name)
                .map(|at| 1 << at)
                .map_err(|_| format!("no right `{name}`"))
        };
        let mut cluster_rights = 0;
        let rights = file
            .rights
            .into_values()
            .enumerate()
            .map(|(at, right)| {
                if right.cluster || right.url.is_some() {
                    cluster_rights |= 1 << at;
                }
                let (resource, subresource) = right
                    .resource
                    .split_once('/')
                    .unwrap_or((&right.resource, ""));
                Right {
                    verbs: right.verbs,
                    verb_prefix: right.verb_prefix,
                    group: right.group,
                    subresource: subresource.to_owned(),
                    resource: resource.to_owned(),
                    url: right.url,
                    names: right.names,
                }
            })
            .collect();
        let ids: Vec<String> = file.techniques.iter().map(|t| t.id.clone()).collect();
        let techniques = file
            .techniques
            .into_iter()
            .map(|technique| {
                let needs = technique
                    .needs
                    .iter()
                    .map(|any| match any {
                        Any::One(name) => bit(name),
                        Any::Of(list) => list.iter().try_fold(0, |set, name| Ok(set | bit(name)?)),
                    })
                    .collect::<Result<_, String>>()?;
                let unless = technique
                    .unless
                    .iter()
                    .map(|id| {
                        ids.iter()
                            .position(|other| other == id)
                            .ok_or_else(|| format!("no technique `{id}`"))
                    })
                    .collect::<Result<_, String>>()?;
                let tier = technique.tier.unwrap_or(Tier::Admin);
                Ok(Technique {
                    id: Sym::new(&technique.id),
                    name: Sym::new(&technique.name),
                    needs,
                    reach: technique.reach,
                    tier,
                    cluster_tier: technique.cluster_tier.unwrap_or(match technique.reach {
                        Reach::Itself => tier,
                        _ => Tier::Admin,
                    }),
                    target: technique.target,
                    namespace: technique.namespace.map(|name| Sym::new(&name)),
                    unless,
                })
            })
            .collect::<Result<Vec<Technique>, String>>()?;
        let everything = bit(&"everything".to_owned())?;
        Ok(Catalogue {
            rights,
            names,
            cluster_rights,
            total: (0..techniques.len())
                .filter(|&at| techniques[at].needs.contains(&everything))
                .collect(),
            techniques,
            strong_namespaces: file.strong_namespaces.iter().map(Sym::from).collect(),
            escapes: file
                .node_escape
                .into_iter()
                .map(|escape| (escape.tie, Sym::new(&escape.what)))
                .collect(),
        })
    }

    /// The rights a rule gives: on any object, and on named objects only.
    pub fn rights_of(&self, rule: &Rule) -> (Rights, Rights) {
        let (mut whole, mut named) = (0, 0);
        for (at, right) in self.rights.iter().enumerate() {
            match right.given_by(rule) {
                Given::No => {}
                Given::Whole => whole |= 1 << at,
                Given::Named => named |= 1 << at,
            }
        }
        (whole, named)
    }

    /// Names of the rights in a set.
    pub fn names(&self, rights: Rights) -> impl Iterator<Item = &str> {
        self.names
            .iter()
            .enumerate()
            .filter(move |(at, _)| rights >> at & 1 == 1)
            .map(|(_, name)| name.as_str())
    }

    /// What lets a pod with this tie out to its node.
    pub fn escape(&self, tie: &str) -> Option<Sym> {
        self.escapes
            .iter()
            .find(|(pattern, _)| glob(pattern, tie))
            .map(|&(_, what)| what)
    }
}

enum Given {
    No,
    Whole,
    Named,
}

impl Right {
    fn given_by(&self, rule: &Rule) -> Given {
        if let Some(prefix) = &self.verb_prefix {
            let any = rule
                .verbs
                .iter()
                .any(|verb| *verb == "*" || verb.starts_with(prefix.as_str()));
            return match any && !rule.resources.is_empty() {
                true => Given::Whole,
                false => Given::No,
            };
        }
        let mut given = Given::No;
        for verb in &self.verbs {
            let request = Request {
                verb,
                group: &self.group,
                resource: &self.resource,
                subresource: &self.subresource,
                url: self.url.as_deref(),
                ..Request::default()
            };
            let whole = if self.names.is_empty() {
                rule_allows(rule, &request)
            } else {
                self.names
                    .iter()
                    .any(|name| rule_allows(rule, &Request { name, ..request }))
            };
            if whole {
                return Given::Whole;
            }
            // The object of a create has no name yet; that of a subresource has.
            let nameless = verb == "create" && self.subresource.is_empty();
            if let (Some(name), false, true) = (rule.names.first(), nameless, self.names.is_empty())
                && rule_allows(rule, &Request { name, ..request })
            {
                given = Given::Named;
            }
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(verbs: &[&str], group: &str, resource: &str, names: &[&str]) -> (String, String) {
        let syms = |list: &[&str]| list.iter().map(|&text| Sym::new(text)).collect();
        let rule = Rule {
            verbs: syms(verbs),
            groups: syms(&[group]),
            resources: syms(&[resource]),
            names: syms(names),
            ..Rule::default()
        };
        let catalogue = Catalogue::get();
        let (whole, named) = catalogue.rights_of(&rule);
        let join = |set| catalogue.names(set).collect::<Vec<_>>().join(" ");
        (join(whole), join(named))
    }

    #[test]
    fn the_catalogue_reads() {
        let catalogue = Catalogue::get();
        assert!(catalogue.techniques.len() >= 40);
        assert_eq!(catalogue.total.len(), 2);
        let mut ids: Vec<_> = catalogue.techniques.iter().map(|t| t.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), catalogue.techniques.len());
    }

    #[test]
    fn names_limit_rights_and_creation_has_none() {
        let pair = |whole: &str, named: &str| (whole.to_owned(), named.to_owned());
        assert_eq!(
            rights(&["create"], "", "pods", &[]),
            pair("create-pods", "")
        );
        assert_eq!(rights(&["create"], "", "pods", &["x"]), pair("", ""));
        assert_eq!(
            rights(&["create"], "", "pods/exec", &["x"]),
            pair("", "exec")
        );
        assert_eq!(rights(&["create"], "", "*/exec", &[]), pair("exec", ""));
        assert_eq!(rights(&["create"], "", "pods/*", &[]), pair("", ""));
        assert_eq!(
            rights(&["get"], "", "secrets", &["x"]),
            pair("", "get-secrets")
        );
        assert_eq!(
            rights(&["update"], "", "configmaps", &["aws-auth"]),
            pair("write-aws-auth", "write-configmaps")
        );
        assert_eq!(
            rights(&["get", "list", "create"], "apps", "secrets", &[]),
            pair("", "")
        );
    }

    #[test]
    fn escapes_are_patterns() {
        let catalogue = Catalogue::get();
        assert!(catalogue.escape("hostPath:/").is_some());
        assert!(catalogue.escape("hostPath:/data").is_none());
        assert!(
            catalogue
                .escape("hostPath:/run/containerd/containerd.sock")
                .is_some()
        );
        assert!(catalogue.escape("hostNetwork").is_none());
    }
}
