//! What is mounted where, and the settings of the server.

use jiff::SignedDuration;
use serde_json::Value as Json;

use super::documents::{Space, flag, length, strings, text};
use super::escalate::Mounts;
use super::policy::Dialect;
use crate::model::{Attrs, Sym};

/// Vault's default for the longest life of a token or lease: 768 hours.
const SYSTEM_MAX: SignedDuration = SignedDuration::from_hours(768);

/// A mounted auth method or engine.
#[derive(Clone, Debug)]
pub(super) struct Mount {
    /// `auth/kubernetes` or `database`, without trailing slash.
    pub(super) path: String,
    /// `kubernetes`, `database`; KV engines are `kv1` or `kv2`.
    pub(super) kind: String,
    pub(super) accessor: String,
    /// Longest life of what it issues.
    pub(super) max_ttl: SignedDuration,
    /// Whether its settings were read.
    pub(super) config: Json,
}

/// The mounts of a namespace; `None` where the list was not read.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) auth: Option<Vec<Mount>>,
    pub(super) engines: Option<Vec<Mount>>,
}

impl Table {
    pub(super) fn read(space: &Space<'_>) -> Self {
        Table {
            auth: space
                .get("sys/auth")
                .map(|answer| table(space, &answer.data, "auth/")),
            engines: space
                .get("sys/mounts")
                .map(|answer| table(space, &answer.data, "")),
        }
    }

    pub(super) fn auth(&self) -> &[Mount] {
        self.auth.as_deref().unwrap_or_default()
    }

    pub(super) fn engines(&self) -> &[Mount] {
        self.engines.as_deref().unwrap_or_default()
    }

    /// The form the escalation catalogue wants.
    pub(super) fn for_catalogue(&self) -> Mounts {
        let list = |mounts: &Option<Vec<Mount>>| {
            mounts.as_ref().map(|list| {
                list.iter()
                    .map(|mount| (mount.kind.clone(), mount.path.clone()))
                    .collect()
            })
        };
        Mounts {
            auth: list(&self.auth),
            engines: list(&self.engines),
        }
    }

    /// The auth method with this accessor.
    pub(super) fn by_accessor(&self, accessor: &str) -> Option<&Mount> {
        self.auth().iter().find(|mount| mount.accessor == accessor)
    }

    /// The auth method at or above `path` (`auth/kubernetes/login`).
    pub(super) fn by_login(&self, path: &str) -> Option<&Mount> {
        self.auth()
            .iter()
            .filter(|mount| {
                path.strip_prefix(&mount.path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .max_by_key(|mount| mount.path.len())
    }
}

fn table(space: &Space<'_>, data: &Json, prefix: &str) -> Vec<Mount> {
    let Some(entries) = data.as_object() else {
        return Vec::new();
    };
    let mut mounts: Vec<Mount> = entries
        .iter()
        .filter_map(|(path, entry)| {
            let kind = text(entry, "type")?;
            let path = format!("{prefix}{}", path.trim_end_matches('/'));
            let version = entry
                .get("options")
                .and_then(|options| text(options, "version"));
            let kind = match (kind, version) {
                ("kv" | "generic", Some("2")) => "kv2",
                ("kv" | "generic", _) => "kv1",
                // `oidc` is a name the jwt plugin also goes by.
                (kind, _) => kind,
            };
            let config = entry.get("config").cloned().unwrap_or_default();
            let tuned = space
                .get(&format!("sys/mounts/{path}/tune"))
                .and_then(|answer| length(&answer.data, "max_lease_ttl"));
            let max_ttl = [tuned, length(&config, "max_lease_ttl")]
                .into_iter()
                .flatten()
                .find(|ttl| ttl.is_positive())
                .unwrap_or(SYSTEM_MAX);
            Some(Mount {
                path,
                kind: kind.to_owned(),
                accessor: text(entry, "accessor").unwrap_or_default().to_owned(),
                max_ttl,
                config,
            })
        })
        .collect();
    mounts.sort_by(|a, b| a.path.cmp(&b.path));
    mounts
}

/// Which server it is, where the documents tell.
pub(super) fn dialect(space: &Space<'_>) -> Option<Dialect> {
    let health = space.get("sys/health").map(|answer| &answer.data);
    // Only Vault's health answer says whether it is Enterprise.
    if health.is_some_and(|data| data.get("enterprise").is_some()) {
        return Some(Dialect::Vault);
    }
    let running = ["sys/auth", "sys/mounts"]
        .into_iter()
        .filter_map(|path| space.get(path))
        .filter_map(|answer| answer.data.as_object())
        .flat_map(|entries| entries.values())
        .filter_map(|entry| text(entry, "running_plugin_version"))
        .find_map(|version| {
            if version.contains("bao") {
                Some(Dialect::Openbao)
            } else if version.contains("builtin.vault") {
                Some(Dialect::Vault)
            } else {
                None
            }
        });
    running.or_else(|| health.map(|_| Dialect::Openbao))
}

/// The settings of a namespace, as attributes of its tenant.
pub(super) fn settings(space: &Space<'_>, table: &Table) -> Attrs {
    let mut attrs = Attrs::new();
    if let Some(dialect) = dialect(space) {
        attrs.set("dialect", dialect.as_str());
    }
    for path in ["sys/health", "sys/seal-status"] {
        if let Some(answer) = space.get(path) {
            attrs.set_some("version", text(&answer.data, "version"));
            attrs.set_some("sealed", flag(&answer.data, "sealed"));
        }
    }
    attrs.set("child_namespace", !space.namespace.is_empty());
    audit(space, &mut attrs);
    server(space, &mut attrs);
    if let Some(answer) = space.get("sys/leases-irrevocable") {
        let count = answer.data.get("lease_count").and_then(Json::as_i64);
        attrs.set_some("irrevocable_leases", count);
    }
    if table.auth.is_some() {
        auth_lists(space, table, &mut attrs);
    }
    if table.engines.is_some() {
        let kv1 = paths(table.engines(), |mount| mount.kind == "kv1");
        set_list(&mut attrs, "kv1_mounts", kv1);
        let endless = |mount: &Mount| {
            mount.kind == "kv2"
                && space
                    .get(&format!("{}/config", mount.path))
                    .and_then(|answer| length(&answer.data, "delete_version_after"))
                    .is_some_and(|after| after.is_zero())
        };
        let kept = paths(table.engines(), endless);
        set_list(&mut attrs, "kv_keeps_for_ever", kept);
    }
    attrs
}

/// Quotas, plugins and clients of the identity provider.
fn server(space: &Space<'_>, attrs: &mut Attrs) {
    let limits = space.keys("sys/quotas/rate-limit");
    attrs.set_some("rate_limits", limits.map(|names| names.len()));
    if let Some(answer) = space.get("sys/plugins/catalog") {
        let detailed = answer.data.get("detailed").and_then(Json::as_array);
        let mut foreign: Vec<Sym> = detailed
            .into_iter()
            .flatten()
            .filter(|plugin| flag(plugin, "builtin") == Some(false))
            .filter_map(|plugin| {
                let kind = text(plugin, "type").unwrap_or("plugin");
                Some(Sym::new(&format!("{kind}/{}", text(plugin, "name")?)))
            })
            .collect();
        foreign.sort();
        foreign.dedup();
        set_list(attrs, "foreign_plugins", foreign);
    }
    let open = space
        .below("identity/oidc/client")
        .filter(|(_, answer)| strings(&answer.data, "assignments").contains(&"allow_all"))
        .map(|(name, _)| Sym::new(name))
        .collect();
    set_list(attrs, "oidc_open_clients", open);
}

/// How many audit devices a namespace has, where that was readable.
pub(super) fn audit_devices(space: &Space<'_>) -> Option<usize> {
    devices(space).map(|devices| devices.len())
}

fn devices<'s>(space: &'s Space<'_>) -> Option<Vec<&'s Json>> {
    let devices = space.get("sys/audit")?.data.as_object()?;
    let all = devices.values();
    Some(all.filter(|device| device.get("type").is_some()).collect())
}

fn audit(space: &Space<'_>, attrs: &mut Attrs) {
    let Some(devices) = devices(space) else {
        return;
    };
    let option = |name: &str, value: &str| {
        devices
            .iter()
            .filter(|device| {
                device
                    .get("options")
                    .and_then(|options| text(options, name))
                    .is_some_and(|set| set.eq_ignore_ascii_case(value))
            })
            .count()
    };
    attrs.set("audit_devices", devices.len());
    attrs.set("audit_raw", option("log_raw", "true"));
    attrs.set("audit_accessors_clear", option("hmac_accessor", "false"));
    attrs.set("audit_elides_lists", option("elide_list_responses", "true"));
}

/// Mounts with a setting worth a finding, one list each.
fn auth_lists(space: &Space<'_>, table: &Table, attrs: &mut Attrs) {
    let config = |mount: &Mount| {
        space
            .get(&format!("{}/config", mount.path))
            .map(|answer| &answer.data)
    };
    let is = |mount: &Mount, kind: &str| mount.kind == kind;
    let auth = table.auth();

    set_list(
        attrs,
        "github_auth",
        paths(auth, |mount| is(mount, "github")),
    );
    let insecure = |mount: &Mount| {
        is(mount, "ldap")
            && config(mount).is_some_and(|data| {
                flag(data, "insecure_tls") == Some(true)
                    || (strings(data, "url")
                        .iter()
                        .any(|url| url.starts_with("ldap://"))
                        && flag(data, "starttls") != Some(true))
            })
    };
    set_list(attrs, "ldap_insecure", paths(auth, insecure));
    let reviewer = |mount: &Mount| {
        is(mount, "kubernetes")
            && config(mount).is_some_and(|data| flag(data, "token_reviewer_jwt_set") == Some(true))
    };
    set_list(
        attrs,
        "kubernetes_long_lived_reviewer",
        paths(auth, reviewer),
    );
    let issuer = |mount: &Mount| {
        is(mount, "kubernetes")
            && config(mount).is_some_and(|data| {
                flag(data, "disable_iss_validation") == Some(false)
                    && text(data, "issuer").is_none()
            })
    };
    set_list(attrs, "kubernetes_unpinned_issuer", paths(auth, issuer));
    let header = |mount: &Mount| {
        is(mount, "aws")
            && space
                .get(&format!("{}/config/client", mount.path))
                .is_some_and(|answer| text(&answer.data, "iam_server_id_header_value").is_none())
    };
    set_list(attrs, "aws_without_server_id", paths(auth, header));
    let default_role = |mount: &Mount| {
        matches!(mount.kind.as_str(), "jwt" | "oidc")
            && config(mount).is_some_and(|data| text(data, "default_role").is_some())
    };
    set_list(attrs, "jwt_default_role", paths(auth, default_role));
    let lockout = |mount: &Mount| {
        is(mount, "userpass")
            && mount
                .config
                .get("user_lockout_config")
                .is_some_and(|lockout| flag(lockout, "lockout_disable") == Some(true))
    };
    set_list(attrs, "lockout_off", paths(auth, lockout));

    let everybody = |mount: &Mount| {
        // The method's own filter takes everybody the directory knows.
        is(mount, "ldap")
            && config(mount).is_some_and(|data| {
                text(data, "userfilter")
                    .is_none_or(|filter| filter.replace(' ', "") == "({{.UserAttr}}={{.Username}})")
            })
    };
    set_list(attrs, "ldap_everybody", paths(auth, everybody));

    let open = |mount: &Mount| second_factor(space, mount) == Some(false);
    set_list(attrs, "password_logins_without_mfa", paths(auth, open));
}

/// Whether logins of a password method need a second factor, by the method's accessor
/// or type; `None` for other methods and where enforcements were not read.
pub(super) fn second_factor(space: &Space<'_>, mount: &Mount) -> Option<bool> {
    const LIST: &str = "identity/mfa/login-enforcement";
    let by_password = matches!(
        mount.kind.as_str(),
        "userpass" | "ldap" | "github" | "radius" | "okta"
    );
    let read = space.get(LIST).is_some() || space.below(LIST).next().is_some();
    (by_password && read).then(|| {
        space.below(LIST).any(|(_, answer)| {
            strings(&answer.data, "auth_method_accessors").contains(&mount.accessor.as_str())
                || strings(&answer.data, "auth_method_types").contains(&mount.kind.as_str())
        })
    })
}

fn paths(mounts: &[Mount], keep: impl Fn(&Mount) -> bool) -> Vec<Sym> {
    mounts
        .iter()
        .filter(|mount| keep(mount))
        .map(|mount| Sym::new(&mount.path))
        .collect()
}

fn set_list(attrs: &mut Attrs, name: &'static str, list: Vec<Sym>) {
    if !list.is_empty() {
        attrs.set(name, list);
    }
}
