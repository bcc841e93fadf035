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
    /// `VAULT_CACERT`, `VAULT_TOKEN`, else the token helper of the `vault` command's
    /// configuration, else the file `.vault-token` in the home directory;
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
        // Reports name the server; a password in its address would stand in them.
        let host = address.split_once("://").map_or("", |(_, rest)| rest);
        if host
            .split(['/', '?'])
            .next()
            .unwrap_or_default()
            .contains('@')
        {
            return Err(missing("the address holds a user or a password", HELP));
        }
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
        let token = match get("VAULT_TOKEN").or_else(|| get("BAO_TOKEN")) {
            Some(token) => Some(token),
            None => stored_token(get)?,
        };
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

/// The token the `vault` command keeps: what the token helper of its configuration
/// (`VAULT_CONFIG_PATH`, else `~/.vault`) prints, else the file `~/.vault-token`.
fn stored_token(get: &impl Fn(&str) -> Option<String>) -> Result<Option<String>, ConnectError> {
    let home = get("HOME")
        .or_else(|| get("USERPROFILE"))
        .map(PathBuf::from);
    let named = get("VAULT_CONFIG_PATH").or_else(|| get("BAO_CONFIG_PATH"));
    let configuration = named
        .map(PathBuf::from)
        .or_else(|| home.as_ref().map(|home| home.join(".vault")));
    let helper = configuration
        .and_then(|path| std::fs::read_to_string(path).ok())
        .and_then(|text| token_helper(&text));
    if let Some(helper) = helper {
        return ask_helper(&helper).map(Some);
    }
    Ok(home.and_then(|home| std::fs::read_to_string(home.join(".vault-token")).ok()))
}

/// The program `token_helper = "…"` names in a configuration of the command.
fn token_helper(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let value = line.trim().strip_prefix("token_helper")?.trim_start();
        let value = value.strip_prefix('=')?.trim();
        let name = value.strip_prefix('"')?.split('"').next()?;
        (!name.is_empty()).then(|| name.to_owned())
    })
}

/// Runs the user's token helper the way the `vault` command does: `HELPER get` prints
/// the token, and nothing where there is none.
fn ask_helper(helper: &str) -> Result<String, ConnectError> {
    let failed = |why: &str| {
        missing(
            &format!("the token helper `{helper}` {why}"),
            "run `vault login`, or set VAULT_TOKEN",
        )
    };
    // A relative name could be anybody's program.
    if !std::path::Path::new(helper).is_absolute() {
        return Err(failed("is not named by its whole path"));
    }
    let output = std::process::Command::new(helper)
        .arg("get")
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| failed(&format!("could not be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(&format!("failed ({})", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("printed no text"))
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

    #[test]
    fn the_token_helper_of_the_command_is_asked() {
        assert_eq!(
            token_helper("# x\ntoken_helper = \"/usr/bin/vault-helper\"\n").as_deref(),
            Some("/usr/bin/vault-helper")
        );
        assert_eq!(token_helper("token_helpers = 3"), None);
        assert!(ask_helper("helper").is_err());
        assert!(ask_helper("/no/such/helper").is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("helper");
            std::fs::write(&program, "#!/bin/sh\n[ \"$1\" = get ] && printf s.helped\n").unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            let configuration = folder.path().join(".vault");
            let line = format!("token_helper = \"{}\"\n", program.display());
            std::fs::write(&configuration, line).unwrap();
            let home = folder.path().display().to_string();
            let target = Target::from_environment(Some("https://v"), |name| {
                (name == "HOME").then(|| home.clone())
            });
            let Login::Token(token) = target.unwrap().login else {
                panic!("expected a token");
            };
            assert_eq!(token.expose(), "s.helped");
        }
    }
}
