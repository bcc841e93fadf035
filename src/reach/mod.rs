//! Ways that cross systems: a workflow that becomes a role, a pod that reads a vault.
