//! The facts themselves: their fields, types and accessors, and the names of their
//! enumerated values.

use super::{EnumDef, FieldDef, RecordDef, Ty};
use crate::model::{FactKind, Sym};
use crate::rules::value::{Object, Val};

macro_rules! enums {
    ($($constant:ident $name:literal [$($value:literal)*])*) => {
        $(pub(in crate::rules) static $constant: EnumDef = EnumDef {
            name: $name,
            names: &[$($value),*],
        };)*
    };
}

enums! {
    SYSTEM "system" ["aws" "github" "kubernetes" "vault" "jit"]
    TIER "tier" ["none" "read" "write" "admin"]
    VERDICT "verdict" ["no" "conditional" "yes"]
    ACTIVATION "activation" ["standing" "eligible" "jit" "break-glass" "exception" "unknown"]
    IDENTITY_KIND "identity kind" ["human" "group" "workload" "agent" "external" "anonymous"]
    TRUST_KIND "trust kind" ["anyone" "tenant" "identity" "service" "saml" "oidc" "service-account" "shared-secret"]
    CLAIM_TEST "claim test" ["equals" "equals-ignore-case" "like" "not-equals" "not-equals-ignore-case" "not-like" "starred" "not-starred"]
    GATE "gate" ["none" "unproved" "proved" "unknown"]
    GRANT_KIND "grant kind" ["assignment" "activation" "membership" "binding" "session" "lease" "credential" "eligibility"]
    PROGRESS "progress" ["pending" "refused" "issued" "failed"]
    CHANNEL "channel" ["jit-tool" "itsm" "github" "vault" "auto-policy" "chat" "email" "verbal" "other"]
    END_CAUSE "end cause" ["expiry" "handed_back" "task_complete" "revoked" "external" "failed"]
    END_RESULT "end result" ["confirmed" "unconfirmed" "failed"]
    EVIDENCE "evidence class" ["E0" "E1" "E2" "E3" "E4"]
}

/// Declares a record: `name type [optional]; doc => |fact| accessor`, then moments, each of which gives the optional
/// time, `name_never` and `name_known`.
macro_rules! record {
    ($constant:ident $name:literal $fact:expr, $variant:ident {
        $($field:ident $ty:expr $(, $optional:ident)? ; $doc:literal => |$x:ident| $get:expr;)*
    } moments {
        $($moment:ident ; $mdoc:literal, $never:ident ; $ndoc:literal, $known:ident => |$m:ident| $mget:expr;)*
    }) => {
        pub(in crate::rules) static $constant: RecordDef = RecordDef {
            name: $name,
            fact: $fact,
            fields: &[
                $(FieldDef {
                    name: stringify!($field),
                    ty: $ty,
                    optional: record!(@optional $($optional)?),
                    doc: $doc,
                    get: {
                        fn get(object: Object<'_>) -> Val<'_> {
                            match object {
                                Object::$variant($x) => Val::from($get),
                                _ => Val::Missing,
                            }
                        }
                        get
                    },
                },)*
                $(FieldDef {
                    name: stringify!($moment),
                    ty: Ty::Time,
                    optional: true,
                    doc: $mdoc,
                    get: {
                        fn get(object: Object<'_>) -> Val<'_> {
                            match object {
                                Object::$variant($m) => Val::from($mget.at()),
                                _ => Val::Missing,
                            }
                        }
                        get
                    },
                },
                FieldDef {
                    name: stringify!($never),
                    ty: Ty::Bool,
                    optional: false,
                    doc: $ndoc,
                    get: {
                        fn get(object: Object<'_>) -> Val<'_> {
                            match object {
                                Object::$variant($m) => Val::from($mget.is_never()),
                                _ => Val::Missing,
                            }
                        }
                        get
                    },
                },
                FieldDef {
                    name: stringify!($known),
                    ty: Ty::Bool,
                    optional: false,
                    doc: concat!("whether `", stringify!($moment), "` was seen at all"),
                    get: {
                        fn get(object: Object<'_>) -> Val<'_> {
                            match object {
                                Object::$variant($m) => Val::from($mget.is_known()),
                                _ => Val::Missing,
                            }
                        }
                        get
                    },
                },)*
            ],
        };
    };
    (@optional) => { false };
    (@optional optional) => { true };
}

/// An enumerated value, by its place. The model's `enum`s have no explicit numbers
/// and fewer than 256 values; a test holds names and places together.
macro_rules! variant {
    ($value:expr) => {
        Val::Variant($value as u8)
    };
}

record!(ENTITLEMENT "entitlement" Some(FactKind::Entitlement), Entitlement {
    system Ty::Enum(&SYSTEM); "the system it was read from" => |x| variant!(x.system);
    tenant Ty::Str; "account, organisation, cluster or vault" => |x| x.tenant;
    mechanism Ty::Str; "how it was granted: `managed-policy`, `assignment`, `cluster-role-binding`, …" => |x| x.mechanism;
    privilege Ty::Str; "what is granted, by the system's own id" => |x| x.privilege;
    scope Ty::Str; "on what; `*` is the whole tenant" => |x| x.scope;
    tier Ty::Enum(&TIER); "what it is worth by itself, escalation included" => |x| variant!(x.tier);
    verdict Ty::Enum(&VERDICT); "whether it really lets its holder act" => |x| variant!(x.verdict);
    activation Ty::Enum(&ACTIVATION); "whether it stands" => |x| variant!(x.activation);
    residual Ty::Str, optional; "what must hold for a conditional verdict" => |x| x.residual;
    via Ty::Str, optional; "the group or team it comes through" => |x| x.via;
    since Ty::Time, optional; "when it was granted, or an upper bound of its age" => |x| x.since;
    owner Ty::Str, optional; "who answers for it" => |x| x.owner;
} moments {
    expires; "when it ends by itself", expires_never; "it never ends by itself", expires_known => |x| x.expires;
    last_used; "when it was last used", last_used_never; "it was never used", last_used_known => |x| x.last_used;
});

record!(CREDENTIAL "credential" Some(FactKind::Credential), Credential {
    system Ty::Enum(&SYSTEM); "the system that issued it" => |x| variant!(x.system);
    tenant Ty::Str; "account, organisation, cluster or vault" => |x| x.tenant;
    kind Ty::Str; "`access-key`, `password`, `token`, `deploy-key`, `certificate`, `stored-secret`, …" => |x| x.kind;
    id Ty::Str; "the system's own id for it" => |x| x.id;
    name Ty::Str; "name for people" => |x| x.name;
    active Ty::Bool; "whether it works now" => |x| x.active;
    created Ty::Time, optional; "when it was made" => |x| x.created;
    tier Ty::Enum(&TIER); "what whoever holds it can reach" => |x| variant!(x.tier);
    owner Ty::Str, optional; "who answers for it" => |x| x.owner;
} moments {
    expires; "when it ends by itself", expires_never; "it never ends by itself", expires_known => |x| x.expires;
    rotated; "when its secret was last changed", rotated_never; "its secret was never changed", rotated_known => |x| x.rotated;
    last_used; "when it was last used", last_used_never; "it was never used", last_used_known => |x| x.last_used;
});

record!(IDENTITY "identity" Some(FactKind::Identity), Identity {
    system Ty::Enum(&SYSTEM); "the system it lives in" => |x| variant!(x.system);
    tenant Ty::Str; "account, organisation, cluster or vault" => |x| x.tenant;
    id Ty::Str; "the system's own id that people use: ARN, `kind/namespace/name`, login, path" => |x| x.id;
    uid Ty::Str; "the system's immutable id" => |x| x.uid;
    kind Ty::Enum(&IDENTITY_KIND); "what kind of identity" => |x| variant!(x.kind);
    name Ty::Str; "name for people" => |x| x.name;
    owner Ty::Str, optional; "who answers for it" => |x| x.owner;
    created Ty::Time, optional; "when it was made" => |x| x.created;
    tier Ty::Enum(&TIER); "the highest tier it holds or certainly reaches" => |x| variant!(x.tier);
    possible_tier Ty::Enum(&TIER); "the highest tier it reaches if the conditions on its ways hold; at least `tier`" => |x| variant!(x.possible());
    active Ty::Bool; "whether it is switched on" => |x| x.active;
    break_glass Ty::Bool; "registered for emergencies in the configuration" => |x| x.break_glass;
    platform Ty::Bool; "made and managed by the platform itself" => |x| x.platform;
} moments {
    last_used; "when it last acted", last_used_never; "it never acted", last_used_known => |x| x.last_used;
});

record!(TRUST "trust" Some(FactKind::Trust), Trust {
    system Ty::Enum(&SYSTEM); "the system that enforces it" => |x| variant!(x.system);
    tenant Ty::Str; "account, organisation, cluster or vault of the target" => |x| x.tenant;
    kind Ty::Enum(&TRUST_KIND); "what is trusted" => |x| variant!(x.kind);
    trustee Ty::Str; "the trusted side, by its own id or as a pattern" => |x| x.trustee;
    issuer Ty::Str, optional; "the issuer of tokens" => |x| x.issuer;
    trustee_tenant Ty::Str, optional; "the tenant of the trusted side" => |x| x.trustee_tenant;
    external Ty::Bool; "the trusted side lies outside everything scanned and declared ours" => |x| x.external;
    claims Ty::Records(&CLAIM); "what must be presented" => |x| x.claims.as_slice();
    verdict Ty::Enum(&VERDICT); "whether the trust really admits the trustee" => |x| variant!(x.verdict);
    residual Ty::Str, optional; "conditions beyond `claims`" => |x| x.residual;
    witness Ty::Str, optional; "somebody who should not be let in but is" => |x| x.witness;
    tier Ty::Enum(&TIER); "what the target can reach" => |x| variant!(x.tier);
} moments {
});

record!(CLAIM "claim" None, Claim {
    name Ty::Str; "`sub`, `aud`, `external-id`, `namespace`, …" => |x| x.name;
    test Ty::Enum(&CLAIM_TEST); "how its value is compared" => |x| variant!(x.test);
    values Ty::List; "with what" => |x| &*x.values;
    holds_when_absent Ty::Bool; "it also holds when the claim is absent, so it guards nothing" => |x| x.holds_when_absent;
} moments {
});

record!(PATH "path" Some(FactKind::Path), Path {
    system Ty::Enum(&SYSTEM); "the system of the start" => |x| variant!(x.system);
    tenant Ty::Str; "the tenant of the start" => |x| x.tenant;
    tier Ty::Enum(&TIER); "the tier reached" => |x| variant!(x.tier);
    technique Ty::Str; "catalogue id of the first technique" => |x| x.technique;
    name Ty::Str; "name of the technique" => |x| x.name;
    verdict Ty::Enum(&VERDICT); "whether it works" => |x| variant!(x.verdict);
    residual Ty::Str, optional; "what must hold for a conditional verdict" => |x| x.residual;
    gate Ty::Enum(&GATE); "the strongest gate on the way" => |x| variant!(x.gate);
    steps Ty::Records(&STEP); "the steps, first to last" => |x| x.steps.as_slice();
} moments {
});

record!(STEP "step" None, Step {
    from Ty::Str; "who acts, by the system's own id" => |x| x.from;
    action Ty::Str; "what is done" => |x| x.action;
    to Ty::Str; "what is reached" => |x| x.to;
    gate Ty::Enum(&GATE); "what stands in between" => |x| variant!(x.gate);
} moments {
});

record!(GRANT "grant" Some(FactKind::Grant), Grant {
    system Ty::Enum(&SYSTEM); "the system let into; `jit` for one that is not scanned" => |x| variant!(x.system);
    tenant Ty::Str; "account, organisation, cluster or vault, or the realm where it is not a single one" => |x| x.tenant;
    id Ty::Str; "its id in the ledger" => |x| x.id;
    source Ty::Str; "the just-in-time system it was harvested from" => |x| x.source;
    realm Ty::Str; "the system let into, as the ledger names it" => |x| x.realm;
    kind Ty::Enum(&GRANT_KIND); "in what form access is given" => |x| variant!(x.kind);
    what Ty::Str; "privileges and scope, in words" => |x| Sym::new(&x.what());
    requester Ty::Str, optional; "who asked" => |x| x.requester.map(|who| Sym::new(&who.to_string()));
    subject Ty::Str, optional; "who is let in" => |x| x.subject.map(|who| Sym::new(&who.to_string()));
    privileges Ty::List; "what is granted" => |x| x.privileges.as_slice();
    purpose Ty::Str, optional; "why, in words" => |x| x.purpose.as_deref().map(Sym::new);
    ticket Ty::Str, optional; "the work item" => |x| x.ticket;
    ticket_grants Ty::Int; "how many grants name the same work item, this one included" => |x| i64::from(x.ticket_grants);
    approvals Ty::Records(&APPROVAL); "approvals given" => |x| x.approvals.as_slice();
    progress Ty::Enum(&PROGRESS); "how far the request came" => |x| variant!(x.progress);
    requested Ty::Time, optional; "when it was asked for" => |x| x.requested;
    issued Ty::Time, optional; "when access was given" => |x| x.issued;
    ended Ty::Time, optional; "when it ended, by its source" => |x| x.ended;
    end_cause Ty::Enum(&END_CAUSE), optional; "why it ended" => |x| x.end_cause.map_or(Val::Missing, |cause| variant!(cause));
    end_result Ty::Enum(&END_RESULT); "what is known about the removal" => |x| variant!(x.end_result);
    externally_modified Ty::Bool; "its tool says that something else changed the access" => |x| x.externally_modified;
    break_glass Ty::Bool; "emergency access" => |x| x.break_glass;
    drill Ty::Bool; "a rehearsed emergency" => |x| x.drill;
    incident Ty::Str, optional; "the incident it belongs to" => |x| x.incident;
    reviewed Ty::Time, optional; "when it was reviewed" => |x| x.reviewed;
    renews Ty::Str, optional; "the grant it renews" => |x| x.renews;
    extensions Ty::Int; "how often it was extended" => |x| i64::from(x.extensions);
    evidence Ty::Enum(&EVIDENCE); "the weakest evidence its times and approvals rest on" => |x| variant!(x.evidence);
    tier Ty::Enum(&TIER); "the tier of what is granted, where it is known" => |x| variant!(x.tier);
    state Ty::Str, optional; "the verdict of reconciliation: `COVERED`, `EXPIRED_BUT_LIVE`, `ORPHAN_EVIDENCE`, …" => |x| x.state;
    flags Ty::List; "further marks of reconciliation: `SELF_APPROVED`, `TTL_TOO_LONG`, …" => |x| x.flags.as_slice();
    persistence Ty::Int; "share of the last days that grants for the same thing covered, in percent" => |x| i64::from(x.persistence);
    late_at_least Ty::Duration, optional; "it was still seen this long after its end" => |x| x.late_at_least;
    late_at_most Ty::Duration, optional; "this long after its end it was seen gone" => |x| x.late_at_most;
    minted Ty::List; "what was made under it and outlives it" => |x| x.minted.as_slice();
} moments {
    expires; "when it is to end", expires_never; "it has no end", expires_known => |x| x.expires;
});

record!(APPROVAL "approval" None, Approval {
    by Ty::Str, optional; "who approved" => |x| x.by.map(|who| Sym::new(&who.to_string()));
    at Ty::Time, optional; "when" => |x| x.at;
    channel Ty::Enum(&CHANNEL); "by which way it came" => |x| variant!(x.channel);
    policy Ty::Str, optional; "the policy that approved without a person" => |x| x.policy;
} moments {
});

record!(TENANT "tenant" Some(FactKind::Source), Tenant {
    system Ty::Enum(&SYSTEM); "the system" => |x| variant!(x.system);
    id Ty::Str; "its own id: account number, login, cluster name, address" => |x| x.id;
    name Ty::Str; "name for people" => |x| x.name;
} moments {
});

record!(LIMITS "limits" None, Limits {
    key_age Ty::Duration; "age at which a long-lived key should have been rotated" => |x| x.key_age;
    credential_unused Ty::Duration; "time without use after which a credential is dormant" => |x| x.credential_unused;
    identity_unused Ty::Duration; "time without use after which an identity is dormant" => |x| x.identity_unused;
    secret_rotation Ty::Duration; "time within which a stored secret must be rotated" => |x| x.secret_rotation;
    session Ty::Duration; "longest session that still fits a just-in-time window" => |x| x.session;
    ttl_admin Ty::Duration; "longest acceptable life of a token or grant of the admin tier" => |x| x.ttl_admin;
    ttl_write Ty::Duration; "longest acceptable life of a token or grant of the write tier" => |x| x.ttl_write;
    ttl_read Ty::Duration; "longest acceptable life of a token or grant of the read tier" => |x| x.ttl_read;
    admins Ty::Int; "most people who may administer a tenant without activation" => |x| x.admins;
} moments {
});

/// Every record, in the order of the documentation.
pub(in crate::rules) static RECORDS: [&RecordDef; 11] = [
    &ENTITLEMENT,
    &CREDENTIAL,
    &IDENTITY,
    &TRUST,
    &CLAIM,
    &PATH,
    &STEP,
    &GRANT,
    &APPROVAL,
    &TENANT,
    &LIMITS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Activation, Channel, ClaimTest, EndCause, EndResult, EvidenceClass, Gate, GrantKind,
        IdentityKind, Progress, System, Tier, TrustKind, Verdict,
    };

    #[test]
    fn names_and_places_of_enums_agree_with_the_model() {
        fn same(set: &EnumDef, values: &[(u8, &str)]) {
            assert_eq!(set.names.len(), values.len(), "{}", set.name);
            for &(place, name) in values {
                assert_eq!(set.names[place as usize], name, "{}", set.name);
            }
        }
        macro_rules! values {
            ($set:ident, $ty:ident [$($value:ident)*]) => {
                same(&$set, &[$(($ty::$value as u8, $ty::$value.as_str())),*]);
            };
        }
        values!(SYSTEM, System [Aws Github Kubernetes Vault Jit]);
        values!(TIER, Tier [None Read Write Admin]);
        values!(VERDICT, Verdict [No Conditional Yes]);
        values!(ACTIVATION, Activation [Standing Eligible Jit BreakGlass Exception Unknown]);
        values!(IDENTITY_KIND, IdentityKind [Human Group Workload Agent External Anonymous]);
        values!(TRUST_KIND, TrustKind [Anyone Tenant Identity Service Saml Oidc ServiceAccount SharedSecret]);
        values!(GATE, Gate [None Unproved Proved Unknown]);
        macro_rules! listed {
            ($($set:ident $ty:ident)*) => {
                $(same(&$set, &$ty::ALL.iter().map(|one| (*one as u8, one.as_str())).collect::<Vec<_>>());)*
            };
        }
        listed!(GRANT_KIND GrantKind PROGRESS Progress CHANNEL Channel END_CAUSE EndCause
            END_RESULT EndResult EVIDENCE EvidenceClass);
        let test = |test: ClaimTest| serde_json::to_value(test).unwrap();
        for value in [
            ClaimTest::Equals,
            ClaimTest::EqualsIgnoreCase,
            ClaimTest::Like,
            ClaimTest::NotEquals,
            ClaimTest::NotEqualsIgnoreCase,
            ClaimTest::NotLike,
            ClaimTest::Starred,
            ClaimTest::NotStarred,
        ] {
            assert_eq!(test(value), CLAIM_TEST.names[value as usize]);
        }
    }
}
