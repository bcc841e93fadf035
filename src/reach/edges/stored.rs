//! Candidates: secrets one system stores that look like credentials of another (X2,
//! X10, X13).
//!
//! A stored secret's value is never read. Its name says of which sort it is, and its
//! change within a day of a credential's making says that it may be that one. That
//! proves nothing, so the edge is a candidate, and only told as such.

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;

use super::{Join, list, node};
use crate::model::{Credential, CredentialRef, IdentityRef, Sym, System, Verdict};
use crate::reach::graph::{Basis, Edge, Kind};

/// Between the making of a credential and its storing.
const APART: SignedDuration = SignedDuration::from_hours(24);

/// What a name makes a stored secret look like.
struct Look {
    kind: Kind,
    system: System,
    credential: &'static [&'static str],
    /// One word of each list must be in the name.
    words: &'static [&'static [&'static str]],
}

const LOOKS: &[Look] = &[
    Look {
        kind: Kind::X2,
        system: System::Aws,
        credential: &["access-key"],
        words: &[&["AWS"], &["ACCESS_KEY", "SECRET", "KEY_ID"]],
    },
    Look {
        kind: Kind::X10,
        system: System::Vault,
        credential: &["secret-id"],
        words: &[
            &["VAULT", "BAO", "APPROLE"],
            &["SECRET_ID", "SECRET", "APPROLE"],
        ],
    },
    Look {
        kind: Kind::X13,
        system: System::Vault,
        credential: &["token"],
        words: &[&["VAULT", "BAO"], &["TOKEN"]],
    },
    Look {
        kind: Kind::X13,
        system: System::Kubernetes,
        credential: &["token", "service-account-token", "legacy-token"],
        words: &[&["KUBE", "K8S"], &["TOKEN", "CONFIG"]],
    },
    Look {
        kind: Kind::X13,
        system: System::Github,
        credential: &["token", "personal-access-token"],
        words: &[&["GITHUB", "GH_"], &["TOKEN", "PAT"]],
    },
];

impl Join<'_> {
    pub(super) fn stored(&mut self) {
        let inventory = self.inventory;
        let federates = self.federates();
        for look in LOOKS {
            let mut made: Vec<(Timestamp, u32, IdentityRef)> = inventory
                .credentials
                .iter()
                .zip(0..)
                .filter(|(one, _)| {
                    one.system == look.system
                        && one.active
                        && look.credential.contains(&one.kind.as_str())
                })
                .filter_map(|(one, at)| Some((one.created?, at, one.identity?)))
                .collect();
            made.sort_unstable();
            for (at, secret) in (0..).zip(&inventory.credentials) {
                if secret.kind != "stored-secret" || secret.system == look.system {
                    continue;
                }
                let name = secret.name.to_ascii_uppercase();
                let looks = look
                    .words
                    .iter()
                    .all(|any| any.iter().any(|word| name.contains(word)));
                if !looks {
                    continue;
                }
                let readers = self.readers(secret);
                let known = readers
                    .iter()
                    .find_map(|reader| federates.get(&(*reader, look.system)));
                if let Some(whom) = known {
                    self.federated.push((CredentialRef(at), *whom));
                }
                let Some(stored) = secret.rotated.at().or(secret.created) else {
                    continue;
                };
                let first =
                    made.partition_point(|(time, _, _)| stored.duration_since(*time) > APART);
                let near = made[first..]
                    .iter()
                    .take_while(|(time, _, _)| time.duration_since(stored) <= APART);
                for (_, other, holder) in near {
                    for reader in &readers {
                        let note =
                            "the secret is that credential: name and day agree, nothing more";
                        let mut edge = Edge::new(look.kind, node(*reader), node(*holder))
                            .shown_by(Basis::Credential(at))
                            .and_by(Some(Basis::Credential(*other)))
                            .if_so(Verdict::Conditional, Some(Sym::new(note)));
                        edge.candidate = true;
                        self.draft.add(edge);
                    }
                }
            }
        }
        self.federated.sort();
        self.federated.dedup_by_key(|(secret, _)| *secret);
    }

    /// Whom workflows, and the subjects they have minted, become in other systems.
    fn federates(&self) -> FxHashMap<(IdentityRef, System), IdentityRef> {
        let mut by_subject: FxHashMap<IdentityRef, Vec<IdentityRef>> = FxHashMap::default();
        for trust in &self.inventory.trusts {
            if let Some(source) = trust.source.filter(|_| trust.system == System::Github) {
                by_subject.entry(trust.target).or_default().push(source);
            }
        }
        let mut federates = FxHashMap::default();
        for edge in &self.draft.edges {
            if !matches!(edge.kind, Kind::X1 | Kind::X8) {
                continue;
            }
            let (from, to) = (IdentityRef(edge.from), IdentityRef(edge.to));
            let system = self.inventory.identity(to).system;
            let sources = by_subject.get(&from).into_iter().flatten();
            for who in sources.chain([&from]) {
                let whom = federates.entry((*who, system)).or_insert(to);
                *whom = to.min(*whom);
            }
        }
        federates
    }

    /// Who gets a stored secret: workflows of the repositories it is for, or the one
    /// environment's subject.
    fn readers(&self, secret: &Credential) -> Vec<IdentityRef> {
        let own = secret.attrs.text(self.names.repository);
        if let (Some(repository), Some(environment)) =
            (own, secret.attrs.text(self.names.environment))
        {
            let subjects = self.minted.get(&(secret.tenant, repository));
            return subjects
                .into_iter()
                .flatten()
                .filter(|at| {
                    let attrs = &self.inventory.identity(**at).attrs;
                    attrs.text(self.names.environment) == Some(environment)
                })
                .copied()
                .collect();
        }
        own.iter()
            .chain(list(&secret.attrs, self.names.repositories))
            .filter_map(|repository| self.workflows.get(&(secret.tenant, *repository)))
            .copied()
            .collect()
    }
}
