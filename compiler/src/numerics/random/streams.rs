//! What `np.random.*` means in a kernel: one main stream, and inside parallel loops one stream per iteration.
//!
//! The main stream is NumPy's MT19937. An iteration of a `prange` that draws has a stream of its own, so that its
//! numbers depend neither on threads nor on the order of execution: Philox 4x64-10 with the key (seed, key of the
//! loop) and the counter (0, iteration, epoch, 0). The epoch is the number of parallel loops that drew before
//! since the seed was set. In NumPy it is
//! `np.random.RandomState(np.random.Philox(key=[seed, loop], counter=[0, iteration, epoch, 0]))`.

use super::{BitSource, Mt19937, Philox, legacy};

/// The streams of one call. Copies for the threads of a parallel loop come from [`KernelRandom::for_chunk`].
#[derive(Clone, Debug)]
pub struct KernelRandom {
    seed: u64,
    epoch: u64,
    /// Made when first drawn from: 624 words cost a microsecond, and most kernels draw nothing.
    main: Option<Box<Mt19937>>,
    /// The second number of a pair of normal ones, of the main stream.
    main_kept: Option<f64>,
    iteration: Option<Iteration>,
}

#[derive(Clone, Debug)]
struct Iteration {
    loop_key: u64,
    number: u64,
    source: Philox,
    kept: Option<f64>,
}

impl KernelRandom {
    /// The state after `np.random.seed(seed)`.
    pub fn new(seed: u64) -> KernelRandom {
        KernelRandom { seed, epoch: 0, main: None, main_kept: None, iteration: None }
    }

    /// `np.random.seed(seed)`. Inside a parallel iteration only that iteration's stream starts anew, with this seed
    /// in its key.
    pub fn seed(&mut self, seed: i64) {
        match &mut self.iteration {
            Some(iteration) => *iteration = Iteration::new(seed as u64, iteration.loop_key, iteration.number, self.epoch),
            None => *self = KernelRandom::new(seed as u64),
        }
    }

    /// A state for the iterations of a chunk of a parallel loop. It must begin an iteration before it draws.
    pub fn for_chunk(&self) -> KernelRandom {
        KernelRandom { seed: self.seed, epoch: self.epoch, main: None, main_kept: None, iteration: None }
    }

    /// From here on draws come from the stream of this iteration of this loop.
    pub fn begin_iteration(&mut self, loop_key: u64, number: i64) {
        self.iteration = Some(Iteration::new(self.seed, loop_key, number as u64, self.epoch));
    }

    /// Back to the main stream, after a parallel loop that draws; the next one draws other numbers.
    pub fn end_loop(&mut self) {
        self.iteration = None;
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// `np.random.random()`.
    pub fn random(&mut self) -> f64 {
        match &mut self.iteration {
            Some(iteration) => iteration.source.next_f64(),
            None => self.main().next_f64(),
        }
    }

    /// `np.random.uniform(low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        match &mut self.iteration {
            Some(iteration) => legacy::uniform(&mut iteration.source, low, high),
            None => legacy::uniform(self.main(), low, high),
        }
    }

    /// `np.random.standard_normal()`.
    pub fn standard_normal(&mut self) -> f64 {
        match &mut self.iteration {
            Some(iteration) => legacy::standard_normal(&mut iteration.source, &mut iteration.kept),
            None => {
                let mut kept = self.main_kept.take();
                let value = legacy::standard_normal(self.main(), &mut kept);
                self.main_kept = kept;
                value
            }
        }
    }

    /// `np.random.normal(mean, deviation)`.
    pub fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        mean + deviation * self.standard_normal()
    }

    /// `np.random.standard_exponential()`.
    pub fn standard_exponential(&mut self) -> f64 {
        match &mut self.iteration {
            Some(iteration) => legacy::standard_exponential(&mut iteration.source),
            None => legacy::standard_exponential(self.main()),
        }
    }

    /// `np.random.randint(low, high)`, for `low < high`.
    pub fn randint(&mut self, low: i64, high: i64) -> i64 {
        match &mut self.iteration {
            Some(iteration) => legacy::randint(&mut iteration.source, low, high),
            None => legacy::randint(self.main(), low, high),
        }
    }

    fn main(&mut self) -> &mut Mt19937 {
        self.main.get_or_insert_with(|| Box::new(Mt19937::new(self.seed)))
    }
}

impl Iteration {
    fn new(seed: u64, loop_key: u64, number: u64, epoch: u64) -> Iteration {
        let source = Philox::new([seed, loop_key], [0, number, epoch, 0]);
        Iteration { loop_key, number, source, kept: None }
    }
}
