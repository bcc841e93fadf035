//! The attributes this stage sets, on facts of every system.

use crate::model::FactKind::{Credential, Entitlement, Identity, Path, Trust};
use crate::model::Type::{Bool, Duration, Int, List, String};
use crate::model::{AttributeDecl, declare as on};

/// The attributes this stage sets.
#[rustfmt::skip]
pub const ATTRIBUTES: &[AttributeDecl] = &[
    on(Path, "start", String, "across systems: what walks: `person`, `workflow`, `workload`, `key`, `role`"),
    on(Path, "target_system", String, "across systems: the system whose administration is reached"),
    on(Path, "target_tenant", String, "across systems: the tenant whose administration is reached"),
    on(Path, "edges", List, "across systems: what is used, in order, with its number in docs/reach.md: `a workflow token for Vault (X8)`, …"),
    on(Path, "systems", List, "across systems: the systems walked through, in order"),
    on(Path, "candidate", Bool, "across systems: only names and dates suggest it"),
    on(Path, "standing", Bool, "across systems: certain, and nothing proved stands in between"),
    on(Path, "lifetime", Duration, "across systems: longest life of a credential minted on the way, where told"),
    on(Path, "endless", Bool, "across systems: a credential minted on the way can be renewed for ever"),
    on(Path, "gate_is", String, "across systems: what the gates on the way are"),
    on(Path, "self_gated", Bool, "across systems: a gate on the way is controlled by the walker or by somebody he becomes"),
    on(Path, "through_admin", Bool, "across systems: it leads through administering another tenant"),
    on(Path, "from_admin", Bool, "across systems: the walker administers his own tenant to begin with"),
    on(Path, "any_subject", Bool, "across systems: it works from any branch, tag or pull request"),
    on(Path, "context", String, "across systems: what the workflow runs for: `environment`, `branch`, `tag`, `pull-request`"),
    on(Path, "environment", String, "across systems: the environment a job must name"),
    on(Path, "repository", String, "across systems: the repository whose workflow is on the way"),
    on(Path, "beside_jit", Bool, "across systems: the target hands out access just in time, and this way stands beside it"),
    on(Path, "keys", List, "across systems: long-lived credentials that prove the walker"),
    on(Path, "length", Int, "across systems: steps"),
    on(Trust, "dead_edge", String, "what is missing on the other side: `no-such-repository`, `no-such-subject`, `no-such-service-account`, `no-such-role`, `not-trusted-back`, `provider-missing`"),
    on(Trust, "claimable_by", String, "who could make the missing side and so take the trust over"),
    on(Credential, "federation", String, "stored secret that looks like a credential of another system: whom its readers become there by federation"),
    on(Identity, "ways_gated", Bool, "every way by which somebody becomes it passes a proved gate"),
    on(Identity, "way_round", String, "a way to it that passes no proved gate"),
    on(Entitlement, "ways_gated", Bool, "its holder has no other way to as much that passes no proved gate, or is itself become through gates only"),
    on(Entitlement, "way_round", String, "a way to as much, or to its holder, that passes no proved gate"),
    on(Entitlement, "way_round_certain", Bool, "nothing has to hold for that way to work"),
];
