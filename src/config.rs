//! `tenure.yaml`: thresholds, ownership, sources and what is ours.
//!
//! Found upward from the working directory. Unknown keys are errors, so that a
//! misspelt threshold cannot silently fall back to its default.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::Deserialize;
use thiserror::Error;

mod jit;

pub use jit::{Jit, JitException, Ticket};

/// The file's name.
pub const FILE: &str = "tenure.yaml";

/// All settings, with their defaults.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Sources scanned when the command line names none: `aws`, `kubernetes:prod`,
    /// `github:acme`, `vault`, or paths.
    pub sources: Vec<String>,
    /// Numbers the rules compare with (`limits.*` in rule expressions).
    pub limits: Limits,
    /// Where owners are written down.
    pub ownership: Ownership,
    /// Accounts, organisations and domains that are ours: trust in them is internal.
    pub ours: Ours,
    /// Identities registered for emergencies, by id or pattern (`*`, `?`).
    pub break_glass: Vec<String>,
    /// How AWS is reached.
    pub aws: Aws,
    /// What is read of Kubernetes.
    pub kubernetes: Kubernetes,
    /// How GitHub is reached.
    pub github: Github,
    /// Evidence of just-in-time access.
    pub jit: Jit,
    /// Directories of further rules.
    pub rules: Vec<PathBuf>,
    /// Rule ids or names switched off for this repository.
    pub disable: Vec<String>,
    /// Accepted findings: each with an owner, a reason and a last day.
    pub exceptions: Vec<Exception>,
}

/// An accepted finding, or several of a kind. It needs at least one selector, and
/// every selector it has must match.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Its name in reports.
    pub id: String,
    /// Rule id or name, or a pattern of them.
    pub rule: Option<String>,
    /// Finding id or fact key.
    pub finding: Option<String>,
    /// Id or name of the subject, or a pattern.
    pub subject: Option<String>,
    /// `aws`, `github`, `kubernetes` or `vault`.
    pub system: Option<String>,
    /// Account, organisation, cluster or vault, or a pattern.
    pub tenant: Option<String>,
    /// Only findings of at most this tier: wider access needs another exception.
    pub max_tier: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why it is accepted.
    pub reason: String,
    /// The last day (UTC) on which it holds.
    pub expires: jiff::civil::Date,
    /// Where it was decided.
    pub ticket: Option<String>,
}

impl Exception {
    /// What is wrong with it, if anything.
    fn fault(&self) -> Option<String> {
        let blank = |text: &str| text.trim().is_empty();
        let selectors = [
            &self.rule,
            &self.finding,
            &self.subject,
            &self.system,
            &self.tenant,
        ];
        if blank(&self.id) || blank(&self.owner) || blank(&self.reason) {
            return Some(format!(
                "exception `{}`: id, owner and reason must not be empty",
                self.id
            ));
        }
        if selectors.iter().all(|selector| selector.is_none()) {
            return Some(format!(
                "exception `{}` would cover everything; give it a rule, finding, subject, system \
                 or tenant",
                self.id
            ));
        }
        if let Some(system) = &self.system
            && let Err(error) = system.parse::<crate::model::System>()
        {
            return Some(format!("exception `{}`: {error}", self.id));
        }
        match self.max_tier.as_deref() {
            None | Some("read" | "write" | "admin") => None,
            Some(other) => Some(format!(
                "exception `{}`: max_tier `{other}` is none of read, write, admin",
                self.id
            )),
        }
    }
}

/// Numbers the rules compare with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Age at which a long-lived key should have been rotated.
    #[serde(deserialize_with = "duration")]
    pub key_age: SignedDuration,
    /// Time without use after which a credential is dormant.
    #[serde(deserialize_with = "duration")]
    pub credential_unused: SignedDuration,
    /// Time without use after which an identity is dormant.
    #[serde(deserialize_with = "duration")]
    pub identity_unused: SignedDuration,
    /// Time within which a stored secret must be rotated.
    #[serde(deserialize_with = "duration")]
    pub secret_rotation: SignedDuration,
    /// Longest session that still fits a just-in-time window.
    #[serde(deserialize_with = "duration")]
    pub session: SignedDuration,
    /// Longest acceptable life of a token or grant of the admin tier.
    #[serde(deserialize_with = "duration")]
    pub ttl_admin: SignedDuration,
    /// Longest acceptable life of a token or grant of the write tier.
    #[serde(deserialize_with = "duration")]
    pub ttl_write: SignedDuration,
    /// Longest acceptable life of a token or grant of the read tier.
    #[serde(deserialize_with = "duration")]
    pub ttl_read: SignedDuration,
    /// Most people who may administer a tenant without activation.
    pub admins: i64,
}

impl Default for Limits {
    fn default() -> Self {
        let days = |n: i64| SignedDuration::from_hours(n * 24);
        Limits {
            key_age: days(90),
            credential_unused: days(45),
            identity_unused: days(90),
            secret_rotation: days(90),
            session: SignedDuration::from_hours(4),
            ttl_admin: SignedDuration::from_hours(4),
            ttl_write: SignedDuration::from_hours(12),
            ttl_read: SignedDuration::from_hours(72),
            admins: 3,
        }
    }
}

/// Where owners are written down.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ownership {
    /// Tags, labels and annotations whose value names the owner, first match wins.
    pub tags: Vec<String>,
}

impl Default for Ownership {
    fn default() -> Self {
        Ownership {
            tags: ["owner", "Owner", "team", "Team", "contact", "service-owner"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

/// What is ours.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ours {
    /// AWS account numbers besides those scanned.
    pub aws_accounts: Vec<String>,
    /// AWS organisation ids (`o-…`).
    pub aws_organizations: Vec<String>,
    /// GitHub organisations besides those scanned.
    pub github_organizations: Vec<String>,
    /// Mail domains of our own people.
    pub mail_domains: Vec<String>,
}

/// How AWS is reached.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Aws {
    /// Scan every account of the organisation, not only the caller's.
    pub organization: bool,
    /// Name of the role assumed in each member account.
    pub role_name: String,
    /// External id presented when assuming it.
    pub external_id: Option<String>,
    /// Session name presented when assuming it.
    pub session_name: String,
    /// Region for regional services (Identity Center, Secrets Manager); the SDK's
    /// own chain decides when absent.
    pub regions: Vec<String>,
    /// Accounts read at the same time.
    pub concurrency: usize,
}

impl Default for Aws {
    fn default() -> Self {
        Aws {
            organization: false,
            role_name: "TenureReadOnly".to_owned(),
            external_id: None,
            session_name: "tenure".to_owned(),
            regions: Vec::new(),
            concurrency: 8,
        }
    }
}

/// How GitHub is reached. The token itself comes from `GITHUB_TOKEN` or `GH_TOKEN`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Github {
    /// Base address of the REST API: `https://api.github.com`, or
    /// `https://HOST/api/v3` for an Enterprise Server.
    pub base_url: String,
    /// Id of the GitHub App to act as, instead of a token.
    pub app_id: Option<u64>,
    /// File with the App's private key (PEM); `TENURE_GITHUB_APP_KEY` holds the key
    /// itself where a file is not wanted.
    pub app_key: Option<PathBuf>,
    /// The App's installation; looked up when absent.
    pub installation_id: Option<u64>,
    /// Directory of cached answers (validated by ETag before each use); none when absent.
    pub cache: Option<PathBuf>,
    /// Requests under way at the same time (GitHub allows 100 over all its APIs).
    pub concurrency: usize,
    /// Longest time one wait for a rate limit may take; a longer one ends the
    /// collection, which the next run resumes.
    #[serde(deserialize_with = "duration")]
    pub max_wait: SignedDuration,
    /// How far back the audit log is read; zero reads none of it.
    #[serde(deserialize_with = "duration")]
    pub audit_log: SignedDuration,
    /// Also ask every repository for its Codespaces secrets (one call each).
    pub codespaces: bool,
}

impl Default for Github {
    fn default() -> Self {
        Github {
            base_url: "https://api.github.com".to_owned(),
            app_id: None,
            app_key: None,
            installation_id: None,
            cache: None,
            concurrency: 12,
            max_wait: SignedDuration::from_mins(15),
            audit_log: SignedDuration::from_hours(90 * 24),
            codespaces: false,
        }
    }
}

/// What is read of Kubernetes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kubernetes {
    /// List secrets that are credentials, as metadata only. Needs the right to list
    /// secrets, which is a right over all of them.
    pub secrets: bool,
    /// Which cluster manifests are for: patterns of their paths (`*` for any text) and
    /// the cluster's name, first match wins. Without it all manifests are one cluster.
    #[serde(deserialize_with = "ordered")]
    pub manifests: Vec<(String, String)>,
}

/// Settings that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file system said no.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file says something that is no setting. The message shows the place.
    #[error("`{}` is not a valid configuration:\n{message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
}

impl Config {
    /// Reads `path`.
    ///
    /// # Errors
    /// If it cannot be read, or says something that is no setting.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut config = Self::parse(&text).map_err(|message| ConfigError::Parse {
            path: path.to_owned(),
            message,
        })?;
        // What a file names lies beside it, wherever the program is run.
        if let Some(folder) = path.parent() {
            config.jit.beside(folder);
        }
        Ok(config)
    }

    /// Reads settings from text.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Config::default());
        }
        let config: Config = serde_saphyr::from_str(text).map_err(|error| {
            let text = error.to_string();
            text.strip_prefix("error: ").unwrap_or(&text).to_owned()
        })?;
        if let Some(fault) = config.jit.fault() {
            return Err(fault);
        }
        let mut ids = std::collections::BTreeSet::new();
        for exception in &config.exceptions {
            if let Some(fault) = exception.fault() {
                return Err(fault);
            }
            if !ids.insert(&exception.id) {
                return Err(format!("two exceptions are called `{}`", exception.id));
            }
        }
        Ok(config)
    }

    /// Looks for [`FILE`] in `start` and the directories above it.
    pub fn find(start: &Path) -> Option<PathBuf> {
        start
            .ancestors()
            .map(|folder| folder.join(FILE))
            .find(|path| path.is_file())
    }
}

/// Reads a map in the order in which it is written.
fn ordered<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<(String, String)>, D::Error> {
    struct Pairs;
    impl<'de> serde::de::Visitor<'de> for Pairs {
        type Value = Vec<(String, String)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a map of patterns to names")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    from.deserialize_map(Pairs)
}

/// Reads `90d`, `12h`, `30m` or `1d 12h`.
fn duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text).map_err(serde::de::Error::custom)
}

/// Reads a length of time: days, hours, minutes and seconds (`90d`, `12h`, `1d 12h`).
///
/// # Errors
/// What was expected.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let bad = || {
        format!(
            "`{text}` is not a length of time; write days, hours or minutes: `90d`, `12h`, `30m`"
        )
    };
    let mut total = SignedDuration::ZERO;
    let mut number: Option<i64> = None;
    for c in text.trim().chars() {
        match c {
            '0'..='9' => {
                let digit = i64::from(c.to_digit(10).unwrap_or_default());
                number = number
                    .unwrap_or(0)
                    .checked_mul(10)
                    .and_then(|n| n.checked_add(digit));
                if number.is_none() {
                    return Err(bad());
                }
            }
            ' ' if number.is_none() => {}
            _ => {
                let seconds = match c {
                    'w' => 7 * 86_400,
                    'd' => 86_400,
                    'h' => 3_600,
                    'm' => 60,
                    's' => 1,
                    _ => return Err(bad()),
                };
                let part = number
                    .take()
                    .and_then(|n| n.checked_mul(seconds))
                    .ok_or_else(bad)?;
                total = total
                    .checked_add(SignedDuration::from_secs(part))
                    .ok_or_else(bad)?;
            }
        }
    }
    if number.is_some() || text.trim().is_empty() {
        return Err(bad());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let hours = |text| parse_duration(text).map(|d| d.as_hours());
        assert_eq!(hours("90d"), Ok(2_160));
        assert_eq!(hours("1d 12h"), Ok(36));
        assert_eq!(hours("2w"), Ok(336));
        for bad in ["", "90", "d", "12x", "99999999999999999999d", "-1d"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_misspelt_key_is_an_error_with_its_place() {
        let error = Config::parse("limits:\n  key_agee: 90d\n").unwrap_err();
        assert!(error.contains("key_agee"), "{error}");
        assert!(error.contains("2:") || error.contains("line 2"), "{error}");
        assert!(Config::parse("").is_ok());
        for text in ["limits:\n  key_age: -30d\n", "jit:\n  ledger_age: -1d\n"] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains("is not a length of time"), "{error}");
            assert!(error.contains("2:") || error.contains("line 2"), "{error}");
        }
        let set = Config::parse("limits:\n  key_age: 30d\n").unwrap();
        assert_eq!(set.limits.key_age.as_hours(), 720);
        assert_eq!(set.limits.admins, 3);
    }

    #[test]
    fn a_ledger_lies_beside_the_file_that_names_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join(FILE);
        std::fs::write(&file, "jit: {ledger: [a/l.jsonl, /var/l.jsonl]}\n").unwrap();
        let config = Config::read(&file).unwrap();
        let expected = [folder.path().join("a/l.jsonl"), "/var/l.jsonl".into()];
        assert_eq!(config.jit.ledger, expected);
    }

    #[test]
    fn an_exception_needs_owner_reason_expiry_and_a_selector() {
        let whole = "exceptions:\n  - {id: E1, rule: AWS101, owner: platform, reason: vendor, \
                     expires: 2026-12-31}\n";
        assert_eq!(Config::parse(whole).unwrap().exceptions.len(), 1);
        for (cut, expected) in [
            ("rule: AWS101, ", "would cover everything"),
            ("owner: platform, ", "owner"),
            (", expires: 2026-12-31", "expires"),
            ("vendor", "empty"),
        ] {
            let with = if cut == "vendor" { "' '" } else { "" };
            let error = Config::parse(&whole.replace(cut, with)).unwrap_err();
            assert!(error.contains(expected), "{cut}: {error}");
        }
        let bad = whole.replace("2026-12-31", "2026-13-31");
        assert!(Config::parse(&bad).is_err());
    }
}
