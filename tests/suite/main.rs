//! All integration tests, in one program so that there is one link.
#![cfg(test)]
mod vault_acl;
