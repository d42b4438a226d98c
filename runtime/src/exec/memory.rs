//! Memory of arrays that kernels make: 64-byte aligned, reference counted, accounted.
//!
//! A block is a header of [`HEADER_BYTES`] followed by the data. The first word of the header is the reference count,
//! which generated code changes itself. Every block made during a call hangs on a list of its context until its last
//! reference goes or it is returned, so an error that leaves a kernel leaks nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use kjit_compiler::ir::abi::HEADER_BYTES;

/// Bytes of arrays that are alive, for one engine.
#[derive(Debug, Default)]
pub(crate) struct Account {
    live_bytes: AtomicI64,
}

impl Account {
    pub(crate) fn live_bytes(&self) -> i64 {
        self.live_bytes.load(Ordering::Relaxed)
    }
}

/// What precedes the data of a block. Generated code knows only `references`, at offset 0.
#[repr(C, align(64))]
pub(crate) struct Header {
    references: AtomicU64,
    /// The pointer that points to this header: the list's head or the `next` of the block before. Null when on no list.
    previous_link: *mut *mut Header,
    next: *mut Header,
    /// What `malloc` returned.
    raw: *mut libc::c_void,
    bytes: u64,
    account: *const Account,
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES && align_of::<Header>() == 64);

/// Makes a block with one reference and puts it on the list; `None` if there is no memory.
///
/// # Safety
/// `list` stays where it is while blocks hang on it, and is used by one thread at a time.
pub(crate) unsafe fn allocate(
    list: *mut *mut Header,
    account: &Arc<Account>,
    bytes: u64,
    is_zeroed: bool,
) -> Option<*mut Header> {
    let total = usize::try_from(bytes).ok()?.checked_add(2 * HEADER_BYTES)?;
    if total > isize::MAX as usize {
        return None;
    }
    // `calloc` hands out untouched zero pages for large arrays, which no aligned allocation function does.
    // SAFETY: plain allocation calls; the results are checked below.
    let raw = unsafe { if is_zeroed { libc::calloc(total, 1) } else { libc::malloc(total) } };
    if raw.is_null() {
        return None;
    }
    let header = ((raw as usize).next_multiple_of(64)) as *mut Header;
    account.live_bytes.fetch_add(bytes as i64, Ordering::Relaxed);
    // SAFETY: `header` is 64-byte aligned and header + data end within the `total` bytes just allocated. The caller
    // guarantees that `list` is a valid, unshared list head.
    unsafe {
        header.write(Header {
            references: AtomicU64::new(1),
            previous_link: std::ptr::null_mut(),
            next: std::ptr::null_mut(),
            raw,
            bytes,
            account: Arc::into_raw(Arc::clone(account)),
        });
        link(list, header);
    }
    Some(header)
}

/// # Safety
/// `list` is a valid list head, `header` a block on no list.
unsafe fn link(list: *mut *mut Header, header: *mut Header) {
    // SAFETY: by the contract; every linked header is alive because freeing unlinks first.
    unsafe {
        (*header).next = *list;
        (*header).previous_link = list;
        if !(*list).is_null() {
            (**list).previous_link = &raw mut (*header).next;
        }
        *list = header;
    }
}

/// Hands the reference of a block to generated code: the block hangs on the list from now on.
///
/// # Safety
/// As for [`allocate`].
pub(crate) unsafe fn adopt(list: *mut *mut Header, block: Block) {
    // The reference moves to generated code, which will count it down.
    let header = std::mem::ManuallyDrop::new(block).0;
    // SAFETY: a `Block` is on no list; the rest is the caller's promise.
    unsafe { link(list, header) };
}

/// Takes a block off its list: it will outlive the call.
///
/// # Safety
/// `header` is alive and its list is used by this thread alone.
pub(crate) unsafe fn unlink(header: *mut Header) {
    // SAFETY: by the contract, and `previous_link` points to the list head or to a live header's `next`.
    unsafe {
        let previous_link = (*header).previous_link;
        if previous_link.is_null() {
            return;
        }
        *previous_link = (*header).next;
        if !(*header).next.is_null() {
            (*(*header).next).previous_link = previous_link;
        }
        (*header).previous_link = std::ptr::null_mut();
    }
}

/// Frees a block whatever its count.
///
/// # Safety
/// `header` is alive, nobody uses it afterwards, and its list, if any, is used by this thread alone.
pub(crate) unsafe fn free(header: *mut Header) {
    // SAFETY: by the contract; `account` came from `Arc::into_raw`, `raw` from `malloc`/`calloc`.
    unsafe {
        unlink(header);
        let account = Arc::from_raw((*header).account);
        account.live_bytes.fetch_sub((*header).bytes as i64, Ordering::Relaxed);
        libc::free((*header).raw);
    }
}

/// The data of a block that is alive, by its owner word: first byte and one past the last.
///
/// # Safety
/// `owner` is the address of a live header.
pub(crate) unsafe fn data_range(owner: u64) -> std::ops::Range<u64> {
    // SAFETY: by the contract.
    let bytes = unsafe { (*(owner as *const Header)).bytes };
    let data = owner + HEADER_BYTES as u64;
    data..data + bytes
}

/// Frees all blocks of a list; returns how many there were.
///
/// # Safety
/// Nobody uses the blocks afterwards; the list is used by this thread alone.
pub(crate) unsafe fn free_all(list: *mut *mut Header) -> usize {
    let mut freed = 0;
    // The head is read once and every block is taken off by hand: `unlink` would write the head through a pointer of its
    // own, which the owner's `&mut` lets the optimiser ignore.
    // SAFETY: by the contract.
    unsafe {
        let mut next = list.replace(std::ptr::null_mut());
        while !next.is_null() {
            let header = next;
            next = (*header).next;
            (*header).previous_link = std::ptr::null_mut();
            free(header);
            freed += 1;
        }
    }
    freed
}

/// One counted reference to a block that is on no list.
#[derive(Debug)]
pub(crate) struct Block(*mut Header);

// SAFETY: the count is atomic, and the data is reached only through owners that enforce `&`/`&mut`.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// A block of its own, on no list; `None` if there is no memory.
    pub(crate) fn new(account: &Arc<Account>, bytes: u64, is_zeroed: bool) -> Option<Block> {
        let mut list = std::ptr::null_mut();
        // SAFETY: `list` lives until the block is taken off it in the next line.
        let header = unsafe { allocate(&raw mut list, account, bytes, is_zeroed) }?;
        // SAFETY: just made, list local.
        unsafe { unlink(header) };
        Some(Block(header))
    }

    /// Takes over a reference that generated code returned.
    ///
    /// # Safety
    /// `owner` is the address of a live header, one reference of which is handed over; its list is used by this thread
    /// alone.
    pub(crate) unsafe fn from_owner(owner: u64) -> Block {
        let header = owner as *mut Header;
        // SAFETY: by the contract.
        unsafe { unlink(header) };
        Block(header)
    }

    /// Is this the only reference?
    pub(crate) fn is_unique(&self) -> bool {
        // SAFETY: this value holds a reference, so the header is alive.
        unsafe { (*self.0).references.load(Ordering::Acquire) == 1 }
    }

    /// First byte of the data.
    pub(crate) fn data(&self) -> *mut u8 {
        // SAFETY: the data follows the header within one allocation.
        unsafe { self.0.cast::<u8>().add(HEADER_BYTES) }
    }

    /// Its owner word.
    pub(crate) fn owner(&self) -> u64 {
        self.0 as u64
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, so the header is alive; the last reference frees it. The block is on
        // no list.
        unsafe {
            if (*self.0).references.fetch_sub(1, Ordering::AcqRel) == 1 {
                free(self.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_zeroed_and_accounted() {
        let account = Arc::new(Account::default());
        let block = Block::new(&account, 1000, true).unwrap();
        assert_eq!(block.data() as usize % 64, 0);
        assert_eq!(account.live_bytes(), 1000);
        // SAFETY: 1000 bytes were allocated and zeroed.
        let data = unsafe { std::slice::from_raw_parts(block.data(), 1000) };
        assert!(data.iter().all(|&b| b == 0));
        drop(block);
        assert_eq!(account.live_bytes(), 0);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let account = Arc::new(Account::default());
        assert!(Block::new(&account, u64::MAX, false).is_none());
        assert!(Block::new(&account, 1 << 62, false).is_none());
        assert_eq!(account.live_bytes(), 0);
    }

    #[test]
    fn a_list_frees_what_is_left_on_it() {
        let account = Arc::new(Account::default());
        let mut list: *mut Header = std::ptr::null_mut();
        // SAFETY: `list` stays in place and is used by this thread only; no block is used after it was freed.
        unsafe {
            let a = allocate(&raw mut list, &account, 8, false).unwrap();
            let b = allocate(&raw mut list, &account, 16, false).unwrap();
            let c = allocate(&raw mut list, &account, 32, false).unwrap();
            free(b);
            assert_eq!(account.live_bytes(), 40);
            let kept = Block::from_owner(a as u64);
            assert_eq!(free_all(&raw mut list), 1, "only {c:?} is left");
            assert_eq!(account.live_bytes(), 8);
            drop(kept);
        }
        assert_eq!(account.live_bytes(), 0);
    }
}
