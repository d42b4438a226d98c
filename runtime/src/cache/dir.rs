//! The cache directory: found, checked, read and written.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use etcetera::BaseStrategy;
use kjit_compiler::base::Code;
use serde::{Serialize, de::DeserializeOwned};

use super::entry;
use super::key::Key;
use super::manage;
use crate::config::CacheDir;

/// Size cap where none is chosen.
const DEFAULT_LIMIT_BYTES: u64 = 512 << 20;
/// A hit renews an entry's time of use if that is older.
const RENEW_AFTER: Duration = Duration::from_secs(3600);
/// Of entries.
pub(super) const EXTENSION: &str = "kjit";

/// Why the cache is not used, or not written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheWarning {
    /// K801 or K802.
    pub code: Code,
    /// A sentence with the directory and a way out.
    pub message: String,
}

/// A directory that may be trusted.
#[derive(Debug)]
pub(crate) struct Cache {
    path: PathBuf,
    limit_bytes: u64,
    is_writable: bool,
}

/// `KJIT_CACHE_DIR`, else `NUMBA_CACHE_DIR/kjit`, else `kjit` in the user's cache directory.
#[must_use]
pub fn default_dir() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("KJIT_CACHE_DIR")
        .or_else(|| named("NUMBA_CACHE_DIR").map(|dir| dir.join("kjit")))
        .or_else(|| Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("kjit")))
}

impl Cache {
    /// Opens the directory that was chosen, making it if need be. Never an error: a directory that cannot be used is a
    /// warning, and kernels live in memory.
    pub(crate) fn open(choice: &CacheDir, limit_bytes: Option<u64>) -> (Option<Cache>, Option<CacheWarning>) {
        let path = match choice {
            CacheDir::Off => return (None, None),
            CacheDir::At(path) => path.clone(),
            CacheDir::Default => match default_dir() {
                Some(path) => path,
                None => return (None, None),
            },
        };
        let limit_bytes = limit_bytes.unwrap_or(DEFAULT_LIMIT_BYTES);
        // Made for the user alone: who can write here decides what code runs.
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
        let metadata = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => metadata,
            _ => {
                let reason =
                    made.err().map_or_else(|| "not a directory".to_owned(), |error| error.to_string());
                return (None, Some(unusable(&path, &reason)));
            }
        };
        if let Some(reason) = distrust(&metadata) {
            let message = format!(
                "the cache directory {} {reason}, so nothing is loaded from it; choose another with KJIT_CACHE_DIR",
                path.display()
            );
            return (None, Some(CacheWarning { code: Code::K801, message }));
        }
        let is_writable = may_write(&path);
        let warning = (!is_writable).then(|| unusable(&path, "it is read-only"));
        (Some(Cache { path, limit_bytes, is_writable }), warning)
    }

    /// The value under a key; `None` for anything but an intact entry of our own.
    pub(crate) fn load<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open(self.file(key)).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || distrust(&metadata).is_some() {
            return None;
        }
        let mut bytes = Vec::with_capacity(metadata.len() as usize);
        file.read_to_end(&mut bytes).ok()?;
        let value = entry::decode(key, &bytes)?;
        self.renew(&file, &metadata);
        Some(value)
    }

    /// Writes a value under a key: other processes see the whole file or none. Failing to write is no error.
    pub(crate) fn store(&self, key: &Key, value: &impl Serialize) {
        if !self.is_writable {
            return;
        }
        let Some(bytes) = entry::encode(key, value) else { return };
        let temporary = tempfile::Builder::new().prefix(manage::TEMPORARY_PREFIX).tempfile_in(&self.path);
        let written = temporary.and_then(|mut file| {
            file.write_all(&bytes)?;
            file.persist(self.file(key)).map_err(std::io::Error::from)
        });
        if let Err(error) = written {
            tracing::warn!(%error, directory = %self.path.display(), "cache entry not written");
        }
    }

    /// Removes the entry under a key, if there is one.
    pub(crate) fn remove(&self, key: &Key) {
        if self.is_writable {
            // Whoever removed it before has reached the same.
            let _ = fs::remove_file(self.file(key));
        }
    }

    /// Keeps the cache within its limit. Reads the whole directory: once after all entries of a compilation are written.
    pub(crate) fn prune(&self) {
        if self.is_writable {
            manage::prune(&self.path, self.limit_bytes);
        }
    }

    fn file(&self, key: &Key) -> PathBuf {
        self.path.join(key.hex()).with_extension(EXTENSION)
    }

    /// Notes that an entry was used, at most once an hour.
    fn renew(&self, file: &File, metadata: &fs::Metadata) {
        let age = metadata.modified().ok().and_then(|time| time.elapsed().ok());
        if self.is_writable && age.is_some_and(|age| age > RENEW_AFTER) {
            // The time only orders pruning; failing to set it costs nothing.
            let _ = file.set_modified(SystemTime::now());
        }
    }
}

/// Why a file or directory could be somebody else's work; `None` if it is ours alone.
pub(super) fn distrust(metadata: &fs::Metadata) -> Option<&'static str> {
    // SAFETY: no preconditions.
    let user = unsafe { libc::geteuid() };
    if metadata.uid() != user {
        Some("belongs to another user")
    } else if metadata.mode() & 0o022 != 0 {
        Some("can be written by others")
    } else {
        None
    }
}

fn may_write(path: &Path) -> bool {
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: a valid C string.
    unsafe { libc::access(path.as_ptr(), libc::W_OK) == 0 }
}

fn unusable(path: &Path, reason: &str) -> CacheWarning {
    let path = path.display();
    let message = format!(
        "kernels are not kept: the cache directory {path} cannot be written ({reason}); choose another with KJIT_CACHE_DIR"
    );
    CacheWarning { code: Code::K802, message }
}
