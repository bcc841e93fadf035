//! The Vault connector, put to a server of a test.

use jiff::Timestamp;
use tenure::config::Config;
use tenure::connect::vault::{Login, Target, collect};
use tenure::connect::{ConnectError, Secret, Session, Silent};
use tenure::snapshot::{Snapshot, Store};

/// The server at `address`, with a token.
pub fn target(address: &str) -> Target {
    Target {
        address: address.to_owned(),
        namespace: String::new(),
        ca: None,
        login: Login::Token(Secret::new("s.test")),
        allow_root: false,
    }
}

/// What a scan collects there.
pub async fn scan(target: &Target) -> Result<Snapshot, ConnectError> {
    let config = Config::default();
    let store = Store::in_memory(Timestamp::UNIX_EPOCH);
    let session = Session {
        config: &config,
        store: &store,
        progress: &Silent,
    };
    collect(target, session).await?;
    Ok(store.finish().unwrap())
}
