//! The built-in catalogues, compiled.

use std::sync::LazyLock;

use super::actions::{ActionId, Actions};
use super::escalation::catalogue::{self, Technique};
use super::powers::Powers;
use super::tiers::Tiers;

/// What this build knows of actions and of what they are worth.
#[derive(Debug)]
pub struct Catalogues {
    /// The actions that all of them ask about.
    pub actions: Actions,
    /// What permissions are worth.
    pub tiers: Tiers,
    /// Ways to more.
    pub techniques: Vec<Technique>,
    /// Single powers that rules name.
    pub powers: Powers,
    /// `sts:AssumeRole`.
    pub assume: ActionId,
}

/// They are part of the build and compiled once per process.
static CATALOGUES: LazyLock<Result<Catalogues, String>> = LazyLock::new(|| {
    let mut actions = Actions::default();
    let tiers = Tiers::load(&mut actions)?;
    let techniques = catalogue::load(&mut actions)?;
    let powers = Powers::load(&mut actions)?;
    let assume = actions.know("sts:AssumeRole")?;
    Ok(Catalogues {
        actions,
        tiers,
        techniques,
        powers,
        assume,
    })
});

impl Catalogues {
    /// The catalogues of this build.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn get() -> Result<&'static Self, &'static str> {
        CATALOGUES.as_ref().map_err(String::as_str)
    }
}
