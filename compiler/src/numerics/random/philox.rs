//! Philox, a generator whose n-th block is a function of key and counter: streams without shared state.

use super::BitSource;

/// Factors of a round.
pub const MULTIPLIERS: [u64; 2] = [0xd2e7_470e_e14c_6c93, 0xca5a_8263_9512_1157];
/// What the two words of the key grow by from round to round.
pub const WEYL: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xbb67_ae85_84ca_a73b];
/// Rounds of a block.
pub const ROUNDS: usize = 10;
/// Words of a block.
pub const BLOCK: usize = 4;

/// Philox 4x64-10 (J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11), as NumPy's
/// `np.random.Philox(key=..., counter=...)`: the counter goes up by one before each block.
#[derive(Clone, Debug)]
pub struct Philox {
    key: [u64; 2],
    counter: [u64; BLOCK],
    block: [u64; BLOCK],
    /// Index of the next word of `block`; `BLOCK` when all are used.
    position: usize,
    kept: Option<u32>,
}

impl Philox {
    /// The stream with this key that starts after this counter. Its lowest word comes first.
    pub fn new(key: [u64; 2], counter: [u64; 4]) -> Philox {
        Philox { key, counter, block: [0; BLOCK], position: BLOCK, kept: None }
    }

    /// The same in place.
    #[inline]
    pub(super) fn restart(&mut self, key: [u64; 2], counter: [u64; 4]) {
        (self.key, self.counter) = (key, counter);
        self.position = BLOCK;
        self.kept = None;
    }

    fn refill(&mut self) {
        for word in &mut self.counter {
            *word = word.wrapping_add(1);
            if *word != 0 {
                break;
            }
        }
        let [mut a, mut b, mut c, mut d] = self.counter;
        let mut key = self.key;
        for _ in 0..ROUNDS {
            let first = u128::from(MULTIPLIERS[0]) * u128::from(a);
            let second = u128::from(MULTIPLIERS[1]) * u128::from(c);
            (a, b, c, d) = (
                (second >> 64) as u64 ^ b ^ key[0],
                second as u64,
                (first >> 64) as u64 ^ d ^ key[1],
                first as u64,
            );
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        self.block = [a, b, c, d];
        self.position = 0;
    }
}

impl BitSource for Philox {
    #[inline]
    fn next_u64(&mut self) -> u64 {
        if self.position >= BLOCK {
            self.refill();
        }
        let word = self.block[self.position];
        self.position += 1;
        word
    }

    fn next_u32(&mut self) -> u32 {
        if let Some(word) = self.kept.take() {
            return word;
        }
        let word = self.next_u64();
        self.kept = Some((word >> 32) as u32);
        word as u32
    }
}
