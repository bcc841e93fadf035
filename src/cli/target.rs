//! What to scan: a live source or something on disk.

use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use crate::model::System;

/// One thing to scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A live system, with its profile, context, organisation or address.
    Live(System, Option<String>),
    /// A file or directory.
    Path(PathBuf),
}

/// A target that names nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    /// `github` without an organisation.
    #[error("`github` needs an organisation: write `github:ORG`")]
    Organisation,
    /// Neither a source nor a path that exists.
    #[error(
        "`{0}` is neither a source (aws[:PROFILE], kubernetes[:CONTEXT], github:ORG, \
         vault[:ADDRESS]) nor a path that exists"
    )]
    Unknown(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What exists on disk wins over a source of the same name only when it is
        // written as a path (`./aws`): `aws` always is the live source.
        let (head, rest) = match text.split_once(':') {
            Some((head, rest)) => (head, Some(rest)),
            None => (text, None),
        };
        let system = match head {
            "k8s" => Some(System::Kubernetes),
            // Grants come from the ledger that is configured, not from a live source.
            other => other.parse().ok().filter(|system| *system != System::Jit),
        };
        match (system, rest) {
            (Some(System::Github), None | Some("")) => Err(TargetError::Organisation),
            (Some(system), rest) => Ok(Target::Live(
                system,
                rest.filter(|rest| !rest.is_empty()).map(str::to_owned),
            )),
            (None, _) => {
                let path = PathBuf::from(text);
                if path.exists() {
                    Ok(Target::Path(path))
                } else {
                    Err(TargetError::Unknown(text.to_owned()))
                }
            }
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Live(system, None) => write!(f, "{system}"),
            Target::Live(system, Some(which)) => write!(f, "{system}:{which}"),
            Target::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_paths() {
        assert_eq!("aws".parse(), Ok(Target::Live(System::Aws, None)));
        assert_eq!(
            "aws:prod".parse(),
            Ok(Target::Live(System::Aws, Some("prod".into())))
        );
        assert_eq!(
            "vault:https://vault.example:8200".parse(),
            Ok(Target::Live(
                System::Vault,
                Some("https://vault.example:8200".into())
            ))
        );
        assert_eq!(
            "k8s:prod".parse(),
            Ok(Target::Live(System::Kubernetes, Some("prod".into())))
        );
        assert_eq!("github".parse::<Target>(), Err(TargetError::Organisation));
        assert_eq!(".".parse(), Ok(Target::Path(".".into())));
        assert!("no/such/file.json".parse::<Target>().is_err());
    }
}
