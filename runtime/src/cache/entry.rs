//! The format of cache files, and what is in them.
//!
//! ```text
//! 0   8  magic and version: "KJITC\0\0\x04"
//! 8   8  length of the payload, little-endian
//! 16 32  key, which is also the file's name
//! 48 32  blake3 of magic, length, key and payload
//! 80     payload: postcard
//! ```

use kjit_compiler::base::Span;
use kjit_compiler::ir::Artifact;
use kjit_compiler::ir::grid::GridLoop;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::key::Key;

const MAGIC: [u8; 8] = *b"KJITC\0\0\x04";
const HEADER_BYTES: usize = 80;
/// No kernel comes near; a length beyond is damage.
const MAX_PAYLOAD_BYTES: u64 = 1 << 30;

/// What the content key leads to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// The artifact, with places as in the source that it was first compiled from.
    pub(crate) artifact: Artifact,
    /// Where its functions started in that source.
    pub(crate) function_starts: Vec<u32>,
    /// The name of that source, for people.
    pub(crate) file: String,
}

/// What a source key leads to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    /// The content key.
    pub(crate) content: [u8; 32],
    /// Where the functions start in this source.
    pub(crate) function_starts: Vec<u32>,
    /// The name of this source, for people.
    pub(crate) file: String,
}

impl Stored {
    /// The artifact with places moved to where its functions are now.
    pub(crate) fn into_artifact(self, function_starts: &[u32]) -> Artifact {
        let Stored { mut artifact, function_starts: old, file: _ } = self;
        if old.len() == function_starts.len() && old != function_starts {
            let shift = |span: &mut Span| {
                if let Some(k) = old.iter().rposition(|&start| start <= span.start) {
                    let delta = i64::from(function_starts[k]) - i64::from(old[k]);
                    span.start = (i64::from(span.start) + delta) as u32;
                    span.end = (i64::from(span.end) + delta) as u32;
                }
            };
            artifact.traps.iter_mut().for_each(|trap| shift(&mut trap.span));
            for remark in &mut artifact.remarks {
                shift(&mut remark.span);
                remark.at.iter_mut().for_each(shift);
            }
            for grid_loop in artifact.grid.iter_mut().flat_map(|grid| &mut grid.loops) {
                if let GridLoop::Mapped(launch) = grid_loop {
                    shift(&mut launch.span);
                }
            }
            for warning in &mut artifact.warnings {
                shift(&mut warning.primary.span);
                warning.labels.iter_mut().for_each(|label| shift(&mut label.span));
            }
        }
        artifact
    }
}

/// The bytes of a file.
pub(crate) fn encode(key: &Key, value: &impl Serialize) -> Option<Vec<u8>> {
    let mut bytes = postcard::to_extend(value, vec![0; HEADER_BYTES]).ok()?;
    let payload_bytes = (bytes.len() - HEADER_BYTES) as u64;
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..16].copy_from_slice(&payload_bytes.to_le_bytes());
    bytes[16..48].copy_from_slice(&key.0);
    let sum = checksum(&bytes);
    bytes[48..80].copy_from_slice(&sum);
    Some(bytes)
}

/// The value of a file, if every byte is as it was written under that key.
pub(crate) fn decode<T: DeserializeOwned>(key: &Key, bytes: &[u8]) -> Option<T> {
    let (header, payload) = bytes.split_at_checked(HEADER_BYTES)?;
    let payload_bytes = u64::from_le_bytes(header[8..16].try_into().ok()?);
    let is_intact = header[..8] == MAGIC
        && payload_bytes <= MAX_PAYLOAD_BYTES
        && payload_bytes == payload.len() as u64
        && header[16..48] == key.0
        && header[48..80] == checksum(bytes);
    if !is_intact {
        return None;
    }
    let (value, rest) = postcard::take_from_bytes(payload).ok()?;
    rest.is_empty().then_some(value)
}

/// Of everything but itself.
fn checksum(bytes: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(&bytes[..48]).update(&bytes[HEADER_BYTES..]).finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use kjit_compiler::ir::artifact::Late;
    use kjit_compiler::ir::text::parse_program;

    use super::*;

    #[test]
    fn late_functions_are_kept_as_text() {
        let text = "entry func f(x: f64[:], n: i64) -> f64 {\n  var s: f64\n  s = 0.0\n  for i in 0 .. n {\n    check index(i, x, 0) else trap7(i)\n    s = s + x[i]\n  }\n  return s\n}\n";
        let program = parse_program(text).unwrap();
        let late = Late::new(program.funcs.values().cloned());
        let key = Key([7; 32]);
        let read: Late = decode(&key, &encode(&key, &late).unwrap()).unwrap();
        assert_eq!((read.len(), &read), (1, &late));
        let again = read.program().unwrap();
        let func = again.funcs.values().next().unwrap();
        assert!(func.is_cold);
        assert_eq!(func.body, program.funcs.values().next().unwrap().body);
        let none: Late = decode(&key, &encode(&key, &Late::new(std::iter::empty())).unwrap()).unwrap();
        assert!(none.is_empty());
        // One that is not what it says is an error when it is needed.
        let damaged: Late = decode(&key, &encode(&key, &(2_usize, text)).unwrap()).unwrap();
        assert!(damaged.program().is_err());
    }

    #[test]
    fn every_flip_and_every_truncation_is_noticed() {
        let key = Key([7; 32]);
        let value = (42_u64, "text".to_owned(), vec![1.5_f64, -2.5]);
        let bytes = encode(&key, &value).unwrap();
        assert_eq!(decode::<(u64, String, Vec<f64>)>(&key, &bytes), Some(value));
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[position] ^= 1 << bit;
                let read = decode::<(u64, String, Vec<f64>)>(&key, &damaged);
                assert!(read.is_none(), "byte {position}, bit {bit}");
            }
            assert!(
                decode::<(u64, String, Vec<f64>)>(&key, &bytes[..position]).is_none(),
                "cut at {position}"
            );
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(decode::<(u64, String, Vec<f64>)>(&key, &longer).is_none());
        assert!(decode::<(u64, String, Vec<f64>)>(&Key([8; 32]), &bytes).is_none(), "another key");
    }
}
