//! The escalation catalogue, bound to the mounts of a namespace.
//!
//! The techniques are data (`rules/vault-escalation.yaml`). From every pattern of a
//! policy that meets a probe a concrete *witness* path is built once; per set of
//! policies the engine is then only asked about those witnesses.

use std::sync::OnceLock;

use serde::Deserialize;

use super::policy::{Caps, Policy, Rule, Shape};
use crate::model::Tier;

/// A name nobody uses: stands for "any other name".
pub(super) const FREE: &str = "tenure-probe";

/// A way to more than a policy says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Technique {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tier: Tier,
    /// Every probe must be allowed, not just one.
    #[serde(default)]
    pub(super) all: bool,
    pub(super) why: String,
    probes: Vec<RawProbe>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProbe {
    path: String,
    caps: Vec<String>,
    #[serde(default)]
    sudo: bool,
}

/// The whole catalogue.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catalogue {
    #[serde(rename = "schema")]
    _schema: String,
    self_service: Vec<String>,
    pub(super) techniques: Vec<Technique>,
}

/// The catalogue this build carries.
pub(super) fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        // A test proves that the file parses; an empty catalogue would find nothing.
        serde_saphyr::from_str(include_str!("../../../rules/vault-escalation.yaml"))
            .unwrap_or_default()
    })
}

impl Catalogue {
    /// Whether `path` (of a rule, without namespace) is one every token may use on
    /// itself.
    pub(super) fn is_self_service(&self, path: &str) -> bool {
        self.self_service
            .iter()
            .any(|known| match known.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => path == known,
            })
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Segment {
    Literal(String),
    Name,
    Every,
    Rest,
}

/// A probe with its mounts filled in.
#[derive(Debug)]
pub(super) struct Probe {
    /// Index into [`Catalogue::techniques`].
    pub(super) technique: usize,
    /// Index among the technique's probes.
    pub(super) number: usize,
    pub(super) caps: Caps,
    pub(super) sudo: bool,
    segments: Vec<Segment>,
}

/// What is mounted where, `auth/` included, without trailing slash.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    /// `(type, path)`; KV engines have type `kv1` or `kv2`. `None` if not known.
    pub(super) auth: Option<Vec<(String, String)>>,
    /// See `auth`.
    pub(super) engines: Option<Vec<(String, String)>>,
}

impl Mounts {
    fn of(&self, class: &str, kind: &str) -> Vec<String> {
        let known = if class == "auth" {
            &self.auth
        } else {
            &self.engines
        };
        match known {
            Some(list) => list
                .iter()
                .filter(|(of, _)| of == kind)
                .map(|(_, path)| path.clone())
                .collect(),
            None if class == "auth" => vec![format!("auth/{kind}")],
            None => match kind {
                "kv2" => vec!["secret".to_owned(), "kv".to_owned()],
                "kv1" => Vec::new(),
                _ => vec![kind.to_owned()],
            },
        }
    }
}

/// Fills mounts and namespace into the probes of the catalogue.
pub(super) fn bind(catalogue: &Catalogue, namespace: &str, mounts: &Mounts) -> Vec<Probe> {
    let mut bound = Vec::new();
    for (technique, entry) in catalogue.techniques.iter().enumerate() {
        for (number, probe) in entry.probes.iter().enumerate() {
            let caps = probe
                .caps
                .iter()
                .filter_map(|name| Caps::named(name))
                .fold(Caps::NONE, |all, one| all | one);
            for path in places(&probe.path, mounts) {
                bound.push(Probe {
                    technique,
                    number,
                    caps,
                    sudo: probe.sudo,
                    segments: segments(&format!("{namespace}{path}")),
                });
            }
        }
    }
    bound
}

fn places(path: &str, mounts: &Mounts) -> Vec<String> {
    let mount = path
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'))
        .and_then(|(inside, rest)| Some((inside.split_once(':')?, rest)));
    match mount {
        Some(((class, kind), rest)) => mounts
            .of(class, kind)
            .into_iter()
            .map(|mount| format!("{mount}{rest}"))
            .collect(),
        None => vec![path.to_owned()],
    }
}

fn segments(path: &str) -> Vec<Segment> {
    path.split('/')
        .map(|part| match part {
            "{name}" => Segment::Name,
            "{every}" => Segment::Every,
            "{rest}" => Segment::Rest,
            other => Segment::Literal(other.to_owned()),
        })
        .collect()
}

/// A request to ask the engine about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Index into the bound probes.
    pub(super) probe: usize,
    pub(super) witness: String,
}

/// The requests by which `policy` may meet probes.
pub(super) fn candidates(policy: &Policy, probes: &[Probe]) -> Vec<Candidate> {
    let mut found = Vec::new();
    for rule in &policy.rules {
        if rule.caps.any(Caps::DENY) || rule.caps.is_empty() {
            continue;
        }
        let parts: Vec<&str> = rule.path.split('/').collect();
        for (number, probe) in probes.iter().enumerate() {
            if !rule.caps.any(probe.caps) {
                continue;
            }
            if let Some(witness) = meet(rule, &parts, &probe.segments) {
                let candidate = Candidate {
                    probe: number,
                    witness,
                };
                if !found.contains(&candidate) {
                    found.push(candidate);
                }
            }
        }
    }
    found
}

/// A path that fits both the rule and the probe, if there is one.
fn meet(rule: &Rule, parts: &[&str], probe: &[Segment]) -> Option<String> {
    let open = match rule.shape {
        Shape::Exact => false,
        Shape::Prefix => true,
        Shape::Segments => rule.path.ends_with('*'),
    };
    let plus = rule.shape == Shape::Segments;
    let whole = parts.len() - usize::from(open);
    let own = |at| {
        let template = rule.template.as_ref();
        template.is_some_and(|template| template.held(at))
    };
    if probe.len() < parts.len() && !matches!(probe.last(), Some(Segment::Rest)) {
        return None;
    }
    let mut path = String::new();
    for (at, want) in probe.iter().enumerate() {
        if at > 0 {
            path.push('/');
        }
        let part = parts.get(at).copied().unwrap_or_default();
        if at < whole {
            let wild = plus && part == "+";
            // A template is one name, whichever: never every name.
            let every = wild && !own(at);
            match want {
                Segment::Literal(text) if wild || text == part => path.push_str(text),
                Segment::Name if wild => path.push_str(FREE),
                Segment::Name if !part.is_empty() => path.push_str(part),
                Segment::Every if every => path.push_str(FREE),
                // Open to the end: only wildcards may be left.
                Segment::Rest if every => {
                    let rest = &parts[at..];
                    let (last, full) = match open {
                        true => (
                            rest.last().copied().unwrap_or_default(),
                            &rest[..rest.len() - 1],
                        ),
                        false => ("", rest),
                    };
                    if full.iter().any(|part| *part != "+")
                        || !last.trim_end_matches('*').is_empty()
                    {
                        return None;
                    }
                    path.push_str(&vec![FREE; rest.len()].join("/"));
                }
                _ => return None,
            }
        } else if !open {
            return None;
        } else {
            // The part before the `*`, or beyond it.
            let start = if at == whole {
                part.trim_end_matches('*')
            } else {
                ""
            };
            match want {
                Segment::Literal(text) if text.starts_with(start) => path.push_str(text),
                Segment::Name => {
                    path.push_str(start);
                    path.push_str(FREE);
                }
                Segment::Every | Segment::Rest if start.is_empty() && !own(at) => {
                    path.push_str(FREE);
                }
                _ => return None,
            }
        }
    }
    Some(path)
}

/// A path the rule's pattern is about, for asking which rule decides there.
pub(super) fn own_witness(rule: &Rule) -> String {
    match rule.shape {
        Shape::Exact => rule.path.clone(),
        Shape::Prefix => format!("{}{FREE}", rule.path),
        Shape::Segments => {
            let path = rule
                .path
                .split('/')
                .map(|part| if part == "+" { FREE } else { part })
                .collect::<Vec<_>>()
                .join("/");
            match path.strip_suffix('*') {
                Some(start) => format!("{start}{FREE}"),
                None => path,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn witnesses(policy: &str, technique: &str) -> Vec<String> {
        let catalogue = catalogue();
        let probes = bind(catalogue, "", &Mounts::default());
        let policy = Policy::parse("p", "", policy, None).unwrap();
        candidates(&policy, &probes)
            .into_iter()
            .filter(|candidate| {
                catalogue.techniques[probes[candidate.probe].technique].id == technique
            })
            .map(|candidate| candidate.witness)
            .collect()
    }

    #[test]
    fn the_catalogue_is_whole() {
        let catalogue = catalogue();
        assert_eq!(catalogue.techniques.len(), 32);
        for (at, technique) in catalogue.techniques.iter().enumerate() {
            assert_eq!(technique.id, format!("VLT-PE-{:03}", at + 1));
            for probe in &technique.probes {
                assert!(!probe.caps.is_empty(), "{}", technique.id);
                assert!(probe.caps.iter().all(|name| Caps::named(name).is_some()));
            }
        }
    }

    #[test]
    fn witnesses_come_from_the_patterns() {
        let policy =
            |path: &str| format!("path \"{path}\" {{ capabilities = [\"update\", \"read\"] }}");
        let of = |path: &str| witnesses(&policy(path), "VLT-PE-002");
        assert_eq!(of("sys/policies/acl/admin"), ["sys/policies/acl/admin"]);
        assert_eq!(
            of("sys/policies/acl/team-*"),
            ["sys/policies/acl/team-tenure-probe"]
        );
        assert_eq!(of("sys/+/acl/x"), ["sys/policies/acl/x"]);
        assert_eq!(
            of("sys/pol*"),
            ["sys/policies/acl/tenure-probe", "sys/policy/tenure-probe"]
        );
        assert!(of("sys/policies/password/x").is_empty());
        assert!(of("sys/policies/acl/x/y").is_empty());
        assert!(of("secret/*").is_empty());

        let every = |path: &str| witnesses(&policy(path), "VLT-PE-027");
        assert_eq!(
            every("auth/approle/role/+/secret-id"),
            ["auth/approle/role/tenure-probe/secret-id"]
        );
        assert!(every("auth/approle/role/ci/secret-id").is_empty());

        let rest = |path: &str| witnesses(&policy(path), "VLT-PE-031");
        assert_eq!(rest("secret/data/*"), ["secret/data/tenure-probe"]);
        assert_eq!(
            rest("secret/+/+/*"),
            ["secret/data/tenure-probe/tenure-probe"]
        );
        assert!(rest("secret/data/app/*").is_empty());
    }

    #[test]
    fn own_witness_fits_its_pattern() {
        let witness = |path: &str| {
            let policy = Policy::parse("p", "", &format!("path \"{path}\" {{}}"), None).unwrap();
            own_witness(&policy.rules[0])
        };
        assert_eq!(witness("a/+/b*"), "a/tenure-probe/btenure-probe");
        assert_eq!(witness("a/*"), "a/tenure-probe");
        assert_eq!(witness("a"), "a");
    }
}
