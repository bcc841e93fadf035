//! All integration tests, in one program so that there is one link.
mod vault_acl;
