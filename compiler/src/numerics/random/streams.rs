//! What `np.random.*` means in a kernel: one main stream, and inside parallel loops one stream per iteration.
//!
//! The main stream is NumPy's MT19937. An iteration of a `prange` that draws has a stream of its own, so that its
//! numbers depend neither on threads nor on the order of execution: Philox 4x64-10 with the key (seed, key of the
//! loop) and the counter (0, iteration, epoch, lineage). The epoch is the number of drawing parallel loops that
//! ended before, since the seed was set; the lineage is 0, and for a loop that runs inside an iteration of
//! another one a hash of what names that iteration. In NumPy, for a loop that is not nested, it is
//! `np.random.RandomState(np.random.Philox(key=[seed, loop], counter=[0, iteration, epoch, 0]))`.

use super::{BitSource, Mt19937, Philox, legacy};

/// The streams of one call. Copies for the threads of a parallel loop come from [`KernelRandom::for_chunk`].
#[derive(Clone, Debug)]
pub struct KernelRandom {
    /// Where the loops that are not inside an iteration stand.
    scope: Scope,
    /// Made when first drawn from: 624 words cost a microsecond, and most kernels draw nothing.
    main: Option<Box<Mt19937>>,
    /// The second number of a pair of normal ones, of the main stream.
    main_kept: Option<f64>,
    /// The iterations that are being executed, outermost first. Two neighbours have different loop keys.
    iterations: Vec<Iteration>,
}

/// What the streams of a loop depend on besides the loop itself.
#[derive(Clone, Copy, Debug)]
struct Scope {
    seed: u64,
    epoch: u64,
    lineage: u64,
}

#[derive(Clone, Debug)]
struct Iteration {
    loop_key: u64,
    number: u64,
    source: Philox,
    kept: Option<f64>,
    /// Around the loop.
    outer: Scope,
    /// Number of drawing loops that ended inside this iteration.
    epoch: u64,
}

impl KernelRandom {
    /// The state after `np.random.seed(seed)`.
    #[inline]
    pub fn new(seed: u64) -> KernelRandom {
        let scope = Scope { seed, epoch: 0, lineage: 0 };
        KernelRandom { scope, main: None, main_kept: None, iterations: Vec::new() }
    }

    /// `np.random.seed(seed)`. Inside a parallel iteration only that iteration's stream starts anew, with this seed
    /// in its key.
    pub fn seed(&mut self, seed: i64) {
        let Some(iteration) = self.iterations.pop() else {
            *self = KernelRandom::new(seed as u64);
            return;
        };
        let outer = Scope { seed: seed as u64, ..self.current_scope() };
        self.iterations.push(Iteration::new(outer, iteration.loop_key, iteration.number));
    }

    /// A state for the iterations of a chunk of a parallel loop that starts here. It must begin an iteration before
    /// it draws. The state here only gets [`KernelRandom::end_loop`] when all chunks are done.
    pub fn for_chunk(&self) -> KernelRandom {
        KernelRandom { scope: self.current_scope(), main: None, main_kept: None, iterations: Vec::new() }
    }

    /// From here on draws come from the stream of this iteration of this loop; the loop's iteration before, if it
    /// was executed on this state, is over.
    #[inline]
    pub fn begin_iteration(&mut self, loop_key: u64, number: i64) {
        match self.iterations.as_mut_slice() {
            // Nearly always: the next iteration of the same loop, in place.
            [last] if last.loop_key == loop_key => last.restart(self.scope, number as u64),
            [.., parent, last] if last.loop_key == loop_key => last.restart(parent.scope(), number as u64),
            _ => {
                let iteration = Iteration::new(self.current_scope(), loop_key, number as u64);
                self.iterations.push(iteration);
            }
        }
    }

    /// Seed, epoch and lineage of the streams of the iterations of this loop, as [`KernelRandom::begin_iteration`] would
    /// take them: for who draws without a state. The first two words of iteration `i` are words of the block of the key
    /// (seed, `loop_key`) and the counter (1, `i`, epoch, lineage).
    pub fn stream(&self, loop_key: u64) -> [u64; 3] {
        let scope = match self.iterations.as_slice() {
            [last] if last.loop_key == loop_key => self.scope,
            [.., parent, last] if last.loop_key == loop_key => parent.scope(),
            _ => self.current_scope(),
        };
        [scope.seed, scope.epoch, scope.lineage]
    }

    /// Back to the stream before the loop, after a parallel loop that draws; the next one draws other numbers.
    pub fn end_loop(&mut self, loop_key: u64) {
        self.leave(loop_key);
        let epoch =
            self.iterations.last_mut().map_or(&mut self.scope.epoch, |iteration| &mut iteration.epoch);
        *epoch = epoch.wrapping_add(1);
    }

    /// Seed and epoch of the streams of a loop that starts here, outside any iteration; `None` inside of one.
    #[must_use]
    pub fn loop_scope(&self) -> Option<(u64, u64)> {
        let Scope { seed, epoch, lineage } = self.scope;
        (self.iterations.is_empty() && lineage == 0).then_some((seed, epoch))
    }

    fn leave(&mut self, loop_key: u64) {
        self.iterations.pop_if(|iteration| iteration.loop_key == loop_key);
    }

    fn current_scope(&self) -> Scope {
        self.iterations.last().map_or(self.scope, Iteration::scope)
    }

    /// `np.random.random()`.
    #[inline]
    pub fn random(&mut self) -> f64 {
        match self.iterations.last_mut() {
            Some(iteration) => iteration.source.next_f64(),
            None => self.main().next_f64(),
        }
    }

    /// `np.random.uniform(low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        match self.iterations.last_mut() {
            Some(iteration) => legacy::uniform(&mut iteration.source, low, high),
            None => legacy::uniform(self.main(), low, high),
        }
    }

    /// `np.random.standard_normal()`.
    pub fn standard_normal(&mut self) -> f64 {
        match self.iterations.last_mut() {
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
        match self.iterations.last_mut() {
            Some(iteration) => legacy::standard_exponential(&mut iteration.source),
            None => legacy::standard_exponential(self.main()),
        }
    }

    /// `np.random.randint(low, high)`, for `low < high`.
    pub fn randint(&mut self, low: i64, high: i64) -> i64 {
        match self.iterations.last_mut() {
            Some(iteration) => legacy::randint(&mut iteration.source, low, high),
            None => legacy::randint(self.main(), low, high),
        }
    }

    #[inline]
    fn main(&mut self) -> &mut Mt19937 {
        let seed = self.scope.seed;
        self.main.get_or_insert_with(|| first_use(seed))
    }
}

#[cold]
#[inline(never)]
fn first_use(seed: u64) -> Box<Mt19937> {
    Box::new(Mt19937::new(seed))
}

impl Iteration {
    fn new(outer: Scope, loop_key: u64, number: u64) -> Iteration {
        let source = Philox::new([outer.seed, loop_key], [0, number, outer.epoch, outer.lineage]);
        Iteration { loop_key, number, source, kept: None, outer, epoch: 0 }
    }

    /// Becomes another iteration of the same loop.
    #[inline]
    fn restart(&mut self, outer: Scope, number: u64) {
        self.source.restart([outer.seed, self.loop_key], [0, number, outer.epoch, outer.lineage]);
        (self.number, self.kept, self.outer, self.epoch) = (number, None, outer, 0);
    }

    /// For the loops inside this iteration.
    fn scope(&self) -> Scope {
        let lineage = [self.loop_key, self.number, self.outer.epoch, self.outer.lineage]
            .into_iter()
            .fold(0, |hash, word| mix(hash ^ word));
        Scope { seed: self.outer.seed, epoch: self.epoch, lineage }
    }
}

/// The finaliser of SplitMix64 (G. Steele et al., OOPSLA 2014).
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
