//! Reports on disk: whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A report that could not be written. What was there before is still there.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The folder does not exist and cannot be made.
    #[error("cannot make the folder `{}` for `{}`: {source}; name a folder that exists or can be made", folder.display(), path.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The report.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The disk is full, the file or folder is not writable.
    #[error("cannot write `{}`: {source}; nothing was left half-written", path.display())]
    File {
        /// The report.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The name is a folder's.
    #[error("cannot write `{}`: it is a folder; name a file in it", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
}

/// Writes `bytes` to `path`: beside it first, synced, then renamed over it, so that
/// a reader sees the old report or the new one and a full disk leaves no half of
/// either. Missing folders are made. A device or pipe (`/dev/stdout`) is written to
/// directly.
///
/// # Errors
/// If the folder cannot be made or the file not written; it says which and why.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let failed = |source| WriteError::File {
        path: path.to_owned(),
        source,
    };
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(WriteError::IsFolder {
                path: path.to_owned(),
            });
        }
        Ok(found) if !found.is_file() => return std::fs::write(path, bytes).map_err(failed),
        Ok(_) | Err(_) => {}
    }
    // A link is followed, so that the file it names changes and the link stays.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(|source| WriteError::Folder {
        folder: folder.to_owned(),
        path: path.clone(),
        source,
    })?;
    let mut beside = tempfile::Builder::new()
        .prefix(".tenure-")
        .suffix(".tmp")
        .permissions(permissions())
        .tempfile_in(folder)
        // Without the name of the temporary file, which nobody knows.
        .map_err(|error| failed(error.kind().into()))?;
    beside.write_all(bytes).map_err(failed)?;
    beside.as_file().sync_all().map_err(failed)?;
    // On failure the temporary file is removed with `error`.
    beside.persist(&path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// What a new file would get: the temporary file's own default is the owner alone,
/// which surprises the CI step that uploads the report as another user.
#[cfg(unix)]
fn permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    // The process's umask still applies.
    std::fs::Permissions::from_mode(0o666)
}

#[cfg(not(unix))]
fn permissions() -> std::fs::Permissions {
    std::fs::Permissions::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_and_files_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/report.json");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, b"kept").unwrap();
        let error = write_atomically(&file.join("report.json"), b"x").unwrap_err();
        assert!(matches!(error, WriteError::Folder { .. }), "{error}");
        let error = write_atomically(dir.path(), b"x").unwrap_err();
        assert!(matches!(error, WriteError::IsFolder { .. }), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), b"kept");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_said() {
        let error = write_atomically(Path::new("/dev/full"), b"x").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/dev/full"), "{text}");
        assert!(text.to_lowercase().contains("space"), "{text}");
    }
}
