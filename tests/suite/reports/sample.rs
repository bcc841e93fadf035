//! Outcomes made by hand: a small believable one, a hostile one, and large ones.

use tenure::model::{
    Activation, Builder, Coverage, Entitlement, EntitlementId, Evidence, FactKey, FactKind,
    Finding, Gate, Identity, IdentityKind, Location, Reference, RuleCard, Seen, Severity, Step,
    Subject, Suppression, Sym, System, Tenant, Tier,
};
use tenure::report::{
    Change, Changes, ExceptionNote, ExceptionState, Outcome, Timeline, TimelineEvent, Weight,
};

pub const ACCOUNT: &str = "111122223333";

fn sym(text: &str) -> Sym {
    Sym::new(text)
}

/// A stable id: 32 hexadecimal digits from any text.
pub fn id(text: &str) -> Sym {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Sym::new(&format!("{hash:016x}{:016x}", hash.rotate_left(29)))
}

pub fn finding(rule: &str, severity: Severity, name: &str) -> Finding {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    Finding {
        id: id(&format!("{rule} {name}")),
        rule: sym(rule),
        name: sym("standing-admin-role"),
        severity,
        tags: vec![sym("admin"), sym("standing")],
        system: System::Aws,
        tenant: sym(ACCOUNT),
        subject: Subject {
            id: sym(&arn),
            kind: sym("workload"),
            name: sym(name),
        },
        tier: Tier::Admin,
        activation: Some(Activation::Standing),
        message: format!("role `{name}` holds AdministratorAccess day and night").into(),
        evidence: vec![
            Evidence::new(
                "allows * on *",
                "arn:aws:iam::aws:policy/AdministratorAccess",
            )
            .quoting("\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\""),
        ],
        steps: Vec::new(),
        location: None,
        fix: format!(
            "aws iam detach-role-policy --role-name {name} --policy-arn \
             arn:aws:iam::aws:policy/AdministratorAccess"
        )
        .into(),
        fact: FactKey::of(FactKind::Entitlement, &[rule, name]),
        entitlement: Some(EntitlementId::of(
            System::Aws,
            ACCOUNT,
            name,
            "managed-policy",
            "AdministratorAccess",
            "*",
        )),
        drift: None,
        suppressed: None,
    }
}

pub fn card(id: &str, name: &str, severity: Severity) -> RuleCard {
    RuleCard {
        id: id.to_owned(),
        name: name.to_owned(),
        summary: format!("Finds what {} describes", name.replace('-', " ")),
        why: "Privilege that is always there is there for whoever steals the identity, at three \
              in the morning as well as in office hours."
            .to_owned(),
        fix: "Make the access eligible instead of standing, with an approval and an end.".to_owned(),
        severity,
        systems: match id.get(..2) {
            Some("AW") => vec![System::Aws],
            Some("GH") => vec![System::Github],
            Some("K8") => vec![System::Kubernetes],
            Some("VL") => vec![System::Vault],
            _ => System::ALL.to_vec(),
        },
        tags: vec!["admin".to_owned(), "standing".to_owned()],
        references: vec![
            Reference {
                standard: "OWASP-NHI".to_owned(),
                version: "2025".to_owned(),
                id: "NHI5".to_owned(),
                name: "Overprivileged NHI".to_owned(),
                url: Some("https://owasp.org/www-project-non-human-identities-top-10/2025/5-overprivileged-nhi/".to_owned()),
            },
            Reference {
                standard: "CWE".to_owned(),
                version: "4.17".to_owned(),
                id: "CWE-250".to_owned(),
                name: "Execution with Unnecessary Privileges".to_owned(),
                url: Some("https://cwe.mitre.org/data/definitions/250.html".to_owned()),
            },
        ],
    }
}

/// A small company on a bad day: every part of a report has something to show.
pub fn small() -> Outcome {
    let mut build = Builder::new();
    build.tenant(Tenant {
        system: System::Aws,
        id: sym(ACCOUNT),
        name: sym("acme-production"),
        attrs: Default::default(),
        location: None,
    });
    for (name, kind, owner, tier, activation) in [
        (
            "deployer",
            IdentityKind::Workload,
            None,
            Tier::Admin,
            Activation::Standing,
        ),
        (
            "auditor",
            IdentityKind::Human,
            Some("security"),
            Tier::Read,
            Activation::Standing,
        ),
        (
            "oncall",
            IdentityKind::Group,
            Some("platform"),
            Tier::Admin,
            Activation::Jit,
        ),
        (
            "breakglass",
            IdentityKind::Human,
            Some("security"),
            Tier::Admin,
            Activation::BreakGlass,
        ),
        (
            "builder",
            IdentityKind::Workload,
            Some("build"),
            Tier::Write,
            Activation::Eligible,
        ),
    ] {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        let mut who = Identity::new(System::Aws, ACCOUNT, arn.as_str(), kind, name);
        who.owner = owner.map(sym);
        let who = build.identity(who);
        let mut fact = Entitlement::new(System::Aws, ACCOUNT, who, "managed-policy", "P", "*");
        fact.tier = tier;
        fact.activation = activation;
        build.entitlement(fact);
    }

    let mut admin = finding("AWS101", Severity::Critical, "deployer");
    admin.drift = Some(sym("became-standing"));

    let mut path = finding("AWS110", Severity::High, "ci-runner");
    path.name = sym("escalation-path");
    path.message =
        "workload `ci-runner` reaches administrator by passing a role to a function".into();
    path.tags = vec![sym("escalation"), sym("path")];
    path.drift = Some(sym("added"));
    path.steps = vec![
        Step {
            from: sym("repo:acme/shop:ref:refs/heads/main"),
            action: sym("assumes by OIDC"),
            to: sym("arn:aws:iam::111122223333:role/ci-runner"),
            gate: Gate::None,
            evidence: vec![Evidence::new("trusts the repository", "ci-runner").at(Some(
                Location {
                    file: sym("iam/ci runner.json"),
                    line: 7,
                    column: 9,
                    end_line: 9,
                    end_column: 4,
                },
            ))],
        },
        Step {
            from: sym("arn:aws:iam::111122223333:role/ci-runner"),
            action: sym("iam:PassRole + lambda:CreateFunction"),
            to: sym("arn:aws:iam::111122223333:role/lambda-admin"),
            gate: Gate::Unproved,
            evidence: Vec::new(),
        },
    ];

    let mut key = finding("AWS301", Severity::Medium, "alice");
    key.name = sym("access-key-not-rotated");
    key.subject = Subject {
        id: sym("AKIAIOSFODNN7EXAMPLE"),
        kind: sym("access-key"),
        name: sym("alice"),
    };
    key.message =
        "access key `AKIAIOSFODNN7EXAMPLE` of `alice` was last rotated 400 days ago".into();
    key.tags = vec![sym("credential")];
    key.tier = Tier::Write;
    key.activation = None;
    key.location = Some(Location {
        file: sym("credential-report.csv"),
        line: 3,
        column: 1,
        end_line: 3,
        end_column: 40,
    });
    key.fix = "aws iam create-access-key --user-name alice\naws iam delete-access-key --user-name alice --access-key-id AKIAIOSFODNN7EXAMPLE".into();

    let mut binding = finding("K8S101", Severity::High, "ops");
    binding.name = sym("cluster-admin-binding");
    binding.system = System::Kubernetes;
    binding.tenant = sym("prod-eu");
    binding.subject = Subject {
        id: sym("ServiceAccount/ops/ops"),
        kind: sym("workload"),
        name: sym("ops"),
    };
    binding.message =
        "service account `ops/ops` is bound to cluster-admin in the whole cluster".into();
    binding.fix = "kubectl delete clusterrolebinding ops-admin".into();
    binding.location = Some(Location {
        file: sym("manifests/ops.yaml"),
        line: 12,
        column: 3,
        end_line: 12,
        end_column: 24,
    });

    let mut accepted = finding("AWS101", Severity::High, "terraform");
    accepted.suppressed = Some(Suppression {
        exception: sym("EX-7"),
        owner: sym("platform"),
        reason: "Bootstrap role, until the pipeline moves to short sessions".into(),
        expires: "2026-12-01".parse().ok(),
    });

    let mut low = finding("VLT120", Severity::Low, "orphan-token");
    low.name = sym("token-without-owner");
    low.system = System::Vault;
    low.tenant = sym("https://vault.acme.example:8200");
    low.subject = Subject {
        id: sym("auth/token/accessor/hmac-1"),
        kind: sym("token"),
        name: sym("orphan-token"),
    };
    low.message = "token `orphan-token` has no parent and no owner".into();
    low.tier = Tier::Read;
    low.activation = Some(Activation::Unknown);
    low.fix = "vault token revoke -accessor hmac-1".into();

    let mut outcome = Outcome {
        now: "2026-11-22T09:00:00Z".parse().unwrap(),
        targets: vec!["aws".into(), "kubernetes:prod-eu".into(), "vault".into()],
        gated: vec![admin.id, path.id],
        findings: vec![low, admin, key, path, binding, accepted],
        coverage: vec![
            Coverage::complete(System::Aws, sym(ACCOUNT), "aws.authorization-details", 812),
            Coverage::lacking(
                System::Aws,
                sym(ACCOUNT),
                "aws.credential-report",
                Seen::Partial,
                "the report is four hours old, and a new one is not allowed (AccessDenied)",
            )
            .remedy("allow iam:GenerateCredentialReport"),
            Coverage::lacking(
                System::Vault,
                sym("https://vault.acme.example:8200"),
                "vault.token-accessors",
                Seen::None,
                "permission denied on auth/token/accessors",
            )
            .remedy("grant `list` and `sudo` on auth/token/accessors"),
        ],
        inventory: build.finish(),
        rules: vec![
            card("AWS101", "standing-admin-role", Severity::High),
            card("AWS110", "escalation-path", Severity::High),
            card("AWS301", "access-key-not-rotated", Severity::Medium),
            card("GH101", "organization-owner", Severity::High),
            card("K8S101", "cluster-admin-binding", Severity::High),
            card("VLT120", "token-without-owner", Severity::Low),
        ],
        changes: Some(Changes {
            baseline: "tenure-baseline.json".into(),
            guid: "6a1f0d4e-53c1-8b7a-9c0e-2f4b6d8091a3".into(),
            items: vec![
                change(
                    "became-standing",
                    Weight::Gate,
                    "deployer",
                    "role `deployer` lost its end date",
                ),
                change(
                    "added",
                    Weight::Gate,
                    "ci-runner",
                    "role `ci-runner` may pass `lambda-admin`",
                ),
                change(
                    "removed",
                    Weight::Info,
                    "intern",
                    "user `intern` no longer exists",
                ),
                change(
                    "incomparable",
                    Weight::Warn,
                    "vault",
                    "token accessors could not be listed",
                ),
            ],
        }),
        exceptions: vec![
            exception(
                "EX-7",
                "platform",
                ExceptionState::Used,
                Some("2026-12-01"),
                1,
            ),
            exception(
                "EX-3",
                "data",
                ExceptionState::Expired,
                Some("2026-11-01"),
                0,
            ),
            exception("EX-9", "security", ExceptionState::Unused, None, 0),
        ],
        timelines: vec![timeline(), covered(), unapproved()],
        notices: vec!["exception `EX-3` ran out on 2026-11-01; 1 finding is back".into()],
        exit: 1,
    };
    outcome.sort();
    outcome
}

fn change(kind: &str, weight: Weight, name: &str, what: &str) -> Change {
    Change {
        kind: sym(kind),
        weight,
        system: System::Aws,
        tenant: sym(ACCOUNT),
        subject: Subject {
            id: sym(&format!("arn:aws:iam::{ACCOUNT}:role/{name}")),
            kind: sym("workload"),
            name: sym(name),
        },
        tier: Tier::Admin,
        what: what.into(),
        before: Some("expires 2026-11-01".into()),
        after: Some("never expires".into()),
        by: Some("alice, from git blame of iam/roles.tf".into()),
        entitlement: None,
    }
}

fn exception(
    id: &str,
    owner: &str,
    state: ExceptionState,
    expires: Option<&str>,
    findings: usize,
) -> ExceptionNote {
    ExceptionNote {
        id: sym(id),
        covers: "AWS101 for role/terraform".into(),
        owner: sym(owner),
        reason: "Bootstrap role, until the pipeline moves to short sessions".into(),
        ticket: Some("SEC-112".into()),
        expires: expires.and_then(|day| day.parse().ok()),
        state,
        findings,
    }
}

fn timeline() -> Timeline {
    let event = |at: Option<&str>, what: &str, by: Option<&str>, class: &str| TimelineEvent {
        at: at.and_then(|at| at.parse().ok()),
        what: sym(what),
        by: by.map(sym),
        quality: sym("exact"),
        evidence_class: sym(class),
        note: None,
    };
    Timeline {
        grant: sym("grant-2210"),
        subject: Subject {
            id: sym("alice@acme.example"),
            kind: sym("human"),
            name: sym("alice"),
        },
        system: System::Aws,
        tenant: sym(ACCOUNT),
        what: "AdministratorAccess on acme-production for 4 hours".into(),
        privileges: vec![sym("AdministratorAccess")],
        state: sym("EXPIRED_BUT_LIVE"),
        flags: vec![sym("SELF_APPROVED")],
        events: vec![
            event(
                Some("2026-11-21T21:02:00Z"),
                "requested",
                Some("alice"),
                "E3",
            ),
            event(
                Some("2026-11-21T21:03:00Z"),
                "approved",
                Some("alice"),
                "E3",
            ),
            event(
                Some("2026-11-21T21:03:09Z"),
                "issued",
                Some("access-bot"),
                "E4",
            ),
            event(Some("2026-11-22T01:03:09Z"), "expires", None, "E3"),
        ],
        gaps: vec!["no end seen although it should have ended at 01:03".into()],
    }
}

fn link(at: &str, what: &str, by: &str, class: &str, note: Option<&str>) -> TimelineEvent {
    TimelineEvent {
        at: at.parse().ok(),
        what: sym(what),
        by: Some(sym(by)),
        quality: sym("recorded"),
        evidence_class: sym(class),
        note: note.map(Into::into),
    }
}

/// A grant with the whole chain.
fn covered() -> Timeline {
    Timeline {
        grant: sym("grant-2211"),
        subject: Subject {
            id: sym("bob@acme.example"),
            kind: sym("human"),
            name: sym("bob"),
        },
        what: "edit on namespace `payments` for 2 hours".into(),
        privileges: vec![sym("edit")],
        system: System::Kubernetes,
        tenant: sym("prod-eu"),
        state: sym("COVERED"),
        flags: Vec::new(),
        events: vec![
            link(
                "2026-11-21T08:00:00Z",
                "grant.requested",
                "bob",
                "E2",
                Some("INC-4711: `payments` does not start"),
            ),
            link(
                "2026-11-21T08:04:30Z",
                "grant.approved",
                "carol",
                "E2",
                None,
            ),
            link(
                "2026-11-21T08:04:41Z",
                "grant.issued",
                "breakglass-controller",
                "E3",
                None,
            ),
            link(
                "2026-11-21T08:06:00Z",
                "grant.used",
                "bob",
                "E4",
                Some("14 calls in the audit log"),
            ),
            link(
                "2026-11-21T09:12:07Z",
                "grant.ended",
                "bob",
                "E3",
                Some("handed back"),
            ),
            link(
                "2026-11-21T10:00:00Z",
                "observed.absent",
                "scan",
                "E4",
                None,
            ),
        ],
        gaps: Vec::new(),
    }
}

/// A grant whose middle nobody saw.
fn unapproved() -> Timeline {
    Timeline {
        grant: sym("grant-2212"),
        subject: Subject {
            id: sym("release-bot"),
            kind: sym("agent"),
            name: sym("release-bot"),
        },
        what: "write on secret/payments for 12 hours".into(),
        privileges: vec![sym("write")],
        system: System::Vault,
        tenant: sym("https://vault.acme.example:8200"),
        state: sym("UNAPPROVED"),
        flags: vec![sym("TTL_TOO_LONG"), sym("APPROVAL_AFTER_ISSUE")],
        events: vec![
            link("2026-11-21T08:00:00Z", "grant.issued", "vault", "E3", None),
            link("2026-11-21T20:00:00Z", "grant.ended", "vault", "E3", None),
        ],
        gaps: vec![
            "no request seen".into(),
            "no approval seen before the issue".into(),
        ],
    }
}

/// Names as an attacker would choose them.
pub const HOSTILE: &[&str] = &[
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "\"><svg/onload=document.title='owned'>",
    "' onmouseover='document.title=1' x='",
    "javascript:document.title='owned'",
    "\u{1b}[31mred\u{1b}[0m\u{1b}]8;;https://evil.example\u{7}link\u{1b}]8;;\u{7}",
    "invoice\u{202e}gpj.exe",
    "zero\u{200b}width\u{feff}",
    "line\nbreak\r\nand\ttab\u{2028}\u{2029}\u{85}",
    "\u{9b}31mc1",
    "<!--<script>",
    "=HYPERLINK(\"https://evil.example\",\"click\")",
    "[click](https://evil.example)",
    "| table | `tick` ``two`` *bold* @octocat #1",
    "${{ secrets.TOKEN }} {{7*7}} %s %n",
    "../../../../etc/passwd",
    "عربي mixed עברית",
    "名前 🧑‍💻",
    "\u{e000}\u{e001}\u{e002}",
    "",
    "::error::annotation",
];

/// An outcome in which every free text is hostile.
pub fn hostile(names: &[&str]) -> Outcome {
    let mut outcome = small();
    outcome.findings.clear();
    outcome.gated.clear();
    for (at, name) in names.iter().enumerate() {
        for system in System::ALL {
            let mut found = finding("AWS101", Severity::WORST_FIRST[at % 5], "x");
            found.id = id(&format!("{system} {at} {name}"));
            found.system = system;
            found.tenant = sym(name);
            found.subject = Subject {
                id: sym(name),
                kind: sym(name),
                name: sym(name),
            };
            found.message = format!("about {name}").into();
            found.fix = format!("remove {name}").into();
            found.tags = vec![sym(name)];
            found.drift = Some(sym(name));
            found.evidence = vec![
                Evidence::new(*name, *name)
                    .quoting(*name)
                    .at(Some(Location::start_of(sym(name)))),
            ];
            found.steps = vec![Step {
                from: sym(name),
                action: sym(name),
                to: sym("x"),
                gate: Gate::Unknown,
                evidence: found.evidence.clone(),
            }];
            found.location = (at % 2 == 0).then(|| Location::start_of(sym(name)));
            outcome.gated.push(found.id);
            outcome.findings.push(found);
        }
        outcome.targets.push((*name).to_owned());
        outcome.notices.push((*name).to_owned());
        outcome
            .coverage
            .push(Coverage::lacking(System::Aws, sym(name), name, Seen::None, *name).remedy(*name));
        outcome.exceptions.push(ExceptionNote {
            id: sym(name),
            covers: (*name).into(),
            owner: sym(name),
            reason: (*name).into(),
            ticket: Some((*name).into()),
            expires: None,
            state: ExceptionState::Void,
            findings: 0,
        });
        let mut changed = change("added", Weight::Gate, name, name);
        changed.kind = sym(name);
        changed.by = Some((*name).into());
        if let Some(changes) = &mut outcome.changes {
            changes.baseline = (*name).to_owned();
            changes.items.push(changed);
        }
        let mut line = timeline();
        line.grant = sym(name);
        line.what = (*name).into();
        line.gaps = vec![(*name).into()];
        line.events[0].by = Some(sym(name));
        line.events[0].note = Some((*name).into());
        outcome.timelines.push(line);
        outcome.rules.push(RuleCard {
            why: (*name).to_owned(),
            fix: (*name).to_owned(),
            summary: (*name).to_owned(),
            ..card(&format!("XX{at}"), name, Severity::Low)
        });
    }
    outcome.sort();
    outcome
}

/// `n` findings as a large estate has them: many identities, few rules.
pub fn many(n: usize) -> Outcome {
    let mut outcome = small();
    let rules = [
        ("AWS101", "standing-admin-role"),
        ("AWS110", "escalation-path"),
        ("AWS301", "access-key-not-rotated"),
        ("K8S101", "cluster-admin-binding"),
        ("VLT120", "token-without-owner"),
    ];
    outcome.findings = (0..n)
        .map(|at| {
            let (rule, name) = rules[at % rules.len()];
            let mut found = finding(rule, Severity::WORST_FIRST[at % 5], &format!("svc-{at:06}"));
            found.name = sym(name);
            found.tenant = sym(&format!("{:012}", 100_000_000_000_u64 + (at % 40) as u64));
            found.system = System::ALL[at % 4];
            if at % 3 == 0 {
                found.drift = Some(sym("added"));
            }
            if at % 7 == 0 {
                found.location = Some(Location {
                    file: sym(&format!("accounts/{}.json", at % 40)),
                    line: at as u32 + 1,
                    column: 3,
                    end_line: at as u32 + 1,
                    end_column: 30,
                });
            }
            found
        })
        .collect();
    outcome.gated = outcome.findings.iter().take(n / 10).map(|f| f.id).collect();
    outcome.sort();
    outcome
}

/// Nothing scanned, nothing found.
pub fn empty() -> Outcome {
    Outcome {
        now: "2026-11-22T09:00:00Z".parse().unwrap(),
        ..Outcome::default()
    }
}

/// Many ways that meet: 27 nodes, a circle, all kinds of gate.
pub fn tangle() -> Outcome {
    let mut outcome = small();
    outcome.findings.retain(|finding| finding.steps.is_empty());
    let gates = [Gate::None, Gate::Unproved, Gate::Proved, Gate::Unknown];
    let step = |from: String, action: &str, to: String, at: usize| Step {
        from: sym(&from),
        action: sym(action),
        to: sym(&to),
        gate: gates[at % gates.len()],
        evidence: Vec::new(),
    };
    for at in 0..12 {
        let mut found = finding("AWS110", Severity::High, &format!("start-{at}"));
        found.message = format!("workload `start-{at}` reaches administrator").into();
        let role = format!("arn:aws:iam::{ACCOUNT}:role/team-{}", at % 4);
        found.steps = vec![
            step(
                format!("repo:acme/service-{at}:ref:refs/heads/main"),
                "assumes by OIDC",
                role.clone(),
                0,
            ),
            step(
                role,
                "iam:PassRole + lambda:CreateFunction",
                format!("arn:aws:iam::{ACCOUNT}:role/lambda-{}", at % 3),
                at,
            ),
            step(
                format!("arn:aws:iam::{ACCOUNT}:role/lambda-{}", at % 3),
                "sts:AssumeRole",
                format!("arn:aws:iam::{ACCOUNT}:role/admin"),
                at + 1,
            ),
        ];
        if at == 5 {
            found.steps.push(step(
                format!("arn:aws:iam::{ACCOUNT}:role/admin"),
                "iam:CreateAccessKey",
                format!("arn:aws:iam::{ACCOUNT}:role/team-1"),
                0,
            ));
        }
        outcome.findings.push(found);
    }
    outcome.sort();
    outcome
}

/// One long way, drawn downwards.
pub fn chain() -> Outcome {
    let mut outcome = small();
    outcome.findings.retain(|finding| finding.steps.is_empty());
    let mut found = finding("AWS110", Severity::High, "far");
    found.steps = (0..9)
        .map(|at| Step {
            from: sym(&format!("node-{at}")),
            action: sym("ssm:SendCommand to an instance"),
            to: sym(&format!("node-{}", at + 1)),
            gate: if at == 4 { Gate::Proved } else { Gate::None },
            evidence: Vec::new(),
        })
        .collect();
    outcome.findings.push(found);
    outcome.sort();
    outcome
}
