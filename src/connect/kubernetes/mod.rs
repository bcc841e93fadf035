//! Reads Kubernetes clusters through their API.
//!
//! Only `GET`, in pages, and one `POST` that asks what the scanner itself may see.
//! Secrets are listed only if asked for, and then as metadata; values of environment
//! variables, commands and certificates are dropped before anything is kept.

mod api;
mod collect;
mod plan;

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};

pub use plan::permissions;

use super::{Answer, Check, ConnectError, Progress, Session, Silent};
use crate::config::Config;
use crate::model::{Sym, System};
use api::{Api, Refusal};

const SYSTEM: System = System::Kubernetes;

/// Which cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// A context of the kubeconfig. None given: the current one, or the cluster the
    /// scanner runs in.
    pub context: Option<String>,
}

/// A cluster that can be asked, and the name it has in reports.
#[derive(Clone)]
pub struct Cluster {
    name: Sym,
    client: kube::Client,
    /// How long a second of waiting takes; only tests make it shorter.
    second: Duration,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// The cluster behind `config`.
    ///
    /// # Errors
    /// If no client can be made of it.
    pub fn new(
        name: &str,
        mut config: kube::Config,
        second: Duration,
    ) -> Result<Self, ConnectError> {
        // Waiting is ours: the server's wishes count, and the user is told.
        config.default_retry = false;
        let client = kube::Client::try_from(config).map_err(|error| ConnectError::Settings {
            system: SYSTEM,
            message: error.to_string().into(),
            help: "see whether `kubectl version` works with the same kubeconfig".into(),
        })?;
        Ok(Cluster {
            name: Sym::new(name),
            client,
            second,
        })
    }

    /// Finds the cluster the user means.
    ///
    /// # Errors
    /// If there is no such context, or nothing to sign in with.
    pub async fn connect(target: &Target) -> Result<Self, ConnectError> {
        let settings = |message: String| {
            ConnectError::Settings {
            system: SYSTEM,
            message: message.into(),
            help: "name a context of your kubeconfig (`kubectl config get-contexts`), or run in a pod with a service account".into(),
        }
        };
        let (name, config) = match &target.context {
            Some(context) => {
                let options = KubeConfigOptions {
                    context: Some(context.clone()),
                    ..KubeConfigOptions::default()
                };
                let config = kube::Config::from_kubeconfig(&options)
                    .await
                    .map_err(|error| settings(error.to_string()))?;
                (context.clone(), config)
            }
            None => {
                let current = Kubeconfig::read()
                    .ok()
                    .and_then(|file| file.current_context);
                let config = kube::Config::infer()
                    .await
                    .map_err(|error| settings(error.to_string()))?;
                (current.unwrap_or_else(|| "in-cluster".to_owned()), config)
            }
        };
        Cluster::new(&name, config, Duration::from_secs(1))
    }

    fn api<'a>(&'a self, progress: &'a dyn Progress) -> Api<'a> {
        Api {
            client: self.client.clone(),
            source: self.name.as_str(),
            progress,
            second: self.second,
        }
    }

    /// Reads the cluster into the session's store. What is refused is coverage.
    ///
    /// # Errors
    /// If the cluster does not answer at all, or the store cannot be written.
    pub async fn collect(&self, session: Session<'_>) -> Result<(), ConnectError> {
        let api = self.api(session.progress);
        if let Err(Refusal::Failed(message)) = api.get("/version").await {
            return Err(ConnectError::Unreachable {
                system: SYSTEM,
                message: format!("`{}`: {message}", self.name).into(),
                help: "see whether `kubectl get --raw /version` works from here".into(),
            });
        }
        collect::collect(&api, self.name, session).await
    }

    /// Tries every call of a scan with the smallest answer.
    pub async fn doctor(&self) -> Vec<Check> {
        let api = self.api(&Silent);
        let mut checks = Vec::new();
        for list in plan::LISTS {
            let path = plan::path(list.group, list.version, list.resource);
            let name = plan::full_name(list.group, list.resource);
            let result = api.list(&path, "", list.metadata_only, Some(1)).await;
            checks.push(self.check(list.kind, &format!("list {name}"), result.map(|_| ())));
        }
        for (path, _, kind) in plan::PAGES {
            let result = api.get(path).await;
            checks.push(self.check(kind, &format!("get {path}"), result.map(|_| ())));
        }
        checks
    }

    fn check(&self, kind: &str, call: &str, result: Result<(), Refusal>) -> Check {
        let (answer, remedy) = match result {
            Ok(()) => (Answer::Works, String::new()),
            Err(Refusal::Denied(message)) => (
                Answer::Denied(message.into()),
                format!("allow {call}; `tenure permissions kubernetes` prints the role"),
            ),
            Err(Refusal::Absent) => (
                Answer::Absent("this cluster does not offer it".into()),
                String::new(),
            ),
            Err(Refusal::Failed(message)) => (
                Answer::Failed(message.into()),
                "see whether kubectl can do the same".to_owned(),
            ),
        };
        Check {
            system: SYSTEM,
            tenant: self.name,
            kind: Sym::new(kind),
            call: Sym::new(call),
            answer,
            remedy: remedy.into(),
        }
    }
}

/// Reads a cluster into the session's store.
///
/// # Errors
/// If there is no such cluster, it does not answer, or the store cannot be written.
pub async fn collect(target: &Target, session: Session<'_>) -> Result<(), ConnectError> {
    Cluster::connect(target).await?.collect(session).await
}

/// Tries what a scan would do.
///
/// # Errors
/// If there is no such cluster.
pub async fn doctor(target: &Target, _config: &Config) -> Result<Vec<Check>, ConnectError> {
    Ok(Cluster::connect(target).await?.doctor().await)
}
