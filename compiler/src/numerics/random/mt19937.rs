//! The Mersenne Twister, as behind `np.random.seed`.

use super::BitSource;

const WORDS: usize = 624;
const SHIFT: usize = 397;

/// MT19937 (M. Matsumoto, T. Nishimura, ACM TOMACS 8(1), 1998).
#[derive(Clone, Debug)]
pub struct Mt19937 {
    key: [u32; WORDS],
    /// Index of the next word of `key`; `WORDS` when all are used.
    position: usize,
}

impl Mt19937 {
    /// The state after `np.random.seed(seed)`; NumPy allows only 32 bits, of others the low 32 count.
    pub fn new(seed: u64) -> Mt19937 {
        let mut key = [0; WORDS];
        let mut word = seed as u32;
        for (index, slot) in key.iter_mut().enumerate() {
            *slot = word;
            word = 1_812_433_253u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(index as u32 + 1);
        }
        Mt19937 { key, position: WORDS }
    }

    /// Makes the next 624 words. In three parts, so that no index wraps and the words are made several at a time.
    #[cold]
    fn refill(&mut self) {
        let key = &mut self.key;
        for index in 0..WORDS - SHIFT {
            key[index] = key[index + SHIFT] ^ twisted(key[index], key[index + 1]);
        }
        for index in WORDS - SHIFT..WORDS - 1 {
            key[index] = key[index + SHIFT - WORDS] ^ twisted(key[index], key[index + 1]);
        }
        key[WORDS - 1] = key[SHIFT - 1] ^ twisted(key[WORDS - 1], key[0]);
        self.position = 0;
    }
}

/// The highest bit of a word and the others of the next one, times the twist matrix.
#[inline]
fn twisted(word: u32, next: u32) -> u32 {
    let mixed = (word & 0x8000_0000) | (next & 0x7fff_ffff);
    (mixed >> 1) ^ ((mixed & 1).wrapping_neg() & 0x9908_b0df)
}

#[inline]
fn tempered(mut word: u32) -> u32 {
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c_5680;
    word ^= (word << 15) & 0xefc6_0000;
    word ^ (word >> 18)
}

impl BitSource for Mt19937 {
    #[inline]
    fn next_u32(&mut self) -> u32 {
        if self.position >= WORDS {
            self.refill();
        }
        let word = self.key[self.position];
        self.position += 1;
        tempered(word)
    }

    #[inline]
    fn next_u64(&mut self) -> u64 {
        let high = self.next_u32();
        (u64::from(high) << 32) | u64::from(self.next_u32())
    }

    #[inline]
    fn next_f64(&mut self) -> f64 {
        let high = self.next_u32() >> 5;
        let low = self.next_u32() >> 6;
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }
}
