//! Memory for the arrays of tests, in which reading or writing beside an array is noticed.
//!
//! In: how many bytes an array needs and how they lie. Out: those bytes, with room around them that must keep its contents, or
//! between two pages that nobody can touch: a kernel that does, ends the process.

/// What the room around an array holds.
pub const UNUSED: u8 = 0x7f;

/// How many bytes before and behind an array are watched, at least.
const MARGIN: usize = 64;

/// Where an array lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// That many bytes after a multiple of 64.
    Offset(usize),
    /// Its last byte is the last one before a page that cannot be touched.
    BeforeGuard,
    /// Its first byte is the first one after such a page.
    AfterGuard,
}

/// Room for an array.
#[derive(Debug)]
pub struct Memory {
    room: Room,
    start: usize,
}

#[derive(Debug)]
enum Room {
    Words(Vec<u64>),
    #[cfg(unix)]
    Pages(pages::Pages),
}

impl Memory {
    /// Room for that many bytes; all of it holds [`UNUSED`].
    #[must_use]
    pub fn new(len: usize, placement: Placement) -> Memory {
        #[cfg(unix)]
        if let Placement::BeforeGuard | Placement::AfterGuard = placement {
            let mut pages = pages::Pages::new(len);
            pages.bytes_mut().fill(UNUSED);
            let start = if placement == Placement::BeforeGuard { pages.bytes_mut().len() - len } else { 0 };
            return Memory { room: Room::Pages(pages), start };
        }
        let offset = if let Placement::Offset(offset) = placement { offset % 64 } else { 0 };
        let fill = u64::from_ne_bytes([UNUSED; 8]);
        let words = vec![fill; (len + 3 * MARGIN + offset).div_ceil(8)];
        let to_line = words.as_ptr().cast::<u8>().align_offset(64);
        Memory { room: Room::Words(words), start: MARGIN + to_line % 64 + offset }
    }

    /// Everything, the array's bytes begin at [`Memory::start`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.room {
            // SAFETY: the words are that many initialised bytes, borrowed for reading.
            Room::Words(words) => unsafe {
                std::slice::from_raw_parts(words.as_ptr().cast(), words.len() * 8)
            },
            #[cfg(unix)]
            Room::Pages(pages) => pages.bytes(),
        }
    }

    /// The same, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.room {
            // SAFETY: as above, borrowed mutably.
            Room::Words(words) => unsafe {
                std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len() * 8)
            },
            #[cfg(unix)]
            Room::Pages(pages) => pages.bytes_mut(),
        }
    }

    /// Where in the bytes the array begins.
    #[must_use]
    pub fn start(&self) -> usize {
        self.start
    }
}

#[cfg(unix)]
mod pages {
    /// Pages between two that cannot be touched.
    #[derive(Debug)]
    pub(super) struct Pages {
        first: *mut u8,
        /// Without the guards.
        size: usize,
    }

    const PAGE: usize = 4096;

    impl Pages {
        /// Room for that many bytes.
        ///
        /// # Panics
        /// If the system gives no memory.
        pub(super) fn new(len: usize) -> Pages {
            let size = len.max(1).next_multiple_of(PAGE);
            let whole = size + 2 * PAGE;
            // SAFETY: an anonymous mapping at an address of the system's choice.
            let first = unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    whole,
                    libc::PROT_NONE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                    -1,
                    0,
                )
            };
            assert_ne!(first, libc::MAP_FAILED, "out of memory");
            // SAFETY: the pages between the first and the last of the mapping.
            let status = unsafe {
                libc::mprotect(first.cast::<u8>().add(PAGE).cast(), size, libc::PROT_READ | libc::PROT_WRITE)
            };
            assert_eq!(status, 0, "mprotect");
            Pages { first: first.cast(), size }
        }

        pub(super) fn bytes(&self) -> &[u8] {
            // SAFETY: readable pages of our own, borrowed.
            unsafe { std::slice::from_raw_parts(self.first.add(PAGE), self.size) }
        }

        pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
            // SAFETY: as above, borrowed mutably.
            unsafe { std::slice::from_raw_parts_mut(self.first.add(PAGE), self.size) }
        }
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            // SAFETY: our mapping, which nobody uses any more.
            unsafe { libc::munmap(self.first.cast(), self.size + 2 * PAGE) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Memory, Placement};

    #[test]
    fn arrays_lie_where_they_are_wanted() {
        for offset in 0..64 {
            let memory = Memory::new(100, Placement::Offset(offset));
            assert_eq!((memory.bytes().as_ptr() as usize + memory.start()) % 64, offset);
            assert!(memory.start() >= 64 && memory.bytes().len() >= memory.start() + 100 + 64);
        }
        for len in [0, 1, 100, 4096, 5000] {
            let memory = Memory::new(len, Placement::BeforeGuard);
            assert_eq!((memory.bytes().as_ptr() as usize + memory.start() + len) % 4096, 0);
            let memory = Memory::new(len, Placement::AfterGuard);
            assert_eq!((memory.bytes().as_ptr() as usize + memory.start()) % 4096, 0);
        }
    }
}
