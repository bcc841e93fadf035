//! All integration tests, in one program so that there is one link.
#![cfg(test)]
mod aws_simulate;
mod kubernetes_simulate;
mod reports;
mod rules;
mod vault_acl;
