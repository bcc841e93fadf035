//! Which server, and how to log in there: the variables the `vault` command knows.

use std::path::PathBuf;

use crate::connect::{ConnectError, Secret};
use crate::model::System;

/// A server to read.
#[derive(Clone, Debug)]
pub struct Target {
    /// `https://vault.example:8200`
    pub address: String,
    /// `""`, or a path such as `team-a/`.
    pub namespace: String,
    /// Certificate authority to trust besides the system's (PEM).
    pub ca: Option<PathBuf>,
    /// How to log in.
    pub login: Login,
    /// Whether a root token may be used.
    pub allow_root: bool,
}

/// How to log in.
#[derive(Clone, Debug)]
pub enum Login {
    /// With a token at hand.
    Token(Secret),
    /// With a JSON web token: Kubernetes, JWT and OIDC methods.
    Jwt {
        /// Mount of the method, without `auth/`.
        mount: String,
        /// Its role.
        role: String,
        /// The token of the workload.
        jwt: Secret,
    },
    /// With an AppRole.
    AppRole {
        /// Mount of the method, without `auth/`.
        mount: String,
        /// Not a secret.
        role_id: String,
        /// Once per login.
        secret_id: Secret,
    },
}

const HELP: &str =
    "set VAULT_TOKEN, run `vault login`, or set TENURE_VAULT_AUTH to kubernetes, jwt or approle";

impl Target {
    /// Reads the environment: `VAULT_ADDR` (or `address`), `VAULT_NAMESPACE`,
    /// `VAULT_CACERT`, `VAULT_TOKEN`, the file `.vault-token` in the home directory;
    /// with `TENURE_VAULT_AUTH` a login: `TENURE_VAULT_MOUNT`, `TENURE_VAULT_ROLE` and
    /// `TENURE_VAULT_JWT_FILE` (by default the pod's own token), or `VAULT_ROLE_ID` and
    /// `VAULT_SECRET_ID`.
    ///
    /// # Errors
    /// If there is no address or nothing to log in with.
    pub fn from_environment(
        address: Option<&str>,
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConnectError> {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let address = address
            .map(str::to_owned)
            .or_else(|| get("VAULT_ADDR"))
            .or_else(|| get("BAO_ADDR"))
            .ok_or_else(|| missing("no address", "set VAULT_ADDR to https://HOST:8200"))?;
        let namespace = get("VAULT_NAMESPACE").unwrap_or_default();
        let namespace = namespace.trim_matches('/');
        Ok(Target {
            address,
            namespace: if namespace.is_empty() {
                String::new()
            } else {
                format!("{namespace}/")
            },
            ca: get("VAULT_CACERT").map(PathBuf::from),
            login: login(&get)?,
            allow_root: get("TENURE_VAULT_ALLOW_ROOT").is_some_and(|value| value != "0"),
        })
    }
}

fn missing(message: &str, help: &str) -> ConnectError {
    ConnectError::Settings {
        system: System::Vault,
        message: message.into(),
        help: help.into(),
    }
}

fn login(get: &impl Fn(&str) -> Option<String>) -> Result<Login, ConnectError> {
    let need = |name: &str| get(name).ok_or_else(|| missing(&format!("{name} is not set"), HELP));
    let Some(method) = get("TENURE_VAULT_AUTH") else {
        let file = || {
            let home = get("HOME").or_else(|| get("USERPROFILE"))?;
            std::fs::read_to_string(PathBuf::from(home).join(".vault-token")).ok()
        };
        let token = get("VAULT_TOKEN")
            .or_else(|| get("BAO_TOKEN"))
            .or_else(file);
        return token
            .filter(|token| !token.trim().is_empty())
            .map(|token| Login::Token(Secret::new(token.trim())))
            .ok_or_else(|| missing("no token", HELP));
    };
    let mount = get("TENURE_VAULT_MOUNT").unwrap_or_else(|| method.clone());
    match method.as_str() {
        "kubernetes" | "jwt" => {
            let file = get("TENURE_VAULT_JWT_FILE").unwrap_or_else(|| {
                "/var/run/secrets/kubernetes.io/serviceaccount/token".to_owned()
            });
            let jwt = std::fs::read_to_string(&file).map_err(|error| {
                missing(
                    &format!("cannot read `{file}`: {error}"),
                    "set TENURE_VAULT_JWT_FILE",
                )
            })?;
            Ok(Login::Jwt {
                mount,
                role: need("TENURE_VAULT_ROLE")?,
                jwt: Secret::new(jwt.trim()),
            })
        }
        "approle" => Ok(Login::AppRole {
            mount,
            role_id: need("VAULT_ROLE_ID")?,
            secret_id: Secret::new(&need("VAULT_SECRET_ID")?),
        }),
        other => Err(missing(
            &format!("`{other}` is not a login tenure knows"),
            HELP,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> Result<Target, ConnectError> {
        Target::from_environment(None, |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_of_the_vault_command() {
        let target = with(&[
            ("VAULT_ADDR", "https://v"),
            ("VAULT_TOKEN", "s.1"),
            ("VAULT_NAMESPACE", "/a/b"),
        ])
        .unwrap();
        assert_eq!(target.namespace, "a/b/");
        assert!(matches!(target.login, Login::Token(_)));
        assert!(with(&[("VAULT_TOKEN", "x")]).is_err());
        assert!(with(&[("VAULT_ADDR", "https://v")]).is_err());
        let approle = [
            ("VAULT_ADDR", "https://v"),
            ("TENURE_VAULT_AUTH", "approle"),
            ("VAULT_ROLE_ID", "r"),
            ("VAULT_SECRET_ID", "s"),
        ];
        let approle = Box::leak(Box::new(approle));
        assert!(matches!(
            with(approle).unwrap().login,
            Login::AppRole { .. }
        ));
    }
}
