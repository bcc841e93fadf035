//! All integration tests, in one program so that there is one link.
#![cfg(test)]
mod aws_escalation;
mod aws_facts;
mod aws_live;
mod aws_logic;
mod aws_moto;
mod aws_program;
mod aws_simulate;
mod cli;
mod company;
mod dependencies;
mod github;
mod github_contract;
mod github_fixture;
mod github_sdl;
mod github_world;
mod kubernetes_connect;
mod kubernetes_facts;
mod kubernetes_live;
mod kubernetes_rules;
mod kubernetes_simulate;
mod reports;
mod rules;
mod support;
mod vault_acl;
mod vault_connect;
