//! Who asks: a token, or a GitHub App as its installation.

use std::time::Duration;

use octocrab::models::{AppId, InstallationId};
use octocrab::{Octocrab, OctocrabBuilder};
use secrecy::SecretString;

use crate::config::Github;
use crate::connect::{ConnectError, Secret};
use crate::model::System;

/// Environment variables with a token, first that is set wins.
const TOKENS: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];
/// Environment variable with an App's private key.
const APP_KEY: &str = "TENURE_GITHUB_APP_KEY";

/// A credential.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A personal access token, fine-grained or classic, or an Actions token.
    Token(Secret),
    /// An App with its private key, as one of its installations.
    App {
        /// The App's id.
        id: u64,
        /// Its private key, PEM.
        key: Secret,
        /// The installation; looked up when absent.
        installation: Option<u64>,
    },
}

impl Credential {
    /// The credential the settings and the environment name.
    ///
    /// # Errors
    /// If there is none, or an App's key cannot be read.
    pub fn find(
        config: &Github,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConnectError> {
        if let Some(id) = config.app_id {
            let key = match (&config.app_key, env(APP_KEY)) {
                (Some(path), _) => std::fs::read_to_string(path).map_err(|error| ConnectError::Settings {
                    system: System::Github,
                    message: format!("the App's key `{}` cannot be read: {error}", path.display()).into(),
                    help: format!("set `github.app_key` to a readable PEM file, or {APP_KEY} to its content").into(),
                })?,
                (None, Some(key)) => key,
                (None, None) => {
                    return Err(ConnectError::Settings {
                        system: System::Github,
                        message: "`github.app_id` is set, but there is no key".into(),
                        help: format!("set `github.app_key` to a PEM file, or {APP_KEY} to its content").into(),
                    });
                }
            };
            return Ok(Credential::App {
                id,
                key: Secret::new(&key),
                installation: config.installation_id,
            });
        }
        TOKENS
            .iter()
            .find_map(|name| env(name))
            .map(|token| Secret::new(token.trim()))
            .filter(|token| !token.is_empty())
            .map(Credential::Token)
            .ok_or_else(|| ConnectError::Credentials {
                system: System::Github,
                message: "there is no token".into(),
                help: "set GITHUB_TOKEN (`export GITHUB_TOKEN=$(gh auth token)`), or `github.app_id` and `github.app_key` in tenure.yaml".into(),
            })
    }

    /// Whether an App asks. Some endpoints answer only Apps, some no App.
    pub fn is_app(&self) -> bool {
        match self {
            Credential::App { .. } => true,
            // An installation's own token, as GitHub Actions and brokers hand out.
            Credential::Token(token) => token.expose().starts_with("ghs_"),
        }
    }

    /// What tells this credential's answers from another's. Not printable.
    pub(super) fn key(&self) -> String {
        match self {
            Credential::Token(token) => token.expose().to_owned(),
            Credential::App {
                id, installation, ..
            } => format!("app:{id}:{installation:?}"),
        }
    }

    /// A client for `base` that asks as this credential.
    ///
    /// # Errors
    /// If the address or the key cannot be used, or the App is not installed.
    pub(super) async fn client(&self, base: &str, org: &str) -> Result<Octocrab, ConnectError> {
        match self {
            Credential::Token(token) => {
                let token = SecretString::from(token.expose().to_owned());
                builder(base)?
                    .personal_token(token)
                    .build()
                    .map_err(unusable)
            }
            Credential::App {
                id,
                key,
                installation,
            } => {
                let key = jsonwebtoken::EncodingKey::from_rsa_pem(key.expose().as_bytes())
                    .map_err(|error| ConnectError::Credentials {
                        system: System::Github,
                        message: format!(
                            "the App's private key is no RSA key in PEM form: {error}"
                        )
                        .into(),
                        help: "download a new private key from the App's settings".into(),
                    })?;
                let app = builder(base)?
                    .app(AppId(*id), key)
                    .build()
                    .map_err(unusable)?;
                let installation = match installation {
                    Some(id) => InstallationId(*id),
                    None => {
                        let route = format!(
                            "/orgs/{}/installation",
                            crate::snapshot::github::encode(org)
                        );
                        // The library's own type demands fields servers leave out.
                        let found: serde_json::Value = app
                            .get(route, None::<&()>)
                            .await
                            .map_err(|error| not_installed(org, &error.to_string()))?;
                        let id = found["id"].as_u64();
                        InstallationId(
                            id.ok_or_else(|| not_installed(org, "the answer has no id"))?,
                        )
                    }
                };
                app.installation(installation).map_err(unusable)
            }
        }
    }
}

fn not_installed(org: &str, why: &str) -> ConnectError {
    ConnectError::Credentials {
        system: System::Github,
        message: format!("the App is not installed in `{org}`, or its key was refused: {why}")
            .into(),
        help: "install the App in the organisation, or set `github.installation_id`".into(),
    }
}

fn unusable(error: octocrab::Error) -> ConnectError {
    ConnectError::Settings {
        system: System::Github,
        message: error.to_string().into(),
        help: "check `github.base_url`".into(),
    }
}

/// A client that signs nothing.
pub(super) fn bare(base: &str) -> Result<Octocrab, ConnectError> {
    builder(base)?.build().map_err(unusable)
}

type Builder = OctocrabBuilder<
    octocrab::NoSvc,
    octocrab::DefaultOctocrabBuilderConfig,
    octocrab::NoAuth,
    octocrab::NotLayerReady,
>;

fn builder(base: &str) -> Result<Builder, ConnectError> {
    OctocrabBuilder::new()
        .base_uri(base)
        .map(|builder| {
            builder
                .set_connect_timeout(Some(Duration::from_secs(15)))
                .set_read_timeout(Some(Duration::from_secs(60)))
        })
        .map_err(|_| no_address(base))
}

/// `base` is no address.
pub(super) fn no_address(base: &str) -> ConnectError {
    ConnectError::Settings {
        system: System::Github,
        message: format!("`{base}` is no address of an API").into(),
        help: "set `github.base_url` to https://api.github.com or https://HOST/api/v3".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_found_or_asked_for() {
        let config = Github::default();
        let none = Credential::find(&config, |_| None).unwrap_err().to_string();
        assert!(none.contains("GITHUB_TOKEN"), "{none}");
        let env = |name: &str| (name == "GH_TOKEN").then(|| "ghp_x\n".to_owned());
        let token = Credential::find(&config, env).unwrap();
        assert!(!token.is_app());
        assert!(!format!("{token:?}").contains("ghp_x"));
        let app = Github {
            app_id: Some(7),
            ..Github::default()
        };
        let missing = Credential::find(&app, |_| None).unwrap_err().to_string();
        assert!(missing.contains("TENURE_GITHUB_APP_KEY"), "{missing}");
    }
}
