//! Answers kept on disk, used only after GitHub says that they still hold.
//!
//! Only successful answers are kept, so that a 304 can never turn an error into a
//! success. The key holds the credential and the full address: another token may see
//! something else. Answers hold metadata, never secret values; the directory is the
//! user's to protect.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A directory of answers, or none.
#[derive(Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
    /// Whose answers: a hash of the credential.
    owner: [u8; 32],
}

/// A kept answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// What GitHub called this version of the answer.
    pub etag: String,
    /// Where the list goes on, as GitHub said it then.
    pub next: Option<String>,
    /// The body.
    pub body: String,
}

impl Cache {
    /// A cache below `folder` for whoever holds `credential`.
    pub fn new(folder: Option<&Path>, credential: &str) -> Self {
        Cache {
            folder: folder.map(Path::to_owned),
            owner: Sha256::digest(credential.as_bytes()).into(),
        }
    }

    fn place(&self, address: &str) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        let mut hash = Sha256::new();
        hash.update(self.owner);
        hash.update(address.as_bytes());
        let name: String = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Some(folder.join(&name[..2]).join(format!("{name}.json")))
    }

    /// The kept answer for `address`; a file that cannot be read is as good as none.
    pub fn get(&self, address: &str) -> Option<Kept> {
        let text = std::fs::read(self.place(address)?).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps an answer. A cache that cannot be written costs calls, not correctness, so
    /// a failure is only logged.
    pub fn put(&self, address: &str, kept: &Kept) {
        let Some(path) = self.place(address) else {
            return;
        };
        if let Err(error) = write(&path, kept) {
            tracing::warn!("cannot keep an answer in `{}`: {error}", path.display());
        }
    }
}

fn write(path: &Path, kept: &Kept) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, kept)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_belong_to_one_credential_and_address() {
        let folder = tempfile::tempdir().unwrap();
        let mine = Cache::new(Some(folder.path()), "token-a");
        let kept = Kept {
            etag: "\"1\"".into(),
            next: None,
            body: "[]".into(),
        };
        mine.put("/orgs/acme", &kept);
        assert_eq!(mine.get("/orgs/acme").unwrap().etag, "\"1\"");
        assert!(mine.get("/orgs/acme?page=2").is_none());
        assert!(
            Cache::new(Some(folder.path()), "token-b")
                .get("/orgs/acme")
                .is_none()
        );
        assert!(Cache::new(None, "token-a").get("/orgs/acme").is_none());
    }
}
