//! The memory of the emulated machine: regions of bytes.

/// Bytes that may be read, and perhaps written.
#[derive(Clone, Debug)]
pub struct Region {
    pub start: u64,
    pub bytes: Vec<u8>,
    pub writable: bool,
}

#[derive(Clone, Default, Debug)]
pub struct Memory {
    regions: Vec<Region>,
}

impl Memory {
    pub fn add(&mut self, region: Region) {
        self.regions.push(region);
    }

    /// The bytes of the region that starts there.
    pub fn region(&self, start: u64) -> Option<&[u8]> {
        self.regions.iter().find(|region| region.start == start).map(|region| &region.bytes[..])
    }

    pub fn read(&self, address: u64, into: &mut [u8]) -> Result<(), String> {
        for region in &self.regions {
            let Some(offset) = address.checked_sub(region.start) else { continue };
            let end = offset as usize + into.len();
            if offset <= region.bytes.len() as u64 && end <= region.bytes.len() {
                into.copy_from_slice(&region.bytes[offset as usize..end]);
                return Ok(());
            }
        }
        Err(format!("{} bytes read at {address:#x}", into.len()))
    }

    pub fn write(&mut self, address: u64, from: &[u8]) -> Result<(), String> {
        for region in &mut self.regions {
            let Some(offset) = address.checked_sub(region.start) else { continue };
            let end = offset as usize + from.len();
            if region.writable && offset <= region.bytes.len() as u64 && end <= region.bytes.len() {
                region.bytes[offset as usize..end].copy_from_slice(from);
                return Ok(());
            }
        }
        Err(format!("{} bytes written at {address:#x}", from.len()))
    }
}
