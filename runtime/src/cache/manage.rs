//! Looking after the cache: listing, checking, pruning.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::dir::{EXTENSION, distrust};
use super::entry::{self, Link, Stored};
use super::key::Key;
use crate::gpu::images::{ImageLink, StoredImage};

/// Of files being written.
pub(super) const TEMPORARY_PREFIX: &str = ".writing-";
/// A temporary file that old was left behind by a process that died.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);

/// One entry of the cache.
#[derive(Clone, Debug)]
pub struct EntryInfo {
    /// Its key in hexadecimal.
    pub key: String,
    /// Its file.
    pub path: PathBuf,
    /// Size of the file.
    pub bytes: u64,
    /// When it was last used, to the hour.
    pub used: SystemTime,
    /// `saxpy(f64, f64[::1]) -> None`, or the key that a link leads to; `None` if it is damaged.
    pub description: Option<String>,
    /// The source that it was first compiled from, as it was named then; of a link, the source that it leads from.
    pub file: Option<String>,
    /// Is it a link from a source text to an artifact?
    pub is_link: bool,
    /// Bytes of machine code.
    pub code_bytes: usize,
}

/// The cache as `kjit cache` shows it.
#[derive(Clone, Debug)]
pub struct CacheManager {
    path: PathBuf,
}

impl CacheManager {
    /// The cache in that directory, which need not exist.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> CacheManager {
        CacheManager { path: path.into() }
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of entries and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, u64) {
        let files = files(&self.path);
        (files.len(), files.iter().map(|file| file.bytes).sum())
    }

    /// All entries, the most recently used first. Reads every file.
    #[must_use]
    pub fn list(&self) -> Vec<EntryInfo> {
        let mut entries: Vec<EntryInfo> = files(&self.path).into_iter().map(describe).collect();
        entries.sort_by_key(|entry| (std::cmp::Reverse(entry.used), entry.key.clone()));
        entries
    }

    /// Removes the least recently used entries until the cache is no larger; returns how many bytes went.
    pub fn prune(&self, limit_bytes: u64) -> u64 {
        let before = self.size().1;
        prune(&self.path, limit_bytes);
        before.saturating_sub(self.size().1)
    }

    /// Removes all entries, and nothing else; returns how many.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn clean(&self) -> std::io::Result<usize> {
        let files = files(&self.path);
        for file in &files {
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(files.len())
    }

    /// Entries that are damaged or not ours alone: they would be misses.
    #[must_use]
    pub fn verify(&self) -> Vec<EntryInfo> {
        let is_bad = |entry: &EntryInfo| {
            let metadata = fs::symlink_metadata(&entry.path);
            entry.description.is_none() || metadata.map_or(true, |m| !m.is_file() || distrust(&m).is_some())
        };
        self.list().into_iter().filter(is_bad).collect()
    }
}

/// A file of the cache.
struct CacheFile {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

fn files(directory: &Path) -> Vec<CacheFile> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == EXTENSION))
        .filter_map(|entry| {
            let metadata = fs::symlink_metadata(entry.path()).ok()?;
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            Some(CacheFile { path: entry.path(), bytes: metadata.len(), used })
        })
        .collect()
}

fn describe(file: CacheFile) -> EntryInfo {
    let key = file.path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let mut info = EntryInfo {
        key,
        path: file.path,
        bytes: file.bytes,
        used: file.used,
        description: None,
        file: None,
        is_link: false,
        code_bytes: 0,
    };
    let (Ok(hash), Ok(bytes)) = (blake3::Hash::from_hex(&info.key), fs::read(&info.path)) else {
        return info;
    };
    let key = Key(*hash.as_bytes());
    if let Some(stored) = entry::decode::<Stored>(&key, &bytes) {
        let signature = &stored.artifact.signature;
        let types: Vec<String> = signature.params.iter().map(|(_, ty)| ty.to_string()).collect();
        info.description = Some(format!("{}({}) -> {}", signature.name, types.join(", "), signature.ret));
        info.code_bytes = stored.artifact.code.len();
        info.file = Some(stored.file);
    } else if let Some(link) = entry::decode::<Link>(&key, &bytes) {
        info.description = Some(format!("-> {}", &Key(link.content).hex()[..16]));
        info.is_link = true;
        info.file = Some(link.file);
    } else if let Some(stored) = entry::decode::<StoredImage>(&key, &bytes) {
        info.description = Some(format!("GPU code: {}", stored.made));
        info.code_bytes = stored.image.len();
        info.file = Some(stored.file);
    } else if let Some(link) = entry::decode::<ImageLink>(&key, &bytes) {
        info.description = Some(format!("-> {}", &Key(link.image).hex()[..16]));
        info.is_link = true;
        info.file = Some(link.file);
    }
    info
}

/// Removes abandoned temporary files, and the least recently used entries beyond the limit.
pub(super) fn prune(directory: &Path, limit_bytes: u64) {
    remove_abandoned(directory);
    let mut files = files(directory);
    let mut total: u64 = files.iter().map(|file| file.bytes).sum();
    files.sort_by_key(|file| file.used);
    for file in files {
        if total <= limit_bytes {
            break;
        }
        // Another process may have removed it: the aim is reached either way.
        let _ = fs::remove_file(&file.path);
        total -= file.bytes;
    }
}

fn remove_abandoned(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let is_temporary = entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX);
        if !is_temporary {
            continue;
        }
        let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED_AFTER) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
