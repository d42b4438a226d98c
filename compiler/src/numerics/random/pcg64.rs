//! PCG64, the generator behind `np.random.default_rng`.

use super::{BitSource, SeedSequence};

/// Words of the stored form of [`Pcg64`]: state (high, low), increment (high, low), whether half a word is kept,
/// and that half.
pub const PCG64_WORDS: usize = 6;

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

/// PCG XSL RR 128/64 (M. E. O'Neill, 2014).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pcg64 {
    state: u128,
    increment: u128,
    kept: Option<u32>,
}

impl Pcg64 {
    /// The generator of `np.random.default_rng(seed)`.
    pub fn new(seed: u64) -> Pcg64 {
        let [state_high, state_low, inc_high, inc_low] = SeedSequence::new(seed).state::<4>();
        let mut generator = Pcg64 { state: 0, increment: (join(inc_high, inc_low) << 1) | 1, kept: None };
        generator.step();
        generator.state = generator.state.wrapping_add(join(state_high, state_low));
        generator.step();
        generator
    }

    /// The stored form.
    pub fn to_words(&self) -> [u64; PCG64_WORDS] {
        [
            (self.state >> 64) as u64,
            self.state as u64,
            (self.increment >> 64) as u64,
            self.increment as u64,
            u64::from(self.kept.is_some()),
            u64::from(self.kept.unwrap_or(0)),
        ]
    }

    /// The generator with this stored form. Every content is some generator.
    pub fn from_words(words: &[u64; PCG64_WORDS]) -> Pcg64 {
        let [state_high, state_low, inc_high, inc_low, has_kept, kept] = *words;
        Pcg64 {
            state: join(state_high, state_low),
            increment: join(inc_high, inc_low),
            kept: (has_kept != 0).then_some(kept as u32),
        }
    }

    /// Draws from a generator in its stored form and stores it back; `None` if the slice is too short.
    pub fn with_words<T>(words: &mut [u64], draw: impl FnOnce(&mut Pcg64) -> T) -> Option<T> {
        let words = words.first_chunk_mut::<PCG64_WORDS>()?;
        let mut generator = Pcg64::from_words(words);
        let value = draw(&mut generator);
        *words = generator.to_words();
        Some(value)
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }
}

impl BitSource for Pcg64 {
    fn next_u64(&mut self) -> u64 {
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
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

fn join(high: u64, low: u64) -> u128 {
    (u128::from(high) << 64) | u128::from(low)
}
