//! Reading one cluster into a store.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::super::{ConnectError, Session};
use super::api::{Api, Refusal};
use super::plan::{self, LISTS, List, PAGES, SECRETS};
use crate::model::{Coverage, Seen, Sym, System};
use crate::snapshot::kubernetes::JIT_KINDS;
use crate::snapshot::{Source, StoreError};

const SYSTEM: System = System::Kubernetes;
/// Lists read at the same time.
const CONCURRENCY: usize = 4;

/// How each kind of fact fared.
#[derive(Default)]
struct Ledger {
    kinds: BTreeMap<&'static str, Tally>,
}

#[derive(Default)]
struct Tally {
    seen: usize,
    items: usize,
    missed: Vec<String>,
    remedy: Option<String>,
    optional: bool,
}

impl Ledger {
    fn seen(&mut self, kind: &'static str, items: usize) {
        let tally = self.kinds.entry(kind).or_default();
        tally.seen += 1;
        tally.items += items;
    }

    fn missed(&mut self, kind: &'static str, reason: String, remedy: String) {
        let tally = self.kinds.entry(kind).or_default();
        tally.missed.push(reason);
        tally.remedy.get_or_insert(remedy);
    }

    /// Says that no verdict depends on a kind.
    fn optional(&mut self, kind: &'static str) {
        self.kinds.entry(kind).or_default().optional = true;
    }

    fn coverage(self, tenant: Sym) -> Vec<Coverage> {
        self.kinds
            .into_iter()
            .map(|(kind, tally)| {
                if tally.missed.is_empty() {
                    return Coverage::complete(SYSTEM, tenant, kind, tally.items);
                }
                let seen = if tally.seen > 0 {
                    Seen::Partial
                } else {
                    Seen::None
                };
                let mut gap =
                    Coverage::lacking(SYSTEM, tenant, kind, seen, tally.missed.join("; "));
                gap.items = tally.items as u64;
                gap.remedy = tally.remedy.map(Into::into);
                gap.required = !tally.optional;
                gap
            })
            .collect()
    }
}

/// What a list was for, and what came of it.
struct Outcome {
    kind: &'static str,
    name: String,
    pods: bool,
    result: Result<Vec<Vec<u8>>, Refusal>,
}

/// Reads everything the plan names.
pub(super) async fn collect(
    api: &Api<'_>,
    tenant: Sym,
    session: Session<'_>,
) -> Result<(), ConnectError> {
    let directory = directory(&tenant);
    let put = |name: &str, text: Vec<u8>| -> Result<(), StoreError> {
        session.store.put(&format!("{directory}/{name}"), text)
    };
    let mut ledger = Ledger::default();

    session.progress.say(api.source, "asking what may be seen");
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": "default"},
    });
    let review = api
        .review(
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            question.to_string().into_bytes(),
        )
        .await;
    match review {
        Ok(answer) => {
            put("scanner.json", answer)?;
            ledger.seen("kubernetes.scanner", 1);
        }
        Err(refusal) => {
            // The mark of a collected cluster is there in any case.
            let none = json!({"kind": "SelfSubjectRulesReview", "status": {"incomplete": true}});
            put("scanner.json", none.to_string().into_bytes())?;
            ledger.missed(
                "kubernetes.scanner",
                format!("the scanner's own rights: {refusal}"),
                "allow create on selfsubjectrulesreviews (system:basic-user)".to_owned(),
            );
        }
    }
    ledger.optional("kubernetes.scanner");

    for (path, name, kind) in PAGES {
        match api.get(path).await {
            Ok(text) => {
                put(name, text)?;
                ledger.seen(kind, 1);
            }
            Err(refusal) => ledger.missed(
                kind,
                format!("{path}: {refusal}"),
                format!("allow get on {path}; managed control planes may not offer it"),
            ),
        }
        // Managed clusters never show these; what they would add is said where it lacks.
        ledger.optional(kind);
    }

    session.progress.say(api.source, "reading objects");
    let outcomes: Vec<Outcome> = stream::iter(LISTS)
        .map(|list| read(api, list))
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let mut groups = None;
    for outcome in outcomes {
        if outcome.name.starts_with("customresourcedefinitions.") {
            groups = outcome.result.as_ref().ok().map(|pages| crd_groups(pages));
        }
        record(outcome, &put, &mut ledger)?;
    }
    // Where a pod on a node uses one, what is missing is told there.
    ledger.optional(plan::VOLUMES);
    for outcome in operators(api, groups, &mut ledger).await {
        record(outcome, &put, &mut ledger)?;
    }

    let aws_auth = api
        .get("/api/v1/namespaces/kube-system/configmaps/aws-auth")
        .await;
    match aws_auth {
        Ok(text) => {
            put("configmaps.aws-auth.json", scrubbed(&text, false))?;
            ledger.seen("kubernetes.aws-auth", 1);
        }
        Err(Refusal::Absent) => ledger.seen("kubernetes.aws-auth", 0),
        Err(refusal) => ledger.missed(
            "kubernetes.aws-auth",
            format!("configmap kube-system/aws-auth: {refusal}"),
            "allow get on that config map by name; see `tenure permissions kubernetes`".to_owned(),
        ),
    }
    secrets(api, session, &put, &mut ledger).await?;

    session.store.source(Source {
        system: SYSTEM,
        tenant,
        directory,
        coverage: ledger.coverage(tenant),
    });
    Ok(())
}

/// Directory of a cluster below the snapshot's.
pub(super) fn directory(tenant: &str) -> String {
    let safe: String = tenant
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
            _ => '_',
        })
        .collect();
    let safe = safe.trim_matches('.');
    format!(
        "kubernetes/{}",
        if safe.is_empty() { "cluster" } else { safe }
    )
}

async fn read(api: &Api<'_>, list: &'static List) -> Outcome {
    let path = plan::path(list.group, list.version, list.resource);
    Outcome {
        kind: list.kind,
        name: plan::full_name(list.group, list.resource),
        pods: list.pods,
        result: api.list(&path, "", list.metadata_only, None).await,
    }
}

/// Writes the pages of a list, or notes why there are none.
fn record(
    outcome: Outcome,
    put: &impl Fn(&str, Vec<u8>) -> Result<(), StoreError>,
    ledger: &mut Ledger,
) -> Result<(), StoreError> {
    match outcome.result {
        Ok(pages) => {
            let mut items = 0;
            for (at, page) in pages.iter().enumerate() {
                items += count(page);
                let name = match at {
                    0 => format!("{}.json", outcome.name),
                    at => format!("{}.{}.json", outcome.name, at + 1),
                };
                put(&name, scrubbed(page, outcome.pods))?;
            }
            ledger.seen(outcome.kind, items);
        }
        Err(Refusal::Absent) => ledger.seen(outcome.kind, 0),
        Err(refusal) => ledger.missed(
            outcome.kind,
            format!("{}: {refusal}", outcome.name),
            format!(
                "allow list on {}; see `tenure permissions kubernetes`",
                outcome.name
            ),
        ),
    }
    Ok(())
}

fn count(page: &[u8]) -> usize {
    #[derive(serde::Deserialize)]
    struct Items {
        #[serde(default)]
        items: Vec<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Items>(page).map_or(0, |page| page.items.len())
}

/// API groups of custom resources, from the names of their definitions.
fn crd_groups(pages: &[Vec<u8>]) -> Vec<String> {
    let mut groups: Vec<String> = pages
        .iter()
        .filter_map(|page| serde_json::from_slice::<Value>(page).ok())
        .flat_map(|page| {
            let items = page["items"].as_array().cloned().unwrap_or_default();
            items.into_iter().filter_map(|item| {
                let name = item["metadata"]["name"].as_str()?;
                Some(name.split_once('.')?.1.to_owned())
            })
        })
        .collect();
    groups.sort();
    groups.dedup();
    groups
}

/// The objects of just-in-time operators that are installed.
async fn operators(
    api: &Api<'_>,
    groups: Option<Vec<String>>,
    ledger: &mut Ledger,
) -> Vec<Outcome> {
    const KIND: &str = "kubernetes.jit";
    let mut outcomes = Vec::new();
    for (group, resources) in JIT_KINDS {
        // Without the definitions every known group is tried.
        if groups
            .as_ref()
            .is_some_and(|known| !known.iter().any(|name| name == group))
        {
            continue;
        }
        let version = match api.get(&format!("/apis/{group}")).await {
            Ok(text) => serde_json::from_slice::<Value>(&text)
                .ok()
                .and_then(|group| Some(group["preferredVersion"]["version"].as_str()?.to_owned())),
            Err(Refusal::Absent) => continue,
            Err(refusal) => {
                ledger.missed(
                    KIND,
                    format!("{group}: {refusal}"),
                    format!("see why /apis/{group} does not answer"),
                );
                continue;
            }
        };
        let Some(version) = version else {
            continue;
        };
        for resource in *resources {
            let path = plan::path(group, &version, resource);
            outcomes.push(Outcome {
                kind: KIND,
                name: plan::full_name(group, resource),
                pods: false,
                result: api.list(&path, "", false, None).await,
            });
        }
    }
    outcomes
}

/// Secrets that are credentials, as metadata and only if asked for.
async fn secrets(
    api: &Api<'_>,
    session: Session<'_>,
    put: &impl Fn(&str, Vec<u8>) -> Result<(), StoreError>,
    ledger: &mut Ledger,
) -> Result<(), StoreError> {
    const KIND: &str = "kubernetes.secrets";
    if !session.config.kubernetes.secrets {
        ledger.missed(
            KIND,
            "not asked for".to_owned(),
            "set `kubernetes: {secrets: true}` in tenure.yaml and allow list on secrets; only metadata is read".to_owned(),
        );
        ledger.optional(KIND);
        return Ok(());
    }
    for (ty, name) in SECRETS {
        let selector = format!("type={ty}");
        let result = api.list("/api/v1/secrets", &selector, true, None).await;
        // An answer with anything but metadata is thrown away unread.
        let result = result.and_then(|pages| {
            let bare = |page: &Vec<u8>| {
                serde_json::from_slice::<Value>(page)
                    .is_ok_and(|page| page["kind"] == "PartialObjectMetadataList")
            };
            match pages.iter().all(bare) {
                true => Ok(pages),
                false => Err(Refusal::Failed(
                    "the server does not list metadata only; nothing was kept".to_owned(),
                )),
            }
        });
        let outcome = Outcome {
            kind: KIND,
            name: format!("secrets.{name}"),
            pods: false,
            result,
        };
        record(outcome, put, ledger)?;
    }
    Ok(())
}

/// An answer without what may hold secrets and nobody here reads: values of
/// environments, commands, settings of volumes, former versions of the object,
/// certificates.
fn scrubbed(text: &[u8], pods: bool) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(text) else {
        return Vec::new();
    };
    scrub(&mut value, pods);
    serde_json::to_vec(&value).unwrap_or_default()
}

fn scrub(value: &mut Value, pods: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, pods)),
        Value::Object(map) => {
            map.remove("managedFields");
            if let Some(Value::Object(annotations)) = map.get_mut("annotations") {
                annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
            }
            if map.get("signerName").is_some() {
                map.remove("request");
            }
            // What a volume's driver is told: settings, and now and then a password.
            if map.contains_key("driver") {
                map.remove("volumeAttributes");
                map.remove("options");
            }
            map.remove("mountOptions");
            if let Some(certificate @ Value::String(_)) = map.get_mut("certificate") {
                *certificate = Value::from("(left out)");
            }
            if pods {
                map.remove("args");
                map.remove("command");
                if let Some(Value::Array(variables)) = map.get_mut("env") {
                    for variable in variables.iter_mut().filter_map(Value::as_object_mut) {
                        variable.remove("value");
                    }
                }
            }
            map.values_mut().for_each(|item| scrub(item, pods));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_do_not_reach_the_snapshot() {
        let pod = json!({"items": [{"metadata": {"managedFields": [1], "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "hunter2", "a": "b"}},
            "spec": {"containers": [{"command": ["x", "hunter2"], "args": ["hunter2"],
                "env": [{"name": "P", "value": "hunter2"},
                        {"name": "Q", "valueFrom": {"secretKeyRef": {"name": "s"}}}]}]}}]});
        let text = scrubbed(pod.to_string().as_bytes(), true);
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("secretKeyRef") && text.contains("\"a\":\"b\""));
    }

    #[test]
    fn of_a_volume_the_names_of_its_secrets_stay() {
        let volume = json!({"spec": {"claimRef": {"namespace": "shop", "name": "data"},
            "mountOptions": ["password=hunter2"],
            "csi": {"driver": "d", "volumeAttributes": {"key": "hunter2"},
                "nodeStageSecretRef": {"namespace": "shop", "name": "stage"}},
            "flexVolume": {"driver": "d", "options": {"key": "hunter2"}}}});
        let text = scrubbed(volume.to_string().as_bytes(), false);
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(
            text.contains("\"stage\"") && text.contains("claimRef"),
            "{text}"
        );
    }

    #[test]
    fn directories_are_plain_names() {
        assert_eq!(directory("prod-eu"), "kubernetes/prod-eu");
        assert_eq!(
            directory("arn:aws:eks:eu-west-1:1:cluster/x"),
            "kubernetes/arn_aws_eks_eu-west-1_1_cluster_x"
        );
        assert_eq!(directory(".."), "kubernetes/cluster");
    }
}
