//! One place that knows which connectors this build has.

use anyhow::{Context as _, Result, bail};
use tokio::runtime::{Builder, Runtime};

use super::Target;
use crate::config::Config;
#[cfg(feature = "aws")]
use crate::connect::aws;
#[cfg(feature = "github")]
use crate::connect::github;
#[cfg(feature = "kubernetes")]
use crate::connect::kubernetes;
#[cfg(feature = "vault")]
use crate::connect::vault;
use crate::connect::{Check, Session};
use crate::model::System;

/// Collects one live source.
#[cfg_attr(
    not(any(
        feature = "aws",
        feature = "github",
        feature = "kubernetes",
        feature = "vault"
    )),
    allow(unused_variables, reason = "only connectors use the session")
)]
pub(super) async fn collect(target: &Target, session: Session<'_>) -> Result<()> {
    let Target::Live(system, which) = target else {
        return Ok(());
    };
    match (system, which) {
        #[cfg(feature = "aws")]
        (System::Aws, which) => {
            let target = aws::Target {
                profile: which.clone(),
            };
            aws::collect(&target, session).await?;
            Ok(())
        }
        #[cfg(feature = "github")]
        (System::Github, Some(organisation)) => {
            github::collect(organisation, session).await?;
            Ok(())
        }
        #[cfg(feature = "kubernetes")]
        (System::Kubernetes, which) => {
            let target = kubernetes::Target {
                context: which.clone(),
            };
            kubernetes::collect(&target, session).await?;
            Ok(())
        }
        #[cfg(feature = "vault")]
        (System::Vault, which) => {
            let target =
                vault::Target::from_environment(which.as_deref(), |name| std::env::var(name).ok())?;
            vault::collect(&target, session).await?;
            Ok(())
        }
        #[allow(unreachable_patterns)]
        (system, _) => absent(*system),
    }
}

/// Reads when the identities that findings are about last used what they may do. It
/// costs calls for each, so it is asked only for those, worst first.
#[cfg(feature = "aws")]
pub(super) fn last_use(
    targets: &[Target],
    session: Session<'_>,
    principals: &[aws::Principal],
) -> Result<()> {
    let runtime = runtime()?;
    for target in targets {
        if let Target::Live(System::Aws, profile) = target {
            let target = aws::Target {
                profile: profile.clone(),
            };
            runtime.block_on(aws::last_accessed(&target, session, principals))?;
        }
    }
    Ok(())
}

/// The least read-only permissions a scan of `system` needs, in the system's own form.
#[cfg_attr(
    not(feature = "aws"),
    allow(unused_variables, reason = "only AWS has settings that change them")
)]
pub(super) fn permissions(system: System, config: &Config) -> Result<String> {
    match system {
        #[cfg(feature = "aws")]
        System::Aws => Ok(aws::permissions_for(&config.aws)),
        #[cfg(feature = "github")]
        System::Github => Ok(github::permissions()),
        #[cfg(feature = "kubernetes")]
        System::Kubernetes => Ok(kubernetes::permissions()),
        #[cfg(feature = "vault")]
        System::Vault => Ok(vault::permissions()),
        #[allow(unreachable_patterns)]
        system => absent(system),
    }
}

/// What each target can and cannot see.
pub(super) fn doctor(targets: &[Target], config: &Config) -> Result<Vec<Check>> {
    runtime()?.block_on(async {
        let mut all = Vec::new();
        for target in targets {
            all.extend(examine(target, config).await?);
        }
        Ok(all)
    })
}

#[cfg_attr(
    not(any(feature = "aws", feature = "github", feature = "kubernetes")),
    allow(unused_variables, reason = "only connectors use the settings")
)]
async fn examine(target: &Target, config: &Config) -> Result<Vec<Check>> {
    let (system, which) = match target {
        Target::Live(system, which) => (system, which),
        Target::Path(path) => bail!(
            "`{}` is a path; `tenure doctor` asks live sources. `tenure scan {}` says what it holds",
            path.display(),
            path.display()
        ),
    };
    match (system, which) {
        #[cfg(feature = "aws")]
        (System::Aws, which) => {
            let target = aws::Target {
                profile: which.clone(),
            };
            Ok(aws::doctor(&target, config).await?)
        }
        #[cfg(feature = "github")]
        (System::Github, Some(organisation)) => Ok(github::doctor(organisation, config).await?),
        #[cfg(feature = "kubernetes")]
        (System::Kubernetes, which) => {
            let target = kubernetes::Target {
                context: which.clone(),
            };
            Ok(kubernetes::doctor(&target, config).await?)
        }
        #[cfg(feature = "vault")]
        (System::Vault, which) => {
            let target =
                vault::Target::from_environment(which.as_deref(), |name| std::env::var(name).ok())?;
            Ok(vault::doctor(&target).await?)
        }
        #[allow(unreachable_patterns)]
        (system, _) => absent(*system),
    }
}

/// What drives the connectors.
pub(super) fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the network runtime")
}

fn absent<T>(system: System) -> Result<T> {
    bail!("this build cannot reach {system}: the `{system}` feature is off")
}
