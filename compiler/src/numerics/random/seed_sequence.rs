//! From a seed to the state of a generator: `np.random.SeedSequence`.

const POOL: usize = 4;
const INIT_A: u32 = 0x43b0_d7e5;
const MULT_A: u32 = 0x931e_8875;
const INIT_B: u32 = 0x8b51_f9dd;
const MULT_B: u32 = 0x58f3_8ded;
const MIX_LEFT: u32 = 0xca01_f9dd;
const MIX_RIGHT: u32 = 0x4973_f715;

/// A pool of mixed seed bits (M. E. O'Neill, "Developing a seed_seq alternative", 2015).
#[derive(Clone, Debug)]
pub struct SeedSequence {
    pool: [u32; POOL],
}

impl SeedSequence {
    /// `np.random.SeedSequence(seed)`.
    pub fn new(seed: u64) -> SeedSequence {
        let words = [seed as u32, (seed >> 32) as u32, 0, 0];
        let mut constant = INIT_A;
        let mut pool = words.map(|word| hash(word, &mut constant, MULT_A));
        for source in 0..POOL {
            for target in 0..POOL {
                if source != target {
                    pool[target] = mix(pool[target], hash(pool[source], &mut constant, MULT_A));
                }
            }
        }
        SeedSequence { pool }
    }

    /// `generate_state(N, np.uint64)`.
    pub fn state<const N: usize>(&self) -> [u64; N] {
        let mut constant = INIT_B;
        let mut words = self.pool.iter().cycle();
        let mut next = || u64::from(hash(words.next().copied().unwrap_or(0), &mut constant, MULT_B));
        std::array::from_fn(|_| {
            let low = next();
            low | (next() << 32)
        })
    }
}

fn hash(word: u32, constant: &mut u32, multiplier: u32) -> u32 {
    let word = word ^ *constant;
    *constant = constant.wrapping_mul(multiplier);
    let word = word.wrapping_mul(*constant);
    word ^ (word >> 16)
}

fn mix(left: u32, right: u32) -> u32 {
    let word = MIX_LEFT.wrapping_mul(left).wrapping_sub(MIX_RIGHT.wrapping_mul(right));
    word ^ (word >> 16)
}
