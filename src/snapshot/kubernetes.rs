//! Recognising the documents of Kubernetes.
//!
//! A collected cluster is laid out as `docs/snapshot-kubernetes.md` says; everything
//! else is recognised by content, as any tree of manifests is.

/// API groups of just-in-time operators that are known, with the plural names of the
/// kinds that matter: what a collector lists and a resolver looks for.
pub const JIT_KINDS: &[(&str, &[&str])] = &[
    (
        "access.antware.xyz",
        &[
            "accessgrants",
            "accesspolicies",
            "accessrequests",
            "accessresponses",
            "clusteraccessgrants",
            "clusteraccesspolicies",
            "clusteraccessrequests",
            "clusteraccessresponses",
        ],
    ),
    (
        "breakglass.t-caas.telekom.com",
        &["breakglassescalations", "breakglasssessions"],
    ),
    (
        "crds.wizardofoz.co",
        &["execaccessrequests", "podaccessrequests"],
    ),
    ("ephemeral-access.argoproj-labs.io", &["accessrequests"]),
    ("justintime.samir.io", &["jitrequests"]),
    ("tarbac.io", &["clustertemporaryrbacs", "temporaryrbacs"]),
];

/// Plural names by which a map of lists of objects is known.
const PLURALS: [&str; 4] = [
    "clusterrolebindings",
    "clusterroles",
    "rolebindings",
    "roles",
];
/// Objects say what they are near their start; more of a large file is not looked at.
const LOOK: usize = 1 << 20;

/// Which document of Kubernetes a file is, by its place and content; `None` if it is
/// none.
///
/// * `objects`: objects as YAML or JSON, in any shape `kubectl` or people write
/// * `audit`: an audit log, one event a line
/// * `version`, `flags`, `metrics`: the API server's answers of `/version`, `/flagz`
///   and `/metrics`
/// * `scanner`: the scanner's own rights (`SelfSubjectRulesReview`)
pub(super) fn recognise(path: &str, text: &[u8]) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let head = &text[..text.len().min(LOOK)];
    // A name cut in two at the end of the look is no loss.
    let head = match std::str::from_utf8(head) {
        Ok(head) => head,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    match name {
        "version.json" if head.contains("\"gitVersion\"") => return Some("version"),
        "flagz.txt" if head.contains("kube-apiserver flagz") || head.contains("flagz") => {
            return Some("flags");
        }
        "metrics.txt" if head.contains("apiserver_") => return Some("metrics"),
        "scanner.json" if head.contains("SelfSubjectRulesReview") => return Some("scanner"),
        _ => {}
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    let yaml = match extension {
        Some("yaml" | "yml") => true,
        Some("json" | "jsonl" | "ndjson" | "log") | None => false,
        Some(_) => return None,
    };
    let start = head.trim_start_matches('\u{feff}').trim_start();
    if is_audit(start) {
        return Some("audit");
    }
    if matches!(extension, Some("jsonl" | "ndjson" | "log")) {
        return None;
    }
    let objects = if start.starts_with(['{', '[']) {
        is_json(head)
    } else {
        (yaml || extension.is_none()) && is_yaml(head)
    };
    objects.then_some("objects")
}

/// Events of an API server's audit log, one a line or as a list.
fn is_audit(start: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        kind: std::borrow::Cow<'a, str>,
        #[serde(borrow, rename = "apiVersion")]
        version: std::borrow::Cow<'a, str>,
    }
    if !start.starts_with('{') || !start.contains("audit.k8s.io/") {
        return false;
    }
    let line = start.lines().next().unwrap_or_default();
    let known = |text: &str| {
        serde_json::from_str::<Head<'_>>(text).is_ok_and(|head| {
            head.version.starts_with("audit.k8s.io/")
                && matches!(head.kind.as_ref(), "Event" | "EventList")
        })
    };
    known(line) || known(start)
}

fn is_json(head: &str) -> bool {
    let kind = text_key(head, "kind");
    let is_config = kind && head.contains("\"current-context\"");
    !is_config
        && ((kind && text_key(head, "apiVersion"))
            || PLURALS.iter().any(|plural| {
                let key = format!("\"{plural}\"");
                after(head, &key).is_some_and(|rest| rest.starts_with('['))
            })
            // Flow YAML, as people write it by hand.
            || (head.contains("kind: ") && head.contains("metadata: ")))
}

/// Whether `key` has a text for a value somewhere.
fn text_key(head: &str, key: &str) -> bool {
    after(head, &format!("\"{key}\"")).is_some_and(|rest| rest.starts_with('"'))
}

/// What follows `key` and its colon.
fn after<'t>(head: &'t str, key: &str) -> Option<&'t str> {
    let at = head.find(key)? + key.len();
    Some(head[at..].trim_start().strip_prefix(':')?.trim_start())
}

fn is_yaml(head: &str) -> bool {
    let (mut version, mut kind, mut config, mut plural) = (false, false, false, false);
    for line in head.lines() {
        let line = line.strip_prefix("- ").unwrap_or(line);
        version |= line.starts_with("apiVersion:");
        kind |= line.starts_with("kind:");
        config |= line.starts_with("current-context:");
        plural |= PLURALS
            .iter()
            .any(|plural| line.strip_prefix(plural).is_some_and(|rest| rest == ":"));
    }
    !config && ((version && kind) || plural)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_known_by_content() {
        let table: &[(&str, &str, Option<&str>)] = &[
            ("a.yaml", "apiVersion: v1\nkind: Pod\n", Some("objects")),
            (
                "a.yaml",
                "# x\n---\nkind: List\napiVersion: v1\nitems: []\n",
                Some("objects"),
            ),
            (
                "a.yaml",
                "- apiVersion: v1\n  kind: Pod\n- kind: Pod\n",
                Some("objects"),
            ),
            (
                "a.yml",
                "kind: Pod\napiVersion: v1\nspec: [\n",
                Some("objects"),
            ),
            ("a.yaml", "name: x\non: push\n", None),
            ("a.yaml", "apiVersion: v2\nname: chart\n", None),
            ("README.md", "apiVersion: v1\nkind: Pod\n", None),
            (
                "config",
                "apiVersion: v1\nkind: Config\ncurrent-context: x\n",
                None,
            ),
            (
                "a.json",
                "{\"apiVersion\": \"v1\", \"kind\": \"List\"}",
                Some("objects"),
            ),
            ("a.json", "{\"roles\": [{}]}", Some("objects")),
            ("a.json", "{\"roles\": 3}", None),
            (
                "a.json",
                "{\"properties\": {\"apiVersion\": {}, \"kind\": {}}}",
                None,
            ),
            (
                "version.json",
                "{\"gitVersion\": \"v1.36.2\"}",
                Some("version"),
            ),
            ("flagz.txt", "kube-apiserver flagz\n", Some("flags")),
            ("x/metrics.txt", "apiserver_x 1\n", Some("metrics")),
            ("a.yaml", "", None),
        ];
        for (path, text, expected) in table {
            assert_eq!(
                recognise(path, text.as_bytes()),
                *expected,
                "{path}: {text}"
            );
        }
        assert_eq!(recognise("a.yaml", b"\xff\xfe"), None);
    }
}
