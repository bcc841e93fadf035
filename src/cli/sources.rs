//! One place that knows which connectors this build has.

use anyhow::{Result, bail};

use super::Target;
use crate::config::Config;
use crate::connect::{Check, Session};
use crate::model::System;

/// Collects one live source.
pub(super) async fn collect(target: &Target, session: Session<'_>) -> Result<()> {
    let Target::Live(system, which) = target else {
        return Ok(());
    };
    match system {
        #[cfg(feature = "aws")]
        System::Aws => {
            use crate::connect::aws;
            let target = aws::Target {
                profile: which.clone(),
            };
            aws::collect(&target, session).await?;
            Ok(())
        }
        #[cfg(feature = "kubernetes")]
        System::Kubernetes => {
            use crate::connect::kubernetes;
            let target = kubernetes::Target {
                context: which.clone(),
            };
            kubernetes::collect(&target, session).await?;
            Ok(())
        }
        #[allow(unreachable_patterns)]
        system => absent(*system),
    }
}

/// The least read-only permissions a scan of `system` needs, in the system's own form.
pub(super) fn permissions(system: System) -> Result<String> {
    match system {
        #[cfg(feature = "aws")]
        System::Aws => Ok(crate::connect::aws::permissions()),
        #[cfg(feature = "kubernetes")]
        System::Kubernetes => Ok(crate::connect::kubernetes::permissions()),
        #[allow(unreachable_patterns)]
        system => absent(system),
    }
}

/// What each target can and cannot see.
pub(super) fn doctor(targets: &[Target], config: &Config) -> Result<Vec<Check>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut all = Vec::new();
        for target in targets {
            all.extend(examine(target, config).await?);
        }
        Ok(all)
    })
}

async fn examine(target: &Target, config: &Config) -> Result<Vec<Check>> {
    let (system, which) = match target {
        Target::Live(system, which) => (system, which),
        Target::Path(path) => bail!(
            "`{}` is a path; `tenure doctor` asks live sources. `tenure scan {}` says what it holds",
            path.display(),
            path.display()
        ),
    };
    match system {
        #[cfg(feature = "aws")]
        System::Aws => {
            use crate::connect::aws;
            let target = aws::Target {
                profile: which.clone(),
            };
            Ok(aws::doctor(&target, config).await?)
        }
        #[cfg(feature = "kubernetes")]
        System::Kubernetes => {
            use crate::connect::kubernetes;
            let target = kubernetes::Target {
                context: which.clone(),
            };
            Ok(kubernetes::doctor(&target, config).await?)
        }
        #[allow(unreachable_patterns)]
        system => absent(*system),
    }
}

fn absent<T>(system: System) -> Result<T> {
    bail!("this build cannot reach {system}: the `{system}` feature is off")
}
