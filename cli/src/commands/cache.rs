//! `kjit cache`: where compiled kernels are, what they are, and away with them.

use std::time::SystemTime;

use kjit::{CacheManager, EntryInfo, default_cache_dir};
use serde_json::json;

use crate::args::CacheAction;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

pub(crate) fn cache(action: &CacheAction) -> Outcome {
    let directory = default_cache_dir()
        .ok_or_else(|| Failure::environment("there is no home directory for a cache; set KJIT_CACHE_DIR"))?;
    let manager = CacheManager::at(directory);
    match action {
        CacheAction::Dir => output::line(&manager.path().display().to_string())?,
        CacheAction::Size => {
            let (entries, size) = manager.size();
            output::line(&format!("{entries} entries, {}", bytes(size)))?;
        }
        CacheAction::List { json: true } => {
            let entries: Vec<_> = manager.list().iter().map(as_json).collect();
            output::line(&serde_json::to_string_pretty(&entries).unwrap_or_default())?;
        }
        CacheAction::List { json: false } => list(&manager)?,
        CacheAction::Show { key } => show(&manager, key)?,
        CacheAction::Prune { limit } => {
            let removed = manager.prune(parse_size(limit)?);
            output::line(&format!("removed {}", bytes(removed)))?;
        }
        CacheAction::Clean => {
            let path = manager.path().display();
            let removed =
                manager.clean().map_err(|error| Failure::environment(format!("{path}: {error}")))?;
            output::line(&format!("removed {removed} entries"))?;
        }
        CacheAction::Verify => return verify(&manager),
    }
    output::flush()
}

fn list(manager: &CacheManager) -> Outcome {
    for entry in manager.list().iter().filter(|entry| !entry.is_link) {
        let what = entry.description.as_deref().unwrap_or("damaged");
        output::line(&format!(
            "{}  {:>9}  {:>8}  {}{what}",
            &short(&entry.key),
            bytes(entry.bytes),
            age(entry.used),
            entry.file.as_deref().map_or_else(String::new, |file| format!("{file}: ")),
        ))?;
    }
    Ok(())
}

fn show(manager: &CacheManager, key: &str) -> Outcome {
    let found: Vec<EntryInfo> =
        manager.list().into_iter().filter(|entry| entry.key.starts_with(key)).collect();
    match found.as_slice() {
        [] => Err(Failure::usage(format!("no entry begins with `{key}`; `kjit cache list` shows them"))),
        [entry] => {
            let what = entry.description.as_deref().unwrap_or("damaged: it will be compiled anew");
            let kind = if entry.is_link { "link from a source text" } else { "compiled kernel" };
            output::line(&format!("key     {}", entry.key))?;
            output::line(&format!("kind    {kind}"))?;
            output::line(&format!("kernel  {what}"))?;
            if let Some(file) = &entry.file {
                output::line(&format!("source  {file}"))?;
            }
            output::line(&format!("file    {}", entry.path.display()))?;
            output::line(&format!(
                "size    {} bytes, of them {} machine code",
                entry.bytes, entry.code_bytes
            ))?;
            output::line(&format!("used    {} ago", age(entry.used)))
        }
        several => {
            Err(Failure::usage(format!("{} entries begin with `{key}`; give more of the key", several.len())))
        }
    }
}

fn verify(manager: &CacheManager) -> Outcome {
    let bad = manager.verify();
    for entry in &bad {
        let why = if entry.description.is_none() { "damaged" } else { "writable by others or not ours" };
        output::line(&format!("{}  {why}", entry.path.display()))?;
    }
    let (entries, _) = manager.size();
    output::line(&format!("{entries} entries, {} of them bad", bad.len()))?;
    output::flush()?;
    if bad.is_empty() { Ok(()) } else { Err(Failure::silent(Exit::Data)) }
}

fn as_json(entry: &EntryInfo) -> serde_json::Value {
    json!({
        "key": entry.key,
        "path": entry.path,
        "bytes": entry.bytes,
        "code_bytes": entry.code_bytes,
        "used": entry.used.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs()),
        "description": entry.description,
        "source": entry.file,
        "link": entry.is_link,
    })
}

/// Enough of a key to be the only one.
fn short(key: &str) -> String {
    key.chars().take(12).collect()
}

fn age(used: SystemTime) -> String {
    let seconds = used.elapsed().map_or(0, |time| time.as_secs());
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

/// A size for people.
pub(crate) fn bytes(size: u64) -> String {
    let size = size as f64;
    match size {
        _ if size < 1024.0 => format!("{size} B"),
        _ if size < 1024.0 * 1024.0 => format!("{:.1} KiB", size / 1024.0),
        _ if size < 1024.0 * 1024.0 * 1024.0 => format!("{:.1} MiB", size / (1024.0 * 1024.0)),
        _ => format!("{:.1} GiB", size / (1024.0 * 1024.0 * 1024.0)),
    }
}

/// `512M` and the like.
fn parse_size(text: &str) -> Result<u64, Failure> {
    let wrong = || Failure::usage(format!("`{text}` is not a size such as `100000`, `64K`, `512M` or `2G`"));
    let upper = text.trim().to_ascii_uppercase();
    let upper = upper.strip_suffix("IB").or_else(|| upper.strip_suffix('B')).unwrap_or(&upper);
    let (digits, factor) = match upper.char_indices().last() {
        Some((at, 'K')) => (&upper[..at], 1 << 10),
        Some((at, 'M')) => (&upper[..at], 1 << 20),
        Some((at, 'G')) => (&upper[..at], 1 << 30),
        Some(_) => (upper, 1),
        None => return Err(wrong()),
    };
    digits.trim().parse::<u64>().ok().and_then(|count| count.checked_mul(factor)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, size) in
            [("100", 100), ("64K", 65536), ("512M", 512 << 20), ("2GiB", 2 << 30), ("1kb", 1024)]
        {
            assert_eq!(parse_size(text).unwrap(), size, "{text}");
        }
        for text in ["", "M", "-1", "1.5X", "99999999999999999999G"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert_eq!(bytes(1536), "1.5 KiB");
    }
}
