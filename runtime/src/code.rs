//! Code pages: machine code in memory that is never writable and executable at once.

use memmap2::{Mmap, MmapMut};

/// An image of machine code, mapped read-only and executable; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct CodePages {
    map: Mmap,
}

impl CodePages {
    /// Copies an image into fresh pages and makes them executable.
    pub(crate) fn load(image: &[u8]) -> std::io::Result<CodePages> {
        if !cfg!(target_arch = "x86_64") {
            // Other processors need their instruction cache told of new code; nobody has written and tested that yet.
            return Err(std::io::Error::other(
                "native code is supported on x86-64 only; use the interpreter",
            ));
        }
        let mut pages = MmapMut::map_anon(image.len().max(1))?;
        pages[..image.len()].copy_from_slice(image);
        Ok(CodePages { map: pages.make_exec()? })
    }

    /// Address of a byte of the image.
    pub(crate) fn address(&self, offset: u32) -> *const u8 {
        assert!((offset as usize) < self.map.len(), "entry point outside the image");
        self.map[offset as usize..].as_ptr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn loaded_code_runs_and_is_not_writable() {
        // mov eax, 42; ret
        let pages = CodePages::load(&[0xb8, 42, 0, 0, 0, 0xc3]).unwrap();
        // SAFETY: the six bytes are a complete function of that type.
        let function: extern "C" fn() -> i32 = unsafe { std::mem::transmute(pages.address(0)) };
        assert_eq!(function(), 42);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let address = pages.address(0) as usize;
        let line = maps
            .lines()
            .find(|line| {
                let (range, _) = line.split_once(' ').unwrap();
                let (start, end) = range.split_once('-').unwrap();
                let parse = |text| usize::from_str_radix(text, 16).unwrap();
                (parse(start)..parse(end)).contains(&address)
            })
            .unwrap();
        assert!(line.contains(" r-xp "), "{line}");
    }
}
