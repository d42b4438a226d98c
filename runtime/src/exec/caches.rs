//! How large an array must be for stores that go around the caches: larger than the last of them.

use std::sync::OnceLock;

/// Where the processor does not say.
const USUAL_BYTES: u64 = 32 << 20;

/// From that size on, arrays may be stored to around the caches: that of the last-level cache, or what `KJIT_STREAM_BYTES` says (a number, or
/// `never`).
///
/// # Errors
/// If it says something else.
pub(crate) fn stream_bytes() -> Result<u64, String> {
    match std::env::var("KJIT_STREAM_BYTES") {
        Ok(text) if text.trim() == "never" => Ok(u64::MAX),
        Ok(text) if !text.trim().is_empty() => text
            .trim()
            .parse()
            .map_err(|_| format!("KJIT_STREAM_BYTES: `{text}` is neither a number nor `never`")),
        _ => Ok(last_level_bytes()),
    }
}

/// Size of the last-level cache.
fn last_level_bytes() -> u64 {
    static BYTES: OnceLock<u64> = OnceLock::new();
    *BYTES.get_or_init(|| said_by_processor().unwrap_or(USUAL_BYTES))
}

/// What CPUID says of the caches: leaf 4, or the one of AMD's processors that has the same form.
#[cfg(target_arch = "x86_64")]
fn said_by_processor() -> Option<u64> {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    let leaves = [(0, 4), (0x8000_0000, 0x8000_001d)];
    leaves.into_iter().filter(|&(most, leaf)| __cpuid(most).eax >= leaf).find_map(|(_, leaf)| {
        // A hypervisor may answer anything.
        let caches =
            (0..16).map(|number| __cpuid_count(leaf, number)).take_while(|found| found.eax & 31 != 0);
        let (_, bytes) = caches
            .map(|found| {
                let ways = u64::from(found.ebx >> 22) + 1;
                let partitions = u64::from(found.ebx >> 12 & 1023) + 1;
                let line = u64::from(found.ebx & 4095) + 1;
                (found.eax >> 5 & 7, ways * partitions * line * (u64::from(found.ecx) + 1))
            })
            .max()?;
        (bytes >= 1 << 20).then_some(bytes)
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn said_by_processor() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux has asked the processor, too.
    #[test]
    fn the_last_level_is_as_large_as_linux_says() {
        let read = |index: u32| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size");
            let text = std::fs::read_to_string(path).ok()?;
            text.trim().strip_suffix('K')?.parse::<u64>().ok()
        };
        match (0..8).filter_map(read).max() {
            Some(kib) if kib >= 1024 => assert_eq!(last_level_bytes(), kib << 10),
            _ => assert!(last_level_bytes() >= 1 << 20),
        }
    }
}
