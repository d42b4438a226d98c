//! The real machine: code pages, and arrays between pages that nobody may touch. For x86-64 with `mmap`.

use std::sync::atomic::{AtomicUsize, Ordering};

const PAGE: usize = 4096;

/// Fresh pages.
fn map(size: usize) -> *mut u8 {
    // SAFETY: An anonymous mapping at an address of the system's choice.
    let pointer = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(pointer, libc::MAP_FAILED, "out of memory");
    pointer.cast()
}

fn protect(pointer: *mut u8, size: usize, protection: i32) {
    // SAFETY: Callers name pages of their own mapping.
    assert_eq!(unsafe { libc::mprotect(pointer.cast(), size, protection) }, 0, "mprotect");
}

/// Executable bytes.
pub struct Code {
    pages: *mut u8,
    size: usize,
}

impl Code {
    pub fn new(bytes: &[u8]) -> Code {
        let size = bytes.len().max(1).next_multiple_of(PAGE);
        let pages = map(size);
        // SAFETY: The mapping is that long and nobody else knows it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), pages, bytes.len()) };
        protect(pages, size, libc::PROT_READ | libc::PROT_EXEC);
        Code { pages, size }
    }

    /// Calls it as a function of two words.
    ///
    /// # Safety
    /// The bytes are a function that does with these arguments what the caller can bear.
    pub unsafe fn call(&self, first: u64, second: u64) -> u64 {
        type Function = unsafe extern "sysv64" fn(u64, u64) -> u64;
        // SAFETY: The pages are executable; the rest is the caller's promise.
        unsafe { std::mem::transmute::<*mut u8, Function>(self.pages)(first, second) }
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: Our mapping, and nobody runs it any more.
        unsafe { libc::munmap(self.pages.cast(), self.size) };
    }
}

/// Where in its slot an array lies.
#[derive(Clone, Copy, Debug)]
pub enum At {
    /// Its first byte follows a page that can't be read.
    Start,
    /// Its last byte comes before one.
    End,
    /// That many bytes after a multiple of 64.
    Offset(usize),
}

/// Room for arrays, each between guard pages.
pub struct Slots {
    memory: *mut u8,
    count: usize,
}

const SLOT: usize = 48 * PAGE;
const CANARY: u8 = 0xc5;

impl Slots {
    pub fn new(count: usize) -> Slots {
        let memory = map(count * (SLOT + PAGE) + PAGE);
        for slot in 0..=count {
            // SAFETY: Within the mapping.
            protect(unsafe { memory.add(slot * (SLOT + PAGE)) }, PAGE, libc::PROT_NONE);
        }
        Slots { memory, count }
    }

    fn slot(&mut self, slot: usize) -> &mut [u8] {
        assert!(slot < self.count, "too many arrays");
        // SAFETY: The pages between two guards; `self` is borrowed for as long as the slice lives.
        unsafe { std::slice::from_raw_parts_mut(self.memory.add(slot * (SLOT + PAGE) + PAGE), SLOT) }
    }

    fn start(at: At, len: usize) -> usize {
        match at {
            At::Start => 0,
            At::End => SLOT - len,
            At::Offset(offset) => 256 + offset,
        }
    }

    /// The bytes around an array that are checked.
    fn around(start: usize, len: usize) -> (usize, usize) {
        (start.saturating_sub(256), (start + len + 256).min(SLOT))
    }

    /// Puts an array there and gives its address.
    pub fn put(&mut self, slot: usize, at: At, bytes: &[u8]) -> u64 {
        let start = Slots::start(at, bytes.len());
        let memory = self.slot(slot);
        let (low, high) = Slots::around(start, bytes.len());
        memory[low..high].fill(CANARY);
        memory[start..start + bytes.len()].copy_from_slice(bytes);
        memory.as_ptr() as u64 + start as u64
    }

    /// The array after a run; nothing if a byte around it is not what it was.
    pub fn get(&mut self, slot: usize, at: At, len: usize) -> Option<Vec<u8>> {
        let start = Slots::start(at, len);
        let memory = self.slot(slot);
        let (low, high) = Slots::around(start, len);
        let untouched =
            memory[low..start].iter().chain(&memory[start + len..high]).all(|&byte| byte == CANARY);
        untouched.then(|| memory[start..start + len].to_vec())
    }
}

/// What is being tested, for the message of a crash.
static CURRENT: AtomicUsize = AtomicUsize::new(0);

/// Says what runs now; a crash then names it.
pub fn name_current(seed: u64) {
    CURRENT.store(seed as usize, Ordering::Relaxed);
}

/// Makes a crash name what ran.
pub fn report_crashes() {
    extern "C" fn crashed(signal: i32) {
        let mut text = *b"signal 00 in case 00000000000000000000\n";
        let put = |text: &mut [u8], mut number: usize| {
            for digit in text.iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(&mut text[7..9], signal as usize);
        put(&mut text[18..38], CURRENT.load(Ordering::Relaxed));
        // SAFETY: `write` and `_exit` may be called in a signal handler.
        unsafe {
            libc::write(2, text.as_ptr().cast(), text.len());
            libc::_exit(101);
        }
    }
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
        // SAFETY: The handler calls only what handlers may call.
        unsafe { libc::signal(signal, crashed as *const () as libc::sighandler_t) };
    }
}
