//! Volumes, for the secrets they are mounted with.

use super::document::Node;
use crate::model::Sym;

/// Kinds of volumes that name a secret under `secretRef`, in a pod and in a persistent
/// volume alike (kubernetes `pkg/api/pod/util.go`, `pkg/api/persistentvolume/util.go`).
pub(super) const SECRET_REFS: [&str; 7] = [
    "cephfs",
    "cinder",
    "flexVolume",
    "rbd",
    "scaleIO",
    "iscsi",
    "storageos",
];

/// A persistent volume: the claim it serves, and the secrets a kubelet needs to
/// mount it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Volume {
    pub name: Sym,
    pub claim: Option<(Sym, Sym)>,
    pub secrets: Vec<(Sym, Sym)>,
}

impl Volume {
    /// Reads a `PersistentVolume`.
    pub fn read(node: &Node<'_>) -> Option<Self> {
        let spec = node.get("spec")?;
        let claim = spec.get("claimRef").map(|claim| {
            let namespace = claim.sym_of("namespace");
            (namespace, claim.sym_of("name"))
        });
        let home = claim.map_or(Sym::default(), |(namespace, _)| namespace);
        let mut secrets = Vec::new();
        let mut add = |reference: Option<&Node<'_>>, own: &str, named: &str| {
            let Some(reference) = reference else { return };
            let Some(name) = reference.text_of(named) else {
                return;
            };
            let namespace = reference.text_of(own).filter(|text| !text.is_empty());
            secrets.push((namespace.map_or(home, Sym::new), Sym::new(name)));
        };
        add(spec.get("azureFile"), "secretNamespace", "secretName");
        for kind in SECRET_REFS {
            add(spec.at(&[kind, "secretRef"]), "namespace", "name");
        }
        // Those of the controller are nothing to the kubelet.
        for key in [
            "nodePublishSecretRef",
            "nodeStageSecretRef",
            "nodeExpandSecretRef",
        ] {
            add(spec.at(&["csi", key]), "namespace", "name");
        }
        Some(Volume {
            name: node.at(&["metadata"])?.sym_of("name"),
            claim,
            secrets,
        })
    }
}
