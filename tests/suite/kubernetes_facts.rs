//! Facts from manifests and from a whole cluster.

use std::path::Path as FilePath;

use jiff::Timestamp;
use tenure::config::Config;
use tenure::model::{Inventory, Path, Tier};
use tenure::resolve::{Context, resolve};
use tenure::snapshot::load;

use super::support::{report, run};

const DAY: &str = "2026-11-22T12:00:00Z";

fn inventory(path: &FilePath) -> Inventory {
    let config = Config::default();
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let context = Context {
        config: &config,
        now,
    };
    resolve(&load(path).unwrap(), &context)
}

fn paths<'i>(inventory: &'i Inventory, technique: &str) -> Vec<(&'i str, &'i Path)> {
    let mut found: Vec<_> = inventory
        .paths
        .iter()
        .filter(|path| path.technique == technique)
        .map(|path| (inventory.identity(path.from).id.as_str(), path))
        .collect();
    found.sort_by_key(|(id, path)| (*id, path.location));
    found
}

/// Who is told of for a technique, the platform's own left out.
fn holders<'i>(inventory: &'i Inventory, technique: &str) -> Vec<&'i str> {
    let mut found: Vec<_> = paths(inventory, technique)
        .into_iter()
        .filter(|(_, path)| !inventory.identity(path.from).platform)
        .map(|(id, _)| id)
        .collect();
    found.dedup();
    found
}

fn manifests(text: &str) -> Inventory {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.yaml"), text).unwrap();
    inventory(folder.path())
}

fn text(path: &Path, name: &str) -> String {
    match path.attrs.get(name.into()) {
        Some(value) => format!("{value:?}"),
        None => String::new(),
    }
}

#[test]
fn planted_cases_of_a_whole_cluster_are_found() {
    let Some(shared) = super::kubernetes_simulate::shared("data/kubernetes") else {
        return;
    };
    let all = inventory(&shared.join("cluster-snapshot.json"));
    assert_eq!(holders(&all, "K8S-E08"), ["ServiceAccount/shop/kv-reader"]);
    assert_eq!(holders(&all, "K8S-E09"), ["User/bob"]);
    assert_eq!(
        holders(&all, "K8S-X06"),
        [
            "ServiceAccount/argocd/argocd-server",
            "ServiceAccount/ci/deployer",
            "ServiceAccount/gatekeeper-system/gatekeeper-admin",
            "ServiceAccount/keda/keda-operator",
        ]
    );
    assert!(holders(&all, "K8S-X01").contains(&"User/subres"));
    assert!(!holders(&all, "K8S-X02").contains(&"User/subres"));
    let admins = holders(&all, "K8S-E02");
    for id in [
        "User/alice",
        "Group/platform-admins",
        "ServiceAccount/legacy/default",
    ] {
        assert!(admins.contains(&id), "{id}");
    }
    // The rule stands in a role nobody bound: aggregation brought it.
    let everybody = paths(&all, "K8S-D01");
    let (_, path) = everybody
        .iter()
        .find(|(id, _)| *id == "Group/system:authenticated")
        .unwrap();
    assert!(text(path, "aggregated_from").contains("sneaky-view-secrets"));
    // Harmless lookalikes.
    for technique in ["K8S-E01", "K8S-E02", "K8S-D01", "K8S-D02", "K8S-E14"] {
        assert!(
            !holders(&all, technique).contains(&"User/decoy"),
            "{technique}"
        );
    }
    assert!(!holders(&all, "K8S-E14").contains(&"ServiceAccount/shop/gcs-reader"));
}

#[test]
fn every_install_is_read_and_its_roles_are_known() {
    let Some(shared) = super::kubernetes_simulate::shared("data/kubernetes") else {
        return;
    };
    let all = inventory(&shared.join("manifests"));
    assert!(
        all.coverage.iter().all(|seen| !seen.is_gap()),
        "{:?}",
        all.coverage
    );
    let vendors: std::collections::BTreeSet<String> = all
        .entitlements
        .iter()
        .filter_map(|fact| Some(format!("{:?}", fact.attrs.get("vendor".into())?)))
        .collect();
    assert!(vendors.len() >= 10, "{vendors:?}");
    assert!(all.entitlements.iter().all(|fact| fact.location.is_some()));
}

#[test]
fn findings_stand_at_the_rule_or_the_subject() {
    let all = manifests(
        "\
# Source: chart/templates/rbac.yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: r}
rules:
- apiGroups: ['']
  resources: [pods]
  verbs: [get]
- apiGroups: ['']
  resources: [secrets]
  verbs: [list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: b}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r}
subjects:
- kind: User
  name: alice
---
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: x}
",
    );
    let found = paths(&all, "K8S-D01");
    assert_eq!(found.len(), 1);
    let at = found[0].1.location.unwrap();
    assert_eq!((at.line, at.column), (9, 3));
    let at = all.entitlements[0].location.unwrap();
    assert_eq!((at.line, at.column), (18, 3));
    assert_eq!(found[0].1.tier, Tier::Admin);
}

#[test]
fn a_role_binding_gives_a_cluster_role_in_its_namespace_only() {
    let all = manifests(
        "\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects:
- {kind: ServiceAccount, name: ci}
",
    );
    let found = paths(&all, "K8S-E14");
    assert_eq!(found[0].0, "ServiceAccount/shop/ci");
    assert_eq!(found[0].1.tier, Tier::Write);
    assert!(text(found[0].1, "namespaces").contains("shop"));
    assert!(paths(&all, "K8S-X06").is_empty());
    assert_eq!(all.entitlements[0].scope, "shop");
    assert_eq!(all.entitlements[0].tier, Tier::Write);
}

#[test]
fn a_weak_right_beside_a_strong_account_is_strong() {
    let all = manifests(
        "\
apiVersion: v1
kind: List
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: Role
  metadata: {name: runner, namespace: ci}
  rules: [{apiGroups: [''], resources: [pods], verbs: [create]}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: runner, namespace: ci}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: runner}
  subjects: [{kind: User, name: intern}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: strong}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
  subjects: [{kind: ServiceAccount, name: deployer, namespace: ci}]
",
    );
    let (_, path) = paths(&all, "K8S-E14")[0];
    assert_eq!(path.tier, Tier::Admin);
    let steps: Vec<_> = path
        .steps
        .iter()
        .map(|step| (step.from.as_str(), step.to.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            ("User/intern", "ServiceAccount/ci/deployer"),
            ("ServiceAccount/ci/deployer", "manifests")
        ]
    );
}

#[test]
fn a_broken_file_is_a_gap_and_the_others_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let good = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: a}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: User, name: alice}]
";
    std::fs::write(folder.path().join("good.yaml"), good).unwrap();
    let bad = "apiVersion: v1\nkind: Pod\nspec: [\n";
    std::fs::write(folder.path().join("bad.yaml"), bad).unwrap();
    let all = inventory(folder.path());
    assert_eq!(holders(&all, "K8S-E02"), ["User/alice"]);
    let gaps: Vec<_> = all.coverage.iter().filter(|seen| seen.is_gap()).collect();
    assert_eq!(gaps.len(), 1);
    let reason = &gaps[0].reason;
    assert!(reason.contains("bad.yaml:"), "{reason}");
    assert!(
        reason.split(':').nth(1).unwrap().parse::<u32>().is_ok(),
        "{reason}"
    );
}

#[test]
fn group_rights_are_told_of_the_group() {
    let all = manifests(
        "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: secrets}
rules: [{apiGroups: [''], resources: [secrets], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: all}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: secrets}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:serviceaccounts'}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: web}]
",
    );
    assert_eq!(holders(&all, "K8S-D01"), ["Group/system:serviceaccounts"]);
}

const RIGHTS: &str = "
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: cluster-admin}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]
---
kind: Role
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: dev, namespace: shop}
rules:
- {apiGroups: [''], resources: [pods], verbs: [get, list, create]}
- {apiGroups: [''], resources: [services], verbs: [update]}
---
kind: RoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: ana, namespace: shop}
roleRef: {kind: Role, name: dev}
subjects: [{kind: User, name: ana}, {kind: User, name: ben}]
---
kind: RoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: again, namespace: shop}
roleRef: {kind: Role, name: dev}
subjects: [{kind: User, name: ana}]
---
kind: Namespace
apiVersion: v1
metadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: LEVEL}}
";

fn event(user: &str, time: &str) -> String {
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","stage":"ResponseComplete","verb":"get","user":{{"username":"{user}","groups":["system:authenticated"]}},"objectRef":{{"resource":"pods","namespace":"shop","name":"web"}},"stageTimestamp":"{time}","annotations":{{"authorization.k8s.io/decision":"allow"}}}}"#
    )
}

/// A line that says who wrote the binding `shop/ana`.
fn wrote(user: &str, time: &str) -> String {
    let line = event(user, time)
        .replace(r#""verb":"get""#, r#""verb":"patch""#)
        .replace(
            r#""resource":"pods","namespace":"shop","name":"web""#,
            r#""resource":"rolebindings","apiGroup":"rbac.authorization.k8s.io","namespace":"shop","name":"ana""#,
        );
    line + "\n"
}

fn text_of(fact: &tenure::model::Entitlement, name: &str) -> String {
    match fact.attrs.get(name.into()) {
        Some(tenure::model::Value::Str(text)) => text.to_string(),
        _ => String::new(),
    }
}

#[test]
fn an_audit_log_tells_which_rights_are_used() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.yaml"), RIGHTS).unwrap();
    let log = format!(
        "{}\n{}\n",
        event("ana", "2026-10-01T00:00:00Z"),
        event("ana", "2026-11-20T00:00:00Z")
    ) + &wrote("nora", "2026-10-02T00:00:00Z")
        + &wrote("root", "2026-10-03T00:00:00Z");
    std::fs::write(folder.path().join("audit.log"), log).unwrap();
    let facts = inventory(folder.path());
    let of = |who: &str, binding: &str| {
        facts
            .entitlements
            .iter()
            .find(|fact| {
                facts.identity(fact.identity).name == who
                    && fact.attrs.get("binding".into()) == Some(&binding.into())
            })
            .unwrap()
    };
    // Either binding would have allowed it: both are used, and both hold an idle rule.
    for binding in ["shop/ana", "shop/again"] {
        let fact = of("ana", binding);
        assert_eq!(
            fact.last_used.at().unwrap().to_string(),
            "2026-11-20T00:00:00Z"
        );
        let idle = format!("{:?}", fact.attrs.get("unused_rules".into()));
        assert!(idle.contains("update services"), "{idle}");
    }
    assert_eq!(text_of(of("ana", "shop/ana"), "written_by"), "root");
    assert_eq!(text_of(of("ana", "shop/again"), "written_by"), "");
    let idle = of("ben", "shop/ana");
    assert_eq!(idle.last_used.at(), None);
    let length = format!("{:?}", idle.attrs.get("unused_for".into()));
    assert!(length.contains("1200h"), "{length}");
}

/// Who wrote a binding stands beside the access it gives, where that is new.
#[test]
fn a_change_says_who_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = folder.path().join("cluster");
    std::fs::create_dir(&cluster).unwrap();
    let (before, _) = RIGHTS.split_once("---\nkind: RoleBinding").unwrap();
    std::fs::write(cluster.join("all.yaml"), before).unwrap();
    let (code, _, stderr) = run(folder.path(), DAY, &["baseline", "create", "cluster"]);
    assert!(matches!(code, 0 | 3), "{stderr}");
    std::fs::write(cluster.join("all.yaml"), RIGHTS).unwrap();
    let scan = ["scan", "cluster", "--baseline", "tenure.baseline.jsonl"];
    for (log, by) in [
        (wrote("root", "2026-11-20T00:00:00Z"), Some("root")),
        (event("ana", "2026-11-20T00:00:00Z"), None),
    ] {
        std::fs::write(cluster.join("audit.log"), log).unwrap();
        let (_, report) = report(folder.path(), DAY, &scan);
        let changes = report["changes"]["items"].as_array().unwrap();
        let told: Vec<&str> = changes
            .iter()
            .filter_map(|change| change["by"].as_str())
            .collect();
        assert!(!changes.is_empty());
        match by {
            Some(who) => {
                let known = format!("{who} (likely: last to write the binding, by the audit log)");
                assert!(told.contains(&known.as_str()), "{changes:#?}");
                // Nobody is named for what no log tells.
                assert!(told.len() < changes.len(), "{changes:#?}");
            }
            None => assert!(told.is_empty(), "{told:?}"),
        }
    }
}

#[test]
fn what_pods_may_be_is_told_where_they_can_be_made() {
    let level = |text: &str| {
        let facts = manifests(&RIGHTS.replace("LEVEL", text));
        let found = paths(&facts, "K8S-E14");
        let (_, path) = found.iter().find(|(who, _)| *who == "User/ana").unwrap();
        path.attrs.get("pod_security".into()).cloned()
    };
    assert_eq!(level("restricted"), Some("restricted".into()));
    assert_eq!(level("privileged"), Some("privileged".into()));
    let unread = RIGHTS.split("---\nkind: Namespace").next().unwrap();
    let facts = manifests(unread);
    let found = paths(&facts, "K8S-E14");
    assert_eq!(text(found[0].1, "pod_security"), "");
}

#[test]
fn a_kubelet_has_what_its_pods_have() {
    let facts = manifests(
        "
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: cluster-admin}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}, {nonResourceURLs: ['*'], verbs: ['*']}]
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: boss}
roleRef: {kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: boss, namespace: ops}]
---
kind: Pod
apiVersion: v1
metadata: {name: boss-1, namespace: ops}
spec: {nodeName: n1, serviceAccountName: boss, containers: [], volumes: [{name: s, secret: {secretName: tls}}]}
---
kind: Pod
apiVersion: v1
metadata: {name: web-1, namespace: shop}
spec: {nodeName: n2, containers: []}
",
    );
    let found = paths(&facts, "K8S-N01");
    let tiers: Vec<(&str, Tier)> = found.iter().map(|(who, path)| (*who, path.tier)).collect();
    assert_eq!(
        tiers,
        [
            ("User/system:node:n1", Tier::Admin),
            ("User/system:node:n2", Tier::None)
        ]
    );
    assert!(text(found[0].1, "secrets").contains("ops/tls"));
    assert!(facts.identity(found[0].1.from).platform);
}

#[test]
fn manifests_are_of_the_cluster_the_settings_say() {
    let folder = tempfile::tempdir().unwrap();
    for overlay in ["prod", "staging", "other"] {
        let place = folder.path().join("overlays").join(overlay);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("rbac.yaml"), RIGHTS).unwrap();
    }
    let settings =
        "kubernetes: {manifests: {'overlays/prod/*': prod-eu, '*/staging/*': staging-eu}}";
    let config = Config::parse(settings).unwrap();
    let context = Context {
        config: &config,
        now: "2026-11-22T12:00:00Z".parse().unwrap(),
    };
    let facts = resolve(&load(folder.path()).unwrap(), &context);
    let mut names: Vec<&str> = facts.tenants.iter().map(|one| one.id.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["manifests", "prod-eu", "staging-eu"]);
}
