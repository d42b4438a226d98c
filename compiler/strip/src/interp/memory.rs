//! The memory that an interpreted strip sees.

/// Bytes by address.
pub trait Memory {
    /// The little-endian number in `bytes` (1, 2, 4 or 8) bytes, zero-extended; nothing if they are not all there.
    fn load(&mut self, address: u64, bytes: u32) -> Option<u64>;

    /// Stores the low `bytes` bytes; nothing if they are not all there, or not writable.
    fn store(&mut self, address: u64, bytes: u32, word: u64) -> Option<()>;
}

/// A memory of a few buffers, each at an address.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Buffers {
    buffers: Vec<(u64, Vec<u8>)>,
}

impl Buffers {
    /// None yet.
    #[must_use]
    pub fn new() -> Buffers {
        Buffers::default()
    }

    /// Adds a buffer at an address and gives its number.
    pub fn add(&mut self, address: u64, bytes: Vec<u8>) -> usize {
        self.buffers.push((address, bytes));
        self.buffers.len() - 1
    }

    /// Adds a buffer behind the others, with a gap, and gives its address: a multiple of 64.
    pub fn push(&mut self, bytes: Vec<u8>) -> u64 {
        let end = self.buffers.iter().map(|(address, bytes)| address + bytes.len() as u64).max().unwrap_or(0);
        let address = (end + 4096).next_multiple_of(64);
        self.buffers.push((address, bytes));
        address
    }

    /// The bytes of a buffer, by its number in the order of adding.
    #[must_use]
    pub fn bytes(&self, buffer: usize) -> &[u8] {
        &self.buffers[buffer].1
    }

    fn find(&mut self, address: u64, bytes: u32) -> Option<&mut [u8]> {
        self.buffers.iter_mut().find_map(|(base, buffer)| {
            let start = usize::try_from(address.checked_sub(*base)?).ok()?;
            buffer.get_mut(start..start.checked_add(bytes as usize)?)
        })
    }
}

impl Memory for Buffers {
    fn load(&mut self, address: u64, bytes: u32) -> Option<u64> {
        let found = self.find(address, bytes)?;
        let mut word = [0; 8];
        word.get_mut(..found.len())?.copy_from_slice(found);
        Some(u64::from_le_bytes(word))
    }

    fn store(&mut self, address: u64, bytes: u32, word: u64) -> Option<()> {
        let found = self.find(address, bytes)?;
        let source = word.to_le_bytes();
        found.copy_from_slice(source.get(..bytes as usize)?);
        Some(())
    }
}
